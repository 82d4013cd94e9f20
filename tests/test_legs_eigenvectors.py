"""Eigenvectors of HiPPO-LegS: the closed form, its inverse, its condition number, and what rounding its modes costs."""

import mpmath
import numpy as np
import pytest
import sympy as sp

from carleman_ssm.experiments.eigenvector_costs import eigenvector_costs, legs_condition, legs_error
from carleman_ssm.families.initialisations import hippo
from carleman_ssm.theory.legs_eigenvectors import legs_condition_square, legs_left_vectors, legs_right_vectors


def rational_legs(size):
    """D⁻¹ A D from the definition: rational."""
    return sp.Matrix(size, size, lambda n, k: -(2 * k + 1) if n > k else -(n + 1) if n == k else 0)


def legs_in_digits(size):
    """HiPPO-LegS from its definition in mpmath's working precision."""
    return mpmath.matrix(
        [
            [-mpmath.sqrt((2 * n + 1) * (2 * k + 1)) if n > k else -(n + 1) if n == k else 0 for k in range(size)]
            for n in range(size)
        ]
    )


@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_the_closed_form_diagonalises_legs(size):
    right, left = sp.Matrix(legs_right_vectors(size)), sp.Matrix(legs_left_vectors(size))
    values = sp.diag(*[-(n + 1) for n in range(size)])
    assert rational_legs(size) * right == right * values
    assert left * right == sp.eye(size)
    assert list(left * sp.ones(size, 1)) == [sp.binomial(2 * n, n) for n in range(size)]
    if size > 1:  # without the signs it is no eigenvector
        assert rational_legs(size) * right.applyfunc(abs) != right.applyfunc(abs) * values


def test_the_matrix_is_that_of_the_layers():
    roots = np.sqrt(2 * np.arange(6) + 1)
    ours = roots[:, None] * np.array(rational_legs(6).tolist(), dtype=float) / roots
    matrix, drive, _ = hippo("legs", 6)
    assert np.allclose(ours, matrix, rtol=1e-14, atol=0)
    assert np.array_equal(drive, roots)


@pytest.mark.parametrize("size", [2, 8, 24])
def test_the_condition_number_is_that_of_eigenvectors_found_by_substitution(size):
    """A second route: forward substitution in the triangular matrix and an inverse, in 80 digits."""
    with mpmath.workdps(80):
        matrix, vectors = legs_in_digits(size), mpmath.zeros(size)
        for j in range(size):
            vectors[j, j] = mpmath.mpf(1)
            for i in range(j + 1, size):
                vectors[i, j] = mpmath.fsum(matrix[i, k] * vectors[k, j] for k in range(j, i)) / (i - j)
            length = mpmath.norm(vectors[:, j])
            vectors[:, j] = vectors[:, j] / length
        found = mpmath.mnorm(vectors, "f") * mpmath.mnorm(mpmath.inverse(vectors), "f")
        square = legs_condition_square(size)
        assert abs(found**2 * int(square.q) / int(square.p) - 1) < 1e-30
    assert found <= legs_condition(size) <= float(found) * (1 + 1e-5)


def test_the_loss_of_rounded_modes_is_that_of_the_dense_steps():
    """At N = 12, in 120 digits: dense steps; their modes solve the Vandermonde system of the first N lags."""
    size, step = 12, 0.03
    readout = np.random.default_rng(5).normal(size=size)
    with mpmath.workdps(120):
        half, one = legs_in_digits(size) * (mpmath.mpf(step) / 2), mpmath.eye(size)
        drive = mpmath.matrix([mpmath.sqrt(2 * n + 1) for n in range(size)]) * mpmath.mpf(step)
        state, transition = mpmath.lu_solve(one - half, drive), mpmath.inverse(one - half) * (one + half)
        dense = []
        for _ in range(64):
            dense.append(mpmath.fsum(mpmath.mpf(c) * x for c, x in zip(readout, state, strict=True)))
            state = transition * state
        exact = [(1 + half[n, n]) / (1 - half[n, n]) for n in range(size)]
        powers = mpmath.matrix([[value**lag for value in exact] for lag in range(size)])
        weights = mpmath.lu_solve(powers, mpmath.matrix(dense[:size]))
        rounded = [(mpmath.mpf(float(w)), mpmath.mpf(float(v))) for w, v in zip(weights, exact, strict=True)]
        through = [mpmath.fsum(w * v**lag for w, v in rounded) for lag in range(64)]
        found = max(abs(a - b) for a, b in zip(through, dense, strict=True)) / max(map(abs, dense))
    bound = legs_error(step, readout)
    assert 0 < found <= bound <= float(found) * (1 + 1e-4)


def test_legs_and_its_matrix_in_float64_are_told_apart():
    """To N = 16 rounding leaves the condition as it is; at N = 24 that of the float64 matrix is no bound for LegS."""
    middle, large = eigenvector_costs((16, 24))
    assert np.isclose(middle.condition, middle.rounded_condition, rtol=1e-3)
    assert large.rounded_condition < large.condition / 100
    assert middle.relative_error < 1e-6 < 0.01 < large.relative_error


def test_a_size_is_a_positive_number():
    with pytest.raises(ValueError, match="size"):
        legs_right_vectors(0)
    with pytest.raises(TypeError, match="size"):
        legs_left_vectors(2.5)
