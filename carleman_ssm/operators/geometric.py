r"""Geometric sums of complex ratios, at and near the ratio 1 as well: no sum over time is carried out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Complexes = NDArray[np.complex128]
NEAR_ONE = 0.5
SMALL = 1e-3


def geometric_sum(ratio: Complexes, count: int) -> Complexes:
    r"""$\sum_{l<n} z^l = (1 - z^n)/(1 - z)$, by expm1 of the logarithm where z is near 1.

    Examples
    --------
    >>> geometric_sum(np.array([0.5 + 0j, 1.0]), 3).real.tolist()
    [1.75, 3.0]
    """
    z = np.asarray(ratio, dtype=np.complex128)
    near, equal = np.abs(1 - z) < NEAR_ONE, z == 1
    # 0.75 stands in where this way is not taken: powers of a ratio above 1 would overflow.
    rate = np.log(np.where(near & ~equal, z, 0.75))
    by_rate = np.expm1(count * rate) / np.expm1(rate)
    direct = (1 - z**count) / np.where(near, 2.0, 1 - z)
    result: Complexes = np.where(equal, complex(count), np.where(near, by_rate, direct))
    return result


def triangular_sum(ratio: Complexes, count: int) -> Complexes:
    r"""$\sum_{l<n}(n-l)\,z^l = (n - z\sum_{l<n}z^l)/(1 - z)$.

    Where $n|\log z|$ is small that cancels: there, four terms of its series in log z.

    Examples
    --------
    >>> triangular_sum(np.array([0.5 + 0j, 1.0]), 3).real.tolist()
    [4.25, 6.0]
    """
    z = np.asarray(ratio, dtype=np.complex128)
    small = np.abs(z - 1) * count < SMALL
    direct = (count - z * geometric_sum(z, count)) / np.where(small, 1.0, 1 - z)
    rate, n = np.log(np.where(small, z, 1.0)), float(count)
    # Σ(n − l)lʲ/j! for j = 0 … 3; the next term is below (n log z)⁴/360 of the first.
    moments = (
        n * (n + 1) / 2,
        (n - 1) * n * (n + 1) / 6,
        n * n * (n * n - 1) / 24,
        (n * (n * (n - 1) / 2) ** 2 - (n - 1) * n * (2 * n - 1) * (3 * n * n - 3 * n - 1) / 30) / 6,
    )
    series = moments[0] + rate * (moments[1] + rate * (moments[2] + rate * moments[3]))
    result: Complexes = np.where(small, series, direct)
    return result
