"""Simple inputs that differ in time, frequency or order: one task for each, with noise of any strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from carleman_ssm.experiments.detection import known_signal_accuracy, unknown_phase_accuracy
from carleman_ssm.experiments.readouts import Readout
from carleman_ssm.networks.layers import Array

Labels = npt.NDArray[np.int64]

STEPS = 63
"""Steps of an input: one revolution of the ring that the experiment uses."""
SEQUENCES = 300
"""Training sequences of each seed, and as many test sequences."""
SILENT_REVOLUTIONS = 5
POSITIONS = (8, 24, 40, 55)


@dataclass(frozen=True)
class Task:
    r"""Inputs of a few classes, equally often, in white Gaussian noise.

    Parameters
    ----------
    name
        What differs between the classes.
    classes
        Their names.
    signals
        ``signals(generator, labels)``: inputs without noise, (batch, length).
    readouts
        What is fitted.
    ideal
        ``ideal(noise, classes)``: accuracy of the ideal observer of the input, where it is known in closed form.

    Raises
    ------
    ValueError
        Fewer than two classes, or no readout.
    """

    name: str
    classes: tuple[str, ...]
    signals: Callable[[np.random.Generator, Labels], Array]
    readouts: tuple[Readout, ...] = tuple(Readout)
    ideal: Callable[[float, int], float] | None = None

    def __post_init__(self) -> None:
        if len(self.classes) < 2 or not self.readouts:
            msg = (
                f"a task needs two classes and a readout; {self.name!r} has {len(self.classes)} classes and "
                f"{len(self.readouts)} readouts"
            )
            raise ValueError(msg)

    @property
    def chance(self) -> float:
        """1 / number of classes."""
        return 1 / len(self.classes)


def _impulse(silence: int, _: np.random.Generator, labels: Labels) -> Array:
    u = np.zeros((len(labels), STEPS + silence))
    u[np.arange(len(labels)), np.array(POSITIONS)[labels]] = 1.0
    return u


def _sine(cycles: Sequence[int], random_phase: bool, generator: np.random.Generator, labels: Labels) -> Array:
    phase = 2 * np.pi * generator.random(len(labels)) * random_phase
    turns = np.outer(np.array(cycles)[labels], np.arange(STEPS) / STEPS)
    return np.asarray(np.sin(2 * np.pi * turns + phase[:, None]))


def _two_pulses(generator: np.random.Generator, labels: Labels) -> Array:
    """A pulse in the first half and one of the other sign in the second, at random steps."""
    rows, half = np.arange(len(labels)), STEPS // 2
    u = np.zeros((len(labels), STEPS))
    u[rows, generator.integers(0, half, len(labels))] = 1.0 - 2.0 * labels
    u[rows, generator.integers(half, STEPS, len(labels))] = 2.0 * labels - 1.0
    return u


def _impulse_ideal(noise: float, classes: int) -> float:
    return known_signal_accuracy(1.0, noise, classes)


def _sine_ideal(random_phase: bool, noise: float, classes: int) -> float:
    return (unknown_phase_accuracy if random_phase else known_signal_accuracy)(STEPS / 2, noise, classes)


def _sine_task(name: str, cycles: tuple[int, ...], *, random_phase: bool) -> Task:
    return Task(
        name,
        tuple(f"{count} cycles" for count in cycles),
        partial(_sine, cycles, random_phase),
        ideal=partial(_sine_ideal, random_phase),
    )


TASKS = MappingProxyType(
    {
        task.name: task
        for task in (
            Task("impulse position", tuple(map(str, POSITIONS)), partial(_impulse, 0), ideal=_impulse_ideal),
            _sine_task("sine, fixed phase", (3, 5, 7, 9), random_phase=False),
            Task("order of two pulses", ("up, down", "down, up"), _two_pulses),
            _sine_task("2 sines, random phase", (5, 7), random_phase=True),
            _sine_task("4 sines, random phase", (3, 5, 7, 9), random_phase=True),
            Task(
                "position, then silence",
                tuple(map(str, POSITIONS)),
                partial(_impulse, SILENT_REVOLUTIONS * STEPS),
                (Readout.LINEAR_LAST, Readout.LINEAR_MEAN),
                _impulse_ideal,
            ),
        )
    }
)


def draw(task: Task, seed: int) -> tuple[Array, Array, Labels]:
    """Signals, unit noise and labels of a seed: the first half trains, the second tests; classes equally often."""
    generator = np.random.default_rng([seed, list(TASKS).index(task.name)])
    labels = np.arange(2 * SEQUENCES) % len(task.classes)
    signals = task.signals(generator, labels)
    return signals, generator.standard_normal(signals.shape), labels
