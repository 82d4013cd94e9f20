"""Instances: statements that are written out for a size say for which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from carleman_ssm.formulas.statements import Identity


def at_size(statements: Iterable[Identity], sizes: str) -> tuple[Identity, ...]:
    """The statements, as claims for this size alone.

    Parameters
    ----------
    statements
        Identities that are written out, such as products of explicit matrices.
    sizes
        What is fixed, such as ``"N = 3"``; empty for statements with a symbol in its place.

    Examples
    --------
    >>> import sympy as sp
    >>> x, y = sp.symbols("x y")
    >>> [one.sizes for one in at_size([Identity((x + y) ** 2, x**2 + 2 * x * y + y**2)], "P = 2")]
    ['P = 2']
    """
    return tuple(replace(statement, sizes=sizes) for statement in statements)


def node_count(size: object) -> str:
    """``"N = 3"`` for a number of nodes, nothing for a symbol: what holds for every N has no size.

    Examples
    --------
    >>> import sympy as sp
    >>> node_count(sp.Integer(3)), node_count(sp.Symbol("N"))
    ('N = 3', '')
    """
    return f"N = {size}" if getattr(size, "is_Integer", isinstance(size, int)) else ""


def for_nodes(statements: Iterable[Identity], size: object) -> tuple[Identity, ...]:
    """The statements, as claims for this number of nodes alone if it is a number."""
    return at_size(statements, node_count(size))
