r"""Families of inputs with a few parameters: impulse, step, exponential, sinusoid, and their sums.

Every one of them is a sum of geometric sequences that start at a step p in one input channel j,

$$x_{k,j} = \mathrm{Re}\,\bigl(A\,\rho^{\,k-p}\bigr)\quad (k \ge p),\qquad x_{k,j} = 0 \quad (k < p),$$

with $\rho = 0$ for an impulse ($0^0 = 1$), 1 for a step, $e^s$ for an exponential and $e^{s + i\omega}$ for a
sinusoid. A linear recurrence answers them in closed form (`responses`). Steps count from 0; rates s are per step,
frequencies $\omega$ in radians per step (divide by $2\pi$ for cycles per step; those beyond $\pi$ are aliases).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.predictions.geometric_inputs import (
    Complexes,
    GeometricTerm,
    InputFamily,
    Lags,
    SimpleFamily,
    SumOfInputs,
)

__all__ = [
    "Exponential",
    "GeometricTerm",
    "Impulse",
    "InputFamily",
    "SimpleFamily",
    "Sinusoid",
    "Step",
    "SumOfInputs",
]


@dataclass(frozen=True)
class Impulse(SimpleFamily):
    r"""$x_{k,j} = a\,\delta_{kp}$.

    Parameters
    ----------
    height
        a [input].
    position, channel
        Step p and input channel j, both from 0 (by keyword).

    Examples
    --------
    >>> Impulse(height=2.0, position=1).sequence(3)[:, 0].tolist()
    [0.0, 2.0, 0.0]
    """

    height: float = 1.0

    @staticmethod
    def geometric(values: Mapping[str, Floats]) -> tuple[Complexes, Complexes]:
        r"""$A = a$, $\rho = 0$."""
        height = np.asarray(values["height"], dtype=np.complex128)
        return height, np.zeros_like(height)

    @staticmethod
    def profile(lags: Lags, values: Mapping[str, Floats]) -> Floats:
        r"""$a\,\delta_{n0}$ at lag n."""
        return np.asarray(values["height"] * (lags == 0), dtype=np.float64)


@dataclass(frozen=True)
class Step(SimpleFamily):
    """$x_{k,j} = a$ from step p on.

    Parameters
    ----------
    height
        a [input].
    position, channel
        Step p and input channel j, both from 0 (by keyword).

    Examples
    --------
    >>> Step(height=2.0, position=1).sequence(3)[:, 0].tolist()
    [0.0, 2.0, 2.0]
    """

    height: float = 1.0

    @staticmethod
    def geometric(values: Mapping[str, Floats]) -> tuple[Complexes, Complexes]:
        r"""$A = a$, $\rho = 1$."""
        height = np.asarray(values["height"], dtype=np.complex128)
        return height, np.ones_like(height)

    @staticmethod
    def profile(lags: Lags, values: Mapping[str, Floats]) -> Floats:
        r"""$a$ at every lag."""
        return np.asarray(values["height"] * np.ones(lags.shape), dtype=np.float64)


@dataclass(frozen=True)
class Exponential(SimpleFamily):
    r"""$x_{k,j} = a\,e^{s(k-p)}$ from step p on.

    Parameters
    ----------
    height
        a [input].
    rate
        s [1/step]; negative rates decay.
    position, channel
        Step p and input channel j, both from 0 (by keyword).

    Examples
    --------
    >>> Exponential(rate=-1.0).sequence(3)[:, 0].round(4).tolist()
    [1.0, 0.3679, 0.1353]
    """

    height: float = 1.0
    rate: float = 0.0

    @staticmethod
    def geometric(values: Mapping[str, Floats]) -> tuple[Complexes, Complexes]:
        r"""$A = a$, $\rho = e^s$."""
        return _broadcast(values["height"], np.exp(values["rate"]))

    @staticmethod
    def profile(lags: Lags, values: Mapping[str, Floats]) -> Floats:
        r"""$a\,e^{sn}$ at lag n."""
        return np.asarray(values["height"] * np.exp(values["rate"] * lags), dtype=np.float64)


@dataclass(frozen=True)
class Sinusoid(SimpleFamily):
    r"""$x_{k,j} = a\,e^{s(k-p)}\cos(\omega(k-p) + \theta)$ from step p on.

    Parameters
    ----------
    amplitude
        a [input].
    frequency
        ω [rad/step].
    phase
        θ [rad]: the phase at step p.
    rate
        s [1/step]: 0 for a sinusoid of constant height, negative for a damped one.
    position, channel
        Step p and input channel j, both from 0 (by keyword).

    Examples
    --------
    >>> import numpy as np
    >>> Sinusoid(amplitude=2.0, frequency=np.pi / 2).sequence(5)[:, 0].round(12).tolist()
    [2.0, 0.0, -2.0, -0.0, 2.0]
    """

    amplitude: float = 1.0
    frequency: float = 1.0
    phase: float = 0.0
    rate: float = 0.0

    @staticmethod
    def geometric(values: Mapping[str, Floats]) -> tuple[Complexes, Complexes]:
        r"""$A = a\,e^{i\theta}$, $\rho = e^{s + i\omega}$."""
        amplitude = values["amplitude"] * np.exp(1j * np.asarray(values["phase"]))
        return _broadcast(amplitude, np.exp(values["rate"] + 1j * np.asarray(values["frequency"])))

    @staticmethod
    def profile(lags: Lags, values: Mapping[str, Floats]) -> Floats:
        r"""$a\,e^{sn}\cos(\omega n + \theta)$ at lag n."""
        envelope = values["amplitude"] * np.exp(values["rate"] * lags)
        return np.asarray(envelope * np.cos(values["frequency"] * lags + values["phase"]), dtype=np.float64)


def _broadcast(amplitude: Floats | Complexes, ratio: Floats | Complexes) -> tuple[Complexes, Complexes]:
    first, second = np.broadcast_arrays(amplitude, ratio)
    return first.astype(np.complex128), second.astype(np.complex128)
