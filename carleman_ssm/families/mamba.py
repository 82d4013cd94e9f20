r"""Mamba (S6): a diagonal recurrence whose step, input vector and output vector the input selects.

$$[x', z] = W_{\mathrm{in}} u, \quad x = \mathrm{SiLU}(\mathrm{conv}(x')), \quad [\delta, B, C] = W_x x, \quad
  \Delta = \mathrm{softplus}(W_\Delta \delta + b_\Delta), \quad A = -e^{A_{\log}},$$
$$h_k = e^{\Delta_k A} \odot h_{k-1} + \Delta_k B_k x_k, \qquad y_k = C_k \cdot h_k + D \odot x_k, \qquad
  \mathrm{out}_k = W_{\mathrm{out}} (y_k \odot \mathrm{SiLU}(z_k)) .$$

The input matrix is Euler's $\Delta B$ while A is integrated exactly. Each of the E inner channels has N states of its
own; all share $B_k$ and $C_k$. With the clock $\tau_k = \sum_{i \le k} \Delta_i$ of a channel,
$h_k = \sum_{j \le k} e^{(\tau_k - \tau_j) A} \Delta_j B_j x_j$ (THEORY T19).
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
from carleman_ssm.families.pointwise import causal_conv1d, linear, silu, softplus
from carleman_ssm.families.reference_tensors import (
    freeze_real,
    require_agreement,
    require_together,
    stored_tensors,
    taken,
)
from carleman_ssm.families.scans import Values
from carleman_ssm.families.selective_parameters import mamba_start
from carleman_ssm.families.selective_scan import selective_scan
from carleman_ssm.families.selective_settings import mixer_settings
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.layers import Array
from carleman_ssm.recurrences.selective_statements import mamba_statement
from carleman_ssm.recurrences.statement import FamilyStatement

KEYS: Mapping[str, str] = MappingProxyType(
    {
        "in_proj_weight": "in_proj.weight",
        "conv1d_weight": "conv1d.weight",
        "x_proj_weight": "x_proj.weight",
        "dt_proj_weight": "dt_proj.weight",
        "dt_proj_bias": "dt_proj.bias",
        "A_log": "A_log",
        "D": "D",
        "out_proj_weight": "out_proj.weight",
        "in_proj_bias": "in_proj.bias",
        "conv1d_bias": "conv1d.bias",
        "out_proj_bias": "out_proj.bias",
        "A_imag": "A_imag",
    }
)
OPTIONAL = frozenset({"in_proj_bias", "conv1d_bias", "out_proj_bias", "A_imag"})


@dataclass(frozen=True, eq=False, repr=False)
class Selection(Brief):
    r"""What the inputs set at every step of a Mamba layer.

    Parameters
    ----------
    x, gate
        (batch, L, E) what enters the recurrence, and z, what gates its output.
    step
        (batch, L, E) $\Delta$ [time].
    input_vectors, output_vectors
        (batch, L, N) $B_k$ and $C_k$, shared by all channels.
    """

    x: Array
    gate: Array
    step: Array
    input_vectors: Values
    output_vectors: Values


@final
@dataclass(frozen=True, eq=False, repr=False)
class Mamba(Family, Brief):
    r"""The mixer of a Mamba layer, under the names of the reference: H inputs, E inner channels, N states each.

    Parameters
    ----------
    in_proj_weight
        (2E, H): x first, then the gate z.
    conv1d_weight
        (E, 1, W), the last tap meets the present step.
    x_proj_weight
        (R + 2N, E): $\delta$, B, C.
    dt_proj_weight, dt_proj_bias
        (E, R) and (E,).
    A_log
        (E, N), $\mathrm{Re} A = -e^{A_{\log}}$ [1/time].
    D
        (E,) skip.
    out_proj_weight
        (H, E).
    in_proj_bias, conv1d_bias, out_proj_bias
        (2E,), (E,), (H,), or None.
    A_imag
        (E, N), the imaginary part of A [rad/time], or None for a real A. With it one of each conjugate pair is
        stored: B and C are complex, `x_proj_weight` has R + 4N rows (real and imaginary parts in turn), and
        $y = 2\,\mathrm{Re}(C \cdot h)$. The reference's scan knows this form, its module does not build it.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit each other, NaN or infinity.

    References
    ----------
    Gu and Dao, *Mamba: Linear-Time Sequence Modeling with Selective State Spaces* (2023), Algorithm 2 and §3.6;
    THEORY T19.

    Examples
    --------
    >>> layer = Mamba.initialise(np.random.default_rng(0))
    >>> layer(np.ones((1, 3, 2))).shape, layer.clock(np.ones((1, 3, 2))).shape
    ((1, 3, 2), (1, 3, 4))
    """

    family: ClassVar[str] = "mamba"
    dialect: ClassVar[str] = "mamba"

    in_proj_weight: Array
    conv1d_weight: Array
    x_proj_weight: Array
    dt_proj_weight: Array
    dt_proj_bias: Array
    A_log: Array
    D: Array
    out_proj_weight: Array
    in_proj_bias: Array | None = None
    conv1d_bias: Array | None = None
    out_proj_bias: Array | None = None
    A_imag: Array | None = None

    def __post_init__(self) -> None:
        require_together(self, "in_proj_bias", "out_proj_bias")
        freeze_real(self, {"A_log": (None, None), "in_proj_weight": (None, None), "dt_proj_weight": (None, None)})
        (inner, states), channels, rank = self.A_log.shape, self.in_proj_weight.shape[1], self.rank
        parts = 2 if self.A_imag is None else 4
        shapes: dict[str, tuple[int | None, ...]] = {
            "in_proj_weight": (2 * inner, channels),
            "conv1d_weight": (inner, 1, None),
            "x_proj_weight": (rank + parts * states, inner),
            "dt_proj_weight": (inner, rank),
            "out_proj_weight": (channels, inner),
            "in_proj_bias": (2 * inner,),
            "out_proj_bias": (channels,),
            "A_imag": (inner, states),
        }
        freeze_real(self, shapes | dict.fromkeys(("dt_proj_bias", "D", "conv1d_bias"), (inner,)))

    @property
    def channels(self) -> int:
        """H."""
        return int(self.in_proj_weight.shape[1])

    @property
    def rank(self) -> int:
        r"""R, the number of features $\delta$ from which the steps are made."""
        return int(self.dt_proj_weight.shape[1])

    @property
    def eigenvalues(self) -> Values:
        """A (E, N), real unless there is an imaginary part."""
        real = -np.exp(self.A_log)
        return real if self.A_imag is None else real + 1j * self.A_imag

    def selection(self, inputs: Array) -> Selection:
        """What inputs (batch, L, H) set at every step."""
        x, gate = np.split(linear(inputs, self.in_proj_weight, self.in_proj_bias), 2, axis=-1)
        x = silu(causal_conv1d(x, self.conv1d_weight, self.conv1d_bias))
        features = linear(x, self.x_proj_weight)
        step = softplus(linear(features[..., : self.rank], self.dt_proj_weight, self.dt_proj_bias))
        vectors: Values = features[..., self.rank :]
        if self.A_imag is not None:
            vectors = vectors[..., ::2] + 1j * vectors[..., 1::2]
        return Selection(x, gate, step, *np.split(vectors, 2, axis=-1))

    def clock(self, inputs: Array) -> Array:
        r"""$\tau_k = \sum_{i \le k} \Delta_i$ of every inner channel [time], (batch, L, E)."""
        result: Array = np.cumsum(self.selection(self._checked(inputs)).step, axis=1)
        return result

    def scan(self, inputs: Array) -> ClockScan:
        r"""Increments $\Delta_k$, rates A, and drives $\Delta_k B_k x_k$, (batch, L, E, N)."""
        selected = self.selection(inputs)
        drives = (selected.step * selected.x)[..., None] * selected.input_vectors[:, :, None, :]
        return ClockScan(selected.step[..., None], self.eigenvalues, drives)

    def readout(self, states: Values, inputs: Array) -> Array:
        """Outputs (batch, L, H), gated and projected."""
        selected = self.selection(inputs)
        return self._gated((states @ selected.output_vectors[..., None])[..., 0], selected)

    def _gated(self, y: Values, selected: Selection) -> Array:
        read: Array = y if self.A_imag is None else 2 * y.real
        gated = (read + self.D * selected.x) * silu(selected.gate)
        return linear(gated, self.out_proj_weight, self.out_proj_bias)

    def __call__(self, inputs: npt.ArrayLike, method: str = "closed") -> Array:
        """Outputs of the layer as in `Family`; by the closed form without storing the E N states of every step."""
        if method != "closed":
            return super().__call__(inputs, method)
        selected = self.selection(self._checked(inputs))
        drives, vectors = selected.step * selected.x, (selected.input_vectors, selected.output_vectors)
        return self._gated(selective_scan(selected.step, self.eigenvalues, drives, *vectors), selected)

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        r"""$A_n = -(n + 1)$ (S4D-Real), D = 1, $\Delta$ log-uniform in [1e-3, 1e-1] for a zero input.

        Parameters
        ----------
        rng
            The source of random numbers.
        **sizes
            ``channels`` (2), ``states`` (4), ``expand`` (2): E = expand × channels, ``width`` (4) of the
            convolution, ``rank`` (channels / 16 rounded up), ``spectrum`` (``"real"``; ``"lin"`` for the complex
            S4D-Lin, $A_n = -\frac12 + i\pi n$).

        Raises
        ------
        TypeError, ValueError
            An unknown size or spectrum.
        """
        return cls(**mamba_start(rng, **sizes))

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """See `recurrences.selective_statements.mamba_statement`."""
        return mamba_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """Read ``in_proj.weight``, ``conv1d.weight``, …: the shapes say everything; settings must agree with them.

        Raises
        ------
        ValueError
            Keys that are missing or unknown, or a setting that the shapes contradict.
        """
        fields: dict[str, Any] = {**taken("Mamba", tensors, KEYS, OPTIONAL)}
        layer = cls(**fields)
        inner, states = layer.A_log.shape
        shapes = {"d_model": layer.channels, "d_state": states, "d_conv": layer.conv1d_weight.shape[-1]}
        biases = {"bias": layer.in_proj_bias is not None, "conv_bias": layer.conv1d_bias is not None}
        sizes = {"d_inner": inner, "expand": inner / layer.channels, "dt_rank": layer.rank, "layer": "Mamba1"}
        require_agreement("Mamba", mixer_settings("Mamba", config), shapes | sizes | biases)
        return layer

    def tensors(self) -> dict[str, Array]:
        """The parameters by the key names of the reference."""
        return stored_tensors(self, KEYS)
