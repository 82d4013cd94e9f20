"""Float32 runs: written out in NumPy in several orders, they stay within their bound and within a certified ball."""

from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.families.network_layer import FamilyLayer
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.network import NetworkConfig, Normalization, S4DLayer, S4DNetwork
from carleman_ssm.operators.stack import build_stack
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.robustness.radius import certified_radius
from carleman_ssm.robustness.single_precision import UNIT, _feedthrough, evaluation_error
from carleman_ssm.robustness.surroundings import surroundings
from tests.attacks_radius import on_the_sphere
from tests.error_attacks import deep_network, scaled_network
from tests.test_family_networks import random_network

SINGLE = np.float32


def digit():
    with np.load(resources.files("carleman_ssm.data") / "digits-test.npz") as stored:
        return stored["x"][0].astype(np.float64)


# --- a float32 run --------------------------------------------------------------------------------------------------


def summed(terms, order):
    """A plain sum over the last axis, forwards or backwards, every step rounded."""
    result = np.zeros(terms.shape[:-1], SINGLE)
    for index in range(terms.shape[-1])[::order]:
        result = result + terms[..., index]
    return result


def mapped(weight, bias, values, order):
    return summed(values[:, None, :] * weight.astype(SINGLE), order) + bias.astype(SINGLE)


