"""RetNet: reference outputs, the rotary form in plain loops, degree 3 of the retention, conventions, waves."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.families.homogeneity import homogeneous_parts
from carleman_ssm.families.retnet import RetNet

DATA = Path(__file__).parent / "data" / "zoo"
FILES = sorted(path for path in DATA.glob("fla-retnet__*.npz") if ".reference" not in path.name)
ROUNDING = 1e-12
"""Relative: float64 sums of at most a few hundred products lose fewer than four digits."""


def stored(path):
    tensors = dict(np.load(path))
    return tensors, json.loads(str(tensors.pop("config")))


def reference_of(path):
    return np.load(path.with_name(path.stem + ".reference.npz"))


def close(got, wanted, tolerance=ROUNDING):
    return np.abs(got - wanted).max() <= tolerance * max(np.abs(wanted).max(), 1e-300)


def rotated(v, t):
    """The first half of the numbers with the second, by angles 10000^(-2j/K) times t."""
    half = len(v) // 2
    angle = t * 10000.0 ** (-np.arange(half) / half)
    first, second = v[:half], v[half:]
    return np.concatenate(
        [first * np.cos(angle) - second * np.sin(angle), second * np.cos(angle) + first * np.sin(angle)]
    )


def by_pairs(layer, x):
    """The retention of one sequence in real numbers: rotated queries against rotated keys, in loops."""
    heads, dim, share = layer.num_heads, layer.key_dim, layer.num_heads // layer.num_kv_heads
    wide = layer.output_weight.shape[1] // heads
    out = np.zeros((len(x), heads, wide))
    for t in range(len(x)):
        for h in range(heads):
            g = h // share
            q = rotated((layer.q_weight @ x[t])[h * dim : (h + 1) * dim], t)
            for s in range(t + 1):
                k = rotated((layer.k_weight @ x[s])[g * dim : (g + 1) * dim], s)
                decay = (1 - 2.0 ** (-5 - h)) ** (t - s)
                out[t, h] += decay * (q @ k) / dim**0.5 * (layer.v_weight @ x[s])[g * wide : (g + 1) * wide]
    return out


def random_layer(rng, width=4, heads=2, groups=2, dim=4, wide=3, **options):
    shapes = {"q_weight": (heads * dim, width), "k_weight": (groups * dim, width)}
    shapes |= {"v_weight": (groups * wide, width), "output_weight": (width, heads * wide)}
    drawn = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return RetNet(**drawn, num_heads=heads, num_kv_heads=groups, **options)


def retention(layer, x, method="closed"):
    return layer.core(layer.scan(x).states(method), x)


def test_three_routes_agree():
    """By chunks without states, by the states in closed form, step by step; 150 steps are several chunks."""
    rng = np.random.default_rng(9)
    layer, x = random_layer(rng, dim=6), rng.normal(size=(2, 150, 4))
    stepped = layer(x, "recurrence")
    assert close(layer(x), stepped, 1e-10)
    assert close(layer.readout(layer.scan(x).states(), x), stepped, 1e-10)


def test_there_are_references():
    assert len(FILES) >= 3


@pytest.mark.parametrize("method", ["closed", "recurrence"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_reference_is_reproduced(path, method):
    layer, reference = RetNet.from_tensors(*stored(path)), reference_of(path)
    assert close(layer(reference["x"], method), reference["y"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_tensors_return_unchanged(path):
    tensors, config = stored(path)
    back = RetNet.from_tensors(tensors, config).tensors()
    assert set(back) == set(tensors)
    assert all(np.array_equal(back[key], tensors[key]) for key in tensors)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(1, 1, 2), (2, 1, 4), (4, 2, 2), (1, 1, 6)]),
    st.sampled_from([1, 2, 6]),
    st.sampled_from(["noise", "constant", "zero"]),
)
def test_complex_modes_are_rotated_keys_and_queries(seed, sizes, length, kind):
    rng = np.random.default_rng(seed)
    layer = random_layer(rng, heads=sizes[0], groups=sizes[1], dim=sizes[2])
    x = {"noise": rng.normal(size=(length, 4)), "constant": np.ones((length, 4)), "zero": np.zeros((length, 4))}[kind]
    wanted = by_pairs(layer, x)
    for method in ("closed", "recurrence"):
        assert close(retention(layer, x[None], method)[0], wanted, 1e-10)


def test_a_long_sequence_keeps_its_digits():
    """Angles of 3000 steps: cos and sin of exact angles against powers of one multiplier."""
    rng = np.random.default_rng(0)
    layer, x = random_layer(rng, heads=1, groups=1, dim=2), rng.normal(size=(1, 3000, 4))
    z, theta = layer.multipliers[0, 0], layer.frequencies[0]
    lags = np.arange(3000)
    kernel = layer.decays[0] ** lags * np.exp(-1j * theta * lags)
    assert abs(z) == pytest.approx(layer.decays[0], rel=1e-15)
    drives = layer.scan(x).drives[0, :, 0, 0, 0]
    assert close(layer.scan(x).states()[0, -1, 0, 0, 0], (kernel[::-1] * drives).sum(), 1e-10)


def test_decays_and_frequencies_are_those_of_the_paper():
    layer = RetNet.initialise(np.random.default_rng(1), hidden_size=16, num_heads=4)
    assert layer.decays.tolist() == [1 - 1 / 32, 1 - 1 / 64, 1 - 1 / 128, 1 - 1 / 256]
    assert np.allclose(layer.frequencies, [1, 0.01], rtol=1e-15)
    assert abs(layer.q_weight.std() - 0.02) < 0.003
    assert layer.v_weight.shape == (32, 16)
    assert np.abs(layer.multipliers.imag).max() > 0.5, "complex multipliers: states that turn"


def test_the_retention_is_a_cubic_polynomial_and_the_layer_is_not():
    rng = np.random.default_rng(2)
    layer, x = random_layer(rng), rng.normal(size=(2, 6, 4))
    assert (layer.core_degree, layer.input_degree) == (3, None)
    measured = homogeneous_parts(lambda u: retention(layer, u), x, 3)
    assert measured.residual < ROUNDING
    assert measured.shares()[:3].max() < ROUNDING
    assert homogeneous_parts(layer, x, 7).residual > 1e-3


def test_short_convolutions_take_the_degree_away():
    tensors, config = stored(DATA / "fla-retnet__no_gate_conv.npz")
    layer = RetNet.from_tensors(tensors, config)
    x = np.random.default_rng(3).normal(size=(1, 6, 8))
    assert layer.core_degree is None
    assert homogeneous_parts(lambda u: retention(layer, u), x, 5).residual > 1e-4


def swapped(weight, heads):
    """The halves of every head exchanged: the real parts become the imaginary ones."""
    first, second = np.split(weight.reshape(heads, -1, weight.shape[1]), 2, axis=1)
    return np.concatenate([second, first], axis=1).reshape(weight.shape)


def test_the_sense_of_rotation_shows():
    """Real and imaginary parts exchanged in keys and queries turn the states the other way round: +i for -i."""
    path = FILES[0]
    layer, reference = RetNet.from_tensors(*stored(path)), reference_of(path)
    turned = {f"{n}_weight": swapped(getattr(layer, f"{n}_weight"), 2) for n in "qk"}
    other = dataclasses.replace(layer, **turned)
    assert not close(other(reference["x"]), reference["y"], 1e-3)
    first = reference["x"][:, :1]
    assert close(other(first), reference["y"][:, :1]), "one step has no angle"


def test_another_convention_gives_another_output():
    path = DATA / "fla-retnet__grouped_keys.npz"
    layer, reference = RetNet.from_tensors(*stored(path)), reference_of(path)
    for change in (
        {"norm_eps": 1e-5},
        {"norm_weight": None},
        {"g_weight": None},
        {"q_weight": swapped(layer.q_weight, 4)},
    ):
        assert not close(dataclasses.replace(layer, **change)(reference["x"]), reference["y"], 1e-4), change


def test_what_is_not_covered_is_refused_by_name():
    tensors, config = stored(DATA / "fla-retnet__default.npz")
    for change, words in (
        ({"feature_map": "relu"}, "feature_map = 'relu'"),
        ({"gate_fn": "gelu"}, "gate_fn = 'gelu'"),
        ({"use_output_gate": False}, "the parameters"),
        ({"num_heads": 3}, "q_weight"),
        ({"num_heads": 8}, "must be even"),
        ({"num_heads": None}, "num_heads"),
        ({"num_kv_heads": 4}, "must divide"),
        ({"hidden_size": 16}, "hidden_size = 16, the parameters say 8"),
        ({"use_short_conv": True}, "use_short_conv = True"),
        ({"norm_eps": -1}, "norm_eps"),
        ({"norm_eps": float("inf")}, "norm_eps"),
    ):
        with pytest.raises(ValueError, match=words):
            RetNet.from_tensors(tensors, {**config, **change})
    with pytest.raises(ValueError, match=r"missing o_proj\.weight"):
        RetNet.from_tensors({k: v for k, v in tensors.items() if k != "o_proj.weight"}, config)
    with pytest.raises(ValueError, match="the parameters"):
        RetNet.from_tensors(
            {k: v for k, v in tensors.items() if k != "g_proj.weight"}, {**config, "use_output_gate": True}
        )


def test_half_a_set_of_convolutions_is_refused():
    tensors, config = stored(DATA / "fla-retnet__no_gate_conv.npz")
    with pytest.raises(ValueError, match="together or not at all"):
        RetNet.from_tensors({k: v for k, v in tensors.items() if not k.startswith("v_conv1d")}, config)
    with pytest.raises(ValueError, match="q_weight"):
        RetNet.from_tensors({**tensors, "q_proj.weight": np.ones(8)}, config)


def test_the_statement_is_that_of_the_family():
    assert RetNet.statement(1, 2).family == RetNet.family
