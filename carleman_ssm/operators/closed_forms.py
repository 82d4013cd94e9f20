r"""Trained channels and whole small networks as explicit formulas with their numbers.

The kernel is a sum of damped waves, one per stored mode (THEORY T10): with $\lambda_n = \rho_ne^{i\omega_n}$ and
$2C_n\bar b_n = A_ne^{i\phi_n}$, $K_m = \sum_n A_n\rho_n^m\cos(\omega_nm + \phi_n)$. Numbers are rounded to a stated
number of significant digits and are then exact decimals: the formula is exact for the numbers that it shows.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.networks.kernel import modes
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.operators.decoders import ChannelDecoders, FittedDecoders
from carleman_ssm.operators.one_layer import OneLayerForm

MAX_PARAMETERS = 200
REFERENCE = "derivations/10_damped_waves"

_k, _m, _j = sp.symbols("k m j", integer=True, nonnegative=True)


def decimal(value: float, digits: int) -> sp.Rational:
    """`value` rounded to `digits` significant decimal digits, as an exact rational number.

    Examples
    --------
    >>> decimal(0.123456, 3)
    123/1000
    """
    fraction = Fraction(f"{value:.{digits}g}")
    return sp.Rational(fraction.numerator, fraction.denominator)


def kernel_expression(network: S4DNetwork, channel: int, lag: sp.Symbol, digits: int) -> sp.Expr:
    r"""$\sum_n A_n\rho_n^m\cos(\omega_nm + \phi_n)$ of one channel, feedthrough not included."""
    spectrum = modes(network.layers[0])
    terms = []
    for multiplier, weight in zip(spectrum.multipliers[channel], spectrum.weights[channel], strict=True):
        amplitude, decay = decimal(abs(weight), digits), decimal(abs(multiplier), digits)
        frequency, phase = decimal(np.angle(multiplier), digits), decimal(np.angle(weight), digits)
        terms.append(amplitude * decay**lag * sp.cos(frequency * lag + phase))
    return sp.Add(*terms)


@cache
def channel_laws() -> tuple[Identity, ...]:
    r"""What the definitions of a channel rest on: waves, the convolution from rest, and Chebyshev's recurrence.

    Returns
    -------
    tuple of Identity
        $\mathrm{Re}\,Ae^{i\phi}(\rho e^{i\omega})^m = A\rho^m\cos(\omega m + \phi)$; the sum over the lags after one
        more step is $\lambda$ times the one before plus the new input;
        $2\cos\vartheta\cos p\vartheta - \cos(p-1)\vartheta = \cos(p+1)\vartheta$.

    References
    ----------
    THEORY T10; derivations/10_damped_waves.
    """
    amplitude, decay = sp.symbols("A rho", positive=True)
    omega, phi, theta = sp.symbols("omega phi vartheta", real=True)
    p, multiplier, u = sp.Symbol("p", integer=True), sp.Symbol("lambda_0"), sp.IndexedBase("u")

    def lags(last: sp.Expr) -> sp.Expr:
        return sp.Sum(multiplier**_m * u[last - _m], (_m, 0, last))

    return (
        Identity(
            sp.re(amplitude * sp.exp(sp.I * phi) * (decay * sp.exp(sp.I * omega)) ** _m),
            amplitude * decay**_m * sp.cos(omega * _m + phi),
            name="a mode is a damped wave",
            because=r"$\lambda = \rho e^{i\omega}$ and the weight $Ae^{i\phi}$",
        ),
        Identity(
            multiplier * lags(_k) + u[_k + 1],
            lags(_k + 1),
            name="one more step of the convolution",
            because="every input is one step older",
        ),
        Identity(
            2 * sp.cos(theta) * sp.cos(p * theta) - sp.cos((p - 1) * theta),
            sp.cos((p + 1) * theta),
            name="recurrence of the Chebyshev polynomials",
            because=r"$T_p(\cos\vartheta) = \cos p\vartheta$",
        ),
    )


def _channel_definitions(
    network: S4DNetwork, form: OneLayerForm, channel: int, digits: int, suffix: str
) -> tuple[tuple[sp.IndexedBase, ...], dict[sp.Basic, sp.Basic], sp.Indexed]:
    """The input sequences, the definitions of K, u and y, and the symbol ``y[k]``."""
    features = form.features
    names = ["x"] if features == 1 else [f"x_{feature}" for feature in range(features)]
    inputs = tuple(sp.IndexedBase(name) for name in names)
    kernel, drive, response = (sp.IndexedBase(name + suffix) for name in ("K", "u", "y"))
    weights = form.drive_weight.value[channel]
    driven = sp.Add(*(decimal(w, digits) * base[_j] for w, base in zip(weights, inputs, strict=True)))
    feedthrough = decimal(float(network.layers[0].D[channel]), digits)
    where: dict[sp.Basic, sp.Basic] = {
        kernel[_m]: kernel_expression(network, channel, _m, digits),
        drive[_j]: driven + decimal(float(form.drive_bias.value[channel, 0]), digits),
        response[_k]: feedthrough * drive[_k] + sp.Sum(kernel[_m] * drive[_k - _m], (_m, 0, _k)),
    }
    return inputs, where, response[_k]


def _decoder_expression(
    decoders: ChannelDecoders, channel: int, argument: sp.Expr, digits: int
) -> tuple[dict[sp.Basic, sp.Basic], sp.Expr]:
    """A polynomial in powers, or a Chebyshev series with its three-term recurrence as definitions."""
    if not isinstance(decoders, FittedDecoders):
        coefficients = decoders.taylor(np.zeros(1), decoders.degree)[:, 0].tolist()
        return {}, sp.Add(*(decimal(c, digits) * argument**p for p, c in enumerate(coefficients)))
    position = sp.Symbol("t")
    centre, width = decoders.centre[channel], decoders.half_width[channel]
    scaled = decimal(1 / width, digits) * argument - decimal(centre / width, digits)
    where: dict[sp.Basic, sp.Basic] = {position: scaled}
    polynomials: list[sp.Expr] = [sp.Integer(1), position]
    for order in range(2, decoders.degree + 1):
        symbol = sp.Symbol(f"T_{order}")
        where[symbol] = 2 * position * polynomials[-1] - polynomials[-2]
        polynomials.append(symbol)
    column = decoders.coefficients[:, channel].tolist()
    return where, sp.Add(*(decimal(c, digits) * polynomial for c, polynomial in zip(column, polynomials, strict=False)))


def channel_formula(
    network: S4DNetwork, form: OneLayerForm, decoders: ChannelDecoders, channel: int, digits: int = 6
) -> ClosedForm:
    r"""$z_k = p(y_k)$, $y_k = D u_k + \sum_{m\le k}K_mu_{k-m}$ of one channel, with its numbers (THEORY T10).

    Arguments of the form: the step k and the input sequences. For a fitted decoder p is a Chebyshev series in
    $t = (y - m)/w$ and stands for the activation only on its certified interval.

    Parameters
    ----------
    channel
        0 … H − 1.
    digits
        Significant digits of the numbers; the formula is exact for the numbers shown.

    Returns
    -------
    ClosedForm
        Of ``z_h[k]``; `where` holds K[m], u[j], y[k] and, for a fit, t and the Chebyshev polynomials. Certificates:
        `channel_laws`. The numbers themselves are those of the trained network, rounded.

    Raises
    ------
    ValueError
        There is no such channel.
    """
    if not 0 <= channel < form.channels:
        msg = f"there is no channel {channel}: the network has channels 0 to {form.channels - 1}"
        raise ValueError(msg)
    inputs, where, response = _channel_definitions(network, form, channel, digits, "")
    definitions, expression = _decoder_expression(decoders, channel, response, digits)
    return ClosedForm(
        sp.IndexedBase(f"z_{channel}")[_k],
        expression,
        (_k, *inputs),
        {**where, **definitions},
        channel_laws(),
        REFERENCE,
    )


def parameter_count(network: S4DNetwork) -> int:
    """Numbers in the formula of a one-layer network: four per mode, and the affine maps."""
    modes, features, classes = int(network.layers[0].C.shape[1]), network.features, network.classes
    return network.channels * (4 * modes + features + 2 + classes) + classes * (features + 1)


def network_formula(network: S4DNetwork, form: OneLayerForm, decoders: ChannelDecoders, digits: int = 5) -> ClosedForm:
    r"""The whole network as one formula: the vector of logits as a function of the input sequence.

    Parameters
    ----------
    network, form, decoders
        A small one-layer network with a polynomial activation, as its operator holds them.
    digits
        Significant digits of the numbers.

    Returns
    -------
    ClosedForm
        The column of logits as a function of the input sequences. Certificates: `channel_laws`.

    Raises
    ------
    ValueError
        The network has more than 200 parameters (a formula of it would not be read), or its decoder is a fit.

    References
    ----------
    THEORY T10; derivations/10_damped_waves.
    """
    count = parameter_count(network)
    if count > MAX_PARAMETERS or not decoders.exact:
        msg = f"a formula with {count} numbers" if decoders.exact else "a fitted decoder"
        msg += " does not make a page: print single channels with operator.channel(index)"
        raise ValueError(msg)
    where: dict[sp.Basic, sp.Basic] = {}
    inputs: tuple[sp.IndexedBase, ...] = ()
    pooled = []
    for channel in range(form.channels):
        inputs, definitions, response = _channel_definitions(network, form, channel, digits, f"_{channel + 1}")
        where |= definitions
        symbol = sp.Symbol(f"q_{channel + 1}")
        where[symbol] = _pool(form, _decoder_expression(decoders, channel, response, digits)[1])
        pooled.append(symbol)
    means = tuple(sp.Symbol(str(base).replace("x", "xbar")) for base in inputs)
    if form.skip.value.any():
        where |= {mean: _pool(form, base[_k]) for mean, base in zip(means, inputs, strict=True)}
    rows = [_logit(form, label, pooled, means, digits) for label in range(form.classes)]
    return ClosedForm(sp.Symbol("ell"), sp.ImmutableMatrix(rows), inputs, where, channel_laws(), REFERENCE)


def _pool(form: OneLayerForm, expression: sp.Expr) -> sp.Expr:
    if form.pool == "last":
        return expression.subs(_k, form.length - 1)
    return sp.Rational(1, form.length) * sp.Sum(expression, (_k, 0, form.length - 1))


def _logit(
    form: OneLayerForm, label: int, pooled: list[sp.Symbol], means: tuple[sp.Symbol, ...], digits: int
) -> list[sp.Expr]:
    readout, skip = form.readout.value[label], form.skip.value[label]
    terms = [decimal(float(form.offset.value[label, 0]), digits)]
    terms += [decimal(r, digits) * symbol for r, symbol in zip(readout.tolist(), pooled, strict=True)]
    terms += [decimal(s, digits) * mean for s, mean in zip(skip.tolist(), means, strict=True)]
    return [sp.Add(*terms)]
