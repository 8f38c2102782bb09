import json
import re
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from leadline.apps.cli import stereo as command
from leadline.geometry.check import check_pair
from leadline.io import read_pfm, read_ply
from leadline.maps import DisparityMap

DISPARITY_PX = 7  # of the fixtures
ALWAYS = {"disparity.pfm", "valid.png", "disparity_plasma.png", "summary.json"}
OF_CONFIDENCE = {"confidence.png", "confidence.pfm", "expected_error.pfm"}
OF_DEPTH = {"depth.pfm", "depth_mm.png", "cloud.ply"}
OF_BOTH = {"depth_error.pfm"}


def names(folder):
    return {path.name for path in folder.iterdir()}


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


@pytest.fixture
def sgbm(leadline):
    """`leadline stereo` with a matcher that needs no network."""
    return lambda *words: leadline("stereo", *words, "--model", "sgbm-3way", "--max-disparity", 31)


@pytest.fixture
def sure(monkeypatch):
    """A method that knows the truth: 7 px everywhere, sure of the upper half only, invalid in the first column."""

    def method(left, _right):
        shape = left.shape[:2]
        valid, confidence = np.ones(shape, bool), np.zeros(shape, np.float32)
        valid[:, 0] = False
        confidence[: shape[0] // 2] = 0.9
        return DisparityMap(np.full(shape, np.float32(DISPARITY_PX)), valid, confidence)

    monkeypatch.setattr(command, "load_model", lambda *_, **__: method)


def test_pair_without_calibration(sgbm, pair, tmp_path):
    done = sgbm(*pair, "--output", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    assert names(tmp_path / "out") == ALWAYS
    disparity = read_pfm(tmp_path / "out" / "disparity.pfm")
    assert disparity.shape == (120, 160)
    assert np.isfinite(disparity).all()
    assert np.median(disparity) == DISPARITY_PX
    valid = cv2.imread(str(tmp_path / "out" / "valid.png"), cv2.IMREAD_UNCHANGED)
    assert set(np.unique(valid)) <= {0, 255}
    found = summary(tmp_path / "out")
    assert (found["model"], found["provider"], found["height"], found["width"]) == ("sgbm-3way", "cpu", 120, 160)
    assert found["max_disparity_px"] == 31
    assert found["share_above_confidence_0.5"] is None
    assert any("no confidence" in note for note in found["notes"])
    assert found["check"]["status"] == "fine"
    assert found["valid_share"] == pytest.approx((valid > 0).mean())
    assert found["seconds"] > 0
    assert {"leadline", "numpy", "opencv", "onnxruntime"} <= found["versions"].keys()
    assert set(found["units"]) == ALWAYS - {"summary.json"}


def test_negative_disparities(sgbm, pair, tmp_path):
    done = sgbm(pair[1], pair[0], "--min-disparity", "-16", "--output", tmp_path / "out")
    assert done.code == 0
    assert np.median(read_pfm(tmp_path / "out" / "disparity.pfm")) == -DISPARITY_PX
    found = summary(tmp_path / "out")
    assert (found["min_disparity_px"], found["max_disparity_px"]) == (-16, 31)


def test_pair_with_calibration(leadline, sure, pair, calibration, tmp_path):
    done = leadline("stereo", *pair, "--calibration", calibration, "--output", tmp_path / "out")
    assert done.code == 0
    assert names(tmp_path / "out") == ALWAYS | OF_CONFIDENCE | OF_DEPTH | OF_BOTH
    metres = 100.0 * 0.1 / DISPARITY_PX
    depth = read_pfm(tmp_path / "out" / "depth.pfm")
    assert np.isinf(depth[:, 0]).all()
    np.testing.assert_allclose(depth[:, 1:], metres, rtol=1e-6)
    millimetres = cv2.imread(str(tmp_path / "out" / "depth_mm.png"), cv2.IMREAD_UNCHANGED)
    assert millimetres.dtype == np.uint16
    assert (np.unique(millimetres) == [0, round(1000 * metres)]).all()
    confidence = cv2.imread(str(tmp_path / "out" / "confidence.png"), cv2.IMREAD_UNCHANGED)
    assert (confidence[:60] == 230).all()
    np.testing.assert_allclose(read_pfm(tmp_path / "out" / "confidence.pfm")[:60], 0.9, rtol=1e-6)
    expected = read_pfm(tmp_path / "out" / "expected_error.pfm")
    np.testing.assert_allclose(expected[:60], -1.0 / np.log(0.1), rtol=1e-5)
    cloud = read_ply(tmp_path / "out" / "cloud.ply")
    assert len(cloud.points) == 60 * 159
    np.testing.assert_allclose(cloud.points[:, 2], metres, rtol=1e-6)
    found = summary(tmp_path / "out")
    assert found["share_above_confidence_0.5"] == 0.5
    assert found["points"] == 60 * 159
    assert found["rig"]["baseline_m"] == pytest.approx(0.1)


def test_bundled_model_names_its_checksum(leadline, pair, tmp_path):
    from leadline.runtime import DEFAULT_MODEL, bundled_cards

    if DEFAULT_MODEL not in bundled_cards():
        pytest.skip("no bundled network")
    assert leadline("stereo", *pair, "--threads", 1, "--output", tmp_path / "out").code == 0
    found = summary(tmp_path / "out")
    assert found["model_sha256"] == bundled_cards()[DEFAULT_MODEL].sha256
    assert found["threads"] == 1
    assert names(tmp_path / "out") == ALWAYS | OF_CONFIDENCE


def test_scaled_calibration(sgbm, pair, calibration, tmp_path):
    calibration.write_text(
        "cam0=[200 0 160.5; 0 200 120.5; 0 0 1]\ncam1=[200 0 160.5; 0 200 120.5; 0 0 1]\n"
        "doffs=0\nbaseline=100\nwidth=320\nheight=240\n"
    )
    done = sgbm(*pair, "--calibration", calibration, "--output", tmp_path / "out")
    assert done.code == 0
    assert "scaled to the images' 160x120" in done.one_line
    camera = summary(tmp_path / "out")["rig"]["left"]
    assert (camera["focal_x_px"], camera["center_x_px"]) == (100.0, 80.0)


def test_calibration_of_another_shape(sgbm, pair, calibration, tmp_path):
    calibration.write_text(calibration.read_text().replace("height=120", "height=140"))
    done = sgbm(*pair, "--calibration", calibration, "--output", tmp_path / "out")
    assert done.code == 2
    assert "160x140" in done.one_line
    assert not (tmp_path / "out").exists()


def test_unrectified_calibration(sgbm, pair, tmp_path):
    matrix = "!!opencv-matrix {rows: 3, cols: 3, dt: d, data: [100, 0, 80, 0, 100, 60, 0, 0, 1]}"
    (tmp_path / "rig.yml").write_text(
        f"image_width: 160\nimage_height: 120\nM1: {matrix}\nM2: {matrix}\n"
        "D1: [0, 0, 0, 0]\nD2: [0, 0, 0, 0]\nR: [1, 0, 0, 0, 1, 0, 0, 0, 1]\nT: [-0.1, 0, 0]\n"
    )
    done = sgbm(*pair, "--calibration", tmp_path / "rig.yml", "--output", tmp_path / "out")
    assert done.code == 0
    assert "raw cameras: images rectified here" in done.err
    assert "states no unit of its translation, taken as metres: baseline 0.1 m" in done.err
    # The cameras are ideal, so nothing moves: 0.1 m * 100 px / 7 px.
    assert np.median(read_pfm(tmp_path / "out" / "depth.pfm")) == pytest.approx(10.0 / DISPARITY_PX, rel=0.02)
    assert summary(tmp_path / "out")["rectified_here"] is True


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("baseline=100\n", "", "baseline"),
        ("baseline=100", "baseline=0", "baseline"),
        ("cam0=[100", "cam0=[-100", "focal"),
        ("cam0", "# cam0", "cam0"),
        ("baseline=100", "baseline=nan", "finite"),
    ],
)
def test_bad_calibration(sgbm, pair, calibration, tmp_path, old, new, expected):
    calibration.write_text(calibration.read_text().replace(old, new))
    done = sgbm(*pair, "--calibration", calibration, "--output", tmp_path / "out")
    assert done.code == 2
    assert expected in done.one_line
    assert not (tmp_path / "out").exists()


