"""Samples: what the cameras took and what is true about it, one type per task.

Data sets, shards, folders and renderers yield them; training streams, protocols and benchmarks take them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int8, Int32, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.maps import DepthKind, DepthMap, DisparityMap, FlowMap


@dataclass(frozen=True, eq=False)
class StereoSample:
    """One rectified pair and what is known about it; ``x_right = x_left - disparity``, pixel centres are integers.

    Args:
        key: The sample's name within its source.
        left: Left image, RGB.
        right: Right image, RGB, of the same size.
        truth: True disparity of the left view, valid where known; None if there is none.
        occluded: Left pixels that are hidden in the right image or fall outside it, and those of which it is not known;
            None if it is known of no pixel.
        right_truth: True disparity of the right view (``x_left = x_right + disparity``); None if there is none.
        right_occluded: Right pixels that are hidden in the left image or fall outside it; None if not known.
    Raises:
        InputError: If the layers differ in size.
    Example:
        >>> image = np.zeros((2, 3, 3), np.uint8)
        >>> sample = StereoSample("a", image, image)
        >>> sample.truth is None, bool(sample.valid.any()), sample.disparity.shape
        (True, False, (2, 3))
    """

    key: str
    left: UInt8[np.ndarray, "h w 3"]
    right: UInt8[np.ndarray, "h2 w2 3"]
    truth: DisparityMap | None = None
    occluded: Bool[np.ndarray, "h3 w3"] | None = None
    right_truth: DisparityMap | None = None
    right_occluded: Bool[np.ndarray, "h4 w4"] | None = None

    def __post_init__(self) -> None:
        """Checks that everything has the left image's size."""
        truth, right_truth = (None if seen is None else seen.disparity for seen in (self.truth, self.right_truth))
        _require_size(
            self.key,
            self.left.shape[:2],
            {
                "right image": self.right,
                "truth": truth,
                "occlusion mask": self.occluded,
                "truth of the right view": right_truth,
                "occlusion mask of the right view": self.right_occluded,
            },
        )

    @property
    def disparity(self) -> Float32[np.ndarray, "h w"]:
        """True disparity, meaningless where not `valid`; 0 everywhere if there is no truth."""
        return np.zeros(self.left.shape[:2], np.float32) if self.truth is None else self.truth.disparity

    @property
    def valid(self) -> Bool[np.ndarray, "h w"]:
        """Mask of the pixels where `disparity` is known: none if there is no truth."""
        return np.zeros(self.left.shape[:2], bool) if self.truth is None else self.truth.valid


@dataclass(frozen=True, eq=False)
class DepthSample:
    """One image and what is known about its depth.

    Args:
        key: The sample's name within its source.
        image: RGB.
        truth: True depth, valid where known; its kind says what the numbers mean. None if there is none.
        camera: The camera that took the image; None where it is not known or no pinhole describes it.
        moving: Pixels that show objects which move by themselves; None if not known.
    Raises:
        InputError: If the truth, the camera or the mask has another size than the image.
    Example:
        >>> sample = DepthSample("a", np.zeros((2, 3, 3), np.uint8), camera=Pinhole(9.0, 9.0, 1.0, 0.5, 2, 3))
        >>> sample.truth is None, bool(sample.valid.any()), sample.depth.shape
        (True, False, (2, 3))
    """

    key: str
    image: UInt8[np.ndarray, "h w 3"]
    truth: DepthMap | None = None
    camera: Pinhole | None = None
    moving: Bool[np.ndarray, "h3 w3"] | None = None

    def __post_init__(self) -> None:
        """Checks that everything has the image's size."""
        size = self.image.shape[:2]
        truth = None if self.truth is None else self.truth.depth.shape
        camera = None if self.camera is None else (self.camera.height, self.camera.width)
        moving = None if self.moving is None else self.moving.shape
        for found, label in ((truth, "truth"), (camera, "camera"), (moving, "mask of moving objects")):
            if found is not None and found != size:
                raise InputError(
                    f"expected a {label} of the image's (height, width) {size} for {self.key}, got {found}; "
                    "register the depth to the image, or scale both together"
                )

    @property
    def depth(self) -> Float32[np.ndarray, "h w"]:
        """True depth of the kind `annotation`, meaningless where not `valid`; 0 everywhere if there is no truth."""
        return np.zeros(self.image.shape[:2], np.float32) if self.truth is None else self.truth.depth

    @property
    def valid(self) -> Bool[np.ndarray, "h w"]:
        """Mask of the pixels where `depth` is known: none if there is no truth."""
        return np.zeros(self.image.shape[:2], bool) if self.truth is None else self.truth.valid

    @property
    def annotation(self) -> DepthKind:
        """Kind of `depth`, as of `DepthMap`; metric if there is no truth."""
        return "metric" if self.truth is None else self.truth.kind


