r"""Means of pre-activations and of decoders under Gaussian inputs, in closed form.

One layer with affine surroundings maps a Gaussian input to Gaussian pre-activations $y_{k,h}$, whatever the kernel:

$$\mu_{k,h} = \sum_{m\le k} K_{h,m}(W m_{k-m} + b)_h,\qquad
s^2_{k,h} = \sum_{m,m'\le k} K_{h,m}K_{h,m'}\,r_h(m - m'),\quad r_h(\tau) = W_h R_\tau W_h^\top .$$

From one step to the next only the terms with $m = k$ or $m' = k$ are new, so that with
$c_{k,h} = \sum_{m<k}K_{h,m}r_h(k-m)$, one causal convolution,

$$s^2_{k,h} - s^2_{k-1,h} = 2K_{h,k}\,c_{k,h} + K_{h,k}^2\,r_h(0).$$

The logits are sums of functions of *one* $y_{k,h}$ each: these two numbers are all that their mean depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.finite_arrays import require_range
from carleman_ssm.operators.bases import exact_decoders
from carleman_ssm.operators.cosine_decoders import CosineDecoders
from carleman_ssm.operators.decoders import ChannelDecoders, ExactDecoders, FittedDecoders
from carleman_ssm.operators.fourier import FourierKernel
from carleman_ssm.operators.one_layer import OneLayerForm
from carleman_ssm.operators.taylor_decoders import TaylorDecoders
from carleman_ssm.predictions.gaussian_process import GaussianProcess
from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.clenshaw import clenshaw
from carleman_ssm.theory.polynomials import require_kind

REACH = 9.0
"""Beyond 9 deviations a normal variable has probability 2.3e-19: what activations of linear growth add there is less
than rounding."""
FAR = 39.0
"""Where the density of a normal variable, 4e-331, is 0 in float64: what lies beyond need not be squared."""
FINEST = 2.0**-9
"""Smallest step of the trapezoidal rule, in deviations."""


@dataclass(frozen=True, eq=False, repr=False)
class PreactivationMoments(Brief):
    r"""Mean $\mu$ and standard deviation s of every pre-activation $y_{k,h}$, (L, H) each."""

    mean: Floats
    deviation: Floats


def preactivation_moments(form: OneLayerForm, process: GaussianProcess) -> PreactivationMoments:
    r"""$\mu_{k,h}$ and $s_{k,h}$ in $O(HL\log L)$; bias trajectory, transient and several channels included.

    Raises
    ------
    TypeError
        The process is no `GaussianProcess`.
    ValueError
        The process and the form differ in channels, the process has more steps than the form, or the moments leave
        the range of float64.
    """
    require_kind(process, GaussianProcess, "the input")
    if process.features != form.features or process.length > form.length:
        msg = (
            f"the process has {process.length} steps of {process.features} channels, the network serves at most "
            f"{form.length} of {form.features}"
        )
        raise ValueError(msg)
    kernel = form.kernel.value[:, : process.length]
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves float64 is refused below
        shape = process.projected(form.drive_weight.value)
        past = shape.copy()
        past[:, 0] = 0.0
        met = FourierKernel.of(kernel, process.length)(past.T).T
        variance = np.cumsum(kernel * (2.0 * met + kernel * shape[:, :1]), axis=1)
        mean = form.preactivations(process.mean[None])[0]
    require_range("variances of pre-activations", variance)
    return PreactivationMoments(require_range("means of pre-activations", mean), np.sqrt(np.maximum(variance, 0.0)).T)


def expected_gelu(mean: Floats, deviation: Floats) -> Floats:
    r"""$\mathbb E\,\mathrm{GELU}(y) = \mu\Phi(t) + \frac{s^2}{\sqrt{1+s^2}}\varphi(t)$, $t = \mu/\sqrt{1+s^2}$.

    For $y \sim N(\mu, s^2)$ Stein's identity gives
    $\mathbb E\,y\Phi(y) = \mu\,\mathbb E\,\Phi(y) + s^2\,\mathbb E\,\varphi(y)$. With an independent $z \sim N(0, 1)$,
    $\mathbb E\,\Phi(y) = P(z - y \le 0) = \Phi(t)$; its derivative by $\mu$ is
    $\mathbb E\,\varphi(y) = \varphi(t)/\sqrt{1+s^2}$.

    References
    ----------
    THEORY T23; derivations/23_gaussian_inputs.

    Examples
    --------
    >>> expected_gelu(np.zeros(1), np.ones(1)) == 1 / np.sqrt(4 * np.pi)
    array([ True])

    It is not the GELU of the mean:

    >>> expected_gelu(np.zeros(1), np.ones(1)) == 0
    array([False])
    """
    spread = np.hypot(1.0, deviation)
    position = mean / spread
    density = np.exp(-0.5 * np.minimum(np.abs(position), FAR) ** 2) / np.sqrt(2.0 * np.pi)
    result: Floats = mean * special.ndtr(position) + deviation * (deviation / spread) * density
    return result


def expected_polynomial(taylor: Floats, deviation: Floats) -> Floats:
    r"""$\mathbb E\,p(y) = \sum_j t_{2j}\,s^{2j}(2j-1)!!$ with Taylor coefficients $t_q$ (P + 1, …) at the mean.

    It is the heat polynomial $e^{(s^2/2)\partial^2}p$ at $\mu$: odd moments of the deviation vanish, and
    $\mathbb E(y-\mu)^{2j} = (2j-1)!!\,s^{2j}$.

    References
    ----------
    THEORY T23; derivations/23_gaussian_inputs.
    """
    even, square = taylor[::2], deviation**2
    total: Floats = np.zeros_like(even[0] + square)
    for j in range(len(even) - 1, -1, -1):  # Horner's rule in s², each step with its factor 2j + 1
        total = even[j] + (2 * j + 1) * square * total
    return total


def expected_decoders(decoders: ChannelDecoders, moments: PreactivationMoments) -> Floats:
    r"""$\mathbb E\,p_h(y_{k,h})$ (L, H) of decoders that are polynomials or phase products, without truncation.

    A fit is continued over the whole line as what it is, a polynomial or a sum of waves. Beyond its interval it stands
    for nothing: `leaving_probability` says how much that matters.

    Chebyshev series take the Gauss–Hermite rule with more than P/2 nodes, which is exact for polynomials of degree P;
    phase products the characteristic function $\mathbb E e^{i\kappa y} = e^{i\kappa\mu - \kappa^2s^2/2}$.

    Raises
    ------
    TypeError
        Decoders of another kind: `expected_activation` serves the network's own activation.
    """
    mean, deviation = moments.mean, moments.deviation
    if isinstance(decoders, ExactDecoders | TaylorDecoders):
        return expected_polynomial(decoders.taylor(mean, decoders.degree), deviation)
    if isinstance(decoders, FittedDecoders):
        return _expected_series(decoders, mean, deviation)
    if isinstance(decoders, CosineDecoders):
        return _expected_waves(decoders, mean, deviation)
    msg = f"the mean of {type(decoders).__name__} has no closed form here; polynomials and phase products have one"
    raise TypeError(msg)


def _expected_series(decoders: FittedDecoders, mean: Floats, deviation: Floats) -> Floats:
    nodes, weights = special.roots_hermitenorm(decoders.degree // 2 + 1)
    total = np.zeros_like(mean)
    for node, weight in zip(nodes, weights / np.sqrt(2.0 * np.pi), strict=True):
        position = (mean + deviation * node - decoders.centre) / decoders.half_width
        total += weight * clenshaw(decoders.coefficients, position)
    return total


def _expected_waves(decoders: CosineDecoders, mean: Floats, deviation: Floats) -> Floats:
    distance, total = mean - decoders.centre, np.zeros_like(mean)
    for k, weight in enumerate(decoders.weights):
        angle = k * decoders.frequency
        total += (weight * np.exp(1j * angle * distance - 0.5 * (angle * deviation) ** 2)).real
    total += decoders.slope * distance
    return total


@dataclass(frozen=True, eq=False, repr=False)
class ExpectedActivation(Brief):
    r"""$\mathbb E\,\varphi(y_{k,h})$ (L, H), how it was found, and the *measured* error of a quadrature (0: none)."""

    values: Floats
    method: str
    quadrature_error: float


def expected_activation(rule: Activation, moments: PreactivationMoments) -> ExpectedActivation:
    r"""$\mathbb E\,\varphi(y)$ of a network's own activation under $y \sim N(\mu, s^2)$; no interval is needed.

    Closed forms for GELU and polynomials; for others `gaussian_average`.
    """
    if rule.is_polynomial:
        values = expected_decoders(exact_decoders(rule, moments.mean.shape[-1]), moments)
        return ExpectedActivation(values, "moments of a polynomial, closed form", 0.0)
    if rule.name == "gelu":
        return ExpectedActivation(expected_gelu(moments.mean, moments.deviation), "GELU, closed form", 0.0)
    values, error = gaussian_average(rule, moments.mean, moments.deviation)
    return ExpectedActivation(values, f"{rule.name}, trapezoidal rule", error)


def gaussian_average(
    rule: Callable[[Floats], Floats], mean: Floats, deviation: Floats, tolerance: float = 1e-13
) -> tuple[Floats, float]:
    r"""$\int\varphi(\mu + sz)\,e^{-z^2/2}dz/\sqrt{2\pi}$ by the trapezoidal rule over $|z| \le 9$.

    For a function analytic in a strip of half-width a in z, the error falls like $e^{-2\pi a/h}$ with the step h. The
    step is halved until the values change by at most the tolerance (relative above 1), or is $2^{-9}$.

    Returns
    -------
    values : of the shape of the mean.
    error : the largest change that the last halving made, measured; the finer values are usually far better.

    References
    ----------
    Trefethen and Weideman (2014), The exponentially convergent trapezoidal rule, SIAM Review 56, §5.
    """
    step = 0.5
    total = _weighted_sum(rule, mean, deviation, np.arange(-REACH, REACH + step / 2, step))
    values, change = step * total, np.inf
    while change > tolerance and step > FINEST:
        total = total + _weighted_sum(rule, mean, deviation, np.arange(-REACH + step / 2, REACH, step))
        step /= 2.0
        finer = step * total
        change = float((np.abs(finer - values) / np.maximum(1.0, np.abs(finer))).max())
        values = finer
    return values, float((change * np.maximum(1.0, np.abs(values))).max())


def _weighted_sum(rule: Callable[[Floats], Floats], mean: Floats, deviation: Floats, nodes: Floats) -> Floats:
    total = np.zeros_like(mean)
    for node in nodes.tolist():
        total += np.exp(-0.5 * node**2) / np.sqrt(2.0 * np.pi) * rule(mean + deviation * node)
    return total
