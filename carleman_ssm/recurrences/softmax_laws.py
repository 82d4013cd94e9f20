r"""The inputs of DSS as a layer computes them: a softmax over the lags whose quotient is bounded by $\varepsilon$.

With $d = \Lambda(\lambda^L - 1)$ and reciprocals $\bar d / (|d|^2 + \varepsilon)$,

$$\bar b = \frac{(\lambda - 1)\,\bar d}{|d|^2 + \varepsilon \max(1, |\lambda|^{2L})}, \qquad
  \lambda = e^{\Delta_{re} \mathrm{Re}\,\Lambda + i \Delta_{im} \mathrm{Im}\,\Lambda} .$$

The maximum is the form for growing modes, whose numerator and denominator are first multiplied with $\lambda^{-L}$.
At $\varepsilon = 0$ this is proposition 1 of Gupta, Gu & Berant (2022).
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.pair_laws import STEP

STEP_RE, STEP_IM = sp.symbols("Delta_re Delta_im", positive=True)
EPSILON = sp.Symbol("epsilon", positive=True)


def two_step_multiplier(rate: sp.Expr, step_re: sp.Expr = STEP_RE, step_im: sp.Expr = STEP_IM) -> sp.Expr:
    r"""$\lambda = e^{\Delta_{re} \mathrm{Re}\,\Lambda + i \Delta_{im} \mathrm{Im}\,\Lambda}$."""
    return sp.exp(step_re * sp.re(rate) + sp.I * step_im * sp.im(rate))


def softmax_input(rate: sp.Expr, multiplier: sp.Expr, length: sp.Expr | int) -> sp.Expr:
    r"""$\bar b = (\lambda - 1)/(\Lambda (\lambda^L - 1))$: no $\varepsilon$."""
    return (multiplier - 1) / (rate * (multiplier**length - 1))


def bounded_input(rate: sp.Expr, multiplier: sp.Expr, length: sp.Expr | int, bound: sp.Expr) -> sp.Expr:
    r"""$(\lambda - 1)\,\bar d / (|d|^2 + \varepsilon)$ with $d = \Lambda(\lambda^L - 1)$: what a layer computes."""
    whole = rate * (multiplier**length - 1)
    return (multiplier - 1) * sp.conjugate(whole) / (whole * sp.conjugate(whole) + bound)


def layer_input(rate: sp.Expr, multiplier: sp.Expr, length: int, growth: sp.Expr) -> sp.Expr:
    r"""`bounded_input` for decaying and growing modes alike; `growth` is $|\lambda|^{2L}$."""
    return bounded_input(rate, multiplier, length, EPSILON * sp.Max(1, growth))


def _growing_input(rate: sp.Expr, multiplier: sp.Expr, length: sp.Expr | int, bound: sp.Expr) -> sp.Expr:
    whole = rate * (multiplier ** (-length) - 1)
    return (
        multiplier ** (1 - length) * (1 / multiplier - 1) * sp.conjugate(whole) / (whole * sp.conjugate(whole) + bound)
    )


def softmax_laws(rate: sp.Expr, multiplier: sp.Expr) -> tuple[Identity, ...]:
    r"""The normaliser for every length, what $\varepsilon$ takes from it, growing modes, and equal steps."""
    length = sp.Symbol("L", integer=True, positive=True)
    lag = sp.Symbol("r", integer=True)
    weights = sp.Sum(multiplier**lag, (lag, 0, length - 1))
    exact, bounded = softmax_input(rate, multiplier, length), bounded_input(rate, multiplier, length, EPSILON)
    whole = rate * (multiplier**length - 1)
    square = whole * sp.conjugate(whole)
    growing = _growing_input(rate, multiplier, length, EPSILON)
    return (
        Identity(
            rate * exact * weights,
            sp.S.One,
            name="without epsilon the normaliser is the sum over all lags",
            because=r"$(\lambda - 1) \sum_{r<L} \lambda^r = \lambda^L - 1$",
        ),
        Identity(
            rate * bounded * weights,
            1 - EPSILON / (square + EPSILON),
            name="with epsilon the shares sum to what it leaves",
            because=r"$\Lambda\bar b \sum_{r<L} \lambda^r = |d|^2 / (|d|^2 + \varepsilon)$, the same for every lag",
        ),
        Identity(
            bounded,
            exact * (1 - EPSILON / (square + EPSILON)),
            name="epsilon takes a share of the softmax, and none at 0",
            because=r"$\bar d / (|d|^2 + \varepsilon) = d^{-1} |d|^2 / (|d|^2 + \varepsilon)$",
        ),
        Identity(
            growing,
            bounded_input(rate, multiplier, length, EPSILON * (multiplier * sp.conjugate(multiplier)) ** length),
            name="the form for growing modes scales epsilon",
            because=r"numerator and denominator times $\lambda^{-L}$, and $\varepsilon$ stays",
        ),
        Identity(
            two_step_multiplier(rate, STEP, STEP),
            sp.exp(rate * STEP),
            name="equal steps of both parts sample one mode",
            because=r"$\Lambda = \mathrm{Re}\,\Lambda + i\,\mathrm{Im}\,\Lambda$",
        ),
    )


def softmax_twins(rate: sp.Expr, multiplier: sp.Expr, steps: int) -> tuple[Identity, ...]:
    r"""False: $\varepsilon$ forgotten, one $\varepsilon$ for all modes, one step, no length, no shift."""
    bounded = bounded_input(rate, multiplier, steps, EPSILON)
    return (
        Identity(bounded, softmax_input(rate, multiplier, steps), name="twin: epsilon is forgotten"),
        Identity(
            _growing_input(rate, multiplier, steps, EPSILON), bounded, name="twin: growing modes with the same epsilon"
        ),
        Identity(
            two_step_multiplier(rate), sp.exp(rate * STEP_RE), name="twin: one step for the real and the imaginary part"
        ),
        Identity(
            bounded,
            bounded_input(rate, multiplier, steps + 1, EPSILON),
            name="twin: the kernel does not depend on the length",
        ),
        Identity(
            softmax_input(rate, multiplier, steps + 1),
            _growing_input(rate, multiplier, steps + 1, sp.S.Zero) * multiplier**steps,
            name="twin: growing modes without their shift",
        ),
    )
