"""Local edits: beside SLSQP, on a grid in the plane, with box, subspaces and sparsity, and by products alone."""

from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.networks.sequences import load_sequences
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.network_function import network_function
from carleman_ssm.steering import sequential_quadratic
from carleman_ssm.steering.constraints import EditConstraints
from carleman_ssm.steering.local_edits import local_edit
from carleman_ssm.steering.margin_problem import margin_problem
from carleman_ssm.steering.optimality import Point, kkt_residual
from carleman_ssm.steering.quadratic import margin_quadratic
from carleman_ssm.steering.trust_region import smallest_change
from tests.strategies_networks import moderate_network

MARGIN = 1e-3
REACHED = 1e-9  # a hundred times the solver's own tolerance, for logits near 10


@cache
def digits(name):
    network = load_network(name)
    return network, network_function(network, 64), load_sequences("digits-test").x


def runner_up(function, x):
    """Readout rows of the second most likely class."""
    return function.margins(int(function.logits(x).argsort()[-2]))


def slsqp(function, x, rows, wanted, starts, box=None):
    """Least norm that SciPy finds with exact gradients, from several starts; infinite if none is feasible."""
    shape, best = x.shape, np.inf
    bounds = None if box is None else list(zip(box[0].reshape(-1), box[1].reshape(-1), strict=True))
    margins = {
        "type": "ineq",
        "fun": lambda d: rows @ function.logits(x + d.reshape(shape)) - wanted,
        "jac": lambda d: function.gradients(x + d.reshape(shape), rows).reshape(len(rows), -1),
    }
    for start in starts:
        found = minimize(
            lambda d: (0.5 * d @ d, d), start.reshape(-1), jac=True, bounds=bounds, constraints=margins, method="SLSQP",
            options={"maxiter": 200, "ftol": 1e-12},
        )  # fmt: skip
        if margins["fun"](found.x).min() > -1e-8:
            best = min(best, float(np.linalg.norm(found.x)))
    return best


@pytest.mark.parametrize(("name", "index"), [("digits-gelu", 0), ("digits-gelu", 7), ("digits-deep-gelu", 1)])
def test_edits_of_trained_networks_are_no_larger_than_those_of_slsqp(name, index):
    network, function, sequences = digits(name)
    x = sequences[index]
    rows = runner_up(function, x)
    found = local_edit(function, x, rows, np.full(9, MARGIN))
    generator = np.random.default_rng(index)
    starts = [np.zeros_like(x), 0.1 * generator.normal(size=x.shape)]
    assert found.norm <= slsqp(function, x, rows, MARGIN, starts) * (1 + 1e-6)
    assert found.status == "local"
    assert found.residual < 1e-6
    assert found.curvature > 0.0
    simulated = network((x + found.change)[None])[0]
    assert (rows @ simulated).min() == pytest.approx(MARGIN, abs=REACHED)
    assert network(x[None])[0].argmax() != simulated.argmax()


def test_one_margin_of_a_gelu_network_takes_two_or_three_steps_from_its_quadratic_expansion():
    _, function, sequences = digits("digits-gelu")
    x = sequences[0]
    order = function.logits(x).argsort()
    found = local_edit(function, x, function.margin(int(order[-2]), int(order[-1])), MARGIN)
    assert found.steps <= 3
    assert found.residual < 1e-9


def test_a_quadratic_network_gives_the_global_optimum_from_no_edit():
    network, _, sequences = digits("digits-quadratic")
    x = sequences[1]
    operator = network_operator(network, sequences=sequences[:50])
    function = network_function(operator, 64)
    order = function.logits(x).argsort()
    row = function.margin(int(order[-2]), int(order[-1]))
    found = local_edit(function, x, row, MARGIN)
    proved = smallest_change(margin_quadratic(operator, x, row), MARGIN)
    assert found.norm == pytest.approx(proved.norm, rel=1e-9)
    np.testing.assert_allclose(found.multipliers[0], proved.multiplier / 2, rtol=1e-6)
    larger = local_edit(function, x, row, MARGIN + 1e-4)
    assert (larger.norm**2 - found.norm**2) / 2 / 1e-4 == pytest.approx(found.multipliers[0], rel=1e-2)


