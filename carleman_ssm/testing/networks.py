"""Small random S4D networks: every norm, gate and pooling, spectra equal, nearly equal, slow and fast on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from carleman_ssm.networks.network import NetworkConfig, Normalization, S4DLayer, S4DNetwork

_Floats = npt.NDArray[np.float64]

ACTIVATIONS = ("gelu", "gelu_tanh", "silu", "identity", "square", "cube", "poly")
SPECTRA = ("generic", "real", "equal", "nearly equal", "slow", "fast", "oscillating")


def stored(values: Any) -> _Floats:
    """Values as a checkpoint stores them: float32 numbers, in float64."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def _spectrum(kind: str, generator: np.random.Generator, channels: int, modes: int) -> tuple[_Floats, _Floats, _Floats]:
    """Draw log_dt, log_A_real, A_imag."""
    log_dt = generator.uniform(-5, 0, channels)
    decay = generator.uniform(-2, 1, (channels, modes))
    frequency = generator.uniform(-10, 10, (channels, modes))
    if kind == "real":
        frequency[:] = 0
    if kind in ("equal", "nearly equal"):
        decay[:], frequency[:] = decay[:, :1], frequency[:, :1]
    if kind == "nearly equal":
        frequency = np.nextafter(stored(frequency).astype(np.float32), np.float32(np.inf))
        frequency[:, 0] = np.nextafter(frequency[:, 0], np.float32(-np.inf))
    if kind == "slow":
        log_dt, decay = log_dt - 12, decay - 12
        frequency[:, :1] = 0
    if kind == "fast":
        log_dt, decay = log_dt + 3, decay + 4
    if kind == "oscillating":
        frequency *= 50
    return stored(log_dt), stored(decay), stored(frequency)


@st.composite
def layers(draw: DrawFn, config: NetworkConfig, channels: int, max_modes: int = 3) -> S4DLayer:
    """A layer of up to `max_modes` modes for networks of this configuration."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    modes = draw(st.integers(1, max_modes))
    shape = (channels, modes)
    spectrum = _spectrum(draw(st.sampled_from(SPECTRA)), generator, *shape)
    readout = stored(generator.normal(size=(2, *shape)))
    rows = {"none": None, "linear": channels, "glu": 2 * channels}[config.output]

    def normal(*axes: int) -> _Floats:
        return stored(generator.normal(size=axes))

    norm = None
    if config.norm != "none":
        weights = normal(channels), None if config.norm == "rms" else normal(channels)
        variance = draw(st.sampled_from([0.0, 0.01, 1.0, 30.0])) if config.norm == "batch" else 1.0
        statistics = (normal(channels), stored(np.full(channels, variance))) if config.norm == "batch" else ()
        norm = Normalization(*weights, *statistics)
    degree = draw(st.integers(1, 4))
    return S4DLayer(
        *spectrum,
        C=readout[0] + 1j * readout[1],
        D=normal(channels) * draw(st.sampled_from([0.0, 1.0])),
        output_weight=None if rows is None else normal(rows, channels),
        output_bias=None if rows is None else normal(rows),
        norm=norm,
        activation_coefficients=normal(degree) if config.activation == "poly" else None,
        discretization=config.discretization,
    )


@st.composite
def networks(
    draw: DrawFn,
    activations: tuple[str, ...] = ACTIVATIONS,
    outputs: tuple[str, ...] = ("linear", "none"),
    norms: tuple[str, ...] = ("none", "batch"),
    max_layers: int = 1,
    max_channels: int = 3,
    max_features: int = 2,
    pools: tuple[str, ...] = ("mean", "last"),
    discretizations: tuple[str, ...] = ("zoh", "bilinear"),
    gates: tuple[str, ...] = ("sigmoid", "identity"),
) -> S4DNetwork:
    """Networks with float32 parameters; with the defaults of one layer and without a gate.

    Parameters
    ----------
    activations, outputs, norms, pools, discretizations, gates
        The entries of `NetworkConfig` to draw from.
    max_layers, max_channels, max_features
        Largest sizes; the least is 1.
    """
    output = draw(st.sampled_from(outputs))
    entries: dict[str, Any] = {"output": output}
    config = NetworkConfig(
        activation=draw(st.sampled_from(activations)),
        **entries,
        norm=draw(st.sampled_from(norms)),
        prenorm=draw(st.booleans()),
        residual=draw(st.booleans()),
        pool=draw(st.sampled_from(pools)),
        discretization=draw(st.sampled_from(discretizations)),
        gate=draw(st.sampled_from(gates)) if output == "glu" else "sigmoid",
    )
    channels, features = draw(st.integers(1, max_channels)), draw(st.integers(1, max_features))
    classes, count = draw(st.integers(1, 3)), draw(st.integers(1, max_layers))
    found = tuple(draw(layers(config, channels)) for _ in range(count))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def normal(*axes: int) -> _Floats:
        return stored(generator.normal(size=axes))

    return S4DNetwork(
        encoder_weight=normal(channels, features),
        encoder_bias=normal(channels),
        layers=found,
        decoder_weight=normal(classes, channels),
        decoder_bias=normal(classes),
        config=config,
    )
