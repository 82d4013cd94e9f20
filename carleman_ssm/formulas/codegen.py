"""Python source from a `ClosedForm`: the definitions become local variables with the paper's names.

Only checked names reach the text: every symbol passes `check_names`, functions are SymPy's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sympy as sp
from sympy.printing.codeprinter import PrintMethodNotImplementedError
from sympy.printing.numpy import SciPyPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.pycode import MpmathPrinter

from carleman_ssm.formulas.matrices import explicit
from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import ClosedForm, check_names

MAX_TERMS = 2_000  # CPython's compiler overflows its stack between 2,500 and 3,500 summands
MAX_TOTAL = 100_000
RESERVED = frozenset(
    ("np", "mp", "scipy", "varphi", "sinpi", "cospi", "cache", "sum", "range", "prod", "abs", "min", "max", "kernel")
)
_EXACT_FLOATS = 2**53
_ALIAS = (("numpy.", "np."), ("mpmath.", "mp."), ("math.prod", "prod"))


class _PaperNames:
    """What both backends print alike: φ_k, sequences, local functions, loops."""

    defined: frozenset[str] = frozenset()
    counting: Mapping[sp.Basic, sp.Basic] = MappingProxyType({})
    conjugate: str
    _print: Callable[[Any], str]  # of the printer that this class is mixed into

    def root(self, e: sp.CRootOf) -> str:
        """An algebraic number, to the precision of the backend."""
        raise NotImplementedError  # each backend has its own

    def divides_integers(self, e: sp.Expr) -> bool:
        """A power of integers whose exponent may be negative: left to integers, it is a float or an error."""
        if not e.is_Pow:
            return False
        base, exponent = (part.xreplace(self.counting) for part in e.args)
        return bool(base.is_integer and exponent.is_integer and not exponent.is_nonnegative)

    def _print_phi(self, e: phi) -> str:
        return f"varphi({e.args[0]}, {self._print(e.args[1])})"

    def _print_conjugate(self, e: sp.conjugate) -> str:
        return f"{self.conjugate}({self._print(e.args[0])})"

    def _print_sin(self, e: sp.sin) -> str:
        return self._circular("sinpi", e) or str(super()._print_sin(e))  # type: ignore[misc]  # of the printer

    def _print_cos(self, e: sp.cos) -> str:
        return self._circular("cospi", e) or str(super()._print_cos(e))  # type: ignore[misc]  # of the printer

    def _print_cot(self, e: sp.cot) -> str:
        above, below = (self._circular(name, e) for name in ("cospi", "sinpi"))
        return f"({above}/{below})" if above else str(super()._print_cot(e))  # type: ignore[misc]  # of the printer

    def _circular(self, name: str, e: sp.Expr) -> str:
        """Of an argument that counts half turns, so that zeros are zeros; nothing for any other argument."""
        turns = sp.Add(*(term / sp.pi for term in sp.Add.make_args(e.args[0])))
        return "" if turns.has(sp.pi) else f"{name}({self._print(turns)})"

    def _print_ComplexRootOf(self, e: sp.CRootOf) -> str:
        return self.root(e)

    def _print_Indexed(self, e: sp.Indexed) -> str:
        name, indices = str(e.base.label), ", ".join(map(self._print, e.indices))
        return f"{name}({indices})" if name in self.defined else f"{name}[{indices}]"

    def _print_Sum(self, e: sp.Sum) -> str:
        return f"sum({self._loop(e)})"

    def _print_Product(self, e: sp.Product) -> str:
        return f"prod({self._loop(e)})"

    def _loop(self, e: Any) -> str:
        show = self._print
        loops = [
            f"for {show(index)} in range({show(lower)}, {show(upper + 1)})"
            for index, lower, upper in reversed(e.limits)
        ]
        return f"{show(e.function)} {' '.join(loops)}"

    def _module_format(self, fqn: str, register: bool = True) -> str:  # noqa: ARG002 - the printers' signature
        for module, alias in _ALIAS:
            fqn = fqn.replace(module, alias)
        return fqn


class _NumpySource(_PaperNames, SciPyPrinter):  # type: ignore[misc]  # SymPy is untyped
    """NumPy and scipy.special."""

    conjugate = "np.conj"

    def root(self, e: sp.CRootOf) -> str:
        return repr(complex(e) if e.is_real is False else float(e))

    def _print_Pow(self, e: sp.Pow, rational: bool = False) -> str:
        # NumPy's integers refuse negative powers, and wrap around in silence where a power exceeds 64 bits
        if e.base.is_Integer and not e.exp.is_Number and abs(e.base) <= _EXACT_FLOATS:
            base = f"({float(e.base)})" if e.base < 0 else f"{float(e.base)}"
            return f"{base}**{self.parenthesize(e.exp, PRECEDENCE['Pow'])}"
        if self.divides_integers(e) and not e.exp.is_Number:
            return f"np.float64({self._print(e.base)})**({self._print(e.exp)})"
        return str(super()._print_Pow(e, rational))

    def _print_Min(self, e: sp.Min) -> str:
        return self._extreme("min", e) or str(super()._print_Min(e))

    def _print_Max(self, e: sp.Max) -> str:
        return self._extreme("max", e) or str(super()._print_Max(e))

    def _extreme(self, name: str, e: sp.Expr) -> str:
        """Of integers: Python's, whose result is a Python integer, which never wraps around."""
        if e.atoms(sp.Indexed) or not all(part.xreplace(self.counting).is_integer for part in e.args):
            return ""
        return f"{name}({', '.join(map(self._print, e.args))})"


