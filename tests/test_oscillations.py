"""T7 in floating point: the integrated nonlinear network against the exact state, and the singular points by remedy."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.rings.oscillations import REMEDIES, integrate_oscillators
from carleman_ssm.rings.oscillators import (
    Oscillators,
    SingularPhaseError,
    exact_states,
    masked_phases,
    polar_recurrence,
    polar_velocity,
)
from carleman_ssm.rings.rings import model_rings
from carleman_ssm.theory.excitations import Excitation
from carleman_ssm.theory.initialisations import s4d_lin
from carleman_ssm.theory.oscillator_solutions import oscillator_solution
from carleman_ssm.theory.oscillators import OscillatorNetwork
from carleman_ssm.theory.ring import ring_embedding
from carleman_ssm.theory.ssm import DiagonalSSM, zero_order_hold

SINE = [(0.4, 7.3j), (0.4, -7.3j)]  # 0.8 cos 7.3 t
TIMES = np.linspace(0, 3, 61)
FINE = np.linspace(0, 3, 151)


def sine(t):
    return 0.8 * np.cos(7.3 * t)


def complex_states(seed, nodes):
    random = np.random.default_rng(seed)
    return random.normal(size=nodes) + 1j * random.normal(size=nodes)


def real_ring(pairs=4):
    """S4D-Lin as a real ring of 2 pairs + 1 nodes."""
    return Oscillators.of_network(OscillatorNetwork.of_ring(ring_embedding(s4d_lin(pairs + 1), closure="real")))


@pytest.mark.parametrize("seed", range(3))
def test_the_complex_phases_of_a_random_network_without_input_are_exact(seed):
    random = np.random.default_rng(seed)
    matrix = (random.normal(size=(6, 6)) + 1j * random.normal(size=(6, 6))) / np.sqrt(12)
    network, start, times = Oscillators(matrix, np.zeros(6)), complex_states(seed, 6), np.linspace(0, 2, 21)
    found = integrate_oscillators(network, times, start, rtol=1e-13, atol=1e-13)
    exact = exact_states(network, times, start)
    assert np.abs(found.states - exact).max() <= 100 * 2.0e-13 * max(1, np.abs(exact).max())
    assert np.allclose(found.amplitudes * np.exp(1j * found.phases.data), found.states, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_driven_ring_of_s4d_lin_is_exact_to_one_in_a_thousand_million(seed):
    network = Oscillators.of_network(OscillatorNetwork.s4d_lin(8))
    start = complex_states(seed, 8)
    exact = exact_states(network, TIMES, start, SINE)
    found = integrate_oscillators(network, TIMES, start, sine, rtol=1e-13, atol=1e-13)
    error = np.abs(found.states - exact).max()
    assert error <= 1e-9
    assert error <= 100 * 4.5e-11
    assert found.evaluations > 2 * integrate_oscillators(network, TIMES, start, sine, remedy="state").evaluations
    silent = integrate_oscillators(network, TIMES, start)  # the false twin: the input forgotten
    assert np.abs(silent.states - exact).max() > 0.01


def test_the_integrated_network_meets_the_closed_form_of_the_modes():
    """Third route: the compiled formula of theory, from the same exact numbers."""
    modes = tuple(-sp.Rational(1, 2) + sp.I * sp.pi * n for n in range(3))
    exact = OscillatorNetwork.of_ring(ring_embedding(DiagonalSSM(modes, (1,) * 3, (1,) * 3)))
    start = (1 + sp.I, sp.Rational(1, 2), -1 + 2 * sp.I)
    kernel = compile_kernel(
        oscillator_solution(exact, Excitation.sinusoid(sp.Rational(73, 10), sp.Rational(4, 5)), initial=start)
    )
    found = integrate_oscillators(Oscillators.of_network(exact), TIMES, [complex(x) for x in start], sine)
    expected = np.array([np.exp(1j * np.ravel(kernel(t))) for t in TIMES])
    assert np.abs(found.states - expected).max() < 1e-9


@pytest.mark.parametrize("nodes", [1, 2, 8, 63])
def test_five_hundred_polar_steps_are_those_of_the_linear_recurrence(nodes):
    rings = model_rings(s4d_lin(nodes, output_vector=(1,) * nodes), 0.0317)
    network = Oscillators.of_rings(rings, 0)
    inputs = np.random.default_rng(nodes).normal(size=500)
    amplitudes, phases = polar_recurrence(network, inputs)
    state, states = np.zeros(nodes, complex), []
    for u in inputs:
        state = network.coupling_matrix @ state + network.drive * u
        states.append(state)
    found = amplitudes * np.exp(1j * phases.filled(0.0))
    assert np.abs(found - states).max() <= 100 * 6.1e-15 * max(1, np.abs(states).max())
    wrong, _ = polar_recurrence(Oscillators(network.coupling_matrix.T, network.drive, discrete=True), inputs)
    if nodes > 2:
        assert np.abs(wrong - amplitudes).max() > 0.01  # the false twin: waves that go the other way


@pytest.mark.parametrize("closure", ["complex", "real", "antiperiodic"])
def test_the_oscillators_of_a_channel_step_like_its_ring(closure):
    modes = [-sp.Rational(1, 2) + sp.I * n for n in (1, 3, 7)]
    modes[0] = modes[0].subs(sp.I, 0) if closure == "real" else modes[0]
    rings = model_rings(DiagonalSSM(tuple(modes), (1, 1, 1), (1, 2, 1), 0, True), 0.1, closure=closure)
    u = np.random.default_rng(0).normal(size=20)
    expected = rings.node_contents(u[None, :, None])[0, :, 0]
    amplitudes, phases = polar_recurrence(Oscillators.of_rings(rings, 0), u)
    assert np.allclose(amplitudes * np.exp(1j * phases.filled(0.0)), expected, atol=1e-12)


def test_on_a_real_ring_nodes_change_sign_all_the_time_and_the_direct_integration_ends_at_the_first_zero():
    network, start = real_ring(), np.random.default_rng(1).normal(size=9)
    exact = exact_states(network, FINE, start, SINE).real
    changes = (np.diff(np.sign(exact), axis=0) != 0).sum(0)
    assert changes.min() >= 3
    with pytest.raises(SingularPhaseError, match="remedy='masked'") as refused:
        integrate_oscillators(network, FINE, start, sine)
    near = np.linspace(0, 0.2, 401)
    first = near[(np.diff(np.sign(exact_states(network, near, start, SINE).real), axis=0) != 0).any(1).argmax()]
    assert abs(float(str(refused.value).split("t = ")[1].split(",")[0]) - first) < 1e-3  # the grid is 5e-4


@pytest.mark.parametrize("remedy", ["state", "masked", "signed", "complexified"])
@pytest.mark.parametrize("at_rest", [False, True])
def test_every_remedy_follows_the_real_ring_through_its_zeros(remedy, at_rest):
    network = real_ring()
    start = np.zeros(9) if at_rest else np.random.default_rng(1).normal(size=9)
    exact = exact_states(network, FINE, start, SINE)
    if remedy == "state" and at_rest:
        with pytest.raises(SingularPhaseError, match="t = 0"):
            integrate_oscillators(network, FINE, start, sine, remedy=remedy)
        return
    found = integrate_oscillators(network, FINE, start, sine, remedy=remedy)
    error = np.abs(found.states - exact).max()
    assert error <= 100 * 5.8e-13  # THEORY T7 for "complexified"; at rtol 1e-12 it holds for every remedy
    assert np.isfinite(found.amplitudes).all()
    assert np.isfinite(found.phases.data).all()  # masked, never NaN
    if remedy == "signed":
        assert not found.phases.mask.any()
        assert (found.amplitudes < 0).any()
    else:
        assert found.phases.mask[0].all() == at_rest
        assert (found.amplitudes >= 0).all()
    phasors = found.amplitudes * np.exp(1j * found.phases.filled(0.0))
    assert np.abs(phasors - found.states).max() < 1e-11  # rounding of cos(pi) and the masked amplitudes


def test_the_signed_amplitude_at_the_tolerance_of_the_note_is_as_good_as_the_note():
    network, start = real_ring(), np.random.default_rng(1).normal(size=9)
    found = integrate_oscillators(network, FINE, start, sine, remedy="signed", rtol=1e-9, atol=1e-9)
    assert np.abs(found.states - exact_states(network, FINE, start, SINE)).max() <= 3 * 4e-9  # 100 times would be 4e-7


def test_the_offset_of_the_complexified_ring_only_decays():
    """On a circulant W 1 = a_0 1, so the imaginary part of z is e^{-t/2}: z vanishes never, whatever x does."""
    network = real_ring()
    offset = exact_states(network, FINE, np.ones(9))
    assert np.allclose(offset, np.exp(-FINE / 2)[:, None], atol=1e-12)


def test_naive_claim_6_phases_are_well_defined_is_false_at_rest_and_on_real_rings():
    rest = np.zeros(9)
    with pytest.raises(SingularPhaseError, match="no phase at t = 0"):
        integrate_oscillators(real_ring(), FINE, rest, sine)
    with pytest.raises(SingularPhaseError, match="amplitude 0"):
        polar_velocity(real_ring(), rest, rest, 1.0)
    rings = model_rings(s4d_lin(8, output_vector=(1,) * 8), 0.25)  # one node per step: rigid
    _, phases = polar_recurrence(Oscillators.of_rings(rings, 0), [1.0, 0, 0])
    assert phases.mask.tolist() == [[j != k for j in range(8)] for k in range(3)]  # all but the node of the pulse
    signs = integrate_oscillators(
        real_ring(), FINE, np.random.default_rng(1).normal(size=9), sine, remedy="masked"
    ).phases
    assert np.allclose(np.abs(signs.compressed() / np.pi - 0.5), 0.5)  # 0 or pi and nothing between


@given(st.data())
def test_the_recurrence_in_polar_form_is_the_recurrence(data):
    """Zero couplings, equal ones, no drive, zero inputs: zeros of the state are masked and carried on rightly."""
    nodes = data.draw(st.integers(1, 4))
    entry = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 1j, 0.5]), st.complex_numbers(max_magnitude=1))
    matrix = np.array(data.draw(st.lists(entry, min_size=nodes**2, max_size=nodes**2))).reshape(nodes, nodes) / nodes
    drive = np.array(data.draw(st.lists(entry, min_size=nodes, max_size=nodes)))
    inputs = data.draw(st.lists(st.one_of(st.just(0.0), st.floats(-2, 2)), min_size=1, max_size=6))
    amplitudes, phases = polar_recurrence(Oscillators(matrix, drive, discrete=True), inputs)
    state = np.zeros(nodes, complex)
    for k, u in enumerate(inputs):
        state = matrix @ state + drive * u
        assert np.allclose(amplitudes[k] * np.exp(1j * phases.data[k]), state, atol=1e-12 * (1 + np.abs(state).max()))
    assert np.isfinite(phases.data).all()


def test_masking_is_relative_to_the_largest_amplitude_and_can_be_chosen():
    sizes, angles = np.array([1e-20, 1e-25, 0.0]), np.array([1.0, 2.0, 3.0])
    assert masked_phases(sizes, angles).mask.tolist() == [False, False, True]
    assert masked_phases(sizes, angles, tolerance=1e-3).mask.tolist() == [False, True, True]
    assert masked_phases(np.zeros(2), np.zeros(2)).mask.all()


network = Oscillators.of_network(OscillatorNetwork.s4d_lin(2))
step = Oscillators(np.eye(2), np.ones(2), discrete=True)
REFUSED = {
    "an unknown remedy": (lambda: integrate_oscillators(network, [0, 1], [1, 1], remedy="hope"), "one of direct"),
    "signs on a complex network": (
        lambda: integrate_oscillators(network, [0, 1], [1, 1], remedy="signed"),
        "needs real W",
    ),
    "a complex start on a real ring": (
        lambda: integrate_oscillators(real_ring(), [0, 1], [1j] * 9, remedy="complexified"),
        "needs real W",
    ),
    "times that do not ascend": (lambda: integrate_oscillators(network, [1, 0], [1, 1]), "ascending"),
    "one time": (lambda: integrate_oscillators(network, [0], [1, 1]), "at least two"),
    "a discrete network": (lambda: integrate_oscillators(step, [0, 1], [1, 1]), "in continuous time is needed"),
    "a continuous network": (lambda: polar_recurrence(network, [1.0]), "in discrete time is needed"),
    "states of another size": (lambda: exact_states(network, [0, 1], [1]), r"one per node: expected the shape \(2\)"),
    "a state that is no number": (lambda: exact_states(network, [0, 1], [1, np.nan]), "one per node: expected finite"),
    "an offset of another size": (
        lambda: integrate_oscillators(real_ring(), [0, 1], [1] * 9, remedy="complexified", offset=[1]),
        "one entry per node",
    ),
    "a matrix that is not square": (lambda: Oscillators(np.zeros((2, 3)), np.zeros(2)), "W must be square"),
    "no nodes": (lambda: Oscillators(np.zeros((0, 0)), np.zeros(0)), "W must be square"),
    "infinity": (lambda: Oscillators(np.full((1, 1), np.inf), np.zeros(1)), "finite"),
    "letters": (lambda: Oscillators.of_network(OscillatorNetwork.symbolic(2)), "free symbols"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_input_is_refused(name):
    build, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        build()


def test_the_remedies_are_named_in_the_documentation():
    from carleman_ssm.rings import oscillations

    for remedy in REMEDIES:
        assert f'``"{remedy}"``' in oscillations.__doc__


def test_a_held_model_gives_the_same_oscillators_exactly_and_in_floating_point():
    exact = OscillatorNetwork.of_ring(
        ring_embedding(zero_order_hold(s4d_lin(3, output_vector=(1,) * 3), sp.Rational(1, 8)))
    )
    numbers = Oscillators.of_network(exact)
    rings = model_rings(s4d_lin(3, output_vector=(1,) * 3), 0.125)
    channel = Oscillators.of_rings(rings, 0)
    assert numbers.discrete
    assert channel.discrete
    assert np.allclose(numbers.coupling_matrix, channel.coupling_matrix, atol=1e-14)
    assert np.allclose(numbers.drive, channel.drive, atol=1e-14)
