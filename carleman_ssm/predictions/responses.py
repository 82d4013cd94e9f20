r"""Pre-activations of a trained layer under geometric inputs, in closed form, from rest, after every step.

A channel with the kernel $K_m = \mathrm{Re}\sum_n w_n\lambda_n^m + D\delta_{m0}$ (THEORY T10) answers
$x_k = \mathrm{Re}(A\rho^{k-p})$, $k \ge p$, with $\mathrm{Re}(A\,G_{k-p}(\rho))$,

$$G_n(\rho) = \sum_{m=0}^nK_m\rho^{n-m} = D\rho^n + \tfrac12\sum_j\bigl(w_j\,\Gamma_n(\lambda_j,\rho)
+ \bar w_j\,\Gamma_n(\bar\lambda_j,\rho)\bigr),\qquad
\Gamma_n(\lambda,\rho) = \frac{\rho^{n+1} - \lambda^{n+1}}{\rho - \lambda}$$

(`finite_responses` proves it). Here it is the sum over the kernel, all steps at once, by doubling and without a
division, so that resonance, $\rho = \lambda$, is no special case; `formulas` prints the sum over modes. The bias of
the drive is a step input, so that

$$y_{k,h} = b_hG_{k,h}(1) + \sum_tW_{hj_t}\,\mathrm{Re}\bigl(A_tG_{k-p_t,h}(\rho_t)\bigr).$$
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.certificate import bias_trajectory
from carleman_ssm.operators.one_layer import OneLayerForm
from carleman_ssm.predictions.geometric_inputs import Complexes, GeometricTerm, Lags


@dataclass(frozen=True, eq=False, repr=False)
class TermArrays(Brief):
    r"""Many inputs $\mathrm{Re}(A\rho^{k-p})$ in one input channel j, one a row.

    Parameters
    ----------
    amplitude, ratio
        A and ρ, (inputs,) complex.
    position
        p, (inputs,) integers.
    channel
        j.
    """

    amplitude: Complexes
    ratio: Complexes
    position: Lags
    channel: int

    @classmethod
    def of(cls, term: GeometricTerm) -> TermArrays:
        """One input."""
        return cls(np.array([term.amplitude]), np.array([term.ratio]), np.array([term.position]), term.channel)


def responses_by_kernel(kernel: Floats, ratios: Complexes) -> Complexes:
    r"""$G_n(\rho) = \sum_{m\le n}K_m\rho^{n-m}$ for n = 0 … L − 1, (ratios, L, H), of a kernel (H, L).

    Doubling: a sum over s lags becomes one over 2s by $G^{(2s)}_n = G^{(s)}_n + \rho^sG^{(s)}_{n-s}$; $\log_2L$ passes,
    no division.
    """
    length = kernel.shape[1]
    summed = np.repeat(kernel.T[None].astype(np.complex128), len(ratios), axis=0)
    power, lags = ratios[:, None, None], 1
    while lags < length:
        summed[:, lags:] += power * summed[:, :-lags]
        lags *= 2
        power = power * power if lags < length else power
    return summed


def preactivations(form: OneLayerForm, terms: Sequence[TermArrays], length: int) -> Floats:
    """$y_{k,h}$ of the module's formula, (inputs, length, H): bias, transient and steady part.

    Parameters
    ----------
    form
        The layer with its affine surroundings.
    terms
        What is added up; each has the same number of inputs.
    length
        Number of steps, at most those that the form serves.
    """
    found = np.broadcast_to(bias_trajectory(form).value[:length], (len(terms[0].ratio), length, form.channels)).copy()
    for term in terms:
        ratios, which = np.unique(term.ratio, return_inverse=True)
        table = responses_by_kernel(form.kernel.value[:, : length - int(term.position.min())], ratios)
        response = _since(table, which, term.position, length)
        found += (term.amplitude[:, None, None] * response).real * form.drive_weight.value[:, term.channel]
    return found


def _since(table: Complexes, which: Lags, position: Lags, length: int) -> Complexes:
    """Rows of a table (ratios, ages, H), each delayed by its position and 0 before it: (inputs, length, H)."""
    ages = np.arange(length) - position[:, None]
    rows: Complexes = table[which[:, None], np.maximum(ages, 0)]
    rows[ages < 0] = 0.0
    return rows
