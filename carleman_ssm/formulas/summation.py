r"""Normal form of finite sums with symbolic limits.

$\sum_{j=a}^{b} f(j) = P(b) - P(a-1)$ with the prefix sum $P(x) = \sum_{i=1}^{x} f(i)$, in Karr's convention,
which is SymPy's: $P(x+1) = P(x) + f(x+1)$ for **all** integers, so an empty sum is 0 and a reversed one
negative. The summand is expanded and what is free of the index leaves the sum. Powers of the index and
geometric factors have closed prefix sums, and complete sums of binomial coefficients as well. Any other $P$
becomes a letter $P(x)$ whose index is shifted so that one of its arguments is the index itself, and integer
shifts of $x$ are peeled off. For a complete inductive step this is a proof; it invents no relation, so it
never proves a falsehood.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import comb
from typing import TYPE_CHECKING

import sympy as sp
from sympy.concrete.expr_with_limits import ExprWithLimits

from carleman_ssm.formulas.binomials import complete_count, complete_sum
from carleman_ssm.formulas.laurent import ONE, NoNormalForm, Polynomial, Ratio, factor, ratio_sum, rational

if TYPE_CHECKING:
    from carleman_ssm.formulas.normal_forms import Normaliser

_MAX_EXPLICIT = 500


def sum_normal_form(form: Normaliser, expression: sp.Sum) -> Ratio:
    """The normal form of a sum, innermost limit first."""
    summand = expression.function
    for limit in expression.limits[:-1]:
        summand = sp.Sum(summand, limit)
    index, *bounds = expression.limits[-1]
    if len(bounds) != 2 or any(bound.has(sp.oo, -sp.oo) for bound in bounds):
        return form.closed_letter(expression)
    lower, upper = (sp.expand(bound) for bound in bounds)
    labels = {symbol for use in summand.atoms(sp.Indexed) for symbol in use.base.free_symbols}
    if index in labels or not (lower.is_integer and upper.is_integer):
        return form.closed_letter(expression)
    if lower.is_Integer and upper.is_Integer:
        return _written_out(form, summand, index, int(lower), int(upper))
    fresh = index_at_height(height(summand) + 1)
    form.indices.add(fresh)
    inner = form.convert(summand.xreplace({index: fresh}))
    if any(fresh in form.alphabet.to_expr(f).free_symbols for f in inner.denominator):
        return form.closed_letter(expression)
    numerator = form.reduce(inner.numerator)
    parts = [
        _sum_term(form, Polynomial({packed: c}, numerator.span), fresh, lower, upper)
        for packed, c in numerator.terms.items()
    ]
    return ratio_sum(parts) * Ratio(ONE, inner.denominator)


def height(expression: sp.Basic) -> int:
    """How deep sums are nested; SymPy flattens nested sums into one with several limits."""
    inside = max(map(height, expression.args), default=0) if expression.has(sp.Sum) else 0
    return inside + (len(expression.limits) if isinstance(expression, sp.Sum) else 0)


def index_at_height(level: int) -> sp.Symbol:
    """The canonical index of a sum that is nested `level` deep; no user's symbol equals it."""
    return sp.Dummy(f"i_{level}", integer=True, dummy_index=-level)


def _written_out(form: Normaliser, summand: sp.Expr, index: sp.Symbol, lower: int, upper: int) -> Ratio:
    if upper < lower - 1:
        return -_written_out(form, summand, index, upper + 1, lower - 1)
    if upper - lower > _MAX_EXPLICIT:
        msg = f"a sum of {upper - lower + 1} terms is too large to write out"
        raise NoNormalForm(msg)
    return ratio_sum([form.convert(_at(summand, index, sp.Integer(t))) for t in range(lower, upper + 1)])


def _at(expression: sp.Expr, index: sp.Symbol, value: sp.Expr) -> sp.Expr:
    binds = expression.has(ExprWithLimits, sp.Subs, sp.Lambda, sp.Derivative, sp.CRootOf)
    try:
        return expression.subs(index, value) if binds else expression.xreplace({index: value})
    except (ValueError, TypeError, sp.PolynomialError) as error:
        msg = f"{index} = {value} cannot be put into {expression}"
        raise NoNormalForm(msg) from error


