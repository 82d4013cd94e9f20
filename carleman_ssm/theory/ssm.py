r"""Diagonal state space models, in continuous and in discrete time, symbolic or exact.

$x' = \Lambda x + b u,\; y = c^\top x + D u$ with $\Lambda = \mathrm{diag}(a_n)$, and one step
$x_k = \bar\Lambda x_{k-1} + \bar b u_k,\; y_k = c^\top x_k + D u_k$ with multipliers $\lambda_n$.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp


@dataclass(frozen=True)
class DiagonalSSM:
    r"""$x' = \mathrm{diag}(a) x + b u$, $y = c^\top x + D u$, or twice the real part of $c^\top x$.

    Parameters
    ----------
    eigenvalues
        $a_n$ [1/time], exact numbers or symbols.
    input_vector, output_vector
        $b_n$ [state/(input·time)] and $c_n$ [output/state].
    feedthrough
        $D$ [output/input].
    conjugate_pairs
        True when only one of each conjugate pair is stored: $y = 2\,\mathrm{Re}(c^\top x) + D u$.
    """

    eigenvalues: tuple[sp.Expr, ...]
    input_vector: tuple[sp.Expr, ...]
    output_vector: tuple[sp.Expr, ...]
    feedthrough: sp.Expr = sp.Integer(0)
    conjugate_pairs: bool = False


@dataclass(frozen=True)
class DiscreteSSM:
    r"""$x_k = \mathrm{diag}(\lambda) x_{k-1} + \bar b u_k$, $y_k = c^\top x_k + D u_k$ (new state, so $K_0 = c^\top \bar b + D$).

    Parameters
    ----------
    multipliers, input_vector, output_vector
        $\lambda_n$, $\bar b_n$ and $c_n$.
    feedthrough
        $D$.
    conjugate_pairs
        As in `DiagonalSSM`.
    """

    multipliers: tuple[sp.Expr, ...]
    input_vector: tuple[sp.Expr, ...]
    output_vector: tuple[sp.Expr, ...]
    feedthrough: sp.Expr = sp.Integer(0)
    conjugate_pairs: bool = False
