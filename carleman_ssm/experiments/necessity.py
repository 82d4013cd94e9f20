r"""The claim "nonlinear interactions of waves are needed for real-world sequences", measured on four data sets.

A network whose states are decoded by a line is an affine functional of its input: with mean pooling, BatchNorm or no
norm, and affine output its logits are $a_i + \sum_{k,j} w_{ikj} x_{kj}$. So the claim is answered only by classifiers
that were *trained* without interactions: such networks, and logistic regression on the raw sequence. Taking orders out
of a network that was trained with them (`ablations`) says what this network uses, and nothing about need (THEORY
§11.14).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from carleman_ssm.experiments.ablations import DELETIONS, OrderContributions, order_contributions
from carleman_ssm.experiments.accuracies import Interval, Scores, difference_interval
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.datasets import Dataset, load_dataset, require_known
from carleman_ssm.networks.extras import require
from carleman_ssm.networks.layers import Array
from carleman_ssm.networks.trained import DATASETS, SEEDS, decoders_of, trained_name

__all__ = ["MAX_ORDER", "NEEDED_BY", "Ablation", "DatasetOutcome", "Necessity", "Verdict", "necessity"]

LOGISTIC = "logistic"
"""Logistic regression on the raw sequence: the affine functional without a network."""
AFFINE = (LOGISTIC, "bare", "identity")
NONLINEAR = "gelu"
NEEDED_BY = 0.05
"""Interactions count as needed where GELU is shown to gain at least this share of test items."""
MAX_ORDER = 10
PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Inverse strengths C of the logistic regression's penalty, chosen among by five-fold cross-validation."""


class Verdict(StrEnum):
    """What the intervals say about one data set."""

    NEEDED = "needed"
    HELPS = "helps"
    NOT_NEEDED = "not needed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, eq=False, repr=False)
class Ablation(Brief):
    """What the GELU networks score with orders of interaction taken out.

    Parameters
    ----------
    up_to
        Scores of the logits of orders 0 … p, p = 0 … P.
    after
        Scores after each of `ablations.DELETIONS`.
    full
        Scores of the networks themselves.
    """

    up_to: tuple[Scores, ...]
    after: dict[str, Scores]
    full: Scores

    @property
    def smallest_order(self) -> int | None:
        """Smallest order from which on all truncations lose less than a point of the mean accuracy; None if none."""
        lossy = [order for order, scores in enumerate(self.up_to) if scores.accuracy <= self.full.accuracy - 0.01]
        first = lossy[-1] + 1 if lossy else 0
        return first if first < len(self.up_to) else None


@dataclass(frozen=True, eq=False, repr=False)
class DatasetOutcome(Brief):
    """Everything that was measured on one data set.

    Parameters
    ----------
    data
        The sequences.
    scores
        By decoder, and ``"logistic"`` where scikit-learn is installed.
    ablation
        Of the GELU networks.
    """

    data: Dataset
    scores: dict[str, Scores]
    ablation: Ablation

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.data.name

    @property
    def chance(self) -> float:
        """Accuracy of always naming the most frequent class of the test part."""
        counts = np.bincount(_labels(self.data.test.y))
        return float(counts.max() / counts.sum())

    @property
    def gains(self) -> dict[str, Interval]:
        """95 % intervals of the accuracy of GELU less that of each affine classifier."""
        best, others = self.scores[NONLINEAR], [name for name in AFFINE if name in self.scores]
        return {name: difference_interval(best, self.scores[name]) for name in others}

    @property
    def verdict(self) -> Verdict:
        """*Needed*: GELU gains at least `NEEDED_BY` on every affine classifier, by the whole interval.

        *Helps*: it gains on every one. *Not needed*: one is shown to lose less than `NEEDED_BY`. Else *undecided*.
        """
        lowest, highest = (min(gain[end] for gain in self.gains.values()) for end in (0, 1))
        if lowest > 0:
            return Verdict.NEEDED if lowest >= NEEDED_BY else Verdict.HELPS
        return Verdict.NOT_NEEDED if highest < NEEDED_BY else Verdict.UNDECIDED


