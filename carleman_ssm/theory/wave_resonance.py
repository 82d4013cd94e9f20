r"""Which pairs of waves a mode of the next layer collects: three-wave resonance.

While a pair of waves $(p, q)$ of one layer drives the mode $r$ of the next, each step adds $\lambda_p\lambda_q$ to
what the mode has kept, and relative to the mode itself the contributions are $1, \kappa, \kappa^2, \dots$ with
$\kappa = \lambda_p\lambda_q/\lambda'_r$ ($1/\rho$ of THEORY T18). They add up to $1/(1 - \kappa)$ for
$|\kappa| < 1$: the **gain** $1/|1 - \kappa|$ is the number of steps over which a pair adds up in phase.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity

REFERENCE = "derivations/18_pair_kernel"


def resonance_gain() -> ClosedForm:
    r"""The gain of a triple of modes: $\frac{1}{|1 - \kappa|}$, $\kappa = \frac{\lambda_p\lambda_q}{\lambda'_r}$.

    Returns
    -------
    ClosedForm
        Of ``gain`` [steps] in $\lambda_p, \lambda_q, \lambda'_r$, for $|\kappa| < 1$. Certificates: the first
        $\mu + 1$ contributions add up to $(1 - \kappa^{\mu+1})/(1 - \kappa)$; times $\lambda'^\mu_r$ this is the
        geometric factor of the pair kernel.

    References
    ----------
    derivations/18_pair_kernel; THEORY T18.

    Examples
    --------
    >>> resonance_gain().expression
    1/Abs(kappa - 1)
    """
    p, q, r, kappa = sp.symbols("lambda_p lambda_q lambdaprime_r kappa")
    mu, m = sp.Symbol("mu", integer=True, nonnegative=True), sp.Symbol("m", integer=True)
    certificates = (
        Identity(
            (1 - kappa) * sp.Sum(kappa**m, (m, 0, mu)),
            1 - kappa ** (mu + 1),
            name="contributions add up",
            because="the sum telescopes",
        ),
        Identity(
            ((p * q) ** (mu + 1) - r ** (mu + 1)) / (p * q - r),
            r**mu * (1 - (p * q / r) ** (mu + 1)) / (1 - p * q / r),
            name="factor of the pair kernel",
            because=r"$\lambda'^{\mu}_r$ taken out",
        ),
    )
    return ClosedForm(sp.Symbol("gain"), 1 / sp.Abs(1 - kappa), (p, q, r), {kappa: p * q / r}, certificates, REFERENCE)


def s4d_lin_resonance() -> ClosedForm:
    r"""The gain of three waves of S4D-Lin layers with the steps $\Delta$ and $\Delta'$, $\Delta' < 2\Delta$.

    $$\mathrm{gain} = \Big[(1 - s)^2 + 4s\sin^2\tfrac\vartheta2\Big]^{-1/2},\quad s = e^{\Delta'/2-\Delta},\quad
    \vartheta = \pi\big((p + q)\Delta - r\Delta'\big)$$
    It is largest exactly where $\vartheta$ is a multiple of $2\pi$: with equal steps at $p + q = r$, whatever the
    step, and at its aliases $(p + q - r)\Delta \in 2\mathbb Z$. A mode that is stored as one of a conjugate pair
    brings $-p$ as well: difference combinations.

    Returns
    -------
    ClosedForm
        Of ``gain`` [steps] in the integers p, q, r and the real steps. Certificates: $\kappa$ from the spectrum
        $a_n = -\frac12 + i\pi n$; and $(1 - \kappa)(1 - \bar\kappa)$ is the square bracket.

    References
    ----------
    derivations/18_pair_kernel; THEORY T18.

    Examples
    --------
    >>> p, q, r, *steps = (form := s4d_lin_resonance()).arguments
    >>> at = {p: 4, q: 5, r: 9, **dict.fromkeys(steps, sp.Rational(1, 20))}
    >>> from carleman_ssm.formulas.statements import unfold
    >>> print(sp.N(unfold(form).expression.subs(at), 3))
    40.5
    """
    p, q, r = sp.symbols("p q r", integer=True)
    first, second = sp.symbols("Delta Deltaprime", positive=True)
    s, angle = sp.symbols("s vartheta", real=True)
    where = {s: sp.exp(second / 2 - first), angle: sp.pi * ((p + q) * first - r * second)}
    kappa, mirrored = (s * sp.exp(sign * sp.I * angle) for sign in (1, -1))
    squared = (1 - s) ** 2 + 4 * s * sp.sin(angle / 2) ** 2

    def multiplier(n: sp.Expr, step: sp.Expr) -> sp.Expr:
        return sp.exp((-sp.Rational(1, 2) + sp.I * sp.pi * n) * step)

    certificates = (
        Identity(
            multiplier(p, first) * multiplier(q, first) / multiplier(r, second),
            kappa.xreplace(where),
            name="ratio of S4D-Lin",
            because=r"$(a_p + a_q)\Delta - a_r\Delta' = \frac{\Delta'}2 - \Delta + i\vartheta$",
        ),
        Identity(
            (1 - kappa) * (1 - mirrored),
            squared,
            name="squared distance",
            because=r"$1 - 2s\cos\vartheta + s^2$ and $\cos\vartheta = 1 - 2\sin^2\frac\vartheta2$",
        ),
    )
    arguments = (p, q, r, first, second)
    return ClosedForm(sp.Symbol("gain"), 1 / sp.sqrt(squared), arguments, where, certificates, REFERENCE)
