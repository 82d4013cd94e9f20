"""Figures of a ring: its space-time diagram, who is coupled to whom, and how fast its modes travel."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.networks.waves import dispersion
from carleman_ssm.report.ring_run import AMPLITUDE_TOLERANCE, RingRun

BLUE, RED, GREY = "#33658a", "#c1440e", "0.55"
NEAR = 48
"""Distances up to which single couplings can be told apart in a panel."""
_TICKS = [-np.pi, -np.pi / 2, 0.0, np.pi / 2, np.pi]
_TICK_NAMES = ["−π", "−π/2", "0", "π/2", "π"]
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
    """Text below the axes, as wide as the figure."""
    width = int(figure.get_figwidth() * 15.5)
    figure.supxlabel(textwrap.fill(text, width), fontsize=8, ha="left", x=0.02)


def _whole_numbers() -> MaxNLocator:
    return MaxNLocator(integer=True, steps=[1, 2, 5, 10])


def space_time_figure(run: RingRun) -> Figure:
    """What every node holds at every step, below the input and above the number of nodes that share the energy."""
    maps = 2 if run.is_complex else 1
    figure = Figure(figsize=(8.4, 4.2 + 2.5 * maps), layout="constrained")
    grid = figure.add_gridspec(maps + 2, 2, height_ratios=[0.7, *[2.4] * maps, 0.8], width_ratios=[1, 0.018])
    axes = [figure.add_subplot(grid[0, 0])]
    axes += [figure.add_subplot(grid[row, 0], sharex=axes[0]) for row in range(1, maps + 2)]
    colour_axes = [figure.add_subplot(grid[row, 1]) for row in range(1, maps + 1)]
    figure.suptitle(run.title, fontsize=11)
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
    _world_line(axis, run, "white" if run.is_complex else "black")


def _draw_phase(axis: Axes, colour_axis: Axes, run: RingRun) -> None:
    axis.set_facecolor("0.92")
    picture = _picture(axis, run.phases, run, cmap=phase_colours(), vmin=-np.pi, vmax=np.pi, interpolation="nearest")
    bar = _colour_bar(axis, colour_axis, picture, "arg $h_j$ [rad]")
    bar.set_ticks(_TICKS, labels=_TICK_NAMES)


def _picture(axis: Axes, values: Any, run: RingRun, **settings: Any) -> Any:
    extent = (0.5, run.length + 0.5, -0.5, run.nodes - 0.5)
    picture = axis.imshow(values.T, origin="lower", aspect="auto", extent=extent, **settings)
    axis.set_ylabel("node $j$", fontsize=8)
    axis.yaxis.set_major_locator(_whole_numbers())
    axis.tick_params(labelsize=8)
    return picture


def _colour_bar(axis: Axes, colour_axis: Axes, picture: Any, label: str) -> Any:
    bar = axis.figure.colorbar(picture, cax=colour_axis)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return bar


def _world_line(axis: Axes, run: RingRun, colour: str) -> None:
    """Where the rigid law carries the first input, as a thin broken line that wraps around."""
    steps = np.linspace(run.first_step, run.length, max(2, 40 * run.nodes))
    place = (run.hop * (steps - run.first_step) + 0.5) % run.nodes - 0.5
    place[:-1][np.abs(np.diff(place)) > run.nodes / 2] = np.nan  # no stroke across the diagram at a wrap
    axis.plot(steps, place, linestyle=(0, (1, 5)), color=colour, linewidth=1.0, alpha=0.8)
    axis.set(xlim=(0.5, run.length + 0.5), ylim=(-0.5, run.nodes - 0.5))


def _draw_participation(axis: Axes, run: RingRun) -> None:
    axis.plot(np.arange(1, run.length + 1), run.participation, color=BLUE, linewidth=1.2)
    axis.axhline(run.nodes, color=GREY, linewidth=0.8, linestyle=":")
    axis.set(xlabel="step $k$", ylim=(0, 1.08 * run.nodes))
    axis.set_xlabel("step $k$", fontsize=8)
    axis.set_ylabel("participation\n[nodes]", fontsize=8)
    axis.xaxis.set_major_locator(_whole_numbers())
    axis.tick_params(labelsize=8)


def _space_time_caption(run: RingRun) -> str:
    phase = (
        f"Phases are shown where the amplitude is at least {100 * AMPLITUDE_TOLERANCE:g} % of the largest (grey: not)."
        if run.is_complex
        else "On a real ring a phase is a sign: red positive, blue negative."
    )
    seam = " The sign changes at the seam between node N - 1 and node 0." if _is_skew(run) else ""
    between = abs(run.hop - round(run.hop)) > 0.02
    stripes = " A wave that stands between two nodes is spread around them (a periodic sinc)." if between else ""
    return (
        f"{run.signal} Measured: contents of the {run.nodes} nodes of the {run.ring.closure} ring after each step, in "
        f"units of u (gauge: u enters node 0 with weight 1). {phase}{seam} Dotted line: where the nearest rigid law "
        f"(hop {run.hop:.4g} nodes per step) carries the first input.{stripes} Bottom: participation ratio, how many "
        f"nodes share the energy (1: one node; dotted: all {run.nodes})."
    )


def coupling_figure(run: RingRun) -> Figure:
    """Strength and phase (real rings: sign) of the couplings over distance, and what one step carries how far."""
    figure = Figure(figsize=(11.5, 4.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    order = np.argsort(run.distances)
    distances, couplings = run.distances[order], run.ring.couplings[0][order]
    closed = None if run.reference is None else run.reference[order]
    _draw_strengths(left, distances, couplings, closed)
    (_draw_arguments if run.is_complex else _draw_signed)(middle, distances, couplings, closed)
    _draw_propagator(right, distances, run.ring.propagator[0][order], run.hop)
    for axis in (left, middle, right):
        axis.set_xlabel("distance $d = j - l$ [nodes]")
        axis.xaxis.set_major_locator(_whole_numbers())
    if run.nodes > 2 * NEAR:
        for axis in (middle, right):
            axis.set_xlim(-NEAR, NEAR)
    if closed is not None:
        left.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    figure.suptitle(run.title, fontsize=11)
    caption(figure, _coupling_caption(run))
    return figure


def _draw_strengths(axis: Axes, distances: Any, couplings: ComplexArray, closed: ComplexArray | None) -> None:
    axis.semilogy(distances, np.abs(couplings), "o", markersize=3.5, color=BLUE, label="this ring", zorder=3)
    if closed is not None:
        apart = np.ma.masked_array(np.abs(closed), distances == 0)  # the self-coupling is another formula
        ring = {"marker": "o", "markersize": 7, "fillstyle": "none"} if len(distances) <= NEAR else {}
        axis.semilogy(distances, apart, color=RED, linewidth=1.2, label="S4D-Lin, closed form", **ring)
        axis.semilogy([0], np.abs(closed[distances == 0]), "o", markersize=7, fillstyle="none", color=RED)
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.yaxis.set_major_formatter(FuncFormatter(_plain))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_ylabel("coupling $|w_d|$ [1/time]")


def _plain(value: float, _: object = None) -> str:
    return f"{value:.6g}"


def _draw_arguments(axis: Axes, distances: Any, couplings: ComplexArray, closed: ComplexArray | None) -> None:
    quiet = np.abs(couplings) < 1e-12 * np.abs(couplings).max()
    if closed is not None:
        axis.plot(distances, np.angle(closed), "o", markersize=7, fillstyle="none", color=RED)
    axis.plot(distances, np.ma.masked_array(np.angle(couplings), quiet), "o", markersize=3.5, color=BLUE)
    axis.set(ylabel="phase of the coupling arg $w_d$ [rad]", ylim=(-1.1 * np.pi, 1.1 * np.pi))
    axis.set_yticks(_TICKS, labels=_TICK_NAMES)


def _draw_signed(axis: Axes, distances: Any, couplings: Array, closed: ComplexArray | None) -> None:
    if closed is not None:
        axis.plot(distances, closed.real, "o", markersize=7, fillstyle="none", color=RED)
    axis.vlines(distances, 0.0, couplings, color=BLUE, linewidth=1.0)
    axis.plot(distances, couplings, "o", markersize=3.5, color=BLUE)
    axis.axhline(0.0, color=GREY, linewidth=0.6)
    axis.set_ylabel("coupling $w_d$ with its sign [1/time]")


def _draw_propagator(axis: Axes, distances: Any, propagator: ComplexArray, hop: float) -> None:
    axis.vlines(distances, 0.0, np.abs(propagator), color=BLUE, linewidth=1.2)
    axis.plot(distances, np.abs(propagator), "o", markersize=3.0, color=BLUE)
    axis.axvline(hop, color=RED, linewidth=1.0, linestyle=":")
    axis.set(ylabel=r"one step: $|[e^{W\Delta t}]_d|$ [1]", ylim=(0, None))


def _coupling_caption(run: RingRun) -> str:
    against = ""
    if run.reference is not None and run.is_lin:
        against = " Red: the proved closed form, |w_d| = (N/2) / chord(d) with chord(d) = (N/π) sin(πd/N) for d ≠ 0."
    elif run.reference is not None:
        against = " Red, for comparison: the closed form of S4D-Lin on a ring of this size, not of this ring."
    seam = " Across the seam of the anti-periodic ring (negative d here) signs are reversed." if _is_skew(run) else ""
    part = f" The two panels on the right show |d| ≤ {NEAR}." if run.nodes > 2 * NEAR else ""
    return (
        f"Coupling of node l to node j = l + d in h' = W h, the first column of W, computed from the eigenvalues of "
        f"this ring (d = 0: self-coupling).{against}{seam} Right: how much of a node's content one step of "
        f"Δt = {run.ring.step[0]:.4g} carries over d nodes; dotted: the hop {run.hop:.4g} of the nearest rigid law."
        f"{part}"
    )


def _is_skew(run: RingRun) -> bool:
    return run.ring.closure == "antiperiodic"


def dispersion_figure(run: RingRun) -> Figure:
    """Angles, velocities and decay of the modes over the wave number."""
    figure = Figure(figsize=(11.5, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    n, velocities = run.ring.frequencies, dispersion(run.ring)
    phase, group = velocities.phase_velocity_per_step[0], velocities.group_velocity_per_step[0]
    _draw_angles(left, run)
    middle.plot(n, phase, "o", markersize=3.5, color=BLUE, label="phase velocity")
    middle.plot(n, group, "-", color=RED, linewidth=1.2, label="group velocity")
    middle.axhline(run.hop, color=GREY, linestyle=":", linewidth=1.0, label="nearest rigid law")
    middle.set(xlabel="wave number $n$", ylabel="velocity [nodes per step]")
    _frame(middle, np.concatenate([phase.compressed(), group.compressed(), [run.hop]]))
    middle.legend(fontsize=8)
    size = np.abs(run.ring.multipliers[0])
    right.plot(n, size, "o", markersize=3.5, color=BLUE)
    right.axhline(run.law.radius[0], color=GREY, linestyle=":", linewidth=1.0)
    right.set(xlabel="wave number $n$", ylabel=r"decay per step $|\lambda_n|$ [1]")
    _frame(right, size)
    for axis in (left, middle, right):
        axis.ticklabel_format(axis="y", useOffset=False)
        axis.xaxis.set_major_locator(_whole_numbers())
    figure.suptitle(run.title, fontsize=11)
    caption(figure, _dispersion_caption(run))
    return figure


def _draw_angles(axis: Axes, run: RingRun) -> None:
    n, turns = run.ring.frequencies, np.arange(run.nodes) * run.hop / run.nodes
    law = np.angle(np.exp(1j * (run.law.offset[0] + 2 * np.pi * turns)))
    axis.plot(n, law, "_", color=RED, markersize=8, label="nearest rigid law")
    axis.plot(n, np.angle(run.ring.multipliers[0]), "o", markersize=3.5, color=BLUE, label="this ring")
    axis.set(xlabel="wave number $n$", ylabel=r"angle per step arg $\lambda_n$ [rad]")
    axis.legend(fontsize=8)


def _frame(axis: Axes, values: Array) -> None:
    """Limits around the finite values, never narrower than a fortieth of their size: rounding is no structure."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    margin = max(0.08 * (high - low), 0.025 * max(abs(low), abs(high))) or 0.05
    axis.set_ylim(low - margin, high + margin)


def _dispersion_caption(run: RingRun) -> str:
    law, relative = run.law, float(run.law.relative_residual[0])
    share = f", {relative:.2g} of the mode spacing" if np.isfinite(relative) else ""
    return (
        "Measured from the multipliers λ of one step. A pattern moves without changing its shape where the angles lie "
        "on a straight line over n (modulo 2π) and all modes decay alike; then phase and group velocity are one. Root "
        f"mean square distance from the nearest such law: {law.phase_residual[0]:.2g} rad in the angle{share}, "
        f"{law.radius_residual[0]:.2g} in |λ|. Group velocity: difference quotient between neighbouring modes. "
        f"{_order_words(run)}"
    )


def _order_words(run: RingRun) -> str:
    by_index = (run.ring.order[0] == np.arange(run.ring.order.shape[1])).all()
    return "Modes in the order of their index." if by_index else "Modes in the order of arg λ."