def png_claiming(width, height):
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + header + b"\0\0\0\0" + b"\0\0\0\0IEND\0\0\0\0"


BAD_IMAGES = {
    "missing": (None, "no such file"),
    "empty": (b"", "empty"),
    "not an image": (b"Dear reader, this is a letter.", "PNG, JPEG, TIFF"),
    "wrong magic": (b"P9\n160 120\n255\n" + bytes(57600), "PNG, JPEG, TIFF"),
    "a PFM": (b"Pf\n2 2\n-1.0\n" + bytes(16), "PNG, JPEG, TIFF"),
    "absurd header": (png_claiming(100_000, 100_000), "100000x100000"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
@pytest.mark.parametrize("side", [0, 1])
def test_unreadable_image(sgbm, pair, tmp_path, case, side):
    content, expected = BAD_IMAGES[case]
    pair[side].unlink()
    if content is not None:
        pair[side].write_bytes(content)
    done = sgbm(*pair, "--output", tmp_path / "out")
    assert done.code == 2
    assert expected in done.one_line
    assert not (tmp_path / "out").exists()


def test_truncated_image(sgbm, pair, tmp_path):
    content = pair[1].read_bytes()
    pair[1].write_bytes(content[: len(content) // 2])
    done = sgbm(*pair, "--output", tmp_path / "out")
    assert done.code == 2
    assert "cut off" in done.one_line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ((120, 160), (120, 158), "one size"),
        ((1, 1), (1, 1), "at least 16 px"),
        ((120, 160), (1, 1), "one size"),
    ],
)
def test_bad_sizes(sgbm, texture, tmp_path, left, right, expected, write_image):
    files = [
        write_image(tmp_path / f"{i}.png", texture[: size[0], i * 7 : i * 7 + size[1]])
        for i, size in enumerate((left, right))
    ]
    done = sgbm(*files, "--output", tmp_path / "out")
    assert done.code == 2
    assert expected in done.one_line
    assert not (tmp_path / "out").exists()


def test_all_black(sgbm, tmp_path, write_image):
    black = write_image(tmp_path / "black.png", np.zeros((120, 160, 3), np.uint8))
    done = sgbm(black, black, "--output", tmp_path / "out")
    assert done.code == 2
    assert "one flat colour" in done.one_line


def test_one_image_twice(sgbm, pair, tmp_path):
    done = sgbm(pair[0], pair[0], "--output", tmp_path / "out")
    assert done.code == 2
    assert "one image twice" in done.one_line


def ground(views):
    """A pair whose disparity grows from 4 px at the top to 19 px at the bottom."""
    texture = np.tile(views[0], (1, 2, 1))
    rows = np.arange(120)[:, None]
    columns = np.arange(160)[None, :] + np.zeros_like(rows)
    return texture[rows, columns + 40], texture[rows, columns + 40 + 4 + rows // 8]


def test_swapped_views_warn_loudly(sgbm, views, tmp_path, write_image):
    left, right = (write_image(tmp_path / f"{i}.png", v) for i, v in enumerate(ground(views)))
    done = sgbm(right, left, "--output", tmp_path / "wrong")
    assert done.code == 0
    assert "WARNING: THE VIEWS SEEM SWAPPED" in done.one_line
    assert summary(tmp_path / "wrong")["check"]["swapped"] is True
    done = sgbm(right, left, "--swap", "--output", tmp_path / "right")
    assert done.one_line == "note: views swapped as asked"
    assert read_pfm(tmp_path / "right" / "disparity.pfm")[100, 80] == pytest.approx(16, abs=0.1)


def test_unrectified_pair_warns(sgbm, texture, tmp_path, write_image):
    left = write_image(tmp_path / "l.png", texture[:110, :160])
    right = write_image(tmp_path / "r.png", texture[5:115, 7:167])
    done = sgbm(left, right, "--output", tmp_path / "out")
    assert done.code == 0
    assert "warning: not rectified" in done.one_line


def test_16_bit(sgbm, views, tmp_path, write_image):
    files = [write_image(tmp_path / f"{i}.png", v.astype(np.uint16) * 257) for i, v in enumerate(views)]
    done = sgbm(*files, "--output", tmp_path / "out")
    assert done.code == 0
    assert done.err.count("16-bit samples scaled to 8 bit") == 2
    assert np.median(read_pfm(tmp_path / "out" / "disparity.pfm")) == DISPARITY_PX


def test_side_by_side(sgbm, views, tmp_path, write_image):
    both = write_image(tmp_path / "both.png", np.hstack(views))
    done = sgbm(both, "--output", tmp_path / "out")
    assert "two views side by side" in done.one_line
    assert np.median(read_pfm(tmp_path / "out" / "disparity.pfm")) == DISPARITY_PX


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--model", "nonsense"], "leadline"),
        (["--model", "missing.onnx"], "missing.onnx"),
        (["--model", "sgbm", "--max-disparity", "0"], "max_disparity"),
        (["--model", "sgbm", "--threads", "0"], "at least 1 thread"),
        (["--model", "sgbm", "--provider", "cuda"], "cpu"),
    ],
)
def test_bad_options(leadline, pair, tmp_path, words, expected):
    done = leadline("stereo", *pair, *words, "--output", tmp_path / "out")
    assert done.code == 2
    assert expected in done.one_line
    assert not (tmp_path / "out").exists()


def test_output_that_exists(sgbm, leadline, sure, pair, calibration, tmp_path):
    out = tmp_path / "out"
    assert leadline("stereo", *pair, "--calibration", calibration, "--output", out).code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    done = sgbm(*pair, "--output", out)
    assert done.code == 2
    assert "--overwrite" in done.one_line
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    # Nothing of the earlier result may be taken for a part of the new one.
    assert sgbm(*pair, "--output", out, "--overwrite").code == 0
    assert names(out) == ALWAYS | OF_CONFIDENCE


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_unwritable_output(sgbm, pair, tmp_path, place):
    (tmp_path / "file").write_text("in the way")
    done = sgbm(*pair, "--output", tmp_path / place)
    assert done.code == 2
    assert "got a file in its place" in done.one_line


def test_folder_in_place_of_a_result_leaves_nothing_else(sgbm, pair, tmp_path):
    (tmp_path / "out" / "valid.png").mkdir(parents=True)
    done = sgbm(*pair, "--output", tmp_path / "out", "--overwrite")
    assert done.code == 2
    assert "expected to replace" in done.one_line
    assert names(tmp_path / "out") == {"valid.png"}


def test_failure_while_writing_leaves_nothing(sgbm, pair, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("leadline.results.stereo.write_json", interrupted)
    assert sgbm(*pair, "--output", tmp_path / "out").code == 130
    assert names(tmp_path / "out") == set()


def test_batch_of_folders_and_patterns(sgbm, folders, tmp_path):
    assert sgbm(*folders, "--output", tmp_path / "out").code == 0
    assert names(tmp_path / "out") == {"a", "b", "c"}
    assert names(tmp_path / "out" / "b") == ALWAYS
    patterns = [folder / "[ab].png" for folder in folders]
    assert sgbm(*patterns, "--output", tmp_path / "two").code == 0
    assert names(tmp_path / "two") == {"a", "b"}


def test_batch_of_scene_folders_is_named_after_them(sgbm, views, tmp_path, write_image):
    for scene in ("x", "y"):
        for i, view in enumerate(views):
            write_image(tmp_path / "scenes" / scene / f"im{i}.png", view)
    assert sgbm(tmp_path / "scenes/*/im0.png", tmp_path / "scenes/*/im1.png", "--output", tmp_path / "out").code == 0
    assert names(tmp_path / "out") == {"x", "y"}


def test_batch_of_files_with_both_views(sgbm, views, tmp_path, write_image):
    for name in ("a", "b"):
        write_image(tmp_path / "both" / f"{name}.png", np.hstack(views))
    assert sgbm(tmp_path / "both", "--output", tmp_path / "out").code == 0
    assert names(tmp_path / "out") == {"a", "b"}


def test_batch_goes_on_after_a_failure_and_resumes(sgbm, folders, tmp_path):
    good = (folders[1] / "b.png").read_bytes()
    (folders[1] / "b.png").write_bytes(b"no image")
    done = sgbm(*folders, "--output", tmp_path / "out")
    assert done.code == 2
    assert "failed: b: expected a PNG" in done.err.splitlines()[-1]
    assert "2 of 3 pairs done, 1 failed" in done.err
    assert names(tmp_path / "out") == {"a", "c"}
    stamp = (tmp_path / "out" / "a" / "summary.json").stat().st_mtime_ns
    (folders[1] / "b.png").write_bytes(good)
    done = sgbm(*folders, "--output", tmp_path / "out")
    assert done.code == 0
    assert "2 of 3 pairs are finished and skipped" in done.err
    assert names(tmp_path / "out" / "b") == ALWAYS
    assert (tmp_path / "out" / "a" / "summary.json").stat().st_mtime_ns == stamp
    assert sgbm(*folders, "--output", tmp_path / "out", "--overwrite").code == 0
    assert (tmp_path / "out" / "a" / "summary.json").stat().st_mtime_ns > stamp
    # Only a folder with a summary is finished.
    (tmp_path / "out" / "c" / "summary.json").unlink()
    assert "2 of 3 pairs are finished" in sgbm(*folders, "--output", tmp_path / "out").err


def test_batch_without_memory_for_one_pair_goes_on(leadline, folders, tmp_path, monkeypatch):
    calls = []

    def method(left, _right):
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError
        return DisparityMap(np.ones(left.shape[:2], np.float32), np.ones(left.shape[:2], bool))

    monkeypatch.setattr(command, "load_model", lambda *_, **__: method)
    done = leadline("stereo", *folders, "--output", tmp_path / "out")
    assert done.code == 2
    assert done.err.splitlines()[-1] == "failed: b: not enough free memory"
    assert names(tmp_path / "out") == {"a", "c"}


def test_batch_stops_at_a_bad_calibration(sgbm, folders, calibration, tmp_path):
    calibration.write_text("baseline=100\n")
    done = sgbm(*folders, "--calibration", calibration, "--output", tmp_path / "out")
    assert done.code == 2
    assert done.err.count("cam0") == 1


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("left", "right/a.png", "two files, two folders or two patterns"),
        ("left", "empty", "expected images in"),
        ("left/*.jpg", "right/*.jpg", "expected images in"),
        ("twice", "twice", "t twice"),
    ],
)
def test_bad_batches(sgbm, folders, tmp_path, left, right, expected):
    (tmp_path / "empty").mkdir()
    (tmp_path / "twice").mkdir()
    for suffix in ("png", "jpg"):
        (tmp_path / "twice" / f"t.{suffix}").write_bytes(b"")
    done = sgbm(tmp_path / left, tmp_path / right, "--output", tmp_path / "out")
    assert done.code == 2
    assert expected in done.one_line


