"""The smallest change of a quadratic function: against directions, solvers, 50 digits, planted optima, false twins."""

import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from carleman_ssm.steering.joint_margins import joint_dual
from carleman_ssm.steering.quadratic import Quadratic
from carleman_ssm.steering.secular import Secular
from carleman_ssm.steering.trust_region import dual_bound, smallest_change

KINDS = ("indefinite", "positive", "negative", "singular", "zero", "equal", "one positive")


def rotation(generator, n):
    return np.linalg.qr(generator.normal(size=(n, n)))[0]


def spectrum(kind, generator, n):
    """Eigenvalues, ascending."""
    values = generator.normal(size=n) * 10.0 ** generator.uniform(-3, 3)
    if kind in ("positive", "negative"):
        values = np.abs(values) * (1 if kind == "positive" else -1)
    if kind == "singular":
        values[generator.integers(n) :] = 0.0
    if kind == "zero":
        values[:] = 0.0
    if kind == "equal":
        values[:] = values[0]
    if kind == "one positive":
        values = -np.abs(values)
        values[-1] = 1.0
    return np.sort(values)


@st.composite
def problems(draw):
    """A quadratic and a target; gradients zero, orthogonal to the extreme eigenspaces, or nearly so."""
    generator, n = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), draw(st.integers(1, 6))
    values = spectrum(draw(st.sampled_from(KINDS)), generator, n)
    vectors = rotation(generator, n) if draw(st.booleans()) else np.eye(n)
    slopes = generator.normal(size=n) * 10.0 ** generator.uniform(-3, 3)
    slopes[[0, -1]] *= draw(st.sampled_from([1.0, 1e-6, 1e-14, 0.0]))
    slopes *= draw(st.sampled_from([1.0, 1.0, 1.0, 0.0]))
    value = draw(st.sampled_from([0.0, 1.0, -3.0]))
    shift = draw(st.sampled_from([0.0, 1e-9, -1e-3, 1.0, -1.0, 30.0, -1e4]))
    return Quadratic(value, vectors @ slopes, vectors * values @ vectors.T), value + shift


def least_norm_along_rays(quadratic, shift, rays):
    """For every unit direction u the smallest t with t·gᵀu + t²·uᵀQu = shift, by the quadratic formula."""
    linear, bent = rays @ quadratic.gradient, np.einsum("ri,ij,rj->r", rays, quadratic.curvature, rays)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(linear**2 + 4 * bent * shift)
        found = np.array([2 * shift / (linear + root), 2 * shift / (linear - root)])  # also where bent = 0
    found[~(found > 0)] = np.inf  # behind, or no real root
    return found.min()


@given(problems())
@example((Quadratic(1.0, np.zeros(2), np.zeros((2, 2))), 2.0))
@example((Quadratic(0.0, np.array([1.0, 0.0]), np.diag([0.0, 1.0])), 1.0))
def test_the_change_reaches_the_target_its_dual_value_is_its_norm_and_no_ray_is_shorter(problem):
    quadratic, target = problem
    found, shift = smallest_change(quadratic, target), target - quadratic.value
    rays = np.random.default_rng(0).normal(size=(400, quadratic.size))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    shortest = least_norm_along_rays(quadratic, shift, rays) if shift else 0.0
    if found.status == "unreachable":
        # Random rays must not reach it either; eigenvalues below the rounding may, at huge norms.
        assert shortest > 1e4 * (1 + abs(shift))
        assert np.sign(shift) * (target - found.extreme) > 0
        return
    parts = np.abs(quadratic.gradient) @ np.abs(found.change)
    parts += np.abs(found.change) @ np.abs(quadratic.curvature) @ np.abs(found.change) + abs(target)
    # 1e-13: the rounding of n terms of this size in the function itself, with room.
    assert abs(found.value - target) <= 1e-13 * parts
    assert found.norm == pytest.approx(np.linalg.norm(found.change))
    assert 0 <= found.norm - found.lower_bound <= 1e-12 * found.norm
    assert found.norm <= shortest * (1 + 1e-9)
    assert np.sign(found.multiplier) in (0.0, np.sign(shift))


