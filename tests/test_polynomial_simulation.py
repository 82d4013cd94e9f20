"""The witness: networks of depth 1 to 4 simulated with decoders, beside their operator as a stack of convolutions."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import special

from carleman_ssm.networks.network import NetworkConfig
from carleman_ssm.operators.cosine_decoders import CosineDecoders
from carleman_ssm.operators.decoders import ExactDecoders, FittedDecoders
from carleman_ssm.operators.polynomial_simulation import simulate_with_decoders
from carleman_ssm.operators.stack import build_stack
from carleman_ssm.operators.stack_trace import LayerDecoders, run, run_logits
from carleman_ssm.operators.taylor_decoders import TaylorDecoders
from carleman_ssm.theory.activations import activation
from tests.strategies_networks import moderate_network

GELU = activation("gelu")
KINDS = ("chebyshev", "taylor", "cosine", "exact")
BLOCKS = list(product(("linear", "none", "glu"), ("none", "batch", "layer", "rms")))
LENGTH = 30


def decoders_of(kind, channels, generator):
    """Coefficients out of the air: the evaluation of decoders is tested here, not their fit."""
    centre, half_width = generator.normal(size=channels), 6 + generator.uniform(size=channels)
    falling = generator.normal(size=(5, channels)) / 3.0 ** np.arange(5)[:, None]
    nothing = np.zeros(channels)
    if kind == "chebyshev":
        return FittedDecoders(centre, half_width, falling, nothing, GELU, None)
    if kind == "taylor":
        return TaylorDecoders(centre, falling[:3], centre - half_width, centre + half_width, nothing, GELU)
    if kind == "cosine":
        weights = falling + 0.25j * generator.normal(size=falling.shape)
        return CosineDecoders(centre, half_width, 2.5 / half_width, falling[1], weights, nothing, GELU)
    return ExactDecoders(falling[:3, 0], channels)


def layers_of(network, kind, seed=1):
    generator, gated = np.random.default_rng(seed), network.config.output == "glu"
    return [
        LayerDecoders(
            decoders_of(kind, network.channels, generator),
            decoders_of(kind, network.channels, generator) if gated else None,
        )
        for _ in network.layers
    ]


def relative(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("output", "norm"), list(product(("linear", "none", "glu"), ("none", "batch", "layer", "rms")))
)
def test_operator_and_witness_agree_at_any_depth(depth, output, norm):
    for seed, kind in enumerate(KINDS):
        choices = {
            "prenorm": bool(seed % 2), "pool": ("mean", "last")[seed // 2], "residual": seed != 3,
            "discretization": ("zoh", "bilinear")[seed % 2],
        }  # fmt: skip
        network = moderate_network(depth, seed=seed, output=output, norm=norm, **choices)
        layers = layers_of(network, kind)
        x = np.random.default_rng(2).normal(size=(3, LENGTH, 1))
        expected, found = (
            simulate_with_decoders(network, layers, x),
            run_logits(build_stack(network, LENGTH), layers, x),
        )
        assert relative(found, expected) < 1e-9  # 30 steps and four layers of roundings; quadratics square the values
        turned = [*layers[:-1], replace(layers[-1], activation=layers_of(network, kind, seed=9)[-1].activation)]
        assert relative(run_logits(build_stack(network, LENGTH), turned, x), expected) > 1e-6


@pytest.mark.parametrize("gate", ["sigmoid", "identity"])
def test_the_networks_own_functions_in_every_layer_give_the_network(gate):
    network = moderate_network(3, output="glu", norm="rms", gate=gate, activation="silu")
    x = np.random.default_rng(3).normal(size=(2, LENGTH, 1))
    own = {"sigmoid": special.expit, "identity": lambda values: values}[gate]
    silu = activation("silu")
    assert np.array_equal(network(x, activation=silu, gate=own), network(x))
    assert np.array_equal(network(x, activation=[silu] * 3, gate=[own] * 3), network(x))
    assert relative(network(x, activation=[silu, silu, GELU]), network(x)) > 1e-6
    assert relative(network(x, gate=[own, np.tanh, own]), network(x)) > 1e-6


def test_polynomial_networks_are_their_own_witness():
    for name, coefficients in {"square": [0, 0, 1], "poly": None}.items():
        network = moderate_network(2, output="glu", gate="identity", activation=name)
        layers = [
            LayerDecoders(
                ExactDecoders(np.array(coefficients or [0, *layer.activation_coefficients], dtype=float), 4),
                ExactDecoders(np.array([0.0, 1.0]), 4),
            )
            for layer in network.layers
        ]
        x = np.random.default_rng(4).normal(size=(2, LENGTH, 1))
        logits, traces = run(build_stack(network, LENGTH), layers, x)
        assert relative(simulate_with_decoders(network, layers, x), network(x)) < 1e-12
        assert relative(logits, network(x)) < 1e-12
        for trace, reached in zip(traces, network.preactivations(x), strict=True):
            assert relative(trace.preactivation, reached) < 1e-12
        for trace, drive in zip(traces, network.layer_inputs(x), strict=True):
            assert relative(trace.drive, drive) < 1e-12


def test_decoders_of_an_unknown_kind_evaluate_themselves():
    network, x = moderate_network(2), np.ones((1, 5, 1))
    found = simulate_with_decoders(network, [LayerDecoders(np.tanh)] * 2, x)
    assert np.array_equal(found, network(x, "recurrence", activation=np.tanh))


def test_one_set_of_decoders_serves_one_layer():
    network, x = moderate_network(1), np.ones((1, 5, 1))
    decoders = decoders_of("exact", 4, np.random.default_rng(0))
    assert np.array_equal(
        simulate_with_decoders(network, decoders, x), simulate_with_decoders(network, [LayerDecoders(decoders)], x)
    )


def test_decoders_that_do_not_go_with_the_network_are_refused():
    plain, gated, x = moderate_network(2), moderate_network(2, output="glu"), np.ones((1, 5, 1))
    with pytest.raises(ValueError, match="1 activations for 2 layers"):
        simulate_with_decoders(plain, layers_of(plain, "exact")[:1], x)
    with pytest.raises(ValueError, match="needs decoders of its gates"):
        simulate_with_decoders(gated, layers_of(plain, "exact"), x)
    with pytest.raises(ValueError, match="has no gate to decode"):
        simulate_with_decoders(plain, layers_of(gated, "exact"), x)
    with pytest.raises(ValueError, match="3 gates for 2 layers"):
        gated(x, gate=[np.tanh] * 3)


def test_a_network_without_a_pool_is_read_at_the_last_step_of_every_prefix():
    network = moderate_network(2, pool="none", norm="layer")
    x = np.random.default_rng(5).normal(size=(2, LENGTH, 1))
    logits, last = network(x), network.read_at_last_step()
    assert logits.shape == (2, LENGTH, 3)
    for k in range(LENGTH):
        assert relative(last(x[:, : k + 1]), logits[:, k]) < 1e-12
    with pytest.raises(ValueError, match="read_at_last_step"):
        build_stack(network, LENGTH)
    assert last.config == replace(NetworkConfig(), pool="last", norm="layer")
