"""`leadline eval flow`: optical flow against ground truth."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from leadline.apps.cli.batch import say
from leadline.apps.cli.data import scenes_to_score
from leadline.apps.cli.eval import REPORT_FILE, print_tables, scene_progress, write_report
from leadline.apps.cli.eval_models import named_models, predictions_in
from leadline.data.catalog import DatasetSpec
from leadline.data.scenes import flow_dataset_scenes
from leadline.io.atomic import make_output_folder
from leadline.io.images import write_image
from leadline.loading import load_model
from leadline.maps import FlowMap
from leadline.protocols.catalog import FLOW_PROTOCOLS, find_protocol
from leadline.protocols.flow.scenes import find_flow_scenes
from leadline.protocols.plausible import FlowWatch
from leadline.protocols.predictions import FLOW_READERS, Predictions, predicted_flow
from leadline.protocols.report import Score, unscored_regions
from leadline.protocols.scoring import evaluate_samples
from leadline.results.stereo import refuse_existing
from leadline.runtime.flow import DEFAULT_FLOW_MODEL, FlowMethod
from leadline.samples import FlowSample
from leadline.visual.flow_sheet import flow_sheet

SceneMethod = Callable[[FlowSample], FlowMap]

_HEADLINE: Final = ("EPE", "Fl", "out-3")
"""Metrics that stand above a method's panel, where the protocol has them."""


def flow_eval(
    scenes: Path | None = None,
    /,
    *,
    data: Annotated[DatasetSpec | None, Parameter(name="*")] = None,
    models: str = f"{DEFAULT_FLOW_MODEL},dis",
    protocol: str = "middlebury",
    threads: int | None = None,
    output: Path | None = None,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
    overwrite: bool = False,
) -> None:
    """Score optical flow under a published protocol.

    Every method runs once on the first pair before the clock starts, so that loading does not count.

    Any other network can be scored by its output: a folder of predictions is a model, with one file NAME.flo
    (Middlebury) or NAME.png (KITTI, 16 bit) for each pair, NAME being the pair's: flow in pixels of the first frame, of
    its size; what the file marks as unknown is no prediction.

    Args:
        scenes: Folder of folders with frame10.png, frame11.png and flow10.flo (and for Sintel's pairs occlusions.png
            and invalid.png); Middlebury's other-data; MPI Sintel's training/clean or training/final; or a folder in the
            layout of KITTI's development kits.
        data: A data set instead of a folder of pairs; `leadline data list` names them.
        models: leadline-flow, dis, dis-fast, dis-ultrafast, farneback, ONNX files of ours, your own class or function
            as package.module:attribute, folders of predictions; separated by commas.
        protocol: middlebury, sintel, kitti2012 or kitti2015.
        threads: Threads to use; all processors if absent.
        output: Folder for a sheet per pair and report.json.
        json: File for the report alone: every score with its protocol, region, rule, averaging and density.
        overwrite: Replace results that exist in the output folder.
    """
    chosen = find_protocol(protocol, FLOW_PROTOCOLS)
    found = scenes_to_score(scenes, data, find_flow_scenes, flow_dataset_scenes)
    if output is not None:
        refuse_existing(output, (REPORT_FILE, *(f"{files.name}.png" for files in found)), overwrite)
    methods = _load(named_models(models), threads, [files.name for files in found])
    first = found[0].load()
    for method in methods.values():
        method(first)
    if output is not None:
        make_output_folder(output)
    watch = FlowWatch()
    with scene_progress() as progress:
        task = progress.add_task("evaluating pairs", total=len(found))

        def observe(scene: FlowSample, maps: Mapping[str, FlowMap], rows: Sequence[Score]) -> None:
            if output is not None:
                _write_sheet(output / f"{scene.key}.png", scene, maps, rows)
            truth = scene.truth
            if truth is not None:
                for name, estimate in maps.items():
                    watch.add(name, estimate.flow, truth.flow, truth.valid & estimate.valid)
            progress.advance(task)

        report = evaluate_samples((files.load() for files in found), methods, chosen, observe)
    print_tables(report)
    say(f"note: {line}" for line in unscored_regions(report, chosen.regions))
    say(f"warning: {doubt}" for doubt in watch.doubts())
    if output is not None:
        write_report(output / REPORT_FILE, report)
        print(f"{output}: {REPORT_FILE} and a sheet per pair")
    if json is not None:
        write_report(json, report)


def _load(named: Mapping[str, Path | None], threads: int | None, keys: Sequence[str]) -> dict[str, SceneMethod]:
    methods: dict[str, SceneMethod] = {}
    for name, folder in named.items():
        if folder is None:
            methods[name] = _on_sample(load_model(name, "flow", threads=threads))
        else:
            paths = predictions_in(folder, "flow", keys, readers=FLOW_READERS)
            methods[name] = Predictions(paths, predicted_flow, FLOW_READERS)
    return methods


def _on_sample(method: FlowMethod) -> SceneMethod:
    return lambda scene: method(scene.first, scene.second)


def _write_sheet(path: Path, scene: FlowSample, maps: Mapping[str, FlowMap], rows: Sequence[Score]) -> None:
    # The first region and rule that could be scored are the protocol's own first ones.
    shown = [row for row in rows if (row.mask, row.rule) == (rows[0].mask, rows[0].rule) and row.metric in _HEADLINE]
    captions = {
        name: ", ".join(f"{row.metric} {row.value:.3g} {row.unit}" for row in shown if row.method == name)
        for name in maps
    }
    where = f" ({rows[0].protocol}, {rows[0].mask}, {rows[0].rule})" if rows else " (not scored)"
    write_image(path, flow_sheet(scene.first, scene.second, maps, scene.truth, captions, f"{scene.key}{where}"))
