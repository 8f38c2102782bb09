"""A moving scene seen at several times: renderers, cameras, and the truth between neighbouring frames."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, final

import numpy as np
from jaxtyping import Bool, Float32, Int32

from leadline.data.synthetic.motion import MovingScene
from leadline.data.synthetic.motion_truth import Motion, motion_between
from leadline.data.synthetic.render import Camera, Hits, Renderer
from leadline.data.synthetic.scene import Scene
from leadline.data.synthetic.textures import TextureBank
from leadline.maps import FlowMap

LARGEST_PX: Final = 300.0
"""More than any motion that is asked for."""
_MOST_OCCLUDED: Final = 0.65
_HALVINGS: Final = 6
_CODED_LIMIT_PX: Final = 511.0
"""KITTI's code for flow ends at 512 px."""
_DISPARITY_PX: Final = (25.0, 70.0)
"""Range of the 99th percentile of the disparity of two cameras, px of an image 640 wide."""


@final
class Footage:
    """A moving scene seen at some times, in their order.

    Args:
        moving: The scene.
        bank: The tiles.
        times: When the frames are taken, counted in frames.
        first: Renderer of the scene at the first time, if there is one.
        hits: What the camera sees then, likewise.
    """

    def __init__(
        self,
        moving: MovingScene,
        bank: TextureBank,
        times: Sequence[float],
        first: Renderer | None = None,
        hits: Hits | None = None,
    ) -> None:
        self.moving, self.times = moving, tuple(times)
        self.cameras = tuple(moving.camera_at(time) for time in times)
        renderer = first or Renderer(moving.scene_at(times[0]), bank)
        # Where nothing but the camera moves, one renderer serves all times.
        later = [Renderer(moving.scene_at(time), bank) if moving.changes else renderer for time in times[1:]]
        self.renderers = (renderer, *later)
        known = [] if hits is None else [hits]
        rest = zip(self.renderers[len(known) :], self.cameras[len(known) :], strict=True)
        self.hits = (*known, *(each.geometry(camera) for each, camera in rest))

    def motion(self, start: int, end: int) -> Motion:
        """True motion of the pixels of one frame towards another, both by their numbers."""
        times = (self.times[start], self.times[end])
        return motion_between(self.moving, times, self.hits[start], self.renderers[end])

    def depth(self, frame: int) -> Float32[np.ndarray, "h w"]:
        """Metres along the optical axis; inf for the sky."""
        return self.hits[frame].depth.reshape(self.cameras[frame].size)

    def bodies(self, frame: int) -> Int32[np.ndarray, "h w"]:
        """Rigid body that each pixel shows; -1 for the sky."""
        hits, scene = self.hits[frame], self.moving.scene
        found = np.where(hits.face < 0, -1, scene.bodies[scene.face_chart[hits.face] // 3])
        return found.astype(np.int32).reshape(self.cameras[frame].size)

    def shows_moving(self, frame: int) -> Bool[np.ndarray, "h w"]:
        """Where a frame shows a body that moves by itself."""
        return np.isin(self.bodies(frame), list(self.moving.bodies))

    def colours(self) -> list[Float32[np.ndarray, "h w 3"]]:
        """Linear radiance of all frames."""
        parts = zip(self.renderers, self.cameras, self.hits, strict=True)
        return [renderer.view(camera, hits).colour for renderer, camera, hits in parts]

    def right_colours(self, baseline_m: float) -> list[Float32[np.ndarray, "h w 3"]]:
        """Linear radiance of what a second camera, so far to the right of the first, sees at each time."""
        parts = zip(self.renderers, self.cameras, strict=True)
        return [renderer.view(to_the_right(camera, baseline_m)).colour for renderer, camera in parts]

    def usable_after(self, frame: int, motion: Motion) -> bool:
        """Whether a motion is small enough to be learned from, and the view after it is not against something.

        Args:
            frame: The frame that it leads to.
            motion: From the frame before.
        """
        shown = motion.flow[motion.valid & ~motion.occluded]
        if motion.occluded.mean() > _MOST_OCCLUDED or not len(shown):
            return False
        fastest = np.quantile(np.abs(motion.flow[::3, ::3]), 0.995)
        return bool(fastest < LARGEST_PX and usable_view(self.moving.scene, self.hits[frame]))


def usable_view(scene: Scene, hits: Hits) -> bool:
    """Whether a view shows several things, not too much sky, and nothing on the lens."""
    owner = np.where(hits.face >= 0, scene.face_chart[hits.face] // 3, -1)[::13]
    shares = np.bincount(owner + 1) / len(owner)
    if shares[0] > 0.6 or float(hits.depth.min()) < 0.05:
        return False
    return bool(shares.max() < 0.93 and (shares > 0.004).sum() >= 3)


def known_flow(motion: Motion) -> FlowMap:
    """A motion as flow, valid as far as shards can hold it."""
    return FlowMap(motion.flow, motion.valid & (np.abs(motion.flow).max(axis=2) < _CODED_LIMIT_PX))


def draw_baseline_m(footage: Footage, rng: np.random.Generator) -> float:
    """A baseline that gives disparities of a drawn size, and that nothing stands in the way of at any time.

    Args:
        footage: What the left camera sees.
        rng: Where chance comes from.
    """
    camera = footage.cameras[0]
    inverse = max(float(np.quantile(1.0 / footage.hits[0].depth[::7], 0.99)), 1e-3)
    wanted = float(rng.uniform(*_DISPARITY_PX)) * camera.size[1] / 640
    baseline_m = wanted / inverse / camera.focal_px
    for _ in range(_HALVINGS):
        cameras = [(view, to_the_right(view, 1.3 * baseline_m)) for view in footage.cameras]
        blocked = [
            renderer.blocked(left.position_m, right.position_m)
            for renderer, (left, right) in zip(footage.renderers, cameras, strict=True)
        ]
        if not any(blocked):
            break
        baseline_m *= 0.5
    return baseline_m


def to_the_right(camera: Camera, baseline_m: float) -> Camera:
    """The same camera, so far to the right."""
    position = camera.position_m + np.float32(baseline_m) * camera.world_from_camera[:, 0]
    return replace(camera, position_m=position.astype(np.float32))
