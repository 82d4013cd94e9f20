"""The frequency domain beside sums over kernels, simulated spectra, quadrature and high precision."""

from dataclasses import replace
from math import comb

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.decoders import ExactDecoders
from carleman_ssm.operators.network_function import network_function
from carleman_ssm.operators.operator import DomainError
from carleman_ssm.predictions.input_families import Sinusoid
from carleman_ssm.predictions.line_coefficients import line_multiples, polynomial_lines, torus_coefficients
from carleman_ssm.predictions.simulated_spectra import settling_steps, simulated_lines
from carleman_ssm.predictions.spectral_lines import spectral_lines, tone_amplitudes
from carleman_ssm.predictions.steady_means import bessel_mean, steady_mean
from carleman_ssm.predictions.transfer import ChannelResponse, transfer_functions
from tests.strategies_networks import moderate_network

WINDOW = 48


def quick_network(seed=0, layers=1, **entries):
    """Modes that have decayed after some hundred steps, and pre-activations of size 1."""
    network = moderate_network(layers, channels=3, modes=2, seed=seed, **entries)
    quick = [replace(layer, log_A_real=np.full_like(layer.log_A_real, 0.5)) for layer in network.layers]
    quick = [replace(layer, log_dt=np.clip(layer.log_dt, -2.0, 0.0), C=4 * layer.C) for layer in quick]
    return replace(network, layers=tuple(quick))


