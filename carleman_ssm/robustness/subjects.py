"""What a certificate of robustness can be about: a network, and one sequence of a size that can be linearised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.operator import NetworkOperator

MAX_ENTRIES = 2**24
"""More entries of Jacobians and curvatures than this are not held: with their errors some twenty arrays of 128 MiB."""


def checked_network(source: StateSpaceNetwork | NetworkOperator) -> StateSpaceNetwork:
    """The network that a claim is about.

    Raises
    ------
    TypeError
        The source is neither a network nor an operator of one.
    """
    network: object = source.network if isinstance(source, NetworkOperator) else source
    if not isinstance(network, StateSpaceNetwork):
        msg = (
            f"expected a network of time-invariant layers or an operator of one, got {type(source).__name__}: radii "
            "need convolution kernels"
        )
        raise TypeError(msg)
    return network


def checked_sequence(network: StateSpaceNetwork, sequence: npt.ArrayLike) -> Floats:
    """One sequence (L, d) as float64, small enough to be certified.

    Raises
    ------
    ValueError
        Another shape, NaN or infinity, or more numbers of Jacobians and curvatures than are held.
    """
    given = np.asarray(sequence, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] != network.features or len(given) < 1 or not np.isfinite(given).all():
        msg = f"expected one finite sequence (length, {network.features}), got shape {given.shape}"
        raise ValueError(msg)
    entries = given.size * (len(given) * network.channels * len(network.layers) + network.classes * given.size)
    if entries > MAX_ENTRIES:
        msg = (
            f"{given.shape[0]} steps of {given.shape[1]} features need {entries:.3g} numbers of Jacobians and "
            f"curvatures, at most {MAX_ENTRIES} are held: certify a shorter sequence"
        )
        raise ValueError(msg)
    return given