def test_frames_dropped_on_one_side_are_named_and_shift_nothing(sgbm, folders, tmp_path):
    (folders[1] / "b.png").unlink()
    done = sgbm(*folders, "--output", tmp_path / "out")
    assert done.code == 0
    assert "b.png left out" in done.err
    assert names(tmp_path / "out") == {"a", "c"}
    for name in ("a", "c"):
        found = summary(tmp_path / "out" / name)
        assert (found["left"], found["right"]) == tuple(str(folder / f"{name}.png") for folder in folders)


def test_notes_that_hold_for_all_are_said_once(sgbm, folders, tmp_path):
    words = ("--focal-px", 100, "--baseline-m", 0.1, "--output", tmp_path / "out")
    done = sgbm(*folders, *words)
    assert done.code == 0
    assert done.err.count("cameras as given: focal length 100.0 px, baseline 0.1 m") == 1
    # 100 px * 0.1 m / 7 px.
    assert np.median(read_pfm(tmp_path / "out" / "c" / "depth.pfm")) == pytest.approx(10 / DISPARITY_PX, rel=0.02)
    assert all("cameras as given" in summary(tmp_path / "out" / name)["notes"][0] for name in "abc")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--focal-px", 100), "baseline"),
        (("--fov", 60, "--baseline-m", 120), "120 mm would be 0.12 m"),
        (("--min-confidence", 2), "least confidence"),
        (("--max-depth", 0), "largest depth"),
        (("--translation-unit", "mm"), "got it alone"),
        (("--square-mm", 25, "--translation-unit", "mm"), "got both"),
        (("--max-pixels", 100), "at most 100 pixels"),
        (("--layout", "over-under"), "leave the layout out"),
    ],
)
def test_bad_rigs_and_limits(sgbm, pair, tmp_path, words, expected):
    done = sgbm(*pair, *words, "--output", tmp_path / "out")
    assert done.code == 2
    assert expected in done.one_line
    assert not (tmp_path / "out").exists()


