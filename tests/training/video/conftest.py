"""A textured street of three planes, seen by a camera in motion, with its depth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from leadline.data.mono.shards import write_depth_shard
from leadline.geometry.camera import Pinhole
from leadline.io.images import write_image
from leadline.maps import DepthMap
from leadline.samples import DepthSample

CAMERA = Pinhole(70.0, 70.0, 47.5, 31.5, 64, 96)
FRAMES = 12
#: Motion of the camera from frame to frame, metres.
STEP_M = np.array([0.03, 0.0, 0.15])
BASELINE_M = 0.2


@dataclass(frozen=True)
class Street:
    """Folders of the toy scene, and its true depth in order of the frames."""

    frames: Path
    validation: Path
    depth: list[np.ndarray]


def pattern(u: np.ndarray, v: np.ndarray, seed: int) -> np.ndarray:
    """A smooth random texture without a period, in [0, 1]."""
    rng = np.random.default_rng(seed)
    total = np.zeros((*u.shape, 3))
    for frequency in (1.0, 2.0, 4.0, 7.0):
        for _ in range(3):
            angle, phase = rng.uniform(0, 2 * np.pi, 2)
            wave = np.sin(2 * np.pi * frequency * (np.cos(angle) * u + np.sin(angle) * v) + phase)
            total += rng.uniform(-1, 1, 3) * wave[..., None] / frequency**0.5
    return np.clip(0.5 + 0.16 * total, 0.0, 1.0)


def view(position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The image and depth from a place: a ground 0.8 below, a wall 7 m ahead, and a box 3 m ahead."""
    y, x = np.mgrid[: CAMERA.height, : CAMERA.width].astype(float)
    rays = np.stack([(x - CAMERA.center_x_px) / 70.0, (y - CAMERA.center_y_px) / 70.0, np.ones_like(x)], axis=-1)
    with np.errstate(divide="ignore"):
        ground = np.where(rays[..., 1] > 1e-6, (0.8 - position[1]) / rays[..., 1], np.inf)
    wall, box = np.full_like(ground, 7.0 - position[2]), np.full_like(ground, 3.0 - position[2])
    front = position + box[..., None] * rays
    box = np.where((np.abs(front[..., 0] - 0.5) < 0.5) & (front[..., 1] > -0.5), box, np.inf)
    depths = np.stack([ground, wall, box])
    hit, depth = depths.argmin(axis=0), depths.min(axis=0)
    place = position + depth[..., None] * rays
    colours = [
        pattern(place[..., 0], place[..., 2], 1),
        pattern(0.6 * place[..., 0], 0.6 * place[..., 1], 2),
        pattern(1.5 * place[..., 0], 1.5 * place[..., 1], 3),
    ]
    image = np.choose(hit[..., None], colours)
    return np.uint8(np.rint(255.0 * image)), depth.astype(np.float32)


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    """A stereo sequence of the scene, and a shard of its depth."""
    folder = tmp_path_factory.mktemp("street")
    frames, depths, samples = folder / "frames", [], []
    for name in ("left", "right"):
        (frames / name).mkdir(parents=True)
    for number in range(FRAMES):
        position = (number - FRAMES / 2) * STEP_M
        image, depth = view(position)
        write_image(frames / "left" / f"{number:02}.png", image)
        write_image(frames / "right" / f"{number:02}.png", view(position + BASELINE_M * np.eye(3)[0])[0])
        depths.append(depth)
        truth = DepthMap(depth, np.ones(depth.shape, bool), "metric")
        samples.append((DepthSample(f"{number:02}", image, truth, CAMERA), {}))
    (frames / "K.txt").write_text(f"70 0 47.5 0 70 31.5 0 0 1 {BASELINE_M}")
    write_depth_shard(folder / "validation" / "000000.tar", samples[2:-2:3])
    return Street(frames, folder / "validation", depths)
