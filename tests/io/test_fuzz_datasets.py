"""The readers of datasets' files: any bytes give a result or a LeadlineError, and never a huge allocation."""

import struct
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.errors import LeadlineError
from leadline.io import (
    read_colmap_cameras,
    read_colmap_images,
    read_depth_png,
    read_dpt,
    read_grey8,
    read_kitti_camera,
    read_kitti_projection,
    read_matrix,
    read_npy_plane,
    read_raw_float32,
    read_sintel_camera,
    read_velodyne,
)

_MOST_BYTES = 200_000_000

Reader = Callable[[Path], object]


def pinholes(path: Path) -> None:
    for camera in read_colmap_cameras(path).values():
        camera.pinhole()


READERS: dict[str, tuple[Reader, bytes]] = {
    "cameras.txt": (pinholes, b"1 PINHOLE 8 6 4 4 3 3\n2 SIMPLE_PINHOLE 8 6 4 4 3\n"),
    "images.txt": (read_colmap_images, b"1 1 0 0 0 0 0 0 3 a.jpg\n1 2 -1\n"),
    "a.dpt": (read_dpt, b"PIEH" + struct.pack("<ii", 2, 2) + bytes(16)),
    "a.cam": (lambda path: read_sintel_camera(path, (6, 8)), b"PIEH" + np.eye(3).tobytes() + bytes(96)),
    "calib_cam_to_cam.txt": (
        lambda path: read_kitti_camera(path.parent, 2),
        b"S_rect_02: 8 6\nP_rect_02: 4 0 3 0 0 4 3 0 0 0 1 0\n",
    ),
    "calib_velo_to_cam.txt": (lambda path: read_kitti_projection(path.parent, 2), b"R: 1 0 0 0 1 0 0 0 1\nT: 0 0 0\n"),
    "pose.txt": (lambda path: read_matrix(path, 2, 2), b"1 0\n0 1\n"),
    "a.npy": (
        read_npy_plane,
        b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 1), }",
    ),
    "a.bin": (read_velodyne, bytes(32)),
    "raw.JPG": (lambda path: read_raw_float32(path, 2, 4), bytes(32)),
    "depth.png": (
        lambda path: read_depth_png(path, 1000.0),
        cv2.imencode(".png", np.arange(48, dtype=np.uint16).reshape(6, 8))[1].tobytes(),
    ),
    "mask.png": (
        lambda path: read_grey8(path, "a mask"),
        cv2.imencode(".png", np.arange(48, dtype=np.uint8).reshape(6, 8))[1].tobytes(),
    ),
}


def survives(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        if name == "calib_velo_to_cam.txt":
            cameras = b"R_rect_00: 1 0 0 0 1 0 0 0 1\n" + READERS["calib_cam_to_cam.txt"][1]
            path.with_name("calib_cam_to_cam.txt").write_bytes(cameras)
        path.write_bytes(content)
        tracemalloc.start()
        message = ""
        try:
            READERS[name][0](path)
        except LeadlineError as error:
            message = str(error)
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert "\n" not in message
        assert peak < _MOST_BYTES


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """A good file with a few bytes changed, perhaps cut off."""
    edited = bytearray(content)
    for place, value in draw(st.lists(st.tuples(st.integers(0, len(edited) - 1), st.integers(0, 255)), max_size=8)):
        edited[place] = value
    return bytes(edited[: draw(st.one_of(st.just(len(edited)), st.integers(1, len(edited))))])


@pytest.mark.parametrize("name", sorted(READERS))
def test_damaged_files(name: str):
    @settings(max_examples=30)
    @given(st.one_of(mutated(READERS[name][1]), st.binary(min_size=1, max_size=60)))
    def check(content: bytes) -> None:
        survives(name, content)

    check()


NUMBER = st.sampled_from(["0", "1", "-1", "nan", "inf", "1e308", "-1e308", "1e-320", "x", "9" * 5000, "\u00b2", "8"])


@settings(max_examples=40)
@given(st.lists(NUMBER, min_size=13, max_size=13))
def test_absurd_numbers(values: list[str]):
    blank = " ".join(values[:12])
    survives("cameras.txt", f"{values[12]} PINHOLE {' '.join(values[:6])}\n".encode())
    survives("images.txt", f"{blank}\n{' '.join(values[:9])} a.jpg\n".encode())
    survives("calib_cam_to_cam.txt", f"S_rect_02: {' '.join(values[:2])}\nP_rect_02: {blank}\n".encode())
    survives("calib_velo_to_cam.txt", f"R: {' '.join(values[:9])}\nT: {' '.join(values[9:12])}\n".encode())
    survives("calib_velo_to_cam.txt", f"R: 1 0 0 0 1 0 0 0 1\nT: {' '.join(values[9:12])}\n".encode())
    survives("pose.txt", " ".join(values[:4]).encode())


@settings(max_examples=40)
@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1), st.binary(max_size=64))
def test_absurd_sizes(width: int, height: int, data: bytes):
    survives("a.dpt", b"PIEH" + struct.pack("<ii", width, height) + data)
