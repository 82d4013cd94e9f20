r"""Recurrences that are affine in their own state, with exact entries: $Z_k = A_k Z_{k-1} + B_k$, $Z_0 = 0$.

$Z_k$ has N rows (the state) and V columns (one for a vector state, one for each value of a matrix state such as
that of linear attention; the columns see the same $A_k$). $A_k$ and $B_k$ may depend on the inputs in any way:
they are given step by step. Four types say what kind of $A_k$ a family has, and so what is known of the
propagator $\Phi(k, j) = A_k A_{k-1} \cdots A_{j+1}$, with which

$$Z_k = \sum_{j=1}^{k} \Phi(k, j) B_j .$$
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import sympy as sp

from carleman_ssm.formulas.statements import check_names
from carleman_ssm.recurrences.steps import (
    Vector,
    beside,
    diagonal,
    exact_matrix,
    require_per_step,
    step_symbols,
)
from carleman_ssm.theory.polynomials import exact_entries, require_integer

__all__ = [
    "AffineRecurrence",
    "InvariantDense",
    "InvariantDiagonal",
    "VaryingDiagonal",
    "VaryingRankOne",
    "Vector",
    "step_symbols",
]


class AffineRecurrence(ABC):
    r"""$Z_k = A_k Z_{k-1} + B_k$ for $k = 1, \dots, L$, from rest.

    Attributes
    ----------
    drives
        $B_1, \dots, B_L$, exact matrices of shape (N, V).
    commuting
        Whether all $A_k$ commute for every choice of the parameters.
    time_invariant
        Whether $A_k$ is the same in every step.
    """

    drives: tuple[sp.ImmutableMatrix, ...]
    commuting: ClassVar[bool]
    time_invariant: ClassVar[bool]

    @abstractmethod
    def transition(self, k: int) -> sp.ImmutableMatrix:
        r"""$A_k$, shape (N, N), $1 \le k \le L$."""

    @abstractmethod
    def propagator(self, k: int, j: int) -> sp.ImmutableMatrix:
        r"""$\Phi(k, j) = A_k \cdots A_{j+1}$, $0 \le j \le k \le L$; the identity for $j = k$.

        Raises
        ------
        TypeError, ValueError
            Steps that are no integers, or not in this order.
        """

    @property
    def states(self) -> int:
        """N."""
        return int(self.drives[0].rows)

    @property
    def columns(self) -> int:
        """V."""
        return int(self.drives[0].cols)

    @property
    def steps(self) -> int:
        """L."""
        return len(self.drives)

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The free symbols, each once, in the order of the steps."""
        entries = [e for k in range(1, self.steps + 1) for m in (self.transition(k), self.drives[k - 1]) for e in m]
        return tuple(dict.fromkeys(s for entry in entries for s in sorted(entry.free_symbols, key=str)))

    def state(self, k: int) -> sp.ImmutableMatrix:
        r"""$Z_k = \sum_{j \le k} \Phi(k, j) B_j$: the closed form, not the recurrence."""
        self._require_step(k)
        terms = (self.propagator(k, j) * self.drives[j - 1] for j in range(1, k + 1))
        return sum(terms, sp.zeros(self.states, self.columns)).as_immutable()

    def recurred_state(self, k: int) -> sp.ImmutableMatrix:
        """$Z_k$ by k steps of the recurrence: the second route."""
        self._require_step(k)
        state = sp.zeros(self.states, self.columns)
        for i in range(1, k + 1):
            state = self.transition(i) * state + self.drives[i - 1]
        return state.as_immutable()

    def flat_transition(self, k: int) -> sp.ImmutableMatrix:
        r"""$A_k \otimes 1_V$, which moves the entries of $Z$ row by row."""
        return beside(self.transition(k), self.columns)

    def flat_propagator(self, k: int, j: int) -> sp.ImmutableMatrix:
        r"""$\Phi(k, j) \otimes 1_V$."""
        return beside(self.propagator(k, j), self.columns)

    def _require_step(self, k: int, *, least: int = 0) -> None:
        require_integer(k, "the step k", least=least)
        if k > self.steps:
            msg = f"the recurrence has {self.steps} steps, asked for step {k}"
            raise ValueError(msg)

    def _require_span(self, k: int, j: int) -> None:
        self._require_step(k)
        require_integer(j, "the step j before", least=0, most=k)

    def _freeze_drives(self, states: int | None = None) -> None:
        drives = tuple(exact_matrix(drive, f"the drive of step {k}") for k, drive in enumerate(self.drives, start=1))
        shapes = {drive.shape for drive in drives}
        if len(shapes) != 1 or (states is not None and {shape[0] for shape in shapes} != {states}):
            wanted = "any number of" if states is None else states
            msg = f"every drive needs {wanted} rows and the same number of columns, got {sorted(shapes) or 'no drive'}"
            raise ValueError(msg)
        object.__setattr__(self, "drives", drives)


