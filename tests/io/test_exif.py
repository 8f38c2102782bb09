"""Focal lengths out of EXIF data that another library wrote."""

import struct
from math import hypot, radians, tan

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from leadline.errors import InputError
from leadline.io.exif import field_of_view_deg, read_exif_focal

WIDTH, HEIGHT = 400, 300
DIAGONAL = 500.0


@pytest.fixture
def image(tmp_path):
    """Writes an image of 400x300 with the EXIF tags that are given."""

    def write(name="a.jpg", size=(WIDTH, HEIGHT), orientation=None, **tags):
        exif = Image.Exif()
        if orientation is not None:
            exif[0x0112] = orientation
        numbers = {
            "rendered": 0xA401,
            "focal": 0x920A,
            "film": 0xA405,
            "plane_x": 0xA20E,
            "unit": 0xA210,
            "x": 0xA002,
            "y": 0xA003,
        }
        rational = ("focal", "plane_x")
        inner = {numbers[key]: IFDRational(value) if key in rational else value for key, value in tags.items()}
        exif.get_ifd(0x8769).update(inner)
        if name.endswith(".tif"):
            exif[0x8769] = inner  # or its TIFF writer leaves the directory out
        stored = {} if not tags else {"exif": exif if name.endswith(".tif") else exif.tobytes()}
        Image.new("RGB", size, (90, 90, 90)).save(tmp_path / name, **stored)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_film_equivalent(image, name):
    # 27 mm on a diagonal of 43.27 mm, which is 500 px here.
    found = read_exif_focal(image(name, film=27, focal=4.25), HEIGHT, WIDTH)
    assert found.focal_px == pytest.approx(27 * DIAGONAL / 43.27)
    assert "27 mm on 35 mm film" in found.source
    assert not found.refused


@pytest.mark.parametrize(("unit", "per_unit"), [(2, 2540.0), (3, 1000.0), (4, 100.0), (5, 0.1), (None, 2540.0)])
def test_focal_plane_resolution(image, unit, per_unit):
    # 100 px/mm where the camera stored 800x600: 5 mm are 500 px there, and 250 px after halving.
    tags = {"focal": 5.0, "plane_x": per_unit, "x": 800, "y": 600, **({} if unit is None else {"unit": unit})}
    found = read_exif_focal(image(**tags), HEIGHT, WIDTH)
    assert found.focal_px == pytest.approx(250.0)
    assert "100 px/mm" in found.source


@pytest.mark.parametrize("tags", [{"film": 27}, {"focal": 5.0, "plane_x": 100.0, "unit": 4, "x": 400, "y": 300}])
def test_portrait_images_keep_their_focal_length(image, tags):
    from leadline.io.images import read_image

    path = image(orientation=6, **tags)
    upright = read_image(path).pixels
    assert upright.shape[:2] == (WIDTH, HEIGHT)
    found = read_exif_focal(path, *upright.shape[:2])
    assert found.focal_px == pytest.approx(read_exif_focal(path, HEIGHT, WIDTH).focal_px)
    assert found.focal_px == pytest.approx(312.0, rel=1e-3) if "film" in tags else found.focal_px == pytest.approx(500)


@pytest.mark.parametrize(
    ("tags", "words", "refused"),
    [
        ({}, "no EXIF data: no focal length", False),
        ({"x": 400, "y": 300}, "no focal length in its EXIF data", False),
        ({"focal": 4.25}, "4.25 mm but no size of the sensor", False),
        ({"focal": 4.25, "plane_x": 100.0, "unit": 1, "x": 400}, "no size of the sensor", False),
        ({"film": 0, "focal": 0.0, "plane_x": 100.0, "unit": 4, "x": 400}, "absurd, not used", True),
        ({"film": 1}, "absurd (a field of view of 174.7 degrees)", True),
        ({"film": 600}, "absurd (a field of view of 4.1 degrees)", True),
        ({"film": 27, "rendered": 6}, "a panorama by its EXIF data", True),
        (
            {"film": 27, "focal": 5.0, "plane_x": 100.0, "unit": 4, "x": 400, "y": 300},
            "(312 px), contradicted by",
            True,
        ),
        ({"film": 27, "x": 400, "y": 400}, "cropped since its EXIF data were written (400x400)", True),
    ],
)
def test_what_is_not_used(image, tags, words, refused):
    found = read_exif_focal(image(**tags), HEIGHT, WIDTH)
    assert found.focal_px is None
    assert words in found.source
    assert found.refused == refused


