"""Runs the examples in README and in every module's docstrings."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import leadline

MODULES = [module.name for module in pkgutil.walk_packages(leadline.__path__, "leadline.")]
README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.mark.parametrize("name", ["leadline", *MODULES])
def test_docstring_examples(name):
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


def test_readme_examples():
    failed, tried = doctest.testfile(str(README), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert failed == 0
    assert tried > 0
