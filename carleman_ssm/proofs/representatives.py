"""A representative of every public closed form: the instance for which a derivation states its certificates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.proofs.instances import Instances
from carleman_ssm.proofs.representatives_decoders import DECODERS
from carleman_ssm.proofs.representatives_depth import DEPTH
from carleman_ssm.proofs.representatives_families import FAMILIES
from carleman_ssm.proofs.representatives_lift import LIFT
from carleman_ssm.proofs.representatives_rings import RINGS
from carleman_ssm.proofs.representatives_trained import TRAINED

REPRESENTATIVES: Mapping[str, Instances] = MappingProxyType(
    {**LIFT, **RINGS, **DECODERS, **DEPTH, **FAMILIES, **TRAINED}
)
"""Qualified name, ``"theory.waves.wave_propagator"``, -> label of the instance -> what builds it."""


@cache
def representative(name: str, label: str) -> ClosedForm:
    """The closed form of this name and instance.

    Raises
    ------
    ValueError
        There is no such name or instance; the message lists the instances of a known name.
    """
    if name not in REPRESENTATIVES or label not in REPRESENTATIVES[name]:
        known = ", ".join(map(repr, REPRESENTATIVES.get(name, ()))) or "none"
        msg = f"no representative {label!r} of {name}; instances are {known}"
        raise ValueError(msg)
    return REPRESENTATIVES[name][label]()


def representatives_of(reference: str) -> tuple[tuple[str, str, ClosedForm], ...]:
    """Name, instance and closed form of all that cite this script, ``"derivations/03_rigid_waves"``."""
    forms = ((name, label, representative(name, label)) for name, each in REPRESENTATIVES.items() for label in each)
    return tuple(row for row in forms if row[2].reference == reference)
