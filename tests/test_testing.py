"""The testing room: hard cases are drawn, true identities survive, false ones fall at their simplest point."""

import subprocess
import sys

import pytest
import sympy as sp
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import carleman_ssm as cs
from carleman_ssm import testing
from carleman_ssm.testing import Counterexample, check
from tests.identities import FALSE, TRUE
from tests.strategies_formulas import a, b, k, lam, mu, u

pytestmark = pytest.mark.symbolic
QUICK = settings(
    max_examples=600,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)
REAL = sp.Symbol("r", real=True)


def resonant(model):
    first, *others = model.multipliers
    return first not in (0, 1, -1) and any(other == sp.expand(first**2) for other in others)


HARD = {
    "a multiplier 0": (testing.discrete_models(), lambda m: 0 in m.multipliers),
    "a multiplier 1": (testing.discrete_models(), lambda m: 1 in m.multipliers),
    "equal multipliers": (testing.discrete_models(), lambda m: m.states > 1 and len(set(m.multipliers)) == 1),
    "a resonance": (testing.discrete_models(), resonant),
    "a conjugate pair": (
        testing.discrete_models(),
        lambda m: m.states == 2 and m.multipliers[0] == sp.conjugate(m.multipliers[1]) != m.multipliers[1],
    ),
    "a feedthrough": (testing.discrete_models(), lambda m: m.feedthrough != 0),
    "one state": (testing.continuous_models(), lambda m: m.states == 1),
    "an integrator": (testing.continuous_models(), lambda m: 0 in m.eigenvalues),
    "stored pairs": (testing.continuous_models(pairs=None), lambda m: m.conjugate_pairs),
    "degree 0": (testing.decoders(), lambda decoder: decoder.degree == 0),
    "a leading coefficient of 0": (testing.decoders(), lambda d: d.degree > 0 and d.coefficients[-1] == 0),
    "no input": (testing.exact_inputs(), lambda inputs: inputs == []),
    "a constant input": (testing.exact_inputs(), lambda inputs: len(inputs) > 2 and len(set(inputs)) == 1),
    "a late impulse": (testing.exact_inputs(), lambda inputs: len(inputs) > 1 and inputs[-1] != 0 == inputs[0]),
    "a whole sequence of zeros": (testing.sequences(), lambda x: not x.any()),
    "a ring of one node": (testing.rings(), lambda ring: ring.nodes == 1),
    "an anti-periodic ring": (testing.rings(), lambda ring: ring.closure == "antiperiodic"),
    "equal symbols": (testing.points((lam, mu)), lambda p: p[lam] == p[mu] != 0),
    "conjugate symbols": (testing.points((lam, mu)), lambda p: p[lam] == sp.conjugate(p[mu]) != p[mu]),
    "a square of a symbol": (testing.points((lam, mu)), lambda p: p[mu] == sp.expand(p[lam] ** 2) not in (0, 1)),
    "a network with a gate": (testing.networks(outputs=("glu",)), lambda net: net.config.output == "glu"),
}


@pytest.mark.parametrize(("drawn", "wanted"), HARD.values(), ids=HARD)
def test_every_hard_case_is_drawn(drawn, wanted):
    assert wanted(find(drawn, wanted, settings=QUICK))


@given(testing.points((REAL, k, u)))
def test_points_respect_assumptions(point):
    assert point[REAL].is_real
    assert point[k].is_integer
    assert point[k] > 0
    assert len(point[u]) >= 1


@given(testing.points((lam,), {lam: st.just(sp.Integer(7))}))
def test_own_values_are_taken(point):
    assert point == {lam: 7}


@pytest.mark.parametrize("name", TRUE)
def test_true_identities_survive(name):
    identity = cs.Identity(*TRUE[name], name=name)
    assert check(identity, examples=12).verdict.proved


@pytest.mark.parametrize("name", FALSE)
def test_false_identities_fall(name):
    with pytest.raises(Counterexample) as caught:
        check(cs.Identity(*FALSE[name], name=name), examples=25)
    assert name in str(caught.value)


def test_the_counterexample_is_the_simplest_one_and_its_values_differ():
    powers = sp.Sum(lam ** sp.Symbol("m", integer=True), (sp.Symbol("m", integer=True), 0, k - 1))
    with pytest.raises(Counterexample) as caught:
        check(cs.Identity(powers, (1 - lam ** (k + 1)) / (1 - lam)))
    assert caught.value.point[k] == 1
    assert caught.value.left != caught.value.right
    assert caught.value.left == 1


def test_what_verify_never_draws_is_found_here():
    """Almost everywhere true, and false at λ = 0 alone: no random point would show it."""
    indicator = sp.KroneckerDelta(k, 1)
    assert not cs.verify(cs.Identity(indicator * lam ** (k - 1), indicator)).witness
    zero = sp.Symbol("z")
    with pytest.raises(Counterexample, match="false at"):
        check(cs.Identity(sp.Pow(0, sp.Symbol("n", integer=True, nonnegative=True)) * zero, sp.S.Zero))


def test_a_point_where_one_side_has_no_value_is_told_and_a_condition_closes_it():
    geometric = sp.Sum(lam ** sp.Symbol("m", integer=True), (sp.Symbol("m", integer=True), 0, k - 1))
    quotient = (lam**k - 1) / (lam - 1)
    assert check(cs.Identity(geometric, quotient)).hole[lam] == 1
    closed = check(cs.Identity(geometric, quotient, nonzero=(lam - 1,)))
    assert closed.hole == {}
    assert "no counterexample in 100 points" in str(closed)


