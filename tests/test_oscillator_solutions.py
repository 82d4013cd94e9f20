"""T7 with T15: the modes solve the nonlinear network in closed form; up to three nodes its equations are proved."""

import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.excitations import Excitation
from carleman_ssm.theory.oscillator_solutions import PROVED_NODES, oscillator_solution
from carleman_ssm.theory.oscillators import OscillatorNetwork
from carleman_ssm.theory.ring import ring_embedding
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM
from tests.strategies_rings import rings
from tests.strategies_ssm import gaussian, planted, small

A, omega = sp.symbols("A omega", real=True)
s, w = sp.symbols("s w")
EXCITATIONS = {
    "impulse": Excitation.impulse(w),
    "step": Excitation.step(A),
    "exponential": Excitation.exponential(s),
    "sinusoid": Excitation.sinusoid(omega, amplitude=A),
}
MODELS = {"continuous": DiagonalSSM.symbolic, "discrete": DiscreteSSM.symbolic}


def solved(model, excitation, initial=None, **choices):
    return oscillator_solution(OscillatorNetwork.of_ring(ring_embedding(model, **choices)), excitation, initial=initial)


def as_complex(entries):
    return np.array([complex(entry) for entry in entries])


@pytest.mark.parametrize("name", EXCITATIONS)
@pytest.mark.parametrize("time", MODELS)
@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_the_nonlinear_equations_hold_along_the_solution_for_every_spectrum(nodes, time, name):
    initial = None if nodes == 3 and name == "sinusoid" else sp.symbols(f"p_0:{nodes}")  # long, not different
    form = solved(MODELS[time](nodes), EXCITATIONS[name], initial)
    nonlinear = [c for c in form.certificates if "psi" in c.name or c.name.startswith("polar step")]
    assert len(nonlinear) == nodes
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name


@pytest.mark.parametrize("name", ["impulse", "step", "sinusoid"])
def test_for_a_real_input_amplitude_and_phase_are_certified_too(name):
    real = {w: sp.Symbol("w", real=True)}
    excitation = Excitation.impulse(real[w]) if name == "impulse" else EXCITATIONS[name]
    names = [c.name for c in solved(DiagonalSSM.symbolic(2), excitation).certificates]
    for j in (0, 1):
        assert {rf"equation of $\psi_{j}$", rf"$r^2\theta'$ of node {j}", f"$rr'$ of node {j}"} <= set(names)
    complex_input = [c.name for c in solved(DiagonalSSM.symbolic(2), EXCITATIONS["exponential"]).certificates]
    assert not [name for name in complex_input if "theta" in name]


@pytest.mark.parametrize("time", MODELS)
def test_planted_errors_in_the_nonlinear_equations_are_refuted(time):
    form = solved(MODELS[time](2), EXCITATIONS["step"], sp.symbols("p_0:2"))
    for certificate in form.certificates:
        verdict = verify(planted(certificate))
        assert verdict.evidence is Evidence.REFUTED, certificate.name
        assert verdict.witness


def test_the_solution_of_another_drive_does_not_solve_the_equations():
    """False twins: modes of half of the input, and the input forgotten in the equation of psi."""
    form = solved(DiagonalSSM.symbolic(2), EXCITATIONS["step"], sp.symbols("p_0:2"))
    (motion,) = [c for c in form.certificates if c.name == "motion of the modes"]
    (law,) = [c for c in form.certificates if c.name == r"equation of $\psi_0$"]
    for right, wrong in ((motion, {A: 2 * A}), (law, {sp.Symbol("u", real=True): 0})):
        twin = Identity(right.left, right.right.xreplace(wrong), nonzero=right.nonzero)
        assert verify(right).proved
        assert verify(twin).evidence is Evidence.REFUTED


@settings(max_examples=8)
@given(st.data())
def test_equal_real_zero_and_resonant_modes_are_no_exception(data):
    nodes = data.draw(st.sampled_from([1, 2, 2, 3]))
    entry = st.one_of(st.sampled_from([sp.S.Zero, -sp.S.One, sp.I]), gaussian)
    spectrum = data.draw(st.lists(entry, min_size=nodes, max_size=nodes))
    if nodes > 1 and data.draw(st.booleans()):
        spectrum[-1] = spectrum[0]
    rate = data.draw(st.one_of(st.just(spectrum[0]), st.just(sp.S.Zero), small))  # resonance on purpose
    initial = data.draw(st.lists(gaussian.filter(bool), min_size=nodes, max_size=nodes))
    inputs = data.draw(st.lists(gaussian.filter(bool), min_size=nodes, max_size=nodes))
    model = DiagonalSSM(tuple(spectrum), tuple(inputs), (1,) * nodes)
    for certificate in solved(model, Excitation.exponential(rate), initial).certificates:
        assert verify(certificate).proved, certificate.name


@settings(max_examples=10)
@given(st.data())
def test_every_ring_closure_order_and_gauge_is_solved_in_discrete_time(data):
    ring = data.draw(rings(max_nodes=3))
    network = OscillatorNetwork.of_ring(ring)
    initial = data.draw(st.lists(gaussian.filter(bool), min_size=ring.nodes, max_size=ring.nodes))  # none at rest
    form = oscillator_solution(network, Excitation.step(sp.Rational(1, 2)), initial=initial)
    kernel = compile_kernel(form)
    state = sp.Matrix(initial)
    for step in (1, 2):
        state = (network.coupling_matrix * state + sp.Matrix(network.drive) / 2).expand()  # the recurrence itself
        exact = as_complex(state.evalf(20))
        if np.abs(exact).min() < 1e-3:
            return  # a node without phase
        found = np.exp(1j * np.ravel(kernel(step)))
        assert np.allclose(found, exact, atol=1e-12 * (1 + np.abs(exact).max()), rtol=0)


