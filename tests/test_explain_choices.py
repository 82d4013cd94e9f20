"""`explain` on small networks of every choice that a configuration has: it ends well, or says what to do instead."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import save_network
from carleman_ssm.report import attribution_figure
from carleman_ssm.report.cli import main
from tests.strategies_networks import moderate_network

CHOICES = {
    "bilinear rule": (1, {"discretization": "bilinear", "norm": "batch"}),
    "RMSNorm before": (2, {"norm": "rms", "prenorm": True, "activation": "square", "pool": "last"}),
    "bilinear gate": (2, {"output": "glu", "gate": "identity", "activation": "square", "residual": False}),
    "no output map": (2, {"output": "none", "norm": "layer", "activation": "silu"}),
}


def explained(folder, network, scale=1.0, *options):
    generator = np.random.default_rng(0)
    save_network(network, folder / "network.npz")
    x, y = scale * generator.uniform(-1, 1, (12, 16, 1)), generator.integers(0, 3, 12)
    np.savez(folder / "inputs.npz", x=x, y=y)
    output, error = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(error), pytest.raises(SystemExit) as stopped:
        main(["explain", *(str(folder / name) for name in ("network.npz",)), "--inputs", str(folder / "inputs.npz"),
              "--output", str(folder / "out"), *options])  # fmt: skip
    return stopped.value.code, output.getvalue(), error.getvalue()


@pytest.mark.parametrize("choice", CHOICES)
def test_small_networks_of_every_kind_are_explained(tmp_path, choice):
    layers, entries = CHOICES[choice]
    code, _, error = explained(tmp_path, moderate_network(layers, channels=3, modes=2, **entries))
    assert (code, error) == (0, "")
    assert json.loads((tmp_path / "out" / "report.json").read_text())


def test_a_network_without_a_pool_is_refused_in_one_line_with_what_to_do(tmp_path):
    code, output, error = explained(tmp_path, moderate_network(2, pool="none"))
    assert code == 2
    assert output == ""
    assert error.count("\n") == 1
    assert "save_network(carleman_ssm.load_network(model).read_at_last_step()" in error


SMOOTH = {"norm": "layer", "prenorm": True, "output": "none"}


@pytest.mark.parametrize(("scale", "resolved"), [(1.0, True), (1e9, False)])
def test_parts_that_do_not_sum_are_not_said_to(tmp_path, scale, resolved, monkeypatch):
    """Of huge inputs, fits stand still on the way from the centre, and what the path misses is said everywhere."""
    captions = []
    monkeypatch.setattr(attribution_figure, "caption", lambda _, text: captions.append(text))
    network = moderate_network(2, channels=3, **SMOOTH)
    code, output, error = explained(tmp_path, network, scale, "--index", "0", "--degree", "6")
    assert (code, error) == (0, "")
    found = json.loads((tmp_path / "out" / "report.json").read_text())["sequence"]
    assert found["path_resolved"] is resolved
    difference = found["margin"] - found["margin_of_the_centre"]
    missing = difference - found["sum_of_positions"] - found["sum_of_pairs"]
    assert (abs(missing) <= 0.01 * abs(difference)) == resolved
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for said in (" ".join(output.split()), page, *captions):
        assert ("the integral along the path from the centre is not resolved" in said) is not resolved
        assert "still sum" not in said
    assert len(captions) == 1


@pytest.mark.parametrize("layers", [1, 2])
def test_polynomials_past_float64_end_in_one_line(tmp_path, layers):
    network = moderate_network(layers, channels=3, activation="square", output="glu", gate="identity")
    code, output, error = explained(tmp_path, network, 1e160)
    assert (code, output) == (2, "")
    assert error.count("\n") == 1
    assert "float64" in error
    assert "scale the sequences" in error


def test_a_bound_past_float64_is_said_to_be_that(tmp_path):
    network = moderate_network(2, channels=3, activation="identity")
    code, output, error = explained(tmp_path, network, 1e160)
    assert (code, error) == (0, "")
    assert "none: no finite number within float64" in output
    assert "exploded" not in output


def test_a_fit_of_an_exact_network_is_refused_in_one_line(tmp_path):
    code, output, error = explained(tmp_path, moderate_network(2, activation="square"), 1.0, "--fit", "cosine")
    assert (code, output) == (2, "")
    assert error.endswith("exact at its own degree: leave the fit out\n")
