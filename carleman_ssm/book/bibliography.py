"""Bibliography: the works that the derivations cite, and those that their statements are known from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from carleman_ssm.book.sources import SOURCES
from carleman_ssm.book.sources import Source as Source

BIBLIOGRAPHY: Mapping[str, Source] = MappingProxyType({source.key: source for source in SOURCES})
"""All works, by key, in the order in which they are printed."""

_NAME = r"[^\W\d_][\w'’-]+"
CITATION = re.compile(rf"({_NAME})(?:, {_NAME})*(?:,? and {_NAME}| et al\.)?,? \(?((?:18|19|20)\d\d)\b")
"""Family names of a work and its year; the first group is the first name, the second the year."""


def key_of(citation: re.Match[str]) -> str:
    """The key of a citation that was found: all of its names where works of one first author and year differ so."""
    whole = citation.group().replace("(", "")
    return whole if whole in BIBLIOGRAPHY else f"{citation[1]} {citation[2]}"


def citations(text: str) -> tuple[str, ...]:
    """Keys of all works that a text cites by name and year.

    Examples
    --------
    >>> citations("class of Iacob, Tóth, Schoukens 2025; Singla and Feizi (2020)")
    ('Iacob 2025', 'Singla 2020')
    """
    found = (match for match in CITATION.finditer(" ".join(text.split())) if match[1][:1].isupper())
    return tuple(dict.fromkeys(map(key_of, found)))


def sources_of(statements: Iterable[str]) -> tuple[Source, ...]:
    """Works that numbered statements are known from.

    Examples
    --------
    >>> [source.short for source in sources_of(["T15"])]
    ['Wei and Norman 1964']
    """
    wanted = set(statements)
    return tuple(source for source in BIBLIOGRAPHY.values() if wanted & set(source.statements))
