"""Layers of the S4 kind, folded into S4D layers, have the certified operators of the package."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from carleman_ssm.families.annotated_s4d import AnnotatedS4D
from carleman_ssm.families.dss import DSS
from carleman_ssm.families.s4_block import S4Block
from carleman_ssm.networks.network import NetworkConfig, S4DNetwork
from carleman_ssm.operators.construction import network_operator
from tests.oracles import exact_logits, largest_error

ZOO = Path(__file__).parent / "data" / "zoo"


def stored(name):
    with np.load(ZOO / f"{name}.npz") as archive:
        tensors = {key: archive[key] for key in archive.files}
    with np.load(ZOO / f"{name}.reference.npz") as archive:
        reference = {key: archive[key] for key in archive.files}
    return tensors, json.loads(str(tensors.pop("config"))), reference


def block_network(layer, activation, output):
    """The block alone: identity encoder and decoder, no residual path, the last step."""
    channels = layer.channels
    one, zero = np.eye(channels), np.zeros(channels)
    config = NetworkConfig(activation=activation, output=output, residual=False, pool="last")
    layer = dataclasses.replace(layer, discretization="zoh")
    return S4DNetwork(one, zero, (layer,), one, zero, config)


CASES = [
    ("s4-block__perturbed_copies", S4Block, "gelu", "glu"),
    ("s4-block__real", S4Block, "gelu", "glu"),
    ("dss__exp_re_im", DSS, "gelu", "glu"),
    ("annotated-s4__glu", AnnotatedS4D, "gelu_tanh", "glu"),
    ("annotated-s4__linear", AnnotatedS4D, "gelu_tanh", "linear"),
]


@pytest.mark.parametrize(("name", "family", "activation", "output"), CASES)
def test_the_bound_of_the_operator_contains_its_distance_to_the_block(name, family, activation, output):
    tensors, config, reference = stored(name)
    layer, x = family.from_tensors(tensors, config), reference["x"]
    folded = layer.as_s4d_layer(x.shape[1]) if family is DSS else layer.as_s4d_layer()
    network = block_network(folded, activation, output)
    operator = network_operator(network, sequences=x, degree=8, form="stack")
    bounds, exact = operator.bounds(x).per_sequence, exact_logits(network, x)
    for place in np.ndindex(bounds.shape):
        assert largest_error(operator(x)[place], exact[place]) <= bounds[place]
    # what is certified is the operator of the folded parameters; that folding is exact but for rounding is measured
    assert np.abs(network(x) - reference["y"][:, -1]).max() < 1e-12
    assert np.abs(operator(x) - reference["y"][:, -1]).max() <= bounds.max() + 1e-12


def test_a_folded_readout_without_its_conjugate_leaves_the_bound():
    tensors, config, reference = stored("s4-block__perturbed_copies")
    folded, x = S4Block.from_tensors(tensors, config).as_s4d_layer(), reference["x"]
    wrong = dataclasses.replace(folded, C=np.conj(folded.C))
    operator = network_operator(block_network(wrong, "gelu", "glu"), sequences=x, degree=8)
    right = exact_logits(block_network(folded, "gelu", "glu"), x)
    assert largest_error(operator(x), right) > operator.bounds(x).per_sequence.max()
