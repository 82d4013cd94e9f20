"""Displays of statements: every line fits the page at normal size, and nothing is lost on the way."""

import re

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.bounds import Bound
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.formulas.verdicts import Verdict
from carleman_ssm.formulas.verification import verify
from carleman_ssm.printing.broken_lines import Abbreviations
from carleman_ssm.printing.displays import LINE, at_mark, definition_lines, equation_lines, unmarked
from carleman_ssm.printing.latex import document, to_latex
from carleman_ssm.printing.set_width import width
from carleman_ssm.printing.statement_displays import chain_links, statement_lines, where_lines
from carleman_ssm.printing.tex_text import escape, prose
from tests.strategies_formulas import expressions

a, b, x, y = sp.symbols("a b x y")
k = sp.Symbol("k", integer=True)
LETTERS = sp.symbols("alpha_1:9_1:5")
LONG = sp.Add(*LETTERS)


def room(lines):
    """The width of an alignment: the widest left part and the widest right part beside each other."""
    sides = [at_mark(line) for line in lines]
    return max(width(left) for left, _ in sides) + max(width(right) for _, right in sides)


def test_what_is_short_stands_on_one_line():
    assert statement_lines(a + b) == ("& a + b",)
    assert statement_lines(Identity(a, b, nonzero=(a,))) == (r"a &= b \qquad (a \neq 0)",)
    matrix = sp.ImmutableMatrix([[a, b]])
    assert statement_lines(Identity(matrix, matrix)) == (f"{to_latex(matrix)} &= {to_latex(matrix)}",)


def test_a_long_sum_is_broken_between_its_terms_and_loses_none():
    lines = statement_lines(Identity(x, LONG))
    assert len(lines) > 1
    assert room(lines) <= LINE
    for term in LONG.args:
        assert sum(line.count(to_latex(term)) for line in lines) == 1
    assert lines[0].startswith("x &= ")
    assert all(line.startswith(r"&\quad + ") for line in lines[1:])


def test_a_wide_left_side_stands_for_itself():
    first, *rest = statement_lines(Identity(LONG, x))
    assert first.startswith("&")
    assert rest[-1] == "&= x"
    assert room([first, *rest]) <= LINE


def test_wide_matrices_are_compared_entry_by_entry():
    left, right = (sp.ImmutableMatrix([[LONG, one], [0, LONG]]) for one in (a, b))
    lines = statement_lines(Identity(left, right, nonzero=(b,)))
    assert room(lines) <= LINE
    assert r"&(1,2)\colon\quad a = b" in lines
    assert not any("(2,1)" in line for line in lines), "there is nothing to compare: 0 = 0"
    assert lines[-1].endswith(r"(b \neq 0)")
    assert sum(line.count(r"\alpha_{8,4}") for line in lines) == 4


def test_a_wide_matrix_beside_a_product_gets_a_letter_and_its_entries_are_listed():
    wide = sp.ImmutableMatrix([[LONG, 0], [a, LONG + b]])
    product = sp.MatMul(sp.ImmutableMatrix([[a, 0], [1, b]]), sp.ImmutableMatrix([[b, 0], [x, y]]), evaluate=False)
    lines = statement_lines(Identity(product, wide))
    assert room(lines) <= LINE
    assert r"= \mathcal{Q}_{1}" in lines[0] + lines[1]
    listed = "".join(lines[1:])
    assert r"\mathcal{Q}_{1}\colon\ 2 \times 2 \text{ matrix, 0 but for the entries}" in listed
    assert r"[\mathcal{Q}_{1}]_{2,1} = a" in listed
    assert "_{1,2} =" not in listed
    assert sum(line.count(r"\alpha_{8,4}") for line in lines) == 2


def test_a_long_product_of_matrices_is_broken_between_its_factors():
    product = sp.MatMul(*(sp.ImmutableMatrix([[a**n + n * b, 0], [n, b * a]]) for n in range(12)), evaluate=False)
    lines = statement_lines(product)
    assert room(lines) <= LINE
    assert sum(line.count(r"\begin{matrix}") for line in lines) == 12
    assert all(r"\cdot" in line for line in lines[1:])


def test_a_condition_that_has_no_room_behind_stands_below():
    lines = statement_lines(Identity(sp.Add(*LETTERS[:12]), x, nonzero=(*LETTERS[:9], LONG)))
    assert room(lines) <= LINE
    assert " ".join(lines).count(r"\neq 0") == 10


