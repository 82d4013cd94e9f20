"""Shapley values of the steps of one sequence, what each adds alone, and what pairs of them add together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carleman_ssm.interactions.dividends import dividends
from carleman_ssm.interactions.indices import MAX_ENTRIES, InteractionIndices, one_layer_indices
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.report.kinds import as_stack, is_polynomial
from carleman_ssm.report.sections import Grid, Note, Pairs, Section

SHOWN, FEW, MANY = 8, 8, 64
COALITION_STEPS = 200_000
"""Steps that may be run through a polynomial stack for coalitions of more than `FEW` groups."""
CHUNK = 2**21
DOUBTFUL = 0.1
"""Share of the network's largest value of a group above which the values of fits are not given."""
Logits = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class StepShares:
    """Indices of the steps of one sequence for the margin between two classes.

    Parameters
    ----------
    route
        How they were computed, in words.
    length
        L.
    alone, values
        What each player adds to the centre alone (its Möbius coefficient), and its Shapley value, (n,).
    pairs
        Shapley–Taylor index of each pair of groups, (m, m), diagonal 0.
    margin, centre_margin
        Of the sequence and of the centre, where all steps are absent.
    gap
        What the Shapley values miss of the difference of the two.
    distance
        Largest difference of the values of `FEW` groups from those of the network itself; None where nothing is
        fitted, or the values are the network's.
    """

    route: str
    length: int
    alone: Floats
    values: Floats
    pairs: Floats
    margin: float
    centre_margin: float
    gap: float
    distance: float | None

    def steps(self, player: int, players: int) -> str:
        """Which steps a player is, of so many players: groups of the fewest steps that make no more of them."""
        window = -(-self.length // players)
        first, last = player * window, min((player + 1) * window, self.length) - 1
        return f"{first}" if first == last else f"{first}–{last}"


def step_shares(operator: NetworkOperator, values: Floats, target: int, rival: int) -> StepShares:
    """Indices of one sequence x (L, d), as long as the operator's centre, by the way that its operator has.

    One layer: the closed form, unless it cancels, or is one of fits that are far from the network. A polynomial stack:
    coalitions up to its degree. Else, all coalitions of few groups through the network itself.
    """
    network = _chunked(operator.network, operator)
    if isinstance(operator, OneLayerOperator):
        try:
            return _closed(operator, values, target, rival)
        except ValueError as error:
            return _all_coalitions(network, operator, values, (target, rival), f" (no closed form: {error})")
    if not is_polynomial(operator):
        return _all_coalitions(network, operator, values, (target, rival), "")
    degree = as_stack(operator).total_degree
    groups = _groups(len(values), _most_groups(len(values), degree))
    found = dividends(_chunked(operator, operator), operator.centre, values, degree, groups)
    players = int(groups[-1]) + 1
    size = min(degree, players)
    route = (
        f"coalitions of at most {size} of {players} groups of steps: a polynomial of degree {degree} needs no others"
    )
    return _shares(found, found, len(values), (target, rival), route)


def shapley_content(found: StepShares) -> dict[str, Any]:
    """The entry of ``report.json``."""
    return {
        "route": found.route,
        "steps_per_player": -(-found.length // len(found.values)),
        "mobius_values": found.alone.tolist(),
        "shapley_values": found.values.tolist(),
        "steps_per_group_of_pairs": -(-found.length // len(found.pairs)),
        "shapley_taylor_pairs": found.pairs.tolist(),
        "margin": found.margin,
        "margin_of_the_centre": found.centre_margin,
        "completeness_gap": found.gap,
        "distance_from_the_network": found.distance,
    }


def shapley_section(index: int, found: StepShares) -> Section:
    """The largest values and pairs, and what they are worth."""
    whole = {
        "computed by": found.route,
        "margin": f"{found.margin:.6g} = {found.centre_margin:.6g} (centre) {found.values.sum():+.6g} (Shapley values)",
        "completeness": f"what is missing from the margin: {found.gap:.2g} (measured)",
    }
    if found.distance is not None:
        whole["the network itself"] = (
            f"its Shapley values of groups of {-(-found.length // FEW)} steps, by all coalitions, differ from the same "
            f"closed form by at most {found.distance:.2g} logits (measured: coalitions may leave the intervals of the "
            "fits, where no certificate covers them)"
        )
    header = ("steps", "alone [logit]", "Shapley value [logit]", "pair of steps", "Shapley–Taylor [logit]")
    rows = (
        (*(left or ("", "", "")), *(right or ("", "")))
        for left, right in zip_longest(_ranked_players(found), _ranked_pairs(found))
    )
    return Section(f"sequence {index}: Shapley values", (Pairs(whole), Grid(header, tuple(rows)), Note(MEANING)))


MEANING = (
    "A coalition of steps keeps the sequence's values, all other steps are put back to the centre. Alone: what a step "
    "adds to the centre. Shapley value: the mean of what it adds over all orders in which the steps can join. "
    "Shapley–Taylor: what a pair adds beyond its two members, with its share of every larger coalition; with what "
    "those members add alone, all pairs sum to the margin less the centre's."
)


def _closed(operator: OneLayerOperator, values: Floats, target: int, rival: int) -> StepShares:
    """Closed form: every step a player of the values, groups where there are too many pairs."""

    def game(groups: NDArray[np.int64] | None) -> InteractionIndices:
        return one_layer_indices(operator.form, operator.decoders, operator.centre, values, groups)

    length, steps = len(values), game(None)
    contrast = np.eye(operator.form.classes)[target] - np.eye(operator.form.classes)[rival]
    most = max(2, min(MANY, MAX_ENTRIES // (length * operator.form.channels)))
    joint = steps if length <= most else game(_groups(length, most))
    distance = None
    if not operator.exact:
        few = _groups(length, FEW)
        other = dividends(_chunked(operator.network, operator), operator.centre, values, None, few)
        fitted, own = (index.shapley_values() @ contrast for index in (game(few), other))
        distance = float(np.abs(fitted - own).max())
        if distance > DOUBTFUL * np.abs(own).max():
            msg = (
                f"off the sequences the fits miss the network, and its values of these groups by {distance:.2g} logits"
            )
            raise ValueError(msg)
    kind = "the network's polynomials" if operator.exact else "the fitted polynomials"
    route = f"the closed form of {kind}, every step a player"
    return _shares(steps, joint, length, (target, rival), route, distance)


def _all_coalitions(
    network: Logits, operator: NetworkOperator, values: Floats, classes: tuple[int, int], reason: str
) -> StepShares:
    groups = _groups(len(values), FEW)
    found = dividends(network, operator.centre, values, None, groups)
    players = int(groups[-1]) + 1
    route = f"all {2**players} coalitions of {players} groups of steps, through the network itself{reason}"
    return _shares(found, found, len(values), classes, route)


def _shares(
    singles: InteractionIndices,
    joint: InteractionIndices,
    length: int,
    classes: tuple[int, int],
    route: str,
    distance: float | None = None,
) -> StepShares:
    target, rival = classes

    def margin(logits: Floats) -> Floats:
        return np.asarray(logits[..., target] - logits[..., rival], dtype=np.float64)

    alone, values = margin(singles.mobius_values()), margin(singles.shapley_values())
    pairs = joint.pairs("shapley_taylor", target, rival)
    whole, centre = float(margin(singles.total)), float(margin(singles.baseline))
    return StepShares(route, length, alone, values, pairs, whole, centre, float(margin(singles.gap)), distance)


def _groups(length: int, most: int) -> NDArray[np.int64]:
    """Group of every step: at most so many groups of equally many consecutive steps, the last perhaps shorter."""
    return np.arange(length, dtype=np.int64) // -(-length // most)


def _most_groups(length: int, degree: int) -> int:
    """Groups whose coalitions of at most so many are affordable; `FEW` always are."""
    for players in range(min(length, MANY), FEW, -1):
        if length * sum(comb(players, size) for size in range(min(degree, players) + 1)) <= COALITION_STEPS:
            return players
    return FEW


def _chunked(logits: Logits, operator: NetworkOperator) -> Logits:
    """The same in pieces whose intermediate values stay small."""
    channels = operator.network.channels

    def evaluate(sequences: Floats) -> Floats:
        rows = max(1, CHUNK // (sequences.shape[1] * channels))
        pieces = [logits(sequences[first : first + rows]) for first in range(0, len(sequences), rows)]
        return np.concatenate(pieces)

    return evaluate


def _ranked_players(found: StepShares) -> list[tuple[str, str, str]]:
    ranked = np.argsort(-np.abs(found.values), kind="stable")[:SHOWN].tolist()
    count = len(found.values)
    return [(found.steps(i, count), f"{found.alone[i]:+.4g}", f"{found.values[i]:+.4g}") for i in ranked]


def _ranked_pairs(found: StepShares) -> list[tuple[str, str]]:
    count = len(found.pairs)
    first, second = np.triu_indices(count, 1)
    ranked = np.argsort(-np.abs(found.pairs[first, second]), kind="stable")[:SHOWN]
    return [
        (f"{found.steps(i, count)} with {found.steps(j, count)}", f"{found.pairs[i, j]:+.4g}")
        for i, j in zip(first[ranked].tolist(), second[ranked].tolist(), strict=True)
    ]
