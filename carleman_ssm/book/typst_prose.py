"""Prose as Typst: text as strings, which are set literally; formulas translated from TeX."""

from __future__ import annotations

from collections.abc import Iterable

from carleman_ssm.book.prose import Block, Display, Paragraph, Words, read
from carleman_ssm.printing.tex_to_typst import quoted, tex_to_typst


def inline(runs: Iterable[Words]) -> str:
    """Runs of a paragraph, in Typst's markup.

    Examples
    --------
    >>> from carleman_ssm.book.prose import words
    >>> print(inline(words("a *ring* of $N$")))
    #"a "#emph("ring")#" of "$N$
    """
    return "".join(map(_run, runs))


def _run(run: Words) -> str:
    if run.kind == "formula":
        return f"${tex_to_typst(run.text)}$"
    text = quoted(run.text)
    command = {"emphasis": "emph", "strong": "strong", "code": "raw"}.get(run.kind)
    return f"#{command}({text})" if command else f"#{text}"


def blocks(text: str) -> str:
    """A text with its displays and lists."""
    return "\n\n".join(map(_block, read(text)))


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return inline(block.words)
    if isinstance(block, Display):
        return f"$ {tex_to_typst(block.tex)} $"
    sign = "+" if block.ordered else "-"
    return "\n".join(f"{sign} {inline(item)}" for item in block.items)
