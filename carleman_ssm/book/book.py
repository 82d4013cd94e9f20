"""The book as data: chapters of derivations, claims that are false, and what leads from one to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from carleman_ssm.book.bibliography import BIBLIOGRAPHY, Source, citations
from carleman_ssm.book.contents import Refuted
from carleman_ssm.book.introduction import INTRODUCTION
from carleman_ssm.book.numbered import numbered_statements
from carleman_ssm.book.printed import Printed
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

    chapters: tuple[Printed, ...]
    false_claims: tuple[Refuted, ...] = ()

    @property
    def edition(self) -> str:
        """Which version of the package is described."""
        return f"carleman_ssm {version('carleman_ssm')}"

    @property
    def counts(self) -> Mapping[str, int]:
        """How many statements are known how."""
        kinds = (_kind(mark.words) for one in self.chapters for mark in one.marks)
        return dict(sorted(Counter(kinds).items()))

    @property
    def doubtful(self) -> tuple[str, ...]:
        """Numbers of statements that are refuted or undecided, and of false claims that are not refuted."""
        marks = [mark for one in self.chapters for mark in one.marks]
        marks += [one.holds.mark for one in self.false_claims]
        wrong = [one.follows.mark for one in self.false_claims if one.follows.mark.evidence is not Evidence.REFUTED]
        return tuple(mark.number for mark in marks if mark.evidence not in _ENOUGH) + tuple(m.number for m in wrong)

    @property
    def gaps(self) -> tuple[str, ...]:
        """Letters that are declared nowhere, and works that the bibliography lacks."""
        return tuple(gap for one in self.chapters for gap in one.gaps)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Works that are cited somewhere in it, in the order of the bibliography."""
        texts = (INTRODUCTION, *(one.text for one in numbered_statements()))
        keys = {key for one in self.chapters for key in one.works} | {key for text in texts for key in citations(text)}
        return tuple(source for key, source in BIBLIOGRAPHY.items() if key in keys)

    @property
    def index(self) -> tuple[tuple[str, tuple[str, ...], Printed], ...]:
        """Closed forms by name, with the numbers of their certificates and the chapter that derives them."""
        rows = [(name, numbers, one) for one in self.chapters for name, numbers in one.forms]
        return tuple(sorted(rows, key=lambda row: (row[0], row[2].number)))

    def deriving(self, number: str) -> tuple[Printed, ...]:
        """The chapters that say they derive a numbered statement."""
        return tuple(one for one in self.chapters if number in one.derives)

    def content(self) -> dict[str, Any]:
        """Data for a file: every statement with its evidence, every closed form with its chapter."""
        chapters = [
            {
                "number": one.number,
                "script": one.script,
                "title": one.title,
                "statements": [{"number": mark.number, "evidence": mark.words} for mark in one.marks],
            }
            for one in self.chapters
        ]
        forms = [{"name": name, "chapter": one.number, "certificates": proofs} for name, proofs, one in self.index]
        return {"schema": SCHEMA, "edition": self.edition, "chapters": chapters, "closed_forms": forms}


def _kind(words: str) -> str:
    """The evidence without its sizes, boxes and witnesses."""
    for begin, kind in (("proved for", "proved for stated sizes"), ("certified", "certified"), ("refuted", "refuted")):
        if words.startswith(begin):
            return kind
    return words
