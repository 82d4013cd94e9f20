"""H3: reference outputs, the layer in plain loops, exact degree 3, round trip, conventions that are not confused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.families.h3 import H3
from carleman_ssm.families.homogeneity import homogeneous_parts

DATA = Path(__file__).parent / "data" / "zoo"
FILES = sorted(path for path in DATA.glob("h3__*.npz") if ".reference" not in path.name)
DECAYS = {
    "exp": np.exp,
    "none": lambda v: v,
    "relu": lambda v: np.maximum(v, 0) + 1e-4,
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "softplus": lambda v: np.log1p(np.exp(v)),
}
ROUNDING = 1e-12
"""Relative: float64 sums of at most a few hundred products lose fewer than four digits."""


def stored(path):
    tensors = dict(np.load(path))
    return tensors, json.loads(str(tensors.pop("config")))


def layer_of(path):
    return H3.from_tensors(*stored(path))


def reference_of(path):
    return np.load(path.with_name(path.stem + ".reference.npz"))


def close(got, wanted, tolerance=ROUNDING):
    return np.abs(got - wanted).max() <= tolerance * max(np.abs(wanted).max(), 1e-300)


def by_loops(layer, x):
    """One sequence, from the formulas, with loops over time, heads, indices and modes and a register of keys."""
    length, width = x.shape
    d, places, out = layer.head_dim, layer.shift_B.shape[1], np.zeros((x.shape[0], width))
    modes, register = {}, np.zeros((width, places))
    for t in range(length):
        q, k, v = (getattr(layer, f"{n}_weight") @ x[t] + getattr(layer, f"{n}_bias") for n in "qkv")
        register = np.concatenate([np.zeros((width, 1)), register[:, :-1]], axis=1) + layer.shift_B * k[:, None]
        key = (layer.shift_C * register).sum(axis=1) + layer.shift_D * k
        y = np.zeros(width)
        for h in range(layer.heads):
            copy, dt = h % len(layer.A_imag), np.exp(layer.log_dt[h])
            a = -DECAYS[layer.real_type](layer.inv_A_real[copy]) + 1j * layer.A_imag[copy]
            if layer.disc == "zoh":
                step, held = np.exp(a * dt), (np.exp(a * dt) - 1) / a
            else:
                step, held = (1 + a * dt / 2) / (1 - a * dt / 2), dt / (1 - a * dt / 2)
            for i in range(d):
                for j in range(d):
                    p = key[h * d + i] * v[h * d + j]
                    modes[h, i, j] = step * modes.get((h, i, j), 0) + held * layer.B[copy] * p
                    core = 2 * (layer.C[h] * modes[h, i, j]).sum().real + layer.D[h] * p
                    y[j * layer.heads + h] += q[h * d + i] * core
        out[t] = layer.output_weight @ y + layer.output_bias
    return out


def random_layer(rng, width=4, head_dim=1, copies=None, modes=3, places=3, **options):
    heads = width // head_dim
    copies = heads if copies is None else copies
    dense = {f"{n}_weight": rng.normal(size=(width, width)) for n in ("q", "k", "v", "output")}
    biases = {f"{n}_bias": rng.normal(size=width) for n in ("q", "k", "v", "output")}
    return H3(
        **dense,
        **biases,
        shift_B=rng.normal(size=(width, places)),
        shift_C=rng.normal(size=(width, places)),
        shift_D=rng.normal(size=width),
        log_dt=rng.uniform(-3, 0, heads),
        inv_A_real=rng.uniform(0.1, 1, (copies, modes)),
        A_imag=3 * rng.normal(size=(copies, modes)),
        B=rng.normal(size=(copies, modes)) + 1j * rng.normal(size=(copies, modes)),
        C=rng.normal(size=(heads, modes)) + 1j * rng.normal(size=(heads, modes)),
        D=rng.normal(size=heads),
        **options,
    )


def test_there_are_references():
    assert len(FILES) >= 3


@pytest.mark.parametrize("method", ["closed", "recurrence"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_reference_is_reproduced(path, method):
    reference = reference_of(path)
    assert close(layer_of(path)(reference["x"], method), reference["y"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_both_kernels_are_those_of_the_reference(path):
    layer, reference = layer_of(path), reference_of(path)
    lags = np.arange(reference["kernel"].shape[1])
    modes = (layer.C * layer.input_vector)[..., None] * layer.multipliers[..., None] ** lags
    assert close(2 * modes.real.sum(axis=1), reference["kernel"])
    taps = np.zeros_like(reference["shift_kernel"])
    taps[:, : layer.shift_taps.shape[1]] = layer.shift_taps[:, : taps.shape[1]]
    assert close(taps, reference["shift_kernel"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_tensors_return_unchanged(path):
    tensors, config = stored(path)
    back = H3.from_tensors(tensors, config).tensors()
    assert set(back) == set(tensors)
    assert all(np.array_equal(back[key], tensors[key]) for key in tensors)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(2, 1, None), (4, 2, 1), (4, 2, 2), (3, 1, 1), (4, 4, 1)]),
    st.sampled_from(["zoh", "bilinear"]),
    st.sampled_from(sorted(DECAYS)),
    st.sampled_from([1, 2, 5]),
    st.sampled_from(["noise", "constant", "impulse"]),
)
def test_the_layer_is_its_formulas(seed, sizes, disc, real_type, length, kind):
    """Hard cases: one step, constant inputs, a real mode, two equal modes."""
    rng = np.random.default_rng(seed)
    width, head_dim, copies = sizes
    layer = random_layer(rng, width, head_dim, copies, disc=disc, real_type=real_type)
    imaginary = layer.A_imag.copy()
    imaginary[:, 0], imaginary[:, 2] = 0, imaginary[:, 1]
    layer = dataclasses.replace(layer, A_imag=imaginary)
    x = {
        "noise": rng.normal(size=(length, width)),
        "constant": np.ones((length, width)),
        "impulse": np.eye(length, width),
    }[kind]
    wanted = by_loops(layer, x)
    for method in ("closed", "recurrence"):
        assert close(layer(x[None], method)[0], wanted, 1e-10)


def test_the_register_is_the_finite_impulse_response():
    rng = np.random.default_rng(0)
    layer, x = random_layer(rng), rng.normal(size=(2, 7, 4))
    keys = x @ layer.k_weight.T + layer.k_bias
    for method in ("closed", "recurrence"):
        states = layer.shift_scan(x).states(method)
        read = (states * layer.shift_C).sum(axis=-1) + layer.shift_D * keys
        assert close(read, layer.shifted_keys(x))


def without_biases(layer):
    return dataclasses.replace(layer, **{f"{n}_bias": np.zeros(layer.channels) for n in ("q", "k", "v", "output")})


def test_the_output_is_a_cubic_polynomial_of_the_input():
    rng = np.random.default_rng(1)
    layer, x = random_layer(rng, width=4, head_dim=2), rng.normal(size=(2, 9, 4))
    measured = homogeneous_parts(layer, x, layer.input_degree)
    assert measured.residual < ROUNDING
    assert measured.shares().min() > 1e-3, "with biases every degree from 0 to 3 is there"
    assert homogeneous_parts(layer, x, 2).residual > 1e-3
    bare = homogeneous_parts(without_biases(layer), x, 3)
    assert bare.shares()[:3].max() < ROUNDING
    assert bare.shares()[3] == 1


def test_the_volterra_kernel_of_order_three_gives_the_output():
    """The weights of key and value lags from the stored tensors, summed in loops, without any state."""
    rng = np.random.default_rng(2)
    layer, x = without_biases(random_layer(rng, width=2)), rng.normal(size=(6, 2))
    taps = layer.shift_taps.copy()
    taps[:, 0] += layer.shift_D
    y = np.zeros((6, 2))
    for t in range(6):
        for m in range(t + 1):
            held = 2 * (layer.C * layer.input_vector * layer.multipliers**m).sum(axis=1).real + (m == 0) * layer.D
            for lag in range(min(taps.shape[1], t - m + 1)):
                maps = layer.q_weight @ x[t], layer.v_weight @ x[t - m], layer.k_weight @ x[t - m - lag]
                y[t] += held * taps[:, lag] * np.prod(maps, axis=0)
    assert close(layer(x[None])[0], y @ layer.output_weight.T)


@pytest.mark.parametrize(
    "change",
    [
        {"disc": "zoh"},
        {"real_type": "softplus"},
        {"A_imag": lambda layer: -layer.A_imag},
        {"B": lambda layer: layer.B.conj()},
        {"shift_B": lambda layer: layer.shift_B[:, ::-1]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_convention_gives_another_output(change):
    path = FILES[0]
    layer, reference = layer_of(path), reference_of(path)
    changed = {name: value(layer) if callable(value) else value for name, value in change.items()}
    assert not close(dataclasses.replace(layer, **changed)(reference["x"]), reference["y"], 1e-4)


def test_what_is_not_covered_is_refused_by_name():
    tensors, config = stored(FILES[0])
    for option in ("bandlimit", "force_real"):
        with pytest.raises(ValueError, match=option):
            H3.from_tensors(tensors, {**config, option: 0.5})
    with pytest.raises(ValueError, match=r"missing D; not known here: d_skip"):
        H3.from_tensors({("d_skip" if key == "D" else key): value for key, value in tensors.items()}, config)
    with pytest.raises(ValueError, match="dss"):
        H3.from_tensors(tensors, {**config, "disc": "dss"})
    with pytest.raises(ValueError, match="real_type"):
        H3.from_tensors(tensors, {**config, "real_type": "tanh"})
    doubled = {**tensors, "kernel.kernel.C": np.tile(tensors["kernel.kernel.C"], (2, 1, 1, 1))}
    with pytest.raises(ValueError, match="one channel"):
        H3.from_tensors(doubled, config)
    with pytest.raises(ValueError, match="A_imag"):
        H3.from_tensors({**tensors, "kernel.kernel.A_imag": np.ones((4, 9))}, config)
    for change, words in (
        ({"d_model": 5}, "d_model = 5"),
        ({"head_dim": 2}, "head_dim = 2"),
        ({"d_state": 4}, "d_state"),
    ):
        with pytest.raises(ValueError, match=words):
            H3.from_tensors(tensors, {**config, **change})
    with pytest.raises(ValueError, match="shift_D"):
        H3.from_tensors({**tensors, "ssm_k_D": np.float64(1)}, config)
    with pytest.raises(ValueError, match="must divide"):
        H3.from_tensors({**tensors, "kernel.kernel.log_dt": np.ones(3)}, config)


def test_three_routes_agree_on_the_core():
    """By the kernel, by the states in closed form, step by step; a mode that grows leaves the last two."""
    rng = np.random.default_rng(5)
    layer, x = random_layer(rng, width=4, head_dim=2), rng.normal(size=(2, 30, 4))
    stepped = layer(x, "recurrence")
    assert close(layer(x), stepped)
    assert close(layer.readout(layer.scan(x).states(), x), stepped)
    growing = dataclasses.replace(layer, real_type="none", inv_A_real=-0.1 * np.ones((2, 3)))
    assert close(growing(x), growing(x, "recurrence"))
    with pytest.raises(ValueError, match="does not decay"):
        growing.diagonal_layer()


def test_a_cut_kernel_is_refused_beyond_its_length():
    tensors, config = stored(FILES[0])
    layer = H3.from_tensors(tensors, {**config, "l_max": 5})
    x = reference_of(FILES[0])["x"]
    assert close(layer(x[:, :5]), reference_of(FILES[0])["y"][:, :5])
    with pytest.raises(ValueError, match="at most 5 steps"):
        layer(x)


@pytest.mark.parametrize(("head_dim", "disc"), [(1, "bilinear"), (2, "zoh")])
def test_a_layer_starts_as_its_reference(head_dim, disc):
    layer = H3.initialise(np.random.default_rng(3), d_model=64, d_state=8, head_dim=head_dim, disc=disc)
    assert layer.disc == disc
    assert np.allclose(layer.eigenvalues, -0.5 + 1j * np.pi * np.arange(4), atol=1e-15)
    assert np.array_equal(layer.shift_taps, layer.shift_C)
    assert 1e-3 <= np.exp(layer.log_dt).min() <= np.exp(layer.log_dt).max() <= 1e-1
    assert abs(np.mean(np.abs(layer.C) ** 2) - 1) < 0.3
    assert np.abs(layer.q_weight).max() <= 64**-0.5
    assert layer(np.ones((1, 3, 64))).shape == (1, 3, 64)


def test_the_statement_is_that_of_the_family():
    assert H3.statement(1, 2).family == H3.family
