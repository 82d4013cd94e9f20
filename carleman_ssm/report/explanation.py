"""What `explain` finds out about a network on given sequences: numbers only, no printing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.construction import CERTIFIED_SHARE
from carleman_ssm.operators.jets import orders_with_remainder
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.polynomial_simulation import simulate_with_decoders
from carleman_ssm.operators.wiener import ORDERS, orthogonal_orders
from carleman_ssm.report.class_names import class_name
from carleman_ssm.report.kinds import as_stack, decoders_of, is_polynomial, stack_of, without_head
from carleman_ssm.report.order_words import order_words

RAW_ORDERS, RAW_SEQUENCES, RAW_STEPS = 8, 100, 6400
Labels = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def accuracy(logits: Floats, labels: Labels | None) -> float | None:
    """Share of sequences whose largest logit is their label; None without labels."""
    return None if labels is None else float((logits.argmax(axis=-1) == labels).mean())


@dataclass(frozen=True, eq=False)
class Explanation:
    """An operator, the sequences it was applied to, and everything derived from both.

    Parameters
    ----------
    name
        How the network was asked for.
    operator
        Its operator, of one layer or of a stack.
    sequences, labels
        (batch, L, d) and (batch,) or None.
    degree_was_chosen
        True when no degree was given and the smallest certifying one was looked for.
    class_names
        One per class, or empty.
    is_raster
        True when the steps are the pixels of a square image, line by line.
    built_with_them
        True when the operator was built with these sequences, so that its certificate is theirs.
    channel_names
        One per input channel, or empty.
    """

    name: str
    operator: NetworkOperator
    sequences: Floats
    labels: Labels | None
    degree_was_chosen: bool
    class_names: tuple[str, ...] = ()
    is_raster: bool = False
    built_with_them: bool = False
    channel_names: tuple[str, ...] = ()

    @property
    def centre(self) -> str:
        """What the input is that orders, kernels and contributions are counted from."""
        origin = self.operator.centre
        if not origin.any():
            return "the zero input"
        mean = self.sequences.mean(axis=0)
        return "the mean of the sequences" if np.array_equal(origin, mean) else "a given input"

    def class_name(self, label: int) -> str:
        """How a class is called in figures: its name where the sequences bring one, "class 1" for a number."""
        return class_name(self.class_names, label)

    def channel_name(self, channel: int) -> str:
        """How an input channel is called in figures."""
        return self.channel_names[channel] if self.channel_names else f"channel {channel}"

    @cached_property
    def logits(self) -> Floats:
        """From the operator, (batch, classes)."""
        return self.operator(self.sequences)

    @cached_property
    def simulation(self) -> Floats:
        """From the float simulation of the network, (batch, classes)."""
        return self.operator.network(self.sequences)

    @cached_property
    def polynomial_simulation(self) -> Floats:
        """From the recurrence with the operator's decoders as activations, (batch, classes)."""
        return simulate_with_decoders(self.operator.network, decoders_of(self.operator), self.sequences)

    @cached_property
    def order_contributions(self) -> Floats:
        """(orders, batch, classes); orthogonal under the density of these sequences where the operator is fitted."""
        if isinstance(self.operator, OneLayerOperator):
            return self._lumped(np.moveaxis(self.operator.orders(self.sequences), -1, 0))
        head = as_stack(self.operator).stack.head
        parts: Floats = self.feature_orders @ head.weight.value.T
        parts[0] += head.bias.value
        return parts

    def _lumped(self, parts: Floats) -> Floats:
        """Orders of a fit above `ORDERS` as one last entry: least squares of high degree say little at the tails."""
        if self.operator.exact or len(parts) <= ORDERS + 1:
            return parts
        return np.concatenate([parts[: ORDERS + 1], parts[ORDERS + 1 :].sum(axis=0, keepdims=True)])

    @cached_property
    def feature_orders(self) -> Floats:
        """What the linear readout sees, by order, (orders, batch, H)."""
        if isinstance(self.operator, OneLayerOperator):
            return self._lumped(self.operator.channel_orders(self.sequences))
        features = without_head(as_stack(self.operator))
        if features.is_polynomial:
            return np.moveaxis(features.orders(self.sequences), -1, 0)
        return np.moveaxis(orthogonal_orders(features, self.sequences, observed=self.sequences), -1, 0)

    @property
    def order_names(self) -> list[str]:
        """What each entry of `order_contributions` is called; the last one of a fitted stack is what is left."""
        names = [f"{order}" for order in range(len(self.order_contributions))]
        if is_polynomial(self.operator):
            return names
        whole = isinstance(self.operator, OneLayerOperator) and len(names) >= self.operator.degree + 1
        last = names[-1] if whole else "all"
        return [*names[:-1], f"{last}, the operator"]

    @property
    def raw_count(self) -> int:
        """How many sequences `raw_orders` looks at."""
        length = int(self.sequences.shape[1])
        return min(len(self.sequences), RAW_SEQUENCES, max(1, RAW_STEPS // length))

    @cached_property
    def raw_orders(self) -> Floats | None:
        """Taylor orders about the centre, and what they leave, (orders + 1, `raw_count`, classes).

        None for a polynomial operator, whose `order_contributions` they are.
        """
        if is_polynomial(self.operator):
            return None
        stack, decoders = stack_of(self.operator)
        given = self.sequences[: self.raw_count]
        if given.shape[1] != len(self.operator.centre):
            return None
        order = min(RAW_ORDERS, self.operator.degree)
        return orders_with_remainder(stack, decoders, self.operator.centre, given, order)

    @cached_property
    def certified_same_class(self) -> float:
        """Share of sequences whose class the certified error cannot change."""
        if isinstance(self.operator, OneLayerOperator) or not self.built_with_them:
            return float(self.operator.certified_classes(self.sequences).mean())
        stacked = as_stack(self.operator)
        return float(stacked.certified_classes(self.sequences, stacked.certificate).mean())

    @property
    def agreement(self) -> float:
        """Share of sequences to which the operator and the simulation give one class (measured)."""
        return float((self.logits.argmax(axis=1) == self.simulation.argmax(axis=1)).mean())

    @property
    def degree_reached(self) -> bool:
        """True when the certified share is at least the aim."""
        return self.certified_same_class >= CERTIFIED_SHARE

    @cached_property
    def accuracy_by_order(self) -> list[float | None]:
        """Entry p keeps parts 0 … p (see `order_words`) with the readout unchanged: an ablation of this network."""
        return [accuracy(partial, self.labels) for partial in np.cumsum(self.order_contributions, axis=0)]

    @cached_property
    def accuracy_by_order_refit(self) -> list[float | None]:
        """Entry p refits the readout of parts 0 … p to the network's logits on even sequences; scored on odd ones."""
        if self.labels is None or len(self.labels) < 2:
            return [None] * len(self.order_contributions)
        partial = np.cumsum(self.feature_orders, axis=0)
        return [
            self._refitted_accuracy(np.concatenate([part, self._skipped(p)], axis=1)) for p, part in enumerate(partial)
        ]

    def _skipped(self, order: int) -> Floats:
        """What reaches the readout past the decoders: the pooled input, where the network has that path.

        It is of first order in the input, so order 0 does not see it. The features of a stack contain its residual
        paths already.
        """
        if not isinstance(self.operator, OneLayerOperator):
            return np.empty((len(self.sequences), 0))
        form = self.operator.form
        seen = order >= 1 and form.skip.value.any()
        return form.pooled(self.sequences) if seen else np.empty((len(self.sequences), 0))

    def _refitted_accuracy(self, features: Floats) -> float:
        design = np.concatenate([features, np.ones((len(features), 1))], axis=1)
        # Truncated singular values: channels that coincide at low order must not blow the readout up.
        readout = np.linalg.lstsq(design[::2], self.simulation[::2], rcond=1e-10)[0]
        labels = self.labels[1::2] if self.labels is not None else None
        return accuracy(design[1::2] @ readout, labels) or 0.0

    @cached_property
    def accuracy_without(self) -> dict[str, tuple[float | None, float]]:
        """What is left when parts are deleted: (accuracy, share of sequences that keep the operator's class).

        An ablation of this network: the readout is unchanged.
        """
        winner = self.logits.argmax(axis=1)
        kept = {}
        for name, orders in self._deletions().items():
            partial = self.order_contributions[list(orders)].sum(axis=0)
            kept[name] = accuracy(partial, self.labels), float((partial.argmax(axis=1) == winner).mean())
        return kept

    def _deletions(self) -> dict[str, tuple[int, ...]]:
        """Which parts are kept; the constant, part 0, always is. Nothing is said twice."""
        words, orders = order_words(self.operator), tuple(range(len(self.order_contributions)))
        chosen = {
            "all orders": orders,
            words.first: orders[:2],
            words.both: orders[:3],
            words.second: tuple(order for order in orders if order in (0, 2)),
            words.without_second: tuple(order for order in orders if order != 2),
            words.without_first: tuple(order for order in orders if order != 1),
        }
        first = {kept: name for name, kept in reversed(chosen.items())}
        return {name: kept for name, kept in chosen.items() if first[kept] == name}


def decision_spread(contributions: Floats) -> Floats:
    """Root mean square over sequences and classes of contributions (orders, batch, classes) less their class mean."""
    centred = contributions - contributions.mean(axis=2, keepdims=True)
    size = float(np.abs(centred).max()) or 1.0  # squares of large logits would leave float64
    spread: Floats = size * np.sqrt(((centred / size) ** 2).mean(axis=(1, 2)))
    return spread
