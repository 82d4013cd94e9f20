"""`explain` on deep networks and on single sequences: bounds, orders, completeness, the page, wrong options."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

from carleman_ssm.report.inputs import shipped_sequences
from tests.test_explain import read, run

DATA = Path(__file__).parent / "data"
DEEP = {
    "gelu_linear_batch": ("BatchNorm", "chebyshev"),
    "gelu_glu_layer": ("LayerNorm", "cosine"),
    "poly3_linear_batch": ("BatchNorm", "exact"),
}


def named(name):
    return DATA / f"digits64__L2_H16_N32_{name}__s0.npz"


@pytest.fixture(scope="module", params=DEEP)
def deep(request, tmp_path_factory):
    """A reference network of two layers, explained on its reference sequences, one of them in full."""
    folder, path = tmp_path_factory.mktemp("deep"), named(request.param)
    with np.load(path.with_name(path.stem + ".reference.npz")) as archive:
        reference = {name: archive[name][:4] for name in ("x", "y", "logits")}
    np.savez(folder / "four.npz", x=reference["x"], y=reference["y"])
    result = run(path, "--inputs", folder / "four.npz", "--index", 2, "--output", folder)
    assert result.exit_code == 0, result.error
    return request.param, folder, result, read(folder), reference


def test_deep_networks_are_explained_and_certified(deep):
    name, _, result, report, reference = deep
    assert report["n_layers"] == 2
    # The reference ran in the same precision by another route: only rounding lies between, and the certified bound.
    bound = max(report["certified_error"])
    assert np.abs(np.array(report["logits"]) - reference["logits"]).max() <= bound + 1e-9
    assert report["max_abs_error_vs_simulation"] <= bound
    assert report["max_abs_error_vs_polynomial_simulation"] < 1e-9
    assert report["bound_mostly_from"] in result.output.replace("\n", " ")
    assert report["bound_mostly_from"] in report["bound_starts_at"]
    assert {record["layer"] for record in report["decoders"]} == {0, 1}
    assert DEEP[name][1] in {record["basis"] for record in report["decoders"]}
    assert DEEP[name][1] in result.output
    assert ("algebraic" in result.output) == (DEEP[name][0] == "LayerNorm")


def test_orders_of_deep_networks_end_in_the_operator(deep):
    _, _, result, report, _ = deep
    assert report["accuracy_by_order"][-1] == report["accuracy_operator"]
    assert report["accuracy_without"]["all orders"] == {
        "accuracy": report["accuracy_operator"],
        "same_class_as_operator": 1.0,
    }
    assert "ablation" in result.output


def test_positions_and_pairs_sum_to_the_margin_of_the_reference(deep):
    name, folder, result, report, reference = deep
    found, logits = report["sequence"], np.array(report["logits"][2])
    assert (found["predicted"], found["next"]) == tuple(np.argsort(-logits)[:2])
    margin = logits[found["predicted"]] - logits[found["next"]]
    whole = found["margin_of_the_centre"] + np.sum(found["positions"]) + np.sum(found["pairs"])
    assert whole + found["completeness_gap"] == pytest.approx(margin, abs=1e-9)  # what is missing is said
    # Exact nodes for a polynomial; else the quadrature ends at 128 nodes, and between the points that the fits saw the
    # path may leave their intervals by a little, where a decoder is continued with a kink.
    share = 1e-12 if name == "poly3_linear_batch" else 1e-5
    assert abs(found["completeness_gap"]) <= share * np.abs(found["pairs"]).sum()
    pairs = np.array(found["pairs"])
    np.testing.assert_allclose(pairs, pairs.T, atol=1e-12 * np.abs(pairs).max())
    silent = reference["x"][2, :, 0] == 0  # nothing is owed to an input that is the centre's
    assert np.abs(pairs[silent]).max() == 0
    assert f"sequence {found['index']}" in result.output
    assert image.imread(folder / "attribution.png").std() > 0.02


def test_the_page_of_a_deep_network_holds_all_its_pictures(deep):
    _, folder, result, _, _ = deep
    page = (folder / "report.html").read_text(encoding="utf-8")
    pictures = sorted(folder.glob("*.png"))
    assert page.count("data:image/png;base64,") == len(pictures) == 7
    for title in ("the operator", "agreement", "which interactions decide", "what pairs of inputs add", "sequence 2"):
        assert f"{title}</h2>" in page
    for path in pictures:
        assert str(path) in result.output.replace("\n", "")


def test_layer_fit_and_degree_are_taken(tmp_path):
    path = named("gelu_linear_batch")
    reference = path.with_name(path.stem + ".reference.npz")
    options = ("--fit", "cosine", "--degree", 6, "--layer", 0)
    result = run(path, "--inputs", reference, *options, "--output", tmp_path)
    assert result.exit_code == 0, result.error
    report = read(tmp_path)
    assert {(record["basis"], record["size"]) for record in report["decoders"]} == {("cosine", 6)}
    assert report["pairs_of_modes"]["layer"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frequencies", "--index", "2000"], "--index 2000: there are 2000 sequences, give 0 to 1999"),
        (["frequencies", "--index", "-1"], "--index -1: there are 2000 sequences"),
        (["frequencies", "--layer", "1"], "--layer 1: the network has 1 layer, give 0"),
        (["digits-gelu", "--fit", "fourier"], "fourier"),
        (["digits-gelu", "--index", "one"], "--index"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(arguments, message, tmp_path):
    result = run(*arguments, "--output", tmp_path / "o")
    assert result.exit_code == 2
    assert message in result.error
    assert result.error.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_low_degree_networks_are_scored_where_there_are_labels_and_called_different(tmp_path):
    result = run("digits-gelu", "--degree", 5, "--output", tmp_path / "labelled")
    assert "different networks" in result.output
    low = read(tmp_path / "labelled")["low_degree"]
    scores = {(score["kind"], score["degree"]): score["accuracy"] for score in low["scores"]}
    # The task's figures: one fit for all channels destroys the network at degree 2, fits per channel keep most of it.
    assert scores["shared", 2] < 0.4
    assert scores["per channel", 2] > 0.85
    assert scores["refitted", 3] > 0.95
    sequences = shipped_sequences("digits-gelu").x[:24]
    np.savez(tmp_path / "x.npz", x=sequences)
    result = run("digits-gelu", "--inputs", tmp_path / "x.npz", "--degree", 5, "--output", tmp_path / "out")
    assert "different networks" not in result.output
    assert "low_degree" not in read(tmp_path / "out"), result.error
