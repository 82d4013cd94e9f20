r"""Statements as the lines of an alignment that are legible at normal size.

Every line has one alignment mark ``&`` and fits a page; nothing is shrunk. Lines go into ``align*`` (with amsmath), or
into ``aligned`` between ``$$``, joined by ``\\``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import sympy as sp

from carleman_ssm.formulas.bounds import Bound
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.displays import display_lines, equality_lines
from carleman_ssm.formulas.statements import ClosedForm, Identity, fold
from carleman_ssm.formulas.tex import closed_form_lines, nonvanishing, to_latex

LINE = 40.0
"""Width of a line in ems of the fount: 40 em are 155 mm at 11 pt and 141 mm at 10 pt."""


@dataclass(frozen=True)
class Link:
    """One link of a chain: why it holds (prose with TeX; empty at the start), and its lines."""

    reason: str
    lines: tuple[str, ...]


@singledispatch
def statement_lines(
    statement: Any, *, line: float = LINE, where: Mapping[sp.Basic, sp.Basic] | None = None, **settings: Any
) -> tuple[str, ...]:
    r"""The lines of the display of a statement, each with one alignment mark.

    Parameters
    ----------
    statement
        `Identity`, `Bound`, `ClosedForm`, mapping left -> right, or an expression.
    line
        Width of a line in ems of the fount: 40 are 155 mm at 11 pt.
    where
        Abbreviations: literal occurrences of a definition are printed as its symbol.
    **settings
        Those of `to_latex`.
    """
    return tuple(f"&{text}" for text in display_lines(statement, settings))


@statement_lines.register
def _(statement: Identity, *, line: float = LINE, where: Any = None, **settings: Any) -> tuple[str, ...]:
    folded = fold(statement, where or {})
    return tuple(f"&{text}" for text in equality_lines(folded.left, folded.right, folded.nonzero, settings))


@statement_lines.register
def _(statement: Bound, *, line: float = LINE, where: Any = None, **settings: Any) -> tuple[str, ...]:
    return (f"&{to_latex(statement, **settings)}",)


@statement_lines.register
def _(statement: ClosedForm, *, line: float = LINE, where: Any = None, **settings: Any) -> tuple[str, ...]:
    return tuple(closed_form_lines(statement, **settings))


@statement_lines.register
def _(statement: Mapping, *, line: float = LINE, where: Any = None, **settings: Any) -> tuple[str, ...]:  # type: ignore[type-arg]
    return tuple(f"{to_latex(left, **settings)} &= {to_latex(right, **settings)}" for left, right in statement.items())


def chain_links(derivation: Derivation, *, line: float = LINE, **settings: Any) -> tuple[Link, ...]:
    """The links of a chain with their reasons, folded by `Derivation.where`; lemmas and further chains are not in it."""
    links = [Link("", tuple(f"&{text}" for text in display_lines(derivation.start, settings)))]
    for step in derivation.steps:
        *before, last = display_lines(step.right, settings, lead="&=")
        links.append(Link(step.because, (*before, last + nonvanishing(step.nonzero, **settings))))
    return tuple(links)


def where_lines(where: Mapping[sp.Basic, sp.Basic], *, line: float = LINE, **settings: Any) -> tuple[str, ...]:
    r"""Abbreviations as lines; the first begins with ``\text{where}``."""
    lines = list(statement_lines(where, line=line, **settings))
    return (rf"\text{{where}}\quad {lines[0]}", *lines[1:]) if lines else ()
