"""What `explain` says about the network and its operator, of one layer or of a stack."""

from __future__ import annotations

from typing import Any

import numpy as np

from carleman_ssm.networks.network import S4DLayer, StateSpaceNetwork
from carleman_ssm.operators.construction import CERTIFIED_SHARE
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.report.directed import above, below
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.kinds import as_stack, bound_sources, norm_name
from carleman_ssm.report.sections import Block, Grid, Note, Pairs

SHOWN_SOURCES = 4
SIZES = (
    "Size: degree of a polynomial, number of frequencies of a cosine form (phase products). Bases are the cheaper that "
    "reaches the tolerance, unless one was asked for; errors are certified sup-errors on each channel's interval."
)


def network_rows(explanation: Explanation, content: dict[str, Any]) -> dict[str, str]:
    """Layers, decoder and sequences in words."""
    network = explanation.operator.network
    config, first = network.config, network.layers[0]
    residual = "residual" if config.residual else "no residual"
    norm = {"none": "no norm"}.get(config.norm, f"norm {config.norm}{' (pre-norm)' if config.prenorm else ''}")
    labels = "" if explanation.labels is not None else ", no labels"
    steps = f"{content['n_sequences']} of {content['length']} steps × {network.features} channels"
    of_pairs = " (each with its conjugate)" if isinstance(first, S4DLayer) else ""
    count = f"{len(network.layers)} {first.kind} layer{'' if len(network.layers) == 1 else 's'}"
    return {
        "layers": f"{count}, {content['channels']} channels × {first.modes} stored modes{of_pairs}",
        "decoder": f"{config.activation}, output {_output(network)}, {norm}, {residual}, {config.pool} pool",
        "sequences": f"{steps}, {content['n_classes']} classes{labels}",
    }


def _output(network: StateSpaceNetwork) -> str:
    return f"glu ({network.config.gate} gate)" if network.config.output == "glu" else network.config.output


def operator_blocks(explanation: Explanation, content: dict[str, Any]) -> tuple[Block, ...]:
    """The operator's form, its decoders and the inputs that it holds for."""
    operator = explanation.operator
    origin = Pairs({"centre": f"{explanation.centre}: orders, kernels and contributions are counted from it"})
    if isinstance(operator, OneLayerOperator):
        return (Pairs({**_one_layer_rows(explanation, operator, content), **origin.rows}),)
    first, *rest = _stack_blocks(explanation, as_stack(operator))
    return (first, origin, *rest)


def _one_layer_rows(explanation: Explanation, operator: OneLayerOperator, content: dict[str, Any]) -> dict[str, str]:
    proof, sizes = operator.certificate, content["lifted_sizes"]
    observed = proof.domain == "sequences"
    rows = {"form": "ℓ = o + R·pool p(K ⋆ (W x + b)) + S·pool x"}
    inside = ""
    if operator.exact:
        rows["decoder p"] = f"exact, degree {operator.degree} (it is the network's own polynomial)"
    else:
        width, fit = proof.upper - proof.lower, operator.decoders.fit_error
        origin = "of these sequences, rounded outward" if observed else "of the input box"
        rows["decoder p"] = (
            f"{basis_words(operator)} fit per channel, degree {operator.degree}{how_chosen(explanation)}"
        )
        rows["intervals"] = (
            f"{origin}: from [{proof.lower.min():.3g}, …] to […, {proof.upper.max():.3g}], "
            f"widths {width.min():.3g} to {width.max():.3g}"
        )
        rows["certified fit error"] = f"{above(fit.min())} to {above(fit.max())} per channel (sup over its interval)"
        inside = ", pre-activations inside the intervals" if observed else ""
    rows["lifted size / channel"] = (
        f"{sizes['symmetric']:.4g} monomials (symmetric), {sizes['kronecker']:.4g} (Kronecker); "
        f"rank form: {sizes['rank_form']}"
    )
    rows["holds for"] = f"|x| ≤ {below(proof.input_bound, 4)}, at most {proof.length} steps{inside}"
    return rows


