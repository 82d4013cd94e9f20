"""`verify`: proofs of what is true, refutations of every false twin, and never the one for the other."""

import itertools
import os
import subprocess
import sys
from math import comb

import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st

from carleman_ssm.formulas.laurent import Alphabet, NoNormalForm, rational
from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, Verdict, verify
from tests.identities import FALSE, TRUE, any_k, k0, m, n, step
from tests.strategies_formulas import SYMBOLS, a, b, expressions, j, k, lam, mu, mutated, t, u


@pytest.mark.parametrize("name", TRUE)
def test_true_statements_are_proved(name):
    verdict = verify(Identity(*TRUE[name]))
    assert verdict.proved, verdict
    assert verdict.witness is None


@pytest.mark.parametrize("name", FALSE)
def test_false_statements_are_refuted_with_a_witness(name):
    verdict = verify(Identity(*FALSE[name]))
    assert verdict.evidence is Evidence.REFUTED, verdict
    assert _differ(*FALSE[name], verdict.witness)


@pytest.mark.parametrize("name", TRUE)
def test_a_true_statement_plus_one_is_refuted(name):
    left, right = TRUE[name]
    assert verify(Identity(left + 1, right)).evidence is Evidence.REFUTED


def _written_out(e):
    """Sums with integer limits as explicit sums."""
    if not e.has(sp.Sum):
        return e
    if not isinstance(e, sp.Sum):
        return e.func(*map(_written_out, e.args))
    inner = sp.Sum(e.function, *e.limits[:-1]) if len(e.limits) > 1 else e.function
    index, lower, upper = e.limits[-1]
    assert upper >= lower - 1
    return sp.Add(*(_written_out(inner.subs(index, i)) for i in range(lower, upper + 1)))


def _number(expression, values):
    """SymPy's own evaluation, which shares nothing with ours."""
    steps = {s: v for s, v in values.items() if s.is_Symbol and s.is_integer}
    filled = _written_out(
        expression.doit(deep=False) if isinstance(expression, sp.Derivative) else expression.subs(steps)
    )
    filled = filled.xreplace(values)
    return sp.N(filled.replace(lambda e: isinstance(e, phi), lambda e: e.rewrite(sp.exp)), 40)


def _differ(left, right, values):
    return abs(_number(left, values) - _number(right, values)) > sp.Float("1e-20")


@given(expressions(), st.data())
def test_a_proof_is_never_contradicted_by_sympys_own_numbers(expression, data):
    twin = data.draw(mutated(expression))
    assume(twin != expression and not (expression.has(sp.nan, sp.zoo) or twin.has(sp.nan, sp.zoo)))
    verdict = verify(Identity(expression, twin), digits=15, samples=3)
    for seed, steps in itertools.product(range(3), (1, 2, 3)):
        values = {
            s: sp.Rational(2 * i + 3 + seed, 7) - (sp.I * sp.Rational(i + 1, 5) if s is not t else 0)
            for i, s in enumerate(SYMBOLS)
        }
        values |= {
            base[i]: sp.Rational(i * i + 2 + seed, 3) + sp.I * i
            for base in (u, sp.IndexedBase("v"))
            for i in range(-1, 6)
        }
        values[k] = sp.Integer(steps)
        if seed == 2:
            values |= {lam: sp.S.Zero, a: sp.S.Zero}  # where a forgotten condition would show
        if verdict.proved and not any(e.xreplace(values) == 0 for e in verdict.nonzero):
            assert not _differ(expression, twin, values), verdict


@given(st.integers(-2, 2), st.integers(-2, 2), st.booleans(), st.sampled_from([k, k0, any_k]))
def test_a_power_of_zero_is_equal_on_both_sides_or_excluded(shift, offset, summed, steps):
    power = lam ** (steps + shift)
    left, right = lam**offset * power + power, (1 + lam**offset) * power
    if summed:
        left = lam**offset * sp.Sum(lam ** (steps - j + shift) * u[j], (j, 1, steps))
        right = sp.Sum(lam ** (steps - j + shift + offset) * u[j], (j, 1, steps))
    verdict = verify(Identity(left, right))
    assert verdict.proved
    for count in (1, 2, 3) if steps is k else (0, 1, 2):
        values = {lam: sp.S.Zero, steps: sp.Integer(count), **{u[i]: sp.Integer(i + 2) for i in range(5)}}
        sides = [_number(side, values) for side in (left, right)]
        undefined = [side.has(sp.zoo, sp.nan) for side in sides]
        if sides[0] != sides[1] and not all(undefined):  # where neither side is defined nothing is claimed
            assert lam in verdict.nonzero


