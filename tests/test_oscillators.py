"""T7: the equations of amplitude and phase, proved for every network of up to three nodes, and their false twins."""

import cmath

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.initialisations import s4d_lin
from carleman_ssm.theory.oscillators import OscillatorNetwork
from carleman_ssm.theory.polar import (
    INPUT,
    amplitude_symbols,
    complex_phase_field,
    phase_symbols,
    polar_field,
    polar_step,
)
from carleman_ssm.theory.polar_laws import polar_law, s4d_lin_polar_law
from carleman_ssm.theory.ring import ring_embedding
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, zero_order_hold
from tests.strategies_rings import rings
from tests.strategies_ssm import gaussian, planted, small

half = sp.Rational(1, 2)


def networks(discrete):
    """Symbolic networks and those of rings, up to three nodes."""
    model = DiscreteSSM if discrete else DiagonalSSM
    for nodes in (1, 2, 3):
        yield OscillatorNetwork.symbolic(nodes, discrete=discrete)
        for gauge in ("unit-input", "textbook"):
            yield OscillatorNetwork.of_ring(ring_embedding(model.symbolic(nodes), gauge=gauge))


@st.composite
def exact_networks(draw, discrete=False):
    """Zero, equal, real and Gaussian rational couplings, a drive that may vanish."""
    nodes = draw(st.integers(1, 3))
    entry = st.one_of(st.sampled_from([sp.S.Zero, sp.S.One, -sp.S.One, sp.I, -2 * sp.I]), small, gaussian)
    matrix = draw(st.lists(entry, min_size=nodes**2, max_size=nodes**2))
    drive = draw(st.lists(entry, min_size=nodes, max_size=nodes))
    return OscillatorNetwork(sp.Matrix(nodes, nodes, matrix), tuple(drive), discrete)


def polar_states(nodes):
    """Phases anywhere, amplitudes away from 0: also negative ones."""
    sizes = st.floats(0.1, 3).flatmap(lambda r: st.sampled_from([r, -r]))
    angles = st.floats(-7, 7)
    return st.tuples(st.lists(angles, min_size=nodes, max_size=nodes), st.lists(sizes, min_size=nodes, max_size=nodes))


def as_complex(matrix):
    return np.array([complex(entry) for entry in matrix]).reshape(matrix.shape)


@pytest.mark.parametrize("network", list(networks(discrete=False)), ids=lambda n: f"{n.nodes}")
def test_the_equations_of_phase_and_amplitude_are_proved_for_every_node(network):
    for form in (complex_phase_field(network), polar_field(network)):
        assert len(form.certificates) == network.nodes
        for certificate in form.certificates:
            assert verify(certificate).proved, certificate.name
            assert verify(planted(certificate)).evidence is Evidence.REFUTED


@pytest.mark.parametrize("network", list(networks(discrete=True)), ids=lambda n: f"{n.nodes}")
def test_the_polar_step_is_proved_for_every_node(network):
    form = polar_step(network)
    assert len(form.certificates) == 2 * network.nodes
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_the_complex_phase_has_the_phase_as_real_part_and_minus_the_log_amplitude_as_imaginary_part(nodes):
    """psi' = theta' - i r'/r at psi = theta - i ln r: two formulas for one motion."""
    network = OscillatorNetwork.symbolic(nodes)
    psi, polar = complex_phase_field(network), list(polar_field(network).where.values())
    theta, r = phase_symbols(nodes), amplitude_symbols(nodes)
    for j in range(nodes):
        field = psi.where[sp.Symbol(f"psidot_{j}")]
        terms = []
        for l in range(nodes):
            ratio = sp.exp(sp.I * theta[l] - sp.I * theta[j]) * r[l] / r[j]
            terms.append((sp.exp(sp.I * sp.Symbol(f"psi_{l}") - sp.I * sp.Symbol(f"psi_{j}")), ratio))
        terms.append((sp.exp(-sp.I * sp.Symbol(f"psi_{j}")), sp.exp(-sp.I * theta[j]) / r[j]))
        at = sp.expand(field, power_exp=False).subs(dict(terms))
        assert not at.free_symbols & {sp.Symbol(f"psi_{l}") for l in range(nodes)}
        assert verify(Identity(at, polar[j] - sp.I * polar[nodes + j] / r[j])).proved
        assert verify(Identity(at, polar[j] + sp.I * polar[nodes + j] / r[j])).evidence is Evidence.REFUTED


