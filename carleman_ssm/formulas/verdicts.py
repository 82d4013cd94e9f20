"""The outcome of a check: what is known about a statement, and what that rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import sympy as sp

from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.shown import Shown


@dataclass(frozen=True, slots=True)
class Verdict(Shown):
    """The outcome of a check, with what it rests on.

    Parameters
    ----------
    evidence
        Proved, certified, supported, refuted or undecided.
    method
        The rung of the ladder that decided.
    digits
        Digits to which both sides agreed (supported only).
    witness
        Symbol -> value at which the statement fails (refuted only).
    nonzero
        What the statement and its proof assume not to vanish.

    Raises
    ------
    TypeError
        On use as a bool: ask for ``verdict.proved`` or compare ``verdict.evidence``.
    """

    evidence: Evidence
    method: str
    digits: int | None = None
    witness: Mapping[sp.Expr, sp.Expr] | None = field(default=None, hash=False)
    nonzero: tuple[sp.Expr, ...] = ()

    @property
    def proved(self) -> bool:
        """True for a proof, False for anything less."""
        return self.evidence is Evidence.PROVED

    def __bool__(self) -> NoReturn:
        msg = "a Verdict is no truth value: use verdict.proved, or compare verdict.evidence"
        raise TypeError(msg)

    def __str__(self) -> str:
        text = f"{self.evidence.value} ({self.method})"
        if self.witness is not None:
            text += " at " + ", ".join(f"{symbol} = {value}" for symbol, value in self.witness.items())
        if self.nonzero:
            text += " for " + ", ".join(f"{expression} != 0" for expression in self.nonzero)
        return text
