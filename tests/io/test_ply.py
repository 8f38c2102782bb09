from pathlib import Path

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.unproject import PointCloud
from leadline.io import read_ply, write_ply


def test_bytes_are_as_the_format_says(tmp_path: Path):
    cloud = PointCloud(np.array([[1, 2, 3]], np.float32), np.array([[10, 20, 30]], np.uint8))
    write_ply(tmp_path / "a.ply", cloud)
    content = (tmp_path / "a.ply").read_bytes()
    assert content.startswith(b"ply\nformat binary_little_endian 1.0\n")
    assert b"element vertex 1\n" in content
    assert content.endswith(b"end_header\n" + np.array([1, 2, 3], "<f4").tobytes() + bytes([10, 20, 30]))


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_what_is_written_is_read(tmp_path: Path, count: int):
    rng = np.random.default_rng(count)
    cloud = PointCloud(rng.normal(size=(count, 3)).astype(np.float32), rng.integers(0, 256, (count, 3), dtype=np.uint8))
    write_ply(tmp_path / "a.ply", cloud)
    back = read_ply(tmp_path / "a.ply")
    assert np.array_equal(back.points, cloud.points)
    assert np.array_equal(back.colors, cloud.colors)


def test_an_independent_reader_agrees(tmp_path: Path):
    trimesh = pytest.importorskip("trimesh")
    rng = np.random.default_rng(0)
    cloud = PointCloud(rng.normal(size=(9, 3)).astype(np.float32), rng.integers(0, 256, (9, 3), dtype=np.uint8))
    write_ply(tmp_path / "a.ply", cloud)
    back = trimesh.load(tmp_path / "a.ply")
    assert np.array_equal(back.vertices.astype(np.float32), cloud.points)
    assert np.array_equal(back.colors[:, :3], cloud.colors)


def test_further_properties_and_elements_are_passed_over(tmp_path: Path):
    header = (
        b"ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty double x\nproperty double y\n"
        b"property double z\nproperty uchar alpha\nproperty uchar red\nproperty uchar green\nproperty uchar blue\n"
        b"element face 0\nproperty list uchar int vertex_indices\nend_header\n"
    )
    (tmp_path / "a.ply").write_bytes(header + np.array([1, 2, 3], "<f8").tobytes() + bytes([9, 1, 2, 3]))
    cloud = read_ply(tmp_path / "a.ply")
    assert cloud.points.tolist() == [[1, 2, 3]]
    assert cloud.colors.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"binary_little_endian", b"ascii", "another form"),
        (b"end_header\n", b"", "another form"),
        (b"element vertex 1\n", b"element vertex 999999999999\n", "expected 999999999999 points, got 1"),
        (b"element vertex 1\n", b"", "another header"),
        (b"property uchar blue\n", b"", "another header"),
        (b"property float x\n", b"property float x\nproperty float x\n", "another header"),
    ],
)
def test_bad_files(tmp_path: Path, old: bytes, new: bytes, reason: str):
    write_ply(tmp_path / "a.ply", PointCloud(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.uint8)))
    content = (tmp_path / "a.ply").read_bytes()
    assert old in content
    (tmp_path / "a.ply").write_bytes(content.replace(old, new))
    with pytest.raises(InputError, match=reason):
        read_ply(tmp_path / "a.ply")


def test_axes_of_opengl_have_y_up(tmp_path):
    cloud = PointCloud(np.array([[1.0, 2.0, 3.0]], np.float32), np.zeros((1, 3), np.uint8))
    write_ply(tmp_path / "a.ply", cloud, axes="opengl")
    np.testing.assert_array_equal(read_ply(tmp_path / "a.ply").points, [[1.0, -2.0, -3.0]])
    assert b"y up, z towards the viewer" in (tmp_path / "a.ply").read_bytes()
