"""Certified distances to a goal: never beaten by an edit, the optimum of quadratic networks, 0 where reached."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import carleman_ssm as cs
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.robustness.distance_bounds import certified_distance
from carleman_ssm.steering.edit import EditGoal

DIGITS = cs.load_sequences("digits-test").x


def random_network(seed, activation, layers=1, classes=3):
    rng = np.random.default_rng(seed)

    def layer():
        shape = (2, 2)
        readout = rng.normal(size=shape) + 1j * rng.normal(size=shape)
        return S4DLayer(
            rng.uniform(-2, 0, 2), rng.normal(size=shape), rng.uniform(0, 3, shape), readout, rng.normal(size=2)
        )

    config = NetworkConfig(activation=activation, output="none", pool="mean")
    return S4DNetwork(
        rng.normal(size=(2, 1)), rng.normal(size=2), tuple(layer() for _ in range(layers)),
        rng.normal(size=(classes, 2)), rng.normal(size=classes), config,
    )  # fmt: skip


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 999), st.sampled_from(["square", "gelu", "silu", "cube"]), st.integers(1, 2))
def test_no_random_or_found_change_within_the_distance_reaches_the_goal(seed, activation, layers):
    network = random_network(seed, activation, layers)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(5, 1))
    target = int(network(x[None])[0].argmin())
    rows, wanted = EditGoal(target, margin=0.1).readout(3)
    distance = certified_distance(network, x, rows, wanted)
    directions = rng.normal(size=(200, 5, 1))
    directions /= np.linalg.norm(directions, axis=(1, 2), keepdims=True)
    margins = network(x + 0.999 * distance * directions) @ rows.T - wanted
    assert (margins.min(axis=1) < 0).all()
    edit = cs.smallest_edit(network, x, target, margin=0.1)
    assert not edit.found or distance <= edit.norm * (1 + 1e-9)


def test_for_one_margin_of_a_quadratic_network_it_is_the_optimum():
    """Both routes differ by the certificate's tolerance 2⁻³² and rounding."""
    network = cs.load_network("digits-quadratic")
    for index, target, rival in ((0, 5, 2), (3, 8, 9)):
        edit = cs.smallest_edit(network, DIGITS[index], target, rival=rival)
        distance = certified_distance(network, DIGITS[index], *edit.goal.readout(10))
        assert distance <= edit.norm * (1 + 1e-12)
        assert distance == pytest.approx(edit.norm, rel=1e-6)


def test_a_gelu_edit_is_within_a_tenth_of_the_smallest():
    network = cs.load_network("digits-gelu")
    edit = cs.smallest_edit(network, DIGITS[30], 8)
    distance = certified_distance(network, DIGITS[30], *edit.goal.readout(10))
    assert distance <= edit.norm <= 1.1 * distance
    assert distance > 2 * cs.certified_radius(network, DIGITS[30], witness=False).radius


def test_a_wish_for_more_is_farther_and_what_is_reached_has_no_distance():
    network = cs.load_network("digits-quadratic")
    label = int(network(DIGITS[:1])[0].argmax())
    near, far = (certified_distance(network, DIGITS[0], *EditGoal(5, margin=m).readout(10)) for m in (0.0, 2.0))
    assert 0 < near < far
    assert certified_distance(network, DIGITS[0], *EditGoal(label, margin=0.0).readout(10)) == 0.0


def test_a_bound_without_the_wanted_value_would_be_seen():
    """The false twin: forgetting the margin that is wanted claims less than the truth, or more with its sign turned."""
    network = cs.load_network("digits-quadratic")
    rows, wanted = EditGoal(5, rival=2, margin=2.0).readout(10)
    edit = cs.smallest_edit(network, DIGITS[0], 5, rival=2, margin=-2.0)
    assert edit.found
    assert certified_distance(network, DIGITS[0], rows, wanted) > edit.norm  # so turned signs would be beaten
    assert certified_distance(network, DIGITS[0], rows, -wanted) <= edit.norm


@pytest.mark.parametrize(
    ("rows", "wanted", "words"),
    [
        (np.eye(2), np.zeros(2), "rows"),
        (np.eye(3), np.zeros(2), "rows"),
        (np.zeros((0, 3)), np.zeros(0), "rows"),
        (np.full((1, 3), np.nan), np.zeros(1), "NaN"),
        (np.eye(3), [0.0, 0.0, np.inf], "NaN or infinity"),
    ],
)
def test_goals_that_do_not_fit_are_refused(rows, wanted, words):
    with pytest.raises(ValueError, match=words):
        certified_distance(random_network(0, "gelu"), np.ones((4, 1)), rows, wanted)


def test_sources_and_sequences_that_do_not_fit_are_refused():
    network = random_network(0, "gelu")
    with pytest.raises(TypeError, match="operator"):
        certified_distance("digits-gelu", np.ones((4, 1)), np.eye(3), np.zeros(3))
    with pytest.raises(ValueError, match="finite sequence"):
        certified_distance(network, np.full((4, 1), np.nan), np.eye(3), np.zeros(3))
