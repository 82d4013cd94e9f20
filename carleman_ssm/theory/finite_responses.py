r"""What a mode answers to an input that is switched on: geometric sequences, exact after every step.

For $u_k = A\rho^{\,k-p}$ from step p on (an impulse at p has $\rho = 0$ with $0^0 = 1$, a step $\rho = 1$, an
exponential $\rho = e^s$, a sinusoid the pair $\rho = e^{\pm i\omega}$) the state at $n = k - p \ge 0$ is
$x = A\bar b\,\Gamma_n(\lambda, \rho)$ with
$$\Gamma_n(\lambda, \rho) = \sum_{i=0}^n\lambda^{n-i}\rho^i = \frac{\rho^{n+1} - \lambda^{n+1}}{\rho - \lambda},
\qquad \Gamma_n(\lambda, \lambda) = (n+1)\lambda^n .$$
The quotient loses digits near resonance. With $w = \ln(\rho/\lambda)$ it is
$\lambda^n (n+1)\,\varphi_1((n+1)w)/\varphi_1(w)$, without a difference of neighbours, and whole at $w = 0$. Times A,
$\rho/(\rho - \lambda)\,\rho^n$ is the steady part, which `frequency_responses` sums up, the rest the transient.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.affine_lift import column

REFERENCE = "derivations/23_frequency_responses"

AGE = sp.Symbol("n", integer=True, nonnegative=True)
"""Steps since the input was switched on."""

_lambda, _rho, _w = sp.Symbol("lambda_0"), sp.Symbol("rho"), sp.Symbol("w")


def geometric_response() -> ClosedForm:
    r"""$\Gamma_n = (\rho^{n+1} - \lambda^{n+1})/(\rho - \lambda)$, and $(n+1)\lambda^n$ at $\rho = \lambda$.

    Returns
    -------
    ClosedForm
        Of ``Gamma[n]`` in $\lambda$, $\rho$ and n. Certificates, away from resonance and at it: 1 at $n = 0$
        and $\Gamma_{n+1} = \lambda\Gamma_n + \rho^{n+1}$, which determine every $\Gamma_n$; the sum; away from it,
        the steady part minus the transient.

    References
    ----------
    derivations/23_frequency_responses; THEORY T15.

    Examples
    --------
    >>> form = geometric_response()
    >>> form.expression.subs({sp.Symbol("lambda_0"): 2, sp.Symbol("rho"): 3, AGE: 1})  # 2 + 3
    5
    """
    away, resonant = _quotient(_rho, AGE), _quotient(_lambda, AGE)
    expression = sp.Piecewise((resonant, sp.Eq(_rho, _lambda)), (away, True))
    steady = _rho / (_rho - _lambda) * _rho**AGE - _lambda / (_rho - _lambda) * _lambda**AGE
    certificates = (
        *_laws(_rho, "", (_rho - _lambda,)),
        Identity(away, steady, name="steady part and transient", nonzero=(_rho - _lambda,)),
        *_laws(_lambda, " at resonance", ()),
    )
    arguments = (_lambda, _rho, AGE)
    return ClosedForm(sp.IndexedBase("Gamma")[AGE], expression, arguments, {}, certificates, REFERENCE)


def _quotient(ratio: sp.Expr, age: sp.Expr) -> sp.Expr:
    if ratio == _lambda:
        return (age + 1) * _lambda**age
    return (ratio ** (age + 1) - _lambda ** (age + 1)) / (ratio - _lambda)


def _laws(ratio: sp.Expr, case: str, nonzero: tuple[sp.Expr, ...]) -> tuple[Identity, ...]:
    i, now = sp.Symbol("i", integer=True), _quotient(ratio, AGE)
    return (
        Identity(
            column([_quotient(ratio, sp.S.Zero), _quotient(ratio, AGE + 1)]),
            column([sp.S.One, _lambda * now + ratio ** (AGE + 1)]),
            name=f"first value and one more step{case}",
            nonzero=nonzero,
        ),
        Identity(
            sp.Sum(_lambda ** (AGE - i) * ratio**i, (i, 0, AGE)),
            now,
            name=f"sum over the inputs{case}",
            nonzero=nonzero,
        ),
    )


def near_resonance() -> ClosedForm:
    r"""$\Gamma_n = \lambda^n\,(n+1)\,\varphi_1\big((n+1)w\big)/\varphi_1(w)$ with $\rho = \lambda e^w$.

    Nothing cancels near $w = 0$. For $\lambda \ne 0$ and $|\mathrm{Im}\,w| \le \pi$, where $\varphi_1(w)$ has no
    zero. Sums of powers are the same formula: $\sum_{i<T} e^{iw} = T\varphi_1(Tw)/\varphi_1(w)$ is $\Gamma_{T-1}$ at
    $\lambda = 1$.

    Returns
    -------
    ClosedForm
        Of ``Gamma[n]`` in $\lambda$, w and n. Certificate: the quotient of `geometric_response` at
        $\rho = \lambda e^w \ne \lambda$, and its value $(n+1)\lambda^n$ at $w = 0$.

    References
    ----------
    derivations/23_frequency_responses; THEORY T15.
    """
    expression = _lambda**AGE * (AGE + 1) * phi(1, (AGE + 1) * _w) / phi(1, _w)
    ratio = _lambda * sp.exp(_w)
    quotient = Identity(
        column([expression, expression.subs(_w, 0)]),
        column([_quotient(ratio, AGE), _quotient(_lambda, AGE)]),
        name="the quotient, and its value at resonance",
        because=r"$e^{(n+1)w} - 1 = (n+1)w\,\varphi_1((n+1)w)$, and $\varphi_1(0) = 1$",
        nonzero=(_lambda, sp.exp(_w) - 1),
    )
    return ClosedForm(sp.IndexedBase("Gamma")[AGE], expression, (_lambda, _w, AGE), {}, (quotient,), REFERENCE)
