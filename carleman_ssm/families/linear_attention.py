r"""Linear attention: the state collects products of key features and values, the query features read it.

$$S_t = S_{t-1} + \phi_k(k_t)\, v_t^\top, \qquad o_t = d^{-1/2}\, S_t^\top \phi_q(q_t), \qquad
y_t = W\, \mathrm{norm}(o_t)$$

in every head, q, k, v linear in the input. With $\phi(x) = x$ the core is an exact polynomial of degree 3 of the input,
with the product map $\phi(x) = (W_1 x + b_1) \odot (W_2 x + b_2)$ of degree 5. Three options divide and are no
polynomials: the normaliser $o_t / (d^{-1/2} \phi_q(q_t) \cdot \sum_{s \le t} \phi_k(k_s) + 10^{-10})$, features divided
by their sum, and the RMSNorm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, Self, cast, final

import numpy as np
import numpy.typing as npt

from carleman_ssm.families.attention_heads import freeze_heads
from carleman_ssm.families.family import Family
from carleman_ssm.families.gated_attention import gated_attention
from carleman_ssm.families.pointwise import linear, rms_norm
from carleman_ssm.families.reference_tensors import (
    count,
    epsilon,
    flag,
    freeze_real,
    require_agreement,
    require_expansion,
    require_flags,
    stored_tensors,
    taken,
)
from carleman_ssm.families.scans import InvariantDiagonalScan, Values
from carleman_ssm.networks.layers import Array
from carleman_ssm.recurrences.attention_statements import linear_attention_statement
from carleman_ssm.recurrences.statement import FamilyStatement

NORMALISER_EPS = 1e-10
SUM_EPS = 1e-4

_DENSE: Mapping[str, str] = MappingProxyType(
    {"q_weight": "q_proj.weight", "k_weight": "k_proj.weight", "v_weight": "v_proj.weight"}
    | {"output_weight": "o_proj.weight", "norm_weight": "norm.weight"}
)
_FEATURES: Mapping[str, str] = MappingProxyType(
    {
        f"{side}{i}_{kind}": f"feature_map_{side}.layer{i}.{kind}"
        for side in "qk"
        for i in (1, 2)
        for kind in ("weight", "bias")
    }
)


@final
@dataclass(frozen=True, eq=False, repr=False)
class LinearAttention(Family):
    r"""One layer of linear attention with E channels, H heads of key dimension K and value dimension V.

    Parameters
    ----------
    q_weight, k_weight, v_weight, output_weight
        (H K, E), (G K, E), (G V, E) and (E, H V), G the number of heads of keys and values.
    q1_weight, q1_bias, q2_weight, q2_bias, k1_weight, k1_bias, k2_weight, k2_bias
        (K, K) and (K,): the two factors of the product maps; all None for the identity.
    norm_weight
        (V,) of the RMSNorm, or None: weight 1.
    num_heads, num_kv_heads
        H and G; G divides H, and head h reads the keys of head h G // H.
    output_norm
        ``"rmsnorm"`` or ``"identity"``.
    do_feature_map_norm
        Whether the output is divided by the query times the sum of the keys.
    norm_q, norm_k
        Whether the features are divided by their sum (plus 1e-4).
    norm_eps
        ε of the RMSNorm.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit, NaN or infinity, or an unknown norm.

    References
    ----------
    Katharopoulos et al. (2020), arXiv 2006.16236, eq. 16-20; THEORY T10, T12.
    """

    q_weight: Array
    k_weight: Array
    v_weight: Array
    output_weight: Array
    num_heads: int
    num_kv_heads: int
    q1_weight: Array | None = None
    q1_bias: Array | None = None
    q2_weight: Array | None = None
    q2_bias: Array | None = None
    k1_weight: Array | None = None
    k1_bias: Array | None = None
    k2_weight: Array | None = None
    k2_bias: Array | None = None
    norm_weight: Array | None = None
    output_norm: str = "rmsnorm"
    do_feature_map_norm: bool = False
    norm_q: bool = False
    norm_k: bool = False
    norm_eps: float = 1e-5
    family: ClassVar[str] = "linear-attention"
    dialect: ClassVar[str] = "fla-linear-attention"
    further_statements = MappingProxyType(
        {"product feature maps": partial(linear_attention_statement, product_features=True)}
    )

    def __post_init__(self) -> None:
        require_flags(self, "do_feature_map_norm", "norm_q", "norm_k")
        if self.output_norm not in ("rmsnorm", "identity"):
            msg = f"output_norm is 'rmsnorm' or 'identity', got {self.output_norm!r}"
            raise ValueError(msg)
        if self.output_norm == "identity" and self.norm_weight is not None:
            msg = "output_norm is 'identity', but there is a norm weight: drop one of the two"
            raise ValueError(msg)
        keys, values = freeze_heads(self)
        freeze_real(self, {name: (keys, keys) if "weight" in name else (keys,) for name in _FEATURES})
        freeze_real(self, {"norm_weight": (values,)})
        if len({getattr(self, name) is None for name in _FEATURES}) > 1:
            msg = "the eight tensors of the product feature maps come together or not at all"
            raise ValueError(msg)

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
        """Degree of what the norm receives: 3, with product maps 5, None where something divides."""
        if self.do_feature_map_norm or self.norm_q or self.norm_k:
            return None
        return 3 if self.q1_weight is None else 5

    @property
    def input_degree(self) -> int | None:
        """Degree of the outputs in the inputs of the layer; None: not a polynomial."""
        return self.core_degree if self.output_norm == "identity" else None

    def queries(self, inputs: Array) -> Array:
        r"""$d^{-1/2} \phi_q(q)$, (batch, L, H, K)."""
        features = self._features("q", self._by_head(linear(inputs, self.q_weight), self.num_heads), sums=self.norm_q)
        return features / math.sqrt(self.key_dim)

    def keys(self, inputs: Array) -> Array:
        r"""$\phi_k(k)$, (batch, L, H, K)."""
        keys = self._by_head(linear(inputs, self.k_weight), self.num_kv_heads)
        return self._repeated(self._features("k", keys, sums=self.norm_k))

    def values(self, inputs: Array) -> Array:
        """V, (batch, L, H, V)."""
        return self._repeated(self._by_head(linear(inputs, self.v_weight), self.num_kv_heads))

    def _by_head(self, mapped: Array, heads: int) -> Array:
        return mapped.reshape(*mapped.shape[:2], heads, -1)

    def _repeated(self, mapped: Array) -> Array:
        return np.repeat(mapped, self.num_heads // self.num_kv_heads, axis=2)

    def _features(self, side: str, values: Array, *, sums: bool) -> Array:
        if self.q1_weight is not None:
            first, second = (
                linear(values, getattr(self, f"{side}{i}_weight"), getattr(self, f"{side}{i}_bias")) for i in (1, 2)
            )
            values = first * second
        result: Array = values / (values.sum(axis=-1, keepdims=True) + SUM_EPS) if sums else values
        return result

    def scan(self, inputs: Array) -> InvariantDiagonalScan:
        """States (batch, L, H, K, V); a normaliser is one more column, driven with value 1."""
        return InvariantDiagonalScan(np.ones(1), self.keys(inputs)[..., :, None] * self._columns(inputs)[..., None, :])

    def _columns(self, inputs: Array) -> Array:
        values = self.values(inputs)
        ones = np.ones((*values.shape[:3], int(self.do_feature_map_norm)))
        return np.concatenate([values, ones], axis=-1)

    def core(self, states: Values, inputs: Array) -> Array:
        """What the norm receives, (batch, L, H, V)."""
        return self._normalised(np.einsum("blhkv,blhk->blhv", states, self.queries(inputs)))

    def _normalised(self, read: Array) -> Array:
        result: Array = read[..., :-1] / (read[..., -1:] + NORMALISER_EPS) if self.do_feature_map_norm else read
        return result

    def readout(self, states: Values, inputs: Array) -> Array:
        """(batch, L, E)."""
        return self._mapped(self.core(states, inputs))

    def __call__(self, inputs: npt.ArrayLike, method: str = "closed") -> Array:
        """Outputs of the layer as in `Family`; by the closed form without storing the K V states of every step."""
        if method != "closed":
            return super().__call__(inputs, method)
        seen = self._checked(inputs)
        keys, still = self.keys(seen), np.zeros((*seen.shape[:2], self.num_heads, 1))
        return self._mapped(self._normalised(gated_attention(still, keys, self._columns(seen), self.queries(seen))))

    def _mapped(self, read: Array) -> Array:
        normed = read if self.output_norm == "identity" else rms_norm(read, self.norm_weight, self.norm_eps)
        return linear(normed.reshape(*normed.shape[:2], -1), self.output_weight)

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        """As the reference's models: every dense weight N(0, 0.02²), biases 0, norm weights 1.

        Parameters
        ----------
        rng
            Source of the draws.
        **sizes
            ``hidden_size`` (8), ``num_heads`` (2), ``feature_map`` (``"elementwise_product"`` or ``"identity"``),
            ``output_norm``.
        """
        width, heads = count(sizes, "hidden_size", 8), count(sizes, "num_heads", 2)
        dim, norm = width // heads, str(sizes.get("output_norm", "rmsnorm"))
        drawn = {name: 0.02 * rng.standard_normal((width, width)) for name in _DENSE if name != "norm_weight"}
        if sizes.get("feature_map", "elementwise_product") != "identity":
            shapes = {name: (dim, dim) if "weight" in name else (dim,) for name in _FEATURES}
            drawn |= {
                name: (0.02 * rng.standard_normal(shape) if "weight" in name else np.zeros(shape))
                for name, shape in shapes.items()
            }
        weight = np.ones(dim) if norm == "rmsnorm" else None
        options: dict[str, Any] = {"num_heads": heads, "num_kv_heads": heads, "norm_weight": weight}
        return cls(**cast(dict[str, Any], drawn), **options, output_norm=norm)

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """`recurrences.attention_statements.linear_attention_statement`, with the identity as feature map."""
        return linear_attention_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """From the keys and the configuration of the reference; ``num_heads`` is needed.

        Raises
        ------
        ValueError, TypeError
            Keys are missing or unknown, the feature map is neither the identity nor the product map, or the
            configuration contradicts the shapes.
        """
        kind = config.get("feature_map", "elementwise_product")
        if kind not in ("identity", "elementwise_product"):
            msg = f"the feature map {kind!r} is not polynomial: only 'identity' and 'elementwise_product' are covered"
            raise ValueError(msg)
        if "feature_map" not in config and not any(key in tensors for key in _FEATURES.values()):
            msg = "without the tensors of the default feature map say config={'feature_map': 'identity'} if it has none"
            raise ValueError(msg)
        keys = dict(_DENSE) if kind == "identity" else {**_DENSE, **_FEATURES}
        values: dict[str, Any] = taken(cls.family, tensors, keys, optional={"norm_weight"})
        heads = count(config, "num_heads")
        normed = config.get("do_feature_map_norm", config.get("norm_feature_map", False))
        switches = {name: flag(config, name, default=False) for name in ("norm_q", "norm_k")}
        switches["do_feature_map_norm"] = flag({"do_feature_map_norm": normed}, "do_feature_map_norm", default=False)
        eps, norm = epsilon(config, "norm_eps", 1e-5), str(config.get("output_norm", "rmsnorm"))
        sizes = {"num_heads": heads, "num_kv_heads": count(config, "num_kv_heads", heads)}
        layer = cls(**values, **cast(dict[str, Any], sizes | switches), output_norm=norm, norm_eps=eps)
        affine = {} if norm == "identity" else {"elementwise_affine": layer.norm_weight is not None}
        require_agreement(cls.family, config, {"hidden_size": layer.channels, **affine})
        rows = {"expand_k": len(layer.q_weight), "expand_v": layer.output_weight.shape[1]}
        require_expansion(cls.family, config, layer.channels, rows)
        return layer

    def tensors(self) -> dict[str, Array]:
        """The keys of the reference; tied feature maps are stored twice, as there."""
        return stored_tensors(self, {**_DENSE, **_FEATURES})
