r"""Causal convolution as a product with lower-triangular Toeplitz matrices, whose rounding has a proved bound."""

from __future__ import annotations

import numpy as np

from carleman_ssm.networks.enclosures import Floats

BLOCK_ENTRIES = 2**23


def toeplitz(kernel: Floats, length: int) -> Floats:
    r"""$T_{h,j,k} = K_{h,k-j}$ for $k \ge j$, else 0, as a read-only view of a padded copy, (H, L, L)."""
    padded = np.concatenate([np.zeros((len(kernel), length - 1)), kernel[:, :length]], axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, length, axis=1)
    return windows[:, ::-1, :]


def convolve(kernel: Floats, drive: Floats) -> Floats:
    r"""$y_{b,k,h} = \sum_{m\le k}K_{h,m}v_{b,k-m,h}$ for v (batch, length, H), one matrix product per channel.

    A kernel (O, I, L) mixes the channels, $y_{b,k,o} = \sum_i\sum_{m\le k}K_{o,i,m}v_{b,k-m,i}$.

    The rounding of each entry is at most $\gamma_n\,(|K|\star|v|)$ with n = `summands`; channels, and steps of long
    sequences, are handled in blocks, so that no more than `BLOCK_ENTRIES` entries of the matrices are in memory.
    """
    if kernel.ndim == 3:
        return _mixed(kernel, drive)
    length, channels = drive.shape[1:]
    result = np.empty_like(drive)
    steps = min(length, max(1, BLOCK_ENTRIES // length))
    block = max(1, BLOCK_ENTRIES // (length * steps))
    for first in range(0, channels, block):
        rows = slice(first, first + block)
        matrices = toeplitz(kernel[rows], length)
        moved = np.ascontiguousarray(drive[:, :, rows].transpose(2, 0, 1))
        for start in range(0, length, steps):
            stop = min(start + steps, length)
            product = moved[:, :, :stop] @ np.ascontiguousarray(matrices[:, :stop, start:stop])
            result[:, start:stop, rows] = product.transpose(1, 2, 0)
    return result


def summands(kernel: Floats, length: int) -> int:
    """How many products one output sums: L, and L·I for a kernel that mixes I channels."""
    return length * (kernel.shape[1] if kernel.ndim == 3 else 1)


def transposed(kernel: Floats) -> Floats:
    """The kernel of the transposed map, up to the direction of time: input and output channels exchanged."""
    return kernel.swapaxes(0, 1) if kernel.ndim == 3 else kernel


def _mixed(kernel: Floats, drive: Floats) -> Floats:
    """One product with a matrix of I·L rows for each output channel and each block of steps."""
    batch, length, inputs = drive.shape
    result = np.empty((batch, length, len(kernel)))
    moved = np.ascontiguousarray(drive.transpose(0, 2, 1))
    steps = min(length, max(1, BLOCK_ENTRIES // (length * inputs)))
    for row, taps in enumerate(kernel):
        matrices = toeplitz(taps, length)
        for start in range(0, length, steps):
            stop = min(start + steps, length)
            matrix = np.ascontiguousarray(matrices[:, :stop, start:stop]).reshape(inputs * stop, stop - start)
            result[:, start:stop, row] = moved[:, :, :stop].reshape(batch, inputs * stop) @ matrix
    return result
