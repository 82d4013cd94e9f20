r"""The Carleman lift of a diagonal SSM with a polynomial decoder: finite, closed and exact.

Notation: $X = (x^\alpha)_{|\alpha| \le P}$ the lifted state, $a_n$ the rates in continuous time, $\lambda_n$
the multipliers of one step, $E_n: X_\alpha \mapsto \alpha_n X_{\alpha - e_n}$ the lowering maps.

* Continuous time, **bilinear** (T14): $X' = (A + uN) X$, $A = \mathrm{diag}(\alpha \cdot a)$,
  $N = \sum_n b_n E_n$.
* Discrete time, **state-affine** (T9): $X_k = T(u_k) X_{k-1}$ with $T$ of degree $P$ in $u$.

In both, $z = G X$ reads $\sigma(c^\top x + D u)$. A model that stores one of each conjugate pair is lifted
with both, $y = c^\top x + \bar c^\top \bar x + D u$, for real inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import factorial, prod
from typing import ClassVar

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.affine_lift import affine_representation, column, lowering_matrix, scaling_generator
from carleman_ssm.theory.monomials import MonomialBasis
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_free
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, zero_order_hold

INPUT = sp.Symbol("u")
STEP = sp.Symbol("Delta", positive=True)


@dataclass(frozen=True)
class _Lift:
    """What both lifts share: the model with all modes, the decoder, the basis and the readout."""

    ssm: DiagonalSSM | DiscreteSSM
    decoder: PolynomialDecoder
    reference: ClassVar[str] = ""

    @property
    def sizes(self) -> str:
        """Sizes that statements about the lift are written out for."""
        return f"N = {self.ssm.states}, P = {self.decoder.degree}"

    @property
    def basis(self) -> MonomialBasis:
        r"""The monomials $x^\alpha$, $|\alpha| \le P$."""
        return MonomialBasis(self.ssm.states, self.decoder.degree)

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The symbols of the model, then those of the decoder."""
        return tuple(dict.fromkeys([*self.ssm.parameters, *self.decoder.parameters]))

    def symbols(self, stem: str) -> tuple[sp.Symbol, ...]:
        """One symbol ``stem_n`` for each state.

        Raises
        ------
        ValueError
            The model uses one of these names.
        """
        names = [f"{stem}_{n}" for n in range(self.ssm.states)]
        self.reserve(*names)
        return tuple(map(sp.Symbol, names))

    def reserve(self, *names: str) -> None:
        """Refuse a model that uses one of these names itself.

        Raises
        ------
        ValueError
            With the names that are in use.
        """
        require_free(self.parameters, names, "the model")

    def readout_row(self, u: sp.Expr) -> sp.ImmutableMatrix:
        r"""$G(u)$ of shape (1, size): $G_\alpha = \frac{|\alpha|!}{\alpha!} c^\alpha \tilde g_{|\alpha|}$.

        $\tilde g$ are the coefficients of $\sigma(\cdot + D u)$: constants when $D = 0$.
        """
        shifted = self.decoder.shifted(self.ssm.feedthrough * u).coefficients
        powers = zip(self.basis.exponents.tolist(), self.basis.lift(self.ssm.output_vector), strict=True)
        counts = ((sum(alpha), factorial(sum(alpha)) // prod(map(factorial, alpha)), power) for alpha, power in powers)
        return sp.ImmutableMatrix([[count * power * shifted[degree] for degree, count, power in counts]])

    def readout(self, u: sp.Expr = INPUT) -> ClosedForm:
        r"""$G(u)$ with the certificate $G X = \sigma(c^\top x + D u)$ at $X = (x^\alpha)$.

        References
        ----------
        THEORY T9.
        """
        row, x = self.readout_row(u), self.symbols("x")
        law = Identity(
            (row * column(self.basis.lift(x)))[0],
            self.decoder(self.ssm.readout(x, u)),
            name="the readout is the decoder",
            because="multinomial theorem",
            sizes=self.sizes,
        )
        return ClosedForm(sp.Symbol("G"), row, (*self.parameters, u), certificates=(law,), reference=self.reference)


@dataclass(frozen=True)
class BilinearSystem(_Lift):
    r"""$X' = (A + uN) X$, $z = G X$: the lift in continuous time.

    Parameters
    ----------
    ssm
        $x' = \mathrm{diag}(a) x + b u$ with all modes written out.
    decoder
        $\sigma$ of degree P.

    References
    ----------
    THEORY T14; Rugh (1981), §3.3.
    """

    ssm: DiagonalSSM
    reference: ClassVar[str] = "derivations/14_bilinear_lift"

    @cached_property
    def drift(self) -> sp.ImmutableMatrix:
        r"""$A = \mathrm{diag}(\alpha \cdot a)$ [1/time]."""
        return scaling_generator(self.ssm.eigenvalues, self.decoder.degree)

    @cached_property
    def input_matrix(self) -> sp.ImmutableMatrix:
        r"""$N = \sum_n b_n E_n$ [1/(input·time)], strictly lower triangular, $N^{P+1} = 0$."""
        return lowering_matrix(self.ssm.input_vector, self.decoder.degree)

    def generator(self, u: sp.Expr = INPUT) -> ClosedForm:
        r"""$A + uN$ with the certificate $\frac{\partial X}{\partial x} (\Lambda x + b u) = (A + uN) X$."""
        matrix, x = self.drift + u * self.input_matrix, self.symbols("x")
        rows = zip(self.ssm.eigenvalues, x, self.ssm.input_vector, strict=True)
        velocity, lift = column([a * xn + b * u for a, xn, b in rows]), column(self.basis.lift(x))
        law = Identity(
            sp.MatMul(lift.jacobian(column(x)), velocity, evaluate=False),
            matrix * lift,
            name="drift of the lift",
            because=r"product rule, $x_n\,\partial_n x^\alpha = \alpha_n x^\alpha$",
            sizes=self.sizes,
        )
        return ClosedForm(sp.Symbol("A_u"), matrix, (*self.ssm.parameters, u), {}, (law,), self.reference)


@dataclass(frozen=True)
class StateAffineSystem(_Lift):
    r"""$X_k = T(u_k) X_{k-1}$, $z_k = G X_k$: the lift in discrete time.

    Parameters
    ----------
    ssm
        $x_k = \mathrm{diag}(\lambda) x_{k-1} + \bar b u_k$ with all modes written out.
    decoder
        $\sigma$ of degree P.

    References
    ----------
    THEORY T9; Sontag (1979).
    """

    ssm: DiscreteSSM
    reference: ClassVar[str] = "derivations/09_lift_of_a_step"

    def transition_matrix(self, u: sp.Expr) -> sp.ImmutableMatrix:
        """T(u), of degree P in u, shape (size, size)."""
        shift = [gain * u for gain in self.ssm.input_vector]
        return affine_representation(self.ssm.multipliers, shift, self.decoder.degree)


LiftedSystem = BilinearSystem | StateAffineSystem


def carleman_lift(ssm: DiagonalSSM | DiscreteSSM, decoder: PolynomialDecoder) -> LiftedSystem:
    r"""The finite closed lift of a diagonal SSM with a polynomial decoder.

    Nothing is expanded here: matrices are built when they are asked for, and refused beyond 5,000 terms.

    Parameters
    ----------
    ssm
        In continuous or in discrete time; conjugate pairs are written out.
    decoder
        $\sigma$ with exact coefficients.

    Returns
    -------
    BilinearSystem | StateAffineSystem
        Bilinear for a `DiagonalSSM`, state-affine for a `DiscreteSSM`.

    Raises
    ------
    TypeError
        `ssm` is neither, or `decoder` is no `PolynomialDecoder`.

    References
    ----------
    THEORY T9, T14.

    Examples
    --------
    >>> lifted = carleman_lift(DiagonalSSM.symbolic(states=1), PolynomialDecoder.symbolic(degree=2))
    >>> lifted.generator().expression
    Matrix([
    [    0,       0,     0],
    [b_0*u,     a_0,     0],
    [    0, 2*b_0*u, 2*a_0]])
    """
    require_exact_model(ssm, decoder)
    if isinstance(ssm, DiagonalSSM):
        return BilinearSystem(ssm.with_conjugates(), decoder)
    return StateAffineSystem(ssm.with_conjugates(), decoder)


def require_exact_model(ssm: object, decoder: object) -> None:
    """Refuse anything but a diagonal SSM and a polynomial decoder.

    Raises
    ------
    TypeError
        With the type that was given.
    """
    if not isinstance(ssm, DiagonalSSM | DiscreteSSM):
        msg = f"only a DiagonalSSM or a DiscreteSSM can be lifted, got {type(ssm).__name__}"
        raise TypeError(msg)
    if not isinstance(decoder, PolynomialDecoder):
        msg = f"the decoder must be a PolynomialDecoder, got {type(decoder).__name__}: fits are not exact"
        raise TypeError(msg)


def one_step_map(lifted: LiftedSystem, *, u: sp.Expr = INPUT, step: sp.Symbol = STEP) -> ClosedForm:
    r"""Closed form of one step: $X_k = T\, X_{k-1}$, in continuous time with the input held during $\Delta$.

    $T_{\alpha\beta} = \prod_n \binom{\alpha_n}{\beta_n} \lambda_n^{\beta_n} (\bar b_n u)^{\alpha_n-\beta_n}$,
    with $\lambda_n = e^{a_n\Delta}$ and $\bar b_n = \Delta\varphi_1(a_n\Delta) b_n$ in continuous time.

    Parameters
    ----------
    lifted
        The lifted system.
    u
        The input of this step, a symbol.
    step
        $\Delta$ [time], real; not used in discrete time.

    Returns
    -------
    ClosedForm
        Shape (size, size). Continuous: certificates $T|_{\Delta=0}X = X$ and $\partial_\Delta T = (A + uN) T$.
        Discrete: $T(0)X = M_0X$, $\partial_u T = N T$, and $T X$ is the lift of $\Lambda x + \bar b u$.

    Raises
    ------
    ValueError
        More than 5,000 terms, or a name that the result needs is in use.

    References
    ----------
    THEORY T9, T15.

    Examples
    --------
    >>> lifted = carleman_lift(DiagonalSSM.symbolic(states=1), PolynomialDecoder.symbolic(degree=1))
    >>> step = one_step_map(lifted)
    >>> step.expression, step.where[sp.Symbol("lambda_0")]
    (Matrix([
    [       1,        0],
    [bbar_0*u, lambda_0]]), exp(Delta*a_0))

    It holds for a held input, not for a ramp during the step.
    """
    lifted.reserve(*map(str, u.free_symbols), *([str(step)] if isinstance(lifted, BilinearSystem) else []))
    if isinstance(lifted, StateAffineSystem):
        return _discrete_step(lifted, u)
    model, where = zero_order_hold(lifted.ssm, step).named()
    matrix = StateAffineSystem(model, lifted.decoder).transition_matrix(u)
    unfolded, state = matrix.xreplace(where), column(lifted.basis.lift(lifted.symbols("x")))
    certificates = (
        Identity(
            sp.MatMul(unfolded.subs(step, 0), state, evaluate=False),
            state,
            name="initial value",
            because=r"no time, no change: $\lambda_n = 1$ and $\bar b_n = 0$ at $\Delta = 0$",
            sizes=lifted.sizes,
        ),
        Identity(
            sp.MatMul(lifted.generator(u).expression, unfolded, evaluate=False),
            unfolded.diff(step),
            name="generator",
            because=r"$X' = (A + uN) X$ while the input is held",
            sizes=lifted.sizes,
        ),
    )
    arguments = (*lifted.ssm.parameters, step, u)
    return ClosedForm(sp.Symbol("T"), matrix, arguments, where, certificates, "derivations/15_single_exponential")


def _discrete_step(lifted: StateAffineSystem, u: sp.Expr) -> ClosedForm:
    model, where = lifted.ssm.named()
    named, x = StateAffineSystem(model, lifted.decoder), lifted.symbols("x")
    matrix, state = named.transition_matrix(u), column(lifted.basis.lift(x))
    image = [a * xn + b * u for a, xn, b in zip(model.multipliers, x, model.input_vector, strict=True)]
    certificates = (
        Identity(
            sp.MatMul(matrix.subs(u, 0), state, evaluate=False),
            column(lifted.basis.lift(tuple(a * xn for a, xn in zip(model.multipliers, x, strict=True)))),
            name="initial value",
            because=r"$T(0) = M_0 = \mathrm{diag}(\lambda^\alpha)$",
            sizes=lifted.sizes,
        ),
        Identity(
            sp.MatMul(lowering_matrix(model.input_vector, lifted.decoder.degree), matrix, evaluate=False),
            matrix.diff(u),
            name="generator in the input",
            because=r"$T(u) = \exp(u \sum_n \bar b_n E_n) M_0$",
            sizes=lifted.sizes,
        ),
        Identity(
            sp.MatMul(matrix, state, evaluate=False),
            column(lifted.basis.lift(tuple(image))),
            name="one step",
            because=r"binomial theorem on every $\lambda_n x_n + \bar b_n u$",
            sizes=lifted.sizes,
        ),
    )
    return ClosedForm(sp.Symbol("T"), matrix, (*lifted.ssm.parameters, u), where, certificates, lifted.reference)
