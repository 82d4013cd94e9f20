"""The Mamba mixer: outputs of the reference, the recurrence written out, the clock, complex states, round trips."""

from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.families.mamba import Mamba
from carleman_ssm.families.scans import VaryingDiagonalScan
from carleman_ssm.families.selective_parameters import step_bias
from carleman_ssm.families.selective_settings import mixer_settings, require_agreement
from tests import reference_layers

DATA = Path(__file__).parent / "data" / "zoo"
VARIANTS = ["default", "biased"]
AGREEMENT = 1e-12  # of the largest output: sums of at most 40 products in another order, steps up to 13


def stored(variant):
    return reference_layers.stored(reference_layers.ZOO / f"mamba__{variant}.npz")


def distance(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def drawn(seed=0, **sizes):
    """A layer away from its initialisation: every parameter moved, steps of the order of 1."""
    rng = np.random.default_rng(seed)
    moved = {
        key: value + rng.normal(size=value.shape) for key, value in Mamba.initialise(rng, **sizes).tensors().items()
    }
    return Mamba.from_tensors(moved | {"dt_proj.bias": rng.normal(size=moved["dt_proj.bias"].shape) - 1}, {})


@pytest.mark.parametrize("method", ["closed", "recurrence"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_and_states_are_those_of_the_reference(variant, method):
    tensors, config, reference = stored(variant)
    layer = Mamba.from_tensors(tensors, config)
    assert distance(layer(reference["x"], method), reference["y"]) < AGREEMENT
    assert distance(layer.selection(reference["x"]).step, reference["delta"]) < AGREEMENT
    assert distance(layer.scan(reference["x"]).states(method)[:, -1], reference["last_state"]) < AGREEMENT


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_return_under_their_keys(variant):
    tensors, config, _ = stored(variant)
    back = Mamba.from_tensors(tensors, config).tensors()
    assert back.keys() == tensors.keys()
    assert all((back[key] == tensors[key]).all() for key in tensors)


def swapped(tensors, key, parts):
    halves = np.split(tensors[key], parts)
    return tensors | {key: np.concatenate(halves[::-1])}


@pytest.mark.parametrize(
    "twin",
    [
        lambda t: swapped(t, "in_proj.weight", 2),  # z first
        lambda t: t | {"conv1d.weight": t["conv1d.weight"][..., ::-1]},  # the first tap at the present step
        lambda t: t | {"x_proj.weight": np.roll(t["x_proj.weight"], 4, axis=0)},  # C before B
        lambda t: t | {"D": 0 * t["D"]},
        lambda t: t | {"A_log": -t["A_log"]},
    ],
)
def test_other_conventions_give_other_outputs(twin):
    tensors, config, reference = stored("default")
    assert distance(Mamba.from_tensors(twin(tensors), config)(reference["x"]), reference["y"]) > 1e-2


def test_a_zero_order_hold_is_not_what_the_reference_computes():
    tensors, config, reference = stored("default")
    layer = Mamba.from_tensors(tensors, config)
    selected, a = layer.selection(reference["x"]), layer.eigenvalues
    held = np.expm1(selected.step[..., None] * a) / a * selected.x[..., None] * selected.input_vectors[:, :, None]
    scan = layer.scan(reference["x"])
    assert distance(VaryingDiagonalScan(scan.multipliers, held).states(), scan.states()) > 1e-2


def test_the_layer_written_out_step_by_step_in_many_digits():
    layer, rng = drawn(5, channels=2, states=2, rank=2), np.random.default_rng(1)
    u = rng.normal(size=(1, 5, 2))
    t = {key: mpmath.matrix(value.reshape(len(value), -1).tolist()) for key, value in layer.tensors().items()}
    with mpmath.workdps(40):
        state, window, outputs = mpmath.zeros(4, 2), [mpmath.zeros(4, 1)] * 3, []
        for k in range(5):
            both = t["in_proj.weight"] * mpmath.matrix(u[0, k].tolist())
            window = [*window[-3:], both[:4]]
            x = [sum(t["conv1d.weight"][e, m] * window[m][e] for m in range(4)) + t["conv1d.bias"][e] for e in range(4)]
            x = mpmath.matrix([v / (1 + mpmath.exp(-v)) for v in x])
            features = t["x_proj.weight"] * x
            step = t["dt_proj.weight"] * features[:2] + t["dt_proj.bias"]
            step = [mpmath.log(1 + mpmath.exp(v)) for v in step]
            y = mpmath.zeros(4, 1)
            for e in range(4):
                for n in range(2):
                    decay = mpmath.exp(-step[e] * mpmath.exp(t["A_log"][e, n]))
                    state[e, n] = decay * state[e, n] + step[e] * features[2 + n] * x[e]
                    y[e] += features[4 + n] * state[e, n]
                y[e] = (y[e] + t["D"][e] * x[e]) * both[4 + e] / (1 + mpmath.exp(-both[4 + e]))
            outputs.append([float(v) for v in t["out_proj.weight"] * y])
    assert distance(layer(u)[0], np.array(outputs)) < AGREEMENT


@pytest.mark.parametrize("spectrum", ["real", "lin"])
def test_states_are_a_kernel_on_the_clock_of_their_channel(spectrum):
    layer = drawn(2, channels=2, states=3, spectrum=spectrum)
    u = np.random.default_rng(4).normal(size=(2, 9, 2))
    clock, drives = layer.clock(u), layer.scan(u).drives
    assert (np.diff(clock, axis=1) > 0).all()
    elapsed = clock[:, :, None] - clock[:, None]
    kernel = np.exp(elapsed[..., None] * layer.eigenvalues) * np.tri(9)[None, :, :, None, None]
    warped = np.einsum("bkjen,bjen->bken", kernel, drives)
    # Elapsed times are differences of sums of 9 steps: the exponents carry a few roundings each.
    assert distance(warped, layer.scan(u).states()) < 1e-12
    uneven = np.arange(1, 10)[None, :, None] * clock[:, :1]
    wrong = np.exp((uneven[:, :, None] - uneven[:, None])[..., None] * layer.eigenvalues) * np.tri(9)[..., None, None]
    assert distance(np.einsum("bkjen,bjen->bken", wrong, drives), warped) > 1e-2


def test_a_complex_spectrum_reads_both_of_each_pair():
    layer = drawn(3, channels=2, states=3, spectrum="lin")
    u = np.random.default_rng(8).normal(size=(1, 7, 2))
    selected, scan = layer.selection(u), layer.scan(u)
    both = VaryingDiagonalScan(
        np.concatenate([scan.multipliers, scan.multipliers.conj()], -1),
        np.concatenate([scan.drives, scan.drives.conj()], -1),
    ).states("recurrence")
    vectors = np.concatenate([selected.output_vectors, selected.output_vectors.conj()], -1)
    y = np.einsum("blen,bln->ble", both, vectors)
    assert np.abs(y.imag).max() < 1e-13 * np.abs(y).max()
    gated = (y.real + layer.D * selected.x) * selected.gate / (1 + np.exp(-selected.gate))
    assert distance(gated @ layer.out_proj_weight.T, layer(u)) < AGREEMENT


def halves_for_pairs(tensors):
    """Real parts first, then imaginary parts, instead of in turn."""
    order = np.concatenate([[0, 1], 2 + np.arange(12).reshape(2, 2, 3).swapaxes(1, 2).ravel()])
    return tensors | {"x_proj.weight": tensors["x_proj.weight"][order]}


def test_complex_states_are_those_of_the_reference():
    tensors, config, reference = stored("complex")
    layer = Mamba.from_tensors(tensors, config)
    for method in ("closed", "recurrence"):
        assert distance(layer(reference["x"], method), reference["y"]) < AGREEMENT
    twins = [
        tensors | {"A_imag": -tensors["A_imag"]},  # -i for +i
        tensors | {"A_imag": 0 * tensors["A_imag"]},
        halves_for_pairs(tensors),
        # B and C halved by sqrt 2: the layer without the factor 2
        tensors | {"x_proj.weight": tensors["x_proj.weight"] * np.repeat([1, 0.5**0.5], [2, 12])[:, None]},
    ]
    for twin in twins:
        assert distance(Mamba.from_tensors(twin, config)(reference["x"]), reference["y"]) > 1e-2


@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), st.integers(1, 5), st.sampled_from(["real", "lin"]),
    st.integers(0, 2**16), st.floats(-40, 40),
)  # fmt: skip
def test_the_closed_form_is_the_recurrence(channels, states, length, width, spectrum, seed, shift):
    layer = drawn(seed, channels=channels, states=states, width=width, spectrum=spectrum)
    # shift: steps from 1e-17 to 40, so that states stand still or are forgotten at once
    layer = Mamba.from_tensors(layer.tensors() | {"dt_proj.bias": layer.dt_proj_bias + shift}, {})
    u = np.random.default_rng(seed).normal(size=(2, length, channels))
    fused, other = layer(u), layer(u, "recurrence")
    stored_states = layer.readout(layer.scan(u).states("closed"), u)
    assert fused.shape == u.shape
    for one in (fused, stored_states):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * (1 + np.abs(other).max()))