def test_the_translation_unit_that_the_message_names(sgbm, pair, calibration, tmp_path):
    """A baseline in metres where the form has millimetres: refused, and the option that is named mends it."""
    calibration.write_text(calibration.read_text().replace("baseline=100", "baseline=0.1"))
    words = (*pair, "--calibration", calibration, "--output", tmp_path / "out")
    done = sgbm(*words)
    assert done.code == 2
    assert "0.1 m if it is in m" in done.one_line
    assert "--translation-unit m" in done.one_line
    assert sgbm(*words, "--translation-unit", "m").code == 0
    assert summary(tmp_path / "out")["rig"]["baseline_m"] == pytest.approx(0.1)


def test_the_range_of_disparities_comes_from_the_calibration_and_is_told(sgbm, leadline, pair, calibration, tmp_path):
    calibration.write_text(calibration.read_text() + "ndisp=40\n")
    done = leadline("stereo", *pair, "--calibration", calibration, "--model", "sgbm", "--output", tmp_path / "a")
    assert "disparities searched to 39 px" in done.err
    assert summary(tmp_path / "a")["max_disparity_px"] == 39
    assert sgbm(*pair, "--calibration", calibration, "--output", tmp_path / "b").code == 0
    assert summary(tmp_path / "b")["max_disparity_px"] == 31
    assert leadline("stereo", *pair, "--output", tmp_path / "c").code == 0
    assert summary(tmp_path / "c")["max_disparity_px"] >= 128  # the network's own choice


