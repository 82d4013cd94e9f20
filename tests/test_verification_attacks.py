"""Attacks on `verify` and on generated code: false statements that must not be proved, true ones never refuted."""

import mpmath
import pytest
import sympy as sp

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.formulas.verification import Evidence, verify

a, b, x, y, z = sp.symbols("a b x y z")
i, j, m = sp.symbols("i j m", integer=True)
k = sp.Symbol("k", integer=True, positive=True)
n = sp.Symbol("n", integer=True)
steps = sp.Symbol("x", integer=True, positive=True)
position = sp.Symbol("j", integer=True, positive=True)
u, never_negative = sp.IndexedBase("u"), sp.IndexedBase("p", nonnegative=True)
half = sp.Rational(1, 2)

COLLISION = "height() counts a Sum of two limits as one level: nested sums share their index"
CAPTURE = "conjugate(...) is a letter that may bind a variable under a sum"
LIMITS = "limits that may be no integers are summed with an integer index"
SHIFT = "an index is shifted by an offset that may be no integer and stays an integer symbol"
LABEL = "the label of a sequence is renamed with the index"


def _cube(of):
    return sp.Sum(of, (i, 1, k), (j, 1, k), (m, 1, k))


def _captured(symbol):
    return sp.conjugate(sp.log(sp.Product(symbol + sp.I * j, (symbol, 1, 2))))


_last = sp.conjugate(sp.log(sp.Product(steps + sp.I * (steps + 1), (steps, 1, 2))))

FALSE = {
    "three limits, one index taken for another": (_cube(m * j * u[i]), _cube(j * j * u[i]), COLLISION),
    "a cube of a sum for a square": (
        _cube(u[m] * u[j] * u[i]),
        k * sp.Sum(u[m], (m, 1, k)) * sp.Sum(u[m] ** 2, (m, 1, k)),
        COLLISION,
    ),
    "a product captures the upper limit": (
        sp.Sum(_captured(steps), (j, 1, steps + 1)),
        sp.Sum(_captured(steps), (j, 1, steps)) + _last,
        CAPTURE,
    ),
    "half-integer limits": (sp.Sum((-1) ** (2 * x), (x, half, 5 * half)), sp.Integer(3), LIMITS),
    "limits of any kind": (sp.Sum((-1) ** (2 * x), (x, y, y + 2)), sp.Integer(3), LIMITS),
    "a power of a product at half-integers": (
        sp.Sum((a * b) ** x, (x, half, 3 * half)),
        sp.Sum(a**x * b**x, (x, half, 3 * half)),
        LIMITS,
    ),
    "a delta at a half-integer offset": (sp.Sum(sp.KroneckerDelta(j + x, half), (j, 1, k)), sp.S.Zero, SHIFT),
    "a conjugate at a complex offset": (
        sp.Sum(sp.conjugate(sp.sinc(j + x)), (j, 1, k)),
        sp.Sum(sp.sinc(j + x), (j, 1, k)),
        SHIFT,
    ),
    "sequences named like their index": (
        sp.Sum(sp.IndexedBase(x)[x], (x, 1, k)),
        sp.Sum(sp.IndexedBase(y)[y], (y, 1, k)),
        LABEL,
    ),
    "bounds of a function at infinity": (sp.sin(sp.oo), sp.cos(sp.oo), "AccumBounds pass for a value"),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in FALSE])
def test_a_false_statement_is_not_proved(name):
    left, right, _ = FALSE[name]
    assert not verify(Identity(left, right)).proved


NOISE = "a branch cut or a jump decides by rounding noise"
TRUE = {
    "a symbol after a sum that had no value": (
        sp.Matrix([sp.Sum(sp.log(2 * position), (position, 0, n)), sp.Product(i, (i, 0, position - 1))]),
        sp.Matrix([sp.Sum(sp.log(2) + sp.log(position), (position, 0, n)), 0]),
        (),
        "a bound variable keeps its value when a loop fails",
    ),
    "a sequence that is never negative": (
        sp.sign(never_negative[1]) * never_negative[1] ** 2,
        never_negative[1] ** 2,
        (),
        "of a sequence only real and positive are respected",
    ),
    "a logarithm on its cut": (
        sp.log(-sp.gamma(z + 1) * sp.gamma(sp.conjugate(z) + 1)),
        sp.log(-z * sp.gamma(z) * sp.conjugate(z) * sp.gamma(sp.conjugate(z))),
        (),
        NOISE,
    ),
    "a small term beside large ones that cancel": (
        a,
        a + sp.gamma(x + 201) - (x + 200) * sp.gamma(x + 200),
        (),
        "garbage at both precisions counts as an agreed difference: no side is compared with itself",
    ),
    "a floor at a jump": (sp.floor(sp.gamma(x + 1) / (x * sp.gamma(x))), sp.S.One, (), NOISE),
    "a condition that vanishes up to rounding": (
        sp.Mod(n, 2),
        sp.S.One,
        (sp.sin(sp.pi * n / 2),),
        "a condition is compared with zero exactly in floats",
    ),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in TRUE])