@dataclass(frozen=True, eq=False, repr=False)
class Necessity(Brief):
    """Outcomes by data set, and why others are missing."""

    outcomes: tuple[DatasetOutcome, ...]
    missing: dict[str, str]


def necessity(datasets: Sequence[str] | None = None, progress: Callable[[str], None] = lambda _: None) -> Necessity:
    """Score the shipped trained networks, and what is left of them without orders of interaction.

    Parameters
    ----------
    datasets
        Names from `DATASETS`. By default all that can be read here; the others are listed with the reason.
    progress
        Called with a line of text as the work goes on.

    Raises
    ------
    ValueError
        An unknown name, or none.
    ImportError
        A data set that was asked for lies in a package that is not installed.

    References
    ----------
    THEORY T10, T13, §11.14.
    """
    chosen = tuple(dict.fromkeys(DATASETS if datasets is None else datasets))
    if not chosen:
        msg = f"name at least one data set of {', '.join(DATASETS)}"
        raise ValueError(msg)
    for name in chosen:  # before there is work to lose
        require_known(name)
    outcomes, missing = [], {}
    for name in chosen:
        progress(f"reading {name}")
        try:
            data = load_dataset(name)
        except ImportError as error:
            if datasets is not None:
                raise
            missing[name] = str(error)
            continue
        outcomes.append(measure(data, progress))
    return Necessity(tuple(outcomes), missing)


def measure(data: Dataset, progress: Callable[[str], None] = lambda _: None) -> DatasetOutcome:
    """Score the networks that were trained on one data set."""
    labels = _labels(data.test.y)
    scores = {}
    for decoder in decoders_of(data.name):
        progress(f"{data.name}: {decoder}")
        networks = [load_network(trained_name(data.name, decoder, seed)) for seed in SEEDS]
        scores[decoder] = _scores([network(data.test.x) for network in networks], labels)
    progress(f"{data.name}: logistic regression on the raw sequence")
    anchor = _logistic(data)
    if anchor is not None:
        scores[LOGISTIC] = Scores(anchor[None] == labels)
    progress(f"{data.name}: orders of interaction")
    return DatasetOutcome(data, scores, ablate(data))


def ablate(data: Dataset, degree: int = MAX_ORDER) -> Ablation:
    """Score the GELU networks of one data set without orders of interaction.

    The density of the orthogonal orders is that of the training part (of the test part where that is all there is).
    """
    labels, density = _labels(data.test.y), (data.train or data.test).x
    found = [
        order_contributions(load_network(trained_name(data.name, NONLINEAR, seed)), density, data.test.x, degree)
        for seed in SEEDS
    ]

    def score(logits: Callable[[OrderContributions], Array]) -> Scores:
        return _scores([logits(contributions) for contributions in found], labels)

    return Ablation(
        tuple(score(partial(OrderContributions.up_to, order=order)) for order in range(degree + 1)),
        {name: score(partial(OrderContributions.after, deletion=name)) for name in DELETIONS},
        score(attrgetter("logits")),
    )


def _labels(labels: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
    if labels is None:
        msg = "accuracies need labels y"
        raise ValueError(msg)
    return labels


def _scores(logits: Sequence[Array], labels: npt.NDArray[np.int64]) -> Scores:
    return Scores(np.stack([values.argmax(axis=1) == labels for values in logits]))


def _logistic(data: Dataset) -> npt.NDArray[np.int64] | None:
    """Classes of the test part by logistic regression on all steps and channels; None without scikit-learn."""
    if data.train is None:
        return None
    models, selection = require("sklearn.linear_model", "data"), require("sklearn.model_selection", "data")
    x, y = data.train.x.reshape(len(data.train.x), -1), _labels(data.train.y)
    # Stratified folds in a random order of seed 0: the archives' training parts are sorted by class.
    folds = selection.StratifiedKFold(5, shuffle=True, random_state=0)
    search = selection.GridSearchCV(models.LogisticRegression(max_iter=5000), {"C": PENALTIES}, cv=folds)
    found = search.fit(x, y).predict(data.test.x.reshape(len(data.test.x), -1))
    return np.asarray(found, dtype=np.int64)
