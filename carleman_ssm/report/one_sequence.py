"""What decides one sequence: the contribution of each position and of each pair to a margin, as section and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from carleman_ssm.interactions.attribution import Attribution, attribute
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.sections import Grid, Note, Pairs, Picture, Section
from carleman_ssm.report.shapley_section import StepShares, shapley_content, step_shares

SHOWN, MAX_GROUPS = 8, 64


@dataclass(frozen=True, eq=False)
class OneSequence:
    """One sequence, and what the margin of its predicted class over the next is made of.

    Parameters
    ----------
    index
        Which sequence, from 0.
    values
        x (L, d).
    label
        The true class, or None.
    parts
        Contributions of positions (L, d) and of pairs of groups of steps.
    shares
        Shapley values of the steps, and what goes with them.
    """

    index: int
    values: Floats
    label: int | None
    parts: Attribution
    shares: StepShares

    def group_name(self, group: int) -> str:
        """Which steps a row of the pairs stands for."""
        first, last = group * self.parts.window, min((group + 1) * self.parts.window, len(self.values)) - 1
        return f"{first}" if first == last else f"{first}–{last}"

    @property
    def starts(self) -> Floats:
        """First step of every group of the pairs."""
        return np.arange(len(self.parts.pairs), dtype=np.float64) * self.parts.window


def require_index(index: int, count: int) -> None:
    """Refuse an index that is no sequence.

    Raises
    ------
    ValueError
        With the range of indices that are.
    """
    if not 0 <= index < count:
        msg = f"--index {index}: there are {count} sequences, give 0 to {count - 1}"
        raise ValueError(msg)


def one_sequence(explanation: Explanation, index: int) -> OneSequence:
    """Attribute the margin of the predicted class over the next to positions and pairs.

    Raises
    ------
    ValueError
        The index is no sequence, or the network has one class and thus no margin.
    """
    require_index(index, len(explanation.sequences))
    values = explanation.sequences[index]
    if explanation.operator.network.classes < 2:
        msg = "--index needs a network of at least two classes: one logit has no margin"
        raise ValueError(msg)
    parts = attribute(explanation.operator, values, window=_window(explanation))
    shares = step_shares(explanation.operator, values, parts.target, parts.rival)
    label = None if explanation.labels is None else int(explanation.labels[index])
    return OneSequence(index, values, label, parts, shares)


def _window(explanation: Explanation) -> int:
    """Steps per group of the pairs: one, but for long sequences of deep networks, where each group is a pass."""
    if isinstance(explanation.operator, OneLayerOperator):
        return 1
    length = int(explanation.sequences.shape[1])
    return -(-length // MAX_GROUPS)


def sequence_content(found: OneSequence) -> dict[str, Any]:
    """The entry of ``report.json``."""
    parts = found.parts
    return {
        "index": found.index,
        "predicted": parts.target,
        "next": parts.rival,
        "label": found.label,
        "margin": parts.margin,
        "margin_of_the_centre": parts.centre_margin,
        "sum_of_positions": float(parts.positions.sum()),
        "sum_of_pairs": float(parts.pairs.sum()),
        "completeness_gap": parts.gap,
        "path_resolved": parts.resolved,
        "path_leaves_the_fits": parts.extrapolated,
        "steps_per_group": parts.window,
        "positions": parts.positions.tolist(),
        "pairs": parts.pairs.tolist(),
        "shapley": shapley_content(found.shares),
    }


def sequence_section(explanation: Explanation, found: OneSequence, pictures: Mapping[str, Picture]) -> Section:
    """The margin, what it is the sum of, and the largest positions and pairs."""
    parts = found.parts
    names = [explanation.class_name(label) for label in (parts.target, parts.rival)]
    truth = "no label" if found.label is None else f"label {explanation.class_name(found.label)}"
    whole = {
        "predicted": f"{names[0]} over {names[1]}, margin {parts.margin:.6g} logits ({truth})",
        "centre": f"{parts.centre_margin:+.6g} (the same margin of the input that everything is counted from)",
        "positions": f"{parts.positions.sum():+.6g} (each input value alone, first order)",
        "pairs": f"{parts.pairs.sum():+.6g} (all higher orders, shared out over pairs; a step with itself included)",
        "completeness": f"what is missing from the margin: {parts.gap:.2g} (measured)",
    }
    if not parts.resolved:
        whole["not resolved"] = unresolved(parts)
    if parts.extrapolated:
        whole["path"] = EXTRAPOLATED
    drawn = [picture for name, picture in pictures.items() if name in ("attribution.png", "sequence_pairs.png")]
    return Section(f"sequence {found.index}", (Pairs(whole), _largest(found), Note(SHARES), *drawn))


SHARES = (
    "A position is an input step; a pair holds what the operator's terms of order two and higher owe to both. A "
    "term of degree p is shared over the pairs of its factors; pairs of a polynomial of degree two are its products."
)

EXTRAPOLATED = (
    "between the centre and the sequence, values of a deeper layer leave the intervals of their fits, and what the "
    "parts say of the network is in doubt; build the operator for a box of inputs"
)


def unresolved(parts: Attribution) -> str:
    """What is to be said where the parts do not sum to the margin."""
    return (
        f"the integral along the path from the centre is not resolved: {parts.gap:+.3g} of the margin's difference "
        f"{parts.margin - parts.centre_margin:+.3g} is in no part, so positions and pairs do not sum to it"
    )


def _largest(found: OneSequence) -> Grid:
    """The largest positions and pairs beside each other."""
    rows = tuple((*left, *right) for left, right in zip(_ranked_positions(found), _ranked_pairs(found), strict=False))
    return Grid(("position", "input", "adds [logit]", "pair of steps", "adds [logit]"), rows)


def _ranked_positions(found: OneSequence) -> list[tuple[str, str, str]]:
    positions = found.parts.positions
    ranked = np.argsort(-np.abs(positions), axis=None, kind="stable")[:SHOWN]
    rows = []
    for step, channel in zip(*np.unravel_index(ranked, positions.shape), strict=True):
        name = f"step {step}" if found.values.shape[1] == 1 else f"step {step}, channel {channel}"
        rows.append((name, f"{found.values[step, channel]:.4g}", f"{positions[step, channel]:+.4g}"))
    return rows


def _ranked_pairs(found: OneSequence) -> list[tuple[str, str]]:
    """Unordered pairs: both entries of the symmetric matrix together."""
    pairs = found.parts.pairs
    upper = np.triu(pairs) + np.triu(pairs, 1)
    ranked = np.argsort(-np.abs(upper), axis=None, kind="stable")[:SHOWN]
    rows = []
    for s, t in zip(*(index.tolist() for index in np.unravel_index(ranked, upper.shape)), strict=True):
        partner = "itself" if s == t else found.group_name(t)
        rows.append((f"{found.group_name(s)} with {partner}", f"{upper[s, t]:+.4g}"))
    return rows
