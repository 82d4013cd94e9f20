"""Closed forms with decimals: as lines of plain text for a terminal and as lines of TeX for a page."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.printing.decimals import DecimalNumbers

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
MINUS = "\N{MINUS SIGN}"


class _DecimalLatex(DecimalNumbers, LatexPrinter):  # type: ignore[misc]  # SymPy ships no types
    """TeX with decimals instead of fractions, and ``y_1[k]`` as a function of its index."""

    def _print_Indexed(self, expr: sp.Indexed) -> str:
        return _function_of_index(self, expr)

    def _print_Sum(self, expr: sp.Sum) -> str:
        return str(super()._print_Sum(expr)).replace(r"\limits", "")


class _DecimalText(DecimalNumbers, StrPrinter):  # type: ignore[misc]
    """Plain text with decimals, subscripts and sums."""

    _digits_product, _product, _power = "{}·{}", "{} {}", "{}^{}"

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        stem, _, index = str(expr.name).partition("_")
        return stem.replace("xbar", "x\N{COMBINING MACRON}") + index.translate(SUBSCRIPTS)

    def _print_Indexed(self, expr: sp.Indexed) -> str:
        return _function_of_index(self, expr)

    def _print_Sum(self, expr: sp.Sum) -> str:
        (index, low, high), body = expr.limits[0], expr.function
        text = self._print(body)
        return f"Σ({index}={self._print(low)}..{self._print(high)}) " + (f"({text})" if body.is_Add else text)


def _function_of_index(printer: Any, expr: sp.Indexed) -> str:
    return f"{printer._print(expr.base.label)}[{', '.join(map(printer._print, expr.indices))}]"


def tex(expression: sp.Basic) -> str:
    """TeX of an expression, numbers as decimals."""
    return str(_DecimalLatex({"mul_symbol": r"\,"}).doprint(expression))


def text(expression: sp.Basic) -> str:
    """Plain text of an expression, numbers as decimals."""
    return str(_DecimalText().doprint(expression)).replace("**", "^").replace("*", " ").replace("-", MINUS)


def lines(closed_form: ClosedForm, *, as_tex: bool) -> list[tuple[str, str]]:
    """Left- and right-hand sides of every definition and of the result, in reading order.

    A vector result gives one line per entry.
    """
    printer = tex if as_tex else text
    pairs = [(printer(key), printer(value)) for key, value in closed_form.where.items()]
    expression, symbol = closed_form.expression, closed_form.symbol
    if isinstance(expression, sp.MatrixBase):
        name = r"\ell" if as_tex else "ℓ"
        labels = [
            f"{name}_{{{row}}}" if as_tex else name + str(row).translate(SUBSCRIPTS) for row in range(expression.rows)
        ]
        return pairs + [(label, printer(entry)) for label, entry in zip(labels, expression, strict=True)]
    return [*pairs, (printer(symbol), printer(expression))]
