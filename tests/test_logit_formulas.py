"""Logits as formulas: by modes, as polynomials of heights, as trigonometric polynomials of a frequency."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.kernel import modes
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.operators.closed_forms import decimal
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.predictions.amplitude_polynomials import amplitude_polynomial, unit_height
from carleman_ssm.predictions.formulas import logit_formula, response_laws
from carleman_ssm.predictions.frequency_polynomials import frequency_polynomial
from carleman_ssm.predictions.input_families import Exponential, Impulse, Sinusoid, Step, SumOfInputs
from carleman_ssm.predictions.polynomial_networks import polynomial_degree
from carleman_ssm.printing.tex import to_latex
from tests.strategies_inputs import inputs
from tests.strategies_networks import moderate_network, s4d_networks
from tests.strategies_ssm import assert_certified

NAMES = {"a": "height", "s": "rate", "omega": "frequency", "theta": "phase", "p": "position"}
VALUES = {"a": 0.8, "s": -0.3, "omega": 0.7, "theta": 0.4, "p": 3}


def operator_of(network, length):
    return network_operator(network, input_bound=1.0, length=length)


def simulated(network, family, length):
    return network(family.sequence(length, network.features)[None], method="recurrence")[0]


def member(family, symbols):
    """The input of a family at VALUES, by the names of a formula's arguments."""
    names = {**NAMES, "a": "amplitude"} if family is Sinusoid else NAMES
    return family(**{names[str(symbol)]: VALUES[str(symbol)] for symbol in symbols})


@pytest.mark.parametrize("pool", ["mean", "last"])
@pytest.mark.parametrize("family", [Impulse, Step, Exponential, Sinusoid])
def test_the_formula_of_a_family_is_the_simulated_logit_at_any_parameters(family, pool):
    network = moderate_network(1, channels=2, activation="poly", pool=pool, norm="batch")
    form = logit_formula(operator_of(network, 12), family, 1, 17)
    kernel = compile_kernel(form)
    for VALUES["p"] in (0, 3, 11):
        expected = simulated(network, member(family, form.arguments), 12)[1]
        assert np.isclose(kernel(*(VALUES[str(symbol)] for symbol in form.arguments)), expected, rtol=1e-11, atol=1e-11)
    VALUES["p"] = 3


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_formulas_of_inputs_and_their_sums_are_the_simulated_logits_of_drawn_networks(data):
    network = data.draw(s4d_networks(("identity", "square", "poly"), max_channels=2))
    length = data.draw(st.integers(1, 6))
    family = data.draw(inputs(length, network.features))
    form = logit_formula(operator_of(network, length), family, 0, 17)
    order = ("amplitude", "height", "frequency", "rate", "phase")
    values = [
        getattr(part, name)
        for part in family.parts
        for name in order
        if hasattr(part, name) and not (name == "rate" and isinstance(part, Sinusoid))
    ]
    expected = simulated(network, family, length)[0]
    reach = np.abs(simulated(network, Impulse(0.0), length)).max() + np.abs(expected)
    assert np.isclose(compile_kernel(form)(*values), expected, rtol=1e-8, atol=1e-8 * (1 + reach))


def resonant():
    """One real mode, so that an exponential can meet it."""
    layer = S4DLayer(log_dt=[-3.0], log_A_real=[[0.2]], A_imag=[[0.0]], C=[[0.7]], D=[0.1])
    config = NetworkConfig(activation="square", output="none", pool="mean")
    return S4DNetwork([[1.2]], [0.3], (layer,), [[1.0]], [0.2], config)


@pytest.mark.parametrize("gap", [0.0, 1e-14, 1e-8])
def test_a_formula_is_whole_at_resonance_and_near_it(gap):
    network = resonant()
    form = logit_formula(operator_of(network, 200), Exponential(), 0, 17)
    rate = float(-np.exp(0.2) * np.exp(-3.0)) + gap
    found = compile_kernel(form)(0.9, rate)
    assert np.isclose(found, simulated(network, Exponential(0.9, rate), 200)[0], rtol=1e-12)


def test_the_laws_of_the_response_are_proved_and_their_false_twins_refuted():
    form = logit_formula(operator_of(resonant(), 5), Step(), 0)
    assert form.certificates == response_laws()
    assert_certified(form)


