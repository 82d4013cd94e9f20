r"""The spectrum of HiPPO-LegS: skew part, exact characteristic polynomial, enclosures of the roots.

HiPPO-LegS is $A_{nk} = -\sqrt{(2n+1)(2k+1)}$ for $n > k$, $-(n+1)$ for $n = k$, zero above. With
$P_n = \sqrt{n + 1/2}$ it is $A = -\tfrac12 I + S - P P^\top$, and $S = D J D$ is skew, where
$D = \mathrm{diag}\sqrt{2n+1}$ and $J_{nk} = \tfrac12\,\mathrm{sign}(k - n)$.

**Characteristic polynomial.** $\chi(\mu) = \det(\mu I - S) = \tfrac12\prod_n(\mu + n + \tfrac12) +
\tfrac12\prod_n(\mu - n - \tfrac12)$. Indeed $\det(\mu I - S + s P P^\top)$ is affine in $s$ (a rank-one
change), and $S \mp P P^\top$ is triangular with diagonal $\mp(n + \tfrac12)$; take the mean of $s = \pm 1$.

**Frequencies.** At $\mu = i\omega$ the quotient of the two products has modulus one, and $\chi(i\omega) = 0$
says $\sum_n \arctan\frac{\omega}{n + 1/2} = \frac{\pi}{2} + \pi j$ for even N. The left side increases from
0 to $N\pi/2$, so there is exactly one root $\omega > 0$ for each $j = 0, \dots, N/2 - 1$.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import flint
import sympy as sp

from carleman_ssm.theory.polynomials import require_count

_LARGEST_SIZE = 128


def legs_skew_matrix(size: int) -> sp.ImmutableMatrix:
    r"""$S = D J D$, the skew part of HiPPO-LegS of N = `size` states (exact, with square roots)."""
    return sp.ImmutableMatrix(
        [[_sign(k - n) * sp.sqrt((2 * n + 1) * (2 * k + 1)) / 2 for k in range(size)] for n in range(size)]
    )


def legs_rational_matrix(size: int) -> sp.ImmutableMatrix:
    r"""$J D^2 = D^{-1} S D$: rational, similar to the skew part $S$, of one characteristic polynomial."""
    return sp.ImmutableMatrix([[sp.Rational(_sign(k - n) * (2 * k + 1), 2) for k in range(size)] for n in range(size)])


def legs_characteristic_polynomial(size: int, variable: sp.Symbol) -> sp.Poly:
    r"""$\chi(\mu) = \tfrac12\prod_n(\mu + n + \tfrac12) + \tfrac12\prod_n(\mu - n - \tfrac12)$, exactly.

    Parameters
    ----------
    size
        N, the size of the HiPPO matrix, at least 1.
    variable
        $\mu$.

    Examples
    --------
    >>> legs_characteristic_polynomial(4, sp.Symbol("mu")).as_expr()
    mu**4 + 43*mu**2/2 + 105/16
    """
    coefficients = _characteristic_coefficients(size)
    exact = [sp.Rational(int(value.p), int(value.q)) for value in reversed(coefficients)]
    return sp.Poly(exact, variable, domain="QQ")


def legs_frequencies(states: int) -> tuple[sp.Expr, ...]:
    r"""The frequencies $\omega_n > 0$ of S4D-LegS, largest first, as exact roots (no radicals).

    Parameters
    ----------
    states
        M = N/2, the number of positive frequencies.

    Raises
    ------
    ValueError
        More modes than the exact roots can carry; `legs_enclosures` has no such limit.

    Examples
    --------
    >>> [frequency.evalf(5) for frequency in legs_frequencies(4)]
    [19.857, 5.3542, 1.9578, 0.42749]
    """
    _require_modes(states)
    if 2 * states > _LARGEST_SIZE:
        msg = f"exact roots are limited to {_LARGEST_SIZE // 2} modes, got {states}: use legs_enclosures"
        raise ValueError(msg)
    omega = sp.Symbol("omega")
    squares = _frequency_polynomial(states)
    polynomial = sp.Poly.from_dict({(2 * power,): int(value) for power, value in enumerate(squares)}, omega)
    roots = (sp.CRootOf(polynomial, index, radicals=False) for index in range(states, 2 * states))
    return tuple(reversed(tuple(roots)))


def legs_enclosures(states: int, bits: int = 128) -> tuple[tuple[sp.Rational, sp.Rational], ...]:
    r"""Rational intervals, one around each frequency $\omega_n$, largest first, each holding exactly one.

    Proved twice: the roots are enclosed in ball arithmetic, and the characteristic polynomial (of degree M
    in $\omega^2$) changes its sign on each of the M disjoint intervals, exactly, at their rational ends.

    Parameters
    ----------
    states
        M = N/2.
    bits
        Working precision of the ball arithmetic; the intervals have about this many correct bits.

    Raises
    ------
    ArithmeticError
        The precision does not separate the roots.
    """
    _require_modes(states)
    polynomial = _frequency_polynomial(states)
    with flint.ctx.workprec(bits):
        balls = [root.real.sqrt() for root, _ in polynomial.complex_roots()]
        ends = [(_fraction(ball.lower()), _fraction(ball.upper())) for ball in balls]
    ends.sort(reverse=True)
    if len(ends) != states or not all(_isolates(polynomial, *pair) for pair in ends) or not _disjoint(ends):
        msg = f"{bits} bits do not separate the {states} frequencies: ask for more bits"
        raise ArithmeticError(msg)
    return tuple((_rational(lower), _rational(upper)) for lower, upper in ends)


def _sign(difference: int) -> int:
    return (difference > 0) - (difference < 0)


def _require_modes(states: int) -> None:
    if require_count(states, "the number of states") == 0:
        msg = "a spectrum needs at least one mode"
        raise ValueError(msg)


def _characteristic_coefficients(size: int) -> list[flint.fmpq]:
    """Coefficients of the characteristic polynomial, constant first."""
    if require_count(size, "the size of the matrix") == 0:
        msg = "the HiPPO matrix needs at least one row"
        raise ValueError(msg)
    above, below = flint.fmpq_poly([1]), flint.fmpq_poly([1])
    for n in range(size):
        half = flint.fmpq(2 * n + 1, 2)
        above, below = above * flint.fmpq_poly([half, 1]), below * flint.fmpq_poly([-half, 1])
    mean = (above + below) / 2
    return [mean[power] for power in range(size + 1)]


def _frequency_polynomial(states: int) -> flint.fmpz_poly:
    r"""The primitive integer polynomial in $\omega^2$ with roots $\omega_n^2$: put $\mu^2 = -\omega^2$."""
    size = 2 * states
    even = _characteristic_coefficients(size)[::2]
    scaled = [(-1) ** power * int((value * 2**size).p) for power, value in enumerate(even)]
    polynomial = flint.fmpz_poly(scaled)
    return polynomial / polynomial.content()


def _fraction(number: flint.arb) -> Fraction:
    """An exact `arb` (a dyadic number) as a fraction."""
    mantissa, exponent = number.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _rational(value: Fraction) -> sp.Rational:
    return sp.Rational(value.numerator, value.denominator)


def _isolates(polynomial: flint.fmpz_poly, lower: Fraction, upper: Fraction) -> bool:
    """Whether the polynomial, in the square of the frequency, changes sign between the two positive ends."""
    signs = [_value_sign(polynomial, end * end) for end in (lower, upper)]
    return lower > 0 and signs[0] * signs[1] < 0


def _value_sign(polynomial: flint.fmpz_poly, point: Fraction) -> int:
    value = flint.fmpq_poly(polynomial)(flint.fmpq(point.numerator, point.denominator))
    return _sign(1 if value > 0 else -1 if value < 0 else 0)


def _disjoint(ends: list[tuple[Fraction, Fraction]]) -> bool:
    return all(below[1] < above[0] for above, below in pairwise(ends))
