r"""What a block of the S4 kind does after its recurrence: activation, linear map, final activation.

$$v = \varphi(y), \qquad \text{out} = \psi(W v + w)$$

pointwise in time. $\psi$ is the gated linear unit $a \odot \sigma(b)$ of the two halves of its argument, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from carleman_ssm.families.pointwise import gelu, linear, sigmoid, silu, softplus
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.layers import Array

Pointwise = Callable[[Array], Array]
FinalActivation = Literal["glu", "id", "none"]


def _identity(v: Array) -> Array:
    return v


def _relu(v: Array) -> Array:
    return np.maximum(v, 0.0)


def _tanh(v: Array) -> Array:
    result: Array = np.tanh(v)
    return result


def gated(v: Array) -> Array:
    r"""$a \odot \sigma(b)$ for the two halves $(a, b)$ of the last axis.

    Examples
    --------
    >>> gated(np.array([3.0, 0.0]))
    array([1.5])
    """
    value, control = np.split(v, 2, axis=-1)
    result: Array = value * sigmoid(control)
    return result


ACTIVATIONS: Mapping[str, Pointwise] = {
    "id": _identity,
    "gelu": gelu,
    "silu": silu,
    "tanh": _tanh,
    "relu": _relu,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "glu": gated,
}
"""Pointwise functions by the names of the reference configurations; ``gelu`` is the erf form."""

MAP_KEYS = ("output_linear.0", "output_linear")
"""Where the linear map of a block may be stored."""

_OTHER_NAMES = {None: "id", "identity": "id", "linear": "id", "swish": "silu"}


def activation_name(name: object) -> str:
    """The name under which `ACTIVATIONS` has it; None is the identity.

    Raises
    ------
    ValueError
        An activation that no block is read with.
    """
    found = _OTHER_NAMES.get(name, name) if name is None or isinstance(name, str) else name
    if not isinstance(found, str) or found not in ACTIVATIONS:
        msg = f"unknown activation {name!r}; known are {', '.join(ACTIVATIONS)}"
        raise ValueError(msg)
    return found


@dataclass(frozen=True, eq=False, repr=False)
class BlockOutput(Brief):
    r"""$\psi(W \varphi(y) + w)$.

    Parameters
    ----------
    activation
        $\varphi$, a name of `ACTIVATIONS`; ``"glu"`` halves the number of values.
    weight, bias
        W (outputs, inputs) and w (outputs,); both None without a linear map.
    final
        $\psi$: ``"glu"``, ``"id"``, or ``"none"`` without a linear map.
    key
        Where the reference stores the map.
    axes
        Number of axes of the stored weight and bias; those beyond two and one have length 1.

    Raises
    ------
    TypeError, ValueError
        Arrays of other shapes, an unknown activation, or a final activation that does not fit the map.
    """

    activation: str
    weight: Array | None = None
    bias: Array | None = None
    final: FinalActivation = "none"
    key: str = "output_linear.0"
    axes: tuple[int, int] = (2, 1)

    def __post_init__(self) -> None:
        object.__setattr__(self, "activation", activation_name(self.activation))
        if self.final not in ("glu", "id", "none"):
            msg = f"final: expected 'glu', 'id' or 'none', got {self.final!r}"
            raise ValueError(msg)
        if (self.weight is None, self.bias is None) != ((self.final == "none"),) * 2:
            msg = f"a final activation {self.final!r} goes with {'no' if self.final == 'none' else 'a'} weight and bias"
            raise ValueError(msg)
        if self.weight is None or self.bias is None:
            return
        weight = real_array("output weight", self.weight, (None, None))
        bias = real_array("output bias", self.bias, (weight.shape[0],))
        if self.final == "glu" and weight.shape[0] % 2:
            msg = f"a gated linear unit needs an even number of rows, the output weight has {weight.shape[0]}"
            raise ValueError(msg)
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)

    def __call__(self, y: Array) -> Array:
        """Outputs (batch, L, outputs) from what reaches the activation, (batch, L, values)."""
        values = ACTIVATIONS[self.activation](y)
        if self.weight is None:
            return values
        mapped = linear(values, self.weight, self.bias)
        return gated(mapped) if self.final == "glu" else mapped

    def tensors(self) -> dict[str, Array]:
        """Weight and bias as the reference stores them."""
        if self.weight is None or self.bias is None:
            return {}
        stored = {"weight": (self.weight, self.axes[0]), "bias": (self.bias, self.axes[1])}
        return {
            f"{self.key}.{name}": array.reshape(array.shape + (1,) * (axes - array.ndim))
            for name, (array, axes) in stored.items()
        }

    @classmethod
    def read(
        cls, tensors: Mapping[str, Array], config: Mapping[str, object], *, values: int, outputs: int
    ) -> BlockOutput:
        r"""From the tensors of a reference block.

        Parameters
        ----------
        tensors, config
            Of the layer; the configuration may name ``activation`` and ``final_act`` (or ``postact``).
        values
            Number of values that reach the linear map.
        outputs
            Number of outputs of the block.

        Raises
        ------
        ValueError
            Shapes that no final activation explains, or that contradict the configuration.
        """
        activation = activation_name(config.get("activation", "gelu"))
        key = _stored_map(tensors)
        if key is None:
            _require_final(config, "none", "there is no output_linear.0.weight")
            return cls(activation)
        stored = [np.asarray(tensors[f"{key}.{name}"]) for name in ("weight", "bias")]
        matrix = stored[0].reshape(stored[0].shape[0], -1)
        shapes: dict[tuple[int, ...], FinalActivation] = {(2 * outputs, values): "glu", (outputs, values): "id"}
        if matrix.shape not in shapes:
            msg = f"{key}.weight has shape {matrix.shape}, expected {' (glu) or '.join(map(str, shapes))} (id)"
            raise ValueError(msg)
        final = shapes[matrix.shape]
        _require_final(config, final, f"{key}.weight has shape {matrix.shape}")
        return cls(activation, matrix, stored[1].reshape(-1), final, key, (stored[0].ndim, stored[1].ndim))


def _stored_map(tensors: Mapping[str, Array]) -> str | None:
    """Where the one linear map is stored; refuse half of a map, and two maps."""
    found = [f"{key}.{part}" for key in MAP_KEYS for part in ("weight", "bias") if f"{key}.{part}" in tensors]
    for key in MAP_KEYS:
        if found == [f"{key}.weight", f"{key}.bias"]:
            return key
    if found:
        msg = (
            f"found {', '.join(found)}: the map of the reference has one weight and one bias, {MAP_KEYS[0]}.*, or none"
        )
        raise ValueError(msg)
    return None


def _require_final(config: Mapping[str, object], found: FinalActivation, because: str) -> None:
    """Refuse a configuration that names another final activation than the shapes show."""
    for name in ("final_act", "postact"):
        if name not in config:
            continue
        stated = config[name]
        same = {"glu": ("glu",), "id": ("id", "identity", "linear", None), "none": (None,)}[found]
        if stated not in same:
            msg = f"the configuration says {name} = {stated!r}, but {because}: that is {found!r}"
            raise ValueError(msg)
