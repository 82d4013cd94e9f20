r"""The polynomial decoder $\sigma(y) = \sum_{p \le P} g_p y^p$, kept factored: a power of $y$ stays a power.

Coefficients are exact numbers or symbols. Floating-point fits live in `fits`; a float given here would be
mistaken for an exact number, so it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from math import comb
from operator import index
from typing import Protocol, SupportsIndex

import sympy as sp


class Parametrised(Protocol):
    """Anything that states its free symbols, such as a `DiagonalSSM` or a `DiscreteSSM`."""

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The free symbols, each once."""


def exact(value: object, what: str) -> sp.Expr:
    """`value` as an exact SymPy scalar.

    Raises
    ------
    TypeError
        The value is text or no scalar.
    ValueError
        The value contains a floating-point number, infinity or NaN.
    """
    if isinstance(value, str):
        msg = f"{what} is the text {value!r}: text is never evaluated, give an exact number or an expression"
        raise TypeError(msg)
    try:
        expression = sp.sympify(value, strict=True)
    except sp.SympifyError as error:
        msg = f"{what} is {value!r}, which is no exact number and no SymPy expression"
        raise TypeError(msg) from error
    if not isinstance(expression, sp.Expr) or expression.is_Matrix:
        msg = f"{what} is {value!r}: a scalar is needed"
        raise TypeError(msg)
    if expression.has(sp.Float, sp.nan, sp.oo, sp.zoo, -sp.oo):
        msg = f"{what} is {expression}: give finite exact numbers, for example Rational(1, 10)"
        raise ValueError(msg)
    return expression


def exact_without(value: object, what: str, *letters: sp.Basic) -> sp.Expr:
    """`value` as an exact scalar that names none of the letters of a statement: a sum over n would bind an outer n.

    Parameters
    ----------
    value, what
        As in `exact`.
    letters
        The letters that the statement uses itself; told by their names, as assumptions are not printed.

    Raises
    ------
    TypeError, ValueError
        As in `exact`; or the value contains one of the letters.

    Examples
    --------
    >>> n = sp.Symbol("n", integer=True)
    >>> exact_without(sp.Symbol("p") + 1, "the hop", n)
    p + 1
    """
    expression = exact(value, what)
    names = {str(letter) for letter in letters}
    taken = sorted({str(symbol) for symbol in expression.atoms(sp.Symbol)} & names)
    if taken:
        msg = (
            f"{what} is {expression}, but {', '.join(taken)} has a meaning of its own in this statement: "
            f"rename it, for example to {taken[0]}_0"
        )
        raise ValueError(msg)
    return expression


def exact_entries(values: object, what: str) -> tuple[sp.Expr, ...]:
    """Every entry as in `exact`.

    Raises
    ------
    TypeError, ValueError
        As in `exact`; or there are no entries to go through.
    """
    if not isinstance(values, Iterable | sp.MatrixBase) or isinstance(values, str):
        msg = f"{what} must be a sequence of exact numbers or expressions, got {values!r}"
        raise TypeError(msg)
    return tuple(exact(value, f"{what}[{j}]") for j, value in enumerate(values))


def require_kind(value: object, kind: type, what: str) -> None:
    """Refuse what is of another class.

    Raises
    ------
    TypeError
        The value is no instance of `kind`.
    """
    if not isinstance(value, kind):
        msg = f"{what} must be of the class {kind.__name__}, got {value!r}"
        raise TypeError(msg)


def require_free(parameters: Iterable[sp.Basic], letters: Iterable[object], what: str) -> None:
    """Refuse a decoder or a model with a symbol that is called as a letter of the statement.

    Parameters
    ----------
    parameters
        Its symbols.
    letters
        Symbols or names that the statement uses itself; told by their names, as assumptions are not printed.
    what
        Whose symbols they are.

    Raises
    ------
    ValueError
        With the names that are in use.

    Examples
    --------
    >>> require_free(sp.symbols("g_0 mu"), sp.symbols("mu v"), "the decoder")
    Traceback (most recent call last):
        ...
    ValueError: the decoder uses the names mu, which the result needs: rename its symbols
    """
    clash = sorted(set(map(str, letters)) & set(map(str, parameters)))
    if clash:
        msg = f"{what} uses the names {', '.join(clash)}, which the result needs: rename its symbols"
        raise ValueError(msg)


