r"""Certified end-to-end error of a deep operator: for given sequences, or for all inputs in a box.

Truth is the exact real function of the stored parameters (exact activations, gates and norms); the bound holds for the
logits that the operator prints in float64, whatever the order of its sums. Radii are carried forward (`error_steps`);
the pass back (`error_adjoint`) weighs what is local to each place with the adjoint of everything after it. The
smaller of the two bounds is kept. Nothing here is measured, and what cannot be bounded is infinite.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from carleman_ssm.networks.enclosures import Enclosed, Floats, outward
from carleman_ssm.operators.decoders import ChannelDecoders
from carleman_ssm.operators.error_readout import (
    Pooled,
    Propagated,
    box_pairs,
    box_seeds,
    full_length_weights,
    place_names,
    pooled_prefixes,
    pooled_sequences,
    prefix_weights,
    readout_bounds,
    sequence_pairs,
    sequence_seeds,
)
from carleman_ssm.operators.error_steps import Place, Stage, layer_steps, map_step
from carleman_ssm.operators.operator import Flags
from carleman_ssm.operators.ranges import LayerRanges, LayerRules, box_ranges
from carleman_ssm.operators.stack import Norm, Stack
from carleman_ssm.operators.stack_certificate import StackCertificate, sequence_digest
from carleman_ssm.operators.stack_trace import LayerDecoders, LayerTrace, run
from carleman_ssm.theory.activations import Activation

__all__ = ["LayerRules", "box_ranges", "certify_box", "certify_sequences"]

LARGEST = 1e150
"""Where a magnitude exceeds this, a product or a square could leave float64, and no bound is given."""
BLOCK_ENTRIES = 2**18


def certify_sequences(
    stack: Stack, decoders: Sequence[LayerDecoders], rules: Sequence[LayerRules], inputs: Floats
) -> StackCertificate:
    r"""Bounds of |printed − exact logit| for each of the given sequences.

    Parameters
    ----------
    stack, decoders
        The operator.
    rules
        What the decoders stand for, per layer.
    inputs
        (batch, L, d), float64, at least one sequence of at most ``stack.length`` steps.

    Returns
    -------
    StackCertificate
        Infinite for a sequence that leaves the interval of a decoder (the operator refuses it) or float64.

    Raises
    ------
    ValueError
        Rules, decoders and layers do not match, a norm is not the exact one, or the inputs have a wrong shape.

    References
    ----------
    Mean value forms: Moore, Kearfott, Cloud (2009), Introduction to Interval Analysis, §6; rounding of sums: Higham
    (2002), Accuracy and Stability of Numerical Algorithms, §3.1; ball arithmetic: Johansson (2017).

    Examples
    --------
    The square is exact, so nothing but rounding is left of the bound:

    >>> from carleman_ssm.operators.decoders import ExactDecoders
    >>> from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
    >>> from carleman_ssm.operators.stack import build_stack
    >>> from carleman_ssm.theory.activations import activation
    >>> layer = S4DLayer(log_dt=[0.0], log_A_real=[[0.0]], A_imag=[[0.0]], C=[[0.5]], D=[0.0])
    >>> config = NetworkConfig(activation="square", output="none", residual=False, pool="last")
    >>> network = S4DNetwork([[1.0]], [0.0], (layer, layer), [[1.0]], [0.0], config)
    >>> decoders = LayerDecoders(ExactDecoders(np.array([0.0, 0.0, 1.0]), channels=1))
    >>> rules = LayerRules(activation("square"))
    >>> proof = certify_sequences(build_stack(network, 3), [decoders] * 2, [rules] * 2, np.ones((1, 3, 1)))
    >>> bool(0 < proof.per_class[0] < 1e-13)
    True
    """
    _check(stack, decoders, rules)
    if inputs.ndim != 3 or 0 in inputs.shape or inputs.shape[1] > stack.length:
        msg = f"expected sequences (batch, at most {stack.length} steps, {stack.features}), got shape {inputs.shape}"
        raise ValueError(msg)
    block = max(1, BLOCK_ENTRIES // (2 * stack.classes * inputs.shape[1] * stack.channels))
    with np.errstate(all="ignore"):  # what overflows ends as an infinite bound
        parts = [
            _sequence_block(stack, decoders, rules, inputs[first : first + block])
            for first in range(0, len(inputs), block)
        ]
    single, pairs, sources = (np.concatenate([part[index] for part in parts]) for index in range(3))
    largest, steps = float(np.abs(inputs).max(initial=0.0)), int(inputs.shape[1])
    digests = tuple(sequence_digest(sequence) for sequence in inputs)
    subject = (stack, decoders, rules)
    return StackCertificate(
        "sequences", largest, steps, single, pairs, sources.max(axis=0), place_names(stack), digests, subject
    )


def certify_box(
    stack: Stack,
    decoders: Sequence[LayerDecoders],
    rules: Sequence[LayerRules],
    input_bound: float,
    ranges: Sequence[LayerRanges] | None = None,
) -> StackCertificate:
    r"""One bound for every sequence of at most ``stack.length`` steps with $|x| \le B$ that the operator accepts.

    Sequences whose values leave the interval of a decoder are refused by the operator, so they need no bound.

    Parameters
    ----------
    stack, decoders, rules
        As in `certify_sequences`.
    input_bound
        B.
    ranges
        `box_ranges` of the same box, if they are at hand.

    Raises
    ------
    ValueError
        Rules, decoders and layers do not match, a norm is not the exact one, or B is negative or not finite.
    """
    _check(stack, decoders, rules)
    found = box_ranges(stack, rules, input_bound) if ranges is None else ranges
    seeds = box_seeds(stack.classes)
    shape = (1, stack.length, stack.features)
    inputs = Stage(np.zeros(shape), np.full(shape, float(input_bound)), np.zeros(shape))
    with np.errstate(all="ignore"):  # what overflows ends as an infinite bound
        propagated, invalid = _forward(
            stack, decoders, rules, inputs, [_range_place(*pair) for pair in zip(found, decoders, strict=True)]
        )
        pooled = pooled_prefixes(stack, propagated.result)
        weights = prefix_weights(stack, stack.length)
        bounds, sources = _in_groups(stack, propagated, seeds, weights, pooled)
    bounds = np.where(invalid[:, None], np.inf, bounds)
    single = bounds[:, : stack.classes]
    return StackCertificate(
        "box",
        float(input_bound),
        stack.length,
        single,
        box_pairs(bounds, stack.classes),
        sources[0, :, : stack.classes],
        place_names(stack),
    )


def _in_groups(
    stack: Stack, propagated: Propagated, seeds: Floats, weights: Enclosed, pooled: Pooled
) -> tuple[Floats, Floats]:
    """`readout_bounds` over groups of lengths in blocks of bounded memory; the largest counts."""
    block = max(1, BLOCK_ENTRIES // (seeds.shape[1] * stack.length * stack.channels))
    parts = []
    for first in range(0, len(weights.value), block):
        rows = slice(first, first + block)
        parts.append(
            readout_bounds(stack, propagated, pooled, seeds, Enclosed(weights.value[rows], weights.error[rows]))
        )
    bounds, sources = (np.stack([part[index] for part in parts]).max(axis=0) for index in range(2))
    return bounds, sources


def _sequence_block(
    stack: Stack, decoders: Sequence[LayerDecoders], rules: Sequence[LayerRules], inputs: Floats
) -> tuple[Floats, Floats, Floats]:
    """Bounds (batch, classes), of pairs (batch, classes, classes), and sources (batch, places, classes)."""
    logits, traces = run(stack, decoders, inputs)
    zero = np.zeros_like(inputs)
    propagated, invalid = _forward(
        stack, decoders, rules, Stage(inputs, zero, zero), [_trace_place(trace) for trace in traces]
    )
    escaped = sum((steps.escaped for steps in propagated.steps), np.zeros(len(inputs)))
    invalid = invalid | (escaped > 0) | ~np.isfinite(logits).all(axis=1)
    seeds = sequence_seeds(logits)
    bounds, sources = readout_bounds(
        stack,
        propagated,
        pooled_sequences(stack, propagated.result),
        seeds,
        full_length_weights(stack, inputs.shape[1]),
    )
    bounds = np.where(invalid[:, None], np.inf, bounds)
    return bounds[:, : stack.classes], sequence_pairs(bounds, logits), sources[:, :, : stack.classes]


def _forward(
    stack: Stack,
    decoders: Sequence[LayerDecoders],
    rules: Sequence[LayerRules],
    inputs: Stage,
    places: Sequence[Place],
) -> tuple[Propagated, Flags]:
    """Radii through all layers, and the items whose magnitudes come near the end of float64, (batch,)."""
    encoder_local, radius = map_step(stack.encoder, inputs)
    watch = _Watch(len(inputs.middle))
    stage, steps = watch.seen(places[0]("source", radius)), []
    for layer, decoder, rule, place in zip(stack.layers, decoders, rules, places, strict=True):
        found, stage = layer_steps(layer, decoder, rule, watch.watched(place), stage)
        steps.append(found)
    return Propagated(tuple(steps), encoder_local, stage), watch.large


class _Watch:
    """Notes the items (batch,) of which some magnitude exceeds `LARGEST` or is NaN."""

    def __init__(self, batch: int) -> None:
        self.large: Flags = np.zeros(batch, dtype=np.bool_)

    def seen(self, stage: Stage) -> Stage:
        self.large = self.large | ~(stage.magnitude <= LARGEST).all(axis=(1, 2))
        return stage

    def watched(self, place: Place) -> Place:
        return lambda name, radius: self.seen(place(name, radius))


def _trace_place(trace: LayerTrace) -> Place:
    """Any run lies within the radius of the exact network, hence within twice the radius of this one."""
    return lambda name, radius: Stage(getattr(trace, name), outward(2.0 * radius), radius)


def _range_place(ranges: LayerRanges, decoders: LayerDecoders) -> Place:
    """Computed values lie within the radius of the exact range, and arguments of decoders in their intervals."""

    def place(name: str, radius: Floats) -> Stage:
        exact = getattr(ranges, name)
        middle, spread = exact.value[None], outward(exact.error + radius)
        if name == "preactivation":
            return _clipped(middle, spread, radius, decoders.activation)
        if name == "mapped" and decoders.gate is not None:
            whole = Stage(middle, spread, radius)
            value, gate = whole.half(0), whole.half(1)
            gate = _clipped(gate.middle, gate.spread, gate.radius, decoders.gate)
            joined = (np.concatenate(pair, axis=-1) for pair in zip(_arrays(value), _arrays(gate), strict=True))
            return Stage(*joined)
        return Stage(middle, spread, radius)

    return place


def _arrays(stage: Stage) -> tuple[Floats, Floats, Floats]:
    return stage.middle, stage.spread, stage.radius


def _clipped(middle: Floats, spread: Floats, radius: Floats, decoders: ChannelDecoders) -> Stage:
    """Computed values beyond the interval are refused; the exact ones stay within the radius of what is left."""
    lower, upper = decoders.interval
    low, high = np.clip(middle - spread, lower, upper), np.clip(middle + spread, lower, upper)
    centre = 0.5 * low + 0.5 * high
    half = outward(np.maximum(high - centre, centre - low)) + 2.0**-52 * np.abs(centre)
    return Stage(centre, outward(half + radius), radius)


def _check(stack: Stack, decoders: Sequence[LayerDecoders], rules: Sequence[LayerRules]) -> None:
    if not len(stack.layers) == len(decoders) == len(rules):
        msg = f"{len(stack.layers)} layers need as many decoders and rules, got {len(decoders)} and {len(rules)}"
        raise ValueError(msg)
    for index, (layer, decoder, rule) in enumerate(zip(stack.layers, decoders, rules, strict=True)):
        if layer.gated != (decoder.gate is not None) or layer.gated != (rule.gate is not None):
            msg = f"layer {index} {'is' if layer.gated else 'is not'} gated: its decoders and rules must say the same"
            raise ValueError(msg)
        if any(norm is not None and type(norm) is not Norm for norm in (layer.norm_before, layer.norm_after)):
            msg = f"layer {index}: a norm that was replaced by an approximation has no bound here; keep the exact one"
            raise ValueError(msg)
        _check_exact(index, "activation", decoder.activation, rule.activation)
        if decoder.gate is not None and rule.gate is not None:
            _check_exact(index, "gate", decoder.gate, rule.gate)


def _check_exact(index: int, role: str, decoders: ChannelDecoders, rule: Activation) -> None:
    if decoders.exact and not rule.is_polynomial:
        msg = f"layer {index}: the {role} {rule.name!r} is no polynomial, so its decoders cannot be exact"
        raise ValueError(msg)
