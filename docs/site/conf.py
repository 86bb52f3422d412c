"""Settings of Sphinx for the site that ``make site`` builds; the pages are written by ``repro.site``."""

from __future__ import annotations

import re
from typing import Any

from repro import paths

project = "repro"
author = "the authors of repro"
copyright = "the authors of repro"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx.ext.apidoc"]
exclude_patterns = ["api/modules.rst"]
root_doc = "index"

apidoc_modules = [
    {
        "path": str(paths.ROOT / "repro"),
        "destination": "api",
        "separate_modules": False,
        "module_first": True,
        "include_private": False,
        "exclude_patterns": ["**/__main__.py"],
        "automodule_options": {"members", "show-inheritance"},
    }
]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_output_stderr = "remove"
suppress_warnings = ["mystnb.unknown_mime_type", "ref.python"]

viewcode_follow_imported_members = False  # its links back would lead to names that are not documented there

html_theme = "furo"
html_title = "repro: five papers on pose estimation"
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False


def as_text(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Keep bars and endings like ``left_`` in docstrings from being taken for markup."""
    for number, line in enumerate(lines):
        parts = re.split(r"(``.*?``)", line)
        parts[::2] = [re.sub(r"(?<=\w)_(?!\w)", r"\\_", part.replace("|", r"\|")) for part in parts[::2]]
        lines[number] = "".join(parts)


def setup(app: Any) -> None:
    """Connect the above."""
    app.connect("autodoc-process-docstring", as_text)