@pytest.mark.parametrize("seed", range(12))
def test_never_worse_than_many_random_starts_of_a_general_solver(seed):
    generator = np.random.default_rng(seed)
    n = int(generator.integers(2, 6))
    matrix = generator.normal(size=(n, n))
    quadratic = Quadratic(0.0, generator.normal(size=n), matrix + matrix.T)
    target = float(generator.normal()) * 3
    found = smallest_change(quadratic, target)
    assert found.status == "global"
    constraint = {"type": "eq", "fun": lambda d: quadratic(d) - target, "jac": quadratic.slope}
    norms = []
    for _ in range(15):
        start = 2 * generator.normal(size=n)
        run = minimize(lambda d: d @ d, start, jac=lambda d: 2 * d, constraints=constraint, method="SLSQP", tol=1e-12)
        if run.success and abs(quadratic(run.x) - target) < 1e-8:
            norms.append(np.sqrt(run.fun))
    assert norms, "no run of the solver converged"
    assert found.norm <= min(norms) + 1e-7
    assert found.norm >= min(norms) - 1e-6  # the best of many runs finds it


@pytest.mark.parametrize("target", [5.0, 0.3, -0.3, -5.0])
@pytest.mark.parametrize("kind", KINDS)
def test_in_the_plane_all_directions_agree(kind, target):
    """The boundary curve in polar coordinates, direction by direction; refined around the best of 20000."""
    generator = np.random.default_rng(KINDS.index(kind))
    axes = rotation(generator, 2)
    quadratic = Quadratic(0.0, generator.normal(size=2), axes * spectrum(kind, generator, 2) @ axes.T)

    def length(angle):
        angles = np.atleast_1d(angle)
        return least_norm_along_rays(quadratic, target, np.stack([np.cos(angles), np.sin(angles)], axis=1))

    angles = np.linspace(0, 2 * np.pi, 20001)
    coarse = np.array([length(angle) for angle in angles[::20]])
    found = smallest_change(quadratic, target)
    if found.status == "unreachable":
        assert np.isinf(coarse).all()
        return
    best = angles[::20][coarse.argmin()]
    width = 20 * (angles[1] - angles[0])
    refined = minimize_scalar(length, bounds=(best - width, best + width), method="bounded", options={"xatol": 1e-12})
    assert found.norm == pytest.approx(refined.fun, rel=1e-6)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-12, 1e-4, 0.1, 0.9]), st.booleans())
def test_planted_optima_are_found(seed, slack, downwards):
    """δ, ν and Q are drawn with the smallest eigenvalue of I − νQ equal to `slack`; then g = 2(I − νQ)δ/ν."""
    generator = np.random.default_rng(seed)
    n, multiplier = int(generator.integers(1, 6)), float(10.0 ** generator.uniform(-2, 2))
    gaps = np.concatenate([[slack], slack + generator.uniform(0.2, 3, n - 1)])
    axes = rotation(generator, n)
    bent, planted = axes * ((1 - gaps) / multiplier) @ axes.T, generator.normal(size=n)
    planted /= np.linalg.norm(planted)
    slope = 2 * (axes * gaps @ axes.T @ planted) / multiplier
    sign = -1.0 if downwards else 1.0
    quadratic = Quadratic(2.0, sign * slope, sign * bent)
    found = smallest_change(quadratic, float(quadratic(planted)))
    assert found.norm == pytest.approx(1.0, rel=1e-9)
    if slack >= 0.1:
        np.testing.assert_allclose(found.change, planted, atol=1e-9)
        assert found.multiplier == pytest.approx(sign * multiplier, rel=1e-8)
        assert not found.hard_case


@pytest.mark.parametrize("small", [0.0, 1e-15, 1e-9, 1e-3])
def test_the_hard_case_and_what_is_near_it(small):
    """Nearest points of 2x² + y² + cx + y = 10 for c → 0, by the polynomial system in 40 digits."""
    quadratic = Quadratic(0.0, np.array([small, 1.0]), np.diag([2.0, 1.0]))
    found = smallest_change(quadratic, 10.0)
    assert found.hard_case == (small < 1e-14)
    with mpmath.workdps(40):
        # ν < 1/2: x = νc/2(1−2ν), y = ν/2(1−ν); for c = 0: ν = 1/2, y = 1/2, x² = (10 − 3/4)/2.
        if small:
            c = mpmath.mpf(small)

            def reached(gap):
                nu = (1 - gap) / 2
                x, y = nu * c / (2 * gap), nu / (2 * (1 - nu))
                return 2 * x**2 + y**2 + c * x + y

            gap = mpmath.findroot(lambda g: reached(g) - 10, (c / 20, c / 5), solver="anderson", tol=1e-60)
            nu = (1 - gap) / 2
            x, y = nu * c / (2 * gap), nu / (2 * (1 - nu))
        else:
            x, y = mpmath.sqrt((10 - mpmath.mpf("0.75")) / 2), mpmath.mpf("0.5")
        expected = float(mpmath.hypot(x, y))
    assert found.norm == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(np.abs(found.change), [float(x), float(y)], rtol=1e-12)


