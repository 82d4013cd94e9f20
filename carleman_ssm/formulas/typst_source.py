"""Formulas in Typst's notation, for documents where no TeX is installed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import sympy as sp
from sympy.printing.conventions import split_super_sub
from sympy.printing.printer import Printer

from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.tex import positive_first
from carleman_ssm.formulas.tex_text import greek_name

_ACCENTS = {"bar": "overline", "hat": "hat", "tilde": "tilde", "dot": "dot", "vec": "arrow"}
_RELATIONS = {"==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_WORDS = {
    "le": "≤",
    "ge": "≥",
    "ne": "≠",
    "neq": "≠",
    "leq": "≤",
    "geq": "≥",
    "cdot": "⋅",
    "times": "×",
    "sum": "∑",
    "prod": "∏",
    "int": "∫",
    "to": "→",
    "mapsto": "↦",
    "dots": "…",
    "ldots": "…",
    "cdots": "⋯",
    "infty": "∞",
    "otimes": "⊗",
    "partial": "∂",
    "top": "⊤",
    "quad": "quad",
    "qquad": "wide",
    "binom": "binom",
    "frac": "frac",
    "tfrac": "frac",
    "sqrt": "sqrt",
    "bar": "overline",
    "overline": "overline",
    "hat": "hat",
    "tilde": "tilde",
    "in": "∈",
    "exp": "exp",
    "langle": "⟨",
    "rangle": "⟩",
    "pm": "±",
    "ensuremath": "",
    "left": "",
    "right": "",
    "mathrm": "upright",
    "varphi": "φ",
}
_TOKENS = {"{": "(", "}": ")", "#": "\\#", '"': "'", "\\,": " ", "\\;": " ", "\\!": "", "\\\\": " "}


def quoted(text: str) -> str:
    """A Typst string: set literally, whatever it contains."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def _word(name: str) -> str:
    """One part of a name: a Greek letter, an accented or a plain one, digits, or a quoted word."""
    for accent, command in _ACCENTS.items():
        if name.endswith(accent) and name != accent:
            return f"{command}({_word(name.removesuffix(accent))})"
    kind, plain = ("CAPITAL" if name[:1].isupper() else "SMALL"), name.upper().replace("LAMBDA", "LAMDA")
    try:
        return unicodedata.lookup(f"GREEK {kind} LETTER {plain}") if len(name) > 1 else unicodedata.lookup("")
    except KeyError:
        return name if re.fullmatch(r"[A-Za-z]|[0-9]+", name) else quoted(name)


