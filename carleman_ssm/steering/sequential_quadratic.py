r"""Sequential quadratic programming for the smallest edit, with exact first and second derivatives.

At an edit z with multipliers λ the step d solves the program of `quadratic_programs` with the Hessian of the
Lagrangian, $H = I - \sum_i\lambda_i\nabla^2c_i$, the slope z and the linearised margins. Where H is not positive
definite, $\rho J^\top J$ of the active margins is added, which changes nothing along them, and what is left negative
is turned. One margin without limits has a better model: its quadratic expansion itself, whose smallest change is the
global optimum of THEORY T22. Steps are shortened until the exact penalty function

$$\tfrac12\lVert z\rVert^2 + \sigma\sum_i\max(0, -c_i(z))$$

falls enough (Armijo), after one correction of second order. What is reached is a Karush–Kuhn–Tucker point: local.

References
----------
J. Nocedal, S. Wright, Numerical Optimization (2006), chapter 18. THEORY T20, T22.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import linalg as sparse_linalg

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.steering.constraints import Indices
from carleman_ssm.steering.margin_problem import MarginProblem
from carleman_ssm.steering.optimality import Point, is_reached, kkt_residual, lacking, rounding
from carleman_ssm.steering.quadratic import Quadratic
from carleman_ssm.steering.quadratic_programs import (
    Curvature,
    DenseCurvature,
    MatrixFreeCurvature,
    Program,
    ProgramSolution,
    solve_program,
)
from carleman_ssm.steering.trust_region import smallest_change

DENSE = 600
"""Hessians of at most so many coordinates are written out; larger ones act by their products."""
MAX_STEPS = 100
STATIONARY = 1e-9
"""Residual of the conditions of optimality, relative to the edit, at which the search ends."""
ACCEPTED = 1e-6
"""The same, of a point that counts as converged when no step improves it further."""
STALLED, PATIENCE = 1e-7, 4
"""A residual that has not halved in so many steps ends the search below this; and margins that come no nearer in four
times as many."""
MAX_PENALTY = 1e9
"""Weights of the penalty grow to so many times the edit and what the margins lack: multipliers beyond this belong to
margins that contradict each other."""
NEAR = 1.5
"""Margins enter a step when one of so many times the edit and its shortfall could reach them; a Newton step is no
longer than the edit itself near an optimum."""
LEAST_CURVATURE = 1e-3
"""Least eigenvalue of a Hessian that is left as it is, beside 1, that of the norm: steps stay below 1000 slopes."""


@dataclass(frozen=True, eq=False, repr=False)
class Descent(Brief):
    """Where the search ended.

    Parameters
    ----------
    point
        The last point.
    multipliers, bound_multipliers
        λ (m,) and π (rows of the bounds,).
    residual
        The larger of $‖z - J^Tλ - A^Tπ‖/‖z‖$ and $(λ·|c| + π·|room|)/‖z‖^2$.
    steps
        Steps made.
    reached, converged
        The margins are reached; and also the residual is small.
    """

    point: Point
    multipliers: Floats
    bound_multipliers: Floats
    residual: float
    steps: int
    reached: bool
    converged: bool


def descend(problem: MarginProblem, start: Floats, steps: int = MAX_STEPS) -> Descent:
    """A Karush–Kuhn–Tucker point of the problem, from coordinates within its limits."""
    at = Point.of(problem, start)
    if not start.any() and is_reached(problem, at):
        return Descent(at, np.zeros_like(at.values), np.zeros_like(problem.room(start)), 0.0, 0, True, True)
    penalty = 10.0 * max(at.size, float(rounding(problem, at.z).max()), 1e-300)
    found = _first_multipliers(problem, at, penalty)
    lam, pi, made, seen = found.multipliers, found.bound_multipliers, 0, _History()
    for made in range(steps + 1):
        residual = kkt_residual(problem, at, lam, pi)
        reached = is_reached(problem, at)
        if made == steps or seen.end(residual, at.excess, reached):
            break
        following, solution, penalty = _improved(problem, at, lam, penalty)
        lam, pi = solution.multipliers, solution.bound_multipliers
        if following is None:
            residual = kkt_residual(problem, at, lam, pi)
            break
        at = following
    reached = is_reached(problem, at)
    return Descent(at, lam, pi, residual, made, reached, reached and residual <= ACCEPTED)


class _History:
    """Residuals and shortfalls of the steps so far."""

    def __init__(self) -> None:
        self.residuals: list[float] = []
        self.excesses: list[float] = []

    def end(self, residual: float, excess: float, reached: bool) -> bool:
        """Whether the search is over: optimal, stalled near an optimum, or stalled where the margins are lacking."""
        earlier = min(self.residuals[:-PATIENCE], default=np.inf)
        lacked = min(self.excesses[: -4 * PATIENCE], default=np.inf)
        self.residuals.append(residual)
        self.excesses.append(excess)
        if reached:
            return residual <= STATIONARY or (residual <= STALLED and residual > 0.5 * earlier)
        return excess > 0.99 * lacked


def _first_multipliers(problem: MarginProblem, at: Point, penalty: float) -> ProgramSolution:
    """Multipliers of the linearised margins without their curvature."""
    flat: Curvature = DenseCurvature(np.eye(len(at.z)))
    if len(at.z) > DENSE:
        flat = MatrixFreeCurvature(lambda rows: rows, np.ones_like(at.z))
    return solve_program(_program(problem, at, flat, at.z, penalty))


def _program(problem: MarginProblem, at: Point, curvature: Curvature, slope: Floats, penalty: float) -> Program:
    penalties = np.full(len(at.values), penalty)
    return Program(curvature, slope, at.values, at.jacobian, penalties, problem.bounds, problem.room(at.z))


def _improved(
    problem: MarginProblem, at: Point, lam: Floats, penalty: float
) -> tuple[Point | None, ProgramSolution, float]:
    """The next point, or None where no step lowers the penalty function."""
    dense = len(at.z) <= DENSE
    if dense and len(at.values) == 1 and not len(problem.room(at.z)):
        global_model = _quadratic_step(problem, at)
        if global_model is not None:
            following = _searched(problem, at, global_model, max(penalty, 2.0 * global_model.multipliers[0]), None)
            if following is not None:
                return following, global_model, penalty
    near = _near(at)
    part, close = problem.only(near), Point(at.z, at.values[near], at.jacobian[near])
    curvature, slope = _curvature(part, close, lam[near])
    program = _program(part, close, curvature, slope, penalty)
    solution = solve_program(program)
    ceiling = MAX_PENALTY * at.size
    while solution.multipliers.max(initial=0.0) > 0.5 * penalty and penalty < ceiling:
        penalty *= 100.0
        program = _program(part, close, curvature, slope, penalty)
        solution = solve_program(program)
    spread = np.zeros_like(at.values)
    spread[near] = solution.multipliers
    step = solution.step
    solution = replace(solution, multipliers=spread)
    following = _searched(problem, at, solution, penalty, lambda: _corrected(part, close, step, program))
    return following, solution, penalty


def _near(at: Point) -> Indices:
    """Margins that a step as long as the edit and its shortfall could reach; the penalty function watches all."""
    reach = NEAR * (float(np.linalg.norm(at.z)) + float(np.maximum(-at.values, 0.0).max()))
    return np.flatnonzero(at.values <= reach * np.linalg.norm(at.jacobian, axis=1))


def _quadratic_step(problem: MarginProblem, at: Point) -> ProgramSolution | None:
    """The smallest change of the margin's quadratic expansion (T22); None where that lacks the wanted value."""
    half = 0.5 * problem.hessian(at.z, np.ones(1))
    slope = at.jacobian[0] - 2.0 * half @ at.z
    value = float(at.values[0] - at.jacobian[0] @ at.z + at.z @ half @ at.z)
    if not (np.isfinite(value) and value < 0.0):
        return None
    change = smallest_change(Quadratic(value, slope, half), 0.0)
    if change.status != "global" or not np.isfinite(change.multiplier):
        return None
    return ProgramSolution(change.change - at.z, np.array([0.5 * change.multiplier]), np.zeros(0), True)


