"""`waves` on a network with the bilinear rule: what it measures comes from that rule's multipliers."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import save_network
from carleman_ssm.networks.discretization import step_multipliers
from carleman_ssm.report.cli import main
from carleman_ssm.rings.waves import wave_table
from tests.strategies_networks import moderate_network


@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
def test_the_command_states_the_rule_and_shows_its_multipliers(tmp_path, rule):
    network = moderate_network(2, discretization=rule, norm="rms", output="glu", gate="identity", pool="none")
    save_network(network, tmp_path / "network.npz")
    with pytest.raises(SystemExit) as stopped:
        main(["waves", str(tmp_path / "network.npz"), "--length", "12", "--output", str(tmp_path / "out")])
    assert stopped.value.code == 0
    found = json.loads((tmp_path / "out" / "waves.json").read_text())
    assert found["discretization"] == rule
    assert ("bilinear rule" in found["drawn"]["title"]) == (rule == "bilinear")
    shown, layer = found["drawn"], network.layers[found["drawn"]["layer"]]
    a = np.array([complex(*pair) for pair in shown["eigenvalues"]])
    step = layer.step[shown["channel"]]
    multipliers = np.array([complex(*pair) for pair in shown["multipliers"]])
    assert np.abs(multipliers - step_multipliers(a, step, rule)).max() < 1e-14
    other = {"zoh": "bilinear", "bilinear": "zoh"}[rule]
    assert np.abs(multipliers - step_multipliers(a, step, other)).max() > 1e-4


def test_the_law_of_a_bilinear_ring_is_that_of_the_closed_form():
    # S4D-Lin: a_n = -1/2 + iπn. THEORY T6 (i): arg λ = atan2(πnΔ/2, 1 - Δ/4) + atan2(πnΔ/2, 1 + Δ/4).
    steps, modes = np.array([0.05, 0.4]), np.arange(8)
    plain = moderate_network(1, channels=2, modes=8, discretization="bilinear")
    layer = replace(
        plain.layers[0],
        log_dt=np.log(steps),
        log_A_real=np.full((2, 8), np.log(0.5)),
        A_imag=np.broadcast_to(np.pi * modes, (2, 8)),
    )
    network = replace(plain, layers=(layer,))
    turned = np.pi * modes * steps[:, None] / 2
    angles = np.arctan2(turned, 1 - steps[:, None] / 4) + np.arctan2(turned, 1 + steps[:, None] / 4)
    assert np.abs(np.angle(layer.multipliers) - angles).max() < 1e-14
    held = replace(layer, discretization="zoh")
    assert np.abs(np.angle(held.multipliers) - angles).max() > 1e-2
    assert all(row.phase_residual > 0 for row in wave_table(network, 30))
