"""How classes are called in pictures and words."""

from __future__ import annotations

from collections.abc import Sequence


def class_name(names: Sequence[str], label: int) -> str:
    """A class by the name that its sequences bring, else by its number; "class 1" where that is a number.

    Examples
    --------
    >>> class_name(("yes", "no"), 1), class_name(("0", "1"), 1), class_name((), 1)
    ('no', 'class 1', 'class 1')
    """
    name = names[label] if names else f"{label}"
    return f"class {name}" if name.isdecimal() else name