def test_the_initial_layer_has_the_real_spectrum_and_the_steps_of_the_paper():
    layer = Mamba.initialise(np.random.default_rng(0), channels=20, states=3)
    assert layer.rank == 2
    np.testing.assert_allclose(layer.eigenvalues, np.tile([-1.0, -2.0, -3.0], (40, 1)), rtol=1e-15)
    steps = np.log1p(np.exp(layer.dt_proj_bias))
    assert 1e-3 <= steps.min() < 3e-3 < 3e-2 < steps.max() <= 1e-1
    lin = Mamba.initialise(np.random.default_rng(0), states=3, spectrum="lin")
    np.testing.assert_allclose(lin.eigenvalues[0], -0.5 + 1j * np.pi * np.arange(3), rtol=1e-15)
    with pytest.raises(ValueError, match="'real' or 'lin'"):
        Mamba.initialise(np.random.default_rng(0), spectrum="inv")
    with pytest.raises(ValueError, match="two positive numbers"):
        step_bias(np.random.default_rng(0), 3, (0.1, 0.01))


def test_parameters_and_settings_that_do_not_fit_are_refused_by_name():
    tensors, config, reference = stored("default")
    with pytest.raises(ValueError, match=r"dt_proj_bias: expected the shape \(12\), got \(11,\)"):
        Mamba.from_tensors(tensors | {"dt_proj.bias": tensors["dt_proj.bias"][1:]}, config)
    with pytest.raises(ValueError, match=r"x_proj_weight: expected the shape \(9, 12\)"):
        Mamba.from_tensors(tensors | {"x_proj.weight": tensors["x_proj.weight"][:-1]}, config)
    with pytest.raises(ValueError, match="not known here: dt_bias"):
        Mamba.from_tensors(tensors | {"dt_bias": tensors["D"]}, config)
    with pytest.raises(ValueError, match=r"missing A_log"):
        Mamba.from_tensors({key: value for key, value in tensors.items() if key != "A_log"}, config)
    with pytest.raises(ValueError, match="says d_state = 16, the parameters say 4"):
        Mamba.from_tensors(tensors, config | {"d_state": 16})
    require_agreement("Mamba", {"dt_rank": "auto"}, {"dt_rank": 1})
    layer = Mamba.from_tensors(tensors, config)
    with pytest.raises(ValueError, match="inputs: expected the shape"):
        layer(reference["x"][..., :-1])
    with pytest.raises(ValueError, match="unknown method 'scan'"):
        layer(reference["x"], "scan")


