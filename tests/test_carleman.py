"""The lift: its laws, its two routes, its spectrum, and a bug of the field that must not come back."""

import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from sympy.polys.matrices import DomainMatrix

from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.affine_lift import affine_representation, lowering_matrix, scaling_generator
from carleman_ssm.theory.carleman import BilinearSystem, StateAffineSystem, carleman_lift, one_step_map
from carleman_ssm.theory.kronecker import homogeneous_matrix, project_flow, project_map
from carleman_ssm.theory.monomials import MonomialBasis
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, zero_order_hold
from tests.strategies_carleman import continuous_cases, discrete_cases, rationals, sizes
from tests.strategies_ssm import planted

U = sp.Symbol("u")
SIZES = [(1, 0), (1, 3), (2, 2), (3, 1), (3, 3)]
MODELS = [DiagonalSSM, DiscreteSSM]


def symbolic_lift(kind, states, degree, *, pairs=False):
    model = kind.symbolic(states=states, feedthrough=True, conjugate_pairs=pairs)
    return carleman_lift(model, PolynomialDecoder.symbolic(model, degree=degree))


def closed_forms(lifted):
    yield lifted.readout()
    yield one_step_map(lifted)
    if isinstance(lifted, BilinearSystem):
        yield lifted.generator()


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize(("states", "degree"), SIZES)
@pytest.mark.parametrize("pairs", [False, True])
def test_every_certificate_is_proved_and_its_false_twin_refuted(kind, states, degree, pairs):
    lifted = symbolic_lift(kind, states, degree, pairs=pairs and states < 3)
    for form in closed_forms(lifted):
        assert form.certificates
        for certificate in form.certificates:
            verdict = verify(certificate)
            assert verdict.proved, (certificate.name, str(verdict))
            assert verdict.nonzero == ()  # valid at λ = 0, a = 0 and every resonance
            assert verify(planted(certificate)).evidence is Evidence.REFUTED


@given(continuous_cases(), rationals)
def test_the_bilinear_lift_is_the_projected_kronecker_sum(case, u):
    model, decoder = case
    lifted = carleman_lift(model, decoder)
    flow = homogeneous_matrix(sp.diag(*model.eigenvalues), sp.Matrix(model.input_vector) * u, corner=0)
    generator = lifted.drift + u * lifted.input_matrix
    assert (generator - project_flow(flow, decoder.degree)).expand().is_zero_matrix is True


@given(discrete_cases(), rationals)
def test_the_state_affine_lift_is_the_projected_kronecker_power(case, u):
    model, decoder = case
    step = homogeneous_matrix(sp.diag(*model.multipliers), sp.Matrix(model.input_vector) * u)
    difference = carleman_lift(model, decoder).transition_matrix(u) - project_map(step, decoder.degree)
    assert difference.expand().is_zero_matrix is True


@given(discrete_cases(), st.lists(rationals, min_size=1, max_size=4))
def test_steps_of_the_lift_are_the_lift_of_the_simulation(case, inputs):
    model, decoder = case
    lifted = carleman_lift(model, decoder)
    state, x = sp.Matrix(lifted.basis.lift((sp.S.Zero,) * model.states)), [sp.S.Zero] * model.states
    for u in inputs:
        state = (lifted.transition_matrix(u) * state).expand()
        rows = zip(model.multipliers, x, model.input_vector, strict=True)
        x = [sp.expand(a * xn + b * u) for a, xn, b in rows]
    assert (state - sp.Matrix(lifted.basis.lift(tuple(x)))).expand().is_zero_matrix is True
    output = sp.Add(*(c * xn for c, xn in zip(model.output_vector, x, strict=True)))
    expected = decoder(output + model.feedthrough * inputs[-1])
    assert sp.expand((lifted.readout_row(inputs[-1]) * state)[0] - expected) == 0