def test_a_formula_without_the_bias_or_without_the_transient_is_another_function():
    network = resonant()
    form = logit_formula(operator_of(network, 30), Step, 0, 17)
    right = compile_kernel(form)(0.8, 3)
    k = next(key for key in form.where if str(key).startswith("B_"))
    n = next(key for key in form.where if str(key).startswith("G_"))
    spectrum, modal = modes(network.layers[0]), sp.IndexedBase("S_1")
    steady = sp.Float((spectrum.weights / (1 - spectrum.multipliers)).sum().real)
    for key in (k, n):
        late = float(form.where[key].xreplace({modal[key.indices[0]]: steady}).doit())  # the transient has died out
        for spoiled in (sp.S.Zero, sp.Rational(round(late * 10**9), 10**9)):
            other = type(form)(form.symbol, form.expression, form.arguments, {**form.where, key: spoiled})
            assert abs(compile_kernel(other)(0.8, 3) - right) > 1e-3


@pytest.mark.parametrize("log_dt", [-2.0, -8.0, -14.0, -38.0])
def test_a_slow_mode_costs_a_formula_no_more_digits_than_it_shows(log_dt):
    weight = 0.3 * np.exp(-log_dt)  # so that the response stays of order one
    layer = S4DLayer(log_dt=[log_dt], log_A_real=[[0.0]], A_imag=[[0.0]], C=[[weight]], D=[0.3])
    config = NetworkConfig(activation="square", output="none")
    network = S4DNetwork([[1.5]], [0.2], (layer,), [[1.0]], [0.1], config)
    for family, values in ((Step(1.0), (1.0,)), (Exponential(1.0, -0.1), (1.0, -0.1)), (Impulse(1.0), (1.0,))):
        found = compile_kernel(logit_formula(operator_of(network, 16), family, 0))(*values)
        assert np.isclose(found, simulated(network, family, 16)[0], rtol=3e-5)
    # Steady value and transient, each to six digits, would cancel
    spectrum = modes(layer)
    steady = spectrum.weights[0, 0].real / (1 - spectrum.multipliers[0, 0].real) if log_dt > -38 else np.inf
    assert log_dt > -10 or 1e-6 * steady > 1e-2


def test_no_number_of_a_formula_has_more_digits_than_are_asked_for():
    network, steps = moderate_network(1, channels=2, activation="poly", residual=True), 12
    for family, free in (
        (Sinusoid(0.3) + Step(0.7, position=2), ("frequency",)),
        (Sinusoid, None),
        (Impulse(1.7), ()),
        (Exponential(-0.7), ()),
        (Step, ("position",)),
    ):
        form = logit_formula(operator_of(network, steps), family, 1, 5, free=free)
        written = [form.expression, *form.where.values()]
        for number in set().union(*(expression.atoms(sp.Rational) for expression in written)):
            assert number == decimal(float(number), 5) or number * steps == decimal(float(number) * steps, 2)


def test_an_amplitude_of_zero_is_a_number_too():
    form = logit_formula(OPERATOR, Sinusoid(amplitude=0.0), 1, 17, free=["frequency"])
    assert np.isclose(compile_kernel(form)(0.4), simulated(load_network("frequencies"), Impulse(0.0), 8)[1], rtol=1e-12)


def test_terms_are_counted_before_they_are_made():
    many = SumOfInputs(tuple(Impulse(position=p % 8) for p in range(3000)))
    with pytest.raises(ValueError, match="4504501 terms"):
        amplitude_polynomial(OPERATOR, many)


