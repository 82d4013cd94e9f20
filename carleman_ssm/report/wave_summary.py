"""What `waves` prints: the drawn ring, the wave quantities of every channel, and what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from carleman_ssm.report.ring_run import RingRun
from carleman_ssm.report.terminal import heading, print_pairs
from carleman_ssm.rings.waves import REVOLUTIONS, ChannelWaves
from carleman_ssm.theory.ring_modes import ANTIPERIODIC

MAX_ROWS = 64
MAX_WIDTH = 1000
ROUNDING = 1e-9
"""Angles [rad] below this are not told apart from 0."""
SPREADING = 0.2
"""Phase residual, in mode spacings, from which a pattern spreads over many nodes within one revolution (THEORY T6)."""


@dataclass(frozen=True)
class CountedSteps:
    """Over how many steps the table counts turns, and whose length that is."""

    steps: int
    words: str


def print_waves(
    name: str, run: RingRun, table: tuple[ChannelWaves, ...], counted: CountedSteps, console: Console
) -> None:
    """Print the sections in reading order; a table too long for a screen is cut and is whole in ``waves.json``."""
    heading(console, f"the waves of {name}")
    _drawn(run, console)
    heading(console, "all channels")
    _print_columns(_columns(table, counted.steps), console)
    if len(table) > MAX_ROWS:
        console.print(f"  … and {len(table) - MAX_ROWS} more channels: all are in waves.json")
    turns = f"turns in {counted.steps}: revolutions in as many steps, the length of {counted.words}."
    console.print(f"  {_verdict(table)} {READING} {turns}", highlight=False)


def _drawn(run: RingRun, console: Console) -> None:
    rows = {"drawn ring": run.title, "input": run.signal}
    if run.is_lin and run.reference is not None:
        gap = np.abs(run.ring.couplings[0] - run.reference).max()
        rows["couplings"] = f"largest difference from the closed form: {gap:.2g} (measured)"
    print_pairs(console, rows)


def _columns(table: tuple[ChannelWaves, ...], length: int) -> list[tuple[str, list[str]]]:
    """Headings and cells."""
    rows = table[:MAX_ROWS]
    kicks = [
        (f"kick\n{_share(turn)}", [_nodes(row, row.participation[place]) for row in rows])
        for place, turn in enumerate(REVOLUTIONS)
    ]
    return [
        ("ring", [f"{row.layer}/{row.channel}" for row in rows]),
        ("Δt", [f"{row.step:.3g}" for row in rows]),
        ("nodes\n/step", [f"{row.hop:.3g}" for row in rows]),
        ("steps\n/turn", [_number(row.revolution_steps, ".4g") for row in rows]),
        (f"turns\nin {length}", [f"{row.wraps:.3g}" for row in rows]),
        ("phase\nresidual", [_number(row.relative_residual, ".3f") for row in rows]),
        ("radius\nresidual", [f"{row.radius_residual:.4f}" for row in rows]),
        *kicks,
        ("Lin\n1", [_nodes(row, row.lin_participation[-1]) for row in rows]),
    ]


def _print_columns(columns: list[tuple[str, list[str]]], console: Console) -> None:
    """One table, or several below each other on a screen too narrow for one; each begins with the ring."""
    first, *others = columns
    while others:
        fitting = (count for count in range(len(others), 1, -1) if _fits(_grid([first, *others[:count]]), console))
        count = next(fitting, 1)
        console.print(_grid([first, *others[:count]]))
        others = others[count:]


def _fits(grid: Table, console: Console) -> bool:
    unbounded = console.options.update(max_width=MAX_WIDTH)
    return console.measure(grid, options=unbounded).maximum <= console.width


def _grid(columns: list[tuple[str, list[str]]]) -> Table:
    grid = Table(*(name for name, _ in columns), box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in grid.columns:
        column.justify, column.no_wrap = "right", True
    for row in zip(*(cells for _, cells in columns), strict=True):
        grid.add_row(*row)
    return grid


def _nodes(row: ChannelWaves, value: float) -> str:
    """No turn, nothing after part of a turn; and no nodes share a kick that has died out."""
    return "–" if row.revolution_steps is None or value == 0 else f"{value:.1f}"


def _number(value: float | None, form: str = ".4g") -> str:
    return "–" if value is None else f"{value:{form}}"


def _share(turn: float) -> str:
    return {0.25: "¼", 0.5: "½", 1.0: "1"}.get(turn, f"{turn:g}")


def _verdict(table: tuple[ChannelWaves, ...]) -> str:
    nodes, moving = table[0].nodes, [row for row in table if row.revolution_steps is not None]
    still = Counter(_why_still(row) for row in table if row.revolution_steps is None)
    if not moving:
        return f"Nothing travels: {'; '.join(still)}."
    if nodes <= 2:
        return f"A ring of {nodes} nodes is rigid in its angles whatever they are: two points lie on a line."
    kept = sum(row.relative_residual is not None and row.relative_residual < SPREADING for row in moving)
    after, lin = (_median(getattr(row, name)[-1] for row in moving) for name in ("participation", "lin_participation"))
    kick = f"a kick is shared by {after} of {nodes} nodes" if after else "nothing is left of a kick"
    stay = f" {still.total()} stand still: {'; '.join(still)}." if still else ""
    caution = (
        " On an anti-periodic ring S4D-Lin itself is not rigid, for its real mode stands there twice: whether waves "
        "keep their shape is read from --closure complex."
        if table[0].closure == ANTIPERIODIC
        else ""
    )
    return (
        f"{kept} of {len(table)} channels have a phase residual below {SPREADING} spacings; after one turn {kick} "
        f"(median; S4D-Lin: {lin or 'nothing'}).{stay}{caution}"
    )


def _median(shares: Iterable[float]) -> str:
    """Of the kicks that have not died out by then."""
    left = [share for share in shares if share > 0]
    return f"{np.median(left):.3g}" if left else ""


def _why_still(row: ChannelWaves) -> str:
    """Why a ring carries no wave; `turned` is how far a step turns neighbouring modes apart, in turns."""
    turned = abs(row.group_velocity or 0.0) * row.step / row.nodes
    if row.nodes == 1:
        return "a ring of one node leads nowhere"
    if row.radius == 0:
        return "every mode dies within one step (its multiplier is 0 in float64)"
    if row.phase_residual > ROUNDING:
        return "the rigid law nearest to the angles stands still"
    if turned > 1 / 2:
        return "a step turns neighbouring modes apart by whole turns, so that every pattern is back where it was"
    if turned > 0:
        return "a step is so short that it turns the modes apart by no more than rounding"
    if abs(row.offset) > ROUNDING:
        return "all modes turn by the same angle, which changes the phase of a pattern and not its place"
    return "no mode turns, and a kick spreads to both sides alike (real spectra carry no wave)"


READING = (
    "All numbers are measured from the multipliers λ. ring: layer/channel, from 0. nodes/step: the hop of the rigid "
    "law nearest to arg λ. Residuals: root mean square distances from that law, of the angles in spacings of "
    "neighbouring modes, and of |λ|. kick: how many nodes share an impulse (participation ratio) after ¼, ½ and 1 "
    "turn; Lin: after 1 turn on the ring of S4D-Lin with this Δt and size. Between two nodes a rigid wave, too, counts "
    "more than one."
)