def basis_words(operator: OneLayerOperator) -> str:
    """How the basis of one layer's fits is called."""
    name = operator.bases[0].basis
    return {"chebyshev": "Chebyshev", "least_squares": "least-squares", "taylor": "Taylor"}.get(name, name)


def how_chosen(explanation: Explanation) -> str:
    """Whether the degree was looked for, and whether it reached its aim."""
    if not explanation.degree_was_chosen:
        return ""
    aim = f"{100 * CERTIFIED_SHARE:.0f} %"
    if explanation.degree_reached and not isinstance(explanation.operator, OneLayerOperator):
        return f": the coarsest tolerance tried that certifies the class of ≥ {aim} of the sequences"
    if explanation.degree_reached:
        return f": the smallest that certifies the class of ≥ {aim} of the sequences"
    return f": the finest tried; certified classes for {aim} of the sequences were NOT reached"


def _stack_blocks(explanation: Explanation, operator: StackOperator) -> tuple[Block, ...]:
    proof = operator.certificate
    place = (
        f"|x| ≤ {below(proof.input_bound, 4)}, at most {proof.length} steps"
        if proof.domain == "box"
        else "sequences whose values stay in the decoders' intervals; the bound is computed for each that is given"
    )
    rows = {"form": _layer_form(operator), "decoders": _decoders(explanation, operator), "holds for": place}
    blocks: list[Block] = [Pairs(rows), _decoder_grid(operator)]
    if not operator.exact:
        blocks.append(Note(SIZES))
    if any(not layer.is_polynomial for layer in operator.stack.layers):
        blocks.append(
            Note(
                f"{norm_name(operator)} divides by a standard deviation: kept exactly, as one algebraic "
                "number q per step with q² (v + ε) = 1."
            )
        )
    return tuple(blocks)


def _decoders(explanation: Explanation, operator: StackOperator) -> str:
    if not operator.exact:
        return f"fits per layer and channel{how_chosen(explanation)}"
    if operator.is_polynomial:
        return f"exact: the network is a polynomial of total degree {operator.total_degree} in the input"
    return "exact: the network's own polynomials"


def _layer_form(operator: StackOperator) -> str:
    """One layer of this network as a formula, and how often it is applied."""
    first, times = operator.stack.layers[0], len(operator.stack.layers)
    inner = f"p(K ⋆ {'x' if first.norm_before is None else 'N(x)'})"
    mapped = inner if first.output is None else f"W {inner} + w"
    branch = "a ⊙ s(g)" if first.gated else mapped
    summed = f"x + {branch}" if first.residual else branch
    whole = summed if first.norm_after is None else f"N({summed})"
    gated = f" with (a, g) = {mapped}" if first.gated else ""
    often = "once" if times == 1 else f"{times} times"
    pool = "mean" if operator.stack.pool == "mean" else "last"
    return f"x ← W x + b, then {often} x ← {whole}{gated}, ℓ = V {pool}(x) + o"


def _decoder_grid(operator: StackOperator) -> Grid:
    """One row per decoder: basis, size, interval widths and certified error over the channels."""
    rows = []
    for record in operator.bases:
        width, fit = record.upper - record.lower, record.fit_error
        span = "all numbers" if not np.isfinite(width).all() else f"{width.min():.3g} to {width.max():.3g}"
        exact = record.basis == "exact"
        error = "none" if exact else f"{above(float(fit.min()))} to {above(float(fit.max()))}"
        rows.append((f"{record.layer}", record.role, record.basis, f"{record.terms}", span, error))
    return Grid(("layer", "role", "basis", "size", "interval widths", "certified fit error"), tuple(rows))


def bound_blocks(explanation: Explanation) -> tuple[Block, ...]:
    """Where the certified bound starts, largest first."""
    largest = {place: float(share.max()) for place, share in bound_sources(explanation.operator).items()}
    ranked = sorted(largest, key=largest.__getitem__, reverse=True)[:SHOWN_SOURCES]
    rows = tuple((place, above(largest[place])) for place in ranked)
    return (Grid(("the bound starts at", "largest share over classes [logit]"), rows),)
