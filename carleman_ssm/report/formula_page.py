"""A whole small network on one page: its formula with its numbers, its waves, and what it answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from scipy.special import softmax

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.closed_forms import MAX_PARAMETERS, network_formula, parameter_count
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.printing.latex import document
from carleman_ssm.report.directed import below
from carleman_ssm.report.explanation import Explanation, accuracy
from carleman_ssm.report.formula_text import lines

FORMULA_FILES = ("formula.txt", "formula.tex", "formula.pdf", "formula.png")
PAGE = (8.27, 11.69)  # A4 upright, inches
MARGIN = 0.075
MATHTEXT = {
    "mathtext.fontset": "cm",
    "font.family": "serif",
    "font.serif": ["cmr10", "DejaVu Serif"],
    "axes.formatter.use_mathtext": True,
}
GROUPS = (
    ("u", "the input enters each channel"),
    ("K", "each channel is a sum of damped waves"),
    ("y", "the waves of past inputs superpose"),
    ("q", "the decoder makes them interact, pairwise; the interaction is averaged over time"),
    ("ell", "and read out"),
)


def has_formula(operator: OneLayerOperator) -> bool:
    """True when the network is small and its decoder a polynomial, so that its formula fits a page."""
    return operator.decoders.exact and parameter_count(operator.network) <= MAX_PARAMETERS


def formula_of(operator: OneLayerOperator) -> ClosedForm:
    """The network's formula, numbers rounded to five significant digits."""
    return network_formula(operator.network, operator.form, operator.decoders)


def formula_logits(formula: ClosedForm, sequences: Floats) -> Floats:
    """Logits (batch, classes) evaluated from the printed formula alone."""
    kernel = compile_kernel(formula, backend="numpy")
    values = kernel(*np.moveaxis(sequences, -1, 0))
    return np.asarray(values, dtype=np.float64)[..., 0]


def formula_lines(formula: ClosedForm, *, as_tex: bool) -> list[tuple[str, list[tuple[str, str]]]]:
    """The lines of the formula, grouped and in reading order: (what the group says, its lines)."""
    pairs = lines(formula, as_tex=as_tex)
    keys = [str(key) for key in formula.where] + ["ell"] * (len(pairs) - len(formula.where))
    grouped = []
    for stem, title in GROUPS:
        chosen = [pair for key, pair in zip(keys, pairs, strict=True) if key.replace("xbar", "q").startswith(stem)]
        if chosen:
            grouped.append((title, chosen))
    return grouped


def write_formula_page(explanation: Explanation, operator: OneLayerOperator, folder: Path) -> tuple[list[Path], str]:
    """``formula.txt``, ``.tex``, ``.pdf``, ``.png``, and the text: the accuracy is that of the formula itself."""
    formula = formula_of(operator)
    score = accuracy(formula_logits(formula, explanation.sequences), explanation.labels)
    page = formula_text(formula, score, len(explanation.sequences))
    plain, source, *paths = (folder / name for name in FORMULA_FILES)
    plain.write_text(page, encoding="utf-8")
    title = f"{explanation.name}: the whole network"
    source.write_text(document([formula], title=title, decimals=True), encoding="utf-8")
    metadata = {"Title": title, "CreationDate": None}
    with rc_context(MATHTEXT):  # fonts are looked up while saving
        figure = _page(explanation, operator, formula, score)
        figure.savefig(paths[0], metadata=metadata)
        figure.savefig(paths[1], dpi=150)
    return [plain, source, *paths], page


def formula_text(formula: ClosedForm, score: float | None, count: int) -> str:
    """The page as plain text."""
    rows = []
    for title, group in formula_lines(formula, as_tex=False):
        rows += [f"# {title}", *(f"  {left} = {right}" for left, right in group), ""]
    rows.append("class = argmax ℓ;  indices below 0 and numbers not shown do not exist: this is the whole network.")
    if score is not None:
        rows.append(f"accuracy of this formula, evaluated as printed, on {count} sequences: {score:.4f}")
    return "\n".join(rows) + "\n"


def _page(explanation: Explanation, operator: OneLayerOperator, formula: ClosedForm, score: float | None) -> Figure:
    figure = Figure(figsize=PAGE)
    figure.text(MARGIN, 0.945, explanation.name, fontsize=28, va="bottom", parse_math=False)
    figure.text(MARGIN, 0.922, "the whole network, as one formula", fontsize=14, color="0.35", va="bottom")
    bottom = _write_lines(figure, formula)
    _verdict(figure, operator, (score, len(explanation.sequences)), bottom)
    _waves(figure, operator)
    _answers(figure, explanation, operator)
    return figure


