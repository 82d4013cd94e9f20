"""Numeric rings against the layer they come from, against plain recurrences, and against the circulant step."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from benchmarks.ring import plain_states
from carleman_ssm.networks.layers import S4DLayer
from carleman_ssm.rings import ring_states
from carleman_ssm.rings.rings import layer_rings, model_rings
from carleman_ssm.theory.initialisations import s4d_inv, s4d_legs, s4d_lin, s4d_real
from carleman_ssm.theory.legendre import legs_enclosures
from carleman_ssm.theory.ssm import DiagonalSSM, bilinear_transform, zero_order_hold
from tests.strategies_waves import free_rings, lin_layer, ring_layers, seeds

MARGIN = 100  # by which the largest errors reported in THEORY may be exceeded
ROUNDING = 1e-11  # a few hundred steps of a few operations each, in float64, with values of size 10


def unitary(nodes):
    """F of THEORY §3, entry by entry."""
    return np.array([[np.exp(2j * np.pi * j * n / nodes) for n in range(nodes)] for j in range(nodes)]) / nodes**0.5


def ring_matrix(column, closure):
    """The matrix of one step from its first column: circulant, or with a change of sign once around."""
    nodes = len(column)
    if closure != "antiperiodic":
        return linalg.circulant(column)
    return np.array([[column[j - l] * (1 if j >= l else -1) for l in range(nodes)] for j in range(nodes)])


def stepped(rings, u, closure=None):
    """Node contents by the matrix of one step, the route that knows no modes."""
    matrices = [ring_matrix(column, closure or rings.closure) for column in rings.propagator]
    h = np.zeros((len(u), *rings.kick.shape), dtype=rings.kick.dtype)
    found = []
    for k in range(u.shape[1]):
        h = np.einsum("hjl,bhl->bhj", matrices, h) + rings.kick * u[:, k, :, None]
        found.append(h)
    return np.stack(found, axis=1)


def closures_of(layer):
    real_modes = (layer.A_imag == 0).sum(axis=1)
    return ("complex", "antiperiodic", *(("real",) if (real_modes == 1).all() else ()))


def scale(values):
    return max(1.0, float(np.abs(values).max()))


# T1: every spectrum has a ring


@pytest.mark.parametrize("nodes", [1, 2, 5, 8, 16, 64])
def test_couplings_are_the_first_column_of_the_transformed_spectrum(nodes):
    generator = np.random.default_rng(nodes)
    a = -generator.uniform(0, 2, nodes) + 1j * generator.normal(0, 20, nodes)
    rings, f = free_rings(a, 0.05, np.ones(nodes)), unitary(nodes)
    couplings, step = (f.conj().T @ np.diag(v) @ f for v in (a, np.exp(0.05 * a)))
    assert np.abs(linalg.circulant(rings.couplings[0]) - couplings).max() <= MARGIN * 8.7e-14
    assert np.abs(linalg.circulant(rings.propagator[0]) - step).max() <= MARGIN * 2.4e-15
    if nodes > 2:  # a symmetric circulant would not tell the two directions apart
        assert np.abs(linalg.circulant(rings.couplings[0]).T - couplings).max() > 1


@pytest.mark.parametrize("nodes", [5, 8, 16, 64])
def test_ring_and_modes_have_equal_states_and_outputs_over_300_steps(nodes):
    generator = np.random.default_rng(nodes)
    a = -generator.uniform(0.1, 2, nodes) + 1j * generator.normal(0, 20, nodes)
    b, c = (generator.normal(size=nodes) + 1j * generator.normal(size=nodes) for _ in range(2))
    rings = free_rings(a, 0.02, c, feedthrough=0.3, input_vector=b)
    u = generator.normal(size=(1, 300, 1))
    h, x = stepped(rings, u), plain_states(rings.multipliers, rings.input_vector, u)
    assert np.abs(nodes**0.5 * h - x @ unitary(nodes).conj()).max() <= MARGIN * 5.5e-14
    assert np.abs(rings.output(h, u)[..., 0] - (x[:, :, 0] @ c + 0.3 * u[..., 0])).max() <= MARGIN * 5.5e-14 * scale(x)
    assert np.abs(rings.node_contents(u) - h).max() <= MARGIN * 5.5e-14
    assert np.abs(rings.mode_amplitudes(h) - x).max() <= MARGIN * 5.5e-14


# T5 and T5b: the whole layer, real nodes


@pytest.mark.parametrize(("step", "error"), [(0.001, 9.2e-15), (0.0317, 4.3e-14), (0.1, 1.5e-14)])
@pytest.mark.parametrize("gauge", ["unit-input", "textbook"])
def test_whole_lin_layer_equals_its_ring_of_63_real_nodes(step, error, gauge):
    layer = lin_layer(2, 32, step)
    rings = layer_rings(layer, closure="real", gauge=gauge)
    u = np.random.default_rng(0).normal(size=(1, 1000, 2))
    h = rings.node_contents(u)
    assert (rings.nodes, h.dtype) == (63, np.float64)
    y = layer.preactivation(u)
    assert np.abs(rings.output(h, u) - y).max() <= MARGIN * error
    assert all(v.dtype == np.float64 for v in (rings.couplings, rings.propagator, rings.kick, rings.readout_weights))


@pytest.mark.parametrize("gauge", ["unit-input", "textbook"])
def test_a_learned_spectrum_has_an_antiperiodic_ring_of_64_real_nodes(gauge):
    generator = np.random.default_rng(4)
    layer = lin_layer(2, 32, 0.02)
    layer = S4DLayer(layer.log_dt, layer.log_A_real, layer.A_imag + generator.normal(size=(2, 32)), layer.C, layer.D)
    rings = layer_rings(layer, closure="antiperiodic", gauge=gauge)
    u = generator.normal(size=(1, 1000, 2))
    h, y = rings.node_contents(u), layer.preactivation(u)
    assert (rings.nodes, h.dtype) == (64, np.float64)
    assert np.abs(rings.output(h, u) - y).max() <= MARGIN * 8.5e-14


def test_naive_claim_3_that_64_states_are_a_periodic_ring_of_64_real_nodes_is_false():
    """A learned spectrum is refused; with the sign change dropped the anti-periodic ring computes something else."""
    layer = lin_layer(1, 32, 0.1)
    layer = S4DLayer(layer.log_dt, layer.log_A_real, layer.A_imag + 0.1, layer.C, layer.D)
    with pytest.raises(ValueError, match=r"channel 0 has 0 real modes.*use closure='antiperiodic'"):
        layer_rings(layer, closure="real")
    rings, u = layer_rings(layer, closure="antiperiodic"), np.ones((1, 60, 1))
    y = layer.preactivation(u)
    assert np.abs(rings.output(stepped(rings, u), u) - y).max() <= ROUNDING * scale(y)
    assert np.abs(rings.output(stepped(rings, u, "complex"), u) - y).max() > 0.1 * scale(y)


@given(ring_layers(), seeds, st.sampled_from(["unit-input", "textbook"]), st.sampled_from(["auto", "index", "angle"]))
def test_every_closure_gauge_and_order_gives_the_output_of_the_layer(layer, generator, gauge, order):
    u = generator.normal(size=(2, 21, layer.channels))
    y = layer.preactivation(u, "recurrence")
    for closure in closures_of(layer):
        rings = layer_rings(layer, closure=closure, gauge=gauge, order=order)
        h = rings.node_contents(u)
        assert np.abs(rings.output(h, u) - y).max() <= ROUNDING * scale(y), closure
        assert np.abs(h - stepped(rings, u)).max() <= ROUNDING * scale(h), closure
        assert np.isrealobj(h) == rings.is_real == (closure != "complex")


@given(ring_layers(max_channels=2), seeds)
def test_every_permutation_of_the_modes_keeps_the_output(layer, generator):
    u = generator.normal(size=(1, 12, layer.channels))
    y = layer.preactivation(u, "recurrence")
    rings = layer_rings(layer, order=generator.permutation(layer.modes))
    assert np.abs(rings.output(rings.node_contents(u), u) - y).max() <= ROUNDING * scale(y)


def test_an_order_that_is_not_applied_to_the_readout_would_be_seen():
    layer, u = lin_layer(1, 4, 0.1), np.random.default_rng(0).normal(size=(1, 30, 1))
    rings = layer_rings(layer, order=[2, 0, 3, 1])
    wrong = replace(rings, output_vector=layer_rings(layer).output_vector)
    h, y = rings.node_contents(u), layer.preactivation(u)
    assert np.abs(rings.output(h, u) - y).max() <= ROUNDING
    assert np.abs(wrong.output(h, u) - y).max() > 0.1


# The fast run: blocks, chunks, transforms


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 63, 64, 65, 131])
@pytest.mark.parametrize("closure", ["complex", "real", "antiperiodic"])
@pytest.mark.parametrize("modes", [1, 2, 5, 33])
def test_node_contents_are_those_of_the_plain_recurrence_at_every_length(length, closure, modes):
    rings = layer_rings(lin_layer(3, modes, [0.003, 0.05, 0.4]), closure=closure, gauge="textbook")
    u = np.random.default_rng(length).normal(size=(3, length, 3))
    plain = plain_states(rings.multipliers, rings.input_vector, u) @ rings.waves.conj().T / rings.nodes
    h = rings.node_contents(u)
    assert h.shape == (3, length, 3, rings.nodes)
    assert np.abs(h - plain).max() <= 1e-13 * scale(plain)  # about 131 steps of 4 roundings


@pytest.mark.parametrize("closure", ["complex", "real", "antiperiodic"])
def test_blocks_and_kind_of_transform_do_not_change_the_contents(closure, monkeypatch):
    rings = layer_rings(lin_layer(5, 6, [0.003, 0.05, 0.4, 0.1, 0.2]), closure=closure)
    u = np.random.default_rng(0).normal(size=(7, 50, 5))
    h = rings.node_contents(u)
    for entries, steps, by_matrix in [(1, 1, 0), (500, 16, 0), (10**6, 1000, 64), (3000, 24, 1000)]:
        monkeypatch.setattr(ring_states, "BLOCK_ENTRIES", entries)
        monkeypatch.setattr(ring_states, "BLOCK_STEPS", steps)
        monkeypatch.setattr(ring_states, "NODES_BY_MATRIX", by_matrix)
        assert np.abs(rings.node_contents(u) - h).max() <= 1e-14 * scale(h)


def test_the_past_is_never_changed_by_the_future():
    rings = layer_rings(lin_layer(2, 4, 0.1))
    u = np.random.default_rng(0).normal(size=(1, 40, 2))
    changed = u.copy()
    changed[:, 23:] = 5.0
    assert np.array_equal(rings.node_contents(u)[:, :23], rings.node_contents(changed)[:, :23])


def test_a_ring_that_grows_out_of_float64_says_so():
    rings = free_rings([3.0 + 1j, -1.0], 1.0, [1.0, 1.0])
    with pytest.raises(ValueError, match="leave the range of float64"):
        rings.node_contents(np.ones((1, 400, 1)))


@pytest.mark.parametrize("closure", ["complex", "real", "antiperiodic"])
@pytest.mark.parametrize("size", [1e307, 1e308])
def test_inputs_too_large_for_float64_are_refused_and_not_blamed_on_the_ring(closure, size):
    """The states of the modes stay finite at 1e307, and it is their transform that overflows."""
    rings = layer_rings(lin_layer(1, 64, 1 / 64), closure=closure)
    u = size * np.ones((1, 9, 1))
    with pytest.raises(ValueError, match="the inputs are too large, or the ring grows"):
        rings.node_contents(u)
    near = rings.node_contents(1e-300 * u)  # the same inputs, but for their unit, are fine
    gap = np.abs(rings.node_contents(1e-10 * u) / 1e290 - near).max()
    assert gap <= 1e-12 * np.abs(near).max()


# T3 on numeric rings: what a node holds


def periodic_sinc(z, nodes):
    at_node = np.isclose(np.sin(np.pi * z / nodes), 0.0)
    return np.where(at_node, 1.0, np.sin(np.pi * z) / np.where(at_node, 1, nodes * np.sin(np.pi * z / nodes)))


@pytest.mark.parametrize("step", [0.013, 2 / 63, 4 / 63])
def test_nodes_of_lin_hold_the_past_inputs_interpolated_and_damped(step):
    """δ = N dt/2, integer or not: h_j(k) = Σ_m ρ^m u_{k-m} D_N(j - δm); T3 err 2.0e-13."""
    rings = layer_rings(lin_layer(1, 32, step), closure="real")
    nodes, hop, length = 63, 63 * step / 2, 150
    u = np.random.default_rng(1).normal(size=(1, length, 1))
    lags = np.arange(length)
    weights = np.exp(-lags * step / 2)[:, None] * periodic_sinc(np.arange(nodes) - hop * lags[:, None], nodes)
    expected = u[0, ::-1, 0] @ weights
    h = rings.node_contents(u)[0, -1, 0]
    assert np.abs(h - expected).max() <= MARGIN * 2.0e-13
    assert np.abs(h - u[0, ::-1, 0] @ weights[:, ::-1]).max() > 0.1  # the wave does not move toward -j


def test_readout_weights_of_lin_are_the_undamped_kernel():
    """C_j = e^{t_j/2} K(t_j) at t_j = 2j/N, T3 err 1.7e-13: at δ = 1 the lag j is the node j."""
    layer = lin_layer(1, 32, 2 / 63)
    rings, nodes = layer_rings(layer, closure="real"), 63
    kernel = layer.kernel(2 * nodes)[0]
    undamped = np.exp(np.arange(nodes) / nodes) * kernel[:nodes]
    assert np.abs(rings.readout_weights[0] - undamped).max() <= MARGIN * 1.7e-13
    assert np.abs(kernel[nodes:] - np.exp(-1) * kernel[:nodes]).max() <= MARGIN * 7.3e-16 * scale(kernel)
    assert np.abs(rings.readout_weights[0] - kernel[:nodes]).max() > 0.1  # not the kernel itself


@pytest.mark.parametrize("step", [0.001, 2 / 63, 0.1])
def test_one_revolution_of_inputs_is_held_well_conditioned(step):
    """Singular values of the map from inputs to nodes: 2.60 to 2.68 ≤ e apart, of rank min(N, window) (T3)."""
    window = round(2 / step)
    rings = layer_rings(lin_layer(1, 32, step), closure="real")
    held = rings.node_contents(np.eye(1, window)[..., None])[0, :, 0]  # by time invariance the row of each lag
    values = np.linalg.svd(held, compute_uv=False)
    assert (values > 1e-10 * values[0]).sum() == min(63, window)
    assert 2.55 < values[0] / values[-1] <= np.e


@pytest.mark.parametrize(("hop", "share"), [(0.032, 0.999), (0.5, 0.915), (1.0, 0.898), (2.0, 0.996)])
def test_energy_of_a_textbook_kick_lies_in_the_nodes_that_it_passes(hop, share):
    """Nodes 0 … ⌈δ⌉ hold this share of a held input's energy (T4, N = 63); the unit gauge holds all in node 0."""
    kick = layer_rings(lin_layer(1, 32, 2 * hop / 63), closure="real", gauge="textbook").kick[0]
    held = (kick[: int(np.ceil(hop)) + 1] ** 2).sum() / (kick**2).sum()
    assert held == pytest.approx(share, abs=6e-4)


