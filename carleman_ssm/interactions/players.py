r"""Players of a cooperative game on one sequence: its steps, or groups of its entries (THEORY T12′).

With the deviation δ from the centre, player j has the effect $a_{j,k,h}$ on pre-activation (k, h) of a one-layer
network; the effects of a coalition add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.convolution import convolve, toeplitz
from carleman_ssm.networks.enclosures import Floats


class Players(Protocol):
    """The effects $a_{j,k,h}$ of n players on the pre-activations (k, h), through the sums that are needed."""

    def power_sum(self, power: int) -> Floats:
        r"""$\sum_j a_{j,k,h}^r$, (L, H)."""

    def collected(self, power: int, weights: Floats) -> Floats:
        r"""$\sum_k a_{j,k,h}^r w_{k,h}$ for w (L, H): (n, H)."""

    def effects(self) -> Floats:
        """$a$ as an array (H, n, L)."""


@dataclass(frozen=True, eq=False, repr=False)
class StepPlayers(Brief):
    """Each step of the sequence is a player: $a_{j,k,h} = K_{h,k-j}v_{j,h}$, kernel K (H, L), drive v (L, H)."""

    kernel: Floats
    drive: Floats

    def power_sum(self, power: int) -> Floats:
        """A causal convolution with the power of the kernel."""
        result: Floats = convolve(self.kernel**power, self.drive[None] ** power)[0]
        return result

    def collected(self, power: int, weights: Floats) -> Floats:
        """A correlation with the power of the kernel: a convolution that runs backwards in time."""
        result: Floats = convolve(self.kernel**power, weights[None, ::-1])[0, ::-1] * self.drive**power
        return result

    def effects(self) -> Floats:
        """Scaled Toeplitz matrices."""
        return np.asarray(toeplitz(self.kernel, len(self.drive)) * self.drive.T[:, :, None], dtype=np.float64)


@dataclass(frozen=True, eq=False, repr=False)
class GroupPlayers(Brief):
    """Each group of entries of the sequence is a player, with responses (n, L, H)."""

    responses: Floats

    def power_sum(self, power: int) -> Floats:
        """A sum over the groups."""
        result: Floats = (self.responses**power).sum(axis=0)
        return result

    def collected(self, power: int, weights: Floats) -> Floats:
        """A sum over the steps."""
        return np.asarray(np.einsum("jkh,kh->jh", self.responses**power, weights), dtype=np.float64)

    def effects(self) -> Floats:
        """The responses, channel first."""
        return np.asarray(self.responses.transpose(2, 0, 1), dtype=np.float64)


def members(groups: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which entries of a sequence (L, d) belong to each player, (n, L, d).

    Raises
    ------
    ValueError
        The numbers are no integers of shape (L,) or (L, d), or not all of 0 … n − 1 occur.
    """
    numbers = np.asarray(groups)
    if numbers.dtype.kind not in "iu" or numbers.shape not in (shape, shape[:1]):
        msg = f"groups number the player of each step or entry: expected integers {shape[:1]} or {shape}"
        raise ValueError(msg)
    found = np.unique(numbers)
    if not np.array_equal(found, np.arange(len(found))):
        msg = f"players are numbered 0 … n − 1 without a gap, got {found.tolist()[:8]} …"
        raise ValueError(msg)
    entries = numbers if numbers.ndim == 2 else np.broadcast_to(numbers[:, None], shape)
    return np.asarray(entries[None] == found[:, None, None], dtype=np.bool_)
