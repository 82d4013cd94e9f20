r"""The smallest change that reaches a goal whose margins are exactly quadratic (THEORY T22).

Every margin has its global optimum alone (`smallest_change`), a lower bound for a class, which has one margin per
rival: a pairwise optimum whose change fulfils the other margins too is the optimum, and the largest of them. Where
there is none the dual of all margins together (`joint_margins`) decides: a maximum inside its domain proves the
optimum; at the boundary a local search is needed and a gap is possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.steering.joint_margins import JointDual, central_dual, joint_dual
from carleman_ssm.steering.quadratic import Quadratic, require_margins
from carleman_ssm.steering.trust_region import QuadraticChange, smallest_change

MET = 1e-11
"""A margin counts as fulfilled when it is missed by at most this share of the sizes of its terms: rounding (10⁻¹³ for
n = 1000), far below what a goal says of a margin (`edit.TOLERANCE`, 10⁻⁹)."""
RAYS, MAX_STARTS, ALIKE = 500, 3, 0.7
"""Random rays for feasible starts; how many are kept, and the cosine from which two count as one."""


@dataclass(frozen=True, eq=False, repr=False)
class QuadraticSolution(Brief):
    r"""What is known about the smallest change that reaches all wanted values.

    Parameters
    ----------
    change
        The global optimum (n,), or None where it is not known.
    lower_bound
        No change that fulfils the goal has a smaller norm.
    starts
        Changes (k, n) from which a local search may start, best first; none where the optimum is known.
    reason
        The proof, or what is open, in words.
    unreachable
        Whether no change fulfils the goal: as for `QuadraticChange`, curvature within rounding of 0 counted as 0.
    """

    change: Floats | None
    lower_bound: float
    starts: Floats
    reason: str
    unreachable: bool = False


def reach_value(quadratic: Quadratic, target: float) -> QuadraticSolution:
    """The smallest change with m(δ) = `target`: `smallest_change`, as a solution.

    Raises
    ------
    ValueError
        As `smallest_change`.

    References
    ----------
    THEORY T22.
    """
    return _alone(smallest_change(quadratic, target), 1)


def lift_margins(quadratics: Sequence[Quadratic], wanted: Floats) -> QuadraticSolution:
    r"""The smallest change with $m_j(\delta)\ge$ wanted$_j$ for all j.

    Parameters
    ----------
    quadratics
        Margins of one size n.
    wanted
        (m,).

    Raises
    ------
    ValueError
        No margin, margins of several sizes, wanted values that are not one finite number for each, or numbers so
        large or small that squared norms leave the range of float64.

    References
    ----------
    THEORY T22, and weak duality of several margins (`joint_margins`).

    Examples
    --------
    Beyond the line $\delta_1 = 1$ and outside the unit circle: the first demand implies the second.

    >>> import numpy as np
    >>> line = Quadratic(0.0, np.array([1.0, 0.0]), np.zeros((2, 2)))
    >>> circle = Quadratic(0.0, np.zeros(2), np.eye(2))
    >>> found = lift_margins([line, circle], np.array([1.0, 1.0]))
    >>> found.change.tolist(), found.lower_bound
    ([1.0, 0.0], 1.0)
    """
    require_margins(quadratics, wanted)
    missing = [j for j, quadratic in enumerate(quadratics) if quadratic.value < wanted[j]]
    size = quadratics[0].size
    if not missing:
        words = "every margin is reached without a change"
        return QuadraticSolution(np.zeros(size), 0.0, _no_starts(size), words)
    first = max(missing, key=lambda j: _linear_norm(quadratics[j], float(wanted[j])))
    pair = smallest_change(quadratics[first], float(wanted[first]))
    if pair.status == "unreachable" or len(quadratics) == 1:
        return _alone(pair, len(quadratics))
    for change in _optima(quadratics[first], pair):
        if pair.status == "global" and _met(quadratics, wanted, change):
            return QuadraticSolution(change, pair.lower_bound, _no_starts(size), _pairwise_words(pair, len(quadratics)))
    start = np.zeros(len(quadratics))
    start[first] = pair.multiplier if np.isfinite(pair.multiplier) else 0.0
    dual = joint_dual(quadratics, wanted, start)
    if not dual.optimal:
        return _at_the_boundary(quadratics, wanted, missing, dual)
    active = int((dual.multipliers > 0.0).sum())
    words = (
        f"{active} of {len(quadratics)} margins hold with equality; with their multipliers ν the matrix I - ΣνQ is "
        f"positive definite, and the dual value proves that no change of norm below {dual.lower_bound:.10g} reaches "
        "what is wanted"
    )
    return QuadraticSolution(dual.change, dual.lower_bound, _no_starts(size), words)


def _linear_norm(quadratic: Quadratic, target: float) -> float:
    """Norm at which the linear part alone would reach the target: which margin to try first."""
    steepest = float(np.linalg.norm(quadratic.gradient))
    return (target - quadratic.value) / steepest if steepest > 0.0 else float("inf")


def _optima(quadratic: Quadratic, found: QuadraticChange) -> list[Floats]:
    """The optimum, and in the hard case its mirror image along the extreme eigenvector, of the same norm and value."""
    if not found.hard_case:
        return [found.change]
    axis = quadratic.spectrum[1][:, -1]
    return [found.change, found.change - 2.0 * (axis @ found.change) * axis]


def _at_the_boundary(
    quadratics: Sequence[Quadratic], wanted: Floats, missing: Sequence[int], dual: JointDual
) -> QuadraticSolution:
    """Goals out of reach, hard cases and gaps: the dual has no maximum inside its domain."""
    size = quadratics[0].size
    found = [(quadratics[j], smallest_change(quadratics[j], float(wanted[j]))) for j in missing]
    found.sort(key=lambda item: -item[1].norm)
    pairs = [pair for _, pair in found]
    if pairs[0].status == "unreachable":
        return _alone(pairs[0], len(quadratics))
    for change in _optima(*found[0]):
        if pairs[0].status == "global" and _met(quadratics, wanted, change):
            words = _pairwise_words(pairs[0], len(quadratics))
            return QuadraticSolution(change, pairs[0].lower_bound, _no_starts(size), words)
    excluded = _exclusion(quadratics, wanted, dual.multipliers)
    if excluded is not None:
        words = f"a combination of the margins with weights >= 0 cannot be what they ask for: {excluded.certificate}"
        return QuadraticSolution(None, excluded.lower_bound, _no_starts(size), words, unreachable=True)
    dual = central_dual(quadratics, wanted, dual.multipliers)
    words = (
        f"the smallest change for one rival leaves others in front (pairwise bound {pairs[0].lower_bound:.6g}), and "
        f"the dual of all margins ends at the boundary of its domain (bound {dual.lower_bound:.6g}): a gap is possible"
    )
    near = np.array([*dual.starts, dual.change, *(pair.change for pair in pairs[:2])])
    feasible = _feasible_on_rays(quadratics, wanted, near)
    starts = np.concatenate([feasible, near])
    return QuadraticSolution(None, max(dual.lower_bound, *(pair.lower_bound for pair in pairs)), starts, words)


def _alone(pair: QuadraticChange, margins: int) -> QuadraticSolution:
    """What one margin decides: it is the only one, or its value is out of reach."""
    none = _no_starts(len(pair.change))
    if pair.status == "unreachable":
        return QuadraticSolution(None, pair.lower_bound, none, pair.certificate, unreachable=True)
    if pair.status == "local":
        return QuadraticSolution(None, pair.lower_bound, pair.change[None], pair.certificate)
    return QuadraticSolution(pair.change, pair.lower_bound, none, _pairwise_words(pair, margins))


def _feasible_on_rays(quadratics: Sequence[Quadratic], wanted: Floats, near: Floats) -> Floats:
    """The shortest feasible changes (≤ 3, n) on different rays: towards given points, along curvatures, and at random.

    On a ray u every margin is a parabola in the length t; the shortest feasible t is one of their roots.
    """
    slopes = np.array([q.gradient for q in quadratics])
    random = np.random.default_rng(0).normal(size=(RAYS, slopes.shape[1]))
    axes = np.concatenate([near, slopes, *(q.spectrum[1].T for q in quadratics), random])
    axes = axes[np.linalg.norm(axes, axis=1) > 0.0]
    rays = np.concatenate([axes, -axes]) / np.linalg.norm(np.concatenate([axes, axes]), axis=1, keepdims=True)
    linear = rays @ slopes.T
    bent = np.stack([np.einsum("ri,ri->r", rays @ q.curvature, rays) for q in quadratics], axis=1)
    lack = wanted - np.array([q.value for q in quadratics])
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(linear**2 + 4.0 * bent * lack)
        lengths = np.concatenate([2.0 * lack / (linear + root), 2.0 * lack / (linear - root)], axis=1)
    lengths = np.where(np.isfinite(lengths) & (lengths > 0.0), lengths * (1.0 + MET), 0.0)
    reached = lengths[:, :, None] * (linear[:, None] + lengths[:, :, None] * bent[:, None])
    lengths = np.where((reached >= lack).all(axis=2) & (lengths > 0.0), lengths, np.inf)
    shortest = lengths.min(axis=1)
    chosen: list[int] = []
    for ray in np.argsort(shortest)[: int(np.isfinite(shortest).sum())]:
        if len(chosen) < MAX_STARTS and (rays[chosen] @ rays[ray] < ALIKE).all():
            chosen.append(int(ray))
    found: Floats = shortest[chosen, None] * rays[chosen]
    return found


def _exclusion(quadratics: Sequence[Quadratic], wanted: Floats, weights: Floats) -> QuadraticChange | None:
    """The proof that one weighted sum of the margins never reaches the sum of their wanted values, if it is one."""
    if not weights.any():
        return None
    shares = weights / weights.sum()
    total = Quadratic(
        float(shares @ [quadratic.value for quadratic in quadratics]),
        np.asarray(shares @ np.array([quadratic.gradient for quadratic in quadratics])),
        np.tensordot(shares, np.array([quadratic.curvature for quadratic in quadratics]), 1),
    )
    target = float(shares @ wanted)
    found = smallest_change(total, target) if target > total.value else None
    return found if found is not None and found.status == "unreachable" else None


def _met(quadratics: Sequence[Quadratic], wanted: Floats, change: Floats) -> bool:
    for quadratic, least in zip(quadratics, wanted, strict=True):
        if quadratic(change) < least - MET * (quadratic.terms(change) + abs(least) + abs(quadratic.value)):
            return False
    return True


def _pairwise_words(best: QuadraticChange, margins: int) -> str:
    if margins == 1:
        return best.certificate
    return f"a pairwise optimum (a lower bound) that fulfils the other margins too; for its pair {best.certificate}"


def _no_starts(size: int) -> Floats:
    return np.zeros((0, size))
