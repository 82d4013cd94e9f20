"""Representatives of the closed forms of decoders: their three forms, phase products, series of activations."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from carleman_ssm.proofs.instances import Instances, over, symbolic_decoder, symbolic_model
from carleman_ssm.theory.collapse import rank_form
from carleman_ssm.theory.gelu_series import biased_gelu_coefficient, gelu_coefficient, gelu_series
from carleman_ssm.theory.marginals import joint_part, marginal
from carleman_ssm.theory.phase_products import phase_product
from carleman_ssm.theory.shapley import shapley_interaction, shapley_value
from carleman_ssm.theory.volterra import convolution_kernel, volterra_kernel, volterra_series

DECODERS: Mapping[str, Instances] = MappingProxyType(
    {
        "theory.collapse.rank_form": {"N = 1, P = 2": lambda: rank_form(symbolic_model(1), symbolic_decoder(2))},
        "theory.gelu_series.biased_gelu_coefficient": over(biased_gelu_coefficient, (3,)),
        "theory.gelu_series.gelu_coefficient": {"": gelu_coefficient},
        "theory.gelu_series.gelu_series": over(gelu_series, (4,)),
        "theory.marginals.joint_part": {"P = 2, r = 2": lambda: joint_part(symbolic_decoder(2), 2)},
        "theory.marginals.marginal": {"P = 3, p = (1, 1)": lambda: marginal(symbolic_decoder(3), (1, 1))},
        "theory.phase_products.phase_product": {"2, 2": lambda: phase_product(2, 2)},
        "theory.shapley.shapley_interaction": {
            "P = 2": lambda: shapley_interaction(symbolic_decoder(2)),
            "P = 2, Shapley and Taylor": lambda: shapley_interaction(symbolic_decoder(2), taylor=True),
        },
        "theory.shapley.shapley_value": {"P = 2": lambda: shapley_value(symbolic_decoder(2))},
        "theory.volterra.convolution_kernel": {"N = 2": lambda: convolution_kernel(symbolic_model(2))},
        "theory.volterra.volterra_kernel": {
            "N = 1, p = 2": lambda: volterra_kernel(symbolic_model(1), symbolic_decoder(2), 2)
        },
        "theory.volterra.volterra_series": {
            "N = 1, P = 2, k = 2": lambda: volterra_series(symbolic_model(1), symbolic_decoder(2), 2)
        },
    }
)
"""Qualified name -> label of the instance -> what builds it."""
