"""Ranges of activations and slopes over intervals hold every value, at 50 digits, and are nearly attained."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.operators.activation_bounds import from_ends, slope_bounds, value_bounds
from carleman_ssm.theory.activations import activation

SMOOTH = ("gelu", "gelu_tanh", "silu", "sigmoid", "tanh")
POLYNOMIALS = {"identity": (0, 1), "square": (0, 0, 1), "cube": (0, 0, 0, 1), "poly": (0, 0.5, -0.25, 2.0)}


def exact(name, y):
    """The function in mpmath, written out here once more."""
    if name == "gelu":
        return y / 2 * mpmath.erfc(-y / mpmath.sqrt(2))
    if name == "gelu_tanh":
        return y / (1 + mpmath.exp(-mpmath.sqrt(8 / mpmath.pi) * (y + mpmath.mpf(44715) / 10**6 * y**3)))
    if name == "tanh":
        return mpmath.tanh(y)
    gate = 1 / (1 + mpmath.exp(-y))
    return gate if name == "sigmoid" else y * gate


def holds(enclosed, value):
    return abs(mpmath.mpf(enclosed.value.item()) - value) <= mpmath.mpf(enclosed.error.item())


@pytest.mark.parametrize("name", SMOOTH)
@given(
    middle=st.floats(-40, 40) | st.sampled_from([0.0, 16.0, -16.0, 1e6, -1e12]),
    width=st.sampled_from([0.0, 2.0**-40, 0.01, 1.0, 30.0, 1e9]),
    where=st.floats(-1, 1),
)
@settings(max_examples=60, deadline=None)
def test_values_and_slopes_lie_in_their_ranges(name, middle, width, where):
    rule, point = activation(name), float(np.clip(middle + where * width, middle - width, middle + width))
    low, high = np.array([middle - width]), np.array([middle + width])
    values, slopes = value_bounds(rule, low, high), slope_bounds(rule, low, high)
    with mpmath.workdps(60):
        y = mpmath.mpf(point)
        assert holds(values, exact(name, y))
        if abs(point) < 50:  # beyond, differences of 60 digits do not see the slope's distance from 0 or 1
            assert holds(slopes, mpmath.diff(lambda t: exact(name, t), y))


@pytest.mark.parametrize("name", sorted(POLYNOMIALS))
@given(middle=st.floats(-1e3, 1e3), width=st.sampled_from([0.0, 1e-9, 0.5, 100.0]), where=st.floats(-1, 1))
@settings(max_examples=60, deadline=None)
def test_polynomials_lie_in_their_ranges(name, middle, width, where):
    coefficients = POLYNOMIALS[name]
    rule = activation(name, coefficients[1:] if name == "poly" else None)
    point = float(np.clip(middle + where * width, middle - width, middle + width))
    low, high = np.array([middle - width]), np.array([middle + width])
    with mpmath.workdps(60):
        y = mpmath.mpf(point)
        assert holds(value_bounds(rule, low, high), sum(c * y**k for k, c in enumerate(coefficients)))
        slope = sum(k * c * y ** (k - 1) for k, c in enumerate(coefficients) if k)
        assert holds(slope_bounds(rule, low, high), slope)


@pytest.mark.parametrize("name", SMOOTH)
def test_ranges_are_nearly_those_that_samples_reach(name):
    rule, generator = activation(name), np.random.default_rng(0)
    low = generator.uniform(-12, 5, 50)  # cells are fine up to 16
    high = low + 10.0 ** generator.uniform(-3, 1, 50)
    points = np.linspace(low, high, 2001)
    for enclosed, samples in (
        (value_bounds(rule, low, high), rule(points)),
        (slope_bounds(rule, low, high), rule.derivative(points)),
    ):
        assert (enclosed.value - enclosed.error > samples.min(axis=0) - 0.02).all()
        assert (enclosed.value + enclosed.error < samples.max(axis=0) + 0.02).all()


def test_slopes_of_gelu_at_rest_are_known_to_their_cell():
    """A false twin: the slope at 0 is 1/2; an enclosure that missed it, or one as wide as [0, 1], would be wrong."""
    found = slope_bounds(activation("gelu"), np.zeros(1), np.zeros(1))
    assert abs(found.value[0] - 0.5) <= found.error[0] < 0.01


@pytest.mark.parametrize("end", [np.nan, np.inf, 1e30])
def test_nothing_is_known_where_nothing_was_enclosed(end):
    for bounds in (slope_bounds, value_bounds):
        assert np.isinf(bounds(activation("gelu"), np.array([0.0]), np.array([end])).error).all()
    assert np.isinf(from_ends(np.array([-np.inf]), np.array([0.0])).error).all()


def test_an_interval_from_its_ends_holds_them():
    generator = np.random.default_rng(1)
    low = generator.normal(size=1000) * 10.0 ** generator.uniform(-300, 300, 1000)
    high = np.maximum(low, low + np.abs(low) * generator.choice([0.0, 2.0**-52, 1.0], 1000))
    found = from_ends(low, high)
    for value, error, first, last in zip(found.value, found.error, low, high, strict=True):
        with mpmath.workdps(700):
            middle, radius = mpmath.mpf(float(value)), mpmath.mpf(float(error))
            assert abs(middle - mpmath.mpf(float(first))) <= radius
            assert abs(middle - mpmath.mpf(float(last))) <= radius
