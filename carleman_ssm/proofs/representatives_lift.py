"""Representatives of the closed forms of the lift: discretised models, one lifted step, its collapse, responses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.proofs.instances import Instances, over, symbolic_decoder, symbolic_model
from carleman_ssm.theory.carleman import BilinearSystem, LiftedSystem, carleman_lift, one_step_map
from carleman_ssm.theory.collapse import forward_operator
from carleman_ssm.theory.discretisation import bilinear_step, held_step
from carleman_ssm.theory.excitations import Excitation
from carleman_ssm.theory.held_input import held_kick
from carleman_ssm.theory.responses import lifted_response, output_response
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM

_RATE, _FREQUENCY = sp.Symbol("s_0"), sp.Symbol("omega", real=True)


def _stepped(states: int, degree: int) -> LiftedSystem:
    """A lift in discrete time with letters for everything."""
    return carleman_lift(symbolic_model(states), symbolic_decoder(degree))


def _moved(states: int, degree: int) -> BilinearSystem:
    """A lift in continuous time with letters for everything."""
    return BilinearSystem(DiagonalSSM.symbolic(states), symbolic_decoder(degree))


def _square(model: DiagonalSSM | DiscreteSSM, excitation: Excitation) -> ClosedForm:
    """The square of one mode; the step of a sampled model is the letter of the table."""
    return lifted_response(model, excitation, (2,), step=sp.Symbol("Delta"))


def _collapsed(states: int) -> ClosedForm:
    return forward_operator(symbolic_model(states), symbolic_decoder(2))


LIFT: Mapping[str, Instances] = MappingProxyType(
    {
        "theory.carleman.BilinearSystem.generator": {
            "N = 1, P = 2": lambda: _moved(1, 2).generator(),
            "N = 2, P = 1": lambda: _moved(2, 1).generator(),
        },
        "theory.carleman.BilinearSystem.readout": {
            "N = 1, P = 2": lambda: _moved(1, 2).readout(),
            "N = 2, P = 1": lambda: _moved(2, 1).readout(),
        },
        "theory.carleman.StateAffineSystem.readout": {
            "N = 1, P = 2": lambda: _stepped(1, 2).readout(),
        },
        "theory.carleman.one_step_map": {
            "continuous, N = 1, P = 1": lambda: one_step_map(_moved(1, 1)),
            "continuous, N = 2, P = 1": lambda: one_step_map(_moved(2, 1)),
            "discrete, N = 1, P = 2": lambda: one_step_map(_stepped(1, 2)),
        },
        "theory.collapse.forward_operator": over(_collapsed, (1, 2)),
        "theory.discretisation.bilinear_step": {"": bilinear_step},
        "theory.discretisation.held_step": {"": held_step},
        "theory.held_input.held_kick": {"": held_kick},
        "theory.responses.lifted_response": {
            "exponential, continuous, N = 1": lambda: _square(DiagonalSSM.symbolic(1), Excitation.exponential(_RATE)),
            "exponential, discrete, N = 1": lambda: _square(DiscreteSSM.symbolic(1), Excitation.exponential(_RATE)),
            "impulse, continuous, N = 2": lambda: lifted_response(
                DiagonalSSM.symbolic(2), Excitation.impulse(), (1, 1)
            ),
        },
        "theory.responses.output_response": {
            "sinusoid, continuous, N = 1, P = 2": lambda: output_response(
                DiagonalSSM.symbolic(1), symbolic_decoder(2), Excitation.sinusoid(_FREQUENCY)
            ),
            "step, discrete, N = 1, P = 2": lambda: output_response(
                DiscreteSSM.symbolic(1), symbolic_decoder(2), Excitation.step()
            ),
        },
    }
)
"""Qualified name -> label of the instance -> what builds it."""
