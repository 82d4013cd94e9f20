r"""Logits of a trained polynomial network as explicit expressions of a family's parameters.

With $\lambda = e^\ell$ a mode of a channel, w its weight and $\rho = e^\sigma$ the ratio of the input, the mode adds
$\mathrm{Re}\,w\,\Gamma_n(\lambda, \rho)$ to the response at n steps after the start,

$$\Gamma_n = \rho^n(n+1)\,\frac{\varphi_1\big((n+1)\zeta\big)}{\varphi_1(\zeta)},\qquad \zeta = \ell - \sigma,$$

whole at resonance, $\zeta = 0$ (`finite_responses`). A sinusoid has $\sigma = \pm i\omega$, a step $\sigma = 0$. The
bias of the drive is a step of its own from step 0 on. A step is not split into its steady value $w/(1-\lambda)$ and a
transient: for a slow mode these are large and cancel, and digits of the numbers would be lost.

Numbers are rounded to a stated number of digits and are then exact decimals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.networks.kernel import modes
from carleman_ssm.operators.closed_forms import decimal
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.predictions.arguments import checked_label, checked_length
from carleman_ssm.predictions.family_symbols import FamilySymbols, symbols_of
from carleman_ssm.predictions.geometric_inputs import Complexes, InputFamily, SimpleFamily
from carleman_ssm.theory.finite_responses import AGE, geometric_response, near_resonance

MAX_MODES = 1024
SILENT = 1e-150  # multipliers below it have no logarithm, or none that matters: the mode is silent after its first step
_Wave = tuple[sp.Expr, sp.Expr, sp.Expr, sp.Expr]
REFERENCE = "derivations/23_frequency_responses"

_k = sp.Symbol("k", integer=True, nonnegative=True)


@dataclass(frozen=True)
class _Channel:
    r"""One channel of the layer in decimals.

    Modes as pairs $(w, \ell)$ and as damped waves; feedthrough D; drive; bias b, and bD.
    """

    modes: tuple[tuple[sp.Expr, sp.Expr], ...]
    kernel: tuple[_Wave, ...]
    feedthrough: sp.Expr
    drive: tuple[sp.Expr, ...]
    bias: sp.Expr
    bias_at_once: sp.Expr


def logit_formula(
    operator: NetworkOperator,
    family: InputFamily | type[SimpleFamily],
    label: int,
    digits: int = 6,
    *,
    free: Sequence[str] | None = None,
    length: int | None = None,
) -> ClosedForm:
    r"""One logit of a trained polynomial network as an expression of the parameters of an input family.

    Exact at finite length, with the bias trajectory and the transients, for the numbers shown. How far these move it
    from `predict` is not bounded: where channels or modes cancel, more digits are needed.

    Parameters
    ----------
    operator
        Of one layer with a polynomial activation.
    family
        A family, or an input (a sum of inputs too), whose parameters are numbers except the `free` ones. Symbols:
        height or amplitude a, rate s, frequency ω, phase θ, position p.
    label
        The class, 0 … classes − 1.
    digits
        Significant digits of the numbers.
    free
        Names of the parameters that stay symbols. By default those of `family_symbols.FREE`: height and rate, or
        amplitude, frequency and phase; of a family that is no input, the position too. Those of the parts of a sum are
        numbered, a_1, a_2, and have numbers as positions.
    length
        Number of steps; by default as many as the operator serves.

    Returns
    -------
    ClosedForm
        Of ``ell``, its arguments the free parameters. `where`, for channel h: B_h[k], what the bias adds to the
        pre-activation, with S_h[n], the sum over modes of the answer to a unit step; G_h[n], the response n steps after
        the start of an input of height one, with F_h[n] (of a step S_h[n]), the sum over modes; y_h[k], the
        pre-activation, of several parts numbered by how many have started; q_h, the pooled decoder of it. xbar is the
        pooled input of a residual path. Certificates: `response_laws`.

    Raises
    ------
    ValueError
        The operator is a fit or of several layers, there is no such class, or more than 1024 modes.
    TypeError
        There is no such parameter, or the label is no integer.

    References
    ----------
    THEORY T10, T15; derivations/23_frequency_responses.
    """
    operator = _supported(operator)
    label = checked_label(label, operator.form.classes)
    steps = checked_length(operator, length)
    parts = symbols_of(family, free, steps, operator.form.features)
    where: dict[sp.Basic, sp.Basic] = {}
    pooled: list[sp.Expr] = []
    for index, channel in enumerate(_channels(operator, digits), start=1):
        response = _preactivation(channel, parts, str(index), where, digits)
        symbol = sp.Symbol(f"q_{index}")
        segments = _segments(response, parts, str(index), where, only_last=operator.form.pool == "last")
        where[symbol] = _pooled(operator, segments, steps, parts, digits)
        pooled.append(symbol)
    form = operator.form
    terms = [decimal(float(form.offset.value[label, 0]), digits)]
    terms += [decimal(r, digits) * q for r, q in zip(form.readout.value[label].tolist(), pooled, strict=True)]
    for number, part in enumerate(parts, start=1):
        mean = sp.Symbol("xbar" if len(parts) == 1 else f"xbar_{number}")
        if weight := decimal(float(form.skip.value[label, part.channel]), digits):
            where[mean] = part.pooled_input(steps, form.pool)
            terms.append(weight * mean)
    arguments = tuple(dict.fromkeys(symbol for part in parts for symbol in part.free))
    return ClosedForm(sp.Symbol("ell"), sp.Add(*terms), arguments, where, response_laws(), REFERENCE)


@cache
def response_laws() -> tuple[Identity, ...]:
    r"""What determines $\Gamma_n$: its laws away from resonance and at it, the form without cancellation, and one mode.

    The last one: $\sum_m\mathrm{Re}(w\lambda^m)\,\mathrm{Re}(e^{i\theta}\rho^{n-m}) = \tfrac12\mathrm{Re}\,
    w\,(e^{i\theta}\Gamma_n(\lambda,\rho) + e^{-i\theta}\Gamma_n(\lambda,\bar\rho))$, its conjugates as letters of
    their own.

    References
    ----------
    derivations/23_frequency_responses.
    """
    away = geometric_response()
    multiplier, ratio = away.arguments[:2]
    generic = away.expression.args[-1].expr
    lam, mu, w, v = sp.symbols("lambda_0 lambdabar_0 w_0 wbar_0")
    rho, tau, u, t = sp.symbols("rho rhobar alpha alphabar")
    m = sp.Symbol("m", integer=True)
    kernel = (w * lam**m + v * mu**m) / 2
    driven = (u * rho ** (AGE - m) + t * tau ** (AGE - m)) / 2
    pairs = [(w, lam), (v, mu)]
    answered = [
        x * y * generic.xreplace({multiplier: one, ratio: other}) / 4
        for x, one in pairs
        for y, other in ((u, rho), (t, tau))
    ]
    law = Identity(
        sp.Sum(sp.expand(kernel * driven), (m, 0, AGE)),
        sp.Add(*answered),
        name="one mode and its conjugate under a real input",
        nonzero=tuple(other - one for _, one in pairs for other in (rho, tau)),
    )
    return (*away.certificates, *near_resonance().certificates, law)


def _supported(operator: NetworkOperator) -> OneLayerOperator:
    if not isinstance(operator, OneLayerOperator):
        msg = (
            "formulas by modes are for one layer with affine surroundings: amplitude_polynomial and "
            "frequency_polynomial serve polynomial networks of any depth"
        )
        raise ValueError(msg)  # noqa: TRY004 - an operator of another kind is a legal operator
    if not operator.exact:
        msg = "the decoder is a fit: only the logits of polynomial networks are formulas of the input's parameters"
        raise ValueError(msg)
    count = operator.network.layers[0].C.size
    if count > MAX_MODES:
        msg = f"a formula with {count} modes is not read by anybody (limit {MAX_MODES}): take amplitude_polynomial"
        raise ValueError(msg)
    return operator


def _channels(operator: OneLayerOperator, digits: int) -> Iterator[_Channel]:
    """The channels in decimals."""
    layer, form = operator.network.layers[0], operator.form
    spectrum = modes(layer)
    for h in range(form.channels):
        multipliers, weights = spectrum.multipliers[h], spectrum.weights[h]
        bias, feedthrough = float(form.drive_bias.value[h, 0]), float(layer.D[h])
        exponents = np.log(np.where(np.abs(multipliers) < SILENT, SILENT, multipliers))
        pairs = zip(weights.tolist(), exponents.tolist(), strict=True)
        yield _Channel(
            tuple((_complex(weight, digits), _complex(exponent, digits)) for weight, exponent in pairs),
            _waves(weights, multipliers, digits),
            decimal(feedthrough, digits),
            tuple(decimal(value, digits) for value in form.drive_weight.value[h].tolist()),
            decimal(bias, digits),
            decimal(bias * feedthrough, digits),
        )


def _rounded(term: sp.Expr, digits: int) -> sp.Expr:
    """A term whose numeric factor, a product of numbers, is rounded as one number."""
    factor, rest = term.as_coeff_Mul()
    return decimal(float(factor), digits) * rest


def _complex(value: complex, digits: int) -> sp.Expr:
    return decimal(value.real, digits) + sp.I * decimal(value.imag, digits)


def _waves(weights: Complexes, multipliers: Complexes, digits: int) -> tuple[_Wave, ...]:
    """Amplitude, decay, frequency and phase of every wave."""
    columns = (np.abs(weights), np.abs(multipliers), np.angle(multipliers), np.angle(weights))
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(
        (decimal(a, digits), decimal(b, digits), decimal(c, digits), decimal(d, digits)) for a, b, c, d in rows
    )


def _sum_of_waves(waves: Sequence[_Wave], age: sp.Expr) -> sp.Expr:
    r"""$\sum A\,r^n\cos(\nu n + \phi)$."""
    return sp.Add(
        *(amplitude * decay**age * sp.cos(frequency * age + phase) for amplitude, decay, frequency, phase in waves)
    )


def _preactivation(
    channel: _Channel, parts: Sequence[FamilySymbols], suffix: str, where: dict[sp.Basic, sp.Basic], digits: int
) -> tuple[sp.Expr, ...]:
    """Defines the bias trajectory and every part's response; what each of them adds at step k."""
    bias, unit_step = sp.IndexedBase(f"B_{suffix}")[_k], sp.IndexedBase(f"S_{suffix}")
    if channel.bias != 0 or any(part.kind == "step" for part in parts):
        where[unit_step[AGE]] = _modal(channel, ((sp.S.One, sp.S.Zero),))
    where[bias] = channel.bias_at_once + channel.bias * sp.re(unit_step[_k])
    added = [bias]
    for number, part in enumerate(parts, start=1):
        name = suffix if len(parts) == 1 else f"{suffix}_{number}"
        response = sp.IndexedBase(f"G_{name}")
        modal = unit_step if part.kind == "step" else sp.IndexedBase(f"F_{name}")
        where |= _response(channel, part, response[AGE], modal[AGE])
        added.append(_rounded(channel.drive[part.channel] * part.height, digits) * response[_k - part.position])
    return tuple(added)