def require_integer(value: object, what: str, *, least: int | None = None, most: int | None = None) -> int:
    """`value` as an int, if it is a whole number between the bounds; True and 1.0 are none.

    Raises
    ------
    TypeError
        The value is no whole number: a bool, a float, text, an expression.
    ValueError
        It is less than `least` or more than `most`.

    Examples
    --------
    >>> require_integer(sp.Integer(-2), "the hop")
    -2
    """
    whole = None
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        with suppress(TypeError):  # such as numpy.bool
            whole = index(value)
    if whole is None:
        msg = f"{what} must be an integer, got {value!r}"
        raise TypeError(msg)
    if least is not None and whole < least:
        limit = "must not be negative" if least == 0 else f"must be at least {least}"
        msg = f"{what} {limit}, got {whole}"
        raise ValueError(msg)
    if most is not None and whole > most:
        msg = f"{what} must be at most {most}, got {whole}"
        raise ValueError(msg)
    return whole


def require_count(value: object, what: str) -> int:
    """`value` as an int, if it is an integer that is not negative.

    Raises
    ------
    TypeError
        The value is no integer.
    ValueError
        The value is negative.
    """
    return require_integer(value, what, least=0)


@dataclass(frozen=True)
class PolynomialDecoder:
    r"""$\sigma(y) = g_0 + g_1 y + \dots + g_P y^P$ with exact coefficients.

    Parameters
    ----------
    coefficients
        $(g_0, \dots, g_P)$, exact numbers or expressions [output/input^p]; $P \ge 0$. The degree is the
        *stated* one: a leading zero is kept, so that symbolic families have one size.

    Raises
    ------
    ValueError
        No coefficient is given, or one is a float.
    TypeError
        A coefficient is text or no scalar.

    Examples
    --------
    >>> y = sp.Symbol("y")
    >>> square = PolynomialDecoder((0, 0, 1))
    >>> square(y), square.derivative()(y)
    (y**2, 2*y)
    >>> sp.expand(square.shifted(3)(y))
    y**2 + 6*y + 9
    """

    coefficients: tuple[sp.Expr, ...]

    def __post_init__(self) -> None:
        values = tuple(exact(value, f"coefficient g_{p}") for p, value in enumerate(self.coefficients))
        if not values:
            msg = "a polynomial decoder needs at least g_0; the zero decoder is PolynomialDecoder((0,))"
            raise ValueError(msg)
        object.__setattr__(self, "coefficients", values)

    @classmethod
    def symbolic(cls, ssm: Parametrised | None = None, *, degree: int, name: str = "g") -> PolynomialDecoder:
        """Decoder with the symbols ``g_0 … g_P`` as coefficients.

        Parameters
        ----------
        ssm
            If given, the names of the decoder must not be in use by this model.
        degree
            P, not negative.
        name
            Stem of the symbols.

        Raises
        ------
        ValueError
            The degree is negative or a name is taken by `ssm`.
        """
        require_count(degree, "degree")
        symbols = tuple(sp.Symbol(f"{name}_{p}") for p in range(degree + 1))
        taken = () if ssm is None else map(str, ssm.parameters)
        clash = sorted(set(taken) & set(map(str, symbols)))
        if clash:
            msg = f"the model already uses {', '.join(clash)}: choose another name for the coefficients"
            raise ValueError(msg)
        return cls(symbols)

    @property
    def degree(self) -> int:
        """P, the stated degree."""
        return len(self.coefficients) - 1

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The symbols in the coefficients, each once, in the order of the coefficients."""
        ordered = (symbol for value in self.coefficients for symbol in sorted(value.free_symbols, key=str))
        return tuple(dict.fromkeys(ordered))

    def __call__(self, y: sp.Expr) -> sp.Expr:
        """The value at `y`, by Horner's scheme."""
        *lower, value = self.coefficients
        for coefficient in reversed(lower):
            value = coefficient + y * value
        return value

    def derivative(self) -> PolynomialDecoder:
        r"""$\sigma'$, with coefficients $(p+1)\, g_{p+1}$."""
        return PolynomialDecoder(tuple(p * g for p, g in enumerate(self.coefficients))[1:] or (sp.S.Zero,))

    def shifted(self, offset: sp.Expr) -> PolynomialDecoder:
        r"""$\tilde\sigma(y) = \sigma(y_0 + y)$: $\tilde g_q = \sum_{p \ge q} \binom{p}{q} g_p\, y_0^{p-q}$.

        With $y_0 = D u$ this is how a feedthrough enters the lift.

        References
        ----------
        THEORY T9 (the replacement rule for $D \ne 0$).
        """
        start = exact(offset, "the offset y_0")
        powers = [start**p for p in range(self.degree + 1)]
        terms = [(p, g) for p, g in enumerate(self.coefficients) if g != 0]
        return PolynomialDecoder(
            tuple(sp.Add(*(comb(p, q) * g * powers[p - q] for p, g in terms if p >= q)) for q in range(self.degree + 1))
        )
