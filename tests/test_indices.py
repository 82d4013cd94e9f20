"""Interaction indices: closed forms against all 2^n coalitions, an integral of random coalitions, and false twins."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.interactions.indices import MAX_GAP, PAIR_INDICES, one_layer_indices
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.theory.random_joins import join_series
from tests.coalitions import agree, all_coalitions, expected
from tests.strategies_networks import s4d_networks

DATA = Path(__file__).parent / "data"
POLYNOMIAL = ("identity", "square", "cube", "poly")


@pytest.fixture(scope="module")
def quadratic():
    network = load_network(DATA / "digits64__L1_H16_N32_poly2_linear_batch__s0.npz")
    inputs = np.load(DATA / "digits64__L1_H16_N32_poly2_linear_batch__s0.reference.npz")["x"].astype(np.float64)
    return network, network_operator(network, sequences=inputs), inputs


@settings(max_examples=25, deadline=None)
@given(s4d_networks(activations=POLYNOMIAL), st.integers(2, 6), st.booleans(), st.integers(0, 2**32 - 1))
def test_closed_forms_are_the_indices_of_all_coalitions(network, length, grouped, seed):
    generator = np.random.default_rng(seed)
    sequence, centre = generator.uniform(-1, 1, (2, length, network.features))
    operator = network_operator(network, input_bound=2.0, length=length, centre=centre)
    groups = generator.permutation(np.arange(length * network.features) % 3).reshape(length, -1) if grouped else None
    if groups is not None and groups.max() < 2:
        groups = None
    masks = np.eye(length)[:, :, None] * np.ones(network.features)
    if groups is not None:
        masks = np.stack([groups == number for number in range(3)]).astype(float)
    worth, dividend, bits = all_coalitions(network, centre, sequence, masks)
    mobius, shapley, pairs = expected(dividend, bits)
    found = one_layer_indices(operator.form, operator.decoders, centre, sequence, groups)
    # 2^n values of this size are added with signs; a float64 sum of them is not better than this scale.
    scale = 1.0 + np.abs(worth).max()
    agree(found.baseline, worth[0], scale)
    agree(found.total, worth[-1], scale)
    agree(found.mobius_values(), mobius, scale)
    agree(found.shapley_values(), shapley, scale)
    for name in PAIR_INDICES:
        agree(found.pairs(name, 0), pairs[name], scale)
        agree(found.pair(0, 1, name)[0], pairs[name][0, 1], scale)


def test_shapley_values_of_64_positions_complete_to_the_logits(quadratic):
    _, operator, inputs = quadratic
    found = one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[0])
    gap = found.shapley_values().sum(axis=0) - (found.total - found.baseline)
    agree(found.total, operator(inputs[:1])[0], np.abs(found.total).max(), 1e-12)
    agree(gap, 0.0, np.abs(found.total).max(), 1e-12)


def test_shapley_taylor_pairs_and_single_dividends_complete_to_the_margin(quadratic):
    _, operator, inputs = quadratic
    found = one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[1])
    singles = found.mobius_values() @ np.eye(10)[[3, 8]].T @ [1, -1]
    margin = (found.total - found.baseline)[3] - (found.total - found.baseline)[8]
    pairs = found.pairs("shapley_taylor", 3, 8)
    agree(singles.sum() + pairs.sum() / 2, margin, np.abs(found.total).max(), 1e-12)


def test_banzhaf_values_are_means_over_all_coalitions(quadratic):
    network, operator, inputs = quadratic
    groups = np.repeat(np.arange(8), 8)
    masks = (groups == np.arange(8)[:, None]).astype(float)[:, :, None]
    worth, _, bits = all_coalitions(network, operator.centre, inputs[0], masks)
    found = one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[0], groups)
    wanted = np.stack([worth[b == 1].mean(axis=0) - worth[b == 0].mean(axis=0) for b in bits.T])
    agree(found.banzhaf_values(), wanted, np.abs(worth).max())


def test_a_random_coalition_has_the_moments_of_the_joined_series():
    """M(s) = Π((1−t) + t e^{a_j s}) by enumeration of coalitions, beside the exponential of cumulants."""
    effects, t, degree = np.array([0.3, -1.1, 0.7]), 0.37, 6
    cumulants, slopes = map(np.array, join_series(t, degree))
    x = 0.01 + 0.02j
    factor = 1 - t + t * np.exp(x)
    powers = x ** np.arange(degree + 1)
    assert abs(cumulants @ powers - np.log(factor)) < 10 * abs(x) ** (degree + 1)
    assert abs(slopes @ powers - (np.exp(x) - 1) / factor) < 10 * abs(x) ** (degree + 1)
    third = sum(
        t ** len(S) * (1 - t) ** (3 - len(S)) * sum(effects[list(S)]) ** 3
        for k in range(4)
        for S in combinations(range(3), k)
    )
    c = [cumulants[r] * (effects**r).sum() for r in range(4)]
    assert np.isclose(6 * (c[3] + c[1] * c[2] + c[1] ** 3 / 6), third, rtol=1e-13)


@pytest.mark.parametrize(("degree", "same"), [(2, True), (3, False)])
def test_shares_by_degree_are_shapley_values_for_squares_only(degree, same):
    """False twin: a_i (φ(y) − φ(y0))/(y − y0), integrated gradients, halves a_i a_j but gives 2/3 of a_i² a_j to i."""
    layer = S4DLayer([0.0], [[0.0]], [[1.0]], C=[[0.5]], D=[1.0], activation_coefficients=[0.0] * (degree - 1) + [1.0])
    config = NetworkConfig(activation="poly", output="none", residual=False, pool="last")
    network = S4DNetwork([[1.0]], [0.5], (layer,), [[1.0]], [0.0], config)
    sequence, centre = np.array([[0.4], [-0.3], [0.9]]), np.zeros((3, 1))
    operator = network_operator(network, input_bound=1.0, length=3)
    found = one_layer_indices(operator.form, operator.decoders, centre, sequence)
    effects = found.players.effects()[0, :, -1]
    y0 = operator.form.preactivations(centre[None])[0, -1, 0]
    y = y0 + effects.sum()
    integrated = effects * (y**degree - y0**degree) / (y - y0)
    shapley = found.shapley_values()[:, 0]
    assert np.isclose(integrated.sum(), shapley.sum(), rtol=1e-12)
    assert np.allclose(integrated, shapley, rtol=1e-12, atol=0) is same


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.zeros(5, dtype=int), "expected integers"),
        (np.repeat([0, 2], 32), "without a gap"),
        (np.zeros(64), "expected integers"),
    ],
)
def test_groups_that_number_no_players_are_refused(quadratic, groups, message):
    _, operator, inputs = quadratic
    with pytest.raises(ValueError, match=message):
        one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[0], groups)


def test_unknown_indices_classes_and_pairs_are_refused(quadratic):
    _, operator, inputs = quadratic
    found = one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[0])
    for call, message in [
        (lambda: found.pairs("owen", 0), "unknown index"),
        (lambda: found.pairs("mobius", 10), "not one of 0 … 9"),
        (lambda: found.pair(3, 3, "mobius"), "two different players"),
        (lambda: found.pair(-1, 4, "mobius"), "players -1 and 4 are not both among 0 … 63"),
        (lambda: found.pair(-1, 63, "mobius"), "not both among 0 … 63"),  # the same player twice, were it let pass
        (lambda: found.pair(0, 64, "mobius"), "not both among 0 … 63"),
        (lambda: one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[0, :9]), "must both be"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_phase_products_have_no_such_closed_form(quadratic):
    _, operator, inputs = quadratic
    network = load_network(DATA / "digits64__L1_H16_N32_gelu_linear_batch__s0.npz")
    decoders = network_operator(network, sequences=inputs[:1], fit="cosine", degree=4).decoders[0].activation
    with pytest.raises(TypeError, match="no polynomials"):
        one_layer_indices(operator.form, decoders, operator.centre, inputs[0])


def test_pairs_of_too_many_players_are_refused_before_they_are_written_out(quadratic, monkeypatch):
    _, operator, inputs = quadratic
    found = one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[0])
    monkeypatch.setattr("carleman_ssm.interactions.indices.MAX_ENTRIES", 10**4)
    with pytest.raises(ValueError, match="groups of positions"):
        found.pairs("mobius", 0)


@pytest.mark.parametrize("groups", [None, np.repeat(np.arange(8), 8)])
@pytest.mark.parametrize(("degree", "sound"), [(16, True), (30, False), (40, False)])
def test_indices_that_cancel_to_rounding_are_refused(quadratic, groups, degree, sound):
    inputs = quadratic[2]
    network = load_network(DATA / "digits64__L1_H16_N32_gelu_linear_batch__s0.npz")
    operator = network_operator(network, sequences=inputs, degree=degree)
    if not sound:
        with pytest.raises(ValueError, match=f"degree {degree} cancel to rounding.*lower degree"):
            one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[0], groups)
        return
    found = one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[0], groups)
    assert np.abs(found.gap).max() <= MAX_GAP * np.abs(found.shapley_values()).max()


def test_a_sequence_that_is_its_centre_has_no_indices_and_is_not_refused(quadratic):
    _, operator, inputs = quadratic
    found = one_layer_indices(operator.form, operator.decoders, inputs[0], inputs[0])
    assert not found.shapley_values().any()


def test_indices_agree_with_a_public_package_at_8_players(quadratic):
    shapiq = pytest.importorskip("shapiq", reason="shapiq, the public package for indices, is not installed")
    network, operator, inputs = quadratic
    groups = np.repeat(np.arange(8), 8)
    label = int(network(inputs[:1]).argmax())
    masks = groups == np.arange(8)[:, None]

    def game(coalitions):
        present = (coalitions[:, :, None] * masks).any(axis=1)[:, :, None]
        return network(np.where(present, inputs[0], operator.centre))[:, label]

    computer = shapiq.ExactComputer(game, n_players=8)
    closed = one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[0], groups)
    scale = np.abs(closed.total).max()
    theirs = computer("SV", order=1)
    agree(closed.shapley_values()[:, label], np.array([theirs[(i,)] for i in range(8)]), scale)
    for name, public in (("shapley", "SII"), ("shapley_taylor", "STII"), ("mobius", "Moebius")):
        values = computer(public, order=8 if public == "Moebius" else 2)
        pairs = closed.pairs(name, label)
        for i, j in combinations(range(8), 2):
            agree(pairs[i, j], values[(i, j)], scale)
