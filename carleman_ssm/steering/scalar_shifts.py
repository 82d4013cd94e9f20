r"""The shift t of one pre-activation: nearest root of a readout equation, or least point of an edit's norm.

Both are searches over one number by bisection in ball arithmetic: a box of shifts is dropped only when a second-order
Taylor enclosure proves that it holds no root, or no smaller norm. What is returned is therefore global for the numbers
that are put in (float64 numbers at their exact value), for every activation with a ball series.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, pairwise
from math import inf, isfinite

from flint import arb, arb_series
from scipy import optimize

from carleman_ssm.networks.brief import Brief
from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.certification import ball_arithmetic

BITS = 160
FARTHEST = 60
"""Roots are sought for |t| < 2⁶⁰."""
NARROWEST = 2.0**-48
"""Boxes narrower than this, relative to max(|t|, 1), are not divided: what looks like a root there is not decided."""
MAX_BOXES = 20_000
PRECISION = 1e-9
"""The least norm is enclosed to this relative width."""
GRID = 64
"""Shifts at even distances that are tried before the search for the least norm."""
SMALLEST = 1e-280
"""Squared norms below this, or above its inverse, are too near the ends of the range of float64."""

Taylor = tuple[arb, arb, arb]
Box = tuple[float, int, float, float, float | None]
"""Least |t|, a ticket, both ends, and the root inside once it is isolated."""
Expansion = Callable[[arb], Taylor]
"""Value, slope and half the second derivative at a ball of shifts."""


@dataclass(frozen=True)
class Shift(Brief):
    """What the search found.

    Parameters
    ----------
    shift
        t; None where there is none, or none was decided.
    lower_bound
        Proved: no solution has a smaller |t| (roots), no shift a smaller norm (norms).
    decided
        False when the search ended before a proof.
    """

    shift: float | None
    lower_bound: float
    decided: bool


def nearest_root(rule: Activation, y: float, weight: float, slope: float | arb, wanted: float) -> Shift:
    r"""The root nearest to 0 of $V\big(\sigma(y + t) - \sigma(y)\big) + \kappa t = r$.

    Parameters
    ----------
    rule
        $\sigma$.
    y, weight, slope, wanted
        y, V, κ and r, finite; κ may be a ball.

    Returns
    -------
    Shift
        Its `shift` is None and `decided` true where no $|t| < 2^{60}$ is a root.

    References
    ----------
    THEORY T21.

    Examples
    --------
    >>> from carleman_ssm.theory.activations import activation
    >>> found = nearest_root(activation("square"), 1.0, 1.0, 0.0, 3.0)
    >>> found.shift, found.decided
    (1.0, True)
    """
    _check_finite(y, weight, float(slope), wanted)
    if wanted == 0.0:
        return Shift(0.0, 0.0, True)
    with ball_arithmetic(BITS, order=2):
        return _search_root(_equation(rule, y, weight, slope, wanted), 1e-13 * abs(wanted))


def least_norm(
    rule: Activation,
    y: float,
    weight: float,
    wanted: float,
    gram: tuple[float | arb, float | arb, float | arb],
    tries: tuple[float, ...] = (),
) -> Shift:
    r"""The shift at which $N(t) = t^2/A + (\varrho - \kappa t)^2/F$ is least.

    Here $\varrho = r - V(\sigma(y + t) - \sigma(y))$ is left to the residual path (`edit_planes`); as $N \ge t^2/A$,
    only $t^2\le A\,N(0)$ need be searched. The lower bound is one of N. Undecided, with the bound 0, where N(0) leaves
    the range of float64.

    Parameters
    ----------
    rule, y, weight, wanted
        σ, y, V and r.
    gram
        $A = \lVert K\rVert^2$, $\kappa = K\cdot e/A$ and $F = \lVert e - \kappa K\rVert^2 > 0$, numbers or balls.
    tries
        Shifts tried before the search, beside an even grid.

    References
    ----------
    THEORY T21.
    """
    _check_finite(y, weight, wanted)
    with ball_arithmetic(BITS, order=2):
        a, kappa, f = (arb(entry) for entry in gram)
        nothing = arb(wanted) ** 2 / f
        if not (SMALLEST < nothing < 1 / SMALLEST and SMALLEST < a * nothing < 1 / SMALLEST):
            return Shift(None, 0.0, False)
        norm = _norm(rule, y, weight, wanted, (a, kappa, f))

        def value(t: float) -> float:
            return float(norm(arb(t))[0])

        reach = float((a * nothing).sqrt().upper()) * (1.0 + 2.0**-30)
        best = min((*(reach * (2.0 * i / GRID - 1.0) for i in range(GRID + 1)), *tries), key=value)
        width = 2.0 * reach / GRID
        polished = optimize.minimize_scalar(
            value, bounds=(best - width, best + width), method="bounded", options={"xatol": 1e-12 * reach}
        )
        best = min((best, float(polished.x), 0.0), key=value)
        return _search_least(norm, reach, _newton(norm, best))


def _check_finite(*numbers: float) -> None:
    if not all(isfinite(number) for number in numbers):
        msg = f"a scalar edit needs finite numbers, got {numbers}"
        raise ValueError(msg)


def _taylor(rule: Activation, y: float, t: arb) -> arb_series:
    """σ(y + t + ε) to second order in ε."""
    return rule.series(arb_series([arb(y) + t, 1], prec=3))


def movement(rule: Activation, y: float, weight: float, shift: arb) -> tuple[arb, arb]:
    r"""$V(\sigma(y + t) - \sigma(y))$ and its slope, in the ball arithmetic of the caller (series of length 3)."""
    there = _taylor(rule, y, shift)
    return weight * (there[0] - _taylor(rule, y, arb(0))[0]), weight * there[1]


def _equation(rule: Activation, y: float, weight: float, slope: float | arb, wanted: float) -> Expansion:
    start = _taylor(rule, y, arb(0))[0]

    def expansion(t: arb) -> Taylor:
        s = _taylor(rule, y, t)
        return weight * (s[0] - start) + slope * t - arb(wanted), weight * s[1] + slope, weight * s[2]

    return expansion


def _norm(rule: Activation, y: float, weight: float, wanted: float, gram: tuple[arb, arb, arb]) -> Expansion:
    start = _taylor(rule, y, arb(0))[0]
    a, kappa, f = gram

    def expansion(t: arb) -> Taylor:
        shift = arb_series([t, 1], prec=3)
        rest = arb(wanted) - weight * (_taylor(rule, y, t) - start) - kappa * shift
        series = shift * shift / a + rest * rest / f
        return series[0], series[1], series[2]

    return expansion


def _search_root(equation: Expansion, tolerance: float) -> Shift:
    ticket = count()
    heap: list[Box] = [(min(abs(a), abs(b)), next(ticket), a, b, None) for a, b in _octaves()]
    heapq.heapify(heap)
    for _ in range(MAX_BOXES):
        if not heap:
            return Shift(None, inf, True)
        near, _, low, high, root = heapq.heappop(heap)
        if root is not None:
            return Shift(root, near * (1.0 - 2.0**-50), near >= abs(root) * (1.0 - PRECISION))
        middle = 0.5 * (low + high)
        ball = _ball(low, high)
        at, around = equation(arb(middle)), equation(ball)
        radius = _radius(low, middle, high)
        reach = abs(at[1]) * radius + abs(around[2]) * radius * radius
        if abs(at[0]) > reach or not around[0].contains(0):
            continue
        isolated = _isolated(equation, around[1], low, high)
        if isolated is not None:
            least = 0.0 if isolated[0] <= 0.0 <= isolated[1] else min(abs(isolated[0]), abs(isolated[1]))
            heapq.heappush(heap, (least, next(ticket), *isolated, 0.5 * (isolated[0] + isolated[1])))
        elif high - low <= NARROWEST * max(1.0, abs(middle)):
            exact = [end for end in (low, high) if equation(arb(end))[0] == 0]
            touched = exact[0] if exact else middle if abs(at[0]) < tolerance else None
            return Shift(touched, near * (1.0 - 2.0**-50), bool(exact))
        else:
            for a, b in ((low, middle), (middle, high)):
                heapq.heappush(heap, (min(abs(a), abs(b)), next(ticket), a, b, None))
    return Shift(None, heap[0][0], False)


def _octaves() -> list[tuple[float, float]]:
    """Boxes that cover |t| ≤ 2⁶⁰, none with 0 inside."""
    edges = [0.0, *(2.0**k for k in range(-10, FARTHEST + 1))]
    right = list(pairwise(edges))
    return right + [(-b, -a) for a, b in right]


def _ball(low: float, high: float) -> arb:
    return arb(low).union(arb(high))


def _radius(low: float, middle: float, high: float) -> arb:
    """Reach of a box about its middle, which float64 rounds to one side."""
    return (arb(high) - arb(middle)).max(arb(middle) - arb(low))


def _isolated(equation: Expansion, slope: arb, low: float, high: float) -> tuple[float, float] | None:
    """Ends between which the only root of a strictly monotone function lies, as near as the balls tell."""
    if slope.contains(0):
        return None
    rising = bool(slope > 0)
    left, right = equation(arb(low))[0], equation(arb(high))[0]
    for end, value in ((low, left), (high, right)):
        if value == 0:  # exactly: a ball around 0 would be no proof
            return end, end
    if not (right > 0 and left < 0 if rising else right < 0 and left > 0):
        return None
    while True:
        middle = 0.5 * (low + high)
        value = equation(arb(middle))[0]
        if middle in (low, high) or value.contains(0):
            return low, high
        if bool(value > 0) == rising:
            high = middle
        else:
            low = middle


def _newton(norm: Expansion, start: float) -> float:
    """A few steps towards N' = 0, as long as N falls."""
    best, value = start, norm(arb(start))[0].mid()
    for _ in range(8):
        here = norm(arb(best))
        if not here[2] > 0:
            break
        following = float((arb(best) - here[1] / (2 * here[2])).mid())
        there = norm(arb(following))[0].mid()
        if not there < value:
            break
        best, value = following, there
    return best


