"""The book: every statement once, with its number and evidence; the same bytes twice; nothing leaves the margin."""

import json
import re
import sys
from dataclasses import replace

import pytest
import sympy as sp

from carleman_ssm.book import tex_pages, typst_pages
from carleman_ssm.book.bibliography import BIBLIOGRAPHY, citations
from carleman_ssm.book.book import Book
from carleman_ssm.book.contents import Chain, Claim, Mark, chapter, known_of, refuted_claims
from carleman_ssm.book.introduction import EVIDENCE, INTRODUCTION
from carleman_ssm.book.notation import NOTATION, declared_in, is_known, meaning_of, overridden, undeclared
from carleman_ssm.book.numbered import numbered_statements, statement_numbers
from carleman_ssm.book.printed import print_chapter, printed
from carleman_ssm.book.prose import Display, Items, Paragraph, read, words
from carleman_ssm.book.tex_pages import PREAMBLE, latex_source
from carleman_ssm.book.tex_prose import blocks, literal
from carleman_ssm.book.typesetting import overfull_lines, set_with_tex
from carleman_ssm.book.typst_pages import typst_source
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.shown import to_latex
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import verify
from carleman_ssm.printing.engines import has_tex
from carleman_ssm.proofs.ledger import evidence_words
from carleman_ssm.proofs.scripts import Script, derivation_folder, load_script, script_names
from carleman_ssm.report import cli
from carleman_ssm.report.book import TEX, TYPST, write_book

SCRIPT = "04_held_input"
NEEDS_TEX = pytest.mark.skipif(not has_tex(), reason="pdflatex is not installed")


@pytest.fixture(scope="module")
def one():
    return chapter(1, SCRIPT, known_of(SCRIPT))


def book_of(one, pages=tex_pages):
    return Book((printed(one, pages.chapter_source),))


def scripts_of(text):
    """The prose of a script: its Markdown cells, without running it."""
    cells = re.findall(r"^# %% \[markdown\]\n((?:#.*\n)+?)(?=# %%)", text, re.M)
    return re.sub(r"^# ?", "", "\n".join(cells), flags=re.M)


def proses():
    return {path.stem: scripts_of(path.read_text("utf-8")) for path in sorted(derivation_folder().glob("[0-9]*.py"))}


def shown_marks(one):
    for part in one.parts:
        for item in part.derived:
            if isinstance(item, Chain):
                yield from item.marks
                yield from [item.together] if item.together else []
            else:
                yield item.mark


def test_every_statement_stands_in_the_book_once_with_what_verify_says_of_it(one):
    assert list(one.marks) == list(dict.fromkeys(one.marks))
    assert {mark.words for mark in one.marks.values()} == {evidence_words(s, verify(s)) for s in one.marks}
    printed = {mark.number for mark in shown_marks(one)}
    silent = {mark.number for statement, mark in one.marks.items() if statement.because == "all steps together"}
    assert printed | silent == {mark.number for mark in one.marks.values()}
    assert sum(book_of(one).counts.values()) == len(one.marks)


def test_the_source_holds_headings_reasons_numbers_and_no_date(one):
    for source in (latex_source(book_of(one)), typst_source(book_of(one, typst_pages))):
        for mark in shown_marks(one):
            assert f"({mark.number})" in source
        assert not re.search(r"20\d\d-\d\d-\d\d|\\today", source)
    source = latex_source(book_of(one))
    for part in one.parts:
        assert blocks(part.prose) in source
    for step in load_script(SCRIPT).derivation.steps:
        assert blocks(step.because) in source


def test_a_refuted_statement_is_complained_about():
    known = list(known_of(SCRIPT))
    assert not book_of(chapter(1, SCRIPT, known)).doubtful
    known[2] = ("refuted at x = 1", Evidence.REFUTED)
    made = book_of(chapter(1, SCRIPT, known))
    assert made.doubtful == ("1.3",)
    assert made.counts["refuted"] == 1


def test_a_chapter_needs_the_evidence_of_all_of_its_statements():
    with pytest.raises(ValueError, match="zip"):
        chapter(1, SCRIPT, list(known_of(SCRIPT))[:-1])


def test_every_closed_form_is_indexed_with_the_statements_that_are_its_certificates(one):
    assert one.forms
    numbered = {mark.number: statement for statement, mark in one.marks.items()}
    for form in one.forms:
        assert form.form.reference == one.script.reference
        sides = {(numbered[number].left, numbered[number].right) for number in form.numbers}
        assert sides == {(each.left, each.right) for each in form.form.certificates}


