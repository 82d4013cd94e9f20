r"""A small grammar for numbers and names from files and the command line: text is never evaluated as code.

::

    expression = term { ("+" | "-") term }
    term       = factor { ("*" | "/") factor }
    factor     = ("+" | "-") factor | power
    power      = atom [ ("^" | "**") factor ]              the exponent: an integer, at most 64 in size
    atom       = number | name | "pi" | "I" | ("sqrt" | "exp") "(" expression ")" | "(" expression ")"

Numbers are integers or decimals, read as exact rationals: ``0.1`` is 1/10. Names are Python identifiers of
ASCII letters that are no keyword; multiplied out, an expression has degree 16 in them at most.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from keyword import iskeyword

import sympy as sp

MAX_LENGTH = 1_000
MAX_DEPTH = 60
MAX_DIGITS = 100
MAX_EXPONENT = 64
MAX_BITS = 4_096
MAX_GROWTH = 1_000
MAX_DEGREE = 16

_ATOM = "a number, a name, pi, I, sqrt(…), exp(…) or '('"
_AFTER = "an operator + - * / ^ or the end"
_CLOSING = "')' or an operator"

_TOKEN = re.compile(
    r"""
    (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<operator>\*\*|[-+*/^()])
""",
    re.VERBOSE,
)


class ExpressionError(ValueError):
    """The text is no expression of the grammar; the message shows the position and what was expected."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: its kind ("number", "name", "operator" or "end"), text and position."""

    kind: str
    text: str
    position: int


def parse_expression(text: str) -> sp.Expr:
    """The exact SymPy expression that `text` denotes.

    Parameters
    ----------
    text
        For example ``"1/3"``, ``"-1/2 + 3*pi*I"`` or ``"a_0"``.

    Raises
    ------
    ExpressionError
        With the position (from 1), what stands there and what was expected; or the limit that is exceeded.

    Examples
    --------
    >>> parse_expression("-1/2 + 3*pi*I"), parse_expression("0.1^2"), parse_expression("sqrt(8)*a_0")
    (-1/2 + 3*I*pi, 1/100, 2*sqrt(2)*a_0)
    >>> parse_expression("2 + ")
    Traceback (most recent call last):
    carleman_ssm.report.expressions.ExpressionError: in '2 + ', position 5: expected a number, a name, ...
    """
    if len(text) > MAX_LENGTH:
        msg = f"an expression may have {MAX_LENGTH} characters, this one has {len(text)}"
        raise ExpressionError(msg)
    return _Parser(text).result()


def parse_number(number: int | Decimal) -> sp.Rational:
    """A JSON number as an exact rational, under the limits of the grammar."""
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        msg = f"expected a number, got {number!r}"
        raise ExpressionError(msg)
    value = parse_expression(str(number))
    return sp.Rational(value)


_NO_NUMBERS = ("nan", "inf", "infinity", "oo", "zoo")


def parse_name(text: str) -> sp.Symbol:
    """A symbol of this name.

    Raises
    ------
    ExpressionError
        The text is no ASCII identifier, or a Python keyword.
    """
    if text.startswith("_") or text.endswith("_") or "__" in text or text.lower() in _NO_NUMBERS:
        msg = f"{text!r} cannot be a name: use letters, digits and single inner underscores, such as a_0"
        raise ExpressionError(msg)
    if not (text.isascii() and text.isidentifier()) or iskeyword(text):
        hint = f": write {text}_0, say" if iskeyword(text) else ""
        msg = f"{text!r} cannot be a name (a Python identifier that is no keyword){hint}"
        raise ExpressionError(msg)
    return sp.Symbol(text)


def _tokens(text: str) -> list[Token]:
    tokens, position = [], 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            found = Token("character", text[position], position)
            raise _error(text, found, "a number, a name or one of + - * / ^ ( )")
        tokens.append(Token(str(match.lastgroup), match.group(), position))
        position = match.end()
    return [*tokens, Token("end", "", len(text))]


def _error(text: str, found: Token, expected: str) -> ExpressionError:
    what = "the end" if found.kind == "end" else repr(found.text)
    shown = text if len(text) <= 60 else text[:57] + "…"
    return ExpressionError(f"in {shown!r}, position {found.position + 1}: expected {expected}, found {what}")


