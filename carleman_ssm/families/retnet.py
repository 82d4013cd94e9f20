r"""RetNet: linear attention with a fixed decay for each head and rotated keys and queries.

Two numbers $x_j, x_{j + K/2}$ of a key or query are one complex number; rotary embedding at step t multiplies it by
$e^{i\theta_j t}$, so only the difference of the steps enters, and the retention is a diagonal complex recurrence:

$$S_t = \gamma_h e^{-i\theta_j} S_{t-1} + k_t v_t^\top, \qquad o_t = d^{-1/2}\,\mathrm{Re} \sum_j \bar q_{t,j} S_{t,j},
\qquad \gamma_h = 1 - 2^{-5-h}, \quad \theta_j = 10000^{-2j/K} .$$

The retention is an exact polynomial of degree 3 of the input; its multipliers are complex, so its states are waves.
The RMSNorm and the swish gate after it are no polynomials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self, cast, final

import numpy as np
import numpy.typing as npt

from carleman_ssm.families.attention_heads import freeze_heads
from carleman_ssm.families.family import Family
from carleman_ssm.families.gated_attention import gated_attention
from carleman_ssm.families.pointwise import causal_conv1d, linear, rms_norm, silu
from carleman_ssm.families.reference_tensors import (
    count,
    epsilon,
    freeze_convolutions,
    freeze_real,
    require_agreement,
    require_expansion,
    require_flags,
    stored_convolutions,
    stored_tensors,
    taken,
)
from carleman_ssm.families.scans import InvariantDiagonalScan, Values
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.recurrences.attention_statements import retnet_statement
from carleman_ssm.recurrences.statement import FamilyStatement

ROTARY_BASE = 10000.0

_DENSE: Mapping[str, str] = MappingProxyType(
    {f"{name}_weight": f"{name}_proj.weight" for name in "qkvg"} | {"output_weight": "o_proj.weight"}
)
_CONVOLUTIONS: Mapping[str, str] = MappingProxyType(
    {f"{name}_conv_{kind}": f"{name}_conv1d.{kind}" for name in "qkv" for kind in ("weight", "bias")}
)
_NORMS = {True: "g_norm_swish_gate.weight", False: "g_norm.weight"}


@final
@dataclass(frozen=True, eq=False, repr=False)
class RetNet(Family):
    r"""One multi-scale retention layer with E channels, H heads of key dimension K and value dimension V.

    Parameters
    ----------
    q_weight, k_weight, v_weight, output_weight
        (H K, E), (G K, E), (G V, E) and (E, H V), G the number of heads of keys and values; K even.
    g_weight
        (H V, E) of the gate, or None: no gate.
    norm_weight
        (V,) of the RMSNorm, or None: weight 1.
    q_conv_weight, q_conv_bias, k_conv_weight, k_conv_bias, v_conv_weight, v_conv_bias
        (channels, 1, W) and (channels,): short convolutions with SiLU after the projections, or None.
    num_heads, num_kv_heads
        H and G; G divides H, and head h reads the keys of head h G // H.
    norm_eps
        ε of the RMSNorm.
    fuse_norm
        Under which key the norm's weight is stored; the arithmetic is the same.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit, an odd K, NaN or infinity.

    References
    ----------
    Sun et al. (2023), Retentive Network, arXiv 2307.08621, eq. 1-8; THEORY T10, T12.
    """

    q_weight: Array
    k_weight: Array
    v_weight: Array
    output_weight: Array
    num_heads: int
    num_kv_heads: int
    g_weight: Array | None = None
    norm_weight: Array | None = None
    q_conv_weight: Array | None = None
    q_conv_bias: Array | None = None
    k_conv_weight: Array | None = None
    k_conv_bias: Array | None = None
    v_conv_weight: Array | None = None
    v_conv_bias: Array | None = None
    norm_eps: float = 1e-5
    fuse_norm: bool = True
    family: ClassVar[str] = "retnet"
    dialect: ClassVar[str] = "fla-retnet"

    def __post_init__(self) -> None:
        require_flags(self, "fuse_norm")
        keys, values = freeze_heads(self)
        heads, groups, width = self.num_heads, self.num_kv_heads, self.channels
        if keys % 2:
            msg = f"rotary embedding turns pairs, so the key dimension must be even, got {keys}"
            raise ValueError(msg)
        freeze_real(self, {"g_weight": (heads * values, width), "norm_weight": (values,)})
        freeze_convolutions(self, {"q": heads * keys, "k": groups * keys, "v": groups * values})

    @property
    def channels(self) -> int:
        """E."""
        return int(self.q_weight.shape[1])

    @property
    def key_dim(self) -> int:
        """K, in every head."""
        return int(self.q_weight.shape[0]) // self.num_heads

    @property
    def core_degree(self) -> int | None:
        """Degree of the retention in the inputs: 3; None with short convolutions, whose SiLU is no polynomial."""
        return 3 if self.q_conv_weight is None else None

    @property
    def input_degree(self) -> int | None:
        """Degree of the outputs: the RMSNorm divides, so none."""
        return None

    @property
    def decays(self) -> Array:
        r"""$\gamma_h = 1 - 2^{-5-h}$, (H,)."""
        return np.asarray(1 - 2.0 ** (-5.0 - np.arange(self.num_heads)))

    @property
    def frequencies(self) -> Array:
        r"""$\theta_j = 10000^{-2j/K}$, (K/2,) [rad per step]."""
        return np.asarray(ROTARY_BASE ** (-2.0 * np.arange(self.key_dim // 2) / self.key_dim))

    @property
    def multipliers(self) -> ComplexArray:
        r"""$\gamma_h e^{-i\theta_j}$, (H, K/2)."""
        return np.asarray(self.decays[:, None] * np.exp(-1j * self.frequencies))

    def queries(self, inputs: Array) -> ComplexArray:
        """$d^{-1/2} q$ as complex numbers, not rotated, (batch, L, H, K/2)."""
        return self._pairs(self._projected("q", inputs), self.num_heads) / math.sqrt(self.key_dim)

    def keys(self, inputs: Array) -> ComplexArray:
        """Keys as complex numbers, not rotated, (batch, L, H, K/2)."""
        return np.asarray(self._repeated(self._pairs(self._projected("k", inputs), self.num_kv_heads)))

    def values(self, inputs: Array) -> Array:
        """Values, (batch, L, H, V)."""
        projected = self._projected("v", inputs)
        return self._repeated(projected.reshape(*projected.shape[:2], self.num_kv_heads, -1))

    def _projected(self, name: str, inputs: Array) -> Array:
        mapped, taps = linear(inputs, getattr(self, f"{name}_weight")), getattr(self, f"{name}_conv_weight")
        return mapped if taps is None else silu(causal_conv1d(mapped, taps, getattr(self, f"{name}_conv_bias")))

    def _pairs(self, mapped: Array, heads: int) -> ComplexArray:
        """The first half of a head is the real part, the second the imaginary part."""
        first, second = np.split(mapped.reshape(*mapped.shape[:2], heads, -1), 2, axis=-1)
        return np.asarray(first + 1j * second)

    def _repeated(self, mapped: Values) -> Values:
        return np.repeat(mapped, self.num_heads // self.num_kv_heads, axis=2)

    def scan(self, inputs: Array) -> InvariantDiagonalScan:
        """States (batch, L, H, K/2, V), complex."""
        drives = self.keys(inputs)[..., :, None] * self.values(inputs)[..., None, :]
        return InvariantDiagonalScan(self.multipliers[..., None], drives)

    def core(self, states: Values, inputs: Array) -> Array:
        """The retention before its norm, (batch, L, H, V)."""
        result: Array = np.einsum("blhkv,blhk->blhv", states, self.queries(inputs).conj()).real
        return result

    def readout(self, states: Values, inputs: Array) -> Array:
        """Norm, gate and output map, (batch, L, E)."""
        return self._gated(self.core(states, inputs), inputs)

    def __call__(self, inputs: npt.ArrayLike, method: str = "closed") -> Array:
        """Outputs of the layer as in `Family`; by the rotary form without storing the K V states of every step."""
        if method != "closed":
            return super().__call__(inputs, method)
        seen = self._checked(inputs)
        decay = np.broadcast_to(-np.log(self.decays)[:, None], (*seen.shape[:2], self.num_heads, 1))
        turn = np.exp(1j * np.arange(seen.shape[1])[:, None, None] * self.frequencies)
        queries, keys = (_real_pairs(turn * pairs) for pairs in (self.queries(seen), self.keys(seen)))
        return self._gated(gated_attention(decay, keys, self.values(seen), queries), seen)

    def _gated(self, read: Array, inputs: Array) -> Array:
        normed = rms_norm(read, self.norm_weight, self.norm_eps)
        joined = normed.reshape(*normed.shape[:2], -1)
        gated = joined if self.g_weight is None else joined * silu(linear(inputs, self.g_weight))
        return linear(gated, self.output_weight)

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        """As the reference's models: every dense weight N(0, 0.02²), norm weights 1, values twice as wide as keys.

        Parameters
        ----------
        rng
            Source of the draws.
        **sizes
            ``hidden_size`` (8), ``num_heads`` (2), ``expand_v`` (2).
        """
        width, heads = count(sizes, "hidden_size", 8), count(sizes, "num_heads", 2)
        wide = width * count(sizes, "expand_v", 2)
        rows = {"q": width, "k": width, "v": wide, "g": wide}
        drawn = {f"{name}_weight": 0.02 * rng.standard_normal((size, width)) for name, size in rows.items()}
        drawn["output_weight"] = 0.02 * rng.standard_normal((width, wide))
        options: dict[str, Any] = {"num_heads": heads, "num_kv_heads": heads, "norm_weight": np.ones(wide // heads)}
        return cls(**cast(dict[str, Any], drawn), **options)

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """`recurrences.attention_statements.retnet_statement`."""
        return retnet_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """From the keys and the configuration of the reference; ``num_heads`` is needed.

        Raises
        ------
        ValueError
            Keys are missing or unknown; a feature map or a gate function other than the reference's default; or the
            configuration contradicts the keys.
        """
        for name, usual in (("feature_map", None), ("gate_fn", "swish")):
            if config.get(name, usual) != usual:
                msg = f"retnet: {name} = {config[name]!r} is not covered, only {usual!r}"
                raise ValueError(msg)
        fused = _NORMS[True] in tensors or _NORMS[False] not in tensors
        require_agreement(cls.family, config, {"use_output_gate": "g_proj.weight" in tensors})
        if _NORMS[True] in tensors and "g_proj.weight" not in tensors:
            msg = f"retnet: {_NORMS[True]} is the norm of a gated layer, but g_proj.weight is not there"
            raise ValueError(msg)
        keys = {**_DENSE, **_CONVOLUTIONS, "norm_weight": _NORMS[fused]}
        values: dict[str, Any] = taken(cls.family, tensors, keys, {*_CONVOLUTIONS, "norm_weight", "g_weight"})
        heads, eps = count(config, "num_heads"), epsilon(config, "norm_eps", 1e-5)
        groups = count(config, "num_kv_heads", heads)
        layer = cls(**values, num_heads=heads, num_kv_heads=groups, norm_eps=eps, fuse_norm=fused)
        found = {"hidden_size": layer.channels, "elementwise_affine": layer.norm_weight is not None}
        require_agreement(cls.family, config, found | stored_convolutions(layer))
        rows = {"expand_k": len(layer.q_weight), "expand_v": layer.output_weight.shape[1]}
        require_expansion(cls.family, config, layer.channels, rows)
        return layer

    def tensors(self) -> dict[str, Array]:
        """The keys of the reference."""
        keys = {**_DENSE, **_CONVOLUTIONS, "norm_weight": _NORMS[self.fuse_norm]}
        return stored_tensors(self, keys)


def _real_pairs(pairs: ComplexArray) -> Array:
    return np.concatenate([pairs.real, pairs.imag], axis=-1)
