"""Certified errors of predictions: every share of the bound is needed, and has a planted case that needs it."""

import flint
import numpy as np
import pytest

from carleman_ssm.networks.enclosures import Enclosed
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.one_layer import OneLayerForm
from carleman_ssm.predictions.family_certificate import family_bounds, sum_errors, term_errors
from carleman_ssm.predictions.input_families import Exponential, Impulse, Sinusoid, Step, SumOfInputs
from carleman_ssm.predictions.predict import predict
from carleman_ssm.predictions.responses import TermArrays, preactivations
from tests.oracles import ball_precision, exact_logits, largest_error
from tests.strategies_inputs import exact_sequence


def residual_network(pool="last"):
    """A residual path alone: the layer answers nothing, so that only the input's own error counts."""
    layer = S4DLayer(log_dt=[0.0], log_A_real=[[0.0]], A_imag=[[1.0]], C=[[0.0]], D=[0.0])
    config = NetworkConfig(activation="identity", output="none", residual=True, pool=pool)
    return S4DNetwork([[1.5]], [0.2], (layer,), [[1.0], [-0.5]], [0.1, 0.4], config)


def error_and_bound(network, family, length):
    found = predict(network_operator(network, input_bound=1e12, length=length), family)
    with ball_precision(40, steps=length):
        sequence = exact_sequence(family, length, 1)
    exact = np.ravel(exact_logits(network, [sequence]))
    return np.array([largest_error([a], [b]) for a, b in zip(found.logits, exact, strict=True)]), found


@pytest.mark.parametrize("pool", ["last", "mean"])
@pytest.mark.parametrize("height", [1e10, 1e4])
def test_parts_that_cancel_leave_the_rounding_of_their_sum_and_it_is_counted(pool, height):
    family = SumOfInputs((Step(height), Step(0.3), Step(-height)))
    error, found = error_and_bound(residual_network(pool), family, 4)
    assert error.max() > 1e-17 * height  # more than any share but that of the sum
    assert (error <= found.certified_error).all()
    assert (found.certified_error < 1e-15 * height).all()


def test_the_rounding_of_a_large_phase_reaches_the_residual_path_and_is_counted():
    family = Sinusoid(1.0, 0.7, 1e9 + 0.3)
    error, found = error_and_bound(residual_network(), family, 9)
    assert error.max() > 1e-9
    assert (error <= found.certified_error).all()
    assert (found.certified_error < 1e-6).all()


def test_what_adding_costs_is_counted_channel_by_channel():
    first, second = Step(1e10), Step(0.3, channel=1)
    assert sum_errors(first + second, 3, 2).max() < 1e-280
    both = sum_errors(first + second + Step(-1e10), 3, 2)
    assert both[0] == pytest.approx(2e10 * 2.0**-53, rel=1e-5)
    assert both[1] < 1e-280


def exactly(value):
    return Enclosed(np.array(value, dtype=float), np.zeros(np.shape(value)))


def bare_form(kernel, weight=1.0, bias=0.0):
    """One channel whose numbers are exact, so that no error but that of the arithmetic is left."""
    zero = exactly([[0.0]])
    return OneLayerForm(exactly([kernel]), exactly([[weight]]), exactly([[bias]]), zero, zero, zero, "last")


def exact_preactivations(form, family):
    """By the definition in balls: the kernel over the driven exact input."""
    kernel, weight = form.kernel.value[0].tolist(), flint.arb(form.drive_weight.value[0, 0])
    driven = [weight * x for x in exact_sequence(family, len(kernel), 1)[:, 0]]
    driven = [x + flint.arb(form.drive_bias.value[0, 0]) for x in driven]
    return [sum((flint.arb(kernel[m]) * driven[k - m] for m in range(k + 1)), flint.arb(0)) for k in range(len(kernel))]


