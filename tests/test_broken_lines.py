"""Breaking, naming and slashing formulas keeps what they say: read back, the lines are the formula again."""

import re

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from sympy.parsing.sympy_parser import implicit_multiplication, parse_expr, standard_transformations

from carleman_ssm.formulas.shown import to_latex
from carleman_ssm.printing.broken_lines import Abbreviations, broken, text_lines
from carleman_ssm.printing.repetitions import shortened
from carleman_ssm.printing.set_width import width
from carleman_ssm.printing.slashes import with_slashes
from carleman_ssm.printing.tex_tree import parse
from tests.strategies_formulas import expressions

a, b, c, x = sp.symbols("a b c x")
LETTERS = sp.symbols("alpha_1:9_1:3")
k = sp.Symbol("k", integer=True)
WIDE = sp.Sum(sp.Add(*LETTERS, a**2, sp.Add(a, *LETTERS) ** 2), (k, 0, 63))
TRANSFORMATIONS = (*standard_transformations, implicit_multiplication)


def whole(lines):
    """The formula again, from its lines."""
    text = " ".join(lines)
    text = re.sub(r"\\[bB]ig{1,2}([lr])", lambda found: r"\left" if found[1] == "l" else r"\right", text)
    return re.sub(r"\\quad|\\qquad|\s", "", text)


@pytest.mark.parametrize("line", [14, 20, 40])
def test_a_wide_sum_is_broken_inside_its_parentheses_and_read_back_it_is_the_same(line):
    text = to_latex(WIDE)
    lines = broken(text, line, Abbreviations())
    assert len(lines) > 1
    assert whole(lines) == whole([text])
    assert max(map(width, lines)) <= line


def test_factors_that_go_on_in_the_next_line_begin_with_the_sign_of_a_product():
    product = sp.Mul(*(letter + b for letter in LETTERS))
    lines = broken(to_latex(product), 30, Abbreviations())
    assert all(line.removeprefix(r"\quad ").startswith(r"\cdot ") for line in lines[1:])
    assert whole(lines).replace(r"\cdot", "") == whole([to_latex(product)])


def test_a_wide_power_of_e_is_an_exponential_and_a_wide_denominator_a_power():
    inside = sp.Add(*LETTERS)
    folds = Abbreviations()
    assert whole(broken(to_latex(sp.exp(inside)), 20, folds)) == whole([rf"\exp \left({to_latex(inside)}\right)"])
    quotient = broken(to_latex(a / inside), 20, folds)
    assert whole(quotient) == whole([rf"a \left({to_latex(inside)}\right)^{{-1}}"])
    short = broken(to_latex(inside / a), 20, folds)
    assert whole(short) == whole([rf"\frac{{1}}{{a}}\, \left({to_latex(inside)}\right)"])
    assert not folds.definitions


@given(expressions(), st.sampled_from([8.0, 15.0, 40.0]))
def test_every_formula_is_balanced_on_every_line(expression, line):
    for one in broken(to_latex(expression), line, Abbreviations()):
        assert one.count("{") == one.count("}")
        assert one.count(r"\left") == one.count(r"\right")


@given(expressions())
def test_the_tree_of_a_formula_keeps_its_source(expression):
    text = to_latex(expression)
    assert re.sub(r"\s", "", parse(text).source) == re.sub(r"\s", "", text)
    assert "".join(re.sub(r"\s", "", item.source) for item in parse(text).items) == re.sub(r"\s", "", text)


@pytest.mark.parametrize("text", ["{x", "x}", r"\left(x", r"\frac{1}", r"\begin{matrix}1", r"x^"])
def test_what_is_not_closed_is_refused(text):
    with pytest.raises(ValueError, match="formula"):
        parse(text)


def test_letters_for_repetitions_read_back_give_the_formula_again():
    part = sp.Add(*LETTERS)
    text = to_latex(sp.Add(*(letter * part**n for n, letter in enumerate((a, b, c, x), 1))))
    folds = Abbreviations()
    (short,) = shortened([text], 10, folds)
    assert width(short) < width(text) / 3
    ((name, body),) = folds.definitions.items()
    assert short.replace(name, rf"\left({body.source}\right)") == text
    assert shortened([short], 10, folds) == [short]


def test_a_sum_without_parentheses_and_an_argument_keep_what_holds_them_together():
    part = " + ".join(f"a_{{{n}}}" for n in range(9))
    apart = rf"x \left({part}\right) + {part} + y \left({part}\right) + \varphi_{{1}}\left({part}\right)"
    (short,) = shortened([apart], 5, Abbreviations())
    assert (
        short
        == rf"x \mathcal{{Q}}_{{1}} + {part} + y \mathcal{{Q}}_{{1}} + \varphi_{{1}}\left(\mathcal{{Q}}_{{1}}\right)"
    )


@pytest.mark.parametrize(
    "power", [a / b, -a / (2 * b), (a + b) / c, a / (b + c), (a - b) / (2 * c) - x / 3, a * (b - c / 2) / x, a / b / c]
)
def test_slashes_in_powers_mean_the_quotient(power):
    """A power is read back by another parser; the wrong quotient beside it is another one."""
    text = to_latex(x**power)
    assert r"\frac" not in text
    inside = text.removeprefix("x^{").removesuffix("}")
    python = inside.replace(r"\left(", "(").replace(r"\right)", ")").replace("{", "(").replace("}", ")")
    read = parse_expr(python, transformations=TRANSFORMATIONS)
    assert sp.cancel(read - power) == 0
    assert sp.cancel(read - 2 * power) != 0


def test_quotients_keep_their_bar_where_there_is_room():
    assert to_latex(a / b + sp.sqrt(a / b)) == r"\frac{a}{b} + \sqrt{\frac{a}{b}}"
    long = r"\frac{a + b + c + d + e}{x}"
    assert with_slashes(rf"\frac{{{long}}}{{c}}") == rf"\frac{{{long}}}{{c}}"
    halved, slashed = long.replace("x", r"\frac{x}{2}"), long.replace("x", "x / 2")
    assert with_slashes(rf"\frac{{{halved}}}{{c}}") == rf"\frac{{{slashed}}}{{c}}"
    assert with_slashes(r"\frac{\frac{a}{b}}{c}") == r"\frac{a / b}{c}"
    operator = r"\frac{\frac{d}{d x} f}{c}"
    assert with_slashes(operator) == operator
    assert to_latex(sp.Matrix([[a / b, 1]])).count(r"\dfrac{a}{b}") == 1


def test_prose_is_broken_between_words_and_formulas_stay_whole():
    words = "the state after $k + 1$ steps is one displacement of the first " * 3
    lines = text_lines(words, 12)
    assert max(map(width, lines)) <= 12
    assert " ".join(line.removeprefix(r"\text{").removesuffix("}") for line in lines) == words.strip()
