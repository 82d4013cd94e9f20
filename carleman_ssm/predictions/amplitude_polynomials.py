r"""Logits of a polynomial network as a polynomial of the heights of its inputs, at any depth.

For inputs $x = \sum_ia_iu_i$ of fixed shapes $u_i$ a network of polynomial activations has
$\ell(a) = \sum_{|\alpha|\le P}c_\alpha a^\alpha$ exactly, P the total degree (THEORY T16). $c_0$ is the answer to the
bias alone; terms with one $a_i$ are what an input does by itself, mixed terms are what the inputs do to each other:
their interaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations_with_replacement
from math import comb

import numpy as np
import numpy.typing as npt
import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.closed_forms import decimal
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.predictions.arguments import checked_input, checked_label, checked_length
from carleman_ssm.predictions.family_symbols import LETTERS
from carleman_ssm.predictions.geometric_inputs import InputFamily, SimpleFamily
from carleman_ssm.predictions.input_families import Exponential, Impulse, Sinusoid, Step
from carleman_ssm.predictions.polynomial_networks import orders_of_scale, polynomial_degree

MAX_COEFFICIENTS = 2000
REFERENCE = "derivations/16_stacks"
MAX_CONDITION = 1e8  # of the system for the coefficients: eight digits are left of sixteen


@dataclass(frozen=True, eq=False, repr=False)
class AmplitudePolynomial(Brief):
    r"""$\ell_i(a) = \sum_\alpha c_{\alpha i}a^\alpha$.

    Parameters
    ----------
    exponents
        α (terms, inputs), by degree.
    coefficients
        c (terms, classes).
    """

    exponents: npt.NDArray[np.int64]
    coefficients: Floats

    @property
    def inputs(self) -> int:
        """Number of heights."""
        return int(self.exponents.shape[1])

    def __call__(self, heights: npt.ArrayLike) -> Floats:
        """Logits (…, classes) of heights (…, inputs); of one input, also heights (…).

        Raises
        ------
        ValueError
            The last axis is not that of the inputs.
        """
        values = np.asarray(heights, dtype=np.float64)
        if self.inputs == 1 and (values.ndim == 0 or values.shape[-1] != 1):
            values = values[..., None]
        if values.ndim == 0 or values.shape[-1] != self.inputs:
            msg = f"expected heights (…, {self.inputs}), one for each input; got shape {values.shape}"
            raise ValueError(msg)
        monomials = np.prod(values[..., None, :] ** self.exponents, axis=-1)
        return np.asarray(monomials @ self.coefficients)

    def interaction(self) -> AmplitudePolynomial:
        """The mixed terms alone: what is left of the logits of all inputs once each one's own effect is taken off."""
        mixed = (self.exponents > 0).sum(axis=1) > 1
        return AmplitudePolynomial(self.exponents[mixed], self.coefficients[mixed])

    def formula(self, label: int, digits: int = 6) -> ClosedForm:
        """One logit as an expression of a, or of a_1, a_2, …, its coefficients rounded to `digits` digits.

        Certificates: `heights_from_values`. The coefficients themselves are float64 numbers.

        Raises
        ------
        ValueError
            There is no such class.
        TypeError
            The label is no integer.
        """
        column = checked_label(label, self.coefficients.shape[1])
        names = [LETTERS["height"]] if self.inputs == 1 else [f"a_{i + 1}" for i in range(self.inputs)]
        symbols = tuple(sp.Symbol(name, real=True) for name in names)
        terms = [
            decimal(value, digits) * sp.Mul(*(symbol**power for symbol, power in zip(symbols, row, strict=True)))
            for value, row in zip(self.coefficients[:, column].tolist(), self.exponents.tolist(), strict=True)
        ]
        return ClosedForm(sp.Symbol("ell"), sp.Add(*terms), symbols, {}, heights_from_values(), REFERENCE)


@cache
def heights_from_values() -> tuple[Identity, ...]:
    r"""A form of degree n in the heights from its values on the points $\beta/n$, $|\beta| = n$: two heights, n = 2, 3.

    $q(a) = \sum_\beta q(\beta/n)\prod_i\prod_{m<\beta_i}\frac{na_i - m\sum_ja_j}{\beta_i - m}$: at $a = \gamma/n$ the
    products are $\prod_i\binom{\gamma_i}{\beta_i}$, which is 1 at $\gamma = \beta$ and 0 at every other $\gamma$.

    References
    ----------
    THEORY T16; derivations/16_stacks.
    """
    heights = sp.symbols("a_1 a_2", real=True)
    return tuple(_interpolation(heights, degree) for degree in (2, 3))


