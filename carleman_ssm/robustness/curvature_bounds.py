r"""Certified bounds of the mean curvature of an activation: the sharpest quadratics below and above it at a point.

For $t \ne 0$ Taylor's formula with the remainder as an integral reads

$$\varphi(y + t) = \varphi(y) + \varphi'(y)\,t + \tfrac12 D(t)\,t^2,\qquad
D(t) = \int_0^1 2(1 - s)\,\varphi''(y + st)\,ds .$$

The weight $2(1-s)$ is positive and integrates to one, so $D$ lies within the range of $\varphi''$ between the two
points, and as a rule well inside it: the range of $\varphi''$ is the special case of one piece below. With
$s_j = 1 - \sqrt{1 - j/J}$ every $[s_j, s_{j+1}]$ has weight exactly $1/J$, hence for $t \in [t_i, t_{i+1}]$,
$t_i \ge 0$,

$$D(t) \ge \frac1J\sum_{j<J}\ \inf\varphi''\big(y + [s_jt_i,\ s_{j+1}t_{i+1}]\big),$$

and the least over a partition $0 = t_0 < \dots < t_I = T$, and over its mirror image, bounds $D$ for all $|t| \le T$.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb, arb_series

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Enclosed, Floats, enclose, outward
from carleman_ssm.operators.activation_bounds import BITS, curvature_bounds
from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.certification import ball_arithmetic

PIECES = 8
"""Pieces of s and of t, I = J. A power of two: the weights 1/J are exact, and so are their sums up to rounding."""
SLACK = 2.0**-40
"""Relative widening past all roundings of the nodes and of the sums of at most 64 terms."""
BLOCK_ENTRIES = 2**18


@dataclass(frozen=True, eq=False, repr=False)
class CurvatureRange(Brief):
    """`lower` ≤ D(t) ≤ `upper` for all |t| ≤ T, entry by entry; infinite where nothing is known."""

    lower: Floats
    upper: Floats

    @property
    def magnitude(self) -> Floats:
        """Upper bound of |D|."""
        return np.maximum(np.abs(self.lower), np.abs(self.upper))


def mean_curvature(rule: Activation, centre: Enclosed, reach: Floats, pieces: int = PIECES) -> CurvatureRange:
    r"""Bounds of D(t) for $|t| \le T$ at every point y of an enclosure.

    Parameters
    ----------
    rule
        φ.
    centre
        y, any shape.
    reach
        T ≥ 0, of the same shape.
    pieces
        I = J, at least 1; with 1 the bounds are those of φ'' over $[y - T, y + T]$, one sign of t at a time.

    Returns
    -------
    CurvatureRange
        For a polynomial of degree 2 or less both ends are $2c_2$, up to its rounding.

    Raises
    ------
    ValueError
        Fewer than one piece.

    References
    ----------
    Taylor's formula with integral remainder; the use of a bound of φ'' as a certificate: Singla and Feizi (2020),
    arXiv:2006.00731. THEORY T20, T22.

    Examples
    --------
    The mean curvature of GELU from 0 falls with |t|, so it is least at the end, far above $\varphi''(T)$:

    >>> from carleman_ssm.theory.activations import activation
    >>> zero = Enclosed(np.zeros(1), np.zeros(1))
    >>> bounds = mean_curvature(activation("gelu"), zero, np.array([1.4]), pieces=64)
    >>> exact = 2 * (float(activation("gelu")(1.4)) - 0.7) / 1.4**2
    >>> bool(exact - 0.02 < bounds.lower[0] < exact)
    True
    """
    if pieces < 1:
        msg = f"the mean curvature needs at least one piece, got {pieces}"
        raise ValueError(msg)
    if rule.coefficients is not None and len(rule.coefficients) <= 3:
        found = curvature_bounds(rule, centre.value, centre.value)
        return CurvatureRange(_down(found.value - found.error), _up(found.value + found.error))
    shape, size = centre.value.shape, centre.value.size
    value, error, longest = centre.value.ravel(), centre.error.ravel(), np.broadcast_to(reach, shape).ravel()
    lower, upper = np.empty(size), np.empty(size)
    block = max(1, BLOCK_ENTRIES // pieces)
    with np.errstate(all="ignore"):  # what is not finite is known to be unknown
        for first in range(0, size, block):
            part = slice(first, first + block)
            lower[part], upper[part] = _over_pieces(rule, value[part], error[part], longest[part], pieces)
    return CurvatureRange(lower.reshape(shape), upper.reshape(shape))


def _over_pieces(rule: Activation, value: Floats, error: Floats, reach: Floats, pieces: int) -> tuple[Floats, Floats]:
    """Least and largest mean over all pieces of t, both signs, for points (m,)."""
    nodes = (1.0 - np.sqrt(1.0 - np.arange(pieces + 1) / pieces))[:, None]
    widened = error * (1.0 + SLACK) + SLACK * (np.abs(value) + reach)
    lower, upper = np.full_like(value, np.inf), np.full_like(value, -np.inf)
    for i in range(pieces):
        near, far = nodes[:-1] * (i / pieces * reach), nodes[1:] * ((i + 1) / pieces * reach)
        for low, high in ((value + near, value + far), (value - far, value - near)):
            found = curvature_bounds(rule, low - widened, high + widened)
            slack = SLACK * (np.abs(found.value) + found.error).mean(axis=0)
            lower = np.minimum(lower, (found.value - found.error).mean(axis=0) - slack)
            upper = np.maximum(upper, (found.value + found.error).mean(axis=0) + slack)
    known = np.isfinite(lower) & np.isfinite(upper)
    return np.where(known, lower, -np.inf), np.where(known, upper, np.inf)


def values_and_slopes(rule: Activation, points: Enclosed) -> tuple[Enclosed, Enclosed]:
    r"""Enclosures of $\varphi(y)$ and $\varphi'(y)$ at every point of an enclosure, as narrow as the points are.

    Ball arithmetic, one point at a time: this is for the points of one trajectory.
    """
    values, slopes = [], []
    with ball_arithmetic(BITS, order=1):
        radius = outward(points.error)
        for middle, width in zip(points.value.ravel().tolist(), radius.ravel().tolist(), strict=True):
            series = rule.series(arb_series([arb(middle, width), 1], prec=2))
            values.append(series[0])
            slopes.append(series[1])
        return enclose(values, points.value.shape), enclose(slopes, points.value.shape)


def _down(values: Floats) -> Floats:
    return np.nextafter(values, -np.inf)


def _up(values: Floats) -> Floats:
    return np.nextafter(values, np.inf)
