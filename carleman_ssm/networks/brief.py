"""Records of many numbers in one line: what a notebook shows of a network, a ring or an operator."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np

LONGEST = 40


class Brief:
    """A dataclass (with ``repr=False``) whose ``repr`` names arrays by their shape and other records by their kind.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, repr=False)
    ... class Wave(Brief):
    ...     name: str
    ...     heights: np.ndarray
    >>> Wave("flat", np.zeros((3, 20)))
    <Wave name='flat' heights=(3, 20)>
    """

    def __repr__(self) -> str:
        """One line; no text from which the record could be built again."""
        names: list[str] = [field.name for field in fields(self)] if is_dataclass(self) else []
        parts = (f"{name}={_brief(getattr(self, name))}" for name in names)
        return f"<{' '.join((type(self).__name__, *parts))}>"


def _brief(value: object) -> str:
    if isinstance(value, np.ndarray):
        return str(value.shape)
    if is_dataclass(value):
        return type(value).__name__
    if isinstance(value, tuple | list) and len(value) > 0:
        kinds = {_brief(item) if is_dataclass(item) else type(item).__name__ for item in value}
        return f"{len(value)}×{'/'.join(sorted(kinds))}"
    text = repr(value)
    return text if len(text) <= LONGEST and "\n" not in text else f"{type(value).__name__}"
