"""Expected logits under Gaussian inputs, beside exact sums over nodes, high precision, and simulation."""

import json
from fractions import Fraction
from itertools import product
from math import comb

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from scipy.integrate import quad

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.decoders import ExactDecoders, FittedDecoders
from carleman_ssm.operators.one_layer import one_layer_form
from carleman_ssm.predictions.expected_logits import expected_logits, simulated_logits
from carleman_ssm.predictions.gaussian_moments import (
    PreactivationMoments,
    expected_decoders,
    expected_gelu,
    gaussian_average,
    preactivation_moments,
)
from carleman_ssm.predictions.gaussian_process import GaussianProcess
from carleman_ssm.predictions.leaving import leaving_probability, outside
from carleman_ssm.predictions.logit_covariance import logit_covariance
from carleman_ssm.theory.activations import activation
from tests.strategies_networks import moderate_network, s4d_networks
from tests.test_gaussian_process import moving_average

HARD = [(0.0, 0.0), (0.3, 0.0), (-8.0, 0.5), (8.0, 0.5), (0.0, 1.0), (-2.0, 3.0), (0.7, 50.0), (-40.0, 1e-8)]


def over_nodes(network, process, count):
    """Mean and covariance of the logits by a tensor product of Gauss–Hermite rules, through the simulation.

    Exact for polynomial networks whose logits, squared, have a degree below 2·count in each variable.
    """
    nodes, weights = special.roots_hermitenorm(count)
    values, vectors = np.linalg.eigh(process.covariance())
    factor = vectors * np.sqrt(np.maximum(values, 0.0))
    grid = np.array(list(product(nodes, repeat=process.mean.size)))
    chances = np.array([np.prod(w) for w in product(weights / np.sqrt(2 * np.pi), repeat=process.mean.size)])
    logits = network(process.mean + (grid @ factor.T).reshape(-1, *process.mean.shape))
    mean = chances @ logits
    return mean, (logits - mean).T @ (chances[:, None] * (logits - mean)), chances @ np.abs(logits)


@st.composite
def processes(draw, features, max_length=3):
    length = draw(st.integers(1, max_length))
    mean = np.random.default_rng(draw(st.integers(0, 99))).normal(size=(length, features))
    kind = draw(st.sampled_from(("white", "autoregressive", "constant", "still", "moving average")))
    if kind == "white":
        return GaussianProcess.white(length, variance=0.7, mean=mean)
    if kind == "autoregressive":
        return GaussianProcess.autoregressive(length, -0.6, variance=0.5, mean=mean)
    if kind == "constant":
        return GaussianProcess.autoregressive(length, 1.0, variance=0.5, mean=mean)
    if kind == "still":
        return GaussianProcess.white(length, variance=0.0, mean=mean)
    return moving_average(length, features, seed=length)[0]


@given(st.data())
@settings(max_examples=25)
def test_moments_of_preactivations_are_those_of_the_linear_map(data):
    """The map is written out as one matrix; transients, biases, several channels, slow and equal modes."""
    network = data.draw(s4d_networks())
    process = data.draw(processes(network.features, max_length=7))
    length, features = process.mean.shape
    found = preactivation_moments(one_layer_form(network, length + 2), process)
    still = network.preactivations(np.zeros((1, length, features)))[0][0]
    units = np.eye(length * features).reshape(-1, length, features)
    matrix = np.moveaxis(network.preactivations(units)[0] - still, 0, -1)
    mean = still + matrix @ process.mean.ravel()
    variance = np.einsum("khi,ij,khj->kh", matrix, process.covariance(), matrix)
    size = np.abs(matrix) @ np.ones(length * features)  # rounding is relative to what is summed, not to what is left
    reach = size.max() ** 2 * np.abs(process.covariance()).max()
    np.testing.assert_allclose(found.mean, mean, rtol=1e-9, atol=1e-9 * (1 + np.abs(matrix).max() * 10))
    np.testing.assert_allclose(found.deviation**2, variance, rtol=1e-9, atol=1e-10 * reach)