def test_clouds_are_bounded_as_asked(leadline, sure, pair, calibration, tmp_path):
    """Depth 10 / 7 m everywhere; confidence 0.9 in the upper half, 0 below."""
    points = {}
    for name, words in {"plain": (), "near": ("--max-depth", 1.4), "all": ("--min-confidence", 0)}.items():
        done = leadline("stereo", *pair, "--calibration", calibration, *words, "--output", tmp_path / name)
        assert done.code == 0
        points[name] = summary(tmp_path / name)["points"]
    # A confidence of 0 expects 19.5 px, more than the disparity: never a point.
    assert points == {"plain": 60 * 159, "near": 0, "all": 60 * 159}
    error = read_pfm(tmp_path / "plain" / "depth_error.pfm")
    # b = -1 / ln(1 - 0.9) = 0.434 px; (10 / 7)^2 / 10 m a px.
    assert error[10, 10] == pytest.approx((10 / 7) ** 2 / 10 * 0.4343, rel=1e-3)


def test_depth_beyond_16_bits_of_millimetres_has_its_own_file(leadline, sure, pair, calibration, tmp_path):
    calibration.write_text(calibration.read_text().replace("[100 0", "[10000 0").replace("0 100 60", "0 10000 60"))
    assert leadline("stereo", *pair, "--calibration", calibration, "--output", tmp_path / "out").code == 0
    millimetres = cv2.imread(str(tmp_path / "out" / "depth_mm.png"), cv2.IMREAD_UNCHANGED)
    steps = cv2.imread(str(tmp_path / "out" / "depth_m256.png"), cv2.IMREAD_UNCHANGED)
    assert (millimetres == 0).all()
    assert steps[10, 10] == round(256 * 1000 / 7)  # 142.86 m
    assert "times 256" in summary(tmp_path / "out")["units"]["depth_m256.png"]


