r"""The operator in the frequency domain: transfer functions of order 1, 2 and 3 of every class.

In the steady state under a constant input $\bar x$, encoder biases included, the pre-activations stand at the operating
point $y^0_h = H_h(1)(W\bar x + b)_h$, where

$$H_h(e^{i\omega}) = \sum_m K_{h,m}e^{-i\omega m}
= D_h + \tfrac12\sum_n\Big(\frac{w_{hn}}{1-\lambda_{hn}e^{-i\omega}}
+ \frac{\bar w_{hn}}{1-\bar\lambda_{hn}e^{-i\omega}}\Big).$$

The logits of step k, $\ell_i(k) = o_i + \sum_h R_{ih}\varphi(y_{k,h}) + S_ix_k$, answer small changes of the input with

$$\mathcal H^{(p)}_i(\omega_1,\dots,\omega_p) = \sum_h R_{ih}\,\frac{\varphi^{(p)}(y^0_h)}{p!}
\prod_{q=1}^p W_{hj_q}H_h(e^{i\omega_q}) \;+\; [p = 1]\,S_{ij_1}:$$

exponentials $e^{i\omega_qk}$ in channels $j_q$ appear at $\omega_1 + \dots + \omega_p$ with this factor, times the
number of ways to order them. These are the exact Volterra kernels about the operating point. A polynomial of degree at
most 3 has no others; of other activations they are the first three, a description of *small* inputs (`is_whole`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.kernel import Complexes, StoredModes, modes
from carleman_ssm.networks.network import S4DNetwork, StateSpaceNetwork
from carleman_ssm.operators.activation_decoders import own_decoders
from carleman_ssm.operators.decoders import ChannelDecoders
from carleman_ssm.operators.one_layer import OneLayerForm
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import DomainError, NetworkOperator
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.predictions.expected_logits import one_layer_parts
from carleman_ssm.theory.polynomials import require_integer

ORDERS = 3


@dataclass(frozen=True, eq=False, repr=False)
class ChannelResponse(Brief):
    r"""$H_h(e^{i\omega})$ of every channel of an S4D layer, from its modes.

    Parameters
    ----------
    multipliers, weights
        $\lambda$ and $w = 2C\bar b$, (H, M).
    feedthrough
        $D$ (H,).

    Raises
    ------
    ValueError
        A mode does not decay in float64: it has no steady state.
    """

    multipliers: Complexes
    weights: Complexes
    feedthrough: Floats

    def __post_init__(self) -> None:
        if not (np.abs(self.multipliers) < 1.0).all():
            channel = int(np.argwhere(~(np.abs(self.multipliers) < 1.0))[0][0])
            msg = f"a mode of channel {channel} does not decay (|λ| rounds to 1): there is no steady state to describe"
            raise ValueError(msg)

    @classmethod
    def of(cls, layer: StoredModes) -> ChannelResponse:
        """Of stored parameters."""
        spectrum = modes(layer)
        return cls(spectrum.multipliers, spectrum.weights, np.asarray(layer.D, dtype=np.float64))

    def __call__(self, frequency: npt.ArrayLike) -> Complexes:
        """$H_h(e^{iω})$ (…, H) at frequencies (…) [rad/step]."""
        delay = np.exp(-1j * np.asarray(frequency, dtype=np.float64))[..., None, None]
        upper, lower = self.weights / (1.0 - self.multipliers * delay), self.weights.conj()
        lower = lower / (1.0 - self.multipliers.conj() * delay)
        result: Complexes = self.feedthrough + 0.5 * (upper + lower).sum(axis=-1)
        return result

    def settling_steps(self, tolerance: float) -> int:
        r"""Steps n after which the kernels' tails are small: $\sum_{m\ge n}|K_{h,m}| \le$ tolerance for every h.

        Each of the M modes gets its share: $|w||\lambda|^n/(1-|\lambda|) \le$ tolerance/M.
        """
        size = np.abs(self.multipliers)
        share = tolerance * (1.0 - size) / (size.shape[1] * np.maximum(np.abs(self.weights), np.finfo(float).tiny))
        rate = np.log(np.maximum(size, np.finfo(float).tiny))
        return int(np.ceil(np.maximum(0.0, np.log(np.minimum(share, 1.0)) / rate).max()))


@dataclass(frozen=True, eq=False, repr=False)
class TransferFunctions(Brief):
    r"""Transfer functions of every class about the steady state of a constant input; see the module.

    Parameters
    ----------
    response
        $H_h(e^{i\omega})$.
    drive_weight, readout, skip
        $W$ (H, d), $R$ (classes, H), $S$ (classes, d).
    constant
        $\bar x$ (d,), and the logits there, `level` (classes,).
    operating_point
        $y^0$ (H,).
    taylor
        $\varphi^{(p)}(y^0_h)/p!$ for p = 0 … 3, (4, H).
    is_whole
        Whether no order above 3 exists, so that these functions describe inputs of any size.
    """

    response: ChannelResponse
    drive_weight: Floats
    readout: Floats
    skip: Floats
    constant: Floats
    level: Floats
    operating_point: Floats
    taylor: Floats
    is_whole: bool

    @property
    def scope(self) -> str:
        """In words: for which inputs the three functions are the whole answer."""
        if self.is_whole:
            return "exact for inputs of any size: the decoder is a polynomial of degree at most 3"
        return "local: the first three orders about the operating point, for small inputs"

    def first(self, frequency: npt.ArrayLike, channel: int = 0) -> Complexes:
        r"""$\mathcal H^{(1)}_i(\omega)$ (classes, …) [logit per unit of input] at ω (…) [rad/step].

        Raises
        ------
        TypeError, ValueError
            The channel is no whole number, or none of the network's; likewise in `second` and `third`, which also
            need one channel for each frequency.
        """
        response = self._kernel([frequency], (channel,))
        return response + self.skip[:, channel].reshape(-1, *(1,) * np.ndim(frequency))

    def second(self, first: npt.ArrayLike, second: npt.ArrayLike, channels: tuple[int, int] = (0, 0)) -> Complexes:
        r"""$\mathcal H^{(2)}_i(\omega_1, \omega_2)$ (classes, …); the frequencies broadcast. Refusals as in `first`."""
        return self._kernel([first, second], channels)

    def third(
        self,
        first: npt.ArrayLike,
        second: npt.ArrayLike,
        third: npt.ArrayLike,
        channels: tuple[int, int, int] = (0, 0, 0),
    ) -> Complexes:
        r"""$\mathcal H^{(3)}_i(\omega_1, \omega_2, \omega_3)$ (classes, …); otherwise as `second`."""
        return self._kernel([first, second, third], channels)

    def table(self, frequencies: Floats, channel: int = 0) -> dict[str, object]:
        r"""Magnitudes and phases on a grid (F,) [rad/step] as plain lists: data for a file.

        ``first`` (classes, F), ``second`` (classes, F, F), and of the third order what one tone meets: the change of
        its own line, $\mathcal H^{(3)}(\omega, \omega, -\omega)$, and its third harmonic,
        $\mathcal H^{(3)}(\omega, \omega, \omega)$, (classes, F) each. ``frequency`` is in cycles per step.
        """
        linear = self.first(frequencies, channel)
        square = self.second(frequencies[:, None], frequencies, (channel, channel))
        own, harmonic = (
            self.third(frequencies, frequencies, sign * frequencies, (channel,) * 3) for sign in (-1.0, 1.0)
        )
        return {
            "frequency": (frequencies / (2 * np.pi)).tolist(),
            "channel": channel,
            "scope": self.scope,
            "operating_point": self.operating_point.tolist(),
            "first": _polar(linear),
            "second": _polar(square),
            "third_at_the_tone": _polar(own),
            "third_harmonic": _polar(harmonic),
        }

    def _kernel(self, frequencies: list[npt.ArrayLike], channels: tuple[int, ...]) -> Complexes:
        """R times the Taylor coefficient times the product of the channels' responses."""
        if len(channels) != len(frequencies):
            msg = f"each of {len(frequencies)} frequencies is in one channel, got the channels {tuple(channels)}"
            raise ValueError(msg)
        for channel in channels:
            require_integer(channel, "channel", least=0, most=self.drive_weight.shape[1] - 1)
        product: Complexes = self.taylor[len(frequencies)].astype(np.complex128)
        for frequency, channel in zip(frequencies, channels, strict=True):
            product = product * (self.response(frequency) * self.drive_weight[:, channel])
        return np.moveaxis(product @ self.readout.T, -1, 0)


