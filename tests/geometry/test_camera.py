"""Pinholes, lenses and rigs: what they compute and what they refuse."""

from types import SimpleNamespace

import numpy as np
import pytest

from leadline.errors import CalibrationError
from leadline.geometry import DistortedCamera, Pinhole, StereoRig, UnrectifiedRig

CAMERA = Pinhole(100.0, 110.0, 49.5, 39.5, 80, 100)


def test_scaled_keeps_the_center_of_a_centered_camera() -> None:
    """(cx + 0.5) s - 0.5: the middle of 100 columns is 49.5, of 50 columns 24.5."""
    half = CAMERA.scaled(40, 50)
    assert half == Pinhole(50.0, 55.0, 24.5, 19.5, 40, 50)
    assert DistortedCamera(CAMERA, (0.1, 0.0, 0.0, 0.0), "radtan").scaled(40, 50).camera == half


def test_scaled_pixel_sees_the_same_ray() -> None:
    """Pixel x of the image lies at (x + 0.5) s - 0.5 of the resized one."""
    camera = Pinhole(123.0, 120.0, 31.7, 20.2, 60, 90)
    resized = camera.scaled(45, 60)
    place = (17.0 + 0.5) * 60 / 90 - 0.5
    assert (place - resized.center_x_px) / resized.focal_x_px == pytest.approx((17.0 - 31.7) / 123.0)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_focal_length_is_refused(bad: float) -> None:
    """Focal lengths are positive and finite."""
    with pytest.raises(CalibrationError, match="positive focal_x_px"):
        Pinhole(bad, 1.0, 0.0, 0.0, 2, 2)


def test_infinite_principal_point_is_refused() -> None:
    """The principal point may lie outside of the image, but somewhere."""
    with pytest.raises(CalibrationError, match="finite principal point"):
        Pinhole(1.0, 1.0, float("nan"), 0.0, 2, 2)


@pytest.mark.parametrize(("count", "model"), [(3, "radtan"), (15, "radtan"), (5, "equidistant"), (0, "equidistant")])
def test_wrong_number_of_coefficients_is_refused(count: int, model: str) -> None:
    """Each lens model has its counts."""
    with pytest.raises(CalibrationError, match=f"{model} coefficients, got {count}"):
        DistortedCamera(CAMERA, (0.0,) * count, model)  # type: ignore[arg-type]


def test_unknown_model_is_refused() -> None:
    """The message names the two models that exist."""
    with pytest.raises(CalibrationError, match="radtan or equidistant, got 'double-sphere'"):
        # Past the type checks that run during tests, as a caller without them would come.
        DistortedCamera.__post_init__(SimpleNamespace(model="double-sphere", distortion=(0.0,) * 4))  # type: ignore[arg-type]


def test_infinite_coefficient_is_refused() -> None:
    """Not-a-number would make every pixel unknown."""
    with pytest.raises(CalibrationError, match="finite distortion"):
        DistortedCamera(CAMERA, (0.0, float("nan"), 0.0, 0.0), "radtan")


def test_rig_doffs_and_scale() -> None:
    """Doffs is cx_right - cx_left and shrinks with the image."""
    rig = StereoRig(CAMERA, Pinhole(100.0, 110.0, 59.5, 39.5, 80, 100), 0.2)
    assert rig.doffs_px == 10.0
    assert rig.scaled(40, 50).doffs_px == 5.0


@pytest.mark.parametrize("baseline", [0.0, -0.1, float("nan")])
def test_rig_without_baseline_is_refused(baseline: float) -> None:
    """A baseline is a positive length."""
    with pytest.raises(CalibrationError, match="positive baseline"):
        StereoRig(CAMERA, CAMERA, baseline)


def test_rig_of_unlike_cameras_is_refused() -> None:
    """Rectified cameras share size and focal length."""
    with pytest.raises(CalibrationError, match="one image size"):
        StereoRig(CAMERA, CAMERA.scaled(40, 50), 0.1)
    with pytest.raises(CalibrationError, match="one focal length"):
        StereoRig(CAMERA, Pinhole(101.0, 110.0, 49.5, 39.5, 80, 100), 0.1)


def test_unrectified_rig_measures_its_baseline() -> None:
    """3-4-0 triangle: 0.5 m, at any image size."""
    lens = DistortedCamera(CAMERA, (), "radtan")
    transform = np.eye(4)
    transform[:2, 3] = [-0.3, 0.4]
    rig = UnrectifiedRig(lens, lens, transform)
    assert rig.baseline_m == pytest.approx(0.5)
    assert rig.scaled(40, 50).baseline_m == pytest.approx(0.5)
    assert rig.scaled(40, 50).left.camera.width == 50


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        (np.full((4, 4), np.nan), "finite 4x4"),
        (np.diag([2.0, 1.0, 1.0, 1.0]), "rotation and a translation"),
        (np.diag([-1.0, 1.0, 1.0, 1.0]), "rotation and a translation"),
        (np.eye(4), "cameras apart"),
    ],
)
def test_impossible_transform_is_refused(transform: np.ndarray, words: str) -> None:
    """Stretched, mirrored, unknown or absent motion."""
    lens = DistortedCamera(CAMERA, (), "radtan")
    with pytest.raises(CalibrationError, match=words):
        UnrectifiedRig(lens, lens, transform)


def test_transform_of_another_shape_is_refused() -> None:
    """A bare rotation lacks the translation."""
    with pytest.raises(CalibrationError, match="finite 4x4"):
        UnrectifiedRig.__post_init__(SimpleNamespace(right_from_left=np.eye(3)))  # type: ignore[arg-type]
