"""The exact finite lift of stacks: against convolution, by hand, in float64, and false twins."""

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.affine_maps import ExactAffineMap
from carleman_ssm.theory.closure import closure_of
from carleman_ssm.theory.monomials import MonomialBasis
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiscreteSSM
from carleman_ssm.theory.stack_lift import StackLift
from carleman_ssm.theory.stacks import PolynomialLayer, PolynomialStack
from carleman_ssm.theory.weighted_basis import WeightedBasis
from tests.oracles_stacks import simulate
from tests.strategies_carleman import rationals
from tests.strategies_networks import moderate_network
from tests.strategies_ssm import planted
from tests.strategies_stacks import numeric_stack, of_network, stacks

SQUARE = PolynomialDecoder((0, 0, 1))
MODE = DiscreteSSM.symbolic(1)
ONE_GATE = PolynomialLayer(
    (MODE,), PolynomialDecoder.symbolic(degree=1), ExactAffineMap(sp.Matrix(sp.symbols("W_0:2"))), SQUARE
)
SYMBOLIC = {
    "two layers": PolynomialStack.symbolic((2, 2), (2, 2)),
    "two layers, residual and feedthrough": PolynomialStack.symbolic((2, 1), (2, 2), residual=True, feedthrough=True),
    "three layers": PolynomialStack.symbolic((1, 1, 1), (2, 1, 2)),
    "constant decoder": PolynomialStack.symbolic((1, 1), (0, 2)),
    "gate": PolynomialStack((ONE_GATE,)),
    "conjugate pair": PolynomialStack((PolynomialLayer((DiscreteSSM.symbolic(1, conjugate_pairs=True),), SQUARE),)),
}


def numbers_of(matrix, u):
    """(row, column, power of u, number) of a matrix of polynomials in u with Gaussian rational coefficients."""
    ring, entries = sp.sring(list(matrix), u)
    for place, entry in enumerate(entries):
        for (power,), value in entry.items():
            yield *divmod(place, matrix.cols), power, sp.QQ_I.convert(value, ring.domain)


def applied(entries, now, state, rows):
    """The matrix at the input `now` times the state, exactly."""
    moved = [sp.QQ_I.zero] * rows
    for row, column, power, number in entries:
        moved[row] += number * now**power * state[column]
    return moved


def run(step, output, inputs, u):
    """Outputs of the lifted recurrence, exactly; the first entry of the state is the monomial 1."""
    stepping, reading = [*numbers_of(step, u)], [*numbers_of(output, u)]
    state, found = [sp.QQ_I.one, *[sp.QQ_I.zero] * (step.rows - 1)], []
    for now in map(sp.QQ_I.from_sympy, inputs):
        state = applied(stepping, now, state, step.rows)
        found.append([sp.QQ_I.to_sympy(z) for z in applied(reading, now, state, output.rows)])
    return found


@pytest.mark.parametrize("stack", SYMBOLIC.values(), ids=SYMBOLIC)
def test_every_certificate_is_proved_and_its_false_twin_refuted(stack):
    lift = StackLift(stack)
    for form in (lift.step(), lift.output(), lift.pooled_step()):
        assert form.certificates
        for certificate in form.certificates:
            verdict = verify(certificate)
            assert verdict.proved, (certificate.name, str(verdict))
            assert verify(planted(certificate)).evidence is Evidence.REFUTED


@settings(max_examples=30)
@given(stack=stacks(), inputs=st.lists(rationals, min_size=1, max_size=4))
def test_the_lifted_recurrence_is_the_convolution_exactly(stack, inputs):
    lift = StackLift(stack)
    (u,) = lift.inputs
    assert run(lift.step_matrix, lift.output_matrix, inputs, u) == simulate(stack, inputs)


@settings(max_examples=15)
@given(stack=stacks(), inputs=st.lists(rationals, min_size=1, max_size=3))
def test_the_accumulator_rows_end_with_the_mean_over_time(stack, inputs):
    lift = StackLift(stack)
    (u,) = lift.inputs
    outputs = lift.output_matrix.rows
    matrix = lift.pooled_step(len(inputs)).expression
    reader = sp.ImmutableMatrix(sp.Matrix.hstack(sp.zeros(outputs, lift.basis.size), sp.eye(outputs)))
    expected = [sp.expand(sum(column) / len(inputs)) for column in zip(*simulate(stack, inputs), strict=True)]
    assert run(matrix, reader, inputs, u)[-1] == expected


