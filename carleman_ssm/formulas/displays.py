r"""Displays that stay legible: what would have to be shrunk too far stands on several lines.

A display wider than the page is shrunk to it (``\fitted`` of the preamble of a document). Where that would leave less
than about two thirds of the size, a sum is broken between its terms, a product of matrices between its factors, and a
matrix is given entry by entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sympy as sp

from carleman_ssm.formulas.line_breaks import width
from carleman_ssm.formulas.tex import broken_sum, nonvanishing, to_latex

PAGE = 80.0
"""About how many characters of a formula fill a line."""

LEGIBLE = 1.5 * PAGE
"""What is longer is not set on one line."""


def display_lines(value: Any, settings: Mapping[str, Any], *, lead: str = "") -> list[str]:
    """One side of a statement as the lines on which it is legible, after what leads to it, as an equality sign.

    Parameters
    ----------
    value
        Expression, matrix or product of matrices.
    settings
        Those of `to_latex`.
    lead
        What the first line begins with.
    """
    text = to_latex(value, **settings)
    if width(text) <= LEGIBLE:
        return [f"{lead} {text}".strip()]
    return [f"{lead} {line}".strip() if not number else line for number, line in enumerate(_broken(value, settings))]


def _broken(value: Any, settings: Mapping[str, Any]) -> list[str]:
    if isinstance(value, sp.MatrixBase):
        return list(_entries(value, settings))
    if isinstance(value, sp.MatMul) and len(value.args) > 1:
        return _factors(value, settings)
    first, *rest = broken_sum(value, settings, PAGE, width)
    return [first, *(rf"\quad {line}" for line in rest)]


def _entries(matrix: sp.MatrixBase, settings: Mapping[str, Any]) -> Iterator[str]:
    """Row, column and value of every entry that is not 0."""
    yield rf"{matrix.rows} \times {matrix.cols} \text{{ matrix, 0 but for the entries}}"
    for place, entry in _places(matrix):
        if entry != 0:
            yield from display_lines(entry, settings, lead=place)


def _places(matrix: sp.MatrixBase) -> Iterator[tuple[str, sp.Expr]]:
    for row in range(matrix.rows):
        for column in range(matrix.cols):
            yield rf"({row + 1},{column + 1})\colon\quad", matrix[row, column]


def _factors(product: sp.MatMul, settings: Mapping[str, Any]) -> list[str]:
    """As many factors on a line as are legible there; a factor that is too wide for itself stays whole."""
    lines: list[str] = []
    for factor in product.args:
        text = to_latex(factor, **settings)
        if lines and width(lines[-1]) + width(text) <= LEGIBLE:
            lines[-1] += f" {text}"
        else:
            lines.append(text if not lines else rf"\cdot {text}")
    return lines


def equality_lines(left: Any, right: Any, nonzero: tuple[Any, ...], settings: Mapping[str, Any]) -> list[str]:
    """Both sides with the condition that expressions do not vanish; wide matrices are compared entry by entry."""
    explicit = isinstance(left, sp.MatrixBase) and isinstance(right, sp.MatrixBase)
    if explicit and max(width(to_latex(side, **settings)) for side in (left, right)) > LEGIBLE:
        pairs = zip(_places(left), _places(right), strict=True)
        lines = [line for (place, one), (_, other) in pairs for line in _equal(one, other, settings, place)]
    else:
        lines = _equal(left, right, settings)
    return [*lines[:-1], lines[-1] + nonvanishing(nonzero, **settings)]


def _equal(left: Any, right: Any, settings: Mapping[str, Any], lead: str = "") -> list[str]:
    """On one line if that is short."""
    sides = display_lines(left, settings, lead=lead), display_lines(right, settings, lead="=")
    first, second = sides
    if len(first) == len(second) == 1 and width(first[0]) + width(second[0]) <= PAGE:
        return [f"{first[0]} {second[0]}"]
    return [*first, *second]
