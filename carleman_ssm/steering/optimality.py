r"""Points of the search for a small edit: whether the margins are reached, and how far from optimal they are.

Nothing here is measured against 1: a shortfall is small beside what the edit moves the margin by and beside the
rounding of the logits, a force beside the edit. Logits in other units have the same edits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.steering.margin_problem import MarginProblem

FEASIBLE = 1e-11
"""Largest shortfall of a margin, relative to what the edit moves it by to first order, $|J_i|\\,|z|$ …"""
ROUNDING = 2.0**-44
"""… and to the sum of the sizes of the logits that it is formed of and of what is wanted: their rounding through a few
hundred operations."""


@dataclass(frozen=True, eq=False, repr=False)
class Point(Brief):
    """Coordinates z (r,) with margins c (m,) and their derivatives J (m, r)."""

    z: Floats
    values: Floats
    jacobian: Floats

    @classmethod
    def of(cls, problem: MarginProblem, z: Floats) -> Point:
        """Evaluate at z."""
        return cls(z, problem.values(z), problem.jacobian(z))

    @property
    def size(self) -> float:
        """The larger of the edit's norm and what the margins lack: the length by which others are measured."""
        return max(float(np.linalg.norm(self.z)), self.excess)

    @property
    def excess(self) -> float:
        """Sum of what the margins lack."""
        return lacking(self.values)


def lacking(values: Floats) -> float:
    """$Σ_i max(0, -c_i)$."""
    return float(np.maximum(-values, 0.0).sum())


def is_reached(problem: MarginProblem, at: Point) -> bool:
    """Whether all margins are as wanted up to `FEASIBLE` and `ROUNDING`."""
    moved = np.abs(at.jacobian) @ np.abs(at.z)
    return bool((-at.values <= FEASIBLE * moved + rounding(problem, at.z)).all())


def rounding(problem: MarginProblem, z: Floats) -> Floats:
    """What rounding may make of the margins c (m,) at z, by the sizes of the numbers that they are sums of."""
    logits = np.abs(problem.function.logits(problem.at(z)))
    found: Floats = ROUNDING * (np.abs(problem.readout) @ logits + np.abs(problem.wanted))
    return np.where(np.isfinite(found), found, 0.0)


def kkt_residual(problem: MarginProblem, at: Point, lam: Floats, pi: Floats) -> float:
    """How far a point and its multipliers are from the conditions of optimality, relative to the edit's norm."""
    force = at.z - lam @ at.jacobian
    room = problem.room(at.z)
    if len(room):
        force = force - problem.bounds.transpose(pi)
    size, rest = float(np.linalg.norm(at.z)), float(np.linalg.norm(force))
    slack = float(lam @ np.abs(at.values) + pi @ np.abs(room))
    if size < 1e-150:
        return 0.0 if rest == slack == 0.0 else np.inf
    return max(rest / size, slack / size**2)
