"""Matrix states on a clock, read by queries: chunks beside the recurrence; scans beside the exact recurrence."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.families import gated_attention as module
from carleman_ssm.families.clock_scan import ClockScan
from carleman_ssm.families.gated_attention import gated_attention
from carleman_ssm.families.gla import GLA
from carleman_ssm.families.mamba import Mamba
from carleman_ssm.families.mamba2 import Mamba2
from carleman_ssm.recurrences.affine import VaryingDiagonal


def stepped(increments, keys, values, queries):
    state, outputs = 0.0, np.empty(values.shape)
    for k in range(values.shape[1]):
        state = np.exp(-increments[:, k])[..., None] * state + keys[:, k, ..., None] * values[:, k, :, None]
        outputs[:, k] = np.einsum("bhk,bhkv->bhv", queries[:, k], state)
    return outputs


@given(
    st.integers(1, 3), st.integers(1, 40), st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.booleans(),
    st.sampled_from([0.0, 1e-12, 0.05, 1.0, 10.0, 150.0, 1e4]), st.integers(0, 2**16),
)  # fmt: skip
def test_chunks_give_the_recurrence(batch, length, heads, rows, columns, shared, scale, seed):
    rng = np.random.default_rng(seed)
    increments = scale * rng.exponential(size=(batch, length, heads, 1 if shared else rows))
    keys, queries = rng.normal(size=(2, batch, length, heads, rows))
    values = rng.normal(size=(batch, length, heads, columns))
    wanted = stepped(increments, keys, values, queries)
    # a factor e^{-tau} with tau up to 128 carries up to 128 roundings; sums of at most 40 terms of size 30
    np.testing.assert_allclose(gated_attention(increments, keys, values, queries), wanted, rtol=0, atol=1e-11)
    drives = keys[..., None] * values[..., None, :]
    states = ClockScan(increments[..., None], np.array(-1.0), drives).states()
    np.testing.assert_allclose(np.einsum("blhk,blhkv->blhv", queries, states), wanted, rtol=0, atol=1e-11)


def test_several_chunks_hand_the_state_on():
    rng = np.random.default_rng(0)
    length = 3 * module.LONGEST + 5
    keys, values, queries = rng.normal(size=(3, 1, length, 2, 2))
    increments = rng.exponential(scale=0.01, size=(1, length, 2, 2))
    increments[:, 100] = 700.0  # one step forgets everything
    found = gated_attention(increments, keys, values, queries)
    np.testing.assert_allclose(found, stepped(increments, keys, values, queries), rtol=0, atol=1e-11)
    cut = gated_attention(increments[:, 100:], keys[:, 100:], values[:, 100:], queries[:, 100:])
    np.testing.assert_allclose(found[:, 100:], cut, rtol=0, atol=1e-11)
    swapped = gated_attention(increments[:, ::-1], keys, values, queries)
    assert np.abs(swapped - found).max() > 1e-2


def test_large_values_do_not_overflow_inside_a_chunk():
    keys = np.full((1, 40, 1, 1), 1e120)
    values, queries = np.full_like(keys, 1e120), np.full_like(keys, 1e-240)
    found = gated_attention(np.full_like(keys, 10.0), keys, values, queries)
    np.testing.assert_allclose(found.ravel()[-1], 1 / (1 - np.exp(-10)), rtol=1e-13)


def test_shapes_and_clocks_that_do_not_fit_are_refused():
    ones = np.ones((1, 3, 2, 2))
    with pytest.raises(ValueError, match="queries: the shape"):
        gated_attention(ones, ones, ones, ones[..., :1])
    with pytest.raises(ValueError, match="values: the shape"):
        gated_attention(ones, ones, ones[:, :2], ones)
    with pytest.raises(ValueError, match="increments: the shape"):
        gated_attention(ones[..., 0], ones, ones, ones)
    with pytest.raises(ValueError, match="a clock runs forwards"):
        gated_attention(-ones, ones, ones, ones)


@pytest.mark.parametrize("layer", [Mamba, Mamba2, GLA])
def test_states_of_the_layers_are_those_of_the_exact_recurrence(layer):
    rng = np.random.default_rng(7)
    scan = layer.initialise(rng).scan(rng.normal(size=(1, 6, layer.initialise(rng).channels)))
    multipliers = np.broadcast_to(scan.multipliers, scan.drives.shape)[0].reshape(6, -1)
    drives = scan.drives[0].reshape(6, -1)
    exact = VaryingDiagonal(
        [[sp.Rational(float(v)) for v in row] for row in multipliers],
        [[sp.Rational(float(v)) for v in row] for row in drives],
    )
    last = np.array([float(v) for v in exact.state(6)])
    found = scan.states("closed")[0, -1].ravel()
    # multipliers are rounded before the exact recurrence, exponents inside the scan: a few roundings each
    np.testing.assert_allclose(found, last, rtol=0, atol=1e-14 * np.abs(last).max())
    backwards = VaryingDiagonal(exact.multipliers[::-1], exact.drives)
    assert np.abs(np.array([float(v) for v in backwards.state(6)]) - last).max() > 1e-4 * np.abs(last).max()
