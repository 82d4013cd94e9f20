r"""Certified error of a prediction: exact network on the exact input of a family, against the printed logits.

The printed pre-activations are sums of $W\,\mathrm{Re}(A\,G_n(\rho))$. With the errors of the kernel $\delta K$, of
the amplitude $\delta A$ and of the ratio (relative, r), and $\eta_n = (1+r)^n(1+4u)^n - 1$ for the doubling,

$$|\hat G_n - G_n| \le \max(1,|\rho|)^n\Bigl(\sum_{m\le n}\delta K_m + \eta_n\sum_{m\le n}|K_m|\Bigr).$$

In $\eta_n$: $K_{n-l}\rho^l$ is made by l complex products, each off by at most $\sqrt5u$, with fused multiply-adds 2u
(Brent, Percival and Zimmermann 2007), and at most $1 + \log_2n \le n$ additions, each by u.

A and ρ are enclosed in ball arithmetic, so the bound is about the real cosine and exponential of the parameters, not
about their float64 values. What follows the pre-activations is bounded as in `operators.certificate`, on the values
that this input reaches, and not on those of a box.
"""

from __future__ import annotations

from dataclasses import dataclass

import flint
import numpy as np

from carleman_ssm.networks.enclosures import Floats, gamma, outward, working_precision
from carleman_ssm.networks.kernel import COMPLEX_PRODUCT, NEGLIGIBLE
from carleman_ssm.operators.certificate import PreactivationBounds, bias_trajectory, certificate
from carleman_ssm.operators.one_layer import OneLayerForm
from carleman_ssm.operators.one_layer_construction import lipschitz_bounds
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.predictions.geometric_inputs import InputFamily, SimpleFamily
from carleman_ssm.predictions.input_families import Impulse


@dataclass(frozen=True)
class TermErrors:
    r"""Error of an amplitude, and relative error $|\hat\rho/\rho - 1|$ of a ratio, as a family prints them."""

    amplitude: float
    ratio: float


def _balls(part: SimpleFamily) -> tuple[flint.acb, flint.acb]:
    """Amplitude and exponent $s + iω$ of a part, as balls."""
    height = flint.arb(getattr(part, "height", getattr(part, "amplitude", 0.0)))
    phase = flint.arb(getattr(part, "phase", 0.0))
    exponent = flint.acb(flint.arb(getattr(part, "rate", 0.0)), flint.arb(getattr(part, "frequency", 0.0)))
    return flint.acb(height) * flint.acb(0, phase).exp(), exponent


def term_errors(part: SimpleFamily) -> TermErrors:
    """How far the float64 amplitude and ratio of a part are from those of its parameters."""
    term = part.term
    with working_precision():
        amplitude, exponent = _balls(part)
        lost = abs(flint.acb(term.amplitude) - amplitude).upper()
        relative = flint.arb(0)
        if not isinstance(part, Impulse) and abs(term.ratio) > NEGLIGIBLE:
            relative = abs(flint.acb(term.ratio) / exponent.exp() - 1).upper()
    return TermErrors(float(outward(float(lost))), float(outward(float(relative))))


def input_error(part: SimpleFamily, length: int) -> float:
    """Largest distance between the float64 input of one part and the exact one, over all steps."""
    printed = part.sequence(length, part.channel + 1)[part.position :, part.channel].tolist()
    with working_precision():
        amplitude, exponent = _balls(part)
        ages = range(1) if isinstance(part, Impulse) else range(len(printed))
        lost = [float(abs((amplitude * (exponent * n).exp()).real - printed[n]).upper()) for n in ages]
    return float(outward(max(lost)))