# T2 and T1′ on numeric rings


@pytest.mark.parametrize("modes", [1, 2, 8, 64])
def test_couplings_of_lin_fall_off_with_the_chord(modes):
    rings = layer_rings(lin_layer(1, modes, 0.01), closure="real")
    nodes, d = rings.nodes, np.arange(1, rings.nodes)
    exact = -(np.pi / 2) * (-1.0) ** d / np.sin(np.pi * d / nodes)
    assert abs(rings.couplings[0, 0] + 0.5) <= MARGIN * 5.3e-15 * nodes
    assert np.abs(rings.couplings[0, 1:] - exact).max(initial=0) <= MARGIN * 5.3e-15 * nodes


@given(ring_layers())
def test_the_unit_gauge_kicks_node_0_alone_and_the_textbook_gauge_does_not(layer):
    for closure in closures_of(layer):
        kick = layer_rings(layer, closure=closure).kick
        assert np.abs(kick - np.eye(1, kick.shape[1])).max() <= 1e-14
        textbook = layer_rings(layer, closure=closure, gauge="textbook")
        assert np.abs(textbook.kick - textbook.input_vector @ textbook.waves.conj().T / textbook.nodes).max() <= 1e-14
    assert np.abs(layer_rings(lin_layer(1, 8, 0.1), gauge="textbook").kick[0, 1:]).max() > 1e-3