def test_the_secular_root_has_the_digits_of_a_root_in_fifty_digits():
    generator = np.random.default_rng(3)
    values, slopes = np.sort(generator.normal(size=7)), generator.normal(size=7)
    secular = Secular(values, slopes)
    for shift in (1e-12, 1e-3, 1.0, 1e6):
        s = secular.root(shift)
        with mpmath.workdps(50):
            pairs = [(mpmath.mpf(float(q)), mpmath.mpf(float(c))) for q, c in zip(values, slopes, strict=True)]
            top = pairs[-1][0]

            def excess(sigma, pairs=pairs, shift=shift):
                deltas = [(q, c, c / (2 * (sigma - q))) for q, c in pairs]
                return mpmath.fsum(c * d + q * d**2 for q, c, d in deltas) - shift

            exact = mpmath.findroot(excess, (top + s * (1 - 1e-3), top + s * (1 + 1e-3)))
            assert abs(exact - top - s) <= 1e-13 * (exact - top)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_semidefinite_curvature_forbids_is_unreachable_and_the_extreme_itself_is_reached(sign):
    generator = np.random.default_rng(4)
    factor = generator.normal(size=(3, 5))
    bent = -sign * factor.T @ factor  # rank 3 of 5
    slope = bent @ generator.normal(size=5)  # no slope where there is no curvature
    quadratic = Quadratic(1.0, slope, bent)
    vertex = np.linalg.lstsq(2 * bent, -slope, rcond=None)[0]
    extreme = float(quadratic(vertex))
    beyond = smallest_change(quadratic, extreme + sign * 1e-6)
    assert beyond.status == "unreachable"
    assert beyond.extreme == pytest.approx(extreme, rel=1e-9)
    assert np.isinf(beyond.norm)
    assert 100.0 < beyond.lower_bound < np.inf  # what curvature hidden by rounding would need
    assert "semidefinite" in beyond.certificate
    near = smallest_change(quadratic, extreme - sign * 1e-9)
    assert near.status == "global"
    np.testing.assert_allclose(near.change, vertex, atol=1e-3)
    tries = 10 * generator.normal(size=(2000, 5))
    assert (sign * quadratic(tries) <= sign * extreme + 1e-9).all()
    # False twin: a slope where there is no curvature makes everything reachable.
    null = np.linalg.svd(factor)[2][-1]
    assert smallest_change(Quadratic(1.0, slope + null, bent), extreme + sign).status == "global"
    assert smallest_change(quadratic, extreme - sign * 5.0).status == "global"


def test_special_functions_have_their_closed_forms():
    g = np.array([3.0, 4.0])
    line = smallest_change(Quadratic(1.0, g, np.zeros((2, 2))), 11.0)
    np.testing.assert_allclose(line.change, 10 * g / 25, rtol=1e-15)
    pure = smallest_change(Quadratic(0.0, np.zeros(2), np.diag([-1.0, 4.0])), 8.0)
    assert pure.norm == pytest.approx(np.sqrt(2.0))
    assert pure.hard_case
    assert smallest_change(Quadratic(0.0, np.zeros(2), np.zeros((2, 2))), 1e-30).status == "unreachable"
    same = smallest_change(Quadratic(2.0, g, np.eye(2)), 2.0)
    assert (same.norm, same.lower_bound, same.multiplier) == (0.0, 0.0, 0.0)
    # (δ + 1)² with its smallest value wanted: exactly the vertex, with no finite multiplier.
    vertex = smallest_change(Quadratic(1.0, np.array([2.0]), np.eye(1)), 0.0)
    assert vertex.change == pytest.approx([-1.0])
    assert vertex.multiplier == -np.inf


