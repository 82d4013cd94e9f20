r"""The initial spectra of S4D: Lin, Inv, Real exactly, and LegS as roots of its characteristic polynomial.

For Lin, Inv and LegS the model stores one mode of each conjugate pair: ``states`` counts *stored* modes, half
of the papers' state size N. The input vector is $b_n = 1$, the gauge in which only the products $b_n c_n$
matter (THEORY T1′).
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from carleman_ssm.theory.legendre import legs_frequencies
from carleman_ssm.theory.polynomials import require_count
from carleman_ssm.theory.ssm import DiagonalSSM
from carleman_ssm.theory.wave_profile import lin_eigenvalue


def s4d_lin(
    states: int, *, output_vector: Sequence[sp.Expr] | None = None, feedthrough: sp.Expr = sp.S.Zero
) -> DiagonalSSM:
    r"""S4D-Lin: $a_n = -\tfrac12 + i\pi n$, conjugate pairs; mode 0 is real and is doubled.

    Parameters
    ----------
    states
        Number of stored modes M = N/2.
    output_vector
        $c_n$, by default the symbols ``c_0, c_1, …``.
    feedthrough
        D, real.

    Returns
    -------
    DiagonalSSM
        With b = 1 (the gauge of THEORY T1′).

    Raises
    ------
    ValueError, TypeError
        `states` is no positive count, or the output vector has another length.

    References
    ----------
    Gu et al. (2022), "On the parameterization and initialization of diagonal state space models", eq. 9.

    Examples
    --------
    >>> s4d_lin(2).eigenvalues
    (-1/2, -1/2 + I*pi)
    >>> s4d_lin(2).with_conjugates(merge_real=True).output_vector
    (c_0 + conjugate(c_0), c_1, conjugate(c_1))
    """
    return _pairs([lin_eigenvalue(sp.Integer(n)) for n in range(_checked(states))], output_vector, feedthrough)


def s4d_inv(
    states: int, *, output_vector: Sequence[sp.Expr] | None = None, feedthrough: sp.Expr = sp.S.Zero
) -> DiagonalSSM:
    r"""S4D-Inv: $a_n = -\tfrac12 + i\frac N\pi\left(\frac{N}{2n+1} - 1\right)$ with $N = 2\,\cdot$ states.

    Parameters
    ----------
    states, output_vector, feedthrough
        As in `s4d_lin`.

    Returns
    -------
    DiagonalSSM
        With b = 1 (the gauge of THEORY T1′).

    Raises
    ------
    ValueError, TypeError
        `states` is no positive count, or the output vector has another length.

    References
    ----------
    Gu et al. (2022), S4D, eq. 8.
    """
    size = sp.Integer(2 * _checked(states))
    modes = map(sp.Integer, range(states))
    return _pairs([inv_eigenvalue(n, size) for n in modes], output_vector, feedthrough)


def inv_eigenvalue(mode: sp.Expr, size: sp.Expr) -> sp.Expr:
    r"""$-\tfrac12 + i\frac S\pi\left(\frac{S}{2n+1} - 1\right)$: mode n of S4D-Inv with the full state size S.

    Examples
    --------
    >>> inv_eigenvalue(sp.Integer(0), sp.Integer(4))
    -1/2 + 12*I/pi
    """
    return -sp.Rational(1, 2) + sp.I * size / sp.pi * (size / (2 * mode + 1) - 1)


def s4d_real(
    states: int, *, output_vector: Sequence[sp.Expr] | None = None, feedthrough: sp.Expr = sp.S.Zero
) -> DiagonalSSM:
    r"""S4D-Real: $a_n = -(n+1)$, real modes, no pairs and no factor 2.

    A reference implementation doubles the output even of real modes; fold such a factor into $c$.

    Parameters
    ----------
    states
        Number of real modes (here the full state size N).
    output_vector, feedthrough
        As in `s4d_lin`.

    Returns
    -------
    DiagonalSSM
        With b = 1 (the gauge of THEORY T1′).

    Raises
    ------
    ValueError, TypeError
        `states` is no positive count, or the output vector has another length.

    References
    ----------
    Gu et al. (2022), S4D, §4.
    """
    eigenvalues = tuple(sp.Integer(-(n + 1)) for n in range(_checked(states)))
    return DiagonalSSM(eigenvalues, (sp.S.One,) * states, _readout(states, output_vector), feedthrough)


def s4d_legs(
    states: int, *, output_vector: Sequence[sp.Expr] | None = None, feedthrough: sp.Expr = sp.S.Zero
) -> DiagonalSSM:
    r"""S4D-LegS: $a_n = -\tfrac12 + i\omega_n$; $\pm i\omega_n$ is the spectrum of the skew part of HiPPO.

    The $\omega_n$ are exact algebraic numbers (`sympy.CRootOf`), the largest first.

    Parameters
    ----------
    states
        Number of stored modes M; the HiPPO matrix has size N = 2M.
    output_vector, feedthrough
        As in `s4d_lin`.

    Returns
    -------
    DiagonalSSM
        With b = 1 (the gauge of THEORY T1′).

    Raises
    ------
    ValueError, TypeError
        `states` is no positive count, or the output vector has another length.

    See Also
    --------
    carleman_ssm.theory.legendre.legs_enclosures : rigorous rational bounds of each frequency.

    References
    ----------
    Gu et al. (2022), S4D, §4.
    """
    eigenvalues = [-sp.Rational(1, 2) + sp.I * frequency for frequency in legs_frequencies(_checked(states))]
    return _pairs(eigenvalues, output_vector, feedthrough)


def _checked(states: int) -> int:
    if require_count(states, "the number of states") == 0:
        msg = "a model needs at least one state"
        raise ValueError(msg)
    return states


def _readout(states: int, output_vector: Sequence[sp.Expr] | None) -> tuple[sp.Expr, ...]:
    if output_vector is None:
        return tuple(sp.Symbol(f"c_{n}") for n in range(states))
    return tuple(output_vector)


def _pairs(
    eigenvalues: Sequence[sp.Expr], output_vector: Sequence[sp.Expr] | None, feedthrough: sp.Expr
) -> DiagonalSSM:
    """One eigenvalue of each conjugate pair, with input 1."""
    states = len(eigenvalues)
    return DiagonalSSM(
        tuple(eigenvalues), (sp.S.One,) * states, _readout(states, output_vector), feedthrough, conjugate_pairs=True
    )
