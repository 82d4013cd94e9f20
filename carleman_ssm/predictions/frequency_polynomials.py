r"""Logits of a polynomial network under a sinusoid as a trigonometric polynomial of its frequency and phase.

For $x_k = a\,e^{s(k-p)}\cos(\omega(k-p) + \theta)$, $p \le k < L$, and a network of total degree P, at any depth,

$$\ell_i(a, \omega, \theta) = \sum_{n=0}^Pa^n\sum_{j = n, n-2, \dots \ge 0}\ \sum_m c_{njm,i}\,\cos(m\omega + j\theta)$$

exactly: every $x_k$ is the mean of $(e^{i\theta}\rho^{k-p})$ and its conjugate, so a product of n of them holds
$e^{\pm i\theta}$ as often as it has factors, and $|m| \le n(L-1-p)$. It is finite, with the transient and the biases,
and no mode of the layer can be in resonance with it. An even trigonometric polynomial is known by its values on a grid
finer than its largest frequency, which gives the coefficients by one Fourier transform.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt
import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.closed_forms import decimal
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.predictions.arguments import checked_input, checked_label, checked_length
from carleman_ssm.predictions.geometric_inputs import InputFamily, check_place
from carleman_ssm.predictions.input_families import Sinusoid
from carleman_ssm.predictions.polynomial_networks import orders_of_scale, polynomial_degree

MAX_NUMBERS = 2**25  # numbers in the sequences of the grid: 256 MiB
MAX_PRINTED = 2000
REFERENCE = "derivations/23_spectral_lines"
MAX_PROVED = 3  # inputs in the products whose expansion goes with a formula: one more factor is one more step of it


@dataclass(frozen=True, eq=False, repr=False)
class FrequencyPolynomial(Brief):
    r"""$\ell_i = \sum_tc_{ti}\,a^{n_t}\cos(m_t\omega + j_t\theta)$.

    Parameters
    ----------
    orders, harmonics, multiples
        n, j and m of every term, (terms,).
    coefficients
        c (terms, classes), in float64.
    """

    orders: npt.NDArray[np.int64]
    harmonics: npt.NDArray[np.int64]
    multiples: npt.NDArray[np.int64]
    coefficients: Floats

    def __call__(self, amplitude: npt.ArrayLike, frequency: npt.ArrayLike, phase: npt.ArrayLike = 0.0) -> Floats:
        """Logits (…, classes) of amplitudes a, frequencies ω [rad/step] and phases θ [rad], which broadcast."""
        a, omega, theta = (
            np.asarray(value, dtype=np.float64)[..., None] for value in np.broadcast_arrays(amplitude, frequency, phase)
        )
        terms = a**self.orders * np.cos(self.multiples * omega + self.harmonics * theta)
        return np.asarray(terms @ self.coefficients)

    def formula(self, label: int, digits: int = 6) -> ClosedForm:
        """One logit as an expression of a, omega and theta, its coefficients rounded to `digits` digits.

        Certificates: `products_of_inputs`. The coefficients themselves are float64 numbers.

        Raises
        ------
        ValueError
            There is no such class, or there are more than 2000 terms.
        TypeError
            The label is no integer.
        """
        column = checked_label(label, self.coefficients.shape[1])
        if len(self.orders) > MAX_PRINTED:
            msg = f"a formula of {len(self.orders)} terms is not read by anybody (limit {MAX_PRINTED}): call the record"
            raise ValueError(msg)
        a, omega, theta = sp.symbols("a omega theta", real=True)
        values = self.coefficients[:, column].tolist()
        sums = [
            a**n
            * sp.Add(
                *(
                    decimal(values[t], digits) * sp.cos(int(self.multiples[t]) * omega + int(self.harmonics[t]) * theta)
                    for t in np.flatnonzero(self.orders == n).tolist()
                )
            )
            for n in range(int(self.orders.max()) + 1)
        ]
        laws = products_of_inputs(min(int(self.orders.max()), MAX_PROVED))
        return ClosedForm(sp.Symbol("ell"), sp.Add(*sums), (a, omega, theta), {}, laws, REFERENCE)


@cache
def products_of_inputs(degree: int) -> tuple[Identity, ...]:
    r"""Products of 2 … degree inputs are sums of the terms of `FrequencyPolynomial`, at any ages $k_i$.

    $\prod_{i\le n}\cos(k_i\omega + \theta) = 2^{-n}\sum_{s\in\{\pm1\}^n}
    \cos\big(\sum_is_ik_i\,\omega + \sum_is_i\,\theta\big)$.

    References
    ----------
    THEORY T23; derivations/23_spectral_lines.
    """
    omega, theta = sp.symbols("omega theta", real=True)
    laws = []
    for n in range(2, degree + 1):
        ages = sp.symbols(f"k_1:{n + 1}", integer=True)
        turns = (sp.Add(*map(sp.Mul, signs, ages)) * omega + sum(signs) * theta for signs in product((1, -1), repeat=n))
        inputs = sp.Mul(*(sp.cos(age * omega + theta) for age in ages))
        total = sp.Rational(1, 2**n) * sp.Add(*map(sp.cos, turns))
        laws.append(Identity(inputs, total, name=f"a product of {n} inputs", sizes=f"n = {n}"))
    return tuple(laws)


def frequency_polynomial(
    operator: NetworkOperator,
    sinusoid: Sinusoid,
    length: int | None = None,
    *,
    background: InputFamily | None = None,
) -> FrequencyPolynomial:
    """The logits under a sinusoid as a trigonometric polynomial of frequency and phase, at any depth.

    Parameters
    ----------
    operator
        Of a network with polynomial activations and gates, and affine norms or none.
    sinusoid
        Its rate, position and channel count; amplitude, frequency and phase stay free, whatever their values.
    length
        Number of steps L; by default as many as the operator serves.
    background
        An input that is added, with all its parameters numbers.

    Returns
    -------
    FrequencyPolynomial

    Raises
    ------
    ValueError
        The network is not polynomial, the sinusoid starts after the last step, or the grid of sequences,
        2P(L − 1 − p) + 1 frequencies times 2P + 1 phases, is larger than 2²⁵ numbers.
    TypeError
        This is no operator, no sinusoid, or the background no input.

    References
    ----------
    THEORY T16, T23.

    Examples
    --------
    >>> from carleman_ssm.networks.checkpoints import load_network
    >>> from carleman_ssm.operators.construction import network_operator
    >>> operator = network_operator(load_network("frequencies"), input_bound=2.0, length=16)
    >>> found = frequency_polynomial(operator, Sinusoid())
    >>> len(found.orders), found(0.5, [0.1, 0.2, 0.3]).shape
    (64, (3, 4))
    """
    steps, features = checked_length(operator, length), operator.network.features
    _require_sinusoid(sinusoid)
    check_place(sinusoid.position, sinusoid.channel, steps, features)
    degree, reach = polynomial_degree(operator), steps - 1 - sinusoid.position
    sizes = 2 * degree * reach + 1, 2 * degree + 1
    if sizes[0] * sizes[1] * steps * features > MAX_NUMBERS:
        msg = (
            f"degree {degree} over {reach + 1} steps needs {sizes[0] * sizes[1]} sequences of {steps} steps, more than "
            f"{MAX_NUMBERS} numbers: take a shorter length, or predicted_logits on a grid"
        )
        raise ValueError(msg)
    omega, theta = (2.0 * np.pi * np.arange(size) / size for size in sizes)
    inputs = np.zeros((*sizes, steps, features))
    values = {"amplitude": np.ones(()), "rate": np.array(sinusoid.rate)}
    grid = {"frequency": omega[:, None, None], "phase": theta[None, :, None]}
    inputs[:, :, sinusoid.position :, sinusoid.channel] = sinusoid.profile(np.arange(reach + 1), values | grid)
    rest = None if background is None else checked_input(background).sequence(steps, features)
    found = orders_of_scale(operator, inputs.reshape(-1, steps, features), degree, rest)
    spectra = np.fft.fft2(found.reshape(degree + 1, *sizes, -1), axes=(1, 2)).real / (sizes[0] * sizes[1])
    terms = np.array(list(_terms(degree, reach)), dtype=np.int64)
    orders, harmonics, multiples = terms.T
    share = np.where((harmonics == 0) & (multiples == 0), 1.0, 2.0)[:, None]
    return FrequencyPolynomial(orders, harmonics, multiples, share * spectra[orders, multiples, harmonics])


def _require_sinusoid(given: object) -> None:
    if not isinstance(given, Sinusoid):
        got = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
        msg = f"only a sinusoid has a frequency: expected Sinusoid(), got {got}; what is added to it is the background"
        raise TypeError(msg)


def _terms(degree: int, reach: int) -> Iterator[tuple[int, int, int]]:
    """All (n, j, m) that products of n inputs can hold: (n + j)/2 factors turn forward, (n − j)/2 backward."""
    for n in range(degree + 1):
        for j in range(n % 2, n + 1, 2):
            backward, forward = (n - j) // 2, (n + j) // 2
            for m in range(-backward * reach if j else 0, forward * reach + 1):
                yield n, j, m
