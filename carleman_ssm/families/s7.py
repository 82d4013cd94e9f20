r"""S7: a diagonal recurrence whose multipliers are rational in the input, for several inputs at once.

$$h_k = \Big(1 - \frac{1}{\Lambda_k^2 + \frac12}\Big) \odot h_{k-1} + B_k u_k + b_k, \qquad
  y_k = C_k h_k + D_k u_k, \qquad \mathrm{out}_k = y_k \odot \sigma(W \,\mathrm{GELU}(y_k) + w),$$

with $\Lambda_k$ (N), $B_k$ (N × H), $b_k$ (N), $C_k$ (H × N) and $D_k$ (H × H) affine in $u_k$. The multiplier lies in
$[-1, 1)$ for every real $\Lambda$; it is −1 at $\Lambda = 0$ and 0 at $\Lambda^2 = \frac12$. After clearing
denominators the recurrence is polynomial in the input (THEORY T19, `recurrences.rational_gates`).

The equations are those of the paper. It does not say how the parameters depend on the input nor how they are stored:
affine maps, and the key names here, are this package's reading. The public rewrite of its authors' code does something
else (fixed B and C, zero-order hold with a step from softplus); its checkpoints are not of this dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self, final

import numpy as np

from carleman_ssm.families.family import Family
from carleman_ssm.families.pointwise import gelu, linear, sigmoid
from carleman_ssm.families.reference_tensors import freeze_real, require_agreement, taken
from carleman_ssm.families.scans import Values, VaryingDiagonalScan
from carleman_ssm.networks.layers import Array
from carleman_ssm.recurrences.rational_gates import s7_statement
from carleman_ssm.recurrences.statement import FamilyStatement

KEYS: Mapping[str, str] = MappingProxyType(
    {
        f"{name}_{kind}": f"{name}_proj.{kind}"
        for name in ("Lambda", "B", "C", "D", "bias", "gate")
        for kind in ("weight", "bias")
    }
)
RADII = (0.9, 0.999)
"""Multipliers at zero input when a layer is drawn."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class S7(Family):
    r"""One S7 layer: H inputs and outputs, N states that all of them share.

    Parameters
    ----------
    Lambda_weight, Lambda_bias
        (N, H) and (N,).
    B_weight, B_bias
        (N H, H) and (N H,): $B_k$ row by row.
    C_weight, C_bias
        (H N, H) and (H N,): $C_k$ row by row.
    D_weight, D_bias
        (H H, H) and (H H,): $D_k$ row by row.
    bias_weight, bias_bias
        (N, H) and (N,) of $b_k$.
    gate_weight, gate_bias
        (H, H) and (H,): W and w.
    gelu_form
        ``"tanh"`` (JAX's default, in which the authors work) or ``"erf"``.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit, an unknown form of GELU, NaN or infinity.

    References
    ----------
    Soydan et al., *S7: Selective and Simplified State Space Layers for Sequence Modeling* (2024), arXiv 2410.03464;
    THEORY T19.
    """

    family: ClassVar[str] = "s7"
    dialect: ClassVar[str] = "s7"

    Lambda_weight: Array
    Lambda_bias: Array
    B_weight: Array
    B_bias: Array
    C_weight: Array
    C_bias: Array
    D_weight: Array
    D_bias: Array
    bias_weight: Array
    bias_bias: Array
    gate_weight: Array
    gate_bias: Array
    gelu_form: Literal["tanh", "erf"] = "tanh"

    def __post_init__(self) -> None:
        if self.gelu_form not in ("tanh", "erf"):
            msg = f"gelu_form must be 'tanh' or 'erf', got {self.gelu_form!r}"
            raise ValueError(msg)
        freeze_real(self, {"Lambda_weight": (None, None)})
        states, channels = self.Lambda_weight.shape
        rows = {"Lambda": states, "bias": states, "gate": channels, "D": channels * channels}
        rows |= {"B": states * channels, "C": channels * states}
        shapes: dict[str, tuple[int | None, ...]] = {}
        for name, size in rows.items():
            shapes |= {f"{name}_weight": (size, channels), f"{name}_bias": (size,)}
        freeze_real(self, shapes)

    @property
    def channels(self) -> int:
        """H."""
        return int(self.Lambda_weight.shape[1])

    @property
    def states(self) -> int:
        """N."""
        return len(self.Lambda_weight)

    def rates(self, inputs: Array) -> Array:
        r"""$\Lambda_k$: (batch, L, N)."""
        return linear(inputs, self.Lambda_weight, self.Lambda_bias)

    def _matrices(self, name: str, inputs: Array, columns: int) -> Array:
        flat = linear(inputs, getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias"))
        return flat.reshape(*flat.shape[:-1], -1, columns)

    def scan(self, inputs: Array) -> VaryingDiagonalScan:
        r"""Multipliers $1 - 1/(\Lambda_k^2 + \frac12)$ and drives $B_k u_k + b_k$: (batch, L, N)."""
        driven = (self._matrices("B", inputs, self.channels) @ inputs[..., None])[..., 0]
        drives = driven + linear(inputs, self.bias_weight, self.bias_bias)
        return VaryingDiagonalScan(1 - 1 / (self.rates(inputs) ** 2 + 0.5), drives)

    def readout(self, states: Values, inputs: Array) -> Array:
        """Outputs (batch, L, H), gated."""
        read = (self._matrices("C", inputs, self.states) @ states[..., None])[..., 0]
        y = read + (self._matrices("D", inputs, self.channels) @ inputs[..., None])[..., 0]
        return y * sigmoid(linear(gelu(y, self.gelu_form), self.gate_weight, self.gate_bias))

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        r"""Multipliers at zero input uniform in [0.9, 0.999], weights of the selection small; our choice.

        The paper does not say how it starts.

        Parameters
        ----------
        rng
            The source of random numbers.
        **sizes
            ``channels`` (2), ``states`` (4), ``selection`` (0.02): standard deviation of the weights that make the
            parameters depend on the input.

        Raises
        ------
        TypeError, ValueError
            An unknown or impossible size.
        """
        return cls(**_initial(rng, **sizes))

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """See `recurrences.rational_gates.s7_statement`."""
        return s7_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """Read ``Lambda_proj.weight``, …; ``gelu_form`` comes from `config`.

        Raises
        ------
        ValueError
            Keys that are missing or unknown, an unknown form of GELU, or a setting that the shapes contradict.
        """
        fields: dict[str, Any] = {**taken("S7", tensors, KEYS)}
        settings: dict[str, Any] = {"gelu_form": config["gelu_form"]} if "gelu_form" in config else {}
        layer = cls(**fields, **settings)
        require_agreement("S7", config, {"d_model": layer.channels, "d_state": layer.states})
        return layer

    def tensors(self) -> dict[str, Array]:
        """The parameters by their key names."""
        return {key: getattr(self, field) for field, key in KEYS.items()}


def _initial(
    rng: np.random.Generator, *, channels: int = 2, states: int = 4, selection: float = 0.02
) -> dict[str, Any]:
    rows = {"Lambda": states, "B": states * channels, "C": channels * states, "D": channels**2, "bias": states}
    drawn: dict[str, Any] = {
        f"{name}_weight": rng.normal(0, selection, (size, channels)) for name, size in rows.items()
    }
    return {
        **drawn,
        "Lambda_bias": np.sqrt(1 / (1 - rng.uniform(*RADII, states)) - 0.5),
        "B_bias": rng.normal(0, channels**-0.5, states * channels),
        "C_bias": rng.normal(0, states**-0.5, channels * states),
        "D_bias": np.diag(rng.normal(size=channels)).ravel(),
        "bias_bias": np.zeros(states),
        "gate_weight": rng.normal(0, channels**-0.5, (channels, channels)),
        "gate_bias": np.zeros(channels),
    }
