r"""Which pairs of modes, or of ring nodes, a class lets interact: closed forms without a sum over time.

A channel's output is a sum of real waves $y = \sum_a 2\,\mathrm{Re}\,z_a$, one for every stored mode
($z_n = c_nx_n$) or every node of the channel's ring ($z_j = C_jh_j$, T1), and one for the feedthrough. The second order
of logit i is

$$\sum_h\sum_k a_{ihk}\,y_{kh}^2 = \sum_{h,a,b}\Big[\underbrace{\sum_ka_{ihk}\,2\,\mathrm{Re}\,z_az_b}_{\text{sum}}
 + \underbrace{\sum_ka_{ihk}\,2\,\mathrm{Re}\,z_a\bar z_b}_{\text{difference}}\Big],\qquad
 a_{ihk} = \frac{\partial\ell_i}{\partial z_{kh}}\frac{\varphi''(y^0_{kh})}{2}.$$

For an impulse $x_nx_m = \bar b_n\bar b_m\zeta^k$ with $\zeta = \lambda_n\lambda_m$, for white noise of variance 1 its
mean is $\bar b_n\bar b_m\sum_{l\le k}\zeta^l$ (differences: $\lambda_n\bar\lambda_m$): pooled over time both are
geometric sums. They are largest where ζ is near 1: a mode with its own conjugate. These waves superpose and meet in the
readout alone; in the next layer the pair drives mode r, resonantly where $\lambda'_r \approx \zeta$
(`three_wave_response`, THEORY T18).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from carleman_ssm.interactions.layer_views import LayerView, layer_drive, layer_view, require_layer
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.layers import S4DLayer
from carleman_ssm.operators.geometric import geometric_sum, triangular_sum
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.rings.rings import Rings, layer_rings

Complexes = NDArray[np.complex128]
Basis = Literal["modes", "nodes"]
Drive = Literal["white", "impulse"]


@dataclass(frozen=True, eq=False, repr=False)
class PairMatrices(Brief):
    """Second-order contributions of pairs of waves to every logit.

    Parameters
    ----------
    sums, differences
        (classes, H, N + 1, N + 1) [logits], symmetric: the two combinations of a pair; the last wave is the
        feedthrough.
    basis
        ``"modes"`` or ``"nodes"``.
    drive
        ``"white"``, ``"impulse"`` or ``"sequence"``.
    angles
        (H, N): arg λ of the modes [radians per step], or the number of the node.
    steady
        True when the curvature of the decoders does not change over time, so that the closed form is the second
        order itself (in the mean, for noise). Otherwise its sum over time stands for it.

    References
    ----------
    THEORY T11.
    """

    sums: Floats
    differences: Floats
    basis: str
    drive: str
    angles: Floats
    steady: bool

    @property
    def total(self) -> Floats:
        """Both combinations, (classes, H, N + 1, N + 1); summed over everything but the class, the second order."""
        result: Floats = self.sums + self.differences
        return result

    @property
    def over_channels(self) -> Floats:
        """`total` summed over channels, (classes, N + 1, N + 1): waves with the same index in every channel."""
        return np.asarray(self.total.sum(axis=1))


def pair_matrices(
    operator: NetworkOperator,
    *,
    drive: Drive = "white",
    basis: Basis = "modes",
    layer: int = 0,
    closure: str = "complex",
) -> PairMatrices:
    r"""Pairs of modes or nodes of one layer for a unit input, in closed form.

    Parameters
    ----------
    operator
        Of any depth; curvature and readout are taken on the trajectory of its centre, later layers to first order.
    drive
        ``"white"``: expected value for white noise of variance 1 at every input (at every channel of a layer whose
        drive is not an affine map of the input); ``"impulse"``: a 1 at the first step of all inputs.
    basis, closure
        Modes or nodes, of the channel's ring with this closure (see `rings.rings.layer_rings`), input at node 0.
    layer
        Index of the layer.

    Raises
    ------
    ValueError
        No such layer, basis or drive, or a spectrum that the closure cannot hold.
    TypeError
        An operator of another kind.

    References
    ----------
    THEORY T1, T10, T11.
    """
    if drive not in {"white", "impulse"}:
        msg = f"unknown drive {drive!r}; choose 'white' or 'impulse', or pass a sequence to sequence_pair_matrices"
        raise ValueError(msg)
    view = layer_view(operator, layer, _rings(operator, layer, basis, closure))
    at_end = not view.weights[..., :-1].any()
    readers = _readers(view.rings, basis)
    sums, differences = _unit_moments(view, drive, at_end=at_end)
    size = (view.gain**2).sum(axis=1) if drive == "white" else view.gain.sum(axis=1) ** 2
    weights = (2.0 * view.weights.sum(axis=2) * size)[:, :, None, None]
    return PairMatrices(
        weights * (readers @ sums @ readers.swapaxes(1, 2)).real,
        weights * (readers @ differences @ readers.conj().swapaxes(1, 2)).real,
        basis,
        drive,
        _angles(view.rings, basis),
        at_end or bool((view.weights == view.weights[..., :1]).all()),
    )


def sequence_pair_matrices(
    operator: NetworkOperator,
    sequence: Floats,
    *,
    basis: Basis = "modes",
    layer: int = 0,
    closure: str = "complex",
) -> PairMatrices:
    """Pairs of waves that one sequence raises in one layer, from its states.

    Parameters
    ----------
    sequence
        x (L, d), as long as the operator's centre; waves are those of what the layer receives, minus the same for
        the centre.
    operator, basis, layer, closure
        As in `pair_matrices`. With one layer and affine surroundings the matrices sum to the second order of the
        sequence exactly; in other networks to the part of it that the curvature of this layer's activation causes
        (products in gates and norms, and the curvature of other layers, are further parts).

    Raises
    ------
    ValueError
        The sequence differs from the centre in shape, or as `pair_matrices`.

    References
    ----------
    THEORY T11.
    """
    given = np.asarray(sequence, dtype=np.float64)
    view = layer_view(operator, layer, _rings(operator, layer, basis, closure))
    drive = layer_drive(operator, given, layer)
    waves = _waves(view.rings, drive, basis)  # (H, N + 1, L)
    weighted = view.weights[:, :, None, :] * waves[None]
    sums = 2.0 * (weighted @ waves.swapaxes(1, 2)).real
    differences = 2.0 * (weighted @ waves.conj().swapaxes(1, 2)).real
    return PairMatrices(sums, differences, basis, "sequence", _angles(view.rings, basis), steady=True)


def three_wave_response(first: Complexes, second: Complexes, step: int) -> Complexes:
    r"""What pairs of modes of one layer raise in the modes of the next, (M, M, R) after `step` steps.

    An impulse in the first layer leaves $\zeta^k$, $\zeta = \lambda_n\lambda_m$, in the product of two modes; mode r of
    the next layer then holds $\sum_{j\le k}\lambda_r'^{\,k-j}\zeta^j$, largest where $\lambda'_r$ is near ζ: three
    waves in resonance. Differences of modes: pass conjugates.

    Parameters
    ----------
    first, second
        Multipliers λ (M,) and λ' (R,) of modes of the two layers, |λ| ≤ 1.
    step
        k, not negative.

    Raises
    ------
    ValueError
        A negative step.

    References
    ----------
    THEORY T18.
    """
    if step < 0:
        msg = f"a step is at least 0, got {step}"
        raise ValueError(msg)
    pair, mode = np.broadcast_arrays((first[:, None] * first)[:, :, None], second)
    swap = np.abs(pair) < np.abs(mode)
    large, small = np.where(swap, mode, pair), np.where(swap, pair, mode)
    ratio = np.asarray(small / np.where(large == 0, 1.0, large), dtype=np.complex128)
    result: Complexes = large**step * geometric_sum(ratio, step + 1)  # |ratio| ≤ 1: powers do not overflow
    return result


def _unit_moments(view: LayerView, drive: str, *, at_end: bool) -> tuple[Complexes, Complexes]:
    r"""Pooled $x_nx_m$ and $x_n\bar x_m$ (H, N + 1, N + 1) for a unit drive: mean over time, or the last step."""
    length = view.weights.shape[2]
    multipliers, entries = _with_feedthrough(view.rings)
    found = []
    for other, entry in ((multipliers, entries), (multipliers.conj(), entries.conj())):
        ratio = multipliers[:, :, None] * other[:, None, :]
        if drive == "white":
            moments = geometric_sum(ratio, length) if at_end else triangular_sum(ratio, length) / length
        else:
            moments = ratio ** (length - 1) if at_end else geometric_sum(ratio, length) / length
        found.append(moments * entries[:, :, None] * entry[:, None, :])
    return found[0], found[1]


def _with_feedthrough(rings: Rings) -> tuple[Complexes, Complexes]:
    """Multipliers and inputs (H, N + 1); the feedthrough is a mode that forgets at once (λ = 0, b = 1)."""
    column = np.zeros((rings.channels, 1), dtype=np.complex128)
    return np.concatenate([rings.multipliers, column], axis=1), np.concatenate([rings.input_vector, column + 1], axis=1)


def _readers(rings: Rings, basis: str) -> Complexes:
    """From modes to the amplitudes z of the waves, (H, N + 1, N + 1); a real wave is twice its half."""
    nodes, factor = rings.nodes, 1.0 if rings.conjugate_pairs else 0.5
    result = np.zeros((rings.channels, nodes + 1, nodes + 1), dtype=np.complex128)
    if basis == "modes":
        result[:, np.arange(nodes), np.arange(nodes)] = factor * rings.output_vector
    else:
        result[:, :nodes, :nodes] = factor * rings.readout_weights[:, :, None] * rings.waves.conj() / nodes
    result[:, nodes, nodes] = 0.5 * rings.feedthrough
    return result


def _waves(rings: Rings, drive: Floats, basis: str) -> Complexes:
    """Amplitudes z (H, N + 1, L) of the waves that a drive (L, H) raises from rest."""
    contents = rings.node_contents(drive[None])[0]  # (L, H, N)
    factor = 1.0 if rings.conjugate_pairs else 0.5
    if basis == "modes":
        amplitudes = factor * rings.output_vector * rings.mode_amplitudes(contents)
    else:
        amplitudes = factor * rings.readout_weights * contents
    direct = (0.5 * rings.feedthrough * drive)[..., None]
    return np.asarray(np.concatenate([amplitudes, direct], axis=2).transpose(1, 2, 0), dtype=np.complex128)


def _angles(rings: Rings, basis: str) -> Floats:
    if basis == "modes":
        return np.asarray(np.angle(rings.multipliers))
    return np.broadcast_to(np.arange(rings.nodes, dtype=np.float64), (rings.channels, rings.nodes))


def _rings(operator: NetworkOperator, layer: int, basis: str, closure: str) -> Rings:
    if basis not in {"modes", "nodes"}:
        msg = f"unknown basis {basis!r}; choose 'modes' or 'nodes'"
        raise ValueError(msg)
    require_layer(operator, layer)
    # Nodes need the gauge in which the input enters node 0; modes are the same waves in every gauge.
    gauge = "textbook" if basis == "modes" else "unit-input"
    chosen = operator.network.layers[layer]
    if not isinstance(chosen, S4DLayer):
        msg = f"pairs of modes and nodes are those of S4D layers; layer {layer} is of {chosen.kind}"
        raise TypeError(msg)
    return layer_rings(chosen, closure=closure, gauge=gauge)
