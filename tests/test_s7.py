"""S7 against the equations of its paper, restated one step at a time; and what nearby formulas would give."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.families.s7 import S7
from carleman_ssm.formulas.verification import verify
from tests.reference_layers import ZOO, parameter_files, stored

TOLERANCE = 1e-12
"""Against the restatement in float64: sums of a few dozen terms of size 1 to 10, each rounded at 1e-16."""


@pytest.mark.parametrize("path", parameter_files("s7"), ids=lambda path: path.stem)
@pytest.mark.parametrize("method", ["closed", "recurrence"])
def test_the_layer_is_the_restated_paper(path, method):
    tensors, config, reference = stored(path)
    layer = S7.from_tensors(tensors, config)
    assert abs(layer(reference["x"], method) - reference["y"]).max() < TOLERANCE * abs(reference["y"]).max()
    states = layer.scan(reference["x"]).states(method)
    assert abs(states - reference["states"]).max() < TOLERANCE * abs(reference["states"]).max()
    back = layer.tensors()
    assert back.keys() == tensors.keys()
    assert all(np.array_equal(back[name], tensors[name]) for name in tensors)


def test_there_are_reference_files():
    assert len(parameter_files("s7")) >= 2


def test_another_form_of_gelu_is_seen():
    tensors, config, reference = stored(ZOO / "s7__default.npz")
    layer = dataclasses.replace(S7.from_tensors(tensors, config), gelu_form="erf")
    assert 1e-6 < abs(layer(reference["x"]) - reference["y"]).max() < 1e-2 * abs(reference["y"]).max()


@pytest.mark.parametrize(
    "multiplier",
    [lambda r: 1 - 1 / (r**2 + 1), lambda r: np.exp(-1 / (r**2 + 0.5)), lambda r: 1 / (r**2 + 0.5) - 1],
    ids=["one for a half", "exponential", "sign"],
)
def test_another_multiplier_is_another_layer(multiplier):
    tensors, config, reference = stored(ZOO / "s7__default.npz")
    layer, x = S7.from_tensors(tensors, config), reference["x"]
    scan = dataclasses.replace(layer.scan(x), multipliers=multiplier(layer.rates(x)))
    assert abs(layer.readout(scan.states(), x) - reference["y"]).max() > 1e-3


def test_a_transposed_selection_is_seen():
    tensors, config, reference = stored(ZOO / "s7__default.npz")
    turned = {**tensors, "B_proj.weight": tensors["B_proj.weight"].reshape(3, 4, 3).swapaxes(0, 1).reshape(12, 3)}
    assert abs(S7.from_tensors(turned, config)(reference["x"]) - reference["y"]).max() > 1e-3


def test_clearing_denominators_gives_the_same_states_in_exact_fractions():
    """The polynomial recurrence in rational arithmetic, from the float parameters taken as exact numbers."""
    tensors, config, reference = stored(ZOO / "s7__erf.npz")
    layer, x = S7.from_tensors(tensors, config), reference["x"][:, :8]
    rates, drives = layer.rates(x)[0], layer.scan(x).drives[0]
    states = layer.scan(x).states()[0]
    for n in range(layer.states):
        scaled, product = Fraction(0), Fraction(1)
        for k in range(8):
            rate, drive = Fraction(rates[k, n]), Fraction(drives[k, n])
            product *= 2 * rate**2 + 1
            scaled = (2 * rate**2 - 1) * scaled + product * drive
            assert abs(float(scaled / product) - states[k, n]) < 1e-13 * abs(states).max()


@settings(max_examples=50, deadline=None)
@given(st.floats(-1e6, 1e6, allow_subnormal=False), st.integers(0, 2**32 - 1))
def test_multipliers_stay_between_minus_one_and_one(scale, seed):
    layer = S7.initialise(np.random.default_rng(seed), channels=2, states=3, selection=1.0)
    multipliers = layer.scan(scale * np.random.default_rng(seed).normal(size=(1, 4, 2))).multipliers
    assert (multipliers >= -1).all()
    assert (multipliers <= 1).all()  # below 1 for real numbers; float64 rounds 1 - 1e-17 to 1


def test_a_vanishing_rate_flips_the_sign_of_the_state():
    """The multiplier −1: nothing is forgotten, and the state changes sign at every step."""
    layer = S7.initialise(np.random.default_rng(0), channels=1, states=2, selection=0.0)
    layer = dataclasses.replace(layer, Lambda_bias=np.zeros(2))
    inputs = np.zeros((1, 6, 1))
    inputs[0, 0, 0] = 1
    states = layer.scan(inputs).states()[0]
    assert np.array_equal(states, states[0] * (-1.0) ** np.arange(6)[:, None])


def test_an_initialised_layer_runs_and_states_its_claims():
    layer = S7.initialise(np.random.default_rng(0), channels=3, states=5)
    inputs = np.random.default_rng(1).normal(size=(2, 40, 3))
    assert abs(layer(inputs) - layer(inputs, "recurrence")).max() < 1e-12
    at_rest = layer.scan(np.zeros((1, 1, 3))).multipliers
    assert ((at_rest > 0.899) & (at_rest < 0.9991)).all()
    assert all(verify(law).proved for law in S7.statement(1, 2).laws)


def test_wrong_parameters_are_refused():
    good = S7.initialise(np.random.default_rng(0))
    for change, words in (
        ({"gelu_form": "relu"}, "gelu_form"),
        ({"B_weight": np.ones((4, 2))}, "B_weight"),
        ({"D_bias": np.full(4, np.inf)}, "D_bias"),
    ):
        with pytest.raises(ValueError, match=words):
            dataclasses.replace(good, **change)
    with pytest.raises(ValueError, match=r"gate_proj\.bias"):
        S7.from_tensors({n: v for n, v in good.tensors().items() if n != "gate_proj.bias"}, {})
    with pytest.raises(ValueError, match="d_state"):
        S7.from_tensors(good.tensors(), {"d_state": 7})
