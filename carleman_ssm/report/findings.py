"""Everything that one run of `explain` found out, and the content of its ``report.json``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from carleman_ssm.interactions.low_degree import LowDegreeTable
from carleman_ssm.report.content import report_content
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.low_degree_section import low_degree_content, low_degree_networks_of
from carleman_ssm.report.mode_pair_section import WavePairs, strongest_pairs, wave_pairs
from carleman_ssm.report.one_sequence import OneSequence, one_sequence, sequence_content


@dataclass(frozen=True, eq=False)
class Findings:
    """An explanation with what costs more than a look at it.

    Parameters
    ----------
    explanation
        Operator, sequences and what follows from both.
    pairs
        Pairs of waves of one layer; None where it is no S4D layer.
    low_degree
        Networks with decoders of low degree, where the network is fitted and can be scored.
    sequence
        The sequence that was asked for.
    content
        What ``report.json`` holds.
    """

    explanation: Explanation
    pairs: WavePairs | None
    low_degree: LowDegreeTable | None
    sequence: OneSequence | None
    content: dict[str, Any]


def find(explanation: Explanation, index: int | None, layer: int | None) -> Findings:
    """Measure everything, for one sequence by its index and the pairs of one layer, where they are asked for."""
    sequence = None if index is None else one_sequence(explanation, index)
    pairs, low = wave_pairs(explanation, layer, sequence), low_degree_networks_of(explanation)
    content = report_content(explanation)
    if pairs is not None:
        content["pairs_of_modes"] = {"layer": pairs.layer, "strongest": strongest_pairs(pairs)}
    if low is not None:
        content["low_degree"] = low_degree_content(low)
    if sequence is not None:
        content["sequence"] = sequence_content(sequence)
    return Findings(explanation, pairs, low, sequence, content)
