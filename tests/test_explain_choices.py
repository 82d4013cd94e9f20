"""`explain` on small networks of every choice that a configuration has: it ends well, or says what to do instead."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import save_network
from carleman_ssm.report.cli import main
from tests.strategies_networks import moderate_network

CHOICES = {
    "bilinear rule": (1, {"discretization": "bilinear", "norm": "batch"}),
    "RMSNorm before": (2, {"norm": "rms", "prenorm": True, "activation": "square", "pool": "last"}),
    "bilinear gate": (2, {"output": "glu", "gate": "identity", "activation": "square", "residual": False}),
    "no output map": (2, {"output": "none", "norm": "layer", "activation": "silu"}),
}


def explained(folder, network):
    generator = np.random.default_rng(0)
    save_network(network, folder / "network.npz")
    x, y = generator.uniform(-1, 1, (12, 16, 1)), generator.integers(0, 3, 12)
    np.savez(folder / "inputs.npz", x=x, y=y)
    output, error = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(error), pytest.raises(SystemExit) as stopped:
        main(["explain", *(str(folder / name) for name in ("network.npz",)), "--inputs", str(folder / "inputs.npz"),
              "--output", str(folder / "out")])  # fmt: skip
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
    assert "read_at_last_step" in error
