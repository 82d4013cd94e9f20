"""Bounds: certified by ball arithmetic, refuted with a rational witness, or left open; never by sampling."""

import random

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import carleman_ssm as cs
from carleman_ssm.formulas import ball_verification
from carleman_ssm.formulas.ball_verification import verify_bound
from carleman_ssm.formulas.balls import Enclosure, NoEnclosure, integer_power, interval_ball
from carleman_ssm.formulas.special import phi

pytestmark = pytest.mark.symbolic

x, y = sp.symbols("x y", real=True)
TRUE = {
    "strict": cs.Bound(1 + x / 2, sp.exp(x) + 1, {x: (-3, 3)}),
    "tangent at 0": cs.Bound(1 + x, sp.exp(x), {x: (-3, 3)}),
    "of third order at an end": cs.Bound(x - x**3 / 6, sp.sin(x), {x: (0, 5)}),
    "equal at an end": cs.Bound(sp.log(1 + x), x, {x: (0, 3)}),
    "maximum inside": cs.Bound(sp.cos(x), 1, {x: (-4, 4)}),
    "minimum at a dyadic point": cs.Bound(-sp.exp(-2), (2 - x**2) * sp.exp(-(x**2) / 2) / 2, {x: (-8, 8)}),
    "a square": cs.Bound(2 * x * y, x**2 + y**2, {x: (-1, 1), y: (-1, 1)}),
    "triangle": cs.Bound(sp.Abs(x + y), sp.Abs(x) + sp.Abs(y), {x: (-1, 1), y: (-1, 1)}),
    "absolute value": cs.Bound(sp.Abs(sp.tanh(x)), sp.Abs(x), {x: (-3, 3)}),
    "equal sides": cs.Bound(x, x, {x: (0, 1)}),
    "numbers": cs.Bound(sp.sqrt(2) + sp.sqrt(3), sp.pi + sp.Rational(1, 200), {}),
    "equal numbers": cs.Bound((x + sp.sqrt(2)) ** 2, 3 + 2 * sp.sqrt(2), {x: (1, 1)}),
    "a phi-function": cs.Bound(1 + x / 2, phi(1, x), {x: (-2, 2)}),
    "maximum of two": cs.Bound(sp.Max(x, -x), sp.sqrt(x**2 + sp.Rational(1, 10)), {x: (-1, 1)}),
}
FALSE = {
    "by one per cent": cs.Bound(1 + x + x**2 / 2, sp.exp(x), {x: (-3, 3)}),
    "sign": cs.Bound(sp.exp(x), 1 + x, {x: (-3, 3)}),
    "only far out": cs.Bound(sp.sin(x), x - x**3 / 7, {x: (0, 5)}),
    "only near 0": cs.Bound(sp.Abs(sp.tanh(x)), sp.Rational(999, 1000) * sp.Abs(x), {x: (-3, 3)}),
    "constant": cs.Bound(sp.cos(x), sp.Rational(99, 100), {x: (-4, 4)}),
    "pole": cs.Bound(1 / x, 5, {x: (0, 1)}),
    "beyond a jump with a smooth slope": cs.Bound(0, 1 + sp.atan(1 / (x - sp.Rational(1, 3))), {x: (0, 1)}),
    "numbers": cs.Bound(sp.pi + sp.Rational(1, 100), sp.sqrt(2) + sp.sqrt(3), {}),
}


@pytest.mark.parametrize("name", TRUE)
def test_true_bounds_are_certified(name):
    verdict = cs.verify(TRUE[name])
    assert verdict.evidence is cs.Evidence.CERTIFIED, str(verdict)
    assert not verdict.proved  # ball arithmetic is called certified, never proved


@pytest.mark.parametrize("name", FALSE)
def test_false_bounds_are_refuted_at_a_rational_point_of_the_box(name):
    bound = FALSE[name]
    verdict = cs.verify(bound)
    assert verdict.evidence is cs.Evidence.REFUTED, str(verdict)
    for symbol, value in verdict.witness.items():
        least, greatest = bound.domain[symbol]
        assert value.is_Rational
        assert least <= value <= greatest
    difference = (bound.left - bound.right).subs(verdict.witness)
    assert sp.N(difference, 40) > 0  # a second route: SymPy's own evaluation


