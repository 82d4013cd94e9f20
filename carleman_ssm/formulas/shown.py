r"""`to_latex`: one dispatch over everything that is printed, and the face of statements in notebooks.

What is printed registers itself here (`tex`: expressions; `statement_displays`: statements), so that statements can be
shown by a notebook without importing their printer.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any


@singledispatch
def to_latex(statement: Any, **settings: Any) -> str:  # noqa: ARG001 - for the registered printers
    r"""LaTeX (for display mathematics) of an expression, a mapping, or a statement.

    A `ClosedForm` is an aligned block with its definitions as "where" lines; a `Derivation` an aligned chain with its
    reasons, followed by its lemmas and further chains. Statements that are too wide for a line stand on several.

    Parameters
    ----------
    statement
        `ClosedForm`, `Identity`, `Bound`, `Derivation`, `Verdict`, SymPy object, or mapping left -> right.
    **settings
        Those of ``sympy.latex``, such as ``mul_symbol``; and ``decimals=True`` for terminating decimals
        instead of fractions (0.25, but 1/3).

    Returns
    -------
    str
        Valid inside ``$$ … $$`` with amsmath and amssymb.

    Raises
    ------
    TypeError
        Nothing that can be printed.

    Examples
    --------
    >>> import sympy as sp
    >>> a, delta = sp.symbols("abar_0 Delta")
    >>> print(to_latex({a: sp.exp(delta)}))
    \begin{aligned}
    \bar{a}_{0} &= e^{\Delta}
    \end{aligned}
    >>> print(to_latex(sp.Symbol(r"\input{secret}")))
    \text{\textbackslash{}input\{secret\}}
    """
    msg = f"cannot print a {type(statement).__name__}: expected a statement, a SymPy object or a mapping"
    raise TypeError(msg)


class Shown:
    """What a notebook shows as a formula."""

    __slots__ = ()

    def _repr_latex_(self) -> str:
        return f"$$\n{to_latex(self)}\n$$"
