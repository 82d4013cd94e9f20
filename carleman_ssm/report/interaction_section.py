"""The section on interactions: what is left without them, and why raw orders say little."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from carleman_ssm.report.directed import share_below
from carleman_ssm.report.explanation import Explanation, decision_spread
from carleman_ssm.report.mode_pair_section import WavePairs, pair_blocks
from carleman_ssm.report.order_words import order_words
from carleman_ssm.report.sections import Block, Grid, Note, Picture, Section

PICTURES = ("mode_pairs.png", "node_pairs.png")


def interaction_section(explanation: Explanation, pairs: WavePairs | None, pictures: Mapping[str, Picture]) -> Section:
    """What parts carry the decision of this network on these sequences."""
    rows = tuple(
        (name, share_below(right), share_below(same)) for name, (right, same) in explanation.accuracy_without.items()
    )
    header = ("parts kept", "accuracy", "same class as the operator")
    blocks: list[Block] = [Grid(header, rows), Note(order_words(explanation.operator).ablation)]
    if explanation.raw_orders is not None:
        blocks.append(Note(_raw_words(explanation)))
    blocks += pair_blocks(explanation, pairs)
    return Section("which interactions decide", (*blocks, *(pictures[name] for name in PICTURES if name in pictures)))


def _raw_words(explanation: Explanation) -> str:
    raw, used = explanation.raw_orders, explanation.logits[: explanation.raw_count]
    if raw is None:
        return ""
    largest = decision_spread(raw)
    whole = float(decision_spread(used[None])[0])
    order = int(np.argmax(largest[:-1]))
    cancel = "cancel one another and mislead" if largest.max() > whole else "cancel little here"
    return (
        f"{order_words(explanation.operator).taylor}: the Taylor parts of the operator about its centre (red in "
        f"orders.png, taylor_orders in report.json, carleman_ssm.jets). They {cancel}: "
        f"order {order} alone spreads over {largest[order]:.3g} logits where the logits "
        f"themselves spread over {whole:.3g}, and orders above {len(raw) - 2} leave {largest[-1]:.3g} (measured on "
        f"{explanation.raw_count} sequences)."
    )
