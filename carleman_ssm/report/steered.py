"""What `steer` found about one sequence: the edit, the radius around it, and how classes and channels are called."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.sequences import Sequences
from carleman_ssm.report.class_names import class_name
from carleman_ssm.report.directed import above, below
from carleman_ssm.report.sections import Grid, Note, Pairs, Picture, Section
from carleman_ssm.robustness.radius import Radius
from carleman_ssm.steering.constraints import EditConstraints
from carleman_ssm.steering.edit import Edit

WORDS = {
    "global": "global: no edit that reaches the goal is smaller (T22, dual certificate in float64)",
    "local": "local: an edit that reaches the goal; a smaller one is not excluded",
    "unreachable": "unreachable: no edit of any size reaches the goal (the reason below, evaluated in float64)",
}
LEAST_SHARE = 1e-3
"""A sequence smaller than this part of its edit is no measure of it."""
NOTHING = "local: no edit was found; that is no proof that there is none"


@dataclass(frozen=True, eq=False)
class Steered:
    """One sequence, its edit, and what is certified about its neighbourhood.

    Parameters
    ----------
    name
        How the network was asked for.
    index
        Which sequence, from 0.
    edit
        What was found.
    radius
        A ball around the sequence in which the class provably does not change, or None where it is not computed.
    distance
        A norm within which no edit reaches the goal, certified; None where it is not computed.
    certified_after
        True where an operator built for the edited sequence proves the class that the exact network gives it.
    sequences
        Where the sequence is from: names of classes and channels, label.
    """

    name: str
    index: int
    edit: Edit
    radius: Radius | None
    distance: float | None
    certified_after: bool
    sequences: Sequences

    @property
    def lower_bound(self) -> float:
        """No edit that reaches the goal has a smaller norm: by duality (float64), or certified (`distance`)."""
        return max(self.edit.lower_bound, self.distance or 0.0)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names, where the sequences bring one for each class."""
        names = self.sequences.classes
        return names if len(names) == len(self.edit.network_before) else ()

    @property
    def is_raster(self) -> bool:
        """True when the steps are the pixels of an image, line by line."""
        return self.sequences.features == ("intensity",)

    def class_name(self, label: int) -> str:
        """How a class is called: its name where the sequences bring one, "class 1" for a number."""
        return class_name(self.class_names, label)

    @property
    def euclidean_norm(self) -> float:
        """Norm of the edit itself, also where another norm was minimised (smoothness); ∞ where none was found."""
        return float(np.linalg.norm(self.edit.edit)) if isfinite(self.edit.norm) else float("inf")


def steered_content(found: Steered) -> dict[str, Any]:
    """The content of ``report.json``; numbers that are not finite are null."""
    edit = found.edit
    return {
        "model": found.name,
        "index": found.index,
        "target": edit.target,
        "rival": edit.rival,
        "margin": None if edit.goal.is_equality else edit.margin,
        "logit": edit.goal.logit,
        "status": edit.status,
        "reason": edit.reason,
        "constraints": None if edit.constraints is None else _constraints_content(edit.constraints),
        "norm": _finite(edit.norm),
        "norm_minimised": norm_name(edit.constraints),
        "euclidean_norm": _finite(found.euclidean_norm),
        "lower_bound": _finite(found.lower_bound),
        "gap": _finite(edit.norm - found.lower_bound),
        "largest_change": float(np.abs(edit.edit).max()),
        "logits_before": edit.logits_before.tolist(),
        "logits_after": edit.logits_after.tolist(),
        "network_logits_before": edit.network_before.tolist(),
        "network_logits_after": edit.network_after.tolist(),
        "class_before": edit.class_before,
        "class_after": edit.class_after,
        "reached_by_the_network": edit.confirmed,
        "class_after_certified": found.certified_after,
        "certified_lower_bound": found.distance,
        "radius": None if found.radius is None else _radius_content(found.radius),
        "edit": edit.edit.tolist(),
    }


def norm_name(constraints: EditConstraints | None) -> str:
    """Which norm of the edit is minimised, and reported as its norm."""
    if constraints is None or not constraints.smoothness:
        return "euclidean"
    return f"sqrt(|edit|^2 + {constraints.smoothness:.6g} |differences of steps|^2)"


def _constraints_content(constraints: EditConstraints) -> dict[str, Any]:
    box = constraints.box
    return {
        "lags": None if constraints.lags is None else list(constraints.lags),
        "channels": None if constraints.channels is None else list(constraints.channels),
        "box": None if box is None else [np.asarray(limit).tolist() for limit in box],
        "band": None if constraints.band is None else list(constraints.band),
        "smoothness": constraints.smoothness,
        "sparsity": constraints.sparsity,
    }


def _radius_content(radius: Radius) -> dict[str, Any]:
    return {
        "value": float(radius.radius),
        "status": radius.status,
        "arithmetic": radius.arithmetic,
        "witness_norm": _finite(radius.witness_norm),
        "witness_proved": radius.witness_proved,
    }


def steered_sections(found: Steered, picture: Picture) -> list[Section]:
    """What a reader wants first: what was asked, what was found, how sure it is, and the logits."""
    return [
        Section("asked", (Pairs(_asked(found)),)),
        Section("found", (Pairs(_found(found)), picture)),
        Section("logits", (_logits(found), Note(LOGITS))),
    ]


