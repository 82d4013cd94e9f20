r"""Normal form of binomial coefficients and factorials with symbolic arguments, and their complete sums.

$\binom nk = n(n-1)\cdots(n-k+1)/k!$ for an integer $k \ge 0$, and 0 for $k < 0$, whatever $n$ is: so
$\binom{n+1}k = \binom nk + \binom n{k-1}$ (Pascal) holds for **every** $n$ and every integer $k$, and the
coefficients of $n + s$ become those of $n$ without any condition. Where that does not decide, a second normal form
uses the ratios $\binom{n+1}{k+1} = \frac{n+1}{k+1}\binom nk$, $\binom n{k+1} = \frac{n-k}{k+1}\binom nk$ and
$\binom{n+1}k = \frac{n+1}{n+1-k}\binom nk$, and records what it divides by. For an integer $n \ge 0$,
$\sum_{i=0}^n\binom ni r^i = (1+r)^n$, and with powers of i
$\sum_i\binom ni i^p r^i = \sum_q {p \brace q}\, n^{\underline q}\, r^q (1+r)^{n-q}$.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp
from sympy.functions.combinatorial.numbers import stirling

from carleman_ssm.formulas.laurent import ONE, Ratio, ratio_sum, rational

if TYPE_CHECKING:
    from carleman_ssm.formulas.normal_forms import Normaliser

_LONGEST = 40
"""Shifts and explicit lower arguments up to this size are written out; others stay letters."""


def combinatorial_normal_form(form: Normaliser, e: sp.Expr) -> Ratio:
    """The normal form of a binomial coefficient or a factorial."""
    if isinstance(e, sp.factorial):
        return _factorial(form, form.normal(e.args[0]))
    if not e.args[1].is_integer:
        return form.opaque(e)
    upper, lower = map(form.normal, e.args)
    if _is_count(upper):  # the symmetry holds for these alone
        lower = min(lower, form.normal(upper - lower), key=_length)
    plain = sp.binomial(upper, lower)
    if not isinstance(plain, sp.binomial):
        return form.convert(plain)
    if lower.is_Integer and lower <= _LONGEST:
        return form.convert(sp.Mul(*(upper - j for j in range(int(lower)))) / sp.factorial(lower))
    if form.hypergeometric and not form.depends(plain):
        return _by_ratios(form, upper, lower)
    shift, start = upper.as_coeff_Add()
    if start == 0 or not shift.is_Integer or not 0 < shift <= _LONGEST:
        return form.letter(plain)
    terms = [
        form.convert(sp.binomial(start, lower - j)) * Ratio(rational(sp.binomial(shift, j)))
        for j in range(int(shift) + 1)
    ]
    return ratio_sum(terms)


def _is_count(n: sp.Expr) -> bool:
    return bool(n.is_integer and n.is_nonnegative)


def _length(e: sp.Expr) -> tuple[bool, int, str]:
    return not e.is_Integer, len(str(e)), str(e)


def _by_ratios(form: Normaliser, upper: sp.Expr, lower: sp.Expr) -> Ratio:
    """The coefficient of the arguments without their whole numbers, times what leads there."""
    (s, n), (j, k) = _stripped(upper), _stripped(lower)
    both = min(s, j) if s > 0 and j > 0 else max(s, j) if s < 0 and j < 0 else 0  # both at once divide by less
    above = [upper - t for t in range(both)] + [lower + t + 1 for t in range(-both)]
    below = [lower - t for t in range(both)] + [upper + t + 1 for t in range(-both)]
    s, j, lower = s - both, j - both, lower - both
    above += [n + t for t in range(1, s + 1)] + [n - t - lower for t in range(-s)]
    below += [n + t - lower for t in range(1, s + 1)] + [n - t for t in range(-s)]
    above += [n - k - t + 1 for t in range(1, j + 1)] + [k - t for t in range(-j)]
    below += [k + t for t in range(1, j + 1)] + [n - k + t + 1 for t in range(-j)]
    plain = sp.binomial(n, k)
    if isinstance(plain, sp.binomial) and all(map(_is_count, (n, k, n - k))):
        value = form.convert(sp.factorial(n) / (sp.factorial(k) * sp.factorial(n - k)))
    else:
        value = form.letter(plain) if isinstance(plain, sp.binomial) else form.convert(plain)
    return value * _quotient(form, above, below)


def _stripped(e: sp.Expr) -> tuple[int, sp.Expr]:
    shift, start = e.as_coeff_Add()
    return (int(shift), start) if shift.is_Integer and start != 0 and abs(shift) <= _LONGEST else (0, e)


def _quotient(form: Normaliser, above: list[sp.Expr], below: list[sp.Expr]) -> Ratio:
    """Factor by factor: SymPy would cancel what may vanish, and its condition with it."""
    value = Ratio(ONE)
    for factor in above:
        value = value * form.convert(factor)
    for divisor in below:
        value = value * form.inverse(form.convert(divisor), divisor)
    return value


def _factorial(form: Normaliser, n: sp.Expr) -> Ratio:
    r"""Strip the whole number of n: $(n+1)! = (n+1)\,n!$ wherever both have a value."""
    shift, start = _stripped(n)
    plain = sp.factorial(start)
    value = form.letter(plain) if isinstance(plain, sp.factorial) else form.convert(plain)
    above = [start + t for t in range(1, shift + 1)]
    return value * _quotient(form, above, [start - t for t in range(-shift)])


def complete_count(core: list[sp.Expr], index: sp.Symbol) -> sp.Expr | None:
    r"""The n of a summand $\binom ni$, an integer that is not negative, or None for any other summand."""
    if len(core) != 1 or not isinstance(core[0], sp.binomial):
        return None
    n, lower = core[0].args
    return n if lower == index and _is_count(n) and index not in n.free_symbols else None


def complete_sum(form: Normaliser, n: sp.Expr, power: int, ratio: sp.Expr) -> Ratio:
    r"""$\sum_{i=1}^n \binom ni i^p r^i$: the binomial theorem, differentiated p times by $r\,\partial_r$."""
    whole, last = form.convert(sp.Pow(1 + ratio, n)), form.convert(ratio)
    if power == 0:
        return ratio_sum([whole, Ratio(rational(-1))])
    divide, falling, terms = form.inverse(form.convert(1 + ratio), 1 + ratio), Ratio(ONE), []
    for q in range(power + 1):
        terms.append(falling * last**q * divide**q * Ratio(rational(int(stirling(power, q)))))
        falling = falling * form.convert(n - q)
    return whole * ratio_sum(terms)
