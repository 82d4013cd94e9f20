r"""The polar equations T7 for a ring of any size: one node $j$ of N, with N a symbol and sums over the neighbours."""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.couplings import s4d_lin_couplings, s4d_lin_self_coupling
from carleman_ssm.theory.polar import INPUT, REFERENCE

_NODE, _OTHER = sp.symbols("j l", integer=True)
_SIZE = sp.Symbol("N", integer=True, positive=True)
_R, _THETA = (sp.IndexedBase(name, real=True) for name in ("r", "theta"))
_B, _ETA = (sp.IndexedBase(name, real=True) for name in ("B", "eta"))
_K, _ALPHA = (sp.IndexedBase(name, real=True) for name in ("K", "alpha"))


def polar_law() -> ClosedForm:
    r"""$\theta_j'$ and $r_j'$ of node j in a network of N nodes, for symbolic N.

    $W_{jl} = K_{jl} e^{i\alpha_{jl}}$ and $\beta_j = B_j e^{i\eta_j}$ with real sequences: every complex matrix and
    drive is of this form. The diagonal stands in the sums, $K_{jj}\sin\alpha_{jj} = \mathrm{Im}\,W_{jj}$.

    Returns
    -------
    ClosedForm
        Of the column $(\theta_j', r_j')$. Certificate: $e^{i\theta_j}(r_j' + i r_j\theta_j') = (W x + \beta u)_j$ at
        $x_l = r_l e^{i\theta_l}$, for symbolic N and j, where $r_j \ne 0$.

    References
    ----------
    derivations/07_polar_oscillators; THEORY T7.

    Examples
    --------
    >>> from carleman_ssm.formulas.verification import verify
    >>> [verify(certificate).proved for certificate in polar_law().certificates]
    [True]
    """
    strength, lag = _K[_NODE, _OTHER], _ALPHA[_NODE, _OTHER]
    angle = _THETA[_OTHER] - _THETA[_NODE] + lag
    limits = (_OTHER, 0, _SIZE - 1)
    turning = sp.Sum(strength * _R[_OTHER] / _R[_NODE] * sp.sin(angle), limits)
    growing = sp.Sum(strength * _R[_OTHER] * sp.cos(angle), limits)
    pull = sp.Sum(strength * sp.exp(sp.I * lag) * _R[_OTHER] * sp.exp(sp.I * _THETA[_OTHER]), limits)
    return _law(turning, growing, pull, (_K, _ALPHA, _B, _ETA), {})


def s4d_lin_polar_law() -> ClosedForm:
    r"""$\theta_j'$ and $r_j'$ of node j in the ring of S4D-Lin (modes $0 \dots N-1$), for symbolic N.

    $$\theta_j' = \frac{\pi(N-1)}2 + \sum_{d=1}^{N-1} K_d \frac{r_{j-d}}{r_j}
        \sin\Big(\theta_{j-d} - \theta_j + \frac{\pi d}N\Big) + \frac{B_j u}{r_j} \sin(\eta_j - \theta_j), \qquad
      K_d = -\frac{\pi/2}{\sin(\pi d/N)},$$
    and $r_j' = -\frac12 r_j + \dots$ with cosines. Indices of r and θ are taken modulo N.

    Returns
    -------
    ClosedForm
        With ``K[d]`` as a definition. Certificates: as in `polar_law`, for any real $K_d$; and that
        $K_d e^{i\pi d/N}$ is the coupling of T2.

    References
    ----------
    derivations/02_s4d_lin_couplings; THEORY T2, T7.
    """
    coupling = s4d_lin_couplings("one-sided")
    size, distance = coupling.arguments
    alone = s4d_lin_self_coupling("one-sided").expression.xreplace({size: _SIZE})
    lag = sp.pi * distance / _SIZE
    strength, there = _K[distance], _NODE - distance
    angle, limits = _THETA[there] - _THETA[_NODE] + lag, (distance, 1, _SIZE - 1)
    turning = sp.im(alone) + sp.Sum(strength * _R[there] / _R[_NODE] * sp.sin(angle), limits)
    growing = sp.re(alone) * _R[_NODE] + sp.Sum(strength * _R[there] * sp.cos(angle), limits)
    pull = alone * _R[_NODE] * sp.exp(sp.I * _THETA[_NODE]) + sp.Sum(
        strength * sp.exp(sp.I * lag) * _R[there] * sp.exp(sp.I * _THETA[there]), limits
    )
    written = coupling.expression.xreplace({size: _SIZE})
    value = sp.Mul(*(factor for factor in sp.Mul.make_args(written) if not isinstance(factor, sp.exp)))
    sums = coupling.certificates[0]
    same = Identity(
        sums.left.xreplace({size: _SIZE}),
        value * sp.exp(sp.I * lag),
        name="strength and lag of the coupling T2",
        because=r"$w_d = -\frac\pi2 e^{i\pi d/N}/\sin\frac{\pi d}N$",
        nonzero=tuple(condition.xreplace({size: _SIZE}) for condition in sums.nonzero),
    )
    return _law(turning, growing, pull, (_B, _ETA), {strength: value}, (same,))


def _law(
    turning: sp.Expr,
    growing: sp.Expr,
    pull: sp.Expr,
    sequences: tuple[sp.IndexedBase, ...],
    where: dict[sp.Basic, sp.Basic],
    more: tuple[Identity, ...] = (),
) -> ClosedForm:
    r"""The two velocities with the input, and the certificate that they are those of $r e^{i\theta}$."""
    aim = _ETA[_NODE] - _THETA[_NODE]
    turning += _B[_NODE] * INPUT / _R[_NODE] * sp.sin(aim)
    growing += _B[_NODE] * INPUT * sp.cos(aim)
    certificate = Identity(
        sp.exp(sp.I * _THETA[_NODE]) * (growing + sp.I * _R[_NODE] * turning),
        pull + _B[_NODE] * INPUT * sp.exp(sp.I * _ETA[_NODE]),
        name="velocity of node j",
        because=r"$\frac{d}{dt} r e^{i\theta} = e^{i\theta}(r' + i r \theta')$",
        nonzero=(_R[_NODE],),
    )
    arguments = (*sequences, _THETA, _R, INPUT, _NODE, _SIZE)
    column = sp.ImmutableMatrix([turning, growing])
    return ClosedForm(sp.Symbol("F"), column, arguments, where, (certificate, *more), REFERENCE)
