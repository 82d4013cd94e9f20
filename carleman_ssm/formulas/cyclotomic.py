r"""Relations of roots of unity in the normal form: $1 + \omega + \omega^2 = 0$ for $\omega = e^{2\pi i/3}$.

Roots of unity are powers of one letter, $(-1)^{k/q} = e^{i\pi k/q}$. With the common denominator $q$ of a
polynomial they are powers of $z = e^{i\pi/q}$, whose minimal polynomial is the cyclotomic $\Phi_{2q}$:
dividing by it leaves coordinates in a basis of $\mathbb{Q}(z)$, which vanish together or not at all.
Square roots of small primes lie in such a field too (Gauss) and are written as sums of roots of unity.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import lcm

import flint
import sympy as sp

from carleman_ssm.formulas.laurent import Alphabet, Polynomial, rational, total

_PRIMES = (2, 3, 5, 7)
"""Their Gauss sums have exponents that the packing of monomials can hold."""

_UNITY = sp.S.NegativeOne


def reduce_roots(alphabet: Alphabet, polynomial: Polynomial) -> Polynomial:
    r"""The polynomial with its roots of unity in the basis $1, z, …, z^{\varphi(2q) - 1}$; unchanged for q ≤ 2."""
    terms = [(_root(alphabet, packed), packed, c) for packed, c in polynomial.terms.items()]
    if lcm(*(root.denominator for root, *_ in terms)) <= 2:
        return polynomial
    polynomial = _without_square_roots(alphabet, polynomial)
    terms = [(_root(alphabet, packed), packed, c) for packed, c in polynomial.terms.items()]
    order = lcm(*(root.denominator for root, *_ in terms))
    groups: dict[int, list[tuple[int, flint.fmpq]]] = {}
    for root, packed, c in terms:
        [(shift, _)] = alphabet.power(_UNITY, sp.S.One, root).terms.items()
        groups.setdefault(packed - shift, []).append((int(root * order), c))
    parts = [
        Polynomial({rest: flint.fmpq(1)}, polynomial.span) * _in_basis(alphabet, powers, order)
        for rest, powers in groups.items()
    ]
    return total(parts)


def _root(alphabet: Alphabet, packed: int) -> Fraction:
    """The exponent of -1 in a monomial."""
    return next((e for base, m, e in alphabet.decode(packed) if base == _UNITY and m == 1), Fraction(0))


def _in_basis(alphabet: Alphabet, powers: Iterable[tuple[int, flint.fmpq]], order: int) -> Polynomial:
    r"""The sum of c z^k for $z = e^{i\pi/q}$, k of either sign, divided by the minimal polynomial of z."""
    coefficients = [flint.fmpq(0)] * (2 * order)
    for k, c in powers:
        coefficients[k % (2 * order)] += c
    minimal = flint.fmpq_poly(flint.fmpz_poly.cyclotomic(2 * order))
    remainder = flint.fmpq_poly(coefficients) % minimal
    return total(
        alphabet.power(_UNITY, sp.S.One, Fraction(k, order)) * Polynomial({0: c})
        for k, c in enumerate(remainder.coeffs())
        if c
    )


def _without_square_roots(alphabet: Alphabet, polynomial: Polynomial) -> Polynomial:
    r"""Factors $\sqrt p$ of small primes as sums of roots of unity: what stays, $p^e$ with $0 \le e < 1/2$, is
    independent over every cyclotomic field (Kummer).
    """
    half, parts = Fraction(1, 2), []
    for packed, c in polynomial.terms.items():
        value = Polynomial({packed: c}, polynomial.span)
        for base, monomial, exponent in alphabet.decode(packed):
            if monomial == 1 and base in _PRIMES and exponent >= half:
                value = value * alphabet.power(base, monomial, -half) * _square_root(alphabet, int(base))
        parts.append(value)
    return total(parts)


def _square_root(alphabet: Alphabet, prime: int) -> Polynomial:
    r"""$\sqrt2 = \zeta_8 + \zeta_8^{-1}$ and, for odd p, the Gauss sum: $\sum_k \left(\frac kp\right) \zeta_p^k$ is
    $\sqrt p$ for $p \equiv 1$, $i \sqrt p$ for $p \equiv 3 \pmod 4$.
    """
    if prime == 2:
        exponents = {Fraction(1, 4): 1, Fraction(-1, 4): 1}
    else:
        turn = Fraction(0) if prime % 4 == 1 else Fraction(-1, 2)
        squares = {k * k % prime for k in range(1, prime)}
        exponents = {Fraction(2 * k, prime) + turn: 1 if k in squares else -1 for k in range(1, prime)}
    return total(alphabet.power(_UNITY, sp.S.One, e) * rational(sign) for e, sign in exponents.items())
