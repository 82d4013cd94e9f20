r"""DSS: diagonal state spaces with all modes stored, $1\,\mathrm{Re}$, one $\Lambda$ for all channels.

$$x_k = e^{\Delta\Lambda} x_{k-1} + \bar b u_k, \qquad y^c_k = \mathrm{Re} \sum_n W^c_n x_{k,n} + D^c u_k, \qquad
  \text{out} = \psi(W_o \varphi(y) + w_o)$$

with $\bar b$ by the version: $(e^{\Delta\Lambda} - 1)/\Lambda$ (``exp``, ``clip``), 1 (``no-scale``), or divided by the
sum over all lags (``softmax``): then $\bar b$ depends on the length L of the inputs, and the layer is one recurrence
for each L. The real and the imaginary part of $\Lambda$ may have steps of their own: $\Delta\Lambda$ stands for
$\Delta_{re} \mathrm{Re}\,\Lambda + i \Delta_{im} \mathrm{Im}\,\Lambda$.

The quotients are those of the reference, bounded by $\varepsilon = 10^{-7}$. A softmax over the lags that is divided by
$d = \Lambda(e^{\Delta\Lambda L} - 1)$ loses the share $\varepsilon/(|d|^2 + \varepsilon)$, where d is taken with
$-\Delta\Lambda$ for modes that grow (`recurrences.softmax_laws`): the slowest of 64 drawn modes, with $\Delta = 0.001$,
loses half for one step, $2 \cdot 10^{-6}$ for 1000. ``exp`` and ``clip`` lose nothing if $|\Lambda|^2 \ge \varepsilon$.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, final, get_args

import numpy as np

from carleman_ssm.families.block_output import BlockOutput
from carleman_ssm.families.family import Family
from carleman_ssm.families.initialisations import complex_normal, drawn_steps, legs_positive_frequencies
from carleman_ssm.families.reference_tensors import flag, require_flags
from carleman_ssm.families.s4_initialisation import drawn_output
from carleman_ssm.families.s4_parts import (
    OUTPUT_KEYS,
    complex_of,
    dss_inputs,
    parts,
    read_output,
    reciprocal,
    require_keys,
    two_sided,
    unite,
)
from carleman_ssm.families.scans import InvariantDiagonalScan, Values
from carleman_ssm.networks.discretization import step_inputs
from carleman_ssm.networks.finite_arrays import complex_array, real_array
from carleman_ssm.networks.layers import Array, ComplexArray, S4DLayer
from carleman_ssm.recurrences.invariant_statements import dss_statement
from carleman_ssm.recurrences.statement import FamilyStatement

Version = Literal["softmax", "exp", "exp-re-im", "exp-no-scale", "clip", "clip-no-scale"]
VERSIONS: tuple[Version, ...] = get_args(Version)
CLIP = 1e-4
"""Largest real part of the eigenvalues in the clipped versions."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class DSS(Family):
    r"""Parameters as stored: H channels, N modes shared by all of them, c readouts.

    Parameters
    ----------
    D
        (c, H).
    log_dt
        (H,), or (H, 2) with steps for the real and the imaginary part.
    Lambda_re, Lambda_im
        (N,): $\Lambda$ itself, or what the versions ``exp`` store: $\ln(-\mathrm{Re}\,\Lambda)$, and for ``exp-re-im``
        $\ln \mathrm{Im}\,\Lambda$.
    W
        (c, H, N) complex; twice as many readouts with two directions.
    output
        Activation, linear map, final activation.
    version
        One of `VERSIONS`.
    bidirectional
        Whether a second set of readouts sees the future.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit, NaN or infinity, an unknown version.

    References
    ----------
    Gupta, Gu & Berant (2022), DSS; ag1988/dss, standalone/dss.py.
    """

    family: ClassVar[str] = "dss"
    dialect: ClassVar[str] = "dss"

    D: Array
    log_dt: Array
    Lambda_re: Array
    Lambda_im: Array
    W: ComplexArray
    output: BlockOutput
    version: Version = "softmax"
    bidirectional: bool = False

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            msg = f"version: expected one of {', '.join(VERSIONS)}, got {self.version!r}"
            raise ValueError(msg)
        require_flags(self, "bidirectional")
        feedthrough = real_array("D", self.D, (None, None))
        (rows, channels), steps = feedthrough.shape, np.shape(self.log_dt)
        decay = real_array("Lambda_re", self.Lambda_re, (None,))
        values = {
            "D": feedthrough,
            "log_dt": real_array("log_dt", self.log_dt, (channels, 2) if len(steps) == 2 else (channels,)),
            "Lambda_re": decay,
            "Lambda_im": real_array("Lambda_im", self.Lambda_im, decay.shape),
            "W": complex_array("W", self.W, (rows * (1 + self.bidirectional), channels, *decay.shape)),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def channels(self) -> int:
        """H."""
        return int(self.D.shape[1])

    @property
    def eigenvalues(self) -> ComplexArray:
        r"""$\Lambda$, (N,) [1/time]."""
        real, imaginary = self.Lambda_re, self.Lambda_im
        if self.version.startswith("exp"):
            real = -np.exp(real)
            imaginary = np.exp(imaginary) if self.version == "exp-re-im" else imaginary
        elif self.version.startswith("clip"):
            real = np.minimum(real, CLIP)
        return real.astype(np.complex128) + 1j * imaginary

    @property
    def steps(self) -> Array:
        r"""$\Delta_{re}$ and $\Delta_{im}$, (H, 2) [time]: equal if one is stored."""
        return np.tile(np.exp(self.log_dt.reshape(self.channels, -1)), 3 - self.log_dt.ndim)

    @property
    def rates(self) -> ComplexArray:
        r"""$\Delta\Lambda$, (H, N): the parts have steps of their own if two are stored."""
        values, (real, imaginary) = self.eigenvalues, np.hsplit(self.steps, 2)
        result: ComplexArray = real * values.real + 1j * (imaginary * values.imag)
        return result

    def input_vector(self, length: int) -> ComplexArray:
        r"""$\bar b$, (H, N); only ``softmax`` depends on the length L of the inputs."""
        rates = self.rates
        if self.version == "softmax":
            return dss_inputs(self.eigenvalues, rates, length)
        if self.version.endswith("no-scale"):
            return np.ones_like(rates)
        result: ComplexArray = np.expm1(rates) * reciprocal(self.eigenvalues, clamp=True)
        return result

    def scan(self, inputs: Array) -> InvariantDiagonalScan:
        """States (batch, L, directions, H, N); the second direction has its inputs reversed."""
        seen = two_sided(inputs) if self.bidirectional else inputs[:, :, None]
        return InvariantDiagonalScan(np.exp(self.rates), seen[..., None] * self.input_vector(inputs.shape[1]))

    def preactivation(self, states: Values, inputs: Array) -> Array:
        """What reaches the activation: (batch, L, c·H), readout by readout."""
        vectors = np.split(self.W, states.shape[2])
        read = [np.einsum("chn,blhn->blch", v, states[:, :, d], optimize=True).real for d, v in enumerate(vectors)]
        y = unite(read) + inputs[:, :, None] * self.D
        return y.reshape(*inputs.shape[:2], -1)

    def readout(self, states: Values, inputs: Array) -> Array:
        """(batch, L, outputs)."""
        return self.output(self.preactivation(states, inputs))

    def kernel(self, length: int) -> Array:
        r"""$K_\ell = \mathrm{Re} \sum_n W_n \bar b_n e^{\Delta\Lambda_n \ell}$, for L steps: (readouts, H, L)."""
        powers = np.exp(self.rates[..., None] * np.arange(length))
        result: Array = np.einsum("chn,hnl->chl", self.W * self.input_vector(length), powers, optimize=True).real
        return result

    def as_s4d_layer(self, length: int) -> S4DLayer:
        r"""The layer for inputs of L steps in the form whose operators are certified: $C = W \bar b / (2 \bar b')$.

        $\bar b'$ is the hold of the S4D layer with $A = \Delta\Lambda/\Delta$ and the step of the real parts; half of W
        stands for $1\,\mathrm{Re}$. The quotients are rounded in float64.

        Raises
        ------
        ValueError
            Two directions, several readouts, or modes that do not decay.
        """
        for holds, words in (
            (self.bidirectional, "it has two directions"),
            (self.D.shape[0] > 1, "it has several readouts per channel"),
            ((self.eigenvalues.real >= 0).any(), "it has modes that do not decay"),
        ):
            if holds:
                msg = f"the DSS layer is no S4D layer: {words}"
                raise ValueError(msg)
        log_step = self.log_dt.reshape(self.channels, -1)[:, 0]
        step = np.exp(log_step)[:, None]
        eigenvalues = self.rates / step
        readout = self.W[0] * self.input_vector(length) / (2 * step_inputs(eigenvalues, step, "zoh"))
        output = (self.output.weight, self.output.bias)
        return S4DLayer(log_step, np.log(-eigenvalues.real), eigenvalues.imag, readout, self.D[0], *output)

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        r"""$\Lambda = -\tfrac12 + i\omega_n$ with the N positive frequencies of LegS of size 2N.

        Parameters
        ----------
        rng
            The source of random numbers.
        **sizes
            ``channels`` (4), ``d_state`` (8; N modes, all stored) and ``version`` (``"softmax"`` or ``"exp"``).
        """
        return cls(**_drawn(rng, **sizes))

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """`recurrences.invariant_statements.dss_statement`."""
        return dss_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """From the keys ``D``, ``kernel.*`` and ``output_linear.*``; the configuration may name the version.

        Raises
        ------
        ValueError, TypeError
            Tensors that are missing or of other shapes, a configuration that contradicts them, or a multiplicative
            branch, a cut-off kernel, and a changed epsilon, which are not read.
        """
        for name in ("hyper_act", "max_kernel_length", "weight_norm", "max_real_Lambda", "epsilon"):
            if config.get(name) not in (None, False):
                msg = f"{name} = {config[name]!r} is not read: only layers with the reference's default are"
                raise ValueError(msg)
        keys, version = _stored_version(tensors, config)
        require_keys("dss", tensors, ("D", "kernel.log_dt", "kernel.W", *keys), OUTPUT_KEYS)
        feedthrough = np.asarray(tensors["D"])
        readouts = complex_of(tensors["kernel.W"])
        twice = readouts.shape[0] == 2 * feedthrough.shape[0]
        if flag(config, "bidirectional", default=twice) != twice:
            words = f"{len(readouts)} readouts for {len(feedthrough)} rows of D"
            msg = f"the configuration says bidirectional = {config['bidirectional']!r}, but there are {words}"
            raise ValueError(msg)
        if len(keys) == 1:
            pair = np.asarray(tensors[keys[0]])
            real, imaginary = pair[..., 0], pair[..., 1]
        else:
            real, imaginary = (np.asarray(tensors[key]) for key in keys)
        output = read_output(tensors, config, feedthrough)
        return cls(feedthrough, tensors["kernel.log_dt"], real, imaginary, readouts, output, version, twice)

    def tensors(self) -> dict[str, Array]:
        """The stored parameters by the reference's names."""
        if not self.version.startswith("exp"):
            spectrum = {"kernel.Lambda": np.stack([self.Lambda_re, self.Lambda_im], axis=-1)}
        else:
            imaginary = "kernel.Lambda_log_im" if self.version == "exp-re-im" else "kernel.Lambda_im"
            spectrum = {"kernel.Lambda_log_neg_re": self.Lambda_re, imaginary: self.Lambda_im}
        return {
            "D": self.D,
            "kernel.log_dt": self.log_dt,
            **spectrum,
            "kernel.W": parts(self.W),
            **self.output.tensors(),
        }


def _stored_version(tensors: Mapping[str, Array], config: Mapping[str, object]) -> tuple[tuple[str, ...], Version]:
    """The keys of the spectrum, and the version: keys tell the kinds apart, the configuration the rest."""
    layouts: dict[tuple[str, ...], tuple[Version, ...]] = {
        ("kernel.Lambda",): ("softmax", "clip", "clip-no-scale"),
        ("kernel.Lambda_log_neg_re", "kernel.Lambda_im"): ("exp", "exp-no-scale"),
        ("kernel.Lambda_log_neg_re", "kernel.Lambda_log_im"): ("exp-re-im",),
    }
    found = [(keys, versions) for keys, versions in layouts.items() if all(key in tensors for key in keys)]
    if len(found) != 1:
        msg = f"the spectrum of DSS is stored as one of {'; '.join(' and '.join(keys) for keys in layouts)}"
        raise ValueError(msg)
    keys, versions = found[0]
    stated = config.get("version", versions[0])
    for version in versions:
        if stated == version:
            return keys, version
    msg = f"the configuration says version = {stated!r}, but {' and '.join(keys)} belong to {', '.join(versions)}"
    raise ValueError(msg)


def _drawn(
    rng: np.random.Generator, *, channels: int = 4, d_state: int = 8, version: Version = "softmax"
) -> dict[str, Any]:
    if version not in ("softmax", "exp"):
        msg = f"layers are drawn in the versions 'softmax' and 'exp', got {version!r}"
        raise ValueError(msg)
    half = np.full(d_state, 0.5)
    return {
        "D": rng.normal(size=(1, channels)),
        "log_dt": np.repeat(drawn_steps(rng, (channels, 1)), 2, axis=1),
        "Lambda_re": np.log(half) if version == "exp" else -half,
        "Lambda_im": legs_positive_frequencies(d_state),
        "W": np.sqrt(2) * complex_normal(rng, (1, channels, d_state)),
        "output": drawn_output(rng, channels),
        "version": version,
    }
