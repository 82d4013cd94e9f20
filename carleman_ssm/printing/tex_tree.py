r"""A formula in TeX's notation as a tree: what is measured, broken into lines, and translated.

Understands what SymPy prints and what prose between dollars uses: letters and commands, braces, ``^`` and ``_``,
fractions, ``\left … \right``, matrices and cases, accents, and text. Every node keeps the source that it stands for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"\\(?:begin|end)\s*\{[a-z]+\*?\}|\\[A-Za-z]+|\\.|\s+|\d+(?:\.\d+)?|.", re.DOTALL)


def commands(names: str) -> frozenset[str]:
    """TeX's commands of these names."""
    return frozenset(rf"\{name}" for name in names.split())


_QUOTIENTS = commands("frac tfrac dfrac binom")
_ACCENTS = commands(
    "overline underline bar hat widehat tilde widetilde dot ddot vec sqrt mathcal mathrm mathbf mathbb boldsymbol "
    "operatorname ensuremath mathit mathsf bm underbrace"
)
_WORDS = commands("text mathrm operatorname textit textbf mbox")
_SIZED = re.compile(r"\\[bB]ig{1,2}[lr]?$")
_NOTHING = commands("limits nolimits displaystyle textstyle")


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a formula, and its source."""

    source: str


@dataclass(frozen=True, slots=True)
class Atom(Node):
    """A letter, a digit, a sign, or a command without arguments."""


@dataclass(frozen=True, slots=True)
class Space(Node):
    r"""Space that is asked for, such as ``\quad``."""


@dataclass(frozen=True, slots=True)
class Words(Node):
    r"""Upright words: ``\text{…}``; `body` is not mathematics."""

    command: str
    body: str


@dataclass(frozen=True, slots=True)
class Row(Node):
    """Nodes beside each other; in braces if `braced`."""

    items: tuple[Node, ...]
    braced: bool = False


@dataclass(frozen=True, slots=True)
class Quotient(Node):
    """A fraction or a binomial coefficient."""

    command: str
    over: Row
    under: Row


@dataclass(frozen=True, slots=True)
class Accent(Node):
    """A command with one argument, such as a line over it."""

    command: str
    body: Row
    option: str = ""


@dataclass(frozen=True, slots=True)
class Fence(Node):
    r"""What stands between ``\left`` and ``\right``."""

    opening: str
    closing: str
    body: Row


@dataclass(frozen=True, slots=True)
class Grid(Node):
    """A matrix, cases, or the limits of a double sum."""

    environment: str
    rows: tuple[tuple[Row, ...], ...]


@dataclass(frozen=True, slots=True)
class Scripts(Node):
    """A base with its index, its power, or both."""

    base: Node
    below: Row | None
    above: Row | None


@lru_cache(maxsize=512)
def parse(tex: str) -> Row:
    r"""The tree of a formula.

    Raises
    ------
    ValueError
        A brace, a ``\left`` or an environment is not closed, or closed without being open.

    Examples
    --------
    >>> [type(item).__name__ for item in parse(r"a_{1} + \frac{1}{2} \left(x\right)^{2}").items]
    ['Scripts', 'Atom', 'Quotient', 'Scripts']
    """
    reader = _Reader(tex)
    row = reader.row()
    if reader.place < len(reader.tokens):
        msg = f"{reader.here()} closes nothing in the formula {tex!r}"
        raise ValueError(msg)
    return row


def bare(row: Node) -> Node:
    """The only node of a row, or the row: braces around one thing count for nothing."""
    while isinstance(row, Row) and len(row.items) == 1:
        row = row.items[0]
    return row


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, tex: str) -> None:
        self.tex = tex
        found = list(_TOKEN.finditer(tex))
        self.tokens = [match.group() for match in found]
        self.starts = [*(match.start() for match in found), len(tex)]
        self.place = 0

    def here(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def next(self) -> str:
        piece = self.here()
        if not piece:
            msg = f"the formula {self.tex!r} ends where more is expected"
            raise ValueError(msg)
        self.place += 1
        return piece

    def since(self, place: int) -> str:
        return self.tex[self.starts[place] : self.starts[self.place]].strip()

    def blank(self) -> None:
        while self.here().isspace():
            self.place += 1

    def expect(self, piece: str) -> None:
        if self.next() != piece:
            msg = f"expected {piece} in the formula {self.tex!r}"
            raise ValueError(msg)

    def row(self) -> Row:
        start = self.place
        items: list[Node] = []
        while self.place < len(self.tokens):
            piece = self.here()
            if piece in ("}", r"\right", "&", r"\\") or piece.startswith(r"\end"):
                break
            if piece.isspace() or piece in _NOTHING:
                self.place += 1
            elif piece in "^_'":
                items[-1:] = [self.scripts(items[-1] if items else Row("{}", ()))]
            else:
                items.append(self.node())
        return Row(self.since(start), tuple(items))

    def scripts(self, base: Node) -> Scripts:
        """Indices, powers and primes that stand behind a base, in any order."""
        place = self.place
        below: Row | None = None
        above: list[Node] = []
        while (piece := self.here()) in ("^", "_", "'"):
            self.place += 1
            if piece == "'":
                above.append(Atom("'"))
            elif piece == "_":
                below = self.argument()
            else:
                above.append(self.argument())
            mark = self.place
            self.blank()
            if self.here() not in ("^", "_", "'"):
                self.place = mark
        source = base.source + self.since(place)
        return Scripts(source, base, below, Row(" ".join(n.source for n in above), tuple(above)) if above else None)

    def argument(self) -> Row:
        self.blank()
        if self.here() == "{":
            return self.group()
        digits, start = self.here(), self.starts[self.place]
        if digits.isdigit():  # without braces only the first digit of a number is meant
            self.tokens[self.place : self.place + 1] = list(digits)
            self.starts[self.place : self.place + 1] = range(start, start + len(digits))
        node = self.node()
        return Row(node.source, (node,))

    def group(self) -> Row:
        start = self.place
        self.expect("{")
        row = self.row()
        self.expect("}")
        return Row(self.since(start), row.items, braced=True)

    def raw(self) -> str:
        """What stands between braces, unread."""
        self.blank()
        self.expect("{")
        start, depth = self.place, 1
        while depth:
            piece = self.next()
            depth += (piece == "{") - (piece == "}")
        return self.tex[self.starts[start] : self.starts[self.place - 1]]

    def node(self) -> Node:
        start, piece = self.place, self.here()
        if piece == "{":
            return self.group()
        self.next()
        if piece in _QUOTIENTS:
            over, under = self.argument(), self.argument()
            return Quotient(self.since(start), piece, over, under)
        if piece in _WORDS:
            body = self.raw()
            return Words(self.since(start), piece, body)
        if piece in _ACCENTS:
            option = self.option()
            body_row = self.argument()
            return Accent(self.since(start), piece, body_row, option)
        if piece == r"\left":
            return self.fence(start)
        if piece == r"\substack":
            return self.stack(start)
        if piece.startswith(r"\begin"):
            return self.grid(start, piece[piece.index("{") + 1 : -1])
        if _SIZED.match(piece):
            self.next()
        if piece in (r"\,", r"\;", r"\:", r"\!", r"\ ", r"\quad", r"\qquad", "~"):
            return Space(piece)
        return Atom(self.since(start))

    def option(self) -> str:
        if self.here() != "[":
            return ""
        text = ""
        while (piece := self.next()) != "]":
            text += piece
        return text[1:]

    def fence(self, start: int) -> Fence:
        self.blank()
        opening = self.next()
        body = self.row()
        self.expect(r"\right")
        self.blank()
        closing = self.next()
        return Fence(self.since(start), opening, closing, body)

    def stack(self, start: int) -> Grid:
        """Rows below each other, as the limits of a double sum."""
        self.blank()
        self.expect("{")
        rows = [(self.row(),)]
        while (piece := self.next()) == r"\\":
            rows.append((self.row(),))
        if piece != "}":
            msg = rf"\substack is not closed in the formula {self.tex!r}"
            raise ValueError(msg)
        return Grid(self.since(start), "substack", tuple(rows))

    def grid(self, start: int, environment: str) -> Grid:
        rows: list[tuple[Row, ...]] = []
        cells: list[Row] = []
        if environment == "array":
            self.raw()
        while True:
            cells.append(self.row())
            piece = self.next()
            if piece != "&":
                rows.append(tuple(cells))
                cells = []
            if piece.startswith(r"\end"):
                break
            if piece not in ("&", r"\\"):
                msg = f"{environment} is not closed in the formula {self.tex!r}"
                raise ValueError(msg)
        kept = tuple(row for row in rows if any(cell.items for cell in row)) or ((Row("", ()),),)
        return Grid(self.since(start), environment, kept)
