"""Zero-order hold and the bilinear rule: against exact models, exact arithmetic and the reference's blocks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from flint import acb, arb
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.networks.checkpoints import load_network, save_network
from carleman_ssm.networks.chunked_scan import ChunkedScan
from carleman_ssm.networks.discretization import DISCRETIZATIONS, step_inputs, step_multipliers, step_powers
from carleman_ssm.networks.kernel import convolution_kernel, modes
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.rings.rings import layer_rings
from carleman_ssm.theory.ssm import DiagonalSSM, bilinear_transform, zero_order_hold
from tests.oracles import ball_precision
from tests.strategies_networks import s4d_layers, stored

DATA = Path(__file__).parent / "data"
EXACT = {"zoh": zero_order_hold, "bilinear": bilinear_transform}
EPS = 2.0**-53


@pytest.mark.parametrize("rule", DISCRETIZATIONS)
@pytest.mark.parametrize("step", ["1/1000000", "1/7", "2", "60"])
def test_multipliers_and_inputs_round_those_of_the_exact_models(rule, step):
    eigenvalues = (sp.Integer(-1), sp.Rational(-1, 2) + 3 * sp.I, sp.Rational(-1, 1024), sp.Rational(-3, 4) - 40 * sp.I)
    exact = EXACT[rule](DiagonalSSM(eigenvalues, (sp.Integer(1),) * 4, (sp.Integer(1),) * 4), sp.Rational(step))
    arguments = np.array([complex(a) for a in eigenvalues]), np.array([float(sp.Rational(step))]), rule
    pairs = (step_multipliers(*arguments), exact.multipliers), (step_inputs(*arguments), exact.input_vector)
    for found, expected in pairs:
        expected = np.array([complex(sp.N(value, 30)) for value in expected])
        # One rounding of z = aΔ moves e^z by |z| u relative to it; every other operation by a few u.
        rates = np.abs(arguments[0] * arguments[1])
        assert (np.abs(found - expected) <= (8 + 4 * rates) * EPS * (np.abs(expected) + (rule == "bilinear"))).all()


def test_a_mode_at_rest_integrates_its_input():
    at_zero = np.zeros(1, dtype=complex), np.array([0.25])
    for rule in DISCRETIZATIONS:
        assert step_multipliers(*at_zero, rule) == 1
        assert step_inputs(*at_zero, rule) == 0.25


@given(
    rate=st.floats(-30, -1e-6),
    frequency=st.floats(-1e3, 1e3),
    log_step=st.floats(-12, 2),
)
def test_both_rules_are_stable_and_answer_a_constant_input_alike(rate, frequency, log_step):
    a, step = np.array([complex(rate, frequency)]), np.exp([log_step])
    for rule in DISCRETIZATIONS:
        multiplier, driven = step_multipliers(a, step, rule), step_inputs(a, step, rule)
        assert abs(multiplier[0]) <= 1 + 4 * EPS
        # In the limit x = λ x + b̄ = -1/a, the continuous answer; 1 - λ cancels where |aΔ| is small.
        assert np.abs((1 - multiplier) + a * driven).max() <= 64 * EPS * (1 + np.abs(a * driven).max())


def test_powers_of_a_multiplier_that_vanishes_are_zero():
    powers = step_powers(np.array([-2.0 + 0j]), np.array([1.0]), "bilinear", np.arange(4.0))
    assert powers.tolist() == [[1, 0, 0, 0]]


def trapezoid_states(layer, h, n, u):
    """Solve x' = a x + u_k with the trapezoidal rule, the input as it is at step k: balls, one step at a time."""
    a = acb(-arb(float(layer.log_A_real[h, n])).exp(), arb(float(layer.A_imag[h, n])))
    step, x, found = arb(float(layer.log_dt[h])).exp(), acb(0), []
    for value in u:
        x = (x + step * (a * x / 2 + value)) / (1 - step * a / 2)
        found.append(x)
    return found


BILINEAR = NetworkConfig(discretization="bilinear")


@given(layer=s4d_layers(BILINEAR, 2), length=st.integers(1, 40))
@settings(deadline=None)
def test_bilinear_kernels_lie_within_their_proved_error_of_the_trapezoidal_rule(layer, length):
    enclosed = convolution_kernel(layer, length)
    with ball_precision(40, steps=length):
        for h in range(layer.channels):
            states = [trapezoid_states(layer, h, n, [1.0] + [0.0] * (length - 1)) for n in range(layer.modes)]
            for k in range(length):
                readout = (acb(float(c.real), float(c.imag)) for c in layer.C[h])
                exact = 2 * sum((c * state[k] for c, state in zip(readout, states, strict=True)), acb(0)).real
                exact += float(layer.D[h]) if k == 0 else 0.0
                gap = abs(arb(float(enclosed.value[h, k])) - exact).upper()
                assert gap <= float(enclosed.error[h, k])


@given(layer=s4d_layers(BILINEAR, 2), length=st.integers(1, 100))
@settings(deadline=None)
def test_float_kernels_agree_with_the_enclosed_ones(layer, length):
    enclosed = convolution_kernel(layer, length)
    found = layer.kernel(length)
    found[:, 0] += layer.D
    # float64 loses a few u per factor: at most `length` factors of a power, times the sizes of all modes
    size = np.abs(2 * layer.C * layer.input_vector).sum(axis=1) + np.abs(layer.D)
    assert (np.abs(found - enclosed.value) <= enclosed.error + 16 * (length + 4) * EPS * size[:, None]).all()


