r"""S4: a normal matrix less a low rank, $A = \Lambda - P P^*$, by the bilinear rule.

The layer stores one of each conjugate pair. In the real coordinates $(\mathrm{Re}\,x, \mathrm{Im}\,x)$ of these modes

$$A = J(\Lambda) - 2 \sum_r p_r p_r^\top, \qquad
  \bar A = (1 - \tfrac12 \Delta A)^{-1} (1 + \tfrac12 \Delta A), \qquad
  \bar b = (1 - \tfrac12 \Delta A)^{-1} \Delta b,$$

with $p = (\mathrm{Re}\,P, \mathrm{Im}\,P)$, $b = (\mathrm{Re}\,B, \mathrm{Im}\,B)$ and the readout
$c = 2 (\mathrm{Re}\,C, -\mathrm{Im}\,C)$. Where no mode of $\Lambda$ grows, $A + A^\top \le 0$: every step is a
contraction, and the dense matrix is as good a route as there is, at any N. Its eigenvectors are not
(`families.diagonal_form`): for HiPPO-LegS their condition number is 8.2e4 at N = 8 and 1.1e17 at N = 24
(`theory.legs_eigenvectors`), and from N = 22 or so rounding alone turns its real spectrum into complex pairs.

The stored readout is $\tilde c^\top = c^\top (1 - \bar A^\ell)$ with $\ell$ = `l_kernel`, once the layer was called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, final

import numpy as np

from carleman_ssm.families.block_output import BlockOutput
from carleman_ssm.families.diagonal_form import DiagonalForm, diagonal_form
from carleman_ssm.families.family import Family
from carleman_ssm.families.s4_initialisation import drawn_output, drawn_s4
from carleman_ssm.families.s4_options import S4Options
from carleman_ssm.families.s4_parts import (
    BLOCK_KEYS,
    OUTPUT_KEYS,
    complex_of,
    parts,
    read_output,
    require_block_sizes,
    require_keys,
    two_sided,
    unite,
)
from carleman_ssm.families.scans import InvariantDenseScan, Values
from carleman_ssm.networks.finite_arrays import complex_array, real_array
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.recurrences.invariant_statements import s4_statement
from carleman_ssm.recurrences.statement import FamilyStatement

_LOW_RANK_KEYS = tuple(f"layer.kernel.{name}" for name in ("A_imag", "P", "l_kernel"))


@final
@dataclass(frozen=True, eq=False, repr=False)
class S4(Family):
    r"""Parameters as stored: H channels, S copies of A, B and P, M modes (N = 2M), c readouts.

    Parameters
    ----------
    D, inv_dt, C, B, A_real, A_imag, output, options
        As in `S4Block`; C is the stored $\tilde c$.
    P
        (rank, S, M) complex.
    l_kernel
        $\ell$; 0 before the first call, when C is the readout itself.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit, NaN or infinity, or options that only the diagonal block has.

    References
    ----------
    Gu, Goel & Ré (2022), S4, theorem 1, appendix C; state-spaces/s4, models/s4/s4.py.
    """

    family: ClassVar[str] = "s4"
    dialect: ClassVar[str] = "s4-dplr"

    D: Array
    inv_dt: Array
    C: ComplexArray
    B: ComplexArray
    A_real: Array
    A_imag: Array
    P: ComplexArray
    output: BlockOutput
    l_kernel: int = 0
    options: S4Options = field(default_factory=lambda: S4Options(disc="bilinear"))

    def __post_init__(self) -> None:
        if self.options.disc != "bilinear" or self.options.bandlimit is not None:
            msg = "the low-rank layer has the bilinear rule and no band limit: use S4Block for the others"
            raise ValueError(msg)
        if isinstance(self.l_kernel, bool) or not isinstance(self.l_kernel, int) or self.l_kernel < 0:
            msg = f"l_kernel: expected a number of steps, got {self.l_kernel!r}"
            raise ValueError(msg)
        feedthrough, decay = real_array("D", self.D, (None, None)), real_array("A_real", self.A_real, (None, None))
        (rows, channels), (copies, modes) = feedthrough.shape, decay.shape
        steps = real_array("inv_dt", self.inv_dt, (channels, None))
        if copies == 0 or channels % copies or steps.shape[1] not in (1, modes):
            msg = (
                f"{channels} channels need a number of copies that divides them and a step for each channel or each "
                f"mode, got {copies} copies of {modes} modes and inv_dt of shape {steps.shape}"
            )
            raise ValueError(msg)
        values = {
            "D": feedthrough,
            "inv_dt": steps,
            "A_real": decay,
            "A_imag": real_array("A_imag", self.A_imag, decay.shape),
            "C": complex_array("C", self.C, (rows * (1 + self.options.bidirectional), channels, modes)),
            "B": complex_array("B", self.B, decay.shape),
            "P": complex_array("P", self.P, (None, *decay.shape)),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def channels(self) -> int:
        """H."""
        return int(self.D.shape[1])

    @property
    def size(self) -> int:
        """N = 2M, real entries of the state of one channel."""
        return 2 * int(self.A_real.shape[1])

    @property
    def matrices(self) -> Array:
        """A of every copy in real coordinates, (S, N, N) [1/time]."""
        eigenvalues = self.options.eigenvalues(self.A_real, self.A_imag)
        real, imaginary = (_diagonals(part) for part in (eigenvalues.real, eigenvalues.imag))
        low_rank = np.concatenate([self.P.real, self.P.imag], axis=-1)
        rotation = np.block([[real, -imaginary], [imaginary, real]])
        result: Array = rotation - 2 * np.einsum("rsi,rsj->sij", low_rank, low_rank)
        return result

    def discretised(self) -> tuple[Array, Array]:
        r"""$\bar A$ (H, N, N) and $\bar b$ (H, N)."""
        repeats = self.channels // self.A_real.shape[0]
        step = self.options.step(self.inv_dt)
        step = np.broadcast_to(step, (self.channels, self.size // 2))
        steps = np.concatenate([step, step], axis=-1)
        rates = steps[..., None] * np.tile(self.matrices, (repeats, 1, 1))
        drive = steps * np.tile(np.concatenate([self.B.real, self.B.imag], axis=-1), (repeats, 1))
        one = np.eye(self.size)
        solved = np.linalg.solve(one - rates / 2, np.concatenate([one + rates / 2, drive[..., None]], axis=-1))
        return solved[..., :-1], solved[..., -1]

    def output_vectors(self) -> Array:
        r"""c, (readouts, H, N): $\tilde c$ with $1 - \bar A^\ell$ solved for."""
        stored = 2 * np.concatenate([self.C.real, -self.C.imag], axis=-1)
        if self.l_kernel == 0:
            return stored
        powers = np.linalg.matrix_power(self.discretised()[0], self.l_kernel)
        system = np.swapaxes(np.eye(self.size) - powers, -1, -2)
        result: Array = np.linalg.solve(system, stored[..., None])[..., 0]
        return result

    def scan(self, inputs: Array) -> InvariantDenseScan:
        """States (batch, L, directions, H, N) in real coordinates; the second direction has its inputs reversed."""
        self.options.require_length(inputs.shape[1])
        matrices, drive = self.discretised()
        seen = two_sided(inputs) if self.options.bidirectional else inputs[:, :, None]
        return InvariantDenseScan(matrices, seen[..., None] * drive)

    def preactivation(self, states: Values, inputs: Array) -> Array:
        """What reaches the activation: (batch, L, c·H), readout by readout."""
        vectors = np.split(self.output_vectors(), states.shape[2])
        read = [np.einsum("chn,blhn->blch", v, states[:, :, d], optimize=True) for d, v in enumerate(vectors)]
        y = unite(read) + inputs[:, :, None] * self.D
        return y.reshape(*inputs.shape[:2], -1)

    def readout(self, states: Values, inputs: Array) -> Array:
        """(batch, L, outputs)."""
        return self.output(self.preactivation(states, inputs))

    def kernel(self, length: int) -> Array:
        r"""$K_\ell = c^\top \bar A^\ell \bar b$ without D: (readouts, H, L), by the dense states of an impulse."""
        matrices, drive = self.discretised()
        impulse = np.zeros((1, length, *drive.shape))
        impulse[0, 0] = drive
        states = InvariantDenseScan(matrices, impulse).states()[0]
        result: Array = np.einsum("chn,lhn->chl", self.output_vectors(), states, optimize=True)
        return result

    def diagonal_form(self, channel: int = 0, length: int = 64) -> DiagonalForm:
        """Eigenvalues and weights of one channel with what their use costs (`families.diagonal_form`)."""
        matrices, drive = self.discretised()
        return diagonal_form(matrices[channel], drive[channel], self.output_vectors()[:, channel], length)

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        """HiPPO-LegS (or another measure by ``init``); sizes as in `families.s4_initialisation.drawn_s4`."""
        drawn = drawn_s4(rng, **{"init": "legs", **sizes}, low_rank=True)
        return cls(output=drawn_output(rng, drawn["D"].shape[1]), **drawn)

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """`recurrences.invariant_statements.s4_statement`."""
        return s4_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """From the keys ``layer.D``, ``layer.kernel.*`` and ``output_linear.0.*``.

        Raises
        ------
        ValueError, TypeError
            As in `S4Block.from_tensors`; without ``l_kernel`` the stored readout cannot be told from the readout.
        """
        require_keys(cls.family, tensors, [*BLOCK_KEYS, *_LOW_RANK_KEYS], OUTPUT_KEYS)
        require_block_sizes(tensors, config)
        feedthrough = np.asarray(tensors["layer.D"])
        options = S4Options.read(
            config, mode="dplr", readouts=(len(tensors["layer.kernel.C"]), len(feedthrough)), disc="bilinear"
        )
        return cls(
            D=feedthrough,
            inv_dt=tensors["layer.kernel.inv_dt"],
            C=complex_of(tensors["layer.kernel.C"]),
            B=complex_of(tensors["layer.kernel.B"])[0],
            A_real=tensors["layer.kernel.A_real"],
            A_imag=tensors["layer.kernel.A_imag"],
            P=complex_of(tensors["layer.kernel.P"]),
            output=read_output(tensors, config, feedthrough),
            l_kernel=_lags(tensors["layer.kernel.l_kernel"]),
            options=options,
        )

    def tensors(self) -> dict[str, Array]:
        """The stored parameters by the reference's names."""
        return {
            "layer.D": self.D,
            "layer.kernel.inv_dt": self.inv_dt,
            "layer.kernel.C": parts(self.C),
            "layer.kernel.B": parts(self.B)[None],
            "layer.kernel.A_real": self.A_real,
            "layer.kernel.A_imag": self.A_imag,
            "layer.kernel.P": parts(self.P),
            "layer.kernel.l_kernel": np.asarray(self.l_kernel),
            **self.output.tensors(),
        }


def _lags(stored: Array) -> int:
    array = np.asarray(stored)
    if array.shape != () or not np.isfinite(array) or array != np.floor(array) or array < 0:
        msg = f"layer.kernel.l_kernel: expected one whole number of steps, 0 or more, got {array.tolist()!r}"
        raise ValueError(msg)
    return int(array)


def _diagonals(rows: Array) -> Array:
    result: Array = rows[..., None] * np.eye(rows.shape[-1])
    return result
