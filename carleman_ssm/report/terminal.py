"""What the commands share: where results go, and a line on standard error that says what is being done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


def output_folder(given: Path | None, default: str) -> Path:
    """The folder for results, not yet made.

    Raises
    ------
    ValueError
        There is a file of that name.
    """
    folder = given or Path(default)
    if folder.exists() and not folder.is_dir():
        msg = f"--output {folder} is a file; name a folder"
        raise ValueError(msg)
    return folder


@contextmanager
def progress_line(first: str) -> Iterator[Callable[[str], None]]:
    """A spinner on standard error with a line of text and the time; nothing in a pipe.

    Yields a function that replaces the text.
    """
    screen = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(first, total=None)

        def say(line: str) -> None:
            progress.update(task, description=line)

        yield say