def test_settings_are_found_where_models_keep_them():
    nested = {"d_model": 8, "ssm_cfg": {"layer": "Mamba2", "d_state": 64}, "n_layer": 2}
    assert mixer_settings("toy", nested) == {"d_model": 8, "layer": "Mamba2", "d_state": 64, "n_layer": 2}
    renamed = {"state_size": 16, "n_groups": 8, "time_step_limit": [0.0, 1.0], "hidden_act": "silu"}
    found = mixer_settings("toy", renamed)
    assert (found["d_state"], found["ngroups"], found["dt_limit"]) == (16, 8, [0.0, 1.0])
    tensors, config, _ = stored("default")
    for wrong, message in (
        ({"state_size": 16}, "says d_state = 4 and state_size = 16|says d_state = 16"),
        ({"ssm_cfg": {"d_state": 16}}, "d_state = 16"),
        ({"ssm_cfg": {"layer": "Mamba2"}}, "says layer = 'Mamba2', the parameters say 'Mamba1'"),
        ({"hidden_act": "gelu"}, "says hidden_act = 'gelu'"),
        ({"mixer_rms_eps": 1e-6}, "falcon_mamba"),
    ):
        with pytest.raises(ValueError, match=message):
            Mamba.from_tensors(tensors, config | wrong)
    with pytest.raises(TypeError, match="ssm_cfg must be an object"):
        Mamba.from_tensors(tensors, config | {"ssm_cfg": "Mamba1"})
