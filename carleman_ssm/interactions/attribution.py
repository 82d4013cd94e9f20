r"""What each input position, and each pair of positions, adds to the margin of one class over another.

For the margin $m = \ell_{\mathrm{target}} - \ell_{\mathrm{rival}}$ of an operator and the deviation δ of a sequence
from the centre $x^0$, Taylor's formula with its remainder as an integral is

$$m(x^0+\delta) = m(x^0) + \sum_i\delta_i\,\partial_im(x^0)
  + \sum_{i,j}\delta_i\delta_j\int_0^1(1-t)\,\partial_i\partial_jm(x^0+t\delta)\,dt .$$

Nothing is left out: the contributions of positions (second term) and of pairs (third term, symmetric, a position with
itself on the diagonal) sum to the margin. A monomial $c\,\delta^\alpha$ of degree $p\ge2$ gives the pair $i \ne j$ the
share $\alpha_i\alpha_j/(p(p-1))$ and the pair (i, i) the share $\alpha_i(\alpha_i-1)/(p(p-1))$. A position together
with its row of pairs then has the share $\alpha_i/p$: Integrated Gradients. How such methods are fixed by their action
on monomials: Lundstrom and Razaviyayn, arXiv:2305.03100. Other shares (Shapley, Integrated Hessians) differ from these.

Nodes of Gauss and Jacobi for the weight $1-t$ make the integral exact for a polynomial of degree D with (D − 1)/2 of
them; otherwise there are as many as the sum needs to meet the margin. What remains is `Attribution.gap`; it speaks of
the sum, not of each pair. No nodes meet the margin where values leave the intervals of their fits on the way: a fit
stands still there, and its slope jumps. `Attribution.resolved` says whether the gap is small.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import index

import numpy as np

from carleman_ssm.interactions.path_integrals import (
    GRADED,
    MAX_NODES,
    TOLERANCE,
    Nodes,
    path_nodes,
    sufficient_nodes,
)
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.convolution import convolve
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.adjoint import gradients, hessian_products
from carleman_ssm.operators.jets import stack_series
from carleman_ssm.operators.lag_matrices import MAX_ENTRIES, lag_matrices, second_order_arrays
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import DomainError, NetworkOperator
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.operators.volterra_kernels import first_order_kernel

BLOCK_ENTRIES = 2**22
RESOLVED, ROUNDING = 1e-2, 1e-13
Parts = tuple[Floats, Floats, int, bool]  # positions, pairs, nodes, extrapolated


@dataclass(frozen=True, eq=False, repr=False)
class Attribution(Brief):
    r"""Contributions of positions and pairs to one margin; build it with `attribute`.

    Parameters
    ----------
    target, rival
        The margin is $\ell_{\mathrm{target}} - \ell_{\mathrm{rival}}$.
    margin, centre_margin
        Of the sequence and of the centre, as the operator prints them.
    positions
        $\delta_i\,\partial_im(x^0)$, (L, d).
    pairs
        Symmetric, (groups, groups) of `window` consecutive steps each, or (L, d, L, d).
    window
        Steps per group.
    nodes
        Points at which the integral was evaluated.
    extrapolated
        True when values of a deeper layer leave the intervals of their decoders on the way from the centre to the
        sequence (not at its ends): fits mean nothing there. A certificate for a box of inputs rules that out.

    References
    ----------
    THEORY T20.
    """

    target: int
    rival: int
    margin: float
    centre_margin: float
    positions: Floats
    pairs: Floats
    window: int
    nodes: int
    extrapolated: bool

    @property
    def gap(self) -> float:
        """The margin minus everything that is attributed: rounding, and the quadrature where nothing is polynomial."""
        return self.margin - self.centre_margin - float(self.positions.sum()) - float(self.pairs.sum())

    @property
    def resolved(self) -> bool:
        """Whether the gap is at most 1 % of what the margin differs from the centre's (or rounding of the parts)."""
        return abs(self.gap) <= max(RESOLVED * abs(self.margin - self.centre_margin), ROUNDING * self.scale)

    @property
    def scale(self) -> float:
        """Sum of the sizes of all parts: what the gap is to be compared with."""
        sizes = float(np.abs(self.positions).sum()) + float(np.abs(self.pairs).sum())
        return abs(self.margin) + abs(self.centre_margin) + sizes

    @property
    def groups(self) -> Floats:
        """`positions` over the groups of the pairs: (groups,), or (L, d) where pairs keep the features."""
        return self.positions if self.pairs.ndim == 4 else grouped(self.positions.sum(axis=1), self.window)

    @property
    def shares(self) -> Floats:
        """Each group with half of every pair that it is in (all of its own): with `centre_margin` and `gap` they sum
        to the margin. These are Integrated Gradients.
        """
        rows = self.pairs.sum(axis=(2, 3)) if self.pairs.ndim == 4 else self.pairs.sum(axis=1)
        result: Floats = self.groups + rows
        return result


