r"""`verify`: is a statement proved, supported by numbers, refuted, or undecided?

The ladder: structural equality, then the normal form with exponentials and symbolic powers as letters
(`normal_forms`), then exact Gaussian rational points, then mpmath at d and 2d digits. Only the first two
prove; the last two can refute, with the point as witness. Agreement of numbers is never called a proof.
Inequalities are certified by ball arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import mpmath
import sympy as sp
from sympy.concrete.expr_with_limits import ExprWithLimits

from carleman_ssm.formulas.ball_verification import verify_bound
from carleman_ssm.formulas.bounds import Bound, Statement
from carleman_ssm.formulas.conditions import own_divisors, remaining
from carleman_ssm.formulas.evaluation import Evaluator, ExactField, FloatField, NoValue, Point
from carleman_ssm.formulas.evidence import Evidence as Evidence
from carleman_ssm.formulas.laurent import NoNormalForm
from carleman_ssm.formulas.matrices import carried_out, entry_pairs, explicit, has_entries
from carleman_ssm.formulas.normal_forms import NEVER, Normaliser
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verdicts import Verdict as Verdict

_Pair = tuple[sp.Expr, sp.Expr]


def verify(identity: Statement, *, digits: int = 30, samples: int = 8) -> Verdict:
    r"""Judge an `Identity`, entry by entry for matrices, or a `Bound` by ball arithmetic (`ball_verification`).

    Sums follow Karr's convention (SymPy's): $\sum_{j=a}^{b}$ is additive in $b$ for all integers. Complex
    symbols are complex: $\bar\lambda$ is independent of $\lambda$.

    Parameters
    ----------
    identity
        The statement, an `Identity` or a `Bound`. Where an entry of ``identity.nonzero`` vanishes it claims nothing.
    digits
        d for the numeric rung, which works at d and 2d digits.
    samples
        Number of points on each of the two rungs that use points.

    Returns
    -------
    Verdict

    Raises
    ------
    TypeError, ValueError
        Neither an `Identity` nor a `Bound`; fewer than 1 sample or 5 digits.

    Examples
    --------
    >>> lam, mu = sp.symbols("lambda mu")
    >>> k = sp.Symbol("k", integer=True, nonnegative=True)
    >>> m = sp.Symbol("m", integer=True)
    >>> powers = sp.Sum(lam**m, (m, 0, k - 1))
    >>> verify(Identity(powers * (lam - 1), lam**k - 1)).evidence
    <Evidence.PROVED: 'proved'>
    >>> verify(Identity(powers * (lam - 1), lam ** (k + 1) - 1)).evidence
    <Evidence.REFUTED: 'refuted'>
    >>> x = sp.Symbol("x", real=True)
    >>> verify(Bound(1 + x, sp.exp(x), {x: (-3, 3)})).evidence
    <Evidence.CERTIFIED: 'certified'>
    """
    if isinstance(identity, Bound):
        return verify_bound(identity)
    given: object = identity
    if not isinstance(given, Identity):
        msg = f"verify takes an Identity or a Bound, got {type(identity).__name__}: write Identity(left, right)"
        raise TypeError(msg)
    if samples < 1 or digits < 5:
        msg = f"verify needs at least 1 sample and 5 digits, got samples={samples}, digits={digits}"
        raise ValueError(msg)
    pairs = entry_pairs(identity.left, identity.right)
    if pairs is None:
        return _structural_only(identity)
    if any(_undefined(side) for pair in pairs for side in pair):
        return Verdict(Evidence.UNDECIDED, "an entry is infinite or not a number")
    return _climb(identity, pairs, digits, samples)


def _cancelled_divisors(identity: Identity) -> list[sp.Expr]:
    """Divisors that are gone once inverses and derivatives are carried out, so that nobody sees them."""
    found: list[sp.Expr] = []
    for side in (identity.left, identity.right):
        found += own_divisors([carried_out(derivative) for derivative in side.atoms(sp.Derivative)])
        for inverse in side.atoms(sp.Inverse):
            found.append(explicit(inverse.arg).det() if has_entries(inverse) else sp.Determinant(inverse.arg))
    return [divisor for divisor in found if not divisor.is_number]


def _undefined(expression: sp.Expr) -> bool:
    return bool(expression.has(sp.nan, sp.zoo, sp.AccumBounds, sp.Order)) or _infinite(expression)


def _infinite(expression: sp.Basic) -> bool:
    """True if an infinity stands anywhere but in the limits of a sum."""
    if isinstance(expression, ExprWithLimits):
        return _infinite(expression.function)
    return expression in (sp.oo, -sp.oo) or any(map(_infinite, expression.args))


def _structural_only(identity: Identity) -> Verdict:
    left, right = identity.left, identity.right
    if left == right or left.doit() == right.doit():
        conditions = dict.fromkeys([*identity.nonzero, *_cancelled_divisors(identity)])
        return Verdict(Evidence.PROVED, "structural equality", nonzero=tuple(conditions))
    return Verdict(Evidence.UNDECIDED, "matrices of symbolic shape are compared by structure only")


def _climb(identity: Identity, pairs: list[_Pair], digits: int, samples: int) -> Verdict:
    open_pairs = [pair for pair in pairs if pair[0] != pair[1]]
    flat = [side for pair in pairs for side in pair]
    assumed = dict.fromkeys([*identity.nonzero, *own_divisors(flat), *_cancelled_divisors(identity)])
    if not open_pairs:
        return Verdict(Evidence.PROVED, "structural equality", nonzero=tuple(assumed))
    for form in _normal_forms(flat):
        left_open = [pair for pair in open_pairs if not _equal_in_normal_form(form, *pair)]
        if not left_open:
            conditions = _conditions(form, open_pairs, flat, assumed, identity.nonzero)
            return Verdict(Evidence.PROVED, "normal form", nonzero=(*identity.nonzero, *conditions))
    free = identity.left.free_symbols | identity.right.free_symbols  # a divisor under a sum may hold its index
    stated = [divisor for divisor in assumed if divisor in identity.nonzero or divisor.free_symbols <= free]
    return _by_points(replace(identity, nonzero=tuple(stated)), left_open, digits, samples)


def _conditions(
    form: Normaliser, pairs: list[_Pair], flat: list[sp.Expr], assumed: Iterable[sp.Expr], known: tuple[sp.Expr, ...]
) -> list[sp.Expr]:
    """What a proof assumes: of two proofs, with geometric sums closed and term by term, the one that divides less."""
    scaffolding = _scaffolding(form, pairs, flat, assumed)
    if scaffolding and any(side.has(sp.Sum) for side in flat):
        plain = Normaliser(hypergeometric=form.hypergeometric, closing=False)
        if all(_equal_in_normal_form(plain, *pair) for pair in pairs):
            scaffolding = min(scaffolding, _scaffolding(plain, pairs, flat, assumed), key=len)
    return _distinct(form, [*assumed, *scaffolding], known)


def _scaffolding(
    form: Normaliser, pairs: list[_Pair], flat: list[sp.Expr], assumed: Iterable[sp.Expr]
) -> list[sp.Expr]:
    """The divisors that are conditions of the proof: neither continuity removes them nor a common factor."""
    left = remaining(_distinct(form, form.induced, assumed), flat)
    return [divisor for divisor in left if not all(_both_vanish(form, divisor, pair) for pair in pairs)]


def _both_vanish(form: Normaliser, divisor: sp.Expr, pair: _Pair) -> bool:
    """Both sides are 0 where the divisor is, because it divides them: (r - 1) f = (r - 1) g holds at r = 1."""
    key = form.vanishing(divisor)
    if not isinstance(key, tuple) or key == NEVER or key[0]:  # of symbolic powers, x and x**k, one may vanish alone
        return False
    return all(not side or any(form.vanishing(f) == key for f in sp.Mul.make_args(side)) for side in pair)


def _normal_forms(expressions: list[sp.Expr]) -> list[Normaliser]:
    """Binomial coefficients first by Pascal's rule, which needs no conditions, then by their ratios."""
    combinatorial = any(e.has(sp.binomial, sp.factorial) for e in expressions)
    return [Normaliser(), Normaliser(hypergeometric=True)] if combinatorial else [Normaliser()]