@given(expressions())
def test_expansion_and_regrouping_are_proved(expression):
    assume(not expression.has(sp.nan, sp.zoo))
    for form in (
        sp.expand(expression),
        (expression + a) ** 2 - a**2 - 2 * a * expression - expression**2 + expression,
    ):
        assert verify(Identity(form, expression), samples=2).proved


@given(st.integers(0, 4), st.integers(0, 3), st.sampled_from([lam, lam * mu, lam**2, sp.exp(a), -lam, 2 * lam]))
def test_power_sums_agree_with_their_recurrence(power, shift, ratio):
    total = sp.Sum(j**power * ratio**j, (j, -1, k + shift))
    step_up = sp.Sum(j**power * ratio**j, (j, -1, k + shift + 1))
    grown = total + (k + shift + 1) ** power * ratio ** (k + shift + 1)
    assert verify(Identity(step_up, grown)).proved
    assert verify(Identity(step_up, grown + lam)).evidence is Evidence.REFUTED


def test_a_vanishing_divisor_is_a_condition_only_where_it_matters():
    powers = sp.Sum(lam**m, (m, 0, k - 1))
    assert verify(Identity(powers * (lam - 1), lam**k - 1)).nonzero == ()
    assert verify(Identity(powers, (lam**k - 1) / (lam - 1))).nonzero == (lam - 1,)
    assert verify(Identity(phi(1, a * step) * a * step, sp.exp(a * step) - 1)).nonzero == ()
    assert verify(Identity(phi(1, a), (sp.exp(a) - 1) / a)).nonzero == (a,)
    assert verify(Identity(lam ** (k - 1) * lam, lam**k)).nonzero == ()
    assert lam in verify(Identity(lam ** (k0 - 1) * (lam + 1), lam**k0 + lam ** (k0 - 1))).nonzero  # 0**(-1) at k = 0
    assert lam in verify(Identity(lam**any_k * (lam + 1), lam ** (any_k + 1) + lam**any_k)).nonzero


def test_a_condition_with_integer_symbols_stays():
    rates = sp.Sum(lam ** (k0 * m), (m, 0, k - 1)) * (lam**k0 - 1)
    verdict = verify(Identity(rates, lam ** (k0 * k) - 1))
    assert verdict.proved
    assert lam**k0 - 1 in verdict.nonzero


def test_points_that_the_statement_excludes_do_not_refute_it():
    half = sp.Symbol("half", integer=True)
    wrong_at_one = Identity(a * half, a * half + sp.KroneckerDelta(half, 1), nonzero=(half - 1,))
    assert verify(wrong_at_one).evidence is not Evidence.REFUTED
    assert verify(Identity(a, a, nonzero=(b,))).nonzero == (b,)


def test_agreement_of_numbers_is_support_and_no_proof():
    verdict = verify(Identity(sp.log(2) + sp.log(3), sp.log(6)), digits=20)
    assert verdict.evidence is Evidence.SUPPORTED
    assert verdict.digits == 20
    assert not verdict.proved


def test_what_has_no_value_and_no_normal_form_is_undecided():
    unknown = sp.Function("f")(a)
    assert verify(Identity(unknown, sp.Function("g")(a))).evidence is Evidence.UNDECIDED
    assert verify(Identity(sp.zoo, sp.zoo)).evidence is Evidence.UNDECIDED
    shapes = [sp.MatrixSymbol(name, n, n) for name in "AB"]
    assert verify(Identity(shapes[0] * shapes[1], shapes[1] * shapes[0])).evidence is Evidence.UNDECIDED
    left, right = sp.symbols("L R", commutative=False)
    assert verify(Identity(left * right, right * left)).evidence is Evidence.UNDECIDED


def test_bound_variables_capture_nothing():
    count = sp.Symbol("x", integer=True)
    captured = sp.Integral(count * (count + 1), (count, 0, 1))
    inner = sp.Integral(count * j, (count, 0, 1))
    wrong = Identity(sp.Sum(inner, (j, 1, count + 1)), sp.Sum(inner, (j, 1, count)) + captured)
    assert not verify(wrong).proved
    endless = sp.Sum(lam**n * j, (n, 0, sp.oo))
    grown = sp.Sum(lam**n * (n + 1), (n, 0, sp.oo))
    assert not verify(Identity(sp.Sum(endless, (j, 1, n + 1)), sp.Sum(endless, (j, 1, n)) + grown)).proved
    same = sp.Sum(sp.Sum(lam**j, (j, 0, 2)) * j, (j, 0, k))
    assert verify(Identity(same, (1 + lam + lam**2) * k * (k + 1) / 2)).proved


