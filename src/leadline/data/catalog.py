"""The data sets that leadline reads: name -> adapter, what it yields, and the options that it takes.

Nothing is downloaded: every data set has terms that its user accepts at its own site.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from leadline.data.source import Source
from leadline.errors import InputError
from leadline.maps import DepthKind
from leadline.samples import DepthSample, FlowSample, OrdinalSample, StereoSample, VideoSample

Task = Literal["stereo", "mono", "video", "flow"]
Annotation = DepthKind | Literal["disparity", "ordinal", "flow", "none"]
Sample = StereoSample | DepthSample | OrdinalSample | VideoSample | FlowSample


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A data set on disk, as recipes and the command line name it.

    Args:
        dataset: Name in the catalog, or shards: what `leadline render` writes.
        root: The data set's folder.
        split: A part's name (train, val, TEST ...), or a list of its files; relative to the root if it lies there.
        render_pass: clean or final, where a film is rendered both ways.
        calibration: Folder with the calibration in each scene of ETH3D.
        truth: Folder of KITTI's annotated depth.
        annotations: DIW's list of points.
        clips: WSVD's list of clips.
        matcher: Classical matcher that gives WSVD its disparity.
        matcher_range_px: Largest disparity that the matcher looks for.
        behind_screen_px: How far behind the screen things of WSVD lie at most.
        max_difference_s: How far apart image and depth of TUM RGB-D may be in time.
        factor: Middlebury's 8-bit disparity is the disparity times this.
        distance: Of kitti-lidar's points: scanner, the published truth, or camera, along the optical axis.
    """

    dataset: str
    root: str
    split: str | None = None
    render_pass: str | None = None
    calibration: str | None = None
    truth: str | None = None
    annotations: str | None = None
    clips: str | None = None
    matcher: str | None = None
    matcher_range_px: int | None = None
    behind_screen_px: int | None = None
    max_difference_s: float | None = None
    factor: int | None = None
    distance: str | None = None

    def options(self) -> dict[str, str | int | float]:
        """The options that are given."""
        names = [entry.name for entry in fields(self) if entry.name not in ("dataset", "root")]
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """Facts about a data set that are known without reading it.

    Args:
        title: Its full name.
        adapter: Class or function that opens it, as module:name; imported when it is asked for.
        task: What its samples are for.
        annotation: disparity; a kind of depth (see `DepthSample`); ordinal, which is pairs of points; flow; or none.
        licence: Its terms, as published.
        source: The paper and the site.
    """

    title: str
    adapter: str
    task: Task
    annotation: Annotation
    licence: str
    source: str


def _card(module: str, title: str, task: Task, annotation: Annotation, licence: str, source: str) -> DatasetCard:
    place = f"leadline.data.datasets.{module}"
    return DatasetCard(title=title, adapter=place, task=task, annotation=annotation, licence=licence, source=source)


_RESEARCH: Final = "research only"
_UNSTATED: Final = "none stated; published for research"

