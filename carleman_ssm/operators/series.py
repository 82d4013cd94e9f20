r"""Truncated power series in one scale ε whose coefficients are arrays.

A series $\sum_n \varepsilon^n a_n$ is the tuple of its coefficients; orders past the last one are zero and are never
carried. Coefficients broadcast against each other, so what all sequences share is kept once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from carleman_ssm.networks.enclosures import Floats

Series = tuple[Floats, ...]


def total(first: Series, second: Series) -> Series:
    """Sum of two series."""
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    return tuple(a + shorter[n] if n < len(shorter) else a for n, a in enumerate(longer))


def shifted(series: Series, constant: Floats) -> Series:
    """`series` with a constant added to order 0."""
    return (series[0] + constant, *series[1:])


def mapped(function: Callable[[Floats], Floats], series: Series) -> Series:
    """A linear function of every coefficient."""
    return tuple(function(term) for term in series)


def product(first: Series, second: Series, order: int) -> Series:
    r"""Cauchy product $\sum_{i+j=n} a_ib_j$, $n \le$ `order`."""
    return tuple(_convolved(first, second, n) for n in range(min(order, len(first) + len(second) - 2) + 1))


def _convolved(first: Series, second: Series, n: int) -> Floats:
    low, high = max(0, n - len(second) + 1), min(n, len(first) - 1)
    result: Floats = first[low] * second[n - low]
    for i in range(low + 1, high + 1):
        result += first[i] * second[n - i]  # every product with the same n has the same shape
    return result


def compose(taylor: Floats, inner: Series, order: int) -> Series:
    r"""$\sum_q t_q\,(a - a_0)^q$ up to `order`, for the Taylor coefficients $t_q$ of a function at $a_0$.

    With $a - a_0 = \varepsilon\zeta$ the power q starts at order q: only $\zeta^q$ up to order − q is formed.

    Parameters
    ----------
    taylor
        $t_q$ (q, …), at least up to the degree that matters; missing ones count as zero.
    inner
        $a$; its order 0 is not looked at.
    order
        Largest order kept.

    Examples
    --------
    >>> import numpy as np
    >>> y = (np.array(3.0), np.array(2.0))  # (3 + 2ε)² = 9 + 12ε + 4ε²
    >>> [float(term) for term in compose(np.array([9.0, 6.0, 1.0]), y, 5)]
    [9.0, 12.0, 4.0]
    """
    inner = inner[: order + 1]
    slope, top = inner[1:], min(order, (len(inner) - 1) * (len(taylor) - 1))
    parts: list[Floats] = [taylor[0]] + [np.zeros(())] * top
    power: Series = slope
    for q in range(1, min(top, len(taylor) - 1) + 1):
        if q > 1:
            power = product(power, slope, order - q)
        for n, term in enumerate(power[: order - q + 1]):
            parts[n + q] = parts[n + q] + taylor[q] * term
    return tuple(parts)


def inverse_root(series: Series, order: int) -> Series:
    r"""$q = f^{-1/2}$ up to `order`, so that $q^2f = 1$ as series (J. C. P. Miller's recurrence).

    $2nf_0\,q_n = -\sum_{k=1}^{n}(2n - k)\,f_k\,q_{n-k}$, from $2fq' = -f'q$.
    """
    roots: list[Floats] = [1.0 / np.sqrt(series[0])]
    for n in range(1, order + 1 if len(series) > 1 else 1):
        summed = np.zeros(())
        for k in range(1, min(n, len(series) - 1) + 1):
            summed = summed - (2 * n - k) * series[k] * roots[n - k]
        roots.append(summed / (2 * n * series[0]))
    return tuple(roots)


def derivative_coefficients(taylor: Floats) -> Floats:
    r"""Taylor coefficients $(q + 1)\,t_{q+1}$ of the derivative, one fewer."""
    factors = np.arange(1.0, len(taylor))
    return np.asarray(taylor[1:] * factors.reshape(-1, *[1] * (taylor.ndim - 1)))
