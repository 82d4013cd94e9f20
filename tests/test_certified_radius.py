"""Certified radii: planted distances, the witness just outside, minorants below, and attacks that never win."""

import math
import sys
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import radius as benchmark
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.network_function import network_function
from carleman_ssm.operators.stack import build_stack
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.robustness import remainders
from carleman_ssm.robustness.linearisation import enclosed_logits, linearised
from carleman_ssm.robustness.radius import certified_radius
from carleman_ssm.robustness.radius_search import largest_radius
from carleman_ssm.robustness.radius_witness import nearest_change
from carleman_ssm.robustness.remainders import minorants
from carleman_ssm.robustness.surroundings import surroundings
from carleman_ssm.steering.quadratic import margin_quadratic
from carleman_ssm.steering.trust_region import smallest_change
from tests.attacks_radius import on_the_sphere, smallest_margin
from tests.error_attacks import POLYNOMIAL, SMOOTH, deep_network


def memoryless(head, bias, *, encoder=((1.0,),), activation="square", pool="mean", residual=False):
    """y_k = x_k through the feedthrough alone: logits are pooled φ(encoder x) times a head."""
    encoder = np.asarray(encoder, dtype=float)
    channels = len(encoder)
    one, zero = np.ones((channels, 1)), np.zeros((channels, 1))
    layer = S4DLayer(log_dt=np.zeros(channels), log_A_real=zero, A_imag=zero, C=0j * one, D=np.ones(channels))
    config = NetworkConfig(activation=activation, output="none", residual=residual, pool=pool)
    return S4DNetwork(encoder, np.zeros(channels), (layer,), head, bias, config)


def digits(count):
    with np.load(resources.files("carleman_ssm.data") / "digits-test.npz") as stored:
        return stored["x"][:count].astype(np.float64)


# --- planted: the distance is known ---------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(
    x=st.lists(st.floats(-4, 4), min_size=1, max_size=5),
    threshold=st.floats(0.1, 4),
)
def test_the_radius_of_a_mean_square_is_the_distance_to_a_sphere(x, threshold):
    """Logits mean x² and c²: the boundary is ‖x‖ = c√L, from inside (a hard case at x = 0) and from outside."""
    network = memoryless([[1.0], [0.0]], [0.0, threshold**2])
    found = certified_radius(network, np.array(x)[:, None])
    distance = abs(math.hypot(*x) - threshold * math.sqrt(len(x)))
    if found.status == "undecided":
        assert distance < 1e-7
        return
    # Where the class changes between neighbouring floats, no witness is proved within 1e-6 of the distance.
    assert found.status == "exact" or distance < 1e-3
    # The threshold's square is rounded, so the planted distance is known to rounding only.
    assert found.radius <= distance * (1 + 1e-9) + 1e-12
    assert found.radius >= distance * (1 - 1e-6) - 1e-9
    assert found.witness_proved
    assert found.witness_norm >= distance * (1 - 1e-9) - 1e-12


@settings(max_examples=8, deadline=None)
@given(
    x=st.lists(st.floats(-2, 2), min_size=2, max_size=2),
    weights=st.tuples(st.floats(0.25, 2), st.floats(-2, -0.25)),
    level=st.floats(-2, 2),
)
def test_the_radius_to_a_hyperbola_is_that_of_a_brute_search(x, weights, level):
    """Indefinite: a x₁² + b x₂² = level, by a dense walk along both branches."""
    a, b = weights
    network = memoryless([[a, b], [0.0, 0.0]], [0.0, level], encoder=np.eye(2), pool="last")
    found = certified_radius(network, np.array([x]))
    t = np.linspace(-8, 8, 50_001)
    candidates = []
    for squared, other, flip in (((level - b * t**2) / a, t, 1), ((level - a * t**2) / b, t, -1)):
        good = squared >= 0
        root = np.sqrt(squared[good])
        for sign in (1, -1):
            pair = np.stack([sign * root, other[good]])[::flip]
            candidates.append(np.hypot(pair[0] - x[0], pair[1] - x[1]).min(initial=np.inf))
    brute = min(candidates)
    assert found.radius <= brute + 1e-9
    assert found.radius >= brute - 3e-3  # the walk has steps of 3e-4, on branches that may be steep


def test_a_linear_network_is_certified_up_to_its_hyperplane():
    network = memoryless([[3.0, 4.0], [0.0, 0.0]], [0.0, 0.0], encoder=np.eye(2), activation="identity", pool="last")
    found = certified_radius(network, [[1.0, 1.0]])
    assert 1.4 - 1e-8 < found.radius <= 1.4 <= found.witness_norm < 1.4 + 1e-6
    np.testing.assert_allclose(found.witness, [[-0.84, -1.12]], atol=1e-6)


