"""S5: reference outputs, a second restatement in plain loops, round trip, conventions that must not be confused."""

import dataclasses
import json
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.families.flax_tensors import Dense
from carleman_ssm.families.s5 import ACTIVATIONS, S5

DATA = Path(__file__).parent / "data" / "zoo"
FILES = sorted(path for path in DATA.glob("s5__*.npz") if ".reference" not in path.name)


def layer_of(path):
    stored = dict(np.load(path))
    return S5.from_tensors(stored, json.loads(str(stored.pop("config")))), stored


def reference_of(path):
    return np.load(path.with_suffix("").with_suffix(".reference.npz"))


def preactivation_by_loops(layer, x):
    """The layer again from its formulas, with loops over time, modes and channels and no shared code."""
    length, channels = x.shape
    modes = len(layer.Lambda_re)
    y = np.zeros((length, channels))
    orders = [range(length)] + ([range(length - 1, -1, -1)] if layer.C.shape[1] == 2 * modes else [])
    for direction, order in enumerate(orders):
        for p in range(modes):
            re = min(layer.Lambda_re[p], -1e-4) if layer.clip_eigs else layer.Lambda_re[p]
            a, dt = complex(re, layer.Lambda_im[p]), layer.step_rescale * np.exp(layer.log_step[p, 0])
            if layer.discretization == "zoh":
                multiplier, held = np.exp(a * dt), (np.exp(a * dt) - 1) / a
            else:
                multiplier, held = (1 + a * dt / 2) / (1 - a * dt / 2), dt / (1 - a * dt / 2)
            b = held * (layer.B[p, :, 0] + 1j * layer.B[p, :, 1])
            c = layer.C[:, direction * modes + p, 0] + 1j * layer.C[:, direction * modes + p, 1]
            state = 0j
            for k in order:
                state = multiplier * state + b @ x[k]
                y[k] += (2 if layer.conj_sym else 1) * (c * state).real
    return y + layer.D * x


def random_layer(rng, modes=3, channels=2, **settings):
    columns = modes * (2 if settings.pop("bidirectional", False) else 1)
    maps = ACTIVATIONS[settings.get("activation", "none")]
    dense = {name: Dense(rng.normal(size=(channels, channels)), rng.normal(size=channels)) for name in maps}
    return S5(
        Lambda_re=-rng.uniform(0.01, 2, modes),
        Lambda_im=rng.normal(size=modes) * 3,
        B=rng.normal(size=(modes, channels, 2)),
        C=rng.normal(size=(channels, columns, 2)),
        D=rng.normal(size=channels),
        log_step=np.log(rng.uniform(0.01, 0.5, (modes, 1))),
        **dense,
        **settings,
    )


def test_there_are_reference_files():
    assert len(FILES) == 4
    assert {layer_of(path)[0].activation for path in FILES} == ACTIVATIONS.keys() - {"none"}


