"""What every public closed form prints is set by TeX within the page, and read by KaTeX in its strict mode."""

import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.printing.displays import LINE, at_mark, unmarked
from carleman_ssm.printing.latex import to_latex, typst_document
from carleman_ssm.printing.set_width import width
from carleman_ssm.printing.statement_displays import chain_links, statement_lines, where_lines
from carleman_ssm.proofs.representatives import REPRESENTATIVES, representative
from carleman_ssm.proofs.scripts import load_script, script_names

READ = """
const katex = require('katex')
const formulas = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const options = {displayMode: true, throwOnError: true, strict: 'error', trust: false, maxExpand: 1e6}
const refused = []
formulas.forEach((formula, place) => {
  try { katex.renderToString(formula, options) } catch (error) { refused.push([place, error.message]) }
})
console.log(JSON.stringify(refused))
"""


@cache
def forms():
    """Every public closed form, by its name and instance."""
    return {
        f"{name}, {label}": representative(name, label) for name in REPRESENTATIVES for label in REPRESENTATIVES[name]
    }


@cache
def lines():
    """Lines of all closed forms, and of the chains and abbreviations of all derivations."""
    found = [line for form in forms().values() for line in statement_lines(form)]
    waiting = [load_script(name).derivation for name in script_names()]
    for chain in waiting:
        waiting += chain.chains
        found += [line for link in chain_links(chain) for line in link.lines]
        found += where_lines(chain.where)
    return tuple(dict.fromkeys(found))


NODE, KATEX = shutil.which("node"), os.environ.get("KATEX") or os.environ.get("NODE_PATH", "")


def missing():
    """What the tests with KaTeX lack, or nothing."""
    if NODE is None:
        return "Node is not installed"
    there = Path(KATEX, "katex", "package.json").is_file()
    return "" if there else "KaTeX is not installed: npm install katex, and name the node_modules folder in KATEX"


NEEDS_KATEX = pytest.mark.skipif(bool(missing()), reason=missing())


def refused_by_katex(formulas):
    """Place and reason of each formula that KaTeX does not read."""
    environment = {**os.environ, "NODE_PATH": KATEX}
    done = subprocess.run(
        [NODE, "-e", READ], input=json.dumps(formulas), env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@NEEDS_KATEX
def test_katex_reads_every_public_closed_form():
    names = list(forms())
    assert len(names) > 100
    refused = refused_by_katex([to_latex(form) for form in forms().values()])
    assert not refused, [(names[place], reason) for place, reason in refused]


@NEEDS_KATEX
def test_katex_reads_every_line_of_every_chain():
    refused = refused_by_katex([rf"\begin{{aligned}}{line}\end{{aligned}}" for line in lines()])
    assert not refused, [(lines()[place], reason) for place, reason in refused]


@NEEDS_KATEX
def test_katex_refuses_what_tex_would():
    assert [place for place, _ in refused_by_katex(["x", r"\frac{x}", r"x^a^b", "é", r"\unknown x"])] == [1, 2, 3, 4]


@NEEDS_KATEX
def test_katex_reads_names_of_any_kind():
    letters = sp.symbols("lambdaprime_r abar_0 x_ν_1 Delta_hat")
    odd = [sp.Symbol(r"\input{secret}"), sp.Symbol("50 % <é>"), sp.Function("f")(*letters), sp.Symbol("名") ** 2]
    statements = [Identity(one, two, nonzero=(one,)) for one in (*letters, *odd) for two in (*letters, *odd)]
    assert refused_by_katex([to_latex(one) for one in (*odd, *statements)]) == []


def test_tex_sets_every_line_within_the_page(tmp_path):
    """TeX itself says how wide each line is at normal size; the estimate that the lines were broken by is close."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    boxes = [
        rf"\setbox0\hbox{{$\displaystyle {left}{{}}{right}$}}\typeout{{WIDTH \the\wd0}}"
        for left, right in map(at_mark, lines())
    ]
    head = r"\documentclass[10pt]{article}\usepackage{amsmath,amssymb}\setcounter{MaxMatrixCols}{64}\begin{document}"
    (tmp_path / "lines.tex").write_text("\n".join([head, *boxes, r"\end{document}"]), encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "lines.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    log = done.stdout.decode(errors="replace")
    assert done.returncode == 0, log[-600:]
    measured = [float(found) / 10 for found in re.findall(r"WIDTH ([\d.]+)pt", log)]
    assert len(measured) == len(lines())
    assert max(measured) < LINE + 0.5, lines()[measured.index(max(measured))]
    estimated = [width(unmarked(line)) for line in lines()]
    wide = [real / guess for real, guess in zip(measured, estimated, strict=True) if real > 10]
    assert 0.8 < min(wide) <= max(wide) < 1.1


def test_typst_sets_every_public_closed_form_and_all_prose(tmp_path):
    typst = pytest.importorskip("typst")
    prose = [section.prose for name in script_names() for section in load_script(name).sections]
    source = typst_document([*prose, *forms().values()])
    assert "#raw(" not in source, "a formula would be shown as its source"
    unknown = re.findall(r'op\("([a-z]+)"\)', typst_document(prose))
    assert set(unknown) <= {"erf", "re", "im", "diag", "tr", "cov", "var", "vec"}, set(unknown)
    (tmp_path / "all.typ").write_text(source, encoding="utf-8")
    assert bytes(typst.compile(str(tmp_path / "all.typ"))).startswith(b"%PDF")
