"""Certification of the Chebyshev fit of GELU of degree 20 on [-6, 6]: time, and sharpness."""

from __future__ import annotations

from benchmarks.measure import Row, alternate
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.fits import enclose_error, fit_chebyshev, fit_many

NAME = "certify GELU, degree 20, [-6, 6]"


def rows(threads: int) -> list[Row]:
    del threads
    gelu = activation("gelu")
    fit = fit_chebyshev(gelu, -6.0, 6.0, 20)
    lower, upper = [-1.0 - h for h in range(16)], [0.5 + h for h in range(16)]
    seconds = alternate(
        {
            "certify": lambda: enclose_error(gelu, fit),
            "channels": lambda: fit_many(gelu, lower, upper, 30),
        },
        repeats=9,
    )
    bounds = enclose_error(gelu, fit)
    return [
        Row(NAME, "Taylor models", "", 1e3 * seconds["certify"], None, "ms", aim=20),
        Row(NAME, "upper − lower bound", "", bounds.upper - bounds.lower, None, "", aim=1e-10),
        Row("fit and certify 16 channels, degree 30", "fit_many", "", 1e3 * seconds["channels"], None, "ms"),
    ]
