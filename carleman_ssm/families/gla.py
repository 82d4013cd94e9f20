r"""Gated linear attention: matrix states of which every key row decays by a gate of the input.

$$q, k, v, g = W_q u, W_k u, W_v u, W_g u, \qquad \alpha = \sigma(W_2 W_1 u + b)^{1/16},$$
$$S_k = \mathrm{diag}(\alpha_k) S_{k-1} + k_k v_k^\top, \qquad o_k = S_k^\top q_k / \sqrt K, \qquad
  \mathrm{out}_k = W_o (\mathrm{RMS}(o_k) \odot \mathrm{SiLU}(g_k))$$

for every head of K keys and V values. $\alpha = e^{-\Delta}$ with $\Delta = -\frac1{16} \ln \sigma(\cdot) > 0$: every
row of the state has the rate 1 and a clock of its own (THEORY T19). With fewer key and value heads than query heads,
several heads share them and their gates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self, final

import numpy as np
import numpy.typing as npt

from carleman_ssm.families.clock_scan import ClockScan
from carleman_ssm.families.family import Family
from carleman_ssm.families.gated_attention import gated_attention
from carleman_ssm.families.pointwise import causal_conv1d, linear, log_sigmoid, rms_norm, silu
from carleman_ssm.families.reference_tensors import (
    count,
    flag,
    freeze_real,
    number,
    require_agreement,
    require_convolutions,
    require_expansion,
    require_flags,
    stored_convolutions,
    stored_tensors,
    taken,
)
from carleman_ssm.families.scans import Values
from carleman_ssm.families.selective_parameters import gla_start
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.layers import Array
from carleman_ssm.recurrences.selective_statements import gla_statement
from carleman_ssm.recurrences.statement import FamilyStatement

KEYS: Mapping[str, str] = MappingProxyType(
    {
        "q_proj_weight": "q_proj.weight",
        "k_proj_weight": "k_proj.weight",
        "v_proj_weight": "v_proj.weight",
        "gk_proj_0_weight": "gk_proj.0.weight",
        "gk_proj_1_weight": "gk_proj.1.weight",
        "gk_proj_1_bias": "gk_proj.1.bias",
        "o_proj_weight": "o_proj.weight",
        "g_proj_weight": "g_proj.weight",
        "norm_weight": "g_norm_swish_gate.weight",
        "q_conv1d_weight": "q_conv1d.weight",
        "k_conv1d_weight": "k_conv1d.weight",
        "v_conv1d_weight": "v_conv1d.weight",
        "q_conv1d_bias": "q_conv1d.bias",
        "k_conv1d_bias": "k_conv1d.bias",
        "v_conv1d_bias": "v_conv1d.bias",
    }
)
OPTIONAL = frozenset(list(KEYS)[7:])
PLAIN_NORM = "g_norm.weight"
"""Key of the norm where it is not fused with a gate."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class GLA(Family, Brief):
    r"""The layer of gated linear attention: H inputs, h heads of K keys and V values, h' with keys of their own.

    Parameters
    ----------
    q_proj_weight
        (hK, H).
    k_proj_weight, v_proj_weight
        (h'K, H) and (h'V, H); h' divides h.
    gk_proj_0_weight, gk_proj_1_weight, gk_proj_1_bias
        (R, H), (h'K, R) and (h'K,): logits of the gates $\alpha$.
    o_proj_weight
        (H, hV).
    num_heads
        h.
    g_proj_weight
        (hV, H), or None: no output gate.
    norm_weight
        (V,), or None: a norm without a weight.
    q_conv1d_weight, k_conv1d_weight, v_conv1d_weight
        (hK, 1, W), (h'K, 1, W), (h'V, 1, W): causal convolutions before SiLU; all or none.
    q_conv1d_bias, k_conv1d_bias, v_conv1d_bias
        All or none.
    fuse_norm
        Whether norm and gate are stored as one (the key of the norm); the arithmetic is the same.
    gate_logit_normalizer
        16 in the formula of $\alpha$.
    clamp_min
        Smallest $\ln \alpha$, or None.
    norm_eps
        ε of the norm.

    Raises
    ------
    ValueError, TypeError
        Shapes or counts that do not fit each other, NaN or infinity.

    References
    ----------
    Yang et al., *Gated Linear Attention Transformers with Hardware-Efficient Training* (2024), §4.1 and §4.4;
    THEORY T19.
    """

    family: ClassVar[str] = "gla"
    dialect: ClassVar[str] = "fla-gla"

    q_proj_weight: Array
    k_proj_weight: Array
    v_proj_weight: Array
    gk_proj_0_weight: Array
    gk_proj_1_weight: Array
    gk_proj_1_bias: Array
    o_proj_weight: Array
    num_heads: int
    g_proj_weight: Array | None = None
    norm_weight: Array | None = None
    q_conv1d_weight: Array | None = None
    k_conv1d_weight: Array | None = None
    v_conv1d_weight: Array | None = None
    q_conv1d_bias: Array | None = None
    k_conv1d_bias: Array | None = None
    v_conv1d_bias: Array | None = None
    fuse_norm: bool = True
    gate_logit_normalizer: float = 16.0
    clamp_min: float | None = None
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        rows = ("q_proj_weight", "k_proj_weight", "v_proj_weight", "gk_proj_0_weight")
        freeze_real(self, dict.fromkeys(rows, (None, None)))
        queries, keys, values = (len(getattr(self, name)) for name in rows[:3])
        if self.num_heads < 1 or queries % self.num_heads or keys % self.keys or values % (keys // self.keys):
            msg = (
                f"GLA: {queries} queries, {keys} keys and {values} values are no whole number of {self.num_heads} heads"
            )
            raise ValueError(msg)
        self._check_options()
        channels, rank, width = self.channels, len(self.gk_proj_0_weight), self.num_heads * self.values
        shapes: dict[str, tuple[int | None, ...]] = dict.fromkeys(rows, (None, channels))
        shapes |= {"gk_proj_1_weight": (keys, rank), "gk_proj_1_bias": (keys,), "o_proj_weight": (channels, width)}
        shapes |= {"g_proj_weight": (width, channels), "norm_weight": (self.values,)}
        for name, size in (("q", queries), ("k", keys), ("v", values)):
            shapes |= {f"{name}_conv1d_weight": (size, 1, None), f"{name}_conv1d_bias": (size,)}
        freeze_real(self, shapes)

    def _check_options(self) -> None:
        require_flags(self, "fuse_norm")
        if self.num_heads % self.kv_heads:
            msg = f"GLA: {self.num_heads} heads cannot share {self.kv_heads} heads of keys and values"
            raise ValueError(msg)
        require_convolutions(self, "conv1d")
        if self.norm_weight is not None and np.size(self.norm_weight) != self.values:
            msg = (
                f"GLA: num_heads = {self.num_heads} makes heads of {self.values} values, but the norm is for "
                f"{np.size(self.norm_weight)}: give another num_heads"
            )
            raise ValueError(msg)
        if not 0 < self.gate_logit_normalizer < np.inf or not 0 <= self.norm_eps < np.inf:
            msg = (
                "GLA: gate_logit_normalizer must be a positive number and norm_eps 0 or more, "
                f"got {self.gate_logit_normalizer} and {self.norm_eps}"
            )
            raise ValueError(msg)

    @property
    def channels(self) -> int:
        """H."""
        return int(self.q_proj_weight.shape[1])

    @property
    def keys(self) -> int:
        """K, keys of a head."""
        return len(self.q_proj_weight) // self.num_heads

    @property
    def kv_heads(self) -> int:
        """h', heads with keys and values of their own."""
        return len(self.k_proj_weight) // self.keys

    @property
    def values(self) -> int:
        """V, values of a head."""
        return len(self.v_proj_weight) // self.kv_heads

    def projected(self, name: str, inputs: Array) -> Array:
        """Queries, keys or values (``"q"``, ``"k"``, ``"v"``) of all heads, unscaled: (batch, L, h, K or V)."""
        mapped = linear(inputs, getattr(self, f"{name}_proj_weight"))
        taps = getattr(self, f"{name}_conv1d_weight")
        if taps is not None:
            mapped = silu(causal_conv1d(mapped, taps, getattr(self, f"{name}_conv1d_bias")))
        return self._for_heads(mapped, self.num_heads if name == "q" else self.kv_heads)

    def _for_heads(self, mapped: Array, heads: int) -> Array:
        return np.repeat(mapped.reshape(*mapped.shape[:2], heads, -1), self.num_heads // heads, axis=2)

    def increments(self, inputs: Array) -> Array:
        r"""$\Delta_k = -\ln \alpha_k$ of every key row, (batch, L, h, K), at least 0."""
        logits = linear(linear(inputs, self.gk_proj_0_weight), self.gk_proj_1_weight, self.gk_proj_1_bias)
        decays = log_sigmoid(logits) / self.gate_logit_normalizer
        if self.clamp_min is not None:
            decays = np.maximum(decays, self.clamp_min)
        return -self._for_heads(decays, self.kv_heads)

    def clock(self, inputs: Array) -> Array:
        r"""$\tau_k = \sum_{i \le k} \Delta_i$ of every key row, whose rate is 1: (batch, L, h, K)."""
        result: Array = np.cumsum(self.increments(self._checked(inputs)), axis=1)
        return result

    def scan(self, inputs: Array) -> ClockScan:
        r"""Increments $\Delta_k$ of each row, rate -1, and drives $k_k v_k^\top$, (batch, L, h, K, V)."""
        drives = self.projected("k", inputs)[..., None] * self.projected("v", inputs)[..., None, :]
        return ClockScan(self.increments(inputs)[..., None], np.array(-1.0), drives)

    def readout(self, states: Values, inputs: Array) -> Array:
        """Outputs (batch, L, H), normed, gated and projected."""
        return self._gated((self._queries(inputs)[..., None, :] @ states)[..., 0, :], inputs)

    def __call__(self, inputs: npt.ArrayLike, method: str = "closed") -> Array:
        """Outputs of the layer as in `Family`; by the closed form without storing the K V states of every step."""
        if method != "closed":
            return super().__call__(inputs, method)
        seen = self._checked(inputs)
        keys, values = self.projected("k", seen), self.projected("v", seen)
        return self._gated(gated_attention(self.increments(seen), keys, values, self._queries(seen)), seen)

    def _queries(self, inputs: Array) -> Array:
        scaled: Array = self.projected("q", inputs) * self.keys**-0.5
        return scaled

    def _gated(self, read: Array, inputs: Array) -> Array:
        normed = rms_norm(read, self.norm_weight, self.norm_eps)
        flat: Array = normed.reshape(*inputs.shape[:2], -1)
        if self.g_proj_weight is not None:
            flat = flat * silu(linear(inputs, self.g_proj_weight))
        return linear(flat, self.o_proj_weight)

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        r"""Dense maps uniform within $\pm 1/\sqrt{\text{in}}$ as torch draws them, norm 1.

        Parameters
        ----------
        rng
            The source of random numbers.
        **sizes
            ``channels`` (4), ``heads`` (2), ``keys`` (2) and ``values`` (2) of a head, ``rank`` (2) of the gate.

        Raises
        ------
        TypeError
            An unknown size.
        """
        return cls(**gla_start(rng, **sizes))

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """See `recurrences.selective_statements.gla_statement`."""
        return gla_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """Read ``q_proj.weight``, ``gk_proj.0.weight``, … with the settings that no shape tells.

        These are ``num_heads`` (needed), ``gate_logit_normalizer`` (16), ``clamp_min`` (none) and ``norm_eps`` (1e-5;
        1e-6 where the configuration is that of a model: ``model_type`` says ``gla``).

        Raises
        ------
        ValueError, TypeError
            Keys that are missing or unknown, settings of another kind, that the shapes contradict, or of a layer
            that is not read: a feature map of queries and keys, or another gate than swish.
        """
        fuse = PLAIN_NORM not in tensors and ("g_proj.weight" in tensors) and flag(config, "fuse_norm", default=True)
        keys = _keys(fuse=fuse)
        fields: dict[str, Any] = {**taken("GLA", tensors, keys, OPTIONAL)}
        least = None if config.get("clamp_min") is None else number(config, "clamp_min", 0.0)
        layer = cls(
            **fields,
            num_heads=count(config, "num_heads"),
            fuse_norm=fuse,
            gate_logit_normalizer=number(config, "gate_logit_normalizer", 16.0),
            clamp_min=least,
            norm_eps=number(config, "norm_eps", 1e-6 if config.get("model_type") == "gla" else 1e-5),
        )
        stored: dict[str, object] = {"hidden_size": layer.channels, "num_kv_heads": layer.kv_heads}
        stored |= stored_convolutions(layer, "conv1d")
        stored |= {
            "elementwise_affine": layer.norm_weight is not None,
            "gate_low_rank_dim": len(layer.gk_proj_0_weight),
        }
        stored |= {"use_output_gate": layer.g_proj_weight is not None, "gate_fn": "swish"}
        require_agreement("GLA", config, stored)
        rows = {"expand_k": len(layer.q_proj_weight), "expand_v": layer.o_proj_weight.shape[1]}
        require_expansion("GLA", config, layer.channels, rows)
        require_agreement("GLA", {"feature_map": str(config.get("feature_map"))}, {"feature_map": "None"})
        return layer

    def tensors(self) -> dict[str, Array]:
        """The parameters by the key names of the reference."""
        return stored_tensors(self, _keys(fuse=self.fuse_norm))


def _keys(*, fuse: bool) -> dict[str, str]:
    return {**KEYS, "norm_weight": KEYS["norm_weight"] if fuse else PLAIN_NORM}
