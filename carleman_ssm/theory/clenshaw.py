"""Chebyshev series evaluated by Clenshaw's recurrence: written once, for one fit, a stack of channels or blocks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def clenshaw(coefficients: Floats, position: Floats, out: Floats | None = None) -> Floats:
    r"""$\sum_j c_j T_j(t)$ by $b_k = 2tb_{k+1} - b_{k+2} + c_k$, result $c_0 + tb_1 - b_2$.

    Parameters
    ----------
    coefficients
        (P + 1, …): each $c_j$ broadcasts against t.
    position
        t, of the shape of the result; |t| ≤ 1 for the recurrence to be stable.
    out
        Where the result goes; may be `position` itself.

    References
    ----------
    Clenshaw (1955), Math. Tables Aids Comput. 9, 118.
    """
    result = np.empty_like(position) if out is None else out
    twice = 2.0 * position
    now, before, spare = np.zeros_like(position), np.zeros_like(position), np.empty_like(position)
    for row in coefficients[:0:-1]:
        np.multiply(twice, now, out=spare)
        np.subtract(spare, before, out=spare)
        np.add(spare, row, out=spare)
        now, before, spare = spare, now, before
    np.multiply(position, now, out=result)
    np.subtract(result, before, out=result)
    np.add(result, coefficients[0], out=result)
    return result
