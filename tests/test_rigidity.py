"""Rigid spectra and shifts, in both directions; real spectra; the Krylov frame: proofs, floats, false twins."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.couplings import circulant
from carleman_ssm.theory.initialisations import s4d_lin, s4d_real
from carleman_ssm.theory.krylov import characteristic_coefficients, krylov_frame, unit_hop_characteristic
from carleman_ssm.theory.rigidity import (
    multiplied_order,
    real_spectrum_contents,
    rigid_hops,
    rigid_spectrum,
    rigidity_conditions,
    shift_matrix,
)
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, zero_order_hold
from carleman_ssm.theory.wave_profile import NODES
from tests.strategies_ssm import assert_certified, gaussian, small

FORMS = {
    **{f"rigid {n}": rigid_spectrum(n) for n in (NODES, 1, 2, 3, 4)},
    **{f"real {n}": real_spectrum_contents(n) for n in (NODES, 1, 2, 3, 4)},
    **{f"characteristic {n}": unit_hop_characteristic(n) for n in (NODES, 1, 2, 3, 4)},
    **{f"Krylov {n}": krylov_frame(DiscreteSSM.symbolic(states=n)) for n in (1, 2, 3, 4)},
}


def turn(numerator, denominator):
    return sp.exp(2 * sp.pi * sp.I * sp.Rational(numerator, denominator))


def step_of(multipliers):
    """The step of the ring in floats: W_jl = w_(j-l), w the discrete Fourier transform of the multipliers over N."""
    first = np.fft.fft(np.array([complex(value) for value in multipliers])) / len(multipliers)
    return np.array([[first[(j - l) % len(first)] for l in range(len(first))] for j in range(len(first))])


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_certificate_is_proved_and_its_false_twin_refuted(form):
    assert_certified(form)


@pytest.mark.parametrize("nodes", [1, 2, 3, 4])
def test_the_ring_of_a_rigid_spectrum_is_a_shift_entry_by_entry(nodes):
    rho, angle = sp.Symbol("rho", positive=True), sp.Symbol("varphi", real=True)
    for hop in range(nodes):
        spectrum = [rho * sp.exp(sp.I * angle) * turn(hop * n, nodes) for n in range(nodes)]
        first = [sp.Add(*(a * turn(-n * d, nodes) for n, a in enumerate(spectrum))) / nodes for d in range(nodes)]
        shift = rho * sp.exp(sp.I * angle) * shift_matrix(nodes, hop)
        assert verify(Identity(circulant(first), shift)).proved
        if nodes > 1:
            other = rho * sp.exp(sp.I * angle) * shift_matrix(nodes, hop + 1)
            assert verify(Identity(circulant(first), other)).evidence is Evidence.REFUTED


@given(
    nodes=st.integers(1, 6),
    hop=st.integers(-6, 6),
    start=st.integers(-3, 3),
    radius=small,
    phase=st.integers(0, 11),
)
def test_a_rigid_spectrum_is_recognised_with_its_hop(nodes, hop, start, radius, phase):
    assume(radius != 0)
    values = [radius * turn(phase, 12) * turn(hop * (start + n), nodes) for n in range(nodes)]
    assert rigid_hops(values) == (hop % nodes,)
    shift = complex(values[0]) * np.roll(np.eye(nodes), hop, axis=0)
    assert np.abs(step_of(values) - shift).max() < 1e-13 * max(1, abs(values[0]))


@given(st.lists(st.one_of(gaussian, st.sampled_from([sp.S.Zero, sp.S.One, sp.I, -sp.S.One])), min_size=2, max_size=4))
def test_a_step_is_a_shift_exactly_when_its_spectrum_is_rigid(values):
    matrix = np.abs(step_of(values))
    largest = max(matrix.max(), 1.0)
    is_shift = int((matrix[:, 0] > 1e-12 * largest).sum()) <= 1
    hops = rigid_hops(values)
    assert bool(hops) == is_shift
    assert len(hops) <= 1 or not any(values)  # only the zero ring is more than one shift


def test_the_conditions_name_the_mode_that_breaks_step():
    values = [sp.S.One, sp.I, -sp.S.One, sp.I]
    verdicts = [verify(condition) for condition in rigidity_conditions(values, 1)]
    assert [verdict.evidence for verdict in verdicts] == [Evidence.PROVED, Evidence.PROVED, Evidence.REFUTED]
    assert [condition.name for condition in rigidity_conditions(values, 1)][2] == "mode 3 keeps step"


@pytest.mark.parametrize(("nodes", "factor"), [(5, 2), (5, -1), (7, 3), (8, 3), (63, 5)])
def test_another_order_coprime_to_n_is_another_rigid_shift(nodes, factor):
    order = multiplied_order(nodes, factor)
    values = [turn(order[n], nodes) for n in range(nodes)]
    if nodes < 8:
        assert rigid_hops(values) == (factor % nodes,)
    shift = np.roll(np.eye(nodes), factor, axis=0)
    assert np.abs(step_of(values) - shift).max() <= 7e-15  # THEORY T6: 7e-17
    with pytest.raises(ValueError, match="common divisor"):
        multiplied_order(2 * nodes, 2 * factor)


def test_any_other_order_keeps_the_spectrum_but_destroys_the_wave():
    nodes = 63
    values, rng = np.exp(2j * np.pi * np.arange(nodes) / nodes), np.random.default_rng(9)
    orders = np.array([rng.permutation(values) for _ in range(2000)])
    columns = np.abs(np.fft.fft(orders) / nodes) ** 2
    assert np.abs(columns.sum(axis=1) - 1).max() < 1e-13  # the energy is kept
    crowding = (columns**2).sum(axis=1)  # one over the participation ratio; 1 in the rigid order
    # contents like independent normal numbers: the mean square of an intensity is twice the square of its mean
    assert abs(1 / crowding.mean() - nodes / 2) < 0.02 * nodes / 2  # THEORY T6: one order, 32.3
    assert (1 / crowding).min() > 15


@given(
    st.lists(st.floats(-5, 0.5), min_size=1, max_size=12),
    st.floats(0, 3),
)
def test_a_real_spectrum_keeps_the_largest_content_at_the_kicked_node(values, time):
    alive = np.exp(np.array(values) * time)
    contents = np.fft.fft(alive) / len(values)
    assert (np.abs(contents) - contents[0].real).max() <= 1e-15 * alive.max() * len(values)
    assert np.abs(contents[1:] - contents[1:][::-1].conj()).max(initial=0) <= 1e-14 * alive.max()


def test_naive_claim_11_real_spectra_carry_waves_is_false():
    mamba = np.array([float(a) for a in s4d_real(16).eigenvalues])  # A = -(n + 1), also Mamba's default
    lin = np.array([complex(a) for a in s4d_lin(16).eigenvalues])
    for time in np.linspace(0.05, 1.9, 38):
        still, moving = (np.abs(np.fft.fft(np.exp(a * time)) / 16) for a in (mamba, lin))
        assert still.argmax() == 0
        assert moving.argmax() == round(time * 8) % 16 or abs(time * 8 % 1 - 0.5) < 1e-9
    scalar = np.fft.fft(np.full(16, -0.7)) / 16
    assert np.abs(scalar[1:]).max() < 1e-16  # one scalar for all modes does not even couple the nodes


def test_a_complex_spectrum_is_not_bound_to_the_kicked_node():
    form = real_spectrum_contents(4)
    spectrum = [sp.I * sp.pi * n / 2 for n in range(4)]  # arrives at node 1 at t = 1
    rule = dict(zip([form.arguments[0][n] for n in range(4)], spectrum, strict=True))
    contents = [form.expression.subs(form.arguments[2], d).doit().xreplace(rule) for d in (0, 1)]
    values = [abs(complex(h.subs(form.arguments[1], 1))) for h in contents]
    assert values[0] < 1e-15
    assert abs(values[1] - 1) < 1e-15


hard = st.sampled_from([sp.S.Zero, sp.S.One, -sp.S.One, sp.I, sp.Rational(1, 2)])


@given(
    st.lists(st.one_of(hard, gaussian), min_size=1, max_size=3, unique=True),
    st.lists(gaussian.filter(bool), min_size=3, max_size=3),
    st.lists(small, min_size=1, max_size=6),
)
def test_every_spectrum_is_a_shift_register_for_its_first_steps(multipliers, gains, inputs):
    size = len(multipliers)
    model = DiscreteSSM(tuple(multipliers), tuple(gains[:size]), (1,) * size)
    frame = krylov_frame(model)
    assert all(verify(certificate).proved for certificate in frame.certificates)
    register, state, first = sp.zeros(size, 1), sp.zeros(size, 1), sp.Matrix([1, *[0] * (size - 1)])
    for count, u in enumerate(inputs, 1):
        register = (frame.companion * register + first * u).expand()
        state = sp.Matrix([m * x + b * u for m, x, b in zip(multipliers, state, gains, strict=False)]).expand()
        assert (frame.frame * register).expand() == state
        if count <= size:
            assert list(register) == [*inputs[:count][::-1], *[0] * (size - count)]
    kernel = [sp.expand(sum(m**lag * b for m, b in zip(multipliers, gains, strict=False))) for lag in range(size)]
    assert [sp.expand(entry) for entry in frame.output_row] == kernel


def test_the_register_reproduces_the_states_in_floats():
    rng = np.random.default_rng(10)
    multipliers = 0.95 * np.exp(2j * np.pi * (np.arange(8) + rng.uniform(-0.2, 0.2, 8)) / 8)
    frame = multipliers[:, None] ** np.arange(8)[None, :]
    ends = -np.poly(multipliers)[1:][::-1]
    companion = np.diag(np.ones(7), -1).astype(complex)
    companion[:, -1] = ends
    register, state = np.zeros(8, complex), np.zeros(8, complex)
    inputs = rng.standard_normal(60)
    for count, u in enumerate(inputs, 1):
        register = companion @ register + np.eye(8)[0] * u
        state = multipliers * state + u
        assert np.abs(frame @ register - state).max() <= 6.3e-11  # THEORY T6: 6.3e-13
        if count == 8:
            assert np.abs(register - inputs[7::-1]).max() == 0  # THEORY T6: 0
    assert np.abs(register - inputs[:-9:-1]).max() > 0.01  # after that the feedback has come in


def test_the_frame_of_lin_is_close_to_unitary_and_has_one_feedback_wire():
    multipliers = np.exp((-0.5 + 1j * np.pi * np.arange(16)) * 2 / 16)
    assert abs(np.linalg.cond(multipliers[:, None] ** np.arange(16)) - 2.55) < 0.01  # THEORY T6: 2.55
    assert np.linalg.cond(multipliers[:, None] ** np.arange(16)) <= np.e  # columns orthogonal but for the decay
    model = zero_order_hold(s4d_lin(3, output_vector=(1, 1, 1)), sp.Rational(2, 3))
    unit = DiscreteSSM(model.multipliers, (1, 1, 1), (1, 1, 1))
    wire = sp.Matrix([[0, 0, sp.exp(-1)], [1, 0, 0], [0, 1, 0]])
    assert verify(Identity(krylov_frame(unit).companion, wire)).proved
    assert verify(Identity(krylov_frame(unit).companion, wire.T)).evidence is Evidence.REFUTED
    shifted = DiscreteSSM(zero_order_hold(s4d_lin(3), sp.Rational(1, 3)).multipliers, (1, 1, 1), (1, 1, 1))
    assert verify(Identity(krylov_frame(shifted).companion, wire)).evidence is Evidence.REFUTED  # not at other steps


def test_the_frame_of_a_random_stable_spectrum_is_ill_conditioned():
    """THEORY T6: 1.4e5 for one model of N = 8. Here: decay -log|lambda| uniform in [0, 1], angle uniform; 2000 draws.

    Each frame is a basis, but a bad one; Lin with 16 modes has 2.55.
    """
    rng = np.random.default_rng(0)
    multipliers = np.exp(-rng.uniform(0, 1, (2000, 8)) + 1j * rng.uniform(-np.pi, np.pi, (2000, 8)))
    conditions = np.linalg.cond(multipliers[:, :, None] ** np.arange(8))
    assert conditions.min() > 10
    assert np.median(conditions) > 100 * 2.55
    assert conditions.max() > 1.4e5


def test_the_characteristic_polynomial_vanishes_on_the_spectrum():
    values = sp.symbols("lambda_0:4")
    chi = characteristic_coefficients(values)
    for value in values:
        assert verify(Identity(sp.Add(*(c * value**p for p, c in enumerate(chi))), 0)).proved
    assert characteristic_coefficients(()) == (1,)


def test_wrong_requests_are_refused_with_a_remedy():
    with pytest.raises(TypeError, match="discretise first"):
        krylov_frame(DiagonalSSM.symbolic(states=1))
    with pytest.raises(ValueError, match="with_conjugates"):
        krylov_frame(DiscreteSSM.symbolic(states=1, conjugate_pairs=True))
    with pytest.raises(ValueError, match="singular"):
        krylov_frame(DiscreteSSM((2, 2), (1, 1), (1, 1)))
    with pytest.raises(ValueError, match="singular"):
        krylov_frame(DiscreteSSM((1, 2), (1, 0), (1, 1)))
    with pytest.raises(ValueError, match="at least 1"):
        rigid_hops([])
    with pytest.raises(ValueError, match="at least 1"):
        shift_matrix(0, 1)
    with pytest.raises(TypeError, match="must be an integer"):
        shift_matrix(3, 0.5)
    with pytest.raises(TypeError, match="text"):
        rigid_hops(["1", "2"])
