"""Spectra of the logits of simulated networks of any depth, once the transient is over: measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.kernel import Complexes
from carleman_ssm.networks.layers import S4DLayer
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.predictions.input_families import Sinusoid
from carleman_ssm.predictions.spectral_lines import checked_tones, tone_amplitudes
from carleman_ssm.predictions.transfer import ChannelResponse, constant_input
from carleman_ssm.theory.polynomials import require_integer, require_kind

LONGEST = 10**6
"""Most steps that are simulated."""


@dataclass(frozen=True, eq=False, repr=False)
class SimulatedSpectrum(Brief):
    """Discrete Fourier transform of simulated logits over a window of N steps.

    Parameters
    ----------
    frequencies
        (N // 2 + 1,) [rad/step].
    amplitudes
        One-sided and complex, (N // 2 + 1, classes) [logit]; phases count from step 0, as in `SpectralLines.spectrum`.
    signal
        The logits of every step of the window, (N, classes).
    transient
        Steps that were left out before it.
    """

    frequencies: Floats
    amplitudes: Complexes
    signal: Floats
    transient: int


def simulated_lines(
    network: StateSpaceNetwork,
    tones: Sequence[Sinusoid],
    window: int,
    constant: npt.ArrayLike = 0.0,
    *,
    transient: int | None = None,
) -> SimulatedSpectrum:
    r"""Spectrum of the logits of every step that a network prints under sinusoids, after the transient.

    Parameters
    ----------
    network
        Of any depth; its pool is left out.
    tones
        One to three sinusoids, with whole numbers of periods in the window if lines shall be sharp.
    window
        N steps.
    constant
        $\bar x$ (d,) or one number.
    transient
        Steps before the window; by default until the tails of all kernels are below 1e-9 (S4D layers).

    Raises
    ------
    ValueError
        The tones are unfit, the window is empty, a mode does not decay, or more than 10⁶ steps would be needed.
    TypeError
        The transient of layers that are not S4D is not given, or an argument is of another kind.

    References
    ----------
    THEORY T15, T23: the lines of `spectral_lines`, which this measures.
    """
    require_kind(network, StateSpaceNetwork, "the network")
    waves = checked_tones(tones)
    tone_amplitudes(waves, network.features)  # refuses channels that are not there
    level = constant_input(constant, network.features)
    waiting = settling_steps(network) if transient is None else require_integer(transient, "transient")
    steps = waiting + require_integer(window, "window")
    if window < 1 or waiting < 0 or steps > LONGEST:
        msg = (
            f"a window of {window} steps after {waiting} of transient: at least one step and at most {LONGEST} in all "
            "are simulated; set transient by hand"
        )
        raise ValueError(msg)
    inputs = sum((tone.sequence(steps, network.features) for tone in waves), np.zeros((steps, network.features)))
    every_step = replace(network, config=replace(network.config, pool="none"))
    signal = every_step((inputs + level)[None])[0, waiting:]
    frequencies = 2.0 * np.pi * np.arange(window // 2 + 1) / window
    amplitudes = np.fft.rfft(signal, axis=0, norm="forward") * np.exp(-1j * frequencies * waiting)[:, None]
    amplitudes[1 : (window + 1) // 2] *= 2.0
    return SimulatedSpectrum(frequencies, amplitudes, signal, waiting)


def settling_steps(network: StateSpaceNetwork, tolerance: float = 1e-9) -> int:
    """Steps until the tails of every layer's kernels are below a tolerance, added over the layers.

    An estimate for what lies between the layers (a decoder may enlarge what is left of a transient).

    Raises
    ------
    TypeError
        A layer is not S4D.
    ValueError
        A mode does not decay.
    """
    total = 0
    for index, layer in enumerate(network.layers):
        if not isinstance(layer, S4DLayer):
            msg = f"the transient of layer {index} ({layer.kind}) is not known from its modes here: pass transient"
            raise TypeError(msg)
        total += ChannelResponse.of(layer).settling_steps(tolerance)
    return total
