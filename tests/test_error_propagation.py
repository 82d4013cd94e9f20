"""The certified error of deep networks is never below the error, and not far above the worst that it allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.enclosures import Enclosed
from carleman_ssm.operators import error_steps
from carleman_ssm.operators.error_propagation import LayerRules, box_ranges, certify_box, certify_sequences
from carleman_ssm.operators.ranges import half
from carleman_ssm.operators.stack import Norm, build_stack
from carleman_ssm.operators.stack_trace import LayerDecoders, run
from carleman_ssm.theory.activations import activation
from tests.error_attacks import (
    SMOOTH,
    deep_network,
    fitted_stack,
    perturbed,
    random_signs,
    rules_of,
    worst_signs,
)

DATA = Path(__file__).parent / "data"
# Truth in float64: sums of at most a few hundred terms of order |logit|, amplified by at most 1e3 through the layers.
FLOAT = 1e-10
NAMES = ("source", "drive", "preactivation", "activated", "mapped", "gate", "branch", "summed", "result")


def drawn(seed, **choices):
    """A network, one sequence, and sizes of the decoders' errors between 1e-9 and 10."""
    generator = np.random.default_rng(seed)
    network = deep_network(generator, **choices)
    length = int(generator.integers(1, 6))
    inputs = generator.normal(size=(1, length, network.features)) * 10.0 ** generator.uniform(-1, 1)
    stack, rules = build_stack(network, length), rules_of(network)
    size = 10.0 ** generator.uniform(-9, 1) * np.abs(generator.normal(size=stack.channels))
    return generator, stack, rules, inputs, size


def ratios(stack, rules, inputs, size, signs, claimed=1.0):
    """Largest error over bound of logits and of differences, for decoders that err by `size` with these signs."""
    truth = run(stack, perturbed(stack, rules, size), inputs)[0]
    decoders = perturbed(stack, rules, size, signs, claimed)
    printed, proof = run(stack, decoders, inputs)[0], certify_sequences(stack, decoders, rules, inputs)
    return over(printed, truth, proof)


def over(printed, truth, proof):
    slack = FLOAT * (1 + np.abs(truth).max())
    single = np.abs(printed - truth) / (proof.per_sequence + slack)
    gap = (printed[:, :, None] - printed[:, None]) - (truth[:, :, None] - truth[:, None])
    return float(single.max()), float((np.abs(gap) / (proof.per_pair + slack)).max()), float(single[0, 0])


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_the_worst_errors_that_decoders_may_make_stay_below_the_bound_and_nearly_reach_it(first):
    reached = []
    for seed in range(first, first + 20):
        generator, stack, rules, inputs, size = drawn(seed)
        worst = worst_signs(stack, rules, size, inputs, np.eye(stack.classes)[0])
        for signs in (random_signs(generator, stack, inputs.shape[1]), worst):
            single, pair, first_logit = ratios(stack, rules, inputs, size, signs)
            assert max(single, pair) <= 1, seed
        if 1e-8 < size.max() < 1e-4:
            reached.append(first_logit)
    assert np.median(reached) > 0.9  # to first order in the size the bound is attained; FLOAT costs some of it


def test_decoders_that_claim_half_their_error_are_caught():
    caught, tried = 0, 0
    for seed in range(40):
        _, stack, rules, inputs, size = drawn(seed, norms=("none", "batch", "layer"))
        size = 1e-5 * size / size.max()
        worst = worst_signs(stack, rules, size, inputs, np.eye(stack.classes)[0])
        tried, caught = tried + 1, caught + (ratios(stack, rules, inputs, size, worst, claimed=0.5)[0] > 1)
    assert caught > 0.6 * tried  # the others are networks whose logits hardly depend on the decoders


def test_slopes_taken_at_the_computed_values_alone_are_caught(monkeypatch):
    """What the second order of the error adds: without it the bound is broken."""
    true_bounds = error_steps.slope_bounds

    def at_the_middle(rule, lower, upper):
        middle = 0.5 * (lower + upper)
        return true_bounds(rule, middle, middle)

    def broken():
        count = 0
        for seed in range(40):
            _, stack, rules, inputs, size = drawn(seed, activations=("gelu", "square"), norms=("none",), depth=2)
            size = 0.3 * size / size.max()
            worst = worst_signs(stack, rules, size, inputs, np.eye(stack.classes)[0])
            count += max(ratios(stack, rules, inputs, size, worst)[:2]) > 1
        return count

    assert broken() == 0
    monkeypatch.setattr(error_steps, "slope_bounds", at_the_middle)
    assert broken() > 5


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_box_bounds_and_ranges_hold_inside_the_box_and_at_its_corners_for_every_length(first):
    for seed in range(first, first + 20):
        generator = np.random.default_rng(seed)
        network = deep_network(generator)
        length, bound = int(generator.integers(1, 6)), 10.0 ** generator.uniform(-2, 0.5)
        stack, rules = build_stack(network, length), rules_of(network)
        shape = (12, length, stack.features)
        inside, corners = generator.uniform(-bound, bound, shape), bound * generator.choice([-1.0, 1.0], shape)
        inputs = np.concatenate([inside, corners])
        size = 10.0 ** generator.uniform(-9, 0) * np.abs(generator.normal(size=stack.channels))
        ranges = box_ranges(stack, rules, bound)
        within_ranges(run(stack, perturbed(stack, rules, size), inputs)[1], ranges, seed)
        signs = worst_signs(stack, rules, size, inputs[:1], np.eye(stack.classes)[0])
        proof = certify_box(stack, perturbed(stack, rules, size, signs), rules, bound, ranges)
        for steps in range(1, length + 1):
            truth = run(stack, perturbed(stack, rules, size), inputs[:, :steps])[0]
            cut = {place: rows[:steps] for place, rows in signs.items()}
            printed = run(stack, perturbed(stack, rules, size, cut), inputs[:, :steps])[0]
            assert max(over(printed, truth, proof)) <= 1, (seed, steps)


