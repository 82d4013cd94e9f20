r"""The problem of the smallest edit in the coordinates of its subspace, with exact derivatives.

$$\min_z\ \tfrac12\lVert z\rVert^2\quad\text{such that}\quad
c_i(z) = \frac{r_i^\top\ell(x + Bz) - w_i}{s_i}\ge 0,\qquad \text{low}\le x + Bz\le\text{high},$$

with the scales $s_i$ the lengths of the gradients at the sequence, so that all $c_i$ are distances to first order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.network_function import NetworkFunction
from carleman_ssm.operators.operator import Flags
from carleman_ssm.steering.constraints import EditConstraints, EditSpace, Indices
from carleman_ssm.steering.quadratic import few_coordinates


@dataclass(frozen=True, eq=False, repr=False)
class SpaceBounds(Brief):
    """Lower and upper limits of the edit's values as rows of a linear map of the coordinates.

    Parameters
    ----------
    space
        The subspace $δ = Bz$.
    lower, upper
        Positions in the flattened edit with a finite limit.
    """

    space: EditSpace
    lower: Indices
    upper: Indices

    def apply(self, step: Floats) -> Floats:
        """How much further from the lower limits, then from the upper ones, (rows,)."""
        edit = self.space.expand(step).reshape(-1)
        return np.concatenate([edit[self.lower], -edit[self.upper]])

    def transpose(self, weights: Floats) -> Floats:
        """Transpose of `apply`."""
        return self.space.reduce(self._spread(weights[: len(self.lower)], -weights[len(self.lower) :]))

    def gram(self, weights: Floats) -> Floats:
        """$B^T W B$; its diagonal where coordinates are values of the edit."""
        if self.space.step_basis is None:
            return self.gram_diagonal(weights)
        basis = self.space.matrix()
        result: Floats = basis.T @ (self._spread(*self._parts(weights)).reshape(-1, 1) * basis)
        return result

    def gram_diagonal(self, weights: Floats) -> Floats:
        """Diagonal of `gram`."""
        squared = self.space
        if squared.step_basis is not None:
            squared = replace(squared, step_basis=squared.step_basis**2)
        return squared.reduce(self._spread(*self._parts(weights)))

    def _parts(self, weights: Floats) -> tuple[Floats, Floats]:
        return weights[: len(self.lower)], weights[len(self.lower) :]

    def _spread(self, below: Floats, above: Floats) -> Floats:
        grid = np.zeros(self.space.length * self.space.features)
        grid[self.lower] += below
        grid[self.upper] += above
        return grid.reshape(self.space.length, self.space.features)


@dataclass(frozen=True, eq=False, repr=False)
class MarginProblem(Brief):
    """Build it with `margin_problem`.

    Parameters
    ----------
    function
        The logits and their derivatives.
    sequence
        $x$ (L, d).
    readout, wanted
        $r_i/s_i$ (m, classes) and $w_i/s_i$ (m,).
    scales
        $s_i$ (m,).
    space
        The subspace of the edits.
    lower, upper
        Limits (L, d) of the edit.
    """

    function: NetworkFunction
    sequence: Floats
    readout: Floats
    wanted: Floats
    scales: Floats
    space: EditSpace
    lower: Floats
    upper: Floats

    @cached_property
    def bounds(self) -> SpaceBounds:
        """The finite limits of values that may change."""
        reach = self.space if self.space.step_basis is None else replace(
            self.space, step_basis=np.abs(self.space.step_basis)
        )  # fmt: skip
        free = reach.expand(np.ones(self.space.dimension)) > 0.0
        finite = (np.flatnonzero(free & np.isfinite(limit)) for limit in (self.lower, self.upper))
        return SpaceBounds(self.space, *finite)

    def only(self, margins: Indices) -> MarginProblem:
        """The problem of some of the margins alone."""
        return replace(self, readout=self.readout[margins], wanted=self.wanted[margins], scales=self.scales[margins])

    def room(self, z: Floats) -> Floats:
        """How far the edit is from its limits, in the rows of `bounds`."""
        edit = self.space.expand(z)
        below, above = (edit - self.lower).reshape(-1), (self.upper - edit).reshape(-1)
        return np.concatenate([below[self.bounds.lower], above[self.bounds.upper]])

    def at(self, z: Floats) -> Floats:
        """The edited sequence (L, d)."""
        return self.sequence + self.space.expand(z)

    def values(self, z: Floats) -> Floats:
        """$c$ (m,); −∞ where the logits leave the range of float64."""
        found: Floats = self.readout @ self.function.logits(self.at(z)) - self.wanted
        return np.where(np.isfinite(found), found, -np.inf)

    def jacobian(self, z: Floats) -> Floats:
        """Derivatives (m, r) of c."""
        return self.space.reduce(self.function.gradients(self.at(z), self.readout))

    def hessian(self, z: Floats, weights: Floats) -> Floats:
        r"""$\sum_iw_i\nabla^2c_i$ (r, r)."""
        deep, dimension, size = len(self.function.stack.layers) > 1, self.space.dimension, self.sequence.size
        if few_coordinates(dimension, size) or (deep and dimension < size):
            # Depth has no closed form either: a product for each coordinate, not for each value of the sequence.
            rows = self.hessian_rows(z, weights, np.eye(self.space.dimension))
            return 0.5 * (rows + rows.T)
        found = self.function.hessians(self.at(z), weights @ self.readout)[0]
        half = self.space.reduce(found)  # (L, d, r)
        whole = self.space.reduce(np.moveaxis(half, -1, 0))
        return 0.5 * (whole + whole.T)

    def hessian_rows(self, z: Floats, weights: Floats, rows: Floats) -> Floats:
        r"""Products (k, r) of the same matrix with rows (k, r)."""
        directions = self.space.expand(rows)
        found = self.function.hessian_products(self.at(z), directions, weights @ self.readout)
        return self.space.reduce(found[:, 0])

    def inside(self, z: Floats) -> Floats:
        """Coordinates of an edit within the limits, near those given.

        Raises
        ------
        ValueError
            Neither clipping nor shrinking the edit brings it within the limits.
        """
        edit = self.space.expand(z)
        clipped = self.space.coordinates(np.clip(edit, self.lower, self.upper))
        size = float(np.abs(edit).max(initial=0.0))
        for candidate in (z, clipped, self._shrunk(edit) * z):
            room = self.room(candidate)
            if room.min(initial=0.0) >= -1e-13 * max(1.0, size):
                return candidate
        msg = "no edit of this band brings the sequence into the box: start from a sequence inside it, or drop the band"
        raise ValueError(msg)

    def _shrunk(self, edit: Floats) -> float:
        """Largest factor in [0, 1] that brings an edit within limits that allow 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            factors = np.where(edit > 0.0, self.upper / edit, np.where(edit < 0.0, self.lower / edit, 1.0))
        return float(np.clip(factors.min(), 0.0, 1.0))


