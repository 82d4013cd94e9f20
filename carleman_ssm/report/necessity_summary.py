"""What `necessity` prints: accuracies by decoder, verdicts, what is left without orders of interaction."""

from __future__ import annotations

from math import ceil, floor

from rich.console import Console
from rich.table import Table
from rich.text import Text

from carleman_ssm.experiments.ablations import DELETIONS
from carleman_ssm.experiments.accuracies import Interval, Scores
from carleman_ssm.experiments.necessity import AFFINE, LOGISTIC, NEEDED_BY, Necessity, Verdict
from carleman_ssm.networks.trained import SEEDS
from carleman_ssm.report.terminal import heading

NAMES = {
    LOGISTIC: "logistic",
    "bare": "identity, no norm",
    "identity": "identity",
    "quadratic": "quadratic",
    "gelu": "GELU",
}
"""Classifiers in reading order; the first three are affine in the sequence."""
_STYLES = {Verdict.NEEDED: "bold red", Verdict.HELPS: "yellow", Verdict.NOT_NEEDED: "green", Verdict.UNDECIDED: "cyan"}
_SHOWN_ORDERS = (1, 2, 3, 4, 6, 8, 10)


def print_necessity(found: Necessity, console: Console) -> None:
    """Print the sections in reading order."""
    heading(console, "accuracy by decoder [% of test sequences]")
    console.print(_accuracies(found))
    console.print(f"  {READING}", highlight=False)
    for outcome in found.outcomes:
        if LOGISTIC not in outcome.scores:
            console.print(Text(f"  {outcome.name}: {UNANCHORED}"), soft_wrap=True)
    heading(console, "are interactions needed?")
    console.print(_verdicts(found))
    console.print(f"  {VERDICTS}", highlight=False)
    heading(console, "GELU networks with orders taken out [% of test sequences]")
    console.print(_orders(found))
    console.print(_deletions(found))
    console.print(f"  {ABLATIONS}", highlight=False)
    for name, reason in found.missing.items():
        console.print(Text(f"  {name} is missing: {reason}"), soft_wrap=True)


def _grid(*headings: str) -> Table:
    grid = Table(*headings, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    grid.columns[0].no_wrap = True
    for column in grid.columns[1:]:
        column.justify = "right"
    return grid


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def outward(interval: Interval, signed: bool = False) -> str:
    """An interval in per cent to one digit, rounded outward."""
    low, high = floor(1000 * interval[0]) / 10, ceil(1000 * interval[1]) / 10
    return f"{low:+.1f} to {high:+.1f}" if signed else f"{low:.1f}–{high:.1f}"


def _accuracies(found: Necessity) -> Table:
    grid = _grid("data set", "decoder", "accuracy", "95 % interval", "seeds")
    grid.columns[1].justify = "left"
    for outcome in found.outcomes:
        items = f"({outcome.data.test.x.shape[0]} test items)"
        titles = [outcome.name, items, f"(chance {_percent(outcome.chance)})"]
        for key, name in NAMES.items():
            if key in outcome.scores:
                grid.add_row(titles.pop(0) if titles else "", name, *_cells(outcome.scores[key]))
    return grid


def _cells(scores: Scores) -> tuple[str, str, str]:
    runs = " ".join(_percent(accuracy) for accuracy in scores.accuracies) if len(scores.accuracies) > 1 else "–"
    return _percent(scores.accuracy), outward(scores.interval), runs


UNANCHORED = 'no logistic regression without the training part, which needs: pip install "carleman_ssm[data]"'
READING = (
    f"Measured on the test part: the mean of {len(SEEDS)} seeds, its 95 % interval (hull of Wilson's over the "
    "test items, which all seeds share, and Student's t over the seeds) and each seed. Identity: a linear "
    "readout of the waves; with BatchNorm or no norm, affine output and mean pooling it is an affine functional of "
    "the sequence, as logistic regression on the raw sequence is. Quadratic: a learned c₁y + c₂y². Chance: always the "
    "most frequent class. No seed and no epoch was selected on these items."
)


def _verdicts(found: Necessity) -> Table:
    grid = _grid("data set", "interactions\nare", "GELU less\nlogistic", "GELU less\nno norm", "GELU less\nidentity")
    grid.columns[1].justify = "left"
    for outcome in found.outcomes:
        gains = [outward(outcome.gains[name], signed=True) if name in outcome.gains else "–" for name in AFFINE]
        grid.add_row(outcome.name, Text(outcome.verdict, style=_STYLES[outcome.verdict]), *gains)
    return grid


VERDICTS = (
    "Points of accuracy, 95 % intervals of the difference on the same items (hull of Newcombe's for paired shares and "
    f"Student's t over the seeds). Needed: GELU gains at least {100 * NEEDED_BY:g} points on every classifier that is "
    f"affine in the sequence. Helps: it gains on every one. Not needed: one is shown to be within {100 * NEEDED_BY:g} "
    "points. –: the affine classifier is missing; on the digits no network was trained without a norm (logistic "
    "regression stands for it). Else undecided: too few test items for this. The word is about classifiers that "
    "were trained without interactions, of this size, on this data; nothing is proved."
)


def _orders(found: Necessity) -> Table:
    grid = _grid("orders up to", *(str(order) for order in _SHOWN_ORDERS), "all", "enough")
    for outcome in found.outcomes:
        scores, full, enough = outcome.ablation.up_to, outcome.ablation.full, outcome.ablation.smallest_order
        cells = [_percent(scores[order].accuracy) for order in _SHOWN_ORDERS]
        grid.add_row(outcome.name, *cells, _percent(full.accuracy), "–" if enough is None else str(enough))
    return grid


def _deletions(found: Necessity) -> Table:
    grid = _grid("what is kept", *DELETIONS, "all")
    for outcome in found.outcomes:
        cells = [_percent(outcome.ablation.after[name].accuracy) for name in DELETIONS]
        grid.add_row(outcome.name, *cells, _percent(outcome.ablation.full.accuracy))
    return grid


ABLATIONS = (
    "Mean of the seeds. Order p: what the polynomial fit of degree p to GELU adds to that of degree p − 1, per "
    "channel, in the mean square under the channel's own pre-activations on the training part (constant well beyond "
    "them). 1 is the waves, 2 their pairs. All: the network itself. Enough: the smallest order from which on less "
    "than a point is lost. An ablation of networks that were trained with all orders: what is left of them is no "
    "measure of what a network trained without these orders reaches (first table)."
)
