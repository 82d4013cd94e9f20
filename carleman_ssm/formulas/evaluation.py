r"""Values of expressions at points: exactly in $\mathbb{Q}(i)$, or at any precision with mpmath.

A `Point` draws a value that respects the assumptions for every symbol, and for every element of a
sequence, when it is first met; the values are a function of the seed alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from types import MappingProxyType
from typing import Any

import mpmath
import sympy as sp

from carleman_ssm.formulas.special import phi, phi_mpmath

_MAX_LOOP = 5_000
_MAX_EXPONENT = 4_096
_CONSTANT = (sp.Atom, sp.polys.rootoftools.ComplexRootOf)
_SIGNS = ("real", "positive", "negative", "nonnegative", "nonpositive", "zero", "integer", "imaginary")
_JUMPS = (sp.floor, sp.ceiling, sp.sign, sp.Mod, sp.Heaviside, sp.frac)
_SAME_NAME = (sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.sinh, sp.cosh, sp.tanh, sp.erf)


class NoValue(Exception):
    """The expression has no value here: a division by zero, a reversed sum, an unknown function."""


class ReversedSum(NoValue):
    """A sum ends before it begins."""


class ExactField:
    """Gaussian rationals; whatever leaves them has no value."""

    exact = True

    def number(self, value: sp.Expr) -> Any:
        """An exact SymPy number as a field element."""
        real, imaginary = value.as_real_imag()
        return sp.QQ_I(sp.QQ(int(real.p), int(real.q)), sp.QQ(int(imaginary.p), int(imaginary.q)))

    def conjugate(self, z: Any) -> Any:
        """Complex conjugate."""
        return sp.QQ_I(z.x, -z.y)

    def vanishes(self, z: Any) -> bool:
        """Is it zero?"""
        return not z

    def integer(self, z: Any) -> int | None:
        """The integer equal to `z`, or None."""
        return int(z.x) if not z.y and int(z.x.denominator) == 1 else None

    def power(self, base: Any, exponent: Any) -> Any:
        """Integer powers."""
        n = self.integer(exponent)
        if n is None or abs(n) > _MAX_EXPONENT or (n < 0 and not base):
            raise NoValue
        return base**n

    def function(self, expression: sp.Expr, values: list[Any]) -> Any:
        """Binomial coefficients and factorials of integers; no other function stays in the field."""
        whole = [self.integer(value) for value in values]
        if isinstance(expression, sp.binomial | sp.factorial) and None not in whole:
            value = expression.func(*whole)
            if value.is_Integer:  # the factorial of a negative integer is none
                return self.number(value)
        msg = f"{expression.func} of {values} has no exact value"
        raise NoValue(msg)


class FloatField:
    """mpmath numbers at the working precision of the caller."""

    exact = False

    def number(self, value: sp.Expr) -> Any:
        """A SymPy number as mpf or mpc."""
        real, imaginary = (sp.N(part, mpmath.mp.dps + 5) for part in value.as_real_imag())
        return mpmath.mpc(mpmath.mpf(str(real)), mpmath.mpf(str(imaginary)))

    def conjugate(self, z: Any) -> Any:
        """Complex conjugate."""
        return mpmath.conj(z)

    def vanishes(self, z: Any) -> bool:
        """Is it zero up to half of the working digits?"""
        return bool(abs(z) < _tiny())

    def integer(self, z: Any) -> int | None:
        """The integer equal to `z`, or None."""
        z = mpmath.mpmathify(z)
        return int(mpmath.re(z)) if mpmath.im(z) == 0 and mpmath.isint(mpmath.re(z)) else None

    def power(self, base: Any, exponent: Any) -> Any:
        """Principal power."""
        n = self.integer(exponent)
        if base == 0 and (n is None or n < 0):
            raise NoValue
        if n is None:
            _refuse_near_cut(base)
        return mpmath.power(base, exponent if n is None else n)

    def function(self, expression: sp.Expr, values: list[Any]) -> Any:
        """φ_k, mpmath's function of that name, or SymPy's own evaluation."""
        if isinstance(expression, phi):
            return phi_mpmath(int(expression.args[0]), values[1])
        if isinstance(expression, sp.log | sp.arg):
            _refuse_near_cut(values[0])
        if isinstance(expression, _JUMPS):
            _refuse_near_jump(values[0])
        if isinstance(expression, _SAME_NAME):
            return getattr(mpmath, expression.func.__name__)(*values)
        digits = mpmath.mp.dps + 5
        arguments = [sp.Float(mpmath.re(v), digits) + sp.I * sp.Float(mpmath.im(v), digits) for v in values]
        whole = map(self.integer, values)
        arguments = [a if n is None else sp.Integer(n) for a, n in zip(arguments, whole, strict=True)]
        value = sp.N(expression.func(*arguments), digits)
        if not value.is_number or value.has(sp.nan, sp.zoo, sp.oo, sp.Function):
            raise NoValue
        return self.number(value)


def _tiny() -> Any:
    return mpmath.mpf(10) ** (-mpmath.mp.dps / 2)


def _refuse_near_cut(z: Any) -> None:
    """On which side of the negative axis a number lies is decided by rounding, unless it is exactly real."""
    z = mpmath.mpc(z)
    if z.real <= 0 and z.imag != 0 and abs(z.imag) <= _tiny() * max(abs(z.real), _tiny()):
        raise NoValue


def _refuse_near_jump(z: Any) -> None:
    """Whether a number has reached an integer (or zero) is decided by rounding, unless it is one exactly."""
    z = mpmath.mpc(z)
    gaps = (part - mpmath.nint(part) for part in (z.real, z.imag))
    if any(0 < abs(gap) < _tiny() for gap in gaps):
        raise NoValue


class Point:
    """Values of symbols and of sequence elements, drawn on demand from a seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn: dict[sp.Expr, sp.Expr] = {}

    @property
    def values(self) -> Mapping[sp.Expr, sp.Expr]:
        """What was drawn so far."""
        return MappingProxyType(dict(self._drawn))

    def __getitem__(self, atom: sp.Expr) -> sp.Expr:
        if atom not in self._drawn:
            self._drawn[atom] = self._draw(atom)
        return self._drawn[atom]

    def _draw(self, atom: sp.Expr) -> sp.Expr:
        namesakes = sum(str(other) == str(atom) for other in self._drawn)
        random = Random(f"{self._seed} {atom} {namesakes or ''}")  # noqa: S311 - sample points are no secrets
        for value in _candidates(atom, random, left=bool(self._seed % 2)):
            if _admissible(atom, value):
                return value
        msg = f"no sample value satisfies the assumptions of {atom}"
        raise NoValue(msg)


