r"""The Volterra series of H3 for any step: one kernel of order 3 in closed form, for symbolic lags.

With $q_t = W_q u_t$, $v_t = W_v u_t$, keys $W_k \sum_l \kappa_l u_{t-l}$ and the modes of a diagonal SSM

$$y_t = \sum_l \sum_{m=0}^{t-1} h_l(m)\, u_t u_{t-m} u_{t-m-l} + D\,W_q W_v W_k \sum_l \kappa_l\, u_t^2 u_{t-l},
\qquad h_l(m) = W_q W_v W_k\, \kappa_l\, 2\,\mathrm{Re} \sum_n c_n \bar b_n \lambda_n^m .$$

Linear attention ($\lambda = 1$) and retention ($\lambda = \gamma e^{-i\theta}$) are the cases $\kappa = (1)$ and D = 0,
with half the product of the weights of query and key of a component (a pair) in $c_n \bar b_n$. The first input is
$u_1$; those before it are 0, as the register starts empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.recurrences.affine import Vector
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.polynomials import require_integer

REFERENCE = "derivations/10_cubic_kernels"

STEP = sp.Symbol("t", integer=True, positive=True)
LAG = sp.Symbol("m", integer=True, nonnegative=True)


@dataclass(frozen=True)
class _Letters:
    r"""Parameters of one channel; $\lambda$, b and c are complex, the rest is real."""

    multipliers: Vector
    input_vector: Vector
    output_vector: Vector
    taps: Vector
    weights: Vector
    feedthrough: sp.Symbol

    @classmethod
    def symbolic(cls, states: int, taps: int) -> _Letters:
        multipliers, inputs, outputs = (tuple(sp.symbols(f"{stem}_:{states}")) for stem in ("lambda", "b", "c"))
        kappa = tuple(sp.symbols(f"kappa_:{taps}", real=True))
        weights = tuple(sp.symbols("W_q W_v W_k", real=True))
        return cls(multipliers, inputs, outputs, kappa, weights, sp.Symbol("D", real=True))

    @property
    def modes(self) -> tuple[tuple[sp.Expr, sp.Expr, sp.Expr], ...]:
        r"""$(\lambda, b, c)$ of the stored modes, then those of their conjugates."""
        held = tuple(zip(self.multipliers, self.input_vector, self.output_vector, strict=True))
        return (*held, *((sp.conjugate(multiplier), sp.conjugate(b), sp.conjugate(c)) for multiplier, b, c in held))

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        return (*self.multipliers, *self.input_vector, *self.output_vector, *self.taps, *self.weights, self.feedthrough)


def cubic_series(states: int = 1, taps: int = 2) -> ClosedForm:
    r"""$y_t$ of H3 as its Volterra series, for symbolic t.

    Parameters
    ----------
    states
        N, the number of stored modes of conjugate pairs.
    taps
        The length of the response $\kappa$ of the keys, with the skip $D^k$ in $\kappa_0$.

    Returns
    -------
    ClosedForm
        Of ``y[t]``, with ``h_l[m]`` in `where`. Certificates: the sum over all earlier products is the state of every
        mode, as it starts at 0 and makes one step of the recurrence; the readout with the query is the series.

    Raises
    ------
    TypeError, ValueError
        Less than one mode or tap.

    References
    ----------
    derivations/10_cubic_kernels; THEORY T25; Fu, Dao et al. (2023), arXiv 2212.14052.

    Examples
    --------
    >>> series = cubic_series()
    >>> *map(str, series.where),
    ('h_0[m]', 'h_1[m]')
    """
    require_integer(states, "the number of modes", least=1)
    require_integer(taps, "the number of taps", least=1)
    letters, u, t = _Letters.symbolic(states, taps), sp.IndexedBase("u"), STEP
    kernels = tuple(sp.IndexedBase(f"h_{lag}") for lag in range(taps))
    values = [_kernel(letters, tap) for tap in letters.taps]
    named, written = (_series(letters, u, each) for each in ([kernel[LAG] for kernel in kernels], values))
    where = {kernel[LAG]: value for kernel, value in zip(kernels, values, strict=True)}
    symbol = sp.IndexedBase("y")[t]
    stated = at_size(_certificates(letters, u, written), f"N = {states}, {taps} tap{'s' * (taps > 1)}")
    return ClosedForm(symbol, named, (*letters.parameters, t, u), where, stated, REFERENCE)


def _kernel(letters: _Letters, tap: sp.Expr) -> sp.Expr:
    modes = sp.Add(*(c * b * multiplier**LAG for multiplier, b, c in letters.modes))
    return sp.Mul(*letters.weights, tap, modes)


def _series(letters: _Letters, u: sp.IndexedBase, kernels: Sequence[sp.Expr]) -> sp.Expr:
    t, m = STEP, LAG
    held = (sp.Sum(kernel * u[t] * u[t - m] * u[t - m - lag], (m, 0, t - 1)) for lag, kernel in enumerate(kernels))
    present = sp.Add(*(tap * u[t] ** 2 * u[t - lag] for lag, tap in enumerate(letters.taps)))
    return sp.Add(*held, sp.Mul(letters.feedthrough, *letters.weights, present))


def _certificates(letters: _Letters, u: sp.IndexedBase, series: sp.Expr) -> tuple[Identity, ...]:
    t, m = STEP, LAG
    query, value, key = letters.weights

    def product(step: sp.Expr) -> sp.Expr:
        return value * u[step] * key * sp.Add(*(tap * u[step - lag] for lag, tap in enumerate(letters.taps)))

    def state(multiplier: sp.Expr, b: sp.Expr, step: sp.Expr) -> sp.Expr:
        return sp.Sum(multiplier**m * b * product(step - m), (m, 0, step - 1))

    steps = [
        Identity(
            state(multiplier, b, t),
            multiplier * state(multiplier, b, t - 1) + b * product(t),
            name=f"mode {n}: one step",
            because="the term m = 0 is the present product, the others are one step older",
        )
        for n, (multiplier, b, _) in enumerate(letters.modes)
    ]
    starts = [
        Identity(state(multiplier, b, sp.S.Zero), sp.S.Zero, name=f"mode {n}: starts at rest", because="an empty sum")
        for n, (multiplier, b, _) in enumerate(letters.modes)
    ]
    held = sp.Add(*(c * state(multiplier, b, t) for multiplier, b, c in letters.modes))
    read = query * u[t] * (held + letters.feedthrough * product(t))
    name, reason = "the query times the readout is the series", "sums of products, ordered by the lags of value and key"
    return (*starts, *steps, Identity(read, series, name=name, because=reason))
