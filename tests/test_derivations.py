"""Every derivation is run, every step and lemma proved, planted errors refuted, each citation checked."""

import runpy
from functools import cache
from pathlib import Path

import pytest
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.formulas.latex import to_latex

ROOT = Path(__file__).parents[1]
FILES = sorted(ROOT.glob("derivations/*.py"))


@cache
def derivation(path):
    return runpy.run_path(str(path))["derivation"]


def statements(path):
    found = derivation(path)
    return [*found.steps, *found.lemmas, found.conclusion]


CASES = [
    pytest.param(path, number, id=f"{path.stem}-{number}") for path in FILES for number in range(len(statements(path)))
]


def multiplied(side):
    """A product of explicit matrices as one matrix."""
    if not isinstance(side, sp.MatMul):
        return side
    result, *rest = side.args
    for factor in rest:
        result = result * factor
    return result


def entries(side):
    side = multiplied(side)
    return list(side) if isinstance(side, sp.MatrixBase) else [side]


def with_entries(side, values):
    side = multiplied(side)
    return sp.ImmutableMatrix(*side.shape, values) if isinstance(side, sp.MatrixBase) else values[0]


def one_added(values):
    yield [*values[:-1], values[-1] + 1]


def sign_swapped(values):
    yield [-value for value in values]


def binomial_dropped(values):
    """The first integer factor above 1 becomes 1, in the last entry that has one."""
    for place in reversed(range(len(values))):
        expanded = sp.expand(values[place])
        for term in sp.Add.make_args(expanded):
            factor, rest = term.as_coeff_Mul()
            if factor.is_Integer and factor > 1:
                yield [*values[:place], expanded - term + rest, *values[place + 1 :]]
                return


def term_dropped(values):
    for place in reversed(range(len(values))):
        terms = sp.Add.make_args(sp.expand(values[place]))
        if len(terms) > 1:
            yield [*values[:place], sp.Add(*terms[1:]), *values[place + 1 :]]
            return


PLANTS = [one_added, sign_swapped, binomial_dropped, term_dropped]


def test_there_are_derivations_with_steps_and_lemmas():
    assert FILES
    for path in FILES:
        assert len(derivation(path).steps) >= 2, path
        assert derivation(path).lemmas, path
        assert len(path.read_text().splitlines()) <= 160, path


@pytest.mark.parametrize(("path", "number"), CASES)
def test_every_step_lemma_and_conclusion_is_proved(path, number):
    statement = statements(path)[number]
    verdict = cs.verify(statement)
    assert verdict.proved, (statement.name, str(verdict))


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize(("path", "number"), CASES)
def test_every_planted_error_is_refuted(path, number, plant):
    statement = statements(path)[number]
    values = entries(statement.right)
    planted = 0
    for wrong in plant(values):
        verdict = cs.verify(cs.Identity(statement.left, with_entries(statement.right, wrong)))
        assert verdict.evidence is cs.Evidence.REFUTED, (statement.name, str(verdict))
        assert verdict.witness is not None
        planted += 1
    if plant in (one_added, sign_swapped):
        assert planted == 1  # not vacuous; a statement without a binomial or a sum has nothing to drop


@pytest.mark.parametrize("plant", PLANTS)
def test_every_kind_of_error_was_planted_somewhere(plant):
    assert any(list(plant(entries(s.right))) for path in FILES for s in statements(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_steps_are_links_of_one_chain(path):
    found = derivation(path)
    previous = found.start
    for step in found.steps:
        assert step.left == previous
        assert step.because
        previous = step.right
    assert found.conclusion.left == sp.sympify(found.start)
    assert found.conclusion.right == previous


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_printed_derivation_shows_every_reason_and_balances(path, capsys):
    runpy.run_path(str(path), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.strip() == to_latex(derivation(path)).strip()
    assert printed.count("{") == printed.count("}")
    assert printed.count(r"\begin{") == printed.count(r"\end{")
    for step in derivation(path).steps:
        for word in step.because.split("$")[::2]:
            assert word.strip() in printed


def test_importing_a_derivation_prints_nothing(capsys):
    for path in FILES:
        runpy.run_path(str(path))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("states", [1, 2])
def test_the_operator_cites_the_collapse_and_its_certificates_are_the_conclusions(states):
    model = cs.DiscreteSSM.symbolic(states=states, feedthrough=True)
    form = cs.forward_operator(model, cs.PolynomialDecoder.symbolic(model, degree=2))
    assert form.reference == "derivations/12_affine_collapse"
    path = ROOT / f"{form.reference}.py"
    concluded = {(s.left, s.right) for s in (*derivation(path).lemmas, derivation(path).conclusion)}
    for certificate in form.certificates:
        assert (certificate.left, certificate.right) in concluded, certificate.name


def test_the_one_mode_certificate_is_the_conclusion_itself():
    model = cs.DiscreteSSM.symbolic(states=1, feedthrough=True)
    form = cs.forward_operator(model, cs.PolynomialDecoder.symbolic(model, degree=2))
    conclusion = derivation(ROOT / f"{form.reference}.py").conclusion
    (step,) = [c for c in form.certificates if c.name == "one lifted step"]
    assert (step.left, step.right) == (conclusion.left, conclusion.right)
