"""Which simple inputs a ring tells apart by which readout: the run, and the theorems that it should obey."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from carleman_ssm.experiments.claims import (
    AT_CHANCE,
    CLAIMS,
    CONTROLLED,
    FAINT_NOISE,
    LINEAR,
    NOISE_LEVELS,
    REFERENCE_NOISE,
    REFERENCE_STATE_NOISE,
    RINGS,
    STATE_NOISES,
    Claim,
    Finding,
    Outcome,
    Setting,
)
from carleman_ssm.experiments.distinction import (
    conditioning,
    distinguish_inputs,
    experiment,
    measure,
    simple_ring,
    with_state_noise,
)
from carleman_ssm.experiments.readouts import Readout, RingResponses, fit_ridge
from carleman_ssm.experiments.simple_inputs import SEQUENCES, STEPS, TASKS, draw

TWO, FOUR, SILENCE = "2 sines, random phase", "4 sines, random phase", "position, then silence"


@pytest.fixture(scope="module")
def distinction():
    return distinguish_inputs(range(6))


@pytest.mark.parametrize("name", TASKS)
def test_classes_are_balanced_in_training_and_test_and_draws_repeat(name):
    task = TASKS[name]
    signals, noise, labels = draw(task, 7)
    for half in (labels[:SEQUENCES], labels[SEQUENCES:]):
        assert (np.bincount(half) == SEQUENCES / len(task.classes)).all()
    again = draw(task, 7)
    other = draw(task, 8)
    assert all((a == b).all() for a, b in zip((signals, noise, labels), again, strict=True))
    assert (noise != other[1]).any()
    assert abs(noise.std() - 1) < 0.02


@pytest.mark.parametrize("name", ["impulse position", "sine, fixed phase", TWO, FOUR])
def test_signals_are_what_the_ideal_observer_assumes(name):
    """Orthogonal and of equal energy, E = 1 for an impulse and 63/2 for a sine (and for its cosine)."""
    task = TASKS[name]
    one_of_each = draw(task, 0)[0][: len(task.classes)]
    energy = 1.0 if "impulse" in name else STEPS / 2
    np.testing.assert_allclose(one_of_each @ one_of_each.T, energy * np.eye(len(task.classes)), atol=1e-12)


def test_random_phase_leaves_no_mean_and_the_order_of_pulses_one_that_changes_sign():
    labels = np.arange(4000) % 2
    sines = TASKS[TWO].signals(np.random.default_rng(0), labels)
    assert np.abs(sines[labels == 0].mean(axis=0)).max() < 5 / np.sqrt(2 * 2000)
    pulses = TASKS["order of two pulses"].signals
    np.testing.assert_array_equal(
        pulses(np.random.default_rng(1), labels), -pulses(np.random.default_rng(1), 1 - labels)
    )


def test_the_run_confirms_the_sound_claims_and_refutes_the_naive_ones(distinction):
    findings = [(claim, finding) for claim, _, finding in distinction.verdicts]
    refuted = {claim.setting for claim, finding in findings if finding is Finding.FAILS}
    assert Finding.UNDECIDED not in dict(findings).values()  # six seeds decide all of them
    assert refuted == {
        Setting("S4D-Lin", FOUR, Readout.LINEAR_MEAN),
        Setting("S4D-Lin", FOUR, Readout.LINEAR_LAST),
        Setting("S4D-Lin", "order of two pulses", Readout.QUADRATIC_MEAN),
        Setting("S4D-Lin", SILENCE, Readout.LINEAR_MEAN),
        Setting("S4D-Real", "impulse position", Readout.LINEAR_LAST, state_noise=REFERENCE_STATE_NOISE),
    }
    assert len(distinction.verdicts) == len(CLAIMS)


def test_one_noise_level_judges_every_claim_whose_sentence_names_no_other():
    for claim in CLAIMS:
        named = f"σ = {claim.setting.noise:g}" in claim.sentence
        assert named != (claim.setting.noise == REFERENCE_NOISE), claim
        assert (f"state noise {claim.setting.state_noise:g}" in claim.sentence) == (claim.setting.state_noise > 0)


def test_the_levels_at_which_a_claim_holds_are_those_at_which_it_is_judged_to(distinction):
    for claim, _, finding in distinction.verdicts:
        levels = distinction.holds_at(claim)
        assert (claim.setting.noise in levels) == (finding is Finding.HOLDS)
        for level in NOISE_LEVELS:
            outcome = distinction.at(replace(claim.setting, noise=level))
            assert (claim.judge(outcome) is Finding.HOLDS) == (level in levels)
    position = next(claim for claim in CLAIMS if claim.setting.task == "impulse position")
    assert 1.0 not in distinction.holds_at(position)  # where even the ideal observer is below 0.6


def test_in_float64_the_ring_without_waves_tells_what_the_others_tell(distinction):
    for ring in RINGS:
        for task in CONTROLLED:
            for readout in LINEAR:
                assert distinction.outcome(task, readout, ring=ring).interval[0] >= 0.97, (ring, task)


def test_a_grid_of_penalties_that_ends_early_would_deny_that_and_its_edge_says_so(monkeypatch):
    """The false twin: with no penalty below 1e-8 the ring without waves seems to forget the position."""
    monkeypatch.setattr("carleman_ssm.experiments.readouts.PENALTIES", tuple(10.0**e for e in range(-8, 5)))
    monkeypatch.setattr("carleman_ssm.experiments.claims.PENALTIES", (1e-8, 1e4))
    outcome = measure((Setting("S4D-Real", "impulse position", Readout.LINEAR_LAST),), (0, 1, 2))[0]
    assert outcome.accuracy < 0.95
    assert outcome.at_edge[0] == 3


def test_noise_on_the_state_costs_the_ring_without_waves_first(distinction):
    for task in CONTROLLED:
        clean, *noisy = (
            [distinction.outcome(task, Readout.LINEAR_LAST, ring=ring, state_noise=noise) for ring in RINGS]
            for noise in STATE_NOISES
        )
        for outcomes in noisy:
            lin, inv, real = outcomes
            assert min(lin.accuracy, inv.accuracy) >= real.accuracy
            assert min(lin.interval[0], inv.interval[0]) > 0.97
        assert clean[2].interval[0] > noisy[-1][2].interval[1] + 0.05


def test_no_fit_wants_a_smaller_penalty_and_only_drowned_ones_the_largest(distinction):
    assert all(outcome.at_edge[0] == 0 for outcome in distinction.outcomes)
    edges = [outcome for outcome in distinction.outcomes if outcome.at_edge[1]]
    assert edges
    assert all(outcome.accuracy < 0.55 for outcome in edges)


def test_no_readout_beats_the_ideal_observer_and_linear_ones_come_near(distinction):
    compared = 0
    for found in distinction.outcomes:
        task = TASKS[found.setting.task]
        if task.ideal is not None:
            ideal, compared = task.ideal(found.setting.noise, len(task.classes)), compared + 1
            assert found.interval[0] <= ideal, found
    assert compared > 80
    for name in ("impulse position", "sine, fixed phase"):
        found = distinction.outcome(name, Readout.LINEAR_LAST)
        assert found.accuracy > TASKS[name].ideal(REFERENCE_NOISE, len(TASKS[name].classes)) - 0.02


def test_least_squares_explains_nothing_without_a_class_mean_and_powers_do(distinction):
    for name in (TWO, FOUR):
        for readout in LINEAR:
            assert max(distinction.outcome(name, readout).explained) < 0.02
        assert min(distinction.outcome(name, Readout.QUADRATIC_MEAN).explained) > 0.9


def test_an_argmax_over_four_classes_beats_chance_on_scores_that_explain_nothing(distinction):
    found = distinction.outcome(FOUR, Readout.LINEAR_LAST)
    assert found.interval[0] > found.chance + 0.05
    assert max(found.explained) < 0.02


def test_the_reason_is_that_the_noise_of_a_class_points_along_its_own_waves():
    """The score of a class spreads more over its own sequences than over others'; two classes share one score."""
    task = TASKS[FOUR]
    larger = []
    for seed in range(6):
        signals, noise, labels = draw(task, seed)
        features = RingResponses(simple_ring("S4D-Lin"), signals, noise).features(LINEAR[0], 0.1)
        scores = fit_ridge(features[:SEQUENCES], labels[:SEQUENCES], 4)(features[SEQUENCES:])
        spread = np.array([scores[labels[SEQUENCES:] == own].std(axis=0) for own in range(4)])
        others = (spread.sum(axis=0) - np.diag(spread)) / 3
        larger.append(np.diag(spread) / others)
    assert np.mean(larger) > 1.5


