r"""Contributions by orthogonalised order, at any depth.

Raw orders of a fitted network are sums of monomials $g_q\eta^q$ of one polynomial of high degree. On the interval that
pre-activations visit its coefficients alternate and grow like the powers of the interval's width, so that the parts are
many times larger than the logits and cancel: they say how the polynomial is written down, not what the network does.

Here order p is what a polynomial of degree p can do beyond one of degree p − 1, under the density with which each
channel's pre-activations occur: with $q_{p,h}$ the best polynomial of degree p in the mean square (an expansion in
polynomials orthogonal under that density, as in a Wiener or Hermite expansion; Wiener 1958),

$$\ell^{(p)} = \ell[\text{every decoder replaced by its } q_p] - \ell[\text{every decoder replaced by its } q_{p-1}].$$

In one layer the parts of a channel's decoder are orthogonal over the samples of its pre-activations: exactly up to 4096
samples per channel; above, over the 4096 quantiles that stand for them, and so only approximately over the samples.
Through several layers the definition still telescopes: the orders and the rest add up to the logits. But p is then the
degree of the decoders and no longer an order of the input: through K layers decoders of degree p reach degree $p^K$,
gates multiply, and LayerNorm and RMSNorm are no polynomials. Only in one layer without gate and with affine norms is
order 1 the waves and order 2 their pairs (`p_is_order`); orders of the input are `jets` at any depth, and cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.affine_path import usual_sequence
from carleman_ssm.operators.decoders import ChannelDecoders, FittedDecoders
from carleman_ssm.operators.density_fits import density_decoders
from carleman_ssm.operators.stack import Stack
from carleman_ssm.operators.stack_trace import LayerDecoders, LayerTrace, checked_run, layered, run_logits

ORDERS = 8


class Decoded(Protocol):
    """What an operator holds."""

    @property
    def stack(self) -> Stack:
        """Kernels, affine maps and norms."""

    @property
    def decoders(self) -> Sequence[LayerDecoders] | ChannelDecoders:
        """The decoders of every layer, or those of the only one."""


def orthogonal_orders(
    operator: Decoded,
    inputs: Floats,
    *,
    degree: int = ORDERS,
    observed: Floats | None = None,
    layer: int | None = None,
) -> Floats:
    """Contributions by orthogonalised order, (batch, classes, P + 2); they sum to the operator's logits.

    Entry 0 is one constant per class: every decoder constant, and the usual sequence on the residual path, whose
    deviation from it is of order 1. Entries 1 … P are the orders, the last entry is what degrees above P add.

    Parameters
    ----------
    operator
        A `StackOperator` or `OneLayerOperator`.
    inputs
        Sequences (batch, L, d).
    degree
        P, at least 0.
    observed
        Sequences (n, L, d) whose pre-activations are the density. Without them: the samples that a decoder was fitted
        to, where it has them, else those of `inputs`. The usual
        sequence is their mean, or that of `inputs`: pass them where the split must not depend on the batch.
    layer
        Cut the decoders of this layer only; entry 0 then has that layer's decoders constant and all others whole.

    Raises
    ------
    ValueError
        There is no such layer, or the degree is negative.
    DomainError
        A value leaves the interval of its decoder, or the range of float64: the operator does not hold there.

    References
    ----------
    Wiener's orthogonal orders, under the observed density; fits: THEORY T13.
    """
    stack = operator.stack
    decoders = layered(stack, operator.decoders)
    if layer is not None and not 0 <= layer < len(decoders):
        msg = f"layer {layer} is not one of 0 … {len(decoders) - 1}"
        raise ValueError(msg)
    logits, traces = checked_run(stack, decoders, inputs)
    if observed is not None:
        _, traces = checked_run(stack, decoders, observed)
    rungs = [
        (rule,) * (degree + 1)
        if layer not in (None, index)
        else _layer_rungs(rule, trace, degree, observed is not None)
        for index, (rule, trace) in enumerate(zip(decoders, traces, strict=True))
    ]
    partial = [run_logits(stack, cut, inputs) for cut in zip(*rungs, strict=True)]
    if layer is None:
        usual = usual_sequence(inputs if observed is None else observed, inputs.shape[1])
        constant = run_logits(stack, next(zip(*rungs, strict=True)), usual[None])
        partial[0] = np.broadcast_to(constant, partial[0].shape)
    partial.append(logits)
    return np.diff(np.stack(partial, axis=-1), axis=-1, prepend=0.0)


def p_is_order(stack: Stack) -> bool:
    """Whether decoders of degree p are polynomials of degree p in the input: one layer, no gate, norms affine."""
    return len(stack.layers) == 1 and not stack.layers[0].gated and stack.layers[0].is_polynomial


def raw_cancellation(parts: Floats) -> Floats:
    """Largest part by order over the largest sum, for parts (batch, classes, orders): far above 1 they mislead.

    References
    ----------
    THEORY T13.
    """
    return np.asarray(np.abs(parts).max() / np.abs(parts.sum(axis=-1)).max(), dtype=np.float64)


def _layer_rungs(rule: LayerDecoders, trace: LayerTrace, degree: int, observed: bool) -> Sequence[LayerDecoders]:
    activations = _rungs(rule.activation, trace.preactivation, degree, observed)
    if rule.gate is None:
        return [LayerDecoders(cut) for cut in activations]
    opening = np.split(trace.mapped, 2, axis=-1)[1]
    gates = _rungs(rule.gate, opening, degree, observed)
    return [LayerDecoders(*cut) for cut in zip(activations, gates, strict=True)]


def _rungs(decoder: ChannelDecoders, seen: Floats, degree: int, observed: bool) -> tuple[FittedDecoders, ...]:
    """Nested fits of one decoder's own values."""
    own = decoder.samples if isinstance(decoder, FittedDecoders) and not observed else None
    return density_decoders(seen if own is None else own, decoder, degree)
