"""Checks of whole derivations, as plain records: one script, or many in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from carleman_ssm.proofs.false_claims import FALSE_CLAIMS, FalseClaim
from carleman_ssm.proofs.ledger import (
    Entry,
    check_script,
    evidence_words,
    is_refuted,
    reaches_claim,
    underived_forms,
)
from carleman_ssm.proofs.processes import in_processes
from carleman_ssm.proofs.representatives import representatives_of
from carleman_ssm.proofs.scripts import load_script


@dataclass(frozen=True)
class CheckedStatement:
    """A line of the ledger in texts and numbers alone.

    Parameters
    ----------
    section, kind, name
        Where the statement stands, whether it is a step, a conclusion or a lemma, and what it says.
    words
        What is known of it: "proved in general", "proved for N = 3", …
    evidence, method
        The level of the verdict, and what decided.
    assumes
        What must not vanish.
    seconds
        Of the verdict.
    planted, refuted, missed
        False twins, how many were refuted, and the kinds that were not.
    as_claimed
        The evidence reaches the claim, and no planted error was missed.
    """

    section: str
    kind: str
    name: str
    words: str
    evidence: str
    method: str
    assumes: tuple[str, ...]
    seconds: float
    planted: int
    refuted: int
    missed: tuple[str, ...]
    as_claimed: bool


@dataclass(frozen=True)
class CheckedScript:
    """What became of one derivation.

    Parameters
    ----------
    name, title
        Of the script.
    statements
        All that it states, in order.
    closed_forms
        The closed forms that cite it, with their instances.
    underived
        Closed form and certificate, where the script does not state the certificate.
    seconds
        Of the whole check.
    error
        Why the script, or a closed form that may cite it, could not be run.
    """

    name: str
    title: str
    statements: tuple[CheckedStatement, ...] = ()
    closed_forms: tuple[str, ...] = ()
    underived: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    error: str = ""

    @property
    def as_claimed(self) -> bool:
        """It ran, every statement is as claimed, and it states the certificates of all forms that cite it."""
        fine = all(statement.as_claimed for statement in self.statements)
        return bool(fine and self.statements and not self.underived and not self.error)

    def count(self, beginning: str) -> int:
        """Statements of which the words begin so, such as ``"proved in general"``."""
        return sum(statement.words.startswith(beginning) for statement in self.statements)


@dataclass(frozen=True)
class CheckedClaim:
    """What became of one claim that sounds true.

    Parameters
    ----------
    number, claim
        Which one.
    words
        On what would follow from it: "refuted at …".
    instead
        What is known of the statement that holds.
    as_claimed
        The first is refuted with a witness, the second stands.
    """

    number: int
    claim: str
    words: str
    instead: str
    as_claimed: bool


def check_claims() -> tuple[CheckedClaim, ...]:
    """The claims that sound true, each with its refutation and what holds instead."""
    return tuple(map(_checked_claim, FALSE_CLAIMS))


def _checked_claim(claim: FalseClaim) -> CheckedClaim:
    refuted, held = claim.verdicts
    return CheckedClaim(
        number=claim.number,
        claim=claim.claim,
        words=evidence_words(claim.statement, refuted),
        instead=evidence_words(claim.holds, held),
        as_claimed=is_refuted(refuted) and reaches_claim(claim.holds, held),
    )


def check_plainly(name: str, planted: bool = True) -> CheckedScript:
    """Check one derivation; a script that cannot be run is a finding, not an error.

    Parameters
    ----------
    name
        Of the script.
    planted
        Challenge each statement with planted errors, too.
    """
    started = perf_counter()
    rows: tuple[CheckedStatement, ...] = ()
    forms: tuple[str, ...] = ()
    underived: tuple[tuple[str, str], ...] = ()
    title, error = name, ""
    try:
        title = load_script(name).title
        rows = tuple(map(_plain, check_script(name, planted)))
        forms = tuple(f"{form}[{label}]" if label else form for form, label, _ in _citing(name))
        underived = underived_forms(name)
    except Exception as raised:  # whatever a script or the builder of a form raises is told with its name
        error = " ".join(f"{type(raised).__name__}: {raised}".split())
    return CheckedScript(name, title, rows, forms, underived, perf_counter() - started, error)


def _citing(name: str) -> tuple[tuple[str, str, object], ...]:
    return representatives_of(f"derivations/{name}")


def _plain(entry: Entry) -> CheckedStatement:
    verdict = entry.verdict
    return CheckedStatement(
        section=entry.section,
        kind=entry.kind,
        name=entry.statement.name,
        words=entry.words,
        evidence=verdict.evidence.value,
        method=verdict.method,
        assumes=tuple(map(str, verdict.nonzero)),
        seconds=entry.seconds,
        planted=entry.planted,
        refuted=entry.refuted,
        missed=entry.missed,
        as_claimed=entry.as_claimed,
    )


def check_all(names: Sequence[str], *, planted: bool = True, jobs: int = 1) -> Iterator[CheckedScript]:
    """Check derivations, several at a time; each is given out as soon as it is done.

    Parameters
    ----------
    names
        Of the scripts.
    planted
        Challenge each statement with planted errors, too.
    jobs
        Processes at a time; with 1 everything runs in this one.

    Yields
    ------
    CheckedScript
        In the order in which they end.

    Raises
    ------
    ValueError
        No process is asked for.
    """
    yield from in_processes(partial(check_plainly, planted=planted), names, jobs)
