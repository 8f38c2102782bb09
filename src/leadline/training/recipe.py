"""Recipes: everything that decides what a training run learns, as one YAML file."""

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from leadline.data.catalog import DatasetSpec
from leadline.errors import InputError
from leadline.io.files import read_bytes
from leadline.io.yaml_text import MOST_BYTES, parse_yaml
from leadline.models.checkpoint import RENAMED_KEYS
from leadline.models.places import imported


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Options of every method.

    Args:
        model: Name of the network.
        data: Folder or address of training shards, as `leadline render` writes them; or a data set with its root and
            options: {dataset: sceneflow, root: FOLDER, split: TEST}; `leadline data list` names them.
        validation: What to validate on, in the same form.
        validation_pairs: How many of the validation shards' samples are used.
        seed: Seeds the weights, the order of the data and the augmentation.
        steps: Optimiser steps in all.
        batch_size: Samples a step, of all processes together.
        learning_rate: Reached after the warm-up, held, and lowered to zero over the last steps.
        warmup_steps: Steps from zero to the full learning rate; 0 starts with the full one.
        decay_steps: Steps from the full learning rate to zero at the end.
        weight_decay: Of AdamW.
        ema_decay: Of the moving average of weights that is validated and exported.
        epoch_steps: Steps between two checkpoints.
        validate_epochs: Epochs between two validations.
        compile: Fuse the network's operators with torch.compile; needs a C++ compiler.
        workers: Processes that load and augment; 0 does it in the training process.
        precision: bf16-mixed, or 32-true where that is too coarse or too slow.
    """

    model: str
    data: str | DatasetSpec
    validation: str | DatasetSpec
    validation_pairs: int = 60
    seed: int = 1
    steps: int = 20000
    batch_size: int = 8
    learning_rate: float = 1e-3
    warmup_steps: int = 300
    decay_steps: int = 3000
    weight_decay: float = 1e-4
    ema_decay: float = 0.998
    epoch_steps: int = 250
    validate_epochs: int = 4
    compile: bool = True
    workers: int = 1
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed"

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        for name in ("steps", "batch_size", "epoch_steps", "validate_epochs", "decay_steps"):
            require_range(self, name, least=1)
        for name in ("warmup_steps", "validation_pairs", "weight_decay"):
            require_range(self, name, least=0)
        require_range(self, "workers", least=0, most=_MOST_WORKERS)
        require_range(self, "seed", least=0, most=_LARGEST_SEED)
        require_range(self, "ema_decay", least=0, most=1)
        if not 0.0 < self.learning_rate < math.inf:
            raise InputError(f"expected a positive learning_rate in the recipe, got {self.learning_rate}")


@dataclass(frozen=True, kw_only=True)
class NetworkRecipe(Recipe):
    """Options of every method that trains a network of leadline or one of the user's own.

    Args:
        model: Name in the catalog, or `mypackage.module:MyNet`, a torch module that can be imported.
        scenes: Folders of real scenes with truth to validate on as well; an absent one is skipped with a note.
        model_options: Arguments of the network's class that differ from its defaults.
    """

    scenes: tuple[str, ...] = ()
    model_options: Mapping[str, bool | int | float | str] = field(default_factory=dict[str, bool | int | float | str])


@dataclass(frozen=True, kw_only=True)
class DataShare:
    """A folder of samples among others.

    Args:
        data: The folder, or a data set as for a recipe's `data`.
        weight: How often a sample is drawn from it, relative to the recipe's `data`, whose weight is 1.
    """

    data: str | DatasetSpec
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuses what cannot be drawn."""
        if not 0.0 < self.weight < math.inf:
            place = _one_line(self.data)
            raise InputError(f"expected a positive weight of {place} in the recipe's mix, got {self.weight}")


