r"""Derivatives of the logits over the whole input, first and second, by the cheapest exact route.

One layer with affine surroundings has closed forms, whatever its activation (`affine_layer`). Anything else takes
forward over reverse accumulation (`adjoint`): a product per direction, and one per entry of the input for a Hessian
that is written out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.adjoint import check_directions, gradients, hessian_products
from carleman_ssm.operators.affine_layer import AffineLayer, affine_layer
from carleman_ssm.operators.lag_matrices import MAX_ENTRIES
from carleman_ssm.operators.stack import Stack
from carleman_ssm.operators.stack_trace import LayerDecoders


@dataclass(frozen=True, eq=False, repr=False)
class InputDerivatives(Brief):
    """First and second derivatives of a stack's logits over its input.

    Parameters
    ----------
    stack, decoders
        The arrays of a network, and the decoders of every layer.

    References
    ----------
    THEORY T20.
    """

    stack: Stack
    decoders: tuple[LayerDecoders, ...]

    @cached_property
    def closed_form(self) -> AffineLayer | None:
        """The layer's closed form, where it has one."""
        return affine_layer(self.stack, self.decoders[0].activation)

    def gradients(self, inputs: Floats, readout: Floats) -> Floats:
        """Gradients of readout (rows, classes) · logits at inputs (batch, L, d): (batch, rows, L, d)."""
        if self.closed_form is not None:
            return self.closed_form.gradients(inputs, readout)
        return gradients(self.stack, self.decoders, inputs, readout)

    def hessians(self, inputs: Floats, readout: Floats) -> Floats:
        """Hessians of the same combinations at the same inputs, written out: (batch, rows, L, d, L, d), symmetric.

        Raises
        ------
        ValueError
            More than 10⁸ entries in all: use `hessian_products`, which never writes them out.
        """
        entries = len(inputs) * len(readout) * (inputs.shape[1] * inputs.shape[2]) ** 2
        if entries > MAX_ENTRIES:
            msg = (
                f"these Hessians have {entries:.3g} entries (at most {MAX_ENTRIES:.0e} are written out): use "
                "hessian_products, which never expands them, or fewer inputs and rows at a time"
            )
            raise ValueError(msg)
        if self.closed_form is not None:
            return self.closed_form.hessians(inputs, readout)
        return np.stack([self.by_products(x, readout) for x in inputs])

    def hessian_products(self, inputs: Floats, directions: Floats, readout: Floats) -> Floats:
        r"""Products of the Hessians with directions (batch, L, d): (batch, rows, L, d), in $O(L\log L)$ each.

        Parameters
        ----------
        inputs
            (batch, L, d), or (1, L, d): one input for all directions.

        Raises
        ------
        ValueError
            Inputs and directions do not go together.
        """
        if self.closed_form is None:
            return hessian_products(self.stack, self.decoders, inputs, directions, readout)
        check_directions(inputs, directions)
        return self.closed_form.hessian_products(inputs, directions, readout)

    def by_products(self, x: Floats, readout: Floats) -> Floats:
        """The Hessians at one input (L, d) by reverse passes, a product for every unit vector: (rows, L, d, L, d)."""
        basis = np.eye(x.size).reshape(x.size, *x.shape)
        columns = hessian_products(self.stack, self.decoders, x[None], basis, readout)
        result: Floats = columns.swapaxes(0, 1).reshape(len(readout), *x.shape, *x.shape)
        return result
