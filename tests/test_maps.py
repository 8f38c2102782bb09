"""Disparity and depth maps: conversion, validity, flying points, refusals."""

from types import SimpleNamespace

import numpy as np
import pytest

from leadline.errors import CalibrationError, InputError
from leadline.geometry import Pinhole, StereoRig
from leadline.maps import DepthMap, DisparityMap, FlowMap, error_bound_px, expected_error_px

CAMERA = Pinhole(100.0, 100.0, 1.0, 1.0, 3, 4)
RIG = StereoRig(CAMERA, Pinhole(100.0, 100.0, 3.0, 1.0, 3, 4), 0.5)
IMAGE = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)


def constant(value: float) -> np.ndarray:
    """A 3x4 layer."""
    return np.full((3, 4), value, dtype=np.float32)


def everywhere() -> np.ndarray:
    """A 3x4 mask."""
    return np.ones((3, 4), dtype=bool)


def test_disparity_becomes_metric_depth() -> None:
    """Z = f b / (d + doffs) = 50 / (8 + 2) = 5 m; camera and confidence go along."""
    confidence = constant(0.7)
    depth = DisparityMap(constant(8.0), everywhere(), confidence).to_depth(RIG)
    np.testing.assert_allclose(depth.depth, 5.0)
    assert depth.kind == "metric"
    assert depth.camera == CAMERA
    assert depth.valid.all()
    np.testing.assert_array_equal(depth.confidence, confidence)


def test_disparity_at_infinity_and_invalid_pixels_have_no_depth() -> None:
    """D + doffs <= 0 becomes invalid, invalid stays so, and no value is infinite."""
    disparity, valid = constant(8.0), everywhere()
    disparity[0] = [-2.0, -3.0, 0.0, 8.0]
    valid[0, 3] = False
    depth = DisparityMap(disparity, valid).to_depth(RIG)
    np.testing.assert_array_equal(depth.valid[0], [False, False, True, False])
    assert depth.depth[0, 2] == 25.0
    assert np.isfinite(depth.depth).all()


def test_invalid_pixels_may_hold_anything() -> None:
    """Not-a-number where nothing is claimed."""
    disparity, valid = constant(8.0), everywhere()
    disparity[1, 1], valid[1, 1] = np.nan, False
    depth = DisparityMap(disparity, valid).to_depth(RIG)
    assert not depth.valid[1, 1]
    assert np.isfinite(depth.depth).all()


def test_valid_pixels_must_be_finite() -> None:
    """For disparity as for depth."""
    broken = constant(1.0)
    broken[2, 3] = np.inf
    with pytest.raises(InputError, match="finite disparity wherever valid"):
        DisparityMap(broken, everywhere())
    with pytest.raises(InputError, match="finite depth wherever valid"):
        DepthMap(broken, everywhere(), "metric")


def test_layers_of_another_shape_are_refused() -> None:
    """The message names the layer; asked past the type checks that run during tests, as other callers would come."""
    layers = SimpleNamespace(disparity=constant(1.0), valid=everywhere().T, confidence=None)
    with pytest.raises(InputError, match=r"valid of the disparity's shape \(3, 4\), got \(4, 3\)"):
        DisparityMap.__post_init__(layers)  # type: ignore[arg-type]
    layers = SimpleNamespace(depth=constant(1.0), valid=everywhere(), confidence=constant(0.5)[:, :3])
    with pytest.raises(InputError, match="confidence of the depth's shape"):
        DepthMap.__post_init__(layers)  # type: ignore[arg-type]


def test_calibration_of_another_size_is_refused() -> None:
    """It must be scaled first."""
    with pytest.raises(CalibrationError, match=r"rig\.scaled"):
        DisparityMap(constant(1.0), everywhere()).to_depth(RIG.scaled(6, 8))


def test_cloud_of_a_plane() -> None:
    """Every pixel once, at ((x - cx) Z / f, (y - cy) Z / f, Z), with its colour."""
    cloud = DepthMap(constant(2.0), everywhere(), "metric", camera=CAMERA).to_cloud(IMAGE)
    assert cloud.points.shape == (12, 3)
    np.testing.assert_allclose(cloud.points[7], [0.04, 0.0, 2.0], atol=1e-7)
    np.testing.assert_array_equal(cloud.colors, IMAGE.reshape(-1, 3))


def test_cloud_keeps_confident_and_valid_points() -> None:
    """Confidence of exactly the threshold counts."""
    confidence, valid = constant(0.5), everywhere()
    confidence[0], valid[1] = 0.49, False
    cloud = DepthMap(constant(2.0), valid, "metric", confidence, CAMERA).to_cloud(IMAGE)
    np.testing.assert_array_equal(cloud.colors, IMAGE[2])
    assert len(DepthMap(constant(2.0), valid, "metric", confidence, CAMERA).to_cloud(IMAGE, 0.0).points) == 8


