"""Travelling waves of S4D-Lin: proved for symbolic N; and against matrix exponential and recurrence in floats."""

import runpy
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.couplings import s4d_lin_couplings
from carleman_ssm.theory.held_input import held_kick, kick_growth
from carleman_ssm.theory.initialisations import s4d_lin
from carleman_ssm.theory.rigidity import shift_matrix
from carleman_ssm.theory.ring import ring_embedding
from carleman_ssm.theory.ssm import zero_order_hold
from carleman_ssm.theory.wave_profile import (
    NODES,
    RANGES,
    checked_nodes,
    first_frequency,
    interpolation_sum,
    periodic_sinc,
    symmetric_start,
)
from carleman_ssm.theory.wave_readout import (
    deleted_share,
    edited_kernel,
    impulse_response,
    readout_weights,
    tap_design,
)
from carleman_ssm.theory.waves import node_contents, rigid_step, visiting_lags, wave_propagator
from tests.strategies_ssm import assert_certified, small

STARTS = [None, sp.S.Zero, -NODES / 2]
N_REAL = 63  # the real ring of 32 stored modes
FORMS = {
    **{f"propagator {first}": wave_propagator(first=first) for first in STARTS},
    **{f"contents {first}": node_contents(first=first) for first in STARTS},
    **{f"held {first}": held_kick(first=first) for first in STARTS},
    "shift": rigid_step(),
    "weights": readout_weights(),
    "impulse response": impulse_response(),
    "share": deleted_share(),
    **{f"share of {n}": deleted_share(n) for n in (1, 2, 3, 4)},
    **{f"propagator of {n}": wave_propagator(n) for n in (1, 2, 3, 4)},
    **{f"shift of {n}": rigid_step(n) for n in (1, 2, 3, 4)},
    **{f"contents of {n}": node_contents(n) for n in (1, 2, 3)},
    **{f"taps of {n}": tap_design(n) for n in (1, 2, 3, 4)},
    **{f"edited {n}": edited_kernel(n, node=n - 1) for n in (1, 2, 3, 4)},
}


def frequencies(nodes, first=None):
    return np.arange(nodes) + (-(nodes - 1) / 2 if first is None else first)


def eigenvalues(nodes, first=None):
    return -0.5 + 1j * np.pi * frequencies(nodes, first)


def fourier(nodes, first=None):
    """The matrix that takes modes to normalised ring contents: e^{-2πi f j/N}/N."""
    return np.exp(-2j * np.pi * np.outer(np.arange(nodes), frequencies(nodes, first)) / nodes) / nodes


def contents_by_steps(nodes, step, inputs, first=None):
    """The recurrence of the modes with unit input, seen on the ring after every step: the independent route."""
    multipliers, to_ring = np.exp(eigenvalues(nodes, first) * step), fourier(nodes, first)
    state, seen = np.zeros(nodes, complex), []
    for u in inputs:
        state = multipliers * state + u
        seen.append(to_ring @ state)
    return np.array(seen)


def profile(position, nodes):
    """D_N of THEORY T3 for odd N, with its peaks filled in."""
    wrapped = np.asarray(position, float) - nodes * np.round(np.asarray(position, float) / nodes)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.sin(np.pi * wrapped) / (nodes * np.sin(np.pi * wrapped / nodes))
    return np.where(np.abs(wrapped) < 1e-12, 1.0, values)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_certificate_is_proved_and_its_false_twin_refuted(form):
    assert_certified(form)


def test_the_derivations_prove_what_the_closed_forms_cite():
    folder = Path(__file__).parents[1]
    propagator, kick = wave_propagator(), held_kick()
    for form in (propagator, kick, rigid_step(), node_contents(), readout_weights(), impulse_response()):
        assert (folder / f"{form.reference}.py").exists()
    chains = {f: runpy.run_path(str(folder / f"{f.reference}.py"))["derivation"] for f in (propagator, kick)}
    conclusion = chains[propagator].conclusion
    assert (propagator.certificates[0].left, propagator.certificates[0].right) == (conclusion.left, conclusion.right)
    conclusion = chains[kick].conclusion
    assert (kick.certificates[1].left, kick.certificates[1].right) == (conclusion.left, conclusion.right)


