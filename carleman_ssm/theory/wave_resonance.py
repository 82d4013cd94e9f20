r"""Which pairs of waves a mode of the next layer collects: three-wave resonance.

While a pair of waves $(p, q)$ of one layer drives the mode $r$ of the next, each step adds $\lambda_p\lambda_q$ to
what the mode has kept, and relative to the mode itself the contributions are $1, \kappa, \kappa^2, \dots$ with
$\kappa = \lambda_p\lambda_q/\lambda'_r$ ($1/\rho$ of THEORY T18). They add up to $1/(1 - \kappa)$ for
$|\kappa| < 1$: the **gain** $1/|1 - \kappa|$ is the number of steps over which a pair adds up in phase. For
$|\kappa| \ge 1$ the pair outlives the mode, the sum has no limit, and there is no gain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.polynomials import exact_without

REFERENCE = "derivations/18_three_waves"


def resonance_gain(multipliers: Sequence[sp.Expr] | None = None) -> ClosedForm:
    r"""The gain of a triple of modes: $1/|1 - \kappa|$, $\kappa = \lambda_p\lambda_q/\lambda'_r$, for $|\kappa| < 1$.

    Parameters
    ----------
    multipliers
        $\lambda_p, \lambda_q, \lambda'_r$, exact numbers or expressions; None for symbols.

    Returns
    -------
    ClosedForm
        Of ``gain`` [steps] in the symbols of the multipliers, for $|\kappa| < 1$ only: that is for whoever puts
        numbers into symbols to see to. Certificates: the first $\mu + 1$ contributions add up to
        $(1 - \kappa^{\mu+1})/(1 - \kappa)$; times $\lambda'^\mu_r$ this is the geometric factor of the pair
        kernel; and $\mathrm{gain}^2(1 - \kappa)(1 - \bar\kappa) = 1$ with $\kappa = x + iy$, and 1 at $\kappa = 0$:
        so it is positive, as it is continuous and vanishes nowhere.

    Raises
    ------
    ValueError
        Not three multipliers, or $|\lambda_p\lambda_q| \ge |\lambda'_r|$: the sum diverges.
    TypeError
        A multiplier is text or no scalar.

    References
    ----------
    derivations/18_three_waves; THEORY T18.

    Examples
    --------
    >>> resonance_gain().expression
    1/Abs(kappa - 1)
    """
    p, q, r, kappa = sp.symbols("lambda_p lambda_q lambdaprime_r kappa")
    mu, m = sp.Symbol("mu", integer=True, nonnegative=True), sp.Symbol("m", integer=True)
    x, y = sp.symbols("x y", real=True)
    taken = (kappa, mu, m, x, y)
    given = (p, q, r) if multipliers is None else tuple(exact_without(z, "a multiplier", *taken) for z in multipliers)
    if len(given) != 3:
        msg = f"a triple of modes has 3 multipliers, got {len(given)}: give lambda_p, lambda_q and lambdaprime_r"
        raise ValueError(msg)
    p, q, r = given
    _require_decay(sp.Abs(r) - sp.Abs(p * q), "|lambda_p*lambda_q| < |lambdaprime_r|", given)
    symbols = dict.fromkeys(symbol for z in given for symbol in sorted(z.free_symbols, key=str))
    form = ClosedForm(sp.Symbol("gain"), 1 / sp.Abs(1 - kappa), tuple(symbols), {kappa: p * q / r}, reference=REFERENCE)
    adds_up = Identity(
        (1 - kappa) * sp.Sum(kappa**m, (m, 0, mu)),
        1 - kappa ** (mu + 1),
        name="contributions add up",
        because="the sum telescopes",
    )
    ratio = form.where[kappa]
    factor = Identity(
        ((p * q) ** (mu + 1) - r ** (mu + 1)) / (p * q - r),
        r**mu * (1 - ratio ** (mu + 1)) / (1 - ratio),
        name="factor of the pair kernel",
        because=r"$\lambda'^{\mu}_r$ taken out",
        nonzero=tuple(value for value in (r, p * q - r) if value.free_symbols),
    )
    size = size_of_gain(form.expression.xreplace({kappa: x + sp.I * y}), x + sp.I * y, {x: sp.S.Zero, y: sp.S.Zero})
    return replace(form, certificates=(adds_up, factor, *size))


def size_of_gain(gain: sp.Expr, ratio: sp.Expr, apart: Mapping[sp.Symbol, sp.Expr]) -> tuple[Identity, Identity]:
    r"""The gain is 1 where $\kappa = 0$, and $\mathrm{gain}^2(1 - \kappa)(1 - \bar\kappa) = 1$ for $\kappa \ne 1$.

    Parameters
    ----------
    gain, ratio
        The gain and $\kappa$ in real symbols.
    apart
        The values of the symbols at which $\kappa = 0$.

    Examples
    --------
    >>> from carleman_ssm.formulas.verification import verify
    >>> x = sp.Symbol("x", real=True)
    >>> [verify(law).proved for law in size_of_gain(1 / sp.Abs(1 - x), x, {x: sp.S.Zero})]
    [True, True]
    >>> [verify(law).proved for law in size_of_gain(-1 / sp.Abs(1 - x), x, {x: sp.S.Zero})]
    [False, True]
    """
    alone = Identity(
        sp.Subs(gain, tuple(apart), tuple(apart.values())),
        sp.S.One,
        name="sign of the gain",
        because="one contribution alone is 1",
    )
    size = Identity(
        gain**2 * (1 - ratio) * (1 - sp.conjugate(ratio)),
        sp.S.One,
        name="size of the gain",
        because=r"$|1 - \kappa|^2 = (1 - \kappa)(1 - \bar\kappa)$",
        nonzero=(1 - ratio,) if ratio.free_symbols else (),
    )
    return alone, size


def _require_decay(margin: sp.Expr, condition: str, given: tuple[sp.Expr, ...]) -> None:
    """Refuse what is known to grow, and numbers that are not known to decay."""
    if margin.is_positive is False or (margin.is_number and margin.is_positive is not True):
        msg = f"a gain needs {condition}, got {', '.join(map(str, given))}: the contributions add up to no limit"
        raise ValueError(msg)


def s4d_lin_resonance(step: sp.Expr | None = None, next_step: sp.Expr | None = None) -> ClosedForm:
    r"""The gain of three waves of S4D-Lin layers with the steps $\Delta$ and $\Delta'$, for $\Delta' < 2\Delta$.

    $$\mathrm{gain} = \Big[(1 - s)^2 + 4s\sin^2\tfrac\vartheta2\Big]^{-1/2},\quad s = e^{\Delta'/2-\Delta},\quad
    \vartheta = \pi\big((p + q)\Delta - r\Delta'\big)$$
    It is largest exactly where $\vartheta$ is a multiple of $2\pi$: with equal steps at $p + q = r$, whatever the
    step, and at its aliases $(p + q - r)\Delta \in 2\mathbb Z$. A mode that is stored as one of a conjugate pair
    brings $-p$ as well: difference combinations. $|\kappa| = s < 1$ is $\Delta' < 2\Delta$; beyond it there is no
    gain.

    Parameters
    ----------
    step, next_step
        $\Delta$ and $\Delta'$ [time], exact and positive; None for positive symbols.

    Returns
    -------
    ClosedForm
        Of ``gain`` [steps] in the integers p, q, r and the symbols of the steps; numbers that are put into symbols
        have to obey $\Delta' < 2\Delta$. Certificates: $\kappa$ from the spectrum $a_n = -\frac12 + i\pi n$;
        $(1 - \kappa)(1 - \bar\kappa)$ is the square bracket; and $\mathrm{gain}^2(1 - \kappa)(1 - \bar\kappa) = 1$,
        with 1 at $s = 0$, so it is positive.

    Raises
    ------
    ValueError
        A step is not known to be positive, or $\Delta' \ge 2\Delta$: the sum diverges.
    TypeError
        A step is text or no scalar.

    References
    ----------
    derivations/18_three_waves; THEORY T18.

    Examples
    --------
    >>> p, q, r = (form := s4d_lin_resonance(sp.Rational(1, 20), sp.Rational(1, 20))).arguments
    >>> from carleman_ssm.formulas.statements import unfold
    >>> print(sp.N(unfold(form).expression.subs({p: 4, q: 5, r: 9}), 3))
    40.5
    """
    p, q, r = sp.symbols("p q r", integer=True)
    first, second = _steps(step, next_step)
    s, angle = sp.Symbol("s", positive=True), sp.Symbol("vartheta", real=True)
    where = {s: sp.exp(second / 2 - first), angle: sp.pi * ((p + q) * first - r * second)}
    kappa = s * sp.exp(sp.I * angle)
    squared = (1 - s) ** 2 + 4 * s * sp.sin(angle / 2) ** 2
    symbols = dict.fromkeys(symbol for value in (first, second) for symbol in sorted(value.free_symbols, key=str))
    form = ClosedForm(sp.Symbol("gain"), 1 / sp.sqrt(squared), (p, q, r, *symbols), where, reference=REFERENCE)

    def multiplier(n: sp.Expr, step: sp.Expr) -> sp.Expr:
        return sp.exp((-sp.Rational(1, 2) + sp.I * sp.pi * n) * step)

    ratio = Identity(
        multiplier(p, first) * multiplier(q, first) / multiplier(r, second),
        kappa.xreplace(where),
        name="ratio of S4D-Lin",
        because=r"$(a_p + a_q)\Delta - a_r\Delta' = \frac{\Delta'}2 - \Delta + i\vartheta$",
    )
    distance = Identity(
        (1 - kappa) * (1 - sp.conjugate(kappa)),
        squared,
        name="squared distance",
        because=r"$1 - 2s\cos\vartheta + s^2$ and $\cos\vartheta = 1 - 2\sin^2\frac\vartheta2$",
    )
    return replace(form, certificates=(ratio, distance, *size_of_gain(form.expression, kappa, {s: sp.S.Zero})))


def _steps(step: sp.Expr | None, next_step: sp.Expr | None) -> tuple[sp.Expr, sp.Expr]:
    """Both steps, positive and so that a pair decays faster than the mode it drives."""
    symbols = sp.symbols("Delta Deltaprime", positive=True)
    taken = sp.symbols("p q r s vartheta")
    given = zip((step, next_step), symbols, strict=True)
    first, second = (symbol if value is None else exact_without(value, "a step", *taken) for value, symbol in given)
    if not (first.is_positive and second.is_positive):
        msg = f"steps are positive, got {first} and {second}: declare symbols with positive=True"
        raise ValueError(msg)
    _require_decay(2 * first - second, "Deltaprime < 2*Delta", (first, second))
    return first, second