def margin_problem(
    function: NetworkFunction,
    sequence: Floats,
    readout: Floats,
    wanted: Floats,
    constraints: EditConstraints,
    support: Flags | None = None,
) -> MarginProblem:
    """The problem for margins readout · logits ≥ wanted, (m, classes) and (m,).

    Parameters
    ----------
    support
        (L, d), true where values may change; for constraints without band and smoothness.

    Raises
    ------
    ValueError
        Shapes do not fit, or as `EditConstraints.space` and `EditConstraints.limits`.
    """
    x, rows = np.asarray(sequence, dtype=np.float64), np.atleast_2d(np.asarray(readout, dtype=np.float64))
    goal = np.atleast_1d(np.asarray(wanted, dtype=np.float64))
    if x.ndim != 2 or goal.shape != rows.shape[:1] or not len(goal) or not np.isfinite(goal).all():
        msg = f"expected a sequence (L, d), rows (m, classes), m finite values; got {x.shape}, {rows.shape}, {goal}"
        raise ValueError(msg)
    space, (lower, upper) = constraints.space(*x.shape), constraints.limits(x)
    if support is not None:
        space = replace(space, columns=space.columns[support.reshape(-1)[space.columns]])
        if ((lower > 0.0) | (upper < 0.0))[~support].any():
            msg = (
                "the sequence lies outside the box at more values than may change: raise the sparsity or widen the box"
            )
            raise ValueError(msg)
    lengths = np.linalg.norm(space.reduce(function.gradients(x, rows)), axis=-1)
    least = 1e-3 * float(lengths.max(initial=0.0))
    scales = np.where(lengths > least, lengths, least if least > 0.0 else 1.0)
    return MarginProblem(function, x, rows / scales[:, None], goal / scales, scales, space, lower, upper)