@pytest.mark.parametrize("build", [polar_law, s4d_lin_polar_law])
def test_the_laws_hold_for_every_number_of_nodes(build):
    for certificate in build().certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


@pytest.mark.parametrize("build", [polar_law, s4d_lin_polar_law])
def test_a_law_for_every_number_of_nodes_with_a_neighbour_too_many_or_no_lag_is_refuted(build):
    law = build().certificates[0]
    (sum_of_pulls,) = law.right.atoms(sp.Sum)
    index, first, last = sum_of_pulls.limits[0]
    for wrong in (
        sp.Sum(sum_of_pulls.function, (index, first, last + 1)),
        sp.Sum(sum_of_pulls.function / sp.exp(sp.I * sp.pi / 3), (index, first, last)),
    ):
        verdict = verify(Identity(law.left, law.right.xreplace({sum_of_pulls: wrong}), nonzero=law.nonzero))
        assert verdict.evidence is Evidence.REFUTED


@pytest.mark.parametrize("nodes", [2, 3, 5])
def test_the_laws_written_out_are_the_equations_of_the_network(nodes):
    """Symbolic N against explicit N: two constructions of one field, for S4D-Lin."""
    form, network = unfold(s4d_lin_polar_law()), OscillatorNetwork.s4d_lin(nodes)
    field = list(polar_field(network).where.values())
    names = {str(argument): argument for argument in form.arguments}
    for j in range(nodes):
        written = form.expression.subs({names["N"]: nodes, names["j"]: j}).doit()
        rules = {names["B"][j]: network.drive[j], names["eta"][j]: sp.S.Zero}
        for l in range(1 - nodes, nodes):
            rules |= {
                names["theta"][l]: phase_symbols(nodes)[l % nodes],
                names["r"][l]: amplitude_symbols(nodes)[l % nodes],
            }
        found = written.xreplace(rules)
        assert not found.atoms(sp.Indexed)
        values = [complex(sp.N(x)) for x in (found - sp.Matrix([field[j], field[nodes + j]])).subs(SAMPLE)]
        assert np.abs(values).max() < 1e-12  # a sample: nested roots against sines are beyond the normal form