def test_toed_in_cameras_that_look_swapped_get_the_other_mend(sgbm, pair, tmp_path):
    """Every disparity is -7 px: swapped, or toed in; the second mend is tried here."""
    done = sgbm(pair[1], pair[0], "--output", tmp_path / "a")
    named = re.search(r"--min-disparity from (-\d+) px", done.err)
    assert named is not None
    again = sgbm(pair[1], pair[0], "--min-disparity", named[1], "--output", tmp_path / "b")
    assert again.code == 0
    assert np.median(read_pfm(tmp_path / "b" / "disparity.pfm")) == pytest.approx(-DISPARITY_PX)


def test_interrupted_batch_keeps_what_is_finished(leadline, folders, tmp_path, monkeypatch):
    calls = []

    def method(left, _right):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return DisparityMap(np.ones(left.shape[:2], np.float32), np.ones(left.shape[:2], bool))

    monkeypatch.setattr(command, "load_model", lambda *_, **__: method)
    done = leadline("stereo", *folders, "--output", tmp_path / "out")
    assert done.code == 130
    assert done.err.splitlines()[-1] == "leadline: interrupted"
    assert names(tmp_path / "out") == {"a"}
    assert names(tmp_path / "out" / "a") == ALWAYS


def test_ctrl_c_in_a_real_batch(views, tmp_path, write_image):
    for side, view in zip(("left", "right"), views, strict=True):
        for index in range(100):
            write_image(tmp_path / side / f"{index:03}.png", view)
    out = tmp_path / "out"
    # A process started in the background of a shell ignores the signal; a user's does not.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from leadline.apps.cli.main import main; "
        f"sys.exit(main(['stereo', {str(tmp_path / 'left')!r}, {str(tmp_path / 'right')!r}, '--model', 'bm', "
        f"'--output', {str(out)!r}]))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        # Once the second pair has a folder, the first is surely finished: Ctrl-C while it is written would undo it.
        while not (out / "001").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130
    assert "Traceback" not in errors
    folders = sorted(out.iterdir())
    assert 1 <= len(folders) < 100
    for folder in folders:
        assert names(folder) in (ALWAYS, set())
    assert names(folders[0]) == ALWAYS


