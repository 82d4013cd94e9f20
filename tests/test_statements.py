"""Statements as data: validated, immutable, unfolded in the order of their definitions."""

from dataclasses import FrozenInstanceError

import pytest
import sympy as sp

from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.statements import ClosedForm, Identity, check_names, unfold
from carleman_ssm.formulas.verification import Evidence, verify

x, y, lam = sp.symbols("x y lambda_0")
k, m = sp.symbols("k m", integer=True)
K, u = sp.IndexedBase("K"), sp.IndexedBase("u")


@pytest.mark.parametrize("name", ["lambda", "a b", "__import__('os')", "x+y", "1x", r"\input{x}", ""])
def test_names_that_could_become_code_are_refused(name):
    with pytest.raises(ValueError, match="cannot name a symbol"):
        check_names([sp.Symbol(name)])


def test_greek_names_and_sequences_are_names():
    check_names([sp.Symbol("λ_0"), K[m], u])


def test_two_symbols_of_one_name_are_refused():
    with pytest.raises(ValueError, match="both called 'x'"):
        check_names([x, sp.Symbol("x", real=True)])


def test_text_is_never_evaluated():
    with pytest.raises(TypeError, match="never evaluated"):
        Identity("x", x)


def test_sides_have_one_shape():
    with pytest.raises(ValueError, match="one shape"):
        Identity(sp.eye(2), sp.eye(3))


def test_definitions_come_in_the_order_of_dependency():
    with pytest.raises(ValueError, match="order definitions"):
        ClosedForm(x, y, (), {y: lam, lam: sp.S.One})
    with pytest.raises(ValueError, match="order definitions"):
        ClosedForm(x, y, (), {K[m]: K[m - 1]})


def test_unfolding_replaces_named_definitions_everywhere():
    form = ClosedForm(sp.Symbol("z"), sp.Sum(K[k - m] * u[m], (m, 0, k)), (x, u, k), {lam: sp.exp(x), K[m]: lam**m})
    assert unfold(form).expression == sp.Sum(sp.exp(x) ** (k - m) * u[m], (m, 0, k))
    assert unfold(form, lam).where == {K[m]: sp.exp(x) ** m}
    assert unfold(form, lam).expression == form.expression
    with pytest.raises(KeyError, match="no definition"):
        unfold(form, y)


def test_unfolding_keeps_the_value():
    form = ClosedForm(sp.Symbol("z"), y**2 + lam, (x,), {lam: x + 1, y: lam * x})
    assert verify(Identity(unfold(form).expression, unfold(unfold(form, lam)).expression)).proved
    assert verify(Identity(unfold(form).expression, (x * (x + 1)) ** 2 + x)).evidence is Evidence.REFUTED


def test_statements_are_immutable_and_hashable():
    form = ClosedForm(x, y, (), {y: sp.S.One})
    with pytest.raises(FrozenInstanceError):
        form.expression = x
    with pytest.raises(TypeError):
        form.where[y] = x
    assert hash(form) == hash(ClosedForm(x, y, (), {y: sp.S.One}))


def test_a_derivation_is_a_chain_of_checked_steps():
    chain = Derivation("square", (x + y) ** 2).step(x**2 + 2 * x * y + y**2, "binomial theorem")
    longer = chain.step((x - y) ** 2 + 4 * x * y, "complete the other square").lemma(Identity(x, x))
    assert len(chain.steps) == 1
    assert longer.end == (x - y) ** 2 + 4 * x * y
    assert all(verify(statement).proved for statement in (*longer.steps, *longer.lemmas, longer.conclusion))
    wrong = chain.step((x - y) ** 2 + 3 * x * y, "a slip")
    assert [verify(step).evidence for step in wrong.steps] == [Evidence.PROVED, Evidence.REFUTED]
