"""Fusion of zones with relative depth, on scenes whose metres are known."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.robotics.tof_field import FieldSettings, correction_field
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_fusion import FUSION_METHODS, combine_frames, fuse_depth
from leadline.robotics.tof_learned import EVIDENCE, fusion_evidence
from leadline.robotics.tof_match import FusionView, ZoneMatch
from leadline.robotics.tof_orientation import ORIENTATIONS, better_orientation
from leadline.robotics.tof_sensor import TofSensor
from leadline.robotics.tof_zones import TofZones

CAMERA = Pinhole(130.0, 130.0, 79.5, 59.5, 120, 160)
VIEW = FusionView(CAMERA, TofZones())
ROWS, COLUMNS = np.mgrid[:120, :160]
ROOM = (1.2 + 1.2 * COLUMNS / 159 + 0.5 * (1.0 - ROWS / 119) ** 2).astype(np.float32)
BOX = (np.abs(COLUMNS - 60) < 25) & (np.abs(ROWS - 60) < 22)
ROOM[BOX] = 0.8


def _relative(depth=ROOM, bend=0.0):
    """As of a network: inverse depth of unknown scale and shift, and bent: too near on the left."""
    inverse = 1.0 / (depth * np.exp(bend * (COLUMNS / 159.0 - 0.5)))
    return DepthMap((3.0 * inverse - 1.0).astype(np.float32), np.ones(depth.shape, bool), "affine_inverse")


def _frame(depth=ROOM, zones=None, noisy=False, **more):
    sensor = TofSensor(zones or TofZones(), noisy=noisy, leak=0.0)
    return sensor.measure(depth[None], CAMERA, 0.8, rng=np.random.default_rng(0), **more).frames()[0]


def _off(fused, depth=ROOM):
    valid = fused.depth.valid
    return float(np.abs(fused.depth.depth[valid] / depth[valid] - 1.0).mean())


@pytest.mark.parametrize(("method", "most"), [("scale-shift", 0.01), ("field", 0.01), ("learned", 0.06)])
def test_exact_depth_and_zones_give_metres(method, most):
    fused = fuse_depth(_relative(), _frame(), VIEW, method=method)
    assert _off(fused) < most
    assert fused.outliers == 0
    if method == "scale-shift":
        # 1/Z = (d + 1) / 3.
        assert fused.scale == pytest.approx(1.0 / 3.0, rel=0.03)
        assert fused.shift == pytest.approx(1.0 / 3.0, rel=0.05)


def test_the_field_corrects_what_scale_and_shift_cannot():
    bent = _relative(bend=0.4)
    plain, field = (fuse_depth(bent, _frame(noisy=True), VIEW, method=method) for method in ("scale-shift", "field"))
    assert _off(field) < 0.6 * _off(plain)
    assert field.field_residual < 0.5 * field.residual


def test_depth_up_to_a_scale_has_no_shift():
    scaled = DepthMap(ROOM / 7.0, np.ones(ROOM.shape, bool), "up_to_scale")
    fused = fuse_depth(scaled, _frame(), VIEW, method="scale-shift")
    assert _off(fused) < 0.01
    assert fused.shift == 0.0
    assert fused.scale == pytest.approx(1.0 / 7.0, rel=0.02)


def test_a_fifth_of_wrong_zones_does_little():
    frame = _frame()
    wrong = frame.distances_m.copy()
    wrong.ravel()[::5] = 3.5  # seen through glass
    fused = fuse_depth(_relative(), TofFrame.from_status(wrong, frame.status), VIEW, method="field")
    assert _off(fused) < 0.05
    assert 9 <= fused.outliers <= 13


def test_a_sensor_beside_the_camera_is_allowed_for():
    pose = np.eye(4)
    pose[0, 3] = 0.15
    view = FusionView(CAMERA, TofZones(), pose)
    frame = _frame(sensor_from_camera=pose)
    assert _off(fuse_depth(_relative(), frame, view, method="field")) < 0.02
    assert _off(fuse_depth(_relative(), frame, VIEW, method="field")) > 0.02


def test_the_error_bar_grows_away_from_the_zones():
    narrow = FusionView(CAMERA, TofZones(8, 25.0))
    fused = fuse_depth(_relative(), _frame(zones=TofZones(8, 25.0)), narrow, method="field")
    assert fused.log_bound[60, 80] < fused.log_bound[5, 150]
    assert ((fused.depth.confidence >= 0.0) & (fused.depth.confidence <= 1.0)).all()


def test_frames_of_four_by_four_zones():
    frame = _frame(zones=TofZones(4))
    for method in FUSION_METHODS[1:]:
        fused = fuse_depth(_relative(), frame, FusionView(CAMERA, TofZones(4)), method=method)
        assert fused.zones == 16


def test_the_evidence_is_what_its_names_say():
    match = ZoneMatch.prepare(_relative(), _frame(), VIEW, None)
    line = match.fit("line")
    seen = match.compare(*line)
    field = correction_field(seen, match.log_depth(*line), match.places, FieldSettings())
    numbers = fusion_evidence(match, seen, field, *line)
    assert numbers.shape[-1] == len(EVIDENCE)
    found = dict(zip(EVIDENCE, np.moveaxis(numbers, -1, 0), strict=True))
    assert (found["valid share"] == 1.0).all()
    assert (found["empty share"] == 0.0).all()
    assert found["x"][0, -1] == pytest.approx(80.0 / 130.0, abs=0.02)
    assert np.exp(found["log depth"]).min() == pytest.approx(0.8, rel=0.03)


@pytest.mark.parametrize("name", list(ORIENTATIONS)[1:])
def test_turned_and_mirrored_zones_are_named(name):
    turns, flip = ORIENTATIONS[name]
    # What makes the given frame upright again is what the name says: undo it first.
    upright = _frame()
    given = upright.turned(-turns).turned(0, flip)
    assert (given.turned(turns, flip).distances_m == upright.distances_m).all()
    found = better_orientation(_relative(), given, VIEW)
    assert found is not None
    assert found[0] == name
    assert found[1] < 0.02 < found[2]


def test_upright_zones_are_left_alone():
    assert better_orientation(_relative(bend=0.2), _frame(noisy=True), VIEW) is None


def test_frames_are_combined_to_a_surer_one():
    rng = np.random.default_rng(0)
    frames = [
        TofFrame.from_status(
            1.5 + rng.normal(0.0, 0.02, (8, 8)),
            np.where(rng.random((8, 8)) < 0.2, 255, 5),
            sigma_m=np.full((8, 8), 0.02),
        )
        for _ in range(25)
    ]
    combined = combine_frames(frames)
    assert combined.valid.all()
    assert float(np.std(combined.distances_m)) == pytest.approx(0.02 / 20**0.5, rel=0.4)
    assert float(np.mean(combined.sigma_m)) == pytest.approx(0.02 / 20**0.5, rel=0.3)


def test_a_zone_that_sees_two_surfaces_in_turn_is_no_mean():
    metres = [1.0, 1.01, 0.99, 1.0, 2.0, 2.01]
    frames = [TofFrame.from_status(np.full((4, 4), z), np.full((4, 4), 5)) for z in metres]
    assert float(combine_frames(frames).distances_m[0, 0]) == pytest.approx(1.0, abs=0.01)
    even = combine_frames(frames[2:])
    assert min(abs(float(even.distances_m[0, 0]) - z) for z in (1.0, 2.0)) < 0.02


def test_a_zone_that_is_rarely_valid_is_not():
    frames = [TofFrame.from_status(np.full((4, 4), 1.0), np.full((4, 4), 5 if i == 0 else 255)) for i in range(5)]
    assert combine_frames(frames).blind


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: fuse_depth(_relative(), TofFrame.from_status(ROOM[:8, :8], np.full((8, 8), 255)), VIEW), "blind"),
        (lambda: fuse_depth(_relative(), _frame(zones=TofZones(4)), VIEW), r"use TofZones\(4\)"),
        (
            lambda: fuse_depth(DepthMap(ROOM, np.ones(ROOM.shape, bool), "affine_depth"), _frame(), VIEW),
            "got affine_depth",
        ),
        (
            lambda: fuse_depth(_relative(), _frame(), VIEW, image=np.zeros((60, 80, 3), np.uint8)),
            "image and depth of one",
        ),
        (
            lambda: fuse_depth(DepthMap(ROOM, np.zeros(ROOM.shape, bool), "affine_inverse"), _frame(), VIEW),
            "got none that is valid",
        ),
        (
            lambda: fuse_depth(
                _relative(),
                TofFrame.from_status(np.ones((8, 8)), np.where(np.arange(64).reshape(8, 8) < 3, 5, 255)),
                VIEW,
            ),
            "at least 4 valid zones that see the image, got 3",
        ),
        (lambda: combine_frames([]), "frames of one size, got none"),
    ],
)
def test_what_cannot_be_fused_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call()


POLE = np.where(np.abs(COLUMNS - 92) < 7, 1.0, 2.4).astype(np.float32)


def _two_targets():
    """A pole before a wall: zones at its sides see both."""
    sensor = TofSensor(noisy=False, leak=0.0, both=True)
    return sensor.measure(POLE[None], CAMERA, 0.8, rng=np.random.default_rng(0)).frames()[0]


def _swapped(frame):
    """The same of a sensor that reports the other target first."""
    mixed = np.isfinite(frame.second_m)
    first = np.where(mixed, frame.second_m, frame.distances_m)
    second = np.where(mixed, frame.distances_m, np.nan)
    return TofFrame.from_status(first, frame.status, second_m=second)


def test_both_targets_of_a_zone_are_compared_with_their_own_surfaces():
    frame = _two_targets()
    mixed = int(np.isfinite(frame.second_m).sum())
    assert mixed >= 8
    match = ZoneMatch.prepare(_relative(POLE), frame, VIEW, None)
    seen = match.compare(*match.fit("line"))
    assert len(seen.error) == 64 + mixed
    assert np.abs(seen.error).max() < 0.03
    assert (np.exp(seen.log_depth) < 1.2).sum() >= 8


def test_the_order_of_targets_does_not_matter():
    frame = _two_targets()
    for given in (frame, _swapped(frame)):
        fused = fuse_depth(_relative(POLE), given, VIEW, method="field")
        assert _off(fused, POLE) < 0.02
        assert fused.outliers == 0
    first = _swapped(frame)
    alone = TofFrame.from_status(first.distances_m, first.status)
    without = fuse_depth(_relative(POLE), alone, VIEW, method="field")
    assert np.abs(without.depth.depth / POLE - 1.0)[POLE < 2.0].mean() > 0.3  # the pole was not measured


def test_second_targets_of_several_frames_are_combined():
    frame = _two_targets()
    combined = combine_frames([frame] * 3)
    np.testing.assert_allclose(combined.second_m, frame.second_m, atol=1e-6)
    without = TofFrame.from_status(frame.distances_m, frame.status)
    assert combine_frames([frame, without]).second_m is None
    fewer = TofFrame.from_status(frame.distances_m, frame.status, second_m=np.full((8, 8), np.nan))
    assert np.isnan(combine_frames([frame, fewer, fewer]).second_m).all()
