"""A stream: newest first, nothing older than allowed, every frame of a recording, faults that reach the reader."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from leadline.cameras import FrameMeta, StereoFrame
from leadline.cameras.source import StereoSource
from leadline.errors import CameraError, CameraLostError, InputError
from leadline.geometry.camera import DistortedCamera, Pinhole
from leadline.geometry.rig import UnrectifiedRig
from leadline.results.methods import MethodsByRange
from leadline.results.rigs import RigGiven
from leadline.streaming import LiveStream, StreamOptions
from leadline.streaming.statistics import StatisticsKeeper


def numbers(stream):
    return [result.frame.meta.number for result in stream]


def test_every_frame_of_a_recording_in_order(source, method):
    with LiveStream(source(12, is_live=False), method(0.005)) as stream:
        assert numbers(stream) == list(range(12))
    found = stream.statistics
    assert (found.captured, found.results, found.passed_over, found.not_taken, found.stale) == (12, 12, 0, 0, 0)
    assert found.confidence == pytest.approx(0.75, abs=0.1)


def test_depth_of_a_known_disparity(source, method):
    with LiveStream(source(1, is_live=False), method()) as stream:
        result = stream.next()
        assert stream.next() is None
    # Z = f b / d = 100 px 0.1 m / 7 px
    assert float(result.depth.depth[40, 60]) == pytest.approx(100.0 * 0.1 / 7.0, rel=1e-6)
    assert result.depth.kind == "metric"


def test_a_slow_method_gets_the_newest_frame(source, method):
    with LiveStream(source(60, step_s=0.01), method(0.06)) as stream:
        found = numbers(stream)
    told = stream.statistics
    assert found == sorted(found)
    assert found[-1] == 59
    assert told.passed_over + told.results == 60
    assert 2 <= told.results <= 14
    # Capture to result: the match, and at most a step of the camera and what threads wait for each other.
    assert 0.06 <= told.match_s <= told.latency_s


def test_a_slow_reader_gets_the_newest_result(source, method):
    with LiveStream(source(10_000, step_s=0.002), method()) as stream:
        first = stream.next()
        results_then = stream.statistics.results
        end = time.monotonic() + 20.0
        while stream.statistics.results < results_then + 10 and time.monotonic() < end:
            time.sleep(0.01)
        second = stream.next()
    assert second.number - first.number >= 9
    assert stream.statistics.not_taken >= 8


def test_a_control_loop_asks_without_waiting(source, method):
    with LiveStream(source(1, step_s=0.0), method(0.3)) as stream:
        assert stream.next(timeout_s=0.0) is None
        assert not stream.over
        assert stream.next().number == 0
        assert stream.next() is None
        assert stream.over


def test_results_a_second_at_most(source, method):
    begun = time.monotonic()
    with LiveStream(source(60, step_s=0.01), method(), options=StreamOptions(max_fps=20.0)) as stream:
        count = len(numbers(stream))
    assert 2 <= count <= 2 + 20.0 * (time.monotonic() - begun)


def test_nothing_older_than_allowed_is_handed_over(source, method):
    options = StreamOptions(max_age_s=0.1)
    with LiveStream(source(2, step_s=0.01), method(), options=options) as stream:
        time.sleep(0.4)
        assert stream.next() is None
    assert stream.statistics.stale >= 1


def test_a_method_too_slow_for_the_age_is_an_error(source, method):
    options = StreamOptions(max_age_s=0.06)
    with (
        LiveStream(source(10_000, step_s=0.01), method(0.1), options=options) as stream,
        pytest.raises(InputError, match="expected results at most 60 ms after their frames, got"),
    ):
        numbers(stream)


def test_leaving_the_loop_gives_the_camera_back(source, method):
    opened = source(10_000, step_s=0.005)
    device = opened._device
    for _ in LiveStream(opened, method()):
        break
    # The loop's end is the iterator's: it closes the stream.
    end = time.monotonic() + 20.0
    while not device.closed and time.monotonic() < end:
        time.sleep(0.01)
    assert device.closed


def test_faults_reach_the_reader(source, method):
    def broken(left, right):
        raise InputError("expected another day")

    with LiveStream(source(5), broken) as stream, pytest.raises(InputError, match="expected another day"):
        numbers(stream)


def test_a_camera_that_is_gone_reaches_the_reader(method):
    class Gone:
        notes, unpaired = (), 0

        def grab(self):
            raise CameraError("expected a camera that stays")

        def interrupt(self):
            pass

        def close(self):
            pass

    with (
        LiveStream(StereoSource("test:", Gone, True), method()) as stream,
        pytest.raises(CameraError, match="expected a camera that stays"),
    ):
        numbers(stream)


def test_a_source_without_a_pair(source, method):
    with (
        LiveStream(source(0, is_live=False), method()) as stream,
        pytest.raises(InputError, match="expected at least one pair of images of one moment from test:, got none"),
    ):
        numbers(stream)


def test_views_that_are_exchanged_end_the_stream(source, method, pair):
    with (
        LiveStream(source(5, views=pair[::-1], is_live=False), method()) as stream,
        pytest.raises(InputError, match=r"the views seem swapped .* exchange LEFT and RIGHT"),
    ):
        numbers(stream)
    opened = source(5, views=pair[::-1], rig=None, is_live=False)
    with LiveStream(opened, method(), options=StreamOptions(swap=True)) as stream:
        result = stream.next()
    np.testing.assert_array_equal(result.left, pair[0])
    np.testing.assert_array_equal(result.right, pair[1])
    assert result.time_s == 0.0
    assert result.depth is None


def test_one_image_twice_ends_the_stream(source, method, pair):
    with (
        LiveStream(source(5, views=(pair[0], pair[0]), is_live=False), method()) as stream,
        pytest.raises(InputError, match="one image twice"),
    ):
        numbers(stream)


def test_views_of_a_camera_that_knows_itself_are_not_swapped(source, method):
    with (
        LiveStream(source(2), method(), options=StreamOptions(swap=True)) as stream,
        pytest.raises(InputError, match="do not swap them"),
    ):
        numbers(stream)


def test_a_covered_lens_is_counted(source, method, pair):
    dark = np.full_like(pair[0], 3)
    with LiveStream(source(4, views=(dark, dark), is_live=False), method()) as stream:
        assert len(numbers(stream)) == 4
    assert stream.statistics.blank == 4


def test_a_camera_that_still_sets_its_exposure_decides_nothing(method, pair, tmp_path):
    """By the first pair it is told whether the images of a calibration are raw: it should show something."""
    (tmp_path / "K.txt").write_text("50 0 63.5 0 50 47.5 0 0 1\n0.2")
    dark = np.full_like(pair[0], 2)
    shown = [(dark, dark)] * 3 + [pair] * 2

    class Waking:
        notes, unpaired = (), 0

        def grab(self):
            if not shown:
                return None
            meta = FrameMeta(5 - len(shown), time.monotonic(), "device")
            return StereoFrame(*shown.pop(0), 0.0, None, meta)

        def interrupt(self):
            pass

        def close(self):
            pass

    given = RigGiven(calibration=tmp_path / "K.txt")
    with LiveStream(StereoSource("test:", Waking, is_live=False), method(), given) as stream:
        assert numbers(stream) == [3, 4]
    assert stream.statistics.blank == 3


def test_raw_pairs_are_rectified_by_maps_made_once(source, method, pair, monkeypatch):
    lens = DistortedCamera(Pinhole(100.0, 100.0, 63.5, 47.5, 96, 128), (0.05, 0.0, 0.0, 0.0), "radtan")
    transform = np.eye(4)
    transform[0, 3] = -0.1
    made = []

    def counted(rig):
        from leadline.geometry.rectify import rectify

        made.append(rig)
        return rectify(rig)

    monkeypatch.setattr("leadline.streaming.ready.rectify", counted)
    opened = source(4, rig=UnrectifiedRig(lens, lens, transform), is_live=False)
    with LiveStream(opened, method()) as stream:
        results = list(stream)
    assert len(made) == 1
    assert len(results) == 4
    assert results[0].frame.rig.baseline_m == pytest.approx(0.1)
    assert results[0].depth.kind == "metric"


def test_a_calibration_of_the_user(source, method, tmp_path):
    (tmp_path / "K.txt").write_text("50 0 63.5 0 50 47.5 0 0 1\n0.2")
    given = RigGiven(calibration=tmp_path / "K.txt")
    with LiveStream(source(1, is_live=False), method(), given) as stream:
        result = stream.next()
    assert (result.frame.rig.left.focal_x_px, result.frame.rig.baseline_m) == (50.0, 0.2)


def test_the_calibrations_range_chooses_the_method(source, method, tmp_path):
    (tmp_path / "calib.txt").write_text(
        "cam0=[50 0 63.5; 0 50 47.5; 0 0 1]\ncam1=[50 0 63.5; 0 50 47.5; 0 0 1]\ndoffs=0\nbaseline=200\nwidth=128\n"
        "height=96\nndisp=33\n"
    )
    asked = []

    def load(largest, smallest):
        asked.append((largest, smallest))
        return method()

    given = RigGiven(calibration=tmp_path / "calib.txt")
    with LiveStream(source(3, is_live=False), MethodsByRange(load), given) as stream:
        assert len(numbers(stream)) == 3
    assert asked == [(32, 0)]
    assert any("the calibration's ndisp" in event for event in stream.events)


def test_bounds_that_are_none():
    for options in ({"max_fps": 0.0}, {"max_age_s": -1.0}):
        with pytest.raises(InputError, match="expected more than 0"):
            StreamOptions(**options)


def test_no_thread_is_left_behind(source, method):
    before = threading.active_count()
    for _ in range(3):
        with LiveStream(source(1000, step_s=0.01), method()) as stream:
            stream.next()
    # Those of earlier tests may end meanwhile.
    assert threading.active_count() <= before


def test_a_stream_that_nobody_closes_ends_with_python(tmp_path):
    """A thread within a network would abort the process otherwise."""
    code = f"""
