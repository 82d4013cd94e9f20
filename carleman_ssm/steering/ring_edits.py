r"""Silencing or amplifying nodes, modes and orders of interaction of a trained network (THEORY T24).

In the unit-input gauge a channel of an S4D layer is a ring with readout $y_k = 2\,\mathrm{Re}\sum_jC_jh_j(k) + Du_k$
(without the factor on rings of real nodes). Multiplying $C_j$ by a gain $\gamma_j$ changes the output vector of the
modes to $c'_n = \frac1N\sum_j\gamma_jC_je^{-2\pi if_nj/N}$ and nothing else, so the edited network is again an S4D
network. Its kernel lacks the shares of the nodes, $K_m - K'_m = \sum_j(1-\gamma_j)S_{m,j}$; whether a node is one input
lag is the condition of `rings.node_lags`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.layers import Array, ComplexArray, S4DLayer
from carleman_ssm.networks.network import S4DNetwork, StateSpaceNetwork
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.rings.node_lags import NodeLags, node_lags
from carleman_ssm.rings.rings import Rings, layer_rings
from carleman_ssm.theory.polynomials import require_kind
from carleman_ssm.theory.ring_modes import COMPLEX, REAL


@dataclass(frozen=True, eq=False, repr=False)
class RingEdit(Brief):
    """A network with other readout weights on the rings of one layer; build it with `edit_nodes` or `edit_modes`.

    Parameters
    ----------
    network, edited
        Before and after: all parameters but C of the layer are the same.
    layer
        Which layer, from 0.
    closure
        Of the rings whose nodes are meant (`layer_rings`).
    """

    network: S4DNetwork
    edited: S4DNetwork
    layer: int
    closure: str

    def deleted(self, length: int) -> Array:
        """What the edit takes from the kernels, K − K', (H, length)."""
        result: Array = self.network.kernel(self.layer, length) - self.edited.kernel(self.layer, length)
        return result

    def effect(self, sequences: npt.ArrayLike) -> Array:
        """Logits after minus logits before, by simulation of both networks: (batch, classes), or (batch, L, classes).

        Raises
        ------
        ValueError
            As the simulation: wrong shape, NaN or infinity.
        """
        result: Array = self.edited(sequences) - self.network(sequences)
        return result

    def node_lags(self, length: int) -> NodeLags:
        """Whether a node is one input lag over so many steps, measured on the rings before the edit."""
        return node_lags(_rings(self.network, self.layer, self.closure), length)


def edit_nodes(
    network: StateSpaceNetwork,
    nodes: int | Sequence[int],
    *,
    gain: float = 0.0,
    channels: int | Sequence[int] | None = None,
    layer: int = 0,
    closure: str = COMPLEX,
) -> RingEdit:
    r"""Multiply the readout weights $C_j$ of nodes by a gain: 0 silences them, above 1 amplifies.

    Parameters
    ----------
    network
        An S4D network.
    nodes
        Which nodes, 0 … N - 1 (N = M stored modes on complex rings, 2M - 1 or 2M on those of real nodes).
    gain
        $\gamma$, a finite real number.
    channels
        Which channels; all where None.
    layer
        From 0.
    closure
        ``"complex"``, ``"real"`` or ``"antiperiodic"``; nodes are those of the unit-input gauge (T1′).

    Returns
    -------
    RingEdit

    Raises
    ------
    TypeError
        The network has no S4D layers.
    ValueError
        No such layer, node or channel, an empty list of them, a gain that is not finite, or a spectrum without such a
        ring.

    References
    ----------
    THEORY T1′, T24.

    Examples
    --------
    >>> layer = S4DLayer([0.0], [[0.0, 0.0]], [[0.0, 1.0]], [[1.0 + 0j, 0.5j]], [0.0])
    >>> from carleman_ssm.networks.network import NetworkConfig
    >>> config = NetworkConfig(activation="square", output="none", pool="last")
    >>> network = S4DNetwork([[1.0]], [0.0], (layer,), [[1.0]], [0.0], config)
    >>> edit = edit_nodes(network, [0, 1])
    >>> bool(np.allclose(edit.deleted(5), network.kernel(0, 5)))
    True
    """
    known = _s4d(network, layer)
    rings = _rings(known, layer, closure)
    gains = _gains(rings.channels, rings.nodes, nodes, channels, gain, "node")
    weights = rings.readout_weights * gains
    output = weights @ rings.waves.conj() / rings.nodes
    changed = _stored(known.layers[layer], rings, np.asarray(output, dtype=np.complex128))
    # Channels without a changed node keep their numbers to the last digit.
    kept = np.where((gains == 1).all(axis=1)[:, None], known.layers[layer].C, changed)
    return RingEdit(known, _with_readout(known, layer, kept), layer, closure)


