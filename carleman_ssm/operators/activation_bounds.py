r"""Certified ranges of an activation, of its slope and of its curvature over millions of intervals at once.

By the mean value theorem $\varphi(\hat y) - \varphi(y) = s\,(\hat y - y)$ with s in the range of $\varphi'$ between
the two points. An analytic activation is enclosed once, in ball arithmetic, on cells that cover $|y| \le 2^{60}$; the
range over an interval is then the smallest and largest end over the cells that it meets (a sparse table: two look-ups
per interval, whatever its width). A polynomial is expanded about the middle of each interval instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from math import comb

import flint
import numpy as np
from numpy.typing import NDArray

from carleman_ssm.networks.enclosures import UNDERFLOW, Enclosed, Floats, gamma, outward
from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.certification import ball_arithmetic

FINE_REACH, FINE_CELLS = 16, 256
"""Cells are 1/256 wide for |y| ≤ 16 …"""
OCTAVES, CELLS_PER_OCTAVE = 56, 8
"""… and eight per octave up to |y| = 2⁶⁰; nothing is known beyond."""
BITS = 128


@dataclass(frozen=True, eq=False)
class RangeTable:
    r"""Smallest and largest value of a function over runs of $2^k$ cells, (levels, cells) each.

    Parameters
    ----------
    edges
        Ends of the cells, ascending, (cells + 1,).
    smallest, largest
        Row k bounds the function over cells i … i + 2ᵏ − 1.
    """

    edges: Floats
    smallest: Floats
    largest: Floats

    def __call__(self, lower: Floats, upper: Floats) -> Enclosed:
        """Enclose the function on each interval [lower, upper]; where one leaves the cells (or is NaN), ±∞."""
        known = (lower >= self.edges[0]) & (upper <= self.edges[-1]) & (lower <= upper)
        start, stop = np.where(known, lower, 0.0), np.where(known, upper, 0.0)
        last = len(self.edges) - 2
        first_cell = np.minimum(np.searchsorted(self.edges, start, side="right") - 1, last)
        last_cell = np.maximum(np.searchsorted(self.edges, stop, side="left") - 1, first_cell)
        # frexp is exact where log2 would round: 2^level is the largest power of two within the run
        level = np.frexp((last_cell - first_cell + 1).astype(np.float64))[1] - 1
        second = last_cell - np.left_shift(1, level) + 1
        low = np.minimum(self.smallest[level, first_cell], self.smallest[level, second])
        high = np.maximum(self.largest[level, first_cell], self.largest[level, second])
        return from_ends(np.where(known, low, -np.inf), np.where(known, high, np.inf))


def from_ends(lower: Floats, upper: Floats) -> Enclosed:
    """The interval [lower, upper] as middle and radius, rounded outward; ±∞ becomes 0 ± ∞."""
    finite = np.isfinite(lower) & np.isfinite(upper)
    low, high = np.where(finite, lower, 0.0), np.where(finite, upper, 0.0)
    middle = 0.5 * low + 0.5 * high
    radius = outward(np.maximum(high - middle, middle - low))
    # The subtractions round relative to their operands where both ends are nearly equal.
    radius = radius + 2.0**-52 * np.abs(middle)
    return Enclosed(middle, np.where(finite, radius, np.inf))


def slope_bounds(rule: Activation, lower: Floats, upper: Floats) -> Enclosed:
    r"""Enclosure of $\varphi'$ on each interval [lower, upper] (arrays of one shape)."""
    if rule.coefficients is not None:
        return _polynomial_range([q * float(c) for q, c in enumerate(rule.coefficients)][1:] or [0.0], lower, upper)
    return _tables(rule)[1](lower, upper)


def curvature_bounds(rule: Activation, lower: Floats, upper: Floats) -> Enclosed:
    r"""Enclosure of $\varphi''$ on each interval [lower, upper] (arrays of one shape).

    GELU'' $= (2 - y^2)\phi(y)$ has its extremes at 0 and ±2, $2\phi(0)$ and $-2\phi(2)$ (THEORY T20); its range over an
    interval is that of the cells of width 1/256 that it meets.

    Examples
    --------
    >>> from carleman_ssm.theory.activations import activation
    >>> everywhere = curvature_bounds(activation("gelu"), np.array([-9.0]), np.array([9.0]))
    >>> low, high = everywhere.value[0] - everywhere.error[0], everywhere.value[0] + everywhere.error[0]
    >>> root = math.sqrt(2 * math.pi)
    >>> bool(-0.1085 < low <= -2 * math.exp(-2) / root < 2 / root <= high < 0.7985)
    True
    """
    if rule.coefficients is not None:
        second = [q * (q - 1) * float(c) for q, c in enumerate(rule.coefficients)][2:]
        return _polynomial_range(second or [0.0], lower, upper)
    return _curvature_table(rule)(lower, upper)


def value_bounds(rule: Activation, lower: Floats, upper: Floats) -> Enclosed:
    r"""Enclosure of $\varphi$ on each interval [lower, upper] (arrays of one shape)."""
    if rule.coefficients is not None:
        return _polynomial_range([float(c) for c in rule.coefficients], lower, upper)
    return _tables(rule)[0](lower, upper)


