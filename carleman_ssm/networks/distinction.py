r"""Do the waves in a ring tell simple inputs apart? Claims, and the experiment that may refute them.

**What a linear readout can and cannot do.** The ring is linear, so node contents, at one step or averaged over time,
are a linear map $\varphi = Gu$ of the input, and the mean over a class of the scores $w^T\varphi + b$ depends on that
class only through its *mean input* $E[u \mid \text{class}]$. When all classes have the same mean input (sines of random
phase: zero), Jensen's inequality bounds the expected loss of any such scores below by that of a constant, for every
convex loss: with ever more sequences least squares returns the constant, $R^2 = 0$. Three remarks keep this honest.

* It is a statement about the fit, not about all hyperplanes. For two classes whose features are symmetric about
  zero a linear threshold may still use their *spread*, with an accuracy of at most 3/4: one side of it is wrong for at
  least half of one class.
* With more than two classes and an argmax the accuracy exceeds chance although $R^2 \le 0$: the fitted weights of a
  class are sampling noise, but noise that points along the waves of that class, so that its score is large for its own
  sequences, with the right sign in half of the cases. More training data does not mend this: an argmax ignores the
  size of the scores. (Two classes leave an effect of the order of the offset only, which does shrink.)
* Averaged over the *whole* response, until the ring is silent, mode n has gained
  $\bar b_n/(1 - \lambda_n) \cdot \sum_k u_k$: a linear readout sees nothing but the sum of inputs. Position and order
  survive an average over time only because it ends before the wave has died out.

Powers of waves are even in the input: they need no mean, and in turn cannot tell $u$ from $-u$.

**What it says about waves.** No readout of the ring beats the ideal observer of the input (`Task.ideal`), and what is
linear in the node contents is linear in the modes, the same numbers in another basis: it is the *state* that tells the
inputs apart, and its picture is a wave where the spectrum is S4D-Lin's. `control_rings` ask what that is worth:
without noise in the ring itself and with unlimited weights every ring with distinct modes would do, since its last N
inputs can be solved for; `conditioning` says how well.

**Why there are three verdicts.** An interval that contains chance is no evidence of chance: with two seeds it contains
nearly everything, and a claim of ignorance would be confirmed by measuring little. So a claim of chance holds only when
the whole interval lies within `AT_CHANCE` of it (an equivalence test), fails when the interval excludes it, and is
undecided in between; a claim of telling apart is undecided when its threshold lies within the interval. More seeds
decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
import sympy as sp

from carleman_ssm.networks.detection import confidence_interval
from carleman_ssm.networks.layers import Array
from carleman_ssm.networks.readouts import Readout, RingResponses, fit_ridge
from carleman_ssm.networks.rings import Rings, model_rings
from carleman_ssm.networks.simple_inputs import SEQUENCES, STEPS, TASKS, Labels, Task, draw
from carleman_ssm.networks.waves import LIN_REVOLUTION
from carleman_ssm.theory.initialisations import s4d_inv, s4d_lin, s4d_real
from carleman_ssm.theory.ring_modes import ANTIPERIODIC, COMPLEX, REAL

NOISE_LEVELS = (0.1, 0.2, 0.5, 1.0, 2.0)
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
class Outcome:
    """What one readout reached on one task at one noise level: accuracy and R² on the test sequences of each seed."""

    ring: str
    task: str
    readout: Readout
    noise: float
    accuracies: tuple[float, ...]
    explained: tuple[float, ...]

    @property
    def chance(self) -> float:
        """1 / number of classes of the task."""
        return TASKS[self.task].chance

    @property
    def accuracy(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.accuracies))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the accuracy, see `confidence_interval`."""
        return confidence_interval(self.accuracies, SEQUENCES)


