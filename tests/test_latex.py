"""Printing: every symbol of a formula appears, no name carries a command, and documents compile."""

import os
import re
import shutil
import stat
import subprocess
import sys

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.formulas.verification import verify
from carleman_ssm.printing.latex import document, to_latex, typst_document, write_pdf
from carleman_ssm.printing.tex import escape
from carleman_ssm.printing.typst_source import expression_to_typst
from carleman_ssm.theory.collapse import forward_operator
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiagonalSSM
from tests.strategies_formulas import expressions

rate, step, x, y = sp.symbols("a Delta x y")
abar = sp.Symbol("abar_0")
k = sp.Symbol("k", integer=True, positive=True)
j, m = sp.symbols("j m", integer=True)
u, K, z = sp.IndexedBase("u"), sp.IndexedBase("K_1"), sp.IndexedBase("z")
FORM = ClosedForm(
    z[k],
    sp.Sum(K[k - j] * u[j], (j, 1, k)) ** 2,
    (rate, step, u, k),
    {abar: sp.exp(rate * step), K[m]: step * phi(1, rate * step) * abar**m},
    (Identity(abar, sp.exp(rate * step), name="multiplier"),),
    "THEORY T10",
)
CHAIN = Derivation("Square & more", (x + y) ** 2).step(
    x**2 + 2 * x * y + y**2, r"binomial theorem, $p=2$, $\bar\lambda_0 \le \frac{1}{2}$; Σ of 100 %", (x,)
)


def balanced(text):
    plain = re.sub(r"\\[{}]", "", text)
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert len(re.findall(r"\\left(?![a-z])", plain)) == len(re.findall(r"\\right(?![a-z])", plain))
    assert (
        re.findall(r"\\begin\{(\w+\*?)\}", plain) == re.findall(r"\\end\{(\w+\*?)\}", plain)[::-1]
        or "document" in plain
    )
    return depth == 0


def test_a_closed_form_is_an_aligned_block_with_its_definitions():
    text = to_latex(FORM)
    assert balanced(text)
    for piece in (
        r"\begin{aligned}",
        r"z_{k} &=",
        r"\text{where}",
        r"\bar{a}_{0} &= e^{\Delta a}",
        r"\varphi_{1}",
        r"K_{1,m} &=",
        r"K_{1,k - j}",
        r"\sum_{j=1}^{k}",
    ):
        assert piece in text
    assert FORM._repr_latex_() == f"$$\n{text}\n$$"


def test_a_derivation_has_its_reasons_at_the_right():
    text = to_latex(CHAIN)
    assert balanced(text)
    short = Derivation("Square", (x + y) ** 2).step(x**2 + 2 * x * y + y**2, "binomial theorem, $p=2$", (x,))
    assert r"&= x^{2} + 2 x y + y^{2} \qquad (x \neq 0) && \text{binomial theorem, $p=2$}" in to_latex(short)
    assert r"&= x^{2} + 2 x y + y^{2} \qquad (x \neq 0) && \text{binomial theorem, $p=2$, " in text
    long = to_latex(Derivation("Square", (x + y) ** 2).step(x**2 + 2 * x * y + y**2, "a word and another one " * 9))
    assert "&= x^{2} + 2 x y + y^{2} \\\\\n&\\qquad \\text{a word and" in long, "too long to stand beside"
    assert long.count("another") == 9
    assert r"$\Sigma$ of 100 \%" in text
    assert to_latex(Derivation("empty", x)) == "\\begin{aligned}\n& x\n\\end{aligned}"


def test_identities_verdicts_and_mappings_print():
    assert to_latex(Identity(x, y, nonzero=(y,))) == r"x = y \qquad (y \neq 0)"
    assert "refuted" in to_latex(verify(Identity(x, y)))
    assert "x =" in to_latex(verify(Identity(x, y)))
    assert to_latex({x: y + 1}) == "\\begin{aligned}\nx &= y + 1\n\\end{aligned}"
    assert to_latex(sp.Matrix([[x]])) == r"\left[\begin{matrix}x\end{matrix}\right]"
    assert to_latex(2 * x, mul_symbol="dot") == r"2 \cdot x"
    with pytest.raises(TypeError, match="cannot print"):
        to_latex(object())


