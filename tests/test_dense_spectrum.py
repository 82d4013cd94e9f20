"""Enclosed eigenvalues of dense matrices, and whether rounding could have made them real or complex."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.families.dense_spectrum import dense_spectrum
from carleman_ssm.families.initialisations import hippo
from carleman_ssm.families.s4 import S4


def rounding(matrix):
    """N u ‖A‖_F, the distance within which matrices are not told apart."""
    return len(matrix) * 2.0**-53 * np.linalg.norm(matrix)


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_the_discs_hold_the_eigenvalues_of_the_matrix_and_of_those_within_rounding(size, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(size, size))
    spectrum = dense_spectrum(matrix)
    change = rng.normal(size=(size, size))
    change *= rounding(matrix) / np.linalg.norm(change)
    with mpmath.workdps(40):
        for moved, radius in ((0 * change, spectrum.error), (change, spectrum.rounding)):
            found = mpmath.eig(mpmath.matrix(matrix) + mpmath.matrix(moved), left=False, right=False)
            for value in found:
                assert min(abs(value - mpmath.mpc(c)) for c in spectrum.eigenvalues) <= radius + 1e-30
    assert spectrum.error <= spectrum.rounding


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=6, unique=True), st.integers(0, 2**32 - 1))
def test_a_spectrum_that_is_real_by_construction_is_proved_real(values, seed):
    """Integers on the diagonal of a triangular matrix, exactly."""
    lower = np.tril(np.random.default_rng(seed).integers(-2, 3, (len(values), len(values))).astype(float), -1)
    spectrum = dense_spectrum(lower + np.diag(np.array(values, dtype=float)))
    assert spectrum.real
    assert spectrum.complex_count == 0
    assert (spectrum.eigenvalues.imag == 0).all()
    assert np.allclose(np.sort(spectrum.eigenvalues.real), np.sort(values), atol=1e-12)


@given(st.floats(1e-3, 3), st.floats(-1, 1))
def test_a_turn_is_proved_complex(angle, decay):
    turn = np.exp(decay) * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    spectrum = dense_spectrum(turn)
    assert spectrum.real is False
    assert spectrum.complex_count == 2


def test_what_rounding_decides_is_not_told():
    double = np.array([[1.0, 1.0], [0.0, 1.0]])
    assert dense_spectrum(double).real is None
    assert dense_spectrum(np.eye(2)).real is None
    above, below = double.copy(), double.copy()
    above[1, 0], below[1, 0] = 1e-17, -1e-17
    assert max(abs(above - double).max(), abs(below - double).max()) < rounding(double)
    assert dense_spectrum(above).complex_count == 0
    assert dense_spectrum(below).complex_count == 2  # proved of this matrix, and yet a matter of rounding
    assert dense_spectrum(above).real is dense_spectrum(below).real is None
    assert dense_spectrum(np.diag(np.ones(3), -1)).real is None


@pytest.mark.parametrize(("size", "told"), [(8, True), (16, True), (24, None), (64, None)])
def test_the_real_spectrum_of_hippo_is_never_told_complex(size, told):
    """The matrix of S4 in float64 has complex eigenvalues from some size on; LegS is within rounding of it."""
    layer = S4.initialise(np.random.default_rng(0), channels=1, d_state=size)
    spectrum = dense_spectrum(layer.matrices[0])
    assert spectrum.real is told
    assert (spectrum.complex_count > 0) is (told is None)
    assert spectrum.error < 1e-12
    exact = hippo("legs", size)[0]  # triangular: its float64 entries have the eigenvalues -1, ..., -N
    triangular = dense_spectrum(exact)
    assert triangular.complex_count == 0
    assert triangular.real is not False


def test_complex_counts_are_those_of_many_digits():
    matrix = S4.initialise(np.random.default_rng(1), channels=1, d_state=24).matrices[0]
    with mpmath.workdps(60):
        found = mpmath.eig(mpmath.matrix(matrix), left=False, right=False)
        counted = sum(abs(mpmath.im(value)) > mpmath.mpf(10) ** -30 for value in found)
    assert dense_spectrum(matrix).complex_count == counted > 0


def test_only_square_matrices_have_eigenvalues():
    with pytest.raises(ValueError, match="matrix"):
        dense_spectrum(np.ones((2, 3)))
    with pytest.raises(ValueError, match="matrix"):
        dense_spectrum(np.full((2, 2), np.nan))
