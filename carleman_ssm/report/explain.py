"""The main job: explain a trained network on sequences, in numbers, formulas and figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from carleman_ssm.formulas.latex import document
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.construction import network_operator
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.networks.operator import NetworkOperator
from carleman_ssm.networks.sequences import Sequences
from carleman_ssm.report.directed import above, below
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.figures import FIGURES, write_figures
from carleman_ssm.report.formula_page import FORMULA_FILES, has_formula, write_formula_page
from carleman_ssm.report.html import write_html
from carleman_ssm.report.inputs import sequences_for
from carleman_ssm.report.sections import Section, Verbatim, print_sections
from carleman_ssm.report.summary import summary_sections
from carleman_ssm.report.terminal import output_folder, print_files, progress_line, results_in

DEFAULT_MODEL = "digits-gelu"
FILES = ("report.json", "report.html", "operator.tex", *FORMULA_FILES, *FIGURES)
LEAD = (
    "Certified: computed with every rounding and every fit counted. Measured: found in this run, on these sequences. "
    "Proved: an identity of formulas."
)


def explain(
    model: str = DEFAULT_MODEL,
    inputs: Path | None = None,
    degree: int | None = None,
    input_bound: float | None = None,
    output: Path | None = None,
    console: Console | None = None,
) -> Explanation:
    r"""Explain a network and write the results; returns what was found.

    Parameters
    ----------
    model
        A checkpoint file or the name of a shipped network.
    inputs
        npz file with ``x`` (batch, length, channels) and optionally ``y`` (labels); the shipped sequences by default.
    degree
        Degree of the decoders' fits; by default the smallest that certifies the class of 99 % of the sequences.
    input_bound
        B: make the certificate one for all sequences with $|x| \le B$ instead of those given.
    output
        Folder for ``report.json``, the LaTeX source and the figures; ``explain-NAME`` by default.
    console
        Where to print; the terminal by default.

    Raises
    ------
    ValueError
        The model, the sequences or an option is wrong; the message says what and which.
    OSError
        The output folder cannot be written.
    """
    screen = console or Console()
    folder = output_folder(output, f"explain-{Path(model).stem}")
    with progress_line(f"reading {model}") as say:
        network = load_network(model)
        sequences = sequences_for(model, network, inputs)
        with results_in(folder, FILES, [Path(model), *([] if inputs is None else [inputs])]):
            explanation = _explanation(model, network, sequences, degree, input_bound, say)
            say("measuring")
            content = explanation.as_json()
            say("drawing")
            sections, files = _write(explanation, content, folder)
    print_sections(sections, screen)
    print_files(screen, files)
    return explanation


def _explanation(
    model: str,
    network: S4DNetwork,
    sequences: Sequences,
    degree: int | None,
    input_bound: float | None,
    say: Callable[[str], None],
) -> Explanation:
    operator = network_operator(network, degree=degree, input_bound=input_bound, sequences=sequences.x, progress=say)
    names = sequences.classes if len(sequences.classes) == network.classes else ()
    raster = sequences.features == ("intensity",)  # the name that image sequences bring; signals are drawn as curves
    return Explanation(Path(model).stem, operator, sequences.x, sequences.y, degree is None, names, raster)


def _write(explanation: Explanation, content: dict[str, object], folder: Path) -> tuple[list[Section], list[Path]]:
    """Write everything; returns what it says, and the files in reading order."""
    report = folder / "report.json"
    report.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    source = _write_operator(explanation, folder)
    files, page = [report, source], None
    if has_formula(explanation.operator):
        pages, page = write_formula_page(explanation, folder)
        files += pages
    pictures = write_figures(explanation, folder)
    sections = summary_sections(explanation, content, page, {picture.path.name: picture for picture in pictures})
    files += [picture.path for picture in pictures]
    formula = Verbatim(source.read_text(encoding="utf-8"), f"{source.name}: LaTeX of the most important channel")
    whole = [*sections, Section("the formula", (formula,))]
    files.append(write_html(folder / "report.html", f"{explanation.name}, explained", whole, lead=LEAD))
    return sections, files


def _write_operator(explanation: Explanation, folder: Path) -> Path:
    """LaTeX of the operator of the most important channel."""
    operator = explanation.operator
    channel = int(np.argmax(operator.channel_importance(explanation.sequences)))
    path = folder / "operator.tex"
    title = f"{explanation.name}: the operator of channel {channel}"
    items = [operator.channel(channel), _reading(operator, channel)]
    path.write_text(document(items, title=title, decimals=True), encoding="utf-8")
    return path


def _reading(operator: NetworkOperator, channel: int) -> str:
    """What the printed formula is exact for, and where it stands for the network."""
    text = "Numbers are rounded to six significant digits; the formula is exact for the numbers shown."
    if operator.decoders.exact:
        return text + " The decoder is the network's own polynomial."
    proof, error = operator.certificate, float(operator.decoders.fit_error[channel])
    interval = f"[{above(float(proof.lower[channel]), 6)}, {below(float(proof.upper[channel]), 6)}]"
    return (
        f"{text} The Chebyshev series (unrounded) is within {above(error)} of the activation for $y_k$ in "
        f"${interval}$ (certified), and means nothing outside."
    )