def test_greek_letters_and_their_names_print_alike():
    assert to_latex(sp.Symbol("λ_0")) == to_latex(sp.Symbol("lambda_0")) == r"\lambda_{0}"
    assert to_latex(sp.Symbol("Δ")) == r"\Delta"


def test_differences_begin_with_what_is_positive():
    assert to_latex(k - j) == "k - j"
    assert to_latex(-k - j).startswith("-")


def test_long_sums_are_broken_between_terms():
    terms = [sp.Symbol(f"x_{n}") * sp.Symbol(f"c_{n}") for n in range(60)]
    text = to_latex({y: sp.Add(*terms)})
    assert balanced(text)
    assert text.count("\\\\\n") >= 2
    assert all(f"x_{{{n}}}" in text for n in range(60))


COMMAND = r"\input{/etc/passwd}"


@pytest.mark.parametrize(
    "thing",
    [
        sp.Symbol(COMMAND),
        sp.Function(COMMAND)(x),
        sp.IndexedBase(COMMAND)[1],
        sp.MatrixSymbol(COMMAND, 2, 2),
        sp.Dummy(COMMAND),
        sp.Sum(x, (sp.Symbol(COMMAND), 0, 1)),
        sp.Symbol("x_" + COMMAND),
        sp.MatrixSymbol(COMMAND, 2, 2)[0, 1],
        sp.Symbol("^^5cinput"),
    ],
)
def test_no_name_carries_a_command_into_tex(thing):
    for text in (to_latex(thing), document([thing])):
        assert r"\input" not in text
        assert "^^" not in text
    assert expression_to_typst(thing)
    assert "#" not in expression_to_typst(thing)


@pytest.mark.parametrize(
    "prose", [COMMAND, r"\write18{ls}", r"\catcode`\@=11", "$^^5cinput$", r"\def\x{}", r"$\openin1=x$"]
)
def test_prose_may_not_read_write_or_redefine(prose):
    with pytest.raises(ValueError, match="may not stand"):
        document([prose])
    with pytest.raises(ValueError, match="may not stand"):
        to_latex(Derivation("t", x).step(y, prose))


def test_an_open_formula_in_prose_is_an_error():
    with pytest.raises(ValueError, match="not closed"):
        document(["costs 5 $"])


@given(st.text(max_size=20))
def test_escaped_text_is_plain(text):
    escaped = escape(text)
    assert escaped.isascii()
    assert not re.search(r"(?<!\\)[#$%&_]", escaped)
    assert balanced(escaped)


@given(expressions())
def test_every_expression_prints_with_its_symbols_in_both_notations(expression):
    for text in (to_latex(expression), expression_to_typst(expression)):
        for symbol in expression.atoms(sp.Symbol):
            assert {"lambda_0": "λ", "mu": "μ"}.get(symbol.name, symbol.name) in text.replace(r"\lambda", "λ").replace(
                r"\mu", "μ"
            )
    assert balanced(to_latex(expression))


def test_a_document_needs_only_what_every_tex_has():
    source = document([FORM, CHAIN, Identity(x, y), {x: y}, "Some prose, $x^2$."], title="Title & more")
    packages = re.findall(r"\\usepackage(?:\[[^]]*\])?\{([^}]*)\}", source)
    used = {name for group in packages for name in group.split(",")}
    assert used <= {"amsmath", "amssymb", "geometry", "graphicx", "hyperref", "longtable", "amsthm"}
    assert r"Title \& more" in source
    assert "multiplier" in source
    assert "THEORY T10" in source
    assert balanced(source)


class _NoTex:
    """A search path without TeX."""

    @pytest.fixture(autouse=True)
    def _hide_tex(self, monkeypatch):
        monkeypatch.setattr("carleman_ssm.printing.engines.shutil.which", lambda _: None)


