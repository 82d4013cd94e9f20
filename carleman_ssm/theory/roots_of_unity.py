r"""Sums of roots of unity with exact weights, added where they are a rational number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sympy as sp


def root_of_unity(turns: sp.Expr) -> sp.Expr:
    r"""$e^{2\pi i \theta}$ for a number of turns $\theta$, exact; whole turns of a rational number are dropped.

    Examples
    --------
    >>> root_of_unity(sp.Rational(1, 4)), root_of_unity(sp.Rational(7, 3))
    (I, exp(2*I*pi/3))
    """
    return sp.exp(2 * sp.pi * sp.I * (turns % 1 if turns.is_Rational else turns))


def weighted_roots(weights: Sequence[sp.Expr], turns: Sequence[sp.Expr]) -> sp.Expr:
    r"""$\sum_n v_n e^{2\pi i \theta_n}$ for rational $\theta_n$; the roots of one weight are added if possible.

    Examples
    --------
    >>> a, b = sp.symbols("a b")
    >>> thirds = [sp.Rational(n, 3) for n in range(3)]
    >>> weighted_roots([a, a, a], thirds), weighted_roots([a, b, b], thirds)
    (0, a - b)
    """
    groups: dict[sp.Expr, list[sp.Expr]] = {}
    for weight, turn in zip(weights, turns, strict=True):
        groups.setdefault(weight, []).append(turn)
    return sp.Add(*(weight * _sum_of_roots(group) for weight, group in groups.items()))


def _sum_of_roots(turns: Sequence[sp.Expr]) -> sp.Expr:
    """The sum of roots of unity: a rational number if it is one, else as it is."""
    if len(turns) > 1:
        order = sp.ilcm(*(turn.q for turn in turns))
        z = sp.Symbol("z")
        powers = sp.Poly.from_dict(dict(Counter((int(turn * order) % order,) for turn in turns)), z)
        remainder = powers.rem(sp.Poly(sp.cyclotomic_poly(order, z), z))
        if remainder.is_ground:
            return remainder.as_expr()
    return sp.Add(*map(root_of_unity, turns))
