r"""The lift of a polynomial step by weights: rows $f^\alpha$ over the monomials $x^\alpha$, $w \cdot \alpha \le W$.

A state that collects products of other states weighs as much as the product. If no component $f_n$ weighs more than
$x_n$, the monomials of weight at most W are mapped into themselves by a matrix whose entries are polynomials in the
inputs: exact at finite size (T16). H3 is the case of a shift register of weight 1 and diagonal modes of weight 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from carleman_ssm.theory.weighted_basis import WeightedBasis


def weighted_lift(variables: Sequence[sp.Symbol], image: Sequence[sp.Expr], basis: WeightedBasis) -> sp.ImmutableMatrix:
    r"""The matrix M with $M\,(x^\alpha)_\alpha = (f(x)^\alpha)_\alpha$.

    Parameters
    ----------
    variables
        $x_n$, in the order of the weights.
    image
        $f_n$, polynomials in the variables; other symbols are parameters.
    basis
        Weights $w_n$ and the largest weight W.

    Returns
    -------
    ImmutableMatrix
        (size, size), entries expanded.

    Raises
    ------
    ValueError
        A component weighs more than its variable: the span is not invariant.

    References
    ----------
    THEORY T16.

    Examples
    --------
    >>> s, x, u = sp.symbols("s x u")
    >>> weighted_lift((s, x), (u, x + u * s), WeightedBasis((1, 2), 2))
    Matrix([
    [   1, 0, 0, 0],
    [   u, 0, 0, 0],
    [u**2, 0, 0, 0],
    [   0, u, 0, 1]])
    """
    components = [sp.Poly(f, *variables) for f in image]
    for x, f, weight in zip(variables, components, basis.weights, strict=True):
        heaviest = max(basis.weight_of(alpha) for alpha in f.monoms())
        if heaviest > weight:
            msg = f"the image of {x} weighs {heaviest}, more than its {weight}: the lift does not close"
            raise ValueError(msg)
    cells: dict[tuple[int, int], sp.Expr] = {}
    one = sp.Poly(1, *variables)
    for row, alpha in enumerate(basis.exponents):
        power = one
        for f, exponent in zip(components, alpha, strict=True):
            power = power * f**exponent
        cells |= {(row, basis.places[monom]): value for monom, value in power.terms() if value != 0}
    return sp.ImmutableMatrix(sp.SparseMatrix(basis.size, basis.size, cells))
