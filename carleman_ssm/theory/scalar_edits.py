r"""The shortest change of an input that moves one number of the readout, or two.

At one time and in one channel the readout sees the change $\delta$ only through the shift $t = \sum_m K_m\delta_m$ of
the pre-activation. Of all changes with this shift $\delta = K t/\|K\|^2$ is the shortest, whatever the decoder: what is
left is to find the shift, the root of $\sigma(y + t) = z$ nearest to 0. With a residual path $\sum_m e_m\delta_m$ two
numbers count, t and the shift $\varrho$ of the residual; the shortest change is a combination of K and e, and
$V\big(\sigma(y + t) - \sigma(y)\big) + \varrho = r$ leaves a smooth function of t alone to be made least.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.affine_lift import column
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_free, require_kind

REFERENCE = "derivations/21_scalar_edits"

ENTRY = sp.Symbol("m", integer=True)
"""Index of the entries of the change, 0 to n - 1: steps, or steps and features."""

_size = sp.Symbol("n", integer=True, positive=True)
_kernel, _residual, _any = sp.IndexedBase("K"), sp.IndexedBase("e"), sp.IndexedBase("eta")
_A, _B, _E = sp.symbols("A B E", real=True)
_slope, _wanted, _g1, _g2, _disc = sp.symbols("s r g_1 g_2 disc", real=True)
_shift, _other_shift = sp.Symbol("t", real=True), sp.Symbol("varrho", real=True)


def inner_product(first: sp.IndexedBase, second: sp.IndexedBase, index: sp.Symbol = ENTRY) -> sp.Sum:
    r"""$\sum_{m<n} a_mb_m$."""
    return sp.Sum(first[index] * second[index], (index, 0, _size - 1))


def shortest_edit() -> ClosedForm:
    r"""$\delta_m = K_m\,t/\sum_jK_j^2$: the shortest change that shifts the pre-activation by t.

    Returns
    -------
    ClosedForm
        Of ``delta[m]`` in K, t, n and m, with $A = \|K\|^2$ in `where`, for $K \ne 0$. Certificates, for every n: it
        shifts by t; and for every change $\eta$, $\|\eta\|^2 = (K\cdot\eta)^2/\|K\|^2 +
        \|\eta - K\,(K\cdot\eta)/\|K\|^2\|^2$, so none with $K\cdot\eta = t$ is shorter, and only this one as short.

    References
    ----------
    derivations/21_scalar_edits; THEORY T21.
    """
    expression = _kernel[ENTRY] * _shift / _A
    squares = inner_product(_kernel, _kernel, sp.Symbol("j", integer=True))
    arguments = (_kernel, _shift, _size, ENTRY)
    return ClosedForm(
        sp.IndexedBase("delta")[ENTRY], expression, arguments, {_A: squares}, shift_laws(expression), REFERENCE
    )


def shift_laws(change: sp.Expr) -> tuple[Identity, ...]:
    r"""Certificates that a change is the shortest one that shifts the pre-activation by t.

    Parameters
    ----------
    change
        Its entry m, in K, t and $A = \|K\|^2$. With another than that of `shortest_edit` one of them is false.

    Returns
    -------
    tuple of Identity
        The shift, and Pythagoras.

    References
    ----------
    derivations/21_scalar_edits; THEORY T21.
    """
    j = sp.Symbol("j", integer=True)
    length, seen = inner_product(_kernel, _kernel, j), inner_product(_kernel, _any, j)
    change = change.xreplace({_A: length})
    left_over = _any[ENTRY] - change.xreplace({_shift: seen})
    return (
        Identity(
            sp.Sum(_kernel[ENTRY] * change, (ENTRY, 0, _size - 1)), _shift, name="it shifts by t", nonzero=(length,)
        ),
        Identity(
            inner_product(_any, _any),
            seen**2 / length + sp.Sum(left_over**2, (ENTRY, 0, _size - 1)),
            name="no change with this shift is shorter",
            because="Pythagoras: the part along K and the rest",
            nonzero=(length,),
        ),
    )


def nearest_shift() -> ClosedForm:
    r"""The root nearest to 0 of $g_2t^2 + st = r$: $t = 2r/\big(s \pm \sqrt{s^2 + 4g_2r}\big)$, with the sign of s.

    For a quadratic decoder $s = \sigma'(y) = g_1 + 2g_2y$ and $r = z - \sigma(y)$; with $g_2 = 0$ it is the linear one,
    $t = r/s$. No difference of neighbours is formed. For $s = r = 0$ nothing has to be changed. Where the
    discriminant is negative, no real shift reaches z.

    Returns
    -------
    ClosedForm
        Of ``t`` in s, $g_2$ and r, with the discriminant in `where`. Certificates: the equation is the one of the
        decoder; $4g_2(g_2t^2 + st - r) = (2g_2t + s)^2 - \mathrm{disc}$, so a negative discriminant has no root; and
        for either sign of s: t is a root, and the square of the other root is larger by
        $|s|\sqrt{\mathrm{disc}}/g_2^2$.

    References
    ----------
    derivations/21_scalar_edits; THEORY T21.

    Examples
    --------
    >>> form = nearest_shift()
    >>> s, g, r = form.arguments
    >>> [sp.expand(form.expression.xreplace(form.where).subs({s: slope, g: 1, r: 3})) for slope in (2, -2)]
    [1, -1]
    """
    s, value = _slope, _slope**2 + 4 * _g2 * _wanted
    near = [2 * _wanted / (s + sign * sp.sqrt(_disc)) for sign in (1, -1)]
    expression = sp.Piecewise((near[0], s >= 0), (near[1], True))
    certificates = nearest_root_laws(expression, value)
    return ClosedForm(_shift, expression, (s, _g2, _wanted), {_disc: value}, certificates, REFERENCE)


def nearest_root_laws(shift: sp.Expr, discriminant: sp.Expr) -> tuple[Identity, ...]:
    r"""Certificates that a shift is the root of $g_2t^2 + st = r$ nearest to 0, for either sign of s.

    Parameters
    ----------
    shift
        In s, $g_2$, r and ``disc``.
    discriminant
        What ``disc`` stands for. With another shift or discriminant than those of `nearest_shift` one of them is false.

    Returns
    -------
    tuple of Identity
        The equation, its square completed, and per sign of s the root and the other one.

    References
    ----------
    derivations/21_scalar_edits; THEORY T21.
    """
    decoder, y = PolynomialDecoder((sp.S.Zero, _g1, _g2)), sp.Symbol("y", real=True)
    certificates = [
        Identity(
            decoder(y + _shift) - decoder(y),
            _g2 * _shift**2 + decoder.derivative()(y) * _shift,
            name="equation of a quadratic decoder",
        ),
        Identity(
            4 * _g2 * (_g2 * _shift**2 + _slope * _shift - _wanted),
            (2 * _g2 * _shift + _slope) ** 2 - discriminant,
            name="square completed",
        ),
    ]
    for sign, case in ((1, "positive"), (-1, "negative")):
        signed = sp.Symbol("s", **{case: True})  # decides the case of a piecewise shift
        near = shift.xreplace({_slope: signed}).xreplace({signed: _slope, _disc: discriminant})
        certificates += _root_laws(near, sign * sp.sqrt(discriminant), f"{case} slope")
    return tuple(certificates)


def _root_laws(near: sp.Expr, root: sp.Expr, case: str) -> list[Identity]:
    r"""Both the shift and $-(s + q)/(2g_2)$ solve the equation, $q = \pm\sqrt{\mathrm{disc}}$; which is nearer."""
    far, divisor = -(_slope + root) / (2 * _g2), _slope + root
    return [
        Identity(_g2 * near**2 + _slope * near, _wanted, name=f"a root, {case}", nonzero=(divisor,)),
        Identity(
            column([_g2 * far**2 + _slope * far, far**2 - near**2]),
            column([_wanted, _slope * root / _g2**2]),
            name=f"the other root is farther, {case}",
            because=r"$(q + s)(q - s) = 4g_2r$",
            nonzero=(_g2, divisor),
        ),
    ]


def edit_of_two_shifts() -> ClosedForm:
    r"""The shortest change with $K\cdot\delta = t$ and $e\cdot\delta = \varrho$, for K and e that are not parallel.

    $$\delta_m = \frac{(Et - B\varrho)K_m + (A\varrho - Bt)e_m}{AE - B^2},\quad
    A = \|K\|^2,\ B = K\cdot e,\ E = \|e\|^2 .$$
    If $e = \kappa K$, the residual only adds $\kappa t$ to what the decoder gives, and `shortest_edit` holds.

    Returns
    -------
    ClosedForm
        Of ``delta[m]`` in K, e, t, $\varrho$, n and m, with A, B, E in `where`. Certificates, for every n: both shifts;
        and for every change $\eta$ the square of its norm is $(Et^2 - 2Bt\varrho + A\varrho^2)/(AE - B^2)$ at its own
        shifts plus the square of its distance from this change, so none with the same shifts is shorter.

    References
    ----------
    derivations/21_scalar_edits; THEORY T21.
    """
    j = sp.Symbol("j", integer=True)
    products = {_A: (_kernel, _kernel), _B: (_kernel, _residual), _E: (_residual, _residual)}
    inside = {letter: inner_product(*pair, j) for letter, pair in products.items()}
    seen = {_shift: inner_product(_kernel, _any, j), _other_shift: inner_product(_residual, _any, j)}
    gram = _A * _E - _B**2
    expression = (
        (_E * _shift - _B * _other_shift) * _kernel[ENTRY] + (_A * _other_shift - _B * _shift) * _residual[ENTRY]
    ) / gram
    change = expression.xreplace(inside)
    reached = [sp.Sum(row[ENTRY] * change, (ENTRY, 0, _size - 1)) for row in (_kernel, _residual)]
    apart = _any[ENTRY] - change.xreplace(seen)
    condition = (gram.xreplace(inside),)
    certificates = (
        Identity(column(reached), column([_shift, _other_shift]), name="both shifts", nonzero=condition),
        Identity(
            inner_product(_any, _any),
            _squared_norm(_shift, _other_shift).xreplace(inside | seen) + sp.Sum(apart**2, (ENTRY, 0, _size - 1)),
            name="no change with these shifts is shorter",
            because="Pythagoras: the part in the plane of K and e, and the rest",
            nonzero=condition,
        ),
    )
    arguments = (_kernel, _residual, _shift, _other_shift, _size, ENTRY)
    return ClosedForm(sp.IndexedBase("delta")[ENTRY], expression, arguments, inside, certificates, REFERENCE)


def _squared_norm(t: sp.Expr, other: sp.Expr) -> sp.Expr:
    return (_E * t**2 - 2 * _B * t * other + _A * other**2) / (_A * _E - _B**2)


def residual_edit_norm(decoder: PolynomialDecoder) -> ClosedForm:
    r"""The square of the norm of the shortest change that moves $V\sigma(y) + $ residual by r, as a function of t.

    $$N(t) = \frac{Et^2 - 2Bt\varrho + A\varrho^2}{AE - B^2},\qquad
    \varrho = r - V\big(\sigma(y + t) - \sigma(y)\big).$$
    The smallest edit is `edit_of_two_shifts` at the t where N is least: one number, whatever the number of inputs.
    For $\sigma$ of degree P its candidates are the real roots of a polynomial of degree 2P - 1.

    Parameters
    ----------
    decoder
        $\sigma$ of degree P.

    Returns
    -------
    ClosedForm
        Of ``N`` in the coefficients, V, y, r, A, B, E and t, with $\varrho$ in `where`. Certificates:
        $\frac12(AE - B^2)N' = Et - B\varrho - (A\varrho - Bt)\,V\sigma'(y + t)$; and
        $N = t^2/A + (\varrho - Bt/A)^2A/(AE - B^2)$, so $N \ge t^2/A$: beyond $t^2 = A\,N(t_1)$ no t does better than
        a known $t_1$, and the search is over an interval.

    Raises
    ------
    TypeError, ValueError
        Not a polynomial decoder, or one that uses one of the names.

    References
    ----------
    derivations/21_scalar_edits; THEORY T21.
    """
    require_kind(decoder, PolynomialDecoder, "the decoder")
    weight, y, wanted = sp.symbols("V y r", real=True)
    letters = (weight, y, wanted, _A, _B, _E, _shift)
    require_free(decoder.parameters, ("N", "varrho", *letters), "the decoder")
    other = wanted - weight * (decoder(y + _shift) - decoder(y))
    slope = weight * decoder.derivative()(y + _shift)
    norm, gram = _squared_norm(_shift, _other_shift), _A * _E - _B**2
    certificates = (
        Identity(
            gram * sp.Derivative(norm.xreplace({_other_shift: other}), _shift) / 2,
            _E * _shift - _B * other - (_A * other - _B * _shift) * slope,
            name="slope",
            nonzero=(gram,),
        ),
        Identity(
            norm,
            _shift**2 / _A + (_other_shift - _B * _shift / _A) ** 2 * _A / gram,
            name="square completed",
            nonzero=(_A, gram),
        ),
    )
    written_out = (*at_size(certificates[:1], f"P = {decoder.degree}"), *certificates[1:])
    return ClosedForm(
        sp.Symbol("N"), norm, (*decoder.parameters, *letters), {_other_shift: other}, written_out, REFERENCE
    )
