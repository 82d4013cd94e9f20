"""Bends of deep pre-activations: simulated ones stay within their bounds, which keep what cancels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.operators.stack import build_stack
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.robustness.curvature_bounds import mean_curvature
from carleman_ssm.robustness.linearisation import linearised
from carleman_ssm.robustness.preactivation_curvature import (
    central_curvature,
    deviations,
    preactivation_curvatures,
    spectral_bound,
)
from carleman_ssm.robustness.quadratic_terms import reach_of
from tests.attacks_radius import on_the_sphere
from tests.error_attacks import deep_network


def plain_network(generator, depth):
    """Affine norms or none, no gate."""
    network = deep_network(generator, depth=depth, norms=("none", "batch"))
    while network.config.output == "glu":
        network = deep_network(generator, depth=depth, norms=("none", "batch"))
    return network


def bounds_of_bends(network, x, radius):
    """The linearisation, and bounds (L, H) of the bend of every layer's pre-activations."""
    linear = linearised(build_stack(network, len(x)), layer_rules(network), x)
    found, gathered = [], []
    for places, curvature in zip(linear.layers, preactivation_curvatures(linear), strict=True):
        zero = np.zeros_like(places.slope.value)
        rest = zero if curvature is None else curvature.rest(radius, gathered)
        found.append(rest)
        reach = reach_of(places.preactivation, rest, radius)
        mean = mean_curvature(places.rules.activation, places.preactivation.value, reach.total)
        gathered.append(deviations(central_curvature(places), mean, reach.first, reach.rest))
    return linear, found


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20), radius=st.sampled_from([1e-3, 0.03, 0.3, 2.0]), depth=st.integers(2, 3))
def test_preactivations_bend_no_more_than_their_bounds(seed, radius, depth):
    generator = np.random.default_rng(seed)
    network = plain_network(generator, depth)
    x = generator.normal(size=(int(generator.integers(1, 6)), network.features))
    linear, bounds = bounds_of_bends(network, x, radius)
    changes = on_the_sphere(generator, 16, x.shape, radius)
    reached, here = network.preactivations(x + changes), network.preactivations(x[None])
    for places, bound, there, at in zip(linear.layers, bounds, reached, here, strict=True):
        straight = np.einsum("bn,nkh->bkh", changes.reshape(16, -1), places.preactivation.linear.value)
        bend = np.abs(there - at - straight)
        slack = 1e-10 * (1 + np.abs(there).max())
        assert (bend <= bound + slack)[:, np.isfinite(bound)].all()


def test_the_bound_keeps_what_cancels():
    """Two channels that bend against each other: the second layer sees nothing of it, and the bound knows."""
    generator = np.random.default_rng(0)
    network = plain_network(generator, 2)
    while network.channels < 2 or network.config.output == "none" or network.config.activation == "identity":
        network = plain_network(generator, 2)
    x = generator.normal(size=(4, network.features))
    linear = linearised(build_stack(network, 4), layer_rules(network), x)
    curvature = preactivation_curvatures(linear)[1]
    first = linear.layers[0]
    weights = np.abs(central_curvature(first)).ravel() * first.preactivation.norms.ravel() ** 2
    absolute = (0.5 * curvature.couplings[0] @ weights).reshape(curvature.norms.shape)
    assert (curvature.norms <= absolute * (1 + 1e-3) + 1e-12).mean() > 0.9
    assert (curvature.norms < 0.9 * absolute).any()


@pytest.mark.parametrize("size", [1, 2, 7, 30])
def test_spectral_norms_are_bounded_from_above_and_not_by_much(size):
    generator = np.random.default_rng(size)
    matrices = generator.normal(size=(5, size, size)) * 10.0 ** generator.uniform(-3, 3, size=(5, 1, 1))
    exact = np.linalg.norm(matrices, 2, axis=(1, 2))
    found = spectral_bound(matrices)
    assert (found >= exact).all()
    assert (found <= exact * size**0.125 * (1 + 1e-4)).all()
    assert spectral_bound(np.zeros((1, size, size)))[0] < 1e-30  # a fourth root of what underflow may hide


def test_gates_and_layer_norms_have_no_such_bound():
    generator = np.random.default_rng(2)
    network = deep_network(generator, depth=2, norms=("layer",))
    linear = linearised(build_stack(network, 3), layer_rules(network), generator.normal(size=(3, network.features)))
    assert preactivation_curvatures(linear) == (None, None)


def test_the_norm_is_reached_along_the_top_direction_so_less_of_it_is_refuted():
    """One layer of y² below: the bend is a quadratic form, and its first eigenvector refutes half the bound."""
    generator = np.random.default_rng(3)
    network = plain_network(generator, 2)
    while network.config.activation != "square" or network.config.prenorm:
        network = plain_network(generator, 2)
    x = generator.normal(size=(3, network.features))
    linear = linearised(build_stack(network, 3), layer_rules(network), x)
    curvature = preactivation_curvatures(linear)[1]
    straight = linear.layers[1].preactivation.linear.value
    here = network.preactivations(x[None])[1][0]

    def bends(changes):
        reached = network.preactivations(x + changes.reshape(-1, *x.shape))[1]
        return reached - here - np.einsum("bn,nkh->bkh", changes, straight)

    units = np.eye(x.size)
    pairs = bends((units[:, None] + units).reshape(-1, x.size)).reshape(x.size, x.size, *here.shape)
    alone = bends(units)
    forms = 0.5 * (pairs - alone[:, None] - alone)  # by polarisation
    for k, h in np.ndindex(*here.shape):
        values, vectors = np.linalg.eigh(forms[:, :, k, h])
        top = int(np.abs(values).argmax())
        reached = abs(bends(vectors[:, top][None])[0, k, h])
        assert reached <= curvature.norms[k, h] * (1 + 1e-9) + 1e-9
        if abs(values[top]) > 1e-6 * np.abs(here).max():
            assert reached > 0.5 * curvature.norms[k, h]
