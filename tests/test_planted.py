"""Planted errors: every kind stands where it has a place, is false, and is refuted; what is no error is left out."""

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.bounds import Bound
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.matrices import written_out
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import verify
from carleman_ssm.proofs.ledger import statements_of
from carleman_ssm.proofs.planted import planted_errors
from carleman_ssm.proofs.scripts import load_script, script_names

x, y = sp.symbols("x y")
k, m, N = sp.symbols("k m N", integer=True, positive=True)
t = sp.Symbol("t", real=True)
SQUARE = Identity((x + y) ** 2, x**2 + 2 * x * y + y**2, name="square")
POWERS = Identity(sp.Sum(x**m, (m, 0, k - 1)) * (x - 1), x**k - 1, name="geometric sum")
ROTATION = Identity(sp.conjugate(x) * x * sp.exp(sp.I * t), x * sp.conjugate(x) * sp.exp(sp.I * t), name="a turn")
MATRIX = Identity(sp.Matrix([[x, 1], [0, x]]) ** 2, sp.Matrix([[x**2, 2 * x], [0, x**2]]), name="Jordan block")
GROWTH = Bound(1 + t, sp.exp(t), {t: (0, 3)}, name="growth")


def kinds(statement):
    return [kind for kind, _ in planted_errors(statement)]


def test_a_sum_of_products_has_four_errors():
    assert kinds(SQUARE) == ["one added", "sign swapped", "binomial dropped", "term dropped"]


def test_a_power_of_steps_is_shifted_by_one():
    twins = dict(planted_errors(POWERS))
    assert twins["off by one"].right == x ** (k + 1) - 1
    assert "conjugate swapped" not in twins


def test_a_conjugate_loses_its_bar():
    assert dict(planted_errors(ROTATION))["conjugate swapped"].right == x**2 * sp.exp(sp.I * t)


def test_without_a_bar_the_imaginary_unit_changes_its_sign():
    turn = Identity(sp.cos(t) + sp.I * sp.sin(t), sp.exp(sp.I * t))
    assert dict(planted_errors(turn))["conjugate swapped"].right == sp.exp(-sp.I * t)


def test_the_end_of_a_sum_is_shifted_where_no_whole_number_is_free():
    doubled = Identity(2 * sp.Sum(x**m, (m, 0, 2)), sp.Sum(2 * x**m, (m, 0, 2)))
    assert dict(planted_errors(doubled))["off by one"].right == sp.Sum(2 * x**m, (m, 0, 3))


@pytest.mark.parametrize(
    "right",
    [
        sp.exp(2 * sp.pi * sp.I * k / 3) * sp.exp(-2 * sp.pi * sp.I * k / 3, evaluate=False),
        sp.exp(sp.I * t) + sp.exp(-sp.I * t),
        sp.cos(2 * sp.pi * k, evaluate=False),
    ],
    ids=["cancels", "real", "periodic"],
)
def test_a_change_that_leaves_the_value_is_no_error(right):
    found = kinds(Identity(right, right))
    assert "conjugate swapped" not in found
    assert "off by one" not in found


def test_one_entry_of_a_matrix_is_changed_and_all_signs():
    twins = dict(planted_errors(MATRIX))
    assert twins["one added"].right == sp.Matrix([[x**2, 2 * x], [0, x**2 + 1]])
    assert twins["sign swapped"].right == -MATRIX.right
    assert twins["binomial dropped"].right == sp.Matrix([[x**2, x], [0, x**2]])


def test_zero_has_no_sign_and_no_terms():
    assert kinds(Identity(x - x, 0)) == ["one added"]


def test_bounds_fail_at_their_twins():
    assert kinds(GROWTH) == ["one added", "sign swapped", "sides swapped"]


@pytest.mark.parametrize("statement", [SQUARE, POWERS, ROTATION, MATRIX, GROWTH], ids=lambda one: one.name)
def test_statements_stand_and_their_twins_are_refuted(statement):
    assert verify(statement).evidence in (Evidence.PROVED, Evidence.CERTIFIED)
    for kind, twin in planted_errors(statement):
        verdict = verify(twin)
        assert verdict.evidence is Evidence.REFUTED, kind
        assert verdict.witness is not None
        assert twin.name == f"{statement.name}, {kind}"


def test_a_tight_bound_has_twins_too():
    """Where both sides touch everywhere they cannot be swapped, but one more is too much."""
    equal = Bound(t, t + 0, {t: (0, 1)})
    assert kinds(equal) == ["one added", "sign swapped"]
    assert all(verify(twin).evidence is Evidence.REFUTED for _, twin in planted_errors(equal))


def test_matrices_of_symbolic_size_have_no_entries_to_change():
    symbolic = sp.MatrixSymbol("A", N, N)
    assert written_out(symbolic) is None
    assert planted_errors(Identity(symbolic, symbolic)) == ()
    product = sp.MatMul(sp.ImmutableMatrix([[x]]), sp.ImmutableMatrix([[y]]))
    assert written_out(product) == sp.Matrix([[x * y]])


COEFFICIENTS = st.lists(st.integers(-4, 4), min_size=2, max_size=4)


@given(COEFFICIENTS, COEFFICIENTS)
def test_no_twin_of_a_product_of_polynomials_is_proved(first, second):
    """Two routes: `verify` refutes, and the difference multiplied out is not zero."""
    factors = [sp.Add(*(c * x**i for i, c in enumerate(each))) for each in (first, second)]
    product = sp.expand(factors[0] * factors[1])
    for kind, twin in planted_errors(Identity(factors[0] * factors[1], product)):
        assert sp.expand(twin.left - twin.right) != 0, kind
        assert verify(twin).evidence is Evidence.REFUTED, kind


# --- every statement of every derivation -----------------------------------------------------------------------------

KINDS = {"one added", "sign swapped", "binomial dropped", "term dropped", "conjugate swapped", "off by one"}


@pytest.mark.parametrize("name", script_names())
def test_one_error_in_every_statement_of_a_derivation_is_refuted(name):
    """The kinds by turns; `carleman-ssm verify`, a step of CI, plants all of them in each."""
    for number, (section, _, statement) in enumerate(statements_of(load_script(name))):
        twins = planted_errors(statement)
        assert twins, (section, statement.name)  # not vacuous
        kind, twin = twins[number % len(twins)]
        verdict = verify(twin)
        assert verdict.evidence is Evidence.REFUTED, (section, statement.name, kind, str(verdict))
        assert verdict.witness is not None


def test_every_kind_of_error_is_planted_in_some_derivation():
    missing = set(KINDS)
    for name in reversed(script_names()):  # the last ones are the quickest
        for _, _, statement in statements_of(load_script(name)):
            missing -= set(kinds(statement))
            if not missing:
                return
    assert not missing
