"""`leadline demo`: a real pair with ground truth, in under a minute."""

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from leadline.geometry.check import check_pair
from leadline.geometry.rig import StereoRig
from leadline.io.calib_middlebury import write_middlebury_calibration
from leadline.io.images import write_image
from leadline.loading import load_model
from leadline.maps import DisparityMap
from leadline.protocols.report import Score
from leadline.protocols.scoring import score_sample
from leadline.protocols.stereo.equal_density import EqualDensity
from leadline.protocols.stereo.middlebury2014 import MIDDLEBURY2014
from leadline.protocols.stereo.motorcycle import motorcycle
from leadline.results.matching import MatchedPair, summarize, warnings
from leadline.results.stereo import RESULT_FILES, refuse_existing, whole_result, write_result
from leadline.runtime.stereo import DEFAULT_MODEL, StereoMethod
from leadline.samples import StereoSample
from leadline.visual.sheet import stereo_sheet

ACCURATE: Final = "leadline-accurate"
BASELINE: Final = "sgbm-3way"
_BASELINE_DISPARITY_PX: Final = 95
"""What the data set states, up to SGBM's next whole sixteen: a wider search costs it time and brings mismatches."""
_METRICS: Final = ("bad-1", "bad-2", "avgerr")
_INPUT_FILES: Final = ("im0.png", "im1.png", "calib.txt", "sheet.png")
_EQUAL_METRIC: Final = "bad-2"
_RUNS: Final = 3


def demo(*, output: Path = Path("leadline-demo"), model: str = DEFAULT_MODEL, overwrite: bool = False) -> int:
    """A real pair with ground truth: networks and SGBM side by side.

    Takes Middlebury's Motorcycle, which comes with scikit-image, and writes disparity, depth, confidence, a coloured
    point cloud and a comparison sheet. SGBM leaves out pixels that it is unsure of; the last column of scores is over
    as many pixels for all, those that each method is most confident of.

    Args:
        output: Output folder.
        model: Bundled network, or ONNX file of ours; leadline-accurate and SGBM run beside it.
        overwrite: Replace results that exist.
    """
    refuse_existing(output, (*RESULT_FILES, *_INPUT_FILES, *{ACCURATE, BASELINE} - {model}), overwrite)
    scene, rig = motorcycle()
    start = time.perf_counter()
    methods = {name: load_model(name, "stereo") for name in dict.fromkeys((model, ACCURATE))}
    methods[BASELINE] = load_model(BASELINE, "stereo", max_disparity=_BASELINE_DISPARITY_PX)
    loading = time.perf_counter() - start
    check = check_pair(scene.left, scene.right)
    maps, rows = dict[str, MatchedPair](), list[Score]()
    for name, method in methods.items():
        disparity, seconds, first = _timed(method, scene)
        loading += max(0.0, first - seconds) if name == model else 0.0
        maps[name] = MatchedPair(disparity, seconds, check)
        scored, _ = score_sample(scene, name, disparity, seconds, MIDDLEBURY2014)
        rows += [row for row in scored if (row.mask, row.rule) == ("all", "dense") and row.metric in _METRICS]
    rows += _at_equal_density(scene, maps)
    others = [name for name in methods if name != model]
    with whole_result(output, (*_INPUT_FILES, *RESULT_FILES), others) as place:
        _write_inputs(place, scene, rig, {name: matched.disparity for name, matched in maps.items()}, rows)
        for name, method in methods.items():
            summary = summarize(maps[name], method, name, rig, (f"scene: {scene.key}, Middlebury 2014",))
            scores: dict[str, Any] = {"scores": [asdict(row) for row in rows if row.method == name]}
            folder = place if name == model else place / name
            write_result(folder, scene.left, maps[name].disparity, rig, {**summary, **scores})
    Console().print(_table(rows))
    for warning in warnings(check):
        print(warning, file=sys.stderr)
    print(f"s: median of {_RUNS} runs, without loading and warming {model} once, {loading:.2f} s")
    print(f"{output}: open sheet.png first, then cloud.ply")
    return 0


def _at_equal_density(scene: StereoSample, maps: Mapping[str, MatchedPair]) -> list[Score]:
    """bad-2 of the pixels that each method is most confident of, as many as the baseline is valid on."""
    equal = EqualDensity(MIDDLEBURY2014, {scene.key: maps[BASELINE].disparity}, f"of {BASELINE}")
    scored = [score_sample(scene, name, found.disparity, found.seconds, equal)[0] for name, found in maps.items()]
    return [row for rows in scored for row in rows if row.mask == "all" and row.metric == _EQUAL_METRIC]


def _table(rows: Sequence[Score]) -> Table:
    """A line per method: its scores on all pixels with truth, then that at equal density."""
    dense = {(row.method, row.metric): row for row in rows if row.at_density is None}
    equal = {row.method: row for row in rows if row.at_density is not None}
    first = rows[0]
    title = ", ".join((first.protocol, first.mask, first.rule, first.averaging, str(first.scene), first.resolution))
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("method", no_wrap=True)
    for metric in _METRICS:
        table.add_column(f"{metric} {dense[first.method, metric].unit}", justify="right")
    table.add_column(f"{_EQUAL_METRIC} %, equal density", justify="right")
    table.add_column("s", justify="right")
    for method in dict.fromkeys(row.method for row in rows):
        values = [f"{dense[method, metric].value:.3g}" for metric in _METRICS]
        compared = f"{equal[method].value:.3g}" if method in equal else "-"
        table.add_row(method, *values, compared, f"{dense[method, _METRICS[0]].seconds:.3f}")
    if equal:
        share = 100.0 * next(iter(equal.values())).density
        table.caption = (
            f"equal density: sparse, the most confident {share:.1f} % of the pixels, as many as {BASELINE} has"
        )
    return table


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
    write_image(output / "im0.png", scene.left)
    write_image(output / "im1.png", scene.right)
    write_middlebury_calibration(output / "calib.txt", rig)
    captions = {
        name: ", ".join(
            f"{row.metric} {row.value:.3g} {row.unit}"
            for row in rows
            if row.method == name and row.metric in ("bad-2", "avgerr") and row.at_density is None
        )
        for name in maps
    }
    title = f"Middlebury Motorcycle ({MIDDLEBURY2014.name}, all, dense); hotter is closer"
    write_image(output / "sheet.png", stereo_sheet(scene.left, scene.right, maps, scene.truth, captions, title))
