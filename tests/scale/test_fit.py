"""Relative depth made metric: known scales and shifts come back, and what cannot be known is refused."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.scale.fit import (
    KnownDepths,
    fit_camera_height,
    fit_ground,
    fit_known_depths,
    fit_planes,
    sample_nearest,
    to_metric,
)

CAMERA = Pinhole(100.0, 100.0, 79.5, 59.5, 120, 160)
DEPTHS_M = np.array([1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0])


def depth_map(values, kind, valid=None):
    values = np.asarray(values, np.float32)
    return DepthMap(values, np.ones(values.shape, bool) if valid is None else valid, kind)


def anything(kind):
    return depth_map(np.ones((4, 4)), kind)


def ground(height_m, pitch_deg, roll_deg=0.0):
    """Depth of a plane by intersecting each pixel's ray with it; NaN above the horizon."""
    pitch, roll = np.radians(pitch_deg), np.radians(roll_deg)
    normal = np.array([np.sin(roll) * np.cos(pitch), np.cos(roll) * np.cos(pitch), np.sin(pitch)])
    rows, columns = np.mgrid[:120, :160]
    rays = np.stack([(columns - 79.5) / 100.0, (rows - 59.5) / 100.0, np.ones(rows.shape)], axis=-1)
    falls = rays @ normal
    return np.where(falls > 0, height_m / np.where(falls > 0, falls, 1.0), np.nan)


def relative_ground(kind, height_m, pitch_deg, roll_deg=0.0):
    """Relative depth of ground, its unknowns being: a = 7, t = -2 (affine-inverse); 1 unit = 0.4 m (up to scale)."""
    metres = ground(height_m, pitch_deg, roll_deg)
    valid = np.isfinite(metres)
    values = 7.0 / np.where(valid, metres, 1e9) - 2.0 if kind == "affine_inverse" else metres / 0.4
    return depth_map(np.where(valid, values, 0.0), kind, valid), metres


def test_scale_and_shift_of_inverse_depth_come_back():
    # 1/Z = 0.5 d + 0.05.
    fit = fit_known_depths(anything("affine_inverse"), KnownDepths((1 / DEPTHS_M - 0.05) / 0.5, DEPTHS_M), "tape")
    assert (fit.alignment.space, fit.points, fit.inlier_share, fit.assumption) == ("inverse_depth", 8, 1.0, "tape")
    assert (fit.alignment.scale, fit.alignment.shift) == (pytest.approx(0.5), pytest.approx(0.05))
    assert fit.scale_sigma == pytest.approx(0.0, abs=1e-9)
    assert fit.median_relative_residual == pytest.approx(0.0, abs=1e-9)


def test_wrong_distances_are_left_out():
    values = (1 / DEPTHS_M - 0.05) / 0.5
    wrong = DEPTHS_M.copy()
    wrong[[2, 6]] = [9.0, 0.7]
    fit = fit_known_depths(anything("affine_inverse"), KnownDepths(values, wrong), "")
    assert (fit.alignment.scale, fit.alignment.shift) == (pytest.approx(0.5), pytest.approx(0.05))
    assert fit.inlier_share == 0.75


@pytest.mark.parametrize("kind", ["up_to_scale", "metric"])
def test_depth_needs_a_scale_alone(kind):
    wrong = DEPTHS_M.copy()
    wrong[0] = 55.0
    fit = fit_known_depths(anything(kind), KnownDepths(DEPTHS_M / 2.5, wrong), "")
    assert (fit.alignment.space, fit.alignment.scale, fit.alignment.shift, fit.shift_sigma) == (
        "depth",
        pytest.approx(2.5),
        0.0,
        None,
    )
    assert fit.inlier_share == 7 / 8


