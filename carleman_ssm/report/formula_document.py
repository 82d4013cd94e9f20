"""The formula of a logit as a document, with its letters explained and beside what was predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.predictions.family_symbols import FREE, LETTERS
from carleman_ssm.predictions.formulas import logit_formula
from carleman_ssm.predictions.geometric_inputs import InputFamily, SimpleFamily
from carleman_ssm.printing.latex import document
from carleman_ssm.report.family_requests import UNITS

FORMULA = "logit.tex"
DIGITS = 6
MAX_FORMULA_MODES = 64
"""Modes of all channels together up to which the formula of a logit is written."""
EVALUATED_STEPS = 4000
"""Most steps of all inputs together at which the formula is evaluated."""
LAYER_LETTERS = (
    "Of every channel $h$ of the layer: $B_{h,k}$ is what the bias adds to its pre-activation at step $k$, with "
    "$S_{h,n}$ the answer of its modes to a unit step; $G_{h,n}$ is its response $n$ steps after the start of an input "
    "of height one, with $F_{h,n}$ the sum over its modes; $y_{h,k}$ its pre-activation; $q_h$ the pooled decoder of "
    r"it. $\bar x$ is the pooled input on the residual path; $\varphi_1(z) = (e^z - 1)/z$, and 1 at 0; re takes the "
    "real part. Letters that the formula does not need are left out of it."
)


@dataclass(frozen=True, eq=False)
class WrittenFormula:
    """A formula beside predictions at some members of the family.

    Parameters
    ----------
    formula
        Of one logit.
    label
        Its class.
    evaluated, predicted
        Both values of the logit at the same members, (n,); empty where the sequences are too long to evaluate it.
    """

    formula: ClosedForm
    label: int
    evaluated: Floats
    predicted: Floats

    @property
    def difference(self) -> float | None:
        """Largest measured |formula − prediction|."""
        return float(np.abs(self.evaluated - self.predicted).max()) if len(self.evaluated) else None

    @property
    def words(self) -> str:
        """What the rounding of its numbers does, measured."""
        if self.difference is None:
            return f"Its numbers have {DIGITS} significant digits; it was not evaluated on sequences so long."
        count = len(self.evaluated)
        inputs = "this input" if count == 1 else f"{count} inputs of the family"
        return (
            f"Its numbers have {DIGITS} significant digits: at {inputs} the largest |formula − prediction| is "
            f"{self.difference:.2g} (measured), of logits up to {np.abs(self.predicted).max():.4g}."
        )

    def content(self) -> dict[str, Any]:
        """Data for a file."""
        return {
            "class": self.label,
            "digits": DIGITS,
            "evaluated": self.evaluated.tolist(),
            "predicted": self.predicted.tolist(),
            "largest_difference": self.difference,
        }

    def source(self, title: str) -> str:
        """The document."""
        parts = [f"{self.words} What it is exact for are the numbers shown.", _letters(self.formula), LAYER_LETTERS]
        return document([*parts, self.formula], title=title, decimals=True)


def refusal(operator: NetworkOperator) -> str:
    """Why no formula is written though there is one, or "" (where there is none, `logit_formula` says so)."""
    count = sum(int(getattr(layer, "C", np.empty(0)).size) for layer in operator.network.layers)
    if operator.exact and count > MAX_FORMULA_MODES:
        return f"{count} modes are too many to be read (limit {MAX_FORMULA_MODES}); logit_formula writes it in Python"
    return ""


def written_formula(
    operator: NetworkOperator,
    members: Sequence[tuple[SimpleFamily, ...]],
    predicted: Floats,
    label: int,
    length: int,
) -> WrittenFormula:
    """The formula of a logit, evaluated where it was predicted.

    Parameters
    ----------
    operator
        Of one polynomial layer.
    members
        Inputs as tuples of one or two parts; the first one is what was asked for.
    predicted
        Logits of the class there, (n,).
    label, length
        The class, and the number of steps.

    Raises
    ------
    ValueError
        There is no formula; the message says why.
    """
    reason = refusal(operator)
    if reason:
        raise ValueError(reason)
    first = members[0]
    # Channel, and the rate of a sinusoid, are those that were asked for; positions of several inputs too
    free = FREE[type(first[0])] if len(first) > 1 else (*FREE[type(first[0])], "position")
    whole: InputFamily = first[0] if len(first) == 1 else first[0] + first[1]
    formula = logit_formula(operator, whole, label, DIGITS, free=free, length=length)
    count = min(len(members), EVALUATED_STEPS // length)
    kernel = compile_kernel(formula) if count else None
    values = [] if kernel is None else [float(kernel(*_values(formula, one))) for one in members[:count]]
    return WrittenFormula(formula, label, np.array(values), np.asarray(predicted[:count], dtype=np.float64))


def _values(formula: ClosedForm, parts: tuple[SimpleFamily, ...]) -> list[float | int]:
    """The parameters of an input in the order of the formula's arguments."""
    known: dict[str, float | int] = {}
    for number, part in enumerate(parts, start=1):
        suffix = "" if len(parts) == 1 else f"_{number}"
        known |= {f"{LETTERS[name]}{suffix}": getattr(part, name) for name in LETTERS if hasattr(part, name)}
    return [known[str(symbol)] for symbol in formula.arguments]


def _letters(formula: ClosedForm) -> str:
    """What the arguments are, with their units."""
    names = {letter: name for name, letter in LETTERS.items() if name != "height"}
    words = []
    for symbol in map(str, formula.arguments):
        letter, _, number = symbol.partition("_")
        name = "height" if letter == "a" else names[letter]
        sign = {"omega": r"\omega", "theta": r"\theta"}.get(letter, letter)
        part = f" of input {number}" if number else ""
        words.append(f"${sign}{f'_{number}' if number else ''}$ is its {name}{part} [{UNITS[name]}]")
    return f"The parameters of the input: {', '.join(words)}. $k$ and $n$ count steps."
