"""`check`: an identity of your own, judged by `verify` and then attacked at points that are hard on purpose."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import mpmath
import sympy as sp
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy

from carleman_ssm.formulas.evaluation import Evaluator, ExactField, FloatField, NoValue, ReversedSum
from carleman_ssm.formulas.matrices import entry_pairs
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, Verdict, verify
from carleman_ssm.testing.points import GivenPoint, allows, points

_DIGITS = 40  # of the values that are no Gaussian rationals
_SIMPLE = (sp.S.Zero, sp.S.One, sp.S.NegativeOne)
_NO_VALUE = (NoValue, ZeroDivisionError, OverflowError)


class Counterexample(AssertionError):
    """An identity is false, and here is the simplest point that was found.

    Parameters
    ----------
    message
        What a test prints.
    point
        ``symbol -> value``; for a sequence the tuple that it repeats.
    left, right
        The values of both sides in the entry that differs.
    """

    def __init__(self, message: str, point: Mapping[sp.Basic, object], left: object, right: object) -> None:
        super().__init__(message)
        self.point, self.left, self.right = dict(point), left, right


@dataclass(frozen=True)
class Check:
    """What is known of an identity that no point contradicted.

    Parameters
    ----------
    verdict
        Of `verify`: proved, supported or undecided.
    examples
        At so many points at most both sides were compared; 0 if at none both have a value, as for matrices of
        symbolic shape or functions that nobody has defined.
    hole
        The simplest point at which only one side has a value, although no condition excludes it; empty if none
        was found. The identity may need a condition there (``Identity(…, nonzero=(…,))``).
    """

    verdict: Verdict
    examples: int
    hole: Mapping[sp.Basic, object] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        tried = f"no counterexample in {self.examples} points" if self.examples else "no point was found to compare at"
        text = f"{self.verdict}; {tried}"
        return text + (f"; only one side has a value at {_listed(self.hole)}" if self.hole else "")


def check(
    identity: Identity,
    *,
    examples: int = 100,
    values: Mapping[sp.Basic, SearchStrategy[sp.Expr]] | None = None,
) -> Check:
    r"""Judge an identity by its normal form, then look for a point that contradicts it.

    The points are drawn with the hard cases on purpose, those that `verify` leaves out among them: $\lambda = 0$,
    equal and conjugate values, resonances such as $\lambda_1 = \lambda_0^2$, empty sums. What is found is reduced to
    the simplest such point. A check is no proof: ``verdict.proved`` tells whether there is one.

    Parameters
    ----------
    identity
        A statement; where an entry of its ``nonzero`` vanishes it claims nothing.
    examples
        Number of points, at least 1.
    values
        Strategies of your own for some symbols, of exact numbers: SymPy's, integers or fractions.

    Returns
    -------
    Check

    Raises
    ------
    Counterexample
        An ``AssertionError``: the sides differ; the message names the point and both values.
    TypeError, ValueError
        Not an `Identity`; no example; strategies for what does not occur, or of what is no exact number.

    Examples
    --------
    >>> lam, k = sp.Symbol("lambda"), sp.Symbol("k", integer=True, nonnegative=True)
    >>> m = sp.Symbol("m", integer=True)
    >>> powers = sp.Sum(lam**m, (m, 0, k - 1))
    >>> check(Identity(powers * (lam - 1), lam**k - 1)).verdict.proved
    True
    >>> check(Identity(powers, (lam**k - 1) / (lam - 1))).hole
    {lambda: 1, k: 0}
    >>> try:
    ...     check(Identity(powers * (lam - 1), lam ** (k + 1) - 1))
    ... except Counterexample as found:
    ...     print(found.point)
    {lambda: 0, k: 0}
    """
    _require(identity, examples)
    verdict = verify(identity)
    pairs = entry_pairs(identity.left, identity.right)
    if pairs is None:  # matrices of symbolic shape, which no point can refute
        return Check(verdict, 0)
    drawn = points(_letters(identity), values)
    compared = False

    def differs(point: Mapping[sp.Basic, object]) -> bool:
        nonlocal compared
        try:
            difference = _difference(identity, pairs, point)
        except NoValue:
            return False
        compared = True
        return difference is not None

    found = _simplest(drawn, examples, differs, values or ())
    if found is not None:
        left, right = _difference(identity, pairs, found) or (None, None)
        name = f"{identity.name}: " if identity.name else ""
        where = f" at {_listed(found)}" if found else ""
        msg = f"{name}false{where}: {left} on the left, {right} on the right"
        raise Counterexample(msg, found, left, right)
    if verdict.evidence is Evidence.REFUTED:
        witness = verdict.witness or {}
        msg = f"{identity.name or 'the identity'} is false at {_listed(witness)} ({verdict.method})"
        raise Counterexample(msg, witness, None, None)
    hole = _simplest(drawn, examples, lambda point: _one_sided(identity, pairs, point), values or ())
    return Check(verdict, examples if compared else 0, hole or {})


def _require(identity: object, examples: object) -> None:
    if not isinstance(identity, Identity):
        msg = f"check takes an Identity, got {type(identity).__name__}: write Identity(left, right)"
        raise TypeError(msg)
    if not isinstance(examples, int):
        msg = f"the number of examples is an integer, got {examples!r}"
        raise TypeError(msg)
    if examples < 1:
        msg = f"a check needs at least 1 example, got {examples}"
        raise ValueError(msg)


def _letters(identity: Identity) -> list[sp.Basic]:
    """Sequences and symbols, by name; a sequence stands for its label and its elements."""
    sides = (identity.left, identity.right)
    bases = {use.base for side in sides for use in side.atoms(sp.Indexed)}
    labels = {base.label for base in bases}
    free = {s for side in sides for s in side.free_symbols if isinstance(s, sp.Symbol)} - labels
    return [*sorted(free, key=lambda s: (bool(s.is_integer), str(s))), *sorted(bases, key=str)]


def _simplest(
    drawn: SearchStrategy[Any], examples: int, holds: Any, fixed: Collection[sp.Basic]
) -> Mapping[sp.Basic, object] | None:
    """The simplest drawn point with a property, or None; the same one in every run."""
    chosen = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    try:
        found = find(drawn, holds, settings=chosen)
    except NoSuchExample:
        return None
    return _reduced(found, holds, fixed)


def _reduced(point: Mapping[sp.Basic, object], holds: Any, fixed: Collection[sp.Basic]) -> dict[sp.Basic, object]:
    """A point with simpler values: the search leaves equal ones as they are, of which each alone may be 0 or 1."""
    reduced = dict(point)
    for symbol, value in point.items():
        if symbol in fixed or not isinstance(value, sp.Expr):
            continue
        simpler = _SIMPLE[: _SIMPLE.index(value)] if value in _SIMPLE else _SIMPLE
        for other in simpler:
            if allows(symbol, other) and holds({**reduced, symbol: other}):
                reduced[symbol] = other
                break
    return reduced


def _values(pair: tuple[sp.Expr, sp.Expr], point: Mapping[sp.Basic, object], exact: bool) -> list[Any]:
    """Both sides at the point; None for a side without a value, and for both where a sum is reversed."""
    result: list[Any] = []
    for side in pair:
        evaluator = Evaluator(ExactField() if exact else FloatField(), GivenPoint(point))
        try:
            result.append((evaluator(side), evaluator.largest))
        except ReversedSum:
            return [None, None]
        except _NO_VALUE:
            result.append(None)
    return result


def _admitted(identity: Identity, point: Mapping[sp.Basic, object]) -> bool:
    with mpmath.workdps(_DIGITS):
        evaluator = Evaluator(FloatField(), GivenPoint(point))
        try:
            return not any(evaluator.field.vanishes(evaluator(e)) for e in identity.nonzero)
        except _NO_VALUE:
            return False


def _difference(identity: Identity, pairs: list[tuple[sp.Expr, sp.Expr]], point: Any) -> tuple[Any, Any] | None:
    """The values of the first entry whose sides differ, or None; without a value of both sides it is `NoValue`."""
    compared = False
    for pair in pairs if _admitted(identity, point) else ():
        left, right = _values(pair, point, exact=True)
        if left is not None and right is not None:
            if left[0] != right[0]:
                return sp.QQ_I.to_sympy(left[0]), sp.QQ_I.to_sympy(right[0])
            compared = True
            continue
        with mpmath.workdps(_DIGITS):
            left, right = _values(pair, point, exact=False)
            if left is None or right is None:
                continue
            compared = True
            # A difference must stand above the rounding of the largest number on the way.
            scale = max(left[1], right[1]) * mpmath.mpf(10) ** (-_DIGITS / 2)
            if abs(left[0] - right[0]) > scale:
                return mpmath.nstr(left[0], 10), mpmath.nstr(right[0], 10)
    if not compared:
        msg = "no entry has values on both sides"
        raise NoValue(msg)
    return None


def _one_sided(identity: Identity, pairs: list[tuple[sp.Expr, sp.Expr]], point: Any) -> bool:
    """Whether just one side of an entry has a value."""
    if not _admitted(identity, point):
        return False
    with mpmath.workdps(_DIGITS):
        return any((left is None) != (right is None) for left, right in (_values(p, point, exact=False) for p in pairs))


def _listed(point: Mapping[sp.Basic, object]) -> str:
    return ", ".join(f"{symbol} = {value}" for symbol, value in point.items())