@given(discrete_cases(), rationals)
def test_the_spectrum_of_a_degree_block_is_the_products_of_the_multipliers(case, u):
    model, decoder = case
    lifted, s = carleman_lift(model, decoder), sp.Symbol("s")
    transition = lifted.transition_matrix(u).expand()
    for p in range(decoder.degree + 1):
        places = np.flatnonzero(lifted.basis.degrees == p).tolist()
        exponents = lifted.basis.exponents[places].tolist()
        products = [sp.Mul(*map(sp.Pow, model.multipliers, alpha)) for alpha in exponents]
        block = DomainMatrix.from_Matrix(transition[places, places], extension=True)
        found = sp.Poly([block.domain.to_sympy(c) for c in block.charpoly()], s)
        assert found.as_expr().expand() == sp.Mul(*(s - product for product in products)).expand()


@given(sizes, st.data())
def test_translations_form_a_group_that_scalings_normalise(size, data):
    states, degree = size
    vectors = st.tuples(*[rationals] * states)
    lam, xi, eta = data.draw(st.tuples(vectors, vectors, vectors))
    ones, zeros = [1] * states, [0] * states

    def translation(shift):
        return affine_representation(ones, shift, degree)

    scaling = affine_representation(lam, zeros, degree)
    assert translation(xi) * translation(eta) == translation([a + b for a, b in zip(xi, eta, strict=True)])
    moved = [a * b for a, b in zip(lam, xi, strict=True)]
    assert scaling * translation(xi) == translation(moved) * scaling
    assert translation(zeros) == sp.eye(MonomialBasis(states, degree).size)


@pytest.mark.parametrize(("states", "degree"), [(1, 3), (2, 2), (3, 3)])
def test_the_group_laws_hold_for_symbols_and_fail_without_the_scaling(states, degree):
    lam, xi, eta = (sp.symbols(f"{stem}:{states}") for stem in ("lambda_", "xi_", "eta_"))
    one, none = [1] * states, [0] * states
    added = [a + b for a, b in zip(xi, eta, strict=True)]
    moved = [a * b for a, b in zip(lam, xi, strict=True)]
    t_xi, t_eta, t_sum, t_moved = (affine_representation(one, v, degree) for v in (xi, eta, added, moved))
    scaling = affine_representation(lam, none, degree)
    assert verify(Identity(t_xi * t_eta, t_sum)).proved
    assert verify(Identity(scaling * t_xi, t_moved * scaling)).proved
    assert verify(Identity(scaling * t_xi, t_xi * scaling)).evidence is Evidence.REFUTED


@pytest.mark.parametrize(("states", "degree"), [(1, 0), (1, 4), (2, 3), (3, 2)])
def test_the_translation_is_the_exponential_of_the_lowering_maps(states, degree):
    xi = sp.symbols(f"xi_:{states}")
    lowering = lowering_matrix(xi, degree)
    power, series = sp.eye(lowering.rows), sp.zeros(*lowering.shape)
    for order in range(degree + 1):
        series += power / sp.factorial(order)
        if order:
            assert not power.is_zero_matrix  # the order before the last still counts
        power = (power * lowering).expand()
    assert power == sp.zeros(*lowering.shape)  # N^(P+1) = 0
    difference = series - affine_representation([1] * states, xi, degree)
    assert difference.expand() == sp.zeros(*lowering.shape)


def overwriting_drift(rates, degree):
    """The known mistake: contributions to one cell are assigned where they must be added."""
    basis = MonomialBasis(len(rates), degree)
    matrix = sp.zeros(basis.size, basis.size)
    for row, alpha in enumerate(basis.exponents.tolist()):
        for power, rate in zip(alpha, rates, strict=True):
            if power:
                matrix[row, row] = power * rate  # not +=
    return matrix


@pytest.mark.parametrize(("states", "degree"), [(2, 2), (3, 3)])
def test_a_dropped_accumulation_breaks_drift_law_kronecker_route_and_spectrum(states, degree):
    rates, x = sp.symbols(f"a_:{states}"), sp.symbols(f"x_:{states}")
    wrong, right = overwriting_drift(rates, degree), scaling_generator(rates, degree)
    lift = sp.Matrix(MonomialBasis(states, degree).lift(x))
    velocity = sp.Matrix([a * xn for a, xn in zip(rates, x, strict=True)])
    law = lift.jacobian(x) * velocity
    assert verify(Identity(law, right * lift)).proved
    assert verify(Identity(law, wrong * lift)).evidence is Evidence.REFUTED
    oracle = project_flow(homogeneous_matrix(sp.diag(*rates), sp.zeros(states, 1), corner=0), degree)
    assert oracle == right
    assert oracle != wrong
    assert sp.expand(wrong.trace() - right.trace()) != 0
    assert overwriting_drift(rates, 1) == scaling_generator(rates, 1)  # only mixed monomials see the mistake