def test_shifted_depth_takes_both():
    fit = fit_known_depths(anything("affine_depth"), KnownDepths((DEPTHS_M - 0.5) / 3.0, DEPTHS_M), "")
    assert (fit.alignment.space, fit.alignment.scale, fit.alignment.shift) == (
        "depth",
        pytest.approx(3.0),
        pytest.approx(0.5),
    )
    metric = to_metric(depth_map([[0.5, -1.0, 400.0]], "affine_depth"), fit)
    # 3 * 0.5 + 0.5; behind the camera; beyond 1000 m.
    np.testing.assert_array_equal(metric.valid, [[True, False, False]])
    assert metric.depth[0, 0] == pytest.approx(2.0)


def test_the_error_bar_of_two_and_three_distances():
    known = KnownDepths(np.array([1.0, 2.0]), np.array([2.0, 1.0]))
    assert fit_known_depths(anything("affine_inverse"), known, "").scale_sigma is None
    # Ratios 2, 2, 2.6: their mean is 2.2; variance 0.12 over 2 degrees of freedom, so 0.2 for the mean of three.
    known = KnownDepths(np.ones(3), np.array([2.0, 2.0, 2.6]))
    values = np.array([1.0, 1.0])
    two = fit_known_depths(anything("up_to_scale"), KnownDepths(values, np.array([2.0, 2.6])), "")
    # Two ratios: mean 2.3, variance 0.18, so sqrt(0.18 / 2) = 0.3 for the mean.
    assert (two.alignment.scale, two.scale_sigma) == (pytest.approx(2.3), pytest.approx(0.3))
    assert fit_known_depths(anything("up_to_scale"), known, "").alignment.scale == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("kind", "values", "depths_m", "message"),
    [
        ("affine_inverse", [1.0], [2.0], "at least 2 known distances .* got 1 where"),
        ("affine_depth", [], [], "at least 2 known distances .* got 0 where"),
        ("up_to_scale", [], [], "at least 1 known distance"),
        ("affine_inverse", [1.0, 1.0, 1.0], [2.0, 3.0, 4.0], "data that determine 2 numbers"),
        ("affine_inverse", [1.0, 2.0, 3.0], [2.0, 3.0, 4.0], "smaller where the image looks closer, got"),
    ],
)
def test_distances_that_do_not_do_are_refused(kind, values, depths_m, message):
    with pytest.raises(InputError, match=message):
        fit_known_depths(anything(kind), KnownDepths(np.array(values), np.array(depths_m)), "")


@pytest.mark.parametrize("roll_deg", [0.0, 12.0])
@pytest.mark.parametrize("pitch_deg", [-3.0, 0.0, 15.0])
@pytest.mark.parametrize("kind", ["affine_inverse", "up_to_scale"])
def test_height_over_a_plane(kind, pitch_deg, roll_deg):
    relative, metres = relative_ground(kind, 1.6, pitch_deg, roll_deg)
    fit = fit_camera_height(relative, CAMERA, 1.6, pitch_deg if kind == "affine_inverse" else None)
    found = to_metric(relative, fit, CAMERA)
    assert found.kind == "metric"
    near = metres < 50.0
    np.testing.assert_allclose(found.depth[near], metres[near], rtol=1e-3)
    assert fit.inlier_share > 0.99
    if kind == "affine_inverse":
        # 1/Z = (d + 2) / 7.
        assert (fit.alignment.scale, fit.alignment.shift) == (
            pytest.approx(1 / 7, rel=1e-4),
            pytest.approx(2 / 7, rel=1e-3),
        )
        assert "looks" in fit.assumption
    else:
        assert fit.alignment.scale == pytest.approx(0.4, rel=1e-4)


def test_what_stands_on_the_ground_does_not_count():
    relative, _ = relative_ground("affine_inverse", 1.6, 0.0)
    values = relative.depth.copy()
    values[60:, 20:70] = 3.0
    fit = fit_camera_height(depth_map(values, "affine_inverse", relative.valid), CAMERA, 1.6)
    assert fit.alignment.scale == pytest.approx(1 / 7, rel=1e-3)
    assert fit.inlier_share == pytest.approx(110 / 160, abs=0.02)
    assert 0.0 < fit.scale_sigma < 1e-3


