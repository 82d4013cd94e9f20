r"""The mean of GELU under a sinusoid: the Bessel form of the zero-mean steady state, beside what really happens.

For $y = R\cos\theta$ with $\theta$ uniform on the circle

$$\langle\mathrm{GELU}\rangle = \frac{R^2e^{-R^2/4}}{2\sqrt{2\pi}}\,[I_0(R^2/4) + I_1(R^2/4)].$$

A trained network is not there: encoder biases give y a mean, a sequence of L steps has a transient, and few periods fit
into it. The limit is labelled as such, and stands beside the steady state with the biases (a mean over the phases that
the tone meets) and the network of finite length (its certified operator, and its simulation).

A tone of q steps, $\omega = 2\pi p/q$, meets q phases: multiples of q fold onto the frequency 0, and the mean over the
circle, the line n = 0 alone, is not the mean over time.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy import special

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.kernel import Complexes
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.operator import DomainError, NetworkOperator
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.predictions.input_families import Sinusoid
from carleman_ssm.predictions.line_coefficients import PHASES, torus_coefficients
from carleman_ssm.predictions.spectral_lines import checked_tones, tone_amplitudes
from carleman_ssm.predictions.transfer import SteadyLayer, steady_layer
from carleman_ssm.theory.polynomials import require_integer

CIRCLE = PHASES[1]
REPEATS = 1e-12
"""Turns per step by which a frequency may miss p/q and count as it: rounding of 2πp/q, and a beat in 10¹² steps."""


def bessel_mean(radius: Floats) -> Floats:
    r"""Mean of GELU over one turn of $y = R\cos\theta$: $R^2e^{-R^2/4}[I_0(R^2/4) + I_1(R^2/4)]/(2\sqrt{2\pi})$.

    The linear half of GELU averages to 0, so that this is also the mean of its even part.

    References
    ----------
    THEORY T23; derivations/23_spectral_lines.

    Examples
    --------
    Small waves see the curvature $\mathrm{GELU}''(0)/2 = 1/\sqrt{2\pi}$, large ones the hinge, $R/\pi$:

    >>> bessel_mean(np.array([1e-3, 1e4])) / np.array([1e-6 / np.sqrt(8 * np.pi), 1e4 / np.pi])
    array([0.99999988, 1.        ])
    """
    size = np.asarray(radius, dtype=np.float64) ** 2 / 4.0
    # ive is I e^{−x}: the product neither overflows nor cancels
    result: Floats = 2.0 * size / np.sqrt(2.0 * np.pi) * (special.ive(0, size) + special.ive(1, size))
    return result


@dataclass(frozen=True, eq=False, repr=False)
class SteadyMean(Brief):
    r"""Mean logits under one sinusoid, from the limit to the network, (classes,) each.

    Parameters
    ----------
    tone
        The sinusoid.
    amplitudes, operating_point
        $R_h = |A W_{hj} H_h(e^{i\omega})|$ and $y^0_h$, (H,): what the limit takes for 0.
    zero_mean_limit
        *Limit*: readout of the Bessel form, as if every $y^0_h$ were 0 and the sequence endless.
    steady
        Mean of the endless steady state over time, biases included: over the q phases of a tone whose period is q ≤ 512
        steps (to rounding), else over the circle (512 phases).
    length
        Steps of the finite sequence.
    operator_logits, operator_error
        Through the certified operator at that length, and the certified bound of its distance to the exact network;
        None where none was given or it refused.
    refusal
        Why it refused (by how much its interval is left), or "".
    network_logits
        Simulation at that length.
    """

    tone: Sinusoid
    amplitudes: Floats
    operating_point: Floats
    zero_mean_limit: Floats
    steady: Floats
    length: int
    operator_logits: Floats | None
    operator_error: Floats | None
    refusal: str
    network_logits: Floats


def steady_mean(source: StateSpaceNetwork | NetworkOperator, tone: Sinusoid, length: int) -> SteadyMean:
    """Mean logits of a GELU network under one sinusoid: the Bessel limit beside what is exact, certified, simulated.

    Parameters
    ----------
    source
        A network of one S4D layer with affine surroundings and GELU, or an operator of one.
    tone
        A sinusoid of constant height.
    length
        Steps of the finite sequence.

    Raises
    ------
    ValueError
        The activation is not GELU (polynomials have the lines of `spectral_lines`), the pool not the mean, or the tone
        or the network has no steady state.

    References
    ----------
    THEORY T23.
    """
    network = source.network if isinstance(source, NetworkOperator) else source
    checked_tones((tone,))
    require_integer(length, "length", least=1)
    layer = steady_layer(network)
    if layer_rules(network)[0].activation.name != "gelu" or network.config.pool != "mean":
        msg = (
            "the Bessel form is the mean over time of GELU, for networks with a mean pool; the mean of another "
            "activation is the merged line 0 of spectral_lines"
        )
        raise ValueError(msg)
    wave = tone_amplitudes((tone,), network.features)[0]
    driven = layer.response(tone.frequency) * (layer.form.drive_weight.value @ wave)
    radius = np.abs(driven)
    sequence = tone.sequence(length, network.features)[None]
    printed, error, refusal = _certified(source, sequence)
    return SteadyMean(
        tone,
        radius,
        layer.operating_point,
        layer.form.read_out(bessel_mean(radius)[None], np.zeros((1, network.features)))[0],
        _time_mean(layer, wave, driven, _period(tone.frequency)),
        length,
        printed,
        error,
        refusal,
        network(sequence)[0],
    )


def _period(frequency: float) -> int:
    """Q of a tone that repeats after q ≤ 512 steps, else 512: as many phases stand for the circle."""
    turns = frequency / (2.0 * np.pi)
    nearest = Fraction(turns).limit_denominator(CIRCLE)
    return nearest.denominator if abs(turns - nearest) <= REPEATS * max(1.0, abs(turns)) else CIRCLE


def _time_mean(layer: SteadyLayer, wave: Complexes, driven: Complexes, count: int) -> Floats:
    """Mean logits (classes,) over `count` phases of a tone, whose share of the residual path is 0 from two on."""
    decoded = torus_coefficients(layer.decoders, layer.operating_point, driven[None], count)[0].real
    mean = wave.real if count == 1 else np.zeros(layer.form.features)
    logits: Floats = layer.form.read_out(decoded[None], mean[None])[0]
    return logits


def _certified(
    source: StateSpaceNetwork | NetworkOperator, sequence: Floats
) -> tuple[Floats | None, Floats | None, str]:
    if not isinstance(source, NetworkOperator):
        return None, None, ""
    try:
        return source(sequence)[0], source.certified_error, ""
    except DomainError as refusal:
        return None, None, str(refusal)
