r"""Which divisors of a proof are real conditions, and which only its scaffolding.

The normal form divides: by $z$ to unfold $\varphi_k(z)$, by $\lambda$ to split $\lambda^{k-m}$, by $r - 1$ to
sum $r^j$. If both sides of a statement are continuous, and such a divisor vanishes only on a set without
interior, equality everywhere else is equality everywhere, and the divisor is no condition.
"""

from __future__ import annotations

from collections.abc import Iterable

import mpmath
import sympy as sp

from carleman_ssm.formulas.evaluation import Evaluator, ExactField, FloatField, NoValue, Point
from carleman_ssm.formulas.special import phi

_ENTIRE = (sp.exp, sp.sin, sp.cos, sp.sinh, sp.cosh, phi, sp.conjugate, sp.re, sp.im)
_Range = tuple[sp.Symbol, sp.Expr, sp.Expr]


def own_divisors(expressions: Iterable[sp.Expr]) -> list[sp.Expr]:
    """Bases of negative powers in the expressions themselves: where one vanishes nothing is stated."""
    found: dict[sp.Expr, None] = {}
    for expression in expressions:
        for node in sp.preorder_traversal(expression):
            if node.is_Pow and node.base is not sp.E and node.exp.is_negative is not False:
                for factor in sp.Mul.make_args(node.base):
                    base = factor.base if factor.is_Pow and factor.exp.is_positive else factor
                    if base.is_zero is not False and _negative_for_certain(node.exp):
                        found[base] = None
    return list(found)


def _negative_for_certain(exponent: sp.Expr) -> bool:
    return bool(exponent.is_negative or exponent.as_coeff_Mul()[0].is_negative)


def remaining(induced: Iterable[sp.Expr], expressions: Iterable[sp.Expr]) -> list[sp.Expr]:
    """The induced divisors that continuity does not remove."""
    divisors = [d for d in induced if d.is_zero is not False]
    if not divisors:
        return []
    singular: set[sp.Expr] = set()
    continuous = all(_continuous(e, (), singular) for e in expressions)
    loose = {symbol for base in singular for symbol in base.free_symbols}
    return [d for d in divisors if not continuous or loose & d.free_symbols or not _vanishes_rarely(d)]


def _continuous(e: sp.Expr, ranges: tuple[_Range, ...], singular: set[sp.Expr]) -> bool:
    """True if `e` is continuous in its non-integer symbols where its own divisors do not vanish.

    Bases of symbolic powers whose exponent may be negative are added to `singular`.
    """
    if isinstance(e, sp.Sum):
        return _continuous_sum(e, ranges, singular)
    if e.is_Pow and e.base is not sp.E:
        if not e.exp.is_Integer:
            if not _as_integers(e.exp, ranges).is_integer:
                return not e.base.free_symbols and not e.exp.free_symbols
            if not _never_negative(e.exp, ranges):
                singular.add(e.base)
        return _continuous(e.base, ranges, singular)
    if isinstance(e, sp.Indexed) or e.is_Atom:
        return True
    if isinstance(e, sp.binomial | sp.factorial):  # of integers alone: constant where continuous symbols move
        return all(bool(_as_integers(a, ranges).is_integer) for a in e.args)
    known = e.is_Add or e.is_Mul or isinstance(e, (*_ENTIRE, sp.Abs, sp.erf))
    return known and all(_continuous(a, ranges, singular) for a in e.args)


def _continuous_sum(e: sp.Sum, ranges: tuple[_Range, ...], singular: set[sp.Expr]) -> bool:
    for limit in reversed(e.limits):
        if len(limit) != 3 or any(bound.is_infinite for bound in limit[1:]):
            return False
        index, lower, upper = limit
        if not _never_negative(upper - lower + 1, ranges):
            return False
        ranges = (*ranges, (index, lower, upper))
    return _continuous(e.function, ranges, singular)


def _as_integers(e: sp.Expr, ranges: tuple[_Range, ...]) -> sp.Expr:
    return e.xreplace({index: sp.Dummy(integer=True) for index, *_ in ranges})


def _never_negative(e: sp.Expr, ranges: tuple[_Range, ...]) -> bool:
    """True if `e` is provably ≥ 0 over the ranges, by the end of each range where it is least."""
    for index, lower, upper in reversed(ranges):
        e = sp.expand(e)
        slope = e.coeff(index, 1)
        if index in (e - slope * index).expand().free_symbols or not slope.is_number:
            return False
        e = e.subs(index, lower if slope >= 0 else upper)
    return bool(sp.expand(e).is_nonnegative)


def _vanishes_rarely(divisor: sp.Expr) -> bool:
    """True if the divisor is a quotient of functions analytic in free continuous symbols, neither of them 0.

    Symbols range over real or complex intervals, so one certain non-zero value is enough. A factor with
    integer symbols could vanish for one integer and all else: it stays, unless it vanishes nowhere.
    """
    above, below = _elements_as_symbols(divisor).as_numer_denom()
    factors = [f for f in sp.Mul.make_args(above) if f.is_zero is not False]
    return all(map(_rarely_zero, factors)) and (below.is_zero is False or _rarely_zero(below))


def _rarely_zero(part: sp.Expr) -> bool:
    if any(symbol.is_integer for symbol in part.free_symbols):
        return False
    return _analytic(part) and any(_certainly_nonzero(part, seed) for seed in range(3))


def _elements_as_symbols(e: sp.Expr) -> sp.Expr:
    """Elements of a sequence are variables of their own, whatever their index, unless two might be the same."""
    elements = e.atoms(sp.Indexed)
    single = [one for one in elements if sum(one.base == other.base for other in elements) == 1]
    return e.xreplace({one: sp.Dummy(**one.base.label.assumptions0) for one in single})


def _analytic(e: sp.Expr) -> bool:
    if e.is_Pow and e.base is not sp.E:
        return bool(e.exp.is_Integer and e.exp > 0) and _analytic(e.base)
    if isinstance(e, sp.Indexed) or e.is_Symbol or e.is_Rational or e is sp.I:
        return True
    return (e.is_Add or e.is_Mul or isinstance(e, _ENTIRE)) and all(map(_analytic, e.args))


def _certainly_nonzero(divisor: sp.Expr, seed: int) -> bool:
    try:
        return bool(Evaluator(ExactField(), Point(seed))(divisor))
    except NoValue:
        return _nonzero_in_floats(divisor, seed)


def _nonzero_in_floats(divisor: sp.Expr, seed: int) -> bool:
    """Non-zero at 30 and at 60 digits; a sum of a few exponentials at small rationals loses no 20 digits."""
    try:
        values = []
        for digits in (30, 60):
            with mpmath.workdps(digits):
                values.append(abs(Evaluator(FloatField(), Point(seed))(divisor)))
    except NoValue:
        return False
    return all(value > 1e-10 for value in values)
