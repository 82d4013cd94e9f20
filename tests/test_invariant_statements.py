"""Statements of S4D, the S4 block, S4 and DSS: proved, their twins refuted, their outputs beside other routes."""

import functools

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.recurrences.block_statement import s4_block_statement
from carleman_ssm.recurrences.dense_laws import hippo_legs
from carleman_ssm.recurrences.invariant_statements import dss_statement, s4_statement, s4d_statement

pytestmark = pytest.mark.symbolic

RULES = [functools.partial(s4_block_statement, disc=rule) for rule in ("bilinear", "dss")]
STATEMENTS = [s4d_statement, s4_block_statement, *RULES, s4_statement, dss_statement]
SIZES = [(1, 1), (2, 3), (3, 4)]


@pytest.mark.parametrize("build", STATEMENTS)
@pytest.mark.parametrize(("states", "steps"), SIZES)
def test_every_claim_is_proved_and_every_twin_refuted(build, states, steps):
    statement = build(states, steps)
    claims = statement.claims(2)
    assert set(claims) == {"the lift collapses", "the output", "the laws"}
    for identities in claims.values():
        assert identities
        assert [i.name for i in identities if not verify(i).proved] == []
    assert [t.name for t in statement.twins if verify(t).evidence is not Evidence.REFUTED] == []


@pytest.mark.parametrize("build", STATEMENTS)
def test_every_parameter_of_the_recurrence_is_a_letter_of_the_output(build):
    output = unfold(build(2, 3).output)
    assert output.expression.free_symbols <= set(output.arguments)
    assert len(set(output.arguments)) == len(output.arguments)


def values_for(output, seed):
    rng = np.random.default_rng(seed)
    drawn = []
    for symbol in output.arguments:
        value = complex(rng.normal(), rng.normal())
        real = symbol.is_real
        drawn.append(abs(value) if symbol.is_positive else value.real if real else value)
    return dict(zip(map(str, output.arguments), drawn, strict=True))


def by_recurrence(multipliers, gains, read, inputs):
    state = [mpmath.mpc(0)] * len(multipliers)
    for u in inputs:
        state = [m * x + g * u for m, x, g in zip(multipliers, state, gains, strict=True)]
    return read(state)


def scalar(output, values):
    return complex(np.asarray(compile_kernel(output)(*(values[str(s)] for s in output.arguments))))