import numpy as np
import leadline
from leadline.io import write_image
texture = np.random.default_rng(0).integers(0, 256, (240, 340), dtype=np.uint8)
for number in range(50):
    for side, shift in (("left", 0), ("right", 7)):
        import os
        os.makedirs(r"{tmp_path}/" + side, exist_ok=True)
        write_image(r"{tmp_path}/" + f"{{side}}/{{number}}.png", texture[:, shift : shift + 320])
stream = leadline.live(r"file:{tmp_path}?fps=20", threads=1)
print(stream.next().number)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["0"], "")


def test_a_stream_survives_an_unplugged_camera(method, pair):
    class Plug:
        notes, unpaired = (), 0

        def __init__(self, count):
            self.left = count

        def grab(self):
            if self.left == 0:
                raise CameraLostError("expected the next frame, got none")
            self.left -= 1
            time.sleep(0.01)
            return StereoFrame(*pair, time.time(), None, FrameMeta(10 - self.left, time.monotonic(), "unix"))

        def interrupt(self):
            pass

        def close(self):
            pass

    openings = [Plug(3), CameraError("not yet"), Plug(10**6)]

    def opened():
        step = openings.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    with LiveStream(StereoSource("uvc:0", opened, True), method()) as stream:
        for _ in stream:
            if stream.source.counts.reconnects and stream.statistics.captured > 6:
                break
    assert any("back after" in event for event in stream.events)
    assert stream.statistics.source["reconnects"] == 1
    assert any("disparity without depth" in event for event in stream.events)


def test_memory_of_the_statistics_does_not_grow():
    keeper = StatisticsKeeper()
    for index in range(3000):
        keeper.capture()
        keeper.result(0.2 if index < 2500 else 0.1, 0.05, 0.5)
    assert (len(keeper._latencies), len(keeper._finished)) == (1000, 30)
    found = keeper.snapshot(0, 0, {})
    assert (found.results, found.latency_s) == (3000, pytest.approx(0.15))
