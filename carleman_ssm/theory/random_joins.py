r"""A decoder of a sum whose terms join at random: means by truncated generating functions.

If term $a_j$ is there with probability t, independently of the others, $\sum_j a_j$ has the generating function
$\prod_j\big((1-t)+te^{a_js}\big) = \exp\sum_r c_r(t)\big(\sum_j a_j^r\big)s^r$: the cumulants of one Bernoulli variable
times power sums, so that no product over the terms is formed. All coefficients may be exact numbers, expressions,
floats or arrays: only sums, products and quotients by integers are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial
from typing import Any


def join_series(t: Any, degree: int) -> tuple[list[Any], list[Any]]:
    r"""Taylor coefficients of $\ln(1-t+te^x)$ and of $(e^x-1)/(1-t+te^x)$ up to $x^P$, P + 1 each.

    With $d_r = t/r!$: $c_r = d_r - \frac1r\sum_{0<q<r}q\,c_qd_{r-q}$ and
    $\beta_r = \frac1{r!} - \sum_{0<q<r}\beta_qd_{r-q}$.

    Examples
    --------
    >>> join_series(0.5, 2)
    ([0.0, 0.5, 0.125], [0.0, 1.0, 0.0])
    """
    joined = [t / factorial(r) for r in range(degree + 1)]
    cumulants, slopes = [0 * t], [0 * t]
    for r in range(1, degree + 1):
        cumulants.append(joined[r] - sum((q * cumulants[q] * joined[r - q] for q in range(1, r)), 0 * t) / r)
        slopes.append((0 * t + 1) / factorial(r) - sum((slopes[q] * joined[r - q] for q in range(1, r)), 0 * t))
    return cumulants, slopes


def exponential(series: Sequence[Any]) -> list[Any]:
    r"""$M = e^C$ of a power series $C$ whose constant term is not read: $rM_r = \sum_{0<q\le r} q\,C_qM_{r-q}$.

    Examples
    --------
    >>> exponential([0, 1.0, 0.0])
    [1.0, 1.0, 0.5]
    """
    result = [0 * series[0] + 1] if len(series) == 1 else [0 * series[1] + 1]
    for r in range(1, len(series)):
        result.append(sum((q * series[q] * result[r - q] for q in range(2, r + 1)), series[1] * result[r - 1]) / r)
    return result


def contracted(coefficients: Sequence[Any], moments: Sequence[Any]) -> list[Any]:
    r"""$G_m = \sum_{p\ge m}p!\,t_pM_{p-m}$: the mean of the m-th derivative of $\sum_pt_py^p$ by moments $p!M_p$."""
    count = len(coefficients)
    return [
        sum(
            (factorial(p) * coefficients[p] * moments[p - m] for p in range(m + 1, count)),
            factorial(m) * coefficients[m] * moments[0],
        )
        for m in range(count)
    ]
