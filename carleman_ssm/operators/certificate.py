r"""Certified distance between the printed logits and the exact real function of the stored parameters.

The printed computation is, in float64,

$$v = xW^\top + b,\quad y_h = v_h \star K_h,\quad p_h(y_h),\quad \ell = \mathrm{pool}\,p\,R^\top
+ \mathrm{pool}\,x\,S^\top + o,$$

and each rounding is bounded a priori from magnitudes, for every sequence of at most L steps with $|x| \le B$ whose
pre-activations stay in the intervals. With $\epsilon_h$ the certified fit error and $\delta y_h$ the error of the
pre-activation,

$$|\hat\ell_i - \ell_i| \le \sum_h |R_{ih}|\,(\epsilon_h + \mathrm{Lip}(\varphi)\,\delta y_h + \rho_h)
+ \text{rounding of the readout},$$

where $\rho_h$ is the rounding of the polynomial's evaluation. Nothing here is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import UNIT_ROUNDOFF, Enclosed, Floats, gamma, outward
from carleman_ssm.operators.decoders import ChannelDecoders
from carleman_ssm.operators.one_layer import OneLayerForm

LARGEST = 1e300


@dataclass(frozen=True, eq=False, repr=False)
class PreactivationBounds(Brief):
    r"""What is known of $y_{k,h}$ before the decoder is chosen.

    Parameters
    ----------
    input_bound
        B: the bounds hold for $|x_{k,j}| \le B$.
    magnitude
        Upper bound of $|y_{k,h}|$, (L, H).
    rounding
        Upper bound of |computed − exact $y_{k,h}$|, (L, H).
    """

    input_bound: float
    magnitude: Floats
    rounding: Floats


def preactivation_bounds(form: OneLayerForm, input_bound: float) -> PreactivationBounds:
    r"""Rounding of drive and convolution: $\delta v$ of the drive, then
    $|K|\star\delta v + \delta K\star(|v|+\delta v) + \gamma_L|K|\star|v|$.
    """
    box = np.full((form.features, 1), float(input_bound))
    size = form.drive_weight.magnitude @ box + form.drive_bias.magnitude
    error = outward(form.drive_weight.error @ box + form.drive_bias.error + gamma(form.features + 2) * size)
    size = outward(size + error)
    kernel = form.kernel
    summed = np.cumsum(kernel.magnitude, axis=1)
    rounding = summed * (error + gamma(form.length + 1) * size) + np.cumsum(kernel.error, axis=1) * size
    return PreactivationBounds(float(input_bound), outward(summed * size + rounding).T, outward(rounding).T)


def box_interval(form: OneLayerForm, bounds: PreactivationBounds) -> tuple[Floats, Floats]:
    r"""Range (H,), (H,) of the exact pre-activations for all $|x| \le B$ and all steps below L.

    (bias trajectory)$_{h,k} \pm \sum_{m\le k}|K_{h,m}|\,\lVert W_h\rVert_1 B$, feedthrough included.
    """
    centre = bias_trajectory(form)
    reach = np.cumsum(form.kernel.magnitude, axis=1).T * form.drive_weight.magnitude.sum(axis=1) * bounds.input_bound
    slack = outward(reach) + outward(centre.error) + bounds.rounding
    return (
        np.nextafter((centre.value - slack).min(axis=0), -np.inf),
        np.nextafter((centre.value + slack).max(axis=0), np.inf),
    )


def bias_trajectory(form: OneLayerForm) -> Enclosed:
    r"""$b_h\sum_{m\le k}K_{h,m}$, the pre-activations of the zero input, (L, H)."""
    bias, kernel = form.drive_bias, form.kernel
    value = (np.cumsum(kernel.value, axis=1) * bias.value).T
    size = np.cumsum(kernel.magnitude, axis=1)
    error = (
        gamma(form.length + 2) * size * bias.magnitude
        + np.cumsum(kernel.error, axis=1) * bias.magnitude
        + size * bias.error
    )
    return Enclosed(value, outward(error).T)


@dataclass(frozen=True, eq=False, repr=False)
class Certificate(Brief):
    r"""Bounds on the printed logits, with the set of inputs on which they hold.

    Parameters
    ----------
    input_bound, length
        The bounds hold for every sequence of at most `length` steps with $|x| \le$ `input_bound` …
    lower, upper
        … whose computed pre-activations stay in [lower, upper], (H,) each; for a box certificate every such
        sequence does. Polynomial activations have no such interval: ±∞.
    decoder_error
        Error of each channel's decoder output, (H,): fit, pre-activation and evaluation.
    other_error
        Rounding of pooling, readout and offset, per class (classes,).
    readout
        $|R|$ rounded outward is taken of this (classes, H).
    domain
        In words: ``"box"`` or ``"sequences"``.
    """

    input_bound: float
    length: int
    lower: Floats
    upper: Floats
    decoder_error: Floats
    other_error: Floats
    readout: Enclosed
    domain: str

    @property
    def per_class(self) -> Floats:
        """Bound of |printed − exact logit|, (classes,)."""
        return outward(self.readout.magnitude @ self.decoder_error + self.other_error)

    @property
    def per_pair(self) -> Floats:
        r"""Bound of the error of $\ell_i - \ell_j$, (classes, classes): $\sum_h|R_{ih}-R_{jh}|\epsilon_h$ + rest.

        The decoder's error is the same in both logits, so its share is weighted by the difference.
        """
        value, error = self.readout.value, self.readout.error
        gap = outward(np.abs(value[:, None] - value[None]) + error[:, None] + error[None])
        return outward(gap @ self.decoder_error + self.other_error[:, None] + self.other_error[None])


def certificate(
    form: OneLayerForm,
    decoders: ChannelDecoders,
    bounds: PreactivationBounds,
    lipschitz: Floats,
    interval: tuple[Floats, Floats],
    domain: str,
) -> Certificate:
    r"""Assemble the bound of the module's formula.

    Parameters
    ----------
    lipschitz
        Upper bound of $\sup|\varphi'|$ over each channel's interval and its rounding, (H,).
    interval
        The certified intervals (H,), (H,) of the decoders; ±∞ for exact decoders.
    domain
        ``"box"`` or ``"sequences"``.

    Raises
    ------
    ValueError
        A pooled sum or a logit could leave the range of float64.
    """
    reach = bounds.magnitude.max(axis=0)
    evaluation = decoders.rounding(reach)
    decoder_error = outward(decoders.fit_error + lipschitz * bounds.rounding.max(axis=0) + evaluation)
    values = decoders.magnitude(reach)
    _check_range(form, values, bounds.input_bound)
    pooling = gamma(form.length + 1) if form.pool == "mean" else 0.0
    skip_size = form.skip.magnitude.sum(axis=1) * bounds.input_bound
    total = form.readout.magnitude @ values + skip_size + form.offset.magnitude[:, 0]
    terms = form.channels + form.features + 3
    other = (
        (gamma(terms) + pooling * (1.0 + gamma(terms))) * total * (1.0 + pooling)
        + form.readout.error @ values
        + form.skip.error.sum(axis=1) * bounds.input_bound
        + form.offset.error[:, 0]
        + UNIT_ROUNDOFF * total
    )
    lower, upper = interval
    return Certificate(
        bounds.input_bound, form.length, lower, upper, decoder_error, outward(other), form.readout, domain
    )


def _check_range(form: OneLayerForm, values: Floats, input_bound: float) -> None:
    logits = form.readout.magnitude @ values + form.skip.magnitude.sum(axis=1) * input_bound
    largest = max(form.length * float(values.max()), form.length * input_bound, float(logits.max()))
    if not largest < LARGEST:
        msg = (
            f"sums of up to {largest:.3g} could leave the range of float64, so no bound holds: scale the network or "
            "lower the input bound"
        )
        raise ValueError(msg)
