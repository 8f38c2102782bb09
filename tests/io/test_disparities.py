"""Other programs' disparity: what is unknown, and what is no pixel."""

import struct
from pathlib import Path

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io import read_pfm, write_pfm
from leadline.io.disparities import read_disparity

TRUE = np.linspace(1.0, 20.0, 40 * 60, dtype=np.float32).reshape(40, 60)


def npy(folder: Path, values: np.ndarray) -> Path:
    np.save(folder / "d.npy", values)
    return folder / "d.npy"


def test_opencv_fixed_point(tmp_path: Path):
    raw = np.rint(TRUE * 16).astype(np.int16)
    raw[:5] = -16
    found = read_disparity(npy(tmp_path, raw))
    assert np.abs(found.disparity - TRUE)[5:].max() <= 1 / 32
    assert not found.valid[:5].any()
    assert "sixteenths" in found.notes[0]


@pytest.mark.parametrize("unknown", [np.finfo(np.float32).max, 65535.0, np.inf, np.nan, -1.0, -16.0, 60.0, 1e32])
def test_marks_of_the_unknown(tmp_path: Path, unknown: float):
    values = TRUE.copy()
    values[10:20] = unknown
    for path in (npy(tmp_path, values), tmp_path / "d.pfm"):
        write_pfm(tmp_path / "d.pfm", values)
        found = read_disparity(path)
        assert not found.valid[10:20].any()
        assert found.valid.sum() == 30 * 60
        assert np.array_equal(found.disparity[found.valid], TRUE[found.valid])


def test_negative_disparity_is_turned_and_said(tmp_path: Path):
    found = read_disparity(npy(tmp_path, -TRUE))
    assert np.array_equal(found.disparity, TRUE)
    assert "sign turned" in found.notes[0]
    with pytest.raises(InputError, match="known pixels, got none"):
        read_disparity(npy(tmp_path, np.full((4, 5), -1.0)))


def test_beyond_the_image(tmp_path: Path):
    values = TRUE.copy()
    values[:4] = 200.0
    found = read_disparity(npy(tmp_path, values))
    assert not found.valid[:4].any()
    assert "10.0 % are 60 px or more" in found.notes[0]


def test_other_files(tmp_path: Path):
    (tmp_path / "d.exr").write_bytes(b"x")
    with pytest.raises(InputError, match=r"\.pfm, \.npy or 16-bit \.png"):
        read_disparity(tmp_path / "d.exr")


@pytest.mark.parametrize("end", [b"\n", b" \n", b"  \n", b"\t\n", b"\r\n", b" \r\n", b" "])
def test_blanks_after_the_scale_of_a_pfm(tmp_path: Path, end: bytes):
    numbers = np.ascontiguousarray(TRUE[::-1], dtype="<f4").tobytes()
    (tmp_path / "d.pfm").write_bytes(b"Pf\n60 40\n-1.0" + end + numbers)
    assert np.array_equal(read_pfm(tmp_path / "d.pfm"), TRUE)


@pytest.mark.parametrize("first", [0x20, 0x09, 0x0A, 0x0D])
def test_numbers_that_begin_with_a_blank_are_not_eaten(tmp_path: Path, first: int):
    values = np.frombuffer(bytes([first, 0x0A, 0x20, 0x41]) * 6, "<f4").reshape(2, 3).astype(np.float32)
    (tmp_path / "d.pfm").write_bytes(b"Pf\n3 2\n-1.0\n" + np.ascontiguousarray(values[::-1]).tobytes())
    assert np.array_equal(read_pfm(tmp_path / "d.pfm"), values)
    (tmp_path / "e.pfm").write_bytes(b"Pf\n3 2\n-1.0x" + struct.pack("<6f", *range(6)))
    with pytest.raises(InputError, match="line end after the scale"):
        read_pfm(tmp_path / "e.pfm")
