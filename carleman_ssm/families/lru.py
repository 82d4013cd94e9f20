r"""LRU, the linear recurrent unit: a diagonal state that is discrete from the start.

$$x_k = \lambda \odot x_{k-1} + e^{\gamma_{\log}} \odot (B u_k), \qquad y_k = \mathrm{Re}(C x_k) + D \odot u_k,
  \qquad \lambda = e^{-e^{\nu_{\log}} + i e^{\theta_{\log}}}$$

All modes are stored: no conjugate pairs, no factor 2. The block behind it is $(W_1 g + b_1) \odot
\sigma(W_2 g + b_2)$ with $g = \mathrm{GELU}(y)$ in flax's tanh form; norm and skip are not part of the layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np

from carleman_ssm.families.family import Family
from carleman_ssm.families.flax_tensors import Dense, dense_map, flax_tensors, lecun_normal, require_settings
from carleman_ssm.families.pointwise import gelu, sigmoid
from carleman_ssm.families.scans import InvariantDiagonalScan, Values
from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.recurrences.mimo_statements import lru_statement
from carleman_ssm.recurrences.statement import FamilyStatement

_SEQUENCE = ("theta_log", "nu_log", "gamma_log", "B_re", "B_im", "C_re", "C_im", "D")


@final
@dataclass(frozen=True, eq=False, repr=False)
class LRU(Family):
    r"""The LRU and the gated unit of its block, under the names of the reference.

    Parameters
    ----------
    theta_log, nu_log
        (N,) $\arg\lambda = e^{\theta_{\log}}$ [rad per step], $|\lambda| = e^{-e^{\nu_{\log}}}$.
    gamma_log
        (N,) logarithm of the input scale: $\frac12\ln(1 - |\lambda|^2)$ at the start, free afterwards.
    B_re, B_im
        (N, H).
    C_re, C_im
        (H, N).
    D
        (H,).
    out1, out2
        Dense maps H to H, both or none; without them the layer is the LRU alone.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit each other, NaN or infinity, or one dense map without the other.

    References
    ----------
    Orvieto et al., *Resurrecting Recurrent Neural Networks for Long Sequences* (2023), §3 and Appendix A.
    """

    family: ClassVar[str] = "lru"
    dialect: ClassVar[str] = "minimal-lru"

    theta_log: Array
    nu_log: Array
    gamma_log: Array
    B_re: Array
    B_im: Array
    C_re: Array
    C_im: Array
    D: Array
    out1: Dense | None = None
    out2: Dense | None = None

    def __post_init__(self) -> None:
        modes, channels = len(real_array("nu_log", self.nu_log, (None,))), len(real_array("D", self.D, (None,)))
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("theta_log", "nu_log", "gamma_log"), (modes,))
        shapes |= dict.fromkeys(("B_re", "B_im"), (modes, channels))
        shapes |= dict.fromkeys(("C_re", "C_im"), (channels, modes)) | {"D": (channels,)}
        for name, shape in shapes.items():
            object.__setattr__(self, name, real_array(name, getattr(self, name), shape))
        if (self.out1 is None) != (self.out2 is None):
            msg = "out1 and out2 of the gated unit come together or not at all"
            raise ValueError(msg)
        for label, dense in (("out1", self.out1), ("out2", self.out2)):
            if dense is not None:
                dense.require(label, channels, channels)

    @property
    def channels(self) -> int:
        """H."""
        return len(self.D)

    @property
    def modes(self) -> int:
        """N, all stored."""
        return len(self.nu_log)

    @property
    def multipliers(self) -> ComplexArray:
        r"""$\lambda$ (N,)."""
        result: ComplexArray = np.exp(-np.exp(self.nu_log) + 1j * np.exp(self.theta_log))
        return result

    @property
    def input_matrix(self) -> ComplexArray:
        r"""$\mathrm{diag}(e^{\gamma_{\log}}) B$ (N, H)."""
        result: ComplexArray = np.exp(self.gamma_log)[:, None] * (self.B_re + 1j * self.B_im)
        return result

    @property
    def output_matrix(self) -> ComplexArray:
        """C (H, N)."""
        result: ComplexArray = self.C_re + 1j * self.C_im
        return result

    def scan(self, inputs: Array) -> InvariantDiagonalScan:
        r"""Drives $e^{\gamma_{\log}} \odot (B u_k)$, (batch, L, N)."""
        return InvariantDiagonalScan(self.multipliers, inputs @ self.input_matrix.T)

    def preactivation(self, states: Values, inputs: Array) -> Array:
        r"""$\mathrm{Re}(C x_k) + D \odot u_k$, (batch, L, H)."""
        result: Array = (states @ self.output_matrix.T).real + self.D * inputs
        return result

    def readout(self, states: Values, inputs: Array) -> Array:
        """Outputs (batch, L, H): of the gated unit if there is one."""
        y = self.preactivation(states, inputs)
        if self.out1 is None or self.out2 is None:
            return y
        g = gelu(y, "tanh")
        result: Array = self.out1(g) * sigmoid(self.out2(g))
        return result

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        r"""Eigenvalues uniform on a ring: $|\lambda|^2 \sim U[r_{\min}^2, r_{\max}^2]$ with uniform angles.

        Parameters
        ----------
        rng
            The source of random numbers.
        **sizes
            ``channels`` (4), ``states`` (8), ``r_min`` (0), ``r_max`` (1), ``max_phase`` (6.28) and ``gated`` (True).

        Raises
        ------
        TypeError
            An unknown size.
        """
        return cls(**_initial(rng, **sizes))

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """See `recurrences.mimo_statements.lru_statement`."""
        return lru_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """Read flax parameters ``seq/nu_log`` …, ``out1/kernel`` …; there are no settings.

        Raises
        ------
        ValueError
            Keys that are missing or unknown, or a setting.
        """
        require_settings("LRU", config)
        needed = {name: f"seq/{name}" for name in _SEQUENCE}
        paths = flax_tensors("LRU", tensors, needed.values(), dense=("out1", "out2"), norm="normalization")
        plain = {name: paths[path] for name, path in needed.items()}
        return cls(**plain, out1=dense_map(paths, "out1"), out2=dense_map(paths, "out2"))

    def tensors(self) -> dict[str, Array]:
        """The flax parameters."""
        stored = {f"seq/{name}": getattr(self, name) for name in _SEQUENCE}
        for label, dense in (("out1", self.out1), ("out2", self.out2)):
            stored |= {} if dense is None else dense.tensors(label)
        return stored


def _initial(
    rng: np.random.Generator,
    *,
    channels: int = 4,
    states: int = 8,
    r_min: float = 0.0,
    r_max: float = 1.0,
    max_phase: float = 6.28,
    gated: bool = True,
) -> dict[str, Any]:
    # both numbers from (0, 1]: their logarithms are taken
    radius, phase = 1 - rng.random(states), 1 - rng.random(states)
    decay = -0.5 * np.log(radius * (r_max**2 - r_min**2) + r_min**2)
    nu_log, theta_log = np.log(np.maximum(decay, np.finfo(float).tiny)), np.log(max_phase * phase)
    gamma_log = 0.5 * np.log(-np.expm1(-2 * np.exp(nu_log)))
    b, c = rng.normal(size=(2, states, channels)), rng.normal(size=(2, channels, states))
    b, c = b / np.sqrt(2 * channels), c / np.sqrt(states)
    maps = {
        name: Dense(lecun_normal(rng, (channels, channels), channels), np.zeros(channels))
        for name in (("out1", "out2") if gated else ())
    }
    names = ("theta_log", "nu_log", "gamma_log", "B_re", "B_im", "C_re", "C_im")
    plain = dict(zip(names, (theta_log, nu_log, gamma_log, *b, *c), strict=True))
    return plain | {"D": rng.normal(size=channels)} | maps
