r"""Closed responses from rest to impulse, step, exponential and sinusoid, in continuous and discrete time.

Of the lifted monomials $X_\alpha = \prod_n x_n^{\alpha_n}$ and of the output $z = \sigma(c^\top x + D u)$.

For $u = \sum_j A_j e^{s_j t}$ a mode answers $x_n = b_n \sum_j A_j\, t\, e^{s_j t} \varphi_1((a_n - s_j) t)$,
that is $b_n (e^{s_j t} - e^{a_n t})/(s_j - a_n)$ without its singularity: at resonance, $s_j = a_n$, it is
$b_n t e^{a_n t}$. In discrete time $x_n = \bar b_n \sum_j A_j \sum_{i=1}^k \lambda_n^{k-i} \rho_j^i$;
the
geometric sum is $\rho_j (\rho_j^k - \lambda_n^k)/(\rho_j - \lambda_n)$, or $k \rho_j^k$ at resonance,
$\rho_j = \lambda_n$.

Stored conjugate pairs are doubled first (`with_conjugates`): modes M, …, 2M-1 are the partners.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import comb, factorial, prod
from typing import Literal

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.excitations import Excitation
from carleman_ssm.theory.motions import Motion, continuous_motion, discrete_motion, monomial_of
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_count
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM

Form = Literal["closed", "sum"]
REFERENCE = "derivations/15_closed_responses"
_SMALL = 40  # readout certificates are attached up to this many monomials


def lifted_response(
    model: DiagonalSSM | DiscreteSSM,
    excitation: Excitation,
    exponents: Sequence[int],
    *,
    step: sp.Expr = sp.S.One,
    form: Form = "closed",
) -> ClosedForm:
    r"""The monomial $X_\alpha = \prod_n x_n^{\alpha_n}$ of the answer from rest, in t (or in k).

    Parameters
    ----------
    exponents
        $\alpha$, one integer $\ge 0$ per mode (of the doubled system for stored conjugate pairs).
    step
        $\Delta$ [time] of a discrete model: $\rho_j = e^{s_j \Delta}$.
    form
        For a discrete model: ``"closed"`` distinguishes resonance by cases; ``"sum"`` keeps the geometric
        sum, which needs no cases and loses no digits *near* resonance, at a cost of k terms.

    Returns
    -------
    ClosedForm, for $t > 0$ or $k \ge 1$. Certificates: the initial value and
    $\dot X_\alpha = (\alpha \cdot a) X_\alpha + u \sum_n \alpha_n b_n X_{\alpha - e_n}$ (T14); or the first
    value and the one-step rule T9, each also at resonance; for a single exponential the expansion of T15.

    References
    ----------
    THEORY T14, T15 (continuous), T9 (discrete).

    Examples
    --------
    >>> decay = DiagonalSSM((-1,), (1,), (1,))
    >>> lifted_response(decay, Excitation.exponential(-1), (2,)).where
    mappingproxy({x_0: t*exp(-t)})
    """
    motion = _motion(model, excitation, step, form)
    alpha = tuple(require_count(power, f"exponent {n}") for n, power in enumerate(exponents))
    if len(alpha) != len(motion.states):
        msg = f"the model has {len(motion.states)} modes (partners included), got {len(alpha)} exponents"
        raise ValueError(msg)
    names = _state_symbols(len(alpha))
    where = motion.where | {
        name: state for name, state, power in zip(names, motion.states, alpha, strict=True) if power
    }
    symbol = sp.Symbol("_".join(["X", *map(str, alpha)]))
    return _closed_form(
        symbol, monomial_of(names, alpha), model, excitation, step, motion, where, tuple(motion.law(alpha))
    )


def output_response(
    model: DiagonalSSM | DiscreteSSM,
    decoder: PolynomialDecoder,
    excitation: Excitation,
    *,
    step: sp.Expr = sp.S.One,
    form: Form = "closed",
) -> ClosedForm:
    r"""The output $z = \sigma(c^\top x + D u)$ of the answer from rest, as a function of t (or of k).

    Parameters
    ----------
    decoder
        $\sigma$; it stays factored.
    step, form
        As in `lifted_response`.

    Returns
    -------
    ClosedForm of $z$, for $t > 0$ or $k \ge 1$ (a continuous impulse acts through D only at $t = 0$).
    Certificates: start and law of motion of every mode; $z = \sum_\alpha G_\alpha X_\alpha$ (small sizes).

    References
    ----------
    THEORY T15, T9.
    """
    motion = _motion(model, excitation, step, form)
    doubled = model.with_conjugates()
    names, y = _state_symbols(doubled.states), sp.Symbol("y")
    where = motion.where | dict(zip(names, motion.states, strict=True))
    where[y] = doubled.readout(names, motion.excitation)
    units = [tuple(int(n == m) for m in range(doubled.states)) for n in range(doubled.states)]
    laws = [identity for unit in units for identity in motion.law(unit)]
    if comb(doubled.states + decoder.degree, decoder.degree) <= _SMALL:
        laws.append(_readout_certificate(doubled, decoder, names))
    return _closed_form(
        sp.Symbol("z"),
        decoder(y),
        model,
        excitation,
        step,
        motion,
        where,
        tuple(laws),
        tuple(_ordered_symbols(decoder.coefficients)),
    )


def _closed_form(
    symbol: sp.Symbol,
    expression: sp.Expr,
    model: DiagonalSSM | DiscreteSSM,
    excitation: Excitation,
    step: sp.Expr,
    motion: Motion,
    where: dict[sp.Symbol, sp.Expr],
    certificates: tuple[Identity, ...],
    more: tuple[sp.Symbol, ...] = (),
) -> ClosedForm:
    step_symbols = _ordered_symbols([sp.sympify(step, strict=True)])
    given = (*model.parameters, *more, *excitation.parameters, *step_symbols)
    taken = sorted({str(motion.time), *motion.bound, *map(str, where)} & set(map(str, given)))
    if taken:
        msg = f"the names {', '.join(taken)} are used by the response itself: rename the parameters"
        raise ValueError(msg)
    used = set().union(expression.free_symbols, *(value.free_symbols for value in where.values()))
    arguments = (*(s for s in dict.fromkeys(given) if s in used), motion.time)
    return ClosedForm(symbol, expression, arguments, where, certificates, REFERENCE)


def _motion(model: DiagonalSSM | DiscreteSSM, excitation: Excitation, step: sp.Expr, form: Form) -> Motion:
    if form not in ("closed", "sum"):
        msg = f"form must be 'closed' or 'sum', got {form!r}"
        raise ValueError(msg)
    if isinstance(model, DiagonalSSM):
        return continuous_motion(model.with_conjugates(), excitation)
    return discrete_motion(model, excitation, step, form)


def _readout_certificate(
    model: DiagonalSSM | DiscreteSSM, decoder: PolynomialDecoder, states: tuple[sp.Symbol, ...]
) -> Identity:
    r"""$\sigma(c^\top x + D u) = \sum_\alpha G_\alpha x^\alpha$ for any state x and input u."""
    u = sp.Symbol("u")
    shifted = decoder.shifted(model.feedthrough * u)
    terms = []
    for alpha in product(range(decoder.degree + 1), repeat=model.states):
        if sum(alpha) <= decoder.degree:
            count = factorial(sum(alpha)) // prod(map(factorial, alpha))
            weight = count * monomial_of(model.output_vector, alpha) * shifted.coefficients[sum(alpha)]
            terms.append(weight * monomial_of(states, alpha))
    output = decoder(model.readout(states, u))
    return Identity(
        output,
        sp.Add(*terms),
        name="the output reads the lifted monomials",
        because="multinomial theorem",
        sizes=f"N = {model.states}, P = {decoder.degree}",
    )


def _state_symbols(count: int) -> tuple[sp.Symbol, ...]:
    return tuple(sp.Symbol(f"x_{n}") for n in range(count))


def _ordered_symbols(entries: Sequence[sp.Expr]) -> list[sp.Symbol]:
    return list(dict.fromkeys(symbol for entry in entries for symbol in sorted(entry.free_symbols, key=str)))
