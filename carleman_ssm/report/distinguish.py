"""The experiment "waves tell simple inputs apart" as a command: a table, JSON, one figure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from carleman_ssm.experiments.claims import (
    AT_CHANCE,
    NOISE_LEVELS,
    REFERENCE_NOISE,
    RINGS,
    STATE_NOISES,
    TOLD_APART,
    WAVE_RING,
    Outcome,
)
from carleman_ssm.experiments.distinction import Distinction, conditioning, distinguish_inputs, simple_ring
from carleman_ssm.experiments.readouts import PENALTIES
from carleman_ssm.experiments.simple_inputs import SEQUENCES, STEPS, TASKS
from carleman_ssm.report.distinction_figure import distinction_figure
from carleman_ssm.report.distinction_summary import print_distinction
from carleman_ssm.report.terminal import output_folder, print_files, progress_line, results_in

FILES = ("distinction.json", "distinction.png")
DEFAULT_SEEDS = 10
MAX_SEEDS = 1000


@dataclass(frozen=True)
class DistinctionReport:
    """What `distinguish` found and wrote, the files in reading order."""

    distinction: Distinction
    files: tuple[Path, ...]


def distinguish(
    seeds: int = DEFAULT_SEEDS, output: Path | None = None, console: Console | None = None
) -> DistinctionReport:
    """Measure which simple inputs a ring tells apart, print the verdicts, write them.

    Parameters
    ----------
    seeds
        How many seeds, 0 … seeds - 1; each draws its own training and test sequences.
    output
        Folder for ``distinction.json`` and ``distinction.png``; ``distinguish`` by default.
    console
        Where to print; the terminal by default.

    Raises
    ------
    ValueError
        Too few or too many seeds, or the output is a file.
    OSError
        The output folder cannot be written.
    """
    if not 2 <= seeds <= MAX_SEEDS:
        msg = f"--seeds must be between 2 (an interval needs two runs) and {MAX_SEEDS}, got {seeds}"
        raise ValueError(msg)
    folder = output_folder(output, "distinguish")
    screen = console or Console()
    with results_in(folder, FILES):
        with progress_line("drawing inputs") as say:
            found = distinguish_inputs(range(seeds), say)
        report, figure = (folder / name for name in FILES)
        try:
            print_distinction(found, screen)  # before anything can go wrong with files
        finally:  # a reader that has seen enough and closes the pipe loses no file
            with progress_line("drawing"):
                report.write_text(json.dumps(content(found), indent=1, allow_nan=False) + "\n", encoding="utf-8")
                distinction_figure(found).savefig(figure, dpi=150)
    print_files(screen, (report, figure))
    return DistinctionReport(found, (report, figure))


def content(found: Distinction) -> dict[str, Any]:
    """Everything that was measured, as JSON; accuracies are shares of the test sequences."""
    return {
        "seeds": list(found.seeds),
        "training_sequences_per_seed": SEQUENCES,
        "test_sequences_per_seed": SEQUENCES,
        "steps": STEPS,
        "noise_levels": list(NOISE_LEVELS),
        "claims_judged_at_noise": REFERENCE_NOISE,
        "state_noises": list(STATE_NOISES),
        "penalties": [PENALTIES[0], PENALTIES[-1]],
        "interval": "95 %: hull of Student's t over seeds and Wilson's for the pooled count",
        "told_apart_when": f"lower end of the interval >= {TOLD_APART}",
        "at_chance_when": f"the whole interval lies within {AT_CHANCE} of chance; refuted when it excludes chance",
        "undecided_when": "the interval contains the threshold of telling apart, or chance and more than that",
        "claims": [
            {
                "claim": claim.sentence,
                "predicts": "told apart" if claim.told_apart else "at chance",
                "finding": str(finding),
                "holds_at_noise": list(found.holds_at(claim)),
                **_entry(outcome),
            }
            for claim, outcome, finding in found.verdicts
        ],
        "rings": {name: _ring(name) for name in RINGS},
        "outcomes": [
            {
                **_entry(outcome),
                "accuracies": list(outcome.accuracies),
                "explained": list(outcome.explained),
                "penalties": list(outcome.penalties),
            }
            for outcome in found.outcomes
        ],
    }


def _entry(outcome: Outcome) -> dict[str, Any]:
    setting = outcome.setting
    task, (smallest, largest) = TASKS[setting.task], outcome.at_edge
    return {
        "ring": setting.ring,
        "task": setting.task,
        "readout": str(setting.readout),
        "noise": setting.noise,
        "state_noise": setting.state_noise,
        "chance": outcome.chance,
        "accuracy": outcome.accuracy,
        "interval": list(outcome.interval),
        "mean_explained": float(np.mean(outcome.explained)),
        "ideal": None if task.ideal is None else task.ideal(setting.noise, len(task.classes)),
        "fits_with_smallest_penalty": smallest,
        "fits_with_largest_penalty": largest,
    }


def _ring(name: str) -> dict[str, Any]:
    rings = simple_ring(name)
    ratio, _ = conditioning(rings, STEPS, 0.0)
    return {
        "nodes": rings.nodes,
        "step": float(rings.step[0]),
        "closure": rings.closure,
        "waves": {WAVE_RING: "rigid", "S4D-Inv": "spreading", "S4D-Real": "none"}[name],
        "singular_value_ratio": ratio if ratio < 1e15 else None,
        "directions_above_state_noise": {f"{noise:g}": conditioning(rings, STEPS, noise)[1] for noise in STATE_NOISES},
    }
