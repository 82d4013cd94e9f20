r"""Eigenvalues of a dense matrix in discs that are proved to hold them, and whether they are real for all that rounds.

For any invertible V and diagonal D, with $R = A V - V D$,

$$V^{-1} (A + E) V = D + V^{-1} (R + E V),$$

so every eigenvalue of $A + E$ lies within $\|V^{-1}\|_F (\|R\|_F + \|E\|_2 \|V\|_F)$ of an entry of D (Bauer & Fike),
and by continuity a connected union of such discs holds as many of them as it has centres. V and D are approximate at
raised precision, R and $V^{-1}$ enclosed in ball arithmetic; the columns of V are scaled so that the bound is least.

With E = 0 these are the eigenvalues of the matrix as given. With $\|E\|_2 \le N u \|A\|_F$, $u = 2^{-53}$, they are
those of all matrices that a backward stable computation in float64 may take it for. HiPPO-LegS needs both: its
eigenvalues are $-1, \dots, -N$, but from N = 22 or so its matrix in float64 has complex ones, which is proved and yet
says nothing of LegS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import flint
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csgraph

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import UNIT_ROUNDOFF, ball_matrix, outward
from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.layers import Array, ComplexArray

BITS = 128
"""The residual of 64 eigenvectors of condition 1e16 is then far below what rounding in float64 does."""


@dataclass(frozen=True, eq=False, repr=False)
class DenseSpectrum(Brief):
    r"""The eigenvalues of one real matrix.

    Parameters
    ----------
    eigenvalues
        (N,), centres of discs; the imaginary part is 0 where the eigenvalue of the given matrix is proved real.
    error
        Certified radius of discs that hold the eigenvalues of the given matrix.
    rounding
        Certified radius of discs that hold those of every matrix within $N u \|A\|_F$ of it.
    complex_count
        How many eigenvalues of the given matrix are proved not to be real.
    real
        True: every real matrix within rounding has real eigenvalues only. False: every one has some that are not. None:
        the discs do not tell.
    """

    eigenvalues: ComplexArray
    error: float
    rounding: float
    complex_count: int
    real: bool | None


def dense_spectrum(matrix: Array) -> DenseSpectrum:
    r"""Enclose the eigenvalues of a real matrix (N, N), its float64 entries taken as exact.

    Raises
    ------
    TypeError, ValueError
        No square matrix, NaN or infinity.

    Examples
    --------
    >>> dense_spectrum(np.array([[1.0, 2.0], [0.0, 3.0]])).real
    True
    >>> dense_spectrum(np.array([[0.0, 2.0], [-2.0, 0.0]])).real
    False
    >>> dense_spectrum(np.array([[1.0, 1.0], [0.0, 1.0]])).real  # rounding may split a double eigenvalue either way
    """
    square = real_array("matrix", matrix, (None, np.shape(matrix)[-1]))
    if len(square) != square.shape[1]:
        msg = f"matrix: only a square one has eigenvalues, got the shape {square.shape}"
        raise ValueError(msg)
    with flint.ctx.workprec(BITS):
        centres, error, rounding = _discs(square)
    single, turned = _alone_with_conjugate(centres, error), _off_axis(centres, error)
    real = True if _alone_with_conjugate(centres, rounding).all() else None
    if _off_axis(centres, rounding).any():
        real = False
    values = np.where(single, centres.real, centres)
    return DenseSpectrum(values, error, rounding, int(turned.sum()), real)


def _discs(matrix: Array) -> tuple[ComplexArray, float, float]:
    """Centres, and the radii for the matrix and for those within its rounding; infinite if no basis was found."""
    size, balls = len(matrix), flint.acb_mat(ball_matrix(matrix))
    try:
        approximate, basis = balls.eig(right=True, algorithm="approx")
        inverse = basis.inv()
    except (ValueError, ZeroDivisionError):  # no convergence, or a matrix that may have no basis of eigenvectors
        return np.linalg.eigvals(matrix).astype(np.complex128), np.inf, np.inf
    centres = np.array([complex(value) for value in approximate])
    exact = [value.mid() for value in approximate]
    diagonal = flint.acb_mat(size, size, [exact[i] if i == j else 0 for i in range(size) for j in range(size)])
    columns, rows = _column_norms(basis), _column_norms(inverse.transpose())
    scales = [(row / column).mid().sqrt().mid() for row, column in zip(rows, columns, strict=True)]
    residual = _column_norms(balls * basis - basis * diagonal)
    of_basis, of_residual = (_root(a * s for a, s in zip(part, scales, strict=True)) for part in (columns, residual))
    of_inverse = _root(a / s for a, s in zip(rows, scales, strict=True))
    noise = _root(_column_norms(balls)) * size * UNIT_ROUNDOFF
    moved = max(_above(abs(flint.acb(c) - a)) for c, a in zip(centres.tolist(), exact, strict=True))
    error, rounding = (_above(of_inverse * (of_residual + added)) + moved for added in (flint.arb(0), noise * of_basis))
    return centres, float(outward(error)), float(outward(rounding))


def _column_norms(matrix: flint.acb_mat) -> list[flint.arb]:
    rows = range(matrix.nrows())
    return [_root(abs(matrix[i, n]) for i in rows) for n in range(matrix.ncols())]


def _root(parts: Iterable[flint.arb]) -> flint.arb:
    """A bound of the root of a sum of squares, from above."""
    return sum((part.abs_upper() ** 2 for part in parts), flint.arb(0)).sqrt()


def _above(ball: flint.arb) -> float:
    """A float64 number above a ball, infinite for one without bounds."""
    bound = float(ball.upper())
    return float(outward(bound)) if np.isfinite(bound) else np.inf


def _alone_with_conjugate(centres: ComplexArray, radius: float) -> NDArray[np.bool_]:
    """Discs that meet no other and whose mirror image meets no other: of a real matrix they hold one real number."""
    apart = np.minimum(np.abs(centres[:, None] - centres), np.abs(centres.conj()[:, None] - centres))
    np.fill_diagonal(apart, np.inf)
    alone: NDArray[np.bool_] = apart.min(axis=1) > 2 * radius
    return alone


def _off_axis(centres: ComplexArray, radius: float) -> NDArray[np.bool_]:
    """Discs of a connected union that does not meet the real axis."""
    touching = np.abs(centres[:, None] - centres) <= 2 * radius
    parts, labels = csgraph.connected_components(touching, directed=False)
    height = np.full(parts, np.inf)
    np.minimum.at(height, labels, np.abs(centres.imag))
    off: NDArray[np.bool_] = height[labels] > radius
    return off
