"""Where nothing was seen there is no confident disparity."""

import cv2
import numpy as np
import pytest

from leadline.maps import DisparityMap, FlowMap
from leadline.runtime.validity import judged, judged_flow, unseen_border, untextured

NOISE = cv2.normalize(
    cv2.GaussianBlur(np.random.default_rng(1).normal(size=(240, 320, 3)), (0, 0), 1.5), None, 20, 230, cv2.NORM_MINMAX
).astype(np.uint8)


def found(disparity: float = 5.0, confident: bool = True) -> DisparityMap:
    shape = NOISE.shape[:2]
    confidence = np.full(shape, np.float32(0.9)) if confident else None
    return DisparityMap(np.full(shape, np.float32(disparity)), np.ones(shape, bool), confidence)


def bordered() -> tuple[np.ndarray, np.ndarray]:
    image, seen = NOISE.copy(), np.ones(NOISE.shape[:2], bool)
    seen[:30], seen[:, :40] = False, False
    image[~seen] = 0
    return image, seen


def test_black_borders_are_unseen():
    image, seen = bordered()
    assert np.array_equal(unseen_border(image), ~seen)
    assert np.array_equal(unseen_border(image[..., 0]), ~seen)
    assert not unseen_border(NOISE).any()


def test_borders_in_a_jpeg():
    image, seen = bordered()
    decoded = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], cv2.IMREAD_COLOR)
    marked = unseen_border(np.asarray(decoded, np.uint8))
    assert marked[~seen].mean() > 0.9
    assert not marked[38:, 48:].any()


def test_dark_content_is_no_border():
    image = NOISE.copy()
    image[60:120, 60:120] = 0  # inside
    image[0, 0:3] = 0  # a spot at the edge
    assert not unseen_border(image).any()
    night = np.clip(np.random.default_rng(2).normal(6, 3, NOISE.shape), 2, 255).astype(np.uint8)
    assert not unseen_border(night).any()


@pytest.mark.parametrize("confident", [True, False])
def test_unseen_pixels_are_invalid(confident: bool):
    image, seen = bordered()
    given = found(confident=confident)
    result = judged(given, image, NOISE)
    assert np.array_equal(result.valid, seen)
    assert np.array_equal(result.disparity, given.disparity)
    if confident:
        assert result.confidence is not None
        assert (result.confidence[~seen] == 0).all()
        assert (result.confidence[seen] == np.float32(0.9)).all()


def test_matches_on_the_right_images_border_are_invalid():
    image, seen = bordered()
    result = judged(found(5.0), NOISE, image)
    expected = np.ones_like(seen)
    expected[:30] = False
    expected[:30, :5] = True  # their match lies outside of the right image, which says nothing of the border
    expected[30:, 5:45] = False
    assert np.array_equal(result.valid, expected)


def test_known_masks_are_taken_instead():
    seen = np.ones(NOISE.shape[:2], bool)
    seen[:, 300:] = False
    result = judged(found(), NOISE, NOISE, (seen, np.ones_like(seen)))
    assert np.array_equal(result.valid, seen)


def test_blown_out_windows_are_distrusted():
    image = NOISE.copy()
    image[80:160, 100:200] = 255
    blank = untextured(image)
    assert blank[85:155, 105:195].all()
    assert not blank[:70].any()
    result = judged(found(), image, image)
    assert result.confidence is not None
    assert result.confidence[120, 150] <= 0.2
    assert result.valid.all()
    assert not judged(found(confident=False), image, image).valid[120, 150]


def test_blank_posters_are_distrusted_inside():
    image = NOISE.copy()
    image[60:180, 80:240] = 128
    blank = untextured(image)
    assert blank[100:140, 120:200].all()
    assert not blank[58:64, 80:240].any()  # beside its edge there is something to match


def test_specks_and_gradients_are_trusted():
    image = NOISE.copy()
    image[100:104, 100:104] = 255
    assert not untextured(image).any()
    ramp = np.repeat(np.tile(np.linspace(0, 240, 320), (240, 1))[..., None], 3, axis=2).astype(np.uint8)
    assert not untextured(ramp).any()


def test_large_images_are_judged_alike():
    image = NOISE.copy()
    image[60:180, 80:240] = 128
    large = cv2.resize(image, (3200, 2400), interpolation=cv2.INTER_NEAREST)
    assert untextured(np.asarray(large, np.uint8))[1000:1400, 1200:2000].mean() > 0.95


def test_flow_from_or_into_a_black_border_is_invalid():
    """The border is 40 columns wide at the left; what moves 5 px to the left lands in it from the next 5 on."""
    image, seen = bordered()
    flow = np.zeros((*seen.shape, 2), np.float32)
    flow[..., 0] = -5.0
    sure = np.full(seen.shape, np.float32(0.9))
    moved = FlowMap(flow, np.ones(seen.shape, bool), sure)
    result = judged_flow(moved, NOISE, image)
    # The first 5 columns leave the frame, of which the border knows nothing.
    assert not result.valid[30:, 5:45].any()
    assert not result.confidence[30:, 5:45].any()
    assert result.valid[30:, 45:].all()
    np.testing.assert_array_equal(result.flow, flow)
    from_border = judged_flow(moved, image, NOISE)
    np.testing.assert_array_equal(from_border.valid, seen)


def test_flow_of_one_image_twice_is_zero():
    moved = FlowMap(np.ones((*NOISE.shape[:2], 2), np.float32), np.zeros(NOISE.shape[:2], bool))
    result = judged_flow(moved, NOISE, NOISE.copy())
    assert not result.flow.any()
    assert result.valid.all()


def test_flow_of_a_blank_area_is_distrusted():
    image = NOISE.copy()
    image[60:180, 60:240] = 90
    flow = FlowMap(np.zeros((*NOISE.shape[:2], 2), np.float32), np.ones(NOISE.shape[:2], bool))
    assert not judged_flow(flow, image, NOISE).valid[110:130, 140:160].any()
    sure = FlowMap(flow.flow, flow.valid, np.ones(NOISE.shape[:2], np.float32))
    assert judged_flow(sure, image, NOISE).confidence[120, 150] == np.float32(0.2)
