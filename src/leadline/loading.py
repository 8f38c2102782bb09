"""Any model by its name: bundled networks, classical matchers, ONNX files, networks of the zoo, and other people's.

A name is looked up in this order:

1. a bundled network, such as leadline-fast;
2. a classical matcher: bm, sgbm, sgbm-3way, sgbm-hh; or classical flow: dis, dis-ultrafast, dis-fast, dis-medium,
   farneback;
3. a network of the zoo, such as depth-anything-v2-small (leadline[zoo]);
4. FILE.onnx@CARD: a stereo network of other people, and the card that describes it: a file (.yaml), or the name of a
   card that comes with leadline, such as hitnet-middlebury;
5. the card (.yaml) of another ONNX network, or the ONNX file that such a card lies beside under the same name;
6. an ONNX file (.onnx) that `leadline export` wrote;
7. a name in the entry-point group `leadline.models`, which any installed package can add to;
8. "package.module:attribute": a class, or a function.

Of 7 and 8, a class is called to make a method, and so is a function of no positional argument; where the caller gives
max_disparity or threads, they must take it. Any other function is the method itself. A method for stereo takes
(left, right) and returns a `DisparityMap`, one for single images takes (image) and returns a `DepthMap`, one for flow
takes (first, second) and returns a `FlowMap`.

>>> load_model("leadline-mono", threads=1).kind
'affine_inverse'
>>> load_model("sgbm", max_disparity=64).max_disparity
64
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, Literal, overload

import cv2

from leadline.classical import MATCHERS, ClassicalStereo
from leadline.classical.flow import FLOW_NAMES, ClassicalFlow
from leadline.errors import InputError, require_whole
from leadline.lazy import load_attribute
from leadline.models.zoo import ZOO, DiffusionOptions, load_zoo
from leadline.runtime.card import bundled_cards
from leadline.runtime.card_keys import read_card_text
from leadline.runtime.flow import FlowMethod
from leadline.runtime.graph import task_of_graph
from leadline.runtime.mono import MonoMethod
from leadline.runtime.onnx_card import load_onnx_card
from leadline.runtime.onnx_session import Provider, read_metadata, require_threads
from leadline.runtime.onnx_stereo import OnnxStereo, fitting_cards, load_onnx_stereo
from leadline.runtime.onnx_stereo_card import bundled_stereo_cards, is_stereo_card
from leadline.runtime.own import make_own, own_tasks
from leadline.runtime.refine import RefineSession
from leadline.runtime.stereo import StereoMethod, WithNegative
from leadline.tasks import TASKS, Task, find_task, wrong_task

ENTRY_POINTS: Final = "leadline.models"
"""Entry-point group in which packages register models: name -> package.module:attribute."""
_MATCHER_RANGE_PX: Final = 192
"""Largest disparity that a classical matcher searches where the caller names none."""

_CARD_MARK: Final = ".onnx@"
"""Between an ONNX file and the card that describes it."""

Method = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Options with which a model runs.

    Args:
        max_disparity: Largest disparity looked for, px; the model's own choice if absent. For stereo only.
        min_disparity: Smallest disparity looked for, px: below 0 where the cameras toe in or the images are cropped.
            For stereo only.
        threads: Threads to use, OpenCV's and torch's for the whole process; all processors if absent.
        provider: Where a network of ours runs; the others run on the cpu only.
        source: Folder with the files of a zoo network; from the hub or its cache if absent. For no other model.
        accept_licence: Whether the user accepts the licence of a zoo network, where it restricts its use.
        diffusion: How a diffusion network of the zoo draws depth; its defaults if absent. For no other model.
    Raises:
        InputError: If a number is out of range.
    """

    max_disparity: int | None = None
    min_disparity: int = 0
    threads: int | None = None
    provider: Provider = "cpu"
    source: Path | str | None = None
    accept_licence: bool = False
    diffusion: DiffusionOptions | None = None

    def __post_init__(self) -> None:
        """Refuses numbers out of range."""
        require_threads(self.threads)
        if self.max_disparity is not None:
            require_whole(self.max_disparity, "max_disparity")
        require_whole(self.min_disparity, "min_disparity")
        # A range that begins at 0 is checked by the method.
        if self.min_disparity and self.max_disparity is not None and self.max_disparity <= self.min_disparity:
            raise InputError(
                f"expected a largest disparity above the smallest, got {self.max_disparity} and {self.min_disparity}"
            )

    @property
    def reach(self) -> int | None:
        """Number of disparities that are searched, from the smallest on."""
        return None if self.max_disparity is None else self.max_disparity - self.min_disparity

    def for_stereo(self) -> dict[str, Any]:
        """Options that only stereo methods have, where they are not the defaults."""
        given = {"max_disparity": self.max_disparity, "min_disparity": self.min_disparity or None}
        return {name: value for name, value in given.items() if value is not None}

    def for_zoo(self) -> dict[str, Any]:
        """Options that only networks of the zoo have, where they are not the defaults."""
        given = {"source": self.source, "accept_licence": self.accept_licence or None, "diffusion": self.diffusion}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class _Found:
    """A model that a name stands for, not loaded yet.

    Args:
        tasks: Names of the tasks that it can do, the first one unless told.
        load: Makes the method for one of them.
        providers: Whether it runs elsewhere than on the cpu, too.
        zoo: Whether it takes a source and a licence.
    """

    tasks: tuple[str, ...]
    load: Callable[[Task, ModelOptions], Method]
    providers: bool = False
    zoo: bool = False


