r"""The lines of a decoder's output when its pre-activation is a level plus sinusoids.

For $y = y_0 + \sum_i R_i\cos\theta_i$ a polynomial $\sigma(y)$ is a finite Fourier sum over integers $h_i$; the
coefficient of $e^{i\sum_i h_i\theta_i}$ is
$$\sum_{b \ge 0} \tilde g_p\,p!\prod_i\frac{(R_i/2)^{|h_i|+2b_i}}{(|h_i|+b_i)!\,b_i!},\qquad
p = \sum_i(|h_i| + 2b_i),\quad \tilde g_p = \sigma^{(p)}(y_0)/p! .$$
One sinusoid gives harmonics; two give intermodulation lines at $h_1\omega_1 + h_2\omega_2$, the visible signature of
waves that meet in a decoder. Lines that fall on one frequency, aliases included, add up. For the exact GELU about
$y_0 = 0$ every harmonic is closed, in Bessel functions, by Stein's identity on the circle: $\Phi(R\cos\theta)$ has the
derivative $-R\sin\theta\,\varphi(R\cos\theta)$ and is integrated by parts. A real network has biases and transients;
that form is then a limit (no level, steady state), not its output.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from math import factorial, prod

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.gaussian_expectations import normal_density, normal_distribution
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_free, require_integer, require_kind

REFERENCE = "derivations/23_spectral_lines"
MAX_TONES = 3

_level = sp.Symbol("y_0")
_size, _angle = sp.Symbol("R", real=True), sp.Symbol("theta", real=True)


def spectral_line(decoder: PolynomialDecoder, harmonics: Sequence[int]) -> ClosedForm:
    r"""The coefficient of $e^{i\sum_i h_i\theta_i}$ in $\sigma(y_0 + \sum_iR_i\cos\theta_i)$.

    Parameters
    ----------
    decoder
        $\sigma$ of degree P.
    harmonics
        $h_1 \dots h_r$, integers of either sign, one per sinusoid, at most `MAX_TONES`. A line of real signals
        $2\,\mathrm{Re}$(coefficient · $e^{i\sum h\theta}$) belongs to h and -h together.

    Returns
    -------
    ClosedForm
        Of ``line`` in the coefficients, $y_0$ and $R_1 \dots R_r$; with a phase the coefficient turns by
        $e^{i\sum_ih_i\phi_i}$. Certificate: all lines with $\sum_i|h_i| \le P$, each times its exponential, add up to
        the output; as exponentials are independent, it determines them.

    Raises
    ------
    TypeError, ValueError
        Not a polynomial decoder, no sequence of integers, no sinusoid or more than `MAX_TONES`, or a decoder that uses
        one of the names.

    References
    ----------
    derivations/23_spectral_lines; THEORY T15, T23.

    Examples
    --------
    >>> square = PolynomialDecoder((0, 0, 1))
    >>> spectral_line(square, (1, -1)).expression, spectral_line(square, (2,)).expression
    (R_1*R_2/2, R_1**2/4)
    """
    require_kind(decoder, PolynomialDecoder, "the decoder")
    wanted = _harmonics(harmonics)
    sizes = sp.symbols(f"R_1:{len(wanted) + 1}", real=True)
    angles = sp.symbols(f"theta_1:{len(wanted) + 1}", real=True)
    require_free(decoder.parameters, (_level, *sizes, *angles), "the decoder")
    signal = _level + sp.Add(*(size * sp.cos(angle) for size, angle in zip(sizes, angles, strict=True)))
    reach = range(-decoder.degree, decoder.degree + 1)
    lines = [
        _line(decoder, h, sizes) * sp.exp(sp.I * sp.Add(*(n * angle for n, angle in zip(h, angles, strict=True))))
        for h in product(reach, repeat=len(wanted))
        if sum(map(abs, h)) <= decoder.degree
    ]
    everything = Identity(
        sp.Add(*lines), decoder(signal), name="all lines", because=r"$\cos\theta = \frac12(e^{i\theta} + e^{-i\theta})$"
    )
    arguments = (*decoder.parameters, _level, *sizes)
    return ClosedForm(
        sp.Symbol("line"),
        _line(decoder, wanted, sizes),
        arguments,
        {},
        at_size([everything], f"P = {decoder.degree}, tones: {len(sizes)}"),
        REFERENCE,
    )


def _harmonics(harmonics: object) -> tuple[int, ...]:
    """One integer per sinusoid."""
    if not isinstance(harmonics, Iterable) or isinstance(harmonics, str):
        msg = f"the harmonics must be a sequence of integers, one per sinusoid, got {harmonics!r}: write (2,) for one"
        raise TypeError(msg)
    wanted = tuple(require_integer(h, f"harmonic h_{i}") for i, h in enumerate(harmonics, 1))
    require_integer(len(wanted), "the number of sinusoids", least=1, most=MAX_TONES)
    return wanted


def _line(decoder: PolynomialDecoder, harmonics: Sequence[int], sizes: Sequence[sp.Symbol]) -> sp.Expr:
    local, terms = decoder.shifted(_level).coefficients, []
    spare = (decoder.degree - sum(map(abs, harmonics))) // 2
    for extra in product(range(spare + 1), repeat=len(sizes)):
        powers = [abs(h) + 2 * b for h, b in zip(harmonics, extra, strict=True)]
        if (degree := sum(powers)) <= decoder.degree:
            below = prod(factorial(power - b) * factorial(b) for power, b in zip(powers, extra, strict=True))
            count = factorial(degree) // below
            terms.append(
                local[degree] * count * prod((size / 2) ** power for size, power in zip(sizes, powers, strict=True))
            )
    return sp.Add(*terms)


def gelu_line(harmonic: int) -> ClosedForm:
    r"""The coefficient $\gamma_h$ of $e^{ih\theta}$ in $\mathrm{GELU}(R\cos\theta)$, steady and about the level 0.

    $$\gamma_{2j} = (-1)^j\frac{R^2e^{-x}}{4\sqrt{2\pi}}
    \Big(\frac{I_j(x) + I_{j+1}(x)}{2j+1} - \frac{I_{j-1}(x) + I_j(x)}{2j-1}\Big),\quad x = \frac{R^2}4,$$
    $\gamma_{\pm1} = R/4$, and 0 for other odd h. The mean is
    $\gamma_0 = R^2e^{-x}\,(I_0(x) + I_1(x))/(2\sqrt{2\pi})$. For a large R take $e^{-x}I_n(x)$ as one scaled function.

    Parameters
    ----------
    harmonic
        h; the line of -h is the same.

    Returns
    -------
    ClosedForm
        Of ``line`` in R. Certificates hold at every angle. Even h: $\cos(h\theta)\,\mathrm{GELU}(R\cos\theta)$ is the
        derivative of a periodic function plus a remainder, and the remainder is $\frac{R^2e^{-x}}{4\sqrt{2\pi}}$ times
        $\big(\frac{\cos h\theta - \cos(h+2)\theta}{h+1} + \frac{\cos(h-2)\theta - \cos h\theta}{h-1}\big)
        e^{-x\cos2\theta}$. What remains is the definition of $I_n$ as an integral: the mean of
        $\cos(2n\theta)\,e^{-x\cos2\theta}$ over a turn is $(-1)^nI_n(x)$. Odd h: half a turn later GELU has lost
        $R\cos\theta$, so twice the mean is that of $R\cos\theta\cos h\theta =
        \frac R2(\cos(h-1)\theta + \cos(h+1)\theta)$. The line is made from the waves of these certificates.

    Raises
    ------
    TypeError
        The harmonic is no integer.

    References
    ----------
    derivations/23_spectral_lines; THEORY T23; DLMF 10.32.3 (the integral of $I_n$).

    Examples
    --------
    >>> gelu_line(1).expression
    R/4
    """
    h = abs(require_integer(harmonic, "the harmonic"))
    if h % 2:
        waves = {h - 1: _size / 2, h + 1: _size / 2}
        return ClosedForm(
            sp.Symbol("line"), waves.get(0, sp.S.Zero) / 2, (_size,), {}, odd_line_laws(h, waves), REFERENCE
        )
    waves = {h: sp.S.Zero, h + 2: sp.S.Zero, abs(h - 2): sp.S.Zero}
    for k, share in ((h, h + 1), (h + 2, -h - 1), (abs(h - 2), h - 1), (h, 1 - h)):
        waves[k] += sp.Rational(1, share)
    line = _scale() * sp.Add(*(a * _bessel_mean(k) for k, a in waves.items()))
    return ClosedForm(sp.Symbol("line"), line, (_size,), {}, even_line_laws(h, waves), REFERENCE)


def _scale() -> sp.Expr:
    r"""$R^2e^{-x}/(4\sqrt{2\pi})$, $x = R^2/4$."""
    return _size**2 * sp.exp(-(_size**2) / 4) / (4 * sp.sqrt(2 * sp.pi))


def _bessel_mean(k: int) -> sp.Expr:
    r"""Mean of $\cos(k\theta)\,e^{-x\cos2\theta}$ over a turn for an even k: $(-1)^{k/2}I_{k/2}(x)$ (DLMF 10.32.3)."""
    return (-1) ** (k // 2) * sp.besseli(k // 2, _size**2 / 4)


def even_line_laws(h: int, waves: Mapping[int, sp.Expr]) -> tuple[Identity, ...]:
    r"""Certificates that the even line h is the mean of $\frac{R^2e^{-x}}{4\sqrt{2\pi}}\sum_ka_k\cos(k\theta)\,
    e^{-x\cos2\theta}$.

    Parameters
    ----------
    h
        The harmonic.
    waves
        $a_k$ for each k. With others than those of `gelu_line` the second certificate is false.

    Returns
    -------
    tuple of Identity
        Integration by parts, and the integrand that it leaves.

    References
    ----------
    derivations/23_spectral_lines; THEORY T23.
    """
    x, y = _size**2 / 4, _size * sp.cos(_angle)
    parts = sp.sin((h + 1) * _angle) / (h + 1) + sp.sin((h - 1) * _angle) / (h - 1)
    remainder = _size**2 / 2 * parts * sp.sin(_angle) * normal_density(y)
    return (
        Identity(
            sp.cos(h * _angle) * activation("gelu").expression(y),
            sp.Derivative(_size / 2 * parts * normal_distribution(y), _angle) + remainder,
            name="by parts on the circle",
            because=r"$2\cos\theta\cos h\theta = \cos(h+1)\theta + \cos(h-1)\theta$",
        ),
        Identity(
            remainder,
            _scale() * _sum_of_waves(waves) * sp.exp(-x * sp.cos(2 * _angle)),
            name="integrand of the Bessel functions",
            because=r"$R^2\cos^2\theta/2 = x + x\cos2\theta$",
        ),
    )


def odd_line_laws(h: int, waves: Mapping[int, sp.Expr]) -> tuple[Identity, ...]:
    r"""The certificate that twice the odd line h is the mean of $\sum_ka_k\cos k\theta$, which is $a_0$.

    Parameters
    ----------
    h
        The harmonic.
    waves
        $a_k$ for each k. With others than those of `gelu_line` the certificate is false.

    Returns
    -------
    tuple of Identity
        The value and that of half a turn later, together.

    References
    ----------
    derivations/23_spectral_lines; THEORY T23.
    """
    y, later = _size * sp.cos(_angle), _size * sp.cos(_angle + sp.pi)
    gelu = activation("gelu").expression
    return (
        Identity(
            gelu(y) * sp.cos(h * _angle) + gelu(later) * sp.cos(h * (_angle + sp.pi)),
            _sum_of_waves(waves),
            name="half a turn later",
            because=r"$\mathrm{GELU}(y) - \mathrm{GELU}(-y) = y$ and $\cos h(\theta + \pi) = -\cos h\theta$",
        ),
    )


def _sum_of_waves(waves: Mapping[int, sp.Expr]) -> sp.Expr:
    r"""$\sum_ka_k\cos k\theta$."""
    return sp.Add(*(a * sp.cos(k * _angle) for k, a in waves.items()))
