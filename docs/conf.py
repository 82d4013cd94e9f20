"""The documentation site: ``sphinx-build -W -n -b html docs DIR`` (extra ``docs``); needs no network."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "carleman_ssm"
author = "The carleman_ssm developers"
project_copyright = author
version = release = installed_version("carleman_ssm")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "offline_mathjax",
    "myst_nb",
    "docstrings",
    "closed_forms",
    "pages",
    "reference",
]
exclude_patterns = ["_build", "_ext", "**.ipynb_checkpoints"]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
suppress_warnings: list[str] = []  # nothing: a warning is an error

nb_execution_mode = "off"  # stored outputs are shown; the tests run the notebooks and compare
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence", "attrs_block"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {
    name: name for name in ("ArrayLike", "Floats", "Complexes", "Flags", "Labels", "Indices", "Tokens")
}
autodoc_class_signature = "mixed"
autodoc_inherit_docstrings = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 96
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
add_module_names = False
toc_object_entries_show_parents = "hide"

highlight_language = "none"  # blocks that name no language are commands

html_theme = "furo"
html_title = "carleman_ssm"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
