r"""Covariance of the logits of one layer under a Gaussian input, by orders of interaction.

For a Gaussian pair $(y, y')$ with deviations s, s' and correlation $\rho$ (Mehler's formula; Price's theorem)

$$\mathrm{Cov}(f(y), f(y')) = \sum_{n\ge1}\rho^n d_n d_n',\qquad d_n = \frac{s^n}{\sqrt{n!}}\,\mathbb E f^{(n)}(y),$$

and the logits are sums of such functions of the $y_{k,h}$, beside a residual path that is linear in the input and meets
only the term $n = 1$ (Stein). A polynomial has terms up to its degree. Of GELU, $\mathrm{GELU}'' = \varphi - \varphi''$
gives with $S^2 = 1 + s^2$, $t = \mu/S$, $h_n = \mathrm{He}_n/\sqrt{n!}$

$$d_1 = s\big(\Phi(t) + t\varphi(t)/S^2\big),\qquad
d_n = (-1)^n\Big(\frac sS\Big)^n\frac{\varphi(t)}S\Big(\frac{S^2h_{n-2}(t)}{\sqrt{n(n-1)}} - h_n(t)\Big)\quad(n\ge2),$$

and as $|h_n(t)|e^{-t^2/4} < 1.0865$ (Cramér) the terms fall like $(s/S)^{2n}$: the series is cut off where the bound of
its rest is small, and the bound is kept. Wide pre-activations would need some $30s^2$ terms, and are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt
from scipy import special

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.convolution import toeplitz
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.finite_arrays import require_range
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.bases import exact_decoders
from carleman_ssm.operators.one_layer import OneLayerForm
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.predictions.covariance_roots import DENSE
from carleman_ssm.predictions.expected_logits import one_layer_parts
from carleman_ssm.predictions.gaussian_moments import PreactivationMoments, expected_polynomial, preactivation_moments
from carleman_ssm.predictions.gaussian_process import GaussianProcess
from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.polynomials import require_kind

CRAMER = 1.0865
MOST_TERMS = 512
"""Enough for deviations up to 4; up to some 10 what is left out stays below the part that is accepted."""
ACCEPTED = 0.01
"""Largest part of a variance that the terms left out may have."""
TOLERANCE = 1e-12
"""The rest of the series, relative to what its terms could add up to."""
LARGEST = 4096
"""Largest number of pre-activations whose pairs are written out."""


@dataclass(frozen=True, eq=False, repr=False)
class LogitCovariance(Brief):
    r"""Covariance of the logits, (classes, classes).

    Parameters
    ----------
    values
        The sum of the terms.
    orders
        The terms n = 1, 2, … (terms, classes, classes): what the input moves linearly, by pairs, and so on.
    truncation
        Bound (classes, classes) of what the terms left out add; 0 for polynomials. It counts no rounding.
    """

    values: Floats
    orders: Floats
    truncation: Floats


def _serves(form: OneLayerForm, rule: Activation, process: GaussianProcess) -> bool:
    """Polynomials and GELU, and matrices of moderate size."""
    pairs = form.channels * (1 if form.pool == "last" else process.length)
    return (rule.is_polynomial or rule.name == "gelu") and pairs <= LARGEST and process.mean.size <= DENSE


def logit_covariance(source: StateSpaceNetwork | NetworkOperator, process: GaussianProcess) -> LogitCovariance:
    """Covariance of the logits of a network of one layer with affine surroundings.

    Parameters
    ----------
    source
        The network, or an operator of it (the covariance is that of the network's own activation).
    process
        The input.

    Raises
    ------
    ValueError
        There is no one-layer form, the activation is no polynomial and not GELU, there are too many pairs of
        pre-activations, they are so wide that 512 terms leave out more than a hundredth of a variance, or the result
        leaves float64: `simulated_logits` measures the deviations.

    References
    ----------
    THEORY T23; derivations/23_gaussian_inputs; Price (1958), IRE Trans. Inf. Theory 4, 69;
    DLMF 18.14(i) (bounds of Hermite polynomials).
    """
    require_kind(process, GaussianProcess, "the input")
    network = source.network if isinstance(source, NetworkOperator) else source
    form, rule = one_layer_parts(source, process.length), layer_rules(network)[0].activation
    if not _serves(form, rule, process):
        msg = (
            f"the covariance of logits is written out for polynomials and GELU, at most {LARGEST} pre-activations and "
            f"{DENSE} inputs: simulated_logits measures the deviations"
        )
        raise ValueError(msg)
    pooling = form.pool_weights(process.length)
    steps, moments = np.flatnonzero(pooling), preactivation_moments(form, process)
    seen = PreactivationMoments(moments.mean[steps], moments.deviation[steps])
    with np.errstate(over="ignore", invalid="ignore"):
        weights, rest = hermite_weights(rule, seen)
    require_range("the terms of the covariance", weights)
    readout = (pooling[steps, None] * form.readout.value[:, None, :]).reshape(form.classes, -1)
    linear = _linear_map(form, process.length, steps)
    covariance = process.covariance()
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves float64 is refused by name
        tail = np.abs(readout) @ rest.reshape(len(rest), -1).T
        truncation = tail @ tail.T
        terms = [_first_order(form, process, readout * weights[0].ravel(), linear, covariance, seen)]
        if len(weights) >= MOST_TERMS:  # before the sums: correlations are at most 1
            sizes = np.abs(readout) @ np.abs(weights[1:]).reshape(-1, readout.shape[1]).T
            _refuse_rest(truncation, np.diag(terms[0]) + (sizes**2).sum(axis=1), seen)
        correlation = _correlation(linear @ covariance @ linear.T, seen.deviation.ravel())
        power = correlation.copy()
        for weight in weights[1:]:
            power *= correlation
            scaled = readout * weight.ravel()
            terms.append(scaled @ power @ scaled.T)
        orders = require_range("the terms of the covariance", np.stack(terms))
    values = orders.sum(axis=0)
    if len(weights) >= MOST_TERMS:
        _refuse_rest(truncation, np.diag(values), seen)
    return LogitCovariance(values, orders, truncation)


def hermite_weights(rule: Activation, moments: PreactivationMoments) -> tuple[Floats, Floats]:
    r"""$d_n$, n = 1 …, (terms, L, H), and functions (1, L, H) whose products bound the rest of the series.

    The rest of GELU after N terms: with $r = s/S$,
    $|d_n| \le \frac{1.0865}{\sqrt{2\pi}S}r^n\big(\frac{S^2}{\sqrt{n(n-1)}} + 1\big) =: \beta_n$, which falls, so that
    $\sum_{n>N}\beta_n\beta_n' \le \beta_{N+1}\beta_{N+1}'/(1-rr')$, and $1 - rr' \ge \sqrt{(1-r^2)(1-r'^2)} = 1/SS'$.
    """
    if rule.is_polynomial:
        taylor = exact_decoders(rule, moments.mean.shape[-1]).taylor(moments.mean, rule.exact_decoder.degree)
        weights = [_polynomial_weight(taylor, moments.deviation, n) for n in range(1, max(2, len(taylor)))]
        return np.stack(weights), np.zeros((1, *moments.mean.shape))
    spread = np.hypot(1.0, moments.deviation)
    position, ratio = moments.mean / spread, moments.deviation / spread
    half = np.exp(-0.25 * position**2)
    density = half**2 / np.sqrt(2.0 * np.pi)
    first = moments.deviation * (special.ndtr(position) + position * density / spread**2)
    rows, before, here = [first], half, position * half  # h_n(t)e^{−t²/4}, which Cramér bounds: h_n itself overflows
    for n in range(2, MOST_TERMS + 1):
        before, older, here = here, before, (position * here - np.sqrt(n - 1.0) * before) / np.sqrt(n)
        sign = 1.0 if n % 2 == 0 else -1.0
        inner = spread**2 * older / np.sqrt(n * (n - 1.0)) - here
        rows.append(sign * ratio**n * (half / np.sqrt(2.0 * np.pi)) / spread * inner)
        if ratio.max() ** (2 * n) * spread.max() ** 2 <= TOLERANCE:
            break
    following = len(rows) + 1
    bound = CRAMER / (np.sqrt(2.0 * np.pi) * spread) * ratio**following
    bound = bound * (spread**2 / np.sqrt(following * (following - 1.0)) + 1.0)
    return np.stack(rows), (bound * spread)[None]


def _refuse_rest(truncation: Floats, variance: Floats, moments: PreactivationMoments) -> None:
    """Refuse a series whose rest is more than a hundredth of a variance (classes,)."""
    excess = np.diag(truncation) - ACCEPTED * np.maximum(variance, 0.0)
    if not (excess <= 0.0).all():
        worst = int(excess.argmax())
        msg = (
            f"the pre-activations have deviations up to {moments.deviation.max():.4g}: {MOST_TERMS} terms leave out up "
            f"to {truncation[worst, worst]:.3g} beside a variance of {variance[worst]:.3g} in logit {worst}. "
            "simulated_logits measures the deviations; less noise has a covariance here"
        )
        raise ValueError(msg)


def _polynomial_weight(taylor: Floats, deviation: Floats, n: int) -> Floats:
    r"""$d_n$ from the Taylor coefficients at the mean: $f^{(n)}/n!$ has $\binom{q}{n}t_q$ at $q - n$."""
    if n >= len(taylor):
        return np.zeros_like(deviation)
    size = special.comb(np.arange(n, len(taylor)), n)[:, None, None]
    mean: Floats = expected_polynomial(size * taylor[n:], deviation)
    weight: Floats = np.sqrt(float(factorial(n))) * deviation**n * mean
    return weight


def _linear_map(form: OneLayerForm, length: int, steps: npt.NDArray[np.int64]) -> Floats:
    """The linear map from the input (L·d) to the pre-activations of the steps that are read, (steps·H, L·d)."""
    lags = toeplitz(form.kernel.value, length)[:, :, steps]  # (H, source, step)
    whole = np.einsum("hsk,hj->khsj", lags, form.drive_weight.value)
    result: Floats = whole.reshape(len(steps) * form.channels, length * form.features)
    return result


def _first_order(
    form: OneLayerForm,
    process: GaussianProcess,
    scaled: Floats,
    linear: Floats,
    covariance: Floats,
    moments: PreactivationMoments,
) -> Floats:
    """The term n = 1 with the residual path: the expected gradient of every logit against the input's covariance."""
    deviation = moments.deviation.ravel()
    slopes = np.divide(scaled, deviation, out=np.zeros_like(scaled), where=deviation > 0.0)
    gradient = slopes @ linear
    weights = form.pool_weights(process.length)
    gradient += (weights[:, None] * form.skip.value[:, None, :]).reshape(form.classes, -1)
    result: Floats = gradient @ covariance @ gradient.T
    return result


def _correlation(covariance: Floats, deviation: Floats) -> Floats:
    """Correlations of the pre-activations; 0 where one of them stands still."""
    size = np.outer(deviation, deviation)
    return np.clip(np.divide(covariance, size, out=np.zeros_like(covariance), where=size > 0.0), -1.0, 1.0)
