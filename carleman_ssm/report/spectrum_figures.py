"""Figures of a ring's spectrum: who is coupled to whom, and how fast its modes travel."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.report.ring_run import RingRun
from carleman_ssm.report.wave_figures import BLUE, GREY, PHASE_NAMES, PHASE_TICKS, RED, caption, plain, whole_numbers
from carleman_ssm.rings.waves import dispersion

NEAR = 48
"""Distances up to which single couplings can be told apart in a panel."""


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
        axis.xaxis.set_major_locator(whole_numbers())
    if run.nodes > 2 * NEAR:
        for axis in (middle, right):
            axis.set_xlim(-NEAR, NEAR)
    if closed is not None:
        left.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    figure.suptitle(run.title, fontsize=11, parse_math=False)
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
    axis.yaxis.set_major_formatter(FuncFormatter(plain))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_ylabel("coupling $|w_d|$ [1/time]")


def _draw_arguments(axis: Axes, distances: Any, couplings: ComplexArray, closed: ComplexArray | None) -> None:
    quiet = np.abs(couplings) < 1e-12 * np.abs(couplings).max()
    if closed is not None:
        axis.plot(distances, np.angle(closed), "o", markersize=7, fillstyle="none", color=RED)
    axis.plot(distances, np.ma.masked_array(np.angle(couplings), quiet), "o", markersize=3.5, color=BLUE)
    axis.set(ylabel="phase of the coupling arg $w_d$ [rad]", ylim=(-1.1 * np.pi, 1.1 * np.pi))
    axis.set_yticks(PHASE_TICKS, labels=PHASE_NAMES)


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
    axis.set(ylabel=r"one step: $|p_d|$ [1]", ylim=(0, None))


def _coupling_caption(run: RingRun) -> str:
    against = ""
    if run.reference is not None and run.is_lin:
        against = " Red: the proved closed form, |w_d| = (N/2) / chord(d) with chord(d) = (N/π) sin(πd/N) for d ≠ 0."
    elif run.reference is not None:
        against = " Red, for comparison: the closed form of S4D-Lin on a ring of this size, not of this ring."
    seam = " Across the seam of the anti-periodic ring (negative d here) signs are reversed." if run.has_seam else ""
    part = f" The two panels on the right show |d| ≤ {NEAR}." if run.nodes > 2 * NEAR else ""
    return (
        f"Coupling of node l to node j = l + d in h' = W h, the first column of W, computed from the eigenvalues of "
        f"this ring (d = 0: self-coupling).{against}{seam} Right: how much of a node's content one step of "
        f"Δt = {run.ring.step[0]:.4g} carries over d nodes, p_d; dotted: the hop {run.hop:.4g} of the "
        f"nearest rigid law.{part}"
    )


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
        axis.xaxis.set_major_locator(whole_numbers())
    figure.suptitle(run.title, fontsize=11, parse_math=False)
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
        "on a straight line over n (modulo 2π) and all modes decay alike; then all have one group velocity, and the "
        "phase velocity is the same if the line goes through 0 at n = 0. Root mean square distance from "
        f"the nearest such law: {law.phase_residual[0]:.2g} rad in the angle{share}, "
        f"{law.radius_residual[0]:.2g} in |λ|. Group velocity: difference quotient between neighbouring modes. "
        f"{_order_words(run)}"
    )


def _order_words(run: RingRun) -> str:
    by_index = (run.ring.order[0] == np.arange(run.ring.order.shape[1])).all()
    return "Modes in the order of their index." if by_index else "Modes in the order of arg λ."
