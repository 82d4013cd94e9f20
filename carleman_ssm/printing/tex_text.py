r"""Words for TeX: text that is set as it stands, and prose with formulas that carries no commands."""

from __future__ import annotations

import re
import unicodedata

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",  # in the encoding of TeX's own fonts these three are other characters
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{c: f"\\{c}" for c in "{}$&#%_"},
}
_SYMBOLS = {
    "−": "-",
    "≤": r"\le",
    "≥": r"\ge",
    "≠": r"\ne",
    "·": r"\cdot",
    "∞": r"\infty",
    "′": "'",
    "⊗": r"\otimes",
    "→": r"\to",
    "∂": r"\partial",
    "∈": r"\in",
}
_TYPOGRAPHY = {
    "…": r"\dots{}",
    "–": "--",
    "—": "---",
    "’": "'",
    "“": "``",
    "”": "''",
}
_REFUSED = re.compile(
    r"\\(input|include|openin|openout|write|immediate|read|csname|catcode|def|edef|gdef|xdef|let|newcommand|"
    r"renewcommand|usepackage|special|directlua|begingroup|loop|verbatiminput|lstinputlisting|"
    r"includegraphics|InputIfFileExists|@@input|makeatletter|scantokens|pdffiledump|newread|newwrite|chardef)"
    r"(?![A-Za-z])|\^\^|\\end\s*\{document\}"
)


def escape(text: str) -> str:
    """Text that TeX sets literally, whatever it contains."""
    return "".join(_ESCAPES.get(c, c if c.isascii() and c.isprintable() else _code(c)) for c in text)


def _code(character: str) -> str:
    return rf"\textless{{}}{ord(character):X}\textgreater{{}}"


def refuse_commands(text: str) -> str:
    r"""Return `text` unless it holds a TeX command that reads, writes or redefines.

    Raises
    ------
    ValueError
        Names the command.
    """
    found = _REFUSED.search(text)
    if found:
        msg = f"{found.group()} may not stand in a formula or its prose: it could read or write files"
        raise ValueError(msg)
    return text


def greek_name(name: str) -> str:
    """ASCII spelling of a name with single Greek letters: ``λ_0`` is ``lambda_0``."""
    return "".join(map(_ascii, name))


def _ascii(character: str) -> str:
    words = unicodedata.name(character, "").split()
    if character.isascii() or words[:1] != ["GREEK"] or "LETTER" not in words or len(words) != 4:
        return character
    letter = words[3].lower().replace("lamda", "lambda")
    return letter.capitalize() if words[1] == "CAPITAL" else letter


def prose(text: str) -> str:
    """Prose with TeX formulas between dollars, for TeX: no dangerous commands, other letters spelled out.

    Raises
    ------
    ValueError
        A command that reads, writes or redefines; a formula that is not closed.
    """
    pieces = text.split("$")
    if len(pieces) % 2 == 0:
        msg = f"a formula in {text!r} is not closed: dollars come in pairs"
        raise ValueError(msg)
    pieces[::2] = [re.sub(r"(?<!\\)[#%&_^<>|]", lambda m: _ESCAPES[m.group()], piece) for piece in pieces[::2]]
    shown = ("".join(map((_letter, _formula_letter)[number % 2], piece)) for number, piece in enumerate(pieces))
    return refuse_commands("$".join(shown))


def named(text: str) -> str:
    r"""A name: formulas between dollars, all else literally; a dollar without another is one, too.

    Raises
    ------
    ValueError
        A command in a formula that reads, writes or redefines.

    Examples
    --------
    >>> print(named(r"decay: $\lambda_0$ & more"), named("50 $"))
    decay: $\lambda_0$ \& more 50 \$
    """
    pieces = text.split("$")
    if len(pieces) % 2 == 0:
        return escape(text)
    return "".join(prose(f"${piece}$") if place % 2 else escape(piece) for place, piece in enumerate(pieces))


def _letter(character: str) -> str:
    """A character of a text: a Greek letter or a sign as a formula of its own."""
    command = _command(character)
    if command:
        return f"${command}$"
    return _TYPOGRAPHY.get(character, character if ord(character) < 256 else _code(character))


def _formula_letter(character: str) -> str:
    """A character of a formula."""
    command = _command(character)
    return f"{command} " if command else rf"\text{{{_code(character)}}}" if ord(character) > 255 else character


def _command(character: str) -> str:
    """What TeX calls a Greek letter or a sign; nothing for any other character."""
    name = _ascii(character)
    return rf"\{name}" if name != character else _SYMBOLS.get(character, "")
