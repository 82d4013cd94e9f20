"""Figures of expected logits: how noise of growing height moves them, beside simulation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.predictions.expected_logits import ExpectedLogits
from carleman_ssm.report.figures import MAX_PANELS, name_axes, panels
from carleman_ssm.report.wave_figures import BLUE, RED, caption


def expected_logits_figure(
    heights: Floats,
    curve: Sequence[ExpectedLogits],
    simulated: Sequence[tuple[float, ExpectedLogits]],
    names: Sequence[str],
) -> Figure:
    """Expected logit of every class over the height of the noise, with simulated means and their errors.

    Parameters
    ----------
    heights, curve
        Factors (n,) on the noise of one process (`GaussianProcess.scaled`), and the expectations there.
    simulated
        Some factors with expectations that hold a simulation.
    names
        Of the classes.
    """
    logits = np.stack([found.logits for found in curve])
    shown = min(len(names), MAX_PANELS)
    figure, axes = panels(shown, 1.9)
    for label, axis in enumerate(axes):
        axis.plot(heights, logits[:, label], color=BLUE, linewidth=1.2, zorder=1)
        axis.axhline(float(logits[0, label]), color="0.8", linewidth=0.6, zorder=0)
        for height, found in simulated:
            if found.simulation is not None:
                error = 2.0 * float(found.simulation.standard_error[label])
                axis.errorbar(height, float(found.simulation.mean[label]), error, fmt="o", markersize=3, color=RED)
        axis.set_title(names[label], fontsize=9, parse_math=False)
    name_axes(axes, "noise [times that of the process]", "expected logit")
    count = next((found.simulation.count for _, found in simulated if found.simulation is not None), 0)
    dots = f" Dots: means of {count} simulated sequences, bars two standard errors." if count else ""
    first = "" if shown == len(names) else f" The first {shown} of {len(names)} classes."
    caption(
        figure,
        f"Expected logit under a Gaussian input whose noise grows ({curve[0].method}); the thin line is its value "
        f"at the lowest noise.{dots}{first}",
    )
    return figure
