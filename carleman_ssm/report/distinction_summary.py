"""What `distinguish` prints: accuracies, claims with their verdicts and reasons, other rings, files."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from carleman_ssm.networks.distinction import (
    AT_CHANCE,
    CONTROLLED,
    LINEAR,
    RINGS,
    TOLD_APART,
    WAVE_RING,
    Distinction,
    Finding,
    Outcome,
    conditioning,
    simple_ring,
)
from carleman_ssm.networks.readouts import Readout
from carleman_ssm.networks.simple_inputs import SEQUENCES, STEPS, TASKS

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
    console.rule("does it take a wave? (node contents)", align="left")
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
        grid.add_row(task.name, f"{task.noise:g}", f"{task.chance:.2f}", *cells)
    return grid


def _cell(outcome: Outcome) -> str:
    return f"{outcome.accuracy:.3f}\n{interval(outcome)}"


def interval(outcome: Outcome) -> str:
    """The interval to three digits, rounded outward."""
    low, high = outcome.interval
    ends = (f"{floor(1000 * low) / 1000:.3f}", f"{ceil(1000 * high) / 1000:.3f}")
    return "–".join(end.removeprefix("0") for end in ends)


def _reading(found: Distinction) -> str:
    return (
        f"Measured: {len(found.seeds)} seeds, {SEQUENCES} training and {SEQUENCES} test sequences each; below each "
        "accuracy its 95 % interval (hull of Student's t over the seeds and Wilson's for the pooled count). Ridge "
        "regression on node contents is a linear readout, on the powers of their waves a quadratic one."
    )


def _claims(found: Distinction) -> Table:
    grid = _grid("", "claim", "accuracy", "interval", "chance")
    grid.columns[1].justify = "left"
    for claim, outcome, finding in found.verdicts:
        grid.add_row(
            _VERDICTS[finding], claim.sentence, f"{outcome.accuracy:.3f}", interval(outcome), f"{outcome.chance:.2f}"
        )
    return grid


def _reasons(found: Distinction) -> tuple[str, ...]:
    explained = float(np.mean(found.outcome("4 sines, random phase", Readout.LINEAR_LAST).explained))
    return (
        f"A claim of telling apart holds when the whole interval is at least {TOLD_APART}, and fails when none of it "
        f"is; one of chance holds when the whole interval lies within {AT_CHANCE} of chance and fails when it excludes "
        "chance. In between it is undecided: an interval that contains chance because it is wide shows nothing, and "
        "more --seeds make it narrower. Why some fail:",
        "• Random phase: all classes have the mean input 0, and least squares sees class means only. Its scores explain"
        f" nothing (R² = {explained:.3f} for four frequencies, last step); but the largest of four worthless scores is"
        " not drawn by lot: fitted noise points along each class's own waves.",
        "• Powers are even in the input, and down-up is minus up-down.",
        "• Over the whole response every mode gains b̄/(1 − λ) times the sum of the input: a time mean keeps no more.",
    )


def _rings(found: Distinction) -> Table:
    grid = _grid("ring", "waves", f"inputs\nkept of {STEPS}", "singular\nmax/min", *CONTROLLED)
    for name, waves in zip(RINGS, ("rigid", "spreading", "none"), strict=True):
        ratio, kept = conditioning(simple_ring(name), STEPS)
        size = f"{ratio:.3g}" if ratio < 1e15 else "≥ 1e15"
        cells = [
            "\n".join(_short(found.outcome(task, readout, ring=name)) for readout in LINEAR) for task in CONTROLLED
        ]
        grid.add_row(name, waves, f"{kept}", size, *cells)
    return grid


def _short(outcome: Outcome) -> str:
    return f"{outcome.accuracy:.3f} {interval(outcome)}"


RINGS_READING = (
    "First line: last step; second: time mean. Singular values of the map from the last inputs to the node contents; "
    "kept: those above 1e-4 of the largest. Rigid waves are not necessary: what counts is how well the "
    "state can be solved for its inputs. A readout of modes instead of nodes gives the same numbers."
)
