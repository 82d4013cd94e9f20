r"""Gradients and Hessian-vector products of every logit at any input, by one reverse pass for all classes.

The reverse pass is written for series in ε (see `jets`): at order 0 it gives the gradient; along $x + \varepsilon v$
its order 1 is the product of the Hessian with v (forward over reverse). Convolutions run backwards by FFT, so a
gradient costs $O(L\log L)$ per channel, layer and class.

Each layer, with the cotangent $\bar x$ of its result: a norm $n = cq$, $q^2(\mathrm{mean}\,c^2+\varepsilon)=1$, pulls
$\bar n$ back to $\bar c = q\,(\bar n - n\,\mathrm{mean}(n\bar n))$; a gate $a\,s(g)$ sends $\bar v$ to
$(\bar v\,s,\ \bar v\,a\,s'(g))$; a decoder multiplies by $\varphi'(y)$; the convolution acts by its transpose (THEORY
T20 for one layer).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.decoders import ChannelDecoders
from carleman_ssm.operators.jets import LayerSeries, NormSeries, stack_series
from carleman_ssm.operators.series import Series, mapped, product, total
from carleman_ssm.operators.stack import Stack
from carleman_ssm.operators.stack_trace import LayerDecoders, layered

BLOCK_ENTRIES = 2**17
"""Cotangent entries (rows × batch × L × H) handled at once: 1 MiB per array stays in the cache."""


def gradients(
    stack: Stack,
    decoders: Sequence[LayerDecoders] | ChannelDecoders,
    inputs: Floats,
    readout: Floats | None = None,
) -> Floats:
    r"""$\partial\ell_i/\partial x_{s,j}$ of the operator at every input, (batch, classes, L, d).

    Parameters
    ----------
    stack, decoders
        ``operator.stack`` and ``operator.decoders``.
    inputs
        x (batch, L, d).
    readout
        (rows, classes): gradients of these combinations of the logits (a margin: +1 and −1) in place of the logits.

    Raises
    ------
    ValueError
        Shapes do not fit the stack.
    TypeError
        `stack` is an operator, say, and not the stack of one.

    References
    ----------
    THEORY T20 (chain rule, reverse accumulation).
    """
    layers, rows = layered(stack, decoders), _rows(stack, inputs, readout)
    result = np.empty((len(inputs), len(rows), *inputs.shape[1:]))
    for block in _blocks(stack, rows, inputs):
        result[block] = pullback(stack, layers, (inputs[block],), rows, 0)[0].swapaxes(0, 1)
    return result


def hessian_products(
    stack: Stack,
    decoders: Sequence[LayerDecoders] | ChannelDecoders,
    inputs: Floats,
    directions: Floats,
    readout: Floats | None = None,
) -> Floats:
    r"""$\sum_{s',j'}\partial^2\ell_i/\partial x_{s,j}\partial x_{s',j'}\,v_{s',j'}$, (batch, classes, L, d).

    Parameters
    ----------
    inputs
        x (batch, L, d), or (1, L, d): one input for all directions, whose own pass is then done once.
    directions
        v (batch, L, d).
    readout
        As for `gradients`.

    Raises
    ------
    ValueError
        Shapes do not fit the stack, or inputs and directions each other.
    TypeError
        As for `gradients`.

    References
    ----------
    THEORY T20 (forward over reverse accumulation).
    """
    layers, rows = layered(stack, decoders), _rows(stack, inputs, readout)
    check_directions(inputs, directions)
    result = np.empty((len(directions), len(rows), *directions.shape[1:]))
    for block in _blocks(stack, rows, directions):
        at = inputs if len(inputs) == 1 else inputs[block]
        along = pullback(stack, layers, (at, directions[block]), rows, 1)
        # A network without curvature along this direction has no order 1.
        result[block] = along[1].swapaxes(0, 1) if len(along) > 1 else 0.0
    return result


def check_directions(inputs: Floats, directions: Floats) -> None:
    """Refuse directions (batch, L, d) that do not go with inputs (batch, L, d) or (1, L, d).

    Raises
    ------
    ValueError
        Another length or width, or neither one input for all directions nor one for each.
    """
    if directions.shape[1:] != inputs.shape[1:] or len(inputs) not in {1, len(directions)}:
        msg = (
            f"directions of shape {directions.shape} do not go with inputs of shape {inputs.shape}: give one input per "
            "direction, or one for all"
        )
        raise ValueError(msg)


def pullback(stack: Stack, decoders: Sequence[LayerDecoders], inputs: Series, readout: Floats, order: int) -> Series:
    r"""Series of the gradients of `readout` · logits along a series of inputs, (rows, batch, L, d) per order.

    Parameters
    ----------
    inputs
        $x(\varepsilon)$, (batch, L, d) per order.
    readout
        (rows, classes).
    order
        Largest order kept.
    """
    _, layers = stack_series(stack, decoders, inputs, order, derivatives=1)
    cotangent = _of_last_layer(stack, readout, inputs[0].shape[-2])
    for layer in reversed(layers):
        cotangent = _of_source(layer, _of_branch(layer, cotangent, order), order)
    return mapped(lambda term: np.asarray(term @ stack.encoder.weight.value), cotangent)


def activation_gradients(stack: Stack, decoders: Sequence[LayerDecoders], inputs: Floats) -> tuple[Floats, ...]:
    r"""$\partial\ell_i/\partial z_{k,h}$ for the activated values z of every layer, (batch, classes, L, H) each.

    Parameters
    ----------
    inputs
        x (batch, L, d).

    Raises
    ------
    ValueError
        Shapes do not fit the stack.
    """
    rows = _rows(stack, inputs, None)
    _, layers = stack_series(stack, decoders, (inputs,), 0, derivatives=1)
    cotangent, found = _of_last_layer(stack, rows, inputs.shape[1]), []
    for layer in reversed(layers):
        branch = _of_branch(layer, cotangent, 0)
        shape = (len(rows), *layer.activation.argument[0].shape)
        found.append(np.broadcast_to(branch[1][0], shape).swapaxes(0, 1))
        cotangent = _of_source(layer, branch, 0)
    return tuple(reversed(found))


def _of_last_layer(stack: Stack, readout: Floats, length: int) -> Series:
    pooled = readout @ stack.head.weight.value
    return (stack.pool_weights(length)[:, None] * pooled[:, None, None, :],)


def _of_branch(layer: LayerSeries, cotangent: Series, order: int) -> tuple[Series, Series]:
    """From the cotangent of a layer's result to those of what is summed up, and of its activated values."""
    summed = cotangent if layer.norm_after is None else _through_norm(layer.norm_after, cotangent, order)
    branch = summed
    if layer.gate is not None and layer.values is not None:
        values = product(summed, layer.gate.value, order)
        opening = product(product(summed, layer.values, order), layer.gate.slope, order)
        branch = _joined(values, opening)
    output = layer.layer.output
    if output is not None:
        weight = output.weight.value
        branch = mapped(lambda term: np.asarray(term @ weight), branch)
    return summed, branch


