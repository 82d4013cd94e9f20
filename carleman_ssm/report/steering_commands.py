"""The commands that ask an operator forwards and backwards: `predict` and `steer`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carleman_ssm.report.family_requests import Family
from carleman_ssm.report.options import MODELS, folder

Model = Annotated[str, typer.Argument(metavar="[MODEL]", help=f"A checkpoint, or {MODELS}.", show_default=True)]


def predict(
    family: Annotated[Family, typer.Option(help="Family of inputs.")],
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help=f"A checkpoint, or {MODELS}.")] = "frequencies",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the family; may be repeated."),
    ] = None,
    second: Annotated[
        float | None, typer.Option(metavar="FREQUENCY", help="Beside a sinusoid: a second one of this frequency.")
    ] = None,
    length: Annotated[int | None, typer.Option(help="Steps; 64 by default.")] = None,
    input_bound: Annotated[
        float | None, typer.Option(help="Certify for all |x| <= B, and refuse inputs that leave it.")
    ] = None,
    degree: Annotated[
        int | None, typer.Option(help="Degree of the decoders' fits; with --input-bound 24 by default.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(parser=folder, metavar="FOLDER", help="Folder for the results; predict-NAME by default."),
    ] = None,
) -> None:
    """Predict the logits of a whole family of inputs, beside simulation: closed forms, bounds, figures."""
    from carleman_ssm.report.predict import predict as predict_family  # figures are slow to import

    predict_family(
        model,
        family,
        settings,
        length=length,
        input_bound=input_bound,
        degree=degree,
        second=second,
        output=output,
    )


def steer(
    target: Annotated[int, typer.Option(metavar="CLASS", help="The class that the edited sequence shall have.")],
    model: Model = "digits-quadratic",
    inputs: Annotated[
        Path | None, typer.Option(help="npz file: x (batch, length, channels), optionally labels y.")
    ] = None,
    index: Annotated[int, typer.Option(help="Which sequence, from 0.")] = 0,
    margin: Annotated[
        float | None, typer.Option(help="Logits by which the target shall lead; 0.001 by default.")
    ] = None,
    rival: Annotated[int | None, typer.Option(help="Only be ahead of this class: one margin.")] = None,
    logit: Annotated[float | None, typer.Option(help="Bring the target's logit to this value instead.")] = None,
    box: Annotated[
        tuple[float, float] | None, typer.Option(metavar="LOW HIGH", help="Limits of the edited values.")
    ] = None,
    band: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Frequencies of the edit, cycles per step, 0 to 0.5."),
    ] = None,
    smoothness: Annotated[float, typer.Option(help="Weight of squared differences of steps in the norm.")] = 0.0,
    sparsity: Annotated[
        int | None, typer.Option(help="Change at most so many values (a search, labelled local).")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(parser=folder, metavar="FOLDER", help="Folder for the results; steer-NAME by default."),
    ] = None,
) -> None:
    """Find the smallest change of a sequence that gives it another class, and say how sure that is."""
    from carleman_ssm.report.steer import Wish  # figures are slow to import
    from carleman_ssm.report.steer import steer as find_edit

    wish = Wish(target, rival, logit, margin, box, band, smoothness, sparsity)
    find_edit(model, wish, inputs=inputs, index=index, output=output)
