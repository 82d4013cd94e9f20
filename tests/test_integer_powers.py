"""Compiled powers of explicit integers and of integers by use: no float slips in, no 64-bit integer wraps around."""

from fractions import Fraction

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.theory.pair_kernel import pair_kernel
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiscreteSSM

z = sp.Symbol("z")
k, m = sp.symbols("k m", integer=True)
p, q = sp.symbols("p q")  # integers by use alone: an index, a limit, a definition
u, K = sp.IndexedBase("u"), sp.IndexedBase("K")
DIGITS = 40


def relative_error(value, expected):
    """Of an mpf against a fraction, without rounding the fraction first."""
    with mpmath.workdps(DIGITS + 20):
        return abs(value * expected.denominator / expected.numerator - 1)


def direct(first, second, a, b):
    """The second-order kernel of two one-mode layers of unit gains with y² between: its defining sum."""
    return sum(second**r * first ** (a - r) * first ** (b - r) for r in range(min(a, b) + 1))


def layer(multiplier):
    return DiscreteSSM((sp.Rational(multiplier.numerator, multiplier.denominator),), (1,), (1,))


LAGS = [(0, 0), (5, 2), (2, 5), (4, 4), (0, 7), (60, 55)]
MULTIPLIERS = [(Fraction(1, 3), Fraction(1, 5)), (Fraction(1, 2), Fraction(1, 3)), (Fraction(-1, 2), Fraction(1, 4))]


@pytest.mark.parametrize(("first", "second"), [*MULTIPLIERS, (Fraction(2), Fraction(3)), (Fraction(2, 3), Fraction(1))])
def test_pair_kernels_of_explicit_multipliers_keep_every_digit_in_both_backends(first, second):
    form = pair_kernel(layer(first), PolynomialDecoder((0, 0, 1)), layer(second))
    exact, double = compile_kernel(form, "mpmath", DIGITS), compile_kernel(form)
    for lags in LAGS:
        expected = direct(first, second, *lags)
        assert relative_error(exact(*lags), expected) <= mpmath.mpf(10) ** (1 - DIGITS)
        # the two terms of the kernel cancel at most one digit here; a power rounds once
        assert float(double(*lags)) == pytest.approx(float(expected), rel=1e-13)


small = st.fractions(-3, 3, max_denominator=7).filter(bool)


@settings(max_examples=25)
@given(small, small, st.tuples(st.integers(0, 6), st.integers(0, 6)))
def test_pair_kernels_of_random_multipliers_compile_in_both_backends(first, second, lags):
    form = pair_kernel(layer(first), PolynomialDecoder((0, 0, 1)), layer(second))
    expected = direct(first, second, *lags)
    size = sum(abs(second) ** r * abs(first) ** (sum(lags) - 2 * r) for r in range(min(lags) + 1))
    with mpmath.workdps(DIGITS + 20):
        exact = compile_kernel(form, "mpmath", DIGITS)(*lags)
        error = abs(exact - mpmath.mpf(expected.numerator) / expected.denominator)
        # the closed form divides by second − first², which is at least 1/7³ unless it vanishes
        assert error <= mpmath.mpf(10) ** (5 - DIGITS) * size.numerator / size.denominator
    assert float(compile_kernel(form)(*lags)) == pytest.approx(float(expected), abs=1e-11 * float(size))


FORMS = {
    "an explicit base": (ClosedForm(z, 3**-k, (k,)), (5,), Fraction(1, 243)),
    "a negative base": (ClosedForm(z, (-3) ** -k, (k,)), (5,), Fraction(-1, 243)),
    "the smaller of two": (ClosedForm(z, 3 ** -sp.Min(k, m), (k, m)), (5, 7), Fraction(1, 243)),
    "the larger of two": (ClosedForm(z, k ** -sp.Max(k, m), (k, m)), (3, 4), Fraction(1, 81)),
    "a remainder": (ClosedForm(z, 3 ** -sp.Mod(k, 4), (k,)), (7,), Fraction(1, 27)),
    "beyond 64 bits": (ClosedForm(z, 3 ** sp.Min(k, m) / 7, (k, m)), (50, 60), Fraction(3**50, 7)),
    "an undeclared loop index": (ClosedForm(z, sp.Sum(3**-p / p, (p, 1, k)), (k,)), (2,), Fraction(7, 18)),
    "an undeclared product index": (ClosedForm(z, sp.Product(1 / (p + 1), (p, 1, k)), (k,)), (2,), Fraction(1, 6)),
    "an undeclared index": (
        ClosedForm(z, u[p] * 3**-p + 1 / p, (u, p)),
        ([2] * 6, 5),
        Fraction(2, 243) + Fraction(1, 5),
    ),
    "a definition": (ClosedForm(z, 3**-q / q, (k,), {q: sp.Min(k, 5)}), (7,), Fraction(1, 243 * 5)),
    "a local function": (ClosedForm(z, 1 / K[k], (k,), {K[m]: m + 1}), (6,), Fraction(1, 7)),
    "cases": (ClosedForm(z, 1 / (1 + sp.Piecewise((k, k > 2), (q, True))), (q, k)), (1, 6), Fraction(1, 7)),
}


@pytest.mark.parametrize(("form", "values", "expected"), FORMS.values(), ids=FORMS)
def test_a_power_that_may_divide_integers_is_no_float_and_no_error(form, values, expected):
    exact = compile_kernel(form, "mpmath", DIGITS)(*values)
    assert relative_error(exact, expected) <= mpmath.mpf(10) ** (1 - DIGITS)
    assert float(compile_kernel(form)(*values)) == pytest.approx(float(expected), rel=1e-14)
