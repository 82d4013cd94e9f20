r"""Trained networks of state space layers: frozen records of their parameters and their simulation in float64.

Encoder, then for each layer $x \leftarrow \mathrm{norm}(W \varphi(\mathrm{SSM}(x)) + w + x)$ (post-norm; with
`prenorm` the norm acts on the input of the branch), then the mean over time, the last step or every step, then
the decoder. Dropout is off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.config import CHOICES, NetworkConfig
from carleman_ssm.networks.layers import Array, ComplexArray, Normalization, S4DLayer, parameter_array
from carleman_ssm.networks.state_space_layer import StateSpaceLayer
from carleman_ssm.theory import activations

__all__ = [
    "CHOICES",
    "Array",
    "ComplexArray",
    "NetworkConfig",
    "Normalization",
    "S4DLayer",
    "S4DNetwork",
    "StateSpaceLayer",
    "StateSpaceNetwork",
]

Pointwise: TypeAlias = Callable[[Array], Array]


@dataclass(frozen=True, eq=False, repr=False)
class StateSpaceNetwork(Brief):
    """A network of time-invariant state space layers with d inputs, H channels and K classes.

    Parameters
    ----------
    encoder_weight, encoder_bias
        (H, d) and (H,).
    layers
        One `StateSpaceLayer` per layer: S4D, or another family whose recurrence does not depend on the input.
    decoder_weight, decoder_bias
        (K, H) and (K,).
    config
        What the parameters do not say.

    Raises
    ------
    ValueError
        The parts do not fit each other or the configuration.
    TypeError
        A layer is of another kind.
    """

    encoder_weight: Array
    encoder_bias: Array
    layers: tuple[StateSpaceLayer, ...]
    decoder_weight: Array
    decoder_bias: Array
    config: NetworkConfig
    _kind: ClassVar[type] = StateSpaceLayer
    _families: ClassVar[tuple[str, ...]] = ("s4d", "s5", "lru", "s4")

    def __post_init__(self) -> None:
        encoder = parameter_array("encoder_weight", self.encoder_weight, (None, None))
        channels = encoder.shape[0]
        decoder = parameter_array("decoder_weight", self.decoder_weight, (None, channels))
        values = {
            "encoder_weight": encoder,
            "encoder_bias": parameter_array("encoder_bias", self.encoder_bias, (channels,)),
            "decoder_weight": decoder,
            "decoder_bias": parameter_array("decoder_bias", self.decoder_bias, decoder.shape[:1]),
            "layers": tuple(self.layers),
        }
        if self.config.family not in self._families:
            msg = f"configuration entry 'family' is {self.config.family!r}, not one of {', '.join(self._families)}"
            raise ValueError(msg)
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if not self.layers:
            msg = "a network needs at least one layer"
            raise ValueError(msg)
        for index, layer in enumerate(self.layers):
            if not isinstance(layer, self._kind):
                msg = f"layer {index} must be of {self._kind.__name__}, got {type(layer).__name__}"
                raise TypeError(msg)
            _check_layer(index, layer, channels, self.config)

    @property
    def channels(self) -> int:
        """H."""
        return int(self.encoder_weight.shape[0])

    @property
    def features(self) -> int:
        """d, the number of inputs per step."""
        return int(self.encoder_weight.shape[1])

    @property
    def classes(self) -> int:
        """K."""
        return int(self.decoder_weight.shape[0])

    def kernel(self, layer: int, length: int) -> Array:
        """Convolution kernel of a layer, (H, length), without the feedthrough."""
        return self.layers[layer].kernel(length)

    def read_at_last_step(self) -> Self:
        """The same network with pool ``"last"``: on the first k steps of a sequence, the logits of step k.

        It is causal, so a network without a pool is this one on every prefix.
        """
        return replace(self, config=replace(self.config, pool="last"))

    def __call__(
        self,
        x: npt.ArrayLike,
        method: str = "convolution",
        activation: Pointwise | Sequence[Pointwise] | None = None,
        gate: Pointwise | Sequence[Pointwise] | None = None,
    ) -> Array:
        """Logits (batch, K) of sequences x (batch, length, d); (batch, length, K) without a pool.

        Parameters
        ----------
        x
            Finite real numbers; at least one step.
        method
            FFT convolution, or the recurrence step by step; they agree to rounding.
        activation
            A function of (batch, length, H), or one for each layer, in place of the layers' own activation.
        gate
            Likewise in place of the gate's own function, on the second half of a gated map.

        Raises
        ------
        ValueError
            Wrong shape, NaN or infinity in x, values beyond the range of float64 on the way, or functions whose
            number is not that of the layers.
        """
        own = _per_layer(activation, len(self.layers), "activations"), _per_layer(gate, len(self.layers), "gates")
        with np.errstate(all="ignore"):  # what overflows is reported by name below
            hidden = self._encode(x)
            for layer, phi, s in zip(self.layers, *own, strict=True):
                hidden = self._apply(layer, hidden, method, phi, s)[1]
            logits: Array = self._pool(hidden) @ self.decoder_weight.T + self.decoder_bias
        if not np.isfinite(logits).all():
            msg = "the simulation leaves the range of float64; scale the sequences or check the parameters"
            raise ValueError(msg)
        return logits

    def preactivations(self, x: npt.ArrayLike, method: str = "convolution") -> tuple[Array, ...]:
        """Values that reach each layer's activation, feedthrough included: (batch, length, H) per layer."""
        hidden = self._encode(x)
        found = []
        for layer in self.layers:
            reached, hidden = self._apply(layer, hidden, method)
            found.append(reached)
        return tuple(found)

    def layer_inputs(self, x: npt.ArrayLike) -> tuple[Array, ...]:
        """What drives each layer's state space, encoded and normalised: (batch, length, H) per layer.

        Parameters
        ----------
        x
            (batch, length, d), finite real numbers; at least one step.

        Raises
        ------
        ValueError
            Wrong shape, NaN or infinity in x.
        """
        hidden = self._encode(x)
        found = []
        for layer in self.layers:
            found.append(self._branch(layer, hidden))
            hidden = self._apply(layer, hidden, "convolution")[1]
        return tuple(found)

    def _encode(self, x: npt.ArrayLike) -> Array:
        sequences = np.asarray(x)
        if sequences.ndim != 3 or sequences.shape[1] < 1 or sequences.shape[2] != self.features:
            msg = (
                f"sequences have shape {sequences.shape}, expected (batch, length, {self.features}) "
                "with at least one step"
            )
            raise ValueError(msg)
        if sequences.dtype.kind not in "fiub" or not np.isfinite(sequences).all():
            msg = f"sequences of {sequences.dtype} hold NaN, infinity or values that are not real numbers"
            raise ValueError(msg)
        encoded: Array = sequences.astype(np.float64) @ self.encoder_weight.T + self.encoder_bias
        return encoded

    def _pool(self, hidden: Array) -> Array:
        if self.config.pool == "none":
            return hidden
        pooled: Array = hidden.mean(axis=1) if self.config.pool == "mean" else hidden[:, -1]
        return pooled

    def _apply(
        self,
        layer: StateSpaceLayer,
        x: Array,
        method: str,
        activation: Pointwise | None = None,
        gate: Pointwise | None = None,
    ) -> tuple[Array, Array]:
        """Pre-activation and output of one layer."""
        config, norm = self.config, layer.norm
        reached = layer.preactivation(self._branch(layer, x), method)
        if activation is None:
            activation = activations.activation(config.activation, layer.activation_coefficients)
        if gate is None:
            gate = special.expit if config.gate == "sigmoid" else _identity
        result = layer.output(activation(reached), gated=config.output == "glu", gate=gate)
        if config.residual:
            result = result + x
        if norm is not None and not config.prenorm:
            result = norm(result, config.eps)
        return reached, result

    def _branch(self, layer: StateSpaceLayer, x: Array) -> Array:
        """The input of a layer's branch: normalised first where the network is pre-norm."""
        return layer.norm(x, self.config.eps) if layer.norm is not None and self.config.prenorm else x


