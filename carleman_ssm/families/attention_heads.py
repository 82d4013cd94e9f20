"""Heads of attention without decays or with fixed ones: their numbers and the shapes of the maps around them."""

from __future__ import annotations

from typing import Protocol

from carleman_ssm.families.reference_tensors import freeze_real
from carleman_ssm.networks.layers import Array
from carleman_ssm.theory.polynomials import require_integer


class Heads(Protocol):
    """A layer with H heads of queries and G heads of keys and values."""

    @property
    def num_heads(self) -> int:
        """H."""

    @property
    def num_kv_heads(self) -> int:
        """G."""

    @property
    def q_weight(self) -> Array:
        """(H K, E)."""

    @property
    def output_weight(self) -> Array:
        """(E, H V)."""


def freeze_heads(layer: Heads) -> tuple[int, int]:
    """Check the numbers of heads and the maps to queries, keys, values and back; store the maps as `freeze_real` does.

    Parameters
    ----------
    layer
        With the fields ``q_weight`` (H K, E), ``k_weight`` (G K, E), ``v_weight`` (G V, E), ``output_weight``
        (E, H V).

    Returns
    -------
    tuple of int, int
        K and V, the sizes of a key and of a value.

    Raises
    ------
    TypeError, ValueError
        Numbers of heads that are no positive integers or do not divide, shapes that do not fit, NaN or infinity.
    """
    for name in ("num_heads", "num_kv_heads"):
        require_integer(getattr(layer, name), name, least=1)
    heads, groups = layer.num_heads, layer.num_kv_heads
    if heads % groups:
        msg = f"the {groups} heads of keys must divide the {heads} heads of queries"
        raise ValueError(msg)
    freeze_real(layer, {"q_weight": (None, None), "output_weight": (None, None)})
    width = layer.q_weight.shape[1]
    keys, values = layer.q_weight.shape[0] // heads, layer.output_weight.shape[1] // heads
    freeze_real(layer, {"q_weight": (heads * keys, width), "k_weight": (groups * keys, width)})
    freeze_real(layer, {"v_weight": (groups * values, width), "output_weight": (width, heads * values)})
    return keys, values