class Finding(StrEnum):
    """What the experiment says about a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Claim:
    """A sentence about a readout of a ring on a task at its reference noise, which the experiment may refute.

    Raises
    ------
    ValueError
        The experiment does not measure that.
    """

    sentence: str
    task: str
    readout: Readout
    told_apart: bool
    ring: str = WAVE_RING

    def __post_init__(self) -> None:
        measured = self.task in TASKS and self.readout in TASKS[self.task].readouts and self.ring in RINGS
        if not measured or (self.ring != WAVE_RING and (self.task not in CONTROLLED or self.readout not in LINEAR)):
            msg = f"{self.sentence!r} cannot be tested: {self.readout} of {self.ring} on {self.task!r} is not measured"
            raise ValueError(msg)

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


_POSITION, _PHASED, _ORDER = CONTROLLED
_TWO, _FOUR, _SILENCE = "2 sines, random phase", "4 sines, random phase", "position, then silence"

CLAIMS = (
    Claim("node contents at the last step tell where an impulse was", _POSITION, Readout.LINEAR_LAST, True),
    Claim("so does their time mean", _POSITION, Readout.LINEAR_MEAN, True),
    Claim("node contents at the last step tell the frequency of a sine", _PHASED, Readout.LINEAR_LAST, True),
    Claim("so does their time mean", _PHASED, Readout.LINEAR_MEAN, True),
    Claim("node contents at the last step tell the order of two pulses", _ORDER, Readout.LINEAR_LAST, True),
    Claim("so does their time mean", _ORDER, Readout.LINEAR_MEAN, True),
    Claim("random phase, two frequencies: a linear readout is at chance", _TWO, Readout.LINEAR_MEAN, False),
    Claim("... and time means of wave powers tell them", _TWO, Readout.QUADRATIC_MEAN, True),
    Claim("random phase, four frequencies: linear at chance", _FOUR, Readout.LINEAR_MEAN, False),
    Claim("... also at the last step", _FOUR, Readout.LINEAR_LAST, False),
    Claim("... and time means of wave powers tell them", _FOUR, Readout.QUADRATIC_MEAN, True),
    Claim("wave powers tell all that node contents tell", _ORDER, Readout.QUADRATIC_MEAN, True),
    Claim("a time mean over the whole response keeps the position", _SILENCE, Readout.LINEAR_MEAN, True),
    Claim("waves that spread (S4D-Inv) tell the position too", _POSITION, Readout.LINEAR_LAST, True, "S4D-Inv"),
    Claim("a ring without waves (S4D-Real) tells the position too", _POSITION, Readout.LINEAR_LAST, True, "S4D-Real"),
)
"""Claims to test; some are naive on purpose, and false."""


@dataclass(frozen=True)
class Distinction:
    """All outcomes of one run of the experiment."""

    seeds: tuple[int, ...]
    outcomes: tuple[Outcome, ...]

    def outcome(self, task: str, readout: Readout, noise: float | None = None, ring: str = WAVE_RING) -> Outcome:
        """The outcome of a readout on a task, by default at the task's reference noise.

        Raises
        ------
        ValueError
            It was not measured.
        """
        sigma = TASKS[task].noise if noise is None else noise
        for found in self.outcomes:
            if (found.ring, found.task, found.readout, found.noise) == (ring, task, readout, sigma):
                return found
        msg = f"{ring}, {task}, {readout} at noise {sigma} was not measured"
        raise ValueError(msg)

    @property
    def verdicts(self) -> tuple[tuple[Claim, Outcome, Finding], ...]:
        """Every claim with what was measured and what that says about it."""
        found = [(claim, self.outcome(claim.task, claim.readout, ring=claim.ring)) for claim in CLAIMS]
        return tuple((claim, outcome, claim.judge(outcome)) for claim, outcome in found)


@cache
def simple_ring(name: str) -> Rings:
    """A ring of 63 nodes (64 for S4D-Inv, which needs the anti-periodic closure) with dt = 2/63 and input 1.

    ``"S4D-Lin"`` has rigid waves (one node per step, one revolution in 63 steps), ``"S4D-Inv"`` waves that spread,
    ``"S4D-Real"`` none (THEORY T6).

    Raises
    ------
    ValueError
        Another name.
    """
    stored = (STEPS + 1) // 2
    known = {
        "S4D-Lin": (s4d_lin, stored, REAL),
        "S4D-Inv": (s4d_inv, stored, ANTIPERIODIC),
        "S4D-Real": (s4d_real, STEPS, COMPLEX),
    }
    if name not in known:
        msg = f"unknown ring {name!r}; choose one of {', '.join(RINGS)}"
        raise ValueError(msg)
    build, states, closure = known[name]
    return model_rings(build(states, output_vector=(sp.S.One,) * states), LIN_REVOLUTION / STEPS, closure=closure)


def conditioning(rings: Rings, length: int) -> tuple[float, int]:
    r"""How well the last `length` inputs can be solved for from the node contents of one ring.

    Returns
    -------
    tuple[float, int]
        Largest over smallest singular value of the map from inputs to node contents, and the number of singular
        values above $10^{-4}$ of the largest, which is what the smallest ridge penalty leaves alone. A ratio of
        $10^{16}$ or more says only that the map is singular in float64.
    """
    impulse = np.zeros((1, length, rings.channels))
    impulse[0, 0] = 1.0
    responses = rings.node_contents(impulse)[0, :, 0]
    values = np.linalg.svd(np.concatenate([responses.real, responses.imag], axis=1), compute_uv=False)
    ratio = float(values[0] / values[-1]) if values[-1] > 0 else float("inf")
    return ratio, int((values > 1e-4 * values[0]).sum())


def distinguish_inputs(seeds: Sequence[int], progress: Callable[[str], None] = lambda _: None) -> Distinction:
    """Run the experiment: all tasks on the ring of S4D-Lin over the noise levels, some on the control rings.

    Parameters
    ----------
    seeds
        At least two different ones; each draws its own training and test sequences.
    progress
        Called with a line of text as the work goes on.

    Raises
    ------
    ValueError
        Fewer than two different seeds, or a negative one.
    """
    found: list[Outcome] = []
    for task in TASKS.values():
        progress(f"{task.name} on the ring of {WAVE_RING}")
        found += run_task(task, WAVE_RING, seeds, NOISE_LEVELS, task.readouts)
    for ring in RINGS[1:]:
        for name in CONTROLLED:
            progress(f"{name} on the ring of {ring}")
            found += run_task(TASKS[name], ring, seeds, (TASKS[name].noise,), LINEAR)
    return Distinction(tuple(seeds), tuple(found))


def run_task(
    task: Task, ring: str, seeds: Sequence[int], noise_levels: Sequence[float], readouts: Sequence[Readout]
) -> tuple[Outcome, ...]:
    """Fit the readouts on half of the sequences of each seed and score them on the other half.

    The draws of a seed are the same at each noise level, so that curves over the level are smooth (and correlated).

    Raises
    ------
    ValueError
        Fewer than two different seeds (there is no interval), or a negative one.
    """
    if len(set(seeds)) < 2 or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        msg = f"give at least two seeds, different and not negative, so that accuracies have intervals; got {seeds}"
        raise ValueError(msg)
    scores: dict[tuple[Readout, float], list[tuple[float, float]]] = {
        (readout, sigma): [] for readout in readouts for sigma in noise_levels
    }
    for seed in seeds:
        signals, noise, labels = draw(task, seed)
        responses = RingResponses(simple_ring(ring), signals, noise)
        for (readout, sigma), results in scores.items():
            results.append(_score(responses.features(readout, sigma), labels, len(task.classes)))
    return tuple(
        Outcome(ring, task.name, readout, sigma, *map(tuple, zip(*results, strict=True)))
        for (readout, sigma), results in scores.items()
    )


def _score(features: Array, labels: Labels, classes: int) -> tuple[float, float]:
    readout = fit_ridge(features[:SEQUENCES], labels[:SEQUENCES], classes)
    test = features[SEQUENCES:], labels[SEQUENCES:]
    return readout.accuracy(*test), readout.explained(*test)
