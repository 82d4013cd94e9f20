"""Parameters of input families as symbols or exact numbers, for formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from carleman_ssm.predictions.geometric_inputs import InputFamily, SimpleFamily, check_place, parameter_names
from carleman_ssm.predictions.input_families import Exponential, Impulse, Sinusoid, Step

FREE = {
    Impulse: ("height",),
    Step: ("height",),
    Exponential: ("height", "rate"),
    Sinusoid: ("amplitude", "frequency", "phase"),
}
LETTERS = {"height": "a", "amplitude": "a", "rate": "s", "frequency": "omega", "phase": "theta", "position": "p"}


@dataclass(frozen=True)
class FamilySymbols:
    """One simple family with symbols for its free parameters.

    Parameters
    ----------
    kind
        ``"impulse"``, ``"step"``, ``"exponential"`` or ``"sinusoid"``.
    height, rate, frequency, phase, position
        Symbols or exact numbers; rate, frequency and phase are 0 where the family has none.
    channel
        Input channel.
    free
        The symbols among them, in the order of the family's parameters.
    """

    kind: str
    height: sp.Expr
    rate: sp.Expr
    frequency: sp.Expr
    phase: sp.Expr
    position: sp.Expr
    channel: int
    free: tuple[sp.Symbol, ...]

    @property
    def exponentials(self) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
        r"""Pairs $(e^{\pm i\theta}, s \pm i\omega)$ whose mean is the input of height one; one pair if it is real."""
        if self.kind != "sinusoid":
            return ((sp.S.One, self.rate),)
        turn, swing = sp.I * self.phase, sp.I * self.frequency
        return ((sp.exp(turn), self.rate + swing), (sp.exp(-turn), self.rate - swing))

    def shape(self, age: sp.Expr) -> sp.Expr:
        """The input of height one, `age` steps after its start."""
        if self.kind == "impulse":
            return sp.KroneckerDelta(age, 0)
        return sp.exp(self.rate * age) * sp.cos(self.frequency * age + self.phase)

    def pooled_input(self, steps: int, pool: str) -> sp.Expr:
        """Mean or last value of the input over so many steps."""
        last = steps - 1 - self.position
        if pool == "last":
            return self.height * self.shape(last)
        if self.kind == "impulse":
            return self.height / steps
        if self.kind == "step":
            return self.height * (last + 1) / steps
        n = sp.Symbol("n", integer=True, nonnegative=True)
        return self.height / steps * sp.Sum(self.shape(n), (n, 0, last))


def symbols_of(
    family: InputFamily | type[SimpleFamily], free: Sequence[str] | None, steps: int, features: int
) -> tuple[FamilySymbols, ...]:
    """The parts of an input with symbols for their free parameters; those of several parts are numbered.

    Parameters
    ----------
    family
        A family, or an input.
    free
        Names of the free parameters; None for those of `FREE`, and the position of a family that is no input.
    steps, features
        Length and channels of the sequences.

    Raises
    ------
    TypeError
        A part has no such parameter, or of no part is this a family.
    ValueError
        Positions of several parts are free, or a part starts after the last step.
    """
    given: object = family() if isinstance(family, type) and issubclass(family, SimpleFamily) else family
    if not isinstance(given, InputFamily):
        msg = f"expected a family of inputs such as Impulse or Impulse(), got {type(family).__name__}"
        raise TypeError(msg)
    if free is None and given is not family:
        free = (*FREE[type(given.parts[0])], "position")
    if free is not None and "position" in free and len(given.parts) > 1:
        msg = "positions of several inputs cannot all be symbols: their order decides the formula; give them numbers"
        raise ValueError(msg)
    for part in given.parts:
        check_place(part.position, part.channel, steps, features)
    _check_names(given, free)
    single = len(given.parts) == 1
    return tuple(
        _symbols(part, FREE[type(part)] if free is None else free, "" if single else f"_{number}")
        for number, part in enumerate(given.parts, start=1)
    )


def _check_names(given: InputFamily, free: Sequence[str] | None) -> None:
    known = {name for part in given.parts for name in parameter_names(type(part)) if name != "channel"}
    unknown = sorted(set(free or ()) - known)
    if unknown:
        msg = f"there is no parameter {unknown[0]!r} to keep free: there are {', '.join(sorted(known))}"
        raise TypeError(msg)


def _symbols(part: SimpleFamily, free: Sequence[str], suffix: str) -> FamilySymbols:
    values: dict[str, sp.Expr] = {}
    found: list[sp.Symbol] = []
    for name in parameter_names(type(part)):
        if name == "channel":
            continue
        whole = name == "position"
        if name in free:
            symbol = sp.Symbol(LETTERS[name] + suffix, integer=whole or None, nonnegative=whole or None, real=True)
            found.append(symbol)
            values[name] = symbol
        else:
            values[name] = sp.Integer(part.position) if whole else _shortest(getattr(part, name))
    height = values["amplitude"] if "amplitude" in values else values["height"]
    zero = sp.S.Zero
    return FamilySymbols(
        type(part).__name__.lower(),
        height,
        values.get("rate", zero),
        values.get("frequency", zero),
        values.get("phase", zero),
        values["position"],
        part.channel,
        tuple(found),
    )


def _shortest(value: float) -> sp.Rational:
    """The shortest decimal by which a float64 number is known again."""
    fraction = Fraction(repr(value))
    return sp.Rational(fraction.numerator, fraction.denominator)
