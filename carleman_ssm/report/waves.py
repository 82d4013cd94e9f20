"""The waves of a network, or of an initial spectrum, on its rings: figures, an animation, a table, LaTeX."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from carleman_ssm.report.animation import write_animation
from carleman_ssm.report.couplings_page import couplings_document, lin_reference
from carleman_ssm.report.explain import DEFAULT_MODEL
from carleman_ssm.report.ring_inputs import RingInput, chosen_input, driving_input
from carleman_ssm.report.ring_run import RingRun, channel_ring
from carleman_ssm.report.ring_sources import Closure, InitialSpectrum, RingSource, initial_source, network_source
from carleman_ssm.report.spectrum_figures import coupling_figure, dispersion_figure
from carleman_ssm.report.terminal import output_folder, print_files, progress_line, results_in
from carleman_ssm.report.wave_figures import space_time_figure
from carleman_ssm.report.wave_summary import CountedSteps, print_waves
from carleman_ssm.rings.rigidity import rigidity
from carleman_ssm.rings.waves import LIN_REVOLUTION, ChannelWaves, dispersion

FILES = ("space_time.png", "couplings.png", "dispersion.png", "ring.gif", "couplings.tex", "waves.json", "contents.npz")


@dataclass(frozen=True, eq=False)
class WaveReport:
    """What `waves` found and wrote.

    Parameters
    ----------
    run
        The ring that was drawn, with its contents.
    table
        The wave quantities of every layer and channel.
    files
        What was written, in reading order.
    """

    run: RingRun
    table: tuple[ChannelWaves, ...]
    files: tuple[Path, ...]


def waves(
    model: str | None = None,
    *,
    init: InitialSpectrum | None = None,
    modes: int | None = None,
    step: float | None = None,
    given: str = "impulse",
    sequence: int | None = None,
    layer: int = 0,
    channel: int | None = None,
    closure: Closure = Closure.COMPLEX,
    length: int | None = None,
    output: Path | None = None,
    console: Console | None = None,
) -> WaveReport:
    """Show the waves on the rings of a network or of an initial spectrum; returns what was found.

    Parameters
    ----------
    model
        A checkpoint file or the name of a shipped network (``digits-gelu`` when there is no `init` either).
    init, modes, step
        Or an initial spectrum, its number of stored modes and its step [time].
    given, sequence, length
        The input (see `chosen_input`): a signal or a file, which sequence of it, how many steps.
    layer, channel
        The ring to draw, counted from 0 (the table has all); by default the channel with the fastest waves.
    closure
        How stored modes become a ring.
    output
        Folder for the files; ``waves-NAME`` by default.
    console
        Where to print; the terminal by default.

    Raises
    ------
    ValueError
        An option is wrong or does not go with another; the message says which and what to do.
    OSError
        The output folder cannot be written.
    """
    screen = console or Console()
    shown = DEFAULT_MODEL if model is None else model
    folder = output_folder(output, f"waves-{init or Path(shown).stem}")
    with progress_line("reading"):
        source = _source(model, init, modes, step, closure)
        run, place, counted = _run(source, layer, channel, given, sequence, length)
    with results_in(folder, FILES, (Path(shown), Path(given))):
        with progress_line("measuring"):
            table = source.table(counted.steps)
            content = _content(source, run, place, table, counted)
        try:
            print_waves(source.name, run, table, counted, screen)  # before anything can go wrong with files
        finally:  # a reader that has seen enough and closes the pipe loses no file
            with progress_line("drawing") as say:
                files = _write(run, content, folder, say)
    print_files(screen, files)
    return WaveReport(run, table, files)


def _source(
    model: str | None, init: InitialSpectrum | None, modes: int | None, step: float | None, closure: Closure
) -> RingSource:
    if init is not None:
        if model is not None:
            msg = f"give either a model ({model}) or --init {init}, not both"
            raise ValueError(msg)
        return initial_source(init, modes, step, closure)
    if modes is not None or step is not None:
        msg = f"--{'dt' if modes is None else 'modes'} belongs to --init; a network brings its own"
        raise ValueError(msg)
    return network_source(DEFAULT_MODEL if model is None else model, closure)


def _run(
    source: RingSource, layer: int, channel: int | None, given: str, sequence: int | None, length: int | None
) -> tuple[RingRun, tuple[int, int], CountedSteps]:
    """The ring to draw under its input, its layer and channel, and the steps over which turns are counted."""
    if not 0 <= layer < len(source.rings):
        msg = f"there is no layer {layer}: choose --layer between 0 and {len(source.rings) - 1}"
        raise ValueError(msg)
    chosen = source.fastest(layer) if channel is None else channel
    ring = channel_ring(source.rings[layer], chosen)
    revolution = float(rigidity(ring.multipliers).revolution_steps[0])
    if not np.isfinite(revolution):
        revolution = LIN_REVOLUTION / float(ring.step[0])  # nothing turns: as long as S4D-Lin would take
    entered = chosen_input(given, source.network.features, revolution, length, sequence)
    inputs = driving_input(source.network, entered.x, layer)[:, chosen]
    run = RingRun(
        title=source.title(layer, chosen),
        signal=_signal_sentence(source, entered, layer, chosen),
        ring=ring,
        inputs=inputs,
        reference=lin_reference(ring),
        is_lin=source.spectrum is InitialSpectrum.S4D_LIN,
    )
    return run, (layer, chosen), _counted(source, entered)


def _counted(source: RingSource, entered: RingInput) -> CountedSteps:
    """The network's own length where it is known, else that of a file's sequence, else what is drawn."""
    if source.sequence_length is not None:
        return CountedSteps(source.sequence_length, "the sequences of this network")
    if entered.whole is not None:
        return CountedSteps(entered.whole, "the sequences of the file")
    return CountedSteps(len(entered.x), "what is drawn, as no length is known")


def _signal_sentence(source: RingSource, entered: RingInput, layer: int, channel: int) -> str:
    if source.spectrum is not None:
        return f"Input: {entered.words}."
    through = "through the encoder" if layer == 0 else f"through the encoder and the layers before layer {layer}"
    return (
        f"Input of the network: {entered.words}; u is what reaches channel {channel} {through}, "
        "as the deviation from what the biases alone drive."
    )


def _content(
    source: RingSource, run: RingRun, place: tuple[int, int], table: tuple[ChannelWaves, ...], counted: CountedSteps
) -> dict[str, Any]:
    """The content of ``waves.json``; arrays of the drawn ring in ring order, complex numbers as pairs."""
    velocities = dispersion(run.ring)
    drawn: dict[str, Any] = {
        "layer": place[0],
        "channel": place[1],
        "title": run.title,
        "input": run.signal,
        "hop": run.hop,
        "wave_numbers": run.ring.frequencies.tolist(),
        "eigenvalues": _pairs(run.ring.eigenvalues[0]),
        "multipliers": _pairs(run.ring.multipliers[0]),
        "couplings": _pairs(run.ring.couplings[0]),
        "propagator": _pairs(run.ring.propagator[0]),
        "phase_velocity_per_step": velocities.phase_velocity_per_step[0].tolist(),
        "group_velocity_per_step": velocities.group_velocity_per_step[0].tolist(),
        "participation": [None if np.isnan(value) else float(value) for value in run.participation],
    }
    if run.is_lin and run.reference is not None:
        gap = np.abs(run.ring.couplings[0] - run.reference).max()
        drawn["closed_form_largest_difference"] = float(gap)
    rows = [row.as_dict() for row in table]
    turns = {"steps": counted.steps, "length_of": counted.words}
    about = {
        "source": source.name,
        "discretization": source.network.config.discretization,
        "closure": source.closure,
        "length": run.length,
        "turns_counted_over": turns,
    }
    return {**about, "drawn": drawn, "channels": rows}


def _pairs(values: Any) -> list[list[float]]:
    return [[float(value.real), float(value.imag)] for value in values]


def _write(run: RingRun, content: dict[str, Any], folder: Path, say: Callable[[str], None]) -> tuple[Path, ...]:
    """Write everything; returns the files in reading order."""
    files = tuple(folder / name for name in FILES)
    *pictures, animation, latex, report, arrays = files
    for path, draw in zip(pictures, (space_time_figure, coupling_figure, dispersion_figure), strict=True):
        draw(run).savefig(path, dpi=150)
    say("animating")
    write_animation(run, animation)
    latex.write_text(couplings_document(run), encoding="utf-8")
    report.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    np.savez(arrays, h=run.contents, u=run.inputs, step=run.ring.step)
    return files
