"""Gaussian means and covariances against quadrature and each other, their certificates, and false twins."""

from itertools import product

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.gaussian_expectations import gaussian_covariance, gaussian_mean, gaussian_mean_gelu
from carleman_ssm.theory.polynomials import PolynomialDecoder
from tests.strategies_carleman import decoders, rationals
from tests.strategies_ssm import planted

pytestmark = pytest.mark.symbolic


def symbolic(degree, name="g"):
    return PolynomialDecoder.symbolic(degree=degree, name=name)


FORMS = [
    gaussian_mean_gelu(),
    *(gaussian_mean(symbolic(degree)) for degree in (0, 1, 2, 5)),
    *(gaussian_covariance(symbolic(p), symbolic(q, "h")) for p, q in ((0, 2), (1, 1), (2, 3))),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_certificate_is_proved_and_its_false_twin_refuted(form):
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


def heat(candidate, mu, s):
    return Identity(sp.Derivative(candidate, s) / s, sp.Derivative(candidate, mu, 2))


def test_formulas_that_look_like_the_mean_of_gelu_break_the_heat_equation():
    mu, s = sp.Symbol("mu", real=True), sp.Symbol("s", positive=True)
    gelu = activation("gelu").expression
    true = gaussian_mean_gelu().expression.xreplace({gaussian_mean_gelu().arguments[1]: s**2 - 1})
    assert verify(heat(true, mu, s)).proved
    curved = gelu(mu) + (s**2 - 1) / 2 * gelu(mu).diff(mu, 2)  # the first terms of the series in v
    for wrong in (curved, gelu(mu / s), s * gelu(mu / s), true.xreplace({s: 2 * s}) + mu):
        assert verify(heat(wrong, mu, s)).evidence is Evidence.REFUTED


@pytest.mark.parametrize(("mean", "variance"), [*product(("-3", "0", "0.7"), ("0", "1e-6", "0.5", "9"))])
def test_the_mean_of_gelu_agrees_with_quadrature(mean, variance):
    kernel = compile_kernel(gaussian_mean_gelu(), backend="mpmath", digits=30)
    with mpmath.workdps(30):
        mu, spread = mpmath.mpf(mean), mpmath.sqrt(mpmath.mpf(variance))
        found = kernel(mu, mpmath.mpf(variance))
        integral = mpmath.quad(
            lambda x: mpmath.npdf(x) * (mu + spread * x) * mpmath.ncdf(mu + spread * x), range(-14, 15, 2)
        )
        assert abs(found - integral) < mpmath.mpf("1e-20")  # quadrature between points 2 apart, cut off at 14 sigma


def test_the_mean_of_gelu_is_compiled_for_arrays():
    kernel = compile_kernel(gaussian_mean_gelu())
    means, variances = np.linspace(-2, 2, 5)[:, None], np.array([0.0, 1.0, 4.0])
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    y = means[..., None] + np.sqrt(variances)[:, None] * nodes
    by_nodes = activation("gelu")(y) @ weights / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(kernel(means, variances), by_nodes, atol=1e-9)  # the rule resolves an erf of width 1


def pairs_of_nodes(values):
    """A Gauss–Hermite rule for a Gaussian pair, exact for the polynomials of these tests but for rounding."""
    mu_1, mu_2, v_1, v_2, c = values
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    first, second = np.meshgrid(nodes, nodes, indexing="ij")
    root = np.sqrt(v_1)
    along, across = c / root, np.sqrt(max(v_2 - c**2 / v_1, 0))
    return mu_1 + root * first, mu_2 + along * first + across * second, np.outer(weights, weights) / (2 * np.pi)


@settings(deadline=None, max_examples=40)
@given(
    decoders(3),
    decoders(2),
    st.tuples(rationals, rationals),
    st.floats(0.1, 3),
    st.floats(0.1, 3),
    st.sampled_from([-1.0, -0.5, 0.0, 0.3, 1.0]),
)
def test_polynomial_means_and_covariances_agree_with_quadrature(first, second, means, v_1, v_2, correlation):
    values = (*map(float, means), v_1, v_2, correlation * np.sqrt(v_1 * v_2))
    y, z, weights = pairs_of_nodes(values)
    one, other = (np.polyval([*map(float, d.coefficients)][::-1], at) for d, at in ((first, y), (second, z)))
    scale = 1 + np.max(np.abs(one)) * np.max(np.abs(other))
    covariance = np.sum(weights * one * other) - np.sum(weights * one) * np.sum(weights * other)
    assert abs(covariance - compile_kernel(gaussian_covariance(first, second))(*values)) < 1e-12 * scale
    mean = compile_kernel(gaussian_mean(first))(values[0], v_1)
    assert abs(mean - np.sum(weights * one)) < 1e-12 * scale


@given(decoders(3), rationals)
def test_the_variance_is_the_covariance_of_a_variable_with_itself(decoder, mean):
    variance = sp.Rational(3, 7)
    square = PolynomialDecoder(tuple(sp.Poly(decoder(sp.Symbol("x")) ** 2, sp.Symbol("x")).all_coeffs()[::-1]))

    def mean_of(what):
        return what.expression.subs(dict(zip(what.arguments, (mean, variance), strict=True)))

    both = gaussian_covariance(decoder, decoder)
    itself = both.expression.subs(dict(zip(both.arguments, (mean, mean, *[variance] * 3), strict=True)))
    assert sp.expand(mean_of(gaussian_mean(square)) - mean_of(gaussian_mean(decoder)) ** 2 - itself) == 0


def test_without_spread_nothing_varies():
    form = gaussian_mean(symbolic(4))
    mu, v = form.arguments[-2:]
    assert sp.expand(form.expression.subs(v, 0) - symbolic(4)(mu)) == 0
    assert gaussian_covariance(symbolic(0), symbolic(3, "h")).expression == 0
    gelu = unfold(gaussian_mean_gelu()).expression.subs(v, 0)
    assert verify(Identity(gelu, activation("gelu").expression(mu))).proved


def test_names_of_the_statement_are_refused():
    clash = PolynomialDecoder((sp.Symbol("mu"), 1))
    with pytest.raises(ValueError, match="mu"):
        gaussian_mean(clash)
    with pytest.raises(ValueError, match="v_1"):
        gaussian_covariance(PolynomialDecoder((sp.Symbol("v_1"),)), symbolic(1))
    with pytest.raises(TypeError, match="PolynomialDecoder"):
        gaussian_mean(sp.Symbol("y"))
