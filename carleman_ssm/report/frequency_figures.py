"""Figures of the frequency domain: responses of first and second order, and the lines that tones draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.kernel import Complexes
from carleman_ssm.predictions.simulated_spectra import SimulatedSpectrum
from carleman_ssm.predictions.spectral_lines import MergedLines, SpectralLines
from carleman_ssm.predictions.transfer import TransferFunctions
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
LETTER, LINE, DOT = 0.0105, 0.036, 0.011
"""Width of a letter, height of a line and half the width of a dot, in parts of the axes of the spectrum."""
LEVELS = (0.02, 0.02 + LINE)
"""How far above its dot a name may stand."""
MET = " Lines that meet at one frequency are drawn as their sum, in the colour of the highest."
CYCLE = " A cycle per step is 2π rad/step."
COLOURS = ("0.45", "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b")
"""Of the orders 0 to 5 and above."""


def write_frequency_figures(
    functions: TransferFunctions,
    folder: Path,
    names: Sequence[str],
    lines: SpectralLines | None = None,
    simulated: SimulatedSpectrum | None = None,
    margin: tuple[int, int] | None = None,
    label: int | None = None,
    channel: int | None = None,
) -> list[Picture]:
    """Draw |H₁|, |H₂| and |H₃| of every class into `folder`, and the spectrum of a logit or margin.

    What there is nothing of is left out: a third order of quadratic decoders, a spectrum without lines.

    Parameters
    ----------
    names
        Of the classes.
    margin
        Two classes whose difference the spectrum shows.
    label
        Without a margin, the class whose logit it shows; by default the one with the largest mean over time.
    channel
        Of the input whose responses are drawn; by default that of the first tone, or 0.
    """
    spectrum = None if lines is None else lines_figure(lines, names, simulated, margin, label)
    place = channel
    if place is None:
        place = 0 if lines is None else lines.tones[0].channel
    responses = (first_response_figure, second_response_figure, third_response_figure)
    drawn = [*(draw(functions, names, place) for draw in responses), spectrum]
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
        f"constant input{_mean_removed(functions)}. {_scope(functions)}{CYCLE}{_first_of(len(names), shown)}",
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
        f"resonances may fall between.{CYCLE}{_first_of(len(names), shown)}",
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
        f"{CYCLE}{_first_of(len(names), shown)}",
    )
    return figure


def lines_figure(
    lines: SpectralLines,
    names: Sequence[str],
    simulated: SimulatedSpectrum | None = None,
    margin: tuple[int, int] | None = None,
    label: int | None = None,
) -> Figure:
    """Lines of one logit or margin in closed form, on the simulated spectrum where there is one.

    Lines of equal frequency are drawn as their sum. Without margin and label it is the class whose steady logit is
    largest in the mean over time.
    """
    merged = lines.merged()
    shown = _largest_mean(merged) if label is None else label
    figure = Figure(figsize=(8.8, 4.8), layout="constrained")
    axis, heights = figure.subplots(), np.abs(_chosen(merged.amplitudes, margin, shown))
    floor = FLOOR * float(heights.max())
    if simulated is not None:
        _draw_simulation(axis, simulated.frequencies, np.abs(_chosen(simulated.amplitudes, margin, shown)), floor)
    drawn, cycles = np.flatnonzero(heights > floor), merged.frequencies / (2 * np.pi)
    orders = np.array([min(int(lines.orders[rows[0]]), len(COLOURS) - 1) for rows in merged.members])
    for order in np.unique(orders[drawn]).tolist():
        rows = drawn[orders[drawn] == order]
        axis.semilogy(cycles[rows], heights[rows], "o", markersize=5, color=COLOURS[order])
        axis.vlines(cycles[rows], floor, heights[rows], color=COLOURS[order])
        axis.plot([], [], "o-", color=COLOURS[order], label=_order_name(order))
    axis.set_ylim(floor, 30 * heights.max())
    axis.set(xlabel="frequency [cycles per step]", ylabel="height of the line [logit]", xlim=(-0.02, 0.52))
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    texts = [", ".join(_line_name(lines.multiples[row].tolist()) for row in rows) for rows in merged.members]
    _name_lines(axis, cycles[drawn], heights[drawn], [texts[row] for row in drawn])
    what = f"logit of {names[shown]}" if margin is None else f"margin of {names[margin[0]]} over {names[margin[1]]}"
    met = MET if len(texts) < len(lines.multiples) else ""
    caption(
        figure,
        f"Steady {what} under sinusoids of {_tone_words(lines)}: the lines up to order {int(lines.orders.max())} "
        f"({lines.method}){_simulation_words(lines, simulated)}.{met} Lines at sums and differences are the mark of "
        "waves that interact in the decoder.",
    )
    return figure


def _largest_mean(merged: MergedLines) -> int:
    """The class with the largest mean over time; the lines of frequency 0 come first."""
    return int(merged.amplitudes[0].real.argmax())


def _tone_words(lines: SpectralLines) -> str:
    tones = (
        f"f{index} = {tone.frequency / (2 * np.pi):.4g} cycles per step ({tone.frequency:.4g} rad/step)"
        for index, tone in enumerate(lines.tones, start=1)
    )
    return ", ".join(tones)


def _draw_simulation(axis: Axes, frequencies: Floats, size: Floats, floor: float) -> None:
    seen = size > floor
    axis.semilogy(
        frequencies[seen] / (2 * np.pi),
        size[seen],
        "o",
        markersize=9,
        fillstyle="none",
        color="0.2",
        markeredgewidth=0.8,
        label="simulation",
    )


def _name_lines(axis: Axes, cycles: Floats, heights: Floats, texts: list[str]) -> None:
    """Names above the highest lines, as far as there is room: none may touch another, or the dot of a line."""
    low, high = np.log10(axis.get_ylim())
    left, right = axis.get_xlim()
    places = np.column_stack([(cycles - left) / (right - left), (np.log10(heights) - low) / (high - low)])
    taken = [_Box(x - DOT, x + DOT, y - 1.5 * DOT, y + 1.5 * DOT) for x, y in places.tolist()]
    for row in np.argsort(-heights)[:NAMED_LINES].tolist():
        x, y = places[row].tolist()
        width = 0.5 * LETTER * len(_bare(texts[row]))
        x = min(max(x, width + DOT), 1.0 - width - DOT)
        for level in LEVELS:
            box = _Box(x - width, x + width, y + level, y + level + LINE)
            if not any(box.meets(other) for other in taken):
                taken.append(box)
                axis.annotate(
                    texts[row],
                    (x, y + level),
                    xycoords="axes fraction",
                    ha="center",
                    va="bottom",
                    fontsize=7,
                )
                break


class _Box(NamedTuple):
    """A rectangle in parts of the axes."""

    left: float
    right: float
    bottom: float
    top: float

    def meets(self, other: _Box) -> bool:
        apart = self.right <= other.left or other.right <= self.left
        return not (apart or self.top <= other.bottom or other.top <= self.bottom)


def _bare(text: str) -> str:
    """A name without what is not printed of it."""
    return text.replace("$", "").replace("_", "")


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
    alone = "; rings alone, or off a dot, are higher orders" if lines.aliasing.any() else ""
    return (
        f", with the spectrum of {len(simulated.signal)} simulated steps (rings) after {simulated.transient} steps of "
        f"transient{alone}"
    )


def _chosen(amplitudes: Complexes, margin: tuple[int, int] | None, label: int) -> Complexes:
    chosen: Complexes = amplitudes[:, label] if margin is None else amplitudes[:, margin[0]] - amplitudes[:, margin[1]]
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
