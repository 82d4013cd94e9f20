r"""One S4D layer as a fast frozen object: chunked scan, activation (or its fit), output map, block by block.

$v = W \varphi(K \star u + D u) + w$ for input (batch, H, L). It is a faster way to compute what
`S4DLayer.preactivation` and `S4DLayer.output` compute, and agrees with them to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.chunked_scan import ChunkedScan, Floats
from carleman_ssm.networks.layers import S4DLayer
from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.clenshaw import clenshaw
from carleman_ssm.theory.fits import ChebyshevFit

_CACHED_ENTRIES = 2**14
"""Numbers decoded at once (128 KiB): the passes of Clenshaw's recurrence stay in the cache."""


@dataclass(frozen=True)
class ActivationDecoder:
    """An activation function applied in place, a few channels at a time."""

    activation: Activation

    def __call__(self, values: Floats, channels: slice) -> None:
        """Replace the pre-activations (h, L) by their images; the channels do not matter."""
        del channels
        for rows in _row_blocks(values):
            rows[...] = self.activation(rows)


@dataclass(frozen=True, eq=False, repr=False)
class FittedDecoder(Brief):
    r"""One Chebyshev fit per channel, evaluated in place by Clenshaw's recurrence.

    Parameters
    ----------
    centre, half_width
        (H, 1), as in `ChebyshevFit`.
    coefficients
        (P + 1, H, 1).
    """

    centre: Floats
    half_width: Floats
    coefficients: Floats

    @classmethod
    def of(cls, fits: Sequence[ChebyshevFit]) -> FittedDecoder:
        """Collect the fits of all channels, padded with zeros to one degree.

        Raises
        ------
        ValueError
            There is no fit.
        """
        if not fits:
            msg = "no fits: give one per channel, for example from fit_many"
            raise ValueError(msg)
        degree = max(fit.degree for fit in fits)
        coefficients = [np.pad(fit.coefficients, (0, degree - fit.degree)) for fit in fits]
        return cls(
            np.array([[fit.centre] for fit in fits]),
            np.array([[fit.half_width] for fit in fits]),
            np.ascontiguousarray(np.array(coefficients).T[..., None]),
        )

    def __call__(self, values: Floats, channels: slice) -> None:
        """Replace the pre-activations (h, L) of these channels by $p_h(y)$.

        The intervals are not checked here: the caller knows the range for which the fits were made.
        """
        first = channels.start
        for rows in _row_blocks(values):
            own = slice(first, first + len(rows))
            np.subtract(rows, self.centre[own], out=rows)
            np.divide(rows, self.half_width[own], out=rows)
            clenshaw(self.coefficients[:, own], rows, out=rows)
            first += len(rows)


def _row_blocks(values: Floats) -> list[Floats]:
    size = max(1, _CACHED_ENTRIES // max(1, values.shape[1]))
    return [values[first : first + size] for first in range(0, len(values), size)]


@dataclass(frozen=True, eq=False, repr=False)
class FastLayer(Brief):
    r"""$u \mapsto W \varphi(K \star u + D u) + w$, float64, channels before time.

    Parameters
    ----------
    scan
        Convolution and feedthrough.
    decode
        $\varphi$ or its fits.
    weight, bias
        (H, H) and (H, 1) of the output map, or None.
    """

    scan: ChunkedScan
    decode: ActivationDecoder | FittedDecoder
    weight: Floats | None = None
    bias: Floats | None = None

    @classmethod
    def of(cls, layer: S4DLayer, decoder: Activation | Sequence[ChebyshevFit]) -> FastLayer:
        """Prepare a layer with its activation, or with one fit per channel.

        Raises
        ------
        ValueError
            The number of fits is not that of the channels, or the output map is gated (2H rows).
        """
        if isinstance(decoder, Activation):
            decode: ActivationDecoder | FittedDecoder = ActivationDecoder(decoder)
        elif len(decoder) == layer.channels:
            decode = FittedDecoder.of(decoder)
        else:
            msg = f"{len(decoder)} fits for {layer.channels} channels: give one fit per channel"
            raise ValueError(msg)
        if layer.output_weight is None or layer.output_bias is None:
            return cls(ChunkedScan.of(layer), decode)
        if len(layer.output_weight) != layer.channels:
            msg = f"the output map has {len(layer.output_weight)} rows: gated maps (2H rows) are not prepared"
            raise ValueError(msg)
        return cls(ChunkedScan.of(layer), decode, layer.output_weight, layer.output_bias[:, None])

    def __call__(self, u: Floats, *, workers: int = 1) -> Floats:
        """(batch, H, L) to (batch, H, L); the input is left alone.

        Raises
        ------
        ValueError
            The input has another number of channels.
        """
        values = self.scan(u, self.decode, workers=workers)
        if self.weight is None or self.bias is None:
            return values
        mapped = np.empty(values.shape[1:])
        for item in values:
            np.matmul(self.weight, item, out=mapped)
            np.add(mapped, self.bias, out=item)
        return values
