from itertools import product

import mpmath
import numpy as np
import pytest
import scipy.integrate
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.excitations import Excitation
from carleman_ssm.theory.motions import geometric_sum
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.responses import lifted_response, output_response
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, zero_order_hold
from tests.strategies_ssm import (
    continuous_models,
    decoders,
    discrete_models,
    planted,
    simulated_output,
    small,
    value_of,
)

omega = sp.Symbol("omega", real=True)
s, w, delta = sp.symbols("s w Delta")
EXCITATIONS = {
    "impulse": Excitation.impulse(w),
    "step": Excitation.step(),
    "exponential": Excitation.exponential(s),
    "sinusoid": Excitation.sinusoid(omega, phase=sp.Symbol("theta", real=True)),
    "all": Excitation.impulse() + Excitation.step() + Excitation.exponential(s),
}
MODELS = {"continuous": DiagonalSSM.symbolic, "discrete": DiscreteSSM.symbolic}


def exponents(states, degree):
    return [
        alpha
        for alpha in product(range(degree + 1), repeat=states)
        if sum(alpha) == degree and list(alpha) == sorted(alpha)
    ]


@pytest.mark.parametrize("name", EXCITATIONS)
@pytest.mark.parametrize("time", MODELS)
@pytest.mark.parametrize("states", [1, 2, 3])
def test_lifted_responses_are_proved(states, time, name):
    model = MODELS[time](states)
    for degree in (0, 1, 2, 3):
        for alpha in exponents(states, degree):
            for form in ("closed", "sum")[: 1 + (time == "discrete")]:
                response = lifted_response(model, EXCITATIONS[name], alpha, step=delta, form=form)
                for certificate in response.certificates:
                    assert verify(certificate).proved, certificate.name


@pytest.mark.parametrize("name", EXCITATIONS)
@pytest.mark.parametrize("time", MODELS)
@pytest.mark.parametrize(("states", "degree", "pairs"), [(1, 3, True), (2, 2, False), (3, 3, False)])
def test_output_responses_are_proved(states, degree, pairs, time, name):
    model = MODELS[time](states, feedthrough=True, conjugate_pairs=pairs)
    decoder = PolynomialDecoder.symbolic(degree=degree)
    for certificate in output_response(model, decoder, EXCITATIONS[name], step=delta).certificates:
        assert verify(certificate).proved, certificate.name


@pytest.mark.parametrize("name", EXCITATIONS)
@pytest.mark.parametrize("time", MODELS)
def test_planted_errors_in_responses_are_refuted(time, name):
    response = lifted_response(MODELS[time](2), EXCITATIONS[name], (2, 1), step=delta)
    for certificate in response.certificates:
        assert verify(planted(certificate)).evidence is Evidence.REFUTED, certificate.name


def test_the_answer_to_one_input_does_not_pass_for_the_answer_to_another():
    model = DiagonalSSM.symbolic(1)
    step, exponential = (lifted_response(model, EXCITATIONS[name], (1,)) for name in ("step", "exponential"))
    law = exponential.certificates[1]
    wrong = type(law)(law.left, law.right.subs(unfold(exponential).expression, unfold(step).expression))
    assert verify(wrong).evidence is Evidence.REFUTED


rates = st.one_of(st.just(sp.S.Zero), small, small.map(lambda r: r * sp.I))


@given(model=continuous_models(max_states=1), rate=rates, resonant=st.booleans())
def test_a_continuous_mode_is_the_integral_of_its_input(model, rate, resonant):
    a, b = model.eigenvalues[0], model.input_vector[0]
    rate = a if resonant else rate
    form = lifted_response(model, Excitation.exponential(rate, amplitude=3), (1,))
    value = complex(value_of(form, t=sp.Rational(3, 2)).evalf(20))
    expected = mpmath.quad(
        lambda tau: complex(b) * mpmath.exp(complex(a) * (1.5 - tau)) * 3 * mpmath.exp(complex(rate) * tau),
        [0, 0.75, 1.5],
    )
    assert abs(value - complex(expected)) <= 1e-9 * max(1, abs(complex(expected)))


@given(model=continuous_models(), decoder=decoders, frequency=small, phase=small)
def test_the_output_for_a_sinusoid_solves_the_differential_equation(model, decoder, frequency, phase):
    form = output_response(model, decoder, Excitation.sinusoid(frequency, amplitude=2, phase=phase))
    a, b, c = (
        np.array([complex(v) for v in vector])
        for vector in (model.eigenvalues, model.input_vector, model.output_vector)
    )

    def u(t):
        return 2 * np.cos(float(frequency) * t + float(phase))

    path = scipy.integrate.solve_ivp(
        lambda t, x: a * x + b * u(t), (0, 1), np.zeros(len(a), complex), method="DOP853", rtol=1e-10, atol=1e-12
    )
    y = c @ path.y[:, -1] + float(model.feedthrough) * u(1)
    expected = np.polyval([float(g) for g in decoder.coefficients[::-1]], y)
    value = complex(value_of(form, t=sp.S.One).evalf(20))
    assert abs(value - expected) <= 1e-6 * max(1, abs(expected))


