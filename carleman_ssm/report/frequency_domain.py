"""The frequency domain of a network under sinusoids: data, figures, and what cannot be said, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.predictions.input_families import Sinusoid
from carleman_ssm.predictions.simulated_spectra import simulated_lines
from carleman_ssm.predictions.spectral_lines import SpectralLines, spectral_lines
from carleman_ssm.predictions.steady_means import SteadyMean, steady_mean
from carleman_ssm.predictions.transfer import transfer_functions
from carleman_ssm.report.frequency_figures import write_frequency_figures
from carleman_ssm.report.sections import Picture

WINDOW, LONGEST_WINDOW = 512, 2**16
"""Steps of the simulated spectrum: as few as keep the tones apart, from each other and from a constant."""
MOVED = 0.05
"""So much of the smallest distance between frequencies a tone may be moved."""
GRID = 65
"""Frequencies of the table of transfer functions, from 0 to π."""


@dataclass(frozen=True, eq=False)
class FrequencyDomain:
    """Data by name, pictures, and remarks."""

    data: dict[str, Any]
    pictures: tuple[Picture, ...]
    notes: tuple[str, ...]


def frequency_domain(
    operator: NetworkOperator,
    tones: Sequence[Sinusoid],
    length: int,
    folder: Path,
    names: Sequence[str],
    label: int | None = None,
) -> FrequencyDomain:
    """Transfer functions, lines of the tones, and for GELU the Bessel limit beside the certified operator.

    Parameters
    ----------
    operator
        Of the network; its own activation is meant but for the Bessel limit's neighbour.
    tones
        One or two sinusoids. They have lines where their height is constant; each then begins at step 0 and is moved
        to the nearest frequency with whole periods in the window.
    length
        Steps of the finite sequence that stands beside the Bessel limit.
    folder, names
        Where pictures go, and what classes are called.
    label
        The class whose spectrum is drawn.
    """
    network, channel = operator.network, tones[0].channel
    try:
        functions = transfer_functions(network)
        table = functions.table(np.linspace(0.0, np.pi, GRID), channel)
    except (ValueError, TypeError) as error:
        return FrequencyDomain({}, (), (f"No frequency domain: {error}.",))
    data: dict[str, Any] = {"transfer_functions": table}
    try:
        window = window_of(tones)
        placed = [on_grid(tone, window) for tone in tones]
        lines, simulated = spectral_lines(network, placed), simulated_lines(network, placed, window)
    except (ValueError, TypeError) as error:
        pictures = write_frequency_figures(functions, folder, names, channel=channel)
        return FrequencyDomain(data, tuple(pictures), (f"{LIMIT} No lines of the tones: {error}.",))
    pictures = write_frequency_figures(functions, folder, names, lines, simulated, label=label)
    data["lines"] = lines.table()
    notes = [_line_words(lines, window)]
    mean = _bessel(operator, tones, length)
    if mean is not None:
        data["mean_of_gelu"] = _mean_content(mean)
        notes.append(_mean_words(mean, names))
    return FrequencyDomain(data, tuple(pictures), tuple(notes))


def window_of(tones: Sequence[Sinusoid]) -> int:
    """The shortest window whose grid moves no tone far towards another one, or towards the frequency 0.

    Raises
    ------
    ValueError
        There is none that is simulated; the message says what to change.
    """
    window = WINDOW
    while window <= LONGEST_WINDOW:
        if _is_apart(tones, window):
            return window
        window *= 2
    given = " and ".join(f"{tone.frequency:.6g}" for tone in tones)
    msg = (
        f"{given} rad/step cannot be told apart, or from 0, in {LONGEST_WINDOW} steps: take frequencies that are at "
        f"least {np.pi / (MOVED * LONGEST_WINDOW):.2g} away from each other and from multiples of 2π"
    )
    raise ValueError(msg)


def _is_apart(tones: Sequence[Sinusoid], window: int) -> bool:
    given = sorted({0.0, *(_folded(tone.frequency) for tone in tones)})
    nearest = min((other - one for one, other in pairwise(given)), default=np.inf)
    moved = max(abs(on_grid(tone, window).frequency - tone.frequency) for tone in tones)
    return bool(moved <= MOVED * nearest)


def _folded(frequency: float) -> float:
    """In [0, π]: the frequency that the steps see."""
    return float(abs(np.angle(np.exp(1j * frequency))))


def on_grid(tone: Sinusoid, window: int) -> Sinusoid:
    """The tone from step 0 on, with whole periods in the window."""
    periods = np.rint(tone.frequency * window / (2 * np.pi))
    return replace(tone, frequency=float(periods * 2 * np.pi / window), position=0)


LIMIT = "Frequency domain: steady state, after the transient."


def _line_words(lines: SpectralLines, window: int) -> str:
    tones = " and ".join(f"{tone.frequency:.6g}" for tone in lines.tones)
    meet = int(lines.is_interaction.sum())
    mixed = f"; {meet} of them at sums and differences, where waves have interacted" if meet else ""
    return (
        f"{LIMIT} {len(lines.multiples)} lines of tones of {tones} "
        f"rad/step (moved to whole periods in {window} steps; {lines.method}){mixed}."
    )


def _bessel(operator: NetworkOperator, tones: Sequence[Sinusoid], length: int) -> SteadyMean | None:
    """None where the activation is not GELU, the pool not the mean, or there are several tones."""
    config = operator.network.config
    if len(tones) > 1 or config.activation != "gelu" or config.pool != "mean":
        return None
    return steady_mean(operator, replace(tones[0], position=0), length)


def _mean_content(mean: SteadyMean) -> dict[str, Any]:
    return {
        "zero_mean_limit": mean.zero_mean_limit.tolist(),
        "steady": mean.steady.tolist(),
        "operator": None if mean.operator_logits is None else mean.operator_logits.tolist(),
        "operator_error": None if mean.operator_error is None else mean.operator_error.tolist(),
        "network": mean.network_logits.tolist(),
    }


def _mean_words(mean: SteadyMean, names: Sequence[str]) -> str:
    label = int(mean.network_logits.argmax())
    middle = "refused" if mean.operator_logits is None else f"{mean.operator_logits[label]:+.4g}"
    limit, steady = mean.zero_mean_limit[label], mean.steady[label]
    return (
        f"Mean of GELU, {names[label]}: Bessel form (a limit: no biases, no transient) {limit:+.4g}, steady state with "
        f"biases {steady:+.4g}, certified operator over {mean.length} steps {middle}, simulated network "
        f"{mean.network_logits[label]:+.4g}."
    )
