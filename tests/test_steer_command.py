"""`carleman-ssm steer` as a user runs it: what it writes holds together, and wrong input is refused in one line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import save_network
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.networks.trained import TRAINED
from carleman_ssm.report import cli
from carleman_ssm.report.sections import Picture
from carleman_ssm.report.steer import FILES, Wish, steer
from carleman_ssm.report.steer_figure import steer_figure
from carleman_ssm.report.steered import steered_sections


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(["steer", *map(str, arguments)])
    caught = capsys.readouterr()
    return stop.value.code, caught.out, caught.err


def tiny_network(classes=3, features=1):
    rng = np.random.default_rng(7)
    layer = S4DLayer(
        rng.uniform(-3, -1, 2), rng.normal(size=(2, 3)), rng.uniform(0, 6, (2, 3)),
        rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3)), rng.normal(size=2),
    )  # fmt: skip
    config = NetworkConfig(activation="square", output="none", pool="mean")
    return S4DNetwork(
        rng.normal(size=(2, features)), rng.normal(size=2), (layer,), rng.normal(size=(classes, 2)),
        rng.normal(size=classes), config,
    )  # fmt: skip


def words_of(found):
    """The rows of the section that says what was found."""
    rows = steered_sections(found, Picture(Path("steer.png"), ""))[1].blocks[0]
    return dict(rows.rows)


def steered(tmp_path, sequence, wish):
    """What is found about one sequence of a small network."""
    save_network(tiny_network(features=sequence.shape[1]), tmp_path / "tiny.safetensors")
    np.savez(tmp_path / "x.npz", x=sequence[None])
    return steer(str(tmp_path / "tiny.safetensors"), wish, inputs=tmp_path / "x.npz", output=tmp_path / "o")


@pytest.fixture
def files(tmp_path):
    """A small network of two input channels, and two sequences for it."""
    model, inputs = tmp_path / "tiny.safetensors", tmp_path / "x.npz"
    save_network(tiny_network(features=2), model)
    np.savez(inputs, x=np.random.default_rng(0).normal(size=(2, 9, 2)))
    return model, inputs


def test_the_default_network_is_steered_and_the_report_is_consistent(capsys, tmp_path):
    code, out, err = run(capsys, "--target", 8, "--index", 3, "--output", tmp_path / "o")
    assert (code, err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == sorted(FILES)
    report = json.loads((tmp_path / "o" / "report.json").read_text(encoding="utf-8"))
    change = np.array(report["edit"])
    assert report["status"] == "global"
    assert np.linalg.norm(change) == pytest.approx(report["norm"], rel=1e-12)
    assert report["lower_bound"] == pytest.approx(report["norm"], rel=1e-6)
    assert report["radius"]["value"] <= report["norm"] == pytest.approx(report["euclidean_norm"], rel=1e-12)
    assert (report["radius"]["arithmetic"], report["constraints"]) == ("real", None)
    assert report["class_after"] == 8 == int(np.argmax(report["network_logits_after"]))
    np.testing.assert_allclose(report["logits_after"], report["network_logits_after"], atol=1e-8)
    stored = np.load(tmp_path / "o" / "edit.npz")
    np.testing.assert_array_equal(stored["edit"][0], change)
    assert "class 8 (certified for the exact network)" in " ".join(out.split())


def test_a_users_network_and_sequences_under_a_box(capsys, files, tmp_path):
    model, inputs = files
    x = np.load(inputs)["x"][1]
    low, high = float(x.min()) - 0.4, float(x.max()) + 0.4
    code, _, err = run(
        capsys, model, "--inputs", inputs, "--index", 1, "--target", 1, "--box", low, high, "--output", tmp_path / "o"
    )
    assert (code, err) == (0, "")
    report = json.loads((tmp_path / "o" / "report.json").read_text(encoding="utf-8"))
    edited = x + np.array(report["edit"])
    assert low - 1e-12 <= edited.min() <= edited.max() <= high + 1e-12
    if report["reached_by_the_network"]:
        logits = tiny_network(features=2)(edited[None])[0]
        assert logits[1] >= np.delete(logits, 1).max() + 1e-3 - 1e-8


def test_what_is_out_of_reach_is_said_and_proved(tmp_path):
    """The logit of one class is a constant minus squares: it has a largest value, and no edit passes it."""
    layer = S4DLayer([-1.0], [[0.0]], [[0.0]], [[1.0]], [0.5])
    config = NetworkConfig(activation="square", output="none", residual=False)
    network = S4DNetwork([[1.0]], [0.2], (layer,), [[-1.0], [1.0]], [0.5, 0.0], config)
    save_network(network, tmp_path / "bowl.safetensors")
    np.savez(tmp_path / "x.npz", x=np.ones((1, 6, 1)))
    found = steer(
        str(tmp_path / "bowl.safetensors"), Wish(0, logit=0.6), inputs=tmp_path / "x.npz", output=tmp_path / "o"
    )
    assert found.edit.status == "unreachable"
    report = json.loads((tmp_path / "o" / "report.json").read_text(encoding="utf-8"))
    assert report["norm"] is None
    assert "0.5" in report["reason"]
    assert "evaluated in float64" in words_of(found)["status"]
    figure = steer_figure(found)
    assert "out of reach" in figure.get_suptitle()
    assert "→" not in figure.get_suptitle()
    assert not any("after" in text.get_text() for text in figure.axes[-1].get_legend().get_texts())


def test_a_deep_network_gets_a_local_edit_and_a_certified_lower_bound(tmp_path):
    assert "digits-deep-gelu" in TRAINED
    found = steer("digits-deep-gelu", Wish(8), index=3, output=tmp_path / "o")
    assert found.edit.status == "local"
    assert 0 < found.radius.radius <= found.distance == found.lower_bound < found.edit.norm
    assert found.edit.confirmed


def test_under_smoothness_both_norms_and_the_constraints_are_in_the_file(tmp_path):
    x = np.random.default_rng(0).normal(size=(9, 1))
    found = steered(tmp_path, x, Wish(2, smoothness=3.0, box=(-9.0, 9.0)))
    report = json.loads((tmp_path / "o" / "report.json").read_text(encoding="utf-8"))
    change = np.array(report["edit"])
    euclidean = np.linalg.norm(change)
    assert report["euclidean_norm"] == pytest.approx(euclidean, rel=1e-12)
    assert report["norm"] == pytest.approx(np.sqrt(euclidean**2 + 3.0 * (np.diff(change, axis=0) ** 2).sum()), rel=1e-9)
    assert report["norm"] > 1.001 * euclidean
    assert report["constraints"] == {
        "lags": None, "channels": None, "box": [-9.0, 9.0], "band": None, "smoothness": 3.0, "sparsity": None
    }  # fmt: skip
    share = f"{100 * euclidean / np.linalg.norm(x):.3g} %"
    assert share in words_of(found)["norm"]
    assert "smoothness" in words_of(found)["norm"]
    assert "norm with smoothness" in steer_figure(found).get_supxlabel()


@pytest.mark.parametrize("size", [0.0, 1e-300])
def test_a_sequence_without_size_is_no_measure_of_its_edit(tmp_path, size):
    found = steered(tmp_path, np.full((5, 1), size), Wish(2))
    assert found.euclidean_norm > 1e-3
    assert "%" not in words_of(found)["norm"]


def test_an_edit_that_is_not_needed_is_called_so(tmp_path):
    found = steered(tmp_path, np.random.default_rng(0).normal(size=(9, 1)), Wish(1))
    assert found.edit.norm == 0.0
    words = steer_figure(found).get_supxlabel()
    assert "without a change" in " ".join(words.split())
    assert "lower bound" not in words


@pytest.mark.parametrize(("channels", "meaning"), [(1, "Red adds"), (2, "One curve"), (6, "Maps of all")])
def test_the_caption_says_what_the_picture_shows(tmp_path, channels, meaning):
    found = steered(tmp_path, np.random.default_rng(1).normal(size=(7, channels)), Wish(0 if channels == 2 else 2))
    assert np.isfinite(found.edit.norm)
    figure = steer_figure(found)
    assert meaning in figure.get_supxlabel()
    maps = sum(len(axis.images) for axis in figure.axes)
    assert (maps > 0) == (meaning == "Maps of all")
    if channels == 1:  # the only case with red and blue strokes
        assert "blue" in figure.get_supxlabel()


def test_nothing_larger_is_said_only_of_a_ball_whose_boundary_is_proved(tmp_path):
    found = steered(tmp_path, np.random.default_rng(0).normal(size=(9, 1)), Wish(2))
    closed = replace(found, radius=replace(found.radius, status="exact", witness_proved=True))
    assert "nothing larger" in words_of(closed)["around it"]
    for status, proved in (("exact", False), ("certified", True), ("certified", False)):
        radius = replace(found.radius, status=status, witness_proved=proved)
        words = words_of(replace(found, radius=radius))["around it"]
        assert "nothing larger" not in words
        assert ("(simulated)" in words) != proved


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--target", "12"), "no class 12: the network has classes 0 to 9"),
        (("--target", "3", "--rival", "11"), "no class 11"),
        (("--target", "-2"), "counted from 0"),
        ((), "--target"),
        (("--target", "3", "--index", "999"), "450 sequences"),
        (("--target", "3", "--index", "-1"), "450 sequences"),
        (("--target", "3", "--box", "1", "0"), "low < high"),
        (("--target", "3", "--margin", "nan"), "finite"),
        (("--target", "3", "--rival", "3"), "two different classes"),
        (("--target", "3", "--margin", "1", "--logit", "2"), "give one of them"),
        (("--target", "3", "--band", "0.4", "0.9"), "cycles per step"),
        (("--target", "3", "--sparsity", "0"), "at least 1"),
        (("--target", "3", "--smoothness", "-1"), "smoothness"),
        (("--target", "3", "--inputs", "none.npz"), "none.npz"),
        (("nobody", "--target", "3"), "no shipped network"),
        (("--target", "3", "--output", ""), "empty"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing_behind(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert "None" not in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
