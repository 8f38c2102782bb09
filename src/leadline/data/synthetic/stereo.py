"""Stereo pairs of rendered scenes, with exact disparity and occlusion in both views."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32

from leadline.data.synthetic.render import Camera, Hits, Renderer
from leadline.data.synthetic.scene import Scene
from leadline.data.synthetic.sensor import apply_sensor, encode, exposure_gain, random_sensor_pair
from leadline.data.synthetic.shelf import installed_shelf
from leadline.data.synthetic.stereo_worlds import further_scene
from leadline.data.synthetic.textures import TextureBank, household_bank, texture_bank
from leadline.data.synthetic.worlds import random_scene
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

#: Sets of worlds: the first ones; further ones with furnished rooms, boards and thin parts; and these with real models
#: of installed packages of assets.
Worlds = Literal["first", "further", "assets"]

_ATTEMPTS = 12
_CODED_LIMIT_PX = 255.0


@dataclass(frozen=True)
class RenderedRig:
    """Parameters with which a pair was rendered.

    Attributes:
        seed: Seed of the scene.
        world: Kind of world.
        focal_px: Focal length.
        baseline_m: Distance between the optical centres.
        centre_px: Principal point (x, y) of both views.
        attempt: Which try of the seed was usable.
        left_sensor: Parameters of the left camera, empty for a perfect one.
        right_sensor: Parameters of the right camera, empty for a perfect one.
        models: Packages and names of real models in the scene.
    """

    seed: int
    world: str
    focal_px: float
    baseline_m: float
    centre_px: tuple[float, float]
    attempt: int
    left_sensor: dict[str, object]
    right_sensor: dict[str, object]
    models: tuple[str, ...] = ()

    def notes(self) -> dict[str, object]:
        """What is written beside a pair; models only where there are any."""
        values = asdict(self)
        return values if self.models else {name: value for name, value in values.items() if name != "models"}


def render_stereo(
    seed: int,
    size: tuple[int, int] = (320, 640),
    sensor: bool = True,
    highlights: bool = True,
    bank: TextureBank | None = None,
    worlds: Worlds = "first",
) -> tuple[StereoSample, RenderedRig]:
    """The stereo pair of a seed.

    Args:
        seed: Every choice follows from it.
        size: Height and width.
        sensor: Whether to add the faults of real cameras.
        highlights: Whether shiny things shine (highlights move with the view, so they break constancy).
        bank: The tiles; by default those of the worlds.
        worlds: Which set of worlds the scene is drawn from.
    """
    if bank is None:
        bank = texture_bank() if worlds == "first" else household_bank()
    layout = random_scene if worlds == "first" else further_scene
    if worlds == "assets":
        layout = partial(further_scene, shelf=installed_shelf())
    for attempt in range(_ATTEMPTS):
        scene = layout(seed, bank, size[0] / size[1], attempt)
        renderer = Renderer(scene, bank, highlights=highlights)
        left = _left_camera(scene, size)
        left_hits = renderer.geometry(left)
        placed = _place_right(scene, renderer, left, left_hits, strict=attempt < _ATTEMPTS - 1)
        if placed is not None:
            break
    else:  # pragma: no cover - the last attempt is never refused
        raise AssertionError("the last attempt is accepted as it is")
    right, right_hits, baseline_m = placed
    images = [renderer.view(c, h).colour for c, h in ((left, left_hits), (right, right_hits))]
    rng = np.random.Generator(np.random.PCG64([seed, attempt, 1]))
    # Both images alike, by the left one.
    gain = exposure_gain(images[0], float(rng.uniform(0.36, 0.55)))
    images = [p * gain for p in images]
    sensors = random_sensor_pair(rng) if sensor else None
    coded = (
        [apply_sensor(p, s, rng) for p, s in zip(images, sensors, strict=True)]
        if sensors
        else [encode(p) for p in images]
    )
    disparities = [(left.focal_px * baseline_m / h.depth).reshape(size) for h in (left_hits, right_hits)]
    rig = RenderedRig(
        seed,
        scene.name,
        left.focal_px,
        baseline_m,
        left.centre_px,
        attempt,
        *([asdict(s) for s in sensors] if sensors else ({}, {})),
        models=scene.models,
    )
    return _sample(f"{seed:08d}", coded, disparities), rig


def _sample(key: str, images: list[np.ndarray], disparities: list[np.ndarray]) -> StereoSample:
    left, right = (d.astype(np.float32) for d in disparities)
    return StereoSample(
        key,
        images[0],
        images[1],
        DisparityMap(left, left < _CODED_LIMIT_PX),
        occluded_left(left, right),
        DisparityMap(right, right < _CODED_LIMIT_PX),
        occluded_left(right[:, ::-1], left[:, ::-1])[:, ::-1],
    )


def occluded_left(
    disparity: Float32[np.ndarray, "h w"], right_disparity: Float32[np.ndarray, "h w"], tolerance_px: float = 0.3
) -> Bool[np.ndarray, "h w"]:
    """Left pixels that the right view does not see.

    A point is hidden if, on both sides of where it falls in the right view, something nearer is seen.
    For the right view's own occlusion, mirror both maps.

    Args:
        disparity: Exact disparity of the left pixels.
        right_disparity: Exact disparity of the right pixels.
        tolerance_px: How much nearer is nearer.
    Example:
        >>> left = np.array([[1, 1, 1, 1, 4, 4, 4, 1]], np.float32)  # an object before a wall
        >>> right = np.array([[4, 4, 4, 1, 1, 1, 1, 1]], np.float32)
        >>> occluded_left(left, right)[0, [1, 2, 7]].tolist()
        [True, True, False]
    """
    width = disparity.shape[1]
    landing = np.arange(width, dtype=np.float32) - disparity
    # The farther of each two neighbours: gap i lies between the columns i - 1 and i.
    padded = np.pad(right_disparity, ((0, 0), (1, 1)), mode="edge")
    gaps = np.minimum(padded[:, :-1], padded[:, 1:])
    index = np.clip(np.floor(landing) + 1, 0, width).astype(np.intp)
    seen = np.take_along_axis(gaps, index, axis=1)
    return (landing < -0.5) | (landing > width - 0.5) | (seen > disparity + tolerance_px)


def _left_camera(scene: Scene, size: tuple[int, int]) -> Camera:
    height, width = size
    focal = 0.5 * width / np.tan(0.5 * scene.hfov_rad)
    centre = ((width - 1) / 2, (height - 1) / 2)
    return Camera(size, float(focal), centre, scene.world_from_camera, np.zeros(3, np.float32))


def _place_right(
    scene: Scene, renderer: Renderer, left: Camera, hits: Hits, strict: bool
) -> tuple[Camera, Hits, float] | None:
    """Put the right camera where the disparities become as large as drawn, or None if the scene does not allow it."""
    inverse = (1.0 / hits.depth).astype(np.float64)
    largest = float(np.quantile(inverse[::7], 0.99))
    if largest <= 0 or (strict and not _varied(scene, hits, inverse)):
        if strict:
            return None
        largest = max(largest, 1e-3)
    # Disparities are those of an image 640 wide; smaller ones keep the shape of the scene.
    wanted = scene.largest_disparity_px * left.size[1] / 640
    baseline = min(wanted / largest, 0.98 * _CODED_LIMIT_PX / max(float(inverse.max()), 1e-6)) / left.focal_px
    for _ in range(2 if strict else 1):
        position = left.position_m + np.float32(baseline) * left.world_from_camera[:, 0]
        right = Camera(left.size, left.focal_px, left.centre_px, left.world_from_camera, position.astype(np.float32))
        if not renderer.blocked(left.position_m, left.position_m + 1.3 * (position - left.position_m)):
            right_hits = renderer.geometry(right)
            disparity = left.focal_px * baseline / right_hits.depth[::7]
            if not strict or float(np.quantile(disparity, 0.98)) < 1.5 * wanted + 4:
                return right, right_hits, float(baseline)
        baseline *= 0.5
    return None


def _varied(scene: Scene, hits: Hits, inverse: np.ndarray) -> bool:
    """Whether a view has several objects and several depths."""
    owner = np.where(hits.face >= 0, scene.face_chart[hits.face] // 3, -1)[::13]
    shares = np.sort(np.bincount(owner + 1))[::-1] / len(owner)
    low, high = np.quantile(inverse[::13], [0.1, 0.95])
    return bool(shares[0] < 0.8 and (shares > 0.004).sum() >= 5 and high > 1.35 * low)
