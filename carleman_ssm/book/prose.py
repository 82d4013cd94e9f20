r"""Prose of the scripts: Markdown with TeX formulas, read into paragraphs, displays and lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from carleman_ssm.book.bibliography import BIBLIOGRAPHY, CITATION, key_of
from carleman_ssm.book.numbered import statement_numbers


@dataclass(frozen=True)
class Words:
    """A run of text of one kind.

    Parameters
    ----------
    kind
        ``"text"``, ``"emphasis"``, ``"strong"``, ``"code"``, ``"formula"`` (TeX), ``"citation"`` or
        ``"statement"`` (a number of THEORY).
    text
        Without its marks.
    key
        Of a citation: in the bibliography. Of a statement: its number.
    """

    kind: str
    text: str
    key: str = ""


@dataclass(frozen=True)
class Paragraph:
    """Words of one paragraph."""

    words: tuple[Words, ...]


@dataclass(frozen=True)
class Display:
    """A formula on lines of its own: TeX."""

    tex: str


@dataclass(frozen=True)
class Items:
    """A list; ``ordered`` ones are numbered."""

    items: tuple[tuple[Words, ...], ...]
    ordered: bool = False


Block = Paragraph | Display | Items

_ITEM = re.compile(r"^(?:[-*]|\d+\.) +", re.MULTILINE)
_MARKS = re.compile(
    r"\$(?P<formula>[^$]+)\$|`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|(?<!\w)\*(?P<emphasis>[^*\s][^*]*)\*(?!\w)",
    re.DOTALL,
)
_STATEMENT = re.compile(r"\[THEORY ([^\]]*)\]")
_REFERENCE = re.compile(r"(?<!\w)(?:§\d+|T\d+b?[′']?)(?!\w)")
_NUMBER = re.compile(r"§\d+|T\d+[a-z]?[′']?")


def read(text: str) -> tuple[Block, ...]:
    r"""Blocks of a text, in their order.

    Raises
    ------
    ValueError
        A formula that is not closed.

    Examples
    --------
    >>> [type(block).__name__ for block in read(r"Where $$x = 1$$ it *holds*." "\n\n- one\n- two")]
    ['Paragraph', 'Display', 'Paragraph', 'Items']
    """
    return tuple(_blocks(text))


def _blocks(text: str) -> Iterator[Block]:
    pieces = text.split("$$")
    if len(pieces) % 2 == 0:
        msg = f"a display in {text[:60]!r} is not closed: $$ comes in pairs"
        raise ValueError(msg)
    for number, piece in enumerate(pieces):
        if number % 2:
            yield Display(" ".join(piece.split()))
            continue
        for part in re.split(r"\n\s*\n", piece):
            yield from _paragraphs(part.strip("\n"))


def _paragraphs(part: str) -> Iterator[Block]:
    marks = [found.start() for found in _ITEM.finditer(part)]
    before = part[: marks[0]] if marks else part
    if before.strip():
        yield Paragraph(words(before))
    if marks:
        items = [part[start:end] for start, end in zip(marks, [*marks[1:], len(part)], strict=True)]
        yield Items(tuple(words(_ITEM.sub("", item, count=1)) for item in items), ordered=part[marks[0]].isdigit())


def words(text: str) -> tuple[Words, ...]:
    r"""Runs of a paragraph.

    Raises
    ------
    ValueError
        A formula that is not closed.

    Examples
    --------
    >>> [(run.kind, run.text) for run in words("of $y_0$: Rugh (1981)")]
    [('text', 'of '), ('formula', 'y_0'), ('text', ': '), ('citation', 'Rugh (1981)')]
    >>> [(run.kind, run.text) for run in words("[THEORY T14]")]
    [('text', '['), ('statement', 'T14'), ('text', ']')]
    """
    if text.count("$") % 2:
        msg = f"a formula in {text[:60]!r} is not closed: dollars come in pairs"
        raise ValueError(msg)
    line = _STATEMENT.sub(r"[\1]", " ".join(text.split()) + (" " if text[-1:].isspace() and text.strip() else ""))
    runs: list[Words] = []
    end = 0
    for found in _MARKS.finditer(line):
        runs += _cited(line[end : found.start()])
        kind = str(found.lastgroup)
        runs += _marked(kind, found[kind])
        end = found.end()
    return (*runs, *_cited(line[end:]))


def _marked(kind: str, text: str) -> Iterator[Words]:
    """A run of one kind; formulas inside of emphasis stay formulas."""
    if kind not in ("strong", "emphasis"):
        yield Words(kind, text)
        return
    for place, piece in enumerate(text.split("$")):
        if piece:
            yield Words("formula" if place % 2 else kind, piece)


def _cited(text: str) -> list[Words]:
    runs, end = [], 0
    for found in CITATION.finditer(text):
        key = key_of(found)
        if key in BIBLIOGRAPHY:
            stop = found.end() + (text[found.end() : found.end() + 1] == ")" and "(" in found.group())
            runs += [Words("text", text[end : found.start()]), Words("citation", text[found.start() : stop], key)]
            end = stop
    return [one for run in [*runs, Words("text", text[end:])] for one in _numbered(run) if one.text]


def _numbered(run: Words) -> Iterator[Words]:
    """A run of text with the numbers of statements apart."""
    end = 0
    for found in _REFERENCE.finditer(run.text if run.kind == "text" else ""):
        number = found.group().replace("'", "′")
        if number in statement_numbers():
            yield Words("text", run.text[end : found.start()])
            yield Words("statement", found.group(), number)
            end = found.end()
    yield replace(run, text=run.text[end:])


def statements_in(text: str) -> tuple[str, ...]:
    """Numbers of THEORY that a text refers to in brackets.

    Examples
    --------
    >>> statements_in("[THEORY T1, T1′] and [THEORY T6 v]")
    ('T1', 'T1′', 'T6')
    """
    found = (number for inside in _STATEMENT.findall(text) for number in _NUMBER.findall(inside))
    return tuple(dict.fromkeys(found))
