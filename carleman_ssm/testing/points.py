"""Values for the symbols of a statement: zero, equal, conjugate and resonant on purpose, simple ones first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import partial
from typing import Any

import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from carleman_ssm.formulas.evaluation import NoValue, Point
from carleman_ssm.testing.numbers import gaussians, multipliers, rationals

_FACTS = ("real", "integer", "positive", "negative", "nonnegative", "nonpositive", "imaginary", "zero", "even", "odd")
_LONGEST = 6  # a sequence has at most so many elements, and repeats them
_MANY = 9  # a whole number that resonates with others is at most so large
_WAYS = st.integers(0, 5)


class GivenPoint(Point):
    """A point whose values are given; elements of a sequence repeat with its length.

    Parameters
    ----------
    values
        ``symbol -> value`` and, for a sequence, ``IndexedBase -> tuple of values``.
    """

    def __init__(self, values: Mapping[sp.Basic, object]) -> None:
        super().__init__(0)
        self._given = dict(values)

    def _draw(self, atom: sp.Expr) -> sp.Expr:
        if isinstance(atom, sp.Indexed):
            elements = self._given.get(atom.base)
            if isinstance(elements, tuple):
                return elements[sum(map(int, atom.indices)) % len(elements)]
        value = self._given.get(atom)
        if isinstance(value, sp.Expr):
            return value
        msg = f"no value is given for {atom}"
        raise NoValue(msg)


def allows(symbol: sp.Basic, value: sp.Expr) -> bool:
    """Whether the assumptions of a symbol admit the value."""
    wanted = {fact: getattr(symbol, f"is_{fact}", None) for fact in _FACTS}
    return all(truth is None or getattr(value, f"is_{fact}") is truth for fact, truth in wanted.items())


def _suits(symbol: sp.Basic, value: sp.Expr) -> bool:
    """Whether a related value is admitted; for a whole number it is small, as sums may have so many terms."""
    return allows(symbol, value) and not (getattr(symbol, "is_integer", None) and abs(value) > _MANY)


def _of_its_kind(symbol: sp.Basic) -> SearchStrategy[sp.Expr]:
    if getattr(symbol, "is_integer", None):
        return st.integers(-3, 6).map(sp.Integer)
    if getattr(symbol, "is_extended_real", None):
        return rationals()
    if getattr(symbol, "is_imaginary", None):
        return rationals().map(lambda x: sp.I * x)
    return multipliers() | gaussians()


def _elements(sequence: sp.IndexedBase) -> SearchStrategy[sp.Expr]:
    """Values of its elements, which it may assume to be real, say."""
    if not any(getattr(sequence, f"is_{fact}", None) is not None for fact in _FACTS):
        return gaussians()
    return _of_its_kind(sequence).filter(lambda value: allows(sequence, value))


def _related(before: list[object], way: int) -> sp.Expr | None:
    """A value that resonates with those drawn before: equal, conjugate, a square, an inverse, a product."""
    known = [value for value in before if isinstance(value, sp.Expr)]
    last = known[-1] if known else None
    if last is None or way == 0:
        return None
    if way == 1:
        return last
    if way == 2:
        return sp.conjugate(last)
    if way == 3:
        return sp.expand(last**2)
    if way == 4:
        return sp.radsimp(1 / last) if last != 0 else None
    return sp.expand(last * known[-2]) if len(known) > 1 else None


def points(
    symbols: Iterable[sp.Basic], values: Mapping[sp.Basic, SearchStrategy[sp.Expr]] | None = None
) -> SearchStrategy[dict[sp.Basic, object]]:
    """Exact values that respect the assumptions of every symbol.

    Parameters
    ----------
    symbols
        Symbols, and ``IndexedBase`` sequences, which get a tuple of values that they repeat.
    values
        Strategies of your own for some of them, of exact numbers: SymPy's, integers or fractions.

    Returns
    -------
    SearchStrategy
        Of dictionaries ``symbol -> exact number``, ``sequence -> tuple of exact numbers``.

    Raises
    ------
    TypeError
        Something that is neither a symbol nor a sequence; values that are no strategy, or not exact.
    ValueError
        Values for what is not among the symbols.

    Examples
    --------
    >>> from hypothesis import find
    >>> lam, mu = sp.symbols("lambda mu")
    >>> find(points((lam, mu)), lambda point: point[lam] != 0 and point[mu] == point[lam] ** 2)
    {lambda: 1, mu: 1}
    """
    symbols = tuple(symbols)
    own = _own(symbols, values or {})
    plan: dict[sp.Basic, SearchStrategy[Any]] = {}
    for symbol in symbols:
        if isinstance(symbol, sp.IndexedBase):
            plan[symbol] = st.lists(own.get(symbol, _elements(symbol)), min_size=1, max_size=_LONGEST).map(tuple)
        elif isinstance(symbol, sp.Symbol):
            admitted = own.get(symbol, _of_its_kind(symbol))
            plan[symbol] = admitted.filter(partial(allows, symbol))
        else:
            msg = f"points are drawn for symbols and sequences, got {symbol!r} of type {type(symbol).__name__}"
            raise TypeError(msg)
    return _points(plan, frozenset(own))


def _own(symbols: tuple[sp.Basic, ...], values: Mapping[sp.Basic, Any]) -> dict[sp.Basic, SearchStrategy[Any]]:
    for symbol, strategy in values.items():
        if symbol not in symbols:
            msg = f"values are given for {symbol!r}, not one of {symbols}: other assumptions make another symbol"
            raise ValueError(msg)
        if not isinstance(strategy, SearchStrategy):
            msg = f"the values of {symbol} are a strategy of Hypothesis, such as sampled_from([…]), got {strategy!r}"
            raise TypeError(msg)
    return {symbol: strategy.map(_exact) for symbol, strategy in values.items()}


def _exact(value: object) -> sp.Expr:
    if isinstance(value, (int, Fraction)):
        return sp.Rational(value)
    if isinstance(value, sp.Expr) and not value.has(sp.Float):
        return value
    msg = f"values are exact: SymPy's numbers, integers or fractions, got {value!r} of type {type(value).__name__}"
    raise TypeError(msg)


@st.composite
def _points(
    draw: DrawFn, plan: Mapping[sp.Basic, SearchStrategy[Any]], own: frozenset[sp.Basic]
) -> dict[sp.Basic, object]:
    drawn: dict[sp.Basic, object] = {}
    for symbol, strategy in plan.items():
        drawn[symbol] = value = draw(strategy)
        if isinstance(symbol, sp.IndexedBase) or symbol in own:
            continue
        # the value is drawn in every case, so that the simplest point is found by the same choices
        other = _related([value for key, value in drawn.items() if key != symbol], draw(_WAYS))
        drawn[symbol] = other if other is not None and _suits(symbol, other) else value
    return drawn
