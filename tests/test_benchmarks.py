"""The benchmarks run from the command line and compare equal things; their figures are never asserted."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ring
from benchmarks.layer_numpy import s4d_layer
from benchmarks.lifted_table import by_ring, by_symengine
from benchmarks.measure import Row, alternate
from carleman_ssm.networks.rings import layer_rings
from carleman_ssm.theory.term_table import lifted_table


@pytest.mark.parametrize(("states", "degree"), [(1, 0), (1, 3), (3, 2), (4, 3)])
def test_ring_and_table_count_the_same_terms(states, degree):
    assert by_ring(states, degree) == len(lifted_table(states, degree))


def test_symengine_and_table_count_the_same_terms():
    pytest.importorskip("symengine")
    assert by_symengine(3, 3) == len(lifted_table(3, 3))


def test_rings_and_plain_recurrence_hold_the_same_modes():
    layer = s4d_layer(3, 8)
    u = np.random.default_rng(0).standard_normal((2, 30, 3))
    modes = ring.plain_states(layer.multipliers, layer.input_vector, u)
    rings = layer_rings(layer, gauge="textbook", order="index")
    assert np.abs(rings.mode_amplitudes(rings.node_contents(u)) - modes).max() <= 1e-13 * np.abs(modes).max()
    rows = ring.compare((1, 2, 20, 8), aim=0.5, repeats=1)
    assert [row.subject for row in rows] == ["complex ring", "real ring", "antiperiodic ring"]
    assert {row.unit for row in rows} == {"ms"}


def test_rows_judge_ratios_and_figures():
    faster = Row("b", "ours", "theirs", value=1.0, other=3.0, unit="s", aim=2.0)
    assert faster.ratio == 3.0
    assert faster.reached
    assert not Row("b", "ours", "theirs", value=2.0, other=3.0, unit="s", aim=2.0).reached
    assert Row("b", "ours", "", value=2.0, other=None, unit="ms", aim=2.0).reached
    assert not Row("b", "ours", "", value=2.1, other=None, unit="ms", aim=2.0).reached
    assert Row("b", "ours", "", value=2.1, other=None, unit="ms").reached is None


def test_candidates_take_turns():
    order = []
    alternate({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=2)
    assert order == ["a", "b"] * 3  # one warm-up each, then in turn


def test_command_prints_a_table_and_writes_json(tmp_path):
    output = tmp_path / "result.json"
    command = [sys.executable, "-m", "benchmarks", "--only", "certification", "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    assert "certify GELU" in done.stdout
    result = json.loads(output.read_text())
    assert result["environment"]["threads"] == 1
    assert {"benchmark", "value", "other", "ratio", "aim", "reached"} <= set(result["rows"][0])