@given(st.data())
@settings(max_examples=25)
def test_polynomial_networks_agree_with_exact_quadrature(data):
    network = data.draw(s4d_networks(activations=("identity", "square", "cube", "poly")))
    process = data.draw(processes(network.features, max_length=3 if network.features == 1 else 1))
    mean, covariance, size = over_nodes(network, process, 6)
    found = expected_logits(network, process)
    assert found.quadrature_error.max() == 0.0
    np.testing.assert_allclose(found.logits, mean, rtol=1e-8, atol=1e-9 * (1 + size.max()))
    learned = network.layers[0].activation_coefficients
    quadratic = network.config.activation in ("identity", "square") or (learned is not None and len(learned) <= 2)
    assert (found.covariance is not None) == quadratic
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance))).max() + size.max() ** 2
    by_order = logit_covariance(network, process)
    assert not by_order.truncation.any()
    np.testing.assert_allclose(by_order.values, covariance, atol=1e-8 * (1 + scale))
    if quadratic:
        np.testing.assert_allclose(found.covariance, covariance, atol=1e-9 * (1 + scale))


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu"])
def test_other_networks_agree_with_fine_quadrature(name):
    network = moderate_network(1, activation=name, norm="batch")
    process = GaussianProcess.autoregressive(2, 0.5, variance=0.3, mean=0.4)
    found = expected_logits(network, process)
    np.testing.assert_allclose(found.logits, over_nodes(network, process, 60)[0], atol=1e-10)
    assert found.covariance is None
    assert found.quadrature_error.max() < 1e-11
    assert found.method.startswith("GELU" if name == "gelu" else name)
    at_the_mean = network(process.mean[None])[0]  # the false twin: the logits of the mean input
    assert np.abs(found.logits - at_the_mean).max() > 1e-3


@pytest.mark.parametrize(("mean", "deviation"), HARD)
def test_expected_gelu_in_high_precision(mean, deviation):
    with mp.workdps(30):
        if deviation:
            total = mp.quad(
                lambda z: (mean + deviation * z) * mp.ncdf(mean + deviation * z) * mp.npdf(z),
                [-12, -4, 0, -mean / deviation if abs(mean / deviation) < 12 else 1, 4, 12],
            )
        else:
            total = mean * mp.ncdf(mean)
        exact = float(total)
    found = float(expected_gelu(np.array([mean]), np.array([deviation]))[0])
    assert found == pytest.approx(exact, rel=1e-13, abs=4e-16 * (1 + abs(mean) + deviation))
    if deviation >= 0.5 and abs(mean) < 8:  # with s in the place of s², another number
        spread = np.hypot(1.0, deviation)
        wrong = mean * special.ndtr(mean / spread) + deviation / spread * np.exp(-0.5 * (mean / spread) ** 2) / 2.5066
        assert deviation == 1.0 or abs(wrong - exact) > 1e-3