def test_a_pitch_that_is_wrong_moves_the_shift_as_announced():
    relative, _ = relative_ground("affine_inverse", 1.6, 1.0)
    fit = fit_camera_height(relative, CAMERA, 1.6)
    # The camera looks down by 1 degree but is taken to be level: 1/Z is off by sin(1 degree) / 1.6 m = 0.0109 / m.
    assert 2 / 7 - fit.alignment.shift == pytest.approx(np.sin(np.radians(1.0)) / 1.6, rel=0.02)
    assert "0.0109 1/m" in fit.assumption


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("affine_inverse", {"height_m": 0.0}, "above 0 m, got 0"),
        ("affine_inverse", {"height_m": float("nan")}, "above 0 m, got nan"),
        ("affine_inverse", {"pitch_deg": 61.0}, "-60 to 60 degrees, got 61"),
        ("up_to_scale", {"pitch_deg": 0.0}, "no pitch for depth of kind up_to_scale"),
        ("affine_depth", {}, "got affine_depth"),
        ("affine_inverse", {"camera": CAMERA.scaled(60, 80)}, r"got \(60, 80\); use camera.scaled"),
        ("affine_inverse", {"pitch_deg": -50.0}, "above it; correct the pitch"),
    ],
)
def test_heights_that_cannot_be(kind, options, message):
    relative, _ = relative_ground("affine_inverse" if kind == "affine_inverse" else "up_to_scale", 1.6, 0.0)
    relative = DepthMap(relative.depth, relative.valid, kind)
    with pytest.raises(InputError, match=message):
        fit_camera_height(relative, **{"camera": CAMERA, "height_m": 1.6, **options})


def under_the_sky(pitch_deg, roll_deg=0.0, sky=0.0):
    """Ground 1.6 m below the camera, inverse depth in units of a = 7 and t = -2; the sky's own is given in 1/m."""
    relative, metres = relative_ground("affine_inverse", 1.6, pitch_deg, roll_deg)
    values = np.where(relative.valid, np.maximum(relative.depth, 7.0 * sky - 2.0), 7.0 * sky - 2.0)
    return depth_map(values, "affine_inverse"), metres


@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(0.0, 0.0), (15.0, 12.0), (-8.0, 0.0)])
def test_the_ground_under_a_sky_tells_the_pitch(pitch_deg, roll_deg):
    relative, metres = under_the_sky(pitch_deg, roll_deg)
    relative.depth[30:40, 30:60] = 1.0  # something near in the upper half
    fit = fit_ground(relative, CAMERA, 1.6)
    # 1/Z = (d + 2) / 7.
    assert fit.alignment.space == "inverse_depth"
    assert (fit.alignment.scale, fit.alignment.shift) == (
        pytest.approx(1 / 7, rel=1e-4),
        pytest.approx(2 / 7, rel=1e-4),
    )
    near = metres[60:] < 20.0
    np.testing.assert_allclose(to_metric(relative, fit).depth[60:][near], metres[60:][near], rtol=1e-3)
    assert f"looks {pitch_deg:.1f} degrees down" in fit.assumption.replace("-0.0", "0.0")


def test_the_ground_without_a_sky_is_as_wrong_as_announced():
    relative, _ = under_the_sky(0.0, sky=0.02)
    fit = fit_ground(relative, CAMERA, 1.6)
    # The farthest is 50 m away: C - t is 7 x -0.02, and B is 7 / 1.6 for v, so the scale is 1 / (1.6 |(B, C - t)|).
    assert fit.alignment.scale == pytest.approx(1.0 / (1.6 * np.hypot(7 / 1.6, 0.14)), rel=1e-4)
    assert 2 / 7 - fit.alignment.shift == pytest.approx(0.02, rel=0.02)
    assert "all 1/Z are too small by about as much" in fit.assumption


