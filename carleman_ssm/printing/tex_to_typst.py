r"""TeX's formulas in Typst's notation, for documents where no TeX is installed.

Both notations show the same tree (`tex_tree`), so that what is printed is broken into the same lines in both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import singledispatch

from carleman_ssm.printing.displays import at_mark
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
    bare,
    parse,
)

_NAMES = (
    "le ≤ leq ≤ ge ≥ geq ≥ ne ≠ neq ≠ cdot ⋅ times × to → rightarrow → mapsto ↦ dots … ldots … cdots ⋯ infty ∞ "
    "otimes ⊗ oplus ⊕ partial ∂ top ⊤ langle ⟨ rangle ⟩ pm ± mp ∓ in ∈ notin ∉ sum ∑ prod ∏ int ∫ equiv ≡ "
    "approx ≈ sim ∼ circ ∘ wedge ∧ vee ∨ subset ⊂ subseteq ⊆ cup ∪ cap ∩ setminus ∖ forall ∀ exists ∃ nabla ∇ "
    "ell ℓ prime ′ mid | lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ propto ∝ succ ≻ prec ≺ ll ≪ gg ≫ iff ⇔ Rightarrow ⇒ "
    "Leftrightarrow ⇔ odot ⊙ ast ∗ star ⋆ dagger † hbar ℏ Re ℜ Im ℑ emptyset ∅ perp ⟂ parallel ∥ gets ← bmod mod "
    "varphi φ varepsilon ε vartheta ϑ phi ϕ epsilon ϵ vert | Vert ‖ checkmark ✓ square □ blacksquare ■ "
    "bigoplus ⨁ bigotimes ⨂ leftrightarrow ↔ longrightarrow ⟶ aleph ℵ leftarrow ← varrho ϱ varsigma ς"
)
_SIGNS = dict(zip(_NAMES.split()[::2], _NAMES.split()[1::2], strict=True))
_FUNCTIONS = frozenset(
    re.findall(r"\w+", "sin cos tan cot sec csc exp log ln sinh cosh tanh max min arg det lim sup inf dim ker gcd deg")
)
_ACCENTS = {
    **{"overline": "overline", "bar": "overline", "underline": "underline", "hat": "hat", "widehat": "hat"},
    **{"tilde": "tilde", "widetilde": "tilde", "dot": "dot", "ddot": "dot.double", "vec": "arrow", "mathcal": "cal"},
    **{"mathbf": "bold", "bm": "bold", "boldsymbol": "bold", "mathbb": "bb", "mathit": "italic", "mathsf": "sans"},
    **{"sqrt": "sqrt", "underbrace": "underbrace"},
}
_SPACES = {
    **{r"\,": "thin", r"\:": "med", r"\;": "thick", r"\!": "", r"\ ": "med", "~": "med"},
    **{r"\quad": "quad", r"\qquad": "quad quad"},
}
_SPECIAL = frozenset("#$\"\\&_^/()[]{},;:~*'`@")
_ORDINARY = {
    **{"'": "′", "|": 'class("normal", |)', r"\|": 'class("normal", ‖)', r"\mid": 'class("relation", |)'},
    **{r"\colon": 'class("punctuation", \\:)'},
}
_CONTINUED, _AFTER_NOTHING = re.compile(r"^((?:quad )+)(?=[-+] )"), r'\1"" '  # a sign between two terms, not of one
_SIZES = {"big": 120, "Big": 180, "bigg": 240, "Bigg": 300}
_TEXT_ESCAPE = re.compile(
    r"\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|dots)\{\}|\\ensuremath\{([^{}]*)\}"
    r"|\\([{}$&#%_ ])|(``|''|---|--)"
)
_TEXT_NAMES = {
    **{"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<", "textgreater": ">"},
    **{"textbar": "|", "dots": "…", "``": "“", "''": "”", "---": "—", "--": "–"},
}


def quoted(text: str) -> str:
    """A Typst string: set literally, whatever it contains."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def tex_to_typst(tex: str) -> str:
    r"""A formula of TeX in Typst's math notation; a command that is not known is set as its name.

    Raises
    ------
    ValueError
        The formula is not closed.

    Examples
    --------
    >>> print(tex_to_typst(r"\frac{e^{\lambda_{0}}}{2} \le \overline{x}"))
    frac(attach(e, t: attach(λ, b: 0)), 2) ≤ overline(x)
    """
    return _typst(parse(tex))


def typst_lines(lines: Iterable[str]) -> tuple[str, ...]:
    r"""Lines of an alignment (`statement_displays`) in Typst's notation, each with its mark ``&``.

    Examples
    --------
    >>> typst_lines([r"x_{1} &= 2", r"&\quad + y"])
    ('attach(x, b: 1) & = 2', ' & quad "" + y')
    """
    sides = (tuple(map(tex_to_typst, at_mark(line))) for line in lines)
    return tuple(f"{left} & {_CONTINUED.sub(_AFTER_NOTHING, right)}" for left, right in sides)


