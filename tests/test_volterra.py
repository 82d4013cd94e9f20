from math import prod

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.carleman import carleman_lift
from carleman_ssm.theory.initialisations import s4d_lin
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiscreteSSM, zero_order_hold
from carleman_ssm.theory.volterra import convolution_kernel, volterra_kernel, volterra_series
from tests.strategies_ssm import decoders, discrete_models, planted, real_inputs, simulated_output, value_of

SIZES = [(1, 0), (1, 3), (2, 2), (2, 3), (3, 1), (3, 3)]


def symbolic(states, feedthrough, pairs=False):
    return DiscreteSSM.symbolic(states, feedthrough=feedthrough, conjugate_pairs=pairs)


@pytest.mark.parametrize("feedthrough", [False, True])
@pytest.mark.parametrize(("states", "pairs"), [(1, False), (2, False), (3, False), (1, True), (2, True)])
def test_the_convolution_kernel_is_proved_for_symbolic_lags(states, feedthrough, pairs):
    for certificate in convolution_kernel(symbolic(states, feedthrough, pairs)).certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED, certificate.name


@pytest.mark.parametrize("feedthrough", [False, True])
@pytest.mark.parametrize(("states", "degree"), SIZES)
def test_volterra_kernels_of_every_order_are_proved(states, degree, feedthrough):
    decoder = PolynomialDecoder.symbolic(degree=degree)
    for order in range(degree + 2):
        for certificate in volterra_kernel(symbolic(states, feedthrough), decoder, order).certificates:
            assert verify(certificate).proved, (order, certificate.name)


def test_volterra_kernels_of_conjugate_pairs_are_proved():
    decoder = PolynomialDecoder.symbolic(degree=2)
    for certificate in volterra_kernel(symbolic(1, True, True), decoder, 2).certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED, certificate.name


@pytest.mark.parametrize(("states", "degree"), SIZES)
def test_the_series_equals_the_recurrence_symbolically(states, degree):
    form = volterra_series(symbolic(states, True), PolynomialDecoder.symbolic(degree=degree), 3)
    assert verify(form.certificates[0]).proved
    assert verify(planted(form.certificates[0])).evidence is Evidence.REFUTED


def test_the_statement_of_the_series_is_the_series_itself():
    form = volterra_series(symbolic(2, True), PolynomialDecoder.symbolic(degree=2), 2)
    assert verify(Identity(unfold(form).expression, form.certificates[0].right)).proved


def test_forgetting_the_multiplicity_of_a_pair_of_lags_is_refuted():
    form = volterra_series(symbolic(1, False), PolynomialDecoder((0, 0, 1)), 2)
    u = sp.IndexedBase("u")
    halved = form.expression.subs(2 * u[1] * u[2], u[1] * u[2])
    twin = sum(term / 2 if term.has(u[1]) and term.has(u[2]) else term for term in form.expression.args)
    assert halved != form.expression
    wrong = unfold(type(form)(form.symbol, twin, form.arguments, form.where)).expression
    assert verify(Identity(wrong, form.certificates[0].right)).evidence is Evidence.REFUTED


def test_a_kernel_that_is_one_lag_late_is_refuted():
    form = convolution_kernel(symbolic(2, False))
    m = form.arguments[-1]
    values = form.certificates[0]
    late = sp.Matrix([form.expression.subs(m, lag + 1) for lag in range(values.right.rows)])
    assert verify(Identity(late, values.right)).evidence is Evidence.REFUTED


@given(model=discrete_models(), inputs=real_inputs)
def test_the_kernel_convolved_with_the_input_is_the_output(model, inputs):
    form, k = convolution_kernel(model), len(inputs)
    terms = [value_of(form, m=m) * inputs[k - 1 - m] for m in range(k)]
    assert sp.expand(sum(terms, sp.S.Zero)) == simulated_output(model, inputs)


@given(model=discrete_models(max_states=2), decoder=decoders, inputs=real_inputs)
def test_the_series_is_the_decoder_of_the_simulated_output_in_exact_numbers(model, decoder, inputs):
    form = volterra_series(model, decoder, len(inputs))
    u = sp.IndexedBase("u")
    value = unfold(form).expression.xreplace({u[j + 1]: value for j, value in enumerate(inputs)})
    assert sp.expand(value - decoder(simulated_output(model, inputs))) == 0


@given(model=discrete_models(max_states=2), decoder=decoders, lags=st.lists(st.integers(0, 3), max_size=4))
def test_a_volterra_kernel_is_the_coefficient_of_the_simulated_polynomial(model, decoder, lags):
    u = sp.symbols("u_0:4", real=True)
    output = decoder(simulated_output(model.with_conjugates(), list(u[::-1])))
    polynomial = sp.Poly(sp.expand(output), *u, extension=sp.I)
    powers = [lags.count(lag) for lag in range(4)]
    weight = sp.factorial(len(lags)) / prod(map(sp.factorial, powers))
    coefficient = polynomial.coeff_monomial(sp.Mul(*(s**p for s, p in zip(u, powers, strict=True))))
    form = volterra_kernel(model, decoder, len(lags))
    value = value_of(form, **{f"m_{i + 1}": lag for i, lag in enumerate(lags)})
    assert sp.expand(value * weight - coefficient) == 0


@pytest.mark.parametrize(("states", "degree", "pairs"), [(1, 3, False), (2, 2, False), (3, 2, False), (1, 2, True)])
def test_the_series_equals_the_product_of_lifted_steps(states, degree, pairs):
    model, decoder = symbolic(states, True, pairs), PolynomialDecoder.symbolic(degree=degree)
    lifted, u = carleman_lift(model, decoder), sp.IndexedBase("u")
    state = sp.Matrix([1, *[0] * (lifted.basis.size - 1)])
    for j in (1, 2):
        state = lifted.transition_matrix(u[j]) * state
    product = (lifted.readout_row(u[2]) * state)[0]
    series = unfold(volterra_series(model, decoder, 2)).expression
    assert verify(Identity(series, product)).proved
    assert verify(Identity(series, 2 * product)).evidence is Evidence.REFUTED


def test_a_series_that_is_too_long_is_refused_with_its_size_and_another_form():
    with pytest.raises(ValueError, match=r"1373701 terms .* rank_form"):
        volterra_series(symbolic(1, False), PolynomialDecoder.symbolic(degree=3), 200)


@pytest.mark.parametrize(("order", "error"), [(-1, ValueError), (1.0, TypeError)])
def test_an_order_is_a_natural_number(order, error):
    with pytest.raises(error):
        volterra_kernel(symbolic(1, False), PolynomialDecoder.symbolic(degree=1), order)


def test_large_models_get_their_kernel_without_long_certificates():
    model = zero_order_hold(s4d_lin(32), sp.Symbol("Delta"))
    form = volterra_kernel(model, PolynomialDecoder.symbolic(degree=8), 8)
    assert len(form.where) == 65
    assert max(len(str(c.left)) for c in form.certificates) < 10**6
    assert verify(form.certificates[-1]).proved
