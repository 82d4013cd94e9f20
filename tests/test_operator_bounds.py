"""Operators as `network_operator` builds them, in every basis: printed logits stay within the certified error."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb

from carleman_ssm.operators.construction import network_operator
from tests.error_attacks import SMOOTH, deep_network
from tests.oracles import ball_precision, exact_logits


def errors(network, inputs, printed):
    with ball_precision(60):
        exact = exact_logits(network, inputs, 60)
        gaps = [abs(arb(float(a)) - b) for a, b in zip(np.ravel(printed), np.ravel(exact), strict=True)]
        return np.array([float(gap.upper()) for gap in gaps]).reshape(printed.shape)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fit", ["auto", "chebyshev", "least_squares", "taylor", "cosine"])
def test_every_basis_is_bounded_on_sequences_and_in_a_box(fit, seed):
    generator = np.random.default_rng([seed, len(fit)])
    network = deep_network(generator, activations=SMOOTH, depth=2)
    inputs = generator.normal(size=(3, 4, network.features))
    for degree in (3, 12):
        operators = [network_operator(network, fit=fit, degree=degree, sequences=inputs, form="stack")]
        if fit != "least_squares":
            bound = float(np.abs(inputs).max())
            operators.append(network_operator(network, fit=fit, degree=degree, input_bound=bound, length=4))
        for operator in operators:
            printed = operator(inputs)
            assert (errors(network, inputs, printed) <= operator.certified_error).all()


@pytest.mark.parametrize("seed", range(4))
def test_one_layer_as_a_stack_has_a_bound_like_its_own_form(seed):
    """Two derivations of a bound for one function: both hold, and neither is far from the other."""
    generator = np.random.default_rng(seed)
    network = deep_network(generator, activations=("gelu",), depth=1, norms=("none", "batch"))
    while network.config.output == "glu":
        network = deep_network(generator, activations=("gelu",), depth=1, norms=("none", "batch"))
    inputs = generator.normal(size=(4, 5, network.features))
    bounds = []
    for form in ("one_layer", "stack"):
        operator = network_operator(network, fit="chebyshev", degree=8, sequences=inputs, form=form)
        assert (errors(network, inputs, operator(inputs)) <= operator.certified_error).all()
        bounds.append(operator.certified_error.max())
    assert 0.2 < bounds[0] / bounds[1] < 5
