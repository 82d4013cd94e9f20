r"""One layer with affine surroundings as a function of the input: gradient and Hessian in closed form (THEORY T20).

$$y_{k,h} = y^0_{k,h} + \sum_{m,j} K_{h,m}W_{hj}\,x_{k-m,j}, \qquad
\ell_i = o_i + \sum_h R_{ih}\sum_k \mathrm{pool}_k\,\varphi(y_{k,h}) + \sum_j S_{ij}\sum_k\mathrm{pool}_k\,x_{k,j}$$

with $y^0$ the response to the biases alone. The gradient is

$$\frac{\partial\ell_i}{\partial x_{sj}}
= \sum_h\sum_k R_{ih}\,\mathrm{pool}_k\,\varphi'(y_{k,h})\;K_{h,k-s}W_{hj} + S_{ij}\,\mathrm{pool}_s$$

and the Hessian

$$\frac{\partial^2\ell_i}{\partial x_{sj}\,\partial x_{tj'}}
= \sum_h\sum_k R_{ih}\,c_{k,h}\;K_{h,k-s}W_{hj}\;K_{h,k-t}W_{hj'},
\qquad c_{k,h} = \mathrm{pool}_k\,\varphi''(y_{k,h}),$$

a weighted Gram matrix of delayed kernels (`lag_matrices`), and its product with a vector is: respond, weigh by c, pull
back. Since all channels see the same d inputs, a response takes d transforms forward and H back, a pullback H and d,
whatever the number of rows of a readout.

Up to `DENSE` steps the convolutions are matrix products, whose rounding at a step is relative to what that step sums.
Longer ones are Fourier transforms: there the rounding of a pre-activation is about $2^{-53}\lVert K_h\rVert_2$ times
the norm of the *whole* driven sequence, later steps included, so one value $10^{16}$ times the others hides them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.convolution import convolve
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.decoders import ChannelDecoders
from carleman_ssm.operators.fourier import FourierKernel
from carleman_ssm.operators.lag_matrices import second_order_arrays
from carleman_ssm.operators.stack import Stack, StackLayer, pool_weights

Spectrum = NDArray[np.complex128]
BLOCK_ENTRIES = 2**20
"""Complex entries of a block of directions."""
DENSE = 64
"""Up to this length a convolution is a matrix product: it rounds causally; batches cost the same, one input twice."""


@dataclass(frozen=True, eq=False, repr=False)
class AffineLayer(Brief):
    r"""Build it with `affine_layer`.

    Parameters
    ----------
    kernel
        $K$ (H, L).
    drive_weight
        $W$ (H, d).
    resting
        $y^0$ (H, L).
    readout
        $R$ (classes, H).
    skip
        $S$ (classes, d), of the residual path $S\,\mathrm{pool}_k\,x_k$.
    decoders
        φ of every channel.
    pool
        ``"mean"`` or ``"last"``.

    References
    ----------
    THEORY T20.
    """

    kernel: Floats
    drive_weight: Floats
    resting: Floats
    readout: Floats
    skip: Floats
    decoders: ChannelDecoders
    pool: str

    def curvature(self, inputs: Floats) -> Floats:
        r"""$c_{k,h} = \mathrm{pool}_k\,\varphi''(y_{k,h})$ (batch, H, L) at inputs (batch, L, d)."""
        return 2.0 * self._pooled_taylor(inputs, 2)

    def gradients(self, inputs: Floats, rows: Floats) -> Floats:
        """Gradients of rows (n, classes) of the logits at inputs (batch, L, d): (batch, n, L, d)."""
        length = inputs.shape[1]
        spectrum = self._spectrum(length)
        result = np.empty((len(inputs), len(rows), *inputs.shape[1:]))
        for block in self._blocks(len(inputs), length):
            result[block] = self._pulled_back(self._pooled_taylor(inputs[block], 1), rows, spectrum)
        result += pool_weights(self.pool, length)[:, None] * (rows @ self.skip)[:, None, :]
        return result

    def hessians(self, inputs: Floats, rows: Floats) -> Floats:
        """Hessians of rows (n, classes) of the logits at inputs (batch, L, d): (batch, n, L, d, L, d)."""
        batch, length, features = inputs.shape
        weights = (rows @ self.readout)[:, :, None] * self.curvature(inputs)[:, None]  # (batch, n, H, L)
        arrays = second_order_arrays(
            weights.reshape(-1, *weights.shape[2:]), self.kernel[:, :length], self.drive_weight
        )
        result: Floats = arrays.reshape(batch, len(rows), length, features, length, features)
        return result

    def hessian_products(self, inputs: Floats, directions: Floats, rows: Floats) -> Floats:
        """Their products with directions (batch, L, d), (batch, n, L, d); one input for all directions, or one each."""
        spectrum, bent = self._spectrum(directions.shape[1]), self.curvature(inputs)
        result = np.empty((len(directions), len(rows), *directions.shape[1:]))
        for block in self._blocks(len(directions), directions.shape[1]):
            weighed = self._response(directions[block], spectrum) * (bent if len(bent) == 1 else bent[block])
            result[block] = self._pulled_back(weighed, rows, spectrum)
        return result

    def _pooled_taylor(self, inputs: Floats, order: int) -> Floats:
        r"""$\mathrm{pool}_k\,\varphi^{(q)}(y_{k,h})/q!$ for one order q, (batch, H, L)."""
        length = inputs.shape[1]
        weights, first = pool_weights(self.pool, length), 0 if self.pool == "mean" else length - 1
        reached = self.resting[:, :length] + self._response(inputs, self._spectrum(length))
        read = reached[..., first:].swapaxes(1, 2)  # what is never read needs no decoder
        found: Floats = self.decoders.taylor(read, order)[order].swapaxes(1, 2) * weights[first:]
        if first == 0:
            return found
        reached[..., :first], reached[..., first:] = 0.0, found
        return reached

    def _pulled_back(self, cotangent: Floats, rows: Floats, spectrum: Spectrum | None) -> Floats:
        r"""$\sum_{h,k}R_{ih}w_{k,h}K_{h,k-s}W_{hj}$ for w (batch, H, L): (batch, n, L, d)."""
        length = cotangent.shape[-1]
        mixing = (rows @ self.readout)[:, None, :] * self.drive_weight.T  # (n, d, H)
        if spectrum is None:
            reversed_time = cotangent.swapaxes(1, 2)[:, ::-1]
            back = convolve(self.kernel[:, :length], reversed_time)[:, ::-1]  # (batch, L, H)
            dense: Floats = np.einsum("bsh,njh->bnsj", back, mixing, optimize=True)
            return dense
        seen = fft.rfft(cotangent, _size(length), axis=-1)
        seen *= spectrum.conj()
        mixed = (mixing.reshape(-1, mixing.shape[-1]) @ seen).reshape(len(seen), *mixing.shape[:2], seen.shape[-1])
        result: Floats = fft.irfft(mixed, _size(length), axis=-1)[..., :length].swapaxes(-1, -2)
        return result

    def _response(self, inputs: Floats, spectrum: Spectrum | None) -> Floats:
        """The linear part of the pre-activations, (batch, H, L)."""
        length = inputs.shape[1]
        if spectrum is None:
            return convolve(self.kernel[:, :length], inputs @ self.drive_weight.T).swapaxes(1, 2)
        seen = fft.rfft(inputs.swapaxes(1, 2), _size(length), axis=-1)  # (batch, d, frequencies)
        driven = self.drive_weight @ seen if seen.shape[1] > 1 else self.drive_weight * seen
        driven *= spectrum
        result: Floats = fft.irfft(driven, _size(length), axis=-1)[..., :length]
        return result

    def _spectrum(self, length: int) -> Spectrum | None:
        """Of the kernel; None where the convolution is a matrix product."""
        if length <= DENSE:
            return None
        return self._whole_spectrum if length == self.kernel.shape[1] else _transformed(self.kernel, length)

    @cached_property
    def _whole_spectrum(self) -> Spectrum:
        return _transformed(self.kernel, self.kernel.shape[1])

    def _blocks(self, directions: int, length: int) -> Iterator[slice]:
        width = max(1, BLOCK_ENTRIES // (len(self.kernel) * (_size(length) // 2 + 1)))
        for first in range(0, directions, width):
            yield slice(first, first + width)


def affine_layer(stack: Stack, decoders: ChannelDecoders) -> AffineLayer | None:
    """The layer of a stack, or None: the stack is deeper, gated, or normalises by its values.

    None as well for kernels that mix channels and see several features: they have no kernel per channel.
    """
    layer, features = stack.layers[0], stack.features
    mixes = layer.kernel.value.ndim == 3
    if len(stack.layers) > 1 or layer.gated or not layer.is_polynomial or (mixes and features > 1):
        return None
    drive, bias = stack.encoder.weight.value, stack.encoder.bias.value
    if layer.norm_before is not None:
        scale = layer.norm_before.weight.value
        drive, bias = scale[:, None] * drive, scale * bias + layer.norm_before.bias.value
    kernel, length = layer.kernel.value, layer.kernel.value.shape[-1]
    resting = FourierKernel.of(kernel, length)(np.broadcast_to(bias, (length, len(bias)))).T
    if mixes:
        kernel, drive = np.einsum("oim,i->om", kernel, drive[:, 0]), np.ones((len(kernel), 1))
    readout, skip = _readouts(stack, layer)
    return AffineLayer(kernel, drive, np.ascontiguousarray(resting), readout, skip, decoders, stack.pool)


def _readouts(stack: Stack, layer: StackLayer) -> tuple[Floats, Floats]:
    """From the decoder's values and from the input to the logits: R and S."""
    readout = stack.head.weight.value
    if layer.norm_after is not None:
        readout = readout * layer.norm_after.weight.value
    skip = readout @ stack.encoder.weight.value if layer.residual else np.zeros((len(readout), stack.features))
    return readout if layer.output is None else readout @ layer.output.weight.value, skip


def _size(length: int) -> int:
    """Padded length at which nothing wraps around."""
    return int(fft.next_fast_len(2 * length - 1, real=True))


def _transformed(kernel: Floats, length: int) -> Spectrum:
    spectrum: Spectrum = fft.rfft(kernel[:, :length], _size(length), axis=-1)
    return spectrum
