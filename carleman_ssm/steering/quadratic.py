r"""Margins of quadratic networks as exact quadratic functions of a change of the input (THEORY T10, T20, T22).

Where every activation is a polynomial and the logits have degree at most 2 in the input, a margin
$r^\top\ell$ at $x + \delta$ is exactly

$$m(\delta) = m + g^\top\delta + \delta^\top Q\,\delta,$$

with $g = r^\top\partial\ell/\partial x$ and Q half the Hessian, for δ (L, d) of any size, flattened row by row to
$n = Ld$ numbers. A residual path is linear and stands in g.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.decoders import ExactDecoders
from carleman_ssm.operators.network_function import NetworkFunction, network_function
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.stack_operator import degree_of_product
from carleman_ssm.steering.constraints import EditSpace

Source = NetworkFunction | NetworkOperator | StateSpaceNetwork


@dataclass(frozen=True, eq=False, repr=False)
class Quadratic(Brief):
    r"""$m(\delta) = m + g^\top\delta + \delta^\top Q\,\delta$ for δ in $\mathbb{R}^n$.

    Parameters
    ----------
    value
        $m$, the value without a change.
    gradient
        $g$ (n,).
    curvature
        $Q$ (n, n): half the Hessian. A matrix that is not symmetric stands for its symmetric part.

    Raises
    ------
    ValueError
        Shapes do not fit each other, n = 0, or a number is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> m = Quadratic(1.0, np.array([1.0, 0.0]), np.diag([0.0, 2.0]))
    >>> m(np.array([[0.0, 0.0], [3.0, 1.0]]))
    array([1., 6.])
    """

    value: float
    gradient: Floats
    curvature: Floats

    def __post_init__(self) -> None:
        gradient = np.array(self.gradient, dtype=np.float64)
        matrix = np.array(self.curvature, dtype=np.float64)
        if gradient.ndim != 1 or not gradient.size or matrix.shape != (gradient.size, gradient.size):
            msg = f"expected a gradient (n,) and a curvature (n, n), n >= 1; got {gradient.shape} and {matrix.shape}"
            raise ValueError(msg)
        if not (np.isfinite(self.value) and np.isfinite(gradient).all() and np.isfinite(matrix).all()):
            msg = "the value, gradient or curvature holds NaN or infinity: scale the sequence or check the parameters"
            raise ValueError(msg)
        matrix = 0.5 * matrix + 0.5 * matrix.T
        for array in (gradient, matrix):
            array.flags.writeable = False  # the spectrum is kept
        object.__setattr__(self, "value", float(self.value))
        object.__setattr__(self, "gradient", gradient)
        object.__setattr__(self, "curvature", matrix)

    @property
    def size(self) -> int:
        """Number n of entries of a change."""
        return len(self.gradient)

    @cached_property
    def spectrum(self) -> tuple[Floats, Floats]:
        r"""Ascending q (n,) and orthonormal V (n, n) with $Q = V\,\mathrm{diag}(q)\,V^\top$."""
        values, vectors = np.linalg.eigh(self.curvature)
        return values, vectors

    def __call__(self, change: Floats) -> Floats:
        """$m(δ)$ (…,) of δ (…, n)."""
        change = np.asarray(change, dtype=np.float64)
        bent: Floats = np.einsum("...i,...i->...", change @ self.curvature + self.gradient, change)
        return self.value + bent

    def terms(self, change: Floats) -> float:
        r"""$|g|\cdot|\delta| + |\delta|\cdot|Q||\delta|$ of δ (n,): the size of what adds up to $m(\delta) - m$."""
        size = np.abs(change)
        return float((np.abs(self.gradient) + np.abs(self.curvature) @ size) @ size)

    def slope(self, change: Floats) -> Floats:
        r"""Gradient $g + 2Q\delta$ (…, n) at δ (…, n)."""
        slope: Floats = self.gradient + 2.0 * (np.asarray(change, dtype=np.float64) @ self.curvature)
        return slope

    def restricted(self, basis: npt.ArrayLike) -> Quadratic:
        r"""The function of $z$ where $\delta = Bz$, B (n, r): gradient $B^\top g$, curvature $B^\top QB$.

        With orthonormal columns $\lVert\delta\rVert = \lVert z\rVert$, so what is smallest in z is smallest in δ.

        Raises
        ------
        ValueError
            The basis is not (n, r) with r ≥ 1.
        """
        columns = np.asarray(basis, dtype=np.float64)
        if columns.ndim != 2 or len(columns) != self.size or not columns.shape[1]:
            msg = f"expected a basis ({self.size}, r) with r >= 1 columns, got shape {columns.shape}"
            raise ValueError(msg)
        return Quadratic(self.value, columns.T @ self.gradient, columns.T @ self.curvature @ columns)


@dataclass(frozen=True, eq=False, repr=False)
class QuadraticLogits(Brief):
    r"""All logits as quadratic functions of the whole input: $\ell_i(x) = v_i + s_i^\top x + x^\top Q_ix$.

    $Q_i$ does not depend on the input: expand a network once, and edit many sequences. Build it with
    `quadratic_logits`.

    Parameters
    ----------
    values, slopes
        $v$ (classes,) and $s$ (classes, n) at zero input.
    curvatures
        $Q$ (classes, n, n).
    """

    values: Floats
    slopes: Floats
    curvatures: Floats

    def __post_init__(self) -> None:
        for name in ("values", "slopes", "curvatures"):
            object.__setattr__(self, name, real_array(name, getattr(self, name)))

    def margins(self, sequence: Floats, readout: Floats) -> tuple[Quadratic, ...]:
        """Combinations of the logits, readout (rows, classes), about a sequence (L, d) with L d = n.

        Raises
        ------
        ValueError
            The sequence has another number of values, or the readout another shape.
        """
        x, rows = np.asarray(sequence, dtype=np.float64).reshape(-1), np.atleast_2d(readout)
        if x.size != self.slopes.shape[1] or rows.shape[1] != len(self.values):
            msg = (
                f"expected a sequence of {self.slopes.shape[1]} values and readout rows of {len(self.values)}, got "
                f"shapes {np.shape(sequence)} and {np.shape(readout)}"
            )
            raise ValueError(msg)
        bends = np.tensordot(rows, self.curvatures, 1)
        bent, slopes = bends @ x, rows @ self.slopes
        values = rows @ self.values + (slopes + bent) @ x
        return tuple(Quadratic(float(v), g, q) for v, g, q in zip(values, slopes + 2.0 * bent, bends, strict=True))


def quadratic_logits(source: Source, length: int) -> QuadraticLogits:
    """Expand all logits for sequences of `length` steps.

    Parameters
    ----------
    source
        An operator, a network, or the `NetworkFunction` of one.

    Raises
    ------
    TypeError, ValueError
        As `margin_quadratics`.

    References
    ----------
    THEORY T10, T22.
    """
    function = _quadratic_function(source, length)
    zero = np.zeros((length, function.features))
    slopes = function.gradients(zero).reshape(function.classes, -1)
    bends = 0.5 * function.hessians(zero).reshape(function.classes, zero.size, zero.size)
    return QuadraticLogits(function.logits(zero), slopes, bends)


def margin_quadratic(source: Source, sequence: Floats, readout_row: Floats) -> Quadratic:
    """One combination of the logits about a sequence (L, d), as a function of the change of that sequence.

    Parameters
    ----------
    readout_row
        (classes,): +1 at a class and −1 at its rival for a margin, one 1 for a logit.

    Raises
    ------
    TypeError, ValueError
        As `margin_quadratics`.

    References
    ----------
    THEORY T22.
    """
    return margin_quadratics(source, sequence, np.asarray(readout_row, dtype=np.float64)[None])[0]


def margin_quadratics(
    source: Source, sequence: Floats, readout: Floats, space: EditSpace | None = None
) -> tuple[Quadratic, ...]:
    r"""Combinations of the logits, readout (rows, classes), as quadratic functions of the change of a sequence (L, d).

    The polynomial is the network's at every input, however large; no certified interval is consulted.

    Parameters
    ----------
    source
        An operator, a network, or the `NetworkFunction` of one.
    space
        In the coordinates of a subspace of changes: $B^\top g$ and $B^\top QB$, by products with Q where that has few
        coordinates, so that long sequences need no $n\times n$ matrix.

    Raises
    ------
    ValueError
        The logits are not quadratic in the input: a fitted activation or one that is no polynomial, a norm that is not
        affine, a degree above 2. Also a sequence or readout of another shape, or more than 10⁸ entries.
    TypeError
        As `network_function`.

    References
    ----------
    THEORY T10, T20, T22.
    """
    x, rows = np.asarray(sequence, dtype=np.float64), np.asarray(readout, dtype=np.float64)
    function = _quadratic_function(source, max(1, len(x)))
    values, slopes = rows @ function.logits(x), function.gradients(x, rows)
    if space is not None and few_coordinates(space.dimension, x.size):
        halves = space.reduce(function.hessian_products(x, space.expand(np.eye(space.dimension)), rows))
        bends, slopes = np.moveaxis(halves, 1, 0), space.reduce(slopes)  # (rows, r, r), symmetric
    elif space is not None:
        halves = space.reduce(function.hessians(x, rows))  # (rows, L, d, r)
        bends, slopes = space.reduce(np.moveaxis(halves, -1, 1)), space.reduce(slopes)
    else:
        slopes = slopes.reshape(len(rows), x.size)
        bends = function.hessians(x, rows).reshape(len(rows), x.size, x.size)
    return tuple(
        Quadratic(float(value), slope, 0.5 * bend) for value, slope, bend in zip(values, slopes, bends, strict=True)
    )


def few_coordinates(dimension: int, size: int) -> bool:
    """Whether a product for each of `dimension` coordinates costs less than the Hessian of an input of `size` values.

    A product needs a transform forth and back for each channel; the rows of the closed form one of them.
    """
    return 4 * dimension < size


def require_margins(quadratics: Sequence[Quadratic], wanted: Floats, multipliers: Floats | None = None) -> None:
    """Refuse margins of several sizes, and wanted values or multipliers that are not one finite number for each.

    Raises
    ------
    ValueError
        So, or no margin, or a negative multiplier.
    """
    sizes = {quadratic.size for quadratic in quadratics}
    numbers = [np.asarray(wanted)] if multipliers is None else [np.asarray(wanted), np.asarray(multipliers)]
    if len(sizes) != 1 or any(array.shape != (len(quadratics),) for array in numbers):
        msg = (
            f"expected margins of one size, each with a wanted value and a multiplier, got sizes {sorted(sizes)} and "
            f"shapes {', '.join(str(array.shape) for array in numbers)}"
        )
        raise ValueError(msg)
    if not all(np.isfinite(array).all() for array in numbers):
        msg = f"wanted values and multipliers have to be finite, got {' and '.join(map(str, numbers))}"
        raise ValueError(msg)
    if not (numbers[-1] >= 0.0).all() and multipliers is not None:
        msg = f"multipliers of inequalities are at least 0, got {numbers[-1].min():.6g}"
        raise ValueError(msg)


def is_quadratic(function: NetworkFunction) -> bool:
    """Whether every logit is a polynomial of degree at most 2 in the input, by the degrees of its parts (T16)."""
    return not _obstacle(function)


def _quadratic_function(source: Source, length: int) -> NetworkFunction:
    function = source if isinstance(source, NetworkFunction) else network_function(source, length)
    reason = _obstacle(function)
    if reason:
        msg = (
            f"the logits of this network are not quadratic in the input: {reason}. Use local_edit, which needs no form"
        )
        raise ValueError(msg)
    return function


def _obstacle(function: NetworkFunction) -> str:
    stack, decoders = function.stack, function.decoders
    rules = [rule for layer in decoders for rule in (layer.activation, layer.gate) if rule is not None]
    if not all(isinstance(rule, ExactDecoders) for rule in rules):
        return "an activation or a gate is no polynomial, or is a fit"
    if not all(layer.is_polynomial for layer in stack.layers):
        return "a norm is not affine"
    degree = degree_of_product(stack, decoders)
    return f"its degree is {degree}" if degree > 2 else ""
