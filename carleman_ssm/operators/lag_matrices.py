r"""Weighted Gram matrices of the delayed kernels of one layer: second-order kernels of all logits at once.

$$Q_{i,s,t} = \sum_h\sum_k a_{i,h,k}\,K_{h,k-s}K_{h,k-t}$$

is the second-order Volterra kernel of logit i over the steps s, t (THEORY T10, T20). No sum over time is looped:

* weights that do not depend on k (mean pool, quadratic decoder): a running sum along the diagonals of
  $\sum_h a_{ih}K_{hm}K_{hn}$, $O(L^2)$ after one matrix product;
* weights at the last step alone (last pool): one product of rank at most H;
* any weights: a correlation in k for each lag $t - s$, by FFT, $O(L^2\log L)$.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from carleman_ssm.networks.enclosures import Floats

BLOCK_ENTRIES = 2**22
MAX_ENTRIES = 10**8
"""More entries of a kernel than this are not written out."""


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
    return _by_correlation(weights, kernel)


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


def _by_correlation(weights: Floats, kernel: Floats) -> Floats:
    r"""$Q_{s,s+\Delta} = \sum_k a_k\,P^\Delta_{k-s}$ with $P^\Delta_m = K_mK_{m-\Delta}$ for $m \ge \Delta$."""
    rows, channels, length = weights.shape
    size = fft.next_fast_len(2 * length - 1, real=True)
    spectrum = np.ascontiguousarray(fft.rfft(weights, size).transpose(2, 0, 1))  # (frequencies, rows, H)
    padded = np.zeros((rows, length, 2 * length))
    diagonals = _skewed(padded)
    delayed = np.concatenate([np.zeros((channels, length)), kernel], axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(delayed, length, axis=1)[:, ::-1]  # [h, Δ, m] = K_{m−Δ}
    block = max(1, BLOCK_ENTRIES // (channels * size))
    for first in range(0, length, block):
        lags = slice(first, min(first + block, length))
        pairs = fft.rfft(kernel[:, None] * windows[:, lags], size).conj()
        mixed = spectrum @ np.ascontiguousarray(pairs.transpose(2, 0, 1))  # (frequencies, rows, lags)
        diagonals[:, :, lags] = fft.irfft(mixed, size, axis=0)[:length].transpose(1, 0, 2)
    return _symmetric(padded[..., :length])


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
        for second in range(first, features):
            mixing = drive_weight[:, first] * drive_weight[:, second]
            result[:, :, first, :, second] = lag_matrices(weights * mixing[:, None], kernel)
            result[:, :, second, :, first] = result[:, :, first, :, second]
    return result
