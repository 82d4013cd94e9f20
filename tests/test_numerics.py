"""Compiled kernels: the paper's names, any batch, any precision, and no surprise input."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.codegen import MAX_TERMS
from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import ClosedForm

rate, step, gain, x, y = sp.symbols("a Delta b x y")
abar, bbar, z = sp.symbols("abar bbar z")
k = sp.Symbol("k", integer=True, nonnegative=True)
j, m = sp.symbols("j m", integer=True)
u, K = sp.IndexedBase("u"), sp.IndexedBase("K")
HOLD = {abar: sp.exp(rate * step), bbar: step * phi(1, rate * step) * gain}
STATE = ClosedForm(z, sp.Sum(K[k - j] * u[j], (j, 0, k)) ** 2, (rate, step, gain, u, k), {**HOLD, K[m]: abar**m * bbar})
MAP = ClosedForm(sp.Symbol("T"), sp.Matrix([[1, 0], [bbar * x, abar]]), (rate, step, gain, x), HOLD)


def _simulate(a, length, b, sequence):
    """The recurrence itself, in whatever arithmetic the arguments bring."""
    multiplier = mpmath.exp(a * length)
    drive = b * length if a == 0 else mpmath.expm1(a * length) / a * b
    value = mpmath.mpf(0)
    for element in sequence:
        value = multiplier * value + drive * element
    return value**2


def test_the_source_reads_like_the_paper():
    kernel = compile_kernel(STATE)
    assert kernel.arguments == ("a", "Delta", "b", "u", "k")
    assert "abar = np.exp(Delta*a)" in kernel.source
    assert "bbar = Delta*b*varphi(1, Delta*a)" in kernel.source
    assert "def K(m):" in kernel.source
    assert "for j in range(0, k + 1)" in kernel.source


finite = st.complex_numbers(max_magnitude=2, allow_nan=False, allow_infinity=False)


@given(st.one_of(st.just(0), finite), st.floats(0.01, 1), st.lists(finite, min_size=1, max_size=5))
def test_both_backends_agree_with_the_recurrence(a, length, sequence):
    last = len(sequence) - 1
    with mpmath.workdps(80):
        expected = _simulate(mpmath.mpmathify(a), mpmath.mpf(length), mpmath.mpf(2), map(mpmath.mpmathify, sequence))
    for digits in (30, 60):
        value = compile_kernel(STATE, "mpmath", digits)(a, length, 2, sequence, last)
        with mpmath.workdps(80):
            assert (
                abs(value - expected)
                <= abs(expected) * mpmath.mpf(10) ** (1 - digits) + mpmath.mpf(10) ** -digits * 100
            )
    value = compile_kernel(STATE)(a, length, 2, np.array(sequence), last)
    # Rounding grows with the terms, which an unstable mode (Re a > 0) makes as large as exp(Re a · Δ · k), squared.
    growth = max(1.0, np.exp(complex(a).real * length * last))
    scale = (max(1, max(map(abs, sequence))) * growth) ** 2 * 100
    assert abs(complex(value) - complex(expected)) <= 1e-13 * scale


def test_scalars_broadcast_over_the_batch_and_sequences_carry_time_last():
    kernel, rng = compile_kernel(STATE), np.random.default_rng(0)
    rates, sequences = -rng.random((3, 1)), rng.normal(size=(4, 6))
    values = kernel(rates, 0.1, 2, u=sequences, k=5)
    assert values.shape == (3, 4)
    for row in range(3):
        for column in range(4):
            assert values[row, column] == pytest.approx(kernel(rates[row, 0], 0.1, 2, sequences[column], 5), rel=1e-14)


def test_matrices_have_rows_and_columns_last_also_when_entries_are_constant():
    values = compile_kernel(MAP)(np.zeros((2, 3)), 0.5, 2.0, 1.0)
    assert values.shape == (2, 3, 2, 2)
    np.testing.assert_allclose(values[1, 2], [[1, 0], [1, 1]])
    single = compile_kernel(MAP, "mpmath", 40)(sp.Rational(1, 3), 1, 1, 1)
    assert (single.rows, single.cols) == (2, 2)
    with mpmath.workdps(40):
        assert mpmath.almosteq(single[1, 1], mpmath.exp(mpmath.mpf(1) / 3), rel_eps=mpmath.mpf(10) ** -38)


def test_a_resonant_eigenvalue_gives_no_nan():
    assert compile_kernel(MAP)(0.0, 0.5, 2.0, 3.0)[1, 0] == 3.0


def test_complex_input_gives_complex_output_and_conjugates_work():
    form = ClosedForm(z, sp.re(x) + sp.im(x) * y + sp.conjugate(x), (x, y))
    assert compile_kernel(form)(1 + 2j, 3.0) == 8 - 2j
    assert complex(compile_kernel(form, "mpmath")(1 + 2j, 3)) == 8 - 2j


def test_cases_are_chosen_elementwise_without_warnings():
    form = ClosedForm(z, sp.Piecewise((k * x**k, sp.Eq(x, y)), ((x**k - y**k) / (x - y), True)), (x, y, k))
    np.testing.assert_array_equal(compile_kernel(form)(np.array([1.0, 2.0]), 1.0, 3), [3.0, 7.0])
    assert compile_kernel(form, "mpmath")(1, 1, 3) == 3


def test_nested_sums_run_outer_index_first():
    form = ClosedForm(z, sp.Sum(u[m] * u[j], (m, 0, j), (j, 0, k)), (u, k))
    values = np.array([2.0, 3.0, 5.0])
    expected = sum(values[q] * values[p] for p in range(3) for q in range(p + 1))
    assert compile_kernel(form)(values, 2) == expected
    assert compile_kernel(form, "mpmath")(values.tolist(), 2) == expected


@pytest.mark.parametrize("backend", ["numpy", "mpmath"])
def test_an_index_outside_a_sequence_is_an_error_and_no_wrap_around(backend):
    form = ClosedForm(z, u[k - 1], (u, k))
    kernel = compile_kernel(form, backend)
    assert kernel([7.0, 8.0], 1) == 7
    for outside in (0, 3):
        with pytest.raises(IndexError, match="outside the sequence"):
            kernel([7.0, 8.0], outside)
    assert compile_kernel(form, backend, origin=1)([7.0, 8.0], 2) == 7


def test_integer_arguments_keep_the_assumptions_of_their_symbols():
    kernel = compile_kernel(ClosedForm(z, x**k, (x, k)))
    with pytest.raises(ValueError, match="must be nonnegative"):
        kernel(2.0, -1)
    with pytest.raises(ValueError, match="one integer"):
        kernel(2.0, 0.5)


def test_arguments_are_bound_like_those_of_a_function():
    kernel = compile_kernel(MAP)
    for values, named in (
        ((1, 2), {}),
        ((1, 2, 3, 4, 5), {}),
        ((1, 2, 3), {"w": 1}),
        ((1, 2, 3, 4), {"a": 1}),
    ):
        with pytest.raises(TypeError, match="takes"):
            kernel(*values, **named)
    with pytest.raises(ValueError, match="real or complex"):
        kernel("text", 1, 1, 1)
    with pytest.raises(ValueError, match="last axis is time"):
        compile_kernel(STATE)(1, 1, 1, 5.0, 0)


@pytest.mark.parametrize("name", ["__import__('os').getcwd()", "lambda", "a b"])
def test_no_name_from_outside_becomes_code(name):
    with pytest.raises(ValueError, match="cannot name"):
        compile_kernel(ClosedForm(z, sp.Symbol(name) + x, (x,)))
    with pytest.raises(ValueError, match="no numerical meaning"):
        compile_kernel(ClosedForm(z, sp.Function(name)(x), (x,)))
    with pytest.raises(ValueError, match="cannot name"):
        compile_kernel(ClosedForm(z, sp.Sum(x, (sp.Symbol(name), 0, 2)), (x,)))
    with pytest.raises(ValueError, match=r"cannot name|neither an argument"):
        compile_kernel(ClosedForm(z, sp.IndexedBase(name)[1], (x,)))


@pytest.mark.parametrize("name", ["np", "sum", "varphi", "cache"])
def test_names_of_the_generated_source_are_reserved(name):
    symbol = sp.Symbol(name)
    with pytest.raises(ValueError, match="used by the generated source"):
        compile_kernel(ClosedForm(z, symbol + 1, (symbol,)))


def test_free_symbols_must_be_arguments_or_defined():
    with pytest.raises(ValueError, match="y is neither an argument nor defined"):
        compile_kernel(ClosedForm(z, x + y, (x,)))
    with pytest.raises(ValueError, match="symbols and sequences"):
        compile_kernel(ClosedForm(z, u[1], (u[1],)))


def test_the_largest_sum_compiles_and_a_larger_one_names_the_remedy():
    terms = [x**p for p in range(1, MAX_TERMS + 1)]
    value = compile_kernel(ClosedForm(z, sp.Add(*terms), (x,)))(1.0)
    assert value == MAX_TERMS
    with pytest.raises(ValueError, match="keep it factored"):
        compile_kernel(ClosedForm(z, sp.Add(*terms, y), (x, y)))


def test_options_are_checked():
    form = ClosedForm(z, x, (x,))
    with pytest.raises(ValueError, match="backend"):
        compile_kernel(form, "jax")
    with pytest.raises(ValueError, match="digits"):
        compile_kernel(form, "numpy", 30)
    with pytest.raises(TypeError, match="ClosedForm"):
        compile_kernel(x)


def test_erf_and_factorials_have_both_backends():
    form = ClosedForm(z, sp.erf(x) + sp.binomial(5, k) + sp.factorial(k), (x, k))
    expected = float(sp.erf(sp.Rational(1, 2))) + 10 + 2
    assert compile_kernel(form)(0.5, 2) == pytest.approx(expected, rel=1e-15)
    assert float(compile_kernel(form, "mpmath")(0.5, 2)) == pytest.approx(expected, rel=1e-15)


def test_a_vanishing_divisor_is_an_error_and_no_nan():
    x = sp.Symbol("x")
    for expression in (1 / x, (sp.exp(x) - 1) / x, sp.log(x)):
        kernel = compile_kernel(ClosedForm(sp.Symbol("f"), expression, (x,)))
        assert np.isfinite(kernel(1.0))
        with pytest.raises(ZeroDivisionError, match="leave that point out"):
            kernel(np.array([1.0, 0.0]))


@pytest.mark.parametrize("backend", ["numpy", "mpmath"])
@pytest.mark.parametrize(
    ("assumption", "inside", "outside"),
    [
        ("positive", 0.5, 0.0),
        ("nonnegative", 0.0, -0.5),
        ("nonzero", -2.0, 0.0),
        ("real", -1.0, 1j),
        ("negative", -1.0, 2.0),
    ],
)
def test_a_value_that_its_symbol_excludes_is_refused(backend, assumption, inside, outside):
    x = sp.Symbol("x", **{assumption: True})
    kernel = compile_kernel(ClosedForm(sp.Symbol("f"), x + 1, (x,)), backend=backend)
    assert complex(kernel(inside)) == inside + 1
    with pytest.raises(ValueError, match=f"x must be {assumption}"):
        kernel(outside)
