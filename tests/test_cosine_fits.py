"""Phase products and Taylor polynomials with their certificates: mpmath, exact bounds, Fourier's and Taylor's rates."""

import dataclasses
import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.theory.activations import activation, gelu_taylor_remainder
from carleman_ssm.theory.cosine_fits import CosineFit, enclose_cosine_error
from carleman_ssm.theory.fits import ChebyshevFit, fit_chebyshev
from carleman_ssm.theory.fourier_extension import fit_cosines, measured_error, uncertified_cosines
from carleman_ssm.theory.phases import PHASE_ROUNDING, phase, phase_sum
from carleman_ssm.theory.taylor_fits import TaylorFit, enclose_taylor_error, fit_taylor
from tests.test_activations import reference

SMOOTH = ("gelu", "gelu_tanh", "silu", "tanh", "sigmoid")


def cosines_at(fit, y):
    """The defining sum in mpmath, term by term: neither Horner's rule nor our own phase."""
    distance = mp.mpf(y) - mp.mpf(fit.centre)
    total = mp.mpf(fit.offset) + mp.mpf(fit.slope) * distance
    for k, (a, b) in enumerate(zip(fit.cosines.tolist(), fit.sines.tolist(), strict=True), start=1):
        angle = k * mp.mpf(fit.frequency) * distance
        total += mp.mpf(a) * mp.cos(angle) + mp.mpf(b) * mp.sin(angle)
    return total


def taylor_at(fit, y):
    return mp.polyval([mp.mpf(c) for c in fit.coefficients[::-1].tolist()], mp.mpf(y) - mp.mpf(fit.centre))


def seen(name, fit, value_at, middle, half_width, points=80):
    """Largest error on a grid of the certified interval, in 60 digits; the ends are exact sums of the two numbers."""
    with mp.workdps(60):
        grid = [mp.mpf(middle) + mp.mpf(half_width) * mp.cos(mp.pi * k / points) for k in range(points + 1)]
        return float(max(abs(reference(name, y) - value_at(fit, y)) for y in grid))


@given(
    name=st.sampled_from(SMOOTH),
    lower=st.floats(-30, 16),
    width=st.sampled_from([0.0, 1e-6, 0.1, 2.0, 9.0, 40.0]),
    terms=st.sampled_from([0, 1, 2, 5, 12, 20]),
)
def test_certified_error_of_phases_is_at_least_the_error_and_hardly_more(name, lower, width, terms):
    fit = fit_cosines(activation(name), lower, lower + width, terms)
    error = seen(name, fit, cosines_at, fit.centre, fit.half_width)
    assert fit.sup_error >= error
    # 81 points miss a peak of an error with some 2K + 2 of them by a share of (peaks π / 81)² / 8 or so
    assert fit.sup_error <= error * (1 + (2 * terms + 6) ** 2 / 1300) + 1e-10


@given(
    name=st.sampled_from(SMOOTH),
    centre=st.floats(-3, 3),
    width=st.sampled_from([1e-6, 0.5, 2.0, 4.0]),
    offset=st.floats(-1, 1),
    degree=st.sampled_from([0, 1, 2, 5, 12, 25]),
)
def test_certified_error_of_monomials_is_at_least_the_error_and_hardly_more(name, centre, width, offset, degree):
    fit = fit_taylor(activation(name), centre + offset - width, centre + offset + width, degree, centre)
    error = seen(name, fit, taylor_at, fit.lower / 2 + fit.upper / 2, (fit.upper - fit.lower) / 2 * (1 - 1e-9))
    assert fit.sup_error >= error
    assert fit.sup_error <= error * (1 + (degree + 4) ** 2 / 1300) + 1e-10


@pytest.mark.parametrize("shift", [1e-3, -1e-6])
def test_a_planted_shift_of_one_weight_is_seen_by_the_certificate(shift):
    fit = fit_cosines(activation("gelu"), -6.0, 6.0, 16)
    cosines = fit.cosines.copy()
    cosines[2] += shift
    planted = dataclasses.replace(fit, cosines=cosines)
    bound = enclose_cosine_error(activation("gelu"), planted)
    assert bound.lower > 0.9 * abs(shift) > 100 * fit.sup_error
    assert bound.lower <= bound.upper <= bound.lower * (1 + 1e-3)


def test_a_certificate_of_another_function_is_none():
    fit = fit_cosines(activation("gelu_tanh"), -6.0, 6.0, 16)
    assert enclose_cosine_error(activation("gelu"), fit).lower > 4e-4 > 100 * fit.sup_error
    expansion = fit_taylor(activation("gelu_tanh"), -1.0, 1.0, 14)
    assert enclose_taylor_error(activation("gelu"), expansion).lower > 10 * expansion.sup_error


