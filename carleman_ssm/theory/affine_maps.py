"""Affine maps with exact entries: encoders, mixings, heads, and BatchNorm in evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from carleman_ssm.theory.polynomials import exact, exact_entries


@dataclass(frozen=True)
class ExactAffineMap:
    r"""$v \mapsto Wv + w$ with exact entries: a mixing, an encoder, a head, BatchNorm in evaluation.

    Parameters
    ----------
    matrix
        W, shape (rows, columns).
    offset
        w, one entry for each row; zeros if not given.

    Raises
    ------
    ValueError, TypeError
        An entry is not exact, or the offset has another length than the matrix has rows.

    References
    ----------
    THEORY T16.

    Examples
    --------
    >>> ExactAffineMap(sp.Matrix([[1, 2]]), (3,))(sp.symbols("a b"))
    (a + 2*b + 3,)
    """

    matrix: sp.ImmutableMatrix
    offset: tuple[sp.Expr, ...] = ()

    def __post_init__(self) -> None:
        matrix: object = self.matrix
        if not isinstance(matrix, sp.MatrixBase) or 0 in matrix.shape:
            msg = f"an affine map needs a SymPy matrix with at least one row and column, got {matrix!r}"
            raise TypeError(msg)
        entries = [exact(value, "an entry of the matrix") for value in matrix]
        object.__setattr__(self, "matrix", sp.ImmutableMatrix(*matrix.shape, entries))
        offset = exact_entries(self.offset, "the offset") or (sp.S.Zero,) * matrix.rows
        object.__setattr__(self, "offset", offset)
        if len(offset) != matrix.rows:
            msg = f"the offset has {len(offset)} entries for {matrix.rows} rows: give one for each row"
            raise ValueError(msg)

    @classmethod
    def diagonal(cls, scale: Sequence[sp.Expr], shift: Sequence[sp.Expr] = ()) -> ExactAffineMap:
        r"""$v_h \mapsto \alpha_h v_h + \beta_h$: BatchNorm in evaluation.

        $\alpha = \gamma/\sqrt{\mathrm{var} + \varepsilon}$, $\beta = \beta_0 - \alpha\,\mathrm{mean}$.
        """
        return cls(sp.ImmutableMatrix(sp.diag(*exact_entries(scale, "the scale"))), tuple(shift))

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The symbols of the entries, each once."""
        return _symbols_of([*self.matrix, *self.offset])

    def __call__(self, vector: Sequence[sp.Expr]) -> tuple[sp.Expr, ...]:
        """The image of a vector with one entry for each column."""
        rows = zip(self.matrix.tolist(), self.offset, strict=True)
        return tuple(sp.Add(w, *(a * v for a, v in zip(row, vector, strict=True))) for row, w in rows)


def _symbols_of(expressions: Sequence[sp.Expr]) -> tuple[sp.Symbol, ...]:
    ordered = (symbol for value in expressions for symbol in sorted(value.free_symbols, key=str))
    return tuple(dict.fromkeys(ordered))
