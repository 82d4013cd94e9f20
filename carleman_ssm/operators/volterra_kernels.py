r"""Contributions by order, and the Volterra kernels of every class over the input (THEORY T10, T20).

About a centre $x^0$ with pre-activations $y^0$ the operator is a polynomial in the deviation $x - x^0$:
with $t_q = p_h^{(q)}(y^0_{k,h})/q!$ and $\eta_{k,h} = \sum_m K_{h,m}W_h(x - x^0)_{k-m}$,

$$\ell_i = \sum_q \ell_i^{(q)},\qquad \ell_i^{(q)} = \sum_h R_{ih}\,\mathrm{pool}_k\; t_{q,k,h}\,\eta_{k,h}^q
\;+\;[q=0](o_i + S_i\,\mathrm{pool}\,x^0)\;+\;[q=1]\,S_i\,\mathrm{pool}(x-x^0).$$
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.affine_path import affine_orders, usual_sequence
from carleman_ssm.operators.decoders import ChannelDecoders, FittedDecoders, chebyshev_moments
from carleman_ssm.operators.fourier import FourierKernel
from carleman_ssm.operators.lag_matrices import MAX_ENTRIES, second_order_arrays
from carleman_ssm.operators.one_layer import OneLayerForm


def orders(
    form: OneLayerForm,
    decoders: ChannelDecoders,
    centre: Floats,
    inputs: Floats,
    values: Floats,
    observed: Floats | None = None,
) -> Floats:
    r"""Contributions (Q + 1, batch, classes) to the logits; their sum over the first axis is the logits.

    For a polynomial activation entry q is the part of total degree q in the deviation from the centre, bias
    trajectory included. For a fitted decoder raw orders of one high-degree fit cancel and mislead; there entry p
    is what the fit of degree p adds to that of degree p − 1 (nested fits), and entry 0 is one constant per class: the
    residual path stands there at the mean of the observed sequences, and its deviation is of order 1 (`affine_path`).

    Q = P, the degree of the decoders; Q = 1 where constant decoders stand beside a residual path.

    Parameters
    ----------
    centre
        $x^0$ (L, d).
    inputs, values
        x (batch, L, d) and its pre-activations (batch, L, H).
    observed
        Sequences (n, L, d) whose mean is the usual one, for fitted decoders; `inputs` where None.

    Raises
    ------
    ValueError
        The sequences and the centre differ in length.
    """
    parts: Floats = channel_orders(form, decoders, centre, inputs, values) @ form.readout.value.T
    usual = centre if decoders.exact else usual_sequence(inputs if observed is None else observed, inputs.shape[1])
    parts[:2] += affine_orders(form, inputs, usual)[: len(parts)]  # one entry: there is no residual path
    return parts


def channel_orders(
    form: OneLayerForm, decoders: ChannelDecoders, centre: Floats, inputs: Floats, values: Floats
) -> Floats:
    """Pooled decoder outputs by order, (Q + 1, batch, H): what `orders` reads out."""
    if isinstance(decoders, FittedDecoders):
        parts = _by_degree_of_fit(form, decoders, values)
    else:
        parts = _by_total_degree(form, decoders, centre, inputs)
    if len(parts) > 1 or not form.skip.value.any():
        return parts
    return np.concatenate([parts, np.zeros_like(parts)])


def _by_total_degree(form: OneLayerForm, decoders: ChannelDecoders, centre: Floats, inputs: Floats) -> Floats:
    if inputs.shape[1] != len(centre):
        msg = (
            f"the centre has {len(centre)} steps, the sequences {inputs.shape[1]}: orders are counted about a "
            "centre of their own length"
        )
        raise ValueError(msg)
    response = form.response(inputs - centre)
    taylor = decoders.taylor(form.preactivations(centre[None])[0], decoders.degree)
    parts = np.empty((decoders.degree + 1, len(inputs), form.channels))
    power = np.ones_like(response)
    for order, coefficients in enumerate(taylor):
        parts[order] = form.pooled(coefficients * power)
        power *= response
    return parts


def _by_degree_of_fit(form: OneLayerForm, decoders: FittedDecoders, values: Floats) -> Floats:
    position = decoders.position(values if form.pool == "mean" else values[:, -1:])
    moments = chebyshev_moments(position, decoders.degree, 1)
    steps = np.diff(decoders.ladder, axis=0, prepend=0.0)
    parts: Floats = np.einsum("pjh,jbh->pbh", steps, moments, optimize=True)
    return parts


@dataclass(frozen=True, eq=False, repr=False)
class SecondOrderKernel(Brief):
    r"""The quadratic part of every logit, in factored form.

    $Q_i = \sum_{h,k} a_{ihk}\,\tau_{hk}\tau_{hk}^\top \otimes W_hW_h^\top$ with $(\tau_{hk})_s = K_{h,k-s}$, so that
    $\ell_i^{(2)} = \sum_{s,s',j,j'} Q_{i,sj,s'j'}\,\delta_{sj}\delta_{s'j'}$ for the deviation δ (L, d).
    Rank at most H per readout step.

    Parameters
    ----------
    weights
        $a$ (classes, H, L): readout × pooling × $p_h''(y^0_{k,h})/2$.
    kernel
        $K$ (H, L).
    drive_weight
        $W$ (H, d).
    """

    weights: Floats
    kernel: Floats
    drive_weight: Floats

    @property
    def length(self) -> int:
        """L."""
        return int(self.kernel.shape[1])

    def array(self, label: int) -> Floats:
        """$Q_i$ of one class as a symmetric array (L, d, L, d) over input steps and channels.

        Raises
        ------
        ValueError
            No such class, or more than 10⁸ entries: use `quadratic_form` on deviations instead.
        """
        features = self.drive_weight.shape[1]
        if not 0 <= label < len(self.weights):
            msg = f"class {label} does not exist: the network has classes 0 to {len(self.weights) - 1}"
            raise ValueError(msg)
        if (self.length * features) ** 2 > MAX_ENTRIES:
            msg = (
                f"the second-order kernel has {(self.length * features) ** 2:.3g} entries (at most {MAX_ENTRIES:.0e} "
                "are written out): use quadratic_form, which never expands it"
            )
            raise ValueError(msg)
        result: Floats = second_order_arrays(self.weights[label : label + 1], self.kernel, self.drive_weight)[0]
        return result

    def all_arrays(self) -> Floats:
        """`array` of all classes in one pass, (classes, L, d, L, d).

        Raises
        ------
        ValueError
            More than 10⁸ entries in all: use `array` class by class, or `quadratic_form`.
        """
        entries = len(self.weights) * (self.length * self.drive_weight.shape[1]) ** 2
        if entries > MAX_ENTRIES:
            msg = (
                f"the second-order kernels have {entries:.3g} entries in all (at most {MAX_ENTRIES:.0e} are written "
                "out): use array class by class, or quadratic_form, which never expands them"
            )
            raise ValueError(msg)
        return second_order_arrays(self.weights, self.kernel, self.drive_weight)

    def factors(self) -> tuple[Floats, Floats]:
        r"""For one readout time: $a_{ih}$ (classes, H) and $v_{h,sj} = K_{h,L-1-s}W_{hj}$ (H, L, d).

        Then $Q_i = \sum_h a_{ih}\,v_hv_h^\top$, of rank at most H: nothing of size L × L is needed.

        Raises
        ------
        ValueError
            The network is read at more steps than the last (mean pool): the rank is not bounded by H.
        """
        if self.weights[..., :-1].any():
            msg = (
                "the second-order kernel of a mean pool has no factors of rank H (one set per readout step): use "
                "quadratic_form, or array"
            )
            raise ValueError(msg)
        return self.weights[..., -1], self.kernel[:, ::-1, None] * self.drive_weight[:, None, :]

    def quadratic_form(self, deviation: Floats) -> Floats:
        """Second-order part (batch, classes) of deviations (batch, L, d), never expanding the kernel."""
        response = FourierKernel.of(self.kernel, self.length)(deviation @ self.drive_weight.T)
        result: Floats = np.einsum("ihk,bkh->bi", self.weights, response * response, optimize=True)
        return result


def first_order_kernel(form: OneLayerForm, decoders: ChannelDecoders, centre: Floats) -> Floats:
    r"""$\partial\ell_i/\partial x_{s,j}$ of the operator at its centre, (classes, L, d).

    $\sum_h R_{ih}\sum_k \mathrm{pool}_k\,p_h'(y^0_{k,h})\,K_{h,k-s}W_{hj} + S_{ij}\,\mathrm{pool}_s$ (THEORY T20).
    """
    length = len(centre)
    weights = _order_weights(form, decoders, centre, 1)
    lags = FourierKernel.of(form.kernel.value, length).adjoint(weights.transpose(0, 2, 1))
    kernel: Floats = lags @ form.drive_weight.value
    kernel += form.pool_weights(length)[None, :, None] * form.skip.value[:, None, :]
    return kernel


def second_order_kernel(form: OneLayerForm, decoders: ChannelDecoders, centre: Floats) -> SecondOrderKernel:
    """Half the Hessian of every logit at the centre, in factored form (THEORY T10, T20)."""
    kernel = form.kernel.value[:, : len(centre)]
    return SecondOrderKernel(_order_weights(form, decoders, centre, 2), kernel, form.drive_weight.value)


def _order_weights(form: OneLayerForm, decoders: ChannelDecoders, centre: Floats, order: int) -> Floats:
    """Readout × pooling × Taylor coefficient at the centre's pre-activations, (classes, H, L)."""
    drive = centre @ form.drive_weight.value.T + form.drive_bias.value[:, 0]
    trajectory = FourierKernel.of(form.kernel.value, len(centre))(drive)
    pooled: Floats = decoders.taylor(trajectory, order)[order].T * form.pool_weights(len(centre))
    return form.readout.value[:, :, None] * pooled[None]
