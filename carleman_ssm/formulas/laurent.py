r"""Sparse Laurent polynomials with exact rational coefficients: the arithmetic under `verify`.

A *letter* stands for one quantity $B^{m}$ with a base $B$ and an exponent monomial $m$ (for the plain
letter $x$: $B = x$, $m = 1$), and $B^{m}$ means $\exp(m \log B)$ with the principal logarithm. A monomial
is $\prod_i \ell_i^{e_i}$ with rational $e_i$, packed into **one Python integer**: the exponent of letter
$i$, in units of 1/5040, occupies 64 signed bits from bit $64 i$ on. Products of monomials are then integer
additions, letters can be added at any time, and negative and fractional exponents cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cached_property

import flint
import sympy as sp

_WIDTH = 64
_UNIT = 5040
_FULL = 1 << _WIDTH
_HALF = _FULL >> 1
_MAX_TERMS = 200_000
_MAX_PRODUCT = 4_000_000
_MAX_QUOTIENT = 500


class NoNormalForm(Exception):
    """The expression is outside the algebra of the normal form, or too large for it."""


class Polynomial:
    """Immutable sum of coefficient times packed monomial.

    ``span`` bounds every |exponent| in units; keeping it below half the field width is what makes the
    packing injective, so that no two different monomials can ever cancel.
    """

    __slots__ = ("__dict__", "span", "terms")

    def __init__(self, terms: Mapping[int, flint.fmpq], span: int = 0) -> None:
        if span >= _HALF or len(terms) > _MAX_TERMS:
            msg = "an exponent or the number of terms is too large for the normal form"
            raise NoNormalForm(msg)
        self.terms, self.span = terms, span

    @cached_property
    def key(self) -> frozenset[tuple[int, flint.fmpq]]:
        """Hashable identity."""
        return frozenset(self.terms.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def is_zero(self) -> bool:
        """True for the zero polynomial."""
        return not self.terms

    def __add__(self, other: Polynomial) -> Polynomial:
        return total([self, other])

    def __neg__(self) -> Polynomial:
        return Polynomial({m: -c for m, c in self.terms.items()}, self.span)

    def __mul__(self, other: Polynomial) -> Polynomial:
        if len(self.terms) * len(other.terms) > _MAX_PRODUCT:
            msg = "a product is too large for the normal form"
            raise NoNormalForm(msg)
        terms: dict[int, flint.fmpq] = {}
        for m, c in self.terms.items():
            for n, d in other.terms.items():
                known = terms.get(m + n)
                terms[m + n] = c * d if known is None else known + c * d
        return Polynomial({m: c for m, c in terms.items() if c}, self.span + other.span)

    def __pow__(self, exponent: int) -> Polynomial:
        if len(self.terms) == 1:
            [(m, c)] = self.terms.items()
            return Polynomial({m * exponent: c**exponent}, self.span * abs(exponent))
        value = ONE
        for bit in bin(exponent)[2:]:
            value = value * value
            if bit == "1":
                value = value * self
        return value

    def primitive(self) -> tuple[Polynomial, Polynomial]:
        """Split into (one monomial with its coefficient, a polynomial with constant term 1)."""
        least = min(self.terms)
        scale = self.terms[least]
        rest = Polynomial({m - least: c / scale for m, c in self.terms.items()}, 2 * self.span)
        return Polynomial({least: scale}, self.span), rest


ZERO = Polynomial({})
ONE = Polynomial({0: flint.fmpq(1)})


def rational(value: Fraction | int | sp.Rational) -> Polynomial:
    """The constant polynomial; independent of SymPy's ground types."""
    p, q = (value.p, value.q) if isinstance(value, sp.Rational) else value.as_integer_ratio()
    return Polynomial({0: flint.fmpq(int(p), int(q))} if p else {})


def total(polynomials: Iterable[Polynomial]) -> Polynomial:
    """Sum of many polynomials."""
    terms: dict[int, flint.fmpq] = {}
    span = 0
    for polynomial in polynomials:
        span = max(span, polynomial.span)
        for m, c in polynomial.terms.items():
            known = terms.get(m)
            terms[m] = c if known is None else known + c
    return Polynomial({m: c for m, c in terms.items() if c}, span)