@pytest.mark.parametrize("name", ["digits-gelu", "digits-quadratic"])
def test_a_box_keeps_every_pixel_within_it_at_no_larger_norm_than_slsqp(name):
    _, function, sequences = digits(name)
    x, rows = sequences[1], runner_up(function, sequences[1])
    found = local_edit(function, x, rows, np.full(9, MARGIN), EditConstraints(box=(0.0, 1.0)))
    edited = x + found.change
    assert edited.min() >= 0.0
    assert edited.max() <= 1.0
    assert found.margins.min() > MARGIN - REACHED
    assert found.norm <= slsqp(function, x, rows, MARGIN, [np.zeros_like(x)], (-x, 1.0 - x)) * (1 + 1e-6)
    free = local_edit(function, x, rows, np.full(9, MARGIN))
    assert free.norm < found.norm  # the box binds
    assert (x + free.change).min() < 0.0  # the false twin: without a box the edit leaves it


def plane_network(seed, layers=2, **entries):
    entries = {"activation": "gelu", "output": "glu", "norm": "layer", "residual": True, "pool": "mean", **entries}
    return moderate_network(layers, seed=seed, **entries)


@pytest.mark.parametrize(("seed", "limited"), [(1, True), (10, False), (14, False), (25, True)])
def test_in_the_plane_the_best_of_some_starts_is_the_best_of_a_grid(seed, limited):
    """Two steps, one input: the edit is a point of the plane, and a grid sees every edit of norm up to 3."""
    generator = np.random.default_rng(seed)
    function = network_function(plane_network(seed, 1), 2)
    x = generator.normal(size=(2, 1))
    rows, wanted = function.margins(int(function.logits(x).argsort()[-2])), np.full(2, 0.05)
    rule = EditConstraints(box=(x - 1.5, x + 1.0) if limited else None)
    axis = np.linspace(-3, 3, 121)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    if limited:
        grid = grid[(grid >= -1.5).all(axis=1) & (grid <= 1.0).all(axis=1)]
    feasible = grid[(function.logits(x + grid[..., None]) @ rows.T - wanted >= 0.0).all(axis=1)]
    starts = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]])[..., None]
    found = local_edit(function, x, rows, wanted, rule, starts)
    assert found.found
    assert (found.margins >= 0.05 - REACHED).all()
    assert found.norm <= float(np.linalg.norm(feasible, axis=1).min()) * (1 + 1e-9)


def test_several_margins_stand_at_once_where_the_nearest_edit_lies_in_a_corner():
    """A linear network: the edit is the projection onto a polyhedron, which SciPy's NNLS gives by duality."""
    network = moderate_network(
        1, activation="identity", output="linear", norm="none", residual=False, classes=5, seed=4
    )
    function = network_function(network, 6)
    x = np.zeros((6, 1))
    rows = function.margins(2)
    wanted = np.array([0.3, 0.2, 0.5, 0.1])
    jacobian = function.gradients(x, rows).reshape(4, -1)
    lacking = wanted - rows @ function.logits(x)
    found = local_edit(function, x, rows, wanted)
    grid = [
        np.linalg.lstsq(jacobian[list(active)], lacking[list(active)], rcond=None)[0]
        for count in (1, 2, 3, 4)
        for active in combinations(range(4), count)
    ]
    best = min(np.linalg.norm(edit) for edit in grid if (jacobian @ edit >= lacking - 1e-9).all())
    assert found.norm == pytest.approx(best, rel=1e-9)


def test_subspaces_leave_everything_else_alone():
    _, function, sequences = digits("digits-gelu")
    x, rows = sequences[3], runner_up(function, sequences[3])
    wanted, norms = np.full(9, MARGIN), {}
    for name, rule in {
        "free": EditConstraints(),
        "late": EditConstraints(lags=range(20)),
        "band": EditConstraints(band=(0.0, 0.2)),
        "smooth": EditConstraints(smoothness=5.0),
    }.items():
        found = local_edit(function, x, rows, wanted, rule)
        assert found.margins.min() > MARGIN - REACHED
        assert rule.norm(found.change) == pytest.approx(found.norm, rel=1e-9)
        norms[name] = found
    assert not norms["late"].change[:44].any()
    assert all(norms["free"].norm < other.norm for name, other in norms.items() if name != "free")
    free, smooth = norms["free"].change, norms["smooth"].change
    assert np.linalg.norm(np.diff(smooth, axis=0)) < np.linalg.norm(np.diff(free, axis=0))
    assert np.linalg.norm(smooth) > np.linalg.norm(free)


