r"""Enclosures of real expressions on boxes, in ball arithmetic (python-flint's Arb).

A ball that encloses the values of the symbols gives a ball that encloses all values of the expression. Powers are
never written ``ball**k``: around 0 that is NaN, and for even k it would forget the sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from math import prod

import sympy as sp
from flint import arb, fmpq

from carleman_ssm.formulas.special import phi

Box = Mapping[sp.Symbol, tuple[sp.Rational, sp.Rational]]
"""``symbol -> (least, greatest)``, rational."""

_SAME_NAME = (
    *(sp.sin, sp.cos, sp.tan, sp.sinh, sp.cosh, sp.tanh, sp.atan, sp.asin, sp.acos),
    *(sp.exp, sp.erf, sp.erfc, sp.gamma),
)


class NoEnclosure(Exception):
    """A function of the expression has no enclosure here."""


def ball_of(number: sp.Rational) -> arb:
    """The ball around a rational number, of the width of its rounding."""
    return arb(fmpq(int(number.p), int(number.q)))


def interval_ball(ends: tuple[sp.Rational, sp.Rational]) -> arb:
    """A ball that contains both ends, and all between."""
    middle, half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
    return ball_of(middle) + arb(0, ball_of(half).abs_upper())


class Enclosure:
    """Enclosures of expressions on one box (a point, if its intervals have no width); shared parts are evaluated once.

    Raises
    ------
    NoEnclosure
        The expression is not real arithmetic with the functions that are known here.
    """

    def __init__(self, box: Box) -> None:
        self._known: dict[sp.Expr, arb] = {symbol: interval_ball(ends) for symbol, ends in box.items()}
        self._sides = {symbol: 1 if least >= 0 else -1 for symbol, (least, most) in box.items() if least * most >= 0}

    def __call__(self, expression: sp.Expr) -> arb:
        """A ball that holds every value of the expression; not finite where it has none."""
        value = self._known.get(expression)
        if value is None:
            value = self._known[expression] = self._evaluate(expression)
        return value

    def _evaluate(self, e: sp.Expr) -> arb:
        if e.is_Rational:
            return ball_of(e)
        if e is sp.pi:
            return arb.pi()
        if e is sp.E:
            return arb(1).exp()
        if e.is_Add or e.is_Mul:
            values = map(self, e.args)
            return reduce(arb.__add__ if e.is_Add else arb.__mul__, values)
        if e.is_Pow:
            return self._power(e)
        return self._function(e)

    def sign(self, e: sp.Expr) -> int:
        """1 if no value is negative, -1 if none is positive, 0 if that is open.

        By the signs of terms and factors: a ball that begins at 0 reaches a little below it.
        """
        if e.is_Add:
            signs = set(map(self.sign, e.args))
            return signs.pop() if signs in ({1}, {-1}) else self._ball_sign(e)
        if e.is_Mul:
            return prod(map(self.sign, e.args))
        if e.is_Pow and e.exp.is_Integer and e.exp.is_even:
            return 1
        return self._ball_sign(e)

    def _ball_sign(self, e: sp.Expr) -> int:
        if e in self._sides:
            return self._sides[e]
        value = self(e)
        return 1 if value >= 0 else -1 if value <= 0 else 0

    def _power(self, e: sp.Pow) -> arb:
        base = self(e.base)
        if e.base.is_nonnegative:
            base = base.nonnegative_part()
        if e.exp.is_Integer:
            return integer_power(base, int(e.exp))
        if e.exp.is_Rational and e.exp.q == 2:
            return integer_power(base.sqrt(), int(e.exp.p))
        return (base.log() * self(e.exp)).exp()

    def _function(self, e: sp.Expr) -> arb:
        if isinstance(e, phi):
            return phi_ball(int(e.args[0]), self(e.args[1]))
        if not e.args:
            raise NoEnclosure(str(e))
        values = [self(argument) for argument in e.args]
        if isinstance(e, _SAME_NAME):
            return getattr(values[0], e.func.__name__)()
        if isinstance(e, sp.log) and len(values) == 1:
            return values[0].log()
        if isinstance(e, sp.Abs):
            return magnitude(values[0])
        if isinstance(e, sp.sign):
            return step_between(values[0], arb(-1))
        if isinstance(e, sp.Heaviside):  # the derivative of a maximum: any value between at the jump
            return step_between(values[0], arb(0))
        if isinstance(e, sp.Max | sp.Min):
            return reduce(arb.max if isinstance(e, sp.Max) else arb.min, values)
        if isinstance(e, sp.besseli) and e.args[0].is_Integer:
            return values[1].bessel_i(values[0])
        raise NoEnclosure(str(e))


def phi_ball(order: int, z: arb) -> arb:
    r"""$\varphi_k(z) = \int_0^1 e^{(1-\theta)z}\,\theta^{k-1}d\theta/(k-1)!$ increases with z: its ends decide."""
    ends = (z.lower(), z.upper()) if z.is_finite() else (z,)
    return reduce(arb.union, [end.hypgeom_1f1(arb(1), arb(order + 1)) / arb(order).fac() for end in ends])


def integer_power(base: arb, exponent: int) -> arb:
    """A power as a product; an even one of a ball around 0 is not negative."""
    if exponent < 0:
        return 1 / integer_power(base, -exponent)
    if exponent == 0:
        return arb(1)
    if not base.contains(arb(0)) or not base.is_finite():
        return reduce(arb.__mul__, [base] * exponent)
    if exponent % 2 == 0:
        return arb(0).union(_repeated(base.abs_upper(), exponent))
    return _repeated(base.lower(), exponent).union(_repeated(base.upper(), exponent))


def _repeated(value: arb, times: int) -> arb:
    return reduce(arb.__mul__, [value] * times)


def magnitude(value: arb) -> arb:
    """The absolute values of a ball, as narrow as they are."""
    if value.contains(arb(0)):
        return arb(0).union(value.abs_upper())
    return abs(value)


def step_between(value: arb, below: arb) -> arb:
    """1 on the right of 0 and `below` on its left; everything between where the side is open."""
    if value > 0:
        return arb(1)
    return below if value < 0 else below.union(arb(1))
