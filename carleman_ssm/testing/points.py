"""Values for the symbols of a statement: zero, equal, conjugate and resonant on purpose, simple ones first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from carleman_ssm.formulas.evaluation import NoValue, Point
from carleman_ssm.testing.numbers import gaussians, multipliers, rationals

_FACTS = ("real", "integer", "positive", "negative", "nonnegative", "nonpositive", "imaginary", "zero", "even", "odd")
_SEQUENCE = range(-4, 9)  # indices at which a sequence has drawn elements; it repeats them elsewhere


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


def _allows(symbol: sp.Basic, value: sp.Expr) -> bool:
    """Whether the assumptions of a symbol admit the value."""
    wanted = {fact: getattr(symbol, f"is_{fact}", None) for fact in _FACTS}
    return all(truth is None or getattr(value, f"is_{fact}") is truth for fact, truth in wanted.items())


def _of_its_kind(symbol: sp.Basic) -> SearchStrategy[sp.Expr]:
    if getattr(symbol, "is_integer", None):
        return st.integers(-3, 6).map(sp.Integer)
    if getattr(symbol, "is_extended_real", None):
        return rationals()
    if getattr(symbol, "is_imaginary", None):
        return rationals().map(lambda x: sp.I * x)
    return multipliers() | gaussians()


def _related(known: list[sp.Expr], way: int) -> sp.Expr | None:
    """A value that resonates with those drawn before: equal, conjugate, a square, an inverse, a product."""
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


@st.composite
def points(
    draw: DrawFn,
    symbols: Iterable[sp.Basic],
    values: Mapping[sp.Basic, SearchStrategy[sp.Expr]] | None = None,
) -> dict[sp.Basic, object]:
    """Exact values that respect the assumptions of every symbol.

    Parameters
    ----------
    symbols
        Symbols, and ``IndexedBase`` sequences, which get a tuple of values that they repeat.
    values
        Strategies of your own for some of them.

    Returns
    -------
    dict
        ``symbol -> exact number``, ``sequence -> tuple of exact numbers``.

    Raises
    ------
    TypeError
        Something that is neither a symbol nor a sequence.
    """
    drawn: dict[sp.Basic, object] = {}
    own = dict(values or {})
    for symbol in symbols:
        if isinstance(symbol, sp.IndexedBase):
            drawn[symbol] = draw(st.lists(own.get(symbol, gaussians()), min_size=1, max_size=len(_SEQUENCE)).map(tuple))
            continue
        if not isinstance(symbol, sp.Symbol):
            msg = f"points are drawn for symbols and sequences, got {symbol!r} of type {type(symbol).__name__}"
            raise TypeError(msg)
        known = [value for value in drawn.values() if isinstance(value, sp.Expr)]
        value = draw(own.get(symbol, _of_its_kind(symbol)).filter(lambda value, symbol=symbol: _allows(symbol, value)))
        # both are drawn in every case, so that the simplest point is found by the same choices
        other = _related(known, draw(st.integers(0, 5)))
        drawn[symbol] = value if other is None or symbol in own or not _allows(symbol, other) else other
    return drawn
