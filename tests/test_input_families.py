"""Families of inputs, and what a trained layer answers to them."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.networks.kernel import convolution_kernel, modes
from carleman_ssm.operators.one_layer import one_layer_form
from carleman_ssm.predictions.geometric_inputs import InputFamily, check_place
from carleman_ssm.predictions.input_families import Exponential, Impulse, Sinusoid, Step, SumOfInputs
from carleman_ssm.predictions.responses import (
    TermArrays,
    preactivations,
    responses_by_kernel,
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
        (lambda: Step().sequence(2.5), TypeError, "length must be an integer"),
        (lambda: check_place(0, -1, 3, 2), ValueError, "channel counts from 0"),
        (lambda: check_place(0, 0.5, 3, 2), TypeError, "channel must be an integer"),
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


def responses_by_modes(spectrum, feedthrough, ratios, ages):
    """The sum over modes by the quotient of `finite_responses` in 40 digits, and its value at resonance."""
    found = np.empty((len(ratios), len(ages), len(feedthrough)), dtype=complex)
    with mpmath.workdps(40):
        for r, n, h in np.ndindex(found.shape):
            rho, total = mpmath.mpmathify(complex(ratios[r])), mpmath.mpmathify(feedthrough[h]) * ratios[r] ** n
            for multiplier, weight in zip(spectrum.multipliers[h], spectrum.weights[h], strict=True):
                for lam, w in ((multiplier, weight), (multiplier.conj(), weight.conj())):
                    lam = mpmath.mpmathify(complex(lam))
                    gap = rho - lam
                    gamma = (n + 1) * lam**n if gap == 0 else (rho ** (n + 1) - lam ** (n + 1)) / gap
                    total += mpmath.mpmathify(complex(w)) * gamma / 2
            found[r, n, h] = complex(total)
    return found


@settings(max_examples=15, deadline=None)
@given(s4d_networks(), st.integers(1, 12), st.floats(-1, 1))
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
