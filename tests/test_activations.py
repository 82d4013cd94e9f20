"""Activations: float values, exact Taylor coefficients, ball series and slopes, each by another route."""

import math
from fractions import Fraction

import flint
import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given
from hypothesis import strategies as st

from carleman_ssm.theory.activations import activation, gelu_taylor_remainder
from carleman_ssm.theory.certification import ball_arithmetic

SMOOTH = ("gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "softplus")
POLYNOMIAL = ("identity", "square", "cube")
Y = sp.Symbol("y", real=True)


def reference(name, y):
    """The textbook formula in mpmath's working precision (not ours, not SymPy's)."""
    y = mp.mpf(y)
    formulas = {
        "gelu": lambda: y * mp.ncdf(y),
        "gelu_tanh": lambda: y / (1 + mp.exp(-2 * mp.sqrt(2 / mp.pi) * (y + mp.mpf(44715) / 10**6 * y**3))),
        "silu": lambda: y / (1 + mp.exp(-y)),
        "tanh": lambda: mp.tanh(y),
        "sigmoid": lambda: 1 / (1 + mp.exp(-y)),
        "softplus": lambda: mp.log1p(mp.exp(y)),
        "identity": lambda: y,
        "square": lambda: y**2,
        "cube": lambda: y**3,
    }
    return formulas[name]()


@pytest.mark.parametrize("name", SMOOTH + POLYNOMIAL)
@given(y=st.floats(-30, 30))
def test_float_values_and_slopes_agree_with_mpmath_also_in_the_tail(name, y):
    with mp.workdps(40):
        phi = activation(name)
        value, slope = reference(name, y), mp.diff(lambda v: reference(name, v), mp.mpf(y), h=mp.mpf("1e-12"))
        # relative accuracy: y·Φ(y) at y = -10 is 7.6e-23 and must not be lost by 1 + erf; the tanh form
        # has condition |y v'| in its tail
        condition = 1 + abs(y) ** 3 if name == "gelu_tanh" else 1 + y * y
        assert abs(mp.mpf(float(phi(y))) - value) <= 4e-16 * condition * abs(value) + 1e-307
        assert abs(mp.mpf(float(phi.derivative(y))) - slope) <= 1e-14 * condition * max(abs(slope), abs(value)) + 1e-15


@pytest.mark.parametrize("name", SMOOTH + POLYNOMIAL)
def test_expression_is_the_function(name):
    with mp.workdps(30):
        for y in (Fraction(-7, 2), Fraction(1, 3), Fraction(5)):
            exact = activation(name).expression(sp.Rational(y.numerator, y.denominator)).evalf(30)
            value = reference(name, mp.mpf(y.numerator) / y.denominator)
            assert abs(mp.mpf(str(exact)) - value) < mp.mpf("1e-27")


@pytest.mark.parametrize("name", SMOOTH + POLYNOMIAL)
def test_taylor_coefficients_agree_with_derivatives_in_mpmath(name):
    with mp.workdps(60):
        taylor = activation(name).taylor(12).coefficients
        expected = mp.taylor(lambda v: reference(name, v), 0, 12)
        for ours, theirs in zip(taylor, expected, strict=True):
            assert abs(mp.mpf(str(sp.N(ours, 50))) - theirs) < mp.mpf("1e-20") * (1 + abs(theirs))


@pytest.mark.parametrize("name", SMOOTH)
def test_taylor_coefficients_agree_exactly_with_symbolic_differentiation(name):
    expression = activation(name).expression(Y)
    for k, ours in enumerate(activation(name).taylor(5).coefficients):
        derivative = sp.diff(expression, Y, k).subs(Y, 0) / sp.factorial(k)
        assert sp.expand(ours - derivative) == 0


@pytest.mark.parametrize("name", SMOOTH)
def test_taylor_coefficients_lie_in_the_ball_series_at_two_precisions(name):
    taylor = activation(name).taylor(20).coefficients
    balls = []
    for bits in (80, 200):
        with ball_arithmetic(bits, order=22):
            series = activation(name).series(flint.arb_series([0, 1], prec=22))
            balls.append([series[k] for k in range(21)])
    with ball_arithmetic(400):
        for k, exact in enumerate(taylor):
            value = flint.arb(str(sp.N(exact, 90))) + flint.arb(0, "1e-88")
            assert all(row[k].overlaps(value) for row in balls)  # contains the exact value
            assert balls[0][k].overlaps(balls[1][k])  # two precisions overlap
            assert float(balls[1][k].rad()) < 1e-50  # and the balls are thin


@pytest.mark.parametrize("name", SMOOTH + POLYNOMIAL)
@given(y=st.fractions(-20, 20, max_denominator=999), radius=st.sampled_from([0, 1e-3, 0.25]))
def test_ball_series_contains_exact_values_in_the_ball(name, y, radius):
    with ball_arithmetic(80, order=4), mp.workdps(60):
        series = activation(name).series(
            flint.arb_series([flint.arb(flint.fmpq(y.numerator, y.denominator)), 1], prec=4)
        )
        wide = activation(name).series(
            flint.arb_series([flint.arb(flint.fmpq(y.numerator, y.denominator)) + flint.arb(0, radius), 1], prec=4)
        )
        for shift in (0, radius / 2, -radius / 2):
            value = reference(name, mp.mpf(y.numerator) / y.denominator + shift)
            assert wide[0].overlaps(flint.arb(str(value)))
        assert series[0].overlaps(wide[0])
        assert series[1].overlaps(wide[1])


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu"])
def test_gated_activations_minus_half_of_y_are_even(name):
    coefficients = activation(name).taylor(15).coefficients
    assert coefficients[1] == sp.Rational(1, 2)
    assert all(c == 0 for c in coefficients[3::2])
    assert all(c != 0 for c in coefficients[2::2])
    assert activation("tanh").taylor(3).coefficients[3] != 0  # and tanh is not of this kind


@pytest.mark.parametrize("name", ["gelu_tanh", "silu", "tanh", "sigmoid", "softplus"])
def test_convergence_radius_is_that_of_the_root_test(name):
    with ball_arithmetic(300, order=400):
        series = activation(name).series(flint.arb_series([0, 1], prec=400))
        sizes = [abs(float(series[k])) for k in range(300, 398)]
    growth = max(size ** (1 / (300 + i)) for i, size in enumerate(sizes) if size)
    # 0.015: softplus has the coefficients of the sigmoid over k, and k^(1/k) is still 1.014 at the last k
    assert float(activation(name).convergence_radius) == pytest.approx(1 / growth, rel=0.015)


def test_convergence_radius_of_the_tanh_form_is_a_pole():
    radius = activation("gelu_tanh").convergence_radius
    with mp.workdps(30):
        q = (mp.pi / 2) ** 1.5
        roots = [abs(r) for sign in (1, -1) for r in mp.polyroots([mp.mpf(44715) / 10**6, 0, -1, sign * q])]
        assert abs(mp.mpf(str(sp.N(radius, 30))) - min(roots)) < 1e-25
    assert 2.826 < float(radius) < 2.828
    assert activation("gelu").convergence_radius == sp.oo


@given(half=st.integers(1, 12), y=st.fractions(-3, 3, max_denominator=50))
@example(half=10, y=Fraction(1, 18))
@example(half=11, y=Fraction(1, 19))
def test_gelu_remainder_bounds_the_taylor_error(half, y):
    degree, point = 2 * half, sp.Rational(y.numerator, y.denominator)
    if point**2 >= sp.Rational((degree + 2) * (degree + 3), degree + 1):
        with pytest.raises(ValueError, match="do not fall"):
            gelu_taylor_remainder(degree, point)
        return
    # The error can be 1e-40 of terms of order one: 100 digits leave it its own digits.
    bound = mp.mpf(str(sp.N(gelu_taylor_remainder(degree, point), 100)))
    with mp.workdps(100):
        taylor = sum(
            (mp.mpf(str(sp.N(c, 100))) * (mp.mpf(y.numerator) / y.denominator) ** k)
            for k, c in enumerate(activation("gelu").taylor(degree).coefficients)
        )
        error = abs(reference("gelu", mp.mpf(y.numerator) / y.denominator) - taylor)
        assert error <= bound * (1 + mp.mpf("1e-30"))
        # the false twin: half of the bound is too small where the series falls fast
        assert y == 0 or abs(y) > Fraction(1, 2) or error > bound / 2


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_gelu_remainder_refuses_degrees_where_it_is_false(degree):
    with pytest.raises(ValueError, match="even degrees"):
        gelu_taylor_remainder(degree, sp.Integer(1))


@pytest.mark.parametrize("name", SMOOTH + POLYNOMIAL)
@given(lower=st.floats(-20, 20), width=st.sampled_from([0.0, 1e-6, 0.5, 4.0, 30.0]))
def test_lipschitz_bound_holds_and_is_sharp(name, lower, width):
    phi = activation(name)
    bound = phi.lipschitz(lower, lower + width)
    sampled = float(np.abs(phi.derivative(np.linspace(lower, lower + width, 4001))).max())
    assert sampled * (1 - 1e-12) <= bound + 1e-300
    assert bound <= sampled * (1 + 1e-3) + 1e-8


@pytest.mark.parametrize("name", POLYNOMIAL)
def test_polynomials_are_their_own_decoder(name):
    phi = activation(name)
    assert phi.is_polynomial
    assert sp.expand(phi.exact_decoder(Y) - phi.expression(Y)) == 0


@given(st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=5), st.floats(-5, 5))
def test_learned_polynomial_keeps_the_stored_numbers_exactly(coefficients, y):
    phi = activation("poly", [np.float32(c) for c in coefficients])
    assert [sp.Rational(*float(c).as_integer_ratio()) for c in coefficients] == list(phi.exact_decoder.coefficients[1:])
    assert phi.exact_decoder.coefficients[0] == 0
    exact = sum(Fraction(c) * Fraction(y) ** (k + 1) for k, c in enumerate(coefficients))
    size = sum(abs(c) * abs(y) ** (k + 1) for k, c in enumerate(coefficients))
    assert abs(Fraction(float(phi(y))) - exact) <= 1e-14 * size + 1e-300


