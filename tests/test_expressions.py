from decimal import Decimal

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.report.expressions import (
    MAX_LENGTH,
    ExpressionError,
    parse_expression,
    parse_name,
    parse_number,
)

a, b = sp.symbols("a_0 b")
VALUES = {
    "1/3": sp.Rational(1, 3),
    "-1/2+3*pi*I": -sp.Rational(1, 2) + 3 * sp.pi * sp.I,
    "0.1": sp.Rational(1, 10),
    "1.5e-3": sp.Rational(3, 2000),
    ".5": sp.Rational(1, 2),
    "a_0*b^2": a * b**2,
    "2**-3": sp.Rational(1, 8),
    "-2^2": -4,
    "2^3^2": 512,
    "2 - 3 - 4": -5,
    "12/2/3": 2,
    "2*-3": -6,
    "(1 + I)*(1 - I)": (1 + sp.I) * (1 - sp.I),
    "exp(-1/2)*sqrt(2)": sp.exp(-sp.Rational(1, 2)) * sp.sqrt(2),
    "sqrt(-4)": 2 * sp.I,
    "I^2": -1,
}
ERRORS = {
    "": "position 1: expected a number, a name",
    "2 +": "position 4: expected a number.*found the end",
    "(1": r"position 3: expected '\)'",
    "1)": r"position 2: expected an operator.*found '\)'",
    "2x": "position 2: expected an operator",
    "x y": "position 3: expected an operator",
    "1/0": "position 3: expected a divisor other than zero",
    "1/(a-a)": "other than zero",
    "0^-1": "not negative",
    "x^y": "integer exponent",
    "x^(1/2)": "integer exponent",
    "2^65": "between -64 and 64",
    "(2^64)^64": "4096 bits",
    "x^17": "total degree of at most 16",
    "(x^8)^3": "total degree of at most 16",
    "x^9*y^9": "total degree of at most 16",
    "((x^4 + 1)^4 + 1)^4": "total degree of at most 16",
    "9" * 101: "at most 100 digits",
    "1e101": "at most 100 digits",
    "1e" + "9" * 50: "at most 100 digits",
    "exp(exp(10))": "size at most 1000",
    "lambda": "no Python keyword, such as lambda_0",
    "sin(x)": "functions are sqrt and exp",
    "sqrt": r"position 5: expected '\(' after sqrt",
    "a.b": r"position 2: expected.*found '\.'",
    "__import__('os').getcwd()": "position 12",
    "().__class__": "position 3",
    "[1]": "position 1",
    "é": "position 1",
    "(" * 100: "levels of nesting",
    "-" * 300 + "1": "levels of nesting",
    "1" + "+1" * MAX_LENGTH: "characters",
}


@pytest.mark.parametrize(("text", "value"), VALUES.items())
def test_expressions_are_exact(text, value):
    assert parse_expression(text) == value


@pytest.mark.parametrize(("text", "words"), ERRORS.items(), ids=[str(i) for i in range(len(ERRORS))])
def test_errors_name_the_position_and_what_was_expected(text, words):
    with pytest.raises(ExpressionError, match=words):
        parse_expression(text)


numbers = st.builds(lambda p, q: sp.Rational(p, q), st.integers(-20, 20), st.integers(1, 9))
atoms = st.one_of(numbers, st.sampled_from([sp.pi, sp.I, a, b, sp.sqrt(2), sp.exp(a)]))
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds(sp.Add, inner, inner),
        st.builds(sp.Mul, inner, inner),
        st.builds(sp.Pow, inner, st.integers(1, 2).map(sp.Integer)),
    ),
    max_leaves=4,
)


@given(expressions)
def test_what_sympy_prints_is_read_back(expression):
    assert sp.expand(parse_expression(str(expression)) - expression) == 0


@given(st.text(alphabet="0123456789.eE+-*/^() aIpisqrtx_'\"\\[]{},:=@", max_size=30))
def test_any_text_gives_a_value_or_the_one_error(text):
    try:
        value = parse_expression(text)
    except ExpressionError as error:
        assert str(error)  # noqa: PT017
    else:
        assert isinstance(value, sp.Expr)
        assert not value.has(sp.nan, sp.zoo, sp.Float)


def test_json_numbers_are_read_exactly():
    assert parse_number(Decimal("0.1")) == sp.Rational(1, 10)
    assert parse_number(-7) == -7
    for wrong in (True, Decimal("1e500"), 10**200):
        with pytest.raises(ExpressionError):
            parse_number(wrong)


@pytest.mark.parametrize("name", ["", "1a", "a b", "import", "a-b", "\\input", "λ"])
def test_names_are_identifiers(name):
    with pytest.raises(ExpressionError):
        parse_name(name)