def test_zero_order_hold_of_the_same_parameters_is_another_kernel():
    layer = s4d_layer("bilinear")
    held = replace(layer, discretization="zoh")
    assert np.abs(layer.kernel(20) - held.kernel(20)).max() > 1e-3 * np.abs(held.kernel(20)).max()
    assert np.abs(modes(layer).multipliers - layer.multipliers).max() <= 4 * EPS
    assert np.abs(modes(layer).multipliers - held.multipliers).max() > 1e-3


def test_the_bilinear_rule_with_its_sign_flipped_is_unstable():
    a, step = np.array([-0.5 + 3j]), np.array([0.1])
    rates = a * step / 2
    assert np.abs((1 - rates) / (1 + rates)) > 1.04
    assert np.abs(step_multipliers(a, step, "bilinear")) < 0.96


def s4d_layer(rule):
    generator = np.random.default_rng(3)
    values = [stored(generator.normal(size=shape)) for shape in ((3,), (3, 4), (3, 4), (2, 3, 4), (3,))]
    return S4DLayer(values[0] - 2, values[1] - 1, 9 * values[2], values[3][0] + 1j * values[3][1], values[4],
                    discretization=rule)  # fmt: skip


def test_the_chunked_scan_of_a_bilinear_layer_gives_its_output():
    layer = s4d_layer("bilinear")
    u = np.random.default_rng(0).normal(size=(2, 150, 3))
    y = layer.preactivation(u, "recurrence")
    assert np.abs(ChunkedScan.of(layer)(u.swapaxes(1, 2)).swapaxes(1, 2) - y).max() <= 1e-13 * np.abs(y).max()


@pytest.mark.parametrize("closure", ["complex", "antiperiodic"])
def test_rings_of_a_bilinear_layer_give_its_output(closure):
    layer = s4d_layer("bilinear")
    u = np.random.default_rng(0).normal(size=(2, 50, 3))
    y = layer.preactivation(u, "recurrence")
    for order in ("auto", "index", "angle"):
        rings = layer_rings(layer, closure=closure, order=order)
        assert np.abs(rings.output(rings.node_contents(u), u) - y).max() <= 1e-13 * np.abs(y).max()
    assert (layer_rings(layer).order == np.arange(4)).all()  # |arg λ| < π: nothing wraps, so the index order stays
    other = layer_rings(replace(layer, discretization="zoh"))
    assert np.abs(other.output(other.node_contents(u), u) - y).max() > 1e-3 * np.abs(y).max()


def block_network(name):
    """A block of the reference's other implementation as a network: identity encoder and head, no residual, no pool.

    Its eigenvalues are -exp(A_real) - i A_imag (the other sign), its B is a parameter, folded into C here.
    """
    block = {key.rpartition("kernel.")[2]: value for key, value in np.load(DATA / f"{name}.npz").items()}
    weight = block.get("output_linear.0.weight")
    drive, readout = (block[letter][0, ..., 0] + 1j * block[letter][0, ..., 1] for letter in "BC")
    rule = "bilinear" if "bilinear" in name else "zoh"
    layer = S4DLayer(
        block["inv_dt"][:, 0], block["A_real"], -block["A_imag"], readout * drive, block["layer.D"][0],
        weight, block.get("output_linear.0.bias"), discretization=rule,
    )  # fmt: skip
    config = NetworkConfig(output="none" if weight is None else "glu", residual=False, pool="none", discretization=rule)
    eye, zero = np.eye(layer.channels), np.zeros(layer.channels)
    return S4DNetwork(eye, zero, (layer,), eye, zero, config)


BLOCKS = ("s4block_inv_bilinear", "s4block_legs_zoh", "s4block_no_output_linear")


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("method", ["convolution", "recurrence"])
def test_blocks_equal_the_reference_at_every_step(name, method):
    network, reference = block_network(name), np.load(DATA / f"{name}.reference.npz")
    x, length = reference["x"], reference["x"].shape[1]
    # The reference's convolution is an FFT in float64 too: both sides round at about 1e-15 of the largest value.
    assert relative(network.layers[0].kernel(length), reference["kernel"][0]) < 1e-12
    assert relative(network.preactivations(x, method)[0], reference["preactivation"]) < 1e-12
    assert relative(network(x, method), reference["y"]) < 1e-12
    last = network.read_at_last_step()
    for k in (0, 11, length - 1):
        assert relative(last(x[:, : k + 1], method), reference["y"][:, k]) < 1e-12


def test_the_reference_tells_the_rules_apart():
    network, reference = block_network(BLOCKS[0]), np.load(DATA / f"{BLOCKS[0]}.reference.npz")
    held = replace(network.layers[0], discretization="zoh")
    other = replace(network, layers=(held,), config=replace(network.config, discretization="zoh"))
    assert relative(other(reference["x"]), reference["y"]) > 1e-3


def relative(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_the_rule_is_kept_by_checkpoints_and_stated_only_where_it_is_not_the_default(tmp_path, suffix):
    network, path = block_network(BLOCKS[0]), tmp_path / f"block.{suffix}"
    save_network(network, path)
    again = load_network(path)
    assert again.config == network.config
    assert again.layers[0].discretization == "bilinear"
    x = np.load(DATA / f"{BLOCKS[0]}.reference.npz")["x"]
    assert (again(x) == network(x)).all()
    assert "discretization" not in NetworkConfig().stated()
    assert network.config.stated()["discretization"] == "bilinear"


def test_a_layer_and_its_network_name_one_known_rule():
    layer = s4d_layer("zoh")
    with pytest.raises(ValueError, match="unknown discretization 'euler'; choose 'zoh' or 'bilinear'"):
        replace(layer, discretization="euler")
    eye, zero = np.eye(3), np.zeros(3)
    with pytest.raises(ValueError, match="configuration says 'bilinear', the layer 'zoh'"):
        S4DNetwork(eye, zero, (layer,), eye, zero, NetworkConfig(output="none", discretization="bilinear"))
