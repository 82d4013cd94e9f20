"""Every notebook runs from top to bottom, and its stored text outputs are what it prints now."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


SHOWN = ("text/plain", "text/latex", "text/markdown", "text/html")


def printed(notebook):
    """All text that the cells show, line by line: prints, results and formulas; measured rounding errors left out."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    text = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    text += "".join(f"\n{output.data[kind]}" for output in outputs for kind in SHOWN if kind in output.get("data", {}))
    lines = (re.sub(r" at 0x[0-9a-f]+", "", line) for line in text.splitlines())
    # Whether a figure is named depends on the backend that the environment asks for.
    return [line for line in lines if line.strip() and "(measured)" not in line and not line.startswith("<Figure")]


def cells_of(*outputs):
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output(kind, **content) for kind, content in outputs])
    return nbformat.v4.new_notebook(cells=[cell])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("stream", {"text": "norm 1.25"}), ("stream", {"text": "norm 1.26"})),
        (("execute_result", {"data": {"text/latex": "$x_1$"}}), ("execute_result", {"data": {"text/latex": "$x_2$"}})),
        (("display_data", {"data": {"text/html": "<b>3</b>"}}), ("display_data", {"data": {"text/html": "<b>4</b>"}})),
    ],
)
def test_a_changed_number_would_be_seen(one, other):
    assert printed(cells_of(one)) != printed(cells_of(other))
    assert printed(cells_of(one)) == printed(cells_of(one))


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
