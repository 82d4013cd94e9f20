"""Representatives of the closed forms of model families, and of what is computed from them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.proofs.instances import Instances, over
from carleman_ssm.recurrences.affine import InvariantDense, VaryingDiagonal
from carleman_ssm.recurrences.clock import Clock, clocked_output
from carleman_ssm.recurrences.clock_ring import clocked_wave
from carleman_ssm.recurrences.cubic_series import cubic_series
from carleman_ssm.recurrences.lift import collapse
from carleman_ssm.recurrences.sigmoid_powers import sigmoid_powers


def _clocked() -> ClosedForm:
    """Two modes and three steps, each with a step size and an input of its own."""
    return clocked_output(
        Clock(sp.symbols("a_0 a_1"), sp.symbols("Delta_1 Delta_2 Delta_3")),
        [sp.symbols(f"b_{k}_0 b_{k}_1") for k in (1, 2, 3)],
        lambda z, _: sp.Symbol("c_0") * z[0] + sp.Symbol("c_1") * z[1],
        symbol=sp.Symbol("y_3"),
    )


def _changing_steps() -> ClosedForm:
    """One mode, two steps with multipliers of their own, degree 2."""
    multipliers, drives = sp.symbols("lambda_1 lambda_2"), sp.symbols("b_1 b_2")
    return collapse(VaryingDiagonal(tuple((p,) for p in multipliers), tuple((d,) for d in drives)), 2)


def _dense_steps() -> ClosedForm:
    """Two entries, two steps of a dense matrix, degree 1."""
    drives = (sp.symbols("b_1_:2"), sp.symbols("b_2_:2"))
    return collapse(InvariantDense(sp.Matrix(2, 2, sp.symbols("A_:2_:2")), drives), 1)


def _matrix_state() -> ClosedForm:
    """One step of two values with one multiplier, degree 1."""
    return collapse(VaryingDiagonal(((sp.Symbol("lambda_1"),),), (sp.Matrix([sp.symbols("v_1_:2")]),)), 1)


FAMILIES: Mapping[str, Instances] = MappingProxyType(
    {
        "recurrences.clock.clocked_output": {"2, 3": _clocked},
        "recurrences.clock_ring.clocked_wave": {"": clocked_wave},
        "recurrences.cubic_series.cubic_series": {"1, 2": cubic_series},
        "recurrences.lift.collapse": {
            "changing steps": _changing_steps,
            "dense steps": _dense_steps,
            "a matrix state": _matrix_state,
        },
        "recurrences.sigmoid_powers.sigmoid_powers": over(sigmoid_powers, (1, 2, 3)),
    }
)
"""Qualified name -> label of the instance -> what builds it."""