def test_flying_points_are_left_out() -> None:
    """One column between a near and a far surface belongs to neither; the surfaces' own edges stay."""
    depth = np.tile(np.array([1.0, 2.0, 3.0, 3.0], dtype=np.float32), (3, 1))
    cloud = DepthMap(depth, everywhere(), "metric", camera=CAMERA).to_cloud(IMAGE)
    np.testing.assert_array_equal(np.unique(cloud.points[:, 2]), [1.0, 3.0])
    upright = DepthMap(depth.T.copy(), everywhere().T, "metric", camera=Pinhole(100.0, 100.0, 1.0, 1.0, 4, 3))
    cloud = upright.to_cloud(IMAGE.reshape(4, 3, 3))
    np.testing.assert_array_equal(np.unique(cloud.points[:, 2]), [1.0, 3.0])


def test_slanted_surfaces_do_not_fly() -> None:
    """A slant of 3 % a pixel lies within the tolerance of 4 %, and a thin thing in front is no mixture."""
    slant = np.tile(np.array([1.0, 1.03, 1.06, 1.09], dtype=np.float32), (3, 1))
    assert len(DepthMap(slant, everywhere(), "metric", camera=CAMERA).to_cloud(IMAGE).points) == 12
    pole = np.tile(np.array([3.0, 1.0, 3.0, 3.0], dtype=np.float32), (3, 1))
    assert len(DepthMap(pole, everywhere(), "metric", camera=CAMERA).to_cloud(IMAGE).points) == 12


def test_unknown_neighbours_make_nobody_fly() -> None:
    """A pixel between an unknown one (held as 0) and a far surface is judged by what is known."""
    depth, valid = np.tile(np.array([0.0, 2.0, 3.0, 3.0], dtype=np.float32), (3, 1)), everywhere()
    valid[:, 0] = False
    cloud = DepthMap(depth, valid, "metric", camera=CAMERA).to_cloud(IMAGE)
    np.testing.assert_array_equal(np.unique(cloud.points[:, 2]), [2.0, 3.0])


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (2, 2)])
def test_tiny_maps_have_clouds(size: tuple[int, int]) -> None:
    """No pixel has two opposite neighbours, so none flies."""
    camera = Pinhole(100.0, 100.0, 0.0, 0.0, *size)
    depth = DepthMap(np.ones(size, dtype=np.float32), np.ones(size, dtype=bool), "metric", camera=camera)
    assert len(depth.to_cloud(np.zeros((*size, 3), dtype=np.uint8)).points) == size[0] * size[1]


def test_cloud_needs_camera_scale_and_image() -> None:
    """Affine-inverse depth has no shape, and colours must fit."""
    with pytest.raises(CalibrationError, match="known camera and scale"):
        DepthMap(constant(1.0), everywhere(), "affine_inverse", camera=CAMERA).to_cloud(IMAGE)
    with pytest.raises(CalibrationError, match="affine_depth"):
        DepthMap(constant(1.0), everywhere(), "affine_depth", camera=CAMERA).to_cloud(IMAGE)
    with pytest.raises(CalibrationError, match="known camera and scale"):
        DepthMap(constant(1.0), everywhere(), "metric").to_cloud(IMAGE)
    with pytest.raises(InputError, match="image of"):
        DepthMap(constant(1.0), everywhere(), "metric", camera=CAMERA).to_cloud(IMAGE.reshape(4, 3, 3))


def test_expected_error_is_the_mean_of_a_laplace_distribution() -> None:
    error = np.abs(np.random.default_rng(0).laplace(0.0, 0.8, 200_000))
    right = np.array([(error < 1.0).mean()])
    np.testing.assert_allclose(expected_error_px(right), error.mean(), rtol=0.01)
    for share in (0.5, 0.8, 0.95):
        assert (error <= error_bound_px(right, share)).mean() == pytest.approx(share, abs=0.005)


def test_expected_error_is_finite_at_confidence_0_and_positive_at_1() -> None:
    least, most = expected_error_px(np.array([0.0, 1.0]))
    assert most == pytest.approx(0.145, abs=0.001)
    assert least == pytest.approx(19.5, abs=0.1)
    found = DisparityMap(constant(8.0), everywhere(), constant(0.7))
    assert found.expected_error is not None
    np.testing.assert_allclose(found.expected_error, 0.8306, atol=1e-4)
    assert DisparityMap(constant(8.0), everywhere()).expected_error is None


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2, float("nan")])
def test_an_interval_of_no_or_all_disparities_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="expected a share between 0 and 1"):
        error_bound_px(np.array([0.5]), share)


# Confidence, expected error, and the way back to disparity


@pytest.mark.parametrize("bad", [5.0, -0.1, np.nan, np.inf])
def test_confidence_outside_of_0_to_1_is_refused(bad: float):
    values, valid = np.ones((2, 3), np.float32), np.ones((2, 3), bool)
    confidence = np.full((2, 3), np.float32(0.5))
    confidence[0, 1] = bad
    with pytest.raises(InputError, match="confidence from 0 to 1"):
        DisparityMap(values, valid, confidence)
    with pytest.raises(InputError, match="confidence from 0 to 1"):
        DepthMap(values, valid, "metric", confidence)


