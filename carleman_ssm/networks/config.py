"""What the parameters of a network do not say: its configuration, each entry one of stated choices."""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal

from carleman_ssm.networks.discretization import DISCRETIZATIONS, Discretization
from carleman_ssm.theory import activations

CHOICES: MappingProxyType[str, tuple[object, ...]] = MappingProxyType(
    {
        "family": ("s4d", "s5", "lru", "s4"),
        "activation": ("gelu", "gelu_tanh", "silu", "identity", "square", "cube", "poly"),
        "output": ("linear", "glu", "none"),
        "norm": ("none", "batch", "layer", "rms"),
        "prenorm": (False, True),
        "residual": (True, False),
        "pool": ("mean", "last", "none"),
        "discretization": DISCRETIZATIONS,
        "gate": ("sigmoid", "identity"),
    }
)
"""What each entry of a configuration may be; the same table checks files and records."""

OPTIONAL = ("discretization", "gate", "eps")
"""Entries that a file may leave out: their defaults are what the reference implementation does."""

Activation = Literal["gelu", "gelu_tanh", "silu", "identity", "square", "cube", "poly"]


@dataclass(frozen=True)
class NetworkConfig:
    """What the parameters do not say about a network.

    Parameters
    ----------
    family
        Of the state space layers.
    activation
        φ: exact (erf) GELU, its tanh form (it differs by 4.7e-4), SiLU, y, y², y³, or learned Σ c_k y^k.
    output
        Map after φ: affine, affine with a gated linear unit, or none.
    norm, prenorm
        BatchNorm in evaluation, LayerNorm, RMSNorm or none; before the branch or after the residual sum.
    residual, pool
        Whether a layer adds its input; mean over time, last step, or none (logits at every step).
    discretization
        Zero-order hold (the reference's) or the bilinear rule.
    gate
        s in the gated unit a·s(b): the logistic function, or the identity (the bilinear unit a·b, a polynomial).
    eps
        Added to the variance or mean square of a norm.

    Raises
    ------
    ValueError
        An entry is not one of its choices (named in the message), or a gate is given where nothing is gated.

    References
    ----------
    Dauphin et al. (2017), arXiv:1612.08083, §2 (gated and bilinear units).
    """

    family: Literal["s4d", "s5", "lru", "s4"] = "s4d"
    activation: Activation = "gelu"
    output: Literal["linear", "glu", "none"] = "linear"
    norm: Literal["none", "batch", "layer", "rms"] = "none"
    prenorm: bool = False
    residual: bool = True
    pool: Literal["mean", "last", "none"] = "mean"
    discretization: Discretization = "zoh"
    gate: Literal["sigmoid", "identity"] = "sigmoid"
    eps: float = 1e-5

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if name == "activation" and value == "relu":
                activations.activation("relu")  # refuses with the reason
            if not any(type(value) is type(choice) and value == choice for choice in choices):
                known = ", ".join(map(repr, choices))
                msg = f"configuration entry {name!r} is {value!r}; choose one of {known}"
                raise ValueError(msg)
        if type(self.eps) is not float or not 0 < self.eps < float("inf"):
            msg = f"configuration entry 'eps' is {self.eps!r}; it must be a positive float"
            raise ValueError(msg)
        if self.gate != "sigmoid" and self.output != "glu":
            msg = f"configuration entry 'gate' is {self.gate!r}, but output {self.output!r} has no gate; use 'glu'"
            raise ValueError(msg)

    def stated(self) -> dict[str, object]:
        """The entries that a file has to state: all of them but the optional ones at their defaults."""
        entries = {field.name: getattr(self, field.name) for field in fields(self)}
        defaults = {field.name: field.default for field in fields(self) if field.name in OPTIONAL}
        return {name: value for name, value in entries.items() if name not in defaults or value != defaults[name]}
