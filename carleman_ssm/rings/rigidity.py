r"""The rigid law nearest to the multipliers of a ring, and the distance to it: measured, modulo 2π.

A step of a ring is a rigid shift, $h_j \to \rho e^{i\varphi} h_{j-\delta}$, exactly when
$\lambda_n = \rho e^{i\varphi} e^{2\pi i \delta n/N}$ in ring order (THEORY T6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.layers import Array

TURN = 2 * np.pi
STARTS_PER_NODE = 8
"""Hops tried per node. The phases of the law change by at most π/8 rad from a start to the nearest optimum."""

REFINEMENTS = 4
"""Alternations between the nearest branch of each angle and the exact least squares; two suffice near an optimum."""

TIE = 1e-12
"""Residuals [rad] closer than this are equal up to rounding; then the smaller hop is reported."""

STILL = 1e-12
"""A hop below this many nodes per step is rounding of the angles and reported as 0."""


@dataclass(frozen=True, eq=False, repr=False)
class Rigidity(Brief):
    r"""The rigid law $\rho e^{i\varphi} e^{2\pi i\delta n/N}$ nearest to the multipliers of each channel, (H,) each.

    Parameters
    ----------
    hop
        $\delta$ in (-N/2, N/2], nodes per step, integer or not; in discrete time it has a meaning modulo N only. What
        rounding of the angles cannot be told from is 0.
    offset
        $\varphi$ in (-π, π] [rad].
    phase_residual
        Root mean square of $\arg\lambda_n - \varphi - 2\pi\delta n/N$ modulo 2π [rad per step].
    radius, radius_residual
        $\rho$, the mean of $|\lambda_n|$, and the root mean square of $|\lambda_n| - \rho$.
    nodes
        N.

    References
    ----------
    THEORY T6 (iii).
    """

    hop: Array
    offset: Array
    phase_residual: Array
    radius: Array
    radius_residual: Array
    nodes: int

    @property
    def spacing(self) -> Array:
        r"""$2\pi|\delta|/N$ [rad per step], the angle between neighbouring modes under the law."""
        return TURN * np.abs(self.hop) / self.nodes

    @property
    def relative_residual(self) -> Array:
        """Phase residual in units of the spacing: from about 0.2 on, a pattern spreads within one revolution (T6).

        Infinite where the law does not move (hop 0) and the residual is not 0.
        """
        still = np.where(self.phase_residual > TIE, np.inf, 0.0)
        result: Array = np.divide(self.phase_residual, self.spacing, out=still, where=self.spacing > TIE)
        return result

    @property
    def revolution_steps(self) -> Array:
        r"""$N/|\delta|$, the steps in which the law moves once around; infinite where it does not move."""
        return revolution_steps(self.hop, self.nodes)

    def wraps(self, length: int) -> Array:
        r"""$L|\delta|/N$: revolutions during L steps."""
        result: Array = length * np.abs(self.hop) / self.nodes
        return result


def revolution_steps(hop: npt.ArrayLike, nodes: int) -> Array:
    r"""$N/|\delta|$, infinite for $\delta = 0$."""
    speed = np.abs(np.asarray(hop, dtype=np.float64))
    return np.divide(nodes, speed, out=np.full_like(speed, np.inf), where=speed > 0)


def rigidity(multipliers: npt.ArrayLike) -> Rigidity:
    r"""The rigid law nearest to multipliers (H, N) in ring order.

    The phases are compared modulo 2π; a multiplier that is 0 has the phase 0, whatever the signs of its zeros. Every
    hop of a grid of eighth nodes is a start; there the best offset is found exactly, and least squares on the nearest
    branch of each angle refine both.

    Returns
    -------
    Rigidity
        Arrays (H,).

    Raises
    ------
    ValueError
        Not a finite array (H, N).

    References
    ----------
    THEORY T6 (iii).

    Examples
    --------
    >>> shift = 0.9 * np.exp(1j * (0.3 + 2 * np.pi * 1.5 * np.arange(8) / 8))
    >>> law = rigidity(shift[None])
    >>> law.hop.round(12), law.radius.round(12), bool(law.phase_residual[0] < 1e-14)
    (array([1.5]), array([0.9]), True)
    """
    values = np.asarray(multipliers, dtype=np.complex128)
    if values.ndim != 2 or 0 in values.shape or not np.isfinite(values).all():
        msg = f"multipliers must be finite and of shape (H, N), got {values.shape}"
        raise ValueError(msg)
    size = np.abs(values)
    laws = np.array([_phase_law(angles) for angles in np.where(size > 0, np.angle(values), 0.0)])
    radius = size.mean(axis=1)
    spread = np.sqrt(((size - radius[:, None]) ** 2).mean(axis=1))
    return Rigidity(laws[:, 0], laws[:, 1], laws[:, 2], radius, spread, values.shape[1])


def wrapped(angles: Array) -> Array:
    """Angles modulo 2π in [-π, π]."""
    result: Array = angles - TURN * np.rint(angles / TURN)
    return result


def _phase_law(angles: Array) -> tuple[float, float, float]:
    """Hop, offset and residual for the angles (N,) of one channel."""
    nodes = len(angles)
    if nodes == 1:
        return 0.0, float(angles[0]), 0.0
    modes = np.arange(nodes) - (nodes - 1) / 2  # centred, so that hop and offset are found independently
    slope = TURN / nodes * (np.arange(STARTS_PER_NODE * nodes) / STARTS_PER_NODE - nodes / 2)
    offset = _best_offset(angles - slope[:, None] * modes)
    for _ in range(REFINEMENTS):
        gap = wrapped(angles - offset[:, None] - slope[:, None] * modes)
        offset, slope = offset + gap.mean(axis=1), slope + gap @ modes / (modes @ modes)
    gap = wrapped(angles - offset[:, None] - slope[:, None] * modes)
    residual = np.sqrt((gap**2).mean(axis=1))
    hop = slope * nodes / TURN
    hop = hop - nodes * np.ceil(hop / nodes - 0.5)  # (-N/2, N/2]
    equal = np.flatnonzero(residual <= residual.min() + TIE)
    best = equal[np.argmin(np.abs(hop[equal]))]
    first = float(wrapped(np.asarray(offset[best] - slope[best] * (nodes - 1) / 2)))
    moves = float(hop[best]) if abs(hop[best]) > STILL else 0.0
    return moves, first, float(residual[best])


def _best_offset(angles: Array) -> Array:
    """For each row of angles (S, N) the offset with the least sum of squares modulo 2π: the best cut of the circle."""
    nodes = angles.shape[1]
    ordered = np.sort(np.mod(angles, TURN), axis=1)
    total = ordered.sum(axis=1, keepdims=True) + TURN * np.arange(nodes)
    added = TURN * (2 * ordered + TURN)
    squares = (ordered**2).sum(axis=1, keepdims=True) + np.cumsum(added, axis=1) - added
    cut = np.argmin(squares - total**2 / nodes, axis=1)  # the first `cut` angles count one turn later
    result: Array = np.take_along_axis(total, cut[:, None], axis=1)[:, 0] / nodes
    return result
