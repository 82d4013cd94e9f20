"""Derivation scripts: where they are, and what each of their sections derives.

A script is Python in percent cells. Markdown cells are its prose: the first one begins with its title, a line
``## …`` begins a section. What a code cell adds to the name ``derivation`` belongs to the section it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sympy as sp

from carleman_ssm.formulas.bounds import Statement
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.statements import Identity

_CELL = re.compile(r"^# %%(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """One heading of a script, with what is derived under it.

    Parameters
    ----------
    heading
        Empty for what stands before the first heading.
    prose
        Markdown with TeX formulas between dollars; paragraphs are separated by an empty line.
    steps, lemmas, chains
        What the code cells of the section add to the derivation.
    """

    heading: str
    prose: str
    steps: tuple[Identity, ...] = ()
    lemmas: tuple[Statement, ...] = ()
    chains: tuple[Derivation, ...] = ()


@dataclass(frozen=True)
class Script:
    """A derivation with its prose.

    Parameters
    ----------
    name
        Of the file, without its ending: ``"03_rigid_waves"``.
    title
        The first heading.
    sections
        In the order of the script; the first one has no heading and introduces.
    derivation
        What the script binds.
    notation
        Letters of this script alone, ``symbol -> meaning`` (prose with TeX); the others are in the table of notation.
    """

    name: str
    title: str
    sections: tuple[Section, ...]
    derivation: Derivation
    notation: Mapping[sp.Basic, str]

    @property
    def reference(self) -> str:
        """How closed forms cite the script."""
        return f"derivations/{self.name}"


def derivation_folder() -> Path:
    """The folder of the scripts: inside an installed package, beside it in a checkout.

    Raises
    ------
    FileNotFoundError
        Neither is there: the installation is incomplete.
    """
    here = Path(__file__).parent
    for folder in (here / "derivations", here.parents[1] / "derivations"):
        if folder.is_dir() and any(folder.glob("[0-9]*.py")):
            return folder
    msg = "no derivation scripts are installed with this package: install it again"
    raise FileNotFoundError(msg)


def script_names() -> tuple[str, ...]:
    """Names of all scripts, in the order of the statements that they derive."""
    return tuple(sorted(path.stem for path in derivation_folder().glob("[0-9]*.py")))


def find_scripts(wanted: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The scripts whose names begin with what is wanted, or all if nothing is.

    A citation or a file of a checkout is a name, too: ``"derivations/03_rigid_waves.py"``.

    Raises
    ------
    ValueError
        Nothing begins so; the message lists what there is.
    """
    names = script_names()
    beginnings = tuple(part.removeprefix("derivations/").removesuffix(".py") for part in wanted)
    for part, beginning in zip(wanted, beginnings, strict=True):
        if not (beginning and any(name.startswith(beginning) for name in names)):
            msg = f"no derivation begins with {part!r}; there are {', '.join(names)}"
            raise ValueError(msg)
    return tuple(name for name in names if not wanted or name.startswith(beginnings))


@cache
def load_script(name: str) -> Script:
    """Run the script of this name, cell by cell.

    Raises
    ------
    ValueError
        There is no such script, or it binds no `Derivation` to the name ``derivation``.
    """
    if name not in script_names():
        msg = f"there is no derivation {name!r}; there are {', '.join(script_names())}"
        raise ValueError(msg)
    path = derivation_folder() / f"{name}.py"
    title, sections = "", [Section("", "")]
    namespace: dict[str, Any] = {"__name__": f"derivation_{name}", "__file__": str(path)}
    for number, (markdown, text, line) in enumerate(_cells(path.read_text(encoding="utf-8"))):
        if markdown:
            heading, prose = _headed(text)
            title = title if number else heading
            if number and heading:
                sections.append(Section(heading, prose))
            else:
                joined = "\n\n".join(part for part in (sections[-1].prose, prose) if part)
                sections[-1] = Section(sections[-1].heading, joined, *_derived(sections[-1]))
            continue
        before = namespace.get("derivation")
        _run("\n" * line + text, path, namespace)
        sections[-1] = _grown(sections[-1], before, namespace.get("derivation"))
    derivation = namespace.get("derivation")
    if not isinstance(derivation, Derivation):
        msg = f"{path} binds no Derivation to the name 'derivation'"
        raise ValueError(msg)  # noqa: TRY004 - the file is wrong, not the argument
    return Script(name, title, tuple(sections), derivation, MappingProxyType(dict(namespace.get("notation", {}))))


def _run(source: str, path: Path, namespace: dict[str, Any]) -> None:
    """A cell of one of our own scripts; the lines of its errors are those of the file."""
    exec(compile(source, str(path), "exec"), namespace)  # noqa: S102 - what `python FILE` would run, cell by cell


def _cells(source: str) -> Iterator[tuple[bool, str, int]]:
    """Whether a cell is Markdown, its text, and the number of lines before it."""
    marks = list(_CELL.finditer(source))
    for place, mark in enumerate(marks):
        end = marks[place + 1].start() if place + 1 < len(marks) else len(source)
        text, markdown = source[mark.end() : end], "[markdown]" in mark[1]
        uncommented = re.sub(r"^# ?", "", text.strip("\n"), flags=re.MULTILINE)
        yield markdown, uncommented.strip() if markdown else text, source.count("\n", 0, mark.end())


def _headed(text: str) -> tuple[str, str]:
    first, _, rest = text.partition("\n")
    return (first.lstrip("# ").strip(), rest.strip()) if first.startswith("#") else ("", text)


def _derived(section: Section) -> tuple[Any, ...]:
    return section.steps, section.lemmas, section.chains


def _grown(section: Section, before: Derivation | None, after: Derivation | None) -> Section:
    """The section with what a cell added."""
    if after is None or after is before:
        return section
    old = ((), (), ()) if before is None else (before.steps, before.lemmas, before.chains)
    new = (after.steps, after.lemmas, after.chains)
    added = [(*had, *now[len(then) :]) for had, then, now in zip(_derived(section), old, new, strict=True)]
    return Section(section.heading, section.prose, *added)