FALSE_PROPAGATORS = {
    "the wave runs the other way": lambda t, d: NODES * t / 2 + d,
    "twice the speed": lambda t, d: NODES * t - d,
    "one node late": lambda t, d: NODES * t / 2 - d - 1,
}


@pytest.mark.parametrize("position", FALSE_PROPAGATORS.values(), ids=FALSE_PROPAGATORS)
def test_a_wrong_propagator_is_refuted(position):
    form = wave_propagator()
    time, distance = sp.Symbol("t", real=True), sp.Symbol("d", integer=True)
    wrong = sp.exp(-time / 2) * periodic_sinc(position(time, distance))
    assert verify(Identity(form.certificates[0].left, wrong)).evidence is Evidence.REFUTED


FALSE_KICKS = {
    "twice the kick": lambda kick, _: 2 * kick,
    "the other direction": lambda kick, d: kick.xreplace({d: -d}),
    "a node further": lambda kick, d: kick.xreplace({d: d + 1}),
}


@pytest.mark.parametrize("first", STARTS)
@pytest.mark.parametrize("falsify", FALSE_KICKS.values(), ids=FALSE_KICKS)
def test_a_wrong_held_kick_is_refuted_by_the_growth_that_characterises_it(falsify, first):
    form = held_kick(first=first)
    rest, growth, _ = form.certificates
    assert growth.left == kick_growth(form.expression)  # the certificate speaks of what is returned
    wrong = falsify(form.expression, sp.Symbol("d", integer=True))
    assert verify(Identity(kick_growth(wrong), growth.right, nonzero=growth.nonzero)).evidence is Evidence.REFUTED
    step = sp.Symbol("Delta", positive=True)
    assert rest.left == form.expression.subs(step, 0)
    assert verify(Identity((form.expression + 1).subs(step, 0), rest.right)).evidence is Evidence.REFUTED


@pytest.mark.parametrize("nodes", [1, 2, 3, 8, 16, 63, 64])
@pytest.mark.parametrize("first", [None, 0, "half"])
def test_the_propagator_is_the_matrix_exponential(nodes, first):
    start = -nodes / 2 if first == "half" else first
    kernel = compile_kernel(wave_propagator(nodes, first=None if start is None else sp.Rational(start)))
    to_ring = fourier(nodes, start)
    couplings = to_ring @ np.diag(eigenvalues(nodes, start)) @ (nodes * to_ring.conj().T)
    for time in (0.0137, 0.51, 1.77):
        column = scipy.linalg.expm(couplings * time)[:, 0]
        found = np.array([kernel(d, time) for d in range(nodes)])
        assert np.abs(found - column).max() <= 1.1e-12  # THEORY T3: 1.1e-14; here and below with its margin of 100


@pytest.mark.parametrize("nodes", [1, 2, 5, 6, 63, 64])
@pytest.mark.parametrize("first", [None, 0, -1, -3])
def test_the_quotient_is_the_sum_where_it_is_defined(nodes, first):
    z = sp.Symbol("z", real=True)
    quotient = sp.lambdify(z, periodic_sinc(z, nodes, first=first))
    positions = np.random.default_rng(nodes).uniform(-2 * nodes, 2 * nodes, 50)
    modes = np.exp(2j * np.pi * np.outer(positions, frequencies(nodes, first)) / nodes).mean(axis=1)
    assert np.abs(quotient(positions) - modes).max() < 1e-12  # cancellation next to the zeros of the sine
    around = np.exp(2j * np.pi * np.outer(positions + nodes, frequencies(nodes, first)) / nodes).mean(axis=1)
    sign = -1 if first is None and nodes % 2 == 0 else 1  # half frequencies: anti-periodic
    assert np.abs(around - sign * modes).max() < 1e-12


