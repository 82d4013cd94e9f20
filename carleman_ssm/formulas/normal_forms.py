r"""The normal form behind `verify`: rational functions in independent letters.

Letters are symbols, $\bar\lambda$ beside $\lambda$, exponentials $e^m$, symbolic powers $\lambda^k$,
prefix sums and opaque functions; $\varphi_k$ is written with exponentials, and $e^{i\pi x}$ as $(-1)^x$, so
that roots of unity are powers of one letter (`cyclotomic`). Two expressions with one normal form are equal
wherever both are defined and no recorded condition vanishes: letters only forget relations, they never
invent one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from fractions import Fraction
from math import factorial, floor

import sympy as sp

from carleman_ssm.formulas import summation
from carleman_ssm.formulas.binomials import combinatorial_normal_form
from carleman_ssm.formulas.cyclotomic import reduce_roots
from carleman_ssm.formulas.laurent import (
    ONE,
    ZERO,
    Alphabet,
    NoNormalForm,
    Polynomial,
    Ratio,
    ratio_sum,
    rational,
    total,
)
from carleman_ssm.formulas.relations import half_turns, has_relation, monomial_factors, relation
from carleman_ssm.formulas.special import phi

_EXPONENTIAL = (sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc, sp.sinh, sp.cosh, sp.tanh, sp.coth)
_SPLIT = 10_000
"""Integers are split into primes up to this bound: letters below it are prime, their radicals independent."""
NEVER: Hashable = (frozenset(), ONE)
_UNDEFINED = (sp.nan, sp.zoo, sp.oo, -sp.oo)


class Normaliser:
    """Converts expressions to `Ratio`; remembers letters, results and the conditions it used.

    Attributes
    ----------
    induced
        What the normal form divided by (φ_k unfolded, λ**k split, geometric sums, divisors of the
        expression itself); it proves equality where none of these vanishes.
    hypergeometric
        Binomial coefficients outside sums by their ratios, with conditions, instead of Pascal's rule, with none.
    closing
        Geometric sums in closed form, with conditions; else they are letters, with none.
    """

    def __init__(self, *, hypergeometric: bool = False, closing: bool = True) -> None:
        self.hypergeometric, self.closing = hypergeometric, closing
        self.alphabet = Alphabet()
        self.induced: dict[sp.Expr, None] = {}
        self.indices: set[sp.Symbol] = set()
        self._known: dict[sp.Expr, Ratio] = {}
        self._values: dict[sp.Expr, Polynomial] = {}  # what a root letter's base stands for

    def convert(self, expression: sp.Expr) -> Ratio:
        """Normal form of a commutative scalar expression.

        Raises
        ------
        NoNormalForm
            Floats, infinities, noncommuting symbols, or a result that is too large.
        """
        if expression not in self._known:
            self._known[expression] = self._convert(expression)
        return self._known[expression]

    def normal(self, expression: sp.Expr) -> sp.Expr:
        """The normal form written as an expression again: equal arguments become identical."""
        ratio = self.convert(expression)
        numerator = self.alphabet.to_expr(self.reduce(ratio.numerator))
        return numerator / sp.Mul(*(self.alphabet.to_expr(f) ** n for f, n in ratio.denominator.items()))

    def letter(self, expression: sp.Expr) -> Ratio:
        """An opaque quantity."""
        return Ratio(self.alphabet.power(expression))

    def depends(self, expression: sp.Expr) -> bool:
        """True if a summation index that is being worked on occurs."""
        return bool(self.indices) and not self.indices.isdisjoint(expression.free_symbols)

    def vanishing(self, divisor: sp.Expr) -> Hashable:
        """What decides where the divisor vanishes: equal for divisors that vanish together, `NEVER` for none.

        The numerator without its monomial factor, and the letters of that factor that may vanish themselves.
        """
        try:
            numerator = self.reduce(self.convert(divisor).numerator)
        except NoNormalForm:
            return str(divisor)
        if numerator.is_zero:
            return str(divisor)
        content, rest = self.alphabet.content(numerator)
        letters = {letter[:2] for packed in rest.terms for letter in self.alphabet.decode(packed)}
        if all(m == 1 and (base == -1 or (base.is_Integer and sp.isprime(base))) for base, m in letters):
            rest = ONE  # a sum of roots of unity and radicals of primes, in normal form, is zero or not
        return frozenset(base for base, _, e in content if e > 0 and base is not sp.E and not base.is_Rational), rest

    def _convert(self, e: sp.Expr) -> Ratio:
        if e.is_Rational:
            return Ratio(rational(e))
        if e in _UNDEFINED or e.is_Float or not e.is_commutative:
            msg = f"{e} is no exact finite commuting quantity"
            raise NoNormalForm(msg)
        if e.is_Symbol:
            return self.letter(e)
        if e.is_Add:
            return ratio_sum(map(self.convert, e.args))
        if e.is_Mul:
            return self._product(e.args)
        if e.is_Pow or isinstance(e, sp.exp):
            return self._power(*e.as_base_exp()) if isinstance(e, sp.exp) else self._power(e.base, e.exp)
        return self._function(e)

    def _product(self, factors: Iterable[sp.Expr]) -> Ratio:
        value = Ratio(ONE)
        for factor in factors:
            value = value * self.convert(factor)
        return value

    def _function(self, e: sp.Expr) -> Ratio:
        if e is sp.I:
            return Ratio(self.alphabet.power(sp.S.NegativeOne, sp.S.One, Fraction(1, 2)))
        if isinstance(e, phi):
            return self._phi(e)
        if isinstance(e, sp.Sum):
            return summation.sum_normal_form(self, e)
        if isinstance(e, _EXPONENTIAL):
            return self.convert(e.rewrite(sp.exp))
        if isinstance(e, sp.Indexed):
            return self.letter(e.base[tuple(self.normal(i) for i in e.indices)])
        if isinstance(e, sp.conjugate | sp.re | sp.im | sp.Abs):
            return self._conjugation(e, e.args[0])
        if isinstance(e, sp.binomial | sp.factorial):
            return combinatorial_normal_form(self, e)
        if isinstance(e, sp.Function) and e.args and all(isinstance(a, sp.Expr) for a in e.args):
            return self.opaque(e)
        if e.has(*_UNDEFINED) and not isinstance(e, sp.Sum):
            msg = f"{e} is not finite"
            raise NoNormalForm(msg)
        return self.closed_letter(e)

    def closed_letter(self, e: sp.Expr) -> Ratio:
        """A letter whose own bound variables cannot capture what is put in for a summation index."""
        if self.depends(e) and any(getattr(node, "bound_symbols", ()) for node in sp.preorder_traversal(e)):
            msg = f"{e} binds variables under a sum"
            raise NoNormalForm(msg)
        return self.letter(e)

    def opaque(self, e: sp.Expr) -> Ratio:
        """A function that is known by its arguments alone."""
        plain = e.func(*(self.normal(argument) for argument in e.args))
        return self.letter(plain) if plain.func == e.func else self.convert(plain)

    def _phi(self, e: sp.Expr) -> Ratio:
        if self.depends(e):  # the argument may vanish inside the range of summation
            return self.letter(phi(e.args[0], self.normal(e.args[1])))
        order, argument = int(e.args[0]), self.convert(e.args[1])
        head = ratio_sum([argument**j * Ratio(rational(Fraction(1, factorial(j)))) for j in range(order)])
        return (self._power(sp.E, e.args[1]) - head) * self.inverse(argument, e.args[1]) ** order

    def _conjugation(self, e: sp.Expr, z: sp.Expr) -> Ratio:
        if isinstance(e, sp.re | sp.im):
            half = sp.Rational(1, 2) if isinstance(e, sp.re) else -sp.I / 2
            sign = 1 if isinstance(e, sp.re) else -1
            return self.convert(half * (sp.conjugate(z) * sign + z))
        if isinstance(e, sp.Abs):
            return self._power(sp.Mul(z, sp.conjugate(z), evaluate=False), sp.Rational(1, 2))
        if isinstance(z, sp.Sum):
            return self.convert(sp.Sum(sp.conjugate(z.function), *z.limits))
        if isinstance(z, sp.Indexed):
            return self.letter(sp.conjugate(z.base[tuple(self.normal(i) for i in z.indices)]))
        return self.closed_letter(e)

    def inverse(self, ratio: Ratio, source: sp.Expr | None = None) -> Ratio:
        """The reciprocal; `source`, or the divisor itself, becomes an induced condition."""
        numerator = self.reduce(ratio.numerator)
        if numerator.is_zero:
            msg = "a divisor vanishes identically"
            raise NoNormalForm(msg)
        self.induced[self.alphabet.to_expr(numerator) if source is None else source] = None
        monomial, rest = numerator.primitive()
        below = {} if rest == ONE else {rest: 1}
        return Ratio(monomial**-1 * ratio.scale, below)

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> Ratio:
        if exponent.is_Integer and base is not sp.E:
            return self._integer_power(base, int(exponent))
        if base.is_Rational:
            return self._number_power(base, exponent)
        if base is sp.I:  # log i = iπ/2
            return self._number_power(sp.S.NegativeOne, exponent / 2)
        if exponent.is_Rational:
            return self._root(base, Fraction(int(exponent.p), int(exponent.q)))
        return self._symbolic_power(base, exponent)

    def _integer_power(self, base: sp.Expr, exponent: int) -> Ratio:
        if exponent >= 0:
            return self.convert(base) ** exponent
        if self.depends(base):  # divisors stay free of the index
            return self.letter(sp.Pow(self.normal(base), exponent))
        return self.inverse(self.convert(base), base) ** -exponent

    def _number_power(self, base: sp.Rational, exponent: sp.Expr) -> Ratio:
        """Split into powers of -1 and of primes: the principal logarithm is additive over these."""
        primes = {sp.Integer(p): n for p, n in sp.factorint(abs(int(base.p)), limit=_SPLIT).items()}
        for p, n in sp.factorint(int(base.q), limit=_SPLIT).items():
            primes[sp.Integer(p)] = -n
        if base < 0:
            primes[sp.S.NegativeOne] = 1
        if not base:
            return self.letter(sp.Pow(base, exponent, evaluate=False))
        return self._letters((p, exponent * n) for p, n in primes.items())

    def _letters(self, factors: Iterable[tuple[sp.Expr, sp.Expr]]) -> Ratio:
        value = Ratio(ONE)
        for base, exponent in factors:
            value = value * self._symbolic_power(base, exponent)
        return value

    def _root(self, base: sp.Expr, exponent: Fraction) -> Ratio:
        if base is sp.E or base.is_Symbol or base.is_NumberSymbol or isinstance(base, sp.Indexed):
            return Ratio(self.alphabet.power(base, sp.S.One, exponent))
        inner, whole = self.convert(base), floor(exponent)
        if inner.denominator or self.depends(base):
            return self.letter(sp.Pow(self.normal(base), sp.Rational(*exponent.as_integer_ratio())))
        value = self.reduce(inner.numerator)
        plain = self.alphabet.to_expr(value)
        if plain.is_Rational:
            return self._number_power(plain, sp.Rational(*exponent.as_integer_ratio()))
        if (plain, sp.S.One) in self.alphabet.letters:
            return Ratio(self.alphabet.power(plain, sp.S.One, exponent))
        self._values[plain] = value
        part = Ratio(self.alphabet.power(plain, sp.S.One, exponent - whole))
        return part * (self._integer_power(base, whole) if whole else Ratio(ONE))

    def _symbolic_power(self, base: sp.Expr, exponent: sp.Expr) -> Ratio:
        """``base**exponent`` along the monomials of the exponent; an integer one also along the base."""
        split = self._split(base, exponent)
        if split is not None:
            return self._product(split)
        number = base is sp.E or base.is_Rational
        if self.depends(base):
            return self.letter(sp.Pow(self.normal(base), self.normal(exponent)))
        atom = base if number else self.normal(base)
        if not number:
            self.induced[base] = None
        value = Ratio(ONE)
        for monomial, share in self._exponent_terms(self.convert(exponent)):
            turns = half_turns(monomial) if base is sp.E else None
            if monomial == 1 and not number:
                value = value * self._power(base, sp.Rational(*share.as_integer_ratio()))
            elif turns is not None:  # e^{iπx} = (−1)^x for every x
                value = value * Ratio(self.alphabet.power(sp.S.NegativeOne, turns, share))
            else:
                value = value * Ratio(self.alphabet.power(atom, monomial, share))
        return value

    def _exponent_terms(self, exponent: Ratio) -> Iterator[tuple[sp.Expr, Fraction]]:
        """Monomials and rational coefficients of an exponent; M/(2M - 1) is (1 + 1/(2M - 1))/2, in one way."""
        whole, proper = ZERO, self.reduce(exponent.numerator)
        if list(exponent.denominator.values()) == [1]:
            [divisor] = exponent.denominator
            whole, proper = self.alphabet.divide(proper, divisor)
        below = sp.Mul(*(self.alphabet.to_expr(f) ** n for f, n in exponent.denominator.items()))
        for part, divisor in ((whole, sp.S.One), (proper, below)):
            for packed, c in part.terms.items():
                monomial = self.alphabet.to_expr(Polynomial({packed: c / c}, part.span)) / divisor
                yield monomial, Fraction(int(c.p), int(c.q))

    def _split(self, base: sp.Expr, exponent: sp.Expr) -> list[sp.Expr] | None:
        """Factors of ``base**exponent`` where an integer exponent allows it: (xy)^k, (x^r)^k."""
        if not exponent.is_integer or base is sp.E or base.is_Rational:
            return None
        if base.is_Mul:
            return [sp.Pow(part, exponent) for part in base.args]
        if base.is_Pow or isinstance(base, sp.exp):
            inner, power = base.as_base_exp()
            return [sp.Pow(inner, sp.expand(power * exponent))]
        if isinstance(base, (phi, *_EXPONENTIAL)) and not self.depends(base):
            return [sp.Pow(base.rewrite(sp.exp), exponent)]
        if base.is_Add:
            content, rest = base.primitive()
            primitive = content == 1
            return self._contents(base, exponent) if primitive else [sp.Pow(part, exponent) for part in (content, rest)]
        return None

    def _contents(self, base: sp.Expr, exponent: sp.Expr) -> list[sp.Expr] | None:
        """(xy + xz)^k = x^k (y + z)^k, (x/z + y/z)^k = z^-k (x + y)^k and (-x - y)^k = (-1)^k (x + y)^k."""
        if self.depends(base):
            return None
        ratio = self.convert(base)
        factors, rest = monomial_factors(self.alphabet, self.reduce(ratio.numerator))
        factors += [self.alphabet.to_expr(below) ** -times for below, times in ratio.denominator.items()]
        return [sp.Pow(f, exponent) for f in (*factors, self.alphabet.to_expr(rest))] if factors else None

    def reduce(self, polynomial: Polynomial) -> Polynomial:
        """Use the relations of numbers and roots: I² = −1, √2² = 2, ((−1)^k)² = 1, (√B)² = B, roots of unity."""
        special = [i for i, letter in enumerate(self.alphabet.letters) if has_relation(letter, self._values)]
        if not special:
            return polynomial
        parts, changed = [], False
        for packed, c in polynomial.terms.items():
            part, moved = self._reduce_term(packed, polynomial.span)
            changed |= moved
            parts.append(part * Polynomial({0: c}))
        reduced = total(parts) if parts else ZERO
        if changed:
            return self.reduce(reduced)
        return reduce_roots(self.alphabet, reduced) if self.alphabet.fine_roots else reduced

    def _reduce_term(self, packed: int, span: int) -> tuple[Polynomial, bool]:
        moved, value, kept = False, ONE, Polynomial({packed: ONE.terms[0]}, span)
        for base, monomial, exponent in self.alphabet.decode(packed):
            keep, gain = relation(base, monomial, exponent, self._values)
            if keep != exponent:
                moved = True
                kept = kept * self.alphabet.power(base, monomial, keep - exponent)
                value = value * gain()
        return kept * value, moved
