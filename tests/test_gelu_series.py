"""GELU as a series: against values in high precision and repeated differentiation, and its false twins."""

import mpmath
import pytest
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.activations import activation, gelu_taylor_remainder
from carleman_ssm.theory.gelu_series import COUNTER, biased_gelu_coefficient, gelu_coefficient, gelu_series

pytestmark = pytest.mark.symbolic

y, level = sp.Symbol("y", real=True), sp.Symbol("y_0", real=True)


def exact(at):
    return at * mpmath.ncdf(at)


def test_the_coefficients_are_those_of_repeated_differentiation():
    law = gelu_coefficient().expression
    for r in range(4):
        slow = activation("gelu").expression(y).diff(y, 2 * r + 2).subs(y, 0) / sp.factorial(2 * r + 2)
        assert cs.verify(cs.Identity(law.subs(COUNTER, r), slow)).proved
        odd = activation("gelu").expression(y).diff(y, 2 * r + 3).subs(y, 0)
        assert odd == 0  # no cubic term, and no odd one after it


@pytest.mark.parametrize("degree", [2, 6, 12])
def test_the_series_stays_within_its_remainder_at_forty_digits(degree):
    polynomial = sp.lambdify(y, gelu_series(degree).expression, "mpmath")
    bound = sp.lambdify(y, gelu_taylor_remainder(degree, y), "mpmath")
    with mpmath.workdps(40):
        for at in (mpmath.mpf(-5) / 2, mpmath.mpf(1) / 3, mpmath.mpf(5) / 2):
            error = abs(polynomial(at) - exact(at))
            assert 0 < error <= bound(at)
            assert error > bound(at) / 3  # the next term takes away less than it leaves


@pytest.mark.parametrize("order", range(1, 9))
def test_orders_about_a_bias_are_numerical_derivatives(order):
    value = biased_gelu_coefficient(order).expression
    with mpmath.workdps(30):
        for at in (mpmath.mpf("-1.25"), mpmath.mpf("0.5")):
            slow = mpmath.diff(exact, at, order) / mpmath.factorial(order)
            assert abs(sp.lambdify(level, value, "mpmath")(at) - slow) < mpmath.mpf(10) ** -12


def test_the_third_order_vanishes_at_three_levels_only():
    third = biased_gelu_coefficient(3).expression
    polynomial = sp.cancel(third * sp.sqrt(2 * sp.pi) * sp.exp(level**2 / 2))
    assert sp.real_roots(polynomial) == [-2, 0, 2]


def test_a_remainder_with_another_constant_is_refuted():
    gap = sp.Abs(activation("gelu").expression(y) - gelu_series(2).expression)
    box = {y: (sp.Rational(-5, 2), sp.Rational(5, 2))}
    bound = gelu_taylor_remainder(2, y)
    assert cs.verify(cs.Bound(gap, bound, box)).evidence is cs.Evidence.CERTIFIED
    for wrong in (sp.Rational(99, 100) * bound, bound * y**2):
        verdict = cs.verify(cs.Bound(gap, wrong, box))
        assert verdict.evidence is cs.Evidence.REFUTED
        assert verdict.witness


def test_a_falsified_certificate_is_refuted():
    for form in (gelu_coefficient(), gelu_series(6), biased_gelu_coefficient(3)):
        for certificate in form.certificates:
            assert cs.verify(certificate).proved
            twin = cs.Identity(2 * certificate.left, certificate.right)
            assert cs.verify(twin).evidence is cs.Evidence.REFUTED


def test_degrees_and_orders_that_are_not_covered_are_refused():
    with pytest.raises(ValueError, match="use 2, the same"):
        gelu_series(3)
    for wrong in (0, 26):
        with pytest.raises(ValueError, match="degree"):
            gelu_series(wrong)
    with pytest.raises(ValueError, match="order"):
        biased_gelu_coefficient(9)
    with pytest.raises(TypeError):
        biased_gelu_coefficient("3")
