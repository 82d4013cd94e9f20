r"""S4D as a family: the layer of `networks.layers` with the activation and the gate of its reference.

The stored modes are one of each conjugate pair: the states here are those of the stored modes, the readout takes
$2\,\mathrm{Re}$.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np

from carleman_ssm.families.block_output import BlockOutput, activation_name
from carleman_ssm.families.family import Family
from carleman_ssm.families.initialisations import complex_normal, diagonal_spectrum, drawn_steps
from carleman_ssm.families.s4_initialisation import drawn_output
from carleman_ssm.families.s4_parts import OUTPUT_KEYS, complex_of, parts, require_keys, require_sizes
from carleman_ssm.families.scans import InvariantDiagonalScan, Values
from carleman_ssm.networks.discretization import Discretization
from carleman_ssm.networks.layers import Array, ComplexArray, S4DLayer
from carleman_ssm.recurrences.invariant_statements import s4d_statement
from carleman_ssm.recurrences.statement import FamilyStatement


@final
@dataclass(frozen=True, eq=False, repr=False)
class S4D(Family):
    r"""One S4D layer with what follows it.

    Parameters
    ----------
    layer
        The parameters of the recurrence, without an output map of its own.
    output
        Activation, linear map, final activation.

    Raises
    ------
    ValueError
        The layer has an output map, a norm or a learned activation: these are `output`, or no part of the family.

    References
    ----------
    Gu et al. (2022), S4D; state-spaces/s4, models/s4/s4d.py.
    """

    family: ClassVar[str] = "s4d"
    dialect: ClassVar[str] = "s4d"

    layer: S4DLayer
    output: BlockOutput

    def __post_init__(self) -> None:
        for name in ("output_weight", "norm", "activation_coefficients"):
            if getattr(self.layer, name) is not None:
                msg = f"the layer of the family S4D has no {name}: what follows the recurrence is in `output`"
                raise ValueError(msg)

    @property
    def channels(self) -> int:
        """H."""
        return self.layer.channels

    def scan(self, inputs: Array) -> InvariantDiagonalScan:
        """States (batch, L, H, M) of the stored modes."""
        return InvariantDiagonalScan(self.layer.multipliers, inputs[..., None] * self.layer.input_vector)

    def preactivation(self, states: Values, inputs: Array) -> Array:
        """What reaches the activation: (batch, L, H)."""
        result: Array = 2 * np.einsum("hm,blhm->blh", self.layer.C, states, optimize=True).real + self.layer.D * inputs
        return result

    def readout(self, states: Values, inputs: Array) -> Array:
        """(batch, L, outputs)."""
        return self.output(self.preactivation(states, inputs))

    def kernel(self, length: int) -> Array:
        """`S4DLayer.kernel`: (H, L), without D."""
        return self.layer.kernel(length)

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        r"""S4D-Lin with $\Delta$ log-uniform in [0.001, 0.1], complex normal C and normal D, GELU and a gated map.

        Parameters
        ----------
        rng
            The source of random numbers.
        **sizes
            ``channels`` (4), ``d_state`` (8; half of it is stored), ``init`` (``"diag-lin"``) and ``discretization``
            (``"zoh"``).
        """
        layer = _drawn(rng, **sizes)
        return cls(layer, drawn_output(rng, layer.channels))

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """`recurrences.invariant_statements.s4d_statement`."""
        return s4d_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """From the keys ``D``, ``kernel.*`` and ``output_linear.0.*`` (a convolution of width 1).

        Raises
        ------
        ValueError, TypeError
            Tensors that are missing or of other shapes, an activation that is not known by name, or a configuration
            that contradicts the shapes.
        """
        needed = ("D", *(f"kernel.{name}" for name in ("log_dt", "log_A_real", "A_imag", "C")))
        require_keys(cls.family, tensors, needed, OUTPUT_KEYS)
        sizes = {"d_model": len(tensors["D"]), "d_state": 2 * np.shape(tensors["kernel.A_imag"])[-1]}
        require_sizes(cls.family, config, sizes)
        rule: Any = config.get("discretization", "zoh")
        layer = S4DLayer(
            tensors["kernel.log_dt"],
            tensors["kernel.log_A_real"],
            tensors["kernel.A_imag"],
            _stored_readout(tensors["kernel.C"]),
            tensors["D"],
            discretization=rule,
        )
        named: dict[str, object] = {"final_act": config["output"]} if "output" in config else {}
        block = {"activation": activation_name(config.get("activation", "gelu")), **named}
        return cls(layer, BlockOutput.read(tensors, block, values=layer.channels, outputs=layer.channels))

    def tensors(self) -> dict[str, Array]:
        """The stored parameters by the reference's names."""
        return {
            "D": self.layer.D,
            "kernel.C": parts(self.layer.C),
            "kernel.log_dt": self.layer.log_dt,
            "kernel.log_A_real": self.layer.log_A_real,
            "kernel.A_imag": self.layer.A_imag,
            **self.output.tensors(),
        }


def _stored_readout(stored: Array) -> ComplexArray:
    array = np.asarray(stored)
    return complex_of(array, real=array.dtype.kind == "c")


def _drawn(
    rng: np.random.Generator,
    *,
    channels: int = 4,
    d_state: int = 8,
    init: str = "diag-lin",
    discretization: Discretization = "zoh",
) -> S4DLayer:
    eigenvalues = np.conj(diagonal_spectrum(init, d_state, rng).eigenvalues)
    shape = (channels, d_state // 2)
    return S4DLayer(
        drawn_steps(rng, (channels,)),
        np.broadcast_to(np.log(-eigenvalues.real), shape),
        np.broadcast_to(eigenvalues.imag, shape),
        complex_normal(rng, shape),
        rng.normal(size=channels),
        discretization=discretization,
    )
