"""Convex programs: optimality conditions, another solver, degenerate rows, programs that cannot be met."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from carleman_ssm.steering.quadratic_programs import (
    DenseCurvature,
    MatrixFreeCurvature,
    Program,
    conjugate_gradients,
    solve_program,
)


class MatrixBounds:
    """Bounds whose rows are written out."""

    def __init__(self, rows):
        self.rows = rows

    def apply(self, step):
        return self.rows @ step

    def transpose(self, weights):
        return self.rows.T @ weights

    def gram(self, weights):
        return self.rows.T @ (weights[:, None] * self.rows)

    def gram_diagonal(self, weights):
        return np.einsum("kr,k,kr->r", self.rows, weights, self.rows)


NO_BOUNDS = MatrixBounds(np.zeros((0, 1)))


@st.composite
def programs(draw, most=12):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size, margins = draw(st.integers(1, most)), draw(st.integers(0, 4))
    root = generator.normal(size=(size, size))
    jacobian = generator.normal(size=(margins, size))
    if margins > 1 and draw(st.booleans()):
        jacobian[1] = jacobian[0]  # a row twice
    if margins and draw(st.booleans()):
        jacobian[-1] = 0.0  # cannot be met, or is met already
    scale = draw(st.sampled_from((1e-3, 1.0, 1e3)))
    rows = np.concatenate([np.eye(size), -np.eye(size)])[: draw(st.sampled_from((0, size, 2 * size)))]
    room = generator.uniform(0, 1, len(rows)) * scale * generator.integers(0, 2, len(rows))  # often no room at all
    return Program(
        DenseCurvature(root @ root.T / size + 0.1 * np.eye(size)),
        scale * generator.normal(size=size),
        scale * generator.normal(size=margins),
        jacobian,
        np.full(margins, scale * draw(st.sampled_from((0.1, 10.0, 1e4)))),
        MatrixBounds(rows),
        room,
    )


def optimality_residual(program, step, multipliers, bound_multipliers):
    """Largest violation of the conditions, relative to the scale of the data (squared for products)."""
    scale = max(np.abs(program.values).max(initial=0.0), np.linalg.norm(program.slope))
    ahead, room = program.values + program.jacobian @ step, program.room + program.bounds.apply(step)
    force = program.curvature.product(step) + program.slope - program.jacobian.T @ multipliers
    parts = [
        np.abs(force - program.bounds.transpose(bound_multipliers)).max() / scale,
        -min(0.0, room.min(initial=0.0)) / scale,
        -min(0.0, multipliers.min(initial=0.0), (program.penalties - multipliers).min(initial=0.0)),
        np.abs(multipliers * np.maximum(ahead, 0.0)).max(initial=0.0) / scale**2,
        np.abs((program.penalties - multipliers) * np.maximum(-ahead, 0.0)).max(initial=0.0) / scale**2,
        np.abs(bound_multipliers * room).max(initial=0.0) / scale**2,
    ]
    return max(parts)


@given(programs())
def test_solutions_fulfil_the_conditions_of_optimality(program):
    """1e-6: slacks may differ from their definition by the solver's residual (1e-12) times penalties of up to 1e4."""
    found = solve_program(program)
    assert found.solved
    assert optimality_residual(program, found.step, found.multipliers, found.bound_multipliers) < 1e-6


def test_a_multiplier_that_is_wrong_is_refuted():
    curvature, jacobian = DenseCurvature(np.eye(1)), np.ones((1, 1))
    one = Program(curvature, np.zeros(1), -np.ones(1), jacobian, np.array([9.0]), NO_BOUNDS, np.zeros(0))
    found = solve_program(one)
    np.testing.assert_allclose([found.step[0], found.multipliers[0]], 1.0, rtol=1e-9)
    assert optimality_residual(one, found.step, found.multipliers, np.zeros(0)) < 1e-9
    assert optimality_residual(one, found.step, 0.5 * found.multipliers, np.zeros(0)) > 0.1


@given(programs(most=5))
def test_another_solver_finds_nothing_smaller(program):
    size = len(program.slope)
    found = solve_program(program)

    def objective(step):
        lacking = np.maximum(-(program.values + program.jacobian @ step), 0.0)
        return 0.5 * step @ program.curvature.product(step) + program.slope @ step + program.penalties @ lacking

    limits = {"type": "ineq", "fun": lambda step: program.room + program.bounds.apply(step)}
    other = minimize(objective, np.zeros(size), constraints=limits if len(program.room) else (), method="SLSQP")
    feasible = (program.room + program.bounds.apply(other.x)).min(initial=0.0) > -1e-12
    scale = max(1e-12, abs(objective(found.step)), np.linalg.norm(program.slope) ** 2)
    assert not feasible or objective(found.step) <= other.fun + 1e-7 * scale


@given(programs())
def test_products_alone_give_the_same_solution(program):
    """Degenerate bounds are met to the square root of the precision: 1e-12 of complementarity leaves 1e-6."""
    matrix = program.curvature.matrix
    free = MatrixFreeCurvature(lambda rows: rows @ matrix, np.diag(matrix))
    entries = {name: getattr(program, name) for name in ("slope", "values", "jacobian", "penalties", "bounds", "room")}
    first, second = solve_program(program), solve_program(Program(free, **entries))
    scale = max(np.abs(program.values).max(initial=0.0), np.linalg.norm(program.slope))
    np.testing.assert_allclose(second.step, first.step, atol=3e-5 * scale)


def test_inequalities_that_contradict_each_other_leave_the_cheaper_one():
    """d ≥ 1 and d ≤ −1, the first ten times as dear."""
    both = Program(
        DenseCurvature(np.eye(1)),
        np.zeros(1),
        np.array([-1.0, -1.0]),
        np.array([[1.0], [-1.0]]),
        np.array([100.0, 10.0]),
        NO_BOUNDS,
        np.zeros(0),
    )
    found = solve_program(both)
    np.testing.assert_allclose(found.step, 1.0, rtol=1e-8)
    np.testing.assert_allclose(found.multipliers, [11.0, 10.0], rtol=1e-8)


def test_a_curvature_that_is_not_definite_is_reported_as_unsolved():
    none = np.zeros(0)
    program = Program(DenseCurvature(-np.eye(2)), np.ones(2), none, np.zeros((0, 2)), none, NO_BOUNDS, none)
    assert not solve_program(program).solved


def test_conjugate_gradients_solve_each_row_and_leave_zero_alone():
    generator = np.random.default_rng(3)
    root = generator.normal(size=(30, 30))
    matrix, rhs = root @ root.T / 30 + np.eye(30), generator.normal(size=(3, 30))
    rhs[1] = 0.0
    found = conjugate_gradients(lambda rows: rows @ matrix, rhs, 1.0 / np.diag(matrix), 1e-12)
    np.testing.assert_allclose(found @ matrix, rhs, atol=1e-10)
    assert not found[1].any()
    with pytest.raises(AssertionError):  # the false twin: one step is not enough
        np.testing.assert_allclose((rhs / np.diag(matrix)) @ matrix, rhs, atol=1e-10)
