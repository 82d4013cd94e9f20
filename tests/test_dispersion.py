"""Velocities of the waves of a ring, and how localised they stay: proofs, packets in floats, false twins."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.dispersion import (
    MODE_NUMBER,
    STEP,
    Dispersion,
    bilinear_dispersion,
    held_dispersion,
    s4d_inv_dispersion,
    s4d_lin_dispersion,
    unit_number,
)
from carleman_ssm.theory.initialisations import s4d_inv, s4d_lin, s4d_real
from carleman_ssm.theory.localisation import jittered_peak, participation_ratio_formula
from carleman_ssm.theory.rigidity import rigid_hops
from carleman_ssm.theory.ssm import bilinear_transform, zero_order_hold
from tests.strategies_ssm import assert_certified

LAWS = {
    "Lin": s4d_lin_dispersion(),
    "Inv": s4d_inv_dispersion(),
    "Inv of 32 stored modes": s4d_inv_dispersion(32, size=64),
    "Lin held": held_dispersion(s4d_lin_dispersion()),
    "Inv held": held_dispersion(s4d_inv_dispersion()),
    "Lin bilinear": bilinear_dispersion(s4d_lin_dispersion()),
    "Inv bilinear": bilinear_dispersion(s4d_inv_dispersion()),
    "Lin bilinear at a given step": bilinear_dispersion(s4d_lin_dispersion(), sp.Rational(1, 10)),
}
FORMULAS = {
    **{f"{name}, phase": law.phase_velocity for name, law in LAWS.items()},
    **{f"{name}, group": law.group_velocity for name, law in LAWS.items()},
    **{
        f"participation {n}": participation_ratio_formula(n)
        for n in (sp.Symbol("N", integer=True, positive=True), 1, 3)
    },
    "jitter": jittered_peak(),
    "jitter of 4": jittered_peak(4),
}


def function_of_mode(expression, **values):
    """NumPy function of the mode number, other letters set."""
    letters = {str(s): s for s in expression.free_symbols}
    rules = {letters[name]: value for name, value in values.items() if name in letters}
    return sp.lambdify(MODE_NUMBER, expression.subs(rules))


@pytest.mark.parametrize("form", FORMULAS.values(), ids=FORMULAS)
def test_every_certificate_is_proved_and_its_false_twin_refuted(form):
    assert_certified(form)


def refuted(form):
    """The names of the certificates that are refuted."""
    return {c.name for c in form.certificates if verify(c).evidence is Evidence.REFUTED}


def test_a_wrong_slope_or_modulus_is_refuted_by_the_certificates():
    law = LAWS["Lin bilinear"]
    found = refuted(replace(law, slope=law.slope * 2).group_velocity)
    assert found == {"group velocity", "slope of the phase", "slope of the argument"}
    found = refuted(replace(law, modulus=law.modulus**2).group_velocity)
    assert found == {"modulus squared", r"phase: $\arg\lambda_n$"}
    assert refuted(replace(LAWS["Inv"], modulus=sp.S.NegativeOne).phase_velocity) == {r"decay: $\mathrm{Re}\,a_n$"}


WRONG_PHASES = {
    "an offset": lambda phase: phase + 1,
    "half a turn": lambda phase: phase + sp.pi,
    "another law": lambda _: MODE_NUMBER**3,
    "the other direction": lambda phase: -phase,
    "half the angle": lambda phase: phase / 2,
}


@pytest.mark.parametrize("wrong", WRONG_PHASES.values(), ids=WRONG_PHASES)
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_wrong_phase_is_refuted_by_the_certificates_of_both_velocities(law, wrong):
    spoiled = replace(law, phase=wrong(law.phase))
    name = r"phase: $\arg\lambda_n$" if law.per_step else r"phase: $\mathrm{Im}\,a_n$"
    for velocity in (spoiled.phase_velocity, spoiled.group_velocity):
        assert name in refuted(velocity)
    right_slope = replace(spoiled, slope=sp.diff(spoiled.phase, MODE_NUMBER))  # a slope made to fit does not help
    assert name in refuted(right_slope.group_velocity)


def test_a_unit_number_is_that_of_its_angle():
    x, y = (sp.Symbol(name, real=True) for name in "xy")
    angle = 2 * sp.atan2(y, x) - sp.atan2(x, y) + sp.pi / 3
    for values in ({x: 2, y: 3}, {x: -2, y: 3}, {x: -1, y: -5}, {x: 1, y: -4}):
        found = complex(unit_number(angle).subs(values))
        assert abs(found - np.exp(1j * float(angle.subs(values)))) < 1e-14
        assert abs(found - np.exp(-1j * float(angle.subs(values)))) > 0.1


@pytest.mark.parametrize("step", [0.01, 1.0, 3.9, 4.1, 40.0])
def test_the_argument_after_the_bilinear_transform_is_the_principal_one(step):
    """Also where 1 - Delta/4 has changed its sign: no multiple of 2 pi is lost."""
    law, n = bilinear_dispersion(s4d_lin_dispersion()), np.arange(-63, 64)
    a = -0.5 + 1j * np.pi * n
    phase = function_of_mode(law.phase, Delta=step)(n)
    expected = np.angle((1 + a * step / 2) / (1 - a * step / 2))
    assert np.abs(phase - expected)[n != 0].max() < 1e-14
    assert abs(np.cos(phase[63]) - np.cos(expected[63])) < 1e-14  # n = 0: the argument is 0, or pi of either sign


@pytest.mark.parametrize("modes", [1, 2, 4])
def test_the_laws_are_those_of_the_initialisations(modes):
    by_hand = [
        -sp.Rational(1, 2) + sp.I * 2 * modes / sp.pi * (2 * modes / sp.Integer(2 * n + 1) - 1) for n in range(modes)
    ]
    assert [sp.expand(a - b) for a, b in zip(s4d_inv(modes).eigenvalues, by_hand, strict=True)] == [0] * modes
    assert s4d_lin(modes).eigenvalues == tuple(-sp.Rational(1, 2) + sp.I * sp.pi * n for n in range(modes))
    for law, model in (
        (s4d_lin_dispersion(modes), s4d_lin(modes)),
        (s4d_inv_dispersion(modes, size=2 * modes), s4d_inv(modes)),
    ):
        for n, eigenvalue in enumerate(model.eigenvalues):
            assert sp.expand(law.eigenvalue.subs(MODE_NUMBER, n) - eigenvalue) == 0
        for transform, discretise in ((held_dispersion, zero_order_hold), (bilinear_dispersion, bilinear_transform)):
            stepped = discretise(model, STEP)
            for n, multiplier in enumerate(stepped.multipliers):
                assert verify(Identity(transform(law).eigenvalue.subs(MODE_NUMBER, n), multiplier)).proved


@pytest.mark.parametrize("step", [0.001, 0.01, 0.1, 1.0, 5.0])
def test_the_bilinear_ring_turns_and_decays_as_stated(step):
    law, n = bilinear_dispersion(s4d_lin_dispersion(64)), np.arange(64)
    a = -0.5 + 1j * np.pi * n
    multipliers = (1 + a * step / 2) / (1 - a * step / 2)
    phase = function_of_mode(law.phase, Delta=step)(n)
    modulus = function_of_mode(law.modulus, Delta=step)(n)
    assert np.abs(np.exp(1j * phase) - multipliers / np.abs(multipliers)).max() <= 4.7e-14  # THEORY T6: 4.7e-16
    assert np.abs(modulus - np.abs(multipliers) ** 2).max() <= 4.7e-14
    slope = function_of_mode(law.slope, Delta=step)
    middle, width = np.linspace(1, 62, 50), 1e-5
    exact = function_of_mode(law.phase, Delta=step)
    difference = (exact(middle + width) - exact(middle - width)) / (2 * width)
    assert (
        np.abs(slope(middle) - difference).max() < 1e-8
    )  # central difference: rounding 1e-16/1e-5, more than O(1e-10)


def packet_shift(law, nodes, centre, width, duration):
    """How far a Gaussian packet of modes has moved along the ring, by the mean phase of its energy; undamped."""
    n = np.arange(nodes)
    amplitude = np.exp(-((n - centre) ** 2) / (2 * width**2))
    moved = amplitude * np.exp(1j * law(n) * duration)
    angles = np.exp(2j * np.pi * n / nodes)

    def place(modes):
        return np.angle(((np.abs(np.fft.fft(modes)) ** 2) * angles).sum()) * nodes / (2 * np.pi)

    return (place(moved) - place(amplitude) + nodes / 2) % nodes - nodes / 2


PACKETS = {
    # law, duration, and how far the mean over the packet may be from its second-order value: relative
    "Lin": (s4d_lin_dispersion(256), 0.3, 1e-14),
    "Inv": (s4d_inv_dispersion(256), 0.004, 2e-4),
    "Lin bilinear": (bilinear_dispersion(s4d_lin_dispersion(256), sp.Rational(1, 100)), 20, 2e-4),
}


@pytest.mark.parametrize(("law", "duration", "tolerance"), PACKETS.values(), ids=PACKETS)
def test_a_packet_moves_with_the_group_velocity(law, duration, tolerance):
    """The mean of v_g over a packet of variance w^2/2 in n is v_g + v_g'' w^2/4 to second order."""
    centre, nodes, width = 100, 256, 6
    velocity = law.group_velocity.expression
    mean = velocity + sp.diff(velocity, MODE_NUMBER, 2) * sp.Rational(width**2, 4)
    at_centre, predicted, crest = (
        float(expression.subs(MODE_NUMBER, centre)) * duration
        for expression in (velocity, mean, law.phase_velocity.expression)
    )
    measured = packet_shift(function_of_mode(law.phase), nodes, centre, width, duration)
    assert abs(predicted) > 0.1
    assert abs(measured - predicted) <= tolerance * abs(predicted)
    assert abs(measured - at_centre) <= 0.006 * abs(at_centre)  # 0, 0.5 and 0.2 %
    if law is not PACKETS["Lin"][0]:
        assert abs(measured - crest) > abs(predicted) / 2  # the crests move at another speed


def kick_participation(eigenvalues, times):
    nodes = len(eigenvalues)
    contents = np.array([np.fft.fft(np.exp(eigenvalues * t)) / nodes for t in times])
    kernel = compile_kernel(participation_ratio_formula(nodes))
    return np.array([kernel(h).real for h in contents])


def test_only_the_waves_of_lin_stay_on_one_node():
    times = [0, 1 / 16, 1 / 4, 1 / 2, 1]
    lin = np.array([complex(a) for a in s4d_lin(32).eigenvalues])
    inv = np.array([complex(a) for a in s4d_inv(32).eigenvalues])
    assert np.abs(kick_participation(lin, times) - 1).max() < 1e-12
    assert np.abs(kick_participation(inv, times) - [1, 4.3, 9.5, 13.1, 18.5]).max() < 0.06  # THEORY T6, one digit


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=9), st.floats(0.1, 10))
def test_the_participation_ratio_lies_between_one_and_the_number_of_nodes(amplitudes, scale):
    kernel = compile_kernel(participation_ratio_formula(len(amplitudes)))
    ratio = kernel(np.array(amplitudes)).real
    assert 1 - 1e-12 <= ratio <= len(amplitudes) * (1 + 1e-12)
    assert abs(kernel(scale * np.array(amplitudes)).real - ratio) < 1e-9 * ratio
    one_node = np.zeros(len(amplitudes))
    one_node[-1] = scale
    assert abs(kernel(one_node).real - 1) < 1e-12


def test_jitter_of_the_frequencies_lowers_the_peak_as_stated():
    nodes, spread, time, draws = 63, 0.35, 0.9, 20_000
    noise = np.random.default_rng(8).normal(0, spread, (draws, nodes))
    intensity = np.abs(np.exp(1j * noise * time).mean(axis=1)) ** 2
    error = intensity.std() / np.sqrt(draws)
    stated = compile_kernel(jittered_peak(nodes))(spread, time)
    assert abs(intensity.mean() - stated) < 4 * error  # Monte Carlo: four standard errors
    assert (
        abs(intensity.mean() - np.exp(-((spread * time) ** 2) / 2)) > 20 * error
    )  # the amplitude is not the intensity


def test_naive_claim_1_waves_come_with_every_ring_is_false():
    step = sp.Rational(2, 4)
    lin = zero_order_hold(s4d_lin(4), step).multipliers
    assert rigid_hops(lin) == (1,)
    for model in (s4d_inv(4), s4d_real(4)):
        assert rigid_hops(zero_order_hold(model, step).multipliers) == ()
    assert rigid_hops(bilinear_transform(s4d_lin(4), step).multipliers) == ()
    assert rigid_hops(zero_order_hold(s4d_lin(4), sp.Rational(1, 3)).multipliers) == ()  # a fraction of a node


def test_naive_claim_12_bilinear_and_held_rings_are_the_same_is_false():
    lin = s4d_lin_dispersion(64)
    held, bilinear = held_dispersion(lin), bilinear_dispersion(lin)
    assert verify(Identity(held.eigenvalue, bilinear.eigenvalue)).evidence is Evidence.REFUTED
    step = sp.Rational(1, 20)
    decay = [float(sp.sqrt(law.modulus.subs({STEP: step, MODE_NUMBER: 63}))) for law in (bilinear, held)]
    assert [round(value, 4) for value in decay] == [0.9990, 0.9753]
    slow, fast = (float(law.group_velocity.expression.subs({STEP: step, MODE_NUMBER: 63})) for law in (bilinear, held))
    assert slow < 0.05 * fast


def test_wrong_requests_are_refused_with_a_remedy():
    with pytest.raises(ValueError, match="already one of discrete time"):
        held_dispersion(LAWS["Lin held"])
    with pytest.raises(ValueError, match="already one of discrete time"):
        bilinear_dispersion(LAWS["Lin held"])
    with pytest.raises(ValueError, match="number of nodes"):
        s4d_lin_dispersion(0)
    with pytest.raises(TypeError, match="text"):
        Dispersion("a", 0, 0, 0)
    with pytest.raises(ValueError, match="exact numbers"):
        Dispersion(sp.Float(0.5), 0, 0, 0)
