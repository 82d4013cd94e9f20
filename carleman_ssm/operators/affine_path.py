r"""Orders of what reaches the logits past the decoders: offset, and the residual path, which is affine.

One convention for `volterra_kernels.orders`, `wiener.orthogonal_orders` and the ablations: a residual path stands at a
usual input $\bar x$ in order 0, and its deviation from there is of order 1, since its degree in the input is 1.
"""

from __future__ import annotations

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.one_layer import OneLayerForm


def usual_sequence(observed: Floats, length: int) -> Floats:
    r"""$\bar x$, the mean of sequences (n, L, d) over n, its first `length` steps: (length, d)."""
    usual: Floats = observed.mean(axis=0)[:length]
    return usual


def affine_orders(form: OneLayerForm, inputs: Floats, usual: Floats) -> Floats:
    r"""$o + S\,\mathrm{pool}\,\bar x$ and $S\,\mathrm{pool}(x - \bar x)$, (2, batch, classes).

    Parameters
    ----------
    inputs
        x (batch, L, d).
    usual
        $\bar x$ (L, d): the centre of a polynomial operator, the mean of the observed sequences for fits.
    """
    skip, origin = form.skip.value.T, form.pooled(usual[None])
    constant = np.broadcast_to(origin @ skip + form.offset.value[:, 0], (len(inputs), form.classes))
    return np.stack([constant, (form.pooled(inputs) - origin) @ skip])