@dataclass(frozen=True, eq=False)
class FlowSample:
    """Two frames and what is known of the motion between them; a point at (x, y) moves to (x + u, y + v).

    Args:
        key: The sample's name within its source.
        first: First frame, RGB.
        second: Second frame, RGB, of the same size.
        truth: True motion of the first frame's pixels, valid where known; None if there is none.
        occluded: Pixels of the first frame that the second does not show: hidden, or outside it; None if not known.
        backward: True motion of the second frame's pixels towards the first; None if there is none.
        backward_occluded: Pixels of the second frame that the first does not show; None if not known.
        foreground: Pixels of the first frame that show objects which move by themselves; None if not known.
    Raises:
        InputError: If the layers differ in size.
    Example:
        >>> image = np.zeros((2, 3, 3), np.uint8)
        >>> sample = FlowSample("a", image, image)
        >>> sample.truth is None, bool(sample.valid.any()), sample.flow.shape
        (True, False, (2, 3, 2))
    """

    key: str
    first: UInt8[np.ndarray, "h w 3"]
    second: UInt8[np.ndarray, "h2 w2 3"]
    truth: FlowMap | None = None
    occluded: Bool[np.ndarray, "h3 w3"] | None = None
    backward: FlowMap | None = None
    backward_occluded: Bool[np.ndarray, "h4 w4"] | None = None
    foreground: Bool[np.ndarray, "h5 w5"] | None = None

    def __post_init__(self) -> None:
        """Checks that everything has the first frame's size."""
        truth, backward = (None if seen is None else seen.valid for seen in (self.truth, self.backward))
        layers = {
            "second frame": self.second,
            "truth": truth,
            "occlusion mask": self.occluded,
            "backward truth": backward,
            "occlusion mask of the second frame": self.backward_occluded,
            "object map": self.foreground,
        }
        _require_size(self.key, self.first.shape[:2], layers, "first frame")

    @property
    def flow(self) -> Float32[np.ndarray, "h w 2"]:
        """True motion (u, v), meaningless where not `valid`; 0 everywhere if there is no truth."""
        return np.zeros((*self.first.shape[:2], 2), np.float32) if self.truth is None else self.truth.flow

    @property
    def valid(self) -> Bool[np.ndarray, "h w"]:
        """Mask of the pixels where `flow` is known: none if there is no truth."""
        return np.zeros(self.first.shape[:2], bool) if self.truth is None else self.truth.valid