@given(continuous_cases(), rationals)
def test_one_held_step_is_the_matrix_exponential(case, u):
    model, decoder = case
    lifted, duration = carleman_lift(model, decoder), sp.Rational(1, 4)
    matrix = unfold(one_step_map(lifted)).expression.subs({sp.Symbol("Delta", positive=True): duration, U: u})
    exact = np.array(matrix.evalf(25), dtype=complex)
    generator = np.array((lifted.drift + u * lifted.input_matrix).evalf(25), dtype=complex)
    expected = scipy.linalg.expm(generator * float(duration))
    assert np.abs(exact - expected).max() <= 1e-12 * (1 + np.abs(expected).max())


@given(discrete_cases())
def test_the_lift_of_one_state_affine_system_has_degree_p_in_the_input(case):
    model, decoder = case
    transition = carleman_lift(model, decoder).transition_matrix(U)
    powers = [sp.Poly(entry, U).degree() for entry in transition if entry]
    reached = decoder.degree if any(model.input_vector) else 0
    assert max(powers) == reached


@pytest.mark.parametrize("kind", MODELS)
def test_conjugate_pairs_are_lifted_with_both_members(kind):
    lifted = symbolic_lift(kind, 1, 2, pairs=True)
    assert lifted.basis.states == 2
    c = lifted.ssm.output_vector
    assert c[1] == sp.conjugate(c[0])
    single = symbolic_lift(kind, 1, 2)
    assert single.basis.states == 1
    x = sp.symbols("x_0 x_1")
    y = sp.Add(*(cn * xn for cn, xn in zip(c, x, strict=True)))
    law = lifted.readout().certificates[0]
    decoder = lifted.decoder(y + sp.Symbol("D", real=True) * U)
    assert verify(Identity(law.left, decoder)).proved


def test_the_hold_commutes_with_the_lift():
    continuous = symbolic_lift(DiagonalSSM, 2, 2)
    delta = sp.Symbol("Delta", positive=True)
    discrete = carleman_lift(zero_order_hold(continuous.ssm, delta), continuous.decoder)
    first, second = one_step_map(continuous), one_step_map(discrete)
    assert first.expression == second.expression
    assert dict(first.where) == dict(second.where)


def test_kinds_of_lift_follow_the_kind_of_time():
    assert isinstance(symbolic_lift(DiagonalSSM, 1, 1), BilinearSystem)
    assert isinstance(symbolic_lift(DiscreteSSM, 1, 1), StateAffineSystem)


def test_wrong_models_decoders_and_names_are_refused():
    model, decoder = DiagonalSSM.symbolic(states=1), PolynomialDecoder((1,))
    with pytest.raises(TypeError, match="DiagonalSSM or a DiscreteSSM"):
        carleman_lift("model", decoder)
    with pytest.raises(TypeError, match="PolynomialDecoder"):
        carleman_lift(model, (1, 2))
    clash = carleman_lift(DiagonalSSM(sp.symbols("x_0,"), (1,), (1,)), decoder)
    with pytest.raises(ValueError, match=r"uses the names x_0.*rename"):
        clash.readout()
    held = carleman_lift(DiagonalSSM(sp.symbols("Delta,"), (1,), (1,)), decoder)
    with pytest.raises(ValueError, match="Delta"):
        one_step_map(held)


def test_a_lift_is_described_at_any_size_and_expanded_only_within_budget():
    lifted = symbolic_lift(DiscreteSSM, 64, 4)
    assert lifted.basis.size == 814_385
    with pytest.raises(ValueError, match=r"12,082,785 terms.*Volterra"):
        one_step_map(lifted)
    bilinear = symbolic_lift(DiagonalSSM, 64, 4)
    for build in (lambda: bilinear.drift, lambda: bilinear.input_matrix):
        with pytest.raises(ValueError, match="use the Volterra form"):
            build()
