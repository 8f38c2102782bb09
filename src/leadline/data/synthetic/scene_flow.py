"""Stereo pairs of moving worlds at two times, with exact disparity at both, flow, camera motion and moving bodies."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8

from leadline.data.synthetic.flow import FlowTruth, FramePair, draw_pair, relative_pose
from leadline.data.synthetic.footage import draw_baseline_m
from leadline.data.synthetic.sensor import apply_sensor, encode, exposure_gain, random_sensor_pair
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.maps import DisparityMap, FlowMap
from leadline.samples import SceneFlowSample


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
    baseline_m = draw_baseline_m(drawn.pair.footage, rng)
    images = _images(drawn.pair, baseline_m, sensor, rng)
    camera = drawn.world.camera
    pinhole = Pinhole(camera.focal_px, camera.focal_px, *camera.centre_px, *size)
    sample = _sample(f"{seed:08d}", images, truth, StereoRig(pinhole, pinhole, baseline_m))
    pose = np.vstack([np.array(relative_pose(*truth.cameras)), [0.0, 0.0, 0.0, 1.0]])
    world = drawn.world.scene.name
    return sample, SceneFlowTruth(pose, truth.moving[0], truth.bodies[0], world, drawn.path)


def _images(
    pair: FramePair, baseline_m: float, sensor: bool, rng: np.random.Generator
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Left and right at the first time, then at the second; each camera keeps its sensor and both its exposure."""
    views: list[Float32[np.ndarray, "h w 3"]] = []
    for left, right in zip(pair.footage.colours(), pair.footage.right_colours(baseline_m), strict=True):
        views += [left, right]
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