@dataclass(frozen=True, eq=False)
class SceneFlowSample:
    """A rectified stereo pair at two times, and what is known of the motion between them.

    Args:
        key: The sample's name within its source.
        images: Left and right at the first time, left and right at the second; RGB, of one size.
        rig: The cameras; None if they are not known.
        disparity: True disparity of the first left image; None if there is none.
        next_disparity: True disparity, at the second time, of what the pixels of the first left image show; None if
            there is none.
        flow: True motion of those pixels in the left image; None if there is none.
        occluded: Pixels of the first left image that the second left one does not show; None if not known.
        foreground: Pixels that show objects which move by themselves; None if not known.
    Raises:
        InputError: If the layers or the rig differ in size.
    Example:
        >>> image = np.zeros((2, 3, 3), np.uint8)
        >>> SceneFlowSample("a", (image, image, image, image)).flow is None
        True
    """

    key: str
    images: tuple[
        UInt8[np.ndarray, "h w 3"],
        UInt8[np.ndarray, "h2 w2 3"],
        UInt8[np.ndarray, "h3 w3 3"],
        UInt8[np.ndarray, "h4 w4 3"],
    ]
    rig: StereoRig | None = None
    disparity: DisparityMap | None = None
    next_disparity: DisparityMap | None = None
    flow: FlowMap | None = None
    occluded: Bool[np.ndarray, "h5 w5"] | None = None
    foreground: Bool[np.ndarray, "h6 w6"] | None = None

    def __post_init__(self) -> None:
        """Checks that everything has the first image's size."""
        size = self.images[0].shape[:2]
        truths = (self.disparity, self.next_disparity, self.flow)
        valid = [None if seen is None else seen.valid for seen in truths]
        layers = {
            "first right image": self.images[1],
            "second left image": self.images[2],
            "second right image": self.images[3],
            "disparity": valid[0],
            "disparity at the second time": valid[1],
            "flow": valid[2],
            "occlusion mask": self.occluded,
            "object map": self.foreground,
        }
        _require_size(self.key, size, layers, "first left image")
        if self.rig is not None and (self.rig.left.height, self.rig.left.width) != size:
            raise InputError(
                f"expected cameras of the images' (height, width) {size} for {self.key}, got "
                f"{(self.rig.left.height, self.rig.left.width)}; use rig.scaled(height, width)"
            )


@dataclass(frozen=True, eq=False)
class VideoSample:
    """Three frames of one camera in the order of time, and the right views that there are.

    Args:
        key: The sample's name within its source.
        previous: Frame before the target, RGB.
        target: Frame whose depth is learned, RGB.
        following: Frame after it, RGB.
        camera: The camera of all frames.
        right: What the other camera of a rectified pair sees at the target's time; None if there is none.
        baseline_m: How far it stands to the right of the camera; below 0 where it stands to the left, as in a mirror.
        following_right: What it sees at the following frame's time; None if there is none, or it was not asked for.
    Raises:
        InputError: If the frames or the camera differ in size, or there is a right view without a baseline.
    Example:
        >>> frame = np.zeros((2, 3, 3), np.uint8)
        >>> VideoSample("a", frame, frame, frame, Pinhole(9.0, 9.0, 1.0, 0.5, 2, 3)).right is None
        True
    """

    key: str
    previous: UInt8[np.ndarray, "h w 3"]
    target: UInt8[np.ndarray, "h2 w2 3"]
    following: UInt8[np.ndarray, "h3 w3 3"]
    camera: Pinhole
    right: UInt8[np.ndarray, "h4 w4 3"] | None = None
    baseline_m: float | None = None
    following_right: UInt8[np.ndarray, "h5 w5 3"] | None = None

    def __post_init__(self) -> None:
        """Checks that everything has the target's size."""
        camera = np.broadcast_to(np.uint8(0), (self.camera.height, self.camera.width))
        layers: dict[str, np.ndarray | None] = {
            "previous frame": self.previous,
            "following frame": self.following,
            "camera": camera,
            "right view": self.right,
            "following right view": self.following_right,
        }
        _require_size(self.key, self.target.shape[:2], layers, "target frame")
        alone = self.right is None and self.following_right is not None
        if alone or (self.right is None) != (self.baseline_m is None):
            raise InputError(
                f"expected a right view and its baseline, or neither, for {self.key}, got one of them; leave both out"
            )


