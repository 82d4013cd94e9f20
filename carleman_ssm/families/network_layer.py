r"""A layer of a network whose state space map is that of a family: S5, LRU or S4, with what follows its activation.

The families' own classes hold the recurrence; the block around it has the form that every network of the package
has, $x \leftarrow x + W\varphi(y) + w$ or $a \odot \sigma(b)$ of the two halves, and a norm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from carleman_ssm.families.enclosed_dense import s4_kernel
from carleman_ssm.families.enclosed_kernels import lru_kernel, s5_kernel
from carleman_ssm.families.lru import LRU
from carleman_ssm.families.s4 import S4
from carleman_ssm.families.s5 import S5
from carleman_ssm.networks.discretization import Discretization
from carleman_ssm.networks.enclosures import Enclosed
from carleman_ssm.networks.layers import Array, Normalization
from carleman_ssm.networks.state_space_layer import StateSpaceLayer

_METHODS = {"convolution": "closed", "recurrence": "recurrence"}


@final
@dataclass(frozen=True, eq=False, repr=False)
class FamilyLayer(StateSpaceLayer):
    """The state space map of S5, LRU or S4 (with its low rank) as a layer of a `StateSpaceNetwork`.

    Parameters
    ----------
    core
        An `S5`, `LRU` or `S4` without an activation or output of its own, in one direction; S4 with one readout.
    output_weight, output_bias, norm, activation_coefficients
        As in `S4DLayer`.

    Raises
    ------
    TypeError
        The core is of another family.
    ValueError
        It has an activation or runs in both directions, or shapes do not fit.
    """

    core: S5 | LRU | S4
    output_weight: Array | None = None
    output_bias: Array | None = None
    norm: Normalization | None = None
    activation_coefficients: Array | None = None
    discretization: Discretization = field(init=False, default="zoh")

    def __post_init__(self) -> None:
        core: object = self.core
        if not isinstance(core, S5 | LRU | S4):
            msg = f"the core must be an S5, LRU or S4 layer, got {type(core).__name__}"
            raise TypeError(msg)
        if _has_more_than_the_map(core):
            msg = "the core has an activation of its own or runs in both directions: give the causal map alone"
            raise ValueError(msg)
        self._freeze_optional(core.channels)
        # an LRU is discrete from the start, and goes under the default name
        rule = core.discretization if isinstance(core, S5) else ("bilinear" if isinstance(core, S4) else "zoh")
        object.__setattr__(self, "discretization", rule)

    @property
    def channels(self) -> int:
        """H."""
        return self.core.channels

    @property
    def modes(self) -> int:
        """Stored modes of the layer; for S4 those of a channel."""
        return self.core.size // 2 if isinstance(self.core, S4) else self.core.modes

    @property
    def kind(self) -> str:
        """S5, LRU or S4."""
        return type(self.core).__name__

    def kernel(self, length: int) -> Array:
        """(H, H, L): the answer of every output channel to an impulse in every input channel; S4 (H, L). Without D."""
        if length < 1:
            msg = f"a kernel needs at least one lag, got length {length}"
            raise ValueError(msg)
        if isinstance(self.core, S4):
            single: Array = self.core.kernel(length)[0]
            return single
        impulses = np.zeros((self.channels, length, self.channels))
        impulses[:, 0] = np.eye(self.channels)
        states = self.core.scan(impulses).states()
        result: Array = (self.core.preactivation(states, impulses) - self.core.D * impulses).transpose(2, 0, 1)
        return result

    def enclosed_kernel(self, length: int) -> Enclosed:
        """(H, H, L), S4 (H, L), feedthrough included, with a proved bound on its rounding."""
        if isinstance(self.core, S4):
            return s4_kernel(self.core, length)
        return s5_kernel(self.core, length) if isinstance(self.core, S5) else lru_kernel(self.core, length)

    def preactivation(self, u: Array, method: str = "convolution") -> Array:
        """$y$ (batch, length, H), by the closed form of the states or step by step."""
        if method not in _METHODS:
            msg = f"unknown method {method!r}; choose 'convolution' or 'recurrence'"
            raise ValueError(msg)
        return self.core.preactivation(self.core.scan(u).states(_METHODS[method]), u)


def _has_more_than_the_map(core: S5 | LRU | S4) -> bool:
    """Whether the core has an activation or output, or is not causal, or has several readouts."""
    if isinstance(core, S4):
        several = core.D.shape[0] != 1 or core.options.bidirectional
        return several or core.output.activation != "id" or core.output.final != "none"
    if isinstance(core, S5) and (core.activation != "none" or core.bidirectional):
        return True
    return core.out1 is not None or core.out2 is not None