@pytest.mark.parametrize("name", TRUE)
def test_a_bound_that_is_certified_fails_when_its_right_side_is_lowered(name):
    bound = TRUE[name]
    lowered = bound.right - 3 if name in ("strict", "maximum of two") else bound.right - sp.Rational(1, 50)
    assert cs.verify(cs.Bound(bound.left, lowered, bound.domain)).evidence is cs.Evidence.REFUTED


def test_what_does_not_decide_is_left_open(monkeypatch):
    monkeypatch.setattr(ball_verification, "PIECES", 200)
    touching_along_a_line = cs.Bound(sp.sqrt(x * y), (x + y) / 2, {x: (1, 2), y: (1, 2)})
    assert cs.verify(touching_along_a_line).evidence is cs.Evidence.UNDECIDED
    assert "smaller box" in str(cs.verify(touching_along_a_line))
    nowhere_defined = cs.Bound(sp.sqrt(x - 2), 5, {x: (0, 1)})
    assert cs.verify(nowhere_defined).evidence is cs.Evidence.UNDECIDED
    unknown = cs.Bound(0, sp.zeta(x), {x: (2, 3)})
    assert "no enclosure" in str(cs.verify(unknown))


def test_a_witness_respects_what_a_symbol_is_assumed_to_be():
    n = sp.Symbol("n", integer=True)
    true_for_integers_only = cs.Bound(0, n * (n - 1), {n: (0, 1)})
    assert cs.verify(true_for_integers_only).evidence is cs.Evidence.UNDECIDED
    verdict = cs.verify(cs.Bound(0, n * (n - 2), {n: (0, 2)}))
    assert verdict.evidence is cs.Evidence.REFUTED
    assert dict(verdict.witness) == {n: 1}


def test_a_symbol_of_one_value_is_named_in_the_witness():
    assert dict(cs.verify(cs.Bound(y, x - 1, {x: (1, 1), y: (1, 2)})).witness)[x] == 1


@pytest.mark.parametrize(
    "expression",
    [
        x**3 - 2 * x**2 * y + 1 / (3 + y),
        sp.exp(-(x**2)) * sp.erf(y) + sp.sqrt(2 + x),
        sp.Abs(x - y) + sp.Max(x, y) * sp.tanh(x * y),
        phi(2, x) * sp.cos(y) + sp.besseli(1, x) ** 2,
        sp.log(3 + x) * sp.sign(y) ** 2 + (x - y) ** -4 * 0 + (x - y) ** 4,
    ],
)
def test_an_enclosure_holds_the_values_at_random_points_of_its_box(expression):
    rng = random.Random(7)
    for _ in range(10):
        box = {}
        for symbol in (x, y):
            ends = sorted(sp.Rational(rng.randint(-16, 16), 10) for _ in range(2))
            box[symbol] = (ends[0], ends[1])
        ball = Enclosure(box)(expression)
        for _ in range(10):
            at = {s: a + (b - a) * sp.Rational(rng.randint(0, 100), 100) for s, (a, b) in box.items()}
            with mpmath.workdps(30):
                value = sp.lambdify((x, y), expression, [{"phi": _phi}, "mpmath"])(*map(_mpf, at.values()))
            low, high = float(ball.lower()), float(ball.upper())
            assert low - 1e-9 <= float(value) <= high + 1e-9, (expression, at)


def _mpf(value):
    return mpmath.mpf(int(value.p)) / int(value.q)


def _phi(order, z):
    return mpmath.hyp1f1(1, order + 1, z) / mpmath.factorial(order)


def test_powers_of_a_ball_around_zero_are_narrow():
    ball = interval_ball((sp.Integer(-1), sp.Integer(2)))
    for power, least, greatest in ((2, 0, 4), (3, -1, 8), (4, 0, 16), (0, 1, 1)):
        found = integer_power(ball, power)
        assert abs(float(found.lower()) - least) < 1e-6
        assert abs(float(found.upper()) - greatest) < 1e-6
    assert not integer_power(ball, -1).is_finite()


def test_signs_are_read_off_where_balls_begin_at_zero():
    box = Enclosure({x: (sp.S.Zero, sp.S.One), y: (sp.Integer(-1), sp.S.Zero)})
    assert [box.sign(e) for e in (x, y, x - y, x * y, x + y, (x + y) ** 2, -x)] == [1, -1, 1, -1, 0, 1, -1]


def test_what_is_no_real_arithmetic_is_named():
    with pytest.raises(NoEnclosure):
        Enclosure({x: (sp.S.Zero, sp.S.One)})(sp.I * x)
    assert verify_bound(cs.Bound(0, sp.I, {})).evidence is cs.Evidence.UNDECIDED
    with pytest.raises(TypeError, match="Identity or a Bound"):
        cs.verify(x < 1)


