"""Sources and methods whose speed the tests decide."""

import time

import cv2
import numpy as np
import pytest

from leadline.cameras import FrameMeta, StereoFrame
from leadline.cameras.source import StereoSource
from leadline.geometry.rig import StereoRig
from leadline.maps import DisparityMap

SHIFT_PX = 7
RIG = StereoRig.from_focal(96, 128, 100.0, 0.1)


@pytest.fixture(scope="session")
def pair():
    """Left and right view of 96x128, the right one shifted by 7 px."""
    noise = np.random.default_rng(5).normal(size=(96, 160, 3))
    smooth = sum(scale * cv2.GaussianBlur(noise, (0, 0), scale) for scale in (1.0, 2.0, 4.0))
    texture = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    return texture[:, 16 : 16 + 128].copy(), texture[:, 16 + SHIFT_PX : 16 + SHIFT_PX + 128].copy()


class Metronome:
    """A device that delivers the same pair at a steady rate, without waiting for anybody."""

    notes, unpaired = (), 0

    def __init__(self, views, count, step_s, rig=None):
        self.views, self.count, self.step_s, self.rig = views, count, step_s, rig
        self.number, self.begun, self.closed = 0, time.monotonic(), False

    def grab(self):
        if self.number == self.count:
            return None
        due = self.begun + self.number * self.step_s
        time.sleep(max(0.0, due - time.monotonic()))
        meta = FrameMeta(self.number, time.monotonic(), "device")
        self.number += 1
        return StereoFrame(*self.views, meta.number * self.step_s, self.rig, meta)

    def interrupt(self):
        pass

    def close(self):
        self.closed = True


@pytest.fixture
def source(pair):
    """Opens a source of a number of pairs."""

    def opened(count=20, step_s=0.0, is_live=True, views=pair, rig=RIG):
        return StereoSource("test:", lambda: Metronome(views, count, step_s, rig), is_live)

    return opened


@pytest.fixture
def method():
    """A method that answers 7 px after a time."""

    def made(seconds=0.0, confidence=0.75):
        def match(left, right):
            time.sleep(seconds)
            shape = left.shape[:2]
            sure = None if confidence is None else np.full(shape, confidence, np.float32)
            return DisparityMap(np.full(shape, SHIFT_PX, np.float32), np.ones(shape, bool), sure)

        return match

    return made
