"""The book as Typst, for machines without TeX: the same chapters, numbers and margins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import sympy as sp

from carleman_ssm.book.book import Book
from carleman_ssm.book.contents import Chain, Chapter, Claim, Form, Mark, Part, Statement
from carleman_ssm.book.introduction import EVIDENCE, EVIDENCE_MARKS, INTRODUCTION, SUBTITLE, TITLE
from carleman_ssm.book.notation import FUNCTIONS, NOTATION
from carleman_ssm.book.numbered import numbered_statements
from carleman_ssm.book.prose import words
from carleman_ssm.book.typst_prose import blocks, inline
from carleman_ssm.formulas.bounds import Bound
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.statements import Identity, fold
from carleman_ssm.formulas.typst_source import expression_to_typst, quoted

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
#show heading.where(level: 1): it => {{ pagebreak(weak: true); text(size: 17pt, it.body); v(4mm) }}
#show heading.where(level: 2): it => {{ v(2mm); text(size: 12pt, it.body); v(1mm) }}
#show math.equation: set block(breakable: true)
#let beside(body) = place(top + right, dx: 33mm, box(width: 29mm, text(size: 7pt, align(left, body))))
#let display(body, mark) = block(width: 100%, {{ beside(mark); align(left, pad(left: 1.5em, body)) }})"""


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
        *(_chapter(one) for one in book.chapters),
        *(
            [_headed("Claims that sound true and are false", "\n\n".join(map(blocks, book.false_claims)))]
            if book.false_claims
            else []
        ),
        _headed("The numbered statements", _numbered()),
        _headed("Bibliography", _bibliography(book)),
        _headed("Index of closed forms", _index(book)),
    ]
    return "\n\n".join(parts) + "\n"


def _headed(title: str, body: str) -> str:
    return f"= #{quoted(title)}\n\n{body}"


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


def _chapter(chapter: Chapter) -> str:
    first, *rest = chapter.parts
    parts = [f"= #{quoted(f'{chapter.number} {chapter.title}')}", f"#emph({quoted(chapter.script.reference)})"]
    parts += [blocks(first.prose), _letters(chapter.letters), *_derived(first, chapter)]
    for part in rest:
        parts += [f"== {inline(words(part.heading))}", blocks(part.prose), *_derived(part, chapter)]
    if chapter.forms:
        parts += ['== #"Closed forms"', *map(_form, chapter.forms)]
    if chapter.sources:
        parts.append(f"#{quoted('Sources: ' + '; '.join(source.short for source in chapter.sources) + '.')}")
    return "\n\n".join(filter(None, parts))


def _letters(letters: Iterable[tuple[str, str]]) -> str:
    listed = "; ".join(f"${tex}$: {meaning}" for tex, meaning in letters)
    return inline(words(f"*Letters of this derivation.* {listed}.")) if listed else ""


def _derived(part: Part, chapter: Chapter) -> Iterator[str]:
    for item in part.derived:
        yield from _chain(item) if isinstance(item, Chain) else _claim(item, chapter)


def _chain(chain: Chain) -> Iterator[str]:
    where = chain.derivation.where
    if not chain.continued:
        yield f"#emph({quoted(chain.title + '.')})"
        yield _display(expression_to_typst(_folded(chain.derivation.start, where)))
    for link, mark in zip(chain.derivation.steps, chain.marks, strict=True):
        yield inline(words(link.because))
        yield _display(f"= {expression_to_typst(_folded(link.right, where))}{_conditions(link)}", mark)
    if where and not chain.continued:
        yield _display("upright(where) quad " + _equations(where))
    if chain.together:
        yield _display('"All steps together."', chain.together)


def _claim(claim: Claim, chapter: Chapter) -> Iterator[str]:
    statement = claim.statement
    name, reason = f"#{quoted(statement.name)}", inline(words(statement.because))
    earlier = chapter.earlier(claim)
    yield f"{name}#{quoted(': ')}{reason}" if statement.because else name
    if earlier:
        yield _display(quoted(f"this is ({earlier})"), claim.mark)
    else:
        yield _display(_statement(statement, claim.where), claim.mark)


def _statement(statement: Statement, where: Mapping[sp.Basic, sp.Basic]) -> str:
    if isinstance(statement, Bound):
        box = ", ".join(
            f"{expression_to_typst(least)} ≤ {expression_to_typst(symbol)} ≤ {expression_to_typst(greatest)}"
            for symbol, (least, greatest) in statement.domain.items()
        )
        return f"{expression_to_typst(statement.left)} ≤ {expression_to_typst(statement.right)} quad ({box})"
    folded = fold(statement, where)
    return f"{expression_to_typst(folded.left)} = {expression_to_typst(folded.right)}{_conditions(statement)}"


def _conditions(statement: Identity) -> str:
    return "".join(f" quad ({expression_to_typst(one)} != 0)" for one in statement.nonzero)


def _folded(expression: sp.Basic, where: Mapping[sp.Basic, sp.Basic]) -> sp.Basic:
    return fold(Identity(expression, expression), where).left


def _equations(definitions: Mapping[sp.Basic, sp.Basic]) -> str:
    lines = (f"{expression_to_typst(left)} &= {expression_to_typst(right)}" for left, right in definitions.items())
    return " \\\n".join(lines)


def _form(form: Form) -> str:
    proofs = ", ".join(f"({number})" for number in form.numbers)
    shown = f", here {form.label}" if form.instances > 1 else ""
    said = f"{shown}; characterised by {proofs}" if proofs else shown
    lines = _equations({form.form.symbol: form.form.expression, **form.form.where})
    return f"#raw({quoted(form.name)})#{quoted(said)}\n\n{_display(lines)}"


def _display(formula: str, mark: Mark | None = None) -> str:
    beside = f"[({mark.number}) {_sign(mark)} \\ #{quoted(mark.words)}]" if mark else "[]"
    return f"#display($ {formula} $, {beside})"


def _sign(mark: Mark) -> str:
    return "□" if mark.words.startswith("proved for") else _SIGNS[mark.evidence]


def _numbered() -> str:
    return "\n\n".join(
        f"#strong({quoted(f'{one.number} ({one.name}).')}) {blocks(one.text)}" for one in numbered_statements()
    )


def _bibliography(book: Book) -> str:
    return "\n\n".join(
        f"#{quoted(source.authors + ': ')}#emph({quoted(source.title)})#{quoted(f'. {source.place}, {source.year}.')}"
        for source in book.sources
    )


def _index(book: Book) -> str:
    rows = [
        f"[#raw({quoted(form.name)})], [#{quoted(str(chapter.number))}], [#{quoted(chapter.script.name)}]"
        for form, chapter in book.index
    ]
    return _table("(1fr, 14mm, 44mm)", rows)