@given(
    nodes=st.integers(1, 4),
    start=st.integers(-2, 2),
    hop=st.integers(-3, 3),
    node=st.integers(0, 3),
    inputs=st.lists(small, min_size=1, max_size=7),
)
def test_for_whole_hops_a_node_holds_exactly_the_visiting_lags(nodes, start, hop, node, inputs):
    form = unfold(node_contents(nodes, first=start, hop=sp.Integer(hop)))
    letters = {str(argument): argument for argument in form.arguments}
    steps = len(inputs)
    values = {letters["j"]: node % nodes, letters["k"]: steps}
    held = form.expression.subs(values).doit().xreplace({letters["u"][i + 1]: u for i, u in enumerate(inputs)})
    rho = sp.exp(-sp.Rational(hop, nodes))
    lags = visiting_lags(node % nodes, nodes, hop, steps)
    expected = sp.Add(*(rho**m * inputs[steps - 1 - m] for m in lags))
    assert verify(Identity(held, expected)).proved
    assert verify(Identity(held, expected + 1)).evidence is Evidence.REFUTED


@pytest.mark.parametrize("step", [0.001, 0.01, 0.0317, 0.1])
def test_contents_are_the_interpolated_past_inputs(step):
    inputs = np.random.default_rng(3).standard_normal(300)
    found, hop = contents_by_steps(N_REAL, step, inputs), N_REAL * step / 2
    lags = np.arange(300)
    weights = np.exp(-lags * step / 2)[:, None] * profile(np.arange(N_REAL)[None, :] - hop * lags[:, None], N_REAL)
    expected = weights.T @ inputs[::-1]
    assert np.abs(found[-1] - expected).max() <= 2.0e-11  # THEORY T3: 2.0e-13
    kernel = compile_kernel(node_contents(N_REAL), origin=1)
    assert abs(kernel(hop, inputs[:20], 5, 20) - found[19, 5]) <= 2.0e-11
    wrong_way = np.exp(-lags * step / 2)[:, None] * profile(np.arange(N_REAL)[None, :] + hop * lags[:, None], N_REAL)
    assert np.abs(found[-1] - wrong_way.T @ inputs[::-1]).max() > 0.1


@pytest.mark.parametrize("hop", [1, 2, 5, -1])
def test_a_step_by_whole_nodes_is_a_shift(hop):
    step = 2 * hop / N_REAL
    to_ring = fourier(N_REAL)
    propagator = to_ring @ np.diag(np.exp(eigenvalues(N_REAL) * step)) @ (N_REAL * to_ring.conj().T)
    shift = np.roll(np.eye(N_REAL), hop, axis=0)
    assert np.abs(propagator - np.exp(-step / 2) * shift).max() <= 5.2e-14  # THEORY T3: 5.2e-16
    inputs = np.random.default_rng(4).standard_normal(200)
    found, rho = contents_by_steps(N_REAL, step, inputs)[-1], np.exp(-step / 2)
    expected = [sum(rho**m * inputs[-1 - m] for m in visiting_lags(j, N_REAL, hop, 200)) for j in range(N_REAL)]
    scale = max(1.0, np.abs(expected).max())  # against the direction of time (hop < 0) the contents grow
    assert np.abs(found - expected).max() <= 9.1e-13 * scale  # THEORY T3: 9.1e-15


@pytest.fixture
def weights():
    rng = np.random.default_rng(5)
    c = rng.standard_normal(N_REAL) + 1j * rng.standard_normal(N_REAL)
    return (c + c[::-1].conj()) / 2  # conjugate pairs: a real kernel


def test_the_readout_weight_is_the_undamped_kernel(weights):
    times = 2 * np.arange(N_REAL) / N_REAL
    kernel = compile_kernel(impulse_response(N_REAL, first=-31))
    readout = compile_kernel(readout_weights(N_REAL, first=-31))
    nodes = np.array([readout(weights, j) for j in range(N_REAL)])
    undamped = np.array([np.exp(t / 2) * kernel(weights, t) for t in times])
    assert np.abs(nodes - undamped).max() <= 1.7e-11  # THEORY T3: 1.7e-13
    assert np.abs(nodes.imag).max() <= 1.7e-11  # a real ring
    multipliers = np.exp(eigenvalues(N_REAL) * 2 / N_REAL)
    taps = np.array([(weights * multipliers**m).sum() for m in range(2 * N_REAL)])
    rho = np.exp(-1 / N_REAL)
    assert np.abs(taps - rho ** np.arange(2 * N_REAL) * np.tile(nodes, 2)).max() <= 3.0e-13 * np.abs(taps).max()
    assert np.abs(nodes - np.array([kernel(weights, t) for t in times])).max() > 0.1  # without e^{t/2} it is false


