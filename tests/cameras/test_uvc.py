"""UVC cameras at the boundary of OpenCV: size, format, layout, dropped frames, unplugging."""

import time

import cv2
import numpy as np
import pytest

from leadline.cameras.address import parse_address
from leadline.cameras.uvc import UvcCamera
from leadline.errors import CameraError, CameraLostError


class Capture:
    """What cv2.VideoCapture does, with frames of our own."""

    def __init__(self, frames, opened=True, size=None, fourcc="YUYV", step_ms=100.0):
        self.frames, self.opened, self.released, self.asked = list(frames), opened, False, {}
        self.size, self.fourcc, self.step_ms, self.stamp_ms = size, fourcc, step_ms, 1000.0

    def isOpened(self):
        return self.opened

    def set(self, key, value):
        self.asked[key] = value
        return True

    def get(self, key):
        if key == cv2.CAP_PROP_POS_MSEC:
            return self.stamp_ms
        if key == cv2.CAP_PROP_FOURCC:
            return float(cv2.VideoWriter.fourcc(*self.fourcc))
        if self.size is not None and key in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH):
            return self.size[0 if key == cv2.CAP_PROP_FRAME_HEIGHT else 1]
        return self.asked.get(key, 0.0)

    def read(self):
        step = self.frames.pop(0) if self.frames else None
        self.stamp_ms += self.step_ms * (1 + (step[1] if isinstance(step, tuple) else 0))
        image = step[0] if isinstance(step, tuple) else step
        return image is not None, image

    def release(self):
        self.released = True


def camera(text, capture):
    return UvcCamera(parse_address(text), lambda _: capture)


def test_both_views_come_apart_as_rgb(pair):
    left, right = pair
    capture = Capture([np.hstack([left, right])[..., ::-1]] * 2)
    device = camera("uvc:0?size=128x96&fps=10&format=YUYV", capture)
    # Both views lie side by side: the camera is asked for twice the width.
    assert (capture.asked[cv2.CAP_PROP_FRAME_WIDTH], capture.asked[cv2.CAP_PROP_FRAME_HEIGHT]) == (256, 96)
    assert capture.asked[cv2.CAP_PROP_BUFFERSIZE] == 1
    first, second = device.grab(), device.grab()
    np.testing.assert_array_equal(first.left, left)
    np.testing.assert_array_equal(first.right, right)
    assert (second.meta.number - first.meta.number, second.meta.clock, second.rig) == (1, "unix", None)
    device.close()
    assert capture.released


def test_views_one_below_the_other(pair):
    left, right = pair
    capture = Capture([np.vstack([left, right])[..., ::-1]])
    device = camera("uvc:0?size=128x96&layout=over-under", capture)
    assert (capture.asked[cv2.CAP_PROP_FRAME_WIDTH], capture.asked[cv2.CAP_PROP_FRAME_HEIGHT]) == (128, 192)
    np.testing.assert_array_equal(device.grab().right, right)


def test_grey_cameras(pair):
    grey = cv2.cvtColor(np.hstack(pair), cv2.COLOR_RGB2GRAY)
    frame = camera("uvc:0", Capture([grey])).grab()
    np.testing.assert_array_equal(frame.left, np.dstack([grey[:, :128]] * 3))


def test_time_stamps_of_the_driver_show_missing_frames(pair):
    both = np.hstack(pair)
    device = camera("uvc:0?fps=10", Capture([both, (both, 2), both]))
    assert [device.grab().meta.number for _ in range(3)] == [1, 4, 5]


def test_latency_counts_from_the_drivers_time_stamp(pair):
    """V4L2 stamps a frame before it is decoded, by the clock of time.monotonic()."""
    capture = Capture([np.hstack(pair)] * 2, step_ms=0.0)
    device = camera("uvc:0", capture)
    capture.stamp_ms = 1000.0 * (time.monotonic() - 0.25)
    frame = device.grab()
    assert 0.24 < time.monotonic() - frame.meta.arrived_s < 5.0
    assert time.time() - frame.time_s == pytest.approx(time.monotonic() - frame.meta.arrived_s, abs=0.2)
    capture.stamp_ms = 5000.0  # a film's position, or another clock
    assert time.monotonic() - device.grab().meta.arrived_s < 0.24


def test_a_single_damaged_frame_is_passed_over_and_an_unplugged_camera_is_lost(pair):
    both = np.hstack(pair)
    device = camera("uvc:0", Capture([both, None, both]))
    device.grab()
    device.grab()
    with pytest.raises(CameraLostError, match="is the camera still plugged in"):
        device.grab()


def test_no_camera():
    capture = Capture([], opened=False)
    with pytest.raises(CameraError, match="expected a camera at uvc:7, got none"):
        camera("uvc:7", capture)
    assert capture.released
    with pytest.raises(CameraError, match="there is no /dev/v4l/by-id/zed"):
        camera("uvc:/dev/v4l/by-id/zed", Capture([], opened=False))


def test_another_size_or_format_than_asked_for(pair):
    with pytest.raises(CameraError, match=r"expected images of 256x96 with both views from uvc:0.*, got 640x480"):
        camera("uvc:0?size=128x96", Capture([], size=(480, 640)))
    with pytest.raises(CameraError, match=r"expected format MJPG from uvc:0.*, got YUYV"):
        camera("uvc:0?format=MJPG", Capture([]))
    with pytest.raises(CameraError, match="expected 8-bit images"):
        camera("uvc:0", Capture([np.zeros((8, 16), np.uint16)])).grab()


def test_a_camera_with_one_view_is_refused(texture):
    other = np.random.default_rng(1).integers(0, 256, texture.shape, np.uint8)
    with pytest.raises(CameraError, match="expected two views side by side in uvc:0"):
        camera("uvc:0", Capture([np.hstack([texture, other])])).grab()