def within_ranges(traces, ranges, seed):
    for trace, known in zip(traces, ranges, strict=True):
        for name in NAMES:
            if (values := getattr(trace, name)) is not None:
                middle, radius = getattr(known, name).value, getattr(known, name).error
                assert (np.abs(values - middle) <= radius + FLOAT * (1 + np.abs(middle))).all(), (seed, name)
        lower, upper = known.interval()
        assert (trace.preactivation >= lower - FLOAT).all()
        assert (trace.preactivation <= upper + FLOAT).all()


def test_a_box_around_the_last_step_alone_is_bounded_in_groups_of_lengths():
    generator = np.random.default_rng(1)
    network = deep_network(generator, activations=("gelu",), norms=("layer",), depth=1)
    for pool in ("mean", "last"):
        network = replace(network, config=replace(network.config, pool=pool))
        stack, rules = build_stack(network, 90), rules_of(network)
        size = np.full(stack.channels, 1e-3)
        proof = certify_box(stack, perturbed(stack, rules, size), rules, 1.0)
        assert np.isfinite(proof.per_class).all()
        inputs = generator.uniform(-1, 1, (4, 90, stack.features))
        for steps in (1, 3, 50, 77, 90):
            signs = random_signs(generator, stack, steps)
            truth = run(stack, perturbed(stack, rules, size), inputs[:, :steps])[0]
            printed = run(stack, perturbed(stack, rules, size, signs), inputs[:, :steps])[0]
            assert max(over(printed, truth, proof)) <= 1


def test_inputs_that_climb_to_the_largest_error_do_not_pass_their_bound():
    generator = np.random.default_rng(7)
    network = deep_network(generator, activations=("gelu",), norms=("layer",), depth=2)
    start = generator.normal(size=(24, 4, network.features))
    stack, decoders, rules = fitted_stack(network, 1.5 * start, 6, margin=0.3)

    def error(inputs):
        return np.abs(run(stack, decoders, inputs)[0] - network(inputs, "recurrence")).max(axis=1)

    inputs = start
    for step in np.geomspace(0.3, 0.01, 60):
        moved = inputs + step * generator.normal(size=inputs.shape)
        inputs = np.where((error(moved) > error(inputs))[:, None, None], moved, inputs)
    proof = certify_sequences(stack, decoders, rules, inputs)
    assert error(inputs).mean() > 1.5 * error(start).mean()
    assert (error(inputs) <= proof.per_sequence.max(axis=1) + FLOAT).all()
    assert np.isfinite(proof.per_sequence).any()


def test_the_bound_holds_for_every_size_of_batch():
    network = load_network(DATA / "digits64__L2_H16_N32_gelu_linear_batch__s0.npz")
    inputs = np.random.default_rng(0).uniform(0, 1, (8, 64, 1))
    stack, decoders, rules = fitted_stack(network, inputs, 12)
    proof = certify_sequences(stack, decoders, rules, inputs)
    alone = np.concatenate([run(stack, decoders, row[None])[0] for row in inputs])
    assert (np.abs(alone - network(inputs)) <= proof.per_sequence).all()
    one_by_one = np.concatenate([certify_sequences(stack, decoders, rules, row[None]).per_sequence for row in inputs])
    assert np.allclose(one_by_one, proof.per_sequence, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "degree", "excess"),
    [
        ("digits64__L2_H16_N32_gelu_linear_batch__s0", 32, 40),
        ("digits64__L2_H16_N32_gelu_glu_layer__s0", 64, 40),
        ("digits64__L1_H16_N32_gelu_linear_none__s0", 12, 40),
    ],
)
def test_trained_networks_have_bounds_within_a_small_factor_of_the_measured_error(name, degree, excess):
    network = load_network(DATA / f"{name}.npz")
    inputs = np.load(DATA / f"{name}.reference.npz")["x"].astype(np.float64)
    stack, decoders, rules = fitted_stack(network, inputs, degree)
    proof = certify_sequences(stack, decoders, rules, inputs)
    error = np.abs(run(stack, decoders, inputs)[0] - network(inputs))
    assert (error <= proof.per_sequence).all()
    assert proof.per_class.max() <= excess * error.max()


