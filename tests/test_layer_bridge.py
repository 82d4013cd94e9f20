"""The float layers beside their proved statements: a layer's numbers put into the compiled output, letter by letter."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from carleman_ssm.experiments.float_lifts import relative_difference
from carleman_ssm.experiments.invariant_letters import Reading, entries, steps
from carleman_ssm.experiments.layer_bridge import BRIDGES, bridge_error, bridged_layer, readings, stated
from carleman_ssm.families.registry import FAMILIES, family_named
from carleman_ssm.families.s4d import S4D

pytestmark = pytest.mark.symbolic

EXACT = 1e-12  # relative: sums of a few dozen products, with cancellation
AT_REST = {"gla": ("g_1_0", "g_1_1")}
"""Letters that do nothing: the first decay of a state at rest, which the clock of the statement cancels."""
every_family = pytest.mark.parametrize("name", BRIDGES)


def test_every_family_has_a_bridge_from_its_layer_to_its_statement():
    assert set(BRIDGES) == {family.family for family in FAMILIES}


@every_family
@pytest.mark.parametrize("size", [(2, 3), (4, 2)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_layer_reads_what_its_statement_says(name, size):
    states, length = size
    for seed in range(2):
        assert bridge_error(family_named(name), np.random.default_rng(seed), states=states, steps=length) < EXACT


@pytest.mark.parametrize("factor", [1, 1 + 1e-6])
def test_a_statement_that_is_off_does_not_meet_the_layer(factor):
    def statement(states, length):
        true = S4D.statement(states, length)
        return replace(true, output=replace(true.output, expression=factor * true.output.expression))

    spoiled = SimpleNamespace(family="s4d", initialise=S4D.initialise, statement=statement)
    assert (bridge_error(spoiled, np.random.default_rng(0)) < EXACT) is (factor == 1)


@every_family
def test_every_letter_of_the_statement_is_one_of_the_layer(name):
    """One letter that is off by 1/10 moves the stated output away from the layer's, whichever it is."""
    rng = np.random.default_rng(5)
    layer, output = bridged_layer(family_named(name), rng), family_named(name).statement(2, 3).output
    one, *_ = readings(layer, rng.normal(size=(1, 3, layer.channels)))
    for letter in map(str, output.arguments):
        wrong = Reading(one.states, one.letters | {letter: one.letters[letter] + 0.1}, one.value)
        moves = relative_difference(stated(output, wrong), np.ravel(one.value)) > 1e3 * EXACT
        assert moves is (letter not in AT_REST.get(name, ())), letter


@every_family
def test_readings_are_as_many_as_the_layer_has_and_differ(name):
    rng = np.random.default_rng(5)
    layer = bridged_layer(family_named(name), rng)
    found = readings(layer, rng.normal(size=(1, 3, layer.channels)))
    values = np.concatenate([np.ravel(one.value) for one in found])
    assert {one.states for one in found} == {2}
    assert len(set(values)) == len(values)
    assert len(values) >= (1 if name == "s7" else 2)


@pytest.mark.parametrize(
    ("name", "sizes", "words"),
    [
        ("s4d", {"discretization": "bilinear"}, "bilinear"),
        ("dss", {"version": "exp"}, "version exp"),
        ("s4-block", {"disc": "dss"}, "rule dss"),
        ("s5", {"channels": 2, "conj_sym": False}, "all modes"),
        ("s5", {"channels": 2, "bidirectional": True}, "two directions"),
        ("s5", {"channels": 3}, "3 inputs"),
        ("lru", {"channels": 1}, "1 inputs"),
        ("h3", {"d_model": 2, "d_state": 4, "head_dim": 2}, "several channels"),
        ("h3", {"d_model": 2, "d_state": 4}, "beyond 2 places"),
        ("gla", {"values": 3}, "3 values"),
        ("mamba", {"spectrum": "lin"}, "complex A"),
        ("mamba2", {"headdim": 1}, "1 values"),
        ("s7", {"channels": 2}, "2 channels"),
    ],
)
def test_options_of_which_a_statement_does_not_speak_are_refused(name, sizes, words):
    layer = family_named(name).initialise(np.random.default_rng(0), **sizes)
    with pytest.raises(ValueError, match=words):
        readings(layer, np.ones((1, 3, layer.channels)))


def test_letters_are_named_by_step_from_one_and_by_entry_from_zero():
    table = np.array([[5.0, 6.0], [7.0, 8.0]])
    assert entries("a", table) == {"a_0_0": 5.0, "a_0_1": 6.0, "a_1_0": 7.0, "a_1_1": 8.0}
    assert steps("x", table) == {"x_1_0": 5.0, "x_1_1": 6.0, "x_2_0": 7.0, "x_2_1": 8.0}
    assert steps("u", table[0]) == {"u_1": 5.0, "u_2": 6.0}
