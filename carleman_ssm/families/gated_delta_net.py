r"""Gated DeltaNet: the delta rule on a state that decays before it is read.

$$S_k = g_k (1 - \beta_k \kappa_k \kappa_k^\top) S_{k-1} + \beta_k \kappa_k v_k^\top, \qquad
g_k = e^{-e^{A_{\log}}\, \mathrm{softplus}(w_a \cdot u_k + b_\Delta)}, \qquad o_k = N^{-1/2} S_k^\top q_k .$$

The scalar decays do commute: they multiply to $\exp(-e^{A_{\log}} \tau_k)$ with the clock
$\tau_k = \sum_{i \le k} \mathrm{softplus}(\cdot)$ of each head. The keys do not, so that the whole product has no clock
(THEORY T19, `recurrences.delta_rule`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self, final

import numpy as np

from carleman_ssm.families.delta_heads import (
    CONVOLUTION_KEYS,
    DENSE_KEYS,
    branch,
    delta_scan,
    initial_heads,
    read_heads,
    split_heads,
)
from carleman_ssm.families.family import Family
from carleman_ssm.families.pointwise import l2_norm, linear, sigmoid, silu, softplus
from carleman_ssm.families.reference_tensors import (
    count,
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
from carleman_ssm.families.selective_parameters import projection, step_bias
from carleman_ssm.networks.layers import Array
from carleman_ssm.recurrences.delta_rule import gated_delta_net_statement
from carleman_ssm.recurrences.statement import FamilyStatement

KEYS: Mapping[str, str] = MappingProxyType(
    {**DENSE_KEYS, **CONVOLUTION_KEYS, "a_weight": "a_proj.weight", "A_log": "A_log", "dt_bias": "dt_bias"}
)
OPTIONAL = frozenset({"g_weight", *CONVOLUTION_KEYS})


@final
@dataclass(frozen=True, eq=False, repr=False)
class GatedDeltaNet(Family):
    r"""One Gated DeltaNet layer: H channels, h heads of states (N, V), of which h / G share their keys and queries.

    Parameters
    ----------
    q_weight, k_weight
        (G N, H).
    v_weight, o_weight
        (h V, H) and (H, h V).
    a_weight, b_weight
        (h, H) of the decays and the strengths.
    A_log, dt_bias
        (h,): the rate $e^{A_{\log}}$ [1/time] and the bias of the step.
    norm_weight
        (V,) of the RMSNorm of each head's output; its length says V.
    g_weight
        (h V, H) of the output gate, or None: no gate.
    q_conv_weight, q_conv_bias, k_conv_weight, k_conv_bias, v_conv_weight, v_conv_bias
        (channels, 1, W) and (channels,): short convolutions after the projections, or None.
    num_heads
        G, the number of heads of keys and queries; None: as many as of values.
    allow_neg_eigval
        $\beta_k$ in (0, 2) instead of (0, 1).
    norm_eps
        ε of the RMSNorm.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit, NaN or infinity.

    References
    ----------
    Yang, Kautz and Hatamizadeh, *Gated Delta Networks: Improving Mamba2 with Delta Rule* (2024), arXiv 2412.06464;
    THEORY T19.
    """

    family: ClassVar[str] = "gated-delta-net"
    dialect: ClassVar[str] = "fla-gated-delta-net"

    q_weight: Array
    k_weight: Array
    v_weight: Array
    o_weight: Array
    a_weight: Array
    b_weight: Array
    A_log: Array
    dt_bias: Array
    norm_weight: Array
    g_weight: Array | None = None
    q_conv_weight: Array | None = None
    q_conv_bias: Array | None = None
    k_conv_weight: Array | None = None
    k_conv_bias: Array | None = None
    v_conv_weight: Array | None = None
    v_conv_bias: Array | None = None
    num_heads: int | None = None
    allow_neg_eigval: bool = False
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        require_flags(self, "allow_neg_eigval")
        freeze_real(self, {"norm_weight": (None,), "A_log": (None,), "q_weight": (None, None)})
        heads, (keys, channels) = len(self.A_log), self.q_weight.shape
        values, shared = heads * len(self.norm_weight), heads if self.num_heads is None else self.num_heads
        if shared < 1 or heads % shared or keys % shared:
            msg = f"{shared} heads of keys do not divide {keys} key channels and {heads} heads of values"
            raise ValueError(msg)
        shapes: dict[str, tuple[int | None, ...]] = {
            "q_weight": (keys, channels),
            "k_weight": (keys, channels),
            "v_weight": (values, channels),
            "o_weight": (channels, values),
            "g_weight": (values, channels),
            "a_weight": (heads, channels),
            "b_weight": (heads, channels),
            "dt_bias": (heads,),
        }
        freeze_real(self, shapes)
        freeze_convolutions(self, {"q": keys, "k": keys, "v": values})

    @property
    def channels(self) -> int:
        """H."""
        return int(self.q_weight.shape[1])

    @property
    def heads(self) -> int:
        """The number of heads of values h."""
        return len(self.A_log)

    @property
    def key_size(self) -> int:
        """N."""
        return len(self.k_weight) // (self.heads if self.num_heads is None else self.num_heads)

    def queries(self, inputs: Array) -> Array:
        """$q_k$ of unit length, without the scale: (batch, L, h, N)."""
        return self._unit(branch(inputs, self.q_weight, self.q_conv_weight, self.q_conv_bias, silu))

    def keys(self, inputs: Array) -> Array:
        r"""$\kappa_k$ of unit length: (batch, L, h, N)."""
        return self._unit(branch(inputs, self.k_weight, self.k_conv_weight, self.k_conv_bias, silu))

    def values(self, inputs: Array) -> Array:
        """$v_k$: (batch, L, h, V)."""
        mixed = branch(inputs, self.v_weight, self.v_conv_weight, self.v_conv_bias, silu)
        return split_heads(mixed, len(self.norm_weight))

    def strengths(self, inputs: Array) -> Array:
        r"""$\beta_k$: (batch, L, h)."""
        beta = sigmoid(linear(inputs, self.b_weight))
        return 2 * beta if self.allow_neg_eigval else beta

    def log_decays(self, inputs: Array) -> Array:
        r"""$\ln g_k = -e^{A_{\log}}\, \mathrm{softplus}(w_a \cdot u_k + b_\Delta)$: (batch, L, h)."""
        return -np.exp(self.A_log) * softplus(linear(inputs, self.a_weight, self.dt_bias))

    def clock(self, inputs: Array) -> Array:
        r"""$\sum_{i \le k} \ln g_i$, the clock of the decays alone: (batch, L, h)."""
        result: Array = np.cumsum(self.log_decays(self._checked(inputs)), axis=1)
        return result

    def _unit(self, mixed: Array) -> Array:
        unit = l2_norm(split_heads(mixed, self.key_size))
        return np.repeat(unit, self.heads // unit.shape[2], axis=2)

    def scan(self, inputs: Array) -> VaryingRankOneScan:
        r"""$g_k (1 - \beta_k \kappa_k \kappa_k^\top)$ and $\beta_k \kappa_k v_k^\top$, states (batch, L, h, N, V)."""
        strengths, keys, values = self.strengths(inputs), self.keys(inputs), self.values(inputs)
        return delta_scan(np.exp(self.log_decays(inputs)), strengths, keys, values)

    def readout(self, states: Values, inputs: Array) -> Array:
        """Outputs (batch, L, H): read by the queries, normed, gated, projected."""
        gate = None if self.g_weight is None else linear(inputs, self.g_weight)
        return linear(read_heads(states, self.queries(inputs), self.norm_weight, self.norm_eps, gate), self.o_weight)

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        r"""Rates $e^{A_{\log}}$ uniform in (0, 16), steps log-uniform in [1e-3, 1e-1] for a zero input; norms 1.

        Parameters
        ----------
        rng
            The source of random numbers.
        **sizes
            ``channels`` (4), ``heads`` (2), ``states`` (N, 2), ``values`` (V, 4), ``width`` (4; 0: no convolution),
            ``gate`` (True), and the settings of the layer.

        Raises
        ------
        TypeError, ValueError
            An unknown or impossible size.
        """
        return cls(**_initial(rng, **sizes))

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """See `recurrences.delta_rule.gated_delta_net_statement`."""
        return gated_delta_net_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """Read ``q_proj.weight``, …; the shapes do not tell shared keys: ``num_heads`` or ``head_dim`` has to.

        Raises
        ------
        TypeError, ValueError
            Keys that are missing or unknown, or a setting that the shapes contradict.
        """
        fields: dict[str, Any] = {**taken("GatedDeltaNet", tensors, KEYS, OPTIONAL)}
        settings: dict[str, Any] = {"norm_eps": config["norm_eps"]} if "norm_eps" in config else {}
        if config.get("num_heads") is not None:
            settings["num_heads"] = count(config, "num_heads")
        elif config.get("head_dim") is not None:
            settings["num_heads"] = len(fields["k_weight"]) // count(config, "head_dim")
        layer = cls(**fields, **settings, allow_neg_eigval=flag(config, "allow_neg_eigval", default=False))
        shapes: dict[str, object] = {"hidden_size": layer.channels, "use_gate": layer.g_weight is not None}
        shapes |= {"num_v_heads": layer.heads, "head_dim": layer.key_size}
        require_agreement("GatedDeltaNet", config, shapes | stored_convolutions(layer))
        require_expansion("GatedDeltaNet", config, layer.key_size, {"expand_v": len(layer.norm_weight)})
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
    values: int = 4,
    width: int = 4,
    gate: bool = True,
    num_heads: int | None = None,
    **settings: Any,
) -> dict[str, Any]:
    keys = (heads if num_heads is None else num_heads) * states
    drawn = initial_heads(rng, channels, (keys, heads * values, heads), width)
    gates = {"g_weight": projection(rng, heads * values, channels)} if gate else {}
    selection = {
        "a_weight": projection(rng, heads, channels),
        "A_log": np.log(rng.uniform(0, 16, heads)),
        "dt_bias": step_bias(rng, heads),
    }
    return {**drawn, **gates, **selection, "norm_weight": np.ones(values), "num_heads": num_heads, **settings}