def test_bounds_print_their_boxes():
    bound = Bound(x**2, x, {x: (sp.Integer(0), sp.Integer(1))})
    assert statement_lines(bound) == (r"x^{2} &\le x \qquad (0 \le x \le 1)",)
    assert to_latex(bound) == r"x^{2} \le x \qquad (0 \le x \le 1)"
    many = Bound(LONG, x, {letter: (sp.Integer(0), sp.Integer(1)) for letter in (x, *LETTERS)})
    lines = statement_lines(many)
    assert room(lines) <= LINE
    assert " ".join(lines).count(r"0 \le ") == 33


def test_abbreviations_of_the_author_are_folded_into_statements_and_chains():
    where = {y: a + b}
    assert statement_lines(Identity((a + b) ** 2, x), where=where) == ("y^{2} &= x",)
    assert statement_lines(Bound((a + b) ** 2, a, {a: (0, 1), b: (0, 1)}), where=where)[0].startswith(r"y^{2} &\le a")
    chain = Derivation("t", (a + b) ** 2, where=where).step((a + b) * (a + b + 1) - a - b, "multiplied out", (a + b,))
    start, link = chain_links(chain)
    assert start.lines == ("& y^{2}",)
    assert link.reason == "multiplied out"
    assert r"(y \neq 0)" in link.lines[-1]
    assert where_lines(where) == (r"\text{where}\quad y &= a + b",)
    assert where_lines({}) == ()
    assert r"\text{where}\quad y = a + b" in to_latex(chain)


def test_a_function_of_a_letter_is_explained_once():
    h, t = sp.Function("h"), sp.Symbol("t")
    once = where_lines({h(k): a**k})
    assert where_lines({h(k): a**k, h(k - 1): a ** (k - 1)}) == once
    assert len(where_lines({h(k): a**k, h(k - 1): a**k})) == 2  # not what the first one says
    assert len(where_lines({h(k - 1): a ** (k - 1), h(k - 2): a ** (k - 2)})) == 2  # nothing says what h(k) is
    assert len(where_lines({h(k): a**k, h(t): a**t})) == 2


def test_only_abbreviations_that_occur_are_explained():
    unused, inner = sp.symbols("unused inner")
    chain = Derivation("t", (a + b) ** 2, where={inner: a + b, y: inner**2, unused: a - b}).step(a * x, "somehow")
    assert list(chain.explained) == [inner, y]
    assert "unused" not in to_latex(chain)
    assert "unused" not in document([chain])


def test_names_hold_formulas_and_single_dollars():
    statement = Identity(a, a, name="decay of $\\lambda_0$ & more, 50 %")
    assert r"decay of $\lambda_0$ \& more, 50 \%" in document([statement])
    assert r"price: 5 \$" in document([Identity(a, a, name="price: 5 $")])
    with pytest.raises(ValueError, match="may not stand"):
        document([Identity(a, a, name=r"$\input{secret}$")])


def test_sums_stand_beside_their_denominators():
    terms = sp.Sum(sp.Function("f")(k), (k, 0, 3))
    for expression, head in (
        (terms / x, r"\frac{1}{x}"),
        (-terms / x, r"- \frac{1}{x}"),
        (a * terms / x, r"\frac{a}{x}"),
    ):
        assert to_latex(expression).startswith(rf"{head} \sum")
    assert to_latex((terms + a) / x).startswith(r"\frac{1}{x} \left(")
    assert to_latex(a / terms).startswith(r"\frac{a}{\sum")
    assert r"\left(- " in to_latex(sp.Sum(-sp.Function("f")(k), (k, 0, 3)))


def test_a_matrix_of_one_entry_is_broken_inside_its_brackets():
    lines = statement_lines(Identity(sp.Matrix([[x]]), sp.Matrix([[LONG]])))
    assert room(lines) <= LINE
    assert len(lines) > 1
    assert not any("mathcal" in text for text in lines)


def test_names_of_several_letters_are_upright_and_values_at_a_point_keep_their_sum():
    assert to_latex(sp.Symbol("mean")) == r"\mathrm{mean}"
    assert to_latex(sp.Symbol("gain_2") ** 2) == r"\mathrm{gain}_{2}^{2}"
    assert to_latex(sp.Symbol("bbar")) == r"\bar{b}"
    value = sp.Subs(sp.Derivative(sp.Function("f")(x), x) + x, x, 0)
    assert to_latex(value).startswith(r"\left. \left(x + ")
    assert to_latex(sp.re(sp.Symbol("w"))).startswith(r"\operatorname{Re}")