# THEORY T13/T13b: smallest size that reaches 1e-2, 1e-3, 1e-6 for GELU on |y| ≤ R.
TAYLOR_ROWS = {0.5: (2, 4, 8), 1: (4, 8, 12), 2: (12, 16, 24), 3: (26, 30, 40), 4: (44, 48, 60), 6: (98, 102, 114)}
CHEBYSHEV_ROWS = {0.5: (2, 2, 6), 1: (2, 4, 8), 2: (4, 8, 12), 3: (8, 10, 16), 4: (10, 12, 22), 6: (14, 18, 30)}
COSINE_ROWS = {3: (4, 5, 8), 6: (6, 8, 14), 10: (10, 13, 20), 20: (17, 22, 38)}
QUADRATIC_ERRORS = {0.5: 0.004, 1: 0.058, 2: 0.64, 3: 2.1, 4: 4.4, 6: 11.0}
ACCURACIES = (1e-2, 1e-3, 1e-6)


@pytest.mark.parametrize("radius", TAYLOR_ROWS)
def test_table_of_taylor_degrees(radius):
    gelu = activation("gelu")
    for degree, accuracy in zip(TAYLOR_ROWS[radius], ACCURACIES, strict=True):
        assert fit_taylor(gelu, -radius, radius, degree).sup_error <= accuracy
        if degree > 2:
            assert fit_taylor(gelu, -radius, radius, degree - 2).sup_error > accuracy
    assert fit_taylor(gelu, -radius, radius, 2).sup_error == pytest.approx(QUADRATIC_ERRORS[radius], rel=0.05)


@pytest.mark.parametrize("radius", CHEBYSHEV_ROWS)
def test_table_of_chebyshev_degrees_holds_up_to_two(radius):
    """The table is of the best of its degree; ours interpolates, and may need the next even one."""
    for degree, accuracy in zip(CHEBYSHEV_ROWS[radius], ACCURACIES, strict=True):
        assert fit_chebyshev(activation("gelu"), -radius, radius, degree + 2).sup_error <= accuracy


@pytest.mark.parametrize("radius", COSINE_ROWS)
def test_table_of_cosine_terms(radius):
    for terms, accuracy in zip(COSINE_ROWS[radius], ACCURACIES, strict=True):
        assert fit_cosines(activation("gelu"), -radius, radius, terms).sup_error <= accuracy


def test_twenty_four_phases_decode_gelu_to_nine_digits():
    """T13b prints 6.8e-11 for 24 terms; a hundredfold margin."""
    assert fit_cosines(activation("gelu"), -6.0, 6.0, 24).sup_error <= 6.8e-9


@pytest.mark.parametrize("degree", [2, 6, 12])
def test_taylor_certificate_lies_below_the_first_omitted_term(degree):
    fit = fit_taylor(activation("gelu"), -1.0, 1.0, degree)
    assert fit.sup_error <= float(gelu_taylor_remainder(degree, 1)) * (1 + 1e-6) + 1e-15


def test_wide_intervals_cost_terms_in_proportion():
    """K at 1e-3 on |y| ≤ R doubles with R, and is far below the Chebyshev degree there."""
    gelu, found = activation("gelu"), {}
    for radius in (15.0, 30.0, 60.0):
        fits = (uncertified_cosines(gelu, [-radius], [radius], k, 1.1)[0] for k in range(8, 120, 6))
        found[radius] = next(fit.terms for fit in fits if measured_error(gelu, fit) <= 1e-3)
    assert 1.5 <= found[30.0] / found[15.0] <= 2.5
    assert 1.5 <= found[60.0] / found[30.0] <= 2.5
    assert fit_chebyshev(gelu, -60.0, 60.0, 2 * found[60.0]).sup_error > 1e-3
    assert fit_cosines(gelu, -60.0, 60.0, found[60.0]).sup_error <= 1e-3


def test_many_intervals_at_once_are_fitted_as_each_alone():
    gelu, lower, upper = activation("gelu"), [-3.0, -40.0, 0.5], [3.0, 10.0, 0.5]
    for fit, low, high in zip(uncertified_cosines(gelu, lower, upper, 9), lower, upper, strict=True):
        alone = uncertified_cosines(gelu, [low], [high], 9)[0]
        y = np.linspace(low, high, 50)
        assert (alone.lower, alone.upper) == (low, high)
        assert np.abs(fit(y) - alone(y)).max() <= 1e-10 * max(1.0, abs(low))  # least squares of one condition number


@given(angle=st.floats(-math.pi, math.pi))
def test_phase_lies_within_its_proved_rounding(angle):
    with mp.workdps(40):
        found = complex(phase(np.array([angle]))[0])
        assert abs(mp.mpc(found) - mp.expj(mp.mpf(angle))) <= PHASE_ROUNDING