def test_a_tie_is_not_decided():
    network = memoryless([[1.0], [0.0]], [0.0, 1.0])
    found = certified_radius(network, [[1.0]])
    assert (found.status, found.radius, found.witness) == ("undecided", 0.0, None)
    assert math.isinf(found.ratio)


def test_a_class_that_cannot_change_has_a_huge_radius_and_no_witness():
    """The radius ends where rounding hides a margin of 1, so it is no distance, and is not called exact."""
    network = memoryless([[1.0], [1.0]], [1.0, 0.0])
    found = certified_radius(network, [[1.0], [2.0]])
    assert found.radius > 1e5
    assert found.witness is None
    assert found.status == "certified"


def test_a_radius_is_exact_only_with_a_proved_change_of_class_beside_it():
    network, x = memoryless([[1.0], [0.0]], [0.0, 1.0]), [[3.0]]
    assert certified_radius(network, x).status == "exact"
    assert certified_radius(network, x, witness=False).status == "certified"
    assert certified_radius(network, x, arithmetic="float32").status == "certified"
    # Margins of size 1e-300, whose products leave float64: the radius is no longer the distance.
    tiny = memoryless([[1e-300], [0.0]], [0.0, 1e-300])
    found = certified_radius(tiny, x)
    assert found.status != "exact" or found.radius > 2 - 1e-5


def test_a_rival_without_a_slope_hides_no_witness_of_the_others():
    """One margin is constant: on its ray nothing changes, by no change at all."""
    network = memoryless([[1.0], [1.0], [0.0]], [1.0, 0.0, 2.0], activation="gelu")
    found = certified_radius(network, [[3.0]])
    assert found.witness_proved
    assert found.witness_label == 2
    heights, starts = np.array([-1.0, 0.0]), np.zeros((2, 1, 1))
    change = nearest_change(network, np.array([[3.0]]), 0, starts, heights, 64.0)
    assert change is not None
    assert np.isfinite(change).all()


@pytest.mark.parametrize("seed", range(6))
def test_one_quadratic_layer_equals_the_smallest_change_over_rivals(seed):
    """The second route: the primal solver of T22, rival by rival, through the operator."""
    generator = np.random.default_rng(seed)
    network = deep_network(generator, ("square",), depth=1, norms=("none", "batch"))
    while network.classes < 2 or network.config.output == "glu":
        network = deep_network(generator, ("square",), depth=1, norms=("none", "batch"))
    x = generator.normal(size=(5, network.features))
    operator = network_operator(network, sequences=x[None])
    found = certified_radius(operator, x)
    if found.status == "undecided":
        assert abs(np.diff(np.sort(network(x[None])[0])[-2:])[0]) < 1e-6
        return
    norms = []
    for rival in np.delete(np.arange(network.classes), found.label):
        row = np.eye(network.classes)[found.label] - np.eye(network.classes)[rival]
        norms.append(smallest_change(margin_quadratic(operator, x, row), 0.0).norm)
    assert found.status == ("exact" if np.isfinite(min(norms)) else "certified")
    assert found.radius <= min(norms) * (1 + 1e-9)
    if np.isfinite(min(norms)):
        assert found.radius >= min(norms) * (1 - 1e-6)
        assert found.witness_proved
        assert found.witness_norm <= found.radius * (1 + 1e-6)
        assert found.witness_label != found.label or found.gap < 1e-6 * found.radius


# --- the minorant ---------------------------------------------------------------------------------------------------


def parts(network, x, radius):
    linear = linearised(build_stack(network, len(x)), layer_rules(network), x)
    rows = np.eye(network.classes)[:1] - np.eye(network.classes)[1:]
    return linear, rows, minorants(linear, rows, linear.adjoints(rows), radius)


def quadratic_values(found, changes):
    flat = changes.reshape(len(changes), -1)
    return (
        found.values
        + flat @ found.gradients.T
        + np.einsum("bi,rij,bj->br", flat, found.curvatures, flat)
        - found.value_errors
        - np.linalg.norm(flat, axis=1)[:, None] * found.gradient_errors
    )