def _candidates(atom: sp.Expr, random: Random, *, left: bool) -> Iterator[sp.Expr]:
    """Random values; `left` keeps complex ones in the left half plane, where branch cuts show."""
    for _ in range(300):
        x, y = (sp.Rational(random.randint(-9, 9), random.randint(2, 7)) for _ in range(2))
        if atom.is_integer:
            yield sp.Integer(random.randint(-3, 6))
        elif atom.is_extended_real:
            yield x
        elif atom.is_imaginary:
            yield sp.I * x
        else:
            # Every fourth on the left is a negative real number: branch cuts lie there.
            yield (-abs(x) if left else x) + (0 if left and random.random() < 0.25 else sp.I * y)


def _admissible(atom: sp.Expr, value: sp.Expr) -> bool:
    known = atom.assumptions0 if atom.is_Symbol else {name: getattr(atom, f"is_{name}") for name in _SIGNS}
    if value == 0 and not atom.is_integer:
        return False
    return all(truth is None or getattr(value, f"is_{name}", truth) is truth for name, truth in known.items())


class Evaluator:
    """Values of expressions at one point in one field.

    Raises
    ------
    NoValue
        The expression has none there.
    """

    def __init__(self, field: ExactField | FloatField, point: Point) -> None:
        self.field, self.point = field, point
        self.largest: Any = 1  # size of the largest intermediate value: rounding is relative to it
        self._known: dict[sp.Expr, Any] = {}
        self._bound: dict[sp.Expr, Any] = {}

    def __call__(self, expression: sp.Expr) -> Any:
        """The value of `expression`."""
        value = self._known.get(expression)
        if value is None:
            value = self._known[expression] = self._evaluate(expression)
            if not self.field.exact:
                self.largest = max(self.largest, abs(value))
        return value

    def _evaluate(self, e: sp.Expr) -> Any:
        if e in self._bound:
            return self._bound[e]
        if e.is_Rational or e is sp.I or (e.is_number and isinstance(e, _CONSTANT) and not self.field.exact):
            return self.field.number(e)
        if e.is_Symbol:
            return self.field.number(self.point[e])
        if isinstance(e, sp.Sum | sp.Product):
            return self._loop(e)
        if isinstance(e, sp.Indexed):
            return self.field.number(self.point[e.base[tuple(self._integer(i) for i in e.indices)]])
        return self._operation(e, [self(argument) for argument in e.args if isinstance(argument, sp.Expr)])

    def _operation(self, e: sp.Expr, values: list[Any]) -> Any:
        if len(values) != len(e.args) or not values:
            raise NoValue
        if e.is_Add:
            return sum(values[1:], values[0])
        if e.is_Mul:
            return _product(values)
        if e.is_Pow:
            return self.field.power(*values)
        if isinstance(e, sp.conjugate):
            return self.field.conjugate(values[0])
        if isinstance(e, sp.re | sp.im):
            sign, unit = (1, sp.Rational(1, 2)) if isinstance(e, sp.re) else (-1, -sp.I / 2)
            return (values[0] + sign * self.field.conjugate(values[0])) * self.field.number(unit)
        if isinstance(e, sp.Abs) and not self.field.exact:
            return mpmath.mpc(abs(values[0]))
        if isinstance(e, sp.Function) and not isinstance(e, sp.core.function.AppliedUndef):
            return self.field.function(e, values)
        raise NoValue

    def _integer(self, expression: sp.Expr) -> int:
        n = self.field.integer(self(expression))
        if n is None:
            raise NoValue
        return n

    def _loop(self, e: sp.Sum | sp.Product) -> Any:
        inside = e.function
        for limit in e.limits[:-1]:
            inside = e.func(inside, limit)
        index, *bounds = e.limits[-1]
        if len(bounds) != 2 or any(bound.is_infinite for bound in bounds):
            raise NoValue
        lower, upper = map(self._integer, bounds)
        if upper < lower - 1:  # it refutes nothing
            raise ReversedSum
        if upper - lower > _MAX_LOOP:
            raise NoValue
        outer, shadowed = self._known, self._bound.get(index)
        values = []
        try:
            for n in range(lower, upper + 1):
                self._known, self._bound[index] = {}, self.field.number(sp.Integer(n))
                values.append(self(inside))
        finally:
            self._known = outer
            self._bound.pop(index, None)
            if shadowed is not None:
                self._bound[index] = shadowed
        zero, one = self.field.number(sp.S.Zero), self.field.number(sp.S.One)
        return sum(values, zero) if isinstance(e, sp.Sum) else _product([one, *values])


def _product(values: list[Any]) -> Any:
    result = values[0]
    for value in values[1:]:
        result = result * value
    return result
