r"""Homogeneous parts of a layer: $y(c + t u) = \sum_n t^n y_n(u)$, measured by scaling the whole input sequence.

A layer that is a polynomial of degree d of its inputs has d + 1 parts and nothing else, about every centre c. The parts
are interpolated in Chebyshev's points of $t \in [-1, 1]$, with twice as many points as a polynomial of degree d needs:
what the parts leave over is the measure of how far the layer is from such a polynomial. A measurement on one input, not
a proof: about c = 0 a quotient such as $u^3/u^2$ looks like a polynomial of degree 1, about another centre it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.layers import Array
from carleman_ssm.theory.polynomials import require_count


@dataclass(frozen=True, eq=False, repr=False)
class HomogeneousParts(Brief):
    r"""The parts of a layer's output at one input.

    Parameters
    ----------
    parts
        (d + 1, *shape of the outputs): $y_0, \dots, y_d$.
    residual
        Largest deviation of $\sum_n t^n y_n$ from the outputs at the points, relative to the largest output.
    """

    parts: Array
    residual: float

    def shares(self) -> Array:
        """Largest entry of each part, relative to the largest of all, (d + 1,)."""
        sizes: Array = np.abs(self.parts).reshape(len(self.parts), -1).max(axis=1)
        return sizes / max(float(sizes.max()), np.finfo(np.float64).tiny)


def homogeneous_parts(
    layer: Callable[[Array], Array], inputs: Array, degree: int, centre: Array | float = 0.0
) -> HomogeneousParts:
    r"""The homogeneous parts of $t \mapsto y(c + tu)$ up to a degree.

    Parameters
    ----------
    layer
        Outputs from inputs, such as a `Family`.
    inputs
        u.
    degree
        d.
    centre
        c, broadcast to the inputs.

    Returns
    -------
    HomogeneousParts
        ``residual`` is of the order of rounding if the output is a polynomial of degree at most d along this line.

    Raises
    ------
    TypeError, ValueError
        The degree is no integer or negative.

    Examples
    --------
    >>> measured = homogeneous_parts(lambda u: 1 + u**3, np.array([1.0, 2.0]), 3)
    >>> measured.parts.round(12).tolist(), measured.residual < 1e-12
    ([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 8.0]], True)
    """
    points = chebyshev.chebpts1(2 * require_count(degree, "the degree") + 2)
    outputs = np.stack([layer(centre + t * inputs) for t in points])
    values = outputs.reshape(len(points), -1)
    fitted = chebyshev.chebfit(points, values, degree)
    largest = max(float(np.abs(values).max()), np.finfo(np.float64).tiny)
    residual = float(np.abs(chebyshev.chebval(points, fitted).T - values).max()) / largest
    monomials = _power_basis(degree) @ fitted
    return HomogeneousParts(monomials.reshape(degree + 1, *outputs.shape[1:]), residual)


def _power_basis(degree: int) -> Array:
    """Column j holds the coefficients of the j-th Chebyshev polynomial in powers of t."""
    matrix = np.zeros((degree + 1, degree + 1))
    for j, unit in enumerate(np.eye(degree + 1)):
        powers = chebyshev.cheb2poly(unit[: j + 1])
        matrix[: len(powers), j] = powers
    return matrix
