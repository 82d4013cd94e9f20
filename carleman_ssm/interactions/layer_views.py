r"""One layer of an operator as second orders see it: what drives it, and what its squares mean to each logit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.adjoint import activation_gradients
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.operators.stack_trace import run
from carleman_ssm.rings.rings import Rings


@dataclass(frozen=True, eq=False)
class LayerView:
    r"""A layer on the trajectory of the operator's centre.

    Parameters
    ----------
    rings
        The layer's modes.
    weights
        $a_{ihk} = (\partial\ell_i/\partial z_{kh})\,\varphi''(y^0_{kh})/2$, (classes, H, L): later layers are linear.
    gain
        (H, d): drive of every channel for an input of 1, or ones (H, 1) where it is no affine map of the input.
    """

    rings: Rings
    weights: Floats
    gain: Floats


def require_layer(operator: NetworkOperator, layer: int) -> None:
    """Refuse an index that is no layer.

    Raises
    ------
    ValueError
        With the layers that there are.
    """
    depth = len(operator.network.layers)
    if not 0 <= layer < depth:
        msg = f"layer {layer} does not exist: the network has layers 0 to {depth - 1}"
        raise ValueError(msg)


def layer_view(operator: NetworkOperator, layer: int, rings: Rings) -> LayerView:
    """A layer of an operator of any depth; `rings` are the layer's own.

    Raises
    ------
    ValueError
        No such layer.
    TypeError
        An operator of another kind.
    """
    require_layer(operator, layer)
    if isinstance(operator, OneLayerOperator):
        return LayerView(rings, operator.second_order_kernel().weights, operator.form.drive_weight.value)
    if isinstance(operator, StackOperator):
        return LayerView(rings, _stack_weights(operator, layer), _stack_gain(operator, layer))
    msg = f"an operator of type {type(operator).__name__} has no layers to look at; build it with network_operator"
    raise TypeError(msg)


def layer_drive(operator: NetworkOperator, sequence: Floats, layer: int) -> Floats:
    """What a layer's state space receives of a sequence (L, d), minus the same for the centre: (L, H).

    Raises
    ------
    ValueError
        The sequence differs from the centre in shape.
    TypeError
        An operator of another kind.
    """
    if sequence.shape != operator.centre.shape:
        msg = f"the sequence has shape {sequence.shape}, the operator's centre {operator.centre.shape}: they must agree"
        raise ValueError(msg)
    if isinstance(operator, OneLayerOperator):
        return np.asarray((sequence - operator.centre) @ operator.form.drive_weight.value.T)
    if isinstance(operator, StackOperator):
        both = run(operator.stack, operator.decoders, np.stack([sequence, operator.centre]))[1][layer].drive
        return np.asarray(both[0] - both[1])
    msg = f"an operator of type {type(operator).__name__} has no layers to look at; build it with network_operator"
    raise TypeError(msg)


def _stack_weights(operator: StackOperator, layer: int) -> Floats:
    centre = operator.centre[None]
    read = activation_gradients(operator.stack, operator.decoders, centre)[layer][0]
    trace = run(operator.stack, operator.decoders, centre)[1][layer]
    curvature = operator.decoders[layer].activation.taylor(trace.preactivation[0], 2)[2]
    return np.asarray((read * curvature).swapaxes(1, 2))


def _stack_gain(operator: StackOperator, layer: int) -> Floats:
    norm = operator.stack.layers[0].norm_before
    if layer > 0 or (norm is not None and not norm.is_affine):
        return np.ones((operator.stack.channels, 1))
    encoder = operator.stack.encoder.weight.value
    return encoder if norm is None else norm.weight.value[:, None] * encoder