def require_range(recipe: object, name: str, *, least: int | float = -math.inf, most: int | float = math.inf) -> None:
    """Refuses a recipe's number outside its range; infinity and NaN always.

    Args:
        recipe: The recipe, or a part of one.
        name: Name of the number.
        least: Smallest value that is allowed.
        most: Largest value that is allowed.
    Raises:
        InputError: If it is outside.
    """
    value = getattr(recipe, name)
    if math.isfinite(value) and least <= value <= most:
        return
    wanted = f"of at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
    raise InputError(f"expected {name} {wanted} in the recipe, got {value}")


def require_crop(crop: tuple[int, int], stride: int) -> None:
    """Refuses crops that a network cannot take.

    Args:
        crop: Height and width in the recipe.
        stride: What both must be multiples of.
    Raises:
        InputError: If one is not.
    """
    if any(side % stride or side < stride for side in crop):
        raise InputError(f"expected a crop of multiples of {stride} in the recipe, got {crop}")


#: Method, the recipe's key `method` -> its recipe and its learner, imported only when they are asked for.
METHODS: Mapping[str, tuple[str, str]] = {
    "stereo": ("leadline.training.stereo.recipe:StereoRecipe", "leadline.training.stereo.supervised:SupervisedStereo"),
    "self-supervised": (
        "leadline.training.stereo.self_supervised:SelfSupervisedRecipe",
        "leadline.training.stereo.self_supervised:SelfSupervisedStereo",
    ),
    "semi-supervised": (
        "leadline.training.stereo.semi_supervised:SemiSupervisedRecipe",
        "leadline.training.stereo.semi_supervised:SemiSupervisedStereo",
    ),
    "distillation": (
        "leadline.training.stereo.distillation:DistillationRecipe",
        "leadline.training.stereo.distillation:DistilledStereo",
    ),
    "refine": ("leadline.training.stereo.refine:RefineRecipe", "leadline.training.stereo.refine:RefinedStereo"),
    "mono": ("leadline.training.mono.supervised:MonoRecipe", "leadline.training.mono.supervised:SupervisedMono"),
    "mixed-mono": ("leadline.training.mono.mixed:MixedMonoRecipe", "leadline.training.mono.mixed:MixedMono"),
    "metric-mono": ("leadline.training.mono.metric:MetricMonoRecipe", "leadline.training.mono.metric:MetricMono"),
    "monodepth": ("leadline.training.mono.monodepth:MonoDepthRecipe", "leadline.training.mono.monodepth:LeftRightMono"),
    "sfmlearner": (
        "leadline.training.video.sfmlearner:SfmLearnerRecipe",
        "leadline.training.video.sfmlearner:SfmLearner",
    ),
    "monodepth2": (
        "leadline.training.video.monodepth2:Monodepth2Recipe",
        "leadline.training.video.monodepth2:Monodepth2",
    ),
    "geonet": ("leadline.training.video.geonet:GeoNetRecipe", "leadline.training.video.geonet:GeoNet"),
    "df-net": ("leadline.training.video.df_net:DfNetRecipe", "leadline.training.video.df_net:DfNet"),
    "competitive-collaboration": (
        "leadline.training.video.competitive_collaboration:CompetitiveCollaborationRecipe",
        "leadline.training.video.competitive_collaboration:CompetitiveCollaboration",
    ),
    "loop-net": ("leadline.training.video.loop_net:LoopNetRecipe", "leadline.training.video.loop_net:LoopNet"),
    "diffusion": (
        "leadline.training.mono.diffusion:DiffusionRecipe",
        "leadline.training.mono.diffusion:DiffusionLearner",
    ),
    "flow": ("leadline.training.flow.recipe:FlowRecipe", "leadline.training.flow.supervised:SupervisedFlow"),
    "self-supervised-flow": (
        "leadline.training.flow.self_supervised:SelfSupervisedFlowRecipe",
        "leadline.training.flow.self_supervised:SelfSupervisedFlow",
    ),
    "intrinsic-lora": (
        "leadline.training.mono.intrinsic_lora:IntrinsicLoraRecipe",
        "leadline.training.mono.intrinsic_lora:IntrinsicLoraLearner",
    ),
    "classes": (
        "leadline.training.classes.generator:ClassRecipe",
        "leadline.training.classes.generator:ClassGenerator",
    ),
    "finetune": (
        "leadline.training.finetune.learner:FinetuneRecipe",
        "leadline.training.finetune.learner:FinetunedZoo",
    ),
}
_DEFAULT_METHOD = "stereo"
_LARGEST = 10**300
"""Whole numbers beyond it have no float."""
_LARGEST_SEED = 2**32 - 1
_MOST_WORKERS = 256
"""Largest seed that numpy takes."""
_FOLDERS = {"recipe": "leadline.training.recipes", "plan": "leadline.training.ablation.plans"}


