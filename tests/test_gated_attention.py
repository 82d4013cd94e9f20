"""Matrix states on a clock, read by queries: chunks beside the recurrence, over the whole range of decays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.families import gated_attention as module
from carleman_ssm.families.clock_scan import ClockScan
from carleman_ssm.families.gated_attention import gated_attention


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