def test_phase_at_hard_angles():
    angles = np.array([0.0, -0.0, math.pi, -math.pi, math.pi / 2, 5e-324, 1e-160, math.nextafter(math.pi, 0)])
    with mp.workdps(40):
        for angle, found in zip(angles.tolist(), phase(angles).tolist(), strict=True):
            assert abs(mp.mpc(found) - mp.expj(mp.mpf(angle))) <= PHASE_ROUNDING


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_horner_in_the_phase_is_the_sum(seed, terms):
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=terms + 1) + 1j * generator.normal(size=terms + 1)
    z = np.exp(1j * generator.uniform(-3, 3, 5))
    expected = [sum((w * v**k).real for k, w in enumerate(weights.tolist())) for v in z.tolist()]
    # Horner: 2.9u + u per step and a phase error of at most 64u, on at most 13 weights below 6 in size
    assert np.abs(phase_sum(weights, z) - expected).max() <= 1e-12


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_every_past_input_adds_a_phase(seed, parts):
    """The product over parts is the fit at their sum: T13b's 8.9e-16 of the sizes that are summed, a hundredfold."""
    generator = np.random.default_rng(seed)
    fit = fit_cosines(activation("gelu"), -9.0, 5.0, 14)
    pieces = generator.normal(size=(parts, 7))
    pieces *= 4.0 / np.maximum(4.0, np.abs(pieces.sum(axis=0)))
    found, expected = fit.phase_product(pieces), fit(pieces.sum(axis=0))
    size = float((np.arange(1, 16) * np.abs(fit.weights)).sum()) + 9.0
    assert np.abs(found - expected).max() <= 9e-14 * size * math.sqrt(parts)


def test_a_product_with_one_input_left_out_is_another_number():
    fit = fit_cosines(activation("gelu"), -9.0, 5.0, 14)
    pieces = np.array([[0.5], [-1.25], [0.75]])
    assert abs(fit.phase_product(pieces[:2]) - fit(pieces.sum(axis=0)))[0] > 0.1


VALID = {
    "centre": 0.0, "half_width": 1.0, "frequency": 2.0, "offset": 0.0, "slope": 0.5,
    "cosines": [1.0], "sines": [0.0], "lower": -1.0, "upper": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cosines": [1.0, 2.0]}, "rows of one length"),
        ({"slope": math.nan}, "must be finite"),
        ({"cosines": [math.inf]}, "must be finite"),
        ({"frequency": 3.2}, "half a period"),
        ({"frequency": 0.0}, "half a period"),
        ({"half_width": -1.0}, "half-width must be positive"),
        ({"upper": 1.5}, "must lie in"),
        ({"lower": 1.0, "upper": -1.0}, "must lie in"),
        ({"sup_error": math.nan}, "must lie in"),
    ],
)
def test_bad_records_of_phases_are_refused(change, message):
    assert CosineFit(**VALID).terms == 1
    with pytest.raises(ValueError, match=message):
        CosineFit(**(VALID | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coefficients": []}, "row of finite coefficients"),
        ({"coefficients": [math.nan]}, "row of finite coefficients"),
        ({"centre": math.inf}, "finite centre"),
        ({"lower": 2.0}, "finite centre and interval"),
        ({"sup_error": -1.0}, "must not be negative"),
    ],
)
def test_bad_records_of_monomials_are_refused(change, message):
    valid = {"centre": 0.0, "coefficients": [1.0, 2.0], "lower": -1.0, "upper": 1.0}
    assert TaylorFit(**valid).degree == 1
    with pytest.raises(ValueError, match=message):
        TaylorFit(**(valid | change))


def test_requests_that_mean_nothing_are_refused():
    gelu = activation("gelu")
    with pytest.raises(ValueError, match="extension must lie"):
        fit_cosines(gelu, -1.0, 1.0, 4, extension=0.9)
    with pytest.raises(ValueError, match="empty"):
        fit_cosines(gelu, 1.0, -1.0, 4)
    with pytest.raises(ValueError, match="finite centre and interval"):
        fit_taylor(gelu, -math.inf, 1.0, 4)
    with pytest.raises(ValueError, match="terms"):
        fit_cosines(gelu, -1.0, 1.0, -1)
    with pytest.raises(ValueError, match="leaves the interval"):
        fit_cosines(gelu, -1.0, 1.0, 4)(1.5)


def test_a_shape_of_coefficients_beyond_a_row_is_refused():
    with pytest.raises(ValueError, match="row of finite coefficients"):
        ChebyshevFit(0.0, 1.0, np.ones((2, 2)), -1.0, 1.0)
    with pytest.raises(ValueError, match="rows of one length"):
        CosineFit(**(VALID | {"cosines": np.ones((1, 1)), "sines": np.ones((1, 1))}))


def test_monomials_that_leave_float64_have_an_infinite_error_at_once():
    assert fit_taylor(activation("gelu"), -1e5, 1e5, 128).sup_error == math.inf
    assert math.isfinite(fit_taylor(activation("gelu"), -1e3, 1e3, 64).sup_error)


@pytest.mark.parametrize("radius", [1e-9, 1e4, 1e9])
def test_phases_on_extreme_intervals_keep_their_certificate(radius):
    fit = fit_cosines(activation("gelu"), -radius, radius, 6)
    assert seen("gelu", fit, cosines_at, fit.centre, fit.half_width) <= fit.sup_error < radius
