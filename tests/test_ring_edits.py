"""Edited rings: the kernel loses exactly the shares of what was silenced, and a node is a lag where T24 says so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import carleman_ssm as cs
from carleman_ssm.networks.layers import S4DLayer
from carleman_ssm.networks.network import NetworkConfig, S4DNetwork
from carleman_ssm.rings.node_lags import node_lags, node_shares
from carleman_ssm.rings.rings import layer_rings
from carleman_ssm.steering.ring_edits import edit_modes, edit_nodes, edit_orders

TOLERANCE = 1e-12  # sums of at most 33 numbers of size 1, relative to their sizes


def network_of(layer, activation="square"):
    channels = layer.channels
    config = NetworkConfig(activation=activation, output="none", pool="mean")
    rng = np.random.default_rng(channels)
    return S4DNetwork(
        rng.normal(size=(channels, 1)), rng.normal(size=channels), (layer,), rng.normal(size=(2, channels)),
        rng.normal(size=2), config,
    )  # fmt: skip


def lin_layer(modes, hop=1.0, channels=1, seed=0):
    """S4D-Lin: a_n = -1/2 + iπn, and Δ = 2δ/N, so that a step moves the pattern δ nodes."""
    rng = np.random.default_rng(seed)
    shape = (channels, modes)
    readout = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    turns = np.broadcast_to(np.pi * np.arange(modes), shape)
    return S4DLayer(
        np.full(channels, np.log(2 * hop / modes)), np.full(shape, np.log(0.5)), turns, readout, [0.3] * channels
    )


def trained_like(channels, modes, seed, real_mode=False):
    rng = np.random.default_rng(seed)
    shape = (channels, modes)
    turns = rng.uniform(0.1, 20.0, size=shape)
    if real_mode:
        turns[:, 0] = 0.0
    readout = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    return S4DLayer(rng.uniform(-4, -2, channels), rng.normal(size=shape), turns, readout, rng.normal(size=channels))


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3), st.integers(1, 6), st.integers(0, 99), st.sampled_from(["complex", "real", "antiperiodic"]))
def test_the_kernel_loses_exactly_the_shares_of_the_silenced_nodes(channels, modes, seed, closure):
    network = network_of(trained_like(channels, modes, seed, real_mode=closure == "real"))
    rings = layer_rings(network.layers[0], closure=closure)
    nodes, gain = [seed % rings.nodes, (seed // 7) % rings.nodes], 0.25
    edit = edit_nodes(network, nodes, gain=gain, closure=closure)
    shares = node_shares(rings, 12)
    taken = (1 - gain) * shares[:, :, sorted(set(nodes))].sum(axis=-1)
    scale = np.abs(shares).sum(axis=-1).max()
    np.testing.assert_allclose(edit.deleted(12), taken, rtol=0, atol=TOLERANCE * scale)
    np.testing.assert_allclose(shares.sum(axis=-1), network.kernel(0, 12), rtol=0, atol=TOLERANCE * scale)


@pytest.mark.parametrize("hop", [1, 3])
def test_without_wrap_a_silenced_node_is_one_lag_of_a_rigid_ring(hop):
    network = network_of(lin_layer(8, hop))
    edit = edit_nodes(network, 3)
    lag = next(m for m in range(8) if hop * m % 8 == 3)
    lost = np.abs(edit.deleted(8)[0])
    assert edit.node_lags(8).holds.all()
    assert lost[lag] == pytest.approx(np.abs(network.kernel(0, 8)[0, lag]), rel=1e-9)
    assert np.delete(lost, lag).max() < TOLERANCE * 100
    assert edit.node_lags(8).purity[0] == pytest.approx(1.0, abs=1e-10)


def test_with_a_wrap_the_same_node_takes_two_lags_and_the_condition_says_so():
    network = network_of(lin_layer(8))
    edit, found = edit_nodes(network, 3), edit_nodes(network, 3).node_lags(16)
    lost = np.abs(edit.deleted(16)[0])
    assert sorted(np.argsort(lost)[-2:].tolist()) == [3, 11]
    assert not found.holds.any()
    assert found.purity[0, 3] < 0.8
    assert "no wrap: no" in found.sentence(0)


@pytest.mark.parametrize("layer", [lin_layer(8, 0.5), trained_like(1, 8, 3)])
def test_a_fractional_hop_or_a_trained_spectrum_is_no_register_of_lags(layer):
    found = node_lags(layer_rings(layer), 8)
    assert not found.holds.any()
    assert found.purity.min() < 0.9
    assert "no single input lag" in found.sentence(0)


@pytest.mark.parametrize("decay", [0.5, 18.0, 30.0])
@pytest.mark.parametrize("spread", [0.0, 1.5])
def test_radii_are_compared_with_their_own_size(decay, spread):
    """Multipliers e^{-18} and below are all within 1e-9 of each other; a spread of e^{1.5} is no rigid law for that."""
    turns, rates = np.arange(4) * np.pi / 2, np.log(decay + spread * np.array([0.0, 1.0, 0.5, 0.75]))
    layer = S4DLayer([0.0], rates[None], turns[None], np.ones((1, 4)) + 0.5j, [0.1])
    found = node_lags(layer_rings(layer), 4)
    assert bool(found.is_rigid[0]) == (spread == 0.0)
    kernel = np.abs(network_of(layer).kernel(0, 4) - 0.1 * np.eye(1, 4))
    lost = np.abs(edit_nodes(network_of(layer), 2).deleted(4))  # lag 2 alone, where the law is rigid
    assert (np.delete(lost, 2) <= TOLERANCE * kernel.max()).all() or not found.holds[0]


def test_a_silenced_mode_takes_its_pair_out_of_the_kernel_and_nothing_else():
    layer = trained_like(2, 4, 5)
    edit = edit_modes(network_of(layer), 2, channels=1)
    pair = 2 * (layer.C * layer.input_vector)[1, 2] * layer.multipliers[1, 2] ** np.arange(9)
    deleted = edit.deleted(9)
    assert np.abs(deleted[0]).max() == 0
    np.testing.assert_allclose(deleted[1], pair.real, atol=TOLERANCE)


def test_all_nodes_together_are_all_modes_together():
    network = network_of(trained_like(2, 5, 8))
    by_nodes, by_modes = edit_nodes(network, range(5)), edit_modes(network, range(5))
    np.testing.assert_allclose(by_nodes.deleted(7), by_modes.deleted(7), atol=TOLERANCE)


def test_the_effect_on_logits_is_that_of_the_operator_of_the_edited_network():
    network, x = network_of(lin_layer(8, channels=3)), np.random.default_rng(1).normal(size=(4, 8, 1))
    edit = edit_nodes(network, [1, 2], channels=[0, 2], gain=2.0)
    before, after = (cs.network_operator(net, sequences=x) for net in (network, edit.edited))
    np.testing.assert_allclose(edit.effect(x), after(x) - before(x), atol=1e-11)
    assert np.abs(edit.effect(x)).max() > 1e-3


def test_a_wrong_sign_of_the_wave_number_would_be_seen():
    """The false twin: with e^{+2πi f j/N} on the way back another kernel is lost."""
    layer = trained_like(1, 4, 2)
    rings = layer_rings(layer)
    gains = np.array([[1.0, 0.0, 1.0, 1.0]])
    wrong = (rings.readout_weights * gains) @ rings.waves / rings.nodes
    right = (rings.readout_weights * gains) @ rings.waves.conj() / rings.nodes
    powers = rings.multipliers[0] ** np.arange(6)[:, None]
    kept = layer.kernel(6)[0] - node_shares(rings, 6)[0, :, 1]
    np.testing.assert_allclose(2 * (powers @ right[0]).real, kept, atol=TOLERANCE)
    assert np.abs(2 * (powers @ wrong[0]).real - kept).max() > 1e-3


def test_orders_can_be_silenced_and_amplified():
    network, x = network_of(lin_layer(4, channels=2)), np.random.default_rng(2).normal(size=(3, 6, 1))
    operator = cs.network_operator(network, sequences=x)
    parts = operator.orders(x)
    np.testing.assert_allclose(edit_orders(operator, x, [1, 1]), operator(x), atol=1e-12)
    np.testing.assert_allclose(edit_orders(operator, x, [1, 1, 0]), operator(x) - parts[..., 2], atol=1e-12)
    # Order 2 alone is even in the deviation from the centre (zero input), order 1 odd.
    np.testing.assert_allclose(edit_orders(operator, x, [0, 0, 3]), edit_orders(operator, -x, [0, 0, 3]), atol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nodes": 8}, "no node 8"),
        ({"nodes": [True]}, "no node True"),
        ({"nodes": 0, "channels": 5}, "no channel 5"),
        ({"nodes": []}, "empty list of nodes"),
        ({"nodes": 0, "channels": []}, "empty list of channels"),
        ({"nodes": 0, "layer": 1}, "no layer 1"),
        ({"nodes": 0, "gain": np.nan}, "finite"),
        ({"nodes": 0, "closure": "real"}, "no node|real|ring"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(change, words):
    layer = trained_like(1, 8, 1) if "closure" in change else lin_layer(8)
    with pytest.raises(ValueError, match=words):
        edit_nodes(network_of(layer), **change)


def test_other_networks_and_gains_are_refused():
    with pytest.raises(TypeError, match="S4D networks"):
        edit_modes(object(), 0)
    with pytest.raises(TypeError, match="network_operator"):
        edit_orders(network_of(lin_layer(4)), np.ones((1, 4, 1)), [1.0])
    with pytest.raises(TypeError, match="layer_rings"):
        node_lags(None, 2)
    with pytest.raises(TypeError, match="integer"):
        node_lags(layer_rings(lin_layer(4)), 2.5)
    network, x = network_of(lin_layer(4)), np.ones((1, 4, 1))
    operator = cs.network_operator(network, sequences=x)
    for gains in ([1, 1, 1, 1, 1], [np.inf], [[1.0]]):
        with pytest.raises(ValueError, match="gains are at most"):
            edit_orders(operator, x, gains)
    rings = layer_rings(network.layers[0], gauge="textbook")
    with pytest.raises(ValueError, match="unit-input gauge"):
        node_lags(rings, 4)
    with pytest.raises(ValueError, match="at least one step"):
        node_lags(layer_rings(network.layers[0]), 0)
