"""Bounds of φ'' and of the mean curvature D, against differences in high precision."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.networks.enclosures import Enclosed
from carleman_ssm.operators.activation_bounds import curvature_bounds
from carleman_ssm.robustness import curvature_bounds as module
from carleman_ssm.robustness.curvature_bounds import mean_curvature, values_and_slopes
from carleman_ssm.theory.activations import activation

RULES = {
    name: activation(name)
    for name in ("gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "softplus", "identity", "square", "cube")
} | {"poly": activation("poly", [0.5, -1.25, 0.75, 0.1])}
PRECISE = {
    "gelu": lambda y: y * mpmath.ncdf(y),
    "gelu_tanh": lambda y: y / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (y + mpmath.mpf("0.044715") * y**3))),
    "silu": lambda y: y / (1 + mpmath.exp(-y)),
    "tanh": mpmath.tanh,
    "sigmoid": lambda y: 1 / (1 + mpmath.exp(-y)),
    "softplus": lambda y: mpmath.log1p(mpmath.exp(y)),
    "identity": lambda y: y,
    "square": lambda y: y**2,
    "cube": lambda y: y**3,
    "poly": lambda y: y / 2 - mpmath.mpf("1.25") * y**2 + mpmath.mpf("0.75") * y**3 + mpmath.mpf(0.1) * y**4,
}


def exact_mean_curvature(name, y, t):
    """2(φ(y+t) − φ(y) − φ'(y)t)/t² at 60 digits, φ''(y) at t = 0."""
    with mpmath.workdps(60):
        function, y, t = PRECISE[name], mpmath.mpf(y), mpmath.mpf(t)
        if abs(t) < mpmath.mpf("1e-9"):
            return mpmath.diff(function, y, 2)
        return 2 * (function(y + t) - function(y) - mpmath.diff(function, y) * t) / t**2


def point(y, error=0.0):
    return Enclosed(np.array([y]), np.array([error]))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(RULES)),
    y=st.floats(-9, 9) | st.sampled_from([0.0, 2.0, -2.0, 1.4142135623730951]),
    reach=st.floats(1e-3, 12),
    share=st.floats(-1, 1) | st.sampled_from([-1.0, 0.0, 1.0]),
    pieces=st.sampled_from([1, 2, 8]),
)
def test_the_mean_curvature_stays_within_its_bounds(name, y, reach, share, pieces):
    bounds = mean_curvature(RULES[name], point(y), np.array([reach]), pieces)
    exact = exact_mean_curvature(name, y, share * reach)
    # mpmath's differences at 60 digits are good to far less than this.
    assert mpmath.mpf(float(bounds.lower[0])) - mpmath.mpf(10) ** -25 <= exact <= float(bounds.upper[0]) + 1e-25


def test_pieces_only_sharpen_and_the_bounds_are_sharp():
    y, reach = np.linspace(-4, 4, 81), np.full(81, 1.0)
    centre = Enclosed(y, np.zeros(81))
    coarse, fine = (mean_curvature(RULES["gelu"], centre, reach, pieces) for pieces in (1, 32))
    assert (fine.lower >= coarse.lower - 1e-9).all()
    t = np.linspace(-1, 1, 401)
    t = t[np.abs(t) > 1e-3]
    gelu = RULES["gelu"]
    found = 2 * (gelu(y[:, None] + t) - gelu(y)[:, None] - gelu.derivative(y)[:, None] * t) / t**2
    assert (found.min(axis=1) >= fine.lower - 1e-9).all()
    # cells 1/256 wide and 32 pieces of slope at most 0.8 leave a few hundredths
    assert (found.min(axis=1) - fine.lower).max() < 0.03
    # least φ'' over the same interval, the bound that is usual, is lower by far
    assert (fine.lower - coarse.lower).max() > 0.2


