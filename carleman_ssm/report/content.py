"""The content of ``report.json``."""

from __future__ import annotations

from typing import Any

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.report.explanation import Explanation, accuracy, decision_spread
from carleman_ssm.report.kinds import as_stack, bound_sources
from carleman_ssm.report.order_words import order_words

TAYLOR_MEANING = (
    "true orders of the input: Taylor parts of the operator about its centre, order 0 first; spread over classes in "
    "logits, and that of what they leave; they cancel one another where they spread wider than the logits"
)


def report_content(explanation: Explanation) -> dict[str, Any]:
    """Numbers and names that JSON holds, for an operator of any kind."""
    operator = explanation.operator
    gaps = [explanation.logits - other for other in (explanation.polynomial_simulation, explanation.simulation)]
    return {
        "network": explanation.name,
        "n_sequences": len(explanation.sequences),
        "length": int(explanation.sequences.shape[1]),
        "n_classes": operator.network.classes,
        "channels": operator.network.channels,
        "n_layers": len(operator.network.layers),
        "degree": operator.degree,
        "centre": explanation.centre,
        "decoder": "exact polynomial" if operator.exact else "fit with certified error",
        **(_one_layer(operator) if isinstance(operator, OneLayerOperator) else _stack(as_stack(operator))),
        "max_abs_error_vs_polynomial_simulation": float(np.abs(gaps[0]).max()),
        "max_abs_error_vs_simulation": float(np.abs(gaps[1]).max()),
        "certified_error": _finite(operator.certified_error),
        "bound_starts_at": {place: _finite(share) for place, share in bound_sources(operator).items()},
        "certified_same_class": explanation.certified_same_class,
        "certified_share_reached": explanation.degree_reached,
        "agreement": explanation.agreement,
        "accuracy_simulation": accuracy(explanation.simulation, explanation.labels),
        "accuracy_operator": accuracy(explanation.logits, explanation.labels),
        "accuracy_by_order": explanation.accuracy_by_order,
        "accuracy_by_order_refit": explanation.accuracy_by_order_refit,
        "accuracy_without": {
            name: {"accuracy": right, "same_class_as_operator": same}
            for name, (right, same) in explanation.accuracy_without.items()
        },
        "order_means": order_words(operator).entries,
        **_taylor_orders(explanation),
        "logits": explanation.logits.tolist(),
    }


def _taylor_orders(explanation: Explanation) -> dict[str, Any]:
    """True orders of an operator that is no polynomial; those of a polynomial are its parts already."""
    if explanation.raw_orders is None:
        return {}
    spread = _finite(decision_spread(explanation.raw_orders))
    count = explanation.raw_count
    return {"taylor_orders": {"means": TAYLOR_MEANING, "n_sequences": count, "spread": spread[:-1], "rest": spread[-1]}}


def _one_layer(operator: OneLayerOperator) -> dict[str, Any]:
    certificate = operator.certificate
    return {
        "domain": {
            "kind": certificate.domain,
            "input_bound": certificate.input_bound,
            "length": certificate.length,
            "lower": _finite(certificate.lower),
            "upper": _finite(certificate.upper),
        },
        "fit_error_per_channel": operator.decoders.fit_error.tolist(),
        "lifted_sizes": operator.lifted_sizes,
    }


def _stack(operator: StackOperator) -> dict[str, Any]:
    certificate = operator.certificate
    return {
        "domain": {
            "kind": certificate.domain,
            "input_bound": certificate.input_bound,
            "length": certificate.length,
        },
        "decoders": [
            {
                "layer": record.layer,
                "role": record.role,
                "basis": record.basis,
                "size": record.terms,
                "lower": _finite(record.lower),
                "upper": _finite(record.upper),
                "fit_error_per_channel": record.fit_error.tolist(),
            }
            for record in operator.bases
        ],
        "bound_mostly_from": certificate.dominant,
    }


def _finite(values: Floats) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]
