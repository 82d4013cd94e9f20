r"""$\sin\pi x$ and $\cos\pi x$ that vanish exactly where they do: at whole and at half numbers.

In floating point $\sin(\pi\cdot 7)$ is no zero but a rounding error, and a quotient of two such zeros, as in the
periodic sinc, a number of no meaning. Reduced by whole half turns first, zeros are exact, and the quotient is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def _reduced(x: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """What is beyond the nearest whole number, in ±1/2 and without rounding, and the sign of so many half turns."""
    values = np.asarray(x)
    values = values.astype(np.complex128 if np.iscomplexobj(values) else np.float64)
    whole = np.round(values.real)
    return values - whole, 1.0 - 2.0 * np.mod(whole, 2.0)


def sinpi(x: ArrayLike) -> NDArray[Any]:
    r"""$\sin\pi x$, elementwise in double precision; 0 at whole x.

    Parameters
    ----------
    x
        Real or complex, any shape.

    Returns
    -------
    ndarray
        Shape of `x`; float64 or complex128.

    Examples
    --------
    >>> float(sinpi(7)), float(sinpi(0.5))
    (0.0, 1.0)
    """
    rest, sign = _reduced(x)
    return np.asarray(np.where(rest == 0, 0.0, sign * np.sin(np.pi * rest)))


def cospi(x: ArrayLike) -> NDArray[Any]:
    r"""$\cos\pi x$, elementwise in double precision; 0 at half-integer x.

    Parameters
    ----------
    x
        Real or complex, any shape.

    Returns
    -------
    ndarray
        Shape of `x`; float64 or complex128.

    Examples
    --------
    >>> float(cospi(7)), float(cospi(2.5))
    (-1.0, 0.0)
    """
    rest, sign = _reduced(x)
    return np.asarray(np.where(np.abs(rest) == 0.5, 0.0, sign * np.cos(np.pi * rest)))
