import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from leadline.errors import InputError
from leadline.maps import DepthKind, DepthMap
from leadline.metrics.align import AlignmentName
from leadline.protocols.catalog import DEPTH_PROTOCOLS, find_protocol
from leadline.protocols.metric import Metric
from leadline.protocols.mono.confidence import DEPTH_CONFIDENCE
from leadline.protocols.mono.crops import crop_mask
from leadline.protocols.mono.diode import DIODE
from leadline.protocols.mono.eth3d import ETH3D_DEPTH
from leadline.protocols.mono.evaluate import DepthMethod, evaluate_depth
from leadline.protocols.mono.generic import GENERIC
from leadline.protocols.mono.kitti_eigen import KITTI_EIGEN, KITTI_EIGEN_50M
from leadline.protocols.mono.kitti_eigen_improved import KITTI_EIGEN_IMPROVED
from leadline.protocols.mono.nyu import NYU
from leadline.protocols.mono.protocol import DepthProtocol
from leadline.protocols.mono.sintel import SINTEL_DEPTH
from leadline.protocols.mono.tum_rgbd import TUM_RGBD
from leadline.protocols.report import Score
from leadline.samples import DepthSample

SIZE = (100, 100)
"""Garg's crop of this size is rows 40 to 98, Eigen's rows 33 to 90, both columns 3 to 95."""


