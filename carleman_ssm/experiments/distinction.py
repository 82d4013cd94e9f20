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
* Averaged over a response that lasts for *ever*, mode n gains $\bar b_n/(1 - \lambda_n) \cdot \sum_k u_k$: a linear
  readout sees nothing but the sum of inputs. Position and order survive an average over time because it ends before
  the wave has died out. After five silent revolutions $e^{-5}$ of it is left, enough for a readout if the noise is
  small, and drowned by noise of ordinary size.

Powers of waves are even in the input: they need no mean, and in turn cannot tell $u$ from $-u$.

**What it says about waves.** No readout of the ring beats the ideal observer of the input (`Task.ideal`), and what is
linear in the node contents is linear in the modes, the same numbers in another basis: it is the *state* that tells the
inputs apart, and its picture is a wave where the spectrum is S4D-Lin's. Without noise on the state and with unlimited
weights every ring with distinct modes would do, since its last N inputs can be solved for; float64 comes near that.
What waves are worth is a question of conditioning, of how much *noise on the state* a readout bears: Gaussian noise on
each number that is read, of standard deviation ε relative to the largest one. `conditioning` counts the directions of
the input that stand out above it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import sympy as sp

from carleman_ssm.experiments.claims import (
    CLAIMS,
    CONTROLLED,
    LINEAR,
    NOISE_LEVELS,
    REFERENCE_NOISE,
    RINGS,
    STATE_NOISES,
    WAVE_RING,
    Claim,
    Finding,
    Outcome,
    Setting,
)
from carleman_ssm.experiments.readouts import Readout, RingResponses, fit_ridge
from carleman_ssm.experiments.simple_inputs import SEQUENCES, STEPS, TASKS, Labels, draw
from carleman_ssm.networks.layers import Array
from carleman_ssm.rings.rings import Rings, model_rings
from carleman_ssm.rings.waves import LIN_REVOLUTION
from carleman_ssm.theory.initialisations import s4d_inv, s4d_lin, s4d_real
from carleman_ssm.theory.ring_modes import ANTIPERIODIC, COMPLEX, REAL


@dataclass(frozen=True)
class Distinction:
    """All outcomes of one run of the experiment."""

    seeds: tuple[int, ...]
    outcomes: tuple[Outcome, ...]

    def outcome(
        self,
        task: str,
        readout: Readout,
        noise: float = REFERENCE_NOISE,
        ring: str = WAVE_RING,
        state_noise: float = 0.0,
    ) -> Outcome:
        """What a readout reached on a task.

        Raises
        ------
        ValueError
            It was not measured.
        """
        return self.at(Setting(ring, task, readout, noise, state_noise))

    def at(self, setting: Setting) -> Outcome:
        """The outcome of a setting.

        Raises
        ------
        ValueError
            It was not measured.
        """
        for found in self.outcomes:
            if found.setting == setting:
                return found
        msg = f"{setting} was not measured"
        raise ValueError(msg)

    @property
    def verdicts(self) -> tuple[tuple[Claim, Outcome, Finding], ...]:
        """Every claim with what was measured and what that says about it."""
        found = [(claim, self.at(claim.setting)) for claim in CLAIMS]
        return tuple((claim, outcome, claim.judge(outcome)) for claim, outcome in found)

    def holds_at(self, claim: Claim) -> tuple[float, ...]:
        """The noise levels at which a claim holds, of those of the experiment and its own."""
        levels = sorted({*NOISE_LEVELS, claim.setting.noise})
        found = ((level, self.at(replace(claim.setting, noise=level))) for level in levels)
        return tuple(level for level, outcome in found if claim.judge(outcome) is Finding.HOLDS)


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