class _TypstPrinter(Printer):  # type: ignore[misc]  # SymPy is untyped
    printmethod = "_typst"

    def emptyPrinter(self, expr: Any) -> str:  # SymPy's name
        name = type(expr).__name__
        arguments = getattr(expr, "args", ())
        if not arguments or not isinstance(expr, sp.Expr):
            return quoted(str(expr))
        return f"op({quoted(name)})({self._list(arguments)})"

    def _list(self, items: Iterable[Any]) -> str:
        return ", ".join(map(self._print, items))

    def _paren(self, e: sp.Expr, *, power: bool = False) -> str:
        loose = e.is_Add or isinstance(e, sp.Sum | sp.Product | sp.Integral) or (e.is_Number and e < 0)
        tight = e.is_Mul or e.is_Pow or isinstance(e, sp.exp) or (e.is_Rational and not e.is_Integer)
        return f"({self._print(e)})" if loose or (power and tight) else self._print(e)

    def _print_Symbol(self, e: sp.Symbol) -> str:
        name = greek_name(e.name)
        if not (name.isidentifier() and name.isascii()):
            return quoted(e.name)
        base, upper, lower = split_super_sub(name)
        text = _word(base)
        if lower:
            text += f"_({', '.join(map(_word, lower))})"
        return text + (f"^({', '.join(map(_word, upper))})" if upper else "")

    def _print_IndexedBase(self, e: sp.IndexedBase) -> str:
        return str(self._print(e.label))

    def _print_Indexed(self, e: sp.Indexed) -> str:
        base, indices = self._print(e.base), self._list(e.indices)
        inner = re.fullmatch(r"([^_]+)_\(([^()]*)\)", base)
        return f"{inner[1]}_({inner[2]}, {indices})" if inner else f"{base}_({indices})"

    def _print_MatrixSymbol(self, e: sp.MatrixSymbol) -> str:
        return str(self._print(sp.Symbol(e.name)))

    def _print_Integer(self, e: sp.Integer) -> str:
        return str(e)

    def _print_int(self, e: int) -> str:
        return str(e)

    def _print_Rational(self, e: sp.Rational) -> str:
        return f"-{self._print(-e)}" if e < 0 else f"frac({e.p}, {e.q})"

    def _print_Float(self, e: sp.Float) -> str:
        mantissa, _, exponent = str(e).partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return mantissa + (f" ⋅ 10^({int(exponent)})" if exponent else "")

    def _print_ImaginaryUnit(self, _: Any) -> str:
        return "i"

    def _print_Pi(self, _: Any) -> str:
        return "π"

    def _print_Exp1(self, _: Any) -> str:
        return "e"

    def _print_Infinity(self, _: Any) -> str:
        return "∞"

    def _print_Add(self, e: sp.Add) -> str:
        text = ""
        for term in positive_first(e.as_ordered_terms()):
            negative = term.could_extract_minus_sign() and not term.is_Add
            shown = self._paren(-term if negative else term)
            text += f" {'-' if negative else '+'} {shown}" if text else f"{'-' if negative else ''}{shown}"
        return text

    def _print_Mul(self, e: sp.Mul) -> str:
        if e.as_coeff_Mul()[0].is_negative:
            return f"-{self._paren(-e)}"
        above, below = sp.fraction(e, exact=True)
        if below != 1:
            return f"frac({self._print(above)}, {self._print(below)})"
        factors = e.as_ordered_factors() if e.is_Mul else [e]
        return " ".join(f"({self._print(f)})" if isinstance(f, sp.Sum) else self._paren(f) for f in factors)

    def _print_Pow(self, e: sp.Pow) -> str:
        if e.exp == sp.Rational(1, 2):
            return f"sqrt({self._print(e.base)})"
        if e.exp.is_Rational and e.exp < 0:
            return f"frac(1, {self._print(sp.Pow(e.base, -e.exp))})"
        if isinstance(e.base, phi):
            order, argument = map(self._print, e.base.args)
            return f"φ_({order})^({self._print(e.exp)}) ({argument})"
        return f"{self._paren(e.base, power=True)}^({self._print(e.exp)})"

    def _print_exp(self, e: sp.exp) -> str:
        return f"e^({self._print(e.args[0])})"

    def _print_phi(self, e: sp.Expr) -> str:
        return f"φ_({self._print(e.args[0])}) ({self._print(e.args[1])})"

    def _print_conjugate(self, e: sp.conjugate) -> str:
        return f"overline({self._print(e.args[0])})"

    def _print_Abs(self, e: sp.Abs) -> str:
        return f"abs({self._print(e.args[0])})"

    def _print_factorial(self, e: sp.Expr) -> str:
        argument = self._print(e.args[0])
        return f"{argument}!" if e.args[0].is_Atom else f"({argument})!"

    def _print_binomial(self, e: sp.Expr) -> str:
        return f"binom({self._list(e.args)})"

    def _print_KroneckerDelta(self, e: sp.Expr) -> str:
        return f"δ_({self._list(e.args)})"

    def _print_Function(self, e: sp.Function) -> str:
        return f"op({quoted(e.func.__name__)})({self._list(e.args)})"

    def _big(self, operator: str, e: Any) -> str:
        text = ""
        for index, *bounds in reversed(e.limits):
            start = f"{self._print(index)} = {self._print(bounds[0])}" if bounds else self._print(index)
            text += f"{operator}_({start})" + (f"^({self._print(bounds[1])}) " if len(bounds) > 1 else " ")
        return text + self._paren(e.function)

    def _print_Sum(self, e: sp.Sum) -> str:
        return self._big("sum", e)

    def _print_Product(self, e: sp.Product) -> str:
        return self._big("product", e)

    def _print_Piecewise(self, e: sp.Piecewise) -> str:
        cases = [
            f'{self._print(value)} & "otherwise"'
            if condition is sp.true
            else f'{self._print(value)} & "if" {self._print(condition)}'
            for value, condition in e.args
        ]
        return f"cases({', '.join(cases)})"

    def _print_Relational(self, e: Any) -> str:
        return f"{self._print(e.lhs)} {_RELATIONS[e.rel_op]} {self._print(e.rhs)}"

    def _print_Derivative(self, e: sp.Derivative) -> str:
        below = " ".join(f"∂ {self._print(v)}" + (f"^({n})" if n != 1 else "") for v, n in e.variable_count)
        order = f"^({e.derivative_count})" if e.derivative_count != 1 else ""
        return f"frac(∂{order}, {below}) {self._paren(e.expr)}"

    def _print_MatrixBase(self, e: Any) -> str:
        rows = "; ".join(self._list(e.row(i)) for i in range(e.rows))
        return f'mat(delim: "[", {rows})'

    _print_ImmutableDenseMatrix = _print_MutableDenseMatrix = _print_MatrixBase

    def _print_MatMul(self, e: Any) -> str:
        return " ".join(f"({self._print(a)})" if a.is_MatAdd else self._print(a) for a in e.args)

    def _print_MatAdd(self, e: Any) -> str:
        return " + ".join(map(self._print, e.args))

    def _print_KroneckerProduct(self, e: Any) -> str:
        return " ⊗ ".join(map(self._print, e.args))

    def _print_Transpose(self, e: Any) -> str:
        return f"{self._print(e.arg)}^⊤"


