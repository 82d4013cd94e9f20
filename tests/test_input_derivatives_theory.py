"""Derivatives of GELU and of pooled logits, by other formulas, differences and brute force; false twins."""

import mpmath
import numpy as np
import pytest
import sympy as sp

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.input_derivatives import gelu_curvature_range, gelu_derivative, pooled_hessian
from carleman_ssm.theory.polynomials import PolynomialDecoder
from tests.strategies_ssm import planted

pytestmark = pytest.mark.symbolic
FORMS = [
    *map(gelu_derivative, range(1, 7)),
    gelu_curvature_range(),
    *(pooled_hessian(PolynomialDecoder.symbolic(degree=p), length) for p, length in ((0, 1), (2, 3), (3, 1))),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_certificate_is_proved_and_its_false_twin_refuted(form):
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


@pytest.mark.parametrize("order", [1, 2, 5, 8])
def test_derivatives_of_gelu_agree_with_differences_in_high_precision(order):
    kernel = compile_kernel(gelu_derivative(order), backend="mpmath", digits=60)
    with mpmath.workdps(60):
        for y in ("-3", "0", "0.4", "2"):
            difference = mpmath.diff(lambda x: x * mpmath.ncdf(x), mpmath.mpf(y), order)
            assert abs(kernel(mpmath.mpf(y)) - difference) < mpmath.mpf("1e-25")


def test_the_curvature_stays_in_its_range_and_touches_both_ends():
    low, high = map(float, gelu_curvature_range().expression)
    curvature = compile_kernel(gelu_derivative(2))(np.linspace(-12, 12, 24001))
    assert abs(curvature.min() - low) < 1e-15
    assert abs(curvature.max() - high) < 1e-15


def test_a_curvature_that_looks_right_is_refuted():
    gelu, y = activation("gelu").expression, sp.Symbol("y", real=True)
    second = gelu_derivative(2).expression
    for wrong in (second * (1 - y**2) / (2 - y**2), -second, second.xreplace({y: y / 2})):
        assert verify(Identity(sp.Derivative(gelu(y), (y, 2)), wrong)).evidence is Evidence.REFUTED


def test_the_hessian_of_a_convolution_is_the_one_of_differences():
    rng, length, coefficients = np.random.default_rng(2), 3, (0.3, -1.0, 0.5, 0.2)
    kernel = compile_kernel(pooled_hessian(PolynomialDecoder.symbolic(degree=3), length))
    V, K, beta, u = 1.7, *rng.normal(size=(3, length))
    found = np.array(kernel(*coefficients, V, *K, *beta, *u))

    def logit(inputs):
        return V * np.mean(np.polyval(coefficients[::-1], beta + np.convolve(K, inputs)[:length]))

    step, units = 1e-3, np.eye(length)
    for i in range(length):
        for j in range(length):
            corners = [a * b * logit(u + step * (a * units[i] + b * units[j])) for a in (1, -1) for b in (1, -1)]
            assert abs(found[i, j] - sum(corners) / (4 * step**2)) < 1e-5  # h² of a quartic's fourth derivative


def test_orders_and_lengths_out_of_range_are_refused():
    with pytest.raises(ValueError, match="order"):
        gelu_derivative(0)
    with pytest.raises(ValueError, match="length"):
        pooled_hessian(PolynomialDecoder((1,)), 9)
    with pytest.raises(ValueError, match="K_0"):
        pooled_hessian(PolynomialDecoder((sp.Symbol("K_0"),)), 2)
