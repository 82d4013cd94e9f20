"""The dual of a quadratic margin: certificates, random changes that it bounds, the optimum it proves, false twins."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.trust_region import (
    ball_bound,
    edit_of_multiplier,
    extreme_laws,
    extreme_shift,
    hard_case,
    reached_shift,
)
from tests.strategies_carleman import rationals
from tests.strategies_ssm import planted

pytestmark = pytest.mark.symbolic
FORMS = [
    *map(edit_of_multiplier, (1, 2)),
    reached_shift(),
    hard_case(),
    extreme_shift(),
    *map(ball_bound, (1, 2)),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_certificate_is_proved_and_its_false_twin_refuted(form):
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


def test_the_bound_with_another_matrix_or_factor_is_refuted():
    """The excess needs this matrix and the dual this factor: with the sign or a quarter changed it is false."""
    _, bound, _ = edit_of_multiplier(2).certificates
    _, growth, _ = reached_shift().certificates
    nu = sp.Symbol("nu", real=True)
    for wrong in (Identity(bound.left, bound.right.xreplace({nu: -nu})), Identity(growth.left, 2 * growth.right)):
        assert verify(wrong).evidence is Evidence.REFUTED


@pytest.mark.parametrize("size", [1, 2])
def test_the_gradient_of_the_stationary_point_is_any_gradient(size):
    """The certificates write g by the stationary point: with that point for g the bound is the one with inverses."""
    form = edit_of_multiplier(size)
    g, nu, r = sp.Matrix(form.arguments[-1 - size : -1]), form.arguments[-1], sp.Symbol("r", real=True)
    eta = sp.Matrix(sp.symbols(f"eta_1:{size + 1}", real=True))
    Q = sp.Matrix(size, size, lambda j, k: sp.Symbol(f"q_{min(j, k) + 1}_{max(j, k) + 1}", real=True))
    system = sp.eye(size) - nu * Q
    dual = nu * r - nu**2 / 4 * (g.T * system.inv() * g)[0]
    apart = eta - form.expression
    left = (eta.T * eta)[0] + nu * (r - (g.T * eta + eta.T * Q * eta)[0])
    assert verify(Identity(left, dual + (apart.T * system * apart)[0], nonzero=(system.det(),))).proved
    wrong = dual * 2 + (apart.T * system * apart)[0]
    assert verify(Identity(left, wrong, nonzero=(system.det(),))).evidence is Evidence.REFUTED


def test_another_extreme_is_refuted_by_its_own_certificate():
    g, q = sp.symbols("g_i q_i", real=True)
    right = -(g**2) / (4 * q)
    assert [verify(law).evidence for law in extreme_laws(right)] == [Evidence.PROVED]
    for wrong in (-right, 2 * right, right / q, -g / (4 * q), right + 1):
        assert Evidence.REFUTED in [verify(law).evidence for law in extreme_laws(wrong)]
    total = extreme_shift().expression
    bases = (sp.IndexedBase("g"), sp.IndexedBase("q"))
    assert (
        total.function.xreplace(dict(zip((base[total.variables[0]] for base in bases), (g, q), strict=True))) == right
    )


def problem(seed, size=4):
    """An indefinite margin in the eigenbasis and in the coordinates of the inputs."""
    rng = np.random.default_rng(seed)
    q = np.sort(rng.normal(size=size)) + np.linspace(-0.5, 0.5, size)
    rotation = np.linalg.qr(rng.normal(size=(size, size)))[0]
    return q, rng.normal(size=size), rotation, rng


def interval(q):
    """Where the Lagrangian is convex."""
    low = 1 / q.min() if q.min() < 0 else -np.inf
    return low, 1 / q.max() if q.max() > 0 else np.inf


def dual(nu, r, g, q):
    return nu * r - nu**2 / 4 * np.sum(g**2 / (1 - nu * q))


@pytest.mark.parametrize("seed", range(5))
def test_no_random_change_beats_the_bound_of_any_multiplier(seed):
    q, g, rotation, rng = problem(seed)
    matrix, gradient = rotation @ np.diag(q) @ rotation.T, rotation @ g
    changes = rng.normal(size=(300, 4)) * 10 ** rng.uniform(-2, 1, (300, 1))
    reached = changes @ gradient + np.einsum("ni,ij,nj->n", changes, matrix, changes)
    low, high = interval(q)
    for share in (0.01, 0.3, 0.5, 0.8, 0.99):
        nu = low + share * (high - low)
        system = np.linalg.inv(np.eye(4) - nu * matrix)
        bounds = nu * reached - nu**2 / 4 * gradient @ system @ gradient  # each change against its own r
        slack = 1e-12 * (1 + np.abs(nu * reached))
        assert np.all(np.sum(changes**2, axis=-1) >= bounds - slack)


@pytest.mark.parametrize("seed", range(8))
def test_the_root_of_what_is_reached_is_never_worse_than_a_solver(seed):
    q, g, _, rng = problem(seed)
    reached, (low, high) = compile_kernel(reached_shift(), origin=1), interval(q)
    r = float(rng.normal()) * 3
    nu = optimize.brentq(lambda nu: reached(g, q, 4, nu) - r, low * (1 - 1e-12), high * (1 - 1e-12), xtol=1e-15)
    best = nu / 2 * g / (1 - nu * q)
    assert abs(g @ best + q @ best**2 - r) < 1e-6 * (1 + abs(r))
    assert abs(best @ best - dual(nu, r, g, q)) < 1e-6 * (1 + best @ best)  # norm and bound meet
    found = []
    for _ in range(12):
        result = optimize.minimize(
            lambda d: d @ d,
            3 * rng.normal(size=4),
            jac=lambda d: 2 * d,
            constraints={"type": "eq", "fun": lambda d: g @ d + q @ d**2 - r, "jac": lambda d: g + 2 * q * d},
            options={"ftol": 1e-12, "maxiter": 300},
        )
        if abs(g @ result.x + q @ result.x**2 - r) < 1e-8:
            found.append(result.fun)
    assert found
    assert best @ best <= min(found) + 1e-6 * (1 + min(found))  # what 1e-8 of the constraint is worth


def test_in_the_hard_case_the_made_up_part_attains_the_bound():
    q, g = np.array([-1.0, 0.5, 2.0]), np.array([0.3, -0.4, 0.0])
    step = 0.25 * g / (1 - 0.5 * q + (q == 2.0))  # at the multiplier 1/2, nothing along the extreme direction
    r_perp = g @ step + q @ step**2
    assert abs(compile_kernel(reached_shift(), origin=1)(g, q, 3, 0.5 - 1e-12) - r_perp) < 1e-10
    r = r_perp + 3.0
    tau = compile_kernel(hard_case())(r, 2.0, r_perp)
    for sign in (1, -1):
        change = step + sign * tau * np.array([0.0, 0.0, 1.0])
        assert abs(g @ change + q @ change**2 - r) < 1e-14
        bound = 0.5 * r - 0.0625 * np.sum(g[:2] ** 2 / (1 - 0.5 * q[:2]))
        assert abs(change @ change - bound) < 1e-14
    rng = np.random.default_rng(5)
    along = rng.normal(size=(500, 3))
    along /= np.linalg.norm(along, axis=-1)[:, None]
    a, b = along**2 @ q, along @ g  # every change along a ray that reaches r
    roots = b * b + 4 * a * r
    size = np.abs(2 * r / (np.abs(b) + np.sqrt(np.where(roots > 0, roots, np.nan))))
    assert np.nanmin(size) ** 2 >= change @ change - 1e-12


@settings(deadline=None)
@given(st.lists(st.tuples(rationals, rationals), min_size=1, max_size=3), rationals)
def test_nothing_reaches_beyond_the_extreme(pairs, place):
    g, q = ([sp.Integer(0), *column] for column in zip(*((g, -abs(q)) for g, q in pairs), strict=True))
    assume(all(q[1:]))
    total = extreme_shift().expression
    extreme = sp.Add(*(total.function.subs(total.limits[0][0], i).doit() for i in range(1, len(q))))
    values = dict(zip(("g", "q"), (g, q), strict=True))
    extreme = extreme.replace(
        lambda e: isinstance(e, sp.Indexed), lambda e: values[str(e.base.label)][int(e.indices[0])]
    )
    everywhere = sum(a * place + b * place**2 for a, b in zip(g, q, strict=True))
    assert everywhere <= extreme
    top = [-a / (2 * b) if b else 0 for a, b in zip(g, q, strict=True)]
    assert sum(a * d + b * d**2 for a, b, d in zip(g, q, top, strict=True)) == extreme  # it is attained


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_on_a_ball_holds_and_is_attained(seed):
    rng = np.random.default_rng(seed)
    matrix, g, level, radius = rng.normal(size=(2, 2)), rng.normal(size=2), 0.3, 0.8
    matrix = matrix + matrix.T
    kernel = compile_kernel(ball_bound(2))
    least = max(0.0, -np.linalg.eigvalsh(matrix)[0])
    multipliers = least + np.geomspace(1e-3, 1e2, 400)
    bounds = kernel(matrix[0, 0], matrix[0, 1], matrix[1, 1], *g, level, radius, multipliers)
    turns = np.linspace(0, 2 * np.pi, 4000)
    points = np.stack([np.cos(turns), np.sin(turns)], axis=-1) * radius * np.linspace(0, 1, 40)[:, None, None]
    values = level + points @ g + np.einsum("...i,ij,...j->...", points, matrix, points)
    assert bounds.max() <= values.min() + 1e-12
    assert bounds.max() >= values.min() - 1e-2  # the grid of multipliers is coarse


def test_sizes_that_are_not_written_out_are_refused():
    for build in (edit_of_multiplier, ball_bound):
        with pytest.raises(ValueError, match="size"):
            build(3)
        with pytest.raises(TypeError, match="size"):
            build(1.0)