@dataclass(frozen=True)
class InvariantDiagonal(AffineRecurrence):
    r"""$A_k = \mathrm{diag}(\lambda)$: S4D, DSS, S5, LRU, linear attention ($\lambda = 1$), RetNet.

    Parameters
    ----------
    multipliers
        $\lambda_1, \dots, \lambda_N$.
    drives
        $B_k$, one matrix (N, V) or one sequence of N entries for each step.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, entries that are not exact, or illegal names.

    Examples
    --------
    >>> lam, b, u1, u2 = sp.symbols("lambda_0 b u_1 u_2")
    >>> InvariantDiagonal((lam,), ((b * u1,), (b * u2,))).state(2)
    Matrix([[b*lambda_0*u_1 + b*u_2]])
    """

    multipliers: Vector
    drives: tuple[sp.ImmutableMatrix, ...]
    commuting: ClassVar[bool] = True
    time_invariant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "multipliers", exact_entries(self.multipliers, "multipliers"))
        self._freeze_drives(len(self.multipliers))
        check_names(self.parameters)

    def transition(self, k: int) -> sp.ImmutableMatrix:
        r"""$\mathrm{diag}(\lambda)$."""
        self._require_step(k, least=1)
        return diagonal(self.multipliers)

    def propagator(self, k: int, j: int) -> sp.ImmutableMatrix:
        r"""$\mathrm{diag}(\lambda^{k-j})$."""
        self._require_span(k, j)
        return diagonal(multiplier ** (k - j) for multiplier in self.multipliers)


@dataclass(frozen=True)
class InvariantDense(AffineRecurrence):
    r"""$A_k = A$, any matrix: S4 with its low-rank correction, and the shift of H3.

    Parameters
    ----------
    matrix
        A, shape (N, N).
    drives
        As in `InvariantDiagonal`.

    Raises
    ------
    ValueError, TypeError
        As in `InvariantDiagonal`; the matrix is not square.
    """

    matrix: sp.ImmutableMatrix
    drives: tuple[sp.ImmutableMatrix, ...]
    commuting: ClassVar[bool] = True
    time_invariant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        matrix = exact_matrix(self.matrix, "the matrix")
        if matrix.rows != matrix.cols:
            msg = f"the transition matrix must be square, got {matrix.shape}"
            raise ValueError(msg)
        object.__setattr__(self, "matrix", matrix)
        self._freeze_drives(matrix.rows)
        check_names(self.parameters)

    def transition(self, k: int) -> sp.ImmutableMatrix:
        """A."""
        self._require_step(k, least=1)
        return self.matrix

    def propagator(self, k: int, j: int) -> sp.ImmutableMatrix:
        r"""$A^{k-j}$."""
        self._require_span(k, j)
        return sp.ImmutableMatrix(self.matrix ** (k - j))