@dataclass(frozen=True, eq=False)
class SequenceSample:
    """Frames of one camera in the order of time, and what is known about them; a tuple is empty where nothing is.

    Args:
        key: The sample's name within its source.
        frames: RGB, at least one.
        camera: The camera of all frames.
        rights: What the other camera of a rectified pair sees at each time.
        baseline_m: How far it stands to the right of the camera.
        depths: True depth of each frame.
        first_from_frame: Each camera's pose, which takes its points into the first one's frame, metres; None if not
            known.
        forward: True motion of each frame's pixels towards the next frame; one less than frames.
        backward: True motion of the next frame's pixels towards each frame; one less than frames.
        hidden_after: Pixels of each frame that the next one does not show, as `forward`.
        hidden_before: Pixels of the next frame that each frame does not show, as `backward`.
        moving: Pixels of each frame that show objects which move by themselves.
    Raises:
        InputError: If layers differ in size or number, or there are right views without a baseline.
    Example:
        >>> frame = np.zeros((2, 3, 3), np.uint8)
        >>> len(SequenceSample("a", (frame, frame), Pinhole(9.0, 9.0, 1.0, 0.5, 2, 3)).frames)
        2
    """

    key: str
    frames: tuple[UInt8[np.ndarray, "h w 3"], ...]
    camera: Pinhole
    rights: tuple[UInt8[np.ndarray, "h2 w2 3"], ...] = ()
    baseline_m: float | None = None
    depths: tuple[DepthMap, ...] = ()
    first_from_frame: Float64[np.ndarray, "n 4 4"] | None = None
    forward: tuple[FlowMap, ...] = ()
    backward: tuple[FlowMap, ...] = ()
    hidden_after: tuple[Bool[np.ndarray, "h3 w3"], ...] = ()
    hidden_before: tuple[Bool[np.ndarray, "h4 w4"], ...] = ()
    moving: tuple[Bool[np.ndarray, "h5 w5"], ...] = ()

    def __post_init__(self) -> None:
        """Checks that everything has the first frame's size, and that nothing is missing."""
        count = len(self.frames)
        if count == 0:
            raise InputError(f"expected at least one frame in {self.key}, got none; leave the sequence out")
        layers = {
            "frame": (self.frames, count),
            "right view": (self.rights, count),
            "depth": (tuple(each.depth for each in self.depths), count),
            "forward flow": (tuple(each.flow for each in self.forward), count - 1),
            "backward flow": (tuple(each.flow for each in self.backward), count - 1),
            "mask of what the next frame hides": (self.hidden_after, count - 1),
            "mask of what the frame before hides": (self.hidden_before, count - 1),
            "object mask": (self.moving, count),
        }
        size = self.frames[0].shape[:2]
        for label, (found, wanted) in layers.items():
            if found and len(found) != wanted:
                raise InputError(f"expected {wanted} of {label} for {count} frames in {self.key}, got {len(found)}")
            for layer in found:
                _require_size(self.key, size, {label: layer}, "first frame")
        camera = np.broadcast_to(np.uint8(0), (self.camera.height, self.camera.width))
        _require_size(self.key, size, {"camera": camera}, "first frame")
        poses = self.first_from_frame
        if poses is not None and len(poses) != count:
            raise InputError(f"expected a pose of each of {count} frames in {self.key}, got {len(poses)}")
        if bool(self.rights) != (self.baseline_m is not None):
            raise InputError(
                f"expected right views and their baseline, or neither, for {self.key}, got one of them; leave both out"
            )


@dataclass(frozen=True, eq=False)
class OrdinalSample:
    """One image with pairs of points of which it is known which is farther.

    Args:
        key: The sample's name within its source.
        image: RGB.
        first: Columns and rows (x, y) of the first points.
        second: Columns and rows of the second points.
        relation: sign(Z_first - Z_second): 1 where the first is farther, -1 where it is nearer, 0 where both are alike.
        annotation: Always ordinal: nothing else is known of the depth.
    """

    key: str
    image: UInt8[np.ndarray, "h w 3"]
    first: Int32[np.ndarray, "n 2"]
    second: Int32[np.ndarray, "n 2"]
    relation: Int8[np.ndarray, "n"]
    annotation: Literal["ordinal"] = "ordinal"


def _require_size(
    key: str, size: tuple[int, ...], layers: dict[str, np.ndarray | None], image: str = "left image"
) -> None:
    for label, layer in layers.items():
        if layer is not None and layer.shape[:2] != size:
            raise InputError(
                f"expected a {label} of the {image}'s (height, width) {size} for {key}, got {layer.shape[:2]}; "
                "scale the scene's files together"
            )
