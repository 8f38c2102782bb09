"""Files of known distances: the order of their columns and zones is checked against the image."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.pfm import write_pfm
from leadline.maps import DepthMap
from leadline.scale.sources import parse_scale_source

SIDE = 64
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
METRES = 1.0 + 5.0 * COLUMNS / SIDE + 2.0 * (ROWS / SIDE) ** 3
"""Nearer on the left and at the top: no turn or mirror image of it is alike."""
RELATIVE = DepthMap((3.0 / METRES - 0.5).astype(np.float32), np.ones((SIDE, SIDE), bool), "affine_inverse")
TURNS = {
    "mirrored left to right": np.fliplr,
    "mirrored top to bottom": np.flipud,
    "turned by 180 degrees": lambda zones: zones[::-1, ::-1],
    "turned by 90 degrees clockwise": lambda zones: np.rot90(zones, 1),
    "turned by 90 degrees counter-clockwise": lambda zones: np.rot90(zones, -1),
    "with rows and columns exchanged": np.transpose,
}


def zones():
    return np.median(METRES.reshape(8, 8, 8, 8).transpose(0, 2, 1, 3).reshape(8, 8, 64), axis=2)


def fit(folder, text, form, unit=None):
    path = folder / "known.csv"
    path.write_text(text)
    return parse_scale_source(f"{form}:{path}", unit).fit(RELATIVE, None, "image")


def frame(values):
    return "\n".join(",".join(f"{value:.4f}" for value in row) for row in values)


def test_zones_in_the_images_order(tmp_path):
    found = fit(tmp_path, frame(zones()), "tof")
    # 1/Z = (d + 0.5) / 3.
    assert (found.alignment.scale, found.alignment.shift) == (
        pytest.approx(1 / 3, rel=0.02),
        pytest.approx(1 / 6, rel=0.05),
    )
    assert found.notes == (f"{tmp_path / 'known.csv'}: no unit is stated, its distances are taken for metres",)
    stated = fit(tmp_path, frame(1000 * zones()), "tof", "mm")
    assert (stated.alignment.scale, stated.notes) == (pytest.approx(found.alignment.scale, rel=1e-3), ())


@pytest.mark.parametrize("name", TURNS)
def test_zones_in_another_order_are_refused(tmp_path, name):
    # What undoes the turn is what the message says.
    turned = TURNS[name](zones())
    with pytest.raises(InputError, match=f"they fit .off by .* {name}$"):
        fit(tmp_path, frame(turned), "tof")


def points(order, heading=""):
    places = [(5, 60), (60, 8), (30, 30), (50, 55), (12, 20), (40, 3), (3, 35), (25, 50), (62, 40), (18, 10)]
    return heading + "".join(f"{','.join(map(str, order(x, y)))},{METRES[y, x]:.4f}\n" for x, y in places)


def test_points_with_rows_before_columns_are_refused(tmp_path):
    found = fit(tmp_path, points(lambda x, y: (x, y)), "points")
    assert found.alignment.scale == pytest.approx(1 / 3, rel=1e-3)
    assert "no unit is stated" in found.notes[0]
    assert fit(tmp_path, points(lambda x, y: (x, y), "x,y,metres\n"), "points").notes == ()
    with pytest.raises(InputError, match="exchange the first two columns"):
        fit(tmp_path, points(lambda x, y: (y, x)), "points")


def test_an_order_that_fits_better_is_told_of_where_the_given_one_fits_too(tmp_path):
    """Points near the diagonal: exchanged columns move each by a few pixels only."""
    places = [(3 * i, 3 * i + (7 if i % 3 else 0)) for i in range(1, 19)]
    for number in (18, 4):
        lines = [f"{y},{x},{METRES[y, x]:.4f}" for x, y in places[:: 18 // number]]
        found = fit(tmp_path, "x,y,m\n" + "\n".join(lines), "points")
        assert "fit better (off by 0.0 %) as row, column" in found.notes[0]
    lines = [f"{x},{y},{METRES[y, x]:.4f}" for x, y in places]
    assert fit(tmp_path, "x,y,m\n" + "\n".join(lines), "points").notes == ()


def test_a_unit_goes_with_a_file_only():
    with pytest.raises(InputError, match="a unit for a file of distances, got mm"):
        parse_scale_source("height:1.5", "mm")


def stereo_file(folder, factor, name="depth.pfm"):
    write_pfm(folder / name, (factor * METRES).astype(np.float32))
    return folder / name


def test_a_depth_file_of_no_stated_unit_is_told_of_and_millimetres_are_refused(tmp_path):
    """A result of leadline has a summary beside it, which says metres; other files say nothing."""
    found = parse_scale_source(f"stereo:{stereo_file(tmp_path, 1)}").fit(RELATIVE, None, "image")
    assert found.notes == (f"{tmp_path / 'depth.pfm'}: no unit is stated, its distances are taken for metres",)
    assert found.alignment.scale == pytest.approx(1 / 3, rel=0.02)
    (tmp_path / "summary.json").touch()
    assert parse_scale_source(f"stereo:{tmp_path}").fit(RELATIVE, None, "image").notes == ()
    millimetres = stereo_file(tmp_path, 1000, "other.pfm")
    with pytest.raises(InputError, match=r"if they are millimetres .3\.\d+ m., say so: unit mm$"):
        parse_scale_source(f"stereo:{millimetres}").fit(RELATIVE, None, "image")
    stated = parse_scale_source(f"stereo:{millimetres}", "mm").fit(RELATIVE, None, "image")
    assert (stated.notes, stated.alignment.scale) == ((), pytest.approx(found.alignment.scale, rel=1e-3))


@pytest.mark.parametrize("form", ["height", "ground"])
def test_a_camera_s_height_in_another_unit_is_refused_or_told_of(form):
    with pytest.raises(InputError, match=r"up to 500, got 1500; 1500 mm would be 1\.5 m"):
        parse_scale_source(f"{form}:1500")
    camera = Pinhole(60.0, 60.0, 31.5, 31.5, SIDE, SIDE)
    ground = DepthMap((20.0 + 2.0 * ROWS).astype(np.float32), np.ones((SIDE, SIDE), bool), "affine_inverse")
    told = {h: parse_scale_source(f"{form}:{h}").fit(ground, camera, "a").notes for h in ("1.5", "150")}
    unusual = "a camera 150 m above the ground is unusual; 1.5 m if it is in cm; 0.15 m if it is in mm"
    assert told == {"1.5": (), "150": (unusual,)}