def grid_tone(cycles, amplitude=0.5, **entries):
    return Sinusoid(amplitude, 2 * np.pi * cycles / WINDOW, **entries)


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_the_response_of_a_channel_is_the_sum_over_its_kernel(discretization):
    layer = quick_network(discretization=discretization).layers[0]
    response, length = ChannelResponse.of(layer), 1000
    kernel = layer.kernel(length)
    kernel[:, 0] += layer.D
    for frequency in (0.0, 0.3, np.pi, -1.2, 7.0):
        direct = kernel @ np.exp(-1j * frequency * np.arange(length))
        np.testing.assert_allclose(response(frequency), direct, atol=1e-11)
    for tolerance in (1e-2, 1e-6):
        steps = response.settling_steps(tolerance)
        tails = np.abs(kernel[:, steps:]).sum(axis=1)
        assert tails.max() <= tolerance
        assert np.abs(kernel[:, steps // 4 :]).sum(axis=1).max() > tolerance  # not idly long


@pytest.mark.parametrize("name", ["square", "cube", "gelu", "silu"])
def test_transfer_functions_are_the_spectra_of_the_volterra_kernels(name):
    """Kernels of the operator for the last step, about a constant, in place of poles and residues."""
    network = quick_network(activation=name, pool="last", norm="batch", features=2)
    constant, length = np.array([0.4, -0.2]), 400
    found = transfer_functions(network, constant)
    function, centre = network_function(network, length), np.tile(constant, (length, 1))
    lags = np.arange(length)[::-1]
    waves = {frequency: np.exp(-1j * frequency * lags) for frequency in (0.0, 0.7, -1.9)}
    gradient = function.gradients(centre)
    np.testing.assert_allclose(found.level, network(centre[None])[0], atol=1e-10)
    for frequency, wave in waves.items():
        for channel in (0, 1):
            direct = gradient[..., channel].reshape(-1, length) @ wave
            np.testing.assert_allclose(found.first(frequency, channel), direct, atol=1e-9)
    for first, second in ((0.7, -1.9), (0.7, 0.7), (0.0, -1.9)):
        push = np.zeros((length, 2))
        push[:, 1] = waves[second].real
        half = function.hessian_products(centre, push).reshape(-1, length, 2)[..., 0] / 2
        push[:, 1] = waves[second].imag
        half = half + 0.5j * function.hessian_products(centre, push).reshape(-1, length, 2)[..., 0]
        np.testing.assert_allclose(found.second(first, second, (0, 1)), half @ waves[first], atol=1e-8)
    assert found.is_whole == (name in ("square", "cube"))
    assert ("exact" in found.scope) == found.is_whole


def test_three_tones_meet_with_the_third_order_function():
    network = quick_network(activation="cube")
    tones = (grid_tone(3), grid_tone(7, 0.3, phase=1.0), grid_tone(11, 0.2, phase=-0.4))
    found, lines = transfer_functions(network, 0.1), spectral_lines(network, tones, 0.1)
    frequencies, amplitudes = [tone.frequency for tone in tones], tone_amplitudes(tones, 1)[:, 0]
    # 3! orders of the product, each tone with half its amplitude, and twice the real part
    expected = 2 * 6 / 8 * amplitudes.prod() * found.third(*frequencies)
    np.testing.assert_allclose(lines.line(1, 1, 1), expected, atol=1e-13)
    turned = found.third(frequencies[0], frequencies[1], -frequencies[2])
    expected = 2 * 6 / 8 * amplitudes[0] * amplitudes[1] * amplitudes[2].conj() * turned
    assert lines.frequencies[(lines.multiples == (1, 1, -1)).all(axis=1)] == pytest.approx(2 * np.pi / WINDOW)
    np.testing.assert_allclose(lines.line(1, 1, -1), expected.conj(), atol=1e-13)  # 3 + 7 − 11 is folded


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_small_tones_of_any_activation_follow_the_local_expansion(name):
    """The error of the second-order line falls like the fourth power of the amplitude: 16 for each halving."""
    network, errors = quick_network(activation=name), []
    found = transfer_functions(network)
    for amplitude in (0.08, 0.04):
        tones = (grid_tone(3, amplitude), grid_tone(8, amplitude))
        local = amplitude**2 * found.second(*(tone.frequency for tone in tones))
        errors.append(np.abs(spectral_lines(network, tones).line(1, 1) - local).max())
    assert 13 < errors[0] / errors[1] < 19


@given(st.data())
@settings(max_examples=20)
def test_closed_sums_are_the_fourier_transform_over_the_torus(data):
    degree, tones = data.draw(st.integers(0, 7)), data.draw(st.integers(1, 2))
    generator = np.random.default_rng(data.draw(st.integers(0, 999)))
    coefficients, point = generator.normal(size=degree + 1), generator.normal(size=3)
    driven = generator.normal(size=(tones, 3)) + 1j * generator.normal(size=(tones, 3))
    driven[:, 0] *= data.draw(st.sampled_from([0.0, 1.0]))
    rule, multiples = ExactDecoders(coefficients, 3), line_multiples(tones, degree + 1)
    closed = polynomial_lines(rule.taylor(point, degree), driven, multiples)
    torus = torus_coefficients(rule, point, driven, 2 * degree + 3)
    np.testing.assert_allclose(closed, torus[tuple(multiples.T % (2 * degree + 3))], atol=1e-9)
    assert not closed[np.abs(multiples).sum(axis=1) > degree].any()


def test_the_harmonics_of_one_wave_are_binomial():
    r"""T15: $e^{ik\phi}\sum_{p\ge k, p\equiv k (2)} g_p (R/2)^p \binom{p}{(p-k)/2}$ about zero."""
    g, amplitude = np.array([0.5, -1.0, 0.25, 2.0, -0.75]), 1.3 * np.exp(0.4j)
    found = polynomial_lines(g[:, None], np.array([[amplitude]]), line_multiples(1, 4))[:, 0]
    for k in range(5):
        exact = sum(g[p] * (1.3 / 2) ** p * comb(p, (p - k) // 2) for p in range(k, 5, 2)) * np.exp(0.4j * k)
        assert found[k] == pytest.approx(exact, abs=1e-14)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["identity", "square", "cube", "poly"])
def test_lines_are_the_whole_simulated_spectrum(name, seed):
    """Every bin, the empty ones too: biases, residual path, norms, a constant, late and shifted tones."""
    network = quick_network(
        seed, activation=name, residual=seed % 2 == 0, norm=("none", "batch")[seed // 2], prenorm=seed == 3, features=2
    )
    tones = (grid_tone(5, phase=0.7, channel=1), grid_tone((9, 10, 24, 5)[seed], -0.4, position=3 * (seed == 2)))
    lines = spectral_lines(network, tones, [0.3, -0.1])
    simulated = simulated_lines(network, tones, WINDOW, [0.3, -0.1])
    assert lines.aliasing.max() == 0.0
    np.testing.assert_allclose(lines.spectrum(WINDOW), simulated.amplitudes, atol=1e-7)
    steps = simulated.transient + np.arange(WINDOW)
    np.testing.assert_allclose(lines.signal(steps), simulated.signal, atol=1e-7)
    met = np.abs(lines.amplitudes[lines.is_interaction])
    assert met.size == 0 or (met.max() > 1e-4) == (name != "identity")
    still = spectral_lines(network, tones)  # the false twin: without the constant
    assert np.abs(still.spectrum(WINDOW) - simulated.amplitudes).max() > 1e-3


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu"])
def test_lines_of_other_activations_are_not_local(name):
    network = quick_network(activation=name)
    tones = (grid_tone(5, 1.5), grid_tone(9, 1.0))
    lines, simulated = spectral_lines(network, tones, order=24), simulated_lines(network, tones, WINDOW)
    np.testing.assert_allclose(lines.spectrum(WINDOW), simulated.amplitudes, atol=1e-6)
    assert lines.aliasing.max() < 1e-6
    local = 1.5 * 1.0 * transfer_functions(network).second(*(tone.frequency for tone in tones))
    assert np.abs(lines.line(1, 1) - local).max() > 1e-3  # a thousand times what simulation leaves


def test_an_operator_has_the_lines_of_its_fit_and_refuses_what_leaves_it():
    network = quick_network(activation="gelu")
    operator = network_operator(network, degree=20, input_bound=1.0, length=60)
    tones = (grid_tone(5, 0.4), grid_tone(9, 0.3))
    fitted, own = spectral_lines(operator, tones), spectral_lines(network, tones)
    assert "exact over" in fitted.method
    np.testing.assert_allclose(fitted.amplitudes, own.amplitudes, atol=2 * operator.certified_error.max())
    with pytest.raises(DomainError, match=r"leaves the interval .* by \d"):
        spectral_lines(operator, [grid_tone(5, 40.0)])
    with pytest.raises(DomainError, match=r"by \d"):
        transfer_functions(operator, 1000.0)
    waves = network_operator(network, input_bound=1.0, length=60, fit="cosine", tolerance=1e-7)
    np.testing.assert_allclose(spectral_lines(waves, tones).amplitudes, own.amplitudes, atol=1e-4)
    np.testing.assert_allclose(transfer_functions(waves).first(0.5), transfer_functions(network).first(0.5), atol=1e-3)


def test_lines_have_names_tables_and_an_order():
    lines = spectral_lines(quick_network(activation="square"), (grid_tone(5), grid_tone(9)))
    assert lines.orders.tolist() == [0, 1, 1, 2, 2, 2, 2]
    assert lines.multiples[lines.is_interaction].tolist() == [[1, 1], [1, -1]]
    record = lines.table()[4]
    assert record["multiples"] == [1, 1]
    assert record["frequency"] == pytest.approx(14 / WINDOW)
    np.testing.assert_allclose(record["magnitude"], np.abs(lines.line(1, 1)))
    with pytest.raises(KeyError, match="first nonzero"):
        lines.line(-1, 0)
    with pytest.raises(ValueError, match="whole number of periods"):
        lines.spectrum(WINDOW + 1)
    grid = np.linspace(0, np.pi, 5)
    table = transfer_functions(quick_network(activation="square")).table(grid)
    assert np.array(table["second"]["magnitude"]).shape == (3, 5, 5)
    assert table["frequency"] == (grid / (2 * np.pi)).tolist()
    assert not np.any(table["third_harmonic"]["magnitude"])
    functions = transfer_functions(quick_network(activation="cube"))
    sizes = functions.table(grid)["third_at_the_tone"]["magnitude"]
    np.testing.assert_allclose(np.array(sizes)[:, 1], np.abs(functions.third(grid[1], -grid[1], grid[1])))


def test_deep_networks_are_measured():
    network = quick_network(layers=2, activation="gelu", output="glu", norm="layer")
    with pytest.raises(ValueError, match="simulated_lines"):
        spectral_lines(network, [grid_tone(5)])
    simulated = simulated_lines(network, [grid_tone(5)], WINDOW)
    assert simulated.transient == settling_steps(network)
    late = simulated_lines(network, [grid_tone(5)], WINDOW, transient=simulated.transient + 7)
    np.testing.assert_allclose(late.amplitudes, simulated.amplitudes, atol=1e-6)
    off_grid = np.delete(np.abs(simulated.amplitudes), np.arange(0, WINDOW // 2 + 1, 5), axis=0)
    assert np.abs(simulated.amplitudes[5]).max() > 1e-3
    between = np.abs(simulated.amplitudes[[1, 2, 4, 6]]).max()
    assert between < off_grid.max() + 1e-12
    assert between < np.abs(simulated.amplitudes[5]).max()


@pytest.mark.parametrize("radius", [0.0, 1e-8, 0.3, 2.0, 9.0, 1e3])
def test_the_bessel_mean_in_high_precision(radius):
    with mp.workdps(30):
        exact = mp.quad(
            lambda t: radius * mp.cos(t) * mp.ncdf(radius * mp.cos(t)) / mp.pi,
            mp.linspace(0, mp.pi, 2 if radius < 10 else 65),
        )
    assert float(bessel_mean(np.array([radius]))[0]) == pytest.approx(float(exact), rel=1e-12)


def test_the_bessel_form_is_a_limit():
    """Without biases it is the steady mean; with them it is not; and a short sequence is neither."""
    network = quick_network(activation="gelu")
    tone = grid_tone(7, 1.2)
    silent = replace(network, encoder_bias=np.zeros_like(network.encoder_bias))
    found = steady_mean(silent, tone, 4000)
    assert not found.operating_point.any()
    np.testing.assert_allclose(found.zero_mean_limit, found.steady, atol=1e-12)
    assert np.abs(found.network_logits - found.steady).max() < 1e-2
    biased = steady_mean(network, tone, 4000)
    assert np.abs(biased.zero_mean_limit - biased.steady).max() > 1e-2
    assert np.abs(biased.network_logits - biased.steady).max() < 1e-2
    operator = network_operator(network, degree=24, input_bound=1.5, length=40)
    short = steady_mean(operator, tone, 40)
    assert (np.abs(short.operator_logits - short.network_logits) <= short.operator_error).all()
    assert short.refusal == ""
    refused = steady_mean(operator, grid_tone(7, 1.8), 40)
    assert refused.operator_logits is None
    assert "input_bound" in refused.refusal
    for other in (quick_network(activation="square"), quick_network(activation="gelu", pool="last")):
        with pytest.raises(ValueError, match="Bessel"):
            steady_mean(other, tone, 40)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda network: spectral_lines(network, []),
        lambda network: spectral_lines(network, [grid_tone(1)] * 4),
        lambda network: spectral_lines(network, [Sinusoid(1.0, 0.3, rate=-0.1)]),
        lambda network: spectral_lines(network, [grid_tone(1, channel=1)]),
        lambda network: spectral_lines(network, [grid_tone(1)], np.nan),
        lambda network: spectral_lines(network, [grid_tone(1)], order=4000),
        lambda network: simulated_lines(network, [grid_tone(1)], 0),
        lambda network: simulated_lines(network, [grid_tone(1)], 8, transient=10**7),
    ],
)
def test_what_has_no_steady_lines_is_refused(wrong):
    with pytest.raises(ValueError, match=r"tones|rate|channel|finite|resolve|window"):
        wrong(quick_network(activation="gelu"))


def test_a_mode_that_does_not_decay_has_no_steady_state():
    network = quick_network(activation="square")
    layer = replace(network.layers[0], log_A_real=np.full_like(network.layers[0].log_A_real, -60.0))
    with pytest.raises(ValueError, match="does not decay"):
        transfer_functions(replace(network, layers=(layer,)))


def test_a_shipped_network_beside_its_simulation():
    network = load_network("frequencies")
    tones = (Sinusoid(0.5, 2 * np.pi * 20 / 256, 0.3), Sinusoid(0.4, 2 * np.pi * 33 / 256, -1.0))
    lines, simulated = spectral_lines(network, tones, 0.3), simulated_lines(network, tones, 256, 0.3)
    np.testing.assert_allclose(lines.spectrum(256), simulated.amplitudes, atol=1e-7)
