"""The largest radius at which a lower bound is positive, by bracketing: every radius that is returned was tested."""

from __future__ import annotations

import math
from collections.abc import Callable

DOUBLINGS = 60
EVALUATIONS = 100
EDGE = 0.05
"""A step never comes closer to an end of the bracket than this share of it."""


def largest_radius(lower: Callable[[float], float], start: float, tolerance: float) -> float:
    r"""A radius r with lower(r) > 0, close to the largest of its bracket.

    Parameters
    ----------
    lower
        Lower bound of what shall be positive on the ball of a radius; −∞ where nothing is known. It need not fall
        monotonically: whatever is returned has passed the test itself.
    start
        First guess > 0.
    tolerance
        The search ends when the bracket is relatively shorter than this.

    Returns
    -------
    float
        0.0 if lower(0) is not positive, or no radius above ``start`` · 2⁻⁶⁰ passes; the largest radius tested if all
        pass up to ``start`` · 2⁶⁰.

    Raises
    ------
    ValueError
        Start or tolerance is not positive and finite.

    Examples
    --------
    >>> abs(largest_radius(lambda r: 2 - r * r, 1.0, 1e-9) - 2**0.5) < 1e-8
    True
    """
    for name, number in (("start", start), ("tolerance", tolerance)):
        if not (math.isfinite(number) and number > 0):
            msg = f"{name} must be positive and finite, got {number}"
            raise ValueError(msg)
    if not lower(0.0) > 0:
        return 0.0
    low, high = _bracket(lower, start)
    return low[0] if high is None else _narrowed(lower, low, high, tolerance)


def _bracket(lower: Callable[[float], float], start: float) -> tuple[tuple[float, float], tuple[float, float] | None]:
    """Two (radius, bound), the first positive and the second not, a factor 2 apart; (0, 0) or None where none is."""
    here, value = start, lower(start)
    passes = value > 0
    for _ in range(DOUBLINGS):
        there = here * 2 if passes else here / 2
        following = lower(there) if math.isfinite(there) else -math.inf
        if (following > 0) != passes:
            ends = (here, value), (there, following)
            return ends if passes else (ends[1], ends[0])
        here, value = there, following
    return ((here, value), None) if passes else ((0.0, 0.0), None)


def _narrowed(
    lower: Callable[[float], float], low: tuple[float, float], high: tuple[float, float], tolerance: float
) -> float:
    """Regula falsi, with the weight of an end halved that stays (Illinois); bisection where a bound is infinite."""
    (a, fa), (b, fb) = low, high
    for _ in range(EVALUATIONS):
        if b - a <= tolerance * b:
            break
        share = fa / (fa - fb) if math.isfinite(fb) and fa - fb > 0 else 0.5
        middle = a + (b - a) * min(max(share, EDGE), 1 - EDGE)
        if not a < middle < b:
            break
        value = lower(middle)
        if value > 0:
            a, fa, fb = middle, value, 0.5 * fb
        else:
            b, fb, fa = middle, value, 0.5 * fa
    return a
