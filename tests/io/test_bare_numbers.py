"""Formats that are hardly more than numbers: raw float32, Velodyne scans, one-channel .npy, text."""

from pathlib import Path

import numpy as np
import pytest

from leadline.errors import CalibrationError, InputError
from leadline.io import read_lines, read_matrix, read_npy_plane, read_raw_float32, read_velodyne


def test_raw_float32_has_exactly_the_images_size(tmp_path: Path):
    (tmp_path / "a").write_bytes(np.array([1, 2, np.inf, 4, 5, 6], "<f4").tobytes())
    assert read_raw_float32(tmp_path / "a", 2, 3).tolist() == [[1, 2, np.inf], [4, 5, 6]]
    with pytest.raises(InputError, match="expected 32 bytes for 4x2 float32 numbers, got 24"):
        read_raw_float32(tmp_path / "a", 2, 4)
    with pytest.raises(InputError, match="4x1 float32 numbers of at most 16 bytes, got 24"):
        read_raw_float32(tmp_path / "a", 1, 4)


def test_velodyne(tmp_path: Path):
    (tmp_path / "a.bin").write_bytes(np.arange(8, dtype="<f4").tobytes())
    assert read_velodyne(tmp_path / "a.bin").tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    (tmp_path / "a.bin").write_bytes(bytes(17))
    with pytest.raises(InputError, match="points of 16 bytes"):
        read_velodyne(tmp_path / "a.bin")


def test_npy_planes_with_and_without_a_last_axis(tmp_path: Path):
    path = tmp_path / "a.npy"
    for values in (np.arange(6.0).reshape(2, 3), np.arange(6, dtype=np.float32).reshape(2, 3, 1)):
        np.save(path, values)
        plane = read_npy_plane(path)
        assert plane.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert plane.dtype == np.float32
    np.save(path, np.array([[True, False]]))
    assert read_npy_plane(path).tolist() == [[1, 0]]


def test_bad_npy_planes(tmp_path: Path):
    path = tmp_path / "a.npy"
    with pytest.raises(InputError, match="no such file"):
        read_npy_plane(path)
    for bad in (np.zeros(3), np.zeros((2, 2, 2)), np.zeros((0, 2, 1)), np.zeros((2, 2), complex)):
        np.save(path, bad)
        with pytest.raises(InputError, match=r"or \(height, width, 1\)"):
            read_npy_plane(path)
    np.save(path, np.zeros((2, 2, 1)))
    content = path.read_bytes()
    for cut in (content[:-1], content[:20], b"", content.replace(b"(2, 2, 1)", b"(99999, 99999, 1)")):
        path.write_bytes(cut)
        with pytest.raises(InputError, match=r"whole \.npy"):
            read_npy_plane(path)


def test_lines_of_any_system(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\ntwo \u2028 three\n\nfour".encode())
    assert read_lines(tmp_path / "a.txt", "a list") == ["one", "two \u2028 three", "", "four"]
    (tmp_path / "a.txt").write_bytes(b"one\n")
    assert read_lines(tmp_path / "a.txt", "a list") == ["one"]
    (tmp_path / "a.txt").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InputError, match="expected a list, got binary data"):
        read_lines(tmp_path / "a.txt", "a list")


def test_matrices(tmp_path: Path):
    (tmp_path / "a.txt").write_text("1 2 3\n4 5 6e-1\n")
    assert read_matrix(tmp_path / "a.txt", 2, 3).tolist() == [[1, 2, 3], [4, 5, 0.6]]
    for bad in ("1 2 3", "1 2 3 4 5 x", "1 2 3 4 5 inf"):
        (tmp_path / "a.txt").write_text(bad)
        with pytest.raises(CalibrationError, match=r"for the matrix in .*a\.txt, got"):
            read_matrix(tmp_path / "a.txt", 2, 3)
