"""`leadline eval stereo`: disparity against ground truth, and what it shares with the other evaluations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from leadline.apps.cli.batch import say
from leadline.apps.cli.data import scenes_to_score
from leadline.apps.cli.eval_models import named_models, predictions_in
from leadline.data.catalog import DatasetSpec
from leadline.data.scenes import stereo_dataset_scenes
from leadline.errors import InputError
from leadline.io.atomic import atomic_write, make_output_folder
from leadline.io.images import write_image
from leadline.loading import load_model
from leadline.maps import DisparityMap
from leadline.protocols.catalog import STEREO_PROTOCOLS, find_protocol
from leadline.protocols.plausible import ScaleWatch
from leadline.protocols.predictions import Predictions, predicted_disparity
from leadline.protocols.report import Report, Score
from leadline.protocols.scoring import evaluate_samples
from leadline.protocols.stereo.equal_density import evaluate_at_density
from leadline.protocols.stereo.evaluate import SceneMethod, on_sample
from leadline.protocols.stereo.scenes import find_scenes
from leadline.results.stereo import refuse_existing
from leadline.runtime.stereo import DEFAULT_MODEL
from leadline.samples import StereoSample
from leadline.visual.sheet import stereo_sheet

REPORT_FILE: Final = "report.json"
_TABLE_WIDTH: Final = 140
_WIDEST: Final = 1000
_HEADLINE: Final = ("bad-2", "avgerr", "out-3", "avg", "D1-all", "AUSE", "ECE-1px")
"""Metrics that stand above a method's panel, where the protocol has them."""


def stereo_eval(
    scenes: Path | None = None,
    /,
    *,
    data: Annotated[DatasetSpec | None, Parameter(name="*")] = None,
    models: str = f"{DEFAULT_MODEL},sgbm-3way",
    protocol: str = "middlebury2014",
    density: str | None = None,
    max_disparity: int | None = None,
    threads: int | None = None,
    output: Path | None = None,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
    overwrite: bool = False,
) -> None:
    """Score disparity under a published protocol.

    Every method runs once on the first scene before the clock starts, so that loading does not count.

    Any other network can be scored by its output: a folder of predictions is a model, with one file NAME.pfm or
    NAME.npy for each scene, NAME being the scene's: disparity in pixels (x_left - x_right), float and of the left
    image's size; NaN and inf are no prediction.

    Args:
        scenes: Folder of scene folders in Middlebury's layout (im0.png, im1.png, disp0.pfm, mask0nocc.png), one such
            folder, or a folder in the layout of KITTI's development kits.
        data: A data set instead of a folder of scenes; `leadline data list` names them.
        models: Bundled networks, bm, sgbm, sgbm-3way, sgbm-hh, ONNX files of ours, those of other people as
            FILE.onnx@CARD, your own class or function as package.module:attribute, folders of predictions; separated by
            commas.
        protocol: middlebury2014, eth3d, kitti2012, kitti2015 or confidence.
        density: Score only the pixels that each method is most confident of, at the same density for all: a share of
            the pixels with truth, such as 0.85, or match:METHOD for the share that METHOD, one of the models, is valid
            on in each scene.
        max_disparity: Largest disparity to look for, px. Networks choose it from the width, matchers take 192.
        threads: Threads to use; all processors if absent.
        output: Folder for a sheet per scene and report.json.
        json: File for the report alone: every score with its protocol, mask, rule, averaging and density.
        overwrite: Replace results that exist in the output folder.
    """
    chosen = find_protocol(protocol, STEREO_PROTOCOLS)
    found = scenes_to_score(scenes, data, find_scenes, stereo_dataset_scenes)
    if output is not None:
        refuse_existing(output, (REPORT_FILE, *(f"{files.name}.png" for files in found)), overwrite)
    methods = _load(named_models(models), max_disparity, threads, [files.name for files in found])
    wanted = None if density is None else _density(density, methods)
    first = found[0].load()
    for method in methods.values():
        method(first)
    if output is not None:
        make_output_folder(output)
    watch = ScaleWatch("disparity in pixels")
    with scene_progress() as progress:
        task = progress.add_task("evaluating scenes", total=len(found))

        def observe(scene: StereoSample, maps: Mapping[str, DisparityMap], rows: Sequence[Score]) -> None:
            if output is not None:
                _write_sheet(output / f"{scene.key}.png", scene, maps, rows)
            for name, disparity in maps.items():
                watch.add(name, disparity.disparity, scene.disparity, scene.valid & disparity.valid)
            progress.advance(task)

        loaded = (files.load() for files in found)
        if wanted is None:
            report = evaluate_samples(loaded, methods, chosen, observe)
        else:
            report = evaluate_at_density(loaded, methods, chosen, wanted, observe)
    print_tables(report)
    say(f"warning: {doubt}" for doubt in watch.doubts())
    if output is not None:
        write_report(output / REPORT_FILE, report)
        print(f"{output}: {REPORT_FILE} and a sheet per scene")
    if json is not None:
        write_report(json, report)