# Orders


def test_auto_keeps_the_index_where_nothing_wraps_or_the_law_is_affine():
    index = np.arange(32)
    wrapped = lin_layer(1, 32, 0.2)
    assert (layer_rings(wrapped).order == index).all()
    bent = S4DLayer(wrapped.log_dt, wrapped.log_A_real, wrapped.A_imag * (1 + 1e-6 * index), wrapped.C, wrapped.D)
    chosen = layer_rings(bent).order[0]
    assert (np.diff(np.angle(bent.multipliers[0][chosen])) >= 0).all()
    assert (chosen != index).any()
    slow = S4DLayer(np.log([0.01]), bent.log_A_real, bent.A_imag[:, ::-1], bent.C, bent.D)
    assert (layer_rings(slow).order == index).all()  # the index, though not by angle
    assert (layer_rings(slow, order="angle").order == index[::-1]).all()


@pytest.mark.parametrize(("turns", "kept"), [(0.49, True), (0.51, False)])
def test_a_bent_law_keeps_the_index_up_to_half_a_turn_per_step(turns, kept):
    layer = lin_layer(1, 6, 1.0)
    bent = np.array([[0.1, 0.9, 0.2, 0.5, 1.0, 0.7]]) * 2 * np.pi * turns
    assert (layer_rings(replace(layer, A_imag=bent)).order == np.arange(6)).all() == kept


