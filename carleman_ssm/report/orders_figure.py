"""What each order adds to the logits, and what is left when orders are deleted."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from carleman_ssm.report.explanation import Explanation, decision_spread
from carleman_ssm.report.order_words import order_words
from carleman_ssm.report.wave_figures import BLUE, GREY, RED, caption


def orders_figure(explanation: Explanation) -> Figure:
    """Size of the contributions by order, raw orders beside; accuracy of orders up to p; accuracy without some."""
    figure = Figure(figsize=(12.0, 4.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.0, 1.0, 1.0))
    _draw_sizes(left, explanation)
    _draw_accuracy(middle, explanation)
    _draw_deletions(right, explanation)
    words = order_words(explanation.operator)
    beside = (
        ""
        if explanation.raw_orders is None
        else (
            f" Red: orders of the input, as raw Taylor parts about the centre ({explanation.raw_count} sequences); "
            "where they are larger than the logits they cancel one another."
        )
    )
    caption(
        figure,
        f"Left: root mean square over sequences and classes of what each {words.parts} "
        f"adds to the logits, class mean removed.{beside} Middle: accuracy when higher ones are dropped. Right: "
        "when single ones are dropped and the readout is left as it is: an ablation of this network, no proof of need."
        f"{words.caution}",
    )
    return figure


def _draw_sizes(axis: Axes, explanation: Explanation) -> None:
    spread = decision_spread(explanation.order_contributions)
    raw = explanation.raw_orders
    width = 0.8 if raw is None else 0.4
    places = np.arange(len(spread))
    axis.bar(places if raw is None else places - 0.2, spread, width=width, color=BLUE, label="orthogonalised")
    shown = spread
    if raw is not None:
        sizes = decision_spread(raw[:-1])[: len(spread)]  # the last entry is what these orders leave
        axis.bar(np.arange(len(sizes)) + 0.2, sizes, width=width, color=RED, label="raw (Taylor)")
        axis.legend(fontsize=8)
        shown = np.concatenate([spread, sizes])
    axis.set(xlabel=order_words(explanation.operator).axis, ylabel="spread over classes [logit]")
    _name_orders(axis, explanation)
    positive = shown[shown > 0]
    if len(positive) and positive.max() > 30 * positive.min():
        axis.set_yscale("log")


def _name_orders(axis: Axes, explanation: Explanation) -> None:
    """Whole numbers; the last entry of a fitted stack is all that is left."""
    names = [name.split(",")[0] for name in explanation.order_names]
    if names[-1] == "all":
        axis.set_xticks(range(len(names)), labels=names)
    else:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_accuracy(axis: Axes, explanation: Explanation) -> None:
    for values, label, style in (
        (explanation.accuracy_by_order, "readout unchanged (an ablation)", "o-"),
        (explanation.accuracy_by_order_refit, "readout refitted on half of the sequences", "s--"),
    ):
        known = [value for value in values if value is not None]
        if known:
            axis.plot(np.arange(len(known)), known, style, label=label, markersize=4)
    axis.set(xlabel=order_words(explanation.operator).kept, ylabel="accuracy [share of sequences]", ylim=(0, 1.02))
    _name_orders(axis, explanation)
    if explanation.labels is not None:
        axis.legend(fontsize=8, loc="lower right")
    else:
        axis.text(0.5, 0.5, "no labels were given", ha="center", transform=axis.transAxes)


def _draw_deletions(axis: Axes, explanation: Explanation) -> None:
    """Bars per deletion: accuracy where there are labels, else the share that keeps the operator's class."""
    kept = explanation.accuracy_without
    labelled = explanation.labels is not None
    values = [right if right is not None else same for right, same in kept.values()]
    places = np.arange(len(kept))[::-1]
    axis.barh(places, values, color=[GREY if name == "all orders" else BLUE for name in kept])
    axis.set_yticks(places, labels=[name.replace(" (", "\n(") for name in kept], fontsize=8)
    axis.set(xlim=(0, 1.02), xlabel="accuracy [share of sequences]" if labelled else "same class [share of sequences]")