def scene_progress() -> Progress:
    """The bar that counts scenes, on the error output."""
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def print_tables(report: Report) -> None:
    """Prints the scores over scenes."""
    # The tables are wide: better that a narrow terminal breaks their lines than that figures are cut.
    tables = report.tables()
    endless = Console(width=_WIDEST)
    widths = (endless.measure(table).maximum for table in tables)
    console = Console(width=max(Console().width, _TABLE_WIDTH, *widths))
    for table in tables:
        console.print(table)


def write_report(path: Path, report: Report) -> None:
    """Writes the whole report as JSON, whole or not at all.

    Raises:
        OutputError: If it cannot be written.
    """
    with atomic_write(path) as stream:
        stream.write((report.to_json() + "\n").encode())


def _load(
    named: Mapping[str, Path | None], max_disparity: int | None, threads: int | None, keys: Sequence[str]
) -> dict[str, SceneMethod]:
    if max_disparity is not None and None not in named.values():
        raise InputError(
            f"expected a model that looks for disparities for --max-disparity {max_disparity}, got folders of "
            "predictions; leave it out"
        )
    methods: dict[str, SceneMethod] = {}
    for name, folder in named.items():
        if folder is None:
            methods[name] = on_sample(load_model(name, "stereo", max_disparity=max_disparity, threads=threads))
        else:
            methods[name] = Predictions(predictions_in(folder, "stereo", keys), predicted_disparity)
    return methods


def _density(density: str, methods: Mapping[str, SceneMethod]) -> float | str:
    """A share, or the method that gives it."""
    kind, _, method = density.partition(":")
    if kind == "match" and method in methods:
        return method
    try:
        share = float(density)
    except ValueError:
        share = 0.0
    if not 0.0 < share <= 1.0:
        raise InputError(
            f"expected a share above 0 and at most 1, or match:METHOD with a METHOD out of {', '.join(methods)}, as "
            f"--density, got {density!r}"
        )
    return share


def _write_sheet(path: Path, scene: StereoSample, maps: Mapping[str, DisparityMap], rows: Sequence[Score]) -> None:
    # The first mask and rule that could be scored are the protocol's own first ones.
    shown = [row for row in rows if (row.mask, row.rule) == (rows[0].mask, rows[0].rule) and row.metric in _HEADLINE]
    captions = {
        name: ", ".join(f"{row.metric} {row.value:.3g} {row.unit}" for row in shown if row.method == name)
        for name in maps
    }
    at = f" at density {rows[0].at_density}" if rows and rows[0].at_density else ""
    where = f" ({rows[0].protocol}, {rows[0].mask}, {rows[0].rule}{at})" if rows else " (not scored)"
    write_image(path, stereo_sheet(scene.left, scene.right, maps, scene.truth, captions, f"{scene.key}{where}"))
