r"""Statements as LaTeX, as complete documents, and as PDF.

`to_latex` prints one statement; `document` writes LaTeX source that needs only what every TeX has;
`write_pdf` sets it with pdfLaTeX, locked in, or else with Typst.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from carleman_ssm.formulas.bounds import Bound
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.printing import to_latex as to_latex
from carleman_ssm.formulas.statement_displays import Where, chain_links, statement_lines, where_lines
from carleman_ssm.formulas.statements import ClosedForm, Identity, fold
from carleman_ssm.formulas.tex_text import escape, prose, refuse_commands
from carleman_ssm.formulas.typst_source import expression_to_typst, prose_to_typst, quoted
from carleman_ssm.formulas.verdicts import Verdict

_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage{amsmath,amssymb,amsthm}
\usepackage[margin=22mm]{geometry}
\usepackage{longtable,graphicx}
\usepackage[hidelinks]{hyperref}
\allowdisplaybreaks
\setcounter{MaxMatrixCols}{64}
\setlength{\parindent}{0pt}
"""
_TIMEOUT = 60
_LINE = 43.0  # em: between margins of 22 mm on A4 or letter paper

_LONG_TYPST = 220  # characters of source beyond which the two sides of an identity stand on two lines


def document(items: Iterable[Any], title: str = "", **settings: Any) -> str:
    """Complete LaTeX source of statements and paragraphs.

    Parameters
    ----------
    items
        Anything that `to_latex` prints; text is a paragraph (prose with TeX formulas between dollars).
    title
        Plain text.
    **settings
        Those of `to_latex`.

    Returns
    -------
    str
        Needs amsmath, amssymb, amsthm, geometry, graphicx, hyperref and longtable, all part of a basic TeX.

    Raises
    ------
    ValueError
        The prose holds a TeX command that reads, writes or redefines.
    TypeError
        An item that cannot be printed.
    """
    heading = rf"\begin{{center}}\Large {escape(title)}\end{{center}}" if title else ""
    body = "\n\n".join([heading, *(_section(item, settings) for item in items)])
    return f"{_PREAMBLE}\\begin{{document}}\n{refuse_commands(body)}\n\\end{{document}}\n"


def _section(item: Any, settings: Mapping[str, Any]) -> str:
    if isinstance(item, str):
        return prose(item)
    if isinstance(item, ClosedForm):
        return "\n\n".join([_display(item, settings), *_origin(item, settings)])
    if isinstance(item, Derivation):
        return "\n\n".join(_derivation(item, settings))
    if isinstance(item, Identity | Bound):
        return _named(item, settings)
    if isinstance(item, Verdict):
        return f"\\[\n{to_latex(item, **settings)}\n\\]"
    return _display(item, settings)


def _display(item: Any, settings: Mapping[str, Any], where: Where | None = None) -> str:
    return _align(statement_lines(item, line=_LINE, where=where, **settings))


def _align(lines: Iterable[str]) -> str:
    body = " \\\\\n".join(lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}" if body else ""


def _derivation(derivation: Derivation, settings: Mapping[str, Any], section: str = "subsection") -> Iterator[str]:
    """The links of a chain below each other, each under its reason: side by side they leave the page."""
    yield rf"\{section}*{{{escape(derivation.title)}}}"
    for link in chain_links(derivation, line=_LINE, **settings):
        yield "\n".join(part for part in (prose(link.reason), _align(link.lines)) if part)
    yield _align(where_lines(derivation.where, line=_LINE, **settings))
    for lemma in derivation.lemmas:
        yield _named(lemma, settings, derivation.where)
    for chain in derivation.chains:
        yield from _derivation(chain, settings, "subsubsection")


def _named(statement: Identity | Bound, settings: Mapping[str, Any], where: Where | None = None) -> str:
    """A statement in words and as a display."""
    words = ": ".join(text for text in (escape(statement.name), prose(statement.because)) if text)
    return "\n".join([words, _display(statement, settings, where)])


def _origin(form: ClosedForm, settings: Mapping[str, Any]) -> Iterator[str]:
    """What a closed form rests on."""
    if form.reference:
        yield f"Source: {escape(form.reference)}."
    if form.certificates:
        yield "Characterised by"
    for certificate in form.certificates:
        yield _named(certificate, settings, form.where)


def to_typst(item: Any, *, translate: bool = True) -> str:
    """One item of a document in Typst's notation; ``translate=False`` leaves formulas in prose as TeX."""
    if isinstance(item, str):
        return prose_to_typst(item, translate=translate)
    if isinstance(item, ClosedForm):
        lines = _typst_equations({item.symbol: item.expression, **item.where})
        blocks = [_typst_display(lines)]
        blocks += [f"#{quoted(f'Source: {item.reference}.')}"] if item.reference else []
        folded = (fold(certificate, item.where) for certificate in item.certificates)
        return "\n\n".join([*blocks, *(to_typst(c, translate=translate) for c in folded)])
    if isinstance(item, Derivation):
        return _typst_derivation(item, translate)
    if isinstance(item, Identity):
        reason = prose_to_typst(item.because, translate=translate)
        left, right = expression_to_typst(item.left), expression_to_typst(item.right) + _typst_conditions(item)
        long = len(left) + len(right) > _LONG_TYPST
        display = _typst_display([f"& {left}", f"& quad = {right}"] if long else [f"{left} = {right}"])
        return f"#{quoted(item.name + ' ')} {reason}\n\n{display}"
    if isinstance(item, Mapping):
        return _typst_display(_typst_equations(item))
    return _typst_display([expression_to_typst(item)])


