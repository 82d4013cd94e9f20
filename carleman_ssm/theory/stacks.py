r"""Stacks of diagonal SSM layers with polynomial nonlinearities: the networks that have an exact finite lift.

One layer takes the vector $v$ of the layer before, channel by channel, and one step is
$$x_h \leftarrow \Lambda_h x_h + \bar b_h s_h,\quad y_h = c_h^\top x_h + D_h s_h,\quad a_h = \sigma(y_h),\quad
v \leftarrow \mathcal N\big(\gamma(Wa + w) + v\big)$$
with $s = v$, or $\mathcal N'(v)$ where the norm stands before the layer; $\sigma$ a polynomial of degree P;
$\gamma$ nothing or the gated linear unit $\gamma(\alpha, \beta) = \alpha\,\tau(\beta)$ with a polynomial $\tau$ of
degree Q; the residual $+\,v$ if the layer has one; norms affine, as BatchNorm in evaluation is. LayerNorm and
RMSNorm are not polynomial ($q^2(v + \varepsilon) = 1$ is algebraic), so they cannot be written here.

**Weights.** The states of the first layer weigh 1, those of layer $\ell + 1$ what $v^{(\ell)}$ weighs, which is
$P(1 + Q)$ times the weight of $x^{(\ell)}$. Inputs weigh nothing: they are coefficients of the lift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from carleman_ssm.formulas.statements import check_names
from carleman_ssm.theory.affine_maps import ExactAffineMap
from carleman_ssm.theory.polynomials import (
    PolynomialDecoder,
    require_count,
    require_kind,
)
from carleman_ssm.theory.ssm import DiscreteSSM

Vector = tuple[sp.Expr, ...]


@dataclass(frozen=True)
class PolynomialLayer:
    r"""One layer: an SSM for each channel, a polynomial activation, mixing or gate, residual, affine norms.

    Parameters
    ----------
    channels
        One `DiscreteSSM` for each channel; stored conjugate pairs are written out.
    activation
        $\sigma$, degree P.
    mixing
        W and w, H columns; H rows, or 2H rows (values, then gates) when there is a gate. None: no mixing.
    gate
        $\tau$, degree Q: the gated linear unit; needs `mixing`.
    residual
        Whether the source is added; then the layer has as many rows as channels.
    norm_before, norm_after
        Affine norms on H channels, in front of the SSM (the residual passes beside it) or behind the sum.

    Raises
    ------
    ValueError, TypeError
        Shapes do not fit, or a part is of another class.

    References
    ----------
    THEORY T16.
    """

    channels: tuple[DiscreteSSM, ...]
    activation: PolynomialDecoder
    mixing: ExactAffineMap | None = None
    gate: PolynomialDecoder | None = None
    residual: bool = False
    norm_before: ExactAffineMap | None = None
    norm_after: ExactAffineMap | None = None

    def __post_init__(self) -> None:
        for h, channel in enumerate(self.channels):
            require_kind(channel, DiscreteSSM, f"channel {h}")
        object.__setattr__(self, "channels", tuple(channel.with_conjugates() for channel in self.channels))
        require_kind(self.activation, PolynomialDecoder, "the activation")
        if self.gate is not None:
            require_kind(self.gate, PolynomialDecoder, "the gate")
        self._check_shapes()

    def _check_shapes(self) -> None:
        width = len(self.channels)
        shapes = {
            "norm_before": (self.norm_before, (width, width)),
            "norm_after": (self.norm_after, (self.rows, self.rows)),
        }
        if width == 0 or (self.gate is not None and (self.mixing is None or self.mixing.matrix.rows % 2)):
            msg = "a layer needs at least one channel, and a gate needs a mixing with an even number of rows"
            raise ValueError(msg)
        if self.mixing is not None and self.mixing.matrix.cols != width:
            msg = f"the mixing has {self.mixing.matrix.cols} columns for {width} channels"
            raise ValueError(msg)
        for name, (norm, shape) in shapes.items():
            if norm is not None and norm.matrix.shape != shape:
                msg = f"{name} must have the shape {shape}, got {norm.matrix.shape}"
                raise ValueError(msg)
        if self.residual and self.rows != width:
            msg = f"a residual path adds {width} channels to {self.rows} rows: their numbers must agree"
            raise ValueError(msg)

    @property
    def rows(self) -> int:
        """The number of entries of the result."""
        mapped = len(self.channels) if self.mixing is None else self.mixing.matrix.rows
        return mapped if self.gate is None else mapped // 2

    @property
    def states(self) -> int:
        """The number of modes of all channels."""
        return sum(channel.states for channel in self.channels)

    @property
    def growth(self) -> int:
        """P, or P(1 + Q) with a gate: the factor by which the layer multiplies the weight of its state."""
        return self.activation.degree * (1 if self.gate is None else 1 + self.gate.degree)

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The symbols of all parts, each once."""
        parts = [*self.channels, self.activation, self.mixing, self.gate, self.norm_before, self.norm_after]
        return tuple(dict.fromkeys(symbol for part in parts if part is not None for symbol in part.parameters))

    def source(self, vector: Vector) -> Vector:
        """What the SSM reads: the vector, or its norm."""
        return vector if self.norm_before is None else self.norm_before(vector)

    def advance(self, state: Vector, vector: Vector) -> Vector:
        r"""$\Lambda x + \bar b s$ for the states of all channels, one after the other."""
        moved: list[sp.Expr] = []
        for channel, s in zip(self.channels, self.source(vector), strict=True):
            own = state[len(moved) : len(moved) + channel.states]
            rows = zip(channel.multipliers, own, channel.input_vector, strict=True)
            moved += [multiplier * x + gain * s for multiplier, x, gain in rows]
        return tuple(moved)

    def result(self, state: Vector, vector: Vector) -> Vector:
        """The vector behind the layer, from its new state and the vector in front of it."""
        activated, start = [], 0
        for channel, s in zip(self.channels, self.source(vector), strict=True):
            y = channel.readout(state[start : start + channel.states], s)
            start += channel.states
            activated.append(self.activation(y))
        mapped = tuple(activated) if self.mixing is None else self.mixing(tuple(activated))
        if self.gate is not None:
            mapped = tuple(value * self.gate(b) for value, b in zip(*_halves(mapped), strict=True))
        if self.residual:
            mapped = tuple(branch + v for branch, v in zip(mapped, vector, strict=True))
        return mapped if self.norm_after is None else self.norm_after(mapped)


