"""A derivation script as a page: its prose, each statement with its reason, and what is known of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import sympy as sp
from public_names import public_paths

from carleman_ssm.formulas.bounds import Bound, Statement
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.statements import Identity, fold
from carleman_ssm.printing.displays import LINE, unmarked
from carleman_ssm.printing.latex import to_latex
from carleman_ssm.printing.set_width import width
from carleman_ssm.printing.statement_displays import chain_links
from carleman_ssm.proofs.ledger import check_script
from carleman_ssm.proofs.scripts import Script, Section, load_script

Known = Mapping[Statement, str]

CITING = "<!-- closed forms -->"
"""Where `with_citing` puts the closed forms: building them all takes longer than checking a script."""


def derivation_page(name: str) -> str:
    """Markdown of one script; everything in it is checked now.

    Raises
    ------
    ValueError
        A statement does not hold as it is claimed: nothing is printed then.
    """
    script, entries = load_script(name), check_script(name)
    failed = [f"{entry.statement.name} ({entry.words})" for entry in entries if not entry.as_claimed]
    if failed:
        msg = f"{name} does not show what it claims: {', '.join(failed)}"
        raise ValueError(msg)
    known = {entry.statement: entry.words for entry in entries}
    parts = [f"# {script.title}", *_head(script, known)]
    for section in script.sections:
        parts += _section(section, script.derivation, known)
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(script: Script, known: Known) -> Iterator[str]:
    words: dict[str, int] = {}
    for word in known.values():
        words[word] = words.get(word, 0) + 1
    counted = ", ".join(f"{count} {word}" for word, count in sorted(words.items(), key=lambda item: -item[1]))
    yield f"```{{admonition}} {len(known)} statements, checked when this page was made\n:class: note\n{counted}.\n```"
    yield CITING
    if script.notation:
        yield f"Letters of this page: {'; '.join(_letters(script.notation))}."
    if script.derivation.where:
        yield _display(to_latex(dict(script.derivation.where)))


def _letters(notation: Mapping[sp.Basic, str]) -> Iterator[str]:
    """Letters of one meaning together; that they are meant here is said once."""
    grouped: dict[str, list[str]] = {}
    for symbol, meaning in notation.items():
        grouped.setdefault(re.sub(r"^here:? ", "", meaning), []).append(f"${to_latex(symbol)}$")
    for meaning, letters in grouped.items():
        yield f"{', '.join(dict.fromkeys(letters))}: {meaning}"


def with_citing(page: str, names: Iterable[str]) -> str:
    """The page with the closed forms that cite the script, by their qualified names."""
    links = ", ".join(map(_link, dict.fromkeys(names)))
    return page.replace(CITING, f"Closed forms that rest on this: {links}." if links else "")


def _link(qualified: str) -> str:
    """A public name as a link to the reference; a method of one as text with a link to its class."""
    path = f"carleman_ssm.{qualified}"
    owner, _, member = path.rpartition(".")
    if path in public_paths():
        return f"{{py:obj}}`{member} <{public_paths()[path]}>`"
    if owner in public_paths():
        return f"{{py:obj}}`{owner.rpartition('.')[2]}.{member} <{public_paths()[owner]}>`"
    return f"`{qualified}`"


def _section(section: Section, derivation: Derivation, known: Known) -> Iterator[str]:
    if section.heading:
        yield f"## {section.heading}"
    yield section.prose
    yield from _steps(section.steps, derivation.where, known)
    for lemma in section.lemmas:
        yield from _lemma(lemma, derivation.where, known)
    for chain in section.chains:
        yield from _chain(chain, known)


def _chain(chain: Derivation, known: Known) -> Iterator[str]:
    yield f"**{chain.title}.**"
    if chain.where:
        yield _display(to_latex(dict(chain.where)))
    yield from _steps(chain.steps, chain.where, known)
    for lemma in chain.lemmas:
        yield from _lemma(lemma, chain.where, known)
    for further in chain.chains:
        yield from _chain(further, known)


def _steps(steps: tuple[Identity, ...], where: Mapping[sp.Basic, sp.Basic], known: Known) -> Iterator[str]:
    if not steps:
        return
    start, *links = chain_links(Derivation("as printed", steps[0].left, steps, where=where))
    for step, link, before in zip(steps, links, (start.lines, *((),) * len(steps)), strict=False):
        yield _display(_aligned(before, link.lines))
        yield _remark(step, known)


def _aligned(start: tuple[str, ...], lines: tuple[str, ...]) -> str:
    """A link of a chain; short ones stand on one line with what the chain starts from."""
    together = [unmarked(line) for line in (*start, *lines)]
    if len(together) == 1 or (len(start) == len(lines) == 1 and width(" ".join(together)) <= LINE):
        return " ".join(["{}", *together] if not start else together)
    return "\\begin{aligned}\n" + " \\\\\n".join((*start, *lines)) + "\n\\end{aligned}"


def _lemma(lemma: Statement, where: Mapping[sp.Basic, sp.Basic], known: Known) -> Iterator[str]:
    yield _display(to_latex(lemma if isinstance(lemma, Bound) else fold(lemma, where)))
    yield _remark(lemma, known, named=True)


def _display(tex: str) -> str:
    return "$$\n" + "\n".join(line for line in tex.splitlines() if line.strip()) + "\n$$"


def _remark(statement: Statement, known: Known, *, named: bool = False) -> str:
    """Name, reason and evidence, set apart from the prose."""
    parts = [statement.name if named else "", statement.because, f"**{known[statement]}**"]
    return "{.evidence}\n" + " · ".join(" ".join(part.split()) for part in parts if part)
