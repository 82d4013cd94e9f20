r"""The functions $\varphi_k$ of exponential integrators, whole at the point where $(e^z - 1)/z$ is not.

$\varphi_0(z) = e^z$ and $\varphi_k(z) = \bigl(\varphi_{k-1}(z) - 1/(k-1)!\bigr)/z$, so that
$\varphi_k(z) = \sum_{j \ge 0} z^j/(j+k)!$ is entire with $\varphi_k(0) = 1/k!$. The zero-order hold of
$x' = a x + b u$ is $\bar b = \Delta\,\varphi_1(a\Delta)\, b$, without a division by $a$.
"""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray


class phi(sp.Function):  # type: ignore[misc]  # SymPy is untyped; the field's name, lower case as SymPy's own functions
    r"""$\varphi_k(z) = \sum_{j\ge0} z^j/(j+k)!$ for an explicit integer $k \ge 0$.

    Raises
    ------
    ValueError
        The order is not an explicit non-negative integer.

    References
    ----------
    Hochbruck & Ostermann (2010), Exponential integrators, eq. (2.10) and (2.11).

    Examples
    --------
    >>> z = sp.Symbol("z")
    >>> phi(1, 0), phi(2, 0), phi(0, z)
    (1, 1/2, exp(z))
    >>> phi(1, z).diff(z)
    phi(1, z) - phi(2, z)
    """

    nargs = 2

    @classmethod
    def eval(cls, order: sp.Expr, argument: sp.Expr) -> sp.Expr | None:
        """Value at $k = 0$ and at $z = 0$; None keeps the function unevaluated."""
        if not (isinstance(order, sp.Integer) and order >= 0):
            msg = f"the order of phi must be an explicit non-negative integer, got {order}"
            raise ValueError(msg)
        if order == 0:
            return sp.exp(argument)
        if argument.is_zero:
            return 1 / sp.factorial(order)
        return None

    def fdiff(self, argindex: int = 2) -> sp.Expr:
        r"""$\varphi_k' = \varphi_k - k\,\varphi_{k+1}$: no division by $z$."""
        if argindex != 2:
            raise sp.core.function.ArgumentIndexError(self, argindex)
        order, argument = self.args
        return self - order * phi(order + 1, argument)

    def _eval_conjugate(self) -> sp.Expr:
        return phi(self.args[0], sp.conjugate(self.args[1]))

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.args[1].is_extended_real else None

    def _eval_is_finite(self) -> bool | None:
        return True if self.args[1].is_finite else None

    def _eval_evalf(self, prec: int) -> sp.Expr:
        order, argument = self.args
        value = argument._eval_evalf(prec)
        if not value.is_number:
            return self.func(order, value)
        with mpmath.workprec(prec + 10):
            return sp.Expr._from_mpmath(phi_mpmath(int(order), value._to_mpmath(prec + 10)), prec)

    def _eval_rewrite_as_exp(self, order: sp.Expr, argument: sp.Expr, **_: Any) -> sp.Expr:
        head = sum(argument**j / sp.factorial(j) for j in range(int(order)))
        return (sp.exp(argument) - head) / argument**order

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        order, argument = self.args
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\varphi_{{{order}}}{power}\left({printer._print(argument)}\right)"


def unfold_phi(expression: sp.Basic) -> tuple[sp.Basic, tuple[sp.Expr, ...]]:
    r"""Write every $\varphi_k(z)$ as $(e^z - \sum_{j<k} z^j/j!)/z^k$.

    Returns
    -------
    tuple
        The expression with exponentials, and the arguments $z$ that are assumed not to vanish.

    Examples
    --------
    >>> z = sp.Symbol("z")
    >>> unfold_phi(z * phi(1, z))
    (exp(z) - 1, (z,))
    """
    found = sorted(expression.atoms(phi), key=sp.default_sort_key)
    arguments = dict.fromkeys(use.args[1] for use in found)
    plain = expression.replace(lambda e: isinstance(e, phi), lambda e: e.rewrite(sp.exp))
    return plain, tuple(arguments)


def phi_mpmath(order: int, argument: Any) -> Any:
    r"""$\varphi_k(z)$ at mpmath's working precision, as ${}_1F_1(1; k+1; z)/k!$.

    Examples
    --------
    >>> with mpmath.workdps(30):
    ...     print(phi_mpmath(1, mpmath.mpf("1e-25")))
    1.00000000000000000000000005
    """
    if order == 0:
        return mpmath.exp(argument)
    return mpmath.hyp1f1(1, order + 1, argument) / mpmath.factorial(order)


def phi_numpy(order: int, argument: ArrayLike) -> NDArray[Any]:
    r"""$\varphi_k(z)$ for real or complex arrays, elementwise in double precision.

    The power series where its terms decrease ($|z| \le k + 1$), the recurrence from $e^z - 1$ elsewhere,
    where it divides by $z$ no more than it gains.

    Parameters
    ----------
    order
        $k \ge 0$.
    argument
        $z$, any shape.

    Returns
    -------
    ndarray
        Shape of `argument`; float64 or complex128.

    Raises
    ------
    ValueError
        A negative order.

    Examples
    --------
    >>> phi_numpy(1, [0.0, 1e-20]).tolist()
    [1.0, 1.0]
    """
    if order < 0:
        msg = f"the order of phi must be non-negative, got {order}"
        raise ValueError(msg)
    z = np.asarray(argument)
    z = z.astype(np.complex128 if np.iscomplexobj(z) else np.float64)
    if order == 0:
        return np.asarray(np.exp(z))
    near = np.abs(z) <= order + 1
    series = _phi_series(order, np.where(near, z, 0))
    return np.where(near, series, _phi_recurrence(order, np.where(near, 1, z)))


def _phi_series(order: int, z: NDArray[Any]) -> NDArray[Any]:
    terms = 24 + 4 * order  # at |z| = k + 1 the first omitted term is below 1e-20/k! for every k
    value = np.ones_like(z)
    for j in range(terms, 0, -1):
        value = 1 + z / (j + order) * value
    return np.asarray(value / math.factorial(order))


def _phi_recurrence(order: int, z: NDArray[Any]) -> NDArray[Any]:
    value = np.expm1(z) / z
    for k in range(1, order):
        value = (value - 1 / math.factorial(k)) / z
    return np.asarray(value)
