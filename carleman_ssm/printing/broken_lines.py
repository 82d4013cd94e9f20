r"""Where a formula that is too wide for a line is broken: between terms, then between factors, then inside.

Parentheses that are opened get a fixed size (``\left`` and ``\right`` have to stand on one line), a wide power of e is
written as exp, and a wide quotient as a product. What cannot be broken, as a matrix or what stands under a root, gets
a letter of its own: `Abbreviations` collects what the letters stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from carleman_ssm.printing.pieces import STEP, Piece, filled
from carleman_ssm.printing.set_width import DISPLAY, TEXT, is_operator, is_sign, kind, row_width, tall, width
from carleman_ssm.printing.tex_tree import Accent, Atom, Fence, Grid, Node, Quotient, Row, Scripts, Space, Words, parse
from carleman_ssm.printing.tex_tree import bare as _bare

_LETTER = r"\mathcal{Q}"
"""Stands for what a display explains below itself, and for nothing else in the package."""
_HEIGHTS = ((1.35, "big"), (1.9, "Big"), (2.8, "bigg"))


class Abbreviations:
    """Letters for parts of a formula that fit no line and cannot be broken, with what they stand for."""

    def __init__(self) -> None:
        self.definitions: dict[str, Node] = {}
        self._explained: set[str] = set()

    def unexplained(self) -> str | None:
        """The next letter that is yet to be explained; asking counts as explaining."""
        name = next((letter for letter in self.definitions if letter not in self._explained), None)
        if name is not None:
            self._explained.add(name)
        return name

    def letter(self, body: Node) -> str:
        """The letter of a part; equal parts have one."""
        for name, known in self.definitions.items():
            if known.source == body.source:
                return name
        name = f"{_LETTER}_{{{len(self.definitions) + 1}}}"
        self.definitions[name] = body
        return name


def broken(tex: str, line: float, folds: Abbreviations, first: float | None = None) -> list[str]:
    r"""A formula on lines that are at most `line` ems wide; the first one at most `first`.

    Examples
    --------
    >>> print(*broken(r"c \left(a_{1} + b^{2} - 3 d\right)^{2}", 7, Abbreviations()), sep="\n")
    c \bigl( a_{1} + b^{2}
    \qquad - 3 d \bigr) ^{2}
    >>> folds = Abbreviations()
    >>> broken(r"\sqrt{a + b + c + d}", 4, folds), list(folds.definitions)
    (['\\sqrt{\\mathcal{Q}_{1}}'], ['\\mathcal{Q}_{1}'])
    """
    first = line if first is None else first
    row = parse(tex)
    if row_width(row.items, DISPLAY) <= first:
        return [tex.strip()]
    return filled(_terms(row.items, min(first, line - STEP), 0, folds), line, first)


def text_lines(text: str, line: float) -> list[str]:
    r"""Prose as lines of ``\text{…}``; formulas between dollars stay whole.

    Examples
    --------
    >>> print(*text_lines("a binomial $x^2$ of two letters", 8), sep="\n")
    \text{a binomial $x^2$ of}
    \text{two letters}
    """
    lines: list[str] = []
    for word in _words(text):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width(rf"\text{{{longer}}}") <= line:
            lines[-1] = longer
        else:
            lines.append(word)
    return [rf"\text{{{words}}}" for words in lines]


def _source(items: Iterable[Node]) -> str:
    return " ".join(item.source for item in items)


def _terms(items: Sequence[Node], limit: float, depth: int, folds: Abbreviations) -> list[Piece]:
    """Broken behind every comma or, if there is none, before every relation or, if there is none, every sign."""
    terms = _split(items)
    if len(terms) == 1:
        return _factors(items, limit, depth, folds)
    pieces: list[Piece] = []
    for number, term in enumerate(terms):
        wide = row_width(term, DISPLAY, "ord" if number else "")
        if wide <= limit:
            pieces.append(Piece(_source(term), wide, 2 * depth))
        else:
            first, *rest = _terms(term, limit, depth + (len(_split(term)) > 1), folds)
            pieces += [replace(first, level=2 * depth, factor=False), *rest]
    return pieces


def _split(items: Sequence[Node]) -> list[list[Node]]:
    kinds = {kind(item) for item in items}
    for outermost in ("punct", "rel", "sign"):
        if outermost == "sign" or outermost in kinds:
            terms = _split_at(items, outermost)
            if len(terms) > 1:
                return terms
    return [list(items)]


def _split_at(items: Sequence[Node], mark: str) -> list[list[Node]]:
    terms: list[list[Node]] = [[]]
    for item in items:
        before = kind(terms[-1][-1]) if terms[-1] else ""
        here = is_sign(item) if mark == "sign" else kind(item) == mark
        if here and mark != "punct" and before not in ("", "bin", "rel", "op", "space"):
            terms.append([])
        terms[-1].append(item)
        if here and mark == "punct":
            terms.append([])
    return [term for term in terms if term]


def _factors(items: Sequence[Node], limit: float, depth: int, folds: Abbreviations) -> list[Piece]:
    pieces: list[Piece] = []
    for group in _groups(items):
        wide = row_width(group, DISPLAY, "ord" if pieces else "")
        new = [Piece(_source(group), wide, 2 * depth + 1)] if wide <= limit else _widest(group, limit, depth, folds)
        product = bool(pieces) and kind(group[0]) not in ("bin", "rel") and not isinstance(group[0], Words)
        pieces += [replace(new[0], level=2 * depth + 1, factor=product), *new[1:]]
    return pieces


def _groups(items: Sequence[Node]) -> list[list[Node]]:
    """Factors, each with the sign, sum or function in front of it and the factorial behind it."""
    groups: list[list[Node]] = []
    glued = True
    for item in items:
        argument = isinstance(item, Row) and isinstance(_bare(item), Fence)
        if groups and (glued or argument or isinstance(item, Space) or item.source == "!"):
            groups[-1].append(item)
        else:
            groups.append([item])
        glued = kind(item) in ("bin", "op", "rel") or isinstance(item, Space) or is_operator(item) or _derivative(item)
    return groups


def _derivative(item: Node) -> bool:
    if not (isinstance(item, Quotient) and item.over.items and item.under.items):
        return isinstance(item, Atom) and item.source == "d"
    marks = [row.items[0].source.split("^")[0] for row in (item.over, item.under)]
    return marks in (["d", "d"], [r"\partial", r"\partial"])


def _widest(group: Sequence[Node], limit: float, depth: int, folds: Abbreviations) -> list[Piece]:
    """The widest node of a factor is opened; what stands before and behind it stays beside it."""
    place = max(range(len(group)), key=lambda n: row_width([group[n]], DISPLAY))
    before, after = group[:place], group[place + 1 :]
    pieces = _open(group[place], limit - row_width([*before, *after], DISPLAY) - 0.5, depth, folds)
    return _enclosed(pieces, _source(before), _source(after))


def _enclosed(pieces: Sequence[Piece], before: str, after: str) -> list[Piece]:
    """With what goes in front of the first piece and behind the last one."""
    first, *rest = pieces
    head = replace(first, text=f"{before} {first.text}".strip(), width=first.width + _wide(before), factor=False)
    *inner, last = [head, *rest]
    return [*inner, replace(last, text=f"{last.text} {after}".strip(), width=last.width + _wide(after))]


def _wide(text: str) -> float:
    """Of a piece of source that may hold half a pair of parentheses or a power without its base."""
    return 0.2 + width("x" + text if text.startswith(("^", "_")) else text) if text else 0.0


def _open(node: Node, limit: float, depth: int, folds: Abbreviations) -> list[Piece]:
    """A node that is too wide for a line, in pieces."""
    limit = max(limit, 3.0)
    if row_width([node], DISPLAY) <= limit:
        return [Piece(node.source, row_width([node], DISPLAY), 2 * depth)]
    if isinstance(node, Row):
        inner = _bare(node)
        if not isinstance(inner, Row):
            return _open(inner, limit, depth, folds)
        return (
            _parenthesised(inner, limit, depth, folds)
            if len(_split(inner.items)) > 1
            else _factors(inner.items, limit, depth, folds)
        )
    if isinstance(node, Fence) and (alone := _only_entry(node)) is not None:
        return _fenced(node.opening, alone, node.closing, limit, depth, folds)
    if isinstance(node, Fence) and not isinstance(_bare(node.body), Grid):
        return _fenced(node.opening, node.body, node.closing, limit, depth, folds)
    if isinstance(node, Scripts):
        return _scripts(node, limit, depth, folds)
    if isinstance(node, Quotient) and node.command != r"\binom":
        return _quotient(node, limit, depth, folds)
    if isinstance(node, Grid) and node.environment == "cases":
        text = _cases(node, limit, folds)
        return [Piece(text, width(text), 2 * depth)]
    if isinstance(node, Words):
        return [Piece(rf"{node.command}{{{word} }}", 0.5 * len(word) + 0.3, 2 * depth) for word in _words(node.body)]
    if isinstance(node, Accent) and width(node.body.source) > 2.0:
        option = f"[{node.option}]" if node.option else ""
        return [_piece(rf"{node.command}{option}{{{folds.letter(_inside(node.body))}}}", depth)]
    return (
        [_piece(folds.letter(node), depth)]
        if isinstance(node, Fence | Grid | Quotient) and width(node.source) > 2.5
        else [Piece(node.source, width(node.source), 2 * depth)]
    )


def _only_entry(node: Fence) -> Row | None:
    """The entry of a matrix of one row and one column."""
    grid = _bare(node.body)
    single = isinstance(grid, Grid) and grid.environment == "matrix" and [len(row) for row in grid.rows] == [1]
    return grid.rows[0][0] if isinstance(grid, Grid) and single else None


def _piece(text: str, depth: int) -> Piece:
    return Piece(text, width(text), 2 * depth)


def _inside(row: Row) -> Node:
    """A row without its braces."""
    return Row(row.source[1:-1].strip(), row.items) if row.braced else row


def _words(body: str) -> list[str]:
    """Words of a text; formulas between dollars stay whole, with what touches them."""
    marked = "$".join(part.replace(" ", "\0") if n % 2 else part for n, part in enumerate(body.split("$")))
    return [word.replace("\0", " ") for word in marked.split()]


def _parenthesised(row: Row, limit: float, depth: int, folds: Abbreviations) -> list[Piece]:
    return _fenced("(", row, ")", limit, depth, folds)


def _fenced(opening: str, body: Row, closing: str, limit: float, depth: int, folds: Abbreviations) -> list[Piece]:
    r"""``\bigl( … \bigr)``, with breaks inside that cut deeper."""
    height = tall(body)
    size = next((name for high, name in _HEIGHTS if height <= high), "Bigg")
    pieces = _terms(body.items, limit - 1.6, depth + 1, folds)
    return _enclosed(pieces, rf"\{size}l{opening}", rf"\{size}r{closing}")


def _scripts(node: Scripts, limit: float, depth: int, folds: Abbreviations) -> list[Piece]:
    base, tail = _bare(node.base), node.source[len(node.base.source) :]
    if node.above is not None and node.below is None and node.base.source == "e":
        return _fenced_power(node.above, limit, depth, folds)
    if width("x" + tail) - 0.5 <= limit / 2:
        if isinstance(base, Fence):
            return _enclosed(_open(base, limit - _wide(tail), depth, folds), "", tail)
        letter = folds.letter(_inside(node.base) if isinstance(node.base, Row) else node.base)
        return [_piece(f"{{{letter}}}{tail}", depth)]
    text = node.base.source
    for mark, row in (("_", node.below), ("^", node.above)):
        if row is not None:
            inner = _bare(row)
            short = width(row.source) <= limit / 2
            text += mark + (
                row.source if short and row.source.startswith("{") else f"{{{_short(inner, short, folds)}}}"
            )
    return [_piece(text, depth)]


def _short(node: Node, short: bool, folds: Abbreviations) -> str:
    body = _inside(node) if isinstance(node, Row) else node
    return body.source if short else folds.letter(body)


def _fenced_power(power: Row, limit: float, depth: int, folds: Abbreviations) -> list[Piece]:
    inner = _bare(power)
    row = inner if isinstance(inner, Row) else Row(inner.source, (inner,))
    return _enclosed(_fenced("(", row, ")", limit - 2.0, depth, folds), r"\exp", "")


def _quotient(node: Quotient, limit: float, depth: int, folds: Abbreviations) -> list[Piece]:
    """A wide numerator stands behind one over the denominator; a wide denominator is a factor to the power -1."""
    if width(node.under.source) > limit / 3:
        below = _enclosed(_parenthesised(node.under, limit - 2.5, depth, folds), "", "^{-1}")
        if node.over.source.strip("{}") == "1":
            return below
        above = _numerator(node.over, limit, depth, folds)
        return [*above, replace(below[0], level=2 * depth + 1, factor=True), *below[1:]]
    head = rf"\frac{{1}}{{{_inside(node.under).source}}}\,"
    return _enclosed(_numerator(node.over, limit - width(head), depth, folds), head, "")


def _numerator(over: Row, limit: float, depth: int, folds: Abbreviations) -> list[Piece]:
    if len(_split(over.items)) > 1:
        return _parenthesised(over, limit, depth, folds)
    return _factors(over.items, limit, depth, folds)


def _cases(node: Grid, limit: float, folds: Abbreviations) -> str:
    """Cases whose values go on in further rows; the condition stands in the last one."""
    conditions = max((row_width(row[1].items, TEXT) for row in node.rows if len(row) > 1), default=0.0)
    room = max(limit - min(conditions, 0.4 * limit) - 2.5, 3.0)
    rows = []
    for value, *condition in node.rows:
        lines = broken(value.source, room, folds)
        last = condition[0].source if condition else ""
        asked = broken(last, 0.4 * limit, folds) if conditions > 0.4 * limit else [last]
        rows += [f"{line} &" for line in lines[:-1]] + [
            f"{lines[-1]} & {asked[0]}",
            *(f"& {more}" for more in asked[1:]),
        ]
    body = " \\\\ ".join(rows)
    return rf"\begin{{cases}}{body}\end{{cases}}"
