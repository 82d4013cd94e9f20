"""The conventions of one layer in words: what it chose, what was stated of it, and what was assumed."""

from __future__ import annotations

from collections.abc import Mapping

from carleman_ssm.families.conventions import convention
from carleman_ssm.families.family import Family
from carleman_ssm.families.layer_options import layer_convention, layer_options
from carleman_ssm.families.retnet import RetNet
from carleman_ssm.report.sections import Grid, Note, Pairs

IMAGINARY = {"+": "enters as stored", "-": "enters with the sign changed", "none": "none is stored"}
ROTARY = "none is stored: keys and queries turn with their position"
PAIRS = {
    "2 Re": "one of each pair stored, twice the real part is read",
    "1 Re": "the real part of the stored modes is read, once",
    "real": "no complex numbers are stored",
    "2 real": "real modes, read twice all the same",
}


def convention_rows(layer: Family) -> Mapping[str, str]:
    """The row of the table of conventions as this layer has it, in words."""
    row = layer_convention(layer)
    return {
        "dialect": row.dialect,
        "family": row.family,
        "source": row.source,
        "imaginary part": ROTARY if isinstance(layer, RetNet) else IMAGINARY[row.imaginary],
        "conjugate pairs": PAIRS[row.pairs],
        "activation": row.activation,
        "rule of the input": row.input_rule,
        "ε of its norm": f"{row.norm_eps:g}" if row.norm_eps else _outside(convention(row.dialect).norm_eps),
        "dense weights": row.dense_layout,
    }


def _outside(epsilon: float) -> str:
    return f"no norm inside; the reference's block around it has {epsilon:g}"


def convention_blocks(layer: Family, assumed: Mapping[str, object]) -> tuple[Pairs | Grid | Note, ...]:
    """The rows, and who says the options that the tensors leave open.

    Parameters
    ----------
    layer
        Of any dialect.
    assumed
        Those of its options that nobody stated (`families.importers.Checkpoint.assumed`).
    """
    rows = Pairs(convention_rows(layer))
    options = layer_options(layer)
    if not options:
        return rows, Note("The tensors say everything of this layer.")
    said = tuple(
        (name, option_words(value), "assumed" if name in assumed else "the configuration")
        for name, value in options.items()
    )
    grid = Grid(("option that no tensor says", "value", "said by"), said)
    return (rows, grid, Note(assumed_words(assumed))) if assumed else (rows, grid)


def assumed_words(assumed: Mapping[str, object]) -> str:
    """One sentence on what was assumed.

    Examples
    --------
    >>> assumed_words({"disc": "zoh", "l_max": None})[:36]
    'assumed: disc = zoh, l_max not set. '
    """
    said = (
        f"{name} {option_words(value)}" if value is None else f"{name} = {option_words(value)}"
        for name, value in assumed.items()
    )
    return (
        f"assumed: {', '.join(said)}. Neither the tensors nor the configuration of the file say it; these are the "
        "reference's defaults, and another value is another layer."
    )


def option_words(value: object) -> str:
    """As a configuration would write it, but for null.

    Examples
    --------
    >>> [option_words(value) for value in (True, None, 1e-5, [0.1, 2.0], "zoh")]
    ['true', 'not set', '1e-05', '0.1, 2', 'zoh']
    """
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(option_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
