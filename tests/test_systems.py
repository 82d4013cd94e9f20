import json

import pytest
import sympy as sp
from hypothesis import given

from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.report.srepr import read_srepr, write_srepr
from carleman_ssm.report.systems import MAX_BYTES, SystemFileError, parse_system, read_system
from carleman_ssm.theory.collapse import forward_operator
from carleman_ssm.theory.excitations import Excitation
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.responses import output_response
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM
from carleman_ssm.theory.volterra import volterra_kernel
from tests.strategies_ssm import discrete_models

COMPLETE = {
    "eigenvalues": ["-1/2", "-1/2+3*pi*I"],
    "b": [1, 0.1],
    "c": ["c_0", "1/3"],
    "D": "d",
    "decoder": ["g_0", 0, "1/2"],
    "conjugate_pairs": True,
    "step": "1/100",
}


def test_a_complete_file_is_read_exactly():
    system = parse_system(json.dumps(COMPLETE))
    half = sp.Rational(1, 2)
    assert system.model == DiagonalSSM(
        (-half, -half + 3 * sp.pi * sp.I),
        (1, sp.Rational(1, 10)),
        (sp.Symbol("c_0"), sp.Rational(1, 3)),
        sp.Symbol("d"),
        True,
    )
    assert system.decoder == PolynomialDecoder((sp.Symbol("g_0"), 0, half))
    assert system.step == sp.Rational(1, 100)


def test_only_the_eigenvalues_are_needed():
    system = parse_system('{"eigenvalues": [-1, "a"]}')
    assert system.model.input_vector == (1, 1)
    assert system.model.output_vector == sp.symbols("c_0 c_1")
    assert (system.model.feedthrough, system.decoder, system.step) == (0, None, None)


WRONG = {
    "": "no JSON.*line 1",
    "[1]": "JSON object",
    "{}": "'eigenvalues' is missing",
    '{"eigenvalues": [1], "B": [1]}': "unknown key 'B'; the keys are eigenvalues, b, c",
    '{"eigenvalues": [1], "eigenvalues": [2]}': "stands twice",
    '{"eigenvalues": []}': "list of 1 to",
    '{"eigenvalues": "1"}': "list of 1 to",
    '{"eigenvalues": [NaN]}': "NaN",
    '{"eigenvalues": [-Infinity]}': "Infinity",
    '{"eigenvalues": [[1.5]]}': r"eigenvalues\[0\]: expected a number or a text",
    '{"eigenvalues": [null]}': r"eigenvalues\[0\]: expected a number or a text",
    '{"eigenvalues": [true]}': r"eigenvalues\[0\]: expected a number",
    '{"eigenvalues": [1, "1/"]}': r"eigenvalues\[1\]: in '1/', position 3",
    '{"eigenvalues": [1], "c": [1, 2]}': "c has 2 entries, but there are 1",
    '{"eigenvalues": [1], "D": "I", "conjugate_pairs": true}': "D must be real",
    '{"eigenvalues": [1], "conjugate_pairs": 1}': "true or false",
    '{"eigenvalues": [1], "decoder": []}': "decoder must be a list",
    '{"eigenvalues": [1e999999]}': "at most 100 digits",
    '{"eigenvalues": [' + "9" * 5000 + "]}": "digit",
    '{"eigenvalues": ["__import__(1)"]}': "position 1",
    "[" * 100_000: "nested too deeply",
}


@pytest.mark.parametrize(("text", "words"), WRONG.items(), ids=[str(i) for i in range(len(WRONG))])
def test_a_wrong_file_is_refused_with_the_entry(tmp_path, text, words):
    path = tmp_path / "system.json"
    path.write_text(text)
    with pytest.raises(SystemFileError, match=words) as caught:
        read_system(path)
    assert str(path) in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path):
    files = [
        ("missing", None, "cannot be read"),
        ("large", b" " * (MAX_BYTES + 1), "larger"),
        ("binary", b"\xff\xfe", "UTF-8"),
    ]
    for name, content, words in files:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(SystemFileError, match=words):
            read_system(tmp_path / name)
    with pytest.raises(SystemFileError, match="cannot be read"):
        read_system(tmp_path)


def forms():
    decoder = PolynomialDecoder.symbolic(degree=2)
    pairs = DiscreteSSM.symbolic(2, feedthrough=True, conjugate_pairs=True)
    return [forward_operator(pairs, decoder), volterra_kernel(pairs, decoder, 2)]


@pytest.mark.parametrize("form", forms(), ids=("operator", "kernel"))
def test_constructor_notation_is_read_back_as_the_same_form(form):
    again = read_srepr(write_srepr(form))
    assert again == form
    assert again.certificates == form.certificates


@given(model=discrete_models())
def test_exact_models_survive_the_notation(model):
    form = forward_operator(model, PolynomialDecoder((1, sp.Rational(1, 3))))
    assert read_srepr(write_srepr(form)) == form


HOSTILE = {
    "__import__('os').getcwd()": "not allowed",
    "ClosedForm.__class__": "not allowed",
    "().__class__.__bases__": "not allowed",
    "Symbol('x')": r"expected ClosedForm",
    "ClosedForm(symbol=Symbol('__import__(1)'), expression=Integer(1))": "text '__import__",
    "ClosedForm(symbol=Function('f'), expression=Integer(1))": "not allowed",
    "ClosedForm(symbol=Symbol('x'), expression='x + 1')": "never evaluated|not allowed|cannot be built",
    "ClosedForm(symbol=Symbol('x'), expression=Add('x', 'y'))": "not allowed in Add",
    "ClosedForm(symbol=Symbol('x'), expression=Rational('f', 2))": "not allowed|cannot",
    "ClosedForm(symbol=Symbol('x'), expression=1.5)": "not allowed",
    "ClosedForm(symbol=Symbol('x'), expression=Integer(1), **{})": "not allowed|cannot",
    "ClosedForm(lambda: 1)": "not allowed",
    "ClosedForm(": "constructor notation",
    "[x for x in ()]": "not allowed",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_other_text_is_refused_and_never_run(text):
    with pytest.raises(ValueError, match=HOSTILE[text]):
        read_srepr(text)


def test_responses_with_cases_are_refused_by_the_notation_not_misread():
    form = output_response(DiscreteSSM.symbolic(1), PolynomialDecoder((0, 1)), Excitation.step())
    assert isinstance(form, ClosedForm)
    with pytest.raises(ValueError, match="Piecewise"):
        read_srepr(write_srepr(form))
