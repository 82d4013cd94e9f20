"""Documents of statements in Typst's notation, for machines where no TeX is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from carleman_ssm.formulas.bounds import Statement
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.shown import to_latex
from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.formulas.verdicts import Verdict
from carleman_ssm.printing.displays import PAGE
from carleman_ssm.printing.statement_displays import Where, chain_links, statement_lines, where_lines
from carleman_ssm.printing.tex_to_typst import plain_text, tex_to_typst, typst_display
from carleman_ssm.printing.tex_to_typst import quoted as quoted


def expression_to_typst(expression: Any) -> str:
    """An expression in Typst's math notation.

    Examples
    --------
    >>> import sympy as sp
    >>> x = sp.Symbol("lambda_0")
    >>> expression_to_typst(sp.exp(x) / 2)
    'frac(attach(e, t: attach(λ, b: 0)), 2)'
    """
    return tex_to_typst(to_latex(expression))


def prose_to_typst(text: str, *, translate: bool = True) -> str:
    """Prose with TeX formulas between dollars; a formula that is not closed is shown as written."""
    pieces = text.split("$")
    show = _formula if translate else _verbatim
    return "".join(
        show(piece) if number % 2 else f"#{quoted(plain_text(piece))}" for number, piece in enumerate(pieces) if piece
    )


def _verbatim(tex: str) -> str:
    return f"#raw({quoted(tex)})"


def _formula(tex: str) -> str:
    try:
        return f"${tex_to_typst(tex)}$"
    except ValueError:
        return _verbatim(tex)


def to_typst(item: Any, *, translate: bool = True) -> str:
    """One item of a document in Typst's notation; ``translate=False`` leaves formulas in prose as TeX."""
    if isinstance(item, str):
        return prose_to_typst(item, translate=translate)
    if isinstance(item, ClosedForm):
        return "\n\n".join([_display(item), *_origin(item, translate)])
    if isinstance(item, Derivation):
        return "\n\n".join(_derivation(item, translate))
    if isinstance(item, Statement):
        return _named(item, translate)
    if isinstance(item, Verdict):
        return f"#{quoted(str(item))}"
    return _display(item)


def _display(item: Any, where: Where | None = None) -> str:
    return typst_display(statement_lines(item, line=PAGE, where=where))


def _named(statement: Statement, translate: bool, where: Where | None = None) -> str:
    reason = prose_to_typst(statement.because, translate=translate)
    return f"{_named_in_words(statement.name)} {reason}\n\n{_display(statement, where)}"


def _named_in_words(name: str) -> str:
    """A name with its formulas; a single dollar is one."""
    return f"#{quoted(name)}" if name.count("$") % 2 else prose_to_typst(f"{name} ")


def _origin(form: ClosedForm, translate: bool) -> Iterator[str]:
    if form.reference:
        yield f"#{quoted(f'Source: {form.reference}.')}"
    for certificate in form.certificates:
        yield _named(certificate, translate, form.where)


def _derivation(item: Derivation, translate: bool, level: int = 2) -> Iterator[str]:
    yield f"{'=' * level} {_named_in_words(item.title)}"
    for link in chain_links(item, line=PAGE) if item.has_chain else ():
        yield prose_to_typst(link.reason, translate=translate)
        yield typst_display(link.lines)
    if item.explained:
        yield typst_display(where_lines(item.explained, line=PAGE))
    for lemma in item.lemmas:
        yield _named(lemma, translate, item.where)
    for chain in item.chains:
        yield from _derivation(chain, translate, level + 1)


def typst_document(items: Iterable[Any], title: str = "", *, translate: bool = True) -> str:
    """Complete Typst source of statements and paragraphs (`document` says which)."""
    head = [
        "#set page(margin: 22mm)",
        "#set text(size: 10.5pt)",
        "#set math.equation(numbering: none)",
        "#show math.equation: set block(breakable: true)",
    ]
    heading = [f"#align(center, text(size: 16pt, {quoted(title)}))"] if title else []
    return "\n\n".join([*head, *heading, *(to_typst(item, translate=translate) for item in items)]) + "\n"
