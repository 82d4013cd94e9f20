"""Float scans: growth beyond the powers of a closed form, overflow by name, norms of huge vectors."""

import numpy as np
import pytest

from carleman_ssm.families.pointwise import l2_norm, rms_norm
from carleman_ssm.families.scans import InvariantDenseScan, InvariantDiagonalScan, VaryingDiagonalScan

LENGTH = 20_000


def late_impulse(length):
    drives = np.zeros((1, length, 1))
    drives[0, -5] = 1.0
    return drives


@pytest.mark.parametrize(
    "scan",
    [
        InvariantDiagonalScan(np.array([2.0]), late_impulse(LENGTH)),
        InvariantDenseScan(np.array([[2.0]]), late_impulse(LENGTH)),
        VaryingDiagonalScan(np.full((1, LENGTH, 1), 2.0), late_impulse(LENGTH)),
    ],
    ids=lambda scan: type(scan).__name__,
)
def test_powers_that_leave_float64_do_not_spoil_states_that_do_not(scan):
    for method in ("closed", "recurrence"):
        states = scan.states(method)
        assert states[0, -5:, 0].tolist() == [1.0, 2.0, 4.0, 8.0, 16.0]
        assert not states[0, :-5].any()


@pytest.mark.parametrize("method", ["closed", "recurrence"])
def test_states_beyond_float64_are_refused(method):
    with pytest.raises(ValueError, match="the states leave the range of float64"):
        InvariantDiagonalScan(np.array([2.0]), np.ones((1, 2000, 1))).states(method)


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e8, 1e160, 1e300])
def test_norms_of_huge_vectors_are_unit_vectors_and_not_zero(size):
    v = size * np.array([[3.0, -4.0, 0.0]])
    unit = np.array([[0.6, -0.8, 0.0]]) if size >= 1 else v / np.sqrt(1e-12)
    # ε = 1e-12 beside 25 changes the unit vector by 2e-14
    assert np.abs(l2_norm(v, 1e-12) - unit).max() < 1e-12
    assert np.abs(rms_norm(v, None, 1e-12) - unit * np.sqrt(3 if size >= 1 else 1)).max() < 1e-12


def test_an_epsilon_that_is_not_scaled_would_be_seen():
    v = np.array([[300.0, 400.0]])
    exact = v / np.sqrt(250_000 + 1e4)
    assert np.abs(l2_norm(v, 1e4) - exact).max() < 1e-15
    assert np.abs(v / 400 / np.sqrt((v / 400 * v / 400).sum() + 1e4) - exact).max() > 0.1
