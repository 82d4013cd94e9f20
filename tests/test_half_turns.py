"""Sines and cosines of half turns: exact zeros, mpmath's values elsewhere, and kernels that refuse 0/0."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import carleman_ssm as cs
from carleman_ssm.formulas.half_turns import cospi, sinpi

pytestmark = pytest.mark.symbolic
WHOLE = np.arange(-9, 10)


@given(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 0.5, -1.5, 7.0, 1e15]))
def test_values_are_those_of_mpmath(x):
    with mpmath.workdps(40):
        wanted = float(mpmath.sinpi(x)), float(mpmath.cospi(x))
    assert np.allclose([sinpi(x), cospi(x)], wanted, rtol=1e-14, atol=1e-300 if x == round(x) else 1e-15)


def test_zeros_are_exact_where_plain_sines_are_not():
    assert not sinpi(WHOLE).any()
    assert not cospi(WHOLE + 0.5).any()
    assert (cospi(WHOLE) == (-1.0) ** np.abs(WHOLE)).all()
    assert np.sin(np.pi * WHOLE[WHOLE > 0]).all()  # not vacuous


def test_complex_arguments_are_reduced_in_their_real_part():
    z = WHOLE + 0.3j
    assert np.allclose(sinpi(z), np.sin(np.pi * z), rtol=1e-12)
    assert np.allclose(cospi(z), np.cos(np.pi * z), rtol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "mpmath"])
def test_the_periodic_sinc_is_refused_where_it_is_no_quotient(backend):
    kernel = cs.compile_kernel(cs.wave_propagator(), backend=backend)
    with pytest.raises(ZeroDivisionError, match="leave that point out"):
        kernel(7, 0, 2)  # z = N: zero over zero
    assert kernel(7, 1, 2) == 0  # z = N − 1: the sum of all roots of unity
    assert abs(kernel(7, 0, 2 + 1e-9) - np.exp(-1)) < 1e-7


@pytest.mark.parametrize("backend", ["numpy", "mpmath"])
def test_cotangents_have_the_same_zeros(backend):
    d, shift = sp.Symbol("d", integer=True), sp.Symbol("x", real=True)
    form = cs.ClosedForm(sp.Symbol("w"), sp.cot(sp.pi * d / 4) + sp.sin(shift), (d, shift))
    kernel = cs.compile_kernel(form, backend=backend)
    assert kernel(2, 0.0) == 0
    assert abs(kernel(1, 0.5) - 1 - np.sin(0.5)) < 1e-15
    with pytest.raises(ZeroDivisionError):
        kernel(4, 0.0)
