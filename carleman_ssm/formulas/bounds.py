r"""Bounds: inequalities on stated boxes, decided by ball arithmetic and never by sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import sympy as sp

from carleman_ssm.formulas.shown import Shown
from carleman_ssm.formulas.statements import Identity, immutable


@dataclass(frozen=True)
class Bound(Shown):
    r"""The statement $\text{left} \le \text{right}$ for all points of a box of real numbers.

    Parameters
    ----------
    left, right
        Real expressions in the symbols of `domain`.
    domain
        ``symbol -> (least, greatest)``, exact numbers.
    name
        What the statement says, in a few words.
    because
        The reason, as prose with TeX.

    Raises
    ------
    TypeError, ValueError
        A side is no expression; a symbol without an interval, or an interval that is empty or not exact.
    """

    left: sp.Expr
    right: sp.Expr
    domain: Mapping[sp.Symbol, tuple[sp.Expr, sp.Expr]] = field(hash=False)
    name: str = ""
    because: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "left", immutable(self.left))
        object.__setattr__(self, "right", immutable(self.right))
        domain = {symbol: tuple(map(immutable, ends)) for symbol, ends in self.domain.items()}
        object.__setattr__(self, "domain", MappingProxyType(domain))
        free = (self.left.free_symbols | self.right.free_symbols) - set(domain)
        if free:
            msg = f"no interval is given for {', '.join(sorted(map(str, free)))}: a bound holds on a stated box"
            raise ValueError(msg)
        for symbol, (least, greatest) in domain.items():
            if not (least.is_Rational and greatest.is_Rational and least <= greatest):
                msg = f"the interval of {symbol} needs rational ends in order, got {least} and {greatest}"
                raise ValueError(msg)


Statement = Identity | Bound
"""What is stated, and judged by `verify`."""
