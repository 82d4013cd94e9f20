r"""S5: one diagonal state for all channels, with a step of its own for each mode.

$$x_k = \bar\Lambda x_{k-1} + \bar B u_k, \qquad y_k = 2\,\mathrm{Re}(C x_k) + D \odot u_k$$

with $\Lambda_p$ held over $\Delta_p = s\,e^{\mathrm{log\_step}_p}$, and the activation of the block behind it:

====================  =====================================================
``"full_glu"``        $(W_1 g + b_1) \odot \sigma(W_2 g + b_2)$, $g = \mathrm{GELU}(y)$
``"half_glu1"``       $g \odot \sigma(W_2 g + b_2)$
``"half_glu2"``       $y \odot \sigma(W_2 g + b_2)$
``"gelu"``            $g$
``"none"``            $y$
====================  =====================================================

GELU is flax's default, the tanh form. Norm and skip of the residual block are not part of the layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np

from carleman_ssm.families.family import Family
from carleman_ssm.families.flax_tensors import Dense, dense_map, flax_tensors, require_settings
from carleman_ssm.families.pointwise import gelu, sigmoid
from carleman_ssm.families.reference_tensors import require_flags
from carleman_ssm.families.s4_parts import two_sided
from carleman_ssm.families.s5_initialisation import initial_tensors
from carleman_ssm.families.scans import InvariantDiagonalScan, Values
from carleman_ssm.networks.discretization import require_discretization, step_inputs, step_multipliers
from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.recurrences.mimo_statements import s5_statement
from carleman_ssm.recurrences.statement import FamilyStatement

ACTIVATIONS = {"full_glu": ("out1", "out2"), "half_glu1": ("out2",), "half_glu2": ("out2",), "gelu": (), "none": ()}
"""The dense maps that each activation of the block has."""

LARGEST_REAL_PART = -1e-4
"""Where `clip_eigs` cuts Re Λ [1/time]."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class S5(Family):
    r"""The SSM of an S5 block and the block's activation, under the names of the reference.

    Parameters
    ----------
    Lambda_re, Lambda_im
        (P,) $\Lambda$ [1/time]; half of the state size if conjugate pairs are stored.
    B
        (P, H, 2), the last axis real and imaginary part.
    C
        (H, P, 2); (H, 2P, 2) for both directions: those of the forward states first. The reference stores the
        halves as ``C1`` and ``C2`` unless they were drawn as one.
    D
        (H,).
    log_step
        (P, 1), $\Delta_p = s\,e^{\mathrm{log\_step}_p}$ [time].
    out1, out2
        Dense maps H to H of the gated activations.
    activation
        See the module.
    discretization
        ``"zoh"`` or ``"bilinear"``.
    conj_sym
        True: one of each conjugate pair is stored and the output is $2\,\mathrm{Re}$; False: $\mathrm{Re}$.
    clip_eigs
        $\mathrm{Re}\,\Lambda$ is cut at $-10^{-4}$.
    step_rescale
        s, positive.
    split_C
        Whether the halves of C for both directions are stored apart.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit each other, NaN or infinity, an unknown rule or activation, or dense maps that are
        not those of the activation.

    References
    ----------
    Smith, Warrington, Linderman, *Simplified State Space Layers for Sequence Modeling* (2023), §3.
    """

    family: ClassVar[str] = "s5"
    dialect: ClassVar[str] = "s5"

    Lambda_re: Array
    Lambda_im: Array
    B: Array
    C: Array
    D: Array
    log_step: Array
    out1: Dense | None = None
    out2: Dense | None = None
    activation: str = "none"
    discretization: str = "zoh"
    conj_sym: bool = True
    clip_eigs: bool = False
    step_rescale: float = 1.0
    split_C: bool = False

    def __post_init__(self) -> None:
        require_discretization(self.discretization)
        require_flags(self, "conj_sym", "clip_eigs", "split_C")
        decay = real_array("Lambda_re", self.Lambda_re, (None,))
        feedthrough = real_array("D", self.D, (None,))
        modes, channels = len(decay), len(feedthrough)
        columns = np.shape(self.C)[1] if np.ndim(self.C) == 3 else None
        values = {
            "Lambda_re": decay,
            "Lambda_im": real_array("Lambda_im", self.Lambda_im, (modes,)),
            "B": real_array("B", self.B, (modes, channels, 2)),
            "C": real_array("C", self.C, (channels, 2 * modes if columns == 2 * modes else modes, 2)),
            "D": feedthrough,
            "log_step": real_array("log_step", self.log_step, (modes, 1)),
            "step_rescale": float(real_array("step_rescale", self.step_rescale, ())),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._check_block(channels)

    def _check_block(self, channels: int) -> None:
        if self.activation not in ACTIVATIONS:
            msg = f"unknown activation {self.activation!r} of an S5 block; choose one of {', '.join(ACTIVATIONS)}"
            raise ValueError(msg)
        given = tuple(name for name in ("out1", "out2") if getattr(self, name) is not None)
        if given != ACTIVATIONS[self.activation]:
            wanted = " and ".join(ACTIVATIONS[self.activation]) or "no dense map"
            msg = f"the activation {self.activation!r} has {wanted}, got {' and '.join(given) or 'none'}"
            raise ValueError(msg)
        for name in given:
            getattr(self, name).require(name, channels, channels)
        if self.step_rescale <= 0:
            msg = f"step_rescale must be positive, got {self.step_rescale:g}"
            raise ValueError(msg)
        if self.split_C and not self.bidirectional:
            msg = "C is stored in two halves only for both directions"
            raise ValueError(msg)

    @property
    def channels(self) -> int:
        """H."""
        return len(self.D)

    @property
    def modes(self) -> int:
        """P, the number of stored modes."""
        return len(self.Lambda_re)

    @property
    def bidirectional(self) -> bool:
        """Whether a second scan runs backward through the sequence."""
        return bool(self.C.shape[1] != self.modes)

    @property
    def step(self) -> Array:
        r"""$\Delta$ (P,) [time]."""
        result: Array = self.step_rescale * np.exp(self.log_step[:, 0])
        return result

    @property
    def eigenvalues(self) -> ComplexArray:
        r"""$\Lambda$ (P,) [1/time], clipped if the layer says so."""
        decay = np.minimum(self.Lambda_re, LARGEST_REAL_PART) if self.clip_eigs else self.Lambda_re
        result: ComplexArray = decay + 1j * self.Lambda_im
        return result

    @property
    def multipliers(self) -> ComplexArray:
        r"""$\bar\Lambda$ (P,)."""
        return step_multipliers(self.eigenvalues, self.step, self.discretization)

    @property
    def input_matrix(self) -> ComplexArray:
        r"""$\bar B$ (P, H)."""
        held = step_inputs(self.eigenvalues, self.step, self.discretization)
        result: ComplexArray = held[:, None] * (self.B[..., 0] + 1j * self.B[..., 1])
        return result

    @property
    def output_matrix(self) -> ComplexArray:
        """C (H, P), or (H, 2P) for both directions."""
        result: ComplexArray = self.C[..., 0] + 1j * self.C[..., 1]
        return result

    def scan(self, inputs: Array) -> InvariantDiagonalScan:
        r"""Drives $\bar B u_k$, (batch, L, directions, P); the second direction has its inputs reversed."""
        seen = two_sided(inputs) if self.bidirectional else inputs[:, :, None]
        return InvariantDiagonalScan(self.multipliers, seen @ self.input_matrix.T)

    def preactivation(self, states: Values, inputs: Array) -> Array:
        r"""$y$ (batch, L, H), what the SSM gives to the activation: both directions read the present step."""
        directions = [states[:, :, 0]] + ([states[:, ::-1, 1]] if self.bidirectional else [])
        read = (np.concatenate(directions, axis=-1) @ self.output_matrix.T).real
        result: Array = (2 * read if self.conj_sym else read) + self.D * inputs
        return result

    def readout(self, states: Values, inputs: Array) -> Array:
        """Outputs (batch, L, H) of the activation."""
        y = self.preactivation(states, inputs)
        if self.activation == "none":
            return y
        g = gelu(y, "tanh")
        if self.out2 is None:
            return g
        value = self.out1(g) if self.out1 is not None else (y if self.activation == "half_glu2" else g)
        result: Array = value * sigmoid(self.out2(g))
        return result

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        """HiPPO-N on J blocks, as `families.s5_initialisation.initial_tensors` says; sizes as there."""
        return cls.from_tensors(*initial_tensors(rng, **sizes))

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """See `recurrences.mimo_statements.s5_statement`."""
        return s5_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """Read flax parameters ``seq/Lambda_re`` …, ``out2/kernel`` …

        Parameters
        ----------
        tensors
            Keys with ``/`` or ``.``; ``C1`` and ``C2`` for the two directions. Those of the norm are not the layer's.
        config
            ``activation``, needed unless ``out1`` is there: without it the tensors have two readings;
            ``discretization``, ``conj_sym``, ``clip_eigs``, ``step_rescale``, ``bidirectional``: what is left out of
            these is the reference's default (``"zoh"``, true, false, 1), or what the shape of C says.

        Raises
        ------
        ValueError
            Keys or settings that are missing, unknown or contradict each other.
        """
        require_settings("S5", config, *_SETTINGS)
        split = any(name.endswith(("/C1", ".C1")) for name in tensors)
        readout = ("seq/C1", "seq/C2") if split else ("seq/C",)
        plain = {name: f"seq/{name}" for name in _PLAIN}
        paths = flax_tensors("S5", tensors, (*plain.values(), *readout), dense=("out1", "out2"), norm="norm")
        values: dict[str, Any] = {name: paths[path] for name, path in plain.items()}
        values["C"] = np.concatenate([paths[path] for path in readout], axis=1)
        maps = {name: dense_map(paths, name) for name in ("out1", "out2")}
        settings: dict[str, Any] = {"activation": _activation(maps), **config}
        both = settings.pop("bidirectional", None)
        if not settings["activation"]:
            raise ValueError(_open_activation(maps))
        layer = cls(**(values | maps | settings), split_C=split)
        if both is not None and both != layer.bidirectional:
            msg = f"config says bidirectional={both}, but C of shape {layer.C.shape} is for {layer.modes} modes"
            raise ValueError(msg)
        return layer

    def tensors(self) -> dict[str, Array]:
        """The flax parameters, ``C`` or ``C1`` and ``C2`` as they were stored."""
        halves = {"C1": self.C[:, : self.modes], "C2": self.C[:, self.modes :]} if self.split_C else {"C": self.C}
        stored = {f"seq/{name}": getattr(self, name) for name in _PLAIN}
        stored |= {f"seq/{name}": value for name, value in halves.items()}
        for name in ("out1", "out2"):
            dense: Dense | None = getattr(self, name)
            stored |= {} if dense is None else dense.tensors(name)
        return stored


_PLAIN = ("Lambda_re", "Lambda_im", "B", "D", "log_step")
_SETTINGS = ("activation", "discretization", "conj_sym", "clip_eigs", "bidirectional", "step_rescale")


def _activation(maps: Mapping[str, Dense | None]) -> str:
    """What the dense maps say of the activation; nothing if they leave two."""
    return "" if maps["out1"] is None else "full_glu"


def _open_activation(maps: Mapping[str, Dense | None]) -> str:
    """Which two the maps leave, and how to say one."""
    if maps["out2"] is None:
        return "without out1 and out2 the activation is gelu or none: say which with config={'activation': 'gelu'}"
    return "out2 without out1 is half_glu1 or half_glu2: say which with config={'activation': 'half_glu1'}"