@NEEDS_TEX
def test_a_line_that_leaves_its_margin_is_reported():
    def page(terms):
        return PREAMBLE + r"\begin{document}\[ " + " + ".join(["x"] * terms) + r" \]\end{document}"

    assert len(set_with_tex(page(80)).overfull) == 1
    assert set_with_tex(page(8)).overfull == ()


def test_what_is_too_wide_by_less_than_a_point_is_no_complaint():
    log = "Overfull \\hbox (0.9pt too wide) in paragraph\nOverfull \\hbox (1.1pt too wide) in paragraph"
    assert len(overfull_lines(log)) == 1


@pytest.mark.parametrize("form", ["latex", "pdf", "typst"])
def test_the_command_writes_its_files_twice_the_same(form, tmp_path, capsys, monkeypatch):
    if form == "pdf" and not has_tex():
        pytest.skip("pdflatex is not installed")
    if form == "typst":
        pytest.importorskip("typst", reason="typst is not installed")
    names = {"latex": ["book.tex"], "pdf": ["book.pdf", "book.tex"], "typst": ["book.pdf", "book.typ"]}[form]
    for folder in ("one", "two"):
        with pytest.raises(SystemExit) as ended:
            cli.main(["book", "04", "--format", form, "--jobs", "1", "--output", str(tmp_path / folder)])
        assert ended.value.code == 0, capsys.readouterr()
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted(["book.json", *names])
    if "book.pdf" in files:
        assert (tmp_path / "one" / "book.pdf").read_bytes().startswith(b"%PDF")
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    content = json.loads((tmp_path / "one" / "book.json").read_text("utf-8"))
    assert [row["script"] for row in content["chapters"]] == [SCRIPT]


