"""Edits of one decoded value beside a residual path at any angle to its kernel, and of kernels of any size."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.steering.edit_planes import edit_plane
from carleman_ssm.steering.scalar_edits import ScalarReadout, linear_edit, scalar_edit
from carleman_ssm.steering.scalar_shifts import _least_over
from carleman_ssm.theory.activations import activation


def memoryless(kernel, residual, value=0.0):
    """y² + e·δ about y = 0."""
    return ScalarReadout(activation("square"), 0.0, value, 1.0, np.array(kernel)[:, None], np.array(residual)[:, None])


def test_a_small_angle_between_kernel_and_residual_path_leaves_every_value_within_reach():
    """t² + t + 9e-7 s = −1 is solved by t = −1/2, s = −0.75/9e-7; with e parallel to K nothing solves it."""
    near = scalar_edit(memoryless([1.0, 0.0], [1.0, 9e-7]), -1.0)
    assert near.status == "global"
    assert near.norm == pytest.approx(np.hypot(0.5, 0.75 / 9e-7), rel=1e-9)
    assert near.value == pytest.approx(-1.0, rel=1e-9)
    assert scalar_edit(memoryless([1.0, 0.0], [1.0, 0.0]), -1.0).status == "unreachable"


@given(st.integers(0, 2**32 - 1), st.floats(-8, -3))
def test_at_small_angles_norm_bound_and_value_agree_to_what_is_documented(seed, exponent):
    generator = np.random.default_rng(seed)
    kernel, across = generator.normal(size=(2, 6))
    readout = memoryless(kernel, kernel * generator.normal() + 10.0**exponent * across)
    wanted = 10 * generator.normal()
    found = scalar_edit(readout, wanted)
    assert found.lower_bound <= found.norm * (1 + 1e-12)
    if found.status == "global":
        assert found.norm <= found.lower_bound * (1 + 2.1e-9)
        assert found.value == pytest.approx(wanted, rel=1e-6)


def test_directions_that_are_parallel_but_for_rounding_are_no_proof_that_a_value_is_out_of_reach():
    kernel = np.array([0.3, 0.7])
    rounded = kernel / 3.0
    assert Fraction(rounded[0]) * Fraction(0.7) != Fraction(rounded[1]) * Fraction(0.3)
    far = scalar_edit(memoryless(kernel, rounded), -1.0)
    assert far.status == "undecided"
    assert far.lower_bound > 1e15
    near = scalar_edit(memoryless(kernel, rounded), 2.0)  # t² + t/3 = 2
    assert near.status == "global"
    assert near.norm == pytest.approx((np.sqrt(1 / 9 + 8) - 1 / 3) / 2 / np.linalg.norm(kernel), rel=1e-9)


@pytest.mark.parametrize("size", [1e-100, 1e100])
def test_kernels_of_any_size_give_edits_of_the_inverse_size(size):
    unit, scaled = (scalar_edit(memoryless([3.0 * k, 4.0 * k], [0.0, 0.0]), 1.0) for k in (1.0, size))
    assert scaled.status == "global"
    assert scaled.norm * size == pytest.approx(unit.norm, rel=1e-12)


def test_the_least_norm_of_a_box_of_one_step_of_float64_counts_both_its_ends():
    """The middle of such a box rounds to one end; a bound from that end alone lies above the value at the other."""
    low = 1.0 + 2.0**-52
    high = low + 2.0**-52
    assert 0.5 * (low + high) == high

    def steep(t):
        return (t - arb(low)) ** 2 * 1e40 + 1, 2 * (t - arb(low)) * 1e40, arb(1e40)

    assert _least_over(steep, low, high) <= 1.0


def test_numbers_that_are_not_finite_are_refused():
    blind = memoryless([0.0, 0.0], [0.0, 0.0])
    for wanted in (np.nan, np.inf):
        with pytest.raises(ValueError, match="finite"):
            scalar_edit(blind, wanted)
    with pytest.raises(ValueError, match="finite"):
        scalar_edit(memoryless([np.nan, 0.0], [0.0, 0.0]), 1.0)
    for rows, changes in ((np.nan, 1.0), (1.0, np.nan)):
        with pytest.raises(ValueError, match="finite"):
            linear_edit(np.full((1, 2, 1), rows), np.array([changes]))


def test_what_stands_across_the_kernel_keeps_its_digits_and_the_determinant_loses_them():
    """K = (3, 1), e = K + h(−1, 3): the part across K is h(−1, 3), and F = 10 h², whatever the size of h."""
    h = 2.0**-40
    kernel, across = np.array([3.0, 1.0]), h * np.array([-1.0, 3.0])
    plane = edit_plane(kernel, kernel + across)
    np.testing.assert_allclose(plane.across, across, rtol=1e-14)
    assert float(plane.across_squared) == pytest.approx(10 * h**2, rel=1e-14)
    residual = kernel + across
    determinant = (kernel @ kernel) * (residual @ residual) - (kernel @ residual) ** 2
    assert abs(determinant / (kernel @ kernel) / (10 * h**2) - 1) > 1e-3
