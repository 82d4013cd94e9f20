"""Optional packages: imported when they are needed, and named when they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, extra: str) -> ModuleType:
    """Import an optional module.

    Raises
    ------
    ImportError
        It is not installed; the message names the extra that brings it.

    Examples
    --------
    >>> require("no_such_module", "torch")
    Traceback (most recent call last):
    ...
    ImportError: no_such_module is not installed; it comes with the extra: pip install "carleman_ssm[torch]"
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        msg = f'{module} is not installed; it comes with the extra: pip install "carleman_ssm[{extra}]"'
        raise ImportError(msg) from error
