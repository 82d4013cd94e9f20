r"""S4D of the annotated S4: all N modes stored, $1\,\mathrm{Re}$, no B, and the tanh form of GELU.

$$A_n = \min(\mathrm{re}_n, -10^{-4}) + i\,\mathrm{im}_n, \qquad
  x_k = e^{\Delta A} x_{k-1} + \frac{e^{\Delta A} - 1}{A} u_k, \qquad y_k = \mathrm{Re} \sum_n C_n x_{k,n} + D u_k$$

per channel. A tensor B is stored and never used. The block applies $W \varphi(y) + w$, times
$\sigma(W' \varphi(y) + w')$ if it is gated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np

from carleman_ssm.families.family import Family
from carleman_ssm.families.flax_tensors import Dense, dense_map, flax_tensors
from carleman_ssm.families.initialisations import complex_normal, drawn_steps
from carleman_ssm.families.pointwise import gelu, sigmoid
from carleman_ssm.families.s4_parts import complex_of, parts
from carleman_ssm.families.scans import InvariantDiagonalScan, Values
from carleman_ssm.networks.discretization import step_inputs, step_multipliers
from carleman_ssm.networks.finite_arrays import complex_array, real_array
from carleman_ssm.networks.layers import Array, ComplexArray, S4DLayer
from carleman_ssm.recurrences.invariant_statements import s4d_statement
from carleman_ssm.recurrences.statement import FamilyStatement

LARGEST_REAL_PART = -1e-4
_FIELDS = ("A_re", "A_im", "B_re", "B_im", "C", "D", "log_step")


@final
@dataclass(frozen=True, eq=False, repr=False)
class AnnotatedS4D(Family):
    r"""Parameters as stored, modes first: N modes, H channels.

    Parameters
    ----------
    A_re, A_im, B_re, B_im
        (N, H); B is kept for the way back, and not used.
    C
        (N, H) complex.
    D, log_step
        (1, H).
    out, gate
        Dense maps of the block, stored (in, out); None without them.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit, NaN or infinity, or a gate without a map.

    References
    ----------
    Rush & Karamcheti (2022), "The annotated S4"; srush/annotated-s4, s4/s4d.py.
    """

    family: ClassVar[str] = "s4d"
    dialect: ClassVar[str] = "annotated-s4"

    A_re: Array
    A_im: Array
    B_re: Array
    B_im: Array
    C: ComplexArray
    D: Array
    log_step: Array
    out: Dense | None = None
    gate: Dense | None = None

    def __post_init__(self) -> None:
        modes, channels = real_array("A_re", self.A_re, (None, None)).shape
        for name in ("A_re", "A_im", "B_re", "B_im"):
            object.__setattr__(self, name, real_array(name, getattr(self, name), (modes, channels)))
        for name in ("D", "log_step"):
            object.__setattr__(self, name, real_array(name, getattr(self, name), (1, channels)))
        object.__setattr__(self, "C", complex_array("C", self.C, (modes, channels)))
        if self.gate is not None and self.out is None:
            msg = "out2 gates the map out, which is missing"
            raise ValueError(msg)
        for name, dense in (("out", self.out), ("out2", self.gate)):
            if dense is not None:
                dense.require(name, channels, channels)

    @property
    def channels(self) -> int:
        """H."""
        return int(self.D.shape[1])

    @property
    def eigenvalues(self) -> ComplexArray:
        """A, (H, N) [1/time]."""
        result: ComplexArray = np.minimum(self.A_re, LARGEST_REAL_PART).T.astype(np.complex128) + 1j * self.A_im.T
        return result

    def scan(self, inputs: Array) -> InvariantDiagonalScan:
        """States (batch, L, H, N)."""
        step = np.exp(self.log_step).T
        drive = step_inputs(self.eigenvalues, step, "zoh")
        return InvariantDiagonalScan(step_multipliers(self.eigenvalues, step, "zoh"), inputs[..., None] * drive)

    def preactivation(self, states: Values, inputs: Array) -> Array:
        """What reaches GELU: (batch, L, H)."""
        result: Array = np.einsum("nh,blhn->blh", self.C, states, optimize=True).real + self.D * inputs
        return result

    def readout(self, states: Values, inputs: Array) -> Array:
        """(batch, L, H); without the maps of a block, what reaches its GELU."""
        y = self.preactivation(states, inputs)
        if self.out is None:
            return y
        values = gelu(y, "tanh")
        mapped = self.out(values)
        return mapped if self.gate is None else mapped * sigmoid(self.gate(values))

    def as_s4d_layer(self) -> S4DLayer:
        r"""The layer in the form whose operators are certified: half of C for $1\,\mathrm{Re}$, both maps as one.

        The two maps are the halves of a gated linear unit behind the tanh form of GELU. Real parts pass through a
        logarithm, which rounds them in float64.
        """
        eigenvalues = self.eigenvalues
        maps = [dense for dense in (self.out, self.gate) if dense is not None]
        weight = np.concatenate([dense.kernel.T for dense in maps]) if maps else None
        bias = np.concatenate([dense.bias for dense in maps]) if maps else None
        decay, frequency = np.log(-eigenvalues.real), eigenvalues.imag
        return S4DLayer(self.log_step[0], decay, frequency, self.C.T / 2, self.D[0], weight, bias)

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        r"""$A_n = -\tfrac12 + i\pi n$ (``scaling: linear``), B = D = 1; ``channels`` (4), ``d_state`` (8)."""
        return cls(**_drawn(rng, **sizes))

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        r"""`recurrences.invariant_statements.s4d_statement`, which reads $2\,\mathrm{Re}$: with half of C."""
        return s4d_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """From the flax paths ``seq/A_re`` …, ``out/kernel``, ``out2/kernel``; the norm of the block is left out.

        Raises
        ------
        ValueError, TypeError
            Paths that are missing or unknown, or of other shapes, or ``glu`` that contradicts them.
        """
        paths = flax_tensors(
            "annotated-s4", tensors, [f"seq/{name}" for name in _FIELDS], dense=("out", "out2"), norm="norm"
        )
        gated = "out2/kernel" in paths
        if config.get("glu", gated) != gated:
            msg = f"the configuration says glu = {config['glu']!r}, but out2 is {'' if gated else 'not '}there"
            raise ValueError(msg)
        if config.get("N", len(paths["seq/A_re"])) != len(paths["seq/A_re"]):
            msg = f"the configuration says N = {config['N']!r}, but A_re has {len(paths['seq/A_re'])} modes"
            raise ValueError(msg)
        stored: dict[str, Any] = {name: paths[f"seq/{name}"] for name in _FIELDS}
        stored["C"] = complex_of(stored["C"])
        return cls(**stored, out=dense_map(paths, "out"), gate=dense_map(paths, "out2"))

    def tensors(self) -> dict[str, Array]:
        """The stored parameters by flax paths."""
        stored = {f"seq/{name}": getattr(self, name) for name in _FIELDS if name != "C"}
        maps = [dense.tensors(name) for name, dense in (("out", self.out), ("out2", self.gate)) if dense is not None]
        return {**stored, "seq/C": parts(self.C), **{key: value for part in maps for key, value in part.items()}}


def _drawn(rng: np.random.Generator, *, channels: int = 4, d_state: int = 8) -> dict[str, Any]:
    shape, bound = (d_state, channels), channels**-0.5
    return {
        "A_re": np.full(shape, -0.5),
        "A_im": np.broadcast_to(np.pi * np.arange(d_state)[:, None], shape),
        "B_re": np.ones(shape),
        "B_im": np.zeros(shape),
        "C": complex_normal(rng, shape),
        "D": np.ones((1, channels)),
        "log_step": drawn_steps(rng, (1, channels)),
        "out": Dense(rng.normal(0, bound, (channels, channels)), np.zeros(channels)),
        "gate": Dense(rng.normal(0, bound, (channels, channels)), np.zeros(channels)),
    }
