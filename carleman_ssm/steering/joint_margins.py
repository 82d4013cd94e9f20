r"""The smallest change that lifts several quadratic margins at once, by its concave dual.

$$\min\lVert\delta\rVert^2\quad\text{subject to}\quad g_j^\top\delta+\delta^\top Q_j\delta\ge r_j\ (j = 1,\dots,m).$$

For $\nu\ge0$ with $A(\nu) = I-\sum_j\nu_jQ_j \succ 0$ every feasible δ has

$$\lVert\delta\rVert^2 \ge \lVert\delta\rVert^2 - \sum_j\nu_j\,(g_j^\top\delta+\delta^\top Q_j\delta-r_j)
\ge D(\nu) = \nu^\top r - \tfrac14\,g(\nu)^\top A(\nu)^{-1}g(\nu),\qquad g(\nu) = \sum_j\nu_jg_j,$$

as the middle is a convex function of δ with its minimum at $\delta(\nu)=\tfrac12A(\nu)^{-1}g(\nu)$. D is concave,
$\partial D/\partial\nu_j = r_j - q_j(\delta(\nu))$ and
$\partial^2D/\partial\nu_j\partial\nu_k = -\tfrac12w_j^\top A^{-1}w_k$ with $w_j = g_j+2Q_j\delta(\nu)$. Where D has its
maximum over ν ≥ 0 inside $A\succ0$, the conditions of the maximum say that δ(ν) is feasible and
$\nu_j(q_j - r_j) = 0$, so both inequalities are equalities: δ(ν) is the **global** optimum. Where the supremum lies on
the boundary of $A\succeq0$, a gap between the two problems is possible; every value of D remains a lower bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.steering.quadratic import Quadratic

MAX_STEPS = 60
SHORTEST = 2.0**-50
RIDGE = 1e-11
ACCURACY = 1e-11
"""Relative size of a residual that ends the search."""
HOPELESS = 1e20
"""A dual value of this size, in squared norms that would reach the wanted values linearly, is not followed further."""
ENOUGH = 1e-9
"""Relative violation and gap of a point that counts as optimal."""


@dataclass(frozen=True, eq=False, repr=False)
class JointDual(Brief):
    r"""The best dual point that was found.

    Parameters
    ----------
    multipliers
        ν (m,), ≥ 0.
    change
        δ(ν) (n,).
    lower_bound
        $\sqrt{\max(0, D(\nu))}$: no feasible change has a smaller norm.
    violation
        Largest $r_j - q_j(\delta)$, relative to the sizes of the values; 0 where none is positive.
    optimal
        Whether δ(ν) is feasible and its norm the lower bound, to 10⁻⁹ relative: then it is the global optimum.
    """

    multipliers: Floats
    change: Floats
    lower_bound: float
    violation: float
    optimal: bool


@dataclass(frozen=True, eq=False, repr=False)
class _Point(Brief):
    """D and what it takes at one ν: the Cholesky factor of A(ν), δ(ν), $D$ and $r - q(δ)$."""

    multipliers: Floats
    factor: Floats
    change: Floats
    value: float
    missing: Floats

    @property
    def residual(self) -> float:
        """How far from a maximum over ν ≥ 0: 0 where no missing part is positive, nor any paid for and negative."""
        return float(np.where(self.multipliers > 0.0, np.abs(self.missing), np.maximum(0.0, self.missing)).max())


def joint_dual(quadratics: Sequence[Quadratic], wanted: Floats, start: Floats) -> JointDual:
    r"""Maximise D by Newton's method on the multipliers that are free, from a point with A(ν) ≻ 0.

    Parameters
    ----------
    quadratics
        The margins, all of one size n.
    wanted
        Their wanted values (m,).
    start
        ν (m,) ≥ 0; it is shrunk until A(ν) ≻ 0.

    Raises
    ------
    ValueError
        Sizes do not fit, or a multiplier is negative.

    Examples
    --------
    The nearest point to the origin with $\delta_1\ge1$ and $\delta_2\ge2$.

    >>> import numpy as np
    >>> flat = np.zeros((2, 2))
    >>> sides = [Quadratic(0.0, np.array([1.0, 0.0]), flat), Quadratic(0.0, np.array([0.0, 1.0]), flat)]
    >>> found = joint_dual(sides, np.array([1.0, 2.0]), np.zeros(2))
    >>> found.change.round(6).tolist(), round(found.lower_bound**2, 6), found.optimal
    ([1.0, 2.0], 5.0, True)
    """
    _check(quadratics, wanted, start)
    problem = _Problem(
        np.array([q.gradient for q in quadratics]),
        np.array([q.curvature for q in quadratics]),
        wanted - np.array([q.value for q in quadratics]),
    )
    point = problem.start(start)
    for _ in range(MAX_STEPS):
        following = problem.step(point)
        if following is None:
            break
        point = following
        if point.value > HOPELESS * (1.0 + problem.scale):
            break
    sizes = 1.0 + np.abs(wanted) + np.abs(wanted - problem.shifts)
    violation = max(0.0, float((point.missing / sizes).max()))
    bound, norm = float(np.sqrt(max(0.0, point.value))), float(np.linalg.norm(point.change))
    optimal = violation <= ENOUGH and norm - bound <= ENOUGH * norm
    return JointDual(point.multipliers, point.change, min(bound, norm) if optimal else bound, violation, optimal)


@dataclass(frozen=True, eq=False, repr=False)
class _Problem(Brief):
    """Arrays $g$ (m, n), $Q$ (m, n, n) and $r$ (m,)."""

    slopes: Floats
    curvatures: Floats
    shifts: Floats

    @property
    def scale(self) -> float:
        """Squared norm at which a linear margin would reach the largest shift; 0 without slopes."""
        steepest = float((self.slopes**2).sum(axis=1).max())
        return float((self.shifts**2).max()) / steepest if steepest > 0.0 else 0.0

    def at(self, multipliers: Floats) -> _Point | None:
        """D and what it takes, or None where A(ν) is not positive definite."""
        size = self.slopes.shape[1]
        matrix = np.eye(size) - np.tensordot(multipliers, self.curvatures, 1)
        try:
            factor = linalg.cholesky(matrix, lower=True, check_finite=False)
        except linalg.LinAlgError:
            return None
        slope = multipliers @ self.slopes
        change: Floats = 0.5 * linalg.cho_solve((factor, True), slope, check_finite=False)
        value = float(multipliers @ self.shifts - 0.5 * slope @ change)
        reached = self.slopes @ change + (self.curvatures @ change) @ change
        return _Point(multipliers, factor, change, value, self.shifts - reached)

    def start(self, multipliers: Floats) -> _Point:
        point = self.at(multipliers)
        while point is None:
            multipliers = 0.9 * multipliers
            point = self.at(multipliers)
        return point

    def step(self, point: _Point) -> _Point | None:
        """A point of larger D, or None at the end."""
        free = (point.multipliers > 0.0) | (point.missing > 0.0)
        scale = 1.0 + np.abs(self.shifts)
        if not free.any() or (np.abs(point.missing[free]) <= ACCURACY * scale[free]).all():
            return None
        normals = self.slopes[free] + 2.0 * self.curvatures[free] @ point.change
        half = linalg.solve_triangular(point.factor, normals.T, lower=True, check_finite=False)
        bends, axes = np.linalg.eigh(0.5 * half.T @ half)
        bends = np.maximum(bends, RIDGE * bends[-1] or 1.0)  # margins that exclude each other have no bend together
        direction = np.zeros_like(point.multipliers)
        direction[free] = axes @ ((axes.T @ point.missing[free]) / bends)
        return self._along(point, direction)

    def _along(self, point: _Point, direction: Floats) -> _Point | None:
        """The first of halved steps that increases D enough; at its rounding, one that halves the residual."""
        noise, length = 1e-13 * abs(point.value), 1.0
        while length > SHORTEST:
            trial = self.at(np.maximum(0.0, point.multipliers + length * direction))
            if trial is not None:
                gain = trial.value - point.value
                expected = float(point.missing @ (trial.multipliers - point.multipliers))
                if gain > noise and gain >= 1e-4 * expected:
                    return trial
                if abs(gain) <= noise and trial.residual <= 0.5 * point.residual:
                    return trial
            length *= 0.5
        return None


def _check(quadratics: Sequence[Quadratic], wanted: Floats, start: Floats) -> None:
    sizes = {quadratic.size for quadratic in quadratics}
    if len(sizes) != 1 or wanted.shape != (len(quadratics),) or start.shape != wanted.shape:
        msg = (
            f"expected margins of one size with a wanted value and a multiplier each, got sizes {sorted(sizes)} and "
            f"shapes {wanted.shape}, {start.shape}"
        )
        raise ValueError(msg)
    if not (start >= 0.0).all():
        msg = f"multipliers of inequalities are at least 0, got {start.min():.6g}"
        raise ValueError(msg)
