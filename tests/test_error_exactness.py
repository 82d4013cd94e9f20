"""Printed logits of deep operators against the exact network in ball arithmetic: rounding included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb

from carleman_ssm.networks.enclosures import Enclosed
from carleman_ssm.operators.error_propagation import certify_box, certify_sequences
from carleman_ssm.operators.stack_trace import run
from tests.error_attacks import deep_network, fitted_stack, scaled_network
from tests.oracles import ball_precision, exact_logits, widest_radius


def sharp_logits(network, inputs, proof):
    """Exact logits as balls far narrower than the bounds under attack, and the digits that took."""
    bounds = np.concatenate([proof.per_sequence.ravel(), proof.per_pair[proof.per_pair > 0]])
    narrow = 1e-6 * np.where(np.isfinite(bounds), bounds, 1.0).min()
    for digits in (60, 300, 1500):
        truth = exact_logits(network, inputs, digits)
        if widest_radius(truth) <= narrow:
            break
    return truth, digits


def exact_ratios(network, printed, inputs, proof):
    """Largest error over bound of logits and differences; truth is ball arithmetic of as many digits as needed."""
    (truth, digits), single, pair = sharp_logits(network, inputs, proof), 0.0, 0.0
    with ball_precision(digits):
        for row, (numbers, balls) in enumerate(zip(printed.tolist(), truth, strict=True)):
            gaps = [arb(number) - ball for number, ball in zip(numbers, balls, strict=True)]
            bounds, pairs = proof.per_sequence[row % len(proof.per_sequence)], proof.per_pair[row % len(proof.per_pair)]
            for i, gap in enumerate(gaps):
                single = max(single, float(abs(gap).upper()) / bounds[i])
                others = [(abs(gap - gaps[j]), pairs[i, j]) for j in range(i)]
                pair = max([pair, *(float(ball.upper()) / bound for ball, bound in others)])
    return single, pair


@pytest.mark.parametrize("first", range(0, 48, 12))
def test_printed_logits_stay_within_their_bounds_of_the_exact_network_rounding_included(first):
    largest = 0.0
    for seed in range(first, first + 12):
        generator = np.random.default_rng(seed)
        network = deep_network(generator)
        inputs = generator.normal(size=(2, int(generator.integers(1, 7)), network.features))
        inputs *= 10.0 ** generator.uniform(-1, 1)
        stack, decoders, rules = fitted_stack(network, inputs, int(generator.choice([2, 8, 40, 64])))
        printed = run(stack, decoders, inputs)[0]
        box = certify_box(stack, decoders, rules, float(np.abs(inputs).max()))
        for proof in (certify_sequences(stack, decoders, rules, inputs), box):
            single, pair = exact_ratios(network, printed, inputs, proof)
            assert max(single, pair) <= 1, (seed, proof.domain)
            largest = max(largest, single)
    assert largest > 0.05  # the bounds are no astronomical numbers


@pytest.mark.parametrize("first", range(1000, 1036, 12))
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # some of these networks leave float64
def test_bounds_hold_for_parameters_over_many_decades(first):
    bounded = 0
    for seed in range(first, first + 12):
        generator = np.random.default_rng(seed)
        network = scaled_network(generator, deep_network(generator))
        inputs = generator.normal(size=(2, int(generator.integers(1, 6)), network.features))
        inputs *= 10.0 ** generator.uniform(-4, 4) * generator.choice([0.0, 1.0, 1.0])
        stack, decoders, rules = fitted_stack(network, inputs, int(generator.choice([2, 8, 40])))
        printed = run(stack, decoders, inputs)[0]
        sequences = certify_sequences(stack, decoders, rules, inputs)
        assert np.isfinite(printed).all() or not np.isfinite(sequences.per_sequence).all()
        if np.isfinite(printed).all():
            box = certify_box(stack, decoders, rules, float(np.abs(inputs).max()))
            for proof in (sequences, box):
                assert max(exact_ratios(network, printed, inputs, proof)) <= 1, (seed, proof.domain)
            bounded += np.isfinite(sequences.per_sequence).all()
    assert bounded >= 8


def test_a_kernel_that_hides_its_error_is_caught():
    network = deep_network(np.random.default_rng(3), activations=("square",), norms=("none",), depth=2)
    inputs = np.random.default_rng(4).normal(size=(2, 5, network.features))
    stack, decoders, rules = fitted_stack(network, inputs, 8)
    wrong = Enclosed(stack.layers[0].kernel.value * (1 + 1e-9), stack.layers[0].kernel.error)
    planted = replace(stack, layers=(replace(stack.layers[0], kernel=wrong), *stack.layers[1:]))
    for form, fine in ((stack, True), (planted, False)):
        proof = certify_sequences(form, decoders, rules, inputs)
        single = exact_ratios(network, run(form, decoders, inputs)[0], inputs, proof)[0]
        assert (single <= 1) == fine
