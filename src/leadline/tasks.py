"""Tasks: what a network is for, and all that differs between one task and another.

Code that serves every task looks up what it needs here. A new task is one more entry in `TASKS`; its parts that need
torch, or ONNX Runtime, are named by "module:attribute" and imported when they are used.

>>> TASKS["stereo"].command
'leadline stereo'
>>> [task.name for task in TASKS.values() if task.has_max_disparity]
['stereo']
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Float32

from leadline.errors import InputError

MAX_DISPARITY_KEY: Final = "leadline.max_disparity"
"""Metadata of a stereo graph: the largest disparity that it finds in one pass, px."""
ENLARGE_KEY: Final = "leadline.enlarge"
"""Metadata of a stereo graph: how much larger it makes its images; 1 if absent."""
DEPTH_KIND_KEY: Final = "leadline.depth_kind"
"""Metadata of a graph for single images: metric, up_to_scale or affine_inverse."""
CANONICAL_KEY: Final = "leadline.canonical"
"""Metadata of a graph whose depth up to scale becomes metric by the camera's relative focal length."""

_ALIKE: Final = 0.9999
"""Share of the pixels that must agree: a network that rounds a disparity may round a tie to either side."""


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Tolerance between an exported graph and torch.

    Args:
        tolerance: Largest difference, px, or as a share of the output's range in the image.
        relative: Whether it is such a share.
        alike: Share of the output's values that must agree.
    """

    tolerance: float
    relative: bool = False
    alike: float = _ALIKE

    def difference(self, found: Float32[np.ndarray, "*shape"], wanted: Float32[np.ndarray, "*shape"]) -> float:
        """Largest difference of two outputs, but for the few values that need not agree.

        Args:
            found: Output of the graph.
            wanted: Output of torch.

        >>> wanted = np.array([[0.0, 4.0]], np.float32)
        >>> Parity(tolerance=0.02).difference(wanted + 1, wanted)
        1.0
        >>> Parity(tolerance=0.02, relative=True).difference(wanted + 1, wanted)
        0.25
        """
        difference = float(np.quantile(np.abs(found - wanted), self.alike))
        return difference / max(float(np.ptp(wanted)), 1e-6) if self.relative else difference

    def text(self, difference: float) -> str:
        """A difference with its unit.

        >>> Parity(tolerance=0.02).text(0.00051)
        '0.00051 px'
        >>> Parity(tolerance=0.001, relative=True).text(0.0001)
        '0.01 % of the range'
        """
        return f"{100.0 * difference:.2g} % of the range" if self.relative else f"{difference:.2g} px"


@dataclass(frozen=True, kw_only=True)
class Task:
    """Task of a network.

    Args:
        name: Key in `TASKS`, in model cards and in recipes.
        noun: Such a network, in a sentence: "a stereo network".
        command: The command that runs it.
        inputs: Names of what a method takes, in order: the images, then anything else.
        images: How many of the inputs are images; speed is measured on as many views of one real pair.
        has_max_disparity: Whether a method looks for disparities up to a number that the caller may choose.
        fixed_size: Whether a network resizes every image to a size of its own, so that its work does not grow with it.
        graph_key: Metadata by which an exported graph of ours is recognised.
        result: "module:class" of what a method returns.
        session: "module:class" that runs an exported graph: `session(model, threads=, provider=)`.
        inference: "module:class" of the torch module that is exported, made of a network.
        to_map: "module:function" from that module and its outputs to what a method returns.
        prior: "module:function" from that module and the images to the arrays that guide a network that is `guided`.
        export: "module:attribute" of the task's `leadline.export.part.ExportPart`.
        parity: How close the graph must come to torch.
        methods: Methods of training whose networks can be exported.
        stands_for: Other task -> "module:class" of a method for it that is built on such a network.
    """

    name: str
    noun: str
    command: str
    inputs: tuple[str, ...]
    images: int
    has_max_disparity: bool = False
    fixed_size: bool = False
    graph_key: str
    result: str
    session: str
    inference: str
    to_map: str
    export: str
    parity: Parity
    methods: tuple[str, ...]
    prior: str = ""
    stands_for: Mapping[str, str] = field(default_factory=dict[str, str])


_STEREO: Final = Task(
    name="stereo",
    noun="a stereo network",
    command="leadline stereo",
    inputs=("left", "right"),
    images=2,
    has_max_disparity=True,
    graph_key=MAX_DISPARITY_KEY,
    result="leadline.maps:DisparityMap",
    session="leadline.runtime.stereo:StereoSession",
    inference="leadline.models.stereo:StereoInference",
    to_map="leadline.models.method:disparity_map",
    prior="leadline.models.method:stereo_prior",
    export="leadline.export.stereo:PART",
    parity=Parity(tolerance=0.02),
    methods=("stereo", "self-supervised", "semi-supervised", "distillation", "loop-net"),
)
_MONO: Final = Task(
    name="mono",
    noun="a monocular network",
    command="leadline mono",
    inputs=("image",),
    images=1,
    fixed_size=True,
    graph_key=DEPTH_KIND_KEY,
    result="leadline.maps:DepthMap",
    session="leadline.runtime.mono:MonoSession",
    inference="leadline.models.mono:MonoInference",
    to_map="leadline.models.method:depth_map",
    export="leadline.export.mono:PART",
    parity=Parity(tolerance=1e-3, relative=True),
    methods=(
        "mono",
        "metric-mono",
        "monodepth",
        "sfmlearner",
        "monodepth2",
        "geonet",
        "df-net",
        "competitive-collaboration",
    ),
)
_REFINE: Final = Task(
    name="refine",
    noun="a network that mends disparities",
    command="leadline refine",
    inputs=("left", "right", "prior"),
    images=2,
    graph_key="leadline.refine",
    result="leadline.maps:DisparityMap",
    session="leadline.runtime.refine:RefineSession",
    inference="leadline.models.stereo.leadline_refine:RefineInference",
    to_map="leadline.models.method:disparity_map",
    export="leadline.export.refine:PART",
    parity=Parity(tolerance=0.02),
    methods=("refine",),
    stands_for={"stereo": "leadline.runtime.refine:RefinedMatcher"},
)

_FLOW: Final = Task(
    name="flow",
    noun="an optical-flow network",
    command="leadline flow",
    inputs=("first", "second"),
    images=2,
    graph_key="leadline.flow",
    result="leadline.maps:FlowMap",
    session="leadline.runtime.flow:FlowSession",
    inference="leadline.models.flow:FlowInference",
    to_map="leadline.models.method:flow_map",
    prior="leadline.models.method:flow_priors",
    export="leadline.export.flow:PART",
    # A flow that lies between two whole pixels of 1/8 may be rounded to either, which moves 64 pixels and more.
    parity=Parity(tolerance=0.02, alike=0.99),
    methods=("flow", "self-supervised-flow"),
)

TASKS: Mapping[str, Task] = {task.name: task for task in (_STEREO, _MONO, _REFINE, _FLOW)}
"""Every task, by name."""


def find_task(name: str) -> Task:
    """The task of a name.

    Args:
        name: One of `TASKS`.
    Raises:
        InputError: If there is no such task.

    >>> find_task("mono").graph_key
    'leadline.depth_kind'
    >>> find_task("depth")
    Traceback (most recent call last):
    leadline.errors.InputError: expected one of stereo, mono, refine, flow as the task, got 'depth'
    """
    if name not in TASKS:
        raise InputError(f"expected one of {', '.join(TASKS)} as the task, got {name!r}")
    return TASKS[name]


def task_of_method(method: object) -> Task:
    """The task of the networks that a method of training makes.

    Args:
        method: As in a recipe.
    Raises:
        InputError: If there is no such method, or its networks cannot be exported.

    >>> task_of_method("distillation").name
    'stereo'
    """
    for task in TASKS.values():
        if method in task.methods:
            return task
    known = ", ".join(known for task in TASKS.values() for known in task.methods)
    raise InputError(
        f"expected a run that can be exported, of a method out of {known}, got one of method: {method}; use it from "
        "Python"
    )


def wrong_task(name: str, found: str, wanted: str) -> str:
    """A sentence for a network that is for another task than the wanted one.

    Args:
        name: The network.
        found: Name of its task.
        wanted: Name of the wanted task.

    >>> wrong_task("a.onnx", "mono", "stereo")
    'expected a stereo network, got a.onnx, which is a monocular network; use it with `leadline mono`'
    """
    is_for = find_task(found)
    return f"expected {find_task(wanted).noun}, got {name}, which is {is_for.noun}; use it with `{is_for.command}`"
