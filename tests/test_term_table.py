"""The integer term table against the polynomial ring and the projected Kronecker matrix, exactly."""

import re
from math import comb, prod

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from sympy.polys.rings import ring

from carleman_ssm.theory.kronecker import homogeneous_matrix, project_map
from carleman_ssm.theory.monomials import MonomialBasis
from carleman_ssm.theory.term_table import TermTable, lifted_table
from tests.strategies_carleman import discrete_cases, rationals

SIZES = [(1, 0), (1, 1), (1, 5), (2, 0), (2, 3), (3, 3), (4, 4), (6, 2)]


def ring_cells(states, degree):
    """Cells {(row, column, power of u): (monomial in λ and b, coefficient)} from the polynomial ring."""
    names = [f"{stem}{n}" for stem in "lbx" for n in range(states)]
    _, *generators = ring([*names, "u"], sp.ZZ)
    lam, b, x = (generators[s * states : (s + 1) * states] for s in range(3))
    basis, cells = MonomialBasis(states, degree), {}
    for row, alpha in enumerate(basis.exponents.tolist()):
        factors = ((lam[n] * x[n] + b[n] * generators[-1]) ** k for n, k in enumerate(alpha))
        image = prod(factors, start=lam[0] ** 0)
        for exponents, coefficient in image.terms():
            in_lam, in_b, in_x = (exponents[s * states : (s + 1) * states] for s in range(3))
            cells[row, int(basis.rank(list(in_x))), exponents[-1]] = (in_lam, in_b, int(coefficient))
    return cells


def table_cells(table: TermTable):
    factors = [term for block in table.factors for term in block.T.tolist()]
    cells = {}
    for row, column, power, coefficient, term in zip(
        table.row.tolist(),
        table.column.tolist(),
        table.input_power.tolist(),
        table.coefficient.tolist(),
        factors,
        strict=True,
    ):
        in_lam = tuple(term.count(2 * n) for n in range(table.states))
        in_b = tuple(term.count(2 * n + 1) for n in range(table.states))
        cells[row, column, power] = (in_lam, in_b, coefficient)
    return cells


@pytest.mark.parametrize(("states", "degree"), SIZES)
def test_the_table_is_the_expansion_in_the_polynomial_ring(states, degree):
    table = lifted_table(states, degree)
    assert table_cells(table) == ring_cells(states, degree)


@pytest.mark.parametrize(("states", "degree"), [(1, 0), (1, 4), (2, 3), (3, 2), (3, 3), (4, 2)])
def test_the_table_is_the_projected_kronecker_power_symbolically(states, degree):
    lam, b, u = sp.symbols(f"l:{states}"), sp.symbols(f"b:{states}"), sp.Symbol("u")
    kronecker = project_map(homogeneous_matrix(sp.diag(*lam), sp.Matrix(b) * u), degree)
    table = lifted_table(states, degree).to_sympy(lam, b, u)
    assert (table - kronecker).expand() == sp.zeros(*kronecker.shape)


@given(discrete_cases(), rationals)
def test_all_three_routes_agree_on_exact_numbers(case, u):
    model, decoder = case
    lam, b, degree = model.multipliers, model.input_vector, decoder.degree
    table = lifted_table(model.states, degree).to_sympy(lam, b, u)
    kronecker = project_map(homogeneous_matrix(sp.diag(*lam), sp.Matrix(b) * u), degree)
    assert (table - kronecker).expand() == sp.zeros(*table.shape)
    cells = ring_cells(model.states, degree)
    summed = sp.zeros(*table.shape)
    for (row, column, power), (in_lam, in_b, coefficient) in cells.items():
        factors = [v**k for v, k in zip((*lam, *b, u), (*in_lam, *in_b, power), strict=True) if k]
        summed[row, column] += coefficient * sp.Mul(*factors)
    assert (table - summed).expand() == sp.zeros(*table.shape)


@pytest.mark.parametrize(("states", "degree"), [*SIZES, (8, 4), (16, 3), (40, 2)])
def test_there_is_one_term_for_every_monomial_in_the_atoms(states, degree):
    table = lifted_table(states, degree)
    assert len(table) == comb(2 * states + degree, degree)
    places = set(zip(table.row.tolist(), table.column.tolist(), strict=True))
    assert len(places) == len(table)  # one term in each cell: nothing is collected, nothing overwritten
    assert table.input_power.max() == degree  # state-affine of degree exactly P in u, not bilinear for P > 1
    degrees = table.basis.degrees
    assert np.array_equal(degrees[table.row] - degrees[table.column], table.input_power)
    assert (table.row >= table.column).all()