def batch_normalised(norm, eps, values, folded):
    weight, bias, mean, variance = (
        entry.astype(SINGLE) for entry in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    scale = weight / np.sqrt(variance + SINGLE(eps))
    if folded == "in float32":
        return values * scale + (bias - mean * scale)
    if folded == "in float64":
        exact = norm.weight / np.sqrt(norm.running_var + eps)
        return values * exact.astype(SINGLE) + (norm.bias - exact * norm.running_mean).astype(SINGLE)
    return (values - mean) / np.sqrt(variance + SINGLE(eps)) * weight + bias


def normalised(norm, config, values, folded, order):
    if norm.running_mean is not None:
        return batch_normalised(norm, config.eps, values, folded)
    channels = SINGLE(values.shape[1])
    centred = values if norm.bias is None else values - (summed(values, order) / channels)[:, None]
    spread = np.sqrt(summed(centred * centred, order) / channels + SINGLE(config.eps))
    result = centred / spread[:, None] * norm.weight.astype(SINGLE)
    return result if norm.bias is None else result + norm.bias.astype(SINGLE)


def state_space(layer, u, apart, order):
    """The direct sum, with the feedthrough within lag 0 or added at last."""
    core = layer.core if isinstance(layer, FamilyLayer) else layer
    bare = replace(core, D=np.zeros_like(core.D)) if apart else core
    bare = replace(layer, core=bare) if isinstance(layer, FamilyLayer) else bare
    kernel, reached = bare.enclosed_kernel(len(u)).value.astype(SINGLE), np.zeros_like(u)
    for k in range(len(u)):
        reached[k] = summed((kernel[..., : k + 1] * u[k::-1].T).reshape(len(kernel), -1), order)
    return reached + core.D.astype(SINGLE).ravel() * u if apart else reached


def float32_logits(network, x, order=1, apart=False, folded="in float64"):
    """A float32 run within the model."""
    config, hidden = network.config, mapped(network.encoder_weight, network.encoder_bias, x.astype(SINGLE), order)
    for layer, rules in zip(network.layers, layer_rules(network), strict=True):
        source = hidden
        if layer.norm is not None and config.prenorm:
            hidden = normalised(layer.norm, config, hidden, folded, order)
        reached = state_space(layer, hidden, apart, order)
        value = rules.activation(reached.astype(np.float64)).astype(SINGLE)
        if layer.output_weight is not None:
            value = mapped(layer.output_weight, layer.output_bias, value, order)
        if rules.gate is not None:
            value, argument = np.split(value, 2, axis=-1)
            value = value * rules.gate(argument.astype(np.float64)).astype(SINGLE)
        hidden = value + source if config.residual else value
        if layer.norm is not None and not config.prenorm:
            hidden = normalised(layer.norm, config, hidden, folded, order)
    assert hidden.dtype == SINGLE
    pooled = summed(hidden.T, order) / SINGLE(len(x)) if config.pool == "mean" else hidden[-1]
    return mapped(network.decoder_weight, network.decoder_bias, pooled[None], order)[0]


RUNS = [{"order": order, "apart": order > 0, "folded": how} for order in (1, -1) for how in ("no", "in float32")]
RUNS += [{"order": 1, "apart": False, "folded": "in float64"}]


def bounds_of_logits(network, x, radius=0.0):
    return evaluation_error(network, build_stack(network, len(x)), x, radius, np.eye(network.classes))


# --- planted: what cancels ------------------------------------------------------------------------------------------


def one_channel(stored=None, feedthrough=1.0, readout=0.0, **config):
    """A linear network of one channel, read at its last step."""
    layer = S4DLayer([0.0], [[0.0]], [[0.0]], C=[[readout + 0j]], D=[feedthrough], norm=stored)
    given = {"activation": "identity", "output": "none", "residual": False, "pool": "last", "norm": "none"} | config
    return S4DNetwork([[1.0]], [0.0], (layer,), [[1.0], [0.0]], [0.0, 0.0], NetworkConfig(**given))


def test_statistics_that_cancel_with_the_bias_are_counted():
    """Mean 1234567 and a bias that takes it back: the folded shift is 0.06, what is rounded is 700 000."""
    mean, variance = 1234567.0, 3.0
    bias = float(SINGLE(mean / np.sqrt(variance + 1e-5)))
    norm, x = Normalization(np.ones(1), [bias], [mean], [variance]), np.ones((1, 1))
    network = one_channel(norm, norm="batch", eps=1e-5)
    exact, bound = network(x[None])[0], bounds_of_logits(network, x)
    worst = max(np.abs(float32_logits(network, x, **run) - exact)[0] for run in RUNS)
    folded = network.layers[0].norm.weight / np.sqrt(variance + 1e-5)
    assert worst <= bound[0] < 4  # 24 units of 1.4e6 are 2
    # The false twin counts the folded shift alone, as if it were stored.
    shift = abs(bias - float(folded[0]) * mean)
    assert worst > 6 * UNIT * (float(folded[0]) + shift)
    # A threshold that float32 crosses is not certified.
    near = replace(network, decoder_bias=np.array([0.0, exact[0] - 1e-3]))
    assert certified_radius(near, x).radius > 1e-3
    found = certified_radius(near, x, arithmetic="float32")
    assert (found.status, found.radius) == ("undecided", 0.0)


def test_a_feedthrough_that_cancels_with_the_kernel_is_counted():
    readout = 1e6
    first = float(one_channel(readout=readout, feedthrough=0.0).layers[0].enclosed_kernel(1).value[0, 0])
    network, x = one_channel(readout=readout, feedthrough=float(SINGLE(-first))), np.full((1, 1), 1.1)
    x = x.astype(SINGLE).astype(np.float64)
    exact, bound = network(x[None])[0], bounds_of_logits(network, x)
    worst = np.abs(float32_logits(network, x, apart=True) - exact)[0]
    assert worst <= bound[0] < 2
    assert worst > 6 * UNIT * abs(exact[0])  # relative to the sum with lag 0, a run would be out of the model


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**20), size=st.sampled_from([0.0, 1e-3, 1.0]), scaled=st.booleans())
def test_runs_in_any_form_stay_within_their_bound(seed, size, scaled):
    """All activations, gates, norms and pools; feedthrough apart or in lag 0, statistics folded or not."""
    generator = np.random.default_rng(seed)
    network = deep_network(generator, depth=int(generator.integers(1, 3)))
    network = scaled_network(generator, network) if scaled else network
    x = generator.normal(size=(int(generator.integers(1, 6)), network.features)).astype(SINGLE).astype(np.float64)
    bound = bounds_of_logits(network, x, size)
    moved = x + on_the_sphere(generator, 1, x.shape, 0.999 * size)[0]
    moved = moved.astype(SINGLE).astype(np.float64)
    if np.linalg.norm(moved - x) > size:
        moved = x
    with np.errstate(all="ignore"):
        exact = network(moved[None])[0]
        for run in RUNS:
            error = np.abs(float32_logits(network, moved, **run) - exact)
            known = np.isfinite(bound)
            # The float64 reference rounds the same sums, 2⁻²⁹ times less.
            assert (error <= bound * (1 + 1e-6))[known].all()


