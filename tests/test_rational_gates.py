"""RG-LRU and S7: exact with their gates as letters; S7 polynomial after clearing denominators."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.recurrences.affine import VaryingDiagonal, step_symbols
from carleman_ssm.recurrences.circle_gates import on_circle
from carleman_ssm.recurrences.gate_costs import decay_error_bound, square_root_error
from carleman_ssm.recurrences.rational_gates import (
    cleared,
    cleared_degree,
    rg_lru_statement,
    s7_multiplier,
    s7_statement,
)

pytestmark = pytest.mark.symbolic

STATEMENTS = [rg_lru_statement, s7_statement]
SIZES = [(1, 1), (1, 3), (2, 1), (2, 3)]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_claim_is_proved(statement, sizes):
    for what, identities in statement(*sizes).claims().items():
        assert identities, what
        for identity in identities:
            assert verify(identity).proved, (what, identity.name)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_three_states_and_four_steps_are_proved(statement):
    found = statement(3, 4)
    assert all(verify(identity).proved for what in found.claims().values() for identity in what)


@pytest.mark.parametrize("sizes", [*SIZES, (3, 4)])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_twin_is_refuted_with_a_witness(statement, sizes):
    found = statement(*sizes)
    assert len(found.twins) >= (3 if sizes[1] > 1 else 1)
    for twin in found.twins:
        verdict = verify(twin)
        assert verdict.evidence is Evidence.REFUTED, twin.name
        assert verdict.witness


def test_the_first_step_of_rg_lru_is_undamped_and_a_point_of_the_circle():
    """With numbers, a_1 drawn freely: β_1 = 1 gives the state that t_1 = 1 gives; the root of a_1 gives another."""
    decays, roots, x = (0.9, 0.8, 0.3), (1.0, 0.6, np.sqrt(1 - 0.09)), (2.0, -1.0, 0.5)
    state = 0.0
    for a, beta, entry in zip(decays, roots, x, strict=True):
        state = a * state + beta * entry
    form = rg_lru_statement(1, 3).output
    letters = {"c_0": 1.0, "s_0": 1.0} | {f"x_{k}_0": entry for k, entry in enumerate(x, 1)}
    letters |= {f"a_{k}_0": a for k, a in enumerate(decays, 1)}
    letters |= {f"beta_{k}_0": beta for k, beta in enumerate(roots, 1)}

    def at(**changed):
        return float(form.expression.subs({sp.Symbol(name): value for name, value in (letters | changed).items()}))

    decay, root = map(float, on_circle(sp.S.One))
    assert (decay, root) == (0, 1)
    assert at() == pytest.approx(state, rel=1e-14)
    assert at(a_1_0=decay, beta_1_0=root) == pytest.approx(state, rel=1e-14)
    assert abs(at(beta_1_0=np.sqrt(1 - 0.81)) - state) > 0.1
    names = [twin.name for twin in rg_lru_statement(2, 1).twins]
    assert "the first step is damped like the others" in names


def test_the_range_of_the_multiplier_of_s7_is_claimed_of_real_rates_and_false_of_complex_ones():
    found = s7_statement(1, 2)
    laws = [law for law in found.laws if "the multiplier is" in law.name]
    assert len(laws) == 2
    for law in laws:
        (rate,) = law.left.free_symbols
        assert rate.is_real
        (twin,) = (twin for twin in found.twins if twin.name.startswith(law.name))
        (letter,) = twin.left.free_symbols
        assert letter.is_real is None
        assert twin.left.subs(letter, rate) == law.left
        assert twin.right.subs(letter, rate) == law.right
    assert s7_multiplier(sp.I / 2) == -3  # where the claim would fail
    assert s7_multiplier(sp.I) == 3


def test_the_output_of_s7_is_no_polynomial_though_its_cleared_state_is():
    found = unfold(s7_statement(1, 2).output).expression
    numerator, denominator = sp.fraction(sp.cancel(sp.together(found)))
    u = sp.symbols("u_1 u_2")
    # from rest the first multiplier is not read: only the second step leaves its denominator
    assert sp.Poly(denominator, *u).total_degree() == 2
    assert sp.Poly(numerator, *u).total_degree() == cleared_degree(2) - 2


rationals = st.fractions(-3, 3, max_denominator=4).map(lambda f: sp.Rational(f.numerator, f.denominator))


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(1, 2), st.integers(1, 4))
def test_the_cleared_recurrence_is_the_scaled_state_also_where_the_rate_vanishes(data, states, steps):
    rows = st.lists(rationals | st.just(sp.S.Zero), min_size=states, max_size=states)
    rates = [tuple(data.draw(rows)) for _ in range(steps)]
    drives = [tuple(data.draw(rows)) for _ in range(steps)]
    recurrence = VaryingDiagonal([tuple(map(s7_multiplier, row)) for row in rates], drives)
    scaled, true = cleared(recurrence, rates).state(steps), recurrence.recurred_state(steps)
    for n in range(states):
        assert scaled[n] == true[n] * sp.Mul(*(2 * row[n] ** 2 + 1 for row in rates))
        assert all(-1 <= s7_multiplier(row[n]) < 1 for row in rates)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_degree_of_the_cleared_state_in_the_inputs(steps):
    found = s7_statement(1, steps)
    where = found.output.where
    rates = [tuple(map(where.__getitem__, row)) for row in step_symbols("Lambda", steps, 1)]
    drives = [tuple(map(where.__getitem__, row)) for row in step_symbols("b", steps, 1)]
    polynomial = cleared(VaryingDiagonal([tuple(map(s7_multiplier, row)) for row in rates], drives), rates)
    inputs = sp.symbols(f"u_1:{steps + 1}")
    assert sp.Poly(polynomial.state(steps)[0], *inputs).total_degree() == cleared_degree(steps)
    # but for special parameters it can be less: constant rates leave what the drives have
    constant = polynomial.state(steps)[0].xreplace({sp.Symbol("w_0"): sp.S.Zero})
    assert sp.Poly(constant, *inputs).total_degree() == 2


def test_the_compiled_output_of_s7_is_the_recurrence_in_floats():
    form = s7_statement(2, 3).output
    kernel = compile_kernel(form)
    rng = np.random.default_rng(0)
    values = {str(name): rng.normal() for name in form.arguments}
    state = np.zeros(2)
    for k in (1, 2, 3):
        u = values[f"u_{k}"]
        for n in range(2):
            rate = values[f"w_{n}"] * u + values[f"z_{n}"]
            drive = (values[f"B_{n}"] * u + values[f"beta_{n}"]) * u + values[f"o_{n}"]
            state[n] = (1 - 1 / (rate**2 + 0.5)) * state[n] + drive
    expected = sum(values[f"c_{n}"] * state[n] for n in range(2))
    assert kernel(*(values[str(name)] for name in form.arguments)) == pytest.approx(expected, rel=1e-12)
    assert not unfold(form).where


@settings(max_examples=30, deadline=None)
@given(rationals, rationals, rationals.filter(lambda t: abs(t) <= 1))
def test_a_step_of_rg_lru_never_exceeds_state_and_input_together(h, x, t):
    decay, root = on_circle(t)
    assert (decay * h + root * x) ** 2 <= h**2 + x**2


@pytest.mark.parametrize("degree", [0, 1, 2, 8, 33])
def test_the_error_of_the_cut_root_is_met_at_one_and_nowhere_exceeded(degree):
    """Second route: Chebyshev coefficients by quadrature, the rest on a grid that contains a = 1."""
    with mpmath.workdps(30):

        def root_part(m):
            scale = (1 if m == 0 else 2) / mpmath.pi
            return scale * mpmath.quad(lambda t: mpmath.sin(t) * mpmath.cos(m * t), [0, mpmath.pi])

        coefficients = [root_part(m) for m in range(degree + 1)]
        angles = [mpmath.pi / 2 * i / 60 for i in range(61)]
        errors = [abs(mpmath.sin(t) - sum(c * mpmath.cos(m * t) for m, c in enumerate(coefficients))) for t in angles]
        bound = mpmath.mpf(str(sp.N(square_root_error(degree), 30)))
        assert max(errors) <= bound + mpmath.mpf(10) ** -20
        assert abs(errors[0] - bound) < mpmath.mpf(10) ** -20


def test_the_sum_behind_that_error_telescopes():
    half = sp.Symbol("K", integer=True, positive=True)
    partial = half / (2 * half + 1)
    step = Identity(partial - partial.subs(half, half - 1), 1 / (4 * half**2 - 1))
    assert verify(step).proved
    assert partial.subs(half, 0) == 0
    rest = 4 / sp.pi * (sp.Rational(1, 2) - partial)
    assert all(verify(Identity(rest.subs(half, cut), square_root_error(2 * cut))).proved for cut in range(1, 6))


@pytest.mark.parametrize("degree", [1, 2, 5, 12])
@pytest.mark.parametrize("rate", [sp.Rational(1, 50), sp.Rational(21, 25), sp.Integer(4)])
def test_the_bound_of_the_decay_holds_and_is_not_far_from_the_error(rate, degree):
    """Second route: Chebyshev coefficients by quadrature, the rest on a grid that contains r = 0."""
    with mpmath.workdps(60):
        s = mpmath.mpf(rate.p) / rate.q

        def decay(x):
            return mpmath.exp(-s * (x + 1) / 2)

        def coefficient(m):
            whole = mpmath.quad(lambda t: decay(mpmath.cos(t)) * mpmath.cos(m * t), [0, mpmath.pi])
            return (1 if m == 0 else 2) / mpmath.pi * whole

        coefficients = [coefficient(m) for m in range(degree + 1)]
        angles = [mpmath.pi * i / 40 for i in range(41)]
        errors = [
            abs(decay(mpmath.cos(t)) - sum(c * mpmath.cos(m * t) for m, c in enumerate(coefficients))) for t in angles
        ]
        bound = mpmath.mpf(str(sp.N(decay_error_bound(rate, degree), 60)))
        assert max(errors) <= bound
        assert bound < 2 * errors[-1]


def test_the_root_costs_more_than_the_decay():
    """At the largest rate with which RG-LRU starts, 8 ln(1/0.9) < 21/25 + 1/100."""
    assert decay_error_bound(sp.Rational(85, 100), 8) < sp.Rational(1, 10**10)
    assert square_root_error(8) > sp.Rational(7, 100)


def test_impossible_rates_and_degrees_are_refused():
    with pytest.raises(ValueError, match="positive"):
        decay_error_bound(sp.Integer(0), 3)
    with pytest.raises(ValueError, match="positive"):
        decay_error_bound(sp.Symbol("s", positive=True), 3)
    with pytest.raises(ValueError, match="degree above"):
        decay_error_bound(sp.Integer(40), 3)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="number of states"):
        s7_statement(0, 2)
    with pytest.raises(TypeError, match="number of steps"):
        rg_lru_statement(2, "3")
    with pytest.raises(ValueError, match="degree"):
        square_root_error(-1)
