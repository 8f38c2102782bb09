"""Formats that are hardly more than numbers: raw float32, Velodyne scans, one-channel .npy, HDF5, text."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, TracebackType

import numpy as np
import pytest

from leadline.errors import CalibrationError, InputError, MissingExtraError
from leadline.io import read_hdf5_plane, read_lines, read_matrix, read_npy_plane, read_raw_float32, read_velodyne


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


class FakeFile:
    """As much of h5py.File as is used."""

    def __init__(self, arrays: Mapping[str, object]) -> None:
        self.arrays = arrays

    def __enter__(self) -> Mapping[str, object]:
        return self.arrays

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Vast:
    """An array that is only claimed."""

    shape, size, dtype = (1 << 20, 1 << 20), 1 << 40, np.dtype("f4")


@pytest.fixture
def arrays(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    held: dict[str, object] = {}

    def opened(path: Path, mode: str) -> FakeFile:
        if path.read_bytes() != b"HDF5":
            raise OSError("file signature not found")
        return FakeFile(held)

    module = ModuleType("h5py")
    module.File = opened  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "h5py", module)
    return held


def test_hdf5_planes(tmp_path: Path, arrays: dict[str, object]):
    (tmp_path / "a.h5").write_bytes(b"HDF5")
    arrays["depth"] = np.array([[1.5, -1.0]], np.float16)
    plane = read_hdf5_plane(tmp_path / "a.h5", "depth")
    assert plane.tolist() == [[1.5, -1.0]]
    assert plane.dtype == np.float32


def test_bad_hdf5(tmp_path: Path, arrays: dict[str, object]):
    path = tmp_path / "a.h5"
    with pytest.raises(InputError, match="no such file"):
        read_hdf5_plane(path, "depth")
    path.write_bytes(b"HDF5")
    for bad in (np.zeros(3), np.zeros((2, 0)), np.zeros((2, 2), complex), Vast()):
        arrays["depth"] = bad
        with pytest.raises(InputError, match=r"real numbers of shape \(height, width\) under 'depth'"):
            read_hdf5_plane(path, "depth")
    for name in ("other", "group"):
        arrays["group"] = {}
        with pytest.raises(InputError, match=f"an array '{name}', got another or a damaged one"):
            read_hdf5_plane(path, name)
    path.write_bytes(b"JPEG")
    with pytest.raises(InputError, match="got another or a damaged one"):
        read_hdf5_plane(path, "depth")


def test_without_h5py_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "a.h5").write_bytes(b"HDF5")
    with pytest.raises(MissingExtraError, match="pip install h5py"):
        read_hdf5_plane(tmp_path / "a.h5", "depth")


def test_real_hdf5(tmp_path: Path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["depth"] = np.array([[0.0, 2.5]], np.float32)
        file.create_group("group")
    assert read_hdf5_plane(tmp_path / "a.h5", "depth").tolist() == [[0.0, 2.5]]
    for name in ("other", "group"):
        with pytest.raises(InputError, match="got another or a damaged one"):
            read_hdf5_plane(tmp_path / "a.h5", name)
    (tmp_path / "a.h5").write_bytes(b"JPEG")
    with pytest.raises(InputError, match="got another or a damaged one"):
        read_hdf5_plane(tmp_path / "a.h5", "depth")


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
