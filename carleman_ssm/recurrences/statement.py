"""The statement of a family: its recurrence with symbols for all parameters, its output, and its laws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.recurrences.affine import AffineRecurrence
from carleman_ssm.recurrences.lift import collapse, state_certificates
from carleman_ssm.theory.instances import at_size


@dataclass(frozen=True)
class FamilyStatement:
    r"""What is claimed of one family at a small size, ready to be proved.

    Parameters
    ----------
    family
        Its name, as in `carleman-ssm zoo`.
    recurrence
        $Z_k = A_k Z_{k-1} + B_k$ with symbols; for selective families $A_k$, $B_k$ are symbols per step, or the
        functions of the inputs that `where` of the output states.
    output
        The outputs after the last step in closed form; its certificates say that it is the readout of the recurrence.
    laws
        Further identities: the clock, powers of one sigmoid, cleared denominators, Volterra kernels.
    twins
        False statements close to the true ones, each of which has to be refuted.
    input_degree
        Degree of the output in the inputs of the layer (what enters its affine projections); None: no polynomial.
    real_spectrum
        Whether the multipliers are real at the family's initialisation. Real and $\ge 0$: no wave travels (T6 v). Real
        and negative: no side is preferred, but a kick may hop by half of the ring. Of steps that do not commute (the
        delta rule) it speaks of each alone: products of real steps may turn.
    """

    family: str
    recurrence: AffineRecurrence
    output: ClosedForm
    laws: tuple[Identity, ...]
    twins: tuple[Identity, ...]
    input_degree: int | None
    real_spectrum: bool

    def __post_init__(self) -> None:
        if not self.twins:
            msg = f"{self.family}: a statement needs at least one false twin that is refuted"
            raise ValueError(msg)

    def collapsed(self, degree: int = 2) -> ClosedForm:
        """The lift of degree P of all steps as one matrix, with its certificates (`recurrences.lift.collapse`)."""
        return collapse(self.recurrence, degree)

    def claims(self, degree: int = 2) -> Mapping[str, tuple[Identity, ...]]:
        """All identities by what they speak of: the collapsed lift, the output, the laws."""
        return {
            "the lift collapses": self.collapsed(degree).certificates,
            "the output": self.output.certificates,
            "the laws": self.laws,
        }


def read_output(
    recurrence: AffineRecurrence,
    read: Callable[[sp.ImmutableMatrix], sp.Expr],
    *,
    symbol: sp.Basic,
    reference: str,
    where: Mapping[sp.Basic, sp.Basic] | None = None,
    arguments: tuple[sp.Basic, ...] = (),
) -> ClosedForm:
    r"""One output after the last step, read from the closed form of the state, certified by the recurrence.

    Parameters
    ----------
    recurrence
        L steps.
    read
        The readout $Z \mapsto y$: an expression or matrix of the entries of the state (feedthrough included).
    symbol, reference, where, arguments
        As in `ClosedForm`; without arguments the free symbols of the expression, in the order of their names.

    Returns
    -------
    ClosedForm
        Certificates: the closed form of the state obeys the recurrence, step by step; the last one has for its right
        side the output that L steps of the recurrence give.
    """
    last = recurrence.steps
    expression = sp.sympify(read(recurrence.state(last)), strict=True)
    sizes = f"N = {recurrence.states}, L = {last}"
    stepped = Identity(
        expression,
        read(recurrence.recurred_state(last)),
        name=f"output after {last} step{'s' if last > 1 else ''}",
        because="the readout of the state that the steps leave",
    )
    certificates = at_size((*state_certificates(recurrence), stepped), sizes)
    free = arguments or tuple(sorted(expression.free_symbols, key=str))
    return ClosedForm(symbol, expression, free, dict(where or {}), certificates, reference)
