"""What decides one sequence, as a picture: the input, its positions and its pairs of steps."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.figures import name_channels, picture_side
from carleman_ssm.report.one_sequence import OneSequence, unresolved
from carleman_ssm.report.wave_figures import BLUE, GREY, RED, caption

ATTRIBUTION = "attribution.png"
STRONGEST = 12
"""Pairs drawn as lines on a raster."""


def attribution_figure(explanation: Explanation, found: OneSequence) -> Figure:
    """Input and contributions of positions beside the matrix of pairs; a raster as images."""
    side = picture_side(len(found.values)) if _is_image(explanation, found) else None
    figure = Figure(figsize=(13.0, 4.4) if side else (12.0, 4.6), layout="constrained")
    names = [explanation.class_name(label) for label in (found.parts.target, found.parts.rival)]
    if side is not None:
        image, positions, partners, pairs = figure.subplots(1, 4)
        _draw_raster(figure, (image, positions, partners), found, side)
    else:
        grid = figure.add_gridspec(2, 2, width_ratios=(1.5, 1.0))
        signal, positions = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
        pairs = figure.add_subplot(grid[:, 1])
        _draw_input(figure, signal, explanation, found)
        _draw_positions(positions, found)
        signal.sharex(positions)
    _draw_pairs(figure, pairs, found, "right" if side is None else "bottom")
    figure.suptitle(f"sequence {found.index}: {names[0]} over {names[1]}", fontsize=11, parse_math=False)
    caption(figure, _words(found, side is not None))
    return figure


def _is_image(explanation: Explanation, found: OneSequence) -> bool:
    return explanation.is_raster and found.values.shape[1] == 1 and found.parts.window == 1


def _words(found: OneSequence, raster: bool) -> str:
    lines = f" Lines: the {STRONGEST} strongest pairs." if raster else ""
    parts = found.parts
    bars = "" if raster or found.values.shape[1] == 1 else " Bars: positions, summed over the input channels."
    doubt = "" if parts.resolved else f" Not complete: {unresolved(parts)}."
    return (
        f"Contributions to the margin of the two classes, in logits: margin {parts.margin:.4g} = centre "
        f"{parts.centre_margin:.4g} + positions {parts.positions.sum():.4g} (first order at the centre) + pairs "
        f"{parts.pairs.sum():.4g} (all higher orders, shared over pairs of steps), up to {abs(parts.gap):.1g}. Red "
        f"argues for the predicted class, blue for the next.{lines}{bars}{doubt} Colours are cut at each panel's "
        "99.5 % quantile."
    )


def _limit(values: Floats) -> float:
    return float(np.quantile(np.abs(values), 0.995)) or float(np.abs(values).max()) or 1.0


def _draw_raster(figure: Figure, axes: tuple[Axes, Axes, Axes], found: OneSequence, side: int) -> None:
    shape = (side, side)
    partners = found.parts.pairs.sum(axis=1)
    axes[0].imshow(found.values.reshape(shape), cmap="gray_r")
    axes[0].set_title("input", fontsize=10)
    for axis, values, title in (
        (axes[1], found.parts.positions[:, 0], "positions"),
        (axes[2], partners, "pairs, by one of the two"),
    ):
        limit = _limit(values)
        picture = axis.imshow(values.reshape(shape), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axis.set_title(title, fontsize=10)
        figure.colorbar(picture, ax=axis, shrink=0.7, location="bottom", label="adds to the margin [logit]")
    _draw_strongest(axes[0], found.parts.pairs, side)
    for axis in axes:
        axis.set_xlabel("column [pixel]", fontsize=8)
        axis.set_ylabel("row [pixel]", fontsize=8)


def _draw_strongest(axis: Axes, pairs: Floats, side: int) -> None:
    apart = np.abs(np.triu(pairs, 1))
    ranked = np.argsort(-apart, axis=None, kind="stable")[:STRONGEST]
    for s, t in zip(*np.unravel_index(ranked, pairs.shape), strict=True):
        if apart[s, t] > 0:
            colour = RED if pairs[s, t] > 0 else BLUE
            width = 0.6 + 2.4 * float(apart[s, t] / apart.max())
            axis.plot((s % side, t % side), (s // side, t // side), "-", color=colour, linewidth=width, alpha=0.8)


def _draw_input(figure: Figure, axis: Axes, explanation: Explanation, found: OneSequence) -> None:
    """A curve, or an image of several channels: so many curves could not be told apart."""
    if found.values.shape[1] == 1:
        axis.plot(np.arange(len(found.values)), found.values, linewidth=1.0)
        axis.set_ylabel("input")
        return
    limit = _limit(found.values)
    picture = axis.imshow(found.values.T, "PuOr_r", aspect="auto", interpolation="nearest", vmin=-limit, vmax=limit)
    name_channels([axis], explanation)
    figure.colorbar(picture, ax=axis, label="input", extend="both")


def _draw_positions(positions: Axes, found: OneSequence) -> None:
    steps = np.arange(len(found.values))
    summed = found.parts.positions.sum(axis=1)
    positions.vlines(steps, 0.0, summed, color=[RED if value > 0 else BLUE for value in summed], linewidth=1.2)
    per_step = found.parts.pairs.sum(axis=1) / found.parts.window
    name = "pairs, by one of the two (per step)"
    positions.step(found.starts, per_step, where="mid", color=GREY, linewidth=1.0, label=name)
    positions.axhline(0.0, color=GREY, linewidth=0.6)
    positions.set(xlabel="input step", ylabel="adds [logit]")
    positions.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)


def _draw_pairs(figure: Figure, axis: Axes, found: OneSequence, side: Literal["right", "bottom"]) -> None:
    pairs, last = found.parts.pairs, len(found.values) - 0.5
    limit = _limit(pairs)
    extent = (-0.5, last, -0.5, last)  # the last group may be shorter: its rows are drawn as long as the others
    picture = axis.imshow(pairs, cmap="RdBu_r", vmin=-limit, vmax=limit, origin="lower", extent=extent)
    axis.set_title("pairs of steps", fontsize=10)
    axis.set(xlabel="input step $s'$", ylabel="input step $s$")
    figure.colorbar(picture, ax=axis, shrink=0.7, location=side, label="adds to the margin [logit]", extend="both")
