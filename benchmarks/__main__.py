"""``python -m benchmarks [--only NAME] [--threads N] [--output FILE]``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

NAMES = ("certification", "lifted_table", "latex", "layer")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios, measured in one run.")
    parser.add_argument("--only", choices=NAMES, action="append", help="run these alone (may be repeated)")
    parser.add_argument(
        "--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads on both sides"
    )
    parser.add_argument("--output", type=Path, default=Path("benchmarks.json"), help="where the JSON goes")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)  # read when NumPy is imported, below
    from rich.console import Console

    from benchmarks.measure import environment
    from benchmarks.table import render

    surroundings = environment(arguments.threads)
    rows = []
    for name in arguments.only or NAMES:
        print(f"measuring {name} …", file=sys.stderr)
        rows += import_module(f"benchmarks.{name}").rows(arguments.threads)
    Console(width=132).print(render(rows, surroundings))
    records = [{**asdict(row), "ratio": row.ratio, "reached": row.reached} for row in rows]
    arguments.output.write_text(json.dumps({"environment": surroundings, "rows": records}, indent=2) + "\n")
    print(f"written to {arguments.output}", file=sys.stderr)


if __name__ == "__main__":
    main()
