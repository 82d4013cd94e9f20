r"""Networks with decoders of low degree that still classify, by fits per channel and a refitted readout.

One polynomial for all channels has to serve intervals that differ from channel to channel, and at degree 2 to 4 it
destroys a trained GELU network. A polynomial per channel, closest to the activation under that channel's own density of
pre-activations, keeps most of it. What is left is repaired in closed form: the readout $V$ becomes $V + D$ with

$$\min_{D,d}\ \sum_b\lVert (V + D)f_b + o + d - \ell_b\rVert^2 + \lambda\,n\sum_h s_h^2\lVert D_{\cdot h}\rVert^2,$$

$f$ the pooled features of the low-degree network, $s_h$ their spread, $\ell$ the original network's logits on sequences
apart from those that are scored; no labels enter. At degree 1, λ decides much: unless it is given, it is the one of a
ladder with the smallest generalised cross-validation score on the fitted sequences alone (see `ridge`), and is stated.
The result is a **different network** at a measured distance from the original, and no certificate of the original
carries over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from carleman_ssm.interactions.ridge import ridge_fit
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.density_fits import density_decoders
from carleman_ssm.operators.ranges import LayerRules
from carleman_ssm.operators.stack import AffineMap, Stack, build_stack, exact_map
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.operators.stack_trace import LayerDecoders, run_layer
from carleman_ssm.theory.activations import Activation

Kind = Literal["shared", "per channel", "refitted"]
KINDS: tuple[Kind, ...] = ("shared", "per channel", "refitted")
DEGREES = (1, 2, 3, 4, 6, 8)


@dataclass(frozen=True, eq=False, repr=False)
class LowDegreeNetwork(Brief):
    """A different network: decoders of low degree in place of activations and gates, perhaps another readout.

    Parameters
    ----------
    original
        The network that it was made from.
    kind
        ``"shared"`` or ``"per channel"`` fits with the original's readout, or ``"refitted"``: fits per channel and a
        readout of its own.
    stack
        The original's kernels, affine maps and norms.
    decoders
        The decoders of every layer; constant beyond the intervals that were visited when they were fitted.
    readout
        Pooled features (H) to logits.
    ridge
        λ with which the readout was refitted, or None.
    """

    original: StateSpaceNetwork
    kind: Kind
    stack: Stack
    decoders: tuple[LayerDecoders, ...]
    readout: AffineMap
    ridge: float | None = None

    @property
    def degree(self) -> int:
        """Degree of the decoders."""
        return self.decoders[0].activation.degree

    def features(self, sequences: Floats) -> Floats:
        """Pooled outputs of the last layer, (batch, H), of sequences (batch, L, d)."""
        hidden = self.stack.encoder(np.asarray(sequences, dtype=np.float64))
        for layer, rules in zip(self.stack.layers, self.decoders, strict=True):
            hidden = run_layer(layer, rules, hidden).result
        return self.stack.pooled(hidden)

    def __call__(self, sequences: Floats) -> Floats:
        """Logits (batch, classes)."""
        return self.readout(self.features(sequences))


@dataclass(frozen=True)
class LowDegreeScore:
    """How one low-degree network does on the scored sequences, all measured.

    Parameters
    ----------
    degree, kind
        Of its decoders.
    accuracy
        Share of sequences whose largest logit is the label's.
    agreement
        Share of sequences to which it gives the original's class.
    largest_distance, usual_distance
        Largest, and root mean square, difference of its logits from the original's.
    ridge
        λ with which its readout was refitted, or None.
    """

    degree: int
    kind: Kind
    accuracy: float
    agreement: float
    largest_distance: float
    usual_distance: float
    ridge: float | None = None


@dataclass(frozen=True)
class LowDegreeTable:
    """Scores of low-degree networks beside the original's accuracy.

    Parameters
    ----------
    accuracy
        Of the original.
    scores
        One per degree and kind.
    tolerance
        Loss of accuracy that counts as keeping it.
    items
        Number of scored sequences.

    References
    ----------
    THEORY T13.
    """

    accuracy: float
    scores: tuple[LowDegreeScore, ...]
    tolerance: float
    items: int

    def of_kind(self, kind: Kind) -> tuple[LowDegreeScore, ...]:
        """Scores of one kind, by degree."""
        return tuple(score for score in self.scores if score.kind == kind)

    def smallest_degree(self, kind: Kind) -> int | None:
        """Smallest tried degree that keeps the accuracy within the tolerance; None if none does."""
        kept = (score.degree for score in self.of_kind(kind) if score.accuracy >= self.accuracy - self.tolerance)
        return min(kept, default=None)


def low_degree_networks(
    network: StateSpaceNetwork, fit_on: Floats, degree: int, *, shared: bool = False
) -> tuple[LowDegreeNetwork, ...]:
    """The network with every activation and gate replaced by its best polynomial, of degrees 0 … P.

    Best in the mean square over the network's own arguments of them on `fit_on` (n, L, d), per channel or shared.

    Raises
    ------
    ValueError
        Wrong shapes, a negative degree, or a network without a pool.
    """
    stack = build_stack(network, fit_on.shape[1])
    rules = layer_rules(network)
    rows = [
        _layer_rungs(arguments, rule, degree, shared)
        for arguments, rule in zip(_arguments(network, rules, fit_on), rules, strict=True)
    ]
    kind: Kind = "shared" if shared else "per channel"
    return tuple(LowDegreeNetwork(network, kind, stack, cut, stack.head) for cut in zip(*rows, strict=True))


def refit_readout(low: LowDegreeNetwork, fit_on: Floats, ridge: float | None = None) -> LowDegreeNetwork:
    """The same decoders with the readout that comes closest to the original's logits on `fit_on` (n, L, d).

    Parameters
    ----------
    ridge
        λ of the module's formula; it holds the readout to the original's. Positive; without it the one of
        `ridge.RIDGES` with the smallest generalised cross-validation score on `fit_on`.

    Raises
    ------
    ValueError
        λ is not positive, or there are fewer than 3 sequences to choose it by.
    """
    return _refitted(low, low.features(fit_on), low.original(fit_on), ridge)


def low_degree_table(
    network: StateSpaceNetwork,
    fit_on: Floats,
    score_on: Floats,
    labels: NDArray[np.int64],
    degrees: Sequence[int] = DEGREES,
    *,
    tolerance: float = 0.01,
    ridge: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> LowDegreeTable:
    """Accuracies and distances of low-degree networks: shared fits, fits per channel, these with a refitted readout.

    Parameters
    ----------
    fit_on
        Sequences (n, L, d) for densities and readouts; without labels.
    score_on, labels
        Other sequences (batch, L, d) and their classes (batch,).
    degrees
        Degrees to try.
    tolerance
        Loss of accuracy that counts as keeping it.
    ridge
        As in `refit_readout`: without it chosen for every degree, from `fit_on` alone; scores state it.
    progress
        Called with a line of text as the work goes on.

    Raises
    ------
    ValueError
        A sequence of `fit_on` would be scored (see `apart_from`), or labels do not fit the sequences.

    References
    ----------
    THEORY T13 (fits under a density); ridge by generalised cross-validation: Golub, Heath and Wahba 1979.
    """
    _check_scored(fit_on, score_on, labels)
    wanted, target = network(score_on), network(fit_on)
    scores = []
    families = [low_degree_networks(network, fit_on, max(degrees), shared=shared) for shared in (True, False)]
    for degree in sorted(degrees):
        shared, own = families[0][degree], families[1][degree]
        features = own.features(score_on)
        refitted = _refitted(own, own.features(fit_on), target, ridge)
        found = ((shared, shared(score_on)), (own, own.readout(features)), (refitted, refitted.readout(features)))
        scores += [_score(low, degree, logits, wanted, labels) for low, logits in found]
        progress(f"degree {degree}: " + ", ".join(f"{s.kind} {100 * s.accuracy:.1f} %" for s in scores[-3:]))
    accuracy = float((wanted.argmax(axis=1) == labels).mean())
    return LowDegreeTable(accuracy, tuple(scores), tolerance, len(labels))


def apart_from(fit_on: Floats, score_on: Floats) -> NDArray[np.bool_]:
    """Which sequences of `score_on` (batch, L, d) are none of `fit_on` (n, L, d), value by value: (batch,)."""
    # Adding 0.0 makes of −0.0 the 0.0 that it is equal to.
    seen = {sequence.tobytes() for sequence in np.asarray(fit_on, dtype=np.float64) + 0.0}
    rows = np.asarray(score_on, dtype=np.float64) + 0.0
    return np.array([sequence.tobytes() not in seen for sequence in rows], dtype=np.bool_)


def _refitted(low: LowDegreeNetwork, features: Floats, target: Floats, ridge: float | None) -> LowDegreeNetwork:
    change, offset, chosen = ridge_fit(features, target - low.readout(features), ridge)
    readout = exact_map(low.readout.weight.value + change, low.readout.bias.value + offset)
    return replace(low, kind="refitted", readout=readout, ridge=chosen)


def _arguments(
    network: StateSpaceNetwork, rules: Sequence[LayerRules], sequences: Floats
) -> list[tuple[Floats, Floats | None]]:
    """What reaches the activation and the gate of every layer of the network on these sequences."""
    reached: list[Floats] = []
    opening: list[Floats] = []
    gates = [_recorder(rule.gate, opening) for rule in rules if rule.gate is not None]
    network(sequences, activation=[_recorder(rule.activation, reached) for rule in rules], gate=gates or None)
    return [(values, opening[index] if opening else None) for index, values in enumerate(reached)]


def _recorder(rule: Activation, seen: list[Floats]) -> Callable[[Floats], Floats]:
    def recorded(values: Floats) -> Floats:
        seen.append(values)
        return rule(values)

    return recorded


def _layer_rungs(
    arguments: tuple[Floats, Floats | None], rules: LayerRules, degree: int, shared: bool
) -> list[LayerDecoders]:
    reached, opening = arguments
    activations = density_decoders(reached, rules.activation, degree, shared=shared)
    if opening is None or rules.gate is None:
        return [LayerDecoders(cut) for cut in activations]
    gates = density_decoders(opening, rules.gate, degree, shared=shared)
    return [LayerDecoders(*cut) for cut in zip(activations, gates, strict=True)]


def _score(
    low: LowDegreeNetwork, degree: int, logits: Floats, wanted: Floats, labels: NDArray[np.int64]
) -> LowDegreeScore:
    classes, distance = logits.argmax(axis=1), logits - wanted
    return LowDegreeScore(
        degree,
        low.kind,
        float((classes == labels).mean()),
        float((classes == wanted.argmax(axis=1)).mean()),
        float(np.abs(distance).max()),
        float(np.sqrt(np.mean(distance**2))),
        low.ridge,
    )


def _check_scored(fit_on: Floats, score_on: Floats, labels: NDArray[np.int64]) -> None:
    if len(labels) != len(score_on) or not len(score_on):
        msg = f"{len(labels)} labels for {len(score_on)} scored sequences: one label for each, and at least one"
        raise ValueError(msg)
    both = len(labels) - int(apart_from(fit_on, score_on).sum())
    if both:
        msg = (
            f"{both} of {len(labels)} scored sequences are among those that the readout is fitted on: score other "
            "sequences (apart_from finds them)"
        )
        raise ValueError(msg)
