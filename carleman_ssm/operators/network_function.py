r"""Logits of a network as a function of the input, with exact derivatives by formula (THEORY T20).

$\ell(x)$, $\partial\ell/\partial x$ and $\partial^2\ell/\partial x^2$ of the *true* network (its own activations) or of
an operator (its decoders), at any depth, gates and norms included. Nothing is differenced or fitted: the values are
exact up to the rounding of float64, which is measured and not certified. It is relative to what is summed, not to the
result: a convolution by Fourier transforms (long sequences, and any depth beyond one layer) rounds relative to the
largest value of the sequence at *every* step, and the slope of a norm that saturates, as of one channel far above
$\sqrt\varepsilon$, is a difference of nearly equal numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.activation_decoders import own_decoders
from carleman_ssm.operators.affine_layer import DENSE
from carleman_ssm.operators.input_derivatives import InputDerivatives
from carleman_ssm.operators.jets import stack_series
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.stack import Stack, build_stack
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.operators.stack_trace import LayerDecoders, checked_run, layered, run_logits


@dataclass(frozen=True, eq=False, repr=False)
class NetworkFunction(Brief):
    r"""The logits as a function $\mathbb R^{L\times d} \to \mathbb R^K$; build it with `network_function`.

    Sequences are x (L, d), or (batch, L, d) with one more axis in front of every result. A readout (rows, classes)
    asks for combinations of logits in place of all K: a margin is the row $e_i - e_j$ (`margin`).

    Parameters
    ----------
    network
        The network it is the function of.
    stack
        Its kernels and affine maps.
    decoders
        What stands for the nonlinearities of every layer.

    References
    ----------
    THEORY T20.
    """

    network: StateSpaceNetwork
    stack: Stack
    decoders: tuple[LayerDecoders, ...]

    @property
    def length(self) -> int:
        """The longest sequence that it serves."""
        return self.stack.length

    @property
    def features(self) -> int:
        """Input channels d."""
        return self.stack.features

    @property
    def classes(self) -> int:
        """K."""
        return self.stack.classes

    @property
    def exact(self) -> bool:
        """Whether it is the function of the network itself: no decoder is a fit."""
        return all(layer.exact for layer in self.decoders)

    def logits(self, x: npt.ArrayLike) -> Floats:
        """Logits (K,), or (batch, K).

        Raises
        ------
        ValueError, DomainError
            As `gradients`.
        """
        inputs, single = self._inside(x)
        values = self._values(inputs)
        return values[0] if single else values

    def gradients(self, x: npt.ArrayLike, readout: npt.ArrayLike | None = None) -> Floats:
        r"""$\partial\ell_i/\partial x_{sj}$, (rows, L, d) or (batch, rows, L, d); one reverse pass for all rows.

        Parameters
        ----------
        x
            Sequences of at most `length` steps.
        readout
            (rows, classes), or one row (classes,); all logits where None.

        Raises
        ------
        ValueError
            A sequence or a readout of another shape, or NaN or infinity in them.
        DomainError
            A sequence leaves the intervals of fitted decoders; the network's own activations have none.
        """
        inputs, single = self._inside(x)
        found = self._derivatives.gradients(inputs, self._rows(readout))
        return found[0] if single else found

    def hessians(self, x: npt.ArrayLike, readout: npt.ArrayLike | None = None) -> Floats:
        r"""$\partial^2\ell_i/\partial x_{sj}\partial x_{tj'}$, (rows, L, d, L, d), with a batch axis in front if x has.

        In closed form for one layer with affine surroundings and any activation, else by one product per entry of x.

        Raises
        ------
        ValueError, DomainError
            As `gradients`, or more than 10⁸ entries: use `hessian_products`.
        """
        inputs, single = self._inside(x)
        found = self._derivatives.hessians(inputs, self._rows(readout))
        return found[0] if single else found

    def hessian_products(self, x: npt.ArrayLike, v: npt.ArrayLike, readout: npt.ArrayLike | None = None) -> Floats:
        r"""$\sum_{t,j'}\partial^2\ell_i/\partial x_{sj}\partial x_{tj'}\,v_{tj'}$ in $O(L\log L)$, (rows, L, d).

        Parameters
        ----------
        x
            (L, d), one input for all directions, or (batch, L, d), one for each.
        v
            Directions (L, d) or (batch, L, d); with a batch of either, the result is (batch, rows, L, d).

        Raises
        ------
        ValueError, DomainError
            As `gradients`, or the shapes of x and v do not go together.
        """
        inputs, single = self._inside(x)
        directions, alone = self._inputs(v)
        if len(directions) == 1 and directions.shape[1:] == inputs.shape[1:]:
            directions = np.broadcast_to(directions, inputs.shape)
        found = self._derivatives.hessian_products(inputs, directions, self._rows(readout))
        return found[0] if single and alone else found

    def margin(self, target: int, rival: int) -> Floats:
        r"""The readout row $e_{target} - e_{rival}$, (classes,).

        Raises
        ------
        ValueError
            No such class, or the two are one.
        """
        row = np.zeros(self.classes)
        for label in (target, rival):
            self._check_class(label)
        if target == rival:
            msg = f"class {target} has no margin over itself: name another rival"
            raise ValueError(msg)
        row[target], row[rival] = 1.0, -1.0
        return row

    def margins(self, target: int) -> Floats:
        """The rows of `margin` for every rival in ascending order, (classes − 1, classes).

        Raises
        ------
        ValueError
            No such class.
        """
        self._check_class(target)
        return margin_rows(self.classes, target, np.delete(np.arange(self.classes), target))

    @cached_property
    def _derivatives(self) -> InputDerivatives:
        return InputDerivatives(self.stack, self.decoders)

    def _check_class(self, label: int) -> None:
        if not 0 <= label < self.classes:
            msg = f"class {label} does not exist: the network has classes 0 to {self.classes - 1}"
            raise ValueError(msg)

    def _inputs(self, x: npt.ArrayLike) -> tuple[Floats, bool]:
        """Sequences (batch, L, d), and whether they were one without a batch axis."""
        given = np.asarray(x, dtype=np.float64)
        single = given.ndim == 2
        inputs = given[None] if single else given
        if inputs.ndim != 3 or inputs.shape[2] != self.features or not 1 <= inputs.shape[1] <= self.length:
            msg = (
                f"expected a sequence (at most {self.length} steps, {self.features}) or a batch of them, got shape "
                f"{given.shape}: longer sequences need network_function(source, length) with their length"
            )
            raise ValueError(msg)
        if not np.isfinite(inputs).all():
            msg = "a sequence holds NaN or infinity"
            raise ValueError(msg)
        return inputs, single

    def _inside(self, x: npt.ArrayLike) -> tuple[Floats, bool]:
        """`_inputs`, once fitted decoders are known to hold there: outside their intervals they mean nothing."""
        inputs, single = self._inputs(x)
        if not self.exact:
            checked_run(self.stack, self.decoders, inputs)
        return inputs, single

    def _values(self, inputs: Floats) -> Floats:
        """The logits by matrix products where many sequences share the matrices, else by Fourier transforms."""
        if inputs.shape[1] <= max(DENSE, 8 * len(inputs)):
            return run_logits(self.stack, self.decoders, inputs)
        found, _ = stack_series(self.stack, self.decoders, (inputs,), 0)
        return found[0]

    def _rows(self, readout: npt.ArrayLike | None) -> Floats:
        if readout is None:
            return np.eye(self.classes)
        rows = np.atleast_2d(np.asarray(readout, dtype=np.float64))
        if rows.ndim != 2 or rows.shape[1] != self.classes or not np.isfinite(rows).all():
            msg = f"a readout has shape (rows, {self.classes}) and finite entries, got shape {rows.shape}"
            raise ValueError(msg)
        return rows


def margin_rows(classes: int, target: int, rivals: Sequence[int] | npt.NDArray[np.intp]) -> Floats:
    r"""$e_{target} - e_j$ for every rival j, (rivals, classes): rows that turn logits into margins."""
    identity = np.eye(classes)
    return np.asarray(identity[target] - identity[rivals])


def network_function(source: StateSpaceNetwork | NetworkOperator, length: int) -> NetworkFunction:
    r"""The logits of a network, or of an operator of it, as a function with derivatives.

    Parameters
    ----------
    source
        A network: its own activations, nothing fitted. An operator: its decoders; fits and their derivatives hold on
        their intervals, and sequences that leave them are refused.
    length
        Longest sequence that is asked for, in steps.

    Raises
    ------
    ValueError
        ``length < 1``, the network has no pool, or the operator serves fewer steps.
    TypeError
        The source is neither, or its recurrence depends on the input.

    References
    ----------
    THEORY T20.

    Examples
    --------
    The last step of ``y_k = x_k``, squared, by a layer without memory: slope 2x and curvature 2.

    >>> from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
    >>> layer = S4DLayer(log_dt=[0.0], log_A_real=[[0.0]], A_imag=[[0.0]], C=[[0.0]], D=[1.0])
    >>> config = NetworkConfig(activation="square", output="none", residual=False, pool="last")
    >>> network = S4DNetwork([[1.0]], [0.0], (layer,), [[1.0]], [0.0], config)
    >>> function = network_function(network, 1)
    >>> [float(f([[3.0]]).item()) for f in (function.logits, function.gradients, function.hessians)]
    [9.0, 6.0, 2.0]
    """
    if isinstance(source, StateSpaceNetwork):
        return NetworkFunction(source, build_stack(source, length), own_decoders(source))
    if not isinstance(source, OneLayerOperator | StackOperator):
        msg = (
            f"expected a network of time-invariant layers or an operator of one, got {type(source).__name__}: a "
            "recurrence that depends on the input has no convolution kernels to differentiate"
        )
        raise TypeError(msg)
    if not 1 <= length <= source.stack.length:
        msg = f"the operator serves 1 to {source.stack.length} steps, {length} are asked for: build it with that length"
        raise ValueError(msg)
    return NetworkFunction(source.network, source.stack, layered(source.stack, source.decoders))
