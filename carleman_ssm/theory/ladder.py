r"""Nested fits: for one set of samples the best polynomial of every degree 0 … P, by one QR factorisation.

The rungs are the partial sums of an expansion in polynomials that are orthogonal under the samples, so what one rung
adds to the one below is orthogonal to it (an empirical Wiener expansion), unlike raw monomials of one high-degree fit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def least_squares_ladder(position: Floats, values: Floats, degree: int) -> Floats:
    r"""Chebyshev coefficients of the least-squares fits of degrees 0 … P, (P + 1, P + 1), row p for degree p.

    Parameters
    ----------
    position
        Samples $t_i \in [-1, 1]$, (n,).
    values
        $\varphi$ at the samples, (n,).
    degree
        P. Where the samples cannot tell degrees apart the solution of smallest norm is taken.
    """
    factor, triangle = np.linalg.qr(np.polynomial.chebyshev.chebvander(position, degree))
    projected, count = factor.T @ values, len(triangle)
    rungs = np.zeros((degree + 1, degree + 1))
    for p in range(degree + 1):
        rows = min(p + 1, count)
        rungs[p, : p + 1] = np.linalg.lstsq(triangle[:rows, : p + 1], projected[:rows], rcond=1e-13)[0]
    return rungs


def truncation_ladder(coefficients: Floats) -> Floats:
    """Truncations of one Chebyshev series (P + 1,) after degrees 0 … P, (P + 1, P + 1)."""
    return np.tril(np.ones((len(coefficients),) * 2)) * coefficients
