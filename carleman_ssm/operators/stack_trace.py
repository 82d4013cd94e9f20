r"""The forward pass of a stack with decoders in place of its activations, every intermediate value named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.convolution import convolve
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.decoders import ChannelDecoders
from carleman_ssm.operators.operator import refuse_non_finite, refuse_outside
from carleman_ssm.operators.stack import Norm, Stack, StackLayer


@dataclass(frozen=True, eq=False, repr=False)
class LayerDecoders(Brief):
    """What stands for a layer's nonlinearities: per-channel decoders of the activation, and of the gate if there is
    one.
    """

    activation: ChannelDecoders
    gate: ChannelDecoders | None = None

    @property
    def exact(self) -> bool:
        """True when both are the network's own polynomials."""
        return self.activation.exact and (self.gate is None or self.gate.exact)


@dataclass(frozen=True, eq=False, repr=False)
class LayerTrace(Brief):
    r"""What one layer computes, (batch, L, H) each.

    Parameters
    ----------
    source
        $x$, as it enters the layer.
    drive
        $u$, what the convolution sees: the source, normalised where the network is pre-norm.
    preactivation, activated
        $y$ and $z = \varphi(y)$.
    mapped
        $Wz + w$: (batch, L, H), or (batch, L, 2H) when gated.
    gate
        $s(g)$, or None.
    branch
        What is added to the residual path.
    summed
        Branch plus residual, before a norm that follows.
    result
        $x$, as it leaves.
    """

    source: Floats
    drive: Floats
    preactivation: Floats
    activated: Floats
    mapped: Floats
    gate: Floats | None
    branch: Floats
    summed: Floats
    result: Floats


def layered(stack: object, decoders: Sequence[LayerDecoders] | ChannelDecoders) -> tuple[LayerDecoders, ...]:
    """The decoders of every layer; those of a `OneLayerOperator` stand for a stack's only one.

    Raises
    ------
    TypeError
        This is no stack, but an operator, say.
    """
    if not isinstance(stack, Stack):
        msg = f"expected a stack, got {type(stack).__name__}: an operator has operator.stack and operator.decoders"
        raise TypeError(msg)
    return tuple(decoders) if isinstance(decoders, Sequence) else (LayerDecoders(decoders),)


def normalised(norm: Norm | None, values: Floats) -> Floats:
    """Apply a norm, if there is one."""
    return values if norm is None else norm(values)


def run_layer(layer: StackLayer, decoders: LayerDecoders, source: Floats) -> LayerTrace:
    """One layer on source (batch, L, H)."""
    drive = normalised(layer.norm_before, source)
    preactivation = convolve(layer.kernel.value, drive)
    activated = decoders.activation(preactivation)
    mapped = activated if layer.output is None else layer.output(activated)
    gate, branch = None, mapped
    if decoders.gate is not None:
        value, opening = np.split(mapped, 2, axis=-1)
        gate = decoders.gate(opening)
        branch = value * gate
    summed = branch + source if layer.residual else branch
    result = normalised(layer.norm_after, summed)
    return LayerTrace(source, drive, preactivation, activated, mapped, gate, branch, summed, result)


def run(stack: Stack, decoders: Sequence[LayerDecoders], inputs: Floats) -> tuple[Floats, tuple[LayerTrace, ...]]:
    """Logits (batch, classes) of inputs (batch, L, d), and the trace of every layer; not finite past float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        hidden, traces = stack.encoder(inputs), []
        for layer, rules in zip(stack.layers, decoders, strict=True):
            traces.append(run_layer(layer, rules, hidden))
            hidden = traces[-1].result
        return stack.head(stack.pooled(hidden)), tuple(traces)


def checked_run(
    stack: Stack, decoders: Sequence[LayerDecoders], inputs: Floats
) -> tuple[Floats, tuple[LayerTrace, ...]]:
    """`run`, with the arguments of all decoders in their intervals and finite logits.

    Raises
    ------
    DomainError
        A value leaves the interval of its decoder, or the range of float64.
    """
    logits, traces = run(stack, decoders, inputs)
    for index, (rule, seen) in enumerate(zip(decoders, traces, strict=True)):
        lower, upper = rule.activation.interval
        refuse_outside(seen.preactivation, lower, upper, f"layer {index}, channel")
        if rule.gate is not None:
            lower, upper = rule.gate.interval
            refuse_outside(seen.mapped[..., stack.channels :], lower, upper, f"layer {index}, gate")
    refuse_non_finite(logits)
    return logits, traces


def run_logits(stack: Stack, decoders: Sequence[LayerDecoders], inputs: Floats) -> Floats:
    """Logits alone: no trace is kept."""
    with np.errstate(over="ignore", invalid="ignore"):
        hidden = stack.encoder(inputs)
        for layer, rules in zip(stack.layers, decoders, strict=True):
            hidden = run_layer(layer, rules, hidden).result
        return stack.head(stack.pooled(hidden))