@overload
def load_model(
    name: str | Path,
    task: Literal["stereo"],
    *,
    max_disparity: int | None = None,
    min_disparity: int = 0,
    threads: int | None = None,
    provider: Provider = "cpu",
) -> StereoMethod: ...
@overload
def load_model(
    name: str | Path,
    task: Literal["mono"],
    *,
    threads: int | None = None,
    provider: Provider = "cpu",
    source: Path | str | None = None,
    accept_licence: bool = False,
) -> MonoMethod: ...
@overload
def load_model(
    name: str | Path, task: Literal["refine"], *, threads: int | None = None, provider: Provider = "cpu"
) -> RefineSession: ...
@overload
def load_model(
    name: str | Path, task: Literal["flow"], *, threads: int | None = None, provider: Provider = "cpu"
) -> FlowMethod: ...
@overload
def load_model(name: str | Path, task: str | None = None, **options: Any) -> Any: ...  # noqa: ANN401
def load_model(name: str | Path, task: str | None = None, **options: Any) -> Any:
    """A model by its name, ready to be called.

    Args:
        name: As this module's text says.
        task: What it must be for: stereo, mono, refine or flow. leadline-refine mends a given disparity for refine, and that
            of SGBM-3WAY for stereo. The model's own task if absent.
        **options: Those of `ModelOptions`.
    Returns:
        For stereo, `method(left, right)` gives a `DisparityMap`; for mono, `method(image)` a `DepthMap`; for refine,
        `method(left, right, prior)` a `DisparityMap`; for flow, `method(first, second)` a `FlowMap`.
    Raises:
        InputError: If there is no such model, it is for another task, its files are missing or damaged, or an option
            does not go with it.
        MissingExtraError: If it needs a package that is not installed.

    >>> import numpy as np
    >>> image = np.random.default_rng(0).integers(0, 256, (48, 71, 3), dtype=np.uint8)
    >>> method = load_model("leadline-fast", "stereo", threads=1)
    >>> method(image[:, :-7], image[:, 7:]).disparity.shape
    (48, 64)
    >>> load_model("leadline-mono", "stereo")
    Traceback (most recent call last):
    leadline.errors.InputError: expected a stereo network, got leadline-mono, which is a monocular network; use it with `leadline mono`
    """  # noqa: E501 - the error is one line
    return _load(str(name), task, ModelOptions(**options))


