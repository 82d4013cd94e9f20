"""H3, linear attention and retention with symbols: statements proved, twins refuted, kernels by differentiation."""

import itertools
from fractions import Fraction

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.recurrences.attention_statements import linear_attention_statement, retnet_statement
from carleman_ssm.recurrences.cubic_kernels import Branch, cubic_kernel, cubic_sum, symmetrised
from carleman_ssm.recurrences.cubic_laws import degree_law, homogeneity_law
from carleman_ssm.recurrences.cubic_series import STEP, cubic_series
from carleman_ssm.recurrences.h3_statement import H3Letters, h3_statement
from carleman_ssm.recurrences.product_lift import weighted_lift
from carleman_ssm.theory.weighted_basis import WeightedBasis

pytestmark = pytest.mark.symbolic

STATEMENTS = [h3_statement, linear_attention_statement, retnet_statement]
rationals = st.fractions(-2, 2, max_denominator=3).map(lambda f: sp.Rational(f.numerator, f.denominator))


@pytest.mark.parametrize(("states", "steps"), [(1, 2), (2, 3), (3, 4)])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_claim_is_proved_and_every_twin_refuted(statement, states, steps):
    built = statement(states, steps)
    claims = [identity for group in built.claims().values() for identity in group]
    assert len(claims) >= 3 * steps + 2 * max(steps - 1, 1) + 5
    assert [claim.name for claim in claims if not verify(claim).proved] == []
    assert [twin.name for twin in built.twins if verify(twin).evidence is not Evidence.REFUTED] == []
    assert built.input_degree == 3


@pytest.mark.parametrize(("states", "steps"), [(1, 2), (2, 3), (3, 4)])
def test_product_feature_maps_make_the_degree_5_exactly(states, steps):
    """Proved at most 5, refuted at most 4, and read off the polynomial in the inputs."""
    built = linear_attention_statement(states, steps, product_features=True)
    claims = [*built.laws, *built.output.certificates]
    assert [claim.name for claim in claims if not verify(claim).proved] == []
    assert [twin.name for twin in built.twins if verify(twin).evidence is not Evidence.REFUTED] == []
    inputs = sp.symbols(f"u_1:{steps + 1}", real=True)
    expression = unfold(built.output).expression
    assert expression.free_symbols >= set(inputs)
    assert built.input_degree == sp.Poly(expression, *inputs).total_degree() == 5
    plain = linear_attention_statement(states, steps)
    assert built.recurrence == plain.recurrence
    assert built.output.expression == plain.output.expression


def shares(count):
    return st.lists(rationals, min_size=count, max_size=count)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_h3_is_its_definition_in_exact_numbers(data):
    """Modes 0, equal and conjugate ones included: Gaussian rationals through a register written as a list."""
    states, steps = data.draw(st.sampled_from([(1, 2), (2, 2), (2, 4)]))
    built = h3_statement(states, steps)
    letters = H3Letters.symbolic(states, steps)
    symbols = sorted(built.output.expression.free_symbols, key=str)
    numbers = data.draw(shares(2 * len(symbols)))
    value = {s: numbers[2 * i] + (0 if s.is_real else sp.I * numbers[2 * i + 1]) for i, s in enumerate(symbols)}

    def number(symbol):
        return value.get(symbol, sp.S.Zero)

    register, modes, y = [sp.S.Zero] * len(letters.shift_input), [sp.S.Zero] * states, None
    for q, k, v in zip(letters.queries, letters.keys, letters.values, strict=True):
        register = [sp.S.Zero, *register[:-1]]
        register = [s + number(b) * number(k) for s, b in zip(register, letters.shift_input, strict=True)]
        shifted = sum(number(c) * s for c, s in zip(letters.shift_output, register, strict=True))
        p = number(v) * (shifted + number(letters.shift_feedthrough) * number(k))
        modes = [
            number(lam) * x + number(b) * p
            for lam, x, b in zip(letters.multipliers, modes, letters.input_vector, strict=True)
        ]
        held = sum(number(c) * x for c, x in zip(letters.output_vector, modes, strict=True))
        y = number(q) * (2 * sp.re(sp.expand(held)) + number(letters.feedthrough) * p)
    assert sp.expand(built.output.expression.xreplace(value) - y) == 0


