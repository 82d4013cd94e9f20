"""What the records of all fits check about themselves."""

from __future__ import annotations

import numpy as np

from carleman_ssm.theory.analytic import Floats


def coefficient_row(values: Floats, owner: str) -> Floats:
    """Coefficients (P + 1,) as a read-only float64 row.

    Raises
    ------
    ValueError
        There is none, one is not finite, or they are no row; `owner` is the fit that the message speaks of.
    """
    coefficients = np.array(values, dtype=np.float64)
    coefficients.flags.writeable = False
    if coefficients.ndim != 1 or not coefficients.size or not np.isfinite(coefficients).all():
        msg = f"{owner} needs a row of finite coefficients, at least one; got {coefficients}"
        raise ValueError(msg)
    return coefficients


def require_error(bound: float) -> None:
    """Refuse a certified error that is negative or NaN; it may be infinite (not certified).

    Raises
    ------
    ValueError
        With the value.
    """
    if not bound >= 0:
        msg = f"the sup-error must not be negative or NaN, got {bound}"
        raise ValueError(msg)