def _polynomial_range(coefficients: list[float], lower: Floats, upper: Floats) -> Enclosed:
    r"""$p(m + t) = \sum_q t^q \sum_{j\ge q}\binom jq c_j m^{j-q}$ with $|t| \le w$.

    Every float64 coefficient is within 2u of its exact value, relatively.
    """
    middle = np.where(np.isfinite(lower + upper), 0.5 * lower + 0.5 * upper, 0.0)
    width = outward(np.maximum(upper - middle, middle - lower)) + 2.0**-52 * np.abs(middle)
    size, value, spread = np.abs(middle), np.zeros_like(middle), np.zeros_like(middle)
    for c in reversed(coefficients):
        value = value * middle + c
    for q in range(1, len(coefficients)):
        inner = np.zeros_like(middle)
        for j in range(len(coefficients) - 1, q - 1, -1):
            inner = inner * middle + comb(j, q) * coefficients[j]
        spread = spread + np.abs(inner) * width**q
    reach, powers = np.zeros_like(middle), np.zeros_like(middle)
    for c in reversed(coefficients):
        reach, powers = reach * (size + width) + abs(c), powers * (size + width) + 1.0
    # An underflow in a product is multiplied by the powers that follow it.
    radius = outward(spread + gamma(4 * len(coefficients) + 8) * reach + UNDERFLOW * powers)
    return Enclosed(value, np.where(np.isfinite(radius) & np.isfinite(value), radius, np.inf))


@lru_cache(maxsize=16)
def _tables(rule: Activation) -> tuple[RangeTable, RangeTable]:
    """Range tables of the function and of its slope."""
    edges = _edges()
    with ball_arithmetic(BITS, order=2):
        cells = [_cell(rule, low, high) for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]
    ends = np.array(cells)
    return _table(edges, ends[:, 0], ends[:, 1]), _table(edges, ends[:, 2], ends[:, 3])


@lru_cache(maxsize=16)
def _curvature_table(rule: Activation) -> RangeTable:
    """Range table of the second derivative; operators, which need none, do not wait for it."""
    edges = _edges()
    with ball_arithmetic(BITS, order=2):
        cells = [_curved(rule, low, high) for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]
    ends = np.array(cells)
    return _table(edges, ends[:, 0], ends[:, 1])


def _curved(rule: Activation, low: float, high: float) -> tuple[float, float]:
    """Ends of the enclosure of the second derivative on one cell: by its value in the middle and the third one."""
    middle = (flint.arb(low) + flint.arb(high)) / 2
    offset = flint.arb(0, ((flint.arb(high) - flint.arb(low)) / 2).upper())
    whole = rule.series(flint.arb_series([middle + offset, 1], prec=4))
    centred = 2 * rule.series(flint.arb_series([middle, 1], prec=3))[2] + 6 * whole[3] * offset
    plain = 2 * whole[2]
    return max(_below(plain), _below(centred)), min(_above(plain), _above(centred))


def _edges() -> Floats:
    """Dyadic in the middle, near-geometric outside: any float64 numbers serve, as they are exact."""
    fine = np.arange(FINE_REACH * FINE_CELLS) / FINE_CELLS
    coarse = FINE_REACH * 2.0 ** (np.arange(OCTAVES * CELLS_PER_OCTAVE + 1) / CELLS_PER_OCTAVE)
    right = np.concatenate([fine, coarse])
    return np.concatenate([-right[:0:-1], right])


def _cell(rule: Activation, low: float, high: float) -> tuple[float, float, float, float]:
    """Ends of the enclosures of the function and of its slope on one cell, rounded outward.

    The function is also enclosed by its value in the middle and its slope; the better end is taken.
    """
    middle = (flint.arb(low) + flint.arb(high)) / 2
    radius = ((flint.arb(high) - flint.arb(low)) / 2).upper()
    whole = rule.series(flint.arb_series([middle + flint.arb(0, radius), 1], prec=3))
    value, slope = whole[0], whole[1]
    centred = rule.series(flint.arb_series([middle, 1], prec=3))[0] + slope * flint.arb(0, radius)
    lower, upper = max(_below(value), _below(centred)), min(_above(value), _above(centred))
    return lower, upper, _below(slope), _above(slope)


def _below(ball: flint.arb) -> float:
    end = float(ball.lower())
    return -math.inf if math.isnan(end) else math.nextafter(end, -math.inf)


def _above(ball: flint.arb) -> float:
    end = float(ball.upper())
    return math.inf if math.isnan(end) else math.nextafter(end, math.inf)


def _table(edges: Floats, lower: Floats, upper: Floats) -> RangeTable:
    smallest, largest = [lower], [upper]
    run = 1
    while 2 * run <= len(lower):
        smallest.append(_paired(smallest[-1], run, np.minimum))
        largest.append(_paired(largest[-1], run, np.maximum))
        run *= 2
    return RangeTable(edges, np.stack(smallest), np.stack(largest))


def _paired(row: Floats, run: int, choose: np.ufunc) -> Floats:
    """Row over runs twice as long; the last entries, whose runs would leave the cells, are never read."""
    result: NDArray[np.float64] = row.copy()
    result[:-run] = choose(row[:-run], row[run:])
    return result