def _distinct(form: Normaliser, divisors: Iterable[sp.Expr], known: Iterable[sp.Expr]) -> list[sp.Expr]:
    """The divisors without those that vanish nowhere, or only together with a known or an earlier one."""
    seen = {NEVER, *map(form.vanishing, known)}
    kept = []
    for divisor in divisors:
        key = form.vanishing(divisor)
        if key not in seen:
            seen.add(key)
            kept.append(divisor)
    return kept


def _equal_in_normal_form(form: Normaliser, left: sp.Expr, right: sp.Expr) -> bool:
    try:
        difference = form.convert(left) - form.convert(right)
        return form.reduce(difference.numerator).is_zero
    except (NoNormalForm, RecursionError):
        return False


def _by_points(identity: Identity, pairs: list[_Pair], digits: int, samples: int) -> Verdict:
    """Exact points first (they refute for certain), then d and 2d digits."""
    for seed in range(2 * samples):
        verdict = _exact_point(identity, pairs, Point(seed))
        if verdict is not None:
            return verdict
    agreed = dict.fromkeys(range(len(pairs)), 0)
    for seed in range(2 * samples):
        for number, pair in enumerate(pairs):
            found = _float_point(identity, pair, Point(seed), digits)
            if isinstance(found, Verdict):
                return found
            agreed[number] += found
    if all(count >= samples for count in agreed.values()):
        return Verdict(
            Evidence.SUPPORTED,
            f"{samples} points at {digits} and {2 * digits} digits",
            digits=digits,
            nonzero=identity.nonzero,
        )
    return Verdict(Evidence.UNDECIDED, "no normal form, and too few points with a clear answer")


