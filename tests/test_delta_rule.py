"""The delta rule: the lift collapses without commuting steps, the clock is lost, the WY form remains."""

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.recurrences.affine import InvariantDiagonal, VaryingRankOne
from carleman_ssm.recurrences.commuting_keys import clock_laws, column, commutation_laws, dot
from carleman_ssm.recurrences.delta_rule import (
    added_steps_twin,
    delta_net_statement,
    gated_delta_net_statement,
    no_clock_twins,
    written_state,
    wy_propagator,
    wy_vectors,
)

pytestmark = pytest.mark.symbolic

STATEMENTS = [delta_net_statement, gated_delta_net_statement]
CLOCK = {
    "the order of two steps does not matter",
    "the product of two steps is symmetric",
}


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 3, 1), (2, 1, 1), (2, 3, 1), (2, 2, 2)])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_claim_is_proved(statement, sizes):
    for what, identities in statement(*sizes).claims().items():
        assert identities, what
        for identity in identities:
            assert verify(identity).proved, (what, identity.name)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_three_states_and_four_steps_are_proved(statement):
    found = statement(3, 4)
    assert all(verify(identity).proved for identity in (*found.laws, *found.output.certificates))
    assert all(verify(identity).proved for identity in found.collapsed(1).certificates)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 3, 1), (2, 1, 1), (2, 3, 1), (3, 4, 1), (2, 2, 2)])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_twin_is_refuted_with_a_witness(statement, sizes):
    found = statement(*sizes)
    for twin in found.twins:
        verdict = verify(twin)
        assert verdict.evidence is Evidence.REFUTED, twin.name
        assert verdict.witness
    names = {twin.name for twin in found.twins}
    assert (names >= CLOCK) == (sizes[0] > 1 and sizes[1] > 1)


def test_what_a_clock_implies_holds_where_there_is_one():
    """Equal keys have a clock, so the consequences hold; what the steps subtract still does not add."""
    key, strengths = sp.symbols("kappa_:2"), sp.symbols("beta_:2")
    recurrence = VaryingRankOne((1, 1), strengths, (key, key), (sp.zeros(2, 1),) * 2)
    assert {twin.name for twin in no_clock_twins(recurrence)} == CLOCK
    assert all(verify(twin).proved for twin in no_clock_twins(recurrence))
    assert verify(added_steps_twin(recurrence)).evidence is Evidence.REFUTED


@pytest.mark.parametrize(("strength", "real"), [(sp.Rational(1, 2), True), (1, None), (2, False)])
def test_the_time_of_one_step_is_finite_below_strength_one_and_real_only_there(strength, real):
    """κ = (3, 4)/5: from exp(−τ) = 1 − β, by the logarithm; a singular step has none, a reflection turns by π."""
    key = sp.Matrix([3, 4]) / 5
    projector = key * key.T
    step = sp.eye(2) - strength * projector
    if real is None:
        assert step.det() == 0  # every exponential is invertible
        return
    tau = -sp.log(1 - strength)
    assert tau.is_finite
    assert bool(tau.is_real) is real
    exponential = sp.Matrix(2, 2, lambda i, j: sp.N((-tau * projector).exp()[i, j], 30))
    assert max(abs(entry) for entry in (exponential - step).evalf(30)) < 1e-25


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_names_of_the_laws_state_ranks_that_are_possible(statement):
    """At N = 2 three steps have rank 2 beside the identity; at generic keys the stated rank is met."""
    names = [law.name for law in statement(2, 3).laws if law.name.startswith("WY form")]
    assert names == [
        f"WY form of {steps}, of rank at most {rank} beside the identity"
        for steps, rank in (("1 step", 1), ("2 steps", 2), ("3 steps", 2))
    ]
    keys = ((1, 2), (3, -1), (1, 1))
    half = sp.Rational(1, 2)
    recurrence = VaryingRankOne((1,) * 3, (half,) * 3, keys, (sp.zeros(2, 1),) * 3)
    assert [(recurrence.propagator(k, 0) - sp.eye(2)).rank() for k in (1, 2, 3)] == [1, 2, 2]


def test_a_clock_form_would_be_symmetric_at_the_witness_and_the_product_is_not():
    """The same failure in numbers: exp of any combination of the generators, against the product of two steps."""
    kappa, eta = sp.Matrix([1, 0]), sp.Matrix([1, 1])
    first, second = (sp.eye(2) - key * key.T / 2 for key in (kappa, eta))
    product = second * first
    assert product != product.T
    for tau in ((1, 1), (2, -1), (sp.Rational(1, 3), 5)):
        form = (tau[0] * kappa * kappa.T + tau[1] * eta * eta.T).exp()
        assert abs(sp.N(form[0, 1] - form[1, 0], 30)) < 1e-25


