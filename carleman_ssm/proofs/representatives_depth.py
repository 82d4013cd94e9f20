"""Representatives of the closed forms of stacks, derivatives, a-priori means and edits."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import sympy as sp

from carleman_ssm.proofs.instances import Instances, decoder_map, over, symbolic_decoder, symbolic_model
from carleman_ssm.theory.finite_responses import geometric_response, near_resonance
from carleman_ssm.theory.frequency_responses import transfer_function, transfer_of_order
from carleman_ssm.theory.gaussian_expectations import gaussian_covariance, gaussian_mean, gaussian_mean_gelu
from carleman_ssm.theory.input_derivatives import gelu_curvature_range, gelu_derivative, pooled_hessian
from carleman_ssm.theory.layer_matrices import carleman_composition, recentred_composition, rectangular_composition
from carleman_ssm.theory.pair_kernel import pair_kernel, second_layer
from carleman_ssm.theory.scalar_edits import edit_of_two_shifts, nearest_shift, residual_edit_norm, shortest_edit
from carleman_ssm.theory.spectral_lines import gelu_line, spectral_line
from carleman_ssm.theory.ssm import DiscreteSSM
from carleman_ssm.theory.stack_lift import StackLift
from carleman_ssm.theory.stacks import PolynomialLayer, PolynomialStack
from carleman_ssm.theory.trust_region import ball_bound, edit_of_multiplier, extreme_shift, hard_case, reached_shift


def _stack() -> StackLift:
    """Two layers of one mode, degrees 2 and 1, in the gauge in which the readout weights are 1."""
    layers = []
    for number, degree in ((1, 2), (2, 1)):
        multiplier, gain = sp.symbols(f"lambda_{number}_0 bbar_{number}_0")
        decoder = symbolic_decoder(degree, name=f"g_{number}")
        layers.append(PolynomialLayer((DiscreteSSM((multiplier,), (gain,), (1,)),), decoder))
    return StackLift(PolynomialStack(tuple(layers)))


DEPTH: Mapping[str, Instances] = MappingProxyType(
    {
        "theory.finite_responses.geometric_response": {"": geometric_response},
        "theory.finite_responses.near_resonance": {"": near_resonance},
        "theory.frequency_responses.transfer_function": over(lambda n: transfer_function(symbolic_model(n)), (1,)),
        "theory.frequency_responses.transfer_of_order": over(
            lambda order: transfer_of_order(symbolic_decoder(2), order), (1, 2)
        ),
        "theory.gaussian_expectations.gaussian_covariance": {
            "2, 2": lambda: gaussian_covariance(symbolic_decoder(2), symbolic_decoder(2, name="h"))
        },
        "theory.gaussian_expectations.gaussian_mean": over(lambda p: gaussian_mean(symbolic_decoder(p)), (3,)),
        "theory.gaussian_expectations.gaussian_mean_gelu": {"": gaussian_mean_gelu},
        "theory.input_derivatives.gelu_curvature_range": {"": gelu_curvature_range},
        "theory.input_derivatives.gelu_derivative": over(gelu_derivative, (1, 2, 3, 4, 5)),
        "theory.input_derivatives.pooled_hessian": over(lambda p: pooled_hessian(symbolic_decoder(p), 2), (3,)),
        "theory.layer_matrices.carleman_composition": {
            "2": lambda: carleman_composition(decoder_map("f", "y"), decoder_map("g", "x", centred=True), 2)
        },
        "theory.layer_matrices.recentred_composition": {
            "2": lambda: recentred_composition([decoder_map("g", "x"), decoder_map("f", "y")], 2)
        },
        "theory.layer_matrices.rectangular_composition": {
            "1": lambda: rectangular_composition(decoder_map("f", "y"), decoder_map("g", "x"), 1)
        },
        "theory.pair_kernel.pair_kernel": {
            "1, 1": lambda: pair_kernel(symbolic_model(1), symbolic_decoder(2), second_layer(1, feedthrough=True))
        },
        "theory.scalar_edits.edit_of_two_shifts": {"": edit_of_two_shifts},
        "theory.scalar_edits.nearest_shift": {"": nearest_shift},
        "theory.scalar_edits.residual_edit_norm": over(lambda p: residual_edit_norm(symbolic_decoder(p)), (2,)),
        "theory.scalar_edits.shortest_edit": {"": shortest_edit},
        "theory.spectral_lines.gelu_line": over(gelu_line, (0, 1, 2)),
        "theory.spectral_lines.spectral_line": over(
            lambda lines: spectral_line(symbolic_decoder(2), lines), ((2,), (1, -1))
        ),
        "theory.stack_lift.StackLift.output": {"1 and 1": lambda: _stack().output()},
        "theory.stack_lift.StackLift.pooled_step": {"1 and 1": lambda: _stack().pooled_step()},
        "theory.stack_lift.StackLift.step": {"1 and 1": lambda: _stack().step()},
        "theory.trust_region.ball_bound": over(ball_bound, (2,)),
        "theory.trust_region.edit_of_multiplier": over(edit_of_multiplier, (2,)),
        "theory.trust_region.extreme_shift": {"": extreme_shift},
        "theory.trust_region.hard_case": {"": hard_case},
        "theory.trust_region.reached_shift": {"": reached_shift},
    }
)
"""Qualified name -> label of the instance -> what builds it."""
