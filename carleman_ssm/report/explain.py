"""The main job: explain a trained network on sequences, in numbers, formulas and figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console

from carleman_ssm.families.networks import load_network
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.networks.sequences import Sequences
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.printing.latex import document
from carleman_ssm.report.attribution_figure import ATTRIBUTION, attribution_figure
from carleman_ssm.report.directed import above, below
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.figures import FIGURES, save, write_figures
from carleman_ssm.report.findings import Findings, find
from carleman_ssm.report.formula_page import FORMULA_FILES, has_formula, write_formula_page
from carleman_ssm.report.html import write_html
from carleman_ssm.report.inputs import require_layer, sequences_for
from carleman_ssm.report.one_sequence import require_index
from carleman_ssm.report.operator_words import basis_words
from carleman_ssm.report.pair_figures import PAIR_FIGURES, write_pair_figures
from carleman_ssm.report.sections import Picture, Section, Verbatim, print_sections
from carleman_ssm.report.summary import summary_sections
from carleman_ssm.report.terminal import output_folder, print_files, progress_line, results_in

DEFAULT_MODEL = "digits-gelu"
FILES = ("report.json", "report.html", "operator.tex", *FORMULA_FILES, *FIGURES, *PAIR_FIGURES, ATTRIBUTION)
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
    *,
    index: int | None = None,
    fit: str | None = None,
    layer: int | None = None,
    centre: Literal["zero", "mean"] = "zero",
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
    index
        A sequence, from 0, whose margin of the predicted class over the next is split into positions and pairs.
    fit
        Basis of the decoders' fits (see `network_operator`); its default when None.
    layer
        The layer, from 0, whose pairs of modes and nodes are drawn; the last by default.
    centre
        What orders, kernels and contributions are counted from: ``"zero"``, or the ``"mean"`` of the sequences.

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
        require_pool(model, network)
        sequences = sequences_for(model, network, inputs)
        if index is not None:
            require_index(index, len(sequences.x))
        require_layer(layer, network)
        settings: dict[str, Any] = {
            "degree": degree,
            "input_bound": input_bound,
            "centre": centre,
            **({} if fit is None else {"fit": fit}),
        }
        with results_in(folder, FILES, [Path(model), *([] if inputs is None else [inputs])]):
            explanation = _explanation(model, network, sequences, settings, say)
            say("measuring")
            findings = find(explanation, index, layer)
            say("drawing")
            sections, files = _write(findings, folder)
    print_sections(sections, screen)
    print_files(screen, files)
    return explanation


def require_pool(model: str, network: StateSpaceNetwork) -> None:
    """Refuse a network that prints logits at every step.

    Raises
    ------
    ValueError
        With the way to one that prints those of its last step.
    """
    if network.config.pool == "none":
        msg = (
            f"{model} prints logits at every step (pool 'none'). Write one of its last step, and use that: "
            "carleman_ssm.save_network(carleman_ssm.load_network(model).read_at_last_step(), 'last.safetensors')"
        )
        raise ValueError(msg)


def _explanation(
    model: str, network: StateSpaceNetwork, sequences: Sequences, settings: dict[str, Any], say: Callable[[str], None]
) -> Explanation:
    operator = network_operator(network, sequences=sequences.x, progress=say, **settings)
    names = sequences.classes if len(sequences.classes) == network.classes else ()
    raster = sequences.features == ("intensity",)  # the name that image sequences bring; signals are drawn as curves
    channels = sequences.features if len(sequences.features) == network.features else ()
    return Explanation(
        name=Path(model).stem,
        operator=operator,
        sequences=sequences.x,
        labels=sequences.y,
        degree_was_chosen=settings["degree"] is None,
        class_names=names,
        is_raster=raster,
        built_with_them=True,
        channel_names=channels,
    )


def _write(findings: Findings, folder: Path) -> tuple[list[Section], list[Path]]:
    """Write everything; returns what it says, and the files in reading order."""
    report = folder / "report.json"
    report.write_text(json.dumps(findings.content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    page, formulas, files = _write_formulas(findings.explanation, folder)
    pictures = _draw(findings, folder)
    sections = summary_sections(findings, page, {picture.path.name: picture for picture in pictures})
    title = f"{findings.explanation.name}, explained"
    html = write_html(folder / "report.html", title, [*sections, *formulas], lead=LEAD)
    return sections, [report, *files, *(picture.path for picture in pictures), html]


def _draw(findings: Findings, folder: Path) -> list[Picture]:
    explanation, sequence = findings.explanation, findings.sequence
    pictures = write_figures(explanation, folder)
    if findings.pairs is not None:
        pictures += write_pair_figures(explanation, folder, findings.pairs)
    if sequence is not None:
        pictures.append(save(attribution_figure(explanation, sequence), folder / ATTRIBUTION))
    return pictures


def _write_formulas(explanation: Explanation, folder: Path) -> tuple[str | None, list[Section], list[Path]]:
    """The formulas that one layer has: a page of text where it fits one, the sections, and the files."""
    operator = explanation.operator
    if not isinstance(operator, OneLayerOperator):
        return None, [], []
    source = _write_operator(explanation, operator, folder)
    folded = Verbatim(source.read_text(encoding="utf-8"), f"{source.name}: LaTeX of the most important channel")
    sections = [Section("the formula", (folded,))]
    if not has_formula(operator):
        return None, sections, [source]
    files, page = write_formula_page(explanation, operator, folder)
    return page, sections, [source, *files]


def _write_operator(explanation: Explanation, operator: OneLayerOperator, folder: Path) -> Path:
    """LaTeX of the operator of the most important channel."""
    channel = int(np.argmax(operator.channel_importance(explanation.sequences)))
    path = folder / "operator.tex"
    title = f"{explanation.name}: the operator of channel {channel}"
    items = [operator.channel(channel), _reading(operator, channel)]
    path.write_text(document(items, title=title, decimals=True), encoding="utf-8")
    return path


def _reading(operator: OneLayerOperator, channel: int) -> str:
    """What the printed formula is exact for, and where it stands for the network."""
    text = "Numbers are rounded to six significant digits; the formula is exact for the numbers shown."
    if operator.decoders.exact:
        return text + " The decoder is the network's own polynomial."
    proof, error = operator.certificate, float(operator.decoders.fit_error[channel])
    interval = f"[{above(float(proof.lower[channel]), 6)}, {below(float(proof.upper[channel]), 6)}]"
    return (
        f"{text} The {basis_words(operator)} fit (a series of Chebyshev polynomials, unrounded) is within "
        f"{above(error)} of the activation for $y_k$ in "
        f"${interval}$ (certified), and means nothing outside."
    )