def attribute(
    operator: NetworkOperator,
    sequence: Floats,
    target: int | None = None,
    rival: int | None = None,
    *,
    window: int = 1,
    features: bool = False,
) -> Attribution:
    """Contributions of positions and of pairs of positions to the margin of one class over another.

    Parameters
    ----------
    operator
        Of any depth; contributions are counted about its centre.
    sequence
        x (L, d), as long as the centre.
    target, rival
        Classes; by default the one that the operator prints, and the next.
    window
        Pairs of groups of so many consecutive steps, (L / window)² numbers; the last group may be shorter.
    features
        Keep the input features of pairs apart, (L, d, L, d); needs ``window=1``.

    Raises
    ------
    ValueError
        Shapes, classes or window do not fit, or more than 10⁸ numbers are asked for.
    DomainError
        The sequence lies outside the operator's domain.
    TypeError
        An operator of another kind, or a class that is no integer.

    References
    ----------
    Taylor's theorem with integral remainder; derivatives: THEORY T20. How gradient methods share a monomial: Lundstrom
    and Razaviyayn, arXiv 2305.03100.
    """
    given = _checked(operator, sequence, window, features=features)
    logits = operator(np.stack([given, operator.centre]))
    chosen = _classes(logits[0], target, rival)
    contrast = np.eye(1, logits.shape[1], chosen[0]) - np.eye(1, logits.shape[1], chosen[1])
    margins = logits @ contrast[0]
    if isinstance(operator, OneLayerOperator):
        parts = _one_layer(operator, given, contrast, window, features=features)
    elif isinstance(operator, StackOperator):
        parts = _stack(operator, given, contrast, float(margins[0] - margins[1]), window, features=features)
    else:
        msg = f"an operator of type {type(operator).__name__} has no attribution; build it with network_operator"
        raise TypeError(msg)
    return Attribution(*chosen, float(margins[0]), float(margins[1]), *parts[:2], window, *parts[2:])


def grouped(values: Floats, window: int) -> Floats:
    """Sums over consecutive groups of `window` entries of the first axis; the last group may be shorter."""
    return np.asarray(np.add.reduceat(values, np.arange(0, len(values), window), axis=0))