def _sum_term(form: Normaliser, term: Polynomial, index: sp.Symbol, lower: sp.Expr, upper: sp.Expr) -> Ratio:
    """Sum of one monomial from `lower` to `upper`."""
    outside, power, ratio, core = _split(form, term, index)
    zero_power = next((f for f in core if f.is_Pow and f.base == 0), None)
    if zero_power is not None:
        return _sum_with_zero_power(form, term, index, (lower, upper), zero_power.exp)
    if core or (ratio and not form.closing):
        return outside * _sum_core(form, term, index, lower, upper)
    prefix = _geometric if ratio else _powers
    difference = prefix(form, power, ratio, upper) - prefix(form, power, ratio, lower - 1)
    return outside * difference


def _sum_with_zero_power(
    form: Normaliser, term: Polynomial, index: sp.Symbol, bounds: tuple[sp.Expr, sp.Expr], exponent: sp.Expr
) -> Ratio:
    r"""$\sum_{j=1}^k 0^{k-j} f(j) = f(k)$ for $k \ge 1$, and the mirror image; any other range is a letter.

    A prefix sum would reach beyond the range, where powers of zero have no value.
    """
    lower, upper = bounds
    slope = exponent.coeff(index, 1)
    end = {-1: upper, 1: lower}.get(slope)
    if end is not None and (upper - lower).is_nonnegative and sp.expand(exponent - slope * (index - end)) == 0:
        return form.convert(_at(form.alphabet.to_expr(term), index, end))
    outside = _split(form, term, index)[0]
    return outside * form.closed_letter(sp.Sum(_part(form, term, index), (index, lower, upper)))


def _part(form: Normaliser, term: Polynomial, index: sp.Symbol) -> sp.Expr:
    """The factors of a monomial that hold the index."""
    [(packed, _)] = term.terms.items()
    factors = (factor(letter) for letter in form.alphabet.decode(packed))
    return sp.Mul(*(f for f in factors if index in f.free_symbols))


def _split(
    form: Normaliser,
    term: Polynomial,
    index: sp.Symbol,
) -> tuple[Ratio, int, list[tuple[sp.Expr, sp.Expr]], list[sp.Expr]]:
    """Factors free of the index, power of the index, geometric factors (base, rate), everything else."""
    [(packed, c)] = term.terms.items()
    outside, power, geometric, core = Polynomial({0: c}), 0, [], []
    for base, monomial, exponent in form.alphabet.decode(packed):
        rate = monomial / index * sp.Rational(exponent.numerator, exponent.denominator)
        if index not in base.free_symbols | monomial.free_symbols:
            outside = outside * form.alphabet.power(base, monomial, exponent)
        elif base == index and monomial == 1 and exponent >= 0 and exponent.denominator == 1:
            power = int(exponent)
        elif index not in base.free_symbols | rate.free_symbols:
            geometric.append((base, rate))
        else:
            core.append(factor((base, monomial, exponent)))
    return Ratio(outside), power, geometric, core


def _powers(form: Normaliser, power: int, _: object, x: sp.Expr) -> Ratio:
    r"""$\sum_{j=1}^x j^p$ by telescoping $(j+1)^{p+1} - j^{p+1}$."""
    successor = form.convert(x) + Ratio(ONE)
    sums: list[Ratio] = []
    for p in range(power + 1):
        rest = [sums[q] * _number(-comb(p + 1, q)) for q in range(p)]
        sums.append(ratio_sum([successor ** (p + 1), _number(-1), *rest]) * _number(Fraction(1, p + 1)))
    return sums[power]


def _geometric(form: Normaliser, power: int, rates: list[tuple[sp.Expr, sp.Expr]], x: sp.Expr) -> Ratio:
    r"""$\sum_{j=1}^x j^p r^j$ by telescoping $(j+1)^p r^{j+1} - j^p r^j$; induces $r \ne 1$."""
    ratio = form.convert(sp.Mul(*(sp.Pow(base, rate) for base, rate in rates)))
    if form.reduce((ratio - Ratio(ONE)).numerator).is_zero:
        return _powers(form, power, None, x)
    last = form.convert(sp.Mul(*(sp.Pow(base, sp.expand(rate * (x + 1))) for base, rate in rates)))
    divide, successor = form.inverse(ratio - Ratio(ONE)), form.convert(x) + Ratio(ONE)
    sums: list[Ratio] = []
    for p in range(power + 1):
        rest = [ratio * sums[q] * _number(-comb(p, q)) for q in range(p)]
        sums.append(ratio_sum([successor**p * last, -ratio, *rest]) * divide)
    return sums[power]


