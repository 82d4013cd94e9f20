"""Which input family a user asks for: names, settings as NAME=VALUE, and the parameter that is swept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, pi
from types import MappingProxyType
from typing import Any

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.predictions.gaussian_process import GaussianProcess
from carleman_ssm.predictions.geometric_inputs import WHOLE, SimpleFamily, parameter_names
from carleman_ssm.predictions.input_families import Exponential, Impulse, Sinusoid, Step


class Family(StrEnum):
    """Families of inputs, as ``--family`` names them."""

    IMPULSE = "impulse"
    STEP = "step"
    EXPONENTIAL = "exponential"
    SINUSOID = "sinusoid"
    GAUSSIAN = "gaussian"


SIMPLE: MappingProxyType[Family, type[SimpleFamily]] = MappingProxyType(
    {Family.IMPULSE: Impulse, Family.STEP: Step, Family.EXPONENTIAL: Exponential, Family.SINUSOID: Sinusoid}
)
SWEPT = MappingProxyType(
    {Family.IMPULSE: "position", Family.STEP: "height", Family.EXPONENTIAL: "rate", Family.SINUSOID: "frequency"}
)
"""The parameter over which the logits are drawn."""
UNITS = MappingProxyType(
    {
        "height": "input",
        "amplitude": "input",
        "position": "step",
        "rate": "1/step",
        "frequency": "rad/step",
        "phase": "rad",
    }
)
GAUSSIAN_DEFAULTS = MappingProxyType({"mean": 0.0, "variance": 1.0, "correlation": 0.0})
"""White noise, or AR(1) with the given correlation of neighbouring steps, around a constant mean."""
POINTS = 241


@dataclass(frozen=True)
class FamilyRequest:
    """One family with the values that were set.

    Parameters
    ----------
    family
        Which one.
    settings
        Values by name; what is not set has the family's default.
    """

    family: Family
    settings: MappingProxyType[str, float]

    def member(self) -> SimpleFamily:
        """The input itself.

        Raises
        ------
        ValueError
            A value that the family refuses.
        """
        values: dict[str, Any] = self.whole()
        return SIMPLE[self.family](**values)

    def with_value(self, name: str, value: float) -> SimpleFamily:
        """The input with one parameter set to another value."""
        return FamilyRequest(self.family, MappingProxyType({**self.settings, name: float(value)})).member()

    def whole(self) -> dict[str, float | int]:
        """The settings, positions and channels as integers."""
        return {name: int(value) if name in WHOLE else value for name, value in self.settings.items()}

    def process(self, length: int, features: int) -> GaussianProcess:
        """The Gaussian process, the same in every channel.

        Raises
        ------
        ValueError
            A variance or correlation that no process has.
        """
        values = {**GAUSSIAN_DEFAULTS, **self.settings}
        return GaussianProcess.autoregressive(
            length, values["correlation"], variance=values["variance"], mean=values["mean"], features=features
        )

    def all_settings(self) -> dict[str, float | int]:
        """Every parameter: what was set, and the defaults of the others."""
        if self.family is Family.GAUSSIAN:
            return {**GAUSSIAN_DEFAULTS, **self.settings}
        member = self.member()
        return {name: getattr(member, name) for name in parameter_names(type(member))}

    def sweep(self, length: int, points: int = POINTS) -> Floats:
        """Values of the swept parameter: positions, frequencies up to π, rates from −1 to 0, heights both ways.

        The value that was set is always within their range.
        """
        if self.family is Family.IMPULSE:
            return np.unique(np.linspace(0, length - 1, min(length, points)).round())
        if self.family is Family.SINUSOID:
            low, high = 0.0, pi
        elif self.family is Family.EXPONENTIAL:
            low, high = -1.0, 0.0
        else:
            high = max(1.0, abs(self.member_value("height")))
            low = -high
        own = self.member_value(SWEPT[self.family])
        return np.linspace(min(low, own), max(high, own), points)

    def member_value(self, name: str) -> float:
        """The value of a parameter of the input, its default where it was not set."""
        return float(getattr(self.member(), name))


def family_request(family: Family, given: Sequence[str]) -> FamilyRequest:
    """Read settings of the form NAME=VALUE.

    Raises
    ------
    ValueError
        No such name in this family, a name set twice, no number, or not finite.
    """
    names = tuple(GAUSSIAN_DEFAULTS) if family is Family.GAUSSIAN else parameter_names(SIMPLE[family])
    settings: dict[str, float] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if name not in names or not sign:
            msg = f"--set {text}: give NAME=VALUE with a name of the family {family}: {', '.join(names)}"
            raise ValueError(msg)
        if name in settings:
            msg = f"--set {name} is given twice"
            raise ValueError(msg)
        settings[name] = _number(name, value)
    return FamilyRequest(family, MappingProxyType(settings))


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        msg = f"--set {name}={text}: {text!r} is no number"
        raise ValueError(msg) from error
    if not isfinite(value) or (name in WHOLE and (value != int(value) or value < 0)):
        what = "a whole number from 0" if name in WHOLE else "a finite number"
        msg = f"--set {name}={text}: {name} is {what}"
        raise ValueError(msg)
    return value
