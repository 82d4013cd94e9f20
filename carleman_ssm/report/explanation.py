"""What `explain` finds out about a network on given sequences: numbers only, no printing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from carleman_ssm.networks.construction import CERTIFIED_SHARE
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.operator import NetworkOperator
from carleman_ssm.networks.polynomial_simulation import simulate_with_decoders

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
        Its operator.
    sequences, labels
        (batch, L, d) and (batch,) or None.
    degree_was_chosen
        True when no degree was given and the smallest certifying one was looked for.
    class_names
        One per class, or empty.
    is_raster
        True when the steps are the pixels of a square image, line by line.
    """

    name: str
    operator: NetworkOperator
    sequences: Floats
    labels: Labels | None
    degree_was_chosen: bool
    class_names: tuple[str, ...] = ()
    is_raster: bool = False

    def class_name(self, label: int) -> str:
        """How a class is called in figures: its name where the sequences bring one."""
        return self.class_names[label] if self.class_names else f"class {label}"

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
        """From the recurrence with the operator's polynomials as activation, (batch, classes)."""
        return simulate_with_decoders(self.operator.network, self.operator.decoders, self.sequences)

    @cached_property
    def order_contributions(self) -> Floats:
        """(P + 1, batch, classes)."""
        return np.moveaxis(self.operator.orders(self.sequences), -1, 0)

    @cached_property
    def certified_same_class(self) -> float:
        """Share of sequences whose class the certified error cannot change."""
        return float(self.operator.certified_same_class(self.logits).mean())

    @property
    def degree_reached(self) -> bool:
        """True when the certified share is at least the aim."""
        return self.certified_same_class >= CERTIFIED_SHARE

    @cached_property
    def accuracy_by_order(self) -> list[float | None]:
        """Entry p keeps orders ≤ p with the readout unchanged: an ablation of this network."""
        return [accuracy(partial, self.labels) for partial in np.cumsum(self.order_contributions, axis=0)]

    @cached_property
    def accuracy_by_order_refit(self) -> list[float | None]:
        """Entry p refits the readout of orders ≤ p to the network's logits on even sequences; scored on odd ones."""
        if self.labels is None or len(self.labels) < 2:
            return [None] * (self.operator.degree + 1)
        partial = np.cumsum(self.operator.channel_orders(self.sequences), axis=0)
        return [
            self._refitted_accuracy(np.concatenate([part, self._skipped(p)], axis=1)) for p, part in enumerate(partial)
        ]

    def _skipped(self, order: int) -> Floats:
        """What reaches the readout past the decoders: the pooled input, where the network has that path.

        It is of first order in the input, so an exact polynomial of order 0 does not see it.
        """
        form = self.operator.form
        seen = form.skip.value.any() and (order >= 1 or not self.operator.decoders.exact)
        return form.pooled(self.sequences) if seen else np.empty((len(self.sequences), 0))

    def _refitted_accuracy(self, features: Floats) -> float:
        design = np.concatenate([features, np.ones((len(features), 1))], axis=1)
        # Truncated singular values: channels that coincide at low order must not blow the readout up.
        readout = np.linalg.lstsq(design[::2], self.simulation[::2], rcond=1e-10)[0]
        labels = self.labels[1::2] if self.labels is not None else None
        return accuracy(design[1::2] @ readout, labels) or 0.0

    def as_json(self) -> dict[str, Any]:
        """The content of ``report.json``."""
        operator, certificate = self.operator, self.operator.certificate
        return {
            "network": self.name,
            "n_sequences": len(self.sequences),
            "length": int(self.sequences.shape[1]),
            "n_classes": operator.form.classes,
            "channels": operator.form.channels,
            "degree": operator.degree,
            "decoder": "exact polynomial" if operator.decoders.exact else "fit with certified error",
            "domain": {
                "kind": certificate.domain,
                "input_bound": certificate.input_bound,
                "length": certificate.length,
                "lower": _finite(certificate.lower),
                "upper": _finite(certificate.upper),
            },
            "fit_error_per_channel": operator.decoders.fit_error.tolist(),
            "lifted_sizes": operator.lifted_sizes,
            "max_abs_error_vs_polynomial_simulation": float(np.abs(self.logits - self.polynomial_simulation).max()),
            "max_abs_error_vs_simulation": float(np.abs(self.logits - self.simulation).max()),
            "certified_error": operator.certified_error.tolist(),
            "certified_same_class": self.certified_same_class,
            "certified_share_reached": self.degree_reached,
            "agreement": float((self.logits.argmax(axis=1) == self.simulation.argmax(axis=1)).mean()),
            "accuracy_simulation": accuracy(self.simulation, self.labels),
            "accuracy_operator": accuracy(self.logits, self.labels),
            "accuracy_by_order": self.accuracy_by_order,
            "accuracy_by_order_refit": self.accuracy_by_order_refit,
            "order_means": ORDER_MEANING[operator.decoders.exact],
            "logits": self.logits.tolist(),
        }


ORDER_MEANING = (
    "entry p: the decoders are replaced by their nested least-squares (or truncated Chebyshev) fits of degree p; the "
    "last entry is the operator itself",
    "entry p: total degree up to p in the deviation of the input from the centre, bias trajectory included",
)


def _finite(values: Floats) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]