def moments(mean, deviation):
    return PreactivationMoments(np.array([[mean]]), np.array([[deviation]]))


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 6])
@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 0.0), (0.5, 0.0), (-1.5, 0.75), (0.0, 2.0), (3.0, 0.125)])
def test_moments_of_polynomials_are_exact_rationals(degree, mean, deviation):
    """$E y^p = \\sum_j \\binom{p}{2j} \\mu^{p-2j} s^{2j} (2j-1)!!$ in exact numbers; a rounding or two is allowed."""
    coefficients = [Fraction(k % 5 - 2, 4) for k in range(3, degree + 4)]
    mu, square, exact = Fraction(mean), Fraction(deviation) ** 2, Fraction(0)
    for p, coefficient in enumerate(coefficients):
        pairings = Fraction(1)
        for j in range(p // 2 + 1):
            exact += coefficient * comb(p, 2 * j) * mu ** (p - 2 * j) * square**j * pairings
            pairings *= 2 * j + 1
    decoders = ExactDecoders(np.array([float(c) for c in coefficients]), 1)
    found = expected_decoders(decoders, moments(mean, deviation))[0, 0]
    assert found == pytest.approx(float(exact), rel=1e-13, abs=1e-13)


def test_a_chebyshev_series_is_continued_as_the_polynomial_that_it_is():
    series = np.array([0.3, -1.0, 0.25, 0.5, -0.125, 0.0625])
    decoders = FittedDecoders(np.array([0.5]), np.array([2.0]), series[:, None], np.zeros(1), activation("gelu"), None)
    shifted = np.polynomial.Polynomial([-0.25, 0.5])  # (y − 1/2)/2
    powers = np.polynomial.chebyshev.cheb2poly(series)
    plain = sum((c * shifted**k for k, c in enumerate(powers)), np.polynomial.Polynomial([0.0])).coef
    for mean, deviation in ((0.0, 0.3), (1.0, 4.0), (9.0, 0.1), (-2.0, 0.0)):
        found = expected_decoders(decoders, moments(mean, deviation))
        np.testing.assert_allclose(found, expected_decoders(ExactDecoders(plain, 1), moments(mean, deviation)), 1e-12)


@pytest.mark.parametrize(("mean", "deviation"), HARD[:7])
def test_averages_of_other_activations_and_their_measured_error(mean, deviation):
    for name in ("silu", "tanh", "sigmoid"):
        rule = activation(name)
        found, error = gaussian_average(rule, np.array([mean]), np.array([deviation]))
        hinge = np.clip(-mean / deviation, -11, 11) if deviation else 0.0
        parts = [
            quad(
                lambda z, rule=rule: np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * rule(mean + deviation * z),
                *ends,
                epsabs=1e-13,
                epsrel=1e-13,
                limit=200,
            )[0]
            for ends in ((-12.0, hinge), (hinge, 12.0))
        ]
        assert abs(found[0] - sum(parts)) <= max(error, 1e-12 * (1 + deviation))
        assert error < 1e-10


def test_expectations_of_shipped_networks_stand_beside_simulation():
    """A test digit with noise, and pure noise: within five standard errors; the class may be another one."""
    generator = np.random.default_rng(5)
    for name in ("digits-quadratic", "digits-gelu", "frequencies"):
        network = load_network(name)
        process = GaussianProcess.autoregressive(48, 0.8, variance=0.2, mean=0.4)
        found = expected_logits(network, process, count=1500, generator=generator)
        simulation = found.simulation
        assert simulation.count == 1500
        assert (np.abs(found.logits - simulation.mean) < 5 * simulation.standard_error).all()
        if found.deviation is not None:
            np.testing.assert_allclose(found.deviation, simulation.deviation, rtol=0.12)
        assert (np.abs(network(process.mean[None])[0] - simulation.mean) > 5 * simulation.standard_error).any()


def test_phase_products_have_their_mean_by_the_characteristic_function():
    network = moderate_network(1, activation="gelu")
    process = GaussianProcess.white(4, variance=0.05, mean=0.1)
    operator = network_operator(network, input_bound=2.0, length=4, fit="cosine", tolerance=1e-6)
    found = expected_logits(operator, process)
    assert found.leaving.at_most < 1e-10
    np.testing.assert_allclose(found.operator_logits, found.logits, atol=1e-4)
    assert np.abs(found.operator_logits - found.logits).max() <= operator.certified_error.max() + 1e-9
    rule = operator.decoders[0].activation
    mean, deviation = np.full((1, rule.centre.size), 0.2), np.full((1, rule.centre.size), 0.3)

    def waves(values):  # beyond the interval too, where the decoder itself stays constant
        turns = np.arange(rule.terms + 1)[:, None, None] * rule.frequency * (values - rule.centre)
        return rule.slope * (values - rule.centre) + (rule.weights[:, None] * np.exp(1j * turns)).real.sum(axis=0)

    dense = gaussian_average(waves, mean, deviation)[0]
    np.testing.assert_allclose(expected_decoders(rule, PreactivationMoments(mean, deviation)), dense, atol=1e-12)


def test_a_fit_states_how_probably_it_is_left_and_the_expectation_needs_none():
    network = load_network("digits-gelu")
    operator = network_operator(network, degree=8, input_bound=1.5, length=8)
    small = GaussianProcess.white(8, variance=0.04, mean=0.3)
    large = GaussianProcess.white(8, variance=4.0, mean=0.3)
    near, far = expected_logits(operator, small), expected_logits(operator, large)
    np.testing.assert_array_equal(far.logits, expected_logits(network, large).logits)
    assert near.leaving.at_most < 1e-6 < far.leaving.at_least
    assert np.abs(near.operator_logits - near.logits).max() <= operator.certified_error.max()
    assert np.abs(far.operator_logits - far.logits).max() > operator.certified_error.max()
    drawn = large.sample(4000, np.random.default_rng(1))
    values = operator.form.preactivations(drawn)
    left = ((values < operator.certificate.lower) | (values > operator.certificate.upper)).any(axis=(1, 2))
    left |= (np.abs(drawn) > 1.5).any(axis=(1, 2))
    slack = 5 * np.sqrt(0.25 / len(drawn))
    assert far.leaving.at_least - slack < left.mean() < far.leaving.at_most + slack
    assert far.leaving.worst == np.unravel_index(far.leaving.preactivations.argmax(), (8, network.channels))


def test_inputs_beyond_their_bound_count_as_leaving():
    """Pre-activations that stay inside by far: what leaves is the input alone."""
    process = GaussianProcess.white(3, variance=0.01, mean=0.5)
    still = PreactivationMoments(np.zeros((3, 2)), np.full((3, 2), 0.1))
    found = leaving_probability(still, np.full(2, -5.0), np.full(2, 5.0), process, 0.7)
    tail = special.ndtr(-2.0)  # and 12 deviations on the other side
    assert found.preactivations.max() < 1e-300
    assert found.at_least == pytest.approx(tail)
    assert found.at_most == pytest.approx(3 * tail)
    drawn = (np.abs(process.sample(20000, np.random.default_rng(5))) > 0.7).any(axis=(1, 2)).mean()
    exact = 1 - (1 - tail) ** 3  # independent steps
    assert drawn == pytest.approx(exact, abs=6 * np.sqrt(exact / 20000))
    assert found.at_least < exact < found.at_most


def test_records_are_plain_data():
    network, process = load_network("digits-gelu"), GaussianProcess.white(8, variance=0.04)
    operator = network_operator(network, degree=4, input_bound=1.0, length=8)
    record = json.loads(json.dumps(expected_logits(operator, process, count=10).table()))
    assert record["method"] == "GELU, closed form"
    assert record["simulation"]["count"] == 10
    assert 0.0 <= record["leaving"]["at_least"] <= record["leaving"]["at_most"] <= 1.0
    bare = expected_logits(network, process).table()
    assert bare["simulation"] is None
    assert bare["leaving"] is None


def test_an_exact_operator_has_nothing_to_leave():
    network = load_network("digits-quadratic")
    process = GaussianProcess.white(8, variance=0.5)
    found = expected_logits(network_operator(network, input_bound=1.0, length=8), process)
    assert found.leaving is None
    assert found.operator_logits is None
    np.testing.assert_allclose(found.logits, expected_logits(network, process).logits)


def test_tails_in_high_precision():
    for mean, deviation, lower, upper in ((0.0, 1.0, -3.0, 5.0), (1.0, 0.1, 0.0, 2.0), (0.0, 2.0, -np.inf, 60.0)):
        with mp.workdps(40):
            exact = mp.ncdf((mp.mpf(lower) - mean) / deviation) + mp.ncdf((mean - mp.mpf(upper)) / deviation)
        found = outside(*(np.array([value]) for value in (mean, deviation, lower, upper)))
        assert found[0] == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize(
    "network",
    [
        moderate_network(2, activation="square"),
        moderate_network(1, activation="gelu", output="glu"),
        moderate_network(1, activation="gelu", norm="layer"),
        moderate_network(1, activation="square", pool="none"),
    ],
    ids=["two layers", "gate", "layer norm", "no pool"],
)
def test_what_has_no_closed_form_is_refused_with_a_remedy(network):
    process = GaussianProcess.white(4, variance=0.2)
    with pytest.raises(ValueError, match="simulated_logits"):
        expected_logits(network, process)
    if network.config.pool == "none":
        network = network.read_at_last_step()
    with pytest.raises(ValueError, match="simulated_logits"):
        logit_covariance(moderate_network(1, activation="silu"), process)
    measured = simulated_logits(network, process, 50)
    assert measured.mean.shape == measured.standard_error.shape == (network.classes,)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda network: expected_logits(network, GaussianProcess.white(4, features=2)),
        lambda network: expected_logits(network, GaussianProcess.white(4), count=1),
        lambda network: preactivation_moments(one_layer_form(network, 3), GaussianProcess.white(4)),
        lambda network: expected_logits(network_operator(network, input_bound=1, length=3), GaussianProcess.white(4)),
    ],
)
def test_what_does_not_fit_is_refused(wrong):
    with pytest.raises(ValueError, match=r"channels|two sequences|serves|at most 3"):
        wrong(moderate_network(1, activation="square"))
