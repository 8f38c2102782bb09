"""Scenes with true depth, what leadline-mono says of them, and zones of a simulated time-of-flight sensor."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from leadline.data.synthetic.mono import render_mono
from leadline.data.synthetic.mono_worlds import random_mono_scene
from leadline.data.synthetic.textures import household_bank
from leadline.geometry.camera import Pinhole
from leadline.io.text import read_matrix
from leadline.loading import load_model
from leadline.maps import DepthMap
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_sensor import TofSensor
from leadline.robotics.tof_zones import TofZones

INDOORS = ("room", "corridor", "desk")
WIDTH = 384
DEEPEST_M = 10.0
"""Farthest depth that is scored, as protocols for rooms do."""


@dataclass(frozen=True, eq=False)
class Scene:
    """An image with truth and a network's relative depth."""

    name: str
    group: str
    image: np.ndarray
    depth: np.ndarray
    valid: np.ndarray
    camera: Pinhole
    relative: DepthMap

    @property
    def scored(self) -> np.ndarray:
        """Pixels whose truth counts."""
        return self.valid & (self.depth > 0.1) & (self.depth < DEEPEST_M)


def rendered_rooms(first: int, count: int, cache: Path) -> Iterator[Scene]:
    """Rooms, corridors and desks from a seed on; rendered and estimated once, and kept in a folder."""
    cache.mkdir(parents=True, exist_ok=True)
    bank, network = household_bank(), load_model("leadline-mono", "mono", threads=1)
    seed = first
    while count:
        if random_mono_scene(seed, bank).name in INDOORS:
            count -= 1
            file = cache / f"{seed}.npz"
            if not file.exists():
                sample, view = render_mono(seed, bank=bank)
                camera, found = sample.camera, network(sample.image)
                center = (camera.center_x_px, camera.center_y_px)
                np.savez(
                    file,
                    image=sample.image,
                    depth=sample.depth,
                    valid=sample.valid,
                    K=[camera.focal_x_px, camera.focal_y_px, *center],
                    d=found.depth,
                    dv=found.valid,
                    conf=found.confidence,
                    world=view.world,
                )
            with np.load(file) as kept:
                depth = kept["depth"]
                camera = Pinhole(*map(float, kept["K"]), *depth.shape)
                relative = DepthMap(kept["d"], kept["dv"], "affine_inverse", kept["conf"])
                yield Scene(str(seed), str(kept["world"]), kept["image"], depth, kept["valid"], camera, relative)
        seed += 1


def real_rooms(root: Path) -> Iterator[Scene]:
    """Real RGB-D images of rooms, from a folder with hololens, redwood, slambook_ch5, nyu_basement."""
    network = load_model("leadline-mono", "mono", threads=1)
    fixed = {"redwood": (525.0, 525.0, 319.5, 239.5), "slambook_ch5": (518.0, 519.0, 325.5, 253.5)}
    for group, images, step in (
        ("hololens", "images", 4),
        ("redwood", "color", 1),
        ("slambook_ch5", "color", 1),
        ("nyu_basement", "images", 1),
    ):
        folder = root / group
        matrix = None if group in fixed else _matrix(folder / "K.txt")
        files = zip(sorted((folder / images).iterdir()), sorted((folder / "depth").iterdir()), strict=False)
        pairs = {path.stem: path for path in sorted((folder / "depth").iterdir())}
        for i, (path, other) in enumerate(files):
            if i % step == 0:
                yield _real(group, path, pairs.get(path.stem, other), fixed.get(group) or matrix, network)


def _matrix(path: Path) -> tuple[float, ...]:
    text = path.read_text().split()
    if len(text) == 9:
        k = read_matrix(path, 3, 3)
        return (k[0, 0], k[1, 1], k[0, 2], k[1, 2])
    return tuple(float(word) for word in text[:4])


def _real(group: str, image: Path, depth: Path, focal: tuple[float, ...], network) -> Scene:
    pixels = cv2.cvtColor(cv2.imread(str(image)), cv2.COLOR_BGR2RGB)
    metres = cv2.imread(str(depth), cv2.IMREAD_UNCHANGED) / 1000.0
    border = 8 if group == "nyu_basement" else 0  # the white frame of these images
    inner = np.s_[border : pixels.shape[0] - border, border : pixels.shape[1] - border]
    pixels, metres = pixels[inner], metres[inner]
    camera = Pinhole(*focal[:2], focal[2] - border, focal[3] - border, *pixels.shape[:2])
    height = round(WIDTH * pixels.shape[0] / pixels.shape[1])
    small = cv2.resize(pixels, (WIDTH, height), interpolation=cv2.INTER_AREA)
    truth = cv2.resize(metres, (WIDTH, height), interpolation=cv2.INTER_NEAREST).astype(np.float32)
    return Scene(f"{group}-{image.stem}", group, small, truth, truth > 0, camera.scaled(height, WIDTH), network(small))


def simulated_frame(
    scene: Scene, rng: np.random.Generator, *, size: int = 8, mounted_m: float = 0.0, tilted_deg: float = 0.0
) -> TofFrame:
    """Zones of a simulated sensor at the camera.

    Args:
        scene: With true depth.
        rng: Source of chance.
        size: Zones across.
        mounted_m: Standard deviation of where the sensor really is, which the fusion does not know.
        tilted_deg: Likewise of where it looks.
    """
    # Most materials are brighter in the near infrared than they look, and less different.
    light = np.square(scene.image.mean(axis=-1) / 255.0)
    reflectance = np.clip((0.3 + 0.6 * light) * rng.uniform(0.7, 1.3), 0.03, 1.0).astype(np.float32)
    pose = None
    if mounted_m or tilted_deg:
        pose = np.eye(4)
        pose[:3, :3] = cv2.Rodrigues(np.radians(tilted_deg) * rng.normal(size=3))[0]
        pose[:3, 3] = mounted_m * rng.normal(size=3)
    sensor = TofSensor(TofZones(size), ambient=rng.uniform(0.5, 4.0))
    depth = np.where(scene.valid, scene.depth, 0.0)[None]
    return sensor.measure(depth, scene.camera, reflectance[None], rng=rng, sensor_from_camera=pose).frames()[0]
