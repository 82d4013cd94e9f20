"""The ring as a circle, in motion: an animated GIF that any viewer opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from carleman_ssm.networks.layers import Array
from carleman_ssm.report.ring_run import AMPLITUDE_TOLERANCE, RingRun
from carleman_ssm.report.wave_figures import BLUE, GREY, RED, phase_colours

MAX_FRAMES = 80
FRAMES_PER_SECOND = 10
_DPI = 80
_SWING = 0.32


def frame_steps(length: int, frames: int = MAX_FRAMES) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The steps (from 1) that get a frame: all of them, or evenly every q-th, and always the last.

    Examples
    --------
    >>> frame_steps(5).tolist(), frame_steps(10, frames=4).tolist(), frame_steps(9, frames=4).tolist()
    ([1, 2, 3, 4, 5], [1, 4, 7, 10], [1, 4, 7, 9])
    """
    apart = max(1, -(-(length - 1) // (frames - 1)))
    even = np.arange(1, length + 1, apart)
    return even if even[-1] == length else np.append(even, length)


def write_animation(run: RingRun, path: Path) -> Path:
    """Write the run as a GIF; a real ring as signed colours and excursions, a complex one as sizes and hues.

    Parameters
    ----------
    run
        The ring.
    path
        The file, ending in ``.gif``.
    """
    figure = Figure(figsize=(5.6, 6.6), dpi=_DPI)
    ring = figure.add_axes((0.0, 0.16, 1.0, 0.775))
    strip = figure.add_axes((0.12, 0.07, 0.84, 0.085))
    figure.suptitle(run.title.replace(": ", "\n", 1), fontsize=10, y=0.99, parse_math=False)
    draw_ring = _RingDrawing(ring, run)
    marker = _input_strip(strip, run)
    writer = PillowWriter(fps=FRAMES_PER_SECOND)
    with writer.saving(figure, str(path), _DPI):
        for step in frame_steps(run.length):
            draw_ring.show(int(step))
            marker.set_xdata([step, step])
            writer.grab_frame()
    return path


def _input_strip(axis: Axes, run: RingRun) -> Any:
    axis.plot(np.arange(1, run.length + 1), run.inputs, color=BLUE, linewidth=1.0, drawstyle="steps-mid")
    axis.axhline(0.0, color=GREY, linewidth=0.5)
    axis.set_xlabel("step $k$", fontsize=8)
    axis.set_ylabel("input $u_k$", fontsize=8)
    axis.tick_params(labelsize=7)
    return axis.axvline(1, color=RED, linewidth=1.2)


class _RingDrawing:
    """The artists of the circle; node 0 is on top, +j is clockwise."""

    def __init__(self, axis: Axes, run: RingRun) -> None:
        self._run, self._limit = run, run.limit
        angle = np.pi / 2 - 2 * np.pi * np.arange(run.nodes) / run.nodes
        self._directions: Array = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        axis.set(xlim=(-1.5, 1.5), ylim=(-1.42, 1.68), aspect="equal")
        axis.set_axis_off()
        around = np.linspace(0, 2 * np.pi, 200)
        axis.plot(np.cos(around), np.sin(around), color="0.85", linewidth=0.8, zorder=0)
        (self._wave,) = axis.plot([], [], color="0.6", linewidth=0.9, zorder=1)
        colours = phase_colours() if run.is_complex else "RdBu_r"
        span = Normalize(-np.pi, np.pi) if run.is_complex else Normalize(-self._limit, self._limit)
        style: dict[str, Any] = {"cmap": colours, "norm": span, "linewidths": 0.4}
        x, y = self._directions.T
        self._dots = axis.scatter(x, y, c=np.zeros(run.nodes), edgecolors="0.45", zorder=2, **style)
        self._clock = axis.text(0, 0.0, "", ha="center", va="center", fontsize=13)
        self._furnish(axis, style)
        if run.has_seam:
            self._mark_seam(axis)

    def _furnish(self, axis: Axes, style: dict[str, Any]) -> None:
        """What does not move: where the input enters, which way the wave goes, what the colours mean."""
        small: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8.5}
        arrow = {"arrowstyle": "->", "color": BLUE}
        axis.annotate("input", (0, 1.0 + _SWING + 0.07), (0, 1.62), arrowprops=arrow, color=BLUE, **small)
        axis.text(0, -0.66 if self._run.is_complex else 0.3, _law_words(self._run), color="0.3", **small)
        if not self._run.is_complex:
            axis.text(0, -0.16, "red, outward: h > 0", color="#b2182b", **small)
            axis.text(0, -0.27, "blue, inward: h < 0", color="#2166ac", **small)
            return
        hue = 2 * np.pi * np.arange(72) / 72 - np.pi
        axis.scatter(0.34 * np.cos(hue), 0.34 * np.sin(hue), c=hue, s=14, zorder=1, **{**style, "linewidths": 0})
        for name, x, y in (("0", 0.43, 0), ("π/2", 0, 0.44), ("π", -0.43, 0), ("−π/2", 0, -0.44)):
            axis.text(x, y, name, color="0.3", **small)
        axis.text(0, 0.62, "size: |h|,  hue: arg h", color="0.3", **small)

    def _mark_seam(self, axis: Axes) -> None:
        """A cut between node N - 1 and node 0, where signs change."""
        angle = np.pi / 2 + np.pi / self._run.nodes
        across = np.array([0.78, 1.0 + _SWING])
        axis.plot(across * np.cos(angle), across * np.sin(angle), color=RED, linewidth=1.2, linestyle="--", zorder=3)
        axis.text(0, 0.55, "dashed: seam, signs change", color=RED, ha="center", va="center", fontsize=8.5)

    def show(self, step: int) -> None:
        """Draw the contents after a step (from 1)."""
        run, values = self._run, self._run.contents[step - 1]
        share = np.abs(values) / self._limit
        swing = share if run.is_complex else np.real(values) / self._limit
        place = self._directions * (1.0 + _SWING * swing)[:, None]
        if run.nodes > 2:  # two nodes are joined by no circle
            closing = np.full((1, 2), np.nan) if run.has_seam else place[:1]
            self._wave.set_data(*np.concatenate([place, closing]).T)
        self._dots.set_offsets(place)
        largest = min(240.0, 12000.0 / run.nodes)
        self._dots.set_sizes(4.0 + largest * share)
        quiet = share < AMPLITUDE_TOLERANCE
        self._dots.set_array(np.ma.masked_array(np.angle(values) if run.is_complex else np.real(values), mask=quiet))
        self._clock.set_text(f"step {step}")


def _law_words(run: RingRun) -> str:
    if not np.isfinite(run.law.revolution_steps[0]):
        return "nothing travels"
    way = "clockwise" if run.hop > 0 else "anticlockwise"
    return f"nearest rigid law:\n{abs(run.hop):.3g} nodes/step,\n{way}"
