"""Small random S4D networks and sequences, with the hard cases drawn on purpose."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from carleman_ssm.networks.network import NetworkConfig, Normalization, S4DLayer, S4DNetwork

ACTIVATIONS = ("gelu", "gelu_tanh", "silu", "identity", "square", "cube", "poly")
SPECTRA = ("generic", "real", "equal", "nearly equal", "slow", "fast", "oscillating")


def stored(values):
    """Values as a checkpoint stores them: float32 numbers, in float64."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def _spectrum(kind, generator, channels, modes):
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
def s4d_layers(draw, config, channels, max_modes=3):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    modes = draw(st.integers(1, max_modes))
    shape = (channels, modes)
    spectrum = _spectrum(draw(st.sampled_from(SPECTRA)), generator, *shape)
    readout = stored(generator.normal(size=(2, *shape)))
    rows = {"none": None, "linear": channels, "glu": 2 * channels}[config.output]

    def normal(*axes):
        return stored(generator.normal(size=axes))

    norm = None
    if config.norm != "none":
        norm = Normalization(normal(channels), None if config.norm == "rms" else normal(channels))
    if config.norm == "batch":
        variance = draw(st.sampled_from([0.0, 0.01, 1.0, 30.0]))
        norm = Normalization(norm.weight, norm.bias, normal(channels), stored(np.full(channels, variance)))
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
def s4d_networks(
    draw,
    activations=ACTIVATIONS,
    outputs=("linear", "none"),
    norms=("none", "batch"),
    max_layers=1,
    max_channels=3,
    max_features=2,
    pools=("mean", "last"),
    discretizations=("zoh", "bilinear"),
    gates=("sigmoid", "identity"),
):
    """Draw an `S4DNetwork`; with the defaults one of a single layer and without a gate."""
    output = draw(st.sampled_from(outputs))
    config = NetworkConfig(
        activation=draw(st.sampled_from(activations)),
        output=output,
        norm=draw(st.sampled_from(norms)),
        prenorm=draw(st.booleans()),
        residual=draw(st.booleans()),
        pool=draw(st.sampled_from(pools)),
        discretization=draw(st.sampled_from(discretizations)),
        gate=draw(st.sampled_from(gates)) if output == "glu" else "sigmoid",
    )
    channels, features = draw(st.integers(1, max_channels)), draw(st.integers(1, max_features))
    classes, count = draw(st.integers(1, 3)), draw(st.integers(1, max_layers))
    layers = tuple(draw(s4d_layers(config, channels)) for _ in range(count))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def normal(*axes):
        return stored(generator.normal(size=axes))

    return S4DNetwork(
        encoder_weight=normal(channels, features),
        encoder_bias=normal(channels),
        layers=layers,
        decoder_weight=normal(classes, channels),
        decoder_bias=normal(classes),
        config=config,
    )


@st.composite
def input_sequences(draw, features, max_batch=2, max_length=9, bound=1.0):
    """Draw sequences within ±bound: noise, zero, constant, an impulse, or alternating signs."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, max_batch)), draw(st.integers(1, max_length)), features)
    kind = draw(st.sampled_from(("noise", "zero", "constant", "impulse", "alternating")))
    x = np.zeros(shape)
    if kind == "noise":
        x = generator.uniform(-bound, bound, shape)
    if kind == "constant":
        x[:] = bound
    if kind == "impulse":
        x[:, generator.integers(shape[1])] = -bound
    if kind == "alternating":
        x[:] = (bound * (-1.0) ** np.arange(shape[1]))[:, None]
    return x


def moderate_network(layers, channels=4, features=1, classes=3, modes=3, seed=0, **entries):
    """A network with random float32 parameters of moderate size: values stay near 1 at any depth."""
    config, generator = NetworkConfig(**entries), np.random.default_rng(seed)
    rows = {"none": None, "linear": channels, "glu": 2 * channels}[config.output]

    def normal(*shape):
        return stored(generator.normal(size=shape) / np.sqrt(shape[-1]))

    def norm():
        if config.norm == "none":
            return None
        if config.norm == "rms":
            return Normalization(1 + normal(channels))
        statistics = (normal(channels), 0.5 + normal(channels) ** 2) if config.norm == "batch" else ()
        return Normalization(1 + normal(channels), normal(channels), *statistics)

    def layer():
        return S4DLayer(
            log_dt=normal(channels) - 2,
            log_A_real=normal(channels, modes),
            A_imag=8 * normal(channels, modes),
            C=normal(channels, modes) + 1j * normal(channels, modes),
            D=normal(channels),
            output_weight=None if rows is None else normal(rows, channels),
            output_bias=None if rows is None else normal(rows),
            norm=norm(),
            activation_coefficients=normal(3) if config.activation == "poly" else None,
            discretization=config.discretization,
        )

    return S4DNetwork(
        encoder_weight=normal(channels, features),
        encoder_bias=normal(channels),
        layers=tuple(layer() for _ in range(layers)),
        decoder_weight=normal(classes, channels),
        decoder_bias=normal(classes),
        config=config,
    )