def _interpolation(heights: tuple[sp.Symbol, ...], degree: int) -> Identity:
    points = list(compositions(degree, len(heights)))
    letters = {alpha: sp.Symbol("C_" + "_".join(map(str, alpha)), real=True) for alpha in points}

    def form(values: Iterable[sp.Expr]) -> sp.Expr:
        at = tuple(values)
        return sp.Add(*(c * sp.Mul(*map(sp.Pow, at, alpha)) for alpha, c in letters.items()))

    def weight(beta: tuple[int, ...]) -> sp.Expr:
        rows = zip(heights, beta, strict=True)
        return sp.Mul(*((degree * a - m * sp.Add(*heights)) / (b - m) for a, b in rows for m in range(b)))

    values = (form(sp.Rational(b, degree) for b in beta) * weight(beta) for beta in points)
    return Identity(
        form(heights),
        sp.Add(*values),
        name=f"a form of degree {degree} from its values on the simplex",
        because=r"at the points themselves the weights are $\prod_i\binom{\gamma_i}{\beta_i}$",
        sizes=f"n = {degree}, two heights",
    )


def amplitude_polynomial(
    operator: NetworkOperator, family: InputFamily, length: int | None = None
) -> AmplitudePolynomial:
    r"""The logits as a polynomial of the heights of an input's parts, at any depth.

    The coefficients of degree n are those of the n-th order in a common scale (`jets`), taken on the points
    $\beta/P$, $|\beta| = P$, of the simplex; they are determined there, because polynomials of degree $n \le P$ are.

    Parameters
    ----------
    operator
        Of a network with polynomial activations and gates, and affine norms or none.
    family
        An input or a sum of inputs; their heights (amplitudes) are what stays free, whatever their values.
    length
        Number of steps; by default as many as the operator serves.

    Returns
    -------
    AmplitudePolynomial

    Raises
    ------
    ValueError
        The network is not polynomial, or the coefficients are more than 2000, or not determined in float64.
    TypeError
        This is no operator, or no input; a class of inputs is none.

    References
    ----------
    THEORY T10, T16.

    Examples
    --------
    >>> from carleman_ssm.networks.checkpoints import load_network
    >>> from carleman_ssm.operators.construction import network_operator
    >>> from carleman_ssm.predictions.input_families import Impulse, Sinusoid
    >>> operator = network_operator(load_network("frequencies"), input_bound=2.0, length=64)
    >>> found = amplitude_polynomial(operator, Sinusoid(frequency=0.5) + Impulse(position=8))
    >>> found.exponents.tolist()
    [[0, 0], [1, 0], [0, 1], [2, 0], [1, 1], [0, 2]]
    """
    steps = checked_length(operator, length)
    degree = polynomial_degree(operator)
    parts = checked_input(family).parts
    if (count := comb(degree + len(parts), degree)) > MAX_COEFFICIENTS:
        msg = f"a polynomial of degree {degree} in {len(parts)} heights has {count} terms: take fewer inputs"
        raise ValueError(msg)
    units = [unit_height(part).sequence(steps, operator.network.features) for part in parts]
    exponents = [np.array(list(compositions(n, len(units))), dtype=np.int64) for n in range(degree + 1)]
    nodes = exponents[-1] / max(degree, 1)
    condition = float(np.linalg.cond(np.prod(nodes[:, None, :] ** exponents[-1], axis=-1)))
    if condition > MAX_CONDITION:
        msg = (
            f"the {len(nodes)} coefficients of degree {degree} would lose {np.log10(condition):.0f} of 16 digits: take "
            "fewer inputs"
        )
        raise ValueError(msg)
    orders = orders_of_scale(operator, np.einsum("bi,ikj->bkj", nodes, np.stack(units)), degree)
    coefficients = [
        np.linalg.lstsq(np.prod(nodes[:, None, :] ** rows, axis=-1), values, rcond=None)[0]
        for rows, values in zip(exponents, orders, strict=True)
    ]
    return AmplitudePolynomial(np.concatenate(exponents), np.concatenate(coefficients))


def unit_height(part: SimpleFamily) -> SimpleFamily:
    """The same input with height (amplitude) one.

    Raises
    ------
    TypeError
        It has neither.
    """
    if isinstance(part, Impulse | Step | Exponential):
        return replace(part, height=1.0)
    if isinstance(part, Sinusoid):
        return replace(part, amplitude=1.0)
    msg = f"an input of {type(part).__name__} has no height: expected an impulse, step, exponential or sinusoid"
    raise TypeError(msg)


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ways to write `total` as an ordered sum of `parts` integers that are not negative.

    Examples
    --------
    >>> list(compositions(2, 2))
    [(2, 0), (1, 1), (0, 2)]
    """
    for chosen in combinations_with_replacement(range(parts), total):
        yield tuple(chosen.count(part) for part in range(parts))
