"""Low-degree networks that still classify: different networks, said so, beside the one that is explained."""

from __future__ import annotations

from typing import Any

import numpy as np

from carleman_ssm.interactions.low_degree import KINDS, LowDegreeTable, apart_from, low_degree_table
from carleman_ssm.report.directed import share_below
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.sections import Grid, Note, Section

FEWEST = 20
"""Sequences below which half of them fit no readout worth scoring."""


def low_degree_networks_of(explanation: Explanation) -> LowDegreeTable | None:
    """Fitted on even sequences and scored on the odd ones that are no copies of these.

    None where nothing is fitted or too few can be scored.
    """
    labels, given = explanation.labels, explanation.sequences
    if explanation.operator.exact or labels is None or len(given) < FEWEST:
        return None
    fitted = given[::2]
    kept = np.flatnonzero(apart_from(fitted, given[1::2])) * 2 + 1
    if not len(kept):
        return None
    return low_degree_table(explanation.operator.network, fitted, given[kept], labels[kept])


def low_degree_content(table: LowDegreeTable) -> dict[str, Any]:
    """The entry of ``report.json``."""
    return {
        "scored_sequences": table.items,
        "accuracy_of_the_network": table.accuracy,
        "smallest_degree_that_keeps_it": {kind: table.smallest_degree(kind) for kind in KINDS},
        "tolerance": table.tolerance,
        "scores": [
            {
                "degree": score.degree,
                "kind": score.kind,
                "accuracy": score.accuracy,
                "same_class": score.agreement,
                "largest_distance": score.largest_distance,
                "root_mean_square_distance": score.usual_distance,
                "ridge_of_the_readout": score.ridge,
            }
            for score in table.scores
        ],
    }


def low_degree_section(table: LowDegreeTable) -> Section:
    """Accuracies by degree and kind, and which degree is enough."""
    columns = [table.of_kind(kind) for kind in KINDS]
    rows = tuple(
        (
            f"{scores[0].degree}",
            *(share_below(score.accuracy) for score in scores),
            share_below(scores[-1].agreement),
            f"{scores[-1].usual_distance:.3g}",
            f"{scores[-1].ridge:.0e}",
        )
        for scores in zip(*columns, strict=True)
    )
    header = ("degree", "shared fit", "per channel", "+ readout", "same class", "logits move by", "ridge")
    return Section("different networks: decoders of low degree", (Grid(header, rows), Note(_words(table))))


def _words(table: LowDegreeTable) -> str:
    enough = ", ".join(
        f"{kind}: {'none of these' if (degree := table.smallest_degree(kind)) is None else degree}" for kind in KINDS
    )
    return (
        f"Smallest degree that keeps the network's {share_below(table.accuracy)} within {100 * table.tolerance:.0f} "
        f"point ({enough}). Accuracies, measured on {table.items} sequences: every other one, less those that are "
        "copies of the rest; densities and readouts come from the rest, without labels. The next two columns compare "
        "the refitted network with the original: root mean square of the difference of their logits. The last is the "
        "λ of its readout, chosen by generalised cross-validation on the rest. These are "
        "different networks: no certificate carries over."
    )
