"""What a report says, before it is known where: sections of pairs, tables, notes, formulas and pictures.

The terminal and the HTML file render the same sections, so that they cannot say different things. All text is a user's
or ours and is shown as it is; nothing in it is markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from carleman_ssm.report.terminal import heading, print_pairs


@dataclass(frozen=True)
class Pairs:
    """Names and what they are."""

    rows: Mapping[str, str]


@dataclass(frozen=True)
class Grid:
    """A table with one header line.

    Raises
    ------
    ValueError
        A row has not as many cells as the header.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        """Check that the table is rectangular."""
        for number, row in enumerate(self.rows):
            if len(row) != len(self.header):
                msg = f"row {number} of the table has {len(row)} cells, its header {len(self.header)}: give it as many"
                raise ValueError(msg)


@dataclass(frozen=True)
class Note:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Verbatim:
    """Lines that keep their breaks; `title` names what a reader may open where a page can fold it."""

    text: str
    title: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG file with its caption; a terminal names the file among the files."""

    path: Path
    caption: str


Block = Pairs | Grid | Note | Verbatim | Picture


@dataclass(frozen=True)
class Section:
    """A title and its blocks in reading order."""

    title: str
    blocks: tuple[Block, ...]


def print_sections(sections: Iterable[Section], console: Console) -> None:
    """Print the sections that have something a terminal can show."""
    for section in sections:
        shown = [block for block in section.blocks if _has_words(block)]
        if shown:
            heading(console, section.title)
        for block in shown:
            _print(block, console)


def _has_words(block: Block) -> bool:
    """Pictures are files; what is folded away on a page is a file too."""
    return not isinstance(block, Picture) and not (isinstance(block, Verbatim) and block.title)


def _print(block: Block, console: Console) -> None:
    if isinstance(block, Pairs):
        print_pairs(console, block.rows)
    elif isinstance(block, Grid):
        table = Table(box=None, pad_edge=True)
        for name in block.header:
            table.add_column(Text(name))
        for row in block.rows:
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
    elif isinstance(block, Note):
        console.print(Text("  " + block.text), soft_wrap=False)
    elif isinstance(block, Verbatim):
        console.print(block.text, highlight=False, markup=False, soft_wrap=True)
