r"""Couplings on a ring: circulant matrices, and those of S4D-Lin in closed form.

S4D-Lin with $a_n = -\tfrac12 + i\pi n$ on a range of N successive frequencies has the couplings
$$w_d = \frac1N \sum_n a_n e^{-2\pi i n d/N}, \qquad d = (j - l) \bmod N \ne 0,$$
a geometric sum (T2). In each range $|w_d| = \frac N2 / \mathrm{chord}(d)$ with
$\mathrm{chord}(d) = \frac N\pi \sin\frac{\pi d}{N}$, the chord over d arcs of length 1: a power law in the distance
with exponent 1. $-\tfrac2N (W + \tfrac12)$ differentiates along the ring as a Fourier method does.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.polynomials import exact_entries, exact_without
from carleman_ssm.theory.wave_profile import (
    DISTANCE,
    MODE,
    NODES,
    RANGES,
    first_frequency,
    lin_eigenvalue,
    periodic_sinc,
)

REFERENCE = "derivations/02_s4d_lin_couplings"

_MODES = sp.Symbol("M", integer=True, positive=True)


def s4d_lin_couplings(frequencies: str = "symmetric") -> ClosedForm:
    r"""The coupling $w_d$ of S4D-Lin over the distance $d \not\equiv 0 \pmod N$, for symbolic N and d.

    ``"one-sided"``, $n = 0 \dots N-1$: $w_d = -\frac\pi2 e^{i\pi d/N}/\sin\frac{\pi d}N$, the complex ring.
    ``"centred"``, $n = -M \dots M-1$, $N = 2M$: $w_d = -\frac\pi2 (-1)^d e^{i\pi d/N}/\sin\frac{\pi d}N$.
    ``"symmetric"``, $n = -(M-1) \dots M-1$, $N = 2M-1$: $w_d = -\frac\pi2 (-1)^d/\sin\frac{\pi d}N$, the real ring.

    Parameters
    ----------
    frequencies
        One of `RANGES`.

    Returns
    -------
    ClosedForm
        Of ``w[d]`` [1/time] in N (or M) and d. Certificates: it is the DFT sum; the form with the cotangent;
        and of that sum: $W + \tfrac12$ is skew-Hermitian; it has period N; it is the slope of the band-limited
        pulse; its modulus.

    Raises
    ------
    ValueError
        An unknown range.

    See Also
    --------
    s4d_lin_self_coupling : the coupling at d = 0.

    References
    ----------
    derivations/02_s4d_lin_couplings; THEORY T2. For the differentiation matrix: Trefethen (2000), Spectral Methods
    in MATLAB, ch. 3.

    Examples
    --------
    >>> form = s4d_lin_couplings("one-sided")
    >>> form.expression, form.arguments
    (-pi*exp(I*pi*d/N)/(2*sin(pi*d/N)), (N, d))
    """
    size, arguments, where = _sizes(frequencies)
    value = _coupling(frequencies, size, DISTANCE)
    written = next(iter(where), size)
    return ClosedForm(
        sp.IndexedBase("w")[DISTANCE],
        _coupling(frequencies, written, DISTANCE),
        (*arguments, DISTANCE),
        where,
        _certificates(frequencies, size, value),
        REFERENCE,
    )


def s4d_lin_self_coupling(frequencies: str = "symmetric") -> ClosedForm:
    r"""The coupling $w_0$ of a node to itself: $-\frac12$ plus $i\pi$ times the mean frequency.

    Parameters
    ----------
    frequencies
        As in `s4d_lin_couplings`.

    Returns
    -------
    ClosedForm
        Of ``w[0]`` [1/time]; certificate: it is the mean of the spectrum.

    Raises
    ------
    ValueError
        An unknown range.

    References
    ----------
    derivations/02_s4d_lin_couplings; THEORY T2.

    Examples
    --------
    >>> [s4d_lin_self_coupling(frequencies).expression for frequencies in RANGES]
    [I*pi*(N/2 - 1/2) - 1/2, -1/2 - I*pi/2, -1/2]
    """
    size, arguments, _ = _sizes(frequencies)
    value = lin_eigenvalue(sp.expand(first_frequency(frequencies, size) + (size - 1) / 2))
    total = coupling_sum(frequencies, sp.S.Zero)
    certificate = Identity(total, value, name="mean of the spectrum", because="an arithmetic series")
    kept = tuple(symbol for symbol in arguments if symbol in value.free_symbols)
    return ClosedForm(sp.IndexedBase("w")[0], value, kept, certificates=(certificate,), reference=REFERENCE)


def coupling_sum(frequencies: str, distance: sp.Expr | int = DISTANCE) -> sp.Expr:
    r"""The definition: $\frac1N \sum_n (-\tfrac12 + i\pi n) e^{-2\pi i n d/N}$ over the range.

    Parameters
    ----------
    frequencies
        One of `RANGES`.
    distance
        d, an integer.

    Raises
    ------
    TypeError, ValueError
        An unknown range, or a distance that is not exact or contains the summation index.
    """
    size, *_ = _sizes(frequencies)
    distance = exact_without(distance, "the distance", MODE)
    first = first_frequency(frequencies, size)
    summand = lin_eigenvalue(MODE) * sp.exp(-2 * sp.pi * sp.I * MODE * distance / size)
    return sp.Sum(summand, (MODE, first, sp.expand(first + size - 1))) / size


def coupling_strength() -> ClosedForm:
    r"""$|w_d| = \frac N2/\mathrm{chord}(d)$ for $0 < d < N$: one power law for the three ranges of S4D-Lin.

    Returns
    -------
    ClosedForm
        Of $|w_d|$ [1/time] in N and d; ``ell`` is the chord [nodes]. Certificates: the
        polar form $w_d = |w_d| e^{i\theta}$ of the one-sided DFT sum with $\theta = \pi + \pi d/N$, a phase linear
        in the distance, and its squared modulus.

    References
    ----------
    THEORY T2. The coupling family: Budzinski et al. (2024), arXiv 2311.16431 (weights $1/d^\alpha$, here $\alpha = 1$).
    """
    size, chord = NODES, sp.Symbol("ell")
    length = _chord(size)
    strength, total = size / (2 * length), coupling_sum("one-sided")
    certificates = (
        Identity(
            total,
            strength * sp.exp(sp.I * (sp.pi + sp.pi * DISTANCE / size)),
            name="polar form",
            because=r"$-1 = e^{i\pi}$; for $0 < d < N$ the sine is positive",
            nonzero=_apart(size),
        ),
        Identity(
            _squared_modulus("one-sided"),
            strength**2,
            name="squared modulus",
            because="the phases cancel",
            nonzero=_apart(size),
        ),
    )
    return ClosedForm(
        sp.Abs(sp.IndexedBase("w")[DISTANCE]),
        size / (2 * chord),
        (size, DISTANCE),
        {chord: length},
        certificates,
        REFERENCE,
    )


def _squared_modulus(frequencies: str) -> sp.Expr:
    """The sum times its conjugate, each written as one sum."""
    total = coupling_sum(frequencies)
    return total * total.replace(lambda e: isinstance(e, sp.Sum), lambda e: e.func(sp.conjugate(e.function), *e.limits))


def _chord(size: sp.Expr) -> sp.Expr:
    """The chord over d arcs of length 1 on a circle of N such arcs."""
    return size / sp.pi * sp.sin(sp.pi * DISTANCE / size)


def _apart(size: sp.Expr) -> tuple[sp.Expr]:
    """The condition that d is no multiple of N."""
    return (sp.exp(-2 * sp.pi * sp.I * DISTANCE / size) - 1,)


def _sizes(frequencies: str) -> tuple[sp.Expr, tuple[sp.Symbol, ...], dict[sp.Basic, sp.Basic]]:
    """N as an expression, its argument, and its definition."""
    if frequencies not in RANGES:
        msg = f"unknown range of frequencies {frequencies!r}: use {', '.join(map(repr, RANGES))}"
        raise ValueError(msg)
    if frequencies == "one-sided":
        return NODES, (NODES,), {}
    size = 2 * _MODES if frequencies == "centred" else 2 * _MODES - 1
    return size, (_MODES,), {NODES: size}


def _coupling(frequencies: str, size: sp.Expr, distance: sp.Expr) -> sp.Expr:
    phase = sp.S.One if frequencies == "symmetric" else sp.exp(sp.I * sp.pi * distance / size)
    sign = sp.S.One if frequencies == "one-sided" else sp.S.NegativeOne**distance
    return -sp.pi / 2 * sign * phase / sp.sin(sp.pi * distance / size)


def _with_cotangent(frequencies: str, size: sp.Expr, value: sp.Expr) -> tuple[Identity, ...]:
    if frequencies == "symmetric":
        return ()
    sign = sp.S.One if frequencies == "one-sided" else sp.S.NegativeOne**DISTANCE
    written = -sp.pi / 2 * sign * (sp.cot(sp.pi * DISTANCE / size) + sp.I)
    return (Identity(value, written, name="with the cotangent", because="Euler's formula"),)


def _certificates(frequencies: str, size: sp.Expr, value: sp.Expr) -> tuple[Identity, ...]:
    """What makes the closed form the coupling; the left sides are sums, so that nothing is compared with itself."""
    z, total, apart = sp.Symbol("z", real=True), coupling_sum(frequencies), _apart(size)
    pulse = periodic_sinc(-z, size, first=first_frequency(frequencies, size))
    return (
        Identity(
            total,
            value,
            name="discrete Fourier transform of the spectrum",
            because=r"$\sum_{n<N} n r^n = N/(r - 1)$ for $r^N = 1 \ne r$",
            nonzero=apart,
        ),
        *_with_cotangent(frequencies, size, value),
        Identity(
            coupling_sum(frequencies, -DISTANCE),
            -sp.conjugate(value),
            name=r"$W + \frac12$ is skew-Hermitian",
            because="it moves contents around and keeps their energy",
            nonzero=apart,
        ),
        Identity(
            coupling_sum(frequencies, DISTANCE + size),
            value,
            name="period N",
            because="the matrix is circulant",
            nonzero=apart,
        ),
        Identity(
            total,
            -size / 2 * sp.diff(pulse, z).subs(z, DISTANCE),
            name="Fourier differentiation",
            because="the slope of the band-limited pulse",
            nonzero=apart,
        ),
        Identity(
            _squared_modulus(frequencies),
            (size / (2 * _chord(size))) ** 2,
            name="modulus",
            because="the phases cancel",
            nonzero=apart,
        ),
    )


def circulant(first_column: Sequence[sp.Expr]) -> sp.ImmutableMatrix:
    r"""$W_{jl} = w_{(j-l) \bmod N}$, shape (N, N).

    Returns
    -------
    (N, N) exact matrix.

    Raises
    ------
    TypeError, ValueError
        An entry that is not exact.

    References
    ----------
    THEORY T1; derivations/01_ring_equivalence.

    Examples
    --------
    >>> circulant(sp.symbols("w_0 w_1 w_2")).row(0)
    Matrix([[w_0, w_2, w_1]])
    """
    return _by_distance(first_column, 1)


def skew_circulant(first_column: Sequence[sp.Expr]) -> sp.ImmutableMatrix:
    r"""$W_{jl} = w_{j-l}$ with $w_{d-N} = -w_d$, shape (N, N): what passes node $N - 1$ returns with the other sign.

    Returns
    -------
    (N, N) exact matrix.

    Raises
    ------
    TypeError, ValueError
        An entry that is not exact.

    References
    ----------
    THEORY T5b; derivations/05_real_rings.

    Examples
    --------
    >>> skew_circulant(sp.symbols("w_0 w_1 w_2")).row(0)
    Matrix([[w_0, -w_2, -w_1]])
    """
    return _by_distance(first_column, -1)


def _by_distance(first_column: Sequence[sp.Expr], seam: int) -> sp.ImmutableMatrix:
    w = exact_entries(first_column, "first column")
    return sp.ImmutableMatrix(len(w), len(w), lambda j, l: w[j - l] if j >= l else seam * w[j - l])