def test_a_sparse_edit_changes_so_many_values_and_is_never_better_than_the_best_support():
    network = plane_network(3, 1, output="linear", norm="none")
    function = network_function(network, 5)
    x = np.random.default_rng(5).normal(size=(5, 1))
    rows, wanted = function.margins(int(function.logits(x).argsort()[-2])), np.full(2, 0.1)
    found = local_edit(function, x, rows, wanted, EditConstraints(sparsity=2))
    supports = [local_edit(function, x, rows, wanted, EditConstraints(lags=lags)) for lags in combinations(range(5), 2)]
    best = min(edit.norm for edit in supports)
    assert found.relaxed
    assert np.count_nonzero(found.change) == 2
    assert "chosen by a search" in found.reason
    assert best * (1 - 1e-9) <= found.norm
    assert found.norm < max(edit.norm for edit in supports)  # not just any support
    with_box = local_edit(function, x, rows, wanted, EditConstraints(sparsity=2, box=(x.min() - 0.5, x.max() + 0.5)))
    assert np.count_nonzero(with_box.change) <= 2
    with pytest.raises(ValueError, match="more values than may change"):
        local_edit(function, x, rows, wanted, EditConstraints(sparsity=1, box=(np.sort(x, axis=0)[3, 0], 9.0)))


@pytest.mark.parametrize("box", [None, (0.0, 1.0)])
def test_products_of_the_hessian_give_the_same_edit_as_its_entries(monkeypatch, box):
    _, function, sequences = digits("digits-gelu")
    x, rule = sequences[2], EditConstraints(box=box)
    order = function.logits(x).argsort()
    row = function.margin(int(order[-2]), int(order[-1]))
    dense = local_edit(function, x, row, MARGIN, rule)
    monkeypatch.setattr(sequential_quadratic, "DENSE", 0)
    free = local_edit(function, x, row, MARGIN, rule)
    assert free.status == "local"
    assert free.norm == pytest.approx(dense.norm, rel=1e-9)
    np.testing.assert_allclose(free.change, dense.change, atol=1e-6)


def test_what_no_edit_within_the_box_reaches_is_not_found_and_nothing_is_claimed():
    _, function, sequences = digits("digits-gelu")
    x, rows = sequences[0], runner_up(function, sequences[0])
    found = local_edit(function, x, rows, np.full(9, 50.0), EditConstraints(lags=range(3), box=(0.0, 1.0)))
    assert found.status == "not found"
    assert not found.found
    assert found.norm == np.inf
    assert found.margins.min() < 50.0
    assert "nothing is proved" in found.reason


def test_margins_that_are_reached_already_need_no_edit():
    _, function, sequences = digits("digits-gelu")
    x = sequences[0]
    winner = int(function.logits(x).argmax())
    found = local_edit(function, x, function.margins(winner), np.zeros(9))
    assert found.norm == 0.0
    assert found.status == "local"
    assert not found.multipliers.any()


def test_a_stationary_start_is_left_along_the_curvature():
    """y² at the origin has no slope: only its quadratic expansion (the hard case) shows the way."""
    layer = S4DLayer(log_dt=[-1.0], log_A_real=[[0.0]], A_imag=[[1.0]], C=[[0.5]], D=[0.3])
    config = NetworkConfig(activation="square", output="none", residual=False, pool="mean")
    network = S4DNetwork([[1.0]], [0.0], (layer,), [[1.0], [0.0]], [0.0, 0.0], config)
    function = network_function(network, 4)
    x = np.zeros((4, 1))
    assert not function.gradients(x).any()
    found = local_edit(function, x, function.margin(0, 1), 1.0)
    kernel = np.stack([np.eye(4, 1, -k)[:, 0] for k in range(4)])
    responses = np.stack([network.preactivations(row[None, :, None])[0][0, :, 0] for row in kernel], axis=1)
    longest = np.linalg.svd(responses)[1][0]
    assert found.norm == pytest.approx(np.sqrt(4.0) / longest, rel=1e-9)


