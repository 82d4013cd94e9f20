r"""A network of any depth as kernels, pointwise decoders, affine maps and norms.

With $x^{(0)} = W_e x + b_e$ each layer ℓ is

$$u = N_<(x),\quad y_{k,h} = \sum_{m\le k}K_{h,m}u_{k-m,h},\quad z = \varphi(y),\quad v = Wz + w \;\text{ or }\;
a\odot s(g),\ (a, g) = Wz + w,\quad x \leftarrow N_>(v + x),$$

and the logits are $V\,\mathrm{pool}_k\,x^{(L)} + o$. Every array carries a bound on its rounding; BatchNorm in
evaluation is folded into a scale and a shift in ball arithmetic. LayerNorm and RMSNorm keep one algebraic number
per step, $q$ with $q^2(v + \varepsilon) = 1$ (THEORY T16).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import flint
import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Enclosed, Floats, enclose, working_precision
from carleman_ssm.networks.network import StateSpaceLayer, StateSpaceNetwork
from carleman_ssm.networks.normalization import Normalization

NormKind = Literal["affine", "layer", "rms"]


@dataclass(frozen=True, eq=False, repr=False)
class AffineMap(Brief):
    """$Wv + w$ with W (rows, columns) and w (rows,)."""

    weight: Enclosed
    bias: Enclosed

    def __call__(self, values: Floats) -> Floats:
        """Apply to the last axis of values (…, columns)."""
        result: Floats = values @ self.weight.value.T + self.bias.value
        return result


@dataclass(frozen=True, eq=False, repr=False)
class Norm(Brief):
    r"""A normalisation over the H channels of one step.

    Parameters
    ----------
    kind
        ``"affine"``: weight · x + bias (BatchNorm with its statistics folded in). ``"layer"``: weight · c q + bias
        with $c = x - \mathrm{mean}_H x$. ``"rms"``: weight · x q + bias.
    weight, bias
        (H,).
    eps
        ε in $q^2(\mathrm{mean}_H c^2 + \varepsilon) = 1$.
    """

    kind: NormKind
    weight: Enclosed
    bias: Enclosed
    eps: float

    @property
    def is_affine(self) -> bool:
        """True for BatchNorm in evaluation."""
        return self.kind == "affine"

    def centred(self, values: Floats) -> Floats:
        """$c$: what is divided by its root mean square; values (…, H)."""
        return values - values.mean(axis=-1, keepdims=True) if self.kind == "layer" else values

    def inverse_deviation(self, centred: Floats) -> Floats:
        r"""$q = (\mathrm{mean}_H c^2 + \varepsilon)^{-1/2}$, (…, 1), of c (…, H); NaN past the range of float64."""
        squared: Floats = np.mean(centred * centred, axis=-1, keepdims=True)
        # Where the squares overflow, q = 0 would be a plausible number and a wrong one.
        return np.where(np.isfinite(squared), 1.0 / np.sqrt(squared + self.eps), np.nan)

    def __call__(self, values: Floats) -> Floats:
        """Normalise values (…, H)."""
        if self.is_affine:
            return values * self.weight.value + self.bias.value
        centred = self.centred(values)
        return centred * self.inverse_deviation(centred) * self.weight.value + self.bias.value


@dataclass(frozen=True, eq=False, repr=False)
class StackLayer(Brief):
    """One layer: norm before, kernel (H, L) with the feedthrough in lag 0, output map, gate, residual, norm after.

    The output map has H rows, 2H where it is gated (value rows, then gate rows), and is None without an output map.
    """

    norm_before: Norm | None
    kernel: Enclosed
    output: AffineMap | None
    gated: bool
    residual: bool
    norm_after: Norm | None

    @property
    def is_polynomial(self) -> bool:
        """True when nothing but the decoders is nonlinear: norms are affine or absent."""
        return all(norm is None or norm.is_affine for norm in (self.norm_before, self.norm_after))


@dataclass(frozen=True, eq=False, repr=False)
class Stack(Brief):
    """The arrays of a whole network, for sequences of at most `length` steps.

    Parameters
    ----------
    encoder, head
        (H, d) and (classes, H).
    layers
        One `StackLayer` per layer.
    pool
        ``"mean"`` or ``"last"``.

    References
    ----------
    THEORY T10, T16.
    """

    encoder: AffineMap
    layers: tuple[StackLayer, ...]
    head: AffineMap
    pool: str

    @property
    def length(self) -> int:
        """The longest sequence that the kernels serve."""
        return int(self.layers[0].kernel.value.shape[-1])

    @property
    def channels(self) -> int:
        """H."""
        return int(self.encoder.weight.value.shape[0])

    @property
    def features(self) -> int:
        """Input channels d."""
        return int(self.encoder.weight.value.shape[1])

    @property
    def classes(self) -> int:
        """Number of logits."""
        return int(self.head.weight.value.shape[0])

    def pooled(self, values: Floats) -> Floats:
        """Mean or last step over axis −2 of values (…, L, H)."""
        result: Floats = values.mean(axis=-2) if self.pool == "mean" else values[..., -1, :]
        return result

    def pool_weights(self, length: int) -> Floats:
        """Weight of every step in the pooling, (length,)."""
        return pool_weights(self.pool, length)


def pool_weights(pool: str, length: int) -> Floats:
    """Weight of every step in a ``"mean"`` or ``"last"`` pooling, (length,)."""
    if pool == "mean":
        return np.full(length, 1.0 / length)
    return np.asarray(np.eye(1, length, length - 1)[0], dtype=np.float64)


def build_stack(network: StateSpaceNetwork, length: int) -> Stack:
    """Enclose the parameters of a network for sequences of up to `length` steps.

    Raises
    ------
    ValueError
        ``length < 1``, or the network has no pool.

    References
    ----------
    The forward pass of the reference S4D network; kernels: THEORY T10; norms: THEORY T16.
    """
    if length < 1:
        msg = f"a sequence has at least one step, got length {length}"
        raise ValueError(msg)
    if network.config.pool == "none":
        msg = "this network prints logits at every step (pool 'none'): use read_at_last_step() on prefixes"
        raise ValueError(msg)
    return Stack(
        exact_map(network.encoder_weight, network.encoder_bias),
        tuple(_layer(network, layer, length) for layer in network.layers),
        exact_map(network.decoder_weight, network.decoder_bias),
        network.config.pool,
    )


def exact_map(weight: Floats, bias: Floats) -> AffineMap:
    """An affine map whose stored float64 numbers are what is meant: no error."""
    return AffineMap(exact_array(weight), exact_array(bias))


def exact_array(values: Floats) -> Enclosed:
    """Float64 numbers that are what is meant."""
    return Enclosed(values, np.zeros_like(values))


def _layer(network: StateSpaceNetwork, layer: StateSpaceLayer, length: int) -> StackLayer:
    config = network.config
    norm = None if layer.norm is None else enclosed_norm(layer.norm, config.norm, config.eps)
    output = None
    if layer.output_weight is not None and layer.output_bias is not None:
        output = exact_map(layer.output_weight, layer.output_bias)
    return StackLayer(
        norm if config.prenorm else None,
        layer.enclosed_kernel(length),
        output,
        config.output == "glu",
        config.residual,
        None if config.prenorm else norm,
    )


def enclosed_norm(norm: Normalization, kind: str, eps: float) -> Norm:
    """A stored normalisation, BatchNorm's running statistics folded into scale and shift."""
    if kind != "batch":
        bias = np.zeros_like(norm.weight) if norm.bias is None else norm.bias
        return Norm("rms" if kind == "rms" else "layer", exact_array(norm.weight), exact_array(bias), eps)
    with working_precision():
        gains, shifts = folded_statistics(norm, eps)
        shape = norm.weight.shape
        return Norm("affine", enclose(gains, shape), enclose(shifts, shape), eps)


def folded_statistics(norm: Normalization, eps: float) -> tuple[list[flint.arb], list[flint.arb]]:
    r"""BatchNorm in evaluation as balls: scale $w/\sqrt{\sigma^2 + \varepsilon}$ and shift $b - \mathrm{scale}\,\mu$.

    Raises
    ------
    ValueError
        The norm has no running statistics, so it is not affine.
    """
    if norm.bias is None or norm.running_mean is None or norm.running_var is None:
        msg = "this norm has no running statistics: only BatchNorm in evaluation is affine"
        raise ValueError(msg)
    gains = [
        flint.arb(weight) / (flint.arb(variance) + flint.arb(eps)).sqrt()
        for weight, variance in zip(norm.weight.tolist(), norm.running_var.tolist(), strict=True)
    ]
    shifts = [
        flint.arb(bias) - gain * flint.arb(mean)
        for bias, gain, mean in zip(norm.bias.tolist(), gains, norm.running_mean.tolist(), strict=True)
    ]
    return gains, shifts