def image(size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.zeros((*size, 3), dtype=np.uint8)


def depth_map(values: np.ndarray, kind: DepthKind = "metric", valid: np.ndarray | None = None) -> DepthMap:
    return DepthMap(values.astype(np.float32), np.isfinite(values) if valid is None else valid, kind)


def placed(values: Sequence[float], size: tuple[int, int] = SIZE, rest: float = 0.0) -> np.ndarray:
    """Values side by side in the middle of an image, where every crop has them."""
    depth = np.full(size, rest)
    depth[size[0] // 2, size[1] // 2 : size[1] // 2 + len(values)] = values
    return depth


def scene(truth: Sequence[float], name: str = "s", size: tuple[int, int] = SIZE) -> DepthSample:
    """Truth where it is placed, and unknown, which is 0, everywhere else."""
    depth = placed(truth, size)
    return DepthSample(name, image(size), depth_map(depth, valid=depth > 0))


def always(prediction: DepthMap) -> DepthMethod:
    return lambda image: prediction


def score(
    protocol: DepthProtocol,
    truth: Sequence[float],
    prediction: Sequence[float],
    kind: DepthKind = "metric",
    metric: str = "AbsRel",
    alignment: AlignmentName | None = None,
    size: tuple[int, int] = SIZE,
) -> Score:
    guess = depth_map(placed(prediction, size, rest=1.0), kind)
    report = evaluate_depth([scene(truth, size=size)], {"m": always(guess)}, protocol, alignment)
    return report.score("m", metric, protocol.crops[0], "dense", "s")


def rel(prediction: Sequence[float], truth: Sequence[float]) -> float:
    """AbsRel, written once more."""
    return float(np.mean([abs(z - g) / g for z, g in zip(prediction, truth, strict=True)]))


def test_kitti_metrics_of_two_pixels() -> None:
    for metric, value in (
        ("AbsRel", 0.75),
        ("SqRel", 1.25),
        ("RMSE", np.sqrt(2.5)),
        ("RMSE-log", np.log(2)),
        ("delta<1.25", 0),
        ("delta<1.25^2", 0),
        ("delta<1.25^3", 0),
    ):
        assert score(KITTI_EIGEN, [2, 2], [1, 4], metric=metric).value == pytest.approx(value)


def test_the_median_comes_before_the_clamp() -> None:
    truth, prediction = [10.0, 40.0, 60.0], [100.0, 400.0, 1200.0]
    # The ratio is 40 / 400: 10, 40 and 120 m, of which the last is then clamped to 80 m.
    right = rel([10, 40, 80], truth)
    # Clamped first, all three are 80 m, and the ratio is 40 / 80.
    wrong = rel([40, 40, 40], truth)
    row = score(KITTI_EIGEN, truth, prediction, "up_to_scale")
    assert row.value == pytest.approx(right)
    assert (row.alignment, row.scale, row.shift) == ("median", pytest.approx(0.1), 0.0)
    assert abs(right - wrong) > 0.5
    before = replace(KITTI_EIGEN, clamp="before-alignment", alignments=("median",))
    assert score(before, truth, prediction, "up_to_scale").value == pytest.approx(wrong)


def test_an_unclamped_prediction_scores_otherwise() -> None:
    truth, prediction = [10.0, 40.0, 60.0], [10.0, 40.0, 120.0]
    assert score(KITTI_EIGEN, truth, prediction).value == pytest.approx(rel([10, 40, 80], truth))
    assert rel([10, 40, 80], truth) != pytest.approx(rel(prediction, truth))
    assert score(KITTI_EIGEN, [1.0], [-3.0]).value == pytest.approx(1 - 1e-3)


def test_the_median_is_the_image_s_own() -> None:
    # Every image has another scale; one scale for all would leave errors.
    guesses = iter([depth_map(placed(values, rest=1.0), "up_to_scale") for values in ([1, 2, 3], [50, 100, 150])])
    scenes = [scene([10, 20, 30], "a"), scene([10, 20, 30], "b")]
    report = evaluate_depth(scenes, {"m": lambda image: next(guesses)}, KITTI_EIGEN)
    assert report.score("m", "AbsRel", "garg-crop", "dense").value == pytest.approx(0.0, abs=1e-7)
    assert [report.score("m", "AbsRel", "garg-crop", "dense", name).scale for name in "ab"] == pytest.approx([10, 0.2])
    assert report.score("m", "AbsRel", "garg-crop", "dense").scale is None


@pytest.mark.parametrize("kind", ["metric", "up_to_scale"])
def test_crops_change_the_number(kind: DepthKind) -> None:
    # Right from row 50 on, twice too far above: the crops see different shares of it, and no crop yet another.
    truth = np.full(SIZE, 10.0)
    prediction = np.where(np.arange(100)[:, None] < 50, 20.0, 10.0) * np.ones(SIZE)
    scenes = [DepthSample("s", image(), depth_map(truth))]
    report = evaluate_depth(scenes, {"m": always(depth_map(prediction, kind))}, KITTI_EIGEN)
    garg, eigen = (report.score("m", "AbsRel", crop, "dense") for crop in ("garg-crop", "eigen-crop"))
    assert garg.value == pytest.approx(10 / 59)
    assert eigen.value == pytest.approx(17 / 58)
    assert (garg.pixels, eigen.pixels) == (59 * 93, 58 * 93)
    whole = replace(KITTI_EIGEN, crops=("no-crop",))
    row = evaluate_depth(scenes, {"m": always(depth_map(prediction, kind))}, whole).rows[0]
    # Half of the image each: the median lies between, and both halves are a third off.
    assert row.value == pytest.approx(0.5 if kind == "metric" else (1 / 3 + 1 / 3) / 2)


def test_the_median_is_taken_inside_the_crop() -> None:
    # Of the rows that the crop has, 35 are 10 m away and 24 are 20 m; beside it all is 10 m, but said to be 500.
    row = np.arange(100)[:, None] * np.ones(SIZE)
    inside = crop_mask("garg-crop", *SIZE)
    truth = np.where(inside & (row >= 75), 20.0, 10.0)
    prediction = np.where(inside, truth / 10.0, 500.0)
    scenes = [DepthSample("s", image(), depth_map(truth))]
    report = evaluate_depth(scenes, {"m": always(depth_map(prediction, "up_to_scale"))}, KITTI_EIGEN)
    garg = report.score("m", "AbsRel", "garg-crop", "dense", "s")
    assert (garg.value, garg.scale) == (pytest.approx(0.0, abs=1e-7), pytest.approx(10.0))
    # Over the whole image the ratio is another one.
    assert np.median(truth) / np.median(prediction) == 5.0


def test_pixels_without_truth_do_not_count() -> None:
    # The method says 7 m where nothing is known. If unknown counted as 0 m, the median truth would be 0.
    guess = depth_map(placed([1.0, 2.0, 3.0], rest=7.0), "up_to_scale")
    row = evaluate_depth([scene([2.0, 4.0, 6.0])], {"m": always(guess)}, KITTI_EIGEN).rows[0]
    assert (row.value, row.pixels, row.scale) == (pytest.approx(0.0), 3, pytest.approx(2.0))
    assert np.median(placed([2.0, 4.0, 6.0])) == 0.0


def test_truth_outside_the_range_neither_counts_nor_shifts_the_median() -> None:
    truth, prediction = [10.0, 20.0, 90.0, 95.0, 99.0], [1.0, 2.0, 3.0, 3.0, 3.0]
    row = score(KITTI_EIGEN, truth, prediction, "up_to_scale")
    assert (row.value, row.pixels, row.scale) == (pytest.approx(0.0), 2, pytest.approx(10.0))
    # With all five, the ratio would be 90 / 3.
    assert np.median(truth) / np.median(prediction) == 30.0
    # The ends of the range do not count themselves.
    assert score(KITTI_EIGEN, [80.0, 20.0], [1.0, 20.0]).pixels == 1


def test_50_m_counts_and_clamps_from_1_to_50() -> None:
    row = score(KITTI_EIGEN_50M, [0.5, 10.0, 40.0, 60.0], [0.5, 0.1, 70.0, 60.0])
    assert (row.value, row.pixels) == (pytest.approx(rel([1.0, 50.0], [10.0, 40.0])), 2)
    assert row.clamp_range_m == (1.0, 50.0)
    assert score(KITTI_EIGEN, [0.5, 10.0, 40.0, 60.0], [0.5, 0.1, 70.0, 60.0]).value != pytest.approx(row.value)


def test_networks_trained_on_stereo_have_one_fixed_scale() -> None:
    row = score(KITTI_EIGEN, [5.4, 21.6], [1.0, 2.0], "up_to_scale", alignment="x5.4")
    assert row.value == pytest.approx(rel([5.4, 10.8], [5.4, 21.6]))
    assert (row.alignment, row.scale) == ("x5.4", 5.4)
    median = score(KITTI_EIGEN, [5.4, 21.6], [1.0, 2.0], "up_to_scale")
    assert median.value != pytest.approx(row.value)


def test_improved_truth_counts_beyond_80_m_and_everywhere() -> None:
    row = score(KITTI_EIGEN_IMPROVED, [100.0, 50.0], [100.0, 50.0])
    assert (row.value, row.pixels) == (pytest.approx(rel([80, 50], [100, 50])), 2)
    assert score(KITTI_EIGEN, [100.0, 50.0], [100.0, 50.0]).pixels == 1
    truth = np.full(SIZE, 10.0)
    prediction = np.where(crop_mask("garg-crop", *SIZE), 10.0, 20.0)
    scenes = [DepthSample("s", image(), depth_map(truth))]
    rows = [
        evaluate_depth(scenes, {"m": always(depth_map(prediction))}, protocol).rows[0].value
        for protocol in (KITTI_EIGEN_IMPROVED, KITTI_EIGEN)
    ]
    assert rows == pytest.approx([1 - 0.59 * 0.93, 0.0])


def test_nyu_sees_its_window_up_to_10_m() -> None:
    size = (480, 640)
    truth = np.full(size, 4.0)
    prediction = np.full(size, 8.0)
    prediction[45:471, 41:601] = 5.0
    truth[100, 100], prediction[100, 100] = 11.0, 1.0
    prediction[200, 200] = 30.0
    report = evaluate_depth(
        [DepthSample("s", image(size), depth_map(truth))], {"m": always(depth_map(prediction))}, NYU
    )
    counted = 426 * 560 - 1
    row = report.score("m", "AbsRel", "nyu-crop", "dense", "s")
    assert row.pixels == counted
    # All are 1 m off, but one that is clamped to 10 m.
    assert row.value == pytest.approx((0.25 * (counted - 1) + 1.5) / counted)
    assert report.score("m", "log10", "nyu-crop", "dense").value == pytest.approx(np.log10(1.25), rel=1e-4)
    # 5 / 4 is exactly 1.25, and not below it.
    assert report.score("m", "delta<1.25", "nyu-crop", "dense").value == 0.0
    assert report.score("m", "delta<1.25^2", "nyu-crop", "dense").value == pytest.approx((counted - 1) / counted)


def test_zero_shot_protocols_align_every_kind_in_disparity() -> None:
    truth = np.array([1.0, 2.0, 4.0])
    for protocol in (SINTEL_DEPTH, ETH3D_DEPTH, DIODE):
        for kind, given in (("metric", truth), ("up_to_scale", 7 * truth), ("affine_inverse", 3 / truth + 1)):
            row = score(protocol, truth.tolist(), given.tolist(), kind)
            assert row.alignment == "lsq-disparity"
            assert row.value == pytest.approx(0.0, abs=1e-6)
            assert row.scale is not None


def test_sintel_ignores_what_is_beyond_72_m_and_caps_there() -> None:
    row = score(SINTEL_DEPTH, [10.0, 60.0, 500.0], [10.0, 100.0, 1.0], alignment="none")
    assert (row.value, row.pixels) == (pytest.approx(rel([10, 72], [10, 60])), 2)


def test_distance_behind_the_camera_is_the_cap_and_not_near() -> None:
    # Three pixels lie on a line; the fourth pulls it below 0 where it is itself.
    truth = [1.0, 1.0, 70.0, 70.0]
    x, y = np.array([5.0, 5.0, 0.0, -5.0]), 1 / np.array(truth)
    slope, shift = np.polyfit(x, y, 1)
    line = slope * x + shift
    assert line[3] < 0
    right = rel(np.clip(1 / np.maximum(line, 1 / 72), 0, 72).tolist(), truth)
    wrong = rel(np.clip(1 / line, 1e-3, 72).tolist(), truth)
    assert score(SINTEL_DEPTH, truth, x.tolist(), "affine_inverse").value == pytest.approx(right, rel=1e-6)
    assert abs(right - wrong) > 0.01


def test_eth3d_counts_all_truth_and_caps_predictions() -> None:
    row = score(ETH3D_DEPTH, [10.0, 100.0], [10.0, 100.0], alignment="none")
    assert (row.value, row.pixels) == (pytest.approx(rel([10, 72], [10, 100])), 2)


def test_diode_counts_from_60_cm_to_350_m() -> None:
    row = score(DIODE, [0.5, 1.0, 300.0, 400.0], [9.0, 0.1, 500.0, 9.0], alignment="none")
    assert (row.value, row.pixels) == (pytest.approx(rel([0.6, 350], [1, 300])), 2)


def test_tum_counts_outliers_in_per_cent() -> None:
    # Off by 1.2, by exactly 1.25 and by 3; the last is clamped from 40 to 10 m.
    row = score(TUM_RGBD, [1.0, 4.0, 1.0, 10.0], [1.2, 5.0, 3.0, 40.0], metric="delta>1.25", alignment="none")
    assert (row.value, row.unit) == (25.0, "%")


def test_generic_has_every_metric_and_both_rules() -> None:
    report = evaluate_depth([scene([2.0, 2.0])], {"m": always(depth_map(placed([1.0, 4.0], rest=1.0)))}, GENERIC)
    assert report.score("m", "log10", "no-crop", "dense").value == pytest.approx(np.log10(2))
    assert report.score("m", "SILog", "no-crop", "sparse").value == pytest.approx(100 * np.log(2))


def test_images_weigh_the_same_whatever_their_pixels() -> None:
    # One pixel 100 % off, and nine that are right: 50 % over images, 10 % over pixels.
    scenes = [scene([1.0], "a"), scene([2.0] * 9, "b")]
    report = evaluate_depth(scenes, {"m": always(depth_map(np.full(SIZE, 2.0)))}, KITTI_EIGEN)
    row = report.score("m", "AbsRel", "garg-crop", "dense")
    assert (row.value, row.averaging, row.pixels, row.scenes) == (0.5, "mean-over-scenes", 10, 2)


def test_a_image_without_truth_is_excluded_and_counted() -> None:
    scenes = [
        scene([1.0], "good"),
        DepthSample("none", image()),
        scene([500.0], "far"),
        DepthSample("unknown", image(), depth_map(np.zeros(SIZE), valid=np.zeros(SIZE, dtype=bool))),
    ]
    report = evaluate_depth(scenes, {"m": always(depth_map(np.full(SIZE, 2.0)))}, KITTI_EIGEN)
    row = report.score("m", "AbsRel", "garg-crop", "dense")
    assert (row.value, row.scenes, row.excluded) == (1.0, 1, 3)
    assert {(e.scene, e.reason) for e in report.exclusions} == {
        ("none", "no truth"),
        ("far", "no pixel with truth"),
        ("unknown", "no pixel with truth"),
    }


def test_holes_exclude_the_image_by_the_dense_rule_and_the_pixel_by_the_sparse_rule() -> None:
    values = placed([1.0, 4.0], rest=1.0)
    values[50, 51] = 0.0
    guess = depth_map(values, valid=values > 0)
    scenes = [scene([2.0, 4.0], "holes"), scene([2.0], "whole")]
    report = evaluate_depth(scenes, {"m": always(guess)}, GENERIC)
    dense, sparse = (report.score("m", "AbsRel", "no-crop", rule) for rule in ("dense", "sparse"))
    assert (dense.value, dense.scenes, dense.excluded, dense.density) == (0.5, 1, 1, 1.0)
    assert (sparse.value, sparse.scenes, sparse.excluded, sparse.density) == (0.5, 2, 0, 0.75)
    assert {(e.scene, e.rule, e.reason) for e in report.exclusions} == {("holes", "dense", "prediction has holes")}


def test_guesses_count_by_the_dense_rule_only() -> None:
    guess = depth_map(np.full(SIZE, 4.0), valid=np.zeros(SIZE, dtype=bool))
    report = evaluate_depth([scene([2.0])], {"m": always(guess)}, GENERIC)
    assert report.score("m", "AbsRel", "no-crop", "dense").value == 1.0
    assert {(e.rule, e.reason) for e in report.exclusions} == {("sparse", "nothing predicted where truth is known")}


def test_confidence_ranks_errors() -> None:
    truth = np.full(SIZE, 2.0)
    prediction = np.where(np.arange(100)[:, None] < 50, 2.0, 4.0) * np.ones(SIZE)
    sure = np.where(prediction == 2.0, np.float32(0.9), np.float32(0.1))
    known = DepthMap(prediction.astype(np.float32), np.ones(SIZE, dtype=bool), "metric", sure)
    unknown = replace(known, confidence=np.full(SIZE, 0.5, dtype=np.float32))
    methods = {"known": always(known), "unknown": always(unknown), "none": always(replace(known, confidence=None))}
    report = evaluate_depth([DepthSample("s", image(), depth_map(truth))], methods, DEPTH_CONFIDENCE)
    for ranked, whole in (("AbsRel", 0.5), ("RMSE", np.sqrt(2)), ("delta>1.25", 0.5)):
        assert report.score("known", f"AUSE-{ranked}", "no-crop", "sparse").value == pytest.approx(0.0, abs=1e-12)
        assert report.score("known", f"AURG-{ranked}", "no-crop", "sparse").value > 0.2
        assert report.score("unknown", f"AURG-{ranked}", "no-crop", "sparse").value == pytest.approx(0.01 * whole)
    assert {(e.method, e.reason) for e in report.exclusions} == {("none", "no confidence")}


def test_confidence_is_held_to_its_promise() -> None:
    # Half of the pixels are right and sure (0.9), half are twice too far and unsure (0.1).
    prediction = np.where(np.arange(100)[:, None] < 50, 2.0, 4.0) * np.ones(SIZE)
    sure = np.where(prediction == 2.0, np.float32(0.9), np.float32(0.1))
    guess = DepthMap(prediction.astype(np.float32), np.ones(SIZE, dtype=bool), "metric", sure)
    exact = replace(guess, depth=np.full(SIZE, 2.0, np.float32))
    scenes = [DepthSample("s", image(), depth_map(np.full(SIZE, 2.0)))]
    report = evaluate_depth(scenes, {"half": always(guess), "exact": always(exact)}, DEPTH_CONFIDENCE)

    def value(method: str, metric: str) -> float:
        return report.score(method, metric, "no-crop", "sparse").value

    assert value("half", "ECE-10%") == pytest.approx(0.1, abs=1e-6)
    assert value("exact", "ECE-10%") == pytest.approx((0.1 + 0.9) / 2, abs=1e-6)
    assert (value("half", "AUC-delta>1.25"), value("half", "AbsRel"), value("exact", "AbsRel")) == (1.0, 0.5, 0.0)
    # A share of 1 - exp(-0.1 / b) of Laplace errors of mean b is below 0.1.
    means = [-0.1 / np.log(1 - share) for share in (0.9, 0.1)]
    assert value("half", "expected") == pytest.approx(np.mean(means), rel=1e-5)
    # Where no pixel is an outlier there is nothing to tell apart.
    assert {(e.method, e.metric) for e in report.exclusions} == {("exact", "AUC-delta>1.25")}


def test_every_score_says_where_it_comes_from() -> None:
    row = score(KITTI_EIGEN, [10.0, 20.0], [1.0, 2.0], "up_to_scale")
    assert (row.protocol, row.alignment, row.mask, row.rule, row.clamp_range_m, row.averaging, row.resolution) == (
        "kitti-eigen",
        "median",
        "garg-crop",
        "dense",
        (1e-3, 80.0),
        "one-scene",
        "100x100",
    )
    assert (row.unit, row.scenes, row.excluded, row.density) == ("1", 1, 0, 1.0)


def test_tables_and_json_name_the_alignment() -> None:
    scenes = [scene([10.0, 20.0]), DepthSample("t", image())]
    methods = {
        "metric": always(depth_map(placed([10.0, 20.0], rest=1.0))),
        "relative": always(depth_map(placed([1.0, 2.0], rest=1.0), "up_to_scale")),
    }
    report = evaluate_depth(scenes, methods, KITTI_EIGEN)
    console = Console(width=250, file=io.StringIO())
    for table in report.tables():
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    text = " ".join(console.file.getvalue().split())
    for crop in ("garg-crop", "eigen-crop"):
        for name in ("none", "median"):
            title = f"kitti-eigen, {crop}, dense, alignment {name}, 0.001 to 80 m, mean-over-scenes, 1 scene, 100x100"
            assert title in text
    assert "left out: t (no truth)" in text
    read = json.loads(report.to_json())
    assert {row["alignment"] for row in read["rows"]} == {"none", "median"}
    assert len(read["rows"]) == 2 * 2 * 2 * 7


def test_observer_sees_maps_and_scores() -> None:
    seen: list[tuple[str, list[str], int]] = []

    def observe(scene: DepthSample, maps: Mapping[str, DepthMap], scores: Sequence[Score]) -> None:
        seen.append((scene.key, list(maps), len(scores)))

    evaluate_depth([scene([1.0])], {"m": always(depth_map(np.ones(SIZE)))}, KITTI_EIGEN_IMPROVED, observe=observe)
    assert seen == [("s", ["m"], 7)]


def test_a_kind_that_the_protocol_cannot_align() -> None:
    strict = replace(GENERIC, name="strict", alignments=("none",))
    with pytest.raises(InputError, match=r"strict can align by none, got up_to_scale"):
        score(strict, [1.0], [1.0], "up_to_scale")
    with pytest.raises(InputError, match=r"can align by median, got affine_inverse"):
        score(GENERIC, [1.0], [1.0], "affine_inverse", alignment="median")


def test_an_alignment_that_the_protocol_does_not_have() -> None:
    with pytest.raises(InputError, match=r"for generic, got x5\.4"):
        score(GENERIC, [1.0], [1.0], "up_to_scale", alignment="x5.4")


def test_a_method_that_changes_its_kind() -> None:
    kinds = iter(["metric", "up_to_scale"])
    with pytest.raises(InputError, match="one kind of depth from m"):
        evaluate_depth(
            [scene([1.0], "a"), scene([1.0], "b")], {"m": lambda image: depth_map(np.ones(SIZE), next(kinds))}, GENERIC
        )


def test_inverse_depth_cannot_be_clamped_in_metres() -> None:
    with pytest.raises(InputError, match="got lsq-disparity, lsq-depth, huber-disparity"):
        replace(GENERIC, clamp="before-alignment")


def test_a_prediction_of_another_size() -> None:
    with pytest.raises(InputError, match="resize it"):
        evaluate_depth([scene([1.0])], {"m": always(depth_map(np.ones((50, 50))))}, GENERIC)


def test_no_methods_no_scenes_one_name_twice() -> None:
    method = {"m": always(depth_map(np.ones(SIZE)))}
    with pytest.raises(InputError, match="at least one method"):
        evaluate_depth([scene([1.0])], {}, GENERIC)
    with pytest.raises(InputError, match="no scenes"):
        evaluate_depth([], method, GENERIC)
    with pytest.raises(InputError, match="s twice"):
        evaluate_depth([scene([1.0]), scene([1.0])], method, GENERIC)
    with pytest.raises(InputError, match="got 1: no truth"):
        evaluate_depth([DepthSample("t", image())], method, GENERIC)


def test_truth_must_be_metric() -> None:
    truth = depth_map(np.ones(SIZE), "up_to_scale")
    with pytest.raises(InputError, match="metric truth"):
        evaluate_depth([DepthSample("s", image(), truth)], {"m": always(depth_map(np.ones(SIZE)))}, GENERIC)


def test_a_score_must_be_finite() -> None:
    broken = replace(GENERIC, metrics=(Metric("x", "m", lambda _: np.inf),))
    with pytest.raises(InputError, match="finite x on scene s"):
        score(broken, [1.0], [1.0], metric="x")


def test_protocols_by_name() -> None:
    assert list(DEPTH_PROTOCOLS) == [
        "kitti-eigen",
        "kitti-eigen-50m",
        "kitti-eigen-improved",
        "nyu",
        "sintel-depth",
        "eth3d-depth",
        "diode",
        "tum-rgbd",
        "generic",
        "depth-confidence",
    ]
    assert find_protocol("nyu", DEPTH_PROTOCOLS) is NYU
    with pytest.raises(InputError, match="kitti-eigen, kitti-eigen-50m"):
        find_protocol("kitti", DEPTH_PROTOCOLS)


@pytest.mark.parametrize("protocol", DEPTH_PROTOCOLS.values(), ids=DEPTH_PROTOCOLS.keys())
def test_every_protocol_aligns_every_kind(protocol: DepthProtocol) -> None:
    for kind, alignment in (("up_to_scale", ("median", "lsq-disparity")), ("affine_inverse", ("lsq-disparity",))):
        assert protocol.alignment_for(kind) in alignment
    assert protocol.alignment_for("metric") in ("none", "lsq-disparity")
