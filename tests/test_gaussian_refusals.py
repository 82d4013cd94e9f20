"""Gaussian inputs that are refused by name: of another kind, or beyond float64."""

import json

import numpy as np
import pytest

from carleman_ssm.predictions.expected_logits import expected_logits, simulated_logits
from carleman_ssm.predictions.gaussian_process import GaussianProcess
from carleman_ssm.predictions.logit_covariance import logit_covariance
from tests.strategies_networks import moderate_network


@pytest.mark.parametrize(
    "wrong",
    [
        lambda network: expected_logits(network, np.zeros((4, 1))),
        lambda network: expected_logits("digits-gelu", GaussianProcess.white(4)),
        lambda network: expected_logits(network, GaussianProcess.white(4), count=5, generator=0),
        lambda network: expected_logits(network, GaussianProcess.white(4), count=2.0),
        lambda network: simulated_logits(network, np.zeros((4, 1)), 5),
        lambda network: logit_covariance(network, np.zeros((4, 1))),
    ],
)
def test_what_is_of_another_kind_is_refused_by_name(wrong):
    with pytest.raises(TypeError, match=r"GaussianProcess|StateSpaceNetwork|Generator|count"):
        wrong(moderate_network(1, activation="square"))


def test_noise_beyond_float64_is_refused_by_name():
    """No warning (they are errors here), no infinity in a record."""
    with pytest.raises(ValueError, match=r"covariances of the logits leave the range of float64"):
        expected_logits(moderate_network(1, activation="square"), GaussianProcess.white(4, variance=1e200), count=2)
    with pytest.raises(ValueError, match=r"leave the range of float64"):
        expected_logits(moderate_network(1, activation="cube"), GaussianProcess.white(4, mean=1e200), count=2)
    found = expected_logits(moderate_network(1, activation="gelu"), GaussianProcess.white(4, variance=1e200), count=20)
    assert json.loads(json.dumps(found.table(), allow_nan=False))["simulation"]["count"] == 20
