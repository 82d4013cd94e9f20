"""Pairs of waves: which modes, and which nodes of the ring, each class lets interact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from carleman_ssm.interactions.mode_pairs import PairMatrices
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.figures import MAX_PANELS, name_axes, panels, save
from carleman_ssm.report.mode_pair_section import WavePairs
from carleman_ssm.report.sections import Picture
from carleman_ssm.report.wave_figures import caption

PAIR_FIGURES = ("mode_pairs.png", "node_pairs.png", "sequence_pairs.png")


def write_pair_figures(explanation: Explanation, folder: Path, found: WavePairs) -> list[Picture]:
    """Draw the pairs of modes and of nodes of one layer into `folder`; what has no ring is left out."""
    modes, nodes, sequence = (folder / name for name in PAIR_FIGURES)
    drawn = [save(class_pairs_figure(explanation, found, found.modes), modes)]
    if found.nodes is not None:
        drawn.append(save(class_pairs_figure(explanation, found, found.nodes), nodes))
    if found.sequence:
        drawn.append(save(sequence_pairs_figure(explanation, found), sequence))
    return drawn


def class_pairs_figure(explanation: Explanation, found: WavePairs, pairs: PairMatrices) -> Figure:
    """One matrix per class, summed over channels, less the mean over classes."""
    whole = pairs.over_channels
    whole = whole - whole.mean(axis=0) if len(whole) > 1 else whole
    shown = min(len(whole), MAX_PANELS)
    figure, axes = panels(shown, 2.1)
    limit = _limit(whole)
    for label, axis in enumerate(axes):
        picture = _draw(axis, whole[label], limit)
        axis.set_title(explanation.class_name(label), fontsize=9, parse_math=False)
    figure.colorbar(picture, ax=axes, label="adds to the logit [logit]", shrink=0.8, extend="both")
    one = "mode" if pairs.basis == "modes" else "ring node"
    name_axes(axes, f"{one} $m$", f"{one} $n$")
    steady = (
        ""
        if pairs.steady
        else (" The decoders' curvature changes along the centre's trajectory; its sum over time stands for it.")
    )
    caption(
        figure,
        f"Second order of each class by pairs of {pairs.basis} of layer {found.layer} (D: the feedthrough), summed "
        "over channels, class mean removed: expected value for white noise of variance 1 at the input, in closed form "
        f"(sums and differences of the two waves).{steady} Colours are cut at the 99.5 % quantile of all but D with D.",
    )
    return figure


def sequence_pairs_figure(explanation: Explanation, found: WavePairs) -> Figure:
    """Pairs of modes and nodes in the margin of one sequence."""
    figure = Figure(figsize=(4.6 * len(found.sequence) + 1.0, 4.8), layout="constrained")
    axes = figure.subplots(1, len(found.sequence), squeeze=False)[0]
    for axis, (basis, values) in zip(axes, found.sequence.items(), strict=True):
        picture = _draw(axis, values, _limit(values))
        axis.set_title(f"pairs of {basis}", fontsize=10)
        one = "mode" if basis == "modes" else "ring node"
        axis.set(xlabel=f"{one} $m$\n", ylabel=f"{one} $n$")  # the empty line keeps the caption apart
        figure.colorbar(picture, ax=axis, label="adds to the margin [logit]", shrink=0.8, extend="both")
    names = " over ".join(explanation.class_name(label) for label in found.classes)
    figure.suptitle(f"sequence {found.index}: {names}", fontsize=11, parse_math=False)
    total = float(next(iter(found.sequence.values())).sum())
    caption(
        figure,
        f"Second order of the margin at the centre by the waves that this sequence raises in layer {found.layer}, "
        f"summed over channels and time (D: the feedthrough). Each matrix sums to {total:.4g} logits. Colours are cut "
        "at the 99.5 % quantile of all but D with D.",
    )
    return figure


def _limit(values: Floats) -> float:
    """Colours are for waves: the feedthrough with itself, often far the largest, is cut."""
    sizes = np.abs(values).copy()
    sizes[..., -1, -1] = 0.0
    return float(np.quantile(sizes, 0.995)) or float(sizes.max()) or 1.0


def _draw(axis: Axes, values: Floats, limit: float) -> AxesImage:
    picture = axis.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, origin="lower")
    last = len(values) - 1
    step = max(1, -(-last // 4))
    ticks = [*range(0, last, step), last]
    if len(ticks) > 2 and ticks[-1] - ticks[-2] < step:
        del ticks[-2]
    names = [f"{tick}" for tick in ticks[:-1]] + ["D"]
    axis.set_xticks(ticks, labels=names, fontsize=8)
    axis.set_yticks(ticks, labels=names, fontsize=8)
    return picture