def _polar(values: Complexes) -> dict[str, object]:
    return {"magnitude": np.abs(values).tolist(), "phase": np.angle(values).tolist()}


@dataclass(frozen=True, eq=False, repr=False)
class SteadyLayer(Brief):
    """What a steady state needs of a network or operator: affine maps, responses, decoders, operating point."""

    form: OneLayerForm
    response: ChannelResponse
    decoders: ChannelDecoders
    constant: Floats
    operating_point: Floats


def steady_layer(source: StateSpaceNetwork | NetworkOperator, constant: npt.ArrayLike = 0.0) -> SteadyLayer:
    r"""The steady state of one layer under a constant input $\bar x$ (d,), or one number for all channels.

    A network has its own activation; an operator its decoders, whose intervals have to hold the operating point.

    Raises
    ------
    ValueError
        There is no one-layer form, a mode does not decay, or the constant is not finite.
    DomainError
        The operating point leaves the interval of a fit (by how much is said).
    """
    form = one_layer_parts(source, 1)
    network = source.network if isinstance(source, NetworkOperator) else source
    if not isinstance(network, S4DNetwork):  # what has a one-layer form is one
        msg = f"transfer functions are those of an S4D network, got {type(network).__name__}"
        raise TypeError(msg)
    level = constant_input(constant, form.features)
    response = ChannelResponse.of(network.layers[0])
    drive = form.drive_weight.value @ level + form.drive_bias.value[:, 0]
    point = response(0.0).real * drive
    decoders = _decoders(source, network)
    refuse_reach(decoders, point, np.zeros_like(point))
    return SteadyLayer(form, response, decoders, level, point)


