"""The figure of expected logits: curve, simulated means and their bars."""

from dataclasses import replace

import numpy as np
import pytest

from carleman_ssm.predictions.expected_logits import expected_logits
from carleman_ssm.predictions.gaussian_process import GaussianProcess
from carleman_ssm.report.figures import save
from carleman_ssm.report.gaussian_figures import expected_logits_figure
from tests.strategies_networks import moderate_network


def figure_errors(figure, curve, found):
    """How far curves, dots and bars of a figure are from expectations, means and two standard errors."""
    errors = []
    for label, axis in enumerate(axis for axis in figure.axes if axis.get_title()):
        errors.append(np.abs(axis.lines[0].get_ydata() - [part.logits[label] for part in curve]).max())
        (bar,) = axis.collections[0].get_segments()
        mean, error = found.simulation.mean[label], found.simulation.standard_error[label]
        errors.append(np.abs(bar[:, 1] - [mean - 2 * error, mean + 2 * error]).max())
    return max(errors)


@pytest.mark.parametrize("planted", ["none", "bar", "class", "curve"])
def test_a_planted_error_in_what_is_drawn_is_seen(planted):
    """False twins: bars of one standard error, classes exchanged, the curve of other noise."""
    network = moderate_network(1, activation="gelu")
    process, heights = GaussianProcess.white(6, mean=0.3), np.linspace(0.0, 1.0, 5)
    curve = [expected_logits(network, process.scaled(height)) for height in heights]
    found = expected_logits(network, process.scaled(0.5), count=20)
    simulation, drawn, other = found.simulation, list(curve), found
    if planted == "bar":
        other = replace(found, simulation=replace(simulation, standard_error=simulation.standard_error / 2))
    elif planted == "class":
        other = replace(found, simulation=replace(simulation, mean=simulation.mean[::-1]))
    elif planted == "curve":
        drawn = [expected_logits(network, process.scaled(1.1 * height)) for height in heights]
    figure = expected_logits_figure(heights, drawn, [(0.5, other)], ("a", "b", "c"))
    assert (figure_errors(figure, curve, found) < 1e-12) == (planted == "none")


def test_curves_are_expectations_and_dots_are_simulated(tmp_path):
    network = moderate_network(1, activation="gelu")
    process, heights = GaussianProcess.white(6, mean=0.3), np.linspace(0.0, 1.0, 5)
    curve = [expected_logits(network, process.scaled(height)) for height in heights]
    simulated = [(0.5, expected_logits(network, process.scaled(0.5), count=20))]
    figure = expected_logits_figure(heights, curve, simulated, ("$a_{$", "b", "c"))
    drawn = [axis for axis in figure.axes if axis.get_title()]
    for label, axis in enumerate(drawn):
        np.testing.assert_allclose(axis.lines[0].get_ydata(), [found.logits[label] for found in curve])
        np.testing.assert_allclose(curve[0].logits[label], network(process.mean[None])[0, label])
        (bar,) = axis.collections[0].get_segments()
        centre, error = simulated[0][1].simulation.mean[label], simulated[0][1].simulation.standard_error[label]
        np.testing.assert_allclose(bar[:, 1], [centre - 2 * error, centre + 2 * error])
    assert "20 simulated sequences" in " ".join(figure.get_supxlabel().split())
    assert save(figure, tmp_path / "expected.png").path.stat().st_size > 0
