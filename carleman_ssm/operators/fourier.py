r"""Causal convolution and its adjoint in $O(L\log L)$, by FFT.

For what is measured, not certified: the rounding of an FFT is relative to the largest value, and has no bound here
(`convolution` has one).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from carleman_ssm.networks.enclosures import Floats


@dataclass(frozen=True, eq=False)
class FourierKernel:
    """The spectrum of one causal kernel per channel, or of a kernel that mixes them, for sequences of `length` steps.

    Parameters
    ----------
    spectrum
        (frequencies, H), of the zero-padded kernel; (frequencies, O, I) where it mixes the channels.
    size
        Padded length, at least 2L − 1: nothing wraps around.
    length
        L.
    """

    spectrum: NDArray[np.complex128]
    size: int
    length: int

    @classmethod
    def of(cls, kernel: Floats, length: int) -> FourierKernel:
        """From a kernel (H, at least L), or (O, I, at least L).

        Raises
        ------
        ValueError
            The kernel has fewer lags than the sequences have steps.
        """
        if not 1 <= length <= kernel.shape[-1]:
            msg = (
                f"sequences of {length} steps need at least one step and at most the {kernel.shape[-1]} lags of the "
                "kernel: build the stack with a longer length"
            )
            raise ValueError(msg)
        size = fft.next_fast_len(2 * length - 1, real=True)
        return cls(fft.rfft(np.moveaxis(kernel[..., :length], -1, 0), size, axis=0), size, length)

    def __call__(self, drive: Floats) -> Floats:
        r"""$y_k = \sum_{m\le k}K_mv_{k-m}$ for v (…, L, H)."""
        return self._filter(drive, self.spectrum)

    def adjoint(self, cotangent: Floats) -> Floats:
        r"""$g_s = \sum_{k\ge s}K_{k-s}w_k$ for w (…, L, H): the transpose of the convolution."""
        spectrum = self.spectrum.conj()
        return self._filter(cotangent, spectrum.swapaxes(1, 2) if spectrum.ndim == 3 else spectrum)

    def _filter(self, values: Floats, spectrum: NDArray[np.complex128]) -> Floats:
        transformed = fft.rfft(values, self.size, axis=-2)
        if spectrum.ndim == 3:
            transformed = (spectrum @ transformed[..., None])[..., 0]
        else:
            transformed *= spectrum
        result: Floats = fft.irfft(transformed, self.size, axis=-2)[..., : self.length, :]
        return result
