"""Methods at equal density: hand-made rows of pixels whose most confident ones can be counted."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.protocols.report import Report
from leadline.protocols.stereo.equal_density import evaluate_at_density, most_confident
from leadline.protocols.stereo.middlebury2014 import MIDDLEBURY2014
from leadline.samples import StereoSample

TRUTH = [10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0]


def disparity_map(values: list[float], valid: list[bool], confidence: list[float] | None = None) -> DisparityMap:
    sure = None if confidence is None else np.array([confidence], np.float32)
    return DisparityMap(np.array([values], np.float32), np.array([valid]), sure)


def scene(key: str = "s", occluded: list[bool] | None = None, known: list[bool] | None = None) -> StereoSample:
    image = np.zeros((1, 8, 3), np.uint8)
    hidden = None if occluded is None else np.array([occluded])
    return StereoSample(key, image, image, disparity_map(TRUTH, known or [True] * 8), hidden)


def always(found: DisparityMap):
    return lambda scene: found


#: Errors of 0, 1, 2, ... 7 px, the surer the smaller.
NETWORK = disparity_map([10.0 + k for k in range(8)], [True] * 8, [0.9 - 0.1 * k for k in range(8)])
#: Valid on half of the pixels; two of those are 5 px off.
MATCHER = disparity_map([10, 15, 10, 15, 0, 0, 0, 0], [True] * 4 + [False] * 4)


def bad2(report: Report, method: str, mask: str = "all", scene: str | None = None) -> tuple[float, float, int]:
    row = report.score(method, "bad-2", mask, "sparse", scene)
    return row.value, row.density, row.pixels


def test_the_surest_half_is_scored():
    report = evaluate_at_density([scene()], {"net": always(NETWORK)}, MIDDLEBURY2014, 0.5)
    # Errors 0, 1, 2, 3: one above 2 px.
    assert bad2(report, "net") == (25.0, 0.5, 4)
    assert report.score("net", "avgerr", "all", "sparse").value == pytest.approx(1.5)


def test_the_density_of_a_matcher_is_that_of_its_valid_pixels():
    methods = {"net": always(NETWORK), "sgbm": always(MATCHER)}
    report = evaluate_at_density([scene()], methods, MIDDLEBURY2014, "sgbm")
    assert bad2(report, "sgbm") == (50.0, 0.5, 4)
    assert bad2(report, "net") == (25.0, 0.5, 4)


def test_pixels_are_counted_under_the_mask_and_where_truth_is_known():
    hidden = [False] * 6 + [True] * 2
    known = [False] + [True] * 7
    methods = {"net": always(NETWORK), "sgbm": always(MATCHER)}
    report = evaluate_at_density([scene(occluded=hidden, known=known)], methods, MIDDLEBURY2014, "sgbm")
    # Of 5 pixels both see and truth knows, the matcher has 3 (errors 5, 0, 5); the network's surest 3 err 1, 2, 3 px.
    assert bad2(report, "sgbm", "noc") == (pytest.approx(200 / 3), 0.6, 3)
    assert bad2(report, "net", "noc") == (pytest.approx(100 / 3), 0.6, 3)
    assert bad2(report, "net", "all") == (pytest.approx(100 / 3), pytest.approx(3 / 7), 3)


def test_every_score_and_table_names_the_density():
    methods = {"net": always(NETWORK), "sgbm": always(MATCHER)}
    for density, label in ((0.25, "0.25"), ("sgbm", "of sgbm")):
        chosen = methods if density == "sgbm" else {"net": methods["net"]}
        report = evaluate_at_density([scene()], chosen, MIDDLEBURY2014, density)
        assert {row.at_density for row in report.rows} == {label}
        assert {row.rule for row in report.rows} == {"sparse"}
        assert str(report.tables()[0].title).startswith(f"middlebury2014, all, sparse at density {label}")


def test_scenes_are_matched_one_by_one():
    sparse = iter([MATCHER, disparity_map(TRUTH, [True] * 2 + [False] * 6)])
    methods = {"sgbm": lambda scene: next(sparse), "net": always(NETWORK)}
    report = evaluate_at_density([scene("a"), scene("b")], methods, MIDDLEBURY2014, "sgbm")
    assert bad2(report, "net", scene="a") == (25.0, 0.5, 4)
    assert bad2(report, "net", scene="b") == (0.0, 0.25, 2)
    assert bad2(report, "net")[:2] == (12.5, 0.375)


def test_who_cannot_reach_the_density_or_cannot_be_ranked_is_left_out_and_counted():
    methods = {"net": always(NETWORK), "sgbm": always(MATCHER)}
    report = evaluate_at_density([scene()], methods, MIDDLEBURY2014, 0.75)
    assert {(e.method, e.mask, e.reason) for e in report.exclusions} == {
        ("sgbm", "all", "sparser than the density"),
        ("sgbm", "noc", "no occlusion mask"),
        ("net", "noc", "no occlusion mask"),
    }
    report = evaluate_at_density([scene()], methods, MIDDLEBURY2014, 0.25)
    assert ("sgbm", "all", "no confidence") in {(e.method, e.mask, e.reason) for e in report.exclusions}
    nothing = disparity_map(TRUTH, [False] * 8)
    with pytest.raises(InputError, match="nothing predicted where truth is known, sparser than the density"):
        evaluate_at_density(
            [scene(occluded=[False] * 8)], {"net": always(NETWORK), "bm": always(nothing)}, MIDDLEBURY2014, "bm"
        )


def test_of_equal_confidence_the_first_pixels_are_kept():
    flat = disparity_map(TRUTH, [True] * 8, [0.5] * 8)
    kept = most_confident(flat.valid, flat, 3)
    assert not isinstance(kept, str)
    assert kept.tolist() == [[True] * 3 + [False] * 5]


@pytest.mark.parametrize("density", [0.0, -0.5, 1.5, float("nan")])
def test_a_density_is_a_share(density: float):
    with pytest.raises(InputError, match="a density above 0 and at most 1"):
        evaluate_at_density([scene()], {"net": always(NETWORK)}, MIDDLEBURY2014, density)


def test_a_density_is_that_of_a_method_that_runs():
    with pytest.raises(InputError, match="a method out of net to give the density, got 'sgbm'"):
        evaluate_at_density([scene()], {"net": always(NETWORK)}, MIDDLEBURY2014, "sgbm")
