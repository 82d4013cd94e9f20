"""Gradients and Hessian products: against exact interpolation, jets, symmetry, the one-layer form, and false twins."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators import adjoint
from carleman_ssm.operators.adjoint import activation_gradients, gradients, hessian_products
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.decoders import ExactDecoders
from carleman_ssm.operators.fourier import FourierKernel
from carleman_ssm.operators.jets import jets
from carleman_ssm.operators.stack import build_stack
from carleman_ssm.operators.stack_trace import LayerDecoders, run, run_layer
from carleman_ssm.operators.wiener import orthogonal_orders
from tests.exact_orders import dyadic, interpolated_orders
from tests.strategies_networks import input_sequences, moderate_network, s4d_networks

SURROUNDINGS = list(product(("none", "batch", "layer", "rms"), (False, True), ("linear", "glu", "none"), (True, False)))


def case(seed=0, layers=2, length=7, **entries):
    generator = np.random.default_rng(seed)
    network = moderate_network(layers, channels=3, modes=2, features=2, activation="square", **entries)
    centre, deviation = dyadic(generator, length, 2), dyadic(generator, length, 2)
    operator = network_operator(network, sequences=(centre + deviation)[None], form="stack", centre=centre)
    return network, operator, centre, deviation


def exact_gate(output):
    return {"gate": "identity"} if output == "glu" else {}


@pytest.mark.parametrize(("norm", "prenorm", "output", "residual"), SURROUNDINGS)
def test_gradient_and_hessian_along_a_line_are_the_first_two_orders(norm, prenorm, output, residual):
    """Forward series and reverse pass share no derivative rule for norms, gates or convolutions."""
    options = {"norm": norm, "prenorm": prenorm, "output": output, "residual": residual} | exact_gate(output)
    _, operator, centre, deviation = case(**options)
    parts = jets(operator.stack, operator.decoders, centre, (centre + deviation)[None], 2)[:, 0]
    arguments = operator.stack, operator.decoders, centre[None]
    first = np.einsum("csj,sj->c", gradients(*arguments)[0], deviation)
    second = 0.5 * np.einsum("csj,sj->c", hessian_products(*arguments, deviation[None])[0], deviation)
    scale = max(1.0, float(np.abs(parts).max()))
    np.testing.assert_allclose(first, parts[1], atol=1e-11 * scale, rtol=0)
    np.testing.assert_allclose(second, parts[2], atol=1e-11 * scale, rtol=0)


@st.composite
def hard_stacks(draw):
    """Equal, slow and fast modes, one channel alone, variances of 0, any surroundings."""
    network = draw(
        s4d_networks(
            activations=("identity", "square"),
            outputs=("linear", "glu", "none"),
            norms=("none", "batch", "layer", "rms"),
            gates=("identity",),
            max_layers=3,
        )
    )
    return network, draw(input_sequences(network.features, max_batch=1))


@settings(max_examples=40)
@given(hard_stacks())
def test_reverse_passes_agree_with_series_on_hard_networks(case):
    network, sequences = case
    stack, rules = build_stack(network, sequences.shape[1]), exact_decoders(network)
    centre = 0.5 * np.ones_like(sequences[0])
    parts = jets(stack, rules, centre, centre + sequences, 2)[:, 0]
    first = gradients(stack, rules, centre[None])[0]
    along = hessian_products(stack, rules, centre[None], sequences)[0]
    # Rounding is relative to the largest intermediate value; where gains of 300 follow each other that is no logit.
    scale = 1.0 + np.abs(parts).max() + np.abs(first).max() + np.abs(along).max()
    assert np.abs(np.einsum("csj,sj->c", first, sequences[0]) - parts[1]).max() <= 1e-9 * scale
    assert np.abs(0.5 * np.einsum("csj,sj->c", along, sequences[0]) - parts[2]).max() <= 1e-9 * scale


def exact_decoders(network):
    powers = {"identity": [0.0, 1.0], "square": [0.0, 0.0, 1.0]}[network.config.activation]
    gate = ExactDecoders(np.array([0.0, 1.0]), network.channels) if network.config.output == "glu" else None
    return tuple(LayerDecoders(ExactDecoders(np.array(powers), network.channels), gate) for _ in network.layers)


@pytest.mark.parametrize("norm", ["batch", "layer", "rms"])
def test_gradients_equal_exact_ones(norm):
    """Every entry, by interpolation of the exact network in balls."""
    network, operator, centre, _ = case(1, length=3, norm=norm, output="glu", gate="identity")
    found = gradients(operator.stack, operator.decoders, centre[None])[0]
    for step, feature in product(range(3), range(2)):
        direction = np.zeros_like(centre)
        direction[step, feature] = 1.0
        orders = interpolated_orders(network, centre, direction, 13, spacing=2.0**-9, digits=150)
        np.testing.assert_allclose(found[:, step, feature], orders[1], rtol=1e-9, atol=1e-10)


def test_a_layer_norm_that_forgets_its_mean_is_refuted():
    """The false twin treats LayerNorm as RMSNorm in the reverse pass."""
    _, operator, centre, deviation = case(2, norm="layer")
    layers = [replace(layer, norm_after=replace(layer.norm_after, kind="rms")) for layer in operator.stack.layers]
    twin = replace(operator.stack, layers=tuple(layers))
    right = jets(operator.stack, operator.decoders, centre, (centre + deviation)[None], 1)[1, 0]
    for stack, agrees in ((operator.stack, True), (twin, False)):
        found = np.einsum("csj,sj->c", gradients(stack, operator.decoders, centre[None])[0], deviation)
        assert np.allclose(found, right, rtol=1e-9, atol=1e-11) == agrees


def test_hessian_products_are_symmetric_and_linear():
    _, operator, centre, deviation = case(3, norm="layer", output="glu", gate="identity")
    other = np.random.default_rng(3).normal(size=deviation.shape)
    products = hessian_products(
        operator.stack, operator.decoders, centre[None], np.stack([deviation, other, deviation - 2 * other])
    )
    np.testing.assert_allclose(
        np.einsum("csj,sj->c", products[0], other), np.einsum("csj,sj->c", products[1], deviation), rtol=1e-10
    )
    np.testing.assert_allclose(products[2], products[0] - 2 * products[1], atol=1e-10 * np.abs(products).max())


def test_one_input_for_all_directions_equals_one_for_each():
    _, operator, centre, deviation = case(4)
    directions = np.stack([deviation, deviation[::-1]])
    one = hessian_products(operator.stack, operator.decoders, centre[None], directions)
    each = hessian_products(operator.stack, operator.decoders, np.stack([centre, centre]), directions)
    np.testing.assert_allclose(one, each, atol=1e-13 * np.abs(each).max())


def test_a_margin_in_place_of_the_logits_and_small_blocks_change_nothing(monkeypatch):
    _, operator, centre, deviation = case(5)
    inputs = centre + np.linspace(0, 1, 5)[:, None, None] * deviation
    whole = gradients(operator.stack, operator.decoders, inputs)
    monkeypatch.setattr(adjoint, "BLOCK_ENTRIES", 1)
    margin = gradients(operator.stack, operator.decoders, inputs, np.array([[1.0, -1.0, 0.0]]))
    np.testing.assert_allclose(margin[:, 0], whole[:, 0] - whole[:, 1], atol=1e-12)


def test_the_gradient_of_a_one_layer_network_is_that_of_its_other_form():
    network = moderate_network(1, features=2, norm="batch", activation="poly")
    sequences = np.random.default_rng(6).normal(size=(3, 15, 2))
    one = network_operator(network, sequences=sequences, centre="mean")
    deep = network_operator(network, sequences=sequences, centre="mean", form="stack")
    np.testing.assert_allclose(deep.first_order_kernel(), one.first_order_kernel(), atol=1e-12)


def test_gradients_of_activated_values_predict_the_logits():
    """Raise one activated value of one layer a little, run the rest, compare."""
    _, operator, centre, _ = case(7, norm="layer", output="glu", gate="identity")
    found = activation_gradients(operator.stack, operator.decoders, centre[None])
    for layer in range(2):
        for sign in (1.0, -1.0):
            moved = _logits_with(operator, centre, layer, sign * 1e-6)
            slope = sign * (moved - _logits_with(operator, centre, layer, 0.0)) / 1e-6
            np.testing.assert_allclose(slope, found[layer][0, :, 2, 1], rtol=1e-3, atol=1e-5)


def _logits_with(operator, centre, place, change):
    hidden = operator.stack.encoder(centre[None])
    for index, (layer, rules) in enumerate(zip(operator.stack.layers, operator.decoders, strict=True)):
        trace = run_layer(layer, rules, hidden)
        if index == place:
            activated = trace.activated.copy()
            activated[0, 2, 1] += change
            value, opening = np.split(layer.output(activated), 2, axis=-1)
            hidden = layer.norm_after(value * rules.gate(opening) + hidden)
        else:
            hidden = trace.result
    return operator.stack.head(operator.stack.pooled(hidden))[0]


def test_the_adjoint_of_a_convolution_is_its_transpose():
    generator = np.random.default_rng(8)
    for length in (1, 2, 9, 64):
        kernel = FourierKernel.of(generator.normal(size=(3, length + 1)), length)
        drive, weights = generator.normal(size=(2, 4, length, 3))
        scale = np.abs(kernel(drive)).sum()
        assert abs((kernel(drive) * weights).sum() - (drive * kernel.adjoint(weights)).sum()) < 1e-13 * scale
        basis = np.eye(length)[:, :, None].repeat(3, axis=2)
        np.testing.assert_allclose(kernel(basis).transpose(2, 0, 1), _toeplitz(kernel, length), atol=1e-13)


def _toeplitz(kernel, length):
    taps = np.fft.irfft(kernel.spectrum.T, kernel.size)[:, :length]
    return np.array([[[row[k - s] if k >= s else 0.0 for k in range(length)] for s in range(length)] for row in taps])


@pytest.mark.parametrize(
    ("shape", "directions", "readout", "message"),
    [
        ((1, 9, 2), (1, 9, 2), None, "at most 7 steps"),
        ((1, 7, 1), (1, 7, 1), None, "expected inputs"),
        ((2, 7, 2), (3, 7, 2), None, "one input per direction"),
        ((1, 7, 2), (3, 6, 2), None, "do not go with"),
        ((1, 7, 2), (1, 7, 2), np.ones((1, 4)), "readout has shape"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(shape, directions, readout, message):
    _, operator, _, _ = case(9)
    with pytest.raises(ValueError, match=message):
        hessian_products(operator.stack, operator.decoders, np.zeros(shape), np.zeros(directions), readout)


def test_a_network_without_curvature_has_zero_hessian():
    network = moderate_network(2, activation="identity")
    operator = network_operator(network, sequences=np.ones((1, 5, 1)), form="stack")
    products = hessian_products(operator.stack, operator.decoders, np.ones((1, 5, 1)), np.ones((2, 5, 1)))
    assert products.shape == (2, 3, 5, 1)
    assert not products.any()
    assert run(operator.stack, operator.decoders, np.ones((1, 5, 1)))[0].shape == (1, 3)


def test_a_one_layer_operator_has_the_derivatives_and_orders_of_its_stack():
    network = load_network("digits-gelu")
    inputs = np.random.default_rng(2).uniform(0, 1, (3, 64, 1))
    one, stack = (network_operator(network, sequences=inputs, degree=6, form=form) for form in ("one_layer", "stack"))
    decoders = (LayerDecoders(one.decoders),)
    centre = one.centre
    for found, wanted in (
        (gradients(one.stack, one.decoders, inputs), gradients(stack.stack, decoders, inputs)),
        (jets(one.stack, one.decoders, centre, inputs, 3), jets(stack.stack, decoders, centre, inputs, 3)),
        (
            hessian_products(one.stack, one.decoders, inputs, inputs),
            hessian_products(stack.stack, decoders, inputs, inputs),
        ),
        (gradients(one.stack, one.decoders, centre[None])[0], one.first_order_kernel()),
        (orthogonal_orders(one, inputs, degree=4).sum(axis=-1), one(inputs)),
    ):
        assert np.abs(found - wanted).max() < 1e-10 * np.abs(wanted).max()
    for call in (
        lambda: jets(one, one.decoders, centre, inputs, 3),
        lambda: gradients(stack, stack.decoders, inputs),
        lambda: hessian_products(stack, stack.decoders, inputs, inputs),
    ):
        with pytest.raises(TypeError, match=r"expected a stack, got \w+Operator: an operator has operator\.stack"):
            call()
