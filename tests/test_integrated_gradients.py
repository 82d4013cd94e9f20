"""Integrated Gradients and Hessians: closed forms against quadrature of the definitions, and completeness."""

from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from carleman_ssm.interactions.attribution import attribute
from carleman_ssm.interactions.dividends import interaction_indices
from carleman_ssm.interactions.indices import one_layer_indices
from carleman_ssm.interactions.integrated_gradients import integrated_gradients, integrated_hessians
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.operators.construction import network_operator

DATA = Path(__file__).parent / "data"


def small_network(coefficients):
    generator = np.random.default_rng(4)
    layer = S4DLayer(
        *generator.uniform(-1, 0, (1, 2)),
        *generator.uniform(-1, 1, (2, 2, 2)),
        C=generator.normal(size=(2, 2)) + 0j,
        D=generator.normal(size=2),
        activation_coefficients=coefficients,
    )
    config = NetworkConfig(activation="poly", output="none")
    parts = generator.normal(size=(2, 1)), generator.normal(size=2)
    return S4DNetwork(*parts, (layer,), generator.normal(size=(3, 2)), generator.normal(size=3), config)


def game(network, length=4):
    sequence, centre = np.random.default_rng(6).uniform(-1, 1, (2, length, 1))
    operator = network_operator(network, input_bound=1.0, length=length, centre=centre)
    return one_layer_indices(operator.form, operator.decoders, centre, sequence), sequence, centre


def derivatives(network, point, step=1e-3):
    """Gradient and Hessian of the simulation by differences of fourth order: exact for degree 4 up to rounding."""
    count = len(point)
    unit = step * np.eye(count)
    weights = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}

    def at(shift):
        return network((point + shift[:, None])[None])[0]

    first = np.stack([sum(w * at(k * e) for k, w in weights.items()) for e in unit]) / step
    second = [
        [sum(w * v * at(k * e + m * f) for k, w in weights.items() for m, v in weights.items()) for f in unit]
        for e in unit
    ]
    return first, np.array(second) / step**2


COEFFICIENTS = [[1.5], [0.3, -0.7], [0.3, -0.7, 0.4], [0.1, 0.2, -0.3, 0.4]]


@pytest.mark.parametrize("coefficients", COEFFICIENTS)
def test_the_closed_forms_are_the_integrals_over_the_path(coefficients):
    network = small_network(coefficients)
    found, sequence, centre = game(network)
    deviation = (sequence - centre)[:, 0]
    nodes, weights = np.polynomial.legendre.leggauss(4)
    nodes, weights = (nodes + 1) / 2, weights / 2
    gradients = np.zeros((4, 3))
    hessians = np.zeros((4, 4, 3))
    for t, w in zip(nodes, weights, strict=True):
        gradients += w * deviation[:, None] * derivatives(network, centre + t * (sequence - centre))[0]
        for s, v in zip(nodes, weights, strict=True):
            first, second = derivatives(network, centre + s * t * (sequence - centre))
            hessians += w * v * s * t * deviation[:, None, None] * deviation[None, :, None] * second
            hessians[np.arange(4), np.arange(4)] += w * v * deviation[:, None] * first
    scale = np.abs(hessians).max()
    # Differences of fourth order with step 1e-3 lose 1e-10 of the second derivatives.
    assert np.abs(integrated_gradients(found) - gradients).max() < 1e-9 * scale
    assert np.abs(integrated_hessians(found, 1) - hessians[..., 1]).max() < 1e-8 * scale
    assert np.abs(integrated_hessians(found, 0, 2) - hessians[..., 0] + hessians[..., 2]).max() < 1e-8 * scale


@pytest.mark.parametrize("coefficients", COEFFICIENTS)
def test_rows_of_the_hessians_are_the_gradients_and_these_complete(coefficients):
    found, _, _ = game(small_network(coefficients), 9)
    gradients = integrated_gradients(found)
    scale = 1 + np.abs(found.total).max()
    assert np.abs(gradients.sum(axis=0) - found.total + found.baseline).max() < 1e-12 * scale
    assert np.abs(integrated_hessians(found, 2).sum(axis=1) - gradients[:, 2]).max() < 1e-12 * scale