def test_the_kernel_comes_round_damped_by_one_over_e(weights):
    kernel = compile_kernel(impulse_response(N_REAL, first=-31))
    times = np.linspace(0, 3, 40)
    early, late = (np.array([kernel(weights, t + shift) for t in times]) for shift in (0, 2))
    assert np.abs(late - early / np.e).max() <= 1.0e-11  # THEORY T3: 1.0e-13
    assert np.abs(late - early).max() > 1  # not undamped
    for revolution in (20, 200):
        multipliers = np.exp(eigenvalues(N_REAL) * 2 / revolution)
        taps = np.array([(weights * multipliers**m).sum() for m in range(2 * revolution)])
        relative = np.abs(taps[revolution:] - taps[:revolution] / np.e).max() / np.abs(taps).max()
        assert relative <= 7.3e-14  # THEORY T3: 7.3e-16, relative to the largest tap


def test_with_half_frequencies_the_kernel_comes_round_with_the_other_sign():
    f = sp.Symbol("f_0", integer=True) + sp.Symbol("n", integer=True) + sp.Rational(1, 2)
    turn = sp.exp(2 * (-sp.Rational(1, 2) + sp.I * sp.pi * f))
    assert verify(Identity(turn, -sp.exp(-1))).proved
    assert verify(Identity(turn, sp.exp(-1))).evidence is Evidence.REFUTED


def test_at_one_node_per_step_every_filter_of_n_taps_exists():
    multipliers = np.exp(eigenvalues(N_REAL) * 2 / N_REAL)
    to_taps = multipliers[None, :] ** np.arange(N_REAL)[:, None]
    assert np.linalg.matrix_rank(to_taps) == N_REAL
    taps = [sp.Rational(n + 1, 3) for n in range(4)]
    form = tap_design(4, first=-1)
    values = [
        complex(
            form.expression.subs(sp.Symbol("n", integer=True), n).subs(
                {sp.IndexedBase("K")[m]: tap for m, tap in enumerate(taps)}
            )
        )
        for n in range(4)
    ]
    lam = np.exp(eigenvalues(4, -1) / 2)
    kernel = np.array([(np.array(values) * lam**m).sum() for m in range(8)])
    expected = np.array([float(tap) for tap in taps])
    assert np.abs(kernel[:4] - expected).max() < 1e-13
    assert np.abs(kernel[4:] - expected / np.e).max() < 1e-13  # the repeat after one revolution


@pytest.mark.parametrize("step", [0.001, 0.01, 2 / 63, 0.1])
def test_within_one_revolution_the_ring_is_a_well_conditioned_store(step):
    revolution = round(2 / step)
    lags = np.arange(revolution)
    hops = N_REAL * step / 2 * lags
    store = (np.exp(-lags * step / 2)[:, None] * profile(np.arange(N_REAL)[None, :] - hops[:, None], N_REAL)).T
    values = np.linalg.svd(store, compute_uv=False)
    assert (values > 1e-10 * values[0]).sum() == min(N_REAL, revolution)
    assert 2.55 < values[0] / values[-1] <= np.e  # THEORY T3: 2.60 to 2.68
    # one revolution more adds nothing: what is older stands under what is younger, damped by 1/e
    both = np.hstack([store, np.exp(-1) * store])
    lags = np.arange(2 * revolution)
    places = np.arange(N_REAL)[None, :] - (N_REAL * step / 2 * lags)[:, None]
    longer = (np.exp(-lags * step / 2)[:, None] * profile(places, N_REAL)).T
    assert np.abs(longer - both).max() < 1e-11  # the profile next to its zeros, as above
    assert np.linalg.matrix_rank(longer, tol=1e-9) == min(N_REAL, revolution) < 2 * revolution


