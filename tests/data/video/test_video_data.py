"""Folders of frames, and that their camera changes as they do."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.data.video.augment import VideoAugmentation, augment_video, mirrored
from leadline.data.video.frames import FrameTriplets, find_frame_folders
from leadline.data.video.stream import to_tensors, video_stream
from leadline.errors import CalibrationError, InputError
from leadline.geometry.camera import Pinhole
from leadline.io.images import write_image
from leadline.samples import VideoSample

K = "50 0 15.5 0 50 7.5 0 0 1"


def write_frames(folder: Path, count: int = 5, first: int = 0, size: tuple[int, int] = (16, 32)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        write_image(folder / f"{number}.png", np.full((*size, 3), 10 * number + first, np.uint8))


def write_sequence(folder: Path, count: int = 5) -> Path:
    write_frames(folder, count)
    (folder / "K.txt").write_text(K)
    return folder


def dots(camera: Pinhole, points: np.ndarray) -> np.ndarray:
    """A frame with a bright smooth dot wherever the camera sees a point."""
    y, x = np.mgrid[: camera.height, : camera.width]
    u = camera.focal_x_px * points[:, 0] / points[:, 2] + camera.center_x_px
    v = camera.focal_y_px * points[:, 1] / points[:, 2] + camera.center_y_px
    shown = np.exp(-((x - u[:, None, None]) ** 2 + (y - v[:, None, None]) ** 2) / 18.0).max(axis=0)
    return np.repeat(np.uint8(255.0 * shown)[..., None], 3, axis=2)


def test_three_neighbours_of_a_folder(tmp_path: Path):
    (sequence,) = find_frame_folders(write_sequence(tmp_path))
    triplets = FrameTriplets([sequence])
    assert len(triplets) == 3
    sample = triplets[1]
    assert [int(frame.max()) for frame in (sample.previous, sample.target, sample.following)] == [10, 20, 30]
    assert sample.key == str(tmp_path / "2.png") == triplets.key(1)
    assert sample.camera == Pinhole(50.0, 50.0, 15.5, 7.5, 16, 32)
    assert sample.right is None
    wide = FrameTriplets([sequence], stride=2)
    assert len(wide) == 1
    assert [int(frame.max()) for frame in (wide[0].previous, wide[0].target, wide[0].following)] == [0, 20, 40]


def test_no_sample_is_of_two_sequences(tmp_path: Path):
    write_sequence(tmp_path / "a", 4)
    write_sequence(tmp_path / "b", 3)
    (tmp_path / "notes").mkdir()
    triplets = FrameTriplets(find_frame_folders(tmp_path))
    folders = [Path(triplets.key(n)).parent.name for n in range(len(triplets))]
    assert folders == ["a", "a", "b"]


def test_the_layout_of_kitti_odometry_has_right_views(tmp_path: Path):
    write_frames(tmp_path / "image_2")
    write_frames(tmp_path / "image_3", first=5)
    rows = ["50 0 15.5 0 0 50 7.5 0 0 0 1 0", "50 0 15.5 -25 0 50 7.5 0 0 0 1 0"]
    (tmp_path / "calib.txt").write_text("".join(f"P{n}: {rows[n % 2]}\n" for n in range(4)))
    (sequence,) = find_frame_folders(tmp_path)
    assert sequence.baseline_m == pytest.approx(0.5)
    sample = FrameTriplets([sequence], right=True)[0]
    assert sample.right is not None
    assert (int(sample.target.max()), int(sample.right.max())) == (10, 15)
    tensors = to_tensors(sample)
    assert tensors["baseline_m"].item() == pytest.approx(0.5)
    assert tensors["right"].shape == (16, 32, 3)
    assert mirrored(sample).baseline_m == pytest.approx(-0.5)
    (tmp_path / "image_3" / "0.png").unlink()
    with pytest.raises(InputError, match=r"a right view in .* for each of 5 frames"):
        find_frame_folders(tmp_path)


def test_kittis_grey_frames_have_the_grey_cameras_baseline(tmp_path: Path):
    shifts = {0: 0, 1: -20, 2: 2, 3: -23}  # fx times the place of each camera
    (tmp_path / "calib.txt").write_text(
        "".join(f"P{n}: 50 0 15.5 {shift} 0 50 7.5 0 0 0 1 0\n" for n, shift in shifts.items())
    )
    for left, right, baseline_m in (("image_0", "image_1", 0.4), ("image_2", "image_3", 0.5)):
        write_frames(tmp_path / left)  # colour comes first where both are there
        write_frames(tmp_path / right)
        (sequence,) = find_frame_folders(tmp_path)
        assert sequence.baseline_m == pytest.approx(baseline_m)


@pytest.mark.parametrize("name", [".", "drive/left"])
def test_the_camera_of_frames_without_a_calibration_is_guessed_and_said(tmp_path: Path, caplog, name: str):
    write_frames(tmp_path / name, 3)  # 32 columns
    (sequence,) = find_frame_folders(tmp_path)
    assert sequence.camera.focal_x_px == pytest.approx(16.0 / np.tan(np.radians(30.0)))
    assert sequence.baseline_m is None
    assert "a field of view of 60 degrees across the width: where that is wrong" in caplog.text


def test_a_folder_that_cannot_be_learned_from_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="expected a folder of frames at"):
        find_frame_folders(tmp_path / "nowhere")
    with pytest.raises(InputError, match="found no images"):
        find_frame_folders(tmp_path)
    write_frames(tmp_path, 5)
    (tmp_path / "K.txt").write_text("no numbers")
    with pytest.raises(CalibrationError):
        find_frame_folders(tmp_path)
    (tmp_path / "K.txt").write_text(K)
    (sequence,) = find_frame_folders(tmp_path)
    with pytest.raises(InputError, match="at least 7 frames for frames 3 apart, got 5; lower frame_stride"):
        FrameTriplets([sequence], stride=3)
    with pytest.raises(InputError, match="expected right views beside"):
        FrameTriplets([sequence], right=True)
    for name in ("2", "3", "4"):
        (tmp_path / f"{name}.png").unlink()
    with pytest.raises(InputError, match=r"expected at least 3 frames in .*, got 2"):
        find_frame_folders(tmp_path)


@pytest.mark.parametrize("seed", range(4))
def test_the_camera_changes_with_the_frames(seed):
    camera = Pinhole(120.0, 130.0, 70.0, 40.0, 96, 160)
    points = np.random.default_rng(1).uniform([-0.7, -0.4, 2.0], [0.7, 0.4, 2.5], (4, 3))
    frame = dots(camera, points)
    sample = VideoSample("a", frame, frame, frame, camera, frame, 0.5)
    options = VideoAugmentation(crop=(64, 96), log2_scale=(0.1, 0.5), photometric=0.0)
    changed = augment_video(sample, options, np.random.default_rng(seed))
    scene = points * [np.sign(changed.baseline_m), 1.0, 1.0]  # in the mirror
    wanted = dots(changed.camera, scene)
    # Dots are of the frame's scale, so their centres are compared where they are brightest.
    peaks = cv2.dilate(changed.target[..., 0], np.ones((9, 9))) == changed.target[..., 0]
    y, x = np.nonzero(peaks & (changed.target[..., 0] > 240))
    assert len(x)
    inside = (x > 1) & (x < 94) & (y > 1) & (y < 62)
    assert (wanted[y[inside], x[inside], 0] > 200).all()


def test_time_runs_both_ways_and_light_changes_alike():
    camera = Pinhole(50.0, 50.0, 31.5, 15.5, 32, 64)
    frames = [np.full((32, 64, 3), value, np.uint8) for value in (40, 80, 120)]
    sample = VideoSample("a", *frames, camera)
    options = VideoAugmentation(crop=(32, 64), reverse=1.0, photometric=0.0)
    back = augment_video(sample, options, np.random.default_rng(0))
    assert [int(frame.max()) for frame in (back.previous, back.target, back.following)] == [120, 80, 40]
    same = VideoSample("a", frames[1], frames[1], frames[1], camera)
    bright = augment_video(same, VideoAugmentation(crop=(32, 64), photometric=1.0), np.random.default_rng(0))
    assert (bright.previous == bright.target).all()
    assert (bright.target != same.target).any()


def test_the_stream_is_a_function_of_the_seed(tmp_path: Path):
    source = FrameTriplets(find_frame_folders(write_sequence(tmp_path)))
    options = VideoAugmentation(crop=(16, 32))
    first, again = (video_stream([source], [1.0], options, 3, start, 4)[2 - start] for start in (0, 1))
    assert all((first[name] == again[name]).all() for name in first)
    assert set(first) == {"previous", "target", "following", "intrinsics"}


def test_samples_that_do_not_fit_together_are_refused():
    frame, camera = np.zeros((4, 6, 3), np.uint8), Pinhole(9.0, 9.0, 2.5, 1.5, 4, 6)
    with pytest.raises(InputError, match="expected a following frame of the target frame's"):
        VideoSample("a", frame, frame, np.zeros((4, 5, 3), np.uint8), camera)
    with pytest.raises(InputError, match="a right view and its baseline, or neither"):
        VideoSample("a", frame, frame, frame, camera, frame)


@pytest.mark.parametrize("change", [{"log2_scale": (-0.1, 0.2)}, {"reverse": 1.5}])
def test_changes_that_give_no_frame_are_refused(change):
    with pytest.raises(InputError, match=next(iter(change))):
        VideoAugmentation(**change)
