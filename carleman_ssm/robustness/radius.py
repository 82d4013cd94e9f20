r"""Certified radii: balls around a sequence in which the class of the network provably does not change.

The claim is about the *exact real function* of the stored parameters (exact activation, gate, norm, kernel), for every
real δ with $\lVert\delta\rVert_2 \le \varepsilon$ over all steps and features; every rounding made on the way is
counted (`certified_quadratics`, `linearisation`). With ``arithmetic="float32"`` it is, in addition, about every run in
single precision, under the stated model of `single_precision`.

On the ball each margin of the class over a rival is at least a quadratic $m_0 + g^\top\delta + \delta^\top Q\delta$
(`remainders`), whose minimum over the ball is bounded from below by its trust-region dual. For one layer with affine
surroundings and a quadratic activation the quadratic is the margin itself, so the radius is the distance to the
boundary, up to rounding (THEORY T22), and a change of class proved just outside says so; for other activations its
curvature is the least mean curvature that each pre-activation can meet within the ball (T20).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats, gamma, outward
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.robustness.linearisation import enclosed_logits
from carleman_ssm.robustness.radius_search import largest_radius
from carleman_ssm.robustness.radius_witness import boundary_point, nearest_change
from carleman_ssm.robustness.subjects import checked_network, checked_sequence
from carleman_ssm.robustness.surroundings import Arithmetic, Surroundings, first_guess, surroundings

Status = Literal["exact", "certified", "undecided"]

EXACT_TOLERANCE = 2.0**-32
"""Of the search where the bound is attained. Near a root float64 decides the sign of a quadratic to 2⁻⁵⁰ or so; a
tangential one has half these digits, and more bisection would only follow rounding."""
CLOSED = 1.0 + 1e-6
"""A radius is exact if a proved change of class is nearer than this multiple. `_checked` enlarges a change by less."""
GROWTHS = (0.0, 1e-10, 1e-9, 1e-8, 1e-7, 3e-7, 9e-7)
"""Relative lengthenings of a change that may bring it over the boundary: from rounding up to just below `CLOSED`."""
FARTHEST = 64.0
"""Changes of class are looked for within so many radii."""


@dataclass(frozen=True, eq=False, repr=False)
class Radius(Brief):
    r"""What is proved of the surroundings of one sequence.

    Parameters
    ----------
    sequence
        x (L, d).
    label
        The class at x, the only one with the largest logit on the whole ball.
    radius
        ε, certified: for no δ with $\lVert\delta\rVert_2 \le \varepsilon$ does another class reach this one's logit.
    status
        ``"exact"``: the radius is the distance itself up to 1e-6 of it, as a change of class so near is proved too.
        ``"certified"``: a lower bound of the distance. ``"undecided"``: not even the class at x is proved, the radius
        is 0.
    rival
        The class whose margin limits the radius.
    arithmetic
        ``"real"`` or ``"float32"``: which function the claim is about.
    evaluation_error
        Bound of |margin in float32 − real margin| on the ball, largest over the rivals; 0 for ``"real"``.
    witness
        A change (L, d) under which another class reaches this one's logit, or None where none was found.
    witness_norm
        Its norm, rounded up: an upper bound of the distance if `witness_proved`. ∞ without a witness.
    witness_label
        The class with the largest logit there, by the network's simulation; −1 without a witness.
    witness_proved
        Whether the change of class at the witness is proved (enclosed logits), not only simulated.
    """

    sequence: Floats
    label: int
    radius: float
    status: Status
    rival: int
    arithmetic: Arithmetic
    evaluation_error: float
    witness: Floats | None
    witness_norm: float
    witness_label: int
    witness_proved: bool

    @property
    def ratio(self) -> float:
        """Norm of the witness over the radius: how far apart both bounds of the distance are (1 is best)."""
        return self.witness_norm / self.radius if self.radius > 0 else float("inf")

    @property
    def gap(self) -> float:
        """Norm of the witness minus the radius."""
        return self.witness_norm - self.radius

    def __str__(self) -> str:
        found = f"; a change of norm {self.witness_norm:.6g} does it" if self.witness is not None else ""
        what = "real function" if self.arithmetic == "real" else "float32 evaluation"
        return f"class {self.label} of the {what} is certified within {self.radius:.6g} ({self.status}){found}"


def certified_radius(
    source: StateSpaceNetwork | NetworkOperator,
    sequence: npt.ArrayLike,
    *,
    arithmetic: Arithmetic = "real",
    tolerance: float = 1e-3,
    witness: bool = True,
) -> Radius:
    r"""An ℓ² ball around a sequence in which the class of the network provably cannot change.

    Parameters
    ----------
    source
        A network of any depth whose layers are time-invariant, or an operator of one: the claim is about the *network*,
        so a fitted operator serves as well as an exact one.
    sequence
        x (L, d), its float64 numbers taken as exact.
    arithmetic
        ``"real"``: the exact real function. ``"float32"``: that, and every float32 run under the model of
        `single_precision`.
    tolerance
        The search for the radius ends when the interval that holds it is relatively shorter. Networks with quadratic
        margins are solved to 2⁻³² where float64 decides so much.
    witness
        Whether to look for a change of class just outside as well: the exact minimiser where the margins are quadratic,
        else a local search. Without one no radius is called exact.

    Returns
    -------
    Radius
        Its ``radius`` is rounded towards 0, so that the ball is covered whole.

    Raises
    ------
    ValueError
        The sequence has another shape, or NaN or infinity; the network has one class or no pool; or the Jacobians of
        this length do not fit in memory.
    TypeError
        The source is neither, or its recurrence depends on the input.

    References
    ----------
    THEORY T20, T22. Moré and Sorensen (1983); Singla and Feizi (2020), arXiv:2006.00731, for curvature certificates.

    Examples
    --------
    Logits $y^2$ and 1 at y = 3: the boundary is at y = 1, at the distance 2.

    >>> from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
    >>> layer = S4DLayer(log_dt=[0.0], log_A_real=[[0.0]], A_imag=[[0.0]], C=[[0.0]], D=[1.0])
    >>> config = NetworkConfig(activation="square", output="none", residual=False, pool="last")
    >>> network = S4DNetwork([[1.0]], [0.0], (layer,), [[1.0], [0.0]], [0.0, 1.0], config)
    >>> found = certified_radius(network, [[3.0]])
    >>> found.status, bool(2 - 1e-8 < found.radius <= 2 <= found.witness_norm < 2 + 1e-6)
    ('exact', True)
    """
    network = checked_network(source)
    given = checked_sequence(network, sequence)
    if network.classes < 2:
        msg = "a network of one logit has no rival class, so no radius"
        raise ValueError(msg)
    if arithmetic not in ("real", "float32"):
        msg = f"arithmetic is 'real' or 'float32', got {arithmetic!r}"
        raise ValueError(msg)
    around = surroundings(network, given)
    precision = EXACT_TOLERANCE if around.quadratic is not None else float(tolerance)

    radius = _largest(around, arithmetic, precision)
    limiting = int(around.bounds(radius, arithmetic).lower.argmin())
    lost = float(around.evaluation_errors(radius).max()) if arithmetic == "float32" else 0.0
    change = _witness(around, radius, precision) if witness and radius > 0 else None
    ends = _checked(around, change)
    status = _status(radius, ends, arithmetic)
    return Radius(given, around.label, radius, status, int(around.rivals[limiting]), arithmetic, lost, *ends)


def _status(radius: float, ends: tuple[Floats | None, float, int, bool], arithmetic: Arithmetic) -> Status:
    """Exact only for the real function, and only with a proved change of class just outside the ball."""
    if radius == 0:
        return "undecided"
    _, norm, _, proved = ends
    return "exact" if proved and arithmetic == "real" and norm <= CLOSED * radius else "certified"


def _largest(around: Surroundings, arithmetic: Arithmetic, tolerance: float) -> float:
    def lower(radius: float) -> float:
        return float(around.bounds(radius, arithmetic).lower.min())

    return largest_radius(lower, first_guess(around), tolerance)


def _witness(around: Surroundings, radius: float, tolerance: float) -> Floats | None:
    """A change of class of the real function near the ball, (L, d), or None."""
    shape = around.sequence.shape
    if around.quadratic is None:
        found = around.bounds(radius, "real")
        starts = found.points.reshape(-1, *shape)
        return nearest_change(around.network, around.sequence, around.label, starts, found.lower, FARTHEST * radius)
    distance = _largest(around, "real", tolerance)
    found = around.bounds(distance, "real")
    return boundary_point(around.quadratic, int(found.lower.argmin()), found, distance).reshape(shape)


def _checked(around: Surroundings, change: Floats | None) -> tuple[Floats | None, float, int, bool]:
    """The change as it is once added in float64, its norm rounded up, the class there, and whether that is proved.

    A change that does not do it is enlarged a little, at most by 1e-6 of itself.
    """
    nothing = (None, float("inf"), -1, False)
    if change is None or not np.isfinite(change).all():
        return nothing
    for growth in GROWTHS:
        moved = around.sequence + (1.0 + growth) * change
        proved = _is_reached(around, moved)
        if proved:
            break
    label = _simulated_class(around, moved)
    if label is None or (label == around.label and not proved):
        return nothing
    return moved - around.sequence, _norm(moved, around.sequence), label, proved


def _simulated_class(around: Surroundings, sequence: Floats) -> int | None:
    """The class by the network's simulation; None where that leaves float64."""
    try:
        return int(around.network(sequence[None])[0].argmax())
    except ValueError:
        return None


def _is_reached(around: Surroundings, sequence: Floats) -> bool:
    """Whether another class provably reaches there the logit of the class at x."""
    with np.errstate(all="ignore"):
        logits = enclosed_logits(around.stack, around.rules, sequence)
    value, error = logits.value[0], outward(logits.error[0])
    others = around.rivals
    return bool((value[others] - error[others] >= value[around.label] + error[around.label]).any())


def _norm(moved: Floats, sequence: Floats) -> float:
    """Upper bound of the norm of the exact difference."""
    gap = moved - sequence
    return float(np.nextafter(np.linalg.norm(gap) * (1.0 + gamma(gap.size + 8)), np.inf))
