"""Representatives of the closed forms of decoders: their three forms, phase products, series of activations."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from carleman_ssm.proofs.instances import Instances
from carleman_ssm.theory.phase_products import phase_product

DECODERS: Mapping[str, Instances] = MappingProxyType(
    {
        "theory.phase_products.phase_product": {"2, 2": lambda: phase_product(2, 2)},
    }
)
"""Qualified name -> label of the instance -> what builds it."""
