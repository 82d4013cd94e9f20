r"""How the references draw their spectra: A, B and the low-rank P of the S4 kind, with N the full state size.

One of each conjugate pair is kept, $a_n = -\rho_n - i \omega_n$ for
$n = 0, \dots, N/2 - 1$. Lin, Inv, Real and the frequencies of LegS are those of `theory.initialisations`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from carleman_ssm.families.block_output import BlockOutput
from carleman_ssm.families.s4_options import stored_parameter
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.exact_numbers import to_complex
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.theory.initialisations import s4d_inv, s4d_lin, s4d_real
from carleman_ssm.theory.legendre import legs_enclosures

CLIP = 2.0
"""The reference cuts the imaginary part of B of LegS to this size (it depends on the phases of the eigenvectors)."""

MEASURES = ("legs", "legt", "fourier")
DIAGONALS = ("diag-lin", "diag-inv", "diag-inv2", "diag-quad", "diag-real", "diag-rand", "diag-legs")


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum(Brief):
    r"""One drawn state space model.

    Parameters
    ----------
    eigenvalues
        a, (M,), negative imaginary parts, as the reference holds them before it stores $-\mathrm{Re}$, $-\mathrm{Im}$.
    B
        (M,).
    P
        (rank, M); zero for a diagonal model.
    """

    eigenvalues: ComplexArray
    B: ComplexArray
    P: ComplexArray


def hippo(measure: str, size: int) -> tuple[Array, Array, Array]:
    r"""The matrices A, B, P of a measure: $A + P^\top P$ is $-\tfrac12 1$, or zero diagonal, plus a skew matrix.

    Parameters
    ----------
    measure
        ``"legs"`` (scaled Legendre), ``"legt"`` (translated Legendre, rank 2) or ``"fourier"``.
    size
        N, even.

    Returns
    -------
    A (N, N), B (N,), P (rank, N)

    Raises
    ------
    ValueError
        Another measure, or an odd size.

    References
    ----------
    Gu et al. (2023), "How to train your HiPPO"; Gu, Goel & Ré (2022), S4, appendix C.

    Examples
    --------
    >>> matrix, drive, low_rank = hippo("legs", 2)
    >>> matrix.round(3), drive.round(3)
    (array([[-1.   ,  0.   ],
           [-1.732, -2.   ]]), array([1.   , 1.732]))
    """
    if measure not in MEASURES or size < 2 or size % 2:
        msg = f"expected one of {', '.join(MEASURES)} and an even size, got {measure!r} and {size}"
        raise ValueError(msg)
    n = np.arange(size)
    roots = np.sqrt(2.0 * n + 1.0)
    below = n[:, None] > n
    outer = np.outer(roots, roots)
    if measure == "legs":
        return np.where(below, -outer, 0.0) - np.diag(n + 1.0), roots, np.sqrt(n + 0.5)[None]
    if measure == "legt":
        signs = np.where(below, 1.0, (-1.0) ** (n[:, None] - n))
        pairs = np.stack([roots * (n % 2 == 1), roots * (n % 2 == 0)])
        return -outer * signs / 2, roots / 2, pairs / np.sqrt(2)
    drive = np.where(n % 2 == 0, np.sqrt(2.0), 0.0)
    drive[0] = 1.0
    steps = np.where(n[:-1] % 2 == 1, np.pi * (n[:-1] + 1) // 2 * 1.0, 0.0)
    return np.diag(steps, -1) - np.diag(steps, 1) - np.outer(drive, drive), drive, drive[None]


def low_rank_spectrum(measure: str, size: int) -> Spectrum:
    r"""$\Lambda - P P^*$ and B of a measure in the eigenvectors of its normal part, one of each conjugate pair.

    Eigenvectors have free phases, which turn B, P and C together; only B is cut at $|\mathrm{Im}| = 2$, as the
    reference does, and so depends on them.
    """
    matrix, drive, low_rank = hippo(measure, size)
    normal = matrix + low_rank.T @ low_rank
    frequencies, vectors = np.linalg.eigh(-1j * (normal - np.mean(np.diag(normal)) * np.eye(size)))
    kept = vectors[:, : size // 2]
    if abs(frequencies[size // 2 - 1]) < 1e-4:  # the pair of zeros of the Fourier measure: its first two rows
        kept[:, -1] = 0
        kept[:2, -1] = np.sqrt(0.5), 1j * np.sqrt(0.5)
    inverse = np.conj(kept.T)
    rotated = inverse @ drive
    return Spectrum(
        np.mean(np.diag(normal)) + 1j * frequencies[: size // 2],
        rotated.real + 1j * np.clip(rotated.imag, -CLIP, CLIP),
        (inverse @ low_rank.T).T,
    )


def diagonal_spectrum(init: str, size: int, rng: np.random.Generator) -> Spectrum:
    r"""A diagonal model by the reference's name; B = 1 except for ``diag-legs``, which has the B of LegS.

    Parameters
    ----------
    init
        ``diag-lin``, ``diag-inv``, ``diag-inv2``, ``diag-quad``, ``diag-real``, ``diag-rand`` or ``diag-legs``.
    size
        N, even.
    rng
        For ``diag-rand``, whose imaginary parts are $e^{\mathcal N(0, 1)}$.

    Raises
    ------
    ValueError
        Another name, or an odd size.
    """
    if init not in DIAGONALS or size < 2 or size % 2:
        msg = f"expected one of {', '.join(DIAGONALS)} and an even size, got {init!r} and {size}"
        raise ValueError(msg)
    modes = size // 2
    if init == "diag-legs":
        legs = low_rank_spectrum("legs", size)
        return Spectrum(legs.eigenvalues, legs.B, np.zeros_like(legs.P))
    return Spectrum(
        np.conj(_positive(init, modes, rng)), np.ones(modes, np.complex128), np.zeros((1, modes), np.complex128)
    )


def _positive(init: str, modes: int, rng: np.random.Generator) -> ComplexArray:
    n = np.arange(modes, dtype=np.float64)
    exact = {"diag-lin": s4d_lin, "diag-inv": s4d_inv, "diag-real": s4d_real}
    if init in exact:
        return to_complex(exact[init](modes).eigenvalues, init)
    frequencies = {
        "diag-inv2": 2 * modes / np.pi * (2 * modes / (n + 1) - 1),
        "diag-quad": (1 + 2 * n) ** 2 / np.pi,
    }
    drawn: Array = frequencies[init] if init in frequencies else np.exp(rng.normal(size=modes))
    return np.full(modes, -0.5, np.complex128) + 1j * drawn


def legs_positive_frequencies(modes: int) -> Array:
    r"""$\omega_n$ of LegS, the largest first: middles of certified enclosures, rounded once."""
    return np.array([float((lower + upper) / 2) for lower, upper in legs_enclosures(modes)])


def drawn_steps(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    r"""$\ln \Delta$ uniform between those of 0.001 and 0.1."""
    return rng.uniform(np.log(1e-3), np.log(1e-1), shape)


def complex_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> ComplexArray:
    """Complex normal numbers of variance 1: one half in each part."""
    result: ComplexArray = (rng.normal(size=shape) + 1j * rng.normal(size=shape)) * np.sqrt(0.5)
    return result


def drawn_spectrum(init: str, size: int, rng: np.random.Generator) -> Spectrum:
    """`diagonal_spectrum` for the names that begin with ``diag``, else `low_rank_spectrum`."""
    return diagonal_spectrum(init, size, rng) if init.startswith("diag") else low_rank_spectrum(init, size)


def drawn_s4(
    rng: np.random.Generator,
    *,
    channels: int = 4,
    d_state: int = 8,
    init: str = "legs",
    copies: int | None = None,
    low_rank: bool = False,
) -> dict[str, Any]:
    """Fields of an S4 block under the default transforms, without its output.

    Parameters
    ----------
    rng
        The source of random numbers.
    channels, d_state
        H and N; one of each conjugate pair is stored, N/2 modes.
    init
        As in `drawn_spectrum`.
    copies
        S, the number of different A and B; one for each channel if not given.
    low_rank
        Whether the fields of the low-rank part are wanted.

    Raises
    ------
    ValueError
        An unknown initialisation, an odd size, or copies that do not divide the channels.
    """
    copies = channels if copies is None else copies
    if copies < 1 or channels % copies:
        msg = f"the number of copies has to divide the {channels} channels, got {copies}"
        raise ValueError(msg)
    drawn = [drawn_spectrum(init, d_state, rng) for _ in range(copies)]
    eigenvalues = np.stack([spectrum.eigenvalues for spectrum in drawn])
    fields: dict[str, Any] = {
        "D": rng.normal(size=(1, channels)),
        "inv_dt": drawn_steps(rng, (channels, 1)),
        "C": complex_normal(rng, (1, channels, d_state // 2)),
        "B": np.stack([spectrum.B for spectrum in drawn]),
        "A_real": stored_parameter(-eigenvalues.real, "exp"),
        "A_imag": stored_parameter(-eigenvalues.imag, "none"),
    }
    return {**fields, "P": np.stack([spectrum.P for spectrum in drawn], axis=1)} if low_rank else fields


def drawn_output(rng: np.random.Generator, channels: int) -> BlockOutput:
    r"""GELU and a gated linear map, uniform in $\pm H^{-1/2}$ as torch draws it."""
    bound = channels**-0.5
    weight = rng.uniform(-bound, bound, (2 * channels, channels))
    return BlockOutput("gelu", weight, rng.uniform(-bound, bound, 2 * channels), "glu")
