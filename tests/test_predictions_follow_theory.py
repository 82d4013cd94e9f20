"""Expectations and spectra in float64 beside the closed forms of T23, which are proved, evaluated in exact numbers."""

import numpy as np
import pytest
import sympy as sp

from carleman_ssm.networks.layers import S4DLayer
from carleman_ssm.operators.activation_decoders import activation_decoders
from carleman_ssm.operators.decoders import ExactDecoders
from carleman_ssm.predictions.gaussian_moments import PreactivationMoments, expected_gelu, expected_polynomial
from carleman_ssm.predictions.line_coefficients import polynomial_lines, torus_coefficients
from carleman_ssm.predictions.logit_covariance import hermite_weights
from carleman_ssm.predictions.steady_means import bessel_mean
from carleman_ssm.predictions.transfer import ChannelResponse
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.frequency_responses import transfer_function
from carleman_ssm.theory.gaussian_expectations import gaussian_covariance, gaussian_mean, gaussian_mean_gelu
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.spectral_lines import gelu_line, spectral_line
from carleman_ssm.theory.ssm import DiscreteSSM

COEFFICIENTS = (0.5, -1.0, 0.25, 2.0, -0.75)


def exact(values):
    return [sp.Rational(value) for value in values]


def value(form, *arguments):
    """A closed form at exact arguments, in 30 digits."""
    unfolded = form.expression
    for symbol, definition in reversed(form.where.items()):
        unfolded = unfolded.xreplace({symbol: definition})
    result = unfolded.subs(dict(zip(form.arguments, arguments, strict=True)))
    return complex(sp.N(result, 30))


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (-1.5, 0.25), (2.0, 9.0), (0.75, 0.0)])
def test_the_mean_of_gelu_and_of_polynomials(mean, variance):
    numbers = exact((mean, variance))
    found = expected_gelu(np.array([mean]), np.sqrt([variance]))
    np.testing.assert_allclose(found, value(gaussian_mean_gelu(), *numbers).real, rtol=1e-14)
    taylor = ExactDecoders(np.array(COEFFICIENTS), 1).taylor(np.array([mean]), 4)
    form = gaussian_mean(PolynomialDecoder(tuple(exact(COEFFICIENTS))))
    found = expected_polynomial(taylor, np.sqrt([variance]))
    np.testing.assert_allclose(found, value(form, *numbers).real, rtol=1e-13, atol=1e-13)


def test_the_covariance_of_two_polynomials():
    learned = activation("poly", COEFFICIENTS[1:])
    moments = PreactivationMoments(np.array([[0.5, -0.25]]), np.array([[1.5, 0.5]]))
    weights = hermite_weights(learned, moments)[0][:, 0]
    for covariance in (0.5, -0.75, 0.0):
        correlation = covariance / 0.75
        found = sum(correlation**n * pair.prod() for n, pair in enumerate(weights, start=1))
        decoder = PolynomialDecoder((sp.S.Zero, *exact(COEFFICIENTS[1:])))
        form = gaussian_covariance(decoder, decoder)
        numbers = dict(
            zip(("mu_1", "mu_2", "v_1", "v_2", "c"), exact((0.5, -0.25, 2.25, 0.25, covariance)), strict=True)
        )
        assert found == pytest.approx(value(form, *(numbers[str(name)] for name in form.arguments)).real, rel=1e-13)


@pytest.mark.parametrize("radius", [0.5, 2.0])
def test_harmonics_of_gelu_about_zero_are_bessel_functions(radius):
    rule = activation_decoders(activation("gelu"), 1)
    lines = torus_coefficients(rule, np.zeros(1), np.array([[radius + 0j]]), 256)[:, 0]
    for harmonic in (0, 1, 2, 3, 4, 6):
        assert lines[harmonic] == pytest.approx(value(gelu_line(harmonic), sp.Rational(radius)), abs=1e-15)
    assert bessel_mean(np.array([radius]))[0] == pytest.approx(lines[0].real, rel=1e-13)
    moved = torus_coefficients(rule, np.full(1, 0.3), np.array([[radius + 0j]]), 256)[:, 0]
    assert abs(moved[0] - lines[0]) > 1e-2  # with a bias it is another number


@pytest.mark.parametrize("harmonics", [(0, 0), (1, 1), (2, -1), (1, -3), (0, 2)])
def test_lines_of_two_tones(harmonics):
    form = spectral_line(PolynomialDecoder(tuple(exact(COEFFICIENTS))), harmonics)
    taylor = ExactDecoders(np.array(COEFFICIENTS), 1).taylor(np.array([0.25]), 4)
    phases = np.exp(1j * np.array([0.7, -0.2]))
    found = polynomial_lines(taylor, (np.array([1.5, 0.5]) * phases)[:, None], np.array([harmonics]))[0, 0]
    numbers = dict(zip(("y_0", "R_1", "R_2"), exact((0.25, 1.5, 0.5)), strict=True))
    plain = value(form, *(numbers[str(name)] for name in form.arguments))
    assert found == pytest.approx(plain * np.prod(phases ** np.array(harmonics)), abs=1e-13)


def test_the_response_of_a_channel():
    """Stored pairs: the closed form doubles them, the layer takes twice the real part."""
    multipliers, weights = np.array([[0.5 + 0.25j, -0.25j]]), np.array([[0.75 - 0.5j, 1.0 + 0.25j]])
    letters = [sp.Rational(number.real) + sp.I * sp.Rational(number.imag) for number in multipliers[0].tolist()]
    readout = [sp.Rational(number.real) + sp.I * sp.Rational(number.imag) for number in weights[0].tolist()]
    model = DiscreteSSM(tuple(letters), (1, 1), tuple(readout), sp.Rational(1, 4), conjugate_pairs=True)
    response, form = ChannelResponse(multipliers, 2 * weights, np.array([0.25])), transfer_function(model)
    for frequency in (0.0, 0.5, -2.0):
        turned = value(form, *(sp.exp(sp.I * sp.Rational(frequency)) for _ in form.arguments))
        assert response(frequency)[0] == pytest.approx(turned, rel=1e-14)


def test_a_stored_layer_has_the_weights_of_its_response():
    layer = S4DLayer(log_dt=[0.0], log_A_real=[[0.0]], A_imag=[[0.0]], C=[[0.5]], D=[0.0])
    assert ChannelResponse.of(layer)(0.0)[0].real == pytest.approx(1.0)  # ∫ e^{-t} dt
