"""Any bytes give a result or a LeadlineError: never another exception, never a huge allocation."""

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
from leadline.io import read_calibration, read_image, read_npy, read_pair, read_pfm, read_ply

_MOST_BYTES = 200_000_000


def survives(read: Callable[[Path], object], content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        tracemalloc.start()
        try:
            read(path)
            message = ""
        except LeadlineError as error:
            message = str(error)
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert "\n" not in message
        assert peak < _MOST_BYTES


def seeds() -> dict[str, bytes]:
    image = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    return {suffix: cv2.imencode(suffix, image)[1].tobytes() for suffix in (".png", ".jpg", ".tif", ".ppm")}


SEEDS = seeds()
MPF = b"\xff\xe2\x00\x32MPF\0MM\0*\0\0\0\x08\0\x01\xb0\x02\0\x07\0\0\0\x20\0\0\0\x1a\0\0\0\0" + bytes(22)
JPS = b"\xff\xe3\x00\x10_JPSJPS_\0\x04\0\x04\x02\x01"


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """A good file with a few bytes changed, perhaps cut off."""
    edited = bytearray(content)
    for place, value in draw(st.lists(st.tuples(st.integers(0, len(edited) - 1), st.integers(0, 255)), max_size=8)):
        edited[place] = value
    return bytes(edited[: draw(st.one_of(st.just(len(edited)), st.integers(1, len(edited))))])


@settings(max_examples=40)
@given(
    st.binary(min_size=1, max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"P6 "])
)
def test_images_of_any_bytes(content: bytes, start: bytes):
    survives(read_image, start + content, "a.png")


@pytest.mark.parametrize("suffix", sorted(SEEDS))
def test_damaged_images(suffix: str):
    @settings(max_examples=50)
    @given(mutated(SEEDS[suffix]))
    def check(content: bytes) -> None:
        survives(read_image, content, f"a{suffix}")

    check()


@settings(max_examples=40)
@given(mutated(SEEDS[".jpg"][:2] + MPF + JPS + SEEDS[".jpg"][2:]), st.sampled_from(["a.mpo", "a.jps", "a.jpg"]))
def test_damaged_pairs(content: bytes, name: str):
    survives(read_pair, content, name)


SIZE = st.integers(-2, 10**12)


@settings(max_examples=60)
@given(
    st.sampled_from([b"Pf", b"PF", b"pf"]),
    SIZE,
    SIZE,
    st.text("0123456789+-.eE naif", max_size=8),
    st.binary(max_size=64),
)
def test_pfm(magic: bytes, width: int, height: int, scale: str, data: bytes):
    survives(read_pfm, magic + f"\n{width} {height}\n{scale}\n".encode() + data, "a.pfm")


@settings(max_examples=50)
@given(st.binary(min_size=1, max_size=100))
def test_pfm_ply_and_npy_of_any_bytes(content: bytes):
    survives(read_pfm, content, "a.pfm")
    survives(read_npy, content, "a.npy")
    survives(read_npy, b"\x93NUMPY\x01\x00" + content, "a.npy")
    survives(read_ply, b"ply\nformat binary_little_endian 1.0\n" + content + b"\nend_header\n", "a.ply")


@settings(max_examples=50)
@given(
    st.tuples(SIZE, SIZE),
    st.sampled_from(["<f4", "<f8", "|O", "<U9", "<c8", "<i4", "f9", "|V0"]),
    st.binary(max_size=64),
)
def test_npy_headers(shape: tuple[int, int], dtype: str, data: bytes):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    survives(read_npy, b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data, "a.npy")


CALIBRATIONS = [
    b"""cam0=[500 0 320; 0 500 240; 0 0 1]
cam1=[500 0 330; 0 500 240; 0 0 1]
doffs=10
baseline=100
width=640
height=480
""",
    b"P0: 700 0 600 0 0 700 180 0 0 0 1 0\nP1: 700 0 600 -378 0 700 180 0 0 0 1 0\n",
    b"""cam0: {camera_model: pinhole, intrinsics: [1, 1, 1, 1], distortion_model: none, resolution: [4, 4]}
cam1:
  camera_model: pinhole
  intrinsics: [1, 1, 1, 1]
  distortion_model: none
  resolution: [4, 4]
  T_cn_cnm1: [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
""",
    b"""%YAML:1.0
---
M1: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 1., 0., 0., 0., 1., 0., 0., 0., 1. ]
M2: [1, 0, 0, 0, 1, 0, 0, 0, 1]
D1: [0, 0, 0, 0]
D2: [0, 0, 0, 0]
R: [0, 0, 0]
T: [1, 0, 0]
size: [4, 4]
""",
    b"<opencv_storage><M1><rows>3</rows><data>1 0 0 0 1 0 0 0 1</data></M1><M2><data>1 0 0 0 1 0 0 0 1</data></M2>"
    b"<D1>0 0 0 0</D1><D2>0 0 0 0</D2><R>0 0 0</R><T>1 0 0</T><size>4 4</size></opencv_storage>",
]


@pytest.mark.parametrize("good", CALIBRATIONS)
def test_damaged_calibrations(tmp_path: Path, good: bytes):
    (tmp_path / "good").write_bytes(good)
    read_calibration(tmp_path / "good", (480, 640))

    @settings(max_examples=40)
    @given(mutated(good))
    def check(content: bytes) -> None:
        survives(lambda path: read_calibration(path, (480, 640)), content, "calib")

    check()


NUMBER = st.sampled_from(["0", "1", "-1", "nan", "inf", "1e308", "-1e308", "1e-320", "x", "", "640", "[1]", "{a: 1}"])


@settings(max_examples=40)
@given(st.lists(NUMBER, min_size=13, max_size=13))
def test_calibrations_of_absurd_numbers(values: list[str]):
    rows, blank = ", ".join(values[:9]), " ".join(values[:9])
    middlebury = f"cam0=[{blank}]\ndoffs={values[9]}\nbaseline={values[10]}\nwidth={values[11]}\nheight={values[12]}"
    kitti = f"P0: {' '.join(values[:12])}\nP1: {' '.join(values[1:13])}"
    opencv = f"M1: [{rows}]\nM2: [{rows}]\nD1: [{', '.join(values[9:13])}]\nD2: [0,0,0,0]\nR: [{rows}]\n"
    opencv += f"T: [{', '.join(values[10:])}]"
    for text in (middlebury, kitti, opencv):
        survives(lambda path: read_calibration(path, (480, 640)), text.encode(), "calib")


@settings(max_examples=40)
@given(
    st.one_of(
        st.binary(min_size=1, max_size=200), st.text("{}[]:,&*!|>'\"%@`#-? \n\tcamT_BS01", min_size=1, max_size=80)
    )
)
def test_calibrations_of_any_text(content: bytes | str):
    survives(read_calibration, content if isinstance(content, bytes) else content.encode(), "calib")