def test_more_training_data_does_not_bring_that_back_to_chance(monkeypatch):
    monkeypatch.setattr("carleman_ssm.experiments.simple_inputs.SEQUENCES", 1500)
    monkeypatch.setattr("carleman_ssm.experiments.distinction.SEQUENCES", 1500)
    four, two = (Setting("S4D-Lin", task, Readout.LINEAR_LAST) for task in (FOUR, TWO))
    found, other = measure((four, two), (0, 1, 2))
    assert found.accuracy > 0.35
    assert np.abs(found.explained).max() < 0.01
    assert abs(other.accuracy - 0.5) < 0.04


def test_wave_powers_do_not_know_the_order_of_pulses(distinction):
    """Down-up is minus up-down, and powers are even: at chance, and not by bad luck."""
    for readout in (Readout.QUADRATIC_LAST, Readout.QUADRATIC_MEAN):
        for sigma in NOISE_LEVELS:
            assert abs(distinction.outcome("order of two pulses", readout, sigma).accuracy - 0.5) < 0.06


def pooled(u):
    responses = RingResponses(simple_ring("S4D-Lin"), u, np.zeros_like(u))
    return u.shape[1] * responses.features(Readout.LINEAR_MEAN, 0.0)


def test_over_the_whole_response_only_the_sum_of_the_input_is_left():
    generator = np.random.default_rng(3)
    u = np.zeros((4, 41 * STEPS))  # e^-40 of the waves is left at the end
    u[:3, :STEPS] = generator.standard_normal((3, STEPS))
    u[3, 0] = 1.0
    ring = simple_ring("S4D-Lin")
    modes = u.sum(axis=1)[:, None] * (ring.input_vector / (1 - ring.multipliers))[0]
    expected = (modes @ ring.waves.conj().T).real / ring.nodes
    np.testing.assert_allclose(pooled(u), expected, atol=1e-11)


