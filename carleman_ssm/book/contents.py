"""What the book holds, chapter by chapter, with a number and the evidence for every statement: data, not yet set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import sympy as sp

from carleman_ssm.book.bibliography import BIBLIOGRAPHY, Source, sources_of
from carleman_ssm.book.bibliography import citations as cited_works
from carleman_ssm.book.notation import declared_in
from carleman_ssm.book.prose import statements_in
from carleman_ssm.formulas.bounds import Bound, Statement
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.formulas.verification import verify
from carleman_ssm.printing.latex import to_latex
from carleman_ssm.proofs.false_claims import FALSE_CLAIMS, FalseClaim
from carleman_ssm.proofs.ledger import check_script, evidence_words, statements_of
from carleman_ssm.proofs.representatives import representatives_of
from carleman_ssm.proofs.scripts import Script, Section, load_script

Known = tuple[str, Evidence]
"""What is known of a statement: in words, and its level."""


def known_of(name: str) -> tuple[Known, ...]:
    """What is known of the statements of a script, in its order: here they are checked.

    Raises
    ------
    ValueError
        There is no such script.
    """
    return tuple((entry.words, entry.verdict.evidence) for entry in check_script(name))


@dataclass(frozen=True)
class Mark:
    """What stands in the margin beside a statement.

    Parameters
    ----------
    number
        Of the statement: chapter and place, ``"3.12"``.
    words
        The evidence in words.
    evidence
        Its level.
    domain
        The box of a bound: letters with their intervals.
    """

    number: str
    words: str
    evidence: Evidence
    domain: tuple[tuple[sp.Basic, tuple[sp.Expr, sp.Expr]], ...] = ()

    @property
    def prose(self) -> str:
        """The words with the letters of a box as formulas."""
        if self.evidence is not Evidence.CERTIFIED or not self.domain:
            return self.words
        box = (rf"${to_latex(letter)} \in [{to_latex(a)}, {to_latex(b)}]$" for letter, (a, b) in self.domain)
        return f"certified on {', '.join(box)}"


@dataclass(frozen=True)
class Chain:
    """Links of a chain that stand under one heading.

    Parameters
    ----------
    title
        Empty where the chain is the chapter's own.
    derivation
        The links that stand here, beginning where those before them end.
    marks
        One for each link.
    together
        Of all links at once, or None where they do not end here or are one.
    continued
        Whether links stand before it.
    """

    title: str
    derivation: Derivation
    marks: tuple[Mark, ...]
    together: Mark | None
    continued: bool = False


@dataclass(frozen=True)
class Claim:
    """A statement that is no link of a chain."""

    statement: Statement
    mark: Mark
    where: Mapping[sp.Basic, sp.Basic] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Part:
    """A heading with its prose and what is derived there."""

    heading: str
    prose: str
    derived: tuple[Chain | Claim, ...]


@dataclass(frozen=True)
class Form:
    """A closed form that cites the chapter's script.

    Parameters
    ----------
    name
        Where it is made: ``"theory.waves.wave_propagator"``.
    label
        The instance that is shown; empty if there is one.
    form
        The closed form.
    instances
        How many of them the script derives.
    numbers
        Of the statements that are its certificates.
    """

    name: str
    label: str
    form: ClosedForm
    instances: int
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Refuted:
    """A claim that sounds true and is false.

    Parameters
    ----------
    claim
        What is claimed, why it is false, and what holds.
    follows, holds
        What would follow from it, with the evidence against it, and what holds instead, with the evidence for it.
    witness
        Where what would follow is false: letters and values; empty if no letter is in it.
    """

    claim: FalseClaim
    follows: Claim
    holds: Claim
    witness: tuple[tuple[sp.Basic, sp.Basic], ...]


def _box(statement: Statement) -> tuple[tuple[sp.Basic, tuple[sp.Expr, sp.Expr]], ...]:
    return tuple(statement.domain.items()) if isinstance(statement, Bound) else ()


def refuted_claims() -> tuple[Refuted, ...]:
    """All false claims, judged."""
    return tuple(map(_judged, FALSE_CLAIMS))


def _judged(claim: FalseClaim) -> Refuted:
    statements = claim.statement, claim.holds
    verdicts = tuple(map(verify, statements))
    words = verdicts[0].evidence.value, evidence_words(statements[1], verdicts[1])
    follows, holds = (
        Claim(statement, Mark(f"F{claim.number}{letter}", each, verdict.evidence, _box(statement)))
        for statement, letter, each, verdict in zip(statements, "ab", words, verdicts, strict=True)
    )
    return Refuted(claim, follows, holds, tuple((verdicts[0].witness or {}).items()))


@dataclass(frozen=True)
class Chapter:
    """One derivation.

    Parameters
    ----------
    number
        From 1.
    script
        What is derived.
    parts
        Its sections; the first one introduces.
    marks
        Of all statements.
    forms
        Closed forms that cite it.
    """

    number: int
    script: Script
    parts: tuple[Part, ...]
    marks: Mapping[Statement, Mark]
    forms: tuple[Form, ...]

    @property
    def title(self) -> str:
        """Of the script."""
        return self.script.title

    @property
    def prose(self) -> str:
        """All words of the script."""
        reasons = (str(getattr(one, "because", "")) for one in self.marks)
        return "\n\n".join([self.introduced, *reasons])

    @property
    def introduced(self) -> str:
        """Words of its sections, without the reasons of its statements."""
        return "\n\n".join(part.prose for part in self.parts)

    @property
    def letters(self) -> tuple[tuple[str, str], ...]:
        """Letters that the script itself declares: TeX and meaning."""
        return declared_in(self.script)

    def earlier(self, claim: Claim) -> str:
        """The number of another statement before it with the same two sides and conditions, or nothing."""
        one = claim.statement
        if isinstance(one, Identity):
            for other, mark in self.marks.items():
                if isinstance(other, Identity) and _same(one, other):
                    return "" if mark.number == claim.mark.number else mark.number
        return ""

    @property
    def sources(self) -> tuple[Source, ...]:
        """Works that it cites, and those that its statements are known from."""
        cited = {key for key in cited_works(self.prose) if key in BIBLIOGRAPHY}
        known = {source.key for source in sources_of(statements_in(self.prose))}
        return tuple(source for key, source in BIBLIOGRAPHY.items() if key in cited | known)


def _same(one: Identity, other: Identity) -> bool:
    return (one.left, one.right, one.nonzero) == (other.left, other.right, other.nonzero)


def chapter(number: int, name: str, known: Iterable[Known]) -> Chapter:
    """The chapter of a script.

    Parameters
    ----------
    number
        Its number in the book.
    name
        Of the script.
    known
        What is known of its statements, in the order of the script (`known_of`).

    Raises
    ------
    ValueError
        There is no such script, or not as much is known as it states.
    """
    script = load_script(name)
    statements = [statement for _, _, statement in statements_of(script)]
    marks = {
        statement: Mark(f"{number}.{place}", *each, _box(statement))
        for place, (statement, each) in enumerate(zip(statements, known, strict=True), start=1)
    }
    last = max((place for place, section in enumerate(script.sections) if section.steps), default=None)
    parts, done = [], 0
    for place, section in enumerate(script.sections):
        derived = tuple(_derived(script.derivation, section, done, place == last, marks))
        parts.append(Part(section.heading, section.prose, derived))
        done += len(section.steps)
    return Chapter(number, script, tuple(parts), MappingProxyType(marks), _forms(script, marks))


def _derived(
    whole: Derivation, section: Section, done: int, ends: bool, marks: Mapping[Statement, Mark]
) -> Iterator[Chain | Claim]:
    if section.steps:
        links = replace(
            whole, start=section.steps[0].left, steps=section.steps, lemmas=(), chains=(), where=whole.explained
        )
        together = marks.get(whole.conclusion) if ends and len(whole.steps) > 1 else None
        title = "" if done else whole.title
        yield Chain(title, links, tuple(marks[step] for step in section.steps), together, continued=done > 0)
    yield from (Claim(lemma, marks[lemma], whole.where) for lemma in section.lemmas)
    for chain in section.chains:
        yield from _of_chain(chain, marks)


def _of_chain(chain: Derivation, marks: Mapping[Statement, Mark]) -> Iterator[Chain | Claim]:
    together = marks.get(chain.conclusion) if len(chain.steps) > 1 else None
    own = replace(chain, lemmas=(), chains=(), where=chain.explained)
    yield Chain(chain.title, own, tuple(marks[step] for step in chain.steps), together)
    yield from (Claim(lemma, marks[lemma], chain.where) for lemma in chain.lemmas)
    for further in chain.chains:
        yield from _of_chain(further, marks)


def _forms(script: Script, marks: Mapping[Statement, Mark]) -> tuple[Form, ...]:
    """One instance of every closed form that cites the script: the first one."""
    numbers: dict[tuple[sp.Basic, sp.Basic], str] = {}
    for statement, mark in marks.items():
        numbers.setdefault((statement.left, statement.right), mark.number)
    rows = representatives_of(script.reference)
    shown: dict[str, Form] = {}
    for name, label, form in rows:
        proofs = dict.fromkeys(numbers.get((one.left, one.right), "") for one in form.certificates)
        count = sum(other == name for other, _, _ in rows)
        shown.setdefault(name, Form(name, label, form, count, tuple(filter(None, proofs))))
    return tuple(shown.values())
