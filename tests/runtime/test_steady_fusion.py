"""Fusion with past and future: depth changes as the camera moves, and the first frame is as steady as the others."""

import itertools

import cv2
import numpy as np
import pytest

from leadline.runtime.steady_fusion import Fusion, step_between

HEIGHT, WIDTH, COUNT, CLOSER = 72, 96, 12, 0.97
MIDDLE = (slice(15, -15), slice(20, -20))


def approach() -> tuple[list, list[float]]:
    """Steps between frames of a camera that drives towards a wall, and the wall's depth, 3 % less in each frame."""
    noise = np.random.default_rng(0).normal(size=(HEIGHT, WIDTH))
    smooth = 1.5 * cv2.GaussianBlur(noise, (0, 0), 1.5) + 4.0 * cv2.GaussianBlur(noise, (0, 0), 4.0)
    texture = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    depths = [4.0 * CLOSER**number for number in range(COUNT)]
    frames = [
        cv2.warpAffine(
            texture,
            np.array([[g, 0.0, (1 - g) * (WIDTH - 1) / 2], [0.0, g, (1 - g) * (HEIGHT - 1) / 2]]),
            (WIDTH, HEIGHT),
        )
        for g in (depths[0] / depth for depth in depths)
    ]
    return [None, *(step_between(one, other) for one, other in itertools.pairwise(frames))], depths


def with_noise(depths: list[float]) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [depth * np.exp(rng.normal(0, 0.1, (HEIGHT, WIDTH))) for depth in depths]


@pytest.mark.parametrize("values", ["logarithm", "inverse", "affine depth"])
def test_a_wall_comes_nearer_as_the_camera_drives_towards_it(values):
    steps, depths = approach()
    noisy = with_noise(depths)
    frames = [{"logarithm": np.log(z), "inverse": 10.0 / z}.get(values, z).astype(np.float32) for z in noisy]
    fused = list(Fusion(frames, [None] * COUNT, steps, values, 0.9).both_ways(None, COUNT))
    past = fused[-1][1][..., 0][MIDDLE]
    found = float(np.median({"logarithm": np.exp(past), "inverse": 10.0 / past}.get(values, past)))
    if values == "affine depth":
        # Its motion is unknown: held still, it lags behind.
        assert found > 1.025 * depths[-1]
    else:
        assert found == pytest.approx(depths[-1], rel=0.02)


def test_confidence_is_averaged_and_nothing_is_kept_without_weight():
    steps, depths = approach()
    frames = [(1.0 / depth).astype(np.float32) for depth in with_noise(depths)]
    sure = [np.full((HEIGHT, WIDTH), 0.2 + 0.05 * number, np.float32) for number in range(COUNT)]
    kept = list(Fusion(frames, sure, steps, "inverse", 0.9).both_ways(None, COUNT))
    alone = list(Fusion(frames, sure, steps, "inverse", 0.0).both_ways(None, COUNT))
    # The first frame is the least sure: what follows raises it. The last is the surest.
    assert kept[0][0][..., 2][MIDDLE].mean() > 0.05
    assert kept[-1][0][..., 2][MIDDLE].mean() < -0.05
    for added, _ in alone:
        np.testing.assert_array_equal(added, 0.0)


def test_only_the_frames_asked_for_come_and_the_past_goes_on():
    steps, depths = approach()
    frames = [np.full((HEIGHT, WIDTH), 1.0 / depth, np.float32) for depth in depths]
    whole = list(Fusion(frames, [None] * COUNT, steps, "inverse", 0.9).both_ways(None, COUNT))
    part = list(Fusion(frames, [None] * COUNT, steps, "inverse", 0.9).both_ways(None, 5))
    assert len(part) == 5
    for (added, past), (other, same) in zip(part, whole, strict=False):
        np.testing.assert_array_equal(added, other)
        np.testing.assert_array_equal(past, same)
