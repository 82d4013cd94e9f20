r"""One layer of the forward pass in terms of errors: how far computed values are from the exact network's.

At each place the computed value of *any* run (any order of summation) lies within `spread` of `middle`, and so does the
exact network's; they differ by at most `radius`. For given sequences the middle is one computed run, and
spread = 2 · radius; over a box it is the range of the exact network, widened by the radius.

The radius follows $\delta_{\rm out} = \text{local} + J\,\delta_{\rm in}$, exactly, with J an affine map, a mean slope
of the activation over the spread (mean value theorem), the product rule of a gate, or the mean Jacobian of a norm. What
is local (fit, rounding) and what J is, is kept for the pass back (`error_adjoint`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.convolution import summands
from carleman_ssm.networks.enclosures import UNDERFLOW, UNIT_ROUNDOFF, Enclosed, Floats, gamma, outward
from carleman_ssm.operators.activation_bounds import slope_bounds, value_bounds
from carleman_ssm.operators.ball_arrays import centred_radius, convolved, normalised_balls, normalised_cap
from carleman_ssm.operators.decoders import ChannelDecoders
from carleman_ssm.operators.ranges import LayerRules
from carleman_ssm.operators.stack import AffineMap, Norm, StackLayer
from carleman_ssm.operators.stack_trace import LayerDecoders
from carleman_ssm.theory.activations import Activation


@dataclass(frozen=True, eq=False)
class Stage:
    """Computed and exact values both lie in middle ± spread and are at most `radius` apart; arrays (batch, L, H)."""

    middle: Floats
    spread: Floats
    radius: Floats

    @property
    def magnitude(self) -> Floats:
        """Upper bound of the absolute values, computed or exact."""
        return outward(np.abs(self.middle) + self.spread)

    @property
    def hull(self) -> Enclosed:
        """Both values and all between them."""
        return Enclosed(self.middle, outward(self.spread))

    def half(self, which: int) -> Stage:
        """The value rows (0) or gate rows (1) of a gated map."""
        parts = (np.split(array, 2, axis=-1)[which] for array in (self.middle, self.spread, self.radius))
        return Stage(*parts)


Place = Callable[[str, Floats], Stage]
"""Maps the name of a place in `LayerTrace`, and the radius found there, to its stage."""


@dataclass(frozen=True, eq=False)
class NormStep:
    """A norm at one place: `inverse` is q and `normalised` n = cq over the spread (None where affine)."""

    norm: Norm
    inverse: Enclosed | None
    normalised: Enclosed | None
    local: Floats


@dataclass(frozen=True, eq=False)
class DecoderStep:
    """Slopes over the spread, and what the decoder itself adds: fit (H,) and rounding (H,)."""

    slope: Enclosed
    fit: Floats
    rounding: Floats


@dataclass(frozen=True, eq=False)
class GateStep:
    """The gate: its decoder, its exact range, and the values that it multiplies."""

    decoder: DecoderStep
    opening: Enclosed
    values: Enclosed


@dataclass(frozen=True, eq=False)
class LayerSteps:
    """What the pass back needs of one layer; `*_local` are the roundings made at that place."""

    before: NormStep | None
    preactivation_local: Floats
    decoder: DecoderStep
    mapped_local: Floats | None
    gate: GateStep | None
    summed_local: Floats
    after: NormStep | None
    escaped: Floats


def layer_steps(
    layer: StackLayer, decoders: LayerDecoders, rules: LayerRules, place: Place, source: Stage
) -> tuple[LayerSteps, Stage]:
    """Carry the radius through one layer; `escaped` counts values outside the decoders' intervals, (batch,)."""
    before, radius = norm_step(layer.norm_before, source)
    drive = place("drive", radius)
    preactivation_local, radius = convolution_step(layer.kernel, drive)
    reached = place("preactivation", radius)
    decoder, radius = decoder_step(decoders.activation, rules.activation, reached)
    activated = place("activated", radius)
    mapped_local = None
    if layer.output is not None:
        mapped_local, radius = map_step(layer.output, activated)
    mapped, gate, escaped = place("mapped", radius), None, _escapes(decoders.activation, reached)
    if layer.gated and decoders.gate is not None and rules.gate is not None:
        opening = mapped.half(1)
        step, radius = decoder_step(decoders.gate, rules.gate, opening)
        escaped = escaped + _escapes(decoders.gate, opening)
        gate, radius = gate_step(step, rules.gate, mapped, place("gate", radius))
    branch = place("branch", radius)
    summed_local = outward(UNIT_ROUNDOFF * branch.magnitude) if gate is not None else np.zeros_like(radius)
    if layer.residual:
        radius = outward(branch.radius + source.radius)
        summed_local = summed_local + outward(UNIT_ROUNDOFF * (branch.magnitude + source.magnitude))
    radius = outward(radius + summed_local)
    after, radius = norm_step(layer.norm_after, place("summed", radius))
    steps = LayerSteps(before, preactivation_local, decoder, mapped_local, gate, summed_local, after, escaped)
    return steps, place("result", radius)


