"""What `explain` says: the network, its operator, agreement, orders, as sections for the terminal and the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from carleman_ssm.report.directed import above, share_below
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.findings import Findings
from carleman_ssm.report.interaction_section import interaction_section
from carleman_ssm.report.low_degree_section import low_degree_section
from carleman_ssm.report.one_sequence import sequence_section
from carleman_ssm.report.operator_words import bound_blocks, network_rows, operator_blocks
from carleman_ssm.report.order_words import order_words
from carleman_ssm.report.sections import Block, Grid, Note, Pairs, Picture, Section, Verbatim
from carleman_ssm.report.shapley_section import shapley_section

MAX_ROWS = 12


def summary_sections(findings: Findings, page: str | None, pictures: Mapping[str, Picture]) -> list[Section]:
    """The sections in reading order; a network whose formula fits a page is that formula first.

    Parameters
    ----------
    page
        The formula of the whole network as text, where it has one.
    pictures
        Those that were drawn, by file name.
    """
    explanation, content = findings.explanation, findings.content
    sections = [Section(f"the network: {explanation.name}", (Pairs(network_rows(explanation, content)),))]
    if page is not None:
        sections.append(Section("the whole network, as one formula", (Verbatim(page),)))
    sections += [
        Section("the operator", operator_blocks(explanation, content)),
        Section("agreement", (Pairs(_agreement(explanation, content)), *bound_blocks(explanation))),
        _orders(explanation, content, pictures),
        interaction_section(explanation, findings.pairs, pictures),
        *_kernels(pictures),
    ]
    if findings.low_degree is not None:
        sections.append(low_degree_section(findings.low_degree))
    if findings.sequence is not None:
        sections.append(sequence_section(explanation, findings.sequence, pictures))
        sections.append(shapley_section(findings.sequence.index, findings.sequence.shares))
    return sections


def _kernels(pictures: Mapping[str, Picture]) -> list[Section]:
    """The pictures of the kernels: sections of the page alone."""
    titles = {"kernels_first_order.png": "what one input adds", "kernels_second_order.png": "what pairs of inputs add"}
    return [Section(title, (pictures[name],)) for name, title in titles.items() if name in pictures]


def _agreement(explanation: Explanation, content: dict[str, Any]) -> dict[str, str]:
    certified = explanation.operator.certified_error
    same, agree = share_below(content["certified_same_class"]), share_below(content["agreement"])
    right = (share_below(content["accuracy_simulation"]), share_below(content["accuracy_operator"]))
    gaps = [content[f"max_abs_error_vs_{which}simulation"] for which in ("polynomial_", "")]
    bound = f"{above(certified.min())} to {above(certified.max())} per class (|printed − exact logit|)"
    if not np.isfinite(certified).all():
        bound = "none: no finite number within float64"
    return {
        "operator − polynomial simulation": f"{gaps[0]:.3g} (largest, measured)",
        "operator − true simulation": f"{gaps[1]:.3g} (largest, measured)",
        "certified bound": bound,
        "same class": f"certified for {same}, measured {agree}",
        "accuracy": f"simulation {right[0]}, operator {right[1]}",
    }


def _orders(explanation: Explanation, content: dict[str, Any], pictures: Mapping[str, Picture]) -> Section:
    words, kept = order_words(explanation.operator), len(explanation.order_contributions)
    drawn = tuple(pictures[name] for name in ("orders.png",) if name in pictures)
    if explanation.labels is None:
        return Section(words.title, (Note("no labels were given, so there are no accuracies"), *drawn))
    rows = []
    for order in range(kept):
        last = order == kept - 1
        if kept <= MAX_ROWS or order < MAX_ROWS - 2 or last:
            scores = (content["accuracy_by_order"][order], content["accuracy_by_order_refit"][order])
            rows.append((explanation.order_names[order], *map(share_below, scores)))
        elif order == kept - 2:
            rows.append(("…", "all rows are in", "report.json"))
    header = (words.column, "readout unchanged", "readout refitted")
    blocks: tuple[Block, ...] = (Grid(header, tuple(rows)), Note(f"{words.meaning} {READING}"), *drawn)
    return Section(words.title, blocks)


READING = (
    "The first column drops the rest of this network (an ablation); the second refits the readout to the "
    "network's logits on half of the sequences and scores the other half. Whether interactions are necessary is "
    "answered only by networks trained without them."
)
