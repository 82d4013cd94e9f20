"""The commands that check what the package states, and print it: `verify` and `book`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from carleman_ssm.report.options import folder

_Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Derivations by the beginning of their names; all by default."),
]
_Jobs = Annotated[int | None, typer.Option(help="Processes at a time; one for each processor by default.")]


class BookFormat(StrEnum):
    """What is written: a PDF by the engine that is there, its LaTeX source alone, or a PDF by Typst."""

    PDF = "pdf"
    LATEX = "latex"
    TYPST = "typst"


def verify(
    names: _Names = None,
    planted: Annotated[
        bool, typer.Option("--planted/--no-planted", help="Try false twins of every statement, too.")
    ] = True,
    jobs: _Jobs = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print every statement.")] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON file for everything that was found.")
    ] = None,
) -> None:
    """Check every statement of the derivations, and that planted errors in them are refuted.

    Ends with exit code 1 if anything is not as claimed.
    """
    from carleman_ssm.report.verify import verify as verify_derivations  # the closed forms are slow to import

    report = verify_derivations(names or (), planted=planted, jobs=jobs, output=output, verbose=verbose)
    if not report.as_claimed:
        raise typer.Exit(1)


def book(
    names: _Names = None,
    output: Annotated[
        Path | None, typer.Option(parser=folder, metavar="FOLDER", help="Folder for the results; book by default.")
    ] = None,
    form: Annotated[
        BookFormat, typer.Option("--format", help="pdf: with TeX, or else Typst; latex: the source alone; typst.")
    ] = BookFormat.PDF,
    jobs: _Jobs = None,
) -> None:
    """Print the derivations as one document: numbered statements, the evidence of each line, notation, sources.

    The exit code is 1 where a statement is refuted or undecided, a letter is not declared, or a line leaves its margin.
    """
    from carleman_ssm.report.book import book as print_book  # the closed forms are slow to import

    if print_book(names or (), output, form, jobs):
        raise typer.Exit(1)
