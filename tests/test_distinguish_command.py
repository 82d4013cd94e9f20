"""`distinguish` end to end: what it writes and prints, and what it says about wrong options."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import image
from rich.console import Console

from carleman_ssm.experiments.claims import (
    CONTROLLED,
    LINEAR,
    NOISE_LEVELS,
    RINGS,
    STATE_NOISES,
    WAVE_RING,
    Finding,
    Outcome,
    Setting,
)
from carleman_ssm.experiments.distinction import distinguish_inputs
from carleman_ssm.experiments.readouts import Readout
from carleman_ssm.experiments.simple_inputs import TASKS
from carleman_ssm.report.cli import main
from carleman_ssm.report.distinction_figure import distinction_figure
from carleman_ssm.report.distinction_summary import in_short, interval, print_distinction

SEEDS = 2


def run(*arguments):
    """Exit code, standard output and standard error of the command, as a user gets them."""
    output, error = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(error), pytest.raises(SystemExit) as stopped:
        main(["distinguish", *map(str, arguments)])
    return SimpleNamespace(exit_code=stopped.value.code, output=output.getvalue(), error=error.getvalue())


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distinguish")
    return folder, run("--seeds", SEEDS, "--output", folder), distinguish_inputs(range(SEEDS))


def read(folder):
    return json.loads((folder / "distinction.json").read_text(encoding="utf-8"))


def test_the_command_prints_every_section_and_nothing_on_stderr(measured):
    folder, result, _ = measured
    assert result.exit_code == 0, result.error
    assert result.error == ""
    for word in (
        "accuracy on the ring",
        "claims",
        "does it take a wave",
        "files",
        "holds",
        "FAILS",
        "undecided",
        "Measured",
    ):
        assert word in result.output
    for name in ("distinction.json", "distinction.png"):
        assert name in result.output
        assert (folder / name).stat().st_size > 0


def test_every_finding_is_printed_as_it_is(measured):
    """Two seeds leave claims undecided, and the table says so instead of confirming them."""
    _, result, found = measured
    findings = [finding for _, _, finding in found.verdicts]
    printed = {"\nholds  ": Finding.HOLDS, "\nFAILS  ": Finding.FAILS, "\nundecided  ": Finding.UNDECIDED}
    for words, finding in printed.items():
        assert result.output.count(words) == findings.count(finding) > 0
    assert "more --seeds" in " ".join(result.output.split())


def test_the_file_holds_what_was_measured_and_can_be_recomputed(measured):
    folder, _, found = measured
    content = read(folder)
    assert content["seeds"] == list(range(SEEDS))
    assert len(content["outcomes"]) == len(found.outcomes)
    for entry, outcome in zip(content["outcomes"], found.outcomes, strict=True):
        assert entry["accuracies"] == list(outcome.accuracies)
        assert entry["accuracy"] == pytest.approx(np.mean(entry["accuracies"]), abs=1e-15)
        assert entry["interval"][0] <= entry["accuracy"] <= entry["interval"][1]
    for entry in content["claims"]:
        low, high = entry["interval"]
        if entry["predicts"] == "told apart":
            expected = "holds" if low >= 0.9 else "fails" if high < 0.9 else "undecided"
        else:
            inside = max(entry["chance"] - low, high - entry["chance"]) <= 0.05
            expected = "fails" if not low <= entry["chance"] <= high else "holds" if inside else "undecided"
        assert entry["finding"] == expected, entry["claim"]
        assert (entry["noise"] in entry["holds_at_noise"]) == (entry["finding"] == "holds")
    assert content["rings"]["S4D-Lin"]["directions_above_state_noise"] == dict.fromkeys(
        map("{:g}".format, STATE_NOISES), 63
    )
    assert content["rings"]["S4D-Real"]["singular_value_ratio"] is None  # beyond float64: no number is made up


def test_the_figure_draws_the_accuracies_with_their_chance_and_axes(measured):
    folder, _, found = measured
    assert image.imread(folder / "distinction.png").std() > 0.05
    figure = distinction_figure(found)
    axes = [axis for axis in figure.axes if axis.get_title()]
    names = [axis.get_title().split(" (")[0].split(", σ")[0] for axis in axes]
    assert names == [*TASKS, *CONTROLLED]
    for axis, task in zip(axes, TASKS.values(), strict=False):
        drawn = [container.lines[0].get_ydata() for container in axis.containers]
        expected = [
            [found.outcome(task.name, readout, sigma).accuracy for sigma in NOISE_LEVELS] for readout in task.readouts
        ]
        np.testing.assert_array_equal(drawn, expected)
    for axis, name in zip(axes[len(TASKS) :], CONTROLLED, strict=True):
        drawn = [container.lines[0].get_ydata() for container in axis.containers]
        expected = [
            [found.outcome(name, readout, ring=ring, state_noise=noise).accuracy for noise in STATE_NOISES]
            for ring in RINGS
            for readout in LINEAR
        ]
        np.testing.assert_array_equal(drawn, expected)
    assert "accuracy" in axes[0].get_ylabel()
    assert "noise" in axes[-1].get_xlabel()
    assert "95 %" in figure.get_supxlabel()


def test_every_claim_is_printed_with_the_noise_at_which_it_is_judged(measured):
    """A wide terminal leaves one line to each claim: sentence, σ, accuracy, chance, levels at which it holds."""
    _, _, found = measured
    console = Console(file=io.StringIO(), width=200)
    print_distinction(found, console)
    lines = console.file.getvalue().splitlines()
    for claim, outcome, _ in found.verdicts:
        row = next(line for line in lines if f" {claim.sentence}  " in line and f"{outcome.accuracy:.3f}" in line)
        assert row.split(claim.sentence)[1].split()[0] == f"{claim.setting.noise:g}"


def test_fits_at_the_end_of_the_grid_of_penalties_are_flagged_and_counted(measured):
    _, result, found = measured
    text = " ".join(result.output.split())
    smallest, largest = (sum(outcome.at_edge[end] for outcome in found.outcomes) for end in (0, 1))
    assert f"{smallest} the smallest" in text
    assert f"{largest} the largest" in text
    drowned = found.outcome("position, then silence", Readout.LINEAR_LAST)
    assert drowned.at_edge[1] > 0
    assert f"*{drowned.accuracy:.3f}" in result.output


@pytest.mark.parametrize(
    ("levels", "text"),
    [(NOISE_LEVELS, "all"), ((), "none"), ((0.1, 0.2), "≤ 0.2"), ((1.0, 2.0), "≥ 1"), ((0.1, 0.5), "0.1, 0.5"),
     ((0.1,), "0.1"), ((0.001,), "0.001")],
)  # fmt: skip
def test_levels_are_told_in_short(levels, text):
    assert in_short(levels) == text


def test_printed_intervals_are_rounded_outward():
    task = next(iter(TASKS))
    setting = Setting(WAVE_RING, task, Readout.LINEAR_LAST)
    outcome = Outcome(setting, (0.91, 0.93, 0.97), (0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
    low, high = map(float, interval(outcome).split("–"))
    assert low <= outcome.interval[0] < low + 1e-3
    assert high - 1e-3 < outcome.interval[1] <= high


@pytest.mark.parametrize("seeds", [1, 0, -3, 1001])
def test_a_number_of_seeds_without_an_interval_is_refused(seeds, tmp_path):
    result = run("--seeds", seeds, "--output", tmp_path)
    assert result.exit_code == 2
    assert result.error.startswith("carleman-ssm: --seeds must be between 2")
    assert result.error.count("\n") == 1


def test_an_output_that_is_a_file_is_refused_before_anything_is_computed(tmp_path):
    path = tmp_path / "taken"
    path.write_text("mine", encoding="utf-8")
    result = run("--output", path)
    assert result.exit_code == 2
    assert "is a file; name a folder" in result.error
    assert path.read_text(encoding="utf-8") == "mine"
