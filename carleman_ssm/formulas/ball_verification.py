r"""Certified inequalities: $d = \text{right} - \text{left} \ge 0$ on a box, by ball arithmetic and bisection.

A piece is done where the enclosure of d, by values or by the mean value form $d(m) + \sum_i \partial_i d\,(x_i - m_i)$,
is not negative. Where both sides touch, no enclosure decides; there a derivative does: if $\partial_i d \ge 0$ on the
piece and $d \ge 0$ on its face $x_i = \min$, then $d \ge 0$ on the piece, and so on by derivatives of derivatives.
A point at which d is negative for certain refutes. Nothing is sampled: what is left over is undecided.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping
from itertools import count, product

import flint
import sympy as sp
from flint import arb

from carleman_ssm.formulas.balls import Box, Enclosure, NoEnclosure, ball_of
from carleman_ssm.formulas.bounds import Bound
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.laurent import NoNormalForm
from carleman_ssm.formulas.normal_forms import Normaliser
from carleman_ssm.formulas.verdicts import Verdict

PIECES = 2_000
"""Pieces after which a bound is left undecided; a certificate that needs more should state a smaller box."""

_BITS = 192
_NARROWEST = sp.Rational(1, 2**40)
_DEPTH = 16
"""Derivatives of derivatives, where both sides touch: at most so many."""

_SHORT = 200
"""Operations of a polynomial up to which it is factored."""

_TRIAL = 24
"""Pieces that the sign of a derivative may cost: if it needs more, the piece is halved first."""


def verify_bound(bound: Bound) -> Verdict:
    """Judge a `Bound`: certified, refuted with a rational witness, or undecided.

    Examples
    --------
    >>> x = sp.Symbol("x", real=True)
    >>> verify_bound(Bound(1 + x, sp.exp(x), {x: (-3, 3)})).evidence
    <Evidence.CERTIFIED: 'certified'>
    >>> verify_bound(Bound(1 + x + x**2 / 2, sp.exp(x), {x: (-3, 3)})).evidence
    <Evidence.REFUTED: 'refuted'>
    """
    search = _Search()
    try:
        with flint.ctx.workprec(_BITS):
            for difference, sides, box, names in _cases(bound):
                if not search.defined(sides, difference, box):
                    return Verdict(Evidence.UNDECIDED, "a side is not certain to be real and finite on the whole box")
                if not search.holds(difference, box, names):
                    return _undecided(bound, search)
    except _Refuted as found:
        return Verdict(
            Evidence.REFUTED, "ball arithmetic at a rational point", witness={**_fixed(bound), **found.witness}
        )
    except NoEnclosure as unknown:
        return Verdict(Evidence.UNDECIDED, f"no enclosure of {unknown}")
    pieces = "1 piece" if search.pieces == 1 else f"{search.pieces} pieces"
    return Verdict(Evidence.CERTIFIED, f"ball arithmetic, {pieces}")


def _undecided(bound: Bound, search: _Search) -> Verdict:
    box = " x ".join(f"[{least}, {greatest}]" for least, greatest in bound.domain.values())
    return Verdict(Evidence.UNDECIDED, f"{search.pieces} pieces of {box} did not decide: state a smaller box")


class _Refuted(Exception):
    def __init__(self, witness: Mapping[sp.Expr, sp.Expr]) -> None:
        super().__init__()
        self.witness = witness


_Sides = tuple[sp.Expr, sp.Expr]


def _cases(bound: Bound) -> Iterator[tuple[sp.Expr, _Sides, Box, Mapping[sp.Symbol, sp.Symbol]]]:
    """Differences to prove non-negative and their sides, with every symbol on one side of 0, so that |x| is x or -x.

    |a| <= b is a <= b and -a <= b. The last part names the symbols of the statement, for witnesses.
    """
    left, right = bound.left.doit(), bound.right.doit()
    lefts = (left.args[0], -left.args[0]) if isinstance(left, sp.Abs) else (left,)
    fixed = _fixed(bound)
    sides = [_halves(symbol, ends) for symbol, ends in bound.domain.items() if symbol not in fixed]
    for chosen in product(*sides):
        names = {local: symbol for symbol, local, _ in chosen}
        box = {local: ends for _, local, ends in chosen}
        renamed = fixed | {symbol: local for symbol, local, _ in chosen}
        for one in lefts:
            yield (right - one).xreplace(renamed), (one.xreplace(renamed), right.xreplace(renamed)), box, names


def _fixed(bound: Bound) -> dict[sp.Symbol, sp.Rational]:
    """Symbols whose interval is one point."""
    return {symbol: least for symbol, (least, greatest) in bound.domain.items() if least == greatest}


_Side = tuple[sp.Symbol, sp.Symbol, tuple[sp.Rational, sp.Rational]]


def _halves(symbol: sp.Symbol, ends: tuple[sp.Rational, sp.Rational]) -> list[_Side]:
    least, greatest = ends
    intervals = [(least, sp.S.Zero), (sp.S.Zero, greatest)] if least < 0 < greatest else [ends]
    return [(symbol, _local(symbol, pair), pair) for pair in intervals]


def _local(symbol: sp.Symbol, ends: tuple[sp.Rational, sp.Rational]) -> sp.Symbol:
    """A real symbol that knows on which side of 0 its interval lies."""
    if ends[0] > 0 or ends[1] < 0:
        return sp.Dummy(symbol.name, positive=bool(ends[0] > 0), real=True)
    return sp.Dummy(symbol.name, **{"nonnegative" if ends[0] == 0 else "nonpositive": True})


class _Search:
    """Bisection with a budget of pieces, and derivatives where both sides touch."""

    def __init__(self) -> None:
        self.pieces = 0
        self._derivatives: dict[tuple[sp.Expr, sp.Symbol], sp.Expr] = {}
        self._factored: dict[sp.Expr, sp.Expr] = {}
        self._form = Normaliser()

    def defined(self, sides: _Sides, d: sp.Expr, box: Box) -> bool:
        """Are the parts of the sides that cancel in d real and finite on the box? The others are where d is."""
        parts = {part for side in sides for part in sp.preorder_traversal(side) if _partial(part)}
        cancelled = sorted(parts - set(sp.preorder_traversal(d)), key=sp.default_sort_key)
        limit = min(PIECES, self.pieces + _TRIAL * len(cancelled))
        queue = [(part, box) for part in cancelled]
        while queue:
            part, piece = queue.pop()
            if Enclosure(piece)(part).is_finite():
                continue
            self.pieces += 1
            if self.pieces > limit or not any(least < greatest for least, greatest in piece.values()):
                return False
            queue += [(part, half) for half in _bisected(piece)]
        return True

    def holds(
        self,
        d: sp.Expr,
        box: Box,
        names: Mapping[sp.Symbol, sp.Symbol] | None = None,
        depth: int = 0,
        budget: int = PIECES,
    ) -> bool:
        """Is d >= 0 on the box? False if that stays open. With `names` a point of the contrary is raised."""
        number = count()
        queue = [(0.0, next(number), box)]
        limit = min(PIECES, self.pieces + budget)
        while queue:
            _, _, piece = heapq.heappop(queue)
            if self.pieces >= limit:
                return False
            self.pieces += 1
            lower = self._lower(d, piece)
            if lower >= 0:
                continue
            if self._negative_within(d, piece, names):
                return False
            if depth < _DEPTH and Enclosure(piece)(d).is_finite() and self._touches(d, piece, depth):
                continue
            if not any(greatest - least > _NARROWEST for least, greatest in piece.values()):
                return False
            for half in _bisected(piece):
                heapq.heappush(queue, (float(lower) if lower.is_finite() else -math.inf, next(number), half))
        return True

    def _lower(self, d: sp.Expr, piece: Box) -> arb:
        """A lower bound of d on the piece: by values, in factors, or by the mean value form."""
        if not piece:
            return self._constant(d)
        over = Enclosure(piece)
        forms = dict.fromkeys((d, self._factors(d)))
        lower = max((over(form).lower() for form in forms), key=_finite_first)
        if lower >= 0 or (lower.is_finite() and any(over.sign(form) > 0 for form in forms)):
            return abs(lower)
        if not over(d).is_finite():  # undefined somewhere on the piece, so the mean value theorem does not hold
            return lower
        try:
            value = Enclosure(_middle(piece))(d)
            for symbol, (least, greatest) in piece.items():
                reach = ball_of((greatest - least) / 2).abs_upper()
                value += over(self._derivative(d, symbol)) * arb(0, reach)
        except NoEnclosure:
            return lower
        return max(lower, value.lower(), key=_finite_first)

    def _constant(self, d: sp.Expr) -> arb:
        """A lower bound of a number, which is 0 itself where the normal form says so."""
        value = Enclosure({})(d)
        if not value.contains(arb(0)):
            return value.lower()
        try:
            exact = self._form.reduce(self._form.convert(d).numerator).is_zero
        except (NoNormalForm, RecursionError):
            exact = False
        return arb(0) if exact else value.lower()

    def _derivative(self, d: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
        key = d, symbol
        if key not in self._derivatives:
            self._derivatives[key] = sp.factor_terms(sp.expand_mul(d.diff(symbol)))
        return self._derivatives[key]

    def _factors(self, d: sp.Expr) -> sp.Expr:
        """Polynomials in factors: squares are not negative."""
        if d not in self._factored:
            short = (
                d.is_Add
                and d.count_ops() < _SHORT
                and d.is_polynomial()
                and not d.atoms(sp.Pow, sp.Float) - {power for power in d.atoms(sp.Pow) if power.base.is_Symbol}
            )
            self._factored[d] = sp.factor(d) if short else d
        return self._factored[d]

    def _negative_within(self, d: sp.Expr, piece: Box, names: Mapping[sp.Symbol, sp.Symbol] | None) -> bool:
        """Is d negative for certain at the middle or at a corner? With `names` the point is raised as a witness."""
        for point in (_middle(piece), *_corners(piece)):
            if not Enclosure(point)(d) < 0:
                continue
            if names is None:
                return True
            witness = {names[symbol]: ends[0] for symbol, ends in point.items()}
            if all(map(_admits, witness, witness.values())):
                raise _Refuted(witness)
        return False

    def _touches(self, d: sp.Expr, piece: Box, depth: int) -> bool:
        """From a corner where d may be 0: does it rise along an edge, from a face on which it is not negative?"""
        for corner in _corners(piece):
            if not Enclosure(corner)(d).contains(arb(0)):
                continue
            for symbol, (end, _) in corner.items():
                rise = self._derivative(d, symbol) * (1 if end == piece[symbol][0] else -1)
                on_face = d.xreplace({symbol: end})
                face = {other: ends for other, ends in piece.items() if other != symbol}
                if not on_face.has(sp.nan, sp.zoo, sp.oo) and self._rises(rise, piece, on_face, face, depth + 1):
                    return True
        return False

    def _rises(self, rise: sp.Expr, piece: Box, on_face: sp.Expr, face: Box, depth: int) -> bool:
        try:
            if not Enclosure(_middle(piece))(rise) > 0:
                return False
            return self.holds(rise, piece, depth=depth, budget=_TRIAL) and self.holds(
                on_face, face, depth=depth, budget=_TRIAL
            )
        except NoEnclosure:  # the derivative of a step, say
            return False


def _partial(e: sp.Expr) -> bool:
    """What may have no real finite value: roots and quotients, functions, numbers such as i."""
    return (e.is_Pow and not (e.exp.is_Integer and e.exp > 0)) or e.is_Function or (e.is_Atom and e.is_real is not True)


def _middle(piece: Box) -> Box:
    return {symbol: ((least + greatest) / 2,) * 2 for symbol, (least, greatest) in piece.items()}


def _corners(piece: Box) -> list[Box]:
    return [{symbol: (end, end) for symbol, end in zip(piece, ends, strict=True)} for ends in product(*piece.values())]


def _bisected(piece: Box) -> tuple[Box, Box]:
    """Both halves across the widest side."""
    widest = max(piece, key=lambda symbol: piece[symbol][1] - piece[symbol][0])
    least, greatest = piece[widest]
    middle = (least + greatest) / 2
    return {**piece, widest: (least, middle)}, {**piece, widest: (middle, greatest)}


def _finite_first(lower: arb) -> tuple[bool, float]:
    return (True, float(lower)) if lower.is_finite() else (False, 0.0)


def _admits(symbol: sp.Symbol, value: sp.Rational) -> bool:
    """Can the symbol take this value, by its assumptions?"""
    return all(getattr(value, f"is_{name}") in (truth, None) for name, truth in symbol.assumptions0.items())
