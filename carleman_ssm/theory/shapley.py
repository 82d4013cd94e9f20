r"""Shapley values and interaction indices of a decoder of a sum, $v(S) = \sigma\big(c + \sum_{j\in S}a_j\big)$.

With $S_r = \sum_j a_j^r$, $\beta_r(t)$ the coefficients of $(e^x-1)/(1-t+te^x)$, and $G_m(t)$ the mean of
$\sigma^{(m)}$ at c plus a sum whose terms join with probability t (`random_joins`),

$$\phi_i = \int_0^1\sum_{r\ge1}\beta_ra_i^rG_r\,dt,\qquad
I_{ij} = \int_0^1 w(t)\sum_{r,q\ge1}\beta_r\beta_qa_i^ra_j^qG_{r+q}\,dt$$

with $w = 1$ for the Shapley interaction index and $w = 2(1-t)$ for that of Shapley and Taylor: polynomials in $a_i$,
$a_j$ and the power sums, the same for every number of players. Proving them for as many players as σ has degrees proves
them for any number: each monomial of either side holds at most P of the $a_j$, and a player with $a_j = 0$ changes no
index.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.marginals import marginal_decoder
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_free, require_integer, require_kind
from carleman_ssm.theory.random_joins import contracted, exponential, join_series

REFERENCE = "derivations/12_pascal_cores"
MAX_DEGREE = 5
"""The definitions sum over $2^P$ coalitions."""

_t = sp.Symbol("t", real=True)
_rest = sp.Symbol("c")


def shapley_value(decoder: PolynomialDecoder) -> ClosedForm:
    r"""What player 1 adds on average over all orders in which the players of $\sigma(c + \sum_j a_j)$ can join.

    Parameters
    ----------
    decoder
        σ of degree P, 1 to 5.

    Returns
    -------
    ClosedForm
        Of ``phi_1`` in the coefficients, $a_1 \dots a_P$ and c, power sums $S_r$ in `where`. Certificates for P
        players, and so for any number: the definition over all coalitions; the values of all players sum to
        $\sigma(c + \sum_j a_j) - \sigma(c)$.

    Raises
    ------
    TypeError, ValueError
        Not a polynomial decoder, a degree that is not covered, or a decoder that uses one of the names.

    References
    ----------
    derivations/12_pascal_cores; THEORY T12′.
    Shapley (1953); Owen (1972), Management Science 18, 64 (the integral over t).

    Examples
    --------
    >>> shapley_value(PolynomialDecoder((0, 0, 1))).expression
    S_1*a_1 + 2*a_1*c
    """
    players, sums = _players(decoder)
    slopes, means = _joined(decoder, sums)
    first = players[0]
    expression = _averaged([slopes[r] * first**r * means[r] for r in range(1, decoder.degree + 1)])
    where = _power_sums(players, sums)
    count = len(players)
    weights = [sp.Rational(1, count * comb(count - 1, size)) for size in range(count)]
    everyone = sp.Add(*(expression.xreplace({first: a}) for a in players))
    certificates = (
        Identity(
            expression.xreplace(where),
            _by_coalitions(decoder, players, players[:1], weights),
            name="all coalitions",
            because=r"$\int_0^1t^s(1-t)^{n-1-s}dt = s!\,(n-1-s)!/n!$",
        ),
        Identity(
            everyone.xreplace(where),
            decoder(_rest + sp.Add(*players)) - decoder(_rest),
            name="completeness",
            because="in each order the players who join add up",
        ),
    )
    return _form(sp.Symbol("phi_1"), expression, decoder, players, where, certificates)


def shapley_interaction(decoder: PolynomialDecoder, *, taylor: bool = False) -> ClosedForm:
    r"""What players 1 and 2 add together beyond what each adds alone, averaged over the others.

    Parameters
    ----------
    decoder
        σ of degree P, 2 to 5.
    taylor
        The index of Shapley and Taylor of order 2, which with $\sigma(c + a_i) - \sigma(c)$ for the players alone sums
        to the whole difference, instead of the Shapley interaction index.

    Returns
    -------
    ClosedForm
        Of ``I_12``, or ``J_12`` for Shapley and Taylor, as `shapley_value`. Certificates for P players, and so for any
        number: the definition over all coalitions; for Shapley and Taylor also completeness.

    Raises
    ------
    TypeError, ValueError
        As in `shapley_value`; a decoder of degree 1 has no pairs.

    References
    ----------
    derivations/12_pascal_cores; THEORY T12′.
    Grabisch & Roubens (1999), Int. J. Game Theory 28, 547; Sundararajan, Dhamdhere & Agarwal (2020), ICML.

    Examples
    --------
    >>> shapley_interaction(PolynomialDecoder((0, 0, 0, 1))).expression
    3*S_1*a_1*a_2 + 6*a_1*a_2*c
    """
    players, sums = _players(decoder, least=2)
    slopes, means = _joined(decoder, sums)
    first, second = players[:2]
    parts = [
        slopes[r] * slopes[q] * first**r * second**q * means[r + q]
        for r in range(1, decoder.degree)
        for q in range(1, decoder.degree + 1 - r)
    ]
    expression = _averaged(parts, 2 * (1 - _t) if taylor else sp.S.One)
    where, count = _power_sums(players, sums), len(players)
    weights = [
        sp.Rational(2, count * comb(count - 1, size)) if taylor else sp.Rational(1, (count - 1) * comb(count - 2, size))
        for size in range(count - 1)
    ]
    definition = Identity(
        expression.xreplace(where),
        _by_coalitions(decoder, players, players[:2], weights),
        name="all coalitions",
        because=r"$\int_0^1w(t)\,t^s(1-t)^{n-2-s}dt$ is the weight of a coalition of s others",
    )
    certificates = (definition, _complete(decoder, expression, players, where)) if taylor else (definition,)
    return _form(sp.Symbol("J_12" if taylor else "I_12"), expression, decoder, players, where, certificates)


def _complete(
    decoder: PolynomialDecoder,
    expression: sp.Expr,
    players: Sequence[sp.Symbol],
    where: dict[sp.Symbol, sp.Expr],
) -> Identity:
    first, second = players[:2]
    pairs = (expression.xreplace({first: a, second: b}) for a, b in combinations(players, 2))
    alone = (decoder(_rest + a) - decoder(_rest) for a in players)
    return Identity(
        sp.Add(*pairs, *alone).xreplace(where),
        decoder(_rest + sp.Add(*players)) - decoder(_rest),
        name="completeness",
        because=r"a dividend of s players has $\binom{s}{2}$ pairs",
    )


def _players(decoder: PolynomialDecoder, least: int = 1) -> tuple[tuple[sp.Symbol, ...], tuple[sp.Symbol, ...]]:
    r"""$a_1 \dots a_P$ and the names $S_1 \dots S_P$."""
    require_kind(decoder, PolynomialDecoder, "the decoder")
    degree = require_integer(decoder.degree, "the degree", least=least, most=MAX_DEGREE)
    players, sums = (tuple(sp.Symbol(f"{name}_{i}") for i in range(1, degree + 1)) for name in ("a", "S"))
    reserved = {*map(str, (*players, *sums)), "c", "t", "phi_1", "I_12", "J_12"}
    require_free(decoder.parameters, reserved, "the decoder")
    return players, sums


def _joined(decoder: PolynomialDecoder, sums: Sequence[sp.Symbol]) -> tuple[list[sp.Expr], list[sp.Expr]]:
    r"""$\beta_r(t)$ and $G_r(t)$."""
    cumulants, slopes = join_series(_t, decoder.degree)
    moments = exponential([sp.S.Zero, *(c * power for c, power in zip(cumulants[1:], sums, strict=True))])
    coefficients = [marginal_decoder(decoder, (p,))(_rest) for p in range(decoder.degree + 1)]
    return slopes, contracted(coefficients, moments)


def _averaged(parts: Sequence[sp.Expr], weight: sp.Expr = sp.S.One) -> sp.Expr:
    r"""$\int_0^1w(t)\sum\dots\,dt$, power by power of t."""
    powers = sp.Poly(weight * sp.Add(*parts), _t).all_coeffs()[::-1]
    return sp.expand(sp.Add(*(value / (k + 1) for k, value in enumerate(powers))))


def _power_sums(players: Sequence[sp.Symbol], sums: Sequence[sp.Symbol]) -> dict[sp.Symbol, sp.Expr]:
    return {name: sp.Add(*(a**r for a in players)) for r, name in enumerate(sums, 1)}


def _by_coalitions(
    decoder: PolynomialDecoder, players: Sequence[sp.Symbol], joint: Sequence[sp.Symbol], weights: Sequence[sp.Expr]
) -> sp.Expr:
    """The definition: weighted joint differences of v over all coalitions of the others."""
    others = [a for a in players if a not in joint]
    return sp.Add(
        *(
            weights[size] * (-1) ** (len(joint) - count) * decoder(_rest + sp.Add(*present, *there))
            for size in range(len(others) + 1)
            for present in combinations(others, size)
            for count in range(len(joint) + 1)
            for there in combinations(joint, count)
        )
    )


def _form(
    symbol: sp.Symbol,
    expression: sp.Expr,
    decoder: PolynomialDecoder,
    players: Sequence[sp.Symbol],
    where: dict[sp.Symbol, sp.Expr],
    certificates: tuple[Identity, ...],
) -> ClosedForm:
    used = {name: value for name, value in where.items() if expression.has(name)}
    stated = at_size(certificates, f"P = {decoder.degree}")
    return ClosedForm(symbol, expression, (*decoder.parameters, *players, _rest), used, stated, REFERENCE)
