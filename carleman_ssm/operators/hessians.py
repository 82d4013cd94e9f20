r"""Hessians of the logits over the whole input, written out.

One layer with affine surroundings and any pointwise decoder $\varphi$ has the closed form (THEORY T20)

$$\frac{\partial^2\ell_i}{\partial x_{sj}\,\partial x_{tj'}}
= \sum_h\sum_k R_{ih}\,\mathrm{pool}_k\,\varphi''(y_{k,h})\;K_{h,k-s}W_{hj}\;K_{h,k-t}W_{hj'},$$

a weighted Gram matrix of delayed kernels (`lag_matrices`), for all rows of a readout and all inputs of a batch at
once. Anything else takes one Hessian-vector product for each of the L d unit vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.adjoint import hessian_products
from carleman_ssm.operators.fourier import FourierKernel
from carleman_ssm.operators.lag_matrices import MAX_ENTRIES, second_order_arrays
from carleman_ssm.operators.stack import Stack
from carleman_ssm.operators.stack_trace import LayerDecoders


@dataclass(frozen=True, eq=False, repr=False)
class AffineSurroundings(Brief):
    r"""What stands around the one nonlinearity of a stack of one layer, in float64.

    Parameters
    ----------
    kernel
        $K$ (H, L) of the response $\eta_{k,h} = \sum_{m,j}K_{h,m}W_{hj}\delta_{k-m,j}$ to a change δ of the input.
    drive_weight
        $W$ (H, d).
    readout
        $R$ (classes, H): from the decoder's values to the logits.
    """

    kernel: Floats
    drive_weight: Floats
    readout: Floats


def affine_surroundings(stack: Stack) -> AffineSurroundings | None:
    """The affine maps around the nonlinearity, or None: the stack is deeper, gated, or normalises by its values.

    None as well for kernels that mix channels and see several features: they have no kernel per channel.
    """
    layer = stack.layers[0]
    if len(stack.layers) > 1 or layer.gated or not layer.is_polynomial:
        return None
    drive, readout = stack.encoder.weight.value, stack.head.weight.value
    if layer.norm_before is not None:
        drive = layer.norm_before.weight.value[:, None] * drive
    if layer.norm_after is not None:
        readout = readout * layer.norm_after.weight.value
    if layer.output is not None:
        readout = readout @ layer.output.weight.value
    kernel = layer.kernel.value
    if kernel.ndim == 2:
        return AffineSurroundings(kernel, drive, readout)
    if stack.features > 1:
        return None
    mixed: Floats = np.einsum("oim,i->om", kernel, drive[:, 0])
    return AffineSurroundings(mixed, np.ones((len(mixed), 1)), readout)


def hessian_arrays(stack: Stack, decoders: Sequence[LayerDecoders], inputs: Floats, readout: Floats) -> Floats:
    r"""Hessians of readout · logits at every input, (batch, rows, L, d, L, d), symmetric.

    Parameters
    ----------
    stack, decoders
        The arrays of the network, and the decoders of every layer.
    inputs
        x (batch, L, d).
    readout
        (rows, classes).

    Raises
    ------
    ValueError
        More than 10⁸ entries in all: use `hessian_products`, which never writes them out.

    References
    ----------
    THEORY T20.
    """
    entries = len(inputs) * len(readout) * (inputs.shape[1] * inputs.shape[2]) ** 2
    if entries > MAX_ENTRIES:
        msg = (
            f"these Hessians have {entries:.3g} entries (at most {MAX_ENTRIES:.0e} are written out): use "
            "hessian_products, which never expands them, or fewer inputs and rows at a time"
        )
        raise ValueError(msg)
    surroundings = affine_surroundings(stack)
    if surroundings is None:
        return np.stack([_by_products(stack, decoders, x, readout) for x in inputs])
    curvature = _curvature(stack, decoders[0], inputs)  # (batch, H, L)
    weights = (readout @ surroundings.readout)[None, :, :, None] * curvature[:, None]
    length = inputs.shape[1]
    arrays = second_order_arrays(
        weights.reshape(-1, *weights.shape[2:]), surroundings.kernel[:, :length], surroundings.drive_weight
    )
    result: Floats = arrays.reshape(len(inputs), len(readout), *arrays.shape[1:])
    return result


def _curvature(stack: Stack, decoders: LayerDecoders, inputs: Floats) -> Floats:
    r"""$\mathrm{pool}_k\,\varphi''(y_{k,h})$ of one layer, (batch, H, L)."""
    layer, length = stack.layers[0], inputs.shape[1]
    drive = stack.encoder(inputs)
    if layer.norm_before is not None:
        drive = layer.norm_before(drive)
    pool = stack.pool_weights(length)
    if not pool[:-1].any():  # what is never read needs no decoder: zeros also keep the cheap form
        reached = FourierKernel.of(layer.kernel.value, length)(drive)[:, -1:]
    else:
        reached = FourierKernel.of(layer.kernel.value, length)(drive)
    bent = 2.0 * decoders.activation.taylor(reached, 2)[2]
    result: Floats = (bent * pool[:, None]).transpose(0, 2, 1)
    return result


def _by_products(stack: Stack, decoders: Sequence[LayerDecoders], x: Floats, readout: Floats) -> Floats:
    """(rows, L, d, L, d) at one input (L, d), a product for every unit vector."""
    basis = np.eye(x.size).reshape(x.size, *x.shape)
    columns = hessian_products(stack, decoders, x[None], basis, readout)
    result: Floats = columns.swapaxes(0, 1).reshape(len(readout), *x.shape, *x.shape)
    return result
