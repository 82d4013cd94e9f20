r"""A layer of a network whose state space map is that of a family: S5 or LRU, with what follows its activation.

The families' own classes hold the recurrence; the block around it has the form that every network of the package
has, $x \leftarrow x + W\varphi(y) + w$ or $a \odot \sigma(b)$ of the two halves, and a norm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from carleman_ssm.families.enclosed_kernels import lru_kernel, s5_kernel
from carleman_ssm.families.lru import LRU
from carleman_ssm.families.s5 import S5
from carleman_ssm.networks.discretization import Discretization
from carleman_ssm.networks.enclosures import Enclosed
from carleman_ssm.networks.layers import Array, Normalization
from carleman_ssm.networks.state_space_layer import StateSpaceLayer

_METHODS = {"convolution": "closed", "recurrence": "recurrence"}


@final
@dataclass(frozen=True, eq=False, repr=False)
class FamilyLayer(StateSpaceLayer):
    """The state space map of S5 or LRU as a layer of a `StateSpaceNetwork`.

    Parameters
    ----------
    core
        An `S5` or `LRU` without an activation of its own, in one direction.
    output_weight, output_bias, norm, activation_coefficients
        As in `S4DLayer`.

    Raises
    ------
    TypeError
        The core is of another family.
    ValueError
        It has an activation or runs in both directions, or shapes do not fit.
    """

    core: S5 | LRU
    output_weight: Array | None = None
    output_bias: Array | None = None
    norm: Normalization | None = None
    activation_coefficients: Array | None = None
    discretization: Discretization = field(init=False, default="zoh")

    def __post_init__(self) -> None:
        core: object = self.core
        if not isinstance(core, S5 | LRU):
            msg = f"the core must be an S5 or an LRU layer, got {type(core).__name__}"
            raise TypeError(msg)
        own = core.out1 is not None or core.out2 is not None or (isinstance(core, S5) and core.activation != "none")
        if own or (isinstance(core, S5) and core.bidirectional):
            msg = "the core has an activation of its own or runs in both directions: give the causal map alone"
            raise ValueError(msg)
        self._freeze_optional(core.channels)
        if isinstance(core, S5):  # an LRU is discrete from the start, and goes under the default name
            object.__setattr__(self, "discretization", core.discretization)

    @property
    def channels(self) -> int:
        """H."""
        return self.core.channels

    @property
    def modes(self) -> int:
        """Stored modes of the layer."""
        return self.core.modes

    @property
    def kind(self) -> str:
        """S5 or LRU."""
        return type(self.core).__name__

    def kernel(self, length: int) -> Array:
        """(H, H, L): the answer of every output channel to an impulse in every input channel, without D."""
        if length < 1:
            msg = f"a kernel needs at least one lag, got length {length}"
            raise ValueError(msg)
        impulses = np.zeros((self.channels, length, self.channels))
        impulses[:, 0] = np.eye(self.channels)
        states = self.core.scan(impulses).states()
        result: Array = (self.core.preactivation(states, impulses) - self.core.D * impulses).transpose(2, 0, 1)
        return result

    def enclosed_kernel(self, length: int) -> Enclosed:
        """(H, H, L), feedthrough included, with a proved bound on its rounding."""
        return s5_kernel(self.core, length) if isinstance(self.core, S5) else lru_kernel(self.core, length)

    def preactivation(self, u: Array, method: str = "convolution") -> Array:
        """$y$ (batch, length, H), by the closed form of the states or step by step."""
        if method not in _METHODS:
            msg = f"unknown method {method!r}; choose 'convolution' or 'recurrence'"
            raise ValueError(msg)
        return self.core.preactivation(self.core.scan(u).states(_METHODS[method]), u)
