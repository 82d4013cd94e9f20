"""The collapsed operator and the rank form against simulation, each other, and false twins."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory import collapse
from carleman_ssm.theory.affine_lift import affine_representation
from carleman_ssm.theory.carleman import carleman_lift
from carleman_ssm.theory.collapse import collapsed_state, forward_operator, rank_form
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, zero_order_hold
from tests.strategies_carleman import continuous_cases, discrete_cases, rationals
from tests.strategies_ssm import planted

FORMS = [forward_operator, rank_form]
SIZES = [(1, 0), (1, 3), (2, 2), (3, 1), (3, 3)]
INPUTS = sp.IndexedBase("u")


def value(form, inputs, definitions=None):
    """The unfolded formula at given inputs u[1], u[2], …, exactly."""
    expression = unfold(form).expression.xreplace(definitions or {})
    if isinstance(expression, sp.MatMul):
        row, matrix, first = expression.args  # SymPy's as_explicit would look for closed forms of every Sum
        expression = (row * matrix * first)[0]
    expression = expression.doit()
    return sp.expand(expression.xreplace({INPUTS[j + 1]: u for j, u in enumerate(inputs)}))


def simulate(model, decoder, inputs):
    """Output after the last input, by stepping the state: the independent route."""
    x = [sp.S.Zero] * model.states
    for u in inputs:
        rows = zip(model.multipliers, x, model.input_vector, strict=True)
        x = [sp.expand(a * xn + b * u) for a, xn, b in rows]
    y = sp.Add(*(c * xn for c, xn in zip(model.output_vector, x, strict=True)))
    return sp.expand(decoder(y + model.feedthrough * inputs[-1]))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [DiagonalSSM, DiscreteSSM])
@pytest.mark.parametrize(("states", "degree"), SIZES)
@pytest.mark.parametrize("pairs", [False, True])
def test_every_certificate_is_proved_and_its_false_twin_refuted(form, kind, states, degree, pairs):
    model = kind.symbolic(states=states, feedthrough=True, conjugate_pairs=pairs and states < 3)
    result = form(model, PolynomialDecoder.symbolic(model, degree=degree))
    assert len(result.certificates) >= 3
    for certificate in result.certificates:
        verdict = verify(certificate)
        assert verdict.proved, (certificate.name, str(verdict))
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


@pytest.mark.parametrize("form", FORMS)
@given(case=discrete_cases(), inputs=st.lists(rationals, min_size=1, max_size=5))
def test_the_formula_is_the_simulation_exactly(form, case, inputs):
    model, decoder = case
    expected = simulate(model, decoder, inputs)
    assert value(form(model, decoder, steps=len(inputs)), inputs) == expected
    symbolic = form(carleman_lift(model, decoder))
    (k,) = [s for s in symbolic.arguments if isinstance(s, sp.Symbol)]
    assert value(symbolic, inputs, {k: sp.Integer(len(inputs))}) == expected


@given(discrete_cases(), st.lists(rationals, min_size=1, max_size=4))
def test_the_formula_is_the_ordered_product_of_lifted_steps(case, inputs):
    model, decoder = case
    lifted = carleman_lift(model, decoder)
    state = sp.Matrix([1] + [0] * (lifted.basis.size - 1))
    for u in inputs:
        state = (lifted.transition_matrix(u) * state).expand()
    product = sp.expand((lifted.readout_row(inputs[-1]) * state)[0])
    assert value(forward_operator(lifted, steps=len(inputs)), inputs) == product


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [DiagonalSSM, DiscreteSSM])
def test_conjugate_pairs_give_twice_the_real_part(form, kind):
    a, b, c = (sp.Symbol(name) for name in ("a", "b", "c"))
    numbers = {a: sp.Rational(-1, 2) + sp.I, b: 1 + 2 * sp.I, c: sp.Rational(1, 3) - sp.I}
    model = kind((a,), (b,), (c,), sp.Rational(1, 4), conjugate_pairs=True)
    decoder = PolynomialDecoder((1, 2, 3))
    inputs = [sp.Integer(1), sp.Rational(-1, 2), sp.Integer(2)]
    result = form(model, decoder, steps=3)
    delta = sp.Symbol("Delta", positive=True)
    found = value(result, inputs, numbers | {delta: sp.Rational(1, 2)})
    stored = kind((numbers[a],), (numbers[b],), (numbers[c],), sp.Rational(1, 4))
    discrete = zero_order_hold(stored, sp.Rational(1, 2)) if kind is DiagonalSSM else stored
    x = 0
    for u in inputs:
        x = discrete.multipliers[0] * x + discrete.input_vector[0] * u
    expected = decoder(2 * sp.re(numbers[c] * x) + inputs[-1] / 4)
    assert abs(sp.N(found - expected, 30)) < sp.Float("1e-25")


@given(continuous_cases(), st.lists(rationals, min_size=1, max_size=3))
def test_continuous_time_holds_the_input_during_each_step(case, inputs):
    model, decoder = case
    delta = sp.Rational(1, 3)
    held = {sp.Symbol("Delta", positive=True): delta}
    found = value(forward_operator(model, decoder, steps=len(inputs)), inputs, held)
    expected = simulate(zero_order_hold(model, delta), decoder, inputs)
    difference = abs(sp.N(found - expected, 30))
    assert difference <= sp.Float("1e-22") * (1 + abs(sp.N(expected, 30)))


@pytest.mark.parametrize("form", FORMS)
def test_compiled_forms_are_the_simulation_in_both_backends(form):
    half, k = sp.Rational(1, 2), 4
    model = DiscreteSSM((sp.Rational(9, 10), sp.Integer(0)), (1, half), (1, -2), sp.Rational(1, 5))
    decoder = PolynomialDecoder((1, -1, half, 2))
    inputs = [sp.Rational(1, 3), sp.Integer(-1), sp.Integer(0), sp.Rational(2, 7)]
    expected = simulate(model, decoder, inputs)
    result = form(model, decoder)
    batch = np.array([[float(u) for u in inputs]] * 3)
    numpy_value = compile_kernel(result, origin=1)(batch, k)
    assert np.abs(np.ravel(numpy_value) - float(expected)).max() < 1e-13
    for digits in (30, 60):
        with mpmath.workdps(digits):
            exact = mpmath.mpf(int(expected.p)) / int(expected.q)
            kernel = compile_kernel(result, backend="mpmath", digits=digits, origin=1)
            found = kernel([mpmath.mpf(int(u.p)) / int(u.q) for u in inputs], k)
            found = found[0, 0] if isinstance(found, mpmath.matrix) else found
            assert abs(found - exact) < mpmath.mpf(10) ** (3 - digits)


FALSE_COLLAPSES = {
    "the oldest input is not damped enough": lambda lam, b, j, k: lam ** (k - j - 1) * b * INPUTS[j],
    "the input vector is forgotten": lambda lam, b, j, k: lam ** (k - j) * INPUTS[j],
    "time runs backwards": lambda lam, b, j, k: lam ** (j - 1) * b * INPUTS[j],
}


@pytest.mark.parametrize("summand", FALSE_COLLAPSES.values(), ids=FALSE_COLLAPSES)
def test_a_wrong_collapse_is_refuted(summand):
    model = DiscreteSSM.symbolic(states=2)
    lifted = carleman_lift(model, PolynomialDecoder.symbolic(degree=2))
    k, j = sp.Symbol("k", integer=True, positive=True), sp.Symbol("j", integer=True, positive=True)

    def lift(steps):
        modes = zip(model.multipliers, model.input_vector, strict=True)
        return sp.Matrix(lifted.basis.lift(tuple(sp.Sum(summand(lam, b, j, steps), (j, 1, steps)) for lam, b in modes)))

    step = Identity(lifted.transition_matrix(INPUTS[k]) * lift(k - 1), lift(k))
    assert verify(step).evidence is Evidence.REFUTED


def test_the_order_of_two_steps_matters():
    model = DiscreteSSM.symbolic(states=1)
    lifted = carleman_lift(model, PolynomialDecoder.symbolic(degree=2))
    first, second = (lifted.transition_matrix(INPUTS[j]) for j in (1, 2))
    collapsed = affine_representation(
        [model.multipliers[0] ** 2], [sp.Add(*(x.doit() for x in collapsed_state(model, sp.Integer(2))))], 2
    )
    assert verify(Identity(second * first, collapsed)).proved
    assert verify(Identity(first * second, collapsed)).evidence is Evidence.REFUTED


def test_large_models_are_certified_by_the_recurrence_of_the_state():
    form = forward_operator(DiscreteSSM.symbolic(states=12), PolynomialDecoder.symbolic(degree=8))
    names = [certificate.name for certificate in form.certificates]
    assert names == ["at rest before the first input", "recurrence of the state"]
    assert all(verify(c).proved for c in form.certificates)


@pytest.mark.parametrize("limits", [(0, 0), (-7, 0), (1, 3)], ids=["from 0", "from -7", "up to k + 3"])
@pytest.mark.parametrize("model", [DiscreteSSM.symbolic(2), DiscreteSSM((0, 2), (1, 1), (1, 1))], ids=["symbols", "0"])
def test_at_rest_is_a_statement_about_the_limits_of_the_sums(monkeypatch, model, limits):
    """Sums that begin before the first input, or go on after the last one, are not at rest for k = 0."""

    def wrong(model, steps):
        begun = [*collapsed_state(model, steps)]
        return tuple(x.func(x.function, (x.limits[0][0], limits[0], x.limits[0][2] + limits[1])) for x in begun)

    def at_rest():
        form = forward_operator(model, PolynomialDecoder((0, 1)))
        (found,) = (c for c in form.certificates if c.name in ("initial value", "at rest before the first input"))
        return verify(found)

    assert at_rest().proved
    monkeypatch.setattr(collapse, "collapsed_state", wrong)
    assert at_rest().evidence is Evidence.REFUTED


def test_where_entries_are_in_reading_order():
    form = forward_operator(DiagonalSSM.symbolic(states=1), PolynomialDecoder.symbolic(degree=2))
    assert list(map(str, form.where)) == ["lambda_0", "bbar_0", "xi_0", "y"]
    assert list(map(str, form.arguments)) == ["a_0", "b_0", "c_0", "Delta", "g_0", "g_1", "g_2", "u", "k"]
    assert form.reference == "derivations/12_affine_collapse"


@pytest.mark.parametrize("form", FORMS)
def test_wrong_requests_are_refused(form):
    model, decoder = DiscreteSSM.symbolic(states=1), PolynomialDecoder.symbolic(degree=1)
    for steps in (0, -1, sp.Rational(1, 2), sp.Symbol("k"), sp.Symbol("n", integer=True) + 1):
        with pytest.raises(ValueError, match="steps must"):
            form(model, decoder, steps=steps)
    with pytest.raises(ValueError, match="j has a meaning of its own"):  # the sums over the inputs would bind it
        form(model, decoder, steps=sp.Symbol("j", integer=True, positive=True))
    with pytest.raises(TypeError, match="text is never evaluated"):
        form(model, decoder, steps="5")
    with pytest.raises(TypeError, match="give the decoder"):
        form(model)
    with pytest.raises(TypeError, match="PolynomialDecoder"):
        form(model, (1, 2))
    for name in ("u", "y", "K"):
        with pytest.raises(ValueError, match=rf"uses the names {name}"):
            form(DiscreteSSM(sp.symbols(f"{name},"), (1,), (1,)), decoder)
