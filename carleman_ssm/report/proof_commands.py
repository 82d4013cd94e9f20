"""The command that checks what the package states: `verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Derivations by the beginning of their names; all by default."),
    ] = None,
    planted: Annotated[
        bool, typer.Option("--planted/--no-planted", help="Try false twins of every statement, too.")
    ] = True,
    jobs: Annotated[int | None, typer.Option(help="Processes at a time; one for each processor by default.")] = None,
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
