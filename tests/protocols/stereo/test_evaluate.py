import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from leadline.classical.fill import fill_background
from leadline.classical.stereo import ClassicalStereo
from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.protocols.catalog import STEREO_PROTOCOLS, find_protocol
from leadline.protocols.metric import Metric
from leadline.protocols.report import Score
from leadline.protocols.stereo.confidence import CONFIDENCE
from leadline.protocols.stereo.eth3d import ETH3D
from leadline.protocols.stereo.evaluate import evaluate
from leadline.protocols.stereo.kitti2012 import KITTI2012
from leadline.protocols.stereo.kitti2015 import KITTI2015
from leadline.protocols.stereo.middlebury2014 import MIDDLEBURY2014
from leadline.protocols.stereo.protocol import StereoProtocol
from leadline.protocols.stereo.scenes import load_scenes
from leadline.samples import StereoSample

Method = Callable[[np.ndarray, np.ndarray], DisparityMap]


def disparity_map(values: list[float], valid: list[bool] | None = None) -> DisparityMap:
    row = np.array([values], dtype=np.float32)
    return DisparityMap(row, np.ones(row.shape, dtype=bool) if valid is None else np.array([valid]))


def scene(
    name: str, truth: list[float], known: list[bool] | None = None, both: list[bool] | None = None
) -> StereoSample:
    image = np.zeros((1, len(truth), 3), dtype=np.uint8)
    return StereoSample(name, image, image, disparity_map(truth, known), None if both is None else ~np.array([both]))


def without_truth(name: str) -> StereoSample:
    image = np.zeros((1, 4, 3), dtype=np.uint8)
    return StereoSample(name, image, image)


def constant(value: float, confidence: float | None = None) -> Method:
    def method(left: np.ndarray, right: np.ndarray) -> DisparityMap:
        shape = left.shape[:2]
        layer = None if confidence is None else np.full(shape, confidence, dtype=np.float32)
        return DisparityMap(np.full(shape, value, dtype=np.float32), np.ones(shape, dtype=bool), layer)

    return method


def holes(value: float, every: int) -> Method:
    def method(left: np.ndarray, right: np.ndarray) -> DisparityMap:
        valid = np.ones(left.shape[:2], dtype=bool)
        valid[:, ::every] = False
        return DisparityMap(np.where(valid, np.float32(value), np.float32(0)), valid)

    return method


def test_middlebury_of_four_pixels() -> None:
    # Errors 0, 1, 3 and 5 px; the last pixel is occluded.
    report = evaluate(
        [scene("s", [10, 11, 13, 15], both=[True, True, True, False])], {"m": constant(10)}, MIDDLEBURY2014
    )
    for metric, value in (("bad-0.5", 75), ("bad-1", 50), ("bad-2", 50), ("bad-4", 25)):
        assert report.score("m", metric, "all", "dense").value == value
    assert report.score("m", "avgerr", "all", "dense").value == pytest.approx(9 / 4)
    assert report.score("m", "rms", "all", "dense").value == pytest.approx(np.sqrt(35 / 4))
    assert report.score("m", "A50", "all", "dense").value == pytest.approx(2.0)
    assert report.score("m", "A99", "all", "dense").value == pytest.approx(3 + 2 * 0.97)
    assert report.score("m", "avgerr", "noc", "dense").value == pytest.approx(4 / 3)
    assert report.score("m", "bad-4", "noc", "dense").value == 0


def test_dense_and_sparse_rule_of_four_pixels() -> None:
    # Columns 0 and 2 have no prediction; the other two are off by 0 and 3 px.
    report = evaluate([scene("s", [10, 10, 13, 13])], {"m": holes(10, 2)}, MIDDLEBURY2014)
    sparse, dense = (report.score("m", "bad-2", "all", rule) for rule in ("sparse", "dense"))
    assert (sparse.value, sparse.pixels, sparse.density) == (50, 2, 0.5)
    assert (dense.value, dense.pixels, dense.density) == (75, 4, 0.5)
    assert report.score("m", "avgerr", "all", "sparse").value == 1.5
    assert report.score("m", "avgerr", "all", "dense").value == (10 + 0 + 13 + 3) / 4


def test_a_scene_without_truth_is_excluded_and_counted() -> None:
    scenes = [
        scene("good", [10, 10]),
        without_truth("none"),
        scene("unknown", [0, 0], [False, False]),
        scene("bad", [10, 20, 30, 40]),
    ]
    report = evaluate(scenes, {"m": constant(10)}, MIDDLEBURY2014)
    row = report.score("m", "bad-2", "all", "dense")
    assert (row.value, row.scenes, row.excluded) == ((0 + 75) / 2, 2, 2)
    assert {(e.scene, e.reason) for e in report.exclusions if e.mask == "all"} == {
        ("none", "no truth"),
        ("unknown", "no pixel with truth"),
    }
    assert report.scene_names() == ("good", "bad")