def _write_lines(figure: Figure, formula: ClosedForm) -> float:
    """Set the grouped lines from the top; returns where they end."""
    height = 0.9
    for title, group in formula_lines(formula, as_tex=True):
        figure.text(MARGIN, height, title, fontsize=10, style="italic", color="#33658a", va="center")
        height -= 0.0245
        for left, right in group:
            tall = r"\sum" in right
            step = 0.0435 if tall else 0.0235
            size = min(12.0, 12.0 * 88 / max(len(_visible(left + right)), 1))
            figure.text(
                MARGIN + 0.02, height - (step - 0.0235) / 2, rf"${left} \;=\; {right}$", fontsize=size, va="center"
            )
            height -= step
        height -= 0.0085
    return height


def _visible(source: str) -> str:
    """TeX without what takes no room, to guess a line's width."""
    for word in (r"\left", r"\right", r"\,", r"\sum", r"\cos", "{", "}", "_", "^", "\\"):
        source = source.replace(word, "co" if word == r"\cos" else "")
    return source


def _verdict(figure: Figure, operator: OneLayerOperator, scored: tuple[float | None, int], height: float) -> None:
    (score, count), proof = scored, operator.certificate
    bound = float(operator.certified_error.max())
    shown = (
        ""
        if score is None
        else (f"This formula, evaluated with the digits printed here on {count} sequences: accuracy {score:.4f}.\n")
    )
    figure.text(
        MARGIN,
        height - 0.002,
        shown
        + (
            r"The answer is the class $i$ with the largest $\ell_i$. Numbers are the trained ones, to five digits;"
            "\nwith all their digits the operator is within "
            rf"${tex_power(bound)}$ of the exact network in every logit"
            "\n" + rf"(certified, for inputs $|x| \leq {below(proof.input_bound, 4)}$ of at most {proof.length} steps)."
        ),
        fontsize=10,
        va="top",
        linespacing=1.5,
    )


def tex_power(value: float) -> str:
    """A positive number rounded up to one digit, in powers of ten."""
    exponent = int(np.floor(np.log10(value))) if value > 0 else 0
    return rf"{int(np.ceil(value / 10.0**exponent))}\cdot 10^{{{exponent}}}"


def _waves(figure: Figure, operator: OneLayerOperator) -> None:
    axis = figure.add_axes((0.115, 0.06, 0.34, 0.16))
    kernel = operator.form.kernel.value.copy()
    kernel[:, 0] -= operator.network.layers[0].D
    for index, row in enumerate(kernel):
        axis.plot(row / np.abs(row).max(), label=rf"$K_{{{index + 1}}}$", linewidth=1.4)
    axis.axhline(0, color="0.8", linewidth=0.6, zorder=0)
    axis.set_xlabel("lag $m$ [steps]", fontsize=9)
    axis.set_ylabel("kernel / its maximum", fontsize=9)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=9, frameon=False)
    figure.text(0.115, 0.231, "The waves that carry the past", fontsize=10)


def literal(name: str) -> str:
    """A name for a legend, where dollars would begin a formula."""
    return name.replace("$", r"\$")


def _answers(figure: Figure, explanation: Explanation, operator: OneLayerOperator) -> None:
    """Softmax of the logits over the frequency of a unit sine: the mean over 16 phases, and the range."""
    axis = figure.add_axes((0.585, 0.06, 0.34, 0.16))
    if operator.form.features == 1 and operator.certificate.input_bound >= 1.0:
        frequency = np.linspace(1.0, 11.0, 201)
        phase = np.arange(16) * 2 * np.pi / 16
        steps = np.arange(operator.form.length) / operator.form.length
        tones = np.sin(2 * np.pi * frequency[:, None, None] * steps + phase[:, None])
        logits = operator(tones.reshape(-1, operator.form.length, 1)).reshape(len(frequency), len(phase), -1)
        share = softmax(logits, axis=-1)
        for label in range(operator.form.classes):
            (line,) = axis.plot(
                frequency, share[..., label].mean(axis=1), linewidth=1.4, label=literal(explanation.class_name(label))
            )
            axis.fill_between(
                frequency,
                share[..., label].min(axis=1),
                share[..., label].max(axis=1),
                color=line.get_color(),
                alpha=0.18,
                linewidth=0,
            )
        axis.set_xticks(range(1, 12, 2))
        axis.legend(fontsize=8, frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.0))
        axis.set_ylim(0, 1.45)
        axis.set_yticks([0, 0.5, 1])
    axis.set_xlabel("frequency of a unit sine [cycles per sequence]", fontsize=9)
    axis.set_ylabel("softmax of the logits", fontsize=9)
    axis.tick_params(labelsize=8)
    figure.text(0.585, 0.231, "What it answers (band: 16 phases)", fontsize=10)
