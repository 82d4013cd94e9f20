"""Covariances of logits under Gaussian inputs: beside quadrature, high precision, and the bound of what is left out."""

import mpmath as mp
import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.predictions.gaussian_moments import PreactivationMoments, expected_gelu
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


def test_preactivations_far_from_zero_have_a_covariance():
    """Hermite polynomials overflow where the density underflows: the product is 0, not NaN."""
    weights, rest = hermite_weights(activation("gelu"), moments(60.0, 4.0))
    assert len(weights) > 400
    assert np.isfinite(weights).all()
    assert weights[0, 0, 0] == pytest.approx(4.0)  # GELU is the identity there
    assert np.abs(weights[1:]).max() < 1e-20
    assert np.isfinite(rest).all()
    process = GaussianProcess.autoregressive(8, 0.5, mean=40.0, variance=9.0)
    network = load_network("digits-gelu")
    found = logit_covariance(network, process)
    drawn = network(process.sample(4000, np.random.default_rng(0)))
    ratio = drawn.var(axis=0) / np.diag(found.values)
    np.testing.assert_allclose(ratio, 1.0, atol=6 * np.sqrt(2 / 4000) * 1.5)


def test_a_series_whose_rest_is_large_is_refused():
    """512 terms serve deviations to some ten: what they leave out is measured against the variance."""
    network = load_network("digits-gelu")
    for variance in (1e3, 1e4, 1e20, 1e200):
        with pytest.raises(ValueError, match=r"512 terms leave out .* simulated_logits"):
            logit_covariance(network, GaussianProcess.white(8, variance=variance))
    served = logit_covariance(network, GaussianProcess.white(8, variance=10.0))
    assert (np.diag(served.truncation) < 1e-10 * np.diag(served.values)).all()


def test_expected_gelu_of_immense_numbers_is_its_limit():
    size = np.array([1e160, 1e300])
    np.testing.assert_allclose(expected_gelu(np.zeros(2), size), size / np.sqrt(2 * np.pi), rtol=1e-15)
    np.testing.assert_array_equal(expected_gelu(size, np.ones(2)), size)
    assert not expected_gelu(-size, np.ones(2)).any()
