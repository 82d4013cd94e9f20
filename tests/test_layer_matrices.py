"""Carleman matrices of layers: coefficients by evaluation, composition, recentring, and the uncentred false twin."""

from itertools import product

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory import layer_matrices
from carleman_ssm.theory.affine_maps import ExactAffineMap
from carleman_ssm.theory.layer_matrices import (
    bias_trajectory,
    carleman_composition,
    carleman_matrix,
    recentred_composition,
    rectangular_composition,
)
from carleman_ssm.theory.monomials import MonomialBasis
from carleman_ssm.theory.polynomial_maps import PolynomialMap, sequence_maps
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiscreteSSM
from carleman_ssm.theory.stacks import PolynomialLayer, PolynomialStack
from tests.oracles_stacks import simulate
from tests.strategies_carleman import rationals
from tests.strategies_ssm import planted
from tests.strategies_stacks import stacks

x, y = sp.symbols("x y")
PAIR = sp.symbols("x_0:2")


def symbolic_map(stem, variables, components, degree, *, centred=False):
    """Every coefficient a symbol."""
    powers = MonomialBasis(len(variables), degree).lift(tuple(variables))[1 if centred else 0 :]
    rows = [[sp.Symbol(f"{stem}_{row}_{j}") * power for j, power in enumerate(powers)] for row in range(components)]
    return PolynomialMap(tuple(variables), tuple(sp.Add(*terms) for terms in rows))


@st.composite
def maps(draw, variables, components, *, centred=False, most=2):
    degree = draw(st.integers(1, most))
    powers = MonomialBasis(len(variables), degree).lift(tuple(variables))
    rows = [draw(st.tuples(*[rationals] * len(powers))) for _ in range(components)]
    return PolynomialMap(
        tuple(variables),
        tuple(sp.Add(*(c * p for c, p in zip(row, powers, strict=True) if p != 1 or not centred)) for row in rows),
    )


def multiplied(form):
    factors = form.expression.args if isinstance(form.expression, sp.MatMul) else (form.expression,)
    value, *rest = factors
    for factor in rest:
        value = value * factor
    return sp.ImmutableMatrix(value).expand()


def by_differentiation(mapping, degree, columns):
    """The coefficients as derivatives at 0: the independent route."""
    rows = MonomialBasis(len(mapping.components), degree).exponents.tolist()
    across = MonomialBasis(len(mapping.variables), columns).exponents.tolist()
    found = []
    for beta in rows:
        value = sp.Mul(*(f**power for f, power in zip(mapping.components, beta, strict=True)))
        for alpha in across:
            derived = value
            for variable, power in zip(mapping.variables, alpha, strict=True):
                derived = derived.diff(variable, power) / sp.factorial(power)
            found.append(sp.expand(derived.xreplace(dict.fromkeys(mapping.variables, sp.S.Zero))))
    return sp.ImmutableMatrix(len(rows), len(across), found)


