r"""Displays that stay legible: equations on lines that fit the page at normal size.

Lines belong into one alignment: each has one mark ``&``. What is too wide is broken (`broken_lines`); matrices that are
too wide are given entry by entry, and parts that cannot be broken get letters, explained at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from carleman_ssm.printing.broken_lines import Abbreviations, broken
from carleman_ssm.printing.set_width import width
from carleman_ssm.printing.tex_tree import Fence, Grid, Node, Row, bare, parse

LINE = 40.0
"""Width of a line in ems of the fount: 40 em are 154 mm at 11 pt and 141 mm at 10 pt."""

PAGE = 43.0
"""The same between margins of 22 mm on A4 or letter paper, as documents have them."""

_RELATION = 1.4  # em: an equality sign with its spaces
_NARROW = 0.2  # of a line: a left side up to which the right side goes on beside it


def equation_lines(
    left: str, right: str, line: float, folds: Abbreviations, *, relation: str = "=", tail: str = ""
) -> list[str]:
    r"""Both sides with the sign between them, aligned at the sign or, if the left side is wide, at the margin.

    Parameters
    ----------
    left, right
        TeX; an empty left side goes on with a chain.
    line
        Width in ems.
    folds
        Takes what gets a letter; `definition_lines` explains the letters.
    relation
        TeX of the sign.
    tail
        A condition, set behind the equation or below it.

    Examples
    --------
    >>> equation_lines("y", r"a \left(b + c\right)", 40, Abbreviations(), tail=r"(a \neq 0)")
    ['y &= a \\left(b + c\\right) \\qquad (a \\neq 0)']
    >>> print(*equation_lines("a + b + c + d", "a^{2} + b^{2} + c^{2}", 6, Abbreviations()), sep="\n")
    &a + b + c + d
    &= a^{2} + b^{2}
    &\quad + c^{2}
    """
    beside = width(left) if left else 0.0
    both = entry_lines(left, right, line, folds, relation) if left else []
    if both:
        lines = both
    elif beside + _RELATION + width(right) <= line or beside <= _NARROW * line:
        room = line - beside - _RELATION
        first, *rest = broken(right, room, folds)
        lines = [f"{left} &{relation} {first}".strip(), *(rf"&{text}" for text in rest)]
    else:
        lines = [f"&{text}" for text in broken(left, line, folds)]
        lines += _continued(right, line, folds, relation)
    return _with_tail(lines, tail, line, folds)


def _continued(right: str, line: float, folds: Abbreviations, relation: str) -> list[str]:
    first, *rest = broken(right, line, folds, line - _RELATION)
    return [f"&{relation} {first}", *(f"&{text}" for text in rest)]


def at_mark(text: str) -> tuple[str, str]:
    r"""What stands before and behind the alignment mark of a line; the marks of matrices do not count.

    Examples
    --------
    >>> at_mark(r"\begin{matrix}1 & 2\end{matrix} &= x")
    ('\\begin{matrix}1 & 2\\end{matrix}', '= x')
    """
    depth = 0
    for found in re.finditer(r"\\begin\b|\\end\b|(?<!\\)&", text):
        if found.group() == "&" and depth == 0:
            return text[: found.start()].strip(), text[found.end() :].strip()
        depth += (found.group() == r"\begin") - (found.group() == r"\end")
    return "", text


def _with_tail(lines: list[str], tail: str, line: float, folds: Abbreviations) -> list[str]:
    if not tail:
        return lines
    left = max(width(at_mark(text)[0]) for text in lines)
    last = at_mark(lines[-1])[1]
    if left + width(last) + 2.0 + width(tail) <= line:
        return [*lines[:-1], rf"{lines[-1]} \qquad {tail}"]
    if left > _NARROW * line:
        lines, left = [f"&{unmarked(text)}" for text in lines], 0.0
    return [*lines, *(rf"&\qquad {text}" for text in broken(tail, line - left - 3.0, folds))]


def matrix_of(node: Node) -> Grid | None:
    """The matrix that a node is, if it is one."""
    node = bare(node)
    inner = bare(node.body) if isinstance(node, Fence) else node
    return inner if isinstance(inner, Grid) and inner.environment.endswith("matrix") else None


def entry_lines(left: str, right: str, line: float, folds: Abbreviations, relation: str = "=") -> list[str]:
    """Two matrices entry by entry, if one of them is too wide for a line; nothing otherwise."""
    if width(left) + width(right) + _RELATION <= line:
        return []
    one, other = matrix_of(parse(left)), matrix_of(parse(right))
    if one is None or other is None or _size(one) == (1, 1) or max(width(left), width(right)) <= line - _RELATION:
        return []
    pairs = zip(_entries(one), _entries(other), strict=True)
    told = [(place, a.source, b.source) for (place, a), (_, b) in pairs if a.source != "0" or b.source != "0"]
    lines = [r"&\text{entry by entry, where not both are 0:}"]
    for place, a, b in told:
        first, *rest = equation_lines(a, b, line - 4.0, folds, relation=relation)
        lines += [rf"&{place}\colon\quad {unmarked(first)}", *(rf"&\qquad {unmarked(text)}" for text in rest)]
    return lines


def _size(grid: Grid) -> tuple[int, int]:
    return len(grid.rows), max(map(len, grid.rows))


def unmarked(text: str) -> str:
    """A line without its alignment mark."""
    return " ".join(at_mark(text)).strip()


def _entries(grid: Grid) -> Iterator[tuple[str, Row]]:
    for i, row in enumerate(grid.rows):
        for j, entry in enumerate(row):
            yield f"({i + 1},{j + 1})", entry


def with_definitions(lines: Sequence[str], line: float, folds: Abbreviations) -> tuple[str, ...]:
    """The lines, and below them what the letters in them stand for."""
    left = max((width(at_mark(text)[0]) for text in lines), default=0.0)
    if left > _NARROW * line and folds.definitions:
        lines, left = [f"&{unmarked(text)}" for text in lines], 0.0
    return (*lines, *definition_lines(folds, line - left))


def definition_lines(folds: Abbreviations, line: float) -> list[str]:
    """What the letters of `folds` stand for; a wide matrix by its entries."""
    lines: list[str] = []
    word = r"\text{where}\quad "
    while (name := folds.unexplained()) is not None:
        node = folds.definitions[name]
        grid = matrix_of(node)
        new = _listed(name, grid, line - 5.0, folds) if grid else _defined(name, node, line - 5.0, folds)
        lines += [rf"&{'' if lines else word}{new[0]}", *(rf"&\qquad {text}" for text in new[1:])]
    return lines


def _defined(name: str, node: Node, line: float, folds: Abbreviations) -> list[str]:
    beside = width(name) + _RELATION
    first, *rest = broken(node.source, line, folds, line - beside)
    return [f"{name} = {first}", *rest]


def _listed(name: str, grid: Grid, line: float, folds: Abbreviations) -> list[str]:
    """Size and entries of a matrix, several of them on a line."""
    columns = max(map(len, grid.rows))
    lines = [rf"{name}\colon\ {len(grid.rows)} \times {columns} \text{{ matrix, 0 but for the entries}}"]
    told = [
        _defined(rf"[{name}]_{place[1:-1].join(('{', '}'))}", entry, line, folds)
        for place, entry in _entries(grid)
        if entry.source != "0"
    ]
    return [*lines, *packed(told, line)]


def packed(equations: Iterable[Sequence[str]], line: float) -> list[str]:
    """Equations one behind the other while they fit the line; what has several lines stands for itself."""
    lines: list[str] = []
    room = 0.0
    for equation in equations:
        wide = width(equation[0]) + 1.5
        if len(equation) == 1 and lines and wide <= room:
            lines[-1] += rf",\quad {equation[0]}"
            room -= wide
        else:
            lines += equation
            room = line - wide if len(equation) == 1 else 0.0
    return lines
