"""DSS: reference outputs of every kind of version, the softmax by its definition, false twins, refusals."""

import dataclasses
import json
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.families.dss import DSS
from carleman_ssm.families.s4_parts import EPSILON, dss_inputs
from carleman_ssm.formulas.numerics import compile_kernel

ZOO = Path(__file__).parent / "data" / "zoo"
NAMES = sorted(path.name.removesuffix(".reference.npz") for path in ZOO.glob("dss__*.reference.npz"))


def stored(name):
    with np.load(ZOO / f"{name}.npz") as archive:
        tensors = {key: archive[key] for key in archive.files}
    with np.load(ZOO / f"{name}.reference.npz") as archive:
        reference = {key: archive[key] for key in archive.files}
    return tensors, json.loads(str(tensors.pop("config"))), reference


def gap(left, right):
    return float(np.max(np.abs(left - right)))


def test_there_are_references_of_five_versions():
    assert {stored(name)[1]["version"] for name in NAMES} == {"softmax", "exp", "exp-re-im", "clip", "clip-no-scale"}


@pytest.mark.parametrize("name", NAMES)
def test_layers_compute_what_their_references_do(name):
    tensors, config, reference = stored(name)
    layer, x = DSS.from_tensors(tensors, config), reference["x"]
    for method in ("closed", "recurrence"):
        assert gap(layer(x, method), reference["y"]) < 1e-12  # values up to 30
    assert gap(layer.preactivation(layer.scan(x).states(), x), reference["preactivation"]) < 1e-12
    assert gap(layer.kernel(x.shape[1]), reference["kernel"]) < 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_tensors_come_back_as_they_were_stored(name):
    tensors, config, _ = stored(name)
    returned = DSS.from_tensors(tensors, config).tensors()
    assert returned.keys() == tensors.keys()
    assert all(np.array_equal(returned[key], tensors[key]) for key in tensors)
    assert all(returned[key].shape == tensors[key].shape for key in tensors)


def exact_gain(rate, multiplier, length):
    """1/(Λ Σ λ^r) in 50 digits."""
    with mpmath.workdps(50):
        return 1 / (mpmath.mpc(rate) * sum(multiplier**lag for lag in range(length)))


@settings(max_examples=40)
@given(st.floats(-2, 2), st.floats(0.1, 6), st.floats(0.01, 0.3), st.integers(1, 40))
def test_the_inputs_make_a_softmax_over_the_lags_but_for_the_share_of_epsilon(real, imaginary, step, length):
    rate = complex(real, imaginary)
    gain = dss_inputs(np.array([rate]), np.array([step * rate]), length)[0]
    with mpmath.workdps(50):
        sampled = mpmath.mpc(step * rate)
        damped = sampled if real <= 0 else -sampled
        square = abs(mpmath.mpc(rate) * mpmath.expm1(length * damped)) ** 2
        expected = exact_gain(rate, mpmath.exp(sampled), length) * square / (square + EPSILON)
    assert abs(gain - complex(expected)) <= 1e-12 * abs(expected)  # no cancellation: expm1, and moduli


@pytest.mark.parametrize(("length", "least", "most"), [(1, 0.5, 0.55), (100, 1e-4, 1.2e-4), (1000, 1e-6, 2e-6)])
def test_what_epsilon_takes_from_the_slowest_mode_at_the_shortest_step(length, least, most):
    drawn = DSS.initialise(np.random.default_rng(0), channels=1, d_state=64)
    layer = dataclasses.replace(drawn, log_dt=np.full((1, 2), np.log(0.001)))
    slowest = np.abs(layer.eigenvalues).argmin()
    multiplier = mpmath.exp(mpmath.mpc(layer.rates[0, slowest]))
    exact = exact_gain(layer.eigenvalues[slowest], multiplier, length)
    assert least < 1 - abs(layer.input_vector(length)[0, slowest]) / float(abs(exact)) < most


@pytest.mark.symbolic
@pytest.mark.parametrize("seed", range(3))
def test_the_statement_is_the_layer(seed):
    """The compiled output with the parameters of a layer: two steps, one mode that decays and one that grows."""
    rng = np.random.default_rng(seed)
    drawn = DSS.initialise(rng, channels=2, d_state=2)
    layer = dataclasses.replace(
        drawn, log_dt=rng.normal(-2, 1, (2, 2)), Lambda_re=np.array([-0.4, 0.3]) * rng.uniform(0.5, 1.5, 2)
    )
    inputs = rng.normal(size=(1, 3, 2))
    computed = layer.preactivation(layer.scan(inputs).states(), inputs)[0, -1]
    output = DSS.statement(2, 3).output
    for h in range(2):
        stated = evaluated(output, layer, h, inputs[0, :, h])
        assert abs(stated - computed[h]) <= 1e-11 * abs(computed).max()  # the statement subtracts 1 from exp
        for change in ({"epsilon": 1e-30}, {"Delta_im": layer.steps[h, 0]}):
            assert abs(evaluated(output, layer, h, inputs[0, :, h], **change) - computed[h]) > 1e-9


