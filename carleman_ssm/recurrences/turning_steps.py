r"""Products of real steps of the delta rule turn, although the eigenvalues of every single step are real.

A step $1 - \beta\kappa\kappa^\top$ with $|\kappa| = 1$ is symmetric, with the eigenvalues 1 and $1 - \beta$. Its
multipliers are real, but steps do not commute: they share no ring, and the law of standing patterns (T6 v: real
multipliers of one ring) does not speak of them. Their products turn:

* two reflections ($\beta = 2$) are the rotation by twice the angle of their keys;
* exchanges of neighbouring entries, which are reflections, carry the content of every node to the next one;
* two steps of equal strength turn if and only if $0 < \cos^2\theta < 4(\beta - 1)/\beta^2$: only for $\beta > 1$, where
  an eigenvalue of the steps is negative. Of two steps of which one has $\beta \le 1$ none turns: a product of symmetric
  matrices, one of them positive semidefinite, has real eigenvalues;
* three steps turn without any negative eigenvalue: keys at 0°, 60° and 120° do for $0 < \beta < 4\sqrt3 - 6$.

That a plane turns is told by the discriminant $(\mathrm{tr}\,A)^2 - 4 \det A$ of the product: negative, and the
eigenvalues are a complex pair.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.theory.polynomials import require_integer

FIRST, SECOND, BETWEEN = sp.symbols("varphi psi theta", real=True)
"""Angles of the first and of the second key, and between two keys."""

STRENGTH = sp.Symbol("beta", real=True)

_PLANE = 2
"""Entries that a rotation mixes."""


def delta_step(strength: sp.Expr, key: sp.ImmutableMatrix) -> sp.ImmutableMatrix:
    r"""$1 - \beta\kappa\kappa^\top$."""
    return (sp.eye(key.rows) - strength * key * key.T).as_immutable()


def unit_key(angle: sp.Expr, states: int = _PLANE) -> sp.ImmutableMatrix:
    r"""$(\cos\varphi, \sin\varphi, 0, \dots)$: length 1, in the plane of the first two entries."""
    return sp.ImmutableMatrix([sp.cos(angle), sp.sin(angle), *[0] * (states - _PLANE)])


def rotation(angle: sp.Expr, states: int = _PLANE) -> sp.ImmutableMatrix:
    """The plane of the first two entries turned by the angle, the others left as they are."""
    cosine, sine = sp.cos(angle), sp.sin(angle)
    turned = sp.Matrix([[cosine, -sine], [sine, cosine]])
    return sp.diag(turned, sp.eye(states - _PLANE)).as_immutable()


def turning_laws(states: int = _PLANE, decays: Sequence[sp.Expr] = (sp.S.One, sp.S.One)) -> tuple[Identity, ...]:
    r"""How products of steps turn.

    Parameters
    ----------
    states
        N, at least 2.
    decays
        $g_1, g_2$ of the two reflections.

    Returns
    -------
    tuple of Identity
        The discriminants of one and of two steps, the rotation by two reflections, the discriminant of three steps, and
        from three states on the shift of all entries to the next node.

    Raises
    ------
    TypeError, ValueError
        Fewer than two states, in which nothing can turn.

    References
    ----------
    THEORY T19; Grazzi et al., arXiv 2411.12537 (negative eigenvalues and state tracking).

    Examples
    --------
    >>> turning_laws()[0].name, turning_laws()[0].right
    ('one step does not turn', beta**2)
    """
    size = require_integer(states, "the number of states", least=_PLANE)
    laws = (one_step_discriminant(), two_step_discriminant(), _rotation_law(size, decays), three_step_discriminant())
    return laws if size == _PLANE else (*laws, shift_law(size))


def turning_twins(states: int = _PLANE) -> tuple[Identity, ...]:
    """The rotation by two reflections with half the angle, and with the wrong sense."""
    size = require_integer(states, "the number of states", least=_PLANE)
    turned = _reflections(size)
    return (
        Identity(turned, rotation(SECOND - FIRST, size), name="two reflections turn by the angle of their keys"),
        Identity(turned, rotation(2 * (FIRST - SECOND), size), name="two reflections turn towards the first key"),
    )


def _reflections(states: int, decays: Sequence[sp.Expr] = (sp.S.One, sp.S.One)) -> sp.MatMul:
    """The second after the first, printed as a product."""
    keys = unit_key(FIRST, states), unit_key(SECOND, states)
    steps = [(g * delta_step(sp.Integer(2), key)).as_immutable() for g, key in zip(decays, keys, strict=True)]
    return sp.MatMul(*reversed(steps), evaluate=False)


def _rotation_law(states: int, decays: Sequence[sp.Expr]) -> Identity:
    return Identity(
        _reflections(states, decays),
        (sp.Mul(*decays) * rotation(2 * (SECOND - FIRST), states)).as_immutable(),
        name="two reflections are a rotation by twice the angle of their keys",
        because=r"a reflection takes the angle $\alpha$ to $2\varphi + \pi - \alpha$",
    )


def one_step_discriminant() -> Identity:
    r"""$(\mathrm{tr}\,A)^2 - 4\det A = \beta^2$, never negative: the eigenvalues 1 and $1 - \beta$ are real."""
    return Identity(
        _discriminant(delta_step(STRENGTH, unit_key(FIRST))),
        STRENGTH**2,
        name="one step does not turn",
        because=r"$\mathrm{tr} = 2 - \beta$ and $\det = 1 - \beta$",
    )


def two_step_discriminant() -> Identity:
    r"""$(\mathrm{tr}\,A)^2 - 4\det A = \beta^2\cos^2\theta\,(\beta^2\cos^2\theta - 4(\beta - 1))$, strengths equal."""
    product = delta_step(STRENGTH, unit_key(BETWEEN)) * delta_step(STRENGTH, unit_key(sp.S.Zero))
    overlap = STRENGTH**2 * sp.cos(BETWEEN) ** 2
    return Identity(
        _discriminant(product),
        overlap * (overlap - 4 * (STRENGTH - 1)),
        name="two steps of equal strength turn only if it is above 1",
        because=r"$\mathrm{tr} = 2 - 2\beta + \beta^2\cos^2\theta$ and $\det = (1 - \beta)^2$",
    )


def three_step_discriminant() -> Identity:
    r"""$(\mathrm{tr}\,A)^2 - 4\det A = \beta^4(\beta^2 + 12\beta - 12)/64$ for keys at 0°, 60°, 120°."""
    product = sp.eye(_PLANE)
    for turn in range(3):
        product = delta_step(STRENGTH, unit_key(turn * sp.pi / 3)) * product
    return Identity(
        _discriminant(product),
        STRENGTH**4 * (STRENGTH**2 + 12 * STRENGTH - 12) / 64,
        name="three steps turn at strengths below 1, keys at 0, 60 and 120 degrees",
        because=r"$\mathrm{tr} = (\beta - 2)(\beta^2 + 8\beta - 8)/8$ and $\det = (1 - \beta)^3$",
    )


def _discriminant(matrix: sp.MatrixBase) -> sp.Expr:
    return sp.Add(sp.Pow(matrix.trace(), 2), -4 * matrix.det())


def shift_law(states: int) -> Identity:
    r"""$N - 1$ reflections with the keys $(e_n - e_{n+1})/\sqrt2$, the last pair first, shift all entries cyclically.

    Raises
    ------
    TypeError, ValueError
        Fewer than two states.
    """
    size = require_integer(states, "the number of states", least=_PLANE)
    one = sp.eye(size)
    keys = [((one[:, n] - one[:, n + 1]) / sp.sqrt(2)).as_immutable() for n in range(size - 1)]
    following = sp.ImmutableMatrix(size, size, lambda row, column: int(row == (column + 1) % size))
    return Identity(
        sp.MatMul(*(delta_step(sp.Integer(2), key) for key in keys), evaluate=False),
        following,
        name=f"{size - 1} reflections carry every entry to the next of {size} nodes",
        because=r"a reflection by $(e_n - e_{n+1})/\sqrt2$ exchanges two entries",
    )
