"""LRU: reference outputs, a second restatement in plain loops, round trip, and twins that miss."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.families.flax_tensors import Dense
from carleman_ssm.families.lru import LRU

DATA = Path(__file__).parent / "data" / "zoo"
FILES = sorted(path for path in DATA.glob("minimal-lru__*.npz") if ".reference" not in path.name)


def stored_of(path):
    return {name: value for name, value in np.load(path).items() if name != "config"}


def reference_of(path):
    return np.load(path.with_suffix("").with_suffix(".reference.npz"))


def preactivation_by_loops(layer, x):
    y = np.zeros_like(x)
    for n in range(len(layer.nu_log)):
        multiplier = np.exp(complex(-np.exp(layer.nu_log[n]), np.exp(layer.theta_log[n])))
        state = 0j
        for k in range(len(x)):
            drive = sum(complex(layer.B_re[n, i], layer.B_im[n, i]) * x[k, i] for i in range(x.shape[1]))
            state = multiplier * state + np.exp(layer.gamma_log[n]) * drive
            y[k] += layer.C_re[:, n] * state.real - layer.C_im[:, n] * state.imag
    return y + layer.D * x


def random_layer(rng, modes=3, channels=2):
    names = {"B_re": (modes, channels), "B_im": (modes, channels), "C_re": (channels, modes), "C_im": (channels, modes)}
    maps = {name: rng.normal(size=shape) for name, shape in names.items()}
    logs = {name: rng.normal(size=modes) for name in ("theta_log", "nu_log", "gamma_log")}
    return LRU(**logs, **maps, D=rng.normal(size=channels))


def test_there_are_reference_files():
    assert len(FILES) == 2


@pytest.mark.parametrize("method", ["closed", "recurrence"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_reference_is_reproduced(path, method):
    layer, reference = LRU.from_tensors(stored_of(path), {}), reference_of(path)
    x = reference["x"]
    assert np.abs(layer.preactivation(layer.scan(x).states(method), x) - reference["preactivation"]).max() <= 1e-12
    assert np.abs(layer(x, method) - reference["y"]).max() <= 1e-12  # both sides in float64


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_tensors_come_back_bit_by_bit(path):
    stored = stored_of(path)
    again = LRU.from_tensors(stored | {"normalization/scale": np.ones(2)}, {}).tensors()
    assert again.keys() == stored.keys()
    assert all(np.array_equal(again[name], value) for name, value in stored.items())


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 4))
def test_closed_form_recurrence_and_loops_agree(seed, length, modes):
    rng = np.random.default_rng(seed)
    layer, x = random_layer(rng, modes), rng.normal(size=(2, length, 2))
    loops = np.stack([preactivation_by_loops(layer, row) for row in x])
    scale = max(1.0, np.abs(loops).max()) * length
    assert np.abs(layer(x) - layer(x, "recurrence")).max() <= 1e-13 * scale
    assert np.abs(layer(x) - loops).max() <= 1e-13 * scale


TWINS = {
    "two real parts": lambda layer: {"C_re": 2 * layer.C_re, "C_im": 2 * layer.C_im},
    "a dropped conjugate": lambda layer: {"C_im": -layer.C_im},
    "no input scale": lambda layer: {"gamma_log": 0 * layer.gamma_log},
    "transposed gates": lambda layer: {"out2": Dense(layer.out2.kernel.T, layer.out2.bias)},
    "swapped gates": lambda layer: {"out1": layer.out2, "out2": layer.out1},
    "no gates": lambda _: {"out1": None, "out2": None},
}


@pytest.mark.parametrize("name", TWINS)
def test_a_false_twin_misses_the_reference(name):
    layer, reference = LRU.from_tensors(stored_of(FILES[0]), {}), reference_of(FILES[0])
    twin = dataclasses.replace(layer, **TWINS[name](layer))
    assert np.abs(twin(reference["x"]) - reference["y"]).max() > 1e-2


@given(st.integers(0, 2**32 - 1), st.sampled_from([(0.0, 1.0), (0.8, 0.99), (0.5, 0.5)]))
def test_the_initialisation_lies_on_its_ring(seed, radii):
    layer = LRU.initialise(
        np.random.default_rng(seed), channels=2, states=16, r_min=radii[0], r_max=radii[1], max_phase=0.7
    )
    size = np.abs(layer.multipliers)
    assert (size >= radii[0] - 1e-12).all()
    assert (size <= radii[1] + 1e-12).all()
    assert (np.exp(layer.theta_log) <= 0.7 + 1e-15).all()
    assert np.allclose(np.exp(2 * layer.gamma_log), 1 - size**2, atol=1e-14)
    assert np.isfinite(layer(np.ones((1, 4, 2)))).all()


def test_without_gates_the_layer_is_the_recurrent_unit():
    layer = LRU.initialise(np.random.default_rng(0), gated=False)
    x = np.ones((1, 3, 4))
    assert np.array_equal(layer(x), layer.preactivation(layer.scan(x).states(), x))


def test_wrong_input_is_refused_with_its_name():
    stored = stored_of(FILES[0])
    layer = LRU.from_tensors(stored, {})
    for change, words in (
        ({"seq/nu_log": None}, "missing tensors seq/nu_log"),
        ({"seq/log_step": np.ones(3)}, "unknown tensors seq/log_step"),
        ({"seq/B_re": np.ones((2, 2))}, "B_re"),
        ({"out1/kernel": None, "out1/bias": None}, "together"),
        ({"out1/kernel": None}, "missing tensors out1/kernel"),
    ):
        broken = {k: v for k, v in (stored | change).items() if v is not None}
        with pytest.raises(ValueError, match=words):
            LRU.from_tensors(broken, {})
    with pytest.raises(ValueError, match="unknown settings"):
        LRU.from_tensors(stored, {"conj_sym": True})
    with pytest.raises(ValueError, match="kernel of shape"):
        dataclasses.replace(layer, out1=Dense(np.ones((2, 3)), np.ones(3)), out2=Dense(np.ones((2, 3)), np.ones(3)))
    with pytest.raises(TypeError):
        LRU.initialise(np.random.default_rng(0), blocks=2)
