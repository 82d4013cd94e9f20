"""T8: when the phases of the linear network are Kuramoto's. The condition is proved, both sides of it shown."""

import numpy as np
import pytest
import sympy as sp

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.kuramoto import KuramotoModel, kuramoto_field, phase_gap, projected_step
from carleman_ssm.theory.oscillators import OscillatorNetwork
from carleman_ssm.theory.polar import INPUT, amplitude_symbols, phase_symbols, polar_field
from tests.strategies_ssm import planted

omega, epsilon, varphi, a, r, common = sp.symbols("omega epsilon varphi a r Theta", real=True)


def velocities(model):
    """Phase and amplitude velocities of the linear network."""
    values = [v.xreplace({INPUT: sp.S.Zero}) for v in polar_field(model.linear_network()).where.values()]
    return values[: model.nodes], values[model.nodes :]


def circulant(nodes, weights=None):
    weights = weights or sp.symbols(f"a_0:{nodes}", real=True)
    return sp.Matrix(nodes, nodes, lambda i, j: weights[(i - j) % nodes])


@pytest.mark.parametrize("build", [kuramoto_field, phase_gap, projected_step])
@pytest.mark.parametrize("nodes", [1, 2, 3, 4])
def test_every_certificate_is_proved_and_its_false_twin_refuted(build, nodes):
    for certificate in build(KuramotoModel.symbolic(nodes)).certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


@pytest.mark.parametrize("nodes", [2, 3])
def test_naive_claim_5_complexified_kuramoto_is_kuramoto_is_false(nodes):
    """The phases of the linear network are Kuramoto's plus the gap, and the gap is not zero."""
    model = KuramotoModel.symbolic(nodes)
    phases, _ = velocities(model)
    claim = Identity(sp.Matrix(phases), kuramoto_field(model).expression)
    verdict = verify(claim)
    assert verdict.evidence is Evidence.REFUTED
    assert verdict.witness
    assert verify(Identity(sp.Matrix(phases), kuramoto_field(model).expression + phase_gap(model).expression)).proved


def test_naive_claim_5_an_ssm_is_kuramoto_is_false():
    """S4D-Lin has dampings, weights r_l/r_j and an additive force: even with equal amplitudes a drive remains."""
    network = OscillatorNetwork.s4d_lin(3)
    field = polar_field(network)
    theta, amplitudes = phase_symbols(3), amplitude_symbols(3)
    turning = field.where[sp.Symbol("thetadot_0", real=True)].xreplace(dict.fromkeys(amplitudes, r))
    forced = turning - turning.xreplace({INPUT: sp.S.Zero})
    assert verify(Identity(forced, -INPUT * sp.sin(theta[0]) / r)).proved
    assert verify(Identity(forced, sp.S.Zero)).evidence is Evidence.REFUTED
    assert set(network.dampings) == {sp.Rational(1, 2)}


def test_two_equal_nodes_without_lag_keep_equal_amplitudes_and_with_a_lag_they_do_not():
    theta, sizes = phase_symbols(2), amplitude_symbols(2)
    for lag, kept in ((sp.S.Zero, True), (sp.pi, True), (varphi, False)):
        model = KuramotoModel((omega, omega), sp.Matrix([[0, a], [a, 0]]), epsilon, lag)
        _, growing = velocities(model)
        balance = sizes[0] * growing[0] - sizes[1] * growing[1]  # half the velocity of r_0^2 - r_1^2
        verdict = verify(Identity(balance, sp.S.Zero))
        assert verdict.proved if kept else verdict.evidence is Evidence.REFUTED
        expected = 2 * epsilon * a * sizes[0] * sizes[1] * sp.sin(lag) * sp.sin(theta[1] - theta[0])
        assert verify(Identity(balance, expected)).proved


@pytest.mark.parametrize("nodes", [2, 3, 4, 6])
def test_twisted_states_of_a_circulant_keep_the_gap_at_zero(nodes):
    """Symbolic winding number: all amplitudes grow alike, all phases turn alike, as in Kuramoto's model."""
    q = sp.Symbol("q", integer=True)
    model = KuramotoModel((omega,) * nodes, circulant(nodes), epsilon, varphi)
    state = {theta: common + 2 * sp.pi * q * j / nodes for j, theta in enumerate(phase_symbols(nodes))}
    turning, growing = velocities(model)
    state |= dict.fromkeys(amplitude_symbols(nodes), r)
    for column, kuramoto in ((turning, kuramoto_field(model).expression), (growing, None)):
        values = [value.xreplace(state) for value in column]
        assert verify(Identity(sp.Matrix(values), sp.Matrix([values[0]] * nodes))).proved
        if kuramoto is not None:
            assert verify(Identity(sp.Matrix(values), kuramoto.xreplace(state))).proved


