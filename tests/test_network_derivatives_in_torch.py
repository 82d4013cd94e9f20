"""Derivatives of true networks beside automatic differentiation of a simulation written in torch."""

import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators.network_function import network_function
from tests.torch_networks import FEATURES, TorchNetwork, network_of, tensor, torch  # skips without torch

CASES = {
    "GELU, batch": {"activation": "gelu", "norm": "batch"},
    "SiLU, logistic gate, LayerNorm": {"activation": "silu", "output": "glu", "norm": "layer", "pool": "last"},
    "tanh form, RMSNorm before": {"activation": "gelu_tanh", "output": "glu", "norm": "rms", "prenorm": True},
    "bilinear rule": {"activation": "gelu", "output": "none", "discretization": "bilinear", "residual": False},
}
LENGTH = 6


@pytest.mark.parametrize("name", CASES)
def test_gradients_hessians_and_their_products_equal_those_of_torch(name):
    network = network_of(**CASES[name])
    x, v = np.random.default_rng(1).normal(size=(2, LENGTH, FEATURES))
    function, module, at = network_function(network, LENGTH), TorchNetwork(network), tensor(x)
    first = torch.autograd.functional.jacobian(lambda u: module(u[None])[0], at).numpy()
    np.testing.assert_allclose(function.gradients(x), first, atol=1e-12 * np.abs(first).max())
    hessians, products = function.hessians(x), function.hessian_products(x, v)
    for label in range(network.classes):
        second = torch.autograd.functional.hessian(lambda u, i=label: module(u[None])[0, i], at).numpy()
        scale = np.abs(second).max()
        np.testing.assert_allclose(hessians[label], second, atol=1e-12 * scale)
        np.testing.assert_allclose(products[label], np.einsum("sjtk,tk->sj", second, v), atol=1e-11 * scale)
        # A false twin: torch differentiates the square of this logit, ours does not.
        squared = torch.autograd.functional.hessian(lambda u, i=label: module(u[None])[0, i] ** 2, at).numpy()
        assert np.abs(hessians[label] - squared).max() > 1e-3 * scale


@pytest.mark.parametrize("name", ["digits-gelu", "digits-deep-gelu", "digits-deep-block"])
def test_shipped_networks_have_the_derivatives_that_torch_finds(name):
    network = load_network(name)
    x, v = np.random.default_rng(2).normal(size=(2, 16, network.features))
    function, module = network_function(network, 16), TorchNetwork(network)
    row = function.margin(8, 3)

    def margin(u):
        return (module(u[None])[0] * tensor(row)).sum()

    value, product = torch.autograd.functional.vhp(margin, tensor(x), tensor(v))
    gradient = torch.autograd.functional.jacobian(margin, tensor(x)).numpy()
    found, along = function.gradients(x, row)[0], function.hessian_products(x, v, row)[0]
    assert abs(float(value) - function.logits(x) @ row) < 1e-11 * (1 + abs(float(value)))
    np.testing.assert_allclose(found, gradient, atol=1e-11 * np.abs(gradient).max())
    np.testing.assert_allclose(along, product.numpy(), atol=1e-10 * np.abs(product.numpy()).max())
