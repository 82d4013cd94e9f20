"""Spectra, layers and rings in float64, with the hard cases drawn on purpose."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from carleman_ssm.networks.layers import S4DLayer
from carleman_ssm.rings.rings import Rings

KINDS = ("lin", "jittered", "generic", "equal", "real", "one real", "fast", "slow")
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def lin_layer(channels, modes, step, seed=0):
    """S4D-Lin as it is initialised, with random readout and feedthrough; `step` is a number or (H,)."""
    generator = np.random.default_rng(seed)
    readout = generator.normal(size=(2, channels, modes)) / np.sqrt(2)
    return S4DLayer(
        log_dt=np.log(np.broadcast_to(np.asarray(step, dtype=np.float64), (channels,))),
        log_A_real=np.full((channels, modes), np.log(0.5)),
        A_imag=np.tile(np.pi * np.arange(modes), (channels, 1)),
        C=readout[0] + 1j * readout[1],
        D=generator.normal(size=channels),
    )


@st.composite
def ring_layers(draw, max_channels=3, max_modes=5):
    """Layers on and off the equally spaced circle; M = 1, 2 and more; D zero or not; with and without real modes."""
    generator, kind = draw(seeds), draw(st.sampled_from(KINDS))
    channels, modes = draw(st.integers(1, max_channels)), draw(st.integers(1, max_modes))
    shape = (channels, modes)
    decay, frequency = np.full(shape, np.log(0.5)), np.tile(np.pi * np.arange(modes), (channels, 1))
    if kind == "jittered":
        frequency = frequency + generator.normal(size=shape)
    if kind in ("generic", "equal", "one real", "fast", "slow"):
        decay, frequency = generator.uniform(-2, 1, shape), generator.uniform(-20, 20, shape)
    if kind == "equal":
        decay[:], frequency[:] = decay[:, :1], frequency[:, :1]
    if kind == "real":
        frequency = np.zeros(shape)
    if kind == "one real":
        frequency[np.arange(channels), generator.integers(modes, size=channels)] = 0.0
    scale = {"fast": 3.0, "slow": -9.0}.get(kind, 0.0)
    readout = generator.normal(size=(2, *shape))
    return S4DLayer(
        log_dt=generator.uniform(-5, 0, channels) + scale,
        log_A_real=decay,
        A_imag=frequency,
        C=readout[0] + 1j * readout[1],
        D=generator.normal(size=channels) * draw(st.sampled_from([0.0, 1.0])),
    )


def free_rings(eigenvalues, step, output, feedthrough=0.0, input_vector=None):
    """A complex ring of any spectrum (N,), held input, with b̄ = 1 unless it is given."""
    a = np.asarray(eigenvalues, dtype=np.complex128)[None]
    drive = np.ones_like(a) if input_vector is None else np.asarray(input_vector, dtype=np.complex128)[None]
    order = np.arange(a.shape[1])[None]
    readout = np.asarray(output, dtype=np.complex128)[None]
    return Rings(
        a,
        np.exp(a * step),
        drive,
        readout,
        [feedthrough],
        [step],
        "complex",
        "unit-input",
        order,
        conjugate_pairs=False,
    )
