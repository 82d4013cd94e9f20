"""Responses that are switched on, transfer functions and spectral lines, against recurrences, FFT and quadrature."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.finite_responses import geometric_response, near_resonance
from carleman_ssm.theory.frequency_responses import transfer_function, transfer_of_order
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.spectral_lines import even_line_laws, gelu_line, odd_line_laws, spectral_line
from carleman_ssm.theory.ssm import DiscreteSSM
from tests.strategies_carleman import decoders, discrete_models, gaussians, rationals
from tests.strategies_ssm import planted

pytestmark = pytest.mark.symbolic


def symbolic(degree):
    return PolynomialDecoder.symbolic(degree=degree)


HALF = sp.Rational(1, 2)
FORMS = [
    geometric_response(),
    near_resonance(),
    transfer_function(DiscreteSSM.symbolic(2, feedthrough=True)),
    transfer_function(DiscreteSSM.symbolic(1, feedthrough=True, conjugate_pairs=True)),
    transfer_function(DiscreteSSM((0, HALF, HALF), (1, 2, 1), (1, 1, -3), 2)),
    *(transfer_of_order(symbolic(degree), order) for degree, order in ((3, 1), (3, 2), (4, 3), (1, 2), (0, 1))),
    *(spectral_line(symbolic(degree), h) for degree, h in ((0, (1,)), (3, (2,)), (3, (1, -2)), (2, (1, 0, 1)))),
    *map(gelu_line, range(-2, 6)),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_certificate_is_proved_and_its_false_twin_refuted(form):
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


def value(form, *numbers):
    """The form at exact numbers."""
    return form.expression.xreplace(dict(zip(form.arguments, map(sp.sympify, numbers), strict=True)))


# --- switched on -----------------------------------------------------------------------------------------------------


@given(gaussians, gaussians | st.sampled_from(["resonant", "impulse", "step"]), st.integers(0, 6))
def test_a_mode_answers_a_geometric_input_as_the_recurrence_does(multiplier, ratio, age):
    ratio = {"resonant": multiplier, "impulse": sp.S.Zero, "step": sp.S.One}.get(ratio, ratio)
    state = sp.S.Zero
    for n in range(age + 1):
        state = sp.expand(multiplier * state + ratio**n)
    assert sp.expand(value(geometric_response(), multiplier, ratio, age).doit().radsimp() - state) == 0


@pytest.mark.parametrize("gap", [0.0, 1e-15, 1e-12, 1e-6, 1e-2])
def test_near_resonance_no_digit_is_lost(gap):
    kernel = compile_kernel(near_resonance())
    multiplier, age = 0.97 * np.exp(0.3j), 400
    found = kernel(multiplier, gap * (1 + 1j), age)
    with mpmath.workdps(40):
        base = mpmath.mpmathify(multiplier)
        ratio = base * mpmath.exp(mpmath.mpc(gap, gap))
        exact = mpmath.fsum(base ** (age - i) * ratio**i for i in range(age + 1))
    assert abs(found / complex(exact) - 1) < 1e-12  # the power of 400 alone loses some 1e-13
    if gap == 1e-12:  # the quotient of neighbours does lose them: eps/gap is 2e-4
        quotient = compile_kernel(geometric_response())(multiplier, multiplier * np.exp(gap * (1 + 1j)), age)
        assert abs(quotient / complex(exact) - 1) > 1e-8


# --- steady ----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(discrete_models(2), st.sampled_from([sp.I, -2, sp.Rational(5, 2), 3 + 4 * sp.I]), st.integers(0, 4))
def test_the_steady_answer_started_at_its_own_state_stays_steady(model, ratio, steps):
    assume(all(sp.expand(ratio - multiplier) != 0 for multiplier in model.multipliers))
    form = transfer_function(model)
    gain = form.expression.xreplace(dict(form.where)).subs(sp.Symbol("rho"), ratio)
    modes = list(zip(model.multipliers, model.input_vector, strict=True))
    states = [b * ratio / (ratio - multiplier) for multiplier, b in modes]
    for k in range(1, steps + 1):
        states = [multiplier * x + b * ratio**k for x, (multiplier, b) in zip(states, modes, strict=True)]
    output = model.readout(tuple(states), ratio**steps)
    assert sp.expand(sp.radsimp(output - gain * ratio**steps)) == 0


def test_transfer_functions_of_every_order_are_the_lines_of_a_simulated_channel():
    """Two tones on the grid of the FFT, after the transient: second and third order, and the level."""
    rng, count, (one, two) = np.random.default_rng(3), 128, (5, 19)
    multipliers = 0.8 * np.exp(1j * rng.uniform(0, 3, 3))
    c, b, feedthrough, g = rng.normal(size=3), rng.normal(size=3), 0.4, rng.normal(size=4)
    turns = 2 * np.pi * np.arange(6 * count) / count
    inputs, state, y = 0.3 + 0.5 * np.cos(one * turns) + 0.7 * np.cos(two * turns), np.zeros(3, complex), []
    for u in inputs:
        state = multipliers * state + b * u
        y.append(2 * np.real(c @ state) + feedthrough * u)
    spectrum = np.fft.fft(np.polyval(g[::-1], y[-count:])) / count

    model = DiscreteSSM.symbolic(3, feedthrough=True, conjugate_pairs=True)
    gain = compile_kernel(transfer_function(model))

    def at(frequency):
        return gain(*multipliers, *b, *c, feedthrough, np.exp(2j * np.pi * frequency / count))

    level, gains = 0.3 * at(0).real, {f: at(f) for f in (one, two)}
    third = compile_kernel(transfer_of_order(symbolic(3), 3))
    line = 3 * third(*g, level, gains[two], gains[two], np.conj(gains[one])) * 0.35**2 * 0.25
    np.testing.assert_allclose(spectrum[2 * two - one], line, atol=1e-12)  # transient: 0.8^640 < 1e-60
    sizes = [0.5 * abs(gains[one]), 0.7 * abs(gains[two])]
    phases = [np.angle(gains[f]) for f in (one, two)]
    for h in ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (1, -1), (3, 0), (1, -2), (2, 1)):
        kernel = compile_kernel(spectral_line(symbolic(3), h))
        expected = kernel(*g, level, *sizes) * np.exp(1j * np.dot(h, phases))
        np.testing.assert_allclose(spectrum[h[0] * one + h[1] * two], expected, atol=1e-12)


@given(decoders(3), rationals, rationals, st.integers(0, 4))
def test_harmonics_are_the_fourier_coefficients(decoder, level, size, harmonic):
    angles = 2 * np.pi * np.arange(16) / 16  # exact for trigonometric polynomials of degree below 16
    y = float(level) + float(size) * np.cos(angles)
    by_sum = np.mean(np.polyval([*map(float, decoder.coefficients)][::-1], y) * np.cos(harmonic * angles))
    form = spectral_line(decoder, (harmonic,))
    assert abs(float(value(form, level, size)) - by_sum) < 1e-11


# --- GELU ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harmonic", [0, 1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("size", ["0", "1e-3", "1.3", "6"])
def test_lines_of_gelu_agree_with_quadrature(harmonic, size):
    kernel = compile_kernel(gelu_line(harmonic), backend="mpmath", digits=30)
    with mpmath.workdps(30):
        R = mpmath.mpf(size)
        points = [2 * mpmath.pi * k / 200 for k in range(200)]  # the trapezoidal rule of a periodic entire function
        total = mpmath.fsum(
            R * mpmath.cos(t) * mpmath.ncdf(R * mpmath.cos(t)) * mpmath.cos(harmonic * t) for t in points
        )
        assert abs(kernel(R) - total / 200) < mpmath.mpf("1e-20")


def test_the_mean_is_the_published_form_and_not_its_look_alikes():
    R = sp.Symbol("R", real=True)
    x = R**2 / 4
    bessel = (sp.besseli(0, x) + sp.besseli(1, x)) * R**2 * sp.exp(-x) / (2 * sp.sqrt(2 * sp.pi))
    assert verify(Identity(gelu_line(0).expression, bessel)).proved
    for wrong in (bessel.subs(R, 2 * R), bessel + R / 4, (sp.besseli(0, x) - sp.besseli(1, x)) * R**2 * sp.exp(-x)):
        assert verify(Identity(gelu_line(0).expression, wrong)).evidence is Evidence.REFUTED


def test_by_parts_with_a_wrong_boundary_term_is_refuted():
    R, theta = sp.Symbol("R", real=True), sp.Symbol("theta", real=True)
    by_parts = gelu_line(2).certificates[0]
    shifted = by_parts.right + activation("gelu").expression(R * sp.cos(theta))
    assert verify(Identity(by_parts.left, shifted)).evidence is Evidence.REFUTED


@pytest.mark.parametrize("harmonic", range(7))
def test_a_line_is_the_mean_of_what_its_last_certificate_leaves(harmonic):
    form = gelu_line(harmonic)
    left_over, angle = form.certificates[-1].right, sp.Symbol("theta", real=True)
    rule = sp.lambdify((form.arguments[0], angle), left_over, modules="mpmath")
    with mpmath.workdps(30):
        size = mpmath.mpf("1.7")
        mean = mpmath.fsum(rule(size, 2 * mpmath.pi * k / 100) for k in range(100)) / 100
        line = compile_kernel(form, backend="mpmath", digits=30)(size)
        assert abs(mean - (2 * line if harmonic % 2 else line)) < mpmath.mpf("1e-20")


def test_a_line_made_from_other_waves_is_refuted_by_its_own_certificates():
    R = sp.Symbol("R", real=True)
    third = sp.Rational(1, 3)
    right = {0: sp.S.One, 2: third - 1, 4: -third}
    assert all(verify(law).proved for law in even_line_laws(2, right))
    for wrong in (right | {0: -sp.S.One}, right | {2: third}, {0: sp.S.One, 2: third - 1, 6: -third}):
        assert Evidence.REFUTED in {verify(law).evidence for law in even_line_laws(2, wrong)}
    assert all(verify(law).proved for law in odd_line_laws(1, {0: R / 2, 2: R / 2}))
    for wrong in ({0: R, 2: R / 2}, {2: R / 2}, {0: R / 2, 4: R / 2}):
        assert Evidence.REFUTED in {verify(law).evidence for law in odd_line_laws(1, wrong)}


# --- refusals --------------------------------------------------------------------------------------------------------


def test_what_has_no_meaning_is_refused():
    with pytest.raises(ValueError, match="rho"):
        transfer_function(DiscreteSSM((sp.Symbol("rho"),), (1,), (1,)))
    with pytest.raises(ValueError, match="H_1"):
        transfer_of_order(PolynomialDecoder((sp.Symbol("H_1"), 1)), 1)
    with pytest.raises(ValueError, match="order"):
        transfer_of_order(symbolic(2), 0)
    with pytest.raises(ValueError, match="sinusoids"):
        spectral_line(symbolic(2), ())
    for harmonics in (1, None, "1"):
        with pytest.raises(TypeError, match="sequence of integers"):
            spectral_line(symbolic(2), harmonics)
    with pytest.raises(ValueError, match="R_1"):
        spectral_line(PolynomialDecoder((sp.Symbol("R_1"),)), (1,))
    with pytest.raises(TypeError, match="harmonic"):
        gelu_line(0.5)
    with pytest.raises(TypeError, match="DiscreteSSM"):
        transfer_function(symbolic(2))
