r"""Small edits that give a network wanted margins: found locally, for any depth and any constraints.

The smallest δ with $r_i^\top\ell(x+\delta)\ge w_i$ within a subspace, a metric and a box is sought by sequential
quadratic programming with exact derivatives (`sequential_quadratic`), from one or several starts. What is found fulfils
the conditions of optimality to a stated residual and is smallest among its neighbours where the curvature says so;
another edit elsewhere may be smaller. Only where the margin is quadratic and nothing but a subspace constrains the edit
does THEORY T22 prove more (`trust_region.smallest_change`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import linalg

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.network_function import NetworkFunction
from carleman_ssm.steering.constraints import EditConstraints
from carleman_ssm.steering.margin_problem import MarginProblem, margin_problem
from carleman_ssm.steering.sequential_quadratic import DENSE, Descent, descend
from carleman_ssm.theory.polynomials import require_kind

SHRINK = 0.5
"""Share of the changed values that a sparse edit keeps from one support to the next."""


@dataclass(frozen=True, eq=False, repr=False)
class LocalEdit(Brief):
    r"""The best edit that the search found.

    Parameters
    ----------
    change
        δ (L, d).
    norm
        $\lVert\delta\rVert$ in the metric of the constraints; infinite where the margins were not reached.
    status
        ``"local"``: the margins are reached and the conditions of optimality hold to `residual`. ``"feasible"``: the
        margins are reached, the conditions do not hold yet. ``"not found"``: the margins were not reached, which
        proves nothing.
    margins
        What the function makes of them (m,), in logits.
    multipliers
        $\lambda\ge0$ (m,): $\tfrac12\lVert\delta\rVert^2$ grows by λ for every further unit of the margin wanted.
    residual
        $\lVert z - J^\top\lambda - A^\top\pi\rVert/\lVert z\rVert$, or the complementarity products
        $(\lambda\cdot|c| + \pi\cdot|\mathrm{room}|)/\lVert z\rVert^2$ if larger; infinite where not reached.
    curvature
        Smallest eigenvalue of the Lagrangian's Hessian along the directions in which the margins and limits with
        positive multipliers stand: positive (and a small residual), and the edit is a strict local minimum (measured).
        NaN where not computed (more than `sequential_quadratic.DENSE` coordinates), infinite where there is no such
        direction.
    steps
        Steps of the search that found it.
    relaxed
        True when the values that change were chosen by a search that proves nothing (sparsity).
    """

    change: Floats
    norm: float
    status: Literal["local", "feasible", "not found"]
    margins: Floats
    multipliers: Floats
    residual: float
    curvature: float
    steps: int
    relaxed: bool = False

    @property
    def found(self) -> bool:
        """Whether the margins are reached."""
        return self.status != "not found"

    @property
    def reason(self) -> str:
        """What is known about the edit, in words."""
        if not self.found:
            return (
                f"the local search ended after {self.steps} steps with a margin of {self.margins.min():.6g}: another "
                "start or a weaker constraint may reach it; nothing is proved"
            )
        text = f"residual {self.residual:.1e} of the conditions of optimality after {self.steps} steps"
        if self.status == "feasible":
            text = f"the search stopped with {text}: a smaller edit is near"
        elif self.curvature > 0.0:
            text += (
                f"; smallest curvature along the active constraints {self.curvature:.3g} > 0: a strict local minimum"
            )
        return f"{text}; the values that change were chosen by a search" if self.relaxed else text


def local_edit(
    function: NetworkFunction,
    sequence: npt.ArrayLike,
    readout_rows: npt.ArrayLike,
    wanted: npt.ArrayLike,
    constraints: EditConstraints | None = None,
    start: npt.ArrayLike | None = None,
) -> LocalEdit:
    r"""A small edit δ with $r_i^\top\ell(x + \delta)\ge w_i$ for all rows, within the constraints.

    Parameters
    ----------
    function
        Logits with exact derivatives, of a network or of an operator (`network_function`).
    sequence
        $x$ (L, d).
    readout_rows, wanted
        $r_i$ (m, classes) and $w_i$ (m,), or one of each: a margin is +1 at a class and −1 at its rival. To bring a
        value *down* to w, turn the signs of its row and of w.
    constraints
        What the edit may do; anything by default.
    start
        Edits (L, d) or (k, L, d) from which to search, in place of no edit and of the edit that reaches only the margin
        that lacks most (with more coordinates than `DENSE`, of the latter alone).

    Returns
    -------
    LocalEdit
        The smallest edit found from all starts.

    Raises
    ------
    ValueError
        Shapes do not fit, numbers are not finite, or no edit is within the constraints.
    TypeError
        A network or an operator in place of its function, or constraints of another class.

    References
    ----------
    THEORY T20 (derivatives), T22 (the model of one margin).
    """
    require_kind(function, NetworkFunction, "the function (build it with network_function)")
    rule = EditConstraints() if constraints is None else constraints
    require_kind(rule, EditConstraints, "the constraints")
    x, rows = np.asarray(sequence, dtype=np.float64), np.atleast_2d(np.asarray(readout_rows, dtype=np.float64))
    goal = np.atleast_1d(np.asarray(wanted, dtype=np.float64))
    problem = margin_problem(function, x, rows, goal, rule)
    starts = _starts(problem, start)
    best = _best(problem, starts)
    if rule.sparsity is None or np.count_nonzero(best.change) <= rule.sparsity:
        return best
    return _sparse(function, (x, rows, goal), rule, best)


def _starts(problem: MarginProblem, start: npt.ArrayLike | None) -> list[Floats]:
    """Coordinates within the limits."""
    if start is not None:
        edits = np.asarray(start, dtype=np.float64)
        edits = edits[None] if edits.ndim == 2 else edits
        if (
            edits.ndim != 3
            or not len(edits)
            or edits.shape[1:] != problem.sequence.shape
            or not np.isfinite(edits).all()
        ):
            msg = f"a start is an edit {problem.sequence.shape} or several of them, all finite; got {edits.shape}"
            raise ValueError(msg)
        return [problem.inside(z) for z in problem.space.coordinates(edits)]
    nowhere = problem.inside(np.zeros(problem.space.dimension))
    values = problem.values(nowhere)
    if len(values) == 1 or (values >= 0.0).all():
        return [nowhere]
    first = descend(problem.only(np.array([int(values.argmin())])), nowhere)
    return [first.point.z] if len(nowhere) > DENSE else [nowhere, first.point.z]


def _best(problem: MarginProblem, starts: list[Floats]) -> LocalEdit:
    """The smallest converged edit; else the smallest that reaches the margins; else the one that lacks least."""
    found = [_record(problem, descend(problem, start)) for start in starts]
    order = ("local", "feasible", "not found")
    return min(found, key=lambda edit: (order.index(edit.status), edit.norm, -float(edit.margins.min())))


def _record(problem: MarginProblem, descent: Descent) -> LocalEdit:
    change = np.clip(problem.space.expand(descent.point.z), problem.lower, problem.upper)
    reached = descent.reached
    return LocalEdit(
        change=change,
        norm=float(np.linalg.norm(descent.point.z)) if reached else np.inf,
        status="local" if descent.converged else "feasible" if reached else "not found",
        margins=(descent.point.values + problem.wanted) * problem.scales,
        multipliers=descent.multipliers / problem.scales,
        residual=descent.residual if reached else np.inf,
        curvature=lagrangian_curvature(problem, descent) if descent.converged else np.nan,
        steps=descent.steps,
    )


def lagrangian_curvature(problem: MarginProblem, descent: Descent) -> float:
    r"""Smallest eigenvalue of $I - \sum_i\lambda_i\nabla^2c_i$ where margins and limits with multipliers stand still.

    With a vanishing residual a positive value is sufficient for a strict local minimum (second order). Multipliers
    below 10⁻⁸ of the edit's norm count as zero, which only widens the set of directions.
    """
    z = descent.point.z
    if len(z) > DENSE:
        return float("nan")
    size = 1e-8 * float(np.linalg.norm(z))
    rows = [descent.point.jacobian[descent.multipliers > size]]
    held = descent.bound_multipliers > size
    if held.any():
        rows.append(_limit_rows(problem)[held])
    free = linalg.null_space(np.concatenate(rows))
    if not free.shape[1]:
        return float("inf")
    bent = np.eye(len(z)) - problem.hessian(z, descent.multipliers)
    return float(np.linalg.eigvalsh(free.T @ bent @ free)[0])


def _limit_rows(problem: MarginProblem) -> Floats:
    basis = problem.space.matrix()
    return np.concatenate([basis[problem.bounds.lower], -basis[problem.bounds.upper]])


def _sparse(
    function: NetworkFunction, task: tuple[Floats, Floats, Floats], rule: EditConstraints, dense: LocalEdit
) -> LocalEdit:
    """Drop the smallest half of the changed values again and again, solving anew for the others each time."""
    x, rows, goal = task
    allowed, found = int(rule.sparsity or x.size), dense
    count = int(np.count_nonzero(dense.change))
    while count > allowed:
        count = max(allowed, int(SHRINK * count))
        support = np.zeros(x.size, dtype=np.bool_)
        support[np.argsort(-np.abs(found.change).reshape(-1), kind="stable")[:count]] = True
        problem = margin_problem(function, x, rows, goal, rule, support.reshape(x.shape))
        found = _best(problem, [problem.inside(problem.space.coordinates(found.change)), *_starts(problem, None)])
    return replace(found, relaxed=True)