def edit_modes(
    network: StateSpaceNetwork,
    modes: int | Sequence[int],
    *,
    gain: float = 0.0,
    channels: int | Sequence[int] | None = None,
    layer: int = 0,
) -> RingEdit:
    r"""Multiply the output weights $C_n$ of stored modes by a gain: a conjugate pair is silenced as one.

    Parameters
    ----------
    modes
        Which stored modes, 0 … M - 1.
    network, gain, channels, layer
        As in `edit_nodes`.

    Returns
    -------
    RingEdit

    Raises
    ------
    TypeError, ValueError
        As `edit_nodes`.

    References
    ----------
    THEORY T9, T24.
    """
    known = _s4d(network, layer)
    chosen = known.layers[layer]
    gains = _gains(chosen.channels, chosen.modes, modes, channels, gain, "mode")
    return RingEdit(known, _with_readout(known, layer, chosen.C * gains), layer, COMPLEX)


def edit_orders(operator: NetworkOperator, sequences: Array, gains: Sequence[float]) -> Array:
    r"""Logits with the orders of interaction reweighted: $\sum_p\gamma_p\,\ell^{(p)}$, (batch, classes).

    Order 0 is the constant, 1 the waves alone, 2 their pairs, …: the entries of ``operator.orders``.

    Parameters
    ----------
    operator
        Of any network; what its orders are (total degree, or orthogonalised) see `NetworkOperator.orders`.
    sequences
        x (batch, L, d).
    gains
        $\gamma_0, \gamma_1, \dots$; orders beyond the last one given keep the gain 1.

    Raises
    ------
    ValueError
        More gains than the operator has orders, or one that is not finite.
    TypeError
        A network in place of its operator.
    DomainError
        As a call: the operator does not hold for a sequence.

    References
    ----------
    THEORY T10, T24.
    """
    require_kind(operator, NetworkOperator, "the operator (build it with network_operator)")
    parts = operator.orders(sequences)
    given = np.asarray(gains, dtype=np.float64)
    if given.ndim != 1 or len(given) > parts.shape[-1] or not np.isfinite(given).all():
        msg = f"gains are at most {parts.shape[-1]} finite numbers, one per order from 0; got {gains!r}"
        raise ValueError(msg)
    weights = np.concatenate([given, np.ones(parts.shape[-1] - len(given))])
    result: Array = parts @ weights
    return result


def _stored(layer: S4DLayer, rings: Rings, output: ComplexArray) -> ComplexArray:
    """The output vector C (H, M) of the stored modes behind that of the ring, (H, N) by ascending wave number."""
    own = output[:, rings.nodes - layer.modes :].copy()
    if rings.closure == REAL:  # the ring's real mode is two stored copies in one
        own[:, 0] /= 2
    result = np.empty_like(own)
    np.put_along_axis(result, rings.order, own, axis=1)
    changed: ComplexArray = result / layer.input_vector
    return changed


def _s4d(network: StateSpaceNetwork, layer: int) -> S4DNetwork:
    if not isinstance(network, S4DNetwork):
        msg = f"rings are edited in S4D networks, not in {type(network).__name__}: its layers have other parameters"
        raise TypeError(msg)
    if not 0 <= layer < len(network.layers):
        msg = f"there is no layer {layer}: choose 0 to {len(network.layers) - 1}"
        raise ValueError(msg)
    return network


def _rings(network: S4DNetwork, layer: int, closure: str) -> Rings:
    return layer_rings(network.layers[layer], closure=closure)


def _gains(
    channels: int, size: int, members: int | Sequence[int], where: int | Sequence[int] | None, gain: float, what: str
) -> Array:
    """(channels, size) of ones, but for the chosen members of the chosen channels."""
    if not np.isfinite(gain):
        msg = f"a gain is a finite number, got {gain}"
        raise ValueError(msg)
    rows = _chosen(range(channels) if where is None else where, channels, "channel")
    result = np.ones((channels, size))
    result[np.ix_(rows, _chosen(members, size, what))] = gain
    return result


def _chosen(members: int | Sequence[int], size: int, what: str) -> list[int]:
    given = [members] if isinstance(members, int | np.integer) else list(members)
    if not given:
        msg = f"an empty list of {what}s changes nothing: name at least one, from 0 to {size - 1}"
        raise ValueError(msg)
    for member in given:
        if not isinstance(member, int | np.integer) or isinstance(member, bool) or not 0 <= member < size:
            msg = f"there is no {what} {member!r}: choose 0 to {size - 1}"
            raise ValueError(msg)
    return [int(member) for member in given]


def _with_readout(network: S4DNetwork, layer: int, readout: ComplexArray) -> S4DNetwork:
    layers = list(network.layers)
    layers[layer] = replace(layers[layer], C=readout)
    return replace(network, layers=tuple(layers))