def _search_least(norm: Expansion, reach: float, best: float) -> Shift:
    """Best-first bisection until nothing is smaller than the best value by more than `PRECISION`."""
    ticket, upper = count(), norm(arb(best))[0].upper()
    heap = [(_least_over(norm, -reach, reach), next(ticket), -reach, reach)]
    for _ in range(MAX_BOXES):
        bound, _, low, high = heap[0]
        if arb(bound) >= upper * (1 - arb(PRECISION)) or high - low <= 2.0**-52 * max(abs(low), abs(high)):
            break
        heapq.heappop(heap)
        middle = 0.5 * (low + high)
        there = norm(arb(middle))[0].upper()
        if there < upper:
            best, upper = middle, there
        for a, b in ((low, middle), (middle, high)):
            heapq.heappush(heap, (max(bound, _least_over(norm, a, b)), next(ticket), a, b))
    bound = max(0.0, heap[0][0])
    return Shift(best, bound, bool(arb(bound) >= upper * (1 - arb(2 * PRECISION))))


def _least_over(norm: Expansion, low: float, high: float) -> float:
    r"""A lower bound of N on a box: $N(m) + N'(m)s + \tfrac12N''s^2$ with $N''$ from the whole box."""
    middle = 0.5 * (low + high)
    at, bent = norm(arb(middle)), norm(_ball(low, high))[2].lower()
    radius = _radius(low, middle, high).upper()
    # The parabola with the least curvature lies below N; its least point is inside the box or at an end.
    if bent > 0 and abs(at[1]).upper() <= 2 * bent * radius:
        bound = at[0] - at[1] * at[1] / (4 * bent)
    else:
        bound = at[0] - abs(at[1]) * radius + bent * radius * radius
    found = float(bound.lower())
    return found * (1.0 - 2.0**-50) if found > 0.0 else -inf
