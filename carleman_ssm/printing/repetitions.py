r"""Parts that a long display repeats: each gets a letter, so that the display is short enough to read.

Literal: only what is printed alike counts as a repetition, and a letter stands for exactly what it replaces.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from carleman_ssm.printing.broken_lines import Abbreviations
from carleman_ssm.printing.set_width import DISPLAY, node_width, width
from carleman_ssm.printing.tex_tree import Accent, Fence, Grid, Node, Quotient, Row, Scripts, parse

_LONG = 3.0  # lines: what is shorter is not touched
_LETTER = 1.4  # em: the width of a letter with its number
_WORTH = 4.0  # em: a part has to be wider, and its letter to save more than twice as much
_MOST = 6
_APPLIED = r"(\\varphi_\{\d+\}(?:\^\{[^{}]*\})?\s*)"


def shortened(sides: Sequence[str], line: float, folds: Abbreviations) -> list[str]:
    r"""The sides of a statement with letters for what they repeat, if they are long.

    Parameters
    ----------
    sides
        TeX.
    line
        Width of a line in ems.
    folds
        Knows the letters that were given before, and takes the new ones.

    Examples
    --------
    >>> folds = Abbreviations()
    >>> part = r"\left(a + b + c + d\right)"
    >>> shortened([f"x {part} + y {part} - {part}^{{2}}"], 4, folds)
    ['x \\mathcal{Q}_{1} + y \\mathcal{Q}_{1} - \\mathcal{Q}_{1}^{2}']
    >>> folds.definitions["\\mathcal{Q}_{1}"].source
    'a + b + c + d'
    """
    texts = list(sides)
    for name, body in folds.definitions.items():
        texts = [_replaced(text, body.source, name) for text in texts]
    for _ in range(_MOST):
        if sum(map(width, texts)) <= _LONG * line:
            break
        best = _best(texts)
        if best is None:
            break
        name = folds.letter(best)
        texts = [_replaced(text, best.source, name) for text in texts]
    return texts


def _best(texts: Sequence[str]) -> Node | None:
    """The part whose letter saves most."""
    found: dict[str, Node] = {}
    counts: Counter[str] = Counter()
    for text in texts:
        for node in _parts(parse(text)):
            found.setdefault(node.source, node)
            counts[node.source] += 1
    wide = {source: node_width(node, DISPLAY) for source, node in found.items()}
    savings = {source: (counts[source] - 1) * (wide[source] - _LETTER) for source in found}
    worthy = [source for source in found if wide[source] > _WORTH and savings[source] > 2 * _WORTH]
    return found[max(worthy, key=savings.__getitem__)] if worthy else None


def _parts(node: Node) -> Iterator[Node]:
    """What a letter can stand for: what is in parentheses, quotients, exponentials, roots and conjugates."""
    if isinstance(node, Fence):
        matrix = len(node.body.items) == 1 and isinstance(node.body.items[0], Grid)
        yield node if matrix or node.opening != "(" else node.body
        yield from _parts(node.body)
    elif isinstance(node, Row):
        for item in node.items:
            yield from _parts(item)
    elif isinstance(node, Quotient):
        yield node
        yield from _parts(node.over)
        yield from _parts(node.under)
    elif isinstance(node, Accent):
        yield node
        yield from _parts(node.body)
    elif isinstance(node, Grid):
        for row in node.rows:
            for cell in row:
                yield from _parts(cell)
    elif isinstance(node, Scripts):
        if node.base.source == "e" and node.below is None:
            yield node
        yield from _parts(node.base)
        if node.above is not None:
            yield from _parts(node.above)


def _replaced(text: str, body: str, name: str) -> str:
    """Parentheses around a part vanish with it, unless a function is applied to them."""
    inside = rf"\\left\(\s*{re.escape(body)}\s*\\right\)"
    text = re.sub(_APPLIED + inside, lambda found: rf"{found[1]}\left({name}\right)", text)
    text = re.sub(inside, lambda _: name, text)
    return text if _is_sum(body) else text.replace(body, name)


def _is_sum(body: str) -> bool:
    """A sum outside parentheses is part of a longer one: only its parentheses say where it begins and ends."""
    return len(parse(body).items) > 1
