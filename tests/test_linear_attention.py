"""Linear attention: reference outputs, the layer in plain loops, degree 3 and 5, what divides and is no polynomial."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.families.homogeneity import homogeneous_parts
from carleman_ssm.families.linear_attention import LinearAttention

DATA = Path(__file__).parent / "data" / "zoo"
FILES = sorted(path for path in DATA.glob("fla-linear-attention__*.npz") if ".reference" not in path.name)
ROUNDING = 1e-12
"""Relative: float64 sums of at most a few hundred products lose fewer than four digits."""


def stored(path):
    tensors = dict(np.load(path))
    return tensors, json.loads(str(tensors.pop("config")))


def named(name):
    return DATA / f"fla-linear-attention__{name}.npz"


def reference_of(path):
    return np.load(path.with_name(path.stem + ".reference.npz"))


def close(got, wanted, tolerance=ROUNDING):
    return np.abs(got - wanted).max() <= tolerance * max(np.abs(wanted).max(), 1e-300)


def by_pairs(layer, x):
    """One sequence in parallel form: every query against every earlier key, in loops, without a state."""
    heads, dim, share = layer.num_heads, layer.key_dim, layer.num_heads // layer.num_kv_heads
    wide = len(layer.output_weight.T) // heads

    def features(side, v, divided):
        if layer.q1_weight is not None:
            first, second = (
                getattr(layer, f"{side}{i}_weight") @ v + getattr(layer, f"{side}{i}_bias") for i in (1, 2)
            )
            v = first * second
        return v / (v.sum() + 1e-4) if divided else v

    rows = []
    for t in range(len(x)):
        out = []
        for h in range(heads):
            g = h // share
            q = features("q", (layer.q_weight @ x[t])[h * dim : (h + 1) * dim], layer.norm_q) / np.sqrt(dim)
            total, weight = np.zeros(wide), 0.0
            for s in range(t + 1):
                score = q @ features("k", (layer.k_weight @ x[s])[g * dim : (g + 1) * dim], layer.norm_k)
                total = total + score * (layer.v_weight @ x[s])[g * wide : (g + 1) * wide]
                weight += score
            o = total / (weight + 1e-10) if layer.do_feature_map_norm else total
            if layer.output_norm == "rmsnorm":
                o = o / np.sqrt((o * o).mean() + layer.norm_eps)
                o = o if layer.norm_weight is None else o * layer.norm_weight
            out.append(o)
        rows.append(layer.output_weight @ np.concatenate(out))
    return np.array(rows)


def random_layer(rng, width=4, heads=2, groups=2, dim=2, wide=3, *, product=False, **options):
    shapes = {"q_weight": (heads * dim, width), "k_weight": (groups * dim, width)}
    shapes |= {"v_weight": (groups * wide, width), "output_weight": (width, heads * wide)}
    if product:
        shapes |= {
            f"{s}{i}_{k}": (dim, dim) if k == "weight" else (dim,)
            for s in "qk"
            for i in (1, 2)
            for k in ("weight", "bias")
        }
    drawn = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return LinearAttention(**drawn, num_heads=heads, num_kv_heads=groups, **options)


def test_three_routes_agree():
    """By chunks without states, by the states in closed form, step by step; 150 steps are several chunks."""
    rng = np.random.default_rng(9)
    layer, x = random_layer(rng, product=True), rng.normal(size=(2, 150, 4))
    stepped = layer(x, "recurrence")
    assert close(layer(x), stepped, 1e-10)
    assert close(layer.readout(layer.scan(x).states(), x), stepped, 1e-10)


def test_there_are_references():
    assert len(FILES) >= 5


@pytest.mark.parametrize("method", ["closed", "recurrence"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_reference_is_reproduced(path, method):
    layer, reference = LinearAttention.from_tensors(*stored(path)), reference_of(path)
    assert close(layer(reference["x"], method), reference["y"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_core_is_that_of_the_reference_without_a_norm(path):
    layer, reference = LinearAttention.from_tensors(*stored(path)), reference_of(path)
    core = layer.core(layer.scan(reference["x"]).states(), reference["x"]).reshape(*reference["x"].shape[:2], -1)
    assert close(core, reference["before_o_proj"]) == (layer.output_norm == "identity")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_tensors_return_unchanged(path):
    tensors, config = stored(path)
    back = LinearAttention.from_tensors(tensors, config).tensors()
    assert set(back) == set(tensors)
    assert all(np.array_equal(back[key], tensors[key]) for key in tensors)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(1, 1), (2, 1), (4, 2)]),
    st.booleans(),
    st.sampled_from([1, 2, 6]),
    st.sampled_from(["noise", "constant", "zero"]),
    st.sampled_from(["identity", "rmsnorm"]),
)
def test_the_layer_is_its_sum_over_pairs(seed, heads, product, length, kind, norm):
    rng = np.random.default_rng(seed)
    layer = random_layer(rng, heads=heads[0], groups=heads[1], product=product, output_norm=norm, norm_eps=0.1)
    x = {"noise": rng.normal(size=(length, 4)), "constant": np.ones((length, 4)), "zero": np.zeros((length, 4))}[kind]
    wanted = by_pairs(layer, x)
    for method in ("closed", "recurrence"):
        assert close(layer(x[None], method)[0], wanted, 1e-10)


@pytest.mark.parametrize("switches", [("do_feature_map_norm",), ("norm_q", "norm_k")])
def test_what_divides_follows_its_formula_and_is_no_polynomial(switches):
    """Inputs and weights near 1 keep the divisors away from 0."""
    rng = np.random.default_rng(0)
    plain = random_layer(rng, output_norm="identity")
    weights = {f"{n}_weight": 1 + 0.1 * getattr(plain, f"{n}_weight") for n in "qkv"}
    layer = dataclasses.replace(plain, **weights, **dict.fromkeys(switches, True))
    x = 1 + 0.1 * rng.normal(size=(5, 4))
    assert close(layer(x[None])[0], by_pairs(layer, x), 1e-10)
    assert layer.core_degree is None
    assert layer.input_degree is None
    assert homogeneous_parts(layer, 4 * x[None] - 4, 5, centre=1.0).residual > 1e3 * ROUNDING
    assert homogeneous_parts(plain, 4 * x[None] - 4, 3, centre=1.0).residual < ROUNDING


@pytest.mark.parametrize(("product", "degree"), [(False, 3), (True, 5)])
def test_the_degree_is_exact(product, degree):
    rng = np.random.default_rng(1)
    layer = random_layer(rng, product=product, output_norm="identity")
    x = rng.normal(size=(2, 7, 4))
    assert layer.input_degree == layer.core_degree == degree
    measured = homogeneous_parts(layer, x, degree)
    assert measured.residual < ROUNDING
    assert measured.shares()[degree] > 1e-2
    assert homogeneous_parts(layer, x, degree - 1).residual > 1e-3
    if not product:
        assert measured.shares()[:3].max() < ROUNDING


def test_a_quotient_of_degree_one_is_seen_about_another_centre_only():
    def quotient(u):
        return u[..., :1] ** 3 / (u**2).sum(axis=-1, keepdims=True)

    u = np.array([[0.3, 0.5]])
    assert homogeneous_parts(quotient, u, 1).residual < ROUNDING
    assert homogeneous_parts(quotient, u, 1, centre=np.array([1.0, 0.2])).residual > 1e-3


def test_the_rms_norm_is_no_polynomial():
    rng = np.random.default_rng(2)
    layer = random_layer(rng)
    assert layer.input_degree is None
    assert homogeneous_parts(layer, rng.normal(size=(1, 5, 4)), 7).residual > 1e-3


def test_another_convention_gives_another_output():
    path = named("default")
    layer, reference = LinearAttention.from_tensors(*stored(path)), reference_of(path)
    for change in (
        {"norm_eps": 1e-5},
        {"norm_q": True},
        {"do_feature_map_norm": True},
        {"q1_weight": layer.k1_weight, "k1_weight": layer.q1_weight},
        {"output_norm": "identity", "norm_weight": None},
    ):
        assert not close(dataclasses.replace(layer, **change)(reference["x"]), reference["y"], 1e-4), change


def test_what_is_not_covered_is_refused_by_name():
    tensors, config = stored(named("hadamard"))
    with pytest.raises(ValueError, match="'relu' is not polynomial"):
        LinearAttention.from_tensors(tensors, {**config, "feature_map": "relu"})
    with pytest.raises(ValueError, match="not known here: feature_map_k"):
        LinearAttention.from_tensors(tensors, {**config, "feature_map": "identity"})
    with pytest.raises(ValueError, match=r"missing feature_map_q.layer1.weight"):
        LinearAttention.from_tensors({k: v for k, v in tensors.items() if "layer1" not in k}, config)
    with pytest.raises(ValueError, match="num_heads"):
        LinearAttention.from_tensors(tensors, {**config, "num_heads": None})
    with pytest.raises(ValueError, match="must divide"):
        LinearAttention.from_tensors(tensors, {**config, "num_kv_heads": 3})
    with pytest.raises(ValueError, match="q1_weight"):
        LinearAttention.from_tensors(tensors, {**config, "num_heads": 4})
    with pytest.raises(ValueError, match="output_norm"):
        LinearAttention.from_tensors(tensors, {**config, "output_norm": "layernorm"})
    for name, value in (("norm_q", 1), ("norm_eps", "small")):
        with pytest.raises(TypeError, match=name):
            LinearAttention.from_tensors(tensors, {**config, name: value})
    for change, words in (
        ({"hidden_size": 16}, "hidden_size = 16, the parameters say 8"),
        ({"norm_eps": -1.0}, "norm_eps must be a number"),
        ({"num_heads": 2.5}, "num_heads"),
    ):
        with pytest.raises(ValueError, match=words):
            LinearAttention.from_tensors(tensors, {**config, **change})
    with pytest.raises(ValueError, match="q_weight"):
        LinearAttention.from_tensors({**tensors, "q_proj.weight": np.ones(8)}, config)
    with pytest.raises(ValueError, match="drop one"):
        LinearAttention.from_tensors({**tensors, "norm.weight": np.ones(4)}, config)
    with pytest.raises(ValueError, match="together or not at all"):
        dataclasses.replace(LinearAttention.from_tensors(tensors, config), q1_bias=None)


def test_the_name_of_the_model_configuration_is_read_too():
    tensors, config = stored(named("tied_normalised"))
    renamed = {"norm_feature_map" if key == "do_feature_map_norm" else key: value for key, value in config.items()}
    assert LinearAttention.from_tensors(tensors, renamed).do_feature_map_norm


@pytest.mark.parametrize("feature_map", ["identity", "elementwise_product"])
def test_a_layer_starts_as_its_reference(feature_map):
    layer = LinearAttention.initialise(np.random.default_rng(3), hidden_size=32, num_heads=4, feature_map=feature_map)
    assert abs(layer.q_weight.std() - 0.02) < 0.002
    assert np.array_equal(layer.norm_weight, np.ones(8))
    assert (layer.q1_weight is None) == (feature_map == "identity")
    assert layer(np.ones((1, 3, 32))).shape == (1, 3, 32)


def test_the_statement_is_that_of_the_family():
    assert LinearAttention.statement(1, 2).family == LinearAttention.family
