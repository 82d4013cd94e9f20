"""Simulation beside a module written with torch's own layers: every choice that a configuration has."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from carleman_ssm.networks.network import Normalization
from tests.torch_networks import (  # skips without torch
    CHANNELS,
    FEATURES,
    LENGTH,
    PHI,
    TorchNetwork,
    network_of,
    tensor,
    torch,
)


def disagreement(network, other=None):
    """Largest difference of our logits from torch's, relative to the largest logit, by both methods."""
    x = np.random.default_rng(7).normal(size=(3, LENGTH, FEATURES))
    with torch.no_grad():
        expected = TorchNetwork(other or network)(tensor(x)).numpy()
    gaps = [np.abs(network(x, method) - expected).max() for method in ("convolution", "recurrence")]
    return max(gaps) / np.abs(expected).max()


# Both sides work in float64 with values of moderate size: agreement is limited by roundings of 1e-16 times the
# 40 steps, layers and products, and 1e-9 is what the reference data are held to.
TOLERANCE = 1e-11


@pytest.mark.parametrize(
    ("norm", "prenorm", "output", "residual"),
    list(product(("none", "batch", "layer", "rms"), (False, True), ("linear", "glu", "none"), (True, False))),
)
def test_norms_gates_and_residuals_equal_those_of_torch(norm, prenorm, output, residual):
    network = network_of(norm=norm, prenorm=prenorm, output=output, residual=residual)
    assert disagreement(network) < TOLERANCE


@pytest.mark.parametrize("activation", [*PHI, "poly"])
@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_activations_and_rules_equal_those_of_torch(activation, discretization):
    network = network_of(activation=activation, discretization=discretization, norm="batch")
    assert disagreement(network) < TOLERANCE


@pytest.mark.parametrize("pool", ["mean", "last", "none"])
@pytest.mark.parametrize("gate", ["sigmoid", "identity"])
@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_pools_and_gates_equal_those_of_torch(pool, gate, discretization):
    network = network_of(
        pool=pool, gate=gate, discretization=discretization, output="glu", norm="rms", prenorm=True, eps=1e-3
    )
    assert disagreement(network) < TOLERANCE


FALSE_TWINS = {
    "pool": {"pool": "last"},
    "prenorm": {"prenorm": False},
    "residual": {"residual": False},
    "gate": {"gate": "sigmoid"},
    "eps": {"eps": 1e-4},
    "activation": {"activation": "gelu_tanh"},
}


@pytest.mark.parametrize("entry", FALSE_TWINS)
def test_another_configuration_is_refuted_by_torch(entry):
    network = network_of(output="glu", gate="identity", norm="rms", prenorm=True, eps=1e-3)
    other = replace(network, config=replace(network.config, **FALSE_TWINS[entry]))
    assert disagreement(network) < TOLERANCE
    assert disagreement(other, network) > 1e-7


def test_a_layer_norm_without_bias_is_no_rms_norm():
    network = network_of(norm="rms")
    centred = tuple(
        replace(layer, norm=Normalization(layer.norm.weight, np.zeros(CHANNELS))) for layer in network.layers
    )
    other = replace(network, layers=centred, config=replace(network.config, norm="layer"))
    assert disagreement(other, network) > 1e-3
