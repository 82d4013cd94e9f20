"""Intervals of accuracies and of their differences: coverage by simulation, and what they must never claim."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from carleman_ssm.experiments.accuracies import Scores, difference_interval
from carleman_ssm.experiments.detection import wilson_interval


def scores(*rows):
    return Scores(np.array(rows, dtype=bool))


@given(st.integers(1, 500), st.floats(0, 1))
def test_wilsons_interval_is_where_the_score_test_accepts(trials, share):
    """Second route: the ends solve |share − p| = z √(p(1 − p)/n)."""
    low, high = wilson_interval(share, trials)
    z = stats.norm.ppf(0.975)

    def excess(p):
        return (share - p) ** 2 - z**2 * p * (1 - p) / trials

    for end in (low, high):
        assert -1e-12 <= end <= 1 + 1e-12
        assert abs(excess(end)) < 1e-12


def test_wilsons_interval_agrees_with_scipy():
    for right, items in ((0, 40), (38, 40), (40, 40), (170, 242)):
        expected = stats.binomtest(right, items).proportion_ci(method="wilson")
        assert wilson_interval(right / items, items) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_three_seeds_on_one_test_set_are_not_three_test_sets():
    row = np.arange(40) % 10 != 0
    three = scores(row, row, row)
    assert three.interval == pytest.approx(wilson_interval(0.9, 40))
    pooled = wilson_interval(0.9, 120)
    assert three.interval[0] < pooled[0]
    assert three.interval[1] > pooled[1]


def test_seeds_that_differ_widen_the_interval_to_students():
    rows = [np.arange(1000) < right for right in (500, 700, 900)]
    shares = [0.5, 0.7, 0.9]
    expected = stats.t.interval(0.95, 2, loc=0.7, scale=np.std(shares, ddof=1) / np.sqrt(3))
    found = scores(*rows)
    assert found.interval == pytest.approx((max(0, expected[0]), min(1, expected[1])), abs=1e-9)


@given(st.integers(1, 3), st.integers(2, 60), st.randoms(use_true_random=False))
def test_the_difference_is_antisymmetric_and_holds_the_measured_one(runs, items, random):
    generator = np.random.default_rng(random.randrange(2**32))
    a, b = (Scores(generator.random((runs, items)) < generator.choice([0.0, 0.3, 0.9, 1.0])) for _ in range(2))
    low, high = difference_interval(a, b)
    assert low - 1e-12 <= a.accuracy - b.accuracy <= high + 1e-12
    assert difference_interval(b, a) == pytest.approx((-high, -low), abs=1e-12)
    assert -1 <= low <= high <= 1


def test_equal_answers_still_leave_a_doubt_that_shrinks_with_the_items():
    """A t interval of a constant difference has no width; that would call 40 items proof."""
    widths = []
    for items in (40, 400, 4000):
        row = np.arange(items) % 5 != 0
        low, high = difference_interval(scores(row), scores(row))
        assert low < 0 < high
        widths.append(high - low)
    assert widths[0] > 2 * widths[1] > 4 * widths[2]


def _paired(generator, items, p, q, together):
    """Answers of two classifiers right with probabilities p and q, and both with `together`."""
    draw = generator.random(items)
    a = draw < p
    return a, (draw < together) | ((draw >= p) & (draw < p + q - together))


@pytest.mark.parametrize(("items", "p", "q", "together"), [(40, 0.95, 0.8, 0.79), (242, 0.7, 0.42, 0.35)])
def test_the_interval_of_one_run_each_covers_the_true_difference(items, p, q, together):
    generator, covered, tries = np.random.default_rng(0), 0, 2000
    for _ in range(tries):
        low, high = difference_interval(*(scores(row) for row in _paired(generator, items, p, q, together)))
        covered += low <= p - q <= high
    # 95 % nominal; the standard error of the count is 0.5 %, Newcombe finds mean coverages of 94 to 97 %.
    assert 0.93 <= covered / tries <= 0.99


def test_the_interval_without_the_items_would_not_cover():
    """False twin: two seeds that agree have no spread, and Student's t alone claims certainty."""
    generator, covered = np.random.default_rng(1), 0
    for _ in range(300):
        a, b = _paired(generator, 40, 0.9, 0.8, 0.75)
        difference = a.mean() - b.mean()
        covered += difference == pytest.approx(0.1)  # the interval [d, d] of identical seeds
    assert covered < 100


def test_a_paired_interval_is_narrower_than_one_of_independent_items():
    """Being right on the same items tells more than the same counts on different ones."""
    base = np.arange(200) % 4 != 0
    other = base.copy()
    other[np.flatnonzero(base)[:10]] = False
    paired = difference_interval(scores(base), scores(other))
    apart = difference_interval(scores(base), scores(other[::-1]))
    assert paired[1] - paired[0] < apart[1] - apart[0]


def test_newcombes_ends_by_their_definition():
    """Second route for one table: ends from the roots of the score test, φ from the correlation of the answers."""
    a, b = _paired(np.random.default_rng(3), 100, 0.85, 0.7, 0.65)
    p, q, z = a.mean(), b.mean(), stats.norm.ppf(0.975)
    ends = []
    for share in (p, q):
        excess = lambda x, s=share: (s - x) ** 2 - z**2 * x * (1 - x) / 100  # noqa: E731
        ends.append((optimize.brentq(excess, 0, share), optimize.brentq(excess, share, 1)))
    table = np.array([[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]], dtype=float)
    product = np.linalg.det(table)
    phi = max(product - 50, 0) / np.sqrt(np.prod([*table.sum(0), *table.sum(1)])) if product > 0 else product
    x, y = p - ends[0][0], ends[1][1] - q
    low = p - q - np.sqrt(x**2 - 2 * phi * x * y + y**2)
    assert difference_interval(scores(a), scores(b))[0] == pytest.approx(low, abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second"), [((1, 5), (1, 6)), ((2, 5), (3, 5))], ids=["other items", "other number of runs"]
)
def test_scores_that_do_not_belong_together_are_refused(first, second):
    with pytest.raises(ValueError, match="must agree"):
        difference_interval(Scores(np.ones(first, bool)), Scores(np.ones(second, bool)))


@pytest.mark.parametrize("right", [np.ones(4, bool), np.ones((0, 4), bool), np.ones((1, 4))])
def test_what_is_no_table_of_answers_is_refused(right):
    with pytest.raises(ValueError, match="scores are booleans"):
        Scores(right)
