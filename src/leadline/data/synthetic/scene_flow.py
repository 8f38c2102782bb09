"""Stereo pairs of moving worlds at two times, with exact disparity at both, flow, camera motion and moving bodies."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8

from leadline.data.synthetic.flow import DrawnPair, FlowTruth, FramePair, draw_pair, relative_pose
from leadline.data.synthetic.render import Camera
from leadline.data.synthetic.sensor import apply_sensor, encode, exposure_gain, random_sensor_pair
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.maps import DisparityMap, FlowMap
from leadline.samples import SceneFlowSample

_LARGEST_PX: Final = (25.0, 70.0)
"""Range of the 99th percentile of the disparity, px of an image 640 wide."""
_HALVINGS: Final = 6


@dataclass(frozen=True)
class SceneFlowTruth:
    """What is true of a stereo pair at two times besides the sample's own truth.

    Attributes:
        second_from_first: Takes a point of the first left camera's frame into the second's, metres.
        moving: Where the left camera at the first time shows a body that moves by itself.
        bodies: Number of the body that it shows; -1 for the sky.
        world: Kind of world.
        path: Kind of camera path.
    """

    second_from_first: Float64[np.ndarray, "4 4"]
    moving: Bool[np.ndarray, "h w"]
    bodies: Int32[np.ndarray, "h w"]
    world: str
    path: str


def render_scene_flow(
    seed: int, size: tuple[int, int] = (320, 640), sensor: bool = True
) -> tuple[SceneFlowSample, SceneFlowTruth]:
    """The stereo pairs of a seed: the world and motion of `render_flow`, seen by two cameras, without motion blur.

    Args:
        seed: Every choice follows from it.
        size: Height and width.
        sensor: Whether to add the faults of real cameras.
    """
    drawn = draw_pair(seed, size)
    rng = np.random.Generator(np.random.PCG64([seed, drawn.attempt, 6]))
    truth = drawn.pair.truth()
    baseline_m = _baseline_m(drawn, rng)
    images = _images(drawn.pair, baseline_m, sensor, rng)
    camera = drawn.world.camera
    pinhole = Pinhole(camera.focal_px, camera.focal_px, *camera.centre_px, *size)
    sample = _sample(f"{seed:08d}", images, truth, StereoRig(pinhole, pinhole, baseline_m))
    pose = np.vstack([np.array(relative_pose(*truth.cameras)), [0.0, 0.0, 0.0, 1.0]])
    world = drawn.world.scene.name
    return sample, SceneFlowTruth(pose, truth.moving[0], truth.bodies[0], world, drawn.path)


def _baseline_m(drawn: DrawnPair, rng: np.random.Generator) -> float:
    """A baseline that gives disparities of a drawn size, and that nothing stands in the way of at either time."""
    camera = drawn.world.camera
    inverse = max(float(np.quantile(1.0 / drawn.pair.hits[0].depth[::7], 0.99)), 1e-3)
    wanted = float(rng.uniform(*_LARGEST_PX)) * camera.size[1] / 640
    baseline_m = wanted / inverse / camera.focal_px
    for _ in range(_HALVINGS):
        cameras = [(view, _to_the_right(view, 1.3 * baseline_m)) for view in drawn.pair.cameras]
        blocked = [
            renderer.blocked(left.position_m, right.position_m)
            for renderer, (left, right) in zip(drawn.pair.renderers, cameras, strict=True)
        ]
        if not any(blocked):
            break
        baseline_m *= 0.5
    return baseline_m


def _to_the_right(camera: Camera, baseline_m: float) -> Camera:
    position = camera.position_m + np.float32(baseline_m) * camera.world_from_camera[:, 0]
    return Camera(camera.size, camera.focal_px, camera.centre_px, camera.world_from_camera, position.astype(np.float32))


def _images(
    pair: FramePair, baseline_m: float, sensor: bool, rng: np.random.Generator
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Left and right at the first time, then at the second; each camera keeps its sensor and both its exposure."""
    views: list[Float32[np.ndarray, "h w 3"]] = []
    for renderer, camera, hits in zip(pair.renderers, pair.cameras, pair.hits, strict=True):
        right = _to_the_right(camera, baseline_m)
        views += [renderer.view(camera, hits).colour, renderer.view(right).colour]
    gain = exposure_gain(views[0], float(rng.uniform(0.36, 0.55)))
    if not sensor:
        return [encode(view * gain) for view in views]
    sensors = random_sensor_pair(rng)
    return [apply_sensor(view * gain, sensors[index % 2], rng) for index, view in enumerate(views)]


def _sample(key: str, images: list[UInt8[np.ndarray, "h w 3"]], truth: FlowTruth, rig: StereoRig) -> SceneFlowSample:
    reach = rig.left.focal_x_px * rig.baseline_m
    known = np.ones(truth.moving[0].shape, bool)
    disparities = [(reach / depth).astype(np.float32) for depth in (truth.depth[0], truth.forward.depth)]
    return SceneFlowSample(
        key,
        (images[0], images[1], images[2], images[3]),
        rig,
        DisparityMap(disparities[0], known),
        DisparityMap(disparities[1], truth.forward.valid),
        FlowMap(truth.forward.flow, truth.forward.valid),
        truth.forward.occluded,
        truth.moving[0],
    )
