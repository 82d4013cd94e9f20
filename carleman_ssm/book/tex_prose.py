r"""Prose as LaTeX: letters with accents, code, citations, lists; formulas pass with dangerous commands refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from carleman_ssm.book.prose import Block, Display, Paragraph, Words, read
from carleman_ssm.printing.tex_text import prose, refuse_commands

_ACCENTS = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u030c": "v", "\u0327": "c"}
_LETTERS = {
    "Đ": r"\rlap{-}D",
    "ø": r"\o{}",
    "ß": r"\ss{}",
    "…": r"\dots{}",
    "§": r"\ensuremath{\mathsection}",  # signs from the fonts of formulas: those of text may be there as bitmaps only
    "×": r"\ensuremath{\times}",
    "±": r"\ensuremath{\pm}",
    "′": r"\ensuremath{'}",
}
_ESCAPED = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    **{c: f"\\{c}" for c in "{}$&#%_"},
}
_QUOTES = re.compile(r'"([^"]*)"')


def literal(text: str) -> str:
    r"""Text as TeX sets it, whatever it contains; long names may be broken behind dots and underscores.

    Examples
    --------
    >>> print(literal("J. Mináč, 100 % of a_b"))
    J. Min\'{a}\v{c}, 100 \% of a\_\allowbreak{}b
    """
    return "".join(map(_letter, _QUOTES.sub(r"“\1”", text)))


def _letter(character: str) -> str:
    if character in _LETTERS:
        return _LETTERS[character]
    if character in "._/" and character != ".":
        return f"{_ESCAPED.get(character, character)}\\allowbreak{{}}"
    if character in _ESCAPED:
        return _ESCAPED[character]
    if character.isascii():
        return character if character.isprintable() else " "
    base, *accents = list(unicodedata.normalize("NFD", character))
    if accents and all(accent in _ACCENTS for accent in accents):
        return f"\\{_ACCENTS[accents[0]]}{{{base}}}"
    return prose(character)


def inline(runs: Iterable[Words]) -> str:
    """Runs of a paragraph.

    Raises
    ------
    ValueError
        A formula holds a command that reads, writes or redefines.
    """
    return "".join(map(_run, runs))


def _run(run: Words) -> str:
    if run.kind == "formula":
        return prose(f"${run.text}$")
    text = literal(run.text)
    return {
        "text": text,
        "emphasis": rf"\emph{{{text}}}",
        "strong": rf"\textbf{{{text}}}",
        "code": code(run.text),
        "citation": rf"\hyperlink{{source.{run.key}}}{{{text}}}",
        "statement": rf"\hyperlink{{{statement_anchor(run.key)}}}{{{text}}}",
    }[run.kind]


def code(text: str) -> str:
    """Names of the package: broken behind dots and underscores where a line ends."""
    broken = literal(text).replace(".", r".\allowbreak{}")
    return rf"\texttt{{{broken}}}"


def statement_anchor(number: str) -> str:
    """Where a numbered statement is found: letters that a link may hold."""
    return "statement." + number.replace("§", "section").replace("′", "prime")


def blocks(text: str) -> str:
    """A text with its displays and lists."""
    return "\n\n".join(map(_block, read(text)))


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return inline(block.words)
    if isinstance(block, Display):
        return f"\\[\n{refuse_commands(block.tex)}\n\\]"
    kind = "enumerate" if block.ordered else "itemize"
    items = "\n".join(rf"\item {inline(item)}" for item in block.items)
    return f"\\begin{{{kind}}}\n{items}\n\\end{{{kind}}}"