def constant_input(constant: npt.ArrayLike, features: int) -> Floats:
    r"""$\bar x$ (d,), read-only, of one number or one for each channel.

    Raises
    ------
    TypeError
        No numbers.
    ValueError
        Another shape, or NaN or infinity.
    """
    level = real_array("the constant input", constant)
    if level.shape not in ((), (1,), (features,)):
        msg = f"the constant input is one number, or one for each of {features} channels; got the shape {level.shape}"
        raise ValueError(msg)
    return real_array("the constant input", np.broadcast_to(level, (features,)))


def transfer_functions(source: StateSpaceNetwork | NetworkOperator, constant: npt.ArrayLike = 0.0) -> TransferFunctions:
    r"""Transfer functions of order 1, 2 and 3 of every class about the steady state of a constant input.

    Parameters
    ----------
    source
        A network of one S4D layer with affine surroundings (its own activation), or an operator of one (its decoders).
    constant
        $\bar x$ (d,), or one number for all channels. Biases of the encoder act beside it.

    Raises
    ------
    ValueError
        There is no one-layer form, a mode does not decay, or the constant is not finite.
    DomainError
        The operating point leaves the interval of a fit.

    References
    ----------
    THEORY T23; derivations/23_frequency_responses; Schetzen (1980), The Volterra and Wiener theories of
    nonlinear systems, ch. 6.

    Examples
    --------
    >>> from carleman_ssm.networks.checkpoints import load_network
    >>> found = transfer_functions(load_network("frequencies"))
    >>> found.scope
    'exact for inputs of any size: the decoder is a polynomial of degree at most 3'
    >>> bool(np.allclose(found.second(0.1, 0.3), found.second(0.3, 0.1)))
    True
    """
    layer = steady_layer(source, constant)
    form, taylor = layer.form, layer.decoders.taylor(layer.operating_point, ORDERS)
    level = form.read_out(taylor[0][None], layer.constant[None])[0]
    return TransferFunctions(
        layer.response,
        form.drive_weight.value,
        form.readout.value,
        form.skip.value,
        layer.constant,
        level,
        layer.operating_point,
        taylor,
        layer.decoders.exact and layer.decoders.degree <= ORDERS,
    )


def _decoders(source: StateSpaceNetwork | NetworkOperator, network: S4DNetwork) -> ChannelDecoders:
    if isinstance(source, OneLayerOperator):
        return source.decoders
    if isinstance(source, StackOperator):
        return source.decoders[0].activation
    return own_decoders(network)[0].activation


def refuse_reach(decoders: ChannelDecoders, centre: Floats, reach: Floats) -> None:
    r"""Refuse pre-activations $y^0_h \pm r_h$ (H,) that leave the intervals of a fit.

    Raises
    ------
    DomainError
        With the channel that leaves most, and by how much.
    """
    lower, upper = decoders.interval
    excess = np.maximum(lower - (centre - reach), (centre + reach) - upper)
    worst = int(excess.argmax())
    if excess[worst] > 0.0:
        msg = (
            f"in the steady state channel {worst} ranges over [{centre[worst] - reach[worst]:.6g}, "
            f"{centre[worst] + reach[worst]:.6g}] and leaves the interval [{lower[worst]:.6g}, {upper[worst]:.6g}] of "
            f"its fit by {excess[worst]:.6g}: lower the input, build the operator for larger ones, or give the network "
            "itself, whose own activation has no interval"
        )
        raise DomainError(msg)
