"""Families of inputs, and what a trained layer answers to them."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.networks.kernel import convolution_kernel, modes
from carleman_ssm.operators.one_layer import one_layer_form
from carleman_ssm.predictions.geometric_inputs import InputFamily
from carleman_ssm.predictions.input_families import Exponential, Impulse, Sinusoid, Step, SumOfInputs
from carleman_ssm.predictions.responses import (
    TermArrays,
    geometric_values,
    preactivations,
    responses_by_kernel,
    responses_by_modes,
)
from tests.strategies_inputs import exact_sequence, inputs
from tests.strategies_networks import moderate_network, s4d_networks

FEW = settings(max_examples=40, deadline=None)


@FEW
@given(inputs(9, 2))
def test_an_input_is_the_real_part_of_its_geometric_terms_and_what_its_definition_says(family):
    found = family.sequence(9, 2)
    written = np.zeros((9, 2))
    for term in family.terms:
        for k in range(term.position, 9):
            written[k, term.channel] += (term.amplitude * term.ratio ** (k - term.position)).real
    exact = np.vectorize(float)(exact_sequence(family, 9, 2))
    assert np.allclose(found, written, rtol=1e-12, atol=1e-12)
    assert np.allclose(found, exact, rtol=1e-13, atol=1e-13)


def test_sums_are_flattened_and_add_up():
    family = (Step(0.5) + Impulse(2.0, position=1)) + Sinusoid(frequency=0.3)
    assert len(family.parts) == 3
    assert isinstance(SumOfInputs((family,)).parts[2], Sinusoid)
    parts = sum(part.sequence(5) for part in family.parts)
    assert np.array_equal(family.sequence(5), parts)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Impulse(True), TypeError, "height must be a number"),
        (lambda: Sinusoid(frequency=np.ones(2)), TypeError, "predicted_logits"),
        (lambda: Step(float("nan")), ValueError, "finite"),
        (lambda: Step(position=-1), ValueError, "counts from 0"),
        (lambda: Step(position=1.5), TypeError, "integer"),
        (lambda: Step(position=4).sequence(4), ValueError, "steps 0 to 3"),
        (lambda: Step(channel=1).sequence(4), ValueError, "channels 0 to 0"),
        (lambda: Step().sequence(0), ValueError, "at least one step"),
        (lambda: Exponential(rate=100.0).sequence(9), ValueError, "grows beyond"),
        (lambda: Exponential(rate=800.0).terms, ValueError, "in one step"),
        (lambda: SumOfInputs(()), ValueError, "at least one"),
        (lambda: SumOfInputs((3,)), TypeError, "int"),
    ],
)
def test_what_is_no_input_is_refused_with_the_reason(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_family_adds_to_families_only():
    with pytest.raises(TypeError):
        Step() + 1.0


def test_the_base_of_families_has_no_input():
    for ask in (lambda: InputFamily().parts, lambda: InputFamily().sequence(3)):
        with pytest.raises(NotImplementedError):
            ask()


def _exact_sum(multiplier, ratio, n):
    with mpmath.workdps(60):
        lam, rho = mpmath.mpmathify(complex(multiplier)), mpmath.mpmathify(complex(ratio))
        return complex(mpmath.fsum(lam ** (n - i) * rho**i for i in range(n + 1)))


@pytest.mark.parametrize("gap", [0.0, 1e-16, 1e-12, 1e-9, 1e-4, 0.3, 2.0 + 1j])
@pytest.mark.parametrize("multiplier", [0.99 * np.exp(0.3j), -0.5, 0.0, 1.0, 1e-250, 5e-324])
@pytest.mark.parametrize("n", [0, 1, 200])
def test_the_sum_of_powers_loses_nothing_at_resonance_and_near_it(multiplier, gap, n):
    ratio = multiplier + gap
    found = complex(geometric_values(np.array(multiplier), np.array(ratio), np.array(n)))
    scale = max(sum(abs(multiplier) ** (n - i) * abs(ratio) ** i for i in range(n + 1)), 1e-300)
    assert abs(found - _exact_sum(multiplier, ratio, n)) <= 8e-16 * (n + 4) * scale + 1e-149  # what counts as 0


def test_the_bare_quotient_would_lose_digits_there():
    multiplier = np.array(0.99 * np.exp(0.3j))
    ratio = multiplier + 1e-13
    quotient = (ratio**201 - multiplier**201) / (ratio - multiplier)
    exact = _exact_sum(multiplier, ratio, 200)
    assert abs(quotient - exact) > 1e-5 * abs(exact)
    assert abs(geometric_values(multiplier, ratio, np.array(200)) - exact) < 1e-12 * abs(exact)


@FEW
@given(s4d_networks(), st.integers(1, 40), st.floats(-1, 1))
def test_kernel_and_modes_give_one_response_also_at_the_multipliers_themselves(network, length, turn):
    layer = network.layers[0]
    spectrum = modes(layer)
    ratios = np.array(
        [0.0, 1.0, -1.0, np.exp(1j * turn), 1.05, *spectrum.multipliers[0], spectrum.multipliers[0, 0].conj()]
    )
    by_kernel = responses_by_kernel(convolution_kernel(layer, length).value, ratios)
    by_modes = responses_by_modes(spectrum, layer.D, ratios, np.arange(length))
    scale = (np.abs(spectrum.weights).sum(axis=1) + np.abs(layer.D)) * length * max(1.0, 1.05**length)
    assert (np.abs(by_kernel - by_modes) <= 4e-15 * (length + 10) * scale).all()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_preactivations_are_those_of_the_recurrence_bias_and_transient_and_resonance_included(data):
    network = data.draw(s4d_networks())
    length = data.draw(st.integers(1, 12))
    multipliers = modes(network.layers[0]).multipliers.ravel()
    resonances = tuple(np.log(multipliers[np.abs(multipliers) > 1e-3]).tolist()) or (0.1j,)
    family = data.draw(inputs(length, network.features, resonances))
    form = one_layer_form(network, length)
    found = preactivations(form, [TermArrays.of(term) for term in family.terms], length)
    simulated = network.preactivations(family.sequence(length, network.features)[None], method="recurrence")[0]
    size = np.abs(form.kernel.value).sum() * (
        np.abs(form.drive_weight.value).sum() * 6 + np.abs(form.drive_bias.value).sum()
    )
    assert np.abs(found - simulated).max() <= 1e-12 * (1.0 + size)


def test_a_position_delays_the_response_and_leaves_the_bias_alone():
    form = one_layer_form(moderate_network(1), 10)
    at = {p: preactivations(form, [TermArrays.of(Impulse(0.7, position=p).term)], 10)[0] for p in (0, 4)}
    bias = preactivations(form, [TermArrays.of(Impulse(0.0).term)], 10)[0]
    assert np.allclose((at[4] - bias)[4:], (at[0] - bias)[:6], atol=1e-14)
    assert np.array_equal(at[4][:4], bias[:4])
