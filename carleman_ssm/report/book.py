"""The command `book`: derivations are checked, and printed as one document with the evidence of each line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from carleman_ssm.book import tex_pages, typst_pages
from carleman_ssm.book.book import Book
from carleman_ssm.book.contents import Chapter, refuted_claims
from carleman_ssm.book.printed import Printed, print_chapter
from carleman_ssm.book.typesetting import Typeset, set_with_tex, set_with_typst
from carleman_ssm.printing.engines import has_tex, require_typst
from carleman_ssm.proofs.processes import in_processes
from carleman_ssm.proofs.scripts import find_scripts
from carleman_ssm.report.options import processes
from carleman_ssm.report.proof_commands import BookFormat
from carleman_ssm.report.terminal import results_in, write_whole

_DATA, _TEX, _TYPST, _PDF = _FILES = tuple(f"book.{ending}" for ending in ("json", "tex", "typ", "pdf"))


@dataclass(frozen=True)
class Engine:
    """How chapters and books are written for a program that sets them, the file of their source, and the program."""

    file: str
    chapter: Callable[[Chapter], str]
    book: Callable[[Book], str]
    set: Callable[[str], Typeset]


TEX = Engine(_TEX, tex_pages.chapter_source, tex_pages.latex_source, set_with_tex)
TYPST = Engine(_TYPST, typst_pages.chapter_source, typst_pages.typst_source, set_with_typst)
MAX_SHOWN = 10
"""Complaints of one kind that are written out."""


def book(names: Sequence[str], output: Path | None, form: BookFormat, jobs: int | None) -> int:
    """Check derivations, and write them as one document.

    Parameters
    ----------
    names
        Derivations whose names begin so; all, and the false claims, without any.
    output
        Folder; ``book`` by default.
    form
        What is written.
    jobs
        Processes that check; as many as there are processors by default.

    Returns
    -------
    int
        1 where a statement is refuted or undecided, a letter is not declared, or a line leaves its margin; else 0.

    Raises
    ------
    ValueError
        No derivation begins so, or fewer than one process.
    ImportError
        There is nothing that sets a PDF.
    OSError
        The folder cannot be written.
    """
    wanted, workers, target = find_scripts(tuple(names)), processes(jobs), output or Path("book")
    engine = engine_of(form)
    if engine is TYPST:  # before the work, not after it
        require_typst(or_tex=form is BookFormat.PDF)
    with results_in(target, _FILES):
        chapters = print_all(wanted, workers, engine, Console(stderr=True))
        made = Book(chapters, () if names else refuted_claims())
        written, typeset = write_book(made, target, engine, pdf=form is not BookFormat.LATEX)
    counts = "; ".join(f"{count} {words}" for words, count in made.counts.items())
    typer.echo(f"{len(made.chapters)} derivations: {counts}")
    typer.echo("wrote " + ", ".join(map(str, written)))
    complaints = _listed("statements neither proved nor certified nor supported", made.doubtful)
    complaints += _listed("gaps", made.gaps)
    if typeset:
        complaints += _listed("lines leave their margin", typeset.overfull)
    for complaint in complaints:
        typer.echo(complaint, err=True)
    return 1 if complaints else 0


def engine_of(form: BookFormat) -> Engine:
    """What sets a form: TeX where it is asked for or installed."""
    return TEX if form is BookFormat.LATEX or (form is BookFormat.PDF and has_tex()) else TYPST


def print_all(names: Sequence[str], jobs: int, engine: Engine, console: Console) -> tuple[Printed, ...]:
    """Derivations, checked and printed in parallel, as chapters in the order of the names.

    Raises
    ------
    RuntimeError
        A script cannot be run; the message names it.
    """
    found: dict[int, Printed] = {}
    task = partial(print_chapter, write=engine.chapter)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("checking", total=len(names))
        for one in in_processes(task, list(enumerate(names, start=1)), jobs):
            found[one.number] = one
            progress.advance(bar)
    return tuple(found[number] for number in sorted(found))


def write_book(
    made: Book, target: Path, engine: Engine, *, pdf: bool = True
) -> tuple[tuple[Path, ...], Typeset | None]:
    """Source, PDF and data of a book in a folder, in place of all that is left there of an earlier one.

    Raises
    ------
    ImportError
        Neither TeX nor Typst is installed; the message says what to install.
    RuntimeError
        The engine failed.
    """
    source = engine.book(made)
    files = {_DATA: (json.dumps(made.content(), indent=1, ensure_ascii=False) + "\n").encode()}
    files[engine.file] = source.encode()
    typeset = engine.set(source) if pdf else None
    if typeset:
        files[_PDF] = typeset.pdf
    for name, content in files.items():
        write_whole(target / name, content)
    for left in set(_FILES) - set(files):
        (target / left).unlink(missing_ok=True)
    return tuple(target / name for name in files), typeset


def _listed(what: str, items: Iterable[str]) -> list[str]:
    found = list(items)
    if not found:
        return []
    more = f", and {len(found) - MAX_SHOWN} more" if len(found) > MAX_SHOWN else ""
    return [f"{len(found)} {what}: {'; '.join(found[:MAX_SHOWN])}{more}"]
