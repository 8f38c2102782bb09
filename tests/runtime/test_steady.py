"""Steady depth: flicker of scale, shift and noise goes, the scene's own changes stay, and runs resume exactly."""

import itertools

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import DepthMap, DisparityMap
from leadline.runtime.steady import SteadyDepth, SteadyOptions, align_frames

HEIGHT, WIDTH, STEP_PX = 96, 128, 3
SURE = np.ones((HEIGHT, WIDTH), bool)


def panorama(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A texture, and inverse depth that belongs to it: a ramp with a block before it."""
    noise = np.random.default_rng(seed).normal(size=(HEIGHT, 400, 3))
    smooth = sum(scale * cv2.GaussianBlur(noise, (0, 0), scale) for scale in (1.5, 4.0))
    texture = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    inverse = np.tile(np.linspace(1.0, 2.0, HEIGHT, dtype=np.float32)[:, None], (1, 400))
    inverse[30:60, 60:90] += 1.0
    return texture, inverse


def pan(image: np.ndarray, index: int) -> np.ndarray:
    return np.ascontiguousarray(image[:, STEP_PX * index : STEP_PX * index + WIDTH])


class Flickering:
    """A method that knows the truth up to a scale and a shift that jump from frame to frame, and noise."""

    def __init__(self, maps, kind="affine_inverse", noise=0.0):
        self.maps, self.kind, self.noise, self.rng = iter(maps), kind, noise, np.random.default_rng(1)

    def __call__(self, image):
        scale, shift = self.rng.uniform(0.8, 1.25), self.rng.uniform(-0.3, 0.3)
        values = scale * next(self.maps) + (shift if self.kind == "affine_inverse" else 0.0)
        values = values + self.rng.normal(0, self.noise, values.shape)
        return DepthMap(values.astype(np.float32), SURE, self.kind, np.full(values.shape, 0.5, np.float32))


def shift_and_scale_left(found, truth):
    """Scale and shift of each frame against the truth."""
    return np.array([np.polyfit(t.ravel(), f.ravel(), 1) for f, t in zip(found, truth, strict=True)])


def test_scale_and_shift_are_steadied_and_the_pattern_stays():
    texture, inverse = panorama(0)
    truth = [pan(inverse, index) for index in range(40)]
    found = list(SteadyDepth(Flickering(truth)).steady(pan(texture, index) for index in range(40)))
    assert [frame.new_shot for frame in found] == [True] + [False] * 39
    raw = shift_and_scale_left([frame.raw.depth for frame in found], truth)
    steady = shift_and_scale_left([frame.depth.depth for frame in found], truth)
    # From frame to frame scale and shift moved by a quarter; what is left moves by a tenth of that.
    assert np.abs(np.diff(raw, axis=0)).mean() > 0.15
    assert np.abs(np.diff(steady, axis=0)).mean() < 0.02
    changes = np.array([(frame.change, frame.raw_change) for frame in found[1:]])
    assert changes[:, 0].mean() < 0.15 * changes[:, 1].mean()
    for frame, true in zip(found, truth, strict=True):
        assert np.corrcoef(frame.depth.depth.ravel(), true.ravel())[0, 1] > 0.99
    assert found[5].depth.confidence is not None
    np.testing.assert_allclose(found[5].depth.confidence, 0.5, atol=1e-6)


def test_metric_depth_keeps_its_metres():
    texture, inverse = panorama(1)
    truth = [4.0 / pan(inverse, index) for index in range(20)]
    found = list(SteadyDepth(Flickering(truth, "metric")).steady(pan(texture, index) for index in range(20)))
    ratios = np.array([np.median(frame.depth.depth / true) for frame, true in zip(found, truth, strict=True)])
    own = np.array([np.median(frame.raw.depth / true) for frame, true in zip(found, truth, strict=True)])
    assert np.ptp(ratios) < 0.05 < np.ptp(own)
    # The level is the mean of the method's own scales, in the logarithm.
    assert np.log(ratios).mean() == pytest.approx(np.log(own).mean(), abs=0.03)


def test_disparity_of_pairs_is_fused_and_never_scaled():
    texture, inverse = panorama(2)
    truth = pan(10 * inverse, 0)
    rng = np.random.default_rng(0)

    def method(left, right):
        assert left.shape == right.shape
        return DisparityMap((truth + rng.normal(0, 0.5, left.shape[:2])).astype(np.float32), SURE)

    found = list(SteadyDepth(method).steady([(pan(texture, 0), pan(texture, 0))] * 15))
    # The first and the last frame as well: what follows counts as much as what came before.
    for frame in found:
        error, own = (np.abs(each.disparity - truth)[10:-10, 10:-10].mean() for each in (frame.depth, frame.raw))
        assert error < 0.5 * own


def test_a_cut_begins_anew():
    (first, inverse), (second, other) = panorama(3), panorama(4)
    frames = [pan(first, index) for index in range(6)] + [pan(second, index) for index in range(6)]
    truth = [pan(inverse, index) for index in range(6)] + [5.0 + pan(other, index) for index in range(6)]
    found = list(SteadyDepth(Flickering(truth)).steady(frames))
    assert [number for number, frame in enumerate(found) if frame.new_shot] == [0, 6]
    assert np.isnan(found[6].change)
    # Nothing of the first shot is in the second: it is what it would be alone.
    again = iter([frame.raw for frame in found[6:]])
    alone = SteadyDepth(lambda _: next(again)).steady(frames[6:])
    for one, other in zip(found[6:], alone, strict=True):
        np.testing.assert_array_equal(one.depth.depth, other.depth.depth)


def test_long_films_do_not_drift():
    texture, inverse = panorama(5)
    back_and_forth = [*range(30), *range(30, 0, -1)] * 3
    truth = [pan(inverse, index) for index in back_and_forth]
    options = SteadyOptions(window=16, overlap=4)
    found = SteadyDepth(Flickering(truth), options).steady(pan(texture, index) for index in back_and_forth)
    lines = shift_and_scale_left([frame.depth.depth for frame in found], truth)
    assert np.abs(lines[:, 0] - 1.0).max() < 0.2
    assert abs(lines[-16:, 0].mean() - lines[:16, 0].mean()) < 0.1


@pytest.mark.parametrize("stop", [1, 2])
def test_a_resumed_run_gives_the_same_depth(stop: int):
    texture, inverse = panorama(6)
    frames, truth = [pan(texture, n) for n in range(40)], [pan(inverse, n) for n in range(40)]
    options = SteadyOptions(window=10, overlap=3)
    own = [Flickering(itertools.chain([t])) for t in truth]
    for number, method in enumerate(own):
        method.rng = np.random.default_rng(number)
    values = {frame.tobytes(): method(frame) for frame, method in zip(frames, own, strict=True)}
    steady = SteadyDepth(lambda image: values[image.tobytes()], options)
    whole = list(steady.steady(frames))
    state = [frame.state for frame in whole if frame.state is not None][stop - 1]
    rest = list(steady.steady(frames[state.done - 1 :], state))
    assert state.done == 7 * stop
    assert len(rest) == 40 - state.done
    for one, other in zip(whole[state.done :], rest, strict=True):
        np.testing.assert_array_equal(one.depth.depth, other.depth.depth)
        assert (one.change, one.raw_change, one.new_shot) == (other.change, other.raw_change, other.new_shot)


def test_unknown_pixels_stay_unknown_and_disturb_nothing():
    texture, inverse = panorama(7)

    def method(image):
        depth = inverse[:, :WIDTH].copy()
        valid = SURE.copy()
        depth[:20], valid[:20] = np.nan, False
        return DepthMap(depth, valid, "affine_inverse")

    found = list(SteadyDepth(method).steady([pan(texture, 0)] * 4))
    assert not found[-1].depth.valid[:20].any()
    np.testing.assert_allclose(found[-1].depth.depth[20:], inverse[20:, :WIDTH], atol=1e-4)


def test_frames_of_two_sizes_and_odd_windows_are_refused():
    texture, _ = panorama(8)
    with pytest.raises(InputError, match="frames of one size"):
        list(
            SteadyDepth(Flickering([pan(texture, 0)[..., 0]] * 2)).steady(iter([pan(texture, 0), pan(texture, 0)[:-2]]))
        )
    with pytest.raises(InputError, match="overlap from 1 to 7 frames, got 8"):
        SteadyOptions(window=8, overlap=8)
    with pytest.raises(InputError, match="below 1, got 1"):
        SteadyOptions(keep=1.0)


def test_one_frame_has_its_own_scale():
    assert align_frames([np.ones((4, 4), np.float32)], [], "scale and shift")[0].tolist() == [1.0, 0.0]
