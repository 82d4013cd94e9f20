"""The book as Typst, for machines without TeX: the same chapters, numbers and margins."""

from __future__ import annotations

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
from carleman_ssm.book.typst_prose import blocks, inline
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.printing.latex import to_latex
from carleman_ssm.printing.statement_displays import chain_links, statement_lines, where_lines
from carleman_ssm.printing.tex_to_typst import quoted, typst_display
from carleman_ssm.proofs.false_claims import refuted_at

_SIGNS = {
    Evidence.PROVED: "■",
    Evidence.CERTIFIED: "▲",
    Evidence.SUPPORTED: "○",
    Evidence.REFUTED: "×",
    Evidence.UNDECIDED: "?",
}

_PREAMBLE = f"""#set document(title: {quoted(TITLE)}, date: none)
#set page(paper: "a4", margin: (left: 17mm, right: 45mm, top: 20mm, bottom: 20mm), numbering: "1")
#set text(size: 10pt)
#set par(justify: true)
#set heading(numbering: none)
#show heading.where(level: 1): it => {{ v(12mm, weak: true); block(sticky: true, text(size: 17pt, it.body)); v(4mm) }}
#show heading.where(level: 2): it => block(above: 6mm, sticky: true, text(size: 12pt, it.body))
#show math.equation: set block(breakable: true)
#show math.equation.where(block: true): set align(left)
#set math.mat(row-gap: 0.7em, column-gap: 0.8em)
#let lead(body) = block(sticky: true, below: 3mm, body)
#let beside(body) = place(top + right, dx: 33mm, box(width: 29mm, text(size: 7pt, align(left, body))))
#let marked(body, mark) = block(width: 100%, {{ beside(mark); align(left, pad(left: 1.5em, body)) }})"""


def typst_source(book: Book) -> str:
    """Complete source of the book."""
    parts = [
        _PREAMBLE,
        f"#v(1fr)\n#text(size: 26pt, weight: {quoted('bold')}, {quoted(TITLE)})\n\n"
        f"#text(size: 14pt, {quoted(SUBTITLE)})\n\n#{quoted(book.edition)}\n#v(2fr)\n#pagebreak()",
        '#outline(title: "Contents", depth: 1)',
        _headed("Introduction", blocks(INTRODUCTION)),
        _headed("How to read the evidence", _evidence(book)),
        _headed("Notation", _notation()),
        *(one.source for one in book.chapters),
        *_claims(book),
        _headed("The numbered statements", _numbered(book)),
        _headed("Bibliography", _bibliography(book)),
        _headed("Index of closed forms", _index(book)),
    ]
    return "\n\n".join(parts) + "\n"


def _headed(title: str, body: str) -> str:
    return f"#pagebreak(weak: true)\n= #{quoted(title)}\n\n{body}"


def _evidence(book: Book) -> str:
    rows = [
        f"[{_sign(Mark('', shown, level))}], [#{quoted(shown)}], [{inline(words(text))}]"
        for level, shown, text in EVIDENCE_MARKS
    ]
    counts = "; ".join(f"{count} {kind}" for kind, count in book.counts.items())
    return f"{blocks(EVIDENCE)}\n\n{_table('(auto, 34mm, 1fr)', rows)}\n\n#{quoted(f'In this book: {counts}.')}"


def _notation() -> str:
    letters = [
        f"[{inline(words(f'${row.tex}$'))}], [{inline(words(row.meaning))}], [#{quoted(row.statement)}]"
        for row in NOTATION
    ]
    signs = [f"[{inline(words(f'${sign}$'))}], [{inline(words(text))}], []" for sign, text in FUNCTIONS.items()]
    return _table("(34mm, 1fr, 16mm)", [*letters, *signs])


def _table(columns: str, rows: Iterable[str]) -> str:
    return "\n".join([f"#table(columns: {columns}, stroke: none, inset: 2pt,", *(f"  {row}," for row in rows), ")"])


def chapter_source(chapter: Chapter) -> str:
    """A chapter."""
    first, *rest = chapter.parts
    parts = [f"= #{quoted(f'{chapter.number} {chapter.title}')}", f"#emph({quoted(chapter.script.reference)})"]
    parts += [blocks(first.prose), _sources(chapter), _letters(chapter.letters), *_derived(first, chapter)]
    for part in rest:
        parts += [f"== {inline(words(part.heading))}", blocks(part.prose), *_derived(part, chapter)]
    if chapter.forms:
        parts += ['== #"Closed forms"', *map(_form, chapter.forms)]
    return "\n\n".join(filter(None, parts))


