"""Recipes: what is not understood is refused."""

from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.errors import InputError
from leadline.models.catalog import BUILDERS, DIFFUSION_BUILDERS, FLOW_BUILDERS, MONO_BUILDERS, REFINE_BUILDERS
from leadline.training.recipe import METHODS, load_recipe, make_recipe, recipe_names, recipe_type, resolved

MINIMAL = "model: leadline-fast\ndata: train\nvalidation: val\n"


@pytest.fixture
def recipe(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("name", recipe_names())
def test_bundled_recipes_load(name):
    known = {**BUILDERS, **REFINE_BUILDERS, **MONO_BUILDERS, **FLOW_BUILDERS, **DIFFUSION_BUILDERS}
    assert load_recipe(name).model in known


def test_values_are_read_and_overridden(recipe, tmp_path):
    path = recipe(MINIMAL + "scenes: [a, b]\nlearning_rate: 1\naugmentation: {crop: [64, 96], erase: 0}\n")
    read = load_recipe(path, {"steps": 7, "data": "other"})
    assert (read.data, read.scenes, read.steps) == ("other", ("a", "b"), 7)
    assert isinstance(read.learning_rate, float)
    assert read.augmentation.crop == (64, 96)
    again = tmp_path / "resolved.yaml"
    again.write_text(yaml.safe_dump(resolved(read)))
    assert load_recipe(again) == read


def test_an_unknown_method_is_refused(recipe):
    with pytest.raises(InputError, match="expected method to be one of stereo"):
        load_recipe(recipe(MINIMAL + "method: by-heart\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "step: 3\n", "unknown key 'step'"),
        (MINIMAL + "augmentation: {crops: [1, 2]}\n", "unknown key 'crops'"),
        (MINIMAL + "steps: many\n", "expected int"),
        (MINIMAL + "steps: true\n", "expected int"),
        (MINIMAL + "learning_rate: '1e-3'\n", "expected float"),
        (MINIMAL + "compile: 1\n", "expected bool"),
        (MINIMAL + "scenes: a\n", "scenes, got 'a'"),
        (MINIMAL + "augmentation: {crop: [64]}\n", "crop, got"),
        ("model: leadline-fast\n", "missing among data, validation"),
        (MINIMAL + "steps: 0\n", "steps of at least 1"),
        (MINIMAL + "workers: 1000000\n", "workers from 0 to 256"),
        (MINIMAL + "learning_rate: 0\n", "positive learning_rate"),
        ("- a\n", "keys and values, got list"),
        ("a: [\n", "recipe in YAML"),
    ],
)
def test_mistakes_are_refused_in_one_line(recipe, text, message):
    with pytest.raises(InputError, match="recipe") as refused:
        load_recipe(recipe(text))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_names_the_bundled_recipes():
    with pytest.raises(InputError, match="leadline-fast"):
        load_recipe("nowhere.yaml")


def test_a_folder_is_no_recipe(tmp_path):
    with pytest.raises(InputError, match="could not read"):
        load_recipe(tmp_path)


def test_options_of_the_network_and_the_precision_are_checked(recipe):
    read = load_recipe(recipe(MINIMAL + "model_options: {norm: batch, stages: 2}\nprecision: 32-true\n"))
    assert (read.model_options, read.precision) == ({"norm": "batch", "stages": 2}, "32-true")
    with pytest.raises(InputError, match=r"bf16-mixed or 32-true for .*: precision, got '16-mixed'"):
        load_recipe(recipe(MINIMAL + "precision: 16-mixed\n"))
    with pytest.raises(InputError, match=r"for .*: model_options: norm, got \[1\]"):
        load_recipe(recipe(MINIMAL + "model_options: {norm: [1]}\n"))


LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["2001-99-99", "1e-3", ".nan", "mypackage", "os:system", "a:b:c", ":", "leadline-fast", "l1", ""]),
)
ODD = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = sorted(
    {entry.name for method in METHODS for entry in fields(recipe_type(method))} | {"method", "nothing", "steps "}
)


@settings(max_examples=300)
@given(st.sampled_from(list(METHODS)), st.dictionaries(st.sampled_from(KEYS), ODD, max_size=4))
def test_odd_values_are_a_recipe_or_one_line(method: str, values):
    whole = {"method": method, "model": "leadline-fast", "data": "a", "validation": "b", **values}
    told = ""
    try:
        read = make_recipe(whole, "r.yaml")
    except InputError as refused:
        told = str(refused)
    if told:
        assert len(told.splitlines()) == 1
    else:
        assert make_recipe(resolved(read), "itself") == read


def test_a_recipe_of_version_0_1_is_read(recipe):
    read = load_recipe(recipe("learning: refine\nmodel: leadline-refine\ndata: a\nvalidation: b\nmatched: c\n"))
    assert (resolved(read)["method"], resolved(read)["prior_cache"]) == ("refine", "c")


def test_no_warm_up_starts_with_the_full_rate(recipe):
    read = load_recipe(recipe(MINIMAL + "warmup_steps: 0\n"))
    assert read.warmup_steps == 0
