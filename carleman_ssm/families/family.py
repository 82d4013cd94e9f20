r"""What every family is: a layer that is affine in its own state for a given input, with a readout.

$$Z_k = A_k(u) Z_{k-1} + B_k(u), \qquad y_k = \mathrm{read}(Z_k, u) .$$

A family is a thin final class: its parameters under the names of its reference, the recurrence that a batch of
inputs causes (one of the four types of `scans`), the readout, the initialisation, and its symbolic statement.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from carleman_ssm.families.scans import Scan, Values
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.layers import Array
from carleman_ssm.recurrences.statement import FamilyStatement


class Family(ABC, Brief):
    """The recurrent layer of one family, with float parameters.

    Attributes
    ----------
    family
        Name of the family, as in `carleman-ssm zoo`.
    dialect
        Name of the convention (`families.conventions`) in which its parameters are stored.
    further_statements
        By what they are: from states and steps to statements of the same recurrence with other maps before it. Most
        families have none.
    """

    family: ClassVar[str]
    dialect: ClassVar[str]
    further_statements: ClassVar[Mapping[str, Callable[[int, int], FamilyStatement]]] = MappingProxyType({})

    @property
    @abstractmethod
    def channels(self) -> int:
        """H, the number of inputs of the layer per step."""

    @abstractmethod
    def scan(self, inputs: Array) -> Scan:
        """The recurrence that inputs (batch, L, H) cause."""

    @abstractmethod
    def readout(self, states: Values, inputs: Array) -> Array:
        """Outputs (batch, L, outputs) from the states of all steps and the inputs."""

    @classmethod
    @abstractmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        """A layer as its reference initialises it, drawn from `rng`."""

    @classmethod
    @abstractmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """The statement of the family with symbols for all parameters."""

    @classmethod
    @abstractmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """Build the layer from the tensors of its reference, by their key names without the layer's prefix."""

    @abstractmethod
    def tensors(self) -> dict[str, Array]:
        """The parameters by the key names of the reference, without the layer's prefix."""

    def __call__(self, inputs: npt.ArrayLike, method: str = "closed") -> Array:
        """Outputs of the layer.

        Parameters
        ----------
        inputs
            (batch, L, H), finite real numbers.
        method
            ``"closed"``: the closed form of the states. ``"recurrence"``: step by step.

        Raises
        ------
        TypeError, ValueError
            Inputs of another shape, NaN or infinity, or an unknown method.
        """
        values = self._checked(inputs)
        return self.readout(self.scan(values).states(method), values)

    def _checked(self, inputs: npt.ArrayLike) -> Array:
        values = real_array("inputs", inputs, (None, None, self.channels))
        if values.shape[1] == 0:
            msg = "inputs: expected at least one step, got a sequence of length 0"
            raise ValueError(msg)
        return values