def expression_to_typst(expression: Any) -> str:
    """The expression in Typst's math notation.

    Examples
    --------
    >>> x = sp.Symbol("lambda_0")
    >>> expression_to_typst(sp.exp(x) / 2)
    'frac(e^(λ_(0)), 2)'
    """
    return str(_TypstPrinter().doprint(expression))


def prose_to_typst(text: str, *, translate: bool = True) -> str:
    """Prose with TeX formulas between dollars; a formula that is not understood is shown as written."""
    pieces = text.split("$")
    show = _formula if translate else _verbatim
    return "".join(show(piece) if number % 2 else f"#{quoted(piece)}" for number, piece in enumerate(pieces) if piece)


def _verbatim(tex: str) -> str:
    return f"#raw({quoted(tex)})"


def _formula(tex: str) -> str:
    """A small part of TeX's notation in Typst's: braces become parentheses or arguments."""
    text = ""
    tex = re.sub(r"(\\(?:bar|hat|tilde|overline|sqrt))\s*(\\[A-Za-z]+|[A-Za-z])", r"\1{\2}", tex)
    for token in re.findall(r"\\[A-Za-z]+|\\.|[A-Za-z]|[0-9]+|\s+|.", tex):
        name = token[1:]
        if token.startswith("\\") and name.isalpha():
            if name not in _WORDS and _word(name).startswith('"'):
                return _verbatim(tex)
            text += f" {_WORDS[name] if name in _WORDS else _word(name)}"
        else:
            apart = " " if token.isalpha() and text[-1:].isalpha() else ""
            text += apart + _TOKENS.get(token, token)
    text = re.sub(r"(frac|binom)(\([^()]*)\)\s*\(", r"\1\2, ", text)
    return f"${text}$" if text.count("(") == text.count(")") else _verbatim(tex)
