r"""Generating functions of a sum whose terms join at random: $\prod_j\big((1-t)+te^{a_js}\big)$ as a truncated series.

Its cumulants are those of one Bernoulli variable times the power sums $\sum_j a_j^r$, so no product over the terms is
ever formed.
"""

from __future__ import annotations

from math import factorial

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def join_series(probability: float, degree: int) -> tuple[Floats, Floats]:
    r"""Taylor coefficients of $\ln(1-t+te^x)$ and of $(e^x-1)/(1-t+te^x)$ up to $x^P$, (P + 1,) each.

    Examples
    --------
    >>> cumulants, slopes = join_series(0.5, 2)
    >>> cumulants.tolist(), slopes.tolist()
    ([0.0, 0.5, 0.125], [0.0, 1.0, 0.0])
    """
    joined = np.array([probability / factorial(r) for r in range(degree + 1)])
    cumulants, slopes = np.zeros(degree + 1), np.zeros(degree + 1)
    for r in range(1, degree + 1):
        lower = np.arange(1, r)
        cumulants[r] = joined[r] - (lower * cumulants[1:r]) @ joined[r - lower] / r
        slopes[r] = 1 / factorial(r) - slopes[1:r] @ joined[r - lower]
    return cumulants, slopes


def exponential(series: Floats) -> Floats:
    r"""$M = e^{C}$ for a power series C without constant term: $rM_r = \sum_q qC_qM_{r-q}$."""
    result = np.zeros_like(series)
    result[0] = 1.0
    for r in range(1, len(series)):
        for q in range(1, r + 1):
            result[r] += (q / r) * series[q] * result[r - q]
    return result


def contracted(coefficients: Floats, moments: Floats) -> Floats:
    r"""$G_m = \sum_{p\ge m}p!\,t_pM_{p-m}$."""
    result = np.zeros_like(coefficients)
    for m in range(len(coefficients)):
        for p in range(m, len(coefficients)):
            result[m] += factorial(p) * coefficients[p] * moments[p - m]
    return result
