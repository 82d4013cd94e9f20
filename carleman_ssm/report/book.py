"""The command `book`: derivations are checked, and printed as one document with the evidence of each line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from carleman_ssm.book.book import Book, make_book
from carleman_ssm.book.contents import Known, refuted_claims
from carleman_ssm.book.tex_pages import latex_source
from carleman_ssm.book.typesetting import Typeset, set_with_tex, set_with_typst
from carleman_ssm.book.typst_pages import typst_source
from carleman_ssm.formulas.engines import has_tex
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.proofs.checks import check_all
from carleman_ssm.proofs.scripts import find_scripts
from carleman_ssm.report.options import processes
from carleman_ssm.report.proof_commands import BookFormat
from carleman_ssm.report.terminal import results_in, write_whole

_DATA, _TEX, _TYPST, _PDF = _FILES = tuple(f"book.{ending}" for ending in ("json", "tex", "typ", "pdf"))
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
    OSError
        The folder cannot be written.
    """
    wanted, workers, target = find_scripts(tuple(names)), processes(jobs), output or Path("book")
    with results_in(target, _FILES):
        known = checked(wanted, workers, Console(stderr=True))
        made = make_book(known, () if names else refuted_claims())
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


def checked(names: Sequence[str], jobs: int, console: Console) -> dict[str, tuple[Known, ...]]:
    """What is known of the statements of each script, checked in parallel, in the order of the names.

    Raises
    ------
    ValueError
        Fewer than one process.
    RuntimeError
        A script cannot be run; the message names it.
    """
    found: dict[str, tuple[Known, ...]] = {}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("checking", total=len(names))
        for script in check_all(names, planted=False, jobs=jobs):
            if script.error:
                msg = f"the derivation {script.name} cannot be run: {script.error}"
                raise RuntimeError(msg)
            found[script.name] = tuple((each.words, Evidence(each.evidence)) for each in script.statements)
            progress.advance(task)
    return {name: found[name] for name in names}


def write_book(made: Book, target: Path, form: BookFormat) -> tuple[tuple[Path, ...], Typeset | None]:
    """Source, PDF and data of a book in a folder.

    Raises
    ------
    ImportError
        Neither TeX nor Typst is installed; the message says what to install.
    RuntimeError
        The engine failed.
    """
    files: dict[str, bytes] = {_DATA: (json.dumps(made.content(), indent=1, ensure_ascii=False) + "\n").encode()}
    typeset = None
    if form is BookFormat.LATEX or (form is BookFormat.PDF and has_tex()):
        source = latex_source(made)
        files[_TEX] = source.encode()
        typeset = set_with_tex(source) if form is BookFormat.PDF else None
    else:
        source = typst_source(made)
        files[_TYPST] = source.encode()
        typeset = set_with_typst(source)
    if typeset:
        files[_PDF] = typeset.pdf
    for name, content in files.items():
        write_whole(target / name, content)
    return tuple(target / name for name in files), typeset


def _listed(what: str, items: Iterable[str]) -> list[str]:
    found = list(items)
    if not found:
        return []
    more = f", and {len(found) - MAX_SHOWN} more" if len(found) > MAX_SHOWN else ""
    return [f"{len(found)} {what}: {'; '.join(found[:MAX_SHOWN])}{more}"]
