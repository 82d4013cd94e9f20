r"""Certified bounds of a real function on an interval, by Taylor models in ball arithmetic.

A Taylor model of $f$ on $[m - r, m + r]$ is a polynomial $q$ and a number $\rho$ with
$|f(m + r s) - q(s)| \le \rho$ for $|s| \le 1$. The coefficients of $q$ are balls, $\rho$ encloses the
$K$-th Taylor coefficient over the whole interval (Lagrange), so every bound drawn from it is a proof.
The supremum is found by best-first bisection: the quadratic part of $q$ is maximised in closed form, the
rest is bounded by the sum of its coefficients, which shrinks like $r^3$.

Powers are never written ``ball**k`` (a ball around 0 gives NaN in python-flint); products are.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import flint
from flint import arb, arb_poly, arb_series

Series = Callable[[arb_series], arb_series]
"""A function as it acts on truncated power series with ball coefficients."""

ORDER = 20
"""Taylor order K of a model; pieces are halved until the remainder is far below the tolerance."""

_FLOOR = 2.0**-90
"""Absolute resolution: below it a supremum is not resolved further (an exact fit has supremum 0)."""

_MAXIMAL_BOXES = 200_000

_NARROWEST = 2.0**-51
"""Radius below which the centres of halves, dyadic numbers in [-1, 1], would no longer be exact in float64."""
_WIDEST = 2.0**300


@dataclass(frozen=True)
class TaylorModel:
    r"""$|f(m + r s) - q(s)| \le \rho$ for $|s| \le 1$.

    Parameters
    ----------
    centre, radius
        $m$ and $r$, exact dyadic numbers.
    polynomial
        $q$, with balls as coefficients.
    remainder
        $\rho \ge 0$.
    """

    centre: float
    radius: float
    polynomial: arb_poly
    remainder: arb

    def halves(self) -> tuple[TaylorModel, TaylorModel]:
        """The same model on the left and on the right half of its interval."""
        half = self.radius / 2
        left, right = (
            TaylorModel(self.centre + sign * half, half, self.polynomial(arb_poly([sign / 2, 0.5])), self.remainder)
            for sign in (-1.0, 1.0)
        )
        return left, right


@dataclass(frozen=True)
class Supremum:
    r"""Two-sided enclosure of $\sup |f|$: ``lower <= sup |f| <= upper``, both rounded outward."""

    lower: float
    upper: float


def float_above(ball: arb) -> float:
    """A float that is at least the absolute value of every point of the ball (infinite for NaN)."""
    value = float(ball.abs_upper())
    return math.inf if math.isnan(value) else math.nextafter(value, math.inf)


def float_below(ball: arb) -> float:
    """A float that is at most the absolute value of every point of the ball, not negative (0 for NaN)."""
    value = float(ball.abs_lower())
    return 0.0 if math.isnan(value) else max(0.0, math.nextafter(value, -math.inf))


@contextmanager
def ball_arithmetic(bits: int, order: int = ORDER) -> Iterator[None]:
    """Ball arithmetic with `bits` of precision and series of length `order` + 2; restored on leaving."""
    cap = flint.ctx.cap
    with flint.ctx.workprec(bits):
        flint.ctx.cap = order + 2
        try:
            yield
        finally:
            flint.ctx.cap = cap


def enclosing_interval(lower: float, upper: float) -> tuple[float, float]:
    """Centre and half-width of an interval that contains [lower, upper] and has positive width.

    The half-width is rounded up, and is at least 2⁻³⁰ max(1, abs(centre)): the channel of a constant has an
    interval too.

    Raises
    ------
    ValueError
        An end is NaN or infinite, the ends are in the wrong order, or the half-width exceeds 2³⁰⁰.
    """
    if not (math.isfinite(lower) and math.isfinite(upper)):
        msg = f"the interval [{lower}, {upper}] must have finite ends"
        raise ValueError(msg)
    if lower > upper:
        msg = f"the interval [{lower}, {upper}] is empty: give the lower end first"
        raise ValueError(msg)
    centre = lower / 2 + upper / 2
    half_width = math.nextafter(max(upper - centre, centre - lower), math.inf)
    if not half_width <= _WIDEST:
        msg = f"the interval [{lower}, {upper}] is wider than fits are made for (2^300)"
        raise ValueError(msg)
    return centre, max(half_width, math.ldexp(max(1.0, abs(centre)), -30))


def initial_pieces(half_width: float) -> int:
    """Number of pieces to start from: a power of two, of length at most 1 as long as 64 of them suffice."""
    return 1 << min(6, max(0, math.ceil(math.log2(2 * half_width))))


def taylor_coefficients(series: Series, centre: arb, radius: arb, order: int = ORDER) -> tuple[list[arb], arb]:
    r"""The first $K$ Taylor coefficients of $s \mapsto f(c + r s)$, and the remainder for $|s| \le 1$."""
    at_centre = series(arb_series([centre, radius], prec=order + 2))
    whole = centre + arb(0, radius)
    over_ball = series(arb_series([whole, radius], prec=order + 2))
    if min(at_centre.prec, over_ball.prec) <= order:
        msg = f"the series was cut below order {order}: evaluate it inside ball_arithmetic"
        raise ArithmeticError(msg)
    return [at_centre[k] for k in range(order)], abs(over_ball[order]).abs_upper()


def model_of(series: Series, centre: float, half_width: float) -> Callable[[float, float], TaylorModel]:
    """Taylor models of a function on pieces of an interval, whose own coordinate runs over [-1, 1]."""

    def model(t: float, radius: float) -> TaylorModel:
        middle, width = arb(centre) + arb(half_width) * arb(t), arb(half_width) * arb(radius)
        coefficients, remainder = taylor_coefficients(series, middle, width)
        return TaylorModel(t, radius, arb_poly(coefficients), remainder)

    return model


def error_tolerance(found: float) -> float:
    """Width of the enclosure of an error of this size: 1e-10, 1e-7 of it if more, 1e-3 of it if less."""
    return max(min(1e-10, 1e-3 * found), 1e-7 * found)


def supremum(
    model: Callable[[float, float], TaylorModel],
    *,
    pieces: int,
    tolerance: Callable[[float], float],
) -> Supremum:
    r"""Enclosure of $\sup_{|t| \le 1} |f(t)|$ with ``upper - lower <= tolerance(lower)``.

    Parameters
    ----------
    model
        Maps a centre and a radius (dyadic, inside [-1, 1]) to a Taylor model of $f$ there.
    pieces
        Number of intervals to start from, a power of two.
    tolerance
        Width to reach, as a function of the lower bound found so far.

    Raises
    ------
    ArithmeticError
        The bisection does not converge, as near a pole of $f$.
    """
    search = _Search(model, tolerance)
    radius = 1.0 / pieces
    for k in range(pieces):
        search.add(model(radius * (2 * k + 1) - 1.0, radius))
    return search.run()


class _Search:
    """Best-first bisection: the box with the largest upper bound is split until that bound is sharp."""

    def __init__(self, model: Callable[[float, float], TaylorModel], tolerance: Callable[[float], float]) -> None:
        self.model = model
        self.tolerance = tolerance
        self.lower = 0.0
        self.boxes: list[tuple[float, int, TaylorModel]] = []
        self.number = count()

    def run(self) -> Supremum:
        while True:
            upper, number, box = self.boxes[0]
            if -upper - self.lower <= max(self.tolerance(self.lower), _FLOOR):
                return Supremum(self.lower, -upper)
            if number > _MAXIMAL_BOXES or box.radius < _NARROWEST:
                msg = (
                    f"no certified bound near {box.centre} (on the scale of [-1, 1]): is there a pole, or is the "
                    "interval far too wide?"
                )
                raise ArithmeticError(msg)
            heapq.heappop(self.boxes)
            for half in self._split(box):
                self.add(half)

    def _split(self, box: TaylorModel) -> tuple[TaylorModel, TaylorModel]:
        if float_above(box.remainder) <= max(self.tolerance(self.lower), _FLOOR) / 4:
            return box.halves()
        half = box.radius / 2
        return self.model(box.centre - half, half), self.model(box.centre + half, half)

    def add(self, box: TaylorModel) -> None:
        """Bound the box from both sides and queue it, its negligible high coefficients cut off."""
        coefficients = box.polynomial.coeffs() + [arb(0)] * 3
        self.lower = max(self.lower, self._value(box, 0.0), self._value(box, _vertex(coefficients)))
        keep, tail = len(coefficients), arb(0)
        negligible = max(self.tolerance(self.lower), _FLOOR) / 256
        while keep > 3 and (longer := tail + abs(coefficients[keep - 1])) < negligible:
            keep, tail = keep - 1, longer
        remainder = box.remainder + tail
        upper = float_above(_bound(coefficients[:keep]) + remainder)
        short = TaylorModel(box.centre, box.radius, arb_poly(coefficients[:keep]), remainder)
        heapq.heappush(self.boxes, (-upper, next(self.number), short))

    @staticmethod
    def _value(box: TaylorModel, s: float) -> float:
        value = abs(box.polynomial(arb(s))) - box.remainder
        return float_below(value) if value > 0 else 0.0


def _vertex(coefficients: list[arb]) -> float:
    """Where the quadratic part is extremal, as a float clipped to [-1, 1] (any point is a valid choice)."""
    slope, curvature = float(coefficients[1]), float(coefficients[2])
    vertex = -slope / (2 * curvature) if curvature else 0.0
    return min(1.0, max(-1.0, vertex)) if math.isfinite(vertex) else 0.0


def _bound(coefficients: list[arb]) -> arb:
    r"""Upper bound of $|q(s)|$ on $|s| \le 1$: maximum of the quadratic part, plus the other coefficients."""
    value, slope, curvature = coefficients[:3]
    rest = sum((abs(c) for c in coefficients[3:]), arb(0)).abs_upper()
    ends = (abs(value + curvature) + abs(slope)).abs_upper()
    if abs(slope) >= 2 * abs(curvature):  # monotone: the extremes are at the ends
        return ends + rest
    crude = (abs(value) + abs(slope) + abs(curvature)).abs_upper()
    if curvature.contains(0):
        return crude + rest
    at_vertex = abs(value - slope * slope / (4 * curvature)).abs_upper()
    return crude.min(ends.max(at_vertex)) + rest