@given(problems())
def test_turning_all_signs_turns_the_multiplier_and_nothing_else(problem):
    quadratic, target = problem
    one, two = (
        smallest_change(quadratic, target),
        smallest_change(Quadratic(-quadratic.value, -quadratic.gradient, -quadratic.curvature), -target),
    )
    assert one.status == two.status
    if one.status == "global":
        assert one.norm == pytest.approx(two.norm, rel=1e-9)
        assert one.multiplier == pytest.approx(-two.multiplier, rel=1e-6)


@given(problems(), st.floats(0.0, 0.999))
def test_every_multiplier_gives_a_lower_bound_and_the_best_one_gives_the_norm(problem, share):
    quadratic, target = problem
    found = smallest_change(quadratic, target)
    if found.status == "unreachable" or not np.isfinite(found.multiplier) or found.norm > 1e6:
        return
    assert dual_bound(quadratic, target, share * found.multiplier) <= found.norm * (1 + 1e-9)
    joint = joint_dual([quadratic], np.array([target]), np.zeros(1)) if target > quadratic.value else None
    assert joint is None or joint.lower_bound <= found.norm * (1 + 1e-9)


def test_false_twins_of_the_dual_bound_are_caught():
    """Beyond 1/q̄ a multiplier proves nothing; ν in place of ν² is another number; other targets have other bounds."""
    quadratic = Quadratic(0.0, np.array([1.0, 1.0]), np.diag([1.0, -2.0]))
    found = smallest_change(quadratic, 3.0)
    with pytest.raises(ValueError, match="eigenvalue"):
        dual_bound(quadratic, 3.0, 1.01)
    assert dual_bound(quadratic, 3.0, found.multiplier) == pytest.approx(found.norm, rel=1e-12)
    inverse = np.linalg.inv(np.eye(2) - found.multiplier * quadratic.curvature)
    false = 3.0 * found.multiplier - found.multiplier / 4 * quadratic.gradient @ inverse @ quadratic.gradient
    assert abs(false - found.norm**2) > 0.05
    assert dual_bound(quadratic, 3.3, found.multiplier) > found.norm  # for another target: not a bound of this one
    # Another stationary point (a second root beyond the first pole) also reaches the target, and is longer.
    nus = np.linspace(1.0001, 60, 200000)
    points = nus[:, None] / 2 / (1 - nus[:, None] * np.diag(quadratic.curvature)) * quadratic.gradient
    reached = quadratic(points)
    crossing = np.flatnonzero(np.diff(np.sign(reached - 3.0)))
    assert len(crossing)
    assert np.linalg.norm(points[crossing[0]]) > found.norm + 0.1


def test_a_quadratic_keeps_its_symmetric_part_and_its_restriction_is_its_restriction():
    generator = np.random.default_rng(5)
    matrix, g = generator.normal(size=(4, 4)), generator.normal(size=4)
    quadratic, basis = Quadratic(2.0, g, matrix), rotation(generator, 4)[:, :2]
    z = generator.normal(size=(3, 2))
    direct = [2.0 + d @ g + d @ matrix @ d for d in z @ basis.T]
    np.testing.assert_allclose(quadratic(z @ basis.T), direct, rtol=1e-12)
    np.testing.assert_allclose(quadratic.restricted(basis)(z), direct, rtol=1e-12)
    step = 1e-6 * np.eye(4)
    slope = (quadratic(g + step) - quadratic(g - step)) / 2e-6
    np.testing.assert_allclose(quadratic.slope(g), slope, rtol=1e-7, atol=1e-7)
    longer = smallest_change(quadratic.restricted(basis), 5.0)
    assert longer.norm >= smallest_change(quadratic, 5.0).norm


def test_wrong_shapes_and_numbers_are_refused():
    with pytest.raises(ValueError, match="gradient"):
        Quadratic(0.0, np.zeros(2), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="NaN"):
        Quadratic(float("nan"), np.zeros(1), np.zeros((1, 1)))
    quadratic = Quadratic(0.0, np.ones(2), np.eye(2))
    with pytest.raises(ValueError, match="basis"):
        quadratic.restricted(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="finite"):
        smallest_change(quadratic, float("inf"))
    with pytest.raises(ValueError, match="finite"):
        dual_bound(quadratic, float("nan"), 0.1)
    with pytest.raises(ValueError, match="basis"):
        quadratic.restricted([[1.0], [0.0], [0.0]])
    assert quadratic.restricted([[1.0], [0.0]]).size == 1
