"""What `explain` says: the network, its operator, agreement, orders, as sections for the terminal and the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from carleman_ssm.networks.construction import CERTIFIED_SHARE
from carleman_ssm.report.directed import above, below, share_below
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.sections import Block, Grid, Note, Pairs, Picture, Section, Verbatim

MAX_ROWS = 12


def summary_sections(
    explanation: Explanation, content: dict[str, Any], page: str | None, pictures: Mapping[str, Picture]
) -> list[Section]:
    """The sections in reading order; a network whose formula fits a page is that formula first.

    Parameters
    ----------
    content
        What ``report.json`` holds.
    page
        The formula of the whole network as text, where it has one.
    pictures
        Those that were drawn, by file name.
    """
    sections = [Section(f"the network: {explanation.name}", (Pairs(_network(explanation, content)),))]
    if page is not None:
        sections.append(Section("the whole network, as one formula", (Verbatim(page),)))
    return [
        *sections,
        Section("the operator", (Pairs(_operator(explanation, content)),)),
        Section("agreement", (Pairs(_agreement(content)),)),
        _orders(explanation, content, pictures),
        *_kernels(pictures),
    ]


def _kernels(pictures: Mapping[str, Picture]) -> list[Section]:
    """The pictures of the kernels: sections of the page alone."""
    titles = {"kernels_first_order.png": "what one input adds", "kernels_second_order.png": "what pairs of inputs add"}
    return [Section(title, (pictures[name],)) for name, title in titles.items() if name in pictures]


def _network(explanation: Explanation, content: dict[str, Any]) -> dict[str, str]:
    network = explanation.operator.network
    config, modes = network.config, network.layers[0].C.shape[1]
    residual = "residual" if config.residual else "no residual"
    labels = "" if explanation.labels is not None else ", no labels"
    steps = f"{content['n_sequences']} of {content['length']} steps × {network.features} channels"
    return {
        "layers": f"1 S4D layer, {content['channels']} channels × {modes} stored modes (each with its conjugate)",
        "decoder": f"{config.activation}, output {config.output}, norm {config.norm}, {residual}, {config.pool} pool",
        "sequences": f"{steps}, {content['n_classes']} classes{labels}",
    }


def _operator(explanation: Explanation, content: dict[str, Any]) -> dict[str, str]:
    operator, sizes = explanation.operator, content["lifted_sizes"]
    proof, observed = operator.certificate, operator.certificate.domain == "sequences"
    rows = {"form": "ℓ = o + R·pool p(K ⋆ (W x + b)) + S·pool x"}
    inside = ""
    if operator.decoders.exact:
        rows["decoder p"] = f"exact, degree {operator.degree} (it is the network's own polynomial)"
    else:
        width, fit = proof.upper - proof.lower, operator.decoders.fit_error
        origin = "of these sequences, rounded outward" if observed else "of the input box"
        rows["decoder p"] = f"Chebyshev fit per channel, degree {operator.degree}{_how_chosen(explanation)}"
        rows["intervals"] = (
            f"{origin}: from [{proof.lower.min():.3g}, …] to […, {proof.upper.max():.3g}], "
            f"widths {width.min():.3g} to {width.max():.3g}"
        )
        rows["certified fit error"] = f"{above(fit.min())} to {above(fit.max())} per channel (sup over its interval)"
        inside = ", pre-activations inside the intervals" if observed else ""
    rows["lifted size / channel"] = (
        f"{sizes['symmetric']:.4g} monomials (symmetric), {sizes['kronecker']:.4g} (Kronecker); "
        f"rank form: {sizes['rank_form']}"
    )
    rows["holds for"] = f"|x| ≤ {below(proof.input_bound, 4)}, at most {proof.length} steps{inside}"
    return rows


def _how_chosen(explanation: Explanation) -> str:
    if not explanation.degree_was_chosen:
        return ""
    aim = f"{100 * CERTIFIED_SHARE:.0f} %"
    if explanation.degree_reached:
        return f": the smallest that certifies the class of ≥ {aim} of the sequences"
    return f": the largest tried; {aim} of certified classes were NOT reached"


def _agreement(content: dict[str, Any]) -> dict[str, str]:
    certified = np.array(content["certified_error"])
    same, agree = share_below(content["certified_same_class"]), share_below(content["agreement"])
    right = (share_below(content["accuracy_simulation"]), share_below(content["accuracy_operator"]))
    gaps = [content[f"max_abs_error_vs_{which}simulation"] for which in ("polynomial_", "")]
    return {
        "operator − polynomial simulation": f"{gaps[0]:.3g} (largest, measured)",
        "operator − true simulation": f"{gaps[1]:.3g} (largest, measured)",
        "certified bound": f"{above(certified.min())} to {above(certified.max())} per class (|printed − exact logit|)",
        "same class": f"certified for {same}, measured {agree}",
        "accuracy": f"simulation {right[0]}, operator {right[1]}",
    }


def _orders(explanation: Explanation, content: dict[str, Any], pictures: Mapping[str, Picture]) -> Section:
    exact, kept = explanation.operator.decoders.exact, explanation.operator.degree + 1
    title = "accuracy by order" if exact else "accuracy by degree of the fit"
    drawn = tuple(pictures[name] for name in ("orders.png",) if name in pictures)
    if explanation.labels is None:
        return Section(title, (Note("no labels were given, so there are no accuracies"), *drawn))
    rows = []
    for order in range(kept):
        last = order == kept - 1
        if kept <= MAX_ROWS or order < MAX_ROWS - 2 or last:
            scores = (content["accuracy_by_order"][order], content["accuracy_by_order_refit"][order])
            name = f"{order}" if exact or not last else f"{order}, the operator"
            rows.append((name, *map(share_below, scores)))
        elif order == kept - 2:
            rows.append(("…", "all rows are in", "report.json"))
    header = ("order ≤" if exact else "degree", "readout unchanged", "readout refitted")
    blocks: tuple[Block, ...] = (Grid(header, tuple(rows)), Note(f"{MEANING[exact]} {READING}"), *drawn)
    return Section(title, blocks)


MEANING = (
    "Raw orders of one high-degree fit cancel; here p is the degree of nested least-squares fits under the observed "
    "density, and the last row is the operator itself.",
    "Order: total degree in the deviation of the input from the centre.",
)
READING = (
    "The first column drops the rest of this network (an ablation); the second refits the readout to the "
    "network's logits on half of the sequences and scores the other half. Whether interactions are necessary is "
    "answered only by networks trained without them."
)
