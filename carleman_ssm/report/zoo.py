"""The families of state space models as a command: the table, JSON, one page, the same as Markdown, a figure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from rich.console import Console

from carleman_ssm.experiments.eigenvector_costs import EigenvectorCost, eigenvector_costs
from carleman_ssm.experiments.zoo import FIT_BOUND, LENGTH, TOLERANCE, FamilyFinding, examine_all
from carleman_ssm.families.family import Family
from carleman_ssm.families.registry import FAMILIES, family_named, ring_layer
from carleman_ssm.networks.conversion import read_config
from carleman_ssm.report.family_ring_figure import family_ring_figure
from carleman_ssm.report.html import write_html
from carleman_ssm.report.markdown import with_tables, write_markdown
from carleman_ssm.report.sections import Picture, Section, print_sections
from carleman_ssm.report.terminal import output_folder, print_files, progress_line, results_in
from carleman_ssm.report.zoo_model import described
from carleman_ssm.report.zoo_sections import zoo_sections
from carleman_ssm.rings.family_rings import family_rings

FILES = ("zoo.json", "zoo.html", "zoo.md", "zoo.png")
DEFAULTS = MappingProxyType({"--states": 2, "--steps": 3})
LARGEST = MappingProxyType({"--states": 3, "--steps": 4})
"""Beyond these the proofs of matrix states take minutes."""
RINGS = "What becomes of a kick of one node, step by step, on a ring of each family"
TITLE = "Families of state space models"
LEAD = (
    "Every family is affine in its own state for a given input. What is exact, what is approximated and how well, what "
    "a lift costs, and whether waves travel: found by running the checks."
)


@dataclass(frozen=True)
class ZooReport:
    """What `zoo` found and wrote, the files in reading order; nothing of the families for a checkpoint."""

    found: tuple[FamilyFinding, ...]
    files: tuple[Path, ...]


def zoo(
    names: Sequence[str] = (),
    *,
    states: int | None = None,
    steps: int | None = None,
    output: Path | None = None,
    model: Path | None = None,
    layer: int | None = None,
    dialect: str | None = None,
    config: Path | None = None,
    console: Console | None = None,
) -> ZooReport:
    """Check the families, print the table, write it; or describe one layer of a checkpoint.

    Parameters
    ----------
    names
        Families by their names; all without any.
    states, steps
        Size of the symbolic statements: at most 3 and 4; 2 and 3 by default.
    output
        Folder for ``zoo.json``, ``zoo.html``, ``zoo.md`` and ``zoo.png``; ``zoo`` by default.
    model, layer
        A checkpoint of any recognised dialect and which of its layers, from 0, instead of the table.
    dialect, config
        Of the checkpoint: the dialect where its keys leave several open, and a JSON file with what it does not say.
    console
        Where to print; the terminal by default.

    Returns
    -------
    ZooReport
        The findings and the files that were written.

    Raises
    ------
    ValueError
        An unknown family, a size out of range, options that do not fit together, a file that is no checkpoint of a
        recognised dialect, or the output is a file.
    OSError
        The output folder cannot be written, or the checkpoint not read.
    """
    families = tuple(dict.fromkeys(map(family_named, names))) or FAMILIES
    size = {"--states": states, "--steps": steps}
    chosen = {"--layer": layer, "--dialect": dialect, "--config": config}
    _require_fitting(names, size, model, chosen)
    folder = output_folder(output, "zoo")
    names_of_files, sources = (FILES, ()) if model is None else (FILES[:-1], (model,))
    with results_in(folder, names_of_files, sources):
        with progress_line("reading" if model else "proving") as say:
            if model is None:
                page = _of_families(families, states or DEFAULTS["--states"], steps or DEFAULTS["--steps"], say)
            else:
                page = _of_layer(model, layer or 0, dialect, config)
        try:
            print_sections(page.sections, console or Console())  # before anything can go wrong with files
        finally:  # a reader that has seen enough and closes the pipe loses no file
            with progress_line("drawing"):
                files = _write(folder, page)
    print_files(console or Console(), files)
    return ZooReport(page.found, files)


@dataclass(frozen=True)
class _Page:
    title: str
    lead: str
    sections: tuple[Section, ...]
    numbers: Mapping[str, Any]
    found: tuple[FamilyFinding, ...] = ()
    families: tuple[type[Family], ...] = ()


def _of_families(families: tuple[type[Family], ...], states: int, steps: int, say: Callable[[str], None]) -> _Page:
    found = examine_all(families, states=states, steps=steps, say=say)
    costs = eigenvector_costs() if any(one.family == "s4" for one in found) else ()
    return _Page(TITLE, LEAD, zoo_sections(found, costs), content(found, costs), found, families)


def _of_layer(model: Path, layer: int, dialect: str | None, config: Path | None) -> _Page:
    sections, numbers = described(model, layer, dialect, None if config is None else read_config(config))
    return _Page(f"Layer {layer} of {model.name}", "", sections, numbers)


def _write(folder: Path, page: _Page) -> tuple[Path, ...]:
    report, html, text, figure = (folder / name for name in FILES)
    layers = [ring_layer(family, np.random.default_rng(0)) for family in page.families]
    drawn = [layer for layer in layers if family_rings(layer) is not None]
    sections = page.sections
    if drawn:
        family_ring_figure(layers).savefig(figure, dpi=150)
        sections = (*sections, Section("rings", (Picture(figure, RINGS),)))
    report.write_text(json.dumps(page.numbers, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    write_html(html, page.title, sections, lead=page.lead)
    write_markdown(text, page.title, sections, lead=page.lead)
    return (report, html, text, figure) if drawn else (report, html, text)


def _require_fitting(
    names: Sequence[str], size: Mapping[str, int | None], model: Path | None, chosen: Mapping[str, object]
) -> None:
    for option, value in size.items():
        if value is not None and not 2 <= value <= LARGEST[option]:
            msg = f"{option} must be between 2 and {LARGEST[option]}, got {value}"
            raise ValueError(msg)
    others = [*names, *(option for option, value in size.items() if value is not None)]
    if model is not None and others:
        msg = f"--model describes a layer of a file; leave {', '.join(others)} out, or --model"
        raise ValueError(msg)
    without = [option for option, value in chosen.items() if value is not None]
    if model is None and without:
        msg = f"{', '.join(without)}: of a layer of --model FILE, which is not given"
        raise ValueError(msg)


def update_page(path: Path) -> None:
    """Fill the marked places of a Markdown page with the tables that the checks of all families find now.

    Parameters
    ----------
    path
        The page; it is overwritten. Its places are those of `report.markdown.with_tables`.

    Raises
    ------
    ValueError
        The page marks a table that there is not.
    OSError
        It cannot be read or written.
    """
    sections = zoo_sections(examine_all(FAMILIES), eigenvector_costs())
    path.write_text(with_tables(path.read_text(encoding="utf-8"), sections), encoding="utf-8")


def content(found: Sequence[FamilyFinding], costs: Sequence[EigenvectorCost] = ()) -> dict[str, Any]:
    """Everything that was found, as JSON.

    Parameters
    ----------
    found
        One finding for each family.
    costs
        Of the eigenvectors of S4, by size.

    Returns
    -------
    dict
        Texts, numbers, lists and objects only; the terms of `FamilyFinding` and `EigenvectorCost` by their names.
    """
    return {
        "tolerance_of_routes": TOLERANCE,
        "steps_of_float_checks": LENGTH,
        "fits_on": [-FIT_BOUND, FIT_BOUND],
        "eigenvectors_of_s4": [asdict(cost) for cost in costs],
        "families": [
            asdict(one)
            | {
                "exact": one.exact,
                "agree": one.measured.agree,
                "lift_monomials": {str(degree): one.lift_monomials(degree) for degree in (1, 2, 3)},
            }
            for one in found
        ],
    }