def test_expected_error_in_metres():
    """f b = 10 px m: 5 px is 2 m, and 1 px more or less there 2^2 / 10 = 0.4 m for each px of expected error."""
    camera = Pinhole(100.0, 100.0, 1.0, 0.5, 2, 3)
    confidence = np.full((2, 3), np.float32(1.0 - np.exp(-1.0)))  # expects 1 px
    found = DisparityMap(np.full((2, 3), np.float32(5.0)), np.ones((2, 3), bool), confidence)
    depth = found.to_depth(StereoRig(camera, camera, 0.1))
    assert depth.expected_error_m == pytest.approx(0.4, rel=1e-5)
    unrated = DisparityMap(found.disparity, found.valid).to_depth(StereoRig(camera, camera, 0.1))
    assert unrated.expected_error_m == pytest.approx(0.2, rel=1e-5)


def test_clouds_leave_out_guesses_and_what_is_too_far():
    camera = Pinhole(100.0, 100.0, 1.0, 0.5, 2, 3)
    disparity = np.array([[10.0, 5.0, 0.001], [10.0, 5.0, 0.001]], np.float32)
    found = DisparityMap(disparity, np.ones((2, 3), bool), np.full((2, 3), np.float32(0.98)))
    depth = found.to_depth(StereoRig(camera, camera, 0.1))
    assert depth.depth[0, 2] == pytest.approx(10_000.0)
    image = np.zeros((2, 3, 3), np.uint8)
    assert sorted(set(depth.to_cloud(image, max_edge_ratio=9.0).points[:, 2].round(3).tolist())) == [1.0, 2.0]
    assert len(depth.to_cloud(image, max_edge_ratio=9.0, max_depth=1.5).points) == 2
    assert len(depth.to_cloud(image, max_edge_ratio=9.0, max_relative_error=1e9).points) == 6


def test_depth_to_disparity_is_the_way_back():
    left, right = Pinhole(100.0, 100.0, 1.0, 0.5, 2, 3), Pinhole(100.0, 100.0, 4.0, 0.5, 2, 3)
    rig = StereoRig(left, right, 0.1)
    found = DisparityMap(np.array([[1.0, 2.0, 7.0], [4.0, -1.0, 0.5]], np.float32), np.ones((2, 3), bool))
    back = found.to_depth(rig).to_disparity(rig)
    assert np.allclose(back.disparity, found.disparity, atol=1e-5)
    # By hand: 10 px m / 2.5 m - 3 px of doffs = 1 px.
    depth = DepthMap(np.full((2, 3), np.float32(2.5)), np.ones((2, 3), bool), "metric")
    assert depth.to_disparity(rig).disparity == pytest.approx(1.0)
    with pytest.raises(CalibrationError, match="metric depth"):
        DepthMap(depth.depth, depth.valid, "up_to_scale").to_disparity(rig)
    with pytest.raises(CalibrationError, match=r"use rig\.scaled"):
        depth.to_disparity(rig.scaled(4, 6))


def test_flow_from_left_to_right_is_minus_the_disparity() -> None:
    """A point 3 px farther left in the right view has disparity 3; what rises by 2 px is not of a rectified pair."""
    flow = np.zeros((3, 4, 2), np.float32)
    flow[..., 0] = -3.0
    flow[0, :, 1] = 2.0
    flow[1, 0, 0] = 5.0
    confidence = constant(0.5)
    disparity = FlowMap(flow, everywhere(), confidence).to_disparity()
    assert disparity.valid.tolist() == [[False] * 4, [False, True, True, True], [True] * 4]
    np.testing.assert_array_equal(disparity.disparity[disparity.valid], 3.0)
    np.testing.assert_array_equal(disparity.confidence, confidence)
    np.testing.assert_allclose(FlowMap(flow, everywhere()).speed[0], np.sqrt(13.0))


def test_flow_is_finite_where_valid_and_of_one_size() -> None:
    """As for disparity: either component may be not-a-number only where nothing is claimed."""
    for component in (0, 1):
        flow = np.zeros((3, 4, 2), np.float32)
        flow[1, 2, component] = np.nan
        with pytest.raises(InputError, match="expected finite flow"):
            FlowMap(flow, everywhere())
        valid = everywhere()
        valid[1, 2] = False
        assert FlowMap(flow, valid).valid.sum() == 11
    layers = SimpleNamespace(flow=np.zeros((3, 4, 2), np.float32), valid=everywhere().T, confidence=None)
    with pytest.raises(InputError, match="valid of the flow's shape"):
        FlowMap.__post_init__(layers)  # type: ignore[arg-type]


def test_flow_back_must_be_of_the_same_size() -> None:
    flow = FlowMap(np.zeros((3, 4, 2), np.float32), everywhere())
    with pytest.raises(InputError, match="expected backward flow of"):
        flow.forward_backward(FlowMap(np.zeros((3, 5, 2), np.float32), np.ones((3, 5), bool)))


def test_flow_back_from_where_nothing_is_known_confirms_nothing() -> None:
    flow = FlowMap(np.zeros((3, 4, 2), np.float32), everywhere())
    known = everywhere()
    known[:, 2:] = False
    checked = flow.forward_backward(FlowMap(np.zeros((3, 4, 2), np.float32), known))
    assert checked.valid[:, 0].all()
    assert not checked.valid[:, 2:].any()
