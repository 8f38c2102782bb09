"""Pairs and images with exact truth, made of two layers, for audits."""

import cv2
import numpy as np
import pytest

from leadline.data.mono.shards import write_depth_shard
from leadline.data.stereo.shards import write_stereo_shard
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap, DisparityMap
from leadline.samples import DepthSample, StereoSample

SIZE = (96, 160)


def texture(rng: np.random.Generator, level: float) -> np.ndarray:
    """Blobs of several sizes around a level, wider than an image."""
    noise = rng.normal(size=(SIZE[0], SIZE[1] + 40, 3))
    coarse = cv2.resize(rng.normal(size=(7, 13, 3)), (SIZE[1] + 40, SIZE[0]), interpolation=cv2.INTER_LINEAR)
    smooth = cv2.blur(noise, (3, 3)) + 0.7 * coarse
    return np.clip(level + 22.0 * smooth / smooth.std(), 2, 245).astype(np.uint8)


def stereo_sample(seed: int) -> StereoSample:
    """A near board before a far wall, both flat, and what each view hides; disparities of pair 0 are 10 and 5 px."""
    near, far = 10 + seed % 5, 5 + seed % 4
    rng = np.random.default_rng(seed)
    wall, board = texture(rng, 90.0), texture(rng, 150.0)
    top, start = int(rng.integers(10, 40)), int(rng.integers(20, 80))
    rows, wide = slice(top, top + 45), 50
    views, maps, boards = [], [], []
    for shift in (0, 1):
        image, disparity = wall[:, shift * far :][:, : SIZE[1]].copy(), np.full(SIZE, far, np.float32)
        left = start - shift * near
        image[rows, left : left + wide] = board[rows, :wide]
        disparity[rows, left : left + wide] = near
        views.append(image)
        maps.append(DisparityMap(disparity, np.ones(SIZE, bool)))
        boards.append(disparity == near)
    columns = np.arange(SIZE[1])
    hidden = []
    for sign, own, other in ((-1, 0, 1), (1, 1, 0)):
        targets = columns + sign * maps[own].disparity.astype(int)
        inside = (targets >= 0) & (targets < SIZE[1])
        covered = np.take_along_axis(boards[other], np.clip(targets, 0, SIZE[1] - 1), 1) & ~boards[own]
        hidden.append(covered | ~inside)
    return StereoSample(f"{seed:04d}", views[0], views[1], maps[0], hidden[0], maps[1], hidden[1])


def depth_sample(seed: int) -> DepthSample:
    """Dark and bright boards at several distances: edges where depth jumps."""
    rng = np.random.default_rng(seed)
    image, depth = texture(rng, 60.0)[:, : SIZE[1]] // 3, np.full(SIZE, 8.0, np.float32)
    for _ in range(8):
        row, column = int(rng.integers(0, 70)), int(rng.integers(0, 130))
        at = (slice(row, row + int(rng.integers(15, 45))), slice(column, column + int(rng.integers(15, 50))))
        image[at] = texture(rng, rng.uniform(90, 220))[:, : SIZE[1]][at] // 3 + np.uint8(rng.integers(30, 160))
        depth[at] = rng.uniform(1.0, 6.0)
    camera = Pinhole(150.0, 150.0, 79.5, 47.5, *SIZE)
    return DepthSample(f"{seed:04d}", image, DepthMap(depth, np.ones(SIZE, bool), "metric"), camera)


@pytest.fixture(scope="session")
def shards(tmp_path_factory):
    """Folders of clean shards: 28 pairs with their rig, 16 images with their camera."""
    folder = tmp_path_factory.mktemp("clean")
    notes = {"focal_px": 150.0, "baseline_m": 0.1, "centre_px": [79.5, 47.5]}
    write_stereo_shard(folder / "stereo" / "a.tar", ((stereo_sample(seed), dict(notes)) for seed in range(28)))
    write_depth_shard(folder / "mono" / "a.tar", ((depth_sample(seed), {}) for seed in range(16)))
    return folder