def test_kitti2015_pools_pixels_and_kitti2012_averages_images() -> None:
    # One pixel of which one is an outlier (100 %), and nine without any (0 %).
    scenes = [scene("a", [20]), scene("b", [10] * 9)]
    pooled = evaluate(scenes, {"m": constant(10)}, KITTI2015).score("m", "D1-all", "all", "background-interpolated")
    assert (pooled.value, pooled.averaging, pooled.pixels) == (pytest.approx(10.0), "pixel-pooled", 10)
    mean = evaluate(scenes, {"m": constant(10)}, KITTI2012).score("m", "out-3", "all", "background-interpolated")
    assert (mean.value, mean.averaging) == (50.0, "mean-over-scenes")


def test_pooled_density_is_over_pixels_with_truth() -> None:
    # 1 of 2 and 7 of 8 predicted: 8 of 10.
    scenes = [scene("a", [10] * 2), scene("b", [10] * 8)]

    def first_missing(left: np.ndarray, right: np.ndarray) -> DisparityMap:
        valid = np.ones(left.shape[:2], dtype=bool)
        valid[0, 0] = False
        return DisparityMap(np.where(valid, np.float32(10), np.float32(0)), valid)

    report = evaluate(scenes, {"m": first_missing}, KITTI2015)
    for rule in ("sparse", "background-interpolated"):
        assert report.score("m", "D1-all", "all", rule).density == pytest.approx(0.8)


def test_kitti2015_uses_both_clauses() -> None:
    # 4 px off 100 px is within 5 %; 4 px off 20 px is not.
    report = evaluate([scene("a", [100, 20])], {"m": lambda left, right: disparity_map([96, 16])}, KITTI2015)
    assert report.score("m", "D1-all", "all", "background-interpolated").value == 50


def test_kitti_interpolates_missing_predictions() -> None:
    report = evaluate([scene("a", [10, 10, 10, 20])], {"m": holes(10, 2)}, KITTI2012)
    row = report.score("m", "out-3", "all", "background-interpolated")
    assert (row.value, row.density) == (25, 0.5)
    assert report.score("m", "avg", "all", "background-interpolated").value == 2.5
    assert report.score("m", "out-3", "all", "sparse").value == 50


def test_every_score_says_where_it_comes_from() -> None:
    row = evaluate([scene("s", [10, 10])], {"m": constant(10)}, ETH3D).score("m", "bad-1", "all", "dense", "s")
    assert (row.protocol, row.resolution, row.mask, row.rule, row.averaging, row.unit) == (
        "eth3d",
        "2x1",
        "all",
        "dense",
        "one-scene",
        "%",
    )


def test_resolution_over_scenes_is_a_range() -> None:
    scenes = [scene("a", [10] * 8), scene("b", [10] * 2)]
    assert evaluate(scenes, {"m": constant(10)}, ETH3D).score("m", "rms", "all", "dense").resolution == "2x1 to 8x1"


def test_seconds_are_measured_and_averaged() -> None:
    waits = iter([0.02, 0.06])

    def slow(left: np.ndarray, right: np.ndarray) -> DisparityMap:
        time.sleep(next(waits))
        return constant(10)(left, right)

    report = evaluate([scene("a", [10]), scene("b", [10])], {"m": slow}, ETH3D)
    first, second = (report.score("m", "rms", "all", "dense", name).seconds for name in "ab")
    assert first >= 0.02
    assert second >= 0.06
    assert report.score("m", "rms", "all", "dense").seconds == pytest.approx((first + second) / 2)


def test_confidence_protocol() -> None:
    scenes = [scene("a", [10, 10, 10, 20])]
    report = evaluate(scenes, {"m": constant(10, 0.75), "plain": constant(10)}, CONFIDENCE)
    # Three of four pixels are right, and that is what the confidence says.
    assert report.score("m", "ECE-1px", "all", "sparse").value == pytest.approx(0.0)
    assert report.score("m", "AUC-bad-2", "all", "sparse").value == 0.5
    assert report.score("m", "AURG", "all", "sparse").value == pytest.approx(0.01 * 2.5)
    # 80 % would be within 1.16 px, of which the mean error would be 0.72 px.
    assert report.score("m", "in-80", "all", "sparse").value == 0.75
    assert report.score("m", "expected", "all", "sparse").value == pytest.approx(-1.0 / np.log(0.25))
    # The oracle keeps errors of 0 once a quarter is removed, and the constant confidence 2.5 px until the end.
    assert report.score("m", "AUSE", "all", "sparse").value > 1.5
    assert {e.reason for e in report.exclusions if e.method == "plain" and e.mask == "all"} == {"no confidence"}
    with pytest.raises(InputError, match="see its exclusions"):
        report.score("plain", "ECE-1px", "all", "sparse")


def test_undefined_auc_is_left_out() -> None:
    report = evaluate([scene("a", [10, 10])], {"m": constant(10, 0.75)}, CONFIDENCE)
    assert ("AUC-bad-2", "undefined on these pixels") in {(e.metric, e.reason) for e in report.exclusions}
    assert report.score("m", "ECE-1px", "all", "sparse").value == pytest.approx(0.25)


