"""Runs the examples in README and in every module's docstrings."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import leadline

MODULES = [module.name for module in pkgutil.walk_packages(leadline.__path__, "leadline.")]
SHOWN = ("lazy", "loading", "maps", "predict", "runtime", "tasks")
"""Rooms whose every module shows how it is used."""
NOTHING_TO_SHOW = {"leadline.runtime"}
"""Modules in them that only offer the names of others."""
README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.mark.parametrize("name", ["leadline", *MODULES])
def test_docstring_examples(name):
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0
    room = [*name.split("."), ""][1]
    assert tried > 0 or room not in SHOWN or name in NOTHING_TO_SHOW


def test_readme_examples():
    failed, tried = doctest.testfile(str(README), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert failed == 0
    assert tried > 0
