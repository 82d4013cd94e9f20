"""What the commands of the command line share: how a folder is named, which networks there are, how many processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from carleman_ssm.networks.checkpoints import SHIPPED
from carleman_ssm.networks.trained import PATTERNS

MODELS = f"{', '.join(SHIPPED)}, {PATTERNS}"
"""Names of networks, for the help."""


def folder(name: str) -> Path:
    """A folder by its name; the empty one would be the current folder.

    Raises
    ------
    typer.BadParameter
        The name is empty.
    """
    if not name:
        msg = "the name is empty; leave the option out for the default, or give . for the current folder"
        raise typer.BadParameter(msg)
    return Path(name)


def processes(jobs: int | None) -> int:
    """How many processes work: one for each processor, unless a number is asked for.

    Raises
    ------
    ValueError
        Fewer than one is asked for.
    """
    if jobs is None:
        return os.cpu_count() or 1
    if jobs < 1:
        msg = f"--jobs must be at least 1, got {jobs}"
        raise ValueError(msg)
    return jobs


Folder = Annotated[Path | None, typer.Option(parser=folder, metavar="FOLDER", help="Folder for the results.")]
