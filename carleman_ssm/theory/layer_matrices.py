r"""Carleman matrices of layers, and when they compose.

$C_{D,E}(f)$ holds the coefficients of $f^\beta$, $|\beta| \le D$, on the monomials $x^\alpha$, $|\alpha| \le E$:
where nothing is cut off, $C(f)\,X(x) = X(f(x))$. Write $C_D = C_{D,D}$.

* If $g(0) = 0$, $C_D(f \circ g) = C_D(f)\, C_D(g)$: the dropped rows $g^\alpha$, $|\alpha| > D$, start above D.
* With $g(0) \ne 0$ this is false in general. Two cures: keep the rows $|\alpha| \le D \deg f$ (nothing is dropped),
  or expand about the trajectory that biases alone produce, $r_\ell = f_\ell(r_{\ell-1})$ from $r_0 = 0$,
  $\tilde f_\ell(\delta) = f_\ell(r_{\ell-1} + \delta) - r_\ell$, so that every map vanishes at 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.polys.rings import PolyElement

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.formulas.verification import verify
from carleman_ssm.theory.affine_lift import column
from carleman_ssm.theory.monomials import MonomialBasis, refuse_beyond_budget
from carleman_ssm.theory.polynomial_maps import PolynomialMap
from carleman_ssm.theory.polynomials import require_count, require_kind
from carleman_ssm.theory.stacks import Vector

REFERENCE = "derivations/17_layer_matrices"
MAX_CELLS = 40_000
"""Larger matrices are not written out."""

Exponents = tuple[int, ...]


def carleman_matrix(mapping: PolynomialMap, degree: int, *, columns: int | None = None) -> sp.ImmutableMatrix:
    r"""$C_{D,E}(f)$: row $\beta$ holds the coefficients of $f^\beta$ up to degree E, in graded order.

    Parameters
    ----------
    mapping
        f, from n to m variables.
    degree
        D, the largest $|\beta|$.
    columns
        E, the largest $|\alpha|$; D if not given. Nothing is cut off from $E = D \deg f$ on.

    Returns
    -------
    ImmutableMatrix
        Shape $\left(\binom{m + D}{D}, \binom{n + E}{E}\right)$, entries expanded.

    Raises
    ------
    ValueError, TypeError
        More than 40,000 entries; a degree is negative; not a `PolynomialMap`.

    References
    ----------
    THEORY T17; Carleman (1932).

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> carleman_matrix(PolynomialMap((x,), (x + 2 * x**2,)), 2)
    Matrix([
    [1, 0, 0],
    [0, 1, 2],
    [0, 0, 1]])
    """
    require_kind(mapping, PolynomialMap, "the map")
    require_count(degree, "the degree D")
    kept = degree if columns is None else require_count(columns, "the degree of the columns E")
    rows, across = MonomialBasis(len(mapping.components), degree), MonomialBasis(len(mapping.variables), kept)
    refuse_beyond_budget(rows.size * across.size, "the Carleman matrix", MAX_CELLS)
    ring, components = sp.sring(list(mapping.components), *mapping.variables)
    powers = _powers([_cut(f, kept) for f in components], ring.one, rows, kept)
    places = {tuple(alpha): place for place, alpha in enumerate(across.exponents.tolist())}
    cells = {
        (row, places[alpha]): ring.domain.to_sympy(value)
        for row, power in enumerate(powers)
        for alpha, value in power.items()
    }
    return sp.ImmutableMatrix(sp.SparseMatrix(rows.size, across.size, cells))


def carleman_composition(outer: PolynomialMap, inner: PolynomialMap, degree: int) -> ClosedForm:
    r"""$C_D(f \circ g) = C_D(f)\, C_D(g)$ for $g(0) = 0$, as a product.

    Parameters
    ----------
    outer, inner
        f and g.
    degree
        D.

    Returns
    -------
    ClosedForm
        Of the product. Certificates: it is the matrix of the composed map; $C_D(f)\,X(x) = X(f(x))$ up to degree D,
        for f, g and the composed map.

    Raises
    ------
    ValueError
        $g(0) = 0$ is not proved: use `recentred_composition` or `rectangular_composition`; or the sizes do not fit.

    References
    ----------
    derivations/17_layer_matrices; THEORY T17.
    """
    if not all(verify(Identity(value, sp.S.Zero)).proved for value in inner.constant):
        msg = (
            f"the inner map has the constant {inner.constant}: square Carleman matrices compose only if it vanishes. "
            "Use recentred_composition (about the bias-only trajectory) or rectangular_composition (all rows)"
        )
        raise ValueError(msg)
    composed = outer.after(inner)
    left, right, whole = (carleman_matrix(mapping, degree) for mapping in (outer, inner, composed))
    product = sp.MatMul(left, right, evaluate=False)
    law = Identity(
        product,
        whole,
        name="composition of centred maps",
        because=r"$g^\alpha$ starts at degree $|\alpha|$, so the rows that are dropped add nothing",
        sizes=_sizes(composed, degree),
    )
    definitions = (
        _definition(left, outer, degree, degree, "the outer map"),
        _definition(right, inner, degree, degree, "the inner map"),
        _definition(whole, composed, degree, degree, "the composed map"),
    )
    return ClosedForm(sp.Symbol("C"), product, composed.parameters, {}, (law, *definitions), REFERENCE)


def rectangular_composition(outer: PolynomialMap, inner: PolynomialMap, degree: int) -> ClosedForm:
    r"""$C_{D,E}(f \circ g) = C_{D,E'}(f)\, C_{E',E}(g)$, $E' = D \deg f$, $E = E' \deg g$, for every g.

    Parameters
    ----------
    outer, inner, degree
        As in `carleman_composition`, with any constants.

    Returns
    -------
    ClosedForm
        Of the product. Certificates: it is the matrix of the composed map, nothing cut off; $C(f)\,X(x) = X(f(x))$
        for f, g and the composed map.

    Raises
    ------
    ValueError
        More than 40,000 entries, or the sizes do not fit.

    References
    ----------
    derivations/17_layer_matrices; THEORY T17.
    """
    composed, between = outer.after(inner), degree * outer.degree
    last = between * inner.degree
    left, right = carleman_matrix(outer, degree, columns=between), carleman_matrix(inner, between, columns=last)
    product, whole = sp.MatMul(left, right, evaluate=False), carleman_matrix(composed, degree, columns=last)
    law = Identity(
        product,
        whole,
        name="composition with all rows",
        because=r"$f^\beta = \sum_\alpha C_{\beta\alpha}(f)\, x^\alpha$ ends at $|\alpha| = D \deg f$",
        sizes=_sizes(composed, degree),
    )
    definitions = (
        _definition(left, outer, degree, between, "the outer map"),
        _definition(right, inner, between, last, "the inner map"),
        _definition(whole, composed, degree, last, "the composed map"),
    )
    return ClosedForm(sp.Symbol("C"), product, composed.parameters, {}, (law, *definitions), REFERENCE)


def bias_trajectory(maps: Sequence[PolynomialMap]) -> tuple[Vector, ...]:
    r"""$r_0 = 0$, $r_\ell = f_\ell(r_{\ell-1})$: what biases alone produce, expanded.

    Parameters
    ----------
    maps
        $f_1, f_2, \dots$, the first is applied first.

    Raises
    ------
    ValueError
        There is no map, or their sizes do not fit.

    References
    ----------
    THEORY T17.
    """
    if not maps:
        msg = "a composition needs at least one map"
        raise ValueError(msg)
    trajectory: list[Vector] = [(sp.S.Zero,) * len(maps[0].variables)]
    for mapping in maps:
        trajectory.append(tuple(value.expand() for value in mapping(trajectory[-1])))
    return tuple(trajectory)


def recentred_composition(maps: Sequence[PolynomialMap], degree: int) -> ClosedForm:
    r"""$C_D(\tilde F) = C_D(\tilde f_L) \cdots C_D(\tilde f_1)$ about the bias-only trajectory, for all maps.

    $\tilde F(\delta) = F(\delta) - F(0)$ for $F = f_L \circ \dots \circ f_1$: the constants are gone from the
    matrices and stand in $r_L = F(0)$ alone.

    Parameters
    ----------
    maps
        $f_1, f_2, \dots$ in the order of application, for instance `sequence_maps` of a stack.
    degree
        D.

    Returns
    -------
    ClosedForm
        Of the product. Certificates: the recentred maps compose to $\tilde F$; the product is its matrix;
        $C_D(f)\,X(\delta) = X(f(\delta))$ up to degree D for $\tilde f_1, \dots, \tilde f_L$ and $\tilde F$.

    Raises
    ------
    ValueError
        No map, sizes that do not fit, or more than 40,000 entries.

    References
    ----------
    derivations/17_layer_matrices; THEORY T17.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> squares = [PolynomialMap((x,), (1 + x**2,)), PolynomialMap((x,), (x**2,))]
    >>> recentred_composition(squares, 2).expression
    Matrix([
    [1, 0, 0],
    [0, 2, 1],
    [0, 0, 4]])*Matrix([
    [1, 0, 0],
    [0, 0, 1],
    [0, 0, 0]])
    """
    trajectory = bias_trajectory(maps)
    centred = [mapping.recentred(r) for mapping, r in zip(maps, trajectory, strict=False)]
    whole, composed = maps[0], centred[0]
    for mapping, moved in zip(maps[1:], centred[1:], strict=True):
        whole, composed = mapping.after(whole), moved.after(composed)
    change = whole.recentred(trajectory[0])
    deviation = PolynomialMap(change.variables, tuple(f.expand() for f in change.components))
    named = {f"recentred map {number}": mapping for number, mapping in enumerate(centred, 1)}
    named["the composed map"] = deviation
    matrices = {name: carleman_matrix(mapping, degree) for name, mapping in named.items()}
    *factors, total = matrices.values()
    product = sp.MatMul(*reversed(factors), evaluate=False)
    certificates = (
        Identity(
            column(composed.components),
            column(deviation.components),
            name="recentred maps compose",
            because=r"multiplied out; the constants telescope, $r_1 + \tilde f_1(\delta) = f_1(\delta)$, and so on",
            sizes=_sizes(whole, degree),
        ),
        Identity(
            product,
            total,
            name="composition about the bias-only trajectory",
            because="every recentred map vanishes at 0",
            sizes=_sizes(whole, degree),
        ),
        *(_definition(matrices[name], mapping, degree, degree, name) for name, mapping in named.items()),
    )
    return ClosedForm(sp.Symbol("C"), product, whole.parameters, {}, certificates, REFERENCE)


def _definition(matrix: sp.ImmutableMatrix, mapping: PolynomialMap, degree: int, columns: int, name: str) -> Identity:
    r"""$C_{D,E}(f)\,X(x) = X(f(x))$ up to degree E: the monomials are independent, so no other matrix does it."""
    monomials = MonomialBasis(len(mapping.variables), columns).lift(mapping.variables)
    kept = "the columns are" if degree * mapping.degree <= columns else f"up to degree {columns}, the columns are"
    return Identity(
        sp.MatMul(matrix, column(monomials), evaluate=False),
        column(_images(mapping, degree, columns)),
        name=f"definition for {name}",
        because=rf"{kept} the coefficients of $f^\beta$",
        sizes=_sizes(mapping, degree),
    )


def _sizes(mapping: PolynomialMap, degree: int) -> str:
    """The instance of a certificate: rows up to D, a map of n variables and its degree."""
    return f"D = {degree}, n = {len(mapping.variables)}, degree {mapping.degree}"


def _images(mapping: PolynomialMap, degree: int, columns: int) -> list[sp.Expr]:
    r"""$f^\beta$ as it is, or its terms up to degree E: no step of it is shared with the matrix."""
    letter, own = sp.Dummy("t"), mapping.degree
    scaled = {variable: letter * variable for variable in mapping.variables}
    beyond = sp.Poly(letter ** (columns + 1), letter)
    truncated: list[sp.Poly] = []
    if degree * own > columns:
        truncated = [sp.Poly(f.xreplace(scaled), letter).rem(beyond) for f in mapping.components]
    images = []
    for beta in MonomialBasis(len(mapping.components), degree).exponents.tolist():
        if sum(beta) * own <= columns:
            images.append(sp.Mul(*(f**power for f, power in zip(mapping.components, beta, strict=True))))
            continue
        first, *rest = [factor for factor, power in zip(truncated, beta, strict=True) for _ in range(power)]
        for factor in rest:
            first = (first * factor).rem(beyond)
        images.append(first.eval(1))
    return images


def _cut(polynomial: PolyElement, degree: int) -> PolyElement:
    """The terms of total degree at most `degree`."""
    kept = {alpha: value for alpha, value in polynomial.items() if sum(alpha) <= degree}
    return polynomial.ring.from_dict(kept)


def _powers(components: list[PolyElement], one: PolyElement, rows: MonomialBasis, degree: int) -> list[PolyElement]:
    r"""$f^\beta$ cut at `degree` for every row, each from the one with a factor less."""
    known: dict[Exponents, PolyElement] = {}
    for beta in map(tuple, rows.exponents.tolist()):
        n = next((n for n, power in enumerate(beta) if power), None)
        if n is None:
            known[beta] = one
        else:
            known[beta] = _cut(known[*beta[:n], beta[n] - 1, *beta[n + 1 :]] * components[n], degree)
    return list(known.values())
