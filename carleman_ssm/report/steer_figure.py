"""A sequence, its edit and the response, as one picture: digits as images, signals as curves."""

from __future__ import annotations

from math import isfinite

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.report.directed import below
from carleman_ssm.report.figures import picture_side
from carleman_ssm.report.steered import Steered, norm_name
from carleman_ssm.report.wave_figures import BLUE, GREY, RED, caption, whole_numbers

STEER = "steer.png"
MANY_CURVES = 4
"""Up to here the channels of a signal are curves, above the rows of an image."""


def steer_figure(found: Steered) -> Figure:
    """The sequence before and after, the edit, and the logits before and after."""
    edit = found.edit
    side = picture_side(len(edit.sequence)) if found.is_raster and edit.sequence.shape[1] == 1 else None
    figure = Figure(figsize=(13.0, 4.2) if side else (11.0, 7.2), layout="constrained")
    if side is not None:
        axes = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.25))
        _draw_images(figure, axes[:3], found, side)
        bars = axes[3]
    else:
        grid = figure.add_gridspec(3, 2, width_ratios=(1.8, 1.0))
        rows = [figure.add_subplot(grid[row, 0]) for row in range(3)]
        _draw_signals(figure, rows, found)
        bars = figure.add_subplot(grid[:, 1])
    _draw_logits(bars, found)
    figure.suptitle(f"{found.name}, sequence {found.index}: {_outcome(found)}", fontsize=11, parse_math=False)
    caption(figure, _words(found))
    return figure


def _outcome(found: Steered) -> str:
    edit = found.edit
    before = found.class_name(edit.class_before)
    if isfinite(edit.norm):
        return f"{before} → {found.class_name(edit.class_after)}"
    return f"{before}, the goal is out of reach" if edit.status == "unreachable" else f"{before}, no edit was found"


def _words(found: Steered) -> str:
    edit = found.edit
    if not isfinite(edit.norm):
        return f"No edit was found ({edit.status}): {edit.reason}. Logits are those of the network as it is."
    return (
        f"The edit ({_size(found)}) and what it does. {_colours(found)} Logits by simulation of the network before and "
        f"after the edit (measured), and as crosses by the formula with which it was found."
    )


def _size(found: Steered) -> str:
    edit = found.edit
    if edit.norm == 0.0:
        return "norm 0: the goal is reached without a change"
    name = "norm" if norm_name(edit.constraints) == "euclidean" else "norm with smoothness"
    bound = (
        f"none is smaller than {below(found.lower_bound, 4)}" if found.lower_bound > 0 else "no lower bound is known"
    )
    return f"{name} {edit.norm:.4g}, {edit.status}; {bound}"


def _colours(found: Steered) -> str:
    """What red and blue, or curves, mean in the pictures of the sequence."""
    channels = found.edit.sequence.shape[1]
    if channels == 1:
        return "Red adds to the input, blue takes away."
    if channels <= MANY_CURVES:
        return "One curve for each input channel, the edit too."
    return "Maps of all input channels: red is positive and blue negative, of the edit what it adds and takes away."


def _draw_images(figure: Figure, axes: list[Axes], found: Steered, side: int) -> None:
    edit = found.edit
    shape = (side, side)
    values = np.stack([edit.sequence[:, 0], edit.edited[:, 0]])
    low, high = float(values.min()), float(values.max())
    limit = float(np.abs(edit.edit).max()) or 1.0
    drawn = (
        (edit.sequence, "before", "gray_r", (low, high), "intensity"),
        (edit.edit, "edit", "RdBu_r", (-limit, limit), "change of intensity"),
        (edit.edited, "after", "gray_r", (low, high), "intensity"),
    )
    for axis, (image, title, colours, (least, most), unit) in zip(axes, drawn, strict=True):
        picture = axis.imshow(image.reshape(shape), cmap=colours, vmin=least, vmax=most, interpolation="nearest")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("column [pixel]", fontsize=8)
        figure.colorbar(picture, ax=axis, location="bottom", shrink=0.8, label=unit)
    axes[0].set_ylabel("row [pixel]", fontsize=8)


def _draw_signals(figure: Figure, axes: list[Axes], found: Steered) -> None:
    edit = found.edit
    for axis, values, name in zip(
        axes, (edit.sequence, edit.edit, edit.edited), ("before", "edit", "after"), strict=True
    ):
        if values.shape[1] <= MANY_CURVES:
            _draw_curves(axis, values, name)
        else:
            limit = float(np.abs(values).max()) or 1.0
            picture = axis.imshow(
                values.T, cmap="RdBu_r", aspect="auto", interpolation="nearest", vmin=-limit, vmax=limit
            )
            figure.colorbar(picture, ax=axis, label="input")
            axis.set_ylabel(f"{name}: input channel")
            axis.xaxis.set_major_locator(whole_numbers())
            axis.yaxis.set_major_locator(whole_numbers())
    axes[-1].set_xlabel("input step")


def _draw_curves(axis: Axes, values: Floats, name: str) -> None:
    steps = np.arange(len(values))
    if name == "edit" and values.shape[1] == 1:
        axis.vlines(
            steps, 0.0, values[:, 0], color=[RED if value > 0 else BLUE for value in values[:, 0]], linewidth=1.2
        )
    else:
        axis.plot(steps, values, linewidth=1.0, label=[f"channel {channel}" for channel in range(values.shape[1])])
        if values.shape[1] > 1:
            axis.legend(fontsize=8, frameon=False)
    axis.axhline(0.0, color=GREY, linewidth=0.6)
    axis.set_ylabel(f"{name}: input")


def _draw_logits(axis: Axes, found: Steered) -> None:
    edit = found.edit
    labels = np.arange(len(edit.network_before))
    axis.barh(labels - 0.2, edit.network_before, height=0.38, color=GREY, label="before")
    axis.plot(edit.logits_before, labels - 0.2, "kx", markersize=4, label="by the operator")
    if isfinite(edit.norm):
        colours = [RED if label == edit.target else BLUE for label in labels]
        axis.barh(labels + 0.2, edit.network_after, height=0.38, color=colours, label="after (target in red)")
        axis.plot(edit.logits_after, labels + 0.2, "kx", markersize=4)
    axis.axvline(0.0, color=GREY, linewidth=0.6)
    axis.set_yticks(labels, [found.class_name(label) for label in range(len(labels))], fontsize=8, parse_math=False)
    axis.invert_yaxis()
    axis.set_xlabel("logit")
    axis.set_title("response", fontsize=10)
    # Below the name of the axis, whatever the height of the picture: the distance counts in letters
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "borderaxespad": 4.5}
    axis.legend(fontsize=8, frameon=False, ncols=3, **place)
