r"""How wide a printed formula is set, and where one that is too wide for a line may be broken.

Works on the text of a formula: inside parentheses before a plus or minus, whose parentheses then get a fixed size
(``\left`` and ``\right`` have to stand on one line), or between the factors of a wide numerator.
"""

from __future__ import annotations

import re
from itertools import pairwise, zip_longest

_SMALL = 0.7  # size of indices and powers
_SPACED = 1.0  # what a sign or a sum takes beyond a character
_MATRIX = re.compile(r"\\begin\{[a-z]*matrix\}(.*?)\\end\{[a-z]*matrix\}", re.DOTALL)
_NAMES = re.compile(
    r"\\(?:left|right|[bB]ig{1,2}[lr]|begin|end|displaystyle|quad|qquad|overline|bar|tilde|hat|[,;!])(?![A-Za-z])"
)
_SIGN = re.compile(r" (?=[-+] )")
_SHORT = 4.0
"""A divisor is short when its quotient is so many times as wide."""
_OPEN, _CLOSE = r"\left(", r"\right)"


def width(text: str) -> float:
    r"""About how many characters wide a formula is set: columns of a matrix side by side, indices as 0.7.

    Examples
    --------
    >>> width(r"\alpha b"), width(r"\frac{\beta_{1}}{2}"), width(r"\begin{matrix}a & bc\\d & e\end{matrix}")
    (2.0, 1.7, 7.0)
    """
    apart = _MATRIX.sub(lambda found: "x" * round(_columns(found[1])), text)
    plain = _fractions(apart)
    small = sum(len(_plain(piece)) for piece in re.findall(r"[_^]\{([^{}]*)\}", plain))
    spaced = len(re.findall(r"[-+=]|\\sum", plain))
    return len(_plain(plain)) - (1 - _SMALL) * small + _SPACED * spaced


def _columns(inside: str) -> float:
    """The widest entries of all columns, with what stands between them and the brackets."""
    rows = [[width(entry) for entry in row.split("&")] for row in inside.split(r"\\")]
    return sum(max(column) for column in zip_longest(*rows, fillvalue=0.0)) + 2.0 * max(map(len, rows))


def _fractions(text: str) -> str:
    r"""Innermost first, ``\frac{a}{b}`` becomes the longer one of both."""
    inner = r"((?:[^{}]|\{[^{}]*\})*)"
    found = re.compile(rf"\\frac\{{{inner}\}}\{{{inner}\}}")
    while True:
        shorter = found.sub(lambda m: max(m[1], m[2], key=lambda part: len(_plain(part))), text)
        if shorter == text:
            return text
        text = shorter


def _plain(text: str) -> str:
    return re.sub(r"[{}^_&\s]", "", re.sub(r"\\[A-Za-z]+", "x", _NAMES.sub("", text)))


def broken_term(text: str, line: float) -> list[str]:
    r"""A term on lines of about `line` characters, or as few more as its signs and factors allow.

    Examples
    --------
    >>> print(*broken_term(r"c \left(a_{1} + b^{2} - 3 d\right)^{2}", 10), sep="\n")
    c \bigl(a_{1} + b^{2}
    - 3 d\bigr)^{2}
    >>> print(*broken_term(r"\frac{a b f{\left(c + d\right)}}{c + d}", 6), sep="\n")
    a b
    \cdot \frac{f{\left(c + d\right)}}{c + d}
    """
    if width(text) <= line:
        return [text]
    return _packed(_pieces(text, line), line)


def _pieces(text: str, line: float) -> list[str]:
    """Short pieces that give the term one behind the other; the term itself where it cannot be broken."""
    pieces = _opened(text) or _factored(text)
    if not pieces:
        return [text]
    return [small for piece in pieces for small in (_pieces(piece, line) if width(piece) > line else [piece])]


def _packed(pieces: list[str], line: float) -> list[str]:
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if width(lines[-1]) + width(piece) <= line:
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return lines


def _opened(text: str) -> list[str]:
    """Broken at the signs inside the widest parentheses that are in no braces."""
    groups = [(start, end) for start, end in _groups(text) if _signs(text[start:end])]
    if not groups:
        return []
    start, end = max(groups, key=lambda group: width(text[slice(*group)]))
    inner = text[start:end]
    marks = [0, *_signs(inner), len(inner)]
    first, *rest = (inner[one:other].strip() for one, other in pairwise(marks))
    head = rf"{text[: start - len(_OPEN)]}\bigl({first}"
    return [head, *rest[:-1], rf"{rest[-1]}\bigr){text[end + len(_CLOSE) :]}"]


def _factored(text: str) -> list[str]:
    r"""A wide quotient: its short denominator in front, or the last factors of both on a line of their own.

    ``\frac{a b c}{d}`` becomes ``\frac{1}{d}\, a b c``, or ``a b`` and ``\cdot \frac{c}{d}``.
    """
    for start in (found.start() for found in re.finditer(r"\\frac\{", text)):
        if _depth(text[:start]):
            continue
        middle = _matching(text, start + len(r"\frac"))
        end = _matching(text, middle)
        before, after, divisor = text[:start], text[end:], text[middle:end]
        numerator = text[start + len(r"\frac{") : middle - 1]
        if _SHORT * width(divisor) < width(numerator):
            whole = rf"\left({numerator}\right)" if _signs(numerator) else numerator
            return [rf"{before}\frac{{1}}{divisor}\, {whole}{after}"]
        factors = _top(numerator, re.compile(" "))
        if factors and not _signs(numerator):
            last = factors[-1]
            return [f"{before}{numerator[:last]}", rf"\cdot \frac{{{numerator[last:].strip()}}}{divisor}{after}"]
    return []


def _matching(text: str, start: int) -> int:
    """Where the braces that open at `start` have closed."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return place + 1
    return len(text)


def _signs(text: str) -> list[int]:
    """Places of signs between terms that are in no braces and no parentheses."""
    return _top(text, _SIGN)


def _top(text: str, wanted: re.Pattern[str]) -> list[int]:
    return [
        found.start()
        for found in wanted.finditer(text)
        if found.start() and _depth(text[: found.start()]) == 0 and not text[: found.start()].endswith(r"\,")
    ]


def _depth(text: str) -> int:
    """How many braces and parentheses are open behind a text."""
    opened = text.count("{") + text.count(r"\left") + len(re.findall(r"\\[bB]ig{1,2}l", text))
    return opened - text.count("}") - text.count(r"\right") - len(re.findall(r"\\[bB]ig{1,2}r", text))


def _groups(text: str) -> list[tuple[int, int]]:
    """Insides of the outermost pairs of parentheses that are in no braces."""
    groups, start = [], 0
    for found in re.finditer(r"\\left\(|\\right\)", text):
        before = _depth(text[: found.start()])
        if found.group() == _OPEN and before == 0:
            start = found.end()
        elif found.group() == _CLOSE and before == 1 and start:
            groups.append((start, found.start()))
            start = 0
    return groups
