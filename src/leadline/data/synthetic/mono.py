"""Single images of rendered scenes, with exact metric depth."""

from dataclasses import asdict, dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32

from leadline.data.synthetic.mono_worlds import random_mono_scene
from leadline.data.synthetic.render import Camera, Hits, Renderer
from leadline.data.synthetic.scene import Scene
from leadline.data.synthetic.sensor import SensorParams, apply_sensor, encode, exposure_gain, random_sensor
from leadline.data.synthetic.textures import TextureBank, household_bank
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.samples import DepthSample

_ATTEMPTS = 12
_NEAREST_M = 0.1
_FARTHEST_M = 900.0


@dataclass(frozen=True)
class RenderedView:
    """Parameters with which an image was rendered.

    Attributes:
        seed: Seed of the scene.
        world: Kind of world.
        attempt: Which try of the seed was usable.
        sensor: Parameters of the sensor, empty for a perfect one.
    """

    seed: int
    world: str
    attempt: int
    sensor: dict[str, object]


def render_mono(
    seed: int, size: tuple[int, int] = (288, 384), sensor: bool = True, bank: TextureBank | None = None
) -> tuple[DepthSample, RenderedView]:
    """The image of a seed.

    Args:
        seed: Every choice follows from it.
        size: Height and width.
        sensor: Whether to add the faults of real cameras.
        bank: The tiles; by default the household bank.
    Returns:
        The sample, with metres along the optical axis, valid but for the sky; and how it was taken.
    """
    bank = household_bank() if bank is None else bank
    for attempt in range(_ATTEMPTS):
        scene = random_mono_scene(seed, bank, attempt)
        renderer = Renderer(scene, bank)
        rng = np.random.Generator(np.random.PCG64([seed, attempt, 3]))
        camera = _camera(scene, size, rng)
        hits = renderer.geometry(camera)
        if _usable(scene, hits):
            break
    else:  # pragma: no cover - the chance is that of one bad view to the power of the attempts
        raise AssertionError(f"none of {_ATTEMPTS} views of seed {seed} is usable")
    view = renderer.view(camera, hits)
    linear = view.colour * exposure_gain(view.colour, float(rng.uniform(0.36, 0.6)))
    faults = random_mono_sensor(rng, indoors=scene.name not in ("street", "landscape")) if sensor else None
    image = encode(linear) if faults is None else apply_sensor(linear, faults, rng)
    depth, valid = known_depth(view.depth)
    pinhole = Pinhole(camera.focal_px, camera.focal_px, *camera.centre_px, *size)
    sample = DepthSample(f"{seed:08d}", image, DepthMap(depth, valid, "metric"), pinhole)
    return sample, RenderedView(seed, scene.name, attempt, {} if faults is None else asdict(faults))


def known_depth(depth: Float32[np.ndarray, "h w"]) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Depth with 0 for the sky and what is too far to matter, and where it is known.

    Example:
        >>> depth, valid = known_depth(np.array([[2.0, np.inf]], np.float32))
        >>> depth.tolist(), valid.tolist()
        ([[2.0, 0.0]], [[True, False]])
    """
    valid = depth < _FARTHEST_M
    return np.where(valid, depth, 0.0).astype(np.float32), valid


def random_mono_sensor(rng: np.random.Generator, indoors: bool) -> SensorParams:
    """A camera as for stereo, more often grey, and indoors more often flat in contrast or blurred by the hand."""
    params = random_sensor(rng)
    grey = bool(rng.random() < 0.15)
    if indoors and rng.random() < 0.2:
        params = replace(params, contrast=params.contrast * float(rng.uniform(0.45, 0.85)))
    return replace(params, grey=params.grey or grey)


def _camera(scene: Scene, size: tuple[int, int], rng: np.random.Generator) -> Camera:
    """The principal point is the middle, sometimes a little beside it as in real cameras and crops."""
    height, width = size
    focal = 0.5 * width / np.tan(0.5 * scene.hfov_rad)
    shift = rng.normal(0, 0.02, 2) * size[::-1] if rng.random() < 0.4 else np.zeros(2)
    centre = ((width - 1) / 2 + float(shift[0]), (height - 1) / 2 + float(shift[1]))
    return Camera(size, float(focal), centre, scene.world_from_camera, np.zeros(3, np.float32))


def _usable(scene: Scene, hits: Hits) -> bool:
    """Whether a view has depth, several things, not too much sky, and nothing on the lens."""
    depth, owner = hits.depth[::13], np.where(hits.face >= 0, scene.face_chart[hits.face] // 3, -1)[::13]
    known = depth < _FARTHEST_M
    if known.mean() < 0.4 or float(hits.depth.min()) < _NEAREST_M:
        return False
    shares = np.bincount(owner + 1) / len(owner)
    near, low, high = np.quantile(depth[known], [0.03, 0.1, 0.9])
    return bool(near > 0.25 and shares.max() < 0.9 and (shares > 0.004).sum() >= 3 and high > 1.15 * low)