def parameters(values, stem, count):
    return [mpmath.mpc(values[f"{stem}_{n}"]) for n in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_the_output_of_s4d_is_what_a_held_input_gives(seed):
    output = s4d_statement(3, 4).output
    values = values_for(output, seed)
    rates, readout = parameters(values, "a", 3), parameters(values, "c", 3)
    step = values["Delta"]
    inputs = [values[f"u_{k}"] for k in range(1, 5)]
    gains = [mpmath.quad(lambda s, a=a: mpmath.exp(a * s), [0, step]) for a in rates]
    multipliers = [mpmath.exp(a * step) for a in rates]
    expected = by_recurrence(
        multipliers, gains, lambda x: 2 * mpmath.re(mpmath.fdot(readout, x)) + values["D"] * inputs[-1], inputs
    )
    found = scalar(output, values)
    assert abs(found - complex(expected)) <= 1e-12 * max(1, abs(expected))  # sums of 24 terms in float64


@pytest.mark.parametrize("seed", range(3))
def test_the_output_of_the_block_has_the_stored_sign(seed):
    output = s4_block_statement(2, 3).output
    values = values_for(output, seed)
    rates = [-mpmath.mpf(values[f"alpha_{n}"]) - 1j * mpmath.mpf(values[f"omega_{n}"]) for n in range(2)]
    drive, readout = parameters(values, "B", 2), parameters(values, "c", 2)
    step, inputs = values["Delta"], [values[f"u_{k}"] for k in range(1, 4)]
    modes = [
        (c * b * (mpmath.exp(a * step) - 1) / a, mpmath.exp(a * step))
        for c, b, a in zip(readout, drive, rates, strict=True)
    ]
    kernel = [2 * mpmath.re(sum(weight * multiplier**m for weight, multiplier in modes)) for m in range(3)]
    expected = sum(kernel[m] * inputs[2 - m] for m in range(3)) + values["D"] * inputs[2]
    assert abs(scalar(output, values) - complex(expected)) <= 1e-12 * max(1, abs(expected))


@pytest.mark.parametrize("seed", range(3))
def test_the_output_of_dss_is_a_softmax_over_the_lags_up_to_epsilon(seed):
    """The shares of every mode, with steps for both parts, shrunk by what epsilon takes; one mode decays, one grows."""
    output = dss_statement(2, 4).output
    values = values_for(output, seed) | {"epsilon": 0.3}
    for n, sign in enumerate((-1, 1)):
        drawn = values[f"Lambda_{n}"]
        values[f"Lambda_{n}"] = complex(sign * abs(drawn.real), drawn.imag)
    rates, weights = parameters(values, "Lambda", 2), parameters(values, "W", 2)

    def step(rate):
        return values["Delta_re"] * mpmath.re(rate) + 1j * values["Delta_im"] * mpmath.im(rate)

    inputs = [values[f"u_{k}"] for k in range(1, 5)]
    expected = values["D"] * inputs[-1]
    for rate, weight in zip(rates, weights, strict=True):
        exponentials = [mpmath.exp(step(rate) * lag) for lag in range(4)]
        damped = step(rate) if mpmath.re(rate) <= 0 else -step(rate)
        square = abs(rate * mpmath.expm1(4 * damped)) ** 2
        shares = [value / sum(exponentials) * square / (square + 0.3) for value in exponentials]
        expected += sum(mpmath.re(weight / rate * share) * u for share, u in zip(shares, reversed(inputs), strict=True))
    assert abs(scalar(output, values) - complex(expected)) <= 1e-10 * max(1, abs(expected))


@pytest.mark.parametrize("disc", ["zoh", "bilinear", "dss"])
def test_the_output_of_the_block_follows_its_rule(disc):
    output = s4_block_statement(2, 3, disc).output
    values = values_for(output, 7)
    step, inputs = values["Delta"], [values[f"u_{k}"] for k in range(1, 4)]
    expected = values["D"] * inputs[-1]
    for n in range(2):
        rate = -mpmath.mpf(values[f"alpha_{n}"]) - 1j * mpmath.mpf(values[f"omega_{n}"])
        weight = (1 if disc == "dss" else 2) * mpmath.mpc(values[f"B_{n}"]) * mpmath.mpc(values[f"c_{n}"])
        multiplier = mpmath.exp(rate * step)
        if disc == "bilinear":
            multiplier = (2 + rate * step) / (2 - rate * step)
        gain = (multiplier - 1) / rate  # the hold, and the bilinear rule as well: b = (lambda - 1)/a
        if disc == "dss":
            whole = rate * (multiplier**3 - 1)
            gain = (multiplier - 1) * mpmath.conj(whole) / (abs(whole) ** 2 + values["epsilon"])
        expected += sum(mpmath.re(weight * gain * multiplier ** (2 - k)) * u for k, u in enumerate(inputs))
    assert abs(scalar(output, values) - complex(expected)) <= 1e-12 * max(1, abs(expected))


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="disc: expected one of zoh, bilinear, dss, got 'euler'"):
        s4_block_statement(2, 3, "euler")


small = st.integers(-3, 3)


@given(
    st.lists(small, min_size=4, max_size=4),
    st.lists(small, min_size=4, max_size=4),
    st.lists(small, min_size=3, max_size=3),
)
def test_the_output_of_s4_at_whole_numbers_is_exact(matrix, vectors, inputs):
    output = s4_statement(2, 3).output
    names = ["a_0_0", "a_0_1", "a_1_0", "a_1_1", "b_0", "b_1", "c_0", "c_1", "u_1", "u_2", "u_3", "D"]
    numbers = dict(zip(names, [*matrix, *vectors, *inputs, 5], strict=True))
    found = output.expression.xreplace({s: sp.Integer(numbers[str(s)]) for s in output.expression.free_symbols})
    square, drive, row = np.array(matrix).reshape(2, 2), np.array(vectors[:2]), np.array(vectors[2:])
    state = np.zeros(2, dtype=int)
    for u in inputs:
        state = square @ state + drive * u
    assert found == row @ state + 5 * inputs[-1]


def test_the_exact_matrix_of_legs_has_the_spectrum_that_its_law_states():
    matrix = hippo_legs(4)
    assert matrix.eigenvals() == {sp.Integer(-n - 1): 1 for n in range(4)}


@pytest.mark.parametrize("build", STATEMENTS)
def test_sizes_that_are_no_counts_are_refused(build):
    with pytest.raises(ValueError, match="at least one"):
        build(0, 3)
    with pytest.raises(ValueError, match="at least one"):
        build(2, 0)
    with pytest.raises(TypeError):
        build(2.5, 3)
