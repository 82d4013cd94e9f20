"""Closed forms as text and back: SymPy's constructor notation, read by a whitelist and never evaluated."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import sympy as sp

from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import ClosedForm, Identity

MAX_LENGTH = 20_000_000

_CONSTRUCTORS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "ClosedForm": ClosedForm,
        "Identity": Identity,
        "Symbol": sp.Symbol,
        "Integer": sp.Integer,
        "Rational": sp.Rational,
        "Add": sp.Add,
        "Mul": sp.Mul,
        "Pow": sp.Pow,
        "exp": sp.exp,
        "phi": phi,
        "conjugate": sp.conjugate,
        "KroneckerDelta": sp.KroneckerDelta,
        "Sum": sp.Sum,
        "Subs": sp.Subs,
        "Derivative": sp.Derivative,
        "Tuple": sp.Tuple,
        "Indexed": sp.Indexed,
        "IndexedBase": sp.IndexedBase,
        "ImmutableDenseMatrix": sp.ImmutableDenseMatrix,
        "MatMul": sp.MatMul,
        "ComplexRootOf": sp.CRootOf,
    }
)
_CONSTANTS: Mapping[str, sp.Expr] = MappingProxyType({"I": sp.I, "pi": sp.pi, "E": sp.E})


def write_srepr(form: ClosedForm) -> str:
    """The closed form, its definitions and its certificates in constructor notation, one expression.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> print(write_srepr(ClosedForm(sp.Symbol("f"), x**2, (x,))))
    ClosedForm(
        symbol=Symbol('f'),
        expression=Pow(Symbol('x'), Integer(2)),
        arguments=(Symbol('x'),),
        where={},
        certificates=(),
        reference='')
    """
    where = "".join(f"\n        {sp.srepr(key)}: {sp.srepr(value)}," for key, value in form.where.items())
    certificates = "".join(f"\n        {_identity(each)}," for each in form.certificates)
    return (
        f"ClosedForm(\n    symbol={sp.srepr(form.symbol)},\n    expression={sp.srepr(form.expression)},\n"
        f"    arguments={_tuple(form.arguments)},\n    where={{{where}}},\n"
        f"    certificates=({certificates}),\n    reference={form.reference!r})"
    )


def read_srepr(text: str) -> ClosedForm:
    """What `write_srepr` wrote. Only the constructors that it uses are known; nothing is evaluated as code.

    Raises
    ------
    ValueError
        The text is something else; the message names the first part that is not allowed and its line.
    """
    if len(text) > MAX_LENGTH:
        msg = f"the text has {len(text)} characters (limit {MAX_LENGTH})"
        raise ValueError(msg)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, MemoryError, RecursionError) as error:
        msg = f"the text is not in constructor notation: {error}"
        raise ValueError(msg) from error
    value = _read(tree)
    if not isinstance(value, ClosedForm):
        msg = f"expected ClosedForm(…), found {type(value).__name__}"
        raise ValueError(msg)  # noqa: TRY004 (the content of a text, not an argument's type)
    return value


def _identity(identity: Identity) -> str:
    return (
        f"Identity(left={sp.srepr(identity.left)}, right={sp.srepr(identity.right)}, "
        f"name={identity.name!r}, because={identity.because!r}, nonzero={_tuple(identity.nonzero)}, "
        f"sizes={identity.sizes!r})"
    )


def _tuple(values: tuple[sp.Basic, ...]) -> str:
    return (
        "(" + "".join(f"{sp.srepr(value)}, " for value in values).rstrip() + ")"
        if len(values) != 1
        else f"({sp.srepr(values[0])},)"
    )


def _read(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | str() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.Tuple(elts=items):
            return tuple(_read(item) for item in items)
        case ast.List(elts=items):
            return [_read(item) for item in items]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {_read(key): _read(value) for key, value in zip(keys, values, strict=True) if key}
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords) if name in _CONSTRUCTORS:
            return _build(name, arguments, keywords, node.lineno)
    msg = f"line {node.lineno}: {ast.unparse(node)[:60]!r} is not allowed here"
    raise ValueError(msg)


def _build(name: str, arguments: list[ast.expr], keywords: list[ast.keyword], line: int) -> Any:
    """One constructor; the name of a symbol must be an identifier, and only symbols have text inside."""
    values = [_read(argument) for argument in arguments]
    if any(keyword.arg is None for keyword in keywords):
        msg = f"line {line}: ** is not allowed in {name}"
        raise ValueError(msg)
    named = {str(keyword.arg): _read(keyword.value) for keyword in keywords}
    texts = [value for value in values if isinstance(value, str)]
    if texts and (name != "Symbol" or not all(text.isidentifier() for text in texts)):
        msg = f"line {line}: the text {texts[0]!r} is not allowed in {name}"
        raise ValueError(msg)
    try:
        return _CONSTRUCTORS[name](*values, **named)
    except (TypeError, AttributeError, IndexError) as error:
        msg = f"line {line}: {name} cannot be built from these parts: {error}"
        raise ValueError(msg) from error