class Alphabet:
    """The letters met so far, each a pair (base, exponent monomial), in order of appearance."""

    def __init__(self) -> None:
        self._number: dict[tuple[sp.Expr, sp.Expr], int] = {}
        self.letters: list[tuple[sp.Expr, sp.Expr]] = []
        self.fine_roots = False  # a root of unity other than ±1, ±i has been met

    def power(self, base: sp.Expr, monomial: sp.Expr = sp.S.One, exponent: Fraction | int = 1) -> Polynomial:
        r"""The monomial $(B^m)^e$ with rational $e$."""
        units = Fraction(exponent) * _UNIT
        if units.denominator != 1 or abs(units) >= _HALF:
            msg = f"the exponent {exponent} is too fine or too large for the normal form"
            raise NoNormalForm(msg)
        if base == -1 and monomial == 1 and units.denominator == 1 and int(units) % (_UNIT // 2):
            self.fine_roots = True
        letter = (base, monomial)
        if letter not in self._number:
            self._number[letter] = len(self.letters)
            self.letters.append(letter)
        return Polynomial({int(units) << (_WIDTH * self._number[letter]): flint.fmpq(1)}, abs(int(units)))

    def decode(self, packed: int) -> Iterator[tuple[sp.Expr, sp.Expr, Fraction]]:
        """The factors (base, exponent monomial, rational exponent) of a packed monomial."""
        number = 0
        while packed:
            field = packed & (_FULL - 1)
            if field >= _HALF:
                field -= _FULL
            if field:
                yield *self.letters[number], Fraction(field, _UNIT)
            packed = (packed - field) >> _WIDTH
            number += 1

    def content(self, polynomial: Polynomial) -> tuple[list[tuple[sp.Expr, sp.Expr, Fraction]], Polynomial]:
        """The greatest common monomial as its factors, and what it leaves, the coefficient of its least term 1."""
        terms = [{(base, m): e for base, m, e in self.decode(packed)} for packed in polynomial.terms]
        least = {letter: min(term.get(letter, Fraction(0)) for term in terms) for term in terms for letter in term}
        common = [(base, m, e) for (base, m), e in least.items() if e]
        rest = polynomial
        for base, m, e in common:
            rest = rest * self.power(base, m, -e)
        scale = rest.terms[min(rest.terms)]
        return common, rest * Polynomial({0: 1 / scale})

    def divide(self, dividend: Polynomial, divisor: Polynomial) -> tuple[Polynomial, Polynomial]:
        """Quotient and remainder by the leading (lexicographic) monomial; no division with negative exponents.

        Raises
        ------
        NoNormalForm
            The quotient is too long.
        """
        if any(e < 0 for p in (dividend, divisor) for m in p.terms for *_, e in self.decode(m)):
            return ZERO, dividend
        lead = max(divisor.terms)
        needed = {(base, m): e for base, m, e in self.decode(lead)}
        quotient = remainder = ZERO
        while dividend.terms:
            top = max(dividend.terms)
            term = Polynomial({top: dividend.terms[top]}, dividend.span)
            present = {(base, m): e for base, m, e in self.decode(top)}
            if all(present.get(letter, 0) >= e for letter, e in needed.items()):
                factor_ = Polynomial({top - lead: dividend.terms[top] / divisor.terms[lead]}, dividend.span)
                quotient, dividend = quotient + factor_, dividend + -(factor_ * divisor)
                if len(quotient.terms) > _MAX_QUOTIENT:
                    msg = "a quotient is too long for the normal form"
                    raise NoNormalForm(msg)
            else:
                remainder, dividend = remainder + term, dividend + -term
        return quotient, remainder

    def to_expr(self, polynomial: Polynomial) -> sp.Expr:
        """The polynomial as a SymPy expression, terms in a fixed order."""
        return sp.Add(
            *(
                sp.Mul(sp.Rational(int(c.p), int(c.q)), *map(factor, self.decode(m)))
                for m, c in polynomial.terms.items()
            )
        )


def factor(letter: tuple[sp.Expr, sp.Expr, Fraction]) -> sp.Expr:
    r"""One decoded factor as a SymPy expression; $(-1)^x$ as $e^{i\pi x}$ unless x is a number or an integer."""
    base, monomial, exponent = letter
    if base == -1 and not (monomial.is_integer or monomial.is_number):
        return sp.exp(sp.I * sp.pi * monomial * sp.Rational(exponent.numerator, exponent.denominator))
    return sp.Pow(base, monomial * sp.Rational(exponent.numerator, exponent.denominator))


class Ratio:
    """A polynomial over a product of polynomials (constant term 1) with multiplicities; no gcd is taken.

    The Laurent polynomials in independent letters have no zero divisors: a ratio vanishes exactly when its
    numerator does, whatever the denominators share.
    """

    __slots__ = ("denominator", "numerator")

    def __init__(self, numerator: Polynomial, denominator: Mapping[Polynomial, int] | None = None) -> None:
        self.numerator = numerator
        self.denominator: dict[Polynomial, int] = dict(denominator or {})

    def __mul__(self, other: Ratio) -> Ratio:
        merged = dict(self.denominator)
        for factor_, power in other.denominator.items():
            merged[factor_] = merged.get(factor_, 0) + power
        return Ratio(self.numerator * other.numerator, merged)

    def __add__(self, other: Ratio) -> Ratio:
        return ratio_sum([self, other])

    def __neg__(self) -> Ratio:
        return Ratio(-self.numerator, self.denominator)

    def __sub__(self, other: Ratio) -> Ratio:
        return ratio_sum([self, -other])

    def __pow__(self, exponent: int) -> Ratio:
        powers = {factor_: power * exponent for factor_, power in self.denominator.items()}
        return Ratio(self.numerator**exponent, powers if exponent else None)

    @property
    def scale(self) -> Polynomial:
        """The denominator multiplied out."""
        value = ONE
        for factor_, power in self.denominator.items():
            value = value * factor_**power
        return value


def ratio_sum(ratios: Iterable[Ratio]) -> Ratio:
    """Sum of many ratios over a common denominator; equal denominators are added first."""
    groups: dict[frozenset[tuple[Polynomial, int]], list[Polynomial]] = {}
    for ratio in ratios:
        groups.setdefault(frozenset(ratio.denominator.items()), []).append(ratio.numerator)
    common: dict[Polynomial, int] = {}
    for group in groups:
        for factor_, power in group:
            common[factor_] = max(common.get(factor_, 0), power)
    numerators = []
    for group, members in groups.items():
        missing = {f: power - dict(group).get(f, 0) for f, power in common.items()}
        numerators.append(total(members) * Ratio(ONE, missing).scale)
    return Ratio(total(numerators), common)
