r"""What holds between the powers of one letter: $i^2 = -1$, $\sqrt2^2 = 2$, $((-1)^k)^2 = 1$, $e^{i\pi x} = (-1)^x$."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import floor

import sympy as sp

from carleman_ssm.formulas.laurent import ONE, Alphabet, Polynomial, factor, rational


def half_turns(monomial: sp.Expr) -> sp.Expr | None:
    r"""The $x$ of a monomial $i\pi x$, else None."""
    factors = sp.Mul.make_args(monomial)
    return monomial / (sp.I * sp.pi) if sp.I in factors and sp.pi in factors else None


def has_relation(letter: tuple[sp.Expr, sp.Expr], values: Mapping[sp.Expr, Polynomial]) -> bool:
    """True for letters whose powers reduce: numbers, and roots of what is in `values`."""
    base, monomial = letter
    return bool(base.is_Rational) or (base in values and monomial == 1)


def relation(
    base: sp.Expr, monomial: sp.Expr, exponent: Fraction, values: Mapping[sp.Expr, Polynomial]
) -> tuple[Fraction, Callable[[], Polynomial]]:
    """The exponent that stays in normal form, and the value of what was taken out."""
    whole = floor(exponent)
    if base.is_Integer and monomial == 1:
        return exponent - whole, lambda: rational(Fraction(int(base)) ** whole)
    if base == -1 and monomial.is_integer:
        return exponent % 2, lambda: ONE
    if base in values and monomial == 1 and whole > 0:
        return exponent - whole, lambda: values[base] ** whole
    return exponent, lambda: ONE


def monomial_factors(alphabet: Alphabet, polynomial: Polynomial) -> tuple[list[sp.Expr], Polynomial]:
    """Letters (with exponents) that divide every term, and -1 if the first coefficient is negative; and the rest."""
    if polynomial.is_zero:
        return [], polynomial
    common = [letter for letter in alphabet.content(polynomial)[0] if letter[2].denominator == 1]
    for base, monomial, exponent in common:
        polynomial = polynomial * alphabet.power(base, monomial, -exponent)
    factors = [factor(letter) for letter in common]
    if polynomial.terms[min(polynomial.terms)] < 0:
        return [*factors, sp.S.NegativeOne], -polynomial
    return factors, polynomial