def norm_step(norm: Norm | None, stage: Stage) -> tuple[NormStep | None, Floats]:
    r"""$\delta n_h \le q(\delta c_h + |n_h|\,\mathrm{mean}_j|n_j|\delta c_j)$, at most twice the cap of |n|."""
    if norm is None:
        return None, stage.radius
    weight, size = norm.weight.magnitude, stage.magnitude
    if norm.is_affine:
        local = outward((gamma(2) * weight + norm.weight.error) * size + norm.bias.error)
        local = outward(local + gamma(2) * norm.bias.magnitude)
        return NormStep(norm, None, None, local), outward(local + weight * stage.radius)
    channels, cap = size.shape[-1], normalised_cap(norm, size.shape[-1])
    centred, inverse, normalised = normalised_balls(norm, stage.hull)
    moved = _normalised_change(inverse, np.minimum(normalised.magnitude, cap), _centred_change(norm, stage.radius))
    # A computed c does not sum to zero, so the cap of LayerNorm does not hold for it; that of any vector does.
    reach = np.minimum(outward(centred.magnitude * inverse.magnitude), np.sqrt(channels) * (1.0 + 2.0**-40))
    rounded = _normalised_change(inverse, reach, _centring_rounding(norm, size))
    relative = gamma(channels + 12) + UNDERFLOW / norm.eps
    local = weight * (rounded + relative * reach + UNDERFLOW) + gamma(3) * (weight * reach + norm.bias.magnitude)
    local = outward(local + norm.weight.error * reach + norm.bias.error)
    radius = outward(local + weight * np.minimum(finite_or_infinite(moved), 2.0 * cap))
    return NormStep(norm, inverse, normalised, local), radius


def _normalised_change(inverse: Enclosed, reach: Floats, change: Floats) -> Floats:
    """How far n moves when c moves by at most `change`: its Jacobian, at the largest q and |n| over the spread."""
    return outward(inverse.magnitude * (change + reach * (reach * change).mean(axis=-1, keepdims=True)))


def _centred_change(norm: Norm, radius: Floats) -> Floats:
    return centred_radius(radius) if norm.kind == "layer" else radius


def _centring_rounding(norm: Norm, size: Floats) -> Floats:
    """Rounding of $x - mean x$: none without a mean."""
    if norm.kind != "layer":
        return np.zeros_like(size)
    return outward(gamma(size.shape[-1] + 2) * (size + size.mean(axis=-1, keepdims=True)))


def convolution_step(kernel: Enclosed, drive: Stage) -> tuple[Floats, Floats]:
    r"""Rounding $(\gamma_L|K| + \delta K)\star|u|$ of the product, and that plus $|K|\star\delta u$."""
    rough = outward(kernel.error + gamma(summands(kernel.value, drive.middle.shape[1]) + 1) * kernel.magnitude)
    local = outward(convolved(rough, drive.magnitude))
    return local, outward(local + convolved(kernel.magnitude, drive.radius))


def decoder_step(decoders: ChannelDecoders, rule: Activation, stage: Stage) -> tuple[DecoderStep, Floats]:
    r"""$|\hat z - \varphi(y)| \le \text{rounding} + \text{fit} + \sup|\varphi'|\,\delta y$."""
    hull = stage.hull
    slope = slope_bounds(rule, hull.value - hull.error, hull.value + hull.error)
    rounding = decoders.rounding(stage.magnitude.max(axis=(0, 1)))
    step = DecoderStep(slope, outward(decoders.fit_error), outward(rounding))
    return step, outward(step.fit + step.rounding + slope.magnitude * stage.radius)


def map_step(mapping: AffineMap, stage: Stage) -> tuple[Floats, Floats]:
    r"""Rounding $(\gamma|W| + \delta W)|z| + \gamma|w| + \delta w$, and that plus $|W|\,\delta z$."""
    weight, bias = mapping.weight, mapping.bias
    rounding = gamma(weight.value.shape[1] + 2)
    local = stage.magnitude @ outward(weight.error + rounding * weight.magnitude).T
    local = outward(local + bias.error + rounding * bias.magnitude)
    return local, outward(local + stage.radius @ weight.magnitude.T)


def gate_step(decoder: DecoderStep, rule: Activation, mapped: Stage, gate: Stage) -> tuple[GateStep, Floats]:
    r"""$\hat a\hat s - as = \hat a(\hat s - s) + (\hat a - a)s$, with s in the exact range of the gate."""
    values, argument = mapped.half(0), mapped.half(1).hull
    opening = value_bounds(rule, argument.value - argument.error, argument.value + argument.error)
    apart = np.abs(gate.middle - opening.value) + gate.spread + opening.error
    change = np.minimum(finite_or_infinite(gate.radius), finite_or_infinite(outward(apart)))
    radius = outward(values.magnitude * change + values.radius * opening.magnitude)
    return GateStep(decoder, opening, values.hull), radius


def finite_or_infinite(bound: Floats) -> Floats:
    """A bound that could not be computed (NaN) is infinite."""
    return np.where(np.isnan(bound), np.inf, bound)


def _escapes(decoders: ChannelDecoders, stage: Stage) -> Floats:
    """Number of middles outside the decoders' intervals, (batch,)."""
    lower, upper = decoders.interval
    outside = ~((stage.middle >= lower) & (stage.middle <= upper))
    return np.asarray(outside.sum(axis=(1, 2)), dtype=np.float64)
