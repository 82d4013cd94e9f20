"""Setting the book: pdfLaTeX twice in an empty folder, with a fixed date, and what its log complains of."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_ENGINE = ("pdflatex", "-no-shell-escape", "-halt-on-error", "-interaction=nonstopmode")
_RUNS = 3  # contents and long tables settle at the second run, page numbers behind them at the third
_TIMEOUT = 300
_EPOCH = "0"  # the document shows no date; its file should hold none either
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


def has_tex() -> bool:
    """Whether pdfLaTeX is installed."""
    return shutil.which("pdflatex") is not None


def set_with_tex(source: str) -> Typeset:
    """The PDF of a LaTeX source, without shell escape, reading and writing nothing outside an empty folder.

    Raises
    ------
    RuntimeError
        TeX failed or took too long; the message ends with its last lines.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "document.tex").write_text(source, encoding="utf-8")
        for _ in range(_RUNS):
            log = _run(folder)
        return Typeset(Path(folder, "document.pdf").read_bytes(), overfull_lines(log), "pdflatex")


def _run(folder: str) -> str:
    limits = {"openin_any": "p", "openout_any": "p", "max_print_line": "1000"}
    dates = {"SOURCE_DATE_EPOCH": _EPOCH, "FORCE_SOURCE_DATE": "1"}
    try:
        done = subprocess.run(  # noqa: S603  (a fixed command)
            [*_ENGINE, "document.tex"],
            cwd=folder,
            env={**os.environ, **limits, **dates},
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        msg = f"pdflatex did not finish in {_TIMEOUT} s"
        raise RuntimeError(msg) from None
    log = done.stdout.decode(errors="replace")
    if done.returncode:
        tail = "\n".join(log.splitlines()[-12:])
        msg = f"pdflatex failed:\n{tail}"
        raise RuntimeError(msg)
    return log


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
    try:
        import typst  # an extra: imported where it is needed
    except ImportError:
        msg = "no PDF engine: install pdflatex (texlive-latex-base), or `pip install carleman_ssm[documents]`"
        raise ImportError(msg) from None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "document.typ")
        path.write_text(source, encoding="utf-8")
        try:
            return Typeset(bytes(typst.compile(str(path), root=folder)), (), "typst")
        except typst.TypstError as error:
            msg = f"typst failed: {error}"
            raise RuntimeError(msg) from None