def test_a_strict_local_minimum_has_no_smaller_feasible_neighbour_and_twice_the_edit_is_no_optimum():
    function = network_function(plane_network(11, 1, output="linear", norm="none"), 5)
    generator = np.random.default_rng(2)
    x = generator.normal(size=(5, 1))
    rows, wanted = function.margins(int(function.logits(x).argsort()[-2])), np.full(2, 0.05)
    found = local_edit(function, x, rows, wanted)
    assert found.status == "local"
    assert found.curvature > 0.0
    steps = generator.normal(size=(4000, 5, 1)) * 10.0 ** generator.uniform(-4, -2, size=(4000, 1, 1))
    nearby = found.change + found.norm * steps
    feasible = (function.logits(x + nearby) @ rows.T >= wanted).all(axis=1)
    assert feasible.sum() > 100
    assert np.linalg.norm(nearby[feasible], axis=(1, 2)).min() > found.norm * (1 - 1e-9)
    task = margin_problem(function, x, rows, wanted, EditConstraints())  # refuses a longer edit, same multipliers
    multipliers, room = found.multipliers * task.scales, np.zeros(0)
    at, longer = (Point.of(task, factor * found.change[:, 0]) for factor in (1.0, 1.05))
    assert kkt_residual(task, at, multipliers, room) < 1e-8
    assert kkt_residual(task, longer, multipliers, room) > 1e-3


@pytest.mark.parametrize(
    ("rows", "wanted", "start", "message"),
    [
        (np.ones((1, 4)), [0.0], None, "readout"),
        (np.ones((2, 10)), [0.0], None, "wanted|finite values"),
        (np.ones((1, 10)), [np.nan], None, "finite"),
        (np.ones((1, 10)), [0.0], np.zeros((3, 1)), "a start is an edit"),
        (np.ones((1, 10)), [0.0], np.zeros((0, 64, 1)), "a start is an edit"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(rows, wanted, start, message):
    _, function, sequences = digits("digits-gelu")
    with pytest.raises(ValueError, match=message):
        local_edit(function, sequences[0], rows, wanted, start=start)


def test_a_band_that_cannot_bring_a_sequence_into_its_box_is_refused():
    _, function, sequences = digits("digits-gelu")
    with pytest.raises(ValueError, match="no edit of this band"):
        local_edit(function, sequences[0], np.eye(10)[0], 9.0, EditConstraints(band=(0.0, 0.05), box=(0.1, 0.9)))


def test_a_network_in_place_of_its_function_is_refused_with_the_remedy():
    network, function, sequences = digits("digits-gelu")
    with pytest.raises(TypeError, match="network_function"):
        local_edit(network, sequences[0], np.eye(10)[0], 9.0)
    with pytest.raises(TypeError, match="constraints"):
        local_edit(function, sequences[0], np.eye(10)[0], 9.0, {"lags": [0]})


@pytest.mark.parametrize("size", [2.0**-44, 2.0**-300, 2.0**300])
def test_logits_of_any_size_have_the_same_edits(size):
    """A power of two rounds nothing: the search is the same one, and a zero edit is no answer to small logits."""
    found = []
    for factor in (1.0, size):
        network = moderate_network(1, activation="gelu", output="none", norm="none", pool="mean", classes=3, seed=2)
        network = replace(
            network, decoder_weight=factor * network.decoder_weight, decoder_bias=factor * network.decoder_bias
        )
        function, x = network_function(network, 6), np.random.default_rng(0).normal(size=(6, network.features))
        rows = function.margins(int(function.logits(x).argmin()))
        found.append((local_edit(function, x, rows, np.full(len(rows), 0.1 * factor)), factor, rows, x, function))
    one, other = (entry[0] for entry in found)
    assert one.status == other.status == "local"
    np.testing.assert_allclose(other.change, one.change, rtol=1e-6, atol=1e-9)
    for edit, factor, rows, x, function in found:
        assert (rows @ function.logits(x + edit.change) >= (0.1 - 1e-9) * factor).all()
        assert edit.norm > 1e-3