def test_a_batch_that_is_asked_for_more_is_done_again(leadline, folders, calibration, tmp_path):
    words = ["stereo", *folders, "--output", tmp_path / "out"]
    assert leadline(*words, "--model", "bm").code == 0
    more = ("--model", "sgbm", "--calibration", calibration)
    done = leadline(*words, *more)
    assert (done.code, "3 of 3 results are replaced" in done.err) == (0, True)
    assert summary(tmp_path / "out" / "a")["model"] == "sgbm"
    assert (tmp_path / "out" / "a" / "depth.pfm").exists()
    assert "3 of 3 pairs are finished and skipped" in leadline(*words, *more).err


def test_a_network_of_other_people(leadline, pair, foreign_stereo, tmp_path):
    # 7 px at the size of the images, whose half the network sees.
    path = foreign_stereo({"left": [1, 3, 60, 80], "right": [1, 3, 60, 80]}, "disp", np.zeros(6), offset=3.5)
    words = ("stereo", *pair, "--model", path, "--output", tmp_path / "out")
    done = leadline(*words, "--card", "foundation-stereo")
    assert (done.code, done.err) == (0, "")
    assert (read_pfm(tmp_path / "out" / "disparity.pfm") == DISPARITY_PX).all()
    found = summary(tmp_path / "out")
    assert (found["licence"], found["weights"]) == ("LicenseRef-NVIDIA-research-only", str(path))
    done = leadline(*words, "--overwrite")
    assert done.code == 2
    assert f"--card CARD, or as {path}@CARD; it has the inputs and outputs of foundation-stereo" in done.err
    done = leadline("stereo", *pair, "--model", "sgbm", "--card", "raft-stereo", "--output", tmp_path / "no")
    assert done.code == 2
    assert "expected an ONNX file as --model for --card raft-stereo, got 'sgbm'" in done.err
    assert not (tmp_path / "no").exists()