class TestTypst(_NoTex):
    def test_statements_become_a_pdf(self, tmp_path):
        pytest.importorskip("typst")
        items = [
            FORM,
            CHAIN,
            Identity(x / y, x**-2, nonzero=(y,)),
            {x: y},
            r"Prose $\mathcal{X} \to \hat x_0$ #let",
            sp.Matrix(2, 2, [x, -y, sp.I / 3, sp.conjugate(x)]),
            sp.Symbol('#read("/etc/passwd")'),
            sp.Piecewise((x, sp.Eq(x, y)), (sp.Abs(y), True)),
            sp.Derivative(sp.erf(x), x),
            sp.Float("1.5e-9"),
            sp.KroneckerDelta(j, k) * sp.binomial(k, j) * sp.factorial(k + 1),
            sp.Product(u[j], (j, 1, k)),
            sp.KroneckerProduct(sp.MatrixSymbol("A", 2, 2), sp.MatrixSymbol("B", 2, 2).T),
            sp.sqrt(2) / (1 + x),
            sp.MatMul(sp.MatrixSymbol("A", 2, 2), sp.MatrixSymbol("B", 2, 2) + sp.eye(2)),
        ]
        target = tmp_path / "statements.pdf"
        assert write_pdf(items, target, title="A “title” # here") == "typst"
        assert target.read_bytes().startswith(b"%PDF")
        assert "cal(X) → attach(hat(x), b: 0)" in typst_document(items)
        assert "#raw" not in typst_document(items)

    @given(expression=expressions())
    def test_every_expression_is_valid_typst(self, expression, tmp_path_factory):
        pytest.importorskip("typst")
        assert write_pdf([expression], tmp_path_factory.mktemp("typst") / "e.pdf") == "typst"

    def test_latex_source_asks_for_latex(self, tmp_path):
        pytest.importorskip("typst")
        with pytest.raises(ValueError, match="needs pdflatex"):
            write_pdf(document([FORM]), tmp_path / "x.pdf")

    def test_without_any_engine_the_error_says_what_to_install(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "typst", None)
        with pytest.raises(ImportError, match=r"texlive-latex-base.*\[documents\]"):
            write_pdf([FORM], tmp_path / "x.pdf")


def _stand_in(folder, body):
    """A pdflatex of our own, first in the search path."""
    program = folder / "pdflatex"
    program.write_text(f"#!{sys.executable}\nimport os, sys\n{body}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return lambda body: _stand_in(tmp_path, body)


def test_pdflatex_is_locked_in(tmp_path, stand_in):
    stand_in(
        "lines = [' '.join(sys.argv[1:]), os.environ['openin_any'], os.environ['openout_any'],"
        " str(os.listdir('.'))]\nopen('document.pdf', 'w').write('\\n'.join(lines))"
    )
    assert write_pdf(document([FORM]), tmp_path / "x.pdf") == "pdflatex"
    options, reading, writing, files = (tmp_path / "x.pdf").read_text().splitlines()
    assert "-no-shell-escape" in options
    assert "-halt-on-error" in options
    assert (reading, writing, files) == ("p", "p", "['document.tex']")


def test_a_failure_of_pdflatex_is_reported_with_its_last_lines(tmp_path, stand_in):
    stand_in("print('! Undefined control sequence.')\nsys.exit(1)")
    with pytest.raises(RuntimeError, match="Undefined control sequence"):
        write_pdf([FORM], tmp_path / "x.pdf")
    assert not (tmp_path / "x.pdf").exists()


def test_a_hanging_pdflatex_is_stopped(tmp_path, stand_in, monkeypatch):
    monkeypatch.setattr("carleman_ssm.printing.engines.TIMEOUT", 0.5)
    stand_in("import time\ntime.sleep(30)")
    with pytest.raises(RuntimeError, match="did not finish"):
        write_pdf([FORM], tmp_path / "x.pdf")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_a_real_pdflatex_sets_a_document_and_nothing_leaves_the_page(tmp_path):
    """Wide certificates are shrunk: TeX reports no overfull line."""
    operator = forward_operator(DiagonalSSM.symbolic(states=2), PolynomialDecoder.symbolic(degree=2))
    source = document([operator, FORM, CHAIN, Identity(x, y), "Some prose, $x^2$."], title="Title & more")
    assert write_pdf(source, tmp_path / "a.pdf") == "pdflatex"
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    (tmp_path / "a.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert "Overfull" not in done.stdout


def test_a_power_of_a_primed_letter_stands_behind_braces():
    """TeX refuses x'_{r}^{m}: the prime is a superscript already."""
    letter = sp.Symbol("lambdaprime_r")
    assert to_latex(letter ** sp.Symbol("m")) == r"{{\lambda}'_{r}}^{m}"
    assert to_latex(letter) == r"{\lambda}'_{r}"
    assert to_latex(sp.Symbol("x_r") ** 2) == r"x_{r}^{2}"
