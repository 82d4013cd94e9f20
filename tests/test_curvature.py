"""Second-order kernels of all logits: against sums over time, the other form of one layer, and their symmetries."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.operators import curvature, lag_matrices
from carleman_ssm.operators import volterra_kernels as interactions
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.curvature import second_order_kernel
from tests.strategies_networks import moderate_network


def summed_over_time(weights, kernel):
    """The definition, one step after the other."""
    rows, _, length = weights.shape
    result = np.zeros((rows, length, length))
    for k in range(length):
        taps = kernel[:, k::-1]  # K_{k−s}, s = 0 … k
        result[:, : k + 1, : k + 1] += np.einsum("rh,hs,ht->rst", weights[:, :, k], taps, taps)
    return result


@st.composite
def weighted_kernels(draw):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, channels, length = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 12))
    weights = generator.normal(size=(rows, channels, length))
    kind = draw(st.sampled_from(("any", "steady", "last", "zero", "steady but for the last")))
    if kind.startswith("steady"):
        weights[:] = weights[..., :1]
    if kind == "last":
        weights[..., :-1] = 0.0
    if kind == "zero":
        weights[:] = 0.0
    if kind == "steady but for the last":
        weights[..., -1] += 1.0
    return weights, generator.normal(size=(channels, length))


@given(weighted_kernels())
def test_every_way_to_sum_over_time_is_the_definition(case):
    weights, kernel = case
    found = lag_matrices.lag_matrices(weights, kernel)
    expected = summed_over_time(weights, kernel)
    np.testing.assert_allclose(found, expected, atol=1e-12 * max(1.0, np.abs(expected).max()))
    np.testing.assert_allclose(found, found.swapaxes(1, 2), atol=1e-12 * max(1.0, np.abs(expected).max()))


def test_both_ways_for_a_mean_pool_agree_where_weights_are_steady():
    """Steady weights through the correlation; the false twin runs the lags backwards."""
    generator = np.random.default_rng(1)
    kernel, steady = generator.normal(size=(5, 40)), generator.normal(size=(2, 5))
    running = lag_matrices._along_diagonals(steady, kernel)
    correlated = lag_matrices._by_spectra(np.repeat(steady[..., None], 40, axis=2), kernel)
    np.testing.assert_allclose(running, correlated, atol=1e-11)
    assert (
        np.abs(running - lag_matrices._along_diagonals(steady, kernel[:, ::-1])).max() > 1.0
    )  # lags reversed: refuted


@pytest.mark.parametrize("length", [1, 2, 3, 13, 31, 64, 97])
def test_transforms_of_every_length_are_the_definition_and_no_lag_wraps_around(length):
    """Odd, even, prime and powers of two: the padded length and its half fall differently."""
    generator = np.random.default_rng(length)
    weights, kernel = generator.normal(size=(3, 2, length)), generator.normal(size=(2, length))
    found = lag_matrices._by_spectra(weights, kernel)
    expected = summed_over_time(weights, kernel)
    np.testing.assert_allclose(found, expected, atol=1e-13 * np.abs(expected).max())


def test_small_blocks_of_lags_change_nothing(monkeypatch):
    generator = np.random.default_rng(2)
    weights, kernel = generator.normal(size=(2, 3, 17)), generator.normal(size=(3, 17))
    whole = lag_matrices.lag_matrices(weights, kernel)
    monkeypatch.setattr(lag_matrices, "BLOCK_ENTRIES", 1)
    np.testing.assert_allclose(lag_matrices.lag_matrices(weights, kernel), whole, atol=1e-13)


@pytest.mark.parametrize("pool", ["mean", "last"])
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_one_layer_closed_forms_equal_products_of_the_reverse_pass(pool, norm):
    network = moderate_network(1, features=2, activation="poly", norm=norm, pool=pool)
    sequences = np.random.default_rng(3).normal(size=(4, 9, 2))
    one = network_operator(network, sequences=sequences, centre="mean").second_order_kernel()
    deep = network_operator(network, sequences=sequences, centre="mean", form="stack").second_order_kernel()
    arrays = deep.all_arrays()
    scale = np.abs(arrays).max()
    np.testing.assert_allclose(one.all_arrays(), arrays, atol=1e-12 * scale)
    for label in range(network.classes):
        np.testing.assert_allclose(one.array(label), arrays[label], atol=1e-12 * scale)
        np.testing.assert_allclose(deep.array(label), arrays[label], atol=1e-12 * scale)
    deviation = sequences - sequences.mean(axis=0)
    np.testing.assert_allclose(one.quadratic_form(deviation), deep.quadratic_form(deviation), atol=1e-11 * scale)
    product = np.einsum("isjtk,btk->bisj", arrays, deviation)
    np.testing.assert_allclose(deep.product(deviation), product, atol=1e-11 * scale)


def test_a_last_pool_reads_a_rank_of_at_most_its_channels():
    network = moderate_network(1, channels=3, activation="square", pool="last")
    operator = network_operator(network, sequences=np.ones((1, 24, 1)), length=24)
    arrays = operator.second_order_kernel().all_arrays().reshape(3, 24, 24)
    assert [np.linalg.matrix_rank(array, tol=1e-10 * np.abs(array).max()) for array in arrays] == [3, 3, 3]
    pooled = network_operator(moderate_network(1, channels=3, activation="square"), sequences=np.ones((1, 24, 1)))
    whole = pooled.second_order_kernel().array(0).reshape(24, 24)
    assert np.linalg.matrix_rank(whole, tol=1e-10 * np.abs(whole).max()) > 3


def test_factors_of_a_last_pool_rebuild_its_kernels():
    network = moderate_network(1, features=2, activation="poly", pool="last", norm="batch")
    sequences = np.random.default_rng(5).normal(size=(2, 11, 2))
    kernel = network_operator(network, sequences=sequences, centre="mean").second_order_kernel()
    weights, vectors = kernel.factors()
    assert (weights.shape, vectors.shape) == ((3, 4), (4, 11, 2))
    rebuilt = np.einsum("ih,hsj,htk->isjtk", weights, vectors, vectors)
    np.testing.assert_allclose(rebuilt, kernel.all_arrays(), atol=1e-13 * np.abs(rebuilt).max())
    pooled = network_operator(moderate_network(1, activation="square"), sequences=np.ones((1, 11, 1)))
    with pytest.raises(ValueError, match="mean pool"):
        pooled.second_order_kernel().factors()


@pytest.mark.parametrize("entries", [{}, {"output": "glu", "gate": "identity", "norm": "layer"}])
def test_deep_kernels_are_symmetric_and_rebuild_their_quadratic_form(entries):
    network = moderate_network(3, features=2, activation="square", **entries)
    generator = np.random.default_rng(4)
    centre, deviation = generator.normal(size=(6, 2)), generator.normal(size=(3, 6, 2))
    operator = network_operator(network, sequences=centre + deviation, centre=centre, form="stack")
    kernel = second_order_kernel(operator.stack, operator.decoders, centre)
    arrays = kernel.all_arrays()
    scale = np.abs(arrays).max()
    np.testing.assert_allclose(arrays, arrays.transpose(0, 3, 4, 1, 2), atol=1e-11 * scale)
    rebuilt = np.einsum("isjtk,bsj,btk->bi", arrays, deviation, deviation)
    np.testing.assert_allclose(kernel.quadratic_form(deviation), rebuilt, atol=1e-9 * scale)
    assert kernel.length == 6


def test_kernels_beyond_the_limit_are_refused_with_the_remedy(monkeypatch):
    network = moderate_network(1, activation="square")
    for module in (curvature, interactions):
        monkeypatch.setattr(module, "MAX_ENTRIES", 100)
    for form in ("stack", "one_layer"):
        kernel = network_operator(network, sequences=np.ones((1, 8, 1)), form=form).second_order_kernel()
        assert kernel.array(0).shape == (8, 1, 8, 1)
        with pytest.raises(ValueError, match="quadratic_form"):
            kernel.all_arrays()
        assert kernel.quadratic_form(np.ones((1, 8, 1))).shape == (1, 3)


def test_what_is_no_class_or_no_input_is_refused():
    operator = network_operator(moderate_network(2, activation="square"), sequences=np.ones((1, 8, 1)))
    with pytest.raises(ValueError, match="classes 0 to 2"):
        operator.second_order_kernel().array(3)
    for shape in ((9, 1), (8, 2), (8,)):
        with pytest.raises(ValueError, match="at most 8 steps"):
            second_order_kernel(operator.stack, operator.decoders, np.zeros(shape))