def evaluated(output, layer, channel, inputs, **change):
    values = dict(zip(("Delta_re", "Delta_im"), layer.steps[channel], strict=True))
    values |= {"epsilon": EPSILON, "D": layer.D[0, channel]}
    values |= {f"Lambda_{n}": value for n, value in enumerate(layer.eigenvalues)}
    values |= {f"W_{n}": value for n, value in enumerate(layer.W[0, channel])}
    values |= {f"u_{k}": value for k, value in enumerate(inputs, 1)}
    values |= change
    return complex(compile_kernel(output)(*(values[str(letter)] for letter in output.arguments)))


def test_growing_modes_stay_in_range_over_long_inputs():
    tensors, config, _ = stored("dss__softmax")
    layer = DSS.from_tensors(tensors, config)
    assert (layer.eigenvalues.real > 0).any()
    x = np.ones((1, 2000, 4))
    y = layer(x)
    assert np.isfinite(y).all()
    assert gap(y, layer(x, "recurrence")) < 1e-9 * np.abs(y).max()


def test_the_kernel_depends_on_the_length_only_under_softmax():
    for name, depends in (("dss__softmax", True), ("dss__exp", False), ("dss__clip", False)):
        tensors, config, _ = stored(name)
        layer = DSS.from_tensors(tensors, config)
        assert (gap(layer.kernel(10), layer.kernel(20)[..., :10]) > 1e-3) is depends


def test_false_conventions_give_other_values():
    tensors, config, reference = stored("dss__softmax")
    layer, x = DSS.from_tensors(tensors, config), reference["x"]
    for change in (
        {"W": 2 * layer.W},
        {"Lambda_im": -layer.Lambda_im},
        {"version": "clip"},
        {"log_dt": layer.log_dt[:, ::-1]},
        {"D": 0 * layer.D},
    ):
        assert gap(dataclasses.replace(layer, **change)(x), reference["y"]) > 1e-3, change.keys()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "exp"}, "version"),
        ({"hyper_act": "sigmoid"}, "hyper_act"),
        ({"max_kernel_length": 12}, "max_kernel_length"),
        ({"bidirectional": True}, "bidirectional"),
        ({"postact": None}, "postact"),
    ],
)
def test_configurations_that_contradict_the_tensors_are_refused(change, words):
    tensors, config, _ = stored("dss__softmax")
    with pytest.raises(ValueError, match=words):
        DSS.from_tensors(tensors, config | change)


def test_missing_and_foreign_tensors_are_named():
    tensors, config, _ = stored("dss__softmax")
    spectrum = tensors.pop("kernel.Lambda")
    with pytest.raises(ValueError, match="spectrum of DSS"):
        DSS.from_tensors(tensors, config)
    with pytest.raises(ValueError, match=r"unknown kernel\.B"):
        DSS.from_tensors(tensors | {"kernel.Lambda": spectrum, "kernel.B": np.ones(8)}, config)
    with pytest.raises(ValueError, match="shape"):
        DSS.from_tensors(tensors | {"kernel.Lambda": spectrum[:3]}, config)


@pytest.mark.parametrize("name", ["dss__softmax", "dss__clip", "dss__exp_re_im"])
def test_decaying_layers_are_s4d_layers_for_one_length(name):
    tensors, config, reference = stored(name)
    layer, x = DSS.from_tensors(tensors, config), reference["x"]
    if (layer.eigenvalues.real >= 0).any():
        with pytest.raises(ValueError, match="do not decay"):
            layer.as_s4d_layer(24)
        layer = dataclasses.replace(layer, Lambda_re=-np.abs(layer.Lambda_re))
    expected = layer.preactivation(layer.scan(x).states("recurrence"), x)
    assert gap(layer.as_s4d_layer(24).preactivation(x), expected) < 1e-12


def test_layers_with_two_directions_or_readouts_are_no_s4d_layers():
    for name, words in (("dss__clip_no_scale", "two directions"), ("dss__exp", "several readouts")):
        tensors, config, _ = stored(name)
        with pytest.raises(ValueError, match=words):
            DSS.from_tensors(tensors, config).as_s4d_layer(24)


@pytest.mark.parametrize("version", ["softmax", "exp"])
def test_drawn_layers_have_the_frequencies_of_legs(version):
    layer = DSS.initialise(np.random.default_rng(0), channels=2, d_state=3, version=version)
    assert np.allclose(layer.eigenvalues.real, -0.5, rtol=0, atol=1e-15)
    assert (np.diff(layer.eigenvalues.imag) < 0).all()
    x = np.random.default_rng(1).normal(size=(2, 9, 2))
    assert gap(layer(x), layer(x, "recurrence")) < 1e-12