FORMS = {
    "one variable": carleman_composition(symbolic_map("f", (y,), 1, 2), symbolic_map("g", (x,), 1, 2, centred=True), 3),
    "two variables": carleman_composition(
        symbolic_map("f", sp.symbols("y_0:2"), 2, 2), symbolic_map("g", PAIR, 2, 2, centred=True), 2
    ),
    "all rows": rectangular_composition(symbolic_map("f", (y,), 1, 2), symbolic_map("g", (x,), 1, 2), 2),
    "all rows, two to one": rectangular_composition(symbolic_map("f", (y,), 1, 3), symbolic_map("g", PAIR, 1, 1), 1),
    "recentred": recentred_composition([symbolic_map("g", (x,), 1, 2), symbolic_map("f", (y,), 1, 2)], 2),
    "recentred, three layers": recentred_composition(
        [symbolic_map("g", (x,), 1, 1), symbolic_map("f", (y,), 1, 2), symbolic_map("h", (y,), 1, 2)], 1
    ),
    "one layer": recentred_composition([symbolic_map("g", PAIR, 2, 2)], 2),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_certificate_is_proved_and_its_false_twin_refuted(form):
    assert form.certificates
    for certificate in form.certificates:
        verdict = verify(certificate)
        assert verdict.proved, (certificate.name, str(verdict))
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


def identity(matrix):
    return sp.ImmutableMatrix(sp.eye(*matrix.shape))


def factorials(matrix):
    """Entries scaled by i!/j!: such matrices compose like the true ones."""
    return sp.ImmutableMatrix(*matrix.shape, lambda i, j: matrix[i, j] * sp.factorial(i) / sp.factorial(j))


def signs(matrix):
    return sp.ImmutableMatrix(*matrix.shape, lambda i, j: matrix[i, j] * (-1) ** (i + j))


def last_column_dropped(matrix):
    return sp.ImmutableMatrix(*matrix.shape, lambda i, j: matrix[i, j] if j != matrix.cols - 1 else 0)


BUILDS = {
    "centred": lambda f, g: carleman_composition(f, PolynomialMap(g.variables, (g.components[0] - g.constant[0],)), 2),
    "all rows": lambda f, g: rectangular_composition(f, g, 2),
    "recentred": lambda f, g: recentred_composition([g, f], 2),
}


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
@pytest.mark.parametrize("wrong", [identity, factorials, signs, last_column_dropped])
def test_matrices_that_are_wrong_alike_are_refuted_one_by_one_by_their_definitions(monkeypatch, build, wrong):
    maps = symbolic_map("f", (y,), 1, 2), symbolic_map("g", (x,), 1, 2)
    count = len(build(*maps).certificates)
    monkeypatch.setattr(
        layer_matrices, "carleman_matrix", lambda *args, **named: wrong(carleman_matrix(*args, **named))
    )
    certificates = build(*maps).certificates
    definitions = [c for c in certificates if c.name.startswith("definition")]
    assert len(definitions) == 3
    assert len(certificates) == count
    for certificate in definitions:
        assert verify(certificate).evidence is Evidence.REFUTED, certificate.name


def test_every_matrix_that_enters_has_its_definition():
    chain = [symbolic_map("g", (x,), 1, 1), symbolic_map("f", (y,), 1, 2), symbolic_map("h", (y,), 1, 2)]
    form = recentred_composition(chain, 2)
    defined = [c.left.args[0] for c in form.certificates if c.name.startswith("definition")]
    assert defined == [*reversed(form.expression.args), form.certificates[1].right]


@settings(max_examples=15)
@given(st.data(), st.integers(0, 3))
def test_definitions_of_random_maps_are_proved(data, degree):
    chain = [data.draw(maps(PAIR, 2)), data.draw(maps(PAIR, 1))]
    for form in (recentred_composition(chain, degree), rectangular_composition(*reversed(chain), min(degree, 1))):
        assert all(verify(certificate).proved for certificate in form.certificates)


@settings(max_examples=20)
@given(st.data(), st.integers(1, 2), st.integers(1, 2), st.integers(0, 2), st.integers(0, 3))
def test_the_entries_are_derivatives_at_zero(data, variables, components, degree, columns):
    mapping = data.draw(maps(PAIR[:variables], components))
    expected = by_differentiation(mapping, degree, columns)
    assert carleman_matrix(mapping, degree, columns=columns) == expected


@given(maps(PAIR, 2), st.tuples(rationals, rationals))
def test_with_all_columns_the_matrix_carries_monomials_to_those_of_the_image(mapping, point):
    degree = 2
    matrix = carleman_matrix(mapping, degree, columns=degree * max(1, mapping.degree))
    basis = MonomialBasis(2, degree * max(1, mapping.degree))
    image = MonomialBasis(2, degree).lift(mapping(point))
    assert (matrix * sp.Matrix(basis.lift(point))).expand() == sp.Matrix(image).expand()


@given(st.data(), st.integers(1, 3))
def test_centred_maps_compose_exactly(data, degree):
    outer, inner = data.draw(maps(sp.symbols("y_0:2"), 1)), data.draw(maps((x,), 2, centred=True))
    found = multiplied(carleman_composition(outer, inner, degree))
    assert found == by_differentiation(outer.after(inner), degree, degree)


@given(st.data(), st.integers(1, 2))
def test_all_rows_compose_exactly_with_any_constants(data, degree):
    outer, inner = data.draw(maps((y,), 2)), data.draw(maps((x,), 1))
    found = multiplied(rectangular_composition(outer, inner, degree))
    assert found == by_differentiation(outer.after(inner), degree, degree * outer.degree * inner.degree)


@given(st.data(), st.integers(1, 2))
def test_recentred_maps_compose_exactly_with_any_constants(data, degree):
    chain = [data.draw(maps((x,), 1)) for _ in range(3)]
    whole = chain[2].after(chain[1].after(chain[0]))
    deviation = PolynomialMap((x,), (whole.components[0] - whole.components[0].xreplace({x: sp.S.Zero}),))
    assert multiplied(recentred_composition(chain, degree)) == by_differentiation(deviation, degree, degree)


def test_naive_claim_10_square_matrices_of_layers_with_biases_do_not_compose():
    outer, inner = symbolic_map("f", (y,), 1, 2), symbolic_map("g", (x,), 1, 2)
    wrong = carleman_matrix(outer, 2) * carleman_matrix(inner, 2)
    claim = Identity(wrong, carleman_matrix(outer.after(inner), 2))
    assert verify(claim).evidence is Evidence.REFUTED
    centred = {sp.Symbol("g_0_0"): sp.S.Zero}
    assert verify(Identity(claim.left.xreplace(centred), claim.right.xreplace(centred))).proved


def test_recentring_only_the_first_of_three_layers_is_not_enough():
    chain = [symbolic_map("g", (x,), 1, 1), symbolic_map("f", (y,), 1, 2), symbolic_map("h", (y,), 1, 2)]
    first = chain[0].recentred((0,))
    whole = chain[2].after(chain[1].after(first))
    wrong = carleman_matrix(chain[2], 2) * carleman_matrix(chain[1], 2) * carleman_matrix(first, 2)
    assert verify(Identity(wrong, carleman_matrix(whole, 2))).evidence is Evidence.REFUTED


# --- layers of a network as maps of whole sequences ------------------------------------------------------------------


@settings(max_examples=20)
@given(stacks(), st.lists(rationals, min_size=1, max_size=3))
def test_the_maps_of_the_layers_composed_are_the_forward_pass(stack, inputs):
    value = tuple(inputs)
    for mapping in sequence_maps(stack, len(inputs)):
        value = tuple(sp.expand(v) for v in mapping(value))
    assert list(value) == [z for step in simulate(stack, inputs) for z in step]


@settings(max_examples=10)
@given(stacks(), st.tuples(rationals, rationals))
def test_the_recentred_first_order_is_the_derivative_of_the_network_at_rest(stack, direction):
    """The row of degree 1 about the bias-only trajectory against a difference quotient of the simulation, exactly."""
    chain = sequence_maps(stack, 2)
    form = recentred_composition(chain, 1)
    (t,) = sp.symbols("t,")
    perturbed = simulate(stack, [t * d for d in direction])
    derivative = [sp.expand(z).coeff(t, 1) for step in perturbed for z in step]
    rows = multiplied(form)[1:, 1:]
    assert list((rows * sp.Matrix(direction)).expand()) == derivative
    rest = [z for step in simulate(stack, [sp.S.Zero] * 2) for z in step]
    assert list(bias_trajectory(chain)[-1]) == rest


# --- the figures of THEORY T17, in float64 ---------------------------------------------------------------------------


def random_map(generator, variables, components, degree, *, bias):
    powers = MonomialBasis(len(variables), degree).lift(tuple(variables))
    rows = [
        sp.Add(*(sp.Rational(round(1000 * c), 1000) * p for c, p in zip(row, powers, strict=True) if bias or p != 1))
        for row in generator.normal(size=(components, len(powers)))
    ]
    return PolynomialMap(tuple(variables), tuple(rows))


def as_floats(matrix):
    return np.array(matrix.tolist(), dtype=float)


@pytest.mark.parametrize(("seed", "degree"), list(product([0, 1, 2], [2, 3])))
def test_the_figures_of_the_statement_hold_within_a_factor_of_100(seed, degree):
    """Products in float64 relative to the largest entry: centred 5.3e-15, recentred 1.4e-16, uncentred wrong."""
    generator = np.random.default_rng(seed)
    inner, outer = (random_map(generator, PAIR, 2, 2, bias=True) for _ in range(2))
    centred = random_map(generator, PAIR, 2, 2, bias=False)

    def error(factors, whole):
        left, right = map(as_floats, factors)
        expected = as_floats(whole)
        return np.abs(left @ right - expected).max() / np.abs(expected).max()

    pair = [carleman_matrix(outer, degree), carleman_matrix(centred, degree)]
    assert error(pair, carleman_matrix(outer.after(centred), degree)) <= 100 * 5.3e-15
    form = recentred_composition([inner, outer], degree)
    assert error(form.expression.args, form.certificates[1].right) <= 100 * 1.4e-16
    wrong = [carleman_matrix(outer, degree), carleman_matrix(inner, degree)]
    assert error(wrong, carleman_matrix(outer.after(inner), degree)) > 1e-3


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_constant_of_the_inner_map_is_refused_with_the_remedies():
    outer, inner = symbolic_map("f", (y,), 1, 2), symbolic_map("g", (x,), 1, 2)
    with pytest.raises(ValueError, match=r"constant \(g_0_0,\).*recentred_composition.*rectangular_composition"):
        carleman_composition(outer, inner, 2)


def test_a_constant_that_vanishes_only_once_simplified_is_no_constant():
    b = sp.Symbol("b")
    outer, inner = symbolic_map("f", (y,), 1, 2), PolynomialMap((x,), (1 / (1 - b) + b / (b - 1) - 1 + x,))
    form = carleman_composition(outer, inner, 2)
    assert all(verify(certificate).proved for certificate in form.certificates)
    with pytest.raises(ValueError, match="compose only if it vanishes"):
        carleman_composition(outer, PolynomialMap((x,), (1 / (1 - b) + b / (b + 1) - 1 + x,)), 2)


def test_maps_that_are_no_polynomials_are_refused():
    with pytest.raises(ValueError, match="no polynomial in x"):
        PolynomialMap((x,), (x / sp.sqrt(x**2 + 1),))  # RMSNorm of one channel
    with pytest.raises(ValueError, match="different variables"):
        PolynomialMap((x, x), (x,))
    with pytest.raises(ValueError, match="exact numbers"):
        PolynomialMap((x,), (0.5 * x,))
    with pytest.raises(TypeError, match="variable must be of the class Symbol"):
        PolynomialMap((x + 1,), (x,))


def test_sizes_that_do_not_fit_and_names_in_use_are_refused():
    mapping = PolynomialMap((x,), (x + sp.Symbol("delta_0"),))
    with pytest.raises(ValueError, match="names delta_0"):
        mapping.recentred((0,))
    with pytest.raises(ValueError, match="centre has 2 coordinates"):
        PolynomialMap((x,), (x,)).recentred((0, 0))
    with pytest.raises(ValueError, match="takes 1 coordinates, got 2"):
        PolynomialMap((x,), (x,)).after(PolynomialMap((x,), (x, x)))
    with pytest.raises(ValueError, match="the names x are"):
        PolynomialMap((y,), (x * y,)).after(PolynomialMap((x,), (x,)))
    with pytest.raises(ValueError, match="at least one map"):
        recentred_composition([], 1)
    with pytest.raises(ValueError, match="more than the 40,000"):
        carleman_matrix(PolynomialMap(tuple(sp.symbols("x_0:6")), sp.symbols("x_0:6")), 5)
    with pytest.raises(ValueError, match="number of steps"):
        sequence_maps(PolynomialStack.symbolic((1,), (1,)), 0)
    clash = DiscreteSSM((sp.Symbol("v_1_0"),), (1,), (1,))
    with pytest.raises(ValueError, match="v_1_0"):
        sequence_maps(PolynomialStack((PolynomialLayer((clash,), PolynomialDecoder((0, 1))),)), 2)


def test_encoder_and_head_are_maps_of_their_own():
    layer = PolynomialLayer((DiscreteSSM.symbolic(1),) * 2, PolynomialDecoder((0, 0, 1)))
    encoder, head = ExactAffineMap(sp.Matrix([1, 2]), (3, 4)), ExactAffineMap(sp.Matrix([[1, 1]]))
    found = sequence_maps(PolynomialStack((layer,), encoder, head), 2)
    assert [(len(f.variables), len(f.components), f.degree) for f in found] == [(2, 4, 1), (4, 4, 2), (4, 2, 1)]
