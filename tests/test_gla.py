"""The layer of gated linear attention: outputs of the reference in three configurations, its clocks, round trips."""

import dataclasses
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.families.gla import GLA
from tests import reference_layers

DATA = Path(__file__).parent / "data" / "zoo"
VARIANTS = ["default", "grouped_conv", "no_gate"]
AGREEMENT = 1e-12  # of the largest output: sums of at most 30 products in another order, one norm


def stored(variant):
    return reference_layers.stored(reference_layers.ZOO / f"fla-gla__{variant}.npz")


def distance(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def drawn(seed=0, config=None, **sizes):
    """A layer away from its initialisation: every parameter moved."""
    rng = np.random.default_rng(seed)
    start = GLA.initialise(rng, **sizes)
    moved = {key: value + rng.normal(size=value.shape) for key, value in start.tensors().items()}
    return GLA.from_tensors(moved, {"num_heads": start.num_heads} | (config or {}))


@pytest.mark.parametrize("method", ["closed", "recurrence"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_gates_and_states_are_those_of_the_reference(variant, method):
    tensors, config, reference = stored(variant)
    layer = GLA.from_tensors(tensors, config)
    assert distance(layer(reference["x"], method), reference["y"]) < AGREEMENT
    assert distance(layer.increments(reference["x"]), -reference["log_decay"]) < AGREEMENT
    assert distance(layer.scan(reference["x"]).states(method)[:, -1], reference["last_state"]) < AGREEMENT


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_return_under_their_keys(variant):
    tensors, config, _ = stored(variant)
    back = GLA.from_tensors(tensors, config).tensors()
    assert back.keys() == tensors.keys()
    assert all((back[key] == tensors[key]).all() for key in tensors)


@pytest.mark.parametrize(
    ("variant", "twin"),
    [
        ("default", lambda t, c: (t, c | {"gate_logit_normalizer": 8})),
        ("default", lambda t, c: (t, c | {"num_heads": 1})),
        ("default", lambda t, c: (t | {"k_proj.weight": t["q_proj.weight"], "q_proj.weight": t["k_proj.weight"]}, c)),
        ("default", lambda t, c: (t | {"gk_proj.1.bias": -t["gk_proj.1.bias"]}, c)),
        ("grouped_conv", lambda t, c: (t, c | {"clamp_min": None})),
        (
            "grouped_conv",
            lambda t, c: ({k: v for k, v in t.items() if "conv1d.bias" not in k}, c | {"conv_bias": False}),
        ),
        ("grouped_conv", lambda t, c: (t, c | {"norm_eps": 1e-5})),
    ],
)
def test_other_conventions_give_other_outputs(variant, twin):
    tensors, config, reference = stored(variant)
    spoiled, settings = twin(tensors, config)
    if settings["num_heads"] == 1:  # a head of other sizes has another norm
        spoiled = spoiled | {"g_norm_swish_gate.weight": np.tile(spoiled["g_norm_swish_gate.weight"], 2)}
    assert distance(GLA.from_tensors(spoiled, settings)(reference["x"]), reference["y"]) > 1e-3


def test_shared_keys_go_to_neighbouring_heads():
    tensors, config, reference = stored("grouped_conv")
    layer = GLA.from_tensors(tensors, config)
    assert (layer.num_heads, layer.kv_heads) == (4, 2)
    states = layer.scan(reference["x"]).states()
    assert (states[:, :, 0] == states[:, :, 1]).all()
    assert np.abs(states[:, :, 1] - states[:, :, 2]).max() > 1e-3


def test_the_layer_written_out_step_by_step_in_many_digits():
    layer = drawn(3, channels=2, heads=1, keys=2, values=2, rank=1)
    u = np.random.default_rng(1).normal(size=(1, 5, 2))
    t = {key: mpmath.matrix(value.reshape(len(value), -1).tolist()) for key, value in layer.tensors().items()}
    with mpmath.workdps(40):
        state, outputs = mpmath.zeros(2, 2), []
        for k in range(5):
            x = mpmath.matrix(u[0, k].tolist())
            queries, keys, values, gates = (t[f"{name}_proj.weight"] * x for name in "qkvg")
            logits = t["gk_proj.1.weight"] * (t["gk_proj.0.weight"] * x) + t["gk_proj.1.bias"]
            for i in range(2):
                alpha = mpmath.root(1 / (1 + mpmath.exp(-logits[i])), 16)
                for v in range(2):
                    state[i, v] = alpha * state[i, v] + keys[i] * values[v]
            read = state.T * queries / mpmath.sqrt(2)
            size = mpmath.sqrt((read[0] ** 2 + read[1] ** 2) / 2 + mpmath.mpf(1e-5))
            weight = t["g_norm_swish_gate.weight"]
            gated = [read[v] / size * weight[v] * gates[v] / (1 + mpmath.exp(-gates[v])) for v in range(2)]
            outputs.append([float(v) for v in t["o_proj.weight"] * mpmath.matrix(gated)])
    assert distance(layer(u)[0], np.array(outputs)) < AGREEMENT


def test_every_row_of_the_state_has_a_clock_of_its_own():
    layer = drawn(2)
    u = np.random.default_rng(4).normal(size=(2, 9, 4))
    clock, drives = layer.clock(u), layer.scan(u).drives
    assert clock.shape == (2, 9, 2, 2)
    assert (np.diff(clock, axis=1) > 0).all()
    kernel = np.exp(clock[:, None] - clock[:, :, None]) * np.tri(9)[None, :, :, None, None]
    states = layer.scan(u).states("recurrence")
    assert distance(np.einsum("bkjhn,bjhnv->bkhnv", kernel, drives), states) < 1e-13
    shared = np.broadcast_to(kernel[..., :1], kernel.shape)  # one clock for the head, as in Mamba-2
    assert distance(np.einsum("bkjhn,bjhnv->bkhnv", shared, drives), states) > 1e-3


@given(
    st.sampled_from([(1, 1, 1, 1), (2, 2, 1, 3), (3, 2, 2, 1)]), st.integers(1, 6), st.integers(0, 2**16),
    st.floats(-300, 300), st.sampled_from([16, 0.5]),
)  # fmt: skip
def test_the_closed_form_is_the_recurrence(sizes, length, seed, shift, normalizer):
    channels, heads, keys, values = sizes
    layer = drawn(seed, channels=channels, heads=heads, keys=keys, values=values)
    # shift: gates from 1 - 1e-130 down to e^{-600}, so that states stand still or are forgotten at once
    tensors = layer.tensors() | {"gk_proj.1.bias": layer.gk_proj_1_bias + shift}
    layer = GLA.from_tensors(tensors, {"num_heads": heads, "gate_logit_normalizer": normalizer})
    u = np.random.default_rng(seed).normal(size=(2, length, channels))
    fused, other = layer(u), layer(u, "recurrence")
    stored_states = layer.readout(layer.scan(u).states("closed"), u)
    assert fused.shape == u.shape
    # the norm enlarges what is small: up to 1/sqrt(eps) = 316 times an error of a few roundings
    for one in (fused, stored_states):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-11 * (1 + np.abs(other).max()))


def test_parameters_and_settings_that_do_not_fit_are_refused_by_name():
    tensors, config, _ = stored("default")
    cases = [
        (tensors | {"gk_proj.1.bias": np.ones(3)}, config, r"gk_proj_1_bias: expected the shape \(4\), got \(3,\)"),
        (tensors, config | {"num_heads": 3}, "no whole number of 3 heads"),
        (tensors | {"A_log": np.ones(2)}, config, "not known here: A_log"),
        (tensors, config | {"use_short_conv": True}, "says use_short_conv = True"),
        (tensors, config | {"feature_map": "relu"}, "says feature_map = 'relu'"),
        (tensors, config | {"gate_fn": "sigmoid"}, "says gate_fn = 'sigmoid'"),
        (tensors, config | {"gate_logit_normalizer": 0}, "must be a positive number"),
        (tensors, config | {"num_kv_heads": 1}, "says num_kv_heads = 1"),
        (tensors | {"q_conv1d.weight": np.ones((4, 1, 3))}, config, "come together or not at all"),
        (tensors | {"k_proj.weight": np.ones((6, 8))}, config, "no whole number of 2 heads|cannot share"),
    ]
    for spoiled, settings, message in cases:
        with pytest.raises(ValueError, match=message):
            GLA.from_tensors(spoiled, settings)
    with pytest.raises(TypeError, match="norm_eps must be a number"):
        GLA.from_tensors(tensors, config | {"norm_eps": "small"})
    with pytest.raises(ValueError, match="got NaN"):
        GLA.from_tensors(tensors, config | {"norm_eps": float("nan")})
    with pytest.raises(ValueError, match="no whole number of 0 heads"):
        dataclasses.replace(GLA.from_tensors(tensors, config), num_heads=0)