def test_a_true_statement_is_not_refuted(name):
    left, right, nonzero, _ = TRUE[name]
    assert verify(Identity(left, right, nonzero=nonzero)).evidence is not Evidence.REFUTED


def _inverses():
    single, size = sp.ImmutableMatrix([[a]]), sp.Symbol("N", integer=True, positive=True)
    general = sp.MatrixSymbol("A", size, size)
    return {
        "of an explicit matrix": Identity(sp.MatMul(single, sp.Inverse(single)), sp.eye(1)),
        "of a symbolic matrix": Identity(sp.MatMul(general, sp.Inverse(general)), sp.Identity(size)),
        "of a derivative": Identity(x * sp.Derivative(sp.log(x), x), sp.S.One),
    }


@pytest.mark.parametrize("name", ["of an explicit matrix", "of a symbolic matrix", "of a derivative"])
def test_a_cancelled_divisor_is_a_condition(name):
    assert verify(_inverses()[name]).nonzero


@pytest.mark.parametrize(
    "pair", [(sp.Dummy("x"), sp.Dummy("x")), (sp.Symbol("x", real=True), sp.Symbol("x", rational=True))], ids=str
)
def test_two_symbols_of_one_name_support_nothing(pair):
    assert verify(Identity(*pair)).evidence is Evidence.REFUTED


@pytest.mark.parametrize(
    "summand", [sp.Derivative(sp.Function("f")(j), j), j * sp.CRootOf(j**5 - j + 1, 0)], ids=["derivative", "root"]
)
def test_a_sum_of_what_cannot_be_substituted_gives_a_verdict(summand):
    assert not verify(Identity(sp.Sum(summand, (j, 1, 2)), x)).proved


def test_powers_of_what_may_vanish_keep_their_condition():
    assert verify(Identity(x ** (a + b), x**a * x**b)).nonzero == (x,)
    assert x in verify(Identity((x * y) ** n, x**n * y**n)).nonzero
    assert not verify(Identity((x**2) ** a, x ** (2 * a))).proved
    assert not verify(Identity(sp.exp(2 * sp.pi * sp.I * a), sp.S.One)).proved


result, micro, mu = sp.Symbol("result"), sp.Symbol("\u00b5"), sp.Symbol("\u03bc")
least, p, q = sp.IndexedBase("min"), *sp.symbols("p q", integer=True)


def test_two_names_that_python_folds_into_one_are_refused():
    with pytest.raises(ValueError, match="name"):
        compile_kernel(ClosedForm(result, 10 * micro + mu, (mu,), {micro: sp.S.One}))


def test_a_definition_cannot_replace_a_builtin():
    form = ClosedForm(result, sp.Min(x, y), (x, y), {least[p, q]: sp.Integer(100)})
    with pytest.raises(ValueError, match="min"):
        compile_kernel(form, "mpmath")


def test_a_call_by_name_is_refused():
    from sympy.codegen.ast import FunctionCall, String

    with pytest.raises(ValueError, match="numerical meaning"):
        compile_kernel(ClosedForm(result, FunctionCall(String("print"), [x]), (x,)))


def test_quotients_of_integers_have_the_digits_that_were_asked_for():
    value = compile_kernel(ClosedForm(result, n / m, (n, m)), "mpmath", 40)(1, 3)
    with mpmath.workdps(60):
        assert abs(value - mpmath.mpf(1) / 3) < mpmath.mpf(10) ** -39


def test_a_reversed_sum_never_gets_another_value_than_is_proved():
    total = sp.Sum(j, (j, n, 0))
    assert verify(Identity(total, n * (1 - n) / 2)).proved
    kernel = compile_kernel(ClosedForm(result, total, (n,)))
    assert kernel(-3) == -6
    with pytest.raises(ValueError, match="reversed"):  # -3 by Karr's convention; a loop would say 0
        kernel(3)


def test_a_dummy_can_name_a_definition():
    local = sp.Dummy("x")
    assert compile_kernel(ClosedForm(result, local + y, (y,), {local: sp.Integer(7)}))(1.0) == 8