@pytest.mark.parametrize("modes", [2, 32, 500])
def test_an_affine_law_that_was_stored_as_float32_is_still_affine(modes):
    layer = lin_layer(1, modes, 0.9)
    stored = layer.A_imag.astype(np.float32).astype(np.float64)
    assert (stored != layer.A_imag).any()
    assert (layer_rings(replace(layer, A_imag=stored)).order == np.arange(modes)).all()


def test_auto_decides_for_each_channel_by_itself():
    layer = lin_layer(2, 8, [0.01, 0.9])
    layer = S4DLayer(layer.log_dt, layer.log_A_real, layer.A_imag**1.1, layer.C, layer.D)
    order = layer_rings(layer).order
    assert (order[0] == np.arange(8)).all()
    assert (order[1] != np.arange(8)).any()


def test_bilinear_rings_never_wrap_and_keep_the_index():
    model = s4d_lin(16, output_vector=[sp.S.One] * 16)
    assert (model_rings(model, 3.0, discretization="bilinear").order == np.arange(16)).all()


def test_the_real_mode_is_brought_to_wave_number_0():
    layer = lin_layer(1, 4, 0.1)
    turned = S4DLayer(layer.log_dt, layer.log_A_real, layer.A_imag[:, ::-1], layer.C, layer.D)
    rings = layer_rings(turned, closure="real")
    assert rings.order.tolist() == [[3, 0, 1, 2]]
    u = np.random.default_rng(0).normal(size=(1, 30, 1))
    assert np.abs(rings.output(rings.node_contents(u), u) - turned.preactivation(u)).max() <= ROUNDING
    with pytest.raises(ValueError, match="begin the order of channel 0 with 3"):
        layer_rings(turned, closure="real", order=[0, 1, 2, 3])