@pytest.mark.parametrize("arguments", [["nothing"], ["04", "--jobs", "0"], ["04", "--format", "word"]])
def test_what_is_not_there_ends_with_one_line_and_code_2(arguments, capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        cli.main(["book", *arguments, "--output", str(tmp_path / "none")])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_every_citation_in_prose_resolves_and_every_number_of_theory_is_there():
    texts = {**proses(), "introduction": INTRODUCTION, "evidence": EVIDENCE}
    assert set(script_names()) <= set(texts)
    texts |= {one.number: one.text for one in numbered_statements()}
    for name, text in texts.items():
        assert set(citations(text)) <= set(BIBLIOGRAPHY), name
        for number in re.findall(r"\[THEORY ([^\];]*)", text):
            assert set(re.findall(r"T\d+[b′]?|§\d+", number)) <= statement_numbers(), name
    assert set(citations("cf. Nobody and Somebody 1999")) - set(BIBLIOGRAPHY) == {"Nobody 1999"}


def test_sources_belong_to_numbered_statements():
    for source in BIBLIOGRAPHY.values():
        assert source.statements, source.key
        assert set(source.statements) <= statement_numbers(), source.key
        assert source.authors.split(",")[0].split()[-1] == re.split("[ ,]", source.key)[0]


def test_all_statements_of_theory_are_read():
    text = (derivation_folder() / "THEORY.md").read_text("utf-8")
    numbers = re.findall(r"^\*\*(T\d+′?b?|§\d+)", text, re.M)
    assert [one.number for one in numbered_statements()] == numbers
    assert all(one.text and "## " not in one.text for one in numbered_statements())


def test_a_letter_has_one_meaning():
    rows = [name for row in NOTATION for name in row.names]
    assert len(rows) == len(set(rows))
    assert is_known(sp.Symbol("lambda_0"))
    assert is_known(sp.IndexedBase("u")[2])
    assert not is_known(sp.Symbol("lambda_0_extra_0"))
    assert meaning_of("y_0") != meaning_of("y_1")


def test_letters_that_nobody_declares_are_found():
    x, strange = sp.symbols("x_0 strange")
    derivation = Derivation("", x).lemma(Identity(x + strange, strange + x))
    script = Script("name", "title", (), derivation, {})
    assert undeclared(script) == ("strange",)
    assert undeclared(Script("name", "title", (), derivation, {strange: "a letter"})) == ()
    assert overridden(Script("name", "title", (), derivation, {x: meaning_of(x)})) == ()
    for said in ("something else", "here something else", "here: something else"):
        redeclared = Script("name", "title", (), derivation, {x: said, strange: "a letter"})
        assert overridden(redeclared) == ("x_0",)
        assert declared_in(redeclared) == (("x_{0}", "here something else"), (to_latex(strange), "a letter"))


def test_prose_is_read_into_blocks_and_runs():
    text = "One *word* of `code` and $a_1$.\n\n$$x\n= 1$$\n\nThen **more**:\n\n1. first\n2. second"
    kinds = [type(block) for block in read(text)]
    assert kinds == [Paragraph, Display, Paragraph, Items]
    assert [run.kind for run in words("One *word* of `code`, $a_1$ and **all** (T3), Rugh 1981")] == [
        "text",
        "emphasis",
        "text",
        "code",
        "text",
        "formula",
        "text",
        "strong",
        "text",
        "statement",
        "text",
        "citation",
    ]
    assert [run.kind for run in words("a * b * c, T99")] == ["text"]
    assert read(text)[-1].ordered


@pytest.mark.parametrize("text", ["$a", "$$a", "a $b$ c$"])
def test_a_formula_that_is_not_closed_is_refused(text):
    with pytest.raises(ValueError, match="not closed"):
        read(text)


@pytest.mark.parametrize("text", [r"$\input{secret}$", r"$$\write18{ls}$$"])
def test_commands_that_read_or_write_are_refused(text):
    with pytest.raises(ValueError, match="may not stand"):
        blocks(text)


def test_text_is_set_literally_with_its_accents():
    assert literal("Mináč & Đoàn") == r"Min\'{a}\v{c} \& \rlap{-}Do\`{a}n"
    assert "\\input" not in literal(r"\input{secret}").replace(r"\textbackslash{}input", "")


def test_a_claim_that_was_made_before_is_not_printed_again(one):
    """Sides and conditions decide, not the name."""
    x, y = sp.symbols("x y")
    first = Identity(x + y, y + x, name="first")
    again, conditional = replace(first, name="again"), replace(first, name="if", nonzero=(x,))
    marks = {each: Mark(f"1.{n}", "", Evidence.PROVED) for n, each in enumerate((first, again, conditional), 1)}
    made = replace(one, marks=marks)
    earlier = {mark.number: made.earlier(Claim(each, mark)) for each, mark in marks.items()}
    assert earlier == {"1.1": "", "1.2": "1.1", "1.3": ""}


def test_claims_that_are_false_are_printed_with_their_witnesses(one):
    chapters = book_of(one).chapters
    claims = refuted_claims()
    made = Book(chapters, claims)
    assert made.doubtful == ()
    source = latex_source(made)
    for each in claims:
        assert each.follows.mark.evidence is Evidence.REFUTED
        assert f"({each.follows.mark.number})" in source
        assert f"({each.holds.mark.number})" in source
    twisted = tuple(replace(each, follows=each.holds) for each in claims)
    assert len(Book(chapters, twisted).doubtful) == len(claims)


def test_a_script_that_cannot_be_printed_is_named():
    with pytest.raises(RuntimeError, match="99_nothing"):
        print_chapter((1, "99_nothing"), tex_pages.chapter_source)
    made = print_chapter((3, SCRIPT), typst_pages.chapter_source)
    assert (made.number, made.script, made.gaps) == (3, SCRIPT, ())
    assert all(mark.number.startswith("3.") for mark in made.marks)


def test_what_is_left_of_another_format_is_removed(tmp_path):
    book = Book((), ())
    for engine, other in ((TEX, "book.typ"), (TYPST, "book.tex")):
        (tmp_path / "notes.txt").write_text("mine", "utf-8")
        (tmp_path / "book.pdf").write_text("of another run", "utf-8")
        written, typeset = write_book(book, tmp_path, engine, pdf=False)
        assert typeset is None
        assert {path.name for path in tmp_path.iterdir()} == {path.name for path in written} | {"notes.txt"}
        assert other not in {path.name for path in written}


def test_without_an_engine_the_command_says_so_before_it_works(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    monkeypatch.setattr("carleman_ssm.report.book.has_tex", lambda: False)
    monkeypatch.setattr("carleman_ssm.report.book.print_all", lambda *_: pytest.fail("it worked in vain"))
    for form, word in (("pdf", "pdflatex"), ("typst", "typst is not installed")):
        with pytest.raises(SystemExit) as ended:
            cli.main(["book", "04", "--format", form, "--output", str(tmp_path / "none")])
        assert ended.value.code == 2
        assert word in capsys.readouterr().err
