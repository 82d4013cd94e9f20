"""The couplings of a ring as a LaTeX document: in closed form for S4D-Lin, in decimals for any other spectrum."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import sympy as sp

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.formulas.verification import verify
from carleman_ssm.networks.layers import ComplexArray
from carleman_ssm.operators.closed_forms import decimal
from carleman_ssm.printing.latex import document
from carleman_ssm.report.ring_run import RingRun
from carleman_ssm.rings.rings import Rings
from carleman_ssm.theory.couplings import s4d_lin_couplings, s4d_lin_self_coupling
from carleman_ssm.theory.ring_modes import ANTIPERIODIC, COMPLEX, REAL

DIGITS = 6
BLOCK = 24
_RANGES = MappingProxyType({COMPLEX: "one-sided", REAL: "symmetric"})
"""Which range of frequencies the modes of S4D-Lin have on a ring of each closure; on others they are not in steps."""


def lin_reference(rings: Rings) -> ComplexArray | None:
    """S4D-Lin's couplings (N,) on a ring of this size, evaluated from the closed form; None where there is none."""
    if rings.closure not in _RANGES:
        return None
    frequencies, nodes = _RANGES[rings.closure], rings.nodes
    size = nodes if rings.closure == COMPLEX else (nodes + 1) // 2  # the real ring is counted by its stored modes
    own = s4d_lin_self_coupling(frequencies)
    couplings = np.empty(nodes, dtype=np.complex128)
    couplings[0] = compile_kernel(own)(*[size] * len(own.arguments))
    kernel = compile_kernel(s4d_lin_couplings(frequencies))
    couplings[1:] = [kernel(size, d) for d in range(1, nodes)]
    return couplings


def couplings_document(run: RingRun) -> str:
    """LaTeX source of the couplings: the proved closed form if the ring is S4D-Lin's, else its numbers."""
    title = f"Couplings of the ring of {run.title.split(':')[0]}"
    if run.is_lin and run.ring.closure in _RANGES:
        frequencies = _RANGES[run.ring.closure]
        others, own = s4d_lin_couplings(frequencies), s4d_lin_self_coupling(frequencies)
        items = [_law(run), others, _verdicts(others), "The coupling of a node to itself:", own, _verdicts(own)]
        return document(items, title=title)
    numbers = f"Numbers are rounded to {DIGITS} significant digits and were computed from the eigenvalues."
    return document([_law(run), numbers, *_numeric(run)], title=title, decimals=True)


def _verdicts(form: ClosedForm) -> str:
    return "Checked: " + "; ".join(f"{one.name}: {verify(one).evidence.value}" for one in form.certificates) + "."


def _law(run: RingRun) -> str:
    n, step = run.nodes, decimal(float(run.ring.step[0]), DIGITS)
    seam = "$w_{d-N} = -w_d$ across the seam" if run.ring.closure == ANTIPERIODIC else "$d$ is taken modulo $N$"
    return (
        rf"The {n} nodes of this {run.ring.closure} ring obey $h'_j = \sum_l w_{{j-l}} h_l + \beta_j u$; {seam}, "
        rf"$N = {n}$. One step is $\Delta t = {float(step):g}$; couplings are per unit of time."
    )


def _numeric(run: RingRun) -> list[dict[sp.Basic, sp.Basic]]:
    """w_d by d, in blocks that fit a page, as exact decimals; parts below rounding of the largest coupling are 0."""
    couplings = run.ring.couplings[0]
    floor = 1e-13 * float(np.abs(couplings).max())
    lines = [(sp.Symbol(f"w_{d}"), _decimals(complex(value), floor)) for d, value in enumerate(couplings)]
    return [dict(lines[first : first + BLOCK]) for first in range(0, len(lines), BLOCK)]


def _decimals(value: complex, floor: float) -> sp.Expr:
    real, imaginary = (decimal(part, DIGITS) if abs(part) > floor else sp.S.Zero for part in (value.real, value.imag))
    return real + sp.I * imaginary
