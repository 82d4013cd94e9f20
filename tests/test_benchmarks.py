"""The benchmarks run from the command line and compare equal things; their figures are never asserted."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import input_hessian, jets, memory, ring, second_order
from benchmarks.layer_numpy import s4d_layer
from benchmarks.lifted_table import by_ring, by_symengine
from benchmarks.measure import Row, alternate
from carleman_ssm.rings.rings import layer_rings
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


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # PyTorch's own use of it in forward mode
@pytest.mark.parametrize("pool", ["mean", "last"])
def test_second_derivatives_are_the_same_on_all_sides(pool):
    network = second_order.quadratic_network(channels=4, classes=3, states=4, pool=pool)
    runs = second_order.candidates(network, 20, threads=1)
    assert set(runs) >= {"ours"}
    found = {name: run() for name, run in runs.items()}
    assert found["ours"].shape == (3, 20, 20)
    for other in found.values():
        assert np.abs(other - found["ours"]).max() <= 1e-13 * np.abs(found["ours"]).max()
    rows = second_order.compare(network, 20, 1, {"ours": 1, "theirs": 1})
    assert [row.baseline for row in rows] == (list(found)[1:] or [""])


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
@pytest.mark.parametrize("pool", ["mean", "last"])
def test_hessians_over_the_input_are_the_same_on_all_sides(pool):
    network = input_hessian.gelu_network(channels=4, classes=3, states=4, pool=pool)
    found = {name: np.squeeze(np.asarray(run())) for name, run in input_hessian.full(network, 20, threads=1).items()}
    along = {
        name: np.squeeze(np.asarray(run())) for name, run in input_hessian.products(network, 20, threads=1).items()
    }
    assert found["ours"].shape == (20, 20)
    assert len(found) == len(along)
    direction = input_hessian.sequence(20, 1)
    for hessian, product in zip(found.values(), along.values(), strict=True):
        assert np.abs(hessian - found["ours"]).max() <= 1e-12 * np.abs(found["ours"]).max()
        assert np.abs(product - found["ours"] @ direction).max() <= 1e-12 * np.abs(product).max()
    rows = input_hessian.compare("h", input_hessian.full(network, 20, 1), 20, 15.0, {"ours": 1, "theirs": 1})
    assert [row.baseline for row in rows] == (list(found)[1:] or [""])


def test_jets_of_the_gated_network_fill_all_orders_and_those_of_the_plain_one_end_at_four():
    plain = second_order.quadratic_network(2, 4, 3, 4)
    parts = {}
    for gate, network in (("linear", plain), ("bilinear", jets.gated(plain))):
        runs = jets.candidates(network, 20, batch=2)
        assert np.abs(runs["simulation"]() - runs["forward pass"]()).max() < 1e-10
        parts[gate] = runs["jets"]()
        (row,) = jets.compare(network, gate, 20, 2, repeats=1)
        assert row.ratio is None
        assert row.value > 0
    assert np.abs(parts["linear"].sum(axis=0) - plain(_sequences(2, 20))).max() < 1e-10
    assert not parts["linear"][5:].any()
    assert parts["bilinear"].any(axis=(1, 2)).all()


def _sequences(batch, length):
    return np.random.default_rng(13).uniform(-1, 1, (batch, length, 1))


def test_memory_rows_state_a_slope_for_every_subject():
    rows = memory.compare((32, 64, 128))
    assert len(rows) == len(memory.candidates(8))
    assert all(row.unit == "(slope)" and row.aim == 1.1 and np.isfinite(row.value) for row in rows)


def test_a_square_beside_a_constant_block_shows_in_the_exponent():
    lengths = np.array(memory.LENGTHS)
    linear, square = 64 + lengths / 4096, 64 + (lengths / 4096) ** 2
    assert memory.exponent(lengths, linear) == pytest.approx(1)
    assert memory.exponent(lengths, square) > 1.4
    assert abs(memory.exponent(lengths, np.full(4, 64.0))) < 1e-12
    # False twin: the slope of the peaks themselves calls the square constant.
    assert abs(np.polyfit(np.log(lengths), np.log(square), 1)[0]) < 0.1


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
