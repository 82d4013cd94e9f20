"""What the commands share: where results go, plain words on the terminal, and a line that says what is being done.

Names of files, models and classes are a user's: they are printed as they are, never read as markup.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text


def output_folder(given: Path | None, default: str) -> Path:
    """The folder for results, not yet made.

    Raises
    ------
    ValueError
        There is a file of that name.
    OSError
        It cannot be looked at.
    """
    folder = Path(default) if given is None else given
    try:
        taken = folder.exists() and not folder.is_dir()
    except OSError as error:
        raise _unwritable(folder, error) from error
    if taken:
        msg = f"--output {folder} is a file; name a folder"
        raise ValueError(msg)
    return folder


@contextmanager
def results_in(folder: Path, names: Iterable[str], sources: Iterable[Path] = ()) -> Iterator[None]:
    """Make the folder before there is work to lose, and see that files of these names can be written into it.

    A folder that was made in vain is removed again.

    Parameters
    ----------
    folder
        What ``--output`` names.
    names
        The files that will be written.
    sources
        Files that are read and must not be written over.

    Raises
    ------
    ValueError
        A file would be written over one of the sources.
    OSError
        The folder, or a file in it, cannot be written.
    """
    read = [source for source in sources if source.exists()]
    for target in (folder / name for name in names):
        _require_free(target, read)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        _make(folder)
        yield
    except BaseException:
        for path in made:  # innermost first; one that holds something stays
            with suppress(OSError):
                path.rmdir()
        raise


def _require_free(target: Path, sources: list[Path]) -> None:
    if any(target.exists() and target.samefile(source) for source in sources):
        msg = f"--output {target.parent} would write over {target}, which is read: name another folder"
        raise ValueError(msg)
    if target.exists() and not (target.is_file() and os.access(target, os.W_OK)):
        msg = f"--output {target.parent}: {target} exists and cannot be written over; name another folder"
        raise OSError(msg)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> OSError:
    return OSError(f"--output {folder}: no files can be written there ({error.strerror}); name another folder")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is whole or not there: an interrupted run leaves what was there before.

    Raises
    ------
    OSError
        It cannot be written.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)  # there only if something went wrong


def heading(console: Console, title: str) -> None:
    """A rule with a title at the left."""
    console.rule(Text(title, style="rule.text"), align="left")


def print_pairs(console: Console, rows: Mapping[str, str]) -> None:
    """What is named, and what it is, in two columns."""
    grid = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        grid.add_row(Text("  " + name), Text(value, overflow="fold"))
    console.print(grid)


def print_files(console: Console, files: Iterable[Path]) -> None:
    """The section that says what was written, each path on a line of its own."""
    heading(console, "files")
    for path in files:
        console.print(Text(f"  {path}"), soft_wrap=True)


@contextmanager
def progress_line(first: str) -> Iterator[Callable[[str], None]]:
    """A spinner on standard error with a line of text and the time; nothing in a pipe.

    Yields a function that replaces the text.
    """
    screen = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(first, total=None)

        def say(line: str) -> None:
            progress.update(task, description=line)

        yield say
