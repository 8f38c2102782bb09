from collections.abc import Mapping

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.protocols.stereo.selection import RegionScores, compare, objections, region_scores
from leadline.samples import StereoSample


def scene(known: bool = True) -> StereoSample:
    """20 rows of 100 columns, disparity 10 everywhere, a plain image: a strip of 10 columns, the rest is seen."""
    disparity = np.full((20, 100), 10.0, np.float32)
    image = np.zeros((20, 100, 3), np.uint8)
    return StereoSample("s", image, image, DisparityMap(disparity, np.full(disparity.shape, known)))


def off_by(strip_px: float, elsewhere_px: float) -> DisparityMap:
    disparity = np.full((20, 100), 10.0 + elsewhere_px, np.float32)
    disparity[:, :10] = 10.0 + strip_px
    return DisparityMap(disparity, np.ones(disparity.shape, dtype=bool))


def test_scores_by_region_follow_from_what_is_off_where() -> None:
    found = region_scores(scene(), off_by(4.0, 0.5))
    assert isinstance(found, RegionScores)
    assert found.pixels == {"all": 2000, "seen": 1800, "left strip": 200, "occluded": 0, "edges": 0, "weak": 2000}
    assert found.values == {
        ("all", "EPE"): pytest.approx(0.85),
        ("all", "bad-2"): pytest.approx(10.0),
        ("seen", "EPE"): 0.5,
        ("seen", "bad-2"): 0.0,
        ("left strip", "EPE"): 4.0,
        ("left strip", "bad-2"): 100.0,
        ("weak", "EPE"): pytest.approx(0.85),
        ("weak", "bad-2"): pytest.approx(10.0),
    }


def test_scene_without_truth_has_no_scores() -> None:
    assert region_scores(scene(known=False), off_by(0.0, 0.0)) == "no pixel with truth"


def scores(values: Mapping[str, float]) -> RegionScores:
    return RegionScores({("all", "EPE"): values["epe"], ("all", "bad-2"): values["bad"], **_strip(values)}, {})


def _strip(values: Mapping[str, float]) -> dict:
    return {("left strip", "bad-2"): values["strip"]} if "strip" in values else {}


def test_parts_that_a_scene_lacks_are_compared_on_the_others() -> None:
    old = [scores({"epe": 1.0, "bad": 10.0}), scores({"epe": 2.0, "bad": 20.0, "strip": 40.0})]
    new = [scores({"epe": 0.5, "bad": 8.0}), scores({"epe": 1.5, "bad": 16.0, "strip": 30.0})]
    found = compare(new, old)
    assert (found["all", "EPE"].mean, found["all", "EPE"].scenes) == (-0.5, 2)
    assert (found["left strip", "bad-2"].mean, found["left strip", "bad-2"].scenes) == (-10.0, 1)
    assert objections(found) == []


def test_what_is_neutral_or_costs_a_region_is_refused() -> None:
    old = [scores({"epe": 1.0, "bad": 10.0, "strip": 20.0})] * 4
    mixed = [scores({"epe": 1.0 + step, "bad": 10.0 + 10 * step, "strip": 20.0}) for step in (-0.1, -0.1, 0.1, 0.1)]
    assert objections(compare(mixed, old)) == ["neither EPE nor bad-2 falls for certain"]
    shifted = [scores({"epe": 0.9, "bad": 9.0, "strip": 22.0})] * 4
    assert objections(compare(shifted, old)) == ["bad-2 grows by 10% in left strip"]
    assert objections(compare([scores({"epe": 0.9, "bad": 9.0, "strip": 20.9})] * 4, old)) == []
    worse = [scores({"epe": 0.9, "bad": 10.2, "strip": 20.0})] * 4
    assert objections(compare(worse, old)) == ["bad-2 grows"]


def test_other_scenes_are_refused() -> None:
    with pytest.raises(InputError, match="same scenes"):
        compare([scores({"epe": 1.0, "bad": 1.0})], [])
    with pytest.raises(InputError, match="finite"):
        compare([scores({"epe": float("nan"), "bad": 1.0})], [scores({"epe": 1.0, "bad": 1.0})])