def _typst_equations(definitions: Mapping[Any, Any]) -> list[str]:
    return [f"{expression_to_typst(left)} &= {expression_to_typst(right)}" for left, right in definitions.items()]


def _typst_conditions(identity: Identity) -> str:
    return "".join(f" quad ({expression_to_typst(e)} != 0)" for e in identity.nonzero)


def _typst_derivation(item: Derivation, translate: bool) -> str:
    blocks = [f"== #{quoted(item.title)}", _typst_display([expression_to_typst(item.start)])]
    for step in item.steps:
        right = expression_to_typst(step.right) + _typst_conditions(step)
        blocks += [prose_to_typst(step.because, translate=translate), _typst_display([f"= {right}"])]
    return "\n\n".join([*blocks, *(to_typst(lemma, translate=translate) for lemma in item.lemmas)])


def _typst_display(lines: Iterable[str]) -> str:
    return "$ " + " \\\n".join(lines) + " $"


def write_pdf(content: str | Iterable[Any], path: str | Path, title: str = "") -> str:
    """Set a document as PDF with pdfLaTeX if it is installed, else with Typst.

    Parameters
    ----------
    content
        LaTeX source from `document` (pdfLaTeX only), or the items themselves (either engine).
    path
        Where the PDF goes.
    title
        Of the document, when items are given.

    Returns
    -------
    str
        The engine: ``"pdflatex"`` or ``"typst"``.

    Raises
    ------
    ImportError
        Neither is installed; the message says what to install.
    ValueError
        Source was given and only Typst is there.
    RuntimeError
        The engine failed; the message ends with its last lines.
    """
    target = Path(path)
    items = content if isinstance(content, str) else list(content)
    if shutil.which("pdflatex"):
        target.write_bytes(_pdflatex(items if isinstance(items, str) else document(items, title)))
        return "pdflatex"
    try:
        import typst  # an extra: imported where it is needed
    except ImportError:
        msg = "no PDF engine: install pdflatex (texlive-latex-base), or `pip install carleman_ssm[documents]`"
        raise ImportError(msg) from None
    if isinstance(items, str):
        msg = "LaTeX source needs pdflatex, which is not installed: pass the statements for Typst to set"
        raise ValueError(msg)  # noqa: TRY004 - the type is right, the engine is missing
    target.write_bytes(_typst_pdf(typst, items, title))
    return "typst"


def _pdflatex(source: str) -> bytes:
    """Run in an empty folder, without shell escape, reading and writing nothing outside it."""
    engine = ["pdflatex", "-no-shell-escape", "-halt-on-error", "-interaction=nonstopmode"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "document.tex").write_text(source, encoding="utf-8")
        settings = {**os.environ, "openin_any": "p", "openout_any": "p"}
        try:
            done = subprocess.run(  # noqa: S603  (a fixed command)
                [*engine, "document.tex"],
                cwd=folder,
                env=settings,
                timeout=_TIMEOUT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            msg = f"pdflatex did not finish in {_TIMEOUT} s"
            raise RuntimeError(msg) from None
        result = Path(folder, "document.pdf")
        if done.returncode or not result.exists():
            tail = "\n".join(done.stdout.decode(errors="replace").splitlines()[-12:])
            msg = f"pdflatex failed:\n{tail}"
            raise RuntimeError(msg)
        return result.read_bytes()


def typst_document(items: Iterable[Any], title: str = "", *, translate: bool = True) -> str:
    """Complete Typst source of the same items."""
    head = [
        "#set page(margin: 22mm)",
        "#set text(size: 10.5pt)",
        "#set math.equation(numbering: none)",
        "#show math.equation: set block(breakable: true)",
    ]
    heading = [f"#align(center, text(size: 16pt, {quoted(title)}))"] if title else []
    return "\n\n".join([*head, *heading, *(to_typst(item, translate=translate) for item in items)]) + "\n"


def _typst_pdf(engine: Any, items: list[Any], title: str) -> bytes:
    """Formulas in prose are translated; if that was not understood they are set as their TeX source."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "document.typ")
        for translate in (True, False):
            source.write_text(typst_document(items, title, translate=translate), encoding="utf-8")
            try:
                return bytes(engine.compile(str(source), root=folder))
            except engine.TypstError as error:
                failure = error
        msg = f"typst failed: {failure}"
        raise RuntimeError(msg)
