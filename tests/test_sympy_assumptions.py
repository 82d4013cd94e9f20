"""Facts about SymPy that the design rests on: if one changes, this file says which."""

import pytest
import sympy as sp

x, y = sp.symbols("x y")
k = sp.Symbol("k", integer=True)


def test_equality_objects_collapse_so_identities_store_two_sides():
    assert sp.Eq(x, x) is sp.true


def test_mutable_matrices_are_unhashable():
    with pytest.raises(TypeError, match="unhashable"):
        hash(sp.Matrix([x]))
    hash(sp.ImmutableMatrix([x]))


def test_symbols_of_one_name_and_other_assumptions_differ():
    assert sp.Symbol("x", real=True) != x
    assert sp.Symbol("x", real=True).name == x.name


def test_powers_of_products_split_for_integer_exponents_only_by_us():
    assert (x * y) ** k != x**k * y**k
    assert sp.exp(x) ** k == sp.exp(k * x)
    assert sp.exp(x) ** y != sp.exp(x * y)


def test_conjugation_distributes_over_the_arithmetic():
    assert sp.conjugate(x * y + x**k) == sp.conjugate(x) * sp.conjugate(y) + sp.conjugate(x) ** k
    assert sp.conjugate(sp.exp(x)) == sp.exp(sp.conjugate(x))


def test_a_reversed_sum_is_minus_the_gap():
    assert sp.Sum(x**k, (k, 3, 0)).doit() == -x - x**2
    assert sp.Sum(x**k, (k, 1, 0)).doit() == 0


def test_the_innermost_limit_of_a_sum_comes_first():
    j = sp.Symbol("j", integer=True)
    assert sp.Sum(1, (j, 1, k), (k, 1, 3)).doit() == 6


def test_strict_sympify_refuses_text():
    with pytest.raises(sp.SympifyError):
        sp.sympify("x", strict=True)


def test_zero_to_the_zero_is_one():
    assert sp.Integer(0) ** 0 == 1
    assert sp.Pow(0, k).subs(k, 0) == 1


def test_a_chosen_dummy_index_makes_equal_dummies():
    assert sp.Dummy("i", integer=True, dummy_index=-1) == sp.Dummy("i", integer=True, dummy_index=-1)
    assert sp.Dummy("i", integer=True) != sp.Dummy("i", integer=True)


def test_lambdify_runs_names_so_we_check_them_and_do_not_use_it():
    with pytest.raises(SyntaxError):
        sp.lambdify([sp.Symbol("x"), sp.Symbol("x", real=True)], x)


def test_latex_passes_commands_in_names_through():
    assert sp.latex(sp.Symbol(r"\input{secret}")) == r"\input{secret}"
