r"""Second-order Volterra kernels of every logit of a network of any depth, at any input.

$\tfrac12\,\partial^2\ell_i/\partial x_{sj}\partial x_{s'j'}$ in a form that is never expanded unless asked for: its
quadratic form is the second order of `jets`, its product with a vector one pass forward and one reverse (`adjoint`),
both in $O(L\log L)$. Written out it is (L d)² numbers per logit, from L d such products for all logits at once. One
layer with affine surroundings has the cheaper closed forms of `lag_matrices`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.adjoint import hessian_products
from carleman_ssm.operators.jets import jets
from carleman_ssm.operators.lag_matrices import MAX_ENTRIES
from carleman_ssm.operators.stack import Stack
from carleman_ssm.operators.stack_trace import LayerDecoders


@dataclass(frozen=True, eq=False, repr=False)
class StackQuadraticKernel(Brief):
    """Half the Hessian of every logit at one input; build it with `second_order_kernel`.

    Parameters
    ----------
    stack, decoders
        The operator's arrays, and the decoders of every layer.
    centre
        The input (L, d) at which the second derivatives are taken.
    """

    stack: Stack
    decoders: tuple[LayerDecoders, ...]
    centre: Floats

    @property
    def length(self) -> int:
        """L."""
        return len(self.centre)

    def array(self, label: int) -> Floats:
        """Half the Hessian of one logit as a symmetric array (L, d, L, d).

        Raises
        ------
        ValueError
            No such class, or more than 10⁸ entries: use `quadratic_form` or `product` instead.
        """
        if not 0 <= label < self.stack.classes:
            msg = f"class {label} does not exist: the network has classes 0 to {self.stack.classes - 1}"
            raise ValueError(msg)
        result: Floats = self.arrays(np.eye(1, self.stack.classes, label))[0]
        return result

    def all_arrays(self) -> Floats:
        """`array` of all classes in one pass, (classes, L, d, L, d).

        Raises
        ------
        ValueError
            More than 10⁸ entries in all.
        """
        return self.arrays(np.eye(self.stack.classes))

    def arrays(self, readout: Floats) -> Floats:
        """Half the Hessian of combinations of logits, readout (rows, classes): (rows, L, d, L, d).

        Raises
        ------
        ValueError
            More than 10⁸ entries in all, or a readout of another shape.
        """
        size = self.centre.size
        if len(readout) * size**2 > MAX_ENTRIES:
            msg = (
                f"these second-order kernels have {len(readout) * size**2:.3g} entries (at most {MAX_ENTRIES:.0e} are "
                "written out): use quadratic_form or product, which never expand them"
            )
            raise ValueError(msg)
        basis = np.eye(size).reshape(size, *self.centre.shape)
        columns = hessian_products(self.stack, self.decoders, self.centre[None], basis, readout)
        result = columns.swapaxes(0, 1).reshape(len(readout), *self.centre.shape, *self.centre.shape)
        result *= 0.5
        return result

    def product(self, direction: Floats) -> Floats:
        """The kernels times directions (batch, L, d), one side of the quadratic form: (batch, classes, L, d)."""
        result: Floats = 0.5 * hessian_products(self.stack, self.decoders, self.centre[None], direction)
        return result

    def quadratic_form(self, deviation: Floats) -> Floats:
        """Second-order part (batch, classes) of deviations (batch, L, d), never expanding the kernel."""
        result: Floats = jets(self.stack, self.decoders, self.centre, self.centre + deviation, 2)[2]
        return result


def second_order_kernel(stack: Stack, decoders: tuple[LayerDecoders, ...], centre: Floats) -> StackQuadraticKernel:
    """Second-order kernel of every logit of a stack at one input (L, d).

    Parameters
    ----------
    stack, decoders
        The operator's arrays, and the decoders of every layer.
    centre
        Any input of at most the stack's length.

    Raises
    ------
    ValueError
        The input has another number of features, or too many steps.
    """
    given = np.asarray(centre, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] != stack.features or not 1 <= len(given) <= stack.length:
        msg = (
            f"expected an input (at most {stack.length} steps, {stack.features}), got shape {given.shape}: longer "
            "sequences need a stack built for their length"
        )
        raise ValueError(msg)
    return StackQuadraticKernel(stack, decoders, given)
