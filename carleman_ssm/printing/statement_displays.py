r"""Statements as the lines of an alignment that are legible at normal size.

Every line has one alignment mark ``&`` and fits a page; nothing is shrunk. Lines go into ``align*`` (with amsmath), or
into ``aligned`` between ``$$``, joined by ``\\``; one alignment holds the lines of one statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from carleman_ssm.formulas.bounds import Bound
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.shown import to_latex
from carleman_ssm.formulas.statements import ClosedForm, Identity, fold
from carleman_ssm.formulas.verdicts import Verdict
from carleman_ssm.printing.broken_lines import Abbreviations, broken, text_lines
from carleman_ssm.printing.displays import LINE, equation_lines, unmarked, with_definitions
from carleman_ssm.printing.repetitions import shortened
from carleman_ssm.printing.set_width import width
from carleman_ssm.printing.tex import escape, named, nonvanishing, prose

Where = Mapping[sp.Basic, sp.Basic]


@dataclass(frozen=True)
class Link:
    """One link of a chain: why it holds (prose with TeX; empty at the start), and its lines."""

    reason: str
    lines: tuple[str, ...]


@singledispatch
def statement_lines(
    statement: Any, *, line: float = LINE, where: Where | None = None, **settings: Any
) -> tuple[str, ...]:
    r"""The lines of the display of a statement, each with one alignment mark.

    Parameters
    ----------
    statement
        `Identity`, `Bound`, `ClosedForm`, mapping left -> right, or an expression.
    line
        Width of a line in ems of the fount: 40 are 154 mm at 11 pt.
    where
        Abbreviations of an identity or a bound: literal occurrences of a definition are printed as its symbol.
    **settings
        Those of `to_latex`.

    Returns
    -------
    tuple of str
        TeX. Parts that fit no line and cannot be broken are explained by the last lines.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> statement_lines(Identity((x + y) ** 2, x * y, nonzero=(x,)), where={sp.Symbol("s"): x + y})
    ('s^{2} &= x y \\qquad (x \\neq 0)',)
    """
    folds = Abbreviations()
    lines = equation_lines("", to_latex(_folded(statement, where), **settings), line, folds, relation="")
    return with_definitions(lines, line, folds)


def _folded(expression: Any, where: Where | None) -> Any:
    return fold(Identity(expression, expression), where).left if where else expression


@statement_lines.register
def _(statement: Identity, *, line: float = LINE, where: Where | None = None, **settings: Any) -> tuple[str, ...]:
    left, right = _folded(statement.left, where), _folded(statement.right, where)
    condition = nonvanishing((_folded(one, where) for one in statement.nonzero), **settings)
    return _related(to_latex(left, **settings), "=", to_latex(right, **settings), condition, line)


@statement_lines.register
def _(statement: Bound, *, line: float = LINE, where: Where | None = None, **settings: Any) -> tuple[str, ...]:
    left, right = (to_latex(_folded(side, where), **settings) for side in (statement.left, statement.right))
    return _related(left, r"\le", right, _box(statement, settings), line)


def _box(statement: Bound, settings: Mapping[str, Any]) -> str:
    inside = ",\\; ".join(
        rf"{to_latex(least, **settings)} \le {to_latex(symbol, **settings)} \le {to_latex(greatest, **settings)}"
        for symbol, (least, greatest) in statement.domain.items()
    )
    return f"({inside})" if inside else ""


def _related(left: str, relation: str, right: str, condition: str, line: float) -> tuple[str, ...]:
    folds = Abbreviations()
    left, right, condition = shortened([left, right, condition], line, folds)
    lines = equation_lines(left, right, line, folds, relation=relation, tail=condition)
    return with_definitions(lines, line, folds)


@statement_lines.register
def _(statement: ClosedForm, *, line: float = LINE, where: Where | None = None, **settings: Any) -> tuple[str, ...]:
    folds = Abbreviations()
    explained = {**statement.where, **(where or {})}
    lines = _equations({statement.symbol: statement.expression}, line, folds, settings)
    return with_definitions([*lines, *_explained(explained, line, folds, settings)], line, folds)


@statement_lines.register
def _(statement: Mapping, *, line: float = LINE, where: Where | None = None, **settings: Any) -> tuple[str, ...]:  # type: ignore[type-arg]  # noqa: ARG001
    folds = Abbreviations()
    return with_definitions(_equations(statement, line, folds, settings), line, folds)


def where_lines(where: Where, *, line: float = LINE, **settings: Any) -> tuple[str, ...]:
    r"""Abbreviations as lines; the first begins with ``\text{where}``.

    What follows from the definitions of letters, or of a function of a letter, has no line of its own.

    Examples
    --------
    >>> a, b, x = sp.symbols("a b x")
    >>> where_lines({a: x + 1, b: x - 1, a + b: 2 * x})
    ('\\text{where}\\quad a &= x + 1', 'b &= x - 1')
    """
    folds = Abbreviations()
    letters = {key: value for key, value in where.items() if isinstance(key, (sp.Symbol, sp.Indexed))}
    stated = {key: value for key, value in where.items() if key in letters or not _follows(key, value, letters)}
    stated = {key: value for key, value in stated.items() if not _is_elsewhere(key, value, where)}
    return with_definitions(_explained(stated, line, folds, settings), line, folds)


def _follows(key: sp.Basic, value: sp.Basic, letters: Where) -> bool:
    """Whether a definition is what those of the letters in it say."""
    if not (isinstance(key, sp.Expr) and isinstance(value, sp.Expr)):
        return False
    return bool(sp.expand(key.xreplace(dict(letters)) - value) == 0)


def _is_elsewhere(key: sp.Basic, value: sp.Basic, where: Where) -> bool:
    """Whether a definition is that of the same function of a letter, at another place: h(k - 1) beside h(k)."""
    if not (isinstance(key, AppliedUndef) and len(key.args) == 1) or key.args[0].is_Symbol:
        return False
    same = [one for one in where if isinstance(one, AppliedUndef) and one.func == key.func and one.args[0].is_Symbol]
    return any(where[one].subs(one.args[0], key.args[0]) == value for one in same)


def _explained(where: Where, line: float, folds: Abbreviations, settings: Mapping[str, Any]) -> list[str]:
    lines = _equations(where, line - _WHERE_WIDTH, folds, settings)
    return [rf"{_WHERE}{lines[0]}", *lines[1:]] if lines else []


_WHERE, _WHERE_WIDTH = r"\text{where}\quad ", 3.6


def _equations(
    definitions: Mapping[Any, Any], line: float, folds: Abbreviations, settings: Mapping[str, Any]
) -> list[str]:
    """Equations in one alignment: all right sides have the room that the widest left side leaves."""
    sides = [(to_latex(left, **settings), to_latex(right, **settings)) for left, right in definitions.items()]
    widest = max((width(left) for left, _ in sides), default=0.0)
    aligned = widest <= line / 3
    lines: list[str] = []
    for left, right in sides:
        room = line - (widest - width(left)) if aligned else line
        new = equation_lines(left, right, room, folds)
        lines += new if aligned else map(_at_the_margin, new)
    return lines


def chain_links(derivation: Derivation, *, line: float = LINE, **settings: Any) -> tuple[Link, ...]:
    """The links of a chain with their reasons, folded by `Derivation.where`; the first one is its start.

    Lemmas and further chains are not in it. A letter that a link explains keeps its meaning in the links behind it.
    """
    folds = Abbreviations()
    start = to_latex(_folded(derivation.start, derivation.where), **settings)
    lines = equation_lines("", shortened([start], line, folds)[0], line, folds, relation="")
    links = [Link("", with_definitions(lines, line, folds))]
    for step in derivation.steps:
        condition = nonvanishing((_folded(one, derivation.where) for one in step.nonzero), **settings)
        right = to_latex(_folded(step.right, derivation.where), **settings)
        right, condition = shortened([right, condition], line, folds)
        lines = equation_lines("", right, line, folds, tail=condition)
        links.append(Link(step.because, with_definitions(lines, line, folds)))
    return tuple(links)


def _aligned(lines: Iterable[str]) -> str:
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


@to_latex.register(Mapping)
@to_latex.register(ClosedForm)
def _(statement: Any, **settings: Any) -> str:
    return _aligned(statement_lines(statement, **settings))


@to_latex.register(Identity)
@to_latex.register(Bound)
def _(statement: Any, **settings: Any) -> str:
    lines = statement_lines(statement, **settings)
    return unmarked(lines[0]) if len(lines) == 1 else _aligned(lines)


@to_latex.register(Derivation)
def _(statement: Derivation, **settings: Any) -> str:
    return _aligned(derivation_lines(statement, **settings))


def derivation_lines(statement: Derivation, *, line: float = LINE, **settings: Any) -> list[str]:
    """All of a derivation in one alignment: the chain with its reasons, abbreviations, lemmas, further chains."""
    links = chain_links(statement, line=line, **settings) if statement.has_chain else ()
    alone = not (statement.lemmas or statement.chains or statement.where)
    lines = _beside(links, line) if alone and links else []
    lines = lines or [text for link in links for text in _below(link, line)]
    lines += map(_at_the_margin, where_lines(statement.explained, line=line, **settings))
    for lemma in statement.lemmas:
        lines += [f"&{text}" for text in text_lines(named(lemma.name or "lemma"), line)]
        lines += map(_at_the_margin, statement_lines(lemma, line=line, where=statement.where, **settings))
    for chain in statement.chains:
        lines += [f"&{text}" for text in text_lines(named(chain.title), line)]
        lines += derivation_lines(replace(chain, where={**statement.where, **chain.where}), line=line, **settings)
    return lines


def _beside(links: Sequence[Link], line: float) -> list[str]:
    """The chain with its reasons in a column of their own, if all of them fit there."""
    start, *rest = ([_at_the_margin(text)[1:] for text in link.lines] for link in links)
    reasons = [rf"\text{{{prose(link.reason)}}}" for link in links[1:]]
    wide = max((width(text) for lines in rest for text in lines), default=0.0)
    if not rest or len(start) > 1 or width(start[0]) + wide + 2.0 + max(map(width, reasons)) > line:
        return []
    lines: list[str] = []
    for (first, *more), reason in zip(rest, reasons, strict=True):
        lines += [f"{'' if lines else start[0]} &{first} && {reason}".strip(), *(f"&{text}" for text in more)]
    return lines


def _below(link: Link, line: float) -> list[str]:
    reason = text_lines(prose(link.reason), line - 2.0) if link.reason else []
    return [*link.lines, *(rf"&\qquad {text}" for text in reason)]


def _at_the_margin(text: str) -> str:
    return f"&{unmarked(text)}"


@to_latex.register(Verdict)
def _(statement: Verdict, **settings: Any) -> str:
    lines = text_lines(f"{escape(statement.evidence.value)} ({escape(statement.method)})", LINE)
    if statement.witness is not None:
        values = (f"{to_latex(s, **settings)} = {to_latex(v, **settings)}" for s, v in statement.witness.items())
        lines = [*lines[:-1], rf"{lines[-1]}\quad\text{{at }} {{}}" + ",\\; ".join(values)]
    condition = nonvanishing(statement.nonzero, **settings)
    lines = [f"&{text}" for one in [*lines, condition] if one for text in broken(one, LINE, Abbreviations())]
    return lines[0][1:] if len(lines) == 1 else _aligned(lines)