def _response(
    channel: _Channel, part: FamilySymbols, response: sp.Indexed, modal: sp.Indexed
) -> dict[sp.Basic, sp.Basic]:
    """Defines the response of a channel to a part of height one, n steps after its start. `modal`: of a step, known."""
    own = channel.feedthrough * part.shape(AGE)
    if part.kind == "impulse":
        return {response: own + _sum_of_waves(channel.kernel, AGE)}
    if part.kind == "step":
        return {response: own + sp.re(modal)}
    share = sp.Rational(1, len(part.exponentials))
    return {modal: _modal(channel, part.exponentials), response: own + share * sp.re(modal)}


def _modal(channel: _Channel, exponentials: Sequence[tuple[sp.Expr, sp.Expr]]) -> sp.Expr:
    r"""$\sum_jw_j\sum_\sigma e^{i\theta}\Gamma_n(e^{\ell_j}, e^\sigma)$ over pairs of turn and σ."""
    return sp.Add(
        *(
            turn * weight * _gamma(exponent, rate, AGE)
            for weight, exponent in channel.modes
            for turn, rate in exponentials
        )
    )


def _gamma(exponent: sp.Expr, rate: sp.Expr, age: sp.Expr) -> sp.Expr:
    r"""$\Gamma_n(e^\ell, e^\sigma)$ by `near_resonance`, which is symmetric in both."""
    form = near_resonance()
    multiplier, gap, n = form.arguments
    values: Mapping[sp.Basic, sp.Basic] = {multiplier: sp.exp(rate), gap: exponent - rate, n: age}
    return form.expression.xreplace(values)


