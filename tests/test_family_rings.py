"""Rings of the families: rigid, spreading, standing; several kicks; the clock; what has no ring."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from carleman_ssm.experiments.layer_checks import LayerFinding, check_layer
from carleman_ssm.families.clock_scan import ClockScan
from carleman_ssm.families.delta_net import DeltaNet
from carleman_ssm.families.linear_attention import LinearAttention
from carleman_ssm.families.lru import LRU
from carleman_ssm.families.mamba import Mamba
from carleman_ssm.families.mamba2 import Mamba2
from carleman_ssm.families.s4 import S4
from carleman_ssm.families.s4_block import S4Block
from carleman_ssm.families.s5 import S5
from carleman_ssm.families.s7 import S7
from carleman_ssm.families.scans import InvariantDenseScan, InvariantDiagonalScan, VaryingDiagonalScan
from carleman_ssm.networks.layers import S4DLayer
from carleman_ssm.report.zoo_model import recurrence_rows
from carleman_ssm.rings import family_multipliers
from carleman_ssm.rings.family_multipliers import step_multipliers_of
from carleman_ssm.rings.family_rings import family_rings, family_waves, kicked_rings
from carleman_ssm.rings.rings import layer_rings
from carleman_ssm.rings.waves import kick_states


@dataclass(frozen=True)
class Layer:
    """What the rings ask of a family: channels and the recurrence that inputs cause."""

    scan: object
    channels: int = 1


def invariant(multipliers):
    values = np.asarray(multipliers)
    return Layer(lambda u: InvariantDiagonalScan(values, np.ones((*u.shape[:2], *values.shape))))


def s5(re, im, rule="zoh", step=1.0, channels=2):
    modes = len(re)
    rng = np.random.default_rng(7)
    return S5(
        Lambda_re=re,
        Lambda_im=im,
        B=rng.normal(size=(modes, channels, 2)),
        C=rng.normal(size=(channels, modes, 2)),
        D=np.zeros(channels),
        log_step=np.full((modes, 1), np.log(step)),
        discretization=rule,
    )


@given(st.integers(3, 9), st.integers(-4, 4), st.floats(0.5, 1.0), st.integers(0, 2**32 - 1))
def test_a_rigid_spectrum_is_recognised_and_its_kick_stays_whole(nodes, hop, size, seed):
    hop = (hop + nodes) % nodes
    hop -= nodes * (hop > nodes / 2)
    multipliers = size * np.exp(2j * np.pi * hop * np.arange(nodes) / nodes)
    rings = family_rings(invariant(multipliers))
    contents = rings.kick(5)
    for k in range(6):
        expected = np.zeros(nodes)
        expected[hop * k % nodes] = size**k
        assert np.allclose(contents[k, 0], expected, atol=1e-13)
    waves = family_waves(invariant(multipliers))
    if hop and 2 * hop != nodes:
        assert np.isclose(rings.displacements[0, 0], hop, atol=1e-9)
        assert waves.rigid
        assert np.isclose(waves.hop, hop, atol=1e-9)
        assert np.isclose(waves.participation, 1, atol=1e-9)
    shuffled = multipliers[np.random.default_rng(seed).permutation(nodes)]
    if hop and np.gcd(hop, nodes) == 1 and nodes % 2:
        again = family_waves(invariant(shuffled))  # by angle the same circle is a shift by one node
        assert again.rigid, again


def test_the_rings_are_those_of_the_trained_layers():
    rng = np.random.default_rng(3)
    layer = S4DLayer(
        np.log([0.2, 0.05]),
        np.log(rng.uniform(0.3, 0.7, (2, 6))),
        np.pi * np.arange(6) * np.ones((2, 1)),
        rng.normal(size=(2, 6)) + 0j,
        [0, 0],
    )
    mine = family_rings(invariant(layer.multipliers)).kick(4)
    theirs = kick_states(layer_rings(layer, order="index"), np.arange(5))
    assert np.abs(mine - theirs).max() <= 1e-14


def test_several_inputs_are_several_kicks_that_superpose():
    layer = S5.initialise(np.random.default_rng(1), channels=3, states=10, activation="none")
    length, modes, order = 6, layer.modes, family_rings(layer).order[0]
    u = np.random.default_rng(2).normal(size=(1, length, 3))
    for channel in range(3):
        h = kicked_rings(layer, channel, length)
        for k in range(length):
            for j in range(modes):
                x = layer.multipliers**k * layer.input_matrix[:, channel]
                wave = np.exp(-2j * np.pi * np.arange(modes) * j / modes)
                assert np.isclose(h[k, 0, j], (x[order] * wave).sum() / modes, atol=1e-14)
    kicks = [kicked_rings(layer, channel, length) for channel in range(3)]
    driven = sum(u[0, m, c] * kicks[c][length - 1 - m] for m in range(length) for c in range(3))
    states = layer.scan(u).states("recurrence")[0, -1]
    assert np.allclose(family_rings(layer).contents(states), driven, atol=1e-13)


def test_real_modes_carry_no_wave():
    rates = -np.arange(1.0, 7.0)
    held = family_waves(s5(rates, np.zeros(6)))
    assert held.real
    assert held.nonnegative
    assert not held.travels
    assert held.hop == 0
    fast = family_waves(s5(rates, np.zeros(6), rule="bilinear"))
    assert fast.real
    assert not fast.nonnegative
    assert "some negative" in fast.words
    assert "T6 v" in held.words
    assert "T6 v" not in fast.words
    assert "no wave" not in fast.words  # a kick is larger elsewhere than at its node
    turned = family_waves(s5(rates, 0.1 * np.arange(6.0)))
    assert turned.travels  # the false twin: a small imaginary part is none no longer


def test_alternating_multipliers_of_s7_hop_by_half_of_the_ring_and_are_not_said_to_stand():
    r"""$1 - 1/(\Lambda^2 + \frac12) = \pm 0.9$ in turn: the kick is at node 0, 2, 0, 2, whole; T6 v needs $\ge 0$."""
    rng = np.random.default_rng(0)
    drawn = S7.initialise(rng, channels=1, states=4)
    biases = [np.sqrt(1 / (1 - 0.9 * sign) - 0.5) for sign in (1, -1, 1, -1)]
    layer = replace(drawn, Lambda_weight=np.zeros((4, 1)), Lambda_bias=np.array(biases))
    held = np.abs(family_rings(layer).kick(3)[:, 0])
    expected = np.outer(0.9 ** np.arange(4), np.ones(4)) * np.eye(4)[[0, 2, 0, 2]]
    assert np.allclose(held, expected, atol=1e-14)
    waves = family_waves(layer)
    assert waves.real
    assert not waves.nonnegative
    assert not waves.travels
    assert abs(waves.hop) == pytest.approx(2)
    assert (
        waves.words == "no side is preferred: multipliers are real, some negative; a kick may hop by half of the ring"
    )


def test_a_long_step_makes_multipliers_of_s4_negative_and_the_verdict_says_so():
    """Bilinear HiPPO-LegS: (1 - (n + 1)Δ/2)/(1 + (n + 1)Δ/2) is below 0 from (n + 1)Δ > 2 on."""
    size, step = 8, 0.3
    transition = bilinear_legs(size, step)
    expected = [(1 - (n + 1) * step / 2) / (1 + (n + 1) * step / 2) for n in range(size)]
    assert min(expected) < 0
    waves = family_waves(Layer(lambda u: InvariantDenseScan(transition, np.ones((*u.shape[:2], 1, size)))))
    assert waves.real
    assert not waves.nonnegative
    assert "no wave" not in waves.words
    assert "T6 v" not in waves.words


@pytest.mark.parametrize(
    ("scan", "complex_share", "negative_share", "words"),
    [
        ("InvariantDiagonal", 0.0, 0.0, "all real and not negative: no wave travels"),
        ("InvariantDiagonal", 0.0, 0.25, "all real, 25% below 0: no side is preferred"),
        ("InvariantDiagonal", 0.5, 0.25, "50% complex: waves; 25% below 0"),
        ("VaryingRankOne", 0.0, 0.0, "all real; the steps do not commute and products of them may turn: no ring"),
    ],
)
def test_a_checkpoint_without_a_wave_is_said_to_have_none_only_where_that_is_proved(
    scan, complex_share, negative_share, words
):
    found = LayerFinding(scan, 0.0, (0.5, 0.9), complex_share, negative_share, (4,))
    assert words in recurrence_rows(found)["eigenvalues of the steps"]


@given(st.integers(0, 2**32 - 1))
def test_no_input_makes_a_wave_in_mamba(seed):
    rng = np.random.default_rng(seed)
    for family in (Mamba, Mamba2):
        layer = family.initialise(rng)
        inputs = 3 * rng.normal(size=(1, 6, layer.channels))
        rings = family_rings(layer, inputs)
        contents = rings.kick(6)
        amplitude = np.abs(contents)
        assert (rings.hops == 0).all()
        assert (rings.displacements == 0).all()
        assert (amplitude <= contents[..., :1].real + 1e-14).all()
        assert np.allclose(amplitude[..., 1:], amplitude[..., :0:-1], atol=1e-14)
        assert not family_waves(layer, inputs).travels


def test_a_scalar_decay_leaves_every_node_alone():
    for family in (Mamba2, LinearAttention):
        layer = family.initialise(np.random.default_rng(0))
        waves = family_waves(layer)
        assert "nothing leaves its node" in waves.words
        assert waves.participation == pytest.approx(1)


@given(st.lists(st.floats(0.01, 0.2), min_size=1, max_size=5), st.integers(3, 9))
def test_the_input_sets_the_speed_on_the_clock_of_s4d_lin(increments, nodes):
    """T19: a step advances the pattern by N Δ_k / 2 nodes, modulo N, rigidly."""
    rates = -0.5 + 1j * np.pi * np.arange(nodes)
    step = np.array(increments)[None, :, None]
    layer = Layer(lambda u: ClockScan(step, rates, np.ones((1, len(increments), nodes))))
    rings = family_rings(layer, np.zeros((1, 1, 1)))
    gap = rings.hops[:, 0] - nodes * np.array(increments) / 2
    assert np.abs(gap - nodes * np.rint(gap / nodes)).max() <= 1e-9
    waves = family_waves(layer, np.zeros((1, 1, 1)))
    assert waves.rigid
    whole = Layer(lambda u: ClockScan(np.full((1, 3, 1), 2 / nodes), rates, np.ones((1, 3, nodes))))
    last = family_rings(whole, np.zeros((1, 1, 1))).kick(3)[-1, 0]
    assert np.allclose(last, np.exp(-3 / nodes) * np.eye(nodes)[3 % nodes], atol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_a_complex_mamba_carries_rigid_waves_at_the_speed_of_its_input(seed):
    rng = np.random.default_rng(seed)
    nodes, length = 8, 5
    layer = Mamba.initialise(rng, states=nodes, spectrum="lin")
    inputs = rng.normal(size=(1, length, layer.channels))
    rings = family_rings(layer, inputs)
    steps = layer.scan(inputs).increments[0, :, :, 0]
    gap = rings.hops - nodes * steps / 2
    assert np.abs(gap - nodes * np.rint(gap / nodes)).max() <= 1e-9
    assert family_waves(layer, inputs).rigid
    contents = np.abs(rings.kick(length)[-1])
    elapsed = nodes / 2 * steps.sum(axis=0)
    for ring, place in enumerate(elapsed):  # the profile of T3, moved by N τ / 2
        z = np.pi * (place - np.arange(nodes))
        away = np.abs(np.sin(z / nodes)) > 1e-6
        sinc = np.divide(np.abs(np.sin(z)), nodes * np.abs(np.sin(z / nodes)), out=np.ones(nodes), where=away)
        damped = np.exp(-0.5 * steps[:, ring].sum())
        assert np.allclose(contents[ring], damped * sinc, atol=1e-9)


def test_transitions_that_do_not_commute_have_no_ring():
    layer = DeltaNet.initialise(np.random.default_rng(0))
    waves = family_waves(layer)
    assert waves.nodes is None
    assert not waves.travels
    assert kicked_rings(layer, 0, 3) is None


def test_a_dense_matrix_is_seen_through_its_eigenvalues():
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    dense = np.kron(np.diag([0.9, 0.8]), turn)[None]
    layer = Layer(lambda u: InvariantDenseScan(dense, np.ones((*u.shape[:2], 1, 4))))
    rings = family_rings(layer)
    expected = np.outer([0.9, 0.8], np.exp([1j * angle, -1j * angle])).ravel()
    assert np.allclose(np.sort_complex(rings.multipliers.ravel()), np.sort_complex(expected), atol=1e-14)
    assert kicked_rings(layer, 0, 3) is None


def bilinear_legs(size, step):
    n = np.arange(size)
    root = np.sqrt(2 * n + 1)
    half = step / 2 * (-np.tril(np.outer(root, root), -1) - np.diag(n + 1.0))
    return np.linalg.solve(np.eye(size) - half, np.eye(size) + half)[None]


@pytest.mark.parametrize("size", [4, 16])
def test_rounding_does_not_turn_the_real_spectrum_of_hippo_into_waves(size):
    transition = bilinear_legs(size, 0.01)
    waves = family_waves(Layer(lambda u: InvariantDenseScan(transition, np.ones((*u.shape[:2], 1, size)))))
    assert waves.real
    assert "within their rounding error" in waves.words


@pytest.mark.parametrize(("size", "seeds"), [(8, 2), (16, 6), (24, 6), (32, 3), (64, 1)])
def test_no_layer_of_s4_that_starts_with_hippo_is_said_to_carry_waves(size, seeds):
    """Up to N = 16 its real spectrum is proved; beyond, float64 does not hold it, and nothing is told."""
    for seed in range(seeds):
        layer = S4.initialise(np.random.default_rng(seed), channels=1, d_state=size)
        waves = family_waves(layer)
        assert not waves.travels
        assert not waves.rigid
        assert waves.real is waves.resolved is (size <= 16)
        if not waves.resolved:
            assert waves.hop is waves.residual is waves.participation is None
            assert waves.words.startswith("not told: the eigenvalues are not resolved")
            assert "T6 v" not in waves.words
            assert check_layer(layer).complex_share is None


def test_a_file_of_s4_at_the_size_of_the_reference_is_not_said_to_carry_waves():
    found = check_layer(S4.initialise(np.random.default_rng(0), channels=4, d_state=64))
    assert found.complex_share is found.negative_share is None
    words = recurrence_rows(found)["eigenvalues of the steps"]
    assert "not told" in words
    assert "complex: waves" not in words
    assert "no wave" not in words


def test_s4_with_well_conditioned_eigenvectors_is_told_to_carry_waves():
    layer = S4.initialise(np.random.default_rng(0), channels=2, d_state=64, init="fourier")
    waves = family_waves(layer)
    assert waves.resolved
    assert waves.travels
    assert check_layer(layer).complex_share > 0.9
    expected = np.linalg.eigvals(layer.discretised()[0][1])
    found = family_rings(layer).multipliers[0, 1]
    assert max(np.abs(found - value).min() for value in expected) < 1e-9


def test_rings_of_which_nothing_is_told_do_not_count_beside_others():
    """A layer of both measures: half of its rings are those of Fourier, half those of LegS."""
    layer = S4.initialise(np.random.default_rng(0), channels=2, d_state=32, init="hippo")
    assert family_rings(layer).told.tolist() == [False, True]
    waves = family_waves(layer)
    alone = family_rings(layer).only(np.array([False, True]))
    assert waves.travels
    assert "of 1 more rings nothing is told" in waves.words
    assert waves.hop == pytest.approx(alone.hops[0, 0])


def test_steps_of_each_mode_are_those_of_the_dense_matrix():
    drawn = S4.initialise(np.random.default_rng(0), channels=2, d_state=8, init="fourier")
    steps = np.log(np.random.default_rng(1).uniform(0.01, 0.1, (2, 4)))
    layer = replace(drawn, inv_dt=steps)
    found = family_rings(layer).multipliers[0]
    for ring, matrix in zip(found, layer.discretised()[0], strict=True):
        assert max(np.abs(ring - value).min() for value in np.linalg.eigvals(matrix)) < 1e-12


def test_only_so_many_matrices_are_enclosed(monkeypatch):
    monkeypatch.setattr(family_multipliers, "MOST", 1)
    rng = np.random.default_rng(0)
    matrices = rng.normal(size=(3, 4, 4)) * 0.1
    matrices[1] = matrices[0]
    layer = Layer(lambda u: InvariantDenseScan(matrices, np.ones((*u.shape[:2], 3, 4))), 3)
    told = family_rings(layer).told
    assert told.tolist() == [True, True, False]


def test_a_complex_pair_beside_a_real_spectrum_is_not_taken_for_rounding():
    turn = 0.9 * np.array([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]])
    triangular = np.diag(np.linspace(0.5, 0.9, 6)) + np.tril(np.ones((6, 6)), -1)
    dense = linalg.block_diag(triangular, turn)[None]
    waves = family_waves(Layer(lambda u: InvariantDenseScan(dense, np.ones((*u.shape[:2], 1, 8)))))
    assert not waves.real


def test_two_modes_are_too_few_and_a_ring_of_columns_is_found():
    waves = family_waves(invariant(np.exp([0.1j, 0.4j])))
    assert waves.travels
    assert not waves.rigid
    assert "too few" in waves.words
    columns = InvariantDiagonalScan(np.exp(1j * np.arange(3.0))[:, None], np.ones((1, 2, 3, 4)))
    assert step_multipliers_of(columns).shape == (1, 1, 3)
    varying = VaryingDiagonalScan(np.ones((1, 5, 2, 3, 1)), np.ones((1, 5, 2, 3, 4)))
    assert step_multipliers_of(varying).shape == (5, 2, 3)
    assert step_multipliers_of(InvariantDiagonalScan(np.ones((2, 3)), np.ones((1, 2, 2, 3)))).shape == (1, 2, 3)


def test_the_block_of_s4_spreads_its_waves_unless_its_frequencies_are_equally_spaced():
    rng = np.random.default_rng(0)
    legs = family_waves(S4Block.initialise(rng, init="legs", channels=2, d_state=32))
    lin = family_waves(S4Block.initialise(rng, init="diag-lin", channels=2, d_state=32))
    assert legs.travels
    assert not legs.rigid
    assert lin.rigid


def test_wrong_requests_are_refused():
    layer = LRU.initialise(np.random.default_rng(0))
    with pytest.raises(ValueError, match="input channels 0 … 3"):
        kicked_rings(layer, 4, 3)
    with pytest.raises(ValueError, match="shape"):
        family_rings(layer, np.ones((1, 3, 5)))
    mamba = Mamba.initialise(np.random.default_rng(0))
    with pytest.raises(ValueError, match="change from step to step"):
        family_rings(mamba).kick(100)
