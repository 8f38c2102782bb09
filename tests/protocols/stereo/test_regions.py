import numpy as np

from leadline.maps import DisparityMap
from leadline.protocols.stereo.regions import hidden_from_right, left_strip, near_steps, region_masks, weakly_textured
from leadline.samples import StereoSample


def wall_and_box(width: int = 40) -> np.ndarray:
    """A wall of disparity 4; columns 20 to 29 are a box of disparity 10."""
    disparity = np.full((9, width), 4.0, np.float32)
    disparity[:, 20:30] = 10.0
    return disparity


def scene(disparity: np.ndarray, known: np.ndarray | None = None, seen: np.ndarray | None = None) -> StereoSample:
    known = np.ones(disparity.shape, dtype=bool) if known is None else known
    grey = np.zeros((*disparity.shape, 3), np.uint8)
    grey[:, ::2] = 60
    return StereoSample("s", grey, grey, DisparityMap(disparity, known), None if seen is None else ~seen)


def columns(mask: np.ndarray) -> list[int]:
    assert (mask == mask[0]).all()
    return np.flatnonzero(mask[0]).tolist()


def test_strip_is_what_lies_left_of_its_own_disparity() -> None:
    # Column x is matched at x - 4, so columns 0 to 3 have no partner.
    assert columns(left_strip(wall_and_box())) == [0, 1, 2, 3]


def test_box_hides_the_wall_to_its_left() -> None:
    # The box lands on columns 10 to 19 of the right view, the wall's column x on x - 4: so 14 to 19 are hidden.
    disparity = wall_and_box()
    assert columns(hidden_from_right(disparity, np.ones(disparity.shape, dtype=bool))) == [14, 15, 16, 17, 18, 19]


def test_unknown_truth_hides_nothing() -> None:
    disparity = wall_and_box()
    assert not hidden_from_right(disparity, disparity < 10.0).any()


def test_edges_reach_three_pixels_to_either_side_of_a_step() -> None:
    disparity = wall_and_box()
    known = np.ones(disparity.shape, dtype=bool)
    # Steps lie between 19 and 20 and between 29 and 30.
    assert columns(near_steps(disparity, known)) == [*range(16, 24), *range(26, 34)]
    # A step of 2 px is none.
    assert not near_steps(np.where(disparity > 5.0, np.float32(6.0), disparity), known).any()


def test_edge_in_a_hole_of_the_truth_lies_at_the_near_surface() -> None:
    disparity = wall_and_box()
    known = np.ones(disparity.shape, dtype=bool)
    known[:, 15:20] = False
    assert columns(near_steps(disparity, known)) == [*range(16, 24), *range(26, 34)]


def test_weak_texture_is_a_squared_gradient_below_four() -> None:
    image = np.zeros((7, 21, 3), np.uint8)
    image[:, 10:] = 6  # one step of 6 grey levels: 36 in one of three columns is 12 in the mean
    assert columns(~weakly_textured(image)) == [8, 9, 10]
    image[:, 10:] = 3  # 9 / 3 = 3
    assert weakly_textured(image).all()


def test_regions_divide_the_pixels_with_truth() -> None:
    disparity = wall_and_box()
    known = np.ones(disparity.shape, dtype=bool)
    known[0] = False
    masks = region_masks(scene(disparity, known))
    assert np.array_equal(masks["seen"].astype(int) + masks["left strip"] + masks["occluded"], known.astype(int))
    assert not any(mask[0].any() for mask in masks.values())
    assert not masks["weak"].any()


def test_scene_that_knows_what_both_see_is_believed() -> None:
    disparity = wall_and_box()
    seen = np.ones(disparity.shape, dtype=bool)
    seen[:, 35] = False
    seen[:, :4] = False
    masks = region_masks(scene(disparity, seen=seen))
    assert columns(masks["occluded"]) == [35]
    assert columns(masks["left strip"]) == [0, 1, 2, 3]


def test_no_truth_has_no_regions() -> None:
    image = np.zeros((3, 4, 3), np.uint8)
    assert not any(mask.any() for mask in region_masks(StereoSample("s", image, image)).values())