class _MpmathSource(_PaperNames, MpmathPrinter):  # type: ignore[misc]  # SymPy is untyped
    """mpmath, which has these under its own names; quotients of Python integers are mpf, never floats."""

    def _print_Mul(self, e: sp.Mul) -> str:
        if any(self.divides_integers(factor) or self._is_open(factor) for factor in e.args):
            return "*".join(self.parenthesize(factor, PRECEDENCE["Mul"]) for factor in e.args)
        return str(super()._print_Mul(e))

    def _print_Pow(self, e: sp.Pow, rational: bool = False) -> str:
        if self.divides_integers(e):
            return f"mp.mpf({self._print(e.base)})**({self._print(e.exp)})"
        if self._is_open(e):
            return f"mp.mpmathify({self._print(e.base)})**({self._print(e.exp)})"
        return str(super()._print_Pow(e, rational))

    def _is_open(self, e: sp.Expr) -> bool:
        """A power whose base is a Python integer in some cases or for some indices only."""
        if not e.is_Pow or e.exp.is_nonnegative:
            return False
        local = any(str(use.base.label) in self.defined for use in e.base.atoms(sp.Indexed))
        return local or bool(e.base.atoms(sp.Piecewise))

    def _print_re(self, e: sp.re) -> str:
        return f"mp.re({self._print(e.args[0])})"

    def _print_im(self, e: sp.im) -> str:
        return f"mp.im({self._print(e.args[0])})"

    def _print_conjugate(self, e: sp.conjugate) -> str:
        return f"mp.conj({self._print(e.args[0])})"

    conjugate = "mp.conj"

    def root(self, e: sp.CRootOf) -> str:
        start, letter = e.evalf(17), sp.Symbol("root")
        return f"mp.findroot(lambda root: {self._print(e.poly.as_expr(letter))}, {self._print(start)})"


def checked(form: ClosedForm) -> None:
    """Refuse what cannot become source: unknown symbols, illegal names, unknown functions, too many terms.

    Raises
    ------
    ValueError
        Says which, and what to do.
    """
    bodies = [_without_roots(explicit(form.expression)), *map(_without_roots, form.where.values())]
    bound = {limit[0] for body in bodies for loop in body.atoms(sp.Sum, sp.Product) for limit in loop.limits}
    bound |= {index for key in form.where if isinstance(key, sp.Indexed) for index in key.indices}
    symbols = {s for body in bodies for s in body.atoms(sp.Symbol)}
    _check_arguments(form.arguments)
    check_names([*symbols, *form.arguments, *form.where])
    known = {_label(argument) for argument in form.arguments} | {_label(key) for key in form.where} | bound
    unknown = sorted(str(symbol) for symbol in symbols - known)
    if unknown:
        msg = f"{', '.join(unknown)} is neither an argument nor defined: add it to `arguments` or to `where`"
        raise ValueError(msg)
    clash = sorted(str(symbol) for symbol in symbols | known if str(symbol) in RESERVED)
    if clash:
        msg = f"the name {clash[0]!r} is used by the generated source: rename the symbol"
        raise ValueError(msg)
    _check_functions(bodies)
    _check_size(bodies)


def _check_arguments(arguments: Iterable[sp.Basic]) -> None:
    for argument in arguments:
        if not isinstance(argument, sp.Symbol | sp.IndexedBase):
            kind = type(argument).__name__
            msg = f"a kernel takes symbols and sequences (IndexedBase), not {argument} ({kind})"
            raise ValueError(msg)  # noqa: TRY004 - the form is at fault, not its type


def _without_roots(body: sp.Basic) -> sp.Basic:
    """The letter of the polynomial of an algebraic number is no symbol of the formula."""
    return body.xreplace(dict.fromkeys(body.atoms(sp.CRootOf), sp.S.One))