@settings(max_examples=25)
@given(stacks())
def test_no_monomial_leaves_the_span_and_the_report_says_so(stack):
    """Every image weighed one by one; the report weighs the states alone."""
    lift = StackLift(stack)
    assert lift.closure().closed
    assert lift.closure().states == len(lift.basis.exponents) == lift.basis.size
    moved = [sp.Poly(f, *lift.state) for f in stack.advance(lift.state, lift.inputs)]
    for alpha in lift.basis.exponents:
        image = math.prod((f**power for f, power in zip(moved, alpha, strict=True)), start=sp.Poly(1, *lift.state))
        assert all(lift.basis.weight_of(power) <= lift.basis.weight_of(alpha) for power in image.monoms())


def test_the_span_of_unweighted_degrees_leaks():
    """The false twin: the same number of variables, monomials of total degree at most 4."""
    lift = StackLift(PolynomialStack.symbolic((1, 1), (2, 2)))
    x, y = lift.state
    report = closure_of(lift.stack.advance((x, y), lift.inputs), (x, y), degree=4)
    assert not report.closed
    assert x**8 in report.missing  # from y**4


def test_too_small_a_weight_of_the_second_layer_is_reported(monkeypatch):
    lift = StackLift(PolynomialStack.symbolic((1, 1), (3, 2)))
    monkeypatch.setattr(PolynomialStack, "weights", (1, 2))
    report = lift.closure()
    assert not report.closed
    assert report.missing == (lift.state[1],)


