"""`compile_kernel`: a `ClosedForm` as a vectorised NumPy function, or in mpmath at any precision."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

import mpmath
import numpy as np
import scipy.special
import sympy as sp

from carleman_ssm.formulas.codegen import checked, integer_arguments, python_source
from carleman_ssm.formulas.half_turns import cospi, sinpi
from carleman_ssm.formulas.matrices import explicit
from carleman_ssm.formulas.special import phi_mpmath, phi_numpy
from carleman_ssm.formulas.statements import ClosedForm

_DEFAULT_DIGITS = 30
_GUARD_DIGITS = 15
_NO_VALUE = "the formula has no value at one of these arguments ({}): leave that point out"


@dataclass(frozen=True)
class Kernel:
    """A compiled closed form; call it with its arguments in order or by name.

    NumPy: scalar arguments broadcast against each other over the batch axes, sequences are arrays
    ``batch + (time,)``, the result is ``batch`` or ``batch + (rows, columns)``. mpmath: numbers and lists in,
    mpf, mpc or ``mpmath.matrix`` out. Integer arguments (steps, lags) are plain ints in both.

    Parameters
    ----------
    source
        The readable Python that runs.
    arguments
        Names, in order.
    backend, digits
        ``"numpy"``, or ``"mpmath"`` with that many digits.
    origin
        The index of the first element of every sequence: with 0, ``u[0]`` is the first, with 1 ``u[1]``.
    """

    source: str
    arguments: tuple[str, ...]
    backend: str
    digits: int | None
    origin: int
    _symbols: tuple[sp.Basic, ...] = field(repr=False)
    _integers: frozenset[sp.Basic] = field(repr=False)
    _is_matrix: bool = field(repr=False)
    _function: Callable[..., Any] = field(repr=False)

    def __call__(self, *values: Any, **named: Any) -> Any:
        """Evaluate the formula.

        Raises
        ------
        TypeError
            Missing, surplus or unknown arguments.
        ValueError
            An integer argument that is no integer, or a value that violates the assumptions of its symbol.
        IndexError
            The formula asks for an element outside a sequence.
        ZeroDivisionError
            A divisor vanishes, or the logarithm of 0 is asked for: no NaN is returned in silence.
        """
        given = self._bind(values, named)
        return self._numpy(given) if self.backend == "numpy" else self._mpmath(given)

    def _bind(self, values: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
        names = self.arguments[len(values) :]
        if len(values) > len(self.arguments) or set(names) != set(named):
            msg = (
                f"this kernel takes ({', '.join(self.arguments)}), got {len(values)} in order and "
                f"{sorted(named)} by name"
            )
            raise TypeError(msg)
        return [*values, *(named[name] for name in names)]

    def _numpy(self, given: list[Any]) -> Any:
        prepared: list[Any] = []
        shapes = []
        for symbol, value in zip(self._symbols, given, strict=True):
            if symbol in self._integers:
                prepared.append(_integer(symbol, value))
                continue
            array = _floating(symbol, value)
            is_sequence = isinstance(symbol, sp.IndexedBase)
            shapes.append(array.shape[:-1] if is_sequence else array.shape)
            prepared.append(_Elements(str(symbol), array, self.origin) if is_sequence else array)
        batch = np.broadcast_shapes(*shapes)
        # np.select computes the branches that it discards, divisions by zero included
        handling: Literal["ignore", "raise"] = "ignore" if "np.select" in self.source else "raise"
        try:
            with np.errstate(divide=handling, invalid=handling):
                result = self._function(*prepared)
        except FloatingPointError as error:
            raise ZeroDivisionError(_NO_VALUE.format(error)) from error
        if not self._is_matrix:
            return np.broadcast_to(np.asarray(result), batch)[()]
        rows = [np.stack([np.broadcast_to(entry, batch) for entry in row], axis=-1) for row in result]
        return np.stack(rows, axis=-2)

    def _mpmath(self, given: list[Any]) -> Any:
        digits = self.digits or _DEFAULT_DIGITS
        with mpmath.workdps(digits + _GUARD_DIGITS):
            try:
                result = self._function(*map(self._mp_argument, self._symbols, given))
            except ZeroDivisionError as error:
                raise ZeroDivisionError(_NO_VALUE.format("division by zero")) from error
            value = mpmath.matrix(result) if self._is_matrix else mpmath.mpmathify(result)
        with mpmath.workdps(digits):
            return value.apply(lambda entry: +entry) if self._is_matrix else +value

    def _mp_argument(self, symbol: sp.Basic, value: Any) -> Any:
        if symbol in self._integers:
            return _integer(symbol, value)
        if isinstance(symbol, sp.IndexedBase):
            return _Elements(str(symbol), [_mp_number(v) for v in value], self.origin)
        number = _mp_number(value)
        _require_assumptions(symbol, number, mpmath.re(number), mpmath.im(number))
        return number


class _Elements:
    """The elements of a sequence by index; outside is an error, never wrap-around."""

    def __init__(self, name: str, values: Any, origin: int) -> None:
        self._name, self._values, self._origin = name, values, origin
        self._length = values.shape[-1] if isinstance(values, np.ndarray) else len(values)

    def __getitem__(self, index: int) -> Any:
        position = operator.index(index) - self._origin
        if not 0 <= position < self._length:
            last = self._origin + self._length - 1
            msg = (
                f"{self._name}[{index}] is outside the sequence, which has {self._name}[{self._origin}] "
                f"to {self._name}[{last}]: pass a longer sequence, or another `origin`"
            )
            raise IndexError(msg)
        return self._values[..., position] if isinstance(self._values, np.ndarray) else self._values[position]


def _integer(symbol: sp.Basic, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        msg = f"{symbol} must be one integer, got {value!r}"
        raise ValueError(msg) from None
    _require_assumptions(symbol, number, number, 0)
    return number


_SIGNS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {"positive": operator.gt, "negative": operator.lt, "nonnegative": operator.ge, "nonpositive": operator.le}
)


def _require_assumptions(symbol: sp.Basic, value: Any, real: Any, imaginary: Any) -> None:
    """Refuse a value that its symbol excludes; NaN passes: it is no value."""
    holds = {name: compare(real, 0) for name, compare in _SIGNS.items()}
    holds |= {"real": imaginary == 0, "nonzero": value != 0}
    for name, truth in holds.items():
        wrong = ~np.asarray(truth | (value != value), dtype=bool)
        if getattr(symbol, f"is_{name}", None) and wrong.any():
            msg = f"{symbol} must be {name}, got {np.asarray(value)[wrong].flat[0]}"
            raise ValueError(msg)


def _floating(symbol: sp.Basic, value: Any) -> np.ndarray[Any, np.dtype[Any]]:
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        msg = f"{symbol} must hold real or complex numbers, got {array.dtype}"
        raise ValueError(msg)
    if isinstance(symbol, sp.IndexedBase) and array.ndim == 0:
        msg = f"{symbol} is a sequence: pass an array whose last axis is time"
        raise ValueError(msg)
    array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    _require_assumptions(symbol, array, array.real, array.imag)
    return array


def _mp_number(value: Any) -> Any:
    if isinstance(value, sp.Expr):
        parts = (sp.N(part, mpmath.mp.dps) for part in value.as_real_imag())
        real, imaginary = (part._to_mpmath(mpmath.mp.prec) for part in parts)
        return mpmath.mpc(real, imaginary) if imaginary else mpmath.mpf(real)
    if isinstance(value, np.generic):
        value = value.item()
    return mpmath.mpmathify(value)


def compile_kernel(
    closed_form: ClosedForm, backend: str = "numpy", digits: int | None = None, *, origin: int = 0
) -> Kernel:
    """Compile a closed form; each entry of its `where` becomes a local variable or, for ``K[m]``, a function.

    Parameters
    ----------
    closed_form
        With all free symbols among its arguments and definitions.
    backend
        ``"numpy"`` (double precision, vectorised) or ``"mpmath"`` (any precision).
    digits
        Significant digits of the mpmath backend (default 30).
    origin
        The index of the first element of the sequences.

    Returns
    -------
    Kernel

    Raises
    ------
    TypeError
        Not a `ClosedForm`.
    ValueError
        An unknown backend; digits for NumPy; a symbol that is no argument; an illegal name; a function
        without numbers; more terms than Python compiles (the message names the form to use instead).

    Examples
    --------
    >>> x, lam, k = sp.Symbol("x"), sp.Symbol("lambda_0"), sp.Symbol("k", integer=True)
    >>> u, j = sp.IndexedBase("u"), sp.Symbol("j", integer=True)
    >>> state = ClosedForm(x, sp.Sum(lam ** (k - j) * u[j], (j, 0, k)), (lam, u, k))
    >>> kernel = compile_kernel(state)
    >>> print(kernel.source)
    def kernel(lambda_0, u, k):
        return sum(lambda_0**(-j + k)*u[j] for j in range(0, k + 1))
    >>> kernel([0.5, 1.0], np.ones(3), 2).tolist()
    [1.75, 3.0]
    """
    given: object = closed_form
    if not isinstance(given, ClosedForm):
        msg = f"compile_kernel takes a ClosedForm, got {type(given).__name__}"
        raise TypeError(msg)
    if backend not in ("numpy", "mpmath"):
        msg = f"the backend is 'numpy' or 'mpmath', got {backend!r}"
        raise ValueError(msg)
    if digits is not None and (backend == "numpy" or digits < 1):
        msg = "digits is a positive number for the mpmath backend; NumPy works in double precision"
        raise ValueError(msg)
    checked(closed_form)
    source = python_source(closed_form, backend)
    symbols = closed_form.arguments
    is_matrix = isinstance(explicit(closed_form.expression), sp.MatrixBase)
    return Kernel(
        source,
        tuple(map(str, symbols)),
        backend,
        digits,
        origin,
        symbols,
        integer_arguments(closed_form),
        is_matrix,
        _function(source, backend),
    )


def _forward_range(start: Any, stop: Any) -> range:
    """The index of a sum. A reversed sum is negative in SymPy's convention, which no loop computes: refused."""
    first, last = int(start), int(stop)
    if (first, last) != (start, stop) or last < first:
        msg = f"a sum runs from {start} to {stop - 1}: limits must be integers, and not reversed"
        raise ValueError(msg)
    return range(first, last)


def _function(source: str, backend: str) -> Callable[..., Any]:
    """Run generated source; every name in it was checked before it was written."""
    numpy = backend == "numpy"
    scope: dict[str, Any] = {
        "np": np,
        "mp": mpmath,
        "scipy": scipy,
        "varphi": phi_numpy if numpy else phi_mpmath,
        "sinpi": sinpi if numpy else mpmath.sinpi,
        "cospi": cospi if numpy else mpmath.cospi,
        "cache": cache,
        "prod": math.prod,
        "range": _forward_range,
        "functools": functools,
    }
    exec(compile(source, f"<{backend} kernel>", "exec"), scope)  # noqa: S102 - our own text, names checked
    function: Callable[..., Any] = scope["kernel"]
    return function