def test_sources_add_up_to_the_bound_and_name_the_layer_that_dominates():
    generator = np.random.default_rng(5)
    network = deep_network(generator, activations=("gelu",), norms=("batch",), depth=3)
    inputs = generator.normal(size=(1, 5, network.features))
    stack, rules = build_stack(network, 5), rules_of(network)
    for layer in range(3):
        sizes = [np.full(stack.channels, 1e-3 if index == layer else 1e-9) for index in range(3)]
        decoders = tuple(perturbed(stack, rules, size)[index] for index, size in enumerate(sizes))
        proof = certify_sequences(stack, decoders, rules, inputs)
        assert np.allclose(proof.sources.sum(axis=0), proof.per_sequence[0], rtol=1e-4)
        assert proof.dominant.startswith(f"layer {layer}: fit")


def test_a_certificate_refuses_bounds_that_are_none():
    network = deep_network(np.random.default_rng(5), activations=("gelu",), norms=("none",), depth=1)
    inputs = np.ones((2, 3, network.features))
    proof = certify_sequences(*fitted_stack(network, inputs, 8), inputs)
    with pytest.raises(ValueError, match="negative or NaN"):
        replace(proof, per_sequence=proof.per_sequence * np.nan)
    with pytest.raises(ValueError, match="per_pair has shape"):
        replace(proof, per_pair=proof.per_sequence)
    unbounded = np.where(np.arange(len(proof.places))[:, None] <= 1, np.inf, proof.sources)
    assert replace(proof, sources=unbounded).dominant == proof.places[1]


def test_what_cannot_be_bounded_is_infinite():
    generator = np.random.default_rng(2)
    network = deep_network(generator, activations=("gelu",), norms=("none",), depth=2)
    inputs = generator.normal(size=(3, 4, network.features))
    stack, decoders, rules = fitted_stack(network, inputs, 10)
    outside = np.concatenate([inputs, 50 * inputs])
    proof = certify_sequences(stack, decoders, rules, outside)
    assert np.isfinite(proof.per_sequence[:3]).all()
    assert np.isinf(proof.per_sequence[3:]).all()
    huge = certify_sequences(stack, perturbed(stack, rules, np.ones(stack.channels)), rules, 1e200 * inputs)
    assert np.isinf(huge.per_sequence).all()
    assert np.isinf(certify_box(stack, perturbed(stack, rules, np.ones(stack.channels)), rules, 1e200).per_class).all()
    assert np.isinf(huge.per_pair[:, ~np.eye(stack.classes, dtype=bool)]).all()


def test_decoders_and_rules_that_do_not_match_the_layers_are_refused():
    network = deep_network(np.random.default_rng(11), activations=SMOOTH, norms=("none",), depth=1)
    stack, rules = build_stack(network, 3), rules_of(network)
    decoders, inputs = perturbed(stack, rules, np.ones(stack.channels)), np.zeros((1, 3, stack.features))
    with pytest.raises(ValueError, match="as many decoders and rules"):
        certify_sequences(stack, decoders, rules * 2, inputs)
    gate = None if stack.layers[0].gated else activation("sigmoid")
    with pytest.raises(ValueError, match="gated"):
        certify_sequences(stack, decoders, (LayerRules(rules[0].activation, gate),), inputs)
    decoders[0].activation.exact = True
    with pytest.raises(ValueError, match="cannot be exact"):
        certify_box(stack, decoders, rules, 1.0)
    with pytest.raises(ValueError, match="at most 3 steps"):
        certify_sequences(stack, perturbed(stack, rules, np.ones(stack.channels)), rules, np.zeros((1, 4, 1)))
    with pytest.raises(ValueError, match="input_bound"):
        box_ranges(stack, rules, -1.0)


def test_a_norm_that_was_replaced_is_refused():
    """An approximate norm in the exact one's place would be bounded as if it were exact."""

    @dataclass(frozen=True, eq=False)
    class Approximate(Norm):
        def inverse_deviation(self, centred):
            return 1.001 * super().inverse_deviation(centred)

    network = deep_network(np.random.default_rng(2), activations=("gelu",), norms=("layer",), depth=1)
    inputs = np.zeros((1, 3, network.features))
    stack, decoders, rules = fitted_stack(network, inputs, 8)
    layer = stack.layers[0]
    swapped = {
        name: Approximate(norm.kind, norm.weight, norm.bias, norm.eps)
        for name in ("norm_before", "norm_after")
        if (norm := getattr(layer, name)) is not None
    }
    planted = replace(stack, layers=(replace(layer, **swapped),))
    with pytest.raises(ValueError, match="replaced by an approximation"):
        certify_sequences(planted, decoders, rules, inputs)


def test_halves_of_a_gated_map_are_value_and_gate():
    values = Enclosed(np.arange(4.0)[None], np.zeros((1, 4)))
    assert half(values, 0).value.tolist() == [[0, 1]]
    assert half(values, 1).value.tolist() == [[2, 3]]
    assert LayerDecoders(None).gate is None
