r"""Certified distance between the logits that a stack operator prints and those of the exact network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from carleman_ssm.networks.enclosures import Floats


@dataclass(frozen=True, eq=False)
class StackCertificate:
    r"""Bounds on the printed logits, with the inputs on which they hold and where they come from.

    Parameters
    ----------
    domain
        ``"box"``: every sequence of at most `length` steps with $|x| \le$ `input_bound`. ``"sequences"``: those given.
    input_bound, length
        See `domain`; for given sequences the largest $|x|$ among them.
    per_sequence
        Bound of |printed − exact logit|, (batch, classes); one row for a box.
    per_pair
        Bound of the error of $\ell_i - \ell_j$, (batch, classes, classes); one row for a box.
    sources
        Share of the bound that starts at each place, (places, classes), largest over the sequences.
    places
        Names of the rows of `sources`, such as ``"layer 1: fit of the activation"``.
    """

    domain: Literal["box", "sequences"]
    input_bound: float
    length: int
    per_sequence: Floats
    per_pair: Floats
    sources: Floats
    places: tuple[str, ...]

    @property
    def per_class(self) -> Floats:
        """The largest bound over the sequences, (classes,)."""
        result: Floats = self.per_sequence.max(axis=0)
        return result

    @property
    def dominant(self) -> str:
        """The place at which most of the largest bound starts."""
        return self.places[int(np.argmax(self.sources.max(axis=1)))]
