"""Figures of the frequency domain: what is drawn is what was computed, with names and units."""

import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.predictions.input_families import Sinusoid
from carleman_ssm.predictions.simulated_spectra import simulated_lines
from carleman_ssm.predictions.spectral_lines import spectral_lines
from carleman_ssm.predictions.transfer import transfer_functions
from carleman_ssm.report.figures import save
from carleman_ssm.report.frequency_figures import (
    FREQUENCY_FIGURES,
    _line_name,
    first_response_figure,
    lines_figure,
    second_response_figure,
    third_response_figure,
    write_frequency_figures,
)
from tests.strategies_networks import moderate_network

NAMES = ("$slow_{$", "quick", "both", "none")
"""The first is a formula to matplotlib, and not a good one."""
TONES = (Sinusoid(0.5, 2 * np.pi * 5 / 64), Sinusoid(0.4, 2 * np.pi * 9 / 64))


@pytest.fixture(scope="module")
def network():
    return load_network("frequencies")


def words(figure):
    return " ".join(figure.get_supxlabel().split())


def test_all_figures_are_written(network, tmp_path, monkeypatch):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **_: path.write_text(words(figure)))
    lines, simulated = spectral_lines(network, TONES), simulated_lines(network, TONES, 64)
    pictures = write_frequency_figures(transfer_functions(network), tmp_path, NAMES, lines, simulated, (0, 1))
    names = tuple(picture.path.name for picture in pictures)
    assert names == tuple(name for name in FREQUENCY_FIGURES if "third" not in name)  # the decoders are quadratic
    assert all(picture.caption == picture.path.read_text() for picture in pictures)


def test_the_first_response_is_the_function_less_the_mean_of_the_classes(network):
    functions = transfer_functions(network)
    figure = first_response_figure(functions, NAMES)
    drawn = [axis for axis in figure.axes if axis.get_title()]
    assert [axis.get_title() for axis in drawn] == list(NAMES)
    for label, axis in enumerate(drawn):
        frequency, size = axis.lines[0].get_data()
        response = functions.first(2 * np.pi * np.asarray(frequency))
        np.testing.assert_allclose(size, np.abs(response[label] - response.mean(axis=0)))
    assert "cycles per step" in drawn[-1].get_xlabel()
    assert "logit per unit of input" in drawn[0].get_ylabel()
    assert "Exact" in words(figure)
    assert "mean over the classes removed" in words(figure)