LOGITS = (
    "By the operator: the formula with which the edit was found. By the network: a simulation of all steps, run "
    "afterwards as a check (measured)."
)


def _asked(found: Steered) -> dict[str, str]:
    edit, truth = found.edit, found.sequences.y
    label = "no label" if truth is None else f"its label: {found.class_name(int(truth[found.index]))}"
    target = found.class_name(edit.target)
    if edit.goal.is_equality:
        goal = f"the logit of {target} becomes {edit.goal.logit:.6g}"
    elif edit.rival is not None:
        goal = f"{target} ahead of {found.class_name(edit.rival)} by {edit.margin:.6g} logits"
    else:
        goal = f"{target} ahead of every other class by {edit.margin:.6g} logits"
    rows = {
        "sequence": f"{found.index} of {found.name}: {found.class_name(edit.class_before)} before ({label})",
        "goal": goal,
    }
    if edit.constraints is not None:
        rows["allowed"] = _allowed(edit.constraints)
    return rows


def _allowed(constraints: EditConstraints) -> str:
    box, band = constraints.box, constraints.band
    words = [
        f"{name} {', '.join(map(str, given))}"
        for name, given in (("lags", constraints.lags), ("channels", constraints.channels))
        if given is not None
    ]
    if box is not None:
        words.append(f"edited values between {np.min(box[0]):.6g} and {np.max(box[1]):.6g}")
    if band is not None:
        words.append(f"frequencies between {band[0]:.6g} and {band[1]:.6g} cycles per step")
    if constraints.smoothness:
        words.append(f"norm with smoothness {constraints.smoothness:.6g}")
    if constraints.sparsity is not None:
        words.append(f"at most {constraints.sparsity} values")
    return "; ".join(words) or "any change"


def _found(found: Steered) -> dict[str, str]:
    edit = found.edit
    nothing = edit.status == "local" and not isfinite(edit.norm)
    rows = {"status": NOTHING if nothing else WORDS[edit.status], "because": edit.reason}
    if isfinite(edit.norm):
        rows["norm"] = _size(found)
        rows["lower bound"] = _bound(found)
        rows["largest change"] = f"{np.abs(edit.edit).max():.4g} of any one value"
        rows["afterwards"] = _afterwards(found)
    if found.radius is not None:
        rows["around it"] = _neighbourhood(found, found.radius)
    return rows


def _size(found: Steered) -> str:
    """The norm of the edit, and its share of the sequence's where that has a size to compare with."""
    edit, size, whole = found.edit, found.euclidean_norm, float(np.linalg.norm(found.edit.sequence))
    share = f" ({100 * size / whole:.3g} % of the sequence's)" if whole > LEAST_SHARE * size else ""
    if norm_name(edit.constraints) == "euclidean":
        return f"{size:.6g}{share}"
    return f"{edit.norm:.6g} with its smoothness, the norm that is minimised; {size:.6g} Euclidean{share}"


def _bound(found: Steered) -> str:
    edit, certified = found.edit, found.distance or 0.0
    if found.lower_bound <= 0:
        return "0" if edit.status == "global" else "none is known"
    words = []
    if edit.lower_bound > 0:
        words.append(f"{edit.lower_bound:.6g} by duality, evaluated in float64")
    if certified > 0:
        words.append(f"{below(certified, 6)} certified for the exact network")
    return f"{'; '.join(words)}; gap {max(0.0, edit.norm - found.lower_bound):.3g}"


def _neighbourhood(found: Steered, radius: Radius) -> str:
    """Only a change of class that is proved shows that the ball cannot be larger."""
    closed = radius.status == "exact" and radius.witness_proved
    proof = {"exact": "certified", "certified": "certified", "undecided": "not certified at all"}[radius.status]
    words = f"{proof}, and nothing larger" if closed else proof
    text = f"{found.class_name(radius.label)} within norm {below(radius.radius, 6)} ({words}; real function)"
    if radius.witness is None:
        return text
    seen = "" if radius.witness_proved else " (simulated)"
    return (
        f"{text}; a change of norm {above(radius.witness_norm, 6)} gives {found.class_name(radius.witness_label)}{seen}"
    )


def _afterwards(found: Steered) -> str:
    edit = found.edit
    proof = "certified for the exact network" if found.certified_after else "measured"
    reached = "the goal is reached" if edit.confirmed else "the network does NOT reach the goal"
    return f"{found.class_name(edit.class_after)} ({proof}); {reached} by the simulated network"


def _logits(found: Steered) -> Grid:
    edit = found.edit
    columns: tuple[Floats, ...] = (edit.logits_before, edit.network_before)
    header: tuple[str, ...] = ("class", "before (operator)", "before (network)")
    if isfinite(edit.norm):
        columns += (edit.logits_after, edit.network_after)
        header += ("after (operator)", "after (network)")
    rows = tuple(
        (found.class_name(label), *(f"{column[label]:+.6g}" for column in columns)) for label in range(len(columns[0]))
    )
    return Grid(header, rows)


def _finite(value: float) -> float | None:
    return float(value) if isfinite(value) else None
