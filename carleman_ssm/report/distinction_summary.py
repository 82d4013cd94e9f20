"""What `distinguish` prints: accuracies, claims with their verdicts and reasons, other rings, files."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from carleman_ssm.experiments.claims import (
    AT_CHANCE,
    CONTROLLED,
    NOISE_LEVELS,
    REFERENCE_NOISE,
    RINGS,
    STATE_NOISES,
    TOLD_APART,
    WAVE_RING,
    Finding,
    Outcome,
)
from carleman_ssm.experiments.distinction import Distinction, conditioning, simple_ring
from carleman_ssm.experiments.readouts import Readout
from carleman_ssm.experiments.simple_inputs import SEQUENCES, SILENT_REVOLUTIONS, STEPS, TASKS

_HEADINGS = {
    Readout.LINEAR_LAST: "contents\nlast step",
    Readout.LINEAR_MEAN: "contents\ntime mean",
    Readout.QUADRATIC_LAST: "powers\nlast step",
    Readout.QUADRATIC_MEAN: "powers\ntime mean",
}


_VERDICTS = {
    Finding.HOLDS: Text("holds", style="green"),
    Finding.FAILS: Text("FAILS", style="bold red"),
    Finding.UNDECIDED: Text("undecided", style="yellow"),
}


def print_distinction(found: Distinction, console: Console) -> None:
    """Print the sections in reading order."""
    console.rule(f"accuracy on the ring of {WAVE_RING}", align="left")
    console.print(_accuracies(found))
    console.print(f"  {_reading(found)}", highlight=False)
    console.rule("claims", align="left")
    console.print(_claims(found))
    for reason in _reasons(found):
        console.print(f"  {reason}", highlight=False)
    console.rule("does it take a wave? (noise on the state)", align="left")
    console.print(_rings(found))
    console.print(f"  {RINGS_READING}", highlight=False)


def _grid(*headings: str) -> Table:
    grid = Table(*headings, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in grid.columns[1:]:
        column.justify = "right"
    return grid


def _accuracies(found: Distinction) -> Table:
    grid = _grid("task", "σ", "chance", *_HEADINGS.values())
    for task in TASKS.values():
        cells = [_cell(found.outcome(task.name, readout)) if readout in task.readouts else "–" for readout in Readout]
        grid.add_row(task.name, f"{REFERENCE_NOISE:g}", f"{task.chance:.2f}", *cells)
    return grid


def _cell(outcome: Outcome) -> str:
    return f"{'*' * any(outcome.at_edge)}{outcome.accuracy:.3f}\n{interval(outcome)}"


def interval(outcome: Outcome) -> str:
    """The interval to three digits, rounded outward."""
    low, high = outcome.interval
    ends = (f"{floor(1000 * low) / 1000:.3f}", f"{ceil(1000 * high) / 1000:.3f}")
    return "–".join(end.removeprefix("0") for end in ends)


def _reading(found: Distinction) -> str:
    small, large = (sum(outcome.at_edge[end] for outcome in found.outcomes) for end in (0, 1))
    fits = len(found.seeds) * len(found.outcomes)
    return (
        f"Measured: {len(found.seeds)} seeds, {SEQUENCES} training and {SEQUENCES} test sequences each; below each "
        "accuracy its 95 % interval (hull of Student's t over the seeds and Wilson's for the pooled count). Ridge "
        "regression on node contents is a linear readout, on the powers of their waves a quadratic one. * marks "
        "readouts of which at least one fit chose a penalty at the end of the grid, beyond which nothing changes: of "
        f"all {fits} fits {small} the smallest (rounding), {large} the largest (little or nothing to fit)."
    )


def _claims(found: Distinction) -> Table:
    grid = _grid("", "claim", "σ", "accuracy", "chance", "holds\nat σ")
    grid.columns[1].justify = "left"
    for claim, outcome, finding in found.verdicts:
        levels = in_short(found.holds_at(claim))
        sigma = f"{claim.setting.noise:g}"
        grid.add_row(_VERDICTS[finding], claim.sentence, sigma, _cell(outcome), f"{outcome.chance:.2f}", levels)
    return grid


def in_short(levels: tuple[float, ...]) -> str:
    """Noise levels in short: those of the experiment from one end on, or a list."""
    count = len(levels)
    if levels == NOISE_LEVELS:
        return "all"
    if count > 1 and levels == NOISE_LEVELS[:count]:
        return f"≤ {levels[-1]:g}"
    if count > 1 and levels == NOISE_LEVELS[-count:]:
        return f"≥ {levels[0]:g}"
    return ", ".join(f"{level:g}" for level in levels) or "none"


def _reasons(found: Distinction) -> tuple[str, ...]:
    explained = float(np.mean(found.outcome("4 sines, random phase", Readout.LINEAR_LAST).explained))
    return (
        f"All claims are judged at σ = {REFERENCE_NOISE:g}, the smallest noise of the experiment, unless they name "
        f"another; the last column lists where else they hold, of σ = {', '.join(f'{s:g}' for s in NOISE_LEVELS)}. "
        f"A claim of telling apart holds when the whole interval is at least {TOLD_APART}, and fails when none of it "
        f"is; one of chance holds when the whole interval lies within {AT_CHANCE} of chance and fails when it excludes "
        "chance. In between it is undecided: an interval that contains chance because it is wide shows nothing, and "
        "more --seeds make it narrower. Why some fail:",
        "• Random phase: all classes have the mean input 0, and least squares sees class means only. Its scores explain"
        f" nothing (R² = {explained:.3f} for four frequencies, last step); but the largest of four worthless scores is"
        " not drawn by lot: fitted noise points along each class's own waves. This is about least squares: a threshold"
        " chosen otherwise may use how far a class spreads, and tell two of them with an accuracy of up to 3/4.",
        "• Powers are even in the input, and down-up is minus up-down.",
        f"• Silence: after {SILENT_REVOLUTIONS} revolutions e^-{SILENT_REVOLUTIONS} of the wave is left. That drowns in"
        " noise of this size, not in faint noise. Only endless silence leaves nothing but b̄/(1 − λ) times the sum of"
        " the input.",
    )


def _rings(found: Distinction) -> Table:
    grid = _grid("ring", "ε", "kept", *CONTROLLED)
    for name, waves in zip(RINGS, ("rigid", "spreading", "none"), strict=True):
        titles = (name, f"({waves})", *[""] * len(STATE_NOISES))
        for title, noise in zip(titles, STATE_NOISES, strict=False):
            cells = [
                _short(found.outcome(task, Readout.LINEAR_LAST, ring=name, state_noise=noise)) for task in CONTROLLED
            ]
            kept = conditioning(simple_ring(name), STEPS, noise)[1]
            grid.add_row(title, f"{noise:g}", f"{kept}", *cells)
    return grid


def _short(outcome: Outcome) -> str:
    return f"{'*' * any(outcome.at_edge)}{outcome.accuracy:.3f} {interval(outcome)}"


RINGS_READING = (
    f"Node contents at the last step, σ = {REFERENCE_NOISE:g}; time means are in the figure. State noise ε: Gaussian, "
    "on each number that is read, relative to the largest one; 0 leaves the rounding of float64. Kept: singular values "
    f"of the map from the last {STEPS} inputs to the node contents above ε of the largest. In float64 the ring without "
    "waves tells what the others tell; noise on the state costs it first. Rigid waves are not necessary. These are "
    "three rings and no law. A readout of modes instead of nodes gives the same numbers."
)