def test_a_multiplier_zero_forgets_everything_but_the_last_input():
    form = solved(DiscreteSSM((0,), (2,), (1,)), Excitation.step(sp.Rational(1, 4)), (3,), gauge="textbook")
    kernel = compile_kernel(form)
    assert [complex(np.exp(1j * np.ravel(kernel(step))[0])) for step in (1, 2, 3)] == pytest.approx([0.5] * 3)


@pytest.mark.parametrize("closure", ["complex", "real", "antiperiodic"])
def test_the_closed_form_is_the_matrix_exponential(closure):
    """Second route in floating point: the exponential of the block matrix of network and input, five or six nodes."""
    modes = (-0.5, -0.5 + 1.7j, -0.3 + 4j) if closure == "real" else (-0.5 + 0.4j, -0.5 + 1.7j, -0.3 + 4j)
    exact = tuple(sp.Rational(str(z.real)) + sp.I * sp.Rational(str(z.imag)) for z in map(complex, modes))
    ring = ring_embedding(DiagonalSSM(exact, (1, 1, 1), (1, 1, 1), 0, True), closure=closure)
    network = OscillatorNetwork.of_ring(ring)
    assert network.nodes == {"complex": 3, "real": 5, "antiperiodic": 6}[closure]
    initial = [sp.Rational(j + 1, 3) for j in range(network.nodes)]
    kernel = compile_kernel(oscillator_solution(network, Excitation.sinusoid(sp.Rational(73, 10)), initial=initial))
    block = np.zeros((network.nodes + 2,) * 2, complex)
    matrix = as_complex(network.coupling_matrix).reshape(network.nodes, -1)
    block[:-2, :-2] = matrix
    block[:-2, -2] = block[:-2, -1] = as_complex(network.drive) / 2
    block[-2, -2], block[-1, -1] = 7.3j, -7.3j
    start = np.concatenate([as_complex(initial), [1, 1]])
    for t in (0.1, 0.9, 2.3):
        nodes = np.exp(1j * np.ravel(kernel(t)))
        expected = (scipy.linalg.expm(block * t) @ start)[:-2]
        assert np.allclose(nodes, expected, atol=1e-12, rtol=0)  # a few hundred roundings of numbers near 1


def test_beyond_three_nodes_the_motion_of_the_modes_remains_and_is_proved():
    form = solved(DiagonalSSM.symbolic(PROVED_NODES + 2), EXCITATIONS["sinusoid"])
    assert [c.name for c in form.certificates] == ["nodes just after t = 0", "motion of the modes"]
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name


def test_a_network_at_rest_starts_at_the_singular_point():
    form = solved(DiagonalSSM.symbolic(2), EXCITATIONS["step"])
    at_rest = [sp.sympify(value).subs(form.arguments[-1], 0) for value in form.where.values()]
    assert at_rest[:2] == [0, 0]  # the modes; the phase is the argument of 0
    with pytest.raises(ZeroDivisionError, match="leave that point out"):
        compile_kernel(solved(DiagonalSSM((-1,), (1,), (1,)), Excitation.step()))(0.0)


def test_negative_real_nodes_have_the_phase_pi_and_no_nan():
    kernel = compile_kernel(solved(DiagonalSSM((-1,), (1,), (1,)), Excitation.step(), (-3,)))
    psi = np.ravel(kernel(np.array([0.5, 2.0])))
    nodes = 1 - 4 * np.exp(-np.array([0.5, 2.0]))
    assert np.allclose(psi, [np.pi - 1j * np.log(-nodes[0]), -1j * np.log(nodes[1])], atol=1e-14, rtol=0)


def test_a_node_that_nothing_reaches_has_no_phase_and_is_refused():
    """Equal modes in the unit gauge do not couple the nodes: from rest only node 0 ever moves."""
    equal = DiagonalSSM((-1, -1), (1, 1), (1, 1))
    with pytest.raises(ValueError, match="never reaches node 1"):
        solved(equal, Excitation.step())
    for certificate in solved(equal, Excitation.step(), (0, 1)).certificates:
        assert verify(certificate).proved, certificate.name


REFUSED = {
    "no ring": (lambda: oscillator_solution(OscillatorNetwork.s4d_lin(2), Excitation.step()), "of_ring"),
    "an initial state of another size": (lambda: solved(DiagonalSSM.symbolic(2), Excitation.step(), (1,)), "2 nodes"),
    "no initial state": (lambda: solved(DiagonalSSM.symbolic(2), Excitation.step(), ()), "2 nodes"),
    "a float": (lambda: solved(DiagonalSSM.symbolic(1), Excitation.step(), (0.5,)), "exact numbers"),
    "a name of the solution": (
        lambda: solved(DiagonalSSM((sp.Symbol("h_0"),), (1,), (1,)), Excitation.step()),
        "rename the parameters",
    ),
    "a ring of the other kind of time": (
        lambda: oscillator_solution(
            OscillatorNetwork(sp.eye(1), (1,), True, ring_embedding(DiagonalSSM.symbolic(1))), Excitation.step()
        ),
        "use OscillatorNetwork.of_ring",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_solution_that_does_not_exist_is_refused(name):
    build, words = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=words):
        build()
