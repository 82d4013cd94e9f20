r"""Coefficients of the lines of $\varphi(y^0 + \sum_a\mathrm{Re}(B_ae^{i\theta_a}))$ in the phases $\theta_a$ of tones.

Of a polynomial with Taylor coefficients $t_q$ at $y^0$ there are the lines $e^{in\cdot\theta}$ with $|n|_1 \le P$, and

$$\gamma_n = \sum_q q!\,t_q \sum_{\substack{m\in\mathbb N^T\\|n|_1 + 2|m|_1 = q}}
\prod_a\frac{(B_a/2)^{|n_a|}\,|B_a/2|^{2m_a}}{(|n_a|+m_a)!\,m_a!},$$

$B_a$ conjugated where $n_a < 0$: the multinomial theorem for
$(\sum_a\tfrac12B_ae^{i\theta_a} + \tfrac12\bar B_ae^{-i\theta_a})^q$. A discrete Fourier transform over more than
P + |n| phases per tone gives the same without cancellation, and those of other functions up to aliasing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import comb, factorial

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.kernel import Complexes
from carleman_ssm.operators.decoders import ChannelDecoders, ExactDecoders, FittedDecoders
from carleman_ssm.operators.taylor_decoders import TaylorDecoders
from carleman_ssm.theory.polynomials import require_count, require_integer

Integers = npt.NDArray[np.int64]

CLOSED_DEGREE = 12
"""Largest degree of the closed sum: beyond it monomials cancel."""
PHASES = {1: 512, 2: 128, 3: 32}
"""Phases per tone, by the number of tones, at which functions that are no polynomials are sampled."""
MOST_PHASES = {1: 1024, 2: 256, 3: 40}
"""The same for polynomials of high degree: beyond it they count as functions like others."""
MOST_LINES = 10**4
"""Most lines that are listed: more than the phases of any number of tones resolve."""


@dataclass(frozen=True, eq=False, repr=False)
class LineCoefficients(Brief):
    r"""$\gamma_{n,h}$ (lines, H) at the multiples n (lines, T).

    `aliasing` (H,) is the *measured* size of the coefficients at the highest sampled orders, which aliasing folds back;
    0 for polynomials. `method` says in words what was done.
    """

    multiples: Integers
    values: Complexes
    method: str
    aliasing: Floats


def line_coefficients(
    decoders: ChannelDecoders, point: Floats, driven: Complexes, multiples: Integers
) -> LineCoefficients:
    r"""Coefficients of the lines of all channels.

    Parameters
    ----------
    decoders
        $\varphi$.
    point
        $y^0$ (H,).
    driven
        $B_{a,h}$ (T, H).
    multiples
        n (lines, T).

    Raises
    ------
    ValueError
        A line has a higher order than the phases resolve.
    """
    silent = np.zeros(len(point))
    if isinstance(decoders, ExactDecoders | TaylorDecoders) and decoders.degree <= CLOSED_DEGREE:
        values = polynomial_lines(decoders.taylor(point, decoders.degree), driven, multiples)
        return LineCoefficients(multiples, values, f"polynomial of degree {decoders.degree}, closed sum", silent)
    tones, reach = len(driven), int(np.abs(multiples).max())
    if isinstance(decoders, ExactDecoders | TaylorDecoders | FittedDecoders):
        count = decoders.degree + reach + 1
        if count <= MOST_PHASES[tones]:
            values = torus_coefficients(decoders, point, driven, count)[tuple(multiples.T % count)]
            return LineCoefficients(multiples, values, f"polynomial, exact over {count} phases per tone", silent)
    count = PHASES[tones]
    if 2 * reach >= count:
        msg = f"{count} phases for each of {tones} tones resolve lines of order below {count // 2}, asked for {reach}"
        raise ValueError(msg)
    whole = torus_coefficients(decoders, point, driven, count)
    method = f"Fourier transform over {count} phases per tone"
    return LineCoefficients(multiples, whole[tuple(multiples.T % count)], method, _highest(whole, tones))


def polynomial_lines(taylor: Floats, driven: Complexes, multiples: Integers) -> Complexes:
    r"""$\gamma_{n,h}$ (lines, H) by the module's sum, from $t_q$ (P + 1, H), $B_{a,h}$ (T, H) and n (lines, T)."""
    factors = np.array([float(factorial(q)) for q in range(len(taylor))])[:, None] * taylor
    result = np.zeros((len(multiples), taylor.shape[1]), dtype=np.complex128)
    for row, n in enumerate(multiples.tolist()):
        series = np.zeros(taylor.shape, dtype=np.complex128)
        series[0] = 1.0
        for turns, wave in zip(n, driven, strict=True):
            series = _cauchy(series, _tone_series(turns, wave, len(taylor)))
        result[row] = (factors * series).sum(axis=0)
    return result


