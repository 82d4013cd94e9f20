r"""Quotients that would be set small: with a slash in powers, indices and other quotients, large in matrices."""

from __future__ import annotations

from functools import singledispatch

from carleman_ssm.printing.set_width import DISPLAY, SCRIPT, SMALL, TEXT, is_sign, kind, row_width
from carleman_ssm.printing.tex_tree import Accent, Fence, Grid, Node, Quotient, Row, Scripts, parse

_CELL = -1  # the style of a matrix's entries, where quotients are made as large as in a display
_COMMANDS = (r"\frac", r"\dfrac", r"\tfrac", r"\binom")
_SHORT = 3.0  # em: above and below


def with_slashes(tex: str) -> str:
    r"""The formula with ``a / b`` for quotients in powers, in indices, and short ones in quotients.

    Examples
    --------
    >>> print(with_slashes(r"e^{- \frac{t}{2}} \frac{a}{2} + x^{\frac{a + b}{2 c} d}"))
    e^{- t / 2} \frac{a}{2} + x^{\left(\left(a + b\right) / \left(2 c\right)\right) d}
    >>> print(with_slashes(r"\frac{a}{\frac{b}{2} + 1} \begin{bmatrix}\frac{1}{2}\end{bmatrix}"))
    \frac{a}{b / 2 + 1} \begin{bmatrix}\dfrac{1}{2}\end{bmatrix}
    """
    return _slashed(parse(tex), DISPLAY) if r"\frac" in tex else tex


def _slashed(node: Node, style: int) -> str:
    """The source of a node, rebuilt only where it changes."""
    new = _rebuilt(node, style)
    return node.source if new is None else new


@singledispatch
def _rebuilt(_: Node, style: int) -> str | None:  # noqa: ARG001 - the others ask for the style
    return None


@_rebuilt.register
def _(node: Row, style: int) -> str | None:
    texts = [_slashed(item, style) for item in node.items]
    if texts == [item.source for item in node.items]:
        return None
    for place, item in enumerate(node.items[:-1]):
        behind = node.items[place + 1]
        factor = kind(behind) not in ("bin", "rel", "punct", "space") and behind.source not in (")", "]")
        if factor and isinstance(item, Quotient) and not texts[place].startswith(_COMMANDS):
            texts[place] = rf"\left({texts[place]}\right)"
    text = " ".join(texts)
    return f"{{{text}}}" if node.braced else text


@_rebuilt.register
def _(node: Quotient, style: int) -> str | None:
    slash = node.command == r"\frac" and (style >= SCRIPT or (style == TEXT and _short(node)))
    inner = max(style, SCRIPT) if slash else min(max(style, DISPLAY) + 1, SMALL)
    over, under = (_inside(row, inner) for row in (node.over, node.under))
    if slash:
        many = any(is_sign(item) for item in node.over.items[1:])
        above = rf"\left({over}\right)" if many else over
        return f"{above} / " + (rf"\left({under}\right)" if len(node.under.items) > 1 else under)
    command = r"\dfrac" if style == _CELL and node.command == r"\frac" else node.command
    if (command, over, under) == (
        node.command,
        _inside(node.over, DISPLAY, False),
        _inside(node.under, DISPLAY, False),
    ):
        return None
    return f"{command}{{{over}}}{{{under}}}"


def _short(node: Quotient) -> bool:
    return not _derivative(node) and all(row_width(row.items, SCRIPT) <= _SHORT for row in (node.over, node.under))


def _derivative(node: Quotient) -> bool:
    """Whether it is an operator, which has no slash."""
    return node.over.source.strip("{}").split("^")[0] in ("d", r"\partial") and node.under.source.strip("{} ")[:2] in (
        "d ",
        r"\p",
    )


def _inside(row: Row, style: int, change: bool = True) -> str:
    text = _slashed(row, style) if change else row.source
    return text[1:-1].strip() if row.braced else text


@_rebuilt.register
def _(node: Fence, style: int) -> str | None:
    body = _rebuilt(node.body, style)
    return None if body is None else rf"\left{node.opening} {body} \right{node.closing}"


@_rebuilt.register
def _(node: Accent, style: int) -> str | None:
    body = _rebuilt(node.body, style)
    if body is None:
        return None
    option = f"[{node.option}]" if node.option else ""
    return f"{node.command}{option}{body if node.body.braced else f'{{{body}}}'}"


@_rebuilt.register
def _(node: Grid, style: int) -> str | None:
    matrix = style <= DISPLAY and node.environment.endswith("matrix")
    inner = _CELL if matrix else max(style, TEXT)
    rows = [[_slashed(cell, inner) for cell in row] for row in node.rows]
    if rows == [[cell.source for cell in row] for row in node.rows] or node.environment == "array":
        return None
    body = r"\\".join(" & ".join(row) for row in rows)
    if node.environment == "substack":
        return rf"\substack{{{body}}}"
    return rf"\begin{{{node.environment}}}{body}\end{{{node.environment}}}"


@_rebuilt.register
def _(node: Scripts, style: int) -> str | None:
    inner = SCRIPT if style < SCRIPT else SMALL
    base = _rebuilt(node.base, style)
    below = None if node.below is None else _rebuilt(node.below, inner)
    above = None if node.above is None else _rebuilt(node.above, inner)
    if base is below is above is None:
        return None
    text = node.base.source if base is None else base
    for mark, row, new in (("_", node.below, below), ("^", node.above, above)):
        if row is not None:
            inside = row.source if new is None else new
            text += inside if inside.startswith("'") else mark + (inside if inside.startswith("{") else f"{{{inside}}}")
    return text
