"""Orders 0 and 1 of a residual network: one convention for one layer, for stacks and for ablations."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.experiments.ablations import order_contributions
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators.affine_path import affine_orders, usual_sequence
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.one_layer import one_layer_form
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.inputs import shipped_sequences
from tests.strategies_networks import s4d_networks


def three_routes(network, x, degree):
    """Orders 0, 1 and 2 (3, batch, classes) of the operator of one layer, of that of a stack, and of the ablation."""
    operators = [network_operator(network, sequences=x, degree=degree, form=form) for form in ("one_layer", "stack")]
    printed = [np.moveaxis(operator.orders(x, observed=x), -1, 0)[:3] for operator in operators]
    return [*printed, order_contributions(network, x, x, 2).parts]


def old_convention(network, x, parts):
    """The residual path whole in order 0, although it is of degree 1: what must not pass."""
    form = one_layer_form(network, x.shape[1])
    _, deviation = affine_orders(form, x, usual_sequence(x, x.shape[1]))
    moved = parts.copy()
    moved[0] += deviation
    moved[1] -= deviation
    return moved


def farthest(parts, others):
    """Largest distance, in units of the largest part."""
    return max(np.abs(parts - other).max() for other in others) / np.abs(parts).max()


@pytest.mark.parametrize("pool", ["mean", "last"])
def test_one_layer_stack_and_ablation_print_the_same_low_orders(pool):
    network, x = load_network("digits-gelu"), shipped_sequences("digits-gelu").x[:60]
    network = replace(network, config=replace(network.config, pool=pool))
    one, stack, ablation = three_routes(network, x, 14)
    # The stack expands the fits of degree 14, the others the activation: between them lies the error of those fits.
    assert farthest(one, [stack]) < 1e-5
    assert farthest(one, [ablation]) < 1e-11
    assert np.ptp(one[0], axis=0).max() < 1e-12
    twin = old_convention(network, x, one)
    assert farthest(twin, [stack]) > 1e-2
    assert farthest(twin, [ablation]) > 1e-2
    np.testing.assert_allclose(twin[:2].sum(axis=0), one[:2].sum(axis=0), atol=1e-12)  # only their split is another


@settings(max_examples=15, deadline=None)
@given(
    s4d_networks(outputs=("linear", "none"), norms=("none", "batch"), activations=("gelu", "gelu_tanh", "silu")),
    st.integers(2, 9),
    st.integers(0, 2**32 - 1),
)
def test_orders_are_those_of_the_ablation_for_every_network_of_one_layer(network, length, seed):
    x = np.random.default_rng(seed).uniform(-1, 1, (12, length, network.features))
    parts = np.moveaxis(network_operator(network, sequences=x, degree=3, form="one_layer").orders(x), -1, 0)
    ablation = order_contributions(network, x, x, 2).parts
    assert np.abs(parts[:3] - ablation).max() < 1e-7 * (1 + np.abs(parts).max())


def test_a_linear_network_in_disguise_has_no_order_but_zero_and_one():
    """A residual path beside decoders that read nothing: all of it is a constant and one first order."""
    network, x = load_network("digits-gelu"), shipped_sequences("digits-gelu").x[:20]
    layer = replace(network.layers[0], output_weight=np.zeros_like(network.layers[0].output_weight))
    network = replace(network, layers=(layer,))
    parts = network_operator(network, sequences=x, degree=4).orders(x)
    simulation = network(x)
    np.testing.assert_allclose(parts[..., 0], np.tile(network(x.mean(axis=0)[None]), (20, 1)), atol=1e-11)
    np.testing.assert_allclose(parts[..., :2].sum(axis=-1), simulation, atol=1e-11)
    assert np.abs(parts[..., 1]).max() > 1e-2
    assert not parts[..., 2:].any()


def test_decoders_of_degree_zero_leave_the_residual_path_its_order():
    network, x = load_network("digits-gelu"), shipped_sequences("digits-gelu").x[:20]
    operator = network_operator(network, sequences=x, degree=0)
    parts = operator.orders(x)
    assert parts.shape == (20, 10, 2)
    assert operator.channel_orders(x).shape == (2, 20, 16)
    assert np.ptp(parts[..., 0], axis=0).max() < 1e-12
    np.testing.assert_allclose(parts.sum(axis=-1), operator(x), atol=1e-12)
    alone = replace(network, config=replace(network.config, residual=False))
    assert network_operator(alone, sequences=x, degree=0).orders(x).shape == (20, 10, 1)
    explanation = Explanation("x", operator, x, shipped_sequences("digits-gelu").y[:20], False)
    assert explanation.order_names == ["0", "1, the operator"]
    assert explanation.accuracy_by_order_refit[0] <= explanation.accuracy_by_order_refit[1]


@pytest.mark.parametrize("form", ["one_layer", "stack"])
def test_orders_of_one_sequence_are_those_of_the_batch_that_was_observed(form):
    network, x = load_network("digits-gelu"), shipped_sequences("digits-gelu").x[:30]
    operator = network_operator(network, sequences=x, degree=6, form=form)
    batch, alone = operator.orders(x), operator.orders(x[:1], observed=x)
    np.testing.assert_allclose(alone, batch[:1], atol=1e-11 * np.abs(batch).max())
    assert np.abs(operator.orders(x[:1]) - batch[:1]).max() > 1e-2  # a batch of one is its own usual sequence


def test_what_pairs_alone_keep_does_not_depend_on_the_form_of_the_operator():
    """The default network of `explain`, at a degree at which its operators decide alike."""
    network, sequences = load_network("digits-gelu"), shipped_sequences("digits-gelu")
    ablation = order_contributions(network, sequences.x, sequences.x, 2)
    right = (ablation.after("pairs only").argmax(axis=1) == sequences.y).mean()
    for form in ("one_layer", "stack"):
        operator = network_operator(network, sequences=sequences.x, degree=8, form=form)
        kept = Explanation("x", operator, sequences.x, sequences.y, False).accuracy_without
        share, _ = kept["pairs only (orders 0, 2)"]
        assert abs(share - right) <= 2 / len(sequences.y)  # fits of degree 8 move two sequences at most
