"""The experiment `necessity`: verdicts follow the intervals, scores are the networks', and the command writes them."""

import io
import json
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import image
from rich.console import Console

from carleman_ssm.experiments import necessity as experiment
from carleman_ssm.experiments.ablations import DELETIONS
from carleman_ssm.experiments.accuracies import Scores
from carleman_ssm.experiments.necessity import (
    MAX_ORDER,
    NEEDED_BY,
    Ablation,
    DatasetOutcome,
    Necessity,
    Verdict,
    necessity,
)
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.datasets import Dataset, load_dataset
from carleman_ssm.networks.sequences import Sequences, load_sequences
from carleman_ssm.networks.trained import SEEDS, TRAINED, decoders_of, trained_name
from carleman_ssm.report import necessity as report
from carleman_ssm.report.cli import main
from carleman_ssm.report.necessity import content
from carleman_ssm.report.necessity_figure import necessity_figure
from carleman_ssm.report.necessity_summary import outward, print_necessity


def run(*arguments):
    """Exit code, standard output and standard error of the command, as a user gets them."""
    output, error = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(error), pytest.raises(SystemExit) as stopped:
        main(["necessity", *map(str, arguments)])
    return SimpleNamespace(exit_code=stopped.value.code, output=output.getvalue(), error=error.getvalue())


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Folder, what the command printed, and what it measured, in one run."""
    folder, found = tmp_path_factory.mktemp("necessity"), []
    with pytest.MonkeyPatch.context() as patch:

        def measure(*given):
            found.append(necessity(*given))
            return found[0]

        patch.setattr(report, "measure_necessity", measure)
        return folder, run("--dataset", "digits", "--output", folder), found[0]


def an_outcome(items, **right):
    """An outcome with accuracies of three seeds of the decoders as given, the same items right in each."""
    scores = {name: Scores(np.arange(items)[None] < np.array(counts)[:, None]) for name, counts in right.items()}
    data = Dataset("digits", None, Sequences(np.zeros((items, 2, 1)), np.arange(items) % 4))
    return DatasetOutcome(data, scores, Ablation((scores["gelu"],), {}, scores["gelu"]))


@pytest.mark.parametrize(
    ("verdict", "items", "right"),
    [
        (Verdict.NEEDED, 242, {"logistic": [105], "identity": [102, 104, 103], "gelu": [169, 170, 171]}),
        (Verdict.HELPS, 4000, {"logistic": [3880], "identity": [3800, 3801, 3802], "gelu": [3960, 3961, 3962]}),
        (Verdict.NOT_NEEDED, 370, {"logistic": [366], "identity": [357, 358, 356], "gelu": [357, 358, 356]}),
        (Verdict.UNDECIDED, 40, {"logistic": [36], "identity": [36, 36, 37], "gelu": [39, 40, 40]}),
        # One affine classifier that does as well is enough, however badly the other one was trained.
        (Verdict.NOT_NEEDED, 2000, {"logistic": [1900], "identity": [500, 500, 501], "gelu": [1900, 1901, 1900]}),
        (Verdict.NOT_NEEDED, 2000, {"logistic": [500], "identity": [1900, 1900, 1901], "gelu": [1900, 1901, 1900]}),
        # Seeds that differ wildly decide nothing.
        (Verdict.UNDECIDED, 4000, {"identity": [3000, 3000, 3000], "gelu": [2500, 3500, 3990]}),
        (Verdict.NEEDED, 1000, {"identity": [500, 501, 502], "gelu": [900, 901, 902]}),
    ],
)
def test_the_verdict_follows_the_intervals(verdict, items, right):
    assert an_outcome(items, **right).verdict is verdict


def test_the_verdict_never_says_needed_when_an_interval_reaches_below_the_threshold():
    for gain in range(0, 300, 7):
        outcome = an_outcome(1000, identity=[600, 600, 600], gelu=[600 + gain] * 3)
        lowest = min(low for low, _ in outcome.gains.values())
        assert (outcome.verdict is Verdict.NEEDED) == (lowest >= NEEDED_BY)
        assert (outcome.verdict is Verdict.HELPS) == (0 < lowest < NEEDED_BY)


def test_smallest_order_looks_at_all_higher_ones():
    def scores(right):
        return Scores(np.arange(1000)[None] < right)

    def smallest(*counts):
        return Ablation(tuple(map(scores, counts)), {}, scores(980)).smallest_order

    assert smallest(100, 500, 975, 981, 980) == 2
    assert smallest(100, 975, 500, 981, 980) == 3
    assert smallest(980, 980) == 0
    assert smallest(100, 980, 900) is None


def test_scores_are_those_of_the_shipped_networks(measured):
    """Second route: recurrence instead of FFT, counted by hand."""
    _, _, found = measured
    digits = load_sequences("digits-test")
    (outcome,) = found.outcomes
    for decoder in decoders_of("digits"):
        for seed, accuracy in zip(SEEDS, outcome.scores[decoder].accuracies, strict=True):
            logits = load_network(trained_name("digits", decoder, seed))(digits.x, "recurrence")
            assert accuracy == (logits.argmax(axis=1) == digits.y).mean()


def test_the_decoders_are_what_the_table_calls_them():
    x = load_sequences("digits-test").x[:20]
    for seed in SEEDS:
        for dataset, decoder in (("digits", "identity"), ("BasicMotions", "bare")):
            network = load_network(trained_name(dataset, decoder, seed))
            wide = np.repeat(x, network.features, axis=2)
            bend = network(wide) + network(wide[::-1]) - network(wide + wide[::-1]) - network(0 * wide)
            assert np.abs(bend).max() < 1e-9  # affine in the sequence: no interaction of any kind
            assert network.config.norm == ("none" if decoder == "bare" else "batch")
        assert load_network(trained_name("digits", "gelu", seed)).config.activation == "gelu"
        assert len(load_network(trained_name("digits", "quadratic", seed)).layers[0].activation_coefficients) == 2


def test_the_outcome_on_the_digits(measured):
    """Measured facts of the shipped networks that the text around them relies on."""
    _, _, found = measured
    (outcome,) = found.outcomes
    if "logistic" in outcome.scores:  # measured once; scikit-learn's own solver decides the last item
        assert outcome.verdict is Verdict.NOT_NEEDED
    assert outcome.verdict is not Verdict.NEEDED
    ablation = outcome.ablation
    assert len(ablation.up_to) == MAX_ORDER + 1
    assert set(ablation.after) == set(DELETIONS)
    assert ablation.after["waves only"].accuracies == ablation.up_to[1].accuracies
    assert ablation.full.accuracies == outcome.scores["gelu"].accuracies
    # THEORY §11.14: waves alone of a network that was trained with pairs score less than one trained without.
    assert ablation.up_to[1].accuracy < outcome.scores["identity"].accuracy
    assert ablation.up_to[MAX_ORDER].accuracy > ablation.full.accuracy - 0.02


@pytest.mark.parametrize("name", ["OSULeaf", "JapaneseVowels", "BasicMotions"])
def test_the_outcome_on_the_archives(name):
    pytest.importorskip("aeon", reason="aeon is not installed: extra datasets")
    outcome = experiment.measure(load_dataset(name))
    expected = {"OSULeaf": Verdict.NEEDED, "JapaneseVowels": Verdict.NOT_NEEDED}
    assert outcome.verdict is expected.get(name, outcome.verdict)
    for scores in outcome.scores.values():
        assert scores.accuracy > outcome.chance + 0.1


def test_the_command_prints_every_section_and_nothing_on_stderr(measured):
    folder, result, _ = measured
    assert result.exit_code == 0, result.error
    assert result.error == ""
    for words in ("accuracy by decoder", "are interactions needed?", "orders taken out", "files", "ablation"):
        assert words in result.output
    for name in ("necessity.json", "necessity.png"):
        assert name in result.output
        assert (folder / name).stat().st_size > 0


def test_the_file_holds_what_was_measured_and_can_be_recomputed(measured):
    folder, _, found = measured
    written = json.loads((folder / "necessity.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(content(found)))
    (entry,) = written["datasets"]
    for scores in (*entry["accuracies"].values(), *entry["gelu_up_to_order"]):
        assert scores["accuracy"] == pytest.approx(np.mean(scores["accuracies"]), abs=1e-12)
        assert scores["interval"][0] <= scores["accuracy"] <= scores["interval"][1]
    lowest, highest = (min(gain[end] for gain in entry["gains_of_gelu"].values()) for end in (0, 1))
    gained = "needed" if lowest >= 0.05 else "helps"
    assert entry["verdict"] == (gained if lowest > 0 else "not needed" if highest < 0.05 else "undecided")


def test_the_figure_draws_the_accuracies(measured):
    folder, _, found = measured
    assert image.imread(folder / "necessity.png").std() > 0.05
    top, below = necessity_figure(found).axes
    (outcome,) = found.outcomes
    drawn = {container.get_label(): container.lines[0].get_ydata()[0] for container in top.containers}
    assert sorted(drawn.values()) == sorted(100 * scores.accuracy for scores in outcome.scores.values())
    curve = next(line for line in below.lines if "orders up to p" in str(line.get_label()))
    np.testing.assert_array_equal(curve.get_ydata(), [100 * scores.accuracy for scores in outcome.ablation.up_to])
    for axis in (top, below):
        assert "%" in top.get_ylabel()
        assert axis.get_title() or axis is top


def test_without_the_archives_the_digits_are_measured_and_the_rest_is_named(measured, monkeypatch):
    _, _, before = measured
    monkeypatch.setitem(sys.modules, "aeon.datasets", None)
    monkeypatch.setattr(experiment, "measure", lambda data, progress: before.outcomes[0])
    found = necessity()
    assert [outcome.name for outcome in found.outcomes] == ["digits"]
    assert list(found.missing) == ["OSULeaf", "JapaneseVowels", "BasicMotions"]
    screen = Console(file=io.StringIO(), width=100)
    print_necessity(found, screen)
    assert "OSULeaf is missing" in screen.file.getvalue()
    assert "carleman_ssm[datasets]" in screen.file.getvalue()


def test_without_scikit_learn_there_is_no_logistic_regression_and_no_training_part(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    result = run("--dataset", "digits", "--output", tmp_path)
    assert result.exit_code == 0, result.error
    (entry,) = json.loads((tmp_path / "necessity.json").read_text(encoding="utf-8"))["datasets"]
    assert "logistic" not in entry["accuracies"]
    assert "no logistic regression without the training part" in result.output
    assert entry["density_of_orders"] == "test part"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dataset", "mnist"], "choose from digits, OSULeaf"),
        (["--dataset", "digits", "--dataset", ""], "choose from"),
    ],
)
def test_wrong_names_are_one_line_with_the_remedy(arguments, words, tmp_path):
    result = run(*arguments, "--output", tmp_path / "new")
    assert result.exit_code == 2
    assert words in result.error
    assert result.error.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_data_set_that_was_asked_for_and_is_missing_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "aeon.datasets", None)
    result = run("--dataset", "OSULeaf", "--output", tmp_path / "new")
    assert result.exit_code == 2
    assert "carleman_ssm[datasets]" in result.error
    assert result.error.count("\n") == 1


def test_no_data_set_at_all_is_refused():
    with pytest.raises(ValueError, match="at least one data set"):
        necessity([])


def test_an_output_that_is_a_file_is_refused_before_any_work(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("here")
    result = run("--output", taken)
    assert result.exit_code == 2
    assert "name a folder" in result.error


def test_intervals_are_printed_outward():
    assert outward((0.12345, 0.56789)) == "12.3–56.8"
    assert outward((-0.0101, 0.0201), signed=True) == "-1.1 to +2.1"


def test_every_trained_network_is_shipped_small_and_has_its_accuracy_in_the_provenance():
    """The digits are recounted here; the other data sets are not shipped."""
    folder = experiment.__file__.replace("experiments/necessity.py", "data/trained/")
    digits, table = load_sequences("digits-test"), {}
    with open(folder + "PROVENANCE.md", encoding="utf-8") as file:
        for line in file:
            if match := re.fullmatch(r"\| `([^`]+)` \| (\d+) of (\d+) \|.*\n", line):
                table[match[1]] = (int(match[2]), int(match[3]))
    assert set(table) == set(TRAINED)
    for name in TRAINED:
        with open(f"{folder}{name}.safetensors", "rb") as file:
            assert len(file.read()) < 12 * 1024
        network = load_network(name)
        if name.startswith("digits"):
            assert table[name] == (int((network(digits.x).argmax(axis=1) == digits.y).sum()), 450)


def test_nothing_measured_is_nothing_printed_but_the_reasons():
    screen = Console(file=io.StringIO(), width=100)
    print_necessity(Necessity((), {"OSULeaf": "gone"}), screen)
    assert "OSULeaf is missing: gone" in screen.file.getvalue()