def _curvature(problem: MarginProblem, at: Point, lam: Floats) -> tuple[Curvature, Floats]:
    """A positive definite stand-in for the Hessian of the Lagrangian, and the slope that goes with it."""
    if len(at.z) > DENSE:
        return _matrix_free(problem, at, lam), at.z
    matrix = np.eye(len(at.z)) - problem.hessian(at.z, lam)
    if _is_definite(matrix):
        return DenseCurvature(matrix), at.z
    active = lam > 1e-9 * lam.max(initial=0.0)
    rows, values = at.jacobian[active], at.values[active]
    for weight in (1.0, 10.0, 100.0):
        bent = matrix + weight * rows.T @ rows
        if _is_definite(bent):
            return DenseCurvature(bent), at.z + weight * values @ rows
    bent = matrix + 10.0 * rows.T @ rows
    levels, vectors = np.linalg.eigh(bent)
    turned = (vectors * np.maximum(np.abs(levels), LEAST_CURVATURE)) @ vectors.T
    return DenseCurvature(turned), at.z + 10.0 * values @ rows


def _is_definite(matrix: Floats) -> bool:
    try:
        np.linalg.cholesky(matrix - LEAST_CURVATURE * np.eye(len(matrix)))
    except np.linalg.LinAlgError:
        return False
    return True


