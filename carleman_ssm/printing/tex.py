r"""SymPy's expressions as TeX. Names never carry commands into it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter

from carleman_ssm.formulas.shown import to_latex as to_latex
from carleman_ssm.printing.decimals import DecimalNumbers
from carleman_ssm.printing.slashes import with_slashes
from carleman_ssm.printing.tex_text import escape as escape
from carleman_ssm.printing.tex_text import greek_name as greek_name
from carleman_ssm.printing.tex_text import named as named
from carleman_ssm.printing.tex_text import prose as prose

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

    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:
        return upright(str(super()._print_Symbol(expr, style)))

    def _needs_mul_brackets(self, expr: sp.Expr, first: bool = False, last: bool = False) -> bool:
        """A power of a sum has them already."""
        powered = expr.is_Pow and isinstance(expr.base, _TALL)
        return not powered and bool(super()._needs_mul_brackets(expr, first, last))

    def _print_Mul(self, expr: sp.Expr) -> str:
        """Lines over neighbouring factors do not touch: one long line would be the conjugate of a power."""
        head, tall = _tall_apart(expr)
        printed = str(super()._print_Mul(head))
        if tall is not None:
            text = str(self._print(tall))
            printed += rf" \left({text}\right)" if tall.is_Add or text.startswith("-") else f" {text}"
        return _TOUCHING.sub(r"\1 \, ", printed)

    def _print_Sum(self, expr: sp.Sum) -> str:
        return self._signed_inside(str(super()._print_Sum(expr)), expr.function)

    def _print_Product(self, expr: sp.Product) -> str:
        return self._signed_inside(str(super()._print_Product(expr)), expr.function)

    def _signed_inside(self, text: str, inside: sp.Expr) -> str:
        """A term with a minus goes in parentheses: no sign stands between a sum and its term."""
        printed = str(self._print(inside))
        return rf"{text.removesuffix(printed)}\left({printed}\right)" if printed.startswith("-") else text

    def _print_Subs(self, expr: sp.Subs) -> str:
        inner = str(self._print(expr.expr))
        inner = rf"\left({inner}\right)" if expr.expr.is_Add else inner
        places = [
            f"{self._print(old)} = {self._print(new)}" for old, new in zip(expr.variables, expr.point, strict=True)
        ]
        below = rf"\substack{{{_ROWS.join(places)}}}" if len(places) > 1 else places[0]
        return rf"\left. {inner} \right|_{{{below}}}"

    def _print_re(self, expr: sp.re, exp: str | None = None) -> str:
        return str(super()._print_re(expr, exp)).replace(r"\operatorname{re}", r"\operatorname{Re}", 1)

    def _print_im(self, expr: sp.im, exp: str | None = None) -> str:
        return str(super()._print_im(expr, exp)).replace(r"\operatorname{im}", r"\operatorname{Im}", 1)

    def _print_Indexed(self, expr: sp.Indexed) -> str:
        base, indices = self._print(expr.base), ",".join(map(self._print, expr.indices))
        inner = re.fullmatch(r"([^_]+)_\{([^{}]+)\}", base)
        if inner:
            return rf"{inner[1]}_{{{inner[2]},{indices}}}"
        return rf"{base}_{{{indices}}}" if "_" not in base else rf"{{{base}}}_{{{indices}}}"


_ROWS = r" \\ "
_TALL = (sp.Sum, sp.Product, sp.Integral, sp.Derivative, sp.Subs)


def _tall_apart(product: sp.Mul) -> tuple[sp.Expr, sp.Expr | None]:
    """A product with a denominator in front of its sums: in a numerator they would be set in the size of text."""
    if not isinstance(product, sp.Mul) or product.is_commutative is False:
        return product, None
    above, below = sp.fraction(product, exact=True)
    tall = [
        factor for factor in sp.Mul.make_args(above) if not isinstance(factor, sp.exp) and _base(factor).has(*_TALL)
    ]
    rest = sp.Mul(*(factor for factor in product.args if factor not in tall))
    if below == 1 or not tall or rest.has(*_TALL) or rest == 1:
        return product, None
    return rest, sp.Mul(*tall, evaluate=False) if len(tall) > 1 else tall[0]


def _base(factor: sp.Expr) -> sp.Expr:
    return factor.base if factor.is_Pow else factor


def upright(printed: str) -> str:
    r"""A name of several letters in upright ones: in italics it is read as a product.

    Examples
    --------
    >>> print(upright("gain_{12}"), upright(r"\lambda_{0}"), upright("x"))
    \mathrm{gain}_{12} \lambda_{0} x
    """
    return re.sub(r"^[A-Za-z]{2,}(?![A-Za-z])", lambda found: rf"\mathrm{{{found.group()}}}", printed)


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
