"""Displays of a document: wide matrices, products and sums are broken before they are too small to read."""

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest
import sympy as sp

from carleman_ssm.formulas.displays import LEGIBLE, display_lines, equality_lines, width
from carleman_ssm.formulas.latex import document, to_latex

DERIVATIONS = Path(__file__).parents[1] / "derivations"
a, b = sp.symbols("a b")
LONG = sp.Add(*sp.symbols("alpha_1:9_1:5"))
STEMS = ["19_delta_rule", "19_selective_clock", "12_low_rank_steps", "10_cubic_kernels"]
STEMS += [path.stem for path in sorted(DERIVATIONS.glob("2*.py"))]
LINE = 472  # points of a line between margins of 22 mm on A4 or letter paper, about


def test_what_is_short_stands_on_one_line():
    assert display_lines(a + b, {}) == ["a + b"]
    assert equality_lines(a, b, (a,), {}) == [r"a = b \qquad (a \neq 0)"]
    matrix = sp.ImmutableMatrix([[a, b]])
    assert equality_lines(matrix, matrix, (), {}) == [f"{to_latex(matrix)} = {to_latex(matrix)}"]


def test_a_long_sum_is_broken_between_its_terms_and_loses_none():
    lines = display_lines(LONG, {}, lead="=")
    assert len(lines) > 1
    assert max(map(width, lines)) <= LEGIBLE
    for term in LONG.args:
        assert sum(line.count(to_latex(term)) for line in lines) == 1


def test_wide_matrices_are_compared_entry_by_entry():
    left, right = (sp.ImmutableMatrix([[LONG, one], [0, LONG]]) for one in (a, b))
    lines = equality_lines(left, right, (b,), {})
    assert max(map(width, lines)) <= LEGIBLE
    assert r"(1,2)\colon\quad a = b" in lines
    assert r"(2,1)\colon\quad 0 = 0" in lines
    assert lines[-1].endswith(r"(b \neq 0)")
    assert sum(line.count(r"\alpha_{8,4}") for line in lines) == 4


def test_a_wide_matrix_beside_a_product_gives_its_entries_and_says_that_others_vanish():
    product = sp.MatMul(*(sp.ImmutableMatrix([[a**n + n * b, 0], [n, b * a]]) for n in range(12)), evaluate=False)
    lines = equality_lines(product, sp.ImmutableMatrix([[LONG, 0], [a, LONG]]), (), {})
    assert max(map(width, lines)) <= LEGIBLE
    assert sum(line.count("bmatrix") + line.count(r"\begin{matrix}") for line in lines) == 12
    assert r"= 2 \times 2 \text{ matrix, 0 but for the entries}" in lines
    assert r"(2,1)\colon\quad a" in lines
    assert not any(line.startswith("(1,2)") for line in lines)


def test_numbers_of_an_index_stand_apart_and_conjugates_do_not_touch():
    assert to_latex(sp.Symbol("kappa_1_0") ** 2) == r"\kappa_{1,0}^{2}"
    assert to_latex(sp.Symbol("kappa_10")) == r"\kappa_{10}"
    conjugates = sp.conjugate(a) * sp.conjugate(sp.Symbol("lambda_0")) ** 3 * b
    assert to_latex(conjugates) == r"b \overline{a} \, \overline{\lambda_{0}}^{3}"


@pytest.mark.symbolic
@pytest.mark.parametrize("stem", STEMS)
def test_no_display_of_these_derivations_is_shrunk_to_less_than_half(stem, tmp_path):
    """TeX itself says how wide every display is before it is fitted to the line."""
    if not shutil.which("pdflatex"):
        pytest.skip("pdflatex is not installed")
    source = document([runpy.run_path(str(DERIVATIONS / f"{stem}.py"))["derivation"]])
    measured = source.replace(
        r"\newcommand{\fitted}[1]{",
        r"\newbox\wide\newcommand{\fitted}[1]{\setbox\wide\hbox{$\displaystyle #1$}\typeout{WIDTH \the\wd\wide}",
    )
    (tmp_path / "wide.tex").write_text(measured, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "wide.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        timeout=60,
    )
    widths = [float(width) for width in re.findall(r"WIDTH ([\d.]+)pt", done.stdout.decode(errors="replace"))]
    assert len(widths) == source.count("\n\\fitted{")
    assert max(widths) < 2 * LINE
