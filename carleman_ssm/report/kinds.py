"""Operators of one layer and of stacks, told apart in one place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from carleman_ssm.networks.enclosures import Floats, outward
from carleman_ssm.operators.decoders import ChannelDecoders
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.stack import Stack, build_stack, exact_map
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.operators.stack_trace import LayerDecoders


def as_stack(operator: NetworkOperator) -> StackOperator:
    """The operator, known to be one of a stack.

    Raises
    ------
    TypeError
        It is another kind of operator.
    """
    if isinstance(operator, StackOperator):
        return operator
    msg = f"{type(operator).__name__} is no operator of a stack; build it with network_operator"
    raise TypeError(msg)


def bound_sources(operator: NetworkOperator) -> dict[str, Floats]:
    """Shares of the certified bound by the place where they start, (classes,) each; exact decoders have no fit."""
    if not isinstance(operator, OneLayerOperator):
        proof = as_stack(operator).certificate
        return dict(zip(proof.places, proof.sources, strict=True))
    bound, fit = operator.certificate, operator.decoders.fit_error
    rounding = outward(bound.readout.magnitude @ outward(bound.decoder_error - fit) + bound.other_error)
    if operator.exact:
        return {"rounding": rounding}
    return {"fit of the activation": outward(bound.readout.magnitude @ fit), "rounding": rounding}


def decoders_of(operator: NetworkOperator) -> ChannelDecoders | tuple[LayerDecoders, ...]:
    """What the simulation with the operator's decoders takes."""
    return operator.decoders if isinstance(operator, OneLayerOperator) else as_stack(operator).decoders


def stack_of(operator: NetworkOperator) -> tuple[Stack, tuple[LayerDecoders, ...]]:
    """Any operator as a stack with its decoders: one layer is a stack of one."""
    if isinstance(operator, OneLayerOperator):
        return build_stack(operator.network, operator.form.length), (LayerDecoders(operator.decoders),)
    stacked = as_stack(operator)
    return stacked.stack, stacked.decoders


def without_head(operator: StackOperator) -> StackOperator:
    """The operator of the pooled features that the head reads: its logits are the channels."""
    channels = operator.stack.channels
    return replace(operator, stack=replace(operator.stack, head=exact_map(np.eye(channels), np.zeros(channels))))


def norm_name(operator: NetworkOperator) -> str:
    """What a norm that is not affine is called."""
    return "RMSNorm" if operator.network.config.norm == "rms" else "LayerNorm"


def is_polynomial(operator: NetworkOperator) -> bool:
    """True when the operator is a polynomial in its input: exact decoders, norms affine or absent."""
    return operator.exact if isinstance(operator, OneLayerOperator) else as_stack(operator).is_polynomial
