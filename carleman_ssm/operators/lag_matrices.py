r"""Weighted Gram matrices of the delayed kernels of one layer: second-order kernels of all logits at once.

$$Q_{i,s,t} = \sum_h\sum_k a_{i,h,k}\,K_{h,k-s}K_{h,k-t}$$

is the second-order Volterra kernel of logit i over the steps s, t (THEORY T10, T20). No sum over time is looped:

* weights that do not depend on k (mean pool, quadratic decoder): a running sum along the diagonals of
  $\sum_h a_{ih}K_{hm}K_{hn}$, $O(L^2)$ after one matrix product;
* weights at the last step alone (last pool): one product of rank at most H;
* any weights: in frequencies the sum over k is one product, and the sum over channels comes before the transform of
  the $L^2$ numbers, $O(L^2(H + \log L))$.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from carleman_ssm.networks.enclosures import Floats

BLOCK_ENTRIES = 2**18
"""Complex entries of a block of frequencies: what is transformed stays in the cache."""
MAX_ENTRIES = 10**8
"""More entries of a kernel than this are not written out."""
Indices = NDArray[np.int64]


def lag_matrices(weights: Floats, kernel: Floats) -> Floats:
    r"""$Q$ (rows, L, L), symmetric, of weights a (rows, H, L) and kernels K (H, L).

    Parameters
    ----------
    weights
        $a_{i,h,k}$: readout × pooling × half the second derivative of the decoder.
    kernel
        $K_{h,m}$, feedthrough included.
    """
    if not weights[..., :-1].any():
        return _gram(weights[..., -1], kernel)
    if (weights == weights[..., :1]).all():
        return _along_diagonals(weights[..., 0], kernel)
    return _by_spectra(weights, kernel)


def _gram(weights: Floats, kernel: Floats) -> Floats:
    r"""$\sum_h a_{ih}K_{h,L-1-s}K_{h,L-1-t}$ for every row i."""
    backwards = np.ascontiguousarray(kernel[:, ::-1])
    result: Floats = np.matmul(backwards.T[None] * weights[:, None, :], backwards)
    return result


def _along_diagonals(weights: Floats, kernel: Floats) -> Floats:
    r"""$Q_{s,t} = G_{s,t} + Q_{s+1,t+1}$ with G of `_gram`: what is read a step later is seen a step later.

    One addition of a whole row of all logits per s; `cumsum` over a skewed view needs four times as long.
    """
    result = _gram(weights, kernel)
    for s in range(kernel.shape[1] - 2, -1, -1):
        result[:, s, :-1] += result[:, s + 1, 1:]
    return result


def _by_spectra(weights: Floats, kernel: Floats) -> Floats:
    r"""Any weights, through the discrete Fourier transform in both steps.

    With M ≥ 2L points nothing wraps around, and the transform of Q over (s, t) at the frequencies (f, u − f) is

    $$S_{u,f} = \sum_h \hat a_h(u)\,\overline{\hat K_h(f)}\,\overline{\hat K_h(u - f)} = S_{u,u-f},$$

    because $\sum_s K_{k-s}e^{-2\pi ifs/M} = e^{-2\pi ifk/M}\,\overline{\hat K(f)}$. Its inverse over f is the diagonal
    $s - t$, its inverse over u the place t on it; u > M/2 are conjugates.
    """
    rows, _, length = weights.shape
    half = fft.next_fast_len(length, real=True)
    size, steps = 2 * half, np.arange(2 * half)
    diagonals = np.empty((rows, half + 1, length), dtype=np.complex128)
    for sums, mixed in _mixed_spectra(weights, kernel, half):
        apart = np.abs(2 * steps - sums[:, None])
        folded = np.minimum(apart, 2 * size - apart) >> 1  # j of f = ⌈u/2⌉ + j and of f = ⌊u/2⌋ − j, around the circle
        whole = np.take_along_axis(mixed, folded[:, None], axis=-1)
        diagonals[:, sums] = fft.ifft(whole, axis=-1)[..., :length].swapaxes(0, 1)
    padded = np.zeros((rows, length, 2 * length))
    _skewed(padded)[:] = fft.irfft(diagonals, size, axis=1)[:, :length]
    return _symmetric(padded[..., :length])


def _mixed_spectra(weights: Floats, kernel: Floats, half: int) -> Iterator[tuple[Indices, NDArray[np.complex128]]]:
    r"""Blocks of u, and $S_{u,f}$ at $f = \lceil u/2\rceil + j$, (u, rows, j) for j = 0 … M/2; the rest is its mirror.

    One product of (H, M/2 + 1) numbers for each u, small enough to stay in the cache, serves all rows.
    """
    size, reach = 2 * half, half + 1
    spectrum = np.ascontiguousarray(fft.fft(kernel, size).conj().T)  # (f, H): a slice of frequencies is one piece
    rising = np.concatenate([spectrum, spectrum])
    falling = np.ascontiguousarray(rising[::-1])
    gains = np.ascontiguousarray(fft.rfft(weights, size).transpose(2, 0, 1))  # (u, rows, H)
    pairs = np.empty((reach, len(kernel)), dtype=np.complex128)
    block = max(1, BLOCK_ENTRIES // (len(weights) * size))
    for first in range(0, reach, block):
        sums = np.arange(first, min(first + block, reach))
        mixed = np.empty((len(sums), len(weights), reach), dtype=np.complex128)
        for u, into in zip(sums.tolist(), mixed, strict=True):
            start, mirrored = (u + 1) // 2, size - 1 - u // 2
            np.multiply(rising[start : start + reach], falling[mirrored : mirrored + reach], out=pairs)
            np.matmul(gains[u], pairs.T, out=into)
        yield sums, mixed


def _skewed(padded: Floats) -> Floats:
    """View [i, s, Δ] of padded [i, s, s + Δ]: the upper diagonals of (rows, L, 2L) as columns."""
    rows, length = padded.shape[:2]
    item = padded.itemsize
    strides = (2 * length * length * item, (2 * length + 1) * item, item)
    return np.lib.stride_tricks.as_strided(padded, (rows, length, length), strides)


def _symmetric(upper: Floats) -> Floats:
    """Copy the upper triangle below the diagonal."""
    result: Floats = np.triu(upper)
    result += np.triu(upper, 1).swapaxes(1, 2)
    return result


def second_order_arrays(weights: Floats, kernel: Floats, drive_weight: Floats) -> Floats:
    r"""$Q_{i,sj,tj'} = \sum_{h,k} a_{ihk}K_{h,k-s}K_{h,k-t}W_{hj}W_{hj'}$, (rows, L, d, L, d).

    Parameters
    ----------
    weights, kernel
        As for `lag_matrices`.
    drive_weight
        $W$ (H, d): from the input features to the channels.
    """
    features, length = drive_weight.shape[1], kernel.shape[1]
    if features == 1:
        return lag_matrices(weights * drive_weight**2, kernel)[:, :, None, :, None]
    result = np.empty((len(weights), length, features, length, features))
    for first in range(features):
        mixing = drive_weight[:, first] * drive_weight.T[first:]  # (features − first, H): one pass for all of them
        weighted = (weights[:, None] * mixing[..., None]).reshape(-1, *weights.shape[1:])
        found = lag_matrices(weighted, kernel).reshape(len(weights), -1, length, length)
        result[:, :, first, :, first:] = found.transpose(0, 2, 3, 1)
        result[:, :, first:, :, first] = found.transpose(0, 2, 1, 3)
    return result