def test_conditions_exclude_points():
    claim = cs.Identity(lam * (lam - 2) / (lam - 2), a * lam / a, nonzero=(a, lam - 2))
    assert check(claim).hole == {}


def test_a_reversed_sum_is_no_hole():
    n, j, length = sp.symbols("n j N", integer=True, positive=True)
    split = sp.Sum(u[n], (n, 0, j)) + sp.Sum(u[n], (n, j + 1, length - 1))
    assert check(cs.Identity(split, sp.Sum(u[n], (n, 0, length - 1)))).hole == {}


def test_elements_of_a_sequence_are_what_it_assumes():
    real, other = sp.IndexedBase("r", real=True), sp.IndexedBase("r")
    assert check(cs.Identity(sp.conjugate(real[k]) * u[k], real[k] * u[k])).verdict.proved
    with pytest.raises(Counterexample):
        check(cs.Identity(sp.conjugate(other[k]) * u[k], other[k] * u[k]))


def test_whole_numbers_stay_small_so_that_sums_stay_short():
    with pytest.raises(NoSuchExample):
        find(testing.points((lam, k)), lambda point: point[k] > 9, settings=settings(max_examples=300))
    with pytest.raises(Counterexample):
        check(cs.Identity(a * lam, a * lam + a, nonzero=(lam,)))


def test_matrices_are_compared_entry_by_entry():
    left, right = sp.Matrix([[a, b]]) * sp.Matrix([[1, 1], [0, 1]]), sp.Matrix([[a, a + b]])
    assert check(cs.Identity(left, right)).verdict.proved
    with pytest.raises(Counterexample):
        check(cs.Identity(left, sp.Matrix([[a, b]])))


def test_certificates_of_drawn_models_hold():
    model, decoder = cs.DiscreteSSM.symbolic(2), cs.PolynomialDecoder.symbolic(degree=2)
    for certificate in cs.forward_operator(model, decoder).certificates:
        assert check(certificate, examples=3).verdict.proved


def test_values_of_your_own_are_exact_numbers_for_letters_that_occur():
    square = cs.Identity(sp.Abs(a) ** 2, a * sp.conjugate(a))
    assert check(square, values={a: st.integers(-3, 3)}).examples == 100
    assert check(square, values={a: st.fractions(0, 1, max_denominator=5)}).examples == 100
    with pytest.raises(Counterexample, match="false at a = 3/2"):
        check(cs.Identity(a, a + 1), values={a: st.just(sp.Rational(3, 2))})
    with pytest.raises(TypeError, match="values are exact"):
        check(square, values={a: st.floats(0, 1)})
    with pytest.raises(TypeError, match="are a strategy"):
        check(square, values={a: 3})
    with pytest.raises(ValueError, match="other assumptions"):
        check(square, values={sp.Symbol(a.name, positive=True): st.just(1)})


def test_no_point_to_compare_at_is_told():
    """Nobody has defined f, and no value of a is admitted: that is no evidence."""
    f = sp.Function("f")
    for found in (check(cs.Identity(f(a), f(a))), check(cs.Identity(a, a, nonzero=(a,)), values={a: st.just(0)})):
        assert found.examples == 0
        assert "no point was found to compare at" in str(found)


def test_a_false_identity_without_letters_is_false():
    with pytest.raises(Counterexample, match=r"^false: 1 on the left, 2 on the right"):
        check(cs.Identity(1, 2))


def test_misuse_is_named():
    for wrong, word in ((sp.Eq(a, b), "Equality"), (cs.Bound(1, 2, {}), "Bound")):
        with pytest.raises(TypeError, match=f"check takes an Identity, got {word}"):
            check(wrong)
    with pytest.raises(TypeError, match="is an integer"):
        check(cs.Identity(a, a), examples=1.5)
    with pytest.raises(ValueError, match="at least one value"):
        find(testing.spectra(0), lambda _: True)
    with pytest.raises(ValueError, match="'nope'"):
        find(testing.rings(closures=("nope",)), lambda _: True)
    with pytest.raises(TypeError, match="Identity"):
        check(a + b)
    with pytest.raises(ValueError, match="at least 1 example"):
        check(cs.Identity(a, a), examples=0)
    with pytest.raises(TypeError, match="symbols and sequences"):
        find(testing.points((a + b,)), lambda _: True, settings=QUICK)


def test_without_hypothesis_the_extra_is_named():
    code = "import sys; sys.modules['hypothesis'] = None; import carleman_ssm.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode
    assert "pip install carleman_ssm[testing]" in done.stderr


def test_no_value_of_a_counterexample_could_be_simpler_alone():
    """Equal values are drawn on purpose; where 0 or 1 does as well, it is what is shown."""
    gain, height = sp.symbols("bbar h")
    k, m = sp.Symbol("k", integer=True, nonnegative=True), sp.Symbol("m", integer=True)
    state = sp.Sum(lam**m * gain * height, (m, 0, k - 1))
    slip = cs.Identity(state, gain * height * (1 - lam ** (k + 1)) / (1 - lam), nonzero=(1 - lam,))
    with pytest.raises(Counterexample) as found:
        check(slip)
    assert found.value.point == {gain: 1, height: 1, lam: 0, k: 0}
    with pytest.raises(Counterexample) as found:
        check(slip, values={gain: st.just(sp.Integer(-1))})
    assert found.value.point[gain] == -1
