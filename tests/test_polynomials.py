from itertools import product
from math import comb

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.theory.monomials import MonomialBasis
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_free
from carleman_ssm.theory.ssm import DiagonalSSM
from tests.strategies_carleman import decoders, gaussians

Y = sp.Symbol("y")
any_decoder = st.integers(0, 5).flatmap(decoders)


@given(any_decoder, gaussians)
def test_horner_agrees_with_the_sum_of_powers(decoder, value):
    powers = sum(g * value**p if p else g for p, g in enumerate(decoder.coefficients))
    assert sp.expand(decoder(value) - powers) == 0


@given(any_decoder)
def test_the_derivative_is_sympys_derivative(decoder):
    assert sp.expand(decoder.derivative()(Y) - sp.diff(decoder(Y), Y)) == 0
    assert decoder.derivative().degree == max(decoder.degree - 1, 0)


@given(any_decoder, gaussians)
def test_shifting_is_substitution_and_can_be_undone(decoder, offset):
    shifted = decoder.shifted(offset)
    assert sp.expand(shifted(Y) - decoder(Y + offset)) == 0
    back = shifted.shifted(-offset)
    assert all(sp.expand(g - h) == 0 for g, h in zip(back.coefficients, decoder.coefficients, strict=True))


def test_a_shift_with_a_dropped_binomial_is_not_substitution():
    g = sp.symbols("g_0:3")
    d = sp.Symbol("d")
    wrong = PolynomialDecoder(tuple(sum(g[p] * d ** (p - q) for p in range(q, 3)) for q in range(3)))
    assert sp.expand(wrong(Y) - PolynomialDecoder(g)(Y + d)) == g[2] * -d * Y


def test_symbolic_decoders_name_their_coefficients():
    decoder = PolynomialDecoder.symbolic(degree=2)
    assert [g.name for g in decoder.coefficients] == ["g_0", "g_1", "g_2"]
    assert decoder.parameters == decoder.coefficients
    assert PolynomialDecoder.symbolic(DiagonalSSM.symbolic(states=2), degree=0).degree == 0


def test_the_stated_degree_keeps_a_leading_zero():
    assert PolynomialDecoder((1, 2, 0)).degree == 2


INEXACT = [(), (0.5,), (sp.Float(1),), (sp.oo,), (sp.nan,), (sp.Symbol("a") * 0.1,)]


@pytest.mark.parametrize("coefficients", INEXACT)
def test_inexact_or_missing_coefficients_are_refused(coefficients):
    with pytest.raises(ValueError, match=r"exact|at least g_0"):
        PolynomialDecoder(coefficients)


@pytest.mark.parametrize("coefficient", ["1", None, sp.Matrix([1]), object()])
def test_text_and_other_objects_are_refused(coefficient):
    with pytest.raises(TypeError, match=r"g_0"):
        PolynomialDecoder((coefficient,))


def test_degrees_and_names_are_checked():
    with pytest.raises(ValueError, match="negative"):
        PolynomialDecoder.symbolic(degree=-1)
    with pytest.raises(TypeError, match="integer"):
        PolynomialDecoder.symbolic(degree=1.5)
    model = DiagonalSSM(sp.symbols("g_0,"), (1,), (1,))
    with pytest.raises(ValueError, match="already uses g_0"):
        PolynomialDecoder.symbolic(model, degree=1)
    assert PolynomialDecoder.symbolic(model, degree=1, name="h").coefficients[0].name == "h_0"


def brute_force_order(states, degree):
    """Graded lexicographic order by sorting, the independent route to `rank`."""
    everything = [a for a in product(range(degree + 1), repeat=states) if sum(a) <= degree]
    return sorted(everything, key=lambda a: (sum(a), [-k for k in a]))


@pytest.mark.parametrize(("states", "degree"), [(1, 0), (1, 6), (2, 5), (3, 4), (4, 3), (6, 2)])
def test_the_basis_is_in_graded_lexicographic_order(states, degree):
    basis = MonomialBasis(states, degree)
    expected = brute_force_order(states, degree)
    assert basis.size == len(expected) == comb(states + degree, degree)
    assert basis.exponents.tolist() == [list(a) for a in expected]
    assert basis.rank(np.array(expected)).tolist() == list(range(basis.size))


@given(st.integers(1, 40), st.integers(0, 6), st.data())
def test_rank_and_unrank_are_inverse_also_where_the_basis_is_huge(states, degree, data):
    basis = MonomialBasis(states, degree)
    place = data.draw(st.lists(st.integers(0, basis.size - 1), min_size=1, max_size=4))
    exponents = basis.unrank(place)
    assert exponents.min() >= 0
    assert exponents.sum(-1).max() <= degree
    assert basis.rank(exponents).tolist() == place


@given(st.integers(1, 5), st.integers(0, 4), st.data())
def test_the_order_is_degree_first(states, degree, data):
    basis = MonomialBasis(states, degree)
    i, j = sorted(data.draw(st.lists(st.integers(0, basis.size - 1), min_size=2, max_size=2)))
    lower, higher = basis.unrank([i, j]).tolist()
    assert (sum(lower), [-k for k in lower]) <= (sum(higher), [-k for k in higher])


def test_the_lift_multiplies_powers():
    x, y = sp.symbols("x y")
    assert MonomialBasis(2, 2).lift((x, y)) == (1, x, y, x**2, x * y, y**2)
    assert MonomialBasis(2, 1).lift((sp.S.Zero, sp.S.Zero)) == (1, 0, 0)
    with pytest.raises(ValueError, match="needs 2 coordinates"):
        MonomialBasis(2, 2).lift((x,))


def test_wrong_requests_to_a_basis_are_refused():
    for arguments in ((0, 1), (1, -1)):
        with pytest.raises(ValueError, match=r"at least one|negative"):
            MonomialBasis(*arguments)
    with pytest.raises(ValueError, match="62 bits"):
        MonomialBasis(1000, 40)
    basis = MonomialBasis(2, 2)
    for exponents in ([1, 1, 1], [2, 1], [-1, 1], [[0.5, 0]]):
        with pytest.raises(ValueError, match="exponents must"):
            basis.rank(exponents)
    for place in (-1, 6):
        with pytest.raises(ValueError, match="places must"):
            basis.unrank([place])
    with pytest.raises(ValueError, match=r"1,221,759 terms.*Volterra"):
        _ = MonomialBasis(40, 5).exponents


def test_names_of_a_statement_are_told_by_what_is_printed():
    """A symbol with other assumptions is another one to SymPy, but reads the same on paper and in generated code."""
    with pytest.raises(ValueError, match="the decoder uses the names mu, v,"):
        require_free(sp.symbols("v g_0 mu"), (sp.Symbol("mu", real=True), "v"), "the decoder")
    require_free(sp.symbols("g_0 nu"), ("mu", "v"), "the decoder")
