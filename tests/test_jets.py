"""Orders at any depth: against exact interpolation, the expanded lift, scaling, the simulation, and false twins."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.jets import jets, orders_with_remainder, stack_series
from carleman_ssm.operators.stack import build_stack
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiscreteSSM
from carleman_ssm.theory.stack_lift import StackLift
from carleman_ssm.theory.stacks import PolynomialLayer, PolynomialStack
from tests.exact_orders import dyadic, interpolated_orders
from tests.strategies_networks import input_sequences, moderate_network, s4d_networks


def stacked(network, sequences, **options):
    return network_operator(network, sequences=sequences, form="stack", **options)


def size(values):
    return max(1.0, float(np.abs(values).max()))


@st.composite
def polynomial_stacks(draw):
    network = draw(
        s4d_networks(
            activations=("identity", "square"),
            outputs=("linear", "none", "glu"),
            norms=("none",),  # running variances of 0 multiply by 300, and sums of so large terms cancel
            max_layers=2,
            gates=("identity",),
        )
    )
    sequences = draw(input_sequences(network.features))
    return network, sequences, draw(st.sampled_from(["zero", "mean"]))


@settings(max_examples=40)
@given(polynomial_stacks())
def test_orders_of_a_polynomial_stack_sum_to_its_simulation(case):
    network, sequences, centre = case
    operator = stacked(network, sequences, centre=centre)
    parts = jets(operator.stack, operator.decoders, operator.centre, sequences, operator.total_degree)
    # Terms of high degree may cancel: rounding is relative to the largest of them.
    np.testing.assert_allclose(parts.sum(axis=0), network(sequences), atol=1e-9 * size(parts), rtol=0)
    np.testing.assert_array_equal(np.moveaxis(parts, 0, -1), operator.orders(sequences))


@settings(max_examples=25)
@given(polynomial_stacks())
def test_orders_scale_by_their_degree(case):
    """Order n of the deviation scaled by s is sⁿ times order n: the definition of a total degree."""
    network, sequences, centre = case
    operator = stacked(network, sequences, centre=centre)
    degree = min(operator.total_degree, 12)
    arguments = operator.stack, operator.decoders, operator.centre
    parts = jets(*arguments, sequences, degree)
    moved = jets(*arguments, operator.centre - 0.5 * (sequences - operator.centre), degree)
    expected = parts * (-0.5) ** np.arange(degree + 1)[:, None, None]
    np.testing.assert_allclose(moved, expected, atol=1e-11 * size(parts), rtol=0)


CASES = {
    "linear": {},
    "glu": {"output": "glu", "gate": "identity"},
    "glu, prenorm": {"output": "glu", "gate": "identity", "norm": "batch", "prenorm": True},
    "batch, last": {"norm": "batch", "pool": "last"},
    "bilinear, none": {"output": "none", "discretization": "bilinear", "residual": False},
}


@pytest.mark.parametrize("name", CASES)
def test_orders_equal_those_interpolated_in_exact_arithmetic(name):
    """All orders of a two-layer network, about a centre that is not zero; biases of every kind are present."""
    generator = np.random.default_rng(3)
    network = moderate_network(2, channels=2, modes=2, features=2, activation="square", **CASES[name])
    centre, deviation = dyadic(generator, 4, 2), dyadic(generator, 4, 2)
    operator = stacked(network, (centre + deviation)[None], centre=centre)
    degree = operator.total_degree
    assert degree == (16 if "glu" in name else 4)
    found = jets(operator.stack, operator.decoders, centre, (centre + deviation)[None], degree + 3)
    expected = interpolated_orders(network, centre, deviation, degree + 1)
    # Float64 sums of some hundred terms of this size.
    np.testing.assert_allclose(found[: degree + 1, 0], expected, atol=1e-12 * size(expected), rtol=0)
    assert not found[degree + 1 :].any()  # beyond the total degree nothing is carried


@pytest.mark.parametrize("norm", ["layer", "rms"])
@pytest.mark.parametrize("prenorm", [False, True])
def test_orders_through_an_algebraic_norm_equal_interpolated_ones(norm, prenorm):
    """Not polynomial: 14 points 1/256 apart determine the orders up to 4 to far more than is asked."""
    generator = np.random.default_rng(4)
    options = {"activation": "square", "output": "glu", "gate": "identity", "norm": norm, "prenorm": prenorm}
    network = moderate_network(2, channels=3, modes=2, **options)
    centre, deviation = dyadic(generator, 3, 1), dyadic(generator, 3, 1)
    operator = stacked(network, (centre + deviation)[None], centre=centre)
    found = jets(operator.stack, operator.decoders, centre, (centre + deviation)[None], 4)[:, 0]
    expected = interpolated_orders(network, centre, deviation, 15, spacing=2.0**-9, digits=160)[:5]
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9 * size(expected))


def test_a_centre_without_its_bias_trajectory_is_refuted():
    """The false twin counts orders about rest: encoder and output biases taken away."""
    generator = np.random.default_rng(5)
    network = moderate_network(2, activation="square")
    sequences = generator.normal(size=(1, 6, 1))
    bare = replace(network, encoder_bias=np.zeros_like(network.encoder_bias))
    right, wrong = (
        jets(op.stack, op.decoders, op.centre, sequences, 4)
        for op in (stacked(network, sequences), stacked(bare, sequences))
    )
    # Order 4 is made of the top coefficients alone; the bias trajectory enters all orders below.
    np.testing.assert_allclose(right[4], wrong[4], rtol=1e-10)
    assert all(np.abs(right[n] - wrong[n]).max() > 1e-3 for n in range(4))


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "entries", [{}, {"output": "glu", "gate": "identity"}, {"norm": "layer"}, {"norm": "rms", "prenorm": True}]
)
def test_the_operator_of_a_polynomial_network_is_its_simulation_at_any_depth(layers, entries):
    network = moderate_network(layers, features=2, activation="square", **entries)
    sequences = 0.5 * np.random.default_rng(6).normal(size=(3, 30, 2))
    operator = stacked(network, sequences)
    for method in ("convolution", "recurrence"):
        expected = network(sequences, method)
        assert np.abs(operator(sequences) - expected).max() <= 1e-9 * np.abs(expected).max()


def test_one_layer_operators_of_both_forms_print_the_same_orders():
    network = moderate_network(1, features=2, activation="poly", norm="batch")
    sequences = np.random.default_rng(7).normal(size=(4, 20, 2))
    one = network_operator(network, sequences=sequences, centre="mean")
    deep = stacked(network, sequences, centre="mean")
    np.testing.assert_allclose(deep.orders(sequences), one.orders(sequences), atol=1e-12 * size(one(sequences)))


def test_the_remainder_closes_the_sum_and_shrinks_with_its_order():
    """A GELU network: what orders ≤ 3 leave of deviations scaled by 1/2, 1/4 falls by 2⁴ each (and 2⁵ may not)."""
    generator = np.random.default_rng(8)
    network = moderate_network(2, norm="layer", output="glu")
    sequences = generator.normal(size=(2, 12, 1))
    operator = stacked(network, sequences, tolerance=1e-9)
    sizes = []
    for scale in (2.0**-5, 2.0**-6, 2.0**-7):
        parts = orders_with_remainder(operator.stack, operator.decoders, operator.centre, scale * sequences, 3)
        np.testing.assert_allclose(parts.sum(axis=0), operator(scale * sequences), rtol=1e-13)
        sizes.append(np.abs(parts[-1]).max())
    assert 12 < sizes[0] / sizes[1] < 20
    assert 12 < sizes[1] / sizes[2] < 20


def test_the_series_keeps_only_orders_that_can_differ_from_zero():
    network = moderate_network(2, activation="square")
    stack, generator = build_stack(network, 8), np.random.default_rng(9)
    operator = stacked(network, generator.normal(size=(2, 8, 1)))
    inputs = (np.zeros((1, 8, 1)), generator.normal(size=(2, 8, 1)))
    logits, layers = stack_series(stack, operator.decoders, inputs, 40)
    assert [len(layer.result) - 1 for layer in layers] == [2, 4]
    assert len(logits) == 5
    assert layers[0].result[0].shape[0] == 1  # the centre's own trajectory is kept once for all sequences


def test_orders_equal_those_of_the_expanded_lift():
    """The finite lift of the same network (THEORY T16), run with inputs on the unit circle, and a Fourier sum."""
    generator = np.random.default_rng(10)
    network = moderate_network(
        2, channels=1, modes=1, classes=1, activation="square", output="none", residual=False, pool="last"
    )
    sequence, centre = dyadic(generator, 3, 1), dyadic(generator, 3, 1)
    operator = stacked(network, sequence[None], centre=centre)
    found = jets(operator.stack, operator.decoders, centre, sequence[None], 4)[:, 0, 0]
    lift = _lift(network)
    step = sp.lambdify([lift.inputs], lift.step_matrix, "numpy")
    readout = sp.lambdify([lift.inputs], lift.output_matrix, "numpy")
    values = []
    for turn in np.exp(2j * np.pi * np.arange(8) / 8):
        driven = _encoded(network, centre + turn * (sequence - centre))
        state = np.zeros(lift.basis.size, dtype=complex)
        state[lift.basis.places[(0,) * len(lift.basis.weights)]] = 1.0
        for u in driven:
            state = np.asarray(step([u]), dtype=complex) @ state
        values.append((np.asarray(readout([driven[-1]]), dtype=complex) @ state)[0])
    orders = np.fft.fft(values).real / 8 * network.decoder_weight[0, 0]
    orders[0] += network.decoder_bias[0]
    np.testing.assert_allclose(found, orders[:5], atol=1e-12 * size(orders))


def _encoded(network, x):
    return (x @ network.encoder_weight.T + network.encoder_bias)[:, 0]


def _exact(number):
    return sp.Rational(float(number.real)) + sp.I * sp.Rational(float(number.imag))


def _lift(network):
    layers = []
    for layer in network.layers:
        ssm = DiscreteSSM(
            tuple(map(_exact, layer.multipliers[0])),
            tuple(map(_exact, layer.input_vector[0])),
            tuple(map(_exact, layer.C[0])),
            feedthrough=sp.Rational(float(layer.D[0])),
            conjugate_pairs=True,
        )
        layers.append(PolynomialLayer((ssm,), PolynomialDecoder((0, 0, 1))))
    return StackLift(PolynomialStack(tuple(layers)))


@pytest.mark.parametrize(
    ("centre", "inputs", "order", "message"),
    [
        (np.zeros((4, 1)), np.zeros((1, 4, 1)), -1, "at least 0"),
        (np.zeros((4, 1)), np.zeros((1, 3, 1)), 2, "about a centre of their own length"),
        (np.zeros((4, 2)), np.zeros((1, 4, 2)), 2, "expected \\(length, 1\\)"),
        (np.zeros((9, 1)), np.zeros((1, 9, 1)), 2, "longer length"),
    ],
)
def test_jets_refuse_what_does_not_fit(centre, inputs, order, message):
    network = moderate_network(1, activation="square")
    operator = stacked(network, np.zeros((1, 4, 1)))
    with pytest.raises(ValueError, match=message):
        jets(operator.stack, operator.decoders, centre, inputs, order)
