"""Setting the book: with a fixed date, and with what the log of TeX complains of."""

from __future__ import annotations

import re
from dataclasses import dataclass

from carleman_ssm.printing.engines import pdf_by_tex, pdf_by_typst

_RUNS = 4  # contents and long tables settle at the second run; a third one is needed where they move pages
_TIMEOUT = 300
_SETTINGS = {
    **{"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"},  # it shows no date; its file should hold none either
    "max_print_line": "1000",  # what the log complains of stands on one line
}
_OVERFULL = re.compile(r"Overfull \\hbox \(([0-9.]+)pt too wide\)([^\n]*)")
TOLERANCE = 1.0
"""Points by which a line may leave its margin."""


@dataclass(frozen=True)
class Typeset:
    """A PDF and what was said while it was set.

    Parameters
    ----------
    pdf
        The file.
    overfull
        Lines that leave their margin by more than `TOLERANCE`: how far, and where in the source.
    engine
        ``"pdflatex"`` or ``"typst"``.
    """

    pdf: bytes
    overfull: tuple[str, ...]
    engine: str


def set_with_tex(source: str) -> Typeset:
    """The PDF of a LaTeX source, with a fixed date.

    Raises
    ------
    RuntimeError
        TeX failed or took too long; the message ends with its last lines.
    """
    pdf, log = pdf_by_tex(source, runs=_RUNS, timeout=_TIMEOUT, settings=_SETTINGS)
    return Typeset(pdf, overfull_lines(log), "pdflatex")


def overfull_lines(log: str) -> tuple[str, ...]:
    r"""Complaints of a log about lines that leave their margin.

    Examples
    --------
    >>> overfull_lines("Overfull \\hbox (12.5pt too wide) detected at line 40\nOverfull \\hbox (0.3pt too wide)")
    ('12.5 pt: detected at line 40',)
    """
    found = ((float(width), rest.strip()) for width, rest in _OVERFULL.findall(log))
    return tuple(f"{width:.1f} pt: {where}" for width, where in found if width > TOLERANCE)


def set_with_typst(source: str) -> Typeset:
    """The PDF of a Typst source, with a fixed date.

    Raises
    ------
    ImportError
        Typst is not installed; the message says what to install.
    RuntimeError
        Typst failed; the message is its own.
    """
    return Typeset(pdf_by_typst(source), (), "typst")
