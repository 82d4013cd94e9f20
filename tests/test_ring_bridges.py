"""Arrays of `networks` against the compiled or exact closed forms of `theory` that state the same formula."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.networks.exact_numbers import to_complex, to_real
from carleman_ssm.rings.kuramoto_runs import PhaseOscillators
from carleman_ssm.rings.oscillators import Oscillators, polar_velocity, ring_matrix
from carleman_ssm.rings.ring_modes import keeps_index, model_modes
from carleman_ssm.rings.rings import model_rings
from carleman_ssm.rings.waves import LIN_REVOLUTION, dispersion, participation_ratio
from carleman_ssm.theory.couplings import circulant, skew_circulant
from carleman_ssm.theory.dispersion import bilinear_dispersion, s4d_inv_dispersion, s4d_lin_dispersion
from carleman_ssm.theory.initialisations import s4d_inv, s4d_legs, s4d_lin, s4d_real
from carleman_ssm.theory.kuramoto import KuramotoModel, kuramoto_field, phase_gap
from carleman_ssm.theory.localisation import participation_ratio_formula
from carleman_ssm.theory.oscillators import OscillatorNetwork
from carleman_ssm.theory.polar import polar_field
from carleman_ssm.theory.ring import ring_embedding
from carleman_ssm.theory.ring_equivalence import ring_equivalence
from carleman_ssm.theory.ring_modes import CLOSURES, GAUGES, sampled_order
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, bilinear_transform, zero_order_hold

STEP = sp.Rational(3, 16)
PAIRS = DiagonalSSM(
    (-sp.Rational(1, 3), -sp.Rational(1, 2) + 3 * sp.I, -sp.Rational(1, 5) + sp.pi * sp.I),
    (2, 1 - sp.I, sp.Rational(1, 7)),
    (sp.sqrt(2), 1 + sp.I, 3),
    sp.Rational(1, 5),
    conjugate_pairs=True,
)
FREE = DiagonalSSM((-1, 2 * sp.I - 1, -sp.I, 5 * sp.I), (1, 2, sp.I, 1), (1, sp.I, 1, -2))


def close(found, exact, name="entry"):
    expected = to_complex(exact, name)
    return np.abs(np.ravel(found) - expected).max() <= 1e-14 * max(1.0, np.abs(expected).max())


# Rings and RingEmbedding


@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
@pytest.mark.parametrize("gauge", GAUGES)
@pytest.mark.parametrize(("model", "closure"), [*((PAIRS, closure) for closure in CLOSURES), (FREE, "complex")])
@pytest.mark.parametrize("order", ["index", "angle", "shuffled"])
def test_rings_are_the_ring_embedding_in_floating_point(model, closure, gauge, order, rule):
    sampled = (zero_order_hold if rule == "zoh" else bilinear_transform)(model, STEP)
    chosen = (0, *range(model.states - 1, 0, -1)) if order == "shuffled" else order
    exact = ring_embedding(sampled, closure=closure, gauge=gauge, order=chosen)
    rings = model_rings(model, float(STEP), discretization=rule, closure=closure, gauge=gauge, order=chosen)
    assert (rings.nodes, tuple(rings.order[0])) == (exact.nodes, exact.order)
    assert rings.frequencies.tolist() == [float(f) for f in exact.frequencies]
    for found, expected in [
        (rings.multipliers, exact.spectrum),
        (rings.input_vector, exact.input_vector),
        (rings.output_vector, exact.output_vector),
        (rings.propagator, exact.couplings),
        (ring_matrix(rings.propagator[0], closure), exact.coupling_matrix),
        (rings.kick, exact.kick),
        (rings.readout_weights, exact.readout_weights),
        (rings.feedthrough, (exact.feedthrough,)),
    ]:
        assert close(found, expected)
    if closure == "complex":  # the couplings of continuous time, and the false twin: another order
        continuous = ring_embedding(model, closure=closure, gauge=gauge, order=exact.order)
        assert close(rings.couplings, continuous.couplings)
        turned = ring_embedding(model, closure=closure, gauge=gauge, order=exact.order[::-1])
        assert not close(rings.couplings, turned.couplings)


@pytest.mark.parametrize("closure", CLOSURES)
@pytest.mark.parametrize("gauge", GAUGES)
def test_outputs_of_rings_are_the_compiled_closed_form_of_the_ring(closure, gauge):
    stored = 3 if closure == "complex" else 2
    exact = zero_order_hold(PAIRS, STEP)
    exact = DiscreteSSM(
        exact.multipliers[:stored], exact.input_vector[:stored], exact.output_vector[:stored], sp.Rational(1, 5), True
    )
    form = ring_equivalence(ring_embedding(exact, closure=closure, gauge=gauge))
    kernel = compile_kernel(form, origin=1)
    first = DiagonalSSM(*(vector[:stored] for vector in (PAIRS.eigenvalues, PAIRS.input_vector, PAIRS.output_vector)),
                        sp.Rational(1, 5), True)  # fmt: skip
    rings = model_rings(first, float(STEP), closure=closure, gauge=gauge)
    u = np.random.default_rng(0).normal(size=7)
    y = rings.output(rings.node_contents(u[None, :, None]), u[None, :, None])[0, :, 0]
    for k in range(1, 8):
        taken = [u[:k] if isinstance(argument, sp.IndexedBase) else k for argument in form.arguments]
        assert abs(kernel(*taken) - y[k - 1]) <= 1e-13


@pytest.mark.parametrize("nodes", [1, 2, 3, 6])
def test_the_matrix_of_a_column_is_the_circulant_or_the_skew_circulant_one(nodes):
    column = np.arange(1.0, nodes + 1)
    exact = [sp.Integer(n) for n in range(1, nodes + 1)]
    for closure, build in (("complex", circulant), ("real", circulant), ("antiperiodic", skew_circulant)):
        assert (ring_matrix(column, closure) == np.array(build(exact).tolist(), dtype=float)).all()
    assert nodes == 1 or (ring_matrix(column, "antiperiodic") != ring_matrix(column, "real")).any()


# The order "auto"


@pytest.mark.parametrize("family", [s4d_lin, s4d_inv, s4d_real, s4d_legs])
@pytest.mark.parametrize("step", [sp.Rational(1, 100), sp.Rational(1, 4), sp.S.One, sp.Rational(7, 3)])
def test_the_rule_of_the_order_is_the_same_exactly_and_in_floating_point(family, step):
    model = family(6, output_vector=[sp.S.One] * 6)
    exact = sampled_order(model, step)
    assert model_rings(model, float(step)).order[0].tolist() == list(exact)
    if family is s4d_lin:
        assert exact == tuple(range(6))
        assert sampled_order(model, step, "real") == exact
        assert ring_embedding(zero_order_hold(model, step), order="auto").order == exact


@given(st.lists(st.integers(-12, 12), min_size=1, max_size=6), st.sampled_from([1, 4, 16]))
def test_auto_from_multipliers_alone_is_the_rule_while_neighbours_differ_by_less_than_half_a_turn(frequencies, parts):
    model = DiagonalSSM(tuple(-1 + sp.I * w for w in frequencies), (1,) * len(frequencies), (1,) * len(frequencies))
    step = sp.Rational(1, parts)
    found = ring_embedding(zero_order_hold(model, step), order="auto").order
    exact = sampled_order(model, step)
    assert model_rings(model, float(step)).order[0].tolist() == list(exact)
    if keeps_index(model_modes(model, float(step), "zoh"))[0]:
        assert exact == tuple(range(len(frequencies)))
    gaps = np.abs(np.diff(frequencies)) / parts
    if gaps.max(initial=0.0) < np.pi and np.abs(frequencies).min() / parts < np.pi:
        assert found == exact


def test_auto_in_continuous_time_is_the_index_and_of_symbolic_multipliers_is_refused():
    assert ring_embedding(DiagonalSSM.symbolic(3), order="auto").order == (0, 1, 2)
    assert ring_embedding(s4d_inv(3), order="auto").order == (0, 1, 2)
    with pytest.raises(ValueError, match="angle of mode 0, lambda_0, is not known: give exact numbers"):
        ring_embedding(DiscreteSSM.symbolic(3), order="auto")
    with pytest.raises(ValueError, match="is not known: give exact numbers"):
        sampled_order(s4d_lin(2), sp.Symbol("Delta", positive=True))
    with pytest.raises(ValueError, match="a step must be positive"):
        sampled_order(s4d_lin(2), sp.Integer(-1))


def test_auto_leaves_the_index_where_the_angle_of_a_bent_law_wraps():
    """Spacing 1.0 and 1.1 in turn: no affine law, and 7 steps of about 1 pass π."""
    bent = DiagonalSSM(tuple(sp.I * (n + sp.Rational(n % 2, 10)) for n in range(8)), (1,) * 8, (1,) * 8)
    slow, fast = (zero_order_hold(bent, step) for step in (sp.Rational(1, 4), sp.S.One))
    assert ring_embedding(slow, order="auto").order == tuple(range(8))
    assert ring_embedding(fast, order="auto").order == ring_embedding(fast, order="angle").order != tuple(range(8))
    straight = zero_order_hold(DiagonalSSM(tuple(sp.I * n for n in range(8)), (1,) * 8, (1,) * 8), sp.S.One)
    assert ring_embedding(straight, order="auto").order == tuple(range(8))


# Velocities and participation


@pytest.mark.parametrize("nodes", [2, 5])
def test_the_participation_ratio_is_the_compiled_formula(nodes):
    kernel = compile_kernel(participation_ratio_formula(nodes))
    generator = np.random.default_rng(nodes)
    for _ in range(10):
        h = generator.normal(size=nodes) + 1j * generator.normal(size=nodes)
        assert participation_ratio(h) == pytest.approx(complex(kernel(h)).real, rel=1e-13)
        assert abs(participation_ratio(h) - complex(kernel(h**2)).real) > 1e-6  # the false twin: energies squared


def test_mode_velocities_are_the_compiled_dispersion_laws():
    """At n itself; the group velocity of arrays is a mean difference (tests/test_wave_measures.py)."""
    nodes = 16
    lin, inv = (model_rings(family(nodes, output_vector=[1] * nodes), 0.05, order="index", discretization="bilinear")
                for family in (s4d_lin, s4d_inv))  # fmt: skip
    for law, found in [
        (s4d_lin_dispersion(nodes), dispersion(lin).phase_velocity),
        (s4d_inv_dispersion(nodes, size=2 * nodes), dispersion(inv).phase_velocity),
        (bilinear_dispersion(s4d_lin_dispersion(nodes), sp.Rational(1, 20)), dispersion(lin).phase_velocity_per_step),
    ]:
        kernel = compile_kernel(law.phase_velocity)
        expected = np.array([complex(kernel(*[n] * len(kernel.arguments))).real for n in range(1, nodes)])
        assert np.abs(found[0, 1:] / expected - 1).max() <= 1e-13
        assert np.abs(found[0, 1:] / (1.01 * expected) - 1).min() > 0.005


def test_a_revolution_of_lin_takes_two_units_of_time():
    for nodes in (3, 8):
        kernel = compile_kernel(s4d_lin_dispersion(nodes).group_velocity)
        velocity = float(kernel(*[1] * len(kernel.arguments)))
        assert nodes / velocity == LIN_REVOLUTION


# Oscillators


def test_the_polar_velocity_is_the_compiled_polar_field():
    for network in (OscillatorNetwork.s4d_lin(4), OscillatorNetwork(sp.Matrix([[sp.I, 2], [1 - sp.I, -1]]), (1, sp.I))):
        kernel, numbers, nodes = compile_kernel(polar_field(network)), Oscillators.of_network(network), network.nodes
        generator = np.random.default_rng(2)
        for _ in range(10):
            phases, sizes, u = generator.uniform(-3, 3, nodes), generator.uniform(0.2, 2, nodes), generator.normal()
            turning, growing = polar_velocity(numbers, phases, sizes, u)
            expected = np.ravel(kernel(*phases, *sizes, u))
            assert np.abs([*turning, *growing] - expected).max() <= 1e-11  # rounding times r_l/r_j up to 10
            assert np.abs([*growing, *turning] - expected).max() > 1e-3


def test_kuramoto_velocity_gap_and_couplings_are_the_compiled_ones():
    model = KuramotoModel(
        (1, sp.Rational(-1, 3), 0), sp.Matrix([[2, 1, 0], [-3, 1, 4], [1, 1, 0]]), sp.Rational(3, 4), sp.Rational(7, 10)
    )
    field, gap = compile_kernel(kuramoto_field(model)), compile_kernel(phase_gap(model))
    numbers = PhaseOscillators.of_model(model)
    assert close(numbers.coupling_matrix, model.linear_network().coupling_matrix)
    generator = np.random.default_rng(3)
    for _ in range(10):
        theta, r = generator.uniform(-3, 3, 3), generator.uniform(0.2, 2, 3)
        velocity, found = numbers.kuramoto_velocity(theta), numbers.gap(r * np.exp(1j * theta))
        assert np.abs(velocity - np.ravel(field(*theta))).max() <= 1e-13
        assert np.abs(found - np.ravel(gap(*theta, *r))).max() <= 1e-12
        assert np.abs(numbers.kuramoto_velocity(-theta) - np.ravel(field(*theta))).max() > 1e-3


# Exact numbers


def test_exact_numbers_come_out_real_where_they_are_real_and_small_where_they_are_small():
    seventh = sp.exp(2 * sp.pi * sp.I / 7)
    tiny = sp.Rational(1, 10**40)
    values = to_complex([seventh + sp.conjugate(seventh), sp.Integer(10) ** 30, sp.I * tiny, sp.I], "w")
    assert abs(values[0] - 2 * np.cos(2 * np.pi / 7)) < 1e-15
    assert values.imag.tolist() == [0.0, 0.0, 1e-40, 1.0]
    assert values.real[2:].tolist() == [0.0, 0.0]
    assert to_real([seventh + sp.conjugate(seventh)], "w").dtype == np.float64
    with pytest.raises(ValueError, match=r"w\[1\] is not real"):
        to_real([sp.S.One, sp.I], "w")
    with pytest.raises(ValueError, match=r"w\[0\] has the free symbols x, y"):
        to_complex([sp.Symbol("x") + sp.Symbol("y")], "w")
