r"""How the modes answer an excitation from rest, with the laws of motion that characterise the answer.

Continuous: $x_n = b_n \sum_j A_j\, t\, e^{s_j t} \varphi_1((a_n - s_j) t)$.
Discrete: $x_n = \bar b_n \sum_j A_j \sum_{i=1}^k \lambda_n^{k-i} \rho_j^i$.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import comb, prod

import sympy as sp

from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.theory.excitations import Excitation
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM


@dataclass(frozen=True)
class Motion:
    """The answer of the modes, with what is needed to print it and to prove it.

    `law(exponents)` gives the identities that characterise the monomial: its start and its motion.
    """

    time: sp.Symbol
    states: tuple[sp.Expr, ...]
    excitation: sp.Expr
    where: dict[sp.Symbol, sp.Expr]
    law: Callable[[tuple[int, ...]], list[Identity]]
    bound: tuple[str, ...] = ()


def continuous_motion(model: DiagonalSSM, excitation: Excitation) -> Motion:
    """The modes after t = 0, for a model without stored pairs; laws: start, T14, and T15 for one term."""
    t = sp.Symbol("t", real=True)
    u = excitation(t)
    states = tuple(
        excitation.impulse_weight * b * sp.exp(a * t)
        + sp.Add(*(A * b * t * sp.exp(s * t) * phi(1, (a - s) * t) for A, s in excitation.terms))
        for a, b in zip(model.eigenvalues, model.input_vector, strict=True)
    )

    return Motion(t, states, u, {}, lambda alpha: _continuous_law(model, excitation, t, states, alpha))


def _continuous_law(
    model: DiagonalSSM, excitation: Excitation, t: sp.Symbol, states: tuple[sp.Expr, ...], alpha: tuple[int, ...]
) -> list[Identity]:
    """The value after the impulse, the equation T14 of the monomial, and T15 for a single exponential."""
    monomial = monomial_of(states, alpha)
    drift = sp.Add(*(power * a for power, a in zip(alpha, model.eigenvalues, strict=True)))
    drive = sp.Add(
        *(
            power * b * monomial_of(states, _lowered(alpha, n))
            for n, (power, b) in enumerate(zip(alpha, model.input_vector, strict=True))
            if power
        )
    )
    expansion = None
    if len(excitation.terms) == 1 and excitation.impulse_weight == 0:
        expansion = _exponential_expansion(model, *excitation.terms[0], t, alpha, monomial)
    return [
        Identity(
            sp.Subs(monomial, t, 0),
            monomial_of([excitation.impulse_weight * b for b in model.input_vector], alpha),
            name=f"value just after t = 0, exponents {_listed(alpha)}",
            because="from rest, an impulse sets the modes to its weight times b",
            sizes=_sizes(alpha),
        ),
        Identity(
            sp.Derivative(monomial, t),
            drift * monomial + excitation(t) * drive,
            name=f"T14, exponents {_listed(alpha)}",
            because=r"$\dot X_\alpha = (\alpha\cdot a)X_\alpha + u\sum_n\alpha_nb_nX_{\alpha-e_n}$",
            sizes=_sizes(alpha),
        ),
        *([] if expansion is None else [expansion]),
    ]


def _exponential_expansion(
    model: DiagonalSSM, amplitude: sp.Expr, rate: sp.Expr, t: sp.Symbol, alpha: tuple[int, ...], monomial: sp.Expr
) -> Identity | None:
    """The expansion T15 of one exponential, term by term; None at an exact resonance."""
    gaps = [rate - a for a in model.eigenvalues]
    if any(gap.is_zero for gap in gaps):
        return None
    shares = [amplitude * b / gap for b, gap in zip(model.input_vector, gaps, strict=True)]
    terms = []
    for beta in product(*(range(power + 1) for power in alpha)):
        growth = sp.Add(*(power * a for power, a in zip(beta, model.eigenvalues, strict=True)))
        count = prod(map(comb, alpha, beta)) * (-1) ** sum(beta)
        terms.append(count * sp.exp((growth + (sum(alpha) - sum(beta)) * rate) * t))
    used = tuple(gap for gap, power in zip(gaps, alpha, strict=True) if power and not gap.is_number)
    expansion = monomial_of(shares, alpha) * sp.Add(*terms)
    return Identity(
        monomial,
        expansion,
        name=f"T15, exponents {_listed(alpha)}",
        because=r"binomial theorem on $e^{s_0t} - e^{a_nt}$",
        nonzero=used,
        sizes=_sizes(alpha),
    )


def discrete_motion(model: DiscreteSSM, excitation: Excitation, step: sp.Expr, form: str) -> Motion:
    """The modes after step k; laws: first value and T9, in general and (closed form) at each resonance."""
    named, where = model.named()
    k = sp.Symbol("k", integer=True, positive=True)
    ratios = [sp.exp(rate * step) for _, rate in excitation.terms]
    rho = [ratio if ratio.is_Rational else sp.Symbol(f"rho_{j}") for j, ratio in enumerate(ratios)]
    where |= {name: ratio for name, ratio in zip(rho, ratios, strict=True) if name.is_Symbol}
    terms = [(amplitude, name) for (amplitude, _), name in zip(excitation.terms, rho, strict=True)]
    doubled = named.with_conjugates()
    forced = _Forced(doubled, tuple(terms), excitation.impulse_weight)
    cases = [forced]
    if form == "closed":
        cases += [
            replace(forced, model=replace(doubled, multipliers=(ratio,) * doubled.states))
            for ratio in dict.fromkeys(rho)
        ]

    def law(alpha: tuple[int, ...]) -> list[Identity]:
        return [
            identity
            for number, case in enumerate(cases)
            for identity in _discrete_law(
                case, k, alpha, "generic" if form == "closed" else "sum", "at resonance, " if number else ""
            )
        ]

    return Motion(k, forced.states(k, form), forced.excitation(k), where, law, ("i",) if form == "sum" else ())


@dataclass(frozen=True)
class _Forced:
    r"""A discrete model under $u_k = \sum_j A_j \rho_j^k$ and an impulse $u_1 \mathrel{+}= w$."""

    model: DiscreteSSM
    terms: tuple[tuple[sp.Expr, sp.Expr], ...]
    impulse_weight: sp.Expr

    def excitation(self, k: sp.Expr) -> sp.Expr:
        """The input at step k."""
        return self.impulse_weight * sp.KroneckerDelta(k, 1) + sp.Add(
            *(amplitude * ratio**k for amplitude, ratio in self.terms)
        )

    def states(self, k: sp.Expr, form: str) -> tuple[sp.Expr, ...]:
        """The modes after step k."""
        return tuple(
            self.impulse_weight * b * multiplier ** (k - 1)
            + sp.Add(*(A * b * geometric_sum(multiplier, ratio, k, form) for A, ratio in self.terms))
            for multiplier, b in zip(self.model.multipliers, self.model.input_vector, strict=True)
        )


def geometric_sum(multiplier: sp.Expr, ratio: sp.Expr, k: sp.Expr, form: str = "closed") -> sp.Expr:
    r"""$\sum_{i=1}^k \lambda^{k-i} \rho^i = \rho\,(\rho^k - \lambda^k)/(\rho - \lambda)$.

    At $\rho = \lambda$ it is $k \rho^k$.

    Parameters
    ----------
    form
        ``"closed"``: both cases; ``"generic"``: the quotient unless the two are equal; ``"sum"``: the sum.

    Examples
    --------
    >>> lam, k = sp.Symbol("lambda"), sp.Symbol("k", integer=True, positive=True)
    >>> geometric_sum(lam, sp.S.One, k).subs(lam, 1)
    k
    """
    if form == "sum":
        i = sp.Symbol("i", integer=True, positive=True)
        return sp.Sum(multiplier ** (k - i) * ratio**i, (i, 1, k))
    gap = ratio - multiplier
    if gap.is_zero:
        return k * ratio**k
    quotient = ratio * (ratio**k - multiplier**k) / gap
    if form == "generic":
        return quotient
    return sp.Piecewise((k * ratio**k, sp.Eq(multiplier, ratio)), (quotient, True))


def _discrete_law(forced: _Forced, k: sp.Symbol, alpha: tuple[int, ...], form: str, case: str) -> list[Identity]:
    """The value at k = 1, and the one-step rule T9 of the monomial."""
    now, later = forced.states(k, form), forced.states(k + 1, form)
    first = tuple(b * forced.excitation(sp.S.One) for b in forced.model.input_vector)
    u = forced.excitation(k + 1)
    terms = []
    for beta in product(*(range(power + 1) for power in alpha)):
        kept = monomial_of([m * x for m, x in zip(forced.model.multipliers, now, strict=True)], beta)
        kicks = [b * u for b in forced.model.input_vector]
        rest = tuple(high - low for high, low in zip(alpha, beta, strict=True))
        terms.append(prod(map(comb, alpha, beta)) * kept * monomial_of(kicks, rest))
    gaps = {
        ratio - m
        for (_, ratio) in forced.terms
        for m, power in zip(forced.model.multipliers, alpha, strict=True)
        if power and form != "sum"
    }
    used = tuple(sorted((gap for gap in gaps if not gap.is_number), key=sp.default_sort_key))
    return [
        Identity(
            sp.Subs(monomial_of(now, alpha), k, 1),
            monomial_of(first, alpha),
            name=f"{case}value at k = 1, exponents {_listed(alpha)}",
            because="from rest, the first input alone",
            nonzero=used,
            sizes=_sizes(alpha),
        ),
        Identity(
            monomial_of(later, alpha),
            sp.Add(*terms),
            name=f"{case}T9, exponents {_listed(alpha)}",
            because=r"$x_{k+1} = \lambda x_k + \bar bu_{k+1}$ and the binomial theorem",
            nonzero=used,
            sizes=_sizes(alpha),
        ),
    ]


def _sizes(alpha: tuple[int, ...]) -> str:
    return f"N = {len(alpha)}, exponents {_listed(alpha)}"


def _listed(alpha: tuple[int, ...]) -> str:
    return ", ".join(map(str, alpha))


def monomial_of(values: Sequence[sp.Expr], alpha: Sequence[int]) -> sp.Expr:
    r"""$\prod_n v_n^{\alpha_n}$."""
    return sp.Mul(*(value**power for value, power in zip(values, alpha, strict=True)))


def _lowered(alpha: tuple[int, ...], n: int) -> tuple[int, ...]:
    return (*alpha[:n], alpha[n] - 1, *alpha[n + 1 :])
