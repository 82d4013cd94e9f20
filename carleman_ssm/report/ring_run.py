"""One ring under one input: what the figures draw, and the rigid law nearest to how it moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.rings.rings import Rings
from carleman_ssm.rings.waves import Rigidity, participation_ratio, rigidity
from carleman_ssm.theory.ring_modes import ANTIPERIODIC

AMPLITUDE_TOLERANCE = 1e-2
"""A phase is shown only where the amplitude is at least this share of the largest one of the run."""


def channel_ring(rings: Rings, channel: int) -> Rings:
    """The ring of one channel, as `Rings` with H = 1.

    Raises
    ------
    ValueError
        There is no such channel.
    """
    if not 0 <= channel < rings.channels:
        msg = f"there is no channel {channel}: choose --channel between 0 and {rings.channels - 1}"
        raise ValueError(msg)
    names = ("eigenvalues", "multipliers", "input_vector", "output_vector", "feedthrough", "step", "order")
    rows: dict[str, Any] = {name: getattr(rings, name)[channel : channel + 1] for name in names}
    return replace(rings, **rows)


@dataclass(frozen=True, eq=False)
class RingRun:
    r"""The node contents of one ring, and the rigid law nearest to its multipliers.

    Parameters
    ----------
    title
        Which ring: "digits-gelu, layer 0, channel 3".
    signal
        What went in, as a sentence for captions.
    ring
        The ring of one channel (H = 1).
    inputs
        (L,), what enters the ring at the steps 1 … L, from rest.
    reference
        (N,) couplings of S4D-Lin on a ring of this size and closure in closed form [1/time]; None if there is none.
    is_lin
        True when the spectrum is S4D-Lin's by construction, so that the reference is a claim about this ring.

    Raises
    ------
    ValueError
        More than one channel.
    """

    title: str
    signal: str
    ring: Rings
    inputs: Array
    reference: ComplexArray | None = None
    is_lin: bool = False

    def __post_init__(self) -> None:
        if self.ring.channels != 1:
            msg = f"a run shows one channel, got a ring of {self.ring.channels}: choose one with channel_ring"
            raise ValueError(msg)

    @cached_property
    def contents(self) -> Array | ComplexArray:
        """h_j(k) in units of the input (unit-input gauge), (L, N); real on real and anti-periodic rings."""
        return self.ring.node_contents(np.reshape(self.inputs, (1, -1, 1)))[0, :, 0]

    @cached_property
    def law(self) -> Rigidity:
        """The rigid law nearest to the multipliers (H = 1)."""
        return rigidity(self.ring.multipliers)

    @property
    def hop(self) -> float:
        """Nodes per step under that law."""
        return float(self.law.hop[0])

    @cached_property
    def participation(self) -> Array:
        """How many nodes share the energy after each step, (L,); NaN while the ring is silent."""
        ratio = participation_ratio(self.contents)
        return np.where(ratio > 0, ratio, np.nan)

    @property
    def length(self) -> int:
        """L, the number of steps."""
        return int(self.contents.shape[0])

    @property
    def nodes(self) -> int:
        """N."""
        return self.ring.nodes

    @property
    def is_complex(self) -> bool:
        """True when nodes have phases; on real rings there are only signs (THEORY T5)."""
        return not self.ring.is_real

    @property
    def has_seam(self) -> bool:
        """True when what passes from node N - 1 to node 0 changes its sign (THEORY T5b)."""
        return self.ring.closure == ANTIPERIODIC

    @property
    def amplitudes(self) -> Array:
        """|h_j(k)|, (L, N)."""
        return np.abs(self.contents)

    @property
    def limit(self) -> float:
        """The largest amplitude of the run, 1 for a silent one."""
        return float(self.amplitudes.max()) or 1.0

    @property
    def phases(self) -> np.ma.MaskedArray[tuple[int, ...], np.dtype[np.float64]]:
        r"""Arg $h_j(k)$ in $(-\pi, \pi]$, (L, N), masked where the amplitude is too small for a phase to mean much."""
        quiet = self.amplitudes < AMPLITUDE_TOLERANCE * self.limit
        return np.ma.masked_array(np.angle(self.contents), mask=quiet)

    @property
    def first_step(self) -> int:
        """The step (from 1) at which something enters for the first time."""
        heard = np.flatnonzero(self.inputs)
        return int(heard[0]) + 1 if len(heard) else 1

    @property
    def distances(self) -> npt.NDArray[np.int64]:
        """The signed distance of each entry of the couplings, -N/2 < d <= N/2."""
        d = np.arange(self.nodes)
        return np.where(d > self.nodes // 2, d - self.nodes, d)