#: Every data set that leadline reads.
DATASETS: Final[Mapping[str, DatasetCard]] = MappingProxyType(
    {
        "sceneflow": _card(
            "flying_things:FlyingThings3D", "FlyingThings3D (Scene Flow), full set", "stereo", "disparity",
            _RESEARCH, "Mayer et al., CVPR 2016; lmb.informatik.uni-freiburg.de",
        ),
        "sceneflow-subset": _card(
            "flying_things:FlyingThings3DSubset", "FlyingThings3D, subset of FlowNet 2.0", "stereo", "disparity",
            _RESEARCH, "Ilg et al., ECCV 2018; lmb.informatik.uni-freiburg.de",
        ),
        "sintel-stereo": _card(
            "sintel_stereo:SintelStereo", "MPI Sintel, stereo", "stereo", "disparity",
            "images CC BY 3.0; disparity for research", "Butler et al., ECCV 2012; sintel.is.tue.mpg.de/stereo",
        ),
        "cityscapes": _card(
            "cityscapes:Cityscapes", "Cityscapes, disparity by SGM", "stereo", "disparity",
            "Cityscapes terms, non-commercial research", "Cordts et al., CVPR 2016; cityscapes-dataset.com",
        ),
        "middlebury": _card(
            "middlebury:Middlebury", "Middlebury stereo, 2001 to 2021", "stereo", "disparity",
            "none stated; published for research", "Scharstein et al., 2002 to 2014; vision.middlebury.edu/stereo",
        ),
        "nyu-v2": _card(
            "nyu_v2:NyuV2", "NYU Depth v2", "mono", "metric",
            _UNSTATED, "Silberman et al., ECCV 2012; cs.nyu.edu",
        ),
        "kitti-depth": _card(
            "kitti_depth:KittiDepth", "KITTI, annotated depth", "mono", "metric",
            "CC BY-NC-SA 3.0", "Uhrig et al., 3DV 2017; cvlibs.net",
        ),
        "kitti-lidar": _card(
            "kitti_lidar:KittiLidar", "KITTI raw, projected scans (Eigen's truth)", "mono", "metric",
            "CC BY-NC-SA 3.0", "Geiger et al., IJRR 2013; cvlibs.net",
        ),
        "kitti-raw": _card(
            "kitti_raw:KittiRaw", "KITTI raw, frames without truth", "video", "none",
            "CC BY-NC-SA 3.0", "Geiger et al., IJRR 2013; cvlibs.net",
        ),
        "diode": _card(
            "diode:Diode", "DIODE", "mono", "metric",
            "MIT", "Vasiljevic et al., 2019; diode-dataset.org",
        ),
        "eth3d": _card(
            "eth3d:Eth3d", "ETH3D, multi-view", "mono", "metric",
            "CC BY-NC-SA 4.0", "Schöps et al., CVPR 2017; eth3d.net",
        ),
        "sintel-depth": _card(
            "sintel_depth:SintelDepth", "MPI Sintel, depth", "mono", "metric",
            "images CC BY 3.0; depth for research", "Butler et al., ECCV 2012; sintel.is.tue.mpg.de",
        ),
        "scannet": _card(
            "scannet:ScanNet", "ScanNet, exported frames", "mono", "metric",
            "ScanNet terms, research only", "Dai et al., CVPR 2017; scan-net.org",
        ),
        "tum-rgbd": _card(
            "tum_rgbd:TumRgbd", "TUM RGB-D, one sequence", "mono", "metric",
            "CC BY 4.0", "Sturm et al., IROS 2012; cvg.cit.tum.de",
        ),
        "diml-indoor": _card(
            "diml_indoor:DimlIndoor", "DIML/CVL RGB-D, indoor", "mono", "metric",
            "none stated; research only", "Cho et al., 2021; dimlrgbd.github.io",
        ),
        "megadepth": _card(
            "megadepth:MegaDepth", "MegaDepth v1", "mono", "up_to_scale",
            "CC BY 4.0; the images are their owners'", "Li and Snavely, CVPR 2018; cs.cornell.edu/projects/megadepth",
        ),
        "redweb": _card(
            "redweb:ReDWeb", "ReDWeb v1", "mono", "affine_inverse",
            "none stated; research only", "Xian et al., CVPR 2018",
        ),
        "wsvd": _card(
            "wsvd:open_wsvd", "WSVD, stereo videos from the web", "mono", "affine_inverse",
            "none stated; the videos are their owners'", "Wang et al., 3DV 2019; sites.google.com/view/wsvd",
        ),
        "mined-films": _card(
            "mined_films:open_mined", "3D films as leadline mine mines them", "mono", "affine_inverse",
            "that of the films", "leadline mine",
        ),
        "diw": _card(
            "diw:DepthInTheWild", "Depth in the Wild", "mono", "ordinal",
            "none stated; the images are their owners'", "Chen et al., NeurIPS 2016",
        ),
        "sceneflow-flow": _card(
            "flying_things_flow:FlyingThings3DFlow", "FlyingThings3D (Scene Flow), optical flow", "flow", "flow",
            _RESEARCH, "Mayer et al., CVPR 2016; lmb.informatik.uni-freiburg.de",
        ),
        "sintel-flow": _card(
            "flow_benchmarks:open_sintel", "MPI Sintel, optical flow", "flow", "flow",
            "images CC BY 3.0; flow for research", "Butler et al., ECCV 2012; sintel.is.tue.mpg.de",
        ),
        "kitti-flow": _card(
            "flow_benchmarks:open_kitti", "KITTI 2012 or 2015, optical flow", "flow", "flow",
            "CC BY-NC-SA 3.0", "Geiger et al., CVPR 2012; Menze and Geiger, CVPR 2015; cvlibs.net",
        ),
        "middlebury-flow": _card(
            "flow_benchmarks:open_middlebury", "Middlebury, optical flow", "flow", "flow",
            _UNSTATED, "Baker et al., IJCV 2011; vision.middlebury.edu/flow",
        ),
    }
)  # fmt: skip

