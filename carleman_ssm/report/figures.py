"""Figures of an explanation: class kernels of first and second order, and contributions by order."""

from __future__ import annotations

from math import isqrt
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.orders_figure import orders_figure
from carleman_ssm.report.sections import Picture
from carleman_ssm.report.wave_figures import caption, whole_numbers

FIGURES = ("orders.png", "kernels_first_order.png", "kernels_second_order.png")
DPI = 150
MAX_PANELS = 10
MAX_STEPS = 512
MAX_NAMES = 16
MAX_SIDE = 1000
"""Steps × channels: the pictures of all classes are computed at once, and a picture has no more pixels."""


def write_figures(explanation: Explanation, folder: Path) -> list[Picture]:
    """Draw orders and kernels into `folder` as PNG; figures that would not be readable are left out."""
    drawn = (orders_figure(explanation), first_order_figure(explanation), second_order_figure(explanation))
    return [save(figure, folder / name) for name, figure in zip(FIGURES, drawn, strict=True) if figure is not None]


def save(figure: Figure, path: Path) -> Picture:
    """Write a figure; its caption, in one line, goes with it."""
    figure.set_dpi(DPI)
    layout = figure.get_layout_engine()
    if layout is not None:  # done once here: `savefig` would draw everything twice for it
        layout.execute(figure)
        figure.set_layout_engine("none")
    figure.savefig(path, dpi=DPI)
    return Picture(path, " ".join(figure.get_supxlabel().split()))


def panels(count: int, side: float) -> tuple[Figure, list[Axes]]:
    """A grid of `count` panels with common axes, at most five beside each other; `side` in inches."""
    rows = -(-count // 5)
    columns = -(-count // rows)  # 6 panels are 2 × 3
    figure = Figure(figsize=(side * columns + 1.2, side * rows + 1.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    shown = list(axes.flat[:count])
    for axis in _lowest(shown):
        axis.tick_params(labelbottom=True)
    return figure, shown


def _lowest(axes: list[Axes]) -> list[Axes]:
    """The panels with none below them: a hidden one has no ticks."""
    place = axes[0].get_subplotspec()
    return axes if place is None else axes[-place.get_gridspec().ncols :]


def name_axes(axes: list[Axes], horizontal: str, vertical: str) -> None:
    """Label the outer axes of a grid of panels."""
    for axis in axes:
        place = axis.get_subplotspec()
        if place is not None and place.is_first_col():
            axis.set_ylabel(vertical, fontsize=8)
    for axis in _lowest(axes):
        axis.set_xlabel(horizontal, fontsize=8)


def picture_side(length: int) -> int | None:
    """Side of the image that a raster of this length is, when it is a square of more than 4 × 4."""
    side = isqrt(length)
    return side if side * side == length and side > 4 else None


def first_order_figure(explanation: Explanation) -> Figure:
    """Gradient of each logit at the centre: an image for rasters and for several channels, else curves."""
    kernel = explanation.operator.first_order_kernel()
    shown, side = min(len(kernel), MAX_PANELS), picture_side(kernel.shape[1])
    figure, axes = panels(shown, 1.9)
    if explanation.is_raster and side is not None and kernel.shape[2] == 1:
        _draw_images(figure, axes, [part[:, 0].reshape(side, side) for part in kernel[:shown]], "equal")
        name_axes(axes, "column [pixel]", "row [pixel]")
        place = "at a pixel"
    elif kernel.shape[2] > 1:
        _draw_images(figure, axes, [part.T for part in kernel[:shown]], "auto")
        name_axes(axes, "input step", "")
        name_channels(axes, explanation)
        place = "in a channel at a step"
    else:
        for label, axis in enumerate(axes):
            axis.plot(kernel[label])
            axis.axhline(0.0, color="0.7", linewidth=0.6)
        name_axes(axes, "input step", "logit per unit of input")
        place = "at a step"
    for label, axis in enumerate(axes):
        axis.set_title(explanation.class_name(label), fontsize=9, parse_math=False)
    caption(
        figure,
        f"First-order Volterra kernel of each class about {explanation.centre}: what a small input {place} adds to "
        f"its logit.{_first_of(explanation, shown)}",
    )
    return figure


def _draw_images(figure: Figure, axes: list[Axes], images: list[Floats], aspect: Literal["equal", "auto"]) -> None:
    limit = max(float(np.abs(image).max()) for image in images) or 1.0
    for axis, image in zip(axes, images, strict=True):
        picture = axis.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect=aspect, interpolation="nearest")
        axis.xaxis.set_major_locator(whole_numbers())
        axis.yaxis.set_major_locator(whole_numbers())
    figure.colorbar(picture, ax=axes, label="logit per unit of input", shrink=0.8)


def name_channels(axes: list[Axes], explanation: Explanation) -> None:
    """Name the rows of images with one axis (input channels × steps); of many every other one or fewer."""
    names = [explanation.channel_name(channel) for channel in range(explanation.sequences.shape[2])]
    places = range(0, len(names), -(-len(names) // MAX_NAMES))
    axes[0].set_yticks(places, labels=[names[place] for place in places])
    for axis in axes:
        for label in axis.get_yticklabels():
            label.set(fontsize=7, parse_math=False)


def second_order_figure(explanation: Explanation) -> Figure | None:
    """Half the Hessian of each logit at the centre over pairs of input steps, of one pair of input channels."""
    length, features = explanation.operator.centre.shape
    if length > MAX_STEPS or length * features > MAX_SIDE:
        return None
    kernel, shown = explanation.operator.second_order_kernel(), min(explanation.operator.network.classes, MAX_PANELS)
    whole = np.stack([kernel.array(label) for label in range(shown)])
    sizes = np.einsum("isjtk,isjtk->jk", whole, whole, optimize=True)
    first, second = (int(index) for index in np.unravel_index(sizes.argmax(), sizes.shape))
    pictures = whole[:, :, first, :, second]
    figure, axes = panels(shown, 2.1)
    limit = float(np.quantile(np.abs(pictures), 0.999)) or float(np.abs(pictures).max()) or 1.0
    for label, (axis, picture) in enumerate(zip(axes, pictures, strict=True)):
        image = axis.imshow(picture, cmap="RdBu_r", vmin=-limit, vmax=limit, origin="lower")
        axis.xaxis.set_major_locator(whole_numbers())
        axis.yaxis.set_major_locator(whole_numbers())
        axis.set_title(explanation.class_name(label), fontsize=9, parse_math=False)
    figure.colorbar(image, ax=axes, label="logit per unit of input squared", shrink=0.8, extend="both")
    name_axes(axes, "input step $s'$", "input step $s$")
    channels = f" Input channels {first} (s) and {second} (s'), the strongest of {features}²." if features > 1 else ""
    caption(
        figure,
        f"Second-order Volterra kernel of each class about {explanation.centre}, over pairs of input steps: how the "
        "waves of two inputs interact (half the second derivative of its logit). Colours are cut at the 99.9 % "
        f"quantile.{channels}{_first_of(explanation, shown)}",
    )
    return figure


def _first_of(explanation: Explanation, shown: int) -> str:
    classes = explanation.operator.network.classes
    return "" if shown == classes else f" The first {shown} of {classes} classes."
