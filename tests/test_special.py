"""φ_k: whole at 0, with its derivative, in every number system."""

from itertools import product

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.special import phi, phi_mpmath, phi_numpy, unfold_phi
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify

z = sp.Symbol("z")
orders = st.integers(1, 8)


def _series(order, argument, digits):
    """The defining power series, with the digits that cancellation costs on top."""
    with mpmath.workdps(digits + int(abs(argument)) + 20):
        power, total = mpmath.mpf(1) / mpmath.factorial(order), mpmath.mpf(0)
        for n in range(100 + 5 * int(abs(argument))):
            total += power
            power *= mpmath.mpmathify(argument) / (n + 1 + order)
        return total


@pytest.mark.parametrize("order", range(5))
def test_the_value_at_zero_is_one_over_the_factorial(order):
    assert phi(order, 0) == 1 / sp.factorial(order)
    assert phi_numpy(order, 0.0) == pytest.approx(1 / float(sp.factorial(order)), rel=1e-15)
    assert phi_mpmath(order, 0) == 1 / mpmath.factorial(order)


@pytest.mark.parametrize("order", range(1, 5))
def test_the_derivative_is_that_of_the_quotient(order):
    plain = phi(order, z).rewrite(sp.exp)
    assert verify(Identity(phi(order, z).diff(z), plain.diff(z))).proved
    assert verify(Identity(phi(order, z).diff(z) + phi(order + 1, z), plain.diff(z))).evidence is Evidence.REFUTED


@pytest.mark.parametrize("order", range(1, 5))
def test_the_derivative_at_zero_has_no_singularity(order):
    assert phi(order, z).diff(z).subs(z, 0) == 1 / sp.factorial(order + 1)


@pytest.mark.parametrize("order", range(4))
def test_the_recurrence_is_proved(order):
    assert verify(Identity(z * phi(order + 1, z), phi(order, z) - 1 / sp.factorial(order))).proved


def test_evaluation_has_the_digits_asked_for_near_zero_too():
    small = sp.Rational(1, 10**30)
    exact = 1 + small / 2 + small**2 / 6
    assert abs(sp.N(phi(1, small), 80) - exact) < sp.Rational(1, 10**78)
    argument = 1 + sp.I
    assert complex(phi(2, argument).n(30)) == pytest.approx(complex((sp.exp(argument) - 1 - argument) / argument**2))


@given(orders, st.floats(1e-12, 60), st.floats(0, 6.3))
def test_numpy_and_mpmath_agree_with_the_series(order, radius, angle):
    argument = complex(radius * np.exp(1j * angle))
    expected = complex(_series(order, argument, 25))
    assert complex(phi_mpmath(order, argument)) == pytest.approx(expected, rel=1e-12)
    floor = 1e-15 / float(sp.factorial(order - 1)) / max(radius, 1)  # φ_1 has zeros at 2πi n
    assert abs(complex(phi_numpy(order, argument)) - expected) <= 2e-14 * abs(expected) + floor


def test_numpy_keeps_shape_and_reality():
    values = phi_numpy(2, np.linspace(-5, 5, 12).reshape(3, 4))
    assert values.shape == (3, 4)
    assert values.dtype == np.float64
    assert phi_numpy(1, np.array([0j])).dtype == np.complex128


def test_numpy_is_continuous_where_the_method_changes():
    for order, direction in product((1, 2, 5), (1, -1, 1j)):
        edge = direction * (order + 1)
        inside, outside = phi_numpy(order, edge * (1 - 1e-15)), phi_numpy(order, edge * (1 + 1e-15))
        assert abs(inside - outside) < 1e-13 * abs(inside)


def test_conjugation_and_reality_pass_through():
    assert sp.conjugate(phi(1, z)) == phi(1, sp.conjugate(z))
    assert phi(1, sp.Symbol("x", real=True)).is_extended_real
    assert phi(1, z).is_extended_real is None
    assert phi(3, z).func(*phi(3, z).args) == phi(3, z)


def test_unfolding_names_the_divisors():
    plain, divisors = unfold_phi(phi(1, z) + phi(2, 2 * z))
    assert not plain.has(phi)
    assert set(divisors) == {z, 2 * z}
    assert unfold_phi(z) == (z, ())


@pytest.mark.parametrize("order", [-1, sp.Rational(1, 2), sp.Symbol("n", integer=True)])
def test_the_order_must_be_an_explicit_integer(order):
    with pytest.raises(ValueError, match="order of phi"):
        phi(order, z)
    with pytest.raises(ValueError, match="order of phi"):
        phi_numpy(-1, 0.0)


def test_only_the_argument_can_be_differentiated():
    with pytest.raises(sp.core.function.ArgumentIndexError):
        phi(1, z).fdiff(1)
