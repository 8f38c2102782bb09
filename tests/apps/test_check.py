import json

import numpy as np
import pytest

SHARED = {"status", "verdict", "mend", "matches", "rectified", "swapped", "median_abs_offset_px", "notes"}


def test_fine_pair(leadline, pair):
    done = leadline("check", *pair)
    assert (done.code, done.err) == (0, "")
    assert "fine: rectified, views in order" in done.out
    assert "mend" not in done.out
    line = next(line for line in done.out.splitlines() if "disparity, 2nd percentile" in line)
    assert float(line.split()[-2]) == pytest.approx(7, abs=0.1)


def test_json(leadline, pair):
    done = leadline("check", *pair, "--json")
    found = json.loads(done.out)
    assert done.code == 0
    assert found.keys() >= SHARED
    assert found["min_disparity_px"] == pytest.approx(7, abs=0.1)
    assert (found["status"], found["notes"]) == ("fine", [])


def test_vertical_offset(leadline, texture, tmp_path, write_image):
    left = write_image(tmp_path / "l.png", texture[:110, :160])
    right = write_image(tmp_path / "r.png", texture[5:115, 7:167])
    done = leadline("check", left, right)
    assert done.code == 1
    assert "not fine: not rectified: vertical offset median 5.00 px" in done.out
    assert "mend: run `leadline rectify`" in done.out
    found = json.loads(leadline("check", left, right, "--json").out)
    assert found["median_offset_px"] == pytest.approx(-5, abs=0.05)


def test_exposure_gap(leadline, views, tmp_path, write_image):
    left = write_image(tmp_path / "l.png", views[0])
    right = write_image(tmp_path / "r.png", views[1] // 2)
    done = leadline("check", left, right)
    assert done.code == 1
    assert "1.0 stops darker" in done.out


def test_one_image_twice(leadline, pair):
    done = leadline("check", pair[0], pair[0])
    assert done.code == 1
    assert "no parallax" in done.out


def test_all_black(leadline, tmp_path, write_image):
    black = write_image(tmp_path / "black.png", np.zeros((120, 160, 3), np.uint8))
    done = leadline("check", black, black)
    assert done.code == 1
    assert "cannot tell: the left image is one flat colour" in done.out
    assert "mend: take the image again" in done.out
    assert json.loads(leadline("check", black, black, "--json").out)["median_abs_offset_px"] is None


def test_one_file_with_both_views(leadline, views, tmp_path, write_image):
    both = write_image(tmp_path / "both.png", np.hstack(views))
    done = leadline("check", both)
    assert done.code == 0
    assert "left view first" in done.one_line


def test_swap(leadline, pair):
    found = json.loads(leadline("check", *pair, "--swap", "--json").out)
    assert found["max_disparity_px"] == pytest.approx(-7, abs=0.1)
    assert found["notes"] == ["views swapped as asked"]


def test_bad_input(leadline, pair, views, tmp_path, write_image):
    narrow = write_image(tmp_path / "narrow.png", views[1][:, :150])
    for words, expected in (
        ((pair[0], tmp_path / "none.png"), "no such file"),
        ((pair[0], narrow), "one size"),
        ((pair[0], tmp_path), "got a folder"),
    ):
        done = leadline("check", *words)
        assert done.code == 2
        assert expected in done.one_line


def test_real_photos(leadline, real_dir):
    photos = real_dir / "photos"
    if not photos.is_dir():
        pytest.skip("no photos in the folder of real scenes")
    bananas = [photos / f"stereomag_bananas{i}.jpg" for i in (1, 2)]
    done = leadline("check", *bananas)
    assert done.code == 1
    assert "the views seem swapped" in done.out
    assert "exchange LEFT and RIGHT" in done.out
    assert leadline("check", *(real_dir / "stereo" / "teddy" / f"im{i}.png" for i in (0, 1))).code == 0
