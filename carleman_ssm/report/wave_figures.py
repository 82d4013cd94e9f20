"""The space-time diagram of a ring, and what all figures of waves share: colours, captions, ticks."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from carleman_ssm.networks.layers import Array
from carleman_ssm.report.ring_run import AMPLITUDE_TOLERANCE, RingRun

BLUE, RED, GREY = "#33658a", "#c1440e", "0.55"
MANY_NODES = 64
"""From here on a few nodes of all are no visible share of a linear axis, and a thick line hides a node."""
RIGID = 0.02
"""Phase residual, in mode spacings, below which what is seen between nodes is interpolation and not dispersion."""
MAX_STROKES = 100
"""More revolutions than this are no line but a grey veil."""
PHASE_TICKS = (-np.pi, -np.pi / 2, 0.0, np.pi / 2, np.pi)
PHASE_NAMES = ("−π", "−π/2", "0", "π/2", "π")
_FROM_OKLAB = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
)
_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def phase_colours(entries: int = 256) -> ListedColormap:
    """A circle of hues of one lightness (0.7 in OKLab): phases 2π apart look the same, and none looks louder."""
    angle = 2 * np.pi * np.arange(entries) / entries
    lab = np.stack([np.full(entries, 0.7), 0.123 * np.cos(angle), 0.123 * np.sin(angle)], axis=1)
    linear = np.clip((lab @ _FROM_OKLAB.T) ** 3 @ _TO_RGB.T, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return ListedColormap(encoded, name="phase")


def caption(figure: Figure, text: str) -> None:
    """Text below the axes, as wide as the figure; dollars in names of files are dollars."""
    width = int(figure.get_figwidth() * 15.5)
    figure.supxlabel(textwrap.fill(text, width), fontsize=8, ha="left", x=0.02, parse_math=False)


def plain(value: float, _: object = None) -> str:
    """A number at a tick, as it is."""
    return f"{value:.6g}"


def whole_numbers() -> MaxNLocator:
    """Ticks of nodes, modes and steps."""
    return MaxNLocator(integer=True, steps=[1, 2, 5, 10])


def space_time_figure(run: RingRun) -> Figure:
    """What every node holds at every step, below the input and above the number of nodes that share the energy."""
    maps = 2 if run.is_complex else 1
    figure = Figure(figsize=(8.4, 4.2 + 2.5 * maps), layout="constrained")
    grid = figure.add_gridspec(maps + 2, 2, height_ratios=[0.7, *[2.4] * maps, 0.8], width_ratios=[1, 0.018])
    axes = [figure.add_subplot(grid[0, 0])]
    axes += [figure.add_subplot(grid[row, 0], sharex=axes[0]) for row in range(1, maps + 2)]
    colour_axes = [figure.add_subplot(grid[row, 1]) for row in range(1, maps + 1)]
    figure.suptitle(run.title, fontsize=11, parse_math=False)
    _draw_input(axes[0], run)
    _draw_amplitude(axes[1], colour_axes[0], run)
    if run.is_complex:
        _draw_phase(axes[2], colour_axes[1], run)
    _draw_participation(axes[-1], run)
    for axis in axes[:-1]:
        axis.tick_params(labelbottom=False)
    figure.align_ylabels(axes)
    caption(figure, _space_time_caption(run))
    return figure


def _draw_input(axis: Axes, run: RingRun) -> None:
    steps = np.arange(1, run.length + 1)
    if run.length <= 80:
        axis.vlines(steps, 0.0, run.inputs, color=BLUE, linewidth=3.0)
    else:  # bars closer than this blur into a moiré
        axis.fill_between(steps, run.inputs, step="mid", color=BLUE, linewidth=0.8, edgecolor=BLUE, alpha=0.6)
    axis.axhline(0.0, color=GREY, linewidth=0.6)
    axis.set_ylabel("input $u_k$", fontsize=8)
    axis.tick_params(labelsize=8)


def _draw_amplitude(axis: Axes, colour_axis: Axes, run: RingRun) -> None:
    limit = run.limit
    if run.is_complex:
        picture = _picture(axis, run.amplitudes, run, cmap="magma", vmin=0.0, vmax=limit)
        label = "$|h_j|$ [units of $u$]"
    else:
        picture = _picture(axis, run.contents, run, cmap="RdBu_r", vmin=-limit, vmax=limit)
        label = "$h_j$ [units of $u$]"
    _colour_bar(axis, colour_axis, picture, label)
    _draw_world_line(axis, run, "white" if run.is_complex else "black")


def _draw_phase(axis: Axes, colour_axis: Axes, run: RingRun) -> None:
    axis.set_facecolor("0.92")
    picture = _picture(axis, run.phases, run, cmap=phase_colours(), vmin=-np.pi, vmax=np.pi, interpolation="nearest")
    bar = _colour_bar(axis, colour_axis, picture, "arg $h_j$ [rad]")
    bar.set_ticks(PHASE_TICKS, labels=PHASE_NAMES)


def _picture(axis: Axes, values: Any, run: RingRun, **settings: Any) -> Any:
    extent = (0.5, run.length + 0.5, -0.5, run.nodes - 0.5)
    picture = axis.imshow(values.T, origin="lower", aspect="auto", extent=extent, **settings)
    axis.set_ylabel("node $j$", fontsize=8)
    axis.yaxis.set_major_locator(whole_numbers())
    axis.tick_params(labelsize=8)
    return picture


def _colour_bar(axis: Axes, colour_axis: Axes, picture: Any, label: str) -> Any:
    bar = axis.figure.colorbar(picture, cax=colour_axis)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return bar


def world_line(run: RingRun) -> tuple[Array, Array]:
    """Steps and places of the first input under the rigid law: a stroke per revolution, NaN between, or nothing."""
    nodes, elapsed = run.nodes, run.length - run.first_step
    low, high = sorted((0.0, run.hop * elapsed))
    first, last = np.floor((np.array([low, high]) + 0.5) / nodes)
    if last - first >= MAX_STROKES:
        return np.zeros(0), np.zeros(0)
    seams = nodes * np.arange(first, last + 1)
    ends = np.clip([seams - 0.5, seams + nodes - 0.5], low, high)  # how far it has come at both ends of each stroke
    steps = run.first_step + (ends / run.hop if run.hop else np.array([[0.0], [elapsed]]))
    gap = np.full_like(seams, np.nan)
    return np.stack([*steps, gap], axis=1).ravel(), np.stack([*(ends - seams), gap], axis=1).ravel()


def _draw_world_line(axis: Axes, run: RingRun, colour: str) -> None:
    """A thin dotted line, thinner over many nodes, where it would hide the wave."""
    apart = 5 if run.nodes < MANY_NODES else 20
    axis.plot(*world_line(run), linestyle=(0, (1, apart)), color=colour, linewidth=1.0, alpha=0.8)
    axis.set(xlim=(0.5, run.length + 0.5), ylim=(-0.5, run.nodes - 0.5))


def _draw_participation(axis: Axes, run: RingRun) -> None:
    axis.plot(np.arange(1, run.length + 1), run.participation, color=BLUE, linewidth=1.2)
    axis.axhline(run.nodes, color=GREY, linewidth=0.8, linestyle=":")
    axis.set_ylim(0, 1.08 * run.nodes)
    if run.nodes >= MANY_NODES:
        axis.set(yscale="log", ylim=(0.8, 1.6 * run.nodes))
        axis.yaxis.set_major_formatter(FuncFormatter(plain))
        axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel("step $k$", fontsize=8)
    axis.set_ylabel("participation\n[nodes]", fontsize=8)
    axis.xaxis.set_major_locator(whole_numbers())
    axis.tick_params(labelsize=8)


def _space_time_caption(run: RingRun) -> str:
    phase = (
        f"Phases are shown where the amplitude is at least {100 * AMPLITUDE_TOLERANCE:g} % of the largest (grey: not)."
        if run.is_complex
        else "On a real ring a phase is a sign: red positive, blue negative."
    )
    seam = " The sign changes at the seam between node N - 1 and node 0." if run.has_seam else ""
    return (
        f"{run.signal} Measured: contents of the {run.nodes} nodes of the {run.ring.closure} ring after each step, in "
        f"units of u (gauge: u enters node 0 with weight 1). {phase}{seam} {_line_words(run)}{_width_words(run)} "
        f"Bottom: participation ratio, how many nodes share the energy (1: one node; dotted: all {run.nodes})."
    )


def _line_words(run: RingRun) -> str:
    law = f"the nearest rigid law (hop {run.hop:.4g} nodes per step)"
    if len(world_line(run)[0]):
        return f"Dotted line: where {law} carries the first input."
    return f"No line is drawn for {law}: it goes around more than {MAX_STROKES} times."


def _width_words(run: RingRun) -> str:
    """Why a wave is wider than a node: a rigid one between two nodes, or modes that part."""
    if not run.hop:
        return ""
    if run.law.relative_residual[0] > RIGID:
        return " The wave spreads: its modes travel at different speeds (dispersion)."
    between = abs(run.hop - round(run.hop)) > 0.02
    return " A wave that stands between two nodes is spread around them (a periodic sinc)." if between else ""