def test_formulas_print_their_numbers_and_are_exact_for_them():
    form = logit_formula(operator_of(load_network("frequencies"), 64), Sinusoid(frequency=0.5), 2, 4)
    text = to_latex(form, decimals=True)
    assert r"\varphi_{1}" in text
    assert r"\sum_{k=0}^{63}" in text
    assert "/" not in text
    exact = compile_kernel(form, "mpmath", 30)(sp.Rational(4, 5), sp.Rational(1, 2), 0)
    assert np.isclose(float(exact), compile_kernel(form)(0.8, 0.5, 0.0), rtol=1e-12)


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda: logit_formula(OPERATOR, Step(), 4), ValueError, "classes 0 to 3"),
        (lambda: logit_formula(OPERATOR, 3, 0), TypeError, "got int"),
        (lambda: logit_formula(OPERATOR, Step(), 1.5), TypeError, "class must be an integer"),
        (lambda: amplitude_polynomial(OPERATOR, None), TypeError, "got NoneType"),
        (lambda: amplitude_polynomial(OPERATOR, Step), TypeError, "got the class Step"),
        (lambda: amplitude_polynomial(OPERATOR, Step()).formula(0.5), TypeError, "class must be an integer"),
        (lambda: frequency_polynomial(OPERATOR, Impulse()), TypeError, "got Impulse"),
        (lambda: frequency_polynomial(OPERATOR, Sinusoid), TypeError, "got the class Sinusoid"),
        (lambda: frequency_polynomial(OPERATOR, Sinusoid() + Step()), TypeError, "got SumOfInputs"),
        (lambda: frequency_polynomial(OPERATOR, Sinusoid(), background=0), TypeError, "got int"),
        (lambda: logit_formula(OPERATOR, Step(), 0, free=("rate",)), TypeError, "no parameter 'rate'"),
        (lambda: logit_formula(OPERATOR, Step() + Step(), 0, free=("position",)), ValueError, "cannot all be symbols"),
        (lambda: logit_formula(OPERATOR, Step(position=8), 0), ValueError, "steps 0 to 7"),
        (lambda: logit_formula(DEEP, Step(), 0), ValueError, "any depth"),
        (lambda: logit_formula(FITTED, Step(), 0), ValueError, "is a fit"),
        (lambda: amplitude_polynomial(FITTED, Step()), ValueError, "is a fit"),
        (lambda: amplitude_polynomial(OPERATOR, Step()).formula(4), ValueError, "classes 0 to 3"),
        (lambda: amplitude_polynomial(OPERATOR, Step() + Step())(np.ones(3)), ValueError, "expected heights"),
        (lambda: frequency_polynomial(OPERATOR, Sinusoid(position=8)), ValueError, "steps 0 to 7"),
        (lambda: frequency_polynomial(OPERATOR, Sinusoid()).formula(-1), ValueError, "classes 0 to 3"),
        (lambda: polynomial_degree(LAYER_NORM), ValueError, "affine norms"),
        (lambda: polynomial_degree(None), TypeError, "network_operator"),
    ],
)
def test_what_is_no_formula_is_refused_with_the_reason(ask, error, words):
    with pytest.raises(error, match=words):
        ask()


OPERATOR = operator_of(load_network("frequencies"), 8)
DEEP = operator_of(moderate_network(2, channels=2, activation="square"), 6)
FITTED = network_operator(moderate_network(1), degree=6, input_bound=1.0, length=6)
LAYER_NORM = operator_of(moderate_network(1, activation="square", norm="layer"), 6)


@pytest.mark.parametrize(
    ("network", "degree"),
    [
        (moderate_network(1, channels=3, activation="poly"), 3),
        (moderate_network(1, channels=3, activation="poly", output="glu", gate="identity"), 6),
        (moderate_network(2, channels=3, activation="square", norm="batch", pool="last"), 4),
    ],
)
def test_amplitude_polynomials_are_the_simulated_logits_at_any_heights_and_depth(network, degree):
    operator = operator_of(network, 7)
    heights = np.array([[0.5, -0.7], [1.1, 0.0], [-2.0, 1.0]])
    found = amplitude_polynomial(operator, Sinusoid(frequency=0.5) + Impulse(position=4))
    for row, value in zip(heights, found(heights), strict=True):
        family = Sinusoid(row[0], 0.5) + Impulse(row[1], position=4)
        assert np.allclose(value, simulated(network, family, 7), rtol=1e-9, atol=1e-9)
    assert found.exponents.sum(axis=1).max() == degree


def test_mixed_terms_are_what_inclusion_and_exclusion_find():
    network = load_network("digits-quadratic")
    first, second = Sinusoid(0.6, 0.4), Impulse(0.5, position=20)
    nothing = Impulse(0.0)
    values = [simulated(network, family, 64) for family in (first + second, first, second, nothing)]
    interaction = amplitude_polynomial(operator_of(network, 64), first + second).interaction()
    assert interaction.exponents.tolist() == [[1, 1]]
    assert np.allclose(interaction([0.6, 0.5]), values[0] - values[1] - values[2] + values[3], atol=1e-11)


