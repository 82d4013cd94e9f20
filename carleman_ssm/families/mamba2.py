r"""Mamba-2 (SSD): matrix states of several heads, each with one decay that the input selects.

$$[z_0, x_0, z, x', \delta] = W_{\mathrm{in}} u, \quad [x, B, C] = \mathrm{SiLU}(\mathrm{conv}(x')), \quad
  \Delta = \mathrm{clip}(\mathrm{softplus}(\delta + b_\Delta)), \quad a = -e^{A_{\log}},$$
$$S_k = e^{\Delta_k a} S_{k-1} + \Delta_k B_k x_k^\top, \qquad y_k = S_k^\top C_k + D x_k, \qquad
  \mathrm{out}_k = W_{\mathrm{out}} [\mathrm{SiLU}(z_0) \odot x_0,\ \mathrm{norm}(y, z)]$$

for every head; heads of one group share B and C. A head has one rate and one clock: its transition is a number. The
norm is $\mathrm{RMS}(y \odot \mathrm{SiLU}(z))$ or $\mathrm{RMS}(y) \odot \mathrm{SiLU}(z)$, over the channels of
each group; $z_0, x_0$ exist only where the mixer is wider than its heads.
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
from carleman_ssm.families.pointwise import causal_conv1d, linear, rms_norm, silu, softplus
from carleman_ssm.families.reference_tensors import (
    flag,
    freeze_real,
    number,
    require_agreement,
    require_flags,
    require_together,
    stored_tensors,
    taken,
)
from carleman_ssm.families.scans import Values
from carleman_ssm.families.selective_parameters import mamba2_start
from carleman_ssm.families.selective_settings import UNLIMITED, mixer_settings, stated_groups, step_limits
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.layers import Array
from carleman_ssm.recurrences.selective_statements import mamba2_statement
from carleman_ssm.recurrences.statement import FamilyStatement

KEYS: Mapping[str, str] = MappingProxyType(
    {
        "in_proj_weight": "in_proj.weight",
        "conv1d_weight": "conv1d.weight",
        "dt_bias": "dt_bias",
        "A_log": "A_log",
        "D": "D",
        "out_proj_weight": "out_proj.weight",
        "norm_weight": "norm.weight",
        "in_proj_bias": "in_proj.bias",
        "conv1d_bias": "conv1d.bias",
        "out_proj_bias": "out_proj.bias",
    }
)
OPTIONAL = frozenset({"norm_weight", "in_proj_bias", "conv1d_bias", "out_proj_bias"})


@dataclass(frozen=True, eq=False, repr=False)
class HeadSelection(Brief):
    r"""What the inputs set at every step of a Mamba-2 layer: h heads of P values, N keys.

    Parameters
    ----------
    x, gate
        (batch, L, h, P) values, and (batch, L, hP) z, what gates their output.
    step
        (batch, L, h) $\Delta$ [time].
    keys, queries
        (batch, L, h, N) B and C, repeated for the heads of a group.
    beside
        (batch, L, E - hP) the gated channels beside the heads; often none.
    """

    x: Array
    gate: Array
    step: Array
    keys: Array
    queries: Array
    beside: Array


@final
@dataclass(frozen=True, eq=False, repr=False)
class Mamba2(Family, Brief):
    r"""The mixer of a Mamba-2 layer, under the names of the reference: H inputs, h heads of P values, N keys, G groups.

    Parameters
    ----------
    in_proj_weight
        (2E + 2GN + h, H): $z_0, x_0$ (E - hP each), z, x, B, C, $\delta$ in this order.
    conv1d_weight
        (hP + 2GN, 1, W): x, B and C together.
    dt_bias, A_log
        (h,), $a = -e^{A_{\log}}$ [1/time].
    D
        (h,), or (hP,) with a skip for every channel.
    out_proj_weight
        (H, E), $E \ge hP$.
    norm_weight
        (hP,), or None: y ⊙ SiLU(z) without a norm.
    in_proj_bias, conv1d_bias, out_proj_bias
        As long as the rows of their maps, or None.
    ngroups
        G.
    norm_before_gate
        RMS(y) ⊙ SiLU(z) instead of RMS(y ⊙ SiLU(z)).
    dt_limit
        Bounds of $\Delta$.
    norm_eps
        ε of the norm.

    Raises
    ------
    ValueError, TypeError
        Shapes or counts that do not fit each other, NaN or infinity.

    References
    ----------
    Dao and Gu, *Transformers are SSMs* (2024), §6 and §7.1; THEORY T19.
    """

    family: ClassVar[str] = "mamba2"
    dialect: ClassVar[str] = "mamba2"

    in_proj_weight: Array
    conv1d_weight: Array
    dt_bias: Array
    A_log: Array
    D: Array
    out_proj_weight: Array
    norm_weight: Array | None = None
    in_proj_bias: Array | None = None
    conv1d_bias: Array | None = None
    out_proj_bias: Array | None = None
    ngroups: int = 1
    norm_before_gate: bool = False
    dt_limit: tuple[float, float] = UNLIMITED
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        require_flags(self, "norm_before_gate")
        require_together(self, "in_proj_bias", "out_proj_bias")
        freeze_real(self, dict.fromkeys(("in_proj_weight", "out_proj_weight"), (None, None)))
        freeze_real(self, {"A_log": (None,), "conv1d_weight": (None, 1, None)})
        rows, channels = self.in_proj_weight.shape
        self._check_sizes(rows)
        shapes: dict[str, tuple[int | None, ...]] = {"out_proj_weight": (channels, None), "dt_bias": (self.heads,)}
        shapes |= {"in_proj_bias": (rows,), "conv1d_bias": (len(self.conv1d_weight),), "out_proj_bias": (channels,)}
        shapes |= {"norm_weight": (self.width,), "D": (self.heads if np.size(self.D) == self.heads else self.width,)}
        freeze_real(self, shapes)

    def _check_sizes(self, rows: int) -> None:
        shared, inner = self._shared(rows), self.out_proj_weight.shape[1]
        if (
            self.ngroups < 1
            or shared < 0
            or shared % (2 * self.ngroups)
            or not 0 < self.width <= inner
            or self.width % self.heads
        ):
            msg = (
                f"Mamba-2: an input map of {rows} rows, a convolution of {len(self.conv1d_weight)} channels, "
                f"{self.heads} heads, {inner} inner channels and {self.ngroups} groups do not fit: expected "
                "2E + 2GN + h rows and hP + 2GN channels"
            )
            raise ValueError(msg)
        if self.heads % self.ngroups or self.width % self.ngroups:
            msg = f"Mamba-2: {self.heads} heads cannot be shared among {self.ngroups} groups"
            raise ValueError(msg)
        if not 0 <= self.norm_eps < np.inf:
            msg = f"Mamba-2: norm_eps must be a number of 0 or more, got {self.norm_eps}"
            raise ValueError(msg)
        if not 0 <= self.dt_limit[0] <= self.dt_limit[1]:
            msg = f"Mamba-2: dt_limit needs two numbers, 0 or more, the smaller one first, got {self.dt_limit}"
            raise ValueError(msg)

    def _shared(self, rows: int) -> int:
        """2GN."""
        return int(rows - 2 * self.out_proj_weight.shape[1] - self.heads)

    @property
    def channels(self) -> int:
        """H."""
        return int(self.in_proj_weight.shape[1])

    @property
    def heads(self) -> int:
        """H."""
        return len(self.A_log)

    @property
    def width(self) -> int:
        """Channels of all heads together, hP."""
        return len(self.conv1d_weight) - self._shared(len(self.in_proj_weight))

    @property
    def states(self) -> int:
        """N, the keys of a head."""
        return self._shared(len(self.in_proj_weight)) // (2 * self.ngroups)

    @property
    def eigenvalues(self) -> Array:
        """One rate a for each head (h,)."""
        result: Array = -np.exp(self.A_log)
        return result

    def selection(self, inputs: Array) -> HeadSelection:
        """What inputs (batch, L, H) set at every step."""
        width, shared = self.width, 2 * self.ngroups * self.states
        beside = self.out_proj_weight.shape[1] - width
        cuts = np.cumsum([beside, beside, width, width + shared])
        features = linear(inputs, self.in_proj_weight, self.in_proj_bias)
        gate0, x0, gate, mixed, delta = np.split(features, cuts, axis=-1)
        mixed = silu(causal_conv1d(mixed, self.conv1d_weight, self.conv1d_bias))
        x, keys, queries = np.split(mixed, [width, width + shared // 2], axis=-1)
        step = np.clip(softplus(delta + self.dt_bias), *self.dt_limit)
        x = x.reshape(*inputs.shape[:2], self.heads, -1)
        return HeadSelection(x, gate, step, self._for_heads(keys), self._for_heads(queries), silu(gate0) * x0)

    def _for_heads(self, vectors: Array) -> Array:
        grouped = vectors.reshape(*vectors.shape[:2], self.ngroups, self.states)
        return np.repeat(grouped, self.heads // self.ngroups, axis=2)

    def clock(self, inputs: Array) -> Array:
        r"""$\tau_k = \sum_{i \le k} \Delta_i$ of every head [time], (batch, L, h)."""
        result: Array = np.cumsum(self.selection(self._checked(inputs)).step, axis=1)
        return result

    def scan(self, inputs: Array) -> ClockScan:
        r"""Increments $\Delta_k$, one rate for each head, and drives $\Delta_k B_k x_k^\top$, (batch, L, h, N, P)."""
        selected = self.selection(inputs)
        drives = selected.keys[..., None] * (selected.step[..., None] * selected.x)[..., None, :]
        return ClockScan(selected.step[..., None, None], self.eigenvalues[:, None, None], drives)

    def readout(self, states: Values, inputs: Array) -> Array:
        """Outputs (batch, L, H), gated, normed and projected."""
        selected = self.selection(inputs)
        return self._gated((selected.queries[..., None, :] @ states)[..., 0, :], selected)

    def __call__(self, inputs: npt.ArrayLike, method: str = "closed") -> Array:
        """Outputs of the layer as in `Family`; by the closed form without storing the N P states of every step."""
        if method != "closed":
            return super().__call__(inputs, method)
        selected = self.selection(self._checked(inputs))
        values, decays = selected.step[..., None] * selected.x, -self.eigenvalues * selected.step
        return self._gated(gated_attention(decays[..., None], selected.keys, values, selected.queries), selected)

    def _gated(self, read: Array, selected: HeadSelection) -> Array:
        skip = self.D.reshape(self.heads, -1) * selected.x
        y = self._norm((read + skip).reshape(selected.gate.shape), silu(selected.gate))
        return linear(np.concatenate([selected.beside, y], axis=-1), self.out_proj_weight, self.out_proj_bias)

    def _norm(self, y: Array, gate: Array) -> Array:
        if self.norm_weight is None:
            return y * gate
        entering = y if self.norm_before_gate else y * gate
        grouped = entering.reshape(*y.shape[:2], self.ngroups, -1)
        normed: Array = rms_norm(grouped, None, self.norm_eps).reshape(y.shape) * self.norm_weight
        return normed * gate if self.norm_before_gate else normed

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        r"""$-a$ uniform in [1, 16], D = 1, $\Delta$ log-uniform in [1e-3, 1e-1] for a zero input.

        Parameters
        ----------
        rng
            The source of random numbers.
        **sizes
            ``channels`` (2), ``states`` (4), ``expand`` (2), ``headdim`` (2): P, ``width`` (4) of the convolution,
            ``ngroups`` (1).

        Raises
        ------
        TypeError, ValueError
            An unknown size, or sizes that do not fit each other.
        """
        return cls(**mamba2_start(rng, **sizes))

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """See `recurrences.selective_statements.mamba2_statement`."""
        return mamba2_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """Read ``in_proj.weight``, … with ``norm_before_gate`` (false), ``dt_limit`` (none) and ``norm_eps`` (1e-5).

        Shapes hold G N alone: ``ngroups`` or ``d_state`` has to be there where several G divide it, unless ``ssm_cfg``
        says that the settings are a model's, which leave the reference's G = 1 out.

        Raises
        ------
        ValueError, TypeError
            Keys that are missing or unknown, settings of another kind or that the shapes contradict.
        """
        fields: dict[str, Any] = {**taken("Mamba-2", tensors, KEYS, OPTIONAL)}
        settings = mixer_settings("Mamba-2", config)
        shared = fields["in_proj_weight"].shape[0] - 2 * fields["out_proj_weight"].shape[-1] - fields["A_log"].size
        layer = cls(
            **fields,
            ngroups=stated_groups(shared // 2, fields["A_log"].size, settings, config),
            norm_before_gate=flag(settings, "norm_before_gate", default=False),
            dt_limit=step_limits(settings),
            norm_eps=number(settings, "norm_eps", 1e-5),
        )
        shapes = {"d_model": layer.channels, "d_state": layer.states, "d_conv": layer.conv1d_weight.shape[-1]}
        shapes |= {"headdim": layer.width // layer.heads, "rmsnorm": layer.norm_weight is not None}
        shapes |= {"d_inner": layer.out_proj_weight.shape[1], "d_ssm": layer.width, "num_heads": layer.heads}
        shapes |= {"bias": layer.in_proj_bias is not None, "conv_bias": layer.conv1d_bias is not None}
        expand = layer.out_proj_weight.shape[1] / layer.channels
        require_agreement("Mamba-2", settings, shapes | {"layer": "Mamba2", "expand": expand})
        return layer

    def tensors(self) -> dict[str, Array]:
        """The parameters by the key names of the reference."""
        return stored_tensors(self, KEYS)