def test_smooth_activations_have_no_exact_decoder():
    with pytest.raises(ValueError, match="fit_chebyshev"):
        _ = activation("gelu").exact_decoder
    assert not activation("gelu").is_polynomial


def test_relu_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="not analytic"):
        activation("relu")


@pytest.mark.parametrize(
    ("name", "coefficients", "message"),
    [
        ("swish", None, "known are"),
        ("gelu", [1.0], "only 'poly'"),
        ("poly", None, "learned coefficients"),
        ("poly", [], "learned coefficients"),
        ("poly", [1.0, math.nan], "finite"),
        ("poly", [math.inf], "finite"),
    ],
)
def test_bad_requests_say_what_is_wrong(name, coefficients, message):
    with pytest.raises(ValueError, match=message):
        activation(name, coefficients)


@pytest.mark.parametrize("degree", [-1, 1.5, True])
def test_taylor_refuses_bad_degrees(degree):
    with pytest.raises((ValueError, TypeError), match="degree"):
        activation("gelu").taylor(degree)


def test_activations_compare_by_what_they_are():
    assert activation("gelu") == activation("gelu")
    assert activation("gelu") != activation("gelu_tanh")
    assert activation("poly", [0.5]) != activation("poly", [0.25])
    assert len({activation("square"), activation("square")}) == 1
