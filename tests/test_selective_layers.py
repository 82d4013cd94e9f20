"""The float layers of the selective families beside their proved statements, letter by letter."""

import numpy as np
import pytest

from carleman_ssm.families.gla import GLA
from carleman_ssm.families.mamba import Mamba
from carleman_ssm.families.mamba2 import Mamba2
from carleman_ssm.formulas.numerics import compile_kernel

pytestmark = pytest.mark.symbolic

STEPS, STATES, VALUES = 3, 2, 2
EXACT = 1e-13  # relative to the largest output: sums of at most 8 products


def moved(family, **sizes):
    """A layer away from its initialisation, and inputs."""
    rng = np.random.default_rng(11)
    start = family.initialise(rng, states=STATES, **sizes) if family is not GLA else family.initialise(rng, **sizes)
    tensors = {key: value + rng.normal(size=value.shape) for key, value in start.tensors().items()}
    if family is not GLA:
        tensors["A_log"] = 0.5 * rng.normal(size=tensors["A_log"].shape) - 1  # slow enough that all steps count
        bias = "dt_bias" if family is Mamba2 else "dt_proj.bias"
        tensors[bias] = rng.normal(size=tensors[bias].shape)
    layer = family.from_tensors(tensors, {GLA: {"num_heads": 1}, Mamba2: {"ngroups": 1}}.get(family, {}))
    return layer, rng.normal(size=(1, STEPS, layer.channels))


def letters(stem, rows):
    """Values of the symbols stem_k or stem_k_i, k from 1."""
    rows = np.asarray(rows)
    if rows.ndim == 1:
        return {f"{stem}_{k}": value for k, value in enumerate(rows, 1)}
    return {f"{stem}_{k}_{i}": value for k, row in enumerate(rows, 1) for i, value in enumerate(row)}


def stated(family, values):
    form = family.statement(STATES, STEPS).output
    return np.ravel(compile_kernel(form, backend="numpy")(*(values[str(name)] for name in form.arguments)))


def mamba_letters(layer, u, channel):
    chosen = layer.selection(u)
    values = letters("Delta", chosen.step[0, :, channel]) | letters("x", chosen.x[0, :, channel])
    values |= letters("B", chosen.input_vectors[0]) | letters("C", chosen.output_vectors[0])
    rates = {f"A_{n}": rate for n, rate in enumerate(layer.eigenvalues[channel])}
    return values | rates | {"D": layer.D[channel]}


@pytest.mark.parametrize("channel", [0, 3])
def test_a_channel_of_mamba_is_its_statement(channel):
    layer, u = moved(Mamba)
    chosen = layer.selection(u)
    y = chosen.output_vectors[0, -1] @ layer.scan(u).states()[0, -1, channel]
    y += layer.D[channel] * chosen.x[0, -1, channel]
    values = mamba_letters(layer, u, channel)
    assert abs(stated(Mamba, values)[0] - y) < EXACT * abs(y)
    swapped = values | {"Delta_2": values["Delta_3"], "Delta_3": values["Delta_2"]}
    assert abs(stated(Mamba, swapped)[0] - y) > 1e-3 * abs(y)


def test_the_output_of_mamba_is_made_of_the_stated_channels():
    layer, u = moved(Mamba)
    y = np.array([stated(Mamba, mamba_letters(layer, u, channel))[0] for channel in range(4)])
    gate = layer.selection(u).gate[0, -1]
    out = layer.out_proj_weight @ (y * gate / (1 + np.exp(-gate)))
    np.testing.assert_allclose(out, layer(u)[0, -1], rtol=0, atol=EXACT * np.abs(out).max())


@pytest.mark.parametrize("head", [0, 1])
def test_a_head_of_mamba2_is_its_statement(head):
    layer, u = moved(Mamba2)
    chosen = layer.selection(u)
    values = letters("Delta", chosen.step[0, :, head]) | letters("x", chosen.x[0, :, head])
    values |= letters("B", chosen.keys[0, :, head]) | letters("C", chosen.queries[0, :, head])
    values |= {"a": layer.eigenvalues[head], "D": layer.D[head]}
    state = layer.scan(u).states()[0, -1, head]
    y = chosen.queries[0, -1, head] @ state + layer.D[head] * chosen.x[0, -1, head]
    np.testing.assert_allclose(stated(Mamba2, values), y, rtol=0, atol=EXACT * np.abs(y).max())
    other = values | {"a": 2 * values["a"]}
    assert np.abs(stated(Mamba2, other) - y).max() > 1e-3 * np.abs(y).max()


def test_a_head_of_gated_linear_attention_is_its_statement():
    layer, u = moved(GLA, heads=1, keys=STATES, values=VALUES)
    scan = layer.scan(u)
    keys, values = (np.einsum("lh,oh->lo", u[0], weight) for weight in (layer.k_proj_weight, layer.v_proj_weight))
    queries = u[0] @ layer.q_proj_weight.T
    named = letters("g", -layer.increments(u)[0, :, 0]) | letters("kappa", keys)
    named |= letters("v", values) | letters("q", queries)
    y = queries[-1] @ scan.states()[0, -1, 0] / np.sqrt(STATES)
    np.testing.assert_allclose(stated(GLA, named), y, rtol=0, atol=EXACT * np.abs(y).max())
    forgetful = named | letters("g", -2 * layer.increments(u)[0, :, 0])
    assert np.abs(stated(GLA, forgetful) - y).max() > 1e-3 * np.abs(y).max()
