r"""Planted errors: false twins of true statements, each wrong in one way in which a formula goes wrong by hand.

A proof procedure that accepts a twin proves nothing. Some changes can leave a formula as it is (a real value is its
own conjugate, $e^{2\pi i k}$ does not see a shift of k); those are no errors, and are not planted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import mpmath
import sympy as sp

from carleman_ssm.formulas.bounds import Bound, Statement
from carleman_ssm.formulas.evaluation import Evaluator, FloatField, NoValue, Point
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.matrices import written_out
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import verify

_Entries = list[sp.Expr]
_LONG = 300  # operations from which multiplying out would take seconds


def planted_errors(statement: Statement) -> tuple[tuple[str, Statement], ...]:
    r"""False twins of a true statement, with the kind of the error in each.

    Parameters
    ----------
    statement
        An identity, changed on its right-hand side (for a matrix in one entry, but for the sign), or a bound.

    Returns
    -------
    tuple of (str, Identity or Bound)
        Of an identity: ``one added``, ``sign swapped``, ``binomial dropped`` (an integer factor becomes 1),
        ``term dropped``, ``conjugate swapped`` ($\bar\lambda$ for $\lambda$, $-i$ for $i$), ``off by one`` (of a whole
        number such as k, or of the end of a sum). Of a bound: ``one added`` (so many, that it fails in the middle of
        the box), ``sign swapped``, ``sides swapped``. What a statement has no place for is left out; so are matrices
        of symbolic size.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> square = Identity((x + y) ** 2, x**2 + 2 * x * y + y**2)
    >>> for kind, twin in planted_errors(square):
    ...     print(kind, "|", twin.right, "|", verify(twin).evidence.value)
    one added | x**2 + 2*x*y + y**2 + 1 | refuted
    sign swapped | -x**2 - 2*x*y - y**2 | refuted
    binomial dropped | x**2 + x*y + y**2 | refuted
    term dropped | 2*x*y + y**2 | refuted
    """
    if isinstance(statement, Bound):
        return tuple(_wrong_bounds(statement))
    side = written_out(statement.right)
    values = [side] if side is not None and not side.is_Matrix else list(side or ())
    twins: dict[sp.Basic, str] = {}
    for kind, wrong in _wrong_entries(values):
        right = sp.ImmutableMatrix(*side.shape, wrong) if side.is_Matrix else wrong[0]  # type: ignore[union-attr]  # narrowed by is_Matrix
        twins.setdefault(right, kind)
    return tuple(
        (kind, replace(statement, right=wrong, name=f"{statement.name}, {kind}")) for wrong, kind in twins.items()
    )


def _wrong_entries(values: _Entries) -> Iterator[tuple[str, _Entries]]:
    if not values:
        return
    yield "one added", [*values[:-1], values[-1] + 1]
    if any(value != 0 for value in values):  # nothing is its own opposite
        yield "sign swapped", [-value for value in values]
    for kind, change in (("binomial dropped", _without_factor), ("term dropped", _without_term)):
        yield from _changed(kind, change, values)
    for kind, change in (("conjugate swapped", _conjugated), ("off by one", _shifted)):
        for _, wrong in _changed(kind, change, values):
            if _differ(values, wrong):
                yield kind, wrong


def _changed(
    kind: str, change: Callable[[sp.Expr], sp.Expr | None], values: _Entries
) -> Iterator[tuple[str, _Entries]]:
    """The last entry that has a place for the change, changed."""
    for place in reversed(range(len(values))):
        wrong = change(values[place])
        if wrong is not None and wrong != values[place]:
            yield kind, [*values[:place], wrong, *values[place + 1 :]]
            return


def _differ(values: Iterable[sp.Expr], wrong: Iterable[sp.Expr]) -> bool:
    """Is the changed entry another function? Points decide, without the normal form that is to be challenged."""
    (pair,) = [pair for pair in zip(values, wrong, strict=True) if pair[0] != pair[1]]
    with mpmath.workdps(40):
        gaps = [_gap(Evaluator(FloatField(), Point(seed)), *pair) for seed in range(4)]
    clear = [gap for gap in gaps if gap is not None]
    if clear:
        return any(gap > mpmath.mpf(10) ** -20 for gap in clear)
    return verify(Identity(*pair)).evidence not in (Evidence.PROVED, Evidence.SUPPORTED)


def _gap(at: Evaluator, right: sp.Expr, wrong: sp.Expr) -> Any | None:
    """How far the two are apart at a point; None where they have no values."""
    try:
        return abs(at(right) - at(wrong)) / max(abs(at(right)), 1)
    except (NoValue, ZeroDivisionError, OverflowError):
        return None


@cache
def _multiplied_out(value: sp.Expr) -> sp.Expr:
    return sp.expand(value) if value.count_ops() <= _LONG else value


def _without_factor(value: sp.Expr) -> sp.Expr | None:
    """The first integer factor above 1 becomes 1."""
    expanded = _multiplied_out(value)
    for term in sp.Add.make_args(expanded):
        factor, rest = term.as_coeff_Mul()
        if factor.is_Integer and factor > 1:
            return expanded - term + rest
    return None


def _without_term(value: sp.Expr) -> sp.Expr | None:
    _, *others = sp.Add.make_args(_multiplied_out(value))
    return sp.Add(*others) if others else None


def _conjugated(value: sp.Expr) -> sp.Expr | None:
    """Without the bar over the first conjugate; where no bar is, with -i for i."""
    barred = sorted(value.atoms(sp.conjugate), key=sp.default_sort_key)
    if barred:
        return value.xreplace({barred[0]: barred[0].args[0]})
    return value.xreplace({sp.I: -sp.I})


def _shifted(value: sp.Expr) -> sp.Expr | None:
    """The first whole number becomes its successor; where none is free, the end of the first sum does."""
    whole = sorted((symbol for symbol in value.free_symbols if symbol.is_integer), key=_steps_first)
    if whole:
        return value.xreplace({whole[0]: whole[0] + 1})
    sums = sorted((s for s in value.atoms(sp.Sum, sp.Product) if s.limits[0][2].is_finite), key=sp.default_sort_key)
    if not sums:
        return None
    (index, least, greatest), *outer = sums[0].limits
    return value.xreplace({sums[0]: sums[0].func(sums[0].function, (index, least, greatest + 1), *outer)})


def _steps_first(symbol: sp.Symbol) -> tuple[int, str]:
    return ("klmndjqr".find(symbol.name) % 99, symbol.name)


def _wrong_bounds(bound: Bound) -> Iterator[tuple[str, Bound]]:
    """Each is false in the middle of the box, or at another point where the sides have clear values."""
    values = [tuple(sp.N(side.subs(point), 30) for side in (bound.left, bound.right)) for point in _points(bound)]
    clear = [pair for pair in values if all(value.is_Float or value.is_Rational for value in pair)]
    if not clear:
        return
    left, right = max(clear, key=lambda pair: pair[1] - pair[0])
    gap = sp.Integer(max(1, sp.ceiling(right - left) + 1))
    yield "one added", replace(bound, left=bound.left + gap, name=f"{bound.name}, one added")
    if left > -right:
        yield "sign swapped", replace(bound, right=-bound.right, name=f"{bound.name}, sign swapped")
    if left < right:
        yield "sides swapped", replace(bound, left=bound.right, right=bound.left, name=f"{bound.name}, sides swapped")


def _points(bound: Bound) -> Iterator[dict[sp.Symbol, sp.Expr]]:
    for weight in (sp.Rational(1, 2), sp.Rational(1, 3), sp.Integer(1), sp.Integer(0)):
        yield {symbol: least + weight * (greatest - least) for symbol, (least, greatest) in bound.domain.items()}