def _label(symbol: sp.Basic) -> sp.Basic:
    if isinstance(symbol, sp.Indexed):
        return symbol.base.label
    return symbol.label if isinstance(symbol, sp.IndexedBase) else symbol


def _check_functions(bodies: Iterable[sp.Basic]) -> None:
    for body in bodies:
        unknown = body.atoms(sp.core.function.AppliedUndef) | body.atoms(sp.MatrixSymbol)
        # Nodes of sympy.codegen print calls of any name; they are statements of a program, not of mathematics.
        unknown |= {node for node in sp.preorder_traversal(body) if "sympy.codegen" in str(type(node).__module__)}
        if unknown:
            msg = f"{next(iter(unknown))} has no numerical meaning: substitute a definition for it first"
            raise ValueError(msg)


def _check_size(bodies: Iterable[sp.Basic]) -> None:
    sums = [len(node.args) for body in bodies for node in sp.preorder_traversal(body) if node.is_Add or node.is_Mul]
    if max(sums, default=0) > MAX_TERMS or sum(sums) > MAX_TOTAL:
        msg = (
            f"the formula has {sum(sums)} terms, up to {max(sums)} in one sum (limits {MAX_TOTAL} and "
            f"{MAX_TERMS}): keep it factored (powers of y, forward_operator, rank_form), or use "
            "TermTable.matrix for numbers"
        )
        raise ValueError(msg)


def integer_arguments(form: ClosedForm) -> frozenset[sp.Basic]:
    """Arguments that count: declared integer, or used in an index or in a limit of a sum."""
    bodies: Sequence[sp.Basic] = (form.expression, *form.where.values())
    places = [i for body in bodies for use in body.atoms(sp.Indexed) for i in use.indices]
    places += [
        bound
        for body in bodies
        for loop in body.atoms(sp.Sum, sp.Product)
        for limit in loop.limits
        for bound in limit[1:]
    ]
    counting = {symbol for place in places for symbol in place.free_symbols}
    scalars = [argument for argument in form.arguments if isinstance(argument, sp.Symbol)]
    return frozenset(symbol for symbol in scalars if symbol.is_integer or symbol in counting)


def _counting(form: ClosedForm) -> Mapping[sp.Basic, sp.Basic]:
    """A letter known to be an integer for each symbol that holds one while the kernel runs, declared or not."""
    bodies: Sequence[sp.Basic] = (explicit(form.expression), *form.where.values())
    found = {limit[0] for body in bodies for loop in body.atoms(sp.Sum, sp.Product) for limit in loop.limits}
    found |= integer_arguments(form)
    found |= {index for key in form.where if isinstance(key, sp.Indexed) for index in key.indices}
    letters: dict[sp.Basic, sp.Basic] = {
        symbol: sp.Dummy(integer=True) for symbol in found if isinstance(symbol, sp.Symbol) and not symbol.is_integer
    }
    for key, body in form.where.items():
        if isinstance(key, sp.Symbol) and not key.is_integer and body.xreplace(letters).is_integer:
            letters[key] = sp.Dummy(integer=True)
    return MappingProxyType(letters)


def python_source(form: ClosedForm, backend: str) -> str:
    """The text of ``def kernel(…)`` for a checked form."""
    printer = (_NumpySource if backend == "numpy" else _MpmathSource)({"strict": True})
    printer.defined = frozenset(str(key.base.label) for key in form.where if isinstance(key, sp.Indexed))
    printer.counting = _counting(form)
    names = ", ".join(str(_label(argument)) for argument in form.arguments)
    try:
        lines = [line for key, body in form.where.items() for line in _definition(printer, key, body)]
        lines += _result(printer, explicit(form.expression))
    except PrintMethodNotImplementedError as error:
        msg = f"the {backend} backend cannot express this formula: {error}"
        raise ValueError(msg) from error
    return "\n    ".join([f"def kernel({names}):", *lines]) + "\n"


def _definition(printer: Any, key: sp.Basic, body: sp.Basic) -> list[str]:
    text = printer.doprint(explicit(body))
    if not isinstance(key, sp.Indexed):
        return [f"{printer.doprint(key)} = {text}"]
    return ["@cache", f"def {key.base.label}({', '.join(map(str, key.indices))}):", f"    return {text}"]


def _result(printer: Any, expression: sp.Basic) -> list[str]:
    if not isinstance(expression, sp.MatrixBase):
        return [f"return {printer.doprint(expression)}"]
    rows = [", ".join(printer.doprint(entry) for entry in expression.row(i)) for i in range(expression.rows)]
    return ["return [", *(f"    [{row}]," for row in rows), "]"]
