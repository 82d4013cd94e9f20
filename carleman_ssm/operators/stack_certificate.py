r"""Certified distance between the logits that a stack operator prints and those of the exact network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats


@dataclass(frozen=True, eq=False, repr=False)
class StackCertificate(Brief):
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
        Names of the rows of `sources`, in the order of the network, such as ``"layer 0: fit of the activation"``.

    Raises
    ------
    ValueError
        Shapes that do not belong together, or a bound that is negative or NaN.
    """

    domain: Literal["box", "sequences"]
    input_bound: float
    length: int
    per_sequence: Floats
    per_pair: Floats
    sources: Floats
    places: tuple[str, ...]

    def __post_init__(self) -> None:
        batch, classes = self.per_sequence.shape if self.per_sequence.ndim == 2 else (0, 0)
        shapes = {
            "per_sequence": (batch, classes),
            "per_pair": (batch, classes, classes),
            "sources": (len(self.places), classes),
        }
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values.shape != shape or 0 in shape:
                msg = f"{name} has shape {values.shape}, expected {shape} with no empty axis"
                raise ValueError(msg)
            if not (values >= 0).all():
                msg = f"{name} holds a bound that is negative or NaN; what cannot be bounded is infinite"
                raise ValueError(msg)

    def require_cover(self, sequences: Floats) -> None:
        """Refuse sequences (batch, length, d) that this is no certificate of.

        One of given sequences is known by their number, length and size alone: that they are the same is the caller's.

        Raises
        ------
        ValueError
            Another number of sequences, or longer or larger ones.
        """
        count, steps, _ = sequences.shape
        largest = float(np.abs(sequences).max(initial=0.0))
        found = f"these are {count} of {steps} steps that reach {largest:.6g}: take bounds(sequences)"
        if self.domain == "box" and (steps > self.length or largest > self.input_bound):
            msg = f"the certificate holds for at most {self.length} steps and |x| <= {self.input_bound:.6g}; {found}"
            raise ValueError(msg)
        own = (len(self.per_pair), self.length, self.input_bound)
        if self.domain == "sequences" and own != (count, steps, largest):
            msg = f"the certificate is one of {own[0]} sequences of {own[1]} steps that reach {own[2]:.6g}; {found}"
            raise ValueError(msg)

    @property
    def per_class(self) -> Floats:
        """The largest bound over the sequences, (classes,)."""
        result: Floats = self.per_sequence.max(axis=0)
        return result

    @property
    def dominant(self) -> str:
        """The place at which most of the largest bound starts.

        Where a layer makes the bound infinite, all that enters it counts as infinite: it is the last such place.
        """
        backwards = self.sources.max(axis=1)[::-1]
        return self.places[len(self.places) - 1 - int(np.argmax(backwards))]
