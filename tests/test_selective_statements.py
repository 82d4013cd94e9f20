"""Statements of Mamba, Mamba-2 and gated linear attention: all claims proved, all twins refuted, beside float runs."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.recurrences.clock_pairs import paired_output
from carleman_ssm.recurrences.selective_statements import gla_statement, mamba2_statement, mamba_statement

pytestmark = pytest.mark.symbolic

STATEMENTS = [mamba_statement, mamba2_statement, gla_statement]
SIZES = [(1, 1), (1, 3), (2, 1), (2, 3), (3, 4)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", STATEMENTS)
def test_every_claim_is_proved(make, size):
    statement = make(*size)
    for what, claims in statement.claims().items():
        assert claims, what
        assert [claim.name for claim in claims if not verify(claim).proved] == []
    assert statement.real_spectrum
    assert statement.input_degree is None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", STATEMENTS)
def test_every_twin_is_refuted_with_a_witness(make, size):
    verdicts = {twin.name: verify(twin) for twin in make(*size).twins}
    assert len(verdicts) >= 2
    for name, verdict in verdicts.items():
        assert verdict.evidence is Evidence.REFUTED, name
        assert verdict.witness, name


def test_stored_pairs_need_their_conjugates_and_their_sign():
    law, twins = paired_output(2, 3)
    assert verify(law).proved
    assert [verify(twin).evidence for twin in twins] == [Evidence.REFUTED] * 2
    names = {twin.name for twin in mamba_statement(2, 3).twins}
    assert {twin.name for twin in twins} <= names
    assert [verify(claim).evidence for claim in paired_output(1, 1)[1]] == [Evidence.REFUTED]


@pytest.mark.parametrize("make", STATEMENTS)
def test_the_twins_cover_the_mistakes_of_a_port(make):
    names = " ".join(twin.name for twin in make(2, 3).twins)
    assert "one step early" in names
    assert "reverse" in names


def drawn(kernel, seed, positive=("Delta",), negative=("A_", "a", "g_")):
    rng = np.random.default_rng(seed)
    values = {}
    for name in kernel.arguments:
        number = float(rng.normal())
        if name.startswith(positive):
            number = abs(number)
        elif name.startswith(negative):
            number = -abs(number)
        values[name] = number
    return values


def block(values, stem, k, size):
    return np.array([values.get(f"{stem}_{k}_{n}", 0.0) for n in range(size)])


@given(states=st.integers(1, 3), steps=st.integers(1, 4), seed=st.integers(0, 99))
def test_the_compiled_output_of_mamba_is_the_loop_of_the_paper(states, steps, seed):
    kernel = compile_kernel(mamba_statement(states, steps).output)
    v = drawn(kernel, seed)
    h = np.zeros(states)
    rates = np.array([v.get(f"A_{n}", 0.0) for n in range(states)])
    for k in range(1, steps + 1):
        h = np.exp(v[f"Delta_{k}"] * rates) * h + v[f"Delta_{k}"] * block(v, "B", k, states) * v[f"x_{k}"]
    y = block(v, "C", steps, states) @ h + v["D"] * v[f"x_{steps}"]
    assert kernel(**v) == pytest.approx(y, rel=1e-12, abs=1e-12)  # a dozen terms of size 1 to 10


@given(states=st.integers(1, 3), steps=st.integers(1, 4), seed=st.integers(0, 99))
def test_the_compiled_output_of_mamba2_is_its_loop_over_matrix_states(states, steps, seed):
    kernel = compile_kernel(mamba2_statement(states, steps).output)
    v = drawn(kernel, seed)
    s = np.zeros((states, 2))
    for k in range(1, steps + 1):
        delta = v[f"Delta_{k}"]
        s = np.exp(delta * v.get("a", 0.0)) * s + delta * np.outer(block(v, "B", k, states), block(v, "x", k, 2))
    y = block(v, "C", steps, states) @ s + v["D"] * block(v, "x", steps, 2)
    np.testing.assert_allclose(np.ravel(kernel(**v)), y, rtol=1e-12, atol=1e-12)


@given(states=st.integers(1, 3), steps=st.integers(1, 4), seed=st.integers(0, 99))
def test_the_compiled_output_of_gated_attention_is_its_loop_over_matrix_states(states, steps, seed):
    kernel = compile_kernel(gla_statement(states, steps).output)
    v = drawn(kernel, seed)
    s = np.zeros((states, 2))
    for k in range(1, steps + 1):
        # the first decay meets the state at rest, so that it is no argument of the output on the clock unless L = 1
        s = np.exp(block(v, "g", k, states))[:, None] * s + np.outer(block(v, "kappa", k, states), block(v, "v", k, 2))
    y = block(v, "q", steps, states) @ s / np.sqrt(states)
    np.testing.assert_allclose(np.ravel(kernel(**v)), y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", STATEMENTS)
def test_transitions_commute_and_lifted_steps_do_not(make):
    recurrence = make(2, 2).recurrence
    first, second = (recurrence.transition(k) for k in (1, 2))
    assert first * second == second * first
    assert recurrence.commuting
    assert not recurrence.time_invariant


@pytest.mark.parametrize("make", STATEMENTS)
def test_sizes_that_are_no_positive_integers_are_refused(make):
    for wrong in ((0, 3), (2, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            make(*wrong)
    with pytest.raises(TypeError, match="integer"):
        make(2.0, 3)


def test_the_head_may_have_any_width():
    for make in (mamba2_statement, gla_statement):
        statement = make(2, 2, values=1)
        assert statement.output.expression.shape == (1, 1)
        assert all(verify(claim).proved for claim in statement.output.certificates)
        with pytest.raises(ValueError, match="values"):
            make(2, 2, values=0)


def test_the_output_is_written_on_the_clock():
    form = mamba_statement(1, 3).output
    tau = sp.symbols("tau_1 tau_2 tau_3")
    assert set(form.where) == set(tau)
    assert form.expression.has(*tau)
    assert not form.expression.has(sp.Symbol("Delta_4"))
