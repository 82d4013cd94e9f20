"""Pairs of waves of one layer: the strongest, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from carleman_ssm.interactions.mode_pairs import Basis, PairMatrices, pair_matrices, sequence_pair_matrices
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.layers import S4DLayer
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.one_sequence import OneSequence
from carleman_ssm.report.sections import Block, Grid, Note

STRONGEST = 6


@dataclass(frozen=True, eq=False)
class WavePairs:
    """Pairs of waves in one layer.

    Parameters
    ----------
    layer
        Index of the layer.
    modes, nodes
        For white noise; the nodes are None where the layer has no ring.
    index, classes, sequence
        Of one sequence: which, the two classes of its margin, and for modes and nodes the matrix (N + 1, N + 1) of what
        pairs add to that margin at second order; empty without a sequence.
    """

    layer: int
    modes: PairMatrices
    nodes: PairMatrices | None
    index: int = 0
    classes: tuple[int, int] = (0, 0)
    sequence: dict[str, Floats] = field(default_factory=dict)


def wave_pairs(explanation: Explanation, layer: int | None, found: OneSequence | None) -> WavePairs | None:
    """Pairs of one S4D layer, the last by default, and those that one sequence raises; None for another family."""
    operator = explanation.operator
    chosen = len(operator.network.layers) - 1 if layer is None else layer
    if not isinstance(operator.network.layers[chosen], S4DLayer):
        return None
    modes = pair_matrices(operator, layer=chosen)
    try:
        nodes = pair_matrices(operator, basis="nodes", layer=chosen)
    except ValueError:  # a spectrum that no ring holds, or a mode that no input reaches
        nodes = None
    if found is None:
        return WavePairs(chosen, modes, nodes)
    target, rival = found.parts.target, found.parts.rival
    margins: dict[str, Floats] = {}
    bases: tuple[Basis, ...] = ("modes", "nodes") if nodes is not None else ("modes",)
    for basis in bases:
        whole = sequence_pair_matrices(operator, found.values, basis=basis, layer=chosen).over_channels
        margins[basis] = whole[target] - whole[rival]
    return WavePairs(chosen, modes, nodes, found.index, (target, rival), margins)


def strongest_pairs(found: WavePairs) -> list[dict[str, Any]]:
    """Pairs of modes by the spread of what they add over the classes, largest first (white noise of variance 1)."""
    ranked = []
    for kind, values in _combinations(found.modes).items():
        whole = np.triu(values) + np.triu(values, 1)  # both orders of a pair together
        spread = whole.std(axis=0)
        for flat in np.argsort(-spread, axis=None, kind="stable")[:STRONGEST].tolist():
            channel, first, second = (int(index) for index in np.unravel_index(flat, spread.shape))
            if spread[channel, first, second] == 0:
                break  # nothing but pairs that are left out: there are fewer pairs than are listed
            entry = _entry(found.modes, kind, (channel, first, second), whole[:, channel, first, second])
            ranked.append((float(spread[channel, first, second]), entry))
    ranked.sort(key=lambda pair: -pair[0])
    return [{**entry, "spread": size} for size, entry in ranked[:STRONGEST]]


def _combinations(pairs: PairMatrices) -> dict[str, Floats]:
    """Sums and differences of two modes; with the feedthrough, which is real, both are one product.

    The feedthrough with itself is one input value with itself, no pair of waves: left out.
    """
    direct = np.zeros(pairs.sums.shape[2:], dtype=np.bool_)
    direct[-1, :] = direct[:, -1] = True
    crossed = direct.copy()
    crossed[-1, -1] = False
    return {
        "sum": np.where(direct, 0.0, pairs.sums),
        "difference": np.where(direct, 0.0, pairs.differences),
        "product": np.where(crossed, pairs.total, 0.0),
    }


def _entry(pairs: PairMatrices, kind: str, place: tuple[int, int, int], added: Floats) -> dict[str, Any]:
    channel, first, second = place
    sign = -1.0 if kind == "difference" else 1.0
    beat = None if kind == "product" else _beat(pairs.angles[channel, first] + sign * pairs.angles[channel, second])
    return {
        "channel": channel,
        "modes": [_mode(pairs, first), _mode(pairs, second)],
        "combination": kind,
        "beat": beat,
        "most_for": int(added.argmax()),
        "least_for": int(added.argmin()),
    }


def _mode(pairs: PairMatrices, index: int) -> int | str:
    """The feedthrough is the last wave."""
    return "D" if index == pairs.angles.shape[1] else index


def _beat(angle: float) -> float:
    """Angle per step of the product of the two waves, in (−π, π]."""
    return float(np.angle(np.exp(1j * angle)))


def pair_blocks(explanation: Explanation, found: WavePairs | None) -> tuple[Block, ...]:
    """The strongest pairs of modes as a table; for another family a sentence why there is none."""
    if found is None:
        return (Note(OTHER_FAMILY.format(kind=explanation.operator.network.layers[0].kind)),)
    rows = tuple(
        (
            f"{entry['channel']}",
            " and ".join(map(str, entry["modes"])),
            entry["combination"],
            "–" if entry["beat"] is None else f"{entry['beat']:.4g}",
            f"{entry['spread']:.4g}",
            f"{explanation.class_name(entry['most_for'])} over {explanation.class_name(entry['least_for'])}",
        )
        for entry in strongest_pairs(found)
    )
    header = ("channel", "modes", "combination", "beat [rad/step]", "spread [logit]", "speaks for")
    return Grid(header, rows), Note(WORDS.format(layer=found.layer))


OTHER_FAMILY = (
    "Pairs of modes are counted for S4D layers, in which every channel has modes of its own; an {kind} layer shares "
    "one state among all channels."
)
WORDS = (
    "Pairs of modes of layer {layer} that separate the classes most at second order, for white noise of variance 1 at "
    "the input, in closed form (geometric series over time). A product of two waves beats at the sum or the difference "
    "of their angles; slow beats survive the pooling over time. D is the feedthrough, no wave."
)
