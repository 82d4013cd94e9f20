from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.theory.initialisations import s4d_inv, s4d_legs
from carleman_ssm.theory.legendre import (
    _disjoint,
    _isolates,
    legs_characteristic_polynomial,
    legs_enclosures,
    legs_frequencies,
    legs_rational_matrix,
    legs_skew_matrix,
)

mu = sp.Symbol("mu")


def hippo(size):
    """HiPPO-LegS from its definition."""
    return sp.Matrix(
        size, size, lambda n, k: -sp.sqrt((2 * n + 1) * (2 * k + 1)) if n > k else -(n + 1) if n == k else 0
    )


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_skew_part_is_what_remains_of_hippo_without_rank_one_and_half(size):
    p = sp.Matrix([sp.sqrt(sp.Rational(2 * n + 1, 2)) for n in range(size)])
    rest = (hippo(size) + p * p.T + sp.eye(size) / 2).applyfunc(sp.sqrtdenest)
    assert (rest - legs_skew_matrix(size)).applyfunc(sp.radsimp) == sp.zeros(size)
    assert -legs_skew_matrix(size) == legs_skew_matrix(size).T


@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_rational_matrix_is_similar_to_the_skew_part(size):
    d = sp.diag(*(sp.sqrt(2 * n + 1) for n in range(size)))
    assert d * legs_rational_matrix(size) == (legs_skew_matrix(size) * d).applyfunc(sp.radsimp)


@pytest.mark.parametrize("size", range(1, 10))
def test_the_characteristic_polynomial_is_the_determinant(size):
    determinant = legs_rational_matrix(size).charpoly(mu)
    assert legs_characteristic_polynomial(size, mu).as_expr() == determinant.as_expr()
    assert (legs_characteristic_polynomial(size, mu) + 1).as_expr() != determinant.as_expr()


@pytest.mark.parametrize("states", [1, 2, 4, 8, 32])
def test_the_roots_are_the_numeric_spectrum_of_the_normal_part(states):
    size = 2 * states
    n = np.arange(size)
    weights = np.sqrt(np.outer(2 * n + 1, 2 * n + 1))
    dense = np.where(n[:, None] > n, -weights, 0) - np.diag(n + 1.0)
    normal = dense + np.outer(np.sqrt(n + 0.5), np.sqrt(n + 0.5))
    spectrum = np.linalg.eigvals(normal)
    assert np.abs(spectrum.real + 0.5).max() <= 1e-12  # THEORY T6: 1e-14, with its margin of 100
    numeric = np.sort(spectrum.imag)[::-1][:states]
    exact = np.array([float(lower) for lower, _ in legs_enclosures(states)])
    assert np.allclose(exact, numeric, rtol=1e-9)


def test_the_frequencies_of_legs_and_inv_differ_by_the_stated_percentages():
    """THEORY T6: mode by mode by 1.4 to 22.6 % of those of LegS, with 32 stored modes (N = 64)."""
    legs = np.array([float(lower) for lower, _ in legs_enclosures(32)])
    inv = np.array([complex(a).imag for a in s4d_inv(32).eigenvalues])
    percent = 100 * np.abs(legs - inv) / legs
    assert abs(percent.min() - 1.4) <= 0.05  # printed to one digit
    assert abs(percent.max() - 22.6) <= 0.05
    assert (np.diff(legs) < 0).all()  # the largest first in both
    assert (np.diff(inv) < 0).all()


def test_the_eigenvectors_of_hippo_lose_digits_from_the_smallest_size_on():
    """THEORY T1: condition 86 at N = 4 in float64; the normal part alone has orthonormal eigenvectors."""
    matrix = np.array(hippo(4).evalf().tolist(), float)
    assert abs(np.linalg.cond(np.linalg.eig(matrix)[1]) - 86) < 0.5
    p = np.sqrt(np.arange(4) + 0.5)
    assert np.linalg.cond(np.linalg.eig(matrix + np.outer(p, p))[1]) < 1 + 1e-12


def test_size_eight_has_the_published_frequencies():
    for (lower, upper), published in zip(legs_enclosures(4), [19.857, 5.354, 1.958, 0.428], strict=True):
        middle = (lower + upper) / 2
        assert abs(middle - sp.Rational(str(published))) <= sp.Rational(1, 1000)


def test_size_sixty_four_has_the_published_largest_frequency():
    assert 1303 <= legs_enclosures(32)[0][0] <= 1304


@given(states=st.integers(1, 12), bits=st.sampled_from([80, 128, 300]))
def test_each_interval_holds_one_root_by_the_law_of_the_arctangents(states, bits):
    intervals = legs_enclosures(states, bits)
    assert len(intervals) == states
    with flint.ctx.workprec(bits + 60):
        for j, (lower, upper) in enumerate(reversed(intervals)):
            target = flint.arb.pi() * (2 * j + 1) / 2
            below, above = (
                sum(
                    (flint.arb(flint.fmpq(end.p, end.q)) / (flint.arb(2 * n + 1) / 2)).atan() for n in range(2 * states)
                )
                for end in (lower, upper)
            )
            assert below < target < above


@pytest.mark.parametrize("states", [1, 3, 8])
def test_exact_roots_lie_in_the_enclosures_and_have_no_radicals(states):
    for root, (lower, upper) in zip(legs_frequencies(states), legs_enclosures(states), strict=True):
        assert isinstance(root, sp.CRootOf)
        assert lower < root.evalf(60) < upper
    assert all(sp.re(value) == -sp.Rational(1, 2) for value in s4d_legs(states).eigenvalues)


def test_the_exact_check_of_an_interval_sees_a_missing_root_and_an_overlap():
    polynomial = flint.fmpz_poly([-4, 1])  # in the square of the frequency: the root is 2
    assert _isolates(polynomial, Fraction(1), Fraction(3))
    assert not _isolates(polynomial, Fraction(1), Fraction(3, 2))
    assert not _isolates(polynomial, Fraction(2), Fraction(3))
    assert not _isolates(polynomial, Fraction(-3), Fraction(1))
    assert _disjoint([(Fraction(3), Fraction(4)), (Fraction(1), Fraction(2))])
    assert not _disjoint([(Fraction(2), Fraction(4)), (Fraction(1), Fraction(2))])


def test_too_few_bits_are_an_error_and_not_a_wrong_interval():
    with pytest.raises(ArithmeticError, match="more bits"):
        legs_enclosures(32, bits=4)


@pytest.mark.parametrize(
    "call",
    [
        lambda: legs_frequencies(0),
        lambda: legs_enclosures(0),
        lambda: legs_frequencies(65),
        lambda: legs_characteristic_polynomial(0, mu),
    ],
)
def test_impossible_sizes_are_refused(call):
    with pytest.raises(ValueError):
        call()