def conditioning(rings: Rings, length: int, precision: float) -> tuple[float, int]:
    r"""How well the last `length` inputs can be solved for from the node contents of one ring.

    Parameters
    ----------
    rings
        One channel.
    length
        How many inputs.
    precision
        Relative to the largest singular value; 0 stands for the rounding of float64.

    Returns
    -------
    tuple[float, int]
        Largest over smallest singular value of the map from inputs to node contents, and the number of singular
        values above `precision`. A ratio of $10^{16}$ or more says only that the map is singular in float64.
    """
    impulse = np.zeros((1, length, rings.channels))
    impulse[0, 0] = 1.0
    responses = rings.node_contents(impulse)[0, :, 0]
    values = np.linalg.svd(np.concatenate([responses.real, responses.imag], axis=1), compute_uv=False)
    ratio = float(values[0] / values[-1]) if values[-1] > 0 else float("inf")
    floor = max(precision, length * float(np.finfo(np.float64).eps))
    return ratio, int((values > floor * values[0]).sum())


def experiment() -> tuple[Setting, ...]:
    """All that is measured: tasks over the noise on the input, rings over the noise on the state, and the claims."""
    settings = [
        Setting(WAVE_RING, task.name, readout, sigma)
        for task in TASKS.values()
        for readout in task.readouts
        for sigma in NOISE_LEVELS
    ]
    settings += [
        Setting(ring, task, readout, REFERENCE_NOISE, epsilon)
        for ring in RINGS
        for task in CONTROLLED
        for readout in LINEAR
        for epsilon in STATE_NOISES
    ]
    for claim in CLAIMS:
        settings += [claim.setting, *(replace(claim.setting, noise=sigma) for sigma in NOISE_LEVELS)]
    return tuple(dict.fromkeys(settings))


def distinguish_inputs(seeds: Sequence[int], progress: Callable[[str], None] = lambda _: None) -> Distinction:
    """Run the experiment.

    Parameters
    ----------
    seeds
        At least two different ones; each draws its own training and test sequences.
    progress
        Called with a line of text as the work goes on.

    Returns
    -------
    Distinction
        Outcomes and verdicts, all of them measured.

    Raises
    ------
    ValueError
        Fewer than two different seeds, or a negative one.
    """
    return Distinction(tuple(seeds), measure(experiment(), seeds, progress))


def measure(
    settings: Sequence[Setting], seeds: Sequence[int], progress: Callable[[str], None] = lambda _: None
) -> tuple[Outcome, ...]:
    """Fit each readout on half of the sequences of each seed and score it on the other half.

    The draws of a seed are the same at all noise levels, so that curves over a level are smooth (and correlated).

    Raises
    ------
    ValueError
        Fewer than two different seeds (there is no interval), or a negative one.
    """
    if len(set(seeds)) < 2 or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        msg = f"give at least two seeds, different and not negative, so that accuracies have intervals; got {seeds}"
        raise ValueError(msg)
    runs: dict[tuple[str, str], list[Setting]] = {}
    for setting in settings:
        runs.setdefault((setting.ring, setting.task), []).append(setting)
    results: dict[Setting, list[tuple[float, float, float]]] = {setting: [] for setting in settings}
    for (ring, task), group in runs.items():
        progress(f"{task} on the ring of {ring}")
        for seed in seeds:
            signals, noise, labels = draw(TASKS[task], seed)
            responses = RingResponses(simple_ring(ring), signals, noise)
            for setting in group:
                features = responses.features(setting.readout, setting.noise)
                results[setting].append(_score(with_state_noise(features, setting.state_noise, seed), labels))
    return tuple(Outcome(setting, *map(tuple, zip(*found, strict=True))) for setting, found in results.items())


def with_state_noise(features: Array, relative: float, seed: int) -> Array:
    """Features with Gaussian noise of standard deviation `relative` times the largest one in training."""
    if relative == 0:
        return features
    noise = np.random.default_rng([seed, len(TASKS)]).standard_normal(features.shape)  # a stream that no task draws
    return np.asarray(features + relative * np.abs(features[:SEQUENCES]).max() * noise)


def _score(features: Array, labels: Labels) -> tuple[float, float, float]:
    readout = fit_ridge(features[:SEQUENCES], labels[:SEQUENCES], int(labels.max()) + 1)
    test = features[SEQUENCES:], labels[SEQUENCES:]
    return readout.accuracy(*test), readout.explained(*test), readout.penalty
