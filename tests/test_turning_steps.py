"""Products of the delta rule's real steps turn: proofs, their false twins, and eigenvalues by hand."""

import numpy as np
import pytest
import sympy as sp

from carleman_ssm.experiments.layer_checks import check_layer
from carleman_ssm.families.delta_net import DeltaNet
from carleman_ssm.families.gated_delta_net import GatedDeltaNet
from carleman_ssm.families.scans import VaryingRankOneScan
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.recurrences.delta_rule import delta_net_statement, gated_delta_net_statement
from carleman_ssm.recurrences.turning_steps import (
    BETWEEN,
    STRENGTH,
    shift_law,
    three_step_discriminant,
    turning_laws,
    turning_twins,
    two_step_discriminant,
)
from carleman_ssm.report.zoo_model import recurrence_rows
from carleman_ssm.rings.family_rings import family_waves

pytestmark = pytest.mark.symbolic

ROTATION = "two reflections are a rotation by twice the angle of their keys"


def product_of_steps(strengths, degrees):
    """Float A_k ... A_1 for unit keys at the angles."""
    angles = np.deg2rad(degrees)
    steps = [
        np.eye(2) - b * np.outer(k, k) for b, k in zip(strengths, np.c_[np.cos(angles), np.sin(angles)], strict=True)
    ]
    return np.linalg.multi_dot([np.eye(2), *reversed(steps)])


def turns(matrix):
    """Whether the eigenvalues are a complex pair beyond rounding."""
    return bool(np.abs(np.linalg.eigvals(matrix).imag).max() > 1e-9)


@pytest.mark.parametrize("states", [2, 3, 5])
@pytest.mark.parametrize("decays", [(1, 1), sp.symbols("g_1 g_2")])
def test_the_laws_are_proved_and_their_twins_refuted(states, decays):
    laws = turning_laws(states, decays)
    assert len(laws) == (4 if states == 2 else 5)
    assert all(verify(law).proved for law in laws)
    for twin in turning_twins(states):
        verdict = verify(twin)
        assert verdict.evidence is Evidence.REFUTED
        assert verdict.witness


@pytest.mark.parametrize("statement", [delta_net_statement, gated_delta_net_statement])
def test_the_statements_of_both_delta_rules_say_that_products_turn(statement):
    found = statement(2, 2)
    assert ROTATION in {law.name for law in found.laws}
    assert {twin.name for twin in turning_twins()} <= {twin.name for twin in found.twins}
    for small in (statement(1, 2), statement(2, 1)):  # nothing to turn: one entry, or one step
        assert ROTATION not in {law.name for law in small.laws}
    law = next(law for law in found.laws if law.name == ROTATION)
    assert (set(found.recurrence.decays) - {1}) <= law.left.free_symbols


def test_two_reflections_sixty_degrees_apart_have_order_three():
    product = product_of_steps((2, 2), (0, 60))
    np.testing.assert_allclose(np.sort_complex(np.linalg.eigvals(product)), np.exp(np.array([-2j, 2j]) * np.pi / 3))
    assert not np.allclose(product, np.eye(2))
    np.testing.assert_allclose(np.linalg.matrix_power(product, 3), np.eye(2), atol=1e-15)


@pytest.mark.parametrize("strength", [0.3, 0.9, 1.0, 1.1, 1.5, 1.9, 2.0])
@pytest.mark.parametrize("degrees", [0, 10, 37, 60, 80, 90])
def test_two_steps_of_equal_strength_turn_as_the_discriminant_says(strength, degrees):
    law = two_step_discriminant()
    product = product_of_steps((strength, strength), (0, degrees))
    claimed = float(law.right.subs({STRENGTH: strength, BETWEEN: np.deg2rad(degrees)}))
    assert np.isclose(claimed, np.trace(product) ** 2 - 4 * np.linalg.det(product), atol=1e-12)
    square = np.cos(np.deg2rad(degrees)) ** 2
    inside = bool(1e-12 < square < 4 * (strength - 1) / strength**2 - 1e-12)
    assert turns(product) is inside


def test_no_two_steps_turn_if_one_has_no_negative_eigenvalue():
    rng = np.random.default_rng(0)
    for _ in range(300):
        strengths = (rng.uniform(0, 1), rng.uniform(0, 2))
        assert not turns(product_of_steps(rng.permutation(strengths), rng.uniform(0, 180, 2)))


@pytest.mark.parametrize(("strength", "turned"), [(0.1, True), (0.5, True), (0.9, True), (0.92, True), (0.94, False)])
def test_three_steps_without_negative_eigenvalues_turn(strength, turned):
    product = product_of_steps((strength,) * 3, (0, 60, 120))
    assert turns(product) is turned
    claimed = float(three_step_discriminant().right.subs(STRENGTH, strength))
    assert np.isclose(claimed, np.trace(product) ** 2 - 4 * np.linalg.det(product), rtol=1e-9, atol=1e-15)
    assert (claimed < 0) is turned


@pytest.mark.parametrize("nodes", [3, 4, 7])
def test_reflections_carry_a_content_around_the_ring(nodes):
    """The scan of the delta rule itself: written once at node 0, then three rounds of N - 1 reflections."""
    pairs = [n for _ in range(3) for n in reversed(range(nodes - 1))]
    keys = np.array([np.eye(nodes)[0], *((np.eye(nodes)[n] - np.eye(nodes)[n + 1]) / np.sqrt(2) for n in pairs)])[None]
    strengths = np.array([[1.0, *[2.0] * len(pairs)]])
    drives = np.zeros((1, len(pairs) + 1, nodes, 1))
    drives[0, 0, 0] = 1
    states = VaryingRankOneScan(np.ones_like(strengths), strengths, keys, drives).states()[0, :: nodes - 1, :, 0]
    np.testing.assert_allclose(states, np.eye(nodes)[:4] if nodes > 3 else np.eye(3)[[0, 1, 2, 0]], atol=1e-14)
    assert verify(shift_law(nodes)).proved


@pytest.mark.parametrize("family", [DeltaNet, GatedDeltaNet])
def test_a_layer_of_the_delta_rule_is_not_said_to_carry_no_wave(family):
    layer = family.initialise(np.random.default_rng(0), channels=8, heads=2)
    waves = family_waves(layer)
    assert waves.nodes is None
    for words in (waves.words, recurrence_rows(check_layer(layer))["eigenvalues of the steps"]):
        assert "no wave" not in words
        assert "no ring" in words
        assert "products of them may turn" in words


def test_nothing_turns_in_one_state():
    with pytest.raises(ValueError, match="number of states"):
        turning_laws(1)
    with pytest.raises(TypeError, match="number of states"):
        shift_law(2.5)