def preactivation_errors(form, family, step):
    """Error of one printed pre-activation, and its bound."""
    length = form.kernel.value.shape[1]
    printed = preactivations(form, [TermArrays.of(term) for term in family.terms], length)[0]
    with ball_precision(60):
        error = largest_error(printed[step], [exact_preactivations(form, family)[step]], 60)
    return error, family_bounds(form, family, printed).rounding[step, 0]


def test_powers_of_a_ratio_near_one_lose_digits_step_by_step_and_that_is_counted():
    """Ratios that float64 holds almost exactly, after many steps: only the rounding of the powers is left."""
    rates = -np.arange(1, 400) / 2.0**21
    rate = min(rates.tolist(), key=lambda rate: term_errors(Exponential(1.0, rate)).ratio)
    family, length = Exponential(1.0, rate), 2048
    assert term_errors(family).ratio < 2.0**-53 / 100
    kernel = np.zeros(length)
    kernel[0] = 1.0
    form = bare_form(kernel)
    printed = preactivations(form, [TermArrays.of(family.term)], length)[0, :, 0]
    with ball_precision(60):
        exact = exact_sequence(family, length, 1)[:, 0]  # the kernel is an impulse
        error = np.array([largest_error([a], [b], 60) for a, b in zip(printed, exact, strict=True)])
    bound = family_bounds(form, family, printed[:, None]).rounding[:, 0]
    assert (error <= bound).all()
    assert error.max() > 16 * 2.0**-53  # more than the products of one term can lose


def test_the_products_and_the_sum_of_one_term_round_and_that_is_counted():
    family, form = Sinusoid(0.7, 0.3, 1.1), bare_form([0.1], weight=0.3, bias=0.9)
    error, bound = preactivation_errors(form, family, 0)
    beside = term_errors(family).amplitude * 0.1 * 0.3
    assert 0 < error <= bound
    assert bound - beside < 6 * 2.0**-53
    plain = bare_form([0.1], weight=0.3)
    error, bound = preactivation_errors(plain, Impulse(0.7), 0)
    assert term_errors(Impulse(0.7)).amplitude < 1e-280
    assert 2.0**-60 < error <= bound < 2.0**-55


class RoundedStep(Step):
    """A step whose term is planted: amplitude and ratio are not quite those of its parameters."""

    @staticmethod
    def geometric(values):
        """Off by a hundredth and by a thousandth."""
        height = np.asarray(values["height"], dtype=complex)
        return height * 1.01, np.ones_like(height) * 1.001


def test_planted_errors_of_amplitude_and_ratio_are_covered_and_not_by_far():
    family = RoundedStep(0.8)
    errors = term_errors(family)
    assert errors.amplitude == pytest.approx(0.008, rel=1e-5)
    assert errors.ratio == pytest.approx(0.001, rel=1e-5)
    form = bare_form(np.full(12, 0.25), weight=-0.7)
    for step in (0, 1, 5, 11):
        error, bound = preactivation_errors(form, family, step)
        assert error <= bound <= 3 * error


class SlowedExponential(Exponential):
    """An exponential whose printed ratio is planted one percent too small."""

    @staticmethod
    def geometric(values):
        """As that of the parameters, but for the ratio."""
        amplitude, ratio = Exponential.geometric(values)
        return amplitude, ratio / 1.01


def test_errors_grow_with_the_exact_ratio_not_with_a_smaller_printed_one():
    for step in (1, 7, 63):
        error, bound = preactivation_errors(bare_form(np.eye(64)[0]), SlowedExponential(1.0, 0.1), step)
        assert error <= bound <= 2 * error


def test_a_growing_input_magnifies_every_error_and_that_is_counted():
    kernel = np.zeros(64)
    kernel[:2] = 1.0, 0.3
    for step in (20, 63):
        error, bound = preactivation_errors(bare_form(kernel), Exponential(1.0, 0.4), step)
        assert 2.0**-53 * np.exp(0.4 * step) < error <= bound < 1e-12 * np.exp(0.4 * step)
