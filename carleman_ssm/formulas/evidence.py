"""The words for what is known about a statement; they are never exchanged for one another."""

from __future__ import annotations

from enum import Enum


class Evidence(Enum):
    """What is known about a statement."""

    PROVED = "proved"
    CERTIFIED = "certified"
    SUPPORTED = "supported"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
