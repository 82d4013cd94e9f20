"""What edits claim at the edges: hidden curvature, tiny logits, boxes without the sequence, long sequences, misuse."""

from math import sqrt

import numpy as np
import pytest

from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.steering.box_bounds import box_bound
from carleman_ssm.steering.constraints import EditConstraints
from carleman_ssm.steering.edit import EditGoal
from carleman_ssm.steering.joint_margins import central_dual, joint_dual
from carleman_ssm.steering.quadratic import Quadratic, margin_quadratics, quadratic_logits
from carleman_ssm.steering.quadratic_edits import lift_margins
from carleman_ssm.steering.smallest_edit import smallest_edit
from carleman_ssm.steering.trust_region import smallest_change
from tests.test_smallest_edit import small


@pytest.mark.parametrize(
    ("bent", "slope", "target", "feasible"),
    [
        (1e-7, 0.0, 1.001, sqrt(1.001e7)),  # 1e-7 δ₂² alone reaches it
        (1e-8, 1.0, 1e6, (sqrt(1 + 4e-2) - 1) / 2e-8),  # without the curvature 1e6, with another value
        (-1e-8, 1.0, 1e9, np.inf),  # the largest value is 2.5e7; without the curvature 1e9 reaches it
    ],
)
def test_curvature_that_rounding_may_hide_is_neither_proof_nor_optimum(bent, slope, target, feasible):
    """Beside a curvature of −1e8 the other counts as 0; its bound has to hold all the same."""
    for sign in (1.0, -1.0):
        quadratic = Quadratic(0.0, sign * np.array([0.0, slope]), sign * np.diag([-1e8, bent]))
        found = smallest_change(quadratic, sign * target)
        assert found.status == ("unreachable" if np.isinf(feasible) else "local")
        assert 0.0 < found.lower_bound <= feasible
        if np.isfinite(feasible):
            assert found.norm == pytest.approx(feasible, rel=1e-9)
            assert found.value == pytest.approx(sign * target, rel=1e-12)
        else:
            assert found.extreme == pytest.approx(sign * 2.5e7, rel=1e-9)
    # Twin: the same function in comparable units is decided.
    decided = smallest_change(Quadratic(0.0, np.array([0.0, slope]), np.diag([-1.0, bent])), target)
    assert decided.status == ("unreachable" if np.isinf(feasible) else "global")


@pytest.mark.parametrize("exponent", [-300, -150, 150, 300])
def test_logits_of_any_scale_have_the_same_smallest_change(exponent):
    g, matrix, scale = np.array([0.3, 1.0]), np.diag([1.0, -2.0]), 10.0**exponent
    one, other = smallest_change(Quadratic(0.0, g, matrix), 3.0), Quadratic(0.0, g * scale, matrix * scale)
    found = smallest_change(other, 3.0 * scale)
    assert (found.status, found.hard_case) == ("global", one.hard_case)
    np.testing.assert_allclose(found.change, one.change, rtol=1e-12)
    assert found.multiplier == pytest.approx(one.multiplier / scale, rel=1e-12)


@pytest.mark.parametrize("numbers", [(1e-170, 0.0, 1.0), (1.0, 1e-300, 1e300), (1.0, 0.0, 1e155)])
def test_norms_beyond_float64_are_refused_and_not_called_unreachable(numbers):
    slope, bent, target = numbers
    with pytest.raises(ValueError, match="leaves the range of float64"):
        smallest_change(Quadratic(0.0, np.array([slope, 0.0]), bent * np.eye(2)), target)
    assert smallest_change(Quadratic(0.0, np.array([1e5, 0.0]), np.zeros((2, 2))), 1e155).norm == pytest.approx(1e150)


def test_a_quadratic_cannot_be_changed_behind_its_spectrum():
    matrix, g = np.eye(2), np.ones(2)
    quadratic = Quadratic(0.0, g, matrix)
    matrix[:] = -1.0
    g[:] = 0.0
    assert smallest_change(quadratic, 4.0).status == "global"
    with pytest.raises(ValueError, match="read-only"):
        quadratic.curvature[0, 0] = 2.0
    with pytest.raises(ValueError, match="read-only"):
        quadratic.gradient[0] = 2.0