@dataclass(frozen=True)
class PolynomialStack:
    """Layers one behind the other, between an affine encoder and an affine head.

    Parameters
    ----------
    layers
        At least one; each has as many channels as the one before has rows.
    encoder, head
        Affine maps in front of the first and behind the last layer; None for none.

    Raises
    ------
    ValueError
        No layer, sizes that do not fit, or one name for two different symbols.
    TypeError
        A layer is of another class.

    References
    ----------
    THEORY T16; class of Iacob, Tóth, Schoukens, arXiv 2507.15093.

    Examples
    --------
    >>> stack = PolynomialStack.symbolic(states=(2, 2), degrees=(2, 2))
    >>> stack.weights, stack.output_weight
    ((1, 1, 2, 2), 4)
    """

    layers: tuple[PolynomialLayer, ...]
    encoder: ExactAffineMap | None = None
    head: ExactAffineMap | None = None

    def __post_init__(self) -> None:
        for number, layer in enumerate(self.layers, 1):
            require_kind(layer, PolynomialLayer, f"layer {number}")
        if not self.layers:
            msg = "a stack needs at least one layer"
            raise ValueError(msg)
        sizes = [layer.rows for layer in self.layers]
        sizes = ([len(self.layers[0].channels)] if self.encoder is None else [self.encoder.matrix.rows]) + sizes
        for number, (size, layer) in enumerate(zip(sizes, self.layers, strict=False), 1):
            if size != len(layer.channels):
                msg = f"layer {number} has {len(layer.channels)} channels but is given {size} entries"
                raise ValueError(msg)
        if self.head is not None and self.head.matrix.cols != sizes[-1]:
            msg = f"the head has {self.head.matrix.cols} columns but the last layer gives {sizes[-1]} entries"
            raise ValueError(msg)
        check_names(self.parameters)

    @classmethod
    def symbolic(
        cls, states: Sequence[int], degrees: Sequence[int], *, residual: bool = False, feedthrough: bool = False
    ) -> PolynomialStack:
        r"""One channel in each layer, all entries symbols such as ``lambda_1_0`` ($\lambda$ of layer 1, mode 0).

        Parameters
        ----------
        states, degrees
            The number of modes and P, one for each layer.
        residual, feedthrough
            Whether every layer has a residual path and $D$.
        """
        layers = []
        for number, (modes, degree) in enumerate(zip(states, degrees, strict=True), 1):
            require_count(modes, "the number of states")
            lam, b, c = (
                tuple(sp.Symbol(f"{stem}_{number}_{n}") for n in range(modes)) for stem in ("lambda", "bbar", "c")
            )
            direct = sp.Symbol(f"D_{number}") if feedthrough else sp.S.Zero
            activation = PolynomialDecoder.symbolic(degree=degree, name=f"g_{number}")
            layers.append(PolynomialLayer((DiscreteSSM(lam, b, c, direct),), activation, residual=residual))
        return cls(tuple(layers))

    @property
    def inputs(self) -> int:
        """The number of inputs at each step."""
        return len(self.layers[0].channels) if self.encoder is None else self.encoder.matrix.cols

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The symbols of all parts, each once."""
        parts = [self.encoder, *self.layers, self.head]
        return tuple(dict.fromkeys(symbol for part in parts if part is not None for symbol in part.parameters))

    @property
    def weights(self) -> tuple[int, ...]:
        """The weight of every state, layer by layer."""
        return tuple(w for w, layer in zip(self._ladder()[:-1], self.layers, strict=True) for _ in range(layer.states))

    @property
    def output_weight(self) -> int:
        """W, the weight of the output: the product of the growth of all layers, if each grows."""
        return self._ladder()[-1]

    def _ladder(self) -> list[int]:
        """The weight of the states of each layer, then that of the output; a constant drives states of weight 1."""
        ladder, source = [], 0
        for layer in self.layers:
            ladder.append(max(1, source))
            source = max(layer.growth * ladder[-1], source if layer.residual else 0)
        return [*ladder, source]

    def advance(self, state: Vector, inputs: Vector) -> Vector:
        """The state after one step, factored: layer after layer, each reads the new state of the one before."""
        return self._run(state, inputs, advance=True)[0]

    def output(self, state: Vector, inputs: Vector) -> Vector:
        """The outputs from the new state and the inputs of the same step, factored."""
        return self._run(state, inputs, advance=False)[1]

    def _run(self, state: Vector, inputs: Vector, *, advance: bool) -> tuple[Vector, Vector]:
        vector, reached = inputs if self.encoder is None else self.encoder(inputs), list[sp.Expr]()
        for layer in self.layers:
            own = state[len(reached) : len(reached) + layer.states]
            now = layer.advance(own, vector) if advance else own
            vector = layer.result(now, vector)
            reached += now
        return tuple(reached), vector if self.head is None else self.head(vector)


def _halves(vector: Vector) -> tuple[Vector, Vector]:
    half = len(vector) // 2
    return vector[:half], vector[half:]
