import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from hypothesis import given

from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.initialisations import s4d_inv, s4d_legs, s4d_lin, s4d_real
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, bilinear_transform, zero_order_hold
from tests.strategies_ssm import continuous_models, discrete_models, planted, simulated_output, small

a, b, delta = sp.symbols("a b Delta")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (((), (), ()), ValueError, "at least one state"),
        (((1,), (1, 2), (1,)), ValueError, "input_vector: 2"),
        (((0.5,), (1,), (1,)), ValueError, "exact"),
        (((sp.oo,), (1,), (1,)), ValueError, "finite"),
        ((("a",), (1,), (1,)), TypeError, "text"),
        (("abc", (1,), (1,)), TypeError, "eigenvalues must be a tuple"),
        (((sp.Symbol("lambda"),), (1,), (1,)), ValueError, "keyword"),
        (((sp.Symbol("a"),), (sp.Symbol("a", real=True),), (1,)), ValueError, "two different symbols"),
        (((1,), (1,), (1,), sp.I, True), ValueError, "D must be real"),
        (((1,), (1,), (1,), 0, 1), TypeError, "conjugate_pairs"),
    ],
)
def test_a_wrong_model_is_refused_with_the_reason(arguments, error, words):
    with pytest.raises(error, match=words):
        DiagonalSSM(*arguments)


MAKERS = [DiagonalSSM.symbolic, DiscreteSSM.symbolic, s4d_lin, s4d_inv, s4d_real, s4d_legs]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("states", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError)])
def test_the_number_of_states_is_a_positive_integer(make, states, error):
    with pytest.raises(error):
        make(states)


def test_symbolic_models_list_their_parameters_in_order():
    model = DiscreteSSM.symbolic(2, feedthrough=True)
    assert " ".join(map(str, model.parameters)) == "lambda_0 lambda_1 bbar_0 bbar_1 c_0 c_1 D"
    assert model.feedthrough.is_real


@given(model=discrete_models(pairs=True), u=small)
def test_the_doubled_system_gives_twice_the_real_part(model, u):
    doubled = model.with_conjugates()
    assert not doubled.conjugate_pairs
    assert doubled.states == 2 * model.states
    assert doubled.multipliers[model.states :] == tuple(map(sp.conjugate, model.multipliers))
    inputs = [u, sp.S.One, u]
    assert simulated_output(doubled, inputs) == simulated_output(model, inputs)
    merged = model.with_conjugates(merge_real=True)
    assert merged.states <= doubled.states
    assert simulated_output(merged, inputs) == simulated_output(model, inputs)


def test_for_an_imaginary_input_the_doubled_system_is_not_twice_the_real_part():
    model = DiscreteSSM((sp.I,), (1,), (1,), conjugate_pairs=True)
    assert simulated_output(model.with_conjugates(), [sp.I]) != simulated_output(model, [sp.I])


def test_a_model_without_stored_pairs_is_its_own_doubled_system():
    model = DiscreteSSM.symbolic(2)
    assert model.with_conjugates() is model


def test_the_readout_needs_one_entry_for_each_stored_mode():
    with pytest.raises(ValueError, match="2 stored modes"):
        DiscreteSSM.symbolic(2).readout((a,), b)


@given(model=continuous_models(), step=small)
def test_zero_order_hold_agrees_with_the_matrix_exponential(model, step):
    held = zero_order_hold(model, step)
    for rate, gain, multiplier, bbar in zip(
        model.eigenvalues, model.input_vector, held.multipliers, held.input_vector, strict=True
    ):
        generator = np.array([[complex(rate), complex(gain)], [0, 0]]) * float(step)
        expected = scipy.linalg.expm(generator)
        assert abs(complex(multiplier) - expected[0, 0]) <= 1e-12 * max(1, abs(expected[0, 0]))
        assert abs(complex(bbar) - expected[0, 1]) <= 1e-12 * max(1, abs(expected).max())


def held(rate, step):
    model = zero_order_hold(DiagonalSSM((rate,), (b,), (1,)), step)
    return model.multipliers[0], model.input_vector[0]


def test_two_half_steps_of_a_held_input_are_one_step():
    (half, half_input), (whole, whole_input) = held(a, delta / 2), held(a, delta)
    assert verify(Identity(half**2, whole)).proved
    statement = Identity(half * half_input + half_input, whole_input)
    assert verify(statement).proved
    assert verify(planted(statement)).evidence is Evidence.REFUTED


