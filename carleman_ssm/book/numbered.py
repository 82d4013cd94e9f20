"""The numbered statements of THEORY, as they stand beside the scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from carleman_ssm.proofs.scripts import derivation_folder

_STATEMENT = re.compile(r"^\*\*(§\d+|T\d+b?′?) \(?([^*]*?)\)?\.\*\*\s*(.*?)(?=^\*\*(?:§|T)\d|^## |\Z)", re.M | re.S)


@dataclass(frozen=True)
class Numbered:
    """One statement.

    Parameters
    ----------
    number
        ``"T3"``, or ``"§3"`` for a section.
    name
        What it is about.
    text
        Markdown with TeX formulas.
    """

    number: str
    name: str
    text: str


@cache
def numbered_statements() -> tuple[Numbered, ...]:
    """All of them, in their order.

    Raises
    ------
    FileNotFoundError
        The installation lacks the file.
    """
    text = (derivation_folder() / "THEORY.md").read_text(encoding="utf-8")
    return tuple(Numbered(number, name, rest.strip()) for number, name, rest in _STATEMENT.findall(text))


@cache
def statement_numbers() -> frozenset[str]:
    """Their numbers.

    Examples
    --------
    >>> {"§3", "T1′", "T5b", "T12"} <= statement_numbers()
    True
    """
    return frozenset(statement.number for statement in numbered_statements())
