"""Covariances of logits under Gaussian inputs: beside quadrature, high precision, and the bound of what is left out."""

import mpmath as mp
import numpy as np
import pytest

from carleman_ssm.predictions.gaussian_moments import PreactivationMoments
from carleman_ssm.predictions.gaussian_process import GaussianProcess
from carleman_ssm.predictions.logit_covariance import hermite_weights, logit_covariance
from carleman_ssm.theory.activations import activation
from tests.strategies_networks import moderate_network
from tests.test_expected_logits import moments, over_nodes


@pytest.mark.parametrize("pool", ["mean", "last"])
@pytest.mark.parametrize("height", [0.0, 0.4, 1.5])
def test_the_covariance_of_gelu_logits_agrees_with_fine_quadrature(pool, height):
    network = moderate_network(1, activation="gelu", norm="batch", pool=pool)
    process = GaussianProcess.autoregressive(2, 0.5, mean=0.4).scaled(height)
    found, exact = logit_covariance(network, process), over_nodes(network, process, 60)[1]
    assert (np.abs(found.values - exact) <= found.truncation + 1e-10 * (1 + np.abs(exact).max())).all()
    assert found.truncation.max() < 1e-9
    if height:  # the false twin: pairs and higher orders left out
        assert np.abs(found.orders[0] - exact).max() > 1e-4


def test_the_bound_of_the_terms_left_out_holds():
    """The series of one pre-activation, cut off early by hand, against its own far longer sum."""
    generator = np.random.default_rng(2)
    moments = PreactivationMoments(generator.normal(size=(1, 40)), generator.uniform(0.1, 3.0, (1, 40)))
    whole, rest = hermite_weights(activation("gelu"), moments)
    products = whole[:, 0, :, None] * whole[:, 0, None, :]
    assert rest.max() ** 2 < 1e-8
    for terms in (1, 3, 10, 40):
        cut = PreactivationMoments(moments.mean, moments.deviation)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("carleman_ssm.predictions.logit_covariance.MOST_TERMS", terms)
            _, early = hermite_weights(activation("gelu"), cut)
        left = np.abs(products[max(terms, 1) :]).sum(axis=0)
        bound = np.outer(early[0, 0], early[0, 0])
        assert (left <= bound * (1 + 1e-9)).all()
        assert (bound < 1e3 * left + 1e-12).mean() > 0.5 or terms > 10


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_expected_derivatives_of_gelu_in_high_precision(n):
    for mean, deviation in ((0.3, 0.8), (-1.5, 2.0), (0.0, 0.1)):
        with mp.workdps(30):
            spread = mp.sqrt(1 + mp.mpf(deviation) ** 2)

            def expected(mu, s=deviation, spread=spread):
                return mu * mp.ncdf(mu / spread) + s**2 / spread * mp.npdf(mu / spread)

            exact = mp.diff(expected, mean, n) * mp.mpf(deviation) ** n / mp.sqrt(mp.factorial(n))
        found, _ = hermite_weights(activation("gelu"), moments(mean, deviation))
        weight = found[n - 1, 0, 0] if n <= len(found) else 0.0  # beyond: below the tolerance of the series
        assert weight == pytest.approx(float(exact), rel=1e-10, abs=1e-11)
