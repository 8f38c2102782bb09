"""Counting, reconnecting, pairing by time, and addresses."""

import numpy as np
import pytest

from leadline.cameras import PRESETS, FrameMeta, StereoFrame, open_source
from leadline.cameras.address import SCHEMES, parse_address
from leadline.cameras.pairing import TimePairs
from leadline.cameras.source import StereoSource, exposure_gap_stops
from leadline.errors import CameraError, CameraLostError, InputError

GREY = np.full((8, 8, 3), 100, np.uint8)


def frame(number, time_s=None, right_time_s=None, right=GREY, exposure_s=None):
    meta = FrameMeta(number, 0.0, "unix", right_time_s, exposure_s)
    return StereoFrame(GREY, right, number / 10 if time_s is None else time_s, None, meta)


class Scripted:
    """A device that does what a list says: frames, errors, and None at the end."""

    notes = ("scripted",)
    unpaired = 0

    def __init__(self, steps):
        self.steps, self.closed = list(steps), False

    def grab(self):
        step = self.steps.pop(0) if self.steps else None
        if isinstance(step, Exception):
            raise step
        return step

    def interrupt(self):
        pass

    def close(self):
        self.closed = True


def test_gaps_of_the_cameras_count_are_lost_frames():
    device = Scripted([frame(3), frame(4), frame(7), frame(8)])
    with StereoSource("x", lambda: device, is_live=True) as source:
        assert [found.meta.number for found in source] == [3, 4, 7, 8]
        assert (source.counts.frames, source.counts.lost) == (4, 2)
    assert device.closed
    assert source.read() is None


def test_images_of_different_moments_and_uneven_exposure_are_counted():
    dark = np.full((8, 8, 3), 60, np.uint8)  # log2(60 / 100) = -0.74
    steps = [frame(0, right_time_s=0.0), frame(1, right_time_s=0.11), frame(2, right_time_s=0.23), frame(3, right=dark)]
    source = StereoSource("x", lambda: Scripted(steps), is_live=True)
    assert len(list(source)) == 4
    assert source.counts.faults() == {"apart": 1, "uneven": 1}
    assert exposure_gap_stops(frame(0, right=dark)) == pytest.approx(-0.737, abs=1e-3)
    assert exposure_gap_stops(frame(0, exposure_s=(0.01, 0.04))) == pytest.approx(2.0)


def test_a_camera_that_was_unplugged_is_opened_again_and_says_so():
    lost = CameraLostError("expected the next frame, got none")
    openings = [Scripted([frame(0), lost]), CameraError("no such camera"), Scripted([frame(0), frame(1)])]
    said = []

    def opened():
        step = openings.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    source = StereoSource("uvc:0", opened, is_live=True, on_event=said.append)
    assert [found.meta.number for found in source] == [0, 0, 1]
    assert (source.counts.reconnects, source.counts.lost) == (1, 0)
    assert "trying to open it again" in said[0]
    assert "uvc:0: back after" in said[1]


def test_a_camera_that_stays_away_is_given_up_in_one_line():
    first = [Scripted([CameraLostError("gone")])]

    def opened():
        if first:
            return first.pop()
        raise CameraError("no such camera")

    source = StereoSource("uvc:0", opened, is_live=True, patience_s=0.0)
    with pytest.raises(CameraError, match=r"expected uvc:0 to come back within 0 s, got nothing \(no such camera\)"):
        source.read()


def test_a_recording_that_breaks_off_is_not_opened_again():
    source = StereoSource("bag:x", lambda: Scripted([CameraLostError("gone")]), is_live=False)
    with pytest.raises(CameraLostError, match="gone"):
        source.read()


def test_pairs_by_time_leave_out_what_has_no_partner():
    pairs = TimePairs[str]()
    found = []
    for side, time_s in [(0, 0.0), (1, 0.001), (0, 0.1), (0, 0.2), (1, 0.199), (1, 0.3), (0, 0.33), (0, 0.33)]:
        found += [(left, right) for left, _, right, _ in pairs.add(side, time_s, "image")]
    pairs.rest()
    # 0.1 has no right image; 0.3 and 0.33 are more than a quarter of 0.1 apart; one moment twice counts once.
    assert found == [(0.0, 0.001), (0.2, 0.199)]
    assert pairs.unpaired == 4


def test_memory_of_an_unpaired_stream_does_not_grow():
    pairs = TimePairs[str]()
    for index in range(200):
        pairs.add(0, float(index), "image")
    assert pairs.unpaired == 200 - 64


@pytest.mark.parametrize(
    ("text", "scheme", "place", "options"),
    [
        ("uvc:/dev/v4l/by-id/usb-a", "uvc", "/dev/v4l/by-id/usb-a", {}),
        ("realsense:", "realsense", "", {}),
        ("file:a b.mp4?layout=over-under", "file", "a b.mp4", {"layout": "over-under"}),
        ("left_?.png", "file", "left_?.png", {}),
        ("C:\\films\\a.mp4", "file", "C:\\films\\a.mp4", {}),
        ("run.MCAP", "bag", "run.MCAP", {}),
        ("bag:run?left=/a&right=/b", "bag", "run", {"left": "/a", "right": "/b"}),
        ("zed-mini", "uvc", "0", {"size": "1280x720", "fps": "30", "format": "YUYV"}),
        ("zed-mini:2?fps=60", "uvc", "2", {"size": "1280x720", "fps": "60", "format": "YUYV"}),
    ],
)
def test_addresses(text, scheme, place, options):
    found = parse_address(text)
    assert (found.scheme, found.place, found.options) == (scheme, place, options)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ros:/camera/left", "got a live ROS topic"),
        ("webcam:0", "expected a source that begins with uvc:, realsense:, oak:, zed:, file:, bag:"),
        ("uvc:0?blur=3", "expected options out of size, fps, format, layout for uvc:, got 'blur'"),
        ("uvc:0?size=big", "expected size=WIDTHxHEIGHT"),
        ("uvc:0?fps=-3", "expected fps above 0"),
        ("uvc:0?layout=diagonal", "expected layout out of"),
        ("realsense:?emitter=strobe", "expected emitter out of off, on, alternate"),
        ("file:", "expected file: with the name"),
        ("bag:/nowhere.bag", "got no such file"),
    ],
)
def test_bad_addresses(text, words):
    with pytest.raises(InputError, match=words):
        open_source(text)


def test_an_address_that_nothing_fits():
    with pytest.raises(InputError, match="expected one source for uvc:"):
        open_source("uvc:0", right="uvc:1")
    with pytest.raises(InputError, match="expected a patience"):
        open_source("uvc:0", patience_s=-1.0)


def test_presets_are_addresses():
    for name in PRESETS:
        found = parse_address(name)
        assert found.scheme in SCHEMES
        assert found.size() is not None
