"""One figure of the rings of several families: what becomes of a kick, step by step and node by node."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from carleman_ssm.families.family import Family
from carleman_ssm.networks.layers import Array
from carleman_ssm.report.wave_figures import caption, whole_numbers
from carleman_ssm.rings.family_rings import FamilyRings, family_rings, family_waves
from carleman_ssm.rings.rigidity import rigidity
from carleman_ssm.rings.wave_words import SPREADS

STEPS = 64
"""Steps after the kick."""

REVOLUTIONS, LONGEST = 1.5, 512
"""How often a rigid wave goes around in its panel, and the steps that it may take for it."""

COLUMNS = 4
"""Panels beside each other."""

SEED = 0
"""Of the noise that drives selective layers."""


def family_ring_figure(layers: Sequence[Family], *, steps: int = STEPS) -> Figure:
    r"""$|h_j|$ over step and node for each layer, each step divided by its largest amplitude.

    Parameters
    ----------
    layers
        Those whose transitions do not commute have no ring and no panel; the caption names them.
    steps
        Steps after a kick of node 0 in the gauge b = 1; selective layers are driven by noise meanwhile. A rigid wave of
        a time-invariant layer is followed for one and a half revolutions, at most 512 steps.

    Returns
    -------
    Figure
        One panel per layer with a ring: of the ring whose pattern moves fastest. Node 0 is in the middle, so that a
        standing pattern is its own mirror image.

    Raises
    ------
    ValueError
        No layer has a ring, or there are no steps.
    """
    if steps < 1:
        msg = f"a kick is followed for at least one step, got {steps}"
        raise ValueError(msg)
    drawn = [(layer, rings) for layer in layers if (rings := _rings(layer, steps)) is not None]
    if not drawn:
        msg = "none of the layers has a ring: their transitions do not commute"
        raise ValueError(msg)
    columns = min(COLUMNS, len(drawn))
    rows = -(-len(drawn) // columns)
    figure = Figure(figsize=(2.9 * columns + 0.9, 2.5 * rows + 1.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat[len(drawn) :]:
        axis.set_visible(False)
    for axis, (layer, rings) in zip(axes.flat, drawn, strict=False):
        picture = _draw(axis, layer, rings, steps)
    for axis in axes[:, 0]:
        axis.set_ylabel("node $j$, the kick at 0", fontsize=8)
    bar = figure.colorbar(picture, ax=axes, shrink=0.8, pad=0.01)
    bar.set_label("amplitude $|h_j|$, share of the largest of the step", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    caption(figure, _words(layers, [layer for layer, _ in drawn], steps))
    return figure


def _rings(layer: Family, steps: int) -> FamilyRings | None:
    noise = np.random.default_rng(SEED).normal(size=(1, steps, layer.channels))
    return family_rings(layer, noise)


def amplitudes(rings: FamilyRings, steps: int) -> Array:
    r"""$|h_j(k)|/\max_j|h_j(k)|$, (steps + 1, N), of the fastest ring; a step with nothing left is 0."""
    fastest = int(np.argmax(np.abs(rings.hops[0])))
    contents = np.abs(rings.kick(steps)[:, fastest])
    largest = contents.max(axis=1, keepdims=True)
    shares: Array = np.divide(contents, largest, out=np.zeros_like(contents), where=largest > 0)
    return shares


def followed(rings: FamilyRings, steps: int) -> int:
    """Steps of a panel."""
    law = rigidity(rings.multipliers[0])
    fastest = int(np.argmax(np.abs(law.hop)))
    if not rings.time_invariant or law.hop[fastest] == 0 or law.relative_residual[fastest] >= SPREADS:
        return steps
    return int(min(LONGEST, np.rint(REVOLUTIONS * law.revolution_steps[fastest])))


def _draw(axis: Axes, layer: Family, rings: FamilyRings, steps: int) -> AxesImage:
    nodes, steps = rings.nodes, followed(rings, steps)
    shown = np.fft.fftshift(amplitudes(rings, steps), axes=1)
    low = -(nodes // 2) - 0.5
    extent = (-0.5, steps + 0.5, low, low + nodes)
    picture = axis.imshow(
        shown.T, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=0, vmax=1, interpolation="nearest"
    )
    axis.set_title(f"{layer.family}, {nodes} nodes\n{_verdict(layer)}", fontsize=8)
    axis.set_xlabel("step $k$ after the kick", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.xaxis.set_major_locator(whole_numbers())
    axis.yaxis.set_major_locator(whole_numbers())
    return picture


def _verdict(layer: Family) -> str:
    waves = family_waves(layer)
    if not waves.resolved:
        return "not told: eigenvalues not resolved"
    if not waves.travels:
        return "no wave: real multipliers" if waves.nonnegative else "no side: some multipliers are negative"
    return "waves, rigid" if waves.rigid else "waves that spread"


def _words(layers: Sequence[Family], drawn: Sequence[Family], steps: int) -> str:
    without = [layer.family for layer in layers if layer not in drawn]
    rest = f" No ring, because the transitions do not commute: {', '.join(without)}." if without else ""
    return (
        f"A kick of node 0 (gauge b = 1) and the {steps} steps after it (rigid waves: {REVOLUTIONS} revolutions, at "
        f"most {LONGEST} steps), on the ring of each layer whose pattern moves fastest; selective layers are driven by "
        "noise. Every step is divided by its largest amplitude, so that decay is not seen. Measured. That real, "
        "non-negative multipliers keep the kick largest at node 0 and alike on both sides is proved (T6 v)." + rest
    )
