"""Cameras and rendered images that the geometry tests share."""

import functools
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.geometry import DistortedCamera, Pinhole, UnrectifiedRig

Render = Callable[[np.ndarray, float, DistortedCamera, np.ndarray], np.ndarray]


@pytest.fixture(scope="session")
def euroc(real_dir: Path) -> tuple[UnrectifiedRig, list[tuple[np.ndarray, np.ndarray]]]:
    """The rig of EuRoC's sensor.yaml files and its raw grey pairs."""
    folder = real_dir / "euroc_unrectified" / "mav0"
    if not folder.is_dir():
        pytest.skip("no EuRoC pairs: expected euroc_unrectified/mav0 in the folder of real scenes")
    lenses, bodies, images = [], [], []
    for name in ("cam0", "cam1"):
        text = (folder / name / "sensor.yaml").read_text()
        values = {
            key: [float(number) for number in re.search(rf"{key}:\s*\[([^\]]*)\]", text).group(1).split(",")]
            for key in ("data", "intrinsics", "distortion_coefficients")
        }
        camera = Pinhole(*values["intrinsics"], 480, 752)
        lenses.append(DistortedCamera(camera, tuple(values["distortion_coefficients"]), "radtan"))
        bodies.append(np.array(values["data"]).reshape(4, 4))
        images.append([cv2.imread(str(path), 0) for path in sorted((folder / name / "data").glob("*.png"))])
    rig = UnrectifiedRig(lenses[0], lenses[1], np.linalg.inv(bodies[1]) @ bodies[0])
    return rig, list(zip(*images, strict=True))


@pytest.fixture(scope="session")
def render() -> Render:
    """Draws a flat printed board as a distorted camera sees it, by ray casting with four rays a pixel."""

    @functools.cache
    def camera_rays(lens: DistortedCamera) -> np.ndarray:
        # Sub-pixel centres of an image twice the size.
        columns = (np.arange(2 * lens.camera.width) + 0.5) / 2.0 - 0.5
        rows = (np.arange(2 * lens.camera.height) + 0.5) / 2.0 - 0.5
        pixels = np.stack(np.meshgrid(columns, rows), axis=2).reshape(-1, 1, 2)
        undistort = cv2.fisheye.undistortPoints if lens.model == "equidistant" else cv2.undistortPoints
        flat = undistort(pixels, lens.camera.matrix, np.array(lens.distortion)).reshape(-1, 2)
        return np.column_stack([flat, np.ones(len(flat))])

    def draw(texture: np.ndarray, texel_m: float, lens: DistortedCamera, camera_from_board: np.ndarray) -> np.ndarray:
        camera, rays = lens.camera, camera_rays(lens) @ camera_from_board[:3, :3]
        origin = -camera_from_board[:3, :3].T @ camera_from_board[:3, 3]
        hits = origin[:2] - rays[:, :2] * (origin[2] / rays[:, 2])[:, None]
        source = (hits / texel_m - 0.5).astype(np.float32).reshape(2 * camera.height, 2 * camera.width, 2)
        large = cv2.remap(texture, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=128)
        return cv2.resize(large, (camera.width, camera.height), interpolation=cv2.INTER_AREA)

    return draw
