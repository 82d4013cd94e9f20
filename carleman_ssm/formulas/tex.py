r"""`to_latex`: one dispatch over everything that is printed. Names never carry commands into TeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import singledispatch
from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter

from carleman_ssm.formulas.bounds import Bound
from carleman_ssm.formulas.decimals import DecimalNumbers
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.line_breaks import broken_term
from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.formulas.tex_text import escape as escape
from carleman_ssm.formulas.tex_text import greek_name as greek_name
from carleman_ssm.formulas.tex_text import prose as prose
from carleman_ssm.formulas.verification import Verdict

_LINE = 68  # visible characters of a displayed line before a sum is broken
_WIDE = 68  # width beside the left sides beyond which a term itself is broken
_TOUCHING = re.compile(r"(\\overline\{(?:[^{}]|\{[^{}]*\})*\}) (?=\\overline)")


class _Printer(LatexPrinter):  # type: ignore[misc]  # SymPy is untyped
    """SymPy's printer, with names that cannot be TeX and conjugates as the field writes them."""

    def _deal_with_super_sub(self, string: str, style: str = "plain") -> str:
        name = greek_name(string)
        if not (name.isidentifier() and name.isascii()):
            return rf"\text{{{escape(string)}}}"
        printed = str(super()._deal_with_super_sub(name, style))
        return re.sub(r"_\{([^{}]*)\}$", lambda found: f"_{{{found[1].replace(' ', ',')}}}", printed)

    def parenthesize_super(self, s: str) -> str:
        """A prime is a superscript too: TeX refuses a power behind it without braces."""
        base = str(super().parenthesize_super(s))
        return f"{{{base}}}" if base == s and "'" in s else base

    def _as_ordered_terms(self, expr: sp.Expr, order: str | None = None) -> list[sp.Expr]:
        return positive_first(super()._as_ordered_terms(expr, order=order))

    def _print_Add(self, expr: sp.Expr, order: str | None = None) -> str:
        pieces = []
        for number, term in enumerate(self._as_ordered_terms(expr, order)):
            text = self._print(term)
            if term.is_Add:
                text = rf"\left({text}\right)"
            pieces.append(_signed(text) if number else text)
        return " ".join(pieces)

    def _print_Mul(self, expr: sp.Expr) -> str:
        """Lines over neighbouring factors do not touch: one long line would be the conjugate of a power."""
        return _TOUCHING.sub(r"\1 \, ", str(super()._print_Mul(expr)))

    def _print_Indexed(self, expr: sp.Indexed) -> str:
        base, indices = self._print(expr.base), ",".join(map(self._print, expr.indices))
        inner = re.fullmatch(r"([^_]+)_\{([^{}]+)\}", base)
        if inner:
            return rf"{inner[1]}_{{{inner[2]},{indices}}}"
        return rf"{base}_{{{indices}}}" if "_" not in base else rf"{{{base}}}_{{{indices}}}"


def _signed(text: str) -> str:
    return f"- {text[1:].strip()}" if text.startswith("-") else f"+ {text}"


def positive_first(terms: Iterable[sp.Expr]) -> list[sp.Expr]:
    """The terms, beginning with a positive one if there is any: k - j, not -j + k."""
    ordered = list(terms)
    first = next((n for n, term in enumerate(ordered) if not term.could_extract_minus_sign()), 0)
    return [ordered[first], *ordered[:first], *ordered[first + 1 :]]


class _DecimalPrinter(DecimalNumbers, _Printer):
    """The same with terminating decimals instead of fractions."""


def _printer(settings: Mapping[str, Any]) -> _Printer:
    chosen = {"imaginary_unit": "i", **settings}
    return _DecimalPrinter(chosen) if chosen.pop("decimals", False) else _Printer(chosen)


@singledispatch
def to_latex(statement: Any, **settings: Any) -> str:  # noqa: ARG001 - for the registered printers
    r"""LaTeX (for display mathematics) of an expression, a mapping, or a statement.

    A `ClosedForm` is an aligned block with its definitions as "where" lines; a `Derivation` an aligned
    chain with its reasons at the right.

    Parameters
    ----------
    statement
        `ClosedForm`, `Identity`, `Derivation`, `Verdict`, SymPy object, or mapping left -> right.
    **settings
        Those of ``sympy.latex``, such as ``mul_symbol``; and ``decimals=True`` for terminating decimals
        instead of fractions (0.25, but 1/3).

    Returns
    -------
    str
        Valid inside ``$$ … $$`` with amsmath and amssymb.

    Raises
    ------
    TypeError
        Nothing that can be printed.

    Examples
    --------
    >>> a, delta = sp.symbols("abar_0 Delta")
    >>> print(to_latex({a: sp.exp(delta)}))
    \begin{aligned}
    \bar{a}_{0} &= e^{\Delta}
    \end{aligned}
    >>> print(to_latex(sp.Symbol(r"\input{secret}")))
    \text{\textbackslash{}input\{secret\}}
    """
    msg = f"cannot print a {type(statement).__name__}: expected a statement, a SymPy object or a mapping"
    raise TypeError(msg)