def test_the_held_input_obeys_its_differential_equation():
    multiplier, bbar = held(a, delta)
    assert verify(Identity(bbar.diff(delta), multiplier * b)).proved
    assert verify(Identity(bbar.diff(delta), a * bbar + b)).proved
    assert verify(Identity(bbar.diff(delta), a * bbar)).evidence is Evidence.REFUTED
    assert bbar.subs(delta, 0) == 0


def test_a_vanishing_eigenvalue_is_an_integrator_in_value_and_derivative():
    assert held(sp.S.Zero, delta) == (1, delta * b)
    bbar = held(a, delta)[1]
    assert bbar.subs(a, 0) == delta * b
    assert bbar.diff(a).subs(a, 0) == delta**2 * b / 2


def test_the_bilinear_transform_is_the_trapezoidal_rule():
    x, u = sp.symbols("x u")
    model = bilinear_transform(DiagonalSSM((a,), (b,), (1,)), delta)
    later = model.multipliers[0] * x + model.input_vector[0] * u
    statement = Identity(later - x, delta * (a * (later + x) / 2 + b * u))
    assert verify(statement).proved
    assert verify(Identity(later - x, delta * (a * x + b * u))).evidence is Evidence.REFUTED


@given(model=continuous_models())
def test_the_bilinear_transform_keeps_exact_rationals(model):
    sampled = bilinear_transform(model, sp.Rational(1, 7))
    for rate, multiplier in zip(model.eigenvalues, sampled.multipliers, strict=True):
        assert sp.expand(multiplier * (14 - rate) - (14 + rate)) == 0


def test_the_pole_of_the_bilinear_transform_is_named():
    with pytest.raises(ValueError, match="mode 1"):
        bilinear_transform(DiagonalSSM((1, 4), (1, 1), (1, 1)), sp.Rational(1, 2))


def test_a_floating_step_is_refused():
    with pytest.raises(ValueError, match="exact"):
        zero_order_hold(DiagonalSSM.symbolic(1), 0.1)


def test_compound_entries_get_the_names_of_the_papers_and_keep_their_meaning():
    model = zero_order_hold(DiagonalSSM.symbolic(2), delta)
    named, where = model.named()
    assert [str(name) for name in where] == ["lambda_0", "lambda_1", "bbar_0", "bbar_1"]
    assert tuple(name.xreplace(where) for name in named.multipliers) == model.multipliers
    assert where[named.input_vector[0]] == delta * phi(1, delta * sp.Symbol("a_0")) * sp.Symbol("b_0")
    plain = DiscreteSSM((sp.Rational(1, 2), sp.Symbol("q")), (1, 1), (1, 1))
    assert plain.named() == (plain, {})


def test_a_vanishing_multiplier_gets_a_name_and_a_vanishing_input_does_not():
    named, where = DiscreteSSM((0,), (0,), (1,)).named()
    assert where == {sp.Symbol("lambda_0"): 0}
    assert named.input_vector == (0,)


def test_a_name_that_is_taken_is_refused():
    clash = DiscreteSSM((sp.exp(sp.Symbol("lambda_0")),), (1,), (1,))
    with pytest.raises(ValueError, match="lambda_0"):
        clash.named()


def test_the_initialisations_are_the_formulas_of_the_papers():
    states, size = 5, 10
    lin, inv = s4d_lin(states), s4d_inv(states)
    assert lin.conjugate_pairs
    assert inv.conjugate_pairs
    for n in range(states):
        assert complex(lin.eigenvalues[n]) == pytest.approx(-0.5 + 1j * np.pi * n)
        frequency = size / np.pi * (size / (2 * n + 1) - 1)
        assert complex(inv.eigenvalues[n]) == pytest.approx(-0.5 + 1j * frequency)
    assert s4d_real(3).eigenvalues == (-1, -2, -3)
    assert not s4d_real(3).conjugate_pairs
    assert {*lin.input_vector, *inv.input_vector, *s4d_real(3).input_vector} == {1}


def test_mode_zero_of_s4d_lin_is_real_and_doubled():
    doubled, merged = s4d_lin(3).with_conjugates(), s4d_lin(3).with_conjugates(merge_real=True)
    assert doubled.eigenvalues.count(-sp.Rational(1, 2)) == 2
    assert merged.states == 5
    c = sp.Symbol("c_0")
    assert merged.output_vector[0] == c + sp.conjugate(c)


def test_output_weights_and_feedthrough_can_be_given():
    model = s4d_legs(2, output_vector=[1, sp.I], feedthrough=3)
    assert model.output_vector == (1, sp.I)
    assert model.feedthrough == 3
    with pytest.raises(ValueError, match="output_vector: 1"):
        s4d_lin(2, output_vector=[1])
