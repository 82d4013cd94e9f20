r"""Claims about what a ring tells apart, and what a measurement says about them.

**Why there are three verdicts.** An interval that contains chance is no evidence of chance: with two seeds it contains
nearly everything, and a claim of ignorance would be confirmed by measuring little. So a claim of chance holds only when
the whole interval lies within `AT_CHANCE` of it (an equivalence test), fails when the interval excludes it, and is
undecided in between; a claim of telling apart is undecided when its threshold lies within the interval. More seeds
decide.

**One noise level for all.** A claim is judged at `REFERENCE_NOISE`, the smallest of the levels, unless its sentence
names another: what fails there does not fail for want of signal, and what is at chance there is so in spite of it.
`Distinction.holds_at` lists the levels at which it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from carleman_ssm.experiments.detection import confidence_interval
from carleman_ssm.experiments.readouts import PENALTIES, Readout
from carleman_ssm.experiments.simple_inputs import SEQUENCES, TASKS

NOISE_LEVELS = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Standard deviations σ of the noise on each step of the input, in amplitudes of the signal."""
REFERENCE_NOISE = NOISE_LEVELS[0]
FAINT_NOISE = 0.001
STATE_NOISES = (0.0, 1e-4, 1e-3, 1e-2)
r"""Standard deviations ε of the noise on each number that is read of the ring, relative to the largest of them.

0 leaves the rounding of float64; $10^{-3}$ is about what half precision keeps.
"""
REFERENCE_STATE_NOISE = STATE_NOISES[2]
TOLD_APART = 0.9
"""Inputs count as told apart when the lower end of the interval of the accuracy is at least this."""
AT_CHANCE = 0.05
"""A readout counts as being at chance when the whole interval of its accuracy lies within this of chance."""
WAVE_RING = "S4D-Lin"
RINGS = (WAVE_RING, "S4D-Inv", "S4D-Real")
CONTROLLED = ("impulse position", "sine, fixed phase", "order of two pulses")
"""Tasks on which the rings of other spectra are compared, with linear readouts."""
LINEAR = (Readout.LINEAR_LAST, Readout.LINEAR_MEAN)


@dataclass(frozen=True)
class Setting:
    """What is measured: one readout of one ring on one task, with noise σ on the input and ε on the state.

    Raises
    ------
    ValueError
        An unknown ring or task, a readout that the task does not have, noise that is not positive, negative noise on
        the state, or any on that of a quadratic readout.
    """

    ring: str
    task: str
    readout: Readout
    noise: float = REFERENCE_NOISE
    state_noise: float = 0.0

    def __post_init__(self) -> None:
        known = self.ring in RINGS and self.task in TASKS and self.readout in TASKS[self.task].readouts
        if not (known and self.noise > 0 and self.state_noise >= 0):
            msg = f"{self} cannot be measured: rings are {', '.join(RINGS)}, tasks {', '.join(TASKS)}, noise is > 0"
            raise ValueError(msg)
        if self.state_noise and self.readout not in LINEAR:
            msg = f"noise on the state is for linear readouts, got {self.state_noise} for {self.readout}"
            raise ValueError(msg)


@dataclass(frozen=True)
class Outcome:
    """What one readout reached in one setting: accuracy, R² and penalty of the test sequences of each seed."""

    setting: Setting
    accuracies: tuple[float, ...]
    explained: tuple[float, ...]
    penalties: tuple[float, ...]

    @property
    def chance(self) -> float:
        """1 / number of classes of the task."""
        return TASKS[self.setting.task].chance

    @property
    def accuracy(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.accuracies))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the accuracy, see `confidence_interval`."""
        return confidence_interval(self.accuracies, SEQUENCES)

    @property
    def at_edge(self) -> tuple[int, int]:
        """How many fits chose the smallest penalty there is, and how many the largest."""
        return self.penalties.count(PENALTIES[0]), self.penalties.count(PENALTIES[-1])


class Finding(StrEnum):
    """What the experiment says about a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Claim:
    """A sentence about what is measured in a setting, which the experiment may refute."""

    sentence: str
    setting: Setting
    told_apart: bool

    def judge(self, outcome: Outcome) -> Finding:
        """Told apart: all of the interval reaches `TOLD_APART`; at chance: all of it is within `AT_CHANCE` of chance.

        It fails when none of the interval reaches the threshold, or when the interval excludes chance; else what was
        measured does not decide.
        """
        (low, high), chance = outcome.interval, outcome.chance
        if self.told_apart:
            holds, fails = low >= TOLD_APART, high < TOLD_APART
        else:
            fails = not low <= chance <= high
            holds = not fails and max(chance - low, high - chance) <= AT_CHANCE
        return Finding.HOLDS if holds else Finding.FAILS if fails else Finding.UNDECIDED


def _apart(sentence: str, task: str, readout: Readout, ring: str = WAVE_RING, state_noise: float = 0.0) -> Claim:
    return Claim(sentence, Setting(ring, task, readout, state_noise=state_noise), told_apart=True)


def _chance(sentence: str, task: str, readout: Readout) -> Claim:
    return Claim(sentence, Setting(WAVE_RING, task, readout), told_apart=False)


_POSITION, _PHASED, _ORDER = CONTROLLED
_TWO, _FOUR, _SILENCE = "2 sines, random phase", "4 sines, random phase", "position, then silence"
_LAST, _MEAN = LINEAR

CLAIMS = (
    _apart("node contents at the last step tell where an impulse was", _POSITION, _LAST),
    _apart("so does their time mean", _POSITION, _MEAN),
    _apart("node contents at the last step tell the frequency of a sine", _PHASED, _LAST),
    _apart("so does their time mean", _PHASED, _MEAN),
    _apart("node contents at the last step tell the order of two pulses", _ORDER, _LAST),
    _apart("so does their time mean", _ORDER, _MEAN),
    _chance("random phase, two frequencies: least squares on the time mean is at chance", _TWO, _MEAN),
    _chance("... also on the last step", _TWO, _LAST),
    _apart("... and time means of wave powers tell them", _TWO, Readout.QUADRATIC_MEAN),
    _chance("random phase, four frequencies: least squares on the time mean is at chance", _FOUR, _MEAN),
    _chance("... also on the last step", _FOUR, _LAST),
    _apart("... and time means of wave powers tell them", _FOUR, Readout.QUADRATIC_MEAN),
    _apart("wave powers tell all that node contents tell", _ORDER, Readout.QUADRATIC_MEAN),
    _apart("a time mean over five more, silent revolutions keeps the position", _SILENCE, _MEAN),
    Claim(f"... and does at σ = {FAINT_NOISE:g}", Setting(WAVE_RING, _SILENCE, _MEAN, FAINT_NOISE), told_apart=True),
    _apart("waves that spread (S4D-Inv) tell the position too", _POSITION, _LAST, "S4D-Inv"),
    _apart("a ring without waves (S4D-Real) tells the position too", _POSITION, _LAST, "S4D-Real"),
    *(
        _apart(f"{words} with state noise {REFERENCE_STATE_NOISE:g}", _POSITION, _LAST, ring, REFERENCE_STATE_NOISE)
        for words, ring in zip(
            ("rigid waves (S4D-Lin) tell it", "... and so do waves that spread", "... and so does no wave (S4D-Real)"),
            RINGS,
            strict=True,
        )
    ),
)
"""Claims to test; some are naive on purpose, and false."""