def test_a_nonlinear_recurrence_has_no_weights():
    x, u = sp.symbols("x u")
    assert not closure_of([x / 2 + u + x**2], [x], degree=4).closed


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 7))
def test_the_size_is_the_number_of_exponents_counted_by_force(weights, weight):
    basis = WeightedBasis(tuple(weights), weight)
    box = np.indices([weight // w + 1 for w in weights]).reshape(len(weights), -1)
    assert basis.size == int((np.array(weights) @ box <= weight).sum()) == len({*basis.exponents})
    found = list(map(basis.weight_of, basis.exponents))
    assert found == sorted(found)


@given(st.integers(1, 3), st.integers(0, 4))
def test_equal_weights_give_the_graded_basis(states, degree):
    exponents = MonomialBasis(states, degree).exponents.tolist()
    assert [list(alpha) for alpha in WeightedBasis((1,) * states, degree).exponents] == exponents


def test_the_weight_follows_the_rules_of_the_blocks():
    def weight(layer):
        return PolynomialStack((layer,)).output_weight

    square, gate = PolynomialDecoder.symbolic(degree=2), PolynomialDecoder.symbolic(degree=3, name="q")
    mixing = ExactAffineMap(sp.Matrix([1, 1]))
    assert weight(PolynomialLayer((MODE,), square)) == 2
    assert weight(PolynomialLayer((MODE,), square, residual=True)) == 2
    assert weight(PolynomialLayer((MODE,), square, mixing, gate)) == 2 * (1 + 3)
    norm = ExactAffineMap.diagonal((2,), (3,))
    assert weight(PolynomialLayer((MODE,), square, norm_before=norm, norm_after=norm)) == 2
    stack = PolynomialStack.symbolic((1, 1, 1), (2, 3, 2))
    assert (stack.weights, stack.output_weight) == ((1, 2, 6), 12)


def test_a_residual_path_around_a_constant_decoder_keeps_its_weight():
    stack = PolynomialStack.symbolic((1, 1), (2, 0), residual=True)
    assert stack.output_weight == 2


# --- the figures of THEORY T16, in float64 ---------------------------------------------------------------------------


def float_step(matrix, u):
    """Coefficient arrays of a matrix in the powers of the input u."""
    entries = [*numbers_of(matrix, u)]
    values = np.zeros((1 + max((power for _, _, power, _ in entries), default=0), *matrix.shape), dtype=complex)
    for row, column, power, number in entries:
        values[power, row, column] = complex(*(float(sp.QQ.to_sympy(part)) for part in (number.x, number.y)))
    return values


def float_run(step, output, inputs):
    """Outputs of the lifted recurrence in floating point."""
    state, found = np.eye(step.shape[1])[0], []
    for now in inputs:
        state = np.polynomial.polynomial.polyval(now, step) @ state
        found.append(np.polynomial.polynomial.polyval(now, output) @ state)
    return np.array(found)


def float_simulation(stack, inputs):
    """One channel in each layer, float64 recurrences."""
    sequence = inputs
    for layer in stack.layers:
        (channel,) = layer.channels
        vectors = (channel.multipliers, channel.input_vector, channel.output_vector)
        lam, b, c = (np.array(row, dtype=float) for row in vectors)
        x, results = np.zeros(len(lam)), []
        for v in sequence:
            x = lam * x + b * v
            z = np.polynomial.polynomial.polyval(c @ x, np.array(layer.activation.coefficients, dtype=float))
            if layer.gate is not None:
                value, gate = np.array(layer.mixing.matrix, dtype=float)[:, 0] * z + np.array(
                    layer.mixing.offset, dtype=float
                )
                z = value * np.polynomial.polynomial.polyval(gate, np.array(layer.gate.coefficients, dtype=float))
            results.append(z + v if layer.residual else z)
        sequence = np.array(results)
    return sequence


FIGURES = {
    "two states each, squares": (((2, 2), (2, 2), {}), 4, 30, 5.4e-16),
    "with a residual path": (((2, 2), (2, 2), {"residual": True}), 4, 30, 8.4e-16),
    "gate of degree 2": (((2, 2), (1, 2), {"gate_degree": 2}), 6, 51, 2.8e-16),
    "degrees 4 and 4": (((1, 1), (4, 4), {}), 16, 45, 3.5e-11),
}


@pytest.mark.parametrize(("case", "weight", "size", "error"), FIGURES.values(), ids=FIGURES)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_figures_of_the_statement_hold_within_a_factor_of_100(case, weight, size, error, seed):
    """Sizes exactly; errors of the lifted float64 recurrence, relative to the largest output, with the margin."""
    (states, degrees, options), generator = case, np.random.default_rng(seed)
    stack = numeric_stack(generator, states, degrees, **options)
    lift = StackLift(stack)
    assert (lift.basis.weight, lift.basis.size) == (weight, size)
    (u,) = lift.inputs
    inputs = generator.uniform(-1, 1, 50)
    found = float_run(float_step(lift.step_matrix, u), float_step(lift.output_matrix, u), inputs)[:, 0]
    expected = float_simulation(stack, inputs)
    assert np.abs(found - expected).max() <= 100 * error * np.abs(expected).max()


NETWORKS = {
    "two layers behind BatchNorm": (2, 1, {"activation": "square", "output": "linear", "norm": "batch"}),
    "two layers, last step": (2, 1, {"activation": "square", "output": "none", "pool": "last"}),
    "two layers in front of BatchNorm, bilinear rule, no residual": (
        2,
        1,
        {
            "activation": "square",
            "output": "linear",
            "norm": "batch",
            "prenorm": True,
            "residual": False,
            "discretization": "bilinear",
        },
    ),
    "bilinear gate": (1, 2, {"activation": "square", "output": "glu", "gate": "identity", "norm": "batch"}),
}


@pytest.mark.parametrize(("layers", "channels", "entries"), NETWORKS.values(), ids=NETWORKS)
def test_a_small_network_is_the_product_of_its_lifted_steps(layers, channels, entries):
    """The logits of an `S4DNetwork`; 1e-9 relative, for 12 steps of a product of matrices in float64."""
    network = moderate_network(layers, channels=channels, modes=1, classes=2, **entries)
    lift = StackLift(of_network(network, SQUARE))
    (u,) = lift.inputs
    x = np.random.default_rng(1).uniform(-1, 1, 12)
    if network.config.pool == "last":
        found = float_run(float_step(lift.step_matrix, u), float_step(lift.output_matrix, u), x)[-1]
    else:
        pooled = lift.pooled_step(len(x)).expression
        reader = np.eye(lift.basis.size + 2)[None, -2:]
        found = float_run(float_step(pooled, u), reader, x)[-1]
    (expected,) = network(x[None, :, None])
    assert np.abs(found - expected).max() <= 1e-9 * np.abs(expected).max()


# --- false twins -----------------------------------------------------------------------------------------------------


def test_wrong_steps_are_refuted():
    lift = StackLift(PolynomialStack.symbolic((1, 1), (2, 2)))
    x, y = lift.state
    (u,) = lift.inputs
    step, now = lift.step_matrix, sp.Matrix(lift.basis.lift(lift.state))
    lam1, b1, c1, g0, g1, g2, lam2, b2, *_ = lift.stack.parameters

    def drive(state):
        return g0 + g1 * c1 * state + g2 * (c1 * state) ** 2

    first = lam1 * x + b1 * u

    def verdict(second):
        return verify(Identity(step * now, sp.Matrix(lift.basis.lift((first, second)))))

    assert verdict(lam2 * y + b2 * drive(first)).proved
    for wrong in (lam2 * y + b2 * drive(x), lam1 * y + b2 * drive(first), lam2 * y + b2 * (drive(first) - g0)):
        assert verdict(wrong).evidence is Evidence.REFUTED


def test_the_order_of_two_steps_matters():
    lift = StackLift(PolynomialStack.symbolic((1, 1), (1, 2)))
    (u,) = lift.inputs
    v, w = sp.symbols("v w")
    first, second = (lift.step_matrix.xreplace({u: at}) for at in (v, w))
    assert verify(Identity(second * first, first * second)).evidence is Evidence.REFUTED


# --- refusals --------------------------------------------------------------------------------------------------------


def test_stacks_that_do_not_fit_are_refused():
    layer = PolynomialLayer((MODE,), SQUARE)
    with pytest.raises(ValueError, match="at least one layer"):
        PolynomialStack(())
    with pytest.raises(TypeError, match="layer 1 must be of the class PolynomialLayer"):
        PolynomialStack((SQUARE,))
    with pytest.raises(ValueError, match="layer 2 has 2 channels but is given 1"):
        PolynomialStack((layer, PolynomialLayer((MODE, MODE), SQUARE)))
    with pytest.raises(ValueError, match="layer 1 has 1 channels but is given 2"):
        PolynomialStack((layer,), encoder=ExactAffineMap(sp.Matrix([1, 2])))
    with pytest.raises(ValueError, match="head has 2 columns"):
        PolynomialStack((layer,), head=ExactAffineMap(sp.Matrix([[1, 2]])))
    with pytest.raises(ValueError, match="gate needs a mixing"):
        PolynomialLayer((MODE,), SQUARE, gate=SQUARE)
    with pytest.raises(ValueError, match="mixing has 2 columns for 1 channels"):
        PolynomialLayer((MODE,), SQUARE, ExactAffineMap(sp.Matrix([[1, 2]])))
    with pytest.raises(ValueError, match="residual path adds 1 channels to 2 rows"):
        PolynomialLayer((MODE,), SQUARE, ExactAffineMap(sp.Matrix([1, 2])), residual=True)
    with pytest.raises(ValueError, match=r"norm_after must have the shape \(1, 1\)"):
        PolynomialLayer((MODE,), SQUARE, norm_after=ExactAffineMap.diagonal((1, 2)))
    with pytest.raises(TypeError, match="channel 0 must be of the class DiscreteSSM"):
        PolynomialLayer((SQUARE,), SQUARE)


def test_inexact_entries_and_wrong_offsets_are_refused():
    with pytest.raises(ValueError, match="exact numbers"):
        ExactAffineMap(sp.Matrix([[sp.Float(0.5)]]))
    with pytest.raises(ValueError, match="2 entries for 1 rows"):
        ExactAffineMap(sp.Matrix([[1]]), (1, 2))
    with pytest.raises(TypeError, match="SymPy matrix"):
        ExactAffineMap([[1]])


def test_lifts_that_clash_or_grow_too_large_are_refused():
    u = sp.Symbol("u")
    named = PolynomialStack((PolynomialLayer((DiscreteSSM((u,), (1,), (1,)),), SQUARE),))
    with pytest.raises(ValueError, match="uses the names u"):
        StackLift(named)
    summed = PolynomialStack((PolynomialLayer((DiscreteSSM(sp.symbols("s_0,"), (1,), (1,)),), SQUARE),))
    with pytest.raises(ValueError, match="uses the names s_0"):
        StackLift(summed)
    with pytest.raises(TypeError, match="PolynomialStack"):
        StackLift(MODE)
    large = StackLift(PolynomialStack.symbolic((8, 8), (4, 4)))
    assert large.basis.size > 2_000  # counted, not written out
    with pytest.raises(ValueError, match="more than the 2,000"):
        _ = large.step_matrix
    for length in (0, sp.Rational(1, 2), -3):
        with pytest.raises((ValueError, TypeError), match="the length L"):
            StackLift(PolynomialStack.symbolic((1,), (1,))).pooled_step(length)
    lift = StackLift(PolynomialStack.symbolic((1,), (1,)))
    for taken in ("s_0", "x_1_0", "u", *map(str, lift.stack.parameters)):  # each would be captured
        for letter in (sp.Symbol(taken), sp.Symbol(taken, positive=True)):
            with pytest.raises(ValueError, match=f"uses the name {taken}: give another symbol"):
                lift.pooled_step(letter)
    assert verify(lift.pooled_step(sp.Symbol("s_1")).certificates[0]).proved  # there is one output, one mean
    with pytest.raises(ValueError, match="at least one variable"):
        WeightedBasis((), 2)
    with pytest.raises(ValueError, match="at least 1"):
        WeightedBasis((0, 1), 2)
