r"""Margins of quadratic networks as exact quadratic functions of a change of the input (THEORY T10, T20, T22).

Where every decoder is the network's own polynomial and the whole operator has degree at most 2 in the input, a margin
$r^\top\ell$ at $x + \delta$ is exactly

$$m(\delta) = m + g^\top\delta + \delta^\top Q\,\delta,$$

with $g = r^\top\partial\ell/\partial x$ and Q half the Hessian, for δ (L, d) of any size, flattened row by row to
$n = Ld$ numbers. A residual path is linear and stands in g.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators import curvature
from carleman_ssm.operators.adjoint import gradients
from carleman_ssm.operators.lag_matrices import MAX_ENTRIES, second_order_arrays
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.stack import Stack
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.operators.stack_trace import run_logits
from carleman_ssm.operators.volterra_kernels import first_order_kernel, second_order_kernel


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
        object.__setattr__(self, "value", float(self.value))
        object.__setattr__(self, "gradient", gradient)
        object.__setattr__(self, "curvature", 0.5 * (matrix + matrix.T))

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

    def slope(self, change: Floats) -> Floats:
        r"""Gradient $g + 2Q\delta$ (…, n) at δ (…, n)."""
        slope: Floats = self.gradient + 2.0 * (np.asarray(change, dtype=np.float64) @ self.curvature)
        return slope

    def restricted(self, basis: Floats) -> Quadratic:
        r"""The function of $z$ where $\delta = Bz$, B (n, r): gradient $B^\top g$, curvature $B^\top QB$.

        With orthonormal columns $\lVert\delta\rVert = \lVert z\rVert$, so what is smallest in z is smallest in δ.

        Raises
        ------
        ValueError
            The basis is not (n, r) with r ≥ 1.
        """
        if basis.ndim != 2 or len(basis) != self.size or not basis.shape[1]:
            msg = f"expected a basis ({self.size}, r) with r >= 1 columns, got shape {basis.shape}"
            raise ValueError(msg)
        return Quadratic(self.value, basis.T @ self.gradient, basis.T @ self.curvature @ basis)

    def negated(self) -> Quadratic:
        """$-m(δ)$."""
        return Quadratic(-self.value, -self.gradient, -self.curvature)


def margin_quadratic(operator: NetworkOperator, sequence: Floats, readout_row: Floats) -> Quadratic:
    """One combination of the logits about a sequence (L, d), as a function of the change of that sequence.

    Parameters
    ----------
    readout_row
        (classes,): +1 at a class and −1 at its rival for a margin, one 1 for a logit.

    Raises
    ------
    TypeError, ValueError
        As `margin_quadratics`.
    """
    return margin_quadratics(operator, sequence, np.asarray(readout_row, dtype=np.float64)[None])[0]


def margin_quadratics(operator: NetworkOperator, sequence: Floats, readout: Floats) -> tuple[Quadratic, ...]:
    r"""Combinations of the logits, readout (rows, classes), as quadratic functions of the change of a sequence (L, d).

    One affine layer has $Q_{sj,tj'} = \sum_{h,k}a_{hk}K_{h,k-s}K_{h,k-t}W_{hj}W_{hj'}$ in closed form (`lag_matrices`);
    another operator of degree 2 (layers that mix channels, a linear layer before or after) has the columns of the
    Hessian one by one. The polynomial is the operator's everywhere; its certificate is not consulted.

    Raises
    ------
    ValueError
        The operator is not quadratic: a fitted activation, a norm that is not affine, or a degree above 2. Also a
        sequence or readout of another shape, or more than 10⁸ entries.
    TypeError
        `operator` is no operator of a network.
    """
    known = _supported(operator)
    check_quadratic(known)
    x, rows = np.asarray(sequence, dtype=np.float64), np.asarray(readout, dtype=np.float64)
    _check_shapes(known.stack, x, rows)
    found = _of_one_layer(known, x, rows) if isinstance(known, OneLayerOperator) else _of_stack(known, x, rows)
    n = x.size
    return tuple(
        Quadratic(float(value), slope.reshape(n), matrix.reshape(n, n))
        for value, slope, matrix in zip(*found, strict=True)
    )


def is_quadratic(operator: NetworkOperator) -> bool:
    """Whether every logit is a polynomial of degree at most 2 in the input."""
    return not _obstacle(_supported(operator))


def check_quadratic(operator: NetworkOperator) -> None:
    """Refuse operators that are no polynomials of degree at most 2 in the input.

    Raises
    ------
    ValueError
        With the reason.
    TypeError
        `operator` is no operator of a network.
    """
    reason = _obstacle(_supported(operator))
    if reason:
        msg = f"the margins of this operator are not quadratic in the input: {reason}. Use local_edit, which needs none"
        raise ValueError(msg)


def _supported(operator: NetworkOperator) -> OneLayerOperator | StackOperator:
    if not isinstance(operator, OneLayerOperator | StackOperator):
        msg = f"expected the operator of a network (network_operator builds it), got {type(operator).__name__}"
        raise TypeError(msg)
    return operator


def _obstacle(operator: OneLayerOperator | StackOperator) -> str:
    if not operator.exact:
        return "an activation or a gate is fitted"
    if isinstance(operator, OneLayerOperator):
        degree = operator.degree
    elif operator.is_polynomial:
        degree = operator.total_degree
    else:
        return "a norm is not affine"
    return f"its degree is {degree}" if degree > 2 else ""


def _check_shapes(stack: Stack, sequence: Floats, readout: Floats) -> None:
    if sequence.ndim != 2 or sequence.shape[1] != stack.features or not 1 <= len(sequence) <= stack.length:
        msg = f"expected a sequence (at most {stack.length} steps, {stack.features}), got shape {sequence.shape}"
        raise ValueError(msg)
    if readout.ndim != 2 or readout.shape[1] != stack.classes or not len(readout):
        msg = f"expected readout rows (rows, {stack.classes}), got shape {readout.shape}"
        raise ValueError(msg)
    entries = len(readout) * sequence.size**2
    if entries > MAX_ENTRIES:
        msg = (
            f"{len(readout)} quadratics of {sequence.size} numbers have {entries:.3g} entries (at most "
            f"{MAX_ENTRIES:.0e} are written out): use local_edit, which needs none of them"
        )
        raise ValueError(msg)


def _of_one_layer(operator: OneLayerOperator, x: Floats, rows: Floats) -> tuple[Floats, Floats, Floats]:
    form, decoders = operator.form, operator.decoders
    logits = form.read_out(form.pooled(decoders(form.preactivations(x[None]))), form.pooled(x[None]))[0]
    slopes = np.tensordot(rows, first_order_kernel(form, decoders, x), 1)
    half = second_order_kernel(form, decoders, x)
    weights = np.tensordot(rows, half.weights, 1)
    return rows @ logits, slopes, second_order_arrays(weights, half.kernel, half.drive_weight)


def _of_stack(operator: StackOperator, x: Floats, rows: Floats) -> tuple[Floats, Floats, Floats]:
    stack, decoders = operator.stack, operator.decoders
    slopes = gradients(stack, decoders, x[None], rows)[0]
    halves = curvature.second_order_kernel(stack, decoders, x).arrays(rows)
    return rows @ run_logits(stack, decoders, x[None])[0], slopes, halves
