"""The experiment "are nonlinear interactions of waves needed?" as a command: tables, JSON, one figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from carleman_ssm.experiments.accuracies import Scores
from carleman_ssm.experiments.necessity import MAX_ORDER, NEEDED_BY, PENALTIES, DatasetOutcome, Necessity
from carleman_ssm.experiments.necessity import necessity as measure_necessity
from carleman_ssm.networks.trained import SEEDS
from carleman_ssm.report.necessity_figure import necessity_figure
from carleman_ssm.report.necessity_summary import print_necessity
from carleman_ssm.report.terminal import output_folder, print_files, progress_line, results_in

FILES = ("necessity.json", "necessity.png")


@dataclass(frozen=True)
class NecessityReport:
    """What `necessity` found and wrote, the files in reading order."""

    necessity: Necessity
    files: tuple[Path, ...]


def necessity(
    datasets: Sequence[str] | None = None, output: Path | None = None, console: Console | None = None
) -> NecessityReport:
    """Score the shipped networks on real data, print the verdicts, write them.

    Parameters
    ----------
    datasets
        Names of data sets; by default all that can be read here.
    output
        Folder for ``necessity.json`` and ``necessity.png``; ``necessity`` by default.
    console
        Where to print; the terminal by default.

    Raises
    ------
    ValueError
        An unknown data set, or the output is a file.
    ImportError
        A data set that was asked for lies in a package that is not installed.
    OSError
        The output folder cannot be written.
    """
    folder = output_folder(output, "necessity")
    screen = console or Console()
    with results_in(folder, FILES):
        with progress_line("reading data") as say:
            found = measure_necessity(datasets, say)
        report, figure = (folder / name for name in FILES)
        try:
            print_necessity(found, screen)  # before anything can go wrong with files
        finally:  # a reader that has seen enough and closes the pipe loses no file
            with progress_line("drawing"):
                report.write_text(json.dumps(content(found), indent=1, allow_nan=False) + "\n", encoding="utf-8")
                necessity_figure(found).savefig(figure, dpi=150)
    print_files(screen, (report, figure))
    return NecessityReport(found, (report, figure))


def content(found: Necessity) -> dict[str, Any]:
    """Everything that was measured, as JSON; accuracies are shares of the test items."""
    return {
        "seeds": list(SEEDS),
        "interval": "95 %: hull of Wilson's over the test items and Student's t over the seeds",
        "gain_interval": "95 %: hull of Newcombe's (1998, method 10, paired) and Student's t over the seeds",
        "needed_when": f"lower ends of all gains >= {NEEDED_BY}",
        "helps_when": "lower ends of all gains > 0",
        "not_needed_when": f"the upper end of a gain < {NEEDED_BY}",
        "logistic_penalties": list(PENALTIES),
        "highest_order": MAX_ORDER,
        "ablation": "orders are taken out of networks that were trained with them: no measure of necessity",
        "datasets": [_dataset(outcome) for outcome in found.outcomes],
        "missing": found.missing,
    }


def _dataset(outcome: DatasetOutcome) -> dict[str, Any]:
    ablation = outcome.ablation
    return {
        "name": outcome.name,
        "test_items": len(outcome.data.test.x),
        "chance": outcome.chance,
        "verdict": str(outcome.verdict),
        "gains_of_gelu": {name: list(gain) for name, gain in outcome.gains.items()},
        "accuracies": {name: _entry(scores) for name, scores in outcome.scores.items()},
        "density_of_orders": "test part" if outcome.data.train is None else "training part",
        "gelu_up_to_order": [_entry(scores) for scores in ablation.up_to],
        "gelu_after_deletion": {name: _entry(scores) for name, scores in ablation.after.items()},
        "smallest_order_within_a_point": ablation.smallest_order,
    }


def _entry(scores: Scores) -> dict[str, Any]:
    return {"accuracies": list(scores.accuracies), "accuracy": scores.accuracy, "interval": list(scores.interval)}
