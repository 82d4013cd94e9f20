r"""Ranges of every intermediate value of the exact network over a box of inputs.

Interval arithmetic layer by layer, for each step and channel: a value is enclosed as middle ± radius, the correlation
between channels and steps is lost at every map, so ranges grow with depth. Outputs of LayerNorm and RMSNorm stay within
$\sqrt H$, gates within the range of their function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.enclosures import Enclosed, Floats, outward
from carleman_ssm.operators.activation_bounds import value_bounds
from carleman_ssm.operators.ball_arrays import affine, convolution, normalised_balls, product, total
from carleman_ssm.operators.stack import Norm, Stack, StackLayer
from carleman_ssm.theory.activations import Activation


@dataclass(frozen=True, eq=False)
class LayerRules:
    """What a layer's decoders stand for: the activation φ, and the gate's function where the output is gated."""

    activation: Activation
    gate: Activation | None = None


@dataclass(frozen=True, eq=False)
class LayerRanges:
    """Ranges of what one layer computes, each (L, H) or (L, 2H) as middle and radius; names as in `LayerTrace`."""

    source: Enclosed
    drive: Enclosed
    preactivation: Enclosed
    activated: Enclosed
    mapped: Enclosed
    gate: Enclosed | None
    branch: Enclosed
    summed: Enclosed
    result: Enclosed

    def interval(self, role: str = "preactivation") -> tuple[Floats, Floats]:
        """Hull over the steps of one range, (H,), (H,); the role ``"gate"`` is the argument of the gate."""
        values = half(self.mapped, 1) if role == "gate" else getattr(self, role)
        radius = outward(values.error)
        return (
            np.nextafter((values.value - radius).min(axis=0), -np.inf),
            np.nextafter((values.value + radius).max(axis=0), np.inf),
        )


def box_ranges(stack: Stack, rules: Sequence[LayerRules], input_bound: float) -> tuple[LayerRanges, ...]:
    r"""Ranges over all inputs of at most ``stack.length`` steps with $|x_{k,j}| \le B$, layer by layer.

    Parameters
    ----------
    rules
        Activation and gate of every layer.
    input_bound
        B ≥ 0.

    Raises
    ------
    ValueError
        B is negative or not finite.
    """
    if not (np.isfinite(input_bound) and input_bound >= 0):
        msg = f"input_bound must be a finite number that is not negative, got {input_bound}"
        raise ValueError(msg)
    shape = (stack.length, stack.features)
    with np.errstate(all="ignore"):  # a range that leaves float64 becomes infinite or NaN, which bounds nothing
        hidden = affine(stack.encoder, Enclosed(np.zeros(shape), np.full(shape, float(input_bound))))
        found: list[LayerRanges] = []
        for layer, rule in zip(stack.layers, rules, strict=True):
            found.append(layer_ranges(layer, rule, hidden))
            hidden = found[-1].result
    return tuple(found)


def layer_ranges(layer: StackLayer, rules: LayerRules, source: Enclosed) -> LayerRanges:
    """Ranges within one layer whose input lies in `source` (L, H)."""
    drive = normalised_range(layer.norm_before, source)
    preactivation = convolution(layer.kernel, drive)
    activated = _applied(rules.activation, preactivation)
    mapped = activated if layer.output is None else affine(layer.output, activated)
    gate, branch = None, mapped
    if layer.gated:
        if rules.gate is None:
            msg = "the output is gated: give the gate's function in the layer's rules, such as activation('sigmoid')"
            raise ValueError(msg)
        gate = _applied(rules.gate, half(mapped, 1))
        branch = product(half(mapped, 0), gate)
    summed = total(branch, source) if layer.residual else branch
    result = normalised_range(layer.norm_after, summed)
    return LayerRanges(source, drive, preactivation, activated, mapped, gate, branch, summed, result)


def normalised_range(norm: Norm | None, values: Enclosed) -> Enclosed:
    """Range of a norm's output, if there is one."""
    if norm is None:
        return values
    inner = values if norm.is_affine else normalised_balls(norm, values)[2]
    return total(product(inner, norm.weight), norm.bias)


def half(values: Enclosed, which: int) -> Enclosed:
    """The value rows (0) or gate rows (1) of a gated map."""
    return Enclosed(np.split(values.value, 2, axis=-1)[which], np.split(values.error, 2, axis=-1)[which])


def _applied(rule: Activation, values: Enclosed) -> Enclosed:
    radius = outward(values.error) + 2.0**-52 * np.abs(values.value)
    return value_bounds(rule, values.value - radius, values.value + radius)
