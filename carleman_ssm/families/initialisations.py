r"""How the references draw their spectra: A, B and the low-rank P of the S4 kind, with N the full state size.

One of each conjugate pair is kept, $a_n = -\rho_n - i \omega_n$ for
$n = 0, \dots, N/2 - 1$. Lin, Inv, Real and the frequencies of LegS are those of `theory.initialisations`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.exact_numbers import to_complex
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.theory.initialisations import s4d_inv, s4d_lin, s4d_real
from carleman_ssm.theory.legendre import legs_enclosures
from carleman_ssm.theory.ssm import DiagonalSSM

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


@dataclass(frozen=True)
class DiagonalOptions:
    r"""The reference's further choices for a diagonal model.

    Parameters
    ----------
    real_random
        Real parts uniform in $-[0, 1]$ instead of $-\tfrac12$ ($-[0, N/2]$ for ``diag-real``).
    imag_random
        n uniform in $[0, N/2]$ instead of whole numbers.
    real_scale, imag_scale, B_scale
        Factors.
    B_init
        ``"constant"``, ``"random"``, ``"alternating"``, ``"unit-cw"`` or ``"unit-ccw"``.
    normalize
        Whether B is divided by $(2 \sum |b_n / a_n|^2)^{1/2}$.

    Raises
    ------
    ValueError
        An unknown `B_init`.
    """

    real_random: bool = False
    imag_random: bool = False
    real_scale: float = 1.0
    imag_scale: float = 1.0
    B_scale: float = 1.0
    B_init: str = "constant"
    normalize: bool = False

    def __post_init__(self) -> None:
        known = ("constant", "random", "alternating", "unit-cw", "unit-ccw")
        if self.B_init not in known:
            msg = f"B_init: expected one of {', '.join(known)}, got {self.B_init!r}"
            raise ValueError(msg)


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
    steps = np.where(n[:-1] % 2 == 0, np.pi * n[:-1] / 2, 0.0)
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


def diagonal_spectrum(
    init: str, size: int, rng: np.random.Generator, options: DiagonalOptions | None = None
) -> Spectrum:
    r"""A diagonal model by the reference's name; ``diag-legs`` has the B of LegS, whatever `options` say of it.

    Parameters
    ----------
    init
        ``diag-lin``, ``diag-inv``, ``diag-inv2``, ``diag-quad``, ``diag-real``, ``diag-rand`` or ``diag-legs``.
    size
        N, even.
    rng
        For ``diag-rand``, whose imaginary parts are $e^{\mathcal N(0, 1)}$, and for random options.
    options
        The reference's default if not given.

    Raises
    ------
    ValueError
        Another name, or an odd size.
    """
    if init not in DIAGONALS or size < 2 or size % 2:
        msg = f"expected one of {', '.join(DIAGONALS)} and an even size, got {init!r} and {size}"
        raise ValueError(msg)
    options, modes = options or DiagonalOptions(), size // 2
    real, imaginary = _parts_of(init, modes, rng, options)
    eigenvalues = -options.real_scale * real.astype(np.complex128) - 1j * options.imag_scale * imaginary
    drive = low_rank_spectrum("legs", size).B if init == "diag-legs" else _drive(options.B_init, modes, rng)
    drive = options.B_scale * drive
    if options.normalize:
        drive = drive / np.sqrt(2 * np.sum(np.abs(drive / eigenvalues) ** 2))
    return Spectrum(eigenvalues, drive, np.zeros((1, modes), np.complex128))


def _parts_of(init: str, modes: int, rng: np.random.Generator, options: DiagonalOptions) -> tuple[Array, Array]:
    """Minus the real and minus the imaginary parts, before they are scaled; the order is that of the reference."""
    n = np.arange(modes, dtype=np.float64)
    if options.imag_random:
        n = modes * rng.uniform(size=modes)
    if init == "diag-real":
        decay = modes * rng.uniform(size=modes) if options.real_random else -_exact(s4d_real, modes).real
        return decay, np.zeros(modes)
    real = rng.uniform(size=modes) if options.real_random else np.full(modes, 0.5)
    if init in ("diag-lin", "diag-inv") and not options.imag_random:
        return real, _exact(s4d_lin if init == "diag-lin" else s4d_inv, modes).imag
    size = 2 * modes
    laws: dict[str, Callable[[], Array]] = {
        "diag-lin": lambda: np.pi * n,
        "diag-inv": lambda: size / np.pi * (size / (1 + 2 * n) - 1),
        "diag-inv2": lambda: size / np.pi * (size / (1 + n) - 1),
        "diag-quad": lambda: (1 + 2 * n) ** 2 / np.pi,
        "diag-rand": lambda: np.exp(rng.normal(size=modes)),
        "diag-legs": lambda: legs_positive_frequencies(modes),
    }
    return real, laws[init]()


def _exact(spectrum: Callable[[int], DiagonalSSM], modes: int) -> ComplexArray:
    return to_complex(spectrum(modes).eigenvalues, "eigenvalues")


def _drive(name: str, modes: int, rng: np.random.Generator) -> ComplexArray:
    n = np.arange(modes)
    turn = np.exp(-1j * np.pi * n / modes)
    named = {"constant": np.ones(modes), "alternating": (-1.0) ** n, "unit-cw": turn, "unit-ccw": np.conj(turn)}
    return complex_normal(rng, (modes,)) if name == "random" else named[name].astype(np.complex128)


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


def drawn_spectrum(init: str, size: int, rng: np.random.Generator, options: DiagonalOptions | None = None) -> Spectrum:
    """`diagonal_spectrum` for the names that begin with ``diag-``, else `low_rank_spectrum`.

    Raises
    ------
    ValueError
        As there; options for a measure, which has none.
    """
    if init.startswith("diag-"):
        return diagonal_spectrum(init, size, rng, options)
    if options not in (None, DiagonalOptions()):
        msg = f"the measure {init!r} has no options; they are for {', '.join(DIAGONALS)}"
        raise ValueError(msg)
    return low_rank_spectrum(init, size)
