"""Gated DeltaNet against its reference, and what a wrong convention would give."""

import dataclasses

import numpy as np
import pytest

from carleman_ssm.families.delta_net import DeltaNet
from carleman_ssm.families.gated_delta_net import GatedDeltaNet
from carleman_ssm.formulas.verification import verify
from tests.reference_layers import ZOO, parameter_files, stored

TOLERANCE = 1e-12
"""Against the reference in float64: sums of a few dozen terms of size 1 to 10, each rounded at 1e-16."""


@pytest.mark.parametrize("path", parameter_files("fla-gated-delta-net"), ids=lambda path: path.stem)
@pytest.mark.parametrize("method", ["closed", "recurrence"])
def test_the_layer_is_its_reference(path, method):
    tensors, config, reference = stored(path)
    layer = GatedDeltaNet.from_tensors(tensors, config)
    assert abs(layer(reference["x"], method) - reference["y"]).max() < TOLERANCE * abs(reference["y"]).max()
    assert abs(layer.keys(reference["x"]) - reference["keys"]).max() < TOLERANCE
    assert abs(layer.log_decays(reference["x"]) - reference["log_decays"]).max() < 1e-11
    last = layer.scan(reference["x"]).states()[:, -1]
    assert abs(last - reference["state"]).max() < TOLERANCE * max(1, abs(reference["state"]).max())
    back = layer.tensors()
    assert back.keys() == tensors.keys()
    assert all(np.array_equal(back[name], tensors[name]) for name in tensors)


def test_there_are_reference_files():
    assert len(parameter_files("fla-gated-delta-net")) >= 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"allow_neg_eigval": True},
        {"norm_eps": 1e-2},
        {"g_weight": None},
        dict.fromkeys(("q_conv_weight", "k_conv_weight", "v_conv_weight")),
        {"num_heads": 1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_another_convention_gives_something_else(wrong):
    tensors, config, reference = stored(ZOO / "fla-gated-delta-net__default.npz")
    layer = dataclasses.replace(GatedDeltaNet.from_tensors(tensors, config), **wrong)
    assert abs(layer(reference["x"]) - reference["y"]).max() > 1e-3


@pytest.mark.parametrize("missing", ["q", "k", "v"])
def test_half_a_set_of_convolutions_is_refused(missing):
    tensors, config, _ = stored(ZOO / "fla-gated-delta-net__default.npz")
    without = {name: value for name, value in tensors.items() if name != f"{missing}_conv1d.weight"}
    with pytest.raises(ValueError, match="come together or not at all"):
        GatedDeltaNet.from_tensors(without, config)


def test_decays_and_strengths_exchanged_are_seen():
    tensors, config, reference = stored(ZOO / "fla-gated-delta-net__default.npz")
    layer = GatedDeltaNet.from_tensors(tensors, config)
    exchanged = dataclasses.replace(layer, a_weight=layer.b_weight, b_weight=layer.a_weight)
    assert abs(exchanged(reference["x"]) - reference["y"]).max() > 1e-3


def test_a_decay_after_the_write_is_another_layer():
    """False twin of the order: the delta rule first, the decay afterwards."""
    tensors, config, reference = stored(ZOO / "fla-gated-delta-net__default.npz")
    layer = GatedDeltaNet.from_tensors(tensors, config)
    scan = layer.scan(reference["x"])
    late = dataclasses.replace(scan, drives=scan.drives * scan.decays[..., None, None])
    assert abs(layer.readout(late.states(), reference["x"]) - reference["y"]).max() > 1e-3


def test_without_decay_it_is_delta_net():
    """Rates e^{-800} = 0: the gate is 1 to the last bit, and what remains is DeltaNet with the same tensors."""
    gated = GatedDeltaNet.initialise(np.random.default_rng(0), channels=4, heads=2, gate=True)
    gated = dataclasses.replace(gated, A_log=np.full(2, -800.0))
    shared = {
        name: value for name, value in gated.tensors().items() if name not in ("A_log", "dt_bias", "a_proj.weight")
    }
    inputs = np.random.default_rng(1).normal(size=(2, 50, 4))
    assert abs(gated(inputs) - DeltaNet.from_tensors(shared, {})(inputs)).max() < 1e-13


def test_shared_keys_are_repeated_for_neighbouring_heads():
    layer = GatedDeltaNet.initialise(np.random.default_rng(0), heads=4, num_heads=2, channels=3, states=3)
    keys = layer.keys(np.random.default_rng(1).normal(size=(1, 5, 3)))
    assert keys.shape == (1, 5, 4, 3)
    assert np.array_equal(keys[:, :, 0], keys[:, :, 1])
    assert not np.array_equal(keys[:, :, 1], keys[:, :, 2])


def test_the_size_of_a_head_tells_shared_keys_too():
    tensors, config, reference = stored(ZOO / "fla-gated-delta-net__shared_keys_negative.npz")
    by_size = {name: value for name, value in config.items() if name not in ("num_heads", "num_v_heads")}
    layer = GatedDeltaNet.from_tensors(tensors, by_size)
    assert abs(layer(reference["x"]) - reference["y"]).max() < 1e-11
    with pytest.raises(ValueError, match="head_dim"):
        GatedDeltaNet.from_tensors(tensors, {**config, "head_dim": 2})


def test_the_decays_alone_run_on_a_clock():
    layer = GatedDeltaNet.initialise(np.random.default_rng(0))
    inputs = np.random.default_rng(1).normal(size=(2, 9, 4))
    product = np.cumprod(layer.scan(inputs).decays, axis=1)
    assert abs(np.exp(layer.clock(inputs)) - product).max() < 1e-14


def test_an_initialised_layer_runs_and_states_its_claims():
    layer = GatedDeltaNet.initialise(np.random.default_rng(0), channels=5, heads=3, states=2, values=4, gate=False)
    inputs = np.random.default_rng(1).normal(size=(2, 40, 5))
    assert abs(layer(inputs) - layer(inputs, "recurrence")).max() < 1e-13
    assert verify(GatedDeltaNet.statement(1, 2).laws[0]).proved


def test_wrong_parameters_are_refused():
    good = GatedDeltaNet.initialise(np.random.default_rng(0))
    for change, words in (
        ({"num_heads": 3}, "heads"),
        ({"dt_bias": np.ones(3)}, "dt_bias"),
        ({"A_log": np.full(2, np.inf)}, "A_log"),
    ):
        with pytest.raises(ValueError, match=words):
            dataclasses.replace(good, **change)
    with pytest.raises(ValueError, match="a_proj"):
        DeltaNet.from_tensors(good.tensors(), {})
    lacking = {name: value for name, value in good.tensors().items() if name != "A_log"}
    with pytest.raises(ValueError, match="A_log"):
        GatedDeltaNet.from_tensors(lacking, {})
    with pytest.raises(ValueError, match="num_v_heads"):
        GatedDeltaNet.from_tensors(good.tensors(), {"num_v_heads": 4})
