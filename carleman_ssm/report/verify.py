"""All derivations checked: a table of statements, evidence and times on the terminal, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from carleman_ssm.proofs.checks import (
    CheckedClaim,
    CheckedScript,
    CheckedStatement,
    check_all,
    check_claims,
)
from carleman_ssm.proofs.scripts import find_scripts
from carleman_ssm.report.options import processes
from carleman_ssm.report.terminal import heading, results_in, write_whole

SCHEMA, SCHEMA_VERSION = "carleman-ssm verification", 1
_LEVELS = {
    "general": "proved in general",
    "sizes": "proved for",
    "certified": "certified",
    "supported": "supported",
}


@dataclass(frozen=True)
class VerificationReport:
    """What `verify` found.

    Parameters
    ----------
    scripts
        One for each derivation, in the order of their names.
    planted
        Were planted errors tried?
    seconds
        Of the run.
    claims
        The claims that sound true; none where derivations were asked for by name.
    """

    scripts: tuple[CheckedScript, ...]
    planted: bool
    seconds: float
    claims: tuple[CheckedClaim, ...] = ()

    @property
    def as_claimed(self) -> bool:
        """Is everything as claimed?"""
        return all(script.as_claimed for script in self.scripts) and all(claim.as_claimed for claim in self.claims)


def verify(
    names: Sequence[str] = (),
    *,
    planted: bool = True,
    jobs: int | None = None,
    output: Path | None = None,
    verbose: bool = False,
    console: Console | None = None,
) -> VerificationReport:
    """Check every statement of the derivations, print the table, write it as JSON.

    Parameters
    ----------
    names
        Derivations whose names begin so; all without any.
    planted
        Challenge each statement with planted errors, all of which must be refuted.
    jobs
        Processes at a time; as many as this machine has processors by default.
    output
        JSON file to write.
    verbose
        Print each statement.
    console
        Where to print; the terminal by default.

    Returns
    -------
    VerificationReport
        With what was found; whether it is `as_claimed` is for the caller to act upon.

    Raises
    ------
    ValueError
        No derivation begins so, fewer than one process, or the output would be a folder.
    OSError
        The output cannot be written.
    """
    scripts = find_scripts(tuple(names))
    workers = processes(jobs)
    with _writable(output):
        started = perf_counter()
        found = _check(scripts, planted, workers)
        claims = () if names else check_claims()
        report = VerificationReport(found, planted, perf_counter() - started, claims)
        if output is not None:
            write_whole(output, (json.dumps(content(report), indent=1, allow_nan=False) + "\n").encode())
    screen = console or Console()
    _print(screen, report, verbose)
    if output is not None:
        screen.print(Text(f"wrote {output}"), soft_wrap=True)
    return report


def _check(names: tuple[str, ...], planted: bool, jobs: int) -> tuple[CheckedScript, ...]:
    done = []
    screen = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("derivations", total=len(names))
        for script in check_all(names, planted=planted, jobs=jobs):
            done.append(script)
            progress.update(task, advance=1, description=f"last: {script.name}")
    return tuple(sorted(done, key=lambda script: names.index(script.name)))


@contextmanager
def _writable(output: Path | None) -> Iterator[None]:
    """See that the file can be written before there is work to lose."""
    if output is None:
        yield
        return
    if output.is_dir():
        msg = f"--output {output} is a folder; name a file, such as {output / 'verification.json'}"
        raise ValueError(msg)
    with results_in(output.parent, (output.name,)):
        yield


def content(report: VerificationReport) -> dict[str, Any]:
    """Everything that was found, as JSON: texts, numbers, lists and objects only.

    Parameters
    ----------
    report
        Of a run.

    Returns
    -------
    dict
        ``schema`` and ``schema_version``; the version rises when an entry changes its meaning or goes.
    """
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "package_version": version("carleman-ssm"),
        "as_claimed": report.as_claimed,
        "planted_errors": report.planted,
        "seconds": report.seconds,
        "derivations": [
            asdict(script)
            | {
                "as_claimed": script.as_claimed,
                "underived": [{"closed_form": form, "certificate": name} for form, name in script.underived],
            }
            for script in report.scripts
        ],
        "false_claims": [asdict(claim) for claim in report.claims],
    }


def _print(console: Console, report: VerificationReport, verbose: bool) -> None:
    console.print(_table(report))
    if verbose:
        for script in report.scripts:
            heading(console, f"{script.name}: {script.title}")
            for statement in script.statements:
                console.print(Text(_line(statement)), soft_wrap=True)
        if report.claims:
            heading(console, "claims that sound true")
        for claim in report.claims:
            console.print(Text(f"  {claim.number}. {claim.claim} {_said(claim)}"), soft_wrap=True)
    wrong = [line for script in report.scripts for line in _complaints(script)]
    wrong += [f"claim {one.number}, {one.claim} {_said(one)}" for one in report.claims if not one.as_claimed]
    if wrong:
        heading(console, "not as claimed")
        for line in wrong:
            console.print(Text(f"  {line}"), soft_wrap=True)
    console.print(Text(_summary(report)), style="green" if report.as_claimed else "bold red")


def _table(report: VerificationReport) -> Table:
    levels = [name for name, words in _LEVELS.items() if any(script.count(words) for script in report.scripts)]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))  # as narrow as 80 columns
    table.add_column("derivation", no_wrap=True)
    for name in (*levels, *(["planted"] if report.planted else []), "forms", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    if not report.as_claimed:
        table.add_column("")
    for script in report.scripts:
        counts = [script.count(_LEVELS[name]) for name in levels]
        if report.planted:
            counts.append(sum(statement.planted for statement in script.statements))
        numbers = (f"{count}" if count else "·" for count in (*counts, len(script.closed_forms)))
        failed = [] if script.as_claimed else [Text("FAILED", "bold red")]
        table.add_row(script.name, *numbers, f"{script.seconds:.1f}", *failed)
    return table


def _line(statement: CheckedStatement) -> str:
    planted = f", {statement.refuted} of {statement.planted} planted errors refuted" if statement.planted else ""
    return f"  {statement.name}: {statement.words}{planted} ({statement.seconds:.2f} s)"


def _said(claim: CheckedClaim) -> str:
    return f"This is {claim.words}; what holds instead is {claim.instead}."


def _complaints(script: CheckedScript) -> Iterator[str]:
    if script.error:
        yield f"{script.name} cannot be checked: {script.error}"
    elif not script.statements:
        yield f"{script.name} states nothing"
    for statement in script.statements:
        if statement.as_claimed:
            continue
        missed = f"; planted errors not refuted: {', '.join(statement.missed)}" if statement.missed else ""
        where = f"{script.name}, {statement.section}" if statement.section else script.name
        yield f"{where}: {statement.name}: {statement.words}{missed}"
    for form, certificate in script.underived:
        yield f"{script.name} does not state a certificate of {form}: {certificate}"


def _summary(report: VerificationReport) -> str:
    statements = [statement for script in report.scripts for statement in script.statements]
    levels = {name: sum(script.count(words) for script in report.scripts) for name, words in _LEVELS.items()}
    said = _LEVELS | {"sizes": "proved for stated sizes"}
    counted = ", ".join(f"{count} {said[name]}" for name, count in levels.items() if count)
    planted = sum(statement.planted for statement in statements)
    refuted = sum(statement.refuted for statement in statements)
    tried = f"; {refuted} of {planted} planted errors refuted" if report.planted else ""
    refuted_claims = sum(claim.as_claimed for claim in report.claims)
    claims = f"; {refuted_claims} of {len(report.claims)} claims that sound true refuted" if report.claims else ""
    outcome = "everything is as claimed" if report.as_claimed else "NOT everything is as claimed"
    return f"{len(statements)} statements: {counted or 'none'}{tried}{claims}; {report.seconds:.0f} s; {outcome}"
