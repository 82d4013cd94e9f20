"""The Kronecker route: its algebra, and its agreement with SymPy and with itself."""

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from sympy.physics.quantum import TensorProduct
from sympy.polys.matrices import DomainMatrix

from carleman_ssm.theory.kronecker import (
    duplication_matrix,
    elimination_matrix,
    homogeneous_matrix,
    kronecker_power,
    kronecker_product,
    kronecker_sum,
    project_flow,
    project_map,
)
from carleman_ssm.theory.monomials import MonomialBasis
from tests.strategies_carleman import rationals, sizes


def matrices(rows, columns=None):
    columns = rows if columns is None else columns
    entries = st.lists(rationals, min_size=rows * columns, max_size=rows * columns)
    return entries.map(lambda values: sp.Matrix(rows, columns, values))


def exact(matrix):
    return DomainMatrix.from_Matrix(matrix)


def dense(matrix):
    return sp.Matrix(matrix.to_Matrix())


@given(matrices(2, 3), matrices(3, 2))
def test_the_product_is_sympys_tensor_product(a, b):
    assert dense(kronecker_product(exact(a), exact(b))) == sp.Matrix(TensorProduct(a, b))


@given(matrices(2), matrices(2), matrices(2), matrices(2))
def test_the_mixed_product_rule_holds(a, b, c, d):
    factors = [kronecker_product(exact(f), exact(g)).to_Matrix() for f, g in ((a, b), (c, d))]
    assert factors[0] * factors[1] == kronecker_product(exact(a * c), exact(b * d)).to_Matrix()


@given(matrices(2), st.integers(0, 3))
def test_the_sum_is_the_derivative_of_the_power(a, power):
    t = sp.Symbol("t")
    curve = dense(kronecker_power(exact(sp.eye(2) + t * a), power))
    assert curve.diff(t).subs(t, 0) == dense(kronecker_sum(exact(a), power))


@pytest.mark.parametrize(("states", "degree"), [(1, 0), (1, 3), (2, 2), (3, 3), (4, 2)])
def test_elimination_undoes_duplication(states, degree):
    e, e_plus = duplication_matrix(states, degree), elimination_matrix(states, degree)
    assert e.shape == ((states + 1) ** degree, MonomialBasis(states, degree).size)
    assert e_plus.to_Matrix() * e.to_Matrix() == sp.eye(e.shape[1])
    x = sp.Matrix([1, *sp.symbols(f"x:{states}")])
    words = dense(kronecker_power(exact(x), degree))
    lift = sp.Matrix(MonomialBasis(states, degree).lift(tuple(x[1:])))
    assert words.expand() == e.to_Matrix() * lift
    assert (e_plus.to_Matrix() * words).expand() == lift


affine_pairs = sizes.flatmap(lambda size: st.tuples(st.just(size[1]), *[matrices(size[0]), matrices(size[0], 1)] * 2))


@given(affine_pairs)
def test_lifting_affine_maps_is_a_representation(drawn):
    degree, a, s, b, t = drawn
    f, g = homogeneous_matrix(a, s), homogeneous_matrix(b, t)
    composed = homogeneous_matrix(a * b, a * t + s)
    # C(f) takes x to f(x) in the lift, so the lift of f∘g is C(f) C(g), exactly, although both are truncated
    assert project_map(f, degree) * project_map(g, degree) == project_map(composed, degree)


@given(matrices(2), matrices(2, 1), st.integers(0, 3))
def test_the_lifted_flow_is_the_generator_of_the_lifted_map(a, b, degree):
    t = sp.Symbol("t")
    map_at_t = project_map(homogeneous_matrix(sp.eye(2) + t * a, t * b), degree)
    assert map_at_t.diff(t).subs(t, 0) == project_flow(homogeneous_matrix(a, b, corner=0), degree)


def test_a_wrong_constant_row_is_not_a_flow():
    a, b = sp.Matrix([[sp.Rational(1, 2)]]), sp.Matrix([1])
    assert project_flow(homogeneous_matrix(a, b), 2) != project_flow(homogeneous_matrix(a, b, corner=0), 2)


def test_sizes_beyond_the_oracle_are_refused():
    with pytest.raises(ValueError, match=r"Kronecker basis has 15,625 terms"):
        duplication_matrix(4, 6)
    large = homogeneous_matrix(sp.eye(4), sp.zeros(4, 1))
    for project in (project_map, project_flow):
        with pytest.raises(ValueError, match="10,000"):
            project(large, 6)
        with pytest.raises(ValueError, match="negative"):
            project(large, -1)
