"""What `predict` found, as content of a file and as sections of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.predictions.expected_logits import ExpectedLogits, SimulatedLogits
from carleman_ssm.predictions.predict import Prediction
from carleman_ssm.report.directed import above
from carleman_ssm.report.family_requests import UNITS, FamilyRequest
from carleman_ssm.report.formula_document import WrittenFormula
from carleman_ssm.report.sections import Block, Grid, Note, Pairs, Picture, Section


@dataclass(frozen=True, eq=False)
class Sweep:
    """Logits over one parameter of the family.

    Parameters
    ----------
    name
        Which parameter.
    values
        Where, (n,).
    logits
        Predicted, (n, classes); NaN where an input leaves the certified interval.
    places, simulated
        Some of the indices, and the simulated logits there.
    """

    name: str
    values: Floats
    logits: Floats
    places: tuple[int, ...]
    simulated: Floats

    @property
    def axis(self) -> str:
        """Name and unit of the parameter."""
        return f"{self.name} [{UNITS[self.name]}]"

    @property
    def refused(self) -> int:
        """How many inputs of the sweep leave the certified interval."""
        return int(np.isnan(self.logits[:, 0]).sum())


@dataclass(frozen=True, eq=False)
class Predicted:
    """Everything that is said of one network under one family.

    Parameters
    ----------
    name
        How the network was asked for.
    request
        The family and its settings.
    length
        Steps L.
    class_names
        One for each class.
    found
        A prediction, expected logits, or (deep networks under noise) simulated means alone.
    sweep
        Logits over a parameter, or None for noise.
    notes
        What could not be said, and why.
    frequency
        Data of the frequency domain, by name; empty without.
    second
        Frequency of the second tone, or None.
    formula
        Of the predicted class's logit, or None.
    """

    name: str
    request: FamilyRequest
    length: int
    class_names: tuple[str, ...]
    found: Prediction | ExpectedLogits | SimulatedLogits
    sweep: Sweep | None
    notes: tuple[str, ...]
    frequency: Mapping[str, Any]
    second: float | None = None
    formula: WrittenFormula | None = None


def predicted_content(result: Predicted) -> dict[str, Any]:
    """The content of ``report.json``."""
    content: dict[str, Any] = {
        "model": result.name,
        "family": str(result.request.family),
        "settings": result.request.all_settings(),
        "set": sorted(result.request.settings),
        "second_frequency": result.second,
        "length": result.length,
        "classes": list(result.class_names),
        **_numbers(result.found),
        "formula": None if result.formula is None else result.formula.content(),
        "notes": list(result.notes),
    }
    if result.sweep is not None:
        sweep = result.sweep
        content["sweep"] = {
            "parameter": sweep.name,
            "unit": UNITS[sweep.name],
            "values": sweep.values.tolist(),
            "logits": [None if np.isnan(row).any() else row.tolist() for row in sweep.logits],
            "simulated_at": sweep.values[list(sweep.places)].tolist(),
            "simulated": sweep.simulated.tolist(),
        }
    if result.frequency:
        content["frequency_domain"] = dict(result.frequency)
    return content


def _numbers(found: Prediction | ExpectedLogits | SimulatedLogits) -> dict[str, Any]:
    if isinstance(found, ExpectedLogits):
        return found.table()
    if isinstance(found, SimulatedLogits):
        return {"simulation": {"mean": found.mean.tolist(), "standard_error": found.standard_error.tolist()}}
    return {
        "logits": found.logits.tolist(),
        "certified_error": found.certified_error.tolist(),
        "simulated": found.simulated.tolist(),
        "closed_form": found.closed_form,
        "class": found.winner,
        "class_certified": found.certified_class,
    }


def predicted_sections(result: Predicted, pictures: Sequence[Picture]) -> list[Section]:
    """What was asked, what the logits will be, and the pictures."""
    request = result.request
    settings = ", ".join(f"{name} = {value:.6g}" for name, value in request.all_settings().items())
    if result.second is not None:
        settings += f"; a second one of frequency {result.second:.6g}"
    asked = {"network": result.name, "input": f"{request.family}: {settings}", "steps": f"{result.length}"}
    formula = () if result.formula is None else (f"Formula: {result.formula.words}",)
    blocks: list[Block] = [_table(result), *(Note(text) for text in (_meaning(result), *formula, *result.notes))]
    drawn = [Section("pictures", tuple(pictures))] if pictures else []
    return [Section("asked", (Pairs(asked),)), Section("predicted", tuple(blocks)), *drawn]


def _table(result: Predicted) -> Grid:
    found, names = result.found, result.class_names
    header: tuple[str, ...]
    if isinstance(found, Prediction):
        header = ("class", "predicted", "certified error", "simulated")
        columns = (found.logits, found.certified_error, found.simulated)
        cells = [[f"{a:+.6g}", f"≤ {above(float(b))}", f"{c:+.6g}"] for a, b, c in zip(*columns, strict=True)]
    elif isinstance(found, SimulatedLogits):
        header = ("class", "simulated mean", "standard error")
        cells = [[f"{a:+.6g}", f"{b:.2g}"] for a, b in zip(found.mean, found.standard_error, strict=True)]
    else:
        header = ("class", "expected", "simulated mean", "standard error")
        beside = found.simulation
        mean, error = (np.full(len(names), np.nan),) * 2 if beside is None else (beside.mean, beside.standard_error)
        cells = [[f"{a:+.6g}", f"{b:+.6g}", f"{c:.2g}"] for a, b, c in zip(found.logits, mean, error, strict=True)]
    return Grid(header, tuple((name, *row) for name, row in zip(names, cells, strict=True)))


def _meaning(result: Predicted) -> str:
    found = result.found
    if isinstance(found, SimulatedLogits):
        return f"Measured alone: means of {found.count} simulated sequences."
    if isinstance(found, ExpectedLogits):
        return _expectation_words(found)
    if found.closed_form:
        route = "a closed form of the family's parameters: biases and transient included, no step simulated"
    else:
        route = "the operator of the whole network, applied to the float64 values of the input"
    return f"By {route}. {_certainty(result, found)} Largest |predicted − simulated| {found.difference:.2g} (measured)."


def _certainty(result: Predicted, found: Prediction) -> str:
    """What is proved, and of which input: a bound of an operator is about the numbers that it was given."""
    where = "the exact network" if found.closed_form else "the exact network on these float64 values"
    if len(result.class_names) == 1:
        return f"The error is certified for {where}."
    proof = "certified" if found.certified_class else "not certified"
    return f"The largest logit, {result.class_names[found.winner]}, is {proof} for {where}."


def _expectation_words(found: ExpectedLogits) -> str:
    words = f"Expected logits of the network's own activation ({found.method}); no interval is needed."
    if found.quadrature_error.any():
        words += f" Measured error of the quadrature: {found.quadrature_error.max():.2g}."
    if found.leaving is not None:
        low, high = found.leaving.at_least, found.leaving.at_most
        words += f" A sequence leaves the intervals of the fitted operator with probability {low:.3g} to {high:.3g}."
    if found.simulation is not None:
        words += f" Beside: means of {found.simulation.count} simulated sequences (measured)."
    return words
