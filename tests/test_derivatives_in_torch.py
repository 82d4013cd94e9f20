"""Kernels of first and second order beside automatic differentiation of a simulation written in torch."""

import numpy as np
import pytest

from carleman_ssm.operators.adjoint import gradients, hessian_products
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.curvature import second_order_kernel
from tests.torch_networks import FEATURES, TorchNetwork, network_of, tensor, torch  # skips without torch

CASES = {
    "plain": {"activation": "square"},
    "batch, prenorm": {"activation": "cube", "norm": "batch", "prenorm": True},
    "bilinear gate": {"activation": "square", "output": "glu", "gate": "identity", "norm": "rms"},
    "layer": {"activation": "square", "norm": "layer", "pool": "last"},
    "fitted": {"activation": "gelu", "output": "glu", "norm": "layer"},
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_and_hessians_equal_those_of_torch(name):
    network = network_of(**CASES[name])
    sequences = np.random.default_rng(1).normal(size=(3, 6, FEATURES))
    exact = network.config.activation != "gelu"
    options = {} if exact else {"tolerance": 1e-10}
    operator = network_operator(network, sequences=sequences, form="stack", **options)
    # Polynomial decoders are the activation: rounding. A fit to 1e-10 has second derivatives to about 1e-6.
    tolerance = 1e-10 if exact else 1e-5
    module, at = TorchNetwork(network), tensor(sequences[:1])
    first = torch.autograd.functional.jacobian(lambda v: module(v)[0], at).numpy()[:, 0]
    found = gradients(operator.stack, operator.decoders, sequences[:1])[0]
    np.testing.assert_allclose(found, first, atol=tolerance * np.abs(first).max())
    kernel = second_order_kernel(operator.stack, operator.decoders, sequences[0])
    arrays = kernel.all_arrays()
    for label in range(network.classes):
        second = torch.autograd.functional.hessian(lambda v, i=label: module(v)[0, i], at).numpy()[0, :, :, 0]
        scale = max(1.0, np.abs(second).max())
        np.testing.assert_allclose(2 * arrays[label], second, atol=tolerance * scale)
        product = np.einsum("sjtk,tk->sj", second, sequences[1])
        along = hessian_products(operator.stack, operator.decoders, sequences[:1], sequences[1:2])[0, label]
        np.testing.assert_allclose(along, product, atol=10 * tolerance * scale)
