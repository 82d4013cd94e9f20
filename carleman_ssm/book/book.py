"""The book as data: chapters of derivations, claims that are false, and what leads from one to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from carleman_ssm.book.bibliography import BIBLIOGRAPHY, Source, citations
from carleman_ssm.book.contents import Chapter, Form, chapter
from carleman_ssm.book.introduction import INTRODUCTION
from carleman_ssm.proofs.ledger import Entry, check_script


@dataclass(frozen=True)
class Book:
    """Everything that is printed, each statement with its evidence.

    Parameters
    ----------
    chapters
        One for each derivation.
    false_claims
        Prose of the claims that are false.
    """

    chapters: tuple[Chapter, ...]
    false_claims: tuple[str, ...] = ()

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
    def sources(self) -> tuple[Source, ...]:
        """Works that are cited somewhere in it, in the order of the bibliography."""
        keys = {source.key for one in self.chapters for source in one.sources} | set(citations(INTRODUCTION))
        return tuple(source for key, source in BIBLIOGRAPHY.items() if key in keys)

    @property
    def index(self) -> tuple[tuple[Form, Chapter], ...]:
        """Closed forms by name, with the chapter that derives them."""
        rows = [(form, one) for one in self.chapters for form in one.forms]
        return tuple(sorted(rows, key=lambda row: (row[0].name, row[1].number)))


def _kind(words: str) -> str:
    """The evidence without its sizes, boxes and witnesses."""
    for begin, kind in (("proved for", "proved for stated sizes"), ("certified", "certified"), ("refuted", "refuted")):
        if words.startswith(begin):
            return kind
    return words


def make_book(
    names: Iterable[str], *, ledger: Callable[[str], tuple[Entry, ...]] = check_script, claims: Iterable[str] = ()
) -> Book:
    """The book of some scripts.

    Parameters
    ----------
    names
        Of scripts, in the order of the book (`find_scripts`).
    ledger
        What checks a script.
    claims
        Prose of the false claims.

    Raises
    ------
    ValueError
        There is no script of a name.
    """
    chapters = tuple(chapter(number, name, ledger(name)) for number, name in enumerate(names, start=1))
    return Book(chapters, tuple(claims))
