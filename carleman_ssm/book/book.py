"""The book as data: chapters of derivations, claims that are false, and what leads from one to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

from carleman_ssm.book.bibliography import BIBLIOGRAPHY, Source, citations
from carleman_ssm.book.contents import Chapter, Form, Known, Refuted, chapter
from carleman_ssm.book.introduction import INTRODUCTION
from carleman_ssm.book.notation import undeclared
from carleman_ssm.book.numbered import numbered_statements
from carleman_ssm.book.prose import statements_in
from carleman_ssm.formulas.evidence import Evidence

SCHEMA = 1
_ENOUGH = {Evidence.PROVED, Evidence.CERTIFIED, Evidence.SUPPORTED}


@dataclass(frozen=True)
class Book:
    """Everything that is printed, each statement with its evidence.

    Parameters
    ----------
    chapters
        One for each derivation.
    false_claims
        Claims that sound true, with what refutes them.
    """

    chapters: tuple[Chapter, ...]
    false_claims: tuple[Refuted, ...] = ()

    @property
    def edition(self) -> str:
        """Which version of the package is described."""
        return f"carleman_ssm {version('carleman_ssm')}"

    @property
    def counts(self) -> Mapping[str, int]:
        """How many statements are known how."""
        kinds = (_kind(mark.words) for one in self.chapters for mark in one.marks.values())
        return dict(sorted(Counter(kinds).items()))

    @property
    def doubtful(self) -> tuple[str, ...]:
        """Numbers of statements that are refuted or undecided, and of false claims that are not refuted."""
        marks = [mark for one in self.chapters for mark in one.marks.values()]
        marks += [one.holds.mark for one in self.false_claims]
        wrong = [one.follows.mark for one in self.false_claims if one.follows.mark.evidence is not Evidence.REFUTED]
        return tuple(mark.number for mark in marks if mark.evidence not in _ENOUGH) + tuple(m.number for m in wrong)

    @property
    def gaps(self) -> tuple[str, ...]:
        """Letters that are declared nowhere, and works that the bibliography lacks."""
        found = []
        for one in self.chapters:
            name = one.script.name
            found += [f"{name}: the letter {letter} is not declared" for letter in undeclared(one.script)]
            found += [f"{name}: no source {key!r}" for key in citations(one.prose) if key not in BIBLIOGRAPHY]
        return tuple(found)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Works that are cited somewhere in it, in the order of the bibliography."""
        texts = (INTRODUCTION, *(one.text for one in numbered_statements()))
        keys = {source.key for one in self.chapters for source in one.sources}
        keys |= {key for text in texts for key in citations(text)}
        return tuple(source for key, source in BIBLIOGRAPHY.items() if key in keys)

    @cached_property
    def index(self) -> tuple[tuple[Form, Chapter], ...]:
        """Closed forms by name, with the chapter that derives them."""
        rows = [(form, one) for one in self.chapters for form in one.forms]
        return tuple(sorted(rows, key=lambda row: (row[0].name, row[1].number)))

    def deriving(self, number: str) -> tuple[Chapter, ...]:
        """The chapters that say they derive a numbered statement."""
        return tuple(one for one in self.chapters if number in statements_in(one.introduced))

    def content(self) -> dict[str, Any]:
        """Data for a file: every statement with its evidence, every closed form with its chapter."""
        chapters = [
            {
                "number": one.number,
                "script": one.script.name,
                "title": one.title,
                "statements": [{"number": mark.number, "evidence": mark.words} for mark in one.marks.values()],
            }
            for one in self.chapters
        ]
        forms = [{"name": form.name, "chapter": one.number, "certificates": form.numbers} for form, one in self.index]
        return {"schema": SCHEMA, "edition": self.edition, "chapters": chapters, "closed_forms": forms}


def _kind(words: str) -> str:
    """The evidence without its sizes, boxes and witnesses."""
    for begin, kind in (("proved for", "proved for stated sizes"), ("certified", "certified"), ("refuted", "refuted")):
        if words.startswith(begin):
            return kind
    return words


def make_book(evidence: Mapping[str, Iterable[Known]], claims: Iterable[Refuted] = ()) -> Book:
    """The book of some scripts.

    Parameters
    ----------
    evidence
        Names of scripts, in the order of the book, with what is known of their statements (`known_of`).
    claims
        The false claims, judged (`refuted_claims`).

    Raises
    ------
    ValueError
        There is no script of a name.
    """
    chapters = (chapter(number, name, evidence[name]) for number, name in enumerate(evidence, start=1))
    return Book(tuple(chapters), tuple(claims))