def _of_source(layer: LayerSeries, branch: tuple[Series, Series], order: int) -> Series:
    """From the cotangents of `_of_branch` to that of what enters the layer."""
    summed, activated = branch
    driven = mapped(layer.kernel.adjoint, product(activated, layer.activation.slope, order))
    if layer.norm_before is not None:
        driven = _through_norm(layer.norm_before, driven, order)
    return total(driven, summed) if layer.layer.residual else driven


def _through_norm(norm: NormSeries, cotangent: Series, order: int) -> Series:
    weight = norm.norm.weight.value
    weighted = mapped(lambda term: term * weight, cotangent)
    if norm.inverse is None:
        return weighted
    inner = mapped(lambda term: np.asarray(term.mean(axis=-1, keepdims=True)), product(weighted, norm.scaled, order))
    radial = mapped(np.negative, product(norm.scaled, inner, order))
    centred = product(norm.inverse, total(weighted, radial), order)
    return mapped(norm.norm.centred, centred)  # subtracting the mean is its own transpose


def _joined(first: Series, second: Series) -> Series:
    """Concatenate the channels of two series; orders that one of them lacks are zero."""
    parts = []
    for n in range(max(len(first), len(second))):
        pair = [series[n] if n < len(series) else np.zeros(()) for series in (first, second)]
        shape = np.broadcast_shapes(*(part.shape for part in pair))
        parts.append(np.concatenate([np.broadcast_to(part, shape) for part in pair], axis=-1))
    return tuple(parts)


def _rows(stack: Stack, inputs: Floats, readout: Floats | None) -> Floats:
    if inputs.ndim != 3 or inputs.shape[2] != stack.features or not 1 <= inputs.shape[1] <= stack.length:
        msg = (
            f"expected inputs (batch, at most {stack.length} steps, {stack.features}), got shape {inputs.shape}: "
            "longer sequences need a stack built for their length"
        )
        raise ValueError(msg)
    rows = np.eye(stack.classes) if readout is None else np.asarray(readout, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != stack.classes:
        msg = f"a readout has shape (rows, {stack.classes}), got {rows.shape}"
        raise ValueError(msg)
    return rows


def _blocks(stack: Stack, rows: Floats, inputs: Floats) -> Iterator[slice]:
    entries = max(1, len(rows)) * inputs.shape[1] * stack.channels
    width = max(1, BLOCK_ENTRIES // entries)
    for first in range(0, len(inputs), width):
        yield slice(first, first + width)