def _checked(operator: NetworkOperator, sequence: Floats, window: int, *, features: bool) -> Floats:
    given = np.asarray(sequence, dtype=np.float64)
    if given.shape != operator.centre.shape:
        msg = (
            f"the sequence has shape {given.shape}, the operator's centre {operator.centre.shape}: contributions are "
            "counted about a centre of the same shape; build the operator for this length"
        )
        raise ValueError(msg)
    if not 1 <= window <= len(given) or (features and window != 1):
        allowed = "1, with features apart" if features else f"between 1 and {len(given)}"
        msg = f"the window must be {allowed}; got {window}"
        raise ValueError(msg)
    count = given.size if features else -(-len(given) // window)
    if count**2 > MAX_ENTRIES:
        msg = (
            f"{count} positions have {count**2:.3g} pairs (at most {MAX_ENTRIES:.0e} are written out): take a larger "
            "window of steps"
        )
        raise ValueError(msg)
    return given


def _classes(logits: Floats, target: int | None, rival: int | None) -> tuple[int, int]:
    if len(logits) < 2:
        msg = "a margin needs two classes; this network has one logit"
        raise ValueError(msg)
    for name, label in (("target", target), ("rival", rival)):
        try:
            index(0 if label is None else label)
        except TypeError:
            msg = f"{name} must be the number of a class, an integer, not {label!r}"
            raise TypeError(msg) from None
        if label is not None and not 0 <= label < len(logits):
            msg = f"{name} is {label}, the network has classes 0 to {len(logits) - 1}"
            raise ValueError(msg)
    order = [int(label) for label in np.argsort(-logits, kind="stable")]
    if target is None:
        target = next(label for label in order if label != rival)
    if rival is None:
        rival = next(label for label in order if label != target)
    if target == rival:
        msg = f"target and rival are both class {target}; a margin is between two classes"
        raise ValueError(msg)
    return target, rival


def _one_layer(operator: OneLayerOperator, sequence: Floats, contrast: Floats, window: int, *, features: bool) -> Parts:
    """Positions and pairs; the remainder of a decoder is an integral per step and channel."""
    form, deviation = operator.form, sequence - operator.centre
    first = np.tensordot(contrast[0], first_order_kernel(form, operator.decoders, operator.centre), axes=1)
    before, response = form.preactivations(operator.centre[None])[0], form.response(deviation[None])[0]
    remainder, nodes = _remainder(operator, before, response)
    readout = (contrast @ form.readout.value)[0]
    weights = readout[:, None] * (remainder * form.pool_weights(len(sequence))[:, None]).T  # (H, L)
    kernel, drive = form.kernel.value[:, : len(sequence)], form.drive_weight.value
    if features:
        pairs = second_order_arrays(weights[None], kernel, drive)[0]
        return first * deviation, pairs * deviation * deviation[:, :, None, None], nodes, False
    if window == 1 and drive.shape[1] == 1:
        pairs = lag_matrices((weights * drive**2)[None], kernel)[0]
        return first * deviation, pairs * deviation * deviation.T, nodes, False
    return first * deviation, _by_responses(kernel, drive, weights, deviation, window), nodes, False


def _remainder(operator: OneLayerOperator, before: Floats, response: Floats) -> tuple[Floats, int]:
    r"""$\int_0^1(1-t)\,p''(y^0 + t\eta)\,dt = p[y^0, y^0, y^0+\eta]$ of every step and channel, and the nodes used.

    The path stays in the decoders' intervals, because its ends do.
    """
    decoders = operator.decoders
    ends = decoders.taylor(before, 1)
    wanted = decoders(before + response) - ends[0] - ends[1] * response
    scale = TOLERANCE * np.max([np.abs(ends[0]).max(), np.abs(wanted).max()])
    count = max(1, decoders.degree // 2)
    while True:
        points, weights = path_nodes(count)
        inner = before + points[:, None, None] * response
        result = 2.0 * np.tensordot(weights, decoders.taylor(inner, 2)[2], axes=1)
        if np.abs(wanted - result * response**2).max() <= scale or count >= MAX_NODES:
            return result, count
        count = min(2 * count, MAX_NODES)


def _by_responses(kernel: Floats, drive: Floats, weights: Floats, deviation: Floats, window: int) -> Floats:
    r"""$\sum_{hk} w_{hk}\,\eta^a_{hk}\eta^b_{hk}$ for the responses $\eta^a$ to every group of steps, by channels."""
    parts = _directions(deviation, window, features=False)
    pairs = np.zeros((len(parts), len(parts)))
    block = max(1, BLOCK_ENTRIES // (len(parts) * len(deviation)))
    for first in range(0, len(kernel), block):
        rows = slice(first, first + block)
        responses = convolve(kernel[rows], parts @ drive[rows].T)
        weighted = responses * weights[rows].T
        pairs += weighted.reshape(len(parts), -1) @ responses.reshape(len(parts), -1).T
    return pairs


def _directions(deviation: Floats, window: int, *, features: bool) -> Floats:
    """The deviation, one group of positions at a time: (groups, L, d), its sum over groups the deviation."""
    count = deviation.size if features else -(-len(deviation) // window)
    group = (
        np.arange(deviation.size) if features else np.repeat(np.arange(len(deviation)) // window, deviation.shape[1])
    )
    parts = np.zeros((count, deviation.size))
    parts[group, np.arange(deviation.size)] = deviation.ravel()
    return parts.reshape(count, *deviation.shape)


def _stack(
    operator: StackOperator, sequence: Floats, contrast: Floats, difference: float, window: int, *, features: bool
) -> Parts:
    """Positions and pairs, from Hessian products along the path."""
    stack, decoders, centre = operator.stack, operator.decoders, operator.centre
    deviation = sequence - centre
    positions = gradients(stack, decoders, centre[None], contrast)[0, 0] * deviation
    points, weights = _chosen_nodes(operator, deviation, contrast, difference - float(positions.sum()))
    parts = _directions(deviation, window, features=features)
    pairs = np.zeros((len(parts), len(parts)))
    for point, weight in zip(points.tolist(), weights.tolist(), strict=True):
        curved = hessian_products(stack, decoders, (centre + point * deviation)[None], parts, contrast)[:, 0]
        pairs += weight * (curved.reshape(len(parts), -1) @ parts.reshape(len(parts), -1).T)
    pairs = 0.5 * (pairs + pairs.T)  # symmetric up to rounding
    pairs = pairs.reshape(*deviation.shape, *deviation.shape) if features else pairs
    path = np.concatenate([points, GRADED])
    return positions, pairs, len(points), _leaves_intervals(operator, centre + path[:, None, None] * deviation)


def _chosen_nodes(operator: StackOperator, deviation: Floats, contrast: Floats, curved: float) -> Nodes:
    """Nodes for which the curvature along the path sums to `curved`: one cheap pass each."""
    if operator.is_polynomial and operator.total_degree <= 2 * MAX_NODES:
        return path_nodes(max(1, operator.total_degree // 2))

    def curvature(points: Floats) -> Floats:
        centre, step = operator.centre + points[:, None, None] * deviation, deviation[None].repeat(len(points), axis=0)
        with np.errstate(over="ignore", invalid="ignore"):  # refused by name below
            found = stack_series(operator.stack, operator.decoders, (centre, step), 2)[0]
            values = 2.0 * found[2] @ contrast[0] if len(found) > 2 else np.zeros(len(points))
        if not np.isfinite(values).all():
            msg = (
                "between the centre and the sequence the operator leaves the range of float64, since its fits blow up "
                "outside their intervals: build it with fit='cosine', or with an input_bound that covers the sequence"
            )
            raise ValueError(msg)
        return values

    return sufficient_nodes(curvature, curved)


def _leaves_intervals(operator: StackOperator, path: Floats) -> bool:
    try:
        operator(path)
    except DomainError:
        return True
    return False
