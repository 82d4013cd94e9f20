"""Sections as Markdown: what the documentation shows is what a command has found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from carleman_ssm.report.sections import Block, Grid, Note, Pairs, Picture, Section, Verbatim


def markdown_table(grid: Grid) -> str:
    r"""A table with one header line; bars inside cells are escaped.

    Examples
    --------
    >>> print(markdown_table(Grid(("a", "|v|"), (("1", "2"),))))
    | a | \|v\| |
    |---|---|
    | 1 | 2 |
    """
    rows = [_row(grid.header), "|" + "---|" * len(grid.header), *map(_row, grid.rows)]
    return "\n".join(rows)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def write_markdown(path: Path, title: str, sections: Iterable[Section], *, lead: str = "") -> Path:
    """Write one file, pictures by their names beside it; returns its path.

    Raises
    ------
    OSError
        It cannot be written.
    """
    parts = [f"# {title}", *([lead] if lead else [])]
    for section in sections:
        parts += [f"## {section.title}", *map(_block, section.blocks)]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def with_tables(text: str, sections: Iterable[Section]) -> str:
    r"""A page whose marked places hold the tables of the sections that they name.

    A place begins with ``<!-- table: TITLE -->`` and ends with ``<!-- end -->``; the page of the families is kept up to
    date with it.

    Raises
    ------
    ValueError
        A place names no section with a table.

    Examples
    --------
    >>> found = [Section("one", (Grid(("a",), (("1",),)),))]
    >>> print(with_tables("<!-- table: one -->\nold\n<!-- end -->", found))
    <!-- table: one -->
    | a |
    |---|
    | 1 |
    <!-- end -->
    """
    grids = {section.title: block for section in sections for block in section.blocks if isinstance(block, Grid)}

    def filled(place: re.Match[str]) -> str:
        title = place.group(1)
        if title not in grids:
            msg = f"there is no table {title!r}; there are {', '.join(grids)}"
            raise ValueError(msg)
        return f"<!-- table: {title} -->\n{markdown_table(grids[title])}\n<!-- end -->"

    return re.sub(r"<!-- table: (.*?) -->.*?<!-- end -->", filled, text, flags=re.DOTALL)


def _block(block: Block) -> str:
    if isinstance(block, Grid):
        return markdown_table(block)
    if isinstance(block, Pairs):
        return "\n".join(f"- {name}: {value}" for name, value in block.rows.items())
    if isinstance(block, Note):
        return block.text
    if isinstance(block, Picture):
        return f"![{block.caption}]({block.path.name})"
    return _fenced(block)


def _fenced(block: Verbatim) -> str:
    return f"```\n{block.text}\n```"
