r"""What a network asks of its layers: a causal linear state space map, and what follows the activation.

The map is $y_k = \sum_{m\le k}K_mv_{k-m}$, feedthrough included, with one kernel per channel (S4D and its relatives) or
one for each pair of channels (S5, LRU).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from scipy import special

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.discretization import Discretization
from carleman_ssm.networks.enclosures import Enclosed
from carleman_ssm.networks.normalization import Normalization
from carleman_ssm.networks.parameters import Array, parameter_array


class StateSpaceLayer(ABC, Brief):
    """A time-invariant layer of H channels.

    Attributes
    ----------
    output_weight, output_bias
        (H, H) and (H,); (2H, H) and (2H,) with a gated unit; both None without an output map.
    norm
        The normalisation that belongs to this layer, or None.
    activation_coefficients
        Of a learned polynomial activation, or None.
    discretization
        The rule that made the multipliers.
    """

    output_weight: Array | None
    output_bias: Array | None
    norm: Normalization | None
    activation_coefficients: Array | None
    discretization: Discretization

    @property
    @abstractmethod
    def kind(self) -> str:
        """What such a layer is called."""

    @property
    @abstractmethod
    def channels(self) -> int:
        """H."""

    @property
    @abstractmethod
    def modes(self) -> int:
        """Stored modes, of each channel or of the layer."""

    @abstractmethod
    def kernel(self, length: int) -> Array:
        """Kernel over L lags without feedthrough: (H, L), or (H, H, L) where it mixes channels."""

    @abstractmethod
    def enclosed_kernel(self, length: int) -> Enclosed:
        """The kernel, feedthrough included, with a proved bound on its distance to that of the stored parameters."""

    @abstractmethod
    def preactivation(self, u: Array, method: str = "convolution") -> Array:
        """$y$, what reaches the activation, feedthrough included: (batch, length, H) to the same shape."""

    def output(self, v: Array, *, gated: bool, gate: Callable[[Array], Array] = special.expit) -> Array:
        r"""$W v + w$ of the activated values (…, H); the first half times $\sigma$(second half) if gated.

        Parameters
        ----------
        gated
            Whether the map has two halves (GLU).
        gate
            What stands for the logistic $\sigma$.
        """
        if self.output_weight is None or self.output_bias is None:
            return v
        mapped: Array = v @ self.output_weight.T + self.output_bias
        if not gated:
            return mapped
        half = mapped.shape[-1] // 2
        result: Array = mapped[..., :half] * gate(mapped[..., half:])
        return result

    def _freeze_optional(self, channels: int) -> None:
        """Check and freeze what follows the activation."""
        if (self.output_weight is None) != (self.output_bias is None):
            msg = "output_weight and output_bias come together or not at all"
            raise ValueError(msg)
        if self.output_weight is not None and self.output_bias is not None:
            weight = parameter_array("output_weight", self.output_weight, (None, channels))
            bias = parameter_array("output_bias", self.output_bias, (weight.shape[0],))
            object.__setattr__(self, "output_weight", weight)
            object.__setattr__(self, "output_bias", bias)
        if self.norm is not None and self.norm.weight.shape != (channels,):
            msg = f"norm has {self.norm.weight.shape[0]} channels, the layer {channels}"
            raise ValueError(msg)
        if self.activation_coefficients is not None:
            learned = parameter_array("activation_coefficients", self.activation_coefficients, (None,))
            object.__setattr__(self, "activation_coefficients", learned)
