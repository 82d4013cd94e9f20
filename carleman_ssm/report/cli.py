"""The command line: thin wrappers around the functions that do the work."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from carleman_ssm.report.derive import Discretization, Format, Init
from carleman_ssm.report.derive import derive as write_derivation
from carleman_ssm.report.inputs import CentreChoice, Fit
from carleman_ssm.report.options import MODELS, folder
from carleman_ssm.report.proof_commands import book, verify
from carleman_ssm.report.ring_sources import Closure, InitialSpectrum
from carleman_ssm.report.steering_commands import predict, steer

app = typer.Typer(name="carleman-ssm", add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

# The base class of what the parser of arguments raises: BadParameter -> UsageError -> this.
_CommandLineError: type[Exception] = typer.BadParameter.__mro__[2]


_EXPECTED = (ValueError, OSError, ImportError, ArithmeticError, RuntimeError)
_INTERRUPTED = 130  # what shells expect after Ctrl-C


@app.callback()
def _options() -> None:
    """State space networks as one explicit operator: derived, explained, certified."""


@app.command()
def explain(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help=f"A checkpoint, or {MODELS}.")] = "digits-gelu",
    inputs: Annotated[
        Path | None, typer.Option(help="npz file: x (batch, length, channels), optionally labels y.")
    ] = None,
    degree: Annotated[
        int | None,
        typer.Option(
            help="Degree of the decoders' fits; by default the smallest that certifies the class of 99 % of the "
            "sequences."
        ),
    ] = None,
    input_bound: Annotated[
        float | None, typer.Option(help="Certify for all |x| <= B instead of these sequences.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(parser=folder, metavar="FOLDER", help="Folder for the results; explain-NAME by default."),
    ] = None,
    index: Annotated[
        int | None, typer.Option(help="A sequence, from 0: which positions and pairs decide its class.")
    ] = None,
    fit: Annotated[Fit | None, typer.Option(help="Basis of the decoders' fits; by default the cheapest.")] = None,
    layer: Annotated[
        int | None, typer.Option(help="Layer, from 0, whose pairs of modes are drawn; the last by default.")
    ] = None,
    centre: Annotated[
        CentreChoice, typer.Option(help="What orders and contributions are counted from: zero, or the mean sequence.")
    ] = CentreChoice.ZERO,
) -> None:
    """Explain a trained network: its operator, its certified error, which orders and interactions decide."""
    from carleman_ssm.report.explain import explain as explain_network  # figures are slow to import

    basis = None if fit is None else fit.value
    explain_network(
        model, inputs, degree, input_bound, output, index=index, fit=basis, layer=layer, centre=centre.value
    )


@app.command()
def derive(
    states: Annotated[int | None, typer.Option(help="Number of (stored) modes N.")] = None,
    init: Annotated[Init | None, typer.Option(help="Eigenvalues of --states N; symbolic by default.")] = None,
    system: Annotated[Path | None, typer.Option(help="JSON file with eigenvalues, b, c, D, decoder.")] = None,
    degree: Annotated[int | None, typer.Option(help="Degree P of the polynomial decoder.")] = None,
    discretization: Annotated[Discretization, typer.Option(help="Which operator.")] = Discretization.ZOH,
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.LATEX,
    output: Annotated[Path | None, typer.Option(help="File to write; needed for pdf.")] = None,
) -> None:
    """Derive the operator of a model with a polynomial decoder: one formula with its proof."""
    typer.echo(
        write_derivation(
            states=states,
            init=init,
            system=system,
            degree=degree,
            discretization=discretization,
            form=form,
            output=output,
        )
    )


@app.command()
def waves(
    model: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help=f"A checkpoint, or {MODELS}; digits-gelu by default."),
    ] = None,
    init: Annotated[InitialSpectrum | None, typer.Option(help="An initial spectrum instead of a network.")] = None,
    modes: Annotated[int | None, typer.Option(help="Stored modes M of --init; 32 by default.")] = None,
    dt: Annotated[float | None, typer.Option(help="Step of --init; 1/M by default.")] = None,
    given: Annotated[
        str, typer.Option("--input", help="impulse, step, sine, digits-test, or an npz file as in explain.")
    ] = "impulse",
    sequence: Annotated[int | None, typer.Option(help="Which sequence of the file, from 0; 0 by default.")] = None,
    layer: Annotated[int, typer.Option(help="Layer to draw, from 0.")] = 0,
    channel: Annotated[
        int | None, typer.Option(help="Channel to draw, from 0; by default the one with the fastest waves.")
    ] = None,
    closure: Annotated[Closure, typer.Option(help="How the stored modes become a ring.")] = Closure.COMPLEX,
    length: Annotated[int | None, typer.Option(help="Steps; two revolutions, or the file's, by default.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(parser=folder, metavar="FOLDER", help="Folder for the results; waves-NAME by default."),
    ] = None,
) -> None:
    """Show a network, or an initial spectrum, as waves on rings: figures, animation, table, LaTeX."""
    from carleman_ssm.report.waves import waves as show_waves  # figures are slow to import

    show_waves(
        model,
        init=init,
        modes=modes,
        step=dt,
        given=given,
        sequence=sequence,
        layer=layer,
        channel=channel,
        closure=closure,
        length=length,
        output=output,
    )


@app.command()
def distinguish(
    seeds: Annotated[int, typer.Option(help="Number of seeds, each with its own sequences; at least 2.")] = 10,
    output: Annotated[
        Path | None,
        typer.Option(parser=folder, metavar="FOLDER", help="Folder for the results; distinguish by default."),
    ] = None,
) -> None:
    """Measure which simple inputs a ring tells apart by which readout: claims, accuracies, intervals."""
    from carleman_ssm.report.distinguish import distinguish as distinguish_inputs  # figures are slow to import

    distinguish_inputs(seeds, output)


@app.command()
def necessity(
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="digits, OSULeaf, JapaneseVowels or BasicMotions; may be repeated; all by default."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(parser=folder, metavar="FOLDER", help="Folder for the results; necessity by default."),
    ] = None,
) -> None:
    """Measure whether interactions of waves are needed on real data: trained networks, with and without."""
    from carleman_ssm.report.necessity import necessity as measure_necessity  # figures are slow to import

    measure_necessity(dataset, output)


@app.command()
def zoo(
    families: Annotated[
        list[str] | None, typer.Argument(metavar="[FAMILY]...", help="Families by name; all by default.")
    ] = None,
    states: Annotated[
        int | None, typer.Option(help="States N of the symbolic statements, 2 or 3; 2 by default.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps L of the symbolic statements, 2 to 4; 3 by default.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(parser=folder, metavar="FOLDER", help="Folder for the results; zoo by default."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A checkpoint of any recognised dialect: describe one layer of it instead.")
    ] = None,
    layer: Annotated[int | None, typer.Option(help="Layer of --model, from 0; 0 by default.")] = None,
    dialect: Annotated[str | None, typer.Option(help="Dialect of --model, where its keys leave several open.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="JSON file with what --model does not say, by the reference's names.")
    ] = None,
) -> None:
    """Check the families of state space models: what is exact, what approximated, what it costs, what waves do."""
    from carleman_ssm.report.zoo import zoo as show_families  # figures are slow to import

    show_families(
        families or (),
        states=states,
        steps=steps,
        output=output,
        model=model,
        layer=layer,
        dialect=dialect,
        config=config,
    )


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="CKPT.pth", help="What the training script saved.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.safetensors", help="File to write.")],
    config: Annotated[
        Path | None, typer.Option(help="JSON file with what the checkpoint lacks: activation, prenorm, residual, pool.")
    ] = None,
) -> None:
    """Convert a torch checkpoint (weights only; needs the extra torch)."""
    from carleman_ssm.families.conversion import LayersConversion  # these rooms are needed here alone
    from carleman_ssm.families.conversion import convert as convert_any
    from carleman_ssm.networks.conversion import read_config

    conversion = convert_any(source, target, None if config is None else read_config(config))
    if isinstance(conversion, LayersConversion):
        typer.echo(f"{conversion.tensors} tensors of the dialect {conversion.dialect}, no number changed")
    else:
        for entry, value in conversion.assumed.items():
            typer.echo(
                f"assumed {entry} = {value}, the script's default: not in the checkpoint; else give --config FILE.json"
            )
    typer.echo(f"wrote {target}")


app.command()(predict)
app.command()(steer)
app.command()(verify)
app.command()(book)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error is one line on stderr and exit code 2, an interrupt 130."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without δ shows ? instead of half of a result
    try:
        given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
        code = app(args=given, prog_name="carleman-ssm", standalone_mode=False)
    except _CommandLineError as error:
        _fail(error.format_message() if hasattr(error, "format_message") else str(error))
    except BrokenPipeError:  # the reader of our output has closed it: nobody is left to tell
        sys.stderr.close()
        sys.exit(1)
    except _EXPECTED as error:
        _fail(str(error))
    except (typer.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        sys.stderr.write("carleman-ssm: interrupted\n")
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> NoReturn:
    sys.stderr.write("carleman-ssm: " + " ".join(message.split()) + "\n")
    sys.exit(2)