def known_models(task: str) -> tuple[str, ...]:
    """Names of the models for a task that are not files: bundled, classical, of the zoo, and of other packages.

    Args:
        task: A name in `leadline.tasks.TASKS`.

    >>> known_models("stereo")[:3]
    ('leadline-accurate', 'leadline-fast', 'leadline-refine')
    """
    bundled = [name for name, card in bundled_cards().items() if task in _tasks_of_network(card.task)]
    others = {"stereo": MATCHERS, "mono": tuple(ZOO), "flow": FLOW_NAMES}.get(task, ())
    return (*bundled, *others, *registered_models())


def registered_models() -> dict[str, str]:
    """Models that installed packages register in the group `leadline.models`: name -> package.module:attribute."""
    return {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)}


def is_own(name: str) -> bool:
    """Whether a name stands for a model of another package, or for a class or function.

    >>> is_own("mypackage.networks:MyNet"), is_own("leadline-fast")
    (True, False)
    """
    return _is_attribute(name) or name in registered_models()


def is_model(name: str) -> bool:
    """Whether a name stands for a model, rather than for something else such as a folder of results.

    >>> is_model("leadline-fast"), is_model("predictions/")
    (True, False)
    """
    return (
        name.endswith((".onnx", ".yaml"))
        or _CARD_MARK in name
        or _is_attribute(name)
        or any(name in known_models(task) for task in TASKS)
    )


def _load(name: str, task: str | None, options: ModelOptions) -> Method:
    found = _find(name, task)
    wanted = find_task(found.tasks[0] if task is None else task)
    if wanted.name not in found.tasks:
        raise InputError(wrong_task(name, found.tasks[0], wanted.name))
    for wrong, given in ((not wanted.has_max_disparity, options.for_stereo()), (not found.zoo, options.for_zoo())):
        if wrong and given:
            option, value = next(iter(given.items()))
            raise InputError(f"expected no {option} for {name}, got {value}; leave it out")
    if options.provider != "cpu" and not found.providers:
        raise InputError(f"expected provider cpu for {name}, got {options.provider!r}; leave it out")
    method = found.load(wanted, options)
    return WithNegative(method, options.min_disparity) if options.min_disparity else method


def _find(name: str, task: str | None) -> _Found:
    """Looks a name up in the order of the module's text."""
    path, cards = Path(name), bundled_cards()
    if name in cards:
        return _Found(_tasks_of_network(cards[name].task), partial(_session, name, cards[name].task), providers=True)
    if _CARD_MARK in name:
        file, _, card = name.rpartition(_CARD_MARK)
        return _Found(("stereo",), partial(_foreign_stereo, card, f"{file}.onnx"), providers=True)
    if name in MATCHERS:
        return _Found(("stereo",), partial(_classical, name))
    if name in FLOW_NAMES:
        return _Found(("flow",), partial(_classical_flow, name))
    if name in ZOO:
        return _Found(("mono",), partial(_external, name), zoo=True)
    if (found := _find_file(path, task)) is not None:
        return found
    if name in (registered := registered_models()):
        return _own(name, load_attribute(registered[name]))
    if _is_attribute(name):
        return _own(name, load_attribute(name))
    raise InputError(_unknown(name, task))


def _find_file(path: Path, task: str | None) -> _Found | None:
    """The model that a card or an ONNX file is; None if it is neither."""
    beside, name = path.with_suffix(".yaml"), str(path)
    own = task_of_graph(read_metadata(path)) if path.suffix == ".onnx" and path.is_file() else None
    # A graph of ours needs no card: what lies beside it may be the recipe that it was trained by.
    if path.suffix == ".yaml" or (path.suffix == ".onnx" and own is None and beside.is_file()):
        if _is_for_stereo(beside):
            weights = None if path.suffix == ".yaml" else name
            return _Found(("stereo",), partial(_foreign_stereo, str(beside), weights), providers=True)
        return _Found(("mono",), lambda _, options: load_onnx_card(beside, options.threads))
    if path.suffix == ".onnx" and path.is_file():
        if own is None and task in (None, "stereo"):
            raise InputError(_without_card(path))
        # The session says what is wrong with a graph that is not ours.
        return _Found(_tasks_of_network(own or task or "stereo"), partial(_session, name, own), providers=True)
    return None


