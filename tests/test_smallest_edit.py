"""Smallest edits of networks: quadratic margins against simulation, classes against random-start solvers, boxes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from benchmarks import smallest_edit as benchmark
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.sequences import load_sequences
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.network_function import network_function
from carleman_ssm.steering.box_bounds import box_bound
from carleman_ssm.steering.constraints import EditConstraints
from carleman_ssm.steering.edit import EditGoal, verified_edit
from carleman_ssm.steering.joint_margins import central_dual, joint_dual
from carleman_ssm.steering.quadratic import (
    Quadratic,
    is_quadratic,
    margin_quadratic,
    margin_quadratics,
    quadratic_logits,
)
from carleman_ssm.steering.quadratic_edits import lift_margins
from carleman_ssm.steering.smallest_edit import smallest_edit
from carleman_ssm.steering.trust_region import smallest_change
from tests.strategies_networks import input_sequences, moderate_network, s4d_networks

LENGTH = 7


@pytest.fixture(scope="module")
def digits():
    network = load_network("digits-quadratic")
    return network, network_operator(network, input_bound=1.0, length=64), load_sequences("digits-test").x


def small(seed=0, **entries):
    """A network of one layer with quadratic activation, and one sequence."""
    network = moderate_network(1, seed=seed, **{"activation": "square", "output": "linear", "norm": "batch"} | entries)
    return network, np.random.default_rng(seed).normal(size=(LENGTH, network.features))


@given(st.data())
def test_margins_of_quadratic_networks_are_their_quadratics_at_any_distance(data):
    network = data.draw(s4d_networks(activations=("square", "identity", "poly")))
    x = data.draw(input_sequences(network.features, max_batch=1))[0]
    function = network_function(network, len(x))
    degree = function.decoders[0].activation.degree
    assert is_quadratic(function) == (degree <= 2)
    row = np.random.default_rng(1).normal(size=network.classes)
    if degree > 2:
        with pytest.raises(ValueError, match="degree"):
            margin_quadratic(network, x, row)
        return
    quadratic, whole = margin_quadratic(network, x, row), quadratic_logits(network, len(x))
    (again,) = whole.margins(x, row)
    for size in (0.1, 1.0, 100.0):
        change = size * np.random.default_rng(2).normal(size=x.shape)
        expected = float(row @ network((x + change)[None])[0])
        flat = change.reshape(-1)
        parts = np.abs(again.gradient) @ np.abs(flat) + np.abs(flat) @ np.abs(again.curvature) @ np.abs(flat)
        # 1e-10: encoder, norm of a tiny variance and head amplify the rounding of the simulation, too.
        allowed = 1e-10 * (1 + parts + np.abs(row) @ np.abs(network(x[None])[0]) + np.abs(whole.values).max())
        assert abs(quadratic(flat) - expected) <= allowed
        assert abs(again(flat) - expected) <= allowed


@pytest.mark.parametrize("pool", ["mean", "last"])
def test_operators_networks_and_functions_have_the_same_quadratics(pool):
    network, x = small(features=2, pool=pool)
    operator = network_operator(network, input_bound=5.0, length=LENGTH)
    stack = network_operator(network, input_bound=5.0, length=LENGTH, form="stack")
    rows = np.eye(3)[:2] - np.eye(3)[1:]
    for source in (operator, stack, network_function(network, LENGTH)):
        for one, two in zip(margin_quadratics(source, x, rows), margin_quadratics(network, x, rows), strict=True):
            np.testing.assert_allclose(one.curvature, two.curvature, atol=1e-12)
            np.testing.assert_allclose(one.gradient, two.gradient, atol=1e-12)
            assert one.value == pytest.approx(two.value, abs=1e-12)


def test_what_is_not_quadratic_is_refused_with_the_reason():
    for entries, reason in (
        ({"activation": "gelu"}, "no polynomial"),
        ({"activation": "cube"}, "degree is 3"),
        ({"norm": "layer"}, "norm is not affine"),
    ):
        network, x = small(**entries)
        with pytest.raises(ValueError, match=reason):
            margin_quadratic(network, x, np.array([1.0, -1.0, 0.0]))
    fitted = network_operator(small(activation="gelu")[0], input_bound=1.0, length=LENGTH, degree=6)
    with pytest.raises(ValueError, match="is a fit"):
        margin_quadratic(fitted, np.zeros((LENGTH, 1)), np.array([1.0, -1.0, 0.0]))
    with pytest.raises(ValueError, match="7 values"):
        quadratic_logits(small()[0], LENGTH).margins(np.zeros(6), np.eye(3))


def least_by_random_starts(quadratics, wanted, bounds=None, starts=12, seed=0):
    """Best norm of SLSQP runs with gradients from random starts."""
    generator, n = np.random.default_rng(seed), quadratics[0].size
    constraint = {
        "type": "ineq",
        "fun": lambda d: np.array([q(d) for q in quadratics]) - wanted,
        "jac": lambda d: np.array([q.slope(d) for q in quadratics]),
    }
    best = np.inf
    for scale in np.linspace(0, 3, starts):
        start = scale * generator.normal(size=n)
        run = minimize(
            lambda d: d @ d, start, jac=lambda d: 2 * d, constraints=constraint, bounds=bounds, method="SLSQP",
            options={"ftol": 1e-13, "maxiter": 300},
        )  # fmt: skip
        if run.success and constraint["fun"](run.x).min() > -1e-9:
            best = min(best, float(np.sqrt(run.fun)))
    return best


@pytest.mark.parametrize(
    ("pool", "seed"), [("mean", 0), ("mean", 1), ("mean", 2), ("last", 0), ("last", 1), ("last", 2), ("last", 5)]
)
def test_a_class_is_reached_with_the_least_norm_of_many_solver_runs(pool, seed):
    network, x = small(seed, pool=pool)
    operator = network_operator(network, input_bound=5.0, length=LENGTH)
    target = int(network(x[None])[0].argmin())
    edit = smallest_edit(operator, x, target)
    goal = EditGoal(target)
    rows, wanted = goal.readout(3)
    quadratics = margin_quadratics(operator, x, rows)
    best = least_by_random_starts(quadratics, wanted)
    assert edit.status == {("mean", 0): "unreachable", ("mean", 2): "unreachable", ("last", 5): "local"}.get(
        (pool, seed), "global"
    )
    if edit.status == "unreachable":
        assert np.isinf(best)
        return
    assert edit.found
    assert edit.confirmed
    assert edit.class_after == target
    assert goal.reached_by(network((x + edit.edit)[None])[0])
    assert edit.norm <= best + 1e-6
    assert edit.lower_bound <= edit.norm
    for quadratic, value in zip(quadratics, wanted, strict=True):
        if quadratic.value < value:
            assert smallest_change(quadratic, value).norm <= edit.norm * (1 + 1e-9)  # T22: pairwise norms bound it
    assert (edit.status == "global") == (edit.gap <= 1e-8 * edit.norm)
    if edit.status == "global":
        assert best >= edit.lower_bound - 1e-6


def test_digits_become_another_class_and_the_proof_closes(digits):
    network, operator, sequences = digits
    generator, closed = np.random.default_rng(0), 0
    for index in generator.integers(len(sequences), size=12):
        x, target = sequences[index], int(generator.integers(10))
        edit = smallest_edit(operator, x, target)
        assert edit.confirmed
        assert edit.class_after == target
        np.testing.assert_allclose(edit.logits_after, edit.network_after, atol=1e-10)
        closed += edit.status == "global"
        # Teeth of the certificate: shrunk by a thousandth of its norm, the edit misses the margin.
        if edit.norm:
            assert not edit.goal.reached_by(network((x + 0.999 * edit.edit)[None])[0])
    assert closed == 12


def test_pixels_stay_in_their_box_and_the_norm_without_box_bounds_it(digits):
    _, operator, sequences = digits
    x = sequences[0]
    rows, wanted = EditGoal(8).readout(10)
    quadratics = margin_quadratics(operator, x, rows)
    free = smallest_edit(operator, x, 8)
    boxed = smallest_edit(operator, x, 8, constraints=EditConstraints(box=(0.0, 1.0)))
    assert boxed.confirmed
    assert boxed.edited.min() >= 0.0
    assert boxed.edited.max() <= 1.0
    assert free.norm <= boxed.lower_bound <= boxed.norm
    flat = x.reshape(-1)
    bounds = list(zip(-flat, 1 - flat, strict=True))
    assert boxed.norm <= least_by_random_starts(quadratics, wanted, bounds, starts=3) + 1e-6
    assert boxed.status == "global"
    wide = smallest_edit(operator, x, 8, constraints=EditConstraints(box=(-9.0, 9.0)))
    assert wide.status == "global"
    np.testing.assert_allclose(wide.edit, free.edit, atol=1e-12)


def test_subspaces_and_smoothness_keep_the_global_optimum(digits):
    _, operator, sequences = digits
    x = sequences[3]
    target = (int(operator(x[None])[0].argmax()) + 5) % 10
    free = smallest_edit(operator, x, target)
    for rules in (
        EditConstraints(lags=range(10, 40)),
        EditConstraints(band=(0.0, 0.2)),
        EditConstraints(smoothness=3.0),
    ):
        edit = smallest_edit(operator, x, target, constraints=rules)
        assert edit.status == "global"
        assert edit.confirmed
        assert edit.norm == pytest.approx(rules.norm(edit.edit), rel=1e-12)
        assert edit.norm >= free.norm
        basis = rules.basis(64, 1)
        rows, wanted = edit.goal.readout(10)
        limited = [quadratic.restricted(basis) for quadratic in margin_quadratics(operator, x, rows)]
        assert edit.norm <= least_by_random_starts(limited, wanted, starts=1) + 1e-6
    sparse = smallest_edit(operator, x, target, constraints=EditConstraints(sparsity=6))
    assert np.count_nonzero(sparse.edit) <= 6
    assert sparse.status == "local"
    assert sparse.lower_bound == pytest.approx(free.norm)
    assert sparse.gap > 0


def test_one_margin_and_one_logit_reach_their_values_exactly(digits):
    network, operator, sequences = digits
    x = sequences[1]
    before = network(x[None])[0]
    for wanted in (before[4] + 2.5, before[4] - 2.5, before[4]):
        edit = smallest_edit(operator, x, 4, logit=float(wanted))
        assert edit.status == "global"
        assert edit.network_after[4] == pytest.approx(wanted, abs=1e-9)
        row = np.eye(10)[4]
        assert edit.norm == pytest.approx(smallest_change(margin_quadratic(operator, x, row), float(wanted)).norm)
    winner = int(before.argmax())
    rival = smallest_edit(operator, x, 4, rival=winner, margin=0.5)
    assert rival.network_after[4] - rival.network_after[winner] == pytest.approx(0.5, abs=1e-9)
    assert rival.norm <= smallest_edit(operator, x, 4, margin=0.5).norm
    stays = smallest_edit(operator, x, winner)
    assert (stays.norm, stays.status, stays.gap) == (0.0, "global", 0.0)


def test_unreachable_goals_come_with_their_proof():
    """The first logit is −Σ y² + b, the others are constant: no input lifts it above its offset."""
    network, x = small(3, norm="none", output="none", residual=False)
    falling = replace(network, decoder_weight=np.array([-1.0, 0.0, 0.0])[:, None] * np.ones((3, network.channels)))
    operator = network_operator(falling, input_bound=5.0, length=LENGTH)
    margin = margin_quadratic(falling, x, np.array([1.0, -1.0, 0.0]))
    vertex = -0.5 * np.linalg.lstsq(margin.curvature, margin.gradient, rcond=None)[0]
    extreme = float(margin(vertex))  # of a concave function without slope where it has no curvature
    assert extreme <= falling.decoder_bias[0] - falling.decoder_bias[1] + 1e-12
    edit = smallest_edit(operator, x, 0, rival=1, margin=extreme + 0.1)
    assert (edit.status, edit.found, edit.norm, edit.lower_bound) == ("unreachable", False, np.inf, np.inf)
    assert "completing the square" in edit.reason
    assert np.isnan(edit.gap)
    reachable = smallest_edit(operator, x, 0, rival=1, margin=extreme - 0.1)
    assert reachable.status == "global"
    assert reachable.confirmed
    # Two margins that exclude each other, each reachable alone.
    flat = np.zeros((1, 1))
    opposite = [Quadratic(0.0, np.array([sign]), flat) for sign in (1.0, -1.0)]
    found = lift_margins(opposite, np.ones(2))
    assert found.lower_bound == np.inf
    assert "combination" in found.reason


def test_other_networks_are_edited_locally_and_say_so():
    network, x = small(activation="gelu")
    operator = network_operator(network, input_bound=8.0, length=LENGTH, degree=12)
    target = int(network(x[None])[0].argmin())
    for source in (operator, network):
        edit = smallest_edit(source, x, target)
        assert edit.status == "local"
        assert edit.lower_bound == 0.0
        assert edit.confirmed
        np.testing.assert_allclose(edit.logits_after, edit.network_after, atol=1e-11)
    down = smallest_edit(network, x, 0, logit=float(network(x[None])[0, 0]) - 0.05)
    assert down.confirmed


@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(1, 4))
def test_every_dual_value_is_a_lower_bound_and_an_optimum_is_feasible(seed, margins, n):
    generator = np.random.default_rng(seed)
    matrices = generator.normal(size=(margins, n, n)) * generator.choice([0.0, 0.3, 1.0])
    quadratics = [Quadratic(0.0, generator.normal(size=n), matrix) for matrix in matrices]
    wanted = generator.uniform(0.1, 2, margins)
    dual, found = joint_dual(quadratics, wanted, np.zeros(margins)), lift_margins(quadratics, wanted)
    points = generator.normal(size=(2000, n)) * generator.uniform(0, 6, size=(2000, 1))
    feasible = np.all([q(points) >= w for q, w in zip(quadratics, wanted, strict=True)], axis=0)
    shortest = np.linalg.norm(points[feasible], axis=1).min(initial=np.inf)
    assert dual.lower_bound <= shortest
    assert found.lower_bound <= shortest
    if found.change is not None:
        assert min(float(q(found.change)) - w for q, w in zip(quadratics, wanted, strict=True)) >= -1e-8
        assert np.linalg.norm(found.change) <= found.lower_bound * (1 + 1e-8)


def test_the_dual_reaches_the_boundary_where_no_margin_has_a_slope():
    """a − b ≥ 0.1 and b − a/2 ≥ 0.1 for a = δ₁², b = δ₂²: the least a + b is 0.4 + 0.3, of a linear program."""
    quadratics = [Quadratic(0.0, np.zeros(2), np.diag(q)) for q in ([1.0, -1.0], [-0.5, 1.0])]
    dual = central_dual(quadratics, np.full(2, 0.1), joint_dual(quadratics, np.full(2, 0.1), np.zeros(2)).multipliers)
    assert dual.lower_bound == pytest.approx(np.sqrt(0.7), rel=1e-8)
    np.testing.assert_allclose(dual.multipliers, [3.0, 4.0], rtol=1e-6)
    assert not dual.optimal
    nearly = [float(q(dual.starts[2])) for q in quadratics]
    np.testing.assert_allclose(nearly, 0.1, atol=1e-3)


def test_bounds_in_a_box_are_bounds_and_need_convexity():
    generator = np.random.default_rng(6)
    quadratic = Quadratic(0.0, np.array([1.0, 0.5]), np.diag([0.3, -1.0]))
    limits, wanted = (np.array([-1.0, -1.0]), np.array([0.8, 2.0])), np.array([0.9])
    points = generator.uniform(*limits, size=(200000, 2))
    shortest = np.linalg.norm(points[quadratic(points) >= 0.9], axis=1).min()
    for multiplier in (0.0, 0.5, 1.0, 1.5):
        for change in generator.uniform(*limits, size=(20, 2)):
            assert box_bound([quadratic], wanted, np.array([multiplier]), change, limits) <= shortest + 1e-12
    assert box_bound([quadratic], wanted, np.array([3.4]), np.zeros(2), limits) == 0.0  # 1 − 3.4·0.3 < 0
    with pytest.raises(ValueError, match="at least 0"):
        box_bound([quadratic], wanted, np.array([-1.0]), np.zeros(2), limits)


def test_goals_are_checked():
    with pytest.raises(ValueError, match="not both"):
        EditGoal(1, rival=0, logit=2.0)
    with pytest.raises(ValueError, match="different classes"):
        EditGoal(1, rival=1)
    with pytest.raises(ValueError, match="finite"):
        EditGoal(1, margin=float("nan"))
    with pytest.raises(ValueError, match="classes 0 to 2"):
        EditGoal(3).readout(3)
    with pytest.raises(ValueError, match="one logit"):
        EditGoal(0).readout(1)
    network, x = small()
    with pytest.raises(ValueError, match="one sequence"):
        smallest_edit(network, x[None], 1)
    with pytest.raises(ValueError, match="shape"):
        verified_edit(network, network, x, x[:-1], goal=EditGoal(1), status="local", reason="")
    with pytest.raises(TypeError):
        smallest_edit("digits", x, 1)
    with pytest.raises(ValueError, match="one size"):
        joint_dual([Quadratic(0.0, np.ones(1), np.eye(1))], np.ones(2), np.ones(2))


def test_benchmark_finds_equal_norms_on_all_sides():
    for goal in ("one margin", "class"):
        norms = [run() for run in benchmark.candidates(goal, 2).values()]
        for other in norms[1:]:
            np.testing.assert_allclose(other, norms[0], rtol=1e-6)
            assert (norms[0] <= other * (1 + 1e-6)).all()
        rows = benchmark.compare(goal, 1, 1)
        assert [row.unit for row in rows] == ["ms", ""] * (len(norms) - 1)
