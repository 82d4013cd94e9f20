"""Representatives of the closed forms of model families, and of what is computed from them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.proofs.instances import Instances, over
from carleman_ssm.recurrences.affine import InvariantDense, VaryingDiagonal
from carleman_ssm.recurrences.attention_statements import linear_attention_statement, retnet_statement
from carleman_ssm.recurrences.block_statement import s4_block_statement
from carleman_ssm.recurrences.clock import Clock, clocked_output
from carleman_ssm.recurrences.clock_ring import clocked_wave
from carleman_ssm.recurrences.cubic_series import cubic_series
from carleman_ssm.recurrences.delta_rule import delta_net_statement, gated_delta_net_statement
from carleman_ssm.recurrences.h3_statement import h3_statement
from carleman_ssm.recurrences.invariant_statements import dss_statement, s4_statement, s4d_statement
from carleman_ssm.recurrences.lift import collapse
from carleman_ssm.recurrences.mimo_statements import lru_statement, s5_statement
from carleman_ssm.recurrences.rational_gates import rg_lru_statement, s7_statement
from carleman_ssm.recurrences.selective_statements import gla_statement, mamba2_statement, mamba_statement
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


_STATEMENTS = {
    "s4d": lambda: s4d_statement(1, 2),
    "s4-block": lambda: s4_block_statement(1, 2),
    "s4": lambda: s4_statement(2, 2),
    "dss": lambda: dss_statement(1, 2),
    "s5": lambda: s5_statement(1, 2),
    "lru": lambda: lru_statement(1, 2),
    "h3": lambda: h3_statement(1, 2),
    "linear-attention": lambda: linear_attention_statement(1, 2),
    "retnet": lambda: retnet_statement(1, 2),
    "gla": lambda: gla_statement(1, 2),
    "mamba": lambda: mamba_statement(1, 2),
    "mamba2": lambda: mamba2_statement(1, 2),
    "rg-lru": lambda: rg_lru_statement(1, 2),
    "s7": lambda: s7_statement(1, 2),
    "delta-net": lambda: delta_net_statement(2, 2),
    "gated-delta-net": lambda: gated_delta_net_statement(2, 2),
}
"""The statement of every family at a small size."""


def _output(family: str) -> ClosedForm:
    return _STATEMENTS[family]().output


FAMILIES: Mapping[str, Instances] = MappingProxyType(
    {
        "recurrences.clock.clocked_output": {"2, 3": _clocked},
        "recurrences.clock_ring.clocked_wave": {"": clocked_wave},
        "recurrences.cubic_series.cubic_series": {"1, 2": cubic_series},
        "recurrences.lift.collapse": {
            "changing steps": _changing_steps,
            "dense steps": _dense_steps,
        },
        "recurrences.pair_letters.pair_output": over(_output, ("s4d", "s4-block")),
        "recurrences.statement.FamilyStatement.collapsed": {"gla": lambda: gla_statement(1, 2).collapsed(1)},
        "recurrences.statement.read_output": over(_output, _STATEMENTS),
        "recurrences.sigmoid_powers.sigmoid_powers": over(sigmoid_powers, (1, 2, 3)),
    }
)
"""Qualified name -> label of the instance -> what builds it."""
