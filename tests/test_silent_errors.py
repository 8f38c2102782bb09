"""Inputs in another unit, order, form or storage never give wrong numbers without a word: a quick part of the fuzz."""

import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
KINDS = ("calibrations", "points", "time-of-flight zones", "disparities", "images", "frames")


@pytest.fixture(scope="module")
def fuzz():
    if not BENCHMARKS.is_dir():
        pytest.skip("benchmarks/ is not part of an installed package")
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import silent_errors

        yield silent_errors
    finally:
        sys.path.remove(str(BENCHMARKS))
        sys.modules.pop("silent_errors", None)


def test_all_kinds_are_tried(fuzz):
    assert tuple(fuzz.KINDS) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_none_of_a_hundred_random_variants_is_silently_wrong(fuzz, kind):
    """And the usual ones are right: refusing everything would be no answer."""
    found = Counter(fuzz.outcome(kind, seed) for seed in range(100))
    assert found["WRONG"] == 0
    assert found["right"] >= (2 if kind == "time-of-flight zones" else 20)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, derandomize=True)
@given(seed=st.integers(10_000, 2**40))
def test_no_variant_is_silently_wrong(fuzz, kind, seed):
    assert fuzz.outcome(kind, seed) != "WRONG"