def test_the_second_response_has_sums_above_and_differences_below(network):
    functions = transfer_functions(network)
    figure = second_response_figure(functions, NAMES)
    image = next(axis for axis in figure.axes if axis.images).images[0]
    np.testing.assert_allclose(image.get_extent(), (0.0, 0.5, -0.5, 0.5), atol=0.002)
    shown = np.asarray(image.get_array())
    response = functions.second(2 * np.pi * 0.125, -2 * np.pi * 0.25)
    rows, columns = shown.shape
    size = np.log10(np.abs(response[0] - response.mean()))
    assert shown[(rows - 1) // 4, (columns - 1) // 4] == pytest.approx(size)


def test_the_third_response_is_drawn_where_there_is_one(network):
    assert third_response_figure(transfer_functions(network), NAMES) is None
    functions = transfer_functions(load_network("digits-gelu"))
    figure = third_response_figure(functions, [str(label) for label in range(10)])
    axis = figure.axes[3]
    for line, sign in zip(axis.lines, (-1, 1), strict=True):
        turned = 2 * np.pi * np.asarray(line.get_xdata())
        response = functions.third(turned, turned, sign * turned)
        np.testing.assert_allclose(line.get_ydata(), np.abs(response[3] - response.mean(axis=0)))
    assert "Local" in words(figure)


def test_lines_stand_on_simulation_and_a_gelu_says_what_it_leaves_out(network, tmp_path):
    lines = spectral_lines(network, TONES)
    figure = lines_figure(lines, NAMES, simulated_lines(network, TONES, 64), (2, 0))
    axis = figure.axes[0]
    drawn = np.concatenate([line.get_ydata() for line in axis.lines if line.get_fillstyle() == "full"])
    heights = np.abs(lines.amplitudes[:, 2] - lines.amplitudes[:, 0])
    np.testing.assert_allclose(np.sort(drawn), np.sort(heights[heights > 1e-6 * heights.max()]))
    assert {text.get_text() for text in axis.texts} >= {"$f_1+f_2$", "$f_1-f_2$", "$2f_1$"}
    save(figure, tmp_path / "lines.png")
    assert (tmp_path / "lines.png").stat().st_size > 0
    assert "margin of both over $slow_{$" in words(figure)
    assert "f1 = 0.07812 cycles per step (0.4909 rad/step)" in words(figure)
    assert "rings alone" not in words(figure)
    gelu = load_network("digits-gelu")
    assert "rings alone" in words(
        lines_figure(spectral_lines(gelu, TONES), tuple("0123456789"), simulated_lines(gelu, TONES, 64, transient=4))
    )


def dots(axis):
    return np.concatenate([line.get_xydata() for line in axis.lines if line.get_fillstyle() == "full"])


@pytest.mark.parametrize("cycles", [(5, 15), (32,)])
def test_lines_that_meet_are_drawn_as_the_sum_that_the_simulation_sees(network, cycles):
    """2 f1 beside f2 − f1 of f2 = 3 f1, and every even multiple of half the sampling rate at 0."""
    tones = [Sinusoid(0.5, 2 * np.pi * count / 64, 0.3) for count in cycles]
    lines, simulated = spectral_lines(network, tones), simulated_lines(network, tones, 64)
    figure = lines_figure(lines, NAMES, simulated, label=1)
    points = dots(figure.axes[0])
    assert len(np.unique(points[:, 0].round(9))) == len(points) < len(lines.multiples)
    seen = np.abs(simulated.amplitudes[np.rint(points[:, 0] * 64).astype(int), 1])
    np.testing.assert_allclose(points[:, 1], seen, atol=1e-6)
    assert "drawn as their sum" in words(figure)
    apart = np.abs(lines.amplitudes[:, 1])  # the false twin: heights one by one
    assert any(np.abs(apart - height).min() > 1e-3 for height in points[:, 1])
    assert any("," in text.get_text() for text in figure.axes[0].texts)


def test_the_spectrum_is_that_of_the_leading_class_unless_another_is_asked_for(network):
    lines = spectral_lines(network, TONES)
    leader = int(lines.amplitudes[0].real.argmax())
    assert leader != 0
    figure = lines_figure(lines, NAMES)
    assert f"logit of {NAMES[leader]}" in words(figure)
    np.testing.assert_allclose(dots(figure.axes[0])[:, 1].max(), np.abs(lines.amplitudes[:, leader]).max())
    assert f"logit of {NAMES[0]}" in words(lines_figure(lines, NAMES, label=0))


def test_names_of_lines_leave_each_other_room():
    """Thirty lines of a GELU under two near tones: the boxes of the names, as they are drawn, do not overlap."""
    lines = spectral_lines(load_network("digits-gelu"), (Sinusoid(1.0, 0.6), Sinusoid(1.0, 0.75)))
    figure = lines_figure(lines, [str(label) for label in range(10)])
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) > 6
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])
    highest = lines.multiples[np.abs(lines.amplitudes[:, int(lines.amplitudes[0].real.argmax())]).argsort()[-3:]]
    names = {text.get_text() for text in figure.axes[0].texts}
    assert {_line_name(row.tolist()) for row in highest} <= names


def test_responses_are_drawn_for_the_channel_of_the_tone(tmp_path, monkeypatch):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **_: path.write_text(words(figure)))
    network = moderate_network(1, activation="square", features=2)
    lines = spectral_lines(network, [Sinusoid(0.5, 0.7, channel=1)])
    first, second, _ = write_frequency_figures(transfer_functions(network), tmp_path, ("a", "b", "c"), lines)
    assert "from input channel 1" in first.caption
    assert "Input channel 1 twice" in second.caption
    assert "2π rad/step" in first.caption
    alone = write_frequency_figures(transfer_functions(network), tmp_path, ("a", "b", "c"), channel=1)
    assert [picture.caption for picture in alone] == [first.caption, second.caption]