def sum_errors(family: InputFamily, length: int, features: int) -> Floats:
    r"""Largest distance between the float64 input and the exact one in every channel, over all steps, (d,).

    Of the n parts in a channel, and of adding them up: $\sum_i\delta x_i + \gamma_{n-1}\max_k\sum_i|x_{k,i}|$. Parts
    that cancel leave the rounding of their own size behind.
    """
    parts, size = np.zeros(features), np.zeros((length, features))
    counts = np.bincount([part.channel for part in family.parts], minlength=features)
    for part in family.parts:
        parts[part.channel] += input_error(part, length)
        size += np.abs(part.sequence(length, features))
    adding = np.array([gamma(max(0, count - 1)) for count in counts.tolist()])
    return outward(parts + adding * size.max(axis=0))


def family_bounds(form: OneLayerForm, family: InputFamily, printed: Floats) -> PreactivationBounds:
    r"""Size and rounding of the printed pre-activations (length, H) of an input.

    The size is the printed one and its error, so it is known better than for a box. One printed part is
    $W\,\mathrm{Re}(AG)$: three roundings, as $|A_rG_r| + |A_iG_i| \le |A||G|$, and one more for each addition.
    """
    length = len(printed)
    bias = bias_trajectory(form)
    size, rounding = np.abs(bias.value[:length]), bias.error[:length].copy()
    for part in family.parts:
        reach, lost = _part_errors(form, part, length)
        size, rounding = size + reach, rounding + lost
    rounding = outward(rounding + gamma(len(family.parts) + 3) * size)
    bound = float(np.abs(family.sequence(length, form.features)).max())
    return PreactivationBounds(bound, outward(np.abs(printed) + rounding), rounding)


def _part_errors(form: OneLayerForm, part: SimpleFamily, length: int) -> tuple[Floats, Floats]:
    """Size of what a part adds to the pre-activations, and its error, (length, H) each."""
    term, errors = part.term, term_errors(part)
    age = np.arange(length - part.position)[:, None]
    with np.errstate(over="ignore"):
        growth = outward(np.asarray(max(1.0, abs(term.ratio) / (1.0 - errors.ratio)) ** age, dtype=np.float64))
        # A ratio below NEGLIGIBLE is off by less than that: nothing beside the 4u of one step
        eta = outward(np.expm1(age * (COMPLEX_PRODUCT + errors.ratio)))
    kernel = form.kernel
    summed = np.cumsum(kernel.magnitude[:, : len(age)], axis=1).T
    response = outward(growth * summed * (1.0 + eta))
    response_error = outward(growth * (np.cumsum(kernel.error[:, : len(age)], axis=1).T + eta * summed))
    weight, weight_error = form.drive_weight.magnitude[:, part.channel], form.drive_weight.error[:, part.channel]
    # |Ŵ Â Ĝ − W A G| ≤ |W| (|Â| |Ĝ − G| + |Â − A| |G|) + |Ŵ − W| |Â Ĝ|
    amplitude = abs(term.amplitude)
    lost = weight * (amplitude * response_error + errors.amplitude * response) + weight_error * amplitude * response
    before = np.zeros((part.position, form.channels))
    return (
        np.concatenate([before, outward(amplitude * weight * response)]),
        np.concatenate([before, outward(lost)]),
    )


def prediction_error(operator: OneLayerOperator, family: InputFamily, printed: Floats) -> Floats:
    r"""Bound (classes,) of |printed − exact logit| for printed pre-activations (length, H) inside the intervals.

    Exact is the real function of the stored parameters, with the network's own activation, on the exact input.

    Raises
    ------
    ValueError
        A pooled sum or a logit could leave the range of float64.

    References
    ----------
    THEORY T10, T13; Higham, Accuracy and Stability of Numerical Algorithms, §3.1.
    """
    form, length = operator.form, len(printed)
    bounds = family_bounds(form, family, printed)
    interval = operator.certificate.lower, operator.certificate.upper
    rule = layer_rules(operator.network)[0].activation
    lipschitz = lipschitz_bounds(rule, operator.decoders, bounds, interval)
    proof = certificate(form, operator.decoders, bounds, lipschitz, interval, "sequences")
    if not form.skip.value.any() and not form.skip.error.any():
        return proof.per_class
    return outward(proof.per_class + form.skip.magnitude @ sum_errors(family, length, form.features))
