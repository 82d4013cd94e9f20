"""What the layers with a delta rule have around it: projections with short convolutions, heads, norm and gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from carleman_ssm.families.pointwise import causal_conv1d, l2_norm, linear, rms_norm, silu
from carleman_ssm.families.scans import Values, VaryingRankOneScan
from carleman_ssm.families.selective_parameters import projection, short_convolution
from carleman_ssm.networks.layers import Array

DENSE_KEYS: Mapping[str, str] = MappingProxyType(
    {f"{name}_weight": f"{name}_proj.weight" for name in ("q", "k", "v", "o", "b", "g")}
    | {"norm_weight": "o_norm.weight"}
)
CONVOLUTION_KEYS: Mapping[str, str] = MappingProxyType(
    {f"{name}_conv_{kind}": f"{name}_conv1d.{kind}" for name in ("q", "k", "v") for kind in ("weight", "bias")}
)

ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "silu": silu,
        "relu": lambda v: np.maximum(v, 0.0),
        "elu": lambda v: np.where(v > 0, v + 1.0, np.exp(np.minimum(v, 0.0))),
        "identity": lambda v: v,
    }
)
"""Activations of queries and keys; ``"elu"`` is the published $1 + \\mathrm{elu}(v)$."""


def _over_sum(v: Array) -> Array:
    sums = v.sum(axis=-1, keepdims=True)
    if not sums.all():
        msg = "the entries of a query or key sum to 0, and qk_norm = 'sum' divides by that: use qk_activation = 'elu'"
        raise ValueError(msg)
    result: Array = v / sums
    return result


NORMS: Mapping[str, Callable[[Array], Array]] = MappingProxyType({"l2": l2_norm, "sum": _over_sum})
"""Norms of queries and keys over the entries of a head."""


def branch(
    inputs: Array, weight: Array, taps: Array | None, bias: Array | None, activation: Callable[[Array], Array]
) -> Array:
    """Projection, short convolution if there is one, activation: (batch, L, H) to (batch, L, out)."""
    values = linear(inputs, weight)
    return activation(values if taps is None else causal_conv1d(values, taps, bias))


def split_heads(values: Array, size: int) -> Array:
    """(batch, L, heads × size) to (batch, L, heads, size)."""
    return values.reshape(*values.shape[:-1], -1, size)


def delta_scan(decays: Array, strengths: Array, keys: Array, values: Array) -> VaryingRankOneScan:
    r"""$g_k (1 - \beta_k \kappa_k \kappa_k^\top)$ and $\beta_k \kappa_k v_k^\top$, states (batch, L, heads, N, V)."""
    return VaryingRankOneScan(
        decays, strengths, keys, strengths[..., None, None] * keys[..., :, None] * values[..., None, :]
    )


def read_heads(states: Values, queries: Array, norm: Array | None, eps: float, gate: Array | None) -> Array:
    r"""$\mathrm{RMSNorm}(N^{-1/2} Z_k^\top q_k)$, times $\mathrm{SiLU}$ of the gate: (batch, L, heads × V).

    Parameters
    ----------
    states
        (batch, L, heads, N, V).
    queries
        (batch, L, heads, N).
    norm, eps
        Weight (V,) of the norm, None for 1, and its ε.
    gate
        (batch, L, heads × V) before its activation, or None.
    """
    read = (queries[..., None, :] @ states)[..., 0, :] * queries.shape[-1] ** -0.5
    normed = rms_norm(read, norm, eps)
    flat: Array = normed.reshape(*normed.shape[:-2], -1)
    return flat if gate is None else flat * silu(gate)


def require_choice(name: str, value: object, choices: Mapping[str, object]) -> None:
    """Refuse a setting that is none of the known ones.

    Raises
    ------
    ValueError
        With the choices.
    """
    if not isinstance(value, str) or value not in choices:
        msg = f"{name} must be one of {', '.join(choices)}, got {value!r}"
        raise ValueError(msg)


def initial_heads(
    rng: np.random.Generator, channels: int, sizes: tuple[int, int, int], width: int
) -> dict[str, Array | None]:
    """Projections and convolutions as torch initialises them, without biases.

    Parameters
    ----------
    rng
        The source of random numbers.
    channels
        H.
    sizes
        Rows of the projections to queries and keys, to values, and to the strengths.
    width
        W of the convolutions; 0 for none.
    """
    keys, values, heads = sizes
    rows = {"q": keys, "k": keys, "v": values}
    dense = {f"{name}_weight": projection(rng, size, channels) for name, size in rows.items()}
    taps = {f"{name}_conv_weight": short_convolution(rng, size, width)[0] for name, size in rows.items() if width}
    return {
        **dense,
        **taps,
        "b_weight": projection(rng, heads, channels),
        "o_weight": projection(rng, channels, values),
    }
