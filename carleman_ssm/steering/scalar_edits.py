r"""The shortest edit that moves one decoded value, or one logit that reads one decoded value (THEORY T21).

One pre-activation sees an edit δ only through the shift $t = K\cdot\delta$, K its kernel over the input. Of all edits
with this shift $Kt/\lVert K\rVert^2$ is the shortest, so the edit that brings $V\sigma(y)$ to a wanted value is given
by the root t nearest to 0, for *any* σ. With a residual path the logit reads $\varrho = e\cdot\delta$ too: the shortest
edit lies in the plane of K and e, and one function of t is made least (`theory.scalar_edits` proves both).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Literal

import numpy as np
import numpy.typing as npt
from flint import arb

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.operators.one_layer import one_layer_form
from carleman_ssm.steering.constraints import EditConstraints
from carleman_ssm.steering.edit_planes import EditPlane, balls, below, edit_plane, inner_product
from carleman_ssm.steering.scalar_shifts import BITS, PRECISION, least_norm, movement, nearest_root
from carleman_ssm.theory.activations import Activation, activation
from carleman_ssm.theory.certification import ball_arithmetic
from carleman_ssm.theory.polynomials import require_integer

STEEP = 1e-6
"""Share of $\\lVert e\\rVert^2$ across K below which the search for the least norm starts from the root as well."""


@dataclass(frozen=True, eq=False, repr=False)
class ScalarReadout(Brief):
    r"""$z(\delta) = z_0 + V\big(\sigma(y + K\cdot\delta) - \sigma(y)\big) + e\cdot\delta$ about one sequence.

    Parameters
    ----------
    rule
        σ.
    preactivation
        $y$.
    value
        $z_0$, what is read without an edit.
    weight
        $V$.
    kernel, residual
        K and e (L, d).
    """

    rule: Activation
    preactivation: float
    value: float
    weight: float
    kernel: Floats
    residual: Floats

    def __call__(self, edit: Floats) -> float:
        """$z(δ)$ of δ (L, d)."""
        shifted = self.rule(np.array([self.preactivation, self.preactivation + float(np.sum(self.kernel * edit))]))
        return self.value + self.weight * float(shifted[1] - shifted[0]) + float(np.sum(self.residual * edit))


@dataclass(frozen=True, eq=False, repr=False)
class ScalarEdit(Brief):
    r"""The shortest edit that makes a `ScalarReadout` read a wanted value.

    Parameters
    ----------
    change
        δ (L, d); zero where there is none.
    norm
        $\lVert\delta\rVert$ in the metric of the constraints; infinite where there is none.
    lower_bound
        No edit that reads the value is shorter; infinite where it is out of reach. Proved by ball arithmetic for the
        numbers y, V, K, e and $z - z_0$ as float64 holds them, in the coordinates of the constraints; the rounding
        behind these numbers is not counted.
    status
        ``"global"``: norm and lower bound agree to 1e-9, and so do the value read and the wanted one, relative to
        $|z - z_0| + |V\sigma'(y + t)\,t| + |e\cdot\delta|$. ``"unreachable"``: no edit with $|t| < 2^{60}$ reads the
        value. ``"undecided"``: the search ended without proof (a value that σ only touches or tends to, say), or
        float64 does not hold the edit well enough (K and e parallel but for rounding, say).
    shift, residual_shift
        t and $e\cdot\delta$.
    value
        What is read with the edit.
    """

    change: Floats
    norm: float
    lower_bound: float
    status: Literal["global", "unreachable", "undecided"]
    shift: float
    residual_shift: float
    value: float


def channel_readout(network: S4DNetwork, sequence: npt.ArrayLike, channel: int, step: int = -1) -> ScalarReadout:
    r"""The decoded value $\varphi(y_{k,h})$ of one channel and step of a network of one layer, for `scalar_edit`.

    Parameters
    ----------
    sequence
        x (L, d).
    channel, step
        h and k; −1 is the last step.

    Raises
    ------
    ValueError
        The network has no affine surroundings (`one_layer.check_supported`), or no such channel or step.
    TypeError
        Channel or step is no integer.

    References
    ----------
    THEORY T9, T21.
    """
    x = _checked(network, sequence)
    form = one_layer_form(network, len(x))
    channel, step = require_integer(channel, "the channel"), require_integer(step, "the step")
    if not 0 <= channel < form.channels or not -len(x) <= step < len(x):
        msg = f"channel {channel}, step {step} does not exist: there are {form.channels} channels, {len(x)} steps"
        raise ValueError(msg)
    last = step % len(x)
    kernel = np.zeros_like(x)
    kernel[: last + 1] = form.kernel.value[channel, last::-1, None] * form.drive_weight.value[channel]
    y = float(form.preactivations(x[None])[0, last, channel])
    rule = activation(network.config.activation, network.layers[0].activation_coefficients)
    return ScalarReadout(rule, y, float(rule(np.array(y))), 1.0, kernel, np.zeros_like(x))


def logit_readout(network: S4DNetwork, sequence: npt.ArrayLike, readout_row: npt.ArrayLike) -> ScalarReadout:
    r"""A combination of logits that reads one channel at one step, and the residual path there, for `scalar_edit`.

    Parameters
    ----------
    sequence
        x (L, d).
    readout_row
        (classes,).

    Raises
    ------
    ValueError
        The network pools several steps, or the row reads none or several channels: `local_edit` serves these.

    References
    ----------
    THEORY T9, T21.
    """
    x, row = _checked(network, sequence), np.asarray(readout_row, dtype=np.float64)
    if network.config.pool != "last" and len(x) > 1:
        msg = "this network pools over the steps, so its logits read many values of y: use smallest_edit or local_edit"
        raise ValueError(msg)
    form = one_layer_form(network, len(x))
    if row.shape != (form.classes,):
        msg = f"a readout row has shape ({form.classes},), got {row.shape}"
        raise ValueError(msg)
    weights = row @ form.readout.value
    read = np.flatnonzero(weights)
    if len(read) != 1:
        msg = f"this row reads {len(read)} channels, and one is covered: use smallest_edit or local_edit"
        raise ValueError(msg)
    channel = int(read[0])
    found = channel_readout(network, x, channel)
    residual = np.zeros_like(x)
    residual[-1] = row @ form.skip.value
    value = found.value * weights[channel] + float(residual[-1] @ x[-1] + row @ form.offset.value[:, 0])
    return replace(found, value=value, weight=float(weights[channel]), residual=residual)


def scalar_edit(readout: ScalarReadout, wanted: float, constraints: EditConstraints | None = None) -> ScalarEdit:
    r"""The shortest edit with which the readout gives a wanted value.

    Parameters
    ----------
    readout
        See `channel_readout` and `logit_readout`.
    wanted
        z.
    constraints
        Steps, channels, band and smoothness: subspaces, in which the same theorem holds.

    Raises
    ------
    ValueError
        The wanted value is not finite, or the constraints are no subspace (box, sparsity): `local_edit` serves these.

    References
    ----------
    THEORY T21.

    Examples
    --------
    >>> square = ScalarReadout(activation("square"), 1.0, 1.0, 1.0, np.array([[3.0], [4.0]]), np.zeros((2, 1)))
    >>> found = scalar_edit(square, 4.0)
    >>> found.change[:, 0].round(12).tolist(), found.status
    ([0.12, 0.16], 'global')
    """
    rule = EditConstraints() if constraints is None else constraints
    if not rule.is_subspace:
        msg = "a box or sparsity is no subspace: use local_edit"
        raise ValueError(msg)
    moved = float(wanted) - readout.value
    if not (isfinite(moved) and np.isfinite(readout.kernel).all() and np.isfinite(readout.residual).all()):
        msg = f"a scalar edit needs finite numbers, got {wanted} wanted of {readout.value}, K and e"
        raise ValueError(msg)
    space = rule.space(*readout.kernel.shape)
    kernel, residual = space.reduce(readout.kernel), space.reduce(readout.residual)
    z, bound, decided = _shortest(readout, kernel, residual, moved)
    if z is None or not np.isfinite(z).all():
        status: Literal["unreachable", "undecided"] = "unreachable" if decided and bound == inf else "undecided"
        return ScalarEdit(np.zeros_like(readout.kernel), inf, bound, status, 0.0, 0.0, readout.value)
    change, norm = space.expand(z), float(np.linalg.norm(z))
    proved = decided and norm * (1.0 - 2.0 * PRECISION) <= bound and _is_read(readout, change, moved)
    return ScalarEdit(
        change,
        norm,
        bound,
        "global" if proved else "undecided",
        float(kernel @ z),
        float(residual @ z),
        readout(change),
    )


def _shortest(
    readout: ScalarReadout, kernel: Floats, residual: Floats, wanted: float
) -> tuple[Floats | None, float, bool]:
    """Coordinates of the edit, lower bound of its norm, and whether that is proved."""
    if wanted == 0.0:
        return np.zeros_like(kernel), 0.0, True
    with ball_arithmetic(BITS, order=2):
        if not kernel.any():  # only the residual path sees an edit
            if not residual.any():
                return None, inf, True
            seen = inner_product(balls(residual), balls(residual))
            return residual * float((wanted / seen).mid()), below(abs(wanted) / seen.sqrt()), True
        plane = edit_plane(kernel, residual)
        if plane.parallel:
            root = nearest_root(readout.rule, readout.preactivation, readout.weight, plane.ratio, wanted)
            edit = None if root.shift is None else plane.along(root.shift)
            return edit, below(arb(root.lower_bound) / plane.squared.sqrt()), root.decided
        return _beside_residual(readout, plane, float(np.linalg.norm(residual)), wanted)


def _beside_residual(
    readout: ScalarReadout, plane: EditPlane, length: float, wanted: float
) -> tuple[Floats | None, float, bool]:
    """`_shortest` for e that is not parallel to K: every value is within reach."""
    rule, y, weight = readout.rule, readout.preactivation, readout.weight
    root = None
    if not plane.across_squared > STEEP * length**2:  # a narrow valley along the edits of the kernel alone
        root = nearest_root(rule, y, weight, plane.ratio, wanted).shift
    gram = (plane.squared, plane.ratio, plane.across_squared)
    found = least_norm(rule, y, weight, wanted, gram, () if root is None else (root,))
    bound = below(arb(found.lower_bound).sqrt())
    if root is not None and arb(root) ** 2 / plane.squared <= found.lower_bound * (1 + PRECISION):
        return plane.along(root), bound, True  # float64 holds no shift deeper in the valley
    if found.shift is None:
        return None, bound, False
    rest = wanted - movement(rule, y, weight, arb(found.shift))[0]
    return plane.edit(found.shift, rest), bound, found.decided


def _is_read(readout: ScalarReadout, change: Floats, wanted: float) -> bool:
    """Whether the readout moves by what is wanted with this edit of float64 numbers, in ball arithmetic."""
    with ball_arithmetic(BITS, order=2):
        edit = balls(change)
        shift, residual = (inner_product(balls(row), edit) for row in (readout.kernel, readout.residual))
        moved, slope = movement(readout.rule, readout.preactivation, readout.weight, shift)
        size = abs(arb(wanted)) + abs(slope * shift) + abs(residual)
        return bool(abs(moved + residual - wanted) <= PRECISION * size)


def linear_edit(rows: Floats, changes: Floats) -> Floats:
    r"""The shortest edit $\delta = \mathcal K^+\Delta$ that changes several linear readings by Δ.

    Parameters
    ----------
    rows
        $\mathcal K$ (m, L, d): the kernels of m pre-activations (`ScalarReadout.kernel`), say.
    changes
        Δ (m,).

    Returns
    -------
    numpy.ndarray
        δ (L, d).

    Raises
    ------
    ValueError
        Shapes do not fit, numbers are not finite, or the readings depend on each other and Δ contradicts that.

    References
    ----------
    THEORY T21.
    """
    matrix, wanted = np.asarray(rows, dtype=np.float64), np.asarray(changes, dtype=np.float64)
    if matrix.ndim != 3 or wanted.shape != matrix.shape[:1] or not len(wanted):
        msg = f"expected rows (m, L, d) and changes (m,), got {matrix.shape} and {wanted.shape}"
        raise ValueError(msg)
    if not (np.isfinite(matrix).all() and np.isfinite(wanted).all()):
        msg = "rows and changes of a linear edit have to be finite"
        raise ValueError(msg)
    flat = matrix.reshape(len(matrix), -1)
    edit = np.linalg.lstsq(flat, wanted, rcond=None)[0]
    missed = np.abs(flat @ edit - wanted).max()
    if missed > 1e-9 * max(np.abs(wanted).max(), 1e-300):
        msg = f"no edit changes these readings so: they depend on each other, and the nearest misses by {missed:.3g}"
        raise ValueError(msg)
    return np.asarray(edit.reshape(matrix.shape[1:]), dtype=np.float64)


def _checked(network: S4DNetwork, sequence: npt.ArrayLike) -> Floats:
    x = np.asarray(sequence, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != network.features or not len(x) or not np.isfinite(x).all():
        msg = f"expected a finite sequence (L, {network.features}), got shape {x.shape}"
        raise ValueError(msg)
    return x
