r"""Does the span of the monomials of degree $\le P$ map into itself?

For a map $x \mapsto f(x)$ the monomial $x^\alpha$ becomes $f^\alpha$, of degree $\sum_n \alpha_n \deg f_n$;
for a flow $x' = f(x)$ it becomes $\sum_n \alpha_n x^{\alpha - e_n} f_n$, of degree
$|\alpha| - 1 + \max_n \deg f_n$.

**Theorem.** If every $f_n$ has degree at most 1, both stay within degree $P$, for every $P$: the lift of a
linear state equation is finite and needs no truncation. One quadratic $f_n$ opens it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from carleman_ssm.theory.carleman import BilinearSystem, LiftedSystem
from carleman_ssm.theory.monomials import MonomialBasis, refuse_beyond_budget

MAX_MONOMIALS = 1_000
"""A hierarchy that is not affine is examined monomial by monomial up to this size."""


@dataclass(frozen=True)
class ClosureReport:
    r"""Whether the monomials up to `degree` are closed under the dynamics.

    Parameters
    ----------
    degree, states
        P and the size of the lift.
    missing
        Monomials that appear in an image but not in the basis, in the order in which they appear.
    because
        The reason.
    """

    degree: int
    states: int
    missing: tuple[sp.Expr, ...]
    because: str

    @property
    def closed(self) -> bool:
        """True when nothing is missing."""
        return not self.missing


def closure(lifted: LiftedSystem) -> ClosureReport:
    r"""The lift of a diagonal SSM is closed at every degree; the report names the theorem.

    Parameters
    ----------
    lifted
        The lifted system, of any size: only degrees are counted.

    Returns
    -------
    ClosureReport
        ``closed`` is True and ``missing`` empty, by THEORY T9 and T14.

    References
    ----------
    THEORY T9, T14.

    Examples
    --------
    >>> import carleman_ssm as cs
    >>> model = cs.DiagonalSSM.symbolic(states=2)
    >>> report = cs.closure(cs.carleman_lift(model, cs.PolynomialDecoder.symbolic(degree=3)))
    >>> report.closed, report.states, report.missing
    (True, 10, ())
    """
    x, u = lifted.symbols("x"), sp.Dummy("u")
    flow = isinstance(lifted, BilinearSystem)
    factors = lifted.ssm.eigenvalues if isinstance(lifted, BilinearSystem) else lifted.ssm.multipliers
    rows = zip(factors, x, lifted.ssm.input_vector, strict=True)
    return closure_of(tuple(a * xn + b * u for a, xn, b in rows), x, lifted.decoder.degree, flow=flow)


def closure_of(
    dynamics: Sequence[sp.Expr], state: Sequence[sp.Symbol], degree: int, *, flow: bool = False
) -> ClosureReport:
    r"""Closure of any polynomial dynamics $f$ on the monomials of degree $\le P$.

    Parameters
    ----------
    dynamics
        $f_n$, polynomials in `state`; other symbols are parameters.
    state
        The variables $x_n$.
    degree
        P.
    flow
        False for a map $x \mapsto f(x)$, True for a flow $x' = f(x)$.

    Returns
    -------
    ClosureReport
        ``missing`` names the monomials that leave the span.

    Raises
    ------
    ValueError
        $f$ is no polynomial, or it is not affine and the basis has more than 1,000 monomials.

    References
    ----------
    Standard; the witness against nonlinear recurrences.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> closure_of([x / 2 + 1], [x], degree=2).closed
    True
    >>> closure_of([x * (1 - x)], [x], degree=2).missing
    (x**4, x**3)
    """
    basis = MonomialBasis(len(state), degree)
    polynomials = [_polynomial(f, state) for f in dynamics]
    if all(f.total_degree() <= 1 for f in polynomials):
        return ClosureReport(degree, basis.size, (), "affine dynamics never raise the degree of a monomial")
    refuse_beyond_budget(basis.size, "the examined hierarchy", MAX_MONOMIALS)
    missing: dict[tuple[int, ...], None] = {}
    for alpha in basis.exponents.tolist():
        image = _derivative(polynomials, alpha, state) if flow else _image(polynomials, alpha, state)
        missing |= dict.fromkeys(power for power in image.monoms() if sum(power) > degree)
    monomials = tuple(sp.Mul(*map(sp.Pow, state, power)) for power in missing)
    reason = "images of monomials leave the basis" if monomials else "every image was examined"
    return ClosureReport(degree, basis.size, monomials, reason)


def _polynomial(expression: sp.Expr, state: Sequence[sp.Symbol]) -> sp.Poly:
    try:
        return sp.Poly(expression, *state)
    except sp.PolynomialError as error:
        msg = f"{expression} is no polynomial in {', '.join(map(str, state))}: closure counts degrees"
        raise ValueError(msg) from error


def _image(dynamics: Sequence[sp.Poly], alpha: Sequence[int], state: Sequence[sp.Symbol]) -> sp.Poly:
    image = sp.Poly(1, *state)
    for f, power in zip(dynamics, alpha, strict=True):
        image *= f**power
    return image


def _derivative(dynamics: Sequence[sp.Poly], alpha: Sequence[int], state: Sequence[sp.Symbol]) -> sp.Poly:
    image = sp.Poly(0, *state)
    monomial = sp.Poly(sp.Mul(*map(sp.Pow, state, alpha)), *state)
    for x, f in zip(state, dynamics, strict=True):
        image += monomial.diff(x) * f
    return image
