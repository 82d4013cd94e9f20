"""What the parts of an operator are called: orders of the input, or degrees of its decoders.

Polynomial operators are split by total degree. Fits are split by their degree p, and p is an order of the input only in
one layer without gate and with affine norms: there order 1 is the waves and order 2 their pairs. Everywhere else the
words are of decoders, and waves are not named.
"""

from __future__ import annotations

from dataclasses import dataclass

from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.wiener import p_is_order
from carleman_ssm.report.kinds import is_polynomial, norm_name, stack_of

_TRAINED = "only networks trained without interactions can (carleman-ssm necessity)."


@dataclass(frozen=True)
class OrderWords:
    """Words of one kind of operator.

    Parameters
    ----------
    title, column
        Of the table of accuracies.
    meaning
        Sentences below it.
    entries
        What `accuracy_by_order` in ``report.json`` holds.
    parts, axis, kept
        In ``orders.png``: what a bar is of, and the names of two axes.
    first, both, second, without_second, without_first
        Deletions: parts 0 and 1 kept, 0 to 2, 0 and 2, all but 2, all but 1.
    ablation
        What deleting them is, and is not.
    taylor
        What the raw Taylor parts are beside them; nothing where they are these parts.
    caution
        What the figure has to say besides.
    """

    title: str
    column: str
    meaning: str
    entries: str
    parts: str
    axis: str
    kept: str
    first: str
    both: str
    second: str
    without_second: str
    without_first: str
    ablation: str
    taylor: str = ""
    caution: str = ""


def order_words(operator: NetworkOperator) -> OrderWords:
    """The words for an operator's parts."""
    if is_polynomial(operator):
        return _of_total_degree()
    stack, _ = stack_of(operator)
    return _of_waves() if p_is_order(stack) else _of_degrees(why_no_orders(operator))


def why_no_orders(operator: NetworkOperator) -> str:
    """Why a degree of the decoders is no order of the input, for an operator of which `p_is_order` is false."""
    stack, _ = stack_of(operator)
    layers, gated = len(stack.layers), any(layer.gated for layer in stack.layers)
    reasons = []
    if layers > 1 or gated:
        times = f"through {layers} layers" if layers > 1 else "in one layer"
        reached = "p + p²" if gated else "p"
        power = f"({reached})^{layers}" if gated and layers > 1 else f"{reached}^{layers}" if layers > 1 else reached
        reasons.append(f"{times} decoders{' with gates' if gated else ''} of degree p reach up to degree {power} of it")
    if not all(layer.is_polynomial for layer in stack.layers):
        reasons.append(f"{norm_name(operator)} is no polynomial of any degree")
    return f"A degree of the decoders is no order of the input: {', and '.join(reasons)}."


def _of_total_degree() -> OrderWords:
    return OrderWords(
        title="accuracy by order",
        column="order ≤",
        meaning="Order: total degree in the deviation of the input from the centre.",
        entries="entry p: total degree up to p in the deviation of the input from the centre, bias trajectory included",
        parts="order",
        axis="order p (total degree in the input)",
        kept="orders kept: ≤ p",
        **_WAVES,
    )


def _of_waves() -> OrderWords:
    return OrderWords(
        title="accuracy by orthogonalised order",
        column="order ≤",
        meaning="Order p is what fits of degree p to the decoders, least squares under the observed density (or "
        "truncated Chebyshev series), add to those of degree p − 1. Order 0 is one constant per class: constant "
        "decoders, and a residual path at the mean of the sequences, whose deviation is of order 1. The last row is "
        "the operator itself.",
        entries="entry p: the decoders are replaced by their nested least-squares (or truncated Chebyshev) fits of "
        "degree p; entry 0 is one constant per class, with a residual path at the mean of the sequences; the last "
        "entry is the operator itself (its orders are orthogonal under the density of pre-activations)",
        parts="degree of the orthogonalised fits",
        axis="order p (degree of the fits)",
        kept="orders kept: ≤ p",
        taylor="Raw orders are another split",
        **_WAVES,
    )


def _of_degrees(why: str) -> OrderWords:
    return OrderWords(
        title="accuracy by degree of the decoders",
        column="decoders of degree ≤",
        meaning="Row p has every decoder of every layer replaced by its fit of degree p, least squares under the "
        "observed density. Row 0 is one constant per class: constant decoders, on the mean of the sequences. The last "
        f"row is the operator itself. {why}",
        entries="entry p: decoders of degree ≤ p, the nested least-squares fits under the density of their arguments, "
        f"in every layer; entry 0 is one constant per class; the last entry is the operator itself. {why}",
        parts="degree of the decoders in all layers",
        axis="degree p of the decoders",
        kept="decoders of degree ≤ p",
        first="decoders of degree ≤ 1",
        both="decoders of degree ≤ 2",
        second="degree 2 alone (0, and what 2 adds)",
        without_second="without degree 2 (all but what it adds)",
        without_first="without degree 1 (all but what it adds)",
        ablation="An ablation: what degrees of this network's own decoders add to its logits is deleted and its "
        "readout is left as it is. That it breaks without one does not prove that the data need interactions; "
        f"{_TRAINED}",
        taylor="True orders of the input exist as well",
        caution=f" {why}",
    )


_WAVES = {
    "first": "waves only (orders 0, 1)",
    "both": "waves and pairs (orders 0 to 2)",
    "second": "pairs only (orders 0, 2)",
    "without_second": "without pairs (all but order 2)",
    "without_first": "without waves (all but order 1)",
    "ablation": "An ablation: orders of this network's own operator are deleted and its readout is left as it is. That "
    f"a network breaks without its pairs does not prove that the data need them; {_TRAINED}",
}
