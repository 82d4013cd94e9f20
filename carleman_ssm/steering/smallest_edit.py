r"""The smallest change of a sequence that makes a network say what is wanted (THEORY T22, T20).

* Quadratic networks (say one layer with a learned or square activation, any pool): for one margin or logit always, for
  a class where the duality of `quadratic_edits` closes, the **global** optimum with its certificate. Which steps,
  channels and frequencies may change, and smoothness, are changes of variables and keep it.
* With limits of the values or of their number the optimum without these is a lower bound; where it respects them it is
  the optimum. Otherwise a local search makes the edit, and with limits of the values its multipliers often prove it
  the global optimum (`box_bounds`).
* Other networks: the local search with exact derivatives of the true network (`local_edits`), without a lower bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.lag_matrices import MAX_ENTRIES
from carleman_ssm.operators.network_function import NetworkFunction, network_function
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.steering.box_bounds import box_bound
from carleman_ssm.steering.constraints import EditConstraints, EditSpace
from carleman_ssm.steering.edit import Edit, EditGoal, Status, verified_edit
from carleman_ssm.steering.local_edits import LocalEdit, local_edit
from carleman_ssm.steering.quadratic import Quadratic, few_coordinates, is_quadratic, margin_quadratics
from carleman_ssm.steering.quadratic_edits import QuadraticSolution, lift_margins, reach_value
from carleman_ssm.theory.polynomials import require_kind

INSIDE = 1e-12
"""A value may leave its box by this, relative to the largest change: rounding. It is clipped."""
PROVED = 1e-8
"""Relative gap below which a local optimum whose multipliers prove it counts as global."""


def smallest_edit(
    operator: NetworkOperator | StateSpaceNetwork,
    sequence: npt.ArrayLike,
    target: int,
    *,
    rival: int | None = None,
    logit: float | None = None,
    margin: float = 1e-3,
    constraints: EditConstraints | None = None,
) -> Edit:
    r"""The change δ of least norm with which the class becomes `target`, verified by simulation of the network.

    Parameters
    ----------
    operator
        The operator of a network, or the network. Operators with fitted activations stand for their network: the
        search uses its own activations.
    sequence
        $x$ (L, d).
    target
        Class t: $\ell_t-\ell_j\ge M$ for every other class j is wanted.
    rival
        Ask for the margin over this class only.
    logit
        Ask for $\ell_t$ = `logit` instead.
    margin
        $M$ > 0 makes the winner unambiguous.
    constraints
        What the edit may do; anything by default.

    Returns
    -------
    Edit
        Its `status` says what is known: ``"global"``, ``"local"`` or ``"unreachable"``. Where a local search found
        nothing, `found` is false and the norm infinite.

    Raises
    ------
    ValueError
        No such class, both `rival` and `logit`, a sequence of another shape, or constraints that no edit fulfils.
    TypeError
        Not a network of time-invariant layers, or no operator of one; a class that is no integer, or constraints that
        are no `EditConstraints`.

    References
    ----------
    THEORY T22; without a quadratic form T20 and sequential quadratic programming.
    """
    if constraints is not None:
        require_kind(constraints, EditConstraints, "constraints")
    x = np.array(sequence, dtype=np.float64)
    if x.ndim != 2 or not len(x):
        msg = f"expected one sequence (L, d) of at least one step, got shape {x.shape}"
        raise ValueError(msg)
    task = _task(_function(operator, len(x)), x, EditGoal(target, rival, logit, margin), constraints)
    if not task.quadratics:
        return _best(task, [_local(side) for side in task.sides])
    known = task.solved()
    if known.unreachable:
        return _edit(task, None, "unreachable", known.reason, known.lower_bound)
    change = None if known.change is None else _within(task, task.space.expand(known.change))
    if change is not None:
        return _best(task, [_edit(task, change, "global", known.reason, known.lower_bound)])
    return _best(task, [_searched(side, known) for side in task.sides])


@dataclass(frozen=True, eq=False, repr=False)
class _Task(Brief):
    """Margins rows · logits ≥ wanted, or = wanted for a logit.

    `quadratics` are their quadratic functions in the coordinates of the constraints; there are none where `obstacle`
    says why.
    """

    function: NetworkFunction
    x: Floats
    goal: EditGoal
    constraints: EditConstraints | None
    rows: Floats
    wanted: Floats
    space: EditSpace
    quadratics: Sequence[Quadratic]
    obstacle: str

    @property
    def rules(self) -> EditConstraints:
        return EditConstraints() if self.constraints is None else self.constraints

    def solved(self) -> QuadraticSolution:
        """The goal without box and sparsity."""
        if self.goal.is_equality:
            return reach_value(self.quadratics[0], float(self.wanted[0]))
        return lift_margins(self.quadratics, self.wanted)

    @cached_property
    def sides(self) -> tuple[_Task, ...]:
        """Tasks with ≥ in place of =, of which one has the smallest edit as its own.

        Let p be the smallest edit that keeps the limits. If the logit is above the value at p, the smallest edit with
        ≤ has equality, as there is a shorter one between it and p otherwise; below, so has that with ≥. Without a box
        that excludes the sequence p is 0.
        """
        if not self.goal.is_equality:
            return (self,)
        turned = tuple(Quadratic(-q.value, -q.gradient, -q.curvature) for q in self.quadratics)
        falling = replace(self, rows=-self.rows, wanted=-self.wanted, quadratics=turned)
        low, high = self.rules.limits(self.x)
        if (low <= 0.0).all() and (high >= 0.0).all():
            return (falling if self.rows[0] @ self.function.logits(self.x) > self.wanted[0] else self,)
        return self, falling


def _task(function: NetworkFunction, x: Floats, goal: EditGoal, constraints: EditConstraints | None) -> _Task:
    rows, wanted = goal.readout(function.classes)
    space = (EditConstraints() if constraints is None else constraints).space(*x.shape)
    quadratics: tuple[Quadratic, ...] = ()
    obstacle = ""
    if is_quadratic(function):
        # By products only rows of Q are held, for the coordinates of the edit.
        held = len(rows) * x.size * (space.dimension if few_coordinates(space.dimension, x.size) else x.size)
        if held <= MAX_ENTRIES:
            quadratics = margin_quadratics(function, x, rows, None if space.is_everything else space)
        else:
            obstacle = (
                f"The margins are quadratic, but a proof needs {held:.3g} entries of their curvature (at most "
                f"{MAX_ENTRIES:.0e} are written out): let fewer steps change, or ask for one rival"
            )
    return _Task(function, x, goal, constraints, rows, wanted, space, quadratics, obstacle)


def _function(source: NetworkOperator | StateSpaceNetwork, length: int) -> NetworkFunction:
    """Of the operator where it is exact, of its network otherwise."""
    if isinstance(source, OneLayerOperator | StackOperator) and not source.exact:
        return network_function(source.network, length)
    return network_function(source, length)


def _within(task: _Task, change: Floats) -> Floats | None:
    """The change if it respects box and sparsity (up to rounding, which is clipped), else None."""
    rules = task.rules
    if rules.sparsity is not None and np.count_nonzero(change) > rules.sparsity:
        return None
    if rules.box is None:
        return change
    clipped = np.clip(change, *rules.limits(task.x))
    slack = INSIDE * float(np.abs(change).max())
    return clipped if float(np.abs(clipped - change).max()) <= slack else None


def _local(task: _Task) -> Edit:
    """By the local search alone."""
    found = local_edit(task.function, task.x, task.rows, task.wanted, task.rules)
    reason = f"{found.reason}. {task.obstacle}" if task.obstacle else found.reason
    return _edit(task, found.change if found.found else None, "local", reason, 0.0)


def _best(task: _Task, edits: Sequence[Edit]) -> Edit:
    """The smallest edit that reaches the goal, with the largest of the bounds: each holds for the goal itself."""
    bound, best = max(edit.lower_bound for edit in edits), min(edits, key=lambda edit: (not edit.found, edit.norm))
    if best.found:
        return replace(best, lower_bound=min(bound, best.norm))
    if len(edits) == 1:
        return best if best.status == "unreachable" else replace(best, status="local")
    others = {f"{edit.logits_after[task.goal.target]:.6g}" for edit in edits if np.isfinite(edit.norm)}
    words = "the local searches found no edit within the limits that has this logit"
    words += f" (their edits have {' and '.join(sorted(others))})" if others else ""
    return _edit(task, None, "local", f"{words}; nothing is proved but the lower bound", bound)


def _searched(task: _Task, known: QuadraticSolution) -> Edit:
    """The best edit of local searches from what the quadratic problem suggests."""
    start = task.space.expand(known.starts if known.change is None else known.change[None])
    found = local_edit(task.function, task.x, task.rows, task.wanted, task.rules, start)
    if known.change is not None:
        other = local_edit(task.function, task.x, task.rows, task.wanted, task.rules)
        found = other if other.norm < found.norm else found
    if not found.found:
        return _edit(task, None, "local", found.reason, known.lower_bound)
    boxed = min(_bound_in_box(task, found), found.norm)
    bound = max(min(known.lower_bound, found.norm), boxed)
    if found.norm - bound <= PROVED * found.norm:
        proof = (
            "at the multipliers of the edit the Lagrangian is convex, so that within the limits"
            if boxed >= known.lower_bound
            else "by the dual of the margins"
        )
        words = f"{proof} no change of norm below {bound:.10g} reaches the goal. {found.reason}"
        return _edit(task, found.change, "global", words, bound)
    other_words = "Without box and sparsity: " if known.change is not None else "Of all margins together: "
    return _edit(task, found.change, "local", f"{found.reason}. {other_words}{known.reason}", bound)


def _bound_in_box(task: _Task, found: LocalEdit) -> float:
    """`box_bound` at the multipliers of a local optimum, where the coordinates are values of the edit."""
    if task.rules.sparsity is not None or task.space.step_basis is not None:
        return 0.0
    low, high = (limit.reshape(-1)[task.space.columns] for limit in task.rules.limits(task.x))
    change = task.space.coordinates(found.change)
    return box_bound(task.quadratics, task.wanted, 2.0 * found.multipliers, change, (low, high))


def _edit(task: _Task, change: Floats | None, status: Status, reason: str, lower_bound: float) -> Edit:
    return verified_edit(
        task.function.network,
        task.function.logits,
        task.x,
        change,
        goal=task.goal,
        status=status,
        reason=reason,
        lower_bound=lower_bound,
        constraints=task.constraints,
    )