_SHARDS: Final[Mapping[Task, DatasetCard]] = MappingProxyType(
    {
        "stereo": DatasetCard(
            title="shards of leadline render stereo", adapter="leadline.data.stereo.shards:StereoShards",
            task="stereo", annotation="disparity", licence="your own", source="leadline render",
        ),
        "mono": DatasetCard(
            title="shards of leadline render mono", adapter="leadline.data.mono.shards:DepthShards",
            task="mono", annotation="metric", licence="your own", source="leadline render",
        ),
        "video": DatasetCard(
            title="shards of leadline render video", adapter="leadline.data.video.shards:ShardTriplets",
            task="video", annotation="none", licence="your own", source="leadline render",
        ),
        "flow": DatasetCard(
            title="shards of leadline render flow", adapter="leadline.data.flow.shards:FlowShards",
            task="flow", annotation="flow", licence="your own", source="leadline render",
        ),
    }
)  # fmt: skip
SHARDS: Final = "shards"
_OWN_ARGUMENTS: Final = ("right_truth", "backward", "stride", "right")
"""Parameters of adapters that are no option of a data set: what the caller needs decides them."""


def dataset_card(name: str, task: Task | None = None) -> DatasetCard:
    """The card of a data set.

    Args:
        name: Name in `DATASETS`, or shards.
        task: What its samples must be for; anything if absent, but needed for shards.
    Raises:
        InputError: If there is no such data set, or it is for another task.

    Example:
        >>> dataset_card("nyu-v2", "mono").annotation
        'metric'
    """
    if name == SHARDS:
        return _SHARDS[task or "stereo"]
    if name not in DATASETS:
        raise InputError(f"expected a data set out of {SHARDS}, {', '.join(DATASETS)}, got {name!r}; check the name")
    card = DATASETS[name]
    if task is not None and card.task != task:
        known = ", ".join(datasets_for(task))
        raise InputError(f"expected a data set for {task}, got {name}, which is for {card.task}; take {known}")
    return card


def datasets_for(task: Task) -> list[str]:
    """Names of the data sets whose samples are for a task.

    Example:
        >>> datasets_for("video")
        ['kitti-raw']
    """
    return [name for name, card in DATASETS.items() if card.task == task]


def options_of(card: DatasetCard) -> dict[str, bool]:
    """Options that a data set takes -> whether it needs them.

    Example:
        >>> options_of(DATASETS["kitti-depth"])
        {'truth': True, 'split': True}
    """
    _, *rest = inspect.signature(_adapter(card)).parameters.values()
    return {p.name: p.default is inspect.Parameter.empty for p in rest if p.name not in _OWN_ARGUMENTS}


def open_dataset(spec: DatasetSpec, task: Task, **needed: int | bool) -> Source[Any]:
    """Opens a data set.

    Args:
        spec: Which one, where it lies and its options.
        task: What its samples must be for.
        needed: What the caller needs of the samples: for video, `stride` and `right`.
    Returns:
        A source of `StereoSample` for stereo, of `DepthSample` (or, from diw, `OrdinalSample`) for mono, of
        `VideoSample` for video, of `FlowSample` for flow.
    Raises:
        InputError: If there is no such data set for this task, an option is missing, unknown or of another kind, or the
            folder does not hold the data set.
    """
    card = dataset_card(spec.dataset, task)
    adapter, options = _adapter(card), options_of(card)
    given = spec.options()
    if unknown := [name for name in given if name not in options]:
        known = f"takes {', '.join(options)}" if options else "takes no options"
        raise InputError(f"expected no {unknown[0]} for the data set {spec.dataset}, which {known}; leave it out")
    if missing := [name for name, must in options.items() if must and name not in given]:
        raise InputError(
            f"expected {' and '.join(missing)} for the data set {spec.dataset}, got none; see `leadline data list`"
        )
    if spec.dataset != SHARDS and not Path(spec.root).is_dir():
        raise InputError(f"expected the folder of {spec.dataset} at {spec.root}, got no folder; check the path")
    first, *_ = inspect.signature(adapter).parameters
    hints = get_type_hints(adapter if inspect.isfunction(adapter) else adapter.__init__)
    arguments = {name: _fitting(hints[name], value, name, spec) for name, value in given.items()}
    # Shards may lie at an address.
    source = adapter(**{first: spec.root if spec.dataset == SHARDS else Path(spec.root)}, **arguments, **needed)
    if len(source) == 0:
        raise InputError(f"expected samples in {spec.root} for the data set {spec.dataset}, got none; check the path")
    return source


def _adapter(card: DatasetCard) -> Any:  # noqa: ANN401 - classes and functions alike
    module, _, name = card.adapter.partition(":")
    return getattr(import_module(module), name)


def _fitting(hint: Any, value: str | int | float, name: str, spec: DatasetSpec) -> Any:  # noqa: ANN401 - as annotated
    """The value as the adapter wants it; a path within the root is found there."""
    if hint is Path:
        inside = Path(spec.root) / str(value)
        return inside if inside.exists() else Path(str(value))
    if get_origin(hint) is Literal and value not in get_args(hint):
        choices = ", ".join(map(str, get_args(hint)))
        raise InputError(f"expected {name} out of {choices} for the data set {spec.dataset}, got {value!r}")
    return value
