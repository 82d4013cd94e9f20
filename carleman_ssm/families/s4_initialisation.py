r"""How the S4 block is drawn: its spectra, steps, readouts, and the map behind its activation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from carleman_ssm.families.block_output import BlockOutput
from carleman_ssm.families.initialisations import DiagonalOptions, complex_normal, drawn_spectrum, drawn_steps
from carleman_ssm.families.s4_options import stored_parameter

COMBINATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "hippo": ("legs", "fourier"),
        "diag": ("diag-inv", "diag-lin"),
        "all": ("legs", "fourier", "diag-inv", "diag-lin"),
    }
)
"""Several initialisations, each for an equal share of the copies."""


def drawn_s4(
    rng: np.random.Generator,
    *,
    channels: int = 4,
    d_state: int = 8,
    init: str = "legs",
    copies: int | None = None,
    low_rank: bool = False,
    real: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Fields of an S4 block under the default transforms, without its output.

    Parameters
    ----------
    rng
        The source of random numbers.
    channels, d_state
        H and N; one of each conjugate pair is stored, N/2 modes.
    init
        As in `drawn_spectrum`, or a combination: ``"hippo"``, ``"diag"`` or ``"all"``, with the same number of copies
        of each of its parts.
    copies
        S, the number of different A and B; one for each channel if not given.
    low_rank
        Whether the fields of the low-rank part are wanted.
    real
        Real modes, N of them, without imaginary parts.
    **options
        Of `DiagonalOptions`.

    Raises
    ------
    ValueError
        An unknown initialisation, an odd size, copies that do not divide the channels or that the parts of a
        combination do not divide, real modes with a low rank.
    """
    copies = channels if copies is None else copies
    if copies < 1 or channels % copies:
        msg = f"the number of copies has to divide the {channels} channels, got {copies}"
        raise ValueError(msg)
    names = COMBINATIONS.get(init, (init,))
    if copies % len(names):
        msg = f"{copies} copies cannot be shared equally by {', '.join(names)}"
        raise ValueError(msg)
    chosen, size = DiagonalOptions(**options), 2 * d_state if real else d_state
    drawn = [drawn_spectrum(name, size, rng, chosen) for name in names for _ in range(copies // len(names))]
    eigenvalues = np.stack([spectrum.eigenvalues for spectrum in drawn])
    fields: dict[str, Any] = {
        "D": rng.normal(size=(1, channels)),
        "inv_dt": drawn_steps(rng, (channels, 1)),
        "C": complex_normal(rng, (1, channels, size // 2)),
        "B": np.stack([spectrum.B for spectrum in drawn]),
        "A_real": stored_parameter(-eigenvalues.real, "exp"),
        "A_imag": stored_parameter(-eigenvalues.imag, "none"),
    }
    if real:
        if low_rank:
            msg = "real modes have no low-rank part: use S4Block"
            raise ValueError(msg)
        return {**fields, "A_imag": None, "B": fields["B"].real, "C": fields["C"].real}
    return {**fields, "P": np.stack([spectrum.P for spectrum in drawn], axis=1)} if low_rank else fields


def drawn_output(rng: np.random.Generator, channels: int) -> BlockOutput:
    r"""GELU and a gated linear map, uniform in $\pm H^{-1/2}$ as torch draws it."""
    bound = channels**-0.5
    weight = rng.uniform(-bound, bound, (2 * channels, channels))
    return BlockOutput("gelu", weight, rng.uniform(-bound, bound, 2 * channels), "glu")
