"""The chunked closed form of the selective recurrence against the recurrence, exact rationals and many digits."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import selective_scan as benchmark
from carleman_ssm.families import selective_scan as module
from carleman_ssm.families.scans import VaryingDiagonalScan
from carleman_ssm.families.selective_scan import clock_states, selective_scan


def problem(rng, batch=2, length=70, channels=5, states=3, scale=0.05):
    """Increments, rates, values, B, C as Mamba-1 has them: rates −1, …, −N and positive increments."""
    return (
        scale * rng.exponential(size=(batch, length, channels)),
        -np.tile(np.arange(1.0, states + 1), (channels, 1)),
        rng.normal(size=(batch, length, channels)),
        rng.normal(size=(batch, length, states)),
        rng.normal(size=(batch, length, states)),
    )


def by_recurrence(increments, rates, values, B, C):
    """The states by steps through time, then the sum over them."""
    multipliers = np.exp(increments[..., None] * rates)
    states = VaryingDiagonalScan(multipliers, values[..., None] * B[:, :, None]).states("recurrence")
    return np.einsum("bldn,bln->bld", states, C)


def error(found, wanted):
    """Largest difference, relative to the largest output."""
    return np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-300)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 150), st.integers(1, 7), st.integers(1, 5)),
    scale=st.sampled_from([0.0, 1e-12, 1e-3, 0.1, 3.0, 60.0, 1e5]),
)
def test_outputs_are_those_of_the_recurrence(seed, sizes, scale):
    given_ = problem(np.random.default_rng(seed), *sizes, scale)
    # 1e-13: the exponent is at most RANGE_DOUBLE = 128, so a term is off by 128 units in the last place, 3e-14.
    assert error(selective_scan(*given_), by_recurrence(*given_)) <= 1e-13


def test_increments_between_nothing_and_more_than_the_range_of_a_double():
    rng = np.random.default_rng(1)
    increments, *others = problem(rng, length=300)
    increments[:] = rng.choice([0.0, 1e-300, 1e-3, 1.0, 40.0, 800.0, 1e300], increments.shape)
    found = selective_scan(increments, *others)
    assert np.isfinite(found).all()
    assert error(found, by_recurrence(increments, *others)) <= 1e-13


@pytest.mark.parametrize("twin", ["no bound", "carry forgotten"])
def test_false_twins_are_refuted(twin, monkeypatch):
    given_ = problem(np.random.default_rng(2), length=400, scale=10.0 if twin == "no bound" else 0.1)
    wanted = by_recurrence(*given_)
    assert error(selective_scan(*given_), wanted) <= 1e-13
    if twin == "no bound":  # e^{-a τ} leaves the range of the numbers inside a chunk
        monkeypatch.setattr(module, "chunk_range", lambda *_factors: 1e9)
        with np.errstate(all="ignore"):
            assert not np.isfinite(selective_scan(*given_)).all()
    else:  # every chunk from rest
        monkeypatch.setattr(module, "LONGEST", 16)
        parts = [selective_scan(*(a if a.ndim == 2 else a[:, s : s + 16] for a in given_)) for s in range(0, 400, 16)]
        assert error(np.concatenate(parts, axis=1), wanted) > 1e-3


def test_a_step_that_forgets_everything_begins_anew():
    increments, rates, values, B, C = problem(np.random.default_rng(3), length=40)
    increments[:, 25] = 1e6
    after = selective_scan(increments, rates, values, B, C)[:, 25:]
    assert (
        error(after, selective_scan(*(a if a.ndim == 2 else a[:, 25:] for a in (increments, rates, values, B, C))))
        <= 1e-15
    )


def test_rational_multipliers_give_exact_rationals():
    # e^{a Δ} = 2^{-m}: the exact states are dyadic, and the recurrence runs in fractions.
    rng = np.random.default_rng(4)
    powers, kicks = rng.integers(0, 4, 60), rng.integers(-9, 10, 60)
    state, exact = Fraction(0), []
    for power, kick in zip(powers, kicks, strict=True):
        state = state / 2 ** int(power) + int(kick)
        exact.append(float(state))
    ones = np.ones((1, 60, 1))
    found = selective_scan(powers[None, :, None] * np.log(2), [[-1.0]], kicks[None, :, None] * ones, ones, ones)
    assert error(found.ravel(), np.array(exact)) <= 1e-14


def test_complex_rates_and_growth_against_fifty_digits():
    rng = np.random.default_rng(5)
    increments = rng.uniform(0, 2, (1, 50, 1))
    kicks = rng.normal(size=(1, 50, 2))
    rates = np.array([[-0.3 + 4j, 0.2 - 1j]])
    with mpmath.workdps(50):
        state, wanted = [mpmath.mpc(0)] * 2, []
        for k in range(50):
            factor = [mpmath.exp(mpmath.mpc(complex(a)) * float(increments[0, k, 0])) for a in rates[0]]
            state = [f * x + float(b) for f, x, b in zip(factor, state, kicks[0, k], strict=True)]
            wanted.append([complex(x) for x in state])
    found = clock_states(increments, rates[0], kicks)
    assert found.dtype == complex
    assert error(found[0], np.array(wanted)) <= 1e-13
    fused = selective_scan(increments, rates, np.ones((1, 50, 1)), kicks, np.ones((1, 50, 2)))
    assert error(fused[0, :, 0], np.array(wanted).sum(axis=1)) <= 1e-13


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 90), scale=st.sampled_from([0.0, 0.1, 5.0, 400.0]))
def test_states_of_a_decay_for_each_key(seed, length, scale):
    # A gated linear attention: matrix states (keys, values), one decay for each key.
    rng = np.random.default_rng(seed)
    increments = scale * rng.random((2, length, 2, 3, 1))
    drives = rng.normal(size=(2, length, 2, 3, 4))
    wanted = VaryingDiagonalScan(np.exp(-increments), drives).states("recurrence")
    assert error(clock_states(increments, -1.0, drives), wanted) <= 1e-13


def test_single_precision_stays_single_and_close_to_double():
    rng = np.random.default_rng(6)
    given_ = problem(rng, length=600, channels=24, states=16, scale=0.03)
    found = selective_scan(*(array.astype(np.float32) for array in given_))
    assert found.dtype == np.float32
    assert error(found, selective_scan(*given_)) <= 1e-6  # the aim of the benchmark


def test_large_values_in_single_precision_shorten_the_chunks_instead_of_overflowing(monkeypatch):
    # Sixty-four steps of 1/2 reach the bound of 32, and e^{32} times 1e34 is more than float32 holds.
    ones = np.ones((1, 200, 1), np.float32)
    given_ = (ones / 2, -np.ones((1, 1), np.float32), ones * np.float32(1e34), ones, ones)
    wanted = by_recurrence(*(array.astype(float) for array in given_))
    assert error(selective_scan(*given_), wanted) <= 1e-6
    assert error(clock_states(ones / 2, -1.0, given_[2]), wanted) <= 1e-6
    monkeypatch.setattr(module, "chunk_range", lambda *_factors: module.RANGE_SINGLE)
    with np.errstate(all="ignore"):
        assert not np.isfinite(selective_scan(*given_)).all()


@pytest.mark.parametrize(("block", "chunk"), [(1, 1), (2, 64), (6, 1000), (4096, 2**18)])
def test_neither_blocks_nor_chunks_nor_threads_change_the_outputs(block, chunk, monkeypatch):
    given_ = problem(np.random.default_rng(8), length=90, channels=7)
    wanted = by_recurrence(*given_)
    monkeypatch.setattr(module, "BLOCK_STATES", block)
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk)
    for workers in (1, 3):
        assert error(selective_scan(*given_, workers=workers), wanted) <= 1e-13


def test_misfits_are_named():
    increments, rates, values, B, C = problem(np.random.default_rng(9), length=4)
    with pytest.raises(ValueError, match=r"B: expected the shape \(2, 4, 3\)"):
        selective_scan(increments, rates, values, B[..., :2], C)
    with pytest.raises(ValueError, match="increments: expected the shape"):
        selective_scan(increments[..., :1], rates, values, B, C)
    with pytest.raises(ValueError, match=r"expected rates \(D, N\)"):
        selective_scan(increments, rates[0], values, B, C)
    with pytest.raises(ValueError, match="expected real numbers"):
        selective_scan(1j * increments, rates, values, B, C)
    with pytest.raises(ValueError, match="workers"):
        selective_scan(increments, rates, values, B, C, workers=0)
    with pytest.raises(ValueError, match="do not fit"):
        clock_states(increments, rates, values)
    with pytest.raises(ValueError, match="do not broadcast"):
        clock_states(increments, np.ones(4), values)


def test_all_sides_of_the_benchmark_compute_the_same():
    problem_ = benchmark.mamba_like((2, 40, 6, 3))
    wanted = by_recurrence(
        *(array.astype(float) for array in (*problem_[:2], problem_[0] * problem_[2], *problem_[3:]))
    )
    runs = benchmark.candidates(problem_, threads=1)
    assert {"ours", "(a)", "(b)"} <= set(runs)
    for run in runs.values():
        assert error(np.asarray(run()), wanted) <= 1e-6
    rows = benchmark.compare((1, 20, 4, 2), threads=1, repeats=1)
    assert {row.unit for row in rows} == {"ms", ""}
    assert len(rows) == 2 * len(runs) - 1