def network_with_rivals(generator, **options):
    network = deep_network(generator, **options)
    while network.classes < 2:
        network = deep_network(generator, **options)
    return network


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), size=st.sampled_from([1e-4, 1e-2, 0.3, 3.0]))
def test_every_margin_lies_above_its_minorant_on_the_ball(seed, size):
    """All activations, gates, norms, pools, one to three layers; points on the sphere and inside."""
    generator = np.random.default_rng(seed)
    network = network_with_rivals(generator)
    x = generator.normal(size=(int(generator.integers(1, 6)), network.features))
    _, rows, found = parts(network, x, size)
    changes = on_the_sphere(generator, 24, x.shape, size)
    changes[:8] *= generator.uniform(size=(8, 1, 1))
    margins = network(x + changes) @ rows.T
    below = quadratic_values(found, changes)
    known = np.isfinite(below)
    # The simulation itself rounds, relative to what it sums.
    slack = 1e-9 * (1 + np.abs(network(x + changes)).max())
    assert (below[known] <= (margins + slack)[known]).all()


@pytest.mark.parametrize("seed", range(12))
def test_the_curvature_of_the_minorant_is_the_hessian_in_the_limit(seed):
    """All second-order terms are there with their signs: as the ball shrinks, Q is half the Hessian, at any depth."""
    generator = np.random.default_rng(100 + seed)
    kinds = POLYNOMIAL if seed % 2 else SMOOTH
    network = network_with_rivals(generator, activations=kinds, depth=1 + seed % 3)
    config = replace(network.config, eps=0.1)  # with a tiny ε even a small ball bends much
    if kinds is POLYNOMIAL and config.output == "glu":
        config = replace(config, gate="identity")
    network = replace(network, config=config)
    x = generator.normal(size=(4, network.features))
    _, rows, found = parts(network, x, 1e-11)
    exact = 0.5 * network_function(network, 4).hessians(x, rows).reshape(len(rows), x.size, x.size)
    scale = max(np.abs(exact).max(), np.abs(found.gradients).max())
    if kinds is POLYNOMIAL:  # else tables of φ'' with cells of 1/256 leave a part of a per cent of every term
        assert np.abs(found.curvatures - exact).max() <= 1e-4 * scale
    assert np.linalg.eigvalsh(exact - found.curvatures).min() >= -1e-6 * scale  # a minorant: Q ⪯ H/2


def test_values_and_jacobians_hold_those_of_other_routes():
    for seed in range(8):
        generator = np.random.default_rng(seed)
        network = network_with_rivals(generator)
        x = generator.normal(size=(4, network.features))
        linear, _, _ = parts(network, x, 0.1)
        logits, function = linear.logits, network_function(network, 4)
        slack = 1e-11 * (1 + np.abs(logits.linear.value).max())
        assert (
            np.abs(logits.value.value[0] - network(x[None], method="recurrence")[0]) <= logits.value.error[0] + slack
        ).all()
        gap = np.abs(logits.linear.value[:, 0].T.reshape(-1, *x.shape) - function.gradients(x))
        assert (gap <= logits.linear.error[:, 0].T.reshape(gap.shape) + slack).all()
        again = enclosed_logits(build_stack(network, 4), layer_rules(network), x)
        np.testing.assert_array_equal(again.value, logits.value.value)


# --- attacks --------------------------------------------------------------------------------------------------------


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_projected_gradients_do_not_beat_the_radius(seed):
    generator = np.random.default_rng(seed)
    network = network_with_rivals(generator)
    x = generator.normal(size=(int(generator.integers(1, 6)), network.features))
    found = certified_radius(network, x, tolerance=1e-2)
    if found.status == "undecided" or found.radius > 1e6:
        return
    margin = smallest_margin(network, x, found.label, found.radius, generator, steps=12, starts=2)
    assert margin > -1e-9 * (1 + np.abs(network(x[None])).max())
    if found.witness_proved:
        assert found.witness_norm >= found.radius


@pytest.mark.parametrize(
    ("name", "most"), [("digits-quadratic", 1 + 1e-6), ("digits-gelu", 1.1), ("frequencies", 1 + 1e-6)]
)
def test_shipped_networks_are_certified_close_to_the_best_attack(name, most):
    network = load_network(name)
    sequences = digits(2) if name != "frequencies" else np.random.default_rng(0).normal(size=(2, 24, 1))
    for x in sequences[: 1 if name == "digits-gelu" else 2]:
        found = certified_radius(network, x)
        assert found.radius > 0
        assert found.witness_proved
        assert found.witness_label != found.label
        assert 1 <= found.ratio <= most
        generator = np.random.default_rng(7)
        assert smallest_margin(network, x, found.label, found.radius, generator, steps=20, starts=1) > -1e-9


def test_deep_networks_are_certified_too():
    """Two layers of GELU; with gates and LayerNorm the radius is far from the attack, and is printed as it is found."""
    network, x = load_network("digits-deep-gelu"), digits(1)[0]
    found = certified_radius(network, x, tolerance=0.1)
    assert found.status == "certified"
    assert found.witness_proved
    assert 1 < found.ratio < 4
    generator = np.random.default_rng(1)
    assert smallest_margin(network, x, found.label, found.radius, generator, steps=4, starts=1) > 0