def test_a_twisted_state_of_half_a_turn_is_no_state_of_the_ring():
    """The false twin: q = 1/2 does not close, and amplitudes part."""
    model = KuramotoModel((omega,) * 3, circulant(3), epsilon, varphi)
    state = {theta: sp.pi * j / 3 for j, theta in enumerate(phase_symbols(3))} | dict.fromkeys(amplitude_symbols(3), r)
    growing = [value.xreplace(state) for value in velocities(model)[1]]
    assert verify(Identity(sp.Matrix(growing), sp.Matrix([growing[0]] * 3))).evidence is Evidence.REFUTED


def test_equal_amplitudes_are_enough_but_not_needed():
    """The gap also vanishes where phases are equal and the lag is 0, whatever the amplitudes."""
    model = KuramotoModel((omega,) * 3, circulant(3), epsilon)
    together = dict.fromkeys(phase_symbols(3), common)
    assert verify(Identity(phase_gap(model).expression.xreplace(together), sp.zeros(3, 1))).proved
    lagged = KuramotoModel((omega,) * 3, circulant(3), epsilon, varphi)
    claim = Identity(phase_gap(lagged).expression.xreplace(together), sp.zeros(3, 1))
    assert verify(claim).evidence is Evidence.REFUTED


def test_the_projected_step_without_the_projection_loses_kuramoto():
    """What the projection removes is not zero: the amplitudes grow."""
    form = projected_step(KuramotoModel.symbolic(2))
    (growth,) = [c for c in form.certificates if c.name.startswith("growth")]
    assert verify(growth).proved
    assert verify(Identity(growth.left, sp.zeros(2, 1))).evidence is Evidence.REFUTED


def test_the_gap_is_the_difference_of_the_two_compiled_fields():
    """Second route, in floating point at random states."""
    random = np.random.default_rng(0)
    weights = [sp.Rational(int(n), 7) for n in random.integers(-9, 9, 9)]
    model = KuramotoModel((1, sp.Rational(-1, 3), 2), sp.Matrix(3, 3, weights), sp.Rational(3, 4), sp.Rational(7, 10))
    network, kuramoto, gap = (
        compile_kernel(form) for form in (polar_field(model.linear_network()), kuramoto_field(model), phase_gap(model))
    )
    for _ in range(20):
        theta, sizes = random.uniform(-3, 3, 3), random.uniform(0.2, 2, 3)
        difference = np.ravel(network(*theta, *sizes, 0.0))[:3] - np.ravel(kuramoto(*theta))
        assert np.allclose(difference, np.ravel(gap(*theta, *sizes)), atol=1e-12, rtol=0)  # roundings of sums of nine
        assert np.abs(difference).max() > 1e-3  # not vacuous


REFUSED = {
    "another size": (lambda: KuramotoModel((1, 2), sp.eye(3)), "square adjacency"),
    "no node": (lambda: KuramotoModel((), sp.zeros(0, 0)), "square adjacency"),
    "a complex adjacency": (lambda: KuramotoModel((1,), sp.Matrix([[sp.I]])), "must be real"),
    "a letter that may be complex": (lambda: KuramotoModel((sp.Symbol("w"),), sp.eye(1)), "must be real"),
    "a float": (lambda: KuramotoModel((1,), sp.eye(1), 0.5), "exact numbers"),
    "text": (lambda: KuramotoModel((1,), sp.eye(1), 1, "0"), "never evaluated"),
    "no frequencies": (lambda: KuramotoModel(None, sp.eye(1)), "frequencies must be a sequence"),
    "text as frequencies": (lambda: KuramotoModel("1", sp.eye(1)), "frequencies must be a sequence"),
    "no letters": (lambda: KuramotoModel.symbolic(0), "at least 1"),
    "the field of a number": (lambda: kuramoto_field(5), "class KuramotoModel"),
    "the gap of a number": (lambda: phase_gap(5), "class KuramotoModel"),
    "the projected step of a number": (lambda: projected_step(5), "class KuramotoModel"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_model_is_refused(name):
    build, words = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=words):
        build()


def test_what_approximates_says_so():
    for thing in (KuramotoModel.linear_network, projected_step):
        assert "approximation" in thing.__doc__


@pytest.mark.parametrize("build", [kuramoto_field, phase_gap, projected_step])
def test_a_parameter_with_the_name_of_a_phase_is_refused(build):
    model = KuramotoModel((sp.Symbol("theta_0", positive=True), 1), sp.Matrix([[0, 1], [1, 0]]))
    with pytest.raises(ValueError, match="theta_0"):
        build(model)
