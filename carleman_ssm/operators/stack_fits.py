r"""Decoders for every layer of a stack, fitted where the layers' arguments are: front to back, each layer on what the
operator itself computes with the decoders of the layers before.

Intervals come from sequences (with the centre, the zero input and points on the way from the centre to a sequence,
where orders and attributions are evaluated), or from interval arithmetic over a box. The certificate does not rest on
them: a value that leaves its interval is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from carleman_ssm.networks.convolution import convolve
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.bases import (
    FitTask,
    Role,
    check_size,
    chosen_decoders,
    exact_decoders,
    fit_decoders,
    refuse_wide,
)
from carleman_ssm.operators.decoders import MAX_DENSITY, ChannelDecoders, quantiles
from carleman_ssm.operators.domain import Domain
from carleman_ssm.operators.ranges import LayerRanges, LayerRules, box_ranges
from carleman_ssm.operators.stack import Stack, StackLayer
from carleman_ssm.operators.stack_trace import LayerDecoders, normalised, run_layer
from carleman_ssm.theory.activations import Activation

MARGIN = 0.01
"""Intervals are widened by this share of their width on both sides."""
DEFAULT_TOLERANCE = 1e-6
PATH = (0.25, 0.5, 0.75)
PATH_SEQUENCES = 128


@dataclass(frozen=True)
class FitChoice:
    """How decoders are to be chosen.

    Parameters
    ----------
    fit
        ``"auto"`` or one basis for all.
    terms
        Degree, or number of frequencies; None to go by the tolerance. With ``"auto"`` it is a Chebyshev degree.
    tolerance
        Sup-error of each fit on its interval; `DEFAULT_TOLERANCE` where neither it nor `terms` is given.
    bases
        (layer, role) → (basis, terms): what is set by hand.
    shared
        One interval for all channels of a layer.
    about_mean
        Taylor polynomials about the mean argument of each channel instead of about 0.
    """

    fit: str = "auto"
    terms: int | None = None
    tolerance: float | None = None
    bases: Mapping[tuple[int, Role], tuple[str, int]] = field(default_factory=dict)
    shared: bool = False
    about_mean: bool = False

    def __post_init__(self) -> None:
        if self.tolerance is not None and not self.tolerance > 0:
            msg = f"the tolerance of the fits must be positive, got {self.tolerance}"
            raise ValueError(msg)
        if self.terms is not None:
            check_size("chebyshev" if self.fit == "auto" else self.fit, self.terms)
        elif self.fit != "auto":
            check_size(self.fit, 0)
        for basis, terms in self.bases.values():
            check_size(basis, terms)

    def decoders(self, task: FitTask, layer: int, role: Role) -> ChannelDecoders:
        """Fit one nonlinearity as chosen; a polynomial needs none."""
        if task.rule.is_polynomial:
            return exact_decoders(task.rule, len(task.lower))
        if (layer, role) in self.bases:
            basis, terms = self.bases[layer, role]
            return fit_decoders(task, check_size(basis, terms), terms)
        if self.terms is not None:
            name = check_size("chebyshev" if self.fit == "auto" else self.fit, self.terms)
            return fit_decoders(task, name, self.terms)
        return chosen_decoders(task, self.fit, self.tolerance or DEFAULT_TOLERANCE)


def stack_decoders(
    stack: Stack, rules: tuple[LayerRules, ...], domain: Domain, choice: FitChoice
) -> tuple[LayerDecoders, ...]:
    """Decoders of every layer.

    Parameters
    ----------
    rules
        Activation and gate of every layer, from `layer_rules`.

    Raises
    ------
    ValueError
        Something set by hand names no nonlinearity of this network, or the range over the box, or over the sequences,
        is too wide to fit.
    """
    known = {(layer, role) for layer, rule in enumerate(rules) for role in _roles(rule)}
    for place in choice.bases:
        if place not in known:
            msg = f"bases: {place} is no nonlinearity of this network; it has {sorted(known)}"
            raise ValueError(msg)
    with np.errstate(over="ignore", invalid="ignore"):  # ranges that are not finite are refused by name
        return tuple(_boxed(stack, rules, domain, choice) if domain.is_box else _observed(stack, rules, domain, choice))


def _roles(rule: LayerRules) -> tuple[Role, ...]:
    return ("activation",) if rule.gate is None else ("activation", "gate")


def _boxed(stack: Stack, rules: tuple[LayerRules, ...], domain: Domain, choice: FitChoice) -> Iterator[LayerDecoders]:
    """Intervals from the box; the density of given sequences, where there are some, from their own run."""
    ranges, source = box_ranges(stack, rules, domain.bound), None
    if domain.inputs is not None:
        source = stack.encoder(domain.inputs)
    for index, (layer, rule, found) in enumerate(zip(stack.layers, rules, ranges, strict=True)):
        seen = None if source is None else convolve(layer.kernel.value, normalised(layer.norm_before, source))
        activation = choice.decoders(
            _box_task(rule.activation, found, "preactivation", index, choice, seen), index, "activation"
        )
        fitted = LayerDecoders(activation)
        if rule.gate is not None and layer.output is not None:
            opening = None if seen is None else np.split(layer.output(activation(seen)), 2, axis=-1)[1]
            gate = choice.decoders(_box_task(rule.gate, found, "gate", index, choice, opening), index, "gate")
            fitted = LayerDecoders(activation, gate)
        if source is not None:
            source = run_layer(layer, fitted, source).result
        yield fitted


def _box_task(
    rule: Activation, found: LayerRanges, role: str, layer: int, choice: FitChoice, seen: Floats | None
) -> FitTask:
    lower, upper = found.interval(role)
    density = None if seen is None else quantiles(seen.reshape(-1, seen.shape[-1]), MAX_DENSITY)
    task = _task(rule, lower, upper, density, choice)
    refuse_wide(rule, task.lower, task.upper, f"layer {layer} ({role})", is_box=True)
    return task


def _task(rule: Activation, lower: Floats, upper: Floats, samples: Floats | None, choice: FitChoice) -> FitTask:
    if choice.shared:
        lower, upper = np.full_like(lower, lower.min()), np.full_like(upper, upper.max())
    centre = np.zeros_like(lower)
    if choice.about_mean:
        centre = (lower + upper) / 2 if samples is None else samples.mean(axis=0)
    if not rule.is_polynomial:  # a floor for channels that stand still
        slack = MARGIN * (upper - lower) + 1e-6 * np.maximum(1.0, np.maximum(np.abs(lower), np.abs(upper)))
        lower, upper = lower - slack, upper + slack
    return FitTask(rule, lower, upper, samples, centre)


def _observed(
    stack: Stack, rules: tuple[LayerRules, ...], domain: Domain, choice: FitChoice
) -> Iterator[LayerDecoders]:
    blocks = [stack.encoder(block) for block in visited_inputs(domain)]
    for index, (layer, rule) in enumerate(zip(stack.layers, rules, strict=True)):
        fitted = _fitted_layer(layer, rule, blocks, index, choice)
        blocks = [run_layer(layer, fitted, block).result for block in blocks]
        yield fitted


def visited_inputs(domain: Domain) -> list[Floats]:
    """The sequences; then the centre, the zero input, and points between the centre and some of the sequences."""
    inputs = domain.inputs if domain.inputs is not None else domain.centre[None]
    some = inputs[np.unique(np.linspace(0, len(inputs) - 1, PATH_SEQUENCES).round().astype(np.int64))]
    start = domain.centre[: some.shape[1]]
    ways = [start + share * (some - start) for share in PATH]
    return [inputs, *ways, np.stack([domain.centre, np.zeros_like(domain.centre)])]


def _fitted_layer(
    layer: StackLayer, rule: LayerRules, blocks: list[Floats], index: int, choice: FitChoice
) -> LayerDecoders:
    values = [convolve(layer.kernel.value, normalised(layer.norm_before, block)) for block in blocks]
    activation = choice.decoders(
        _observed_task(rule.activation, values, index, "preactivation", choice), index, "activation"
    )
    if rule.gate is None or layer.output is None:
        return LayerDecoders(activation)
    arguments = [np.split(layer.output(activation(block)), 2, axis=-1)[1] for block in values]
    gate = choice.decoders(_observed_task(rule.gate, arguments, index, "gate", choice), index, "gate")
    return LayerDecoders(activation, gate)


def _observed_task(rule: Activation, values: list[Floats], layer: int, role: str, choice: FitChoice) -> FitTask:
    flat = [block.reshape(-1, block.shape[-1]) for block in values]
    lower = np.min([block.min(axis=0) for block in flat], axis=0)
    upper = np.max([block.max(axis=0) for block in flat], axis=0)
    task = _task(rule, lower, upper, quantiles(flat[0], MAX_DENSITY), choice)
    refuse_wide(rule, task.lower, task.upper, f"layer {layer} ({role})", is_box=False)
    return task
