"""The figure of the distinction experiment: accuracy over noise, one panel for each task."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from carleman_ssm.networks.distinction import NOISE_LEVELS, WAVE_RING, Distinction
from carleman_ssm.networks.readouts import Readout
from carleman_ssm.networks.simple_inputs import SEQUENCES, SILENT_REVOLUTIONS, STEPS, TASKS, Task
from carleman_ssm.report.wave_figures import BLUE, GREY, RED, caption

_STYLES = {
    Readout.LINEAR_LAST: (BLUE, "o", "-"),
    Readout.LINEAR_MEAN: (BLUE, "s", "--"),
    Readout.QUADRATIC_LAST: (RED, "^", "-"),
    Readout.QUADRATIC_MEAN: (RED, "v", "--"),
}
_NAMES = {
    Readout.LINEAR_LAST: "node contents, last step",
    Readout.LINEAR_MEAN: "node contents, time mean",
    Readout.QUADRATIC_LAST: "wave powers, last step",
    Readout.QUADRATIC_MEAN: "wave powers, time mean",
}


def distinction_figure(found: Distinction) -> Figure:
    """Accuracy with intervals over the noise, for every task and readout on the ring of S4D-Lin."""
    figure = Figure(figsize=(10.5, 7.4), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    for axis, task in zip(axes.flat, TASKS.values(), strict=True):
        _draw_task(axis, found, task)
    for axis in axes[-1]:
        axis.set_xlabel("noise σ per step [amplitude of the signal]", fontsize=9)
    for axis in axes[:, 0]:
        axis.set_ylabel("accuracy [share of test sequences]", fontsize=9)
    figure.legend(handles=_legend(), ncols=4, loc="outside upper center", fontsize=8.5, frameon=False)
    caption(figure, _caption(found))
    return figure


def _draw_task(axis: Axes, found: Distinction, task: Task) -> None:
    for place, readout in enumerate(task.readouts):
        outcomes = [found.outcome(task.name, readout, sigma) for sigma in NOISE_LEVELS]
        accuracy = np.array([outcome.accuracy for outcome in outcomes])
        low, high = np.array([outcome.interval for outcome in outcomes]).T
        colour, marker, line = _STYLES[readout]
        axis.errorbar(
            np.array(NOISE_LEVELS) * 1.03 ** (place - 1.5),  # side by side, so that each interval can be seen
            accuracy,
            # The hull of two intervals holds the mean; rounding may put it 1e-17 outside.
            yerr=[np.maximum(accuracy - low, 0.0), np.maximum(high - accuracy, 0.0)],
            color=colour, marker=marker, linestyle=line, markersize=4, linewidth=1.2, capsize=2,
        )  # fmt: skip
    if task.ideal is not None:
        sigmas = np.geomspace(NOISE_LEVELS[0], NOISE_LEVELS[-1], 60)
        axis.plot(sigmas, [task.ideal(float(s), len(task.classes)) for s in sigmas], color="black", linewidth=0.8)
    axis.axhline(task.chance, color=GREY, linestyle=":", linewidth=1.2)
    axis.axvline(task.noise, color="0.85", linewidth=5, zorder=0)
    axis.set_title(f"{task.name} ({len(task.classes)} classes)", fontsize=10)
    axis.set(xscale="log", ylim=(0.15, 1.04))
    axis.set_xticks(NOISE_LEVELS)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.tick_params(labelsize=8)


def _legend() -> list[Line2D]:
    readouts: Iterable[Line2D] = (
        Line2D([], [], color=colour, marker=marker, linestyle=line, markersize=4, label=_NAMES[readout])
        for readout, (colour, marker, line) in _STYLES.items()
    )
    return [
        *readouts,
        Line2D([], [], color="black", linewidth=0.8, label="ideal observer of the input"),
        Line2D([], [], color=GREY, linestyle=":", label="chance"),
        Line2D([], [], color="0.85", linewidth=5, label="noise at which claims are judged"),
    ]


def _caption(found: Distinction) -> str:
    return (
        f"Measured on the ring of {WAVE_RING} ({STEPS} real nodes, one node per step; inputs of {STEPS} steps, one "
        f"revolution; bottom right followed by {SILENT_REVOLUTIONS} revolutions with noise only). Ridge regression on "
        f"node contents (linear) or on the powers of their waves (quadratic), {SEQUENCES} training and {SEQUENCES} "
        f"test sequences for each of {len(found.seeds)} seeds. Bars: 95 % intervals, the hull of Student's t over the "
        "seeds and Wilson's for the pooled count. Black: the best that any readout of the input can do, in closed form "
        "where one is known."
    )
