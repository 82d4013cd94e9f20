"""Representatives of the closed forms of decoders: their three forms, phase products, series of activations."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from carleman_ssm.proofs.instances import Instances, over
from carleman_ssm.theory.gelu_series import biased_gelu_coefficient, gelu_coefficient, gelu_series
from carleman_ssm.theory.phase_products import phase_product

DECODERS: Mapping[str, Instances] = MappingProxyType(
    {
        "theory.gelu_series.biased_gelu_coefficient": over(biased_gelu_coefficient, (3,)),
        "theory.gelu_series.gelu_coefficient": {"": gelu_coefficient},
        "theory.gelu_series.gelu_series": over(gelu_series, (4,)),
        "theory.phase_products.phase_product": {"2, 2": lambda: phase_product(2, 2)},
    }
)
"""Qualified name -> label of the instance -> what builds it."""
