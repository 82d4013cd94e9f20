"""Networks as functions: derivatives beside differences of exact arithmetic, and their closed forms beside products."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from carleman_ssm.families.mamba import Mamba
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.operators import affine_layer, input_derivatives
from carleman_ssm.operators.activation_decoders import own_decoders
from carleman_ssm.operators.adjoint import gradients, hessian_products
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.curvature import second_order_kernel
from carleman_ssm.operators.network_function import network_function
from carleman_ssm.operators.operator import DomainError
from carleman_ssm.operators.stack_operator import StackOperator
from tests.oracles import ball_precision, exact_logits
from tests.strategies_networks import input_sequences, moderate_network, s4d_networks
from tests.test_family_networks import random_network

LENGTH = 4
STEPS = (2.0**-12, 2.0**-13)  # x ± h are float64 numbers where x has few bits
CASES = {
    "one layer, GELU": {"layers": 1, "norm": "batch"},
    "one layer, SiLU, last step": {"layers": 1, "activation": "silu", "pool": "last", "prenorm": True, "norm": "batch"},
    "gated, LayerNorm": {"layers": 2, "output": "glu", "norm": "layer"},
    "gated, RMSNorm before": {"layers": 2, "output": "glu", "norm": "rms", "prenorm": True, "activation": "gelu_tanh"},
    "cubes, no residual path": {"layers": 2, "activation": "cube", "residual": False, "output": "none"},
}


def drawn(layers, **entries):
    return moderate_network(layers, channels=3, features=2, classes=2, modes=2, **entries)


def few_bits(generator, *shape):
    return np.round(generator.normal(size=shape) * 2**20) / 2**20


def richardson(difference):
    """Two steps, the second half the first: the error is of order h⁴."""
    coarse, fine = (difference(step) for step in STEPS)
    return ((4 * fine - coarse) / 3).astype(np.float64)


def differences(network, x, v):
    """Gradient of every logit and product of its Hessian with v, by differences of exact arithmetic (L, d, classes)."""
    units = np.eye(x.size).reshape(x.size, *x.shape)

    def exact(points):
        return exact_logits(network, points)

    def slope(h):
        return (exact(x + h * units) - exact(x - h * units)) / (2 * h)

    def curvature(h):
        corners = (s * t * exact(x + h * (s * units + t * v)) for s, t in itertools.product((1, -1), repeat=2))
        return sum(corners) / (4 * h * h)

    with ball_precision(60):
        return [richardson(f).reshape(*x.shape, -1) for f in (slope, curvature)]


def check_against_differences(network, x, v):
    first, second = differences(network, x, v)
    function = network_function(network, len(x))
    gradient, product = function.gradients(x), function.hessian_products(x, v)
    # h⁴ = 4e-15 times fifth derivatives; norms divide by spreads, so these are measured against the largest entry
    np.testing.assert_allclose(np.moveaxis(gradient, 0, -1), first, atol=1e-10 * (1 + np.abs(first).max()))
    np.testing.assert_allclose(np.moveaxis(product, 0, -1), second, atol=1e-9 * (1 + np.abs(second).max()))
    return function, first, second


@pytest.mark.parametrize("name", CASES)
def test_derivatives_of_the_true_network_are_differences_of_exact_arithmetic(name):
    network, generator = drawn(**CASES[name]), np.random.default_rng(5)
    x, v = few_bits(generator, LENGTH, 2), np.round(generator.normal(size=(LENGTH, 2)) * 8) / 8
    function, first, second = check_against_differences(network, x, v)
    assert function.exact
    np.testing.assert_allclose(
        np.einsum("rsjtk,tk->sjr", function.hessians(x), v), second, atol=1e-9 * (1 + np.abs(second).max())
    )
    # False twins: the derivatives half a step away.
    elsewhere = function.gradients(x + 0.1), function.hessian_products(x + 0.1, v)
    for found, expected in zip(elsewhere, (first, second), strict=True):
        assert np.abs(np.moveaxis(found, 0, -1) - expected).max() > 1e-5


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=4)
def test_families_whose_kernels_mix_channels_have_the_same_derivatives(seed):
    network, x = random_network(seed, activations=("gelu", "gelu_tanh"))
    if network.config.norm == "layer" and network.channels < 3:
        return  # the spread of one or two channels may be close to 0, where no step is small
    x = few_bits(np.random.default_rng(seed), min(3, x.shape[1]), x.shape[2])
    check_against_differences(network, x, np.ones_like(x))


@given(st.data())
def test_closed_forms_of_one_layer_are_the_products_of_the_reverse_pass(data):
    network = data.draw(s4d_networks())
    x = data.draw(input_sequences(network.features))
    function = network_function(network, x.shape[1] + data.draw(st.integers(0, 2)))
    readout = np.random.default_rng(0).normal(size=(2, network.classes))
    assert function._derivatives.closed_form is not None
    found = function.hessians(x, readout)
    assert found.shape == (len(x), 2, *x.shape[1:], *x.shape[1:])
    reverse = gradients(function.stack, function.decoders, x, readout)
    np.testing.assert_allclose(function.gradients(x, readout), reverse, atol=1e-12 * (1 + np.abs(reverse).max()))
    v = np.random.default_rng(1).normal(size=(3, *x.shape[1:]))
    for at, along in ((x[:1], v), (x, v[: len(x)])):
        reverse = hessian_products(function.stack, function.decoders, at, along, readout)
        products = function.hessian_products(at, along, readout)
        np.testing.assert_allclose(products, reverse, atol=1e-11 * (1 + np.abs(reverse).max()))
    for index, sequence in enumerate(x):
        expected = function._derivatives.by_products(sequence, readout)
        np.testing.assert_allclose(found[index], expected, atol=1e-11 * (1 + np.abs(expected).max()))
    np.testing.assert_allclose(found, found.transpose(0, 1, 4, 5, 2, 3), rtol=0, atol=1e-12 * (1 + np.abs(found).max()))


@pytest.mark.parametrize("features", [1, 2])
def test_kernels_that_mix_channels_have_the_closed_form_for_one_feature_alone(features):
    seed = next(
        s
        for s in range(200)
        if (n := random_network(s)[0]).config.family == "lru"
        and len(n.layers) == 1
        and n.config.output != "glu"
        and n.config.norm != "layer"
    )
    network, _ = random_network(seed, activations=("gelu",))
    one = type(network)(
        network.encoder_weight[:, :features], *(getattr(network, name) for name in
        ("encoder_bias", "layers", "decoder_weight", "decoder_bias", "config")),
    )  # fmt: skip
    function, x = network_function(one, 5), np.random.default_rng(1).normal(size=(5, features))
    assert (function._derivatives.closed_form is None) == (features == 2)
    expected = function._derivatives.by_products(x, np.eye(one.classes))
    np.testing.assert_allclose(function.hessians(x), expected, atol=1e-12 * (1 + np.abs(expected).max()))


def test_a_batch_of_inputs_and_rows_is_each_of_them_alone():
    network = drawn(1, norm="batch")
    function, generator = network_function(network, 7), np.random.default_rng(2)
    x, v, rows = generator.normal(size=(3, 7, 2)), generator.normal(size=(3, 7, 2)), function.margins(1)
    assert function.logits(x).shape == (3, 2)
    for whole, one in (
        (function.logits(x), function.logits),
        (function.gradients(x, rows), lambda at: function.gradients(at, rows)),
        (function.hessians(x, rows), lambda at: function.hessians(at, rows)),
    ):
        np.testing.assert_allclose(whole, np.stack([one(at) for at in x]), atol=1e-13)
    several = function.hessian_products(x, v, rows)
    alone = np.stack([function.hessian_products(at, along, rows) for at, along in zip(x, v, strict=True)])
    np.testing.assert_allclose(several, alone, atol=1e-13)
    np.testing.assert_allclose(function.hessian_products(x[0], v)[1], function.hessian_products(x[:1], v[1:2])[0])
    np.testing.assert_allclose(function.hessian_products(x, v[0])[2], function.hessian_products(x[2], v[0]))


@pytest.mark.parametrize("batch", [1, 40])
def test_logits_of_long_sequences_go_by_the_faster_of_two_routes(batch):
    network = drawn(2, output="glu", norm="layer")
    x = np.random.default_rng(9).normal(size=(batch, 100, 2))
    function = network_function(network, 100)
    np.testing.assert_allclose(function.logits(x), network(x), atol=1e-12)
    np.testing.assert_allclose(function.logits(x[0]), network(x[:1])[0], atol=1e-12)


def test_margins_are_differences_of_logits():
    network = drawn(2, output="glu", norm="layer")
    function, x = network_function(network, LENGTH), np.random.default_rng(3).normal(size=(LENGTH, 2))
    row = function.margin(1, 0)
    np.testing.assert_array_equal(row, [-1.0, 1.0])
    np.testing.assert_array_equal(function.margins(1), row[None])
    for whole in (function.gradients, function.hessians):
        values = whole(x)
        np.testing.assert_allclose(whole(x, row)[0], values[1] - values[0], atol=1e-13)
    four = network_function(moderate_network(1, classes=4), 2)
    np.testing.assert_array_equal(four.margins(2), [four.margin(2, rival) for rival in (0, 1, 3)])


def test_a_quadratic_network_is_its_taylor_polynomial():
    network = moderate_network(1, features=2, activation="poly", norm="batch")
    coefficients = network.layers[0].activation_coefficients[:2]
    layer = type(network.layers[0])(**{**vars(network.layers[0]), "activation_coefficients": coefficients})
    function = network_function(S4DNetwork(**{**vars(network), "layers": (layer,)}), 8)
    x, change = np.random.default_rng(4).normal(size=(2, 8, 2)) * 3
    gradient, hessian = function.gradients(x), function.hessians(x)
    expected = function.logits(x) + np.einsum("rsj,sj->r", gradient, change)
    expected += 0.5 * np.einsum("rsjtk,sj,tk->r", hessian, change, change)
    np.testing.assert_allclose(function.logits(x + change), expected, rtol=1e-12)


@pytest.mark.parametrize("length", [1, 9])
def test_what_is_linear_or_read_once_has_little_curvature(length):
    x = np.random.default_rng(5).normal(size=(length, 1))
    assert not network_function(moderate_network(1, activation="identity"), length).hessians(x).any()
    last = network_function(moderate_network(1, channels=2, pool="last"), length).hessians(x)
    ranks = np.linalg.matrix_rank(last.reshape(len(last), length, length), tol=1e-12)
    assert (ranks <= 2).all()  # H channels, read at one step
    deep = network_function(moderate_network(2, activation="identity", output="linear"), length)
    np.testing.assert_array_equal(deep.hessians(x), 0.0)


@pytest.mark.parametrize("form", ["auto", "stack"])
def test_an_operator_is_differentiated_through_its_decoders(form):
    network = moderate_network(1, features=2)
    x = np.random.default_rng(6).normal(size=(3, 6, 2))
    operator = network_operator(network, sequences=2 * x, degree=30, form=form)
    fitted, own = network_function(operator, 6), network_function(network, 6)
    assert (fitted.exact, own.exact) == (False, True)
    np.testing.assert_allclose(fitted.logits(x), operator(x), atol=1e-13)
    # A fit of degree 30 loses two digits at each derivative of what it reaches on the interval.
    np.testing.assert_allclose(fitted.gradients(x), own.gradients(x), atol=1e-7)
    np.testing.assert_allclose(fitted.hessians(x), own.hessians(x), atol=1e-5)
    assert isinstance(operator, StackOperator) == (form == "stack")
    for refused in (fitted.logits, fitted.gradients, fitted.hessians, lambda at: fitted.hessian_products(at, x)):
        with pytest.raises(DomainError, match="leaves the certified interval"):
            refused(100 * x)
    assert np.isfinite(own.hessians(100 * x)).all()
    exact = moderate_network(1, features=2, activation="square")
    operator, function = network_operator(exact, sequences=x), network_function(exact, 6)
    np.testing.assert_allclose(
        network_function(operator, 6).hessians(x[0]), function.hessians(x[0]), rtol=1e-12, atol=1e-15
    )


def test_kernels_of_second_order_at_any_depth_take_the_own_activations():
    network = drawn(2, output="glu", norm="layer")
    function, x = network_function(network, 5), np.random.default_rng(7).normal(size=(5, 2))
    kernel = second_order_kernel(function.stack, own_decoders(network), x)
    np.testing.assert_allclose(2 * kernel.all_arrays(), function.hessians(x), atol=1e-14)
    small = 1e-3 * np.random.default_rng(8).normal(size=(1, 5, 2))
    form = np.einsum("rsjtk,sj,tk->r", function.hessians(x), small[0], small[0])
    np.testing.assert_allclose(2 * kernel.quadratic_form(small)[0], form, rtol=1e-9, atol=1e-16)


def test_what_does_not_fit_is_refused_with_the_remedy(monkeypatch):
    network = drawn(1)
    function, x = network_function(network, 3), np.zeros((3, 2))
    for wrong in (np.zeros((4, 2)), np.zeros((3, 1)), np.zeros(3), np.zeros((0, 2))):
        with pytest.raises(ValueError, match="at most 3 steps, 2"):
            function.logits(wrong)
    with pytest.raises(ValueError, match="NaN or infinity"):
        function.gradients(np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match=r"readout has shape \(rows, 2\)"):
        function.gradients(x, np.ones((1, 3)))
    with pytest.raises(ValueError, match="class 2 does not exist"):
        function.margin(2, 0)
    with pytest.raises(ValueError, match="class -1 does not exist"):
        function.margins(-1)
    with pytest.raises(ValueError, match="no margin over itself"):
        function.margin(1, 1)
    with pytest.raises(ValueError, match="do not go with inputs"):
        function.hessian_products(np.zeros((2, 3, 2)), np.zeros((3, 3, 2)))
    with pytest.raises(ValueError, match="serves 1 to 3 steps, 4 are asked for"):
        network_function(network_operator(network, input_bound=1.0, length=3, degree=4), 4)
    with pytest.raises(TypeError, match="depends on the input"):
        network_function(Mamba, 3)
    monkeypatch.setattr(input_derivatives, "MAX_ENTRIES", 71)
    with pytest.raises(ValueError, match="use hessian_products"):
        function.hessians(x)
    assert function.hessians(x, function.margin(0, 1)).size == 36


@pytest.mark.parametrize("features", [1, 2])
def test_matrix_products_and_fourier_transforms_give_the_same_derivatives(features, monkeypatch):
    network = moderate_network(1, channels=3, features=features, classes=2, modes=2, norm="batch")
    x = np.random.default_rng(1).normal(size=(2, 9, features))
    v = np.random.default_rng(2).normal(size=(2, 9, features))

    def derivatives():
        function = network_function(network, 9)
        return function.gradients(x), function.hessian_products(x, v), function.hessians(x)

    dense = derivatives()
    monkeypatch.setattr(affine_layer, "DENSE", 0)
    for ours, by_fourier in zip(dense, derivatives(), strict=True):
        np.testing.assert_allclose(ours, by_fourier, atol=1e-13 * (1 + np.abs(ours).max()))


@pytest.mark.parametrize("big", [1e8, 1e17, 1e200])
def test_a_large_later_value_does_not_hide_the_slopes_of_earlier_ones(big, monkeypatch):
    """Without memory every step has the slope GELU′(x_k)/L; a Fourier transform rounds relative to the largest."""
    one = np.ones((1, 1))
    layer = S4DLayer([0.0], 0 * one, 0 * one, C=0j * one, D=[1.0])
    config = NetworkConfig(activation="gelu", output="none", residual=False, pool="mean")
    network = S4DNetwork(one, [0.0], (layer,), one, [0.0], config)
    x, v = np.array([-1.0, 0.3, -0.5, big]), np.array([1.0, 2.0, -1.0, 0.5])
    slope, bend = np.zeros(4), np.zeros(4)
    density = np.exp(-(x[:3] ** 2) / 2) / np.sqrt(2 * np.pi)
    slope[:3], slope[3] = special.ndtr(x[:3]) + x[:3] * density, 1.0
    bend[:3] = (2 - x[:3] ** 2) * density

    def errors():
        function = network_function(network, 4)
        first, second = function.gradients(x[:, None])[0, :, 0], function.hessian_products(x[:, None], v[:, None])
        return np.abs(4 * first - slope).max(), np.abs(4 * second[0, :, 0] - bend * v).max()

    assert max(errors()) < 1e-15
    monkeypatch.setattr(affine_layer, "DENSE", 0)
    assert big < 1e10 or max(errors()) > 1e-2


def test_directions_that_do_not_go_with_the_input_are_refused():
    function = network_function(drawn(1), 8)
    deep = network_function(drawn(2), 8)
    for f in (function, deep):
        x = np.ones((8, 2))
        for v in (np.ones((7, 2)), np.ones((1, 7, 2))):
            with pytest.raises(ValueError, match=r"directions of shape \(1, 7, 2\) do not go with inputs of shape"):
                f.hessian_products(x, v)
        with pytest.raises(ValueError, match="one input per direction, or one for all"):
            f.hessian_products(np.ones((3, 8, 2)), np.ones((2, 8, 2)))
        assert f.hessian_products(np.ones((3, 8, 2)), np.ones((8, 2))).shape == (3, 2, 8, 2)