SAMPLE = {theta: sp.Rational(j + 1, 3) for j, theta in enumerate(phase_symbols(5))} | {
    r: sp.Rational(j + 2, 5) for j, r in enumerate(amplitude_symbols(5))
}
SAMPLE[INPUT] = sp.Rational(7, 9)
FALSE = {
    "lag of the wrong sign": (lambda j, l, angle, lag: angle - lag, lambda j, l, r: r[l] / r[j]),
    "lag forgotten": (lambda j, l, angle, lag: angle, lambda j, l, r: r[l] / r[j]),
    "direction reversed": (lambda j, l, angle, lag: -angle + lag, lambda j, l, r: r[l] / r[j]),
    "amplitudes forgotten, as in Kuramoto's model": (lambda j, l, angle, lag: angle + lag, lambda j, l, r: 1),
    "weights upside down": (lambda j, l, angle, lag: angle + lag, lambda j, l, r: r[j] / r[l]),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_wrong_phase_equation_is_refuted_with_a_witness(name):
    argument, weight = FALSE[name]
    theta, r = phase_symbols(2), amplitude_symbols(2)
    true = polar_field(OscillatorNetwork.symbolic(2)).where[sp.Symbol("thetadot_0", real=True)]
    K, lag = sp.Symbol("K_0_1", real=True), sp.Symbol("alpha_0_1", real=True)
    omega, B, eta = (sp.Symbol(name, real=True) for name in ("omega_0", "B_0", "eta_0"))
    kick = B * INPUT / r[0] * sp.sin(eta - theta[0])

    def written(argument, weight):
        return omega + K * weight(0, 1, r) * sp.sin(argument(0, 1, theta[1] - theta[0], lag)) + kick

    right = written(lambda j, l, angle, lag: angle + lag, lambda j, l, r: r[l] / r[j])
    assert verify(Identity(true, right)).proved
    verdict = verify(Identity(true, written(argument, weight)))
    assert verdict.evidence is Evidence.REFUTED
    assert verdict.witness


@given(st.data())
def test_the_field_is_the_derivative_of_modulus_and_argument(data):
    """Second route, in floating point: r' = Re(conj(x) x')/r, theta' = Im(conj(x) x')/r^2."""
    network = data.draw(exact_networks())
    theta, r = data.draw(polar_states(network.nodes))
    u = data.draw(st.floats(-2, 2))
    found = np.ravel(compile_kernel(polar_field(network))(*theta, *r, u))
    x = np.array([size * cmath.exp(1j * angle) for size, angle in zip(r, theta, strict=True)])
    velocity = as_complex(network.coupling_matrix) @ x + as_complex(sp.Matrix(network.drive))[:, 0] * u
    growth, turn = (np.conj(x) * velocity).real / r, (np.conj(x) * velocity).imag / np.abs(x) ** 2
    scale = 1 + np.abs(velocity).max() / np.abs(x).min()
    assert np.allclose(found, [*turn, *growth], atol=1e-12 * scale, rtol=0)  # rounding of a few dozen operations


@given(st.data())
def test_polar_steps_carry_the_linear_recurrence_on(data):
    network = data.draw(exact_networks(discrete=True))
    theta, r = data.draw(polar_states(network.nodes))
    inputs = data.draw(st.lists(st.floats(-2, 2), min_size=3, max_size=3))
    kernel, count = compile_kernel(polar_step(network)), network.nodes
    W, beta = as_complex(network.coupling_matrix), as_complex(sp.Matrix(network.drive))[:, 0]
    x = np.array([size * cmath.exp(1j * angle) for size, angle in zip(r, theta, strict=True)])
    for u in inputs:
        x = W @ x + beta * u
        if np.abs(x).min() < 1e-3:
            return  # next to the singular point, which the symbolic step excludes
        polar = np.ravel(kernel(*theta, *r, u))
        theta, r = polar[:count], polar[count:]
        assert np.allclose(r * np.exp(1j * theta), x, atol=1e-12 * (1 + np.abs(x).max()), rtol=1e-12)


@pytest.mark.parametrize("nodes", [1, 2, 3, 4, 5, 6])
def test_s4d_lin_has_damping_one_half_one_frequency_and_a_lag_linear_in_the_distance(nodes):
    network = OscillatorNetwork.s4d_lin(nodes)
    assert set(network.dampings) == {half}
    assert set(network.natural_frequencies) == {sp.pi * (nodes - 1) / 2}
    modes = tuple(-half + sp.I * sp.pi * n for n in range(nodes))
    ring = ring_embedding(DiagonalSSM(modes, (1,) * nodes, (1,) * nodes))
    statement = Identity(ring.coupling_matrix, network.coupling_matrix)  # the DFT of the spectrum, T2
    assert verify(statement).proved
    assert verify(planted(statement)).evidence is Evidence.REFUTED
    assert ring.kick == network.drive
    theta, r = phase_symbols(nodes), amplitude_symbols(nodes)
    for d in range(1, nodes):
        turning = polar_field(network).where[sp.Symbol(f"thetadot_{d}", real=True)]
        pull = (
            -sp.pi
            / (2 * sp.sin(sp.pi * d / nodes, evaluate=False))
            * r[0]
            / r[d]
            * sp.sin(theta[0] - theta[d] + sp.pi * d / nodes)
        )
        others = {x: sp.S.Zero for l, x in enumerate(r) if l not in (0, d)} | {INPUT: sp.S.Zero}
        expected = Identity(turning.xreplace(others), sp.pi * (nodes - 1) / 2 + pull)
        assert verify(expected).proved


@given(rings(max_nodes=3))
def test_the_oscillators_of_any_ring_have_its_couplings_and_its_kick(ring):
    network = OscillatorNetwork.of_ring(ring)
    assert network.discrete
    assert network.coupling_matrix == ring.coupling_matrix
    assert network.drive == ring.kick
    for certificate in polar_step(network).certificates:
        assert verify(certificate).proved, certificate.name


@pytest.mark.parametrize("closure", ["real", "antiperiodic"])
def test_on_a_real_ring_every_coupling_keeps_phases_at_zero_and_pi(closure):
    """Real W, kick and state: theta' = 0 where all phases are 0 or pi, so a phase is only a sign (naive claim 6)."""
    weights = (-half, -half + sp.pi * sp.I) if closure == "real" else (-half + sp.I, -half + 3 * sp.I)
    network = OscillatorNetwork.of_ring(ring_embedding(DiagonalSSM(weights, (1, 1), (1, 1), 0, True), closure=closure))
    field = list(polar_field(network).where.values())
    at = dict(zip(phase_symbols(network.nodes), [0, sp.pi, 0, sp.pi][: network.nodes], strict=True))
    for j in range(network.nodes):
        assert verify(Identity(field[j].subs(at), sp.S.Zero)).proved
        off = field[j].subs({**at, phase_symbols(network.nodes)[j]: sp.Rational(1, 3)})
        assert verify(Identity(off, sp.S.Zero)).evidence is Evidence.REFUTED


def test_naive_claim_6_phases_are_well_defined_is_false():
    """At r = 0 the phase equation has a pole, and the direction of approach decides the value beside it."""
    field = polar_field(OscillatorNetwork.s4d_lin(2))
    theta, r = phase_symbols(2), amplitude_symbols(2)
    turning = field.where[sp.Symbol("thetadot_1", real=True)]
    assert turning.subs(r[1], 0).has(sp.zoo, sp.nan)
    residue = sp.expand(turning * r[1]).subs(r[1], 0)
    assert verify(Identity(residue, sp.S.Zero)).evidence is Evidence.REFUTED
    beside = [residue.subs({theta[0]: 0, theta[1]: angle, r[0]: 1}) for angle in (0, sp.pi)]
    assert beside[0] == -beside[1] != 0


def test_the_hold_of_a_diagonal_model_gives_a_discrete_network():
    ring = ring_embedding(zero_order_hold(s4d_lin(2), sp.Rational(1, 2)))
    network = OscillatorNetwork.of_ring(ring)
    assert network.discrete
    assert network.nodes == 2
    with pytest.raises(ValueError, match="polar_step"):
        polar_field(network)
    with pytest.raises(ValueError, match="polar_field"):
        polar_step(OscillatorNetwork.s4d_lin(2))


REFUSED = {
    "not square": (lambda: OscillatorNetwork(sp.zeros(2, 3), (0, 0)), "square"),
    "no rows": (lambda: OscillatorNetwork(sp.zeros(0, 0), ()), "square"),
    "a drive of another size": (lambda: OscillatorNetwork(sp.eye(2), (1,)), "2 nodes need a drive"),
    "a float": (lambda: OscillatorNetwork(sp.Matrix([[0.5]]), (1,)), "finite exact numbers"),
    "a time that is no bool": (lambda: OscillatorNetwork(sp.eye(1), (1,), 1), "discrete must be"),
    "text": (lambda: OscillatorNetwork(sp.eye(1), ("1",)), "never evaluated"),
    "text as drive": (lambda: OscillatorNetwork(sp.eye(1), "1"), "beta must be a sequence"),
    "no drive": (lambda: OscillatorNetwork(sp.eye(1), None), "beta must be a sequence"),
    "a float in a repeated entry": (
        lambda: OscillatorNetwork(sp.Matrix([[sp.S.Half, 0.5], [0.5, sp.S.Half]]), (1, 0)),
        r"W\[0, 1\] is 0\.5",
    ),
    "text as ring": (lambda: OscillatorNetwork(sp.eye(1), (1,), ring="ring"), "class RingEmbedding"),
    "the oscillators of text": (lambda: OscillatorNetwork.of_ring("ring"), "class RingEmbedding"),
    "the polar field of a number": (lambda: polar_field(5), "class OscillatorNetwork"),
    "the polar step of a number": (lambda: polar_step(5), "class OscillatorNetwork"),
    "the complex phases of a number": (lambda: complex_phase_field(5), "class OscillatorNetwork"),
    "half a node": (lambda: OscillatorNetwork.s4d_lin(1.5), "must be an integer"),
    "too many nodes": (lambda: OscillatorNetwork.s4d_lin(10**6), "1000000 nodes.*theory.polar_laws.*model_rings"),
    "too many letters": (lambda: OscillatorNetwork.symbolic(10**6), "at most 512"),
    "no nodes": (lambda: OscillatorNetwork.symbolic(0), "at least one node"),
    "no nodes of S4D-Lin": (lambda: OscillatorNetwork.s4d_lin(0), "at least one node"),
    "states of another size": (lambda: OscillatorNetwork.s4d_lin(2).derivative((1,), INPUT), "2 nodes"),
    "a parameter named like a variable": (
        lambda: polar_field(OscillatorNetwork(sp.Matrix([[sp.Symbol("theta_0")]]), (1,))),
        "rename the parameters",
    ),
    "a ring of another size": (
        lambda: OscillatorNetwork(sp.eye(2), (1, 0), False, ring_embedding(DiagonalSSM.symbolic(3))),
        "of that size",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_network_is_refused(name):
    build, words = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=words):
        build()


def test_the_equations_print_with_dots_and_stay_named():
    form = polar_field(OscillatorNetwork.s4d_lin(3))
    assert r"\dot{\theta}_{0}" in sp.latex(form.expression)
    assert unfold(form).expression.shape == (6, 1)
