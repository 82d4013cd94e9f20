r"""A dense layer by its eigenvectors, with what that costs: enclosures at raised precision and the condition number.

$$K_\ell = c^\top \bar A^\ell \bar b = \sum_n w_n \lambda_n^\ell = \mathrm{Re} \sum_n w_n \lambda_n^\ell, \qquad
  w_n = (c^\top V)_n (V^{-1} \bar b)_n .$$

The weights are as large as the condition number of V, and cancel. Eigenvalues, eigenvectors and the inverse are
enclosed in ball arithmetic for the matrix with the given float64 entries; the precision is doubled until the kernel is
known to the tolerance. What float64 would make of the same modes is then bounded in the same arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import flint
import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Enclosed, ball_matrix, enclose, outward
from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.layers import Array, ComplexArray

PRECISIONS = (128, 256, 512, 1024, 2048)
TOLERANCE = 1e-12
"""Largest radius of a kernel value that ends the search for a precision."""


@dataclass(frozen=True, eq=False, repr=False)
class DiagonalForm(Brief):
    r"""The modes of one dense layer.

    Parameters
    ----------
    multipliers
        $\lambda$, (N,), rounded to float64.
    weights
        w, (readouts, N), rounded to float64.
    condition
        A certified upper bound of $\|V\|_F \|V^{-1}\|_F$ for eigenvectors of unit length, which is at most N times the
        smallest condition number in the spectral norm that a scaling of V can have.
    bits
        Precision at which the modes were enclosed.
    kernel
        $K_\ell$, (readouts, L), with its certified error.
    float64_error
        A certified upper bound, over all lags, of $|\mathrm{Re} \sum_n \tilde w_n \tilde\lambda_n^\ell - K_\ell|$ with
        the rounded modes in exact arithmetic: what rounding the modes alone costs a kernel that is read by its real
        part. The rounded modes need not come in conjugate pairs, so the sum may have an imaginary part besides.
    """

    multipliers: ComplexArray
    weights: ComplexArray
    condition: float
    bits: int
    kernel: Enclosed
    float64_error: float


def diagonal_form(matrix: Array, drive: Array, readout: Array, length: int) -> DiagonalForm:
    r"""The modes of $x_k = \bar A x_{k-1} + \bar b u_k$, $y = c^\top x$, certified over L lags.

    Parameters
    ----------
    matrix, drive, readout
        $\bar A$ (N, N), $\bar b$ (N,) and c (readouts, N): float64 numbers, taken as exact.
    length
        L.

    Raises
    ------
    ValueError
        Shapes that do not fit, or no lag.
    ArithmeticError
        The eigenvalues are not separated at 2048 bits: the matrix may have no full set of eigenvectors.

    Examples
    --------
    >>> form = diagonal_form(np.diag([0.5, 0.25]), np.ones(2), np.ones((1, 2)), 3)
    >>> form.kernel.value
    array([[2.    , 0.75  , 0.3125]])
    """
    square = real_array("matrix", matrix, (None, np.shape(matrix)[-1]))
    size = square.shape[0]
    kick, rows = real_array("drive", drive, (size,)), real_array("readout", readout, (None, size))
    if length < 1:
        msg = f"a kernel needs at least one lag, got length {length}"
        raise ValueError(msg)
    for bits in PRECISIONS:
        with flint.ctx.workprec(bits):
            found = _enclosed_form(square, kick, rows, length, bits)
        if found is not None:
            return found
    msg = (
        f"the eigenvalues of this {size} x {size} matrix are not separated at {PRECISIONS[-1]} bits: it may have no "
        "full set of eigenvectors; use the dense route"
    )
    raise ArithmeticError(msg)


def _enclosed_form(matrix: Array, drive: Array, readout: Array, length: int, bits: int) -> DiagonalForm | None:
    """At this precision, or None if it does not suffice."""
    try:
        multipliers, vectors = flint.acb_mat(ball_matrix(matrix)).eig(right=True)
        vectors = _unit_columns(vectors)
        inverse = vectors.inv()
    except (ValueError, ZeroDivisionError):  # eigenvalues that are not isolated; a matrix that may be singular
        return None
    left = flint.acb_mat(ball_matrix(readout)) * vectors
    right = inverse * flint.acb_mat(ball_matrix(drive[:, None]))
    weights = [[left[row, n] * right[n, 0] for n in range(len(multipliers))] for row in range(left.nrows())]
    exact = _kernel(weights, multipliers, length)
    if not all(ball.rad() < TOLERANCE for row in exact for ball in row):
        return None
    rounded = [complex(value) for value in multipliers], [[complex(weight) for weight in row] for row in weights]
    through = _kernel([[flint.acb(w) for w in row] for row in rounded[1]], [flint.acb(v) for v in rounded[0]], length)
    gaps = (
        abs(a - b).upper() for row, other in zip(exact, through, strict=True) for a, b in zip(row, other, strict=True)
    )
    condition = (_norm(vectors) * _norm(inverse)).upper()
    return DiagonalForm(
        np.array(rounded[0]),
        np.array(rounded[1]),
        float(outward(float(condition))),
        bits,
        enclose((ball for row in exact for ball in row), (len(exact), length)),
        float(outward(max(float(gap) for gap in gaps))),
    )


def _unit_columns(vectors: flint.acb_mat) -> flint.acb_mat:
    size = vectors.nrows()
    lengths = [sum((abs(vectors[i, n]) ** 2 for i in range(size)), flint.arb(0)).sqrt() for n in range(vectors.ncols())]
    return flint.acb_mat(size, size, [vectors[i, n] / lengths[n] for i in range(size) for n in range(size)])


def _norm(matrix: flint.acb_mat) -> flint.arb:
    return sum((abs(entry) ** 2 for entry in matrix.entries()), flint.arb(0)).sqrt()


def _kernel(weights: list[list[flint.acb]], multipliers: list[flint.acb], length: int) -> list[list[flint.arb]]:
    r"""$\mathrm{Re} \sum_n w_n \lambda_n^\ell$, row by row; the kernel of a real system is real."""
    rows = []
    for row in weights:
        terms, values = list(row), []
        for _ in range(length):
            values.append(sum(terms, flint.acb(0)).real)
            terms = [term * value for term, value in zip(terms, multipliers, strict=True)]
        rows.append(values)
    return rows