# Exact models


@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
def test_model_rings_round_the_exact_discretisation(rule):
    discretise = {"zoh": zero_order_hold, "bilinear": bilinear_transform}[rule]
    a = (-sp.Rational(1, 3), -sp.Rational(1, 2) + 7 * sp.I, sp.S.Zero, sp.I * sp.pi)
    model = DiagonalSSM(a, (1, 2 - sp.I, 1, sp.Rational(1, 7)), (sp.sqrt(2), 1, sp.I, 3), sp.Rational(1, 5))
    rings = model_rings(model, [0.25, 0.125], discretization=rule, gauge="textbook", order="index")
    for h, step in enumerate((sp.Rational(1, 4), sp.Rational(1, 8))):
        exact = discretise(model, step)
        for name in ("multipliers", "input_vector", "output_vector"):
            expected = np.array([complex(sp.N(entry, 30)) for entry in getattr(exact, name)])
            assert np.abs(getattr(rings, name)[h] - expected).max() <= 4e-16 * scale(expected), name
    assert rings.feedthrough.tolist() == [0.2, 0.2]
    assert not rings.conjugate_pairs


def test_frequencies_of_legs_are_those_of_the_certified_enclosures():
    rings = model_rings(s4d_legs(32, output_vector=[sp.S.One] * 32), 0.001)
    middles = np.array([float((low + high) / 2) for low, high in legs_enclosures(32)])
    assert np.abs(rings.eigenvalues[0].imag / middles - 1).max() <= 4e-16
    inv = model_rings(s4d_inv(32, output_vector=[sp.S.One] * 32), 0.001)
    assert np.abs(inv.eigenvalues[0].imag / middles - 1).max() > 0.1  # T6 ii: S4D-Inv differs by up to 22.6 %


