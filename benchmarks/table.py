"""The rows as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from benchmarks.measure import Row


def render(rows: Sequence[Row], environment: Mapping[str, object]) -> Table:
    """One line per row; ratios above 1 are in our favour."""
    load = environment["load"]
    busy = f", load {load[0]:.1f} at the start" if isinstance(load, tuple) else ""
    table = Table(title=f"{environment['threads']} threads{busy}")
    for heading in ("benchmark", "ours", "beside"):
        table.add_column(heading)
    for heading in ("ours", "other", "ratio", "aim", "reached"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.benchmark,
            row.subject,
            row.baseline,
            f"{row.value:.4g} {row.unit}",
            "" if row.other is None else f"{row.other:.4g} {row.unit}",
            "" if row.ratio is None else f"{row.ratio:.3g}",
            _aim(row),
            {True: "yes", False: "no", None: ""}[row.reached],
        )
    return table


def _aim(row: Row) -> str:
    if row.aim is None:
        return ""
    return f"≤ {row.aim:g} {row.unit}" if row.other is None else f"≥ {row.aim:g}"
