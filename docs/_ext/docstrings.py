r"""Docstrings of the package as reStructuredText: TeX between dollars, names between single backticks.

Names of public objects become links wherever they stand, also in annotations; statements ("THEORY T9") and scripts
("derivations/03_rigid_waves") link to their pages; every other name is shown as code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from public_names import public_paths

from carleman_ssm.book.numbered import statement_numbers
from carleman_ssm.proofs.scripts import script_names

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

_NUMBER = r"(?:T\d+′?b?|§\d+)"
CITED = re.compile(rf"\bTHEORY (?P<numbers>{_NUMBER}(?:, {_NUMBER})*)")
"""A citation of statements: ``THEORY T9, T12′``."""
_TOKENS = re.compile(
    r"(?P<literal>``.+?``|:\w+:`[^`]+`)"
    r"|(?P<display>\$\$(?P<display_tex>.+?)\$\$)"
    r"|(?P<math>(?<!\\)\$(?P<tex>[^$]+?)\$)"
    r"|(?P<name>`(?P<target>[^`]+)`)"
    r"|(?P<script>\bderivations/(?P<number>\d\d\w*)(?:\.py)?)"
    rf"|(?P<statement>{CITED.pattern})"
    r"|(?P<bar>\|)|(?P<tail>(?<=\w)_(?!\w))",
    re.DOTALL,
)

_NAME = r"~?(?:\w+\.)*"
_SPELLED_OUT = (
    (rf"{_NAME}ndarray\[tuple\[(?:{_NAME}Any|int), \.\.\.\], {_NAME}dtype\[([\w.~]+)\]\]", r"NDArray[\1]"),
    (r"TypeAliasForwardRef\('([\w.]+)'\)", r"\1"),
    (r" ?= ?<factory>", " = ..."),  # else the signature cannot be read
    (rf"{_NAME}_Buffer \|.*?{_NAME}_NestedSequence\[[^\[\]]*str\]", "ArrayLike"),
)


def to_restructured(lines: list[str]) -> list[str]:
    """The lines of one docstring; examples stay as they are."""
    result: list[str] = []
    for example, block in _blocks(lines):
        result += block if example else _converted(re.sub(r"::\s*$", ":\n", "\n".join(block))).split("\n")
    return result


def _blocks(lines: list[str]) -> list[tuple[bool, list[str]]]:
    blocks: list[tuple[bool, list[str]]] = []
    example = False
    for line in lines:
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not blocks or blocks[-1][0] != example:
            blocks.append((example, []))
        blocks[-1][1].append(line)
    return blocks


def _converted(text: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        indent = re.match(r"[ ]*", text[text.rfind("\n", 0, match.start()) + 1 :])[0]
        if match["display"]:
            body = " ".join(match["display_tex"].split())
            return f"\n\n{indent}.. math::\n\n{indent}   {body}\n\n{indent}"
        return _separated(_inline(match), text, match)

    return _TOKENS.sub(replaced, text)


def _inline(match: re.Match[str]) -> str:
    if match["math"]:
        return f":math:`{' '.join(match['tex'].split())}`"
    if match["name"]:
        target = " ".join(match["target"].split()).removesuffix("()")
        return f":py:obj:`{target} <{public_paths()[target]}>`" if target in public_paths() else f"``{target}``"
    if match["script"]:
        found = [name for name in script_names() if name.startswith(match["number"])]
        return f":doc:`{match['script']} </derivations/{found[0]}>`" if found else match["script"]
    if match["statement"]:
        return citation(match["numbers"], ":ref:`{text} <{target}>`")
    return match["literal"] or f"\\{match[0]}"


def _separated(inline: str, text: str, match: re.Match[str]) -> str:
    """Inline markup ends and begins at a word's edge only: an escaped space stands where there is none."""
    before, after = text[: match.start()][-1:], text[match.end() :][:1]
    if not inline.endswith("`"):
        return inline
    left = "\\ " if before and not re.match(r"[\s\-:/'\"<(\[{]", before) else ""
    right = "\\ " if after and not re.match(r"[\s\-.,:;!?/'\")\]}>]", after) else ""
    return f"{left}{inline}{right}"


def citation(numbers: str, link: str) -> str:
    """``THEORY T9, T12`` with a link to each statement that there is."""
    shown = [("THEORY " if not place else "") + number for place, number in enumerate(numbers.split(", "))]
    known = [number in statement_numbers() for number in numbers.split(", ")]
    targets = [anchor(number) for number in numbers.split(", ")]
    linked = zip(shown, targets, known, strict=True)
    return ", ".join(link.format(text=text, target=target) if there else text for text, target, there in linked)


def anchor(statement: str) -> str:
    """The target of a statement on the page of statements: ``T12′`` is ``theory-t12-prime``."""
    return "theory-" + statement.lower().replace("′", "-prime").replace("§", "section-")


def convert(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:  # noqa: ARG001 - Sphinx calls it so
    """For autodoc: before the sections of NumPy's form are read."""
    lines[:] = to_restructured(lines)
    if what in ("property", "attribute", "data") and lines:  # else a colon in its first line would end a type
        lines[:0] = [".. what follows is prose", ""]


def shorten(app: Sphinx, what: str, name: str, value: Any, options: Any, *written: str | None) -> Any:  # noqa: ARG001 - Sphinx calls it so
    """For autodoc: annotations as they are written in the source, not as they are spelled out by NumPy."""
    return tuple(None if part is None else shortened(part) for part in written)


def shortened(annotation: str) -> str:
    """An annotation without the inner structure of NumPy's arrays.

    Examples
    --------
    >>> shortened("~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~numpy.float64]] | None")
    'NDArray[~numpy.float64] | None'
    """
    for pattern, short in _SPELLED_OUT:
        annotation = re.sub(pattern, short, annotation)
    return annotation


def resolve(app: Sphinx, env: Any, node: nodes.Element, contnode: nodes.Element) -> nodes.Element | None:
    """Links of annotations, by any path of a public name; names of other packages and private ones stay text."""
    if node.get("refdomain") != "py":
        return None
    target = public_paths().get(node["reftarget"])
    if target is None:
        return contnode
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", target, node, contnode) or contnode


def setup(app: Sphinx) -> dict[str, bool]:
    """Before NumPy sections are read; after Sphinx has tried the name as it stands."""
    from sphinx.util.inspect import TypeAliasForwardRef  # the rest of this module is tested without Sphinx

    app.connect("autodoc-process-docstring", convert, priority=400)
    app.connect("autodoc-process-signature", shorten)
    TypeAliasForwardRef.__repr__ = lambda alias: alias.name  # how types of properties are printed, which no event sees
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
