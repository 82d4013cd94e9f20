r"""The pass back: what each local error contributes to each logit, or difference of logits, at most.

Forward, $\delta_{\rm out} = \text{local} + J\,\delta_{\rm in}$ holds exactly at every place, with J in an enclosure. So
$\delta\ell = \sum_{\rm places}\langle\lambda,\text{local}\rangle$ with the adjoint $\lambda$ of the composed maps, and
$|\delta\ell| \le \sum\langle|\lambda|,\text{local}\rangle$. As $|\lambda|$ is taken after the sums over channels, steps
and paths, this bound is as a rule far sharper than the one carried forward, which takes absolute values at every map.
The adjoint is computed in ball arithmetic: its middle is a gradient, its radius what the slopes leave open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.enclosures import Enclosed, Floats, outward
from carleman_ssm.operators.ball_arrays import convolution, matrix_product, mean, product, scaled, total
from carleman_ssm.operators.error_steps import GateStep, LayerSteps, NormStep
from carleman_ssm.operators.stack import StackLayer


@dataclass(frozen=True, eq=False)
class Contributions:
    """Parts of the bounds (batch, seeds) that start in one layer."""

    fit: Floats
    gate_fit: Floats
    rounding: Floats


def pulled_back(layer: StackLayer, steps: LayerSteps, after: Enclosed) -> tuple[Contributions, Enclosed]:
    """Contributions of one layer, and the adjoint of its source, from that of its result (batch, seeds, L, H)."""
    parts: dict[str, list[Floats]] = {"fit": [], "gate_fit": [], "rounding": []}
    summed = _norm_back(steps.after, after, parts)
    parts["rounding"].append(paired(summed, steps.summed_local))
    mapped = summed if steps.gate is None else _gate_back(steps.gate, summed, parts)
    activated = mapped
    if layer.output is not None and steps.mapped_local is not None:
        parts["rounding"].append(paired(mapped, steps.mapped_local))
        activated = matrix_product(mapped, layer.output.weight)
    parts["fit"].append(paired(activated, steps.decoder.fit))
    parts["rounding"].append(paired(activated, steps.decoder.rounding))
    reached = product(activated, _lifted(steps.decoder.slope))
    parts["rounding"].append(paired(reached, steps.preactivation_local))
    source = _norm_back(steps.before, convolution(layer.kernel, reached, backwards=True), parts)
    if layer.residual:
        source = total(source, summed)
    zero = np.zeros(after.value.shape[:2])
    return Contributions(*(outward(sum(parts[name], zero)) for name in ("fit", "gate_fit", "rounding"))), source


def paired(adjoint: Enclosed, local: Floats) -> Floats:
    r"""$\sum_{k,h}|\lambda_{k,h}|\,\text{local}_{k,h}$, (batch, seeds); local (batch, L, H) or (H,)."""
    size = adjoint.magnitude
    if local.ndim == 1:
        return outward(size.sum(axis=2) @ local)
    return outward(np.einsum("bskh,bkh->bs", size, np.broadcast_to(local, (size.shape[0], *size.shape[2:]))))


def _lifted(array: Enclosed) -> Enclosed:
    """With an axis for the seeds after the batch."""
    return Enclosed(array.value[:, None], array.error[:, None])


def _gate_back(gate: GateStep, branch: Enclosed, parts: dict[str, list[Floats]]) -> Enclosed:
    r"""Adjoint of (a, g) for $a\,s(g)$: $(\lambda s,\ \lambda\hat a s')$."""
    opened = product(branch, _lifted(gate.values))
    parts["gate_fit"].append(paired(opened, gate.decoder.fit))
    parts["rounding"].append(paired(opened, gate.decoder.rounding))
    value, argument = product(branch, _lifted(gate.opening)), product(opened, _lifted(gate.decoder.slope))
    return Enclosed(
        np.concatenate([value.value, argument.value], axis=-1), np.concatenate([value.error, argument.error], axis=-1)
    )


def _norm_back(step: NormStep | None, after: Enclosed, parts: dict[str, list[Floats]]) -> Enclosed:
    r"""$\lambda_j = q(\mu_j - \mathrm{mean}_h\mu_h - n_j\,\mathrm{mean}_h\mu_hn_h)$ with $\mu = w\lambda$.

    The mean Jacobian between two points is an average of Jacobians, each of this form with one q and n; the enclosure
    is convex and holds the average. RMSNorm has no second term.
    """
    if step is None:
        return after
    parts["rounding"].append(paired(after, step.local))
    weighted = product(after, step.norm.weight)
    if step.inverse is None or step.normalised is None:
        return weighted
    normalised = _lifted(step.normalised)
    along = product(normalised, mean(product(weighted, normalised)))
    inner = total(weighted, scaled(-1.0, along))
    if step.norm.kind == "layer":
        inner = total(inner, scaled(-1.0, mean(weighted)))
    return product(inner, _lifted(step.inverse))
