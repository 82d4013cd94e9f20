"""S5 and LRU as statements: every law proved, every twin refuted, and the compiled output is the recurrence."""

import numpy as np
import pytest
import sympy as sp

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.recurrences.mimo_statements import INPUTS, lru_statement, s5_statement

pytestmark = pytest.mark.symbolic

STATEMENTS = [s5_statement, lru_statement]
SIZES = [(1, 1), (2, 3), (3, 4)]


@pytest.mark.parametrize(("states", "steps"), SIZES)
@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_claim_is_proved_and_every_twin_refuted(statement, states, steps):
    found = statement(states, steps)
    claims = [claim for claims in found.claims(degree=2).values() for claim in claims]
    assert len(claims) == 3 * steps + 2 * max(steps - 1, 1) + 1 + len(found.laws)
    for claim in claims:
        assert verify(claim).proved, claim.name
    for twin in found.twins:
        assert verify(twin).evidence is Evidence.REFUTED, twin.name


@pytest.mark.parametrize(("statement", "factor"), [(s5_statement, 2), (lru_statement, 1)])
def test_the_compiled_output_is_a_loop_over_time(statement, factor):
    states, steps = 2, 4
    form = statement(states, steps).output
    rng = np.random.default_rng(5)
    values = {symbol: rng.normal() + (0 if symbol.is_real else 1j * rng.normal()) for symbol in form.arguments}
    got = compile_kernel(form)(*values.values())
    named = {str(symbol): value for symbol, value in values.items()}
    state = np.zeros(states, dtype=complex)
    for k in range(1, steps + 1):
        u = [named[f"u_{k}_{i}"] for i in range(INPUTS)]
        for n in range(states):
            drive = sum(named[f"b_{n}_{i}"] * u[i] for i in range(INPUTS))
            state[n] = named[f"lambda_{n}"] * state[n] + drive * np.exp(named.get(f"gamma_{n}", 0.0))
    read = factor * sum(named[f"c_{n}"] * state[n] for n in range(states)).real
    expected = read + sum(named[f"D_{i}"] * u[i] for i in range(INPUTS))
    assert abs(got - expected) <= 1e-13 * max(1, abs(expected))  # twenty operations in float64


def test_one_step_for_all_modes_is_false_of_the_output_where_the_steps_differ():
    """The twin is about S5: its two sides are runs of the recurrence, and alike once the steps are equal."""
    (twin,) = (twin for twin in s5_statement(2, 2).twins if twin.name == "one step for all modes")
    first, second = sp.symbols("Delta_0 Delta_1", positive=True)
    assert verify(Identity(twin.left.xreplace({second: first}), twin.right, nonzero=twin.nonzero)).proved
    named = {str(symbol): symbol for symbol in twin.left.free_symbols}
    rng = np.random.default_rng(2)
    values = {s: complex(rng.normal(), 0 if s.is_real else rng.normal()) for s in named.values()}
    values |= {first: 0.3, second: 0.7}
    state = np.zeros(2, dtype=complex)
    for k in (1, 2):
        for n in range(2):
            a, step = values[named[f"a_{n}"]], values[named[f"Delta_{n}"]]
            drive = sum(values[named[f"b_{n}_{i}"]] * values[named[f"u_{k}_{i}"]] for i in range(INPUTS))
            state[n] = np.exp(a * step) * state[n] + (np.exp(a * step) - 1) / a * drive
    read = 2 * sum(values[named[f"c_{n}"]] * state[n] for n in range(2)).real
    expected = read + sum(values[named[f"D_{i}"]] * values[named[f"u_2_{i}"]] for i in range(INPUTS))
    assert complex(twin.left.subs(values)) == pytest.approx(expected, rel=1e-12)
    assert abs(complex(twin.right.subs(values)) - expected) > 0.01
    assert not [twin for twin in s5_statement(1, 2).twins if twin.name == "one step for all modes"]  # true of one mode


def test_the_degree_in_the_inputs_is_one():
    for statement in STATEMENTS:
        found = statement(2, 2)
        inputs = [s for s in found.output.expression.free_symbols if str(s).startswith("u_")]
        t = sp.Symbol("t", real=True)
        scaled = found.output.expression.xreplace({u: t * u for u in inputs})
        assert found.input_degree == 1
        assert sp.expand(scaled - t * found.output.expression) == 0


def test_a_wrong_size_is_refused():
    for statement in STATEMENTS:
        with pytest.raises(ValueError, match="states"):
            statement(0, 2)
        with pytest.raises(ValueError, match="steps"):
            statement(2, 0)
