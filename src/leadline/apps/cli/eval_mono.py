"""`leadline eval mono`: depth from single images against ground truth."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, cast

from cyclopts import Parameter

from leadline.apps.cli.batch import say
from leadline.apps.cli.data import scenes_to_score
from leadline.apps.cli.eval import print_tables, scene_progress, write_report
from leadline.apps.cli.eval_models import named_models, predictions_in
from leadline.apps.cli.sources import zoo_options
from leadline.classical.trivial_depth import constant_depth, vertical_ramp
from leadline.data.catalog import DatasetSpec
from leadline.data.scenes import depth_dataset_scenes
from leadline.errors import InputError
from leadline.loading import is_model, load_model
from leadline.maps import DISTANCE_KINDS, DepthKind, DepthMap
from leadline.metrics.align import AlignmentName
from leadline.protocols.catalog import DEPTH_PROTOCOLS, find_protocol
from leadline.protocols.mono.depth_units import with_units
from leadline.protocols.mono.evaluate import DepthMethod, SceneMethod, evaluate_scenes, on_sample
from leadline.protocols.mono.moving import with_masks, with_moving_parts
from leadline.protocols.mono.scenes import DepthFiles, find_depth_scenes
from leadline.protocols.plausible import ScaleWatch
from leadline.protocols.predictions import Predictions, predicted_depth
from leadline.protocols.report import Report, Score
from leadline.samples import DepthSample

_TRIVIAL: Final[Mapping[str, DepthMethod]] = MappingProxyType({"constant": constant_depth, "ramp": vertical_ramp})


def mono_eval(
    scenes: Path | None = None,
    /,
    *,
    data: Annotated[DatasetSpec | None, Parameter(name="*")] = None,
    models: str = ",".join(_TRIVIAL),
    protocol: str = "generic",
    kind: DepthKind | None = None,
    depth_unit: str | None = None,
    alignment: AlignmentName | None = None,
    moving: Path | None = None,
    source: list[str] | None = None,
    accept_licence: bool = False,
    threads: int | None = None,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
) -> None:
    """Score depth from single images under a published protocol.

    Any other network can be scored by its output: a folder of predictions is a model, with one file NAME.pfm or
    NAME.npy for each image. NAME is the scene's: the RGB-D folder's name, a hyphen and the image's name without its
    suffix, or, for data.npz, the folder's name alone. Values are float and of the image's size; NaN and inf are no
    prediction, and neither is depth that is not positive.

    Args:
        scenes: Folder of RGB-D folders, or one of them: images in images, color or rgb, depth under the same names
            in depth (16-bit PNG or PGM, 0 unknown); or data.npz with rgb and depth in metres.
        data: A data set instead of a folder of scenes; `leadline data list` names them.
        models: Bundled networks, ONNX files of ours, card files (.yaml) of other ONNX networks, networks of the zoo
            (leadline[zoo]), constant (one distance), ramp (nearer towards the bottom), folders of predictions;
            separated by commas.
        protocol: kitti-eigen, kitti-eigen-50m, kitti-eigen-improved, nyu, sintel-depth, eth3d-depth, diode, tum-rgbd,
            generic, or depth-confidence, which scores the confidence.
        kind: What the numbers in the folders of predictions mean: metric (metres), up_to_scale (metres times an unknown
            factor), affine_inverse (s / Z + t with unknown s > 0 and t, so larger is closer) or affine_depth (s Z + t).
        depth_unit: What a sample of the depth images stands for: mm, cm, or 1/N of a metre, such as 1/256 (KITTI) and
            1/5000 (TUM). If absent, the protocol's own unit, else the one that the layout or the folder's name tells,
            else millimetres; refused where the depth would then be no camera's or scanner's.
        alignment: How predictions are fitted to the truth; by default the protocol's first that takes their kind.
        moving: Folder of masks NAME.png of objects that move by themselves (8 bit, 0 still, else moving), of each
            image: reports also the probability of an inlier, delta < 1.25, on moving objects and elsewhere.
        source: Folder with the files of the zoo network; NAME=FOLDER, once for each, if there are several; from the hub
            or its cache if absent.
        accept_licence: Accept the licences of zoo networks, where they restrict their use.
        threads: Threads of a network; all processors if absent.
        json: File for the report: every score with its protocol, crop, alignment, range, averaging and density.
    """
    chosen = find_protocol(protocol, DEPTH_PROTOCOLS)
    found = scenes_to_score(scenes, data, find_depth_scenes, depth_dataset_scenes)
    notes = tuple[str, ...]()
    if data is None:
        found, notes = with_units(cast(Sequence[DepthFiles], found), depth_unit, chosen.samples_per_m, chosen.name)
    if moving is not None:
        chosen, found = with_moving_parts(chosen), with_masks(found, moving)
    folders = named_models(models, _TRIVIAL)
    wanted = zoo_options([name for name in folders if is_model(name)], source or (), accept_licence)
    methods = _load(folders, wanted, kind, [files.name for files in found], threads)
    watch = ScaleWatch("depth in metres, and the right unit of the depth images")
    with scene_progress() as progress:
        task = progress.add_task("evaluating images", total=len(found))

        def observe(scene: DepthSample, maps: Mapping[str, DepthMap], rows: Sequence[Score]) -> None:
            for name, depth in maps.items():
                if name not in _TRIVIAL and depth.kind in DISTANCE_KINDS and scene.annotation == "metric":
                    known = scene.valid & depth.valid
                    watch.add(name, depth.depth, scene.depth, known, scaled=depth.kind == "metric")
            progress.advance(task)

        report = evaluate_scenes((files.load() for files in found), methods, chosen, alignment, observe)
    print_tables(report)
    say(f"note: {note}; --depth-unit says it" for note in notes)
    for warning in (*_reversed(report, [name for name in folders if name not in _TRIVIAL]), *watch.doubts()):
        print(f"warning: {warning}", file=sys.stderr)
    if json is not None:
        write_report(json, report)


def _load(
    folders: Mapping[str, Path | None],
    wanted: Mapping[str, dict[str, Any]],
    kind: DepthKind | None,
    scene_names: Sequence[str],
    threads: int | None,
) -> dict[str, SceneMethod]:
    given = [folder for folder in folders.values() if folder is not None]
    if kind is not None and not given:
        raise InputError(f"expected a folder of predictions for --kind {kind}, got {', '.join(folders)}; leave it out")
    methods: dict[str, SceneMethod] = {}
    for name, folder in folders.items():
        if folder is None:
            method = _TRIVIAL[name] if name in _TRIVIAL else load_model(name, "mono", threads=threads, **wanted[name])
            methods[name] = on_sample(method)
        elif kind is None:
            raise InputError(
                f"expected --kind metric, up_to_scale, affine_inverse or affine_depth for the predictions in {folder}, "
                "got none; say what their numbers mean"
            )
        else:
            paths = predictions_in(folder, "mono", scene_names, _TRIVIAL)
            methods[name] = Predictions(paths, partial(predicted_depth, kind=kind))
    return methods


def _reversed(report: Report, names: Iterable[str]) -> list[str]:
    """The models whose predictions had to be turned round to fit: an alignment would hide it."""
    warnings: list[str] = []
    for name in names:
        scales = {row.scene: row.scale for row in report.rows if row.method == name and row.scale is not None}
        turned = sum(scale < 0 for scale in scales.values())
        if turned:
            warnings.append(
                f"{name} fits only with a negative scale on {turned} of {len(scales)} images: near and far are "
                "confused; affine_inverse is larger where it is closer, depth where it is farther"
            )
    return warnings