def test_after_five_silent_revolutions_a_trace_is_left_that_faint_noise_does_not_hide(distinction):
    """Not "nothing but the sum": e^-5 to e^-6 of the wave tells the position, if little else does."""
    early, late = np.zeros((2, 1, 6 * STEPS))
    early[0, 8], late[0, 55] = 1.0, 1.0
    trace, whole = np.abs(pooled(early) - pooled(late)).max(), np.abs(pooled(early)).max()
    assert np.exp(-6) < trace / whole < np.exp(-5)
    found = distinction.outcome(SILENCE, Readout.LINEAR_MEAN, FAINT_NOISE)
    assert found.interval[0] > 0.99
    assert distinction.outcome(SILENCE, Readout.LINEAR_MEAN).interval[1] < 0.3


def test_within_one_revolution_the_time_mean_still_knows_the_position():
    early, late = np.zeros((2, 1, STEPS))
    early[0, 8], late[0, 40] = 1.0, 1.0
    assert np.abs(pooled(early) - pooled(late)).max() > 0.5


def symmetric_responses(sigma=0.0):
    """Responses to sines of random phase, each with its negative: exactly symmetric about zero."""
    task, count = TASKS[TWO], 2000
    labels = np.arange(count) % 2
    generator = np.random.default_rng(9)
    u = task.signals(generator, labels) + sigma * generator.standard_normal((count, STEPS))
    features = RingResponses(simple_ring("S4D-Lin"), u, np.zeros_like(u)).features(Readout.LINEAR_LAST, 0.0)
    return np.concatenate([features, -features]), np.concatenate([labels, labels])


SYMMETRIC = symmetric_responses()


def accuracy(scores, labels):
    """Of a threshold at zero, with the better of the two namings."""
    right = np.mean((scores > 0) == (labels == 1))
    return max(right, 1 - right)


@given(seed=st.integers(0, 2**32 - 1), shift=st.sampled_from([0.0, 1e-3, 0.1, 0.7, 3.0]))
def test_no_linear_score_has_a_smaller_convex_loss_than_a_constant_nor_an_accuracy_above_three_quarters(seed, shift):
    features, labels = SYMMETRIC
    direction = np.random.default_rng(seed).standard_normal(features.shape[1])
    scores = features @ direction + shift
    margins = np.where(labels == 1, scores, -scores)
    assert np.logaddexp(0, -margins).mean() >= np.log(2) * (1 - 1e-12)
    assert np.maximum(0, 1 - margins).mean() >= 1 - 1e-12
    assert np.square(1 - margins).mean() >= 1 - 1e-12
    assert accuracy(scores, labels) <= 0.75


def test_the_naive_claim_that_no_linear_threshold_beats_chance_is_false():
    """Silence the one frequency: a threshold then finds half of the other, 3/4 in all."""
    features, labels = SYMMETRIC
    silent = np.linalg.svd(features[labels == 0])[2][2:]  # sines of one frequency span two dimensions
    heard = features @ silent.T @ silent
    direction = np.linalg.svd(heard[labels == 1], full_matrices=False)[2][0]
    scores = heard @ direction
    low = 1e-6 * np.abs(scores).max()
    assert 0.74 < accuracy(scores - low, labels) <= 0.75
    assert accuracy(scores * 0 - 1, labels) == 0.5


