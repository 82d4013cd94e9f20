r"""DeltaNet: a matrix state that is corrected, key by key, towards the values.

$$S_k = (1 - \beta_k \kappa_k \kappa_k^\top) S_{k-1} + \beta_k \kappa_k v_k^\top, \qquad o_k = N^{-1/2} S_k^\top q_k,$$

with keys and queries of unit length (to the ε of the norm) and $\beta_k = \sigma(w_\beta \cdot u_k)$, twice that if
negative eigenvalues $1 - \beta_k$ are allowed. The transitions do not commute: the lift collapses, no clock exists
(THEORY T19, `recurrences.delta_rule`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self, final

import numpy as np

from carleman_ssm.families.delta_heads import (
    ACTIVATIONS,
    CONVOLUTION_KEYS,
    DENSE_KEYS,
    NORMS,
    branch,
    delta_scan,
    initial_heads,
    read_heads,
    require_choice,
    split_heads,
)
from carleman_ssm.families.family import Family
from carleman_ssm.families.pointwise import linear, sigmoid, silu
from carleman_ssm.families.reference_tensors import (
    flag,
    freeze_convolutions,
    freeze_real,
    require_agreement,
    require_expansion,
    require_flags,
    stored_convolutions,
    stored_tensors,
    taken,
)
from carleman_ssm.families.scans import Values, VaryingRankOneScan
from carleman_ssm.families.selective_parameters import projection
from carleman_ssm.networks.layers import Array
from carleman_ssm.recurrences.delta_rule import delta_net_statement
from carleman_ssm.recurrences.statement import FamilyStatement

KEYS: Mapping[str, str] = MappingProxyType({**DENSE_KEYS, **CONVOLUTION_KEYS})
OPTIONAL = frozenset({"b_weight", "g_weight", *CONVOLUTION_KEYS})


@final
@dataclass(frozen=True, eq=False, repr=False)
class DeltaNet(Family):
    r"""One DeltaNet layer: H channels, h heads with keys of N and values of V entries.

    Parameters
    ----------
    q_weight, k_weight, v_weight, o_weight
        (h N, H), (h N, H), (h V, H) and (H, h V).
    norm_weight
        (V,) of the RMSNorm of each head's output; its length says V.
    b_weight
        (h, H) of the strengths, or None: $\beta = 1$.
    g_weight
        (h V, H) of the output gate, or None: no gate.
    q_conv_weight, q_conv_bias, k_conv_weight, k_conv_bias, v_conv_weight, v_conv_bias
        (channels, 1, W) and (channels,): short convolutions after the projections, or None.
    qk_activation
        Of queries and keys: ``"silu"``, ``"relu"``, ``"elu"`` (plus 1) or ``"identity"``. Values always have SiLU.
    qk_norm
        ``"l2"``, with ε = 1e-6 under the root, or ``"sum"``.
    allow_neg_eigval
        $\beta_k$ in (0, 2) instead of (0, 1).
    norm_eps
        ε of the RMSNorm.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit, an unknown setting, NaN or infinity.

    References
    ----------
    Yang et al., *Parallelizing Linear Transformers with the Delta Rule over Sequence Length* (2024),
    arXiv 2406.06484; THEORY T19.
    """

    family: ClassVar[str] = "delta-net"
    dialect: ClassVar[str] = "fla-delta-net"

    q_weight: Array
    k_weight: Array
    v_weight: Array
    o_weight: Array
    norm_weight: Array
    b_weight: Array | None = None
    g_weight: Array | None = None
    q_conv_weight: Array | None = None
    q_conv_bias: Array | None = None
    k_conv_weight: Array | None = None
    k_conv_bias: Array | None = None
    v_conv_weight: Array | None = None
    v_conv_bias: Array | None = None
    qk_activation: str = "silu"
    qk_norm: str = "l2"
    allow_neg_eigval: bool = False
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        require_choice("qk_activation", self.qk_activation, ACTIVATIONS)
        require_choice("qk_norm", self.qk_norm, NORMS)
        require_flags(self, "allow_neg_eigval")
        freeze_real(self, {"norm_weight": (None,), "v_weight": (None, None), "q_weight": (None, None)})
        (values, channels), keys = self.v_weight.shape, len(self.q_weight)
        if values % len(self.norm_weight) or keys % self.heads:
            msg = f"{values} values of {len(self.norm_weight)} each and {keys} keys do not divide into heads"
            raise ValueError(msg)
        shapes: dict[str, tuple[int | None, ...]] = {
            "q_weight": (keys, channels),
            "k_weight": (keys, channels),
            "o_weight": (channels, values),
            "b_weight": (self.heads, channels),
            "g_weight": (values, channels),
        }
        freeze_real(self, shapes)
        freeze_convolutions(self, {"q": keys, "k": keys, "v": values})

    @property
    def channels(self) -> int:
        """H."""
        return int(self.v_weight.shape[1])

    @property
    def heads(self) -> int:
        """The number of heads h."""
        return int(len(self.v_weight) // len(self.norm_weight))

    @property
    def key_size(self) -> int:
        """N."""
        return len(self.q_weight) // self.heads

    def queries(self, inputs: Array) -> Array:
        """$q_k$ after activation and norm, without the scale: (batch, L, h, N)."""
        return self._normed(inputs, self.q_weight, self.q_conv_weight, self.q_conv_bias)

    def keys(self, inputs: Array) -> Array:
        r"""$\kappa_k$ after activation and norm: (batch, L, h, N)."""
        return self._normed(inputs, self.k_weight, self.k_conv_weight, self.k_conv_bias)

    def values(self, inputs: Array) -> Array:
        """$v_k$: (batch, L, h, V)."""
        mixed = branch(inputs, self.v_weight, self.v_conv_weight, self.v_conv_bias, silu)
        return split_heads(mixed, len(self.norm_weight))

    def strengths(self, inputs: Array) -> Array:
        r"""$\beta_k$: (batch, L, h)."""
        if self.b_weight is None:
            beta: Array = np.ones((*inputs.shape[:-1], self.heads))
        else:
            beta = sigmoid(linear(inputs, self.b_weight))
        return 2 * beta if self.allow_neg_eigval else beta

    def _normed(self, inputs: Array, weight: Array, taps: Array | None, bias: Array | None) -> Array:
        mixed = branch(inputs, weight, taps, bias, ACTIVATIONS[self.qk_activation])
        return NORMS[self.qk_norm](split_heads(mixed, self.key_size))

    def scan(self, inputs: Array) -> VaryingRankOneScan:
        r"""$1 - \beta_k \kappa_k \kappa_k^\top$ and $\beta_k \kappa_k v_k^\top$, states (batch, L, h, N, V)."""
        strengths, keys, values = self.strengths(inputs), self.keys(inputs), self.values(inputs)
        return delta_scan(np.ones_like(strengths), strengths, keys, values)

    def readout(self, states: Values, inputs: Array) -> Array:
        """Outputs (batch, L, H): read by the queries, normed, gated, projected."""
        gate = None if self.g_weight is None else linear(inputs, self.g_weight)
        return linear(read_heads(states, self.queries(inputs), self.norm_weight, self.norm_eps, gate), self.o_weight)

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        """Dense maps and convolutions uniform within the root of the number of inputs, as torch; norm weights 1.

        Parameters
        ----------
        rng
            The source of random numbers.
        **sizes
            ``channels`` (4), ``heads`` (2), ``states`` (N, 2), ``values`` (V, 2), ``width`` (4; 0: no convolution),
            ``gate`` (False), and the settings of the layer.

        Raises
        ------
        TypeError, ValueError
            An unknown or impossible size.
        """
        return cls(**_initial(rng, **sizes))

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """See `recurrences.delta_rule.delta_net_statement`."""
        return delta_net_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """Read ``q_proj.weight``, …; ``o_norm.weight`` tells the heads apart, the settings come from `config`.

        Raises
        ------
        TypeError, ValueError
            Keys that are missing or unknown, or a setting that is unknown or that the shapes contradict.
        """
        fields: dict[str, Any] = {**taken("DeltaNet", tensors, KEYS, OPTIONAL)}
        settings: dict[str, Any] = {
            name: config[name] for name in ("qk_activation", "qk_norm", "norm_eps") if name in config
        }
        layer = cls(**fields, **settings, allow_neg_eigval=flag(config, "allow_neg_eigval", default=False))
        shapes: dict[str, object] = {
            "hidden_size": layer.channels,
            "num_heads": layer.heads,
            "use_gate": layer.g_weight is not None,
        }
        require_agreement("DeltaNet", config, {**shapes, "use_beta": layer.b_weight is not None})
        require_agreement("DeltaNet", config, stored_convolutions(layer))
        rows = {"expand_k": len(layer.q_weight), "expand_v": len(layer.v_weight)}
        require_expansion("DeltaNet", config, layer.channels, rows)
        return layer

    def tensors(self) -> dict[str, Array]:
        """The parameters by the key names of the reference."""
        return stored_tensors(self, KEYS)


def _initial(
    rng: np.random.Generator,
    *,
    channels: int = 4,
    heads: int = 2,
    states: int = 2,
    values: int = 2,
    width: int = 4,
    gate: bool = False,
    **settings: Any,
) -> dict[str, Any]:
    drawn = initial_heads(rng, channels, (heads * states, heads * values, heads), width)
    gates = {"g_weight": projection(rng, heads * values, channels)} if gate else {}
    return {**drawn, **gates, "norm_weight": np.ones(values), **settings}