def _exact_point(identity: Identity, pairs: list[_Pair], point: Point) -> Verdict | None:
    evaluator = Evaluator(ExactField(), point)
    for left, right in pairs:
        difference = _value(lambda left=left, right=right: evaluator(left) - evaluator(right))  # type: ignore[misc]
        if difference and _admitted(identity, evaluator):
            return Verdict(Evidence.REFUTED, "exact rational point", witness=point.values, nonzero=identity.nonzero)
    return None


def _admitted(identity: Identity, evaluator: Evaluator) -> bool:
    """True if no expression that the statement excludes vanishes at the point."""
    values = [_value(lambda e=e: evaluator(e)) for e in identity.nonzero]  # type: ignore[misc]
    return all(value is not None and not evaluator.field.vanishes(value) for value in values)


def _value(compute: Callable[[], Any]) -> Any | None:
    try:
        return compute()
    except (NoValue, ZeroDivisionError, OverflowError):
        return None


def _float_point(identity: Identity, pair: _Pair, point: Point, digits: int) -> Verdict | int:
    """1 for agreement, 0 for no clear answer, a verdict for a refutation."""
    measured: list[Any] = []
    clear: list[bool] = []
    for working in (digits, 2 * digits):
        with mpmath.workdps(working + 10):
            evaluator = Evaluator(FloatField(), point)
            sides = _value(lambda evaluator=evaluator: tuple(map(evaluator, pair)))  # type: ignore[misc]
            if sides is None or not _admitted(identity, evaluator):
                return 0
            measured.append(abs(sides[0] - sides[1]) / max(abs(sides[0]), abs(sides[1]), 1))
            # A difference must stand above the rounding of the largest number on the way, or it refutes nothing.
            clear.append(abs(sides[0] - sides[1]) > evaluator.largest * mpmath.mpf(10) ** (-working / 2))
    coarse, fine = measured
    if coarse < mpmath.mpf(10) ** -digits and fine < mpmath.mpf(10) ** (-2 * digits):
        return 1
    if all(clear) and fine > mpmath.mpf(10) ** (-digits / 2) and abs(coarse - fine) < fine / 2:
        return Verdict(
            Evidence.REFUTED,
            f"{digits} and {2 * digits} digits agree on a difference",
            witness=point.values,
            nonzero=identity.nonzero,
        )
    return 0