def test_a_linear_threshold_that_is_no_least_squares_beats_chance_on_test_data():
    """So "at chance" is a claim about least squares: a direction along which one class spreads more does better."""
    shares = []
    for seed in range(4):
        signals, noise, labels = draw(TASKS[TWO], seed)
        features = RingResponses(simple_ring("S4D-Lin"), signals, noise).features(Readout.LINEAR_LAST, 0.5)
        train, test = features[:SEQUENCES], features[SEQUENCES:]
        own, other = (np.cov(train[labels[:SEQUENCES] == label].T) for label in (0, 1))
        loud = linalg.eigh(own, other + 1e-3 * np.trace(other) / 63 * np.eye(63))[1][:, -1]
        levels = np.sort(train @ loud)
        right = [np.mean((train @ loud > level) == (labels[:SEQUENCES] == 0)) for level in levels]
        shares.append(np.mean((test @ loud > levels[np.argmax(right)]) == (labels[SEQUENCES:] == 0)))
    assert 0.6 < np.mean(shares) <= 0.76


def test_a_class_mean_breaks_the_bound():
    """The false twin: with a fixed phase the same ring has scores of far smaller loss."""
    task = TASKS["sine, fixed phase"]
    u = task.signals(np.random.default_rng(0), np.array([0, 1]))
    features = RingResponses(simple_ring("S4D-Lin"), u, np.zeros_like(u)).features(Readout.LINEAR_LAST, 0.0)
    direction = features[1] - features[0]
    margins = (features @ direction - features.mean(axis=0) @ direction) * np.array([-1, 1])
    assert np.logaddexp(0, -100 * margins / margins.max()).mean() < 1e-6


def test_conditioning_of_the_rigid_ring_is_its_damping_and_of_a_real_spectrum_hopeless():
    ratio, kept = conditioning(simple_ring("S4D-Lin"), STEPS, 0.01)
    assert ratio == pytest.approx(np.exp((STEPS - 1) / STEPS), rel=1e-12)  # node j holds e^(-j/63) u (T3)
    assert kept == STEPS
    assert conditioning(simple_ring("S4D-Real"), STEPS, 0.0)[0] > 1e12
    above = [[conditioning(simple_ring(ring), STEPS, noise)[1] for noise in STATE_NOISES] for ring in RINGS[1:]]
    assert all(row == sorted(row, reverse=True) for row in above)
    assert min(above[0]) > 40 > 30 > max(above[1])


def test_noise_on_the_state_has_the_stated_size_and_is_the_same_at_every_level():
    features = np.random.default_rng(0).standard_normal((2 * SEQUENCES, 63))
    largest = np.abs(features[:SEQUENCES]).max()
    faint, loud = (with_state_noise(features, noise, 3) - features for noise in (1e-3, 1e-2))
    assert faint.std() == pytest.approx(1e-3 * largest, rel=0.02)
    np.testing.assert_allclose(loud, 10 * faint, atol=1e-14)
    assert with_state_noise(features, 0.0, 3) is features
    assert np.abs(with_state_noise(features, 1e-3, 4) - features - faint).max() > 1e-3


def test_the_rigid_ring_is_rigid_and_the_others_are_not():
    impulse = np.eye(1, 20)[:, :, None]
    for name in RINGS:
        h = np.abs(simple_ring(name).node_contents(impulse)[0, -1, 0]) ** 2
        spread = h.sum() ** 2 / (h**2).sum()
        assert (spread < 1 + 1e-9) if name == "S4D-Lin" else (spread > 2), name
    with pytest.raises(ValueError, match="choose one of S4D-Lin"):
        simple_ring("S4D-Fou")


def test_the_same_seeds_give_the_same_numbers_and_others_others(distinction):
    setting = Setting("S4D-Lin", "order of two pulses", Readout.LINEAR_MEAN, 0.2)
    again = measure((setting,), range(6))[0]
    assert again == distinction.at(setting)
    other = measure((setting,), range(6, 12))[0]
    assert other.accuracies != again.accuracies


def test_test_sequences_are_not_seen_in_training():
    """A readout with more features than training sequences fits labels drawn by lot, and tests at chance."""
    generator = np.random.default_rng(4)
    features, labels = generator.standard_normal((120, 200)), generator.integers(0, 2, 120)
    fitted = fit_ridge(features[:60], labels[:60], 2)
    assert 0.25 < fitted.accuracy(features[60:], labels[60:]) < 0.75


CLAIM = Claim("at chance", Setting("S4D-Lin", TWO, Readout.LINEAR_MEAN), told_apart=False)


