"""Closed forms with decimals: as lines of plain text for a terminal and as lines of TeX for a page."""

from __future__ import annotations

from decimal import Decimal

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from carleman_ssm.formulas.statements import ClosedForm

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
MINUS = "\N{MINUS SIGN}"


def decimal_text(number: sp.Rational) -> str | None:
    """A rational as a terminating decimal, or None where it has none (1/3) or is a plain fraction like 1/64."""
    denominator = int(number.q)
    if int(number.p) in (1, -1) and denominator > 1 and denominator & (denominator - 1) == 0:
        return None
    while denominator % 2 == 0:
        denominator //= 2
    while denominator % 5 == 0:
        denominator //= 5
    if denominator != 1:
        return None
    value = Decimal(int(number.p)) / Decimal(int(number.q))
    return f"{value.normalize():f}"


def _decimal_product(expression: sp.Mul) -> tuple[str | None, sp.Expr] | None:
    """A product with a fractional coefficient as (its text, the rest); None where SymPy's own form is right."""
    coefficient, rest = expression.as_coeff_Mul()
    if coefficient.is_Integer or not coefficient.is_Rational:
        return None
    return decimal_text(coefficient), rest


def _factor(printer: LatexPrinter | StrPrinter, expression: sp.Expr) -> str:
    """The rest of a product: in brackets only where it is a sum."""
    level = PRECEDENCE["Atom"] if expression.is_Add else PRECEDENCE["Add"]
    return str(printer.parenthesize(expression, level))


class _DecimalLatex(LatexPrinter):  # type: ignore[misc]  # SymPy ships no types
    """TeX with decimals instead of fractions, and ``y_1[k]`` as a function of its index."""

    def _print_Rational(self, expr: sp.Rational) -> str:  # noqa: N802  (SymPy's dispatch)
        text = decimal_text(expr)
        return text if text is not None else str(super()._print_Rational(expr))

    def _print_Mul(self, expr: sp.Mul) -> str:  # noqa: N802
        parts = _decimal_product(expr)
        if parts is None:
            return str(super()._print_Mul(expr))
        lead = parts[0] or super()._print_Rational(expr.as_coeff_Mul()[0])
        factor = _factor(self, parts[1])
        return rf"{lead} \cdot {factor}" if factor[:1].isdigit() else rf"{lead}\, {factor}"

    def _print_Indexed(self, expr: sp.Indexed) -> str:  # noqa: N802
        return f"{self._print(expr.base.label)}[{', '.join(map(self._print, expr.indices))}]"

    def _print_Sum(self, expr: sp.Sum) -> str:  # noqa: N802
        return str(super()._print_Sum(expr)).replace(r"\limits", "")

    def _print_Pow(self, expr: sp.Pow) -> str:  # noqa: N802
        base = decimal_text(expr.base) if expr.base.is_Rational and expr.base > 0 else None
        return str(super()._print_Pow(expr)) if base is None else f"{base}^{{{self._print(expr.exp)}}}"


class _DecimalText(StrPrinter):  # type: ignore[misc]
    """Plain text with decimals, subscripts and sums."""

    def _print_Rational(self, expr: sp.Rational) -> str:  # noqa: N802
        text = decimal_text(expr)
        return text if text is not None else str(super()._print_Rational(expr))

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:  # noqa: N802
        base = decimal_text(expr.base) if expr.base.is_Rational and expr.base > 0 else None
        return str(super()._print_Pow(expr, rational)) if base is None else f"{base}^{self._print(expr.exp)}"

    def _print_Mul(self, expr: sp.Mul) -> str:  # noqa: N802
        parts = _decimal_product(expr)
        if parts is None:
            return str(super()._print_Mul(expr))
        lead = parts[0] or super()._print_Rational(expr.as_coeff_Mul()[0])
        factor = _factor(self, parts[1])
        return f"{lead}·{factor}" if factor[:1].isdigit() else f"{lead} {factor}"

    def _print_Symbol(self, expr: sp.Symbol) -> str:  # noqa: N802
        stem, _, index = str(expr.name).partition("_")
        return stem.replace("xbar", "x\N{COMBINING MACRON}") + index.translate(SUBSCRIPTS)

    def _print_Indexed(self, expr: sp.Indexed) -> str:  # noqa: N802
        return f"{self._print(expr.base.label)}[{', '.join(map(self._print, expr.indices))}]"

    def _print_Sum(self, expr: sp.Sum) -> str:  # noqa: N802
        (index, low, high), body = expr.limits[0], expr.function
        text = self._print(body)
        return f"Σ({index}={self._print(low)}..{self._print(high)}) " + (f"({text})" if body.is_Add else text)


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
        labels = [f"{name}_{{{row}}}" if as_tex else name + str(row).translate(SUBSCRIPTS)
                  for row in range(expression.rows)]
        return pairs + [(label, printer(entry)) for label, entry in zip(labels, expression, strict=True)]
    return [*pairs, (printer(symbol), printer(expression))]
