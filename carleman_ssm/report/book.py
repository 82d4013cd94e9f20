"""The command `book`: derivations are checked, and printed as one document with the evidence of each line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from enum import StrEnum
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from carleman_ssm.book.book import Book, make_book
from carleman_ssm.book.contents import Known, known_of
from carleman_ssm.book.tex_pages import latex_source
from carleman_ssm.book.typesetting import Typeset, has_tex, set_with_tex, set_with_typst
from carleman_ssm.book.typst_pages import typst_source
from carleman_ssm.proofs.scripts import find_scripts
from carleman_ssm.report.options import folder

MAX_SHOWN = 10
"""Complaints of one kind that are written out."""


class BookFormat(StrEnum):
    """What is written: a PDF by the engine that is there, its LaTeX source alone, or a PDF by Typst."""

    PDF = "pdf"
    LATEX = "latex"
    TYPST = "typst"


def book(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Derivations by the beginning of their names.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(parser=folder, metavar="FOLDER", help="Folder for the results; book by default.")
    ] = None,
    form: Annotated[
        BookFormat, typer.Option("--format", help="pdf: with TeX, or else Typst; latex: the source alone; typst.")
    ] = BookFormat.PDF,
    jobs: Annotated[
        int | None, typer.Option(help="Processes that check; as many as there are cores by default.")
    ] = None,
) -> int:
    """Print the derivations as one document: numbered statements, the evidence of each line, notation, sources.

    The exit code is 1 where a statement is refuted or undecided, a letter is not declared, or a line leaves its margin.
    """
    wanted = find_scripts(tuple(names or ()))
    target = output or Path("book")
    target.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    made = make_book(checked(wanted, jobs, console))
    written, typeset = write_book(made, target, form)
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


def checked(names: Iterable[str], jobs: int | None, console: Console) -> dict[str, tuple[Known, ...]]:
    """What is known of the statements of each script, checked in parallel, in the order of the names.

    Raises
    ------
    ValueError
        Fewer than one process.
    """
    wanted = tuple(names)
    count = min(len(wanted), jobs if jobs is not None else os.cpu_count() or 1)
    if count < 1:
        msg = f"--jobs {jobs} is too few: at least 1 process checks"
        raise ValueError(msg)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("checking", total=len(wanted))
        if count == 1:
            return dict(_one_by_one(wanted, progress, task))
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            pending = {name: pool.submit(known_of, name) for name in wanted}
            for future in pending.values():
                future.add_done_callback(lambda _: progress.advance(task))
            return {name: future.result() for name, future in pending.items()}


def _one_by_one(names: Iterable[str], progress: Progress, task: object) -> Iterable[tuple[str, tuple[Known, ...]]]:
    for name in names:
        yield name, known_of(name)
        progress.advance(task)  # type: ignore[arg-type]


def write_book(made: Book, target: Path, form: BookFormat) -> tuple[tuple[Path, ...], Typeset | None]:
    """Source, PDF and data of a book in a folder.

    Raises
    ------
    ImportError
        Neither TeX nor Typst is installed; the message says what to install.
    RuntimeError
        The engine failed.
    """
    files: dict[str, bytes] = {"book.json": (json.dumps(made.content(), indent=1, ensure_ascii=False) + "\n").encode()}
    typeset = None
    if form is BookFormat.LATEX or (form is BookFormat.PDF and has_tex()):
        source = latex_source(made)
        files["book.tex"] = source.encode()
        typeset = set_with_tex(source) if form is BookFormat.PDF else None
    else:
        source = typst_source(made)
        files["book.typ"] = source.encode()
        typeset = set_with_typst(source)
    if typeset:
        files["book.pdf"] = typeset.pdf
    for name, content in files.items():
        _replace(target / name, content)
    return tuple(target / name for name in files), typeset


def _replace(path: Path, content: bytes) -> None:
    """A file that is whole or not there."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(content)
    partial.replace(path)


def _listed(what: str, items: Iterable[str]) -> list[str]:
    found = list(items)
    if not found:
        return []
    more = f", and {len(found) - MAX_SHOWN} more" if len(found) > MAX_SHOWN else ""
    return [f"{len(found)} {what}: {'; '.join(found[:MAX_SHOWN])}{more}"]