@pytest.mark.parametrize(("hop", "energy"), [(0.0315, 0.999), (0.5, 0.915), (1.0, 0.898), (2.0, 0.996)])
def test_a_held_input_lands_smeared_over_the_nodes_it_passes(hop, energy):
    kernel = compile_kernel(held_kick(N_REAL))
    step = 2 * hop / N_REAL
    kick = np.array([kernel(step, d) for d in range(N_REAL)])

    places, shares = np.polynomial.legendre.leggauss(60)  # an entire integrand: far more points than it needs
    v = (places + 1) * hop / 2
    waves = np.exp(-v / N_REAL) * profile(v - np.arange(N_REAL)[:, None], N_REAL)
    assert np.abs(kick - 2 / N_REAL * waves @ shares * hop / 2).max() <= 2.2e-14  # THEORY T4: 2.2e-16
    inside = (np.abs(kick[: ceil(hop) + 1]) ** 2).sum() / (np.abs(kick) ** 2).sum()
    assert abs(inside - energy) < 6e-4  # printed to three digits
    direct = fourier(N_REAL) @ np.expm1(eigenvalues(N_REAL) * step)
    assert np.abs(kick - fourier(N_REAL) @ (np.expm1(eigenvalues(N_REAL) * step) / eigenvalues(N_REAL))).max() < 1e-14
    assert np.abs(kick - direct).max() > 1e-2  # without the division by a_n it is false


def lost_and_whole(nodes, hop, node, length):
    """What zeroing the weight of a node takes from the kernel, and the kernel before."""
    kernel = compile_kernel(edited_kernel(nodes, node=node))
    weights = np.random.default_rng(6).uniform(1, 2, nodes)
    lags = np.arange(length)
    whole = np.exp(-hop * lags / nodes) * (profile(np.arange(nodes)[None, :] - hop * lags[:, None], nodes) @ weights)
    return whole - np.array([kernel(hop, weights, m) for m in lags]), whole


def test_zeroing_a_node_deletes_one_lag_if_the_shift_is_whole_and_nothing_came_round():
    """THEORY T24, set-up of our own: N = 7, weights C_j uniform in [1, 2], node 3; the differences follow exactly."""
    lost, whole = lost_and_whole(7, 1, node=3, length=7)
    assert np.abs(lost - np.where(np.arange(7) == 3, whole, 0)).max() < 1e-14
    lost, whole = lost_and_whole(7, 1, node=3, length=14)  # the lag one revolution older goes too: 1/e of the first
    assert np.abs(lost - np.where(np.arange(14) % 7 == 3, whole, 0)).max() < 1e-14
    assert abs(lost[10] - lost[3] / np.e) < 1e-14
    assert lost[10] > 0.3
    half, lags = lost_and_whole(7, 0.5, node=3, length=14), np.arange(14)
    place = lags / 2 - 3
    assert np.abs(half[0][lags % 2 == 0] - np.where(place == 0, half[1], 0)[lags % 2 == 0]).max() < 1e-14
    between = lags % 2 == 1  # these lags stand between two nodes: each loses a part, none the whole
    assert (np.abs(half[0][between]) > 0.05).all()
    assert (np.abs(half[0] - half[1])[between] > 0.05).all()


def test_a_wrong_share_of_a_node_is_refuted():
    goes, stays = deleted_share().certificates
    assert verify(Identity(2 * goes.left, goes.right)).evidence is Evidence.REFUTED
    letters = {str(s): s for s in goes.left.free_symbols}
    one_turn_late = goes.left.subs(letters["q"], letters["q"] + sp.Rational(1, 2))
    assert verify(Identity(one_turn_late, goes.right)).evidence is Evidence.REFUTED
    assert verify(Identity(goes.left, sp.S.Zero)).evidence is Evidence.REFUTED  # there the node holds something
    assert verify(Identity(stays.left.subs(letters["delta"], sp.Rational(1, 2)), 0)).evidence is Evidence.REFUTED


