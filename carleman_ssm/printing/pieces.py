r"""Pieces of a formula, and their division into lines: the one that cuts least deep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

STEP = 1.0  # em: a line that goes on is indented by so much, and again for each level
_DEEPEST = 3
_TIMES = 1.0  # em: the sign of a product at the beginning of a line
_LEVEL_COST, _LINE_COST = 0.25, 0.2


@dataclass(frozen=True)
class Piece:
    """What stays together: its source, its width, how deep a break before it cuts, and whether it is a factor."""

    text: str
    width: float
    level: int
    factor: bool = False


def filled(pieces: Sequence[Piece], line: float, first: float) -> list[str]:
    """The division into lines that cuts least deep and leaves lines of much the same length."""
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(pieces) + 1):
        best.append(
            min(
                (best[start][0] + _cost(pieces, start, end, line, first), start)
                for start in range(max(0, end - 60), end)
            )
        )
    marks = [len(pieces)]
    while marks[-1]:
        marks.append(best[marks[-1]][1])
    bounds = marks[::-1]
    return [_line(pieces, start, end) for start, end in pairwise(bounds)]


def _cost(pieces: Sequence[Piece], start: int, end: int, line: float, first: float) -> float:
    room = first if start == 0 else line - _indent(pieces[start]) - _TIMES * pieces[start].factor
    wide = sum(piece.width for piece in pieces[start:end])
    over = max(0.0, wide - room)
    slack = 0.0 if end == len(pieces) else max(0.0, 1 - wide / max(room, 1.0))
    return 1e3 * over + slack**2 + _LINE_COST + (_LEVEL_COST * pieces[start].level if start else 0.0)


def _indent(piece: Piece) -> float:
    return STEP * (1 + min(piece.level // 2, _DEEPEST))


def _line(pieces: Sequence[Piece], start: int, end: int) -> str:
    text = " ".join(piece.text for piece in pieces[start:end])
    if start == 0:
        return text
    levels = 1 + min(pieces[start].level // 2, _DEEPEST)
    indent = r"\qquad " * (levels // 2) + r"\quad " * (levels % 2)
    times = r"\cdot " if pieces[start].factor else ""
    return f"{indent}{times}{text}"
