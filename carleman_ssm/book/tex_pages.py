r"""The book as LaTeX: only packages of a basic TeX, nothing in it that changes from run to run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from carleman_ssm.book.book import Book
from carleman_ssm.book.contents import Chain, Chapter, Claim, Form, Mark, Part, Refuted
from carleman_ssm.book.introduction import (
    EVIDENCE,
    EVIDENCE_MARKS,
    FALSE_CLAIMS_INTRODUCTION,
    INTRODUCTION,
    SUBTITLE,
    TITLE,
)
from carleman_ssm.book.notation import FUNCTIONS, NOTATION
from carleman_ssm.book.numbered import numbered_statements
from carleman_ssm.book.prose import words
from carleman_ssm.book.tex_prose import blocks, code, inline, literal, statement_anchor
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.printing.latex import to_latex
from carleman_ssm.printing.statement_displays import chain_links, statement_lines, where_lines
from carleman_ssm.proofs.false_claims import refuted_at

_SIGNS = {
    Evidence.PROVED: r"$\blacksquare$",
    Evidence.CERTIFIED: r"$\blacktriangle$",
    Evidence.SUPPORTED: r"$\circ$",
    Evidence.REFUTED: r"$\times$",
    Evidence.UNDECIDED: "?",
}
_MATRIX = re.compile(r"\\begin\{[a-z]*matrix\}.*?\\end\{[a-z]*matrix\}", re.DOTALL)
_SIZES_SIGN = r"$\square$"

PREAMBLE = r"""\documentclass[10pt,a4paper,fleqn,oneside]{report}
\usepackage{amsmath,amssymb}
\usepackage[textwidth=148mm,left=17mm,top=20mm,bottom=20mm,marginparwidth=28mm,marginparsep=4mm]{geometry}
\usepackage{longtable,graphicx}
\usepackage[hidelinks,bookmarksnumbered]{hyperref}
\ifdefined\pdfinfoomitdate \pdfinfoomitdate=1 \fi
\ifdefined\pdfsuppressptexinfo \pdfsuppressptexinfo=-1 \fi
\ifdefined\pdftrailerid \pdftrailerid{} \fi
\allowdisplaybreaks[1]
\setcounter{MaxMatrixCols}{64}
\setcounter{secnumdepth}{0}
\setcounter{tocdepth}{0}
\setlength{\parindent}{0pt}
\setlength{\parskip}{5pt plus 2pt minus 1pt}
\setlength{\mathindent}{1.5em}
\sloppy\setlength{\emergencystretch}{5em}
\raggedbottom
\renewcommand{\arraystretch}{1.3}
\pagestyle{myheadings}
\makeatletter
\renewcommand{\@makechapterhead}[1]{{\parindent0pt\raggedright\LARGE\bfseries\thechapter\quad#1\par\vskip12pt}}
\renewcommand{\@makeschapterhead}[1]{{\parindent0pt\raggedright\LARGE\bfseries#1\par\vskip12pt}}
\renewcommand{\chapter}{\par\vskip24pt plus 8pt\vskip0pt plus 75mm\penalty-300\vskip0pt plus -75mm
  \@afterindentfalse\secdef\@chapter\@schapter}
\renewcommand{\section}{\@startsection{section}{1}{0pt}{14pt plus 4pt}{4pt}{\raggedright\large\bfseries}}
\g@addto@macro\normalsize{\abovedisplayskip5pt plus 2pt\belowdisplayskip8pt plus 3pt
  \abovedisplayshortskip4pt plus 2pt\belowdisplayshortskip8pt plus 3pt}
\makeatother
\makeatletter
\renewcommand{\l@chapter}[2]{\vskip3pt{\@dottedtocline{0}{0em}{2em}{\bfseries#1}{#2}}}
\makeatother
\newcommand{\inmargin}[1]{\rlap{\hspace{5mm}\smash{\parbox[t]{29mm}{\raggedright\scriptsize #1}}}}
\newcommand{\beside}[2]{\tag*{\inmargin{#1\\#2}}}
\newcommand{\textmark}[2]{\hfill\null\inmargin{#1\\#2}\par}
"""


def latex_source(book: Book) -> str:
    """Complete source of the book."""
    parts = [
        PREAMBLE,
        r"\begin{document}",
        _title_page(book),
        r"\pagenumbering{roman}\tableofcontents\clearpage\pagenumbering{arabic}",
        _headed("Introduction", blocks(INTRODUCTION)),
        _headed("How to read the evidence", _evidence(book)),
        _headed("Notation", _notation()),
        *(one.source for one in book.chapters),
        *_claims(book),
        _headed("The numbered statements", _numbered(book)),
        _headed("Bibliography", _bibliography(book)),
        _headed("Index of closed forms", _index(book)),
        r"\end{document}",
    ]
    return "\n\n".join(parts) + "\n"


def _title_page(book: Book) -> str:
    counts = f"{len(book.chapters)} derivations, {sum(len(one.marks) for one in book.chapters)} statements"
    return (
        rf"\begin{{titlepage}}\null\vfill{{\Huge\bfseries\raggedright {literal(TITLE)}\par}}\vskip 8mm"
        rf"{{\Large\raggedright {literal(SUBTITLE)}\par}}\vskip 12mm {literal(book.edition)}\par {counts}"
        r"\vfill\vfill\end{titlepage}"
    )


def _headed(title: str, body: str) -> str:
    shown = literal(title)
    return (
        rf"\clearpage\chapter*{{{shown}}}\markright{{{shown}}}\addcontentsline{{toc}}{{chapter}}{{{shown}}}"
        + f"\n\n{body}"
    )


def _evidence(book: Book) -> str:
    rows = [
        rf"{_sign(Mark('', words_, level))} & {literal(words_)} & {inline(words(text))} \\[3pt]"
        for level, words_, text in EVIDENCE_MARKS
    ]
    table = r"\begin{longtable}{@{}lp{38mm}p{92mm}@{}}" + "\n" + "\n".join(rows) + "\n\\end{longtable}"
    counts = "; ".join(f"{count} {words_}" for words_, count in book.counts.items())
    return f"{blocks(EVIDENCE)}\n\n{table}\n\nIn this book: {literal(counts)}."


def _notation() -> str:
    rows = [rf"${row.tex}$ & {inline(words(row.meaning))} & {literal(row.statement)} \\" for row in NOTATION]
    signs = [rf"${sign}$ & {inline(words(meaning))} & \\" for sign, meaning in FUNCTIONS.items()]
    head = r"Letter & meaning & first in \\[2pt] \hline \rule{0pt}{11pt}\endhead"
    return _table(r"@{}p{34mm}p{88mm}p{16mm}@{}", [head, *rows, r"\hline", *signs])


def _table(columns: str, rows: Iterable[str]) -> str:
    return "\n".join([rf"\begin{{longtable}}{{{columns}}}", *rows, r"\end{longtable}"])


def chapter_source(chapter: Chapter) -> str:
    """A chapter."""
    name = literal(chapter.script.reference)
    parts = [rf"\chapter{{{literal(chapter.title)}}}\markright{{{name}}}\hypertarget{{{_anchor(chapter.number)}}}{{}}"]
    first, *rest = chapter.parts
    parts += [blocks(first.prose), _sources(chapter), _letters(chapter.letters), *_derived(first, chapter)]
    for part in rest:
        parts += [rf"\section{{{inline(words(part.heading))}}}", blocks(part.prose), *_derived(part, chapter)]
    if chapter.forms:
        parts += [r"\section{Closed forms}", *map(_form, chapter.forms)]
    return "\n\n".join(filter(None, parts))


def _sources(chapter: Chapter) -> str:
    cited = "; ".join(_link(source.key, source.short) for source in chapter.sources)
    return rf"\textit{{Sources.}} {cited}." if cited else ""


def _anchor(chapter: int) -> str:
    return f"derivation.{chapter}"


def _letters(letters: Iterable[tuple[str, str]]) -> str:
    listed = "; ".join(f"${tex}$: {inline(words(meaning))}" for tex, meaning in letters)
    return rf"\textit{{Letters of this derivation.}} {listed}." if listed else ""


def _derived(part: Part, chapter: Chapter) -> Iterator[str]:
    for item in part.derived:
        yield from _chain(item) if isinstance(item, Chain) else _claim(item, chapter)


def _chain(chain: Chain) -> Iterator[str]:
    """One paragraph: reasons and displays in turn."""
    start, *links = chain_links(chain.derivation)
    parts = []
    if not chain.continued:
        sizes = f" ({literal(chain.derivation.sizes)})" if chain.derivation.sizes else ""
        title = rf"\textit{{{inline(words(chain.title))}{sizes}.}}"
        parts.append(_said(title, start.lines) if links else title)  # what follows are lemmas alone
    for link, mark in zip(links, chain.marks, strict=True):
        parts.append(_said(inline(words(link.reason)), link.lines, mark))
    if chain.derivation.where and not chain.continued:
        parts.append(_display(where_lines(chain.derivation.where)))
    if chain.together:
        parts.append(rf"All steps together.{_text_mark(chain.together)}")
    yield "\n".join(parts)


def _claim(claim: Claim, chapter: Chapter) -> Iterator[str]:
    statement = claim.statement
    texts = (inline(words(statement.name)), inline(words(statement.because)))
    said = ": ".join(text for text in texts if text)
    earlier = chapter.earlier(claim)
    if earlier:
        yield f"{said}: this is ({earlier}).{_text_mark(claim.mark)}"
    else:
        yield _said(said, statement_lines(statement, where=claim.where), claim.mark)


def _said(text: str, lines: Iterable[str], mark: Mark | None = None) -> str:
    """A display under its words: one paragraph, which no page break separates."""
    return "\n".join([text or r"\leavevmode", _display(lines, mark)])


def _form(form: Form) -> str:
    more = f", {form.instances} instances, here {form.label}" if form.instances > 1 else ""
    proofs = ", ".join(f"({number})" for number in form.numbers)
    said = f"; characterised by {proofs}" if proofs else ""
    return _said(rf"{code(form.name)}{literal(more)}{said}", statement_lines(form.form))


def _display(lines: Iterable[str], mark: Mark | None = None) -> str:
    body = " \\\\\n".join(_MATRIX.sub(_spaced, line) for line in lines)
    beside = rf"\beside{_margin(mark)}" if mark else ""
    return f"\\begin{{align*}}\n{body}{beside}\n\\end{{align*}}"


def _spaced(matrix: re.Match[str]) -> str:
    """Rows with fractions do not touch."""
    return matrix.group().replace(r"\\", r"\\[8pt]") if "frac" in matrix.group() else matrix.group()


def _text_mark(mark: Mark) -> str:
    return rf"\textmark{_margin(mark)}"


def _margin(mark: Mark) -> str:
    """Number, sign and words; a size stays on one line."""
    return rf"{{({mark.number}) {_sign(mark)}}}{{{_unbroken(inline(words(mark.prose)))}}}"


def _unbroken(text: str) -> str:
    return text.replace(" = ", "~=~")


def _sign(mark: Mark) -> str:
    return _SIZES_SIGN if mark.words.startswith("proved for") else _SIGNS[mark.evidence]


def _claims(book: Book) -> Iterator[str]:
    """Claims that sound true and are false; nothing where there are none."""
    if book.false_claims:
        intro = blocks(FALSE_CLAIMS_INTRODUCTION)
        yield _headed("Claims that sound true and are false", "\n\n".join([intro, *map(_refuted, book.false_claims)]))


def _refuted(one: Refuted) -> str:
    claim = one.claim
    values = ", ".join(f"${to_latex(letter)} = {to_latex(value)}$" for letter, value in one.witness)
    witness = refuted_at(values)
    parts = [
        inline(words(f"**{claim.number}. {claim.claim}**")),
        blocks(claim.why),
        _said("It would follow that", statement_lines(one.follows.statement), one.follows.mark) + f"\n{witness}",
        _said(inline(words(f"Instead: {claim.instead} [THEORY {claim.numbered}]")), *_held(one.holds)),
    ]
    return "\n\n".join(parts)


def _held(claim: Claim) -> tuple[tuple[str, ...], Mark]:
    return statement_lines(claim.statement), claim.mark


def _numbered(book: Book) -> str:
    parts = []
    for one in numbered_statements():
        head = rf"\textbf{{{literal(one.number)} ({literal(one.name)}).}}"
        chapters = ", ".join(
            rf"\hyperlink{{{_anchor(each.number)}}}{{{each.number}}}" for each in book.deriving(one.number)
        )
        found = f" (Chapter {chapters}.)" if chapters else ""
        parts.append(rf"\hypertarget{{{statement_anchor(one.number)}}}{{}}{head} {blocks(one.text)}{found}")
    return "\n\n".join(parts)


def _bibliography(book: Book) -> str:
    rows = [
        rf"\hypertarget{{source.{source.key}}}{{}}\hangindent=1.5em {literal(source.authors)}: "
        rf"\textit{{{literal(source.title)}}}. {literal(source.place)}, {source.year}.\par"
        for source in book.sources
    ]
    return "\n".join(rows)


def _link(key: str, text: str) -> str:
    return rf"\hyperlink{{source.{key}}}{{{literal(text)}}}"


def _index(book: Book) -> str:
    rows = [
        rf"{code(name)} & \hyperlink{{{_anchor(chapter.number)}}}{{{chapter.number}}} & {literal(chapter.script)} \\"
        for name, _, chapter in book.index
    ]
    head = r"Closed form & chapter & script \\[2pt] \hline \rule{0pt}{11pt}\endhead"
    return _table(r"@{}p{84mm}p{12mm}p{40mm}@{}", [head, *rows])