@dataclass(frozen=True)
class VaryingDiagonal(AffineRecurrence):
    r"""$A_k = \mathrm{diag}(\lambda_k)$, given step by step: Mamba, Mamba-2, GLA, RG-LRU, S7.

    Parameters
    ----------
    multipliers
        L sequences of N entries $\lambda_{k,n}$.
    drives
        As in `InvariantDiagonal`.

    Raises
    ------
    ValueError, TypeError
        As in `InvariantDiagonal`.

    Examples
    --------
    >>> p, q, b1, b2 = sp.symbols("p q b_1 b_2")
    >>> VaryingDiagonal(((p,), (q,)), ((b1,), (b2,))).state(2)
    Matrix([[b_1*q + b_2]])
    """

    multipliers: tuple[Vector, ...]
    drives: tuple[sp.ImmutableMatrix, ...]
    commuting: ClassVar[bool] = True
    time_invariant: ClassVar[bool] = False

    def __post_init__(self) -> None:
        rows = tuple(exact_entries(row, f"the multipliers of step {k}") for k, row in enumerate(self.multipliers, 1))
        object.__setattr__(self, "multipliers", rows)
        self._freeze_drives(len(rows[0]) if rows else None)
        require_per_step("multipliers", rows, self.steps, self.states)
        check_names(self.parameters)

    def transition(self, k: int) -> sp.ImmutableMatrix:
        r"""$\mathrm{diag}(\lambda_k)$."""
        self._require_step(k, least=1)
        return diagonal(self.multipliers[k - 1])

    def propagator(self, k: int, j: int) -> sp.ImmutableMatrix:
        r"""$\mathrm{diag}(\prod_{i=j+1}^{k} \lambda_{i,n})$: the order of the steps does not matter."""
        self._require_span(k, j)
        columns = zip(*self.multipliers[j:k], strict=True) if k > j else [()] * self.states
        return diagonal(sp.Mul(*column) for column in columns)


@dataclass(frozen=True)
class VaryingRankOne(AffineRecurrence):
    r"""$A_k = g_k (1 - \beta_k \kappa_k \kappa_k^\top)$: DeltaNet ($g = 1$) and Gated DeltaNet.

    Parameters
    ----------
    decays
        $g_1, \dots, g_L$.
    strengths
        $\beta_1, \dots, \beta_L$.
    keys
        $\kappa_1, \dots, \kappa_L$, N entries each (real: the transpose is not conjugated).
    drives
        As in `InvariantDiagonal`; the delta rule drives with $\beta_k \kappa_k v_k^\top$.

    Raises
    ------
    ValueError, TypeError
        As in `InvariantDiagonal`.
    """

    decays: Vector
    strengths: Vector
    keys: tuple[Vector, ...]
    drives: tuple[sp.ImmutableMatrix, ...]
    commuting: ClassVar[bool] = False
    time_invariant: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name in ("decays", "strengths"):
            object.__setattr__(self, name, exact_entries(getattr(self, name), name))
        keys = tuple(exact_entries(key, f"the key of step {k}") for k, key in enumerate(self.keys, 1))
        object.__setattr__(self, "keys", keys)
        self._freeze_drives(len(keys[0]) if keys else None)
        require_per_step("keys", keys, self.steps, self.states)
        if {len(self.decays), len(self.strengths)} != {self.steps}:
            msg = f"{self.steps} steps need as many decays and strengths, got {len(self.decays)}, {len(self.strengths)}"
            raise ValueError(msg)
        check_names(self.parameters)

    def transition(self, k: int) -> sp.ImmutableMatrix:
        r"""$g_k (1 - \beta_k \kappa_k \kappa_k^\top)$."""
        self._require_step(k, least=1)
        key = sp.ImmutableMatrix(self.states, 1, list(self.keys[k - 1]))
        return self.decays[k - 1] * (sp.eye(self.states) - self.strengths[k - 1] * key * key.T).as_immutable()

    def propagator(self, k: int, j: int) -> sp.ImmutableMatrix:
        """The time-ordered product itself: the factors do not commute, and no shorter form is known for all keys."""
        self._require_span(k, j)
        product = sp.eye(self.states)
        for i in range(j + 1, k + 1):
            product = self.transition(i) * product
        return product.as_immutable()
