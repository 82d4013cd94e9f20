r"""When is a node of a ring one input lag? The condition of THEORY T24, measured on trained rings.

Node j holds at lag m, after an impulse, the share $S_{m,j} = 2\,\mathrm{Re}\,C_jh_j(m)$ of the kernel (without the
factor on rings of real nodes), and $K_m = \sum_jS_{m,j} + D\,\delta_{m0}$. If the multipliers obey the rigid law
$\lambda_n = \rho e^{i\varphi}e^{2\pi i\delta n/N}$ with a whole hop δ, the share of node j is 0 at every lag but those
with $\delta m \equiv j \pmod N$; these are one lag alone while $L \le N/\gcd(\delta, N)$: no wave has come round.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.layers import Array
from carleman_ssm.rings.rigidity import Rigidity, rigidity
from carleman_ssm.rings.rings import Rings
from carleman_ssm.theory.polynomials import require_integer, require_kind
from carleman_ssm.theory.ring_modes import UNIT_INPUT

Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

WHOLE = 1e-9
"""Hops this near to a whole number, and laws met this closely (phases in rad, radii relative to ρ), count as whole and
as met: the size of rounding."""


@dataclass(frozen=True, eq=False, repr=False)
class NodeLags(Brief):
    """How far "node j is one input lag" is true on the rings of a layer, over L steps.

    Parameters
    ----------
    law
        The rigid law nearest to the multipliers of each channel, and the distance to it.
    length
        L.
    shares
        |share of each node in each lag| (H, L, N), feedthrough excluded: every node's lags can be read off.

    References
    ----------
    THEORY T6 (iii), T24.
    """

    law: Rigidity
    length: int
    shares: Array

    @property
    def is_rigid(self) -> Flags:
        """Per channel: the multipliers obey a rigid law up to rounding."""
        return (self.law.phase_residual <= WHOLE) & (self.law.radius_residual <= WHOLE * self.law.radius)

    @property
    def is_whole(self) -> Flags:
        """Per channel: the hop δ is a whole number of nodes, and not 0."""
        hop = self.law.hop
        return (np.abs(hop - np.rint(hop)) <= WHOLE) & (np.abs(hop) > WHOLE)

    @property
    def longest(self) -> Array:
        r"""Per channel: the longest sequence in which no node is visited twice, $N/\gcd(\delta, N)$; 0 without such."""
        nodes = self.law.nodes
        pairs = zip(self.law.hop, self.is_whole, strict=True)
        steps = [nodes // gcd(round(hop), nodes) if whole else 0 for hop, whole in pairs]
        return np.array(steps, dtype=np.float64)

    @property
    def holds(self) -> Flags:
        """Per channel: rigid, whole hop, and no wrap within L steps: silencing a node deletes one lag alone (T24)."""
        return self.is_rigid & self.is_whole & (self.length <= self.longest)

    @property
    def purity(self) -> Array:
        """Largest lag's share over the sum of all lags' shares of each node, (H, N): 1 where a node is one lag.

        0 where a node has no share at all.
        """
        total = self.shares.sum(axis=1)
        result: Array = np.divide(self.shares.max(axis=1), total, out=np.zeros_like(total), where=total > 0)
        return result

    def sentence(self, channel: int) -> str:
        """The condition for one channel, in words and numbers."""
        law, nodes = self.law, self.law.nodes
        parts = (
            f"rigid: {_word(self.is_rigid[channel])} (residual {law.phase_residual[channel]:.3g} rad per step, "
            f"{law.radius_residual[channel]:.3g} in radius, of {law.radius[channel]:.3g})",
            f"whole hop: {_word(self.is_whole[channel])} (δ = {law.hop[channel]:.4g} of {nodes} nodes)",
            f"no wrap: {_word(self.length <= self.longest[channel])} ({law.wraps(self.length)[channel]:.3g} "
            f"revolutions in {self.length} steps)",
        )
        verdict = "a node is one input lag" if self.holds[channel] else "a node is no single input lag"
        return f"{verdict}; {'; '.join(parts)}; median purity {np.median(self.purity[channel]):.3g}"


def node_lags(rings: Rings, length: int) -> NodeLags:
    """Measure how far "node j is one input lag" is true on the rings of a layer over `length` steps.

    Parameters
    ----------
    rings
        From `layer_rings` or `model_rings`, in the unit-input gauge, where an input enters node 0 alone.
    length
        L, at least 1.

    Returns
    -------
    NodeLags

    Raises
    ------
    ValueError
        No step at all, or rings of another gauge.
    TypeError
        No rings, or a length that is no integer.

    Examples
    --------
    >>> from carleman_ssm.networks.layers import S4DLayer
    >>> from carleman_ssm.rings.rings import layer_rings
    >>> decay, turns = np.full((1, 8), np.log(0.5)), np.pi * np.arange(8.0)[None]  # S4D-Lin
    >>> rings = layer_rings(S4DLayer([np.log(0.25)], decay, turns, np.ones((1, 8)), [0.0]))  # δ = NΔ/2 = 1
    >>> node_lags(rings, 8).sentence(0).split(";")[0], bool(node_lags(rings, 9).holds[0])
    ('a node is one input lag', False)

    References
    ----------
    THEORY T6 (iii), T24.
    """
    require_kind(rings, Rings, "the rings (from layer_rings or model_rings)")
    if require_integer(length, "the length") < 1:
        msg = f"lags need at least one step, got length {length}"
        raise ValueError(msg)
    if rings.gauge != UNIT_INPUT:
        msg = f"nodes are lags in the unit-input gauge at best (T1′); these rings are in the gauge {rings.gauge!r}"
        raise ValueError(msg)
    return NodeLags(rigidity(rings.multipliers), length, np.abs(node_shares(rings, length)))


def node_shares(rings: Rings, length: int) -> Array:
    r"""$S_{m,j}$, what node j adds to the kernel at lag m, (H, length, N); the feedthrough belongs to no node."""
    impulse = np.zeros((1, length, rings.channels))
    impulse[:, 0] = 1.0
    read = rings.readout_weights[:, None] * rings.node_contents(impulse)[0].swapaxes(0, 1)
    result: Array = 2 * read.real if rings.conjugate_pairs else read.real
    return result


def _word(true: bool | np.bool_) -> str:
    return "yes" if true else "no"
