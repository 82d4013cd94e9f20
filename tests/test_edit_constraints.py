"""Subspaces and metrics of edits: orthonormal in the metric, adjoint maps, cosines by their definition, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.steering.constraints import EditConstraints, cosines, with_metric
from carleman_ssm.steering.quadratic import Quadratic
from carleman_ssm.steering.trust_region import smallest_change

ROUNDING = 1e-11  # dimensions below 30 and metrics below 1 + 4μ = 41: some hundred roundings


def metric_by_definition(length, features, smoothness):
    """I + μ DᵀD written out, the difference D one row after the other."""
    matrix = np.eye(length * features)
    for k in range(1, length):
        for j in range(features):
            row = np.zeros(length * features)
            row[k * features + j], row[(k - 1) * features + j] = 1.0, -1.0
            matrix += smoothness * np.outer(row, row)
    return matrix


@st.composite
def subspaces(draw):
    length, features = draw(st.integers(1, 9)), draw(st.integers(1, 3))
    first = draw(st.integers(0, length - 1))
    last = draw(st.integers(first, length - 1))
    lags = draw(st.sampled_from((None, tuple(range(first, last + 1)))))
    channels = draw(st.sampled_from((None, (features - 1,), tuple(range(features)))))
    band = draw(st.sampled_from((None, (0.0, 0.5), (0.0, 0.0), (0.0, 0.2))))
    smoothness = draw(st.sampled_from((0.0, 0.3, 10.0)))
    return EditConstraints(lags=lags, channels=channels, band=band, smoothness=smoothness), length, features


@given(subspaces())
def test_bases_are_orthonormal_in_the_metric(case):
    constraints, length, features = case
    basis = constraints.basis(length, features)
    metric = metric_by_definition(length, features, constraints.smoothness)
    np.testing.assert_allclose(basis.T @ metric @ basis, np.eye(basis.shape[1]), atol=ROUNDING)
    space = constraints.space(length, features)
    z = np.random.default_rng(0).normal(size=space.dimension)
    assert constraints.norm(space.expand(z)) == pytest.approx(np.linalg.norm(z), rel=1e-11)


def test_columns_that_are_orthonormal_without_the_metric_would_be_refuted():
    basis, metric = np.eye(6), metric_by_definition(6, 1, 0.3)
    assert np.abs(basis.T @ metric @ basis - np.eye(6)).max() > 0.5


@given(subspaces())
def test_reduce_is_the_transpose_of_expand_and_coordinates_give_the_nearest_edit(case):
    constraints, length, features = case
    space, generator = constraints.space(length, features), np.random.default_rng(1)
    z, edit = generator.normal(size=(4, space.dimension)), generator.normal(size=(length, features))
    expanded = space.expand(z)
    np.testing.assert_allclose(expanded.reshape(4, -1), z @ space.matrix().T, atol=ROUNDING)
    np.testing.assert_allclose(np.einsum("bkj,kj->b", expanded, edit), z @ space.reduce(edit), atol=ROUNDING)
    np.testing.assert_allclose(space.coordinates(expanded), z, atol=ROUNDING)
    nearest = space.expand(space.coordinates(edit))
    distance = constraints.norm(edit - nearest)
    assert all(distance <= constraints.norm(edit - nearest - 0.1 * other) + ROUNDING for other in expanded)


def test_lag_0_is_the_last_step_and_channels_are_features():
    space = EditConstraints(lags=[0, 2], channels=[1]).space(5, 3)
    changed = space.expand(np.array([1.0, 2.0]))
    assert np.argwhere(changed).tolist() == [[2, 1], [4, 1]]
    assert changed[4, 1] == 2.0
    assert not space.is_everything
    assert EditConstraints().space(5, 3).is_everything


def test_a_band_holds_the_cosines_of_its_frequencies_and_no_other():
    length, band = 12, (0.1, 0.25)
    basis = EditConstraints(band=band).basis(length, 1)
    steps, frequencies = np.arange(length), np.arange(length) / (2 * length)
    for frequency in frequencies:
        wave = np.cos(2 * np.pi * frequency * (steps + 0.5))
        inside = basis @ (basis.T @ wave)
        expected = wave if band[0] <= frequency <= band[1] else np.zeros(length)
        np.testing.assert_allclose(inside, expected, atol=ROUNDING)
    assert basis.shape[1] == 4  # 3/24, 4/24, 5/24 and 6/24 (2.4/24 is below the first)


def test_a_band_of_some_steps_leaves_the_others_alone():
    space = EditConstraints(lags=range(1, 7), band=(0.0, 0.2)).space(10, 1)
    edit = space.expand(np.ones(space.dimension))[:, 0]
    assert np.flatnonzero(edit).tolist() == [3, 4, 5, 6, 7, 8]
    np.testing.assert_allclose(cosines(6, (0.0, 0.2)).sum(axis=1), edit[3:9], atol=ROUNDING)


@given(st.integers(0, 2**32 - 1), st.sampled_from((0.0, 2.0)))
def test_the_global_optimum_of_a_subspace_is_the_one_of_the_problem_in_its_coordinates(seed, smoothness):
    """Route two: no feasible edit of the subspace, drawn at random and scaled onto the target, is shorter."""
    generator = np.random.default_rng(seed)
    constraints = EditConstraints(lags=range(3), smoothness=smoothness)
    matrix = generator.normal(size=(6, 6))
    margin = Quadratic(0.0, generator.normal(size=6), matrix + matrix.T)
    basis = constraints.basis(6, 1)
    inside = margin.restricted(basis)
    found = smallest_change(inside, 0.5)
    directions = generator.normal(size=(2000, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    slope, bent = directions @ inside.gradient, np.einsum("bi,ij,bj->b", directions, inside.curvature, directions)
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(slope**2 + 2.0 * bent)
        lengths = np.abs(np.stack([(-slope + root) / (2 * bent), (-slope - root) / (2 * bent)]))
    if found.status == "unreachable":
        assert np.isnan(lengths).all()
        return
    edit = (basis @ found.change).reshape(6, 1)
    assert margin(edit[:, 0]) == pytest.approx(0.5, abs=1e-9)
    assert not edit[:3].any()
    assert np.nanmin(lengths, initial=np.inf) >= constraints.norm(edit) * (1 - 1e-9)


def test_limits_are_those_of_the_edited_values():
    x = np.array([[0.2], [0.9]])
    lower, upper = EditConstraints(box=(0.0, 1.0)).limits(x)
    np.testing.assert_allclose(x + lower, 0.0, atol=1e-16)
    np.testing.assert_allclose(x + upper, 1.0, atol=1e-16)
    lower, upper = EditConstraints(box=(np.array([[0.0], [0.5]]), np.inf)).limits(x)
    assert lower[1, 0] == 0.5 - 0.9
    assert np.isinf(upper).all()
    assert np.isinf(EditConstraints().limits(x)).all()
    with pytest.raises(ValueError, match="step 1, channel 0, which may not change"):
        EditConstraints(lags=[1], box=(0.0, 0.5)).limits(x)
    with pytest.raises(ValueError, match="does not go with a sequence"):
        EditConstraints(box=(np.zeros(3), np.ones(3))).limits(x)


def test_the_metric_counts_the_jumps_at_the_ends_of_what_may_change():
    constraints, edit = EditConstraints(lags=[1], smoothness=2.0), np.array([[0.0], [3.0], [0.0]])
    assert constraints.norm(edit) ** 2 == pytest.approx(9.0 + 2.0 * (9.0 + 9.0))
    assert with_metric(edit, 0.0) is edit


@pytest.mark.parametrize(
    ("entries", "error", "message"),
    [
        ({"lags": []}, ValueError, "at least one"),
        ({"lags": [1, 1]}, ValueError, "different"),
        ({"lags": [-1]}, ValueError, "from 0 on"),
        ({"channels": [0.5]}, TypeError, "integers"),
        ({"channels": [True]}, TypeError, "integers"),
        ({"lags": 3}, TypeError, "list"),
        ({"channels": "ab"}, TypeError, "list"),
        ({"box": 5.0}, ValueError, "low, high"),
        ({"box": (np.zeros(3), np.ones(2))}, ValueError, "shapes"),
        ({"band": 0.3}, ValueError, "low, high"),
        ({"band": (0.1, "a")}, TypeError, "real numbers"),
        ({"smoothness": "a"}, TypeError, "real numbers"),
        ({"box": (1.0, 0.0)}, ValueError, "low < high"),
        ({"box": (0.0, np.nan)}, ValueError, "low < high"),
        ({"box": (0.0, 1.0, 2.0)}, ValueError, "a box is"),
        ({"band": (0.3, 0.2)}, ValueError, "1/2"),
        ({"band": (0.0, 0.6)}, ValueError, "1/2"),
        ({"smoothness": -1.0}, ValueError, "smoothness"),
        ({"smoothness": np.nan}, ValueError, "smoothness"),
        ({"sparsity": 0}, ValueError, "at least 1"),
        ({"sparsity": 2.5}, ValueError, "at least 1"),
        ({"sparsity": True}, ValueError, "at least 1"),
        ({"sparsity": 2, "smoothness": 1.0}, ValueError, "neither smooth"),
        ({"sparsity": 2, "band": (0.0, 0.1)}, ValueError, "neither smooth"),
    ],
)
def test_constraints_that_mean_nothing_are_refused(entries, error, message):
    with pytest.raises(error, match=message):
        EditConstraints(**entries)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"lags": [5]}, "lag 5 does not exist"),
        ({"channels": [1]}, "channel 1 does not exist"),
        ({"lags": [0, 2], "band": (0.0, 0.5)}, "consecutive"),
        ({"band": (0.01, 0.02)}, "widen the band"),
    ],
)
def test_constraints_that_do_not_go_with_a_sequence_are_refused(entries, message):
    with pytest.raises(ValueError, match=message):
        EditConstraints(**entries).space(5, 1)
    with pytest.raises(ValueError, match="at least one step"):
        EditConstraints().space(0, 1)


def test_the_box_cannot_be_changed_after_it_was_checked():
    low, high = np.zeros(3), np.ones(3)
    constraints = EditConstraints(box=(low, high))
    low[0] = 7.0
    assert constraints.box[0].tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        constraints.box[1][0] = -7.0
