"""Figures of an explanation: class kernels of first and second order, and contributions by order."""

from __future__ import annotations

from math import isqrt
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.sections import Picture
from carleman_ssm.report.wave_figures import BLUE, caption

FIGURES = ("kernels_first_order.png", "kernels_second_order.png", "orders.png")
MAX_PANELS = 10
MAX_STEPS = 512


def write_figures(explanation: Explanation, folder: Path) -> list[Picture]:
    """Draw all figures into `folder` as PNG; figures that would not be readable are left out."""
    drawn = (first_order_figure(explanation), second_order_figure(explanation), orders_figure(explanation))
    return [save(figure, folder / name) for name, figure in zip(FIGURES, drawn, strict=True) if figure is not None]


def save(figure: Figure, path: Path) -> Picture:
    """Write a figure; its caption, in one line, goes with it."""
    figure.savefig(path, dpi=150)
    return Picture(path, " ".join(figure.get_supxlabel().split()))


def _panels(count: int, side: float) -> tuple[Figure, list[Axes]]:
    columns = min(count, 5)
    rows = -(-count // columns)
    figure = Figure(figsize=(side * columns + 1.2, side * rows + 1.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    return figure, list(axes.flat[:count])


def _name_axes(axes: list[Axes], horizontal: str, vertical: str) -> None:
    """Label the outer axes of a grid of panels."""
    for axis in axes:
        place = axis.get_subplotspec()
        if place is not None and place.is_first_col():
            axis.set_ylabel(vertical, fontsize=8)
        if place is not None and place.is_last_row():
            axis.set_xlabel(horizontal, fontsize=8)


def _picture_side(length: int) -> int | None:
    """Side of the image that a raster of this length is, when it is a square of more than 4 × 4."""
    side = isqrt(length)
    return side if side * side == length and side > 4 else None


def first_order_figure(explanation: Explanation) -> Figure:
    """Gradient of each logit at the centre: as an image for rasters, as curves otherwise."""
    kernel = explanation.operator.first_order_kernel()
    shown, side = min(len(kernel), MAX_PANELS), _picture_side(kernel.shape[1])
    figure, axes = _panels(shown, 1.9)
    limit = float(np.abs(kernel).max()) or 1.0
    if explanation.is_raster and side is not None and kernel.shape[2] == 1:
        for label, axis in enumerate(axes):
            picture = axis.imshow(kernel[label, :, 0].reshape(side, side), cmap="RdBu_r", vmin=-limit, vmax=limit)
            axis.set_title(explanation.class_name(label), fontsize=9, parse_math=False)
        figure.colorbar(picture, ax=axes, label="logit per unit of input", shrink=0.8)
        _name_axes(axes, "column [pixel]", "row [pixel]")
        place = "at a pixel"
    else:
        for label, axis in enumerate(axes):
            axis.plot(kernel[label])
            axis.axhline(0.0, color="0.7", linewidth=0.6)
            axis.set_title(explanation.class_name(label), fontsize=9, parse_math=False)
        _name_axes(axes, "input step", "logit per unit of input")
        place = "at a step"
    caption(
        figure,
        f"First-order Volterra kernel of each class about the operator's centre: what a small input {place} adds to "
        "its logit.",
    )
    return figure


def second_order_figure(explanation: Explanation) -> Figure | None:
    """Half the Hessian of each logit at the centre over pairs of input steps (first input channel)."""
    kernel = explanation.operator.second_order_kernel()
    if kernel.length > MAX_STEPS:
        return None
    shown = min(explanation.operator.form.classes, MAX_PANELS)
    pictures = [kernel.array(label)[:, 0, :, 0] for label in range(shown)]
    figure, axes = _panels(shown, 2.1)
    limit = float(np.quantile(np.abs(pictures), 0.999)) or 1.0
    for label, (axis, picture) in enumerate(zip(axes, pictures, strict=True)):
        image = axis.imshow(picture, cmap="RdBu_r", vmin=-limit, vmax=limit, origin="lower")
        axis.set_title(explanation.class_name(label), fontsize=9, parse_math=False)
    figure.colorbar(image, ax=axes, label="logit per unit of input squared", shrink=0.8, extend="both")
    _name_axes(axes, "input step $s$", "input step $s'$")
    caption(
        figure,
        "Second-order Volterra kernel of each class about the operator's centre, over pairs of input steps: how the "
        "waves of two inputs interact in the decoder. Colours are cut at the 99.9 % quantile.",
    )
    return figure


def orders_figure(explanation: Explanation) -> Figure:
    """Size of the contributions by order, and the accuracy that orders up to p reach."""
    contributions = explanation.order_contributions
    spread = _decision_spread(contributions)
    exact = explanation.operator.decoders.exact
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.bar(np.arange(len(spread)), spread, color=BLUE)
    for axis in (left, right):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    name = "order p (total degree in the input)" if exact else "degree p of the fit"
    left.set(xlabel=name, ylabel="spread over classes [logit]", yscale="log" if spread.min() > 0 else "linear")
    for values, label, style in (
        (explanation.accuracy_by_order, "readout unchanged (an ablation)", "o-"),
        (explanation.accuracy_by_order_refit, "readout refitted on half of the sequences", "s--"),
    ):
        if values[0] is not None:
            right.plot(np.arange(len(values)), values, style, label=label, markersize=4)
    right.set(xlabel=f"orders kept: {name.split(' ')[0]} ≤ p", ylabel="accuracy [share of sequences]", ylim=(0, 1.02))
    if explanation.labels is not None:
        right.legend(fontsize=8, loc="lower right")
    else:
        right.text(0.5, 0.5, "no labels were given", ha="center", transform=right.transAxes)
    caption(
        figure,
        "Left: root mean square over sequences of what each "
        + ("order" if exact else "degree of the nested fits")
        + " adds to the logits, class mean removed. Right: accuracy when higher ones are dropped.",
    )
    return figure


def _decision_spread(contributions: Floats) -> Floats:
    """Root mean square over sequences and classes of the contributions less their class mean, (P + 1,)."""
    centred = contributions - contributions.mean(axis=2, keepdims=True)
    spread: Floats = np.sqrt((centred**2).mean(axis=(1, 2)))
    return spread