@pytest.mark.parametrize("nodes", [2, 3, 4])
def test_an_edited_kernel_that_keeps_or_drops_another_node_is_refuted(nodes):
    right, wrong = (edited_kernel(nodes, node=node).certificates[0] for node in (0, 1))
    lost = right.left - unfold_readout(edited_kernel(nodes, node=0).expression, nodes)
    mixed = unfold_readout(edited_kernel(nodes, node=1).expression, nodes) + lost
    assert verify(Identity(mixed, right.right)).evidence is Evidence.REFUTED
    assert verify(Identity(unfold_readout(edited_kernel(nodes, node=1).expression, nodes), wrong.right)).evidence is (
        Evidence.REFUTED
    )


def unfold_readout(kept, nodes):
    """The weights C_j written with the weights of the modes."""
    form = readout_weights_of_half_steps(nodes)
    return kept.xreplace({sp.IndexedBase("C")[j]: form(j) for j in range(nodes)})


def readout_weights_of_half_steps(nodes):
    n, c = sp.Symbol("n", integer=True), sp.IndexedBase("c")
    start = symmetric_start(nodes)
    return lambda j: sp.Sum(c[n] * sp.exp(2 * sp.pi * sp.I * (start + n) * j / nodes), (n, 0, nodes - 1))


@pytest.mark.parametrize(("nodes", "hop"), [(3, 1), (3, 2), (4, 2), (3, -1)])
def test_zeroing_a_node_deletes_exactly_the_lags_that_visit_it(nodes, hop):
    form = edited_kernel(nodes, node=1, first=0, hop=sp.Integer(hop))
    m, weights = sp.Symbol("m", integer=True, nonnegative=True), sp.IndexedBase("C")
    visits = visiting_lags(1, nodes, hop, 2 * nodes)
    for lag in range(2 * nodes):
        left = unfold(form).expression.subs(m, lag).doit()
        tap = sp.exp(-sp.Rational(hop * lag, nodes)) * weights[hop * lag % nodes]
        kept = sp.S.Zero if lag in visits else tap
        assert verify(Identity(left, kept)).proved
        assert verify(Identity(left, tap - kept)).evidence is Evidence.REFUTED  # the other way round
    assert visits == {(3, 1): (1, 4), (3, 2): (2, 5), (4, 2): (), (3, -1): (2, 5)}[nodes, hop]


def test_naive_claim_2_a_node_holds_only_the_input_of_its_travel_time_is_false():
    inputs = np.random.default_rng(7).standard_normal(3 * N_REAL)
    rho, after = np.exp(-1 / N_REAL), contents_by_steps(N_REAL, 2 / N_REAL, inputs)
    naive = rho ** np.arange(N_REAL) * inputs[::-1][:N_REAL]
    older = rho**N_REAL * rho ** np.arange(N_REAL) * inputs[::-1][N_REAL : 2 * N_REAL]
    oldest = rho ** (2 * N_REAL) * rho ** np.arange(N_REAL) * inputs[::-1][2 * N_REAL :]
    assert np.abs(after[-1] - naive).max() > 0.3  # one revolution costs only 1/e
    assert np.abs(after[-1] - naive - older - oldest).max() < 1e-12
    early = contents_by_steps(N_REAL, 2 / N_REAL, inputs[:N_REAL])[-1]
    assert np.abs(early - rho ** np.arange(N_REAL) * inputs[:N_REAL][::-1]).max() < 1e-12  # before it came round
    between = contents_by_steps(N_REAL, 1 / N_REAL, [1.0, 0.0])[-1]
    assert np.sort(np.abs(between))[-2] > 0.6  # half a node per step: two nodes hold the input
    textbook = fourier(N_REAL) @ (np.expm1(eigenvalues(N_REAL) * 2 / N_REAL) / eigenvalues(N_REAL))
    assert np.abs(textbook[1:]).max() > 0.5 * np.abs(textbook[0])  # b = 1 instead of b̄ = 1: smeared at once


