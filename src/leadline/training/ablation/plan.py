"""Plans: a base recipe and named changes of it, each a single one, grouped by theme."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from leadline.errors import InputError
from leadline.training.recipe import make_recipe, read_yaml, resolved
from leadline.training.stereo.recipe import StereoRecipe
from leadline.training.stereo.self_supervised import SelfSupervisedRecipe

PlanRecipe: TypeAlias = StereoRecipe | SelfSupervisedRecipe
"""Methods that need nothing but a folder of pairs, so that they can be compared."""

BASE_NAME: Final = "base"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]*")
_KEYS: Final = {"title", "recipe", "themes"}
_METHOD: Final = "method"


@dataclass(frozen=True)
class Entry:
    """One recipe of a plan.

    Args:
        name: Names its folder.
        theme: Its group; empty for the base.
        change: What differs from the base, in words of the recipe.
        recipe: All of it.
    """

    name: str
    theme: str
    change: str
    recipe: PlanRecipe


@dataclass(frozen=True)
class Plan:
    """A base and its changes.

    Args:
        title: Stands above the results.
        base: What all others differ from by one key.
        entries: The others, theme by theme.
    """

    title: str
    base: Entry
    entries: tuple[Entry, ...]

    def only(self, names: Sequence[str]) -> "Plan":
        """The plan with some of its entries.

        Raises:
            InputError: If it has no entry of such a name.
        """
        known = [entry.name for entry in self.entries]
        if unknown := [name for name in names if name not in known]:
            raise InputError(f"expected entries among {', '.join(known)}, got {unknown[0]!r}")
        return Plan(self.title, self.base, tuple(entry for entry in self.entries if entry.name in names))


def load_plan(plan: str | Path, overrides: Mapping[str, object] | None = None) -> Plan:
    """Read a plan and check that each entry is a recipe, differs from the base by one key, and has as many samples.

    Args:
        plan: Name of a bundled plan or path of a YAML file: `title`, `recipe` (keys of a supervised stereo recipe)
            and `themes`, theme -> entry's name -> the key that it changes, whose mapping is merged with the base's.
            With `method` may come what that method needs otherwise.
        overrides: Values that replace those of the base, such as the folders of data.
    Raises:
        InputError: If it is not such a file.
    """
    where = str(plan)
    values = read_yaml(plan, "plan")
    if set(values) != _KEYS:
        raise InputError(f"expected the keys {', '.join(sorted(_KEYS))} in {where}, got {', '.join(map(str, values))}")
    if not isinstance(values["recipe"], dict) or not isinstance(values["themes"], dict):
        raise InputError(f"expected recipe and themes of {where} to be keys and values; see the plan toy")
    recipe = _comparable({**values["recipe"], **(overrides or {})}, where)
    base = Entry(BASE_NAME, "", "", recipe)
    entries: list[Entry] = []
    for theme, changes in values["themes"].items():
        if not isinstance(changes, dict):
            raise InputError(f"expected entries by name in the theme {theme} of {where}, got {changes!r}")
        entries += [_entry(str(name), str(theme), change, recipe, where) for name, change in changes.items()]
    names = [entry.name for entry in entries]
    if twice := [name for name in names if names.count(name) > 1 or name == BASE_NAME]:
        raise InputError(f"expected every entry of {where} to have a name of its own, got {twice[0]!r} twice")
    return Plan(str(values["title"]), base, tuple(entries))


def _entry(name: str, theme: str, change: object, base: PlanRecipe, where: str) -> Entry:
    where = f"{where}, entry {name}"
    if not _NAME.fullmatch(name):
        raise InputError(f"expected small letters, digits, dots and hyphens as a name, got {name!r} in {where}")
    changes, values = cast(dict[str, Any], change) if isinstance(change, dict) else {}, resolved(base)
    kind = SelfSupervisedRecipe if changes.get(_METHOD, values[_METHOD]) == "self-supervised" else StereoRecipe
    if len(changes) != 1 and (not changes or type(base) is kind):
        raise InputError(f"expected one changed key, so that its effect is seen, got {change!r} in {where}")
    if type(base) is not kind:
        known = {_METHOD, *(field.name for field in fields(kind))}
        values = {key: value for key, value in values.items() if key in known}
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(values.get(key), Mapping)
        values[key] = {**values[key], **value} if both else value
    recipe = _comparable(values, where)
    if recipe.steps * recipe.batch_size != base.steps * base.batch_size:
        raise InputError(f"expected as many samples as the base's, got {recipe.steps} x {recipe.batch_size} in {where}")
    return Entry(name, theme, ", ".join(_words(key, value) for key, value in changes.items()), recipe)


def _comparable(values: Mapping[str, object], where: str) -> PlanRecipe:
    recipe = make_recipe(values, where)
    if not isinstance(recipe, PlanRecipe):
        raise InputError(
            f"expected the method of a plan to be stereo or self-supervised, got {values[_METHOD]} in {where}"
        )
    return recipe


def _words(key: str, value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(_words(str(part), inner) for part, inner in cast(dict[str, Any], value).items())
    return f"{key} {value}"
