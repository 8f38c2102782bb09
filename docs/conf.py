import re
from importlib.metadata import version as installed_version

project = "leadline"
author = "the leadline authors"
release = version = installed_version("leadline")

extensions = ["myst_parser", "sphinx.ext.apidoc", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "what-each-trick-buys/results.md"]
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]

unlisted = (
    "apps",
    "data/augment",
    "data/rendered",
    "data/stereo_",
    "data/torch_",
    "export",
    "models",
    "training",
)
# The reference is what a user of depth calls, and what someone who trains takes out one by one: operations, losses and
# data sets. The rest of the torch side is read in its sources.
apidoc_modules = [
    {
        "path": "../src/leadline",
        "destination": "api",
        "exclude_patterns": [f"**/{place}*" for place in unlisted],
        "separate_modules": True,
        "module_first": True,
        "no_headings": False,
    }
]
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Source", "notes_style")]

html_theme = "alabaster"
html_theme_options = {"description": "Learned depth that people can trust", "fixed_sidebar": True}


def escape_mathematics(_app, _what, _name, _obj, _options, lines):
    """In our docstrings | and * are mathematics, not markup; what stands between backquotes is left alone."""
    for index, line in enumerate(lines):
        pieces = line.split("`")
        pieces[::2] = [re.sub(r"([|*])", r"\\\1", piece) for piece in pieces[::2]]
        lines[index] = "`".join(pieces)


def setup(app):
    # Before napoleon (priority 500), which writes markup of its own.
    app.connect("autodoc-process-docstring", escape_mathematics, priority=400)