def test_gelu_curves_between_its_extremes():
    found = curvature_bounds(RULES["gelu"], np.array([-30.0, -0.1, 1.9, 5.0]), np.array([30.0, 0.1, 2.1, 1e300]))
    low, high = found.value - found.error, found.value + found.error
    with mpmath.workdps(30):
        largest, smallest = float(2 * mpmath.npdf(0)), float(-2 * mpmath.npdf(2))
    assert low[0] <= smallest < smallest + 1e-3 > low[0] > smallest - 1e-3
    assert largest <= high[0] < largest + 1e-3
    assert low[2] <= smallest
    assert high[1] >= largest
    assert np.isinf(low[3])


def test_a_quadratic_has_one_mean_curvature():
    found = mean_curvature(RULES["square"], point(3.0), np.array([1e6]))
    assert abs(found.lower[0] - 2) < 1e-14 > abs(found.upper[0] - 2)
    found = mean_curvature(RULES["identity"], point(3.0), np.array([1e6]))
    assert abs(found.lower[0]) < 1e-280


def test_an_uncertain_centre_widens_the_bounds_for_every_centre_in_it():
    wide = mean_curvature(RULES["gelu"], point(1.0, 0.5), np.array([0.7]))
    for y in np.linspace(0.5, 1.5, 11):
        for t in (-0.7, -0.2, 0.3, 0.7):
            assert wide.lower[0] <= exact_mean_curvature("gelu", y, t) <= wide.upper[0]


def test_what_is_not_known_is_infinite():
    assert np.isinf(mean_curvature(RULES["gelu"], point(0.0), np.array([np.inf])).lower[0])
    assert np.isinf(mean_curvature(RULES["gelu"], point(np.nan), np.array([1.0])).upper[0])


def test_no_pieces_are_refused():
    with pytest.raises(ValueError, match="at least one piece, got 0"):
        mean_curvature(RULES["gelu"], point(0.0), np.array([1.0]), 0)


@pytest.mark.parametrize("name", sorted(RULES))
def test_values_and_slopes_are_enclosed_tightly(name):
    y = np.array([-8.5, -1.0, 0.0, 0.3, 7.0])
    value, slope = values_and_slopes(RULES[name], Enclosed(y, np.zeros(5)))
    with mpmath.workdps(60):
        for index, at in enumerate(y):
            exact = PRECISE[name](mpmath.mpf(at)), mpmath.diff(PRECISE[name], mpmath.mpf(at))
            for found, truth in zip((value, slope), exact, strict=True):
                gap = abs(mpmath.mpf(found.value[index]) - truth)
                assert gap <= mpmath.mpf(found.error[index]) + mpmath.mpf(10) ** -40
                assert found.error[index] <= 1e-15 * max(1.0, abs(found.value[index]))


def test_bounds_of_half_the_ball_are_refuted_at_its_end():
    """The planted error: pieces that reach T/2 instead of T, at the points where φ'' still falls."""
    centre, reach = np.linspace(-1, 1, 9), np.full(9, 1.5)
    zero = np.zeros(9)
    honest = mean_curvature(RULES["gelu"], Enclosed(centre, zero), reach)
    false = mean_curvature(RULES["gelu"], Enclosed(centre, zero), 0.5 * reach)
    for index, y in enumerate(centre):
        ends = [exact_mean_curvature("gelu", y, sign * 1.5) for sign in (-1, 1)]
        assert honest.lower[index] <= min(ends) <= max(ends) <= honest.upper[index]
        assert min(ends) < false.lower[index]


def test_points_in_place_of_intervals_are_refuted(monkeypatch):
    """The planted error: φ'' in the middle of every piece, as a quadrature that proves nothing."""

    def middles(rule, low, high):
        middle = 0.5 * (low + high)
        return curvature_bounds(rule, middle, middle)

    monkeypatch.setattr(module, "curvature_bounds", middles)
    false = mean_curvature(RULES["gelu"], point(0.0), np.array([1.5]), pieces=1)
    assert exact_mean_curvature("gelu", 0.0, 0.0) > false.upper[0]
