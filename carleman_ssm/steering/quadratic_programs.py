r"""Convex quadratic programs with few inequalities and many bounds: the step of sequential quadratic programming.

$$\min_{d,\,s\ge0}\ \tfrac12d^\top Hd + g^\top d + \sum_i\sigma_is_i\quad\text{such that}\quad
c + Jd + s \ge 0,\qquad v + Ad \ge 0,$$

with $H\succ0$, few rows of J, and A the rows of the bounds. The slacks s make every program feasible: where the
inequalities cannot be met, their excess is smallest in the weighted sum. Solved by the predictor–corrector
interior-point method of Mehrotra [1]_; each of its Newton steps is one factorisation of $H + A^\top WA$, or conjugate
gradients where H is only known by its products, and one small system with a row for each inequality.

References
----------
.. [1] J. Nocedal, S. Wright, Numerical Optimization (2006), section 16.6; the slacks: section 18.5 (Sℓ₁QP).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from scipy import linalg

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats

Solver = Callable[[Floats], Floats]
MAX_STEPS = 80
CAUTION = 0.995
"""Share of the longest step to the boundary that is made."""
PRECISION = 1e-12
"""Residuals and complementarity of a solved program, relative to the scale of its data."""
NEARLY = 1e-7
"""The same, of a solution that still serves as a step."""


class Bounds(Protocol):
    """The rows A of the bounds, as maps."""

    def apply(self, step: Floats) -> Floats:
        """$Ad$ (rows,) of d (r,)."""

    def transpose(self, weights: Floats) -> Floats:
        r"""$A^\top w$ (r,) of w (rows,)."""

    def gram(self, weights: Floats) -> Floats:
        r"""$A^\top\mathrm{diag}(w)A$ (r, r), or its diagonal (r,) where it is diagonal."""

    def gram_diagonal(self, weights: Floats) -> Floats:
        r"""Diagonal (r,) of $A^\top\mathrm{diag}(w)A$."""


class Curvature(Protocol):
    r"""A positive definite H that can solve $(H + A^\top WA)x = b$."""

    def product(self, step: Floats) -> Floats:
        """$Hd$ (r,) of d (r,)."""

    def solver(self, bounds: Bounds, weights: Floats) -> Solver:
        """The solution (r, k) for right-hand sides (r, k), with the bounds weighted by W (rows,)."""


@dataclass(frozen=True, eq=False, repr=False)
class DenseCurvature(Brief):
    """H (r, r), written out."""

    matrix: Floats

    def product(self, step: Floats) -> Floats:
        """$Hd$."""
        return np.asarray(self.matrix @ step)

    def solver(self, bounds: Bounds, weights: Floats) -> Solver:
        """By one Cholesky factorisation."""
        matrix = self.matrix
        if len(weights):
            gram = bounds.gram(weights)
            matrix = matrix + (np.diag(gram) if gram.ndim == 1 else gram)
        factor = linalg.cho_factor(matrix, check_finite=False)
        return lambda rhs: np.asarray(linalg.cho_solve(factor, rhs, check_finite=False))


@dataclass(frozen=True, eq=False, repr=False)
class MatrixFreeCurvature(Brief):
    r"""H by its products with rows (k, r), solved with by conjugate gradients.

    Parameters
    ----------
    products
        $v_iH$ (k, r) of rows $v_i$ (k, r).
    diagonal
        Rough positive diagonal (r,) for the preconditioner.
    precision
        Residual of every solution relative to its right-hand side.
    """

    products: Callable[[Floats], Floats]
    diagonal: Floats
    precision: float = 1e-11

    def product(self, step: Floats) -> Floats:
        """$Hd$."""
        return np.asarray(self.products(step[None])[0])

    def solver(self, bounds: Bounds, weights: Floats) -> Solver:
        """By conjugate gradients, all right-hand sides at once."""
        scale = 1.0 / (self.diagonal + (bounds.gram_diagonal(weights) if len(weights) else 0.0))

        def weighted(rows: Floats) -> Floats:
            if not len(weights):
                return self.products(rows)
            bent = [bounds.transpose(weights * bounds.apply(row)) for row in rows]
            return np.asarray(self.products(rows) + np.stack(bent))

        return lambda rhs: conjugate_gradients(weighted, rhs.T, scale, self.precision).T


def conjugate_gradients(products: Solver, rhs: Floats, scale: Floats, precision: float) -> Floats:
    """Solutions (k, r) for right-hand sides (k, r) of one positive definite matrix, each row on its own.

    Parameters
    ----------
    products
        The matrix times rows (k, r).
    scale
        Diagonal (r,) of the preconditioner: a rough inverse.
    precision
        Norm of the residual relative to the right-hand side; at most 2r + 20 steps are made.
    """
    x, residual = np.zeros_like(rhs), rhs.copy()
    direction = scale * residual
    energy, goal = np.sum(residual * direction, axis=1), precision * np.linalg.norm(rhs, axis=1)
    for _ in range(2 * rhs.shape[1] + 20):
        if (np.linalg.norm(residual, axis=1) <= goal).all():
            break
        image = products(direction)
        bent = np.sum(direction * image, axis=1)
        length = np.divide(energy, bent, out=np.zeros_like(energy), where=bent > 0.0)[:, None]
        x += length * direction
        residual -= length * image
        preconditioned = scale * residual
        before, energy = energy, np.sum(residual * preconditioned, axis=1)
        direction *= np.divide(energy, before, out=np.zeros_like(energy), where=before > 0.0)[:, None]
        direction += preconditioned
    return x


@dataclass(frozen=True, eq=False, repr=False)
class Program(Brief):
    """The data of the program above.

    Parameters
    ----------
    curvature
        H.
    slope
        $g$ (r,).
    values, jacobian
        $c$ (m,) and J (m, r).
    penalties
        $σ$ (m,), positive.
    bounds, room
        A, and $v$ (rows,): how far every bound is.
    """

    curvature: Curvature
    slope: Floats
    values: Floats
    jacobian: Floats
    penalties: Floats
    bounds: Bounds
    room: Floats


@dataclass(frozen=True, eq=False, repr=False)
class ProgramSolution(Brief):
    r"""Step d (r,), multipliers $0\le\lambda\le\sigma$ (m,) of the inequalities and $\pi\ge0$ (rows,) of the bounds.

    `solved` says whether the conditions of optimality hold to `NEARLY`.
    """

    step: Floats
    multipliers: Floats
    bound_multipliers: Floats
    solved: bool


@dataclass
class _Point:
    """An interior point: everything but the step is positive."""

    d: Floats
    lam: Floats
    t: Floats
    s: Floats
    omega: Floats
    v: Floats
    pi: Floats

    def pairs(self) -> tuple[tuple[Floats, Floats], ...]:
        return (self.lam, self.t), (self.omega, self.s), (self.pi, self.v)

    def gap(self) -> float:
        """Mean complementarity."""
        count = sum(len(first) for first, _ in self.pairs())
        return float(sum(first @ second for first, second in self.pairs()) / max(1, count))

    def moved(self, by: _Point, length: float) -> _Point:
        return _Point(*(getattr(self, name) + length * getattr(by, name) for name in _NAMES))

    def reach(self, by: _Point) -> float:
        """Longest step that keeps everything non-negative; infinite where nothing falls."""
        longest = np.inf
        for name in _NAMES[1:]:
            value, change = getattr(self, name), getattr(by, name)
            falling = change < 0.0
            if falling.any():
                with np.errstate(over="ignore"):  # a change too small to matter
                    longest = min(longest, float((-value[falling] / change[falling]).min()))
        return longest


_NAMES = tuple(field.name for field in fields(_Point))


def solve_program(program: Program) -> ProgramSolution:
    """The minimiser and its multipliers; `solved` is false where the curvature is not positive definite, say."""
    scale = max(float(np.abs(program.values).max(initial=0.0)), float(np.linalg.norm(program.slope)), 1e-300)
    point = best = _start(program, scale)
    quality = np.inf
    for _ in range(MAX_STEPS):
        residuals = _residuals(program, point)
        size = max(point.gap() / scale, *(float(np.abs(part).max(initial=0.0)) for part in residuals))
        if size < quality:
            best, quality = point, size
        if size <= PRECISION * scale:
            break
        try:
            point = _step(program, point, residuals)
        except np.linalg.LinAlgError:  # past what rounding allows; the best point stands
            break
        if not np.isfinite(point.d).all():
            break
    return ProgramSolution(best.d, best.lam, best.pi, quality <= NEARLY * scale)


def _start(program: Program, scale: float) -> _Point:
    lam = np.minimum(scale, 0.5 * program.penalties)
    s = np.maximum(-program.values, 0.0) + scale
    v = np.maximum(program.room, 0.1 * scale)
    return _Point(np.zeros_like(program.slope), lam, program.values + s, s, program.penalties - lam, v, scale**2 / v)


def _residuals(program: Program, at: _Point) -> tuple[Floats, Floats, Floats, Floats]:
    stationary = program.curvature.product(at.d) + program.slope - program.jacobian.T @ at.lam
    if len(program.room):
        stationary = stationary - program.bounds.transpose(at.pi)
        inside = program.room + program.bounds.apply(at.d) - at.v
    else:
        inside = program.room
    return (
        stationary,
        program.values + program.jacobian @ at.d + at.s - at.t,
        program.penalties - at.lam - at.omega,
        inside,
    )


def _step(program: Program, at: _Point, residuals: tuple[Floats, Floats, Floats, Floats]) -> _Point:
    """Mehrotra's predictor and corrector from one factorisation."""
    solve = program.curvature.solver(program.bounds, at.pi / at.v)
    columns = solve(program.jacobian.T) if len(program.values) else np.zeros((len(at.d), 0))
    small = program.jacobian @ columns + np.diag(at.s / at.omega + at.t / at.lam)

    def direction(targets: tuple[Floats, Floats, Floats]) -> _Point:
        return _direction(program, at, residuals, targets, solve, columns, small)

    gap = at.gap()
    predicted = direction((-at.lam * at.t, -at.omega * at.s, -at.pi * at.v))
    ahead = at.moved(predicted, min(1.0, at.reach(predicted))).gap()
    centring = min(1.0, (ahead / gap) ** 3) if gap > 0.0 else 0.0
    first, second, third = (
        np.asarray(centring * gap - one * two - change * other)
        for (one, two), (change, other) in zip(at.pairs(), predicted.pairs(), strict=True)
    )
    corrected = direction((first, second, third))
    return at.moved(corrected, min(1.0, CAUTION * at.reach(corrected)))


def _direction(
    program: Program,
    at: _Point,
    residuals: tuple[Floats, Floats, Floats, Floats],
    targets: tuple[Floats, Floats, Floats],
    solve: Solver,
    columns: Floats,
    small: Floats,
) -> _Point:
    """The Newton direction at which the three complementarity products change by their targets."""
    stationary, reached, capped, inside = residuals
    first, second, third = targets
    rhs = -stationary
    if len(at.v):
        rhs = rhs + program.bounds.transpose((third - at.pi * inside) / at.v)
    free = solve(rhs[:, None])[:, 0]
    right = -reached - (second - at.s * capped) / at.omega + first / at.lam - program.jacobian @ free
    lam: Floats = np.asarray(np.linalg.solve(small, right), dtype=np.float64)
    d = free + columns @ lam
    v = program.bounds.apply(d) + inside if len(at.v) else at.v
    omega = capped - lam
    return _Point(
        d,
        lam,
        (first - at.t * lam) / at.lam,
        (second - at.s * omega) / at.omega,
        omega,
        v,
        (third - at.pi * v) / at.v,
    )
