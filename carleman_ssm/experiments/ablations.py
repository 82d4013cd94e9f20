r"""What a trained network loses when orders of interaction are taken out of it: an ablation, no proof of necessity.

The decoder of every channel is expanded in polynomials that are orthogonal under the channel's own observed
pre-activations, so that order p is what the least-squares fit of degree p adds to that of degree p − 1. Order 0 is a
constant, order 1 the waves themselves (the residual path with them), order 2 pairs of waves, and so on; what all orders
up to P leave of the network's own logits is the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.layers import Array
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.operators.affine_path import affine_orders, usual_sequence
from carleman_ssm.operators.density_fits import density_decoders
from carleman_ssm.operators.one_layer import one_layer_form
from carleman_ssm.operators.stack_construction import layer_rules

__all__ = ["DELETIONS", "OrderContributions", "order_contributions"]

DELETIONS = ("waves only", "pairs only", "without waves", "without pairs")
"""Constant and order 1; constant and order 2; all but order 1; all but order 2 (the rest included)."""


@dataclass(frozen=True, eq=False, repr=False)
class OrderContributions(Brief):
    """Logits by order of interaction.

    Parameters
    ----------
    parts
        (P + 1, batch, classes), the orders; order 0 is the same for all sequences.
    logits
        (batch, classes) of the network itself; what the orders leave of them is `rest`.
    """

    parts: Array
    logits: Array

    @property
    def rest(self) -> Array:
        """Logits less all orders, (batch, classes)."""
        return np.asarray(self.logits - self.parts.sum(axis=0))

    def up_to(self, order: int) -> Array:
        """Logits of orders 0 … `order`."""
        return np.asarray(self.parts[: order + 1].sum(axis=0))

    def after(self, deletion: str) -> Array:
        """Logits after one of the `DELETIONS`.

        Raises
        ------
        ValueError
            Another name, or there is no order 2.
        """
        if deletion not in DELETIONS or len(self.parts) < 3:
            msg = f"deletions are {', '.join(DELETIONS)}, of at least orders 0 to 2; got {deletion!r}"
            raise ValueError(msg)
        order = 1 if "waves" in deletion else 2
        if deletion.startswith("without"):
            return np.asarray(self.logits - self.parts[order])
        return np.asarray(self.parts[0] + self.parts[order])


def order_contributions(network: S4DNetwork, density: Array, x: Array, degree: int) -> OrderContributions:
    r"""Contributions by order of a one-layer network with affine surroundings (THEORY T10, T13).

    $\ell^{(p)} = R\,\mathrm{pool}_k\,(q_p(y_k) - q_{p-1}(y_k))$ with $q_{p,h}$ the polynomial of degree p that is
    closest to φ in the mean square over channel h's pre-activations on `density` (constant beyond them, see
    `density_decoders`); the residual path's mean over `density` belongs to order 0, its deviation to order 1.

    Parameters
    ----------
    network
        One layer; output linear or none; norm none or batch.
    density
        Sequences (n, L, d) whose pre-activations are the density; no labels enter.
    x
        Sequences (batch, L, d) to score.
    degree
        P, the highest order; at least 1.

    Raises
    ------
    ValueError
        The network has no one-layer form, or the degree is below 1.
    """
    if degree < 1:
        msg = f"contributions by order need a degree of at least 1, got {degree}"
        raise ValueError(msg)
    form = one_layer_form(network, x.shape[1])
    fits, values = (
        density_decoders(form.preactivations(density), layer_rules(network)[0].activation, degree),
        form.preactivations(x),
    )
    decoded = np.stack([form.pooled(fit(values)) for fit in fits])
    parts = np.diff(decoded, axis=0, prepend=0.0) @ form.readout.value.T
    parts[:2] += affine_orders(form, x, usual_sequence(density, x.shape[1]))
    return OrderContributions(parts, network(x))
