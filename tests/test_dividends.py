"""Dividends of small coalitions: a polynomial needs no more than its degree, and indices at any depth."""

from pathlib import Path

import numpy as np
import pytest

from carleman_ssm.interactions.dividends import Dividends, dividends, interaction_indices
from carleman_ssm.interactions.indices import PAIR_INDICES, OneLayerIndices, one_layer_indices
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.operator import DomainError
from tests.coalitions import agree, all_coalitions, expected

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def quadratic():
    network = load_network(DATA / "digits64__L1_H16_N32_poly2_linear_batch__s0.npz")
    inputs = np.load(DATA / "digits64__L1_H16_N32_poly2_linear_batch__s0.reference.npz")["x"].astype(np.float64)
    return network, network_operator(network, sequences=inputs), inputs


def test_the_dividends_of_64_positions_are_those_of_the_closed_form(quadratic):
    network, operator, inputs = quadratic
    closed = one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[2])
    counted = dividends(network, operator.centre, inputs[2], degree=2)
    scale = np.abs(closed.total).max()
    agree(counted.gap, 0.0, scale)
    agree(counted.shapley_values(), closed.shapley_values(), scale)
    for name in PAIR_INDICES:
        agree(counted.pairs(name, 4, 9), closed.pairs(name, 4, 9), scale)


def test_dividends_vanish_above_the_degree_and_not_at_it(quadratic):
    network, operator, inputs = quadratic
    groups = np.repeat(np.arange(8), 8)
    game = dividends(network, operator.centre, inputs[0], groups=groups)
    scale = np.abs(game.total).max()
    assert np.abs(game.values[2]).max() > 1e-3 * scale
    for size in range(3, 9):
        assert np.abs(game.values[size]).max() < 2**size * 1e-13 * scale


@pytest.mark.parametrize("output", ["linear", "glu"])
def test_a_deep_polynomial_network_needs_coalitions_up_to_its_degree_only(output):
    network = two_layers(output)
    generator = np.random.default_rng(5)
    sequence, centre = generator.uniform(-1, 1, (2, 9, 1))
    operator = network_operator(network, sequences=np.stack([sequence, centre]), centre=centre)
    found = interaction_indices(operator, sequence)
    degree = {"linear": 4, "glu": 16}[output]
    assert isinstance(found, Dividends)
    assert operator.total_degree == degree
    assert found.degree == min(degree, 9)
    masks = np.eye(9)[:, :, None]
    worth, dividend, bits = all_coalitions(network, centre, sequence, masks)
    mobius, shapley, pairs = expected(dividend, bits)
    scale = 1.0 + np.abs(worth).max()
    agree(found.gap, 0.0, scale)
    agree(found.mobius_values(), mobius, scale)
    agree(found.shapley_values(), shapley, scale)
    for name in PAIR_INDICES:
        agree(found.pairs(name, 0), pairs[name], scale)
    if degree < 9:
        assert np.abs(dividend[bits.sum(axis=1) > degree]).max() < 1e-10 * scale
        assert np.abs(dividend[bits.sum(axis=1) == degree]).max() > 1e-8 * scale


def two_layers(output):
    """A random network of two quadratic layers; with the bilinear gate each layer doubles the degree again."""
    generator = np.random.default_rng(1)
    rows = 2 if output == "linear" else 4
    layers = tuple(
        S4DLayer(
            *generator.uniform(-1, 0, (1, 2)),
            *generator.uniform(-1, 1, (2, 2, 2)),
            C=generator.normal(size=(2, 2)) + 0j,
            D=generator.normal(size=2),
            output_weight=generator.normal(size=(rows, 2)),
            output_bias=generator.normal(size=rows),
        )
        for _ in range(2)
    )
    gate = {"gate": "identity"} if output == "glu" else {}
    config = NetworkConfig(activation="square", output=output, **gate)
    parts = generator.normal(size=(2, 1)), generator.normal(size=2)
    return S4DNetwork(*parts, layers, generator.normal(size=(3, 2)), generator.normal(size=3), config)


def test_a_network_that_is_no_polynomial_is_covered_by_all_coalitions_of_few_groups():
    name = "digits64__L2_H16_N32_gelu_glu_layer__s0"
    network = load_network(DATA / f"{name}.npz")
    inputs = np.load(DATA / f"{name}.reference.npz")["x"].astype(np.float64)[:2]
    operator = network_operator(network, sequences=inputs, degree=8)
    groups = np.repeat(np.arange(4), 16)
    found = interaction_indices(operator, inputs[0], groups)
    masks = (groups == np.arange(4)[:, None]).astype(float)[:, :, None]
    worth, dividend, bits = all_coalitions(network, operator.centre, inputs[0], masks)
    agree(found.shapley_values(), expected(dividend, bits)[1], np.abs(worth).max())
    assert np.abs(found.values[4]).max() > 1e-3  # all four rows together: no polynomial of degree 3
    with pytest.raises(ValueError, match="groups of positions"):
        interaction_indices(operator, inputs[0])


def test_closed_forms_of_a_fit_come_close_to_the_gelu_network_and_show_their_rounding():
    shipped = DATA.parent.parent / "carleman_ssm" / "data"
    network = load_network(shipped / "digits-gelu.safetensors")
    inputs = np.load(shipped / "digits-test.npz")["x"][:100].astype(np.float64)
    groups = np.repeat(np.arange(8), 8)
    wanted = dividends(network, np.zeros((64, 1)), inputs[0], groups=groups).shapley_values()
    errors = []
    for degree in (4, 12):
        found = interaction_indices(network_operator(network, sequences=inputs, degree=degree), inputs[0], groups)
        assert isinstance(found, OneLayerIndices)
        agree(found.gap, 0.0, np.abs(found.total).max())
        errors.append(np.abs(found.shapley_values() - wanted).max())
    # Coalitions leave the fitted intervals, so this is measured, not certified.
    assert errors[1] < 1e-3 * np.abs(wanted).max() < errors[0]


def test_a_sequence_outside_the_domain_of_an_operator_is_refused(quadratic):
    _, operator, inputs = quadratic
    with pytest.raises(DomainError, match="input_bound"):
        interaction_indices(operator, 9 * inputs[0])


def test_too_few_coalitions_leave_a_gap(quadratic):
    network, operator, inputs = quadratic
    groups = np.repeat(np.arange(8), 8)
    game = dividends(network, operator.centre, inputs[0], degree=1, groups=groups)
    assert np.abs(game.gap).max() > 1e-2 * np.abs(game.total).max()


def test_too_many_coalitions_are_refused_with_the_remedy(quadratic):
    network, operator, inputs = quadratic
    with pytest.raises(ValueError, match="groups of positions"):
        dividends(network, operator.centre, inputs[0], degree=4)
