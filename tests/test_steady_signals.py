"""Lines that meet, means over time, and what is refused in the frequency domain."""

from dataclasses import replace
from math import comb

import numpy as np
import pytest

from carleman_ssm.predictions.input_families import Impulse, Sinusoid
from carleman_ssm.predictions.line_coefficients import line_multiples
from carleman_ssm.predictions.simulated_spectra import settling_steps, simulated_lines
from carleman_ssm.predictions.spectral_lines import spectral_lines
from carleman_ssm.predictions.steady_means import steady_mean
from carleman_ssm.predictions.transfer import transfer_functions
from tests.test_transfer import WINDOW, grid_tone, quick_network


def test_the_mean_over_time_of_a_tone_that_repeats():
    """Periods of 2, 3, 4 and 1 steps, where multiples of the tone fold onto 0, and of none."""
    network = quick_network(activation="gelu")
    every_step = replace(network, config=replace(network.config, pool="none"))
    for frequency, count in ((np.pi, 2), (2 * np.pi / 3, 3), (np.pi / 2, 4), (0.0, 1), (4 * np.pi / 5, 5), (1.0, 710)):
        tone = Sinusoid(1.5, frequency, 0.7)
        found = steady_mean(network, tone, 30).steady
        waiting = settling_steps(network)
        signal = every_step(tone.sequence(waiting + 12 * count, 1)[None])[0, waiting:]
        np.testing.assert_allclose(found, signal.mean(axis=0), atol=1e-8 if count < 9 else 1e-3)
        line = spectral_lines(network, [tone]).amplitudes[0].real  # the false twin
        if count < 5:
            assert np.abs(line - signal.mean(axis=0)).max() > 1e-5
    residual = quick_network(activation="gelu", residual=True)
    constant = steady_mean(residual, Sinusoid(0.5, 0.0), 4000)
    assert np.abs(constant.steady - constant.network_logits).max() < 1e-2


def test_lines_that_meet_are_added_up():
    network = quick_network(activation="cube")
    tones = (grid_tone(5, phase=0.4), grid_tone(15, 0.3))
    lines = spectral_lines(network, tones)
    merged, simulated = lines.merged(), simulated_lines(network, tones, WINDOW)
    bins = np.rint(merged.frequencies * WINDOW / (2 * np.pi)).astype(int)
    assert len(np.unique(bins)) == len(bins) < len(lines.multiples)
    np.testing.assert_allclose(merged.amplitudes, simulated.amplitudes[bins], atol=1e-7)
    np.testing.assert_allclose(merged.amplitudes, lines.spectrum(WINDOW)[bins], atol=1e-12)
    rows = next(rows for rows, place in zip(merged.members, bins, strict=True) if place == 5)
    meeting = {tuple(lines.multiples[row].tolist()) for row in rows}
    assert meeting == {(1, 0), (2, -1)}  # 10 − 15 folds onto 5
    assert sorted(row for rows in merged.members for row in rows) == list(range(len(lines.multiples)))


def test_a_decoder_of_degree_zero_still_has_the_tone_of_the_residual_path():
    assert line_multiples(2, 0).tolist() == [[0, 0], [1, 0], [0, 1]]
    assert len(line_multiples(3, 15)) == 1 + (sum(comb(3, k) * comb(15, k) * 2**k for k in range(4)) - 1) // 2
    with pytest.raises(ValueError, match=r"line.* up to order 1000"):
        line_multiples(3, 1000)  # (2·1000 + 1)³ are not tried
    network = quick_network(activation="square", residual=True)
    own = spectral_lines(network, [grid_tone(5)], order=0)
    np.testing.assert_allclose(own.line(1), spectral_lines(network, [grid_tone(5)]).line(1))
    assert np.abs(own.line(1)).max() > 1e-3


@pytest.mark.parametrize(
    ("wrong", "kind", "words"),
    [
        (lambda net: spectral_lines(net, [Impulse()]), TypeError, "Sinusoid"),
        (lambda net: spectral_lines(net, grid_tone(1)), TypeError, r"\[tone\]"),
        (lambda net: spectral_lines("x", [grid_tone(1)]), TypeError, "StateSpaceNetwork"),
        (lambda net: spectral_lines(net, [grid_tone(1)], order=-1), ValueError, "order"),
        (lambda net: spectral_lines(net, [grid_tone(1)], order=1.5), TypeError, "order"),
        (lambda net: spectral_lines(net, [grid_tone(1, 1e140)]), ValueError, "range of float64"),
        (lambda net: spectral_lines(net, [grid_tone(1), grid_tone(2)]).line(1), ValueError, "2 tones"),
        (lambda net: spectral_lines(net, [grid_tone(1)]).line(1, 0, 0), ValueError, "1 tones"),
        (lambda net: transfer_functions(net, [1.0, 2.0, 3.0]), ValueError, r"shape \(3,\)"),
        (lambda net: transfer_functions(net, np.nan), ValueError, "finite"),
        (lambda net: transfer_functions(net).first(0.1, -1), ValueError, "channel"),
        (lambda net: transfer_functions(net).first(0.1, 5), ValueError, "channel"),
        (lambda net: transfer_functions(net).first(0.1, 0.5), TypeError, "channel"),
        (lambda net: transfer_functions(net).table(np.zeros(2), 9), ValueError, "channel"),
        (lambda net: transfer_functions(net).second(0.1, 0.2, (0,)), ValueError, "each of 2 frequencies"),
        (lambda net: simulated_lines(net, [grid_tone(1)], 16, [1.0, 2.0]), ValueError, r"shape \(2,\)"),
        (lambda net: simulated_lines(net, [grid_tone(1)], 2.5), TypeError, "window"),
        (lambda net: simulated_lines(net, [grid_tone(1)], 8, transient=0.5), TypeError, "transient"),
    ],
)
def test_arguments_are_refused_by_name(wrong, kind, words):
    with pytest.raises(kind, match=words):
        wrong(quick_network(activation="cube"))
