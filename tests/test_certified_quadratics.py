"""Lower bounds of quadratics on balls, against exact rational evaluation and closed forms."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.robustness.certified_quadratics import EnclosedQuadratics, Spectrum, proved_spectrum


def quadratic(value, gradient, curvature, errors=(0.0, 0.0, 0.0)):
    """One row."""
    gradient, curvature = np.asarray(gradient, dtype=float), np.asarray(curvature, dtype=float)
    parts = [np.array([error]) for error in errors]
    return EnclosedQuadratics(
        np.array([float(value)]), parts[0], gradient[None], parts[1], ((curvature + curvature.T) / 2)[None], parts[2]
    )


def test_errors_are_bounds_and_gradients_are_rows():
    """A negative error would prove 5 for a quadratic of value 0."""
    for place, name in enumerate(("value_errors", "gradient_errors", "curvature_errors")):
        errors = [0.0, 0.0, 0.0]
        errors[place] = -5.0
        with pytest.raises(ValueError, match=f"{name} bound absolute values, so none is negative: got -5.0"):
            quadratic(0.0, [1.0], [[0.0]], errors)
    zero = np.zeros(1)
    with pytest.raises(ValueError, match=r"gradients have shape \(rows, n\), got \(2,\)"):
        EnclosedQuadratics(zero, zero, np.zeros(2), zero, np.zeros((1, 2, 2)), zero)
    # Errors that are not known are no mistake: nothing is proved with them.
    assert quadratic(1.0, [1.0], [[0.0]], (np.nan, 0.0, np.inf)).ball_bounds(1.0).lower[0] == -np.inf


def exactly(found, point):
    """The quadratic at a float point, in rational arithmetic."""
    x = [Fraction(float(entry)) for entry in point]
    result = Fraction(float(found.values[0]))
    for index, entry in enumerate(x):
        result += Fraction(float(found.gradients[0, index])) * entry
        row = found.curvatures[0, index]
        result += entry * sum(Fraction(float(q)) * other for q, other in zip(row, x, strict=True))
    return result


def inside(point, radius):
    """The point, shortened until its exact norm is within the radius."""
    point = np.asarray(point, dtype=float)
    norm = np.linalg.norm(point)
    if norm > 0:
        point = point * min(1.0, radius / norm)
    while sum(Fraction(float(entry)) ** 2 for entry in point) > Fraction(radius) ** 2:
        point = point * (1 - 2.0**-50)
    return point


ENTRIES = st.floats(-3, 3) | st.sampled_from([0.0, 1.0, -1.0])


@st.composite
def quadratics(draw):
    size = draw(st.integers(1, 4))
    kind = draw(st.sampled_from(["full", "zero", "diagonal", "rank one", "huge", "tiny"]))
    entries = np.array(draw(st.lists(ENTRIES, min_size=size * size, max_size=size * size))).reshape(size, size)
    curvature = {
        "full": entries,
        "zero": np.zeros((size, size)),
        "diagonal": np.diag(entries[0]),
        "rank one": -np.outer(entries[0], entries[0]),
        "huge": 1e12 * entries,
        "tiny": 1e-12 * entries,
    }[kind]
    flat = draw(st.booleans())
    gradient = np.zeros(size) if flat else np.array(draw(st.lists(ENTRIES, min_size=size, max_size=size)))
    return quadratic(draw(ENTRIES), gradient, curvature)


@settings(max_examples=120, deadline=None)
@given(found=quadratics(), radius=st.floats(1e-6, 1e3), seed=st.integers(0, 2**16))
def test_no_point_of_the_ball_lies_below_the_bound(found, radius, seed):
    bounds = found.ball_bounds(radius)
    generator = np.random.default_rng(seed)
    size = found.gradients.shape[1]
    lowest = found.spectrum.vectors[0, :, 0]
    point = bounds.points[0]
    starts = [point, lowest * radius, -lowest * radius, point + radius * lowest, point - radius * lowest]
    starts += [generator.normal(size=size) * 10 * radius for _ in range(3)]
    reached = min(exactly(found, inside(start, radius)) for start in starts)
    assert Fraction(float(bounds.lower[0])) <= reached


@settings(max_examples=60, deadline=None)
@given(found=quadratics(), radius=st.floats(1e-3, 1e3))
def test_the_bound_is_attained_up_to_rounding(found, radius):
    """Strong duality: some point of the ball is no higher than the bound and a hair."""
    bounds = found.ball_bounds(radius)
    point, lowest = bounds.points[0], found.spectrum.vectors[0, :, 0]
    along = float(point @ lowest)
    root = np.sqrt(max(along**2 + radius**2 - point @ point, 0.0))
    ends = [inside(point + (sign * root - along) * lowest, radius) for sign in (1, -1)] + [inside(point, radius)]
    reached = min(float(exactly(found, end)) for end in ends)
    scale = np.abs(found.values[0]) + np.linalg.norm(found.gradients[0]) * radius
    scale += np.abs(found.spectrum.eigenvalues[0]).max() * radius**2
    assert reached - bounds.lower[0] <= 1e-10 * scale + 1e-100


def test_closed_forms_of_ball_and_saddle():
    # g alone: m − ‖g‖ε; a bowl: its bottom if within reach; a dome: its rim.
    assert quadratic(1, [3, 4], np.zeros((2, 2))).ball_bounds(0.1).lower[0] == pytest.approx(0.5, abs=1e-12)
    assert quadratic(1, [2, 0], np.eye(2)).ball_bounds(5.0).lower[0] == pytest.approx(0.0, abs=1e-12)
    assert quadratic(1, [2, 0], np.eye(2)).ball_bounds(0.5).lower[0] == pytest.approx(0.25, abs=1e-12)
    assert quadratic(1, [0, 0], -np.eye(2)).ball_bounds(2.0).lower[0] == pytest.approx(-3.0, abs=1e-10)
    assert quadratic(7, [0, 0], np.zeros((2, 2))).ball_bounds(1e9).lower[0] == pytest.approx(7.0, abs=1e-12)


def test_errors_of_the_numbers_lower_the_bound_by_what_they_can_do():
    plain = quadratic(1, [3, 4], np.diag([1.0, -1.0])).ball_bounds(0.5).lower[0]
    rough = quadratic(1, [3, 4], np.diag([1.0, -1.0]), (0.1, 0.2, 0.4)).ball_bounds(0.5).lower[0]
    assert rough == pytest.approx(plain - 0.1 - 0.2 * 0.5 - 0.4 * 0.25, abs=1e-5)
    assert rough < plain - 0.3


def test_a_planted_wrong_decomposition_only_lowers_the_bound():
    """Nothing is trusted: with false vectors or eigenvalues the defect grows, and the bound stays true."""
    found = quadratic(1.0, [0.3, -0.2, 0.5], [[1, 2, 0], [2, -1, 0.5], [0, 0.5, 0.25]])
    honest = found.ball_bounds(0.7).lower[0]
    right = found.spectrum
    for values, vectors in (
        (right.eigenvalues + 1.0, right.vectors),
        (right.eigenvalues, right.vectors * 1.1),
        (right.eigenvalues, np.eye(3)[None]),
    ):
        residual = np.linalg.norm(found.curvatures - (vectors * values[:, None]) @ vectors.swapaxes(1, 2), axis=(1, 2))
        skew = np.linalg.norm(vectors.swapaxes(1, 2) @ vectors - np.eye(3), axis=(1, 2))
        planted = quadratic(1.0, found.gradients[0], found.curvatures[0])
        object.__setattr__(planted, "spectrum", Spectrum(values, vectors, residual * 1.001, skew * 1.001))
        assert planted.ball_bounds(0.7).lower[0] <= honest + 1e-12


def test_a_multiplier_that_does_not_convexify_proves_nothing():
    spectrum = proved_spectrum(np.diag([1.0, -2.0])[None])
    assert np.isinf(spectrum.defect(np.array([1.9])))
    assert spectrum.defect(np.array([2.1]))[0] < 1e-12


def test_residuals_bound_what_they_say():
    generator = np.random.default_rng(3)
    matrices = generator.normal(size=(4, 12, 12))
    matrices = matrices + matrices.swapaxes(1, 2)
    found = proved_spectrum(matrices)
    for row in range(4):
        vectors = [[Fraction(float(entry)) for entry in line] for line in found.vectors[row]]
        values = [Fraction(float(entry)) for entry in found.eigenvalues[row]]
        square = Fraction(0)
        for i in range(12):
            for j in range(12):
                rebuilt = sum(values[k] * vectors[i][k] * vectors[j][k] for k in range(12))
                square += (Fraction(float(matrices[row, i, j])) - rebuilt) ** 2
        assert square <= Fraction(float(found.residuals[row])) ** 2
    assert found.residuals.max() < 1e-11


def test_what_is_not_finite_proves_nothing():
    assert quadratic(1, [np.inf, 0], np.eye(2)).ball_bounds(1.0).lower[0] == -np.inf
    assert quadratic(1, [1, 0], np.full((2, 2), np.nan)).ball_bounds(1.0).lower[0] == -np.inf
    assert quadratic(1, [1, 0], np.eye(2), (np.inf, 0, 0)).ball_bounds(1.0).lower[0] == -np.inf
    assert quadratic(1, [1e200, 0], -1e300 * np.eye(2)).ball_bounds(1e100).lower[0] == -np.inf


def test_wrong_shapes_and_radii_are_refused():
    one = np.zeros(1)
    with pytest.raises(ValueError, match="exactly symmetric"):
        EnclosedQuadratics(one, one, np.zeros((1, 2)), one, np.array([[[0.0, 1.0], [0.0, 0.0]]]), one)
    with pytest.raises(ValueError, match="curvatures of shape"):
        EnclosedQuadratics(one, one, np.zeros((1, 2)), one, np.zeros((1, 3, 3)), one)
    with pytest.raises(ValueError, match="value_errors must have shape"):
        EnclosedQuadratics(one, np.zeros(2), np.zeros((1, 2)), one, np.zeros((1, 2, 2)), one)
    with pytest.raises(ValueError, match="not negative, got -1"):
        quadratic(1, [1.0], np.eye(1)).ball_bounds(-1.0)