class _Parser:
    """Recursive descent, one method for each rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.index, self.depth = text, _tokens(text), 0, 0

    def result(self) -> sp.Expr:
        value = self.expression()
        if self.current.kind != "end":
            raise self.error(_AFTER)
        return value

    @property
    def current(self) -> Token:
        return self.tokens[self.index]

    def take(self, *texts: str) -> Token | None:
        """The current token if it is one of these operators, stepping past it."""
        token = self.current
        if token.kind == "operator" and token.text in texts:
            self.index += 1
            return token
        return None

    def error(self, expected: str) -> ExpressionError:
        return _error(self.text, self.current, expected)

    def expression(self) -> sp.Expr:
        value = self.term()
        while operator := self.take("+", "-"):
            right = self.term()
            value = self.bounded(value + right if operator.text == "+" else value - right, operator)
        return value

    def term(self) -> sp.Expr:
        value = self.factor()
        while operator := self.take("*", "/"):
            start = self.current
            right = self.factor()
            if operator.text == "/" and right == 0:
                raise _error(self.text, start, "a divisor other than zero")
            value = self.bounded(value * right if operator.text == "*" else value / right, operator)
        return value

    def factor(self) -> sp.Expr:
        return self.nested(self._factor)

    def _factor(self) -> sp.Expr:
        if sign := self.take("+", "-"):
            value = self.factor()
            return -value if sign.text == "-" else value
        return self.power()

    def power(self) -> sp.Expr:
        base = self.atom()
        operator = self.take("^", "**")
        if operator is None:
            return base
        start = self.current
        exponent = self.factor()
        if not exponent.is_Integer or abs(exponent) > MAX_EXPONENT:
            raise _error(self.text, start, f"an integer exponent between -{MAX_EXPONENT} and {MAX_EXPONENT}")
        if exponent < 0 and base == 0:
            raise _error(self.text, start, "an exponent that is not negative (the base is zero)")
        if _bits(base) * abs(int(exponent)) > MAX_BITS:
            raise _error(self.text, start, f"a power of at most {MAX_BITS} bits")
        return self.bounded(base**exponent, operator)

    def atom(self) -> sp.Expr:
        token = self.current
        if self.take("("):
            value = self.nested(self.expression)
            return self.closed(value)
        if token.kind == "number":
            self.index += 1
            return self.number(token)
        if token.kind == "name":
            self.index += 1
            return self.name(token)
        raise self.error(_ATOM)

    def closed(self, value: sp.Expr) -> sp.Expr:
        if not self.take(")"):
            raise self.error(_CLOSING)
        return value

    def number(self, token: Token) -> sp.Expr:
        digits, _, power = token.text.lower().partition("e")
        if len(digits) > MAX_DIGITS or abs(int(power[:6] or 0)) > MAX_DIGITS or len(power) > 5:
            raise _error(self.text, token, f"a number of at most {MAX_DIGITS} digits and decimal places")
        return sp.Rational(digits) * sp.Integer(10) ** int(power or 0)

    def name(self, token: Token) -> sp.Expr:
        constants: dict[str, sp.Expr] = {"pi": sp.pi, "I": sp.I}
        functions: dict[str, Callable[[sp.Expr], sp.Expr]] = {"sqrt": sp.sqrt, "exp": sp.exp}
        if token.text in functions:
            return functions[token.text](self.argument(token))
        if self.current.text == "(":
            raise _error(self.text, token, "an operator before '(' (the functions are sqrt and exp)")
        if token.text in constants:
            return constants[token.text]
        try:
            return parse_name(token.text)
        except ExpressionError as error:
            expected = f"a name that is no Python keyword, such as {token.text}_0"
            raise _error(self.text, token, expected) from error

    def argument(self, function: Token) -> sp.Expr:
        """The argument in parentheses of sqrt or exp."""
        expected = f"'(' after {function.text}"
        if not self.take("("):
            raise self.error(expected)
        value = self.closed(self.nested(self.expression))
        if function.text == "exp" and value.is_number and not abs(value.evalf(5)) <= MAX_GROWTH:
            raise _error(self.text, function, f"an argument of exp of size at most {MAX_GROWTH}")
        return value

    def nested(self, rule: Callable[[], sp.Expr]) -> sp.Expr:
        self.depth += 1
        expected = f"at most {MAX_DEPTH} levels of nesting"
        if self.depth > MAX_DEPTH:
            raise self.error(expected)
        value = rule()
        self.depth -= 1
        return value

    def bounded(self, value: sp.Expr, token: Token) -> sp.Expr:
        if _bits(value) > MAX_BITS:
            raise _error(self.text, token, f"numbers of at most {MAX_BITS} bits")
        if _degree(value) > MAX_DEGREE:
            raise _error(self.text, token, f"names to a total degree of at most {MAX_DEGREE}")
        return value


def _degree(value: sp.Expr) -> int:
    """The degree in the names when it is multiplied out, numerators and denominators added up."""
    if value.is_number:
        return 0
    if value.is_Pow and value.exp.is_Integer:
        return _degree(value.base) * abs(int(value.exp))
    degrees = [_degree(part) for part in value.args]
    return sum(degrees) if value.is_Mul else max(degrees, default=1)


def _bits(value: sp.Expr) -> int:
    """The size of the largest rational number in the expression."""
    numbers = value.atoms(sp.Rational)
    return max((max(int(n.p).bit_length(), int(n.q).bit_length()) for n in numbers), default=1)