def test_they_are_shapley_values_up_to_degree_two_and_not_above():
    for coefficients, same in (([0.3, -0.7], True), ([0.3, -0.7, 0.4], False)):
        found, _, _ = game(small_network(coefficients), 6)
        assert bool(np.abs(integrated_gradients(found) - found.shapley_values()).max() < 1e-10) is same


def test_of_a_product_of_two_players_every_entry_of_the_hessians_is_a_quarter():
    """Exact: the integrals of the definition for c·a·b + e·a², along s·t·(a, b)."""
    a, b, c, e, s, t = sp.symbols("a b c e s t")
    value, players = c * a * b + e * a**2, (a, b)

    def entry(i, j):
        moved = {a: s * t * a, b: s * t * b}
        integrand = s * t * i * j * value.diff(i, j).subs(moved, simultaneous=True)
        integrand += i * value.diff(i).subs(moved, simultaneous=True) if i == j else 0
        return sp.expand(sp.integrate(sp.expand(integrand), (s, 0, 1), (t, 0, 1)))

    found = sp.Matrix(2, 2, lambda row, column: entry(players[row], players[column]))
    dividend = c * a * b  # of the pair, and its Shapley and Shapley–Taylor index at degree 2
    assert found == sp.Matrix([[dividend / 4 + e * a**2, dividend / 4], [dividend / 4, dividend / 4]])


@pytest.mark.parametrize(("coefficients", "quarter"), [([0.3, -0.7], True), ([0.3, -0.7, 0.4], False)])
def test_hessians_are_quarters_of_the_interaction_index_at_degree_two_and_never_the_index(coefficients, quarter):
    found, _, _ = game(small_network(coefficients), 6)
    hessians, pairs = integrated_hessians(found, 0), found.pairs("shapley", 0)
    beside, size = ~np.eye(6, dtype=bool), np.abs(pairs).max()
    assert bool(np.abs(4 * hessians - pairs)[beside].max() < 1e-12 * size) is quarter
    diagonal = found.mobius_values()[:, 0] + pairs.sum(axis=1) / 4
    assert bool(np.abs(hessians.diagonal() - diagonal).max() < 1e-12 * size) is quarter
    for share in (1, 2):  # false twins: an entry, or the entries (i, j) and (j, i) together, as the index
        assert np.abs(share * hessians - pairs)[beside].max() > 1e-2 * size


def test_groups_are_players_too():
    name = "digits64__L1_H16_N32_poly2_linear_batch__s0"
    network = load_network(DATA / f"{name}.npz")
    inputs = np.load(DATA / f"{name}.reference.npz")["x"].astype(np.float64)
    operator = network_operator(network, sequences=inputs)
    groups = np.repeat(np.arange(8), 8)
    steps, rows = (
        one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[0], players)
        for players in (None, groups)
    )
    wanted = integrated_gradients(steps).reshape(8, 8, 10).sum(axis=1)
    assert np.allclose(integrated_gradients(rows), wanted, atol=1e-10)
    pairs = integrated_hessians(steps, 3).reshape(8, 8, 8, 8).sum(axis=(1, 3))
    assert np.allclose(integrated_hessians(rows, 3), pairs, atol=1e-10)


def test_what_is_no_game_of_one_layer_is_refused_with_a_remedy():
    network = small_network([0.0, 1.0, 0.5])
    operator = network_operator(network, input_bound=1.0, length=4)
    sequence = np.full((4, network.features), 0.5)
    stack = network_operator(network, input_bound=1.0, length=4, form="stack")
    for wrong in (attribute(operator, sequence), interaction_indices(stack, sequence)):
        for closed_form in (integrated_gradients, lambda indices: integrated_hessians(indices, 0)):
            with pytest.raises(
                TypeError, match=rf"got {type(wrong).__name__}: .*interaction_indices.*form='one_layer'"
            ):
                closed_form(wrong)
    assert np.isfinite(integrated_gradients(interaction_indices(operator, sequence))).all()
