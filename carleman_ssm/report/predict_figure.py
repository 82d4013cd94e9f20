"""Predicted logits over one parameter of an input family, with simulated ones beside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from carleman_ssm.report.family_requests import FamilyRequest
from carleman_ssm.report.predicted import Sweep
from carleman_ssm.report.wave_figures import caption

PREDICTION = "prediction.png"
MANY = 10


def sweep_figure(name: str, sweep: Sweep, request: FamilyRequest, class_names: Sequence[str]) -> Figure:
    """Curves of all classes (the first ten), circles where the network was simulated."""
    figure = Figure(figsize=(8.4, 4.6), layout="constrained")
    axis = figure.add_subplot()
    shown = min(len(class_names), MANY)
    colours = [f"C{label}" for label in range(shown)]
    for label, colour in enumerate(colours):
        axis.plot(sweep.values, sweep.logits[:, label], color=colour, linewidth=1.2, label=class_names[label])
        axis.plot(sweep.values[list(sweep.places)], sweep.simulated[:, label], "o", color=colour, markersize=3.5)
    if sweep.name != "position":
        axis.axvline(request.member_value(sweep.name), color="0.8", linewidth=0.8, zorder=0)
    axis.set(xlabel=sweep.axis, ylabel="logit")
    axis.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axis.set_title(f"{name}: family {request.family}", fontsize=11, parse_math=False)
    left_out = (
        f" {sweep.refused} of {len(sweep.values)} inputs leave the certified interval: gaps." if sweep.refused else ""
    )
    rest = "" if shown == len(class_names) else f" The first {shown} of {len(class_names)} classes."
    fixed = ", ".join(f"{key} {value:.6g}" for key, value in request.settings.items() if key != sweep.name)
    others = f" ({fixed}; other parameters at their defaults)" if fixed else " (other parameters at their defaults)"
    worst = float(np.nanmax(np.abs(sweep.logits[list(sweep.places)] - sweep.simulated)))
    caption(
        figure,
        f"Logits after all steps over the family's {sweep.name}{others}: curves predicted, circles simulated (largest "
        f"difference {worst:.1g}, measured).{left_out}{rest}",
    )
    return figure
