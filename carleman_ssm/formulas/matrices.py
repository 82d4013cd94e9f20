"""Matrix expressions of explicit shape, written out: the entries that are compared."""

from __future__ import annotations

import sympy as sp


def explicit(expression: sp.Basic) -> sp.Basic:
    """An explicit immutable matrix for a matrix expression; anything else unchanged.

    Products of explicit matrices are multiplied out directly: ``as_explicit`` would search a closed form for
    every `Sum` in them.

    Examples
    --------
    >>> explicit(sp.MatMul(sp.ImmutableMatrix([[1, 2]]), sp.ImmutableMatrix([[3], [4]])))
    Matrix([[11]])
    """
    if not isinstance(expression, sp.MatrixExpr) or isinstance(expression, sp.MatrixBase):
        return expression
    if isinstance(expression, sp.MatMul) and all(isinstance(part, sp.MatrixBase) for part in expression.args):
        product, *rest = expression.args
        for part in rest:
            product = product * part
        return sp.ImmutableMatrix(product)
    return sp.ImmutableMatrix(expression.as_explicit())


def has_entries(expression: sp.Basic) -> bool:
    """Whether the shape of a matrix is a pair of numbers, so that its entries can be written out."""
    return all(sp.sympify(size, strict=True).is_Integer for size in expression.shape)


def written_out(side: sp.Basic) -> sp.Basic | None:
    """Scalars as they are, matrices with their entries; None for matrices of symbolic shape."""
    if isinstance(side, sp.MatrixExpr) and not isinstance(side, sp.MatrixBase):
        return explicit(side) if has_entries(side) else None
    return side


def entry_pairs(left: sp.Basic, right: sp.Basic) -> list[tuple[sp.Expr, sp.Expr]] | None:
    """Both sides of one shape as pairs of scalars with derivatives carried out; None where there are no such pairs.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> entry_pairs(sp.Matrix([[sp.Derivative(x**2, x), 0]]), sp.Matrix([[2 * x, 0]]))
    [(2*x, 2*x), (0, 0)]
    """
    sides = [written_out(side) for side in (left, right)]
    listed = [list(side) if isinstance(side, sp.MatrixBase) else [side] for side in sides]
    if not all(isinstance(entry, sp.Expr) for entries in listed for entry in entries):
        return None
    return [(_differentiated(one), _differentiated(other)) for one, other in zip(*listed, strict=True)]


def _differentiated(expression: sp.Expr) -> sp.Expr:
    """Derivatives and values at a point, carried out."""
    if not expression.has(sp.Derivative, sp.Subs):
        return expression
    return expression.replace(lambda e: isinstance(e, sp.Derivative | sp.Subs), carried_out)


def carried_out(derivative: sp.Expr) -> sp.Expr:
    r"""A derivative or a value at a point, carried out, with powers of one base joined.

    SymPy writes $(n + 1)\,x^{n+1}/x$ for the slope of $x^{n+1}$; joined, it divides by nothing.

    Examples
    --------
    >>> x, n = sp.Symbol("x"), sp.Symbol("n", integer=True)
    >>> carried_out(sp.Derivative(x ** (n + 1), x))
    x**n*(n + 1)
    """
    done = derivative.doit(deep=False)
    powers = (p for p in done.atoms(sp.Pow) if p.base is not sp.E and not p.exp.is_number)
    return sp.powsimp(done, combine="exp") if any(powers) else done
