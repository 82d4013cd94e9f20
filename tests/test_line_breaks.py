"""Rows of a definition that are too wide for a line are broken, lose nothing, and stay on the page."""

import re
import shutil
import subprocess

import pytest
import sympy as sp

from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.latex import document, to_latex
from carleman_ssm.formulas.line_breaks import broken_term, width
from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.formulas.tex import escape, prose

a, q, k, n = sp.Symbol("a"), sp.Symbol("q_1"), sp.Symbol("k", integer=True), sp.Symbol("n", integer=True)
LETTERS = sp.symbols("alpha_1:9_1:3")
INNER = sp.Add(*LETTERS, a**2, sp.Add(a, *LETTERS) ** 2)
WIDE_SUM = sp.Sum(INNER, (k, 0, 63)) / 64
PHI = sp.Function("varphi_1")
QUOTIENT = sp.Add(*LETTERS[:5]) * (n + 1) * PHI((n + 1) * sp.Add(*LETTERS[:7])) / PHI(sp.Add(*LETTERS[:7]))


def whole(lines):
    """The term again, from its lines."""
    text = " ".join(lines)
    return text.replace(r"\bigl(", r"\left(").replace(r"\bigr)", r"\right)")


def printed(expression):
    """As formulas of trained networks are printed: 1/64 stands before a sum."""
    return to_latex(expression, decimals=True)


@pytest.mark.parametrize("line", [30, 50, 72])
def test_a_wide_sum_is_broken_inside_its_parentheses_and_loses_nothing(line):
    text = printed(WIDE_SUM)
    lines = broken_term(text, line)
    assert len(lines) > 1
    assert whole(lines) == text
    assert max(map(width, lines)) <= line
    assert all(one.count(r"\left") == one.count(r"\right") for one in lines)  # both have to stand on one line
    assert all(one.count("{") == one.count("}") for one in lines)


def test_a_wide_quotient_is_broken_between_the_factors_of_its_numerator():
    text = to_latex(QUOTIENT)
    first, second = broken_term(text, 72)
    assert first.strip()
    assert second.startswith(r"\cdot \frac{")
    pieces = re.sub(r"\\frac\{|\\cdot |[{}\s]", "", f"{first}{second}")
    assert sorted(pieces) == sorted(re.sub(r"\\frac\{|[{}\s]", "", text))


def test_a_short_divisor_of_a_wide_sum_stands_before_it():
    first, *rest = broken_term(to_latex(sp.Add(*LETTERS) / a), 40)
    assert first.startswith(r"\frac{1}{a}\, \bigl(")
    assert rest[-1].endswith(r"\bigr)")
    assert sum(one.count(r"\alpha") for one in (first, *rest)) == len(LETTERS)


@pytest.mark.parametrize("text", ["a + b", to_latex(WIDE_SUM), r"\alpha_{1} \beta"])
def test_what_is_short_enough_stays_as_it_is(text):
    assert broken_term(text, 1e6) == [text]


def test_what_has_no_place_to_break_stays_whole():
    name = "x" * 200
    assert broken_term(name, 72) == [name]


def boxes(tmp_path, source):
    """What TeX says of a document."""
    if not shutil.which("pdflatex"):
        pytest.skip("pdflatex is not installed")
    (tmp_path / "page.tex").write_text(source, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "page.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout.decode(errors="replace")


@pytest.mark.symbolic
def test_rows_of_definitions_stay_on_the_page(tmp_path):
    form = ClosedForm(sp.Symbol("ell"), a * q, (a, *LETTERS, n), {sp.Symbol("p_1"): QUOTIENT, q: WIDE_SUM})
    assert "Overfull" not in boxes(tmp_path, document([form]))
    # The page is what decides: one row that is as wide as before leaves it.
    unbroken = rf"\begin{{align*}}q_{{1}} &= {to_latex(WIDE_SUM)}\end{{align*}}"
    assert "Overfull" in boxes(tmp_path, document([]).replace(r"\end{document}", rf"{unbroken}\end{{document}}"))


def test_signs_that_are_other_characters_in_texts_own_fonts_are_named():
    """In the encoding OT1 a bare < in text is set as an inverted exclamation mark, > as ¿, | as a dash."""
    assert escape("s < 0 | s > 0") == r"s \textless{} 0 \textbar{} s \textgreater{} 0"
    assert prose("s < 0, $s < 1$") == r"s \textless{} 0, $s < 1$"
    title = Derivation("the logit falls, s < 0", a).step(a, because="for a < b")
    source = document([title], title="a > b")
    words = re.sub(r"\$[^$]*\$|\\ensuremath\{[^}]*\}", "", source.split(r"\begin{document}")[1])
    assert not re.search("[<>|]", words)
