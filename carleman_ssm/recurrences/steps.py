"""Exact matrices and symbols, step by step: what the types of recurrences are built from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy as sp

from carleman_ssm.theory.polynomials import exact, exact_entries, require_kind

Vector = tuple[sp.Expr, ...]


def exact_matrix(value: object, what: str) -> sp.ImmutableMatrix:
    """An exact matrix; a sequence of entries is a column.

    Raises
    ------
    TypeError, ValueError
        An entry is not exact.
    """
    if isinstance(value, sp.MatrixBase):
        return sp.ImmutableMatrix(*value.shape, [exact(entry, f"an entry of {what}") for entry in value])
    entries = exact_entries(value, what)
    return sp.ImmutableMatrix(len(entries), 1, entries)


def beside(matrix: sp.ImmutableMatrix, copies: int) -> sp.ImmutableMatrix:
    r"""$A \otimes 1_V$ for V copies."""
    cells = {
        (row * copies + v, column * copies + v): matrix[row, column]
        for row in range(matrix.rows)
        for column in range(matrix.cols)
        for v in range(copies)
    }
    return sp.ImmutableMatrix(sp.SparseMatrix(matrix.rows * copies, matrix.cols * copies, cells))


def diagonal(entries: Iterable[sp.Expr]) -> sp.ImmutableMatrix:
    """The diagonal matrix of these entries."""
    return sp.ImmutableMatrix(sp.diag(*entries))


def require_per_step(what: str, rows: Sequence[Vector], steps: int, states: int) -> None:
    """Refuse what does not have `states` entries in each of `steps` steps.

    Raises
    ------
    ValueError
        With the numbers that were given.
    """
    if len(rows) != steps or {len(row) for row in rows} != {states}:
        msg = f"{what}: expected {steps} steps of {states} entries, got {[len(row) for row in rows]}"
        raise ValueError(msg)


def step_symbols(stem: str, steps: int, *sizes: int, **assumptions: bool) -> sp.Basic:
    """Symbols per step: ``stem_k`` without sizes, else nested tuples of ``stem_k_i…``, k from 1, i from 0.

    Examples
    --------
    >>> step_symbols("b", 2, 2)
    ((b_1_0, b_1_1), (b_2_0, b_2_1))
    """
    require_kind(stem, str, "the stem")

    def named(name: str, left: tuple[int, ...]) -> object:
        if not left:
            return sp.Symbol(name, **assumptions)
        return tuple(named(f"{name}_{i}", left[1:]) for i in range(left[0]))

    return tuple(named(f"{stem}_{k}", sizes) for k in range(1, steps + 1))
