"""Figures of the frequency domain: responses of first and second order, and the lines that tones draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.predictions.simulated_spectra import SimulatedSpectrum
from carleman_ssm.predictions.spectral_lines import SpectralLines
from carleman_ssm.predictions.transfer import Complexes, TransferFunctions
from carleman_ssm.report.figures import MAX_PANELS, name_axes, panels, save
from carleman_ssm.report.sections import Picture
from carleman_ssm.report.wave_figures import BLUE, RED, caption

FREQUENCY_FIGURES = (
    "response_first_order.png",
    "response_second_order.png",
    "response_third_order.png",
    "spectrum.png",
)
CURVE_POINTS, MAP_POINTS = 1500, 129
SLOWEST = 5e-4
"""Lowest frequency of a curve [cycles per step]."""
NAMED_LINES = 14
FLOOR = 1e-6
"""Lines below this part of the highest are not drawn."""
COLOURS = ("0.45", "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b")
"""Of the orders 0 to 5 and above."""


def write_frequency_figures(
    functions: TransferFunctions,
    folder: Path,
    names: Sequence[str],
    lines: SpectralLines | None = None,
    simulated: SimulatedSpectrum | None = None,
    margin: tuple[int, int] | None = None,
) -> list[Picture]:
    """Draw |H₁|, |H₂| and |H₃| of every class into `folder`, and the spectrum of a logit or margin.

    What there is nothing of is left out: a third order of quadratic decoders, a spectrum without lines.

    Parameters
    ----------
    names
        Of the classes.
    margin
        Two classes whose difference the spectrum shows; by default the first logit.
    """
    spectrum = None if lines is None else lines_figure(lines, names, simulated, margin)
    responses = (first_response_figure, second_response_figure, third_response_figure)
    drawn = [*(draw(functions, names) for draw in responses), spectrum]
    return [save(figure, folder / name) for figure, name in zip(drawn, FREQUENCY_FIGURES, strict=True) if figure]


def first_response_figure(functions: TransferFunctions, names: Sequence[str], channel: int = 0) -> Figure:
    """Height of the answer of every logit to a small sinusoid, over its frequency."""
    frequencies = np.geomspace(SLOWEST, 0.5, CURVE_POINTS)
    size = np.abs(_decisive(functions.first(2 * np.pi * frequencies, channel)))
    shown = min(len(names), MAX_PANELS)
    figure, axes = panels(shown, 2.1)
    for label, axis in enumerate(axes):
        axis.loglog(frequencies, size[label], linewidth=0.9, color=BLUE)
        axis.set_title(names[label], fontsize=9, parse_math=False)
    axes[0].set_xlim(SLOWEST, 0.5)
    axes[0].set_ylim(*np.quantile(size, (0.001, 1.0)) * (0.7, 1.4))
    name_axes(axes, "frequency [cycles per step]", r"$|\mathcal{H}_1|$ [logit per unit of input]")
    caption(
        figure,
        f"First-order transfer function of every class from input channel {channel}, about the steady state of a "
        f"constant input{_mean_removed(functions)}. {_scope(functions)}{_first_of(len(names), shown)}",
    )
    return figure


def second_response_figure(functions: TransferFunctions, names: Sequence[str], channel: int = 0) -> Figure:
    """What pairs of frequencies raise in every logit: sums above the axis, differences below."""
    first, second = np.linspace(0.0, np.pi, MAP_POINTS), np.linspace(-np.pi, np.pi, 2 * MAP_POINTS - 1)
    size = np.abs(_decisive(functions.second(first[:, None], second, (channel, channel))))
    shown = min(len(names), MAX_PANELS)
    figure, axes = panels(shown, 2.1)
    top = np.log10(max(float(np.quantile(size, 0.999)), np.finfo(np.float64).tiny))
    shades, half = np.log10(np.maximum(size, 10.0 ** (top - 4.0))), 0.25 / (MAP_POINTS - 1)
    extent = (-half, 0.5 + half, -0.5 - half, 0.5 + half)  # the grid points are the centres of the pixels
    for label, axis in enumerate(axes):
        picture = axis.imshow(shades[label].T, origin="lower", extent=extent, aspect="auto", vmin=top - 4.0, vmax=top)
        axis.axhline(0.0, color="white", linewidth=0.5)
        axis.set_title(names[label], fontsize=9, parse_math=False)
    bar = figure.colorbar(picture, ax=axes, shrink=0.9, extend="both")
    bar.set_label(r"$\log_{10}|\mathcal{H}_2|$ [logit / input$^2$]", fontsize=8)
    name_axes(axes, "$f_1$ [cycles per step]", "$f_2$ [cycles per step]")
    caption(
        figure,
        "Second-order transfer function: how strongly waves of frequencies f1 and f2 raise one of frequency f1 + f2 in "
        f"each logit (f2 < 0: the difference){_mean_removed(functions)}. Input channel {channel} twice. "
        f"{_scope(functions)} Four decades are shown, at every {2 * (MAP_POINTS - 1)}th of a cycle per step: narrower "
        f"resonances may fall between.{_first_of(len(names), shown)}",
    )
    return figure


def third_response_figure(functions: TransferFunctions, names: Sequence[str], channel: int = 0) -> Figure | None:
    """What the third order makes of one tone: a change of its own line, and its third harmonic."""
    if not functions.taylor[3].any():
        return None
    frequencies = np.geomspace(SLOWEST, 0.5, CURVE_POINTS)
    turned, shown = 2 * np.pi * frequencies, min(len(names), MAX_PANELS)
    figure, axes = panels(shown, 2.1)
    sizes = []
    for sign, colour, label in ((-1.0, BLUE, "at the tone"), (1.0, RED, "third harmonic")):
        sizes.append(np.abs(_decisive(functions.third(turned, turned, sign * turned, (channel,) * 3))))
        for row, axis in enumerate(axes):
            axis.loglog(frequencies, sizes[-1][row], linewidth=0.8, color=colour, label=label)
            axis.set_title(names[row], fontsize=9, parse_math=False)
    axes[0].set_xlim(SLOWEST, 0.5)
    axes[0].set_ylim(*np.quantile(sizes, (0.01, 1.0)) * (0.7, 1.4))
    figure.legend(handles=axes[0].get_lines(), fontsize=8, loc="outside upper right", ncols=2)
    name_axes(axes, "frequency [cycles per step]", r"$|\mathcal{H}_3|$ [logit / input$^3$]")
    caption(
        figure,
        f"Third-order transfer function of every class from input channel {channel}: H3(f, f, -f), which changes the "
        f"line of a tone itself, and H3(f, f, f), its third harmonic{_mean_removed(functions)}. {_scope(functions)}"
        f"{_first_of(len(names), shown)}",
    )
    return figure


def lines_figure(
    lines: SpectralLines,
    names: Sequence[str],
    simulated: SimulatedSpectrum | None = None,
    margin: tuple[int, int] | None = None,
) -> Figure:
    """Lines of one logit or margin in closed form, on the simulated spectrum where there is one."""
    figure = Figure(figsize=(8.8, 4.8), layout="constrained")
    axis, heights = figure.subplots(), np.abs(_chosen(lines.amplitudes, margin))
    if simulated is not None:
        _draw_simulation(axis, simulated, margin, FLOOR * float(heights.max()))
    drawn = np.flatnonzero(heights > FLOOR * heights.max())
    for order in sorted({min(int(lines.orders[line]), len(COLOURS) - 1) for line in drawn}):
        rows = [line for line in drawn if min(lines.orders[line], len(COLOURS) - 1) == order]
        axis.semilogy(lines.frequencies[rows] / (2 * np.pi), heights[rows], "o", markersize=5, color=COLOURS[order])
        axis.vlines(lines.frequencies[rows] / (2 * np.pi), FLOOR * heights.max(), heights[rows], color=COLOURS[order])
        axis.plot([], [], "o-", color=COLOURS[order], label=_order_name(order))
    axis.set_ylim(FLOOR * heights.max(), 30 * heights.max())
    _name_lines(axis, lines, heights, drawn)
    axis.set(xlabel="frequency [cycles per step]", ylabel="height of the line [logit]", xlim=(-0.02, 0.52))
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    what = f"logit of {names[0]}" if margin is None else f"margin of {names[margin[0]]} over {names[margin[1]]}"
    tones = ", ".join(f"f{index + 1} = {tone.frequency / (2 * np.pi):.4g}" for index, tone in enumerate(lines.tones))
    caption(
        figure,
        f"Steady {what} under sinusoids of {tones} cycles per step: the lines up to order {int(lines.orders.max())} "
        f"({lines.method}){_simulation_words(lines, simulated)}. Lines at sums and differences are the mark of waves "
        "that interact in the decoder.",
    )
    return figure


def _draw_simulation(axis: Axes, simulated: SimulatedSpectrum, margin: tuple[int, int] | None, floor: float) -> None:
    size = np.abs(_chosen(simulated.amplitudes, margin))
    seen = size > floor
    axis.semilogy(
        simulated.frequencies[seen] / (2 * np.pi),
        size[seen],
        "o",
        markersize=9,
        fillstyle="none",
        color="0.2",
        markeredgewidth=0.8,
        label="simulation",
    )


def _name_lines(axis: Axes, lines: SpectralLines, heights: Floats, drawn: npt.NDArray[np.int64]) -> None:
    """Names of the highest lines, each at one of two levels so that neighbours stay apart."""
    highest = sorted(drawn, key=lambda line: -heights[line])[:NAMED_LINES]
    for turn, line in enumerate(sorted(highest, key=lambda line: lines.frequencies[line])):
        axis.annotate(
            _line_name(lines.multiples[line].tolist()),
            (float(lines.frequencies[line]) / (2 * np.pi), float(heights[line])),
            xytext=(0, 6 + 10 * (turn % 2)),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )


def _line_name(multiples: list[int]) -> str:
    """$2f_1 − f_2$ and the like."""
    parts: list[str] = []
    for index, count in enumerate(multiples, start=1):
        if count:
            size = "" if abs(count) == 1 else str(abs(count))
            parts.append(f"{'-' if count < 0 else '+' if parts else ''}{size}f_{index}")
    return f"${''.join(parts)}$" if parts else "mean"


def _order_name(order: int) -> str:
    last = len(COLOURS) - 1
    return ("mean", "tones", "order 2", "order 3", "order 4", f"order {last} and above")[order]


def _simulation_words(lines: SpectralLines, simulated: SimulatedSpectrum | None) -> str:
    if simulated is None:
        return ""
    alone = "; rings alone are higher orders" if lines.aliasing.any() else ""
    return (
        f", with the spectrum of {len(simulated.signal)} simulated steps (rings) after {simulated.transient} steps of "
        f"transient{alone}"
    )


def _chosen(amplitudes: Complexes, margin: tuple[int, int] | None) -> Complexes:
    chosen: Complexes = amplitudes[:, 0] if margin is None else amplitudes[:, margin[0]] - amplitudes[:, margin[1]]
    return chosen


def _decisive(response: Complexes) -> Complexes:
    """What all classes share moves no decision."""
    return response - response.mean(axis=0) if len(response) > 1 else response


def _mean_removed(functions: TransferFunctions) -> str:
    return ", mean over the classes removed" if len(functions.readout) > 1 else ""


def _scope(functions: TransferFunctions) -> str:
    return f"{functions.scope[0].upper()}{functions.scope[1:]}."


def _first_of(classes: int, shown: int) -> str:
    return "" if shown == classes else f" The first {shown} of {classes} classes."