def _sources(chapter: Chapter) -> str:
    cited = "; ".join(source.short for source in chapter.sources)
    return f"#emph[Sources.] #{quoted(f'{cited}.')}" if cited else ""


def _letters(letters: Iterable[tuple[str, str]]) -> str:
    listed = "; ".join(f"${tex}$: {meaning}" for tex, meaning in letters)
    return inline(words(f"*Letters of this derivation.* {listed}.")) if listed else ""


def _derived(part: Part, chapter: Chapter) -> Iterator[str]:
    for item in part.derived:
        yield from _chain(item) if isinstance(item, Chain) else _claim(item, chapter)


def _chain(chain: Chain) -> Iterator[str]:
    start, *links = chain_links(chain.derivation)
    if not chain.continued:
        sizes = f" ({chain.derivation.sizes})" if chain.derivation.sizes else ""
        yield _lead(f"#emph[{inline(words(f'{chain.title}{sizes}.'))}]")
        if links:  # else what follows are lemmas alone
            yield _display(start.lines)
    for link, mark in zip(links, chain.marks, strict=True):
        yield _lead(inline(words(link.reason)))
        yield _display(link.lines, mark)
    if chain.derivation.where and not chain.continued:
        yield _display(where_lines(chain.derivation.where))
    if chain.together:
        yield _beside("All steps together.", chain.together)


def _claim(claim: Claim, chapter: Chapter) -> Iterator[str]:
    statement = claim.statement
    said = inline(words(": ".join(filter(None, (statement.name, statement.because)))))
    earlier = chapter.earlier(claim)
    yield _lead(said)
    if earlier:
        yield _beside(f"This is ({earlier}).", claim.mark)
    else:
        yield _display(statement_lines(statement, where=claim.where), claim.mark)


def _refuted(one: Refuted) -> str:
    claim = one.claim
    values = ", ".join(f"${to_latex(letter)} = {to_latex(value)}$" for letter, value in one.witness)
    parts = [
        inline(words(f"**{claim.number}. {claim.claim}**")),
        blocks(claim.why),
        _lead(_beside("It would follow that", one.follows.mark)),
        _display(statement_lines(one.follows.statement)),
        inline(words(refuted_at(values))),
        _lead(inline(words(f"Instead: {claim.instead} [THEORY {claim.numbered}]"))),
        _display(statement_lines(one.holds.statement), one.holds.mark),
    ]
    return "\n\n".join(parts)


def _form(form: Form) -> str:
    proofs = ", ".join(f"({number})" for number in form.numbers)
    shown = f", here {form.label}" if form.instances > 1 else ""
    said = f"{shown}; characterised by {proofs}" if proofs else shown
    return _lead(f"#raw({quoted(form.name)})#{quoted(said)}") + f"\n\n{_display(statement_lines(form.form))}"


def _lead(text: str) -> str:
    """Words that stay on the page of the display under them."""
    return f"#lead[{text}]" if text else ""


def _display(lines: Iterable[str], mark: Mark | None = None) -> str:
    return f"#marked({typst_display(lines)}, {_margin(mark)})"


def _beside(text: str, mark: Mark) -> str:
    return f"#marked([#{quoted(text)}], {_margin(mark)})"


def _margin(mark: Mark | None) -> str:
    return f"[({mark.number}) {_sign(mark)} \\ {inline(words(mark.prose))}]" if mark else "[]"


def _sign(mark: Mark) -> str:
    return "□" if mark.words.startswith("proved for") else _SIGNS[mark.evidence]


def _claims(book: Book) -> Iterator[str]:
    if book.false_claims:
        parts = [blocks(FALSE_CLAIMS_INTRODUCTION), *map(_refuted, book.false_claims)]
        yield _headed("Claims that sound true and are false", "\n\n".join(parts))


def _numbered(book: Book) -> str:
    parts = []
    for one in numbered_statements():
        chapters = ", ".join(str(each.number) for each in book.deriving(one.number))
        found = f" #{quoted(f'(Chapter {chapters}.)')}" if chapters else ""
        parts.append(f"#strong({quoted(f'{one.number} ({one.name}).')}) {blocks(one.text)}{found}")
    return "\n\n".join(parts)


def _bibliography(book: Book) -> str:
    return "\n\n".join(
        f"#{quoted(source.authors + ': ')}#emph({quoted(source.title)})#{quoted(f'. {source.place}, {source.year}.')}"
        for source in book.sources
    )


def _index(book: Book) -> str:
    rows = [
        f"[#raw({quoted(name)})], [#{quoted(str(chapter.number))}], [#{quoted(chapter.script)}]"
        for name, _, chapter in book.index
    ]
    return _table("(1fr, 14mm, 44mm)", rows)