def torus_coefficients(decoders: ChannelDecoders, point: Floats, driven: Complexes, count: int) -> Complexes:
    """Fourier coefficients (count, …, H) over `count` phases of every tone."""
    turns, signal = np.exp(2j * np.pi * np.arange(count) / count), point.copy()
    for axis, wave in enumerate(driven):
        shape = [1] * len(driven) + [len(point)]
        shape[axis] = count
        signal = signal + np.outer(turns, wave).real.reshape(shape)
    coefficients: Complexes = np.fft.fftn(decoders(signal), axes=range(len(driven)), norm="forward")
    return coefficients


def line_multiples(tones: int, order: int) -> Integers:
    r"""One of each pair ±n with $|n|_1$ up to the order: n = 0 first, lowest orders first; at least order 1.

    Examples
    --------
    >>> line_multiples(2, 2).tolist()
    [[0, 0], [1, 0], [0, 1], [2, 0], [1, 1], [1, -1], [0, 2]]

    Raises
    ------
    TypeError
        A number is not whole.
    ValueError
        No tone, a negative order, or more than 10⁴ lines.

    References
    ----------
    Of T tones there are $\sum_k 2^k\binom Tk\binom Pk$ multiples up to order P (Delannoy numbers; OEIS A008288).
    """
    tones = require_integer(tones, "the number of tones", least=1)
    largest = max(1, require_count(order, "order"))  # the tones themselves pass the residual path, whatever the decoder
    whole = sum(2**k * comb(tones, k) * comb(largest, k) for k in range(tones + 1))
    if whole > 2 * MOST_LINES:
        msg = f"{tones} tones have {(whole + 1) // 2} lines up to order {largest} (at most {MOST_LINES}): ask for fewer"
        raise ValueError(msg)
    every = (n for n in product(range(-largest, largest + 1), repeat=tones) if sum(map(abs, n)) <= largest)
    half = [n for n in every if next((entry for entry in n if entry), 1) > 0]
    return np.array(sorted(half, key=lambda n: (sum(map(abs, n)), [-entry for entry in n])), dtype=np.int64)


def _tone_series(turns: int, wave: Complexes, size: int) -> Complexes:
    r"""$(B/2)^{|n|}|B/2|^{2m}/((|n|+m)!\,m!)$ at degree $|n| + 2m$, (size, H)."""
    half = (wave if turns >= 0 else wave.conj()) / 2.0
    series = np.zeros((size, len(wave)), dtype=np.complex128)
    for degree in range(abs(turns), size, 2):
        m = (degree - abs(turns)) // 2
        series[degree] = half ** abs(turns) * np.abs(half) ** (2 * m) / (factorial(abs(turns) + m) * factorial(m))
    return series


def _cauchy(first: Complexes, second: Complexes) -> Complexes:
    """Product of two series (degrees, H), cut off at their length."""
    result = np.zeros_like(first)
    for degree, row in enumerate(second):
        result[degree:] += first[: len(first) - degree] * row
    return result


def _highest(coefficients: Complexes, tones: int) -> Floats:
    """The largest coefficient at the highest order of any tone, (H,)."""
    middle, channels = len(coefficients) // 2, coefficients.shape[-1]
    edges = [np.abs(np.take(coefficients, middle, axis=axis)).reshape(-1, channels) for axis in range(tones)]
    result: Floats = np.max([edge.max(axis=0) for edge in edges], axis=0)
    return result