def _number(value: int | Fraction) -> Ratio:
    return Ratio(rational(value))


def _sum_core(form: Normaliser, term: Polynomial, index: sp.Symbol, lower: sp.Expr, upper: sp.Expr) -> Ratio:
    """Sum of the part of a monomial that depends on the index, shifted to its canonical index."""
    part = _part(form, term, index)
    core = sp.Mul(*_split(form, term, index)[3])
    sign, offset = min(_anchors(core, index), key=lambda shift: str(_shifted(core, index, *shift)))
    moved = form.convert(_shifted(part, index, sign, offset))
    first, last = (lower + offset, upper + offset) if sign > 0 else (offset - upper, offset - lower)
    numerator = form.reduce(moved.numerator)
    parts = [
        _prefix_difference(form, Polynomial({p: c}, numerator.span), index, first, last)
        for p, c in numerator.terms.items()
    ]
    return ratio_sum(parts) * Ratio(ONE, moved.denominator)


def _anchors(core: sp.Expr, index: sp.Symbol) -> list[tuple[int, sp.Expr]]:
    """The (sign, offset) of every argument ``sign*index + offset`` in the core, or the index as it is."""
    found: dict[tuple[int, sp.Expr], None] = {}
    for argument in _arguments(core):
        for sign in (1, -1):
            offset = sp.expand(argument - sign * index)
            if offset.is_integer and offset.free_symbols <= core.free_symbols - {index}:
                found[sign, offset] = None
    return list(found) or [(1, sp.S.Zero)]


def _arguments(core: sp.Expr) -> Iterator[sp.Expr]:
    for node in sp.preorder_traversal(core):
        if isinstance(node, sp.Indexed):
            yield from node.indices
        elif isinstance(node, sp.Sum):
            yield from (bound for limit in node.limits for bound in limit[1:])
        elif isinstance(node, sp.Function):
            yield from (argument for argument in node.args if isinstance(argument, sp.Expr))


def _shifted(expression: sp.Expr, index: sp.Symbol, sign: int, offset: sp.Expr) -> sp.Expr:
    """The expression with ``index = sign*(new index - offset)``, the new index written as the old one."""
    return expression.xreplace({index: sp.expand(sign * (index - offset))})


def _prefix_difference(form: Normaliser, term: Polynomial, index: sp.Symbol, first: sp.Expr, last: sp.Expr) -> Ratio:
    outside, power, rates, core = _split(form, term, index)
    part, count = _part(form, term, index), complete_count(core, index)
    if count is None:
        return outside * (_prefix(form, part, index, last) - _prefix(form, part, index, first - 1))
    ratio = sp.Mul(*(sp.Pow(base, rate) for base, rate in rates))
    ends = [_prefix(form, part, index, x, (count, power, ratio)) for x in (last, first - 1)]
    return outside * (ends[0] - ends[1])


def _prefix(
    form: Normaliser, part: sp.Expr, index: sp.Symbol, x: sp.Expr, known: tuple[sp.Expr, int, sp.Expr] | None = None
) -> Ratio:
    """The prefix sum P(x): a letter for the symbolic part of x, integer shifts peeled off term by term.

    With binomial coefficients of n the value P(n) is known: where x differs from n by an integer, it is the letter.
    """
    shift, start = form.normal(x).as_coeff_Add()
    if not shift.is_Integer:
        shift, start = sp.S.Zero, shift + start
    near = known is not None and sp.expand(start - known[0]).is_Integer
    if known and near:
        shift, start = sp.expand(shift + start - known[0]), known[0]
    fresh = index_at_height(height(part) + 1)
    summand = part.xreplace({index: fresh})
    peeled = sp.Dummy("t", integer=True)
    steps = _written_out(form, summand.xreplace({fresh: start + peeled}), peeled, 1, int(shift))
    if start == 0:
        return steps
    return (complete_sum(form, *known) if known and near else form.letter(sp.Sum(summand, (fresh, 1, start)))) + steps
