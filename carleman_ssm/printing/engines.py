"""PDF from a source: pdfLaTeX if it is installed, locked in, or Typst."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_PDFLATEX = ("pdflatex", "-no-shell-escape", "-halt-on-error", "-interaction=nonstopmode")
_NOTES = ("*.aux", "*.toc", "*.out")  # what a run leaves for the next one
_LOCKED: Mapping[str, str] = MappingProxyType({"openin_any": "p", "openout_any": "p"})
TIMEOUT = 60
"""Seconds for one run of TeX."""


def has_tex() -> bool:
    """Whether pdfLaTeX is installed."""
    return shutil.which("pdflatex") is not None


def pdf_by_tex(
    source: str, *, runs: int = 1, timeout: float | None = None, settings: Mapping[str, str] = MappingProxyType({})
) -> tuple[bytes, str]:
    """PDF and last log of a LaTeX source, without shell escape, reading and writing nothing outside an empty folder.

    Parameters
    ----------
    source
        A complete document.
    runs
        How often it is set at most: contents and page numbers need the run before. A run that leaves what it found,
        other than the first one, is the last one.
    timeout
        Seconds for each run; `TIMEOUT` by default.
    settings
        Environment variables for TeX, besides those that lock it in.

    Raises
    ------
    RuntimeError
        TeX failed or took too long; the message ends with its last lines.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "document.tex").write_text(source, encoding="utf-8")
        notes, log = dict[str, bytes](), ""
        for run in range(runs):
            draft = ("-draftmode",) if run == 0 < runs - 1 else ()  # its pages are not looked at
            before, log = notes, _run(Path(folder), draft, TIMEOUT if timeout is None else timeout, settings)
            notes = {path.name: path.read_bytes() for end in _NOTES for path in Path(folder).glob(end)}
            if run and notes == before:
                break
        return Path(folder, "document.pdf").read_bytes(), log


def _run(folder: Path, options: tuple[str, ...], timeout: float, settings: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603  (a fixed command)
            [*_PDFLATEX, *options, "document.tex"],
            cwd=folder,
            env={**os.environ, **settings, **_LOCKED},
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        msg = f"pdflatex did not finish in {timeout} s"
        raise RuntimeError(msg) from None
    log = done.stdout.decode(errors="replace")
    if done.returncode or not (options or (folder / "document.pdf").exists()):
        tail = "\n".join(log.splitlines()[-12:])
        msg = f"pdflatex failed:\n{tail}"
        raise RuntimeError(msg)
    return log


def require_typst(*, or_tex: bool = True) -> None:
    """See that Typst is installed.

    Parameters
    ----------
    or_tex
        TeX would do, too; it is not installed.

    Raises
    ------
    ImportError
        It is not; the message says what to install.
    """
    try:
        import typst  # noqa: F401 - an extra: imported where it is needed
    except ImportError:
        missing = "no PDF engine: install pdflatex (texlive-latex-base), or" if or_tex else "typst is not installed:"
        msg = f"{missing} `pip install carleman_ssm[documents]`"
        raise ImportError(msg) from None


def pdf_by_typst(source: str) -> bytes:
    """PDF of a Typst source, which reads nothing outside an empty folder.

    Raises
    ------
    ImportError
        Typst is not installed; the message says what to install.
    RuntimeError
        Typst failed; the message is its own.
    """
    require_typst()
    import typst  # an extra: imported where it is needed

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "document.typ")
        path.write_text(source, encoding="utf-8")
        try:
            return bytes(typst.compile(str(path), root=folder))
        except typst.TypstError as error:
            msg = f"typst failed: {error}"
            raise RuntimeError(msg) from None
