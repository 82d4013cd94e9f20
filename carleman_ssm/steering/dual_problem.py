r"""The concave dual of several quadratic margins, and Newton's method for it with or without a barrier.

With $g(\nu)=\sum_j\nu_jg_j$, $A(\nu)=I-\sum_j\nu_jQ_j\succ0$, $\delta(\nu)=\tfrac12A^{-1}g$ and $w_j = g_j+2Q_j\delta$
the dual $D(\nu) = \nu^\top r-\tfrac14g(\nu)^\top A(\nu)^{-1}g(\nu)$ has

$$\frac{\partial D}{\partial\nu_j} = r_j-q_j(\delta),\qquad
\frac{\partial^2D}{\partial\nu_j\partial\nu_k} = -\tfrac12w_j^\top A^{-1}w_k,$$

and $\mu\log\det A$ adds $-\mu\,\mathrm{tr}(A^{-1}Q_j)$ and $-\mu\,\mathrm{tr}(A^{-1}Q_jA^{-1}Q_k)$.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import lapack

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats

MAX_STEPS = 60
"""Newton's steps; from inside the domain about 10 are needed, and a dual that grows without end uses them up."""
SHORTEST = 2.0**-50
"""Halved steps end where they change the last two or three bits of the multipliers."""
RIDGE = 1e-11
"""Least share of the largest bend that counts: below it the bend of margins that exclude each other is rounding."""
ACCURACY = 1e-11
"""Size of a slope that ends the search, relative to the sizes of its terms."""
NOISE = 1e-13
"""Relative rounding of the objective: some hundred additions of its terms."""
ENOUGH_GAIN = 1e-4
"""Share of the linear gain that a step has to keep (Armijo's rule with its usual constant)."""
SHRINK = 0.9
"""Factor by which multipliers outside the domain move towards 0, which is inside."""
HOPELESS = 1e20
"""A dual value of this size, in `DualProblem.scale`, is not followed further: it has no maximum in float64."""


@dataclass(frozen=True, eq=False, repr=False)
class DualPoint(Brief):
    r"""The dual at one ν.

    Parameters
    ----------
    multipliers, change
        ν (m,) and δ(ν) (n,).
    factor
        Cholesky factor (n, n) of A(ν).
    value, objective
        $D$, and $D+\mu\log\det A$.
    missing
        $r - q(\delta)$ (m,).
    slope
        Gradient (m,) of the objective; `missing` without a barrier.
    normals
        $w$ (m, n).
    """

    multipliers: Floats
    change: Floats
    factor: Floats
    value: float
    objective: float
    missing: Floats
    slope: Floats
    normals: Floats

    @property
    def residual(self) -> float:
        """How far from a maximum over ν ≥ 0: no slope may be positive, nor negative where ν is positive."""
        return float(np.where(self.multipliers > 0.0, np.abs(self.slope), np.maximum(0.0, self.slope)).max())