STORED = sp.Symbol("M", integer=True, positive=True)
SIZES = [
    ("one-sided", NODES, NODES),
    ("centred", 2 * STORED, STORED),
    ("symmetric", 2 * STORED - 1, STORED),
    ("one-sided", sp.Integer(4), sp.Integer(4)),
    ("centred", sp.Integer(4), sp.Integer(2)),
    ("symmetric", sp.Integer(5), sp.Integer(3)),
]


@pytest.mark.parametrize(("frequencies", "size", "letter"), SIZES)
def test_the_wave_starts_with_the_couplings(frequencies, size, letter):
    """The slope of the propagator at t = 0 is W, with the closed form of the couplings as the other route."""
    assert {name for name, *_ in SIZES} == set(RANGES)
    form = unfold(s4d_lin_couplings(frequencies))
    coupling, distance = form.expression.subs(form.arguments[0], letter), form.arguments[-1]
    moving, time = unfold(wave_propagator(size, first=first_frequency(frequencies, size))), sp.Symbol("t", real=True)
    slope = sp.diff(moving.expression, time).subs(time, 0)
    apart = (sp.exp(2 * sp.pi * sp.I * distance / size) - 1,)
    assert verify(Identity(slope, coupling, nonzero=apart)).proved
    assert verify(Identity(slope, -coupling, nonzero=apart)).evidence is Evidence.REFUTED


@pytest.mark.parametrize("stored", [1, 2, 3])
def test_the_embedded_ring_of_lin_takes_the_step_of_whole_nodes(stored):
    nodes = 2 * stored - 1
    for hop in (1, 2):
        held = zero_order_hold(s4d_lin(stored), sp.Rational(2 * hop, nodes))
        ring = ring_embedding(held, closure="real")
        shift = sp.exp(-sp.Rational(hop, nodes)) * shift_matrix(nodes, hop)
        assert verify(Identity(ring.coupling_matrix, shift)).proved
        assert verify(Identity(ring.coupling_matrix, shift.T + sp.eye(nodes))).evidence is Evidence.REFUTED
        assert ring.kick == (1, *[0] * (nodes - 1))


def test_the_closed_contents_are_the_recurrence_of_the_embedded_ring():
    ring = ring_embedding(zero_order_hold(s4d_lin(2), sp.Rational(1, 4)), closure="real")
    form = unfold(node_contents(3, hop=sp.Rational(3, 8)))
    inputs = [sp.Integer(2), sp.Rational(-1, 3), sp.Integer(1)]
    held = sp.zeros(3, 1)
    for u in inputs:
        held = ring.coupling_matrix * held + sp.Matrix(ring.kick) * u
    letters = {str(argument): argument for argument in form.arguments}
    closed = [form.expression.subs({letters["j"]: j, letters["k"]: 3}).doit() for j in range(3)]
    given = {letters["u"][i + 1]: u for i, u in enumerate(inputs)}
    contents = sp.Matrix([entry.xreplace(given) for entry in closed])
    assert verify(Identity(contents, held)).proved
    assert verify(Identity(contents, sp.Matrix(held[::-1]))).evidence is Evidence.REFUTED


def test_wrong_requests_are_refused_with_a_remedy():
    for nodes in (0, -3, sp.Rational(1, 2), sp.Symbol("x")):
        with pytest.raises(ValueError, match="number of nodes"):
            checked_nodes(nodes)
    with pytest.raises(ValueError, match="whole frequencies"):
        rigid_step(4, first=symmetric_start(4))
    with pytest.raises(ValueError, match="has no node"):
        edited_kernel(3, node=3)
    with pytest.raises(ValueError, match="must be a number"):
        tap_design(NODES)
    with pytest.raises(ValueError, match=r"at least (one node|1)"):
        visiting_lags(0, 0, 1, 1)
    with pytest.raises(ValueError, match="unknown range"):
        first_frequency("two-sided")
    with pytest.raises(TypeError, match="text"):
        interpolation_sum(sp.S.Zero, "3")
