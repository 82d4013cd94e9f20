"""What `explain` prints: the network, its operator, agreement, orders, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from carleman_ssm.networks.construction import CERTIFIED_SHARE
from carleman_ssm.report.explanation import Explanation

MAX_ROWS = 12


def print_summary(
    explanation: Explanation, content: dict[str, Any], files: list[Path], page: str | None, console: Console
) -> None:
    """Print the sections in reading order; a network whose formula fits a page is that formula first."""
    _network(explanation, content, console)
    if page is not None:
        console.rule("the whole network, as one formula", align="left")
        console.print(page, highlight=False, markup=False, soft_wrap=True)
    for section in (_operator, _agreement, _orders):
        section(explanation, content, console)
    console.rule("files", align="left")
    for path in files:
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _rows(console: Console, title: str, rows: dict[str, str]) -> None:
    console.rule(title, align="left")
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row("  " + name, value)
    console.print(table)


def _network(explanation: Explanation, content: dict[str, Any], console: Console) -> None:
    network = explanation.operator.network
    config, layer = network.config, network.layers[0]
    count = len(explanation.sequences)
    _rows(console, f"the network: {explanation.name}", {
        "layers": f"1 S4D layer, {content['channels']} channels × {layer.C.shape[1]} stored modes (each with its conjugate)",
        "decoder": f"{config.activation}, output {config.output}, norm {config.norm}, "
                   f"{'residual' if config.residual else 'no residual'}, {config.pool} pooling",
        "sequences": f"{count} of {content['length']} steps × {network.features} channels, "
                     f"{content['n_classes']} classes" + ("" if explanation.labels is not None else ", no labels"),
    })


def _operator(explanation: Explanation, content: dict[str, Any], console: Console) -> None:
    operator, sizes = explanation.operator, content["lifted_sizes"]
    certificate, exact = operator.certificate, operator.decoders.exact
    reached = "" if not explanation.degree_was_chosen or exact else (
        f": the smallest that certifies the class of ≥ {100 * CERTIFIED_SHARE:.0f} % of the sequences"
        if explanation.degree_reached else
        f": the largest tried; {100 * CERTIFIED_SHARE:.0f} % certified classes were NOT reached")
    rows = {
        "form": "ℓ = o + R·pool p(K ⋆ (W x + b)) + S·pool x",
        "decoder p": f"exact, degree {operator.degree} (it is the network's own polynomial)" if exact
                     else f"Chebyshev fit per channel, degree {operator.degree}{reached}",
    }
    if not exact:
        width, fit = certificate.upper - certificate.lower, operator.decoders.fit_error
        origin = "of these sequences, rounded outward" if certificate.domain == "sequences" else "of the input box"
        rows["intervals"] = (f"{origin}: from [{certificate.lower.min():.3g}, …] to […, {certificate.upper.max():.3g}], "
                             f"widths {width.min():.3g} to {width.max():.3g}")
        rows["certified fit error"] = f"{fit.min():.2g} to {fit.max():.2g} per channel (sup over its interval)"
    rows["lifted size / channel"] = (f"{sizes['symmetric']:.4g} monomials (symmetric), {sizes['kronecker']:.4g} "
                                     f"(Kronecker); rank form: {sizes['rank_form']}")
    rows["holds for"] = (f"|x| ≤ {certificate.input_bound:.4g}, at most {certificate.length} steps"
                         + (", pre-activations inside the intervals" if not exact and certificate.domain == "sequences" else ""))
    _rows(console, "the operator", rows)


def _agreement(explanation: Explanation, content: dict[str, Any], console: Console) -> None:
    certified = np.array(content["certified_error"])
    _rows(console, "agreement", {
        "operator − polynomial simulation": f"{content['max_abs_error_vs_polynomial_simulation']:.3g} (largest, measured)",
        "operator − true simulation": f"{content['max_abs_error_vs_simulation']:.3g} (largest, measured)",
        "certified bound": f"{certified.min():.3g} to {certified.max():.3g} per class (|printed − exact logit|)",
        "same class": f"certified for {_percent(content['certified_same_class'])}, measured {_percent(content['agreement'])}",
        "accuracy": f"simulation {_percent(content['accuracy_simulation'])}, operator {_percent(content['accuracy_operator'])}",
    })


def _orders(explanation: Explanation, content: dict[str, Any], console: Console) -> None:
    exact, kept = explanation.operator.decoders.exact, explanation.operator.degree + 1
    console.rule("accuracy by order" if exact else "accuracy by degree of the fit", align="left")
    table = Table("order ≤" if exact else "degree", "readout unchanged", "readout refitted", box=None, pad_edge=True)
    for order in range(kept):
        if kept <= MAX_ROWS or order < MAX_ROWS - 2 or order == kept - 1:
            table.add_row(str(order), _percent(content["accuracy_by_order"][order]),
                          _percent(content["accuracy_by_order_refit"][order]))
    console.print(table)
    meaning = ("Order: total degree in the deviation of the input from the centre."
               if exact else "Raw orders of one high-degree fit cancel; here p is the degree of nested fits.")
    console.print(f"  {meaning} The first column drops the rest of [i]this[/i] network (an ablation); the second refits "
                  "the readout\n  to the network's logits on half of the sequences and scores the other half. Whether "
                  "interactions are [i]necessary[/i]\n  is answered only by networks trained without them.")
