"""Affine recurrences: types, closed states, the lift and its collapse, for commuting and other transitions."""

import dataclasses

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.recurrences.affine import (
    InvariantDense,
    InvariantDiagonal,
    VaryingDiagonal,
    VaryingRankOne,
    step_symbols,
)
from carleman_ssm.recurrences.lift import collapse, lift_of_affine_map, lift_size, lifted_step, ordered_product
from carleman_ssm.theory.kronecker import homogeneous_matrix, project_map

pytestmark = pytest.mark.symbolic


def symbolic(kind, states, steps, columns=1):
    drives = [sp.Matrix(states, columns, lambda i, j: sp.Symbol(f"b_{k}_{i}_{j}")) for k in range(steps)]  # noqa: B023
    if kind is InvariantDiagonal:
        return kind(sp.symbols(f"lambda_:{states}"), drives)
    if kind is InvariantDense:
        return kind(sp.Matrix(states, states, lambda i, j: sp.Symbol(f"a_{i}_{j}")), drives)
    if kind is VaryingDiagonal:
        return kind(step_symbols("lambda", steps, states), drives)
    return kind(step_symbols("g", steps), step_symbols("beta", steps), step_symbols("kappa", steps, states), drives)


KINDS = [InvariantDiagonal, InvariantDense, VaryingDiagonal, VaryingRankOne]
SIZES = [(1, 1, 1, 3), (2, 3, 1, 2), (3, 4, 1, 1), (2, 2, 2, 1)]


@pytest.mark.parametrize(("states", "steps", "columns", "degree"), SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_ordered_product_of_lifts_collapses(kind, states, steps, columns, degree):
    form = collapse(symbolic(kind, states, steps, columns), degree)
    verdicts = [verify(certificate) for certificate in form.certificates]
    assert len(verdicts) == 3 * steps + max(steps - 1, 1)
    assert all(verdict.proved for verdict in verdicts)


@pytest.mark.parametrize("kind", [InvariantDense, VaryingRankOne])
def test_factors_in_another_order_are_refuted(kind):
    recurrence = symbolic(kind, 2, 2)
    product = ordered_product(recurrence, 2, 1)
    swapped = Identity(sp.MatMul(*reversed(product.args), evaluate=False), product)
    assert verify(swapped).evidence is Evidence.REFUTED


def test_the_lift_of_a_dense_map_is_the_projected_kronecker_power():
    matrix, shift = sp.Matrix(2, 2, sp.symbols("a:4")), sp.symbols("s t")
    other = project_map(homogeneous_matrix(matrix, sp.Matrix(shift)), 2)
    assert (lift_of_affine_map(matrix, shift, 2) - other).expand().is_zero_matrix


entries = st.fractions(-2, 2, max_denominator=3).map(lambda f: sp.Rational(f.numerator, f.denominator))


@given(st.lists(entries, min_size=4, max_size=4), st.lists(entries, min_size=4, max_size=4))
def test_dense_lifts_multiply_as_the_maps_do(first, second):
    a, b = sp.Matrix(2, 2, first), sp.Matrix(2, 2, second)
    lifts = [lift_of_affine_map(m, [1, -2], 2) for m in (a, b)]
    both = lift_of_affine_map(a * b, list(a * sp.Matrix([1, -2]) + sp.Matrix([1, -2])), 2)
    assert lifts[0] * lifts[1] == both


def test_the_size_of_a_lift_is_the_number_of_its_rows():
    recurrence = symbolic(VaryingRankOne, 2, 1, columns=2)
    assert lifted_step(recurrence, 1, 2).rows == lift_size(4, 2) == 15


@pytest.mark.parametrize("kind", KINDS)
def test_a_propagator_runs_forward_between_steps_of_the_recurrence(kind):
    """It is the ordered product of the steps, and nothing at all for steps in another order."""
    recurrence = symbolic(kind, 2, 3)
    for k in range(4):
        for j in range(k + 1):
            product = sp.eye(2)
            for i in range(j + 1, k + 1):
                product = recurrence.transition(i) * product
            assert (recurrence.propagator(k, j) - product).expand() == sp.zeros(2, 2)
    for k, j in ((1, 2), (0, 1), (2, 3), (3, 4), (2, -1), (0, -1), (4, 0), (-1, -1)):
        for propagator in (recurrence.propagator, recurrence.flat_propagator):
            with pytest.raises(ValueError, match="step"):
                propagator(k, j)
    with pytest.raises(TypeError, match="step j"):
        recurrence.propagator(2, 0.5)
    with pytest.raises(ValueError, match="at least 1"):
        recurrence.transition(0)  # no step, and not the last one


def test_wrong_input_is_refused_with_its_name():
    good = symbolic(VaryingRankOne, 2, 2)
    for change, words in (
        ({"decays": (1,)}, "decays"),
        ({"keys": ((1, 2), (1,))}, "keys"),
        ({"drives": ((1, 2), (1,))}, "drive"),
        ({"strengths": (0.5, 1)}, "strengths"),
    ):
        with pytest.raises(ValueError, match=words):
            dataclasses.replace(good, **change)
    with pytest.raises(ValueError, match="square"):
        InvariantDense(sp.Matrix([[1, 2]]), ((1,),))
    with pytest.raises(ValueError, match="2 steps"):
        good.state(3)
    with pytest.raises(ValueError, match="needs no lift"):
        lift_of_affine_map(sp.eye(40), [0] * 40, 2)
    with pytest.raises(TypeError, match="recurrence"):
        collapse(sp.eye(2), 2)
