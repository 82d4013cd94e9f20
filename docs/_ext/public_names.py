"""The public names of the package, in the order and under the headings of its table of contents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import carleman_ssm

_HEADING = re.compile(r"^# (?!ruff:)(\w+): (.+)$")


@dataclass(frozen=True)
class Group:
    """Names under one comment ``# room: what they are about`` of the table of contents."""

    room: str
    heading: str
    names: tuple[str, ...] = ()
    module: str = "carleman_ssm"


def groups_of(source: str) -> tuple[Group, ...]:
    """The groups of a table of contents: its comments, and the names that the imports below each one bind.

    Raises
    ------
    ValueError
        A name stands before the first heading.
    """
    headings = [(number, mark) for number, line in enumerate(source.splitlines(), 1) if (mark := _HEADING.match(line))]
    bound: list[list[str]] = [[] for _ in headings]
    for line, name in _bindings(source):
        place = sum(number < line for number, _ in headings) - 1
        if place < 0:
            msg = f"{name} stands above the first heading '# room: what follows' of the table of contents"
            raise ValueError(msg)
        bound[place].append(name)
    return tuple(Group(mark[1], mark[2], tuple(names)) for (_, mark), names in zip(headings, bound, strict=True))


def _bindings(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("carleman_ssm."):
            for alias in node.names:
                yield node.lineno, alias.asname or alias.name


@cache
def public_groups() -> tuple[Group, ...]:
    """The groups of ``carleman_ssm/__init__.py``."""
    return groups_of(Path(carleman_ssm.__file__).read_text(encoding="utf-8"))


@cache
def testing_group() -> Group:
    """The room that is imported by itself, because it needs an extra."""
    source = (Path(carleman_ssm.__file__).parent / "testing" / "__init__.py").read_text(encoding="utf-8")
    names = tuple(name for _, name in _bindings(source))
    return Group("testing", "strategies, and checks of identities of your own", names, "carleman_ssm.testing")


def documented_names() -> tuple[str, ...]:
    """What the reference has to have an entry for, by its full name."""
    return tuple(f"{group.module}.{name}" for group in (*public_groups(), testing_group()) for name in group.names)


@cache
def public_paths() -> MappingProxyType[str, str]:
    """Every way in which an object can be named in a text or an annotation, to its public name."""
    paths = {f"carleman_ssm.testing.{name}": f"carleman_ssm.testing.{name}" for name in testing_group().names}
    for group in public_groups():
        for name in group.names:
            module = getattr(getattr(carleman_ssm, name), "__module__", "")
            for path in (name, f"carleman_ssm.{name}", f"cs.{name}", f"{module}.{name}"):
                paths.setdefault(path, f"carleman_ssm.{name}")
    return MappingProxyType(paths)