def test_the_ground_of_depth_up_to_scale_is_that_of_the_height():
    relative, _ = relative_ground("up_to_scale", 1.6, 15.0)
    assert fit_ground(relative, CAMERA, 1.6) == fit_camera_height(relative, CAMERA, 1.6)


def test_noise_on_the_ground_makes_the_error_bar():
    relative, _ = under_the_sky(10.0)
    noise = np.random.default_rng(1).normal(0.0, 0.02, relative.depth.shape)
    noise[:50] = 0.0
    clean, noisy = (fit_ground(depth_map(relative.depth + n, "affine_inverse"), CAMERA, 1.6) for n in (0.0, noise))
    assert 0.0 < noisy.scale_sigma < 1e-3
    assert abs(noisy.alignment.scale - clean.alignment.scale) < 4.0 * noisy.scale_sigma


@pytest.mark.parametrize(
    ("kind", "height_m", "camera", "message"),
    [
        ("affine_depth", 1.6, CAMERA, "got affine_depth"),
        ("affine_inverse", 0.0, CAMERA, "above 0 m, got 0"),
        ("affine_inverse", 1.6, CAMERA.scaled(60, 80), r"got \(60, 80\); use camera.scaled"),
    ],
)
def test_grounds_that_cannot_be(kind, height_m, camera, message):
    relative, _ = under_the_sky(0.0)
    with pytest.raises(InputError, match=message):
        fit_ground(DepthMap(relative.depth, relative.valid, kind), camera, height_m)


def test_a_wall_is_no_ground_either():
    with pytest.raises(InputError, match="got none in the lower half"):
        fit_ground(depth_map(np.full((120, 160), 3.0), "affine_inverse"), CAMERA, 1.6)


@pytest.mark.parametrize("rise", [0.0, -1.0])
def test_a_wall_is_no_ground(rise):
    values = 3.0 + rise * np.linspace(0.0, 1.0, 120)[:, None] * np.ones((1, 160))
    with pytest.raises(InputError, match="got none in the lower half"):
        fit_camera_height(depth_map(values, "affine_inverse"), CAMERA, 1.6)
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="got none in the lower half"):
        fit_camera_height(depth_map(values + rng.normal(size=values.shape), "affine_inverse"), CAMERA, 1.6)


def test_nothing_in_the_lower_half():
    valid = np.zeros((120, 160), bool)
    with pytest.raises(InputError, match="depth in the image's lower half, got none"):
        fit_camera_height(depth_map(np.ones((120, 160)), "affine_inverse", valid), CAMERA, 1.6)


def test_metric_depth_of_inverse_depth():
    known = KnownDepths((1 / DEPTHS_M - 0.05) / 0.5, DEPTHS_M)
    fit = fit_known_depths(anything("affine_inverse"), known, "")
    values = np.array([[0.9, -0.1, -0.2, 0.9]])
    metric = to_metric(depth_map(values, "affine_inverse", np.array([[True, True, True, False]])), fit, None)
    # 1/Z = 0.5, exactly at infinity, behind the camera, and unknown.
    np.testing.assert_array_equal(metric.valid, [[True, False, False, False]])
    np.testing.assert_allclose(metric.depth, [[2.0, 0.0, 0.0, 0.0]], rtol=1e-6)


def test_samples_are_of_the_nearest_pixel():
    depth = depth_map(np.arange(6.0).reshape(2, 3), "metric", np.array([[True] * 3, [True, True, False]]))
    found = sample_nearest(depth, np.array([-0.5, 1.4, 2.4, 2.0]), np.array([0.0, 0.6, 0.0, 1.49]))
    np.testing.assert_array_equal(found, [0.0, 4.0, 2.0, np.nan])