# --- overflow -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rms", "layer"])
def test_squares_that_overflow_are_not_bounded(kind):
    """Values of 2e19 are float32 numbers, their squares are not: x/∞ = 0 whatever the class."""
    norm = Normalization(np.ones(2), None if kind == "rms" else np.zeros(2))
    zero = np.zeros((2, 1))
    layer = S4DLayer([0.0, 0.0], zero, zero, C=0j * zero, D=[1.0, 1.0], norm=norm)
    config = NetworkConfig(activation="identity", output="none", residual=False, pool="last", norm=kind)
    network = S4DNetwork([[1.0], [-1.0]], [0.0, 0.0], (layer,), [[1.0, 0.0], [0.0, 0.0]], [0.0, 0.5], config)
    for size, known in ((1e18, True), (2e19, False)):
        x = np.array([[size]])
        assert np.isfinite(bounds_of_logits(network, x)).all() == known
        assert certified_radius(network, x, witness=False).radius > 0.1 * size
        assert (certified_radius(network, x, arithmetic="float32", witness=False).radius > 0) == known
    with np.errstate(over="ignore"):
        assert float32_logits(network, np.array([[2e19]])).argmax() == 1  # the exact class is 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: one_channel(activation="square"),  # x² = 1e40
        lambda: one_channel(readout=1e20),  # a product of the convolution
        lambda: replace(one_channel(), decoder_weight=np.array([[1e20], [0.0]])),
        lambda: one_channel(Normalization([1e20], [0.0], [0.0], [1.0]), norm="batch"),
    ],
)
def test_numbers_that_float32_cannot_hold_are_not_bounded(make):
    x = np.full((2, 1), 1e20)
    assert np.isfinite(bounds_of_logits(make(), 1e-10 * x)).all()
    assert np.isinf(bounds_of_logits(make(), x)[0])


def test_parameters_that_float32_cannot_hold_are_not_bounded():
    plain, x = one_channel(), np.ones((2, 1))
    statistics = one_channel(Normalization([1.0], [0.0], [0.0], [1e39]), norm="batch")
    assert np.isfinite(bounds_of_logits(plain, x)).all()
    for network in (replace(plain, decoder_bias=np.array([1e39, 0.0])), statistics):
        assert np.isinf(bounds_of_logits(network, x)[0])


# --- shipped networks and families ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits-quadratic", "digits-gelu"])
def test_float32_runs_stay_within_their_bound_and_keep_the_class(name):
    network, x = load_network(name), digit()
    found = certified_radius(network, x, arithmetic="float32", tolerance=0.01)
    real = certified_radius(network, x, witness=False, tolerance=0.01)
    assert 0.9 * real.radius < found.radius < real.radius
    assert found.witness_norm < real.radius * 1.1
    around = surroundings(network, x)
    bound = around.evaluation_errors(found.radius)
    assert 0 < bound.max() == found.evaluation_error
    generator = np.random.default_rng(5)
    for change in on_the_sphere(generator, 2, x.shape, found.radius * (1 - 1e-6)):
        moved = (x + change).astype(SINGLE)
        assert np.linalg.norm(moved.astype(np.float64) - x) <= found.radius
        exact = around.rows @ network(moved[None].astype(np.float64))[0]
        for run in RUNS[1:]:
            computed = around.rows @ float32_logits(network, moved, **run).astype(np.float64)
            assert (np.abs(computed - exact) <= bound).all()
            assert (np.abs(computed - exact) > 0).any()
            assert computed.min() > 0


def test_float32_bounds_cover_gates_and_norms():
    network, x = load_network("digits-deep-block"), digit()
    bound = surroundings(network, x).evaluation_errors(1e-4)
    assert np.isfinite(bound).all()
    wider = surroundings(network, x).evaluation_errors(1e-3)
    assert (wider >= bound).all()


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_runs_of_kernels_that_mix_channels_stay_within_their_bound(seed):
    """S5 and LRU, where the feedthrough is the diagonal of lag 0, and S4."""
    network, _ = random_network(seed)
    x = np.random.default_rng(seed).normal(size=(3, network.features)).astype(SINGLE).astype(np.float64)
    exact, bound = network(x[None])[0], bounds_of_logits(network, x)
    for run in RUNS:
        assert (np.abs(float32_logits(network, x, **run) - exact) <= bound * (1 + 1e-6)).all()


def test_layers_of_unknown_feedthrough_are_refused():
    with pytest.raises(TypeError, match="the feedthrough of a layer str is not known"):
        _feedthrough("layer")
