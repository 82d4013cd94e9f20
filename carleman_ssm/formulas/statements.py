r"""Statements: what is printed, proved and compiled, as plain immutable data.

A result is a `ClosedForm`; what characterises it is a tuple of `Identity`; how it was obtained is a
`Derivation` (`derivations`). Consumers (`verify`, `to_latex`, `compile_kernel`) read these and know no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from keyword import iskeyword
from types import MappingProxyType
from unicodedata import normalize

import sympy as sp

from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.shown import Shown


def check_names(symbols: Iterable[sp.Basic]) -> None:
    """Refuse names that cannot stand in generated code, and two symbols of one name.

    Raises
    ------
    ValueError
        A name is no Python identifier or is a keyword, or one name belongs to two different symbols
        (same name, different assumptions). Names from files and the command line pass here before any
        code is generated.
    """
    seen: dict[str, sp.Basic] = {}
    for symbol in symbols:
        name = str(symbol.base) if isinstance(symbol, sp.Indexed) else str(symbol)
        if normalize("NFKC", name) != name:
            msg = f"the name {name!r} is read by Python as {normalize('NFKC', name)!r}: use that one"
            raise ValueError(msg)
        if not name.isidentifier() or iskeyword(name) or name == "__debug__":
            msg = f"{name!r} cannot name a symbol: use a Python identifier that is no keyword, such as 'lambda_0'"
            raise ValueError(msg)
        other = seen.setdefault(name, symbol)
        if other != symbol and type(other) is type(symbol) and isinstance(symbol, sp.Symbol):
            msg = f"two different symbols are both called {name!r} (their assumptions differ): rename one"
            raise ValueError(msg)


def immutable(expression: sp.Basic | sp.MatrixBase) -> sp.Basic:
    """Exact immutable form of an expression or matrix; strings are refused, never parsed."""
    if isinstance(expression, str):
        msg = f"expected a SymPy expression, got the text {expression!r}: text is never evaluated"
        raise TypeError(msg)
    if isinstance(expression, sp.MatrixBase):
        return sp.ImmutableMatrix(expression)
    return sp.sympify(expression, strict=True)


@dataclass(frozen=True, slots=True)
class Identity(Shown):
    """The statement that two expressions are equal for all values of their symbols.

    Two sides are stored, because ``sympy.Eq(x, x)`` collapses to ``True``.

    Parameters
    ----------
    left, right
        Expressions or matrices of one shape.
    name
        What the statement says, in a few words.
    because
        The reason, as prose with TeX.
    nonzero
        Expressions that are assumed not to vanish (printed with the statement).
    sizes
        The instances that are claimed, such as ``"N = 3, P = 2"``, where a proof is written out for a size; empty if
        the statement holds for all values of all of its symbols and has none that is fixed.
    claims
        What is claimed of the statement: proved, or supported by numbers alone.

    Raises
    ------
    TypeError, ValueError
        A side is text; sides of two shapes; a claim that is neither proved nor supported.
    """

    left: sp.Basic
    right: sp.Basic
    name: str = ""
    because: str = ""
    nonzero: tuple[sp.Expr, ...] = ()
    sizes: str = ""
    claims: Evidence = Evidence.PROVED

    def __post_init__(self) -> None:
        object.__setattr__(self, "left", immutable(self.left))
        object.__setattr__(self, "right", immutable(self.right))
        # only matrices: an `Indexed` such as u[k] has a `shape` that raises
        shapes = [side.shape if side.is_Matrix else () for side in (self.left, self.right)]
        if shapes[0] != shapes[1]:
            msg = f"an identity needs two sides of one shape, got {shapes[0]} and {shapes[1]}"
            raise ValueError(msg)
        if self.claims not in (Evidence.PROVED, Evidence.SUPPORTED):
            msg = f"an identity is claimed as proved or as supported, not as {self.claims}"
            raise ValueError(msg)


@dataclass(frozen=True)
class ClosedForm(Shown):
    r"""A named result: ``symbol = expression`` where further symbols stand for their definitions.

    Parameters
    ----------
    symbol
        The left-hand side, a `Symbol` or `Indexed` such as ``z[k]``.
    expression
        Right-hand side: an expression or matrix in `arguments` and in the symbols of `where`.
    arguments
        The free symbols (or ``IndexedBase`` sequences) in the order in which a kernel takes them.
    where
        Ordered ``symbol -> definition``; a definition uses only arguments and *earlier* symbols. A key
        may be ``K[m]`` (`Indexed` with one symbol as index): a definition for every ``m``.
    certificates
        Identities that characterise the result uniquely (initial value and recurrence, say).
    reference
        The derivation or statement that it comes from.

    Raises
    ------
    ValueError
        A definition refers to itself or to a later one, or a name is illegal or used twice.
    """

    symbol: sp.Basic
    expression: sp.Basic
    arguments: tuple[sp.Basic, ...] = ()
    where: Mapping[sp.Basic, sp.Basic] = field(default_factory=dict)
    certificates: tuple[Identity, ...] = ()
    reference: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "expression", immutable(self.expression))
        object.__setattr__(self, "arguments", tuple(self.arguments))
        object.__setattr__(self, "certificates", tuple(self.certificates))
        where = {key: immutable(value) for key, value in self.where.items()}
        object.__setattr__(self, "where", MappingProxyType(where))
        check_names([*self.arguments, *where])
        _check_order(where)

    def __hash__(self) -> int:
        return hash((self.symbol, self.expression, self.arguments, tuple(self.where.items())))

    @property
    def definition(self) -> Identity:
        """The statement ``symbol = expression`` with every `where` unfolded."""
        return Identity(self.symbol, unfold(self).expression, name="definition")


def _check_order(where: Mapping[sp.Basic, sp.Basic]) -> None:
    later = [_head(key) for key in where]
    for key, value in where.items():
        used = value.free_symbols & set(later)
        if used:
            names = ", ".join(sorted(map(str, used)))
            msg = f"the definition of {key} uses {names}, defined there or later: order definitions by dependency"
            raise ValueError(msg)
        later.pop(0)


def _head(key: sp.Basic) -> sp.Basic:
    """The free symbol that a use of `key` leaves in an expression: itself, or the base of ``K[m]``."""
    return key.base.label if isinstance(key, sp.Indexed) else key


def substitute_definition(expression: sp.Basic, key: sp.Basic, value: sp.Basic) -> sp.Basic:
    """Replace `key` by `value`; for a key ``K[m]`` replace every ``K[i]`` by ``value`` at ``m = i``."""
    if not isinstance(key, sp.Indexed):
        return expression.xreplace({key: value})
    uses = {
        use: value.xreplace(dict(zip(key.indices, use.indices, strict=True)))
        for use in expression.atoms(sp.Indexed)
        if use.base == key.base
    }
    return expression.xreplace(uses)


def unfold(closed_form: ClosedForm, *symbols: sp.Basic) -> ClosedForm:
    """Replace the named definitions (all, if none is named) by what they stand for.

    Parameters
    ----------
    closed_form
        The result to unfold.
    *symbols
        Keys of its `where`.

    Returns
    -------
    ClosedForm
        With the remaining definitions.

    Raises
    ------
    KeyError
        A symbol has no definition in ``closed_form.where``.

    Examples
    --------
    >>> multiplier, delta, a = sp.symbols("lambda_0 Delta a")
    >>> step = ClosedForm(sp.Symbol("s"), multiplier**2, (a, delta), {multiplier: sp.exp(a * delta)})
    >>> unfold(step).expression
    exp(2*Delta*a)
    """
    chosen = symbols or tuple(closed_form.where)
    for symbol in chosen:
        if symbol not in closed_form.where:
            msg = f"{symbol} has no definition here; defined are {', '.join(map(str, closed_form.where)) or 'none'}"
            raise KeyError(msg)
    expression, kept = closed_form.expression, dict(closed_form.where)
    for symbol in reversed([key for key in closed_form.where if key in chosen]):
        value = kept.pop(symbol)
        expression = substitute_definition(expression, symbol, value)
        kept = {key: substitute_definition(body, symbol, value) for key, body in kept.items()}
    return replace(closed_form, expression=expression, where=kept)


def fold(identity: Identity, where: Mapping[sp.Basic, sp.Basic]) -> Identity:
    """The same statement with every literal occurrence of a definition written as its symbol: shorter to read.

    Examples
    --------
    >>> a, b, y = sp.symbols("a b y")
    >>> fold(Identity((a + b) ** 2, b + a), {y: a + b}).left
    y**2
    """
    left, right = identity.left, identity.right
    for symbol, value in where.items():
        if value.args and not isinstance(symbol, sp.Indexed):
            left, right = left.xreplace({value: symbol}), right.xreplace({value: symbol})
    return replace(identity, left=left, right=right)
