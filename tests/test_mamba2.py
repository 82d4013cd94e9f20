"""The Mamba-2 mixer: outputs of the reference in four configurations, the recurrence written out, round trips."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.families.mamba2 import Mamba2
from tests import reference_layers

DATA = Path(__file__).parent / "data" / "zoo"
VARIANTS = ["default", "groups_before_gate", "groups_norm", "no_norm_mlp"]
AGREEMENT = 1e-12  # of the largest output: sums of at most 40 products in another order, one norm


def stored(variant):
    return reference_layers.stored(reference_layers.ZOO / f"mamba2__{variant}.npz")


def distance(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def drawn(seed=0, config=None, **sizes):
    """A layer away from its initialisation: every parameter moved, steps of the order of 1."""
    rng = np.random.default_rng(seed)
    start = Mamba2.initialise(rng, **sizes)
    moved = {key: value + rng.normal(size=value.shape) for key, value in start.tensors().items()}
    moved |= {"dt_bias": rng.normal(size=start.heads) - 1, "A_log": rng.normal(size=start.heads)}
    return Mamba2.from_tensors(moved, {"ngroups": start.ngroups} | (config or {}))


@pytest.mark.parametrize("method", ["closed", "recurrence"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_and_states_are_those_of_the_reference(variant, method):
    tensors, config, reference = stored(variant)
    layer = Mamba2.from_tensors(tensors, config)
    assert distance(layer(reference["x"], method), reference["y"]) < AGREEMENT
    assert distance(layer.selection(reference["x"]).step, reference["delta"]) < AGREEMENT
    last = layer.scan(reference["x"]).states(method)[:, -1]
    assert distance(np.swapaxes(last, -1, -2), reference["last_state"]) < AGREEMENT  # stored with values first


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_return_under_their_keys(variant):
    tensors, config, _ = stored(variant)
    back = Mamba2.from_tensors(tensors, config).tensors()
    assert back.keys() == tensors.keys()
    assert all((back[key] == tensors[key]).all() for key in tensors)


def rolled(tensors, key, rows):
    return tensors | {key: np.roll(tensors[key], rows, axis=0)}


@pytest.mark.parametrize(
    ("variant", "twin"),
    [
        ("default", lambda t, c: (rolled(t, "in_proj.weight", 12), c)),  # x before z
        ("default", lambda t, c: (t, c | {"norm_before_gate": True})),
        ("default", lambda t, c: ({k: v for k, v in t.items() if k != "norm.weight"}, c)),
        ("default", lambda t, c: (t | {"D": 0 * t["D"]}, c)),
        ("default", lambda t, c: (t | {"A_log": -t["A_log"]}, c)),
        ("groups_before_gate", lambda t, c: (t, c | {"norm_before_gate": False})),
        ("groups_before_gate", lambda t, c: (t, c | {"dt_limit": None})),
        ("no_norm_mlp", lambda t, c: (rolled(t, "in_proj.weight", 4), c)),
    ],
)
def test_other_conventions_give_other_outputs(variant, twin):
    tensors, config, reference = stored(variant)
    spoiled, settings = twin(tensors, config)
    assert distance(Mamba2.from_tensors(spoiled, settings)(reference["x"]), reference["y"]) > 1e-2


def test_one_norm_over_all_groups_is_another_layer():
    tensors, config, reference = stored("groups_norm")
    layer = Mamba2.from_tensors(tensors, config)
    selected = layer.selection(reference["x"])
    gated = reference["scanned"].reshape(selected.gate.shape) * selected.gate / (1 + np.exp(-selected.gate))
    halves = gated.reshape(2, -1, 2, 4)
    by_group = halves / np.sqrt((halves**2).mean(-1, keepdims=True) + 1e-5)
    mapped = (by_group.reshape(gated.shape) * layer.norm_weight) @ layer.out_proj_weight.T
    assert distance(mapped, reference["y"]) < AGREEMENT
    whole = gated / np.sqrt((gated**2).mean(-1, keepdims=True) + 1e-5) * layer.norm_weight
    assert distance(whole @ layer.out_proj_weight.T, reference["y"]) > 1e-2


def test_states_are_sums_of_outer_products_on_the_clock_of_their_head():
    layer = drawn(2, channels=3, states=2, headdim=3)
    u = np.random.default_rng(4).normal(size=(2, 8, 3))
    selected, clock = layer.selection(u), layer.clock(u)
    decay = np.exp((clock[:, :, None] - clock[:, None]) * -np.exp(layer.A_log)) * np.tri(8)[None, :, :, None]
    # the quadratic form of the layer: no state at all (Dao and Gu, equation 16)
    scores = np.einsum("bkhn,bjhn,bkjh,bjh->bkjh", selected.queries, selected.keys, decay, selected.step)
    y = np.einsum("bkjh,bjhp->bkhp", scores, selected.x) + layer.D[:, None] * selected.x
    gated = y.reshape(selected.gate.shape) * selected.gate / (1 + np.exp(-selected.gate))
    normed = gated / np.sqrt((gated**2).mean(-1, keepdims=True) + 1e-5) * layer.norm_weight
    assert distance(normed @ layer.out_proj_weight.T, layer(u)) < AGREEMENT
    other = drawn(2, channels=3, states=2, headdim=3, config={"dt_limit": [0.2, 0.2]})
    assert distance(np.diff(other.clock(u), axis=1), np.full((2, 7, 2), 0.2)) < 1e-14
    assert distance(other(u), layer(u)) > 1e-3


@given(
    st.sampled_from([(1, 1, 1, 1), (2, 2, 1, 1), (2, 3, 2, 1), (2, 2, 1, 2), (3, 1, 2, 3)]), st.integers(1, 6),
    st.booleans(), st.integers(0, 2**16), st.floats(-40, 40),
)  # fmt: skip
def test_the_closed_form_is_the_recurrence(sizes, length, before, seed, shift):
    channels, states, headdim, ngroups = sizes
    layer = drawn(seed, channels=channels, states=states, headdim=headdim, ngroups=ngroups)
    # shift: steps from 1e-17 to 40, so that states stand still or are forgotten at once
    tensors = layer.tensors() | {"dt_bias": layer.dt_bias + shift}
    layer = Mamba2.from_tensors(tensors, {"ngroups": ngroups, "norm_before_gate": before})
    u = np.random.default_rng(seed).normal(size=(2, length, channels))
    fused, other = layer(u), layer(u, "recurrence")
    stored_states = layer.readout(layer.scan(u).states("closed"), u)
    assert fused.shape == u.shape
    # the norm enlarges what is small: up to 1/sqrt(eps) = 316 times an error of a few roundings
    for one in (fused, stored_states):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-11 * (1 + np.abs(other).max()))


def test_the_initial_layer_has_the_rates_of_the_reference():
    layer = Mamba2.initialise(np.random.default_rng(0), channels=64, headdim=2)
    assert (layer.heads, layer.width, layer.states, layer.channels) == (64, 128, 4, 64)
    assert -16 <= layer.eigenvalues.min() < -12 < -4 < layer.eigenvalues.max() <= -1
    steps = np.log1p(np.exp(layer.dt_bias))
    assert 1e-3 <= steps.min() < 3e-3 < 3e-2 < steps.max() <= 1e-1
    with pytest.raises(ValueError, match="no whole number of heads of 3"):
        Mamba2.initialise(np.random.default_rng(0), headdim=3)


def test_parameters_and_settings_that_do_not_fit_are_refused_by_name():
    tensors, config, _ = stored("default")
    with pytest.raises(ValueError, match=r"dt_bias: expected the shape \(3\), got \(2,\)"):
        Mamba2.from_tensors(tensors | {"dt_bias": tensors["dt_bias"][1:]}, config)
    with pytest.raises(ValueError, match="an input map of 36 rows"):
        Mamba2.from_tensors(tensors | {"in_proj.weight": tensors["in_proj.weight"][1:]}, config)
    with pytest.raises(ValueError, match="3 heads cannot be shared among 5 groups"):
        Mamba2.from_tensors(tensors, config | {"ngroups": 5, "d_state": 1})
    with pytest.raises(ValueError, match="not known here: init_states"):
        Mamba2.from_tensors(tensors | {"init_states": tensors["D"]}, config)
    with pytest.raises(ValueError, match="says rmsnorm = False"):
        Mamba2.from_tensors(tensors, config | {"rmsnorm": False})
    with pytest.raises(ValueError, match="says headdim = 64"):
        Mamba2.from_tensors(tensors, config | {"headdim": 64})
    with pytest.raises(ValueError, match="dt_limit needs two numbers"):
        Mamba2.from_tensors(tensors, config | {"dt_limit": [1.0, 0.5]})
    with pytest.raises(ValueError, match="dt_limit must be two numbers"):
        Mamba2.from_tensors(tensors, config | {"dt_limit": 1.0})
    with pytest.raises(TypeError, match="dt_limit must be a number"):
        Mamba2.from_tensors(tensors, config | {"dt_limit": ["0", "1"]})
    with pytest.raises(TypeError, match="norm_before_gate"):
        Mamba2.from_tensors(tensors, config | {"norm_before_gate": 1})


def test_settings_of_a_model_reach_the_mixer():
    tensors, config, reference = stored("groups_before_gate")
    nested = {
        "d_model": config["d_model"],
        "ssm_cfg": {key: value for key, value in config.items() if key != "d_model"},
    }
    assert distance(Mamba2.from_tensors(tensors, nested)(reference["x"]), reference["y"]) < AGREEMENT
    renamed = {"n_groups": 2, "time_step_limit": config["dt_limit"], "norm_before_gate": True, "head_dim": 2}
    assert distance(Mamba2.from_tensors(tensors, renamed)(reference["x"]), reference["y"]) < AGREEMENT
    with pytest.raises(ValueError, match="says layer = 'Mamba1'"):
        Mamba2.from_tensors(tensors, nested | {"layer": "Mamba1"})
    with pytest.raises(ValueError, match="and 0 groups do not fit"):
        dataclasses.replace(Mamba2.from_tensors(tensors, config), ngroups=0)


def test_groups_are_asked_for_where_shapes_leave_them_open():
    tensors, _, reference = stored("groups_norm")
    with pytest.raises(ValueError, match="ngroups · d_state = 4 alone: give ngroups or d_state"):
        Mamba2.from_tensors(tensors, {})
    for settings in ({"ngroups": 2}, {"d_state": 2}, {"n_groups": 2}, {"state_size": 2}):
        assert distance(Mamba2.from_tensors(tensors, settings)(reference["x"]), reference["y"]) < AGREEMENT
    with pytest.raises(ValueError, match="says d_state = 3"):
        Mamba2.from_tensors(tensors, {"d_state": 3})
    # a model's settings leave the reference's ngroups = 1 out; a layer of one head has but one group
    assert Mamba2.from_tensors(tensors, {"ssm_cfg": {"layer": "Mamba2"}}).ngroups == 1
    assert Mamba2.from_tensors(Mamba2.initialise(np.random.default_rng(0), headdim=4).tensors(), {}).ngroups == 1


@pytest.mark.parametrize("name", ["norm_eps", "layer_norm_epsilon"])
def test_the_gated_norm_has_the_epsilon_of_the_settings(name):
    tensors, config, reference = stored("default")
    layer = Mamba2.from_tensors(tensors, config | {name: 0.5})
    selected = layer.selection(reference["x"])
    skip = layer.D.reshape(layer.heads, -1) * selected.x
    states = layer.scan(reference["x"]).states("recurrence")
    read = (np.einsum("blhn,blhnp->blhp", selected.queries, states) + skip).reshape(selected.gate.shape)
    gated = read * selected.gate / (1 + np.exp(-selected.gate))
    normed = gated / np.sqrt((gated**2).mean(-1, keepdims=True) + 0.5) * layer.norm_weight
    assert distance(normed @ layer.out_proj_weight.T, layer(reference["x"])) < AGREEMENT
    assert distance(layer(reference["x"]), reference["y"]) > 1e-2
    with pytest.raises(ValueError, match=r"norm_eps|epsilon"):
        Mamba2.from_tensors(tensors, config | {name: -1.0})