@pytest.mark.parametrize("rate", [0, 1])
def test_continuous_resonance_is_a_polynomial_times_an_exponential(rate):
    model = DiagonalSSM((rate,), (1,), (1,))
    form = lifted_response(model, Excitation.exponential(rate), (2,))
    t = form.arguments[-1]
    assert unfold(form).expression == (t * sp.exp(rate * t)) ** 2


def test_symbolic_parameters_can_be_made_resonant_afterwards():
    a, b = sp.symbols("a_0 b_0")
    continuous = lifted_response(DiagonalSSM.symbolic(1), EXCITATIONS["exponential"], (1,))
    t = continuous.arguments[-1]
    assert unfold(continuous).expression.subs(s, a) == b * t * sp.exp(a * t)
    discrete = lifted_response(DiscreteSSM.symbolic(1), EXCITATIONS["step"], (1,))
    at_one = unfold(discrete).expression.subs(sp.Symbol("lambda_0"), 1)
    assert at_one == sp.Symbol("bbar_0") * discrete.arguments[-1]


DISCRETE_EXCITATIONS = {
    "impulse": (Excitation.impulse(3), lambda j: sp.Integer(3) if j == 1 else sp.S.Zero),
    "step": (Excitation.step(2), lambda j: sp.Integer(2)),
    "alternating": (Excitation.exponential(sp.I * sp.pi), lambda j: sp.Integer(-1) ** j),
    "quarter": (Excitation.sinusoid(sp.pi / 2), lambda j: sp.cos(sp.pi * j / 2)),
}


@given(
    model=discrete_models(max_states=2),
    decoder=decoders,
    k=st.integers(1, 4),
    name=st.sampled_from(sorted(DISCRETE_EXCITATIONS)),
    form=st.sampled_from(["closed", "sum"]),
)
def test_discrete_outputs_equal_the_recurrence_exactly(model, decoder, k, name, form):
    excitation, u = DISCRETE_EXCITATIONS[name]
    response = output_response(model, decoder, excitation, form=form)
    value = sp.expand(value_of(response, k=k).doit())
    expected = decoder(simulated_output(model, [u(j) for j in range(1, k + 1)]))
    assert sp.expand(value - expected) == 0


@given(multiplier=small, ratio=small.filter(bool), k=st.integers(1, 6), equal=st.booleans())
def test_the_geometric_sum_is_the_sum_of_its_terms(multiplier, ratio, k, equal):
    multiplier = ratio if equal else multiplier
    terms = sum(multiplier ** (k - i) * ratio**i for i in range(1, k + 1))
    for form in ("closed", "generic", "sum"):
        assert geometric_sum(multiplier, ratio, sp.Integer(k), form).doit() == terms


def test_a_sampled_exponential_under_a_hold_meets_its_mode_at_resonance():
    model = zero_order_hold(DiagonalSSM.symbolic(1), delta)
    response = lifted_response(model, Excitation.exponential(sp.Symbol("a_0")), (1,), step=delta)
    form = unfold(response).expression
    assert not form.has(sp.Piecewise, sp.nan, sp.zoo)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Excitation(),
        lambda: Excitation.exponential(0.5),
        lambda: lifted_response(DiagonalSSM.symbolic(2), Excitation.step(), (1,)),
        lambda: lifted_response(DiagonalSSM.symbolic(1), Excitation.step(), (-1,)),
        lambda: lifted_response(DiscreteSSM.symbolic(1), Excitation.step(), (1,), form="open"),
        lambda: lifted_response(DiagonalSSM((sp.Symbol("x_0"),), (1,), (1,)), Excitation.step(), (1,)),
        lambda: lifted_response(DiscreteSSM((sp.Symbol("i"),), (1,), (1,)), Excitation.step(), (1,), form="sum"),
        lambda: output_response(
            DiagonalSSM.symbolic(1), PolynomialDecoder.symbolic(degree=1), Excitation.exponential(sp.Symbol("t"))
        ),
    ],
)
def test_impossible_requests_are_refused(call):
    with pytest.raises(ValueError):
        call()


def test_excitations_add_up():
    both = Excitation.step(2) + Excitation.impulse(3)
    assert both.terms == ((2, 0),)
    assert both.impulse_weight == 3
    assert both(s) == 2
