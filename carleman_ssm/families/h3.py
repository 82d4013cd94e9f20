r"""H3: a product of the query with a diagonal SSM of the product of a shifted key with the value.

$$k'_t = \sum_{m} \kappa_m k_{t-m} + D^k k_t, \qquad x_t = \bar A x_{t-1} + \bar B\, k'_t v_t, \qquad
y_t = W\, q_t \odot \bigl( 2\,\mathrm{Re} \sum_n C_n x_{t,n} + D\, k'_t v_t \bigr) + w$$

with q, k, v affine in the input of the layer and $\kappa_m = \sum_j B^k_j C^k_{j+m}$, m < N. Nothing inside is
nonlinear but the two products: the layer is an exact polynomial of degree 3 of its input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self, cast, final, get_args

import numpy as np
import numpy.typing as npt

from carleman_ssm.families.family import Family
from carleman_ssm.families.pointwise import linear
from carleman_ssm.families.reference_tensors import count, freeze_real, require_agreement, taken, torch_linear
from carleman_ssm.families.s4_options import Transform, stored_parameter, transformed
from carleman_ssm.families.scans import InvariantDenseScan, InvariantDiagonalScan, Values
from carleman_ssm.networks.discretization import (
    Discretization,
    require_discretization,
    step_inputs,
    step_multipliers,
)
from carleman_ssm.networks.finite_arrays import complex_array
from carleman_ssm.networks.layers import Array, ComplexArray, S4DLayer
from carleman_ssm.recurrences.h3_statement import h3_statement
from carleman_ssm.recurrences.statement import FamilyStatement

KEYS: Mapping[str, str] = MappingProxyType(
    {
        **{f"{name}_{kind}": f"{name}_proj.{kind}" for name in "qkv" for kind in ("weight", "bias")},
        "shift_B": "ssm_k_kernel.kernel.B",
        "shift_C": "ssm_k_kernel.kernel.C",
        "shift_D": "ssm_k_D",
        "log_dt": "kernel.kernel.log_dt",
        "inv_A_real": "kernel.kernel.inv_A_real",
        "A_imag": "kernel.kernel.A_imag",
        "B": "kernel.kernel.B",
        "C": "kernel.kernel.C",
        "D": "D",
        "output_weight": "output_linear.weight",
        "output_bias": "output_linear.bias",
    }
)


@final
@dataclass(frozen=True, eq=False, repr=False)
class H3(Family):
    r"""One H3 layer: E channels in H = E/d heads of dimension d.

    Parameters
    ----------
    q_weight, q_bias, k_weight, k_bias, v_weight, v_bias
        (E, E) and (E,).
    shift_B, shift_C, shift_D
        (E, N), (E, N) and (E,): the finite impulse response of the keys.
    log_dt, D
        (H,).
    inv_A_real, A_imag
        (S, M), $A = -f(\mathrm{inv\_A\_real}) + i\,\mathrm{A\_imag}$ [1/time]; head h uses copy h mod S.
    B, C
        (S, M) and (H, M) complex; one of each conjugate pair.
    output_weight, output_bias
        (E, E) and (E,).
    disc
        ``"bilinear"`` (the reference's default) or ``"zoh"``.
    real_type
        f, as in `families.s4_options.transformed`.
    l_max
        The reference cuts the kernel after so many lags; longer inputs are refused, as no recurrence gives that. None:
        any length.

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit, NaN or infinity, an unknown rule.

    References
    ----------
    Fu, Dao et al. (2023), Hungry Hungry Hippos, arXiv 2212.14052, section 3; THEORY T10.
    """

    q_weight: Array
    q_bias: Array
    k_weight: Array
    k_bias: Array
    v_weight: Array
    v_bias: Array
    shift_B: Array
    shift_C: Array
    shift_D: Array
    log_dt: Array
    inv_A_real: Array
    A_imag: Array
    B: ComplexArray
    C: ComplexArray
    D: Array
    output_weight: Array
    output_bias: Array
    disc: str = "bilinear"
    real_type: str = "exp"
    l_max: int | None = None
    family: ClassVar[str] = "h3"
    dialect: ClassVar[str] = "h3"

    def __post_init__(self) -> None:
        require_discretization(self.disc)
        if self.real_type not in get_args(Transform):
            msg = f"unknown real_type {self.real_type!r}: choose one of {', '.join(get_args(Transform))}"
            raise ValueError(msg)
        freeze_real(self, {"shift_D": (None,), "log_dt": (None,), "inv_A_real": (None, None)})
        width, heads, copies = (len(values) for values in (self.shift_D, self.log_dt, self.inv_A_real))
        if not heads or not copies or width % heads or heads % copies:
            msg = f"{width} channels in {heads} heads with {copies} copies of A: each number must divide the one before"
            raise ValueError(msg)
        dense = {f"{name}_weight": (width, width) for name in ("q", "k", "v", "output")}
        biases = {f"{name}_bias": (width,) for name in ("q", "k", "v", "output")}
        freeze_real(self, {**dense, **biases, "shift_B": (width, None), "D": (heads,)})
        freeze_real(self, {"shift_C": self.shift_B.shape, "A_imag": self.inv_A_real.shape})
        object.__setattr__(self, "B", complex_array("B", self.B, self.inv_A_real.shape))
        object.__setattr__(self, "C", complex_array("C", self.C, (heads, self.inv_A_real.shape[1])))

    @property
    def channels(self) -> int:
        """E."""
        return int(self.shift_D.shape[0])

    @property
    def heads(self) -> int:
        """H."""
        return int(self.log_dt.shape[0])

    @property
    def head_dim(self) -> int:
        """Channels of a head, d = E/H."""
        return self.channels // self.heads

    @property
    def input_degree(self) -> int:
        """Degree of the outputs in the inputs of the layer."""
        return 3

    @property
    def eigenvalues(self) -> ComplexArray:
        """A of every head, (H, M) [1/time]."""
        stored: ComplexArray = -transformed(self.inv_A_real, self.real_type) + 1j * self.A_imag
        return np.tile(stored, (self.heads // len(stored), 1))

    @property
    def multipliers(self) -> ComplexArray:
        r"""$\bar A$, (H, M)."""
        return step_multipliers(self.eigenvalues, np.exp(self.log_dt)[:, None], self.disc)

    @property
    def input_vector(self) -> ComplexArray:
        r"""$\bar B$, (H, M)."""
        held = step_inputs(self.eigenvalues, np.exp(self.log_dt)[:, None], self.disc)
        return held * np.tile(self.B, (self.heads // len(self.B), 1))

    @property
    def shift_taps(self) -> Array:
        r"""$\kappa_m = \sum_j B^k_j C^k_{j+m}$, (E, N)."""
        size = self.shift_B.shape[1]
        columns = (np.sum(self.shift_B[:, : size - m] * self.shift_C[:, m:], axis=1) for m in range(size))
        return np.stack(list(columns), axis=1)

    def shifted_keys(self, inputs: Array) -> Array:
        r"""$k'$, (batch, L, E): the finite impulse response and the skip."""
        keys, taps = linear(inputs, self.k_weight, self.k_bias), self.shift_taps
        width = taps.shape[1]
        padded = np.pad(keys, ((0, 0), (width - 1, 0), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)
        result: Array = np.einsum("blew,ew->ble", windows, taps[:, ::-1]) + self.shift_D * keys
        return result

    def shift_scan(self, inputs: Array) -> InvariantDenseScan:
        r"""The same keys as a recurrence with the nilpotent shift: $s_t = S s_{t-1} + B^k k_t$, read with $C^k$."""
        keys = linear(inputs, self.k_weight, self.k_bias)
        shift = np.eye(self.shift_B.shape[1], k=-1)
        return InvariantDenseScan(np.broadcast_to(shift, (self.channels, *shift.shape)), keys[..., None] * self.shift_B)

    def products(self, inputs: Array) -> Array:
        """$k' v^T$ in every head, (batch, L, d of the key, d of the value, H)."""
        keys, values = (
            self._by_head(v) for v in (self.shifted_keys(inputs), linear(inputs, self.v_weight, self.v_bias))
        )
        result: Array = keys[:, :, :, None] * values[:, :, None]
        return result

    def _by_head(self, values: Array) -> Array:
        """(batch, L, E) to (batch, L, d, H): the head is the slow index of a channel."""
        split = values.reshape(*values.shape[:2], self.heads, self.head_dim)
        return np.swapaxes(split, 2, 3)

    def diagonal_layer(self) -> S4DLayer:
        r"""The diagonal SSM of the heads as an S4D layer: its kernel, its operators and their certificates apply.

        Raises
        ------
        ValueError
            A mode does not decay.
        """
        a, width = self.eigenvalues, self.heads // len(self.B)
        if (a.real >= 0).any():
            msg = "h3: a mode does not decay (Re A >= 0), so there is no S4D layer of it: use the recurrence"
            raise ValueError(msg)
        readout, rule = self.C * np.tile(self.B, (width, 1)), cast(Discretization, self.disc)
        return S4DLayer(self.log_dt, np.log(-a.real), a.imag, readout, self.D, discretization=rule)

    def scan(self, inputs: Array) -> InvariantDiagonalScan:
        """States (batch, L, d, d, H, M)."""
        self._require_length(inputs)
        return InvariantDiagonalScan(self.multipliers, self.products(inputs)[..., None] * self.input_vector)

    def _require_length(self, inputs: Array) -> None:
        if self.l_max is not None and inputs.shape[1] > self.l_max:
            msg = (
                f"the kernel of this layer is cut after {self.l_max} lags, which no recurrence of finite state gives: "
                f"give at most {self.l_max} steps, got {inputs.shape[1]}"
            )
            raise ValueError(msg)

    def readout(self, states: Values, inputs: Array) -> Array:
        """The query times the SSM and its skip, summed over the key index, and mixed; (batch, L, E)."""
        core = 2 * np.einsum("blijhm,hm->blijh", states, self.C).real + self.D * self.products(inputs)
        return self._mixed(core, inputs)

    def __call__(self, inputs: npt.ArrayLike, method: str = "closed") -> Array:
        """Outputs of the layer as in `Family`; by the kernel, without storing the states, where every mode decays."""
        if method != "closed" or (self.eigenvalues.real >= 0).any():
            return super().__call__(inputs, method)
        seen = self._checked(inputs)
        self._require_length(seen)
        products = np.moveaxis(self.products(seen), 1, 3)
        driven = self.diagonal_layer().preactivation(products.reshape(-1, *products.shape[-2:]))
        return self._mixed(np.moveaxis(driven.reshape(products.shape), 3, 1), seen)

    def _mixed(self, core: Array, inputs: Array) -> Array:
        queries = self._by_head(linear(inputs, self.q_weight, self.q_bias))
        # the reference joins (value index, head) to a channel here, though it splits (head, index): both are kept
        mixed = np.einsum("blih,blijh->bljh", queries, core).reshape(*inputs.shape[:2], self.channels)
        return linear(mixed, self.output_weight, self.output_bias)

    @classmethod
    def initialise(cls, rng: np.random.Generator, **sizes: Any) -> Self:
        r"""As the reference: S4D-Lin, $B^k = e_0$, uniform taps, $\Delta$ log-uniform in [0.001, 0.1].

        Parameters
        ----------
        rng
            Source of the draws.
        **sizes
            ``d_model`` (8), ``d_state`` (8, twice the number of modes and the length of the shift), ``head_dim`` (1),
            and the options ``disc`` and ``real_type`` of the layer.
        """
        width, size, dim = (count(sizes, name, default) for name, default in _SIZES.items())
        heads, modes, form = width // dim, size // 2, str(sizes.get("real_type", "exp"))
        shapes = ("q", "k", "v", "output")
        dense = {name: torch_linear(rng, width, width) for name in shapes}
        mixed = {f"{name}_{kind}": pair[i] for name, pair in dense.items() for i, kind in enumerate(("weight", "bias"))}
        return cls(
            **cast(dict[str, Any], mixed),
            shift_B=np.tile(np.eye(1, size), (width, 1)),
            shift_C=rng.uniform(-(size**-0.5), size**-0.5, (width, size)),
            shift_D=rng.standard_normal(width),
            log_dt=rng.uniform(np.log(1e-3), np.log(1e-1), heads),
            inv_A_real=stored_parameter(np.full((heads, modes), 0.5), form),
            A_imag=np.tile(np.pi * np.arange(modes), (heads, 1)),
            B=np.ones((heads, modes), dtype=np.complex128),
            C=(rng.standard_normal((heads, modes, 2)) * 0.5**0.5) @ np.array([1, 1j]),
            D=rng.standard_normal(heads),
            disc=str(sizes.get("disc", "bilinear")),
            real_type=form,
        )

    @classmethod
    def statement(cls, states: int = 2, steps: int = 3) -> FamilyStatement:
        """`recurrences.h3_statement.h3_statement`."""
        return h3_statement(states, steps)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """From the keys of the reference; the configuration may hold ``disc``, ``real_type`` and ``l_max``.

        Raises
        ------
        ValueError
            Keys are missing or unknown, more than one output channel, the options ``bandlimit`` or ``force_real``, or a
            configuration that contradicts the shapes.
        """
        values: dict[str, Any] = taken(cls.family, tensors, KEYS)
        for option in ("bandlimit", "force_real"):
            if config.get(option):
                msg = f"h3: the option {option} is not covered: build the layer with the masked parameters instead"
                raise ValueError(msg)
        for name in ("shift_C", "C"):
            if len(values[name]) != 1:
                msg = f"h3: {KEYS[name]} must have one channel, got {values[name].shape}"
                raise ValueError(msg)
        values["shift_C"] = values["shift_C"][0]
        values["B"], values["C"] = values["B"] @ np.array([1, 1j]), values["C"][0] @ np.array([1, 1j])
        length = None if config.get("l_max") is None else count(config, "l_max")
        rules = {"disc": str(config.get("disc", "bilinear")), "real_type": str(config.get("real_type", "exp"))}
        layer = cls(**values, **cast(dict[str, Any], rules), l_max=length)
        sizes = {"d_model": layer.channels, "d_state": layer.shift_B.shape[1], "head_dim": layer.head_dim}
        require_agreement(cls.family, config, sizes)
        return layer

    def tensors(self) -> dict[str, Array]:
        """The keys of the reference; complex numbers as pairs (re, im)."""
        stored = {key: cast(Array, getattr(self, field)) for field, key in KEYS.items()}
        pairs = {KEYS[name]: np.stack([v.real, v.imag], -1) for name, v in (("B", self.B), ("C", self.C[None]))}
        return {**stored, **pairs, KEYS["shift_C"]: self.shift_C[None]}


_SIZES = {"d_model": 8, "d_state": 8, "head_dim": 1}
