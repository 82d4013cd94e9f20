"""How the selective layers start: steps drawn log-uniformly, short convolutions, dense maps as torch draws them."""

from __future__ import annotations

from typing import Any

import numpy as np

from carleman_ssm.families.pointwise import inverse_softplus
from carleman_ssm.families.reference_tensors import torch_linear
from carleman_ssm.networks.layers import Array

STEP_RANGE = (1e-3, 1e-1)
STEP_FLOOR = 1e-4


def step_bias(rng: np.random.Generator, count: int, steps: tuple[float, float] = STEP_RANGE) -> Array:
    r"""Biases b with $\mathrm{softplus}(b) = \Delta$, $\ln \Delta$ uniform between the logarithms of `steps`.

    Parameters
    ----------
    rng
        The source of random numbers.
    count
        How many.
    steps
        Smallest and largest $\Delta$ [time]; nothing below 1e-4 is drawn.

    Raises
    ------
    ValueError
        The range is empty or not positive.
    """
    least, most = steps
    if not 0 < least <= most:
        msg = f"steps are drawn between two positive numbers, the smaller one first, got {steps}"
        raise ValueError(msg)
    drawn: Array = np.exp(rng.uniform(np.log(least), np.log(most), count))
    return inverse_softplus(np.maximum(drawn, STEP_FLOOR))


def short_convolution(rng: np.random.Generator, channels: int, width: int) -> tuple[Array, Array]:
    r"""Taps (C, 1, W) and bias (C,) of a convolution of single channels: uniform within $\pm 1/\sqrt W$."""
    taps, bias = torch_linear(rng, channels, width)
    return taps[:, None, :], bias


def projection(rng: np.random.Generator, outputs: int, inputs: int) -> Array:
    """The weight (out, in) of a dense map without a bias."""
    return torch_linear(rng, outputs, inputs)[0]


def mamba_start(
    rng: np.random.Generator,
    *,
    channels: int = 2,
    states: int = 4,
    expand: int = 2,
    width: int = 4,
    rank: int | None = None,
    spectrum: str = "real",
) -> dict[str, Any]:
    """The fields of a `families.mamba.Mamba` as its reference draws them; sizes as in `Mamba.initialise`.

    Raises
    ------
    ValueError
        An unknown spectrum.
    """
    if spectrum not in ("real", "lin"):
        msg = f"the spectrum is 'real' or 'lin', got {spectrum!r}"
        raise ValueError(msg)
    inner, rank = expand * channels, -(-channels // 16) if rank is None else rank
    taps, bias = short_convolution(rng, inner, width)
    n = np.tile(np.arange(states, dtype=np.float64), (inner, 1))
    real = spectrum == "real"
    return {
        "in_proj_weight": projection(rng, 2 * inner, channels),
        "conv1d_weight": taps,
        "conv1d_bias": bias,
        "x_proj_weight": projection(rng, rank + (2 if real else 4) * states, inner),
        "dt_proj_weight": rng.uniform(-1, 1, (inner, rank)) * rank**-0.5,
        "dt_proj_bias": step_bias(rng, inner),
        "A_log": np.log(n + 1) if real else np.full_like(n, np.log(0.5)),
        "A_imag": None if real else np.pi * n,
        "D": np.ones(inner),
        "out_proj_weight": projection(rng, channels, inner),
    }


def mamba2_start(
    rng: np.random.Generator,
    *,
    channels: int = 2,
    states: int = 4,
    expand: int = 2,
    headdim: int = 2,
    width: int = 4,
    ngroups: int = 1,
) -> dict[str, Any]:
    """The fields of a `families.mamba2.Mamba2` as its reference draws them; sizes as in `Mamba2.initialise`.

    Raises
    ------
    ValueError
        The inner channels are no whole number of heads.
    """
    inner = expand * channels
    if inner % headdim:
        msg = f"{inner} inner channels are no whole number of heads of {headdim}"
        raise ValueError(msg)
    heads, mixed = inner // headdim, inner + 2 * ngroups * states
    taps, bias = short_convolution(rng, mixed, width)
    return {
        "in_proj_weight": projection(rng, inner + mixed + heads, channels),
        "conv1d_weight": taps,
        "conv1d_bias": bias,
        "dt_bias": step_bias(rng, heads),
        "A_log": np.log(rng.uniform(1, 16, heads)),
        "D": np.ones(heads),
        "norm_weight": np.ones(inner),
        "out_proj_weight": projection(rng, channels, inner),
        "ngroups": ngroups,
    }


def gla_start(
    rng: np.random.Generator, *, channels: int = 4, heads: int = 2, keys: int = 2, values: int = 2, rank: int = 2
) -> dict[str, Any]:
    """The fields of a `families.gla.GLA` as torch draws them; sizes as in `GLA.initialise`."""
    gate, bias = torch_linear(rng, heads * keys, rank)
    return {
        "q_proj_weight": projection(rng, heads * keys, channels),
        "k_proj_weight": projection(rng, heads * keys, channels),
        "v_proj_weight": projection(rng, heads * values, channels),
        "g_proj_weight": projection(rng, heads * values, channels),
        "gk_proj_0_weight": projection(rng, rank, channels),
        "gk_proj_1_weight": gate,
        "gk_proj_1_bias": bias,
        "norm_weight": np.ones(values),
        "o_proj_weight": projection(rng, channels, heads * values),
        "num_heads": heads,
    }