@to_latex.register(sp.Basic)
@to_latex.register(sp.MatrixBase)
def _(statement: Any, **settings: Any) -> str:
    return str(_printer(settings).doprint(statement))


@to_latex.register(Mapping)
def _(statement: Mapping[Any, Any], **settings: Any) -> str:
    return _aligned(_equations(statement, settings))


@to_latex.register
def _(statement: ClosedForm, **settings: Any) -> str:
    return _aligned(closed_form_lines(statement, **settings))


@to_latex.register
def _(statement: Identity, **settings: Any) -> str:
    conditions = nonvanishing(statement.nonzero, **settings)
    return f"{to_latex(statement.left, **settings)} = {to_latex(statement.right, **settings)}{conditions}"


@to_latex.register
def _(statement: Bound, **settings: Any) -> str:
    inside = ",\\; ".join(
        rf"{to_latex(least, **settings)} \le {to_latex(symbol, **settings)} \le {to_latex(greatest, **settings)}"
        for symbol, (least, greatest) in statement.domain.items()
    )
    return rf"{to_latex(statement.left, **settings)} \le {to_latex(statement.right, **settings)} \qquad ({inside})"


@to_latex.register
def _(statement: Derivation, **settings: Any) -> str:
    return _aligned(derivation_lines(statement, **settings))


@to_latex.register
def _(statement: Verdict, **settings: Any) -> str:
    text = rf"\text{{{escape(statement.evidence.value)} ({escape(statement.method)})}}"
    if statement.witness is not None:
        values = ",\\; ".join(
            f"{to_latex(s, **settings)} = {to_latex(v, **settings)}" for s, v in statement.witness.items()
        )
        text += rf"\quad\text{{at }} {values}"
    return text + nonvanishing(statement.nonzero, **settings)


def closed_form_lines(statement: ClosedForm, **settings: Any) -> list[str]:
    """The lines of a closed form for an alignment at its equality signs."""
    lines = _equations({statement.symbol: statement.expression}, settings)
    where = _equations(statement.where, settings)
    if where:
        where[0] = rf"\text{{where}}\quad {where[0]}"
    return lines + where


def derivation_lines(statement: Derivation, **settings: Any) -> list[str]:
    """The lines of a chain; reasons in a column of their own."""
    lines = [] if statement.steps else [f"&{to_latex(statement.start, **settings)}"]
    left = to_latex(statement.start, **settings)
    for step in statement.steps:
        right = to_latex(step.right, **settings)
        conditions = nonvanishing(step.nonzero, **settings)
        lines.append(rf"{left} &= {right}{conditions} && \text{{{prose(step.because)}}}")
        left = ""
    return lines


def nonvanishing(expressions: Iterable[sp.Expr], **settings: Any) -> str:
    """The condition that expressions do not vanish, or nothing."""
    conditions = ",\\; ".join(rf"{to_latex(expression, **settings)} \neq 0" for expression in expressions)
    return rf" \qquad ({conditions})" if conditions else ""


def _equations(definitions: Mapping[Any, Any], settings: Mapping[str, Any]) -> list[str]:
    lines = []
    for left, right in definitions.items():
        first, *rest = (part for line in broken_sum(right, settings) for part in broken_term(line, _WIDE))
        lines.append(f"{to_latex(left, **settings)} &= {first}")
        lines += [rf"&\quad {line}" for line in rest]
    return lines


def broken_sum(
    expression: Any, settings: Mapping[str, Any], line: float = _LINE, measure: Callable[[str], float] | None = None
) -> list[str]:
    """A long sum on several lines, broken between its terms; a line is as long as `measure` of its terms says."""
    measure = measure or visible
    printer = _printer(settings)
    if not (isinstance(expression, sp.Expr) and expression.is_Add):
        return [str(printer.doprint(expression))]
    lines, width = [""], 0.0
    for number, term in enumerate(printer._as_ordered_terms(expression)):
        text = printer._print(term)
        if term.is_Add:
            text = rf"\left({text}\right)"
        signed = _signed(text) if number else text
        length = measure(text) + 3
        if width and width + length > line:
            lines.append("")
            width = 0.0
        lines[-1] = f"{lines[-1]} {signed}".strip()
        width += length
    return lines


def visible(text: str) -> int:
    """About how many characters of a formula are seen: commands count for nothing, nor do braces."""
    return len(re.sub(r"\\[A-Za-z]+|[{}\\^_\s]", "", text))


def _aligned(lines: Iterable[str]) -> str:
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"