def test_what_a_value_cannot_fall_below_is_said_of_that_value():
    """δ² + 1 never falls to 0; and the least change of δ₁ from 0 to −5 is said to reach −5."""
    below = smallest_change(Quadratic(1.0, np.zeros(1), np.eye(1)), 0.0)
    assert (below.status, below.extreme) == ("unreachable", 1.0)
    assert "m(δ) >= 1 for every δ" in below.certificate
    down = smallest_change(Quadratic(0.0, np.ones(1), np.zeros((1, 1))), -5.0)
    assert down.certificate.endswith("reaches -5")


def memoryless(head, bias, activation="square"):
    """Logits head · σ(x) + bias of one step with as many values as the head has columns."""
    width = np.shape(head)[1]
    layer = S4DLayer(
        log_dt=np.zeros(width), log_A_real=np.zeros((width, 1)), A_imag=np.zeros((width, 1)), C=np.zeros((width, 1)),
        D=np.ones(width),
    )  # fmt: skip
    config = NetworkConfig(activation=activation, output="none", residual=False, pool="last")
    return S4DNetwork(np.eye(width), np.zeros(width), (layer,), head, bias, config)


def test_a_logit_in_a_box_without_the_sequence_is_reached_or_not_called_so():
    """From (0, 3) with x₁ ≥ 2 the nearest point of x₁² + x₂² = 10 is (2, √6); nothing in (5, 6) has x² = 16.5."""
    circle = memoryless([[1.0, 1.0], [0.0, 0.0]], [0.0, 0.0])
    box = EditConstraints(box=(np.array([2.0, -9.0]), np.array([9.0, 9.0])))
    edit = smallest_edit(circle, [[0.0, 3.0]], 0, logit=10.0, constraints=box)
    assert (edit.status, edit.found, edit.confirmed) == ("global", True, True)
    assert edit.norm == pytest.approx(np.hypot(2.0, 3.0 - np.sqrt(6.0)), rel=1e-9)
    parabola = memoryless([[1.0], [0.0]], [0.0, 0.0])
    missed = smallest_edit(parabola, [[3.0]], 0, logit=16.5, constraints=EditConstraints(box=(5.0, 6.0)))
    assert (missed.status, missed.found, missed.norm) == ("local", False, np.inf)
    assert missed.lower_bound <= 2.0
    assert "nothing is proved" in missed.reason
    reached = smallest_edit(parabola, [[3.0]], 0, logit=30.0, constraints=EditConstraints(box=(5.0, 6.0)))
    assert (reached.status, reached.found) == ("global", True)


@pytest.mark.parametrize("scale", [1e-100, 5e-12, 1.0, 1e100])
def test_margins_of_any_scale_are_reached_in_full(scale):
    """Logits 0, −s x₁, s(½ − x₂): a margin of s over both needs (1, 1½)."""
    network = memoryless(scale * np.array([[0.0, 0.0], [-1.0, 0.0], [0.0, -1.0]]), [0.0, 0.0, 0.5 * scale], "identity")
    edit = smallest_edit(network, [[0.0, 0.0]], 0, margin=scale)
    assert (edit.status, edit.found, edit.confirmed) == ("global", True, True)
    np.testing.assert_allclose(edit.edit, [[1.0, 1.5]], rtol=1e-9)
    assert not edit.goal.reached_by(np.array([0.0, -scale, 0.5 * scale]))  # of no change
    assert not EditGoal(0, margin=1e-3).reached_by(np.array([1e7, 1e7, 0.0]))  # a tie is no margin


def test_a_logit_that_has_to_fall_is_spoken_of_with_its_sign():
    network = memoryless([[1.0], [0.0]], [1.0, 0.0])
    below = smallest_edit(network, [[3.0]], 0, logit=0.5)
    assert below.status == "unreachable"
    assert "m(δ) >= 1 for every δ" in below.reason
    falls = smallest_edit(network, [[3.0]], 0, logit=2.0)
    assert falls.norm == pytest.approx(2.0)
    assert falls.reason.endswith("reaches 2")


@pytest.mark.parametrize("rules", [EditConstraints(lags=range(1)), EditConstraints(band=(0.0, 0.3)), EditConstraints()])
def test_quadratics_of_a_subspace_are_the_restricted_ones(rules):
    network, x = small(features=2, pool="mean")
    space = rules.space(*x.shape)
    for one, whole in zip(margin_quadratics(network, x, np.eye(3), space), margin_quadratics(network, x, np.eye(3)),
                          strict=True):  # fmt: skip
        other = whole.restricted(space.matrix())
        np.testing.assert_allclose(one.gradient, other.gradient, atol=1e-12)
        np.testing.assert_allclose(one.curvature, other.curvature, atol=1e-12)


