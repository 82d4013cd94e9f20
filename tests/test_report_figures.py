"""Figures of many classes and of several input channels: every tick, row and line has a name."""

import numpy as np
import pytest

from carleman_ssm.operators.construction import network_operator
from carleman_ssm.report.attribution_figure import attribution_figure
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.figures import first_order_figure, name_axes, panels, save
from carleman_ssm.report.one_sequence import one_sequence
from tests.strategies_networks import moderate_network

CHANNELS = ("$left_{$", "right")
"""The first is a formula to matplotlib, and not a good one."""


@pytest.fixture(scope="module")
def two_channels():
    network = moderate_network(1, channels=3, modes=2, features=2, activation="square")
    sequences = np.random.default_rng(0).uniform(-1, 1, (6, 12, 2))
    operator = network_operator(network, sequences=sequences)
    return Explanation("two", operator, sequences, None, False, channel_names=CHANNELS)


def names(axis):
    return tuple(label.get_text() for label in axis.get_yticklabels())


def draws(figure, folder):
    return save(figure, folder / "figure.png").path.stat().st_size > 0


@pytest.mark.parametrize("count", range(1, 11))
def test_every_column_of_a_grid_has_numbers_and_a_name_at_its_foot(count):
    _, axes = panels(count, 1.0)
    name_axes(axes, "step", "logit")
    columns = {}
    for axis in axes:
        columns.setdefault(axis.get_subplotspec().colspan.start, []).append(axis)
    for column in columns.values():
        *above, foot = column
        assert foot.get_xlabel() == "step"
        assert foot.xaxis.get_tick_params()["labelbottom"]
        assert not any(axis.get_xlabel() or axis.xaxis.get_tick_params()["labelbottom"] for axis in above)


def test_several_channels_are_rows_with_names_and_no_curves(two_channels, tmp_path):
    figure = first_order_figure(two_channels)
    kernel = two_channels.operator.first_order_kernel()
    drawn = [axis for axis in figure.axes if axis.get_title()]
    assert len(drawn) == len(kernel)
    assert names(drawn[0]) == CHANNELS
    for axis, part in zip(drawn, kernel, strict=True):
        assert not axis.lines
        np.testing.assert_array_equal(np.asarray(axis.images[0].get_array()), part.T)
    assert draws(figure, tmp_path)


def test_the_input_of_several_channels_is_an_image_and_its_bars_are_called_sums(two_channels, tmp_path):
    figure = attribution_figure(two_channels, one_sequence(two_channels, 0))
    signal, positions = figure.axes[:2]
    assert names(signal) == CHANNELS
    np.testing.assert_array_equal(np.asarray(signal.images[0].get_array()), two_channels.sequences[0].T)
    assert "summed over the input channels" in " ".join(figure.get_supxlabel().split())
    assert draws(figure, tmp_path)
    legend, inside = positions.get_legend().get_window_extent(), positions.get_window_extent()
    assert legend.y0 > inside.y1 - 1.0  # above the bars, not over them


def test_one_drawing_is_the_same_picture_as_two(two_channels, tmp_path):
    """`save` lays a figure out once; `savefig` alone would draw it twice for this."""
    save(first_order_figure(two_channels), tmp_path / "once.png")
    first_order_figure(two_channels).savefig(tmp_path / "twice.png", dpi=150)
    assert (tmp_path / "once.png").read_bytes() == (tmp_path / "twice.png").read_bytes()
