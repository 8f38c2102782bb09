"""OpenCV's flow behind our call: shifts are found, what fails the check is told and filled."""

import cv2
import numpy as np
import pytest

from leadline.classical.flow import FLOW_METHODS, ClassicalFlow, filled
from leadline.errors import InputError
from leadline.geometry.flow import agreeing
from leadline.metrics.flow import endpoint_error, epe
from leadline.protocols.flow.scenes import find_flow_scenes


def texture(height: int, width: int) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(0).random((height, width), np.float32), (0, 0), 2.5)
    return (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


@pytest.mark.parametrize("name", FLOW_METHODS)
@pytest.mark.parametrize("colour", [False, True])
def test_a_shift_by_whole_pixels_is_found(name, colour):
    image = texture(102, 125)
    first, second = image[2:, 5:], image[:-2, :-5]
    if colour:
        first, second = (np.dstack([frame] * 3) for frame in (first, second))
    found = ClassicalFlow(name)(first, second)
    inner = found.flow[12:-12, 12:-12].reshape(-1, 2)
    np.testing.assert_allclose(np.median(inner, axis=0), [5.0, 2.0], atol=0.15)
    assert found.valid[12:-12, 12:-12].mean() > 0.95
    # The last five columns leave the frame.
    assert not found.valid[12:-12, -3:].any()
    assert found.confidence is not None
    assert found.confidence[12:-12, 12:-12].mean() > found.confidence[12:-12, -3:].mean() + 0.1


def test_there_and_back_must_end_where_it_began():
    forward = np.zeros((20, 30, 2), np.float32)
    forward[..., 0] = 4.0
    backward = -forward
    backward[:, 15:] = 3.0
    sure = agreeing(forward, backward)
    assert sure[:, :11].all()
    assert not sure[:, 11:].any()


def test_filling_takes_what_surrounds_a_hole():
    """A ramp with a hole: its symmetric surroundings average to about the ramp's value in the middle."""
    flow = np.zeros((33, 33, 2), np.float32)
    flow[..., 0] = np.arange(33)
    flow[..., 1] = 7.0
    valid = np.ones((33, 33), bool)
    valid[14:19, 14:19] = False
    holed = np.where(valid[..., None], flow, np.float32(np.nan))
    whole = filled(np.where(valid[..., None], holed, np.float32(0.0)), valid)
    np.testing.assert_array_equal(whole[valid], flow[valid])
    np.testing.assert_allclose(whole[..., 1], 7.0, atol=1e-4)
    assert abs(float(whole[16, 16, 0]) - 16.0) < 1.5
    nothing = np.zeros((33, 33), bool)
    np.testing.assert_array_equal(filled(flow, nothing), flow)


def test_what_cannot_be_matched_is_refused():
    with pytest.raises(InputError, match="expected one of dis, dis-ultrafast"):
        ClassicalFlow("raft")
    blank = np.zeros((40, 40), np.uint8)
    with pytest.raises(InputError, match="of one size"):
        ClassicalFlow("dis-fast")(blank, blank[:, 1:])
    with pytest.raises(InputError, match="at least 16x16"):
        ClassicalFlow("dis-fast")(blank[:15], blank[:15])


def test_filling_helps_on_real_pairs(real_dir):
    """Both of the shared streets, where a sixth of the truth leaves the frame."""
    for files in find_flow_scenes(real_dir / "kitti2012"):
        scene = files.load()
        plain, full = (ClassicalFlow("dis-medium", fill=fill)(scene.first, scene.second) for fill in (False, True))
        errors = [epe(endpoint_error(found.flow, scene.flow), scene.valid) for found in (plain, full)]
        assert errors[1] < 0.9 * errors[0]
        np.testing.assert_array_equal(plain.valid, full.valid)
