"""DeltaNet against its reference, its two routes against each other, and what a wrong convention would give."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.families.delta_net import DeltaNet
from carleman_ssm.families.delta_scan import decay_products, delta_states
from carleman_ssm.families.scans import VaryingRankOneScan
from carleman_ssm.formulas.verification import verify
from tests.reference_layers import ZOO, parameter_files, stored

TOLERANCE = 1e-12
"""Against the reference in float64: sums of a few dozen terms of size 1 to 10, each rounded at 1e-16."""


@pytest.mark.parametrize("path", parameter_files("fla-delta-net"), ids=lambda path: path.stem)
@pytest.mark.parametrize("method", ["closed", "recurrence"])
def test_the_layer_is_its_reference(path, method):
    tensors, config, reference = stored(path)
    layer = DeltaNet.from_tensors(tensors, config)
    assert abs(layer(reference["x"], method) - reference["y"]).max() < TOLERANCE * abs(reference["y"]).max()
    assert abs(layer.keys(reference["x"]) - reference["keys"]).max() < TOLERANCE
    last = layer.scan(reference["x"]).states()[:, -1]
    assert abs(last - reference["state"]).max() < TOLERANCE * max(1, abs(reference["state"]).max())
    back = layer.tensors()
    assert back.keys() == tensors.keys()
    assert all(np.array_equal(back[name], tensors[name]) for name in tensors)


def test_there_are_reference_files():
    assert len(parameter_files("fla-delta-net")) >= 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"allow_neg_eigval": True},
        {"qk_activation": "elu"},
        {"qk_norm": "sum"},
        {"norm_eps": 1e-2},
        {"b_weight": None},
        dict.fromkeys(("q_conv_weight", "k_conv_weight", "v_conv_weight")),
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_another_convention_gives_something_else(wrong):
    tensors, config, reference = stored(ZOO / "fla-delta-net__default.npz")
    layer = dataclasses.replace(DeltaNet.from_tensors(tensors, config), **wrong)
    assert abs(layer(reference["x"]) - reference["y"]).max() > 1e-3


@pytest.mark.parametrize("missing", ["q", "k", "v"])
def test_half_a_set_of_convolutions_is_refused(missing):
    tensors, config, _ = stored(ZOO / "fla-delta-net__default.npz")
    without = {name: value for name, value in tensors.items() if name != f"{missing}_conv1d.weight"}
    with pytest.raises(ValueError, match="come together or not at all"):
        DeltaNet.from_tensors(without, config)
    with pytest.raises(ValueError, match="come together or not at all"):
        DeltaNet.from_tensors(tensors | {f"{missing}_conv1d.bias": np.ones(len(tensors["q_proj.weight"]))}, config)


def test_entries_that_sum_to_zero_have_no_such_norm():
    layer = DeltaNet.initialise(np.random.default_rng(1), channels=8, qk_norm="sum", qk_activation="relu")
    with pytest.raises(ValueError, match="entries of a query or key sum to 0"):
        layer(np.random.default_rng(0).normal(size=(4, 400, 8)))
    assert np.isfinite(dataclasses.replace(layer, qk_activation="elu")(np.ones((1, 4, 8)))).all()


def test_keys_and_queries_exchanged_are_seen():
    tensors, config, reference = stored(ZOO / "fla-delta-net__default.npz")
    exchanged = {"kq"["qk".index(n[0])] + n[1:] if n[0] in "qk" else n: v for n, v in tensors.items()}
    assert abs(DeltaNet.from_tensors(exchanged, config)(reference["x"]) - reference["y"]).max() > 1e-3


# --- the scan ---------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**32 - 1), st.booleans())
def test_chunks_give_the_recurrence_also_for_zero_decays_and_equal_keys(steps, states, values, seed, equal):
    """Unit keys, 0 <= β <= 2 and |g| <= 1: no step enlarges the state, so errors add up to steps × 1e-16."""
    rng = np.random.default_rng(seed)
    keys = rng.normal(size=(2, steps, 3, states))
    if equal:
        keys[:] = keys[:, :1]
    keys /= np.linalg.norm(keys, axis=-1, keepdims=True)
    decays, strengths = (rng.choice(v, size=(2, steps, 3)) for v in ([0.0, 0.3, -0.5, 1.0], [0.0, 0.7, 1.0, 2.0]))
    drives = rng.normal(size=(2, steps, 3, states, values))
    scan = VaryingRankOneScan(decays, strengths, keys, drives)
    assert abs(scan.states("closed") - scan.states("recurrence")).max() < 1e-13 * steps


@pytest.mark.parametrize("size", [0.5, 1, 2, 4, 50])
def test_keys_that_let_states_grow_lose_little(size):
    """Long keys: a chunk loses at most the growth that it is allowed, 1e3 roundings of the largest state so far."""
    rng = np.random.default_rng(7)
    keys, drives = size * rng.normal(size=(8, 30, 1, 3)), rng.normal(size=(8, 30, 1, 3, 2))
    scan = VaryingRankOneScan(rng.uniform(0, 1, (8, 30, 1)), rng.uniform(0, 2, (8, 30, 1)), keys, drives)
    stepped = scan.states("recurrence")
    largest = np.maximum.accumulate(abs(stepped).max(axis=(2, 3, 4), keepdims=True), axis=1)
    assert (abs(scan.states() - stepped) / largest).max() < 1e-11


@pytest.mark.parametrize("chunk", [1, 2, 7, 100])
def test_any_chunk_gives_the_same_states(chunk):
    rng = np.random.default_rng(3)
    shapes = [(1, 20, 2), (1, 20, 2), (1, 20, 2, 3), (1, 20, 2, 3, 2)]
    parts = [rng.uniform(0.1, 0.6, size=shape) for shape in shapes]
    assert abs(delta_states(*parts, chunk=chunk) - delta_states(*parts)).max() < 1e-13


def test_the_scan_is_the_product_of_matrices():
    """Third route: A_k written out and multiplied."""
    rng = np.random.default_rng(5)
    g, beta = rng.uniform(0.5, 1, (2, 6)), rng.uniform(0, 2, (2, 6))
    keys, drives = rng.normal(size=(2, 6, 3)), rng.normal(size=(2, 6, 3, 2))
    states = VaryingRankOneScan(g, beta, keys, drives).states()
    for b in range(2):
        state = np.zeros((3, 2))
        for k in range(6):
            matrix = g[b, k] * (np.eye(3) - beta[b, k] * np.outer(keys[b, k], keys[b, k]))
            state = matrix @ state + drives[b, k]
            assert abs(states[b, k] - state).max() < 1e-11 * max(1, abs(state).max())


def test_decay_products_do_not_divide_by_zero():
    products = decay_products(np.array([0.5, 0.0, 4.0]))
    assert np.array_equal(products, [[1, 0, 0], [0, 1, 0], [0, 4, 1]])
    with pytest.raises(ValueError, match="chunk"):
        delta_states(*np.ones((3, 1, 1, 1)), np.ones((1, 1, 1, 1)), chunk=0)


# --- the class --------------------------------------------------------------------------------------------------------


def test_an_initialised_layer_runs_and_states_its_claims():
    layer = DeltaNet.initialise(np.random.default_rng(0), channels=5, heads=3, states=2, values=4, gate=True)
    inputs = np.random.default_rng(1).normal(size=(2, 40, 5))
    assert layer(inputs).shape == (2, 40, 5)
    assert abs(layer(inputs) - layer(inputs, "recurrence")).max() < 1e-13
    assert (layer.heads, layer.key_size, layer.channels) == (3, 2, 5)
    assert verify(DeltaNet.statement(1, 2).laws[0]).proved


def test_full_strength_overwrites_and_half_a_reflection_is_a_projection():
    """β = 1, unit keys: after a step, the key reads exactly its value (to the ε of the norm)."""
    layer = DeltaNet.initialise(np.random.default_rng(2), channels=4, heads=1, states=3, values=2, width=0)
    layer = dataclasses.replace(layer, b_weight=None)
    inputs = np.random.default_rng(3).normal(size=(1, 10, 4)) * 30
    states, keys = layer.scan(inputs).states(), layer.keys(inputs)
    read = (keys[..., None, :] @ states)[..., 0, :]
    assert abs(read - layer.values(inputs)).max() < 1e-5 * abs(layer.values(inputs)).max()


def test_wrong_parameters_are_refused():
    good = DeltaNet.initialise(np.random.default_rng(0))
    for change, words in (
        ({"qk_norm": "l1"}, "qk_norm"),
        ({"qk_activation": "gelu"}, "qk_activation"),
        ({"norm_weight": np.ones(3)}, "heads"),
        ({"k_weight": np.ones((2, 2))}, "k_weight"),
        ({"o_weight": np.full((4, 4), np.nan)}, "o_weight"),
    ):
        with pytest.raises(ValueError, match=words):
            dataclasses.replace(good, **change)
    with pytest.raises(ValueError, match="a_proj"):
        DeltaNet.from_tensors({**good.tensors(), "a_proj.weight": np.ones((2, 4))}, {})
    with pytest.raises(ValueError, match="num_heads"):
        DeltaNet.from_tensors(good.tensors(), {"num_heads": 4})
    with pytest.raises(TypeError, match="allow_neg_eigval"):
        DeltaNet.from_tensors(good.tensors(), {"allow_neg_eigval": "yes"})
    with pytest.raises(ValueError, match="step"):
        good(np.zeros((1, 0, 4)))
