"""A textured street of three planes, seen by a camera in motion, with its depth; its box may move as well."""

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
#: Upward motion of the box in the second scene, from frame to frame, metres; the camera moves sideways there.
BOX_STEP_M = -0.12
SIDE_STEP_M = np.array([0.1, 0.0, 0.03])


@dataclass(frozen=True)
class Street:
    """Folders of the toy scene, and its true depth in order of the frames."""

    frames: Path
    validation: Path
    depth: list[np.ndarray]


@dataclass(frozen=True)
class Crossing:
    """Folders of the toy scene whose box moves, and what is true of its frames in order."""

    frames: Path
    validation: Path
    depth: list[np.ndarray]
    moving: list[np.ndarray]
    flow: list[np.ndarray]


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


def view(position: np.ndarray, box_m: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The image and depth from a place, and where the box is: ground 0.8 below, wall 7 m ahead, box 3 m ahead."""
    y, x = np.mgrid[: CAMERA.height, : CAMERA.width].astype(float)
    rays = np.stack([(x - CAMERA.center_x_px) / 70.0, (y - CAMERA.center_y_px) / 70.0, np.ones_like(x)], axis=-1)
    with np.errstate(divide="ignore"):
        ground = np.where(rays[..., 1] > 1e-6, (0.8 - position[1]) / rays[..., 1], np.inf)
    wall, box = np.full_like(ground, 7.0 - position[2]), np.full_like(ground, 3.0 - position[2])
    front = position + box[..., None] * rays - [0.0, box_m, 0.0]
    box = np.where((np.abs(front[..., 0] - 0.5) < 0.5) & (front[..., 1] > -0.5), box, np.inf)
    depths = np.stack([ground, wall, box])
    hit, depth = depths.argmin(axis=0), depths.min(axis=0)
    place = position + depth[..., None] * rays - (hit == 2)[..., None] * [0.0, box_m, 0.0]
    colours = [
        pattern(place[..., 0], place[..., 2], 1),
        pattern(0.6 * place[..., 0], 0.6 * place[..., 1], 2),
        pattern(1.5 * place[..., 0], 1.5 * place[..., 1], 3),
    ]
    image = np.choose(hit[..., None], colours)
    return np.uint8(np.rint(255.0 * image)), depth.astype(np.float32), hit == 2


def true_flow(depth: np.ndarray, moving: np.ndarray, step_m: np.ndarray, box_step_m: float) -> np.ndarray:
    """The motion of the pixels towards the next frame, px."""
    y, x = np.mgrid[: CAMERA.height, : CAMERA.width].astype(float)
    rays = np.stack([(x - CAMERA.center_x_px) / 70.0, (y - CAMERA.center_y_px) / 70.0, np.ones_like(x)], axis=-1)
    after = depth[..., None] * rays - step_m + moving[..., None] * [0.0, box_step_m, 0.0]
    u = 70.0 * after[..., 0] / after[..., 2] + CAMERA.center_x_px - x
    return np.stack([u, 70.0 * after[..., 1] / after[..., 2] + CAMERA.center_y_px - y], axis=-1)


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    """A stereo sequence of the scene, and a shard of its depth."""
    folder = tmp_path_factory.mktemp("street")
    frames, depths, samples = folder / "frames", [], []
    for name in ("left", "right"):
        (frames / name).mkdir(parents=True)
    for number in range(FRAMES):
        position = (number - FRAMES / 2) * STEP_M
        image, depth, _ = view(position)
        write_image(frames / "left" / f"{number:02}.png", image)
        write_image(frames / "right" / f"{number:02}.png", view(position + BASELINE_M * np.eye(3)[0])[0])
        depths.append(depth)
        truth = DepthMap(depth, np.ones(depth.shape, bool), "metric")
        samples.append((DepthSample(f"{number:02}", image, truth, CAMERA), {}))
    (frames / "K.txt").write_text(f"70 0 47.5 0 70 31.5 0 0 1 {BASELINE_M}")
    write_depth_shard(folder / "validation" / "000000.tar", samples[2:-2:3])
    return Street(frames, folder / "validation", depths)


@pytest.fixture(scope="session")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Crossing:
    """A sequence of the scene in which the box rises, across the epipolar lines, and a shard of its depth."""
    folder = tmp_path_factory.mktemp("crossing")
    (folder / "frames").mkdir()
    found = Crossing(folder / "frames", folder / "validation", [], [], [])
    for number in range(FRAMES):
        time = number - FRAMES / 2
        image, depth, moving = view(time * SIDE_STEP_M, time * BOX_STEP_M)
        write_image(found.frames / f"{number:02}.png", image)
        found.depth.append(depth)
        found.moving.append(moving)
        found.flow.append(true_flow(depth, moving, SIDE_STEP_M, BOX_STEP_M))
    (found.frames / "K.txt").write_text("70 0 47.5 0 70 31.5 0 0 1")
    truth = DepthMap(found.depth[6], np.ones(found.depth[6].shape, bool), "metric")
    write_depth_shard(found.validation / "000000.tar", [(DepthSample("6", view(np.zeros(3))[0], truth, CAMERA), {})])
    return found