def test_a_network_of_other_people_is_scored_and_timed(leadline, foreign_stereo, real_dir, tmp_path):
    path = foreign_stereo({"left": [1, 3, 60, 80], "right": [1, 3, 60, 80]}, "disp", np.zeros(6), offset=3.5)
    name = f"{path}@foundation-stereo"
    done = leadline("eval", "stereo", real_dir / "stereo" / "cones", "--models", name, "--json", tmp_path / "r.json")
    assert done.code == 0
    assert {row["method"] for row in json.loads((tmp_path / "r.json").read_text())["rows"]} == {name}
    done = leadline("bench", "stereo", "--models", name, "--sizes", "80x60", "--repeats", "1", "--threads", "1")
    assert done.code == 0


def test_a_camera_is_checked_until_a_pair_is_fine(leadline, folders, calibration, tmp_path, monkeypatch):
    """Without a calibration each pair may be another camera's."""
    checked = []

    def check(left, *words):
        checked.append(left)
        return check_pair(left, *words)

    monkeypatch.setattr("leadline.results.matching.check_pair", check)
    asked = ("stereo", *folders, "--model", "sgbm", "--output")
    assert leadline(*asked, tmp_path / "plain").code == 0
    assert len(checked) == 3
    assert leadline(*asked, tmp_path / "known", "--calibration", calibration).code == 0
    assert len(checked) == 4
    summaries = [json.loads((tmp_path / "known" / name / "summary.json").read_text()) for name in "abc"]
    assert [summary["check_of"] for summary in summaries] == ["a"] * 3
    assert summaries[2]["check"]["status"] == "fine"


def test_a_camera_that_only_turned_is_refused(leadline, tmp_path, write_image):
    rng = np.random.default_rng(3)
    noise = sum(s * cv2.GaussianBlur(rng.normal(size=(480, 640)), (0, 0), s) for s in (1.5, 3.0, 6.0))
    scene = np.clip(128 + 50 * noise / noise.std(), 0, 255).astype(np.uint8)
    camera = np.array([[600.0, 0, 319.5], [0, 600.0, 239.5], [0, 0, 1]])
    turn = camera @ cv2.Rodrigues(np.array([0.0, 0.06, 0.0]))[0] @ np.linalg.inv(camera)
    turned = cv2.warpPerspective(scene, turn, (640, 480))
    pair = [write_image(tmp_path / f"{i}.png", view[60:420, 80:560]) for i, view in enumerate((scene, turned))]
    done = leadline("stereo", *pair, "--model", "sgbm", "--output", tmp_path / "o")
    assert done.code == 2
    assert "the camera only turned" in done.one_line
    assert not (tmp_path / "o").exists()