def test_json_holds_everything() -> None:
    report = evaluate([scene("s", [10, 12]), without_truth("t")], {"m": constant(10)}, KITTI2015)
    read = json.loads(report.to_json())
    assert read["protocol"] == "kitti2015"
    assert len(read["rows"]) == len(report.rows) == 4
    assert set(read["rows"][0]) >= {"value", "unit", "resolution", "mask", "rule", "averaging", "density", "excluded"}
    assert read["exclusions"][-1]["reason"] == "no truth"


def printed(tables: Sequence[object]) -> str:
    console = Console(width=200, file=io.StringIO())
    for table in tables:
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    # Titles are broken at the table's width.
    return " ".join(console.file.getvalue().split())


def test_tables_name_protocol_and_what_was_left_out() -> None:
    scenes = [scene("s", [10, 10, 10, 14]), without_truth("t")]
    report = evaluate(scenes, {"m": constant(10, 0.5), "n": constant(10)}, KITTI2015)
    text = printed(report.tables())
    assert "kitti2015, all, background-interpolated, pixel-pooled, 1 scene, 4x1" in text
    assert "D1-all %" in text
    assert "25" in text
    assert "left out: t (no truth)" in text
    assert "kitti2015, all, sparse, one-scene, s, 4x1" in printed(report.tables("s"))
    confidence = evaluate(scenes[:1], {"m": constant(10, 0.5), "n": constant(10)}, CONFIDENCE)
    assert "left out: n on s (no confidence)" in printed(confidence.tables())


def test_observer_sees_maps_and_scores() -> None:
    seen: list[tuple[str, list[str], int]] = []

    def observe(scene: StereoSample, maps: Mapping[str, DisparityMap], scores: Sequence[Score]) -> None:
        seen.append((scene.key, list(maps), len(scores)))

    evaluate([scene("a", [10]), scene("b", [10])], {"m": constant(10), "n": constant(9)}, KITTI2015, observe)
    assert seen == [("a", ["m", "n"], 4), ("b", ["m", "n"], 4)]


def test_no_methods() -> None:
    with pytest.raises(InputError, match="at least one method"):
        evaluate([scene("a", [10])], {}, KITTI2015)


def test_one_name_twice() -> None:
    with pytest.raises(InputError, match="a twice"):
        evaluate([scene("a", [10]), scene("a", [10])], {"m": constant(10)}, KITTI2015)


def test_nothing_to_score() -> None:
    with pytest.raises(InputError, match="no truth"):
        evaluate([without_truth("a")], {"m": constant(10)}, KITTI2015)
    with pytest.raises(InputError, match="no scenes"):
        evaluate([], {"m": constant(10)}, KITTI2015)


def test_a_score_must_be_finite() -> None:
    broken = StereoProtocol("p", (Metric("x", "px", lambda _: np.inf),), ("all",), ("dense",), "mean-over-scenes", "")
    with pytest.raises(InputError, match="finite x on scene a"):
        evaluate([scene("a", [10])], {"m": constant(10)}, broken)


def test_protocols_by_name() -> None:
    assert list(STEREO_PROTOCOLS) == ["middlebury2014", "eth3d", "kitti2012", "kitti2015", "confidence"]
    assert find_protocol("kitti2012", STEREO_PROTOCOLS) is KITTI2012
    with pytest.raises(InputError, match="middlebury2014, eth3d"):
        find_protocol("kitty", STEREO_PROTOCOLS)


def test_truth_scores_perfectly_on_real_scenes(real_dir: Path) -> None:
    scenes = {scene.key: scene for scene in load_scenes(real_dir / "stereo") if scene.key in ("cones", "tsukuba")}
    truths = iter(scenes.values())

    def oracle(left: np.ndarray, right: np.ndarray) -> DisparityMap:
        truth = next(truths).truth
        assert truth is not None
        return DisparityMap(fill_background(truth.disparity, truth.valid), np.ones_like(truth.valid))

    report = evaluate(scenes.values(), {"oracle": oracle}, MIDDLEBURY2014)
    assert len(report.rows) == 3 * 2 * 2 * 10
    assert {row.value for row in report.rows} == {0.0}


def test_a_classical_matcher_on_motorcycle(motorcycle: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    left, right, disparity = motorcycle
    known = np.isfinite(disparity)
    truth = DisparityMap(np.where(known, disparity, 0).astype(np.float32), known)
    scenes = [StereoSample("Motorcycle", left, right, truth)]
    report = evaluate(scenes, {"sgbm-3way": ClassicalStereo("sgbm-3way", 96)}, MIDDLEBURY2014)
    row = report.score("sgbm-3way", "bad-2", "all", "dense")
    assert (row.resolution, row.density, row.pixels) == ("741x500", 1.0, int(known.sum()))
    # From a good to a middling setting of this matcher.
    assert 5 < row.value < 12
    assert 1 < report.score("sgbm-3way", "avgerr", "all", "dense").value < 2.5
    assert 0.05 < report.score("sgbm-3way", "A50", "all", "dense").value < 0.5