UNDEFINED = {
    "a pole inside": cs.Bound(0, x**-2, {x: (-1, 1)}),
    "a pole that no halving meets": cs.Bound(0, (x - sp.Rational(1, 3)) ** -2, {x: (0, 1)}),
    "a jump whose slope is smooth": cs.Bound(0, 2 + sp.atan(1 / (x - sp.Rational(1, 3))), {x: (0, 1)}),
    "a logarithm at 0": cs.Bound(x * sp.log(x), 1, {x: (0, 1)}),
    "a root below 0": cs.Bound(0, sp.sqrt(x), {x: (-1, 1)}),
    "a jump": cs.Bound(0, sp.sign(x - sp.Rational(1, 3)) + sp.Rational(1, 2), {x: (0, 1)}),
    "a float": cs.Bound(0, sp.Float("0.1") + x, {x: (0, 1)}),
    "a floor": cs.Bound(sp.floor(x), x, {x: (0, 2)}),
    "a logarithm that cancels": cs.Bound(sp.log(x), sp.log(x) + 1, {x: (-2, -1)}),
    "a pole that cancels": cs.Bound(1 / x, 1 / x + 1, {x: (-1, 1)}),
    "a root on both sides": cs.Bound(sp.sqrt(x), sp.sqrt(x), {x: (-2, -1)}),
    "an imaginary part that cancels": cs.Bound(sp.I * x, sp.I * x + 1, {x: (0, 1)}),
}


def test_a_phi_function_is_bounded_on_a_wide_box():
    """It increases; the false twin is refuted, and the ends are those of SymPy."""
    assert cs.verify(cs.Bound(cs.phi(2, x), sp.Rational(1, 2), {x: (-5, 0)})).evidence is cs.Evidence.CERTIFIED
    assert cs.verify(cs.Bound(cs.phi(2, x), sp.Rational(1, 4), {x: (-5, 0)})).evidence is cs.Evidence.REFUTED
    ball = Enclosure({x: (sp.Integer(-5), sp.Integer(1))})(cs.phi(2, x))
    least, most = (float(cs.phi(2, end).rewrite(sp.exp)) for end in (-5, 1))
    assert float(ball.lower()) == pytest.approx(least)
    assert float(ball.upper()) == pytest.approx(most)


def test_what_cancels_is_certified_where_it_is_defined():
    assert cs.verify(cs.Bound(1 / x, 1 / x + 1, {x: (1, 2)})).evidence is cs.Evidence.CERTIFIED
    assert cs.verify(cs.Bound(sp.sqrt(x), sp.sqrt(x) + y, {x: (0, 2), y: (0, 1)})).evidence is cs.Evidence.CERTIFIED


@pytest.mark.parametrize("name", UNDEFINED)
def test_what_is_not_defined_or_known_everywhere_is_never_certified(name, monkeypatch):
    monkeypatch.setattr(ball_verification, "PIECES", 150)
    verdict = cs.verify(UNDEFINED[name])
    assert verdict.evidence in (cs.Evidence.UNDECIDED, cs.Evidence.REFUTED), str(verdict)


@settings(max_examples=25)
@given(st.lists(st.integers(-4, 4), min_size=6, max_size=6), st.sampled_from([sp.cos, sp.exp, sp.tanh, sp.Abs]))
def test_no_point_contradicts_a_verdict_on_random_expressions(coefficients, function):
    c = coefficients
    left = c[0] * x**2 + c[1] * x * y + c[2] * function(y)
    right = sp.Integer(c[3]) + abs(c[4]) * x**2 + sp.Rational(c[5], 2) * y
    bound = cs.Bound(left, right, {x: (-1, 1), y: (0, 2)})
    verdict = cs.verify(bound)
    grid = [{x: sp.Rational(i, 4), y: sp.Rational(j, 2)} for i in range(-4, 5) for j in range(5)]
    violated = [point for point in grid if (left - right).subs(point).evalf(30) > sp.Float("1e-25")]
    if verdict.evidence is cs.Evidence.CERTIFIED:
        assert not violated
    elif verdict.evidence is cs.Evidence.REFUTED:
        assert (left - right).subs(verdict.witness).evalf(30) > 0
    else:
        assert not violated  # a clear violation is found, as corners and middles are tried first
