"""What stands behind the statement of a family: verdicts counted, the compiled output beside exact steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from carleman_ssm.formulas.matrices import explicit
from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import ClosedForm, Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.recurrences.statement import FamilyStatement

DIGITS = 30
POINTS = 4


@dataclass(frozen=True)
class Tally:
    """How many identities were proved, supported by numbers, refuted, or left undecided."""

    proved: int = 0
    supported: int = 0
    refuted: int = 0
    undecided: int = 0

    @property
    def total(self) -> int:
        """All identities that were judged."""
        return self.proved + self.supported + self.refuted + self.undecided

    @property
    def all_proved(self) -> bool:
        """True if there is at least one identity and each is proved."""
        return self.total > 0 and self.proved == self.total

    @property
    def all_refuted(self) -> bool:
        """True if there is at least one identity and each is refuted."""
        return self.total > 0 and self.refuted == self.total

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.proved + other.proved,
            self.supported + other.supported,
            self.refuted + other.refuted,
            self.undecided + other.undecided,
        )


def tally(identities: Iterable[Identity]) -> Tally:
    """The verdicts of `verify` on each identity, counted.

    Examples
    --------
    >>> a, b = sp.symbols("a b")
    >>> tally([Identity(a + b, b + a), Identity(a, b)])
    Tally(proved=1, supported=0, refuted=1, undecided=0)
    """
    counts = Counter(verify(identity).evidence for identity in identities)
    return Tally(
        counts[Evidence.PROVED], counts[Evidence.SUPPORTED], counts[Evidence.REFUTED], counts[Evidence.UNDECIDED]
    )


def degree_in_inputs(shorter: FamilyStatement, longer: FamilyStatement) -> int | None:
    """The total degree of the output in the letters of its steps, read off its expression: exact.

    Letters of steps (inputs, or queries, keys and values, which are affine in the inputs) are those whose stem has new
    symbols when there are more steps; the others are parameters.

    Parameters
    ----------
    shorter, longer
        Statements of one family for two numbers of steps.

    Returns
    -------
    int or None
        None if the output of the longer one is no polynomial in these letters.

    Raises
    ------
    ValueError
        The longer output has no symbol that the shorter one lacks.
    """
    few, many = (unfold(statement.output).expression.free_symbols for statement in (shorter, longer))
    stems = {_stem(symbol) for symbol in many - few}
    letters = sorted((symbol for symbol in many if _stem(symbol) in stems), key=str)
    if not letters:
        msg = f"{longer.family}: the output does not depend on the number of steps"
        raise ValueError(msg)
    conjugates = {sp.conjugate(letter): sp.Dummy() for letter in letters if not letter.is_real}
    expression = explicit(unfold(longer.output).expression).xreplace(conjugates)
    entries = [_with_letters_for_parameters(one, {*letters, *conjugates.values()}) for one in _entries(expression)]
    try:
        polynomials = [sp.Poly(entry, *letters, *conjugates.values()) for entry in entries]
    except sp.PolynomialError:
        return None
    return max(int(polynomial.total_degree()) for polynomial in polynomials)


def _with_letters_for_parameters(expression: sp.Basic, inputs: set[sp.Basic]) -> sp.Basic:
    """Parts without inputs that are no polynomial in the parameters (exponentials, quotients) as letters of their own.

    So that no quotient is expanded. Relations between such parts are lost: a degree is not found too low.
    """
    letters: dict[sp.Basic, sp.Basic] = {}

    def replaced(part: sp.Basic) -> sp.Basic:
        polynomial = part.is_Add or part.is_Mul or (part.is_Pow and part.exp.is_Integer and part.exp.is_positive)
        if part.is_Atom or not (polynomial or part.free_symbols & inputs):
            return part if part.is_Atom else letters.setdefault(part, sp.Dummy())
        return part.func(*map(replaced, part.args))

    return replaced(expression)


def _stem(symbol: sp.Symbol) -> str:
    return str(symbol).split("_", maxsplit=1)[0]


def _entries(expression: sp.Basic) -> list[sp.Expr]:
    return list(expression) if isinstance(expression, sp.MatrixBase) else [expression]


def kernel_error(statement: FamilyStatement, rng: np.random.Generator) -> float:
    """How far the compiled closed form of the output (float64) is from the recurrence at 30 digits.

    The recurrence is the right-hand side of the last certificate of the output: the readout after L single steps.

    Parameters
    ----------
    statement
        Of the family.
    rng
        Draws the values of all symbols: complex numbers of modulus about 1/2, real ones where the symbol is real.

    Returns
    -------
    float
        Largest error over four points, relative to the output, and to 1 where the output is smaller.

    Raises
    ------
    ValueError
        The output has no certificate, or its formula cannot be compiled.
    """
    form = statement.output
    if not form.certificates:
        msg = f"{statement.family}: the output has no certificate that states it by the recurrence"
        raise ValueError(msg)
    stepped = replace(form, expression=form.certificates[-1].right, arguments=_arguments(form), certificates=())
    closed = compile_kernel(replace(form, arguments=_arguments(form)), backend="numpy")
    exact = compile_kernel(stepped, backend="mpmath", digits=DIGITS)
    errors = []
    for _ in range(POINTS):
        values = [_draw(argument, rng, statement.recurrence.steps + 1) for argument in stepped.arguments]
        measured, wanted = np.asarray(closed(*values)), _as_array(exact(*values))
        errors.append(np.abs(measured - wanted).max() / max(1.0, np.abs(wanted).max()))
    return float(max(errors))


def _arguments(form: ClosedForm) -> tuple[sp.Basic, ...]:
    """Arguments of both routes: letters that cancel in the closed form still stand in the steps."""
    stepped = form.certificates[-1].right
    known = {*form.arguments, *form.where}
    return (*form.arguments, *sorted((s for s in stepped.free_symbols if s not in known), key=str))


def _draw(argument: sp.Basic, rng: np.random.Generator, length: int) -> Any:
    if isinstance(argument, sp.IndexedBase):
        return rng.uniform(0.2, 0.8, length)
    if argument.is_integer:
        return 2
    if argument.is_real:
        return float(rng.uniform(0.2, 0.8))
    return complex(*rng.uniform(0.2, 0.6, 2))


def _as_array(value: Any) -> np.ndarray[Any, np.dtype[np.complex128]]:
    if isinstance(value, mpmath.matrix):
        return np.array(value.tolist(), dtype=np.complex128)
    return np.asarray(complex(value))
