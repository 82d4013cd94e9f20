"""What `waves` prints: the drawn ring, the wave quantities of every channel, files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from carleman_ssm.networks.waves import REVOLUTIONS, ChannelWaves
from carleman_ssm.report.ring_run import RingRun
from carleman_ssm.theory.ring_modes import ANTIPERIODIC

MAX_ROWS = 64
SPREADING = 0.2
"""Phase residual, in mode spacings, from which a pattern spreads over many nodes within one revolution (THEORY T6)."""


@dataclass(frozen=True)
class CountedSteps:
    """Over how many steps the table counts turns, and whose length that is."""

    steps: int
    words: str


def print_waves(
    name: str,
    run: RingRun,
    table: tuple[ChannelWaves, ...],
    counted: CountedSteps,
    files: list[Path],
    console: Console,
) -> None:
    """Print the sections in reading order; a table too long for a screen is cut and is whole in ``waves.json``."""
    console.rule(f"the waves of {name}", align="left")
    _drawn(run, console)
    console.rule("all channels", align="left")
    console.print(_channels(table, counted.steps))
    if len(table) > MAX_ROWS:
        console.print(f"  … and {len(table) - MAX_ROWS} more channels: all are in waves.json")
    turns = f"turns in {counted.steps}: revolutions in as many steps, the length of {counted.words}."
    console.print(f"  {_verdict(table)} {READING} {turns}", highlight=False)
    console.rule("files", align="left")
    for path in files:
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def _drawn(run: RingRun, console: Console) -> None:
    rows = {"drawn ring": run.title, "input": run.signal}
    if run.is_lin and run.reference is not None:
        gap = np.abs(run.ring.couplings[0] - run.reference).max()
        rows["couplings"] = f"largest difference from the closed form: {gap:.2g} (measured)"
    grid = Table.grid(padding=(0, 2))
    for key, value in rows.items():
        grid.add_row("  " + key, value)
    console.print(grid, highlight=False)


def _channels(table: tuple[ChannelWaves, ...], length: int) -> Table:
    first, *others = map(_share, REVOLUTIONS)
    grid = Table(
        "ring", "Δt", "nodes\n/step", "steps\n/turn", f"turns\nin {length}", "phase\nresidual", "radius\nresidual",
        f"kick\n{first}", *(f"\n{turn}" for turn in others), "Lin\n1", box=None, padding=(0, 2, 0, 0), pad_edge=False,
    )  # fmt: skip
    for column in grid.columns:
        column.justify, column.no_wrap = "right", True
    for row in table[:MAX_ROWS]:
        grid.add_row(
            f"{row.layer}/{row.channel}", f"{row.step:.5f}", f"{row.hop:.3f}", _number(row.revolution_steps, ".1f"),
            f"{row.wraps:.2f}", _number(row.relative_residual, ".3f"), f"{row.radius_residual:.4f}",
            *(_nodes(row, nodes) for nodes in (*row.participation, row.lin_participation[-1])),
        )  # fmt: skip
    return grid


def _nodes(row: ChannelWaves, value: float) -> str:
    return "–" if row.revolution_steps is None else f"{value:.1f}"  # no turn, nothing after part of a turn


def _number(value: float | None, form: str = ".4g") -> str:
    return "–" if value is None else f"{value:{form}}"


def _share(turn: float) -> str:
    return {0.25: "¼", 0.5: "½", 1.0: "1"}.get(turn, f"{turn:g}")


def _verdict(table: tuple[ChannelWaves, ...]) -> str:
    nodes, moving = table[0].nodes, [row for row in table if row.revolution_steps is not None]
    if not moving:
        return "Nothing travels: no mode turns, and a kick spreads to both sides alike (real spectra carry no wave)."
    if nodes <= 2:
        return f"A ring of {nodes} nodes is rigid in its angles whatever they are: two points lie on a line."
    kept = sum(row.relative_residual is not None and row.relative_residual < SPREADING for row in moving)
    after, lin = [row.participation[-1] for row in moving], [row.lin_participation[-1] for row in moving]
    caution = (
        " On an anti-periodic ring S4D-Lin itself is not rigid, for its real mode stands there twice: whether waves "
        "keep their shape is read from --closure complex."
        if table[0].closure == ANTIPERIODIC
        else ""
    )
    return (
        f"{kept} of {len(table)} channels have a phase residual below {SPREADING} spacings; after one turn a kick is "
        f"shared by {np.median(after):.3g} of {nodes} nodes (median; S4D-Lin: {np.median(lin):.3g}).{caution}"
    )


READING = (
    "All numbers are measured from the multipliers λ. ring: layer/channel, from 0. nodes/step: the hop of the rigid "
    "law nearest to arg λ. Residuals: root mean square distances from that law, of the angles in spacings of "
    "neighbouring modes, and of |λ|. kick: how many nodes share an impulse (participation ratio) after ¼, ½ and 1 "
    "turn; Lin: after 1 turn on the ring of S4D-Lin with this Δt and size. Between two nodes a rigid wave, too, counts "
    "more than one."
)
