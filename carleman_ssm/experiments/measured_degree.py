"""The degree of a layer as a polynomial in its inputs, by differences of its outputs: measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

HIGHEST_DEGREE = 7


def measured_degree(layer: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray) -> int | None:
    r"""The degree d for which the differences of order $d + 1$ of $t \mapsto y(c + t u)$ vanish, measured.

    Parameters
    ----------
    layer
        Inputs (1, L, H) to outputs.
    inputs
        The direction u; the centre c is u in reverse, because on a ray from 0 a quotient may look like a polynomial.
        Two ranges of t, up to 5 and up to 1000, so that gates leave their tangents and the ε of a norm is small beside
        what it is added to.

    Returns
    -------
    int or None
        At most 7; None if no difference up to order 8 vanishes to 1e-8 of the outputs.
    """
    degrees = [_degree_up_to(largest, layer, inputs) for largest in (5.0, 1000.0)]
    return max(degrees) if all(degree <= HIGHEST_DEGREE for degree in degrees) else None


def _degree_up_to(largest: float, layer: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray) -> int:
    scales = np.linspace(-largest, largest, HIGHEST_DEGREE + 3)
    values = np.array([layer(inputs[:, ::-1] + scale * inputs) for scale in scales])
    size = np.abs(values).max()
    for degree in range(HIGHEST_DEGREE + 1):
        values = np.diff(values, axis=0)
        if np.abs(values).max() <= 1e-8 * size:
            return degree
    return HIGHEST_DEGREE + 1
