r"""Parts of a decoder of a sum: which degrees, and which of the summands, take part in $\sigma(a_1 + a_2 + \dots + c)$.

$v(y) = (1, y, \dots, y^P)^\top$ obeys $v(y + z) = e^{zG}v(y)$ with $G_{p,p-1} = p$ (T12′), so
$\sigma(\sum_i a_i + c) = g^\top \prod_i e^{a_iG}\, e^{cG} e_0$ with commuting Pascal matrices of size P + 1. A part is
read off by replacing factors, never by expanding the $L^P$ terms:

* $(a_iG)^{p}/p!$ instead of $e^{a_iG}$ for the part of degree p in $a_i$ (`marginal`),
* $e^{a_iG} - 1$ for what needs $a_i$ at all, its Möbius part (`joint_part`).

The $a_i$ are whatever a pre-activation is a sum of: past inputs $K_mu_{k-m}$, modes $c_nx_n$, windows of either;
c is the rest, biases included.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import combinations, product
from math import factorial, prod

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.affine_lift import affine_representation, column, lowering_matrix
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.polynomials import (
    PolynomialDecoder,
    require_count,
    require_free,
    require_integer,
    require_kind,
)

REFERENCE = "derivations/12_pascal_cores"
MAX_PARTS = 6
"""More summands are better grouped: a window is one summand."""


def marginal_decoder(decoder: PolynomialDecoder, degrees: Sequence[int]) -> PolynomialDecoder:
    r"""The polynomial in the rest c that multiplies $\prod_i a_i^{p_i}$: $\sigma^{(s)}(c)/\prod_i p_i!$.

    $s = \sum_i p_i$. Its coefficients are $g_{s+q}\,\frac{(s+q)!}{q!\,\prod_i p_i!}$, whole multiples of those
    of $\sigma$.

    Parameters
    ----------
    decoder
        $\sigma$ of degree P.
    degrees
        $p_i$; beyond $s = P$ nothing is left.

    Raises
    ------
    TypeError, ValueError
        Not a polynomial decoder, or a degree that is no integer $\ge 0$.

    References
    ----------
    derivations/12_pascal_cores; THEORY T12′.

    Examples
    --------
    >>> cube = PolynomialDecoder((0, 0, 0, 1))
    >>> marginal_decoder(cube, (1, 1)).coefficients  # 6abc
    (0, 6)
    """
    require_kind(decoder, PolynomialDecoder, "the decoder")
    powers = [require_count(p, f"degree p_{i}") for i, p in enumerate(degrees, 1)]
    total, below = sum(powers), prod(map(factorial, powers))
    kept = enumerate(decoder.coefficients[total:])
    return PolynomialDecoder(
        tuple(g * (factorial(total + q) // (factorial(q) * below)) for q, g in kept) or (sp.S.Zero,)
    )


def marginal(decoder: PolynomialDecoder, degrees: Sequence[int]) -> ClosedForm:
    r"""The part of $\sigma(\sum_i a_i + c)$ of degree $p_i$ in each $a_i$, whatever the degree in c.

    Parameters
    ----------
    decoder
        $\sigma$ of degree P.
    degrees
        $(p_1, \dots, p_r)$, at most 6.

    Returns
    -------
    ClosedForm
        Of ``z`` in the coefficients, $a_1 \dots a_r$ and c: $\prod_i \frac{a_i^{p_i}}{p_i!}\,\sigma^{(s)}(c)$.
        Certificates: the product of cores $g^\top\prod_i\frac{(a_iG)^{p_i}}{p_i!}e^{cG}e_0$; the derivative
        $\prod_i\frac{1}{p_i!}\partial_{t_i}^{p_i}\sigma(\sum_i t_ia_i + c)$ at $t = 0$.

    Raises
    ------
    TypeError, ValueError
        As in `marginal_decoder`; no degree or more than 6; or the decoder uses one of the names.

    References
    ----------
    derivations/12_pascal_cores; THEORY T12′; Oseledets (2013).

    Examples
    --------
    >>> marginal(PolynomialDecoder.symbolic(degree=2), (1, 1)).expression
    2*a_1*a_2*g_2
    """
    reduced, powers = marginal_decoder(decoder, degrees), tuple(degrees)
    parts, rest = _summands(decoder, len(powers))
    expression = sp.Mul(*(a**p for a, p in zip(parts, powers, strict=True)), reduced(rest))
    cores = [
        (a * lowering_matrix([sp.S.One], decoder.degree)) ** p / factorial(p)
        for a, p in zip(parts, powers, strict=True)
    ]
    certificates = (
        Identity(
            _train(decoder, [*cores, _pascal(rest, decoder.degree)]),
            sp.ImmutableMatrix([expression]),
            name="product of cores",
            because=r"the term of degree $p_i$ of $e^{a_iG}$",
        ),
        Identity(
            _taylor(decoder, parts, rest, powers),
            expression,
            name="Taylor coefficient",
            because=r"scaling $a_i$ by $t_i$ counts its degree",
        ),
    )
    stated = at_size(certificates, f"P = {decoder.degree}")
    return ClosedForm(sp.Symbol("z"), expression, (*decoder.parameters, *parts, rest), {}, stated, REFERENCE)


def joint_part(decoder: PolynomialDecoder, parts: int = 2) -> ClosedForm:
    r"""What needs all of $a_1 \dots a_r$ together: $\sum_{S}(-1)^{r-|S|}\,\sigma\big(c + \sum_{i\in S} a_i\big)$.

    The Möbius (Harsanyi) part; for r = 2 $\sigma(a + b + c) - \sigma(a + c) - \sigma(b + c) + \sigma(c)$.

    Parameters
    ----------
    decoder
        $\sigma$ of degree P; the part vanishes for r > P.
    parts
        r, from 1 to 6.

    Returns
    -------
    ClosedForm
        Of ``z``; the parts of all subsets add up to $\sigma(\sum_i a_i + c)$. Certificates:
        $g^\top\prod_i(e^{a_iG} - 1)\,e^{cG}e_0$; the sum of the marginals with all $p_i \ge 1$.

    Raises
    ------
    TypeError, ValueError
        As in `marginal`.

    References
    ----------
    derivations/12_pascal_cores; THEORY T12′; Grabisch, Marichal, Roubens (2000).

    Examples
    --------
    >>> joint_part(PolynomialDecoder((0, 0, 1)), 2).expression.expand()
    2*a_1*a_2
    """
    require_kind(decoder, PolynomialDecoder, "the decoder")
    letters, rest = _summands(decoder, parts)
    expression = _moebius(decoder, letters, rest)
    size = decoder.degree + 1
    cores = [_pascal(a, decoder.degree) - sp.eye(size) for a in letters]
    certificates = (
        Identity(
            _train(decoder, [*cores, _pascal(rest, decoder.degree)]),
            sp.ImmutableMatrix([expression]),
            name="product of cores",
            because=r"multiply out: $e^{a_iG}$ for $i \in S$, $-1$ for the others",
        ),
        Identity(
            _marginals(decoder, letters, rest),
            expression,
            name="sum of marginals",
            because=r"a term takes part if every $p_i \ge 1$",
        ),
    )
    stated = at_size(certificates, f"P = {decoder.degree}, r = {parts}")
    return ClosedForm(sp.Symbol("z"), expression, (*decoder.parameters, *letters, rest), {}, stated, REFERENCE)


def _summands(decoder: PolynomialDecoder, count: int) -> tuple[tuple[sp.Symbol, ...], sp.Symbol]:
    """The letters $a_i$ and c."""
    require_integer(count, "the number of summands", least=1, most=MAX_PARTS)
    parts, rest = tuple(sp.Symbol(f"a_{i}") for i in range(1, count + 1)), sp.Symbol("c")
    reserved = {*map(str, parts), "c", "z", *(f"t_{i}" for i in range(1, count + 1))}
    require_free(decoder.parameters, reserved, "the decoder")
    return parts, rest


def _pascal(shift: sp.Expr, degree: int) -> sp.ImmutableMatrix:
    """$e^{zG}$."""
    return affine_representation([sp.S.One], [shift], degree)


def _train(decoder: PolynomialDecoder, cores: Sequence[sp.MatrixBase]) -> sp.MatrixExpr:
    r"""$g^\top$ · cores · $e_0$, not multiplied out."""
    row, first = sp.ImmutableMatrix([decoder.coefficients]), column([sp.S.One, *[sp.S.Zero] * decoder.degree])
    return sp.MatMul(row, *(sp.ImmutableMatrix(core) for core in cores), first, evaluate=False)


def _taylor(decoder: PolynomialDecoder, parts: Sequence[sp.Symbol], rest: sp.Symbol, powers: Sequence[int]) -> sp.Expr:
    scales = [sp.Symbol(f"t_{i}") for i in range(1, len(parts) + 1)]
    value = decoder(sp.Add(*(t * a for t, a in zip(scales, parts, strict=True)), rest))
    derived = reduce(lambda f, by: f.diff(by[0], by[1]), zip(scales, powers, strict=True), value)
    return derived.xreplace(dict.fromkeys(scales, sp.S.Zero)) / prod(map(factorial, powers))


def _moebius(decoder: PolynomialDecoder, parts: Sequence[sp.Symbol], rest: sp.Symbol) -> sp.Expr:
    signed = [
        (-1) ** (len(parts) - count) * decoder(sp.Add(*chosen, rest))
        for count in range(len(parts) + 1)
        for chosen in combinations(parts, count)
    ]
    return sp.Add(*signed)


def _marginals(decoder: PolynomialDecoder, parts: Sequence[sp.Symbol], rest: sp.Symbol) -> sp.Expr:
    """All marginals in which every summand has a degree of at least 1."""
    wanted = [p for p in product(range(1, decoder.degree + 1), repeat=len(parts)) if sum(p) <= decoder.degree]
    return sp.Add(*(sp.Mul(*map(sp.Pow, parts, powers), marginal_decoder(decoder, powers)(rest)) for powers in wanted))