@dataclass(frozen=True, eq=False, repr=False)
class DualProblem(Brief):
    r"""Margins $g$ (m, n), $Q$ (m, n, n) and wanted shifts $r$ (m,)."""

    slopes: Floats
    curvatures: Floats
    shifts: Floats

    @cached_property
    def scale(self) -> float:
        """Largest of the squared norms at which slope or curvature of a margin could reach its shift."""
        lacking = self.shifts > 0.0
        steep = np.linalg.norm(self.slopes[lacking], axis=1)
        bent = np.linalg.norm(self.curvatures[lacking], axis=(1, 2))
        with np.errstate(divide="ignore", over="ignore"):
            needed = 1.0 / ((steep / self.shifts[lacking]) ** 2 + bent / self.shifts[lacking])
        return float(needed.max(initial=0.0))

    @property
    def hopeless(self) -> float:
        """The dual value from which on the supremum counts as infinite."""
        return HOPELESS * self.scale

    def sizes(self, change: Floats) -> Floats:
        r"""$|g_j||\delta|+|\delta||Q_j||\delta|$ (m,): the sizes of the terms of the margins."""
        size = np.abs(change)
        slopes, curvatures = self._magnitudes
        return np.asarray((slopes + curvatures @ size) @ size)

    @cached_property
    def _magnitudes(self) -> tuple[Floats, Floats]:
        return np.abs(self.slopes), np.abs(self.curvatures)

    def at(self, multipliers: Floats, barrier: float = 0.0) -> DualPoint | None:
        """The point of ν, or None where A(ν) is not positive definite."""
        matrix: Floats = np.eye(self.slopes.shape[1]) - np.tensordot(multipliers, self.curvatures, 1)
        try:
            factor = np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
        except np.linalg.LinAlgError:
            return None
        slope = multipliers @ self.slopes
        change = 0.5 * _solved(factor, slope)
        value = float(multipliers @ self.shifts - 0.5 * slope @ change)
        bent = self.curvatures @ change
        missing, normals = self.shifts - (self.slopes + bent) @ change, self.slopes + 2.0 * bent
        if barrier == 0.0:
            return DualPoint(multipliers, change, factor, value, value, missing, missing, normals)
        traces = np.tensordot(self.curvatures, _solved(factor, np.eye(len(factor))), 2)
        objective = value + 2.0 * barrier * float(np.log(np.diag(factor)).sum())
        return DualPoint(multipliers, change, factor, value, objective, missing, missing - barrier * traces, normals)

    def inside(self, multipliers: Floats, barrier: float = 0.0) -> DualPoint:
        """The point of ν, shrunk until A(ν) is positive definite."""
        point = self.at(multipliers, barrier)
        while point is None:
            multipliers = SHRINK * multipliers
            point = self.at(multipliers, barrier)
        return point

    def ascend(self, start: Floats, barrier: float = 0.0) -> DualPoint:
        """A maximum of the objective over ν ≥ 0, or where its rounding or growth ends the search."""
        point = self.inside(start, barrier)
        for _ in range(MAX_STEPS):
            following = self._step(point, barrier)
            if following is None:
                break
            point = following
            if point.value > self.hopeless:
                break
        return point

    def _step(self, point: DualPoint, barrier: float) -> DualPoint | None:
        free = (point.multipliers > 0.0) | (point.slope > 0.0)
        scale = np.abs(self.shifts) + self.sizes(point.change)
        if not free.any() or (np.abs(point.slope[free]) <= ACCURACY * scale[free]).all():
            return None
        bends, axes = np.linalg.eigh(self._bend(point, free, barrier))
        bends = np.maximum(bends, RIDGE * bends[-1] or 1.0)  # margins that exclude each other have no bend together
        direction = np.zeros_like(point.multipliers)
        direction[free] = axes @ ((axes.T @ point.slope[free]) / bends)
        return self._along(point, direction, barrier)

    def _bend(self, point: DualPoint, free: np.ndarray[tuple[int], np.dtype[np.bool_]], barrier: float) -> Floats:
        """Minus the second derivatives by the free multipliers."""
        normals = point.normals[free]
        bend: Floats = 0.5 * normals @ _solved(point.factor, normals.T)
        if barrier > 0.0:
            products = _solved(point.factor, np.eye(len(point.factor))) @ self.curvatures[free]
            bend += barrier * np.einsum("jab,kba->jk", products, products, optimize=True)
        return bend

    def _along(self, point: DualPoint, direction: Floats, barrier: float) -> DualPoint | None:
        """The first of halved steps that increases the objective enough; at its rounding, that halves the residual."""
        noise, length = NOISE * abs(point.objective), 1.0
        while length > SHORTEST:
            trial = self.at(np.maximum(0.0, point.multipliers + length * direction), barrier)
            if trial is not None:
                gain = trial.objective - point.objective
                expected = float(point.slope @ (trial.multipliers - point.multipliers))
                if gain > noise and gain >= ENOUGH_GAIN * expected:
                    return trial
                if abs(gain) <= noise and trial.residual <= 0.5 * point.residual:
                    return trial
            length *= 0.5
        return None


def _solved(factor: Floats, right: Floats) -> Floats:
    """$A^{-1}b$ by the Cholesky factor of A; the routine of LAPACK without the checks, which cost more than it here."""
    solution: Floats = lapack.dpotrs(factor, right, lower=1)[0]
    return solution