@given(st.integers(1, 12), st.integers(0, 4), st.data())
def test_a_drawn_term_has_the_binomial_coefficient(states, degree, data):
    table = lifted_table(states, degree)
    term = data.draw(st.integers(0, len(table) - 1))
    alpha, beta = (table.basis.unrank(int(place[term])).tolist() for place in (table.row, table.column))
    assert table.coefficient[term] == prod(map(comb, alpha, beta))


def test_coefficients_beyond_64_bits_stay_exact():
    table = lifted_table(1, 70)
    assert table.coefficient.dtype == object
    expected = [comb(a, b) for a, b in zip(table.row.tolist(), table.column.tolist(), strict=True)]
    assert table.coefficient.tolist() == expected
    assert max(expected) > 2**63
    assert lifted_table(1, 56).coefficient.dtype == np.int64
    assert lifted_table(1, 56).coefficient.max() == comb(56, 28)


def test_many_atoms_need_wider_factors():
    table = lifted_table(200, 2)
    assert max(int(block.max()) for block in table.factors[1:]) == 399
    assert len(table) == comb(402, 2)


def test_the_large_lift_fits_forty_megabytes():
    table = lifted_table(32, 4)
    assert len(table) == 814_385
    assert table.nbytes <= 40e6


TOKEN = re.compile(r"(\\lambda|\\bar\{b\})_\{(\d+)\}(?:\^\{(\d+)\})?|(u)(?:\^\{(\d+)\})?|(\d+)")


def parse(text):
    """Coefficient, sorted atoms and power of u of one LaTeX term."""
    coefficient, atoms, power = 1, [], 0
    assert not TOKEN.sub("", text).strip()
    for stem, index, exponent, u, u_exponent, number in TOKEN.findall(text):
        if stem:
            atoms += [2 * int(index) + (stem != r"\lambda")] * int(exponent or 1)
        elif u:
            power += int(u_exponent or 1)
        else:
            coefficient *= int(number)
    return coefficient, sorted(atoms), power


@pytest.mark.parametrize(("states", "degree"), SIZES)
def test_latex_read_back_gives_the_table(states, degree):
    table = lifted_table(states, degree)
    factors = [term for block in table.factors for term in block.T.tolist()]
    expected = list(zip(table.coefficient.tolist(), factors, table.input_power.tolist(), strict=True))
    assert [parse(text) for text in table.latex()] == expected


def test_latex_names_can_be_chosen():
    assert lifted_table(1, 1).latex(multiplier="a", gain="b", u="v") == ["1", "a_{0}", "b_{0} v"]


@given(discrete_cases(), rationals)
def test_sparse_matrices_are_the_exact_matrix_in_floating_point(case, u):
    model, decoder = case
    table = lifted_table(model.states, decoder.degree)
    lam, b = (np.array(vector, dtype=complex) for vector in (model.multipliers, model.input_vector))
    exact = np.array(table.to_sympy(model.multipliers, model.input_vector, u).evalf(20), dtype=complex)
    scale = 1 + np.abs(exact).max()
    assert np.abs(table.matrix(lam, b, complex(u)).toarray() - exact).max() <= 1e-13 * scale
    parts = table.matrices(lam, b)
    assert len(parts) == decoder.degree + 1
    summed = sum(complex(u) ** r * part.toarray() for r, part in enumerate(parts))
    assert np.abs(summed - exact).max() <= 1e-13 * scale


def test_requests_beyond_the_budget_name_the_size_and_another_form():
    with pytest.raises(ValueError, match=rf"{comb(132, 4):,} terms.*Volterra form.*rank-\(P\+1\) form"):
        lifted_table(64, 4)
    with pytest.raises(ValueError, match=r"expression has .* more than the 5,000"):
        lifted_table(16, 4).to_sympy([0] * 16, [0] * 16)
    with pytest.raises(ValueError, match="list of the atoms"):
        lifted_table(1, 1000)


def test_vectors_of_the_wrong_length_are_refused():
    table = lifted_table(2, 2)
    with pytest.raises(ValueError, match="N = 2"):
        table.values([1.0], [1.0])
    with pytest.raises(ValueError, match="N = 2"):
        table.to_sympy([1], [1])
    with pytest.raises(ValueError, match="shorter"):
        table.to_sympy([1, 2], [1])


def test_a_table_cannot_be_changed():
    table = lifted_table(2, 2)
    with pytest.raises(ValueError, match="read-only"):
        table.row[0] = 1
    with pytest.raises(AttributeError):
        table.row = table.column
    with pytest.raises(ValueError, match="one entry for each monomial"):
        TermTable(2, 1, table.row, table.column, table.input_power, table.coefficient, table.factors)