def room():
    """Inverse depth from 0.1 to 1 (1/m), known up to a scale of 4 and a shift of -2, with errors of a tenth."""
    rng = np.random.default_rng(3)
    inverse = np.linspace(0.1, 1.0, 4000).reshape(40, 100)
    return depth_map(4.0 * inverse * np.exp(rng.normal(0.0, 0.1, inverse.shape)) - 2.0, "affine_inverse"), 1.0 / inverse


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_a_few_true_distances_are_enough(count):
    relative, metres = room()
    rng = np.random.default_rng(count)
    errors = []
    for _ in range(100):
        y, x = rng.integers(0, 40, count), rng.integers(0, 100, count)
        known = KnownDepths(relative.depth[y, x].astype(np.float64), metres[y, x])
        try:
            found = to_metric(relative, fit_known_depths(relative, known, ""))
        except InputError:
            errors.append(1.0)
            continue
        assert found.valid.mean() > 0.97  # the fit puts nothing behind the camera
        errors.append(float(np.mean(np.abs(found.depth / metres - 1.0)[found.valid])))
    assert np.median(errors) < 0.25
    assert np.mean(np.array(errors) > 0.6) < 0.03


def test_a_fit_says_where_it_contradicts_its_data():
    relative, metres = room()
    y, x = np.arange(0, 40, 3), np.arange(0, 100, 7)[:14]
    values = relative.depth[y, x].astype(np.float64)
    assert fit_known_depths(relative, KnownDepths(values, metres[y, x]), "").doubts() == ()
    shuffled = metres[y, x][[1, 0, 4, 9, 12, 2, 7, 13, 3, 11, 5, 8, 6, 10]]
    (doubt,) = fit_known_depths(relative, KnownDepths(values, shuffled), "").doubts()
    assert "contradicts its own data" in doubt
    alike = KnownDepths(values[:2], np.array([1.3, 1.2]))
    assert "nearly alike (ratio 1.08)" in fit_known_depths(relative, alike, "").doubts()[-1]


@pytest.mark.parametrize(("kind", "values"), [("affine_inverse", (3.0, -1.0)), ("affine_depth", (-1.0, 3.0))])
def test_two_planes_hold_the_image(kind, values):
    # 101 values from near to far: but for one per cent, which is one value, at either end.
    ramp = np.linspace(*values, 101)[None]
    fit = fit_planes(depth_map(ramp, kind), 1.0, 5.0)
    metric = to_metric(depth_map(ramp, kind), fit)
    assert metric.depth[0, [1, -2]] == pytest.approx([1.0, 5.0], rel=1e-5)
    assert "an assumption" in fit.notes[0]


@pytest.mark.parametrize(
    ("relative", "planes", "message"),
    [
        (anything("up_to_scale"), (1.0, 5.0), "unknown scale and shift"),
        (anything("affine_inverse"), (1.0, 5.0), "one value everywhere"),
        (anything("affine_inverse"), (5.0, 1.0), "0 < near < far"),
    ],
)
def test_planes_that_do_not_do(relative, planes, message):
    with pytest.raises(InputError, match=message):
        fit_planes(relative, *planes)


def test_a_fit_that_explains_little_is_doubted():
    """Distances that have nothing to do with the depth map are off by no more than from their own median."""
    rng = np.random.default_rng(2)
    relative = DepthMap(rng.uniform(1.0, 3.0, (20, 20)).astype(np.float32), np.ones((20, 20), bool), "affine_inverse")
    distances = np.linspace(2.0, 3.2, 30)
    fit = fit_known_depths(relative, KnownDepths(rng.uniform(1.0, 3.0, 30), distances), "")
    assert 0.1 < fit.median_relative_residual < 0.25
    assert "explains little of the distances" in fit.doubts()[0]
    # Off by 2 % of 1/Z = (d + 0.5) / 3, they are explained.
    values = 3.0 / distances / rng.normal(1.0, 0.02, 30) - 0.5
    assert fit_known_depths(relative, KnownDepths(values, distances), "").doubts() == ()
