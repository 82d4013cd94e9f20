r"""The S4 block in diagonal mode: one state space model per channel, several readouts, one or two directions.

With $A = -f(p) - i f(q)$ and copy $h \bmod S$ of the stored $A$, $B$ for channel h,

$$x_k = \bar A x_{k-1} + \bar B u_k, \qquad
  y^c_k = 2\,\mathrm{Re} \sum_n C^c_n x_{k,n} + D^c u_k, \qquad
  \text{out} = \psi(W \varphi(y) + w).$$

With two directions a second state runs from the end, $z_k = \bar A z_{k+1} + \bar B u_k$, and $y_k$ reads $z_{k+1}$:
the inputs strictly after step k.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, final

import numpy as np

from carleman_ssm.families.block_output import BlockOutput
from carleman_ssm.families.family import Family
from carleman_ssm.families.s4_initialisation import drawn_output, drawn_s4
from carleman_ssm.families.s4_options import S4Options
from carleman_ssm.families.s4_parts import (
    BLOCK_KEYS,
    OUTPUT_KEYS,
    complex_of,
    dss_inputs,
    parts,
    read_output,
    require_block_sizes,
    require_keys,
    two_sided,
    unite,
)
from carleman_ssm.families.scans import InvariantDiagonalScan, Values
from carleman_ssm.networks.discretization import step_inputs, step_multipliers
from carleman_ssm.networks.finite_arrays import complex_array, real_array
from carleman_ssm.networks.layers import Array, ComplexArray, S4DLayer
from carleman_ssm.recurrences.block_statement import s4_block_statement
from carleman_ssm.recurrences.statement import FamilyStatement


@final
@dataclass(frozen=True, eq=False, repr=False)
class S4Block(Family):
    r"""Parameters as stored: H channels, S copies of A and B, M modes, c readouts.

    Parameters
    ----------
    D
        (c, H).
    inv_dt
        (H, 1), or (H, M) with a step for each mode.
    C
        (c, H, M) complex; twice as many readouts with two directions, those of the past first.
    B
        (S, M) complex; S divides H, and channel h has copy h mod S.
    A_real, A_imag
        (S, M); A_imag is None for real modes, which the reference doubles all the same.
    output
        Activation, linear map, final activation.
    options
        Transforms, rule of discretisation, directions.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit, NaN or infinity, multipliers that leave float64.

    References
    ----------
    Gu et al. (2022), S4D; state-spaces/s4, models/s4/s4.py.
    """

    family: ClassVar[str] = "s4-block"
    dialect: ClassVar[str] = "s4-block"

    D: Array
    inv_dt: Array
    C: ComplexArray
    B: ComplexArray
    A_real: Array
    A_imag: Array | None
    output: BlockOutput
    options: S4Options = field(default_factory=S4Options)

    def __post_init__(self) -> None:
        feedthrough = real_array("D", self.D, (None, None))
        rows, channels = feedthrough.shape
        decay = real_array("A_real", self.A_real, (None, None))
        copies, modes = decay.shape
        steps = real_array("inv_dt", self.inv_dt, (channels, None))
        values = {
            "D": feedthrough,
            "inv_dt": steps,
            "A_real": decay,
            "C": complex_array("C", self.C, (rows * (1 + self.options.bidirectional), channels, modes)),
            "B": complex_array("B", self.B, (copies, modes)),
        }
        if self.A_imag is not None:
            values["A_imag"] = real_array("A_imag", self.A_imag, decay.shape)
        if copies == 0 or channels % copies or steps.shape[1] not in (1, modes):
            msg = (
                f"{channels} channels need a number of copies that divides them and a step for each channel or each "
                f"mode, got {copies} copies of {modes} modes and inv_dt of shape {steps.shape}"
            )
            raise ValueError(msg)
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if not (np.isfinite(self.multipliers).all() and np.isfinite(self.step).all()):
            msg = "step or multipliers leave float64: check inv_dt, A_real, A_imag and the transforms"
            raise ValueError(msg)

    @property
    def channels(self) -> int:
        """H."""
        return int(self.D.shape[1])

    @property
    def step(self) -> Array:
        r"""$\Delta$, (H, 1) or (H, M) [time]."""
        return self.options.step(self.inv_dt)

    @property
    def eigenvalues(self) -> ComplexArray:
        """A of every channel, (H, M) [1/time]."""
        return self._tiled(self.options.eigenvalues(self.A_real, self.A_imag))

    @property
    def multipliers(self) -> ComplexArray:
        r"""$\bar A$, (H, M): $e^{\Delta A}$ (also for the rule of DSS) or the Cayley transform."""
        rule = "bilinear" if self.options.disc == "bilinear" else "zoh"
        return step_multipliers(self.eigenvalues, self.step, rule)

    @property
    def factor(self) -> int:
        r"""2 of $2\,\mathrm{Re}$, for real modes as well; the rule of DSS has none."""
        return 1 if self.options.disc == "dss" else 2

    def input_vector(self, length: int) -> ComplexArray:
        r"""$\bar B$, (H, M). Only the rule of DSS depends on the length L of the inputs."""
        copies = self._tiled(self.B)
        if self.options.disc == "dss":
            return copies * dss_inputs(self.eigenvalues, self.step * self.eigenvalues, length)
        return copies * step_inputs(self.eigenvalues, self.step, self.options.disc)

    @property
    def output_vectors(self) -> ComplexArray:
        """C with the modes beyond the band limit at 0."""
        return self.C * self.options.band(self.step, self.eigenvalues)

    def _tiled(self, copies: ComplexArray) -> ComplexArray:
        return np.tile(copies, (self.channels // copies.shape[0], 1))

    def scan(self, inputs: Array) -> InvariantDiagonalScan:
        """States (batch, L, directions, H, M); the second direction has its inputs reversed."""
        self.options.require_length(inputs.shape[1])
        seen = two_sided(inputs) if self.options.bidirectional else inputs[:, :, None]
        return InvariantDiagonalScan(self.multipliers, seen[..., None] * self.input_vector(inputs.shape[1]))

    def preactivation(self, states: Values, inputs: Array) -> Array:
        """What reaches the activation: (batch, L, c·H), readout by readout."""
        vectors = np.split(self.output_vectors, states.shape[2])
        read = [np.einsum("chm,blhm->blch", v, states[:, :, d], optimize=True) for d, v in enumerate(vectors)]
        y = unite([self.factor * direction.real for direction in read]) + inputs[:, :, None] * self.D
        return y.reshape(*inputs.shape[:2], -1)

    def readout(self, states: Values, inputs: Array) -> Array:
        """(batch, L, outputs)."""
        return self.output(self.preactivation(states, inputs))

    def kernel(self, length: int) -> Array:
        r"""$K_\ell = 2\,\mathrm{Re} \sum_n C_n \bar B_n \bar A_n^\ell$ without D: (readouts, H, L)."""
        powers = self.multipliers[..., None] ** np.arange(length)
        weights = self.output_vectors * self.input_vector(length)
        result: Array = self.factor * np.einsum("chm,hml->chl", weights, powers, optimize=True).real
        return result

    def as_s4d_layer(self) -> S4DLayer:
        r"""The same layer in the form whose operators are certified: B and the sign of i folded into C.

        A number and its conjugate have the same real part, so the stored sign turns with $C \to \overline{C B}$; a step
        of its own for each mode is absorbed in A. The products are rounded in float64: what is certified of the result
        is certified of these rounded parameters.

        Raises
        ------
        ValueError
            Two directions, several readouts, the rule of DSS, or modes that do not decay.
        """
        for holds, words in (
            (self.options.bidirectional, "it has two directions"),
            (self.D.shape[0] > 1, "it has several readouts per channel"),
            (self.options.disc == "dss", "its kernel depends on the length of the inputs"),
            ((self.eigenvalues.real >= 0).any(), "it has modes that do not decay"),
        ):
            if holds:
                msg = f"the block is no S4D layer: {words}"
                raise ValueError(msg)
        step = self.step[:, :1]
        ratio = self.step / step
        eigenvalues = np.conj(self.eigenvalues) * ratio
        return S4DLayer(
            np.log(step[:, 0]),
            np.log(-eigenvalues.real),
            eigenvalues.imag,
            np.conj(self.output_vectors[0] * self._tiled(self.B)) * ratio,
            self.D[0],
            self.output.weight,
            self.output.bias,
            discretization="bilinear" if self.options.disc == "bilinear" else "zoh",
        )

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        """As the reference does, with GELU and a gated map.

        Parameters
        ----------
        rng
            The source of random numbers.
        **sizes
            As in `families.s4_initialisation.drawn_s4`, and ``disc`` (``"zoh"``).
        """
        options = S4Options(disc=sizes.pop("disc", "zoh"))
        drawn = drawn_s4(rng, **sizes)
        return cls(output=drawn_output(rng, drawn["D"].shape[1]), options=options, **drawn)

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """`recurrences.block_statement.s4_block_statement`."""
        return s4_block_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """From the keys ``layer.D``, ``layer.kernel.*`` and ``output_linear.0.*``.

        Raises
        ------
        ValueError, TypeError
            Tensors that are missing or of other shapes, a configuration that contradicts them, or a block with a gate.
        """
        require_keys(cls.family, tensors, BLOCK_KEYS, ("layer.kernel.A_imag", *OUTPUT_KEYS))
        require_block_sizes(tensors, config)
        feedthrough = np.asarray(tensors["layer.D"])
        options = S4Options.read(config, mode="diag", readouts=(len(tensors["layer.kernel.C"]), len(feedthrough)))
        real_modes = "layer.kernel.A_imag" not in tensors
        if config.get("is_real", real_modes) != real_modes:
            msg = f"the configuration says is_real = {config['is_real']}, but A_imag is {'not ' * real_modes}there"
            raise ValueError(msg)
        return cls(
            D=feedthrough,
            inv_dt=tensors["layer.kernel.inv_dt"],
            C=complex_of(tensors["layer.kernel.C"], real=real_modes),
            B=complex_of(tensors["layer.kernel.B"], real=real_modes)[0],
            A_real=tensors["layer.kernel.A_real"],
            A_imag=tensors.get("layer.kernel.A_imag"),
            output=read_output(tensors, config, feedthrough),
            options=options,
        )

    def tensors(self) -> dict[str, Array]:
        """The stored parameters by the reference's names."""
        real_modes = self.A_imag is None
        imaginary = {} if self.A_imag is None else {"layer.kernel.A_imag": self.A_imag}
        return {
            "layer.D": self.D,
            "layer.kernel.inv_dt": self.inv_dt,
            "layer.kernel.C": self.C.real if real_modes else parts(self.C),
            "layer.kernel.B": (self.B.real if real_modes else parts(self.B))[None],
            "layer.kernel.A_real": self.A_real,
            **imaginary,
            **self.output.tensors(),
        }
