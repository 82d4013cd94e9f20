"""The figure of the distinction experiment: accuracy over noise, one panel for each task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from carleman_ssm.experiments.claims import (
    CONTROLLED,
    FAINT_NOISE,
    LINEAR,
    NOISE_LEVELS,
    REFERENCE_NOISE,
    RINGS,
    STATE_NOISES,
    WAVE_RING,
    Outcome,
)
from carleman_ssm.experiments.distinction import Distinction
from carleman_ssm.experiments.readouts import Readout
from carleman_ssm.experiments.simple_inputs import SEQUENCES, SILENT_REVOLUTIONS, STEPS, TASKS, Task
from carleman_ssm.networks.layers import Array
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


_RINGS = dict(zip(RINGS, ((BLUE, "o"), ("#e09f3e", "D"), (GREY, "X")), strict=True))
_LINES = dict(zip(LINEAR, ("-", "--"), strict=True))


def distinction_figure(found: Distinction) -> Figure:
    """Accuracy with intervals over the noise: all tasks on the ring of S4D-Lin, then three of them on three rings."""
    figure = Figure(figsize=(10.5, 10.6), layout="constrained")
    inputs, states = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.75, 1])[:, 0]
    axes = inputs.subplots(2, 3, sharex=True, sharey=True)
    for axis, task in zip(axes.flat, TASKS.values(), strict=True):
        _draw_task(axis, found, task)
    for axis in axes[-1]:
        axis.set_xlabel("noise σ on the input [amplitude of the signal]", fontsize=9)
    inputs.legend(handles=_legend(), ncols=4, loc="outside upper center", fontsize=8.5, frameon=False)
    below = states.subplots(1, 3, sharey=True)
    for axis, name in zip(below, CONTROLLED, strict=True):
        _draw_rings(axis, found, TASKS[name])
        axis.set_xlabel("noise ε on the state [largest number read]", fontsize=9)
    states.legend(handles=_ring_legend(), ncols=5, loc="outside upper center", fontsize=8.5, frameon=False)
    for axis in (*axes[:, 0], below[0]):
        axis.set_ylabel("accuracy [share of test sequences]", fontsize=9)
    caption(figure, _caption(found))
    return figure


def _draw_task(axis: Axes, found: Distinction, task: Task) -> None:
    for place, readout in enumerate(task.readouts):
        outcomes = [found.outcome(task.name, readout, sigma) for sigma in NOISE_LEVELS]
        colour, marker, line = _STYLES[readout]
        beside = 1.03 ** (place - 1.5)  # side by side, so that each interval can be seen
        _draw_curve(axis, np.array(NOISE_LEVELS) * beside, outcomes, colour, marker, line)
    if task.ideal is not None:
        sigmas = np.geomspace(NOISE_LEVELS[0], NOISE_LEVELS[-1], 60)
        axis.plot(sigmas, [task.ideal(float(s), len(task.classes)) for s in sigmas], color="black", linewidth=0.8)
    axis.axvline(REFERENCE_NOISE, color="0.85", linewidth=5, zorder=0)
    axis.set_title(f"{task.name} ({len(task.classes)} classes)", fontsize=10)
    _finish(axis, task, NOISE_LEVELS, [f"{level:g}" for level in NOISE_LEVELS])


def _draw_rings(axis: Axes, found: Distinction, task: Task) -> None:
    places = (STATE_NOISES[1] / 10, *STATE_NOISES[1:])  # no noise has no place on a logarithmic axis
    for number, (ring, (colour, marker)) in enumerate(_RINGS.items()):
        for readout, line in _LINES.items():
            outcomes = [found.outcome(task.name, readout, ring=ring, state_noise=noise) for noise in STATE_NOISES]
            _draw_curve(axis, np.array(places) * 1.2 ** (number - 1), outcomes, colour, marker, line)
    axis.set_title(f"{task.name}, σ = {REFERENCE_NOISE:g}", fontsize=10)
    _finish(axis, task, places, ["0", *(f"{noise:g}" for noise in STATE_NOISES[1:])])


def _draw_curve(axis: Axes, places: Array, outcomes: Sequence[Outcome], colour: str, marker: str, line: str) -> None:
    accuracy = np.array([outcome.accuracy for outcome in outcomes])
    low, high = np.array([outcome.interval for outcome in outcomes]).T
    axis.errorbar(
        places,
        accuracy,
        # The hull of two intervals holds the mean; rounding may put it 1e-17 outside.
        yerr=[np.maximum(accuracy - low, 0.0), np.maximum(high - accuracy, 0.0)],
        color=colour, marker=marker, linestyle=line, markersize=4, linewidth=1.2, capsize=2,
    )  # fmt: skip


def _finish(axis: Axes, task: Task, ticks: Sequence[float], labels: Sequence[str]) -> None:
    axis.axhline(task.chance, color=GREY, linestyle=":", linewidth=1.2)
    axis.set(xscale="log", ylim=(0.15, 1.04))
    axis.set_xticks(ticks, labels)
    axis.xaxis.set_minor_locator(NullLocator())
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


def _ring_legend() -> list[Line2D]:
    waves = ("rigid waves", "waves that spread", "no waves")
    return [
        *(
            Line2D([], [], color=colour, marker=marker, markersize=4, linestyle="", label=f"{ring} ({kind})")
            for (ring, (colour, marker)), kind in zip(_RINGS.items(), waves, strict=True)
        ),
        *(Line2D([], [], color="0.2", linestyle=line, label=_NAMES[readout]) for readout, line in _LINES.items()),
    ]


def _caption(found: Distinction) -> str:
    return (
        f"Measured on the ring of {WAVE_RING} ({STEPS} real nodes, one node per step; inputs of {STEPS} steps, one "
        f"revolution; second row right followed by {SILENT_REVOLUTIONS} revolutions with noise only). Ridge regression "
        f"on node contents (linear) or on the powers of their waves (quadratic), {SEQUENCES} training and {SEQUENCES} "
        f"test sequences for each of {len(found.seeds)} seeds. Bars: 95 % intervals, the hull of Student's t over the "
        "seeds and Wilson's for the pooled count. Black: the best that any readout of the input can do, in closed form "
        "where one is known. Last row: the same with three rings, and Gaussian noise on each number that is read. Not "
        f"drawn: σ = {FAINT_NOISE:g} after the silence, of which one claim speaks."
    )
