r"""How wide TeX sets a formula, in ems of the fount: the widths of Computer Modern and TeX's spaces.

An estimate that is right within some percent: enough to decide where a line ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch

from carleman_ssm.printing.tex_tree import (
    Accent,
    Atom,
    Fence,
    Grid,
    Node,
    Quotient,
    Row,
    Scripts,
    Space,
    Words,
    commands,
    parse,
)

DISPLAY, TEXT, SCRIPT, SMALL = range(4)
_SIZES = (1.04, 1.04, 0.82, 0.71)  # a little wider than the founts: a line that is too short does no harm

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WIDTHS = (
    "750 809 786 856 796 782 786 912 518 651 921 681 1079 912 791 781 791 767 671 723 792 806 1083 907 803 754 "
    "529 429 433 520 466 597 513 576 345 469 552 318 878 600 485 503 482 479 469 361 572 521 743 572 526 509"
)
_ITALIC = {
    **dict(zip(_LETTERS, map(int, _WIDTHS.split()), strict=True)),
    **dict.fromkeys("0123456789", 500),
    **dict.fromkeys(",.;:!|()[]'", 389),
    **dict.fromkeys("+-=<>", 778),
    "*": 500,
    "/": 500,
}
_NARROW_WORDS = dict.fromkeys("fijlrt.,;:!'|()[] ", 333)
_WIDE_WORDS = dict.fromkeys("mwMW", 833)
_SPACES = {r"\,": 0.167, r"\:": 0.222, r"\;": 0.278, r"\!": -0.167, r"\quad": 1.0, r"\qquad": 2.0}
_COMMANDS = {
    **dict.fromkeys(commands("langle rangle cdot colon mid lfloor rfloor") | {r"\{", r"\}"}, 0.45),
    **dict.fromkeys(commands("iota sigma tau kappa rho nu gamma epsilon delta zeta xi ell partial prime"), 0.54),
    **dict.fromkeys(commands("infty to mapsto rightarrow"), 1.0),
    **dict.fromkeys(commands("dots ldots cdots"), 1.17),
}
_OPERATORS = commands("sum prod int bigoplus bigotimes")
_FUNCTIONS = commands("sin cos tan cot sec csc exp log ln sinh cosh tanh max min arg det lim sup inf")
_SIGNS = frozenset({"+", "-", r"\pm", r"\mp"})
_BINARY = _SIGNS | commands("cdot times otimes oplus circ wedge vee bmod ast odot")
_RELATIONS = {"=", "<", ">", ":"} | commands(
    "le leq ge geq ne neq to mapsto in notin equiv approx sim colon mid subset subseteq propto rightarrow gets "
    "Rightarrow Leftrightarrow iff succ prec ll gg"
)
_TALL = ((1.35, 0.42), (1.9, 0.53), (2.6, 0.67), (3.2, 0.78))


def width(tex: str) -> float:
    r"""The width of a formula in display style, in ems.

    Examples
    --------
    >>> round(width("x"), 2), round(width(r"\frac{x + y}{2}") - width("x + y"), 2)
    (0.59, 0.24)
    """
    return row_width(parse(tex).items, DISPLAY)


def kind(node: Node) -> str:
    """What decides the space beside a node: ord, bin, rel, op, punct, inner or space."""
    if isinstance(node, Scripts):
        return kind(node.base) if kind(node.base) in ("op", "space") else "ord"
    if isinstance(node, Space):
        return "space"
    if isinstance(node, Words) and node.command == r"\operatorname":
        return "op"
    if isinstance(node, Fence) or (isinstance(node, Quotient) and node.command != r"\binom"):
        return "inner"
    if not isinstance(node, Atom):
        return "ord"
    text = node.source
    if text in _BINARY:
        return "bin"
    if text in _RELATIONS:
        return "rel"
    if text in _OPERATORS or text in _FUNCTIONS:
        return "op"
    return "punct" if text in (",", ";") else "ord"


def is_sign(node: Node) -> bool:
    """A plus or a minus."""
    return isinstance(node, Atom) and node.source in _SIGNS


def is_operator(node: Node) -> bool:
    """A sum, a product or an integral, with or without its limits."""
    return is_operator(node.base) if isinstance(node, Scripts) else isinstance(node, Atom) and node.source in _OPERATORS


def row_width(items: Iterable[Node], style: int, before: str = "") -> float:
    """The width of nodes beside each other; `before` is the kind of what stands in front of them."""
    total, size = 0.0, _SIZES[style]
    for item in items:
        now = kind(item)
        if now == "space":
            total += _SPACES.get(item.source, 0.3) * size
            continue
        if now == "bin" and before in ("", "bin", "rel", "op", "punct"):
            now = "ord"
        total += _gap(before, now, style) * size + node_width(item, style)
        before = now
    return total


def _gap(before: str, now: str, style: int) -> float:
    pair = {before, now}
    if not before:
        return 0.0
    if "op" in pair and not pair & {"bin", "rel", "punct"}:
        return 0.167
    if style >= SCRIPT:
        return 0.0
    if "rel" in pair:
        return 0.0 if pair == {"rel"} else 0.278
    if "bin" in pair:
        return 0.222
    return 0.167 if before == "punct" or "inner" in pair else 0.0


@singledispatch
def node_width(node: Node, style: int) -> float:
    """The width of one node."""
    return _atom(node.source, style) * _SIZES[style]


def _atom(text: str, style: int) -> float:
    if text in _OPERATORS:
        return 1.44 if style == DISPLAY else 1.06
    if text in _FUNCTIONS:
        return 0.5 * (len(text) - 1)
    if text.startswith("\\"):
        return _COMMANDS.get(text, 0.458 if text[1:4].lower() == "big" else 0.66 if text[1:2].islower() else 0.8)
    return sum(_ITALIC.get(character, 600) for character in text) / 1000  # a number has several


@node_width.register
def _(node: Row, style: int) -> float:
    return row_width(node.items, style)


@node_width.register
def _(node: Words, style: int) -> float:
    plain, *formulas = node.body.split("$")[::2], *node.body.split("$")[1::2]
    letters = "".join(plain).replace("\\", "")
    upright = sum(_NARROW_WORDS.get(c, _WIDE_WORDS.get(c, 520)) for c in letters) / 1000 * _SIZES[style]
    return float(upright + sum(row_width(parse(formula).items, max(style, TEXT)) for formula in formulas))


@node_width.register
def _(node: Quotient, style: int) -> float:
    style = DISPLAY if node.command == r"\dfrac" else style
    inner = min(style + 1, SMALL)
    widest = max(row_width(node.over.items, inner), row_width(node.under.items, inner))
    return widest + (0.24 if node.command != r"\binom" else 1.5) * (1 if style < SCRIPT else 0.8)


@node_width.register
def _(node: Accent, style: int) -> float:
    return row_width(node.body.items, style) + (0.85 * _SIZES[style] if node.command == r"\sqrt" else 0.0)


@node_width.register
def _(node: Fence, style: int) -> float:
    height = tall(node.body, style)
    bracket = next((wide for high, wide in _TALL if height <= high), 0.88) * _SIZES[style]
    return row_width(node.body.items, style) + bracket * ((node.opening != ".") + (node.closing != "."))


@node_width.register
def _(node: Grid, style: int) -> float:
    columns = max(map(len, node.rows))
    inner = max(style, TEXT)
    widest = [max(row_width(row[c].items, inner) for row in node.rows if c < len(row)) for c in range(columns)]
    brackets = 0.0 if node.environment in ("matrix", "aligned", "array", "substack") else 1.0
    return sum(widest) + 1.0 * (columns - 1) + brackets


@node_width.register
def _(node: Scripts, style: int) -> float:
    inner = SCRIPT if style < SCRIPT else SMALL
    beside = [row_width(row.items, inner) for row in (node.below, node.above) if row is not None]
    base = node_width(node.base, style)
    if style == DISPLAY and isinstance(node.base, Atom) and node.base.source in (r"\sum", r"\prod", r"\lim", r"\max"):
        return max(base, *beside)
    return base + max(beside) + 0.05


def tall(node: Node, style: int = DISPLAY) -> float:
    """The height of a node in lines, about."""
    if isinstance(node, Row):
        return max((tall(item, style) for item in node.items), default=1.0)
    if isinstance(node, Quotient):
        style = DISPLAY if node.command == r"\dfrac" else style
        inner = min(style + 1, SMALL)
        return (tall(node.over, inner) + tall(node.under, inner)) * (1.0 if style < SCRIPT else 0.9)
    if isinstance(node, Fence):
        return tall(node.body, style)
    if isinstance(node, Accent):
        return tall(node.body, style) + 0.2
    if isinstance(node, Grid):
        return sum(max(max((tall(cell, TEXT) for cell in row), default=1.0), 1.2) for row in node.rows)
    if isinstance(node, Scripts):
        more = 1.2 if is_operator(node) and style == DISPLAY else 0.3
        return tall(node.base, style) + more
    if isinstance(node, Atom) and node.source in _OPERATORS and style == DISPLAY:
        return 1.6
    return _SIZES[style]