def test_few_steps_of_long_sequences_need_no_large_matrix_and_size_is_named(monkeypatch):
    long = np.random.default_rng(1).normal(size=(10001, 1))
    network, x = small(1, pool="last")
    target = int(network(long[None])[0].argmin())
    edit = smallest_edit(network, long, target, rival=(target + 1) % 3, constraints=EditConstraints(lags=range(3)))
    assert edit.status in ("global", "unreachable")
    assert edit.lower_bound > 0.0
    gelu = small(1, pool="last", activation="gelu")[0]
    assert smallest_edit(gelu, long, 0, rival=1, constraints=EditConstraints(lags=range(3))).status == "local"
    monkeypatch.setattr("carleman_ssm.steering.smallest_edit.MAX_ENTRIES", 10)
    assert "quadratic, but a proof needs 98 entries" in smallest_edit(network, x, target).reason


def test_a_margin_that_is_nearly_reached_is_not_met():
    """At (1, 0), the least change with δ₁ ≥ 1, the other margin lacks 10⁻⁷."""
    line = Quadratic(0.0, np.array([1.0, 0.0]), np.zeros((2, 2)))
    hill = Quadratic(0.0, np.array([2.0, 1.0]), np.diag([-1.0, 0.0]))
    found = lift_margins([line, hill], np.array([1.0, 1.0 + 1e-7]))
    assert float(hill(found.change)) >= 1.0 + 1e-7 - 1e-9
    assert found.change[1] == pytest.approx(1e-7, abs=1e-8)


def test_false_twins_of_box_bounds_and_class_targets_are_caught():
    """Without its curvature the box bound passes a feasible point; without one rival the class is not reached."""
    limits, point = (np.full(2, -2.0), np.array([0.4, 2.0])), np.array([0.4, 0.7])
    bent = Quadratic(0.0, np.ones(2), np.diag([0.0, 0.4]))
    wanted = np.array([float(bent(point))])
    slope = 2.0 * point / bent.slope(point)
    best = box_bound([bent], wanted, slope[1:], point, limits)
    assert best == pytest.approx(np.linalg.norm(point), rel=1e-9)
    flat = Quadratic(0.0, bent.gradient, np.zeros((2, 2)))
    nearest = np.array([0.4, wanted[0] - 0.4])
    assert box_bound([flat], wanted, 2.0 * nearest[1:], nearest, limits) > np.linalg.norm(point) + 0.1
    network = memoryless([[0.0, 0.0], [-1.0, 0.0], [0.0, -1.0]], [0.0, 0.0, 0.5], "identity")
    whole = smallest_edit(network, [[0.0, 0.0]], 0, margin=1.0)
    part = smallest_edit(network, [[0.0, 0.0]], 0, rival=2, margin=1.0)
    assert part.norm < whole.norm
    assert not whole.goal.reached_by(part.network_after)


def test_numbers_that_are_not_finite_and_wrong_kinds_are_refused_at_the_door():
    line = Quadratic(0.0, np.ones(1), np.eye(1))
    for wanted, start in (([np.nan], [0.0]), ([1.0], [np.inf]), ([1.0, 2.0], [0.0])):
        for solver in (joint_dual, central_dual):
            with pytest.raises(ValueError, match=r"finite|one size"):
                solver([line], np.array(wanted), np.array(start))
    for wanted in ([np.nan], [], [1.0, 2.0]):
        with pytest.raises(ValueError, match=r"finite|one size"):
            lift_margins([line], np.array(wanted))
    with pytest.raises(ValueError, match="one size"):
        lift_margins([], np.array([]))
    with pytest.raises(ValueError, match="finite"):
        box_bound([line], np.ones(1), np.ones(1), np.array([np.nan]), (-np.ones(1), np.ones(1)))
    network, x = small()
    for goal in ({"target": 1.5}, {"target": "a"}, {"target": 1, "rival": 0.5}, {"target": 1, "constraints": {}}):
        with pytest.raises(TypeError, match="must be"):
            smallest_edit(network, x, **goal)
    logits = quadratic_logits(network, 7)
    with pytest.raises(ValueError, match="read-only"):
        logits.curvatures[0] = 0.0