@dataclass(frozen=True, eq=False, repr=False)
class S4DNetwork(StateSpaceNetwork):
    """A network of S4D layers with d inputs, H channels and K classes.

    Parameters
    ----------
    encoder_weight, encoder_bias, decoder_weight, decoder_bias, config
        As in `StateSpaceNetwork`.
    layers
        One `S4DLayer` per layer.

    Raises
    ------
    ValueError, TypeError
        As in `StateSpaceNetwork`.

    Examples
    --------
    >>> import numpy as np
    >>> layer = S4DLayer(log_dt=[0.0], log_A_real=[[0.0]], A_imag=[[0.0]], C=[[0.5]], D=[0.0])
    >>> config = NetworkConfig(activation="square", output="none", residual=False, pool="last")
    >>> network = S4DNetwork([[1.0]], [0.0], (layer,), [[1.0]], [0.0], config)
    >>> impulse = np.eye(1, 3)[..., None]
    >>> bool(np.isclose(network(impulse)[0, 0], (np.exp(-2) * (1 - np.exp(-1))) ** 2))
    True
    """

    layers: tuple[S4DLayer, ...]
    _kind: ClassVar[type] = S4DLayer
    _families: ClassVar[tuple[str, ...]] = ("s4d",)


def _identity(values: Array) -> Array:
    return values


def _per_layer(given: Pointwise | Sequence[Pointwise] | None, layers: int, what: str) -> tuple[Pointwise | None, ...]:
    """One function for each layer; None where the layer's own is meant."""
    if given is None or callable(given):
        return (given,) * layers
    if len(given) != layers:
        msg = f"{len(given)} {what} for {layers} layers: give one for each layer, or one for all"
        raise ValueError(msg)
    return tuple(given)


def _check_layer(index: int, layer: StateSpaceLayer, channels: int, config: NetworkConfig) -> None:
    norm, weight = layer.norm, layer.output_weight
    kind = "none" if norm is None else norm.kind
    rows = {"none": None, "linear": channels, "glu": 2 * channels}[config.output]
    problem = ""
    if layer.channels != channels:
        problem = f"it has {layer.channels} channels, the encoder {channels}"
    elif (None if weight is None else weight.shape[0]) != rows:
        problem = f"output {config.output!r} needs an output_weight of {rows or 'no'} rows"
    elif kind != config.norm:
        problem = f"the configuration says norm {config.norm!r}, the layer holds {kind!r}"
    elif layer.discretization != config.discretization:
        problem = f"the configuration says {config.discretization!r}, the layer {layer.discretization!r}"
    elif (config.activation == "poly") != (layer.activation_coefficients is not None):
        problem = "activation_coefficients belong to activation 'poly' and to no other"
    if problem:
        msg = f"layer {index} does not fit the network: {problem}"
        raise ValueError(msg)