def recipe_names() -> list[str]:
    """Names of the recipes that leadline brings."""
    return _bundled_names("recipe")


def load_recipe(recipe: str | Path, overrides: Mapping[str, object] | None = None) -> Recipe:
    """Read a recipe, check every key and type, and apply overrides.

    Its key `method` names one of `METHODS`, supervised stereo if absent, and so which other keys there are.

    Args:
        recipe: Name of a bundled recipe or path of a YAML file.
        overrides: Values that replace the file's.
    Raises:
        InputError: If the file is missing or not YAML, or a key is unknown, missing or of the wrong type.
    """
    return make_recipe({**read_yaml(recipe, "recipe"), **(overrides or {})}, str(recipe))


def with_fresh_worlds(recipe: Recipe) -> Recipe:
    """The recipe, learning from worlds that are rendered while it trains, the usual ones of its task.

    Raises:
        InputError: If its method cannot learn from them.
    """
    if "fresh" not in {entry.name for entry in fields(recipe)}:
        able = ", ".join(name for name in METHODS if any(one.name == "fresh" for one in fields(recipe_type(name))))
        raise InputError(f"expected a method that learns from fresh worlds ({able}), got {method_of(recipe)}")
    return make_recipe({**resolved(recipe), "fresh": {}}, "the recipe")


def make_recipe(values: Mapping[str, object], where: str) -> Recipe:
    """A recipe of keys and values, every one of them checked.

    Args:
        values: As in a recipe's file.
        where: What they came from, for messages.
    Raises:
        InputError: If a key is unknown, missing or of the wrong type.
    """
    values = {RENAMED_KEYS.get(str(key), str(key)): value for key, value in values.items()}
    method = values.pop("method", _DEFAULT_METHOD)
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"expected method to be one of {', '.join(METHODS)} in {where}, got {method!r}")
    return _build(recipe_type(method), values, where)


def recipe_type(method: str) -> type[Recipe]:
    """The class of a method's recipes."""
    return imported(METHODS[method][0], "a recipe")


def read_yaml(place: str | Path, kind: Literal["recipe", "plan"]) -> dict[str, Any]:
    """The keys and values of a YAML file.

    Args:
        place: Path of the file, or name of one that leadline brings.
        kind: Which of those are meant.
    Raises:
        InputError: If there is no such file, or it holds something else.
    """
    path = Path(place)
    if _exists(path) and not path.is_file():
        raise InputError(f"expected a {kind} in YAML, could not read {place}: it is no plain file")
    content = read_bytes(path, f"a {kind} in YAML", MOST_BYTES) if _exists(path) else _bundled(str(place), kind)
    values = parse_yaml(content, f"a {kind}", str(place))
    if not isinstance(values, dict):
        raise InputError(f"expected a {kind} of keys and values, got {type(values).__name__} in {place}")
    return values


def resolved(recipe: Recipe) -> dict[str, Any]:
    """The recipe with every default filled in, as plain values that `load_recipe` takes."""
    return {"method": method_of(recipe), **asdict(recipe)}