def _starts(parts: Sequence[FamilySymbols]) -> list[int]:
    """The parts in the order in which they start."""
    return sorted(range(len(parts)), key=lambda index: int(parts[index].position) if len(parts) > 1 else 0)


def _segments(
    added: Sequence[sp.Expr],
    parts: Sequence[FamilySymbols],
    suffix: str,
    where: dict[sp.Basic, sp.Basic],
    *,
    only_last: bool,
) -> tuple[sp.Expr, ...]:
    """Defines the pre-activation at step k with none, one, … of the parts started, where there are such steps."""
    starts, found = _starts(parts), [added[0]]
    for count in range(1, len(parts) + 1):
        name = f"y_{suffix}" if len(parts) == 1 else f"y_{suffix}_{count}"
        y = sp.IndexedBase(name)[_k]
        is_empty = count < len(parts) and (
            only_last or parts[starts[count]].position == parts[starts[count - 1]].position
        )
        if not is_empty:
            where[y] = added[0] + sp.Add(*(added[1 + index] for index in starts[:count]))
        found.append(y)
    return tuple(found)


def _pooled(
    operator: OneLayerOperator, segments: Sequence[sp.Expr], steps: int, parts: Sequence[FamilySymbols], digits: int
) -> sp.Expr:
    """Mean or last value of the decoder, the steps split where the parts of the input start."""
    coefficients = operator.decoders.taylor(np.zeros(1), operator.degree)[:, 0].tolist()
    powers = [decimal(value, digits) for value in coefficients]
    decoded = [sp.Add(*(value * y**power for power, value in enumerate(powers))) for y in segments]
    if operator.form.pool == "last":
        return decoded[-1].subs(_k, steps - 1)
    edges = [sp.S.Zero, *(parts[index].position for index in _starts(parts)), sp.Integer(steps)]
    sums = [
        sp.Sum(summand, (_k, first, last - 1))
        for summand, (first, last) in zip(decoded, pairwise(edges), strict=True)
        if first != last
    ]
    return sp.Rational(1, steps) * sp.Add(*sums)