def test_a_zero_divisor_is_unknown(tmp_path):
    # One EXIF entry: FocalLength 0/0, behind the two directories.
    block = struct.pack("<2sHIHHHIIIHHHIIIII", b"II", 42, 8, 1, 0x8769, 4, 1, 26, 0, 1, 0x920A, 5, 1, 44, 0, 0, 0)
    chunk = struct.pack(">HH", 0xFFE1, len(block) + 8) + b"Exif\0\0" + block
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "plain.jpg")
    plain = (tmp_path / "plain.jpg").read_bytes()
    (tmp_path / "zero.jpg").write_bytes(plain[:2] + chunk + plain[2:])
    assert "0 mm but no size" in read_exif_focal(tmp_path / "zero.jpg", HEIGHT, WIDTH).source


@pytest.mark.parametrize(
    "block", [b"XX", b"II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0\xff\xff", b"MM\0*\0\0\0\x08\0\x09\1"]
)
def test_damaged_data_are_refused(tmp_path, block):
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "plain.jpg")
    plain = (tmp_path / "plain.jpg").read_bytes()
    chunk = struct.pack(">HH", 0xFFE1, len(block) + 8) + b"Exif\0\0" + block
    (tmp_path / "damaged.jpg").write_bytes(plain[:2] + chunk + plain[2:])
    found = read_exif_focal(tmp_path / "damaged.jpg", HEIGHT, WIDTH)
    assert (found.focal_px, found.refused) == (None, True)
    assert "damaged" in found.source


def test_any_damage_is_survived(image):
    whole = image(film=27, focal=4.25, plane_x=100.0, unit=4, x=400, y=300).read_bytes()
    path = image("b.jpg")
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for at in rng.integers(20, 160, 4):
            damaged[at] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        focal_px = read_exif_focal(path, HEIGHT, WIDTH).focal_px
        assert focal_px is None or 5.0 <= field_of_view_deg(focal_px, DIAGONAL) <= 170.0


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_exif_focal(tmp_path / "missing.jpg", HEIGHT, WIDTH)


def test_field_of_view():
    assert field_of_view_deg(hypot(300, 400) / 2 / tan(radians(30)), 500.0) == pytest.approx(60.0)


@pytest.mark.parametrize("form", ['GPano:ProjectionType="equirectangular"', "<GPano:ProjectionType>cylindrical<"])
def test_a_panorama_has_no_focal_length(image, form):
    path = image(film=27)
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + form.encode() + b"/GPano:ProjectionType></x:xmpmeta>"
    plain = path.read_bytes()
    path.write_bytes(plain[:2] + struct.pack(">HH", 0xFFE1, len(xmp) + 2) + xmp + plain[2:])
    found = read_exif_focal(path, HEIGHT, WIDTH)
    assert (found.focal_px, found.refused) == (None, True)
    assert found.source.startswith(f"a panorama ({'cyl' if 'cyl' in form else 'equi'}")


def test_two_focal_lengths_that_agree(image):
    # 43.27 mm on film is 500 px on the diagonal of 500; 5 mm at 100 px/mm is 500 px, too.
    tags = {"film": 43, "focal": 5.0, "plane_x": 100.0, "unit": 4, "x": 400, "y": 300}
    assert read_exif_focal(image(**tags), HEIGHT, WIDTH).focal_px == pytest.approx(497.0, abs=0.5)
