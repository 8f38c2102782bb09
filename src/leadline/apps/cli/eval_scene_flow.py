"""`leadline eval scene-flow`: scene flow against ground truth, as KITTI 2015 scores it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from leadline.apps.cli.batch import say
from leadline.apps.cli.eval import print_tables, scene_progress, write_report
from leadline.errors import InputError
from leadline.loading import load_model
from leadline.maps import SceneFlowMap
from leadline.protocols.report import Score, unscored_regions
from leadline.protocols.scene_flow.kitti2015 import SCENE_FLOW
from leadline.protocols.scene_flow.scenes import find_scene_flow_scenes
from leadline.protocols.scoring import evaluate_samples
from leadline.runtime.scene_flow import FLOW_OF_SCENE_FLOW, SceneFlowMethod
from leadline.runtime.stereo import DEFAULT_MODEL
from leadline.samples import SceneFlowSample

SceneMethod = Callable[[SceneFlowSample], SceneFlowMap]

_PLAIN: Final = ":plain"


def scene_flow_eval(
    scenes: Path,
    /,
    *,
    models: str = f"{DEFAULT_MODEL}+{FLOW_OF_SCENE_FLOW},sgbm-3way+dis{_PLAIN}",
    max_disparity: int | None = None,
    threads: int | None = None,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
) -> None:
    """Score scene flow as KITTI 2015 does.

    D1 and D2 are the outliers of the disparities at both times, Fl those of the flow, and SF the pixels with any of
    them. D1+Fl is SF without D2, for scenes without a true disparity at the second time, such as those of KITTI 2012.

    Args:
        scenes: Folder in the layout of KITTI's development kits, 2015 or 2012, with calib_cam_to_cam or calib.
        models: Pairs of a stereo and a flow method, such as leadline-fast+dis, separated by commas. They are joined by
            the camera's motion, as `leadline scene-flow` does; with :plain behind, each number is what its method says.
        max_disparity: Largest disparity to look for, px.
        threads: Threads to use; all processors if absent.
        json: File for the report: every score with its region, rule, averaging and density.
    """
    methods = {name.strip(): _load(name.strip(), max_disparity, threads) for name in models.split(",")}
    found = find_scene_flow_scenes(scenes)
    with scene_progress() as progress:
        task = progress.add_task("evaluating scenes", total=len(found))

        def observe(scene: SceneFlowSample, maps: Mapping[str, SceneFlowMap], rows: Sequence[Score]) -> None:
            progress.advance(task)

        report = evaluate_samples((files.load() for files in found), methods, SCENE_FLOW, observe)
    print_tables(report)
    say(f"note: {line}" for line in unscored_regions(report, SCENE_FLOW.regions))
    if json is not None:
        write_report(json, report)


def _load(name: str, max_disparity: int | None, threads: int | None) -> SceneMethod:
    stereo, _, flow = name.removesuffix(_PLAIN).partition("+")
    if not (stereo and flow):
        raise InputError(f"expected a stereo and a flow method in --models, such as leadline-fast+dis, got {name!r}")
    method = SceneFlowMethod(
        load_model(stereo, "stereo", max_disparity=max_disparity, threads=threads),
        load_model(flow, "flow", threads=threads),
        completes=not name.endswith(_PLAIN),
    )

    def on_sample(scene: SceneFlowSample) -> SceneFlowMap:
        if scene.rig is None:
            raise InputError(f"expected a calibration of scene {scene.key}, found none; add calib_cam_to_cam or calib")
        return method(scene.images, scene.rig)

    return on_sample
