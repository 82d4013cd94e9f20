"""Predictions of input families: beside the exact network, refused with the excess, and on grids."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.enclosures import Enclosed
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.one_layer import one_layer_form
from carleman_ssm.operators.operator import DomainError
from carleman_ssm.predictions.family_certificate import family_bounds, input_error, term_errors
from carleman_ssm.predictions.input_families import Exponential, Impulse, Sinusoid, Step, SumOfInputs
from carleman_ssm.predictions.predict import Prediction, predict
from carleman_ssm.predictions.predicted_logits import predicted_logits
from carleman_ssm.predictions.responses import TermArrays, preactivations
from tests.oracles import exact_logits, largest_error, widest_radius
from tests.strategies_inputs import exact_sequence, inputs
from tests.strategies_networks import moderate_network, s4d_networks

POLYNOMIALS = ("identity", "square", "cube", "poly")


def real_mode_network(multiplier, activation="square", **entries):
    """One channel, one real mode with the given multiplier per step, biases everywhere."""
    layer = S4DLayer(
        log_dt=[0.0],
        log_A_real=[[np.log(-np.log(multiplier))]],
        A_imag=[[0.0]],
        C=[[0.8]],
        D=[0.3],
    )
    config = NetworkConfig(activation=activation, output="none", **entries)
    return S4DNetwork([[1.5]], [0.2], (layer,), [[1.0], [-0.5]], [0.1, 0.4], config)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_logits_lie_within_the_certified_error_of_the_exact_network_on_the_exact_input(data):
    network = data.draw(s4d_networks(POLYNOMIALS, max_channels=2))
    length = data.draw(st.integers(1, 8))
    family = data.draw(inputs(length, network.features))
    operator = network_operator(network, input_bound=100.0, length=length)
    found = predict(operator, family)
    exact = exact_logits(network, [exact_sequence(family, length, network.features)])
    assert found.closed_form
    assert (np.isfinite(found.certified_error)).all()
    for i, logit in enumerate(np.ravel(exact)):
        error = largest_error(found.logits[i : i + 1], [logit])
        assert error <= found.certified_error[i] + 2 * widest_radius(exact)


def test_the_certified_error_of_shipped_networks_is_small_and_decides_the_class():
    for name in ("frequencies", "digits-quadratic"):
        operator = network_operator(load_network(name), input_bound=1.0, length=64)
        for family in (Impulse(0.5, position=9), Sinusoid(0.7, 0.4, 1.0), Step(0.3) + Exponential(0.2, -0.1)):
            found = predict(operator, family)
            assert found.certified_error.max() < 1e-8
            assert found.difference < found.certified_error.max()
            assert found.certified_class
            assert found.winner == found.simulated.argmax()


def test_an_error_that_reaches_the_margin_certifies_no_class():
    base = predict(network_operator(load_network("frequencies"), input_bound=1.0, length=8), Step(0.1))
    margin = np.diff(np.sort(base.logits))[-1]
    entries = {name: getattr(base, name) for name in ("family", "length", "logits", "simulated", "preactivations")}
    assert not Prediction(certified_error=np.full(4, 0.6 * margin), **entries).certified_class
    assert Prediction(certified_error=np.full(4, 0.4 * margin), **entries).certified_class


@pytest.mark.parametrize("part", ["kernel", "drive_weight", "drive_bias"])
def test_a_planted_error_of_the_parameters_is_covered_and_not_by_far(part):
    form = one_layer_form(moderate_network(1), 12)
    planted = getattr(form, part)
    shift = 1e-4 * np.where(planted.value < 0, -1.0, 1.0)
    wrong = replace(form, **{part: Enclosed(planted.value + shift, np.full_like(shift, 1.001e-4))})
    covered = np.zeros(form.channels)
    for family in (Step(0.9), Sinusoid(0.9, 1.0, 0.5), Exponential(-0.9, -0.5, position=2), Impulse(1.3)):
        terms = [TermArrays.of(family.term)]
        found = preactivations(wrong, terms, 12)[0]
        error, bound = np.abs(found - preactivations(form, terms, 12)[0]), family_bounds(wrong, family, found).rounding
        assert (error <= bound).all()
        covered = np.maximum(covered, (error / bound).max(axis=0))
    assert (covered > 0.2).all()


def test_the_errors_of_amplitude_ratio_and_input_are_those_of_rounded_exponentials():
    for family in (Sinusoid(0.7, 2.9, 1.3, -0.2), Exponential(0.3, 0.1), Step(0.1), Impulse(0.1)):
        errors, term = term_errors(family), family.term
        with mpmath.workdps(40):
            size = mpmath.mpf(getattr(family, "amplitude", getattr(family, "height", 0)))
            amplitude = size * mpmath.expj(getattr(family, "phase", 0.0))
            exponent = mpmath.mpc(getattr(family, "rate", 0.0), getattr(family, "frequency", 0.0))
            assert abs(amplitude - mpmath.mpmathify(term.amplitude)) <= errors.amplitude <= 1e-15
            if not isinstance(family, Impulse):
                assert abs(mpmath.mpmathify(term.ratio) / mpmath.exp(exponent) - 1) <= errors.ratio <= 1e-15
        assert input_error(family, 30) < 1e-13


@pytest.mark.parametrize("gap", [0.0, 1e-15, 1e-9, 1e-3])
@pytest.mark.parametrize("pool", ["mean", "last"])
def test_an_exponential_in_resonance_with_a_mode_is_predicted_like_any_other(gap, pool):
    network = real_mode_network(0.95, pool=pool)
    multiplier = float(np.exp(network.layers[0].eigenvalues[0, 0].real * network.layers[0].step[0]))
    operator = network_operator(network, input_bound=2.0, length=300)
    family = Exponential(0.9, np.log(multiplier) + gap, position=3)
    found = predict(operator, family)
    simulated = network(family.sequence(300)[None], method="recurrence")[0]
    assert np.abs(found.logits - simulated).max() < 1e-11
    assert np.abs(found.logits - simulated).max() <= found.certified_error.max()


def test_the_last_step_of_a_long_sequence_and_a_single_step_are_predicted():
    network = moderate_network(1, activation="poly", features=2)
    operator = network_operator(network, input_bound=1.0, length=50)
    for length, family in ((50, Impulse(1.0, position=49, channel=1)), (1, Step(0.5)), (7, Sinusoid(position=6))):
        found = predict(operator, family, length)
        assert np.allclose(found.logits, network(family.sequence(length, 2)[None])[0], atol=1e-11)
        assert found.length == length


def fitted():
    network = moderate_network(1, activation="gelu")
    family = Sinusoid(1.0, 0.4, 0.3)
    return network, family, network_operator(network, degree=12, sequences=family.sequence(20)[None])


def test_a_fitted_operator_is_certified_inside_and_refused_with_the_excess_outside():
    network, family, operator = fitted()
    found = predict(operator, family)
    exact = exact_logits(network, [exact_sequence(family, 20, 1)])
    assert largest_error(found.logits, np.ravel(exact)) <= found.certified_error.max()
    assert found.certified_error.max() < 1e-2
    outside = Sinusoid(1.5, 0.4, 0.3)
    reached = network.preactivations(outside.sequence(20)[None])[0][0]
    lower, upper = operator.certificate.lower, operator.certificate.upper
    excess = np.maximum(lower - reached, reached - upper)
    step, channel = np.argwhere(excess > 0)[0]
    with pytest.raises(DomainError, match=rf"channel {channel} at step {step}: .* by {excess[step, channel]:.3g} "):
        predict(operator, outside)


def test_a_polynomial_layer_built_for_sequences_is_refused_nothing():
    operator = network_operator(moderate_network(1, activation="square"), sequences=np.full((1, 9, 1), 0.1))
    assert np.isfinite(predict(operator, Step(1e3)).logits).all()


@pytest.mark.parametrize("activation", ["square", "gelu"])
@pytest.mark.parametrize("layers", [1, 2])
def test_no_operator_answers_beyond_the_input_bound_that_it_was_built_for(layers, activation):
    network = moderate_network(layers, activation=activation)
    operator = network_operator(network, input_bound=0.5, length=9, degree=None if activation == "square" else 12)
    if layers == 1:  # intervals too wide to be left, so that the bound alone refuses
        wide = replace(operator.certificate, lower=np.full(4, -9.0), upper=np.full(4, 9.0))
        operator = replace(operator, certificate=wide)
    assert np.isfinite(predict(operator, Impulse(-0.5)).logits).all()
    with pytest.raises(DomainError, match=r"size 0.51, the certificate holds for \|x\| <= 0.5"):
        predict(operator, Impulse(-0.51))
    with pytest.raises(DomainError, match="value of size"):
        predicted_logits(operator, Impulse, height=[0.5, 0.51])
    with pytest.raises(DomainError, match="value of size"):
        predicted_logits(operator, Impulse, height=0.3, background=Impulse(0.3))
    found = predicted_logits(operator, Impulse, height=[0.5, 0.51], outside="nan")
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


def test_deep_networks_answer_through_their_operator():
    network = moderate_network(2, activation="square", output="glu", gate="identity")
    operator = network_operator(network, input_bound=1.0, length=9)
    first, second = predict(operator, [Step(0.5), Impulse(0.5, position=2)])
    assert not first.closed_form
    assert first.difference <= first.certified_error.max()
    assert not np.allclose(first.logits, second.logits)
    grid = predicted_logits(operator, Step, height=[0.5, 0.0])
    assert np.allclose(grid[0], first.logits, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(s4d_networks(POLYNOMIALS), st.integers(2, 9), st.booleans())
def test_grids_of_parameters_are_the_simulations_of_their_inputs(network, length, fast):
    operator = network_operator(network, input_bound=1.5, length=length)
    frequencies = np.array([0.0, 0.3, np.pi] if fast else [1.0])
    positions = np.array([[0], [length - 1]])
    channel = network.features - 1
    rest = Step(0.2) + Impulse(0.1, position=1)
    found = predicted_logits(
        operator, Sinusoid, amplitude=0.8, frequency=frequencies, position=positions, channel=channel, background=rest
    )
    assert found.shape == (2, len(frequencies), operator.form.classes)
    for i, position in enumerate((0, length - 1)):
        for j, frequency in enumerate(frequencies):
            family = Sinusoid(0.8, frequency, position=position, channel=channel) + rest
            one = predict(operator, family)
            slack = 2 * one.certified_error + 1e-9 * (1 + np.abs(one.simulated))
            assert (np.abs(found[i, j] - one.simulated) <= slack).all()


def test_a_grid_larger_than_a_block_has_no_seams(monkeypatch):
    operator = network_operator(load_network("frequencies"), input_bound=1.0, length=16)
    heights = np.linspace(-1, 1, 37)
    whole = predicted_logits(operator, Impulse, height=heights, position=2)
    monkeypatch.setattr("carleman_ssm.predictions.predicted_logits.BLOCK", 5 * 16 * 2)
    assert np.allclose(predicted_logits(operator, Impulse, height=heights, position=2), whole, rtol=1e-13)


def test_inputs_outside_are_nan_where_asked_and_refused_otherwise():
    _, family, operator = fitted()
    found = predicted_logits(operator, Sinusoid, amplitude=[1.0, 3.0], frequency=0.4, phase=0.3, outside="nan")
    assert np.allclose(found[0], predict(operator, family).logits)
    assert np.isnan(found[1]).all()
    with pytest.raises(DomainError, match="sequence 1"):
        predicted_logits(operator, Sinusoid, amplitude=[1.0, 3.0], frequency=0.4, phase=0.3)


def test_the_same_holds_through_the_operator_of_a_deep_network():
    network = moderate_network(2, activation="gelu")
    operator = network_operator(network, degree=10, input_bound=1.0, length=6)
    found = predicted_logits(operator, Step, height=[0.5, 50.0], outside="nan")
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


OPERATOR = network_operator(load_network("frequencies"), input_bound=1.0, length=8)


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda: predict(OPERATOR, Step(), 9), DomainError, "at most 8 steps"),
        (lambda: predict(OPERATOR, Step(), 0), ValueError, "at least one step"),
        (lambda: predict(OPERATOR, Step(position=8)), ValueError, "steps 0 to 7"),
        (lambda: predict(OPERATOR, Step(channel=1)), ValueError, "no input channel 1"),
        (lambda: predict(OPERATOR, ["step"]), TypeError, "got str"),
        (lambda: predict(load_network("frequencies"), Step()), TypeError, "network_operator"),
        (lambda: predicted_logits(OPERATOR, Step, rate=1.0), TypeError, "no parameter 'rate'"),
        (lambda: predicted_logits(OPERATOR, Step, height=[np.nan]), ValueError, "finite"),
        (lambda: predicted_logits(OPERATOR, Step, position=0.5), TypeError, "integers"),
        (lambda: predicted_logits(OPERATOR, Step, position=[-1]), ValueError, "not negative"),
        (lambda: predicted_logits(OPERATOR, Step, position=[3, 8]), ValueError, "step 8"),
        (lambda: predicted_logits(OPERATOR, Exponential, rate=[60.0]), ValueError, "grows beyond"),
        (lambda: predicted_logits(OPERATOR, Step, outside="clip"), ValueError, "'refuse' or 'nan'"),
        (lambda: predict(OPERATOR, None), TypeError, "got NoneType"),
        (lambda: predict(OPERATOR, Step), TypeError, "got the class Step"),
        (lambda: predict(OPERATOR, Step(), 2.5), TypeError, "length must be an integer"),
        (lambda: predicted_logits(OPERATOR, Step()), TypeError, "expected a class of inputs such as Sinusoid"),
        (lambda: predicted_logits(OPERATOR, "step"), TypeError, "got 'step'"),
        (lambda: predicted_logits(OPERATOR, SumOfInputs), TypeError, "is a background"),
        (lambda: predicted_logits(OPERATOR, Step, background="step"), TypeError, "got str"),
        (lambda: predicted_logits(OPERATOR, Step, channel=-1), ValueError, "channel counts from 0"),
        (lambda: predicted_logits(OPERATOR, Step, channel=0.5), TypeError, "channel must be an integer"),
        (lambda: predicted_logits(OPERATOR, Step, height=[0, 1], position=[0, 1, 2]), ValueError, r"position \(3,\)"),
        (lambda: predicted_logits(OPERATOR, Exponential, rate=800.0, position=7), ValueError, "in one step"),
    ],
)
def test_what_cannot_be_predicted_is_refused_with_the_reason(ask, error, words):
    with pytest.raises(error, match=words):
        ask()
