"""S5 and LRU as statements: every law proved, every twin refuted, and the compiled output is the recurrence."""

import numpy as np
import pytest
import sympy as sp

from carleman_ssm.formulas.numerics import compile_kernel
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
    assert len(claims) == 3 * steps + 2 + steps + len(found.laws)
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