def test_gates_and_layer_norms_are_certified_too():
    network, x = load_network("digits-deep-block"), digits(1)[0]
    around = surroundings(network, x)
    bounds = around.bounds(0.01, "real")
    assert bounds.lower.min() > 0
    generator = np.random.default_rng(1)
    assert smallest_margin(network, x, around.label, 0.01, generator, steps=4, starts=1) > bounds.lower.min()


def test_a_planted_false_curvature_is_caught_by_the_witness(monkeypatch):
    """The false twin: the largest curvature of GELU in place of the least certifies past a change of class."""

    def highest(adjoint, bounds):
        return np.maximum(0.5 * adjoint.value * bounds.lower, 0.5 * adjoint.value * bounds.upper)

    network, x = load_network("digits-gelu"), digits(1)[0]
    honest = certified_radius(network, x, tolerance=0.05)
    monkeypatch.setattr(remainders, "_half_curvature", highest)
    false = certified_radius(network, x, witness=False, tolerance=0.05)
    assert false.radius > honest.witness_norm
    generator = np.random.default_rng(0)
    assert smallest_margin(network, x, false.label, false.radius, generator, starts=1) < 0


# --- search and refusals --------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(root=st.floats(1e-9, 1e9), start=st.floats(1e-6, 1e6), power=st.sampled_from([0.5, 1, 2, 4]))
def test_the_search_ends_below_the_root_and_close_to_it(root, start, power):
    tested = []

    def lower(radius):
        tested.append(radius)
        return 1.0 - (radius / root) ** power

    found = largest_radius(lower, start, 1e-6)
    assert found in tested
    assert root * (1 - 1e-5) <= found <= root


def test_the_search_returns_only_what_it_tested_positive():
    assert largest_radius(lambda r: -1.0, 1.0, 1e-3) == 0.0
    assert largest_radius(lambda r: 1.0 if r == 0 else -math.inf, 1.0, 1e-3) == 0.0
    holes = largest_radius(lambda r: 1.0 if r < 0.3 or 0.5 < r < 0.6 else -math.inf, 1.0, 1e-3)
    assert holes < 0.3 or 0.5 < holes < 0.6
    assert largest_radius(lambda r: 1.0, 1.0, 1e-3) == 2.0**60
    with pytest.raises(ValueError, match="start must be positive and finite, got 0"):
        largest_radius(lambda r: 1.0, 0.0, 1e-3)


def test_what_cannot_be_certified_is_refused_with_the_reason():
    network = memoryless([[1.0], [0.0]], [0.0, 1.0])
    with pytest.raises(ValueError, match=r"one finite sequence \(length, 1\), got shape \(3,\)"):
        certified_radius(network, np.zeros(3))
    with pytest.raises(ValueError, match="one finite sequence"):
        certified_radius(network, [[np.nan]])
    with pytest.raises(ValueError, match="'real' or 'float32', got 'half'"):
        certified_radius(network, [[3.0]], arithmetic="half")
    with pytest.raises(ValueError, match="no rival"):
        certified_radius(memoryless([[1.0]], [0.0]), [[3.0]])
    with pytest.raises(TypeError, match="time-invariant layers"):
        certified_radius("network", [[3.0]])
    with pytest.raises(ValueError, match="certify a shorter sequence"):
        certified_radius(network, np.zeros((40_000, 1)))
    with pytest.raises(ValueError, match="stack built for their length"):
        linearised(build_stack(network, 2), layer_rules(network), np.zeros((3, 1)))


def test_a_radius_says_what_is_claimed():
    found = certified_radius(memoryless([[1.0], [0.0]], [0.0, 1.0]), [[3.0]])
    assert str(found).startswith("class 0 of the real function is certified within 2 (exact)")
    assert "a change of norm 2" in str(found)
    assert repr(found).startswith("<Radius ")


def test_the_benchmark_compares_radii_with_attacks(capsys):
    rows = benchmark.compare("digits-quadratic", 1, 1 + 1e-6, threads=1)
    assert rows[0].reached
    assert rows[0].value >= 1
    assert not capsys.readouterr().out  # that is where the rows go, as JSON
    if len(rows) == 3:  # both certify the same function, and no certificate exceeds the exact distance
        assert rows[2].ratio >= 1 - 1e-9


def test_the_benchmark_says_on_standard_error_that_the_peer_is_missing(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "benchmarks.radius_auto_lirpa", None)  # an import that dies
    assert len(benchmark.compare("digits-quadratic", 1, 1 + 1e-6, threads=1)) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert "auto_LiRPA cannot be imported" in printed.err
