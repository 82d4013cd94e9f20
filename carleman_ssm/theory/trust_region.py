r"""The smallest change that moves a quadratic by r: a generalised trust-region problem, with its dual.

Of a margin $m(\delta) = m + g^\top\delta + \delta^\top Q\delta$ the change is to be r, with the least $\|\delta\|$. For
every multiplier $\nu$ with $I - \nu Q \succ 0$ the Lagrangian
$L(\delta) = \|\delta\|^2 + \nu\,(r - g^\top\delta - \delta^\top Q\delta)$ is
$$L(\delta) = d(\nu) + (\delta - \delta_\nu)^\top(I - \nu Q)(\delta - \delta_\nu),\qquad
\delta_\nu = \tfrac\nu2(I - \nu Q)^{-1}g,\quad d(\nu) = \nu r - \tfrac{\nu^2}4g^\top(I - \nu Q)^{-1}g .$$
A change that reaches r has $L = \|\delta\|^2$, so **none is shorter than $\sqrt{d(\nu)}$**, whatever $\nu$; and if
$\delta_\nu$ itself reaches r it is the smallest of all. What it reaches, $r(\nu)$, grows with
$r'(\nu) = \tfrac12g^\top(I - \nu Q)^{-3}g$, and $d' = r - r(\nu)$: one root on an interval. The bound also holds for
changes that reach *at least* r if $\nu \ge 0$, and at most r if $\nu \le 0$. Several margins with multipliers $\nu_j$
are the same statement for $\sum_j\nu_jg_j$ and $\sum_j\nu_jQ_j$ in the place of $\nu g$ and $\nu Q$.

In the eigenbasis of Q, with eigenvalues $q_i$, everything is a sum over directions.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.affine_lift import column
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.polynomials import require_integer

REFERENCE = "derivations/22_smallest_edit"
MAX_SIZE = 2
"""Size up to which inverses of symbolic matrices are written out."""

_nu, _r = sp.symbols("nu r", real=True)
_i, _count = sp.Symbol("i", integer=True), sp.Symbol("n", integer=True, positive=True)
_g, _q = sp.IndexedBase("g"), sp.IndexedBase("q")
_one_g, _one_q = sp.symbols("g_i q_i", real=True)
_delta = sp.Symbol("delta_i", real=True)
_eta, _best = sp.IndexedBase("eta"), sp.IndexedBase("delta")


def edit_of_multiplier(size: int = 2) -> ClosedForm:
    r"""$\delta_\nu = \frac\nu2(I - \nu Q)^{-1}g$ for a symmetric Q of the given size.

    Parameters
    ----------
    size
        Number of inputs, 1 to `MAX_SIZE`, of what is written out.

    Returns
    -------
    ClosedForm
        Of the column ``delta`` in the entries of Q and g and $\nu$, where $I - \nu Q$ is invertible. Certificates:
        $(I - \nu Q)\delta_\nu = \frac\nu2g$; with $g = \frac2\nu(I - \nu Q)\delta$ put in, which is the same for
        $\nu \ne 0$, for any change $\eta$ and any r
        $L(\eta) = d(\nu) + (\eta - \delta)^\top(I - \nu Q)(\eta - \delta)$ with
        $d(\nu) = \nu r - \delta^\top(I - \nu Q)\delta$, the lower bound; and the same for any number n of inputs, over
        the directions of Q. How what is reached grows with $\nu$ is proved in `reached_shift`.

    Raises
    ------
    TypeError, ValueError
        The size is no integer from 1 to `MAX_SIZE`.

    References
    ----------
    derivations/22_smallest_edit; THEORY T22; Moré (1993), Optim. Methods Softw. 2, 189; Stern & Wolkowicz (1995), SIAM
    J. Optim. 5, 286.

    Examples
    --------
    >>> edit_of_multiplier(1).expression
    Matrix([[g_1*nu/(2*(-nu*q_1_1 + 1))]])
    """
    require_integer(size, "the size", least=1, most=MAX_SIZE)
    curvature, gradient, change = _letters(size)
    system = sp.ImmutableMatrix(sp.eye(size) - _nu * curvature)
    determinant = system.det(method="berkowitz")
    found = sp.ImmutableMatrix(_nu / 2 * (system.adjugate() / determinant) * gradient)
    best = column(sp.symbols(f"delta_1:{size + 1}", real=True))
    slope = sp.ImmutableMatrix(2 / _nu * system * best)
    certificates = (
        Identity(system * found, _nu / 2 * gradient, name="stationary", nonzero=(determinant,)),
        Identity(
            (change.T * change)[0] + _nu * (_r - _moved(change, slope, curvature)),
            _nu * _r - (best.T * system * best)[0] + ((change - best).T * system * (change - best))[0],
            name="lower bound",
            because=r"$g = \frac2\nu(I - \nu Q)\delta$ leaves no linear part",
            nonzero=(_nu,),
        ),
        _any_number_of_directions(),
    )
    entries = [curvature[j, k] for j in range(size) for k in range(j, size)]
    written_out = (*at_size(certificates[:2], f"n = {size}"), *certificates[2:])
    return ClosedForm(sp.Symbol("delta"), found, (*entries, *gradient, _nu), {}, written_out, REFERENCE)


def _any_number_of_directions() -> Identity:
    r"""The lower bound as a sum over directions; $\frac{\nu^2}4g_i^2/(1 - \nu q_i) = (1 - \nu q_i)\delta_i^2$."""
    eta, best, weight = _eta[_i], _best[_i], 1 - _nu * _q[_i]
    slope = 2 / _nu * weight * best
    span = (_i, 1, _count)
    return Identity(
        sp.Sum(eta**2, span) + _nu * (_r - sp.Sum(slope * eta, span) - sp.Sum(_q[_i] * eta**2, span)),
        _nu * _r - sp.Sum(weight * best**2, span) + sp.Sum(weight * (eta - best) ** 2, span),
        name="lower bound in any number of directions",
        because=r"$(1 - \nu q_i)\delta_i = \frac\nu2g_i$",
        nonzero=(_nu,),
    )


def _letters(size: int) -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix, sp.ImmutableMatrix]:
    """A symmetric matrix and two columns of real symbols."""
    name = {(j, k): f"q_{min(j, k) + 1}_{max(j, k) + 1}" for j in range(size) for k in range(size)}
    curvature = sp.ImmutableMatrix(size, size, lambda j, k: sp.Symbol(name[int(j), int(k)], real=True))
    gradient, change = (column([sp.Symbol(f"{stem}_{j + 1}", real=True) for j in range(size)]) for stem in ("g", "eta"))
    return curvature, gradient, change


def _moved(change: sp.MatrixBase, gradient: sp.MatrixBase, curvature: sp.MatrixBase) -> sp.Expr:
    r"""$g^\top\delta + \delta^\top Q\delta$."""
    return (gradient.T * change)[0] + (change.T * curvature * change)[0]


def reached_shift() -> ClosedForm:
    r"""What $\delta_\nu$ reaches, over the directions of Q: $r(\nu) = \sum_i g_i^2\nu(2 - \nu q_i)/(4(1 - \nu q_i)^2)$.

    Returns
    -------
    ClosedForm
        Of ``reached`` in g, q (components and eigenvalues, 1 to n), n and $\nu$. Certificates, for each direction, of
        which all these are sums: $g_i\delta_i + q_i\delta_i^2$ at $\delta_i = \frac\nu2g_i/(1 - \nu q_i)$; it grows by
        $\frac12g_i^2/(1 - \nu q_i)^3$; and $\delta_i^2$ is $\nu$ times it less $\frac{\nu^2}4g_i^2/(1 - \nu q_i)$,
        whose derivative it is: so $d' = r - r(\nu)$, and $\|\delta_\nu\|^2 = d(\nu)$ where $r(\nu) = r$.

    References
    ----------
    derivations/22_smallest_edit; THEORY T22.
    """
    term, step = _one_g**2 * _nu * (2 - _nu * _one_q) / (4 * (1 - _nu * _one_q) ** 2), _direction()
    saved = _nu**2 * _one_g**2 / (4 * (1 - _nu * _one_q))
    divisor = (1 - _nu * _one_q,)
    certificates = (
        Identity(_one_g * step + _one_q * step**2, term, name="reached in one direction", nonzero=divisor),
        Identity(
            sp.Derivative(term, _nu),
            _one_g**2 / (2 * (1 - _nu * _one_q) ** 3),
            name="growth in one direction",
            nonzero=divisor,
        ),
        Identity(
            column([step**2, sp.Derivative(saved, _nu)]),
            column([_nu * term - saved, term]),
            name="norm and slope of the bound in one direction",
            nonzero=divisor,
        ),
    )
    whole = term.xreplace({_one_g: _g[_i], _one_q: _q[_i]})
    total = sp.Sum(whole, (_i, 1, _count))
    return ClosedForm(sp.Symbol("reached"), total, (_g, _q, _count, _nu), {}, certificates, REFERENCE)


def _direction() -> sp.Expr:
    r"""$\delta_\nu$ in a direction of Q."""
    return _nu / 2 * _one_g / (1 - _nu * _one_q)


def hard_case() -> ClosedForm:
    r"""The hard case: $\tau = \sqrt{(r - r_\perp)/q}$ along a direction with the extreme eigenvalue q and no gradient.

    If g has no component in the eigenspace of the largest $q > 0$ (or the least, $q < 0$), what the other directions
    reach stays below (above) some $r_\perp$ as $\nu \to 1/q$, and a target beyond has no root. There
    $I - \nu Q \succeq 0$ is singular at $\nu = 1/q$, and $\delta_\nu$ in the other directions plus $\pm\tau$ along an
    eigenvector of q reaches r and attains the bound: it is smallest, and so is the one with the other sign.

    Returns
    -------
    ClosedForm
        Of ``tau`` in r, q and ``r_perp``, with $r_\perp$ what the other directions reach at $\nu = 1/q$. Certificate,
        with one other direction $(g_i, q_i)$ that stands for all: what is reached is r, and
        $\delta_i^2 + \tau^2 = \nu r - \frac{\nu^2}4g_i^2/(1 - \nu q_i)$, the bound at $\nu = 1/q$.

    References
    ----------
    derivations/22_smallest_edit; THEORY T22; Moré & Sorensen (1983), SIAM J. Sci. Stat. Comput. 4, 553.
    """
    extreme, perp = sp.Symbol("q", real=True), sp.Symbol("r_perp", real=True)
    tau = sp.sqrt((_r - perp) / extreme)
    at = {_nu: 1 / extreme}
    step = _direction().xreplace(at)
    value = {perp: _one_g * step + _one_q * step**2}
    bound = _r / extreme - _one_g**2 / (4 * extreme**2 * (1 - _one_q / extreme))
    certificates = (
        Identity(
            column([(perp + extreme * tau**2).xreplace(value), step**2 + tau.xreplace(value) ** 2]),
            column([_r, bound]),
            name="it reaches r and attains the bound",
            nonzero=(extreme, extreme - _one_q),
        ),
    )
    return ClosedForm(sp.Symbol("tau"), tau, (_r, extreme, perp), {}, certificates, REFERENCE)


def extreme_shift() -> ClosedForm:
    r"""The most (all $q_i < 0$) or least (all $q_i > 0$) that any change can reach: $-\frac14\sum_ig_i^2/q_i$.

    A target beyond it is unreachable. A direction with $q_i = g_i = 0$ is left out; with $q_i = 0 \ne g_i$, or with
    eigenvalues of both signs, every r is reached. With all $q_i = \mu > 0$ it bounds from below how far any function
    falls whose gradient at one point is g and whose second derivatives are at least $2\mu$.

    Returns
    -------
    ClosedForm
        Of ``extreme`` in g, q and n. Certificate for each direction: $g_i\delta_i + q_i\delta_i^2 = -g_i^2/(4q_i) +
        q_i\,(\delta_i + g_i/(2q_i))^2$.

    References
    ----------
    derivations/22_smallest_edit; THEORY T22.
    """
    term = -(_one_g**2) / (4 * _one_q)
    total = sp.Sum(term.xreplace({_one_g: _g[_i], _one_q: _q[_i]}), (_i, 1, _count))
    return ClosedForm(sp.Symbol("extreme"), total, (_g, _q, _count), {}, extreme_laws(term), REFERENCE)


def extreme_laws(term: sp.Expr) -> tuple[Identity, ...]:
    r"""The certificate that a term is what one direction can reach at most or least.

    Parameters
    ----------
    term
        In ``g_i`` and ``q_i``. With another than that of `extreme_shift` the certificate is false.

    Returns
    -------
    tuple of Identity
        The square completed.

    References
    ----------
    derivations/22_smallest_edit; THEORY T22.
    """
    return (
        Identity(
            _one_g * _delta + _one_q * _delta**2,
            term + _one_q * (_delta + _one_g / (2 * _one_q)) ** 2,
            name="square completed in one direction",
            nonzero=(_one_q,),
        ),
    )


def ball_bound(size: int = 2) -> ClosedForm:
    r"""A lower bound of $m + g^\top\delta + \delta^\top Q\delta$ on $\|\delta\| \le \varepsilon$, for each multiplier.

    $$b(\mu) = m - \mu\varepsilon^2 - \tfrac14g^\top(Q + \mu I)^{-1}g,\qquad \mu \ge 0,\ Q + \mu I \succ 0 .$$
    It is attained by $\delta_\mu = -\frac12(Q + \mu I)^{-1}g$ where $\|\delta_\mu\| = \varepsilon$, or at $\mu = 0$ if
    that lies inside; in the hard case only as $\mu$ falls to the least value allowed.

    Parameters
    ----------
    size
        As in `edit_of_multiplier`.

    Returns
    -------
    ClosedForm
        Of ``bound`` in the entries of Q and g, m, $\varepsilon$ and $\mu$, with $v = \delta_\mu$ in `where`:
        $b = m - \mu\varepsilon^2 + \frac12g^\top v$. Certificates: $(Q + \mu I)v = -\frac12g$; with
        $g = -2(Q + \mu I)v$ put in, for any change $\eta$, $m + g^\top\eta + \eta^\top Q\eta = b +
        (\eta - v)^\top(Q + \mu I)(\eta - v) + \mu(\varepsilon^2 - \|\eta\|^2)$; and, in one direction of Q,
        $\partial_\mu\big(-\frac14g_i^2/(q_i + \mu)\big) = v_i^2$, so $b'(\mu) = \|v\|^2 - \varepsilon^2$.

    Raises
    ------
    TypeError, ValueError
        As in `edit_of_multiplier`.

    References
    ----------
    derivations/22_ball_bound; THEORY T22; Moré & Sorensen (1983), SIAM J. Sci. Stat. Comput. 4, 553.
    """
    require_integer(size, "the size", least=1, most=MAX_SIZE)
    curvature, gradient, change = _letters(size)
    level, radius, mu = sp.symbols("m epsilon mu", real=True)
    system = sp.ImmutableMatrix(curvature + mu * sp.eye(size))
    determinant = system.det(method="berkowitz")
    lowest = column(sp.symbols(f"v_1:{size + 1}", real=True))
    where = dict(zip(lowest, -(system.adjugate() / determinant) * gradient / 2, strict=True))
    bound = level - mu * radius**2 + (gradient.T * lowest)[0] / 2
    slope = sp.ImmutableMatrix(-2 * system * lowest)
    apart, one = change - lowest, -_one_g / (2 * (_one_q + mu))
    certificates = (
        Identity(system * lowest.xreplace(where), -gradient / 2, name="stationary on the ball", nonzero=(determinant,)),
        Identity(
            level + _moved(change, slope, curvature),
            bound.xreplace(dict(zip(gradient, slope, strict=True)))
            + (apart.T * system * apart)[0]
            + mu * (radius**2 - (change.T * change)[0]),
            name="lower bound on the ball",
            because=r"$g = -2(Q + \mu I)v$ leaves no linear part",
        ),
        Identity(
            sp.Derivative(_one_g * one / 2, mu),
            one**2,
            name="slope of the bound in one direction",
            nonzero=(_one_q + mu,),
        ),
    )
    entries = [curvature[j, k] for j in range(size) for k in range(j, size)]
    arguments = (*entries, *gradient, level, radius, mu)
    written_out = (*at_size(certificates[:2], f"n = {size}"), *certificates[2:])
    return ClosedForm(sp.Symbol("bound"), bound, arguments, where, written_out, "derivations/22_ball_bound")
