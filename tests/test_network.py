"""Records and simulation of S4D networks: against the reference, exact arithmetic, and each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.network import CHOICES, NetworkConfig, Normalization, S4DLayer, S4DNetwork
from tests.oracles import exact_logits, largest_error, widest_radius
from tests.strategies_networks import ACTIVATIONS, input_sequences, s4d_networks, stored

DATA = Path(__file__).parent / "data"
REFERENCES = sorted(path for path in DATA.glob("*.reference.npz") if not path.name.startswith("s4block"))
NAMES = [path.name.removesuffix(".reference.npz") for path in REFERENCES]


def relative(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def test_there_are_reference_networks_of_every_kind():
    assert len(NAMES) == 11
    for part in ("gelu_", "identity_", "poly2_", "poly3_", "_glu_", "_layer_", "_none_", "_batch_", "L2_"):
        assert any(part in name for name in NAMES), part


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["convolution", "recurrence"])
def test_logits_kernels_and_preactivations_equal_the_reference(name, method):
    network, reference = load_network(DATA / f"{name}.npz"), np.load(DATA / f"{name}.reference.npz")
    x = reference["x"]
    assert relative(network(x, method), reference["logits"]) < 1e-11
    for index, found in enumerate(network.preactivations(x, method)):
        assert relative(found[: len(reference[f"preactivation_{index}"])], reference[f"preactivation_{index}"]) < 1e-11
        assert relative(network.kernel(index, x.shape[1]), reference[f"kernel_{index}"]) < 1e-11


# One fault for each parameter: the comparison above must see it.
FAULTS = {
    "sign of the frequency": lambda layer: replace(layer, A_imag=-layer.A_imag),
    "decay": lambda layer: replace(layer, log_A_real=layer.log_A_real * (1 + 1e-7)),
    "step": lambda layer: replace(layer, log_dt=layer.log_dt * (1 + 1e-7)),
    "readout": lambda layer: replace(layer, C=layer.C * (1 + 1e-7)),
    "feedthrough": lambda layer: replace(layer, D=layer.D + 1e-7),
    "output weight": lambda layer: replace(layer, output_weight=layer.output_weight.T),
    "output bias": lambda layer: replace(layer, output_bias=layer.output_bias + 1e-7),
    "coefficients": lambda layer: replace(layer, activation_coefficients=layer.activation_coefficients[::-1]),
    "running mean": lambda layer: replace(layer, norm=replace(layer.norm, running_mean=layer.norm.running_mean + 1e-7)),
    "running variance": lambda layer: replace(
        layer, norm=replace(layer.norm, running_var=layer.norm.running_var + 1e-7)
    ),
    "half of the pair only": lambda layer: replace(layer, C=layer.C / 2),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_in_any_parameter_is_seen_by_the_reference(fault):
    name = "digits64__L1_H16_N32_poly2_linear_batch__s0"
    network, reference = load_network(DATA / f"{name}.npz"), np.load(DATA / f"{name}.reference.npz")
    broken = replace(network, layers=(FAULTS[fault](network.layers[0]),))
    assert relative(broken(reference["x"]), reference["logits"]) > 1e-10


@pytest.mark.parametrize(
    "change",
    [{"activation": "gelu_tanh"}, {"prenorm": True}, {"residual": False}, {"pool": "last"}, {"eps": 1e-6}],
)
def test_a_wrong_configuration_is_seen_by_the_reference(change):
    name = "digits64__L2_H16_N32_gelu_glu_layer__s0"
    network, reference = load_network(DATA / f"{name}.npz"), np.load(DATA / f"{name}.reference.npz")
    broken = replace(network, config=replace(network.config, **change))
    assert relative(broken(reference["x"]), reference["logits"]) > 1e-6


def condition(network, x):
    """Sizes of all intermediate values with every sign taken positive, times what the phases k·ΔA amplify."""
    config, rounds = network.config, 1.0
    hidden = np.abs(network.encoder_weight).sum(axis=1) * np.abs(x).max() + np.abs(network.encoder_bias)
    for layer in network.layers:
        turns = np.abs(layer.step[:, None] * layer.eigenvalues).max() if layer.discretization == "zoh" else 1.0
        rounds += x.shape[1] * turns
        branch = _norm_size(layer, config, hidden) if config.prenorm else hidden
        weights = 2 * np.abs(layer.C * layer.input_vector)[..., None]
        powers = np.abs(layer.multipliers)[..., None] ** np.arange(x.shape[1])
        reached = ((weights * powers).sum(axis=(1, 2)) + np.abs(layer.D)) * branch
        hidden = _output_size(layer, config, _activation_size(layer, config, reached)) + hidden
        hidden = hidden if config.prenorm else _norm_size(layer, config, hidden)
    return rounds * (np.abs(network.decoder_weight) @ hidden + np.abs(network.decoder_bias)).max()


def _norm_size(layer, config, size):
    if layer.norm is None:
        return size
    scale = np.abs(layer.norm.weight) / np.sqrt(layer.norm.running_var + config.eps)
    return scale * (size + np.abs(layer.norm.running_mean)) + np.abs(layer.norm.bias)


def _activation_size(layer, config, size):
    degree = {"square": 2, "cube": 3, "identity": 1}.get(config.activation)
    if degree:
        return degree * size**degree
    if config.activation == "poly":
        return sum(k * abs(c) * size**k for k, c in enumerate(layer.activation_coefficients, 1))
    return (1 + size) * size  # |φ(y)| ≤ |y|, and |y φ'(y)| ≤ 2 |y|; the argument of tanh grows faster


def _output_size(layer, config, size):
    if layer.output_weight is None:
        return size
    mapped = np.abs(layer.output_weight) @ size + np.abs(layer.output_bias)
    if config.output == "linear":
        return mapped
    value, gate = np.split(mapped, 2)
    return value * (1 + 2 * gate)  # |s(b)| + |s'(b)| |b|, and twice |b| for the identity


@given(
    data=st.data(),
    network=s4d_networks(outputs=("linear", "none", "glu"), max_layers=2, pools=("mean", "last", "none")),
)
@settings(deadline=None)
def test_both_methods_lie_within_rounding_of_the_exact_function(data, network):
    x = data.draw(input_sequences(network.features))
    exact = exact_logits(network, x, digits=60)
    tolerance = 1e-14 * condition(network, x)
    assert widest_radius(exact) < 1e-3 * tolerance
    for method in ("convolution", "recurrence"):
        assert largest_error(network(x, method).reshape(exact.shape), exact, digits=60) < tolerance


@given(data=st.data(), network=s4d_networks(norms=("layer", "rms"), activations=("gelu", "identity")))
@settings(deadline=None)
def test_layer_and_rms_norm_of_well_spread_channels_equals_the_exact_function(data, network):
    x = data.draw(input_sequences(network.features))
    assume(network.channels > 1 and condition_without_norm(network, x) < 1e3)
    exact = exact_logits(network, x)
    assert largest_error(network(x), exact) < 1e-8  # the spread may be 1/√eps times smaller than the values


def condition_without_norm(network, x):
    layers = tuple(replace(layer, norm=None) for layer in network.layers)
    return condition(replace(network, layers=layers, config=replace(network.config, norm="none")), x)


@given(data=st.data(), network=s4d_networks(activations=("identity", "square", "gelu"), norms=("none",)))
@settings(deadline=None)
def test_recurrence_and_convolution_agree_to_rounding(data, network):
    x = data.draw(input_sequences(network.features, max_length=40))
    found = zip(network.preactivations(x, "convolution"), network.preactivations(x, "recurrence"), strict=True)
    for by_fft, by_steps in found:
        kernel = np.abs(network.kernel(0, x.shape[1])).sum(axis=1) + np.abs(network.layers[0].D)
        inputs = np.abs(network.encoder_weight).sum(axis=1) + np.abs(network.encoder_bias)
        assert np.abs(by_fft - by_steps).max() < 1e-12 * (1 + (kernel * inputs).max())


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_single_channel_equals_the_formula_written_out(activation):
    coefficients = [0.5, -0.25, 2.0]
    layer = S4DLayer(
        log_dt=[0.0], log_A_real=[[0.0]], A_imag=[[0.0]], C=[[0.5]], D=[0.25],
        activation_coefficients=coefficients if activation == "poly" else None,
    )  # fmt: skip
    config = NetworkConfig(activation=activation, output="none", residual=False, pool="last")
    network = S4DNetwork([[1.0]], [0.0], (layer,), [[1.0]], [0.0], config)
    e = np.exp(-1.0)
    y = (1 - e) * e * 2.0 - (1 - e) - 0.25  # input 2 then -1: C = 1/2 doubled, B̄ = 1 - 1/e
    from math import erf, sqrt, tanh

    expected = {
        "gelu": y * (1 + erf(y / sqrt(2))) / 2,
        "gelu_tanh": y * (1 + tanh(sqrt(2 / np.pi) * (y + 0.044715 * y**3))) / 2,
        "silu": y / (1 + np.exp(-y)),
        "identity": y,
        "square": y**2,
        "cube": y**3,
        "poly": 0.5 * y - 0.25 * y**2 + 2 * y**3,
    }[activation]
    assert np.isclose(network(np.array([[[2.0], [-1.0]]]))[0, 0], expected, rtol=1e-14)


def test_slow_modes_do_not_lose_digits_where_the_difference_cancels():
    layer = S4DLayer([-30.0], [[0.0]], [[0.0]], [[0.5]], [0.0])
    assert np.isclose(layer.kernel(1)[0, 0], np.exp(-30.0), rtol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 17, 64, 100])
def test_the_kernel_is_its_own_prefix_at_any_length(length):
    network = load_network(DATA / "digits64__L1_H16_N32_gelu_linear_none__s0.npz")
    assert np.allclose(network.kernel(0, length), network.kernel(0, 200)[:, :length], rtol=0, atol=1e-13)


def valid_layer(**changes):
    fields = {
        "log_dt": np.zeros(2), "log_A_real": np.zeros((2, 3)), "A_imag": np.ones((2, 3)),
        "C": np.ones((2, 3)), "D": np.zeros(2), "output_weight": np.eye(2), "output_bias": np.zeros(2),
    }  # fmt: skip
    return S4DLayer(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log_dt": np.zeros((2, 1))}, "log_dt has shape"),
        ({"log_dt": np.zeros(0)}, "no empty axis"),
        ({"A_imag": np.ones((2, 2))}, "A_imag has shape"),
        ({"C": np.full((2, 3), complex(0, np.inf))}, "imaginary part.*NaN or infinity"),
        ({"D": np.array([0, np.nan])}, "D holds NaN"),
        ({"log_A_real": np.full((2, 3), -800.0)}, "unstable"),
        ({"log_A_real": np.full((2, 3), 800.0)}, "leaves the range"),
        ({"log_dt": np.full(2, -800.0)}, "leaves the range"),
        ({"output_bias": None}, "come together"),
        ({"output_weight": np.ones((2, 3))}, "output_weight has shape"),
        ({"norm": Normalization(np.ones(3), np.ones(3))}, "norm has 3 channels"),
        ({"activation_coefficients": np.zeros(0)}, "activation_coefficients"),
    ],
)
def test_a_layer_refuses_what_does_not_fit(changes, message):
    valid_layer()
    with pytest.raises(ValueError, match=message):
        valid_layer(**changes)


@pytest.mark.parametrize("value", [np.array(["1", "2"]), np.array([1j, 2]), np.array([object(), 1])])
def test_parameters_that_are_no_real_numbers_are_refused(value):
    with pytest.raises(TypeError, match="real numbers"):
        valid_layer(log_dt=value)


def test_a_norm_refuses_half_of_its_statistics_and_negative_variances():
    with pytest.raises(ValueError, match="come together"):
        Normalization(np.ones(2), np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match="negative"):
        Normalization(np.ones(2), np.ones(2), np.ones(2), np.array([1, -1e-9]))


@pytest.mark.parametrize("name", CHOICES)
def test_a_configuration_names_the_entry_that_is_wrong(name):
    with pytest.raises(ValueError, match=name):
        NetworkConfig(**{name: "nonsense"})


def test_a_flag_is_not_a_number_and_relu_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="residual"):
        NetworkConfig(residual=1)
    with pytest.raises(ValueError, match="not analytic"):
        NetworkConfig(activation="relu")
    with pytest.raises(ValueError, match="eps"):
        NetworkConfig(eps=0.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": "glu"}, "output 'glu' needs an output_weight of 4 rows"),
        ({"output": "none"}, "no rows"),
        ({"norm": "batch"}, "norm 'batch', the layer holds 'none'"),
        ({"activation": "poly"}, "poly"),
    ],
)
def test_a_network_refuses_layers_that_contradict_the_configuration(changes, message):
    parts = (np.ones((2, 1)), np.zeros(2), (valid_layer(),), np.ones((3, 2)), np.zeros(3))
    assert S4DNetwork(*parts, NetworkConfig()).classes == 3
    with pytest.raises(ValueError, match=message):
        S4DNetwork(*parts, NetworkConfig(**changes))


def test_a_network_refuses_no_layers_and_layers_of_another_width():
    with pytest.raises(ValueError, match="at least one layer"):
        S4DNetwork(np.ones((2, 1)), np.zeros(2), (), np.ones((3, 2)), np.zeros(3), NetworkConfig())
    with pytest.raises(ValueError, match="2 channels, the encoder 3"):
        S4DNetwork(np.ones((3, 1)), np.zeros(3), (valid_layer(),), np.ones((3, 3)), np.zeros(3), NetworkConfig())


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 5)), "shape"),
        (np.zeros((2, 5, 2)), "shape"),
        (np.zeros((2, 0, 1)), "at least one step"),
        (np.full((1, 3, 1), np.nan), "NaN"),
        (np.full((1, 3, 1), 1j), "not real"),
        (np.full((1, 3, 1), 1e200), "leaves the range"),
    ],
)
def test_sequences_that_cannot_be_simulated_are_refused(x, message):
    network = load_network("frequencies")
    assert network(np.zeros((0, 5, 1))).shape == (0, 4)
    with pytest.raises(ValueError, match=message):
        network(x)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="unknown method 'fft'"):
        load_network("frequencies")(np.zeros((1, 3, 1)), "fft")


def test_records_own_read_only_copies():
    weight = stored(np.eye(2))
    layer = valid_layer(output_weight=weight)
    weight[:] = 7
    assert (layer.output_weight == np.eye(2)).all()
    for array in (layer.log_dt, layer.C, layer.output_weight):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
