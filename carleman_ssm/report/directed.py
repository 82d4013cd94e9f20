"""Numbers in words, rounded so that what is printed still holds: bounds upward, shares and domains downward."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal


def above(value: float, digits: int = 3) -> str:
    """A decimal that is at least `value`, of so many significant digits.

    Examples
    --------
    >>> above(0.0887388), above(-1.2345), below(2.9999), below(-1.2345)
    ('0.0888', '-1.23', '2.99', '-1.24')
    """
    return _directed(value, digits, ROUND_CEILING)


def below(value: float, digits: int = 3) -> str:
    """A decimal that is at most `value`, of so many significant digits."""
    return _directed(value, digits, ROUND_FLOOR)


def _directed(value: float, digits: int, rounding: str) -> str:
    rounded = Context(prec=digits, rounding=rounding).create_decimal(Decimal(value)).normalize()
    return f"{rounded:f}" if rounded == 0 or 1e-4 <= abs(rounded) < Decimal(10) ** digits else f"{rounded:e}"


def share_below(share: float | None) -> str:
    """A share as per cent, one decimal, never more than it is; a dash for None.

    Examples
    --------
    >>> share_below(0.9999), share_below(1.0), share_below(None)
    ('99.9 %', '100.0 %', '–')
    """
    if share is None:
        return "–"
    return f"{(Decimal(share) * 100).quantize(Decimal('0.1'), rounding=ROUND_FLOOR)} %"
