"""Ideal observers against simulated ones, and intervals against SciPy's and against their own promise."""

import numpy as np
import pytest
from scipy import special, stats

from carleman_ssm.experiments.detection import confidence_interval, known_signal_accuracy, unknown_phase_accuracy

TRIALS = 20_000


def simulated(generator, noise, classes, *, random_phase):
    """Share of right answers of matched filters on sines of 3, 4, … cycles in 31 steps, energy 15.5."""
    steps, cycles = 31, 3 + np.arange(classes)
    labels = generator.integers(0, classes, TRIALS)
    phase = 2 * np.pi * generator.random(TRIALS) * random_phase
    turns = np.outer(cycles, np.arange(steps)) / steps
    x = np.sin(2 * np.pi * turns[labels] + phase[:, None]) + noise * generator.standard_normal((TRIALS, steps))
    filters = np.exp(2j * np.pi * turns)
    scores = np.abs(x @ filters.T) if random_phase else x @ filters.imag.T
    return np.mean(scores.argmax(axis=1) == labels)


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize("noise", [1.5, 3.0, 8.0])
@pytest.mark.parametrize(("random_phase", "formula"), [(False, known_signal_accuracy), (True, unknown_phase_accuracy)])
def test_the_ideal_observer_is_what_matched_filters_reach(classes, noise, random_phase, formula):
    expected = formula(15.5, noise, classes)
    measured = simulated(np.random.default_rng(5), noise, classes, random_phase=random_phase)
    assert abs(measured - expected) <= 4.5 * np.sqrt(expected * (1 - expected) / TRIALS)  # 18 comparisons


def test_not_knowing_the_phase_costs_accuracy():
    """The false twin: one formula for both would be wrong by far more than the simulation errs."""
    assert known_signal_accuracy(15.5, 3.0, 3) - unknown_phase_accuracy(15.5, 3.0, 3) > 0.1


@pytest.mark.parametrize("noise", [0.3, 1.0, 4.0])
def test_two_classes_have_textbook_formulas(noise):
    assert known_signal_accuracy(2.5, noise, 2) == pytest.approx(special.ndtr(np.sqrt(2.5 / 2) / noise), abs=1e-13)
    assert unknown_phase_accuracy(2.5, noise, 2) == pytest.approx(1 - np.exp(-2.5 / (4 * noise**2)) / 2, abs=1e-13)


@pytest.mark.parametrize("formula", [known_signal_accuracy, unknown_phase_accuracy])
def test_drowned_signals_leave_chance_and_clear_ones_certainty(formula):
    assert formula(1.0, 1e5, 7) == pytest.approx(1 / 7, abs=1e-4)
    assert formula(1.0, 1e-2, 7) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("wrong", [(0.0, 1.0, 2), (1.0, 0.0, 2), (1.0, 1.0, 1)])
@pytest.mark.parametrize("formula", [known_signal_accuracy, unknown_phase_accuracy])
def test_what_is_no_detection_problem_is_refused(formula, wrong):
    with pytest.raises(ValueError, match="positive energy and noise"):
        formula(*wrong)


@pytest.mark.parametrize("counts", [[90, 95, 99], [50, 50], [100, 100, 100], [0, 0], [3, 80, 97, 55]])
def test_the_interval_is_the_hull_of_scipy_s_two(counts):
    shares = np.array(counts) / 100
    wilson = stats.binomtest(sum(counts), 100 * len(counts)).proportion_ci(method="wilson")
    spread = 0.0 if shares.std() == 0 else stats.t.ppf(0.975, len(counts) - 1) * stats.sem(shares)
    low, high = confidence_interval(shares, 100)
    assert low == pytest.approx(max(0.0, min(wilson.low, shares.mean() - spread)), abs=1e-12)
    assert high == pytest.approx(min(1.0, max(wilson.high, shares.mean() + spread)), abs=1e-12)


def test_it_covers_the_true_accuracy_where_runs_differ_and_wilson_alone_does_not():
    generator = np.random.default_rng(8)
    truth, covered, by_wilson = 0.8, 0, 0
    for _ in range(1000):
        counts = generator.binomial(200, generator.beta(32, 8, size=10))  # readouts differ: sd 0.06 about 0.8
        low, high = confidence_interval(counts / 200, 200)
        wilson = stats.binomtest(int(counts.sum()), 2000).proportion_ci(method="wilson")
        covered += low <= truth <= high
        by_wilson += wilson.low <= truth <= wilson.high
    assert covered >= 935  # 95 % of 1000, less two standard errors
    assert by_wilson <= 800


@pytest.mark.parametrize(("shares", "trials"), [([0.5], 10), ([], 10), ([0.5, 1.2], 10), ([0.5, 0.5], 0)])
def test_one_run_has_no_interval(shares, trials):
    with pytest.raises(ValueError, match="at least two runs"):
        confidence_interval(shares, trials)
