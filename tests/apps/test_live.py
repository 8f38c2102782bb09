"""`leadline live` and `leadline cameras` on recordings, and what goes wrong."""

import json

import numpy as np
import pytest

from leadline.io.film_writing import write_film

COUNT = 8


@pytest.fixture(scope="module")
def film(tmp_path_factory, texture):
    path = tmp_path_factory.mktemp("live") / "both.mp4"
    left, right = texture[:, 16:144], texture[:, 23:151]
    write_film(path, [np.hstack([left, right])] * COUNT, [k / 20 for k in range(COUNT)])
    return path


def test_a_film_is_matched_and_recorded(leadline, film, tmp_path):
    out = tmp_path / "run"
    words = (f"file:{film}", "--model", "bm", "--max-disparity", 31, "--focal-px", 100, "--baseline-m", 0.1)
    done = leadline("live", *words, "--record", out, "--keep-free-mb", 0, "--frames", 3)
    assert done.code == 0, done.err
    assert f"file:{film}: " in done.out
    assert f"{out}: 3 frames recorded" in done.out
    done = leadline("live", *words, "--record", out, "--keep-free-mb", 0)
    assert f"{out}: {COUNT - 3} frames recorded" in done.out
    lines = [json.loads(line) for line in (out / "frames.jsonl").read_text().splitlines()]
    assert [line["camera_number"] for line in lines] == list(range(COUNT))
    assert json.loads((out / "summary.json").read_text())["frames"] == COUNT
    # A recording is a source itself.
    again = leadline("live", f"file:{out}", "--calibration", out / "calib.txt", "--model", "bm", "--max-disparity", 31)
    assert again.code == 0, again.err
    assert f"{COUNT} results" in again.out


def test_a_film_at_its_own_pace(leadline, film):
    done = leadline("live", f"file:{film}?pace=real", "--model", "bm", "--max-disparity", 31, "--seconds", 5)
    assert done.code == 0, done.err
    assert "fps" in done.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["uvc:/dev/nothing"], "expected a camera at uvc:/dev/nothing, got none; there is no /dev/nothing"),
        (["ros:/stereo"], "got a live ROS topic"),
        (["file:nowhere.mp4"], "expected a film at nowhere.mp4, got no such file"),
        (["bag:nowhere.bag"], "expected a recording at nowhere.bag, got no such file"),
        (["file:x", "--frames", "0"], "expected --frames above 0"),
        (["file:x", "--max-fps", "0"], "expected more than 0 frames a second"),
        (["file:x", "--model", "nobody"], "nobody"),
    ],
)
def test_one_line_for_each_fault(leadline, words, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    done = leadline("live", *words, *([] if "--model" in words else ["--model", "bm"]))
    assert done.code == 2
    assert expected in done.one_line


def test_exchanged_views_name_the_option(leadline, tmp_path, texture):
    path = tmp_path / "crossed.mp4"
    write_film(path, [np.hstack([texture[:, 23:151], texture[:, 16:144]])] * 4)
    done = leadline("live", str(path), "--model", "bm", "--max-disparity", 31)
    assert done.code == 2
    assert "the views seem swapped" in done.err.splitlines()[-1]
    assert "(--swap)" in done.err.splitlines()[-1]
    assert leadline("live", str(path), "--model", "bm", "--max-disparity", 31, "--swap").code == 0


def test_a_full_disk_ends_the_recording_and_says_so(leadline, film, tmp_path):
    words = ("--model", "bm", "--max-disparity", 31, "--record", tmp_path / "run", "--keep-free-mb", 10**9)
    done = leadline("live", f"file:{film}", *words)
    assert done.code == 2
    assert "recording ended after 0 frames" in done.err
    assert f"{COUNT} results" in done.out


def test_cameras_are_listed(leadline, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("leadline.apps.cli.cameras.connected", lambda: [("uvc:0", "a camera")])
    done = leadline("cameras")
    assert done.code == 0
    assert "uvc:0  a camera" in done.out
    for name in ("zed-mini", "realsense-d455", "oak-d-lite"):
        assert name in done.out


def test_the_same_from_python(film):
    import leadline

    with leadline.live(f"file:{film}", model="bm", max_disparity=31, focal_px=100.0, baseline_m=0.1) as stream:
        found = list(stream)
    assert len(found) == COUNT
    middle = found[0].depth.depth[found[0].depth.valid]
    assert float(np.median(middle)) == pytest.approx(100.0 * 0.1 / 7.0, rel=0.02)