def test_a_verdict_is_no_truth_value():
    with pytest.raises(TypeError, match=r"verdict\.proved"):
        bool(verify(Identity(a, a)))
    assert "refuted" in str(Verdict(Evidence.REFUTED, "by hand", witness={a: sp.S.One}))


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="Identity"):
        verify(a)
    for options in ({"samples": 0}, {"digits": 2}):
        with pytest.raises(ValueError, match="at least 1 sample"):
            verify(Identity(a, b), **options)


def test_the_exponent_field_cannot_overflow_into_its_neighbour():
    letters = Alphabet()
    huge = letters.power(a, exponent=2**49)
    with pytest.raises(NoNormalForm):
        huge**4
    with pytest.raises(NoNormalForm):
        letters.power(a, exponent=2**60)
    assert letters.power(a) * letters.power(a, exponent=-1) == rational(1)


def _flow(multi_indices, length, value):
    """T14/T15 for three modes: binomials times powers of e^{aΔ} and of Δ φ_1(aΔ) b u."""
    rates, gains = sp.symbols("a_1:4"), sp.symbols("b_1:4")

    def entry(row, column):
        if any(p < q for p, q in zip(row, column, strict=True)):
            return sp.S.Zero
        return sp.Mul(
            *(
                comb(p, q) * sp.exp(rate * length * q) * (length * phi(1, rate * length) * gain * value) ** (p - q)
                for p, q, rate, gain in zip(row, column, rates, gains, strict=True)
            )
        )

    return sp.Matrix(len(multi_indices), len(multi_indices), lambda i, l: entry(multi_indices[i], multi_indices[l]))


@pytest.fixture(scope="module")
def multi_indices():
    found = [e for e in itertools.product(range(4), repeat=3) if sum(e) <= 3]
    assert len(found) == 20
    return found


def test_the_generator_of_a_twenty_dimensional_lift_is_proved(multi_indices):
    rates, gains, value = sp.symbols("a_1:4"), sp.symbols("b_1:4"), sp.Symbol("u")
    flow = _flow(multi_indices, step, value)
    generator = sp.zeros(20)
    for row, index in enumerate(multi_indices):
        generator[row, row] = sum(p * rate for p, rate in zip(index, rates, strict=True))
        for mode, power in enumerate(index):
            if power:
                lowered = tuple(p - (place == mode) for place, p in enumerate(index))
                generator[row, multi_indices.index(lowered)] = power * gains[mode] * value
    law = Identity(flow.diff(step), generator * flow)
    verdict = verify(law)
    assert verdict.proved
    assert verdict.nonzero == ()
    spoiled = generator.copy()
    spoiled[19, 19] += rates[0]
    assert verify(Identity(flow.diff(step), spoiled * flow)).evidence is Evidence.REFUTED


def test_the_semigroup_law_is_proved_and_its_twin_refuted(multi_indices):
    later, value = sp.Symbol("Delta_2"), sp.Symbol("u")
    product = _flow(multi_indices, step, value) * _flow(multi_indices, later, value)
    assert verify(Identity(product, _flow(multi_indices, step + later, value))).proved
    wrong = verify(Identity(product, _flow(multi_indices, step + 2 * later, value)))
    assert wrong.evidence is Evidence.REFUTED


def test_verdicts_do_not_depend_on_sympys_ground_types():
    script = (
        "from tests.test_verification import TRUE, FALSE, Identity, verify\n"
        "for group in (TRUE, FALSE):\n    for name, sides in group.items():\n"
        "        verdict = verify(Identity(*sides))\n"
        "        print(name, verdict.evidence, verdict.method, sorted(map(str, verdict.nonzero)),"
        " sorted((verdict.witness or {}).items(), key=str))"
    )
    texts = []
    for ground in ("python", "flint"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "SYMPY_GROUND_TYPES": ground, "PYTHONPATH": "."},
        )
        texts.append(done.stdout)
    assert texts[0] == texts[1]
    assert texts[0].count("PROVED") == len(TRUE)