def typst_display(lines: Iterable[str]) -> str:
    """Lines of an alignment as one displayed equation of Typst."""
    return "$ " + " \\\n".join(typst_lines(lines)) + " $"


@singledispatch
def _typst(node: Node) -> str:
    msg = f"{node.source} is not known in Typst's notation"
    raise ValueError(msg)


@_typst.register
def _(node: Row) -> str:
    texts = [_typst(item) for item in node.items]
    for place in range(len(texts) - 1, 0, -1):
        if node.items[place - 1].source == r"\not":
            texts[place - 1 : place + 1] = ["", f"cancel({texts[place]})"]
    return " ".join(filter(None, texts))


@_typst.register
def _(node: Space) -> str:
    return _SPACES[node.source]


@_typst.register
def _(node: Atom) -> str:
    text = node.source
    sized = re.match(r"\\([bB]ig{1,2})[lr]?\s*(.+)$", text)
    if sized:
        return f"stretch({_fence(sized[2])}, size: #{_SIZES[sized[1]]}%)"
    if text in _ORDINARY:
        return _ORDINARY[text]
    if not text.startswith("\\"):
        return f"\\{text}" if text in _SPECIAL else text
    name = text[1:]
    if name in _SIGNS:
        return _SIGNS[name]
    if name in _FUNCTIONS:
        return name
    if name in _SPECIAL or name == "%":
        return f"\\{name}" if name in _SPECIAL else name
    return _greek(name)


def _greek(name: str) -> str:
    kind = "CAPITAL" if name[:1].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {kind} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}")
    except KeyError:
        return f"op({quoted(name)})"


@_typst.register
def _(node: Words) -> str:
    if node.command == r"\operatorname":
        return f"op({quoted(node.body)})"
    if node.command == r"\mathrm":
        return f"upright({_typst(parse(node.body))})"
    parts = node.body.split("$")
    return " ".join(tex_to_typst(part) if n % 2 else quoted(plain_text(part)) for n, part in enumerate(parts) if part)


def plain_text(text: str) -> str:
    r"""Text of TeX without its escapes: ``\&`` is &.

    Examples
    --------
    >>> print(plain_text(r"50 \% \textless{} \ensuremath{\Sigma}"))
    50 % < Σ
    """

    def plain(found: re.Match[str]) -> str:
        if found[2] is not None:
            return tex_to_typst(found[2]).replace("\\", "")
        return found[3] or _TEXT_NAMES[found[1] or found[4]]

    return _TEXT_ESCAPE.sub(plain, text)


@_typst.register
def _(node: Quotient) -> str:
    function = "binom" if node.command == r"\binom" else "frac"
    text = f"{function}({_argument(node.over)}, {_argument(node.under)})"
    return f"display({text})" if node.command == r"\dfrac" else text


def _argument(row: Node) -> str:
    return _typst(row) or '""'


@_typst.register
def _(node: Accent) -> str:
    name = node.command[1:]
    if name == "ensuremath":
        return _typst(node.body)
    if node.option:
        return f"root({tex_to_typst(node.option)}, {_argument(node.body)})"
    return f"{_ACCENTS[name]}({_argument(node.body)})"


def _fence(mark: str) -> str:
    return "" if mark == "." else "|" if mark == "|" else _typst(parse(mark))


@_typst.register
def _(node: Fence) -> str:
    inner = bare(node.body)
    opening, closing = map(_fence, (node.opening, node.closing))
    if isinstance(inner, Grid) and inner.environment == "matrix" and (node.opening, node.closing) == ("[", "]"):
        return f'mat(delim: "[", {_cells(inner)})'
    return f"lr({opening} {_typst(node.body)} {closing})"


@_typst.register
def _(node: Grid) -> str:
    if node.environment == "cases":
        return f"cases({', '.join(' & '.join(map(_argument, row)) for row in node.rows)})"
    delimiter = {"pmatrix": '"("', "bmatrix": '"["', "vmatrix": '"|"'}.get(node.environment, "#none")
    return f"mat(delim: {delimiter}, {_cells(node)})"


def _cells(grid: Grid) -> str:
    return "; ".join(", ".join(map(_argument, row)) for row in grid.rows)


@_typst.register
def _(node: Scripts) -> str:
    places = [f"{mark}: {_argument(row)}" for mark, row in (("b", node.below), ("t", node.above)) if row is not None]
    return f"attach({', '.join([_argument(node.base), *places])})"
