r"""The smallest change that lifts several quadratic margins at once, by its concave dual.

$$\min\lVert\delta\rVert^2\quad\text{subject to}\quad g_j^\top\delta+\delta^\top Q_j\delta\ge r_j\ (j = 1,\dots,m).$$

For $\nu\ge0$ with $A(\nu) = I-\sum_j\nu_jQ_j \succ 0$ every feasible δ has

$$\lVert\delta\rVert^2 \ge \lVert\delta\rVert^2 - \sum_j\nu_j\,(g_j^\top\delta+\delta^\top Q_j\delta-r_j)
\ge D(\nu) = \nu^\top r - \tfrac14\,g(\nu)^\top A(\nu)^{-1}g(\nu),\qquad g(\nu) = \sum_j\nu_jg_j,$$

as the middle is a convex function of δ with its minimum at $\delta(\nu)=\tfrac12A(\nu)^{-1}g(\nu)$. D is concave. Where
it has its maximum over ν ≥ 0 inside $A\succ0$, the conditions of the maximum say that δ(ν) is feasible and
$\nu_j(q_j - r_j) = 0$, so both inequalities are equalities: δ(ν) is the **global** optimum.

Where the supremum lies on the boundary of $A\succeq0$, a gap between the two problems is possible. The supremum is
approached by the maxima of $D+\mu\log\det A$, which are within nμ of it; where ν > 0 there,
$q_j(\delta)+\mu\,\mathrm{tr}(A^{-1}Q_j) = r_j$. If one eigenvalue λ of A goes to 0, with eigenvector v, the points
$\delta(\nu)\pm\sqrt{\mu/\lambda}\,v$ are therefore nearly feasible: starts of a local search, and in the hard case of
one margin its optima. If several do, the sum over their eigenvectors is a start and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import UNIT_ROUNDOFF, Floats
from carleman_ssm.steering.dual_problem import DualPoint, DualProblem
from carleman_ssm.steering.quadratic import Quadratic, require_margins

ENOUGH = 1e-9
"""Relative violation and gap of a point that counts as optimal; share of D at which the barrier ends."""
BARRIER = 0.1
"""Factor from one barrier to the next."""
SMALLEST = float(np.finfo(np.float64).tiny)
"""Stands for the sizes of terms that are all zero."""


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
    starts
        Changes (k, n) near which to search where it is not.
    """

    multipliers: Floats
    change: Floats
    lower_bound: float
    violation: float
    optimal: bool
    starts: Floats


def joint_dual(quadratics: Sequence[Quadratic], wanted: Floats, start: Floats) -> JointDual:
    r"""Maximise D by Newton's method from a point with A(ν) ≻ 0; it may end at the boundary (`central_dual`).

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
        Sizes do not fit, a multiplier is negative, or a number is not finite.

    References
    ----------
    THEORY T22 (weak duality of several margins).

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
    problem = _problem(quadratics, wanted, start)
    return _judged(problem, wanted, problem.ascend(start), np.zeros((0, quadratics[0].size)))


def central_dual(quadratics: Sequence[Quadratic], wanted: Floats, start: Floats) -> JointDual:
    r"""The supremum of D at the boundary of A ≻ 0, to 10⁻⁹ relative, with starts for a local search.

    Parameters
    ----------
    quadratics, wanted
        As for `joint_dual`.
    start
        The multipliers at which that ended.

    Raises
    ------
    ValueError
        As `joint_dual`.

    References
    ----------
    THEORY T22 (weak duality of several margins).
    """
    problem = _problem(quadratics, wanted, start)
    point, none = problem.inside(start), np.zeros((0, quadratics[0].size))
    if not 0.0 < point.value <= problem.hopeless:
        return _judged(problem, wanted, point, none)
    central, starts = _central(problem, point)
    return _judged(problem, wanted, central if central.value > point.value else point, starts)


def _problem(quadratics: Sequence[Quadratic], wanted: Floats, start: Floats) -> DualProblem:
    require_margins(quadratics, wanted, start)
    return DualProblem(
        np.array([q.gradient for q in quadratics]),
        np.array([q.curvature for q in quadratics]),
        wanted - np.array([q.value for q in quadratics]),
    )


def _central(problem: DualProblem, point: DualPoint) -> tuple[DualPoint, Floats]:
    """The maximum along the barrier, and the points where its least eigenvalues lead."""
    size = len(point.change)
    barrier, multipliers = point.value / size, 0.5 * point.multipliers
    while True:
        central = problem.ascend(multipliers, barrier)
        multipliers = central.multipliers
        if barrier * size <= ENOUGH * central.value or central.value > problem.hopeless:
            break
        barrier *= BARRIER
    values, vectors = np.linalg.eigh(central.factor @ central.factor.T)
    reaches = np.sqrt(barrier / np.maximum(values, UNIT_ROUNDOFF**2)) * vectors
    least, total = reaches[:, 0], reaches.sum(axis=1)
    return central, central.change + np.array([least, -least, total, -total])


def _judged(problem: DualProblem, wanted: Floats, point: DualPoint, starts: Floats) -> JointDual:
    sizes = problem.sizes(point.change) + np.abs(wanted) + np.abs(wanted - problem.shifts)
    violation = float((np.maximum(0.0, point.missing) / np.maximum(sizes, SMALLEST)).max())
    bound, norm = float(np.sqrt(max(0.0, point.value))), float(np.linalg.norm(point.change))
    if violation <= ENOUGH and norm - bound <= ENOUGH * norm:
        return JointDual(point.multipliers, point.change, min(bound, norm), violation, True, starts[:0])
    return JointDual(point.multipliers, point.change, bound, violation, False, starts)
