"""Every notebook runs from top to bottom, and its stored text outputs are what it prints now."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def printed(notebook):
    """What the cells of a notebook print, measured rounding errors left out."""
    outputs = (output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)
    text = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    return [line for line in text.splitlines() if "(measured)" not in line]


def test_there_is_a_notebook():
    assert NOTEBOOKS


@pytest.mark.filterwarnings("ignore")  # the kernel's own machinery warns about event loops and sockets
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs_and_prints_what_it_shows(path):
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    fresh = nbformat.read(path, as_version=4)
    NotebookClient(fresh, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()
    assert printed(fresh) == printed(stored)
    assert printed(stored)