def integer_keys(states):
    return st.lists(st.integers(-2, 2), min_size=states, max_size=states)


@settings(max_examples=60, deadline=None)
@given(integer_keys(3), integer_keys(3))
def test_keys_commute_iff_orthogonal_or_parallel(first, second):
    kappa, eta = sp.Matrix(first), sp.Matrix(second)
    commute = kappa * kappa.T * eta * eta.T == eta * eta.T * kappa * kappa.T
    parallel = sp.Matrix.hstack(kappa, eta).rank() < 2
    assert commute == (parallel or kappa.dot(eta) == 0)


def test_the_laws_of_commutation_hold_for_four_entries_and_break_without_their_factor():
    kappa, eta, direction = (column(sp.symbols(f"{stem}_:4")) for stem in "abc")
    for law in (*commutation_laws(kappa, eta), *clock_laws(kappa, direction, sp.symbols("beta_1 beta_2"))):
        assert verify(law).proved, law.name
        twin = Identity(law.left, 2 * law.right, nonzero=law.nonzero)
        assert verify(twin).evidence is Evidence.REFUTED, law.name


strengths = st.sampled_from([0, 1, 2, sp.Rational(1, 2), sp.Rational(-1, 3)])


@settings(max_examples=25, deadline=None)
@given(st.data(), st.integers(1, 3), st.integers(1, 4), st.integers(1, 2))
def test_the_wy_form_is_the_product_and_the_state_also_for_special_keys(data, states, steps, columns):
    """Zero keys, equal keys, reflections (β|κ|² = 2), zero decay and zero strength are drawn on purpose."""
    draw = data.draw
    keys = [draw(integer_keys(states)) for _ in range(steps)]
    if draw(st.booleans()):
        keys = [keys[0]] * steps
    beta = [draw(strengths) for _ in range(steps)]
    decays = [draw(st.sampled_from([0, 1, sp.Rational(1, 2)])) for _ in range(steps)]
    values = [tuple(sp.Integer(draw(st.integers(-2, 2))) for _ in range(columns)) for _ in range(steps)]
    drives = [b * sp.Matrix(key) * sp.Matrix(value).T for b, key, value in zip(beta, keys, values, strict=True)]
    recurrence = VaryingRankOne(tuple(decays), tuple(beta), tuple(keys), tuple(drives))
    assert wy_propagator(recurrence, steps) == recurrence.propagator(steps, 0)
    assert written_state(recurrence, values, steps) == recurrence.recurred_state(steps)


def test_the_vectors_solve_the_triangular_system():
    recurrence = delta_net_statement(2, 3).recurrence
    keys = sp.Matrix([list(key) for key in recurrence.keys])
    beta = sp.diag(*recurrence.strengths)
    gram = sp.Matrix(3, 3, lambda i, j: (keys * keys.T)[i, j] if j < i else 0)
    rows = sp.Matrix([list(w) for w in wy_vectors(recurrence)])
    assert ((sp.eye(3) + beta * gram) * rows - beta * keys).expand().is_zero_matrix


def test_repeated_unit_keys_with_full_strength_overwrite_the_value():
    """β = 1, |κ| = 1: the second value replaces the first; linear attention would add them."""
    key, values = (sp.Rational(3, 5), sp.Rational(4, 5)), sp.symbols("v w")
    drives = [sp.Matrix(key) * value for value in values]
    recurrence = VaryingRankOne((1, 1), (1, 1), (key, key), tuple(drives))
    assert dot(column(key), recurrence.state(2)).expand() == values[1]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_output_is_a_polynomial_of_growing_degree_in_strengths_keys_values_and_query(statement):
    """Every step but the first multiplies by β κ κᵀ; the first writes β κ vᵀ; the query reads: 3L + 1."""
    for steps in (1, 2, 3):
        found = statement(2, steps)
        decays = set(found.recurrence.decays)
        letters = [symbol for symbol in found.output.arguments if symbol not in decays]
        assert sp.Poly(found.output.expression, *letters).total_degree() == 3 * steps + 1


def test_wrong_sizes_and_kinds_are_refused():
    with pytest.raises(ValueError, match="number of steps"):
        delta_net_statement(2, 0)
    with pytest.raises(TypeError, match="number of states"):
        gated_delta_net_statement(1.5, 2)
    with pytest.raises(TypeError, match="recurrence"):
        wy_vectors(InvariantDiagonal((1,), ((1,),)))
    assert len(no_clock_twins(delta_net_statement(2, 2).recurrence)) == 2
