"""MathJax beside the pages, so that formulas are set without a network: from the package `sphinx-mathjax-offline`.

Only what pages load is copied: the bundle, TeX packages that it loads on demand, and fonts.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.util.fileutil import copy_asset

if TYPE_CHECKING:
    from sphinx.application import Sphinx

NEEDED = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts/woff-v2")


def mathjax_folder() -> Path:
    """Where MathJax is installed.

    Raises
    ------
    ModuleNotFoundError
        It is not.
    """
    found = find_spec("sphinx-mathjax-offline")
    if found is None or found.origin is None:
        msg = "the pages bring MathJax with them: install the extra 'docs'"
        raise ModuleNotFoundError(msg)
    return Path(found.origin).parent / "static" / "mathjax"


def copy(app: Sphinx, failure: Exception | None) -> None:
    """Into the static files of the site, after a build that succeeded."""
    if failure is None:
        for name in NEEDED:
            target = Path(app.outdir, "_static", "mathjax", name)
            source = mathjax_folder() / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_asset(source, target if source.is_dir() else target.parent)


def setup(app: Sphinx) -> dict[str, bool]:
    """The path is that of the copy; without a menu, whose reading aloud would need megabytes more."""
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    app.config.mathjax3_config = {"options": {"enableMenu": False}}
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
