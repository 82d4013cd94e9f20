"""Whose rings are shown: those of a trained network, or of an initial spectrum."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import sympy as sp

from carleman_ssm.networks.checkpoints import SHIPPED, load_network
from carleman_ssm.networks.layers import ComplexArray, S4DLayer
from carleman_ssm.networks.network import NetworkConfig, S4DNetwork
from carleman_ssm.report.inputs import shipped_sequences
from carleman_ssm.rings.rigidity import rigidity
from carleman_ssm.rings.rings import Rings, layer_rings, model_rings
from carleman_ssm.rings.waves import ChannelWaves, wave_table
from carleman_ssm.theory import ring_modes
from carleman_ssm.theory.initialisations import s4d_inv, s4d_legs, s4d_lin, s4d_real

MAX_MODES = 512
MAX_LEGS_MODES = 64
MOST_TURNED = 1e12
"""Radians in a step, from which rounding of the eigenvalue alone is 1e-4 rad."""
MIN_STEP, MAX_STEP = 1e-9, 1e6
"""Steps of an initial spectrum: below, a hop is lost in the rounding of angles; above, no spectrum is left."""
DEFAULT_MODES = 32


class InitialSpectrum(StrEnum):
    """The spectra that S4D begins training with."""

    S4D_LIN = "s4d-lin"
    S4D_INV = "s4d-inv"
    S4D_LEGS = "s4d-legs"
    S4D_REAL = "s4d-real"


class Closure(StrEnum):
    """How the stored modes become a ring."""

    COMPLEX = ring_modes.COMPLEX
    REAL = ring_modes.REAL
    ANTIPERIODIC = ring_modes.ANTIPERIODIC


@dataclass(frozen=True, eq=False)
class RingSource:
    """The rings of every layer of a network; an initial spectrum is a network of one layer and one channel.

    Parameters
    ----------
    name
        "digits-gelu", or "S4D-Lin, M = 32".
    network
        The trained network, or one channel with an initial spectrum, whose encoder passes the input on unchanged.
    rings
        One `Rings` per layer.
    closure
        Of all of them.
    spectrum
        The initial spectrum, or None for a trained network.
    sequence_length
        Steps of the sequences that the network was made for, or None where that is not known: a checkpoint does not
        say.

    Raises
    ------
    ValueError
        A spectrum so large that the angles of its multipliers are rounding.
    """

    name: str
    network: S4DNetwork
    rings: tuple[Rings, ...]
    closure: Closure
    spectrum: InitialSpectrum | None = None
    sequence_length: int | None = None

    def __post_init__(self) -> None:
        for layer, rings in enumerate(self.rings):
            turned = np.abs(rings.eigenvalues.imag).max(axis=1) * rings.step
            if turned.max() > MOST_TURNED:
                msg = (
                    f"layer {layer}, channel {int(turned.argmax())}: a step turns a mode by {turned.max():.3g} rad, of "
                    "which float64 keeps no digits modulo 2π, so that no wave can be measured: check log_dt and A_imag"
                )
                raise ValueError(msg)

    def fastest(self, layer: int) -> int:
        """The channel whose waves go furthest in one step."""
        return int(np.argmax(np.abs(rigidity(self.rings[layer].multipliers).hop)))

    def table(self, length: int) -> tuple[ChannelWaves, ...]:
        """The wave quantities of every layer and channel, for sequences of this length."""
        return wave_table(self.network, length, closure=self.closure)

    def title(self, layer: int, channel: int) -> str:
        """How a ring is called in figures."""
        rings = self.rings[layer]
        where = f", layer {layer}, channel {channel}" if self.spectrum is None else ""
        where += ", bilinear rule" if self.network.config.discretization == "bilinear" else ""
        return f"{self.name}{where}: {rings.closure} ring, N = {rings.nodes}, Δt = {rings.step[channel]:.4g}"


def network_source(model: str, closure: Closure) -> RingSource:
    """The rings of a trained network, modes in the order that `layer_rings` chooses.

    Raises
    ------
    ValueError
        No such network, or a spectrum that the closure cannot hold.
    """
    network = load_network(model)
    length = shipped_sequences(model).x.shape[1] if model in SHIPPED else None
    with _advice_for_options():
        rings = _rings(network, closure)
    return RingSource(Path(model).stem, network, rings, closure, sequence_length=length)


@contextmanager
def _advice_for_options() -> Iterator[None]:
    """Errors of functions advise their arguments: say the option of the command instead."""
    try:
        yield
    except ValueError as error:
        raise ValueError(re.sub(r"closure='(\w+)'", r"--closure \1", str(error))) from error


def _rings(network: S4DNetwork, closure: Closure) -> tuple[Rings, ...]:
    return tuple(layer_rings(layer, closure=closure) for layer in network.layers)


def initial_source(spectrum: InitialSpectrum, modes: int | None, step: float | None, closure: Closure) -> RingSource:
    r"""The ring of an initial spectrum; by default 32 modes and $\Delta t = 1/M$.

    Raises
    ------
    ValueError
        A number of modes or a step that is out of range, or a spectrum that the closure cannot hold.
    """
    stored = DEFAULT_MODES if modes is None else modes
    largest = MAX_LEGS_MODES if spectrum is InitialSpectrum.S4D_LEGS else MAX_MODES
    if not 1 <= stored <= largest:
        msg = f"--modes must be between 1 and {largest} for {spectrum}, got {stored}"
        raise ValueError(msg)
    delta = 1.0 / stored if step is None else step
    if not MIN_STEP <= delta <= MAX_STEP:
        msg = f"--dt must be a positive number between {MIN_STEP:g} and {MAX_STEP:g}, got {delta:g}"
        raise ValueError(msg)
    model = _MODELS[spectrum](stored, output_vector=(sp.S.One,) * stored)
    with _advice_for_options():
        rings = model_rings(model, delta, closure=closure)
    network = _one_channel(model_rings(model, delta, order="index").eigenvalues, delta)
    return RingSource(f"{_NAMES[spectrum]}, M = {stored}", network, (rings,), closure, spectrum)


def _one_channel(eigenvalues: ComplexArray, step: float) -> S4DNetwork:
    """One S4D layer with these stored modes (1, M) between an encoder and a decoder that change nothing."""
    layer = S4DLayer(
        log_dt=np.log([step]),
        log_A_real=np.log(-eigenvalues.real),
        A_imag=eigenvalues.imag,
        C=np.ones_like(eigenvalues),
        D=np.zeros(1),
    )
    config = NetworkConfig(activation="identity", output="none", residual=False)
    one = np.ones((1, 1))
    return S4DNetwork(one, np.zeros(1), (layer,), one, np.zeros(1), config)


_MODELS = {
    InitialSpectrum.S4D_LIN: s4d_lin,
    InitialSpectrum.S4D_INV: s4d_inv,
    InitialSpectrum.S4D_LEGS: s4d_legs,
    InitialSpectrum.S4D_REAL: s4d_real,
}
_NAMES = {
    InitialSpectrum.S4D_LIN: "S4D-Lin",
    InitialSpectrum.S4D_INV: "S4D-Inv",
    InitialSpectrum.S4D_LEGS: "S4D-LegS",
    InitialSpectrum.S4D_REAL: "S4D-Real",
}
