"""Matrix expressions of explicit shape, written out."""

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