def weights_of(kernel, inputs):
    """Third derivatives of the sum by its inputs, against the kernel over all orders of the places."""
    last = len(inputs) - 1
    letters = {(last - k, a): u for k, row in enumerate(inputs) for a, u in enumerate(row)}
    return letters, cubic_sum(kernel, inputs)


@pytest.mark.parametrize("taps", [(1,), sp.symbols("kappa_:2")])
def test_the_symmetric_kernel_is_a_sixth_of_the_third_derivative(taps):
    branches = [Branch(sp.symbols(f"q{i}_:2"), sp.symbols(f"k{i}_:2"), sp.symbols(f"g{i}_:3")) for i in range(2)]
    kernel = cubic_kernel(branches, sp.symbols("v_:2"), taps)
    even = symmetrised(kernel)
    letters, y = weights_of(kernel, [sp.symbols(f"u{k}_:2") for k in range(3)])
    checked = 0
    for places in itertools.combinations_with_replacement(sorted(letters), 3):
        derivative = sp.expand(sp.diff(y, *(letters[place] for place in places)))
        assert derivative == sp.expand(6 * even.get(places, sp.S.Zero))
        checked += derivative != 0
    assert checked > 10


def test_the_kernel_does_not_depend_on_the_order_once_symmetrised():
    even = symmetrised(cubic_kernel([Branch((1, 2), (3, 5), (1, 7, 11))], (1, 13), (1, 17)))
    assert len(even) > 50
    assert all(even[tuple(order)] == h for places, h in even.items() for order in itertools.permutations(places))


@given(st.integers(0, 6), st.integers(0, 5))
def test_the_degree_law_holds_exactly_up_to_the_degree(power, degree):
    u, w = sp.symbols("u w")
    expression = (1 + w * u) ** power if power else w
    assert (verify(degree_law(expression, (u,), degree, "")).evidence is Evidence.PROVED) == (power <= degree)


def test_homogeneity_sees_a_bias():
    u, w, b = sp.symbols("u w b")
    assert verify(homogeneity_law(w * u**3, (u,), 3, "")).proved
    assert verify(homogeneity_law((w * u + b) * u**2, (u,), 3, "")).evidence is Evidence.REFUTED
    assert verify(homogeneity_law(w * u**3, (u,), 2, "")).evidence is Evidence.REFUTED


@given(shares(8), shares(3))
def test_a_weighted_lift_moves_the_lift_of_a_point(coefficients, point):
    s, t, x = variables = sp.symbols("s t x")
    a, b, c, d, e, f, g, h = coefficients
    image = (a * s + b, c * s + d * t, e * x + f * s * t + g * t + h)
    basis = WeightedBasis((1, 1, 2), 3)
    at = dict(zip(variables, point, strict=True))
    moved = tuple(component.xreplace(at) for component in image)
    assert weighted_lift(variables, image, basis) * sp.Matrix(basis.lift(tuple(point))) == sp.Matrix(basis.lift(moved))


def test_a_step_that_does_not_close_is_refused():
    s, x = sp.symbols("s x")
    with pytest.raises(ValueError, match="image of s weighs 2, more than its 1"):
        weighted_lift((s, x), (x, s), WeightedBasis((1, 2), 2))


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_compiled_output_is_the_closed_form_in_exact_numbers(statement):
    """Eighths are exact in binary, so only the rounding of a few dozen operations is left: 1e-12 relative."""
    built = statement(2, 3)
    odd = [Fraction(2 * (5 * i % 7) - 7, 8) for i in range(2 * len(built.output.arguments))]
    numbers = [
        odd[2 * i] if s.is_real else complex(odd[2 * i], odd[2 * i + 1]) for i, s in enumerate(built.output.arguments)
    ]
    values = [float(n) if isinstance(n, Fraction) else n for n in numbers]
    exact = {
        s: sp.Rational(n.numerator, n.denominator)
        if isinstance(n, Fraction)
        else sp.Rational(Fraction(n.real)) + sp.I * sp.Rational(Fraction(n.imag))
        for s, n in zip(built.output.arguments, numbers, strict=True)
    }
    wanted = complex(sp.N(sp.sympify(built.output.expression).xreplace(exact), 30))
    got = complex(compile_kernel(built.output)(*values))
    assert abs(wanted) > 0.01
    assert abs(got - wanted) <= 1e-12 * abs(wanted)


