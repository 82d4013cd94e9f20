"""RG-LRU against RecurrentGemma's recurrent block, and what a wrong convention would give."""

import dataclasses

import numpy as np
import pytest

from carleman_ssm.families.rg_lru import RGLRU
from carleman_ssm.formulas.verification import verify
from tests.reference_layers import ZOO, parameter_files, stored

TOLERANCE = 1e-12
"""Against the reference in float64: sums of a few dozen terms of size 1 to 10, each rounded at 1e-16."""


@pytest.mark.parametrize("path", parameter_files("recurrentgemma"), ids=lambda path: path.stem)
@pytest.mark.parametrize("method", ["closed", "recurrence"])
def test_the_block_is_its_reference(path, method):
    tensors, config, reference = stored(path)
    layer = RGLRU.from_tensors(tensors, config)
    assert abs(layer(reference["x"], method) - reference["y"]).max() < TOLERANCE * abs(reference["y"]).max()
    assert abs(layer.recurrent_branch(reference["x"]) - reference["convolved"]).max() < TOLERANCE
    assert abs(layer.scan(reference["x"]).states(method) - reference["states"]).max() < TOLERANCE
    back = layer.tensors()
    assert back.keys() == tensors.keys()
    assert all(np.array_equal(back[name], tensors[name]) for name in tensors)


def test_there_are_reference_files():
    assert len(parameter_files("recurrentgemma")) >= 2


def restated(tensors, inputs):
    """The equations of the paper for one sequence, step by step and channel by channel: a route without our code."""
    t = {name.replace("rg_lru.", ""): value for name, value in tensors.items()}
    branch = inputs @ t["linear_x.weight"].T + t["linear_x.bias"]
    other = inputs @ t["linear_y.weight"].T + t["linear_y.bias"]
    width, inner = t["conv_1d.w"].shape
    heads = len(t["a_gate.b"])
    state, outputs = np.zeros(inner), []
    for k in range(len(inputs)):
        x = t["conv_1d.b"] + sum(t["conv_1d.w"][width - 1 - m] * branch[k - m] for m in range(min(width, k + 1)))
        blocks = x.reshape(heads, -1)
        r, i = (
            1
            / (
                1
                + np.exp(
                    -np.concatenate([b @ w for b, w in zip(blocks, t[f"{g}.w"], strict=True)]) - t[f"{g}.b"].ravel()
                )
            )
            for g in ("a_gate", "input_gate")
        )
        a = (1 / (1 + np.exp(t["a_param"]))) ** (8 * r)
        state = a * state + (np.sqrt(1 - a**2) if k else 1) * i * x
        g = other[k]
        gated = g / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (g + 0.044715 * g**3)))
        outputs.append(t["linear_out.weight"] @ (state * gated) + t["linear_out.bias"])
    return np.array(outputs)


def test_the_block_is_the_equations_of_the_paper():
    """(1 + e^p)^{-8r} near 1 loses digits that expm1 keeps: 1e-9."""
    tensors, config, reference = stored(ZOO / "recurrentgemma__wide.npz")
    layer = RGLRU.from_tensors(tensors, config)
    assert abs(layer(reference["x"])[0] - restated(tensors, reference["x"][0])).max() < 1e-9


def drives_with(layer, inputs, root):
    scan = layer.scan(inputs)
    true = np.sqrt(1 - scan.multipliers**2)
    true[:, 0] = 1
    return layer.readout(dataclasses.replace(scan, drives=scan.drives / true * root(scan.multipliers)).states(), inputs)


@pytest.mark.parametrize(
    "root", [lambda a: np.sqrt(1 - a**2), lambda a: 1 - a**2, lambda a: 1 - a], ids=["first step", "no root", "average"]
)
def test_another_weight_of_the_input_is_another_layer(root):
    """Among them the root in the first step, which the reference leaves out at the start of a document."""
    tensors, config, reference = stored(ZOO / "recurrentgemma__default.npz")
    layer = RGLRU.from_tensors(tensors, config)
    assert abs(drives_with(layer, reference["x"], root) - reference["y"]).max() > 1e-3


