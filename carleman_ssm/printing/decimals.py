"""Rational numbers as terminating decimals, in any of SymPy's printers: trained numbers read better so."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sympy as sp
from sympy.printing.precedence import PRECEDENCE


def decimal_text(number: sp.Rational) -> str | None:
    """A rational as a terminating decimal; None where it has none (1/3) or is one over a power of two (1/64).

    Examples
    --------
    >>> decimal_text(sp.Rational(-5, 4)), decimal_text(sp.Rational(1, 3))
    ('-1.25', None)
    """
    denominator = int(number.q)
    if abs(int(number.p)) == 1 and denominator > 1 and denominator & (denominator - 1) == 0:
        return None
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    if denominator != 1:
        return None
    value = Decimal(int(number.p)) / Decimal(int(number.q))
    return f"{value.normalize():f}"


class DecimalNumbers:
    """Mixin for a SymPy printer: decimals, and products and powers that begin with one.

    Subclasses say how a product joins its number to a factor that begins with a digit and to one that does not,
    and how a power of a decimal is written.
    """

    _digits_product = r"{} \cdot {}"
    _product = r"{}\, {}"
    _power = "{}^{{{}}}"

    def _print_Rational(self: Any, expr: sp.Rational) -> str:
        return decimal_text(expr) or str(super()._print_Rational(expr))  # type: ignore[misc]

    def _print_Mul(self: Any, expr: sp.Mul) -> str:
        coefficient, rest = expr.as_coeff_Mul()
        if coefficient.is_Integer or not coefficient.is_Rational:
            return str(super()._print_Mul(expr))  # type: ignore[misc]
        level = PRECEDENCE["Atom"] if rest.is_Add else PRECEDENCE["Add"]
        factor = str(self.parenthesize(rest, level))
        pattern = self._digits_product if factor[:1].isdigit() else self._product
        return str(pattern.format(self._print(coefficient), factor))

    def _print_Pow(self: Any, expr: sp.Pow, *arguments: Any, **options: Any) -> str:
        base = decimal_text(expr.base) if expr.base.is_Rational and expr.base > 0 else None
        if base is None or expr.exp.is_Rational:
            return str(super()._print_Pow(expr, *arguments, **options))  # type: ignore[misc]
        return str(self._power.format(base, self._print(expr.exp)))