def test_other_roots_and_complex_ones_are_evaluated_too():
    z = sp.Symbol("z")
    roots = [sp.CRootOf(z**5 + z - 1, index) for index in range(5)]
    model = DiagonalSSM(tuple(root - 2 for root in roots), (1,) * 5, (1,) * 5)
    found = model_rings(model, 0.1, order="index").eigenvalues[0] + 2
    assert np.abs(found**5 + found - 1).max() <= 1e-14
    assert np.abs(np.sort_complex(found) - np.sort_complex(np.roots([1, 0, 0, 0, 1, -1]))).max() <= 1e-13


def test_a_model_without_pairs_has_a_complex_output():
    rings = model_rings(s4d_real(3, output_vector=[1, 2, sp.I]), 0.5)
    u = np.eye(1, 4)[..., None]
    lam, weight = np.exp(-0.5 * np.arange(1, 4)), np.array([1, 2, 1j])
    kernel = (lam ** np.arange(4)[:, None]) @ (weight * (1 - lam) / np.arange(1, 4))
    assert np.abs(rings.output(rings.node_contents(u), u)[0, :, 0] - kernel).max() <= 1e-15


# Refusals


def test_refusals_say_what_which_and_the_remedy():
    layer, model = lin_layer(1, 4, 0.1), s4d_lin(2, output_vector=[1, 1])
    for call, said in [
        (
            lambda: layer_rings(layer, closure="skew"),
            "unknown closure 'skew': use 'complex' or 'real' or 'antiperiodic'",
        ),
        (lambda: layer_rings(layer, gauge="unit"), "unknown gauge 'unit'"),
        (lambda: layer_rings(layer, order="speed"), "unknown order 'speed'"),
        (lambda: layer_rings(layer, order=[0, 1, 2]), "a permutation of shape"),
        (lambda: layer_rings(layer, order=[0, 1, 2, 2]), "each of 0 … 3 once"),
        (lambda: model_rings(s4d_lin(2), 0.1), r"output_vector\[0\] has the free symbols c_0.*substitute them"),
        (lambda: model_rings(model, 0.0), "a step must be positive"),
        (lambda: model_rings(model, 0.1, discretization="euler"), "unknown discretization 'euler'"),
        (lambda: model_rings(s4d_real(2, output_vector=[1, 1]), 0.1, closure="real"), "use closure='complex'"),
        (lambda: model_rings(DiagonalSSM((-1, -2), (1, 0), (1, 1)), 0.1), "mode 1 of channel 0 has no input"),
        (lambda: layer_rings(layer).node_contents(np.ones((3, 1))), r"expected \(batch, length, 1\)"),
        (lambda: layer_rings(layer).node_contents(np.full((1, 3, 1), np.nan)), "NaN, infinity"),
        (lambda: layer_rings(layer).output(np.ones((1, 3, 1, 5)), np.ones((1, 3, 1))), "have shape"),
        (lambda: layer_rings(layer).output(np.full((1, 3, 1, 4), np.nan), np.ones((1, 3, 1))), "contents hold NaN"),
        (lambda: layer_rings(layer).output(np.full((1, 3, 1, 4), "1"), np.ones((1, 3, 1))), "are not numbers"),
    ]:
        with pytest.raises(ValueError, match=said):
            call()


def test_a_model_whose_bilinear_rule_has_a_pole_is_refused():
    with pytest.raises(ValueError, match="pole"):
        model_rings(DiagonalSSM((sp.Integer(2),), (1,), (1,)), 1.0, discretization="bilinear")


def test_rings_are_frozen():
    rings = layer_rings(lin_layer(1, 4, 0.1))
    with pytest.raises(ValueError, match="read-only"):
        rings.multipliers[0, 0] = 1.0
    with pytest.raises(AttributeError):
        rings.closure = "real"


def test_rings_that_do_not_hang_together_are_refused():
    rings = layer_rings(lin_layer(1, 4, 0.1), closure="real")
    for change, said in [
        ({"multipliers": np.ones((1, 5))}, "like the eigenvalues"),
        ({"multipliers": np.arange(7)[None]}, "the conjugate of wave number f at -f"),
        ({"closure": "antiperiodic"}, "needs 2M nodes, got 7"),
        ({"order": [[0, 1, 2, 2]]}, "each of 0 … 3 once"),
        ({"order": [[0, 1, 2]]}, "a permutation of shape"),
        ({"gauge": "none"}, "unknown gauge"),
        ({"step": [0.1, 0.2]}, "step has shape"),
    ]:
        with pytest.raises(ValueError, match=said):
            replace(rings, **change)
