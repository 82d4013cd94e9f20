"""One suite for all families: closed form, recurrence, lift, statement and key names, and false twins of each."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.experiments.float_lifts import ordered_product_error
from carleman_ssm.experiments.statement_checks import kernel_error
from carleman_ssm.families.importers import load_layer, save_layer
from carleman_ssm.families.registry import FAMILIES, family_named
from carleman_ssm.families.scans import VaryingDiagonalScan, VaryingRankOneScan
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.networks.checkpoints import CheckpointError
from tests.strategies_families import (
    AMBIGUOUS,
    CASES,
    CONFIGURATIONS,
    FINISHED,
    IDS,
    KINDS,
    TWO_DIRECTIONS,
    VARIANTS,
    drawn_inputs,
    drawn_layer,
)

SEEDS = st.integers(0, 2**32 - 1)
NAMES = [family.family for family in FAMILIES]
SIZES = [(1, 2), (1, 3), (2, 2), (2, 3), (3, 4)]
every_case = pytest.mark.parametrize("case", CASES, ids=IDS)
every_family = pytest.mark.parametrize("name", NAMES)


def size_of(values):
    return 1.0 + float(np.abs(values).max(initial=0.0))


def test_the_suite_has_variants_of_every_family():
    assert set(NAMES) == set(VARIANTS)
    assert len(NAMES) == 16
    assert all(len(variants) > 1 for variants in VARIANTS.values())
    assert {*FINISHED, *CONFIGURATIONS, *AMBIGUOUS, *TWO_DIRECTIONS} <= set(CASES)


@every_case
@given(seed=SEEDS, kind=st.sampled_from(KINDS))
@settings(max_examples=6, deadline=None)
def test_the_closed_form_is_the_recurrence(case, seed, kind):
    rng = np.random.default_rng(seed)
    layer = drawn_layer(case, rng)
    x = drawn_inputs(layer, rng, kind)
    outputs = layer(x, "recurrence")
    # nine steps of a stable or slowly growing recurrence; norms may divide by small spreads
    assert np.abs(layer(x, "closed") - outputs).max() < 1e-9 * size_of(outputs)
    scan = layer.scan(x)
    states = scan.states("recurrence")
    assert np.abs(scan.states("closed") - states).max() < 1e-11 * size_of(states)


@every_case
@given(seed=SEEDS, kind=st.sampled_from(KINDS))
@settings(max_examples=3, deadline=None)
def test_the_ordered_product_of_lifts_is_the_lift_of_the_closed_state(case, seed, kind):
    rng = np.random.default_rng(seed)
    layer = drawn_layer(case, rng)
    error, degree = ordered_product_error(layer.scan(drawn_inputs(layer, rng, kind, batch=1, steps=4)))
    assert degree in (1, 2)
    assert error < 1e-9


@every_case
@given(seed=SEEDS, cut=st.integers(1, 8))
@settings(max_examples=4, deadline=None)
def test_later_inputs_change_what_is_before_them_only_with_two_directions(case, seed, cut):
    rng = np.random.default_rng(seed)
    layer = drawn_layer(case, rng)
    x = drawn_inputs(layer, rng, "normal")
    later = x.copy()
    later[:, cut:] += 1.0
    before, after = layer(x), layer(later)
    earlier = np.abs(before[:, :cut] - after[:, :cut]).max()
    assert (earlier < 1e-10 * size_of(before)) == (case not in TWO_DIRECTIONS)
    assert np.abs(before[:, cut:] - after[:, cut:]).max() > 0


@every_case
@given(seed=SEEDS)
@settings(max_examples=3, deadline=None)
def test_sequences_of_a_batch_do_not_meet(case, seed):
    rng = np.random.default_rng(seed)
    layer = drawn_layer(case, rng)
    x = drawn_inputs(layer, rng, "normal", batch=3)
    whole = layer(x)
    single = np.concatenate([layer(x[i : i + 1]) for i in range(3)])
    assert np.abs(whole - single).max() < 1e-11 * size_of(whole)


@every_case
@given(seed=SEEDS, factor=st.sampled_from([-2.0, 0.0, 0.5, 3.0]))
@settings(max_examples=3, deadline=None)
def test_states_are_linear_in_the_drives_of_given_transitions(case, seed, factor):
    rng = np.random.default_rng(seed)
    layer = drawn_layer(case, rng)
    scan = layer.scan(drawn_inputs(layer, rng, "normal"))
    other = rng.normal(size=scan.drives.shape)
    for method in ("closed", "recurrence"):
        mixed = replace(scan, drives=scan.drives + factor * other).states(method)
        parts = scan.states(method) + factor * replace(scan, drives=other).states(method)
        assert np.abs(mixed - parts).max() < 1e-10 * size_of(parts)


@every_case
@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_a_written_layer_is_read_back_by_its_keys(case, ending, tmp_path):
    rng = np.random.default_rng(7)
    layer = drawn_layer(case, rng, scale=0.0)
    target = tmp_path / f"layer.{ending}"
    save_layer(layer, target, config=CONFIGURATIONS.get(case, {}), prefix="model.layers.3.")
    x = drawn_inputs(layer, rng, "normal")
    again = load_layer(target, **AMBIGUOUS.get(case, {}))
    assert type(again) is type(layer)
    assert np.array_equal(again(x), layer(x))


@pytest.mark.parametrize("case", AMBIGUOUS, ids="-".join)
def test_keys_of_two_dialects_are_refused_unless_one_is_named(case, tmp_path):
    layer = drawn_layer(case, np.random.default_rng(7), scale=0.0)
    save_layer(layer, tmp_path / "layer.npz", config=CONFIGURATIONS[case])
    with pytest.raises(CheckpointError, match="say which with dialect"):
        load_layer(tmp_path / "layer.npz")


@pytest.mark.parametrize("case", CONFIGURATIONS, ids="-".join)
def test_a_layer_is_not_written_without_what_its_tensors_do_not_say(case, tmp_path):
    layer = drawn_layer(case, np.random.default_rng(7), scale=0.0)
    with pytest.raises(ValueError, match=r".+"):
        save_layer(layer, tmp_path / "layer.npz")
    assert not list(tmp_path.iterdir())


@every_case
@given(seed=SEEDS)
@settings(max_examples=3, deadline=None)
def test_two_steps_exchanged_matter_only_where_transitions_do_not_commute(case, seed):
    rng = np.random.default_rng(seed)
    layer = drawn_layer(case, rng)
    scan = layer.scan(drawn_inputs(layer, rng, "normal", batch=1, steps=5))
    if not isinstance(scan, VaryingDiagonalScan | VaryingRankOneScan):
        return
    first = np.zeros_like(scan.drives)
    first[:, 0] = rng.normal(size=first[:, 0].shape)
    swapped = {
        name: _exchanged(getattr(scan, name))
        for name in ("multipliers", "decays", "strengths", "keys")
        if hasattr(scan, name)
    }
    plain = replace(scan, drives=first).states("recurrence")[:, -1]
    other = replace(scan, drives=first, **swapped).states("recurrence")[:, -1]
    gap = np.abs(plain - other).max()
    if isinstance(scan, VaryingDiagonalScan):
        assert gap < 1e-12 * size_of(plain)
    elif scan.keys.shape[-1] > 1:
        assert gap > 1e-9 * np.abs(plain).max()


def _exchanged(values):
    """Steps 2 and 3 (from 0) exchanged along axis 1."""
    order = np.arange(values.shape[1])
    order[[2, 3]] = order[[3, 2]]
    return values[:, order]


@every_case
def test_wrong_inputs_are_refused_with_what_is_wrong(case):
    layer = drawn_layer(case, np.random.default_rng(0))
    channels = layer.channels
    for bad, words in (
        (np.zeros((1, 3, channels + 1)), "inputs"),
        (np.zeros((1, 0, channels)), "at least one step"),
        (np.full((1, 2, channels), np.nan), "NaN"),
    ):
        with pytest.raises(ValueError, match=words):
            layer(bad)
    with pytest.raises(TypeError, match="inputs"):
        layer(np.full((1, 2, channels), "a"))
    with pytest.raises(ValueError, match="unknown method"):
        layer(np.zeros((1, 2, channels)), "guess")


@pytest.mark.symbolic
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@every_family
def test_every_claim_of_a_statement_is_proved_and_every_twin_refuted(name, size):
    statement = family_named(name).statement(*size)
    claims = statement.claims()
    assert claims["the lift collapses"]
    assert claims["the output"]
    for identities in claims.values():
        for identity in identities:
            assert verify(identity).proved, identity.name
    for twin in statement.twins:
        assert verify(twin).evidence is Evidence.REFUTED, twin.name


@pytest.mark.symbolic
@every_family
def test_the_compiled_output_is_the_recurrence_at_thirty_digits(name):
    rng = np.random.default_rng(3)
    for states, steps in ((1, 2), (2, 3)):
        # a few dozen float64 operations on numbers of size one half
        assert kernel_error(family_named(name).statement(states, steps), rng) < 1e-11
