r"""Laws of S4's dense matrix $A = \Lambda - P P^*$: real coordinates, the step, and what the stored readout holds."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.theory.legendre import legs_skew_matrix

_OMEGA = sp.Symbol("omega")


def dense_laws(matrix: sp.ImmutableMatrix, row: sp.ImmutableMatrix, steps: int) -> tuple[Identity, ...]:
    r"""Laws of a dense layer of the size of `matrix`.

    Parameters
    ----------
    matrix, row
        $\bar A$ (N, N) and $c^\top$ (1, N), symbols.
    steps
        L, the length for which the readout was stored.

    References
    ----------
    Gu, Goel & Ré (2022), S4, appendix C.
    """
    return (
        _stored_readout(matrix, row, steps),
        _low_rank_inverse(matrix.rows),
        _legs_normal_part(max(matrix.rows, 2)),
        _legs_spectrum(max(matrix.rows, 2)),
        _real_coordinates(sp.S.One),
        _dissipation(sp.S.One),
        _contraction(matrix.rows),
    )


def dense_twins(matrix: sp.ImmutableMatrix, row: sp.ImmutableMatrix, steps: int) -> tuple[Identity, ...]:
    """False statements close to `dense_laws`."""
    size = max(matrix.rows, 2)
    law = _stored_readout(matrix, row, steps)
    real = _real_coordinates(-sp.S.One)
    return (
        Identity(law.left, row, name="twin: the stored readout taken for the readout"),
        Identity(hippo_legs(size), _legs_normal(size), name="twin: the low rank is dropped"),
        Identity(real.left, real.right, name="twin: +i for -i"),
        replace(_dissipation(-sp.S.One), name="twin: the low rank with the other sign"),
    )


def hippo_legs(size: int) -> sp.ImmutableMatrix:
    r"""HiPPO-LegS: $-\sqrt{(2n+1)(2k+1)}$ below the diagonal, $-(n+1)$ on it, zero above.

    Examples
    --------
    >>> hippo_legs(2)
    Matrix([
    [      -1,  0],
    [-sqrt(3), -2]])
    """

    def entry(n: int, k: int) -> sp.Expr:
        if n == k:
            return sp.Integer(-n - 1)
        return -sp.sqrt((2 * n + 1) * (2 * k + 1)) if n > k else sp.S.Zero

    return sp.ImmutableMatrix(size, size, lambda n, k: entry(int(n), int(k)))


def _legs_normal(size: int) -> sp.ImmutableMatrix:
    r"""$-\tfrac12 1 + S$."""
    return (legs_skew_matrix(size) - sp.eye(size) / 2).as_immutable()


def _legs_normal_part(size: int) -> Identity:
    low_rank = sp.Matrix([sp.sqrt(2 * n + 1) / sp.sqrt(2) for n in range(size)])
    return Identity(
        hippo_legs(size) + low_rank * low_rank.T,
        _legs_normal(size),
        name="HiPPO-LegS plus its rank one is normal",
        because=r"$A + P P^\top = -\tfrac12 1 + S$ with $P_n = \sqrt{n + 1/2}$ and S skew",
    )


def _legs_spectrum(size: int) -> Identity:
    mu = sp.Symbol("mu")
    return Identity(
        (mu * sp.eye(size) - hippo_legs(size)).det(method="berkowitz"),
        sp.Mul(*(mu + n + 1 for n in range(size))),
        name="the spectrum of HiPPO-LegS is real",
        because="it is triangular with $-(n + 1)$ on the diagonal",
    )


def _stored_readout(matrix: sp.ImmutableMatrix, row: sp.ImmutableMatrix, steps: int) -> Identity:
    r"""$\sum_{\ell < L} c^\top \bar A^\ell \omega^\ell (1 - \omega \bar A) = c^\top (1 - \omega^L \bar A^L)$."""
    size = matrix.rows
    series, power = sp.zeros(1, size), row
    for lag in range(steps):
        series += power * _OMEGA**lag
        power = power * matrix
    return Identity(
        series * (sp.eye(size) - _OMEGA * matrix),
        row - power * _OMEGA**steps,
        name="the stored readout",
        because=r"telescoping; at $\omega^L = 1$ the right side is $\tilde c^\top = c^\top (1 - \bar A^L)$",
    )


def _low_rank_inverse(size: int) -> Identity:
    r"""$(E + p q^\top)^{-1} = F - F p q^\top F / (1 + q^\top F p)$ for a diagonal E with the inverse F."""
    p, q, d = (sp.Matrix(sp.symbols(f"{stem}_:{size}")) for stem in ("p", "q", "d"))
    inverse = sp.diag(*d)
    scale = 1 + (q.T * inverse * p)[0]
    claimed = inverse - inverse * p * q.T * inverse / scale
    return Identity(
        (sp.diag(*(1 / value for value in d)) + p * q.T) * claimed,
        sp.eye(size),
        name="the inverse of the low-rank step",
        because="Sherman and Morrison",
        nonzero=(scale,),
    )


def _dissipation(sign: sp.Expr) -> Identity:
    r"""$A + A^\top = -2\,\mathrm{diag}(\alpha, \alpha) - 4 p p^\top$ in real coordinates; `sign` = -1 is false."""
    decay, frequency = sp.symbols("alpha omega", real=True)
    p = sp.Matrix(sp.symbols("p_0 p_1", real=True))
    matrix = sp.Matrix([[-decay, frequency], [-frequency, -decay]]) - 2 * p * p.T
    return Identity(
        matrix + matrix.T,
        -2 * decay * sp.eye(2) - 4 * sign * p * p.T,
        name="S4 dissipates",
        because=r"the rotation is skew; for $\alpha \ge 0$ the right side is negative semidefinite",
    )


def _contraction(size: int) -> Identity:
    r"""With $v = (1 - G) w$ the step is $v \mapsto (1 + G) w$, and no longer than v where $G + G^\top \le 0$."""
    matrix = sp.Matrix(size, size, lambda i, j: sp.Symbol(f"g_{i}_{j}", real=True))
    w = sp.Matrix([sp.Symbol(f"w_{n}", real=True) for n in range(size)])
    before, after = w - matrix * w, w + matrix * w
    return Identity(
        (after.T * after)[0] - (before.T * before)[0],
        2 * (w.T * (matrix + matrix.T) * w)[0],
        name="the bilinear step of a dissipative matrix is a contraction",
        because=r"$|w + Gw|^2 - |w - Gw|^2 = 4 w^\top G w$",
    )


def _real_coordinates(sign: sp.Expr) -> Identity:
    r"""$\Lambda - P P^*$ over $(x, \bar x)$ is $J(\Lambda) - 2 p p^\top$ over $(\mathrm{Re}\,x, \mathrm{Im}\,x)$.

    $\Lambda = -\alpha - i\omega$, $P = p_0 + i p_1$; `sign` = -1 turns the sign of the rotation, which is false.
    """
    decay, frequency = sp.symbols("alpha omega", real=True)
    p = sp.Matrix(sp.symbols("p_0 p_1", real=True))
    low = p[0] + sp.I * p[1]
    pair = sp.Matrix([low, sp.conjugate(low)])
    eigenvalue = -decay - sp.I * frequency
    completed = sp.diag(eigenvalue, sp.conjugate(eigenvalue)) - pair * pair.H
    to_real = sp.Matrix([[1, 1], [-sp.I, sp.I]]) / 2
    to_pair = sp.Matrix([[1, sp.I], [1, -sp.I]])
    rotation = sp.Matrix([[-decay, sign * frequency], [-sign * frequency, -decay]])
    return Identity(
        to_real * completed * to_pair,
        rotation - 2 * p * p.T,
        name="real coordinates",
        because=r"$P (P^* x + P^\top \bar x) = 2 P\, \mathrm{Re}(P^* x)$",
    )
