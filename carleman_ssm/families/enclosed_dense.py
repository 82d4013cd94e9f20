r"""The kernel of S4's dense matrix with a proved bound on its distance to that of the stored parameters, at any N.

A step of the bilinear rule is a contraction when $A + A^\top \le 0$, which holds for $A = J(\Lambda) - 2 p p^\top$ with
$\mathrm{Re}\,\Lambda \le 0$ (`recurrences.dense_laws`). So rounding errors are carried on with a factor of at most 1,

$$\|\delta_{k+r}\| \le \|\delta_k\| + (e_r + \gamma_N \|\hat P_r\|_F) \|\hat x_k\|, \qquad
  e_{2r} \le e_r (2 + e_r) + \gamma_N \|\hat P_r\|_F^2,$$

for states $\hat x$ and powers $\hat P_r \approx \bar A^r$ found by doubling in float64, $e_r$ a bound of
$\|\hat P_r - \bar A^r\|_2$. $\bar A$, $\bar b$ and the readout come from ball arithmetic and are rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass

import flint
import numpy as np

from carleman_ssm.families.s4 import S4
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import UNDERFLOW, Enclosed, enclose_matrix, gamma, outward
from carleman_ssm.networks.kernel import with_feedthrough
from carleman_ssm.networks.layers import Array

BITS = 512
"""Solving with $1 - \\bar A^\\ell$ after nine squarings loses some hundred of them at N = 64."""


def s4_kernel(layer: S4, length: int) -> Enclosed:
    r"""Kernel (H, L) of an S4 layer before its activation, feedthrough included, with its proved error.

    Parameters
    ----------
    layer
        In one direction, with one readout for each channel and one step for all modes of a channel; $\Delta$ and
        $-\mathrm{Re}\,A$ stored as logarithms, the imaginary part as it is (the reference's defaults).
    length
        L.

    Raises
    ------
    ValueError
        A layer of another kind, or no lag.
    ArithmeticError
        The readout is not determined by the stored one: $1 - \bar A^\ell$ may be singular.
    """
    options = layer.options
    plain = (options.real_transform, options.imag_transform, options.dt_transform) == ("exp", "none", "exp")
    for holds, words in (
        (options.bidirectional, "runs in both directions, so that its kernel is not causal"),
        (layer.D.shape[0] > 1, "has several readouts per channel"),
        (layer.inv_dt.shape[1] > 1, "has a step for each mode, so that its steps need not contract"),
        (options.dt_fast or not plain, "stores its parameters under other transforms than the default"),
    ):
        if holds:
            msg = f"the enclosed kernel of S4 is for the default layer, and this one {words}"
            raise ValueError(msg)
    if length < 1:
        msg = f"a kernel needs at least one lag, got length {length}"
        raise ValueError(msg)
    rows = [_channel_kernel(_channel(layer, h), length) for h in range(layer.channels)]
    kernel = Enclosed(np.stack([row.value for row in rows]), np.stack([row.error for row in rows]))
    return with_feedthrough(kernel, layer.D[0])


@dataclass(frozen=True, eq=False, repr=False)
class _Dense(Brief):
    r"""$\bar A$ (N, N), $\bar b$ (N, 1) and c (1, N), rounded once."""

    matrix: Enclosed
    drive: Enclosed
    readout: Enclosed


def _channel(layer: S4, channel: int) -> _Dense:
    copy, size = channel % layer.A_real.shape[0], layer.size
    with flint.ctx.workprec(BITS):
        step = flint.arb(float(layer.inv_dt[channel, 0])).exp()
        one = flint.arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
        half = _generator(layer, copy) * (step / 2)
        drive = [*layer.B[copy].real.tolist(), *layer.B[copy].imag.tolist()]
        matrix = (one - half).solve(one + half)
        kick = (one - half).solve(flint.arb_mat(size, 1, drive) * step)
        stored = layer.C[0, channel]
        row = flint.arb_mat(size, 1, [*stored.real.tolist(), *(-stored.imag).tolist()]) * 2
        if layer.l_kernel:
            try:
                row = (one - matrix**layer.l_kernel).transpose().solve(row)
            except ZeroDivisionError as error:
                msg = f"1 - A^{layer.l_kernel} of channel {channel} may be singular: the readout cannot be recovered"
                raise ArithmeticError(msg) from error
        return _Dense(enclose_matrix(matrix), enclose_matrix(kick), enclose_matrix(row.transpose()))


def _generator(layer: S4, copy: int) -> flint.arb_mat:
    r"""$J(\Lambda) - 2 \sum p p^\top$ of the stored numbers."""
    decay, frequency = layer.A_real[copy].tolist(), layer.A_imag[copy].tolist()
    modes, size = len(decay), layer.size
    entries = {}
    for n in range(modes):
        entries[n, n] = entries[n + modes, n + modes] = -flint.arb(decay[n]).exp()
        entries[n, n + modes], entries[n + modes, n] = flint.arb(frequency[n]), -flint.arb(frequency[n])
    rotation = flint.arb_mat(size, size, [entries.get((i, j), flint.arb(0)) for i in range(size) for j in range(size)])
    for rank in layer.P[:, copy]:
        p = flint.arb_mat(size, 1, [*rank.real.tolist(), *rank.imag.tolist()])
        rotation = rotation - p * p.transpose() * 2
    return rotation


def _channel_kernel(dense: _Dense, length: int) -> Enclosed:
    size = dense.matrix.value.shape[0]
    power, error = dense.matrix.value, _norm(dense.matrix.error)
    states, state_error = dense.drive.value, np.array([_norm(dense.drive.error)])
    rounding = gamma(size)  # of sums of N products, in any order
    while states.shape[1] < length:
        frobenius, sizes = _norm(power), np.linalg.norm(states, axis=0)
        added = outward(state_error + (error + rounding * frobenius) * sizes) + size * UNDERFLOW
        states, state_error = np.hstack([states, power @ states]), np.concatenate([state_error, added])
        power, error = power @ power, float(outward(error * (2 + error) + rounding * frobenius**2)) + size * UNDERFLOW
    states, state_error = states[:, :length], state_error[:length]
    row, sizes = dense.readout.value, np.linalg.norm(states, axis=0)
    bound = _norm(dense.readout.error) * sizes + (_norm(row) + _norm(dense.readout.error)) * state_error
    products = rounding * (np.abs(row) @ np.abs(states))[0]
    return Enclosed((row @ states)[0], outward(bound + products))


def _norm(array: Array) -> float:
    """An upper bound of the Frobenius norm; squares below the range of float64 are covered by the last term."""
    return float(outward(np.sqrt(np.sum(np.square(array))))) + array.size * UNDERFLOW