def _matrix_free(problem: MarginProblem, at: Point, lam: Floats) -> MatrixFreeCurvature:
    """By products, lifted by a multiple of the identity where the smallest eigenvalue asks for it."""
    size = len(at.z)

    def products(rows: Floats) -> Floats:
        return rows - problem.hessian_rows(at.z, lam, rows)

    def one(row: Floats) -> Floats:
        return np.asarray(products(row.reshape(1, -1))[0])

    operator = sparse_linalg.LinearOperator((size, size), matvec=one, dtype=np.float64)
    start = np.ones(size) + at.z / max(float(np.linalg.norm(at.z)), 1e-300)
    try:
        least = float(sparse_linalg.eigsh(operator, 1, which="SA", tol=1e-2, v0=start, return_eigenvectors=False)[0])
    except sparse_linalg.ArpackNoConvergence as stopped:
        least = float(min(stopped.eigenvalues, default=-1.0))
    lift = max(0.0, 0.1 - least) if least < 0.05 else 0.0
    return MatrixFreeCurvature(lambda rows: products(rows) + lift * rows, np.full(size, 1.0 + lift))


def _searched(
    problem: MarginProblem,
    at: Point,
    solution: ProgramSolution,
    penalty: float,
    correction: Callable[[], Floats | None] | None,
) -> Point | None:
    """The first point along the step that lowers the penalty function enough; None where none does."""
    promised = at.excess - lacking(at.values + at.jacobian @ solution.step)
    gain = penalty * promised - float(at.z @ solution.step)
    before = 0.5 * float(at.z @ at.z) + penalty * at.excess
    noise = 1e-14 * before + penalty * float(rounding(problem, at.z).max())

    def accepted(step: Floats, share: float) -> Point | None:
        z = at.z + step
        values = problem.values(z)
        after = 0.5 * float(z @ z) + penalty * lacking(values)
        enough = after <= before - 1e-4 * share * max(gain, 0.0) + noise
        return Point(z, values, problem.jacobian(z)) if enough else None

    length = float(np.linalg.norm(solution.step))
    if not np.isfinite(length) or length <= 1e-15 * float(np.linalg.norm(at.z)):
        return None
    full, share = accepted(solution.step, 1.0), 0.5
    if full is None and correction is not None:
        corrected = correction()
        full = None if corrected is None else accepted(corrected, 1.0)
    while full is None and share > 1e-8:
        full = accepted(share * solution.step, share)
        share *= 0.5
    return full


def _corrected(problem: MarginProblem, at: Point, step: Floats, program: Program) -> Floats | None:
    """The step with the margins' curvature along it: the program with values $c(z + d) - Jd$ (Maratos)."""
    ahead = problem.values(at.z + step) - at.jacobian @ step
    if not np.isfinite(ahead).all():
        return None
    return solve_program(replace(program, values=ahead)).step
