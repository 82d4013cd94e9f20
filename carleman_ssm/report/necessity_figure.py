"""The figure of the experiment `necessity`: accuracies by decoder, and GELU networks without orders."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from carleman_ssm.experiments.ablations import DELETIONS
from carleman_ssm.experiments.accuracies import Scores
from carleman_ssm.experiments.necessity import LOGISTIC, DatasetOutcome, Necessity
from carleman_ssm.networks.layers import Array
from carleman_ssm.networks.trained import SEEDS
from carleman_ssm.report.wave_figures import BLUE, GREY, RED, caption

_STYLES = {
    LOGISTIC: ("logistic regression, raw sequence", GREY, "s"),
    "bare": ("linear readout, no norm", "#7fb2d9", "v"),
    "identity": ("linear readout of the waves", BLUE, "o"),
    "quadratic": ("learned quadratic decoder", "#e09f3e", "D"),
    "gelu": ("GELU", RED, "^"),
}


def necessity_figure(found: Necessity) -> Figure:
    """Accuracies with intervals for every data set above, orders of interaction below."""
    columns = len(found.outcomes)
    figure = Figure(figsize=(max(8.0, 3.3 * columns), 8.4), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[1, 1.15])[:, 0]
    top = above.subplots()
    _draw_accuracies(top, found)
    above.legend(
        *top.get_legend_handles_labels(),
        ncols=3 if columns < 3 else 6,
        loc="outside upper center",
        fontsize=8.5,
        frameon=False,
    )
    panels = below.subplots(1, columns, sharey=True, squeeze=False)[0]
    for axis, outcome in zip(panels, found.outcomes, strict=True):
        _draw_orders(axis, outcome)
    panels[0].set_ylabel("accuracy [% of test sequences]", fontsize=9)
    _legend(below, max(panels, key=lambda axis: len(axis.lines)), 2 if columns < 3 else 5)
    caption(figure, CAPTION)
    return figure


def _legend(place: SubFigure, axis: Axes, columns: int) -> None:
    handles, labels = axis.get_legend_handles_labels()
    place.legend(handles, labels, ncols=columns, loc="outside upper center", fontsize=8.5, frameon=False)


def _draw_accuracies(axis: Axes, found: Necessity) -> None:
    for number, (name, (label, colour, marker)) in enumerate(_STYLES.items()):
        drawn = [(at, outcome.scores[name]) for at, outcome in enumerate(found.outcomes) if name in outcome.scores]
        if drawn:
            places = np.array([at for at, _ in drawn]) + 0.15 * (number - 2)
            _draw_scores(axis, places, [scores for _, scores in drawn], colour, marker, label)
    for at, outcome in enumerate(found.outcomes):
        label = "chance" if at == 0 else "_once in the legend"
        axis.plot([at - 0.4, at + 0.4], [100 * outcome.chance] * 2, color="black", linestyle=":", label=label)
    names = [f"{outcome.name}\ninteractions: {outcome.verdict}" for outcome in found.outcomes]
    axis.set_xticks(range(len(names)), names)
    axis.set_xlim(-0.6, len(names) - 0.4)
    axis.set_ylim(0, 103)
    axis.set_ylabel("accuracy [% of test sequences]", fontsize=9)


def _draw_scores(axis: Axes, places: Array, drawn: list[Scores], colour: str, marker: str, label: str) -> None:
    centres = 100 * np.array([scores.accuracy for scores in drawn])
    ends = 100 * np.array([scores.interval for scores in drawn])
    # The hull of two intervals holds the mean; rounding may put it 1e-15 outside.
    # Lists: of arrays with one element Matplotlib asks NumPy for something deprecated.
    bars = [np.maximum(centres - ends[:, 0], 0.0).tolist(), np.maximum(ends[:, 1] - centres, 0.0).tolist()]
    axis.errorbar(places, centres, bars, color=colour, marker=marker, linestyle="", capsize=3, label=label)
    for place, scores in zip(places, drawn, strict=True):
        runs = [100 * accuracy for accuracy in scores.accuracies]
        axis.plot([place] * len(runs), runs, color=colour, marker="_", linestyle="", markersize=9)


def _draw_orders(axis: Axes, outcome: DatasetOutcome) -> None:
    orders, ablation = np.arange(len(outcome.ablation.up_to)), outcome.ablation
    for run in range(len(SEEDS)):
        axis.plot(orders, [100 * s.accuracies[run] for s in ablation.up_to], color=RED, alpha=0.3, linewidth=1)
    means = [100 * scores.accuracy for scores in ablation.up_to]
    axis.plot(orders, means, color=RED, marker="^", markersize=4, label="GELU networks, orders up to p")
    after = [100 * ablation.after[name].accuracy for name in DELETIONS]
    places = len(orders) + 1 + np.arange(len(DELETIONS))
    axis.plot(places, after, color="black", marker="x", linestyle="", label="GELU networks, only or without an order")
    trained = {"gelu": "GELU networks", "identity": "trained with a linear readout", "bare": "... without norm"}
    for (name, label), line in zip(trained.items(), ("-", "--", ":"), strict=True):
        if name in outcome.scores:
            height = 100 * outcome.scores[name].accuracy
            axis.axhline(height, color=_STYLES[name][1], linestyle=line, linewidth=1, label=label)
    axis.axvline(len(orders), color="0.85")
    shown = orders[::2]
    axis.set_xticks([*shown, *places], [*map(str, shown), *DELETIONS])
    for text in axis.get_xticklabels()[len(shown) :]:
        text.set(rotation=90)
    axis.tick_params(labelsize=8)
    axis.set_title(outcome.name, fontsize=10)
    axis.set_xlabel("order p of interaction", fontsize=9)
    axis.set_ylim(0, 103)


CAPTION = (
    f"Measured on the test parts. Above: mean accuracy of networks trained with each decoder ({len(SEEDS)} seeds, "
    "single ones as dashes; logistic regression has none), bars: 95 % intervals, the hull of Wilson's over the test "
    "items and Student's t over the seeds. Below: the GELU networks with orders of interaction taken out (order p: "
    "what the least-squares polynomial of degree p under a channel's own pre-activations adds to that of degree p − "
    "1; 1: waves, 2: pairs; thin lines: single seeds). Taking orders out of a trained network is an ablation; what "
    "can be done without interactions is what was trained without."
)