@pytest.mark.parametrize("pair", [("a_gate", "input_gate"), ("linear_x", "linear_y")])
def test_exchanged_branches_are_seen(pair):
    tensors, config, reference = stored(ZOO / "recurrentgemma__default.npz")
    layer = RGLRU.from_tensors(tensors, config)
    first, second = pair
    exchanged = {
        f"{to}_{kind}": getattr(layer, f"{source}_{kind}")
        for to, source in (pair, (second, first))
        for kind in ("weight", "bias")
    }
    assert abs(dataclasses.replace(layer, **exchanged)(reference["x"]) - reference["y"]).max() > 1e-3


def test_transposed_gates_are_seen():
    tensors, config, reference = stored(ZOO / "recurrentgemma__default.npz")
    layer = RGLRU.from_tensors(tensors, config)
    turned = dataclasses.replace(layer, a_gate_weight=layer.a_gate_weight.swapaxes(1, 2))
    assert abs(turned(reference["x"]) - reference["y"]).max() > 1e-3


def test_the_decays_multiply_on_the_clock():
    layer = RGLRU.initialise(np.random.default_rng(0), channels=4, inner=6, heads=3)
    inputs = np.random.default_rng(1).normal(size=(2, 20, 4))
    alpha = 1 / (1 + np.exp(layer.a_param))
    product = np.cumprod(layer.scan(inputs).multipliers, axis=1)
    assert abs(alpha ** (8 * layer.clock(inputs)) - product).max() < 1e-13


def test_no_step_exceeds_state_and_input_together():
    """|h_k|² <= |h_{k-1}|² + |i_k x_k|²: decay and root lie on a circle."""
    layer = RGLRU.initialise(np.random.default_rng(0))
    inputs = np.random.default_rng(1).normal(size=(3, 50, 4))
    scan = layer.scan(inputs)
    states = scan.states()
    gated = scan.drives[:, 1:] / np.sqrt(1 - scan.multipliers[:, 1:] ** 2)
    assert (states[:, 1:] ** 2 <= (states[:, :-1] ** 2 + gated**2) * (1 + 1e-12)).all()


def test_an_initialised_block_runs_and_states_its_claims():
    layer = RGLRU.initialise(np.random.default_rng(3), channels=5, inner=8, heads=4, width=3)
    inputs = np.random.default_rng(4).normal(size=(2, 1, 5))
    assert layer(inputs).shape == (2, 1, 5)
    assert abs(layer(inputs) - layer(inputs, "recurrence")).max() < 1e-14
    radii = 1 / (1 + np.exp(layer.a_param))
    assert ((radii > 0.89) & (radii < 1)).all()
    assert all(verify(law).proved for law in RGLRU.statement(1, 2).laws)


def test_wrong_parameters_are_refused():
    good = RGLRU.initialise(np.random.default_rng(0))
    for change, words in (
        ({"a_gate_bias": np.ones((3, 2))}, "heads"),
        ({"a_param": np.ones(3)}, "a_param"),
        ({"conv_weight": np.ones((4, 1, 4))}, "conv_weight"),
        ({"linear_y_bias": np.full(4, np.nan)}, "linear_y_bias"),
    ):
        with pytest.raises(ValueError, match=words):
            dataclasses.replace(good, **change)
    with pytest.raises(ValueError, match=r"rg_lru\.a_param"):
        RGLRU.from_tensors({n: v for n, v in good.tensors().items() if "a_param" not in n}, {})
    with pytest.raises(ValueError, match="num_heads"):
        RGLRU.from_tensors(good.tensors(), {"num_heads": 1})
    with pytest.raises(ValueError, match="divide"):
        RGLRU.initialise(np.random.default_rng(0), inner=5)
