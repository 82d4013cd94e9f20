"""Heat maps over channels and steps have ticks at channels and steps, not between them."""

import numpy as np
import pytest

from carleman_ssm.report.steer import Wish
from carleman_ssm.report.steer_figure import steer_figure
from tests.test_steer_command import steered


@pytest.mark.parametrize("length", [4, 7])
def test_the_maps_of_an_edit_have_whole_ticks(tmp_path, length):
    """Six channels and few steps, where the default would put a tick at 2.5."""
    found = steered(tmp_path, np.random.default_rng(1).normal(size=(length, 6)), Wish(2))
    figure = steer_figure(found)
    figure.draw_without_rendering()
    maps = [axis for axis in figure.axes if axis.images]
    assert len(maps) == 3
    for axis in maps:
        for ticks in (axis.get_xticks(), axis.get_yticks()):
            np.testing.assert_array_equal(ticks, np.rint(ticks))
