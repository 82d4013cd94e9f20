r"""Statements as LaTeX, as complete documents, and as PDF.

`to_latex` prints one statement; `document` writes LaTeX source that needs only what every TeX has;
`write_pdf` sets it with pdfLaTeX, locked in, or else with Typst.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from carleman_ssm.formulas.bounds import Statement
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.shown import to_latex as to_latex
from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.formulas.verdicts import Verdict
from carleman_ssm.printing.displays import PAGE
from carleman_ssm.printing.engines import has_tex, pdf_by_tex, pdf_by_typst, require_typst
from carleman_ssm.printing.statement_displays import Where, chain_links, statement_lines, where_lines
from carleman_ssm.printing.tex_text import escape, named, prose, refuse_commands
from carleman_ssm.printing.typst_source import typst_document as typst_document

_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage{amsmath,amssymb,amsthm}
\usepackage[margin=22mm]{geometry}
\usepackage{longtable,graphicx}
\usepackage[hidelinks]{hyperref}
\allowdisplaybreaks
\setcounter{MaxMatrixCols}{64}
\setlength{\parindent}{0pt}
"""


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
    if isinstance(item, Statement):
        return _named(item, settings)
    if isinstance(item, Verdict):
        return f"\\[\n{to_latex(item, **settings)}\n\\]"
    return _display(item, settings)


def _display(item: Any, settings: Mapping[str, Any], where: Where | None = None) -> str:
    return _align(statement_lines(item, line=PAGE, where=where, **settings))


def _align(lines: Iterable[str]) -> str:
    body = " \\\\\n".join(lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}" if body else ""


def _derivation(derivation: Derivation, settings: Mapping[str, Any], section: str = "subsection") -> Iterator[str]:
    """The links of a chain below each other, each under its reason: side by side they leave the page."""
    yield rf"\{section}*{{{named(derivation.title)}}}"
    for link in chain_links(derivation, line=PAGE, **settings) if derivation.has_chain else ():
        yield "\n".join(part for part in (prose(link.reason), _align(link.lines)) if part)
    yield _align(where_lines(derivation.explained, line=PAGE, **settings))
    for lemma in derivation.lemmas:
        yield _named(lemma, settings, derivation.where)
    for chain in derivation.chains:
        yield from _derivation(chain, settings, "subsubsection")


def _named(statement: Statement, settings: Mapping[str, Any], where: Where | None = None) -> str:
    """A statement in words and as a display."""
    words = ": ".join(text for text in (named(statement.name), prose(statement.because)) if text)
    return "\n".join([words, _display(statement, settings, where)])


def _origin(form: ClosedForm, settings: Mapping[str, Any]) -> Iterator[str]:
    """What a closed form rests on."""
    if form.reference:
        yield f"Source: {escape(form.reference)}."
    if form.certificates:
        yield "Characterised by"
    for certificate in form.certificates:
        yield _named(certificate, settings, form.where)


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
    if has_tex():
        target.write_bytes(pdf_by_tex(items if isinstance(items, str) else document(items, title))[0])
        return "pdflatex"
    require_typst()
    if isinstance(items, str):
        msg = "LaTeX source needs pdflatex, which is not installed: pass the statements for Typst to set"
        raise ValueError(msg)  # noqa: TRY004 - the type is right, the engine is missing
    target.write_bytes(_typst_pdf(items, title))
    return "typst"


def _typst_pdf(items: list[Any], title: str) -> bytes:
    """Formulas in prose are translated; if that was not understood they are set as their TeX source."""
    try:
        return pdf_by_typst(typst_document(items, title))
    except RuntimeError:
        return pdf_by_typst(typst_document(items, title, translate=False))