def test_a_derivation_prints_its_lemmas_and_further_chains():
    part = Derivation("Part of it", x).step(x + y - y, "added and taken away").lemma(Identity(a, a, name="by itself"))
    whole = Derivation("Whole", a).step(a + b - b, "the same").chain(part)
    text = to_latex(whole)
    for piece in (r"\text{Part of it}", r"\text{added and taken away}", r"\text{by itself}"):
        assert text.count(piece) == 1
    source = document([whole])
    assert source.count("Part of it") == source.count("by itself") == source.count("added and taken away") == 1


def test_letters_of_a_chain_are_explained_once_and_keep_their_meaning():
    root = sp.sqrt(LONG)
    chain = Derivation("roots", root).step(2 * root - root, "twice less once").step(3 * root - 2 * root, "again")
    lines = [line for link in chain_links(chain) for line in link.lines]
    assert sum(r"\text{where}" in line for line in lines) == 1
    assert lines[0] == r"& \sqrt{\mathcal{Q}_{1}}"


def test_cases_go_on_in_further_rows():
    piecewise = sp.Piecewise((LONG, x > 0), (a, True))
    lines = statement_lines(Identity(y, piecewise))
    assert len(lines) == 1
    assert room(lines) <= LINE
    assert lines[0].count(r"\begin{cases}") == 1
    assert lines[0].count(r"\alpha") == 32


def test_equations_of_a_closed_form_share_the_room_that_the_widest_left_side_leaves():
    form = ClosedForm(sp.Symbol("s"), a + b, LETTERS, {sp.Symbol("first_1_2_3_4_5"): LONG, a: LONG * 2, b: LONG / 2})
    assert room(statement_lines(form)) <= LINE


@given(expressions(), expressions(), st.sampled_from([12.0, 20.0, LINE]))
def test_lines_of_any_statement_fit_and_lose_no_letter(left, right, line):
    lines = statement_lines(Identity(left, right), line=line)
    text = " ".join(map(unmarked, lines))
    for letter in (left + right).atoms(sp.Symbol):
        assert to_latex(letter) in text
    assert room(lines) <= line
    assert all(one.count("{") == one.count("}") and one.count(r"\left") == one.count(r"\right") for one in lines)


def test_a_letter_stands_for_equal_parts():
    folds = Abbreviations()
    root = r"\sqrt{" + " + ".join(f"a_{{{n}}}" for n in range(40)) + "}"
    lines = equation_lines("x", f"{root} + b {root}", LINE, folds)
    assert list(folds.definitions) == [r"\mathcal{Q}_{1}"]
    explained = definition_lines(folds, LINE)
    assert room([*lines, *explained]) <= LINE
    assert "".join(explained).count("a_{") == 40
    assert definition_lines(folds, LINE) == [], "a letter is explained once"


@pytest.mark.parametrize("text", ["a > b", "s < 0 | s > 0"])
def test_signs_that_are_other_characters_in_texts_own_fonts_are_named(text):
    """In the encoding OT1 a bare < in text is set as an inverted exclamation mark, > as ¿, | as a dash."""
    assert not re.search("[<>|]", escape(text))
    assert prose("s < 0, $s < 1$") == r"s \textless{} 0, $s < 1$"
    source = document([Derivation(text, a).step(a, because="for a < b")], title=text)
    words = re.sub(r"\$[^$]*\$", "", source.split(r"\begin{document}")[1])
    assert not re.search("[<>|]", words)


@pytest.mark.parametrize(
    "shown",
    [
        ClosedForm(x, a + b, (a, b)),
        Identity(a, a),
        Derivation("t", a).step(a, "the same"),
        Bound(a, a + 1, {a: (0, 1)}),
        verify(Identity(a, b)),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_notebooks_show_statements_as_formulas(shown):
    assert shown._repr_latex_() == f"$$\n{to_latex(shown)}\n$$"


def test_a_method_of_a_verdict_that_is_too_long_for_a_line_goes_on_in_the_next():
    verdict = Verdict(Evidence.REFUTED, "a word and one more, " * 12, witness=dict.fromkeys(LETTERS, sp.Rational(1, 3)))
    lines = to_latex(verdict).splitlines()[1:-1]
    assert max(width(unmarked(line.removesuffix(r"\\"))) for line in lines) <= LINE
    assert "".join(lines).count("word") == 12
    assert "".join(lines).count(r"\alpha") == 32
