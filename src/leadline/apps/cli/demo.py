"""`leadline demo`: a real pair with ground truth, in under a minute."""

import statistics
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from leadline.geometry.check import check_pair
from leadline.geometry.rig import StereoRig
from leadline.io.atomic import make_output_folder
from leadline.io.calib_middlebury import write_middlebury_calibration
from leadline.io.images import write_image
from leadline.loading import load_model
from leadline.maps import DisparityMap
from leadline.protocols.report import Report, Score
from leadline.protocols.scoring import score_sample
from leadline.protocols.stereo.middlebury2014 import MIDDLEBURY2014
from leadline.protocols.stereo.motorcycle import motorcycle
from leadline.results.matching import MatchedPair, summarize, warnings
from leadline.results.stereo import RESULT_FILES, refuse_existing, write_result
from leadline.runtime.stereo import DEFAULT_MODEL, StereoMethod
from leadline.samples import StereoSample
from leadline.visual.sheet import stereo_sheet

BASELINE: Final = "sgbm-3way"
_BASELINE_DISPARITY_PX: Final = 95
"""What the data set states, up to SGBM's next whole sixteen: a wider search costs it time and brings mismatches."""
_METRICS: Final = ("bad-1", "bad-2", "avgerr")
_INPUT_FILES: Final = ("im0.png", "im1.png", "calib.txt", "sheet.png")
_RUNS: Final = 3


def demo(*, output: Path = Path("leadline-demo"), model: str = DEFAULT_MODEL, overwrite: bool = False) -> int:
    """A real pair with ground truth: network and SGBM side by side.

    Takes Middlebury's Motorcycle, which comes with scikit-image, and writes disparity, depth, confidence, a coloured
    point cloud and a comparison sheet.

    Args:
        output: Output folder.
        model: Bundled network, or ONNX file of ours.
        overwrite: Replace results that exist.
    """
    refuse_existing(output, (*RESULT_FILES, *_INPUT_FILES, BASELINE), overwrite)
    scene, rig = motorcycle()
    start = time.perf_counter()
    methods = {
        model: load_model(model, "stereo"),
        BASELINE: load_model(BASELINE, "stereo", max_disparity=_BASELINE_DISPARITY_PX),
    }
    loading = time.perf_counter() - start
    check = check_pair(scene.left, scene.right)
    maps, rows = dict[str, MatchedPair](), list[Score]()
    for name, method in methods.items():
        disparity, seconds, first = _timed(method, scene)
        loading += max(0.0, first - seconds) if name == model else 0.0
        maps[name] = MatchedPair(disparity, seconds, check)
        scored, _ = score_sample(scene, name, disparity, seconds, MIDDLEBURY2014)
        rows += [row for row in scored if (row.mask, row.rule) == ("all", "dense") and row.metric in _METRICS]
    _write_inputs(output, scene, rig, {name: matched.disparity for name, matched in maps.items()}, rows)
    for name, method in methods.items():
        summary = summarize(maps[name], method, name, rig, (f"scene: {scene.key}, Middlebury 2014",))
        scores: dict[str, Any] = {"scores": [asdict(row) for row in rows if row.method == name]}
        write_result(
            output if name == model else output / name, scene.left, maps[name].disparity, rig, {**summary, **scores}
        )
    report = Report(MIDDLEBURY2014.name, MIDDLEBURY2014.source, tuple(rows), ())
    for table in report.tables(scene.key):
        Console().print(table)
    for warning in warnings(check):
        print(warning, file=sys.stderr)
    print(f"s: median of {_RUNS} runs, without loading and warming {model} once, {loading:.2f} s")
    print(f"{output}: open sheet.png first, then cloud.ply")
    return 0


def _timed(method: StereoMethod, scene: StereoSample) -> tuple[DisparityMap, float, float]:
    """The result, the median seconds of warm runs, and the seconds of the first run."""
    seconds = list[float]()
    for _ in range(_RUNS + 1):
        start = time.perf_counter()
        disparity = method(scene.left, scene.right)
        seconds.append(time.perf_counter() - start)
    return disparity, statistics.median(seconds[1:]), seconds[0]


def _write_inputs(
    output: Path, scene: StereoSample, rig: StereoRig, maps: dict[str, DisparityMap], rows: list[Score]
) -> None:
    """The pair, its calibration and the comparison sheet."""
    make_output_folder(output)
    write_image(output / "im0.png", scene.left)
    write_image(output / "im1.png", scene.right)
    write_middlebury_calibration(output / "calib.txt", rig)
    captions = {
        name: ", ".join(
            f"{row.metric} {row.value:.3g} {row.unit}"
            for row in rows
            if row.method == name and row.metric in ("bad-2", "avgerr")
        )
        for name in maps
    }
    title = f"Middlebury Motorcycle ({MIDDLEBURY2014.name}, all, dense); hotter is closer"
    write_image(output / "sheet.png", stereo_sheet(scene.left, scene.right, maps, scene.truth, captions, title))