def test_the_polynomial_of_one_height_prints_and_compiles():
    network = load_network("frequencies")
    found = amplitude_polynomial(operator_of(network, 64), Step(0.3))
    kernel = compile_kernel(found.formula(1, 17))
    assert np.allclose(kernel(np.array([0.2, 0.7])), found([0.2, 0.7])[:, 1], rtol=1e-13)
    assert np.isclose(kernel(0.7), simulated(network, Step(0.7), 64)[1], rtol=1e-12)
    assert str(found.formula(1, 3).arguments) == "(a,)"


def test_many_heights_at_a_high_degree_are_refused_because_digits_would_be_lost():
    network = moderate_network(2, channels=2, activation="poly", output="glu", gate="identity")
    with pytest.raises(ValueError, match="digits"):
        amplitude_polynomial(operator_of(network, 5), Step() + Impulse())


def test_unit_heights_keep_everything_else():
    assert unit_height(Sinusoid(0.3, 0.7, 0.2, -0.1, position=2)) == Sinusoid(1.0, 0.7, 0.2, -0.1, position=2)
    assert unit_height(Exponential(0.3, 0.1, channel=1)) == Exponential(1.0, 0.1, channel=1)


@pytest.mark.parametrize("depth", [1, 2])
def test_frequency_polynomials_are_the_simulated_logits_at_any_frequency(depth):
    network = moderate_network(depth, channels=3, features=2, activation="square", norm="batch")
    operator, rest = operator_of(network, 9), Step(0.2) + Impulse(-0.3, position=5, channel=1)
    found = frequency_polynomial(operator, Sinusoid(rate=-0.05, position=2, channel=1), background=rest)
    for amplitude, frequency, phase in ((0.8, 0.37, 0.2), (1.5, 2.9, -1.0), (-0.4, 9.0, 0.0), (0.0, 1.0, 0.0)):
        family = Sinusoid(amplitude, frequency, phase, -0.05, position=2, channel=1) + rest
        assert np.allclose(found(amplitude, frequency, phase), simulated(network, family, 9), rtol=1e-10, atol=1e-10)


def test_the_coefficients_are_sums_along_the_diagonals_of_the_second_order_kernel():
    network = moderate_network(1, activation="square")
    operator, length, label = operator_of(network, 10), 10, 2
    found = frequency_polynomial(operator, Sinusoid())
    kernel = operator.second_order_kernel().array(label)[:, 0, :, 0]
    lags = np.subtract.outer(np.arange(length), np.arange(length))
    ages = np.add.outer(np.arange(length), np.arange(length))
    for n, j, m, value in zip(
        found.orders, found.harmonics, found.multiples, found.coefficients[:, label], strict=True
    ):
        if n == 1:
            expected = operator.first_order_kernel()[label, m, 0]
        elif n == 2:
            expected = 0.5 * kernel[ages == m].sum() if j else 0.5 * kernel[np.abs(lags) == m].sum()
        else:
            expected = operator(np.zeros((1, length, 1)))[0, label]
        assert abs(value - expected) < 1e-12 * (1 + np.abs(kernel).sum())


def test_the_frequency_formula_compiles_and_a_shifted_one_is_wrong():
    network = load_network("frequencies")
    found = frequency_polynomial(operator_of(network, 16), Sinusoid())
    kernel = compile_kernel(found.formula(3, 17))
    frequencies = np.linspace(0, np.pi, 7)
    values = [simulated(network, Sinusoid(0.6, frequency, 0.3), 16)[3] for frequency in frequencies]
    assert np.allclose(kernel(0.6, frequencies, 0.3), values, rtol=1e-11, atol=1e-11)
    assert np.abs(kernel(0.6, frequencies + 0.01, 0.3) - values).max() > 1e-3


def test_products_of_inputs_are_proved_to_hold_the_terms_of_the_polynomial_and_no_others():
    assert_certified(
        frequency_polynomial(operator_of(moderate_network(1, activation="cube"), 4), Sinusoid()).formula(0)
    )


def test_a_single_step_has_no_frequency():
    network = moderate_network(1, activation="square")
    found = frequency_polynomial(operator_of(network, 1), Sinusoid())
    assert np.allclose(found(0.7, [0.1, 2.0], 0.4), simulated(network, Sinusoid(0.7, 1.0, 0.4), 1), atol=1e-12)


def test_a_grid_that_would_fill_the_memory_is_refused():
    with pytest.raises(ValueError, match="predicted_logits"):
        frequency_polynomial(
            operator_of(moderate_network(1, channels=1, modes=1, activation="square"), 3000), Sinusoid()
        )