def test_retention_of_equal_angles_is_linear_attention_with_a_decay():
    """Angle 0, decay 1, real keys: the two statements say the same."""
    rotated, plain = retnet_statement(2, 3).output.expression, linear_attention_statement(2, 3).output.expression
    named = {s.name: s for s in plain.free_symbols}
    renamed = {s: named[s.name] for s in rotated.free_symbols if s.name in named}
    still = {s: sp.S.Zero if s.name.startswith("theta") else sp.S.One for s in rotated.free_symbols - set(renamed)}
    assert verify(Identity(rotated.xreplace(still | renamed), plain)).proved


def put(expression, steps, inputs):
    """The series at a step, sums written out, inputs before the first 0."""
    written = expression.xreplace({STEP: sp.Integer(steps)}).doit()
    base = sp.IndexedBase("u")
    values = {base[i]: inputs[i - 1] if i > 0 else sp.S.Zero for i in range(-steps - 3, steps + 1)}
    return written.xreplace(values)


@pytest.mark.parametrize(("states", "steps"), [(1, 3), (2, 4)])
def test_the_series_for_any_step_is_that_of_the_statement(states, steps):
    """Two routes: sums over symbolic lags, and the closed states of the statement with linear maps put in."""
    series = unfold(cubic_series(states, 2)).expression
    letters = H3Letters.symbolic(states, steps)
    u = sp.symbols(f"u_1:{steps + 1}", real=True)
    output = h3_statement(states, steps).output.expression
    kappa = sp.symbols("kappa_:2", real=True)
    maps = zip(("W_q", "W_v", "W_k"), (letters.queries, letters.values, letters.keys), strict=True)
    linear = {
        letter: sp.Symbol(name, real=True) * value
        for name, steps_of in maps
        for letter, value in zip(steps_of, u, strict=True)
    }
    taps = {kappa[0]: letters.taps[0], kappa[1]: letters.taps[1]}
    assert verify(Identity(put(series, steps, u).xreplace(taps), output.xreplace(linear))).proved


@pytest.mark.parametrize(("states", "taps"), [(1, 1), (1, 2), (2, 3)])
def test_the_series_is_certified_and_its_twins_are_refuted(states, taps):
    form = cubic_series(states, taps)
    assert all(verify(certificate).proved for certificate in form.certificates)
    *_, read = form.certificates
    lam, b, c = sp.symbols("lambda_0 b_0 c_0")
    for twin in (
        {sp.conjugate(lam): lam},
        {sp.conjugate(c): c},
        {sp.conjugate(b): sp.S.Zero},
        {sp.Symbol("kappa_0", real=True): sp.Symbol("W_q", real=True)},
    ):
        assert verify(Identity(read.left, read.right.xreplace(twin))).evidence is Evidence.REFUTED


@pytest.mark.parametrize("statement", STATEMENTS)
def test_sizes_without_content_are_refused(statement):
    with pytest.raises(ValueError, match="steps"):
        statement(2, 1)
    with pytest.raises(ValueError, match="states"):
        statement(0, 3)


def test_branches_are_checked():
    with pytest.raises(ValueError, match="same channels"):
        Branch((1,), (1, 2), (1,))
    with pytest.raises(ValueError, match="memory"):
        Branch((1,), (1,), (0.5,))
