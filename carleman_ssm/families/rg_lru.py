r"""RG-LRU in the recurrent block of Griffin and RecurrentGemma.

$$x = \mathrm{conv}(W_x u + b_x), \quad r = \sigma(W_a x + b_a), \quad i = \sigma(W_i x + b_i), \quad
  a = e^{-8\, r \odot \mathrm{softplus}(p)},$$
$$h_k = a_k \odot h_{k-1} + \sqrt{1 - a_k^2} \odot i_k \odot x_k, \qquad
  \mathrm{out}_k = W_o (h_k \odot \mathrm{GELU}(W_y u_k + b_y)) + b_o .$$

$W_a$ and $W_i$ are block diagonal, one block for each head; GELU has its tanh form. **The first step of a document is
not damped**: there the root is replaced by 1, so that $h_1 = i_1 \odot x_1$. With a sigmoid $\alpha = \sigma(-p)$ the
decays are $\alpha^{8 r_k}$: they multiply on the clock $\sum_i r_i$ (THEORY T19, `recurrences.rational_gates`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self, final

import numpy as np

from carleman_ssm.families.family import Family
from carleman_ssm.families.pointwise import causal_conv1d, gelu, inverse_softplus, linear, sigmoid, softplus
from carleman_ssm.families.reference_tensors import freeze_real, require_agreement, taken
from carleman_ssm.families.scans import Values, VaryingDiagonalScan
from carleman_ssm.networks.layers import Array
from carleman_ssm.recurrences.rational_gates import DECAY_EXPONENT, rg_lru_statement
from carleman_ssm.recurrences.statement import FamilyStatement

KEYS: Mapping[str, str] = MappingProxyType(
    {
        "linear_x_weight": "linear_x.weight",
        "linear_x_bias": "linear_x.bias",
        "linear_y_weight": "linear_y.weight",
        "linear_y_bias": "linear_y.bias",
        "linear_out_weight": "linear_out.weight",
        "linear_out_bias": "linear_out.bias",
        "conv_weight": "conv_1d.w",
        "conv_bias": "conv_1d.b",
        "a_param": "rg_lru.a_param",
        "input_gate_weight": "rg_lru.input_gate.w",
        "input_gate_bias": "rg_lru.input_gate.b",
        "a_gate_weight": "rg_lru.a_gate.w",
        "a_gate_bias": "rg_lru.a_gate.b",
    }
)


@final
@dataclass(frozen=True, eq=False, repr=False)
class RGLRU(Family):
    r"""One recurrent block: H channels outside, E inside, h heads of gates with E / h channels each.

    Parameters
    ----------
    linear_x_weight, linear_x_bias
        (E, H) and (E,) into the recurrent branch.
    linear_y_weight, linear_y_bias
        (E, H) and (E,) into the gating branch.
    linear_out_weight, linear_out_bias
        (H, E) and (H,).
    conv_weight, conv_bias
        (W, E), the last tap meets the present step, and (E,).
    a_param
        (E,) $p$: $\mathrm{softplus}(p)$ is the largest rate of decay over 8 [1/step].
    input_gate_weight, input_gate_bias, a_gate_weight, a_gate_bias
        (h, E / h, E / h), from the second to the third axis, and (h, E / h).

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit, NaN or infinity.

    References
    ----------
    De et al., *Griffin: Mixing Gated Linear Recurrences with Local Attention for Efficient Language Models* (2024),
    arXiv 2402.19427, section 2.4; THEORY T19.
    """

    family: ClassVar[str] = "rg-lru"
    dialect: ClassVar[str] = "recurrentgemma"

    linear_x_weight: Array
    linear_x_bias: Array
    linear_y_weight: Array
    linear_y_bias: Array
    linear_out_weight: Array
    linear_out_bias: Array
    conv_weight: Array
    conv_bias: Array
    a_param: Array
    input_gate_weight: Array
    input_gate_bias: Array
    a_gate_weight: Array
    a_gate_bias: Array

    def __post_init__(self) -> None:
        freeze_real(self, {"linear_x_weight": (None, None), "a_gate_bias": (None, None)})
        (inner, channels), (heads, block) = self.linear_x_weight.shape, self.a_gate_bias.shape
        if heads * block != inner:
            msg = f"{heads} heads of {block} channels are not the {inner} inner channels"
            raise ValueError(msg)
        shapes: dict[str, tuple[int | None, ...]] = {
            "linear_y_weight": (inner, channels),
            "linear_out_weight": (channels, inner),
            "linear_out_bias": (channels,),
            "conv_weight": (None, inner),
            "input_gate_bias": (heads, block),
        }
        shapes |= dict.fromkeys(("linear_x_bias", "linear_y_bias", "conv_bias", "a_param"), (inner,))
        shapes |= dict.fromkeys(("input_gate_weight", "a_gate_weight"), (heads, block, block))
        freeze_real(self, shapes)

    @property
    def channels(self) -> int:
        """H."""
        return int(self.linear_x_weight.shape[1])

    def recurrent_branch(self, inputs: Array) -> Array:
        """$x_k$ after projection and convolution: (batch, L, E)."""
        projected = linear(inputs, self.linear_x_weight, self.linear_x_bias)
        return causal_conv1d(projected, self.conv_weight.T, self.conv_bias)

    def gated_inputs(self, inputs: Array) -> Array:
        """$i_k x_k$, what the root weighs: (batch, L, E)."""
        x = self.recurrent_branch(inputs)
        return _block_gate(x, self.input_gate_weight, self.input_gate_bias) * x

    def log_decays(self, inputs: Array) -> Array:
        r"""$\ln a_k = -8\, r_k \odot \mathrm{softplus}(p)$: (batch, L, E)."""
        gate = _block_gate(self.recurrent_branch(inputs), self.a_gate_weight, self.a_gate_bias)
        return -DECAY_EXPONENT * gate * softplus(self.a_param)

    def clock(self, inputs: Array) -> Array:
        r"""$\sum_{i \le k} r_i$: (batch, L, E); $a_k \cdots a_1 = \sigma(-p)^{8 \sum r}$."""
        rates = DECAY_EXPONENT * softplus(self.a_param)
        result: Array = np.cumsum(-self.log_decays(self._checked(inputs)) / rates, axis=1)
        return result

    def scan(self, inputs: Array) -> VaryingDiagonalScan:
        r"""Decays $a_k$ and drives $\sqrt{1 - a_k^2}\, i_k x_k$, the root being 1 in the first step: (batch, L, E)."""
        log_decays = self.log_decays(inputs)
        root = np.sqrt(-np.expm1(2 * log_decays))
        root[:, 0] = 1.0
        return VaryingDiagonalScan(np.exp(log_decays), root * self.gated_inputs(inputs))

    def readout(self, states: Values, inputs: Array) -> Array:
        """Outputs (batch, L, H): times the other branch, projected."""
        other = gelu(linear(inputs, self.linear_y_weight, self.linear_y_bias), "tanh")
        return linear(states * other, self.linear_out_weight, self.linear_out_bias)

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        r"""$e^{-\mathrm{softplus}(p)}$ uniform in area between 0.9 and 0.999; dense maps normal, biases 0.

        Parameters
        ----------
        rng
            The source of random numbers.
        **sizes
            ``channels`` (4), ``inner`` (channels), ``heads`` (2), ``width`` (4).

        Raises
        ------
        TypeError, ValueError
            An unknown or impossible size.
        """
        return cls(**_initial(rng, **sizes))

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """See `recurrences.rational_gates.rg_lru_statement`."""
        return rg_lru_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """Read ``linear_x.weight``, …; the shapes say everything, settings must agree with them.

        Raises
        ------
        ValueError
            Keys that are missing or unknown, or a setting that the shapes contradict.
        """
        fields: dict[str, Any] = {**taken("RG-LRU", tensors, KEYS)}
        layer = cls(**fields)
        shapes = {"width": layer.channels, "lru_width": len(layer.a_param), "num_heads": len(layer.a_gate_bias)}
        require_agreement("RG-LRU", config, shapes | {"conv1d_temporal_width": len(layer.conv_weight)})
        return layer

    def tensors(self) -> dict[str, Array]:
        """The parameters by the key names of the reference."""
        return {key: getattr(self, field) for field, key in KEYS.items()}


def _block_gate(x: Array, weight: Array, bias: Array) -> Array:
    """Sigmoid of a block diagonal map: (batch, L, E), (h, in, out) and (h, out)."""
    heads, block = bias.shape
    mixed = np.einsum("blhi,hij->blhj", x.reshape(*x.shape[:-1], heads, block), weight) + bias
    return sigmoid(mixed.reshape(x.shape))


def _initial(
    rng: np.random.Generator, *, channels: int = 4, inner: int | None = None, heads: int = 2, width: int = 4
) -> dict[str, Any]:
    inner = channels if inner is None else inner
    if inner % heads:
        msg = f"{heads} heads do not divide {inner} channels"
        raise ValueError(msg)
    block = inner // heads
    radii = 0.5 * np.log(rng.uniform(0.9**2, 0.999**2, inner))
    gates = {f"{name}_weight": rng.normal(0, block**-0.5, (heads, block, block)) for name in ("input_gate", "a_gate")}
    return {
        "linear_x_weight": rng.normal(0, channels**-0.5, (inner, channels)),
        "linear_x_bias": np.zeros(inner),
        "linear_y_weight": rng.normal(0, channels**-0.5, (inner, channels)),
        "linear_y_bias": np.zeros(inner),
        "linear_out_weight": rng.normal(0, inner**-0.5, (channels, inner)),
        "linear_out_bias": np.zeros(channels),
        "conv_weight": rng.normal(0, (0.01 / width) ** 0.5, (width, inner)),
        "conv_bias": np.zeros(inner),
        "a_param": inverse_softplus(-radii),
        **gates,
        "input_gate_bias": np.zeros((heads, block)),
        "a_gate_bias": np.zeros((heads, block)),
    }
