import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

project = "leadline"
author = "the leadline authors"
release = version = installed_version("leadline")

sys.path.insert(0, str(Path(__file__).parent))  # docs/mathml.py and docs/reference.py

extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "mathml",
    "reference",
]
exclude_patterns = ["_build", "ablation/results.md"]
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_block", "colon_fence", "dollarmath"]
html_math_renderer = "mathml"

# The reference holds every module but the command line's, whose reference is the commands' own help.
apidoc_modules = [
    {
        "path": "../src/leadline",
        "destination": "api",
        "exclude_patterns": ["**/apps*"],
        "separate_modules": True,
        "module_first": True,
        "no_headings": False,
    }
]
autodoc_default_options = {
    "members": True,
    "special-members": "__call__",
    "show-inheritance": True,
    "ignore-module-all": True,
}
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Source", "notes_style")]

html_theme = "alabaster"
html_theme_options = {
    "description": "Learned depth that people can trust",
    "fixed_sidebar": True,
    "page_width": "1100px",
    "body_max_width": "820px",
}
html_static_path = ["_static"]
html_css_files = ["leadline.css"]


def escape_mathematics(_app, _what, _name, _obj, _options, lines):
    """In our docstrings | and * are mathematics, not markup; what stands between backquotes is left alone."""
    for index, line in enumerate(lines):
        pieces = line.split("`")
        pieces[::2] = [re.sub(r"([|*])", r"\\\1", piece) for piece in pieces[::2]]
        lines[index] = "`".join(pieces)


def separate_sections(_app, _what, _name, _obj, _options, lines):
    """Our docstrings have no blank line between sections; docutils wants one after an indented line."""
    for index in range(len(lines) - 1, 0, -1):
        if lines[index] in ("Example:", "Examples:") and lines[index - 1]:
            lines.insert(index, "")


def setup(app):
    # Before napoleon (priority 500), which writes markup of its own.
    app.connect("autodoc-process-docstring", escape_mathematics, priority=400)
    app.connect("autodoc-process-docstring", separate_sections, priority=400)
