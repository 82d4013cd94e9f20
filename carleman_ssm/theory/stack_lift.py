r"""The exact finite lift of a stack of SSM layers: $X_k = M(u_k) X_{k-1}$, $z_k = G(u_k) X_k$.

$X = (x^\alpha)_{w\cdot\alpha \le W}$ holds the monomials of all states of all layers up to the weight $W$ of
the output. One step replaces $x_n$ by a polynomial $f_n(x, u)$ whose weight is at most $w_n$, so $x^\alpha$ by
$f^\alpha$ of weight at most $w\cdot\alpha$: the span is invariant, nothing is cut off, and M is polynomial in
the inputs. It is exact because the stack feeds forward in depth and each recurrence is linear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp
from sympy.polys.rings import PolyElement

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.affine_lift import column
from carleman_ssm.theory.closure import ClosureReport
from carleman_ssm.theory.polynomials import exact, require_integer, require_kind
from carleman_ssm.theory.stacks import PolynomialStack, Vector
from carleman_ssm.theory.weighted_basis import Exponents, WeightedBasis

REFERENCE = "derivations/16_stacks"
LENGTH = sp.Symbol("L", positive=True)
_SCALE = sp.Symbol("t")


@dataclass(frozen=True)
class StackLift:
    r"""The lift of a polynomial stack to the monomials of weight at most W.

    Parameters
    ----------
    stack
        The network. Matrices are built when they are asked for, and refused beyond 2,000 monomials.

    Raises
    ------
    TypeError
        Not a `PolynomialStack`.
    ValueError
        The network uses one of the names of the states, ``x_1_0`` and so on, of the inputs or of the means.

    References
    ----------
    THEORY T16; cf. Iacob, Tóth, Schoukens, arXiv 2507.15093.

    Examples
    --------
    >>> lift = StackLift(PolynomialStack.symbolic(states=(1, 1), degrees=(2, 2)))
    >>> lift.basis.size, lift.closure().closed
    (9, True)
    >>> lift.basis.lift(lift.state)
    (1, x_1_0, x_1_0**2, x_2_0, x_1_0**3, x_1_0*x_2_0, x_1_0**4, x_1_0**2*x_2_0, x_2_0**2)
    """

    stack: PolynomialStack

    def __post_init__(self) -> None:
        require_kind(self.stack, PolynomialStack, "what is lifted")
        reserved = (*self.state, *self.inputs, *self._sums, _SCALE)
        used = set(map(str, reserved)) & set(map(str, self.stack.parameters))
        if used:
            msg = f"the network uses the names {', '.join(sorted(used))}, which the lift needs: rename its symbols"
            raise ValueError(msg)

    @property
    def basis(self) -> WeightedBasis:
        r"""The monomials $x^\alpha$, $w\cdot\alpha \le W$."""
        return WeightedBasis(self.stack.weights, self.stack.output_weight)

    @property
    def state(self) -> tuple[sp.Symbol, ...]:
        """One symbol ``x_l_n`` for mode n of layer l, counted through the channels."""
        layers = enumerate(self.stack.layers, 1)
        return tuple(sp.Symbol(f"x_{number}_{n}") for number, layer in layers for n in range(layer.states))

    @property
    def inputs(self) -> tuple[sp.Symbol, ...]:
        """``u``, or ``u_0, u_1, …`` for several inputs."""
        count = self.stack.inputs
        return (sp.Symbol("u"),) if count == 1 else tuple(sp.Symbol(f"u_{i}") for i in range(count))

    def closure(self) -> ClosureReport:
        r"""Whether one step leaves the span: every $f_n$ is weighed, and weights of products add.

        The polynomials $f_n$ are expanded for it; the basis is not written out.

        Returns
        -------
        ClosureReport
            ``missing`` names the $x_n$ whose image weighs more than $w_n$: none, for every stack.

        References
        ----------
        THEORY T16.
        """
        weigh = self.basis.weight_of
        moved = self._polynomials(self.stack.advance(self.state, self.inputs))
        heavy = [
            x
            for x, f, w in zip(self.state, moved, self.stack.weights, strict=True)
            if any(weigh(alpha) > w for alpha in f)
        ]
        reason = "the image of x_n weighs more than x_n" if heavy else "no image of a state weighs more than the state"
        return ClosureReport(self.basis.weight, self.basis.size, tuple(heavy), reason)

    @cached_property
    def step_matrix(self) -> sp.ImmutableMatrix:
        r"""$M(u)$ of shape (size, size): row $\alpha$ holds the coefficients of $f(x, u)^\alpha$, expanded.

        Raises
        ------
        ValueError
            There are more than 2,000 monomials.
        """
        return self._rows(self._images)

    @cached_property
    def output_matrix(self) -> sp.ImmutableMatrix:
        r"""$G(u)$ of shape (outputs, size): the coefficients of the outputs on the *new* state."""
        return self._rows(lambda: self._polynomials(self.stack.output(self.state, self.inputs)))

    def step(self) -> ClosedForm:
        r"""One step $X_k = M(u_k) X_{k-1}$.

        Returns
        -------
        ClosedForm
            Shape (size, size), arguments: parameters, then inputs. Certificates: row $\alpha$ of $M X$ is
            $f(x, u)^\alpha$; and substitution never raises the weight, as
            $\partial_t^{w_n + 1} f_n(t^{w} x, u) = 0$.

        References
        ----------
        derivations/16_stacks; THEORY T16.
        """
        moved = self.stack.advance(self.state, self.inputs)
        one_step = Identity(
            sp.MatMul(self.step_matrix, self._column(self.state), evaluate=False),
            self._column(moved),
            name="one step of every monomial",
            because=r"$x^\alpha$ becomes $f(x, u)^\alpha$, of weight at most $w\cdot\alpha$",
            sizes=self._sizes,
        )
        return ClosedForm(sp.Symbol("M"), self.step_matrix, self._arguments, {}, (one_step, self._weights()), REFERENCE)

    def output(self) -> ClosedForm:
        r"""The outputs $z_k = G(u_k) X_k$ on the new state.

        Returns
        -------
        ClosedForm
            Shape (outputs, size). Certificate: $G X$ is the output of the network.

        References
        ----------
        derivations/16_stacks; THEORY T16.
        """
        read = Identity(
            sp.MatMul(self.output_matrix, self._column(self.state), evaluate=False),
            column(self.stack.output(self.state, self.inputs)),
            name="output of the stack",
            because="the output weighs at most W",
            sizes=self._sizes,
        )
        return ClosedForm(sp.Symbol("G"), self.output_matrix, self._arguments, {}, (read,), REFERENCE)

    def pooled_step(self, length: sp.Expr | int = LENGTH) -> ClosedForm:
        r"""One step with the mean over time as accumulator: $(X, s) \mapsto (MX,\ s + \frac1L GMX)$.

        After L steps from $s = 0$ the accumulator rows, one for each output, hold the mean of the outputs.

        Parameters
        ----------
        length
            L, a positive integer or a symbol.

        Returns
        -------
        ClosedForm
            Shape (size + outputs, size + outputs). Certificate: the step of the state and of the running mean.

        Raises
        ------
        ValueError, TypeError
            L is a number but no positive integer, or a symbol with a name of the network, of its states or of the
            means ``s_0 …``.

        References
        ----------
        derivations/16_stacks; THEORY T16.
        """
        total = self._checked_length(length)
        sums, size = self._sums, self.basis.size
        matrix = sp.ImmutableMatrix(
            sp.Matrix.vstack(
                sp.Matrix.hstack(self.step_matrix, sp.zeros(size, len(sums))),
                sp.Matrix.hstack(self._pooling_rows() / total, sp.eye(len(sums))),
            )
        )
        moved = self.stack.advance(self.state, self.inputs)
        reached = [s + z / total for s, z in zip(sums, self.stack.output(moved, self.inputs), strict=True)]
        certificate = Identity(
            sp.MatMul(matrix, column([*self.basis.lift(self.state), *sums]), evaluate=False),
            column([*self.basis.lift(moved), *reached]),
            name="one step of state and running mean",
            because=r"the accumulator rows are $\frac1L G(u) M(u)$ beside 1",
            sizes=self._sizes,
        )
        arguments = (*self._arguments, *([total] if isinstance(total, sp.Symbol) else []))
        return ClosedForm(sp.Symbol("M_pool"), matrix, arguments, {}, (certificate,), REFERENCE)

    @property
    def _arguments(self) -> tuple[sp.Symbol, ...]:
        return (*self.stack.parameters, *self.inputs)

    @property
    def _sizes(self) -> str:
        """The instance: modes of every layer, and the weight of the output."""
        modes = " and ".join(str(layer.states) for layer in self.stack.layers)
        return f"N = {modes}, W = {self.stack.output_weight}"

    @property
    def _sums(self) -> tuple[sp.Symbol, ...]:
        """The running means, one for each output."""
        outputs = self.stack.layers[-1].rows if self.stack.head is None else self.stack.head.matrix.rows
        return tuple(sp.Symbol(f"s_{i}") for i in range(outputs))

    def _checked_length(self, length: sp.Expr | int) -> sp.Expr:
        total = exact(length, "the length L")
        if isinstance(total, sp.Symbol):
            if str(total) in {str(symbol) for symbol in (*self._arguments, *self.state, *self._sums)}:
                msg = f"the lift uses the name {total}: give another symbol as length"
                raise ValueError(msg)
            return total
        return sp.Integer(require_integer(total, "the length L", least=1))

    def _column(self, state: Sequence[sp.Expr]) -> sp.ImmutableMatrix:
        return column(self.basis.lift(tuple(state)))

    def _weights(self) -> Identity:
        """The polynomials of the step, each differentiated once more than its weight allows."""
        weights = self.stack.weights
        scaled = tuple(_SCALE**w * x for w, x in zip(weights, self.state, strict=True))
        rows = zip(self.stack.advance(scaled, self.inputs), weights, strict=True)
        return Identity(
            column([sp.Derivative(f, (_SCALE, w + 1), evaluate=False) for f, w in rows]),
            sp.zeros(len(weights), 1),
            name="no image outweighs its state",
            because=r"$f_n(t^w x, u)$ is a polynomial of degree at most $w_n$ in t",
            sizes=self._sizes,
        )

    def _polynomials(self, expressions: Vector) -> list[PolyElement]:
        """The expressions as polynomials in the states, all over one domain."""
        return list(sp.sring(list(expressions), *self.state)[1])

    def _images(self) -> list[PolyElement]:
        r"""$f^\alpha$ for every $\alpha$ in order, each from the one with one factor less."""
        moved = self._polynomials(self.stack.advance(self.state, self.inputs))
        images: dict[Exponents, PolyElement] = {}
        for alpha in self.basis.exponents:
            n = next((n for n, power in enumerate(alpha) if power), None)
            if n is None:
                images[alpha] = moved[0].ring.one
            else:
                less = (*alpha[:n], alpha[n] - 1, *alpha[n + 1 :])
                images[alpha] = images[less] * moved[n]
        return list(images.values())

    def _rows(self, compute: Callable[[], list[PolyElement]]) -> sp.ImmutableMatrix:
        """The coefficients of each polynomial in the order of the basis, which refuses to be too large first."""
        places = self.basis.places
        polynomials = compute()
        cells = {
            (row, places[alpha]): polynomial.ring.domain.to_sympy(value)
            for row, polynomial in enumerate(polynomials)
            for alpha, value in polynomial.items()
        }
        return sp.ImmutableMatrix(sp.SparseMatrix(len(polynomials), self.basis.size, cells))

    def _pooling_rows(self) -> sp.ImmutableMatrix:
        """$G M$: the coefficients of the outputs after one step on the monomials before it."""
        moved = self.stack.advance(self.state, self.inputs)
        return self._rows(lambda: self._polynomials(self.stack.output(moved, self.inputs)))
