"""The closed forms of models, compiled: NumPy against mpmath at 30 and 60 digits, and against simulation."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.theory.collapse import forward_operator
from carleman_ssm.theory.excitations import Excitation
from carleman_ssm.theory.initialisations import s4d_legs
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.responses import output_response
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, zero_order_hold
from carleman_ssm.theory.volterra import convolution_kernel, volterra_kernel, volterra_series

DECODER = PolynomialDecoder((1, 2, sp.Rational(1, 3)))
omega = sp.Symbol("omega", real=True)
numbers = st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(-1, 1), st.complex_numbers(max_magnitude=1))


def close(value, expected, rtol=1e-12):
    return abs(complex(value) - complex(expected)) <= rtol * max(1, abs(complex(expected)))


@given(multiplier=numbers, b=numbers, c=numbers, lag=st.integers(0, 40))
def test_the_kernel_of_a_conjugate_pair_is_twice_the_real_part(multiplier, b, c, lag):
    form = convolution_kernel(DiscreteSSM.symbolic(1, feedthrough=True, conjugate_pairs=True))
    value = compile_kernel(form)(multiplier, b, c, 0.25, lag)
    assert close(value, 2 * (complex(c) * complex(multiplier) ** lag * b).real + 0.25 * (lag == 0))


lag_pairs = st.tuples(st.integers(0, 5), st.integers(0, 5))


@given(multipliers=st.lists(numbers, min_size=1, max_size=4), lags=lag_pairs)
def test_volterra_kernels_take_arrays_of_parameters(multipliers, lags):
    kernel = compile_kernel(volterra_kernel(DiscreteSSM.symbolic(1, feedthrough=True), DECODER, 2))
    values = kernel(np.array(multipliers), 2.0, 3.0, 0.5, *lags)
    for value, multiplier in zip(values, multipliers, strict=True):
        first, second = (6 * complex(multiplier) ** lag + 0.5 * (lag == 0) for lag in lags)
        assert close(value, first * second / 3)


@given(inputs=st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_the_series_and_the_operator_agree_in_both_backends(inputs):
    model = DiscreteSSM((sp.Rational(1, 2), sp.I / 3), (1, 2), (3, -sp.I), sp.Rational(1, 4))
    forms = [volterra_series(model, DECODER, 3), forward_operator(model, DECODER, steps=3)]
    series, operator = (compile_kernel(form, origin=1)(np.array(inputs)) for form in forms)
    precise = compile_kernel(forms[0], backend="mpmath", digits=40, origin=1)(inputs)
    assert close(series, operator)
    assert close(series, precise)


RESONANT = {
    "step": (Excitation.step(), {}, 1.0),
    "exponential": (Excitation.exponential(sp.Symbol("s")), {"s": 0.0}, 1.0),
    "sinusoid": (Excitation.sinusoid(omega), {"omega": 0.0}, 1.0),
    "generic": (Excitation.sinusoid(omega), {"omega": 0.7}, 0.5),
}


@pytest.mark.parametrize("form", ["closed", "sum"])
@pytest.mark.parametrize("name", RESONANT)
def test_discrete_responses_have_no_nan_at_resonance(name, form):
    excitation, more, multiplier = RESONANT[name]
    response = output_response(DiscreteSSM.symbolic(1), PolynomialDecoder((0, 1)), excitation, form=form)
    kernel = compile_kernel(response)
    rate = more.get("s", 0.0)
    inputs = [np.cos(more.get("omega", 0.0) * j) * np.exp(rate * j) for j in range(1, 8)]
    batch = np.array([multiplier, 0.0, 0.5, multiplier])
    expected = [sum(m ** (7 - j) * u for j, u in enumerate(inputs, 1)) for m in batch]
    values = kernel(lambda_0=batch, bbar_0=1.0, c_0=1.0, k=7, **more)
    assert np.allclose(values, expected, rtol=1e-12)
    precise = compile_kernel(response, backend="mpmath")
    assert close(precise(lambda_0=multiplier, bbar_0=1, c_0=1, k=7, **more), expected[0])


def test_near_resonance_the_sum_keeps_the_digits_that_the_quotient_loses():
    model, excitation = DiscreteSSM.symbolic(1), Excitation.step()
    near, k = 1.0 + 3e-15, 50
    exact = sum(mpmath.mpf(near) ** j for j in range(k))
    forms = {
        form: output_response(model, PolynomialDecoder((0, 1)), excitation, form=form) for form in ("closed", "sum")
    }
    errors = {
        form: abs(compile_kernel(response)(near, 1.0, 1.0, k) - exact) / exact for form, response in forms.items()
    }
    assert errors["sum"] < 1e-13
    assert errors["closed"] > errors["sum"]


@given(a=st.one_of(st.sampled_from([0.0, 1e-12, -1e-8, 2j]), numbers), t=st.floats(0.01, 3))
def test_continuous_responses_keep_their_digits_at_and_near_resonance(a, t):
    form = output_response(DiagonalSSM.symbolic(1), PolynomialDecoder((0, 1)), Excitation.sinusoid(omega))
    value = compile_kernel(form)(a, 1.0, 1.0, 2.0, t)
    for digits in (30, 60):
        precise = compile_kernel(form, backend="mpmath", digits=digits)
        assert close(value, precise(mpmath.mpmathify(a), 1, 1, 2, mpmath.mpf(t)), rtol=1e-11)


def test_algebraic_frequencies_compile_to_any_precision():
    model = zero_order_hold(s4d_legs(2, output_vector=[1, sp.I]), sp.Rational(1, 10))
    form = convolution_kernel(model)
    values = {digits: compile_kernel(form, backend="mpmath", digits=digits)(3) for digits in (30, 60, 90)}
    with mpmath.workdps(90):
        assert abs(values[30] - values[90]) < mpmath.mpf(10) ** -28
        assert abs(values[60] - values[90]) < mpmath.mpf(10) ** -58
    assert close(compile_kernel(form)(3), values[60])