def judged(accuracies, told_apart):
    """The finding, and that nothing but the interval decides it."""
    nothing = (0.0,) * len(accuracies)
    outcome = Outcome(CLAIM.setting, accuracies, explained=nothing, penalties=nothing)
    return replace(CLAIM, told_apart=told_apart).judge(outcome), outcome.interval


@pytest.mark.parametrize(
    ("accuracies", "apart", "at_chance"),
    [
        ((0.5, 0.52, 0.48), "fails", "holds"),
        ((0.97, 0.98, 0.96), "holds", "fails"),
        ((1.0, 1.0, 0.7), "undecided", "undecided"),  # mean 0.9, but who knows
        ((0.2, 0.8), "undecided", "undecided"),  # two seeds that disagree: everything is in the interval
        ((0.56, 0.44, 0.5), "fails", "undecided"),  # chance is in the interval, and so is much else
        ((0.9, 0.9), "undecided", "fails"),
    ],
)
def test_claims_are_judged_by_the_whole_interval(accuracies, apart, at_chance):
    found, interval = judged(accuracies, told_apart=True)
    assert found == apart, interval
    found, interval = judged(accuracies, told_apart=False)
    assert found == at_chance, interval


def test_near_chance_is_not_chance_once_the_interval_excludes_it():
    found, (low, high) = judged((0.53,) * 20, told_apart=False)
    assert low > 0.5
    assert high < 0.5 + AT_CHANCE
    assert found is Finding.FAILS


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.booleans())
def test_a_finding_is_one_of_three_and_never_certain_on_a_wide_interval(accuracies, told_apart):
    found, (low, high) = judged(tuple(accuracies), told_apart)
    if told_apart:
        expected = "holds" if low >= 0.9 else "fails" if high < 0.9 else "undecided"
    else:
        expected = "fails" if low > 0.5 or high < 0.5 else "holds" if 0.45 <= low <= high <= 0.55 else "undecided"
    assert found == expected
    if high - low > 2 * AT_CHANCE:
        assert told_apart or found is not Finding.HOLDS


def test_two_seeds_do_not_confirm_ignorance():
    """The old rule, that an interval which contains chance confirms it, would: it is as wide as (0.03, 1)."""
    claim = next(one for one in CLAIMS if one.setting.task == TWO and not one.told_apart)
    outcome = measure((claim.setting,), (0, 1))[0]
    assert outcome.interval[0] <= outcome.chance <= outcome.interval[1]
    assert claim.judge(outcome) is Finding.UNDECIDED


@pytest.mark.parametrize(
    "wrong",
    [
        {"task": "no task"},
        {"readout": Readout.QUADRATIC_MEAN, "task": SILENCE},
        {"ring": "S4D-Fou"},
        {"noise": 0.0},
        {"state_noise": -1e-3},
        {"noise": float("nan")},
    ],
)
def test_what_cannot_be_measured_is_no_setting(wrong):
    with pytest.raises(ValueError, match="cannot be measured"):
        replace(Setting("S4D-Lin", TWO, Readout.LINEAR_MEAN), **wrong)


def test_noise_on_the_state_is_for_linear_readouts():
    with pytest.raises(ValueError, match="for linear readouts"):
        Setting("S4D-Lin", TWO, Readout.QUADRATIC_MEAN, state_noise=1e-3)


def test_everything_is_measured_once():
    settings = experiment()
    assert len(set(settings)) == len(settings)
    assert {claim.setting for claim in CLAIMS} <= set(settings)


@pytest.mark.parametrize("wrong", [{"classes": ("one",)}, {"readouts": ()}])
def test_a_task_needs_classes_and_a_readout(wrong):
    with pytest.raises(ValueError, match="a task needs two classes"):
        replace(TASKS[TWO], **wrong)


@pytest.mark.parametrize("seeds", [(), (1,), (1, 1), (-1, 2)])
def test_without_two_seeds_there_is_no_experiment(seeds):
    with pytest.raises(ValueError, match="at least two seeds"):
        distinguish_inputs(seeds)


def test_what_was_not_measured_is_not_made_up(distinction):
    with pytest.raises(ValueError, match="was not measured"):
        distinction.outcome(CONTROLLED[0], Readout.LINEAR_LAST, noise=0.15)


def test_progress_names_each_ring_and_task_once():
    said = []
    settings = [Setting(ring, CONTROLLED[0], Readout.LINEAR_LAST, sigma) for ring in RINGS[::2] for sigma in (0.1, 0.2)]
    measure(settings, (0, 1), said.append)
    assert said == [f"{CONTROLLED[0]} on the ring of {ring}" for ring in RINGS[::2]]
