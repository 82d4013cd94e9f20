r"""What the layers of the families do at one step besides their recurrence: activations, norms, short convolutions.

The activations are those of `theory.activations`; all functions take float64 arrays and act on the last axis.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import special

from carleman_ssm.networks.layers import Array
from carleman_ssm.theory.activations import activation

L2_EPS = 1e-6
"""ε under the root of the published `l2norm` of keys and queries."""


def silu(v: Array) -> Array:
    r"""$v \, \sigma(v)$, also called swish.

    Examples
    --------
    >>> silu(np.array([0.0, 1.0])).round(6)
    array([0.      , 0.731059])
    """
    return activation("silu")(v)


def gelu(v: Array, form: Literal["erf", "tanh"] = "erf") -> Array:
    r"""$v \, \Phi(v)$ (``"erf"``, torch's default), or its tanh form (flax's default); they differ by up to 4.7e-4.

    Raises
    ------
    ValueError
        Another form.
    """
    if form not in ("erf", "tanh"):
        msg = f"GELU has the forms 'erf' and 'tanh', got {form!r}"
        raise ValueError(msg)
    return activation("gelu" if form == "erf" else "gelu_tanh")(v)


def sigmoid(v: Array) -> Array:
    r"""$\sigma(v) = 1/(1 + e^{-v})$."""
    result: Array = special.expit(v)
    return result


def softplus(v: Array) -> Array:
    r"""$\ln(1 + e^v) = -\ln \sigma(-v)$, accurate in both tails.

    torch replaces it by v above 20, where the two differ by at most $e^{-20} = 2.1 \cdot 10^{-9}$.

    Examples
    --------
    >>> softplus(np.array([0.0, 1.0])).round(6)
    array([0.693147, 1.313262])
    """
    result: Array = np.logaddexp(0.0, v)
    return result


def inverse_softplus(step: Array) -> Array:
    r"""The v with $\mathrm{softplus}(v) = \Delta$: $\Delta + \ln(1 - e^{-\Delta})$, for $\Delta > 0$."""
    result: Array = step + np.log(-np.expm1(-step))
    return result


def log_sigmoid(v: Array) -> Array:
    r"""$\ln \sigma(v) = -\mathrm{softplus}(-v)$."""
    return -softplus(-v)


def rms_norm(v: Array, weight: Array | None, eps: float) -> Array:
    r"""$w \odot v / \sqrt{\overline{v^2} + \varepsilon}$ over the last axis; without a weight w = 1."""
    largest = _largest(v)
    scaled = v / largest
    normed: Array = scaled / np.sqrt(np.mean(scaled * scaled, axis=-1, keepdims=True) + (eps**0.5 / largest) ** 2)
    return normed if weight is None else normed * weight


def l2_norm(v: Array, eps: float = L2_EPS) -> Array:
    r"""$v / \sqrt{\sum v^2 + \varepsilon}$ over the last axis."""
    largest = _largest(v)
    scaled = v / largest
    result: Array = scaled / np.sqrt(np.sum(scaled * scaled, axis=-1, keepdims=True) + (eps**0.5 / largest) ** 2)
    return result


def _largest(v: Array) -> Array:
    """The largest size along the last axis, and at least 1: its square overflows last, and ε keeps its digits."""
    result: Array = np.maximum(np.abs(v).max(axis=-1, keepdims=True, initial=0.0), 1.0)
    return result


def causal_conv1d(v: Array, weight: Array, bias: Array | None = None) -> Array:
    r"""$y_k = \sum_{m<W} w_m v_{k-W+1+m} + b$ in every channel on its own, with zeros before the start.

    Parameters
    ----------
    v
        (batch, L, C).
    weight
        (C, W) or, as torch stores it, (C, 1, W); the last tap meets the present step.
    bias
        (C,), or None.

    Returns
    -------
    ndarray
        (batch, L, C).

    Raises
    ------
    ValueError
        The weights are not of C channels.

    Examples
    --------
    >>> causal_conv1d(np.array([[[1.0], [2.0], [3.0]]]), np.array([[10.0, 1.0]])).ravel()
    array([ 1., 12., 23.])
    """
    channels, length = v.shape[2], v.shape[1]
    if weight.shape[0] != channels or weight.size != channels * weight.shape[-1]:
        msg = f"a convolution of {channels} channels needs weights ({channels}, 1, W), got {weight.shape}"
        raise ValueError(msg)
    taps = weight.reshape(channels, -1)
    width = taps.shape[1]
    padded = np.pad(v, ((0, 0), (width - 1, 0), (0, 0)))
    result: Array = sum((taps[:, m] * padded[:, m : m + length] for m in range(width)), np.zeros_like(v))
    return result if bias is None else result + bias


def linear(v: Array, weight: Array, bias: Array | None = None) -> Array:
    """$W v + b$ with the weight as torch stores it, (out, in)."""
    result: Array = v @ weight.T
    return result if bias is None else result + bias
