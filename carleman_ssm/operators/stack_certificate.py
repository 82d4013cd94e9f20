r"""Certified distance between the logits that a stack operator prints and those of the exact network."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
    digests
        SHA-256 of every given sequence (`sequence_digest`), by which it is known again; none for a box.
    subject
        The stack, decoders and rules that it is a certificate of, the very objects; none for a box.

    Raises
    ------
    ValueError
        Shapes that do not belong together, or a bound that is negative or NaN.

    References
    ----------
    THEORY §8.
    """

    domain: Literal["box", "sequences"]
    input_bound: float
    length: int
    per_sequence: Floats
    per_pair: Floats
    sources: Floats
    places: tuple[str, ...]
    digests: tuple[bytes, ...] = ()
    subject: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        batch, classes = self.per_sequence.shape if self.per_sequence.ndim == 2 else (0, 0)
        shapes = {
            "per_sequence": (batch, classes),
            "per_pair": (batch, classes, classes),
            "sources": (len(self.places), classes),
        }
        if len(self.digests) not in (0, batch):
            msg = f"{len(self.digests)} digests for {batch} certified sequences: one for each"
            raise ValueError(msg)
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values.shape != shape or 0 in shape:
                msg = f"{name} has shape {values.shape}, expected {shape} with no empty axis"
                raise ValueError(msg)
            if not (values >= 0).all():
                msg = f"{name} holds a bound that is negative or NaN; what cannot be bounded is infinite"
                raise ValueError(msg)

    def rows_of(self, sequences: Floats) -> NDArray[np.int64]:
        """Rows of `per_sequence` and `per_pair` that hold for sequences (batch, length, d), (batch,).

        Raises
        ------
        ValueError
            This is no certificate of some of them: they leave the box, or are none of the given ones.
        """
        if self.domain == "box":
            steps, largest = sequences.shape[1], float(np.abs(sequences).max(initial=0.0))
            if steps > self.length or largest > self.input_bound:
                msg = (
                    f"the certificate holds for at most {self.length} steps and |x| <= {self.input_bound:.6g}; these "
                    f"have {steps} and reach {largest:.6g}: take bounds(sequences)"
                )
                raise ValueError(msg)
            return np.zeros(len(sequences), dtype=np.int64)
        found = self._found(sequences)
        if None in found:
            msg = (
                f"the certificate is one of {len(self.per_pair)} given sequences, and {found.count(None)} of these "
                f"{len(found)} are not among them, value by value: take bounds(sequences)"
            )
            raise ValueError(msg)
        return np.array(found, dtype=np.int64)

    def covers(self, sequences: Floats) -> bool:
        """Whether this is a certificate of sequences (batch, length, d) that its operator accepts."""
        return self.domain == "box" or None not in self._found(sequences)

    def _found(self, sequences: Floats) -> list[int | None]:
        rows = {digest: row for row, digest in enumerate(self.digests)}
        return [rows.get(sequence_digest(sequence)) for sequence in sequences]

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


def sequence_digest(sequence: Floats) -> bytes:
    """SHA-256 of shape and float64 values of a sequence (L, d): a copy costs its memory, a reference may change."""
    values = np.ascontiguousarray(sequence, dtype=np.float64)
    return sha256(repr(values.shape).encode() + values.tobytes()).digest()
