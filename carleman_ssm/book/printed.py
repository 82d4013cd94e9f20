"""Chapters as they are printed: text and plain data, made by the process that checks the derivation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from carleman_ssm.book.bibliography import BIBLIOGRAPHY, citations
from carleman_ssm.book.contents import Chapter, Mark, chapter, known_of
from carleman_ssm.book.notation import undeclared
from carleman_ssm.book.prose import statements_in


@dataclass(frozen=True)
class Printed:
    """One chapter.

    Parameters
    ----------
    number
        From 1.
    script, title
        What is derived.
    source
        The chapter for the engine that sets it.
    marks
        Number and evidence of all statements, without their boxes.
    forms
        Names of the closed forms that cite it, each with the numbers of its certificates.
    derives
        Numbers of the statements of THEORY that it says it derives.
    works
        Keys of the works that it cites.
    gaps
        Letters that are declared nowhere, and works that the bibliography lacks.
    """

    number: int
    script: str
    title: str
    source: str
    marks: tuple[Mark, ...]
    forms: tuple[tuple[str, tuple[str, ...]], ...]
    derives: tuple[str, ...]
    works: tuple[str, ...]
    gaps: tuple[str, ...]


def printed(one: Chapter, write: Callable[[Chapter], str]) -> Printed:
    """A chapter with its source (`tex_pages.chapter_source`, `typst_pages.chapter_source`)."""
    name = one.script.name
    letters = [f"{name}: the letter {letter} is not declared" for letter in undeclared(one.script)]
    works = [f"{name}: no source {key!r}" for key in citations(one.prose) if key not in BIBLIOGRAPHY]
    return Printed(
        number=one.number,
        script=name,
        title=one.title,
        source=write(one),
        marks=tuple(replace(mark, domain=()) for mark in one.marks.values()),
        forms=tuple((form.name, form.numbers) for form in one.forms),
        derives=statements_in(one.introduced),
        works=tuple(source.key for source in one.sources),
        gaps=(*letters, *works),
    )


def print_chapter(numbered: tuple[int, str], write: Callable[[Chapter], str]) -> Printed:
    """Check the derivation of a number and a name, and print it.

    Raises
    ------
    RuntimeError
        The script cannot be run; the message names it.
    """
    number, name = numbered
    try:
        return printed(chapter(number, name, known_of(name)), write)
    except Exception as error:  # whatever a script raises is told with its name
        msg = f"the derivation {name} cannot be printed: {type(error).__name__}: {error}"
        raise RuntimeError(msg) from error