def changed_keys(before: Mapping[str, Any], now: Recipe) -> list[str]:
    """Keys in which a recipe differs from an earlier one.

    Args:
        before: The earlier recipe as a checkpoint or a result keeps it; a key that it lacks had today's default.
        now: The recipe.
    """
    defaults = {
        entry.name: entry.default if entry.default_factory is MISSING else entry.default_factory()
        for entry in fields(now)
    }
    return [
        key
        for key, value in resolved(now).items()
        if _plain(before[key] if key in before else defaults.get(key)) != _plain(value)
    ]


def learner_type(recipe: Recipe) -> type:
    """The LightningModule that learns by a recipe."""
    return imported(METHODS[method_of(recipe)][1], "a learner")


def _plain(value: object) -> object:
    """A value as JSON keeps it: tuples are lists, and dataclasses mappings."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def method_of(recipe: object) -> str:
    """Name of the method that a recipe is for."""
    return next(name for name, (place, _) in METHODS.items() if place.endswith(f":{type(recipe).__name__}"))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file system takes
        return False


def _bundled_names(kind: str) -> list[str]:
    """Names of bundled files; those of a folder as FOLDER/NAME."""
    names: list[str] = []
    for entry in files(_FOLDERS[kind]).iterdir():
        inside = [f"{entry.name}/{each.name}" for each in entry.iterdir()] if entry.is_dir() else [entry.name]
        names += [name.removesuffix(".yaml") for name in inside if name.endswith(".yaml")]
    return sorted(names)


def _bundled(name: str, kind: str) -> str:
    if name not in (names := _bundled_names(kind)):
        raise InputError(f"expected a {kind} file or one of {', '.join(names)}; got {name!r}")
    return files(_FOLDERS[kind]).joinpath(*f"{name}.yaml".split("/")).read_text()


def _build(kind: type, values: Mapping[str, object], where: str) -> Any:  # noqa: ANN401 - any dataclass
    hints = get_type_hints(kind)
    if unknown := set(map(str, values)) - set(hints):
        raise InputError(f"unknown key {sorted(unknown)[0]!r} in {where}; known are {', '.join(sorted(hints))}")
    required = [entry.name for entry in fields(kind) if entry.default is entry.default_factory is MISSING]
    if missing := [name for name in required if name not in values]:
        raise InputError(f"expected every required key in {where}; missing among {', '.join(missing)}")
    return kind(**{name: _convert(hints[name], value, f"{where}: {name}") for name, value in values.items()})


def _convert(hint: Any, value: object, where: str) -> object:  # noqa: ANN401 - any annotation
    """The value as the annotation wants it: lists become tuples, ints floats; anything else is refused."""
    if is_dataclass(hint) and isinstance(hint, type) and isinstance(value, Mapping):
        return _build(hint, {str(key): part for key, part in value.items()}, where)
    if get_origin(hint) in (types.UnionType, Union, Literal):
        return _convert_choice(hint, value, where)
    if get_origin(hint) is Mapping and isinstance(value, Mapping):
        return {
            str(key): _convert(get_args(hint)[1], part, f"{where}: {_one_line(key)}") for key, part in value.items()
        }
    if get_origin(hint) is tuple and isinstance(value, list | tuple):
        items = get_args(hint)
        items = (items[0],) * len(value) if items[-1] is Ellipsis else items
        if len(items) == len(value):
            return tuple(_convert(item, part, where) for item, part in zip(items, value, strict=True))
    if hint is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST:
        return float(value)
    if not isinstance(hint, type) or not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise InputError(f"expected {getattr(hint, '__name__', hint)} for {where}, got {value!r}")
    return value


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def _convert_choice(hint: Any, value: object, where: str) -> object:  # noqa: ANN401 - any annotation
    """The value if it is one of a Literal's or of one of a union's types; else as a union's first type wants it."""
    options = get_args(hint)
    if get_origin(hint) is not Literal:
        if type(value) in options:
            return value
        usual = [option for option in options if is_dataclass(option) == isinstance(value, Mapping)] or options
        return _convert(next(option for option in usual if option is not type(None)), value, where)
    if value not in options:
        raise InputError(f"expected {' or '.join(map(str, options))} for {where}, got {value!r}")
    return value
