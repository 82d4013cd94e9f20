r"""SymPy's expressions as TeX. Names never carry commands into it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter

from carleman_ssm.formulas.decimals import DecimalNumbers
from carleman_ssm.formulas.printing import to_latex as to_latex
from carleman_ssm.formulas.slashes import with_slashes
from carleman_ssm.formulas.tex_text import escape as escape
from carleman_ssm.formulas.tex_text import greek_name as greek_name
from carleman_ssm.formulas.tex_text import prose as prose

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


@to_latex.register(sp.Basic)
@to_latex.register(sp.MatrixBase)
def _(statement: Any, **settings: Any) -> str:
    return with_slashes(str(_printer(settings).doprint(statement)))


def nonvanishing(expressions: Iterable[sp.Expr], **settings: Any) -> str:
    """The condition that expressions do not vanish, or nothing."""
    conditions = ",\\; ".join(rf"{to_latex(expression, **settings)} \neq 0" for expression in expressions)
    return f"({conditions})" if conditions else ""
