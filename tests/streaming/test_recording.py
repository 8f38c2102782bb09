"""Recordings: files that read back, resume after a stop, a full disk, a slow disk."""

import json
from collections import namedtuple

import numpy as np
import pytest

from leadline.cameras import open_source
from leadline.errors import InputError, OutputError
from leadline.io import read_calibration, read_image
from leadline.io.kitti_png import read_kitti_disparity
from leadline.io.pfm import read_pfm
from leadline.maps import DisparityMap
from leadline.results.request import describe_request
from leadline.streaming import LiveStream
from leadline.streaming import recording as module
from leadline.streaming.recording import Recording

REQUEST = describe_request([], {"source": "test:", "model": "sgbm"})


def results(source, method, count=3, **options):
    with LiveStream(source(count, is_live=False, **options), method()) as stream:
        return list(stream)


def record(folder, found, request=REQUEST, **options):
    with Recording(folder, request, keep_free_mb=0.0, wait=True, **options) as recording:
        for result in found:
            recording.add(result)
    return recording


def lines(folder):
    return [json.loads(line) for line in (folder / "frames.jsonl").read_text().splitlines()]


def test_what_is_recorded_reads_back(tmp_path, source, method, pair):
    folder = tmp_path / "run"
    assert record(folder, results(source, method)).written == 3
    disparity, valid = read_kitti_disparity(folder / "disparity" / "000001.png")
    assert valid.mean() > 0.9
    assert set(np.unique(disparity[valid])) == {7.0}
    assert int(read_image(folder / "confidence" / "000001.png").pixels.max()) == round(0.75 * 255)
    assert [line["name"] for line in lines(folder)] == ["000000", "000001", "000002"]
    assert lines(folder)[0]["session"] == 0
    assert read_calibration(folder / "calib.txt").baseline_m == pytest.approx(0.1)
    with open_source(f"file:{folder}?fps=10") as again:
        frames = list(again)
    np.testing.assert_array_equal(frames[2].right, pair[1])


def test_disparities_too_large_for_a_png(tmp_path, source, method):
    found = results(source, method, 1)[0]
    wide = DisparityMap(found.disparity.disparity + np.float32(300.0), found.disparity.valid)
    changed = type(found)(found.frame, wide, None, 0.1, 0.1, 0)
    record(tmp_path, [changed])
    assert lines(tmp_path)[0]["disparity"] == "000000.pfm"
    values = read_pfm(tmp_path / "disparity" / "000000.pfm")
    assert set(np.unique(values[np.isfinite(values)])) == {307.0}


def test_a_run_that_was_killed_is_continued(tmp_path, source, method):
    found = results(source, method)
    record(tmp_path, found[:2])
    # Killed while it wrote the third line, after the third frame's images.
    with (tmp_path / "frames.jsonl").open("ab") as file:
        file.write(b'{"number": 2, "ses')
    (tmp_path / "left" / "000002.png").write_bytes(b"half an image")
    recording = record(tmp_path, found[2:])
    assert (recording.continued, recording.next_camera_number, recording.written) == (2, 2, 1)
    assert [(line["number"], line["session"]) for line in lines(tmp_path)] == [(0, 0), (1, 0), (2, 1)]
    with open_source(f"file:{tmp_path}?fps=10") as again:
        assert len(list(again)) == 3


def test_recordings_of_something_else_are_kept(tmp_path, source, method):
    found = results(source, method, 1)
    record(tmp_path, found)
    other = describe_request([], {"source": "test:", "model": "bm"})
    with pytest.raises(InputError, match="choose another folder for the recording"):
        record(tmp_path, found, other)
    (tmp_path / "recording.json").write_text("{")
    with pytest.raises(InputError, match="got a damaged file"):
        record(tmp_path, found)
    (tmp_path / "recording.json").unlink()
    with pytest.raises(InputError, match=r"beside frames.jsonl, got none"):
        record(tmp_path, found)
    assert len(lines(tmp_path)) == 1


def test_a_damaged_index(tmp_path, source, method):
    found = results(source, method, 1)
    record(tmp_path, found)
    (tmp_path / "frames.jsonl").write_text("not JSON\n")
    with pytest.raises(InputError, match=r"frames.jsonl, got a damaged file"):
        record(tmp_path, found)


def test_frames_of_another_size_or_camera_end_the_recording(tmp_path, source, method, pair):
    from leadline.geometry.rig import StereoRig

    record(tmp_path, results(source, method, 1))
    small = tuple(view[:80] for view in pair)
    rig = StereoRig.from_focal(80, 128, 100.0, 0.1)
    assert "expected frames of 128x96" in record(tmp_path, results(source, method, 1, views=small, rig=rig)).failure
    rig = StereoRig.from_focal(96, 128, 120.0, 0.1)
    assert "expected frames of the cameras as recorded" in record(tmp_path, results(source, method, 1, rig=rig)).failure
    assert len(lines(tmp_path)) == 1


def test_a_full_disk_ends_the_recording_whole(tmp_path, source, method, monkeypatch):
    found, said = results(source, method, 4), []
    usage = namedtuple("usage", "total used free")
    free = [10 << 30, 10 << 30, 1 << 20, 1 << 20]
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage(0, 0, free.pop(0)))
    with Recording(tmp_path, REQUEST, keep_free_mb=500.0, wait=True, on_event=said.append) as recording:
        for result in found:
            recording.add(result)
    assert recording.written == 2
    assert "expected 500 MB to stay free" in recording.failure
    assert said == [f"recording ended after 2 frames: {recording.failure}; what is written is whole"]
    assert len(lines(tmp_path)) == 2


def test_a_disk_that_fills_within_a_frame(tmp_path, source, method, monkeypatch):
    found, written = results(source, method, 3), []

    def write(path, pixels):
        written.append(path)
        if len(written) > 4:
            raise OutputError(f"expected to write {path}, got no space left on device; free space")
        return real(path, pixels)

    real = module.write_image
    monkeypatch.setattr(module, "write_image", write)
    recording = record(tmp_path, found)
    assert (recording.written, len(lines(tmp_path))) == (1, 1)
    assert "no space left" in recording.failure


def test_a_slow_disk_costs_frames_and_not_the_stream(tmp_path, source, method, monkeypatch):
    import threading

    gate = threading.Event()
    real = Recording._write
    monkeypatch.setattr(Recording, "_write", lambda self, result: (gate.wait(10.0), real(self, result))[1])
    found = results(source, method, 12)
    with Recording(tmp_path, REQUEST, keep_free_mb=0.0) as recording:
        for result in found:
            recording.add(result)
        gate.set()
    assert recording.left_out >= 12 - 6
    assert recording.written + recording.left_out == 12