def _unknown(name: str, task: str | None) -> str:
    """A sentence for a name that stands for nothing."""
    tasks = list(TASKS) if task is None else [task]
    known = dict.fromkeys(model for one in tasks for model in known_models(one) if model not in ZOO)
    zoo = "a network of the zoo, " if "mono" in tasks else ""
    return (
        f"expected one of {', '.join(known)}, {zoo}the path of an ONNX file of ours, a card (.yaml) of another one, or "
        f"package.module:attribute, as the model; got {name!r}"
    )


def _tasks_of_network(task: str) -> tuple[str, ...]:
    """Tasks that a network for a task can be used for."""
    return task, *find_task(task).stands_for


def _is_attribute(name: str) -> bool:
    module, _, attribute = name.partition(":")
    return bool(attribute) and all(part.isidentifier() for part in (*module.split("."), *attribute.split(".")))


def _session(name: str, own: str | None, wanted: Task, options: ModelOptions) -> Method:
    """A network of ours, or a method that is built on it."""
    place = wanted.session if own in (None, wanted.name) else find_task(own).stands_for[wanted.name]
    given: dict[str, Any] = {"model": name, "threads": options.threads, "provider": options.provider}
    if wanted.has_max_disparity and options.reach is not None:
        given["max_disparity"] = options.reach
    return load_attribute(place)(**given)


def _foreign_stereo(card: str, weights: str | None, _: Task, options: ModelOptions) -> OnnxStereo:
    return load_onnx_stereo(card, weights, options.reach, options.threads, options.provider)


def _is_for_stereo(card: Path) -> bool:
    """Whether a card is for stereo; a card that cannot be read is refused when it is loaded."""
    try:
        return is_stereo_card(read_card_text(card))
    except InputError:
        return False


def _without_card(path: Path) -> str:
    """A sentence for a graph that is not ours and that no card describes."""
    fitting = fitting_cards(path)
    names = ", ".join(fitting or bundled_stereo_cards())
    which = f"it has the inputs and outputs of {names}" if fitting else f"the cards are {names}, or a file (.yaml)"
    return (
        f"expected an ONNX file from `leadline export`, got another network in {path}; say what it is with a card: "
        f"{path}@CARD; {which}"
    )


def _classical(name: str, _: Task, options: ModelOptions) -> ClassicalStereo:
    matcher = ClassicalStereo(name, _MATCHER_RANGE_PX if options.reach is None else options.reach)
    if options.threads is not None:
        cv2.setNumThreads(options.threads)
    return matcher


def _classical_flow(name: str, _: Task, options: ModelOptions) -> ClassicalFlow:
    if options.threads is not None:
        cv2.setNumThreads(options.threads)
    return ClassicalFlow(name)


def _external(name: str, _: Task, options: ModelOptions) -> Method:
    if ZOO[name].needs_prompt:
        raise InputError(
            f"expected a network that takes an image alone, got {name}, which needs coarse metric depth, too; use "
            "leadline.models.zoo.load_zoo in Python"
        )
    method = load_zoo(name, options.source, options.accept_licence, diffusion=options.diffusion)
    if options.threads is not None:
        import torch

        torch.set_num_threads(options.threads)
    return method


def _own(name: str, attribute: Any) -> _Found:  # noqa: ANN401 - whatever somebody wrote
    def load(task: Task, options: ModelOptions) -> Method:
        given = {"max_disparity": options.reach, "threads": options.threads}
        return make_own(name, attribute, task, {key: value for key, value in given.items() if value is not None})

    return _Found(own_tasks(attribute), load)


@lru_cache(maxsize=8)
def load_signed_matcher(name: str, min_disparity: int, max_disparity: int) -> StereoMethod:
    """A stereo method that also looks for negative disparities, on one thread; the same one at every call.

    Args:
        name: As for `load_model`.
        min_disparity: Smallest disparity looked for, px, below 0.
        max_disparity: Largest disparity looked for, px.
    Raises:
        InputError: As for `load_model`.
        MissingExtraError: Likewise.
    """
    return load_model(name, "stereo", min_disparity=min_disparity, max_disparity=max_disparity, threads=1)