@pytest.mark.parametrize("method", ["closed", "recurrence"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_reference_is_reproduced(path, method):
    layer, _ = layer_of(path)
    reference = reference_of(path)
    x = reference["x"]
    tolerance = 1e-12  # both sides are float64; the reference divides e^z - 1 by a, ours uses expm1
    assert np.abs(layer.multipliers - reference["multipliers"]).max() <= tolerance
    assert np.abs(layer.input_matrix - reference["input_matrix"]).max() <= tolerance
    assert np.abs(layer.preactivation(layer.scan(x).states(method), x) - reference["preactivation"]).max() <= tolerance
    assert np.abs(layer(x, method) - reference["y"]).max() <= tolerance


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_tensors_come_back_bit_by_bit(path):
    layer, stored = layer_of(path)
    again = layer.tensors()
    assert again.keys() == stored.keys()
    for name, value in stored.items():
        assert np.array_equal(again[name], value), name
    dotted = {name.replace("/", "."): value for name, value in stored.items()}
    config = json.loads(str(np.load(path)["config"]))
    assert S5.from_tensors(dotted, config).tensors().keys() == stored.keys()


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["zoh", "bilinear"]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_closed_form_recurrence_and_loops_agree(seed, rule, pairs, both, length, modes):
    rng = np.random.default_rng(seed)
    layer = random_layer(rng, modes=modes, discretization=rule, conj_sym=pairs, bidirectional=both)
    x = rng.normal(size=(2, length, 2))
    closed, recurred = layer(x), layer(x, "recurrence")
    loops = np.stack([preactivation_by_loops(layer, row) for row in x])
    scale = max(1.0, np.abs(loops).max())
    assert np.abs(closed - recurred).max() <= 1e-13 * scale * length
    assert np.abs(closed - loops).max() <= 1e-13 * scale * length  # z = aΔ is at least 1e-2, so e^z - 1 keeps 13 digits


RATES = st.sampled_from([0j, 1e-9 + 0j, -1e-9 + 1e-9j, -1 + 2j, -1 - 2j, -0.5 + 0j, 3j, -40 + 200j])


@given(st.lists(RATES, min_size=1, max_size=3), st.sampled_from(["zoh", "bilinear"]), st.integers(1, 5), st.booleans())
def test_hard_spectra_agree_with_thirty_digits(rates, rule, length, constant):
    """Zero and nearly zero rates, equal ones, conjugates, one step, constant inputs: beside mpmath, step by step."""
    rng = np.random.default_rng(len(rates) + length)
    layer = random_layer(rng, modes=len(rates), channels=1, discretization=rule)
    layer = dataclasses.replace(layer, Lambda_re=np.real(rates), Lambda_im=np.imag(rates))
    u = np.ones(length) if constant else rng.normal(size=length)
    y = layer(u[None, :, None])[0, :, 0]
    with mpmath.workdps(30):
        states, expected = [mpmath.mpc(0)] * len(rates), []
        for value in u:
            for p, rate in enumerate(rates):
                a, dt = mpmath.mpc(rate), mpmath.mpf(layer.step[p])
                z = a * dt
                if rule == "zoh":
                    multiplier, held = mpmath.exp(z), mpmath.expm1(z) / a if rate else dt
                else:
                    multiplier, held = (1 + z / 2) / (1 - z / 2), dt / (1 - z / 2)
                states[p] = multiplier * states[p] + held * mpmath.mpc(*layer.B[p, 0]) * mpmath.mpf(value)
            total = sum(mpmath.mpc(*layer.C[0, p]) * states[p] for p in range(len(rates)))
            expected.append(float(2 * total.real + mpmath.mpf(layer.D[0]) * mpmath.mpf(value)))
    # rounding of z = aΔ, of size up to 100, turns the phase by as many units of the last place
    assert np.abs(y - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())


TWINS = {
    "one real part for two": {"conj_sym": False},
    "the other sign of the imaginary part": lambda layer: {"Lambda_im": -layer.Lambda_im},
    "the other rule": {"discretization": "bilinear"},
    "another step": {"step_rescale": 1.1},
    "the other gate": {"activation": "half_glu2"},
}


@pytest.mark.parametrize("name", TWINS)
def test_a_false_twin_misses_the_reference(name):
    path = next(path for path in FILES if "half_glu1" in path.stem)
    layer, _ = layer_of(path)
    change = TWINS[name]
    twin = dataclasses.replace(layer, **(change(layer) if callable(change) else change))
    reference = reference_of(path)
    assert np.abs(twin(reference["x"]) - reference["y"]).max() > 1e-3  # the two rules differ least, by 3e-3


def test_a_mode_at_rest_integrates_its_input():
    rng = np.random.default_rng(0)
    layer = dataclasses.replace(random_layer(rng, modes=1, channels=1), Lambda_re=[0.0], Lambda_im=[0.0])
    assert np.array_equal(layer.multipliers, [1.0])
    assert np.allclose(
        layer.input_matrix[:, 0], layer.step * (layer.B[..., 0] + 1j * layer.B[..., 1])[:, 0], rtol=1e-15
    )


def test_inputs_superpose():
    rng = np.random.default_rng(1)
    layer = random_layer(rng)
    x = rng.normal(size=(1, 7, 2))
    apart = [np.where(np.arange(2) == i, x, 0.0) for i in range(2)]
    assert np.allclose(layer(x), sum(map(layer, apart)), atol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("both", [False, True])
def test_the_initialisation_builds_layers_that_run(activation, both):
    for rule in ("lecun_normal", "trunc_standard_normal", "complex_normal"):
        layer = S5.initialise(
            np.random.default_rng(3),
            channels=3,
            states=8,
            blocks=2,
            activation=activation,
            bidirectional=both,
            C_init=rule,
        )
        assert layer.modes == 4
        assert np.isfinite(layer(np.ones((1, 5, 3)))).all()
        assert S5.from_tensors(layer.tensors(), {"activation": activation}).tensors().keys() == layer.tensors().keys()


def test_the_spectrum_starts_as_the_lower_half_of_hippo():
    layer = S5.initialise(np.random.default_rng(0), channels=1, states=8)
    assert np.allclose(layer.Lambda_re, -0.5, atol=1e-15)
    size = np.arange(8)
    root = np.sqrt(2 * size + 1)
    hippo = -np.tril(np.outer(root, root), -1) - np.diag(size + 1.0)
    whole = np.linalg.eigvals(hippo + np.outer(np.sqrt(size + 0.5), np.sqrt(size + 0.5)))
    below = np.sort(whole.imag)[:4]
    assert np.allclose(layer.Lambda_im, below, atol=1e-12)  # a normal matrix: eigenvalues are as good as its entries


def test_conjugate_pairs_of_the_start_have_the_output_of_all_modes():
    """With all modes of real maps stored, Re reads what 2Re reads of half of them."""
    half = S5.initialise(np.random.default_rng(4), channels=2, states=6, activation="none", C_init="lecun_normal")
    full = dataclasses.replace(
        half,
        conj_sym=False,
        Lambda_re=np.tile(half.Lambda_re, 2),
        Lambda_im=np.concatenate([half.Lambda_im, -half.Lambda_im]),
        B=np.concatenate([half.B, half.B * [1, -1]]),
        C=np.concatenate([half.C, half.C * [1, -1]], axis=1),
        log_step=np.tile(half.log_step, (2, 1)),
    )
    x = np.random.default_rng(5).normal(size=(1, 9, 2))
    assert np.abs(half(x) - full(x)).max() <= 1e-13


def test_wrong_input_is_refused_with_its_name():
    layer, stored = layer_of(next(path for path in FILES if "half_glu1" in path.stem))
    good = {"activation": "half_glu1"}
    for change, words in (
        ({"seq/Lambda_re": None}, "missing tensors seq/Lambda_re"),
        ({"seq/nu_log": np.ones(3)}, "unknown tensors seq/nu_log"),
        ({"seq/C": np.ones((3, 5, 2))}, "C"),
        ({"out2/kernel": np.ones((2, 3))}, "bias|out2"),
    ):
        broken = {k: v for k, v in (stored | change).items() if v is not None}
        with pytest.raises(ValueError, match=words):
            S5.from_tensors(broken, good)
    for config, words in (
        ({}, "half_glu1 or half_glu2"),
        ({"activation": "full_glu"}, "out1 and out2"),
        ({"activation": "gelu_erf"}, "unknown activation"),
        (good | {"discretization": "euler"}, "unknown discretization"),
        (good | {"conjugate": True}, "unknown settings conjugate"),
        (good | {"bidirectional": True}, "bidirectional=True"),
        (good | {"step_rescale": 0.0}, "positive"),
    ):
        with pytest.raises(ValueError, match=words):
            S5.from_tensors(stored, config)
    with pytest.raises(ValueError, match="two halves"):
        dataclasses.replace(layer, split_C=True)
    with pytest.raises(ValueError, match="finite"):
        dataclasses.replace(layer, D=[np.nan, 0, 0])
    with pytest.raises(ValueError, match="blocks of even size"):
        S5.initialise(np.random.default_rng(0), states=6, blocks=2)
    with pytest.raises(ValueError, match="C_init"):
        S5.initialise(np.random.default_rng(0), C_init="normal")
    with pytest.raises(ValueError, match="length 0"):
        layer(np.ones((1, 0, 3)))
    with pytest.raises(ValueError, match="unknown method"):
        layer(np.ones((1, 2, 3)), "fft")
